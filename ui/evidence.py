"""The evidence under the answers: where the last event is now, and how stale each airline is."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from pipeline import freshness
from ui import ages, charts, components, doing, frame, resources, state, tracker
from ui.pulse import SPAN_S

_EVERY_S = 0.5
_UNDER_WAY_S = 0.15  # while an event is on its way through the stream
_CHART_EVERY_S = 1.0


def way() -> None:
    """Where the last event is now; live by itself."""
    _leave()
    quick = doing.on_its_way()
    pace = _UNDER_WAY_S if quick else frame.every(_EVERY_S)  # not for long, however many look on
    st.fragment(_tracker, run_every=pace)(quick)


def chart() -> None:
    """How stale each airline is; live by itself."""
    st.fragment(_chart, run_every=frame.every(_CHART_EVERY_S))()


def _leave() -> None:
    """To the event's own page: from here, a fragment that draws by itself cannot leave its page."""
    event = state.get(state.FOLLOW)
    if event:
        state.put(state.FOLLOW, None)
        kept = {state.EVENT: event} | ({state.BIG: "1"} if state.get(state.BIG) else {})
        st.switch_page("pages/2_Follow_an_event.py", query_params=kept)


def _tracker(was_under_way: bool) -> None:
    world = resources.pulse().world()
    fired = state.get(state.FIRED)
    journey = freshness.journey(resources.database(), fired) if fired else None
    zone = str(frame.zone_of(world))
    if journey is None:
        components.tracker(world.clock, zone, tracker.untold(), "tracker")
        return
    run = freshness.run_of(resources.database(), journey)
    shown = tracker.way(journey, run, world, state.get(state.FIRED_NOTE))
    follow = components.tracker(world.clock, zone, shown | {"follow": True}, "tracker")
    if follow:
        state.put(state.FOLLOW, journey["event"]["event_id"])
    if follow or (was_under_way and journey["stream"]):
        st.rerun()  # to the event's page, or back to the calm pace


def _chart() -> None:
    figure, note = _staleness()
    components.chart(figure, "Oldest unheard event", note, "staleness")


@st.cache_data(ttl=0.9 * _CHART_EVERY_S, show_spinner=False)
def _staleness() -> tuple[charts.Figure, str]:
    """The chart and what it says in words: made once for everybody who looks on."""
    at, batch, stream = resources.pulse().history()
    figure = charts.staleness(at, batch, stream, now=time.time(), span=SPAN_S)
    return figure, f"{_said(batch)} vs {_said(stream)} · wall clock"


def _said(staleness: Sequence[float]) -> str:
    return ages.wall(staleness[-1]) if staleness and staleness[-1] > 0 else "nothing"
