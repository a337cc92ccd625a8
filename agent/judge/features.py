"""A question and its answer, masked, as weighted features: what `learned` has weights for.

Words and pairs of words, once as they are and once with a value's standing alone; the words around
a value; the standings of the values that the topics ask for; yes, no and denials against what the
question puts forward. The weights of kinds of features were chosen by cross-validation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

Features = dict[str, float]
"""Name -> weight."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NEGATIONS = _words(
    """
    not no never none nothing nor neither zero without
    """
)
_YES = _words(
    """
    yes yeah yep yup sure indeed correct absolutely certainly definitely affirmative right
    ok okay
    """
)
_NO = _words(
    """
    no nope nah not afraid negative unfortunately none nothing
    """
)
_PAST = _words(
    """
    was were from instead not no used originally previously earlier old before than had
    longer been until initially first planned scheduled formerly replaces replaced
    """
)
_UNSURE = _words(
    """
    know cannot ca check unable sorry afraid unfortunately could moment please let
    """
)
_BEFORE, _AFTER = 4, 3  # words around a value that tell how it is meant
_NEAR = 3  # words before a value of which one may tell it as past


def says_yes_or_no(words: Sequence[str]) -> bool:
    """Whether an answer says yes or no in its first words, or denies anything."""
    return not (_YES | _NO).isdisjoint(words[:_FIRST]) or not _NEGATIONS.isdisjoint(words)


_FIRST = 3
_KINDS: dict[str, frozenset[str]] = {
    topic: _words(kinds)
    for topic, kinds in {
        "flight_status": "departure arrival state late left cause flight booking",
        "departure": "departure late left state booking",
        "arrival": "arrival departure state left",
        "gate": "gate state",
        "seat": "seat",
        "booking": "flight booking seat cabin insured key departure state name count",
        "bag": "bag at spot",
        "contact": "handler time cause message",
        "payment": "amount price time",
        "tier": "tier",
        "policy": "rule price length late count free costs",
        "delay": "late departure",
        "count": "count rule",
        "insurance": "insured",
        "cabin": "cabin",
        "which flight": "flight",
    }.items()
}
"""Topic of a question -> kinds of values that answer it."""


