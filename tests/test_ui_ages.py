"""Formats of ages and times: a unit always, at most three significant digits."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui import ages

WALL = {
    0: "0 ms",
    0.0312: "31 ms",
    0.9994: "999 ms",
    0.9996: "1.0 s",
    2.5: "2.5 s",
    38.2: "38 s",
    89: "89 s",
    252: "4.2 min",
    3000: "50 min",
    7560: "2.1 h",
    86400 * 3: "3.0 d",
    -5: "0 ms",
}
AIRLINE = {
    0: "0 s",
    40: "40 s",
    900: "15 min",
    7620: "2 h 07 min",
    19860: "5 h 31 min",
    45000: "12.5 h",
    86400 * 3: "3.0 d",
    -5: "0 s",
}


@pytest.mark.parametrize(("seconds", "said"), WALL.items())
def test_wall(seconds: float, said: str) -> None:
    assert ages.wall(seconds) == said


@pytest.mark.parametrize(("seconds", "said"), AIRLINE.items())
def test_airline(seconds: float, said: str) -> None:
    assert ages.airline(seconds) == said


@given(st.floats(0, 86400 * 900))
def test_three_significant_digits_and_a_unit(seconds: float) -> None:
    for said in (ages.wall(seconds), ages.airline(seconds), ages.milliseconds(seconds * 1000)):
        assert re.fullmatch(r"\d[\d.]* (ms|s|min|h|d)( \d\d min)?", said)
        digits = "".join(re.findall(r"\d", said)).lstrip("0")
        assert len(digits) <= 3, said


def test_milliseconds() -> None:
    assert [ages.milliseconds(value) for value in (0.24, 4.2, 31.4, 1200)] == [
        "0.2 ms", "4.2 ms", "31 ms", "1.2 s",
    ]  # fmt: skip


def test_clock_and_pace() -> None:
    moment = datetime(2013, 2, 8, 19, 7, tzinfo=UTC)
    assert ages.clock(moment, ZoneInfo("America/New_York")) == "14:07"
    assert ages.pace(180) == "1 h = 20 s"
