"""Whether a state of the record bears a claim out: one predicate an attribute, pure.

A predicate takes the image of an entity as the record held it at some moment and says whether the
claim was true then.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from agent import mentions
from agent.judge.clauses import Said
from agent.times import minute_of_day
from agent.words import fold
from pipeline.clock import from_rfc3339, local
from pipeline.images import Row

LATE = timedelta(minutes=15)  # from which a flight that has left was late, as the field counts it
_NEARLY = 30  # minutes by which "two hours late" may miss
_PART = 4  # of what is said, for "about twenty minutes" misses by less
_SLIP = 1  # minutes by which "95 minutes late" may miss: seconds are not spoken
_HALF_DAY = 12 * 60  # minutes
_THERE = ("departed", "landed")


def flight_holds(said: Said, row: Row, *, called_off: bool) -> bool:
    """Whether a claim about a flight is true of a state of it.

    Args:
        called_off: the answer says that the flight is cancelled, so that the times and the gate
            that it names are what was planned.
    """
    true = _FLIGHT[said.attribute](said, row)
    flies = row["status"] != "cancelled" or called_off
    if said.attribute == "status" and said.negated and called_off:
        # "It is not delayed, it is cancelled" denies what it might have been.
        return true or row["status"] == "cancelled" != said.value
    if said.attribute in ("departure", "arrival", "gate", "delay"):
        return true and flies
    return true


def clock(row: Row, column: str) -> str:
    """`HH:MM` of a flight's time, local to the airport concerned."""
    airport = row["destination"] if column.endswith("arrival") else row["origin"]
    return f"{local(row[column], airport):%H:%M}"


def late_by(row: Row) -> timedelta:
    """How much later than planned a flight leaves or left."""
    return from_rfc3339(row["departure"]) - from_rfc3339(row["scheduled_departure"])


def _departs(said: Said, row: Row) -> bool:
    leaves = minute_of_day(clock(row, "departure"))
    if said.at_least:
        return any(0 <= leaves - minute < _HALF_DAY for minute in said.minutes)
    return leaves in said.minutes


def _was_planned(said: Said, row: Row) -> bool:
    planned = minute_of_day(clock(row, "scheduled_departure")) in said.minutes
    return planned or _departs(said, row)


def _arrives(said: Said, row: Row) -> bool:
    return minute_of_day(clock(row, "arrival")) in said.minutes


def _is_late_by(said: Said, row: Row) -> bool:
    over = late_by(row).total_seconds() / 60 - int(said.value)
    if said.at_least:
        return over >= 0
    slack = min(_NEARLY, int(said.value) // _PART)
    return abs(over) <= (_SLIP if said.exact else slack)


def _gate(said: Said, row: Row) -> bool:
    if not said.value and row["status"] == "cancelled":
        return True
    return ((row["gate"] or "") == said.value) != said.negated


def _status(said: Said, row: Row) -> bool:
    true = _STATUSES[said.value](row)
    if not said.negated:
        return true
    # "Not delayed" and "not late" are said of a flight that runs as planned.
    return _on_time(row) if said.value == "delayed" else not true


def flight_is(state: str, row: Row) -> bool:
    """Whether a flight is `cancelled`, `delayed` or in another state of `_STATUSES`."""
    return _STATUSES[state](row)


def _on_time(row: Row) -> bool:
    return row["status"] == "scheduled" or (row["status"] in _THERE and late_by(row) < LATE)


def _delayed(row: Row) -> bool:
    return row["status"] == "delayed" or (row["status"] in _THERE and late_by(row) >= LATE)


_STATUSES: dict[str, Callable[[Row], bool]] = {
    "cancelled": lambda row: row["status"] == "cancelled",
    "on_time": _on_time,
    "delayed": _delayed,
    "departed": lambda row: row["status"] in _THERE,
    "airborne": lambda row: row["status"] == "departed",
    "landed": lambda row: row["status"] == "landed",
    "diverted": lambda row: row["status"] == "diverted",  # which the record never is
    "going": lambda row: row["status"] in ("scheduled", "delayed"),
}
_FLIGHT: dict[str, Callable[[Said, Row], bool]] = {
    "status": _status,
    "departure": _departs,
    "scheduled_departure": _was_planned,
    "arrival": _arrives,
    "delay": _is_late_by,
    "gate": _gate,
}


def booking_holds(said: Said, row: Row, flight: str | None) -> bool:
    """Whether a claim about a booking is true of a state of it.

    Args:
        flight: flight number that the claim is bound to, for a seat.
    """
    if said.attribute == "booking_status":
        return bool(row["status"] == said.value) != said.negated
    if said.attribute == "cabin":
        return bool(row["cabin"] == said.value)
    if said.attribute == "insurance":
        return (bool(row["insurance"]) == (said.value == "yes")) != said.negated
    if row["status"] == "cancelled":
        return said.attribute == "flight" and said.negated
    parts = [part for part in row["segments"] if flight in (None, part["flight_number"])]
    if said.attribute == "seat":
        return any((part["seat"] or "") == said.value for part in parts) != said.negated
    return any(part["flight_number"] == said.value for part in row["segments"]) != said.negated


def bag_holds(said: Said, row: Row) -> bool:
    """Whether a claim about a bag is true of a state of it."""
    if said.value == "checked" and said.negated:
        return bool(row["status"] == "registered")
    if said.attribute == "bag_status":
        return bool(row["status"] == said.value) != said.negated
    there = bool(row["location"]) and same_place(said.value, row["location"])
    return there != said.negated


def same_place(said: str, location: str) -> bool:
    """Whether words name a place of the record: its own words, or its airport by code or city."""
    words, known = re.sub(r"\b(?:bags?|luggage)\b", "baggage", fold(said)), fold(location)
    if words in known or known in words:
        return True
    airport = location.split()[0]
    rest = [word for word in known.split()[1:] if word in words]
    others = len(known.split()) - 1
    is_airport = len(airport) == _IATA and airport.isupper()
    bare = not any(word in words for word in _SPOTS)
    return is_airport and mentions.names_place(said, airport) and (bare or len(rest) == others)


_IATA = 3
_SPOTS = ("hall", "carousel", "belt", "ramp", "check-in", "desk", "sorting", "loading", "office")


def tier_holds(said: Said, row: Row) -> bool:
    """Whether a claim about the tier is true of a state of the customer."""
    return bool(row["tier"] == said.value) != said.negated


def payment_holds(said: Said, row: Row) -> bool:
    """Whether a payment is the one that a claim names."""
    kind, *amount = said.value.split()
    if kind not in ("any", row["payment_type"]):
        return False
    return amount == [f"{row['amount']:.2f}", row["currency"]][: len(amount)]
