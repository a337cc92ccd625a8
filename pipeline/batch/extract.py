"""Extract: the outbox rows that no run has taken yet, by watermark, a source system at a time.

The control value `batch_watermarks` is {"all": sequence up to which every source was taken,
"/flight-ops": a later one where a source was taken alone}. Reading changes nothing: the watermarks
move in the transaction that ends the run.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, Text, and_, cast, func, or_, select
from sqlalchemy.engine import Connection

from pipeline import schema
from pipeline.images import images
from pipeline.schema import get_control

ALL = "all"  # no source system is called that: theirs begin with a slash
WATERMARKS = "batch_watermarks"

COLUMNS = pa.schema(
    [
        ("sequence", pa.int64()),
        ("event_id", pa.string()),
        ("source", pa.string()),
        ("type", pa.string()),
        ("subject", pa.string()),
        ("customer_id", pa.string()),
        ("occurred_at", pa.string()),
        ("body", pa.binary()),
        ("breach", pa.string()),
        ("before", pa.string()),
        ("after", pa.string()),
        ("recorded_at", pa.float64()),
    ]
)
_IMAGES = pa.schema([("kind", pa.string()), ("key", pa.string()), ("image", pa.string())])


@dataclass(frozen=True)
class Extract:
    """What one run takes.

    `rows` has COLUMNS, in the order of `sequence`; `record` is the full load (kind, key, image),
    of the same moment, or None when it was not asked for.
    """

    rows: Any  # pyarrow.Table
    newest: int
    sources: dict[str, int]
    record: Any | None


def extract(connection: Connection, sources: Collection[str] | None, *, full_load: bool) -> Extract:
    """Read what is pending, of these source systems or of all, in one consistent view."""
    outbox = schema.outbox.c
    newest = int(
        connection.execute(select(func.coalesce(func.max(outbox.sequence), 0))).scalar_one()
    )
    condition = and_(_pending(_watermarks(connection)), outbox.sequence <= newest)
    if sources is not None:
        condition = and_(condition, outbox.source.in_(sources))
    # JSON columns as the text they are: what is not parsed cannot come out different.
    columns = [
        cast(outbox[name], Text).label(name) if name in ("before", "after") else outbox[name]
        for name in COLUMNS.names
    ]
    query = select(*columns).where(condition).order_by(outbox.sequence)
    rows = pa.Table.from_pylist(
        [dict(row) for row in connection.execute(query).mappings()], schema=COLUMNS
    )
    counted = rows["source"].value_counts().to_pylist()
    return Extract(
        rows=rows,
        newest=newest,
        sources={one["values"]: one["counts"] for one in counted},
        record=_record(connection) if full_load else None,
    )


def advanced(
    connection: Connection, newest: int, sources: Collection[str] | None
) -> dict[str, int]:
    """The watermarks after a run that took everything of `sources` up to `newest`.

    "all" moves to just before the oldest row that some source still has pending, so that a
    source with a slow schedule does not make the others read their past again.
    """
    marks = _watermarks(connection)
    if sources is None:
        return {ALL: newest}
    marks |= dict.fromkeys(sources, newest)
    oldest = connection.execute(
        select(func.min(schema.outbox.c.sequence))
        .where(_pending(marks))
        .where(schema.outbox.c.sequence <= newest)
    ).scalar_one()
    everyone = newest if oldest is None else oldest - 1
    return {ALL: everyone} | {
        source: mark for source, mark in marks.items() if source != ALL and mark > everyone
    }


def _watermarks(connection: Connection) -> dict[str, int]:
    return {ALL: 0} | (get_control(connection, WATERMARKS) or {})


def _pending(marks: Mapping[str, int]) -> ColumnElement[bool]:
    outbox = schema.outbox.c
    taken_alone = [
        or_(outbox.source != source, outbox.sequence > mark)
        for source, mark in marks.items()
        if source != ALL
    ]
    return and_(outbox.sequence > marks[ALL], *taken_alone)


def _record(connection: Connection) -> Any:
    return pa.Table.from_pylist(
        [
            {"kind": one["kind"], "key": one["key"], "image": _json(one["row"])}
            for one in images(connection)
        ],
        schema=_IMAGES,
    )


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
