"""Times of day in English: `15:10`, `3:10 pm`, `15.10`, `noon`, `ten past three`, and durations.

A time without am or pm that could be either is both: `3:10` is read as 03:10 or 15:10.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_HALF_DAY, _DAY = 12 * 60, 24 * 60
_TO_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
)
_NUMBERS = {word: number for number, word in enumerate(_TO_TWENTY.split())} | {
    "a": 1,
    "an": 1,
    "quarter": 15,
    "half": 30,
    "twenty-five": 25,
    "twenty five": 25,
}
_NUMBERS |= {"thirty": 30, "forty": 40, "forty-five": 45, "fifty": 50, "ninety": 90}
_WORDS = "|".join(sorted(_NUMBERS, key=len, reverse=True))
_HALVES = r"(?P<half>[ap])\.?\s?m\b\.?"
_CLOCK = re.compile(
    rf"(?<![\d:.$€£])(?<!by )(?P<hour>[01]?\d|2[0-4])(?:[:.h](?P<minute>[0-5]\d))(?![\d:])"
    rf"(?!\s?(?:USD|EUR|GBP|dollars|euros|%))(?:\s?{_HALVES})?",
    re.IGNORECASE,
)
_HOUR = re.compile(rf"(?<![\d:.])(?P<hour>1[0-2]|[1-9])\s?{_HALVES}", re.IGNORECASE)
_NAMED = re.compile(r"\b(?P<name>noon|midday|midnight)\b", re.IGNORECASE)
_SPOKEN = re.compile(
    rf"\b(?P<minutes>{_WORDS}|\d{{1,2}})\s+(?:minutes?\s+)?(?P<side>past|to|after)\s+"
    rf"(?P<hour>{_WORDS}|1[0-2]|[1-9])\b(?!\s*(?:hours|minutes|bags|flights))"
    rf"(?:\s?(?:{_HALVES}|in the (?P<part>morning|afternoon|evening)))?",
    re.IGNORECASE,
)
_OCLOCK = re.compile(
    rf"\b(?P<hour>{_WORDS}|1[0-2]|[1-9])\s?o'?clock\b"
    rf"(?:\s?(?:{_HALVES}|in the (?P<part>morning|afternoon|evening)))?",
    re.IGNORECASE,
)
_PART_OF_DAY = re.compile(
    rf"\b(?P<hour>{_WORDS}|1[0-2]|[1-9])(?: sharp| on the dot| exactly)?,? (?:in the|this|"
    rf"tomorrow|at) "
    r"(?P<part>morning|afternoon|evening|night)\b",
    re.IGNORECASE,
)
_DURATION = re.compile(
    rf"\b(?P<first>\d+(?:\.\d+)?|{_WORDS})(?:-|\s)?(?P<unit>hours?|hrs?|h|minutes?|mins?|min)\b"
    r"(?P<and_half>\s+and\s+a\s+half)?"
    rf"(?:\s*(?:and\s+)?(?P<second>\d{{1,2}}|{_WORDS})(?:-|\s)?(?:minutes?|mins?|min|m)\b)?",
    re.IGNORECASE,
)

_COMPACT = re.compile(r"(?<=by )(\d{1,2})h([0-5]\d)\b", re.IGNORECASE)


@dataclass(frozen=True)
class SpokenTime:
    """A time of day: the minutes of the day it may mean, and where it stands."""

    minutes: frozenset[int]
    start: int
    end: int

    def means(self, clock: str) -> bool:
        """Whether it may mean `HH:MM`."""
        return minute_of_day(clock) in self.minutes


@dataclass(frozen=True)
class Duration:
    """A length of time in minutes; `exact` when minutes were named."""

    minutes: int
    exact: bool
    start: int
    end: int


def minute_of_day(clock: str) -> int:
    """`15:10` -> 910."""
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def times(text: str) -> list[SpokenTime]:
    """Every time of day in a text, in order, none inside another."""
    found: list[SpokenTime] = []
    for pattern, read in _READERS:
        for match in pattern.finditer(text):
            if not any(one.start < match.end() and match.start() < one.end for one in found):
                minutes = frozenset(minute % _DAY for minute in read(match))
                found.append(SpokenTime(minutes, match.start(), match.end()))
    return sorted(found, key=lambda one: one.start)


def durations(text: str) -> list[Duration]:
    """Every length of time in a text: `95 minutes`, `2 h 05 min`, `by 2h15`."""
    found = [
        Duration(int(match[1]) * 60 + int(match[2]), True, match.start(), match.end())
        for match in _COMPACT.finditer(text)
    ]
    for match in _DURATION.finditer(text):
        amount = _number(match["first"])
        is_hours = match["unit"].lower().startswith("h")
        minutes = amount * 60 if is_hours else amount
        minutes += 30 if match["and_half"] else _number(match["second"] or "0")
        exact = not is_hours or bool(match["second"])
        found.append(Duration(round(minutes), exact, match.start(), match.end()))
    return found


def _number(word: str) -> float:
    return _NUMBERS[word.lower()] if word.lower() in _NUMBERS else float(word)


def _either(minute: int) -> list[int]:
    return [minute % _HALF_DAY, minute % _HALF_DAY + _HALF_DAY]


def _in_half(minute: int, match: re.Match[str]) -> list[int]:
    """The minute in the half of the day that the words name, or in both."""
    words = match.groupdict()
    morning, afternoon = _either(minute)
    if words.get("half"):
        return [morning if words["half"].lower() == "a" else afternoon]
    if words.get("part"):
        return [morning if words["part"].lower() == "morning" else afternoon]
    return [morning, afternoon]


def _read_clock(match: re.Match[str]) -> list[int]:
    minute = int(match["hour"]) * 60 + int(match["minute"])
    # `3:10` may be either; `03:10`, `11:10` and `15:10` are 24-hour times unless they say am or pm.
    if match["half"] or len(match["hour"]) == 1:
        return _in_half(minute, match)
    return [minute]


def _read_hour(match: re.Match[str]) -> list[int]:
    return _in_half(round(_number(match["hour"])) * 60, match)


def _read_named(match: re.Match[str]) -> list[int]:
    return [0 if match["name"].lower() == "midnight" else _HALF_DAY]


def _read_spoken(match: re.Match[str]) -> list[int]:
    minutes, hour = _number(match["minutes"]), _number(match["hour"])
    signed = -minutes if match["side"].lower() == "to" else minutes
    return _in_half(round(hour * 60 + signed), match)


_READERS = (
    (_CLOCK, _read_clock),
    (_SPOKEN, _read_spoken),  # "ten past 7 pm" before "7 pm"
    (_HOUR, _read_hour),
    (_OCLOCK, _read_hour),
    (_PART_OF_DAY, _read_hour),
    (_NAMED, _read_named),
)
