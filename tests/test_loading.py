"""Loading a world and returning to it: all of it or nothing, and the same state every time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import loading, schema
from pipeline.clock import ClockState
from pipeline.embed import VectorFile, Vectors, WrongEncoder
from pipeline.loading import VECTORS, Source
from pipeline.schema import ARMS
from pipeline.world import WorldError
from tests.worlds import DAY, NEW_YORK, NOON, START, Airline, HashEncoder, changed, folder


@pytest.fixture
def airline(tmp_path: Path) -> Airline:
    return Airline(tmp_path)


def a_busy_day(airline: Airline) -> None:
    airline.fire("flight.cancelled", f"flight/EA1/{DAY}", reason="snow")
    airline.fire("interaction.tweet", "customer/C1", text="hi", direction="inbound")
    airline.fire("policy.updated", "policy/new", title="New", text="x")
    airline.raw(b"garbage")
    airline.stream()
    airline.batch()


def everything(airline: Airline) -> dict[str, Any]:
    found: dict[str, Any] = {name: airline.rows(name) for name in schema.metadata.tables}
    return found | {arm: airline.stores[arm].contents() for arm in ARMS}


def clock(airline: Airline) -> ClockState:
    return ClockState.model_validate(airline.database.get("clock"))


def test_both_stores_start_with_the_world_as_it_is_in_the_record(airline: Airline) -> None:
    expected = airline.direct()
    assert len(expected) == 4 + 3 + 4 + 2 + 2
    assert {one.version for one in expected} == {0}
    assert {one.occurred_at for one in expected} == {"2013-02-08T05:00:00.000Z"}
    for arm in ARMS:
        assert airline.stores[arm].contents() == expected
    assert airline.database.get("loaded") is True


def test_a_reset_puts_everything_back_and_begins_a_new_epoch(airline: Airline) -> None:
    before, epoch = everything(airline), airline.database.get("epoch")
    a_busy_day(airline)
    airline.database.put("traffic_rate", 5.0)
    airline.database.put("batch_interval_h", 1.0)
    assert airline.lake.exists()
    assert airline.reset() == airline.fingerprint
    after = everything(airline)
    assert {n: after[n] for n in after if n != "control"} == {
        name: rows for name, rows in before.items() if name != "control"
    }
    assert airline.database.get("epoch") == epoch + 1
    assert airline.database.get("traffic_rate") is None
    assert airline.database.get("batch_interval_h") == 6.0
    assert not airline.lake.exists()


def test_what_is_fired_changes_the_fingerprint(airline: Airline) -> None:
    airline.fire("flight.cancelled", f"flight/EA1/{DAY}")
    recorded = loading.fingerprint(airline.state)
    airline.stream()
    streamed = loading.fingerprint(airline.state)
    airline.batch()
    assert len({airline.fingerprint, recorded, streamed, loading.fingerprint(airline.state)}) == 4


FIRED = st.lists(
    st.tuples(
        st.sampled_from(["gate", "tweet", "raw", "stream", "batch", "flag"]), st.integers(0, 9)
    ),
    max_size=8,
)


@given(fired=FIRED)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_fingerprint_after_a_reset_is_the_same_whatever_was_fired(
    tmp_path_factory: pytest.TempPathFactory, fired: list[tuple[str, int]]
) -> None:
    airline = Airline(tmp_path_factory.mktemp("fired"))
    for what, number in fired:
        if what == "gate":
            airline.fire("flight.gate_changed", f"flight/EA1/{DAY}", gate=f"B{number}")
        elif what == "raw":
            airline.raw(bytes([number]))
        elif what == "stream":
            airline.stream()
        elif what == "batch":
            airline.batch()
        elif what == "flag":  # two contacts are a risk: the batch flags the customer
            airline.fire("interaction.call", "customer/C1", text="?", direction="inbound")
            airline.fire("interaction.call", "customer/C1", text="!", direction="inbound")
            airline.batch()
        else:
            airline.fire("interaction.tweet", "customer/C1", text="x", direction="inbound")
    assert airline.reset() == airline.fingerprint
    assert airline.reset() == airline.fingerprint
    airline.close()


def test_the_same_events_again_make_the_same_stores(airline: Airline) -> None:
    seen = []
    for _ in range(2):
        airline.reset()
        for gate in ("A1", "A2"):
            airline.fire("flight.gate_changed", f"flight/EA1/{DAY}", gate=gate)
        airline.stream()
        airline.batch()
        seen.append(loading.fingerprint(airline.state))
    assert seen[0] == seen[1]


# --- a load that fails changes nothing ------------------------------------------------------------


def refuse(airline: Airline, place: Path, error: type[Exception], match: str) -> None:
    a_busy_day(airline)
    before = everything(airline)
    events = [place / "events.jsonl"] if (place / "events.jsonl").exists() else []
    with pytest.raises(error, match=match):
        loading.load(airline.state, Source(place, NEW_YORK, None, events), HashEncoder(), START)
    assert everything(airline) == before


@pytest.mark.parametrize("table", ["customers", "flights", "bookings", "segments"])
def test_a_bad_row_changes_nothing(airline: Airline, tmp_path: Path, table: str) -> None:
    bad = folder(tmp_path / "bad", **{table: changed(table, 2, **{_first(table): "?"})})
    refuse(airline, bad, WorldError, rf"{table}.csv, line 4, column {_first(table)}: .*'\?'")


def _first(table: str) -> str:
    return next(iter(changed(table, 0)[0]))


def test_a_bad_event_file_changes_nothing(airline: Airline, tmp_path: Path) -> None:
    bad = folder(tmp_path / "bad")
    (bad / "events.jsonl").write_text('{"time": "2013-02-08T17:00:00Z"}\n{"type": "x"}\n')
    refuse(airline, bad, WorldError, "events.jsonl, line 2, column time")


def test_vectors_of_another_encoder_change_nothing(airline: Airline, tmp_path: Path) -> None:
    bad = folder(tmp_path / "bad")
    VectorFile.write(bad / VECTORS, "another", ["a"], HashEncoder().encode(["a"]))
    refuse(airline, bad, WrongEncoder, "vectors.npz holds vectors of another, EMBEDDER is hash")


# --- vectors, days and the clock ------------------------------------------------------------------


class CountingEncoder(HashEncoder):
    """Remembers what it was asked to embed."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        return super().encode(texts)


