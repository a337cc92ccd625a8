"""The event contract: CloudEvents 1.0 in structured JSON, checked before anything changes.

`parse` is the one gate: what passes it is well-formed, whoever sent it. Whether the event makes
sense for the record as it stands (does this flight exist?) is decided in `record`, not here.
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from pipeline.clock import from_rfc3339, to_rfc3339

MAX_TEXT = 10_000  # characters in one interaction or policy; longer ones are refused, not cut
LONGEST_SHOWN = 80  # characters of a bad value that an error message repeats
MAX_RAW = 4_000_000  # bytes of one raw feed item that are kept verbatim


class ContractError(ValueError):
    """An event breaks the contract. `field` names where, `reason` what was expected."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def _time(text: str) -> str:
    return to_rfc3339(from_rfc3339(text))


def _local_or_rfc3339(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expected RFC 3339, or YYYY-MM-DD HH:MM local to the airport") from None
    if len(text) < len("2013-02-08 14:07"):
        raise ValueError("expected a time with hours and minutes, not a date alone")
    return text


def _day(text: str) -> str:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date().isoformat()  # noqa: DTZ007 a date alone
    except ValueError:
        raise ValueError("expected a date as YYYY-MM-DD") from None


def _flight_number(text: str) -> str:
    compact = text.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z0-9]{2}[0-9]{1,4}", compact):
        raise ValueError("expected a flight number such as EA204")
    return compact


Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
Short = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Rfc3339 = Annotated[str, AfterValidator(_time)]
AirportTime = Annotated[str, AfterValidator(_local_or_rfc3339)]
Day = Annotated[str, AfterValidator(_day)]
FlightNumber = Annotated[str, AfterValidator(_flight_number)]
Seat = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,2}[A-Ka-k]$", to_upper=True)]
CustomerId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,40}$")]
Cabin = Literal["economy", "premium", "business", "first"]
Tier = Literal["regular", "silver", "gold"]


class Data(BaseModel):
    """Base of the payloads: unknown fields are refused, so that a typo is never swallowed."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=MAX_TEXT)


class FlightDelayed(Data):
    new_departure: AirportTime
    new_arrival: AirportTime | None = None
    reason: Short | None = None


class FlightCancelled(Data):
    reason: Short | None = None


class FlightGateChanged(Data):
    gate: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z]?[0-9]{1,3}[A-Za-z]?$", to_upper=True)
    ]


class FlightActual(Data):
    actual: AirportTime


class Segment(Data):
    flight: FlightNumber
    date: Day
    seat: Seat | None = None


class BookingCreated(Data):
    customer_id: CustomerId
    cabin: Cabin
    insurance: Annotated[bool, Field(strict=True)] = False
    passengers: Annotated[list[Short], Field(min_length=1, max_length=9)]
    segments: Annotated[list[Segment], Field(min_length=1, max_length=6)]


class FlightOfDay(Data):
    flight: FlightNumber
    date: Day


class BookingRebooked(Data):
    from_: FlightOfDay = Field(alias="from")
    to: FlightOfDay
    seat: Seat | None = None
    reason: Short | None = None


class BookingSeatChanged(Data):
    flight: FlightNumber
    date: Day
    seat: Seat


class BookingCancelled(Data):
    reason: Short | None = None


class BagScan(Data):
    locator: Short
    location: Short | None = None
    flight: FlightNumber | None = None


class Payment(Data):
    amount: Annotated[float, Field(strict=True, gt=0, le=100_000, allow_inf_nan=False)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class Interaction(Data):
    text: Text
    direction: Literal["inbound", "outbound"]
    handled_by: Short | None = None


class TierChanged(Data):
    tier: Tier


class ContactChanged(Data):
    email: (
        Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", max_length=200)] | None
    ) = None
    phone: Annotated[str, StringConstraints(pattern=r"^[+\d][\d .()x/-]{3,30}$")] | None = None

    @model_validator(mode="after")
    def _one_is_given(self) -> ContactChanged:
        if self.email is None and self.phone is None:
            raise ValueError("expected email, phone or both")
        return self


class PolicyUpdated(Data):
    title: Short
    text: Text


PAYLOADS: dict[str, type[Data]] = {
    "flight.delayed": FlightDelayed,
    "flight.cancelled": FlightCancelled,
    "flight.gate_changed": FlightGateChanged,
    "flight.departed": FlightActual,
    "flight.landed": FlightActual,
    "booking.created": BookingCreated,
    "booking.rebooked": BookingRebooked,
    "booking.seat_changed": BookingSeatChanged,
    "booking.cancelled": BookingCancelled,
    "bag.checked": BagScan,
    "bag.misrouted": BagScan,
    "bag.located": BagScan,
    "bag.delivered": BagScan,
    "payment.refunded": Payment,
    "payment.voucher_issued": Payment,
    "interaction.tweet": Interaction,
    "interaction.chat": Interaction,
    "interaction.call": Interaction,
    "interaction.email": Interaction,
    "customer.tier_changed": TierChanged,
    "customer.contact_changed": ContactChanged,
    "policy.updated": PolicyUpdated,
}
"""Event type -> model of its `data`."""

SOURCES: dict[str, str] = {
    "flight": "/flight-ops",
    "booking": "/reservations",
    "bag": "/baggage",
    "payment": "/payments",
    "interaction.tweet": "/social",
    "interaction.chat": "/web",
    "interaction.call": "/call-centre",
    "interaction.email": "/crm",
    "customer": "/crm",
    "policy": "/knowledge",
}
"""Event type or its first word -> the source system that sends it."""

SOURCE_SYSTEMS = tuple(dict.fromkeys(SOURCES.values()))

SUBJECTS: dict[str, tuple[str, str]] = {
    "flight": (
        r"flight/[A-Z0-9]{2}[0-9]{1,4}/[0-9]{4}-[0-9]{2}-[0-9]{2}",
        "flight/<number>/<date>",
    ),
    "booking": (r"booking/[A-Z0-9]{5,8}", "booking/<locator>"),
    "bag": (r"bag/[A-Za-z0-9]{4,20}", "bag/<tag>"),
    "payment": (
        r"booking/[A-Z0-9]{5,8}|customer/[A-Za-z0-9_.-]{1,40}",
        "booking/<locator> or customer/<id>",
    ),
    "interaction": (r"customer/[A-Za-z0-9_.-]{1,40}", "customer/<id>"),
    "customer": (r"customer/[A-Za-z0-9_.-]{1,40}", "customer/<id>"),
    "policy": (r"policy/[a-z0-9-]{1,80}", "policy/<slug>"),
}


class Event(BaseModel):
    """One CloudEvent that meets the contract. `payload` is its typed `data`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    source: Annotated[str, StringConstraints(pattern=r"^/[a-z-]{1,40}$")]
    type: str
    subject: Annotated[str, StringConstraints(max_length=200)]
    time: Rfc3339
    datacontenttype: Literal["application/json"] = "application/json"
    customerid: CustomerId | None = None
    data: dict[str, Any]

    @property
    def payload(self) -> Data:
        """`data` as the model of this type."""
        return PAYLOADS[self.type].model_validate(self.data)

    @property
    def key(self) -> str:
        """Subject without its kind: `EA204/2013-02-08`, a locator, a tag, an id, a slug."""
        return self.subject.split("/", 1)[1]

    @property
    def occurred_at(self) -> datetime:
        """Airline time (UTC) at which it happened."""
        return from_rfc3339(self.time)


