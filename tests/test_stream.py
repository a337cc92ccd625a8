"""The streaming arm: its pure steps, its sink on a real store, a whole worker on a real broker."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from quixstreams.sinks import SinkBackpressureError
from sqlalchemy import delete

from pipeline import events, ledger, schema
from pipeline.broker import DEAD_LETTERS, EVENTS, Admin, EventProducer, Outgoing
from pipeline.embed import Vectors
from pipeline.engine import Supervisor
from pipeline.fire import Door
from pipeline.settings import Settings
from pipeline.store import COMPACT_WHEN_IDLE
from pipeline.stream import (
    MICRO_BATCH,
    ContextSink,
    Message,
    Worker,
    contract,
    dead_letter,
    is_dead,
    to_documents,
)
from tests.worlds import DAY, NOON, Airline, HashEncoder, add

FLIGHT = f"flight/EA1/{DAY}"
HEADERS = [
    ("sequence", b"7"),
    ("epoch", b"2"),
    ("recorded_at", b"1.5"),
    ("published_at", b"2.5"),
]
EVENT = events.make("flight.gate_changed", FLIGHT, {"gate": "B1"}, at=NOON).model_dump(
    exclude_none=True
)
POLICY = {"kind": "policy", "key": "p", "row": {"slug": "p", "title": "P", "text": "a@b.org"}}


def value(after: Sequence[Any] = (POLICY,)) -> bytes:
    return json.dumps({"event": EVENT, "after": list(after)}).encode()


# --- pure steps -----------------------------------------------------------------------------------


def test_bytes_of_the_outbox_become_a_message() -> None:
    message = contract(value(), b"key", 0, HEADERS)
    assert (message["sequence"], message["epoch"], message["after"]) == (7, 2, [POLICY])
    assert message["occurred_at"] == "2013-02-08T17:00:00.000Z"
    stages = message["stages"]
    assert (stages["recorded_at"], stages["published_at"]) == (1.5, 2.5)
    assert 2.5 < stages["consumed_at"] <= stages["validated_at"]
    assert not is_dead(message)


def test_images_become_documents_without_personal_data() -> None:
    message = to_documents(contract(value([POLICY, POLICY | {"key": "q"}]), b"", 0, HEADERS))
    assert [one.doc_id for one in message["documents"]] == ["policy/p", "policy/q"]
    for document in message["documents"]:
        assert (document.version, document.facts["text"]) == (7, "[e-mail]")


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b"{", [*HEADERS, ("breach", b"$: not JSON")], "$: not JSON"),
        (b"", [], "$: not JSON"),
        (b"\xff", [], "$: not UTF-8"),
        (b"[" * 100_000, [], "$: not JSON"),
        # what meets the contract and did not come through the outbox changes no document
        (json.dumps(EVENT).encode(), [], "did not come through the outbox"),
        (value(), [], "type: unknown event type None"),
        (json.dumps(EVENT | {"after": [POLICY]}).encode(), [], "after: Extra inputs"),
        (json.dumps(EVENT).encode(), [*HEADERS, ("breach", b"subject: no")], "subject: no"),
        (json.dumps({"event": {}, "after": []}).encode(), HEADERS, "type: unknown"),
    ],
    ids=lambda given: repr(given)[:20],
)
def test_what_breaks_the_contract_is_dead_with_its_reason_and_bytes(
    body: bytes, headers: list[tuple[str, bytes]], reason: str
) -> None:
    message = contract(body, None, 0, headers)
    assert is_dead(message)
    assert reason in message["reason"]
    assert dead_letter(message) == body
    assert "after" not in message


# --- the sink, on a real record and a real store --------------------------------------------------


@pytest.fixture
def airline(tmp_path: Path) -> Airline:
    return Airline(tmp_path)


class WatchedEncoder(HashEncoder):
    """Remembers what it was asked for, and does something first, once."""

    def __init__(self, once: Any = lambda: None) -> None:
        self.texts: list[str] = []
        self._once = once

    def encode(self, texts: Sequence[str]) -> Vectors:
        once, self._once = self._once, lambda: None
        once()
        self.texts += texts
        return super().encode(texts)


def sink_with(airline: Airline, encoder: WatchedEncoder) -> ContextSink:
    return ContextSink(airline.database, airline.stores["stream"], encoder, airline.home)


def flush(sink: ContextSink, *messages: Message) -> None:
    for message in messages:
        add(sink, message)
    assert sink.size == len(messages)
    sink.flush()
    assert sink.size == 0


def gates(airline: Airline, *gates: str) -> list[Message]:
    for gate in gates:
        airline.fire("flight.gate_changed", FLIGHT, gate=gate)
    return airline.messages()


def gate_in_store(airline: Airline) -> str | None:
    [found] = airline.stores["stream"].lookup([FLIGHT], "C1")
    return found.document.facts.get("gate")


def test_a_micro_batch_is_searchable_and_in_the_ledger(airline: Airline) -> None:
    messages = gates(airline, "B1", "B2")
    before = airline.stores["stream"].table.version
    flush(airline.sink(), *messages)
    assert airline.stores["stream"].table.version == before + 1  # one commit
    assert gate_in_store(airline) == "B2"
    first, _ = airline.rows("progress")
    times = [first[f"{name}_at"] for name in ("consumed", "validated", "embedded", "searchable")]
    assert times == sorted(times)
    [shown] = airline.stores["stream"].lookup([FLIGHT], "C1")
    assert {name for name, at in shown.stages.items() if at} >= {
        "recorded_at",
        "published_at",
        "consumed_at",
        "embedded_at",
    }


def test_of_a_document_that_changes_twice_in_a_batch_the_newest_is_embedded(
    airline: Airline,
) -> None:
    encoder = WatchedEncoder()
    messages = gates(airline, "B1", "B2", "B3")
    flush(sink_with(airline, encoder), *reversed(messages))
    assert [("B1" in text, "B3" in text) for text in encoder.texts] == [(False, True)]
    assert gate_in_store(airline) == "B3"
    assert len(airline.rows("progress")) == 3


def test_a_drained_topic_is_the_time_to_compact(airline: Airline) -> None:
    sink, store = airline.sink(), airline.stores["stream"]
    compacted = []
    for message in gates(airline, *map(str, range(COMPACT_WHEN_IDLE))):
        flush(sink, message)
        before = store.table.version
        sink.idle()
        compacted.append(store.table.version > before)
    assert compacted.index(True) == COMPACT_WHEN_IDLE - 1
    assert compacted.count(True) == 1


def test_nothing_to_flush_is_no_commit(airline: Airline) -> None:
    before = airline.stores["stream"].table.version
    airline.sink().flush()
    assert airline.stores["stream"].table.version == before


def test_what_is_delivered_again_is_not_embedded_again(airline: Airline) -> None:
    encoder, messages = WatchedEncoder(), gates(airline, "B1")
    flush(sink_with(airline, encoder), *messages, *messages)
    flush(sink_with(airline, encoder), *messages)
    assert len(encoder.texts) == 1
    assert len(airline.rows("progress")) == 1


def test_without_its_ledger_the_store_still_goes_forward_only(airline: Airline) -> None:
    old, new = gates(airline, "B1", "B2")
    flush(airline.sink(), new)
    with airline.database.write() as connection:
        connection.execute(delete(schema.progress))
    flush(airline.sink(), old)
    flush(airline.sink(), new)
    assert gate_in_store(airline) == "B2"


def test_late_news_is_noted_and_makes_no_document(airline: Airline) -> None:
    airline.fire("flight.gate_changed", FLIGHT, gate="B2")
    airline.fire("flight.gate_changed", FLIGHT, NOON.replace(hour=1), gate="B1")
    flush(airline.sink(), *airline.messages())
    assert gate_in_store(airline) == "B2"
    assert [row["outcome"] for row in airline.rows("progress")] == [
        ledger.SEARCHABLE,
        ledger.UNCHANGED,
    ]


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\x00", b"[" * 100_000, b'{"type": "x"}', "🧳".encode() * 250_000],
    ids=lambda body: repr(body[:12]),
)
def test_garbage_is_a_dead_letter_verbatim_in_both_arms(airline: Airline, body: bytes) -> None:
    airline.raw(body)
    flush(airline.sink(), *airline.messages())
    airline.batch()
    stream, batch = sorted(airline.rows("dead_letters"), key=lambda row: row["arm"], reverse=True)
    assert (stream["arm"], batch["arm"]) == ("stream", "batch")
    for letter in (stream, batch):
        assert bytes(letter["body"]) == body
        assert letter["reason"] == airline.rows("outbox")[0]["breach"]
    assert {row["outcome"] for row in airline.rows("progress")} == {ledger.DEAD_LETTER}


def test_foreign_messages_are_kept_apart_by_partition_and_offset(airline: Airline) -> None:
    sink, message = airline.sink(), contract(b"?", None, 0, [])
    for partition, offset in ((0, 0), (0, 1), (1, 0), (1, 0)):
        sink.add(message, None, 0, [], EVENTS, partition, offset)
    sink.flush()
    sequences = [row["sequence"] for row in airline.rows("dead_letters")]
    assert len(sequences) == len(set(sequences)) == 3
    assert max(sequences) < 0


def test_messages_of_a_world_that_is_gone_are_dropped(airline: Airline) -> None:
    messages = gates(airline, "B1")
    airline.reset()
    flush(airline.sink(), *messages)
    assert airline.rows("progress") == []
    assert gate_in_store(airline) is None


def test_a_reset_in_the_middle_of_a_batch_drops_it(airline: Airline) -> None:
    messages = gates(airline, "B1")
    flush(sink_with(airline, WatchedEncoder(airline.reset)), *messages)
    assert airline.rows("progress") == []
    assert gate_in_store(airline) is None


def test_a_batch_that_cannot_be_written_is_asked_for_again(airline: Airline) -> None:
    def fail() -> None:
        raise OSError("disk full")

    messages, sink = gates(airline, "B1"), sink_with(airline, WatchedEncoder(fail))
    add(sink, messages[0])
    with pytest.raises(SinkBackpressureError):
        sink.flush()
    assert sink.size == 0
    assert airline.rows("progress") == []
    flush(sink, *messages)
    assert gate_in_store(airline) == "B1"


def test_a_paused_sink_forgets_what_will_come_again(airline: Airline) -> None:
    sink = airline.sink()
    add(sink, gates(airline, "B1")[0])
    sink.on_paused()
    assert sink.size == 0


# --- the whole worker, on a real broker -----------------------------------------------------------


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[str]:
    supervisor = Supervisor(Settings(airline_home=tmp_path / "engine", kafka_brokers=""))
    supervisor.start_broker()
    yield supervisor.brokers
    supervisor.shut_down()


@pytest.fixture
def quix_signals() -> Iterator[None]:
    """Quix Streams takes the signal handlers and keeps them."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    kept = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, kept, strict=True):
        signal.signal(number, handler)


