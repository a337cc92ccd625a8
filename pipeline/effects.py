"""What each event type does to the rows of the record: one function a type.

Each gets the event and the image of its entity before, and says whether the entity changed. Each
raises `ContractError` naming the field when the event contradicts the record. Only `record.apply`
calls them, inside its transaction.

An event older than what the record already knows of the same facts changes nothing: late news
never overwrites newer news.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection

from pipeline import schema
from pipeline.clock import from_rfc3339, parse_local, to_rfc3339
from pipeline.events import (
    BagScan,
    BookingCancelled,
    BookingCreated,
    BookingRebooked,
    BookingSeatChanged,
    ContactChanged,
    ContractError,
    Event,
    FlightActual,
    FlightCancelled,
    FlightDelayed,
    FlightGateChanged,
    Interaction,
    Payment,
    PolicyUpdated,
    TierChanged,
)
from pipeline.images import Row, image

Handler = Callable[[Connection, Event, Row | None], bool]

# Beyond it a time is a mistake, and near the ends of the calendar one that no zone can show.
FURTHEST_FROM_PLAN = timedelta(days=30)


def _existing(event: Event, before: Row | None) -> Row:
    if before is None:
        raise ContractError("subject", f"the record knows no {event.subject}")
    return before


def _late(event: Event, before: Row, column: str = "changed_at") -> bool:
    return bool(event.time < before[column])


def _update_flight(connection: Connection, before: Row, **values: Any) -> bool:
    flights = schema.flights
    connection.execute(
        update(flights)
        .where(flights.c.flight_number == before["flight_number"])
        .where(flights.c.date == before["date"])
        .values(**values)
    )
    return True


def _airport_time(text_: str, airport: str, field: str, planned: str) -> datetime:
    try:
        moment = parse_local(text_, airport)
    except ValueError as bad:
        raise ContractError(field, str(bad)) from None
    if abs(moment - from_rfc3339(planned)) > FURTHEST_FROM_PLAN:
        days = FURTHEST_FROM_PLAN.days
        raise ContractError(field, f"{text_} is more than {days} days from the planned {planned}")
    return moment


def _moved(row: Row, departure: datetime) -> str:
    """Arrival (UTC) when the flight leaves at `departure` and flies as long as planned."""
    duration = from_rfc3339(row["arrival"]) - from_rfc3339(row["departure"])
    return to_rfc3339(departure + duration)


def _flight_delayed(connection: Connection, event: Event, before: Row | None) -> bool:
    row, data = _existing(event, before), cast("FlightDelayed", event.payload)
    departure = _airport_time(
        data.new_departure, row["origin"], "data.new_departure", row["scheduled_departure"]
    )
    arrival = _moved(row, departure)
    if data.new_arrival:
        landing = _airport_time(
            data.new_arrival, row["destination"], "data.new_arrival", row["scheduled_arrival"]
        )
        if landing <= departure:
            raise ContractError("data.new_arrival", "expected a time after data.new_departure")
        arrival = to_rfc3339(landing)
    if _late(event, row, "status_changed_at"):
        return False
    return _update_flight(
        connection,
        row,
        status="delayed",
        departure=to_rfc3339(departure),
        arrival=arrival,
        reason=data.reason,
        status_changed_at=event.time,
    )


def _flight_cancelled(connection: Connection, event: Event, before: Row | None) -> bool:
    row, data = _existing(event, before), cast("FlightCancelled", event.payload)
    if _late(event, row, "status_changed_at"):
        return False
    return _update_flight(
        connection, row, status="cancelled", reason=data.reason, status_changed_at=event.time
    )


def _flight_gate_changed(connection: Connection, event: Event, before: Row | None) -> bool:
    row, data = _existing(event, before), cast("FlightGateChanged", event.payload)
    if _late(event, row, "gate_changed_at"):
        return False
    return _update_flight(connection, row, gate=data.gate, gate_changed_at=event.time)


def _flight_departed(connection: Connection, event: Event, before: Row | None) -> bool:
    row, data = _existing(event, before), cast("FlightActual", event.payload)
    actual = _airport_time(data.actual, row["origin"], "data.actual", row["scheduled_departure"])
    if _late(event, row, "status_changed_at"):
        return False
    return _update_flight(
        connection,
        row,
        status="departed",
        departure=to_rfc3339(actual),
        arrival=_moved(row, actual),
        status_changed_at=event.time,
    )


def _flight_landed(connection: Connection, event: Event, before: Row | None) -> bool:
    row, data = _existing(event, before), cast("FlightActual", event.payload)
    actual = _airport_time(data.actual, row["destination"], "data.actual", row["scheduled_arrival"])
    if _late(event, row, "status_changed_at"):
        return False
    return _update_flight(
        connection,
        row,
        status="landed",
        arrival=to_rfc3339(actual),
        status_changed_at=event.time,
    )


def _check_flight(connection: Connection, number: str, date: str, field: str) -> None:
    if image(connection, "flight", f"{number}/{date}") is None:
        raise ContractError(field, f"the record knows no flight {number} on {date}")


def _check_seat(connection: Connection, locator: str, flight: tuple[str, str], seat: str) -> None:
    taken = connection.execute(
        select(schema.segments.c.locator)
        .join(schema.bookings, schema.bookings.c.locator == schema.segments.c.locator)
        .where(schema.segments.c.flight_number == flight[0])
        .where(schema.segments.c.date == flight[1])
        .where(schema.segments.c.seat == seat)
        .where(schema.segments.c.locator != locator)
        .where(schema.bookings.c.status != "cancelled")
    ).first()
    if taken:
        raise ContractError("data.seat", f"seat {seat} on {flight[0]} of {flight[1]} is taken")


def _booking_created(connection: Connection, event: Event, before: Row | None) -> bool:
    data = cast("BookingCreated", event.payload)
    if before:
        raise ContractError("subject", f"{event.subject} exists already")
    if image(connection, "customer", data.customer_id) is None:
        raise ContractError("data.customer_id", f"the record knows no customer/{data.customer_id}")
    for number, segment in enumerate(data.segments):
        _check_flight(connection, segment.flight, segment.date, f"data.segments.{number}.flight")
        if segment.seat:
            _check_seat(connection, event.key, (segment.flight, segment.date), segment.seat)
    connection.execute(
        insert(schema.bookings).values(
            locator=event.key,
            customer_id=data.customer_id,
            cabin=data.cabin,
            insurance=data.insurance,
            created_at=event.time,
            status="confirmed",
            changed_at=event.time,
        )
    )
    connection.execute(
        insert(schema.segments),
        [
            {
                "locator": event.key,
                "segment": number,
                "flight_number": segment.flight,
                "date": segment.date,
                "seat": segment.seat,
            }
            for number, segment in enumerate(data.segments, start=1)
        ],
    )
    connection.execute(
        insert(schema.passengers),
        [
            {"locator": event.key, "position": position, "name": name}
            for position, name in enumerate(data.passengers, start=1)
        ],
    )
    return True


def _segment(before: Row, flight: str, date: str, field: str) -> Row:
    for segment in before["segments"]:
        if (segment["flight_number"], segment["date"]) == (flight, date):
            return cast("Row", segment)
    raise ContractError(field, f"booking {before['locator']} has no segment on {flight} of {date}")


def _change_segment(
    connection: Connection, event: Event, segment: int, values: dict[str, Any]
) -> bool:
    segments = schema.segments
    connection.execute(
        update(segments)
        .where(segments.c.locator == event.key)
        .where(segments.c.segment == segment)
        .values(**values)
    )
    return _change_booking(connection, event, {})


def _change_booking(connection: Connection, event: Event, values: dict[str, Any]) -> bool:
    bookings = schema.bookings
    connection.execute(
        update(bookings)
        .where(bookings.c.locator == event.key)
        .values(changed_at=event.time, **values)
    )
    return True


def _active(event: Event, before: Row | None) -> Row:
    row = _existing(event, before)
    if row["status"] == "cancelled" and not _late(event, row):
        raise ContractError("subject", f"{event.subject} is cancelled")
    return row


def _booking_rebooked(connection: Connection, event: Event, before: Row | None) -> bool:
    row, data = _active(event, before), cast("BookingRebooked", event.payload)
    if _late(event, row):
        return False
    segment = _segment(row, data.from_.flight, data.from_.date, "data.from")
    _check_flight(connection, data.to.flight, data.to.date, "data.to")
    if data.seat:
        _check_seat(connection, event.key, (data.to.flight, data.to.date), data.seat)
    return _change_segment(
        connection,
        event,
        segment["segment"],
        {"flight_number": data.to.flight, "date": data.to.date, "seat": data.seat},
    )


def _booking_seat_changed(connection: Connection, event: Event, before: Row | None) -> bool:
    row, data = _active(event, before), cast("BookingSeatChanged", event.payload)
    if _late(event, row):
        return False
    segment = _segment(row, data.flight, data.date, "data.flight")
    _check_seat(connection, event.key, (data.flight, data.date), data.seat)
    return _change_segment(connection, event, segment["segment"], {"seat": data.seat})


def _booking_cancelled(connection: Connection, event: Event, before: Row | None) -> bool:
    row, data = _existing(event, before), cast("BookingCancelled", event.payload)
    if _late(event, row):
        return False
    return _change_booking(connection, event, {"status": "cancelled", "reason": data.reason})


def _bag_scanned(connection: Connection, event: Event, before: Row | None) -> bool:
    data = cast("BagScan", event.payload)
    status = event.type.split(".", 1)[1]
    if before is None and status != "checked":
        raise ContractError("subject", f"the record knows no {event.subject}; check it in first")
    if image(connection, "booking", data.locator) is None:
        raise ContractError("data.locator", f"the record knows no booking/{data.locator}")
    if before and before["locator"] != data.locator:
        raise ContractError("data.locator", f"{event.subject} belongs to another booking")
    if before and _late(event, before):
        return False
    values = {"status": status, "location": data.location, "changed_at": event.time}
    bags = schema.bags
    if before is None:
        values |= {"tag": event.key, "locator": data.locator, "flight_number": data.flight}
        connection.execute(insert(bags).values(**values))
    else:
        values["flight_number"] = data.flight or before["flight_number"]
        connection.execute(update(bags).where(bags.c.tag == event.key).values(**values))
    return True


def _customer_of(connection: Connection, event: Event) -> tuple[str, str | None]:
    """(customer id, locator or None) that a payment's subject names."""
    kind, key = event.subject.split("/", 1)
    row = image(connection, kind, key)
    return _existing(event, row)["customer_id"], key if kind == "booking" else None


