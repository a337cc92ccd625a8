"""The lake: one folder of Parquet files an epoch, and the DuckDB connection that works on them.

    lake/epoch=<E>/bronze/<source system>/run=<id>.parquet   verbatim
                   silver/<kind | events | rejects>/run=<id>.parquet
                   gold/<customer_context | at_risk | aggregates>/run=<id>.parquet

Every run writes files of its own and changes none: its cost follows what changed, not the history.
Run 0 is the first full load. The lake holds personal data as the sources sent it; what leaves it
for a context store goes through `documents`, which masks.
Not here: what the steps do (`sql/`), and in which order (`run`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from duckdb.func import FunctionNullHandling

from pipeline.events import parse
from pipeline.images import ENTITY_KEYS
from pipeline.measures import is_complaint

SQL = Path(__file__).parent / "sql"
FULL_LOAD = 0  # the run that is no run
FOLDERS = (
    "bronze/record",
    *(f"silver/{kind}" for kind in (*ENTITY_KEYS, "events", "rejects")),
    "gold/customer_context",
    "gold/at_risk",
    "gold/aggregates",
)

# Everything that is needed is linked in. Without these DuckDB would look for extensions on the
# network when a query names something that it does not know.
_OFFLINE = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
# One thread: on two cores the other one belongs to the stream, and a run is a second of SQL.
_SMALL = {"threads": "1", "memory_limit": "512MB"}


@dataclass(frozen=True)
class Lake:
    """The lake of one epoch."""

    root: Path

    @classmethod
    def of(cls, lake: Path, epoch: int) -> Lake:
        """The epoch's lake; those of worlds that are gone are deleted."""
        here = lake / f"epoch={epoch}"
        for other in lake.glob("epoch=*"):
            if other != here:
                shutil.rmtree(other, ignore_errors=True)
        for folder in FOLDERS:
            (here / folder).mkdir(parents=True, exist_ok=True)
        return cls(here)

    @property
    def has_full_load(self) -> bool:
        """Whether run 0 was finished: its last file is there (DuckDB writes aside and renames)."""
        return (self.root / "gold" / "customer_context" / _run_file(FULL_LOAD)).exists()

    def bronze_file(self, source: str, run_id: int) -> Path:
        """Where a source system's dump goes; its folder is made."""
        folder = self.root / "bronze" / source.strip("/")
        folder.mkdir(parents=True, exist_ok=True)
        return folder / _run_file(run_id)

    def drop(self, run_id: int) -> None:
        """Delete what a run that did not end has left."""
        for left in self.root.rglob(f"*{_run_file(run_id)}"):
            if left.name in (_run_file(run_id), f"tmp_{_run_file(run_id)}"):
                left.unlink(missing_ok=True)

    @contextmanager
    def session(self, run_id: int, airline_now: datetime) -> Iterator[Session]:
        """A DuckDB session for the SQL files of one run."""
        with duckdb.connect(":memory:", config={**_OFFLINE, **_SMALL}) as connection:
            connection.create_function(
                "contract_breach",
                contract_breach,
                ["BLOB"],
                "VARCHAR",
                null_handling=FunctionNullHandling.SPECIAL,
            )
            connection.create_function(
                "is_complaint", is_complaint, ["VARCHAR", "VARCHAR"], "BOOLEAN"
            )
            session = Session(connection)
            session.let(
                lake=str(self.root),
                run_id=run_id,
                run_file=_run_file(run_id),
                airline_now=airline_now.astimezone(UTC).replace(tzinfo=None),
            )
            yield session


@dataclass(frozen=True)
class Session:
    """DuckDB, for as long as a run lasts: named values in, SQL files, rows out."""

    connection: duckdb.DuckDBPyConnection

    def let(self, **values: Any) -> None:
        """Set variables that the SQL reads with `getvariable('name')`."""
        for name, value in values.items():
            self.connection.execute(f"SET VARIABLE {name} = $1", [value])

    def table(self, name: str, rows: Any) -> None:
        """Show an Arrow table to the SQL under a name."""
        self.connection.register(name, rows)

    def run(self, file: str) -> None:
        """Run one of the SQL files."""
        self.connection.execute((SQL / file).read_text(encoding="utf-8"))

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query as dicts."""
        found = self.connection.execute(query)
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def contract_breach(body: bytes) -> str | None:
    """Why a body breaks the event contract, in the words of `events.parse`; None if it does not."""
    try:
        parse(body)
    except ValueError as breach:
        # Also a plain ValueError: one body that Python cannot read must not stop a whole run.
        return str(breach).encode("utf-8", "backslashreplace").decode()
    return None


def _run_file(run_id: int) -> str:
    return f"run={run_id}.parquet"
