"""What an answer tells of the record beside states and times: whose, by whom, what was said, why.

A locator, a bag's tag, a passenger, the agent who took a call, the words of a message, the reason
of a cancellation: each is a value of the record that can be found in the text as it stands there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent import mentions
from agent.answer import Claim
from agent.clues import content
from agent.judge import flight_verdicts
from agent.judge.bench import Bench
from agent.judge.clauses import Clause, clauses, supposed
from agent.judge.hours import times
from agent.judge.polarity import denied
from agent.judge.topics import asks_why
from agent.prompts import word_list
from pipeline.clock import from_rfc3339
from pipeline.images import Row


def verdicts(bench: Bench) -> list[Claim]:
    """A claim for each value that the answer names, of what was asked about."""
    found: list[Claim] = []
    for clause in clauses(bench.answer, bench.scope.carriers):
        for read in (_names, _handler, _moments, _reasons):
            found += read(bench, clause)
    return [*found, *_retold(bench), *_booking_reason(bench)]


def _claim(bench: Bench, of: tuple[str, str], said: str, status: str, start: int) -> Claim:
    claim = bench.verdict(of, said, said if status == "current" else "", status, None)
    return claim.model_copy(update={"start": start, "end": start + len(said)})


# --- keys and names -------------------------------------------------------------------------------

_CODE = re.compile(r"\b(?:code|reference|locator|booking|reservation|pnr)\b", re.I)


def _names(bench: Bench, clause: Clause) -> Iterator[Claim]:
    """Locators, tags and passengers that the clause names; they are right as they were found."""
    scope, asked = bench.scope, bench.topics
    keys: dict[str, str] = {}
    if "booking" in asked:
        keys |= {locator: f"booking/{locator}" for locator in scope.bookings}
        for locator, row in scope.bookings.items():
            keys |= dict.fromkeys((one["name"] for one in row["passengers"]), f"booking/{locator}")
    if "bag" in asked:
        keys |= {tag: f"bag/{tag}" for tag in scope.bags}
    for one in mentions.known(clause.text, keys):
        in_question = mentions.known(bench.question, [one.key])
        if not in_question and not denied(clause.text, one.start, one.end):
            yield _claim(
                bench, (keys[one.key], "name"), one.key, "current", clause.start + one.start
            )
    for word in mentions.locators_in(clause.text) if "booking" in asked else ():
        foreign = len(word) == _LOCATOR and word not in scope.bookings and not word.isdigit()
        named = _CODE.search(clause.text) or _REF.search(bench.question)
        known = mentions.flights(word) or word in bench.question
        if foreign and any(map(str.isdigit, word)) and named and not known:
            yield _claim(bench, ("booking/", "name"), word, "wrong", clause.start)


_LOCATOR = 6
_REF = re.compile(r"\b(?:code|ref|reference|locator|pnr)\b", re.I)

# --- who took a call ------------------------------------------------------------------------------

_HANDLER = re.compile(
    r"\b(?i:handled by|taken by|answered by|spoke (?:to|with)|spoken (?:to|with)|talked (?:to|"
    r"with)|"
    r"colleague|agent|(?:it|that) was)\s+(?:(?i:our|my|your|an?|the|colleague|agent|named|"
    r"called)\s+)*"
    r"(?P<name>[A-Z][a-z]+)\b(?! at\b)"
    r"|\b(?P<who>[A-Z][a-z]+)\s+(?:took|handled|answered|picked up|dealt with|spoke|logged|"
    r"was the one)\b"
)
_WHO = re.compile(r"\bwho(?:'d|'s|m)?\b", re.I)
_NAME = re.compile(r"(?:(?<=[a-z,:] )|^\W*)(?P<name>[A-Z][a-z]{2,})\b(?!['’-])(?P<who>)")
_NO_NAMES = {
    "I",
    "We",
    "You",
    "It",
    "He",
    "She",
    "They",
    "That",
    "This",
    "Who",
    "Someone",
    "Nobody",
    "The",
    "Our",
    "One",
}


def _handler(bench: Bench, clause: Clause) -> Iterator[Claim]:
    known = {row["handled_by"] for row in bench.scope.interactions if row["handled_by"]}
    if "contact" not in bench.topics or not known:
        return
    asked_who = _WHO.search(bench.question)
    for found in (_NAME if asked_who else _HANDLER).finditer(clause.text):
        name = found["name"] or found["who"]
        if asked_who and (name.lower() in word_list("common") or name in bench.question):
            continue
        if name not in _NO_NAMES:
            right = any(name in who.split() for who in known)
            place = clause.start + found.start("name" if found["name"] else "who")
            status = "current" if right else "wrong"
            yield _claim(bench, ("interaction/", "handled_by"), name, status, place)


# --- when it was ----------------------------------------------------------------------------------

_WHEN = re.compile(r"\bwhen\b|\bwhat time\b|\bhow long ago\b", re.I)
_DATED = {"contact", "payment", "bag", "booking"}


def _moments(bench: Bench, clause: Clause) -> Iterator[Claim]:
    """Times at which nothing happened that the question could mean, and a day that is not today."""
    asked = _WHEN.search(bench.question) and not bench.topics & {*_OF_FLIGHT, "gate"}
    if not asked or not bench.topics & _DATED or supposed(clause, len(clause.text)):
        return
    known = {
        at + shift
        for at in bench.scope.told_at() | _happened(bench)
        for shift in range(-_ROUND, _ROUND + 1)
    }
    known |= {at for said in bench.said for at in said.minutes if said.attribute in _ENDS}
    for one in times(clause.text):
        words = clause.text[one.start : one.end]
        status = "current" if one.minutes & known else "wrong"
        yield _claim(bench, ("", "time"), words, status, clause.start + one.start)
    for found in re.finditer(r"\b(?:yesterday|last night)\b", clause.text, re.I):
        yield _claim(bench, ("", "time"), found[0], "wrong", clause.start + found.start())


def _happened(bench: Bench) -> set[int]:
    """Minutes of the airline's day at which something became of their bookings and bags."""
    things = [("booking", key) for key in bench.scope.bookings]
    things += [("bag", key) for key in bench.scope.bags]
    events = [one.by for kind, key in things for one in bench.history.states(kind, key) if one.by]
    at = [from_rfc3339(one.occurred_at).astimezone(bench.scope.zone) for one in events]
    return {one.hour * 60 + one.minute for one in at}


