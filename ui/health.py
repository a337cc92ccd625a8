"""The page Freshness and health: two lights against an objective, and the evidence by part."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from pipeline import freshness
from pipeline.schema import ARMS
from ui import (
    ages,
    charts,
    components,
    frame,
    health_charts,
    objective,
    readings,
    repairs,
    resources,
    state,
)
from ui import health_work as work
from ui.components import text
from ui.pulse import SPAN_S

_EVERY_S = 1.0
_SLOW_S = 2.0
_SCALES = ("log", "linear")


def draw() -> None:
    """The objective, both lights, and the part of the evidence that is chosen."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="health-controls"):
        view = st.segmented_control(
            "Evidence",
            list(VIEWS),
            default=next(iter(VIEWS)),
            required=True,
            key=state.VIEW,
            bind="query-params",
            width="stretch",
        )
        st.select_slider(
            "Objective: the oldest unheard event is at most",
            list(objective.OBJECTIVES),
            objective.DEFAULT,
            key=state.OBJECTIVE,
            bind="query-params",
            width=330,
            help=(
                "Staleness of an airline: the age of the oldest recorded event that its agent "
                "cannot find yet, by the clock on the wall; 0 when it can find all."
            ),
        )
    st.fragment(_lights, run_every=frame.every(_EVERY_S))()
    VIEWS[view or next(iter(VIEWS))]()


def objective_s() -> float:
    """The freshness objective of this session, wall seconds."""
    return objective.OBJECTIVES.get(
        state.get(state.OBJECTIVE), objective.OBJECTIVES[objective.DEFAULT]
    )


def _lights() -> None:
    world = resources.pulse().world()
    _, batch, stream = resources.pulse().history()
    for column, arm in zip(st.columns(2, gap="small"), ARMS, strict=True):
        past = batch if arm == "batch" else stream
        lit = objective.light(arm, world, past, objective_s(), readings.airline_s(arm, world.epoch))
        with column:
            components.light(world.clock, str(frame.zone_of(world)), lit, f"light-{arm}")


# --- staleness ------------------------------------------------------------------------------------


def _staleness() -> None:
    st.fragment(_staleness_chart, run_every=frame.every(_EVERY_S))()
    with st.container(horizontal=True, vertical_alignment="center", key="staleness-foot"):
        with st.container(width="stretch"):
            components.quiet(
                "Age of the oldest recorded event that an agent cannot find yet, by the clock on "
                "the wall. Batch is a sawtooth, from run to run; the stream is what one event "
                "takes."
            )
        st.segmented_control(
            "Axis",
            _SCALES,
            default=_SCALES[0],
            required=True,
            key=state.SCALE,
            bind="query-params",
            label_visibility="collapsed",
            help="The stream is milliseconds behind: on a linear axis that is nothing.",
        )


def _staleness_chart() -> None:
    at, batch, stream = resources.pulse().history()
    lines = charts.staleness(at, batch, stream, now=time.time(), span=SPAN_S)
    scale = state.get(state.SCALE) or _SCALES[0]
    figure = health_charts.staleness(lines, scale, objective_s(), max([0.0, *batch, *stream]))
    note = f"worst {_age(max(batch, default=0.0))} and {_age(max(stream, default=0.0))}"
    components.chart(figure, "Oldest unheard event", note, "health-staleness", 400)


def _age(seconds: float) -> str:
    return ages.wall(seconds) if seconds > 0 else "nothing"


# --- latency --------------------------------------------------------------------------------------


def _latency() -> None:
    left, right = st.columns(2, gap="small")
    with left:
        st.fragment(_waterfall, run_every=frame.every(_SLOW_S))()
        st.fragment(_percentiles, run_every=frame.every(_SLOW_S))()
    with right:
        st.fragment(_rates, run_every=frame.every(_SLOW_S))()


def _waterfall() -> None:
    stages = readings.stages(resources.pulse().world().epoch)
    if stages is None:
        components.nothing_yet(
            "No event has come through the stream yet, so there is no latency to show."
        )
        return
    note = f"stream, newest {freshness.RECENT} events"
    figure = health_charts.waterfall(stages)
    components.chart(figure, "Where an event's time goes", note, "health-waterfall", 216)


def _percentiles() -> None:
    world = resources.pulse().world()
    found = readings.latency(world.epoch)
    rows = [
        [
            [text(objective.NAMES[arm], "night strong" if arm == "batch" else "dawn strong")],
            *([text(_ms(found[arm][name]))] for name in ("p50", "p95", "p99")),
        ]
        for arm in reversed(ARMS)
    ]
    names = ("event to searchable", "p50", "p95", "p99")
    shown = {
        "title": "Latency of an event",
        "note": [text("half, 95%, 99% of events are faster · wall clock")],
        "columns": [{"label": name, "number": name != names[0]} for name in names],
        "rows": rows,
    }
    components.table(world.clock, str(frame.zone_of(world)), shown, "health-percentiles")


def _ms(value: float | None) -> str:
    return "none yet" if value is None else ages.milliseconds(value)


def _rates() -> None:
    ago, rate, waiting = readings.flow(resources.pulse().world().epoch)
    note = f"now {rate['recorded'][-1]:.1f} recorded, {rate['stream'][-1]:.1f} streamed"
    figure = health_charts.rates(ago, rate, SPAN_S)
    components.chart(figure, "Throughput, events a second", note, "health-rates", 190)
    note = f"now {waiting['batch'][-1]:,.0f} and {waiting['stream'][-1]:,.0f}"
    figure = health_charts.lag(ago, waiting["batch"], waiting["stream"], SPAN_S)
    components.chart(figure, "Consumer lag, events not searchable", note, "health-lag", 190)


VIEWS: dict[str, Callable[[], None]] = {
    "Staleness": _staleness,
    "Latency and lag": _latency,
    "Batch runs": work.batches,
    "Stores and processes": work.machine,
    "Dead letters": repairs.draw,
}
