"""What a text names: flights, bookings, bag tags, seats, gates, places, days.

Patterns only. Whether what is named exists is for the reader to find out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from agent.words import fold
from pipeline.clock import airports

_FLIGHT = re.compile(
    r"(?<![A-Za-z0-9])([A-Za-z][A-Za-z0-9]|\d[A-Za-z])[ \u00a0-]?(\d{1,4})(?![\w:]|\.\d)"
)
_TAG = re.compile(r"(?<![\w])(?:[A-Z]{2,3}[ -]?)?\d{6,12}(?![\w])")
_LOCATOR = re.compile(r"(?<![A-Za-z0-9])(?=[A-Z0-9]*[A-Z])[A-Z0-9]{5,8}(?![A-Za-z0-9])")
SEAT = re.compile(r"(?<![A-Za-z0-9])(\d{1,2})\s?([A-Ka-k])(?![A-Za-z0-9])")
_ISO_DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = r"(?P<month>" + "|".join(_MONTHS) + r")[a-z]*\.?"
_DAY_MONTH = re.compile(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}\b", re.I)
_MONTH_DAY = re.compile(rf"\b{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b", re.I)
CALENDAR_DAY = re.compile(
    "|".join(re.sub(r"\?P<\w+>", "?:", one.pattern) for one in (_ISO_DAY, _DAY_MONTH, _MONTH_DAY)),
    re.IGNORECASE,
)
_RELATIVE = {"yesterday": -1, "today": 0, "tonight": 0, "tomorrow": 1, "tmrw": 1}
_WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_NO_CARRIERS = {"at", "to", "in", "on", "by", "of", "is", "or", "be", "am", "pm", "no", "my", "me"}


@dataclass(frozen=True)
class Mention:
    """A thing that is named, in its record form, and where."""

    key: str
    start: int
    end: int


def flights(text: str, carriers: Iterable[str] = ()) -> list[Mention]:
    """Flight numbers, as `EA204`, however they are spaced.

    Args:
        carriers: two-letter codes that count; none given: any that is no English word.
    """
    known = {code.upper() for code in carriers}
    found = []
    for match in _FLIGHT.finditer(text):
        code = match[1].upper()
        if (code in known) if known else (match[1].lower() not in _NO_CARRIERS):
            found.append(Mention(f"{code}{int(match[2])}", match.start(), match.end()))
    return found


def known(text: str, keys: Iterable[str]) -> list[Mention]:
    """Those of `keys` (locators, tags, names) that a text names as whole words."""
    folded = text.casefold()
    found = []
    for key in dict.fromkeys(keys):
        pattern = rf"(?<![a-z0-9]){re.escape(key.casefold())}(?![a-z0-9])"
        found += [Mention(key, hit.start(), hit.end()) for hit in re.finditer(pattern, folded)]
    return sorted(found, key=lambda one: one.start)


def numbers_in(text: str) -> list[str]:
    """Long numbers that could be bag tags."""
    return [match[0] for match in _TAG.finditer(text)]


def locators_in(text: str) -> list[str]:
    """Words that could be booking locators: five to eight capitals and digits, a digit or all."""
    return [match[0] for match in _LOCATOR.finditer(text)]


def days(text: str, today: date) -> list[date]:
    """The days that a text names; a day without a year is the one nearest to `today`."""
    folded = fold(text)
    found = [day for match in _ISO_DAY.finditer(folded) if (day := _iso(match[0]))]
    found += [today + timedelta(days=shift) for word, shift in _RELATIVE.items() if word in folded]
    found += [_next_weekday(today, place) for place, name in enumerate(_WEEKDAYS) if name in folded]
    for pattern in (_DAY_MONTH, _MONTH_DAY):
        for match in pattern.finditer(folded):
            month = _MONTHS.index(match["month"][:3]) + 1
            day = _nearest(int(match["day"]), month, today)
            found += [day] if day else []
    return list(dict.fromkeys(found))


def names_place(text: str, airport: str) -> bool:
    """Whether a text names an airport by its code, its city or its own name."""
    if re.search(rf"\b{re.escape(airport)}\b", text):
        return True
    folded = fold(text)
    return any(re.search(rf"\b{re.escape(name)}\b", folded) for name in _names(airport))


_CAPITALS = re.compile(r"\b[A-Z][\w'’]+(?: [A-Z][\w'’]+)*")


def places(text: str) -> list[str]:
    """Airports and their cities that a text names with a capital, in its own words."""
    return [
        words
        for found in _CAPITALS.finditer(text)
        for words in (found[0], *found[0].split())
        if words in airports() or fold(words) in _cities()
    ]


@cache
def _cities() -> frozenset[str]:
    return frozenset(name for code in airports() for name in _names(code))


@cache
def _names(airport: str) -> tuple[str, ...]:
    known = airports().get(airport, {})
    city, name = fold(known.get("city", "")), fold(known.get("name", ""))
    # "Chicago O'Hare International Airport" is also called O'Hare.
    own = re.sub(r"\b(international|airport|regional|municipal|intl)\b", "", name)
    own = own.replace(city, "").strip(" -/")
    return tuple(one for one in (city, own) if len(one) > _SHORTEST_NAME)


_SHORTEST_NAME = 3


def _iso(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _next_weekday(today: date, place: int) -> date:
    return today + timedelta(days=(place - today.weekday()) % 7)


def _nearest(day: int, month: int, today: date) -> date | None:
    candidates = []
    for year in (today.year - 1, today.year, today.year + 1):
        try:
            candidates.append(date(year, month, day))
        except ValueError:
            continue
    return min(candidates, key=lambda one: abs(one - today), default=None)