_ROUND = 5  # minutes by which the time of an event may be rounded
_ENDS = {"departure", "arrival", "scheduled_departure"}

# --- what a message said --------------------------------------------------------------------------

_RETOLD = 3  # words of a message by which an answer is known to retell it


def _retold(bench: Bench) -> Iterator[Claim]:
    """The message of which the answer retells words; told as the last one it must be the last."""
    if "contact" not in bench.topics:
        return
    words = content(bench.answer) - content(bench.question)
    told = [row for row in bench.scope.interactions if len(words & content(row["text"])) >= _RETOLD]
    if not told:
        return
    of = f"interaction/{told[0]['interaction_id']}", "text"
    newest = bench.scope.interactions[0]
    if told[0] is not newest and _LAST.search(f"{bench.question} {bench.answer}"):
        by = bench.history.made_by(newest["interaction_id"])
        yield bench.verdict(of, told[0]["text"][:80], newest["text"][:80], "stale", by)
    else:
        yield _claim(bench, of, "", "current", 0)


_LAST = re.compile(r"\b(?:only|latest|last|most recent|newest)\b", re.I)


# --- reasons --------------------------------------------------------------------------------------

_CAUSES = {
    "weather": r"weather|wx|winter\w*|storm\w*|conditions",
    "snow": r"snow\w*|blizzard",
    "ice": r"(?:de-?)?ic(?:e|ing|ed|y)",
    "fog": r"fog\w*|visibility",
    "wind": r"wind\w*|hurricane",
    "crew": r"crew\w*|pilots?|staff\w*|flight attendants?",
    "technical": r"technical|mechanical|engine|maintenance|repairs?|defect\w*|hydraulic\w*|brakes?",
    "traffic": r"air traffic|congestion|atc|runway",
    "security": r"security",
    "strike": r"strikes?|industrial action|walk-?out",
    "inbound": r"(?:late|late-arriving|incoming|inbound) (?:aircraft|plane|crew|flight)",
    "computer": r"computer|software|it outage|system failure",
    "medical": r"medical|sick\w*|\bill(?:ness)?\b|unwell",
    "train": r"trains?|rail",
}
_WEATHER = {"weather", "snow", "ice", "fog", "wind"}
CAUSE = re.compile("|".join(rf"\b(?P<{name}>{words})\b" for name, words in _CAUSES.items()), re.I)
_BECAUSE = re.compile(
    r"\b(?:because|due to|owing to|reasons?|caus\w+|result of|thanks to|forced|keeping|held up|"
    r"on account of|"
    r"attribut\w+|behind|blame\w*|down to|since|needs?|has to be|awaiting|waiting)\b|[-–—:(/]",
    re.I,
)


