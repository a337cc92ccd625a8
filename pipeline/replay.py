"""The player: fires the loaded day's events when the airline clock reaches them, and traffic.

A replayed event goes through the same door as a button's. Nothing is fired twice: the record knows
an event by its id, whatever this process remembers. Background traffic is made of the day's own
texts, on other customers, at the rate that the control table names.
"""

from __future__ import annotations

import bisect
import logging
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.engine import Connection

from pipeline import events, schema
from pipeline.clock import from_rfc3339
from pipeline.control import clock
from pipeline.events import ContractError, Event
from pipeline.fire import Door
from pipeline.ledger import Superseded
from pipeline.record import Check
from pipeline.schema import Database, get_control, put_control
from pipeline.world import read_events

TICK_S = 0.1
# Events fired in one tick at most: a hundred a second, about what one worker embeds. After a jump
# of hours the rest follows, and the stream is not made to look slow by a flood no airline sends.
BURST = 10
STREAM_READY_S = 20.0  # an opening's events wait this long for the worker, then go all the same
REMEMBER_EVERY = 50

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Day:
    """The events of the loaded days in the order of airline time."""

    times: list[datetime]
    events: list[dict[str, Any]]

    @classmethod
    def read(cls, about: dict[str, Any]) -> Day:
        """Read the replay files that the loaded world names.

        Raises:
            WorldError: a line that is no event.
        """
        zone = ZoneInfo(about["zone"])
        found = [
            (from_rfc3339(event["time"]), event)
            for name in about["replay"]
            for event in read_events(Path(name), about["moved_days"], zone)
        ]
        found.sort(key=lambda pair: pair[0])
        return cls([at for at, _ in found], [event for _, event in found])

    def until(self, now: datetime) -> int:
        """How many events lie at or before `now`."""
        return bisect.bisect_right(self.times, now)


class Player:
    """One a state folder."""

    def __init__(self, database: Database, door: Door) -> None:
        self._database = database
        self._door = door
        self._epoch = -1
        self._fired = 0
        self._day = Day([], [])
        self._traffic: Traffic | None = None

    def serve(self, stop: threading.Event) -> None:
        """Play until `stop` is set."""
        patient_until = time.monotonic() + STREAM_READY_S
        while not self._database.get("ready/stream") and time.monotonic() < patient_until:
            if stop.wait(TICK_S):
                return
        while not stop.wait(TICK_S):
            self._follow_epoch()
            try:
                self.play_due()
                if self._traffic:
                    self._traffic.tick(self._database.get("traffic_rate") or 0.0)
            except Superseded as over:
                log.info("the rest is not played: %s", over)

    def play_due(self) -> int:
        """Fire what the clock has reached, one burst at most; returns how many were fired.

        Raises:
            Superseded: another world has come meanwhile; the rest was not for it.
        """
        if not self._database.get("replay_on", True):
            return 0
        due = min(self._day.until(clock(self._database).now()), self._fired + BURST)
        started = self._fired
        for fields in self._day.events[started:due]:
            try:
                self._door.fire(events.parse(fields), self._this_world)
            except ContractError as breach:
                log.warning("refused %s: %s", fields.get("id"), breach)
            self._fired += 1
        if self._fired // REMEMBER_EVERY != started // REMEMBER_EVERY:
            with self._database.write() as connection:
                self._this_world(connection)  # or the next day would begin where this one was
                put_control(connection, "replayed", self._fired)
        return self._fired - started

    def _follow_epoch(self) -> None:
        epoch = self._database.get("epoch", -1)
        if epoch == self._epoch or not self._database.get("loaded"):
            return
        self._day = Day.read(self._database.get("world"))
        # A clock that starts in the morning has the night's events to catch up with first.
        self._fired = self._database.get("replayed") or 0
        self._traffic = Traffic(self._database, self._door, self._day, self._this_world)
        self._epoch = epoch

    def _this_world(self, connection: Connection) -> None:
        """A check for `Door.fire`: after a reset or an import nothing of before is fired."""
        if get_control(connection, "epoch") != self._epoch:
            raise Superseded(f"epoch {self._epoch} is over")


class Traffic:
    """Background traffic: a token bucket of tweets, chats, calls, e-mails and gate changes."""

    def __init__(self, database: Database, door: Door, day: Day, check: Check) -> None:
        self._door = door
        self._check = check
        self._random = random.Random(database.get("epoch"))
        heroes = {hero["customer_id"] for hero in (database.get("world") or {}).get("heroes", [])}
        customers = database.rows(select(schema.customers.c.customer_id))
        self._customers = [
            row["customer_id"] for row in customers if row["customer_id"] not in heroes
        ]
        self._templates = [
            event for event in day.events if str(event.get("type")).startswith("interaction.")
        ]
        self._last = time.monotonic()
        self._tokens = 0.0

    def tick(self, rate: float) -> int:
        """Fire what `rate` (events a wall second) allows since the last tick."""
        now = time.monotonic()
        self._tokens = min(self._tokens + rate * (now - self._last), float(BURST))
        self._last = now
        if not (self._templates and self._customers) or rate <= 0:
            self._tokens = 0.0
            return 0
        due = int(self._tokens)
        self._tokens -= due
        for event in self._events(due):
            self._door.fire(event, self._check)
        return due

    def _events(self, count: int) -> Iterator[Event]:
        for _ in range(count):
            template = self._random.choice(self._templates)
            customer = self._random.choice(self._customers)
            yield events.make(
                template["type"],
                f"customer/{customer}",
                template["data"],
                at=self._door.now(),
                customer_id=customer,
            )
