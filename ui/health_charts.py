"""Figures of the page Freshness and health: pure functions, as in `charts`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from pipeline.batch.journal import STAGES
from ui import ages, charts
from ui.charts import DAWN, LINE, NIGHT, QUIET, Figure

STAGE_NAMES = {
    "consumed_at": "to the topic and out",
    "validated_at": "contract, masking",
    "embedded_at": "embed",
    "searchable_at": "upsert, commit",
}
_INK = "var(--st-text-color)"
_FLOOR = 0.3  # where "none" is drawn on a log axis of counts
_RATE_FLOOR = 0.05  # the same of events a second
_ROOM = 1.15  # of the axis above the highest value
_SHADES = (0.3, 0.42, 0.54, 0.3, 0.42, 0.85, 0.6)  # of the stages of a batch run


def staleness(lines: Figure, scale: str, objective_s: float, highest: float) -> Figure:
    """The staleness figure of `charts` on a log or linear axis, with the objective drawn in.

    Args:
        highest: the highest staleness shown, wall seconds.
    """
    layout = dict(lines["layout"])
    top = max(highest, 1.0)
    label = {
        "x": 0, "xref": "paper", "xanchor": "left", "yanchor": "bottom", "showarrow": False,
        "text": "objective", "font": {"color": _INK, "size": 12},
    }  # fmt: skip
    if scale == "log":
        # The axis always holds the objective, however far it is from what is measured.
        low, high = layout["yaxis"]["range"]
        holds = [low, max(high, math.log10(objective_s) + 0.3)]
        layout["yaxis"] = layout["yaxis"] | {"range": holds}
        notes = [*layout["annotations"], label | {"y": math.log10(objective_s)}]
    else:
        top = max(top, objective_s)
        layout["yaxis"] = {
            "range": [0, top * _ROOM], "gridcolor": LINE, "zeroline": False, "ticksuffix": " s",
            "nticks": 6,
        }  # fmt: skip
        notes = [*_ends(lines, top), label | {"y": objective_s}]
    line = {
        "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": objective_s, "y1": objective_s,
        "line": {"color": _INK, "width": 1.5, "dash": "dash"},
    }  # fmt: skip
    # Another scale is another picture: what was zoomed on the one means nothing on the other.
    layout |= {"annotations": notes, "shapes": [line], "uirevision": f"staleness-{scale}"}
    return {"data": lines["data"], "layout": layout}


def _ends(lines: Figure, top: float) -> list[Figure]:
    """The names at the lines' ends, on a linear axis."""
    found, least = [], top * 0.09
    values = [series["y"][-1] if len(series["y"]) else 0.0 for series in lines["data"]]
    low = min(values)
    for note, value in zip(lines["layout"]["annotations"], values, strict=True):
        apart = value if value == low else max(value, low + least)
        found.append(note | {"y": apart})
    return found


