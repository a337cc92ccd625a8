"""What the pages Freshness and health and How it works are drawn from: pure parts, no engine."""

from __future__ import annotations

import ast
import json
import string
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline import freshness
from pipeline.batch.journal import STAGES
from pipeline.batch.timetable import Timetable
from pipeline.clock import ClockState
from pipeline.settings import ROOT, Settings
from ui import architecture, charts, excerpts, health_charts, how, measured, objective
from ui.excerpts import excerpt
from ui.health_work import so_far
from ui.load import share_of_core
from ui.pulse import World

TEXTS = tomllib.loads(how.FILE.read_text(encoding="utf-8"))
MIDNIGHT = datetime(2013, 2, 8, 5, tzinfo=UTC)
WORLD = World(
    read_at=1000.0,
    clock=ClockState(
        anchor_wall=0.0, anchor_airline=MIDNIGHT, factor=180.0, paused=False,
        starts_at=MIDNIGHT, holds_at=MIDNIGHT.replace(year=2014),
    ),
    epoch=1, about={}, batch_as_of=MIDNIGHT, next_run=MIDNIGHT, batch_busy=False,
    timetable=Timetable(6.0, ZoneInfo("America/New_York")), replay_on=True, traffic=0.0,
    events=40, stream_s=0.0, batch_s=70.0, batch_waiting=12,
    latency_s=0.031, contacts={},
)  # fmt: skip
COUNTS = {
    "log": {"recorded": 1400, "published": 1400},
    "stream": {"consumed": 1399, "searchable": 1390, "unchanged": 6, "dead_letter": 3},
    "batch": {
        "taken": 1000, "searchable": 995, "unchanged": 4, "dead_letter": 1,
        "runs": 3, "failed": 0, "bronze": 1000, "silver": 999, "gold": 800, "at_risk": 9,
    },
}  # fmt: skip
STORES: dict[str, dict[str, Any]] = {
    f"context_{arm}": {"documents": 5000, "versions": versions, "fragments": 3, "files": 9,
                       "bytes": 7_000_000}
    for arm, versions in (("batch", 5), ("stream", 900))
}  # fmt: skip
FACTS = measured.Facts(
    world=WORLD,
    counts=COUNTS,
    waiting={"flight": 10, "policy": 1},
    latency_ms={
        "stream": {"p50": 31.0, "p95": 60.0, "p99": 90.0},
        "batch": {"p50": None, "p95": None, "p99": None},
    },
    last_batch=None,
    batch_airline_s=7620.0,
    processes=[
        {"name": name, "pid": 7, "restarts": 1, "rss_mb": 100.0, "cpu_s": 9.0, "started_at": 910.0}
        for name in ("broker", "stream", "batch")
    ],
    stores=STORES | {"lake/gold": {"files": 1, "bytes": 1500}},
    fields={"batch": {"model": "m", "table": "a"}, "stream": {"model": "m", "table": "b"}},
    stopped=2,
    guard=True,
    settings=Settings(kafka_brokers="kafka:9092"),
)


# --- the objective --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("staleness", "state"),
    [(0.0, "met"), (0.8, "met"), (0.81, "close"), (1.0, "close"), (1.01, "missed")],
)
def test_an_objective_is_met_close_or_missed(staleness: float, state: str) -> None:
    assert objective.judged(staleness, 1.0) == state


def test_a_light_is_a_shape_and_a_word_beside_its_colour() -> None:
    lit = objective.light("batch", WORLD, [60.0, 70.0], 65.0, airline_s=7620.0)
    assert lit["light"] == {"state": "missed", "shape": "■", "word": "Missed"}
    words = "".join(str(part.get("v")) for line in lit["details"] for part in line)
    assert "2 h 07 min" in words
    assert "kept 50% of 1 min" in words
    other = objective.light("stream", WORLD, [], 65.0)["light"]
    assert other["shape"] != lit["light"]["shape"]
    assert other["word"] == "Met"


