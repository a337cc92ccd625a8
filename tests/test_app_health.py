"""The pages Freshness and health and How it works without a browser, on a real engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pipeline import control, dead_letters, outbox
from pipeline.events import make
from pipeline.settings import ROOT, settings
from tests import test_app
from tests.engines import Engine, wait
from ui import health, how, objective, resources, state

HEALTH, HOW = "pages/3_Freshness_and_health.py", "pages/6_How_it_works.py"
engine = test_app.engine


def opened(page: str, **query: str) -> AppTest:
    """A page as a session finds it that opens its address."""
    made = AppTest.from_file(str(ROOT / "app.py"), default_timeout=test_app.SECONDS)
    made.switch_page(page)  # before its first run, so that the Live page is never drawn
    for name, value in query.items():
        made.query_params[name] = value
    made.run()
    assert not made.exception, made.exception
    return made


def said(page: AppTest) -> str:
    """What its markdown says, without the escapes."""
    return "\n".join(one.value for one in page.markdown).replace("\\", "")


def letters(engine: Engine) -> list[dead_letters.Letter]:
    return dead_letters.letters(engine.database)


@pytest.mark.parametrize("view", health.VIEWS)
def test_every_part_opens_by_its_address_on_a_world_in_which_nothing_happened(
    engine: Engine, view: str
) -> None:
    assert engine.status()["events"] == 0
    page = opened(HEALTH, **{state.VIEW: view})
    assert page.segmented_control(key=state.VIEW).value == view
    taught = [one.value for one in page.info]
    if view in ("Latency and lag", "Batch runs", "Dead letters"):
        assert len(taught) == 1, taught


def test_an_objective_in_the_address_is_kept(engine: Engine) -> None:
    assert engine.status()["ready"]
    page = opened(HEALTH, **{state.OBJECTIVE: "2 min"})
    assert page.select_slider(key=state.OBJECTIVE).value == "2 min"
    assert page.session_state[state.OBJECTIVE] in objective.OBJECTIVES


def test_an_odd_address_opens_the_first_part(engine: Engine) -> None:
    assert engine.status()["ready"]
    page = opened(HEALTH, **{state.VIEW: "<script>", state.OBJECTIVE: "soon", state.SCALE: "7"})
    assert page.segmented_control(key=state.VIEW).value == next(iter(health.VIEWS))


def test_a_dead_letter_is_repaired_and_replayed(engine: Engine) -> None:
    page = opened(HEALTH, **{state.VIEW: "Dead letters"})
    page.button(key="send-broken").click().run()
    wait(lambda: len(letters(engine)) == 3, 60, "no dead letters")
    page.run()
    assert not page.exception
    opens = next(one for one in letters(engine) if one.text.endswith("}}"))
    assert page.selectbox(key=state.LETTER).value == str(opens.sequence)
    assert "data.gate is text now" in said(page)

    page.button(key="repair-and-replay").click().run()
    assert "repaired" in page.toast[0].value
    [repaired] = [one for one in letters(engine) if one.repaired_by]
    assert repaired.sequence == opens.sequence
    engine.settle()
    event = outbox.after(engine.database, 0)[-1]
    assert event["type"] == "flight.gate_changed"
    assert event["sequence"] == repaired.repaired_by


def test_what_still_breaks_the_contract_cannot_be_fired(engine: Engine) -> None:
    broken = next(one for one in letters(engine) if one.text.startswith("<"))
    page = opened(HEALTH, **{state.VIEW: "Dead letters", state.LETTER: str(broken.sequence)})
    assert page.selectbox(key=state.LETTER).value == str(broken.sequence)
    assert page.button(key="repair-and-replay").disabled
    assert "not JSON" in said(page)
    data = {"text": "x", "direction": "inbound"}
    tweet = make(
        "interaction.tweet", "customer/C9999", data, at=control.clock(engine.database).now()
    )
    page.text_area[0].set_value(tweet.model_dump_json(exclude_none=True)).run()
    assert not page.button(key="repair-and-replay").disabled  # the contract does not know customers
    page.button(key="repair-and-replay").click().run()
    assert "Refused" in page.toast[0].value  # the record does
    assert sum(one.repaired_by is not None for one in letters(engine)) == 1


def test_every_part_opens_on_a_world_in_which_something_happened(engine: Engine) -> None:
    engine.json("batch")
    for view in health.VIEWS:
        page = opened(HEALTH, **{state.VIEW: view, state.SCALE: "linear"})
        assert not page.info, view


@pytest.mark.parametrize("part", how.PARTS)
def test_how_it_works_opens_by_its_address(engine: Engine, part: str) -> None:
    assert engine.status()["ready"]
    page = opened(HOW, **{state.PART: part})
    assert page.segmented_control(key=state.PART).value == part
    assert "{" not in said(page)


def test_every_step_shows_the_source_of_both_arms(engine: Engine) -> None:
    assert engine.status()["ready"]
    page = opened(HOW)
    for step in how.steps():
        page.pills(key=state.SOURCE).set_value(step).run()
        assert not page.exception
        places = [one.value for one in page.markdown if re.search(r"\.(py|sql):\d+", one.value)]
        assert len(places) == len(page.code) >= 2, step


def test_the_sceptic_is_answered_with_figures(engine: Engine) -> None:
    assert engine.status()["ready"]
    answers = said(opened(HOW, **{state.PART: "A sceptic asks"}))
    assert "they differ in **1**: table (context_batch, context_stream)" in answers
    assert "call [phone], my card is [card]" in answers
    assert "**3** items broke the contract" in answers
    assert "not measured yet" not in answers


@pytest.fixture
def down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A state folder on which no engine runs, and none can start: there is no world."""
    monkeypatch.setenv("AIRLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WORLD", str(tmp_path / "nowhere"))
    settings.cache_clear()
    st.cache_resource.clear()
    link = resources.engine_link()
    wait(lambda: link.look().error, test_app.SECONDS, "no error")
    yield
    link.close()
    settings.cache_clear()
    st.cache_resource.clear()


@pytest.mark.usefixtures("down")
def test_without_an_engine_each_page_says_what_to_do() -> None:
    for page in (HEALTH, HOW):
        shown = opened(page)
        assert "The engine is not running" in shown.error[0].value
        assert [one.label for one in shown.button] == ["Start the engine"]
