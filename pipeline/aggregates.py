"""Live aggregates: a second Quix Streams application on the event topic, in a process of its own.

    bytes -> what counts -> five-minute windows of airline time, `.current()` -> sums -> table

It shares nothing with the context stream but the topic, so a report never costs an answer a
millisecond. Kafka's key is an event's subject, so a window is one subject's; the sink adds the
subjects up. (A `group_by` would send every event through a second topic, and deliver some twice.)

Events delivered twice count once: a window holds the newest image of each entity, by outbox
sequence, whatever order they come in. Windows live as long as the process: each start reads the
topic from its beginning, with a fresh state folder and a consumer group of its own, so that state
and offsets cannot disagree; until it has caught up the table keeps what it held before.
Not here: what counts (`measures`). One process a state folder: the sums are made in one place.
"""

from __future__ import annotations

import json
import logging
import shutil
import threading
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quixstreams import Application
from quixstreams.checkpointing.exceptions import (
    CheckpointConsumerCommitError,
    InvalidStoredOffset,
)
from quixstreams.dataframe import StreamingDataFrame
from quixstreams.models import TopicConfig
from quixstreams.sinks import BaseSink, SinkBackpressureError
from quixstreams.state.rocksdb import RocksDBOptions
from sqlalchemy import select

from pipeline import measures, schema
from pipeline.broker import EVENTS, MAX_MESSAGE, RETENTION_MS, Admin
from pipeline.clock import to_rfc3339
from pipeline.ledger import Superseded, epoch_fence
from pipeline.measures import Cell
from pipeline.record import FURTHEST_AHEAD, FURTHEST_BACK
from pipeline.schema import Database, put_control

log = logging.getLogger(__name__)

Headers = Sequence[tuple[str, str | bytes]]
Message = dict[str, Any]
"""{epoch, sequence, at (ms), counted: {entity: [sequence, [[measure, group, number]]]}}."""

GROUP = "live-aggregates"
COMMIT_S = 0.5  # a report has seconds; each commit is a write to the record's database
RETRY_S = 1.0
# An event may come as late as the record takes it; a window that closed before would lose it.
GRACE = FURTHEST_BACK + FURTHEST_AHEAD
SMALL = RocksDBOptions(write_buffer_size=1_000_000, block_cache_size=4_000_000)


# --- pure steps -----------------------------------------------------------------------------------


def counted(value: bytes | None, _key: Any, timestamp: int, headers: Headers | None) -> Message:
    """Bytes -> what they add to reports; epoch 0 for what did not come through the outbox."""
    came = dict(headers or [])
    message: Message = {"epoch": 0, "sequence": 0, "at": timestamp, "counted": {}}
    try:
        message["epoch"], message["sequence"] = int(came["epoch"]), int(came["sequence"])
        if "breach" in came:
            return message
        for image in json.loads(value or b"")["after"]:
            kind, row = image["kind"], image["row"]
            if kind in measures.KINDS.values():
                numbers = [list(one) for one in measures.measured(kind, row)]
                message["counted"][f"{kind}/{image['key']}"] = [message["sequence"], numbers]
                message["at"] = int(measures.moment(kind, row).timestamp() * 1000)
    except (KeyError, TypeError, ValueError, RecursionError):
        # Whoever can write to the topic can send anything; nothing of it may stop the process.
        return {"epoch": 0, "sequence": 0, "at": timestamp, "counted": {}}
    return message


def airline_time(message: Message, *_: Any) -> int:
    """Timestamp extractor: the airline time of the event, ms; broker time runs slower."""
    return int(message["at"])


def first(message: Message) -> Message:
    """A window's value when it opens: {epoch, counted}."""
    return {"epoch": message["epoch"], "counted": message["counted"]}


def merge(window: Message, message: Message) -> Message:
    """The newest image of each entity; a newer epoch puts an end to all before it.

    Commutative, associative and idempotent: order and repetition do not matter.
    """
    if message["epoch"] != window["epoch"]:
        return first(message) if message["epoch"] > window["epoch"] else window
    newest = dict(window["counted"])
    for entity, state in message["counted"].items():
        newest[entity] = max(newest.get(entity, [0]), state, key=lambda one: one[0])
    return {"epoch": window["epoch"], "counted": newest}


