"""The one door: every event, whoever fires it, enters the airline here.

Commit to the record first, publish straight after, from the same process: that is the short way to
the stream. If the process dies or the broker is down between the two, the relay publishes.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update

from pipeline import events, record, schema
from pipeline.broker import Acknowledged, EventProducer, outgoing
from pipeline.clock import ClockState
from pipeline.events import ContractError, Event
from pipeline.record import Check, Recorded
from pipeline.schema import Database, get_control

ACKNOWLEDGE_S = 0.02  # an event waits this long for the broker; then the relay sees to it


@dataclass(frozen=True)
class RawOutcome:
    """What became of a raw feed item: an event like any other, or kept for both arms to find."""

    recorded: Recorded
    breach: ContractError | None


class Door:
    """Records and publishes events. One a process; safe to share between threads."""

    def __init__(self, database: Database, brokers: str) -> None:
        self._database = database
        self._acknowledged = Acknowledged()
        self._producer = EventProducer(brokers, self._acknowledged.add)

    def fire(self, event: Event, check: Check | None = None) -> Recorded:
        """Record one event and publish it.

        Args:
            check: a condition on the record, tested in the event's own transaction; what it
                raises comes out here, and nothing was changed.

        Raises:
            ContractError: the event contradicts the record; nothing was changed.
        """
        with self._database.write() as connection:
            now = ClockState.model_validate(get_control(connection, "clock")).now()
            epoch = get_control(connection, "epoch")
            recorded = record.apply(connection, event, airline_now=now, check=check)
        self._publish(recorded, epoch)
        return recorded

    def fire_raw(self, body: bytes) -> RawOutcome:
        """Take bytes from a system that is not the airline's.

        What parses and meets the contract is an event like any other. What does not is kept
        verbatim and goes down both ways.

        Raises:
            ContractError: more bytes than one item may have.
        """
        if len(body) > events.MAX_RAW:
            raise ContractError(
                "$", f"{len(body)} bytes; one raw item has at most {events.MAX_RAW}"
            )
        try:
            return RawOutcome(self.fire(events.parse(body)), None)
        except ContractError as breach:
            return RawOutcome(self._keep(body, breach), breach)

    def now(self) -> datetime:
        """Airline time (UTC)."""
        return ClockState.model_validate(self._database.get("clock")).now()

    def settle(self, timeout_s: float = 5.0) -> int:
        """Wait for the broker's acknowledgements; returns how many events the relay must send."""
        waiting = self._producer.flush(timeout_s)
        self._mark_published()
        return waiting

    def _keep(self, body: bytes, breach: ContractError) -> Recorded:
        with self._database.write() as connection:
            now = ClockState.model_validate(get_control(connection, "clock")).now()
            epoch = get_control(connection, "epoch")
            recorded = record.keep_raw(
                connection, body, breach=str(breach), event_id=str(uuid.uuid4()), occurred_at=now
            )
        self._publish(recorded, epoch)
        return recorded

    def _publish(self, recorded: Recorded, epoch: int) -> None:
        if recorded.row is None:
            return
        self._producer.send(outgoing(recorded.row, epoch, time.time()))
        self._producer.flush(ACKNOWLEDGE_S)
        self._mark_published()

    def _mark_published(self) -> None:
        mark_published(self._database, self._acknowledged.drain())


def mark_published(database: Database, sequences: Sequence[int]) -> None:
    """Note in the outbox that the broker has taken these."""
    if not sequences:
        return
    outbox = schema.outbox
    with database.write() as connection:
        connection.execute(
            update(outbox)
            .where(outbox.c.sequence.in_(sequences))
            .where(outbox.c.published_at.is_(None))
            .values(published_at=time.time())
        )
