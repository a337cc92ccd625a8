"""Freshness: the two definitions that everything on screen rests on, from the ledger alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from pipeline import freshness, ledger, schema
from pipeline.schema import Arm
from tests.test_clock import CLOCK
from tests.worlds import DAY, NOON, Airline


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airline]:
    airline = Airline(tmp_path_factory.mktemp("freshness"))
    yield airline
    airline.close()


@pytest.fixture
def airline(loaded: Airline) -> Airline:
    """Three events, recorded at wall 100, 110 and 120, an airline minute apart."""
    loaded.reset()
    for minute in range(3):
        at = NOON + timedelta(minutes=minute)
        loaded.fire("interaction.tweet", "customer/C1", at, text="x", direction="inbound")
    with loaded.database.write() as connection:
        for sequence in (1, 2, 3):
            connection.execute(
                update(schema.outbox)
                .where(schema.outbox.c.sequence == sequence)
                .values(recorded_at=90.0 + 10 * sequence)
            )
    return loaded


def searchable(
    airline: Airline, sequence: int, at: float, arm: Arm = "stream", outcome: str = "searchable"
) -> None:
    row = {"arm": arm, "sequence": sequence, "outcome": outcome, "searchable_at": at}
    ledger.write(airline.database, [row])


def test_staleness_is_the_age_of_the_oldest_event_that_is_not_searchable(airline: Airline) -> None:
    assert freshness.staleness(airline.database, "stream", now=130.0) == 30.0
    searchable(airline, 2, 121.0)
    assert freshness.staleness(airline.database, "stream", now=130.0) == 30.0
    searchable(airline, 1, 122.0)
    assert freshness.staleness(airline.database, "stream", now=130.0) == 10.0
    searchable(airline, 3, 123.0, outcome="unchanged")  # dealt with, though it made no document
    assert freshness.staleness(airline.database, "stream", now=130.0) == 0.0
    assert freshness.staleness(airline.database, "batch", now=130.0) == 30.0
    assert freshness.pending(airline.database, "batch")["count"] == 3


def test_staleness_is_never_negative(airline: Airline) -> None:
    assert freshness.staleness(airline.database, "stream", now=99.0) == 0.0


def test_staleness_in_airline_time(airline: Airline) -> None:
    clock = CLOCK.changed(to=NOON + timedelta(minutes=10), paused=True)
    assert freshness.staleness_airline(airline.database, "batch", clock) == 600.0
    searchable(airline, 1, 130.0, "batch")
    assert freshness.staleness_airline(airline.database, "batch", clock) == 540.0
    for sequence in (2, 3):
        searchable(airline, sequence, 130.0, "batch")
    assert freshness.staleness_airline(airline.database, "batch", clock) == 0.0


def test_latencies_are_of_the_newest_searchable_events(airline: Airline) -> None:
    searchable(airline, 1, 100.5)
    searchable(airline, 2, 110.25)
    searchable(airline, 3, 125.0, outcome="dead_letter")
    searchable(airline, 3, 125.0, "batch")
    assert list(freshness.latencies_ms(airline.database, "stream")) == [250.0, 500.0]
    assert list(freshness.latencies_ms(airline.database, "stream", recent=1)) == [250.0]
    assert list(freshness.latencies_ms(airline.database, "batch")) == [5000.0]


def test_percentiles_of_nothing_are_unknown() -> None:
    assert freshness.percentiles(np.array([])) == {"p50": None, "p95": None, "p99": None}
    assert freshness.percentiles(np.arange(101.0)) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}


def test_history_shows_a_sawtooth(airline: Airline) -> None:
    for sequence in (1, 2, 3):
        searchable(airline, sequence, 125.0, "batch")
        searchable(airline, sequence, 91.0 + 10 * sequence)
    at = [99.0, 100.0, 105.0, 124.0, 125.0, 130.0]
    batch = freshness.history(airline.database, "batch", at)
    assert list(batch) == [0.0, 0.0, 5.0, 24.0, 0.0, 0.0]
    assert list(freshness.history(airline.database, "stream", [100.5, 105.0, 120.5])) == [
        0.5,
        0.0,
        0.5,
    ]


def test_history_of_an_empty_log_is_zero(airline: Airline) -> None:
    airline.reset()
    assert list(freshness.history(airline.database, "stream", [1.0, 2.0])) == [0.0, 0.0]


SECONDS = st.integers(0, 50).map(float)


@given(
    st.lists(st.tuples(SECONDS, SECONDS | st.just(np.inf)), max_size=12),
    st.lists(SECONDS, min_size=1, max_size=8),
)
def test_staleness_at_is_its_definition(
    events: list[tuple[float, float]], times: list[float]
) -> None:
    spans = [(recorded, recorded + waited) for recorded, waited in events]
    recorded, found = (np.array([span[side] for span in spans]) for side in (0, 1))
    shown = freshness.staleness_at(recorded, found, np.array(times))
    for now, stale in zip(times, shown, strict=True):
        waiting = [start for start, end in spans if start <= now < end]
        assert stale == (now - min(waiting) if waiting else 0.0)


def test_the_journey_of_an_event(airline: Airline) -> None:
    assert freshness.journey(airline.database, 99) is None
    searchable(airline, 2, 111.0)
    journey = freshness.journey(airline.database, 2)
    assert journey is not None
    assert journey["event"]["sequence"] == 2
    assert journey["stream"]["searchable_at"] == 111.0
    assert journey["batch"] is None


def test_the_feed_is_newest_first(airline: Airline) -> None:
    assert [row["sequence"] for row in freshness.feed(airline.database)] == [3, 2, 1]
    assert [row["sequence"] for row in freshness.feed(airline.database, limit=1)] == [3]


def test_the_feed_is_searched_by_words_and_says_what_became_of_each(airline: Airline) -> None:
    airline.fire("flight.cancelled", f"flight/EA1/{DAY}", NOON, reason="100% snow")
    searchable(airline, 4, 130.0)
    [found] = freshness.feed(airline.database, search="CANCELLED 100% snow")
    assert (found["sequence"], found["stream_at"], found["batch_at"]) == (4, 130.0, None)
    assert (found["stream_outcome"], found["batch_outcome"]) == ("searchable", None)
    assert freshness.sequence_of(airline.database, found["event_id"]) == 4
    assert freshness.sequence_of(airline.database, "x") is None

    def sequences(search: str) -> list[int]:
        return [row["sequence"] for row in freshness.feed(airline.database, search=search)]

    assert sequences("c1 tweet") == sequences("Ñandú") == sequences("Ada") == [3, 2, 1]
    assert sequences(found["event_id"]) == sequences(found["event_id"][:8].upper()) == [4]
    assert sequences(found["event_id"][9:18]) == []
    assert sequences("' OR 1=1") == sequences("100_") == []


def test_the_run_of_an_event_is_the_one_that_took_it(airline: Airline) -> None:
    def run_id() -> int | None:
        journey = freshness.journey(airline.database, 1)
        run = freshness.run_of(airline.database, journey or {})
        return run["run_id"] if run else None

    assert run_id() is None
    taken = airline.batch()
    airline.batch()
    assert run_id() == taken.run_id


def test_a_dead_letter_is_found_in_both_arms(airline: Airline) -> None:
    sequence = airline.raw(b"\xffnot JSON").sequence
    airline.stream()
    assert set(freshness.dead_letters(airline.database, sequence)) == {"stream"}
    airline.batch()
    found = freshness.dead_letters(airline.database, sequence)
    assert set(found) == {"stream", "batch"}
    assert {one["body"] for one in found.values()} == {b"\xffnot JSON"}


def test_stages_add_up_to_the_latency(airline: Airline) -> None:
    times = {"consumed_at": 100.1, "validated_at": 100.2, "embedded_at": 100.6}
    row = {"arm": "stream", "sequence": 1, "outcome": "searchable", "searchable_at": 101.0}
    ledger.write(airline.database, [row | times])
    found = freshness.stages_ms(airline.database)
    took = [float(values[0]) for values in found.values()]
    assert list(found) == list(freshness.STREAM_STAGES)
    assert took == pytest.approx([100, 100, 400, 400])
    assert sum(took) == pytest.approx(freshness.latencies_ms(airline.database, "stream")[0])


def test_stages_of_nothing_are_empty(airline: Airline) -> None:
    assert all(not len(values) for values in freshness.stages_ms(airline.database).values())


def test_backlog_counts_what_waits(airline: Airline) -> None:
    searchable(airline, 1, 115.0)
    searchable(airline, 2, 125.0)
    at = [99.0, 100.0, 110.0, 115.0, 120.0, 130.0]
    assert list(freshness.backlog(airline.database, "stream", at)) == [0, 1, 2, 1, 2, 1]
    assert list(freshness.backlog(airline.database, "batch", at)) == [0, 1, 2, 2, 3, 3]


def test_throughput_is_events_a_second(airline: Airline) -> None:
    for sequence in (1, 2, 3):
        searchable(airline, sequence, 129.0, "batch")
    searchable(airline, 1, 101.0)
    found = freshness.throughput(airline.database, [100.0, 120.0, 130.0])
    assert {name: list(values) for name, values in found.items()} == {
        "recorded": [0.1, 0.1],
        "stream": [0.05, 0.0],
        "batch": [0.0, 0.3],
    }


def test_an_objective_is_met_for_a_share_of_the_time() -> None:
    assert freshness.met(np.array([0.0, 1.0, 2.0, 0.5]), 1.0) == 0.75
    assert freshness.met(np.array([]), 1.0) is None
