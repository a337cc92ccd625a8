"""Asking both agents at once, in threads that write to buffers which the page draws.

`st.write_stream` would hold up every live part of the page while a model speaks; a thread does not.
The threads know nothing of Streamlit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agent.answer import Answer
from agent.support import AsOf, SupportAgent
from pipeline.schema import Arm


@dataclass
class Speaking:
    """One arm's answer while it comes: pieces of text, then the whole answer or an error."""

    arm: Arm
    pieces: list[str] = field(default_factory=list)
    answer: Answer | None = None
    answered_at: float = 0.0  # wall clock
    error: str | None = None

    @property
    def done(self) -> bool:
        """Whether nothing more will come."""
        return self.answer is not None or self.error is not None

    @property
    def text(self) -> str:
        """What has been said so far."""
        return self.answer.answer if self.answer else "".join(self.pieces)


@dataclass
class Conversation:
    """One question to both airlines. `after` is the newest event when it was asked."""

    question: str
    customer_id: str
    asked_at: float  # wall clock
    after: int
    speaking: dict[Arm, Speaking]

    @property
    def done(self) -> bool:
        """Whether both have answered."""
        return all(one.done for one in self.speaking.values())


def ask(
    agents: Mapping[Arm, SupportAgent],
    question: str,
    customer_id: str,
    now: datetime,
    as_of: Mapping[Arm, AsOf],
    after: int,
) -> Conversation:
    """Put one question to every agent; returns at once."""
    speaking = {arm: Speaking(arm) for arm in agents}
    for arm, agent in agents.items():
        threading.Thread(
            target=_speak,
            args=(agent, speaking[arm], question, customer_id, now, as_of.get(arm)),
            name=f"ask-{arm}",
            daemon=True,
        ).start()
    return Conversation(question, customer_id, time.time(), after, speaking)


def wait(conversation: Conversation, seconds: float) -> None:
    """Give quick answers the chance to be in the very next drawing."""
    deadline = time.monotonic() + seconds
    while not conversation.done and time.monotonic() < deadline:
        time.sleep(0.005)


def _speak(
    agent: SupportAgent,
    buffer: Speaking,
    question: str,
    customer_id: str,
    now: datetime,
    as_of: AsOf,
) -> None:
    try:
        for piece in agent.stream(question, customer_id, now, as_of=as_of):
            if isinstance(piece, str):
                buffer.pieces.append(piece)
            else:
                buffer.answered_at = time.time()
                buffer.answer = piece
    except Exception as failed:
        # Whatever it was, the card says so; the page and the other airline go on.
        buffer.error = f"{type(failed).__name__}: {failed}"
