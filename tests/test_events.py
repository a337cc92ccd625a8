"""The event contract: what it takes, and that what breaks it is refused by name, whatever it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events import (
    LONGEST_SHOWN,
    MAX_TEXT,
    PAYLOADS,
    SOURCE_SYSTEMS,
    ContractError,
    make,
    parse,
    source_of,
)
from tests.worlds import DAY, NOON

ID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
TWEET: dict[str, Any] = {
    "specversion": "1.0",
    "id": ID,
    "source": "/social",
    "type": "interaction.tweet",
    "subject": "customer/C1",
    "time": "2013-02-08T17:00:00Z",
    "data": {"text": "hello", "direction": "inbound"},
}
LEG = {"flight": "EA1", "date": DAY}
BOOKING = {"customer_id": "C1", "cabin": "first", "passengers": ["Zoë"], "segments": [LEG]}
VALID: dict[str, tuple[str, dict[str, Any]]] = {
    "flight.delayed": (f"flight/EA1/{DAY}", {"new_departure": f"{DAY} 15:10", "reason": "❄️"}),
    "flight.cancelled": (f"flight/EA1/{DAY}", {}),
    "flight.gate_changed": (f"flight/EA1/{DAY}", {"gate": "b12"}),
    "flight.departed": (f"flight/EA1/{DAY}", {"actual": f"{DAY}T20:00:00Z"}),
    "flight.landed": (f"flight/EA1/{DAY}", {"actual": f"{DAY} 20:00"}),
    "booking.created": ("booking/AAAAA1", BOOKING),
    "booking.rebooked": ("booking/AAAAA1", {"from": LEG, "to": LEG | {"flight": "EA 2"}}),
    "booking.seat_changed": ("booking/AAAAA1", LEG | {"seat": "1a"}),
    "booking.cancelled": ("booking/AAAAA1", {"reason": None}),
    "bag.checked": ("bag/0016123456", {"locator": "AAAAA1", "flight": "EA1"}),
    "bag.misrouted": ("bag/0016123456", {"locator": "AAAAA1", "location": "DFW"}),
    "bag.located": ("bag/0016123456", {"locator": "AAAAA1"}),
    "bag.delivered": ("bag/0016123456", {"locator": "AAAAA1"}),
    "payment.refunded": ("booking/AAAAA1", {"amount": 12.5, "currency": "EUR"}),
    "payment.voucher_issued": ("customer/C.1_-", {"amount": 1, "currency": "USD"}),
    "interaction.tweet": ("customer/C1", {"text": "🧳" * 99, "direction": "inbound"}),
    "interaction.chat": ("customer/C1", {"text": "a\x00b", "direction": "outbound"}),
    "interaction.call": ("customer/C1", {"text": " ", "direction": "inbound", "handled_by": "K"}),
    "interaction.email": ("customer/C1", {"text": "x" * MAX_TEXT, "direction": "inbound"}),
    "customer.tier_changed": ("customer/C1", {"tier": "gold"}),
    "customer.contact_changed": ("customer/C1", {"phone": "+1 212 555 0100"}),
    "policy.updated": ("policy/pets", {"title": "Pets", "text": "In a box."}),
}


def body(**fields: Any) -> bytes:
    """The tweet as JSON, with some fields changed; `...` leaves a field out."""
    event = {name: value for name, value in (TWEET | fields).items() if value is not ...}
    return json.dumps(event).encode()


def breach(raw: bytes | str | dict[str, Any]) -> ContractError:
    """How a body breaks the contract; its message can be stored and sent."""
    with pytest.raises(ContractError) as caught:
        parse(raw)
    message = str(caught.value)
    assert message.encode()
    assert len(message) < 1000
    assert message == f"{caught.value.field}: {caught.value.reason}"
    return caught.value


@pytest.mark.parametrize("event_type", PAYLOADS)
def test_every_type_has_an_event_that_meets_the_contract(event_type: str) -> None:
    subject, data = VALID[event_type]
    event = make(event_type, subject, data, at=NOON)
    assert parse(event.model_dump_json(exclude_none=True)) == parse(event.model_dump())
    assert event.source == source_of(event_type)
    assert event.source in SOURCE_SYSTEMS
    assert type(event.payload) is PAYLOADS[event_type]
    assert event.occurred_at == NOON


def test_bytes_text_and_dict_are_one_event() -> None:
    assert parse(body()) == parse(body().decode()) == parse(dict(TWEET))
    assert parse(body()).key == "C1"


def test_payloads_are_normalised() -> None:
    payload = make("booking.seat_changed", "booking/AAAAA1", LEG | {"seat": "1a"}, at=NOON).payload
    assert payload.model_dump() == {"flight": "EA1", "date": DAY, "seat": "1A"}
    assert parse(body(time="2013-02-08T12:00:00.1234-05:00")).time == "2013-02-08T17:00:00.123Z"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": ...}, "id"),
        ({"id": "not-a-uuid"}, "id"),
        ({"id": 7}, "id"),
        ({"specversion": "0.3"}, "specversion"),
        ({"source": "social"}, "source"),
        ({"source": None}, "source"),
        ({"type": ...}, "type"),
        ({"type": "interaction.fax"}, "type"),
        ({"type": ["interaction.tweet"]}, "type"),
        ({"type": None}, "type"),
        ({"subject": ...}, "subject"),
        ({"subject": "flight/EA1/2013-02-08"}, "subject"),
        ({"subject": "customer/C1\n"}, "subject"),
        ({"subject": "customer/C|1"}, "subject"),
        ({"subject": "customer/' OR '1'='1"}, "subject"),
        ({"subject": "customer/" + "C" * 41}, "subject"),
        ({"time": ...}, "time"),
        ({"time": "2013-02-08 17:00"}, "time"),
        ({"time": 1360342800}, "time"),
        ({"time": "0001-01-01T00:00:00+05:00"}, "time"),
        ({"time": "9999-12-31T23:59:59-05:00"}, "time"),
        ({"customerid": "C1; DROP TABLE customers"}, "customerid"),
        ({"datacontenttype": "text/xml"}, "datacontenttype"),
        ({"data": ...}, "data"),
        ({"data": []}, "data"),
        ({"data": "hello"}, "data"),
        ({"data": {"text": "hello"}}, "data.direction"),
        ({"data": {"text": "", "direction": "inbound"}}, "data.text"),
        ({"data": {"text": 7, "direction": "inbound"}}, "data.text"),
        ({"data": {"text": "x" * (MAX_TEXT + 1), "direction": "inbound"}}, "data.text"),
        ({"data": {"text": "x" * 1_000_000, "direction": "inbound"}}, "data.text"),
        ({"data": {"text": "\ud800", "direction": "inbound"}}, "data.text"),
        ({"data": {"text": "x", "direction": "inbound", "mood": "bad"}}, "data.mood"),
        ({"colour": "red"}, "colour"),
        ({"\ud800": 1}, "$"),
        ({"x" * 100_000: 1}, "x" * LONGEST_SHOWN),
        ({"id": [[[]]]}, "id"),
    ],
)
def test_a_breach_names_its_field(changes: dict[str, Any], field: str) -> None:
    assert breach(body(**changes)).field == field


@pytest.mark.parametrize(
    ("event_type", "changes", "field"),
    [
        ("flight.delayed", {"new_departure": DAY}, "data.new_departure"),
        ("flight.delayed", {"new_departure": "soon"}, "data.new_departure"),
        ("flight.delayed", {"new_departure": 1500}, "data.new_departure"),
        ("flight.gate_changed", {"gate": "the blue one"}, "data.gate"),
        ("flight.gate_changed", {"gate": "B١"}, "data.gate"),  # an Arabic digit
        ("booking.created", {"segments": []}, "data.segments"),
        ("booking.created", {"passengers": ["A"] * 10}, "data.passengers"),
        ("booking.created", {"insurance": "yes"}, "data.insurance"),
        ("booking.created", {"segments": [LEG, LEG | {"date": "8/2"}]}, "data.segments.1.date"),
        ("booking.rebooked", {"from": {"flight": "E", "date": DAY}}, "data.from.flight"),
        ("booking.seat_changed", {"seat": "99Z"}, "data.seat"),
        ("payment.refunded", {"amount": 0}, "data.amount"),
        ("payment.refunded", {"amount": -1}, "data.amount"),
        ("payment.refunded", {"amount": 100_001}, "data.amount"),
        ("payment.refunded", {"amount": True}, "data.amount"),
        ("payment.refunded", {"amount": "12"}, "data.amount"),
        ("payment.refunded", {"amount": float("nan")}, "data.amount"),
        ("payment.refunded", {"amount": float("inf")}, "data.amount"),
        ("payment.refunded", {"amount": 10**400}, "data.amount"),
        ("payment.refunded", {"currency": "euro"}, "data.currency"),
        ("customer.tier_changed", {"tier": "platinum"}, "data.tier"),
        ("customer.contact_changed", {"phone": None}, "data"),
        ("customer.contact_changed", {"email": "nobody"}, "data.email"),
        ("policy.updated", {"title": " "}, "data.title"),
    ],
)
def test_a_breach_in_the_data_names_its_field(
    event_type: str, changes: dict[str, Any], field: str
) -> None:
    subject, data = VALID[event_type]
    event = {**TWEET, "type": event_type, "subject": subject, "data": data | changes}
    # NaN and Infinity are no JSON, but Python writes and reads them.
    assert breach(json.dumps(event).encode()).field == field


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"null", "expected a JSON object, got NoneType"),
        (b"[1]", "expected a JSON object, got list"),
        (b"NaN", "expected a JSON object, got float"),
        (b"\xff\xfe{}", "not UTF-8: byte 0"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"\x00", "not JSON"),
        (b"9" * 5000, "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a":' * 100_000, "not JSON"),
        (b'"' + b"x" * 1_000_000, "not JSON"),
    ],
    ids=lambda value: repr(value[:12]),
)
def test_what_is_no_json_object_is_said_so(raw: bytes, reason: str) -> None:
    error = breach(raw)
    assert error.field == "$"
    assert reason in error.reason


def test_a_long_value_is_not_repeated_in_the_message() -> None:
    assert f"… ({1_000_002} characters)" in breach(body(type="x" * 1_000_000)).reason


@pytest.mark.parametrize("depth", [10, 900, 970, 980, 985, 988, 990, 992, 994, 5000])
def test_deep_nesting_is_a_breach_at_any_depth(depth: int) -> None:
    nested = json.dumps(TWEET)[:-1].encode() + b', "deep": ' + b"[" * depth + b"]" * depth + b"}"
    assert breach(nested).field in ("deep", "$")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(DAY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(list(PAYLOADS)), st.data())
def test_any_json_in_any_field_is_met_or_refused(event_type: str, data: st.DataObject) -> None:
    subject, payload = VALID[event_type]
    event = {**TWEET, "type": event_type, "subject": subject, "data": dict(payload)}
    place = event if data.draw(st.booleans()) else event["data"]
    place[data.draw(st.sampled_from([*place, "other"]))] = data.draw(JSON)
    raw = json.dumps(event).encode()
    try:
        parse(raw)
    except ContractError:
        breach(raw)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_breach(raw: bytes) -> None:
    breach(raw)
