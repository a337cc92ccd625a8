"""One batch run, from the outbox to the context store. Read it from `run` downwards.

    extract -> bronze -> silver -> gold -> reverse ETL -> documents -> embed -> upsert -> ledger

The run takes what the outbox has at its start and becomes visible in one commit at its end. It may
be killed anywhere: until the last transaction nothing has moved the watermarks, and the next run
takes the same rows again; what it writes twice is the same.
Not here: when to run (`timetable`, `schedule`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import portalocker

from pipeline import ledger, measures
from pipeline.batch.extract import WATERMARKS, Extract, advanced, extract
from pipeline.batch.journal import Journal, OnStage, taken
from pipeline.batch.lake import FULL_LOAD, Lake, Session
from pipeline.batch.reverse_etl import flag_at_risk
from pipeline.batch.timetable import SYSTEMS
from pipeline.clock import to_rfc3339
from pipeline.documents import Document, documents
from pipeline.embed import BATCH, Encoder, Vectors
from pipeline.ledger import Superseded, epoch_fence
from pipeline.schema import Database, put_control
from pipeline.store import ContextStore, Embedded

Row = dict[str, Any]


@dataclass(frozen=True)
class RunResult:
    """What a run did. `seconds` are wall seconds by stage; `counts` as in `batch_runs`:

    scheduled (the source systems it takes; missing: all), extracted, sources (source system ->
    rows), rejected, unchanged, documents, at_risk, embedded.
    """

    run_id: int
    airline_time: datetime
    counts: dict[str, Any]
    seconds: dict[str, float]


def run(  # noqa: PLR0913, PLR0917 what it needs is handed in
    database: Database,
    store: ContextStore,
    encoder: Encoder,
    lake: Path,
    home: Path,
    airline_now: datetime,
    on_stage: OnStage | None = None,
    *,
    sources: Collection[str] | None = None,
) -> RunResult:
    """Bring everything recorded up to now into the batch arm's store.

    Args:
        lake: folder of the Parquet files; `home`: the state folder, for its locks.
        airline_now: the airline clock at this moment.
        sources: extract only these source systems; None: all.

    Raises:
        Superseded: the world was reset meanwhile; nothing of the run remains visible.
        portalocker.exceptions.LockException: another run is under way.
        Exception: the run failed; its row in `batch_runs` says why, and a new run starts over.
    """
    with alone(home):
        journal = Journal(database, airline_now, on_stage, sources)
        try:
            with _epoch_watch(database, journal.epoch):
                work = _Run(database, store, encoder, home, sources, journal)
                work.go(Lake.of(lake, journal.epoch))
        except Superseded:
            raise
        except Exception as failed:
            journal.fail(failed)
            raise
    return RunResult(journal.run_id, airline_now, journal.counts, journal.seconds)


@contextmanager
def _epoch_watch(database: Database, epoch: int) -> Iterator[None]:
    """Whatever goes wrong while a reset takes the lake away is that reset's doing."""
    try:
        yield
    except Exception as failed:
        if database.get("epoch") != epoch:
            raise Superseded(f"epoch {epoch} is over") from failed
        raise


@dataclass(frozen=True)
class _Found:
    """What the rest of a run needs from the lake; the bulk of the extract stays behind in it."""

    newest: int
    outcomes: list[Row]  # {sequence, outcome}
    rejects: list[Row]  # {sequence, reason, body}
    gold: list[Row]  # {kind, key, row, version, occurred_at, recorded_at, …}
    at_risk: set[str]
    aggregates: list[Row]  # {name, key, window_start, value, version}


