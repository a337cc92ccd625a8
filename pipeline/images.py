"""Images: an entity of the record as one JSON object, as change data capture ships it.

A booking comes whole, with its segments and passengers; a bag comes with its customer. Both arms
see the record through these images only. This module reads; it changes nothing.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, and_, select
from sqlalchemy.engine import Connection

from pipeline import schema

Row = dict[str, Any]
Image = dict[str, Any]
"""{"kind": …, "key": …, "row": the whole entity as one JSON object}."""

ENTITY_KEYS: dict[str, tuple[Table, tuple[str, ...]]] = {
    "customer": (schema.customers, ("customer_id",)),
    "flight": (schema.flights, ("flight_number", "date")),
    "booking": (schema.bookings, ("locator",)),
    "bag": (schema.bags, ("tag",)),
    "interaction": (schema.interactions, ("interaction_id",)),
    "payment": (schema.payments, ("payment_id",)),
    "policy": (schema.policies, ("slug",)),
}
"""Kind -> its table and the columns that make its key."""

_PARTS = ((schema.segments, "segment"), (schema.passengers, "position"))


def image(connection: Connection, kind: str, key: str) -> Row | None:
    """The entity as one JSON object, or None where the record has none."""
    table, columns = ENTITY_KEYS[kind]
    parts = key.split("/", 1) if kind == "flight" else [key]
    condition = and_(
        *(table.c[column] == part for column, part in zip(columns, parts, strict=True))
    )
    found = connection.execute(select(table).where(condition)).mappings().first()
    if found is None:
        return None
    row = _without_reverse_etl(dict(found))
    if kind == "bag":
        row["customer_id"] = _owner(connection, row["locator"])
    if kind == "booking":
        for part, order in _PARTS:
            query = select(part).where(part.c.locator == key).order_by(part.c[order])
            row[part.name] = [_part(found) for found in connection.execute(query).mappings()]
    return row


def images(connection: Connection) -> list[Image]:
    """Every entity of the record: what the first full load of either store reads."""
    owners: dict[str, str] = {
        row.locator: row.customer_id for row in connection.execute(select(schema.bookings))
    }
    parts: dict[str, dict[str, list[Row]]] = {}
    for part, order in _PARTS:
        for found in connection.execute(select(part).order_by(part.c[order])).mappings():
            of_booking = parts.setdefault(found["locator"], {"segments": [], "passengers": []})
            of_booking[part.name].append(_part(found))
    every: list[Image] = []
    for kind, (table, columns) in ENTITY_KEYS.items():
        for found in connection.execute(select(table).order_by(*table.primary_key)).mappings():
            row = _without_reverse_etl(dict(found))
            if kind == "bag":
                row["customer_id"] = owners.get(row["locator"])
            if kind == "booking":
                row |= parts.get(row["locator"], {"segments": [], "passengers": []})
            key = "/".join(row[column] for column in columns)
            every.append({"kind": kind, "key": key, "row": row})
    return every


def _part(found: Any) -> Row:
    return {name: value for name, value in found.items() if name != "locator"}


def _owner(connection: Connection, locator: str) -> str | None:
    query = select(schema.bookings.c.customer_id).where(schema.bookings.c.locator == locator)
    return connection.execute(query).scalar_one_or_none()


def _without_reverse_etl(row: Row) -> Row:
    # Reverse ETL writes these into the record; they are its product, not a customer's facts.
    return {name: value for name, value in row.items() if not name.startswith("at_risk")}
