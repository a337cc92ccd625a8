"""Rules of policies told in an answer's own words: what is said of which, by the quantities in it.

Words can be put in many ways, quantities cannot. A sentence of the answer is held against the rule
(a sentence of a policy) with which it shares most notions: its hours, kilos and amounts must be
the rule's, now or once, and what costs nothing must be told as free.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agent.answer import Claim
from agent.judge.bench import Bench
from agent.judge.clauses import is_disclaimed, is_offer
from agent.judge.history import Change, History
from agent.judge.numbers import IN_WORDS, number
from agent.words import Sentence, sentences
from pipeline.images import Row

_NOTIONS = {
    "cancel": r"cancel\w*|called off|scrubbed|our doing|our fault",
    "rebook": r"rebook\w*|re-book\w*|another flight|switch\w*|mov(?:e|ed|ing)|different flight|"
    r"new flight|transfer",
    "change": r"chang\w*|alter\w*|switching|your (?:own )?plans|yourself|voluntar\w*|of your own|"
    r"own (?:choice|accord|reasons?|wish)",
    "bag": r"bags?|baggage|suitcases?|luggage|pieces?|cases?|trolley|backpack|hold",
    "second": r"second|extra|additional|another bag|two|more than one|further|2nd|each further",
    "cabin": r"cabin|carry-?on|hand (?:bag|luggage|baggage)|on board|overhead",
    "weight": r"weigh\w*|kg|kilos?|kilograms?|heav\w*|pounds|lbs?",
    "meal": r"meals?|food|eat\w*|snacks?|lunch|dinner|sandwich|refreshments?|breakfast",
    "hotel": r"hotel\w*|overnight|night\w*|\bbed\b|sleep\w*|accommodation|stay|room|stranded|stuck",
    "delay": r"delay\w*|late|wait\w*|hold-?up",
    "cost": r"fees?|charg\w*|free|pay\w*|costs?",
}
_PATTERNS = {name: re.compile(rf"\b(?:{words})\b", re.I) for name, words in _NOTIONS.items()}
_UNITS = r"hours?|hrs?|h\b|days?|weeks?|kg|kilos?|bags?|pieces?|flights?|minutes?|of\b|cabin|is\b"
QUANTITY = re.compile(
    rf"(?P<sign>[$€£])\s?(?P<a>\d+(?:\.\d\d)?)|"
    rf"\b(?P<b>{IN_WORDS}|\d+(?:\.\d\d)?|an?(?: whole| full)?|one)[\s-]*"
    r"(?P<unit>hours?|hrs?|h|days?|weeks?|kg|kilos?|kilograms?|USD|dollars?|bucks?|EUR|euros?)\b|"
    r"\bUSD\s?(?P<c>\d+(?:\.\d\d)?)|"
    rf"\b(?P<d>{IN_WORDS}|\d)\s+(?:checked |free |hold )?(?P<bags>bags?|pieces?|suitcases?)\b",
    re.I,
)
FREE = re.compile(
    r"\bfree\b|\bno (?:extra )?(?:charge|cost|fee)s?\b|\bwithout (?:any )?(?:charge|cost|fee|"
    r"paying)|"
    r"\bnot a (?:cent|penny|dime)|\b(?:costs?|pay|owe|charged?|fees?)\b[^.]{0,20}\bnothing|"
    r"\bnothing (?:to pay|extra)|"
    r"\bon us\b|\bcomplimentary\b|\bwe(?:'ll| will| would| do)? (?:pay|cover|take care|give|"
    r"provide|foot)|"
    r"\b(?:airline|us) (?:pays|covers|provides)|\bincluded\b|"
    r"(?:n't|not) (?:have to |need to )?(?:cost|pay|charge|owe)|\bwaived?\b|\bat our expense\b|"
    r"\bzero\b",
    re.I,
)
COSTS = re.compile(
    r"\bat your (?:own )?expense|\byour own (?:pocket|expense)|\b(?:fees?|charges?) (?:of|"
    r"applies|apply|is|are)\b|"
    r"\bcosts?\b|\bwe (?:do not|don't|can't|cannot) (?:pay|cover|provide)|\bnot (?:covered|"
    r"included|free)|"
    r"\byou(?:'ll| will| would)? (?:have to|must|need to) pay|\byou(?:'d| would) (?:have to )?pay",
    re.I,
)
_HOURS, _DAYS = 24, 7


def verdicts(bench: Bench) -> Iterator[Claim]:
    """A claim for each sentence of the answer that tells a rule, as it stands or once stood."""
    asked = "policy" in bench.topics
    rules = [rule for row in bench.scope.policies for rule in rules_of(bench.history, row)]
    for sentence in sentences(bench.answer):
        said = read(sentence.text, _unit_asked(bench.question) if asked else "")
        silent = not said.quantities and said.free is None
        if is_offer(sentence.text) or (is_disclaimed(sentence.text) and silent):
            continue
        about = read(f"{bench.question} {sentence.text}") if asked else said
        if not asked and (len(about.notions) < _ENOUGH or not said.quantities):
            continue
        if claim := _judged(bench, rules, sentence, said, about.notions):
            yield claim


_ENOUGH = 2  # notions by which a sentence is of a rule that nobody asked for


def touched(question: str, row: Row) -> bool:
    """Whether a question shares a notion with any of a policy's rules."""
    return bool(read(question).notions & read(row["text"]).notions)


