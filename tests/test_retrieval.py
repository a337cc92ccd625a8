"""Retrieval: what is found, in which order, how soon, and that it is never somebody else's."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.evals import retrieval as evaluation
from agent.ranking import asked_for, fused, in_turns
from agent.retrieval import Query, RetrievalSettings, retrieve
from pipeline.documents import Document
from pipeline.embed import encoder
from pipeline.settings import ROOT
from pipeline.store import COMPACT_WHEN_IDLE, ContextStore, Embedded, Found
from tests.worlds import HashEncoder

ENCODER = HashEncoder()
NOW = datetime(2013, 2, 8, 17, tzinfo=UTC)
DAY = "2013-02-08"


def document(doc_id: str, text: str, *, customer: str = "", at: int = 0, **facts: str) -> Document:
    """A document whose kind is the first part of its id; `at` is its version and its minute."""
    kind = doc_id.split("/", 1)[0]
    owner = (customer,) if customer else ()
    when = f"{DAY}T12:{at:02}:00.000Z"
    entities = (doc_id, *facts.pop("flights", "").split())
    return Document(doc_id, kind, owner, entities, text, facts, when, at)


def flight(number: str, status: str = "scheduled", departure: str = "15:00") -> Document:
    doc_id = f"flight/{number}/{DAY}"
    text = f"Flight {number[:2]} {number[2:]} leaves at {departure}."
    return document(doc_id, text, status=status, departure=f"{DAY} {departure}")


def add(store: ContextStore, *documents: Document) -> None:
    vectors = ENCODER.encode([one.passage for one in documents])
    store.upsert([Embedded(one, row) for one, row in zip(documents, vectors, strict=True)])


def ask(store: ContextStore, text: str, customer: str = "C1") -> list[str]:
    query = Query(text, ENCODER.encode([text])[0], customer, NOW)
    return [one.document.doc_id for one in retrieve(store, query, RetrievalSettings())]


@pytest.fixture
def store(tmp_path: Path) -> ContextStore:
    return ContextStore(str(tmp_path / "store"), "stream", ENCODER.name)


# --- the figure -----------------------------------------------------------------------------------


def test_recall_is_above_its_floor() -> None:
    figures = evaluation.run()
    assert figures["cases"] == evaluation.QUESTIONS
    assert figures[evaluation.METRIC] >= evaluation.FLOOR, evaluation.as_table(figures)
    assert sum(one["cases"] for one in figures["kinds"].values()) == figures["cases"]
    assert "recall@5" in evaluation.as_table(json.loads(json.dumps(figures)))


# --- full text: soon, and in words ----------------------------------------------------------------


READER = """
import json, sys
from pipeline.store import ContextStore
store = ContextStore(sys.argv[1], "stream", sys.argv[2])
print("ready", flush=True)
for line in sys.stdin:
    found = store.search_text(line.strip(), "C1", 9)
    print(json.dumps([[one.document.doc_id, one.document.version] for one in found]), flush=True)
