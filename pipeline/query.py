"""One SELECT, asked of both worlds: the same table names, each arm's own rows behind them.

Every query reads the newest commit of the store and one consistent view of the record, copies the
tables that it names into Arrow, and lets them go again: no writer ever waits for it.
Not here: what keeps a query harmless (`sandbox`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import JSON, Boolean, Float, Integer, LargeBinary, Table, Text, cast
from sqlalchemy import select as rows_of
from sqlalchemy.engine import Connection

from pipeline import sandbox, schema
from pipeline.batch.lake import Lake
from pipeline.images import ENTITY_KEYS
from pipeline.sandbox import SECONDS, QueryError, Rows, Select
from pipeline.schema import ARMS, Arm, Database, get_control
from pipeline.store import ContextStore

_LEAST_S = 0.5  # what the second arm gets where the first one took all the time
_OF_ARM = (schema.aggregates, schema.progress, schema.dead_letters)
_RECORD = {f"record.{table.name}": table for table in schema.WORLD_TABLES} | {
    "outbox": schema.outbox
}
_SILVER = {f"silver.{kind}": f"silver/{kind}" for kind in (*ENTITY_KEYS, "events", "rejects")}
_GOLD = {f"gold.{name}": f"gold/{name}" for name in ("customer_context", "at_risk", "aggregates")}
_LAKE = {"bronze.events": "bronze", "bronze.record": "bronze/record", **_SILVER, **_GOLD}

TABLES: Mapping[str, str] = {
    "context": "what the airline's agent can find: documents, without their vectors",
    "aggregates": "counts and sums by window: running in the stream, by run in the batch",
    "progress": "when each event passed each stage, and when it became searchable",
    "dead_letters": "what broke the contract, and why",
    "outbox": "every event, in order (both arms read the same)",
    "record.…": f"the truth: {', '.join(table.name for table in schema.WORLD_TABLES)}",
    "bronze.…": "Benighted only, as extracted: events, record",
    "silver.…": f"Benighted only, typed, one row a run: {', '.join((*ENTITY_KEYS, 'events'))}, …",
    "gold.…": "Benighted only, by run: customer_context, at_risk, aggregates",
}
"""Name -> what it holds, for people."""


class NoLakehouseError(QueryError):
    """The question is about files that this arm does not have."""


@dataclass(frozen=True)
class Outcome:
    """What one arm said: `rows`, or `error` in one sentence.

    `absent`: it is not the query that is wrong, the arm has no such tables. `shared`: the query
    reads the record and its outbox alone, which no airline knows better than the other.
    """

    arm: Arm
    rows: Rows | None
    error: str | None = None
    absent: bool = False
    shared: bool = False


class Desk:
    """Where queries are handed in. Safe to share between threads."""

    def __init__(self, database: Database, stores: Mapping[Arm, ContextStore], lake: Path) -> None:
        self._database = database
        self._stores = stores
        self._lake = lake

    def ask(self, sql: str) -> dict[Arm, Outcome]:
        """Run one SELECT in both worlds. A query that is wrong is wrong in both."""
        try:
            query = sandbox.read(sql)
            names = query.tables
            unknown = names - {"context", *_names(_OF_ARM), *_RECORD, *_LAKE}
            if unknown:
                raise QueryError(
                    f"There is no table {sorted(unknown)[0]}: what there is stands under Tables."
                )
            with self._database.read() as connection:
                epoch = int(get_control(connection, "epoch") or 0)
                shared = {name: _arrow(connection, _RECORD[name]) for name in names & {*_RECORD}}
                own = {
                    arm: {
                        table.name: _arrow(connection, table, arm)
                        for table in _OF_ARM
                        if table.name in names
                    }
                    for arm in ARMS
                }
        except QueryError as wrong:
            return {arm: Outcome(arm, None, str(wrong)) for arm in ARMS}
        deadline = time.monotonic() + SECONDS  # for both together: it is one core's time
        return {arm: self._ask(arm, query, shared | own[arm], epoch, deadline) for arm in ARMS}

    def _ask(
        self, arm: Arm, query: Select, tables: dict[str, pa.Table], epoch: int, deadline: float
    ) -> Outcome:
        try:
            if "context" in query.tables:
                tables["context"] = self._stores[arm].arrow()
            tables |= self._lakehouse(arm, query.tables & {*_LAKE}, epoch)
            left = max(_LEAST_S, deadline - time.monotonic())
            shared = query.tables <= {*_RECORD}
            return Outcome(arm, sandbox.run(query, tables, left), shared=shared)
        except NoLakehouseError as none:
            return Outcome(arm, None, str(none), absent=True)
        except QueryError as wrong:
            return Outcome(arm, None, str(wrong))

    def _lakehouse(self, arm: Arm, names: Iterable[str], epoch: int) -> dict[str, pa.Table]:
        wanted = sorted(names)
        if not wanted:
            return {}
        if arm == "stream":
            raise NoLakehouseError(
                "Enlightened has no lakehouse: bronze, silver and gold are Benighted's own. "
                "What it knows is in context."
            )
        lake = Lake(self._lake / f"epoch={epoch}")
        if not lake.has_full_load:
            raise NoLakehouseError(
                "The lakehouse is empty until Benighted's first batch has run: run it now."
            )
        return {name: _parquet(lake.root / _LAKE[name], name) for name in wanted}


def _names(tables: Sequence[Table]) -> set[str]:
    return {table.name for table in tables}


def _parquet(folder: Path, name: str) -> pa.Table:
    """All files of a layer; `run_file` says which run wrote a row."""
    files = folder.glob("*/run=*.parquet" if name == "bronze.events" else "run=*.parquet")
    paths = sorted(str(file) for file in files if name != "bronze.events" or _is_dump(file))
    if not paths:
        raise NoLakehouseError(f"{name} is empty: no batch has extracted an event yet.")
    with duckdb.connect(":memory:", config={"threads": "1", "memory_limit": "256MB"}) as reader:
        query = (
            "SELECT * EXCLUDE (filename), parse_filename(filename, true) AS run_file "
            "FROM read_parquet($1, union_by_name := true, filename := true, "
            "hive_partitioning := false)"
        )
        return reader.sql(query, params=[paths]).to_arrow_table()


def _is_dump(file: Path) -> bool:
    return file.parent.name != "record"


def _arrow(connection: Connection, table: Table, arm: Arm | None = None) -> pa.Table:
    """A table of the record, one arm's rows of it where it has arms."""
    shown = [column for column in table.columns if not (arm and column.name == "arm")]
    query = rows_of(
        # JSON as the text it is, to be asked with ->>
        *(cast(one, Text).label(one.name) if _is_json(one) else one for one in shown)
    ).order_by(*table.primary_key.columns)
    if arm:
        query = query.where(table.c.arm == arm)
    columns: list[tuple[Any, ...]] = list(zip(*connection.execute(query).all(), strict=True))
    arrays = [
        pa.array(_text(one, values), type=_type(one))
        for one, values in zip(shown, columns or [()] * len(shown), strict=True)
    ]
    return pa.Table.from_arrays(arrays, names=[one.name for one in shown])


def _is_json(column: Any) -> bool:
    return isinstance(column.type, JSON)


def _text(column: Any, values: Sequence[Any]) -> Sequence[Any]:
    """Bodies are bytes that need not be UTF-8."""
    if not isinstance(column.type, LargeBinary):
        return values
    return [None if value is None else value.decode("utf-8", "replace") for value in values]


def _type(column: Any) -> pa.DataType:
    for kind, found in ((Boolean, pa.bool_()), (Integer, pa.int64()), (Float, pa.float64())):
        if isinstance(column.type, kind):
            return found
    return pa.string()
