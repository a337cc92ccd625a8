"""What the built-in model does before it speaks: whom it hands over to, which tool it calls.

A model of any other make decides this by itself from the same prompt, tools and results; here it
follows from the question's intents. The arguments come from the question and from the documents in
the prompt, never from anywhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agent import mentions
from agent.knowledge import Knowledge, Leg
from agent.specialists import TRIAGE, Specialist, specialist_for, specialists
from agent.tool_calls import Tool, ToolCall, name_of

Arguments = dict[str, Any]
_DESK = re.compile(r"^Your desk: (?P<desk>\w+)$", re.MULTILINE)
_WAITS = re.compile(r"^Waits for the customer's yes: (?P<call>\{.*\})$", re.MULTILINE)
HAND_OFF = "hand_off"


@dataclass(frozen=True)
class Done:
    """A tool call of this turn and what it gave."""

    name: str
    arguments: Arguments
    result: Arguments


@dataclass(frozen=True)
class Situation:
    """Where a turn stands: everything that the messages say of it."""

    prompt: str
    question: str
    intents: Sequence[str]
    tools: Sequence[Tool]
    done: Sequence[Done]
    known: Knowledge

    @cached_property
    def desk(self) -> Specialist:
        """Whose desk this is; the front desk where the prompt does not say."""
        found = _DESK.search(self.prompt)
        return specialists().get(found["desk"] if found else TRIAGE, specialists()[TRIAGE])

    @cached_property
    def waits(self) -> tuple[str, Arguments] | None:
        """The action that waits for a yes: its tool and arguments."""
        found = _WAITS.search(self.prompt)
        if found is None:
            return None
        call = json.loads(found["call"])
        return str(call["tool"]), dict(call["arguments"])

    def result_of(self, name: str) -> Arguments | None:
        """What the last call of a tool gave in this turn."""
        return next((one.result for one in reversed(self.done) if one.name == name), None)

    def is_put_off(self, intent: str) -> bool:
        """Whether an action has to wait: the customer is asked for a yes to another one first."""
        name = TOOL_OF.get(intent)
        asked = any(one.result.get("status") == "needs_consent" for one in self.done)
        return asked and name in ACTIONS and self.result_of(name) is None

    def offered(self) -> set[str]:
        """Names of the tools that may be called now."""
        return {name_of(tool) for tool in self.tools}


def plan(at: Situation) -> tuple[ToolCall, ...]:
    """The calls to make before anything is said; none when it is time to speak."""
    if at.desk.name == TRIAGE:
        return _to_the_right_desk(at)
    offered = at.offered()
    handed = {one.arguments.get("to") for one in at.done if one.name == HAND_OFF}
    for intent in at.intents:
        step = None if at.is_put_off(intent) else _next_step(at, intent)
        if step is None:
            continue
        name, arguments = step
        if name in offered:
            return (_call(at, name, arguments),)
        desk = next((one for one in specialists().values() if name in one.tools), None)
        if desk and HAND_OFF in offered and desk.name not in handed:
            return (_hand_off(at, desk, intent),)
    return ()


def _to_the_right_desk(at: Situation) -> tuple[ToolCall, ...]:
    if HAND_OFF not in at.offered():
        return ()
    for intent in at.intents:
        desk = _desk_of_what_waits(at) if intent == "confirm" else specialist_for(intent)
        if desk and desk.name != TRIAGE:
            return (_hand_off(at, desk, intent),)
    return ()


def _desk_of_what_waits(at: Situation) -> Specialist | None:
    if at.waits is None:
        return None
    name, _ = at.waits
    return next((one for one in specialists().values() if name in one.tools), None)


def _hand_off(at: Situation, desk: Specialist, intent: str) -> ToolCall:
    return _call(at, HAND_OFF, {"to": desk.name, "why": intent.replace("_", " ")})


def _call(at: Situation, name: str, arguments: Arguments) -> ToolCall:
    return ToolCall(f"call_{len(at.done) + 1}", name, arguments)


# --- what each intent needs, in order; None: nothing more, it is time to speak --------------------

Step = tuple[str, Arguments]


def _next_step(at: Situation, intent: str) -> Step | None:
    if intent == "confirm":
        return at.waits if at.waits and at.result_of(at.waits[0]) is None else None
    needs = _STEPS.get(intent)
    return needs(at) if needs else None


def _once(
    name: str, arguments: Callable[[Situation], Arguments | None]
) -> Callable[..., Step | None]:
    """One call of a tool, where the documents hold what it needs."""

    def step(at: Situation) -> Step | None:
        if at.result_of(name) is not None:
            return None
        found = arguments(at)
        return None if found is None else (name, found)

    return step


def _rebook(at: Situation) -> Step | None:
    leg = _leg(at)
    if leg is None or leg.booking is None or at.result_of("rebook") is not None:
        return None
    wanted = _other_flight(at, leg)
    if wanted is None:
        flights = at.result_of("find_flights")
        if flights is None:
            return "find_flights", {"instead_of": leg.number, "date": leg.day.isoformat()}
        if not flights.get("flights"):
            return None
        wanted = flights["flights"][0]
    arguments = {
        "locator": leg.booking.key,
        "from_flight": leg.number,
        "to_flight": wanted["flight"],
    }
    return "rebook", {**arguments, "to_date": wanted["date"]}


def _other_flight(at: Situation, leg: Leg) -> dict[str, str] | None:
    """A flight that the customer names and is not on."""
    named = [number for number in at.known.named(at.question) if number != leg.number]
    return {"flight": named[0], "date": leg.day.isoformat()} if named else None


def _leg(at: Situation) -> Leg | None:
    meant = [leg for leg in at.known.legs_meant(at.question) if leg.booking]
    return meant[0] if meant else at.known.next_leg()


def _seat(at: Situation) -> Arguments | None:
    leg, wanted = _leg(at), mentions.SEAT.search(at.question)
    if leg is None or leg.booking is None or wanted is None:
        return None
    seat = f"{wanted[1]}{wanted[2].upper()}"
    return {"locator": leg.booking.key, "flight": leg.number, "seat": seat}


def _locator(at: Situation) -> str | None:
    """The booking that is named, else the one of the flight that is meant, else the newest."""
    keys = [one.key for one in at.known.bookings]
    if named := [one.key for one in mentions.known(at.question, keys)] or _strange(at):
        return named[0]
    leg = _leg(at)
    return leg.booking.key if leg and leg.booking else next(iter(keys), None)


_NAMED = re.compile(r"\b(?:booking|reservation|locator|reference|code)\s+([A-Z0-9]{5,8})\b")


def _strange(at: Situation) -> list[str]:
    """Locators that are named and not known: the tool says so, no other booking is meant."""
    coded = [word for word in mentions.locators_in(at.question) if any(map(str.isdigit, word))]
    flights = {one.key for one in mentions.flights(at.question)}
    return [word for word in [*coded, *_NAMED.findall(at.question)] if word not in flights]


def _booking(at: Situation) -> Arguments | None:
    locator = _locator(at)
    return None if locator is None else {"locator": locator}


def _refund(at: Situation) -> Arguments | None:
    keys = [one.key for one in at.known.bookings]
    named = [one.key for one in mentions.known(at.question, keys)]
    off = [one.key for one in at.known.bookings if one.facts.get("status") == "cancelled"]
    disrupted = [
        leg.booking.key for leg in at.known.legs if leg.booking and leg.status == "cancelled"
    ]
    named = named or _strange(at)
    locator = next(iter([*named, *disrupted, *off]), None) or _locator(at)
    return None if locator is None else {"locator": locator}


def _bag_claim(at: Situation) -> Arguments | None:
    bags = [one.key for one in at.known.bags]
    named = [one.key for one in mentions.known(at.question, bags)]
    tag = next(iter([*named, *bags]), None)
    return None if tag is None else {"tag": tag, "words": at.question}


_REPORTS = {
    "report_cancelled": "cancelled_flights",
    "report_complaints": "complaints",
    "report_delays": "delays_by_route",
}
_MINE = re.compile(r"\b(my|mine|i|our)\b", re.IGNORECASE)
_HOURS = re.compile(r"\b(?P<count>\d{1,2})\s*(?:h|hours?)\b", re.IGNORECASE)


def _report(intent: str) -> Callable[[Situation], Arguments]:
    def arguments(at: Situation) -> Arguments:
        days = mentions.days(at.question, at.known.now.date())
        hours = _HOURS.search(at.question)
        asked: Arguments = {"figure": _REPORTS[intent]}
        if intent == "report_cancelled":
            asked["mine"] = bool(_MINE.search(at.question))
        if days and intent != "report_complaints":
            asked["date"] = days[0].isoformat()
        if hours and intent == "report_complaints":
            asked["hours"] = int(hours["count"])
        return asked

    return arguments


_STEPS: Mapping[str, Callable[[Situation], Step | None]] = {
    "rebook": _rebook,
    "change_seat": _once("change_seat", _seat),
    "cancel_booking": _once("cancel_booking", _booking),
    "request_refund": _once("refund", _refund),
    "request_compensation": _once("voucher", lambda _: {}),
    "bag_claim": _once("bag_claim", _bag_claim),
    "complaint": _once("complaint", lambda at: {"words": at.question}),
    "human": _once("call_human", lambda at: {"summary": at.question}),
    **{intent: _once("report", _report(intent)) for intent in _REPORTS},
}
TOOL_OF: Mapping[str, str] = {
    "rebook": "rebook",
    "change_seat": "change_seat",
    "cancel_booking": "cancel_booking",
    "request_refund": "refund",
    "request_compensation": "voucher",
    "bag_claim": "bag_claim",
    "complaint": "complaint",
    "human": "call_human",
    **dict.fromkeys(_REPORTS, "report"),
}
"""The tool whose result is said where an intent is answered."""
ACTIONS = {*TOOL_OF.values()} - {"report"}