class WatchedSink(ContextSink):
    """Remembers the size of each micro-batch; the second one fails."""

    sizes: list[int]

    def write(self, batch: Sequence[Message]) -> None:
        """As ever, but for the second time."""
        self.sizes.append(len(batch))
        if len(self.sizes) == 2:
            raise OSError("disk full")
        super().write(batch)


def work(airline: Airline, brokers: str, until: int, sink: ContextSink, ready: list[bool]) -> None:
    """Run one worker in this thread until the ledger has so many events."""
    worker = Worker(
        sink,
        brokers=brokers,
        state=airline.home / "quix",
        partitions=2,
        on_ready=lambda: ready.append(True),
    )
    stop = threading.Event()

    def watch() -> None:
        while len(airline.rows("progress")) < until and not stop.is_set():
            time.sleep(0.05)
        stop.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    worker.run(stop)
    stop.set()
    watcher.join()


def dead_letters(brokers: str, count: int) -> list[tuple[bytes, str]]:
    """(body, reason) of what the dead-letter topic holds."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "test"})
    # Assigned, not subscribed: nobody to share the topic with, so nobody to wait for.
    consumer.assign([TopicPartition(DEAD_LETTERS, 0, OFFSET_BEGINNING)])
    found: list[tuple[bytes, str]] = []
    while len(found) < count:
        message = consumer.poll(1.0)
        if message is not None and message.error() is None:
            headers = dict(message.headers() or [])
            found.append((message.value() or b"", headers["reason"].decode()))
    consumer.close()
    return found


@pytest.mark.usefixtures("quix_signals")
def test_a_worker_takes_what_waits_and_loses_nothing(airline: Airline, brokers: str) -> None:
    Admin(brokers).ensure_topics(2)
    door = Door(airline.database, brokers)
    for number in range(150):
        gate = {"gate": f"B{number}"}
        door.fire(events.make("flight.gate_changed", FLIGHT, gate, at=NOON))
    door.fire_raw(b"\xff garbage")
    assert door.settle() == 0
    assert all(row["published_at"] for row in airline.rows("outbox"))
    foreign = EventProducer(brokers, lambda _: None)
    foreign.send(Outgoing(0, "somebody", b"foreign", {}))
    assert foreign.flush(5.0) == 0

    sink = WatchedSink(airline.database, airline.stores["stream"], HashEncoder(), airline.home)
    sink.sizes, ready = [], list[bool]()
    work(airline, brokers, 152, sink, ready)

    assert ready == [True]
    assert gate_in_store(airline) == "B149"
    assert airline.stores["stream"].contents() == airline.direct()
    sequences = ledger.done(airline.database, "stream", list(range(1, 152)))
    assert sequences == set(range(1, 152))
    # The override of Quix's private loop: what waits is taken together, up to the limit.
    assert max(sink.sizes) > 10
    assert max(sink.sizes) <= MICRO_BATCH
    assert sum(sink.sizes) >= 152 + sink.sizes[1]  # the one that failed came again

    letters = dead_letters(brokers, 2)
    assert {body for body, _ in letters} == {b"\xff garbage", b"foreign"}
    assert all(reason.startswith("$: not ") for _, reason in letters)

    # A second worker goes on where the first one ended.
    door.fire(events.make("flight.gate_changed", FLIGHT, {"gate": "C1"}, at=NOON))
    assert door.settle() == 0
    encoder = WatchedEncoder()
    work(airline, brokers, 153, sink_with(airline, encoder), ready)
    assert gate_in_store(airline) == "C1"
    assert len(encoder.texts) == 1


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (None, []),
        (None, HEADERS),
        (b"{}", HEADERS),
        (b'{"event": 1}', HEADERS),
        (b"{}", [("sequence", b"many"), ("epoch", b"\xff")]),
        (b"{}", [*HEADERS, ("traceparent", b"\xff\xfe")]),
    ],
)
def test_whatever_others_write_to_the_topic_is_a_dead_letter(
    body: bytes | None, headers: list[tuple[str, str | bytes]]
) -> None:
    message = contract(body, None, 0, headers)
    assert message["reason"]
    assert message["body"] == (body or b"")
