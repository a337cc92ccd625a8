"""The chart of a query: both airlines in one figure, where the results can be drawn. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import plotly.graph_objects as go

from pipeline.sandbox import Rows
from pipeline.schema import Arm
from ui import charts
from ui.charts import DAWN, LINE, NIGHT, QUIET, Figure
from ui.row_differences import key_size

MOST = 40  # categories that can still be read
_NAMES: Mapping[Arm, str] = {"batch": "Benighted", "stream": "Enlightened"}
_COLOURS: Mapping[Arm, str] = {"batch": NIGHT, "stream": DAWN}
_PATTERNS: Mapping[Arm, str] = {"batch": "/", "stream": ""}  # told apart without their colours
_PANEL = "var(--st-secondary-background-color)"
_SAID = 8  # categories whose bars have room for their numbers


def axes(found: Mapping[Arm, Rows]) -> tuple[int, int] | None:
    """(column of categories or times, column of numbers) of results, or None if there are none.

    Each category must stand in one row, and there must be something to draw.
    """
    results = [rows.rows for rows in found.values()]
    filled = next((rows for rows in results if rows), None)
    if not filled or len(filled[0]) < 2 or key_size(2, *results) is None:  # noqa: PLR2004 x and y
        return None
    kinds = [_kind([row[place] for row in filled]) for place in range(len(filled[0]))]
    if kinds[0] not in ("category", "time") or "number" not in kinds:
        return None
    return 0, kinds.index("number")


def figure(found: Mapping[Arm, Rows], x: int, y: int) -> Figure:
    """Bars by category, or lines over time; the first `MOST` categories of both."""
    shown = list(dict.fromkeys(row[x] for rows in found.values() for row in rows.rows))[:MOST]
    over_time = _kind(shown) == "time"
    shown = sorted(shown, key=str) if over_time else shown
    return charts.drawn(
        [_series(arm, rows, (x, y), shown, over_time) for arm, rows in found.items()],
        margin={"l": 52, "r": 12, "t": 24, "b": 24},
        showlegend=True,
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
        hovermode="x",
        barmode="group",
        uirevision="query",
        xaxis={
            "type": "date" if over_time else "category",
            "showgrid": False,
            "automargin": True,
        },
        yaxis={"gridcolor": LINE, "zerolinecolor": LINE, "rangemode": "tozero"},
    )


def _series(
    arm: Arm, rows: Rows, columns: tuple[int, int], shown: list[Any], over_time: bool
) -> Any:
    x, y = columns
    values = {row[x]: row[y] for row in rows.rows}
    numbers = [None if values.get(one) is None else float(values[one]) for one in shown]
    labels = [str(one) for one in shown]
    colour, name = _COLOURS[arm], _NAMES[arm]
    if over_time:
        dash = "dot" if arm == "batch" else "solid"
        line = {"color": colour, "width": 2, "dash": dash}
        return go.Scatter(x=labels, y=numbers, name=name, mode="lines+markers", line=line)
    pattern = {"shape": _PATTERNS[arm], "bgcolor": colour, "fgcolor": _PANEL}
    return go.Bar(
        x=labels,
        y=numbers,
        name=name,
        marker={"color": colour, "pattern": pattern},
        texttemplate="%{y:,}" if len(shown) <= _SAID else None,
        textposition="outside",
        textangle=0,
        textfont={"color": QUIET},
        cliponaxis=False,
    )


def _kind(values: list[Any]) -> str:
    """What a column is to a chart: category, time, number or nothing."""
    present = [value for value in values if value is not None]
    if not present or any(isinstance(value, bool) for value in present):
        return "nothing"
    if all(isinstance(value, int | float | Decimal) for value in present):
        return "number"
    if all(isinstance(value, date) or _is_time(value) for value in present):
        return "time"
    return "category" if all(isinstance(value, str) for value in present) else "nothing"


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False
