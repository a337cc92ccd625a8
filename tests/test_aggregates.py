"""Live aggregates: what counts, the sums, the process on a real broker, and the gold tables."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from pipeline import children, events, ledger, measures, outbox, status
from pipeline.aggregates import AggregateSink, Aggregator, Message, airline_time, counted, merge
from pipeline.broker import EVENTS, Admin, EventProducer, outgoing
from pipeline.clock import from_rfc3339
from pipeline.engine import broker_command, free_port
from pipeline.fire import Door
from pipeline.measures import Measure, is_complaint, measured, window_start
from pipeline.relay import Relay
from pipeline.schema import ARMS, Arm
from pipeline.settings import ROOT
from tests.engines import wait
from tests.test_stream import airline, brokers, quix_signals
from tests.worlds import DAY, NOON, Airline, changed, folder

__all__ = ["airline", "brokers", "quix_signals"]  # the fixtures

MIDNIGHT = from_rfc3339(f"{DAY}T00:00:00Z")
Rows = dict[tuple[str, str, str], tuple[float, int]]


def flight(number: str) -> str:
    return f"flight/{number}/{DAY}"


def table(airline: Airline, arm: Arm) -> Rows:
    """The arm's cells: {(measure, group, window): (value, version)}."""
    return {
        (row["name"], row["key"], row["window_start"]): (row["value"], row["version"])
        for row in airline.rows("aggregates")
        if row["arm"] == arm
    }


def of_record(airline: Airline) -> dict[Measure, dict[str, float]]:
    """The truth about the whole of the test's time."""
    span = (MIDNIGHT - timedelta(days=2), MIDNIGHT + timedelta(days=3))
    return {name: measures.recorded(airline.database, name, *span) for name in measures.KINDS}


def of_arm(airline: Airline, arm: Arm) -> dict[Measure, dict[str, float]]:
    span = (MIDNIGHT - timedelta(days=2), MIDNIGHT + timedelta(days=3))
    return {name: measures.totals(airline.database, arm, name, *span) for name in measures.KINDS}


def a_day(airline: Airline) -> None:
    """Eleven events: one flight cancelled, two late of which one is cancelled and back, …"""
    fire = airline.fire
    fire("flight.delayed", flight("EA1"), new_departure=f"{DAY} 15:20")
    fire("flight.cancelled", flight("EA2"))
    fire("flight.cancelled", flight("EA3"))
    fire("flight.delayed", flight("EA3"), NOON + timedelta(hours=1), new_departure=f"{DAY} 16:00")
    fire("flight.gate_changed", flight("EA1"), gate="C2")
    angry, happy = "this is unacceptable", "lovely crew"
    late = NOON - timedelta(hours=3)
    fire("interaction.tweet", "customer/C1", text=angry, direction="inbound")
    fire("interaction.chat", "customer/C1", late, text=angry, direction="inbound")
    fire("interaction.chat", "customer/C_3", text=happy, direction="inbound")
    fire("interaction.chat", "customer/C_3", text=angry, direction="outbound")
    fire("payment.refunded", "booking/AAAAA1", amount=10.1, currency="EUR")
    fire("payment.refunded", "customer/C1", amount=0.2, currency="EUR")


EXPECTED: dict[Measure, dict[str, float]] = {
    "flights_cancelled": {"JFK-LAX": 1.0},
    "flights_delayed": {"JFK-ORD": 1.0, "JFK-BOS": 1.0},
    "complaints": {"tweet": 1.0, "chat": 1.0},
    "refunds": {"EUR": 2.0},
    "refunded": {"EUR": 10.3},
}

# --- pure -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "text", "complaint"),
    [
        ("inbound", "This is RIDICULOUS.", True),
        ("inbound", "Delayed again?", True),
        ("inbound", "Thank you!", False),
        ("inbound", "", False),
        ("outbound", "We are sorry that you are upset", False),
    ],
)
def test_a_complaint_is_inbound_and_says_so(direction: str, text: str, complaint: bool) -> None:
    assert is_complaint(direction, text) is complaint