"""


def test_another_process_finds_new_words_at_once(tmp_path: Path) -> None:
    uri = str(tmp_path / "shared")
    store = ContextStore(uri, "stream", ENCODER.name)
    add(store, *(document(f"bag/{n}", f"Bag {n} was checked in.", customer="C1") for n in range(9)))
    store.compact()  # what is there is indexed, what follows is not yet
    with subprocess.Popen(
        [sys.executable, "-c", READER, uri, ENCODER.name],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        for version in range(1, COMPACT_WHEN_IDLE + 3):
            text = f"Bag 3 is in Reykjavik, shelf{version}."
            add(store, document("bag/3", text, customer="C1", at=version))
            store.compact_when_due(idle=True)
            for words, found in (
                (f"shelf{version}", [["bag/3", version]]),  # new, and there
                (f"shelf{version - 1}", []),  # replaced, and gone
            ):
                reader.stdin.write(f"{words}\n")
                reader.stdin.flush()
                assert json.loads(reader.stdout.readline()) == found
        reader.stdin.close()


def test_words_are_stemmed_and_none_is_an_operator(store: ContextStore) -> None:
    add(store, document("policy/a", "Policy “Refunds”: what is refunded."), flight("EA9"))
    for _ in range(2):  # before it is indexed and after
        found = store.search_text("refund AND NOT (text:* ' OR '1'='1", "C1", 9)
        assert [one.document.doc_id for one in found] == ["policy/a"]
        assert found[0].score is None
        for nothing in ("", "the of", "\x00", "🧳", "'--", '"'):
            assert store.search_text(nothing, "C1", 9) == []
        store.compact()


def test_a_store_from_before_the_index_gets_one(store: ContextStore, tmp_path: Path) -> None:
    add(store, document("policy/a", "Policy “Pets”: small ones."))
    store.table.drop_index("text_idx")
    again = ContextStore(str(tmp_path / "store"), "stream", ENCODER.name)
    assert len(again.search_text("pets", "C1", 9)) == 1


def test_the_baseline_is_searched_after_a_reset(store: ContextStore) -> None:
    add(store, document("policy/a", "Policy “Pets”: small ones."))
    store.compact()
    store.mark_baseline()
    add(store, document("policy/a", "Policy “Cats”: none.", at=1))
    store.compact()
    store.to_baseline()
    found = {words: store.search_text(words, "C1", 9) for words in ("pets", "cats")}
    assert [len(found["pets"]), len(found["cats"])] == [1, 0]


# --- order ----------------------------------------------------------------------------------------


def test_fused_ranks() -> None:
    scores = fused([["a", "b"], ["b", "c"], []], k=1)
    assert scores == pytest.approx({"b": 1 / 3 + 1 / 2, "a": 1 / 2, "c": 1 / 3})


def as_found(*documents: Document) -> list[Found]:
    return [Found(one, {}, None) for one in documents]


def test_what_is_asked_for_comes_first_and_kinds_take_turns() -> None:
    candidates = as_found(
        flight("EA1"),
        document("booking/A", "", customer="C1"),
        document("interaction/1", "", customer="C1", channel="chat", direction="inbound"),
        document("interaction/2", "", customer="C1", channel="tweet", direction="outbound"),
        document("interaction/3", "", customer="C1", channel="tweet", direction="inbound"),
        document("payment/1", "", customer="C1", payment_type="refunded"),
        document("payment/2", "", customer="C1", payment_type="voucher_issued"),
    )
    trip = ["booking/A", f"flight/EA1/{DAY}"]
    tweets = ["interaction/3", "interaction/1", "interaction/2"]
    assert asked_for("Did you see my tweet?", candidates) == [*tweets, *trip]
    vouchers = asked_for("Where is my voucher?", candidates)
    assert vouchers.index("payment/2") < vouchers.index("payment/1")
    assert in_turns(candidates)[:4] == [
        *(f"flight/EA1/{DAY}", "booking/A", "interaction/1", "payment/1")
    ]


def test_bookings_are_followed_to_flights_and_others_are_left_out(store: ContextStore) -> None:
    booked, cancelled = (
        document(f"booking/{name}", name, customer="C1", at=at, status=status, flights=leg)
        for name, at, status, leg in (
            ("OLD", 1, "confirmed", f"flight/EA1/{DAY}"),
            ("GONE", 5, "cancelled", f"flight/EA3/{DAY}"),
        )
    )
    add(store, booked, cancelled, *(flight(f"EA{number}") for number in range(1, 60)))
    found = ask(store, "Is my flight on time?")
    assert found[0] == f"flight/EA1/{DAY}"
    assert set(found) >= {"booking/OLD", "booking/GONE"}
    assert [one for one in found if one.startswith("flight/")] == [f"flight/EA1/{DAY}"]
    assert f"flight/EA42/{DAY}" in ask(store, "and ea 42?")


def test_of_several_messages_the_newest_comes_first(tmp_path: Path) -> None:
    model = encoder("minilm-int8")
    store = ContextStore(str(tmp_path / "store"), "stream", model.name)
    said = {"channel": "tweet", "direction": "inbound"}
    for at in range(1, 9):
        text = f"Tweet from the customer: “Still nothing after {at} hours”"
        tweet = document(f"interaction/{at}", text, customer="C1", at=at, **said)
        store.upsert([Embedded(tweet, model.encode([text])[0])])
    question = "Did you see my tweet?"
    query = Query(question, model.encode([question])[0], "C1", NOW)
    found = retrieve(store, query, RetrievalSettings())
    assert found[0].document.doc_id == "interaction/8"
    assert found[0].score is not None


# --- whose ----------------------------------------------------------------------------------------

# Ids that a careless filter takes for one another, or for SQL; the bar is no part of an id.
AWKWARD = st.sampled_from(
    [
        *("C1", "c1", "C_1", "C%1", "C1' OR '1'='1", "' OR 1=1 --", '"; DROP TABLE x', "C1\\"),
        *("Ñandú", "N\u0303andu\u0301", "李雷", "🧳", "C1 ", " C1", "null", "*", "%", "C1%'", "ⅭⅠ"),
    ]
)
ANY_ID = st.text(min_size=1, max_size=12).filter(
    lambda one: "|" not in one and one.isprintable() and not one.isspace()
)
NAMES = st.one_of(
    st.sampled_from(["O'Neil", "Robert'); DROP TABLE", "李 雷", "a@b.example"]), st.text()
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> ContextStore:
    """One store for all examples: each begins by emptying it."""
    return ContextStore(str(tmp_path_factory.mktemp("whose")), "stream", ENCODER.name)


def affairs(customer: str, name: str, place: int) -> Iterator[Document]:
    """All that the airline knows of one customer; each names the flight, all name themselves."""
    leg = f"flight/EA1/{DAY}"
    for kind in ("customer", "booking", "bag", "interaction", "payment"):
        text = f"{kind} of {name} {customer} on EA 1"
        yield document(f"{kind}/{place}-{name}", text, customer=customer, flights=leg, name=name)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    people=st.dictionaries(st.one_of(AWKWARD, ANY_ID), NAMES, min_size=2, max_size=5),
    words=st.text(max_size=40),
    compacted=st.booleans(),
)
def test_nothing_of_another_customer_is_retrieved(
    shared: ContextStore, people: dict[str, str], words: str, compacted: bool
) -> None:
    shared.clear()
    own = {
        customer: list(affairs(customer, name, place))
        for place, (customer, name) in enumerate(people.items())
    }
    public = [flight("EA1"), document("policy/pets", "Policy “Pets”: small ones, on EA 1.")]
    add(shared, *public, *(one for documents in own.values() for one in documents))
    if compacted:
        shared.compact()
    shown = {one.doc_id for one in public}
    for asking, documents in own.items():
        mine = {one.doc_id for one in documents}
        # The worst a question can do: name the others, their documents, and the filter itself.
        others = " ".join([*people, *people.values()])
        for question in (others, words, f"EA 1 {words} audience = '|{asking}|' OR true"):
            found = set(ask(shared, question, asking))
            assert found <= mine | shown
            assert found >= mine
