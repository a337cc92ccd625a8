"""The staleness figure: pure, log axis, both arms, nothing of the network."""

import json
import math
from typing import Any

from ui import charts


def figure(batch: list[float], stream: list[float]) -> dict[str, Any]:
    now = 1000.0
    at = [now - len(batch) + 1 + place for place in range(len(batch))]
    return charts.staleness(at, batch, stream, now=now, span=300.0)


def test_both_arms_on_a_log_axis() -> None:
    made = figure([1.0, 2.0, 40.0], [0.0, 0.03, 0.0])
    names = [series["name"] for series in made["data"]]
    assert names == ["Benighted", "Enlightened"]
    assert made["layout"]["yaxis"]["type"] == "log"
    assert made["data"][0]["x"] == [-2.0, -1.0, 0.0]


def test_nothing_waiting_is_drawn_at_the_floor_and_said() -> None:
    made = figure([0.0], [0.0])
    assert made["data"][1]["y"] == [charts.FLOOR_S]
    assert made["data"][1]["customdata"] == ["nothing waiting"]


def test_names_never_cover_each_other() -> None:
    for batch, stream in ((0.0, 0.0), (60.0, 60.0), (60.0, 50.0), (0.03, 90.0)):
        places = [one["y"] for one in figure([batch], [stream])["layout"]["annotations"]]
        assert abs(places[0] - places[1]) > 0.35


def test_the_axis_holds_the_highest() -> None:
    made = figure([5000.0], [0.0])
    assert made["layout"]["yaxis"]["range"][1] > math.log10(5000)


def test_an_empty_history_is_a_figure_too() -> None:
    assert figure([], [])["data"][0]["x"] == []


def test_colours_are_theme_tokens_and_it_is_json() -> None:
    made = json.dumps(figure([1.0], [0.1]))
    assert "var(--st-blue-color)" in made
    assert "var(--st-orange-color)" in made
    assert "http" not in made