def features(
    topics: Iterable[str], known: Iterable[str], question: Sequence[str], answer: Sequence[str]
) -> Features:
    """The features of an answer to a question.

    Args:
        topics: what the question asks for.
        known: those of which the record knows something.
        question: its words, as `masking.words` gives them; so `answer`.
    """
    topics, known = sorted(topics) or ["-"], sorted(known) or ["-"]
    found: Features = {}
    found |= _all("q", question, 0.35) | _all("qq", map(" ".join, pairwise(question)), 0.25)
    framed = ["^", *answer, "$"]
    found |= _all("a", answer, 0.7) | _all("aa", map(" ".join, pairwise(framed)), 0.42)
    found |= _all("cc", map(" ".join, pairwise(map(_alone, framed))), 0.5)
    found |= _around(answer)
    stated = [word for word in answer if is_value(word) and not word.startswith(_OF_NOTHING)]
    for one in topics:
        found |= _all("t", [one], 1) | _all(f"xt {one}", stated or ["nil"], 1)
    for one in known:
        found |= _all("k", [one], 1) | _all(f"xk {one}", stated or ["nil"], 1)
    found |= _all("x", stated or ["nil"], 1) | _all("s", map(_standing, stated), 1)
    found |= _all("S", ["+".join(sorted(set(map(_standing, stated))))], 1)
    if stated:
        found |= _all("ends", [f"{stated[0]} ^", f"{stated[-1]} $"], 0.7)
        found |= _all("Ends", [f"{_standing(stated[0])} ^", f"{_standing(stated[-1])} $"], 0.7)
    found |= _all("n", [str(min(len(answer) // 8, 4))], 1)
    return found | _asked(topics, question, answer) | _said(topics, known, question, answer)


def is_value(word: str) -> bool:
    """Whether a word stands for a value."""
    return word[0] == "x" and ":" in word


_OF_NOTHING = ("xname", "xthere")


def _standing(word: str) -> str:
    return word.split(":")[1]


def _kind(word: str) -> str:
    return word[1:].split(":")[0]


def _alone(word: str) -> str:
    """A value's standing alone; any other word as it is."""
    return f"={_standing(word)}" if is_value(word) and not word.startswith(_OF_NOTHING) else word


def _all(name: str, values: Iterable[str], weight: float) -> Features:
    return {f"{name}:{value}": weight for value in values}


def _around(answer: Sequence[str]) -> Features:
    found: Features = {}
    for place, word in enumerate(answer):
        if is_value(word):
            before = answer[max(0, place - _BEFORE) : place]
            after = answer[place + 1 : place + 1 + _AFTER]
            standing = _standing(word)
            found |= _all(f"w {standing}", (one for one in before if not is_value(one)), 0.3)
            found |= _all(f"v {standing}", (one for one in after if not is_value(one)), 0.3)
    return found


def _asked(topics: Sequence[str], question: Sequence[str], answer: Sequence[str]) -> Features:
    """How the values that were asked for stand, told as of now or as past."""
    kinds = frozenset[str]().union(*(_KINDS.get(one, ()) for one in topics))
    any_kind = topics == ["-"]
    told, plain, new = set(), set(), set()
    in_question = {word for word in question if is_value(word)}
    for place, word in enumerate(answer):
        if not is_value(word) or word.startswith(_OF_NOTHING):
            continue
        asked = any_kind or _kind(word) in kinds
        past = any(one in _PAST for one in answer[max(0, place - _NEAR) : place])
        told.add(("R" if asked else "I") + _standing(word) + "p" * past)
        plain |= {_standing(word)} if asked else set()
        new |= {_standing(word)} - {_standing(one) for one in in_question if one == word}
    found = _all("g", told, 1) | _all("G", ["+".join(sorted(told))], 1)
    return found | _all("R", ["+".join(sorted(plain))], 1) | _all("N", ["+".join(sorted(new))], 1)


def _said(
    topics: Sequence[str], known: Sequence[str], question: Sequence[str], answer: Sequence[str]
) -> Features:
    """Yes, no, denials and doubt, and what the question puts forward."""
    kinds = {_kind(word) for word in answer if is_value(word) and not word.startswith(_OF_NOTHING)}
    no = any(word in _NEGATIONS for word in answer)
    unsure = any(word in _UNSURE for word in answer)
    first = next((word for word in answer if word.isalpha()), "")
    reply = "y" if first in _YES else "n" if first in _NO else "-"
    has = bool(kinds)
    found = _all("say", [f"{reply}", f"no {no}", f"?{'?' in answer} {has}", f"{unsure} {has}"], 1)
    seen = f"{'unseen' in answer} {'unknown' in answer}"
    found |= _all("seen", [seen, f"{seen} {has}", f"{seen} {no}"], 1)
    for one in topics:
        found |= _all(f"seen {one}", [seen], 1)
        covered = bool(kinds & _KINDS.get(one, frozenset()))
        found |= _all(f"say {one}", [f"no {no}", reply, f"covered {covered}"], 1)
    for one in known:
        found |= _all(f"known {one}", [f"{no} {has}", f"{has}"], 1)
    there = {word for word in (*question, *answer) if word.startswith("xthere")}
    for word in there:
        found |= _all(f"there {_standing(word)}", [f"{no}", f"{no} {has}", reply], 1)
    found |= _all(f"told {no}", (word for word in answer if word in there), 1)
    for word in question:
        if is_value(word) and not word.startswith("xname"):
            found |= _all("put", [f"{word} {reply} {no}", f"{_standing(word)} {reply}"], 1)
    return found
