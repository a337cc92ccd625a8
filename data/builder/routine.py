"""What would have happened on any day: questions, seat changes, new bookings, new addresses."""

import random
import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from data.builder.bookings import Booking, Desk, Segment
from data.builder.contact import HOME, ContactCentre
from data.builder.customers import TIERS, fictional_phone, new_email, pick
from data.builder.reactions import Reactions
from data.builder.simulation import Simulation
from data.builder.timetable import Flight, Key, at_local

POLICY_UPDATES = Path(__file__).parent / "policy_updates.toml"
ASKS, ASKS_TWICE, CHANGES_SEAT, CHANGES_PLANS = 0.46, 0.10, 0.20, 0.03
FIRST_HOUR, LAST_HOUR = 6, 23
CHECK_IN_CLOSED = timedelta(minutes=35)
SELLING_STOPS = timedelta(hours=2)
NEW_CONTACT = {"email": 45, "phone": 45, "both": 10}


@dataclass(frozen=True)
class DayPlan:
    """How much of everything happens on one day, and until which hour seats are sold."""

    date: str
    chatter: int
    tier_changes: int
    contact_changes: int
    new_bookings: int
    selling_ends: int


DAYS = (
    DayPlan("2013-02-08", 180, 24, 42, 240, 22),
    DayPlan("2013-02-09", 170, 18, 36, 80, 18),
)


@dataclass
class Routine:
    """Puts the ordinary business of both days into the queue."""

    sim: Simulation
    rng: random.Random
    desk: ContactCentre
    sales: Desk
    reactions: Reactions

    def plan_all(self) -> None:
        """Everything that does not depend on how the days go."""
        for booking in list(self.sim.bookings.values()):
            if booking.customer_id not in self.desk.scripted:
                self.plan_trip(booking)
        people = [c for c in sorted(self.sim.customers) if c not in self.desk.scripted]
        for day in DAYS:
            self.plan_day(day, people)
        self.plan_policies()

    def plan_trip(self, booking: Booking) -> None:
        """What a traveller asks and changes in the hours before each flight."""
        for segment in booking.segments:
            departure = self.sim.flights[segment.key].flight.departure
            for probability, action in (
                (ASKS, self.ask),
                (ASKS_TWICE, self.ask),
                (CHANGES_SEAT, self.change_seat),
                (CHANGES_PLANS, self.change_plans),
            ):
                if self.desk.chance(probability):
                    ahead = timedelta(hours=self.rng.uniform(1, 12))
                    moment = self.desk.awake(max(departure - ahead, self.sim.now))
                    self.sim.at(moment, partial(action, booking.locator, segment.key))

    def plan_day(self, day: DayPlan, people: list[str]) -> None:
        """What happens at some hour of the day to somebody."""
        for _ in range(day.chatter):
            chat = partial(self.desk.hear, "general", self.rng.choice(people), {})
            self.sim.at(self.some_time(day.date, LAST_HOUR), chat)
        for customer_id in self.rng.sample(people, day.tier_changes):
            self.sim.at(self.some_time(day.date), partial(self.change_tier, customer_id))
        for customer_id in self.rng.sample(people, day.contact_changes):
            self.sim.at(self.some_time(day.date), partial(self.change_contact, customer_id))
        for customer_id in self.rng.sample(people, day.new_bookings):
            moment = self.some_time(day.date, day.selling_ends)
            self.sim.at(moment, partial(self.buy, customer_id))

    def plan_policies(self) -> None:
        """The rules change with the weather."""
        updates = tomllib.loads(POLICY_UPDATES.read_text(encoding="utf-8"))["update"]
        for update in updates:
            moment = at_local(update["date"], update["clock"], HOME)
            change = partial(
                self.sim.update_policy, update["slug"], update["title"], update["text"].strip()
            )
            self.sim.at(moment, change)

    def some_time(self, day: str, last_hour: int = LAST_HOUR) -> datetime:
        """A waking moment of the day, New York time."""
        first = at_local(day, f"{FIRST_HOUR:02d}:00", HOME)
        return first + timedelta(hours=self.rng.uniform(0, last_hour - FIRST_HOUR))

    def ask(self, locator: str, key: Key) -> None:
        """An ordinary question before an ordinary flight."""
        if self.sim.is_open(key) and self.reactions.still_on(locator, key):
            self.desk.hear_of_trip("routine", locator, key)

    def change_seat(self, locator: str, key: Key) -> None:
        """Another seat of the same cabin."""
        ahead = self.sim.flights[key].departure - self.sim.now
        on_board = self.sim.is_open(key) and self.reactions.still_on(locator, key)
        if on_board and ahead > CHECK_IN_CLOSED:
            cabin = self.sim.bookings[locator].cabin
            seat = self.sim.seats.any_free(key, cabin, self.rng)
            self.sim.change_seat(locator, key, seat)

    def change_plans(self, locator: str, key: Key) -> None:
        """Give up a trip that nothing is wrong with."""
        if self.sim.is_open(key):
            self.reactions.give_up(locator, key)

    def change_tier(self, customer_id: str) -> None:
        """A step on the ladder, mostly up."""
        ladder = list(TIERS)
        step = ladder.index(self.sim.customers[customer_id].tier)
        new = step + 1 if step + 1 < len(ladder) else step - 1
        self.sim.change_tier(customer_id, ladder[new])

    def change_contact(self, customer_id: str) -> None:
        """A new address or number."""
        what = pick(self.rng, NEW_CONTACT)
        contact = {}
        if what in ("email", "both"):
            contact["email"] = new_email(self.sim.customers[customer_id].name, self.rng)
        if what in ("phone", "both"):
            contact["phone"] = fictional_phone(self.rng)
        self.sim.change_contact(customer_id, contact)

    def buy(self, customer_id: str) -> None:
        """A ticket for a flight that still seems to go, for somebody who flies nowhere else."""
        mine = [b for b in self.sim.bookings.values() if b.customer_id == customer_id]
        ahead = [s for b in mine for s in b.segments if self.is_ahead(b, s)]
        flights = [
            state.flight
            for state in self.sim.flights.values()
            if self.sim.is_open(state.flight.key)
            and state.flight.departure > self.sim.now + SELLING_STOPS
        ]
        if ahead or not flights:
            return
        self.sell(customer_id, self.rng.choice(flights))

    def sell(self, customer_id: str, flight: Flight) -> None:
        """Write the booking and plan what its owner will do."""
        customer = self.sim.customers[customer_id]
        booking = self.sales.sell(customer, [flight], self.sim.now)
        self.sim.create_booking(booking)
        self.plan_trip(booking)

    def is_ahead(self, booking: Booking, segment: Segment) -> bool:
        """True for a trip that is still to come."""
        return booking.status != "cancelled" and self.sim.is_open(segment.key)