def flow(sdf: StreamingDataFrame, sink: BaseSink) -> None:
    """The steps in order; each comment is the shape of a record after the step."""
    sdf = sdf.apply(counted, metadata=True)  # {epoch, sequence, at, counted}
    sdf.sink(sink)  # every sequence moves the watermark, also one that counts for nothing

    sdf = sdf[sdf.apply(lambda message: bool(message["counted"]))]
    sdf = sdf.set_timestamp(airline_time)
    windows = sdf.tumbling_window(measures.WINDOW, grace_ms=GRACE).reduce(merge, first)
    windows.current().sink(sink)  # {start, end, value: {epoch, counted}}, at each change


# --- the sink -------------------------------------------------------------------------------------


class AggregateSink(BaseSink):
    """Adds the windows of all subjects up, and writes the cells that changed at each checkpoint."""

    def __init__(self, database: Database, home: Path) -> None:
        super().__init__()
        self._database = database
        self._home = home
        self._pending: list[tuple[Any, Message]] = []
        self._caught_up: bool
        self._start_over(epoch=0)

    def add(  # noqa: PLR0913, PLR0917 Quix's signature
        self,
        value: Message,
        key: Any,
        timestamp: int,  # noqa: ARG002
        headers: Any,  # noqa: ARG002
        topic: str,  # noqa: ARG002
        partition: int,  # noqa: ARG002
        offset: int,  # noqa: ARG002
    ) -> None:
        """Take one message, or one window that changed."""
        self._pending.append((key, value))

    def flush(self) -> None:
        """Write what has changed; the offsets are committed only if this returns.

        Raises:
            SinkBackpressureError: the record could not be written; the batch is delivered again.
        """
        batch, self._pending = self._pending, []
        if not batch:
            return
        try:
            self.write(batch)
        except Superseded as over:
            log.info("dropped %d changes: %s", len(batch), over)
        except Exception as failed:
            # Anything else that is raised here would end the application.
            log.exception("the batch is tried again in %s s", RETRY_S)
            raise SinkBackpressureError(retry_after=RETRY_S) from failed

    def on_paused(self) -> None:
        """The batch will be delivered again: forget it."""
        self._pending = []

    def write(self, batch: Sequence[tuple[Any, Message]]) -> None:
        """Bring the sums up to date, then the table."""
        epoch = self._database.get("epoch")
        if epoch != self._epoch:
            self._start_over(epoch)
            self._add_world()
        for key, value in batch:
            if "value" not in value:
                if value["epoch"] == epoch:
                    self._ahead.add(value["sequence"])
            elif value["value"]["epoch"] == epoch:
                self._place(value["start"], key, value["value"]["counted"])
        while self._watermark + 1 in self._ahead:
            self._watermark += 1
            self._ahead.remove(self._watermark)
        with epoch_fence(self._database, self._home, epoch), self._database.write() as connection:
            if not self._caught_up:
                # What an earlier process wrote is worth more than half of it counted again.
                before = schema.get_control(connection, measures.WATERMARK) or 0
                if self._watermark < before:
                    return
                measures.replace(connection, "stream", map(self._row, self._numbers))
            else:
                measures.update(connection, "stream", map(self._row, self._touched))
            put_control(connection, measures.WATERMARK, self._watermark)
        self._caught_up = True
        self._touched.clear()

    def _start_over(self, epoch: int) -> None:
        self._epoch = epoch
        self._numbers: dict[Cell, dict[Any, tuple[int, float]]] = {}  # {subject: (version, number)}
        self._cells: dict[tuple[int, bytes], list[Cell]] = {}  # of each (window, subject)
        self._touched: set[Cell] = set()
        self._ahead: set[int] = set()  # sequences counted beyond the watermark
        self._watermark = 0  # every event up to this sequence is counted
        self._caught_up = False

    def _add_world(self) -> None:
        """Flights that were cancelled or late when the world was loaded."""
        query = select(schema.baseline).where(schema.baseline.c.table_name == "flights")
        for found in self._database.rows(query):
            for row in found["rows"]:
                entity = f"flight/{row['flight_number']}/{row['date']}"
                numbers = measures.measured("flight", row)
                start = int(measures.moment("flight", row).timestamp() * 1000)
                self._place(start, entity.encode(), {entity: [0, numbers]})

    def _place(self, start: int, subject: bytes, state: dict[str, Any]) -> None:
        """Put a window of one subject in the place of what it held before."""
        for cell in self._cells.pop((start, subject), ()):
            self._numbers[cell].pop(subject, None)
            self._touched.add(cell)
        begins = to_rfc3339(datetime.fromtimestamp(start / 1000, UTC))
        cells: list[Cell] = []
        for version, numbers in state.values():
            for name, group, number in numbers:
                cell = Cell(name, group, begins)
                of_cell = self._numbers.setdefault(cell, {})
                newest, total = of_cell.get(subject, (0, 0.0))
                of_cell[subject] = (max(newest, version), total + number)
                cells.append(cell)
                self._touched.add(cell)
        self._cells[start, subject] = cells

    def _row(self, cell: Cell) -> dict[str, Any]:
        found = self._numbers[cell].values()
        version = max((version for version, _ in found), default=0)
        return measures.cell_row(cell, (number for _, number in found), version)