def source_of(event_type: str) -> str:
    """The source system that sends events of this type."""
    return SOURCES.get(event_type) or SOURCES[event_type.split(".", 1)[0]]


def parse(raw: bytes | str | dict[str, Any]) -> Event:
    """One event from JSON bytes, text or a dict.

    Raises:
        ContractError: names the first field that breaks the contract and what was expected.
    """
    fields = raw if isinstance(raw, dict) else json_object(raw)
    event_type = fields.get("type")
    if not isinstance(event_type, str) or event_type not in PAYLOADS:
        known = ", ".join(PAYLOADS)
        raise ContractError("type", f"unknown event type {_shown(event_type)}; known are {known}")
    try:
        event = Event.model_validate(fields)
        PAYLOADS[event_type].model_validate(event.data)
    except ValidationError as broken:
        in_data = broken.title != "Event"
        raise _first_breach(broken, "data" if in_data else "") from None
    pattern, form = SUBJECTS[event_type.split(".", 1)[0]]
    if not re.fullmatch(pattern, event.subject):
        raise ContractError("subject", f"expected {form}, got {_shown(event.subject)}")
    _check_uuid(event.id)
    return event


def make(
    event_type: str,
    subject: str,
    data: dict[str, Any],
    *,
    at: datetime,
    event_id: str | None = None,
    customer_id: str | None = None,
) -> Event:
    """A new event, stamped with the airline time `at` and the source system of its type.

    Raises:
        ContractError: as `parse`.
    """
    fields: dict[str, Any] = {
        "id": event_id or str(uuid.uuid4()),
        "source": source_of(event_type) if event_type in PAYLOADS else "/web",
        "type": event_type,
        "subject": subject,
        "time": to_rfc3339(at),
        "data": data,
    }
    return parse(fields | ({"customerid": customer_id} if customer_id else {}))


def json_object(raw: bytes | str) -> dict[str, Any]:
    """The JSON object in UTF-8 bytes or text.

    Raises:
        ContractError: not UTF-8, not JSON, or not an object.
    """
    try:
        text = raw.decode("utf-8") if isinstance(raw, bytes) else raw
    except UnicodeDecodeError as bad:
        raise ContractError("$", f"not UTF-8: byte {bad.start} cannot be decoded") from None
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as bad:  # an integer of 5,000 digits is a ValueError
        raise ContractError("$", f"not JSON: {str(bad)[:200]}") from None
    if not isinstance(fields, dict):
        raise ContractError("$", f"expected a JSON object, got {type(fields).__name__}")
    return fields


def _check_uuid(text: str) -> None:
    try:
        uuid.UUID(text)
    except ValueError:
        raise ContractError("id", f"expected a UUID, got {_shown(text)}") from None


def _first_breach(broken: ValidationError, prefix: str) -> ContractError:
    error = broken.errors(include_url=False)[0]
    # The name of a field that nobody knows is the sender's: as long as they like.
    parts = [str(part)[:LONGEST_SHOWN] for part in error["loc"]]
    path = ".".join([prefix, *parts] if prefix else parts) or "$"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] in ("missing", "extra_forbidden"):
        return ContractError(path, message)
    return ContractError(path, f"{message}, got {_shown(error['input'])}")


def _shown(value: object) -> str:
    """A value for an error message: short, whatever was sent."""
    text = repr(value)
    if len(text) <= LONGEST_SHOWN:
        return text
    return f"{text[:LONGEST_SHOWN]}… ({len(text)} characters)"
