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
from agent.pictures import Picture
from agent.session import Session
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


@dataclass(frozen=True)
class Question:
    """A customer's question at an airline time; `after` is the newest event by then.

    With a picture the text may be empty.
    """

    text: str
    sessions: Mapping[Arm, Session]
    now: datetime
    as_of: Mapping[Arm, AsOf]
    after: int
    picture: Picture | None = None


@dataclass
class Conversation:
    """One question to both airlines."""

    question: Question
    speaking: dict[Arm, Speaking]
    _threads: list[threading.Thread]

    def begin(self) -> None:
        """Let the agents speak, unless they do; returns at once."""
        while self._threads:
            self._threads.pop().start()

    @property
    def done(self) -> bool:
        """Whether both have answered."""
        return all(one.done for one in self.speaking.values())


def ask(
    agents: Mapping[Arm, SupportAgent], question: Question, ready: threading.Thread
) -> Conversation:
    """One question for every agent, who wait for its `begin`.

    Args:
        ready: ends when models and libraries are loaded; a model's deadline must not pay for that.
    """
    speaking = {arm: Speaking(arm) for arm in agents}
    threads = [
        threading.Thread(
            target=_speak,
            args=(agent, question, speaking[arm], ready),
            name=f"ask-{arm}",
            daemon=True,
        )
        for arm, agent in agents.items()
    ]
    return Conversation(question, speaking, threads)


def wait(conversation: Conversation, seconds: float) -> None:
    """Begin, and give quick answers the chance to be in the very next drawing."""
    conversation.begin()
    deadline = time.monotonic() + seconds
    while not conversation.done and time.monotonic() < deadline:
        time.sleep(0.005)


def _speak(
    agent: SupportAgent, question: Question, buffer: Speaking, ready: threading.Thread
) -> None:
    ready.join()
    try:
        for piece in agent.stream(
            question.text,
            question.sessions[agent.arm],
            question.now,
            as_of=question.as_of.get(agent.arm),
            picture=question.picture,
        ):
            if isinstance(piece, str):
                buffer.pieces.append(piece)
            else:
                buffer.answered_at = time.time()
                buffer.answer = piece
    except Exception as failed:
        # Whatever it was, the card says so; the page and the other airline go on.
        buffer.error = f"{type(failed).__name__}: {failed}"
