"""The page Query both worlds: a box for one SELECT, and what each airline's data answers.

Not here: what a query may do (`pipeline.sandbox`), and where results differ (`row_differences`).
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.query import TABLES, Outcome
from pipeline.sandbox import ROWS, SECONDS, Rows
from pipeline.schema import ARMS, Arm
from pipeline.settings import ROOT
from ui import ages, components, doing, frame, query_chart, resources, row_differences, state
from ui.plain import plain
from ui.row_differences import Marked

EXAMPLES = ROOT / "data" / "queries.toml"
_HEADS: Mapping[Arm, str] = {
    "batch": ":blue[**☾ Benighted Airlines**]",
    "stream": ":orange[**☀ Enlightened Airlines**]",
}
_LIVE_S = 1.0
_PATIENCE_S = 0.8  # what takes longer says that it is under way
_GRID_PX, _ROW_PX, _CHART_PX = 250, 33, 165
_MARKED = "background-color: rgba(194, 104, 10, 0.18); font-weight: 600"
Asked = tuple[str, float, dict[Arm, Outcome]]
"""(the query, wall time at which it was asked, what came of it)."""


@cache
def examples() -> dict[str, dict[str, str]]:
    """Label -> {label, look, sql} of the queries that are offered, in their order."""
    read = tomllib.loads(EXAMPLES.read_text(encoding="utf-8"))["query"]
    return {one["label"]: {**one, "sql": one["sql"].strip()} for one in read}


def draw() -> None:
    """The whole page under its header."""
    sql = _box()
    if not sql.strip():
        st.info("Write one SELECT, or choose an example above. Nothing on this page writes.")
        return
    live = bool(state.get(state.LIVE_QUERY))
    st.fragment(_results, run_every=frame.every(_LIVE_S) if live else None)(sql, live=live)


def _box() -> str:
    """The examples, the box and its buttons; returns the query."""
    if state.get(state.SQL) is None:
        first = next(iter(examples().values()))["sql"]
        state.put(state.SQL, st.query_params.get(state.SQL, first))
    st.pills(
        "Examples",
        list(examples()),
        key=state.EXAMPLE,
        on_change=_take_example,
        label_visibility="collapsed",
    )
    with st.container(key="sql"):
        written = st.text_area(
            "One SELECT, run in both worlds",
            value=state.get(state.SQL),
            key=f"{state.SQL}-{state.get(state.SQL_BOX)}",
            height="content",
            label_visibility="collapsed",
            placeholder="SELECT … FROM context",
        )
    sql = str(written or "")
    state.put(state.SQL, sql)
    if st.query_params.get(state.SQL) != sql:
        st.query_params[state.SQL] = sql
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="query-bar"):
        st.button("Run", key="run-query", type="primary", on_click=_forget)
        st.toggle(
            "Keep running",
            key=state.LIVE_QUERY,
            help="Ask again every second: the result moves as the stream does",
        )
        with st.popover("Tables", help="What a query can read"):
            _list_tables()
        st.button("Run the batch", key="query-batch", on_click=doing.run_batch)
        look = _look_at(sql)
        if look:
            components.quiet(plain(look))
    return sql


def _take_example() -> None:
    chosen = state.get(state.EXAMPLE)
    if chosen:
        state.put(state.SQL, examples()[chosen]["sql"])
        state.put(state.SQL_BOX, state.get(state.SQL_BOX) + 1)
        _forget()


def _forget() -> None:
    state.put(state.ASKED, None)


def _look_at(sql: str) -> str:
    return next((one["look"] for one in examples().values() if one["sql"] == sql), "")


def _list_tables() -> None:
    for name, what in TABLES.items():
        st.markdown(f"`{name}` {plain(what)}")
    components.quiet(
        f"Read only, in memory: {SECONDS:g} s and {ROWS:,} rows a query. "
        "`DESCRIBE context` shows a table's columns; JSON is asked with `->>`, as in the examples."
    )


def _results(sql: str, *, live: bool) -> None:
    asked, at, outcomes = _asked(sql, live=live)
    found = {arm: one.rows for arm, one in outcomes.items() if one.rows}
    wrong = {one.error for one in outcomes.values() if one.error and not one.absent}
    if len(wrong) == 1 and not found:
        st.error(plain(wrong.pop()), icon=":material/error:")
        return
    marked = _marked(found)
    _summary(found, marked, at, live=live)
    for place, arm in zip(st.columns(2), ARMS, strict=True):
        with place, st.container(key=f"result-{arm}", gap="xsmall"):
            _one(outcomes[arm], marked.get(arm), _nothing(found))
    drawn = query_chart.axes(found)
    if drawn:
        names = next(iter(found.values())).columns
        title = f"{names[drawn[1]]} by {names[drawn[0]]}"
        note = f"first {query_chart.MOST}" if _many(found) else "both airlines"
        components.chart(query_chart.figure(found, *drawn), title, note, "query-chart", _CHART_PX)


def _asked(sql: str, *, live: bool) -> Asked:
    """What was asked last, if that is this query and need not be asked again."""
    kept: Asked | None = state.get(state.ASKED)
    if kept is None or kept[0] != sql:
        kept = (sql, time.time(), _ask(sql))
    elif live:
        kept = _shared(sql)
    state.put(state.ASKED, kept)
    return kept


def _ask(sql: str) -> dict[Arm, Outcome]:
    desk = resources.desk()
    with ThreadPoolExecutor(1) as beside:
        answer = beside.submit(desk.ask, sql)
        try:
            return answer.result(_PATIENCE_S)
        except TimeoutError:
            with st.spinner(f"Asking both worlds, {SECONDS:g} s at most", show_time=True):
                return answer.result()


@st.cache_data(ttl=_LIVE_S / 2, max_entries=16, show_spinner=False)
def _shared(sql: str) -> Asked:
    """Sessions that keep one query running have it asked once for all."""
    return sql, time.time(), resources.desk().ask(sql)


def _marked(found: Mapping[Arm, Rows]) -> dict[Arm, Marked]:
    """Where the results differ; of one that was cut nobody knows what is behind the cut."""
    if len(found) < len(ARMS) or any(rows.cut for rows in found.values()):
        return {}
    batch, stream = found["batch"], found["stream"]
    return {
        "batch": row_differences.compare(batch.columns, batch.rows, stream.rows),
        "stream": row_differences.compare(stream.columns, stream.rows, batch.rows),
    }


def _summary(
    found: Mapping[Arm, Rows], marked: Mapping[Arm, Marked], at: float, *, live: bool
) -> None:
    world = resources.pulse().world()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="summary"):
        if marked:
            differing = max(one.differing for one in marked.values())
            if differing:
                most = max(len(one.rows) for one in found.values())
                st.badge(f"≠ {differing:,} of {most:,} rows differ", color="yellow")
            else:
                st.badge("= Both worlds say the same", color="green")
        parts = [components.text("asked ", "quiet"), components.since(at)]
        if live:
            parts = [components.text("running: asked every second", "quiet")]
        components.line(world.clock, str(frame.zone_of(world)), parts, "asked-at")


def _nothing(found: Mapping[Arm, Rows]) -> str:
    """What an arm without a row says."""
    if any(rows.rows for rows in found.values()):
        return "No row here: the other airline has some."
    return "No row. Fire an event on the Live page, and ask again."


def _one(outcome: Outcome, marked: Marked | None, nothing: str) -> None:
    world = resources.pulse().world()
    zone = frame.zone_of(world)
    knows = (
        f"knows the world as of {ages.clock(world.batch_as_of, zone)}, airline time"
        if outcome.arm == "batch"
        else f"{ages.wall(world.behind_s)} behind, wall clock"
    )
    if outcome.shared:
        knows = "no airline's own: the record itself, as of now"
    rows = outcome.rows
    told = f" · {_how_many(rows)}, {ages.milliseconds(rows.ms)}" if rows else ""
    st.markdown(f"{_HEADS[outcome.arm]} :small[:gray[{plain(knows + told)}]]")
    if rows is None:
        show = st.info if outcome.absent else st.error
        show(plain(outcome.error or ""))
        return
    if not rows.rows:
        st.info(nothing)
        return
    st.dataframe(
        _table(rows, marked),
        key=f"rows-{outcome.arm}",
        height=min(_GRID_PX, _ROW_PX * (len(rows.rows) + 1) + 4),
        hide_index=True,
        alt=f"Result of the query in the {outcome.arm} arm",
    )


def _how_many(rows: Rows) -> str:
    if rows.cut:
        return f"cut to the first {ROWS:,} rows: there are more"
    return f"{len(rows.rows):,} row{'' if len(rows.rows) == 1 else 's'}"


def _table(rows: Rows, marked: Marked | None) -> Any:
    names = _unique(rows.columns)
    shown = pd.DataFrame([[_cell(value) for value in row] for row in rows.rows], columns=names)
    if marked is None:
        return shown
    shown.insert(0, "other airline", marked.marks)

    def style(frame_shown: pd.DataFrame) -> pd.DataFrame:
        styles = pd.DataFrame("", index=frame_shown.index, columns=frame_shown.columns)
        for row, column in marked.cells:
            styles.iat[row, column + 1] = _MARKED
        for row, mark in enumerate(marked.marks):
            styles.iat[row, 0] = "" if mark == row_differences.SAME else _MARKED
        return styles

    # Else pandas would write a count that is a double as 5.000000.
    return shown.style.apply(style, axis=None).format("{:.12g}", subset=_doubles(shown), na_rep="")


def _doubles(shown: pd.DataFrame) -> Any:
    return shown.select_dtypes("float").columns


def _unique(columns: tuple[str, ...]) -> list[str]:
    seen: dict[str, int] = {}
    names = []
    for name in columns:
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def _cell(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value) if isinstance(value, list | dict | tuple) else value


def _many(found: Mapping[Arm, Rows]) -> bool:
    return any(len(rows.rows) > query_chart.MOST for rows in found.values())