def test_a_batch_with_nothing_waiting_is_not_behind() -> None:
    lit = objective.light("batch", replace(WORLD, batch_waiting=0, batch_s=0.0), [0.0], 1.0)
    assert lit["light"]["state"] == "met"
    assert lit["figure"] == [{"v": "0 s", "c": ""}]


def test_nearly_always_is_not_always() -> None:
    almost = objective.light("stream", WORLD, [0.0] * 999 + [9.0], 1.0)
    assert almost["details"][1][0]["v"] == "kept 99.9%"


# --- figures --------------------------------------------------------------------------------------


def staleness(scale: str, seconds: float) -> dict[str, Any]:
    lines = charts.staleness([999.0, 1000.0], [80.0, 90.0], [0.03, 0.0], now=1000.0, span=300.0)
    return health_charts.staleness(lines, scale, seconds, 90.0)


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_the_objective_is_always_on_the_axis(scale: str) -> None:
    for seconds in (0.05, 1.0, 1200.0):
        made = staleness(scale, seconds)["layout"]
        low, high = made["yaxis"]["range"]
        at = made["annotations"][-1]["y"]
        assert low < at < high
        assert made["shapes"][0]["y0"] == seconds


def test_log_and_linear_are_two_pictures_to_zoom() -> None:
    log, linear = staleness("log", 1.0)["layout"], staleness("linear", 1.0)["layout"]
    assert log["uirevision"] != linear["uirevision"]
    assert linear["yaxis"].get("type") != "log"
    names = [one["y"] for one in linear["annotations"][:2]]
    assert abs(names[0] - names[1]) > 5


def test_a_waterfall_begins_each_stage_where_the_last_one_ended() -> None:
    stages = {
        name: {"p50": 10.0 * (place + 1), "p95": 50.0, "p99": 60.0}
        for place, name in enumerate(freshness.STREAM_STAGES)
    }
    made = health_charts.waterfall(stages)
    assert made["data"][0]["base"] == [0, 10.0, 30.0, 60.0]
    assert "p95 50 ms" in made["layout"]["annotations"][0]["text"]


def test_rates_and_lag_name_both_airlines() -> None:
    ago = [-10.0, -5.0]
    rates = health_charts.rates(
        ago, {"recorded": [1.0, 2.0], "stream": [1.0, 2.0], "batch": [0.0, 90.0]}, 300.0
    )
    lag = health_charts.lag(ago, [5.0, 9.0], [0.0, 1.0], 300.0)
    for made in (rates, lag):
        assert {"Benighted", "Enlightened"} <= {one["name"] for one in made["data"]}
        assert made["layout"]["showlegend"]


def test_runs_are_stacked_by_stage_and_say_how_they_ended() -> None:
    took = dict.fromkeys(STAGES, 1.0)
    done = {"label": "#3", "took": took, "error": None, "searchable_at": 9.0}
    under_way = done | {"label": "#4", "took": {"extracted": 1.0}, "searchable_at": None}
    failed = done | {"label": "#2", "took": {}, "error": "OSError", "searchable_at": None}
    made = health_charts.runs([under_way, done, failed])
    assert [one["name"] for one in made["data"]][0] == "extract"
    texts = [one["text"] for one in made["layout"]["annotations"]]
    assert texts == ["1.0 s, under way", "7.0 s", "failed after 0 ms"]


def test_a_run_under_way_has_its_present_stage() -> None:
    run = {"took": {"extracted": 1.0}, "started_at": 90.0, "error": None}
    assert so_far(run, 95.0)["took"] == {"extracted": 1.0, "bronze": 4.0}
    assert so_far(run | {"error": "OSError"}, 95.0)["took"] == {"extracted": 1.0}
    done = run | {"took": dict.fromkeys(STAGES, 1.0)}
    assert so_far(done, 500.0) == done


def test_figures_hold_no_colour_but_the_theme_s() -> None:
    made = json.dumps([staleness("log", 1.0), health_charts.lag([-1.0], [1.0], [1.0], 300.0)])
    assert "var(--st-blue-color)" in made
    assert "http" not in made


