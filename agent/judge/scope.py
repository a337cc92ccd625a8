"""What an answer to a customer may be speaking of: their own entities, and flights that are named.

One read of the record. A flight that the customer was once booked on counts as theirs too, so that
an answer about it can be found to be out of date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Column, Table, func, select
from sqlalchemy.engine import Connection

from agent import mentions
from agent.judge.history import Change, History, State
from pipeline import schema
from pipeline.clock import from_rfc3339
from pipeline.images import Row, image
from pipeline.schema import get_control

_OVER = timedelta(hours=6)  # as in `knowledge`: when "my flight" no longer means a flight


@dataclass
class Scope:
    """Rows of the record by key. `now` is airline time, `zone` the airline's."""

    now: datetime
    zone: ZoneInfo
    customer: Row | None
    bookings: dict[str, Row]
    bags: dict[str, Row]
    interactions: list[Row]  # inbound, newest first
    payments: list[Row]  # newest first
    policies: list[Row]
    flights: dict[str, Row] = field(default_factory=dict)  # EA204/2013-02-08 -> row
    former: dict[str, tuple[str, Change]] = field(default_factory=dict)
    """Flight that the customer is no longer on -> (locator, the event that took them off it)."""

    @property
    def active(self) -> list[Row]:
        """Bookings that stand."""
        return [row for row in self.bookings.values() if row["status"] != "cancelled"]

    @property
    def own_flights(self) -> list[str]:
        """Keys of the flights of bookings that stand, in the order in which they leave."""
        keys = {_flight_key(part) for row in self.active for part in row["segments"]}
        return sorted((key for key in keys if key in self.flights), key=self._leaves)

    @property
    def carriers(self) -> set[str]:
        """Two-letter codes of the flights in scope, and their numbers."""
        return {key[:2] for key in self.flights} | {key.split("/")[0] for key in self.flights}

    def told_at(self) -> set[int]:
        """Minutes of the airline's day at which the record was told something, and of now."""
        told = [row["occurred_at"] for row in (*self.interactions, *self.payments)]
        told += [row["changed_at"] for row in (*self.bookings.values(), *self.bags.values())]
        told += [row["status_changed_at"] for row in self.flights.values()]
        told += [row["gate_changed_at"] for row in self.flights.values() if row["gate_changed_at"]]
        moments = [self.now, *map(from_rfc3339, filter(None, told))]  # of a row as loaded: empty
        at = [one.astimezone(self.zone) for one in moments]
        return {one.hour * 60 + one.minute for one in at}

    def next_flights(self) -> list[str]:
        """The flight that "my flight" means, in a list: the next one, else the last one."""
        own = self.own_flights
        ahead = [key for key in own if not self._is_over(key)]
        return ahead[:1] or own[-1:]

    def numbered(self, number: str) -> list[str]:
        """Flights of a number: the customer's own, then those they were on, else any in scope."""
        own = [key for key in self.own_flights if key.startswith(f"{number}/")]
        once = [key for key in self.former if key.startswith(f"{number}/")]
        return own or once or [key for key in self.flights if key.startswith(f"{number}/")]

    def _leaves(self, key: str) -> str:
        return str(self.flights[key]["departure"])

    def _is_over(self, key: str) -> bool:
        row = self.flights[key]
        gone = from_rfc3339(row["departure"]) + _OVER < self.now
        return bool(gone or row["status"] == "landed")


def read(
    connection: Connection,
    history: History,
    customer_id: str,
    texts: Iterable[str],
    now: datetime,
) -> Scope:
    """The scope of an answer.

    Args:
        texts: question and answer: flights they name come into scope, of the days around `now`.
    """
    scope = Scope(
        now=now,
        zone=ZoneInfo(get_control(connection, "world", {}).get("zone", "UTC")),
        customer=image(connection, "customer", customer_id),
        bookings=_owned(connection, schema.bookings.c.locator, "booking", customer_id),
        bags=_bags(connection, customer_id),
        interactions=_newest(connection, schema.interactions, customer_id),
        payments=_newest(connection, schema.payments, customer_id),
        policies=[dict(row) for row in connection.execute(select(schema.policies)).mappings()],
    )
    scope.interactions = [row for row in scope.interactions if row["direction"] == "inbound"]
    _add_flights(connection, scope, _booked(scope.bookings.values()))
    _add_former(connection, history, scope)
    texts = list(texts)
    _add_flights(connection, scope, _named(connection, texts, now))
    if not scope.own_flights and texts:
        _add_flights(connection, scope, _going_to(connection, texts[0], now))
    return scope


