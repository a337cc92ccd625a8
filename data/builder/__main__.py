"""Builds everything: `python -m data.builder [--out DIR]`."""

import argparse
import random
from datetime import UTC, datetime
from pathlib import Path

from data.builder.baggage import Baggage
from data.builder.bookings import WORLD_STARTS, Desk, Seats, make_bookings
from data.builder.contact import ContactCentre
from data.builder.customers import make_customers
from data.builder.files import replay_files, world_files, write
from data.builder.flight_ops import FlightOps
from data.builder.heroes import Hero, Script, announcements, hero_bookings, read_heroes
from data.builder.reactions import Reactions
from data.builder.routine import Routine
from data.builder.samples import write_samples
from data.builder.simulation import Data, Simulation, World
from data.builder.timetable import read_timetable
from data.builder.words import Voice, read_phrases

SEED = "blizzard"
REPLAY_ENDS = datetime(2013, 2, 10, 10, tzinfo=UTC)
DATA = Path(__file__).parent.parent


def make_world() -> tuple[World, list[Hero], Desk]:
    """The airline before the first event."""
    timetable = read_timetable(SEED)
    heroes = read_heroes(timetable)
    customers = make_customers(SEED, [hero.customer for hero in heroes])
    desk = Desk(timetable, Seats(), random.Random(f"{SEED}/bookings"))
    bookings = make_bookings(desk, customers, hero_bookings(heroes, desk))
    return World(timetable, customers, bookings, desk.seats), heroes, desk


def play(world: World, heroes: list[Hero], sales: Desk) -> list[Data]:
    """Both days' events. Changes `world`: write it down before."""
    phrases = read_phrases()
    sim = Simulation(world, WORLD_STARTS, REPLAY_ENDS)
    rng = {who: random.Random(f"{SEED}/{who}") for who in ("ops", "words", "people", "bags")}
    scripted = {hero.customer.customer_id for hero in heroes}
    desk = ContactCentre(sim, rng["words"], Voice(rng["words"], phrases), scripted)
    baggage = Baggage(sim, rng["bags"], desk)
    reactions = Reactions(sim, rng["people"], desk, baggage, phrases["reasons"])
    FlightOps(sim, rng["ops"], phrases["reasons"], announcements(heroes)).plan_all()
    baggage.listen()
    reactions.listen()
    baggage.plan_all()
    Routine(sim, rng["people"], desk, sales, reactions).plan_all()
    Script(sim).plan_all(heroes)
    sim.run()
    return sim.events


def build(out: Path) -> None:
    """Write out/world and out/replay (the policies and the raw feed are written by hand)."""
    world, heroes, sales = make_world()
    write(out / "world", world_files(world, heroes))
    write(out / "replay", replay_files(play(world, heroes, sales)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m data.builder", description=__doc__)
    parser.add_argument("--out", type=Path, default=DATA, help="folder to write to")
    folder = parser.parse_args().out
    build(folder)
    write_samples(folder / "samples", make_world()[0])
