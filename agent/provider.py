"""The built-in model as a LiteLLM provider.

It imports LiteLLM, which takes seconds: only `llm` imports it, when the first question comes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from litellm.llms.custom_llm import CustomLLM
from litellm.types.llms.openai import (
    ChatCompletionToolCallChunk,
    ChatCompletionToolCallFunctionChunk,
    ChatCompletionUsageBlock,
)
from litellm.types.utils import Choices, GenericStreamingChunk, Message, ModelResponse, Usage

from agent import offline
from agent.offline import Turn
from agent.tool_calls import ToolCall


class OfflineProvider(CustomLLM):
    """`airline/offline` behind LiteLLM's interface, whole or streamed, with tools or without."""

    def completion(self, *_: Any, **request: Any) -> ModelResponse:
        """The whole answer as an OpenAI-shaped response."""
        turn = _respond(request)
        calls = [call.as_openai() for call in turn.tool_calls]
        message = Message(content=turn.text or None, tool_calls=calls or None)
        return ModelResponse(
            model=request["model"],
            choices=[Choices(message=message, finish_reason=_finish_reason(turn))],
            usage=Usage(**_usage(request, turn)),
        )

    def streaming(self, *_: Any, **request: Any) -> Iterator[GenericStreamingChunk]:
        """The answer word by word, then the tool calls, then what it took."""
        turn = _respond(request)
        for piece in offline.chunks(turn.text):
            yield _chunk(piece)
        for place, call in enumerate(turn.tool_calls):
            yield _chunk("", tool_use=_tool_use(call, place))
        yield _chunk("", finish_reason=_finish_reason(turn), usage=_usage(request, turn))


def _respond(request: dict[str, Any]) -> Turn:
    tools = request["optional_params"].get("tools") or ()
    return offline.respond(request["messages"], tools)


def _finish_reason(turn: Turn) -> str:
    return "tool_calls" if turn.tool_calls else "stop"


def _usage(request: dict[str, Any], turn: Turn) -> ChatCompletionUsageBlock:
    # Words stand in for tokens: this model has none.
    prompt = sum(len(str(one.get("content") or "").split()) for one in request["messages"])
    said = [turn.text, *(json.dumps(call.arguments) for call in turn.tool_calls)]
    answer = sum(len(one.split()) for one in said)
    return ChatCompletionUsageBlock(
        prompt_tokens=prompt, completion_tokens=answer, total_tokens=prompt + answer
    )


def _tool_use(call: ToolCall, place: int) -> ChatCompletionToolCallChunk:
    function = ChatCompletionToolCallFunctionChunk(
        name=call.name, arguments=json.dumps(call.arguments)
    )
    return ChatCompletionToolCallChunk(id=call.id, type="function", function=function, index=place)


def _chunk(
    text: str,
    *,
    tool_use: ChatCompletionToolCallChunk | None = None,
    finish_reason: str = "",
    usage: ChatCompletionUsageBlock | None = None,
) -> GenericStreamingChunk:
    return GenericStreamingChunk(
        text=text,
        is_finished=bool(finish_reason),
        finish_reason=finish_reason,
        usage=usage,
        index=0,
        tool_use=tool_use,
    )
