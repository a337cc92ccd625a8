"""What customers do about what happened to their flight.

They complain, rebook, give up, ask again and sometimes say thank you. A rebooking goes to a flight
that is not cancelled as far as anybody knows at that moment; it may well be cancelled later.
"""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from data.builder.baggage import Baggage
from data.builder.bookings import Booking
from data.builder.contact import ContactCentre, trip_slots
from data.builder.simulation import GONE, Simulation
from data.builder.timetable import Flight, Key, same_city

NOTICED_AFTER = 45.0  # minutes, on average
LONGEST_UNNOTICED = 300.0
COMPLAINS, ASKS_ABOUT_DELAY, THANKS, TWEETS_ABOARD, TWEETS_LANDED = 0.75, 0.34, 0.25, 0.10, 0.15
ASKS_FOR_REFUND = 0.45
REBOOKS, GIVES_UP = 0.60, 0.20  # the rest waits
REBOOKS_AT_LAST, LEAVES_DELAYED = 0.6, 0.12
LONG_DELAY = timedelta(hours=2)
TIME_TO_GATE = timedelta(minutes=75)
FIRST_CHOICES = 5
BETWEEN_FLIGHTS = timedelta(hours=5)
VOUCHER = {"regular": 0.06, "silver": 0.22, "gold": 0.40}
VOUCHER_AMOUNTS = (50, 75, 100, 150, 200, 300)
FARE_BASE, FARE_PER_MILE = 60, 0.11
FARE_FACTOR = {"economy": 1.0, "premium": 1.6, "business": 3.2}


