"""The encoders: the small one says what the published one says; vectors of two never mix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.documents import documents
from pipeline.embed import DIMENSIONS, MiniLmFp32, MiniLmInt8, VectorFile, WrongEncoder, encoder
from pipeline.images import images
from tests.worlds import Airline, HashEncoder

TWEETS = ("Where is my bag?", "Thanks!", "Stuck at JFK ❄️", "Refund me", "¿Dónde está mi vuelo?")
HOSTILE = ["", " ", "\x00", "🧳" * 500, "x" * 1_000_000, "‮ \x1b[31m", "李 雷 عربى"]


@pytest.fixture(scope="module")
def int8() -> MiniLmInt8:
    """The encoder of the product."""
    return MiniLmInt8()


@pytest.fixture(scope="module")
def passages(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Twenty passages of the tiny world."""
    airline = Airline(tmp_path_factory.mktemp("embed"))
    with airline.database.read() as connection:
        every = images(connection)
    airline.close()
    made = [documents(image, version=0, occurred_at="")[0].passage for image in every]
    said = [f"Tweet from the customer: “{words}”" for words in TWEETS]
    return [*made, *said][:20]


def test_int8_is_close_to_the_published_model(int8: MiniLmInt8, passages: list[str]) -> None:
    cosines = (int8.encode(passages) * MiniLmFp32().encode(passages)).sum(axis=1)
    assert len(cosines) == len(passages) == 20
    assert cosines.min() >= 0.98


def test_vectors_are_normal_and_in_the_order_of_the_texts(
    int8: MiniLmInt8, passages: list[str]
) -> None:
    texts = sorted(passages, key=len, reverse=True) * 2  # two calls of the model, mixed lengths
    vectors = int8.encode(texts)
    assert vectors.shape == (40, DIMENSIONS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alone = np.vstack([int8.encode([text]) for text in texts])
    # int8 activations are scaled by the batch: nearly the same alone and in company
    assert (vectors * alone).sum(axis=1).min() >= 0.98


def test_hostile_texts_get_a_vector_and_none_is_no_work(int8: MiniLmInt8) -> None:
    vectors = int8.encode(HOSTILE)
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert int8.encode([]).shape == (0, DIMENSIONS)


def test_a_question_is_nearest_to_its_answer(int8: MiniLmInt8) -> None:
    texts = [
        "Bag 0016123456 of booking AAAAA1 was misrouted at Dallas.",
        "Refund of 99.90 EUR on booking AAAAA1.",
        "Policy “Pets”: Small ones, in a box.",
    ]
    questions = int8.encode(["Where is my luggage?", "Did I get my money?", "May my cat fly?"])
    assert list((questions @ int8.encode(texts).T).argmax(axis=1)) == [0, 1, 2]


def test_an_unknown_encoder_names_the_setting() -> None:
    with pytest.raises(ValueError, match="EMBEDDER='bert' is unknown; it is one of minilm-int8"):
        encoder("bert")


# --- shipped vectors ------------------------------------------------------------------------------


def test_shipped_vectors_come_back(tmp_path: Path, passages: list[str]) -> None:
    vectors = HashEncoder().encode(passages)
    VectorFile.write(tmp_path / "v.npz", "hash", passages, vectors)
    known = VectorFile.read(tmp_path / "v.npz", "hash")
    for passage, vector in zip(passages, vectors, strict=True):
        shipped = known.get(passage)
        assert shipped is not None
        np.testing.assert_allclose(shipped.astype(np.float32), vector, atol=1e-3)
    assert known.get("never seen") is None


def test_equal_vectors_make_an_equal_file_in_any_order(tmp_path: Path, passages: list[str]) -> None:
    for name, texts in (("a", passages), ("b", passages[::-1])):
        VectorFile.write(tmp_path / f"{name}.npz", "hash", texts, HashEncoder().encode(texts))
    with np.load(tmp_path / "a.npz") as a, np.load(tmp_path / "b.npz") as b:
        assert all(np.array_equal(a[name], b[name]) for name in a.files)


def test_another_encoders_file_is_refused_by_name(tmp_path: Path) -> None:
    VectorFile.write(tmp_path / "v.npz", "hash", ["a"], HashEncoder().encode(["a"]))
    with pytest.raises(WrongEncoder, match=r"v.npz holds vectors of hash, EMBEDDER is minilm-int8"):
        VectorFile.read(tmp_path / "v.npz", "minilm-int8")


def test_a_missing_file_is_an_empty_one(tmp_path: Path) -> None:
    assert VectorFile.read(tmp_path / "none.npz", "hash").get("a") is None
