"""The pulse of the world: the live figures of clock, arms and batch, read once for all sessions.

Every page draws these several times a second; a short memory makes ten sessions cost what one does.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import func, select

from agent.contacts import Report, counted
from pipeline import freshness, schema
from pipeline.batch import sources
from pipeline.batch.timetable import Timetable
from pipeline.clock import ClockState, from_rfc3339
from pipeline.schema import Arm, Database, get_control
from pipeline.settings import Settings

FRESH_S = 0.3
SPAN_S = 300.0  # what the staleness chart shows, wall seconds
STEP_S = 1.0  # one point of the chart
FINE_S = 0.05  # the stream's worst staleness in a step is looked for at this grain
SEEN_S = 15.0  # a session that drew nothing for this long is gone
_CONTROLS = (
    "clock", "epoch", "world", "batch", "batch_as_of", "batch_request", "batch_served",
    "replay_on", "traffic_rate",
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """The world at wall time `read_at`. Staleness and latency are wall seconds."""

    read_at: float
    clock: ClockState
    epoch: int
    about: dict[str, Any]
    batch_as_of: datetime
    timetable: Timetable
    next_run: datetime  # of any source system
    batch_busy: bool
    replay_on: bool
    traffic: float
    events: int
    stream_s: float
    batch_s: float
    batch_waiting: int
    latency_s: float | None
    contacts: Mapping[Arm, Report]

    @property
    def heroes(self) -> list[dict[str, str]]:
        """[{customer_id, title, story, question}] of the loaded world."""
        return list(self.about.get("heroes") or [])

    def next_run_of(self, source: str) -> datetime:
        """When the next batch falls that takes this source system."""
        return self.timetable.next_run_of(source, self.clock.now())

    @property
    def behind_s(self) -> float:
        """How far the stream is behind now: its staleness, at least what the last event took."""
        return max(self.stream_s, self.latency_s or 0.0)


@dataclass
class History:
    """Points of the staleness chart, oldest first."""

    at: deque[float] = field(default_factory=deque)
    batch: deque[float] = field(default_factory=deque)
    stream: deque[float] = field(default_factory=deque)


class Pulse:
    """One a server. Safe to share between threads."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._lock = threading.Lock()
        self._world: World | None = None
        self._history = History()
        self._epoch = -1
        self._sessions: dict[str, float] = {}

    def world(self) -> World:
        """The world, at most `FRESH_S` old."""
        with self._lock:
            if self._world is None or time.time() - self._world.read_at > FRESH_S:
                self._world = self._read()
            return self._world

    def forget(self) -> None:
        """Read anew at the next call: somebody has just changed something."""
        with self._lock:
            self._world = None

    def history(self) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
        """(wall times, staleness of batch, staleness of stream) of the last `SPAN_S` seconds.

        The stream's value is its worst in the step that ends there.
        """
        epoch = self.world().epoch
        with self._lock:
            if epoch != self._epoch:
                self._epoch, self._history = epoch, History()
            self._extend(time.time())
            return tuple(self._history.at), tuple(self._history.batch), tuple(self._history.stream)

    def every(self, base_s: float, session: str) -> float:
        """How often this session should draw: slower when many look on."""
        now = time.time()
        with self._lock:
            self._sessions[session] = now
            seen = {name: at for name, at in self._sessions.items() if now - at < SEEN_S}
            self._sessions = seen
        return base_s * max(1.0, len(seen) / 3)

    def _extend(self, now: float) -> None:
        points = self._history
        start = points.at[-1] if points.at else now - SPAN_S
        start = max(start, now - SPAN_S)
        steps = int((now - start) / STEP_S)
        if steps < 1:
            return
        ends = [start + STEP_S * (number + 1) for number in range(steps)]
        points.at.extend(ends)
        points.batch.extend(freshness.history(self._database, "batch", ends).tolist())
        points.stream.extend(self._worst(start, ends))
        while points.at and points.at[0] < now - SPAN_S:
            for series in (points.at, points.batch, points.stream):
                series.popleft()

    def _worst(self, start: float, ends: Sequence[float]) -> list[float]:
        # A catch-up over minutes is coarser: the matrix behind it is points times events.
        grain = max(1, int(STEP_S / FINE_S / max(1, len(ends) // 10)))
        fine = start + STEP_S * (np.arange(len(ends) * grain) + 1) / grain
        found = freshness.history(self._database, "stream", fine.tolist())
        return [float(value) for value in found.reshape(len(ends), grain).max(axis=1)]

    def _read(self) -> World:
        with self._database.read() as connection:
            value = {name: get_control(connection, name) for name in _CONTROLS}
            timetable = sources.read(connection, self._settings)
            newest = select(func.coalesce(func.max(schema.outbox.c.sequence), 0))
            events = int(connection.execute(newest).scalar_one())
        clock = ClockState.model_validate(value["clock"])
        latencies = freshness.latencies_ms(self._database, "stream", recent=1)
        waiting = freshness.pending(self._database, "batch")
        now, oldest = time.time(), waiting["recorded_at"]
        return World(
            read_at=now,
            clock=clock,
            epoch=int(value["epoch"] or 0),
            about=value["world"] or {},
            batch_as_of=from_rfc3339(value["batch_as_of"]),
            timetable=timetable,
            next_run=timetable.next_run(clock.now()),
            batch_busy=self._batch_busy(value),
            replay_on=value["replay_on"] is not False,
            traffic=float(value["traffic_rate"] or 0.0),
            events=events,
            stream_s=freshness.staleness(self._database, "stream", now),
            batch_s=0.0 if oldest is None else now - oldest,
            batch_waiting=int(waiting["count"]),
            latency_s=float(latencies[0]) / 1000 if len(latencies) else None,
            contacts=counted(self._database),
        )

    def _batch_busy(self, value: dict[str, Any]) -> bool:
        runs = schema.batch_runs.c
        newest = select(runs.searchable_at, runs.error).order_by(runs.run_id.desc()).limit(1)
        found = self._database.rows(newest)
        under_way = bool(found) and found[0]["searchable_at"] is None and found[0]["error"] is None
        return under_way or (value["batch_request"] or 0) > (value["batch_served"] or 0)
