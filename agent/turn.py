"""One turn: from colleague to colleague and from tool to tool, until there is an answer.

The same path for every model, the built-in one included: messages and tools in, text or tool calls
out. Steps and wall time are limited here, whatever a model does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from agent import llm, wire
from agent.answer import ToolUse, Usage
from agent.limits import Meter
from agent.llm import Completion
from agent.offline import MODEL as OFFLINE
from agent.session import Message, Pending
from agent.specialists import TRIAGE, Specialist, specialists
from agent.tool_calls import ToolCall
from agent.tools import Scene, Toolbox

MOST_STEPS = 8  # calls of a model in one turn
MOST_CALLS = 4  # tool calls in one of those


@dataclass(frozen=True)
class Brain:
    """The model of a turn and its limits."""

    model: str
    temperature: float
    timeout_s: float  # wall seconds for all its calls; what is over, the built-in model answers
    meter: Meter | None


@dataclass
class Spoken:
    """What a turn came to, and how."""

    agent: str = TRIAGE
    texts: list[str] = field(default_factory=list)
    tools: list[ToolUse] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)
    pending: Pending | None = None
    prompt: list[Message] = field(default_factory=list)  # what the last call was given
    out_of_steps: bool = False

    @property
    def text(self) -> str:
        """All that was said, in order."""
        return " ".join(dict.fromkeys(text.strip() for text in self.texts if text.strip()))

    @property
    def model(self) -> str:
        """The model that spoke last; where none had to, the built-in one's words were used."""
        return self.completions[-1].model if self.completions else OFFLINE

    @property
    def usage(self) -> Usage:
        """What all its calls took together."""
        costs = [one.cost_usd for one in self.completions]
        return Usage(
            prompt_tokens=sum(one.prompt_tokens for one in self.completions),
            completion_tokens=sum(one.completion_tokens for one in self.completions),
            cost_usd=None if None in costs else sum(cost for cost in costs if cost),
        )

    @property
    def fallback(self) -> str | None:
        """Why another model than the one asked for spoke, if one did."""
        why = next((one.fallback for one in self.completions if one.fallback), None)
        return why or ("the model did not stop calling tools" if self.out_of_steps else None)


def converse(
    brain: Brain,
    scene: Scene,
    toolbox: Toolbox,
    prompt: Callable[[Specialist], list[Message]],
) -> Iterator[str | Spoken]:
    """Pieces of text as the models give them, then what the turn came to.

    Args:
        prompt: a colleague's messages, up to the customer's question.
    """
    spoken = Spoken()
    wire.load()
    deadline = time.monotonic() + brain.timeout_s
    yield from _steps(brain, deadline, scene, toolbox, prompt, spoken)
    if spoken.out_of_steps:
        # A model that never stops calling tools: the built-in one begins the turn again. What the
        # other one had done is not done twice: the same action in one turn is one event.
        spoken.agent, spoken.texts = TRIAGE, []
        built_in = replace(brain, model=OFFLINE)
        yield from _steps(built_in, time.monotonic() + 1, scene, toolbox, prompt, spoken)
    yield spoken


def _steps(  # noqa: PLR0913, PLR0917 what `converse` has, and where it stands
    brain: Brain,
    deadline: float,
    scene: Scene,
    toolbox: Toolbox,
    prompt: Callable[[Specialist], list[Message]],
    spoken: Spoken,
) -> Iterator[str]:
    """Call the model, run its tools, and call it again, until it has spoken."""
    exchanged: list[Message] = []
    model = brain.model
    for _ in range(MOST_STEPS):
        specialist = specialists()[spoken.agent]
        spoken.prompt = [*prompt(specialist), *exchanged]
        for piece in llm.stream(
            spoken.prompt,
            model,
            tools=toolbox.schemas(specialist),
            temperature=brain.temperature,
            timeout_s=max(0.0, deadline - time.monotonic()),
            meter=brain.meter,
        ):
            if isinstance(piece, str):
                yield piece
            else:
                completion = piece
        spoken.completions.append(completion)
        spoken.texts.append(completion.text)
        if not completion.tool_calls:
            return
        if completion.fallback:
            model = OFFLINE  # one failure a turn is enough to wait for
        calls = completion.tool_calls[:MOST_CALLS]
        exchanged.append(_as_message(completion.text, calls))
        for call in calls:
            exchanged.append(_use(call, specialist, scene, toolbox, spoken))
    spoken.out_of_steps = True


def _use(
    call: ToolCall, specialist: Specialist, scene: Scene, toolbox: Toolbox, spoken: Spoken
) -> Message:
    """Run one tool call, note it, and make the message that tells the model."""
    began = time.perf_counter()
    outcome = toolbox.use(call, specialist, scene)
    spoken.tools.append(
        ToolUse(
            agent=specialist.name,
            tool=call.name,
            why=outcome.why,
            arguments=call.arguments,
            result=outcome.result,
            ms=round((time.perf_counter() - began) * 1000, 2),
        )
    )
    spoken.pending = outcome.pending or spoken.pending
    spoken.agent = outcome.hand_off_to or spoken.agent
    content = json.dumps(outcome.result, ensure_ascii=False, default=str)
    return {"role": "tool", "tool_call_id": call.id, "name": call.name, "content": content}


def _as_message(text: str, calls: tuple[ToolCall, ...]) -> Message:
    tool_calls = [call.as_openai() for call in calls]
    return {"role": "assistant", "content": text or None, "tool_calls": tool_calls}