@dataclass(frozen=True)
class _Told:
    """What a sentence tells: its notions, its quantities by unit, whether something is free."""

    notions: frozenset[str]
    quantities: frozenset[tuple[str, float]]
    free: bool | None


@dataclass(frozen=True)
class Rule:
    """A sentence of a policy now, with what stood in its place before and what ended that."""

    row: Row
    now: _Told
    before: Sequence[tuple[_Told, Change]]


def _unit_asked(question: str) -> str:
    """The unit that a question is for: an amount, a number of bags, or none."""
    return "b" if _HOW_MANY.search(question) else "usd" if _HOW_MUCH.search(question) else ""


_HOW_MANY = re.compile(r"\bhow many\b[^?]*\b(?:bag|suitcase|piece|case)", re.I)
_HOW_MUCH = re.compile(
    r"\bhow much\b|\bcosts?\b|\bfees?\b|\bcharge|\bwhat do (?:i|you)\b|\bprice", re.I
)
_BARE = re.compile(
    rf"(?<!this )(?<!that )(?<!the )(?<!no )\b(?P<b>{IN_WORDS}|\d{{1,4}})\b(?![:.]\d|"
    rf"\s*(?:{_UNITS}))",
    re.I,
)


@lru_cache(maxsize=512)  # a policy's sentences are read for every answer
def read(text: str, asked: str = "") -> _Told:
    """What a text tells.

    Args:
        asked: the unit of a number without one, by what the question was for.
    """
    notions = frozenset(name for name, words in _PATTERNS.items() if words.search(text))
    free = True if FREE.search(text) else False if COSTS.search(text) else None
    stated = [one for one in QUANTITY.finditer(text) if not _is_of_now(text, one)]
    quantities = frozenset(map(quantity, stated))
    if asked and not quantities and (bare := _BARE.search(text)):
        quantities = frozenset({(asked, float(number(bare["b"])))})
    return _Told(notions, quantities, free)


_OF_NOW = re.compile(r"\b(?:in|about|around)\s+$", re.I)
_OF_NOW_AFTER = re.compile(
    r"^\W*(?:\d+|"
    + IN_WORDS
    + r")?\s*(?:m|min|mins|minutes?)?\b\s*(?:late\b|behind|ago|delayed|from now)|"
    r"^\s*(?:and )?\d+ ?m",
    re.I,
)


