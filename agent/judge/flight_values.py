"""Where a sentence names a flight, or a value of one, and how that stands to the record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from agent import mentions
from agent.judge import holds
from agent.judge.clauses import flights_named
from agent.judge.details import CAUSE, same_cause
from agent.judge.flight_claims import DONE, IN_SOME, NEARLY, STATUSES, TO_GO
from agent.judge.history import Holds
from agent.judge.hours import durations, times
from agent.judge.numbers import IN_WORDS, number
from agent.judge.polarity import NOT
from agent.judge.standing import NO, NOW, OLD, Passage
from agent.times import minute_of_day
from pipeline.clock import from_rfc3339
from pipeline.images import Row

Value = tuple[int, int, str]
"""Where a value stands in a sentence, and its kind and standing: `gate:now`."""

_GATE = re.compile(r"(?<!\w)(?:[A-F] ?\d{1,2}|[a-f]\d{1,2})(?![\w:]|\.\d)")
_SPOT = re.compile(
    r"\b(?:baggage hall|sorting hall|hall|carousel|belt|ramp|check[- ]?in|sorting|loading)\b", re.I
)
_TO = re.compile(r"\b(?:at|in|to|from|for|near)\s+(?:the )?$", re.I)
_DENIED = re.compile(NOT + r"(?:[^\w,;:]+(?!but\b)\w+){0,3}[^\w,;:]*$", re.I)
_ENDS = ("departure", "arrival")
_ROUND = 16  # minutes by which "around six" may miss
_FROM_NOW = 25  # minutes by which "in about two hours" may miss
_DAYS = re.compile(rf"\b(?P<many>{IN_WORDS}|\d) (?:full |whole )?days\b", re.I)
_AGO = re.compile(r"(?: or so)?,? (?:ago|back)\b", re.I)
_SINCE_WHEN = re.compile(r"\bhow long (?:ago|since|has it been)\b", re.I)
_LATELY = 2  # minutes by which "ten minutes ago" may miss
_PART, _MOST = 4, 30  # a delay may be missed by less than a fourth, and by this many minutes


def is_denied(text: str, place: int) -> bool:
    """Whether a negation stands shortly before a place, with no comma between them."""
    return bool(_DENIED.search(text[:place]))


def flights(one: Passage) -> Iterator[Value]:
    """Flight numbers: of the customer's own, of one they have left, another's, or of none."""
    kinds = {"own": one.scope.own_flights, "left": one.scope.former, "other": one.scope.flights}
    named = flights_named(one.text, one.scope.carriers)
    for found in [*named, *mentions.flights(one.text, one.scope.carriers)]:
        start = f"{found.key}/"
        of = (kind for kind, keys in kinds.items() if any(key.startswith(start) for key in keys))
        yield found.start, found.end, f"flight:{next(of, NO)}"


def clock_times(one: Passage) -> Iterator[Value]:
    """Times of day: of either end of a flight, of something that happened, or of nothing."""
    for found in times(one.text):
        minutes = found.minutes
        if NEARLY.search(one.text[: found.start]):
            minutes = frozenset(at + by for at in minutes for by in range(-_ROUND, _ROUND + 1))
        yield found.start, found.end, _time(one, minutes)


def _time(one: Passage, minutes: frozenset[int]) -> str:
    for end in _ENDS:
        standing = one.of_flight(_is_at(end, minutes))
        if standing == NO and one.of_flight(_is_at(f"scheduled_{end}", minutes)) != NO:
            standing = OLD
        if standing != NO:
            return f"{end}:{standing}"
    return "time:event" if minutes & one.known.told else "time:no"


def _is_at(column: str, minutes: frozenset[int]) -> Holds:
    return lambda row: minute_of_day(holds.clock(row, column)) in minutes


def lengths(one: Passage) -> Iterator[Value]:
    """Lengths of time: to go until a departure, of a delay, or in a rule."""
    for days in _DAYS.finditer(one.text):
        yield *days.span(), f"length:{one.of_rule(('h', number(days['many']) * 24))}"
    for found in durations(one.text):
        before, after = one.text[: found.start], one.text[found.end :]
        kinds = [("late", one.of_flight(_is_late_by(found.minutes)))]
        if IN_SOME.search(before) or TO_GO.match(after):
            kinds.insert(0, ("left", one.of_flight(_is_off_in(one, found.minutes))))
        elif _AGO.match(after) or _SINCE_WHEN.search(one.known.question):
            kinds.insert(0, ("time", _was_ago(one, found.minutes)))
        rule = "length", one.of_rule(("h", found.minutes / 60))
        kind, standing = next((pair for pair in kinds if pair[1] != NO), rule)
        yield found.start, found.end, f"{kind}:{standing}"


def _was_ago(one: Passage, minutes: int) -> str:
    now = one.scope.now.astimezone(one.scope.zone)
    near = max(_LATELY, minutes // _PART)
    then = now.hour * 60 + now.minute - minutes
    return "event" if any(abs(then - at) <= near for at in one.known.told) else NO


def _is_off_in(one: Passage, minutes: int) -> Holds:
    at = one.scope.now + timedelta(minutes=minutes)

    def test(row: Row) -> bool:
        return abs(from_rfc3339(row["departure"]) - at) <= timedelta(minutes=_FROM_NOW)

    return test


def _is_late_by(minutes: int) -> Holds:
    def test(row: Row) -> bool:
        late = holds.late_by(row).total_seconds() / 60
        return late > 0 and abs(late - minutes) <= min(_MOST, minutes // _PART)

    return test


def gates(one: Passage) -> Iterator[Value]:
    """Gates, with or without the word."""
    for found in _GATE.finditer(one.text):
        gate = found[0].replace(" ", "").upper()
        yield *found.span(), f"gate:{one.of_flight(_has('gate', gate))}"


def _has(column: str, value: str) -> Holds:
    return lambda row: bool(row[column] == value)


def states(one: Passage) -> Iterator[Value]:
    """What became of a flight, its denial taken into account."""
    for value, pattern in STATUSES:
        for found in pattern.finditer(one.text):
            undone = value in DONE and found[0].lower().startswith(("n't", "not ", "still"))
            test = _is(value, denied=undone or is_denied(one.text, found.start()))
            standing = one.of_flight(test)
            yield *found.span(), f"state:{NOW if standing == 'dead' else standing}"


def _is(value: str, *, denied: bool) -> Holds:
    if denied and value == "delayed":  # "not delayed" is said of a flight that runs as planned
        return lambda row: holds.flight_is("on_time", row)
    return lambda row: holds.flight_is(value, row) != denied


def places(one: Passage) -> Iterator[Value]:
    """Airports and spots of them: whether a flight goes there, whether the bag is or was there."""
    scope = one.scope
    for found in _SPOT.finditer(one.text) if scope.bags else ():
        spot = re.sub(r"check[- ]?in", "check-in", found[0].lower())
        yield *found.span(), f"spot:{one.known.standing(scope.bags, _lies_in(spot))}"
    theirs = (*one.meant, *scope.own_flights, *scope.former)
    rows = [scope.flights[key] for key in theirs if key in scope.flights]
    ends = {row[end]: end for end in ("origin", "destination") for row in rows}
    for word in dict.fromkeys(mentions.places(one.text)):
        start = one.text.index(word)
        of = (end for code, end in ends.items() if mentions.names_place(word, code))
        end, bag = next(of, NO), one.known.standing(scope.bags, _lies_at(word))
        if {end, bag} != {NO} or _TO.search(one.text[:start]):
            at = f" xat:{bag}" if scope.bags else ""
            yield start, start + len(word), f"place:{end}{at}"


def _lies_in(spot: str) -> Holds:
    return lambda row: spot in (row["location"] or "").lower()


def _lies_at(word: str) -> Holds:
    return lambda row: (
        bool(row["location"]) and mentions.names_place(word, row["location"].split()[0])
    )


def causes(one: Passage) -> Iterator[Value]:
    """Causes: whether the record gives such a reason for what became of a flight or a booking."""
    flights = one.scope.flights
    keys = [key for key in (*one.meant, *one.scope.former) if key in flights]
    rows = [*(flights[key] for key in keys), *one.scope.bookings.values()]
    reasons = [row["reason"] for row in rows if row["reason"]]
    for found in CAUSE.finditer(one.text):
        right = any(same_cause(str(found.lastgroup), reason) for reason in reasons)
        yield *found.span(), f"cause:{NOW if right else NO}"
