"""A text as clauses, and what a clause can state. What is quoted is not the speaker's own word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from agent import mentions
from agent.judge.numbers import spelled
from agent.words import sentences, without_quotes

Attribute = Literal[
    "status",
    "departure",
    "scheduled_departure",
    "arrival",
    "delay",
    "gate",
    "seat",
    "flight",
    "booking_status",
    "cabin",
    "insurance",
    "bag_status",
    "bag_location",
    "tier",
    "payment",
    "contact",
    "count",
    "figure",
]


@dataclass(frozen=True)
class Said:
    """One value that a text states, before anything is known of the record.

    `value` is in the record's words where it has some, and `text` the answer's own words. `minutes`
    are the minutes of the day that a time may mean, `exact` whether a length of time is to the
    minute, `at_least` whether a time or a length is a lower bound ("not before 17:00"), `guessed`
    whether no word tells what a time is of. A negated value says that it is not so, and
    `sees_nothing` that its speaker only finds nothing of the sort. `from_now` are the minutes of
    a time that is told as a length from now ("in about two hours").
    """

    attribute: Attribute
    value: str
    start: int
    end: int
    clause: Clause
    minutes: frozenset[int] = frozenset()
    exact: bool = True
    negated: bool = False
    at_least: bool = False
    guessed: bool = False
    sees_nothing: bool = False
    from_now: int | None = None

    @property
    def flight(self) -> str | None:
        """The flight right after these words ("14C on EA 204"), else the one named last before."""
        here, end = self.start - self.clause.start, self.end - self.clause.start
        for one in self.clause.flights:
            if _OF_FLIGHT.fullmatch(self.clause.text[end : max(end, one.start)]):
                return one.key
        before = [one.key for one in self.clause.flights if one.start <= here]
        return before[-1] if before else self.clause.flight


@dataclass(frozen=True)
class Clause:
    """A clause and its place, the flights it names, and the one it is about if it names none."""

    text: str
    start: int
    flight: str | None  # EA204
    flights: tuple[mentions.Mention, ...]
    sentence: str

    @property
    def named_here(self) -> bool:
        """Whether the clause names a flight."""
        return bool(self.flights)


_BREAK = re.compile(r"(?:,|;|\s[-–—]|\.)?\s+(?:but|however|although|though|while)\b|;\s|\s[–—]\s")
_DISCLAIMED = re.compile(
    r"\b(?:i|we)\b[^.]*?\b(?:no (?:information|record|details?|data|knowledge|idea|way to|news)|"
    r"(?:do|did|can|could|am|are|have|was|were) ?(?:not|n't|no)\b|cannot|can't|don't|didn't|"
    r"couldn't|haven't|unable|not able|see no|find no|have no|am not|aren't|wish i)|"
    r"\bno (?:information|record|details?) (?:on|of|about)\b|\bnot known to (?:me|us)\b|"
    r"\b(?:unclear|unknown) to (?:me|us)\b",
    re.I,
)
_SUPPOSED = re.compile(
    r"\b(?:if|in case|in the event|whenever|unless|whether|(?<!that )would(?! (?:advise|draw|"
    r"like|point|note|inform|ask|add|appear|seem|be))|could|might|"
    r"should (?:you|your|we|it|the|a)\b|"
    r"when (?:we|an? airline|an? flight|flights?)|(?<!of the )flights that|any flight|"
    r"may (?:be|still|have|well|not)|can (?:be(?! (?:stated|confirmed|seen|found))|have|happen|"
    r"take|arise|cause)|often|sometimes|usually)\b",
    re.I,
)
_OFFERED = re.compile(
    r"\b(?:i|we) (?:can|could|will|would) (?:\w+ly )?"
    r"(?!be\b)(?:move|pay|refund|rebook|cancel|change|issue|give|offer|put|book)\b",
    re.I,
)
_REPLACED = re.compile(
    r"\b(?:instead of|rather than|in place of|replac\w+|no longer on|not on)\s+(?:flight )?$", re.I
)
_MARKUP = str.maketrans({"*": " ", "_": " ", "`": " ", "|": ",", "·": ","})
_LABEL = re.compile(r"(?m)^(\W*(?:\d\.)?\W*[A-Za-z][A-Za-z ]{1,18}?) [–—-] ")
_ASKING = re.compile(
    r"^\W*(?:(?:so|and|or|but|also|in the meantime|now|ada|alternatively)\b\W*)?"
    r"(?:shall|would|should|could|can|may|do|does|did|are|is|have|has|will|want|how about|what|"
    r"which|when|where|who|anything|any)\b[^.!]*\?\W*$",
    re.I,
)
_BARE_FLIGHT = re.compile(
    r"(?:\bflight (?:number )?(?P<named>\d{2,4})\b|(?<![\w.:,$€£-])(?P<alone>\d{3})\b"
    r"(?=\W+(?:(?:is|was|has been) )?(?:now$|now\W|cancell?ed|delayed|on time|scrubbed|"
    r"scrapped|axed|off\b)))(?![:.]\d)",
    re.I,
)
_DIGITS = re.compile(
    r"(?<![\w.:,$€£-])\d{2,4}(?=(?:'s|’s)?(?![\w:-]|[.,]\d))(?!\s*(?:USD|dollars?|bucks?|EUR|%|"
    r"kg|hours?|h\b|min))"
)
_COUNTS = re.compile(r"[ -](?:USD|dollars?|bucks?|EUR|euros?|percent|kilo\w*|hours?|min\w*)", re.I)
_CODE = 2
_OF_FLIGHT = re.compile(r"\s+(?:on|for|of|with)\s+(?:flight\s+)?", re.I)
_ABOUT = re.compile(
    r"\b(?:tweet|complaint|message|call|e-?mail|mail|chat|post|letter|(?<=your )note)s?\b"
    r"(?: message)?(?: (?:of|from) [^,.]{1,30}?)?"
    r"(?: (?:about|concerning|regarding|saying|on|that)\b"
    r"|: )|"
    r"\byou(?:'d| had| have|'ve)?(?: \w+ly)? (?:told|tell|said|say|mention\w*|explain\w*|"
    r"report\w*|"
    r"complain\w*|ask\w*|wrote|tweeted|wr[io]te|feel|felt)\b[^,;.]*?\b(?:that|about|if|how|why|"
    r"of)\b|"
    r"\b(?:told|telling) (?:\w+ ){1,3}that\b|\b(?:says|saying|which says|in which|"
    r"where) (?:that )?"
    r"(?:this|you|your|it|my|the)\b",
    re.I,
)


def clauses(text: str, carriers: set[str]) -> Iterator[Clause]:
    """The clauses of a text that may state something; offers and questions do not.

    Args:
        carriers: their two-letter codes, and the numbers of known flights (`EA204`), which are then
            found by their digits alone as well.
    """
    flight: str | None = None
    for sentence in sentences(_plain(without_quotes(text))):
        if is_offer(sentence.text):
            continue
        for part, start in _parts(sentence.text, sentence.start):
            named = flights_named(part, carriers)
            flight = named[0].key if named else flight
            yield Clause(part, start, flight, tuple(named), sentence.text)
            flight = named[-1].key if named else flight


def _plain(text: str) -> str:
    """The text without its markup, every other character in its place: `**Gate** – C4`, `|`."""
    bare = text.translate(_MARKUP)
    return _LABEL.sub(lambda found: f"{found[1]} : ", bare)


def flights_named(part: str, carriers: set[str]) -> list[mentions.Mention]:
    """Flight numbers; without the carrier's code where there is but one carrier: `flight 218`."""
    named = mentions.flights(part, carriers)
    known = {key[2:]: key for key in carriers if len(key) > _CODE}
    named += [
        mentions.Mention(known[found[0]], found.start(), found.end())
        for found in _DIGITS.finditer(part)
        if found[0] in known and not any(a.start <= found.start() < a.end for a in named)
    ]
    named += [
        mentions.Mention(known[digits], start, end)
        for digits, start, end in spelled(part)
        if digits in known and not _COUNTS.match(part, end)
    ]
    codes = {key for key in carriers if len(key) == _CODE}
    if len(codes) == 1:
        (carrier,) = codes
        named += [
            mentions.Mention(
                f"{carrier}{int(found['named'] or found['alone'])}", found.start(), found.end()
            )
            for found in _BARE_FLIGHT.finditer(part)
            if not any(one.start < found.end() and found.start() < one.end for one in named)
        ]
    now = [one for one in named if not _REPLACED.search(part[: one.start])]
    return sorted(now, key=lambda one: one.start)


def _parts(sentence: str, start: int) -> Iterator[tuple[str, int]]:
    place = 0
    for found in _BREAK.finditer(sentence):
        yield sentence[place : found.start()], start + place
        place = found.start()
    yield sentence[place:], start + place


def is_disclaimed(clause: str) -> bool:
    """Whether a clause says that the speaker does not know or has not got something."""
    return bool(_DISCLAIMED.search(clause))


def is_offer(sentence: str) -> bool:
    """Whether a sentence offers or asks something, and so states nothing."""
    return bool(_OFFERED.search(sentence) or _ASKING.match(sentence))


def said(
    clause: Clause, attribute: Attribute, value: str, span: tuple[int, int], **more: Any
) -> Said:
    """A claim at a span of the clause, its place counted in the whole text."""
    start, end = clause.start + span[0], clause.start + span[1]
    return Said(attribute, value, start, end, clause, **more)


def supposed(clause: Clause, place: int) -> bool:
    """Whether what stands at a place is only supposed, or reported of somebody's message."""
    before = clause.text[:place]
    return bool(_SUPPOSED.search(before)) or bool(_ABOUT.search(before))
