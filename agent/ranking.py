"""The order of documents in a prompt: several rankings of them, fused.

Vectors know what a question is about, words know what it names, and neither knows that "am I still
going?" asks for the flight of one's own booking: that ranking comes from the question's intents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, zip_longest

from agent.clues import channel_asked, payment_asked
from agent.intents import wishes_of
from agent.prompts import table
from pipeline.store import Found

_MOST_POLICIES = 3
_TRIP = ("booking", "flight")


def fused(rankings: Iterable[Sequence[str]], k: int) -> dict[str, float]:
    """Reciprocal rank fusion: id -> sum of 1 / (k + rank) over the rankings that have it.

    Cormack, Clarke and Buettcher, SIGIR 2009. A small `k` lets the first places decide.
    """
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, doc_id in enumerate(ranking, start=1):
            scores[doc_id] = scores.get(doc_id, 0.0) + 1 / (k + rank)
    return scores


def asked_for(question: str, candidates: Sequence[Found]) -> list[str]:
    """The ids of those candidates that are of a kind the question asks for, best first.

    Kinds take turns, and the customer's trip comes last, whatever is asked. Within a kind the
    candidates' own order stays, but for what the question says of its channel, or of refund or
    voucher.

    Args:
        candidates: what is within the customer's reach, newest first, the flight that is meant
            before other flights, policies nearest first.
    """
    channel, payment = channel_asked(question), payment_asked(question)
    kinds = [
        kind for wish in wishes_of(question) for kind in table("retrieval")["kinds"].get(wish, ())
    ]
    kinds += ["interaction"] if channel != "any" else []
    kinds += ["payment"] if payment != "any" else []
    said = {"channel": channel, "payment_type": payment, "direction": "inbound"}

    def fits(one: Found) -> int:
        return sum(one.document.facts.get(name) == value for name, value in said.items())

    groups = []
    for kind in dict.fromkeys(kinds):
        group = [one for one in candidates if one.document.kind == kind]
        group = (
            group[:_MOST_POLICIES] if kind == "policy" else sorted(group, key=fits, reverse=True)
        )
        groups.append([one.document.doc_id for one in group])
    wanted = [doc_id for doc_id in chain.from_iterable(zip_longest(*groups)) if doc_id]
    of_trip = [next(_of_kind(candidates, kind), "") for kind in _TRIP]
    return list(dict.fromkeys([*wanted, *filter(None, of_trip)]))


def in_turns(found: Iterable[Found]) -> list[str]:
    """Their ids with kinds taking turns: the best of each kind, then the second best of each.

    Ten messages about one bag must not keep the bag itself out of sight.
    """
    listed = list(found)
    seen: Counter[str] = Counter()
    turns = []
    for one in listed:
        turns.append(seen[one.document.kind])
        seen[one.document.kind] += 1
    order = sorted(range(len(listed)), key=turns.__getitem__)
    return [listed[place].document.doc_id for place in order]


def _of_kind(found: Iterable[Found], kind: str) -> Iterator[str]:
    return (one.document.doc_id for one in found if one.document.kind == kind)
