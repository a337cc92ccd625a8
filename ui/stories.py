"""The scripted stories of `data/stories/*.yaml`: what a presenter tells, step by step. Pure.

A script says what is fired and asked, never what is answered: answers and verdicts are the
agents' and the judge's. `expect` is what the story promises; a test plays each one to its end.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.answer import Status
from agent.intents import CONFIRM, wishes_of
from pipeline.schema import Arm
from pipeline.settings import ROOT
from ui import console
from ui.console import Draft, Situated

FOLDER = ROOT / "data" / "stories"


class Step(BaseModel):
    """One press of "Next": something is fired, asked, switched, or the batch runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    say: str = Field(max_length=100)  # one line on a projector
    after: int = Field(0, ge=0)  # minutes that pass on the airline's clock before it
    fire: str | None = None  # key of a button of the console
    leg: int | None = Field(None, ge=1)  # which of the customer's flights, as planned; None: next
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")  # in place of its defaults
    ask: str | None = None
    expect: dict[Arm, Status] = Field(default_factory=dict)
    batch: bool = False  # run it now
    guard: Literal["on", "off"] | None = None

    @model_validator(mode="after")
    def _does_one_thing(self) -> Step:
        done = (self.fire, self.ask, self.guard, self.batch or None)
        if sum(one is not None for one in done) != 1:
            raise ValueError("a step does one of fire, ask, batch, guard")
        if bool(self.expect) != bool(self.ask):
            raise ValueError("expect belongs to ask, and ask needs it")
        return self


class Story(BaseModel):
    """One story. It starts from the world as loaded, the clock standing at `opens`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    customer: str
    about: str
    opens: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    steps: tuple[Step, ...] = Field(min_length=1)

    @property
    def opens_after(self) -> timedelta:
        """Airline time from the first day's midnight to where the clock stands."""
        hours, minutes = map(int, self.opens.split(":"))
        return timedelta(hours=hours, minutes=minutes)

    def asked_by(self, done: int) -> str | None:
        """The last question of the first steps; a yes is none without the question before it."""
        asked = [step.ask for step in self.steps[:done] if step.ask]
        return next((one for one in reversed(asked) if wishes_of(one) != [CONFIRM]), None)


@cache
def stories(folder: Path = FOLDER) -> dict[str, Story]:
    """File name without suffix -> story, by name.

    Raises:
        ValueError: a file is no story; the message names it and the field.
    """
    found = {}
    for file in sorted(folder.glob("*.yaml")):
        try:
            found[file.stem] = Story.model_validate(yaml.safe_load(file.read_text("utf-8")))
        except (ValueError, yaml.YAMLError) as bad:
            raise ValueError(f"{file.name}: {bad}") from bad
    return found


def draft(step: Step, at: Situated) -> Draft:
    """What a step that fires would fire now, for the customer of its story.

    Raises:
        ValueError: the console has no such button.
    """
    button = next((one for one in console.buttons() if one.key == step.fire), None)
    if button is None:
        raise ValueError(f"the console has no button {step.fire!r}")
    if step.leg:
        planned = sorted(at.situation.trips, key=lambda one: str(one.row["scheduled_departure"]))
        at = replace(at, trip=planned[step.leg - 1])
    return console.draft(replace(button, defaults=button.defaults | step.with_), at)
