"""The airline as it changes, event by event.

A clock, a queue of things that are going to happen, and one method for each event of the
contract. A method checks that the event makes sense now, changes the state and writes the event
down; an event that makes no sense ends the build, so that a replay can always be applied in order.
What people decide is in the other modules; nothing here is random.
"""

import heapq
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from data.builder.bookings import Booking, Seats, Segment
from data.builder.customers import Customer
from data.builder.timetable import Flight, Key, local

NAMESPACE = uuid.UUID("5b0e8e0c-4a3e-5c54-9a0b-6f8f6f2f1a08")
SOURCES = {
    "flight": "/flight-ops",
    "booking": "/reservations",
    "bag": "/baggage",
    "payment": "/payments",
    "customer": "/crm",
    "policy": "/knowledge",
    "interaction.tweet": "/social",
    "interaction.chat": "/web",
    "interaction.call": "/call-centre",
    "interaction.email": "/crm",
}
CURRENCY = "USD"
GONE = ("departed", "landed")
WITH_CUSTOMER = ("registered", "delivered")

Data = dict[str, Any]
Action = Callable[[], None]


class ImpossibleEventError(Exception):
    """The builder wanted something that cannot happen in the present state."""


def require(condition: bool, why: str) -> None:
    """Stop the build if `condition` does not hold."""
    if not condition:
        raise ImpossibleEventError(why)


@dataclass
class FlightNow:
    """A flight's present state."""

    flight: Flight
    departure: datetime
    gate: str
    status: str = "scheduled"


@dataclass
class BagNow:
    """A bag's present state."""

    locator: str
    status: str = "registered"


@dataclass(frozen=True)
class Message:
    """Something said on a channel (tweet, chat, call, email), by the customer if `inbound`."""

    channel: str
    text: str
    direction: str = "inbound"
    handled_by: str = ""


@dataclass
class World:
    """The state at the beginning."""

    timetable: dict[Key, Flight]
    customers: dict[str, Customer]
    bookings: dict[str, Booking]
    seats: Seats


