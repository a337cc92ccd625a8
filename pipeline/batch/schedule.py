"""The batch process: looks at the airline clock, and runs a batch when its time has come.

Alone: `python -m pipeline.batch`. It never asks the stream and the stream never asks it; the two
arms share the outbox, the pure steps, and nothing else. When batches fall is in `timetable`.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import portalocker
from sqlalchemy import func, select

from pipeline import embed, schema
from pipeline.batch import journal, sources
from pipeline.batch.run import RunResult, run
from pipeline.batch.timetable import SYSTEMS, Timetable
from pipeline.clock import ClockState, from_rfc3339
from pipeline.ledger import Superseded
from pipeline.schema import Database, get_control, put_control
from pipeline.settings import Settings
from pipeline.store import ContextStore

POLL_S = 0.2
BACK_OFF_S = (1.0, 2.0, 5.0, 10.0, 30.0)

log = logging.getLogger(__name__)


class Stopped(RuntimeError):
    """The process is to end; what was under way starts over with the next one."""


def serve(settings: Settings, stop: threading.Event | None = None) -> None:
    """Run batches until `stop` is set. A run that fails is noted and tried again, with back-off.

    Raises:
        WrongEncoder: the store was filled by another encoder than EMBEDDER.
    """
    # A batch run wants a whole core for half a minute. On two cores the stream, which has
    # milliseconds, must not wait for it; a batch has hours.
    if hasattr(os, "nice"):
        os.nice(10)
    scheduler = Scheduler(settings, stop or threading.Event())
    while not scheduler.stop.wait(POLL_S):
        try:
            scheduler.tick()
        except Stopped:
            return
        except Superseded as over:
            log.info("the run is dropped: %s", over)
        except portalocker.LockException:
            log.info("the batch waits: the lake is in other hands")
        except Exception:
            log.exception("the batch is tried again in %s s", scheduler.back_off())


def post_request(database: Database) -> int:
    """Ask the batch process for a run now, and do not wait; returns the request's number."""
    with database.write() as connection:
        number = int(get_control(connection, "batch_request") or 0) + 1
        put_control(connection, "batch_request", number)
    return number


def request_run(database: Database, *, timeout_s: float) -> dict[str, Any]:
    """Ask the batch process for a run now, and wait for it.

    Returns:
        the run's row in `batch_runs` and "seconds", wall seconds by stage. "error" is None, or says
        why it failed (the process tries again by itself) or that nothing came within `timeout_s`.
    """
    runs = schema.batch_runs
    newest = select(func.coalesce(func.max(runs.c.run_id), 0).label("run_id"))
    before = database.rows(newest)[0]["run_id"]
    number = post_request(database)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if (database.get("batch_served") or 0) >= number:
            run_id = (database.get("batch") or {}).get("run_id")
            found = database.rows(select(runs).where(runs.c.run_id == run_id))
            return _report(found[0]) if found else {"error": "the world was reset meanwhile"}
        failed = (runs.c.run_id > before) & runs.c.error.is_not(None)
        for row in database.rows(select(runs).where(failed).order_by(runs.c.run_id)):
            return _report(row)
        time.sleep(POLL_S / 2)
    return {"error": f"no batch run ended within {timeout_s:g} s; is the engine up?"}


def _report(run_row: dict[str, Any]) -> dict[str, Any]:
    reached = [name for name in STAGES if run_row[name] is not None]
    seconds = {
        name.removesuffix("_at"): round(run_row[name] - run_row[before], 3)
        for before, name in zip(reached, reached[1:], strict=False)
    }
    return run_row | {"seconds": seconds}


STAGES = (
    "started_at",
    "extracted_at",
    "bronze_at",
    "silver_at",
    "gold_at",
    "reverse_etl_at",
    "embedded_at",
    "searchable_at",
)
_CONTROLS = ("epoch", "loaded", "clock", "batch_request", "batch_served")


@dataclass(frozen=True)
class _Wanted:
    """What the control table says, read at once."""

    epoch: int | None
    now: datetime
    starts_at: datetime
    timetable: Timetable
    request: float
    served: float


