"""Verdicts on claims about flights: which one is meant, and whether it is, was or never was so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from agent import mentions
from agent.answer import Claim
from agent.judge import holds, trip_verdicts
from agent.judge.bench import Bench, Shown
from agent.judge.clauses import Attribute, Said, flights_named
from agent.judge.history import Holds
from agent.judge.scope import Scope
from agent.judge.topics import asks_why
from pipeline.images import Row


def flights_meant(bench: Bench, said: Said) -> tuple[list[str], bool]:
    """(keys of the flights that a claim may be about, whether one was named)."""
    scope = bench.scope
    in_question = flights_named(bench.question, scope.carriers)
    number = said.flight or (in_question[0].key if in_question else None)
    if number:
        return _of_number(scope, number, said.clause.sentence), True
    if scope.former and _FORMER.search(bench.question):
        return list(scope.former), False
    of_day = _of_day(bench, said)
    if not of_day:
        of_day = [key for key, row in scope.flights.items() if _goes_to(row, bench.question)]
    there = [key for key in of_day if _goes_to(scope.flights[key], said.clause.sentence)]
    if there or not _names_day(bench, said):
        return there or scope.next_flights() or of_day, False
    return of_day[:1], True


_FORMER = re.compile(r"\b(?:old|previous|former|first|original) (?:flight|plane|one)\b", re.I)


def _names_day(bench: Bench, said: Said) -> set[str]:
    """Days that the clause names, else the question: they tell which flight is meant."""
    today = bench.scope.now.date()
    days = mentions.days(said.clause.text, today) or mentions.days(bench.question, today)
    with_flights = {key.split("/")[1] for key in bench.scope.own_flights}
    return {day.isoformat() for day in days} & with_flights


def _of_day(bench: Bench, said: Said) -> list[str]:
    named = _names_day(bench, said)
    own = bench.scope.own_flights
    return [key for key in own if key.split("/")[1] in named] if named else own


def _of_number(scope: Scope, number: str, sentence: str) -> list[str]:
    """One flight of the number: of the day that is named, else the one nearest to now."""
    keys = scope.numbered(number)
    named = {day.isoformat() for day in mentions.days(sentence, scope.now.date())}
    on_day = [key for key in keys if key.split("/")[1] in named]
    today = scope.now.date()
    nearest = sorted(keys, key=lambda key: abs(date.fromisoformat(key.split("/")[1]) - today))
    return (on_day or nearest)[:1]


def _goes_to(row: Row, text: str) -> bool:
    return mentions.names_place(text, row["destination"])


_YOURS = re.compile(r"\b(?:you|your|yours)\b", re.I)
_ROUND = 25  # minutes by which "in about two hours" may miss


def _from_now(bench: Bench, said: Said) -> frozenset[int]:
    """The minutes of the day that a time may mean, of one that is counted from now as well."""
    if said.from_now is None:
        return said.minutes
    now = bench.scope.now.astimezone(bench.scope.zone)
    at = now.hour * 60 + now.minute + said.from_now
    return frozenset((at + shift) % _DAY for shift in range(-_ROUND, _ROUND + 1))


_DAY = 24 * 60


def of_flight(bench: Bench, said: Said) -> Claim | None:
    """The verdict on a claim about a flight."""
    keys, named = flights_meant(bench, said)
    scope = bench.scope
    off = not scope.own_flights and bool(scope.bookings) and not said.clause.named_here
    if said.value == "cancelled" and (off or not keys) and not named:  # only a booking can be meant
        return trip_verdicts.of_booking(bench, replace(said, attribute="booking_status"))
    if not keys and not named and not _YOURS.search(said.clause.sentence):
        return None  # of which flight is not said, and the customer has none
    if len(keys) == 1 and not said.clause.named_here and _BOTH.search(said.clause.text):
        every = [of_one(bench, said, [key], True) for key in flights_asked(bench)]
        return max(filter(None, every), key=lambda one: _WORST.index(one.status), default=None)
    return of_one(bench, said, keys, named)


_BOTH = re.compile(r"\b(?:both|neither|all of (?:them|your))\b", re.I)
_WORST = ("missing", "current", "stale", "wrong")


def of_one(bench: Bench, said: Said, keys: list[str], named: bool) -> Claim | None:
    """The verdict on a claim about one of these flights.

    Args:
        named: whether question or answer names them.
    """
    scope = bench.scope
    called_off = _called_off(bench, keys)
    said = replace(said, minutes=_from_now(bench, said))

    def test(row: Row) -> bool:
        return holds.flight_holds(said, row, called_off=called_off)

    def shown(row: Row) -> str:
        return _shown(said.attribute, row)

    claim = bench.settle(said, "flight", [(key, scope.flights[key]) for key in keys], test, shown)
    if claim.status == "stale" and said.attribute == "scheduled_departure":
        return bench.claim(said, claim.entity, claim.true_, "current")  # told as of the past
    if claim.status != "wrong":
        return claim
    if other := _elsewhere(bench, said, (keys, named), test, shown):
        return other
    if _is_of_another(bench, said, keys):
        return None
    if said.guessed:
        return _of_other_end(bench, said) or claim
    return claim


def _is_of_another(bench: Bench, said: Said, keys: list[str]) -> bool:
    """Whether a clause names a place of the network that none of the flights meant goes to or from.

    `The one that was cancelled goes to Chicago`, of somebody who flies to Miami.
    """
    own = {bench.scope.flights[key][end] for key in keys for end in _ENDS}
    named = mentions.places(said.clause.text)
    here = any(mentions.names_place(place, one) for place in named for one in own)
    return bool(named) and not here and not said.clause.named_here


_ENDS = ("origin", "destination")


def _of_other_end(bench: Bench, said: Said) -> Claim | None:
    """The verdict on a time of no said end of a flight, taken for one of the other end."""
    other: dict[str, Attribute] = {"departure": "arrival", "arrival": "departure"}
    if said.attribute not in other:
        return None
    claim = of_flight(bench, replace(said, attribute=other[said.attribute], guessed=False))
    return claim if claim and claim.status != "wrong" else None


def _elsewhere(
    bench: Bench, said: Said, meant: tuple[list[str], bool], test: Holds, shown: Shown
) -> Claim | None:
    """The verdict if a claim is true of another flight than the one that it seemed to be about.

    If none was named it may be another of the customer's, or one they are no longer on; if one
    was, the same number on another day that they are no longer on.
    """
    keys, named = meant
    flights = bench.scope.flights
    others = [(key, flights[key]) for key in bench.scope.own_flights if key not in keys]
    if others and not named:
        of_other = bench.settle(said, "flight", others, test, shown)
        if of_other.status != "wrong":
            return of_other
    numbers = {key.split("/")[0] for key in keys}
    for key, (_, by) in bench.scope.former.items():
        past = [state.row for state in bench.history.states("flight", key)]
        same = not named or key.split("/")[0] in numbers
        if same and any(test(row) for row in [*past, flights[key]]):
            true = shown(flights[keys[0]]) if keys else ""
            if test(flights[key]) and _goes_to(flights[key], bench.question):
                return bench.claim(said, f"flight/{key}", shown(flights[key]), "current")
            # "Your flight was cancelled, you are on EA 218 now" tells of it as of the past.
            told = said.attribute == "status" and test(flights[key])
            told = told and (_tells_of_change(bench) or not bench.topics & _NOW)
            status, by_event = ("current", None) if told else ("stale", by)
            return bench.claim(said, f"flight/{key}", true, status, by_event)
    return None


def _tells_of_change(bench: Bench) -> bool:
    """Whether the answer says what the customer is booked on now, or that they are on nothing."""
    named = {one.key for one in mentions.flights(bench.answer, bench.scope.carriers)}
    on = {key.split("/")[0] for key in bench.scope.own_flights}
    off = any(one.attribute == "booking_status" and one.value == "cancelled" for one in bench.said)
    return bool(named & on) or (off and not on)


def _called_off(bench: Bench, keys: list[str]) -> bool:
    """Whether the answer itself says that these flights are cancelled."""
    return any(
        one.attribute == "status"
        and one.value == "cancelled"
        and not one.negated
        and flights_meant(bench, one)[0] == keys
        for one in bench.said
    )


def _shown(attribute: str, row: Row) -> str:
    """What the record has for an attribute of a flight, in words."""
    if attribute == "status" or (row["status"] == "cancelled" and attribute != "gate"):
        return str(row["status"])
    if attribute == "gate":
        gate = row["gate"] or "no gate"
        return f"cancelled (was {gate})" if row["status"] == "cancelled" else gate
    if attribute == "delay":
        return str(round(holds.late_by(row).total_seconds() / 60))
    return holds.clock(row, attribute)


def left_behind(bench: Bench, found: Sequence[Claim]) -> Claim | None:
    """The flight that an answer to "my flight" is about, if the customer is no longer on it.

    Args:
        found: the verdicts on what it says: one that is right of the booking shows that it knows.
    """
    scope = bench.scope
    if asks_why(bench.question):
        return None
    if any(one.status == "current" and one.entity.startswith("booking/") for one in found):
        return None
    if not bench.topics & _ASKS_OF_FLIGHT or flights_named(bench.question, scope.carriers):
        return None
    named = mentions.flights(bench.answer, scope.carriers)
    current = {key.split("/")[0] for key in scope.own_flights}
    if {one.key for one in named} & current or any(one.attribute == "flight" for one in bench.said):
        return None
    for one in named:
        for key, (locator, by) in scope.former.items():
            if key.startswith(f"{one.key}/"):
                true = ", ".join(sorted(current)) or "no flight"
                claim = bench.verdict((f"booking/{locator}", "flight"), one.key, true, "stale", by)
                return claim.model_copy(update={"start": one.start, "end": one.end})
    return None


_ASKS_OF_FLIGHT = {"flight_status", "departure", "arrival", "gate", "seat", "booking"}
_NOW = _ASKS_OF_FLIGHT - {"booking"}


def flights_asked(bench: Bench) -> list[str]:
    """Keys of the flights that the question is about: those it names, else the customer's own."""
    scope = bench.scope
    numbers = flights_named(bench.question, scope.carriers)
    named = [key for one in numbers for key in scope.numbered(one.key)]
    return named or [*scope.next_flights(), *scope.own_flights, *scope.former]
