"""What an agent reads before it answers: the documents found, and those that must not be missed.

Vector search finds what the question is about, full-text search what it names, and following the
customer's own documents to their flights what it depends on; the rankings are fused. All see only
what this customer may see: the store's filter is part of every query, never applied afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent import mentions
from agent.ranking import asked_for, fused, in_turns
from pipeline.documents import spoken_flight
from pipeline.embed import Vectors
from pipeline.store import ContextStore, Found


@dataclass(frozen=True)
class RetrievalSettings:
    """How much an agent reads. Numbers of documents."""

    limit: int = 14  # in one prompt, but for the flights of the customer's own bookings
    nearest: int = 32  # asked of the vector search and of the full-text search each
    nearest_kept: int = 4  # of those, kept at least, however much else there is
    fusion_k: int = (
        1  # of reciprocal rank fusion; the rankings are short, so that first places count
    )
    alike: float = 0.05  # cosine distances that are taken for one, so that the newest comes first
    interactions: int = 4
    payments: int = 3
    bookings: int = 4
    bags: int = 4


@dataclass(frozen=True)
class Query:
    """A customer's question. `now` is airline time in the home zone: it says which day is meant."""

    text: str
    vector: Vectors
    customer_id: str
    now: datetime


# A query waits for the store more than it computes: two at once take little longer than one.
_BESIDE = ThreadPoolExecutor(8, thread_name_prefix="retrieval")


def own_documents(store: ContextStore, customer_id: str) -> Future[list[Found]]:
    """What is the customer's own, fetched while the question is embedded.

    Its `result()` raises ValueError where the customer's id is none.
    """
    return _BESIDE.submit(store.of_customer, customer_id)


def retrieve(
    store: ContextStore,
    query: Query,
    settings: RetrievalSettings,
    own_found: Future[list[Found]] | None = None,
) -> list[Found]:
    """The documents for a prompt, those that answer the question first.

    Of the thousands of flights only those within reach are searched: the ones the question names
    and the ones of the customer's own bookings. The others are all alike to a vector.

    Args:
        own_found: `own_documents` of the customer, where it was called before.

    Raises:
        ValueError: the customer's id is none.
    """
    customer = query.customer_id
    fetched = own_found or own_documents(store, customer)
    own = sorted(fetched.result(), key=_order, reverse=True)
    bookings = _of_kind(own, "booking", settings.bookings)
    legs, named = _flights_of(bookings), _named_flights(query)
    reach = list(dict.fromkeys([*legs, *named]))
    by_words = _BESIDE.submit(
        store.search_text, _words(query), customer, settings.nearest, flights=reach
    )
    near = _newest_of_alike(
        store.search(query.vector, customer, settings.nearest, flights=reach), settings.alike
    )
    words = by_words.result()
    flights = _meant_first(_flights(store, query, near, reach, settings.nearest), legs, named)
    must = [
        *flights,
        *bookings,
        *_of_kind(own, "interaction", settings.interactions),
        *_of_kind(own, "bag", settings.bags),
        *_of_kind(own, "payment", settings.payments),
        *_of_kind(own, "customer", 1),
    ]
    within = {one.document.doc_id for one in [*own, *flights]}
    policies = [one for one in near if one.document.kind == "policy"]
    scores = fused(
        [
            _ids(one for one in near if one.document.kind != "flight"),
            _ids(words),
            in_turns(one for one in near if one.document.doc_id in within),
            asked_for(query.text, [*flights, *own, *policies]),
        ],
        settings.fusion_k,
    )
    return _kept(must, [*near, *words, *own], scores, settings)


def _kept(
    must: Sequence[Found],
    others: Sequence[Found],
    scores: Mapping[str, float],
    settings: RetrievalSettings,
) -> list[Found]:
    """What must be there and the best of the others, by score; each with its vector distance."""
    distances = {one.document.doc_id: one.score for one in others if one.score is not None}
    chosen = _unique(must)
    room = max(settings.nearest_kept, settings.limit - len(chosen))
    rest = [one for one in _unique(others).values() if one.document.doc_id not in chosen]
    rest.sort(key=lambda one: scores.get(one.document.doc_id, 0.0), reverse=True)
    kept = [*chosen.values(), *rest[:room]]
    kept.sort(key=lambda one: scores.get(one.document.doc_id, 0.0), reverse=True)
    return [Found(one.document, one.stages, distances.get(one.document.doc_id)) for one in kept]


def _newest_of_alike(near: Iterable[Found], alike: float) -> list[Found]:
    """Nearest first, but of those that are about equally near the newest."""
    newest_first = sorted(near, key=lambda one: one.document.occurred_at, reverse=True)
    return sorted(newest_first, key=lambda one: round((one.score or 0.0) / alike))


def _flights(
    store: ContextStore, query: Query, near: Sequence[Found], reach: Sequence[str], limit: int
) -> list[Found]:
    """The flights within reach; those that a full search may have left out are looked up."""
    found = [one for one in near if one.document.kind == "flight"]
    if len(near) < limit:  # it gave all that there is
        return found
    missing = set(reach) - set(_ids(found))
    return [*found, *store.lookup(sorted(missing), query.customer_id)]


def _meant_first(
    flights: Sequence[Found], legs: Sequence[str], named: Sequence[str]
) -> list[Found]:
    """The flights that a question names before the customer's own, and what is over last."""

    def key(one: Found) -> tuple[bool, bool, bool, str]:
        doc_id, facts = one.document.doc_id, one.document.facts
        over = facts["status"] in ("departed", "landed")
        is_leg = doc_id in legs
        return doc_id not in named, not is_leg, over, facts["departure"]

    return sorted(flights, key=key)


def _words(query: Query) -> str:
    """The question as documents would say it: flight numbers are written in two words there."""
    numbers = dict.fromkeys(one.key for one in mentions.flights(query.text))
    return " ".join([query.text, *map(spoken_flight, numbers)])


def _ids(found: Iterable[Found]) -> list[str]:
    return [one.document.doc_id for one in found]


def _unique(found: Iterable[Found]) -> dict[str, Found]:
    """One of each document: the newest version, in the place of the first."""
    kept: dict[str, Found] = {}
    for one in found:
        doc_id = one.document.doc_id
        if doc_id not in kept or kept[doc_id].document.version < one.document.version:
            kept[doc_id] = one
    return kept


def _order(one: Found) -> tuple[bool, str, int]:
    """What stands before what was cancelled, then by newness."""
    document = one.document
    stands = document.facts.get("status") != "cancelled"
    return stands, document.occurred_at, document.version


def _of_kind(found: Iterable[Found], kind: str, most: int) -> list[Found]:
    return [one for one in found if one.document.kind == kind][:most]


def _flights_of(bookings: Iterable[Found]) -> list[str]:
    return [
        entity
        for one in bookings
        if one.document.facts.get("status") != "cancelled"
        for entity in one.document.entities
        if entity.startswith("flight/")
    ]


def _named_flights(query: Query) -> list[str]:
    """Flights that the question names, of the days around today unless it names the day too."""
    today = query.now.date()
    days = mentions.days(query.text, today) or [today + timedelta(n) for n in (0, 1, -1)]
    numbers = dict.fromkeys(one.key for one in mentions.flights(query.text))
    return [f"flight/{number}/{day.isoformat()}" for number in list(numbers)[:3] for day in days]
