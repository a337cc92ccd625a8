"""A small airline for the batch tests, and the proof that the lake changes no document."""

import hashlib
import itertools
import json
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from pipeline import events, record, schema
from pipeline.batch.extract import COLUMNS, Extract
from pipeline.batch.lake import Lake
from pipeline.batch.run import RunResult, bronze, document_of, gold, run, silver
from pipeline.documents import Document, documents
from pipeline.embed import DIMENSIONS, Vectors
from pipeline.images import Image
from pipeline.store import ContextStore

DAY = "2013-02-08"
NOON = datetime(2013, 2, 8, 17, tzinfo=UTC)  # at the airline, in New York


class HashEncoder:
    """Equal passages get equal vectors; nothing else is true of them."""

    name = "minilm-int8"

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in enumerate(texts):
            seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
            vectors[row] = np.random.default_rng(seed).normal(size=DIMENSIONS)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


def flight(number: str, **more: Any) -> dict[str, Any]:
    return {
        "flight_number": number,
        "date": DAY,
        "origin": "JFK",
        "destination": "ORD",
        "scheduled_departure": "2013-02-08T20:00:00.000Z",
        "scheduled_arrival": "2013-02-08T22:30:00.000Z",
        "departure": "2013-02-08T20:00:00.000Z",
        "arrival": "2013-02-08T22:30:00.000Z",
        "status": "scheduled",
        "gate": None,
    } | more


WORLD: dict[str, list[dict[str, Any]]] = {
    "customers": [
        {"customer_id": f"C{n}", "name": name, "email": f"c{n}@example.org", "tier": "gold"}
        for n, name in enumerate(("Ada Ñandú", "Bo “the hat” O'Neil", "Chiara 🛫"), start=1)
    ],
    "flights": [flight("EA1"), flight("EA2"), flight("EA3", gate="B7")],
    "bookings": [
        {
            "locator": f"AAAAA{n}",
            "customer_id": f"C{n}",
            "cabin": "economy",
            "insurance": n == 1,
            "created_at": "2013-01-05T12:00:00.000Z",
            "status": "confirmed",
        }
        for n in (1, 2, 3)
    ],
    "segments": [
        {"locator": f"AAAAA{n}", "segment": 1, "flight_number": "EA1", "date": DAY, "seat": f"{n}A"}
        for n in (1, 2, 3)
    ],
    "passengers": [
        {"locator": f"AAAAA{n}", "position": 1, "name": f"Passenger {n}"} for n in (1, 2, 3)
    ],
    "bags": [{"tag": "0016123456", "locator": "AAAAA1", "status": "registered"}],
    "policies": [{"slug": "refunds", "title": "Refunds", "text": "Ask us."}],
}


class Airline:
    """A record with three customers, the batch arm's store and lake, and hands to move them."""

    def __init__(self, home: Path) -> None:
        self.home, self.lake = home, home / "lake"
        self.database = schema.Database(f"sqlite:///{home / 'record.sqlite'}")
        self.uri = str(home / "lancedb")
        self.encoder = HashEncoder()
        self.store = ContextStore(self.uri, "batch", self.encoder.name)
        with self.database.write() as connection:
            for name, rows in WORLD.items():
                connection.execute(insert(schema.metadata.tables[name]), rows)
        self.database.put("epoch", 1)

    def fire(
        self, event_type: str, subject: str, at: datetime = NOON, /, **data: Any
    ) -> record.Recorded:
        data = {name.rstrip("_"): value for name, value in data.items()}
        event = events.make(event_type, subject, data, at=at)
        with self.database.write() as connection:
            return record.apply(connection, event, recorded_at=time.time(), airline_now=NOON)

    def raw(self, body: bytes, breach: str = "$: not JSON") -> int:
        with self.database.write() as connection:
            kept = record.keep_raw(
                connection,
                body,
                breach=breach,
                event_id=str(uuid.uuid4()),
                recorded_at=time.time(),
                occurred_at=NOON,
            )
        return kept.sequence

    def run(self, at: datetime = NOON, **more: Any) -> RunResult:
        return run(
            self.database, self.store, self.encoder, self.lake, self.home, airline_now=at, **more
        )

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.database.rows(select(schema.metadata.tables[table]))

    def direct(self) -> list[Document]:
        """The documents that the outbox's newest images make, without any lake."""
        made: dict[str, Document] = {}
        for row in sorted(self.rows("outbox"), key=lambda row: int(row["sequence"])):
            for image in row["after"]:
                for one in documents(
                    image, version=row["sequence"], occurred_at=row["occurred_at"]
                ):
                    made[one.doc_id] = one
        return sorted(made.values(), key=lambda one: one.doc_id)


