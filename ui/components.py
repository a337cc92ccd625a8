"""The few pieces that Streamlit does not have: ticking line, marked answer, tracker, live Plotly.

Each is a `st.components.v2` component of the files in `ui/web/`. Texts reach the page by
textContent only. The rest of the page is Streamlit's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from pipeline.clock import ClockState
from ui.charts import Figure

WEB = Path(__file__).parent / "web"
Part = dict[str, Any]
Parts = list[Part]


def _read(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")


def _component(name: str, html: str) -> Any:
    return st.components.v2.component(
        f"airline_{name}",
        html=html,
        css=_read("common.css") + _read(f"{name}.css"),
        js=_read("clockwork.js") + _read(f"{name}.js"),
    )


_LINE = _component("line", '<div class="root" data-part="parts">\n</div>')
_ANSWER = _component("answer", _read("answer.html"))
_FEED = _component("feed", _read("feed.html"))
_MATRIX = _component("matrix", _read("matrix.html"))
_TIMELINE = _component("timeline", _read("timeline.html"))
_TRACKER = _component("tracker", _read("tracker.html"))
_LIGHT = _component("light", _read("light.html"))
_TABLE = _component("table", _read("table.html"))
_DIAGRAM = _component("diagram", _read("diagram.html"))
_THEME = _component("theme", _read("theme.html"))
_CHART = st.components.v2.component(
    "airline_chart",
    html=_read("chart.html"),
    css=_read("chart.css"),
    js=_read("chart.js"),
    isolate_styles=False,  # Plotly puts its own styles into the document
)


_PAGE = st.components.v2.component(
    "airline_page",
    html="<h1></h1>",
    css=_read("page.css"),
    js=_read("page.js"),
    isolate_styles=False,  # it speaks of our own keyed containers
)


def page_style(title: str, *, big: bool) -> None:
    """The page's heading for screen readers, and its style; `big`: type for the back row."""
    with st.container(key="big-type" if big else "usual-type"):
        _PAGE(key="page-style", height=1, data={"title": title})


def quiet(words: str) -> None:
    """A small remark of ours; st.caption's grey is too faint for WCAG AA."""
    st.markdown(f":small[:gray[{words}]]")


def text(value: str, style: str = "") -> Part:
    """A word that stays."""
    return {"v": value, "c": style}


def airline_clock(style: str = "") -> Part:
    """The airline's time of day, ticking."""
    return {"t": "clock", "c": f"board {style}".strip()}


def airline_time(shown: str) -> Part:
    """A time of day on the airline's clock that stays."""
    return {"v": shown, "c": "board"}


def since(wall: float, style: str = "") -> Part:
    """Age on your watch of a wall time."""
    return {"t": "since", "at": wall, "c": style, "title": "on your watch"}


def since_airline(airline: float, style: str = "") -> Part:
    """Age by the airline's clock of an airline time (s since 1970)."""
    return {"t": "since_airline", "at": airline, "c": style, "title": "by the airline's clock"}


def until(airline: float, style: str = "") -> Part:
    """Seconds on your watch until an airline time comes."""
    return {"t": "until", "at": airline, "c": style, "title": "on your watch"}


def until_airline(airline: float, style: str = "") -> Part:
    """Time by the airline's clock until an airline time comes."""
    return {"t": "until_airline", "at": airline, "c": style, "title": "by the airline's clock"}


def line(clock: ClockState, zone: str, parts: Parts, key: str) -> None:
    """A line of text in which times tick."""
    _LINE(key=key, data={"clock": _clock(clock, zone), "parts": parts})


def answer(
    clock: ClockState,
    zone: str,
    card: dict[str, Any],
    key: str,
    on_behind: Callable[[], None] | None = None,
    stopped: float | None = None,
) -> None:
    """One airline's answer card; see `answer_card`.

    Args:
        on_behind: somebody asks how it came.
        stopped: the wall time that ages are of; None: now, ticking.
    """
    data = {"clock": _clock(clock, zone, stopped), **card}
    _ANSWER(key=key, data=data, on_behind_change=on_behind or _nothing)


