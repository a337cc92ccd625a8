"""The judge against labelled answers: does it find the verdict that a careful reader gives?"""

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
from pipeline.schema import Database

FLOOR = 0.97  # a little under what is reached
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


def labelled(path: Path = EVAL / "judge.jsonl") -> list[Labelled]:
    """The labelled answers of a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Labelled(**json.loads(line)) for line in lines if line.strip()]


def judge_all(database: Database, now: datetime) -> list[Judged]:
    """Every labelled answer judged against the eval world."""
    judge = Judge(database)
    return [
        Judged(one, judge.judge(one.question, one.answer, one.customer, now)) for one in labelled()
    ]


def run() -> Report:
    """Judge the whole set on a small world of its own."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'record.sqlite'}")
        figures = report(judge_all(database, small_world(database)))
        database.close()
    return figures


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
    wrong = [
        f"  {one['label']} judged {one['verdict']['status']}: {one['question']} -> {one['answer']}"
        for one in figures["mistakes"]
    ]
    return "\n".join([confusion_table(figures), *wrong])
