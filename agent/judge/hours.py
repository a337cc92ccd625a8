"""Times of day and lengths of time as terse and formal writers put them, beside `agent.times`.

`1510`, `1000 hrs`, `sixteen hundred hours`, `eighteen fifteen`, `10ish`, `2h15 late`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent import times as plain
from agent.judge.numbers import IN_WORDS, number
from agent.times import Duration, SpokenTime

# After a comma or alone `2026` is rather a year than 20:26.
_TIMED = (
    *("dep", "arr", "ETA", "ETD", "STA", "STD", "at", "lands", "landing", "landed", "leaves"),
    *("leaving", "departs", "arrives", "cancelled", "canceled"),
)  # what is followed by a time
_BEFORE_MILITARY = "".join(rf"(?<=\b{word} )|" for word in _TIMED)
_MILITARY = re.compile(
    rf"(?:{_BEFORE_MILITARY}(?:(?<=, )|(?<=^))(?!20))(?P<a>[01]\d|2[0-3])(?P<b>[0-5]\d)"
    r"(?![\w:./-])(?!\s?(?:USD|EUR|GBP|dollars|euros|pounds))"
    r"|\b(?P<c>[01]\d|2[0-3])(?P<d>[0-5]\d)\s?(?:hrs|hours|h)\b",
    re.I,
)
_WORDED = re.compile(
    r"\b(?P<hour>ten|eleven|twelve|\w+teen|twenty(?:-\w+)?) hundred(?: hours)?\b"
    r"|\b(?P<h>(?:ten|eleven|twelve|\w+teen|twenty(?:-\w+)?))\s+"
    r"(?P<m>(?:ten|fifteen|twenty|thirty|forty|fifty)(?:-?five)?)\b",
    re.I,
)
_ONES = "one|two|three|four|five|six|seven|eight|nine"
_TWELVE = (  # nine twenty-five p.m.
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
)
_TWELVE_HOURS = re.compile(
    rf"(?<![\w-])(?P<hour>{_TWELVE})[\s-](?P<minute>(?:oh|o)[\s-]five|ten|fifteen|(?:twenty|thirty|"
    rf"forty|fifty)(?:[\s-](?:{_ONES}))?)\b"
    r"(?!\s*(?:hundred|dollars|euros|pounds|minutes|hours|USD|EUR|GBP))"
    r"(?:\s*(?:(?P<half>[ap])\.?m\b|(?:in the|this) (?P<part>morning|afternoon|evening)|tonight))?",
    re.I,
)
_HALF = re.compile(
    rf"\bhalf (?P<hour>{IN_WORDS}|1[0-2]|[1-9])\b"
    r"(?:\s*(?:(?P<half>[ap])\.?m\b|(?:in the|this) (?P<part>morning|afternoon|evening)))?",
    re.I,
)  # half seven: 7:30
_ISH = re.compile(r"(?<![\d:.])(?P<hour>1[0-2]|[1-9])-?ish\b", re.I)
_AT_HOUR = re.compile(  # at four, from gate C4
    rf"\b(?:at|around|about|shortly after|just after|just before|shortly before|until|till|by|"
    rf"(?:pushed|moved|put|shifted|delayed|slipped|set)(?: back| out)? (?:to|for)|"
    rf"(?:due|set|scheduled) for)\s+(?:about |"
    rf"around )?(?P<hour>{IN_WORDS}|1[0-2]|[1-9])"
    r"(?=\s*(?:[,;!?)]|\.(?!\d)|$)|\s+(?:from|sharp|exactly|today|tonight|tomorrow|this|now|"
    r"instead|but|"
    r"and not|rather)\b)",
    re.I,
)
_SHARP = re.compile(
    rf"\b(?P<hour>{_TWELVE}|1[0-2]|[1-9])\s+(?:(?:sharp|on the dot)\b(?! in)|(?P<half>[ap])\.?m\b)",
    re.I,
)
_BY_TIME = re.compile(  # "at JFK by 1:05 PM", but "delayed by 2:15"
    r"(?<!delayed )\bby (?P<time>\d{1,2}[:.][0-5]\d\s?[ap]\.?m\b|(?:[01]\d|2[0-3]):[0-5]\d)", re.I
)
_CLOCK_LENGTH = re.compile(
    r"(?<![\d:.])(\d{1,2})[:.h]([0-5]\d)\s?(?:hours?|hrs|h)\b(?! local)", re.I
)
_LONG = re.compile(rf"(?P<many>\d+|{IN_WORDS})(?:-|\s)minutes?\b", re.I)
_HOURS_IN_WORDS = re.compile(rf"(?P<many>{IN_WORDS})(?:-|\s)(?:hours?|hrs?)\b", re.I)
_COMPACT = re.compile(
    r"(?<!\w)(\d{1,2})h([0-5]\d)(?=\s+(?:late|delay|behind))|"
    r"(?:^|(?<=[,:] ))(?P<only>\d)h(?P<rest>[0-5]\d)(?=[.,;!]|$)|"
    r"(?<!\w)(?P<h>\d)\s?h\s(?P<m>[0-5]\d)\b",
    re.I,
)
_AND_PART = re.compile(
    rf"\b(?P<hours>{IN_WORDS}|\d{{1,2}}) and (?:a (?P<part>quarter|half)|three quarter) hours?\b|"
    r"\b(?P<one>hour) and a (?P<more>quarter|half)\b",
    re.I,
)
_HALF_DAY, _HOURS = 12 * 60, 24
_PARTS = {"quarter": 15, "half": 30, None: 45}  # minutes


def times(text: str) -> list[SpokenTime]:
    """Every time of day in a text, in order, none inside another or inside a length of time."""
    taken = [match.span() for match in _COMPACT.finditer(text)]
    taken += [match.span() for match in _CLOCK_LENGTH.finditer(text) if _is_length(match)]
    found: list[SpokenTime] = []
    every = (*plain.times(text), *_terse(text))
    for one in sorted(every, key=lambda one: (one.start, -one.end)):  # "six-fifteen this evening"
        if not any(start < one.end and one.start < end for start, end in taken):
            taken.append((one.start, one.end))
            found.append(one)
    return sorted(found, key=lambda one: one.start)


def durations(text: str) -> list[Duration]:
    """Every length of time in a text."""
    compact = [
        Duration(
            int(match[1] or match["only"] or match["h"]) * 60
            + int(match[2] or match["rest"] or match["m"]),
            True,
            *match.span(),
        )
        for match in _COMPACT.finditer(text)
    ]
    compact += [
        Duration(_with_part(match), True, *match.span()) for match in _AND_PART.finditer(text)
    ]
    compact += [
        Duration(int(match[1]) * 60 + int(match[2]), True, *match.span())
        for match in _CLOCK_LENGTH.finditer(text)
        if _is_length(match)
    ]
    compact += [
        Duration(minutes, True, *match.span())
        for match in _LONG.finditer(text)
        if (minutes := number(match["many"])) > _SPOKEN_UP_TO
    ]
    compact += [
        Duration(hours * 60, False, *match.span())
        for match in _HOURS_IN_WORDS.finditer(text)
        if (hours := number(match["many"])) > _SPOKEN_HOURS
    ]
    return compact or plain.durations(text)


def _with_part(match: re.Match[str]) -> int:
    hours = 1 if match["one"] else number(match["hours"])
    return hours * 60 + _PARTS[match["more"] or match["part"]]


_SPOKEN_HOURS = 20  # in words that `agent.times` reads itself
_SPOKEN_UP_TO = 90  # minutes in words that `agent.times` reads itself


def _is_length(match: re.Match[str]) -> bool:
    """`2:15 hours` is a length, `15:10 hours` a time of day."""
    return len(match[1]) == 1


def _terse(text: str) -> Iterator[SpokenTime]:
    for match in _MILITARY.finditer(text):
        hour, minute = (match["a"], match["b"]) if match["a"] else (match["c"], match["d"])
        yield _time(int(hour) * 60 + int(minute), match)
    for match in _WORDED.finditer(text):
        try:
            hour = number(match["hour"] or match["h"])
            minute = number(match["m"]) if match["m"] else 0
        except ValueError:  # "canteen fifteen"
            continue
        if hour < _HOURS:
            yield _time(hour * 60 + minute, match)
    yield from _of_twelve_hours(text)
    for match in _BY_TIME.finditer(text):
        for one in plain.times(match["time"]):
            yield SpokenTime(one.minutes, *match.span("time"))


def _of_twelve_hours(text: str) -> Iterator[SpokenTime]:
    """Times that may be of either half of the day."""
    for match in _TWELVE_HOURS.finditer(text):
        minute = number(match["hour"]) * 60 + number(re.sub(r"oh?[\s-]", "", match["minute"]))
        yield SpokenTime(_in_half(minute, match), *match.span())
    for match in _HALF.finditer(text):
        yield SpokenTime(_in_half(number(match["hour"]) * 60 + 30, match), *match.span())
    for match in (*_AT_HOUR.finditer(text), *_SHARP.finditer(text)):
        hour = number(match["hour"])
        if hour <= _HALF_DAY // 60:
            minute = hour * 60 % _HALF_DAY
            half = (match.groupdict().get("half") or "").lower()
            named = {"a": {minute}, "p": {minute + _HALF_DAY}}
            either = named.get(half, {minute, minute + _HALF_DAY})
            yield SpokenTime(frozenset(either), *match.span("hour"))
    for match in _ISH.finditer(text):
        hour = int(match["hour"]) * 60 % _HALF_DAY
        yield SpokenTime(frozenset({hour, hour + _HALF_DAY}), match.start(), match.end())


def _in_half(minute: int, match: re.Match[str]) -> frozenset[int]:
    """The minute in the half of the day that the words name, or in both."""
    early, late = minute % _HALF_DAY, minute % _HALF_DAY + _HALF_DAY
    if (match["half"] or "p").lower() == "a" or match["part"] == "morning":
        return frozenset({early})
    return frozenset({late} if match["half"] or match["part"] else {early, late})


def _time(minute: int, match: re.Match[str]) -> SpokenTime:
    return SpokenTime(frozenset({minute}), match.start(), match.end())
