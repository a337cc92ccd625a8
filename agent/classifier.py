"""A small text classifier: ridge regression over words, word pairs and letter groups.

It learns from labelled examples in a fraction of a second, in memory; the same examples always give
the same classifier. It knows nothing of airlines and keeps nothing on disk.

The features of a text are hashed into a vector x of length 1. A label's score is x · w, and the w
of all labels solve (X Xᵀ + λ I) A = Y, W = Xᵀ A, for examples X and Y of 1 (its label) and 0.
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
_LAMBDA = 1.0
_LETTERS = (3, 4, 5)  # lengths of the letter groups
_LETTERS_WEIGHT = 0.6  # of a letter group, against 1 for a word and a pair of words


class Classifier:
    """Scores texts against labels, from about 0 (unlike) to about 1 (like the label's examples)."""

    def __init__(
        self, examples: Sequence[tuple[str, str]], words_of: Callable[[str], list[str]]
    ) -> None:
        """Learn from (text, label) pairs; `words_of` splits a text into words."""
        self._words_of = words_of
        self._labels = sorted({label for _, label in examples})
        texts = [words_of(text) for text, _ in examples]
        counts = Counter(word for words in texts for word in words)
        self._known = frozenset(counts)
        self._by_letter: dict[str, list[str]] = {}
        for word, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
            self._by_letter.setdefault(word[0], []).append(word)
        self._rarity, self._unseen = _rarity(texts)
        self._weights = self._learn(texts, [label for _, label in examples])

    def scores(self, text: str) -> dict[str, float]:
        """Label -> score; words that nearly are known ones are taken for them."""
        x = self._vector([self._corrected(word) for word in self._words_of(text)])
        return dict(zip(self._labels, (x @ self._weights).tolist(), strict=True))

    def _learn(self, texts: list[list[str]], labels: list[str]) -> Vector:
        x = np.stack([self._vector(words) for words in texts])
        y = np.array([[label == one for one in self._labels] for label in labels], np.float32)
        likeness = x @ x.T
        likeness[np.diag_indices_from(likeness)] += _LAMBDA
        return x.T @ np.linalg.solve(likeness, y)

    def _vector(self, words: list[str]) -> Vector:
        x = np.zeros(_DIMENSIONS, np.float32)
        for feature, weight in _features(words):
            x[crc32(feature.encode()) % _DIMENSIONS] += weight * self._rarity.get(
                feature, self._unseen
            )
        norm = np.linalg.norm(x)
        return x / norm if norm else x

    def _corrected(self, word: str) -> str:
        if word in self._known:
            return word
        same_letter = self._by_letter.get(word[0], ())
        return next((known for known in same_letter if near(word, known)), word)


def _features(words: list[str]) -> Iterable[tuple[str, float]]:
    """(feature, weight) of words in order; `^` and `$` stand for the ends of the text."""
    yield from ((word, 1.0) for word in words)
    framed = ["^", *words, "$"]
    yield from ((f"{one} {other}", 1.0) for one, other in zip(framed, framed[1:], strict=False))
    for word in words:
        padded = f"<{word}>"
        for size in _LETTERS:
            for place in range(len(padded) - size + 1):
                yield f"#{padded[place : place + size]}", _LETTERS_WEIGHT


def _rarity(texts: list[list[str]]) -> tuple[dict[str, float], float]:
    """Inverse document frequency of every feature, and that of one never seen."""
    seen = Counter(feature for words in texts for feature in {name for name, _ in _features(words)})
    return {name: log(len(texts) / count) + 1 for name, count in seen.items()}, log(len(texts)) + 1