@pytest.fixture
def airline(tmp_path: Path) -> Airline:
    return Airline(tmp_path)


def a_day(airline: Airline) -> None:
    """Something of every kind."""
    say = airline.fire
    say("flight.delayed", f"flight/EA1/{DAY}", new_departure="2013-02-08 16:10", reason="snow ❄️")
    say("flight.cancelled", f"flight/EA1/{DAY}", reason='the "storm"')
    say("flight.gate_changed", f"flight/EA2/{DAY}", gate="C12")
    say("flight.departed", f"flight/EA3/{DAY}", actual="2013-02-08T20:04:00Z")
    say(
        "booking.rebooked",
        "booking/AAAAA2",
        from_={"flight": "EA1", "date": DAY},
        to={"flight": "EA2", "date": DAY},
    )
    say("booking.seat_changed", "booking/AAAAA3", flight="EA1", date=DAY, seat="9F")
    say(
        "booking.created",
        "booking/NEW001",
        customer_id="C3",
        cabin="first",
        insurance=True,
        passengers=["Zoë", "李 雷"],
        segments=[{"flight": "EA2", "date": DAY, "seat": "1A"}, {"flight": "EA3", "date": DAY}],
    )
    say("bag.checked", "bag/0016123456", locator="AAAAA1", location="JFK T8", flight="EA1")
    say("payment.refunded", "booking/AAAAA1", amount=99.9, currency="EUR")
    say("payment.voucher_issued", "customer/C2", amount=100.0, currency="USD")
    text = 'nul \x00 quote " \' \\ back \u2028 🧳 {"a": 1} \\u0041 a@b.org'
    say("interaction.tweet", "customer/C1", text=text, direction="inbound")
    say("interaction.call", "customer/C1", text="  ", direction="outbound", handled_by="Kim")
    say("customer.contact_changed", "customer/C3", phone="+1 212 555 0100")
    say("policy.updated", "policy/pets", title="Pets", text="Small ones.\n\nIn a box.")


def test_the_lake_changes_no_document(airline: Airline) -> None:
    a_day(airline)
    airline.run()
    assert {one.kind for one in airline.direct()} == set(KINDS)
    assert airline.store.contents() == airline.direct()


KINDS = ("customer", "flight", "booking", "bag", "interaction", "payment", "policy")


# --- any text, any amount: an image, and the same through bronze, silver and gold -----------------

