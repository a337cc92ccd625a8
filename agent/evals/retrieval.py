"""Retrieval against 500 questions whose answering documents are known: recall@5.

Who is asked about and what is drawn (seeded) from the record of the default airline in the evening
of a stormy day; the wordings are those of `data/agent/eval/retrieval.toml`. The gold documents of a
question are those that hold its answer: the newest of their kind where there are several.
Recall@5 is the share of them among the first five retrieved, averaged over the questions.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from agent.evals.confusion import Report
from agent.evals.default_world import DefaultWorld, default_world
from agent.prompts import table
from agent.retrieval import Query, RetrievalSettings, retrieve
from pipeline.documents import Document
from pipeline.store import ContextStore

METRIC = "recall_at_5"
FLOOR = 0.98
QUESTIONS = 500
FIRST = 5
_SEED = 5


@dataclass(frozen=True)
class Case:
    """A customer's question and the documents that hold the answer."""

    kind: str
    customer: str
    question: str
    gold: tuple[str, ...]


def run() -> Report:
    """Recall@5 in all and by kind, and the questions whose documents were missed."""
    with default_world(arms=("stream",)) as world:
        asked = cases(world)
        found = retrieved(world, asked)
    return report(asked, found)


def retrieved(world: DefaultWorld, asked: list[Case]) -> list[list[str]]:
    """The ids of the documents retrieved for each case, best first."""
    [store] = world.stores.values()
    vectors = world.encoder.encode([one.question for one in asked])
    return [
        _ids(store, Query(one.question, vector, one.customer, world.now))
        for one, vector in zip(asked, vectors, strict=True)
    ]


def _ids(store: ContextStore, query: Query) -> list[str]:
    return [one.document.doc_id for one in retrieve(store, query, RetrievalSettings())]


def report(asked: list[Case], found: list[list[str]]) -> Report:
    """Recall@5 by kind and in all of questions and what was retrieved for them."""
    recalls: dict[str, list[float]] = {}
    missed = []
    for one, ids in zip(asked, found, strict=True):
        recall = len({*one.gold} & {*ids[:FIRST]}) / len(one.gold)
        recalls.setdefault(one.kind, []).append(recall)
        if recall < 1:
            missed.append({"question": one.question, "gold": one.gold, "found": ids[:FIRST]})
    every = [recall for of_kind in recalls.values() for recall in of_kind]
    return {
        "cases": len(asked),
        METRIC: round(sum(every) / len(every), 4),
        "kinds": {
            kind: {"cases": len(of_kind), METRIC: round(sum(of_kind) / len(of_kind), 4)}
            for kind, of_kind in recalls.items()
        },
        "missed": missed,
    }


def as_table(figures: Report) -> str:
    """The report for people: a line a kind, then what was missed."""
    rows = [
        f"{kind:<20}{one['cases']:>7}{one[METRIC]:>10.1%}" for kind, one in figures["kinds"].items()
    ]
    missed = [
        f"  missed {', '.join(one['gold'])}: {one['question']} -> {', '.join(one['found'])}"
        for one in figures["missed"]
    ]
    head = f"{'kind':<20}{'cases':>7}{'recall@5':>10}"
    total = f"{figures['cases']} cases, recall@5 {figures[METRIC]:.1%}"
    return "\n".join([head, *rows, total, *missed])


def passes(figures: Report) -> bool:
    """Whether the recall reached is no less than the floor."""
    return bool(figures[METRIC] >= FLOOR)


# --- the questions --------------------------------------------------------------------------------


def cases(world: DefaultWorld) -> list[Case]:
    """The questions: each policy's wordings once, the other kinds in equal parts."""
    chance = random.Random(_SEED)
    wordings = table("eval/retrieval")
    made = list(_policies(world, wordings["policy"], chance))
    subjects = _subjects(world)
    kinds = list(wordings["wordings"])
    for place in range(QUESTIONS - len(made)):
        kind = kinds[place % len(kinds)]
        drawn = chance.choice(subjects[kind])
        question = chance.choice(wordings["wordings"][kind].strip().splitlines())
        for name, key in drawn.named.items():
            question = question.replace(name, _typed(name, key, chance))
        made.append(Case(kind, drawn.customer or chance.choice(world.busy), question, drawn.gold))
    return made


