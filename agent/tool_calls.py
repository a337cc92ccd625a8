"""A model's tool calls, put together from the fragments in which a stream brings them.

A model's arguments are text that nobody vouches for: what cannot be read as a JSON object is a
call with a problem, never an exception. Whether a call may be run is for `tools` to say.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

LONGEST_NAME = 64  # characters, as in OpenAI's protocol

Tool = dict[str, Any]
"""A tool as it is offered to a model, OpenAI form: {"type": "function", "function": {…}}."""


@dataclass(frozen=True)
class ToolCall:
    """What a model wants run. `problem` says why it cannot be, in words fit for the model."""

    id: str
    name: str
    arguments: dict[str, Any]
    problem: str | None = None

    def as_openai(self) -> dict[str, Any]:
        """The call as an assistant's message carries it."""
        function = {"name": self.name, "arguments": json.dumps(self.arguments)}
        return {"id": self.id, "type": "function", "function": function}


@dataclass(frozen=True)
class Fragment:
    """A piece of one call. Fragments of one index belong together; what is not in it is empty."""

    index: int | None
    id: str
    name: str
    arguments: str

    @property
    def length(self) -> int:
        """Characters in it."""
        return len(self.id) + len(self.name) + len(self.arguments)


@dataclass
class _Unfinished:
    id: str
    name: str = ""
    arguments: str = ""


@dataclass
class Assembly:
    """The calls of one stream, as far as they have come."""

    _by_index: dict[int, _Unfinished] = field(default_factory=dict)
    _calls: list[_Unfinished] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, fragments: Iterable[Fragment]) -> None:
        """Put the next fragments where they belong."""
        for one in fragments:
            call = self._belongs_to(one)
            call.name = call.name or one.name  # some servers repeat it in every fragment
            call.arguments += one.arguments

    def _belongs_to(self, fragment: Fragment) -> _Unfinished:
        index = fragment.index or 0
        call = self._by_index.get(index)
        # Some servers number every call 0: another id is another call.
        if call is None or (fragment.id and call.id and fragment.id != call.id):
            call = self._by_index[index] = _Unfinished(fragment.id)
            self._calls.append(call)
        call.id = call.id or fragment.id
        return call

    def calls(self, offered: Collection[str]) -> tuple[ToolCall, ...]:
        """The calls in their order; `offered` are the names of the tools the model was given."""
        return tuple(_finished(one, n, offered) for n, one in enumerate(self._calls))


def name_of(tool: Tool) -> str:
    """The name by which a model calls this tool."""
    return str(tool["function"]["name"])


def _finished(call: _Unfinished, place: int, offered: Collection[str]) -> ToolCall:
    name, known = call.name[:LONGEST_NAME], call.name in offered
    arguments = _parsed(call.arguments)
    problem = None
    if not known:
        problem = f"there is no tool {name!r} here"
    elif arguments is None:
        problem = "the arguments are not a JSON object"
    return ToolCall(call.id or f"call_{place}", name, arguments or {}, problem)


def _parsed(text: str) -> dict[str, Any] | None:
    """The JSON object that is written here, {} where nothing is; None if it is anything else."""
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
        # What cannot be written again cannot be stored or shown: NaN, half a surrogate pair.
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
