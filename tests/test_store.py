"""The context stores: no document goes back or is shown to others, and a write shows at once."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import store as store_module
from pipeline.documents import Document
from pipeline.embed import WrongEncoder
from pipeline.settings import ROOT
from pipeline.store import (
    COMPACT_EVERY,
    COMPACT_WHEN_IDLE,
    STAGE_TIMES,
    ContextStore,
    Embedded,
    Forgotten,
    Found,
)
from tests.worlds import HashEncoder

ENCODER = HashEncoder()
COUNT = itertools.count()


def document(key: str, version: int = 0, customer: str = "", text: str = "") -> Document:
    return Document(
        doc_id=key,
        kind="customer",
        customer_ids=(customer,) if customer else (),
        entities=(key,),
        text=text or f"{key} in version {version}",
        facts={"version": str(version)},
        occurred_at="2013-02-08T17:00:00.000Z",
        version=version,
    )


def embedded(*made: Document) -> list[Embedded]:
    vectors = ENCODER.encode([one.passage for one in made])
    return [Embedded(one, vector) for one, vector in zip(made, vectors, strict=True)]


def new_store(home: Path) -> ContextStore:
    return ContextStore(str(home / f"store-{next(COUNT)}"), "stream", ENCODER.name)


@pytest.fixture
def store(tmp_path: Path) -> ContextStore:
    return new_store(tmp_path)


# --- no going back --------------------------------------------------------------------------------

UPSERT = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=5)


@given(st.lists(UPSERT, max_size=8))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_document_ever_goes_back(tmp_path: Path, upserts: list[list[tuple[str, int]]]) -> None:
    store, newest = new_store(tmp_path), dict[str, int]()
    for upsert in upserts:
        store.upsert(embedded(*(document(key, version) for key, version in upsert)))
        for key, version in upsert:
            newest[key] = max(version, newest.get(key, 0))
        assert store.contents() == [document(key, newest[key]) for key in sorted(newest)]


def test_the_same_version_again_changes_nothing(store: ContextStore) -> None:
    first, other = document("a", 3), replace(document("a", 3), text="another text")
    store.upsert(embedded(first))
    store.upsert(embedded(other))
    assert store.contents() == [first]


def test_a_new_version_is_found_by_its_new_vector(store: ContextStore) -> None:
    store.upsert(embedded(document("a", 1, text="old"), document("b", 1, text="rest")))
    store.upsert(embedded(document("a", 2, text="new")))
    for text, key, score in (("new", "a", 0.0), ("rest", "b", 0.0)):
        [found] = store.search(ENCODER.encode([text])[0], "C1", 1)
        assert found.document.doc_id == key
        assert found.score == pytest.approx(score, abs=1e-5)
    [nearest, *_] = store.search(ENCODER.encode(["old"])[0], "C1", 2)
    assert nearest.score is not None
    assert nearest.score > 0.5


def test_nothing_to_upsert_is_no_commit(store: ContextStore) -> None:
    store.upsert(embedded(document("a")))
    assert store.upsert([]) == store.table.version


# --- isolation ------------------------------------------------------------------------------------

ODD = (
    "C1",
    "c1",
    "C_",
    "C%",
    "CX",
    "C.1",
    "*",
    "C1 ",
    "' OR '1'='1",
    "'; DROP TABLE context_stream; --",
    'C"1',
    "C\\1",
    "C\n1",
    "🧳",
    "é",
    "e\u0301",
)
CUSTOMER_ID = st.sampled_from(ODD) | st.text(min_size=1, max_size=6).filter(
    lambda text: "|" not in text
)


@given(st.lists(CUSTOMER_ID, min_size=2, max_size=6, unique=True), st.text(max_size=20))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_customer_is_ever_shown_anothers_documents(
    tmp_path: Path, customers: list[str], text: str
) -> None:
    store = new_store(tmp_path)
    private = [
        document(f"customer/{place}", 1, one, f"{one} {text}")
        for place, one in enumerate(customers)
    ]
    public = document("policy/pets", 1, text=text or "-")
    store.upsert(embedded(*private, public))
    every_id = [one.doc_id for one in (*private, public)]
    for asked, own in zip(customers, private, strict=True):
        visible = {own.doc_id, public.doc_id}
        for other in private:  # search with the very text of another customer's document
            vector = ENCODER.encode([other.passage])[0]
            assert {hit.document.doc_id for hit in store.search(vector, asked, 99)} == visible
        assert {hit.document.doc_id for hit in store.lookup(every_id, asked)} == visible
        assert [hit.document for hit in store.of_customer(asked)] == [own]


@pytest.mark.parametrize("customer", ["", "|", "C1|C2", "|C1"])
def test_an_id_that_could_name_two_customers_is_refused(store: ContextStore, customer: str) -> None:
    store.upsert(embedded(document("a", customer="C1"), document("b", customer="C2")))
    asks: list[Callable[[], list[Found]]] = [
        lambda: store.search(ENCODER.encode(["a"])[0], customer, 9),
        lambda: store.lookup(["a", "b"], customer),
        lambda: store.of_customer(customer),
    ]
    for ask in asks:
        with pytest.raises(ValueError, match="is no customer id"):
            ask()
    with pytest.raises(ValueError, match="is no customer id"):
        store.upsert(embedded(replace(document("c"), customer_ids=(customer,))))
    assert store.count() == 2


def test_document_ids_are_not_sql(store: ContextStore) -> None:
    store.upsert(embedded(document("a"), document("x' OR '1'='1")))
    assert store.lookup(["y' OR '1'='1"], "C1") == []
    [found] = store.lookup(["x' OR '1'='1"], "C1")
    assert found.document.doc_id == "x' OR '1'='1"
    assert store.lookup([], "C1") == []


# --- what is read is what was written -------------------------------------------------------------


def test_hostile_text_and_stage_times_come_back_whole(store: ContextStore) -> None:
    text = "nul \x00 “quotes” '\" \\ 🧳 \u202e \u2028 " + "x" * 1_000_000
    one = replace(document("a", 7, "C1", text), facts={"said": text, "ünï": ""})
    stages: dict[str, float | None] = {"recorded_at": 1.5, "embedded_at": 2.5}
    store.upsert([Embedded(one, ENCODER.encode([text])[0], stages)])
    [found] = store.of_customer("C1")
    assert found.document == one
    assert found.stages == dict.fromkeys(STAGE_TIMES) | stages
    assert found.score is None


def test_newer_than(store: ContextStore) -> None:
    store.upsert(embedded(*(document(f"{n}", n) for n in range(5))))
    assert {found.document.version for found in store.newer_than(2)} == {3, 4}


READER = """
import json, sys
from pipeline.store import ContextStore
store = ContextStore(sys.argv[1], "stream", sys.argv[2])
print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps([one.document.version for one in store.lookup(["a"], "C1")]), flush=True)
"""


def test_another_process_sees_a_write_at_once(tmp_path: Path) -> None:
    uri = str(tmp_path / "shared")
    store = ContextStore(uri, "stream", ENCODER.name)
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
        for version in range(1, 6):
            store.upsert(embedded(document("a", version)))
            reader.stdin.write("?\n")
            reader.stdin.flush()
            assert json.loads(reader.stdout.readline()) == [version]
        reader.stdin.close()


def test_an_upsert_is_one_commit(store: ContextStore) -> None:
    before = store.table.version
    assert store.upsert(embedded(*(document(f"{n}") for n in range(50)))) == before + 1


def test_compaction_when_due_keeps_every_document(store: ContextStore) -> None:
    due = []
    for version in range(1, COMPACT_EVERY + 2):
        store.upsert(embedded(document(f"{version % 7}", version)))
        due.append(store.compact_when_due())
    assert due.index(True) == COMPACT_EVERY - 1
    assert due.count(True) == 1
    assert [one.version for one in store.contents()] == sorted(
        range(COMPACT_EVERY - 5, COMPACT_EVERY + 2), key=lambda version: version % 7
    )
    assert len(store.table.list_versions()) > COMPACT_EVERY  # what was known then stays known


def test_what_was_known_is_read_at_its_version(store: ContextStore) -> None:
    versions = [store.upsert(embedded(document("a", n), document("b"))) for n in range(1, 4)]
    store.compact()
    for number, version in enumerate(versions, start=1):
        assert store.at(version).read(["a", "x"])["a"].version == number
    assert store.read([]) == {}
    assert [one.version for one in store.contents()] == [3, 0]  # the store itself did not move
    with pytest.raises(Forgotten, match="no version 99"):
        store.at(99)


def test_only_the_newest_versions_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("KEEP_VERSIONS", 3), ("CLEAN_EVERY", 5)):
        monkeypatch.setattr(store_module, name, value)
    store = new_store(tmp_path)
    versions = [store.upsert(embedded(document("a", number))) for number in range(1, 7)]
    store.compact()
    with pytest.raises(Forgotten):
        store.at(versions[0])
    assert [store.at(one).read(["a"])["a"].version for one in versions[-2:]] == [5, 6]


def test_after_some_small_compactions_the_table_is_rewritten(
    store: ContextStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "MAJOR_EVERY", 2)
    store.upsert(embedded(*(document(f"{n}") for n in range(20))))
    store.compact()
    for version in range(1, COMPACT_WHEN_IDLE * 3 + 1):
        store.upsert(embedded(document(f"{version % 20}", version)))
        store.compact_when_due(idle=True)
    stats: Any = store.table.stats()
    assert stats["fragment_stats"]["num_fragments"] == 1
    assert store.count() == 20


def test_the_baseline_is_returned_to_whatever_came_after(store: ContextStore) -> None:
    store.upsert(embedded(document("a", 0)))
    store.compact()
    store.mark_baseline()
    before = store.contents()
    for _ in range(2):
        store.upsert(embedded(document("a", 5), document("b", 6)))
        store.compact()
        store.to_baseline()
        assert store.contents() == before
    store.upsert(embedded(document("a", 1)))
    assert [one.version for one in store.contents()] == [1]
    store.clear()
    assert store.count() == 0
    store.mark_baseline()
    store.upsert(embedded(document("c")))
    store.to_baseline()
    assert store.count() == 0


def test_another_encoders_store_is_refused_and_kept(tmp_path: Path) -> None:
    uri = str(tmp_path / "store")
    ContextStore(uri, "batch", "minilm-fp32").upsert(embedded(document("a")))
    with pytest.raises(WrongEncoder, match="context_batch holds vectors of minilm-fp32, EMBEDDER"):
        ContextStore(uri, "batch", "minilm-int8")
    assert ContextStore(uri, "batch", "minilm-fp32").count() == 1


def test_two_arms_share_a_folder_and_nothing_else(tmp_path: Path) -> None:
    uri = str(tmp_path / "store")
    batch, stream = (ContextStore(uri, arm, ENCODER.name) for arm in ("batch", "stream"))
    stream.upsert(embedded(document("a")))
    assert (batch.count(), stream.count()) == (0, 1)
