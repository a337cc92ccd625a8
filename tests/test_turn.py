"""A turn: colleagues, tools, consent and stale ground; and models that misbehave in the middle."""

from collections.abc import Iterator
from typing import Any

import pytest

from agent.answer import Answer
from agent.offline import MODEL
from agent.session import Session, sessions
from agent.specialists import TRIAGE, specialists
from agent.support import AgentSettings, SupportAgent, ask_both
from agent.tools import Toolbox
from pipeline.fire import Door
from pipeline.outbox import newest
from tests.openai_server import serving
from tests.test_agent import Airlines, airlines

__all__ = ["airlines"]  # the fixture


@pytest.fixture(scope="module")
def door(airlines: Airlines) -> Door:
    """Records; no broker answers, so that nothing but the record moves."""
    return Door(airlines.record, "127.0.0.1:1")


def agent(airlines: Airlines, arm: str, door: Door, **settings: Any) -> SupportAgent:
    toolbox = Toolbox(airlines.stores[arm], airlines.record, lambda: door)
    return SupportAgent(toolbox, airlines.vectors, airlines.judge, AgentSettings(**settings))


def results(answer: Answer, tool: str) -> list[dict[str, Any]]:
    return [one.result for one in answer.tools if one.tool == tool]


def events(airlines: Airlines) -> int:
    return newest(airlines.record)


def test_every_colleague_has_a_prompt_and_tools_that_exist(airlines: Airlines, door: Door) -> None:
    toolbox = Toolbox(airlines.stores["stream"], airlines.record, lambda: door)
    for one in specialists().values():
        assert one.role
        assert one.title
        assert [tool["function"]["name"] for tool in toolbox.schemas(one)] == list(one.tools)
    assert "hand_off" in specialists()[TRIAGE].tools


def test_nothing_is_done_before_the_customer_said_yes(airlines: Airlines, door: Door) -> None:
    stream, session = agent(airlines, "stream", door), Session("C0002")
    before = events(airlines)
    asked = stream.ask("Please cancel my booking", session, airlines.now)
    [waits] = results(asked, "cancel_booking")
    assert waits["status"] == "needs_consent"
    assert asked.pending == waits["say"]
    assert events(airlines) == before
    left = stream.ask("no, leave it", session, airlines.now)
    assert left.pending is None
    stream.ask("yes", session, airlines.now)
    assert events(airlines) == before


def test_what_waited_is_done_at_the_yes_and_once(airlines: Airlines, door: Door) -> None:
    session = Session("C0002")
    stream = agent(airlines, "stream", door)
    stream.ask("Please cancel my booking", session, airlines.now)
    before = events(airlines)
    done = stream.ask("yes, do it", session, airlines.now)
    assert [one["status"] for one in results(done, "cancel_booking")] == ["done"]
    assert events(airlines) == before + 1


def test_somebody_elses_booking_is_no_booking_of_yours(airlines: Airlines, door: Door) -> None:
    stream = agent(airlines, "stream", door)
    said = stream.ask("Please cancel booking ZZ9ZZ9", Session("C0002"), airlines.now)
    assert said.answer == "I see no booking ZZ9ZZ9 of yours."
    assert said.pending is None


def test_the_customer_is_asked_for_one_yes_at_a_time(airlines: Airlines, door: Door) -> None:
    stream = agent(airlines, "stream", door)
    said = stream.ask("Cancel my booking and refund me", Session("C0002"), airlines.now)
    assert [one.tool for one in said.tools if one.tool != "hand_off"] == ["cancel_booking"]


def test_an_agent_that_knows_too_little_is_stopped(airlines: Airlines, door: Door) -> None:
    # EA 204 is cancelled on record; the batch arm has not heard of it and changes the seat on it.
    session = Session("C0001")
    before = events(airlines)
    answer = agent(airlines, "batch", door).ask("Give me seat 20A on EA 204", session, airlines.now)
    [stopped] = results(answer, "change_seat")
    assert stopped["status"] == "stale_ground"
    assert stopped["stale"]["event_type"] == "flight.cancelled"
    assert events(airlines) == before


def test_both_airlines_doing_the_same_is_one_event(airlines: Airlines, door: Door) -> None:
    both = [agent(airlines, arm, door) for arm in ("batch", "stream")]
    before = events(airlines)
    ask_both(both, "I want to complain: the lounge was closed!", sessions("C0001"), airlines.now)
    assert events(airlines) == before + 1


def test_nothing_changes_where_there_is_no_door(airlines: Airlines) -> None:
    answer = airlines.stream.ask("I want to complain!", Session("C0001"), airlines.now)
    assert [one["status"] for one in results(answer, "complaint")] == ["refused"]


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with serving() as one:
        yield one


def by_model(
    airlines: Airlines, door: Door, server: Any, monkeypatch: pytest.MonkeyPatch, model: str
) -> SupportAgent:
    monkeypatch.setenv("OPENAI_API_BASE", server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    return agent(airlines, "stream", door, model=model, timeout_s=8)


def test_a_model_that_loops_on_tools_ends_in_an_answer(
    airlines: Airlines, door: Door, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looping = by_model(airlines, door, server, monkeypatch, "openai/loops")
    answer = looping.ask("Is my flight on time?", Session("C0001"), airlines.now)
    assert answer.model == MODEL
    assert answer.fallback
    assert answer.verdict.status == "current"


@pytest.mark.parametrize("model", ["openai/unknown-tool", "openai/bad-arguments", "openai/garbage"])
def test_a_model_that_calls_nonsense_changes_nothing(
    airlines: Airlines, door: Door, server: Any, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    before = events(airlines)
    wild = by_model(airlines, door, server, monkeypatch, model)
    answer = wild.ask("Is my flight on time?", Session("C0001"), airlines.now)
    assert answer.answer
    assert events(airlines) == before
