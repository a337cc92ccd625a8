"""The eval sets of `data/agent/eval/`, run: a small world, labelled answers, a confusion table.

    python -m agent eval judge [--json]

The world is made by the product's own means (rows, then events through `record.apply`), so that
the judge meets a real record with a real history.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import insert

from agent.answer import Verdict
from agent.judge import Judge
from agent.prompts import FOLDER
from pipeline import record, schema
from pipeline.clock import from_rfc3339, parse_local, to_rfc3339
from pipeline.events import make
from pipeline.schema import Database

EVAL = FOLDER / "eval"
FLOOR = 0.97  # a little under what is reached
STATUSES = ("current", "stale", "missing", "wrong", "none")
_AIRPORT = "JFK"  # events' hours are local to it


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


def small_world(database: Database, *, until: str = "23:59", wall: float | None = None) -> datetime:
    """Fill an empty record with the eval world.

    Args:
        until: the last hour (`HH:MM` in New York) whose events happen.
        wall: wall time (s since the epoch) at which the last event was recorded; default: now.

    Returns:
        the world's airline time now.
    """
    world = json.loads((EVAL / "world.json").read_text(encoding="utf-8"))
    now = from_rfc3339(world["now"])
    recorded_at = time.time() if wall is None else wall
    with database.write() as connection:
        for table, rows in _rows(world).items():
            connection.execute(insert(schema.metadata.tables[table]), rows)
        for hour, event_type, subject, data in world["events"]:
            if hour > until:
                break
            at = parse_local(f"{now:%Y-%m-%d} {hour}", _AIRPORT)
            event = make(event_type, subject, data, at=at, event_id=_uuid(at))
            record.apply(connection, event, recorded_at=recorded_at, airline_now=now)
    return now


def _uuid(at: datetime) -> str:
    return f"00000000-0000-4000-8000-{at:%Y%m%d%H%M}"


def _rows(world: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    changed = {"changed_at": world["loaded_at"]}
    bookings, segments, passengers = [], [], []
    for one in world["bookings"]:
        named = {"locator": one["locator"]}
        fields = {key: one[key] for key in ("locator", "customer_id", "cabin", "insurance")}
        created = {"created_at": world["loaded_at"], "status": "confirmed"}
        bookings.append(fields | created | changed)
        for place, (number, date, seat) in enumerate(one["segments"], start=1):
            flight = {"flight_number": number, "date": date, "seat": seat}
            segments.append(named | {"segment": place} | flight)
        for place, name in enumerate(one["passengers"], start=1):
            passengers.append(named | {"position": place, "name": name})
    return {
        "customers": [row | changed for row in world["customers"]],
        "flights": [_flight(*fields, world["loaded_at"]) for fields in world["flights"]],
        "bookings": bookings,
        "segments": segments,
        "passengers": passengers,
        "bags": [row | changed for row in world["bags"]],
        "policies": [row | changed for row in world["policies"]],
    }


def _flight(*fields: Any) -> dict[str, Any]:
    number, date, origin, destination, leaves, lands, gate, loaded_at = fields
    departure = to_rfc3339(parse_local(leaves, origin))
    arrival = to_rfc3339(parse_local(lands, destination))
    return {
        "flight_number": number,
        "date": date,
        "origin": origin,
        "destination": destination,
        "scheduled_departure": departure,
        "scheduled_arrival": arrival,
        "departure": departure,
        "arrival": arrival,
        "status": "scheduled",
        "gate": gate,
        "status_changed_at": loaded_at,
        "gate_changed_at": loaded_at,
    }


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


def report(judged: list[Judged]) -> dict[str, Any]:
    """Accuracy, the confusion table (label -> verdict -> count) and the answers it got wrong."""
    counts = Counter((one.labelled.verdict, one.verdict.status) for one in judged)
    return {
        "answers": len(judged),
        "accuracy": round(sum(one.right for one in judged) / len(judged), 4),
        "confusion": {
            label: {said: counts[label, cast("Any", said)] for said in STATUSES}
            for label in STATUSES
        },
        "mistakes": [
            {
                "question": one.labelled.question,
                "answer": one.labelled.answer,
                "label": one.labelled.verdict,
                "verdict": one.verdict.model_dump(),
            }
            for one in judged
            if not one.right
        ],
    }


def as_table(figures: dict[str, Any]) -> str:
    """The report for people."""
    head = "label \\ verdict".ljust(16) + "".join(name.rjust(9) for name in STATUSES)
    rows = [
        label.ljust(16) + "".join(str(row[name]).rjust(9) for name in STATUSES)
        for label, row in figures["confusion"].items()
    ]
    wrong = [
        f"  {one['label']} judged {one['verdict']['status']}: {one['question']} -> {one['answer']}"
        for one in figures["mistakes"]
    ]
    total = f"{figures['answers']} answers, accuracy {figures['accuracy']:.1%}"
    return "\n".join([head, *rows, total, *wrong])
