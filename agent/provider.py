"""The built-in model as a LiteLLM provider.

It imports LiteLLM, which takes seconds: only `llm` imports it, when the first question comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from litellm.llms.custom_llm import CustomLLM
from litellm.types.utils import Choices, GenericStreamingChunk, Message, ModelResponse, Usage

from agent import offline


class OfflineProvider(CustomLLM):
    """`airline/offline` behind LiteLLM's interface, whole or streamed."""

    def completion(self, *_: Any, **request: Any) -> ModelResponse:
        """The whole answer as an OpenAI-shaped response."""
        text = offline.reply(request["messages"])
        return ModelResponse(
            model=request["model"],
            choices=[Choices(message=Message(content=text), finish_reason="stop")],
            usage=_usage(request["messages"], text),
        )

    def streaming(self, *_: Any, **request: Any) -> Iterator[GenericStreamingChunk]:
        """The answer word by word."""
        text = offline.reply(request["messages"])
        for piece in offline.chunks(text):
            yield _chunk(piece, finished=False)
        yield _chunk("", finished=True)


def _usage(messages: list[dict[str, Any]], text: str) -> Usage:
    # Words stand in for tokens: this model has none.
    prompt = sum(len(str(one.get("content") or "").split()) for one in messages)
    answer = len(text.split())
    return Usage(prompt_tokens=prompt, completion_tokens=answer, total_tokens=prompt + answer)


def _chunk(text: str, *, finished: bool) -> GenericStreamingChunk:
    return GenericStreamingChunk(
        text=text,
        is_finished=finished,
        finish_reason="stop" if finished else "",
        usage=None,
        index=0,
        tool_use=None,
    )
