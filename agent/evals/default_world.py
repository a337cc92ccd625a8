"""The default airline with a day behind it, for evals and figures that need thousands of rows.

The world as it is shipped, with its shipped vectors, then the replayed day's events of some of its
customers: fewer than all of them, because each new passage is embedded here and now.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import select

from pipeline import events, outbox, record, schema
from pipeline.control import clock
from pipeline.documents import Document, documents
from pipeline.embed import Encoder, encoder
from pipeline.loading import Source, Start, State, load
from pipeline.replay import Day
from pipeline.schema import ARMS, Database
from pipeline.settings import Settings
from pipeline.store import ContextStore, Embedded

BUSY = 60  # customers whose events have happened, half of them such as were paid something
HOURS = timedelta(hours=18)  # of the day: it is six in the evening
_SEED = 2013
_FURTHER = "further"  # what the ids of documents begin with that only fill a store


@dataclass(frozen=True)
class DefaultWorld:
    """A record and a caught-up store an arm."""

    settings: Settings
    database: Database
    stores: Mapping[schema.Arm, ContextStore]
    encoder: Encoder
    now: datetime  # airline time, in the home zone
    busy: list[str]  # customers with events of the day

    def fill(self, count: int) -> None:
        """Bring both stores to `count` documents with copies of other customers' documents.

        They belong to customers of no record: a search has to pass over them and returns none.
        """
        for store in self.stores.values():
            known = [one for one in store.contents() if one.kind not in ("policy", "flight")]
            missing = max(0, count - store.count())
            rng = np.random.default_rng(_SEED)
            store.upsert(
                [
                    Embedded(_copy(known[place % len(known)], place), rng.normal(size=384))
                    for place in range(missing)
                ]
            )
            store.compact()


def _copy(document: Document, place: int) -> Document:
    owner = f"{_FURTHER}-{place % 1000}"
    doc_id = f"{document.kind}/{_FURTHER}-{place}"
    return replace(document, doc_id=doc_id, customer_ids=(owner,), entities=(doc_id,))


@contextmanager
def default_world(
    settings: Settings | None = None, arms: Sequence[schema.Arm] = ARMS
) -> Iterator[DefaultWorld]:
    """The default airline in a scratch folder, at six in the evening of its first day.

    Args:
        settings: the encoder, the world and the replayed day come from here, the home does not.
    """
    with TemporaryDirectory(prefix="airline-eval-") as home:
        own = (settings or Settings()).model_copy(update={"airline_home": Path(home)})
        database = Database(own.database)
        stores = {arm: ContextStore(own.stores, arm, own.embedder) for arm in arms}
        model = encoder(own.embedder)
        _load(own, State(database, list(stores.values()), Path(home)), model)
        day = Day.read(database.get("world"))
        happened = day.events[: day.until(clock(database).now())]
        busy = _busy(database, happened)
        _happen(database, busy, happened)
        _catch_up(database, stores, model)
        now = clock(database).now().astimezone(ZoneInfo(own.home_zone))
        yield DefaultWorld(own, database, stores, model, now, busy)
        database.close()


def _load(own: Settings, state: State, model: Encoder) -> None:
    replayed = tuple(sorted(own.replay.glob("????-??-??.jsonl"))[:1])
    source = Source(own.world, ZoneInfo(own.home_zone), replay=replayed)
    start = Start(at=None, factor=1.0, paused=True, batch_interval_h=24.0, opens_after=HOURS)
    load(state, source, model, start)


def _busy(database: Database, happened: Sequence[dict[str, Any]]) -> list[str]:
    query = select(schema.customers.c.customer_id).order_by(schema.customers.c.customer_id)
    every = [row["customer_id"] for row in database.rows(query)]
    paid = sorted({one["customerid"] for one in happened if one["type"].startswith("payment.")})
    chosen = random.Random(_SEED)
    some = chosen.sample(paid, min(BUSY // 2, len(paid)))
    others = sorted(set(every) - set(some))
    return sorted([*some, *chosen.sample(others, min(BUSY - len(some), len(others)))])


def _happen(database: Database, busy: list[str], happened: Sequence[dict[str, Any]]) -> None:
    """Apply the events so far of these customers, of their flights and of the policies."""
    bookings, segments = schema.bookings.c, schema.segments.c
    query = select(segments.flight_number, segments.date).join(
        schema.bookings, bookings.locator == segments.locator
    )
    of_busy = database.rows(query.where(bookings.customer_id.in_(busy)))
    flights = {f"flight/{row['flight_number']}/{row['date']}" for row in of_busy}
    now = clock(database).now()
    with database.write() as connection:
        for event in happened:
            mine = event.get("customerid") in busy or event["subject"] in flights
            if mine or event["type"] == "policy.updated":
                record.apply(connection, events.parse(event), airline_now=now)


def _catch_up(
    database: Database, stores: Mapping[schema.Arm, ContextStore], model: Encoder
) -> None:
    """Bring what happened into both stores, as arms would that have caught up."""
    newest = {
        document.doc_id: document
        for row in outbox.after(database, 0, limit=100_000)
        for image in row["after"]
        for document in documents(image, version=row["sequence"], occurred_at=row["occurred_at"])
    }
    vectors = model.encode([one.passage for one in newest.values()])
    embedded = [Embedded(one, row) for one, row in zip(newest.values(), vectors, strict=True)]
    for store in stores.values():
        store.upsert(embedded)
        store.compact()
