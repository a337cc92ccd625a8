"""The Live page without a browser, on a real engine: full, engine down, and every button."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pipeline import settings as settings_module
from pipeline.engine import EngineError
from pipeline.schema import database
from pipeline.settings import ROOT, settings
from tests.engines import Engine, running, wait
from ui import asking, console, resources, state
from ui.engine_link import EngineLink

SECONDS = 60


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A ready engine whose state folder is this process's too."""
    home = tmp_path_factory.mktemp("app") / "home"
    before = os.environ["AIRLINE_HOME"]
    os.environ["AIRLINE_HOME"] = str(home)
    settings.cache_clear()
    st.cache_resource.clear()
    with running(home) as ready:
        yield ready
    os.environ["AIRLINE_HOME"] = before
    settings.cache_clear()
    st.cache_resource.clear()


@pytest.fixture
def page(engine: Engine) -> AppTest:
    """The page of a session that has just opened, with its first answers."""
    assert settings().airline_home == engine.home
    opened = AppTest.from_file(str(ROOT / "app.py"), default_timeout=SECONDS).run()
    return answered(opened)


def conversation_of(page: AppTest) -> asking.Conversation:
    """The question that the page shows the answers to."""
    kept: dict[str, asking.Conversation] = page.session_state[state.CONVERSATIONS]
    return kept[page.session_state[state.CUSTOMER]]


def answered(page: AppTest) -> AppTest:
    assert not page.exception
    conversation = conversation_of(page)
    wait(lambda: conversation.done, SECONDS, "no answer")
    return page.run()


def box(page: AppTest) -> str | None:
    """What stands in the question box."""
    key = f"{state.QUESTION}-{page.session_state[state.QUESTIONS]}"
    return page.text_input(key=key).value


def verdicts(page: AppTest) -> dict[str, str]:
    conversation = conversation_of(page)
    return {
        arm: one.answer.verdict.status if one.answer else str(one.error)
        for arm, one in conversation.speaking.items()
    }


def test_opens_on_the_first_hero_with_the_question_asked(page: AppTest) -> None:
    assert page.selectbox(key=state.CUSTOMER).value == "C0001"
    assert box(page) == "Is my flight to Chicago still on time?"
    assert verdicts(page) == {"batch": "current", "stream": "current"}


def test_a_cancellation_is_known_to_one_and_not_to_the_other(page: AppTest, engine: Engine) -> None:
    page.button(key="fire-1").click().run()
    assert not page.toast, [one.value for one in page.toast]
    engine.settle()
    answered(page.button(key="ask-both").click().run())
    assert verdicts(page) == {"batch": "stale", "stream": "current"}


def test_a_suggestion_is_asked_at_once(page: AppTest) -> None:
    answered(page.button(key=f"{state.SUGGESTION}-What is my seat?").click().run())
    assert box(page) == "What is my seat?"
    conversation = conversation_of(page)
    assert conversation.question.text == "What is my seat?"
    assert page.query_params[state.QUESTION] == "What is my seat?"  # for a link or a reload
    page.selectbox(key=state.CUSTOMER).select("C0003").run()
    own = conversation_of(page).question.text
    assert page.query_params[state.QUESTION] == own != "What is my seat?"


def test_every_button_fires_or_says_why_not(page: AppTest) -> None:
    page.selectbox(key=state.CUSTOMER).select("C0002").run()  # has a bag
    for button in console.buttons():
        before = page.session_state[state.FIRED_COUNT]
        page.button(key=f"fire-{button.key}").click().run()
        assert not page.exception
        assert not page.toast, (button.label, [one.value for one in page.toast])
        assert page.session_state[state.FIRED_COUNT] == before + 1, button.label


