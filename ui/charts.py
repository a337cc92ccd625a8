"""Figures: pure functions from numbers to a Plotly figure. Colours are theme tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from ui import ages

Figure = dict[str, Any]

FLOOR_S = 0.004  # where "nothing is waiting" is drawn: a log axis has no zero
_TICKS = {FLOOR_S: "nothing", 0.05: "50 ms", 1.0: "1 s", 60.0: "1 min", 3600.0: "1 h"}
NIGHT, DAWN = "var(--st-blue-color)", "var(--st-orange-color)"
_APART = 0.8  # decades between the two names
QUIET, LINE = "var(--st-gray-text-color)", "var(--st-border-color)"


def staleness(
    at: Sequence[float], batch: Sequence[float], stream: Sequence[float], *, now: float, span: float
) -> Figure:
    """Staleness of both arms over the last `span` wall seconds, log axis.

    Args:
        at: wall times of the points, s since 1970.
        batch: staleness at those times, wall seconds; 0 where nothing waits.
        stream: as `batch`.
        now: wall time at the right edge.
    """
    ago = [moment - now for moment in at]
    highest = max([60.0, *batch, *stream])
    return drawn(
        [
            _series(ago, batch, "Benighted", NIGHT, "solid"),
            _series(ago, stream, "Enlightened", DAWN, "solid"),
        ],
        margin={"l": 52, "r": 84, "t": 6, "b": 20},
        hovermode="x",
        uirevision="staleness",
        xaxis=time_axis(span),
        yaxis=_age_axis(highest),
        annotations=_names(batch, stream),
    )


def drawn(data: Sequence[Any], **layout: Any) -> Figure:
    """A figure of these traces with what all figures share: no ground, quiet type, no legend."""
    figure = go.Figure(
        data=list(data),
        layout={
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"size": 12, "color": QUIET, "family": "var(--st-font)"},
            "showlegend": False,
            **layout,
        },
    )
    made: Figure = figure.to_plotly_json()
    made["layout"].pop("template", None)  # half the size, and its colours are not the theme's
    return made


def _series(ago: list[float], values: Sequence[float], name: str, colour: str, dash: str) -> Any:
    return go.Scatter(
        x=[round(moment, 2) for moment in ago],
        y=[max(FLOOR_S, value) for value in values],
        name=name,
        mode="lines",
        line={"color": colour, "width": 2, "dash": dash, "shape": "linear"},
        customdata=[_said(value) for value in values],
        hovertemplate="%{customdata}<extra>" + name + "</extra>",
    )


def _said(seconds: float) -> str:
    return "nothing waiting" if seconds <= 0 else ages.wall(seconds)


def time_axis(span: float) -> Figure:
    """The last `span` wall seconds, now at the right edge at 0."""
    minutes = range(int(span // 60) // 2 * 2, -1, -2)
    return {
        "range": [-span, 0],
        "tickvals": [-60 * minute for minute in minutes],
        "ticktext": [f"−{minute} min" if minute else "now" for minute in minutes],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": False,
    }


def _age_axis(highest: float) -> Figure:
    return {
        "type": "log",
        "range": [math.log10(FLOOR_S * 0.8), math.log10(highest * 2.5)],
        "tickvals": list(_TICKS),
        "ticktext": list(_TICKS.values()),
        "gridcolor": LINE,
        "zeroline": False,
    }


def _names(batch: Sequence[float], stream: Sequence[float]) -> list[Figure]:
    """The names stand at the lines' ends, so that nobody needs a legend or the colours."""
    places = [
        math.log10(max(FLOOR_S, values[-1] if values else FLOOR_S)) for values in (batch, stream)
    ]
    apart = _APART - abs(places[0] - places[1])
    if apart > 0:  # the higher one up, the other one down, until both can be read
        sign = 1 if places[0] >= places[1] else -1
        places = [places[0] + sign * apart / 2, places[1] - sign * apart / 2]
    named = (("Benighted", "blue", places[0]), ("Enlightened", "orange", places[1]))
    return [
        {
            "x": 1,
            "xref": "paper",
            "xanchor": "left",
            "xshift": 6,
            "y": max(place, math.log10(FLOOR_S)),
            "yref": "y",
            "text": name,
            "showarrow": False,
            "font": {"color": f"var(--st-{colour}-text-color)", "size": 12},
        }
        for name, colour, place in named
    ]
