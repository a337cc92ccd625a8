"""The verdict of the rules and that of the learned reader, made one; its claims follow it.

The rules read what a text states and can say why; the reader knows how such texts are meant. The
verdict with the highest score is the answer's, where that of the rules counts `_TRUST` more, and
stands where they name the event that made it so and no value of the answer holds now. What is
quoted of a policy is evidence by itself, for the rules alone: its words are values of nothing.
Where the two differ, claims that the verdict contradicts are dropped, and if none is left that
bears it out, the values that do are named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from agent.answer import Claim, Status
from agent.judge import asked, learned, masking, standing
from agent.judge.bench import Bench
from agent.judge.clauses import is_offer
from agent.judge.features import Features, features, says_yes_or_no
from agent.judge.flight_values import Value
from agent.words import sentences

_TRUST = 0.25  # score by which the rules' verdict counts more, chosen by cross-validation
_ALLOWED: Mapping[Status, set[str]] = {
    "wrong": {"wrong", "stale", "current"},
    "stale": {"stale", "current"},
    "missing": {"missing", "current"},
    "current": {"current"},
    "none": set(),
}
"""Verdict of an answer -> those that its claims may have."""
_BORNE_OUT: Mapping[Status, set[str]] = {
    "wrong": {"no", "other", "second"},
    "stale": {"old", "dead", "left"},
    "current": {"now", "own", "event"},
}
"""Verdict of an answer -> standings of values that bear it out."""


def settled(bench: Bench, status: Status, found: Sequence[Claim]) -> tuple[Status, list[Claim]]:
    """The verdict of an answer and its claims.

    Args:
        status: the rules' verdict, `found` their claims.
    """
    lesson, answer = read(bench)
    scores = learned.reader().scores(lesson)
    best = max(scores, key=lambda one: scores[one] + _TRUST * (one == status))
    values = [one for one in answer.values if not bench.in_quote(one[0])]
    if best == status or _stands(bench, status, best, found, values):
        return status, list(found)
    if (
        best == "current"
        and status in ("missing", "none")
        and not (_says(values) or says_yes_or_no(answer.words))
    ):
        return status, list(found)  # nothing that the record knows is in it
    if best in _BORNE_OUT and _only_offers(bench, values):
        return status, list(found)
    kept = [one for one in found if one.status in _ALLOWED[best]]
    if best == "none" or any(one.status == best for one in kept):
        return best, kept
    if best == "missing":
        return best, [*kept, *(_known(bench) or [_claim(bench, _WHOLE, "", best)])]
    named = [
        _claim(bench, kind, bench.answer[start:end], best).model_copy(
            update={"start": start, "end": end}
        )
        for start, end, kind in _bearing_out(best, values)
    ]
    return best, [*kept, *(named or [_claim(bench, _WHOLE, "", best)])]


def _says(values: Sequence[Value]) -> bool:
    """Whether any of these is more than a noun for a thing that there is."""
    return any(not word.startswith("there:") for _, _, word in values)


def _bearing_out(verdict: Status, values: Sequence[Value]) -> list[tuple[int, int, str]]:
    """(start, end, kind) of the values that bear a verdict out."""
    return [
        (start, end, word.split(":")[0])
        for start, end, word in values
        if word.split(":")[1].split()[0] in _BORNE_OUT[verdict] and end > start
    ]


def _stands(
    bench: Bench, status: Status, best: Status, found: Sequence[Claim], values: Sequence[Value]
) -> bool:
    """Whether the rules' verdict stands, whatever the reader makes of the words.

    Args:
        values: those of the answer that are not in what it quotes of a policy.
    """
    if _proven(status, found) and not _bearing_out("current", values):
        return True
    if status == "stale" and best == "current" and _of_flight_left(bench, found):
        return True  # what is true of that flight is not true of theirs
    quoted = {
        one.status for one in found if one.attribute == "policy" and bench.in_quote(one.start)
    }
    if not quoted:
        return False
    if best in _BORNE_OUT and not _bearing_out(best, values):
        return True  # the words of a rule bear nothing out
    # What was superseded is no better for what is true beside it.
    return status == "stale" and "stale" in quoted and best != "wrong"


def _of_flight_left(bench: Bench, found: Sequence[Claim]) -> bool:
    """Whether an answer speaks of a flight that the customer was taken off, and not of theirs.

    Where their booking may be asked for, or they fly no more, it may be told as history.
    """
    now = bench.sure and "booking" not in bench.topics
    left = any(one.attribute == "flight" and one.superseded_by for one in found)
    own = {f"flight/{key}" for key in bench.scope.own_flights}
    told = {one.entity for one in found if one.status == "current" and one.attribute != "reason"}
    return left and now and bool(own) and not own & told


def _proven(status: Status, found: Sequence[Claim]) -> bool:
    """Whether the rules can name the event that made the answer what they say."""
    return status == "stale" and any(one.superseded_by for one in found)


def read(bench: Bench) -> tuple[Features, masking.Masked]:
    """What the learned reader is given of an answer, and the answer masked."""
    known = standing.known(bench.history, bench.scope, bench.question)
    question = masking.masked(known, bench.question)
    answer = masking.masked(known, bench.answer)
    topics = {one.attribute for one in _known(bench)}
    return features(bench.topics, topics, question.words, answer.words), answer


def _known(bench: Bench) -> list[Claim]:
    """What the record knows of what was asked: all that an answer that says nothing misses."""
    return asked.missing(replace(bench, answer="", said=(), sure=True), ())


_WHOLE = "answer"
"""Attribute of a claim that is not of one value but of the answer as a whole."""


def _claim(bench: Bench, kind: str, said: str, status: str) -> Claim:
    true = said if status == "current" else ""
    return bench.verdict(("", kind), said, true, status, None)


def _only_offers(bench: Bench, values: Sequence[Value]) -> bool:
    """Whether every value stands in an offer or a question, and so is not stated."""
    offers = [one for one in sentences(bench.answer) if is_offer(one.text)]
    spans = [(one.start, one.start + len(one.text)) for one in offers]
    return bool(spans) and all(any(a <= at < b for a, b in spans) for at, _, _ in values)
