"""The past: the record as it stood, and what each arm had of it, at any wall time since."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from pipeline import control, past, schema
from pipeline.images import images
from pipeline.past import Moment
from pipeline.schema import ARMS
from tests.worlds import DAY, NOON, Airline

FLIGHT = f"flight/EA1/{DAY}"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airline]:
    airline = Airline(tmp_path_factory.mktemp("past"))
    yield airline
    airline.close()


@pytest.fixture
def airline(loaded: Airline) -> Airline:
    loaded.reset()
    return loaded


def now(airline: Airline) -> Moment:
    return past.moment(airline.database, time.time())


def gates(airline: Airline, then: Moment) -> dict[str, str | None]:
    """The gate that each arm had for EA1."""
    versions = {arm: then.arms[arm].version or 0 for arm in ARMS}
    return {
        arm: airline.stores[arm].at(version).read([FLIGHT])[FLIGHT].facts.get("gate")
        for arm, version in versions.items()
    }


def test_each_moment_has_its_own_knowledge(airline: Airline) -> None:
    start = now(airline)
    airline.fire("flight.gate_changed", FLIGHT, NOON, gate="B1")
    fired = now(airline)
    airline.stream()
    streamed = now(airline)
    airline.batch(NOON + timedelta(hours=1))
    both = now(airline)
    airline.fire("flight.gate_changed", FLIGHT, NOON, gate="B2")
    airline.stream()
    later = now(airline)

    assert [one.sequence for one in (start, fired, streamed, both, later)] == [0, 1, 1, 1, 2]
    assert gates(airline, start) == {"batch": None, "stream": None}
    assert gates(airline, fired) == {"batch": None, "stream": None}
    assert gates(airline, streamed) == {"batch": None, "stream": "B1"}
    assert gates(airline, both) == {"batch": "B1", "stream": "B1"}
    assert gates(airline, later) == {"batch": "B1", "stream": "B2"}
    assert fired.arms["stream"].waiting == fired.arms["batch"].waiting == 1
    assert streamed.arms["stream"].waiting == 0
    assert streamed.arms["batch"].staleness_s > 0
    assert both.arms["batch"].as_of == NOON + timedelta(hours=1)
    assert fired.arms["batch"].as_of < NOON
    # Asked again later, an earlier moment is what it was.
    assert past.moment(airline.database, streamed.wall) == streamed


def test_the_record_as_it_stood_is_the_record_of_then(airline: Airline) -> None:
    airline.fire("flight.cancelled", FLIGHT, NOON, reason="snow")
    airline.fire("interaction.tweet", "customer/C1", NOON, text="why?", direction="inbound")
    airline.fire(
        "booking.rebooked",
        "booking/AAAAA1",
        NOON,
        from_={"flight": "EA1", "date": DAY},
        to={"flight": "EA2", "date": DAY},
        seat="9C",
    )
    then = now(airline)
    with airline.database.read() as connection:
        expected = images(connection)
    airline.fire("flight.gate_changed", f"flight/EA2/{DAY}", NOON, gate="A9")
    airline.fire("booking.cancelled", "booking/AAAAA1", NOON)
    of_then = past.record_at(airline.database, then, "C1")
    with of_then.read() as connection:
        found = images(connection)
    others = {"C.2", "C_3", "c1"}
    assert found == [one for one in expected if one["row"].get("customer_id") not in others]
    assert len(of_then.rows(select(schema.outbox))) == 3


def test_what_concerns_a_customer_is_theirs_and_their_flights(airline: Airline) -> None:
    airline.fire("flight.cancelled", FLIGHT, NOON)
    airline.fire("flight.gate_changed", f"flight/EA3/{DAY}", NOON, gate="C3")
    airline.fire("interaction.tweet", "customer/c1", NOON, text="why?", direction="inbound")
    airline.fire("interaction.tweet", "customer/C1", NOON, text="why?", direction="inbound")
    airline.fire(
        "booking.rebooked",
        "booking/AAAAA1",
        NOON,
        from_={"flight": "EA1", "date": DAY},
        to={"flight": "EA2", "date": DAY},
    )
    airline.stream()
    found = past.events_of(airline.database, "C1")
    assert [one["sequence"] for one in found] == [1, 4, 5]
    assert all(one["stream_at"] for one in found)
    assert now(airline).arms["stream"].latency_s == pytest.approx(
        found[-1]["stream_at"] - found[-1]["recorded_at"]
    )


def test_an_event_that_is_not_searchable_yet_is_not_in_the_ledger_of_then(airline: Airline) -> None:
    airline.fire("flight.cancelled", FLIGHT, NOON)
    then = now(airline)
    airline.stream()
    of_then = past.record_at(airline.database, then, "C1")
    assert of_then.rows(select(schema.progress)) == []


def test_the_clock_of_then(airline: Airline) -> None:
    began = past.began_at(airline.database)
    control.set_clock(airline.database, lambda clock: clock.changed(wall=began + 10, paused=False))
    control.set_clock(airline.database, lambda clock: clock.changed(wall=began + 20, factor=3600))
    states = control.clocks(airline.database)
    at = [past.clock_at(states, began + seconds).anchor_airline for seconds in (0, 5, 15, 21)]
    assert [(one - NOON).total_seconds() for one in at] == pytest.approx([0, 0, 900, 5400])


def test_a_reset_begins_another_past(airline: Airline) -> None:
    airline.fire("flight.gate_changed", FLIGHT, NOON, gate="B1")
    airline.stream()
    airline.reset()
    assert len(control.clocks(airline.database)) == 1
    assert gates(airline, now(airline)) == {"batch": None, "stream": None}
