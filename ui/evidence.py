"""The evidence under the answers: where the last event is now, and how stale each airline is."""

from __future__ import annotations

import time
from collections.abc import Sequence
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
    fired = state.get(state.FIRED)
    journey = freshness.journey(resources.database(), fired) if fired else None
    zone = str(frame.zone_of(world))
    if journey is None:
        components.tracker(world.clock, zone, tracker.untold(), "tracker")
        return
    run = _run_of(journey, world)
    way = tracker.way(journey, run, world, state.get(state.FIRED_NOTE))
    components.tracker(world.clock, zone, way, "tracker")


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
    note = f"{_said(batch)} vs {_said(stream)} · wall clock"
    components.chart(figure, "Oldest event not heard yet", note, "staleness")


def _said(staleness: Sequence[float]) -> str:
    return ages.wall(staleness[-1]) if staleness and staleness[-1] > 0 else "nothing"
