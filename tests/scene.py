"""A world in which something has happened, so that each page has something to show.

For pictures and for checks of how pages look. The day of a running engine is played on through the
doors that the pages use: events of several customers, bytes that break the contract, a batch run,
a repaired letter; then, after the batch, a cancellation that only one airline hears of.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from pipeline import dead_letters, outbox
from pipeline.batch.schedule import request_run
from pipeline.engine import brokers_of
from pipeline.fire import Door
from pipeline.freshness import pending
from pipeline.schema import Database
from pipeline.settings import Settings
from tests.engines import wait
from ui import console, situation

HERO = "C0001"
PAGES = ("live", "follow", "health", "knew", "query", "how", "settings")
PARTS = (
    "health-latency",
    "health-runs",
    "health-machine",
    "health-letters",
    "how-tradeoffs",
    "how-sceptic",
)
_BEFORE = ((HERO, "3"), ("C0002", "B"), ("C0002", "9"), ("C0005", "6"), (HERO, "7"))
_AFTER = (("C0002", "6"), (HERO, "1"))
_RUN_S = 180.0


@dataclass(frozen=True)
class Scene:
    """What the addresses of pages need."""

    customer: str
    event: str  # id of the cancellation
    recorded_at: float  # when that was recorded, wall time
    letter: int  # sequence of a dead letter that is still to mend


def play(home: Path) -> Scene:
    """Let it happen on the engine of a state folder; ends when the stream has heard of it all."""
    chosen = Settings(airline_home=home)
    database = Database(chosen.database)
    try:
        door = Door(database, brokers_of(chosen))
        for customer, key in _BEFORE:
            _press(door, database, customer, key)
        for raw in console.raw_texts():
            door.fire_raw(raw.encode())
        _settle(database)
        error = request_run(database, timeout_s=_RUN_S)["error"]
        assert error is None, error
        _repair_one(door, database, ZoneInfo(chosen.home_zone))
        for customer, key in _AFTER:
            last = _press(door, database, customer, key)
        _settle(database)
        event = next(one for one in outbox.after(database, last - 1))
        letter = next(one for one in dead_letters.letters(database) if not one.repaired_by)
        return Scene(HERO, event["event_id"], event["recorded_at"], letter.sequence)
    finally:
        database.close()


def _press(door: Door, database: Database, customer: str, key: str) -> int:
    """Press one button of the console for a customer; returns the event's outbox sequence."""
    found = situation.read(database, customer)
    assert found
    now = door.now()
    at = console.Situated(database, found, found.next_trip(now), now, turn=0)
    button = next(one for one in console.buttons() if one.key == key)
    return console.fire(door, console.draft(button, at), now)


def _repair_one(door: Door, database: Database, zone: ZoneInfo) -> None:
    """One letter that can be put right without guessing goes its way again."""
    for letter in dead_letters.letters(database):
        proposal = dead_letters.propose(letter, zone)
        if proposal.breach is None and letter.repaired_by is None:
            dead_letters.repair(door, letter.sequence, proposal.text)
            return


def _settle(database: Database) -> None:
    wait(lambda: not pending(database, "stream")["count"], _RUN_S, "the stream is behind")


def addresses(scene: Scene) -> dict[str, tuple[str, str]]:
    """Name -> (address, what is there once it is drawn) of `PAGES` and `PARTS`."""
    health, how = "Freshness_and_health", "How_it_works"
    return {
        "live": (f"?customer={scene.customer}", ".card.stream .badge"),
        "follow": (f"Follow_an_event?event={scene.event}", ".matrix .badge"),
        "health": (health, ".airline-chart .main-svg"),
        "health-latency": (f"{health}?view=Latency+and+lag", ".airline-chart .main-svg"),
        "health-runs": (f"{health}?view=Batch+runs", ".airline-chart .main-svg"),
        "health-machine": (f"{health}?view=Stores+and+processes", "table"),
        "health-letters": (f"{health}?view=Dead+letters&letter={scene.letter}", "textarea"),
        "knew": (
            f"What_they_knew?customer={scene.customer}&at={scene.recorded_at + 1:.3f}",
            ".card.stream .badge",
        ),
        "query": ("Query_both_worlds", ".airline-chart .main-svg"),
        "how": (how, ".diagram .node"),
        "how-tradeoffs": (f"{how}?part=Trade-offs", ".st-key-tradeoffs"),
        "how-sceptic": (f"{how}?part=A+sceptic+asks", "[data-testid=stExpander]"),
        "settings": ("Settings", ".st-key-settings-reset"),
    }
