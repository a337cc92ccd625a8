"""One call of one model over LiteLLM: a request goes out, parts of an answer come in.

All that knows LiteLLM's forms, settings and errors is here and in `provider`. Deadlines, budgets
and what happens instead of a failed call are `llm`'s.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from agent.offline import MODEL as OFFLINE
from agent.offline import Message
from agent.tool_calls import Fragment, Tool
from pipeline.settings import settings

log = logging.getLogger(__name__)

_CHARACTERS_A_TOKEN = 4  # of English
_TOKENS_AN_IMAGE = 1500  # about what providers count for one of our size


class ModelError(RuntimeError):
    """A model gave no answer. The message goes on after the model's name and is fit to be shown:

    it holds no key, no prompt and nothing that a provider wrote.
    """


@dataclass(frozen=True)
class Request:
    """What a model is asked, and how long it may take (wall seconds)."""

    messages: Sequence[Message]
    model: str
    tools: Sequence[Tool]
    temperature: float
    timeout_s: float


@dataclass(frozen=True)
class Part:
    """A piece of a stream. `usage` is LiteLLM's, of the whole call."""

    text: str = ""
    fragments: Sequence[Fragment] = ()
    usage: Any = None


def parts(request: Request) -> Iterator[Part]:
    """The answer as it comes.

    Raises:
        ModelError: there is none, or it broke off.
    """
    try:
        answer = _litellm().completion(
            model=request.model,
            messages=list(request.messages),
            tools=list(request.tools) or None,
            temperature=request.temperature,
            timeout=request.timeout_s,
            stream=True,
            stream_options={"include_usage": True},
            num_retries=0,
            **_server(request.model),
        )
        for found in map(_read, answer):
            yield found
            if answer.received_finish_reason and found.usage and found.usage.completion_tokens:
                break  # all that is left is LiteLLM's own book-keeping, which takes its time
    except Exception as failed:
        reason = _reason(failed, request.model)
    else:
        # LiteLLM ends every stream as if it were whole; this tells what the model itself said.
        reason = "" if answer.received_finish_reason else "ended without an end"
    if reason:  # raised here, so that the provider's words are not in its context
        raise ModelError(reason)


def price(model: str, usage: Any) -> float | None:
    """US dollars for a call that used so much; None where LiteLLM does not know the price."""
    if model == OFFLINE:
        return 0.0
    litellm = _litellm()
    try:
        answer = litellm.ModelResponse(model=model, usage=usage)
        return float(litellm.completion_cost(answer, model=model))
    except Exception:  # of several unrelated types, all of them for a model without a price
        return None


def estimated(messages: Sequence[Message], length: int) -> Any:
    """LiteLLM's form of what an answer of `length` characters used, where nobody told us."""
    prompt = sum(_tokens(one.get("content") or "") for one in messages)
    completion = length // _CHARACTERS_A_TOKEN
    return _litellm().Usage(
        prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion
    )


def _tokens(content: str | list[dict[str, Any]]) -> int:
    if isinstance(content, str):
        return len(content) // _CHARACTERS_A_TOKEN
    return sum(_tokens(one["text"]) if "text" in one else _TOKENS_AN_IMAGE for one in content)


def sees_images(model: str) -> bool:
    """Whether LiteLLM knows that this model takes images."""
    return model != OFFLINE and bool(_litellm().supports_vision(model))


def _server(model: str) -> dict[str, str]:
    """Where AGENT_MODEL's server is and its key. No other provider is told either."""
    has = settings()
    if model == OFFLINE or _provider(model) != _provider(has.agent_model):
        return {}
    key = has.agent_api_key.get_secret_value()
    if has.agent_api_base:
        # A key of the environment is for the provider's own server; the client wants some key.
        return {"api_base": has.agent_api_base, "api_key": key or "none"}
    return {"api_key": key} if key else {}


def _provider(model: str) -> str:
    return model.split("/", 1)[0]


def _read(part: Any) -> Part:
    """A part of a LiteLLM stream in our form. Garbage raises anything."""
    usage = getattr(part, "usage", None) or part._hidden_params.get("usage")
    usage = usage if usage and usage.total_tokens else None  # zeros: not told yet, or never
    if not part.choices:
        return Part(usage=usage)
    delta = part.choices[0].delta
    fragments = [
        Fragment(one.index, one.id or "", one.function.name or "", one.function.arguments or "")
        for one in delta.tool_calls or ()
    ]
    # Half a surrogate pair is legal in JSON and can be neither shown nor stored.
    text = (delta.content or "").encode(errors="replace").decode()
    return Part(text, fragments, usage)


# Most special first. A provider's own message may quote the key or the prompt: it is never shown.
_REASONS = {
    "Timeout": "did not answer in time",
    "AuthenticationError": "refused the key (401)",
    "PermissionDeniedError": "refused access (403)",
    "RateLimitError": "is over its rate limit (429)",
    "NotFoundError": "is not known to its provider (404)",
    "ContextWindowExceededError": "was given more than it can read (400)",
    "BadRequestError": "refused the request (400)",
    "InternalServerError": "failed at its provider (500)",
    "ServiceUnavailableError": "is not available (503)",
    "APIConnectionError": "could not be reached or understood",
}


def _reason(failed: Exception, model: str) -> str:
    """What a shown sentence says of a failure: "{model} …"."""
    failed = getattr(failed, "original_exception", None) or failed
    if missing := _missing_key(failed, model):
        return f"has no key: {missing} is not set"
    names = [one.__name__ for one in type(failed).__mro__]
    if "BadRequestError" in names and not getattr(failed, "llm_provider", None):
        return "is of no provider that LiteLLM knows"
    if "Connection error" in str(failed):  # of the client library; LiteLLM makes a 500 of it
        return _REASONS["APIConnectionError"]
    status = getattr(failed, "status_code", None)
    plain = f"failed with status {status}" if isinstance(status, int) else f"failed: {names[0]}"
    return next((_REASONS[name] for name in names if name in _REASONS), plain)


def _missing_key(failed: Exception, model: str) -> str | None:
    """The environment variable that this model's provider takes its key from, if it is not set."""
    if "api_key" in _server(model):
        return None
    missing = _litellm().validate_environment(model)["missing_keys"]
    name = next((name for name in missing if name.endswith("_KEY")), None)
    # Other errors may come without a key, too: a local server that needs none may be down.
    return name if name and name in str(failed) else None


def load() -> None:
    """Import LiteLLM unless it is there: seconds, a minute on a busy machine.

    Whoever sets a deadline calls this first, so that no model's time is spent on it. An import that
    fails says so at the call itself.
    """
    try:
        _litellm()
    except Exception as failed:  # whatever an import may raise
        log.warning("LiteLLM could not be imported: %r", failed)


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
    litellm.drop_params = True  # what a model does not take, such as a temperature
    litellm.modify_params = True  # what a provider insists on, such as tools with a tool's result
    litellm.disable_streaming_logging = True  # a third of the time of a short answer
    provider = _provider(OFFLINE)
    litellm.custom_provider_map = [{"provider": provider, "custom_handler": OfflineProvider()}]
    _silence()
    return litellm


def _silence() -> None:
    """Keep requests out of the logs, whatever level the root logger has: they carry the key."""
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).disabled = True
    for name in ("openai", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
