"""What the reading of messages has learned, kept in `data/agent/intents.npz`.

Learning takes seconds: a sentence vector for each of some thousand examples, and one large system
of equations. The file spares them as long as it fits the examples; where it does not, what is
missing is learned again in memory, and a line in the log says how to keep it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agent.classifier import SHAPE, Classifier
from pipeline.embed import Encoder

log = logging.getLogger(__name__)

_KEY_BYTES = 12

Examples = Sequence[tuple[str, str]]
"""(text, label) pairs."""
Words = Callable[[str], list[str]]


def classifier(path: Path, examples: Examples, words_of: Words, encoder: Encoder) -> Classifier:
    """The classifier of these examples, with what the file knows of them."""
    kept = _Kept.read(path, encoder.name)
    if kept.fingerprint == _fingerprint(examples, words_of):
        return Classifier(examples, words_of, kept.vectors, kept.learned)
    vectors = kept.complete([text for text, _ in examples], encoder)
    log.warning("%s is not of these examples; `python -m data.builder.vectors` renews it", path)
    return Classifier(examples, words_of, vectors)


def is_current(path: Path, examples: Examples, words_of: Words, encoder_name: str) -> bool:
    """Whether the file holds what is learned from these examples."""
    return _Kept.read(path, encoder_name).fingerprint == _fingerprint(examples, words_of)


def write(path: Path, examples: Examples, words_of: Words, encoder: Encoder) -> None:
    """Learn the examples, and keep it in the file."""
    texts = [text for text, _ in examples]
    vectors = _Kept.read(path, encoder.name).complete(texts, encoder)
    np.savez(
        path,
        encoder=np.array(encoder.name),
        fingerprint=np.array(_fingerprint(examples, words_of)),
        keys=np.array([_key(text) for text in texts]),
        vectors=vectors,
        learned=Classifier(examples, words_of, vectors).learned,
    )


class _Kept:
    """The file's content: vectors (examples, dimensions) by text, and what was learned."""

    def __init__(self) -> None:
        self.fingerprint = ""
        self.keys: list[str] = []
        self.vectors: npt.NDArray[np.float16] = np.empty((0, 0), np.float16)
        self.learned: npt.NDArray[np.float32] = np.empty((0, 0), np.float32)

    @classmethod
    def read(cls, path: Path, encoder_name: str) -> _Kept:
        """Read a file; one that is missing, or of another encoder, holds nothing."""
        kept = cls()
        if path.exists():
            with np.load(path) as stored:
                if str(stored["encoder"]) == encoder_name:
                    kept.fingerprint = str(stored["fingerprint"])
                    kept.keys = stored["keys"].tolist()
                    kept.vectors, kept.learned = stored["vectors"], stored["learned"]
        return kept

    def complete(self, texts: Sequence[str], encoder: Encoder) -> npt.NDArray[np.float16]:
        """The vectors of all texts, those that are not kept made now."""
        known = dict(zip(self.keys, self.vectors, strict=True))
        missing = [text for text in dict.fromkeys(texts) if _key(text) not in known]
        made = encoder.encode(missing).astype(np.float16) if missing else ()
        known |= {_key(text): vector for text, vector in zip(missing, made, strict=True)}
        return np.stack([known[_key(text)] for text in texts])


def _fingerprint(examples: Examples, words_of: Words) -> str:
    digest = blake2b(SHAPE.encode(), digest_size=_KEY_BYTES)
    for text, label in examples:
        digest.update("\0".join([label, text, *words_of(text), "\n"]).encode())
    return digest.hexdigest()


def _key(text: str) -> str:
    return blake2b(text.encode(), digest_size=_KEY_BYTES).hexdigest()