@dataclass
class Reactions:
    """Listens to flights and acts for the people on them."""

    sim: Simulation
    rng: random.Random
    desk: ContactCentre
    baggage: Baggage
    reasons: dict[str, list[str]]
    moved: set[str] = field(default_factory=set)

    def listen(self) -> None:
        """React to what happens to flights."""
        self.sim.on("flight.cancelled", self.on_cancelled)
        self.sim.on("flight.delayed", self.on_delayed)
        self.sim.on("flight.departed", self.on_departed)
        self.sim.on("flight.landed", self.on_landed)

    def on_cancelled(self, key: Key) -> None:
        """Everybody on it notices sooner or later."""
        for booking in self.desk.passengers(key):
            minutes = min(2 + self.rng.expovariate(1 / NOTICED_AFTER), LONGEST_UNNOTICED)
            noticed = self.desk.awake(self.sim.now + timedelta(minutes=minutes))
            self.sim.at(noticed, partial(self.face_cancellation, booking.locator, key))

    def face_cancellation(self, locator: str, key: Key) -> None:
        """Complain, then rebook, give up or wait."""
        if not self.still_on(locator, key):
            return
        if self.desk.chance(COMPLAINS):
            situation = "cancelled_again" if locator in self.moved else "cancelled"
            self.desk.hear_of_trip(situation, locator, key)
        self.maybe_voucher(self.sim.bookings[locator])
        fate = self.rng.random()
        if fate < REBOOKS:
            self.sim.at(self.desk.after(4, 100), partial(self.rebook, locator, key, "rebooked"))
        elif fate < REBOOKS + GIVES_UP:
            self.sim.at(self.desk.after(15, 150), partial(self.give_up, locator, key))
        else:
            moment = self.desk.awake(self.desk.after(80, 300))
            self.sim.at(moment, partial(self.ask_again, locator, key))

    def ask_again(self, locator: str, key: Key) -> None:
        """Nobody has solved it yet."""
        if not self.still_on(locator, key):
            return
        self.desk.hear_of_trip("still_waiting", locator, key)
        if self.desk.chance(REBOOKS_AT_LAST):
            self.sim.at(self.desk.after(10, 120), partial(self.rebook, locator, key, "rebooked"))

    def on_delayed(self, key: Key) -> None:
        """Some ask; after a long delay some leave."""
        state = self.sim.flights[key]
        late = state.departure - state.flight.departure >= LONG_DELAY
        for booking in self.desk.passengers(key):
            if self.desk.chance(ASKS_ABOUT_DELAY):
                ask = partial(self.ask_about_delay, booking.locator, key)
                self.sim.at(self.desk.after(2, 35), ask)
            if late and self.desk.chance(LEAVES_DELAYED):
                change = partial(self.rebook, booking.locator, key, "rebooked_delay")
                self.sim.at(self.desk.after(10, 60), change)
            if late:
                self.maybe_voucher(booking)

    def ask_about_delay(self, locator: str, key: Key) -> None:
        """A question that is only asked while the flight is there."""
        if self.still_on(locator, key) and self.sim.is_open(key):
            self.desk.hear_of_trip("delayed", locator, key)

    def on_departed(self, key: Key) -> None:
        """A last tweet from the seat."""
        for booking in self.desk.passengers(key):
            if self.desk.chance(TWEETS_ABOARD):
                tweet = partial(self.desk.hear_of_trip, "aboard", booking.locator, key)
                self.sim.at(self.desk.after(0, 4), tweet)

    def on_landed(self, key: Key) -> None:
        """Some are grateful."""
        for booking in self.desk.passengers(key):
            if self.desk.chance(TWEETS_LANDED):
                tweet = partial(self.desk.hear_of_trip, "landed", booking.locator, key)
                self.sim.at(self.desk.after(6, 50), tweet)

    def rebook(self, locator: str, key: Key, why: str) -> None:
        """Move to one of the next flights that still exist; nothing if there is none."""
        if not self.may_change(locator, key):
            return
        booking = self.sim.bookings[locator]
        choices = self.alternatives(booking, key)
        if not choices:
            return
        new = self.rng.choice(choices[:FIRST_CHOICES]).key
        seat = self.sim.seats.any_free(new, booking.cabin, self.rng)
        self.sim.rebook(locator, (key, new), seat, self.rng.choice(self.reasons[why]))
        self.moved.add(locator)
        self.baggage.plan(locator, new)
        if self.desk.chance(THANKS):
            slots = trip_slots(self.sim, booking, new) | {"new_flight": new[0]}
            thank = partial(self.desk.hear, "thanks", booking.customer_id, slots)
            self.sim.at(self.desk.after(2, 30), thank)

    def may_change(self, locator: str, key: Key) -> bool:
        """True while the segment can be changed: not flown, no bag already on the way."""
        if not self.still_on(locator, key) or self.sim.flights[key].status in GONE:
            return False
        return not (self.sim.is_open(key) and self.sim.has_bags(self.sim.bookings[locator]))

    def alternatives(self, booking: Booking, key: Key) -> list[Flight]:
        """Flights to the same city that can still be reached and fit the rest of the trip."""
        old = self.sim.flights[key].flight
        others = [self.sim.flights[s.key].flight for s in booking.segments if s.key != key]
        return [
            state.flight
            for state in self.sim.flights.values()
            if self.sim.is_open(state.flight.key)
            and state.flight.key != key
            and same_city(state.flight.destination, old.destination)
            and state.flight.departure > self.sim.now + TIME_TO_GATE
            and all(fits(state.flight, other, old) for other in others)
        ]

    def give_up(self, locator: str, key: Key) -> None:
        """Cancel the booking, get the money back and ask where it is."""
        booking = self.sim.bookings[locator]
        if not self.still_on(locator, key) or not self.sim.may_cancel(booking):
            return
        slots = trip_slots(self.sim, booking, key)
        self.sim.cancel_booking(locator, self.rng.choice(self.reasons["booking_cancelled"]))
        self.sim.at(self.desk.after(20, 300), partial(self.sim.refund, locator, self.fare(booking)))
        if self.desk.chance(ASKS_FOR_REFUND):
            ask = partial(self.desk.hear, "refund", booking.customer_id, slots)
            self.sim.at(self.desk.awake(self.desk.after(5, 240)), ask)

    def fare(self, booking: Booking) -> int:
        """What the booking cost, in whole dollars."""
        miles = sum(self.sim.flights[s.key].flight.miles for s in booking.segments)
        one = FARE_BASE * len(booking.segments) + FARE_PER_MILE * miles
        return round(one * FARE_FACTOR[booking.cabin] * len(booking.passengers))

    def maybe_voucher(self, booking: Booking) -> None:
        """An apology, more often to those who fly more."""
        customer = self.sim.customers[booking.customer_id]
        if self.desk.chance(VOUCHER[customer.tier]):
            give = partial(self.sim.voucher, customer.customer_id, self.rng.choice(VOUCHER_AMOUNTS))
            self.sim.at(self.desk.after(60, 500), give)

    def still_on(self, locator: str, key: Key) -> bool:
        """True while the booking is active and holds a seat on the flight."""
        return locator in self.sim.holders.get(key, set())


def fits(new: Flight, other: Flight, old: Flight) -> bool:
    """True if `new` can take the place of `old` beside `other` in one trip."""
    if old.departure < other.departure:
        return new.arrival + BETWEEN_FLIGHTS < other.departure
    return other.arrival + BETWEEN_FLIGHTS < new.departure