class Simulation:
    """Runs the queue until `end` and collects the events in time order."""

    def __init__(self, world: World, start: datetime, end: datetime) -> None:
        self.now = start
        self.end = end
        self.customers = world.customers
        self.bookings = world.bookings
        self.seats = world.seats
        self.flights = {
            key: FlightNow(flight, flight.departure, flight.gate)
            for key, flight in world.timetable.items()
        }
        self.bags = {
            tag: BagNow(booking.locator)
            for booking in world.bookings.values()
            for tag in booking.bags
        }
        self.holders: dict[Key, set[str]] = {}
        for booking in world.bookings.values():
            self.hold(booking)
        self.events: list[Data] = []
        self.queue: list[tuple[datetime, int, Action]] = []
        self.queued = 0
        self.listeners: dict[str, list[Callable[[Key], None]]] = {}

    # The clock

    def at(self, moment: datetime, action: Action) -> None:
        """Do `action` at `moment`, or now if that is past. After the end nothing happens."""
        self.queued += 1
        heapq.heappush(self.queue, (max(moment, self.now), self.queued, action))

    def run(self) -> None:
        """Play everything in order."""
        while self.queue and self.queue[0][0] < self.end:
            self.now, _, action = heapq.heappop(self.queue)
            action()

    def on(self, event_type: str, listener: Callable[[Key], None]) -> None:
        """Call `listener` with the flight after each flight event of that type."""
        self.listeners.setdefault(event_type, []).append(listener)

    # What is so

    def on_board(self, key: Key) -> list[Booking]:
        """The active bookings with a segment on the flight, by locator."""
        return [self.bookings[locator] for locator in sorted(self.holders.get(key, set()))]

    def hold(self, booking: Booking) -> None:
        """Remember which flights an active booking is on."""
        for segment in booking.segments:
            self.holders.setdefault(segment.key, set()).add(booking.locator)

    def is_open(self, key: Key) -> bool:
        """True while the flight has neither left nor been cancelled."""
        return self.flights[key].status not in ("cancelled", *GONE)

    # Events of flights

    def delay(self, key: Key, departure: datetime, reason: str) -> None:
        """Announce a new departure time; the arrival moves by as much."""
        state = self.flights[key]
        flight = state.flight
        require(self.is_open(key) and departure > self.now, f"delay of {key}")
        state.status, state.departure = "delayed", departure
        arrival = flight.arrival + (departure - flight.departure)
        data = {
            "new_departure": local(departure, flight.origin),
            "new_arrival": local(arrival, flight.destination),
            "reason": reason,
        }
        self.flight_event("flight.delayed", key, data)

    def cancel_flight(self, key: Key, reason: str) -> None:
        """Announce that it will not fly."""
        require(self.is_open(key), f"cancellation of {key}")
        self.flights[key].status = "cancelled"
        self.flight_event("flight.cancelled", key, {"reason": reason})

    def change_gate(self, key: Key, gate: str) -> None:
        """Move it to another gate."""
        state = self.flights[key]
        require(self.is_open(key) and gate != state.gate, f"gate of {key}")
        state.gate = gate
        self.flight_event("flight.gate_changed", key, {"gate": gate})

    def depart(self, key: Key) -> None:
        """It leaves now."""
        require(self.is_open(key), f"departure of {key}")
        state = self.flights[key]
        require(state.status != "delayed" or state.departure == self.now, f"last delay of {key}")
        state.status = "departed"
        self.flight_event("flight.departed", key, {"actual": local(self.now, state.flight.origin)})

    def land(self, key: Key) -> None:
        """It arrives now."""
        state = self.flights[key]
        require(state.status == "departed", f"landing of {key}")
        state.status = "landed"
        actual = local(self.now, state.flight.destination)
        self.flight_event("flight.landed", key, {"actual": actual})

    # Events of bookings

    def create_booking(self, booking: Booking) -> None:
        """Add a booking sold today; its seats are taken already."""
        require(booking.locator not in self.bookings, f"new booking {booking.locator}")
        self.bookings[booking.locator] = booking
        self.hold(booking)
        data = {
            "customer_id": booking.customer_id,
            "cabin": booking.cabin,
            "insurance": booking.insurance,
            "passengers": booking.passengers,
            "segments": [{**flight_data(s.key), "seat": s.seat} for s in booking.segments],
        }
        self.booking_event("booking.created", booking.locator, data)

    def rebook(self, locator: str, change: tuple[Key, Key], seat: str, reason: str) -> None:
        """Move one segment `from` a flight `to` another and sit in `seat` there."""
        old, new = change
        segment = self.segment(locator, old)
        require(self.flights[old].status not in GONE, f"{locator} left on {old}")
        require(self.is_open(new), f"{locator} to {new}")
        self.seats.take(new, seat)
        self.seats.release(old, segment.seat)
        segment.key, segment.seat = new, seat
        self.holders[old].remove(locator)
        self.hold(self.bookings[locator])
        data = {"from": flight_data(old), "to": flight_data(new), "seat": seat, "reason": reason}
        self.booking_event("booking.rebooked", locator, data)

    def change_seat(self, locator: str, key: Key, seat: str) -> None:
        """Sit elsewhere on the same flight."""
        segment = self.segment(locator, key)
        require(self.is_open(key), f"seat of {locator} on {key}")
        self.seats.take(key, seat)
        self.seats.release(key, segment.seat)
        segment.seat = seat
        self.booking_event("booking.seat_changed", locator, {**flight_data(key), "seat": seat})

    def cancel_booking(self, locator: str, reason: str) -> None:
        """Give up the whole booking. Not possible while its bags are with the airline."""
        booking = self.active(locator)
        require(self.may_cancel(booking), f"cancellation of {locator}")
        booking.status = "cancelled"
        for segment in booking.segments:
            self.seats.release(segment.key, segment.seat)
            self.holders[segment.key].remove(locator)
        self.booking_event("booking.cancelled", locator, {"reason": reason})

    def may_cancel(self, booking: Booking) -> bool:
        """True while nobody of it has flown and no bag is on its way."""
        flown = any(self.flights[s.key].status in GONE for s in booking.segments)
        return not flown and not self.has_bags(booking)

    def has_bags(self, booking: Booking) -> bool:
        """True while the airline has bags of the booking."""
        return any(self.bags[tag].status not in WITH_CUSTOMER for tag in booking.bags)

    def active(self, locator: str) -> Booking:
        """The booking, which must not be cancelled."""
        booking = self.bookings[locator]
        require(booking.status != "cancelled", f"{locator} is cancelled")
        return booking

    def segment(self, locator: str, key: Key) -> Segment:
        """The booking's segment on that flight."""
        found = [s for s in self.active(locator).segments if s.key == key]
        require(len(found) == 1, f"{locator} is not on {key}")
        return found[0]

    # Events of bags, money, people and rules

    def move_bag(self, tag: str, status: str, location: str, key: Key | None = None) -> None:
        """A scan: the bag is now `status` (checked, misrouted, located, delivered) there."""
        bag = self.bags[tag]
        booking = self.active(bag.locator)
        if status == "checked":
            require(key is not None and self.is_open(key), f"check-in of {tag}")
            require(bag.status in WITH_CUSTOMER, f"{tag} was checked in before")
        else:
            require(bag.status not in WITH_CUSTOMER, f"{tag} was never checked in")
        bag.status = status
        data = {"locator": bag.locator, "location": location}
        if key is not None:
            data["flight"] = key[0]
        self.write(f"bag.{status}", f"bag/{tag}", data, booking.customer_id)

    def refund(self, locator: str, amount: int) -> None:
        """Pay money back."""
        data = {"amount": amount, "currency": CURRENCY}
        customer_id = self.bookings[locator].customer_id
        self.write("payment.refunded", f"booking/{locator}", data, customer_id)

    def voucher(self, customer_id: str, amount: int) -> None:
        """Give a voucher as an apology."""
        data = {"amount": amount, "currency": CURRENCY}
        self.write("payment.voucher_issued", f"customer/{customer_id}", data, customer_id)

    def say(self, customer_id: str, message: Message) -> None:
        """A message from or to the customer."""
        data = {"text": message.text, "direction": message.direction}
        if message.handled_by:
            data["handled_by"] = message.handled_by
        event_type = f"interaction.{message.channel}"
        self.write(event_type, f"customer/{customer_id}", data, customer_id)

    def change_tier(self, customer_id: str, tier: str) -> None:
        """Move the customer up or down."""
        customer = self.customers[customer_id]
        require(tier != customer.tier, f"tier of {customer_id}")
        customer.tier = tier
        event_type, subject = "customer.tier_changed", f"customer/{customer_id}"
        self.write(event_type, subject, {"tier": tier}, customer_id)

    def change_contact(self, customer_id: str, contact: dict[str, str]) -> None:
        """A new e-mail address, phone number or both."""
        customer = self.customers[customer_id]
        customer.email = contact.get("email", customer.email)
        customer.phone = contact.get("phone", customer.phone)
        event_type, subject = "customer.contact_changed", f"customer/{customer_id}"
        self.write(event_type, subject, dict(contact), customer_id)

    def update_policy(self, slug: str, title: str, text: str) -> None:
        """New rules from now on."""
        self.write("policy.updated", f"policy/{slug}", {"title": title, "text": text})

    # Writing down

    def flight_event(self, event_type: str, key: Key, data: Data) -> None:
        """Write a flight's event and tell who listens."""
        self.write(event_type, f"flight/{key[0]}/{key[1]}", data)
        for listener in self.listeners.get(event_type, []):
            listener(key)

    def booking_event(self, event_type: str, locator: str, data: Data) -> None:
        """Write a booking's event."""
        customer_id = self.bookings[locator].customer_id
        self.write(event_type, f"booking/{locator}", data, customer_id)

    def write(self, event_type: str, subject: str, data: Data, customer_id: str = "") -> None:
        """Append a CloudEvent that happens now."""
        time = f"{self.now:%Y-%m-%dT%H:%M:%SZ}"
        family = event_type.split(".")[0]
        event: Data = {
            "specversion": "1.0",
            "id": str(uuid.uuid5(NAMESPACE, f"{len(self.events)} {time} {event_type} {subject}")),
            "source": SOURCES.get(event_type) or SOURCES[family],
            "type": event_type,
            "subject": subject,
            "time": time,
            "datacontenttype": "application/json",
        }
        if customer_id:
            event["customerid"] = customer_id
        self.events.append({**event, "data": data})


def flight_data(key: Key) -> dict[str, str]:
    """A flight as the contract writes it inside a booking's event."""
    return {"flight": key[0], "date": key[1]}