def _payment(connection: Connection, event: Event, _: Row | None) -> bool:
    data = cast("Payment", event.payload)
    customer_id, locator = _customer_of(connection, event)
    connection.execute(
        insert(schema.payments).values(
            payment_id=event.id,
            customer_id=customer_id,
            locator=locator,
            payment_type=event.type.split(".", 1)[1],
            amount=data.amount,
            currency=data.currency,
            occurred_at=event.time,
        )
    )
    return True


def _interaction(connection: Connection, event: Event, _: Row | None) -> bool:
    data = cast("Interaction", event.payload)
    customer_id, _locator = _customer_of(connection, event)
    connection.execute(
        insert(schema.interactions).values(
            interaction_id=event.id,
            customer_id=customer_id,
            channel=event.type.split(".", 1)[1],
            direction=data.direction,
            text=data.text,
            handled_by=data.handled_by,
            occurred_at=event.time,
        )
    )
    return True


def _change_customer(connection: Connection, event: Event, values: dict[str, Any]) -> bool:
    customers = schema.customers
    connection.execute(
        update(customers)
        .where(customers.c.customer_id == event.key)
        .values(changed_at=event.time, **values)
    )
    return True


def _tier_changed(connection: Connection, event: Event, before: Row | None) -> bool:
    row, data = _existing(event, before), cast("TierChanged", event.payload)
    return not _late(event, row) and _change_customer(connection, event, {"tier": data.tier})


