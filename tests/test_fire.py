"""The door without a broker: what is fired is on record, whatever it is and whoever is down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline import events, outbox
from pipeline.events import MAX_RAW, ContractError
from pipeline.fire import Door, mark_published
from tests.worlds import DAY, NOON, Airline

NOBODY = "127.0.0.1:1"  # no broker answers there
FLIGHT = f"flight/EA1/{DAY}"


@pytest.fixture
def airline(tmp_path: Path) -> Airline:
    return Airline(tmp_path)


@pytest.fixture
def door(airline: Airline) -> Door:
    return Door(airline.database, NOBODY)


def cancellation(**more: Any) -> bytes:
    event = events.make("flight.cancelled", FLIGHT, {"reason": "snow"}, at=NOON)
    return json.dumps(event.model_dump(exclude_none=True) | more).encode()


def test_an_event_is_recorded_though_no_broker_answers(airline: Airline, door: Door) -> None:
    recorded = door.fire(events.parse(cancellation()))
    assert (recorded.sequence, recorded.changed) == (1, True)
    assert airline.row("flights", flight_number="EA1")["status"] == "cancelled"
    assert door.settle(0.0) == 1
    [left] = outbox.unpublished(airline.database, recorded_before=recorded.recorded_at + 1)
    assert left["sequence"] == 1  # the relay will find it


def test_a_refused_event_is_not_recorded(airline: Airline, door: Door) -> None:
    event = events.make("flight.cancelled", f"flight/EA9/{DAY}", {}, at=NOON)
    with pytest.raises(ContractError) as refused:
        door.fire(event)
    assert refused.value.field == "subject"
    assert airline.rows("outbox") == []


def test_an_event_of_a_stranger_is_refused_a_raw_one_kept(airline: Airline, door: Door) -> None:
    tweet = {"text": "hi", "direction": "inbound"}
    lie = events.make("interaction.tweet", "customer/C1", tweet, at=NOON, customer_id="C.2")
    with pytest.raises(ContractError, match=r"^customerid: customer/C1 does not belong to"):
        door.fire(lie)
    kept = door.fire_raw(lie.model_dump_json(exclude_none=True).encode())
    assert kept.breach is not None
    assert kept.breach.field == "customerid"
    assert [(row["type"], row["customer_id"]) for row in airline.rows("outbox")] == [("raw", None)]


def test_the_command_line_names_the_field_of_a_stranger(airline: Airline) -> None:
    tweet = {"text": "hi", "direction": "inbound"}
    lie = events.make("interaction.tweet", "customer/C1", tweet, at=NOON, customer_id="C.2")
    fired = subprocess.run(
        [sys.executable, "-m", "pipeline", "fire", "--file", "-", "--json"],
        input=lie.model_dump_json(exclude_none=True),
        env=os.environ | {"AIRLINE_HOME": str(airline.home), "KAFKA_BROKERS": NOBODY},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert fired.returncode == 1, fired
    [refused] = json.loads(fired.stdout)["refused"]
    assert (refused["line"], refused["field"]) == (1, "customerid")
    assert airline.rows("outbox") == []


def test_the_door_tells_airline_time(door: Door) -> None:
    assert door.now() == NOON


def test_a_raw_item_that_is_an_event_is_one(airline: Airline, door: Door) -> None:
    outcome = door.fire_raw(cancellation())
    assert outcome.breach is None
    assert outcome.recorded.changed
    again = door.fire_raw(bytes(airline.rows("outbox")[0]["body"]))
    assert again.recorded.duplicate
    assert [row["type"] for row in airline.rows("outbox")] == ["flight.cancelled"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "$"),
        (b"not json", "$"),
        (b"\xff\xfe\x00", "$"),
        (b"[" * 100_000, "$"),
        ("🧳".encode() * 250_000, "$"),
        (b"{}", "type"),
        (b'{"type": "flight.teleported"}', "type"),
        (cancellation(id="7"), "id"),
        (cancellation(time="0001-01-01T00:00:00+05:00"), "time"),
        (cancellation(time="1999-01-01T00:00:00Z"), "time"),
        (cancellation(time="2999-01-01T00:00:00Z"), "time"),
        (cancellation(subject=f"flight/EA9/{DAY}"), "subject"),
        (cancellation(data={"reason": "\ud800"}), "data.reason"),
        (cancellation(data={"reason": "x" * 1_000_000}), "data.reason"),
        (cancellation(**{"x" * 1_000_000: 1}), "x" * 80),
        (cancellation(**{"\ud800": 1}), "$"),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_a_raw_item_that_is_none_is_kept_with_its_reason(
    airline: Airline, door: Door, body: bytes, field: str
) -> None:
    outcome = door.fire_raw(body)
    assert outcome.breach is not None
    assert outcome.breach.field == field
    [kept] = airline.rows("outbox")
    assert bytes(kept["body"]) == body
    assert kept["breach"] == str(outcome.breach)
    assert airline.row("flights", flight_number="EA1")["status"] == "scheduled"


def test_a_raw_item_has_a_largest_size(airline: Airline, door: Door) -> None:
    with pytest.raises(ContractError, match="one raw item has at most 4000000"):
        door.fire_raw(b"x" * (MAX_RAW + 1))
    assert airline.rows("outbox") == []
    assert door.fire_raw(b"x" * MAX_RAW).recorded.sequence == 1


def test_threads_share_a_door(airline: Airline, door: Door) -> None:
    def fire() -> None:
        for _ in range(5):
            tweet = {"text": "x", "direction": "inbound"}
            door.fire(events.make("interaction.tweet", "customer/C1", tweet, at=NOON))

    threads = [threading.Thread(target=fire) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row["sequence"] for row in airline.rows("outbox")] == list(range(1, 21))


def test_the_first_acknowledgement_is_the_one_that_is_noted(airline: Airline, door: Door) -> None:
    door.fire_raw(b"a")
    door.fire_raw(b"b")
    mark_published(airline.database, [1])
    [first, other] = airline.rows("outbox")
    assert first["published_at"] >= first["recorded_at"]
    assert other["published_at"] is None
    mark_published(airline.database, [1, 2])
    assert airline.rows("outbox")[0] == first
    mark_published(airline.database, [])


def test_reading_the_outbox(airline: Airline, door: Door) -> None:
    assert outbox.newest(airline.database) == 0
    for number in range(5):
        door.fire_raw(bytes([number]))
    assert outbox.newest(airline.database) == 5
    assert [row["sequence"] for row in outbox.after(airline.database, 2)] == [3, 4, 5]
    assert [row["sequence"] for row in outbox.after(airline.database, 0, limit=2)] == [1, 2]
    assert outbox.unpublished(airline.database, recorded_before=0.0) == []
