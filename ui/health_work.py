"""The work behind the freshness: batch runs by stage, processes, and what the stores hold."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pipeline import freshness
from pipeline.batch import journal
from pipeline.clock import from_rfc3339
from ui import ages, components, doing, frame, health_charts, readings, resources, tracker
from ui.components import Parts, airline_time, since, text
from ui.pulse import World

_EVERY_S = 1.0
_SLOW_S = 2.0
_MOST_RUNS = 6
Row = dict[str, Any]


# --- batch runs -----------------------------------------------------------------------------------


def batches() -> None:
    st.fragment(_runs, run_every=frame.every(_EVERY_S))()


def _runs() -> None:
    world = resources.pulse().world()
    found = journal.recent(resources.database(), _MOST_RUNS)
    if not found:
        components.nothing_yet(
            "No batch has run yet. Benighted knows the world as it was loaded; the first run is "
            "due when the airline clock reaches the hour, or now:"
        )
        st.button("Run a batch now", key="health-batch", on_click=doing.run_batch)
        return
    zone = frame.zone_of(world)
    found = [so_far(run, world.read_at) for run in found]
    labelled = [run | {"label": f"#{run['run_id']} · {_hour(run, world)}"} for run in found]
    components.chart(
        health_charts.runs(labelled),
        "What each run did, wall seconds from its start",
        "extract, bronze, silver, gold, reverse ETL, embed, searchable",
        "health-runs",
        64 + 24 * len(found),
    )
    columns = (
        ("run", False, False), ("airline time", False, False), ("takes", False, True),
        ("started", True, False),
        ("took", True, False), ("bronze", True, False), ("rejected", True, True),
        ("gold", True, False), ("at risk", True, True), ("outcome", False, True),
    )  # fmt: skip
    shown = {
        "title": "Rows by layer",
        "note": _split(),
        "columns": [{"label": one, "number": right, "wide": wide} for one, right, wide in columns],
        "rows": [_run_row(run, world) for run in found],
    }
    components.table(world.clock, str(zone), shown, "health-run-rows")


def so_far(run: Row, now: float) -> Row:
    """A run under way with the time that its present stage has taken by `now`, wall seconds."""
    ahead = [stage for stage in journal.STAGES if stage not in run["took"]]
    if run["error"] or not ahead:
        return run
    passed = max(0.0, now - run["started_at"] - sum(run["took"].values()))
    return run | {"took": run["took"] | {ahead[0]: passed}}


def _hour(run: Row, world: World) -> str:
    return ages.clock(from_rfc3339(run["airline_time"]), frame.zone_of(world))


def _run_row(run: Row, world: World) -> list[Parts]:
    counts, whole = run["counts"], sum(run["took"].values())
    outcome = run["error"] or ("searchable" if run["searchable_at"] else "under way")
    if outcome == "under way" and "to_embed" in counts:
        outcome += f", {counts['embedded']:,} of {counts['to_embed']:,} embedded"
    return [
        [text(f"#{run['run_id']}")],
        [airline_time(_hour(run, world))],
        [text(tracker.scope(run), "quiet")],
        [since(run["started_at"]), text(" ago", "quiet")],
        [text(ages.wall(whole))],
        *([text(f"{counts[name]:,}" if name in counts else "–")]
          for name in ("extracted", "rejected", "documents", "at_risk")),
        [text(outcome, "late" if run["error"] else "quiet")],
    ]  # fmt: skip


def _split() -> Parts:
    found = freshness.last_batch(resources.database())
    if found is None:
        return []
    return [
        text("half the events of the last run waited "),
        text(ages.wall(found["waited_s"]), "strong"),
        text(" for the schedule and "),
        text(ages.wall(found["ran_s"]), "strong"),
        text(" for the run"),
    ]


# --- stores and processes -------------------------------------------------------------------------


def machine() -> None:
    left, right = st.columns(2, gap="small")
    with left:
        st.fragment(_processes, run_every=frame.every(_SLOW_S))()
    with right:
        st.fragment(_stores, run_every=frame.every(_SLOW_S))()


_OF_ARM = {"stream": "stream", "relay": "stream", "broker": "stream", "aggregates": "stream",
           "batch": "batch"}  # fmt: skip


def _processes() -> None:
    world = resources.pulse().world()
    found = resources.load().look()
    rows = []
    for one in found:
        arm = _OF_ARM.get(one["name"], "")
        bar = {"bar": one["cpu"], "arm": arm, "title": f"{one['cpu']:.0%} of a core"}
        restarts = [text(f"{one['restarts']}", "late" if one["restarts"] else "")]
        rows.append(
            [
                [text(one["name"], {"stream": "dawn", "batch": "night"}.get(arm, ""))],
                [text(str(one["pid"]), "quiet")],
                [since(one["started_at"])],
                restarts,
                [text(f"{one['rss_mb']:.0f} MB")],
                [text(f"{one['cpu']:.0%}")],
                bar,
            ]
        )
    columns = (
        ("process", False, False), ("pid", True, True), ("up", True, False),
        ("restarts", True, False), ("memory", True, False), ("CPU", True, False),
        ("of a core", False, True),
    )  # fmt: skip
    memory = sum(one["rss_mb"] for one in found)
    shown = {
        "title": "Processes",
        "note": [text(f"{len(found)} processes, {memory / 1000:.2f} GB; what dies is restarted")],
        "columns": [{"label": one, "number": right, "wide": wide} for one, right, wide in columns],
        "rows": rows,
    }
    components.table(world.clock, str(frame.zone_of(world)), shown, "health-processes")


def _stores() -> None:
    world = resources.pulse().world()
    rows = []
    held = readings.tables(world.epoch)
    for name, size in readings.sizes(world.epoch).items():
        style = {"context_stream": "dawn", "context_batch": "night"}.get(name, "")
        has = size | held.get(name, {})
        numbers = [
            [text("–" if has.get(column) is None else f"{has[column]:,}")]
            for column in ("documents", "versions", "fragments", "files")
        ]
        on_disk = "elsewhere" if size["bytes"] is None else ages.bytes_(size["bytes"])
        rows.append([[text(name, style)], *numbers, [text(on_disk)]])
    columns = (
        ("store", False, False), ("documents", True, False), ("versions", True, False),
        ("fragments", True, True), ("files", True, True), ("on disk", True, False),
    )  # fmt: skip
    shown = {
        "title": "Stores",
        "note": [text("old versions are kept for time travel, and count")],
        "columns": [{"label": one, "number": right, "wide": wide} for one, right, wide in columns],
        "rows": rows,
    }
    components.table(world.clock, str(frame.zone_of(world)), shown, "health-stores")
