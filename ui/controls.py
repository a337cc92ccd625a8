"""Controls of the shared world that stand on more than one page: the clock's pace, the batches.

Every drawing takes the value that holds: somebody else may have changed it.
"""

from __future__ import annotations

import streamlit as st

from pipeline import control
from pipeline.batch import sources
from ui import readings, resources, state
from ui.pulse import World

PACES = (60, 20, 10, 5)  # wall seconds an airline hour takes
INTERVALS = {1.0: "1 h", 6.0: "6 h", 12.0: "12 h", 24.0: "night"}


# --- the clock's pace -----------------------------------------------------------------------------


def pace(world: World, key: str) -> None:
    """How long an airline hour takes."""
    state.show(key, nearest_pace(world.clock.factor))
    st.segmented_control(
        "An airline hour takes",
        PACES,
        key=key,
        required=True,
        format_func=lambda seconds: f"{seconds} s",
        on_change=_set_pace,
        args=(key,),
    )


def nearest_pace(factor: float) -> int:
    """The one of `PACES` that is nearest to a clock factor."""
    return min(PACES, key=lambda seconds: abs(seconds - 3600 / factor))


def _set_pace(key: str) -> None:
    if not state.meant(key):
        return
    factor = 3600 / state.get(key)
    control.set_clock(resources.database(), lambda clock: clock.changed(factor=factor))
    resources.pulse().forget()


# --- how often the batch runs ---------------------------------------------------------------------


def batch_interval(world: World, key: str, label: str, help_text: str | None) -> None:
    """How often the batch takes every source system that has no interval of its own."""
    state.show(key, nearest_interval(world.timetable.interval_h))
    st.segmented_control(
        label,
        list(INTERVALS),
        key=key,
        required=True,
        format_func=INTERVALS.__getitem__,
        on_change=_set_interval,
        args=(key,),
        help=help_text,
        width="stretch",
    )


def nearest_interval(hours: float) -> float:
    """The one of `INTERVALS` that is nearest to an interval, hours."""
    return min(INTERVALS, key=lambda one: abs(one - hours))


def interval(hours: float) -> str:
    """An interval in words: every `1 h`, every `night`, every `15 min`."""
    shown = f"{hours:g} h" if hours >= 1 else f"{hours * 60:g} min"
    return INTERVALS.get(hours, shown)


def set_interval(hours: float | None, source: str | None = None) -> None:
    """Change the interval of all source systems, or of one; None: as the rest."""
    sources.set_interval(resources.database(), hours, source)
    resources.pulse().forget()
    readings.source_systems.clear()


def _set_interval(key: str) -> None:
    if state.meant(key):
        set_interval(state.get(key))
