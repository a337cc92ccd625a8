"""A customer's situation as the record knows it: who, which trips, which bags, how many contacts.

Read for the rail and for the defaults of the events; no agent sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, select

from pipeline import schema
from pipeline.clock import airports, from_rfc3339, local, to_rfc3339
from pipeline.schema import Database

Row = dict[str, Any]
FLOWN = ("departed", "landed")


@dataclass(frozen=True)
class Trip:
    """One segment of a booking with its flight as it stands."""

    row: Row

    @property
    def number(self) -> str:
        """EA 204"""
        text = str(self.row["flight_number"])
        return f"{text[:2]} {text[2:]}"

    @property
    def key(self) -> str:
        """EA204/2013-02-08"""
        return f"{self.row['flight_number']}/{self.row['date']}"

    @property
    def route(self) -> str:
        """JFK → ORD"""
        return f"{self.row['origin']} → {self.row['destination']}"

    @property
    def city(self) -> str:
        """The destination's city."""
        return str(airports()[self.row["destination"]]["city"])

    @property
    def departs(self) -> datetime:
        """Departure, as known now, in the zone of the airport."""
        return local(self.row["departure"], self.row["origin"])

    @property
    def status(self) -> str:
        """scheduled, delayed, cancelled, departed or landed; the booking's cancellation wins."""
        return "booking cancelled" if self.row["booking_status"] == "cancelled" else self.flight

    @property
    def flight(self) -> str:
        """Status of the flight alone."""
        return str(self.row["status"])


@dataclass(frozen=True)
class Situation:
    """Everything the rail shows of a customer. Trips are in the order of departure."""

    customer: Row
    trips: Sequence[Trip]
    bags: Sequence[Row]
    contacts: Row  # channel -> number

    @property
    def first_name(self) -> str:
        """How a colleague would call them."""
        return str(self.customer["name"]).split()[0]

    def next_trip(self, now: datetime) -> Trip | None:
        """The next segment of a standing booking: what an event would be about."""
        standing = [trip for trip in self.trips if trip.row["booking_status"] != "cancelled"]
        ahead = [trip for trip in standing if trip.flight not in FLOWN and trip.departs >= now] or [
            trip for trip in standing if trip.flight not in FLOWN
        ]
        return next(iter(ahead or standing), None)


def read(database: Database, customer_id: str) -> Situation | None:
    """The situation of a customer; None for an id that the record does not know."""
    customers = schema.customers
    found = database.rows(select(customers).where(customers.c.customer_id == customer_id))
    if not found:
        return None
    return Situation(
        customer=found[0],
        trips=[Trip(row) for row in _trips(database, customer_id)],
        bags=_bags(database, customer_id),
        contacts=_contacts(database, customer_id),
    )


def names(database: Database) -> dict[str, str]:
    """Customer id -> name, of all customers, by name."""
    customers = schema.customers.c
    query = select(customers.customer_id, customers.name).order_by(customers.name)
    return {row["customer_id"]: row["name"] for row in database.rows(query)}


def later_flights(
    database: Database, trip: Trip, now: datetime, wait: timedelta = timedelta(0)
) -> list[Row]:
    """Flights to the same place, so long after this one or later, that stand, soonest first."""
    flights = schema.flights.c
    query = (
        select(schema.flights)
        .where(flights.destination == trip.row["destination"])
        .where(flights.departure > trip.row["departure"])
        .where(flights.departure >= to_rfc3339(trip.departs + wait))
        .where(flights.status.in_(("scheduled", "delayed")))
        .order_by(flights.departure)
        .limit(5)
    )
    return [row for row in database.rows(query) if from_rfc3339(row["departure"]) > now]


def free_seat(database: Database, flight: Row, wished: Sequence[str]) -> str | None:
    """The first of the seats wished for that nobody has on a flight."""
    segments, bookings = schema.segments.c, schema.bookings.c
    query = (
        select(segments.seat)
        .join(schema.bookings, bookings.locator == segments.locator)
        .where(segments.flight_number == flight["flight_number"])
        .where(segments.date == flight["date"])
        .where(bookings.status != "cancelled")
    )
    taken = {row["seat"] for row in database.rows(query)}
    return next((seat for seat in wished if seat not in taken), None)


def _trips(database: Database, customer_id: str) -> list[Row]:
    flights, segments, bookings = schema.flights, schema.segments, schema.bookings
    same = and_(
        flights.c.flight_number == segments.c.flight_number, flights.c.date == segments.c.date
    )
    query = (
        select(
            flights,
            segments.c.locator,
            segments.c.seat,
            bookings.c.cabin,
            bookings.c.status.label("booking_status"),
        )
        .select_from(
            bookings.join(segments, segments.c.locator == bookings.c.locator).join(flights, same)
        )
        .where(bookings.c.customer_id == customer_id)
        .order_by(flights.c.departure)
    )
    return database.rows(query)


def _bags(database: Database, customer_id: str) -> list[Row]:
    bags, bookings = schema.bags, schema.bookings
    query = (
        select(bags)
        .join(bookings, bookings.c.locator == bags.c.locator)
        .where(bookings.c.customer_id == customer_id)
        .order_by(bags.c.tag)
    )
    return database.rows(query)


def _contacts(database: Database, customer_id: str) -> Row:
    said = schema.interactions.c
    query = (
        select(said.channel, func.count().label("number"))
        .where(said.customer_id == customer_id)
        .where(said.direction == "inbound")
        .group_by(said.channel)
    )
    return {row["channel"]: row["number"] for row in database.rows(query)}