def test_an_event_can_be_edited_before_it_is_fired(page: AppTest, engine: Engine) -> None:
    page.selectbox(key=state.EDITED).select("3").run()
    gate = next(str(one.key) for one in page.text_input if str(one.key).endswith("-gate"))
    page.text_input(key=gate).set_value("Z99").run()
    page.button(key="fire-edited").click().run()
    fired = page.session_state[state.FIRED]
    assert fired == engine.status()["events"]
    page.text_input(key=gate).set_value("gate 47?").run()
    page.button(key="fire-edited").click().run()
    assert "Refused" in page.toast[0].value
    assert page.session_state[state.FIRED] == fired


def test_a_customer_in_the_address_is_opened(engine: Engine) -> None:
    assert engine.status()["ready"]
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=SECONDS)
    page.query_params[state.CUSTOMER] = "C0005"
    page.query_params[state.QUESTION] = "Which gate?"
    page.run()
    assert page.selectbox(key=state.CUSTOMER).value == "C0005"
    assert conversation_of(page).question.text == "Which gate?"


def test_clock_batch_and_traffic_reach_the_record(page: AppTest) -> None:
    record = database(settings().database)
    page.segmented_control(key=state.SPEED).select(10).run()
    assert record.get("clock")["factor"] == 360
    page.segmented_control(key=state.INTERVAL).select(1.0).run()
    assert record.get("batch_interval_h") == 1.0
    page.slider(key=state.TRAFFIC).set_value(7).run()
    assert record.get("traffic_rate") == 7
    page.slider(key=state.TRAFFIC).set_value(0).run()
    page.toggle(key=state.REPLAY).set_value(False).run()
    assert record.get("replay_on") is False
    page.button(key="play").click().run()
    assert record.get("clock")["paused"] is False
    page.button(key="play").click().run()
    assert record.get("clock")["paused"] is True


def test_a_browser_that_has_not_heard_of_a_value_does_not_set_it_back(page: AppTest) -> None:
    record = database(settings().database)
    page.segmented_control(key=state.INTERVAL).select(1.0).run()
    record.put("batch_interval_h", 12.0)  # somebody else, at another browser
    resources.pulse().forget()
    page.button(key="fire-6").click().run()
    interval = page.segmented_control(key=state.INTERVAL)
    assert interval.value == 12.0
    interval.select(1.0).run()  # as sent with a live part before the browser has drawn the 12
    assert record.get("batch_interval_h") == page.segmented_control(key=state.INTERVAL).value == 12
    page.segmented_control(key=state.INTERVAL).select(6.0).run()
    assert record.get("batch_interval_h") == 6.0


def test_start_over(page: AppTest) -> None:
    page.button(key="fire-6").click().run()
    answered(page.button(key="reset").click().run())
    assert page.session_state[state.FIRED] is None
    assert verdicts(page) == {"batch": "current", "stream": "current"}


def test_a_day_that_somebody_else_starts_over_is_noticed(page: AppTest, engine: Engine) -> None:
    before = conversation_of(page)
    engine.json("reset")
    seen = page.session_state[state.EPOCH]
    wait(lambda: resources.pulse().world().epoch != seen, SECONDS, "no other day")
    page.run()
    assert "started over by somebody else" in page.toast[0].value
    answered(page)
    assert conversation_of(page) is not before
    assert verdicts(page) == {"batch": "current", "stream": "current"}


def test_an_engine_that_cannot_start_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_PORT", "0")
    monkeypatch.setenv("WORLD", str(tmp_path / "nowhere"))
    link = EngineLink(settings_module.Settings(airline_home=tmp_path / "home"))
    link.look()
    wait(lambda: link.look().error, SECONDS, "no error")
    link.close()
    error = link.look().error or ""
    assert "\n" not in error
    assert "nowhere" in error
    assert "expected a folder with customers.csv" in error


def test_without_an_engine_nothing_is_fired(tmp_path: Path) -> None:
    from pipeline.engine import brokers_of

    with pytest.raises(EngineError, match="no engine runs"):
        brokers_of(settings_module.Settings(airline_home=tmp_path, kafka_brokers=""))
