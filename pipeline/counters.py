"""Counters: how many events, rows and documents have passed each edge of the two pipelines.

Counted from what the steps themselves have written (outbox, ledger, journal of the batch runs),
since the last reset. Not here: when something passed (`freshness`).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import Select, func, select

from pipeline import schema
from pipeline.ledger import DEAD_LETTER, SEARCHABLE, UNCHANGED
from pipeline.schema import Arm, Database

Counts = dict[str, int]


def read(database: Database) -> dict[str, Counts]:
    """{"log": {recorded, published}, "stream": …, "batch": …}.

    "stream": {consumed, searchable, unchanged, dead_letter}. "batch": {taken, searchable,
    unchanged, dead_letter} and, summed over its runs, {runs, failed, bronze, silver, gold}: rows
    dumped, rows that met the contract, rows of entities that changed; `at_risk` is of the last run.
    """
    batch, runs = _arm(database, "batch"), _runs(database)
    stream = _arm(database, "stream")
    return {
        "log": _log(database),
        "stream": {"consumed": stream.total(), **_outcomes(stream)},
        "batch": {"taken": batch.total(), **_outcomes(batch), **runs},
    }


def waiting(database: Database) -> dict[str, int]:
    """Entities that changed since the batch last looked, by kind of event: {"flight": 12, …}.

    Of everything else Benighted still knows the truth.
    """
    outbox, progress = schema.outbox, schema.progress
    taken = select(progress.c.sequence).where(progress.c.arm == "batch")
    query = (
        select(outbox.c.type, outbox.c.subject)
        .where(outbox.c.sequence.not_in(taken))
        .where(outbox.c.type != "raw")
        .distinct()
    )
    found = {(row["type"].split(".", 1)[0], row["subject"]) for row in database.rows(query)}
    return dict(Counter(kind for kind, _ in found).most_common())


def _log(database: Database) -> Counts:
    outbox = schema.outbox.c
    query: Select[Any, Any] = select(
        func.count(outbox.sequence).label("recorded"),
        func.count(outbox.published_at).label("published"),
    )
    [row] = database.rows(query)
    return {name: int(value) for name, value in row.items()}


def _arm(database: Database, arm: Arm) -> Counter[str]:
    progress = schema.progress.c
    query = (
        select(progress.outcome, func.count().label("number"))
        .where(progress.arm == arm)
        .group_by(progress.outcome)
    )
    return Counter({row["outcome"]: row["number"] for row in database.rows(query)})


def _outcomes(counted: Counter[str]) -> Counts:
    return {name: counted[name] for name in (SEARCHABLE, UNCHANGED, DEAD_LETTER)}


def _runs(database: Database) -> Counts:
    runs = schema.batch_runs.c
    rows = database.rows(select(runs.counts, runs.searchable_at, runs.error).order_by(runs.run_id))
    ended: list[dict[str, Any]] = [row["counts"] for row in rows if row["searchable_at"]]
    bronze = sum(one.get("extracted", 0) for one in ended)
    return {
        "runs": len(ended),
        "failed": sum(row["error"] is not None for row in rows),
        "bronze": bronze,
        "silver": bronze - sum(one.get("rejected", 0) for one in ended),
        "gold": sum(one.get("documents", 0) for one in ended),
        "at_risk": ended[-1].get("at_risk", 0) if ended else 0,
    }
