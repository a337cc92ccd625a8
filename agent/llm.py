"""The one door to models: LiteLLM with our own deadline, budgets, and a fall-back that answers.

A model that fails, hangs, has no key or no budget is replaced by `airline/offline` for that answer,
and the answer says which model spoke and why. LiteLLM is imported at the first call: it takes
seconds. Not the place for running tools: `turn` does that.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent import limits, offline
from agent.limits import Amounts, Meter
from agent.offline import MODEL as OFFLINE
from agent.offline import Message
from agent.tool_calls import Assembly, Tool, ToolCall, name_of
from agent.wire import ModelError, Part, Request, estimated, load, parts, price

log = logging.getLogger(__name__)

_LONGEST_ANSWER = 20_000  # characters after which a model that does not stop is given up


@dataclass(frozen=True)
class Completion:
    """A whole answer: text, tool calls, or both.

    `model` is who spoke, `fallback` why that is not the model that was asked, or None. Tokens and
    cost are those of the model that was asked, a failed one's included; the built-in model's tokens
    are words. `cost_usd` is None where LiteLLM does not know the model's price.
    """

    text: str
    tool_calls: tuple[ToolCall, ...]
    model: str
    fallback: str | None
    first_token_ms: float
    total_ms: float
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None


def complete(  # noqa: PLR0913 what `stream` takes
    messages: Sequence[Message],
    model: str,
    *,
    tools: Sequence[Tool] = (),
    temperature: float = 0.0,
    timeout_s: float = 20.0,
    meter: Meter | None = None,
) -> Completion:
    """The whole answer of `model`, or of `airline/offline` where it fails. Never raises for it."""
    *_, last = stream(
        messages, model, tools=tools, temperature=temperature, timeout_s=timeout_s, meter=meter
    )
    if not isinstance(last, Completion):
        raise TypeError("a stream ends with its Completion")
    return last


def stream(  # noqa: PLR0913 a request has these parts
    messages: Sequence[Message],
    model: str,
    *,
    tools: Sequence[Tool] = (),
    temperature: float = 0.0,
    timeout_s: float = 20.0,
    meter: Meter | None = None,
) -> Iterator[str | Completion]:
    """Pieces of text as the model gives them, then the `Completion`.

    After a failure in mid-stream the fall-back's text is in the `Completion` alone: whoever shows
    pieces shows that text instead of them.

    Args:
        tools: offered to the model, OpenAI form.
        timeout_s: wall seconds from the call to the last piece; enforced here, because LiteLLM does
            not enforce it for every provider.
        meter: of the session, or of one turn of it; None: the process's budgets alone.
    """
    load()
    started = time.perf_counter()
    meter = meter or limits.process()
    heard, fallback = _Heard(), None
    try:
        _admit(meter, model)
        timeout_s = timeout_s if model == OFFLINE else min(timeout_s, meter.seconds_left())
        for part in _within(Request(messages, model, tools, temperature, timeout_s)):
            heard.take(part, started)
            if part.text:
                yield part.text
        heard.check()
    except ModelError as failed:
        fallback = heard.why(model, failed)
        log.warning("answered offline: %s", fallback)
    finally:  # also where nobody waits for the end any more: it was paid for
        used = heard.used(messages, model)
        if model != OFFLINE:
            seconds = time.perf_counter() - started
            meter.record(Amounts(0, used.prompt + used.completion, seconds, used.usd or 0.0))
    if fallback:
        turn = offline.respond(messages, tools)
        text, calls = turn.text, turn.tool_calls
        if text and not heard.pieces:
            yield text
    else:
        text, calls = heard.text, heard.calls.calls({name_of(tool) for tool in tools})
    yield Completion(
        text=text,
        tool_calls=calls,
        model=OFFLINE if fallback else model,
        fallback=fallback,
        first_token_ms=heard.first_ms or _ms_since(started),
        total_ms=_ms_since(started),
        prompt_tokens=used.prompt,
        completion_tokens=used.completion,
        cost_usd=used.usd,
    )


def warm() -> None:
    """Import LiteLLM and say one thing through it, so that the first ask need not wait.

    It takes seconds: call it in a thread of its own.
    """
    # With a tool, because LiteLLM imports more at the first call that has one.
    tool = {"name": "none", "parameters": {"type": "object", "properties": {}}}
    hello = [{"role": "user", "content": "hello"}]
    complete(hello, OFFLINE, tools=[{"type": "function", "function": tool}], timeout_s=60)


def _admit(meter: Meter, model: str) -> None:
    if model != OFFLINE and (refusal := meter.admit()):
        raise _NoBudgetError(refusal)


class _NoBudgetError(ModelError):
    """The model was not asked."""


@dataclass(frozen=True)
class _Used:
    prompt: int
    completion: int
    usd: float | None


@dataclass
class _Heard:
    """What came from the model so far."""

    pieces: list[str] = field(default_factory=list)
    calls: Assembly = field(default_factory=Assembly)
    usage: Any = None
    first_ms: float = 0.0
    length: int = 0

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def take(self, part: Part, started: float) -> None:
        if part.text or part.fragments:
            self.first_ms = self.first_ms or _ms_since(started)
        if part.text:
            self.pieces.append(part.text)
        self.calls.add(part.fragments)
        self.usage = part.usage or self.usage
        self.length += len(part.text) + sum(one.length for one in part.fragments)
        if self.length > _LONGEST_ANSWER:
            raise ModelError(f"did not stop after {_LONGEST_ANSWER:,} characters")

    def check(self) -> None:
        if not self.text.strip() and not self.calls:
            raise ModelError("gave an empty answer")

    def why(self, model: str, failed: ModelError) -> str:
        if isinstance(failed, _NoBudgetError):
            return str(failed)
        where = "stopped in mid-answer: it " if self.length else ""
        return f"{model} {where}{failed}"

    def used(self, messages: Sequence[Message], model: str) -> _Used:
        """Tokens and money, estimated where a stream broke off before the model could say."""
        usage = self.usage or (estimated(messages, self.length) if self.length else None)
        if usage is None:
            return _Used(0, 0, 0.0)
        tokens = (usage.prompt_tokens or 0, usage.completion_tokens or 0)
        return _Used(*tokens, price(model, usage))


def _within(request: Request) -> Iterator[Part]:
    """Parts of the model's answer; raises ModelError when it fails or the time is over."""
    inbox: queue.SimpleQueue[Part | ModelError | None] = queue.SimpleQueue()
    given_up = threading.Event()
    worker = threading.Thread(target=_speak, args=(request, inbox, given_up), daemon=True)
    worker.start()
    deadline = time.monotonic() + request.timeout_s
    try:
        while (part := _next(inbox, deadline, request.timeout_s)) is not None:
            yield part
    finally:
        given_up.set()


def _next(
    inbox: queue.SimpleQueue[Part | ModelError | None], deadline: float, timeout_s: float
) -> Part | None:
    try:
        part = inbox.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        raise ModelError(f"did not finish within {timeout_s:g} s") from None
    if isinstance(part, ModelError):
        raise part
    return part


def _speak(
    request: Request,
    inbox: queue.SimpleQueue[Part | ModelError | None],
    given_up: threading.Event,
) -> None:
    """Put the parts of the answer into the inbox, then None or why there is no more."""
    try:
        for part in parts(request):
            if given_up.is_set():
                return
            inbox.put(part)
        inbox.put(None)
    except ModelError as failed:
        inbox.put(failed)
    except Exception as failed:  # a thread's traceback would be printed, provider's words and all
        inbox.put(ModelError(f"failed: {type(failed).__name__}"))


def _ms_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
