"""How long a customer waits for the built-in model: alone, and with others at the same time.

One airline's agent over a store of ten thousand documents, nothing around it. The first token is
taken where a customer sees it: when `SupportAgent.stream` gives its first piece, after embedding,
retrieval and the hand-over to a specialist.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from agent import llm
from agent.answer import Answer
from agent.cli import agents_of
from agent.evals.default_world import default_world
from agent.prompts import table
from agent.session import Session
from agent.support import SupportAgent
from pipeline.settings import Settings

DOCUMENTS = 10_000
AT_ONCE = 20
_ALONE = 40
_WARM_UP = 5


@dataclass(frozen=True)
class Waited:
    """Wall milliseconds of one ask; None: there was no answer, or not the model's own."""

    first_ms: float
    complete_ms: float | None


class Asking:
    """An agent over a large store, and customers to ask it."""

    def __init__(self, agent: SupportAgent, customers: list[str], now: datetime) -> None:
        self._agent = agent
        self._customers = customers
        self._now = now
        self._asked = 0

    def alone(self, count: int = _ALONE) -> dict[str, float]:
        """Asks one after the other: medians {first_ms, complete_ms}."""
        waited = [self._ask(self._next()) for _ in range(count)]
        answered = [one.complete_ms for one in waited if one.complete_ms is not None]
        if len(answered) < count:
            raise RuntimeError(f"{count - len(answered)} of {count} asks were not answered")
        return {
            "first_ms": statistics.median(one.first_ms for one in waited),
            "complete_ms": statistics.median(answered),
        }

    def at_once(self, count: int = AT_ONCE) -> dict[str, float]:
        """So many asks of different customers together: {answered, p50_ms, p95_ms}."""
        places = [self._next() for _ in range(count)]
        with ThreadPoolExecutor(count) as pool:
            waited = list(pool.map(self._ask, places))
        answered = [one.complete_ms for one in waited if one.complete_ms is not None]
        p50, p95 = np.percentile(answered or [float("inf")], (50, 95))
        return {"answered": len(answered), "p50_ms": float(p50), "p95_ms": float(p95)}

    def _next(self) -> int:
        self._asked += 1
        return self._asked

    def _ask(self, place: int) -> Waited:
        questions: list[str] = table("questions")["questions"]
        # Each question a new one to the encoder: nobody asks twice in the same words.
        question = f"{questions[place % len(questions)]} ({place})"
        session = Session(self._customers[place % len(self._customers)])
        began = time.perf_counter()
        first, answer = 0.0, None
        for piece in self._agent.stream(question, session, self._now):
            first = first or _since(began)
            answer = piece
        whole = isinstance(answer, Answer) and answer.answer and answer.fallback is None
        return Waited(first, _since(began) if whole else None)


@contextmanager
def asking(settings: Settings) -> Iterator[Asking]:
    """A warm agent over a scratch store of `DOCUMENTS` documents."""
    with default_world(settings, arms=("stream",)) as world:
        world.fill(DOCUMENTS)
        llm.warm()
        [agent] = agents_of(world.settings, world.database, ("stream",))
        one = Asking(agent, world.busy, world.now)
        one.alone(_WARM_UP)
        yield one


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
