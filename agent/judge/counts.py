"""Counts: what a clause says of how many there are, and the verdict on it against every moment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from agent.answer import Claim
from agent.clues import channel_asked
from agent.judge import holds
from agent.judge.bench import Bench
from agent.judge.clauses import Clause, Said, said, supposed
from agent.judge.history import Change, State
from agent.judge.numbers import IN_WORDS, number
from agent.judge.polarity import NOT, sees_nothing
from agent.judge.trip_verdicts import contacts_by
from pipeline.images import Row

_NUMBER = rf"(?:{IN_WORDS}|\d{{1,2}})"
_NOUN = (
    r"flight|seat|bag|suitcase|pieces? of (?:luggage|baggage)|piece|booking|passenger|people|"
    r"person|pax|travell?er|tweet|call|e-?mail|message|"
    r"voucher|refund"
)
_COUNT = re.compile(
    rf"\b(?P<number>both|none|neither|(?:just|only) an?|a single|a lone|"
    rf"{_NUMBER})\s+(?:single )?(?P<of>of\s+(?:your|the)\s+(?:{_NUMBER}\s+)?)?"
    rf"(?P<noun>{_NOUN})s?\b(?P<state>[^,.;:]{{0,40}}?\b(?P<said>cancell?ed|delayed))?",
    re.I,
)
_ASKED = re.compile(
    rf"\bhow many\b[^?]*?\b(?P<noun>{_NOUN}|of us)(?:s|"
    rf"ed)?\b(?P<state>[^?]*?\b(?P<said>cancell?ed|"
    rf"delayed))?",
    re.I,
)
_BARE = re.compile(
    rf"^\W*(?:(?:so far|today|currently|right now|sorry|yes|no|well|hm+),?\s+)?"
    r"(?:(?:just|only|exactly|precisely|you have|there (?:is|are)|that's|that would be|it's|"
    r"i count|"
    r"there (?:were|was|have been|has been)|we(?:'ve| have) (?:received|cancelled|paid|counted)|"
    r"we received|i see|we have|we've had|we've got)\s+)*(?:just |only )?"
    rf"(?:the\s+|oh |haha,? )?(?P<number>both|none|neither|nil|zero|a single one|once|twice|"
    rf"thrice|{_NUMBER})\b(?!\s*[:.]\d|\s+[a-z]*(?:hour|minute|o'clock))"
    r"(?=\s*(?:[:,.;!(–—-]|$|of them|in total|so far|yet|times|up to now|thus far|today|"
    r"altogether|overall|as of))",
    re.I,
)
_ENDING = re.compile(
    rf"(?:,|\bstands at|\bis|\bcomes to|\btotal(?:s|led|ling)?(?: is| of)?|\bcount(?:ed)?|"
    rf"\breached|:)\s+\**"
    rf"(?:just |only |exactly )?(?P<number>none|nil|{_NUMBER})\**\W*$",
    re.I,
)
_NAMED = {
    "once": 1,
    "twice": 2,
    "thrice": 3,
    "nil": 0,
    "just a": 1,
    "only a": 1,
    "a single": 1,
    "a lone": 1,
    "a single one": 1,
    "both": 2,
    "none": 0,
    "neither": 0,
}
_DENIED = re.compile(
    r"\b(?:no|any|an?|nothing|without) (?:\w+ ){0,2}?(?P<noun>booking|reservation|trip|bag|"
    r"baggage|luggage|"
    r"handbag|suitcase)s?\b|\bnothing (?P<booked>booked|reserved)\b",
    re.I,
)
_CHANNELS = ("tweet", "call", "email", "message")
_PAYMENTS = {"voucher": "voucher_issued", "refund": "refunded"}


def counts(clause: Clause, topics: set[str]) -> Iterator[Said]:
    """How many flights, bags, bookings, passengers, contacts or payments the text says there are.

    The value is `2 flight` or, of those in a certain state, `2 flight cancelled`. Counts that the
    question did not ask for are read only of `N of your ...` in a state.
    """
    if "booking" in topics and (all_of := _ALONE.search(clause.text)):
        yield said(clause, "count", f"{2 if all_of['both'] else 1} passenger", all_of.span())
    for found in _COUNT.finditer(clause.text):
        paid = "payment" in topics and found["noun"].lower() in _PAYMENTS
        only = re.search(r"\b(?:exactly|only|just)\b", clause.text[: found.end("number")], re.I)
        heard = "contact" in topics and only and _noun(found["noun"]) in _CHANNELS
        with_us = "booking" in topics and _noun(found["noun"]) == "passenger"
        has = _noun(found["noun"]) in topics & {"booking", "bag"} and re.search(
            r"\byou(?: have|'ve)\b", clause.text, re.I
        )
        asked = (
            "count" in topics or paid or heard or has or with_us or (found["of"] and found["said"])
        )
        if not asked or supposed(clause, found.start()):
            continue
        word = found["number"].lower()
        many = _NAMED[word] if word in _NAMED else number(word)
        state = (found["said"] or "").lower().replace("canceled", "cancelled")
        value = f"{many} {_noun(found['noun'])} {state}".strip()
        yield said(clause, "count", value, found.span())


def _noun(word: str) -> str:
    plain = word.lower().replace("-", "")
    if plain == "of us":
        return "passenger"
    if plain.startswith(("piece", "suitcase")):
        return "bag"
    return "passenger" if plain.startswith(("people", "person", "travel", "pax", "seat")) else plain


_TIMES = re.compile(r"\bhow (?:often|many times)\b", re.I)
_WROTE = re.compile(r"\bmessage|\bcontact|\bwr[oi]te|\bheard?\b|\bcomplain|in touch", re.I)
_ALONE = re.compile(
    r"\b(?:only|just) (?:you|yourself|the one)\b|\b(?:solo|alone|on your own|by yourself)\b|"
    r"\b(?P<both>both|two) of you\b",
    re.I,
)


def bare(question: str, clause: Clause) -> Iterator[Said]:
    """A count without its noun, `Just the one.`, of what the question asked how many there are."""
    asked, found = _ASKED.search(question), bare_number(clause)
    times = _TIMES.search(question) and channel_asked(question)
    if times == "any" and not _WROTE.search(question):
        return
    if times and found:
        word = found["number"].lower()
        many = _NAMED[word] if word in _NAMED else number(word)
        noun = "message" if times == "any" else times
        yield said(clause, "count", f"{many} {noun}", found.span("number"))
    elif asked and (alone := _ALONE.search(clause.text)) and _noun(asked["noun"]) == "passenger":
        many = 2 if alone["both"] else 1
        yield said(clause, "count", f"{many} passenger", alone.span())
    elif asked and found:
        word = found["number"].lower()
        many = _NAMED[word] if word in _NAMED else number(word)
        state = (asked["said"] or "").lower().replace("canceled", "cancelled")
        value = f"{many} {_noun(asked['noun'])} {state}".strip()
        yield said(clause, "count", value, found.span("number"))


def bare_number(clause: Clause) -> re.Match[str] | None:
    """A clause that is hardly more than a number: `Just the one.`, `There were 12 so far`."""
    return _BARE.match(clause.text) or _ENDING.search(clause.text)


def denials(clause: Clause, topics: set[str]) -> Iterator[Said]:
    """No booking or bag, where one was asked for: `0 booking`, negated as a denial is."""
    for found in _DENIED.finditer(clause.text) if topics & {"booking", "bag"} else ():
        no = found[0].lower().startswith(("no ", "nothing", "without"))
        denied = no or re.search(NOT + r"[^,;.]{0,30}$", clause.text[: found.start()], re.I)
        noun = _THINGS.get((found["noun"] or "booking").lower(), "booking")
        one_kind = _OF_A_KIND.match(clause.text[found.end() :])
        if denied and noun in topics and not one_kind and not supposed(clause, found.start()):
            unseen = sees_nothing(clause.text)
            span = found.span()
            yield said(clause, "count", f"0 {noun}", span, negated=True, sees_nothing=unseen)


# "No booking of yours that it is for": of the others nothing is said.
_OF_A_KIND = re.compile(r"^\W*(?:of yours\W+)?(?:that|which|who|to which|for which)\b", re.I)
_THINGS = dict.fromkeys(("bag", "baggage", "luggage", "handbag", "suitcase"), "bag")


def of_count(bench: Bench, said: Said) -> Claim | None:
    """The verdict on a count: current, or stale by the event that changed it, or wrong.

    None for a denial of what the record has: it is no information, see `asked`.
    """
    many, noun, *state = said.value.split()
    past = _counted(bench, noun, state[0] if state else "")
    true = str(past[-1][0])
    entity = f"customer/{(bench.scope.customer or {}).get('customer_id', '')}"
    if int(many) == past[-1][0]:
        return bench.claim(replace(said, negated=False), entity, true, "current")
    if said.negated and said.sees_nothing:
        return None
    for (before, _), (_, by) in zip(reversed(past[:-1]), reversed(past[1:]), strict=True):
        if int(many) == before:
            return bench.claim(said, entity, true, "stale", by)
    return bench.claim(said, entity, true, "wrong")


_Counted = list[tuple[int, Change | None]]
"""Every count that held, oldest first, each with the event that brought it."""


def _counted(bench: Bench, noun: str, state: str) -> _Counted:
    scope = bench.scope
    if noun == "flight":
        return _of_flights(bench, state)
    if noun == "booking":
        return _over_time(bench, lambda at: len(_standing(bench, at)))
    if noun == "passenger":
        return [(sum(len(row["passengers"]) for row in scope.active), None)]
    if noun in _CHANNELS:
        heard = contacts_by(scope, "any" if noun == "message" else noun)
        return _growing(bench, [row["interaction_id"] for row in reversed(heard)])
    if noun in _PAYMENTS:
        paid = [row for row in scope.payments if row["payment_type"] == _PAYMENTS[noun]]
        return _growing(bench, [row["payment_id"] for row in reversed(paid)])
    return [(len(scope.bags), None)]


def _growing(bench: Bench, events: list[str]) -> _Counted:
    """Counts of things that only come: none is the count before the first."""
    made = [bench.history.made_by(one) for one in events]
    return [(0, None), *((place, by) for place, by in enumerate(made, start=1))]


def _of_flights(bench: Bench, state: str) -> _Counted:
    def count(at: int) -> int:
        keys = {
            f"{part['flight_number']}/{part['date']}"
            for row in _standing(bench, at)
            for part in row["segments"]
        }
        rows = [row for key in keys if (row := _at(bench, "flight", key, at))]
        return sum(not state or holds.flight_is(state, row) for row in rows)

    return _over_time(bench, count)


def _standing(bench: Bench, at: int) -> list[Row]:
    rows = [_at(bench, "booking", key, at) for key in bench.scope.bookings]
    return [row for row in rows if row and row["status"] != "cancelled"]


def _over_time(bench: Bench, count: Callable[[int], int]) -> _Counted:
    """A count as the world was loaded, and after each event that touched a booking or a flight."""
    entities = [("booking", key) for key in bench.scope.bookings]
    entities += [("flight", key) for key in bench.scope.flights]
    changes = {
        state.by.sequence: state.by
        for kind, key in entities
        for state in bench.history.states(kind, key)
        if state.by
    }
    return [(count(0), None), *((count(at), by) for at, by in sorted(changes.items()))]


def _at(bench: Bench, kind: str, key: str, sequence: int) -> Row | None:
    """An entity's image after the event of a sequence number; None: it did not exist yet."""
    now = bench.scope.bookings if kind == "booking" else bench.scope.flights
    past: list[State] = bench.history.states(kind, key) or [State(now[key], None)]
    known = [state.row for state in past if state.by is None or state.by.sequence <= sequence]
    return known[-1] if known else None
