"""The record's rows as JSON lines, for another machine to read: checked against the tables' types.

One JSON object a line, a key a column; bytes as base64. Text and not a database file: whoever reads
it runs nothing that somebody has put into it.
Not here: which control values travel, and when (`snapshot`).
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator
from typing import IO, Any

from sqlalchemy import JSON, Boolean, Column, Float, Integer, LargeBinary, String, Table

from pipeline import schema

Row = dict[str, Any]
TABLES = (*schema.WORLD_TABLES, *schema.LOG_TABLES, schema.baseline, schema.control)
MOST_LINE = 256_000_000  # bytes: the baseline holds a whole table in one row
_PYTHON: tuple[tuple[type[Any], tuple[type, ...]], ...] = (
    (Boolean, (bool,)),
    (Integer, (int,)),
    (Float, (float, int)),
    (String, (str,)),
)


def line(table: Table, row: Row) -> bytes:
    """One row as a line."""
    shown = {
        column.name: _shown(column, row[column.name]) for column in table.c if column.name in row
    }
    return json.dumps(shown, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def rows(table: Table, file: IO[bytes]) -> Iterator[Row]:
    """The rows of a file of lines.

    Raises:
        ValueError: a line is no row of this table; names line and column.
    """
    number = 0
    while text := file.readline(MOST_LINE):
        number += 1
        where = f"{table.name}, line {number}"
        try:
            found = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise ValueError(f"{where}: not JSON") from None
        if not isinstance(found, dict) or found.keys() != {column.name for column in table.c}:
            raise ValueError(f"{where}: not the columns of this table")
        yield {column.name: _value(column, found[column.name], where) for column in table.c}


def moved(table: Table, row: Row, by_s: float) -> Row:
    """A row with its wall times moved: the columns of floats that end in `_at`."""
    later = {
        column.name: row[column.name] + by_s
        for column in table.c
        if isinstance(column.type, Float)
        and column.name.endswith("_at")
        and row[column.name] is not None
    }
    return row | later


def _shown(column: Column[Any], value: Any) -> Any:
    if isinstance(column.type, LargeBinary) and value is not None:
        return base64.b64encode(value).decode()
    return value


def _value(column: Column[Any], value: Any, where: str) -> Any:
    if isinstance(column.type, JSON) or (value is None and column.nullable):
        return value
    if isinstance(column.type, LargeBinary):
        try:
            return base64.b64decode(value, validate=True)
        except (TypeError, ValueError):
            raise ValueError(f"{where}, column {column.name}: not base64") from None
    kinds = next(kinds for sql, kinds in _PYTHON if isinstance(column.type, sql))
    # True is an int to Python, and 1e999 a float.
    if type(value) not in kinds or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"{where}, column {column.name}: not {kinds[0].__name__}")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(name)
