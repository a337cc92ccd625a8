"""What an agent was given, as the rules need it: context documents -> typed facts of one customer.

A document that is not the customer's own (or public), or whose facts cannot be read, is not there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pipeline.clock import from_rfc3339, parse_local
from pipeline.documents import Document, spoken_flight

_GONE = ("departed", "landed")


@dataclass(frozen=True)
class Flight:
    """A flight as the agent knows it. Times are UTC."""

    entity: str  # flight/EA204/2013-02-08
    origin: str
    destination: str
    status: str
    scheduled: datetime
    departure: datetime
    arrival: datetime

    @property
    def name(self) -> str:
        """`EA 204`."""
        return spoken_flight(self.entity.split("/")[1])

    @property
    def delay(self) -> timedelta:
        """How much later than planned it leaves or left; zero for a cancelled flight."""
        late = max(self.departure - self.scheduled, timedelta())
        return timedelta() if self.status == "cancelled" else late

    def gone(self, now: datetime) -> bool:
        """Whether it has left, by its status or by the clock."""
        return self.status in _GONE or (self.status != "cancelled" and self.departure <= now)


@dataclass(frozen=True)
class Booking:
    """A booking as the agent knows it. `seats`: flight entity -> seat, in the order of travel."""

    locator: str
    status: str
    cabin: str
    insured: bool
    travellers: int
    booked_at: datetime | None
    changed_at: datetime
    seats: Mapping[str, str | None]

    @property
    def cancelled(self) -> bool:
        """Whether the booking itself, not a flight of it, is cancelled."""
        return self.status == "cancelled"


@dataclass(frozen=True)
class Payment:
    """A refund or a voucher. `type` is `refunded` or `voucher_issued`."""

    type: str
    locator: str | None
    paid_at: datetime


@dataclass(frozen=True)
class Bag:
    """A bag as the agent knows it."""

    tag: str
    locator: str
    status: str
    flight_number: str | None


@dataclass(frozen=True)
class Facts:
    """All that the rules may know. `versions`: doc_id -> outbox sequence it stands at."""

    now: datetime
    tier: str = "regular"
    flights: Mapping[str, Flight] = field(default_factory=dict)
    bookings: Mapping[str, Booking] = field(default_factory=dict)
    bags: Mapping[str, Bag] = field(default_factory=dict)
    payments: tuple[Payment, ...] = ()
    policies: Mapping[str, str] = field(default_factory=dict)  # doc_id -> text
    versions: Mapping[str, int] = field(default_factory=dict)

    def flights_of(self, booking: Booking) -> list[Flight]:
        """The booking's flights, as far as they are known."""
        return [self.flights[one] for one in booking.seats if one in self.flights]

    def knows_all_of(self, booking: Booking) -> bool:
        """Whether every flight of the booking is known."""
        return all(one in self.flights for one in booking.seats)

    def refunded(self, locator: str) -> bool:
        """Whether a refund of this booking is known."""
        return any(one.type == "refunded" and one.locator == locator for one in self.payments)


def read(documents: Iterable[Document], customer_id: str, now: datetime) -> Facts:
    """The facts of one customer in these documents; of two versions of one, the newer.

    Args:
        now: airline time, with a zone.
    """
    found: dict[str, dict[str, Any]] = {kind: {} for kind in _READERS}
    versions: dict[str, int] = {}
    for document in sorted(documents, key=lambda one: one.version):
        if document.kind not in _READERS or not _may_read(document, customer_id):
            continue
        try:
            found[document.kind][document.doc_id] = _READERS[document.kind](document)
        except (KeyError, ValueError, TypeError, AttributeError):
            continue  # another program's row, or a damaged one: as if it were not there
        versions[document.doc_id] = document.version
    return Facts(
        now=now,
        tier=found["customer"].get(f"customer/{customer_id}", "regular"),
        flights=found["flight"],
        bookings={one.locator: one for one in found["booking"].values()},
        bags={one.tag: one for one in found["bag"].values()},
        payments=tuple(found["payment"].values()),
        policies=found["policy"],
        versions=versions,
    )


def _may_read(document: Document, customer_id: str) -> bool:
    public = document.kind in ("flight", "policy") and not document.customer_ids
    return public or customer_id in document.customer_ids


def _flight(document: Document) -> Flight:
    facts = document.facts
    origin, destination = facts["origin"], facts["destination"]
    return Flight(
        entity=document.doc_id,
        origin=origin,
        destination=destination,
        status=facts["status"],
        scheduled=parse_local(facts["scheduled_departure"], origin),
        departure=parse_local(facts["departure"], origin),
        arrival=parse_local(facts["arrival"], destination),
    )


def _booking(document: Document) -> Booking:
    facts = document.facts
    booked_at = facts.get("booked_at")
    return Booking(
        locator=facts["locator"],
        status=facts["status"],
        cabin=facts["cabin"],
        insured=facts["insurance"] == "yes",
        travellers=int(facts.get("travellers", "1")),
        booked_at=from_rfc3339(booked_at) if booked_at else None,
        changed_at=from_rfc3339(document.occurred_at),
        seats={_flight_id(part["flight"]): part["seat"] for part in json.loads(facts["segments"])},
    )


def _flight_id(text: str) -> str:
    _kind, _number, _day = text.split("/")  # raises where it is none
    return text


def _bag(document: Document) -> Bag:
    facts = document.facts
    return Bag(facts["tag"], facts["locator"], facts["status"], facts.get("flight_number"))


def _payment(document: Document) -> Payment:
    facts = document.facts
    paid_at = from_rfc3339(document.occurred_at)
    return Payment(facts["payment_type"], facts.get("locator"), paid_at)


_READERS: dict[str, Callable[[Document], Any]] = {
    "customer": lambda document: document.facts["tier"],
    "flight": _flight,
    "booking": _booking,
    "bag": _bag,
    "payment": _payment,
    "policy": lambda document: document.facts["text"],
}