def _is_of_now(text: str, found: re.Match[str]) -> bool:
    """Whether a quantity is of what happens now: `leaves in an hour`, `2 h 15 min late`."""
    hours = (found["unit"] or "").lower().startswith("h")
    before, after = text[: found.start()], text[found.end() :]
    return hours and bool(_OF_NOW.search(before) or _OF_NOW_AFTER.match(after))


def quantity(found: re.Match[str]) -> tuple[str, float]:
    words = (found["a"] or found["b"] or found["c"] or found["d"]).lower()
    if found["bags"]:
        return "b", float(number(words))
    many = (
        1.0
        if words.split()[0] in ("a", "an") and "hundred" not in words
        else float(words)
        if words[0].isdigit()
        else number(words)
    )
    unit = (found["unit"] or "usd").lower()[0]
    if (found["unit"] or "").lower().startswith(("day", "week")):
        return "h", many * _HOURS * (_DAYS if unit == "w" else 1)
    return {"d": "usd", "u": "usd", "b": "usd", "e": "eur"}.get(unit, unit), float(many)


def rules_of(history: History, row: Row) -> Iterator[Rule]:
    past = history.states("policy", row["slug"])
    for place, sentence in enumerate(sentences(row["text"])):
        before: list[tuple[_Told, Change]] = []
        for old, new in zip(past[:-1], past[1:], strict=True):
            parts = list(sentences(old.row["text"]))
            if place < len(parts) and new.by:
                before.append((read(parts[place].text), new.by))
        yield Rule(row, read(sentence.text), before)


def _judged(
    bench: Bench, rules: Sequence[Rule], sentence: Sentence, said: _Told, notions: frozenset[str]
) -> Claim | None:
    """The verdict on a sentence by the rule that it is of."""
    if not said.quantities and said.free is None:
        return None

    def likeness(rule: Rule) -> tuple[int, int, int]:
        shared, own = rule.now.notions & notions, rule.now.notions & said.notions
        fits = rule.now.quantities & said.quantities
        return len(shared), len(own), len(fits) - len(rule.now.notions - notions)

    rule = max(rules, key=likeness, default=None)
    if rule is None or not rule.now.notions & notions:
        return None
    known = {one for other in rules if _near(other, rule) for one in other.now.quantities}
    if _agree(said, rule.now) or (
        said.quantities and said.quantities <= known and len(said.quantities) > 1
    ):
        return _claim(bench, rule, sentence, "current", None)
    for old, by in reversed(rule.before):
        if _agree(said, old):
            return _claim(bench, rule, sentence, "stale", by)
    units = {unit for unit, _ in said.quantities - known}
    same_unit = units & {unit for unit, _ in known}
    certain = same_unit or _contradicts(said, rule.now)
    certain = certain and "policy" in bench.topics
    certain = certain and bool(rule.now.notions & said.notions or not said.quantities & known)
    return _claim(bench, rule, sentence, "wrong", None) if certain else None


def _near(one: Rule, other: Rule) -> bool:
    return bool(one.row["slug"] == other.row["slug"])


def _agree(said: _Told, rule: _Told) -> bool:
    """Whether nothing that is said differs from a rule, and something is the same."""
    same_price = said.free is not None and said.free == rule.free
    return (
        said.quantities <= rule.quantities
        and not _contradicts(said, rule)
        and (same_price or bool(said.quantities))
    )


def _contradicts(said: _Told, rule: _Told) -> bool:
    """Whether one says that something costs and the other that it is free."""
    other = said.quantities - rule.quantities
    if rule.free:
        return said.free is False or any(unit == "usd" for unit, _ in other)
    return said.free is True and rule.free is False and other == said.quantities


def _claim(bench: Bench, rule: Rule, sentence: Sentence, status: str, by: Change | None) -> Claim:
    entity = f"policy/{rule.row['slug']}"
    words = sentence.text.strip()
    claim = bench.verdict((entity, "policy"), words, rule.row["text"][:200], status, by)
    return claim.model_copy(update={"start": sentence.start, "end": sentence.start + len(words)})
