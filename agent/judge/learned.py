"""What labelled answers taught: a score for each verdict, by ridge regression over features.

With x a feature vector of length 1 (each feature weighted by the root of its rarity) a verdict's
score is x · w, about 1 like answers with this verdict and about 0 unlike them. W minimises
|X W - Y|² + λ |W|² over the labelled answers, which is XᵀA with (X Xᵀ + λ I) A = Y: ridge
regression in its dual form, as in Bishop, Pattern Recognition and Machine Learning, 6.1. It is
learned by `python -m data.builder.vectors` and kept in `data/agent/judge-learned.npz`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from zlib import crc32

import numpy as np
import numpy.typing as npt

from agent.answer import Status
from agent.judge.features import Features
from agent.prompts import FOLDER

FILE = FOLDER / "judge-learned.npz"
STATUSES: tuple[Status, ...] = ("current", "stale", "missing", "wrong", "none")
Lessons = Sequence[tuple[Features, str]]
"""Features of a labelled answer, and its verdict."""

_DIMENSIONS = 2**16  # into which features are hashed
_LAMBDA = 0.1
_SEEN = 2  # answers that must have a feature for it to count
Vector = npt.NDArray[np.float32]


class Reader:
    """Scores the features of an answer against the verdicts."""

    def __init__(self, rarity: Vector, weights: Vector) -> None:
        """Take what was learned.

        Args:
            rarity: root of the inverse document frequency of each feature, 0 of an unknown one,
                shape (dimensions,).
            weights: shape (dimensions, verdicts).
        """
        self._rarity, self._weights = rarity, weights

    def scores(self, features: Features) -> Mapping[Status, float]:
        """Verdict -> score, from about 0 to about 1."""
        places, values = _vector(features, self._rarity)
        scores = values @ self._weights[places]
        return dict(zip(STATUSES, scores.tolist(), strict=True))


def learn(lessons: Lessons) -> tuple[Vector, Vector]:
    """(rarity, weights) of a reader that these answers teach."""
    seen = Counter(place for features, _ in lessons for place in {_place(one) for one in features})
    rarity = np.zeros(_DIMENSIONS, np.float32)
    for place, count in seen.items():
        rarity[place] = np.sqrt(np.log(len(lessons) / count) + 1) if count >= _SEEN else 0
    used = np.flatnonzero(rarity)
    column = np.zeros(_DIMENSIONS, np.int64)
    column[used] = np.arange(len(used))
    x = np.zeros((len(lessons), len(used)), np.float32)
    for row, (features, _) in enumerate(lessons):
        places, values = _vector(features, rarity)
        np.add.at(x[row], column[places], values)
    y = np.array([[verdict == one for one in STATUSES] for _, verdict in lessons], np.float32)
    likeness = x @ x.T
    likeness[np.diag_indices_from(likeness)] += _LAMBDA
    weights = np.zeros((_DIMENSIONS, len(STATUSES)), np.float32)
    weights[used] = x.T @ np.linalg.solve(likeness, y)
    return rarity, weights


def write(lessons: Lessons, source: Path) -> None:
    """Learn, and keep it in the file with the fingerprint of the labelled answers' file."""
    rarity, weights = learn(lessons)
    used = np.flatnonzero(rarity)
    np.savez_compressed(
        FILE,
        fingerprint=np.array(fingerprint(source)),
        used=used.astype(np.uint16),
        rarity=rarity[used].astype(np.float16),
        weights=weights[used].astype(np.float16),
    )


def is_current(source: Path) -> bool:
    """Whether the file holds what is learned from these labelled answers."""
    with np.load(FILE) as stored:
        return str(stored["fingerprint"]) == fingerprint(source)


def fingerprint(source: Path) -> str:
    """Of a file of labelled answers, and of what is made of them."""
    shape = f"{_DIMENSIONS} {_LAMBDA} {_SEEN}".encode()
    return blake2b(source.read_bytes() + shape, digest_size=12).hexdigest()


@cache
def reader() -> Reader:
    """The reader of the file."""
    rarity = np.zeros(_DIMENSIONS, np.float32)
    weights = np.zeros((_DIMENSIONS, len(STATUSES)), np.float32)
    with np.load(FILE) as stored:
        used = stored["used"]
        rarity[used], weights[used] = stored["rarity"], stored["weights"]
    return Reader(rarity, weights)


def _vector(features: Features, rarity: Vector) -> tuple[npt.NDArray[np.int64], Vector]:
    """(places, values) of a feature vector of length 1."""
    places = np.array([_place(one) for one in features], np.int64)
    values = np.array(list(features.values()), np.float32) * rarity[places]
    length = np.linalg.norm(values)
    return places, values / length if length else values


def _place(feature: str) -> int:
    return crc32(feature.encode()) % _DIMENSIONS