@dataclass(frozen=True)
class _Run:
    database: Database
    store: ContextStore
    encoder: Encoder
    home: Path
    sources: Collection[str] | None
    journal: Journal

    def go(self, lake: Lake) -> None:
        """The steps; each comment is the shape of what the step hands on."""
        journal = self.journal
        journal.tell("started")
        for run_id in journal.unfinished:
            lake.drop(run_id)
        found = self._through_the_lake(lake)  # bronze, silver and gold, as files and as _Found

        with epoch_fence(self.database, self.home, journal.epoch):
            flag_at_risk(self.database, found.at_risk, to_rfc3339(journal.airline_now))
        journal.stage("reverse_etl")

        made = [document_of(row) for row in found.gold]  # [(document, recorded_at)]
        vectors = self._embed([document for document, _ in made])  # (documents, 384)
        journal.stage("embedded", documents=len(made))
        stages: dict[str, float | None] = {f"{name}_at": at for name, at in journal.times.items()}
        embedded = [
            Embedded(document, vector, stages | {"recorded_at": recorded_at})
            for (document, recorded_at), vector in zip(made, vectors, strict=True)
        ]

        with epoch_fence(self.database, self.home, journal.epoch):
            version = self.store.upsert(embedded)  # readers see all of it from here on, or none
            journal.upserted()
            self._finish(found, version)
            self.store.compact_when_due()
        journal.tell("searchable")

    def _through_the_lake(self, lake: Lake) -> _Found:
        journal = self.journal
        with self.database.read() as connection:
            taken = extract(connection, self.sources, full_load=not lake.has_full_load)
        journal.stage("extracted", extracted=len(taken.rows), sources=taken.sources)
        with lake.session(journal.run_id, journal.airline_now) as session:
            if taken.record is not None:
                with lake.session(FULL_LOAD, journal.airline_now) as first:
                    full_load(first, lake, taken.record)
            bronze(session, lake, taken, journal.run_id)
            journal.stage("bronze")
            changed = taken.rows.num_rows > 0
            outcomes, rejects = silver(session) if changed else ([], [])
            journal.stage("silver", **_counted(outcomes))
            gold_rows = gold(session) if changed else []
            at_risk = customers_at_risk(session)
            counts = aggregates(session)
            journal.stage("gold", at_risk=len(at_risk))
        return _Found(taken.newest, outcomes, rejects, gold_rows, at_risk, counts)

    def _embed(self, made: list[Document]) -> Vectors:
        # Equal passages ("Bag … was delivered") share a vector; sorted by length, those that
        # share a call of the model need little padding.
        passages = sorted({document.passage for document in made}, key=len)
        vectors: dict[str, Any] = {}
        # One call of the model at a time: a reset or a stop is noticed within a second.
        for start in range(0, len(passages), BATCH):
            chunk = passages[start : start + BATCH]
            vectors |= zip(chunk, self.encoder.encode(chunk), strict=True)
            if self.database.get("epoch") != self.journal.epoch:
                raise Superseded(f"epoch {self.journal.epoch} is over")
            self.journal.progress("embedding", embedded=len(vectors), to_embed=len(passages))
        return [vectors[document.passage] for document in made]  # type: ignore[return-value]

    def _finish(self, found: _Found, version: int) -> None:
        """One transaction: ledger, dead letters, gold counts, journal, watermarks."""
        journal = self.journal
        now = to_rfc3339(journal.airline_now)
        with self.database.write() as connection:
            ledger.write_in(
                connection,
                [
                    _progress(row, journal.times) | {"table_version": version}
                    for row in found.outcomes
                ],
                [_dead_letter(row, journal.times["silver"]) for row in found.rejects],
            )
            measures.replace(connection, "batch", found.aggregates)
            journal.close(connection)
            put_control(connection, WATERMARKS, advanced(connection, found.newest, self.sources))
            known = taken(connection)
            if len(known) == len(SYSTEMS):  # else it still is what it was at the load
                put_control(connection, "batch_as_of", min(known.values()))
            put_control(
                connection,
                "batch",
                {
                    "run_id": journal.run_id,
                    "last_run": now,
                    "started_at": journal.times["started"],
                    "finished_at": time.time(),
                    "newest": found.newest,
                    "counts": journal.counts,
                },
            )