# --- the process ----------------------------------------------------------------------------------


class PatientApplication(Application):
    """Quix Streams that takes a message with an offset that it has passed, and goes on.

    The embedded broker, back after its death, takes messages for a topic that is not made yet.
    Made, the topic begins at offset 0 again: its log has offsets twice until the next death, and
    each start would end at the same place. The sums know an event by its outbox sequence.
    """

    def _process_message(self, dataframe_composed: Any) -> None:
        # Private in Quix Streams 3.28.1, which is pinned; raised when the message is processed.
        try:
            super()._process_message(dataframe_composed)  # type: ignore[no-untyped-call]
        except InvalidStoredOffset as again:
            log.info("delivered again: %s", again)


class Aggregator:
    """Runs the application, and starts it over when the broker came back with an empty memory."""

    def __init__(self, database: Database, *, home: Path, brokers: str, partitions: int) -> None:
        self._database = database
        self._home = home
        self._brokers = brokers
        self._partitions = partitions
        self._admin = Admin(brokers)

    def run(self, stop: threading.Event) -> None:
        """Work until SIGTERM, or until `stop` is set.

        Must run in the main thread: Quix Streams installs signal handlers.
        """
        again = True
        while again and not stop.is_set():
            self._admin.wait_for_topics(self._partitions, stop)
            again = self._run_once(stop)

    def _run_once(self, stop: threading.Event) -> bool:
        """Run one application from the topic's beginning; returns whether another must follow."""
        incarnation = self._admin.incarnation()
        state = self._home / "quix-aggregates"
        shutil.rmtree(state, ignore_errors=True)
        app = self._application(incarnation, state)
        over, emptied = threading.Event(), threading.Event()

        def watch() -> None:
            while not (stop.is_set() or over.wait(1.0)):
                if self._admin.incarnation() not in (None, incarnation):
                    log.warning("the broker came back empty; counting its refilled log")
                    emptied.set()
                    break
            if not over.is_set():
                app.stop()

        threading.Thread(target=watch, daemon=True).start()
        try:
            app.run()
        except CheckpointConsumerCommitError as evicted:
            # After a broker's death: its offsets mean nothing any more.
            log.warning("joining anew: %s", evicted)
            return True
        finally:
            over.set()
        return emptied.is_set()

    def _application(self, incarnation: str | None, state: Path) -> PatientApplication:
        app = PatientApplication(
            broker_address=self._brokers,
            consumer_group=f"{GROUP}-{incarnation}-{uuid.uuid4().hex[:8]}",
            commit_interval=COMMIT_S,
            commit_every=500,  # what waits for a checkpoint waits in memory
            consumer_poll_timeout=COMMIT_S / 5,
            auto_offset_reset="earliest",
            use_changelog_topics=False,
            auto_create_topics=False,
            state_dir=state,
            rocksdb_options=SMALL,
            loglevel="WARNING",
            consumer_extra_config={
                # The embedded broker holds a group's first join for half the session timeout.
                "session.timeout.ms": 4000,
                "heartbeat.interval.ms": 500,
                "fetch.message.max.bytes": MAX_MESSAGE,
                # The whole log is read at each start: not all of it at once.
                "queued.min.messages": 1_000,
                "queued.max.messages.kbytes": 2_000,
            },
            broker_availability_timeout=30,
        )
        topic = app.topic(EVENTS, value_deserializer="bytes")
        # Quix derives changelog topics from the retention, though none are made here; a topic that
        # a producer made, the first to find the broker back and empty, says none.
        topic.broker_config = TopicConfig(
            num_partitions=topic.broker_config.num_partitions,
            replication_factor=1,
            extra_config={"retention.ms": str(RETENTION_MS)},
        )
        flow(app.dataframe(topic), AggregateSink(self._database, self._home))
        return app
