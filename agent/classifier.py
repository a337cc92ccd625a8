"""A text classifier: kernel ridge regression over words, word pairs and a sentence encoder.

It knows nothing of airlines; the same examples always give the same classifier. Two texts are like
one another by

    k(s, t) = (1 - a) x(s) · x(t) + a max(0, v(s) · v(t))²

with x the words and word pairs of a text, weighted by rarity and hashed into a vector of length 1,
and v its sentence vector, of length 1 too. The first knows the wording, the second the meaning.
A label's score is Σ k(t, eᵢ) Aᵢ over the examples eᵢ, and A solves (K + λ I) A = Y for Y of 1 (the
example's label) and 0: kernel ridge regression, as in Bishop, Pattern Recognition and Machine
Learning, 6.1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import log
from zlib import crc32

import numpy as np
import numpy.typing as npt

from agent.words import near

Vector = npt.NDArray[np.float32]

_DIMENSIONS = 4096
_LAMBDA = 0.1
_MEANING = 0.5  # a
SHAPE = f"{_DIMENSIONS} {_LAMBDA} {_MEANING}"
"""What was learned in another shape is of no use."""


class Classifier:
    """Scores texts against labels, from about 0 (unlike) to about 1 (like the label's examples)."""

    def __init__(
        self,
        examples: Sequence[tuple[str, str]],
        words_of: Callable[[str], list[str]],
        vectors: npt.NDArray[np.float16],
        learned: Vector | None = None,
    ) -> None:
        """Learn from (text, label) pairs.

        Args:
            words_of: splits a text into words.
            vectors: the examples' sentence vectors, shape (examples, dimensions).
            learned: what `learned` of a classifier of the same examples was, shape (examples,
                labels), to spare the seconds that learning takes.
        """
        self._words_of = words_of
        self._labels = sorted({label for _, label in examples})
        texts = [words_of(text) for text, _ in examples]
        counts = Counter(word for words in texts for word in words)
        self._known = frozenset(counts)
        self._by_letter: dict[str, list[str]] = {}
        for word, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
            self._by_letter.setdefault(word[0], []).append(word)
        self._rarity, self._unseen = _rarity(texts)
        self._vectors = vectors.astype(np.float32)
        x = np.stack([self._hashed(words) for words in texts])
        if learned is None:
            y = np.array([[label == one for one in self._labels] for _, label in examples])
            learned = _solve(x, self._vectors, y.astype(np.float32))
        self.learned = learned
        self._weights = x.T @ learned

    def scores(self, text: str, vector: Vector) -> dict[str, float]:
        """Label -> score; words that nearly are known ones are taken for them."""
        x = self._hashed([self._corrected(word) for word in self._words_of(text)])
        meaning = np.square(np.maximum(self._vectors @ vector, 0.0))
        scores = (1 - _MEANING) * (x @ self._weights) + _MEANING * (meaning @ self.learned)
        return dict(zip(self._labels, scores.tolist(), strict=True))

    def familiar(self, text: str) -> float:
        """Share of a text's words that the examples use, or nearly; 1 of a text without words."""
        words = self._words_of(text)
        known = sum(self._corrected(word) in self._known for word in words)
        return known / len(words) if words else 1.0

    def _hashed(self, words: list[str]) -> Vector:
        x = np.zeros(_DIMENSIONS, np.float32)
        for feature in _features(words):
            x[crc32(feature.encode()) % _DIMENSIONS] += self._rarity.get(feature, self._unseen)
        norm = np.linalg.norm(x)
        return x / norm if norm else x

    def _corrected(self, word: str) -> str:
        if word in self._known:
            return word
        same_letter = self._by_letter.get(word[0], ())
        return next((known for known in same_letter if near(word, known)), word)


def _solve(x: Vector, vectors: Vector, y: Vector) -> Vector:
    likeness = (1 - _MEANING) * (x @ x.T)
    likeness += _MEANING * np.square(np.maximum(vectors @ vectors.T, 0.0))
    likeness[np.diag_indices_from(likeness)] += _LAMBDA
    found: Vector = np.linalg.solve(likeness, y)
    return found


def _features(words: list[str]) -> Iterable[str]:
    """Words and pairs of neighbours; `^` and `$` stand for the ends of the text."""
    yield from words
    framed = ["^", *words, "$"]
    yield from (f"{one} {other}" for one, other in zip(framed, framed[1:], strict=False))


def _rarity(texts: list[list[str]]) -> tuple[dict[str, float], float]:
    """Inverse document frequency of every feature, and that of one never seen."""
    seen = Counter(feature for words in texts for feature in set(_features(words)))
    return {name: log(len(texts) / count) + 1 for name, count in seen.items()}, log(len(texts)) + 1
