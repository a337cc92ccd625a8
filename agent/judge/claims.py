"""The text of an answer -> the values that it states, each with its words' place in the text.

Patterns over clauses of English, not a grammar. What is quoted, supposed ("if it is cancelled") or
disclaimed ("I do not know whether") states nothing. The record is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from agent.clues import channel_asked
from agent.judge import counts, dealings, figures, flight_claims, trip_claims
from agent.judge.clauses import Clause, Said, clauses, is_disclaimed
from agent.words import sentences, tokens


def claims(text: str, carriers: set[str], topics: set[str]) -> list[Said]:
    """Everything that a text states, in the order of the text.

    Args:
        carriers: two-letter codes by which flight numbers are told from other words.
        topics: intents of the question, which tell what a bare time or "it" is about.
    """
    found: list[Said] = []
    about_bag = False
    for clause in clauses(text, carriers):
        about_bag = trip_claims.speaks_of_bag(clause, about_bag, topics)
        for said in _of_clause(clause, topics, about_bag=about_bag):
            if not any(_overlaps(said, other) for other in found):
                found.append(said)
    return sorted(found, key=lambda one: one.start)


def _overlaps(one: Said, other: Said) -> bool:
    of_counted = (one.attribute, other.attribute) == ("status", "count")
    same = of_counted or one.attribute == other.attribute
    return same and one.start < other.end and other.start < one.end


def _of_clause(clause: Clause, topics: set[str], *, about_bag: bool) -> Iterator[Said]:
    kind = figures.kind_of(topics)
    stated = list(figures.claims(clause, kind)) if kind else []
    if stated or figures.speaks_of_airline(clause):
        yield from stated
        return
    yield from dealings.contacts(clause, topics)
    yield from counts.denials(clause, topics)
    yield from dealings.payments(clause, topics)
    if is_disclaimed(clause.text):
        yield from flight_claims.all_well(clause, topics)
        return
    yield from counts.counts(clause, topics)
    yield from trip_claims.tiers(clause, topics)
    yield from trip_claims.bookings(clause, topics)
    yield from trip_claims.flights(clause, topics)
    yield from trip_claims.seats(clause, topics)
    if about_bag:
        yield from trip_claims.bags(clause, topics)
        if not (flight_claims.FLIGHT_NOUN.search(clause.text) or topics & _OF_TIMES):
            return
    yield from flight_claims.gates(clause, topics)
    yield from flight_claims.statuses(clause, topics, about_bag=about_bag)
    yield from flight_claims.spoken_times(clause, topics)


_OF_TIMES = {"departure", "arrival", "flight_status", "gate"}

# --- yes and no -----------------------------------------------------------------------------------

_YES_NO = re.compile(
    r"^\W*(?:(?:oh|well|haha),? )?(?P<word>yes|yeah|yep|yup|yah|sure did|sure do|sure is|"
    r"you bet(?:cha)?|(?:of )?course|right|correct|indeed|absolutely|certainly|definitely|"
    r"of course|"
    r"affirmative|"
    r"that's right|loud and clear|no|nope|nah|none|not any ?more|not yet|afraid not|negative|"
    r"doesn't (?:look|seem) (?:like it|so)|"
    r"(?:it|we|i|they|you) (?:\w+ly |sure |indeed )?(?:did|do|was|has|have|had|is|are|were|will)"
    r"(?P<denied> not|n't)?(?= indeed\b|[,.;:!]| [-–—]|\s*$)|"
    r"(?:indeed|certainly|of course|sure),? (?:it|we|i|they|you) (?:did|do|was|has|have|is|are))\b",
    re.I,
)
_NOT_IT = re.compile(
    r"^\W*(?:no|not)?\W*(?:it|we|i|they|you) (?:(?:did|do|was|has|have|is|are|were|will) not|"
    r"(?:did|do|does|was|has|have|is|are|were|wo)n't)\b",
    re.I,
)
_GOES = re.compile(
    r"^(?:(?:will|does|is|are|am)\b)[^?]*\b(?:leav\w*|go|going(?! to)|fly\w*|depart\w*|"
    r"operat\w*|running|"
    r"happening|still on|take off|taking off)\b(?! (?:late|on time))",
    re.I,
)
_ELLIPTIC = re.compile(
    r"^,? (?:you|it|we|they|he|she|i)(?:'s| is| are| did| does| do| was| were| has| have| had|"
    r" will|'ve|'re)(?:n't| not)?"
    r"(?= indeed\b|[,.;:!]|\s*$| [-–—])|^\s*[-–—;]",
    re.I,
)
_BARE = 7  # words of a first sentence that says hardly more than yes or no
_ASKABLE = {"status", "departure", "gate", "seat", "tier", "booking_status", "flight", "insurance"}
_ASKABLE |= {"bag_status", "bag_location"}


def by_yes_or_no(
    question: str, answer: str, said: Sequence[Said], carriers: set[str], topics: set[str]
) -> list[Said]:
    """What a bare `Yes, it has.` or `No.` states: what the question put forward, or its contrary.

    Nothing where the answer goes on to say it in its own words.
    """
    word = _YES_NO.match(answer)
    first = next(sentences(answer), None)
    if word is None or first is None:
        return []
    rest = answer[word.end() :]
    elliptic = (" " in word["word"] and "not" not in word["word"]) or bool(_ELLIPTIC.match(rest))
    if len(tokens(first.text)) > _BARE and (not elliptic or is_disclaimed(first.text)):
        return []
    no = word["word"].lower().startswith(("no", "na", "neg", "afraid", "doesn't")) or bool(
        word["denied"] or _NOT_IT.match(first.text)
    )
    as_told = question.replace("?", ".")  # a question states nothing, its words as a statement do
    put = [one for one in claims(as_told, carriers, topics) if one.attribute in _ASKABLE]
    goes = "flight_status" in topics and _GOES.search(question)
    if goes and not any(one.attribute in ("status", "departure") for one in put):
        clause = Clause(answer, 0, None, (), answer)
        put += [Said("status", "cancelled" if no else "going", 0, 0, clause, negated=no)]
    if "contact" in topics:
        put += [_contact_put(question, answer)]
    spoken = {one.attribute for one in said}
    if spoken & {"bag_status", "bag_location"}:
        spoken |= {"bag_status", "bag_location"}
    if spoken & {"departure", "delay"}:
        spoken.add("status")  # who names a time has said how the flight stands
    return [
        replace(one, start=word.start("word"), end=word.end("word"), negated=no != one.negated)
        for one in put
        if one.attribute not in spoken and not (no and one.minutes)
    ]


def by_bare_count(
    question: str, answer: str, said: Sequence[Said], carriers: set[str]
) -> list[Said]:
    """What a count without its noun states, where the answer has no other."""
    first = next(clauses(answer, carriers), None)
    if first is None or any(one.attribute == "count" for one in said):
        return []
    return list(counts.bare(question, first))


def _contact_put(question: str, answer: str) -> Said:
    clause = Clause(answer, 0, None, (), answer)
    return Said("contact", channel_asked(question), 0, 0, clause)
