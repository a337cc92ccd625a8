"""Budgets of turns, tokens, time and money: asked before a call, told after it, by many threads."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import limits
from agent.limits import Amounts, Meter
from pipeline.settings import settings


def meter(session: Amounts, process: Amounts | None = None) -> Meter:
    return Meter("session", session, Meter("process", process or Amounts()))


@pytest.mark.parametrize(
    ("budget", "used", "refusal"),
    [
        (Amounts(tokens=1000), Amounts(tokens=1000), "1,000 tokens"),
        (Amounts(seconds=90), Amounts(seconds=90.5), "90 s of model time"),
        (Amounts(usd=0.5), Amounts(usd=0.5), "$0.5"),
    ],
)
def test_a_used_up_budget_is_named(budget: Amounts, used: Amounts, refusal: str) -> None:
    session = meter(budget)
    assert session.admit() is None
    session.record(used)
    assert session.admit() == f"the session's budget of {refusal} is used up"


def test_a_hair_less_than_the_budget_is_admitted() -> None:
    session = meter(Amounts(tokens=1000, seconds=90, usd=0.5))
    session.record(Amounts(tokens=999, seconds=89.9, usd=0.49))
    assert session.admit() is None


def test_a_turn_is_counted_once_whatever_its_calls() -> None:
    session = meter(Amounts(turns=2))
    for _ in range(2):
        turn = session.turn()
        assert [turn.admit() for _ in range(5)] == [None] * 5
    assert session.used.turns == 2
    assert session.turn().admit() == "the session's budget of 2 turns is used up"
    assert session.used.turns == 2


def test_without_turns_each_call_is_one() -> None:
    session = meter(Amounts(turns=2))
    assert [session.admit(), session.admit()] == [None, None]
    assert session.admit() is not None


def test_the_process_is_over_all_its_sessions() -> None:
    process = Meter("process", Amounts(tokens=100))
    one, other = (Meter("session", Amounts(tokens=80), process) for _ in range(2))
    one.turn().record(Amounts(tokens=60))
    other.turn().record(Amounts(tokens=60))
    assert process.used.tokens == 120
    assert one.used.tokens == other.used.tokens == 60
    assert one.admit() == "the process's budget of 100 tokens is used up"


def test_a_call_has_the_time_that_is_left_anywhere() -> None:
    session = meter(Amounts(seconds=30), Amounts(seconds=100))
    session.record(Amounts(seconds=12))
    assert session.turn().seconds_left() == pytest.approx(18)
    assert meter(Amounts()).seconds_left() == math.inf


@given(
    budget=st.integers(1, 20), asks=st.integers(1, 60), turns_of=st.sampled_from(["meter", "turn"])
)
def test_threads_never_get_more_turns_than_there_are(budget: int, asks: int, turns_of: str) -> None:
    session = meter(Amounts(), Amounts(turns=budget))
    ask: Callable[[], str | None] = (
        session.admit if turns_of == "meter" else lambda: session.turn().admit()
    )
    with ThreadPoolExecutor(8) as pool:
        refusals = list(pool.map(lambda _: ask(), range(asks)))
    assert refusals.count(None) == min(budget, asks)
    assert session.used.turns == min(budget, asks)


@given(st.lists(st.integers(0, 1000), max_size=60))
def test_threads_lose_nothing_that_was_used(tokens: list[int]) -> None:
    session = meter(Amounts())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: session.turn().record(Amounts(tokens=one, usd=0.5)), tokens))
    assert session.used.tokens == sum(tokens)
    assert session.used.usd == 0.5 * len(tokens)


def test_budgets_come_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_SESSION_TURNS", "1")
    settings.cache_clear()
    limits._process.cache_clear()
    try:
        session = limits.session()
        assert session.admit() is None
        assert session.admit() == "the session's budget of 1 turns is used up"
        assert limits.session().admit() is None
        assert limits.process().used.turns == 2
    finally:
        settings.cache_clear()
        limits._process.cache_clear()
