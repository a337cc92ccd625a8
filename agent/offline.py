"""`airline/offline`: the built-in model. Messages in, text out; no key, no network, no memory.

It plays by the same protocol as any model: all it knows is the documents in its prompt and the
question. It states nothing that they do not hold, says what it does not know, and takes nothing
that is written in a document, or in the question, for an instruction. It is deterministic.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from agent import context, mentions, spoken
from agent.clues import channel_asked, content, is_yes_no, payment_asked
from agent.intents import FOLLOW_UP, OUT_OF_SCOPE, family_of, wishes_of
from agent.knowledge import Knowledge, Leg
from agent.planning import TOOL_OF, Done, Situation, plan
from agent.prompts import word_list
from agent.spoken import say
from agent.times import times
from agent.tool_calls import Tool, ToolCall
from agent.words import LONGEST, near, sentences, tokens
from pipeline.documents import spoken_flight

MODEL = "airline/offline"

Message = dict[str, Any]

_NOW = re.compile(r"^Airline time now: .*\((?P<now>[^)]+)\)$", re.MULTILINE)
_FLIGHT = {"flight_status", "departure", "arrival", "gate"}
_RECENT = timedelta(hours=6)  # a contact that an answer to something else mentions
_MOST_LEGS, _MOST_BAGS, _MOST_PAYMENTS, _MOST_SENTENCES = 2, 3, 2, 2
_BAD_NEWS = ("cancelled", "canceled", "delayed", "delay", "late", "grounded")


@dataclass(frozen=True)
class Turn:
    """What a model answers with: a text, tool calls, or both."""

    text: str
    tool_calls: tuple[ToolCall, ...] = ()


def respond(messages: Sequence[Message], tools: Sequence[Tool] = ()) -> Turn:
    """The model's next step in a conversation: tool calls while there is something to do, or text.

    Args:
        messages: OpenAI form; content is text or a list of parts.
    """
    earlier = [_text(one)[:LONGEST] for one in messages if one.get("role") == "user"][:-1]
    at = _situation(messages, tools, earlier)
    if calls := plan(at):
        return Turn("", calls)
    return Turn(_Answer(at, earlier).text())


def reply(messages: Sequence[Message]) -> str:
    """The answer to the last user message, from the messages alone; see `respond`."""
    return respond(messages).text


def chunks(text: str) -> Iterator[str]:
    """A text in the pieces in which the model streams it: a word and what follows it."""
    yield from re.findall(r"\s*\S+", text)


def _text(message: Message) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def _now(prompt: str) -> datetime:
    found = _NOW.search(prompt)
    return datetime.fromisoformat(found["now"]) if found else datetime.now(UTC)


def _situation(
    messages: Sequence[Message], tools: Sequence[Tool], earlier: Sequence[str]
) -> Situation:
    prompt = "\n".join(_text(one) for one in messages if one.get("role") == "system")
    last = max((n for n, one in enumerate(messages) if one.get("role") == "user"), default=-1)
    question = _text(messages[last])[:LONGEST] if last >= 0 else ""
    return Situation(
        prompt=prompt,
        question=question,
        intents=_wishes(question, earlier),
        tools=tools,
        done=_done(messages[last + 1 :]),
        known=Knowledge(context.read(prompt), _now(prompt)),
    )


def _wishes(question: str, earlier: Sequence[str]) -> list[str]:
    wishes = wishes_of(question, earlier)
    if {*wishes} <= {FOLLOW_UP, OUT_OF_SCOPE} and mentions.flights(question):
        return ["flight_status"]  # a message that only names a flight
    return wishes


def _done(messages: Sequence[Message]) -> list[Done]:
    """The tool calls since the question that have a result."""
    calls = {
        call["id"]: call["function"] for one in messages for call in one.get("tool_calls") or ()
    }
    return [
        Done(call["name"], json.loads(call["arguments"]), json.loads(_text(one)))
        for one in messages
        if one.get("role") == "tool" and (call := calls.get(one.get("tool_call_id")))
    ]


@dataclass
class _Answer:
    """One question, where the turn stands, and what the customer asked before."""

    at: Situation
    earlier: list[str]
    bad_news: bool = False  # something went wrong with what is asked about

    @property
    def known(self) -> Knowledge:
        return self.at.known

    @property
    def question(self) -> str:
        return self.at.question

    def text(self) -> str:
        if not tokens(self.question):
            return say("other", "empty")
        intents = [intent for intent in self.at.intents if not self.at.is_put_off(intent)]
        said = [self._flights({*intents} & _FLIGHT, intents)] if _FLIGHT & {*intents} else []
        said += [self._result(intent) or self._own_words(intent) for intent in intents]
        if self.bad_news and not {"contact", "injection"} & {*intents}:
            said.append(self._recent_complaint())
        return " ".join(dict.fromkeys(part for part in said if part))

    def _result(self, intent: str) -> str:
        """What the tool said that an intent needed, if it was called."""
        tool = TOOL_OF.get(intent)
        if intent == "confirm" and self.at.waits:
            tool = self.at.waits[0]
        result = self.at.result_of(tool) if tool else None
        if result is None and intent == "rebook":
            result = self.at.result_of("find_flights")  # there was none to move to
        return str(result.get("say", "")) if result else ""

    def _own_words(self, intent: str) -> str:
        if intent in _ASKS_BACK and self.at.offered():
            return say("asks_back", intent)
        sayer = _SAYERS.get(intent) or _SAYERS.get(family_of(intent))
        return sayer(self) if sayer and intent not in _FLIGHT else ""

    # --- flights ---

    def _legs(self) -> list[Leg]:
        """The flights meant: by the question, by what was asked before, else the next one."""
        for text in (self.question, *reversed(self.earlier[-3:])):
            if meant := self.known.legs_meant(text):
                return meant[:_MOST_LEGS]
            if self._names_unknown(text):
                return []
        following = self.known.next_leg()
        return [following] if following else []

    def _names_unknown(self, text: str) -> list[str]:
        return [one.key for one in mentions.flights(text)] or [
            day.isoformat() for day in mentions.days(text, self.known.now.date())
        ]

    def _flights(self, asked: set[str], intents: list[str]) -> str:
        legs = self._legs()
        if not legs:
            return self._no_flight()
        self.bad_news |= any(leg.status in _NEWS for leg in legs)
        parts = [self._opening(legs[0]) if len(legs) == 1 else ""]
        if times(self.question) and asked & {"departure", "flight_status"}:
            asked = asked - {"flight_status"} | {"departure"}  # a time was named: say the time
        for leg in legs:
            parts.append(spoken.flight(leg, asked, self.known.now))
            if "seat" in intents and leg.booking:
                parts.append(spoken.seat(leg, alone=True))
        return " ".join(part for part in parts if part)

    def _no_flight(self) -> str:
        if unknown := mentions.flights(self.question):
            name = spoken_flight(unknown[0].key)
            return say("flight", "unknown", flight=name)
        if mentions.days(self.question, self.known.now.date()) and self.known.legs:
            return say("flight", "no_flight_on_day")
        off = [one for one in self.known.bookings if one.facts.get("status") == "cancelled"]
        return self._one_booking(off[0]) if off else say("flight", "no_flight")

    def _opening(self, leg: Leg) -> str:
        """`Yes, Ada.`, `No, I am sorry.` or nothing, before what is said of a flight."""
        name, status = self.known.first_name, leg.status
        if status in ("", "departed", "landed"):
            return ""
        words = tokens(self.question)
        if not is_yes_no(self.question):
            return say("open", "sorry_nameless") if status == "cancelled" else ""
        if any(near(word, bad) for word in words for bad in _BAD_NEWS):
            return self._opening_to_bad(words, status, name)
        times_asked = times(self.question)
        clock = leg.clock("departure")
        if status == "cancelled" or (times_asked and not times_asked[0].means(clock)):
            return say("open", "no_sorry") if status != "scheduled" else _named("no", name)
        if status == "delayed":
            return say("open", "no_sorry" if {"time", "schedule"} & {*words} else "sorry_nameless")
        return _named("yes", name)

    def _opening_to_bad(self, words: list[str], status: str, name: str) -> str:
        of_cancelling = any(near(word, bad) for word in words for bad in _BAD_NEWS[:2])
        if status == "scheduled":
            return _named("no", name)
        if status == "delayed" and of_cancelling:
            return say("open", "no_nameless")
        return say("open", "yes_sorry")

    def _seat(self) -> str:
        if {*self.at.intents} & _FLIGHT:
            return ""  # said with the flight
        legs = [leg for leg in self._legs() if leg.booking]
        if not legs:
            return say("seat", "unknown")
        return " ".join(spoken.seat(leg, alone=False) for leg in legs)

    # --- bookings, bags, payments, membership ---

    def _booking(self) -> str:
        named = mentions.known(self.question, [one.key for one in self.known.bookings])
        meant = {one.key for one in named}
        if not meant and (unknown := _locators(self.question)):
            return say("booking", "unknown_locator", locator=unknown[0])
        if not meant:
            meant = {leg.booking.key for leg in self._legs() if leg.booking}
        chosen = [one for one in self.known.bookings if one.key in meant]
        chosen = chosen or self.known.bookings[:1]
        said = [self._one_booking(one) for one in chosen[:_MOST_LEGS]]
        return " ".join(said) or say("booking", "unknown")

    def _one_booking(self, one: context.Known) -> str:
        legs = [leg for leg in self.known.legs if leg.booking is one]
        now = self.known.now
        news = [leg for leg in legs if leg.status in _NEWS and not leg.is_over(now)]
        self.bad_news |= bool(news) or one.facts.get("status") == "cancelled"
        parts = [spoken.booking(one, legs, now), *(spoken.flight(leg, set(), now) for leg in news)]
        return " ".join(parts)

    def _bag(self) -> str:
        bags = self.known.bags
        named = {one.key for one in mentions.known(self.question, [bag.key for bag in bags])}
        if not named and (unknown := mentions.numbers_in(self.question)):
            return say("bag", "unknown_tag", tag=unknown[0])
        legs = self.known.legs_meant(self.question)
        locators = {leg.booking.key for leg in legs if leg.booking}
        on_trip = [bag for bag in bags if bag.facts.get("locator") in locators]
        chosen = [bag for bag in bags if bag.key in named] or on_trip or bags
        self.bad_news |= any(bag.facts.get("status") in _LOST for bag in chosen[:_MOST_BAGS])
        said = [spoken.bag(bag) for bag in chosen[:_MOST_BAGS]]
        return " ".join(said) or say("bag", "unknown")

    def _payment(self) -> str:
        kind = payment_asked(self.question)
        found = [one for one in self.known.payments if kind in ("any", one.facts["payment_type"])]
        said = [spoken.payment(one, self.known.now) for one in found[:_MOST_PAYMENTS]]
        return " ".join(said) or say("payment", f"unknown_{kind}")

    def _tier(self) -> str:
        customer = self.known.customer
        return spoken.tier(customer) if customer else say("tier", "unknown")

    # --- contacts and policies ---

    def _contact(self) -> str:
        kind = channel_asked(self.question)
        found = [one for one in self.known.contacts if kind in ("any", one.facts.get("channel"))]
        if not found:
            denial = say("contact", "unknown", channel=spoken.channel_name(kind))
            return f"{say('open', 'sorry_nameless')} {denial}"
        opening = _named("yes", self.known.first_name) if is_yes_no(self.question) else ""
        return f"{opening} {spoken.contact(found[0], self.known.now)}".strip()

    def _recent_complaint(self) -> str:
        for one in self.known.contacts:
            recent = self.known.now - one.occurred_at < _RECENT
            if recent and _is_angry(one.facts.get("said", "")):
                return spoken.contact_as_well(one)
        return ""

    def _policy(self) -> str:
        asked = content(self.question)
        best, score = None, 0
        for one in self.known.policies:
            title, text = content(one.facts.get("title", "")), content(one.facts.get("text", ""))
            hits = 2 * len(_near_words(asked, title)) + len(_near_words(asked, text))
            best, score = (one, hits) if hits > score else (best, score)
        if best is None:
            return say("policy", "unknown")
        return spoken.policy(best, _best_sentences(best.facts.get("text", ""), asked))

    # --- all else ---

    def _greeting(self) -> str:
        return spoken.named("other", "greeting", self.known.first_name)

    def _thanks(self) -> str:
        return spoken.named("other", "thanks", self.known.first_name)

    def _goodbye(self) -> str:
        return spoken.named("other", "goodbye", self.known.first_name)

    def _action(self) -> str:
        leg = next(iter(self._legs()), None)
        self.bad_news = bool(leg and leg.status in _NEWS)
        news = spoken.flight(leg, set(), self.known.now) if leg and self.bad_news else ""
        return f"{news} {say('other', 'action')}".strip()


_ASKS_BACK = ("rebook", "change_seat", "cancel_booking", "request_refund", "bag_claim")
_NEWS = ("cancelled", "delayed")
_LOST = ("misrouted", "located")
_SAYERS: dict[str, Callable[[_Answer], str]] = {
    "seat": _Answer._seat,
    "booking": _Answer._booking,
    "bag": _Answer._bag,
    "contact": _Answer._contact,
    "payment": _Answer._payment,
    "tier": _Answer._tier,
    "policy": _Answer._policy,
    "greeting": _Answer._greeting,
    "thanks": _Answer._thanks,
    "goodbye": _Answer._goodbye,
    "action": _Answer._action,
    "confirm": lambda _: say("other", "nothing_waits"),
    "decline": lambda one: say("other", "left" if one.at.waits else "nothing_waits"),
    "complaint": lambda _: say("other", "complaint"),
    "human": lambda _: say("other", "human"),
    "follow_up": lambda _: say("other", "follow_up"),
    "abuse": lambda _: say("other", "abuse"),
    "other_language": lambda _: say("other", "other_language"),
    "reporting": lambda _: say("other", "reporting"),
    "injection": lambda _: say("other", "injection"),
    "out_of_scope": lambda _: say("other", "out_of_scope"),
}


def _named(key: str, name: str) -> str:
    return spoken.named("open", key, name)


def _near_words(asked: set[str], words: set[str]) -> set[str]:
    return {word for word in asked if any(near(word, other) for other in words)}


def _is_angry(said: str) -> bool:
    moods = word_list("angry")
    return "!" in said or any(word in moods for word in tokens(said))


def _locators(text: str) -> list[str]:
    return [word for word in mentions.locators_in(text) if any(c.isdigit() for c in word)]


def _best_sentences(text: str, asked: set[str]) -> list[str]:
    """The sentences of a policy that share most with the question, in their own order."""
    every = [one.text.strip() for one in sentences(text)]
    scored = [(len(_near_words(asked, content(one))), -place) for place, one in enumerate(every)]
    best = sorted(sorted(range(len(every)), key=lambda place: scored[place])[-_MOST_SENTENCES:])
    return [every[place] for place in best]
