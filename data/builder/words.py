"""Puts together what people say, from the pieces in phrases.toml.

Says only what a customer could know or feel. It never states a time: what the airline's systems
know has to come from their events, not from a complaint.
"""

import random
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.builder.customers import Customer
from data.builder.simulation import Message

PHRASES = Path(__file__).parent / "phrases.toml"
CHANNELS: dict[str, dict[str, int]] = {
    "cancelled": {"tweet": 30, "chat": 30, "call": 25, "email": 15},
    "cancelled_again": {"tweet": 35, "chat": 20, "call": 35, "email": 10},
    "aboard": {"tweet": 100},
    "landed": {"tweet": 80, "email": 20},
    "routine": {"tweet": 8, "chat": 67, "call": 15, "email": 10},
    "general": {"tweet": 5, "chat": 55, "call": 15, "email": 25},
    "refund": {"tweet": 10, "chat": 40, "call": 20, "email": 30},
}
ANY_CHANNEL = {"tweet": 22, "chat": 40, "call": 23, "email": 15}
HAPPY = ("aboard", "landed", "thanks")
OPENS, DEMANDS, HASHTAG, TIER_SAID = 0.55, 0.85, 0.6, 0.22
LOWER_CASE = 0.35
# How often something is added to a message, and from which list.
SPICE = {"personal": 0.045, "injection": 0.009, "markup": 0.010, "script": 0.025}


@dataclass(frozen=True)
class Voice:
    """Composes messages; one for the whole replay."""

    rng: random.Random
    phrases: dict[str, Any]

    def inbound(self, situation: str, customer: Customer, slots: dict[str, str]) -> Message:
        """What the customer says in that situation."""
        shares = CHANNELS.get(situation, ANY_CHANNEL)
        channel = self.rng.choices(list(shares), weights=list(shares.values()))[0]
        filled = person_slots(customer) | slots
        parts = [fill(part, filled) for part in self.parts(situation, customer)]
        text = self.dress(channel, " ".join(part for part in parts if part), filled, situation)
        handled_by = self.rng.choice(self.phrases["agents"]) if channel == "call" else ""
        return Message(channel, text, handled_by=handled_by)

    def reply(
        self, situation: str, inbound: Message, customer: Customer, slots: dict[str, str]
    ) -> Message:
        """What an agent answers on the same channel."""
        agent = self.rng.choice(self.phrases["agents"])
        filled = person_slots(customer) | slots | {"agent": agent}
        text = fill(self.rng.choice(self.phrases["reply"][situation]), filled)
        return Message(inbound.channel, text, direction="outbound", handled_by=agent)

    def answers(self, situation: str) -> bool:
        """True if agents have anything to say to that."""
        return situation in self.phrases["reply"]

    def parts(self, situation: str, customer: Customer) -> list[str]:
        """Sentences with slots: an exclamation, what happened, what is wanted, and extras."""
        pieces = self.phrases[situation]
        parts = [self.rng.choice(pieces["opening"])] if self.chance(OPENS) else []
        parts.append(self.rng.choice(pieces["fact"]))
        if self.chance(DEMANDS):
            parts.append(self.rng.choice(pieces["demand"]))
        if situation not in HAPPY and customer.tier != "regular" and self.chance(TIER_SAID):
            parts.append(self.rng.choice(self.phrases["tier"][customer.tier]))
        for kind, probability in SPICE.items():
            if situation not in HAPPY and self.chance(probability):
                parts.append(self.rng.choice(self.phrases["spice"][kind]))
        return parts

    def dress(self, channel: str, text: str, slots: dict[str, str], situation: str) -> str:
        """The text as it looks on its channel."""
        if channel == "tweet":
            tags = self.phrases["happy_hashtags" if situation in HAPPY else "hashtags"]
            tag = f" {self.rng.choice(tags)}" if self.chance(HASHTAG) else ""
            return f"{self.rng.choice(self.phrases['handles'])} {text}{tag}"
        if channel == "email":
            greeting = self.rng.choice(self.phrases["greetings"])
            signoff = fill(self.rng.choice(self.phrases["signoffs"]), slots)
            return f"{greeting}\n\n{text}\n\n{signoff}"
        if channel == "call":
            return fill(self.rng.choice(self.phrases["call_notes"]), slots) + text
        start = fill(self.rng.choice(self.phrases["chat_starts"]), slots)
        careless = self.chance(LOWER_CASE) or start.endswith((", ", "hey ", "so "))
        return start + (small_start(text) if careless else text)

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.rng.random() < probability


def small_start(text: str) -> str:
    """The text without its first capital, unless that is "I" or a flight number."""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def person_slots(customer: Customer) -> dict[str, str]:
    """What a text may say of the customer."""
    return {
        "name": customer.name,
        "first": customer.first_name,
        "email": customer.email,
        "phone": customer.phone,
        "locator": "",
    }


def fill(text: str, slots: dict[str, str]) -> str:
    """The text with its slots filled; a slot that nobody filled ends the build."""
    return text.format_map(slots)


def read_phrases() -> dict[str, Any]:
    """The pieces, by situation."""
    return tomllib.loads(PHRASES.read_text(encoding="utf-8"))
