"""The streaming arm: a Quix Streams application from the event topic to the context store.

    bytes -> contract -> deduplicate -> documents (masked) -> embed -> upsert -> ledger

Run one worker alone with `python -m pipeline stream`; more workers share the topic's partitions.
At least once and idempotent: an event is committed only after its documents are searchable, and a
redelivered one is recognised by the ledger or, failing that, by the version guard of the store.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from itertools import filterfalse
from pathlib import Path
from typing import Any

from quixstreams import Application
from quixstreams.checkpointing.exceptions import (
    CheckpointConsumerCommitError,
    InvalidStoredOffset,
)
from quixstreams.dataframe import StreamingDataFrame
from quixstreams.models import Topic
from quixstreams.sinks import BaseSink, SinkBackpressureError

from pipeline import ledger
from pipeline.broker import (
    CONSUMER_GROUP,
    DEAD_LETTERS,
    EVENTS,
    MAX_MESSAGE,
    Admin,
)
from pipeline.documents import documents
from pipeline.embed import Encoder
from pipeline.events import ContractError, json_object, parse
from pipeline.ledger import Superseded, epoch_fence, tidy_fence
from pipeline.schema import Database
from pipeline.store import ContextStore, Embedded

log = logging.getLogger(__name__)

Headers = Sequence[tuple[str, str | bytes]]
Message = dict[str, Any]
"""What flows between the steps: sequence, epoch, stages, then event and after, or a reason."""

MICRO_BATCH = 64  # events in one checkpoint at most; at 9 ms a passage that is 0.6 s
IDLE_S = 0.05  # how long one look at an idle topic lasts; a message ends it at once
RETRY_S = 1.0


# --- pure steps: one message in, one message out --------------------------------------------------


def contract(value: bytes | None, _key: Any, _timestamp: int, headers: Headers) -> Message:
    """Bytes -> a message whose event meets the contract, or one that carries the reason why not."""
    body = value or b""
    came = _headers(headers)
    message: Message = {
        "sequence": came["sequence"],
        "epoch": came["epoch"],
        "stages": {
            "recorded_at": came["recorded_at"],
            "published_at": came["published_at"],
            "consumed_at": time.time(),
        },
    }
    try:
        if came["breach"] or not message["sequence"]:
            # Foreign bytes: an "after" in them is somebody's claim, not an image of our record.
            parse(body)
            message |= {"reason": came["breach"] or NOT_OURS, "body": body}
        else:
            envelope = json_object(body)
            event = parse(envelope["event"])
            message |= {"occurred_at": event.time, "after": envelope["after"]}
    except ContractError as breach:
        message |= {"reason": str(breach), "body": body}
    except (KeyError, TypeError, ValueError) as foreign:
        # Whoever can write to the topic can send anything; nothing of it may stop the worker.
        message |= {"reason": f"{NOT_OURS} ({type(foreign).__name__})", "body": body}
    message["stages"]["validated_at"] = time.time()
    return message


NOT_OURS = "$: did not come through the outbox"


def _headers(headers: Headers | None) -> dict[str, Any]:
    """The headers that the outbox writes, by name; zero and "" where they are missing or odd."""
    came = {name: raw for name, raw in headers or [] if isinstance(raw, bytes)}
    found: dict[str, Any] = {"breach": came.get("breach", b"").decode("utf-8", "replace")}
    for name, number in _NUMBERS.items():
        try:
            found[name] = number(came.get(name, b"0").decode("ascii", "replace"))
        except ValueError:
            found[name] = number(0)
    return found


_NUMBERS: dict[str, Callable[[Any], Any]] = {
    "sequence": int,
    "epoch": int,
    "recorded_at": float,
    "published_at": float,
}


def is_dead(message: Message) -> bool:
    """Whether the message broke the contract."""
    return "reason" in message


def dead_letter(message: Message) -> bytes:
    """The original bytes, verbatim, for the dead-letter topic."""
    return bytes(message["body"])


def to_documents(message: Message) -> Message:
    """After-images -> context documents, with e-mail, phone and card numbers masked."""
    made = [
        document
        for image in message["after"]
        for document in documents(
            image, version=message["sequence"], occurred_at=message["occurred_at"]
        )
    ]
    return message | {"documents": made}


# --- the flow -------------------------------------------------------------------------------------


def flow(sdf: StreamingDataFrame, dead_letters: Topic, sink: BaseSink) -> None:
    """The steps in order; each comment is the shape of a record after the step."""
    sdf = sdf.apply(contract, metadata=True)  # {sequence, epoch, stages, after | reason, body}
    sdf.sink(sink)  # deduplicate -> documents -> embed -> upsert -> ledger, a micro-batch at a time

    dead = sdf[sdf.apply(is_dead)]  # {…, reason, body}
    dead = dead.set_headers(_with_reason)  # the reason travels beside the bytes, not in them
    dead.apply(dead_letter).to_topic(dead_letters)  # bytes, as they came


def _with_reason(
    message: Message, _key: Any, _timestamp: int, headers: Headers
) -> list[tuple[str, str | bytes]]:
    return [*(headers or []), ("reason", message["reason"].encode())]


class ContextSink(BaseSink):
    """Writes one micro-batch at each checkpoint: what Quix calls a flush.

    Quix's own batching sink keeps a batch a partition; one upsert for all partitions is a quarter
    of the commits.
    """

    def __init__(
        self, database: Database, store: ContextStore, encoder: Encoder, home: Path
    ) -> None:
        super().__init__()
        self._database = database
        self._store = store
        self._encoder = encoder
        self._home = home
        self._pending: list[Message] = []

    @property
    def size(self) -> int:
        """Messages waiting for the next checkpoint."""
        return len(self._pending)

    def add(  # noqa: PLR0913, PLR0917 Quix's signature
        self,
        value: Message,
        key: Any,  # noqa: ARG002
        timestamp: int,  # noqa: ARG002
        headers: Any,  # noqa: ARG002
        topic: str,  # noqa: ARG002
        partition: int,
        offset: int,
    ) -> None:
        """Take one message."""
        # Bytes that did not come through the outbox have no sequence; give them a negative one
        # that is theirs alone, so that the ledger can hold them as well.
        sequence = value["sequence"] or -(offset * 1000 + partition + 1)
        self._pending.append(value | {"sequence": sequence})

    def flush(self) -> None:
        """Write what has arrived; the offsets are committed only if this returns.

        Raises:
            SinkBackpressureError: a store could not be written; the batch is delivered again.
        """
        batch, self._pending = self._pending, []
        if not batch:
            return
        try:
            self.write(batch)
            self._compact()
        except Superseded as over:
            log.info("dropped %d events: %s", len(batch), over)
        except Exception as failed:
            # Anything else that is raised here would end the application.
            log.exception("the batch is tried again in %s s", RETRY_S)
            raise SinkBackpressureError(retry_after=RETRY_S) from failed

    def on_paused(self) -> None:
        """The batch will be delivered again: forget it."""
        self._pending = []

    def idle(self) -> None:
        """The topic is drained: a good moment for what would keep an event waiting."""
        self._compact(idle=True)

    def _compact(self, *, idle: bool = False) -> None:
        # An import puts other files in the table's place: never between a read and its commit.
        with tidy_fence(self._home):
            self._store.compact_when_due(idle=idle)

    def write(self, batch: Sequence[Message]) -> None:
        """Deduplicate, make documents, embed, upsert, note in the ledger."""
        by_sequence = {one["sequence"]: one for one in batch}
        epoch, unseen = ledger.unseen(self._database, "stream", list(by_sequence))
        fresh = [
            one
            for sequence, one in by_sequence.items()
            if sequence in unseen and one["epoch"] in (epoch, 0)
        ]
        if not fresh:
            return
        # Of a document that changed twice in one batch only the newest version is embedded.
        newest = {
            document.doc_id: (document, one["stages"])
            for one in sorted(map(to_documents, filterfalse(is_dead, fresh)), key=_sequence)
            for document in one["documents"]
        }
        vectors = self._encoder.encode([document.passage for document, _ in newest.values()])
        embedded_at = time.time()
        embedded = [
            Embedded(document, vector, stages | {"embedded_at": embedded_at})
            for (document, stages), vector in zip(newest.values(), vectors, strict=True)
        ]
        with epoch_fence(self._database, self._home, epoch):
            version = self._store.upsert(embedded)
            searchable_at = time.time()
            ledger.write(
                self._database,
                [
                    _progress(one, embedded_at, searchable_at) | {"table_version": version}
                    for one in fresh
                ],
                [_dead_letter_row(one, searchable_at) for one in fresh if is_dead(one)],
            )


def _sequence(message: Message) -> int:
    return int(message["sequence"])


def _progress(one: Message, embedded_at: float, searchable_at: float) -> ledger.Progress:
    if is_dead(one):
        outcome = ledger.DEAD_LETTER
    else:
        outcome = ledger.SEARCHABLE if one["after"] else ledger.UNCHANGED
    return {
        "arm": "stream",
        "sequence": one["sequence"],
        "outcome": outcome,
        "consumed_at": one["stages"]["consumed_at"],
        "validated_at": one["stages"]["validated_at"],
        "embedded_at": embedded_at if outcome == ledger.SEARCHABLE else None,
        "searchable_at": searchable_at,
    }


def _dead_letter_row(one: Message, found_at: float) -> dict[str, Any]:
    return {
        "arm": "stream",
        "sequence": one["sequence"],
        "reason": one["reason"],
        "body": one["body"],
        "found_at": found_at,
    }


class MicroBatchApplication(Application):
    """Quix Streams that commits when the topic is drained, not on a timer.

    A fixed commit interval is either a wait that every event pays or, at zero, a commit an event,
    which ends at fifty events a second. Here each turn of Quix's loop takes what is already
    waiting, up to `MICRO_BATCH`: alone an event goes through at once, under load batches grow.
    """

    def __init__(
        self, sink: ContextSink, on_ready: Callable[[], None] | None, **options: Any
    ) -> None:
        super().__init__(commit_interval=0, consumer_poll_timeout=IDLE_S, **options)
        self._sink = sink
        self._on_ready = on_ready
        self._waiting = self._config
        self._draining = self._config.copy(consumer_poll_timeout=0.0)

    def _process_message(self, dataframe_composed: Any) -> None:
        # Private in Quix Streams 3.28.1, which is pinned; tests/test_stream.py holds it to this.
        if self._on_ready and self._consumer.assignment():
            self._on_ready()
            self._on_ready = None
        for size in range(MICRO_BATCH):
            self._config = self._draining if size else self._waiting
            try:
                super()._process_message(dataframe_composed)  # type: ignore[no-untyped-call]
            except InvalidStoredOffset as again:
                # A rebalance in the middle of the batch starts over at the committed offset. The
                # sink has both copies and the ledger tells them apart; write what there is.
                log.info("delivered again: %s", again)
                return
            if self._sink.size <= size:
                if not size:
                    self._sink.idle()
                return


class Worker:
    """One stream worker: an application around a sink, built anew when the broker forces it to."""

    def __init__(
        self,
        sink: ContextSink,
        *,
        brokers: str,
        state: Path,
        partitions: int,
        on_ready: Callable[[], None] | None = None,
    ) -> None:
        self._sink = sink
        self._brokers = brokers
        self._state = state
        self._partitions = partitions
        self._on_ready = on_ready
        self._admin = Admin(brokers)

    def run(self, stop: threading.Event) -> None:
        """Work until SIGTERM, or until `stop` is set.

        Must run in the main thread: Quix Streams installs signal handlers.
        """
        again = True
        while again and not stop.is_set():
            self._admin.wait_for_topics(self._partitions, stop)
            again = self._run_once(self._admin.incarnation(), stop)

    def _run_once(self, incarnation: str | None, stop: threading.Event) -> bool:
        """Run one application; returns whether another one must take over."""
        app = self._application(incarnation)
        over = threading.Event()
        emptied = threading.Event()

        def watch() -> None:
            while not (stop.is_set() or over.wait(1.0)):
                if self._admin.incarnation() not in (None, incarnation):
                    log.warning("the broker came back empty; starting over from its refilled log")
                    emptied.set()
                    break
            if not over.is_set():
                app.stop()

        threading.Thread(target=watch, daemon=True).start()
        try:
            app.run()
        except CheckpointConsumerCommitError as evicted:
            # The group went on without this member, after a long pause of the machine or a
            # broker's death. What was not committed is delivered again, to whoever has it now.
            log.warning("joining the group again: %s", evicted)
            return True
        finally:
            over.set()
            self._sink.on_paused()
        return emptied.is_set()

    def _application(self, incarnation: str | None) -> MicroBatchApplication:
        app = MicroBatchApplication(
            self._sink,
            self._on_ready,
            broker_address=self._brokers,
            # A broker that lost its log lost the offsets' meaning as well: a group of its own for
            # each incarnation of the topic never starts behind the refilled log.
            consumer_group=f"{CONSUMER_GROUP}-{incarnation}",
            auto_offset_reset="earliest",
            use_changelog_topics=False,
            auto_create_topics=False,
            state_dir=self._state,
            loglevel="WARNING",
            consumer_extra_config={
                # The embedded broker holds a group's first join for half the session timeout, and
                # answers an idle fetch only after half of this wait. Shorter than this, a busy
                # laptop loses its membership between two heartbeats.
                "session.timeout.ms": 4000,
                "heartbeat.interval.ms": 500,
                "fetch.wait.max.ms": 10,
                "fetch.message.max.bytes": MAX_MESSAGE,
            },
            producer_extra_config={
                "allow.auto.create.topics": False,
                "linger.ms": 0,
                "message.max.bytes": MAX_MESSAGE,
            },
            broker_availability_timeout=30,
        )
        topic = app.topic(EVENTS, value_deserializer="bytes")
        dead_letters = app.topic(DEAD_LETTERS, value_serializer="bytes", key_serializer="bytes")
        flow(app.dataframe(topic), dead_letters, self._sink)
        return app