def waterfall(stages: Mapping[str, Mapping[str, float]]) -> Figure:
    """What each stage of the stream takes: a bar is its median, placed where the last one ended.

    Args:
        stages: {stage of freshness.STREAM_STAGES: {"p50", "p95", "p99"}}, milliseconds.
    """
    names = [STAGE_NAMES[name] for name in stages]
    widths = [one["p50"] for one in stages.values()]
    starts = [sum(widths[:place]) for place in range(len(widths))]
    more = [max(0.0, one["p95"] - one["p50"]) for one in stages.values()]
    said = [
        f"p50 {ages.milliseconds(one['p50'])} · p95 {ages.milliseconds(one['p95'])}"
        f" · p99 {ages.milliseconds(one['p99'])}"
        for one in stages.values()
    ]
    ends = [start + width + rest for start, width, rest in zip(starts, widths, more, strict=True)]
    highest = max([1.0, *ends])
    bars = go.Bar(
        y=names,
        x=widths,
        base=starts,
        orientation="h",
        marker={"color": DAWN},
        width=0.55,
        error_x={
            "type": "data", "array": more, "arrayminus": [0.0] * len(more), "symmetric": False,
            "color": QUIET, "thickness": 1.5, "width": 5,
        },
        customdata=said,
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    notes = [
        {
            "x": end, "y": name, "xanchor": "left", "xshift": 8, "text": text, "showarrow": False,
            "font": {"size": 12, "color": _INK},
        }
        for end, name, text in zip(ends, names, said, strict=True)
    ]  # fmt: skip
    return charts.drawn(
        [bars],
        margin={"l": 118, "r": 8, "t": 4, "b": 24},
        uirevision="waterfall",
        xaxis={
            "range": [0, highest * 1.9], "gridcolor": LINE, "zeroline": False, "ticksuffix": " ms",
            "tickformat": ",.0f", "nticks": 6,
        },
        yaxis={"autorange": "reversed", "showgrid": False, "tickfont": {"size": 12}},
        annotations=notes,
    )  # fmt: skip


def rates(ago: Sequence[float], found: Mapping[str, Sequence[float]], span: float) -> Figure:
    """Events a second on a log axis: recorded, and searchable in each arm.

    Args:
        ago: middles of the intervals, wall seconds before now (negative).
        found: {"recorded", "stream", "batch"}: events a second in each interval.
    """
    series = [
        _line(ago, found["recorded"], "recorded", QUIET, "dot", _RATE_FLOOR),
        _line(ago, found["stream"], "Enlightened", DAWN, "solid", _RATE_FLOOR),
    ]
    batch = go.Bar(
        x=list(ago),
        y=[value or None for value in found["batch"]],
        name="Benighted",
        marker={"color": NIGHT},
        width=4,
        hovertemplate="%{y:.0f} a second<extra>Benighted</extra>",
    )
    highest = max([10.0, *found["batch"], *found["recorded"]])
    return _counted([*series, batch], span, highest, _RATE_FLOOR)


def lag(
    ago: Sequence[float], batch: Sequence[float], stream: Sequence[float], span: float
) -> Figure:
    """Events that wait in each arm, log axis; arguments as in `rates`."""
    series = [
        _line(ago, batch, "Benighted", NIGHT, "dash", _FLOOR),  # told apart without colours
        _line(ago, stream, "Enlightened", DAWN, "solid", _FLOOR),
    ]
    return _counted(series, span, max([10.0, *batch, *stream]), _FLOOR)


def _line(
    ago: Sequence[float], values: Sequence[float], name: str, colour: str, dash: str, floor: float
) -> Any:
    return go.Scatter(
        x=list(ago),
        y=[max(floor, value) for value in values],
        name=name,
        mode="lines",
        line={"color": colour, "width": 2, "dash": dash, "shape": "hv"},
        customdata=[f"{value:.3g}" for value in values],
        hovertemplate="%{customdata}<extra>" + name + "</extra>",
    )


def _counted(series: Sequence[Any], span: float, highest: float, floor: float) -> Figure:
    ticks = [floor, *(10.0**power for power in range(6) if 10**power <= highest * 2)]
    return charts.drawn(
        series,
        margin={"l": 44, "r": 14, "t": 24, "b": 20},
        hovermode="x",
        uirevision="counted",
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.16, "font": {"size": 12, "color": _INK}},
        xaxis=charts.time_axis(span),
        yaxis={
            "type": "log",
            "range": [math.log10(floor * 0.8), math.log10(highest * 3)],
            "tickvals": ticks,
            "ticktext": ["none", *(f"{tick:,.0f}" for tick in ticks[1:])],
            "gridcolor": LINE,
            "zeroline": False,
        },
    )


def runs(found: Sequence[Mapping[str, Any]]) -> Figure:
    """Batch runs, one a row, newest on top: what each stage took, wall seconds from its start.

    Args:
        found: rows of `journal.recent`, with "label".
    """
    names = [run["label"] for run in found]
    bars = [
        go.Bar(
            y=names,
            x=[run["took"].get(stage, 0.0) for run in found],
            name=_stage(stage),
            orientation="h",
            width=0.8,
            marker={
                "color": NIGHT, "opacity": shade,
                "line": {"color": "var(--st-secondary-background-color)", "width": 1},
            },
            text=[_stage(stage)] * len(found),  # where there is room for it
            textposition="inside",
            insidetextanchor="middle",
            insidetextfont={"color": "var(--st-secondary-background-color)"},
            textangle=0,
            customdata=[ages.wall(run["took"].get(stage, 0.0)) for run in found],
            hovertemplate=f"{_stage(stage)}: " + "%{customdata}<extra>%{y}</extra>",
        )
        for stage, shade in zip(STAGES, _SHADES, strict=True)
    ]  # fmt: skip
    notes = [
        {
            "x": sum(run["took"].values()), "y": run["label"], "xanchor": "left", "xshift": 8,
            "showarrow": False, "font": {"size": 12, "color": _INK},
            "text": _said(run),
        }
        for run in found
    ]  # fmt: skip
    highest = max([1.0, *(sum(run["took"].values()) for run in found)])
    return charts.drawn(
        bars,
        barmode="stack",
        uniformtext={"minsize": 10, "mode": "hide"},
        margin={"l": 92, "r": 8, "t": 4, "b": 24},
        uirevision="runs",
        xaxis={
            "range": [0, highest * 1.5], "gridcolor": LINE, "zeroline": False, "ticksuffix": " s",
            "nticks": 7,
        },
        yaxis={"autorange": "reversed", "showgrid": False, "tickfont": {"size": 12}},
        annotations=notes,
    )  # fmt: skip


def _stage(name: str) -> str:
    return {"reverse_etl": "reverse ETL", "extracted": "extract", "embedded": "embed"}.get(
        name, name
    )


def _said(run: Mapping[str, Any]) -> str:
    whole = ages.wall(sum(run["took"].values()))
    if run["error"]:
        return f"failed after {whole}"
    return whole if run["searchable_at"] else f"{whole}, under way"
