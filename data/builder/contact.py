"""The contact centre: hears customers on every channel and answers some of them."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from data.builder.bookings import Booking
from data.builder.simulation import Simulation
from data.builder.timetable import Key, airports, at_local, city, local
from data.builder.words import Voice

HOME = "JFK"  # whose clock people live by before they fly
# How likely an answer is, and after how many minutes.
ANSWERED = {"tweet": 0.40, "chat": 0.62, "call": 0.06, "email": 0.40}
ANSWER_TAKES = {"tweet": (5, 90), "chat": (1, 9), "call": (30, 180), "email": (60, 400)}
NIGHT_ENDS, MORNING_HOURS = 6, 3


@dataclass(frozen=True)
class ContactCentre:
    """Writes down what is said. `scripted` customers speak only in heroes.toml."""

    sim: Simulation
    rng: random.Random
    voice: Voice
    scripted: set[str] = field(default_factory=set)

    def passengers(self, key: Key) -> list[Booking]:
        """The bookings on the flight whose people decide for themselves."""
        return [b for b in self.sim.on_board(key) if b.customer_id not in self.scripted]

    def hear(self, situation: str, customer_id: str, slots: dict[str, str]) -> None:
        """The customer says something now; maybe an agent answers later."""
        customer = self.sim.customers[customer_id]
        message = self.voice.inbound(situation, customer, slots)
        self.sim.say(customer_id, message)
        if self.voice.answers(situation) and self.chance(ANSWERED[message.channel]):
            answer = self.voice.reply(situation, message, customer, slots)
            moment = self.after(*ANSWER_TAKES[message.channel])
            self.sim.at(moment, partial(self.sim.say, customer_id, answer))

    def hear_of_trip(self, situation: str, locator: str, key: Key) -> None:
        """The same, about one flight of a booking."""
        booking = self.sim.bookings[locator]
        self.hear(situation, booking.customer_id, trip_slots(self.sim, booking, key))

    def after(self, least: float, most: float) -> datetime:
        """A moment `least` to `most` minutes from now."""
        return self.sim.now + timedelta(minutes=self.rng.uniform(least, most))

    def awake(self, moment: datetime) -> datetime:
        """The moment, or some time in the morning if it is in the night."""
        day, clock = local(moment, HOME).split()
        if int(clock[:2]) >= NIGHT_ENDS:
            return moment
        morning = at_local(day, f"{NIGHT_ENDS:02d}:00", HOME)
        return morning + timedelta(hours=self.rng.uniform(0, MORNING_HOURS))

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.rng.random() < probability


def trip_slots(sim: Simulation, booking: Booking, key: Key) -> dict[str, str]:
    """What a text may say of a booking's flight."""
    state = sim.flights[key]
    seats = [segment.seat for segment in booking.segments if segment.key == key]
    return {
        "flight": key[0],
        "city": city(state.flight.destination),
        "airport": state.flight.origin,
        "place": airports()[state.flight.destination]["name"],
        "gate": state.gate,
        "seat": seats[0] if seats else "",
        "tag": booking.bags[0] if booking.bags else "",
        "locator": booking.locator,
    }
