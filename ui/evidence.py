"""The evidence under the answers: where the last event is now, and how stale each airline is."""

from __future__ import annotations

import time
from typing import Any

import streamlit as st
from sqlalchemy import select

from pipeline import freshness, schema
from ui import ages, charts, components, frame, resources, state, tracker
from ui.pulse import SPAN_S, World

_EVERY_S = 0.5
_CHART_EVERY_S = 1.0
Row = dict[str, Any]


def draw() -> None:
    """Tracker and chart, each live by itself."""
    left, right = st.columns(2, gap="small")
    with left:
        st.fragment(_tracker, run_every=frame.every(_EVERY_S))()
    with right:
        st.fragment(_chart, run_every=frame.every(_CHART_EVERY_S))()


def _tracker() -> None:
    world = resources.pulse().world()
    sequence = state.get(state.FIRED) or world.events
    journey = freshness.journey(resources.database(), sequence) if sequence else None
    zone = str(frame.zone_of(world))
    if journey is None:
        nothing = [components.text("Fire an event on the left: here you see where it is.")]
        components.tracker(world.clock, zone, {"title": nothing, "lanes": []}, "tracker")
        return
    label = state.get(state.FIRED_NOTE) if state.get(state.FIRED) else "(the newest of the day)"
    run = _run_of(journey, world)
    components.tracker(world.clock, zone, tracker.way(journey, run, world, label), "tracker")


def _run_of(journey: Row, world: World) -> Row | None:
    """The batch run that took this event, or the one under way if it has."""
    runs = schema.batch_runs
    query = select(runs).where(runs.c.error.is_(None))
    if journey["batch"]:
        done_at = journey["batch"]["searchable_at"]
        query = query.where(runs.c.searchable_at >= done_at - 1e-3).order_by(runs.c.run_id)
    elif world.batch_busy:
        recorded = journey["event"]["recorded_at"]
        query = query.where(runs.c.searchable_at.is_(None)).where(runs.c.started_at >= recorded)
    else:
        return None
    found = resources.database().rows(query.limit(1))
    return found[0] if found else None


def _chart() -> None:
    at, batch, stream = resources.pulse().history()
    now = time.time()
    figure = charts.staleness(at, batch, stream, now=now, span=SPAN_S)
    note = f"{ages.wall(batch[-1])} vs {ages.wall(stream[-1])} · wall clock" if at else "wall clock"
    components.chart(figure, "Age of the oldest event not heard yet", note, "staleness")