class Scheduler:
    """Remembers since when no batch time was crossed; everything else is in the record."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self.stop = stop
        self._settings = settings
        self._database = schema.database(settings.database)
        self._store = ContextStore(settings.stores, "batch", settings.embedder)
        self._epoch: int | None = None
        self._groups: dict[str, float] = {}  # as last seen: group of the timetable -> hours
        self._since: dict[str, datetime] = {}  # group -> no batch time was crossed after this
        self._failures = 0
        self._not_before = 0.0

    def tick(self) -> RunResult | None:
        """Look once; run if it is time.

        Raises:
            Superseded, Exception: as `run`.
        """
        wanted = self._wanted()
        if wanted is None:
            return None
        self._follow(wanted)
        asked = wanted.request > wanted.served
        due = frozenset(self._groups) if asked else wanted.timetable.due(self._since, wanted.now)
        if not due or time.monotonic() < self._not_before:
            return None
        result = run(
            self._database,
            self._store,
            embed.encoder(self._settings.embedder),
            self._settings.lake,
            self._settings.airline_home,
            wanted.now,
            self._or_stop,
            sources=self._members(due, wanted.timetable),
        )
        self._since |= dict.fromkeys(due, wanted.now)
        self._failures = 0
        if asked:
            self._database.put("batch_served", wanted.request)
        return result

    def back_off(self) -> float:
        """After a failure: hold the next run back, longer each time; returns the seconds."""
        wait = BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
        self._failures += 1
        self._not_before = time.monotonic() + wait
        return wait

    def _follow(self, wanted: _Wanted) -> None:
        """Bring what is remembered up to date with the world and its timetable."""
        if wanted.epoch != self._epoch:
            # Another world: nothing that was remembered is true of it.
            self._epoch, self._groups = wanted.epoch, {}
            self._failures, self._not_before = 0, 0.0
        groups = wanted.timetable.groups
        if not self._groups:
            self._since = self._last_taken(wanted)
        for group, hours in groups.items():
            if self._groups and self._groups.get(group) != hours:
                # A new interval counts from now on: choosing it is not a request to run.
                self._since[group] = wanted.now
        self._groups = groups
        # Not after now, where the clock was put back.
        self._since = {group: min(self._since[group], wanted.now) for group in groups}

    def _last_taken(self, wanted: _Wanted) -> dict[str, datetime]:
        """Group -> airline time of the last run that took all of it, or of the world's start."""
        with self._database.read() as connection:
            taken = journal.taken(connection)
        found: dict[str, datetime] = {}
        for source in SYSTEMS:
            at = from_rfc3339(taken[source]) if source in taken else wanted.starts_at
            group = wanted.timetable.group(source)
            found[group] = min(at, found.get(group, at))
        return dict.fromkeys(wanted.timetable.groups, wanted.now) | found

    def _members(self, groups: frozenset[str], timetable: Timetable) -> frozenset[str] | None:
        """The source systems of these groups; None: of all groups."""
        if groups >= timetable.groups.keys():
            return None
        # Whoever sends to the raw feed may name a source system that nobody has heard of.
        named = self._database.rows(select(schema.outbox.c.source).distinct())
        every = {*SYSTEMS, *(row["source"] for row in named)}
        return frozenset(source for source in every if timetable.group(source) in groups)

    def _wanted(self) -> _Wanted | None:
        """None while no world is loaded."""
        with self._database.read() as connection:
            value = {name: get_control(connection, name) for name in _CONTROLS}
            timetable = sources.read(connection, self._settings)
        if not value["clock"] or value["loaded"] is False:
            return None
        clock = ClockState.model_validate(value["clock"])
        return _Wanted(
            epoch=value["epoch"],
            now=clock.now(),
            starts_at=clock.starts_at,
            timetable=timetable,
            request=value["batch_request"] or 0,
            served=value["batch_served"] or 0,
        )

    def _or_stop(self, _stage: str, _counts: dict[str, Any]) -> None:
        if self.stop.is_set():
            raise Stopped("stopped; the next run starts over")
