"""What a prompt's documents amount to: the customer's legs, bags, contacts, payments, policies.

Only what the context block holds. A leg whose flight is not in the block is a leg without one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from agent import mentions
from agent.context import Known
from pipeline.clock import LOCAL_FORMAT, zone_of
from pipeline.documents import city, spoken_day, spoken_flight

_OVER = timedelta(hours=6)  # after its time a flight is no longer the one that "my flight" means


@dataclass(frozen=True)
class Leg:
    """One flight, and the booking and seat that the customer has on it, if any."""

    entity: str  # flight/EA204/2013-02-08
    flight: Known | None
    booking: Known | None = None
    seat: str | None = None

    @property
    def number(self) -> str:
        """`EA204`."""
        return self.entity.split("/")[1]

    @property
    def day(self) -> date:
        """The flight's date, local to its origin."""
        return date.fromisoformat(self.entity.split("/")[2])

    @property
    def name(self) -> str:
        """`EA 204`."""
        return spoken_flight(self.number)

    @property
    def facts(self) -> dict[str, str]:
        """The flight's facts; empty where the context does not hold the flight."""
        return self.flight.facts if self.flight else {}

    @property
    def status(self) -> str:
        """The flight's status, or an empty string."""
        return self.facts.get("status", "")

    @property
    def destination(self) -> str:
        """City it goes to, or an empty string."""
        return city(self.facts["destination"]) if "destination" in self.facts else ""

    def clock(self, fact: str) -> str:
        """`HH:MM` of a time among the facts, or an empty string."""
        return self.facts.get(fact, "")[-5:]

    def leaves_at(self) -> datetime:
        """When it leaves; the end of its day where the context does not say."""
        try:
            moment = datetime.strptime(self.facts["departure"], LOCAL_FORMAT)  # noqa: DTZ007 below
            return moment.replace(tzinfo=zone_of(self.facts["origin"]))
        except (KeyError, ValueError):
            end = datetime(self.day.year, self.day.month, self.day.day, 23, 59)  # noqa: DTZ001 below
            return end.replace(tzinfo=UTC)

    def is_over(self, now: datetime) -> bool:
        """Whether it has landed or left so long ago that nobody means it by "my flight"."""
        return self.status == "landed" or self.leaves_at() + _OVER < now

    def spoken_when(self, now: datetime) -> str:
        """Empty for today, else ` tomorrow` or ` on 9 Feb`."""
        leaves = self.leaves_at()
        away = (leaves.date() - now.astimezone(leaves.tzinfo).date()).days
        if away in (0, 1):
            return " tomorrow" if away else ""
        return f" on {spoken_day(leaves.date().isoformat())[:-5]}"


class Knowledge:
    """A reading of the context block, newest facts first where it matters.

    `now` is airline time in the airline's home zone: its date is what "today" means.
    """

    def __init__(self, known: list[Known], now: datetime) -> None:
        self.now = now
        self._of: dict[str, list[Known]] = {}
        for one in sorted(known, key=lambda one: one.occurred_at, reverse=True):
            self._of.setdefault(one.kind, []).append(one)

    @property
    def first_name(self) -> str:
        """The customer's first name, or an empty string."""
        name = self.customer.facts.get("name", "") if self.customer else ""
        return name.split()[0] if name.split() else ""

    @property
    def customer(self) -> Known | None:
        """The customer's own document."""
        return next(iter(self._of.get("customer", [])), None)

    @property
    def bookings(self) -> list[Known]:
        """The customer's bookings."""
        return self._of.get("booking", [])

    @property
    def bags(self) -> list[Known]:
        """The customer's bags."""
        return self._of.get("bag", [])

    @property
    def payments(self) -> list[Known]:
        """Refunds and vouchers, newest first."""
        return self._of.get("payment", [])

    @property
    def policies(self) -> list[Known]:
        """The policies that were retrieved."""
        return self._of.get("policy", [])

    @property
    def contacts(self) -> list[Known]:
        """What the customer told the airline, newest first."""
        return [one for one in self._of.get("interaction", []) if _is_inbound(one)]

    @cached_property
    def legs(self) -> list[Leg]:
        """The flights of bookings that stand, in the order in which they leave."""
        flights = {one.doc_id: one for one in self._of.get("flight", [])}
        legs = [
            Leg(flight, flights.get(flight), booking, part.get("seat"))
            for booking in self.bookings
            if booking.facts.get("status") != "cancelled"
            for part in segments(booking)
            if (flight := part["flight"])
        ]
        return sorted(legs, key=Leg.leaves_at)

    @cached_property
    def other_flights(self) -> list[Leg]:
        """Flights in the context that the customer is not booked on."""
        own = {leg.entity for leg in self.legs}
        flights = self._of.get("flight", [])
        return [Leg(one.doc_id, one) for one in flights if one.doc_id not in own]

    @property
    def carriers(self) -> set[str]:
        """Two-letter codes of the flights in the context."""
        return {leg.number[:2] for leg in [*self.legs, *self.other_flights]}

    def named(self, text: str) -> list[str]:
        """Flight numbers that a text names, in order."""
        found = mentions.flights(text, self.carriers)
        return list(dict.fromkeys(one.key for one in found))

    def next_leg(self) -> Leg | None:
        """The flight that "my flight" means: the next one, else the last one there was."""
        ahead = [leg for leg in self.legs if not leg.is_over(self.now)]
        return ahead[0] if ahead else next(reversed(self.legs), None)

    def legs_meant(self, text: str) -> list[Leg]:
        """The flights that a text speaks of: by number, place or day, else none."""
        numbers = self.named(text)
        if numbers:
            return [leg for number in numbers for leg in self._numbered(number)]
        at_place = [leg for leg in self.legs if _goes_to(leg, text)]
        on_day = mentions.days(text, self.now.date())
        chosen = at_place or (self.legs if on_day else [])
        if on_day and any(leg.day in on_day for leg in chosen):
            chosen = [leg for leg in chosen if leg.day in on_day]
        elif on_day and not at_place:
            return []
        return [leg for leg in chosen if not leg.is_over(self.now)] or chosen

    def _numbered(self, number: str) -> list[Leg]:
        own = [leg for leg in self.legs if leg.number == number]
        if own:
            ahead = [leg for leg in own if not leg.is_over(self.now)]
            return (ahead or own[-1:])[:1]
        # Of the same number on several days the one that leaves next, or left last.
        others = [leg for leg in self.other_flights if leg.number == number]
        return sorted(others, key=lambda leg: (leg.is_over(self.now), leg.leaves_at()))[:1]


def segments(booking: Known) -> list[dict[str, str | None]]:
    """The flights and seats of a booking; none where its facts cannot be read."""
    try:
        parts = json.loads(booking.facts.get("segments", "[]"))
        return [part for part in parts if str(part["flight"]).count("/") == _SLASHES]
    except (ValueError, TypeError, KeyError):
        return []


_SLASHES = 2  # flight/EA204/2013-02-08


def _is_inbound(one: Known) -> bool:
    return one.facts.get("direction") == "inbound"


def _goes_to(leg: Leg, text: str) -> bool:
    places = (leg.facts.get("destination"), leg.facts.get("origin"))
    return any(mentions.names_place(text, place) for place in places[:1] if place)
