"""What reports count, and the table in which both arms keep the counts.

One definition for all: the stream's live aggregates and the truth from the record call `measured`,
the batch's gold tables say the same in SQL (`batch/sql/6_gold_aggregates.sql`) with `is_complaint`.

A *cell* is one number of the table: a measure, the group it counts (a route, a channel, a
currency), and the start of the window it counts in. Windows are five airline minutes; any hour or
local day is a sum of them, whatever the time zone. A flight counts on its operating day, at that
date's 00:00 UTC: an estimate that moves past midnight does not move the flight to another report.
Not here: keeping them live (`aggregates`), and wording answers (`agent/reporting`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from math import fsum
from typing import Any, Literal, NamedTuple

from sqlalchemy import bindparam, delete, func, insert, select
from sqlalchemy.engine import Connection

from pipeline import schema
from pipeline.clock import from_rfc3339, to_rfc3339
from pipeline.images import Image, Row
from pipeline.schema import ARMS, Arm, Database
from pipeline.settings import ROOT

Measure = Literal["flights_cancelled", "flights_delayed", "complaints", "refunds", "refunded"]
KINDS: dict[Measure, str] = {
    "flights_cancelled": "flight",  # by route, such as JFK-ORD
    "flights_delayed": "flight",
    "complaints": "interaction",  # by channel
    "refunds": "payment",  # how many, by currency
    "refunded": "payment",  # how much, by currency
}
"""Measure -> the kind of entity that it counts."""

WINDOW = timedelta(minutes=5)
LATE = timedelta(minutes=15)  # the industry's D15: a flight is delayed from a quarter of an hour on
WATERMARK = "aggregates_watermark"  # control: the live aggregates hold every event up to this one

Totals = dict[str, float]
"""Group -> number."""


class Cell(NamedTuple):
    """The place of one number. `window_start` is RFC 3339, UTC."""

    name: str
    key: str
    window_start: str


# --- pure: what counts ----------------------------------------------------------------------------


def is_complaint(direction: str, text: str) -> bool:
    """Whether a contact is a customer's complaint: inbound, with one of the words of complaint."""
    return direction == "inbound" and not _words_of_complaint().isdisjoint(
        re.findall(r"[a-z]+", text.casefold())
    )


@cache
def _words_of_complaint() -> frozenset[str]:
    # The words by which the agent itself takes a message for a complaint.
    words = tomllib.loads((ROOT / "data" / "agent" / "words.toml").read_text(encoding="utf-8"))
    return frozenset(words["angry"].split())


def measured(kind: str, row: Row) -> list[tuple[Measure, str, float]]:
    """What one entity adds to reports as it stands: [(measure, group, number)]."""
    if kind == "flight":
        route = f"{row['origin']}-{row['destination']}"
        if row["status"] == "cancelled":
            return [("flights_cancelled", route, 1.0)]
        late = from_rfc3339(row["departure"]) - from_rfc3339(row["scheduled_departure"])
        return [("flights_delayed", route, 1.0)] if late >= LATE else []
    if kind == "interaction" and is_complaint(row["direction"], row["text"]):
        return [("complaints", row["channel"], 1.0)]
    if kind == "payment" and row["payment_type"] == "refunded":
        return [("refunds", row["currency"], 1.0), ("refunded", row["currency"], row["amount"])]
    return []


def moment(kind: str, row: Row) -> datetime:
    """The airline time (UTC) at which an entity of a counted kind counts."""
    at = f"{row['date']}T00:00:00Z" if kind == "flight" else row["occurred_at"]
    return from_rfc3339(at)


def window_start(at: datetime) -> datetime:
    """Start (UTC) of the window that holds a moment."""
    return datetime.fromtimestamp(at.timestamp() // _SECONDS * _SECONDS, UTC)


_SECONDS = WINDOW.total_seconds()


def rows_of(images: Iterable[Image]) -> list[Row]:
    """Rows of the table for entities as loaded (version 0)."""
    numbers: dict[Cell, list[float]] = {}
    for image in images:
        kind, row = image["kind"], image["row"]
        for name, key, number in measured(kind, row):
            start = to_rfc3339(window_start(moment(kind, row)))
            numbers.setdefault(Cell(name, key, start), []).append(number)
    return [cell_row(cell, found, version=0) for cell, found in numbers.items()]


def cell_row(cell: Cell, numbers: Iterable[float], version: int) -> Row:
    """A cell as a row of the table; money to the cent."""
    return cell._asdict() | {"value": round(fsum(numbers), 2), "version": version}


# --- the table ------------------------------------------------------------------------------------


def begin(connection: Connection) -> None:
    """Both arms start with the counts of the world as loaded; inside the load's transaction."""
    flights = connection.execute(select(schema.flights)).mappings()
    rows = rows_of({"kind": "flight", "key": "", "row": dict(row)} for row in flights)
    for arm in ARMS:
        replace(connection, arm, rows)


def replace(connection: Connection, arm: Arm, rows: Iterable[Row]) -> None:
    """Put `rows` (name, key, window_start, value, version) in the place of all the arm has."""
    connection.execute(delete(schema.aggregates).where(schema.aggregates.c.arm == arm))
    _insert(connection, arm, rows)


def update(connection: Connection, arm: Arm, rows: Iterable[Row]) -> None:
    """Put `rows` in the place of what the arm has for their cells."""
    rows, columns = list(rows), schema.aggregates.c
    if rows:
        same = [columns[name] == bindparam(f"at_{name}") for name in Cell._fields]
        connection.execute(
            delete(schema.aggregates).where(columns.arm == arm, *same),
            [{f"at_{name}": row[name] for name in Cell._fields} for row in rows],
        )
    _insert(connection, arm, rows)


def _insert(connection: Connection, arm: Arm, rows: Iterable[Row]) -> None:
    new = [{"arm": arm, **row} for row in rows if row["value"]]
    if new:
        connection.execute(insert(schema.aggregates), new)


def totals(database: Database, arm: Arm, name: Measure, start: datetime, end: datetime) -> Totals:
    """What an arm counts of a measure in the windows from `start` up to `end` (excluded)."""
    columns = schema.aggregates.c
    query = (
        select(columns.key, func.sum(columns.value).label("value"))
        .where(columns.arm == arm, columns.name == name)
        .where(columns.window_start >= to_rfc3339(window_start(start)))
        .where(columns.window_start < to_rfc3339(end))
        .group_by(columns.key)
    )
    return {row["key"]: round(row["value"], 2) for row in database.rows(query)}


def recorded(database: Database, name: Measure, start: datetime, end: datetime) -> Totals:
    """The truth: the same windows, counted from the record's own rows as they are now."""
    kind = KINDS[name]
    begins, ends = to_rfc3339(window_start(start)), to_rfc3339(end)
    query: Any
    if kind == "flight":
        days = (begins[:10], to_rfc3339(end - timedelta(milliseconds=1))[:10])
        query = select(schema.flights).where(schema.flights.c.date.between(*days))
    else:
        table = schema.interactions if kind == "interaction" else schema.payments
        at = table.c.occurred_at
        query = select(table).where(at >= begins, at < ends)
    numbers: dict[str, list[float]] = {}
    for row in database.rows(query):
        for measure, key, number in measured(kind, row):
            if measure == name:
                numbers.setdefault(key, []).append(number)
    return {key: round(fsum(found), 2) for key, found in numbers.items()}
