"""What a question asks for: a small scorer over `data/agent/intents.toml`.

Each intent has cues (words and phrases with weights, matched with typos) and example questions.
Cues decide where there are any; a clause without one goes to the intent with the nearest example.
The scorer is deterministic, reads nothing but the text and takes well under a millisecond a clause.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import sqrt

from agent import mentions
from agent.prompts import table
from agent.words import LONGEST, fold, near, tokens

OUT_OF_SCOPE = "out_of_scope"
GREETING = "greeting"
_CLAUSE = re.compile(r"[?!;\n]+|\.(?:\s|$)|,\s*(?=(?:and|also|what|where|when|which|how|did|is)\b)")
_AND = re.compile(r"\band\b|\balso\b|\bplus\b|&")
_ENOUGH = 2.0  # weight of cues from which a clause asks for an intent
_LIKE = 0.5  # cosine to the nearest example from which a clause without cues does


@dataclass(frozen=True)
class Intent:
    """One intent of the file."""

    name: str
    cues: tuple[tuple[tuple[str, ...], float], ...]  # ((words of the cue), weight)
    examples: tuple[str, ...]
    absorbs: tuple[str, ...]  # intents whose words mean this one when they stand with it


def intents_of(question: str) -> list[str]:
    """The intents of a question, in the order in which it raises them; at least one.

    A question that nothing is known about is `out_of_scope`; small talk beside a real question is
    dropped.
    """
    found: dict[str, None] = {}
    for clause in _clauses(question[:LONGEST]):
        found.update(dict.fromkeys(_of_clause(clause)))
    real = [name for name in found if name not in _SMALL_TALK]
    if not real and mentions.flights(question[:LONGEST]):
        return ["flight_status"]
    return real or list(found) or [OUT_OF_SCOPE]


_SMALL_TALK = (OUT_OF_SCOPE, GREETING, "thanks")


def _clauses(question: str) -> list[str]:
    """Clauses, split at `and` only where both sides ask for something."""
    clauses: list[str] = []
    for clause in _CLAUSE.split(question):
        parts = _AND.split(clause or "")
        both = len(parts) > 1 and all(_by_cues(tokens(part)) for part in parts)
        clauses += parts if both else [clause or ""]
    return [clause for clause in clauses if clause.strip()]


def _of_clause(clause: str) -> list[str]:
    words = tokens(clause)
    if not words:
        return []
    return _by_cues(words) or _by_example(clause)


def _by_cues(words: Sequence[str]) -> list[str]:
    scores = {name: score for name, score in _scores(words).items() if score >= _ENOUGH}
    absorbed = {
        other
        for name in scores
        for other in _intents()[name].absorbs
        if scores[name] >= scores.get(other, 0) or other in scores
    }
    return sorted(scores.keys() - absorbed, key=lambda name: _place(words, name))


def _scores(words: Sequence[str]) -> dict[str, float]:
    return {
        name: sum(weight for cue, weight in intent.cues if _at(words, cue) is not None)
        for name, intent in _intents().items()
    }


def _place(words: Sequence[str], name: str) -> int:
    places = [_at(words, cue) for cue, _ in _intents()[name].cues]
    return min((place for place in places if place is not None), default=len(words))


def _at(words: Sequence[str], cue: tuple[str, ...]) -> int | None:
    """Where a cue stands among the words; its own words may have one other between two of them."""
    for start, word in enumerate(words):
        if near(word, cue[0]) and _follows(words, start, cue):
            return start
    return None


def _follows(words: Sequence[str], start: int, cue: tuple[str, ...]) -> bool:
    place = start
    for part in cue[1:]:
        ahead = words[place + 1 : place + 3]
        step = next((n for n, word in enumerate(ahead, start=1) if near(word, part)), None)
        if step is None:
            return False
        place += step
    return True


def _by_example(clause: str) -> list[str]:
    grams = _grams(clause)
    best, score = OUT_OF_SCOPE, 0.0
    for name, example in _examples():
        likeness = _cosine(grams, example)
        if likeness > score:
            best, score = name, likeness
    return [best if score >= _LIKE else OUT_OF_SCOPE]


def _grams(text: str) -> Counter[str]:
    padded = f"  {' '.join(tokens(text))}  "
    return Counter(padded[place : place + 3] for place in range(len(padded) - 2))


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    shared = sum(count * other[gram] for gram, count in one.items())
    return shared / (_norm(one) * _norm(other)) if shared else 0.0


def _norm(grams: Counter[str]) -> float:
    return sqrt(sum(count * count for count in grams.values()))


@cache
def _examples() -> list[tuple[str, Counter[str]]]:
    return [
        (name, _grams(example))
        for name, intent in _intents().items()
        for example in intent.examples
    ]


@cache
def _intents() -> dict[str, Intent]:
    return {
        name: Intent(
            name=name,
            cues=tuple(
                (tuple(tokens(fold(cue))), weight) for cue, weight in fields.get("cues", {}).items()
            ),
            examples=tuple(fields.get("examples", ())),
            absorbs=tuple(fields.get("absorbs", ())),
        )
        for name, fields in table("intents").items()
    }
