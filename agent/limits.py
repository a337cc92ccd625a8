"""What models may cost: turns, tokens, wall time and money, for a session and for the process.

A meter is asked before each call of a model and told after it. Calls that are under way when a
budget ends may go over it by their own answers. The built-in model costs nothing and is never
refused: it is what answers when a budget is used up.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from pipeline.settings import settings


@dataclass(frozen=True)
class Amounts:
    """What was used, or what may be; in a budget 0 is: without limit.

    Turns are a customer's questions that reached a model; seconds are wall time spent on models.
    """

    turns: int = 0
    tokens: int = 0
    seconds: float = 0.0
    usd: float = 0.0

    def __add__(self, more: Amounts) -> Amounts:
        return Amounts(
            self.turns + more.turns,
            self.tokens + more.tokens,
            self.seconds + more.seconds,
            self.usd + more.usd,
        )


# One for all meters: a call touches its own, its session's and the process's in one step.
_LOCK = threading.Lock()


class Meter:
    """What somebody has used of a budget, and of all budgets above. Thread-safe."""

    def __init__(
        self, whose: str, budget: Amounts, above: Meter | None = None, *, one_turn: bool = False
    ) -> None:
        """`whose` is for the sentence that tells that a budget is used up."""
        self.budget = budget
        self._whose = whose
        self._above = above
        self._one_turn = one_turn
        self._used = Amounts()

    @property
    def used(self) -> Amounts:
        """What was used so far."""
        return self._used

    def turn(self) -> Meter:
        """A meter for one question: all calls with it are one turn of this session.

        Calls with the session's own meter are a turn each.
        """
        return Meter("turn", Amounts(), self, one_turn=True)

    def admit(self) -> str | None:
        """Ask for one call of a model: None, or why there can be none."""
        with _LOCK:
            opens = Amounts(turns=self._turns_opened())
            for meter in self._chain():
                if spent := _spent(meter.budget, meter.used, opens):
                    return f"the {meter._whose}'s budget of {spent} is used up"
            self._add(opens)
        return None

    def record(self, used: Amounts) -> None:
        """Tell what a call used."""
        with _LOCK:
            self._add(used)

    def seconds_left(self) -> float:
        """Wall seconds that a call may take before a budget ends; infinite without limit."""
        with _LOCK:
            limits = [(one.budget.seconds, one.used.seconds) for one in self._chain()]
        return min((most - used for most, used in limits if most), default=float("inf"))

    def _turns_opened(self) -> int:
        """Turns that the next call begins: a turn's first call does, the others are part of it."""
        return 0 if self._one_turn and self.used.turns else 1

    def _chain(self) -> Iterator[Meter]:
        meter: Meter | None = self
        while meter is not None:
            yield meter
            meter = meter._above

    def _add(self, amounts: Amounts) -> None:
        for meter in self._chain():
            meter._used += amounts


def _spent(budget: Amounts, used: Amounts, opens: Amounts) -> str | None:
    """The part of a budget that leaves no room for another call."""
    if budget.turns and opens.turns and used.turns >= budget.turns:
        return f"{budget.turns:,} turns"
    if budget.tokens and used.tokens >= budget.tokens:
        return f"{budget.tokens:,} tokens"
    if budget.seconds and used.seconds >= budget.seconds:
        return f"{budget.seconds:,g} s of model time"
    if budget.usd and used.usd >= budget.usd:
        return f"${budget.usd:,g}"
    return None


def process() -> Meter:
    """The meter of this process, from the settings; every session's is under it."""
    with _LOCK:  # a cache alone lets two threads make one each
        return _process()


@cache
def _process() -> Meter:
    has = settings()
    return Meter(
        "process",
        Amounts(
            has.agent_process_turns,
            has.agent_process_tokens,
            has.agent_process_seconds,
            has.agent_process_usd,
        ),
    )


def session_budget() -> Amounts:
    """What a session may use, from the settings."""
    has = settings()
    return Amounts(
        has.agent_session_turns,
        has.agent_session_tokens,
        has.agent_session_seconds,
        has.agent_session_usd,
    )


def session() -> Meter:
    """A new session's meter."""
    return Meter("session", session_budget(), process())
