"""The door to models: real LiteLLM, and a real local server in place of every provider."""

import logging
import string
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agent import limits, llm, offline
from agent.evals import model_call
from agent.limits import Amounts, Meter
from agent.llm import Completion
from agent.offline import MODEL as OFFLINE
from agent.offline import Message, Turn
from agent.tool_calls import ToolCall
from pipeline.settings import settings
from tests.openai_server import BEHAVIOURS, ERRORS, KNOWN, OpenAIServer, serving

KEY = "sk-test-1234567890"
HELLO: list[Message] = [{"role": "user", "content": "hello"}]
SHORT_S = 0.4  # for models that never come to an end: how long they are waited for
LONG_S = 30.0

LOOK_UP: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Look a flight up.",
        "parameters": {"type": "object", "properties": {"flight": {"type": "string"}}},
    },
}


@pytest.fixture(scope="module")
def running() -> Iterator[OpenAIServer]:
    llm.warm()
    with serving() as server:
        yield server


@pytest.fixture
def server(running: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """The server as the only provider there is, and nothing used of any budget."""
    for name in ("ANTHROPIC_API_KEY", "OPENAI_BASE_URL", "AGENT_MODEL", "AGENT_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_BASE", running.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    running.requests.clear()
    running.keys.clear()
    forget()
    yield running
    forget()


def forget() -> None:
    """Read the settings and begin the process's budget anew."""
    settings.cache_clear()
    limits._process.cache_clear()


def user(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


def ask(behaviour: str, text: str = "hello", **more: Any) -> tuple[list[str], Completion]:
    *pieces, last = llm.stream(user(text), f"openai/{behaviour}", **{"timeout_s": LONG_S} | more)
    assert isinstance(last, Completion)
    return [str(piece) for piece in pieces], last


# --- good models ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("server")
def test_a_model_streams_and_is_accounted_for() -> None:
    pieces, said = ask("says", "my flight is late")
    assert pieces == ["my", " flight", " is", " late"]
    assert said.text == "my flight is late"
    assert (said.model, said.fallback, said.tool_calls) == ("openai/says", None, ())
    assert (said.prompt_tokens, said.completion_tokens, said.cost_usd) == (1, 7, None)
    assert 0 < said.first_token_ms <= said.total_ms


def test_the_request_is_what_was_asked(server: OpenAIServer) -> None:
    ask("says", tools=[LOOK_UP], temperature=0.3)
    [request] = server.requests
    assert request["messages"] == HELLO
    assert request["tools"] == [LOOK_UP]
    assert request["temperature"] == 0.3
    assert request["stream"] is True
    assert server.keys == [KEY]


@pytest.mark.usefixtures("server")
def test_a_known_model_has_a_cost() -> None:
    _, said = ask("gpt-4o-mini")
    assert said.cost_usd is not None
    assert 0 < said.cost_usd < 0.001


@pytest.mark.usefixtures("server")
def test_tokens_are_estimated_where_a_model_does_not_tell() -> None:
    _, said = ask("no-usage", "a text of forty characters, as good as.")
    assert said.fallback is None
    assert said.prompt_tokens == pytest.approx(10, abs=10)
    assert said.completion_tokens == pytest.approx(10, abs=5)


@pytest.mark.usefixtures("server")
def test_tool_calls_are_put_together_from_fragments() -> None:
    orders = 'call look_up {"flight": "BE 212"}\ncall look_up {"flight": "Zürich", "n": [1, 2]}'
    pieces, said = ask("says", orders, tools=[LOOK_UP])
    assert pieces == []
    assert said.fallback is None
    assert said.tool_calls == (
        ToolCall("call-0", "look_up", {"flight": "BE 212"}),
        ToolCall("call-1", "look_up", {"flight": "Zürich", "n": [1, 2]}),
    )


@pytest.mark.usefixtures("server")
def test_a_tool_s_result_goes_back_to_the_model() -> None:
    _, said = ask("says", 'call look_up {"flight": "BE 212"}', tools=[LOOK_UP])
    [call] = said.tool_calls
    messages = [
        *user("Is it late?"),
        {"role": "assistant", "content": None, "tool_calls": [call.as_openai()]},
        {"role": "tool", "tool_call_id": call.id, "content": '{"status": "late"}'},
    ]
    answer = llm.complete(messages, "openai/says", tools=[LOOK_UP])
    assert answer.text == KNOWN + '{"status": "late"}'
    assert answer.tool_calls == ()


@pytest.mark.usefixtures("server")
def test_calls_that_are_all_numbered_0_are_told_apart() -> None:
    _, said = ask("all-calls-zero", tools=[LOOK_UP])
    assert said.tool_calls == (
        ToolCall("id-1", "look_up", {"number": 1}),
        ToolCall("id-2", "look_up", {"number": 2}),
    )


@pytest.mark.usefixtures("server")
def test_twenty_at_once_lose_none() -> None:
    texts = [f"question {number}" for number in range(20)]
    with ThreadPoolExecutor(20) as pool:
        said = list(pool.map(lambda text: ask("says", text)[1], texts))
    assert [one.text for one in said] == texts
    assert limits.process().used.turns == 20
    assert limits.process().used.tokens == 20 * 8


@pytest.mark.usefixtures("server")
def test_who_stops_listening_has_paid_for_what_was_said() -> None:
    heard = llm.stream(user("one two three"), "openai/says")
    assert next(heard) == "one"
    del heard  # a generator: this ends it
    assert limits.process().used.turns == 1
    assert limits.process().used.tokens > 0


# --- bad models -----------------------------------------------------------------------------------

FAILURES = {
    "status-400": "refused the request (400)",
    "status-401": "refused the key (401)",
    "status-403": "failed with status 403",
    "status-404": "is not known to its provider (404)",
    "status-429": "is over its rate limit (429)",
    "status-500": "failed at its provider (500)",
    "status-503": "is not available (503)",
    "empty": "gave an empty answer",
    "garbage": "could not be reached or understood",
    "garbage-shape": "ended without an end",
    "hangs": "did not finish within 0.4 s",
    "hangs-midway": "stopped in mid-answer: it did not finish within 0.4 s",
    "slow": "stopped in mid-answer: it did not finish within 0.4 s",
    "breaks-off": "stopped in mid-answer: it could not be reached or understood",
    "stops": "stopped in mid-answer: it ended without an end",
    "garbage-events": "stopped in mid-answer: it could not be reached or understood",
    "endless": "stopped in mid-answer: it did not stop after 20,000 characters",
}
NEVER_END = ("hangs", "hangs-midway", "slow")


@pytest.mark.parametrize("behaviour", FAILURES)
def test_a_failure_is_answered_offline_and_says_why(server: OpenAIServer, behaviour: str) -> None:
    timeout_s = SHORT_S if behaviour in NEVER_END else LONG_S
    pieces, said = ask(behaviour, tools=[LOOK_UP], timeout_s=timeout_s)
    assert said.fallback == f"openai/{behaviour} {FAILURES[behaviour]}"
    assert said.model == OFFLINE
    assert said.text == offline.reply(HELLO)
    assert len(server.requests) == 1, "somebody tried again"
    # Text that was shown cannot be taken back: then the answer is in the completion alone.
    begun = "mid-answer" in FAILURES[behaviour]
    assert (pieces != [said.text]) == begun
    assert (said.completion_tokens > 0) == (begun or behaviour == "empty")


def test_every_bad_model_of_the_server_is_tested() -> None:
    good = {
        "says",
        "in-turn",
        "loops",
        "unknown-tool",
        "bad-arguments",
        "all-calls-zero",
        "no-usage",
    }
    assert {*BEHAVIOURS, *ERRORS} == {*FAILURES, *good, "surrogates"}


@pytest.mark.usefixtures("server")
def test_bad_arguments_are_a_problem_of_their_call() -> None:
    _, said = ask("bad-arguments", tools=[LOOK_UP])
    assert said.fallback is None
    *bad, good = said.tool_calls
    assert {call.problem for call in bad} == {"the arguments are not a JSON object"}
    assert {str(call.arguments) for call in bad} == {"{}"}
    assert (good.arguments, good.problem) == ({}, None)


@pytest.mark.usefixtures("server")
def test_a_tool_that_nobody_offered_is_a_problem() -> None:
    _, said = ask("unknown-tool", tools=[LOOK_UP])
    [call] = said.tool_calls
    assert call.problem == "there is no tool 'open_pod_bay_doors' here"


@pytest.mark.usefixtures("server")
def test_half_a_character_can_be_shown() -> None:
    _, said = ask("surrogates")
    assert said.text == "Hello ? there"


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("content", ["", "\x00\x1b[31m", "\ud83d", "x" * 100_000])
def test_any_question_gets_an_answer(content: str) -> None:
    _, said = ask("says", content)
    assert said.text
    said.text.encode()


def test_without_a_key_nobody_is_called(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    said = llm.complete(HELLO, "openai/says")
    assert said.fallback == "openai/says has no key: OPENAI_API_KEY is not set"
    assert server.requests == []
    said = llm.complete(HELLO, "anthropic/claude-sonnet-4-20250514")
    assert said.fallback is not None
    assert said.fallback.endswith("has no key: ANTHROPIC_API_KEY is not set")


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("model", ["nobody/no-such-model", "nonsense", ""])
def test_a_model_that_litellm_does_not_know(model: str) -> None:
    said = llm.complete(HELLO, model)
    assert said.fallback == f"{model} is of no provider that LiteLLM knows"
    assert said.text == offline.reply(HELLO)


def test_nobody_is_there(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as gone:
        monkeypatch.setenv("OPENAI_API_BASE", gone.base_url)
    said = llm.complete(HELLO, "openai/says")
    assert said.fallback == "openai/says could not be reached or understood"
    assert server.requests == []


# --- keys -----------------------------------------------------------------------------------------


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    key=st.text(string.ascii_letters + string.digits + "-_.", min_size=12, max_size=60),
    behaviour=st.sampled_from(sorted({*FAILURES, "says"} - {*NEVER_END, "endless"})),
)
def test_a_key_is_nowhere(
    server: OpenAIServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    key: str,
    behaviour: str,
) -> None:
    """Whatever fails, and though the provider quotes the key and everything logs all it can."""
    key = f"sk-{key}-marker"
    caplog.clear()
    with monkeypatch.context() as surroundings, caplog.at_level(logging.DEBUG):
        surroundings.setenv("OPENAI_API_KEY", key)
        _, said = ask(behaviour, tools=[LOOK_UP])
    assert server.keys[-1] == key
    printed = capfd.readouterr()
    logged = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
    for text in (repr(said), printed.out, printed.err, *logged):
        assert key not in text


def test_a_key_in_the_settings_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_API_KEY", KEY)
    forget()
    assert KEY not in repr(settings()) + str(settings().model_dump_json())
    assert settings().agent_api_key.get_secret_value() == KEY
    forget()


def test_a_server_of_one_s_own_never_sees_the_provider_s_key(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_BASE", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("AGENT_API_BASE", server.base_url)
    monkeypatch.setenv("AGENT_MODEL", "openai/says")
    forget()
    assert ask("says")[1].fallback is None
    monkeypatch.setenv("AGENT_API_KEY", "sk-of-the-server")
    forget()
    assert ask("says")[1].fallback is None
    assert server.keys == ["none", "sk-of-the-server"]


def test_another_provider_sees_neither_the_server_nor_its_key(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_API_BASE", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("AGENT_API_KEY", "sk-of-another")
    monkeypatch.setenv("AGENT_MODEL", "anthropic/claude-sonnet-4-20250514")
    forget()
    assert ask("says")[1].fallback is None
    assert server.keys == [KEY]


# --- budgets --------------------------------------------------------------------------------------


def test_a_used_up_budget_is_answered_offline(server: OpenAIServer) -> None:
    session = Meter("session", Amounts(tokens=8), limits.process())
    assert ask("says", meter=session)[1].fallback is None
    assert session.used.tokens == 8
    assert session.used.seconds > 0
    pieces, said = ask("says", meter=session)
    assert said.fallback == "the session's budget of 8 tokens is used up"
    assert (said.model, pieces) == (OFFLINE, [offline.reply(HELLO)])
    assert (said.prompt_tokens, said.completion_tokens, said.cost_usd) == (0, 0, 0.0)
    assert len(server.requests) == 1


@pytest.mark.usefixtures("server")
def test_money_is_counted() -> None:
    session = Meter("session", Amounts(usd=0.000001), limits.process())
    said = ask("gpt-4o-mini", meter=session)[1]
    assert session.used.usd == said.cost_usd
    assert ask("gpt-4o-mini", meter=session)[1].fallback == (
        "the session's budget of $1e-06 is used up"
    )


def test_a_model_that_loops_on_tools_ends_with_the_budget(server: OpenAIServer) -> None:
    turn = Meter("session", Amounts(tokens=60), limits.process()).turn()
    messages, said = user("Is it late?"), ask("loops", tools=[LOOK_UP], meter=turn)[1]
    while said.tool_calls and len(messages) < 100:
        messages.append(
            {"role": "assistant", "tool_calls": [said.tool_calls[0].as_openai()], "content": None}
        )
        messages.append(
            {
                "role": "tool",
                "tool_call_id": said.tool_calls[0].id,
                "content": '{"error": "not yet"}',
            }
        )
        said = llm.complete(messages, "openai/loops", tools=[LOOK_UP], meter=turn)
        if said.fallback:
            break
    assert said.fallback == "the session's budget of 60 tokens is used up"
    assert len(server.requests) < 10


@pytest.mark.usefixtures("server")
def test_a_call_ends_with_the_session_s_time() -> None:
    session = Meter("session", Amounts(seconds=SHORT_S), limits.process())
    said = ask("hangs", meter=session)[1]
    assert said.fallback == "openai/hangs did not finish within 0.4 s"
    assert ask("says", meter=session)[1].fallback == (
        "the session's budget of 0.4 s of model time is used up"
    )


def test_the_built_in_model_costs_nothing() -> None:
    forget()
    session = Meter("session", Amounts(1, 1, 1, 1), limits.process())
    session.record(Amounts(9, 9, 9, 9))
    used = session.used
    said = llm.complete(HELLO, OFFLINE, meter=session)
    assert (said.fallback, said.cost_usd) == (None, 0.0)
    assert said.completion_tokens == len(said.text.split())
    assert session.used == used
    forget()


# --- the built-in model through the same door -----------------------------------------------------


def with_tools(messages: object, tools: Any = ()) -> Turn:
    """A built-in model that says a word and calls each tool that it is offered."""
    calls = [
        ToolCall(f"call-{n}", tool["function"]["name"], {"of": len(list(tools)), "é": [n]})
        for n, tool in enumerate(tools)
    ]
    return Turn("One moment." if messages else "", tuple(calls))


def test_the_built_in_model_streams_tool_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "respond", with_tools)
    other = {"type": "function", "function": LOOK_UP["function"] | {"name": "other"}}
    *pieces, said = llm.stream(HELLO, OFFLINE, tools=[LOOK_UP, other])
    assert isinstance(said, Completion)
    assert pieces == ["One", " moment."]
    assert said.fallback is None
    assert said.tool_calls == (
        ToolCall("call-0", "look_up", {"of": 2, "é": [0]}),
        ToolCall("call-1", "other", {"of": 2, "é": [1]}),
    )


def test_the_built_in_model_gives_tool_calls_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "respond", with_tools)
    llm.warm()
    import litellm

    whole = litellm.completion(model=OFFLINE, messages=HELLO, tools=[LOOK_UP])
    [choice] = whole.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "One moment."
    assert choice.message.tool_calls[0].function.name == "look_up"
    assert whole.usage.completion_tokens == 2 + 4


@pytest.mark.usefixtures("server")
def test_the_fall_back_may_call_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "respond", with_tools)
    _, said = ask("status-500", tools=[LOOK_UP])
    assert said.fallback is not None
    assert [call.name for call in said.tool_calls] == ["look_up"]


# --- what the door costs --------------------------------------------------------------------------


def test_the_overhead_is_measured_against_a_bare_call() -> None:
    figures = model_call.overhead_ms()
    assert figures["bare_ms"] > 0
    assert figures["added_ms"] == pytest.approx(
        figures["through_llm_ms"] - figures["bare_ms"], abs=0.02
    )