def _contact_changed(connection: Connection, event: Event, before: Row | None) -> bool:
    row, data = _existing(event, before), cast("ContactChanged", event.payload)
    values = data.model_dump(exclude_none=True)
    return not _late(event, row) and _change_customer(connection, event, values)


def _policy_updated(connection: Connection, event: Event, before: Row | None) -> bool:
    data = cast("PolicyUpdated", event.payload)
    if before and _late(event, before):
        return False
    policies = schema.policies
    connection.execute(policies.delete().where(policies.c.slug == event.key))
    connection.execute(
        insert(policies).values(
            slug=event.key, title=data.title, text=data.text, changed_at=event.time
        )
    )
    return True


def owner_of(connection: Connection, event: Event, before: Row | None) -> str | None:
    """The customer whose entity an event concerns; None where it is nobody's or not known yet.

    Args:
        before: the entity's image before the event.
    """
    kind, key = event.subject.split("/", 1)
    if isinstance(event.payload, BookingCreated):
        return event.payload.customer_id
    if isinstance(event.payload, BagScan) and before is None:
        kind, key = "booking", event.payload.locator
    row = before or (image(connection, kind, key) if kind in ("booking", "customer") else None)
    return row.get("customer_id") if row else None


EFFECTS: dict[str, Handler] = {
    "flight.delayed": _flight_delayed,
    "flight.cancelled": _flight_cancelled,
    "flight.gate_changed": _flight_gate_changed,
    "flight.departed": _flight_departed,
    "flight.landed": _flight_landed,
    "booking.created": _booking_created,
    "booking.rebooked": _booking_rebooked,
    "booking.seat_changed": _booking_seat_changed,
    "booking.cancelled": _booking_cancelled,
    "bag.checked": _bag_scanned,
    "bag.misrouted": _bag_scanned,
    "bag.located": _bag_scanned,
    "bag.delivered": _bag_scanned,
    "payment.refunded": _payment,
    "payment.voucher_issued": _payment,
    "interaction.tweet": _interaction,
    "interaction.chat": _interaction,
    "interaction.call": _interaction,
    "interaction.email": _interaction,
    "customer.tier_changed": _tier_changed,
    "customer.contact_changed": _contact_changed,
    "policy.updated": _policy_updated,
}
