"""Every state that an entity of the record has been in, from the images in the outbox."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from agent.answer import Superseded
from pipeline import schema
from pipeline.clock import from_rfc3339
from pipeline.images import Row


@dataclass(frozen=True)
class Change:
    """The event that made a state."""

    event_id: str
    type: str
    occurred_at: str
    sequence: int
    recorded_at: float

    @classmethod
    def of(cls, row: Any) -> Change:
        """From a row of the outbox."""
        return cls(row.event_id, row.type, row.occurred_at, row.sequence, row.recorded_at)

    def superseded(self) -> Superseded:
        """As a claim names it."""
        return Superseded(
            event_id=self.event_id,
            type=self.type,
            occurred_at=self.occurred_at,
            sequence=self.sequence,
        )

    def ages(self, now: datetime) -> tuple[float, float]:
        """(airline seconds, wall seconds) since it happened and since it was recorded."""
        airline = (now - from_rfc3339(self.occurred_at)).total_seconds()
        return round(airline, 3), round(time.time() - self.recorded_at, 3)


@dataclass(frozen=True)
class State:
    """An entity's image, and the event that brought it; None: as the world was loaded."""

    row: Row
    by: Change | None


Holds = Callable[[Row], bool]


class History:
    """The outbox as one answer's judgement sees it; each entity is read once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[str, str], list[State]] = {}

    def states(self, kind: str, key: str) -> list[State]:
        """All states of an entity, oldest first, the one now last; empty if the outbox has none.

        Late events changed nothing, have no image and are no state.
        """
        if (kind, key) not in self._known:
            self._known[kind, key] = self._read(kind, key)
        return self._known[kind, key]

    def newest(self, kind: str, key: str) -> Change | None:
        """The event that brought an entity's state now; None: it is as it was loaded."""
        past = self.states(kind, key)
        return past[-1].by if past else None

    def made_by(self, event_id: str) -> Change | None:
        """An event by its id: interactions and payments are keyed by their event."""
        query = select(*_EVENT).where(schema.outbox.c.event_id == event_id)
        row = self._connection.execute(query).first()
        return Change.of(row) if row else None

    def events(self, kind: str) -> Iterator[Any]:
        """Events that changed entities of a kind, newest first, each with its images."""
        outbox = schema.outbox.c
        query = (
            select(*_EVENT, outbox.before, outbox.after)
            .where(outbox.type.startswith(f"{kind}."))
            .order_by(outbox.sequence.desc())
        )
        return iter(self._connection.execute(query))

    def _read(self, kind: str, key: str) -> list[State]:
        outbox = schema.outbox.c
        query = (
            select(*_EVENT, outbox.before, outbox.after)
            .where(outbox.subject == f"{kind}/{key}")
            .where(outbox.type.startswith(f"{kind}."))
            .order_by(outbox.sequence)
        )
        found: list[State] = []
        for row in self._connection.execute(query):
            if not row.after:
                continue
            if not found and row.before:
                found.append(State(row.before[0]["row"], None))
            found.append(State(row.after[0]["row"], Change.of(row)))
        return found


_EVENT = [
    schema.outbox.c[name] for name in ("event_id", "type", "occurred_at", "sequence", "recorded_at")
]


def superseded(past: Sequence[State], holds: Holds) -> Change | None:
    """The event that ended the last state in which a claim held; None if it held in none."""
    for earlier, later in zip(reversed(past[:-1]), reversed(past[1:]), strict=True):
        if holds(earlier.row):
            return later.by
    return None