def _flight_key(part: Row) -> str:
    return f"{part['flight_number']}/{part['date']}"


def _owned(connection: Connection, key: Column[str], kind: str, customer_id: str) -> dict[str, Row]:
    query = select(key).where(key.table.c.customer_id == customer_id)
    return {
        one: row
        for one in connection.execute(query).scalars().all()
        if (row := image(connection, kind, one))
    }


def _bags(connection: Connection, customer_id: str) -> dict[str, Row]:
    bags, bookings = schema.bags, schema.bookings
    query = (
        select(bags.c.tag)
        .join(bookings, bookings.c.locator == bags.c.locator)
        .where(bookings.c.customer_id == customer_id)
    )
    return {
        tag: row
        for tag in connection.execute(query).scalars().all()
        if (row := image(connection, "bag", tag))
    }


def _newest(connection: Connection, table: Table, customer_id: str) -> list[Row]:
    query = (
        select(table).where(table.c.customer_id == customer_id).order_by(table.c.occurred_at.desc())
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _booked(bookings: Iterable[Row]) -> set[str]:
    return {_flight_key(part) for row in bookings for part in row["segments"]}


def _add_flights(connection: Connection, scope: Scope, keys: Iterable[str]) -> None:
    for key in sorted({*keys} - scope.flights.keys()):
        if row := image(connection, "flight", key):
            scope.flights[key] = row


def _add_former(connection: Connection, history: History, scope: Scope) -> None:
    current = _booked(scope.active)
    for locator in scope.bookings:
        past = history.states("booking", locator)
        for before, after in zip(past[:-1], past[1:], strict=True):
            gone = _left(before, after) - current
            if after.by:
                scope.former |= dict.fromkeys(gone, (locator, after.by))
    _add_flights(connection, scope, scope.former)


def _left(before: State, after: State) -> set[str]:
    """Flights that a booking was on in one state and is not on, or not standing, in the next."""
    if before.row["status"] == "cancelled":
        return set()
    still = set() if after.row["status"] == "cancelled" else _booked([after.row])
    return _booked([before.row]) - still


def _going_to(connection: Connection, question: str, now: datetime) -> list[str]:
    """Flights of today and tomorrow to the places that a question names, if they are few."""
    named = mentions.places(question.title())
    if not named:
        return []
    flights = schema.flights.c
    days = [(now + timedelta(days=shift)).date().isoformat() for shift in (0, 1)]
    query = select(flights.destination).where(flights.date.in_(days)).distinct()
    ends = [
        one
        for one in connection.execute(query).scalars().all()
        if any(mentions.names_place(place, one) for place in named)
    ]
    query = select(flights.flight_number, flights.date).where(flights.date.in_(days))
    keys = connection.execute(query.where(flights.destination.in_(ends)).limit(_FEW + 1)).all()
    return [f"{number}/{date}" for number, date in keys] if len(keys) <= _FEW else []


_FEW = 3


_DIGITS = re.compile(r"(?<![\w.:,$€£-])\d{2,4}(?=(?:'s|’s)?(?![\w:-]|[.,]\d))")


def _named(connection: Connection, texts: Iterable[str], now: datetime) -> list[str]:
    numbers = {one.key for text in texts for one in mentions.flights(text)}
    bare = {found for text in texts for found in _DIGITS.findall(text)}
    if not numbers and not bare:
        return []
    flights = schema.flights.c
    days = [(now + timedelta(days=shift)).date().isoformat() for shift in (-1, 0, 1)]
    if bare:
        code = func.substr(flights.flight_number, 1, 2)
        codes = connection.execute(select(code).where(flights.date.in_(days)).distinct())
        numbers |= {f"{code}{digits}" for code in codes.scalars() for digits in bare}
    query = (
        select(flights.flight_number, flights.date)
        .where(flights.flight_number.in_(sorted(numbers)[:50]))
        .where(flights.date.in_(days))
    )
    return [f"{number}/{date}" for number, date in connection.execute(query)]