def test_shipped_vectors_are_not_made_again_on_any_day(airline: Airline, tmp_path: Path) -> None:
    place = folder(tmp_path / "shipped")
    count = loading.embed_world(Source(place, NEW_YORK), HashEncoder(), tmp_path / "scratch")
    encoder, told = CountingEncoder(), list[tuple[int, int]]()
    moved = Source(place, NEW_YORK, datetime(2026, 11, 21, tzinfo=NEW_YORK))
    made = loading.load(airline.state, moved, encoder, START, lambda *at: told.append(at))
    assert (encoder.texts, told) == ([], [])
    assert count <= made == airline.stores["batch"].count()
    assert "flight/EA1/2026-11-21" in {one.doc_id for one in airline.stores["batch"].contents()}


def test_what_is_not_shipped_is_embedded_once_and_told(airline: Airline, tmp_path: Path) -> None:
    encoder, told = CountingEncoder(), list[tuple[int, int]]()
    source = Source(folder(tmp_path / "other"), NEW_YORK)
    loading.load(airline.state, source, encoder, START, lambda *at: told.append(at))
    assert len(encoder.texts) == len(set(encoder.texts)) == told[-1][0] == told[-1][1]


def test_the_clock_starts_where_it_is_told(airline: Airline) -> None:
    assert clock(airline).now() == NOON
    loading.reset(airline.state, replace(START, at=None, opens_after=timedelta(hours=5)))
    assert clock(airline).now() == NOON - timedelta(hours=7)
    assert clock(airline).starts_at == NOON - timedelta(hours=12)
    assert clock(airline).holds_at == NOON + timedelta(hours=12)
    before_the_world = replace(START, at=NOON - timedelta(days=9))
    loading.reset(airline.state, before_the_world)
    assert clock(airline).now() == clock(airline).starts_at
    after_it = replace(START, at=NOON + timedelta(days=9))
    loading.reset(airline.state, after_it)
    assert clock(airline).now() == clock(airline).holds_at == NOON + timedelta(days=9)


def test_the_days_end_with_the_last_replayed_event(airline: Airline, tmp_path: Path) -> None:
    place = folder(tmp_path / "late")
    late = {"time": "2013-02-09T07:30:00Z"}  # a late landing, half past two at night
    (place / "events.jsonl").write_text(json.dumps(late) + "\n")
    source = Source(place, NEW_YORK, None, [place / "events.jsonl"])
    loading.load(airline.state, source, HashEncoder(), START)
    assert clock(airline).holds_at.isoformat() == "2013-02-09T07:30:00+00:00"
