"""The airline clock: a straight line, paused, jumped, sped up, held at the end; and its formats."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clock import (
    ClockState,
    from_rfc3339,
    local,
    parse_local,
    to_rfc3339,
    zone_of,
)

MIDNIGHT = datetime(2013, 2, 8, 5, tzinfo=UTC)
CLOCK = ClockState(
    anchor_wall=1000.0,
    anchor_airline=MIDNIGHT,
    factor=180.0,
    paused=False,
    starts_at=MIDNIGHT,
    holds_at=MIDNIGHT + timedelta(days=2),
)
WALL = st.floats(1000, 3000)


def test_an_airline_hour_is_twenty_seconds() -> None:
    assert CLOCK.now(1020.0) == MIDNIGHT + timedelta(hours=1)


def test_a_wall_clock_that_was_set_back_does_not_turn_airline_time_back() -> None:
    assert CLOCK.now(900.0) == MIDNIGHT


def test_it_holds_at_the_end_of_the_loaded_days() -> None:
    assert CLOCK.now(1e9) == CLOCK.holds_at
    assert CLOCK.at_end(1e9)
    assert not CLOCK.at_end(1959.0)
    assert CLOCK.at_end(1960.0)


@given(WALL, WALL, st.sampled_from([1.0, 60.0, 3600.0]))
def test_a_pause_or_a_new_factor_is_no_step(wall: float, later: float, factor: float) -> None:
    before = CLOCK.now(wall)
    paused = CLOCK.changed(wall=wall, paused=True)
    assert paused.now(wall) == paused.now(later) == before
    faster = CLOCK.changed(wall=wall, factor=factor)
    assert faster.now(wall) == before
    assert faster.factor == factor
    assert not faster.paused
    going = paused.changed(wall=later, paused=False)
    assert going.now(later) == before


def test_a_jump_goes_there_and_not_beyond_the_end() -> None:
    noon = MIDNIGHT + timedelta(hours=12)
    assert CLOCK.changed(wall=1000.0, to=noon).now(1020.0) == noon + timedelta(hours=1)
    beyond = CLOCK.changed(wall=1000.0, to=CLOCK.holds_at + timedelta(days=9))
    assert beyond.now(1000.0) == CLOCK.holds_at


@given(st.floats(0, 48 * 3600, exclude_max=True))
def test_wall_at_is_the_inverse_of_now(airline_seconds: float) -> None:
    airline = MIDNIGHT + timedelta(seconds=airline_seconds)
    wall = CLOCK.wall_at(airline)
    assert wall is not None
    assert abs(CLOCK.now(wall) - airline) < timedelta(milliseconds=1)


def test_a_moment_that_never_comes_has_no_wall_time() -> None:
    assert CLOCK.wall_at(CLOCK.holds_at + timedelta(seconds=1)) is None
    assert CLOCK.changed(paused=True).wall_at(MIDNIGHT) is None


def test_the_clock_survives_the_control_table() -> None:
    assert ClockState.model_validate(CLOCK.model_dump(mode="json")) == CLOCK


# --- formats --------------------------------------------------------------------------------------


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.timezones()),  # noqa: DTZ001
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.timezones()),  # noqa: DTZ001
)
def test_stored_times_sort_as_text(one: datetime, other: datetime) -> None:
    texts = to_rfc3339(one), to_rfc3339(other)
    assert from_rfc3339(texts[0]) <= one
    if one.astimezone(UTC) <= other.astimezone(UTC):
        assert texts[0] <= texts[1]
    assert to_rfc3339(from_rfc3339(texts[0])) == texts[0]


@pytest.mark.parametrize(
    "text",
    [
        "2013-02-08T14:07:00",  # no offset
        "2013-02-08",
        "yesterday",
        "",
        "2013-02-30T00:00:00Z",
        "2013-02-08T25:00:00Z",
        "0001-01-01T00:00:00+05:00",  # before the year 1 in UTC
        "9999-12-31T23:00:00-05:00",  # after the year 9999
    ],
)
def test_what_is_no_moment_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_rfc3339(text)


@pytest.mark.parametrize(
    ("text", "airport", "utc"),
    [
        ("2013-02-08 14:07", "JFK", "2013-02-08T19:07:00.000Z"),
        ("2013-02-08 14:07", "LAX", "2013-02-08T22:07:00.000Z"),
        ("2013-07-08 14:07", "JFK", "2013-07-08T18:07:00.000Z"),  # summer time
        ("2013-02-08 14:07", "HNL", "2013-02-09T00:07:00.000Z"),
        ("2013-02-08T14:07:00Z", "JFK", "2013-02-08T14:07:00.000Z"),
        ("2013-02-08T14:07:00+05:45", "JFK", "2013-02-08T08:22:00.000Z"),
    ],
)
def test_a_time_without_offset_is_local_to_its_airport(text: str, airport: str, utc: str) -> None:
    assert to_rfc3339(parse_local(text, airport)) == utc


def test_local_shows_the_wall_time_there() -> None:
    assert f"{local('2013-02-08T19:07:00.000Z', 'LAX'):%H:%M}" == "11:07"


@pytest.mark.parametrize("text", ["noon", "2013-02-08 25:00", "9999-12-31 22:00", ""])
def test_what_is_no_local_time_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_local(text, "JFK")


def test_an_unknown_airport_is_named() -> None:
    with pytest.raises(ValueError, match="'QQQ' is no IATA airport code"):
        zone_of("QQQ")
