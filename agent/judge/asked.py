"""What a question asked for that the record knows and the answer does not say."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta

from agent import mentions
from agent.answer import Claim
from agent.clues import channel_asked, payment_asked
from agent.judge import figures, policies
from agent.judge.bench import Bench
from agent.judge.clauses import Said, flights_named
from agent.judge.history import Change
from agent.judge.scope import Scope
from agent.judge.trip_verdicts import contacts_by
from pipeline.clock import from_rfc3339
from pipeline.images import Row

_TALKED_OF = timedelta(hours=24)  # how far back "did you see my tweet?" asks

_NAMES_PAYMENT = re.compile(r"refund|voucher|reimburs", re.I)  # "money" may be either
_GONE = {"cancelled", "departed", "landed"}
_ENDS = {"departure", "arrival", "gate"}
_COVERS: dict[str, set[str]] = {
    "flight_status": {"status", "departure", "delay", "count"},
    "departure": {"departure", "delay"},
    "arrival": {"arrival"},
    "gate": {"gate"},
    "seat": {"seat"},
    "booking": {
        "flight",
        "booking_status",
        "status",
        "departure",
        "seat",
        "cabin",
        "insurance",
        "count",
    },
    "bag": {"bag_status", "bag_location", "count"},
    "contact": {"contact", "count"},
    "payment": {"payment", "count"},
    "tier": {"tier"},
    **{kind: {"figure"} for kind in figures.KINDS},
}
"""Intent of a question -> attributes of which one claim answers it."""
_TELLS: dict[str, set[str]] = {topic: set() for topic in _COVERS} | {
    "flight_status": {"reason"},
    "departure": {"reason"},
    "booking": {"name", "reason", "time"},
    "bag": {"name"},
    "contact": {"text", "handled_by", "time"},
    "payment": {"time"},
    "policy": {"policy"},
}
"""The same of what is found by the record's own values."""


def missing(bench: Bench, found: Sequence[Claim]) -> list[Claim]:
    """A claim with status missing for each thing asked, known to the record, and not said.

    Args:
        found: the verdicts on what the answer says.
    """
    asked = sorted(bench.topics & _KNOWN.keys())
    told = {one.attribute for one in found}
    if told and not bench.sure:
        return []
    if any(told & _TELLS[topic] or _is_covered(bench, topic) for topic in asked if topic in _TELLS):
        return []
    return [claim for topic in asked if (claim := _KNOWN[topic](bench, topic))]


def _is_covered(bench: Bench, topic: str) -> bool:
    if topic == "policy":
        return policies.covered(bench)
    if _PLANNED.search(bench.question) and any(one.attribute == _BEFORE for one in bench.said):
        return True
    return any(_covers(said, topic) for said in bench.said)


_PLANNED = re.compile(r"\b(?:supposed|planned|original\w*|scheduled|meant|should have)\b", re.I)
_BEFORE = "scheduled_departure"


def _covers(said: Said, topic: str) -> bool:
    if said.negated and said.attribute in ("contact", "payment", "count"):
        return False
    if said.attribute in _COVERS[topic]:
        return True
    # Of a flight that is cancelled or gone, and of a trip that is off, there is no more to say.
    gone = said.attribute == "status" and said.value in _GONE and not said.negated
    off = said.attribute == "booking_status" and said.value == "cancelled"
    return (gone and topic in _ENDS) or (off and topic in {*_ENDS, "flight_status", "seat"})


def _missing(bench: Bench, topic: str, entity: str, true: str, by: Change | None) -> Claim:
    return bench.verdict((entity, topic), "", true, "missing", by)


def _flight(bench: Bench, topic: str) -> Claim | None:
    key = _flight_asked(bench.scope, bench.question)
    if key is None:
        return None
    row = bench.scope.flights[key]
    if topic == "gate" and not row["gate"] and row["status"] != "cancelled":
        return None
    true = f"{row['status']}, gate {row['gate']}" if topic == "gate" else row["status"]
    return _missing(bench, topic, f"flight/{key}", true, bench.history.newest("flight", key))


def _flight_asked(scope: Scope, question: str) -> str | None:
    numbers = flights_named(question, scope.carriers)
    if numbers:
        return next((key for one in numbers for key in scope.numbered(one.key)), None)
    days = {day.isoformat() for day in mentions.days(question, scope.now.date())}
    own = [key for key in scope.own_flights if not days or key.split("/")[1] in days]
    following = [key for key in scope.next_flights() if key in own]
    return next(iter([*following, *own]), None)


def _seat(bench: Bench, topic: str) -> Claim | None:
    for row in bench.scope.active or bench.scope.bookings.values():
        seats = [part["seat"] for part in row["segments"] if part["seat"]]
        if seats:
            by = bench.history.newest("booking", row["locator"])
            return _missing(bench, topic, f"booking/{row['locator']}", ", ".join(seats), by)
    return None


def _booking(bench: Bench, topic: str) -> Claim | None:
    rows = bench.scope.active or list(bench.scope.bookings.values())
    if not rows:
        return None
    by = bench.history.newest("booking", rows[0]["locator"])
    return _missing(bench, topic, f"booking/{rows[0]['locator']}", rows[0]["status"], by)


def _bag(bench: Bench, topic: str) -> Claim | None:
    for tag, row in bench.scope.bags.items():
        true = " at ".join(filter(None, (row["status"], row["location"])))
        return _missing(bench, topic, f"bag/{tag}", true, bench.history.newest("bag", tag))
    return None


def _contact(bench: Bench, topic: str) -> Claim | None:
    since = bench.scope.now - _TALKED_OF
    heard = contacts_by(bench.scope, channel_asked(bench.question))
    recent = [row for row in heard if from_rfc3339(row["occurred_at"]) > since]
    if not recent:
        return None
    newest = recent[0]
    entity = f"interaction/{newest['interaction_id']}"
    by = bench.history.made_by(newest["interaction_id"])
    return _missing(bench, topic, entity, f"{newest['channel']}: {newest['text'][:80]}", by)


def _payment(bench: Bench, topic: str) -> Claim | None:
    kind = payment_asked(bench.question) if _NAMES_PAYMENT.search(bench.question) else "any"
    known = [row for row in bench.scope.payments if kind in ("any", row["payment_type"])]
    if not known:
        return None
    row: Row = known[0]
    by = bench.history.made_by(row["payment_id"])
    true = f"{row['amount']:.2f} {row['currency']}"
    return _missing(bench, topic, f"payment/{row['payment_id']}", true, by)


def _tier(bench: Bench, topic: str) -> Claim | None:
    row = bench.scope.customer
    if row is None:
        return None
    by = bench.history.newest("customer", row["customer_id"])
    return _missing(bench, topic, f"customer/{row['customer_id']}", row["tier"], by)


def _policy(bench: Bench, topic: str) -> Claim | None:
    row = policies.asked_about(bench.question, bench.scope.policies)
    if row is None:
        return None
    by = bench.history.newest("policy", row["slug"])
    return _missing(bench, topic, f"policy/{row['slug']}", row["title"], by)


_KNOWN: dict[str, Callable[[Bench, str], Claim | None]] = {
    "flight_status": _flight,
    "departure": _flight,
    "arrival": _flight,
    "gate": _flight,
    "seat": _seat,
    "booking": _booking,
    "bag": _bag,
    "contact": _contact,
    "payment": _payment,
    "tier": _tier,
    "policy": _policy,
    **dict.fromkeys(figures.KINDS, figures.missing),
}
