"""What each knew of a customer: the record's documents beside those of both airlines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from agent.hindsight import Hindsight
from pipeline import schema
from pipeline.documents import Document, documents
from pipeline.images import ENTITY_KEYS, Image, image
from pipeline.schema import ARMS, Arm
from ui import differences
from ui.components import Parts, text
from ui.differences import cell

Row = dict[str, Any]
_MOST_ROWS = 9
_MOST_OF_KIND = {"interaction": 3, "payment": 2}
_ORDER = ("flight", "booking", "bag", "interaction", "payment", "customer")


def shown(then: Hindsight, notes: Mapping[str, Parts]) -> Row:
    """The matrix of a moment: the record of then beside what both airlines knew."""
    with then.record.read() as connection:
        own = _own(connection, then.customer_id)
        bookings = [f"booking/{key}" for kind, key in own if kind == "booking"]
        believed = [store.read(bookings) for store in then.stores.values()]
        true = truth(connection, [*own, *_flights(believed)])
    wanted = sorted(true)
    return matrix(true, {arm: store.read(wanted) for arm, store in then.stores.items()}, notes)


def truth(connection: Connection, entities: Iterable[tuple[str, str]]) -> dict[str, Document]:
    """The record's own documents of these entities (kind, key), newest first, by id.

    The flights of a booking come with it.
    """
    found: dict[str, Document] = {}
    waiting = list(entities)
    while waiting:
        kind, key = waiting.pop()
        row = image(connection, kind, key)
        if row is None or f"{kind}/{key}" in found:
            continue
        of_entity: Image = {"kind": kind, "key": key, "row": row}
        for one in documents(of_entity, version=0, occurred_at=_happened(row)):
            found[one.doc_id] = one
            waiting += _flights([{one.doc_id: one}])
    return {one.doc_id: one for one in sorted(found.values(), key=_newest, reverse=True)}


def _own(connection: Connection, customer_id: str) -> list[tuple[str, str]]:
    """Everything that is a customer's own: (kind, key)."""
    own = [("customer", customer_id)]
    for kind in ("booking", "interaction", "payment"):
        table, [column] = ENTITY_KEYS[kind]
        query = select(table.c[column]).where(table.c.customer_id == customer_id)
        own += [(kind, key) for key in connection.execute(query).scalars()]
    bags, bookings = schema.bags.c, schema.bookings.c
    query = select(bags.tag).join(schema.bookings, bookings.locator == bags.locator)
    tags = connection.execute(query.where(bookings.customer_id == customer_id)).scalars()
    return [*own, *(("bag", tag) for tag in tags)]


def _flights(known: Iterable[Mapping[str, Document]]) -> list[tuple[str, str]]:
    """The flights that documents speak of; an airline may have a customer on one that they left."""
    entities = {entity for of in known for one in of.values() for entity in one.entities}
    parts = [entity.split("/", 1) for entity in sorted(entities)]
    return [(kind, key) for kind, key in parts if kind == "flight"]


def _happened(row: Row) -> str:
    return str(row.get("occurred_at") or row.get("changed_at") or "")


def _newest(one: Document) -> str:
    return one.occurred_at


def matrix(
    true: Mapping[str, Document],
    known: Mapping[Arm, Mapping[str, Document]],
    notes: Mapping[str, Parts],
) -> Row:
    """What each knew of each thing; what an airline has wrong comes first.

    Args:
        true: doc_id -> the record's document, newest first.
        known: arm -> doc_id -> its document.
    """
    found = {
        doc_id: {arm: differences.against(true.get(doc_id), known[arm].get(doc_id)) for arm in ARMS}
        for doc_id in _chosen(true, known)
    }
    right = {arm: differences.behind(of_arm[arm][0] for of_arm in found.values()) for arm in ARMS}
    rows = []
    for doc_id, of_arm in found.items():
        cells = [cell(true[doc_id].text)]
        for arm in ARMS:
            status, spans = of_arm[arm]
            cells.append(cell(spans or "It had not heard of it.", status, quiet=not spans))
        rows.append({"title": [text(_title(doc_id))], "cells": cells})
    said: dict[str, Parts] = dict(notes)
    for arm in ARMS:
        said[arm] = [*notes[arm], text(" · "), text(right[arm], "strong")]
    return {"columns": differences.columns(said), "rows": rows}


def _chosen(
    true: Mapping[str, Document], known: Mapping[Arm, Mapping[str, Document]]
) -> Sequence[str]:
    """The things to show: those that differ first, by kind, and not too many of a kind."""
    left = dict(_MOST_OF_KIND)
    kept = []
    for doc_id in true:
        kind = doc_id.split("/", 1)[0]
        if left.get(kind, 1) > 0:
            left[kind] = left.get(kind, 100) - 1
            kept.append(doc_id)

    def order(doc_id: str) -> tuple[bool, int]:
        same = all(
            differences.against(true.get(doc_id), known[arm].get(doc_id))[0] == "current"
            for arm in ARMS
        )
        return same, _ORDER.index(doc_id.split("/", 1)[0])

    return sorted(kept, key=order)[:_MOST_ROWS]


def _title(doc_id: str) -> str:
    kind, key = doc_id.split("/", 1)
    return kind if kind in ("interaction", "payment", "customer") else f"{kind} {key}"