@pytest.mark.parametrize(
    ("status", "minutes", "name"),
    [
        ("scheduled", 0, None),
        ("delayed", 14, None),
        ("delayed", 15, "flights_delayed"),
        ("landed", 200, "flights_delayed"),
        ("departed", -3, None),
        ("cancelled", 200, "flights_cancelled"),
    ],
)
def test_a_flight_is_late_from_a_quarter_of_an_hour(
    status: str, minutes: int, name: str | None
) -> None:
    row = {
        "origin": "JFK",
        "destination": "ORD",
        "status": status,
        "scheduled_departure": "2013-02-08T20:00:00.000Z",
        "departure": (NOON + timedelta(hours=3, minutes=minutes)).isoformat(),
    }
    assert [one[:2] for one in measured("flight", row)] == ([(name, "JFK-ORD")] if name else [])


def test_windows_are_five_minutes_of_airline_time() -> None:
    assert window_start(NOON + timedelta(minutes=9, seconds=59)) == NOON + timedelta(minutes=5)
    assert window_start(NOON) == NOON


def messages(airline: Airline) -> list[tuple[bytes, Message]]:
    """(key, message) of the whole outbox, as after a way through Kafka."""
    epoch = airline.database.get("epoch")
    sent = [outgoing(row, epoch, 1.0) for row in outbox.after(airline.database, 0)]
    return [
        (
            one.key.encode(),
            counted(one.value, one.key, 0, [(n, v.encode()) for n, v in one.headers.items()]),
        )
        for one in sent
    ]


def test_a_flight_counts_on_its_day_and_a_contact_when_it_came(airline: Airline) -> None:
    airline.fire("flight.cancelled", flight("EA1"))
    airline.fire("interaction.tweet", "customer/C1", text="hi", direction="inbound")
    (_, first), (_, second) = messages(airline)
    assert airline_time(first) == MIDNIGHT.timestamp() * 1000
    assert airline_time(second) == NOON.timestamp() * 1000


def test_windows_do_not_care_for_order_or_repetition(airline: Airline) -> None:
    airline.fire("flight.cancelled", flight("EA1"))
    airline.fire("flight.gate_changed", flight("EA1"), gate="B1")
    airline.fire("flight.delayed", flight("EA1"), new_departure=f"{DAY} 15:30")
    every = [message for _, message in messages(airline)]
    merged: list[Message] = []
    for order in itertools.permutations([*every, every[0]]):
        window: Message = {"epoch": 0, "counted": {}}
        for message in order:
            window = merge(window, message)
        merged.append(window)
    assert all(window == merged[0] for window in merged)
    assert merged[0]["counted"][flight("EA1")] == [3, [["flights_delayed", "JFK-ORD", 1.0]]]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (None, None),
        (b"\xff", [("sequence", b"1"), ("epoch", b"1")]),
        (b"[]", [("sequence", b"1"), ("epoch", b"1")]),
        (b'{"after": [{"kind": "flight"}]}', [("sequence", b"1"), ("epoch", b"1")]),
        (b'{"after": []}', [("sequence", b"x"), ("epoch", b"1")]),
        (b"[" * 100_000, [("sequence", b"1"), ("epoch", b"1")]),
    ],
)
def test_what_others_write_to_the_topic_counts_for_nothing(
    body: bytes | None, headers: Any
) -> None:
    message = counted(body, None, 5, headers)
    assert message == {"epoch": 0, "sequence": 0, "at": 5, "counted": {}}


# --- the sink, without Quix -----------------------------------------------------------------------


