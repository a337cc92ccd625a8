"""The player without a broker: what it plays is of the world that is there, and of no other."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline import events, replay
from pipeline.events import Event
from pipeline.fire import Door
from pipeline.record import Check, Recorded
from pipeline.replay import Player
from tests.worlds import NOON, Airline

NOBODY = "127.0.0.1:1"  # no broker answers there


@pytest.fixture
def airline(tmp_path: Path) -> Airline:
    """An airline with five tweets to play before noon."""
    made = Airline(tmp_path)
    tweet: dict[str, Any] = {"text": "hello", "direction": "inbound"}
    found = [events.make("interaction.tweet", "customer/C1", tweet, at=NOON) for _ in range(5)]
    day = tmp_path / "day.jsonl"
    day.write_text("".join(f"{json.dumps(one.model_dump(exclude_none=True))}\n" for one in found))
    world = made.database.get("world")
    made.database.put("world", world | {"replay": [str(day)]})
    made.database.put("ready/stream", 1)
    return made


class LastDoor(Door):
    """Stops the player after so many events; whatever comes after them has then happened."""

    def __init__(self, airline: Airline, stop: threading.Event, most: int) -> None:
        super().__init__(airline.database, NOBODY)
        self._airline = airline
        self._stop = stop
        self._most = most
        self.resets = False

    def fire(self, event: Event, check: Check | None = None) -> Recorded:
        recorded = super().fire(event, check)
        self._most -= 1
        if not self._most:
            self._stop.set()
            if self.resets:
                self._airline.reset()
        return recorded


@pytest.mark.parametrize(("resets", "left"), [(False, 5), (True, 0)])
def test_a_burst_ends_with_its_world(airline: Airline, *, resets: bool, left: int) -> None:
    stop = threading.Event()
    door = LastDoor(airline, stop, most=2)
    door.resets = resets
    Player(airline.database, door).serve(stop)
    assert len(airline.rows("outbox")) == left


def test_the_next_day_does_not_begin_where_this_one_was(
    airline: Airline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "REMEMBER_EVERY", 5)
    stop = threading.Event()
    door = LastDoor(airline, stop, most=5)
    door.resets = True
    Player(airline.database, door).serve(stop)
    assert not airline.database.get("replayed")
