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
from sqlalchemy import ColumnElement, Select, Text, and_, cast, func, or_, select

from pipeline import schema
from pipeline.batch import journal
from pipeline.clock import ClockState, from_rfc3339
from pipeline.schema import Arm, Database

Floats = npt.NDArray[np.float64]
RECENT = 500  # events over which a latency percentile is taken
_ID_FROM = 8  # signs of an event's id that find it
STREAM_STAGES = ("consumed_at", "validated_at", "embedded_at", "searchable_at")


def pending(database: Database, arm: Arm, at: float | None = None) -> dict[str, Any]:
    """{count, recorded_at (wall, oldest), occurred_at (airline, oldest)} of what the arm lacks.

    Args:
        at: what it lacked at this wall time; None: now.
    """
    outbox, progress = schema.outbox.c, schema.progress.c
    lacking: ColumnElement[bool] = progress.sequence.is_(None)
    if at is not None:
        lacking = and_(or_(lacking, progress.searchable_at > at), outbox.recorded_at <= at)
    query = (
        select(
            func.count().label("count"),
            func.min(outbox.recorded_at).label("recorded_at"),
            func.min(outbox.occurred_at).label("occurred_at"),
        )
        .select_from(_with_progress(arm))
        .where(lacking)
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


def stages_ms(database: Database, recent: int = RECENT) -> dict[str, Floats]:
    """What each stage of the stream took for the newest `recent` searchable events, milliseconds.

    Keys are STREAM_STAGES, the stage that ends at that time; each array is (events,), newest first.
    An event's stages add up to its latency. Percentiles of stages do not add up to its percentile.
    """
    outbox, progress = schema.outbox.c, schema.progress.c
    query = (
        select(outbox.recorded_at, *(progress[name] for name in STREAM_STAGES))
        .select_from(_with_progress("stream"))
        .where(progress.outcome == "searchable")
        .order_by(outbox.sequence.desc())
        .limit(recent)
    )
    rows = database.rows(query)
    names = ("recorded_at", *STREAM_STAGES)
    times = np.array([[row[name] for name in names] for row in rows], dtype=np.float64)
    took = np.diff(times.reshape(-1, len(names)), axis=1) * 1000  # (events, stages)
    return {name: took[:, place] for place, name in enumerate(STREAM_STAGES)}


def percentiles(values: Floats) -> dict[str, float | None]:
    """{p50, p95, p99} of `values`; None where there are none."""
    names = ("p50", "p95", "p99")
    if not len(values):
        return dict.fromkeys(names)
    found = np.percentile(values, [50, 95, 99])
    return {name: round(float(value), 1) for name, value in zip(names, found, strict=True)}


def history(database: Database, arm: Arm, at: Sequence[float]) -> Floats:
    """Staleness of an arm at each of the wall times `at`, seconds; shape (len(at),)."""
    recorded, searchable = _open_between(database, arm, min(at), max(at))
    return staleness_at(recorded, searchable, np.asarray(at, dtype=np.float64))


def backlog(database: Database, arm: Arm, at: Sequence[float]) -> Floats:
    """Events recorded and not yet searchable in an arm, at each of the wall times `at`; (len(at),).

    It is the consumer lag, counted from the ledger and not from the broker's offsets: an offset is
    committed some milliseconds after its event can be found, and a batch has none.
    """
    recorded, searchable = _open_between(database, arm, min(at), max(at))
    return backlog_at(recorded, searchable, np.asarray(at, dtype=np.float64))


def throughput(database: Database, edges: Sequence[float]) -> dict[str, Floats]:
    """Events a second between the wall times `edges`: {"recorded", "stream", "batch"}; (len - 1,).

    "recorded" counts what entered the outbox, an arm's name what became searchable in it.
    """
    progress = schema.progress.c
    found = {"recorded": _between(database, schema.outbox.c.recorded_at, None, edges)}
    for arm in schema.ARMS:
        found[arm] = _between(database, progress.searchable_at, progress.arm == arm, edges)
    widths = np.diff(np.asarray(edges, dtype=np.float64))
    return {name: np.histogram(times, edges)[0] / widths for name, times in found.items()}


def _between(database: Database, column: Any, condition: Any, edges: Sequence[float]) -> Floats:
    query = select(column.label("at")).where(column >= min(edges)).where(column < max(edges))
    if condition is not None:
        query = query.where(condition)
    return np.array([row["at"] for row in database.rows(query)], dtype=np.float64)


def _open_between(database: Database, arm: Arm, start: float, end: float) -> tuple[Floats, Floats]:
    """(recorded, searchable) wall times, (N,) each, of events the arm lacked in that time."""
    outbox, progress = schema.outbox.c, schema.progress.c
    query = (
        select(outbox.recorded_at, progress.searchable_at)
        .select_from(_with_progress(arm))
        .where((progress.searchable_at.is_(None)) | (progress.searchable_at > start))
        .where(outbox.recorded_at <= end)
    )
    rows = database.rows(query)
    recorded = np.array([row["recorded_at"] for row in rows], dtype=np.float64)
    searchable = np.array([row["searchable_at"] or np.inf for row in rows], dtype=np.float64)
    return recorded, searchable


def staleness_at(recorded: Floats, searchable: Floats, at: Floats) -> Floats:
    """Staleness at times `at` (T,) from events' recorded and searchable times (N,), seconds."""
    if not len(recorded):
        return np.zeros(len(at))
    waiting = (recorded <= at[:, None]) & (searchable > at[:, None])  # (T, N)
    oldest = np.where(waiting, recorded, np.inf).min(axis=1)
    return np.where(np.isfinite(oldest), at - oldest, 0.0)


def backlog_at(recorded: Floats, searchable: Floats, at: Floats) -> Floats:
    """Events waiting at times `at` (T,) from events' recorded and searchable times (N,)."""
    came = np.searchsorted(np.sort(recorded), at, side="right")
    went = np.searchsorted(np.sort(searchable), at, side="right")
    return (came - went).astype(np.float64)


def last_batch(database: Database) -> dict[str, Any] | None:
    """Where the time of the last batch run's events went: {run_id, events, waited_s, ran_s}.

    `waited_s` is the median wait, wall seconds, from the record to the start of the run; `ran_s`
    the run itself, until its events were searchable. None before the first run that took any.
    """
    runs, outbox, progress = schema.batch_runs.c, schema.outbox.c, schema.progress.c
    query = (
        select(runs.run_id, runs.started_at, runs.searchable_at)
        .where(
            runs.searchable_at.in_(select(progress.searchable_at).where(progress.arm == "batch"))
        )
        .order_by(runs.run_id.desc())
        .limit(1)
    )
    for run in database.rows(query):
        taken = (
            select(outbox.recorded_at)
            .select_from(_with_progress("batch"))
            .where(progress.searchable_at == run["searchable_at"])
        )
        recorded = np.array([row["recorded_at"] for row in database.rows(taken)])
        return {
            "run_id": run["run_id"],
            "events": len(recorded),
            "waited_s": max(0.0, float(np.median(run["started_at"] - recorded))),
            "ran_s": run["searchable_at"] - run["started_at"],
        }
    return None


def met(staleness: Floats, objective_s: float) -> float | None:
    """Share (0 to 1) of those moments at which an arm met a freshness objective; None of none."""
    return float(np.mean(staleness <= objective_s)) if len(staleness) else None


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


def run_of(database: Database, journey: dict[str, Any]) -> dict[str, Any] | None:
    """The batch run that brought an event, or the one under way that took it; None: neither."""
    runs = schema.batch_runs
    query = select(runs).where(runs.c.error.is_(None)).order_by(runs.c.run_id)
    if journey["batch"]:
        query = query.where(runs.c.searchable_at >= journey["batch"]["searchable_at"]).limit(1)
    else:
        recorded = journey["event"]["recorded_at"]
        query = query.where(runs.c.searchable_at.is_(None)).where(runs.c.started_at >= recorded)
    source = journey["event"]["source"]
    return next((run for run in database.rows(query) if journal.takes(run, source)), None)


def dead_letters(database: Database, sequence: int) -> dict[str, dict[str, Any]]:
    """Arm -> its dead letter of an event: reason, body (bytes, verbatim), found_at (wall)."""
    letters = schema.dead_letters
    return {
        row["arm"]: row
        for row in database.rows(select(letters).where(letters.c.sequence == sequence))
    }


def sequence_of(database: Database, event_id: str) -> int | None:
    """Outbox sequence of an event by its id; None where the record has none of that id."""
    outbox = schema.outbox.c
    found = database.rows(select(outbox.sequence).where(outbox.event_id == event_id))
    return found[0]["sequence"] if found else None


def feed(
    database: Database,
    limit: int = 20,
    search: str = "",
    where: ColumnElement[bool] | None = None,
) -> list[dict[str, Any]]:
    """The newest events, newest first, each with what has become of it in both arms.

    Args:
        search: words that all have to be in the event's type, subject or payload, in the name of
            its customer, be the customer's id, or begin the event's id (eight signs and more: a
            name as short as "Ada" is in one random id of a hundred). Upper and lower case of a to
            z are one.
        where: a condition on the outbox that they have to meet as well.

    Returns:
        rows of sequence, event_id, source, type, subject, customer_id, name (the customer's),
        occurred_at, recorded_at, and for each arm `<arm>_outcome` and `<arm>_at` (searchable,
        wall), null while it is on its way.
    """
    outbox, customers = schema.outbox.c, schema.customers.c
    arms = {arm: schema.progress.alias(arm) for arm in schema.ARMS}
    joined: Any = schema.outbox.outerjoin(
        schema.customers, customers.customer_id == outbox.customer_id
    )
    for arm, progress in arms.items():
        same = and_(progress.c.sequence == outbox.sequence, progress.c.arm == arm)
        joined = joined.outerjoin(progress, same)
    query: Select[Any] = select(
        outbox.sequence,
        outbox.event_id,
        outbox.source,
        outbox.type,
        outbox.subject,
        outbox.customer_id,
        customers.name,
        outbox.occurred_at,
        outbox.recorded_at,
        *(progress.c.outcome.label(f"{arm}_outcome") for arm, progress in arms.items()),
        *(progress.c.searchable_at.label(f"{arm}_at") for arm, progress in arms.items()),
    )
    postgresql = database.url.startswith("postgresql")
    payload = func.encode(outbox.body, "escape") if postgresql else cast(outbox.body, Text)
    payload = func.replace(payload, outbox.event_id, "")  # the event's id is in its JSON as well
    for word in search.split():
        fields = (outbox.type, outbox.subject, payload, customers.name)
        found = [field.icontains(word, autoescape=True) for field in fields]
        found.append(outbox.customer_id == word.upper())
        if len(word) >= _ID_FROM:
            found.append(outbox.event_id.istartswith(word, autoescape=True))
        query = query.where(or_(*found))
    if where is not None:
        query = query.where(where)
    query = query.select_from(joined).order_by(outbox.sequence.desc()).limit(limit)
    return database.rows(query)


def _with_progress(arm: Arm) -> Any:
    outbox, progress = schema.outbox, schema.progress
    condition = and_(progress.c.sequence == outbox.c.sequence, progress.c.arm == arm)
    return outbox.outerjoin(progress, condition)
