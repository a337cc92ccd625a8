"""Where the bags go: check-in, sorting hall, loading, carousel, owner; some take another way.

Bags of a cancelled flight come back to the baggage hall before their owners can leave.
"""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from data.builder.contact import ContactCentre
from data.builder.simulation import WITH_CUSTOMER, Simulation
from data.builder.timetable import Key

CHECK_IN_CLOSES = timedelta(minutes=30)
COMES_BACK_LATER = timedelta(hours=4)
LOADING = timedelta(minutes=22)
MISROUTED, LOST_COMPLAINT, HELD_COMPLAINT = 0.09, 0.9, 0.3
HUBS = ("ATL", "BOS", "CLT", "DFW", "IAD", "MIA", "ORD", "SFO")


@dataclass
class Baggage:
    """Scans every bag of every booking that is not scripted."""

    sim: Simulation
    rng: random.Random
    desk: ContactCentre
    flown_on: dict[str, Key] = field(default_factory=dict)

    def listen(self) -> None:
        """React to what happens to flights."""
        self.sim.on("flight.cancelled", self.on_cancelled)
        self.sim.on("flight.landed", self.on_landed)

    def plan_all(self) -> None:
        """Everybody intends to check in for every flight they hold."""
        for booking in list(self.sim.bookings.values()):
            if booking.customer_id not in self.desk.scripted:
                for segment in booking.segments:
                    self.plan(booking.locator, segment.key)

    def plan(self, locator: str, key: Key) -> None:
        """Come to the counter one to two and a half hours before departure."""
        before = timedelta(minutes=self.rng.uniform(60, 150))
        moment = self.sim.flights[key].departure - before
        self.sim.at(moment, partial(self.check_in, locator, key))

    def check_in(self, locator: str, key: Key) -> None:
        """Hand in the bags, unless there is no flight to hand them in for."""
        if not self.sim.is_open(key) or locator not in self.sim.holders.get(key, set()):
            return
        ahead = self.sim.flights[key].departure - self.sim.now
        if ahead > COMES_BACK_LATER:
            self.plan(locator, key)
        elif ahead > CHECK_IN_CLOSES:
            for tag in self.sim.bookings[locator].bags:
                self.hand_in(tag, key)

    def hand_in(self, tag: str, key: Key) -> None:
        """One bag at the counter; it shows up in the sorting hall and at loading later."""
        if self.sim.bags[tag].status not in WITH_CUSTOMER:
            return
        origin = self.sim.flights[key].flight.origin
        self.flown_on[tag] = key
        self.sim.move_bag(tag, "checked", f"{origin} check-in", key)
        sorting = partial(self.pass_by, tag, f"{origin} sorting hall")
        self.sim.at(self.desk.after(8, 26), sorting)
        self.sim.at(self.sim.flights[key].departure - LOADING, partial(self.load, tag, key))

    def pass_by(self, tag: str, place: str) -> None:
        """A scanner on the way, if the bag still goes that way."""
        key = self.flown_on.get(tag)
        if key is not None and self.sim.is_open(key):
            self.sim.move_bag(tag, "located", place, key)

    def load(self, tag: str, key: Key) -> None:
        """Bags are loaded shortly before departure, whenever that is in the end."""
        if not self.sim.is_open(key) or self.flown_on.get(tag) != key:
            return
        moment = self.sim.flights[key].departure - LOADING
        if moment > self.sim.now:
            self.sim.at(moment, partial(self.load, tag, key))
            return
        origin = self.sim.flights[key].flight.origin
        self.sim.move_bag(tag, "located", f"{origin} loading ramp", key)

    def tags_on(self, key: Key) -> list[str]:
        """The bags handed in for a flight."""
        return [tag for tag, flight in self.flown_on.items() if flight == key]

    def on_cancelled(self, key: Key) -> None:
        """The bags come back to the baggage hall and wait for their owners."""
        hall = f"{self.sim.flights[key].flight.origin} baggage hall"
        for tag in self.tags_on(key):
            del self.flown_on[tag]
            self.sim.at(self.desk.after(20, 80), partial(self.hold, tag, hall, key))

    def hold(self, tag: str, hall: str, key: Key) -> None:
        """Back in the hall; the owner asks, comes and takes it home."""
        self.sim.move_bag(tag, "located", hall)
        locator = self.sim.bags[tag].locator
        if self.desk.chance(HELD_COMPLAINT):
            ask = partial(self.desk.hear_of_trip, "bag_held", locator, key)
            self.sim.at(self.desk.after(3, 20), ask)
        fetch = partial(self.sim.move_bag, tag, "delivered", hall)
        self.sim.at(self.desk.after(25, 140), fetch)

    def on_landed(self, key: Key) -> None:
        """Most bags come to the carousel."""
        for tag in self.tags_on(key):
            del self.flown_on[tag]
            if self.desk.chance(MISROUTED):
                self.lose(tag, key)
            else:
                self.bring(tag, key)

    def bring(self, tag: str, key: Key) -> None:
        """To the carousel, then into the owner's hands."""
        airport = self.sim.flights[key].flight.destination
        belt = f"{airport} carousel {self.rng.randint(1, 9)}"
        moment = self.desk.after(10, 28)
        self.sim.at(moment, partial(self.sim.move_bag, tag, "located", belt))
        moment += timedelta(minutes=self.rng.uniform(4, 25))
        self.sim.at(moment, partial(self.sim.move_bag, tag, "delivered", f"{airport} arrivals"))

    def lose(self, tag: str, key: Key) -> None:
        """Somewhere else: found hours later, brought to the owner's door the next morning."""
        flight = self.sim.flights[key].flight
        away = [hub for hub in (*HUBS, flight.origin) if hub != flight.destination]
        wrong = self.rng.choice(away)
        misrouted = partial(self.sim.move_bag, tag, "misrouted", f"{wrong} transfer area")
        self.sim.at(self.desk.after(20, 45), misrouted)
        if self.desk.chance(LOST_COMPLAINT):
            locator = self.sim.bags[tag].locator
            cry = partial(self.desk.hear_of_trip, "bag_missing", locator, key)
            self.sim.at(self.desk.after(46, 120), cry)
        found = self.desk.after(150, 540)
        office = f"{wrong} baggage office"
        self.sim.at(found, partial(self.sim.move_bag, tag, "located", office))
        home = found + timedelta(minutes=self.rng.uniform(180, 720))
        place = f"{flight.city}, at the customer's address"
        self.sim.at(home, partial(self.sim.move_bag, tag, "delivered", place))
