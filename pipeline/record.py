"""The system of record: one function applies an event, in one transaction with its outbox row.

An event changes exactly one entity. The outbox keeps the image of that entity before and after, as
change data capture does, so that neither arm ever has to ask the record what an event meant.
Not here: what each event type does (`effects`), publishing (`fire`, `relay`), or either arm.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import func, insert, select, text
from sqlalchemy.engine import Connection

from pipeline import schema
from pipeline.clock import to_rfc3339
from pipeline.effects import EFFECTS, owner_of
from pipeline.events import ContractError, Event
from pipeline.images import Image, Row, image

FURTHEST_AHEAD = timedelta(days=7)
FURTHEST_BACK = timedelta(days=366)
RAW_SOURCE = "/raw-feed"

Check = Callable[[Connection], None]
"""A condition on the record that an event depends on: raises where it does not hold."""


@dataclass(frozen=True)
class Recorded:
    """What the record made of an event. `sequence` is its place in the outbox."""

    sequence: int
    event_id: str
    duplicate: bool
    changed: bool
    recorded_at: float  # wall clock, seconds since the epoch
    row: Row | None  # the outbox row as written; None for a duplicate


def apply(
    connection: Connection,
    event: Event,
    *,
    airline_now: datetime,
    recorded_at: float | None = None,
    check: Check | None = None,
) -> Recorded:
    """Check an event against the record, change the rows and write the outbox.

    Args:
        connection: an open write transaction, the caller's.
        recorded_at: wall clock, seconds since the epoch; None: the moment of the last write.
        airline_now: the airline clock; bounds how far an event's time may lie ahead or back.
        check: run just before the rows change, when no other writer can change them any more;
            not run for an event that is on record already.

    Raises:
        ContractError: the event contradicts the record; nothing was changed.
    """
    _lock_outbox(connection)
    outbox = schema.outbox.c
    known = connection.execute(
        select(outbox.sequence, outbox.recorded_at).where(outbox.event_id == event.id)
    ).first()
    if known is not None:
        sequence, recorded_at = known
        return Recorded(
            sequence, event.id, duplicate=True, changed=False, recorded_at=recorded_at, row=None
        )
    _check_time(event, airline_now)
    if check:
        check(connection)
    kind, key = entity_of(event)
    before = image(connection, kind, key)
    _check_owner(event, owner_of(connection, event, before))
    changed = EFFECTS[event.type](connection, event, before)
    after = image(connection, kind, key) if changed else None
    return _write_outbox(
        connection,
        event_id=event.id,
        recorded_at=recorded_at,
        source=event.source,
        type=event.type,
        subject=event.subject,
        customer_id=event.customerid or (after or before or {}).get("customer_id"),
        occurred_at=event.time,
        body=event.model_dump_json(exclude_none=True).encode(),
        before=_as_images(kind, key, before if changed else None),
        after=_as_images(kind, key, after),
    )


def keep_raw(
    connection: Connection,
    body: bytes,
    *,
    breach: str,
    event_id: str,
    occurred_at: datetime,
    recorded_at: float | None = None,
) -> Recorded:
    """Keep a raw feed item that breaks the contract, verbatim, so that both arms can meet it."""
    _lock_outbox(connection)
    return _write_outbox(
        connection,
        event_id=event_id,
        recorded_at=recorded_at,
        source=RAW_SOURCE,
        type="raw",
        subject="raw",
        customer_id=None,
        occurred_at=to_rfc3339(occurred_at),
        body=body,
        breach=breach,
        before=[],
        after=[],
    )


def entity_of(event: Event) -> tuple[str, str]:
    """The one entity an event changes: (kind, key). Interactions and payments are new entities."""
    kind = event.type.split(".", 1)[0]
    return (kind, event.id) if kind in ("interaction", "payment") else (kind, event.key)


def event_of(row: Row) -> Row:
    """An outbox row's event as a dict; a raw item as {"raw": its text}."""
    if row["type"] == "raw":
        return {"raw": bytes(row["body"]).decode("utf-8", "replace")}
    return cast("Row", json.loads(row["body"]))


def _as_images(kind: str, key: str, row: Row | None) -> list[Image]:
    return [{"kind": kind, "key": key, "row": row}] if row else []


def _lock_outbox(connection: Connection) -> None:
    # Sequence order must be commit order, or a reader that remembers the highest sequence it saw
    # would skip one that commits later. SQLite has one writer at a time anyway.
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE outbox IN SHARE ROW EXCLUSIVE MODE"))


def _write_outbox(
    connection: Connection, *, event_id: str, recorded_at: float | None, **columns: Any
) -> Recorded:
    newest = select(func.coalesce(func.max(schema.outbox.c.sequence), 0))
    row = {
        "sequence": connection.execute(newest).scalar_one() + 1,
        "event_id": event_id,
        # Stamped with the last write before the commit: from here on the event is on record.
        "recorded_at": recorded_at or time.time(),
        "published_at": None,
        **columns,
    }
    connection.execute(insert(schema.outbox), row)
    return Recorded(
        row["sequence"],
        event_id,
        duplicate=False,
        changed=bool(row["after"]),
        recorded_at=row["recorded_at"],
        row=row,
    )


def _check_time(event: Event, airline_now: datetime) -> None:
    ahead = event.occurred_at - airline_now
    if ahead > FURTHEST_AHEAD or ahead < -FURTHEST_BACK:
        raise ContractError(
            "time",
            f"{event.time} is too far from the airline clock ({to_rfc3339(airline_now)}): at most "
            f"{FURTHEST_AHEAD.days} days ahead and {FURTHEST_BACK.days} days back",
        )


def _check_owner(event: Event, owner: str | None) -> None:
    # Readers take the extension at its word: one that lies would show an event to a stranger.
    if event.customerid and owner and event.customerid != owner:
        raise ContractError(
            "customerid", f"{event.subject} does not belong to customer {event.customerid}"
        )
