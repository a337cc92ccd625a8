"""Sentence vectors of what customers say, the last ones remembered.

Both agents are asked the same question, and both the search and the reading of it need its vector:
it is made once.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cache
from threading import Lock

from agent.words import LONGEST
from pipeline.documents import clean
from pipeline.embed import Encoder, Vectors, encoder


@cache
def question_vectors(name: str) -> QuestionVectors:
    """The one memory of this process for the encoder of this name.

    Raises:
        ValueError: no encoder has this name.
    """
    return QuestionVectors(encoder(name))


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
