"""What the reading of messages has learned, kept in `data/agent/intents*.npz`.

Learning takes seconds: a sentence vector for each of some thousand examples, and one large system
of equations. The files spare them as long as they fit the examples; where they do not, what is
missing is learned again in memory, and a line in the log says how to keep it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agent.classifier import SHAPE, Classifier
from pipeline.embed import Encoder, VectorFile

log = logging.getLogger(__name__)

Examples = Sequence[tuple[str, str]]
"""(text, label) pairs."""
Words = Callable[[str], list[str]]


@dataclass(frozen=True)
class Files:
    """Where it is kept: the examples' vectors, and what was learned with them."""

    vectors: Path
    learned: Path

    @classmethod
    def of(cls, folder: Path, name: str) -> Files:
        """`<name>-vectors.npz` and `<name>-learned.npz` in a folder."""
        return cls(folder / f"{name}-vectors.npz", folder / f"{name}-learned.npz")


def classifier(files: Files, examples: Examples, words_of: Words, encoder: Encoder) -> Classifier:
    """The classifier of these examples, with what the files know of them.

    Raises:
        WrongEncoder: the vectors are another encoder's.
    """
    vectors = _vectors(files, examples, encoder)
    if is_current(files, examples, words_of):
        with np.load(files.learned) as stored:
            return Classifier(examples, words_of, vectors, stored["learned"])
    log.warning("the examples have changed; `python -m data.builder.vectors` keeps what they teach")
    return Classifier(examples, words_of, vectors)


def is_current(files: Files, examples: Examples, words_of: Words) -> bool:
    """Whether the files hold what is learned from these examples."""
    if not (files.vectors.exists() and files.learned.exists()):
        return False
    with np.load(files.learned) as stored:
        return str(stored["fingerprint"]) == _fingerprint(examples, words_of)


def write(files: Files, examples: Examples, words_of: Words, encoder: Encoder) -> None:
    """Learn the examples, and keep it in the files."""
    vectors = _vectors(files, examples, encoder)
    VectorFile.write(
        files.vectors, encoder.name, [text for text, _ in examples], vectors.astype(np.float32)
    )
    np.savez(
        files.learned,
        fingerprint=np.array(_fingerprint(examples, words_of)),
        learned=Classifier(examples, words_of, vectors).learned,
    )


def _vectors(files: Files, examples: Examples, encoder: Encoder) -> npt.NDArray[np.float16]:
    """The vectors of all examples, those that are not kept made now."""
    kept = VectorFile.read(files.vectors, encoder.name)
    known = {text: kept.get(text) for text, _ in examples}
    missing = [text for text, vector in known.items() if vector is None]
    if missing:
        known |= zip(missing, encoder.encode(missing).astype(np.float16), strict=True)
    return np.array([known[text] for text, _ in examples], dtype=np.float16)


def _fingerprint(examples: Examples, words_of: Words) -> str:
    digest = blake2b(SHAPE.encode(), digest_size=12)
    for text, label in examples:
        digest.update("\0".join([label, text, *words_of(text), "\n"]).encode())
    return digest.hexdigest()
