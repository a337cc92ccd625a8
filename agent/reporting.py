"""Reporting questions: the figure an arm would give, and the truth from the record.

The stream arm reads the live aggregates that `pipeline/aggregates.py` keeps, the batch arm the
gold tables of its last run; both are rows of one table, and both are summed here. "Of my flights"
is answered from the customer's own context documents instead: an aggregate knows no customers.
Not here: how a question is understood, and what counts (`pipeline/measures.py`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select

from pipeline import measures, schema
from pipeline.clock import from_rfc3339
from pipeline.documents import Document
from pipeline.freshness import pending
from pipeline.measures import WINDOW, Measure, Totals, window_start
from pipeline.schema import Arm, Database

Kind = Literal["cancelled_flights", "complaints", "delays_by_route", "refunds"]
SOURCES: dict[Arm, str] = {"stream": "live aggregates", "batch": "the gold tables"}
OWN = "your own bookings"

Values = tuple[tuple[str, float], ...]
"""((label, number), …): the answer's figures in the order in which it says them."""


@dataclass(frozen=True)
class Slots:
    """What a question names. `day` None is today; `hours` are the last ones; `top` routes.

    With `customer_id` only that customer's flights are counted; `documents` are then all of the
    customer's context documents and those of the flights, as the arm has them.
    """

    day: date | None = None
    hours: int = 1
    top: int = 3
    customer_id: str | None = None
    documents: Sequence[Document] = ()


@dataclass(frozen=True)
class ReportAnswer:
    """A figure with where it comes from. `as_of` is airline time in the home zone."""

    kind: Kind
    values: Values
    window: str  # in words: "today", "13:05 to 14:07"
    source: str
    as_of: datetime
    sentence: str


class Read(Protocol):
    """A source of totals: an arm's rows, or the record."""

    def __call__(self, name: Measure, start: datetime, end: datetime, /) -> Totals: ...


def report(
    database: Database, arm: Arm, question_kind: Kind, slots: Slots, now: datetime
) -> ReportAnswer:
    """What an arm knows.

    Args:
        now: airline time. The batch's "last hour" ends where its knowledge ends, and says so;
            before its first run it has no figures but a customer's own.
    """
    zone = _zone(database)
    now = now.astimezone(zone)
    mine = question_kind == "cancelled_flights" and slots.customer_id is not None
    as_of = _as_of(database, arm, now, from_context=mine)
    if arm == "batch" and not mine and not database.get("batch"):
        return ReportAnswer(question_kind, (), "", SOURCES[arm], as_of, _NO_FIGURES)
    period = _period(question_kind, slots, as_of if question_kind == "complaints" else now, now)
    if mine:
        held = cancelled_of(slots.documents, str(slots.customer_id), slots.day or now.date())
        values: Values = (("flights", float(held)),)
        source = f"{OWN}, {_ARM_WORDS[arm]}"
    else:
        values = _values(question_kind, slots, period, partial(measures.totals, database, arm))
        source = SOURCES[arm]
    said = _sentence(question_kind, values, period.words, mine=mine)
    sentence = f"As of {_clock_words(as_of, now)} (from {source}), {said}."
    return ReportAnswer(question_kind, values, period.words, source, as_of, sentence)


def span(
    database: Database, question_kind: Kind, slots: Slots, now: datetime
) -> tuple[datetime, datetime]:
    """(start, end excluded) of what the truth of a question counts."""
    period = _period(question_kind, slots, now.astimezone(_zone(database)), now)
    return period.start, period.end


def truth(
    database: Database,
    question_kind: Kind,
    slots: Slots,
    now: datetime,
    read: Read | None = None,
) -> Values:
    """The same figures, counted from the record's rows as they are now.

    Args:
        read: totals of another moment, for what was the truth then.
    """
    now = now.astimezone(_zone(database))
    if question_kind == "cancelled_flights" and slots.customer_id:
        day = slots.day or now.date()
        return (("flights", float(_cancelled_on_record(database, slots.customer_id, day))),)
    period = _period(question_kind, slots, now, now)
    return _values(question_kind, slots, period, read or partial(measures.recorded, database))


def cancelled_of(documents: Sequence[Document], customer_id: str, day: date) -> int:
    """How many cancelled flights of a day a customer holds a seat on, by context documents."""
    cancelled = {
        one.doc_id
        for one in documents
        if one.kind == "flight" and one.facts.get("status") == "cancelled"
    }
    held = {
        part["flight"]
        for one in documents
        if one.kind == "booking"
        and customer_id in one.customer_ids
        and one.facts.get("status") != "cancelled"
        for part in json.loads(one.facts.get("segments", "[]"))
    }
    return sum(flight.endswith(f"/{day.isoformat()}") for flight in held & cancelled)


# --- periods --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Period:
    start: datetime
    end: datetime  # excluded
    words: str


