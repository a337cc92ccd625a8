"""The stale-ground guard, and the damage that is done without it.

Stale ground: an event has changed what an action stands on since the version that the agent was
given. Only events with an after-image count: late news that changed nothing makes nothing stale.
Damage: what the policy, asked again on the record as it stands, would have refused or paid less.
Both are asked in the transaction of the action's own event, so that nothing comes between.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.engine import Connection

from agent.actions.plans import Plan
from agent.policies import facts as given
from agent.policies.facts import Facts
from pipeline import schema
from pipeline.clock import from_rfc3339, to_rfc3339
from pipeline.documents import Document, documents
from pipeline.images import image
from pipeline.schema import Arm, Database, get_control, put_control

_SWITCH = "guard"
_LOG = "action/"  # control values: one a damage or a refusal of the guard


class Stale(BaseModel):
    """The newest event that the agent did not know of."""

    model_config = ConfigDict(frozen=True)

    entity: str
    event_id: str
    event_type: str
    sequence: int
    airline_s: float  # seconds of airline time since it happened
    wall_s: float  # seconds of wall time since it was recorded


class Damage(BaseModel):
    """Harm that was really done in the record. `kind` is the rule that forbids it, or overpaid."""

    model_config = ConfigDict(frozen=True)

    kind: str
    amount: float  # paid that was not due; 0 where the harm is not money
    event_id: str
    event_type: str
    subject: str
    arm: Arm


class StaleGround(Exception):
    """The guard stopped an action."""

    def __init__(self, stale: Stale) -> None:
        super().__init__(f"{stale.entity} was changed by {stale.event_type}")
        self.stale = stale


def guard(database: Database) -> bool:
    """Whether actions on stale ground are refused; so it is until somebody switches it off."""
    return bool(database.get(_SWITCH, True))


def set_guard(database: Database, on: bool) -> None:
    """Switch the guard for every process at once."""
    database.put(_SWITCH, on)


def is_on(connection: Connection) -> bool:
    """`guard`, inside a transaction."""
    return bool(get_control(connection, _SWITCH, True))


def damages(database: Database) -> list[Damage]:
    """All damage since the world was loaded."""
    with database.read() as connection:
        return [Damage.model_validate(one["damage"]) for one in _log(connection) if one["damage"]]


def stopped(database: Database) -> list[Stale]:
    """What the guard has kept from happening since the world was loaded: each action's reason."""
    with database.read() as connection:
        return [Stale.model_validate(one["stale"]) for one in _log(connection) if one["stale"]]


def note(connection: Connection, event_id: str, *, damage: Damage | None, stale: Stale) -> None:
    """Keep what an action on stale ground came to: its damage, or that it was stopped."""
    value = {
        "epoch": get_control(connection, "epoch"),  # a reset starts another count
        "damage": damage.model_dump() if damage else None,
        "stale": None if damage else stale.model_dump(),
    }
    put_control(connection, f"{_LOG}{event_id}", value)


def _log(connection: Connection) -> list[dict[str, Any]]:
    control = schema.control.c
    query = select(control.value).where(control.name.like(f"{_LOG}%")).order_by(control.name)
    epoch = get_control(connection, "epoch")
    return [value for (value,) in connection.execute(query) if value["epoch"] == epoch]


def staleness(connection: Connection, plan: Plan, facts: Facts, customer_id: str) -> Stale | None:
    """The newest event that has changed what a plan stands on, or None."""
    newer = [
        row
        for entity in plan.stands_on
        if (row := _change_of(connection, entity, facts.versions.get(entity, 0)))
    ]
    if plan.payments:
        newer += _unknown_payments(connection, plan, facts, customer_id)
    if not newer:
        return None
    row = max(newer, key=lambda one: int(one["sequence"]))
    return Stale(
        entity=row["subject"],
        event_id=row["event_id"],
        event_type=row["type"],
        sequence=row["sequence"],
        airline_s=(facts.now - from_rfc3339(row["occurred_at"])).total_seconds(),
        wall_s=time.time() - row["recorded_at"],
    )


def _change_of(connection: Connection, entity: str, version: int) -> dict[str, Any] | None:
    outbox = schema.outbox
    query = (
        select(outbox)
        .where(outbox.c.subject == entity)
        .where(outbox.c.type.like(f"{entity.split('/')[0]}.%"))  # not the payments of a booking
        .where(outbox.c.sequence > version)
        .order_by(outbox.c.sequence.desc())
    )
    rows = connection.execute(query).mappings()
    return next((dict(row) for row in rows if row["after"]), None)


def _unknown_payments(
    connection: Connection, plan: Plan, facts: Facts, customer_id: str
) -> list[dict[str, Any]]:
    """Payments that the ruling would have had to know: a refund of one booking, any voucher.

    Each is an entity of its own, so that it is missing rather than old.
    """
    outbox = schema.outbox
    query = select(outbox).where(outbox.c.type == f"payment.{plan.payments}")
    if plan.payments == "refunded":
        query = query.where(outbox.c.subject == plan.stands_on[0])
    else:
        query = query.where(outbox.c.customer_id == customer_id)
    rows = connection.execute(query).mappings()
    return [dict(row) for row in rows if f"payment/{row['event_id']}" not in facts.versions]


# --- what is true --------------------------------------------------------------------------------


def truth(connection: Connection, plan: Plan, facts: Facts, customer_id: str) -> Facts:
    """The same facts as the record has them now, and the flights that the bookings are really on.

    Made by the same functions as the context documents.
    """
    bookings = [f"booking/{locator}" for locator in facts.bookings]
    wanted = {*plan.stands_on, *facts.policies, *bookings, f"customer/{customer_id}"}
    found = _documents(connection, wanted, facts.now)
    legs = {one for document in found for one in document.entities if one.startswith("flight/")}
    found += _documents(connection, legs - wanted, facts.now)
    payments = schema.payments.c
    query = select(payments.payment_id).where(payments.customer_id == customer_id)
    paid = [f"payment/{key}" for (key,) in connection.execute(query)]
    return given.read([*found, *_documents(connection, paid, facts.now)], customer_id, facts.now)


def _documents(connection: Connection, ids: Iterable[str], now: datetime) -> list[Document]:
    made: list[Document] = []
    for doc_id in ids:
        kind, key = doc_id.split("/", 1)
        row = image(connection, kind, key)
        if row:
            at = row.get("changed_at") or row.get("occurred_at") or to_rfc3339(now)
            one = {"kind": kind, "key": key, "row": row}
            made += documents(one, version=0, occurred_at=at)
    return made
