"""The understanding of messages against labelled ones.

A message is right only if the set of its intents is. `intents-held-out.jsonl` is what is reported:
none of its messages is among the examples that the classifier learns from, and nothing was tuned
on its mistakes. `intents.jsonl` is development material: its messages of one intent
are examples too, so that its figure says what was kept, not what new wordings get.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.evals.confusion import Report, confusion, confusion_table
from agent.intents import names, wishes_of
from agent.prompts import FOLDER

FLOOR = 0.95
DEVELOPMENT_FLOOR = 0.98
HELD_OUT = FOLDER / "eval" / "intents-held-out.jsonl"
DEVELOPMENT = FOLDER / "eval" / "intents.jsonl"


@dataclass(frozen=True)
class Labelled:
    """One message, what was said before it, and the intents that a careful reader finds in it."""

    text: str
    intents: list[str]
    earlier: tuple[str, ...] = ()
    style: str = ""


def labelled(path: Path = HELD_OUT) -> list[Labelled]:
    """The labelled messages of a file."""
    return [Labelled(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def run(path: Path = HELD_OUT) -> Report:
    """Accuracy, the confusion table by first intent, accuracy by style, and the mistakes."""
    read = [(one, wishes_of(one.text, one.earlier)) for one in labelled(path)]
    wrong = [(one, found) for one, found in read if set(found) != set(one.intents)]
    # In the table a message stands with its first intent, so that only whole errors show there.
    report = confusion([(one.intents[0], found[0]) for one, found in read], names())
    return report | {
        "accuracy": round(1 - len(wrong) / len(read), 4),
        "styles": _by_style(read),
        "mistakes": [
            {"text": one.text, "label": one.intents, "found": found} for one, found in wrong
        ],
    }


def passes(figures: Report) -> bool:
    """Whether the accuracy reached is no less than the floor."""
    return bool(figures["accuracy"] >= FLOOR)


def _by_style(read: list[tuple[Labelled, list[str]]]) -> dict[str, float]:
    rights: dict[str, list[bool]] = {}
    for one, found in read:
        rights.setdefault(one.style, []).append(set(found) == set(one.intents))
    return {style: round(sum(right) / len(right), 4) for style, right in rights.items()}


def as_table(figures: Report) -> str:
    """The report for people."""
    styles = [f"  {share:6.1%}  {style}" for style, share in figures["styles"].items()]
    return "\n".join([confusion_table(figures), *styles, *map(_mistake, figures["mistakes"])])


def _mistake(one: dict[str, Any]) -> str:
    return f"  {'+'.join(one['label'])} read as {'+'.join(one['found'])}: {one['text']}"
