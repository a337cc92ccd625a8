"""The system of record: one event, one transaction; what is refused, late or repeated is safe."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from pipeline import events, record, schema
from pipeline.events import PAYLOADS, ContractError
from pipeline.images import image, images
from pipeline.record import FURTHEST_AHEAD, FURTHEST_BACK, RAW_SOURCE
from tests.worlds import DAY, NOON, Airline

FLIGHT = f"flight/EA1/{DAY}"
LEG = {"flight": "EA1", "date": DAY}
EA2 = {"flight": "EA2", "date": DAY}
EA9 = {"flight": "EA9", "date": DAY}
BAG = "bag/0016123456"
TWEET = {"text": "hi", "direction": "inbound"}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airline]:
    """One record for the file."""
    airline = Airline(tmp_path_factory.mktemp("record"))
    yield airline
    airline.close()


@pytest.fixture
def airline(loaded: Airline) -> Airline:
    """The record as loaded."""
    loaded.reset()
    return loaded


def everything(airline: Airline) -> dict[str, list[dict[str, Any]]]:
    return {name: airline.rows(name) for name in schema.metadata.tables}


def fields(row: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in expected}


EFFECTS: list[tuple[str, str, dict[str, Any], str, dict[str, Any]]] = [
    (
        "flight.delayed",
        FLIGHT,
        {"new_departure": f"{DAY} 16:10", "reason": "snow"},
        "flights",
        {
            "status": "delayed",
            "reason": "snow",
            "departure": "2013-02-08T21:10:00.000Z",  # New York
            "arrival": "2013-02-09T00:40:00.000Z",  # it flies as long as planned
            "scheduled_departure": "2013-02-08T20:00:00.000Z",
            "gate": None,
        },
    ),
    (
        "flight.delayed",
        FLIGHT,
        {"new_departure": f"{DAY} 16:10", "new_arrival": f"{DAY} 19:00"},
        "flights",
        {"arrival": "2013-02-09T01:00:00.000Z"},  # Chicago
    ),
    ("flight.cancelled", FLIGHT, {"reason": "snow"}, "flights", {"status": "cancelled"}),
    (
        "flight.gate_changed",
        FLIGHT,
        {"gate": "c9"},
        "flights",
        {"gate": "C9", "status": "scheduled"},
    ),
    (
        "flight.departed",
        FLIGHT,
        {"actual": f"{DAY} 15:06"},
        "flights",
        {"status": "departed", "departure": "2013-02-08T20:06:00.000Z"},
    ),
    (
        "flight.landed",
        FLIGHT,
        {"actual": f"{DAY} 17:31"},
        "flights",
        {"status": "landed", "arrival": "2013-02-08T23:31:00.000Z"},
    ),
    (
        "booking.created",
        "booking/NEW001",
        {
            "customer_id": "c1",
            "cabin": "first",
            "passengers": ["Zoë", "李 雷"],
            "segments": [LEG | {"seat": "9F"}],
        },
        "bookings",
        {"locator": "NEW001", "customer_id": "c1", "status": "confirmed", "insurance": False},
    ),
    (
        "booking.rebooked",
        "booking/AAAAA1",
        {"from": LEG, "to": EA2, "seat": "1A"},
        "segments",
        {"locator": "AAAAA1", "segment": 1, "flight_number": "EA2", "seat": "1A"},
    ),
    (
        "booking.seat_changed",
        "booking/AAAAA1",
        LEG | {"seat": "9F"},
        "segments",
        {"locator": "AAAAA1", "flight_number": "EA1", "seat": "9F"},
    ),
    ("booking.cancelled", "booking/AAAAA1", {}, "bookings", {"status": "cancelled"}),
    *(
        (f"bag.{status}", BAG, {"locator": "AAAAA1"}, "bags", {"status": status})
        for status in ("checked", "misrouted", "located", "delivered")
    ),
    (
        "bag.checked",
        "bag/NEWTAG1",
        {"locator": "AAAAA1", "flight": "EA1"},
        "bags",
        {"tag": "NEWTAG1", "flight_number": "EA1"},
    ),
    (
        "payment.refunded",
        "booking/AAAAA1",
        {"amount": 9.5, "currency": "EUR"},
        "payments",
        {"customer_id": "C1", "locator": "AAAAA1", "payment_type": "refunded", "amount": 9.5},
    ),
    (
        "payment.voucher_issued",
        "customer/C.2",
        {"amount": 100, "currency": "USD"},
        "payments",
        {"customer_id": "C.2", "locator": None, "payment_type": "voucher_issued"},
    ),
    *(
        (f"interaction.{channel}", "customer/C1", TWEET, "interactions", {"channel": channel})
        for channel in ("tweet", "chat", "call", "email")
    ),
    ("customer.tier_changed", "customer/C.2", {"tier": "gold"}, "customers", {"tier": "gold"}),
    (
        "customer.contact_changed",
        "customer/C1",
        {"phone": "+1 212 555 0199"},
        "customers",
        {"phone": "+1 212 555 0199", "email": "ada@example.org"},
    ),
    (
        "policy.updated",
        "policy/pets",
        {"title": "Animals", "text": "None."},
        "policies",
        {"title": "Animals", "text": "None."},
    ),
    ("policy.updated", "policy/new", {"title": "New", "text": "x"}, "policies", {"slug": "new"}),
]


def test_every_type_has_its_effect_tested() -> None:
    assert {effect[0] for effect in EFFECTS} == set(PAYLOADS)


@pytest.mark.parametrize(("event_type", "subject", "data", "table", "expected"), EFFECTS)
def test_an_event_changes_its_entity_and_writes_the_outbox(
    airline: Airline,
    event_type: str,
    subject: str,
    data: dict[str, Any],
    table: str,
    expected: dict[str, Any],
) -> None:
    before = everything(airline)
    event = events.make(event_type, subject, data, at=NOON)
    recorded = airline.apply(event)

    changed = [row for row in airline.rows(table) if row not in before[table]]
    assert expected in [fields(row, expected) for row in changed]
    [written] = airline.rows("outbox")
    assert recorded.row is not None
    assert fields(written, recorded.row) == recorded.row
    assert (recorded.sequence, recorded.changed, recorded.duplicate) == (1, True, False)
    assert written["occurred_at"] == "2013-02-08T17:00:00.000Z"
    assert events.parse(written["body"]) == event
    kind, key = record.entity_of(event)
    with airline.database.read() as connection:
        now = image(connection, kind, key)
    assert written["after"] == [{"kind": kind, "key": key, "row": now}]
    untouched = set(before) - {table, "outbox", "bookings", "segments", "passengers"}
    assert {name: airline.rows(name) for name in untouched} == {n: before[n] for n in untouched}


REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    ("flight.cancelled", f"flight/EA9/{DAY}", {}, "subject"),
    ("flight.cancelled", "flight/EA1/2013-02-31", {}, "subject"),
    ("flight.delayed", FLIGHT, {"new_departure": "9999-12-31T23:00:00Z"}, "data.new_departure"),
    ("flight.delayed", FLIGHT, {"new_departure": "9999-12-31 22:00"}, "data.new_departure"),
    ("flight.delayed", FLIGHT, {"new_departure": "0001-01-01 00:00"}, "data.new_departure"),
    ("flight.delayed", FLIGHT, {"new_departure": "2013-03-11 15:00"}, "data.new_departure"),
    (
        "flight.delayed",
        FLIGHT,
        {"new_departure": f"{DAY} 16:00", "new_arrival": f"{DAY} 14:59"},
        "data.new_arrival",
    ),
    ("flight.departed", FLIGHT, {"actual": "1970-01-01T00:00:00Z"}, "data.actual"),
    ("flight.landed", FLIGHT, {"actual": "2500-01-01T00:00:00Z"}, "data.actual"),
    ("booking.rebooked", "booking/ZZZZZ9", {"from": LEG, "to": LEG}, "subject"),
    (
        "booking.rebooked",
        "booking/AAAAA1",
        {"from": EA2, "to": LEG},
        "data.from",
    ),
    ("booking.rebooked", "booking/AAAAA1", {"from": LEG, "to": EA9}, "data.to"),
    ("booking.rebooked", "booking/AAAAA1", {"from": LEG, "to": LEG, "seat": "2A"}, "data.seat"),
    ("booking.seat_changed", "booking/AAAAA1", LEG | {"seat": "2A"}, "data.seat"),
    (
        "booking.seat_changed",
        "booking/AAAAA1",
        EA2 | {"seat": "9F"},
        "data.flight",
    ),
    ("booking.cancelled", "booking/ZZZZZ9", {}, "subject"),
    ("bag.located", "bag/NEWTAG1", {"locator": "AAAAA1"}, "subject"),
    ("bag.checked", "bag/NEWTAG1", {"locator": "ZZZZZ9"}, "data.locator"),
    ("bag.checked", BAG, {"locator": "AAAAA2"}, "data.locator"),
    ("payment.refunded", "booking/ZZZZZ9", {"amount": 1, "currency": "EUR"}, "subject"),
    ("payment.refunded", "customer/C2", {"amount": 1, "currency": "EUR"}, "subject"),
    ("interaction.tweet", "customer/C2", TWEET, "subject"),
    ("customer.tier_changed", "customer/nobody", {"tier": "gold"}, "subject"),
]
NEW = {"customer_id": "C1", "cabin": "first", "passengers": ["Z"], "segments": [LEG]}
REFUSED += [
    ("booking.created", "booking/AAAAA1", NEW, "subject"),
    ("booking.created", "booking/NEW001", NEW | {"customer_id": "C9"}, "data.customer_id"),
    (
        "booking.created",
        "booking/NEW001",
        NEW | {"segments": [LEG, LEG | {"date": "2013-02-09"}]},
        "data.segments.1.flight",
    ),
    ("booking.created", "booking/NEW001", NEW | {"segments": [LEG | {"seat": "1A"}]}, "data.seat"),
]


@pytest.mark.parametrize(("event_type", "subject", "data", "field"), REFUSED)
def test_an_event_that_contradicts_the_record_names_its_field_and_changes_nothing(
    airline: Airline, event_type: str, subject: str, data: dict[str, Any], field: str
) -> None:
    before = everything(airline)
    with pytest.raises(ContractError) as refused:
        airline.fire(event_type, subject, **data)
    assert refused.value.field == field
    assert everything(airline) == before


STRANGE: list[tuple[str, str, dict[str, Any]]] = [
    ("booking.seat_changed", "booking/AAAAA1", LEG | {"seat": "9F"}),
    ("booking.created", "booking/NEW001", NEW),
    ("bag.checked", "bag/NEWTAG1", {"locator": "AAAAA1"}),
    ("bag.located", BAG, {"locator": "AAAAA1"}),
    ("payment.refunded", "booking/AAAAA1", {"amount": 1, "currency": "EUR"}),
    ("payment.voucher_issued", "customer/C1", {"amount": 1, "currency": "EUR"}),
    ("interaction.tweet", "customer/C1", TWEET),
    ("customer.tier_changed", "customer/C1", {"tier": "gold"}),
]


@pytest.mark.parametrize(("event_type", "subject", "data"), STRANGE)
def test_an_event_names_the_customer_whose_entity_it_is(
    airline: Airline, event_type: str, subject: str, data: dict[str, Any]
) -> None:
    before = everything(airline)
    strange = events.make(event_type, subject, data, at=NOON, customer_id="C.2")
    with pytest.raises(ContractError) as refused:
        airline.apply(strange)
    assert refused.value.field == "customerid"
    assert everything(airline) == before
    own = events.make(event_type, subject, data, at=NOON, customer_id="C1")
    assert airline.apply(own).changed
    assert airline.rows("outbox")[0]["customer_id"] == "C1"


@pytest.mark.parametrize("shift", [FURTHEST_AHEAD, -FURTHEST_BACK])
def test_a_time_too_far_from_the_airline_clock_is_refused(
    airline: Airline, shift: timedelta
) -> None:
    airline.fire("interaction.tweet", "customer/C1", NOON + shift, **TWEET)
    beyond = NOON + shift + timedelta(seconds=1 if shift > timedelta() else -1)
    with pytest.raises(ContractError, match="time: .* too far from the airline clock"):
        airline.fire("interaction.tweet", "customer/C1", beyond, **TWEET)
    assert len(airline.rows("outbox")) == 1


LATE: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("flight.gate_changed", FLIGHT, {"gate": "A1"}, {"gate": "A2"}),
    (
        "flight.delayed",
        FLIGHT,
        {"new_departure": f"{DAY} 16:00"},
        {"new_departure": f"{DAY} 17:00"},
    ),
    ("booking.seat_changed", "booking/AAAAA1", LEG | {"seat": "9F"}, LEG | {"seat": "9G"}),
    (
        "bag.located",
        "bag/0016123456",
        {"locator": "AAAAA1", "location": "ORD"},
        {"locator": "AAAAA1"},
    ),
    ("customer.tier_changed", "customer/C1", {"tier": "silver"}, {"tier": "regular"}),
    ("policy.updated", "policy/pets", {"title": "P", "text": "old"}, {"title": "P", "text": "new"}),
]


@pytest.mark.parametrize(("event_type", "subject", "old", "new"), LATE)
def test_late_news_is_recorded_and_never_overwrites_newer_news(
    airline: Airline, event_type: str, subject: str, old: dict[str, Any], new: dict[str, Any]
) -> None:
    airline.fire(event_type, subject, NOON, **new)
    world = {table.name: airline.rows(table.name) for table in schema.WORLD_TABLES}
    late = airline.fire(event_type, subject, NOON - timedelta(minutes=5), **old)
    assert (late.sequence, late.changed, late.duplicate) == (2, False, False)
    assert airline.rows("outbox")[1]["after"] == []
    assert {table.name: airline.rows(table.name) for table in schema.WORLD_TABLES} == world
    same_time = airline.fire(event_type, subject, NOON, **old)
    assert same_time.changed


def test_a_late_gate_is_news_when_only_the_status_is_newer(airline: Airline) -> None:
    airline.fire("flight.cancelled", FLIGHT, NOON)
    assert airline.fire("flight.gate_changed", FLIGHT, NOON - timedelta(hours=1), gate="B1").changed
    flight = airline.row("flights", flight_number="EA1")
    assert (flight["status"], flight["gate"]) == ("cancelled", "B1")


def test_a_cancelled_booking_is_not_rebooked_and_its_seat_is_free(airline: Airline) -> None:
    airline.fire("booking.cancelled", "booking/AAAAA1")
    with pytest.raises(ContractError, match="subject: booking/AAAAA1 is cancelled"):
        airline.fire("booking.seat_changed", "booking/AAAAA1", **LEG, seat="9F")
    airline.fire("booking.seat_changed", "booking/AAAAA2", **LEG, seat="1A")
    assert airline.row("segments", locator="AAAAA2")["seat"] == "1A"


def test_the_same_event_id_twice_is_one_event(airline: Airline) -> None:
    event = events.make("interaction.tweet", "customer/C1", dict(TWEET), at=NOON)
    first, again = airline.apply(event), airline.apply(event)
    other = events.make(
        "flight.cancelled", FLIGHT, {}, at=NOON, event_id=event.id
    )  # whatever else it says
    third = airline.apply(other)
    assert not first.duplicate
    for repeated in (again, third):
        assert (repeated.duplicate, repeated.sequence, repeated.row) == (True, 1, None)
        assert repeated.recorded_at == first.recorded_at
    assert len(airline.rows("outbox")) == len(airline.rows("interactions")) == 1
    assert airline.row("flights", flight_number="EA1")["status"] == "scheduled"


def test_each_image_before_is_the_image_after_of_the_event_before(airline: Airline) -> None:
    for gate in ("A1", "A2", "A3"):
        airline.fire("flight.gate_changed", FLIGHT, gate=gate)
    rows = airline.rows("outbox")
    assert [row["sequence"] for row in rows] == [1, 2, 3]
    assert [row["before"] for row in rows[1:]] == [row["after"] for row in rows[:-1]]


def test_hostile_text_comes_back_as_it_went_in(airline: Airline) -> None:
    text = "'); DROP TABLE customers;-- \x00 \x1b[31m \u202e ‮ \U0001f9f3 “quotes” \\ \u2028"
    airline.fire("interaction.tweet", "customer/C1", text=text, direction="inbound")
    [row] = airline.rows("interactions")
    assert row["text"] == text
    [event] = airline.rows("outbox")
    assert event["after"][0]["row"]["text"] == text
    assert record.event_of(event)["data"]["text"] == text


def test_a_whole_transaction_counts_or_nothing_of_it(airline: Airline) -> None:
    before = everything(airline)
    event = events.make("flight.cancelled", FLIGHT, {}, at=NOON)

    def killed() -> None:
        with airline.database.write() as connection:
            record.apply(connection, event, airline_now=NOON)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    assert everything(airline) == before


@pytest.mark.parametrize("body", [b"", b"\x00\xff", b"{", "🧳".encode(), b"x" * 1_000_000])
def test_a_raw_item_is_kept_verbatim(airline: Airline, body: bytes) -> None:
    kept = airline.raw(body)
    [row] = airline.rows("outbox")
    assert row["body"] == body
    assert (row["source"], row["type"], row["after"]) == (RAW_SOURCE, "raw", [])
    assert row["breach"].startswith("$: not ")
    assert not kept.changed
    assert isinstance(record.event_of(row)["raw"], str)


def test_a_raw_item_that_the_record_refuses_is_kept_with_the_reason(airline: Airline) -> None:
    event = events.make("flight.cancelled", f"flight/EA9/{DAY}", {}, at=NOON)
    airline.raw(event.model_dump_json(exclude_none=True).encode())
    [row] = airline.rows("outbox")
    assert row["breach"] == f"subject: the record knows no flight/EA9/{DAY}"
    assert json.loads(row["body"])["id"] == event.id


def test_writers_at_once_leave_one_gapless_outbox(airline: Airline) -> None:
    """Sequence order is commit order: a reader that remembers the highest misses nothing."""

    def write() -> None:
        for _ in range(20):
            airline.fire("interaction.tweet", "customer/C1", **TWEET)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    rows = airline.rows("outbox")
    assert [row["sequence"] for row in rows] == list(range(1, 81))
    assert [row["recorded_at"] for row in rows] == sorted(row["recorded_at"] for row in rows)


def test_all_images_are_the_single_images(airline: Airline) -> None:
    for event_type, subject, data, _, _ in EFFECTS:
        airline.raw(json.dumps(_event(event_type, subject, data)).encode())
    with airline.database.write() as connection:  # what reverse ETL writes is no customer's fact
        connection.execute(update(schema.customers).values(at_risk=True, at_risk_as_of="now"))
    with airline.database.read() as connection:
        every = images(connection)
        single = [image(connection, one["kind"], one["key"]) for one in every]
    assert {one["kind"] for one in every} == {
        "customer",
        "flight",
        "booking",
        "bag",
        "interaction",
        "payment",
        "policy",
    }
    assert [one["row"] for one in every] == single
    assert "at_risk" not in json.dumps(every)


def _event(event_type: str, subject: str, data: dict[str, Any]) -> dict[str, Any]:
    return events.make(event_type, subject, data, at=NOON, event_id=str(uuid.uuid4())).model_dump(
        exclude_none=True
    )


def test_a_new_state_folder_is_made(tmp_path: Path) -> None:
    database = schema.Database(f"sqlite:///{tmp_path / 'a' / 'b' / 'record.sqlite'}")
    database.put("x", {"emoji": "🧳", "none": None})
    assert database.get("x") == {"emoji": "🧳", "none": None}
    assert database.get("missing", 7) == 7
    database.close()
