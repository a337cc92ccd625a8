"""Reading the outbox: the log of every event, in order, with what it changed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, func, select

from pipeline import schema
from pipeline.schema import Database

Row = dict[str, Any]


def after(database: Database, sequence: int, limit: int = 1000) -> list[Row]:
    """The next rows after `sequence`."""
    outbox = schema.outbox
    query = select(outbox).where(outbox.c.sequence > sequence)
    return database.rows(query.order_by(outbox.c.sequence).limit(limit))


def unpublished(database: Database, *, recorded_before: float, limit: int = 1000) -> list[Row]:
    """Rows that no broker has acknowledged, recorded before a wall time, oldest first."""
    outbox = schema.outbox
    query = (
        select(outbox)
        .where(outbox.c.published_at.is_(None))
        .where(outbox.c.recorded_at < recorded_before)
        .order_by(outbox.c.sequence)
        .limit(limit)
    )
    return database.rows(query)


def unfinished(database: Database, *, published_before: float, limit: int = 1000) -> list[Row]:
    """Rows that a broker took before a wall time and that the stream's ledger does not have."""
    outbox, progress = schema.outbox, schema.progress
    of_stream = and_(progress.c.sequence == outbox.c.sequence, progress.c.arm == "stream")
    query = (
        select(outbox)
        .outerjoin(progress, of_stream)
        .where(progress.c.sequence.is_(None))
        .where(outbox.c.published_at < published_before)
        .order_by(outbox.c.sequence)
        .limit(limit)
    )
    return database.rows(query)


def newest(database: Database) -> int:
    """Sequence of the newest event; 0 when there is none."""
    with database.read() as connection:
        query = select(func.coalesce(func.max(schema.outbox.c.sequence), 0))
        return int(connection.execute(query).scalar_one())
