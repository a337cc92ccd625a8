"""Tiny airlines for tests: a world folder of four customers, a record that holds it, both arms.

Not the batch tests' airline (tests/test_batch_world.py), which starts without context documents.
"""

from __future__ import annotations

import csv
import hashlib
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import select

from pipeline import events, loading, outbox, record, schema
from pipeline.batch.run import RunResult
from pipeline.batch.run import run as batch_run
from pipeline.broker import outgoing
from pipeline.documents import Document, documents
from pipeline.embed import DIMENSIONS, Vectors
from pipeline.events import ContractError
from pipeline.images import images
from pipeline.record import Recorded
from pipeline.schema import ARMS
from pipeline.store import ContextStore
from pipeline.stream import ContextSink, Message, contract

DAY = "2013-02-08"
NEW_YORK = ZoneInfo("America/New_York")
NOON = datetime(2013, 2, 8, 17, tzinfo=UTC)  # at the airline, in New York
START = loading.Start(
    at=NOON, factor=180.0, paused=True, batch_interval_h=6.0, opens_after=timedelta()
)

Table = list[dict[str, Any]]

FLIGHTS = ("EA1", "EA2", "EA3")
CUSTOMERS = ("C1", "C.2", "C_3", "c1")  # ids that a careless filter takes for one another

WORLD: dict[str, Table] = {
    "customers": [
        {"customer_id": one, "name": name, "email": mail, "phone": phone, "tier": tier}
        for one, name, mail, phone, tier in (
            ("C1", "Ada Ñandú", "ada@example.org", "+1 212 555 0142", "gold"),
            ("C.2", "Bo “the hat” O'Neil", "", "", "regular"),
            ("C_3", "Chiara 🛫", "chiara@example.org", "", "silver"),
            ("c1", "李 雷", "", "+1 917 555 0118", "regular"),
        )
    ],
    "flights": [
        {
            "flight_number": number,
            "date": DAY,
            "origin": "JFK",
            "destination": destination,
            "scheduled_departure": f"{DAY} 15:00",
            "scheduled_arrival": f"{DAY} 17:30",
            "status": "scheduled",
            "gate": gate,
        }
        for number, destination, gate in (
            ("EA1", "ORD", ""),
            ("EA2", "LAX", ""),
            ("EA3", "BOS", "B7"),
        )
    ],
    "bookings": [
        {
            "locator": f"AAAAA{place}",
            "customer_id": customer,
            "cabin": "economy",
            "insurance": "true" if place == 1 else "false",
            "created_at": "2013-01-05T12:00:00Z",
            "status": "confirmed",
        }
        for place, customer in enumerate(CUSTOMERS, start=1)
    ],
    "segments": [
        {"locator": f"AAAAA{n}", "segment": 1, "flight_number": "EA1", "date": DAY, "seat": f"{n}A"}
        for n in (1, 2, 3, 4)
    ],
    "passengers": [{"locator": f"AAAAA{n}", "name": f"Passenger {n}"} for n in (1, 2, 3, 4)],
    "bags": [
        {"tag": "0016123456", "locator": "AAAAA1", "status": "registered", "location": ""},
        {"tag": "0016123457", "locator": "AAAAA2", "status": "registered", "location": ""},
    ],
}
POLICIES = {"refunds": "# Refunds\n\nAsk us.\n", "pets": "# Pets\n\nSmall ones, in a box.\n"}


def folder(home: Path, **tables: Table | str | bytes) -> Path:
    """A world folder below `home`: WORLD, with some files given as rows, text or bytes instead."""
    place = home / "world"
    (place / "policies").mkdir(parents=True, exist_ok=True)
    for name, rows in {**WORLD, **tables}.items():
        path = place / f"{name}.csv"
        if isinstance(rows, str | bytes):
            path.write_bytes(rows.encode() if isinstance(rows, str) else rows)
            continue
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    for slug, text in POLICIES.items():
        (place / "policies" / f"{slug}.md").write_text(text, encoding="utf-8")
    return place


def changed(table: str, row: int, **values: Any) -> Table:
    """WORLD's rows of a table, with one row's values changed."""
    rows = [dict(one) for one in WORLD[table]]
    rows[row] |= values
    return rows


