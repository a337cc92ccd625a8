"""SQL of strangers over Arrow tables: read only, in memory, within limits of time, rows and memory.

A DuckDB connection a query: it sees the tables that it is given and nothing else, neither files
nor network nor Python's variables. Not here: which tables there are (`query`).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

SECONDS = 5.0
ROWS = 1_000
LONGEST = 10_000  # characters of a query
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": "1",  # the other core belongs to the stream
    "memory_limit": "256MB",
    "max_temp_directory_size": "0KB",  # what does not fit is refused, never spilt to disk
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
# Of the functions that stand where a table could; others read files, raw memory or more SQL.
_TABLE_FUNCTIONS = frozenset(
    {"range", "generate_series", "unnest", "json_each", "json_tree", "repeat"}
)


class QueryError(ValueError):
    """A query that cannot be run, in one sentence for the one who wrote it."""


@dataclass(frozen=True)
class Rows:
    """What a query found: at most `ROWS` rows, `cut` if there were more; `ms` wall time."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    cut: bool
    ms: float


@dataclass(frozen=True)
class Select:
    """One SELECT, and the tables that it reads: lower case, with their schema if it names one."""

    text: str
    tables: frozenset[str]


def read(sql: str) -> Select:
    """Read a query without running it.

    Raises:
        QueryError: it is not one SELECT, or uses what is not allowed here.
    """
    if len(sql) > LONGEST:
        raise QueryError(f"The query is longer than {LONGEST:,} characters.")
    with _connection() as connection:
        found = connection.execute("SELECT json_serialize_sql($1::VARCHAR)", [sql]).fetchall()
        parsed = json.loads(found[0][0])
    if parsed["error"]:
        if parsed["error_type"] == "not implemented":
            raise QueryError("Only SELECT can be run here: nothing on this page writes.")
        raise QueryError(_sentence(parsed["error_message"]))
    if len(parsed["statements"]) != 1:
        raise QueryError("Write one query: one SELECT, without another statement after it.")
    nodes = list(_nodes(parsed))
    for node in nodes:
        _check(node)
    own = {pair["key"].lower() for node in nodes for pair in _ctes(node)}
    named = {_name(node) for node in nodes if node.get("type") == "BASE_TABLE"}
    return Select(sql, frozenset(named - own))


def run(query: Select, tables: Mapping[str, pa.Table], seconds: float = SECONDS) -> Rows:
    """Run what `read` has passed.

    Args:
        tables: name or schema.name -> rows.
        seconds: wall time after which it is stopped.

    Raises:
        QueryError: the query is wrong, or took too much time or memory.
    """
    started = time.perf_counter()
    with _connection() as connection:
        _give(connection, tables)
        connection.execute("SET lock_configuration = true")
        timer = threading.Timer(seconds, connection.interrupt)
        timer.start()
        try:
            found = connection.execute(query.text)  # a stream: what is not fetched is not made
            columns = tuple(column[0] for column in found.description or ())
            rows = found.fetchmany(ROWS + 1)
        except duckdb.InterruptException:
            raise QueryError(
                f"Stopped after {SECONDS:g} s: ask for less, or join fewer rows."
            ) from None
        except duckdb.OutOfMemoryException:
            limit = _CONFIG["memory_limit"]
            raise QueryError(f"It needs more than {limit} of memory: ask for less.") from None
        except duckdb.Error as failed:
            raise QueryError(_sentence(str(failed))) from None
        finally:
            timer.cancel()
    ms = (time.perf_counter() - started) * 1000
    return Rows(columns, rows[:ROWS], len(rows) > ROWS, ms)


@contextmanager
def _connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:", config=_CONFIG) as connection:
        yield connection


def _give(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table]) -> None:
    for number, (name, rows) in enumerate(tables.items()):
        schema, _, table = name.rpartition(".")
        if schema:
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        connection.register(f"given_{number}", rows)
        connection.execute(f'CREATE VIEW "{schema or "main"}"."{table}" AS FROM given_{number}')


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of a parsed query."""
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _check(node: dict[str, Any]) -> None:
    kind = node.get("type")
    if kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name", "")).lower()
        if name not in _TABLE_FUNCTIONS:
            raise QueryError(f"{name}() cannot be used here: a query sees this page's tables only.")
    if kind == "SHOW_REF" and not node.get("query"):
        raise QueryError("What there is stands under Tables; DESCRIBE context works.")


def _ctes(node: dict[str, Any]) -> list[dict[str, Any]]:
    named = node.get("cte_map")
    return list(named["map"]) if named else []


def _name(node: dict[str, Any]) -> str:
    path = [node["catalog_name"], node["schema_name"], node["table_name"]]
    return ".".join(part.lower() for part in path if part and part.lower() != "main")


def _sentence(message: str) -> str:
    """DuckDB's message without its class, its drawing of the line and its line breaks."""
    said = message.split("\nLINE ")[0]
    head, separator, tail = said.partition(" Error: ")
    said = tail if separator and " " not in head.strip() else said
    return " ".join(said.replace("!", ".").split())
