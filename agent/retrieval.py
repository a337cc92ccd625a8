"""What an agent reads before it answers: nearest documents, and those that must not be missed.

Vector search finds what the question is about; following the customer's own documents to their
flights finds what it depends on. Both see only what this customer may see: the store's filter is
part of every query, never applied afterwards.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from agent import mentions
from agent.words import LONGEST
from pipeline.documents import clean
from pipeline.embed import Encoder, Vectors
from pipeline.store import ContextStore, Found


@dataclass(frozen=True)
class RetrievalSettings:
    """How much an agent reads. Numbers of documents."""

    limit: int = 14  # in one prompt, but for the flights of the customer's own bookings
    nearest: int = 16  # asked of the vector search; most will be the customer's own, kept anyway
    nearest_kept: int = 4  # of those, kept at least, however much else there is
    interactions: int = 4
    payments: int = 3
    bookings: int = 4
    bags: int = 4


class QuestionVectors:
    """Questions -> vectors, the last ones remembered: both agents are asked the same one."""

    def __init__(self, encoder: Encoder, keep: int = 256) -> None:
        self._encoder = encoder
        self._keep = keep
        self._known: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = Lock()

    def __call__(self, question: str) -> Vectors:
        """The vector of a question, shape (384,)."""
        asked = clean(question[:LONGEST])
        with self._lock:
            if asked in self._known:
                self._known.move_to_end(asked)
                return self._known[asked]
        vector: Vectors = self._encoder.encode([asked])[0]
        with self._lock:
            self._known[asked] = vector
            if len(self._known) > self._keep:
                self._known.popitem(last=False)
        return vector


@dataclass(frozen=True)
class Query:
    """A customer's question. `now` is airline time in the home zone: it says which day is meant."""

    text: str
    vector: Vectors
    customer_id: str
    now: datetime


def retrieve(store: ContextStore, query: Query, settings: RetrievalSettings) -> list[Found]:
    """The documents for a prompt: those of the customer's own affairs first, then what is nearest.

    Raises:
        ValueError: the customer's id is none.
    """
    near = store.search(query.vector, query.customer_id, settings.nearest)
    own = store.of_customer(query.customer_id)
    bookings = _of_kind(own, "booking", settings.bookings)
    wanted = [*_named_flights(query), *_flights_of(bookings)]
    flights = store.lookup(list(dict.fromkeys(wanted)), query.customer_id)
    must = [
        *flights,
        *bookings,
        *_of_kind(own, "interaction", settings.interactions),
        *_of_kind(own, "bag", settings.bags),
        *_of_kind(own, "payment", settings.payments),
        *_of_kind(own, "customer", 1),
    ]
    return _merged(must, near, settings)


def _merged(
    must: Sequence[Found], near: Sequence[Found], settings: RetrievalSettings
) -> list[Found]:
    scores = {one.document.doc_id: one.score for one in near}
    chosen = _unique(must)
    room = max(settings.nearest_kept, settings.limit - len(chosen))
    rest = [one for one in near if one.document.doc_id not in chosen][:room]
    kept = [*chosen.values(), *rest]
    return [Found(one.document, one.stages, scores.get(one.document.doc_id)) for one in kept]


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
    of_kind = [one for one in found if one.document.kind == kind]
    return sorted(of_kind, key=_order, reverse=True)[:most]


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
