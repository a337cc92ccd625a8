"""The past: what was true at a wall time, and which version of its table each arm then searched.

`moment` says how far the record and both arms had come; `record_at` is the record as it stood for
one customer, put together from the world as loaded and the after-images of the outbox. The context
stores keep their own past: `ContextStore.at(version)`.
Not here: the airline clock's arithmetic (`clock`), and figures of the present (`freshness`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, or_, select
from sqlalchemy.engine import Connection

from pipeline import freshness, ledger, schema
from pipeline.batch.journal import taken
from pipeline.batch.timetable import SYSTEMS
from pipeline.clock import ClockState, from_rfc3339
from pipeline.control import clocks
from pipeline.documents import flight_entity
from pipeline.images import ENTITY_KEYS, Image, Row
from pipeline.schema import ARMS, Arm, Database

Tables = dict[str, dict[tuple[Any, ...], Row]]
"""Table name -> primary key -> row."""

_MOST_EVENTS = 500
_PARTS = ("segments", "passengers")
_OF_BOOKINGS = (*_PARTS, "bags")
_OF_CUSTOMERS = ("customers", "bookings", "interactions", "payments")
_CONTROLS = ("clock", "world", "epoch", "batch_interval_h")


@dataclass(frozen=True)
class Knowledge:
    """What an arm knew at a moment."""

    version: int | None  # of its context table; None: not noted
    as_of: datetime  # airline time up to which it knew everything
    waiting: int  # events on record that it had not heard of
    staleness_s: float  # wall seconds, age of the oldest of them
    latency_s: float | None  # wall seconds that the newest event it had took; None: it had none


@dataclass(frozen=True)
class Moment:
    """A wall time of this world, and how far the record and both arms were."""

    wall: float
    clock: ClockState  # anchored here: its `now()` has gone on since
    sequence: int  # of the newest event on record; 0: none yet
    arms: Mapping[Arm, Knowledge]

    @property
    def airline(self) -> datetime:
        """Airline time then (UTC)."""
        return self.clock.anchor_airline


def began_at(database: Database) -> float:
    """Wall time at which this world began: its load, or the last reset."""
    return float(database.get("began_at"))


def moment(database: Database, wall: float) -> Moment:
    """How far everything was at a wall time, which is at or after `began_at`."""
    outbox = schema.outbox.c
    recorded = outbox.recorded_at <= wall
    newest = select(func.coalesce(func.max(outbox.sequence), 0).label("sequence")).where(recorded)
    clock = clock_at(clocks(database), wall)
    return Moment(
        wall=wall,
        clock=clock,
        sequence=int(database.rows(newest)[0]["sequence"]),
        arms={arm: _knowledge(database, arm, wall, clock.anchor_airline) for arm in ARMS},
    )


def clock_at(states: Sequence[ClockState], wall: float) -> ClockState:
    """The clock as it was at a wall time, with that time as its anchor.

    Args:
        states: as `control.clocks` gives them; each holds until the next one's anchor.
    """
    held = [state for state in states if state.anchor_wall <= wall] or states[:1]
    return held[-1].changed(wall=wall)


def _knowledge(database: Database, arm: Arm, wall: float, airline: datetime) -> Knowledge:
    waiting = freshness.pending(database, arm, wall)
    oldest = waiting["occurred_at"]
    if arm == "batch":
        as_of = _batch_as_of(database, wall)
    else:
        as_of = min(airline, from_rfc3339(oldest)) if oldest else airline
    return Knowledge(
        version=ledger.version_at(database, arm, wall),
        as_of=as_of,
        waiting=int(waiting["count"]),
        staleness_s=wall - waiting["recorded_at"] if oldest else 0.0,
        latency_s=_latency(database, arm, wall),
    )


def _latency(database: Database, arm: Arm, wall: float) -> float | None:
    outbox, progress = schema.outbox.c, schema.progress.c
    query = (
        select((progress.searchable_at - outbox.recorded_at).label("latency"))
        .join(schema.outbox, outbox.sequence == progress.sequence)
        .where(progress.arm == arm, progress.searchable_at <= wall)
        .order_by(progress.searchable_at.desc(), progress.sequence.desc())
    )
    found = database.rows(query.limit(1))
    return found[0]["latency"] if found else None


def _batch_as_of(database: Database, wall: float) -> datetime:
    with database.read() as connection:
        known = taken(connection, wall)
        began = schema.get_control(connection, "world")["starts_at"]
    return from_rfc3339(min(known.get(source, began) for source in SYSTEMS))


def events_of(database: Database, customer_id: str) -> list[Row]:
    """Everything that concerns a customer, oldest first; rows as `freshness.feed` gives them.

    That is what names the customer, and what happened to the flights that they are or were on.
    """
    outbox, bookings, segments = schema.outbox.c, schema.bookings.c, schema.segments.c
    booked = (
        select(segments.flight_number, segments.date)
        .join(schema.bookings, bookings.locator == segments.locator)
        .where(bookings.customer_id == customer_id)
    )
    rebooked = select(outbox.before).where(
        outbox.customer_id == customer_id, outbox.type == "booking.rebooked"
    )
    parts = database.rows(booked)
    for row in database.rows(rebooked):
        parts += [part for one in row["before"] for part in one["row"]["segments"]]
    concerns = or_(
        outbox.customer_id == customer_id,
        outbox.subject == f"customer/{customer_id}",
        outbox.subject.in_({flight_entity(part) for part in parts}),
    )
    return freshness.feed(database, _MOST_EVENTS, where=concerns)[::-1]


def record_at(database: Database, then: Moment, customer_id: str) -> Database:
    """The record as it stood at a moment, in memory, as far as it concerns one customer.

    It has all flights and policies, what is the customer's own, the events that made it so, and
    which of them each arm had by then. Aggregates have no past and are not in it.
    """
    outbox, progress = schema.outbox, schema.progress
    own = or_(
        outbox.c.type.startswith("flight."),
        outbox.c.type.startswith("policy."),
        outbox.c.subject == f"customer/{customer_id}",
        outbox.c.customer_id == customer_id,
    )
    events = select(outbox).where(own).where(outbox.c.sequence <= then.sequence)
    known = select(progress).where(progress.c.searchable_at <= then.wall)
    with database.read() as connection:
        loaded = {row.table_name: row.rows for row in connection.execute(select(schema.baseline))}
        log = _rows(connection, events.order_by(outbox.c.sequence))
        heard = _rows(connection, known)
        controls = {name: schema.get_control(connection, name) for name in _CONTROLS}
    of_world = _of_customer(_replayed(loaded, log), customer_id)
    past = schema.in_memory()
    with past.write() as connection:
        for name, rows in of_world.items():
            _insert(connection, name, rows)
        _insert(connection, "outbox", log)
        _insert(connection, "progress", heard)
        for name, value in controls.items():
            schema.put_control(connection, name, value)
    return past


def _rows(connection: Connection, query: Any) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _insert(connection: Connection, name: str, rows: Iterable[Row]) -> None:
    wanted = list(rows)
    if wanted:
        connection.execute(insert(schema.metadata.tables[name]), wanted)


def _replayed(loaded: Mapping[str, Sequence[Row]], log: Sequence[Row]) -> Tables:
    """The world as loaded with the after-images of the log put over it, in order."""
    tables = {name: {_key(name, row): dict(row) for row in rows} for name, rows in loaded.items()}
    for event in log:
        for image in event["after"]:
            _put(tables, image)
    return tables


def _put(tables: Tables, image: Image) -> None:
    table, row = ENTITY_KEYS[image["kind"]][0], image["row"]
    values = {column.name: row[column.name] for column in table.c if column.name in row}
    key = _key(table.name, values)
    tables[table.name][key] = tables[table.name].get(key, {}) | values
    for part in _PARTS if image["kind"] == "booking" else ():
        locator = values["locator"]
        others = {at: one for at, one in tables[part].items() if one["locator"] != locator}
        new = [{"locator": locator, **one} for one in row[part]]
        tables[part] = others | {_key(part, one): one for one in new}


def _key(name: str, row: Row) -> tuple[Any, ...]:
    return tuple(row[column.name] for column in schema.metadata.tables[name].primary_key)


def _of_customer(tables: Tables, customer_id: str) -> dict[str, list[Row]]:
    own = [row for row in tables["bookings"].values() if row["customer_id"] == customer_id]
    locators = {row["locator"] for row in own}
    found = {name: list(rows.values()) for name, rows in tables.items()}
    for name in _OF_CUSTOMERS:
        found[name] = [row for row in found[name] if row["customer_id"] == customer_id]
    for name in _OF_BOOKINGS:
        found[name] = [row for row in found[name] if row["locator"] in locators]
    return found
