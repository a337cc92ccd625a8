"""The one door to models: LiteLLM, with our own deadline and a fall-back that always answers.

A model that fails, hangs or has no key is replaced by `airline/offline` for that answer, and the
answer says which model spoke. LiteLLM is imported at the first call: it takes seconds.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from agent import offline
from agent.offline import MODEL as OFFLINE
from agent.offline import Message
from pipeline.settings import settings

log = logging.getLogger(__name__)

_LONGEST_ANSWER = 20_000  # characters after which a model that does not stop is stopped


class ModelError(RuntimeError):
    """A model gave no answer. The message is fit to be shown: it holds no key and no prompt."""


@dataclass(frozen=True)
class Completion:
    """A whole answer. `fallback` says why another model than the one asked for spoke, or None."""

    text: str
    model: str
    fallback: str | None
    first_token_ms: float
    total_ms: float


def complete(
    messages: Sequence[Message], model: str, *, temperature: float = 0.0, timeout_s: float = 20.0
) -> Completion:
    """The whole answer of `model`, or of `airline/offline` where it fails. Never raises for it."""
    *_, last = stream(messages, model, temperature=temperature, timeout_s=timeout_s)
    if not isinstance(last, Completion):
        raise TypeError("a stream ends with its Completion")
    return last


def stream(
    messages: Sequence[Message], model: str, *, temperature: float = 0.0, timeout_s: float = 20.0
) -> Iterator[str | Completion]:
    """Pieces of text as the model gives them, then the `Completion`.

    After a failure in mid-stream the fall-back's text is in the `Completion` alone: whoever shows
    pieces shows that text instead of them.

    Args:
        timeout_s: wall seconds from the call to the last piece; enforced here, because LiteLLM does
            not enforce it for every provider.
    """
    started = time.perf_counter()
    pieces: list[str] = []
    first_ms = 0.0
    fallback = None
    try:
        for piece in _within(timeout_s, messages, model, temperature):
            first_ms = first_ms or _ms_since(started)
            pieces.append(piece)
            yield piece
        if not "".join(pieces).strip():
            raise ModelError(f"{model} gave an empty answer")
    except ModelError as failed:
        fallback = str(failed)
        log.warning("answered offline: %s", fallback)
        text = offline.reply(messages)
        if not pieces:
            yield text
        first_ms = first_ms or _ms_since(started)
        pieces = [text]
    spoke = OFFLINE if fallback else model
    yield Completion("".join(pieces), spoke, fallback, first_ms, _ms_since(started))


def warm() -> None:
    """Import LiteLLM and say one thing through it, so that the first ask need not wait.

    It takes seconds: call it in a thread of its own.
    """
    complete([{"role": "user", "content": "hello"}], OFFLINE)


def _within(
    timeout_s: float, messages: Sequence[Message], model: str, temperature: float
) -> Iterator[str]:
    """Pieces of the model's answer; raises ModelError when it fails or the time is over."""
    inbox: queue.SimpleQueue[str | Exception | None] = queue.SimpleQueue()
    given_up = threading.Event()
    request = (list(messages), model, temperature, timeout_s)
    worker = threading.Thread(target=_speak, args=(request, inbox, given_up), daemon=True)
    worker.start()
    deadline, length = time.monotonic() + timeout_s, 0
    try:
        while length < _LONGEST_ANSWER:
            piece = _next(inbox, deadline, model, timeout_s)
            if piece is None:
                return
            length += len(piece)
            yield piece
    finally:
        given_up.set()


def _next(
    inbox: queue.SimpleQueue[str | Exception | None], deadline: float, model: str, timeout_s: float
) -> str | None:
    try:
        piece = inbox.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        raise ModelError(f"{model} did not finish within {timeout_s:g} s") from None
    if isinstance(piece, Exception):
        # The type only: a provider's message may quote the key or the prompt.
        raise ModelError(f"{model} failed: {type(piece).__name__}")
    return piece


def _speak(
    request: tuple[list[Message], str, float, float],
    inbox: queue.SimpleQueue[str | Exception | None],
    given_up: threading.Event,
) -> None:
    messages, model, temperature, timeout_s = request
    try:
        answer = _litellm().completion(
            model=model,
            messages=messages,
            temperature=temperature,
            timeout=timeout_s,
            stream=True,
            num_retries=0,
        )
        for part in answer:
            if given_up.is_set():
                return
            if piece := part.choices[0].delta.content:
                inbox.put(piece)
        inbox.put(None)
    except Exception as failed:
        inbox.put(failed)


def _ms_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)


_importing = threading.Lock()


def _litellm() -> Any:
    with _importing:
        return _ready_litellm()


@cache
def _ready_litellm() -> Any:
    settings()  # pipeline.settings sets what LiteLLM reads at import
    import litellm

    from agent.provider import OfflineProvider

    litellm.suppress_debug_info = True
    litellm.drop_params = True
    provider = OFFLINE.split("/", 1)[0]
    litellm.custom_provider_map = [{"provider": provider, "custom_handler": OfflineProvider()}]
    return litellm
