"""Source systems with intervals of their own: setting them, and what everybody is told of them."""

import math
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert

from pipeline import freshness, past, schema
from pipeline.__main__ import main
from pipeline.batch import sources
from pipeline.batch.run import run
from pipeline.batch.timetable import SYSTEMS
from pipeline.clock import to_rfc3339
from pipeline.settings import Settings
from tests.worlds import NOON, Airline

DAWN = NOON - timedelta(hours=12)  # midnight at the airline


@pytest.fixture
def airline(tmp_path: Path) -> Iterator[Airline]:
    made = Airline(tmp_path)
    yield made
    made.close()


def settings_of(airline: Airline) -> Settings:
    return Settings(_env_file=None, airline_home=airline.home)


def standing(airline: Airline, source: str) -> dict[str, Any]:
    found = sources.overview(airline.database, settings_of(airline), NOON)
    return next(one for one in found if one["source"] == source)


def tweet(airline: Airline) -> None:
    airline.fire("interaction.tweet", "customer/C1", text="hello", direction="inbound")


def take(airline: Airline, source: str, hours: float = 0) -> None:
    """Run the batch over one source system."""
    store, at = airline.stores["batch"], NOON + timedelta(hours=hours)
    places = airline.lake, airline.home
    run(airline.database, store, airline.encoder, *places, at, sources={source})


@pytest.mark.parametrize(
    ("hours", "source", "reason"),
    [
        (0, None, "expected 1/60"),
        (-6, "/crm", "expected 1/60"),
        (25, "/crm", "24 .nightly"),
        (math.nan, None, "expected 1/60"),
        (math.inf, "/crm", "expected 1/60"),
        (6, "/loyalty", "no source system '/loyalty'; there are /flight-ops"),
        (None, None, "has to be a number"),
    ],
)
def test_an_interval_that_cannot_be(
    airline: Airline, hours: float | None, source: str | None, reason: str
) -> None:
    before = sources.timetable(airline.database, settings_of(airline))
    with pytest.raises(ValueError, match=reason):
        sources.set_interval(airline.database, hours, source)
    assert sources.timetable(airline.database, settings_of(airline)) == before


def test_an_interval_of_its_own_and_back(airline: Airline) -> None:
    sources.set_interval(airline.database, 1, "/flight-ops")
    sources.set_interval(airline.database, 12)
    own = standing(airline, "/flight-ops")
    assert (own["interval_h"], own["own"]) == (1, True)
    assert own["next_run"] == to_rfc3339(NOON + timedelta(hours=1))
    rest = standing(airline, "/crm")
    assert (rest["interval_h"], rest["own"], rest["last_run"]) == (12, False, None)
    sources.set_interval(airline.database, None, "/flight-ops")
    assert standing(airline, "/flight-ops")["interval_h"] == 12


def test_a_reset_forgets_them(airline: Airline) -> None:
    sources.set_interval(airline.database, 1, "/flight-ops")
    sources.set_interval(airline.database, 12)
    airline.reset()
    found = sources.timetable(airline.database, settings_of(airline))
    assert (found.interval_h, found.exceptions) == (6.0, {})


def test_what_waits_and_what_was_taken(airline: Airline) -> None:
    airline.fire("flight.cancelled", "flight/EA1/2013-02-08")
    tweet(airline)
    airline.raw(b"garbage")
    take(airline, "/flight-ops")
    waiting = {one: standing(airline, one)["waiting"] for one in SYSTEMS}
    assert {one: number for one, number in waiting.items() if number} == {
        "/social": 1, "/raw-feed": 1,
    }  # fmt: skip
    assert standing(airline, "/flight-ops")["last_run"] == to_rfc3339(NOON)
    assert standing(airline, "/social")["last_run"] is None


def test_the_airline_is_as_late_as_its_latest_source_system(airline: Airline) -> None:
    began = airline.database.get("batch_as_of")
    assert began == to_rfc3339(DAWN)
    take(airline, "/social")
    assert airline.database.get("batch_as_of") == began
    airline.batch(NOON + timedelta(hours=1))
    for hours, source in ((2, "/flight-ops"), (3, "/social")):
        take(airline, source, hours)
    assert airline.database.get("batch_as_of") == to_rfc3339(NOON + timedelta(hours=1))
    ended = [row["searchable_at"] for row in airline.rows("batch_runs")]
    known = [past.moment(airline.database, wall).arms["batch"].as_of for wall in ended]
    assert known == [DAWN, *[NOON + timedelta(hours=1)] * 3]


def test_a_run_takes_an_event_only_if_it_takes_its_source(airline: Airline) -> None:
    tweet(airline)
    journey = freshness.journey(airline.database, 1)
    assert journey
    under_way = {"run_id": 1, "airline_time": to_rfc3339(NOON), "started_at": 4e9}
    for scheduled, found in ((["/crm"], False), (["/crm", "/social"], True)):
        with airline.database.write() as connection:
            connection.execute(delete(schema.batch_runs))
            row = under_way | {"counts": {"scheduled": scheduled}}
            connection.execute(insert(schema.batch_runs).values(row))
        assert bool(freshness.run_of(airline.database, journey)) is found


def test_the_command_line(airline: Airline, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = settings_of(airline)
    assert main(["timetable", "1/2", "--source", "/flight-ops"], chosen) == 0
    assert main(["timetable", "12"], chosen) == 0
    said = capsys.readouterr().out
    assert "*" in said
    assert "every 12 h" in said
    assert main(["timetable", "rest", "--source", "/flight-ops", "--json"], chosen) == 0
    assert sources.timetable(airline.database, chosen).exceptions == {}
    capsys.readouterr()
    for wrong in (["soon"], ["99"], ["--source", "/crm"], ["6", "--source", "/loyalty"]):
        assert main(["timetable", *wrong], chosen) == 1
        assert capsys.readouterr().err.startswith("timetable: ")