def _period(kind: Kind, slots: Slots, end: datetime, now: datetime) -> _Period:
    """What a question spans: the last hours before `end`, an operating day, or a local day."""
    if kind == "complaints":
        start = window_start(end - timedelta(hours=slots.hours)).astimezone(now.tzinfo)
        words = f"{_clock_words(start, now)} to {_clock_words(end, now)}"
        return _Period(start, window_start(end) + WINDOW, words)
    day = slots.day or now.date()
    words = _day_words(day, now)
    if kind == "refunds":
        midnight = datetime.combine(day, time(), now.tzinfo)
        next_one = datetime.combine(day + timedelta(days=1), time(), now.tzinfo)
        return _Period(midnight, next_one, words)
    operating = from_rfc3339(f"{day.isoformat()}T00:00:00Z")
    return _Period(operating, operating + WINDOW, words)


def _as_of(database: Database, arm: Arm, now: datetime, *, from_context: bool) -> datetime:
    """Airline time up to which an arm knows everything: its aggregates, or its context."""
    if arm == "batch":
        return from_rfc3339(database.get("batch_as_of")).astimezone(now.tzinfo)
    oldest = pending(database, arm)["occurred_at"] if from_context else _first_uncounted(database)
    return min(now, from_rfc3339(oldest).astimezone(now.tzinfo)) if oldest else now


def _first_uncounted(database: Database) -> str | None:
    outbox = schema.outbox.c
    counted = database.get(measures.WATERMARK) or 0
    query = select(func.min(outbox.occurred_at).label("at")).where(outbox.sequence > counted)
    at: str | None = database.rows(query)[0]["at"]
    return at


def _zone(database: Database) -> ZoneInfo:
    return ZoneInfo(database.get("world")["zone"])


# --- figures --------------------------------------------------------------------------------------


def _values(kind: Kind, slots: Slots, period: _Period, read: Read) -> Values:
    if kind == "cancelled_flights":
        return (("flights", sum(read("flights_cancelled", period.start, period.end).values())),)
    if kind == "complaints":
        channels = read("complaints", period.start, period.end)
        return (("complaints", sum(channels.values())), *_ranked(channels))
    if kind == "delays_by_route":
        return _ranked(read("flights_delayed", period.start, period.end))[: slots.top]
    counts = read("refunds", period.start, period.end)
    amounts = read("refunded", period.start, period.end)
    return (("refunds", sum(counts.values())), *sorted(amounts.items()))


def _ranked(totals: Totals) -> Values:
    """Most first; those that tie by name, so that every arm ranks alike."""
    return tuple(sorted(totals.items(), key=lambda one: (-one[1], one[0])))


def _cancelled_on_record(database: Database, customer_id: str, day: date) -> int:
    bookings, segments, flights = schema.bookings, schema.segments, schema.flights
    query = (
        select(flights.c.flight_number)
        .join(segments, _same_flight())
        .join(bookings, bookings.c.locator == segments.c.locator)
        .where(bookings.c.customer_id == customer_id, bookings.c.status != "cancelled")
        .where(flights.c.date == day.isoformat(), flights.c.status == "cancelled")
        .distinct()
    )
    return len(database.rows(query))


def _same_flight() -> ColumnElement[bool]:
    segments, flights = schema.segments.c, schema.flights.c
    return (segments.flight_number == flights.flight_number) & (segments.date == flights.date)


# --- words ----------------------------------------------------------------------------------------

_NO_FIGURES = "I have no figures yet: the gold tables are made by the first batch run."
_ARM_WORDS: dict[Arm, str] = {"stream": "live", "batch": "at the last batch run"}


def _sentence(kind: Kind, values: Values, window: str, *, mine: bool) -> str:
    count = int(values[0][1]) if values else 0
    if kind == "cancelled_flights":
        whose = "of your flights" if mine else "flight" if count == 1 else "flights"
        return f"{count} {whose} {'was' if count == 1 else 'were'} cancelled {window}"
    if kind == "complaints":
        channels = _listed([f"{int(number)} by {channel}" for channel, number in values[1:]])
        noun = "complaint" if count == 1 else "complaints"
        return f"{count} {noun} came in from {window}" + (f": {channels}" if channels else "")
    if kind == "delays_by_route":
        return _ranking(values, window)
    paid = _listed([f"{amount:.2f} {currency}" for currency, amount in values[1:]])
    noun = "refund was" if count == 1 else "refunds were"
    return f"{count} {noun} paid {window}" + (f", {paid} in all" if paid else "")


def _ranking(values: Values, window: str) -> str:
    if not values:
        return f"no route has a delayed flight {window}"
    (worst, most), *others = values
    flights = "delayed flight" if most == 1 else "delayed flights"
    said = f"the route with most delays {window} is {_route(worst)} with {int(most)} {flights}"
    then = _listed([f"{_route(route)} with {int(number)}" for route, number in others])
    return said + (f", then {then}" if then else "")


def _route(key: str) -> str:
    return key.replace("-", " to ", 1)


def _listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def _clock_words(moment: datetime, now: datetime) -> str:
    """`06:00`, with the day where it is not today's."""
    away = "" if moment.date() == now.date() else f" {_day_words(moment.date(), now)}"
    return f"{moment:%H:%M}{away}"


def _day_words(day: date, now: datetime) -> str:
    near = {0: "today", 1: "tomorrow", -1: "yesterday"}
    return near.get((day - now.date()).days) or f"on {day.day} {day:%b}"