def _reasons(bench: Bench, clause: Clause) -> Iterator[Claim]:
    """Causes that a clause gives for what became of a flight."""
    rows = _with_reason(bench)
    if not rows or not (clause.flights or bench.topics & {*_OF_FLIGHT, "booking"}):
        return
    why = asks_why(bench.question)
    for found in CAUSE.finditer(clause.text):
        around = clause.text[: found.start()] + " " + clause.text[found.end() :]
        short = why and (clause.start == 0 or len(clause.text.split()) <= _FEW)
        if supposed(clause, found.start()) or not (short or _BECAUSE.search(around)):
            continue
        if _NOT_FOR.search(clause.text[: found.start()]):
            continue
        right = any(same_cause(str(found.lastgroup), row["reason"]) for _, row in rows)
        if right or why:
            status, key = "current" if right else "wrong", rows[0][0]
            place = clause.start + found.start()
            yield _claim(bench, (key, "reason"), found[0], status, place)


_NOT_FOR = re.compile(
    r"\b(?:not|nothing to do) (?:\w+ )?(?:because of|due to|with|for|by)\W*(?:the |any )?$|\bno $",
    re.I,
)
_FEW = 6  # words of a clause that, asked why, only names the cause


def _booking_reason(bench: Bench) -> Iterator[Claim]:
    """The reason of a cancelled booking, quoted or retold."""
    for key, row in bench.scope.bookings.items() if "booking" in bench.topics else ():
        words = content(row["reason"] or "")
        if len(words & content(bench.answer)) >= _SOME:
            yield _claim(bench, (f"booking/{key}", "reason"), "", "current", 0)


_SOME = 2  # words of a reason by which an answer is known to give it


def same_cause(said: str, reason: str) -> bool:
    true = {str(one.lastgroup) for one in CAUSE.finditer(reason)}
    general = said == "weather" and bool(true & _WEATHER)
    return said in true or general or (said in _WEATHER and "weather" in true)


def _with_reason(bench: Bench) -> list[tuple[str, Row]]:
    bookings = bench.scope.bookings if "booking" in bench.topics else {}
    off = [(f"booking/{key}", row) for key, row in bookings.items() if row["reason"]]
    if off:
        return off
    keys = flight_verdicts.flights_asked(bench)
    flights = [(f"flight/{key}", bench.scope.flights[key]) for key in keys]
    return [(key, row) for key, row in flights if row["reason"]]


_OF_FLIGHT = {"flight_status", "departure", "arrival", "delay"}