def _policies(
    world: DefaultWorld, wordings: Mapping[str, str], chance: random.Random
) -> Iterator[Case]:
    for slug, questions in wordings.items():
        for question in questions.strip().splitlines():
            yield Case("policy", chance.choice(world.busy), question, (f"policy/{slug}",))


def _typed(name: str, key: str, chance: random.Random) -> str:
    """An id in one of the forms in which people type it."""
    forms = {
        "FLIGHT": [key, f"{key[:2]} {key[2:]}", key.lower()],
        "LOCATOR": [key, f"booking {key}", key.lower()],
        "TAG": [key, f"bag {key}"],
    }
    return chance.choice(forms[name])


# --- what they are about --------------------------------------------------------------------------


@dataclass(frozen=True)
class Subject:
    """What a question can be about: who asks, what holds the answer, which ids it may name."""

    customer: str | None  # None: anybody may ask
    gold: tuple[str, ...]
    named: Mapping[str, str] = field(default_factory=dict)


def _subjects(world: DefaultWorld) -> dict[str, list[Subject]]:
    """All that the questions of each kind can be about, from the documents themselves."""
    [store] = world.stores.values()
    of_kind: dict[str, list[Document]] = {}
    for one in store.contents():
        of_kind.setdefault(one.kind, []).append(one)
    today = world.now.date().isoformat()
    flights = [one for one in of_kind["flight"] if one.facts["date"] == today]
    bookings = [one for one in of_kind["booking"] if one.facts["status"] == "confirmed"]
    bags = [one for one in of_kind["bag"] if one.customer_ids]
    # Of a customer who has one, "my booking" and "my bag" are clear; "my flight" if it has one leg.
    only = _only(bookings)
    one_leg = [one for one in only if len(_legs(one)) == 1 and _legs(one)[0].endswith(today)]
    bag_of = {one.customer_ids: one for one in _only(bags)}
    return {
        "flight_by_number": [
            Subject(None, (one.doc_id,), {"FLIGHT": one.facts["flight_number"]}) for one in flights
        ],
        "own_flight": [_of(one, _legs(one)[0]) for one in one_leg],
        "own_flight_and_seat": [_of(one, _legs(one)[0], one.doc_id) for one in one_leg],
        "seat_on_flight": [
            _of(one, one.doc_id, FLIGHT=leg.split("/")[1]) for one in bookings for leg in _legs(one)
        ],
        "own_booking": [_of(one, one.doc_id) for one in only],
        "own_booking_and_bag": [
            _of(one, one.doc_id, bag_of[one.customer_ids].doc_id)
            for one in only
            if one.customer_ids in bag_of
        ],
        "booking_by_locator": [
            _of(one, one.doc_id, LOCATOR=one.facts["locator"]) for one in bookings
        ],
        "bag_by_tag": [_of(one, one.doc_id, TAG=one.facts["tag"]) for one in bags],
        "own_bag": [_of(one, one.doc_id) for one in bag_of.values()],
        "tier": [_of(one, one.doc_id) for one in of_kind["customer"]],
        **{
            channel: _newest(of_kind["interaction"], channel=channel, direction="inbound")
            for channel in ("tweet", "chat", "call", "email")
        },
        "refund": _newest(of_kind["payment"], payment_type="refunded"),
        "voucher": _newest(of_kind["payment"], payment_type="voucher_issued"),
    }


def _of(document: Document, *gold: str, **named: str) -> Subject:
    return Subject(document.customer_ids[0], gold, named)


def _legs(booking: Document) -> list[str]:
    return [one for one in booking.entities if one.startswith("flight/")]


def _only(documents: Iterable[Document]) -> list[Document]:
    """Those whose customer has no other of these."""
    listed = list(documents)
    count = Counter(one.customer_ids for one in listed)
    return [one for one in listed if count[one.customer_ids] == 1]


def _newest(documents: Iterable[Document], **facts: str) -> list[Subject]:
    """A customer's newest document that has these facts."""
    newest: dict[tuple[str, ...], Document] = {}
    for one in sorted(documents, key=lambda one: (one.occurred_at, one.version)):
        if facts.items() <= one.facts.items():
            newest[one.customer_ids] = one
    return [_of(one, one.doc_id) for one in newest.values()]