class Sums:
    """A new sink behind the windows, as Quix keeps them."""

    def __init__(self, airline: Airline) -> None:
        self.sink = AggregateSink(airline.database, airline.home)
        self._windows: dict[tuple[bytes, int], Message] = {}

    def take(self, *sent: tuple[bytes, Message]) -> None:
        """One checkpoint."""
        for key, message in sent:
            self.sink.add(message, key, 0, [], "t", 0, 0)
            if message["counted"]:
                start = int(message["at"] // WINDOW_MS * WINDOW_MS)
                window = self._windows.get((key, start), {"epoch": 0, "counted": {}})
                self._windows[key, start] = merge(window, message)
                value = {"start": start, "end": 0, "value": self._windows[key, start]}
                self.sink.add(value, key, 0, [], "t", 0, 0)
        self.sink.flush()


WINDOW_MS = measures.WINDOW.total_seconds() * 1000


def test_the_sums_are_the_truth(airline: Airline) -> None:
    a_day(airline)
    sums = Sums(airline)
    for one in messages(airline):
        sums.take(one)
    assert of_arm(airline, "stream") == of_record(airline) == EXPECTED
    assert airline.database.get(measures.WATERMARK) == 11


def test_a_new_process_keeps_what_is_there_until_it_has_caught_up(airline: Airline) -> None:
    a_day(airline)
    every = messages(airline)
    Sums(airline).take(*every)
    before = table(airline, "stream")
    second = Sums(airline)
    for one in every:
        second.take(one)
        assert table(airline, "stream") == before
    airline.fire("flight.cancelled", flight("EA1"))
    second.take(messages(airline)[-1])
    assert of_arm(airline, "stream") == of_record(airline)


def test_a_reset_puts_the_counts_back_and_the_old_world_stays_out(airline: Airline) -> None:
    a_day(airline)
    old = messages(airline)
    sums = Sums(airline)
    sums.take(*old)
    airline.batch()
    airline.reset()
    assert table(airline, "stream") == table(airline, "batch") == {}
    assert airline.database.get(measures.WATERMARK) is None
    sums.take(*old)
    assert table(airline, "stream") == {}
    airline.fire("flight.cancelled", flight("EA1"))
    sums.take(*messages(airline))
    assert of_arm(airline, "stream") == of_record(airline)
    assert of_record(airline)["flights_cancelled"] == {"JFK-ORD": 1.0}


def test_an_old_epoch_in_a_window_gives_way_to_the_new_one() -> None:
    old = {"epoch": 1, "counted": {"flight/X": [50, [["flights_cancelled", "A-B", 1.0]]]}}
    new = {"epoch": 2, "counted": {"flight/X": [3, []]}}
    assert merge(old, new) == merge(merge(old, new), old) == new


# --- the process, on a real broker ----------------------------------------------------------------


def refill(airline: Airline, brokers: str) -> None:
    """Publish the whole outbox, in order."""
    Admin(brokers).ensure_topics(2)
    airline.database.put("broker_incarnation", None)
    assert Relay(airline.database, brokers, 2).refill_if_new()


def count(airline: Airline, brokers: str, events: int) -> None:
    """Run the process until it has counted so many."""
    stop = threading.Event()

    def until_counted() -> None:
        wait(lambda: airline.database.get(measures.WATERMARK) == events, 60, "nothing was counted")
        stop.set()

    watcher = threading.Thread(target=until_counted)
    watcher.start()
    Aggregator(airline.database, home=airline.home, brokers=brokers, partitions=2).run(stop)
    watcher.join()


@pytest.mark.usefixtures("quix_signals")
def test_after_a_batch_run_both_arms_count_the_truth(airline: Airline, brokers: str) -> None:
    a_day(airline)
    airline.raw(b"\xff garbage")
    # Before anybody has made the topic: the broker makes it, and knows no retention for it.
    foreign = Producer({"bootstrap.servers": brokers})
    foreign.produce(EVENTS, b"foreign", "somebody")
    assert foreign.flush(5.0) == 0
    refill(airline, brokers)
    refill(airline, brokers)  # everything twice
    airline.batch()

    count(airline, brokers, 12)
    assert of_record(airline) == EXPECTED
    assert of_arm(airline, "stream") == of_arm(airline, "batch") == EXPECTED
    assert table(airline, "stream") == table(airline, "batch")


@contextmanager
def embedded_broker(port: int) -> Iterator[None]:
    """It dies as in an accident."""
    with subprocess.Popen(broker_command(port)) as process:
        try:
            yield
        finally:
            process.kill()


@contextmanager
def relaying(airline: Airline, brokers: str) -> Iterator[None]:
    """The relay at work."""
    stop = threading.Event()
    relay = threading.Thread(target=Relay(airline.database, brokers, 2).serve, args=(stop,))
    relay.start()
    try:
        yield
    finally:
        stop.set()
        relay.join()


def offsets(brokers: str) -> list[tuple[int | None, int | None]]:
    """(partition, offset) of each message that a reader of the event topic gets."""
    reader = Consumer({"bootstrap.servers": brokers, "group.id": "test"})
    reader.assign([TopicPartition(EVENTS, number, OFFSET_BEGINNING) for number in range(2)])
    found = []
    while message := reader.poll(1.0):
        found.append((message.partition(), message.offset()))
    reader.close()
    return found


@pytest.mark.usefixtures("quix_signals")
def test_a_log_that_was_begun_twice_is_counted_once(airline: Airline) -> None:
    a_day(airline)
    port = free_port()
    brokers = f"127.0.0.1:{port}"
    producer = EventProducer(brokers, lambda _: None)
    rows, epoch = outbox.after(airline.database, 0), airline.database.get("epoch")
    with embedded_broker(port):
        Admin(brokers).wait_for_topics(2, threading.Event())
        producer.send(outgoing(rows[0], epoch, 0.0))
        assert producer.flush(5.0) == 0
    for row in rows:  # by a producer that knows the topic, to a broker that does not yet
        producer.send(outgoing(row, epoch, 0.0))
    with embedded_broker(port):
        assert producer.flush(5.0) == 0
        Admin(brokers).wait_for_topics(2, threading.Event())
        for row in rows:
            producer.send(outgoing(row, epoch, 0.0))
            producer.flush(5.0)
        log = offsets(brokers)
        assert len(set(log)) < len(log)
        with relaying(airline, brokers):
            count(airline, brokers, 11)
    assert of_arm(airline, "stream") == of_record(airline)


def test_the_relay_sends_again_what_nobody_counts(
    airline: Airline, brokers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.relay.GAP_S", (0.2, 60.0))
    a_day(airline)
    refill(airline, brokers)
    found: ledger.Progress = {"arm": "stream", "outcome": ledger.SEARCHABLE, "searchable_at": 0.0}
    ledger.write(airline.database, [found | {"sequence": number + 1} for number in range(11)])
    airline.database.put(measures.WATERMARK, 8)
    with relaying(airline, brokers):
        wait(lambda: len(offsets(brokers)) >= 11 + 3, 60, "nothing was sent again")


@contextmanager
def child(airline: Airline, brokers: str) -> Iterator[subprocess.Popen[bytes]]:
    """The child process, as the supervisor starts it."""
    environment = os.environ | {"AIRLINE_HOME": str(airline.home), "KAFKA_BROKERS": brokers}
    command = [sys.executable, "-m", "pipeline", "child", "aggregates"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def test_killed_and_started_again_it_has_lost_nothing_and_counts_nothing_twice(
    airline: Airline, brokers: str
) -> None:
    def is_true() -> bool:
        return of_arm(airline, "stream") == of_record(airline)

    a_day(airline)
    refill(airline, brokers)
    door = Door(airline.database, brokers)
    with child(airline, brokers) as process:
        wait(lambda: airline.database.get(measures.WATERMARK) == 11, 60, "nothing was counted")
        assert is_true()
        assert airline.database.get("ready/aggregates") == process.pid
        door.fire(events.make("flight.cancelled", flight("EA1"), {}, at=NOON + timedelta(hours=2)))
        assert door.settle() == 0
        process.kill()
    paid = {"amount": 5.0, "currency": "USD"}
    door.fire(events.make("payment.refunded", "customer/C1", paid, at=NOON))
    assert door.settle() == 0
    with child(airline, brokers) as process:
        wait(is_true, 60, f"{of_arm(airline, 'stream')} is not {of_record(airline)}")
        assert airline.database.get(measures.WATERMARK) == 13
        assert psutil.Process(process.pid).memory_info().rss < 150e6


def test_status_waits_for_every_child() -> None:
    assert set(status.CHILDREN) == set(children.CHILDREN)


# --- gold -----------------------------------------------------------------------------------------


def test_gold_knows_what_the_last_extract_saw(airline: Airline) -> None:
    assert table(airline, "batch") == {}
    a_day(airline)
    assert table(airline, "batch") == {}
    airline.batch()
    assert of_arm(airline, "batch") == EXPECTED
    airline.fire("flight.cancelled", flight("EA1"))
    assert of_arm(airline, "batch") == EXPECTED
    airline.batch()
    assert of_arm(airline, "batch") == of_record(airline) != EXPECTED


def test_a_world_that_has_cancelled_flights_begins_with_them(tmp_path: Path) -> None:
    place = folder(tmp_path, flights=changed("flights", 0, status="cancelled"))
    loaded = Airline(tmp_path, place)
    expected = {"JFK-ORD": 1.0}
    for arm in ARMS:
        assert of_arm(loaded, arm)["flights_cancelled"] == expected
    loaded.fire("flight.gate_changed", flight("EA2"), gate="B1")
    Sums(loaded).take(*messages(loaded))
    loaded.batch()
    for arm in ARMS:
        assert of_arm(loaded, arm)["flights_cancelled"] == expected
    loaded.close()


def test_the_messages_are_json() -> None:
    message = counted(b'{"after": []}', None, 0, [("sequence", b"1"), ("epoch", b"1")])
    assert json.loads(json.dumps(message)) == message