def test_a_share_of_a_core() -> None:
    assert share_of_core(0.5, 2.0) == 0.25
    assert share_of_core(0.5, 0.0) == 0.0
    assert share_of_core(-1.0, 2.0) == 0.0  # another process has the pid


# --- source ---------------------------------------------------------------------------------------


def references() -> list[str]:
    of_steps = [
        ref for one in TEXTS["step"] for arm in ("stream", "batch") for ref in one[f"{arm}_at"]
    ]
    return sorted({*of_steps, *(ref for one in TEXTS["question"] for ref in one["at"])})


@pytest.mark.parametrize("reference", references())
def test_every_reference_names_source_that_is_there(reference: str) -> None:
    found = excerpt(reference)
    lines = (ROOT / found.file).read_text(encoding="utf-8").splitlines()
    taken = lines[found.first - 1 : found.last]
    assert [one.strip() for one in found.text.splitlines()] == [one.strip() for one in taken]
    if found.language == "python":
        ast.parse(found.text)
    elif ":" in reference:
        assert found.text.rstrip().endswith(";")


def test_a_method_is_shown_from_its_decorators_and_without_its_indent() -> None:
    found = excerpt("pipeline/events.py:Event.key")
    assert found.text.startswith("@property\ndef key(")
    assert found.place == f"pipeline/events.py:{found.first}"


@pytest.mark.parametrize(
    "reference",
    ["pipeline/nothing.py", "pipeline/events.py:nothing", "pipeline/events.py:Event.nothing",
     "pipeline/batch/sql/1_bronze.sql:nothing", "pipeline/events.py:MAX_RAW.real"],
)  # fmt: skip
def test_what_is_not_there_is_named(reference: str) -> None:
    with pytest.raises(LookupError, match="nothing|MAX_RAW"):
        excerpt(reference)


def test_the_source_shown_is_read_and_never_copied() -> None:
    for module in (excerpts, how):
        text = Path(module.__file__ or "").read_text(encoding="utf-8")
        assert "def contract(" not in text


# --- texts and their measurements -----------------------------------------------------------------


def placeholders(texts: object) -> set[str]:
    if isinstance(texts, str):
        return {name for _, name, _, _ in string.Formatter().parse(texts) if name}
    values = texts.values() if isinstance(texts, dict) else texts
    assert isinstance(values, list) or hasattr(values, "__iter__")
    return {name for one in values for name in placeholders(one)}


def test_every_measurement_that_a_text_names_is_measured() -> None:
    assert placeholders(TEXTS) <= set(measured.words(FACTS))


def test_measurements_are_words_with_units() -> None:
    found = measured.words(FACTS)
    assert found["stream_p50"] == "31 ms"
    assert found["batch_p50"] == found["batch_ran"] == measured.UNKNOWN
    assert found["stream_memory"] == "200 MB"
    assert found["stream_cpu"] == "20%"
    assert found["right_share"] == "99.7%"
    assert found["changed_kinds"] == "10 flights, 1 policy"
    assert found["fields_names"] == "table (a, b)"
    assert found["broker"] == "kafka:9092"
    assert found["masked"] == "I am [e-mail], call [phone], my card is [card]"
    assert found["batch_keeps"] == "2.0 min"


def test_what_lies_elsewhere_has_no_size() -> None:
    elsewhere = replace(FACTS, stores={"context_stream": {"files": None, "bytes": None}})
    assert measured.words(elsewhere)["stream_disk"] == "a size that is not known here"


def test_every_edge_of_the_drawing_has_its_count_and_every_box_its_step() -> None:
    found = architecture.counts(COUNTS, WORLD, STORES)
    drawn = architecture.DRAWING
    edges = [*drawn["source"]["counts"]]
    boxes = []
    for lane in drawn["lanes"]:
        edges += [one for one in lane["chain"] if "id" in one] + lane["side"]
        boxes += [one for one in lane["chain"] if "step" in one]
    assert {one["id"] for one in edges} == set(found)
    assert {one["step"] for one in boxes} <= {one["id"] for one in TEXTS["step"]}
    assert found["recorded"] == "1,400"
    assert found["passed"] == "1,396"
