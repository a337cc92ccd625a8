"""The world of the eval sets: a few customers and one afternoon, in an empty record.

It is made by the product's own means (rows, then events through `record.apply`), so that what is
evaluated meets a real record with a real history.
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

from sqlalchemy import insert

from agent.prompts import FOLDER
from pipeline import record, schema
from pipeline.clock import from_rfc3339, parse_local, to_rfc3339
from pipeline.events import make
from pipeline.schema import Database

EVAL = FOLDER / "eval"
_AIRPORT = "JFK"  # events' hours are local to it
_ZONE = "America/New_York"


def small_world(database: Database, *, until: str = "23:59", wall: float | None = None) -> datetime:
    """Fill an empty record with the eval world.

    Args:
        until: the last hour (`HH:MM` in New York) whose events happen.
        wall: wall time (s since the epoch) at which the last event was recorded; default: now.

    Returns:
        the world's airline time now.
    """
    world = json.loads((EVAL / "world.json").read_text(encoding="utf-8"))
    now = from_rfc3339(world["now"])
    database.put("world", {"zone": _ZONE})
    recorded_at = time.time() if wall is None else wall
    with database.write() as connection:
        for table, rows in _rows(world).items():
            connection.execute(insert(schema.metadata.tables[table]), rows)
        for hour, event_type, subject, data in world["events"]:
            if hour > until:
                break
            at = parse_local(f"{now:%Y-%m-%d} {hour}", _AIRPORT)
            event = make(event_type, subject, data, at=at, event_id=_uuid(at))
            record.apply(connection, event, recorded_at=recorded_at, airline_now=now)
    return now


def _uuid(at: datetime) -> str:
    return f"00000000-0000-4000-8000-{at:%Y%m%d%H%M}"


def _rows(world: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    changed = {"changed_at": world["loaded_at"]}
    bookings, segments, passengers = [], [], []
    for one in world["bookings"]:
        named = {"locator": one["locator"]}
        fields = {key: one[key] for key in ("locator", "customer_id", "cabin", "insurance")}
        created = {"created_at": world["loaded_at"], "status": "confirmed"}
        bookings.append(fields | created | changed)
        for place, (number, date, seat) in enumerate(one["segments"], start=1):
            flight = {"flight_number": number, "date": date, "seat": seat}
            segments.append(named | {"segment": place} | flight)
        for place, name in enumerate(one["passengers"], start=1):
            passengers.append(named | {"position": place, "name": name})
    return {
        "customers": [row | changed for row in world["customers"]],
        "flights": [_flight(*fields, world["loaded_at"]) for fields in world["flights"]],
        "bookings": bookings,
        "segments": segments,
        "passengers": passengers,
        "bags": [row | changed for row in world["bags"]],
        "policies": [row | changed for row in world["policies"]],
    }


def _flight(*fields: Any) -> dict[str, Any]:
    number, date, origin, destination, leaves, lands, gate, loaded_at = fields
    departure = to_rfc3339(parse_local(leaves, origin))
    arrival = to_rfc3339(parse_local(lands, destination))
    return {
        "flight_number": number,
        "date": date,
        "origin": origin,
        "destination": destination,
        "scheduled_departure": departure,
        "scheduled_arrival": arrival,
        "departure": departure,
        "arrival": arrival,
        "status": "scheduled",
        "gate": gate,
        "status_changed_at": loaded_at,
        "gate_changed_at": loaded_at,
    }