def matrix(
    clock: ClockState, zone: str, shown: dict[str, Any], key: str, stopped: float | None = None
) -> None:
    """The record and both airlines side by side; see `differences`."""
    _MATRIX(key=key, data={"clock": _clock(clock, zone, stopped), **shown})


def feed(clock: ClockState, zone: str, rows: list[dict[str, Any]], key: str) -> str | None:
    """The newest events; returns the id of the one that was just chosen."""
    data = {"clock": _clock(clock, zone), "rows": rows}
    chosen: str | None = _FEED(key=key, data=data, on_chosen_change=_nothing).chosen
    return chosen


def timeline(clock: ClockState, zone: str, shown: dict[str, Any], key: str) -> float | None:
    """A stretch of wall time; returns the moment that was just chosen. See `timeline`."""
    data = {"clock": _clock(clock, zone), **shown}
    at: float | None = _TIMELINE(key=key, data=data, on_at_change=_nothing).at
    return at


def _nothing() -> None:
    """A trigger exists in a component's result only where something listens."""


def tracker(clock: ClockState, zone: str, way: dict[str, Any], key: str) -> bool:
    """One event's way through both pipelines; see `tracker`.

    Returns:
        whether somebody just asked to follow it, which is offered where `way["follow"]` is true.
    """
    data = {"clock": _clock(clock, zone), **way}
    return bool(_TRACKER(key=key, data=data, on_follow_change=_nothing).follow)


def chart(figure: Figure, title: str, note: str, key: str, height: int = 190) -> None:
    """A Plotly figure that updates in place; `height` of the whole panel, pixels."""
    data = {"figure": figure, "title": title, "note": note, "height": height}
    _CHART(key=key, data=data)


def light(clock: ClockState, zone: str, lit: dict[str, Any], key: str) -> None:
    """One airline against the freshness objective; see `objective`."""
    _LIGHT(key=key, data={"clock": _clock(clock, zone), "card": lit})


def table(clock: ClockState, zone: str, shown: dict[str, Any], key: str) -> None:
    """A table whose cells are lines in which times tick.

    Args:
        shown: {"title", "note", "columns": [{"label", "number", "wide"}], "rows": [[Parts]]};
            numbers stand right, wide columns are left out on a phone.
    """
    _TABLE(key=key, data={"clock": _clock(clock, zone), **shown})


def diagram(
    drawing: dict[str, Any],
    counts: dict[str, str],
    step: str,
    key: str,
    on_step: Callable[[], None],
) -> None:
    """Both architectures with counts on their edges; see `architecture`.

    Args:
        step: id of the step that is marked.
        on_step: called when a box was clicked; `st.session_state[key].step` is its step.
    """
    data = {"drawing": drawing, "counts": counts, "step": step}
    _DIAGRAM(key=key, data=data, on_step_change=on_step)


def theme(paths: list[str], key: str) -> None:
    """Light, dark or as the system, kept in this browser.

    Args:
        paths: the last part of each page's address, "" for the first page.
    """
    _THEME(key=key, data={"pages": paths})


def nothing_yet(what: str) -> None:
    """An empty state: what will be here, and what makes it so."""
    st.info(what, icon=":material/hourglass_empty:")


def _clock(state: ClockState, zone: str, stopped: float | None = None) -> dict[str, Any]:
    """The clock as the browser needs it: one straight line, and when this was sent."""
    return {**straight(state), "zone": zone, "sent": time.time(), "stopped": stopped}


def straight(state: ClockState) -> dict[str, Any]:
    """Airline time as a line over wall time, both in seconds since 1970."""
    return {
        "wall": state.anchor_wall,
        "airline": state.anchor_airline.timestamp(),
        "factor": state.factor,
        "paused": state.paused,
        "holds": state.holds_at.timestamp(),
    }