class HashEncoder:
    """Equal passages get equal vectors; nothing else is true of them. Costs microseconds."""

    name = "hash"

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in enumerate(texts):
            digest = hashlib.shake_128(text.encode()).digest(DIMENSIONS)
            vectors[row] = np.frombuffer(digest, dtype=np.uint8).astype(np.float32) - 127.5
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


class Airline:
    """The tiny world, loaded: its record, its two stores, and hands to move events through both."""

    def __init__(self, home: Path, world: Path | None = None) -> None:
        self.home, self.lake = home, home / "lake"
        self.encoder = HashEncoder()
        self.database = schema.Database(f"sqlite:///{home / 'record.sqlite'}")
        self.uri = str(home / "lancedb")
        self.stores = {arm: ContextStore(self.uri, arm, self.encoder.name) for arm in ARMS}
        self.state = loading.State(self.database, list(self.stores.values()), home)
        self.source = loading.Source(world or folder(home), NEW_YORK)
        loading.load(self.state, self.source, self.encoder, START)
        self.fingerprint = loading.fingerprint(self.state)

    def reset(self) -> str:
        """Back to the world as loaded; returns the fingerprint."""
        return loading.reset(self.state, START)

    def close(self) -> None:
        """Give the record's connections back."""
        self.database.close()

    def fire(self, event_type: str, subject: str, at: datetime = NOON, /, **data: Any) -> Recorded:
        """Apply one event; `from_` stands for `from`."""
        fields = {name.rstrip("_"): value for name, value in data.items()}
        return self.apply(events.make(event_type, subject, fields, at=at))

    def apply(self, event: events.Event) -> Recorded:
        """Apply one event to the record."""
        with self.database.write() as connection:
            return record.apply(connection, event, recorded_at=time.time(), airline_now=NOON)

    def raw(self, body: bytes) -> Recorded:
        """Take a foreign item: an event if the contract and the record agree, else kept."""
        try:
            return self.apply(events.parse(body))
        except ContractError as breach:
            with self.database.write() as connection:
                return record.keep_raw(
                    connection,
                    body,
                    breach=str(breach),
                    event_id=str(uuid.uuid4()),
                    recorded_at=time.time(),
                    occurred_at=NOON,
                )

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a table of the record."""
        return self.database.rows(select(schema.metadata.tables[table]))

    def row(self, table: str, **key: Any) -> dict[str, Any]:
        """The one row of a table with these values."""
        [found] = [row for row in self.rows(table) if key.items() <= row.items()]
        return found

    def messages(self) -> list[Message]:
        """The outbox as the stream's contract step hands it on: as after a way through Kafka."""
        epoch = self.database.get("epoch")
        return [
            received(outgoing(row, epoch, time.time())) for row in outbox.after(self.database, 0)
        ]

    def sink(self) -> ContextSink:
        """A new sink of the stream, as after a restart of its worker."""
        return ContextSink(self.database, self.stores["stream"], self.encoder, self.home)

    def stream(self, messages: Iterable[Message] | None = None) -> None:
        """Bring messages (default: the whole outbox) into the stream's store in one micro-batch."""
        sink = self.sink()
        for message in self.messages() if messages is None else messages:
            add(sink, message)
        sink.flush()

    def batch(self, at: datetime = NOON) -> RunResult:
        """Run the batch."""
        store = self.stores["batch"]
        return batch_run(self.database, store, self.encoder, self.lake, self.home, airline_now=at)

    def direct(self) -> list[Document]:
        """The documents of the record as it stands, made without any arm."""
        newest: dict[str, tuple[int, str]] = {}
        for row in outbox.after(self.database, 0, limit=100_000):
            for image in row["after"]:
                newest[f"{image['kind']}/{image['key']}"] = row["sequence"], row["occurred_at"]
        midnight = self.database.get("world")["starts_at"]
        with self.database.read() as connection:
            every = images(connection)
        made: list[Document] = []
        for image in every:
            version, at = newest.get(f"{image['kind']}/{image['key']}", (0, midnight))
            made += documents(image, version=version, occurred_at=at)
        return sorted(made, key=lambda one: one.doc_id)


def received(message: Any) -> Message:
    """A Kafka message of the producer as the contract step reads it."""
    headers = [(name, value.encode()) for name, value in message.headers.items()]
    return contract(message.value, message.key, 0, headers)


def add(sink: ContextSink, message: Message, offset: int = 0) -> None:
    """Hand one message to a sink, as Quix does."""
    sink.add(message, "key", 0, [], "airline.events", 0, offset)
