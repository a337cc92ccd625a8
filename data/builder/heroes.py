"""The customers of heroes.toml: their bookings, their steps and the moments fixed for them."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from data.builder.bookings import WORLD_STARTS, Booking, Desk, Segment
from data.builder.contact import HOME
from data.builder.customers import Customer
from data.builder.flight_ops import Announcements
from data.builder.simulation import Message, Simulation
from data.builder.timetable import Flight, Key, at_local

HEROES = Path(__file__).parent / "heroes.toml"
BOOKED_BEFORE = timedelta(days=24, hours=3)

Step = dict[str, Any]


@dataclass(frozen=True)
class Hero:
    """One hero as written, with the flights of the story found in the timetable."""

    written: dict[str, Any]
    legs: dict[str, Flight]

    @property
    def customer(self) -> Customer:
        """The hero's row of customers.csv."""
        names = ("customer_id", "name", "email", "phone", "tier")
        return Customer(*(self.written[name] for name in names))

    def key(self, leg: str) -> Key:
        """The flight of a leg."""
        return self.legs[leg].key

    def text(self, text: str) -> str:
        """A text with the flight numbers filled in."""
        return text.format_map({leg: flight.number for leg, flight in self.legs.items()})


def read_heroes(timetable: dict[Key, Flight]) -> list[Hero]:
    """All heroes, the first one first."""
    real = {(flight.real, flight.date): flight for flight in timetable.values()}
    return [
        Hero(written, {n: real[leg["real"], leg["date"]] for n, leg in written["legs"].items()})
        for written in tomllib.loads(HEROES.read_text(encoding="utf-8"))["hero"]
    ]


def announcements(heroes: list[Hero]) -> Announcements:
    """What flight operations must announce at a certain moment, for the stories' sake."""
    fixed = Announcements()
    for hero in heroes:
        for name, leg in hero.written["legs"].items():
            flight = hero.legs[name]
            moment = partial(at_local, flight.date, airport=flight.origin)
            if "cancelled_at" in leg:
                fixed.cancelled_at[flight.key] = moment(leg["cancelled_at"])
            if "delayed" in leg:
                steps = [(moment(said), moment(new)) for said, new in leg["delayed"]]
                fixed.delayed_at[flight.key] = steps
            if "gates" in leg:
                fixed.gates_at[flight.key] = [(moment(at), gate) for at, gate in leg["gates"]]
    return fixed


def hero_bookings(heroes: list[Hero], desk: Desk) -> list[Booking]:
    """Their bookings; locators, tags and seats are reserved at the desk, later seats too."""
    return [hero_booking(number, hero, desk) for number, hero in enumerate(heroes)]


def hero_booking(number: int, hero: Hero, desk: Desk) -> Booking:
    """One hero's booking."""
    written = hero.written
    segments = [Segment(hero.key(leg["leg"]), leg["seat"]) for leg in written["booked"]]
    for segment in segments:
        desk.seats.take(segment.key, segment.seat)
    desk.locators.add(written["locator"])
    desk.tags.update(written["bags"])
    return Booking(
        locator=written["locator"],
        customer_id=written["customer_id"],
        cabin=written["cabin"],
        insurance=written["insurance"],
        created_at=WORLD_STARTS - BOOKED_BEFORE + timedelta(hours=7 * number, minutes=13 * number),
        passengers=written["passengers"],
        segments=segments,
        bags=written["bags"],
    )


@dataclass(frozen=True)
class Script:
    """Plays the heroes' steps."""

    sim: Simulation

    def plan_all(self, heroes: list[Hero]) -> None:
        """Put all steps into the queue."""
        for hero in heroes:
            for step in hero.written["steps"]:
                day, clock = step["at"].split()
                moment: datetime = at_local(day, clock, HOME)
                # A story shows seconds nowhere; a few keep it off the full minute.
                moment += timedelta(seconds=17)
                self.sim.at(moment, partial(self.doing(step["do"]), hero, step))

    def doing(self, verb: str) -> Callable[[Hero, Step], None]:
        """The method for a verb of heroes.toml."""
        return {
            "say": self.say,
            "rebook": self.rebook,
            "seat": self.seat,
            "cancel": self.cancel,
            "refund": self.refund,
            "voucher": self.voucher,
            "bag": self.bag,
        }[verb]

    def say(self, hero: Hero, step: Step) -> None:
        """Something the hero says, or is told by `answered_by`."""
        answered_by = step.get("answered_by", "")
        message = Message(
            channel=step["channel"],
            text=hero.text(step["text"]),
            direction="outbound" if answered_by else "inbound",
            handled_by=answered_by or step.get("taken_by", ""),
        )
        self.sim.say(hero.customer.customer_id, message)

    def rebook(self, hero: Hero, step: Step) -> None:
        """From one leg to another."""
        change = (hero.key(step["from"]), hero.key(step["to"]))
        self.sim.rebook(hero.written["locator"], change, step["seat"], step["reason"])

    def seat(self, hero: Hero, step: Step) -> None:
        """Another seat."""
        self.sim.change_seat(hero.written["locator"], hero.key(step["leg"]), step["seat"])

    def cancel(self, hero: Hero, step: Step) -> None:
        """Give the booking up."""
        self.sim.cancel_booking(hero.written["locator"], step["reason"])

    def refund(self, hero: Hero, step: Step) -> None:
        """Money back."""
        self.sim.refund(hero.written["locator"], step["amount"])

    def voucher(self, hero: Hero, step: Step) -> None:
        """A voucher."""
        self.sim.voucher(hero.customer.customer_id, step["amount"])

    def bag(self, hero: Hero, step: Step) -> None:
        """A scan of the hero's bag."""
        key = hero.key(step["leg"]) if "leg" in step else None
        self.sim.move_bag(step["tag"], step["status"], step["place"], key)
