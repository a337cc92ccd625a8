"""The process around the runs: the airline clock, requests, failures, the end."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline import events, record
from pipeline.batch import schedule, sources
from pipeline.batch.schedule import Scheduler, request_run, serve
from pipeline.batch.timetable import SYSTEMS
from pipeline.clock import ClockState
from pipeline.settings import Settings
from tests.test_batch_world import DAY, NOON, Airline, airline

__all__ = ["airline"]  # the fixture

MIDNIGHT = NOON - timedelta(hours=12)  # at the airline, in New York


def set_clock(airline: Airline, now: datetime) -> None:
    """A clock that stands still at `now`."""
    clock = ClockState(
        anchor_wall=0,
        anchor_airline=now,
        factor=180,
        paused=True,
        starts_at=MIDNIGHT,
        holds_at=MIDNIGHT + timedelta(days=2),
    )
    airline.database.put("clock", clock.model_dump(mode="json"))


def settings_of(airline: Airline) -> Settings:
    return Settings(_env_file=None, airline_home=airline.home)


@pytest.fixture
def scheduler(airline: Airline) -> Scheduler:
    airline.database.put("batch_interval_h", 6)
    return Scheduler(settings_of(airline), threading.Event())


def tweet(airline: Airline) -> None:
    airline.fire("interaction.tweet", "customer/C1", text="hello", direction="inbound")


def test_nothing_runs_without_a_world(scheduler: Scheduler) -> None:
    assert scheduler.tick() is None


def test_nothing_runs_while_a_world_is_loaded(airline: Airline, scheduler: Scheduler) -> None:
    set_clock(airline, NOON)
    airline.database.put("loaded", False)
    assert scheduler.tick() is None


def test_a_run_at_each_batch_time(airline: Airline, scheduler: Scheduler) -> None:
    tweet(airline)
    ran = []
    for hours in (0, 5.9, 6, 6.1, 11.9, 12.01, 12.02, 30, 30):
        now = MIDNIGHT + timedelta(hours=hours)
        set_clock(airline, now)
        if scheduler.tick():
            ran.append(hours)
    assert ran == [6, 12.01, 30]
    assert len(airline.store.contents()) == 1


def test_a_process_that_starts_late_makes_up_for_one_run(
    airline: Airline, scheduler: Scheduler
) -> None:
    set_clock(airline, MIDNIGHT + timedelta(hours=20))
    assert scheduler.tick()
    assert not Scheduler(settings_of(airline), threading.Event()).tick()


def test_a_new_interval_counts_from_now_on(airline: Airline, scheduler: Scheduler) -> None:
    set_clock(airline, MIDNIGHT + timedelta(hours=4))
    assert not scheduler.tick()
    airline.database.put("batch_interval_h", 1)
    assert not scheduler.tick()
    set_clock(airline, MIDNIGHT + timedelta(hours=5))
    assert scheduler.tick()


def test_a_clock_that_is_put_back(airline: Airline, scheduler: Scheduler) -> None:
    set_clock(airline, MIDNIGHT + timedelta(hours=20))
    assert scheduler.tick()
    set_clock(airline, MIDNIGHT + timedelta(hours=5))
    assert not scheduler.tick()
    set_clock(airline, MIDNIGHT + timedelta(hours=6))
    assert scheduler.tick()


def test_run_now_runs_once(airline: Airline, scheduler: Scheduler) -> None:
    set_clock(airline, MIDNIGHT + timedelta(hours=1))
    airline.database.put("batch_request", 3)
    assert scheduler.tick()
    assert not scheduler.tick()
    assert airline.database.get("batch_served") == 3


def test_another_world_is_met_without_memories(airline: Airline, scheduler: Scheduler) -> None:
    set_clock(airline, MIDNIGHT + timedelta(hours=20))
    assert scheduler.tick()
    for name, value in (("epoch", 2), ("batch", None), ("batch_watermarks", None)):
        airline.database.put(name, value)
    set_clock(airline, MIDNIGHT + timedelta(hours=1))
    assert not scheduler.tick()
    set_clock(airline, MIDNIGHT + timedelta(hours=6))
    assert scheduler.tick()


def break_the_lake(airline: Airline) -> Path:
    """A file where the lake's folder should be: every run fails."""
    airline.lake.write_text("in the way")
    return airline.lake


def test_a_failure_is_noted_and_tried_again_later(airline: Airline, scheduler: Scheduler) -> None:
    set_clock(airline, MIDNIGHT + timedelta(hours=6))
    tweet(airline)
    in_the_way = break_the_lake(airline)
    with pytest.raises(OSError, match="lake"):
        scheduler.tick()
    assert scheduler.back_off() > 0
    in_the_way.unlink()
    assert scheduler.tick() is None  # held back
    assert [bool(row["error"]) for row in airline.rows("batch_runs")] == [True]
    assert Scheduler(settings_of(airline), threading.Event()).tick()
    assert [bool(row["error"]) for row in airline.rows("batch_runs")] == [True, False]
    assert airline.store.count() == 1


# --- source systems of their own ------------------------------------------------------------------


