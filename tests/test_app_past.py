"""Follow an event and What they knew, without a browser, on a real engine: full, empty, down."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pipeline import freshness
from pipeline.children import open_state
from pipeline.loading import Start, reset
from pipeline.settings import ROOT, settings
from tests.engines import Engine, wait
from tests.test_app import SECONDS, engine
from ui import resources, situation, state
from ui.engine_link import Look

__all__ = ["engine"]  # the fixture
FOLLOW, KNEW = "pages/2_Follow_an_event.py", "pages/4_What_they_knew.py"
PAGES = pytest.mark.parametrize("file", [FOLLOW, KNEW])
START = Start(at=None, factor=180.0, paused=True, batch_interval_h=6.0)
HERO = "C0001"


def opened(file: str, **query: str) -> AppTest:
    """A page as its address opens it."""
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=SECONDS).switch_page(file)
    for name, value in query.items():
        page.query_params[name] = value
    page.run()
    # LiteLLM mutes some warnings when it is imported; pytest puts the filters back after each test.
    resources.warm_up().join()
    assert not page.exception, page.exception[0].value
    return page


def drawn(page: AppTest, name: str) -> list[dict[str, Any]]:
    """What the components of a name were given."""
    protos = [one.proto for one in page.get("bidi_component")]
    return [json.loads(one.json) for one in protos if one.component_name == f"airline_{name}"]


def said(given: object) -> str:
    """Every text in what a component was given."""
    return json.dumps(given, ensure_ascii=False)


@pytest.fixture
def day(engine: Engine) -> Engine:
    """A day on which nothing has happened yet."""
    assert engine.home == settings().airline_home
    reset(open_state(settings()), START)
    resources.pulse().forget()
    return engine


def cancelled(day: Engine) -> dict[str, Any]:
    """The hero's flight is cancelled, and the stream knows; the event's row of the feed."""
    found = situation.read(resources.database(), HERO)
    assert found
    fired = day.cli("fire", "flight.cancelled", f"flight/{found.trips[0].key}", "--data", "{}")
    assert fired.returncode == 0
    day.settle()
    return freshness.feed(resources.database(), limit=1)[0]


def test_an_event_is_followed_from_its_address(day: Engine) -> None:
    event = cancelled(day)
    page = opened(FOLLOW, event=event["event_id"])
    [way] = drawn(page, "tracker")
    stream, batch = way["lanes"]
    assert [one["state"] for one in stream["segments"]] == ["done"] * 5
    assert [one["state"] for one in batch["segments"]][:3] == ["done", "now", "todo"]
    [outcome] = drawn(page, "matrix")
    record, benighted, enlightened = outcome["rows"][1]["cells"]
    assert "cancelled" in said([one for one in record["spans"] if one.get("mark") == "new"])
    assert (benighted["status"], enlightened["status"]) == ("stale", "current")
    assert json.loads(page.json[0].value)["type"] == "flight.cancelled"


def test_an_event_is_found_by_search_and_the_newest_is_followed_by_itself(day: Engine) -> None:
    event = cancelled(day)
    page = opened(FOLLOW)
    assert event["event_id"] in page.query_params[state.EVENT]
    page.text_input(key=state.SEARCH).set_value("cancelled EA").run()
    assert [one["id"] for one in drawn(page, "feed")[0]["rows"]] == [event["event_id"]]
    page.text_input(key=state.SEARCH).set_value("no *such* thing").run()
    assert not drawn(page, "feed")
    assert "No event has all of these words" in page.sidebar.markdown[0].value


def test_garbage_is_followed_to_where_it_was_thrown_out(day: Engine) -> None:
    assert day.cli("fire", "--raw", "--file", "-", stdin=b"<b>not JSON").returncode == 0
    day.settle()
    page = opened(FOLLOW)
    [way] = drawn(page, "tracker")
    assert way["lanes"][0]["segments"][-1]["name"] == "dead letter"
    [outcome] = drawn(page, "matrix")
    assert "not JSON" in said(outcome["rows"][0]["cells"][2])
    assert "<b>not JSON" in [one.value for one in page.text]


@pytest.mark.usefixtures("day")
def test_an_event_of_another_day_is_said_to_be_gone() -> None:
    page = opened(FOLLOW, event="gone")
    assert "a reset begins another day" in page.warning[0].value
    assert "Nothing has happened yet" in page.info[0].value


def test_asked_again_as_of_then_each_knows_what_it_knew(day: Engine) -> None:
    before = time.time()
    cancelled(day)
    after = time.time()
    at_start = opened(KNEW, customer=HERO, at=f"{before:.3f}", question="Is my flight on time?")
    assert verdicts(at_start) == ["current", "current"]
    page = opened(KNEW, customer=HERO, at=f"{after:.3f}", question="Is my flight on time?")
    assert verdicts(page) == ["stale", "current"]
    [known] = drawn(page, "matrix")
    assert [one["status"] for one in known["rows"][0]["cells"]] == ["", "stale", "current"]
    assert len(drawn(page, "timeline")[0]["lanes"]["lanes"][2]["marks"]) == 1
    page.text_input(key=f"{state.ASKED_THEN}-{HERO}").set_value("Which gate?")
    page.button(key="ask-then-both").click().run()
    assert "Which gate?" in page.query_params[state.QUESTION]


def verdicts(page: AppTest) -> list[str]:
    """What the judge makes of both answers, once they are there."""
    conversation = page.session_state[state.HINDSIGHT][1]
    wait(lambda: conversation.done, SECONDS, "no answer")
    page.run()
    return [one["body"]["verdict"]["status"] for one in drawn(page, "answer")]


def test_now_is_where_no_time_or_nonsense_is_asked_for(day: Engine) -> None:
    cancelled(day)
    page = opened(KNEW, customer=HERO, at="yesterday")
    assert state.AT not in page.query_params
    [known] = drawn(page, "matrix")
    assert [one["status"] for one in known["rows"][0]["cells"]] == ["", "stale", "current"]
    assert not drawn(page, "answer")


def test_before_anything_happened_the_rail_says_what_to_do(day: Engine) -> None:
    page = opened(KNEW, customer=HERO)
    assert day.status()["events"] == 0
    assert any("Nothing has happened to this customer yet" in one.value for one in page.markdown)
    [known] = drawn(page, "matrix")
    assert {one["status"] for row in known["rows"] for one in row["cells"]} == {"", "current"}


class NoEngine:
    """The way to an engine that does not start."""

    def look(self) -> Look:
        return Look(False, {}, "the broker's port is taken")

    def start(self) -> None:
        """It stays down."""


@PAGES
def test_without_an_engine_a_page_says_why_and_what_to_do(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "engine_link", NoEngine)
    page = opened(file)
    assert "port is taken" in page.error[0].value
    assert page.button[0].label == "Start the engine"
