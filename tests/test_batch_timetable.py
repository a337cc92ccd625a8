"""When batches fall: local times, days on which the clocks change, boundaries crossed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.batch.timetable import REST, Timetable, due, next_run

NEW_YORK = ZoneInfo("America/New_York")


def local(text: str, *, fold: int = 0) -> datetime:
    """A New York wall-clock time as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK, fold=fold).astimezone(UTC)


def day_of_runs(day: str, interval_h: float) -> list[str]:
    """Local times, with offset, of the runs of one local day."""
    moment, end = local(f"{day} 00:00") - timedelta(seconds=1), local(f"{day} 23:59:59")
    found = []
    while (moment := next_run(moment, interval_h, NEW_YORK)) <= end:
        found.append(f"{moment.astimezone(NEW_YORK):%H:%M%z}")
    return found


@pytest.mark.parametrize(
    ("now", "interval_h", "expected"),
    [
        ("2013-02-08 00:00", 6, "2013-02-08 06:00"),
        ("2013-02-08 05:59:59", 6, "2013-02-08 06:00"),
        ("2013-02-08 06:00", 6, "2013-02-08 12:00"),
        ("2013-02-08 18:00:01", 6, "2013-02-09 00:00"),
        ("2013-02-08 13:20", 24, "2013-02-09 00:00"),
        ("2013-02-08 13:20", 1, "2013-02-08 14:00"),
        ("2013-02-08 13:20", 0.5, "2013-02-08 13:30"),
        ("2013-02-08 21:00", 5, "2013-02-09 00:00"),  # 00 05 10 15 20, and a new day
        ("2013-02-08 21:00", 72, "2013-02-09 00:00"),
        ("2013-12-31 23:10", 6, "2014-01-01 00:00"),
    ],
)
def test_runs_fall_on_local_times(now: str, interval_h: float, expected: str) -> None:
    assert next_run(local(now), interval_h, NEW_YORK) == local(expected)


def test_the_day_on_which_summer_time_begins() -> None:
    six = ["00:00-0500", "06:00-0400", "12:00-0400", "18:00-0400"]
    assert day_of_runs("2013-03-10", 6) == six
    assert day_of_runs("2013-03-10", 1)[:4] == [
        "00:00-0500",
        "01:00-0500",
        "03:00-0400",
        "04:00-0400",
    ]
    # 02:00 does not come that day: it is made up for when the clocks have jumped
    assert day_of_runs("2013-03-10", 2)[:3] == ["00:00-0500", "03:00-0400", "04:00-0400"]


def test_the_day_on_which_summer_time_ends() -> None:
    six = ["00:00-0400", "06:00-0500", "12:00-0500", "18:00-0500"]
    assert day_of_runs("2013-11-03", 6) == six
    hourly = ["00:00-0400", "01:00-0400", "01:00-0500", "02:00-0500"]
    assert day_of_runs("2013-11-03", 1)[:4] == hourly


def test_nightly_in_a_zone_whose_midnight_is_skipped() -> None:
    havana = ZoneInfo("America/Havana")  # 2013-03-10 00:00 does not exist there
    before = datetime(2013, 3, 9, 22, tzinfo=havana)
    assert (
        next_run(before, 24, havana).astimezone(havana).isoformat() == "2013-03-10T01:00:00-04:00"
    )


def test_an_interval_must_be_positive() -> None:
    with pytest.raises(ValueError, match="more than 0"):
        next_run(datetime.now(UTC), 0, NEW_YORK)


def test_due_once_a_boundary_is_crossed() -> None:
    since = local("2013-02-08 06:00:20")
    assert not due(since, local("2013-02-08 11:59:59"), 6, NEW_YORK)
    assert due(since, local("2013-02-08 12:00"), 6, NEW_YORK)
    assert due(since, local("2013-02-09 03:00"), 6, NEW_YORK)


def test_source_systems_of_their_own() -> None:
    mixed = Timetable(6, NEW_YORK, {"/flight-ops": 1, "/crm": 24})
    now = local("2013-02-08 13:20")
    assert mixed.next_run(now) == local("2013-02-08 14:00")
    assert mixed.next_run_of("/flight-ops", now) == local("2013-02-08 14:00")
    assert mixed.next_run_of("/crm", now) == local("2013-02-09 00:00")
    assert mixed.next_run_of("/unheard-of", now) == local("2013-02-08 18:00")


@pytest.mark.parametrize(
    ("now", "groups"),
    [
        ("2013-02-08 13:59", ""),
        ("2013-02-08 14:00", "/flight-ops"),
        ("2013-02-08 18:00", f"/flight-ops {REST}"),
        ("2013-02-09 00:00", f"/flight-ops /crm {REST}"),
    ],
)
def test_what_is_due_since_twenty_past_one(now: str, groups: str) -> None:
    mixed = Timetable(6, NEW_YORK, {"/flight-ops": 1, "/crm": 24})
    since = dict.fromkeys(mixed.groups, local("2013-02-08 13:20"))
    found = mixed.due(since, local(now))
    assert found == {one for one in mixed.groups if one in groups}


@given(
    st.datetimes(datetime(2013, 1, 1), datetime(2014, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.timedeltas(timedelta(0), timedelta(days=2)),
    st.sampled_from([0.25, 1, 2, 5, 6, 24]),
)
def test_the_next_run_is_ahead_and_never_goes_back(
    now: datetime, later: timedelta, interval_h: float
) -> None:
    upcoming = next_run(now, interval_h, NEW_YORK)
    assert now < upcoming <= now + timedelta(hours=interval_h + 1)
    assert next_run(now + later, interval_h, NEW_YORK) >= upcoming
