"""The source systems as people set them up: how often each is extracted, and how it stands now.

The intervals live in the control table: every process and every open page sees a change at once.
Not here: when a batch falls (`timetable`), and the runs themselves.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, select
from sqlalchemy.engine import Connection

from pipeline import schema
from pipeline.batch import journal
from pipeline.batch.timetable import LONGEST_H, SHORTEST_H, SYSTEMS, Timetable
from pipeline.clock import to_rfc3339
from pipeline.schema import Database, get_control, put_control
from pipeline.settings import Settings

INTERVAL = "batch_interval_h"  # of all source systems that have none of their own
EXCEPTIONS = "batch_exceptions"  # {source system: hours}


def timetable(database: Database, settings: Settings) -> Timetable:
    """The timetable as it is set now."""
    with database.read() as connection:
        return read(connection, settings)


def read(connection: Connection, settings: Settings) -> Timetable:
    """As `timetable`, inside a transaction; the settings stand in for what nobody has set."""
    world = get_control(connection, "world") or {}
    return Timetable(
        float(get_control(connection, INTERVAL) or settings.batch_interval_h),
        ZoneInfo(world.get("zone") or settings.home_zone),
        get_control(connection, EXCEPTIONS) or {},
    )


def set_interval(database: Database, hours: float | None, source: str | None = None) -> None:
    """Change how often the batch runs, from now on.

    Args:
        hours: airline hours; None: this source system follows the others again.
        source: one source system; None: all that have no interval of their own.

    Raises:
        ValueError: no such source system, or not a time from a minute to a day; nothing changed.
    """
    if source is not None and source not in SYSTEMS:
        raise ValueError(f"no source system {source!r}; there are {', '.join(SYSTEMS)}")
    if hours is None and source is None:
        raise ValueError("the interval of all source systems has to be a number of hours")
    if hours is not None and not (math.isfinite(hours) and SHORTEST_H <= hours <= LONGEST_H):
        raise ValueError(
            f"a batch interval of {hours:g} hours; expected 1/60 (every minute) to 24 (nightly)"
        )
    with database.write() as connection:
        if source is None:
            put_control(connection, INTERVAL, hours)
            return
        exceptions = get_control(connection, EXCEPTIONS) or {}
        exceptions.pop(source, None)
        own = {} if hours is None else {source: hours}
        put_control(connection, EXCEPTIONS, exceptions | own)


def overview(database: Database, settings: Settings, now: datetime) -> list[dict[str, Any]]:
    """How each source system stands at the airline time `now`.

    Returns:
        [{source, interval_h, own (whether that is an exception), last_run, next_run (airline time,
        RFC 3339; None before the first), waiting (events that the batch arm lacks)}]
    """
    outbox, progress = schema.outbox.c, schema.progress.c
    known = and_(progress.sequence == outbox.sequence, progress.arm == "batch")
    lacking = (
        select(outbox.source, func.count().label("number"))
        .outerjoin(schema.progress, known)
        .where(progress.sequence.is_(None))
        .group_by(outbox.source)
    )
    with database.read() as connection:
        found = read(connection, settings)
        taken = journal.taken(connection)
        waiting = {row.source: int(row.number) for row in connection.execute(lacking)}
    return [
        {
            "source": source,
            "interval_h": found.interval_of(source),
            "own": source in found.exceptions,
            "last_run": taken.get(source),
            "next_run": to_rfc3339(found.next_run_of(source, now)),
            "waiting": waiting.get(source, 0),
        }
        for source in (*SYSTEMS, *sorted(waiting.keys() - {*SYSTEMS}))
    ]
