"""The scripts of the stories: valid, short enough for a projector, made of buttons there are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.settings import Settings
from ui import console
from ui.stories import stories

GOOD = """
title: T
customer: C0001
about: A
opens: "12:30"
steps:
  - {say: S, ask: Q, expect: {batch: stale, stream: current}}
"""


@pytest.mark.parametrize("name", stories())
def test_a_story_uses_buttons_that_there_are(name: str) -> None:
    keys = {button.key for button in console.buttons()}
    assert {step.fire for step in stories()[name].steps if step.fire} <= keys


@pytest.mark.parametrize("name", stories())
def test_a_story_shows_the_difference(name: str) -> None:
    promised = [step.expect for step in stories()[name].steps if step.ask]
    assert any(one["stream"] == "current" != one["batch"] for one in promised)


@pytest.mark.parametrize("name", stories())
def test_no_batch_falls_due_while_a_story_is_told(name: str) -> None:
    story, interval = stories()[name], timedelta(hours=Settings().batch_interval_h)
    passes = timedelta(minutes=sum(step.after for step in story.steps))
    assert passes > timedelta(0)
    assert story.opens_after // interval == (story.opens_after + passes) // interval


def test_what_was_asked_last_is_no_yes() -> None:
    story = stories()["refund-twice"]
    assert story.steps[5].ask == "Yes, do it"
    assert story.asked_by(6) == "I want a refund"
    assert story.asked_by(1) is None


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (GOOD.replace("ask: Q", "ask: Q, fire: '1'"), "does one of"),
        (GOOD.replace(", expect: {batch: stale, stream: current}", ""), "expect belongs to ask"),
        (GOOD.replace("12:30", "25:00"), "opens"),
        (GOOD.replace("title: T", "titel: T"), "titel"),
        (GOOD.replace("say: S", "say: " + "S" * 101), "say"),
        ("- just\n- a list", "valid dictionary"),
        ("title: [", "expected"),
    ],
)
def test_a_broken_script_is_named(tmp_path: Path, broken: str, named: str) -> None:
    (tmp_path / "broken.yaml").write_text(broken, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"(?s)broken\.yaml.*{named}"):
        stories(tmp_path)


def test_a_good_script_is_read(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD, encoding="utf-8")
    story = stories(tmp_path)["good"]
    assert story.opens_after.total_seconds() == 12.5 * 3600
    assert story.steps[0].expect == {"batch": "stale", "stream": "current"}
