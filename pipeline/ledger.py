"""The ledger: which outbox event has become searchable in which arm, and when.

It is the consumer's inbox of the inbox pattern (a redelivered event that is already in the ledger
is skipped before it is embedded again) and the source of every latency and staleness figure. Times
are wall clock, seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import portalocker
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from pipeline import schema
from pipeline.schema import Arm, Database

SEARCHABLE = "searchable"
UNCHANGED = "unchanged"  # a late event: recorded, but it changed nothing, so there is no document
DEAD_LETTER = "dead_letter"
FIRST_VERSIONS = "first_versions"  # control value: {arm: version of its table before any event}

Progress = dict[str, Any]
"""One row of `progress`: arm, sequence, outcome, the stage times that apply, searchable_at."""


class Superseded(RuntimeError):
    """The world was reset while this work was under way: drop it."""


def done(database: Database, arm: Arm, sequences: Sequence[int]) -> set[int]:
    """Those of `sequences` that the arm has already dealt with."""
    progress = schema.progress.c
    query = (
        select(progress.sequence).where(progress.arm == arm).where(progress.sequence.in_(sequences))
    )
    return {row["sequence"] for row in database.rows(query)}


def unseen(database: Database, arm: Arm, sequences: Sequence[int]) -> tuple[int, set[int]]:
    """The record's epoch, and those of `sequences` that the arm has not dealt with; one view."""
    progress = schema.progress.c
    query = (
        select(progress.sequence).where(progress.arm == arm).where(progress.sequence.in_(sequences))
    )
    with database.read() as connection:
        seen = set(connection.execute(query).scalars())
        return schema.get_control(connection, "epoch"), set(sequences) - seen


def newest_entry(database: Database, arm: Arm) -> float | None:
    """Wall time at which the arm last made an event searchable."""
    progress = schema.progress.c
    query = select(func.max(progress.searchable_at).label("at")).where(progress.arm == arm)
    at: float | None = database.rows(query)[0]["at"]
    return at


def version_at(database: Database, arm: Arm, wall: float) -> int | None:
    """Version of the arm's context table at a wall time; None where it was not noted."""
    progress = schema.progress.c
    query = (
        select(progress.table_version)
        .where(progress.arm == arm)
        .where(progress.searchable_at <= wall)
        .order_by(progress.searchable_at.desc(), progress.table_version.desc())
        .limit(1)
    )
    found = database.rows(query)
    if found:
        version: int | None = found[0]["table_version"]
        return version
    first = database.get(FIRST_VERSIONS) or {}
    return first.get(arm)


def write(
    database: Database, rows: Sequence[Progress], dead_letters: Sequence[dict[str, Any]] = ()
) -> None:
    """Add rows to the ledger; an event that is there already keeps its first time.

    Args:
        rows: rows of `progress`.
        dead_letters: rows of `dead_letters`: sequence, arm, reason, body, found_at.
    """
    with database.write() as connection:
        write_in(connection, rows, dead_letters)


def write_in(
    connection: Connection,
    rows: Sequence[Progress],
    dead_letters: Sequence[dict[str, Any]] = (),
) -> None:
    """As `write`, inside a transaction."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    for table, new in ((schema.progress, rows), (schema.dead_letters, dead_letters)):
        if new:
            connection.execute(insert(table).on_conflict_do_nothing(), list(new))


@contextmanager
def epoch_fence(database: Database, home: Path, epoch: int) -> Iterator[None]:
    """Hold a reset off while a store is written, and refuse to write for a world that is gone.

    Every writer of a store takes the fence shared; `reset` takes it exclusively.

    Raises:
        Superseded: the record's epoch is no longer `epoch`.
    """
    with _fence(home, portalocker.LockFlags.SHARED):
        if database.get("epoch") != epoch:
            raise Superseded(f"epoch {epoch} is over")
        yield


@contextmanager
def tidy_fence(home: Path) -> Iterator[None]:
    """Hold a reset off while a store is compacted, whatever world is in it."""
    with _fence(home, portalocker.LockFlags.SHARED):
        yield


@contextmanager
def reset_fence(home: Path) -> Iterator[None]:
    """Keep every writer of the stores out while the world is put back."""
    with _fence(home, portalocker.LockFlags.EXCLUSIVE):
        yield


@contextmanager
def _fence(home: Path, flags: portalocker.LockFlags) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "fence.lock").open("a") as file:
        portalocker.lock(file, flags)
        try:
            yield
        finally:
            portalocker.unlock(file)