def at(airline: Airline, hours: float) -> None:
    set_clock(airline, MIDNIGHT + timedelta(hours=hours))


def kinds(airline: Airline) -> set[str]:
    return {one.kind for one in airline.store.contents()}


def test_each_source_system_has_its_hour(airline: Airline, scheduler: Scheduler) -> None:
    at(airline, 0.5)
    assert not scheduler.tick()
    sources.set_interval(airline.database, 1, "/flight-ops")
    sources.set_interval(airline.database, 24, "/social")
    assert not scheduler.tick()
    airline.fire("flight.cancelled", f"flight/EA1/{DAY}")
    airline.fire("bag.checked", "bag/0016123456", locator="AAAAA1")
    tweet(airline)
    for hours, left_out, known in (
        (1, {*SYSTEMS} - {"/flight-ops"}, {"flight"}),
        (6, {"/social"}, {"flight", "bag"}),
        (24, set(), {"flight", "bag", "interaction"}),
    ):
        at(airline, hours)
        result = scheduler.tick()
        assert result
        assert {*SYSTEMS} - {*result.counts.get("scheduled", SYSTEMS)} == left_out
        assert kinds(airline) == known
        assert not scheduler.tick()
    assert airline.store.contents() == airline.direct()


def test_run_now_takes_every_source_system(airline: Airline, scheduler: Scheduler) -> None:
    at(airline, 0.5)
    sources.set_interval(airline.database, 24, "/social")
    tweet(airline)
    airline.database.put("batch_request", 1)
    result = scheduler.tick()
    assert result
    assert "scheduled" not in result.counts
    assert kinds(airline) == {"interaction"}


def test_a_source_system_nobody_has_heard_of_follows_the_rest(
    airline: Airline, scheduler: Scheduler
) -> None:
    at(airline, 0.5)
    sources.set_interval(airline.database, 24, "/social")
    event = events.make("flight.cancelled", f"flight/EA1/{DAY}", {}, at=NOON)
    with airline.database.write() as connection:
        partners = event.model_copy(update={"source": "/partner"})
        record.apply(connection, partners, airline_now=NOON)
    at(airline, 6)
    result = scheduler.tick()
    assert result
    assert result.counts["sources"] == {"/partner": 1}


def test_a_new_process_makes_up_for_what_each_has_missed(
    airline: Airline, scheduler: Scheduler
) -> None:
    at(airline, 0.5)
    sources.set_interval(airline.database, 1, "/flight-ops")
    scheduler.tick()
    at(airline, 2)
    assert scheduler.tick()
    at(airline, 3.1)
    result = Scheduler(settings_of(airline), threading.Event()).tick()
    assert result
    assert result.counts["scheduled"] == ["/flight-ops"]


def test_following_the_rest_again_is_no_request_to_run(
    airline: Airline, scheduler: Scheduler
) -> None:
    at(airline, 0.5)
    sources.set_interval(airline.database, 24, "/social")
    assert not scheduler.tick()
    at(airline, 6)
    assert scheduler.tick()
    at(airline, 7)
    sources.set_interval(airline.database, None, "/social")
    assert not scheduler.tick()
    at(airline, 12)
    result = scheduler.tick()
    assert result
    assert "scheduled" not in result.counts


# --- the loop -------------------------------------------------------------------------------------


@pytest.fixture
def serving(airline: Airline, monkeypatch: pytest.MonkeyPatch) -> Iterator[Airline]:
    monkeypatch.setattr(schedule, "BACK_OFF_S", (0.05,))
    set_clock(airline, MIDNIGHT + timedelta(hours=1))
    stop = threading.Event()
    loop = threading.Thread(target=serve, args=(settings_of(airline), stop))
    loop.start()
    yield airline
    stop.set()
    loop.join(timeout=60)
    assert not loop.is_alive()


def test_a_run_on_request(serving: Airline) -> None:
    tweet(serving)
    report = request_run(serving.database, timeout_s=60)
    assert report["error"] is None
    assert report["counts"]["documents"] == 1
    assert set(report["seconds"]) >= {"extracted", "bronze", "silver", "gold", "searchable"}
    assert serving.store.count() == 1


def test_the_loop_survives_a_run_that_fails(serving: Airline) -> None:
    tweet(serving)
    in_the_way = break_the_lake(serving)
    report: dict[str, Any] = request_run(serving.database, timeout_s=60)
    assert "lake" in report["error"]
    in_the_way.unlink()
    assert request_run(serving.database, timeout_s=60).get("error") is None
    assert serving.store.count() == 1


def test_a_request_that_nobody_serves(airline: Airline) -> None:
    assert "engine" in request_run(airline.database, timeout_s=0)["error"]


def test_stop_ends_a_run_in_the_middle(airline: Airline) -> None:
    set_clock(airline, MIDNIGHT + timedelta(hours=6))
    tweet(airline)
    stop = threading.Event()
    scheduler = Scheduler(settings_of(airline), stop)
    stop.set()
    with pytest.raises(schedule.Stopped):
        scheduler.tick()
    assert airline.store.count() == 0
    assert Scheduler(settings_of(airline), threading.Event()).tick()
    assert airline.store.count() == 1
