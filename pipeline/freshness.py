"""Freshness: every latency, staleness and stage time that is shown, computed from the ledger.

Definitions (wall clock, seconds, unless a name says airline):
- latency of an event in an arm: searchable_at - recorded_at;
- staleness of an arm at time t: age of the oldest recorded event that is not yet searchable in
  that arm, 0 when all are.

Pure reading: nothing is sampled on the way and nothing is estimated.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Select, and_, func, select

from pipeline import schema
from pipeline.clock import ClockState, from_rfc3339
from pipeline.schema import Arm, Database

Floats = npt.NDArray[np.float64]
RECENT = 500  # events over which a latency percentile is taken


def pending(database: Database, arm: Arm) -> dict[str, Any]:
    """{count, recorded_at (wall, oldest), occurred_at (airline, oldest)} of what the arm lacks."""
    outbox, progress = schema.outbox.c, schema.progress.c
    query = (
        select(
            func.count().label("count"),
            func.min(outbox.recorded_at).label("recorded_at"),
            func.min(outbox.occurred_at).label("occurred_at"),
        )
        .select_from(_with_progress(arm))
        .where(progress.sequence.is_(None))
    )
    return database.rows(query)[0]


def staleness(database: Database, arm: Arm, now: float | None = None) -> float:
    """Staleness of an arm now, wall seconds."""
    oldest = pending(database, arm)["recorded_at"]
    return 0.0 if oldest is None else max(0.0, (now or time.time()) - oldest)


def staleness_airline(database: Database, arm: Arm, clock: ClockState) -> float:
    """Staleness of an arm now, airline seconds."""
    oldest = pending(database, arm)["occurred_at"]
    if oldest is None:
        return 0.0
    return max(0.0, (clock.now() - from_rfc3339(oldest)).total_seconds())


def latencies_ms(database: Database, arm: Arm, recent: int = RECENT) -> Floats:
    """Latencies of the newest `recent` searchable events of an arm, milliseconds."""
    outbox, progress = schema.outbox.c, schema.progress.c
    query = (
        select(outbox.recorded_at, progress.searchable_at)
        .select_from(_with_progress(arm))
        .where(progress.outcome == "searchable")
        .order_by(outbox.sequence.desc())
        .limit(recent)
    )
    rows = database.rows(query)
    return np.array([(row["searchable_at"] - row["recorded_at"]) * 1000 for row in rows])


def percentiles(values: Floats) -> dict[str, float | None]:
    """{p50, p95, p99} of `values`; None where there are none."""
    names = ("p50", "p95", "p99")
    if not len(values):
        return dict.fromkeys(names)
    found = np.percentile(values, [50, 95, 99])
    return {name: round(float(value), 1) for name, value in zip(names, found, strict=True)}


def history(database: Database, arm: Arm, at: Sequence[float]) -> Floats:
    """Staleness of an arm at each of the wall times `at`, seconds; shape (len(at),)."""
    outbox, progress = schema.outbox.c, schema.progress.c
    query = (
        select(outbox.recorded_at, progress.searchable_at)
        .select_from(_with_progress(arm))
        .where((progress.searchable_at.is_(None)) | (progress.searchable_at > min(at)))
        .where(outbox.recorded_at <= max(at))
    )
    rows = database.rows(query)
    recorded = np.array([row["recorded_at"] for row in rows])
    searchable = np.array([row["searchable_at"] or np.inf for row in rows])
    return staleness_at(recorded, searchable, np.asarray(at, dtype=np.float64))


def staleness_at(recorded: Floats, searchable: Floats, at: Floats) -> Floats:
    """Staleness at times `at` (T,) from events' recorded and searchable times (N,), seconds."""
    if not len(recorded):
        return np.zeros(len(at))
    waiting = (recorded <= at[:, None]) & (searchable > at[:, None])  # (T, N)
    oldest = np.where(waiting, recorded, np.inf).min(axis=1)
    return np.where(np.isfinite(oldest), at - oldest, 0.0)


def journey(database: Database, sequence: int) -> dict[str, Any] | None:
    """One event's way: {"event": outbox row, "stream": progress | None, "batch": progress | None}.

    Stage times are wall clock, seconds since the epoch, null for what has not happened yet.
    """
    found = database.rows(select(schema.outbox).where(schema.outbox.c.sequence == sequence))
    if not found:
        return None
    progress = schema.progress
    arms = {
        row["arm"]: row
        for row in database.rows(select(progress).where(progress.c.sequence == sequence))
    }
    return {"event": found[0], "stream": arms.get("stream"), "batch": arms.get("batch")}


def feed(database: Database, limit: int = 20) -> list[dict[str, Any]]:
    """The newest events, newest first: sequence, type, subject, customer_id, times."""
    outbox = schema.outbox.c
    columns = (
        outbox.sequence,
        outbox.event_id,
        outbox.type,
        outbox.subject,
        outbox.customer_id,
        outbox.occurred_at,
        outbox.recorded_at,
    )
    query: Select[Any] = select(*columns).order_by(outbox.sequence.desc()).limit(limit)
    return database.rows(query)


def _with_progress(arm: Arm) -> Any:
    outbox, progress = schema.outbox, schema.progress
    condition = and_(progress.c.sequence == outbox.c.sequence, progress.c.arm == arm)
    return outbox.outerjoin(progress, condition)
