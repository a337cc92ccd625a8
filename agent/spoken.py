"""Sentences of the built-in model: facts of the context put into `data/agent/answers.toml`.

Each function says one thing and says it from what it is handed; none looks anything up.
"""

from __future__ import annotations

from datetime import datetime
from string import Template
from typing import cast

from agent.context import Known
from agent.knowledge import Leg, segments
from agent.prompts import table
from pipeline.documents import spoken_day, spoken_flight

_LONGEST_QUOTE = 140
_ENDS = str.maketrans({"“": "'", "”": "'", '"': "'"})


def say(group: str, key: str, **slots: str) -> str:
    """The sentence `group.key` with its places filled."""
    return Template(table("answers")[group][key]).substitute(slots)


def named(group: str, key: str, name: str) -> str:
    """A sentence that has a form without a name, for a customer whose name is not known."""
    return say(group, key, name=name) if name else say(group, f"{key}_nameless")


# --- flights --------------------------------------------------------------------------------------


def flight(leg: Leg, asked: set[str], now: datetime) -> str:
    """What is asked about a flight; what is new about it (cancelled, delayed) comes first."""
    if not leg.status:
        return say("flight", "unknown_status" if leg.booking else "unknown", flight=leg.name)
    if leg.status == "scheduled":
        return say("flight", _plan_asked(leg, asked), **_slots(leg, now))
    key = "delayed_arrives" if leg.status == "delayed" and "arrival" in asked else leg.status
    return say("flight", key, **_slots(leg, now))


def _plan_asked(leg: Leg, asked: set[str]) -> str:
    if "arrival" in asked:
        return "leaves_and_arrives" if asked & {"departure", "gate", "flight_status"} else "arrives"
    if "flight_status" in asked:
        return "on_time"
    if "gate" in asked:
        return "gate" if leg.facts.get("gate") else "no_gate"
    return "leaves"


def _slots(leg: Leg, now: datetime) -> dict[str, str]:
    gate, reason = leg.facts.get("gate", ""), leg.facts.get("reason", "")
    return {
        "flight": leg.name,
        "city": leg.destination,
        "when": leg.spoken_when(now),
        "departure": leg.clock("departure"),
        "arrival": leg.clock("arrival"),
        "planned": leg.clock("scheduled_departure"),
        "gate": gate,
        "from_gate": f" from gate {gate}" if gate else "",
        "because": f" because of {reason}" if reason else "",
    }


def seat(leg: Leg, *, alone: bool) -> str:
    """The seat on a leg; `alone`: the flight was just named."""
    if not leg.seat:
        return say("seat", "none", flight=leg.name)
    return say("seat", "your_seat" if alone else "seat", flight=leg.name, seat=leg.seat)


# --- bookings, bags, payments, membership ---------------------------------------------------------


def booking(one: Known, legs: list[Leg], now: datetime) -> str:
    """A booking with its flights and seats."""
    facts = one.facts
    locator = facts.get("locator", one.key)
    if facts.get("status") == "cancelled":
        return say("booking", "cancelled", locator=locator)
    spoken = [_leg(leg, now) for leg in legs] or [_bare(part) for part in segments(one)]
    return say(
        "booking",
        "booking",
        legs=" and ".join(spoken),
        cabin=facts.get("cabin", ""),
        locator=locator,
        status=facts.get("status", ""),
        insured="insured" if facts.get("insurance") == "yes" else "not insured",
    )


def _leg(leg: Leg, now: datetime) -> str:
    key = "leg_bare" if not leg.destination else "leg_seat" if leg.seat else "leg"
    slots = {"city": leg.destination, "when": leg.spoken_when(now), "seat": leg.seat or ""}
    return say("booking", key, flight=leg.name, **slots)


def _bare(part: dict[str, str | None]) -> str:
    _, number, day = str(part["flight"]).split("/")
    when = f" on {spoken_day(day)[:-5]}"
    return say("booking", "leg_bare", flight=spoken_flight(number), when=when)


def bag(one: Known) -> str:
    """Where a bag is, as far as its last scan says."""
    facts = one.facts
    place, number = facts.get("location", ""), facts.get("flight_number", "")
    return say(
        "bag",
        facts.get("status", "located"),
        tag=one.key,
        at=f" at {place}" if place else "",
        on=f" for {spoken_flight(number)}" if number else "",
    )


def payment(one: Known, now: datetime) -> str:
    """A refund or a voucher."""
    facts = one.facts
    return say(
        "payment",
        facts.get("payment_type", "refunded"),
        amount=facts.get("amount", ""),
        currency=facts.get("currency", ""),
        on=f" on booking {facts['locator']}" if "locator" in facts else "",
        age=age(one, now),
    )


def tier(customer: Known) -> str:
    """The customer's tier."""
    name = customer.facts.get("tier", "")
    return say("tier", "regular" if name == "regular" else "tier", tier=name)


# --- contacts and policies ------------------------------------------------------------------------


def contact(one: Known, now: datetime) -> str:
    """A contact with its channel, its age and its first words."""
    said = quote(one.facts.get("said", ""))
    kind = one.facts.get("channel", "any")
    sent = _word("sent", kind)
    return say("contact", "seen", channel=channel(one), sent=sent, age=age(one, now), said=said)


def contact_as_well(one: Known) -> str:
    """That a contact was seen, beside another answer."""
    return say("contact", "as_well", channel=channel(one))


def channel(one: Known) -> str:
    """`tweet`, `call`, `e-mail`, `chat message`."""
    return channel_name(one.facts.get("channel", "any"))


def channel_name(name: str) -> str:
    """What a channel is called in a sentence."""
    return _word("channels", name)


def _word(group: str, channel: str) -> str:
    words = cast("dict[str, str]", table("answers")["contact"][group])
    return words.get(channel, words["any"])


def quote(said: str) -> str:
    """The first words of a text, fit to stand between quotation marks."""
    flat = " ".join(said.translate(_ENDS).split())
    if len(flat) <= _LONGEST_QUOTE:
        return flat
    return flat[:_LONGEST_QUOTE].rsplit(" ", 1)[0] + "…"


def policy(one: Known, sentences: list[str]) -> str:
    """Sentences of a policy, word for word, under its name."""
    return say("policy", "says", title=one.facts.get("title", one.key), text=" ".join(sentences))


def age(one: Known, now: datetime) -> str:
    """How long ago by the airline's clock, in words: `4 minutes`, `2 hours 7 minutes`, `3 days`."""
    seconds = max(0, int((now - one.occurred_at).total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return _count(days, "day")
    if not minutes:
        return _count(seconds, "second")
    parts = (_count(hours, "hour"), _count(minutes % 60, "minute"))
    return " ".join(part for part in parts if part)


def _count(number: int, unit: str) -> str:
    """`1 hour`, `2 hours`, nothing for none."""
    return f"{number} {unit}{'' if number == 1 else 's'}" if number or unit == "second" else ""
