"""The relay: sees to it that every event of the outbox reaches the stream, whatever dies.

Three duties, each safe to repeat, because the stream skips what its ledger already holds:
sweep outbox rows that no broker acknowledged; publish the whole outbox again, in order, when the
event topic has a new identity (the embedded broker keeps its log in memory); and, when the stream
or the live aggregates stand still although they lack events, publish those: a broker may
acknowledge an event and die with it, or come back and write its log over what it has just taken.
"""

from __future__ import annotations

import logging
import threading
import time

from confluent_kafka import KafkaException

from pipeline import measures, outbox
from pipeline.broker import Acknowledged, Admin, EventProducer, outgoing
from pipeline.fire import mark_published
from pipeline.ledger import newest_entry
from pipeline.schema import Database

SWEEP_EVERY_S = 0.25
GRACE_S = 0.5  # the firing process publishes straight after its commit; leave it that long
INCARNATION_EVERY_S = 1.0
GAP_S = (4.0, 120.0)  # a reader that stood still this long with gaps; doubled after each attempt

log = logging.getLogger(__name__)


class Relay:
    """One a state folder."""

    def __init__(self, database: Database, brokers: str, partitions: int) -> None:
        self._database = database
        self._partitions = partitions
        self._acknowledged = Acknowledged()
        self._producer = EventProducer(brokers, self._acknowledged.add)
        self._admin = Admin(brokers)
        self._patience = GAP_S[0]
        self._checked_gaps = time.time()
        self._counted = -1  # every event up to this one was counted when gaps were looked for

    def serve(self, stop: threading.Event) -> None:
        """Run until `stop` is set. An unreachable broker is waited for."""
        checked = 0.0
        while not stop.wait(SWEEP_EVERY_S):
            try:
                if time.monotonic() - checked > INCARNATION_EVERY_S:
                    checked = time.monotonic()
                    self.refill_if_new()
                self.sweep()
                self.fill_gaps()
            except KafkaException as down:
                log.warning("the broker does not answer: %s", down)

    def sweep(self) -> int:
        """Publish rows that no broker has acknowledged; returns how many were found."""
        epoch = self._epoch()
        rows = outbox.unpublished(self._database, recorded_before=time.time() - GRACE_S)
        self._send(rows, epoch)
        return len(rows)

    def refill_if_new(self) -> bool:
        """Publish the whole outbox if the topic is not the one that was filled before."""
        self._admin.ensure_topics(self._partitions)
        incarnation = self._admin.incarnation()
        if incarnation is None or incarnation == self._database.get("broker_incarnation"):
            return False
        epoch, sequence = self._epoch(), 0
        while rows := outbox.after(self._database, sequence):
            if not self._send(rows, epoch):
                return False  # not filled; the next look begins again
            sequence = rows[-1]["sequence"]
        self._database.put("broker_incarnation", incarnation)
        log.info("filled the event topic %s up to event %d", incarnation, sequence)
        return True

    def fill_gaps(self) -> int:
        """Publish again what a reader lacks, if it has stood still; returns how many."""
        now = time.time()
        if now - self._checked_gaps < self._patience:
            return 0
        self._checked_gaps = now
        epoch = self._epoch()
        missing = self._unsearchable(now) or self._uncounted(now)
        if not missing:
            self._patience = GAP_S[0]
            return 0
        log.warning("%d events that a broker had taken are missing downstream", len(missing))
        self._send(missing, epoch)
        self._patience = min(self._patience * 2, GAP_S[1])
        return len(missing)

    def _unsearchable(self, now: float) -> list[outbox.Row]:
        """What the stream lacks, unless it is at work."""
        missing = outbox.unfinished(self._database, published_before=now - self._patience)
        if not missing or now - (newest_entry(self._database, "stream") or 0) < GAP_S[0]:
            return []
        return missing

    def _uncounted(self, now: float) -> list[outbox.Row]:
        """What the live aggregates lack, unless they have counted on since the last look."""
        before, self._counted = self._counted, self._database.get(measures.WATERMARK) or 0
        if self._counted != before:
            return []
        following = outbox.after(self._database, self._counted)
        return [row for row in following if (row["published_at"] or now) < now - self._patience]

    def _epoch(self) -> int:
        """Read before the rows: those of a world that is gone must not carry the next one's."""
        return int(self._database.get("epoch") or 0)

    def _send(self, rows: list[outbox.Row], epoch: int) -> bool:
        """Publish rows; returns whether the broker took all of them."""
        for row in rows:
            self._producer.send(outgoing(row, epoch, time.time()))
        self._producer.flush(5)
        taken = self._acknowledged.drain()
        if self._epoch() == epoch:  # else these are rows of the world before
            mark_published(self._database, taken)
        return {row["sequence"] for row in rows} <= set(taken)