# --- the steps, each on its SQL file --------------------------------------------------------------


def full_load(session: Session, lake: Lake, record: Any) -> None:
    """Run 0: the record as it stands, typed, so that later runs have something to join with."""
    session.table("record", record)
    session.let(bronze_file=str(lake.bronze_file("record", FULL_LOAD)))
    session.run("0_full_load.sql")
    session.run("3_silver_entities.sql")
    session.run("4_gold_customer_context.sql")


def bronze(session: Session, lake: Lake, taken: Extract, run_id: int) -> None:
    """One verbatim Parquet file a source system."""
    session.table("extract", taken.rows)
    files = [lake.bronze_file(source, run_id) for source in taken.sources]
    for source, file in zip(taken.sources, files, strict=True):
        session.let(source=source, bronze_file=str(file))
        session.run("1_bronze.sql")
    session.let(bronze_files=[str(file) for file in files])


def silver(session: Session) -> tuple[list[Row], list[Row]]:
    """Typed, deduplicated, checked: ([{sequence, outcome}], [{sequence, reason, body}])."""
    session.run("2_silver_events.sql")
    session.run("3_silver_entities.sql")
    return (
        session.rows("SELECT sequence, outcome FROM outcomes"),
        session.rows("SELECT sequence, reason, body FROM silver_rejects"),
    )


def gold(session: Session) -> list[Row]:
    """The customer context: one row an entity that changed."""
    session.run("4_gold_customer_context.sql")
    return session.rows("FROM gold_customer_context")


def customers_at_risk(session: Session) -> set[str]:
    """Ids of the customers to flag, from everything extracted so far."""
    session.run("views.sql")
    session.run("5_gold_at_risk.sql")
    return {row["customer_id"] for row in session.rows("SELECT customer_id FROM gold_at_risk")}


def aggregates(session: Session) -> list[Row]:
    """What reports count, from everything extracted so far; after `customers_at_risk`."""
    session.run("6_gold_aggregates.sql")
    return session.rows("FROM gold_aggregates")


def document_of(row: Row) -> tuple[Document, float]:
    """A gold row -> (its context document, when its event was recorded)."""
    image = {"kind": row["kind"], "key": row["key"], "row": json.loads(row["row"])}
    [document] = documents(image, version=row["version"], occurred_at=row["occurred_at"])
    return document, row["recorded_at"]


def _counted(outcomes: list[Row]) -> dict[str, int]:
    found = [row["outcome"] for row in outcomes]
    return {
        "rejected": found.count(ledger.DEAD_LETTER),
        "unchanged": found.count(ledger.UNCHANGED),
    }


def _progress(row: Row, times: dict[str, float]) -> ledger.Progress:
    """A row of `progress`: an event that made no document went no further than silver."""
    last = "embedded" if row["outcome"] == ledger.SEARCHABLE else "silver"
    stages = ("extracted", "bronze", "silver", "gold", "embedded")
    reached = stages[: stages.index(last) + 1]
    return {
        "arm": "batch",
        "sequence": row["sequence"],
        "outcome": row["outcome"],
        **{f"{stage}_at": times[stage] if stage in reached else None for stage in stages},
        "searchable_at": times["searchable"],
    }


def _dead_letter(row: Row, found_at: float) -> Row:
    return {
        "arm": "batch",
        "sequence": row["sequence"],
        "reason": row["reason"],
        "body": row["body"],
        "found_at": found_at,
    }


@contextmanager
def alone(home: Path, wait_s: float = 0.0) -> Iterator[None]:
    """While no batch runs: a run holds this, and whoever needs the lake to stand still.

    Raises:
        portalocker.exceptions.LockException: somebody holds it for longer than `wait_s`.
    """
    home.mkdir(parents=True, exist_ok=True)
    with portalocker.Lock(home / "batch.lock", "a", timeout=wait_s):
        yield
