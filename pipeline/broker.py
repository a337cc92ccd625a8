"""Kafka: the topics, the keyed producer, and what identifies a broker's memory.

The only module besides `stream` that knows Kafka. Works against the embedded broker (Tansu) and
any cluster that KAFKA_BROKERS names.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicCollection
from confluent_kafka.admin import AdminClient, NewTopic

from pipeline.events import MAX_RAW

EVENTS = "airline.events"
DEAD_LETTERS = "airline.dead-letters"
CONSUMER_GROUP = "context-stream"
RETENTION_MS = 7 * 24 * 3600 * 1000
RETRY_S = 0.5
MAX_MESSAGE = MAX_RAW + 1_000_000  # bytes: the largest raw item, its headers and images

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outgoing:
    """One outbox row as a Kafka message."""

    sequence: int
    key: str
    value: bytes
    headers: dict[str, str]


def outgoing(row: dict[str, Any], epoch: int, published_at: float) -> Outgoing:
    """The message of an outbox row.

    The value of an event is {"event": the CloudEvent, "after": images}; that of a raw item is its
    bytes, verbatim. What the pipeline must know even of garbage travels in the headers.
    """
    body = bytes(row["body"])
    value = (
        body
        if row["type"] == "raw"
        else b'{"event":' + body + b',"after":' + _json(row["after"]) + b"}"
    )
    headers = {
        "sequence": str(row["sequence"]),
        "epoch": str(epoch),
        "recorded_at": repr(row["recorded_at"]),
        "published_at": repr(published_at),
    }
    if row["type"] == "raw":
        headers["breach"] = row["breach"]
    return Outgoing(row["sequence"], row["subject"], value, headers)


class EventProducer:
    """Publishes outbox rows, keyed by subject, and reports each broker acknowledgement."""

    def __init__(self, brokers: str, on_acknowledged: Callable[[int], None]) -> None:
        """Connect lazily: a broker that is down delays messages, it does not raise.

        Args:
            on_acknowledged: called with the sequence of each message the broker has taken.
        """
        self._on_acknowledged = on_acknowledged
        self._complained = False
        self._producer = Producer(
            {
                "bootstrap.servers": brokers,
                # Not Kafka's idempotent producer: a broker that comes back without its memory
                # fences or fails it, and ids it hands out anew collide with old ones. A message
                # that arrives twice is recognised by its outbox sequence.
                "acks": "all",
                "allow.auto.create.topics": False,  # the relay makes them, with our partitions
                "linger.ms": 0,
                "message.max.bytes": MAX_MESSAGE,
                # The relay sends again what was not acknowledged; a message that waits for a dead
                # broker longer than this would only arrive after its own repetition.
                "delivery.timeout.ms": 5000,
                "reconnect.backoff.max.ms": 500,
                "log_level": 2,
                "error_cb": lambda error: log.info("broker: %s", error),
            }
        )

    def send(self, message: Outgoing) -> None:
        """Hand a message over; returns at once."""

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is None:
                self._complained = False
                self._on_acknowledged(message.sequence)
            else:
                self._complain(message, error)

        try:
            self._producer.produce(
                EVENTS,
                key=message.key,
                value=message.value,
                headers=dict(message.headers),
                on_delivery=delivered,
            )
            self._producer.poll(0)
        except (BufferError, KafkaException) as failed:
            self._complain(message, failed)

    def _complain(self, message: Outgoing, failed: object) -> None:
        # A broker that is down fails them all, and one line says so.
        if not self._complained:
            log.warning(
                "event %d was not published; the relay sends it, and what follows, again: %s",
                message.sequence,
                failed,
            )
        self._complained = True

    def flush(self, timeout_s: float) -> int:
        """Wait for acknowledgements; returns how many messages are still without one."""
        return int(self._producer.flush(timeout_s))


class Admin:
    """Topics of one cluster."""

    def __init__(self, brokers: str) -> None:
        self._client = AdminClient(
            {
                "bootstrap.servers": brokers,
                "log_level": 2,
                "reconnect.backoff.max.ms": 500,
                "socket.connection.setup.timeout.ms": 3000,
                "error_cb": lambda error: log.info("broker: %s", error),
            }
        )

    def reachable(self, timeout_s: float) -> bool:
        """Whether a broker answers in time."""
        try:
            self._client.list_topics(timeout=timeout_s)
        except KafkaException:
            return False
        return True

    def ensure_topics(self, partitions: int) -> None:
        """Make the topics that are missing.

        Raises:
            KafkaException: no broker answers, or it refuses.
        """
        present = self._client.list_topics(timeout=5).topics
        # The embedded broker returns no default topic configuration; stateful readers need these.
        config = {"retention.ms": str(RETENTION_MS), "retention.bytes": "-1"}
        missing = [
            NewTopic(name, num_partitions=count, replication_factor=1, config=config)
            for name, count in ((EVENTS, partitions), (DEAD_LETTERS, 1))
            if name not in present
        ]
        if not missing:
            return
        for made in self._client.create_topics(missing).values():
            try:
                made.result(timeout=10)
            except KafkaException as failed:
                if failed.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise

    def wait_for_topics(self, partitions: int, stop: threading.Event) -> None:
        """Make the topics that are missing once a broker answers; gives up when `stop` is set."""
        while not stop.is_set():
            try:
                self.ensure_topics(partitions)
                break
            except (KafkaException, TimeoutError) as away:
                log.warning("waiting for the broker: %s", away)
                stop.wait(RETRY_S)

    def incarnation(self) -> str | None:
        """Id of the event topic: another one means the broker came back with an empty memory.

        None while no broker answers.
        """
        described = self._client.describe_topics(TopicCollection([EVENTS]), request_timeout=3)
        try:
            return str(described[EVENTS].result(timeout=3).topic_id)
        except (KafkaException, TimeoutError):
            return None


class Acknowledged:
    """Sequences the broker has taken, collected by the producer's thread, drained by its owner."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sequences: list[int] = []

    def add(self, sequence: int) -> None:
        """Remember one; called from the producer's callback."""
        with self._lock:
            self._sequences.append(sequence)

    def drain(self) -> list[int]:
        """All since the last call."""
        with self._lock:
            drained, self._sequences = self._sequences, []
        return drained


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
