"""The colleagues of the agent: each is a prompt file, a tool subset and the policies it obeys.

`data/agent/specialists/<name>.toml` and `data/agent/prompts/<name>.md`. All of one airline, and of
both airlines alike, share the rules of `prompts/support.md`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache

from agent.prompts import FOLDER, prompt

TRIAGE = "triage"


@dataclass(frozen=True)
class Specialist:
    """One colleague. `intents` are what the built-in model takes to this one."""

    name: str
    title: str
    does: str
    tools: tuple[str, ...]
    policies: tuple[str, ...]
    intents: tuple[str, ...]

    @property
    def role(self) -> str:
        """What the prompt says of this colleague's own work."""
        return prompt(self.name).template.strip()


@cache
def specialists() -> dict[str, Specialist]:
    """All of them by name, the front desk first."""
    found = {}
    for path in sorted((FOLDER / "specialists").glob("*.toml")):
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
        lists = {name: tuple(fields[name]) for name in ("tools", "policies", "intents")}
        one = Specialist(path.stem, fields["title"], fields["does"], **lists)
        found[one.name] = one
    return {TRIAGE: found.pop(TRIAGE), **found}


def specialist_for(intent: str) -> Specialist:
    """Who deals with an intent; the front desk where nobody does."""
    every = specialists()
    return next((one for one in every.values() if intent in one.intents), every[TRIAGE])
