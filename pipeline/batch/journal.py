"""The journal of a run: its row in `batch_runs`, written as the run goes, for whoever watches.

The last entry is made in the transaction that ends the run, together with the ledger and the
watermarks: either all of it is there or the run never happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Connection

from pipeline import schema
from pipeline.batch.timetable import SYSTEMS
from pipeline.clock import to_rfc3339
from pipeline.schema import Database, get_control

OnStage = Callable[[str, dict[str, Any]], None]
"""Called after each stage with its name and the counts so far; may raise to end the run.

The stages: started, extracted, bronze, silver, gold, reverse_etl, embedding (repeatedly), embedded,
upserted (in the store, not yet in the ledger), searchable.
"""

NOTE_EVERY_S = 0.3
SCHEDULED = "scheduled"  # in the counts: the source systems that a run takes; missing: all
DIED = "ended without a word: the process was killed in it"


class Journal:
    """One run's stage times (wall clock, seconds since 1970) and counts, and the world it is of.

    `unfinished` are the runs of this world that failed or died: what they left can be deleted.
    """

    def __init__(
        self,
        database: Database,
        airline_now: datetime,
        on_stage: OnStage | None,
        sources: Collection[str] | None = None,
    ) -> None:
        self._database = database
        self._on_stage = on_stage or (lambda _stage, _counts: None)
        self.airline_now = airline_now
        self.times = {"started": time.time()}
        self.counts: dict[str, Any] = {} if sources is None else {SCHEDULED: sorted(sources)}
        self.unfinished: list[int] = []
        self.epoch = 0
        self._noted = 0.0
        self.run_id = self._open()

    @property
    def seconds(self) -> dict[str, float]:
        """Wall seconds that each stage took."""
        names = list(self.times)
        return {
            name: self.times[name] - self.times[before]
            for before, name in zip(names, names[1:], strict=False)
        }

    def tell(self, stage: str) -> None:
        """Tell whoever watches, and note nothing."""
        self._on_stage(stage, self.counts)

    def stage(self, name: str, **counts: Any) -> None:
        """A stage is done."""
        self.times[name] = time.time()
        self.counts |= counts
        with self._database.write() as connection:
            self._note(connection, {f"{name}_at": self.times[name]})
        self.tell(name)

    def progress(self, name: str, **counts: Any) -> None:
        """A long stage is under way: noted a few times a second, so that nobody waits for it."""
        self.counts |= counts
        if time.time() - self._noted > NOTE_EVERY_S:
            self._noted = time.time()
            with self._database.write() as connection:
                self._note(connection, {})
        self.tell(name)

    def upserted(self) -> None:
        """The store has it: from this wall time on a search finds it."""
        self.times["searchable"] = time.time()
        self.tell("upserted")

    def close(self, connection: Connection) -> None:
        """The last entry, in the transaction that ends the run."""
        self._note(connection, {"searchable_at": self.times["searchable"]})

    def fail(self, error: BaseException) -> None:
        """The run failed, and will be tried again under the next number."""
        with self._database.write() as connection:
            self._note(connection, {"error": f"{type(error).__name__}: {error}"[:2000]})

    def _open(self) -> int:
        runs = schema.batch_runs
        with self._database.write() as connection:
            self.epoch = int(get_control(connection, "epoch", 0))
            newest = connection.execute(select(func.coalesce(func.max(runs.c.run_id), 0)))
            run_id = int(newest.scalar_one()) + 1
            dead = runs.c.searchable_at.is_(None)
            self.unfinished = list(connection.execute(select(runs.c.run_id).where(dead)).scalars())
            connection.execute(
                update(runs).where(dead).where(runs.c.error.is_(None)).values(error=DIED)
            )
            connection.execute(
                insert(runs).values(
                    run_id=run_id,
                    airline_time=to_rfc3339(self.airline_now),
                    started_at=self.times["started"],
                    counts=self.counts,
                )
            )
        return run_id

    def _note(self, connection: Connection, values: dict[str, Any]) -> None:
        runs = schema.batch_runs
        connection.execute(
            update(runs).where(runs.c.run_id == self.run_id).values(counts=self.counts, **values)
        )


STAGES = ("extracted", "bronze", "silver", "gold", "reverse_etl", "embedded", "searchable")


def recent(database: Database, limit: int) -> list[dict[str, Any]]:
    """The newest runs, newest first: their row in `batch_runs`, and what each stage took.

    `took` is {stage of STAGES: wall seconds} of the stages that are over, in their order.
    """
    runs = schema.batch_runs
    found = database.rows(select(runs).order_by(runs.c.run_id.desc()).limit(limit))
    return [row | {"took": _took(row)} for row in found]


def takes(run: dict[str, Any], source: str) -> bool:
    """Whether a run, a row of `batch_runs`, takes what this source system holds."""
    scheduled = run["counts"].get(SCHEDULED)
    return scheduled is None or source in scheduled


def taken(connection: Connection, wall: float | None = None) -> dict[str, str]:
    """Source system -> airline time of the newest run that took it; missing: none did yet.

    Args:
        wall: as it was at this wall time; None: now.
    """
    runs = schema.batch_runs.c
    ended = runs.searchable_at.is_not(None) if wall is None else runs.searchable_at <= wall
    query = select(runs.airline_time, runs.counts).where(ended).order_by(runs.run_id.desc())
    found: dict[str, str] = {}
    for run in connection.execute(query).mappings():
        for source in SYSTEMS:
            if source not in found and takes(dict(run), source):
                found[source] = run["airline_time"]
        if len(found) == len(SYSTEMS):
            break
    return found


def _took(row: dict[str, Any]) -> dict[str, float]:
    reached = [name for name in ("started", *STAGES) if row[f"{name}_at"] is not None]
    return {
        name: row[f"{name}_at"] - row[f"{before}_at"]
        for before, name in zip(reached, reached[1:], strict=False)
    }