ANY = st.text(max_size=40)
MAYBE = st.none() | ANY
TIME = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.isoformat(timespec="milliseconds") + "Z"
)
DATE = st.dates().map(str)
ROWS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "customer": st.fixed_dictionaries(
        {"customer_id": ANY, "name": ANY, "email": MAYBE, "phone": MAYBE, "tier": ANY}
    ),
    "flight": st.fixed_dictionaries(
        {
            "flight_number": ANY,
            "date": DATE,
            "origin": st.sampled_from(["JFK", "ORD"]),
            "destination": st.sampled_from(["LAX", "BOS"]),
            "scheduled_departure": TIME,
            "scheduled_arrival": TIME,
            "departure": TIME,
            "arrival": TIME,
            "status": st.sampled_from(["scheduled", "delayed", "cancelled", "departed", "landed"]),
            "reason": MAYBE,
            "gate": MAYBE,
            "status_changed_at": st.just("") | TIME,
        }
    ),
    "booking": st.fixed_dictionaries(
        {
            "locator": ANY,
            "customer_id": ANY,
            "cabin": ANY,
            "insurance": st.booleans(),
            "created_at": st.just("2013-02-01T12:00:00.000Z"),
            "status": ANY,
            "reason": MAYBE,
            "segments": st.lists(
                st.fixed_dictionaries(
                    {
                        "segment": st.integers(1, 9),
                        "flight_number": ANY,
                        "date": DATE,
                        "seat": MAYBE,
                    }
                ),
                max_size=3,
            ),
            "passengers": st.lists(
                st.fixed_dictionaries({"position": st.integers(1, 9), "name": ANY}), max_size=3
            ),
        }
    ),
    "bag": st.fixed_dictionaries(
        {
            "tag": ANY,
            "locator": ANY,
            "customer_id": MAYBE,
            "status": st.sampled_from(["registered", "checked", "misrouted"]),
            "location": MAYBE,
            "flight_number": MAYBE,
        }
    ),
    "interaction": st.fixed_dictionaries(
        {
            "interaction_id": ANY,
            "customer_id": ANY,
            "channel": st.sampled_from(["tweet", "chat", "call", "email"]),
            "direction": st.sampled_from(["inbound", "outbound"]),
            "text": ANY,
            "handled_by": MAYBE,
            "occurred_at": TIME,
            "a_column_of_tomorrow": ANY | st.integers(),
        }
    ),
    "payment": st.fixed_dictionaries(
        {
            "payment_id": ANY,
            "customer_id": ANY,
            "locator": MAYBE,
            "payment_type": st.sampled_from(["refunded", "voucher_issued"]),
            "amount": st.floats(allow_nan=False, allow_infinity=False),
            "currency": ANY,
        }
    ),
    "policy": st.fixed_dictionaries({"slug": ANY, "title": ANY, "text": ANY}),
}
IMAGES = st.sampled_from(KINDS).flatmap(
    lambda kind: st.fixed_dictionaries({"kind": st.just(kind), "key": ANY, "row": ROWS[kind]})
)


def outbox_rows(images: list[Image]) -> list[dict[str, Any]]:
    """An outbox in which each image was made by an event of its own."""
    return [
        {
            "sequence": sequence,
            "event_id": f"event {sequence}",
            "source": "/web",
            "type": "interaction.chat",
            "subject": "customer/C1",
            "occurred_at": "2013-02-08T17:00:00.000Z",
            "body": events.make(
                "interaction.chat", "customer/C1", {"text": "-", "direction": "inbound"}, at=NOON
            )
            .model_dump_json(exclude_none=True)
            .encode(),
            "before": "[]",
            "after": json.dumps([image], ensure_ascii=False),
            "recorded_at": 1.0,
        }
        for sequence, image in enumerate(images, start=1)
    ]


def through_the_lake(
    home: Path, rows: list[dict[str, Any]], run_id: int = 1
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """(outcomes, rejects, gold rows) of a run that took these outbox rows."""
    lake = Lake.of(home, 1)
    taken = Extract(pa.Table.from_pylist(rows, schema=COLUMNS), len(rows), {"/web": 1}, None)
    with lake.session(run_id, NOON) as session:
        bronze(session, lake, taken, run_id)
        outcomes, rejects = silver(session)
        return outcomes, rejects, gold(session)


def test_an_event_that_is_extracted_twice_is_one_event(tmp_path: Path) -> None:
    [row] = outbox_rows([{"kind": "policy", "key": "p", "row": {"slug": "p"}}])
    later = outbox_rows([{"kind": "policy", "key": "p", "row": {"slug": "changed"}}])[0]
    outcomes, _, [found] = through_the_lake(tmp_path, [row, later | {"sequence": 2}])
    assert [one["outcome"] for one in outcomes] == ["searchable", "unchanged"]
    assert (found["version"], json.loads(found["row"])) == (1, {"slug": "p"})


EXAMPLES = itertools.count(1)


@given(st.lists(IMAGES, min_size=1, max_size=12, unique_by=lambda one: (one["kind"], one["key"])))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_image_comes_through_whole(tmp_path: Path, images: list[Image]) -> None:
    outcomes, rejects, found = through_the_lake(tmp_path, outbox_rows(images), next(EXAMPLES))
    assert (len(outcomes), rejects) == (len(images), [])
    assert [json.loads(row["row"]) for row in found] == [image["row"] for image in images]
    assert [document_of(row)[0] for row in found] == [
        documents(image, version=n, occurred_at="2013-02-08T17:00:00.000Z")[0]
        for n, image in enumerate(images, start=1)
    ]
