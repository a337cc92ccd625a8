"""The page Settings: what works at once, what is in use, a test of the model, starting over.

What needs a restart is shown with the variable that changes it: this page writes no file.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import streamlit as st

from agent import llm
from agent.actions import guard, set_guard
from agent.llm import Completion
from agent.offline import MODEL as OFFLINE
from pipeline.batch.timetable import SYSTEMS
from pipeline.clock import from_rfc3339
from pipeline.settings import settings
from ui import (
    ages,
    components,
    controls,
    frame,
    in_use,
    readings,
    resources,
    state,
    state_file,
    tracker,
)
from ui.components import Parts, airline_time, text, until
from ui.plain import plain
from ui.pulse import World

_TEST = "Say in five words that you are ready."
_TEST_S = 20.0
_OWN = {0.0: "as the rest", **controls.INTERVALS}


def draw() -> None:
    """The whole page under its header."""
    left, right = st.columns(2)
    with left:
        _model()
        _look()
        state_file.draw()
        _start_over()
    with right:
        _at_once()
        _timetable()
        _in_use()


# --- the model ------------------------------------------------------------------------------------


def _model() -> None:
    chosen = settings()
    with st.container(border=True, key="settings-model", gap="small"):
        st.markdown("**Model** of both agents")
        st.text(chosen.agent_model)
        where = plain(chosen.agent_api_base) if chosen.agent_api_base else "its provider's own"
        if chosen.agent_model == OFFLINE:
            components.quiet("Built in: no key, no network. AGENT\\_MODEL in .env names another.")
        else:
            has_key = bool(chosen.agent_api_key.get_secret_value())
            key = "from AGENT\\_API\\_KEY" if has_key else "the provider's own variable, if any"
            components.quiet(f"Server: {where}. Key: {key}. Changed in .env, then a restart.")
        if st.button("Test it", key="test-model", help="One real call, as the agents make it"):
            _test_model(chosen.agent_model)
        tested: Completion | None = state.get(state.TESTED)
        if tested:
            _show_test(tested)


def _test_model(model: str) -> None:
    with st.status(f"Asking {plain(model)}, {_TEST_S:g} s at most", type="step"):
        messages: list[dict[str, Any]] = [{"role": "user", "content": _TEST}]
        state.put(state.TESTED, llm.complete(messages, model, timeout_s=_TEST_S))


def _show_test(tested: Completion) -> None:
    took = ages.milliseconds(tested.total_ms)
    if tested.fallback:
        st.error(
            f"✕ {plain(tested.fallback)}. Meanwhile {plain(tested.model)} answers customers: "
            "look at AGENT\\_MODEL, AGENT\\_API\\_BASE and the key in .env, then start again.",
        )
        return
    st.success(f"✓ {plain(tested.model)} spoke: {took}, {_cost(tested)}")
    st.text(tested.text)


def _cost(tested: Completion) -> str:
    if tested.model == OFFLINE:
        return "free"
    if tested.cost_usd is None:
        return "price unknown"
    return f"{tested.cost_usd:.2g} US dollars" if tested.cost_usd else "free"


# --- what works at once ---------------------------------------------------------------------------


def _at_once() -> None:
    world = resources.pulse().world()
    state.show(state.GUARD, guard(resources.database()))
    with st.container(border=True, key="settings-now", gap="small"):
        st.markdown("**At once, for everybody**")
        controls.pace(world, state.SETTINGS_PACE)
        st.toggle(
            "Guard: refuse actions on outdated ground",
            key=state.GUARD,
            on_change=_set_guard,
            help="Off, the agents do what they were asked, and the damage is counted",
        )


def _set_guard() -> None:
    if state.meant(state.GUARD):
        set_guard(resources.database(), bool(state.get(state.GUARD)))


# --- how often the batch runs ---------------------------------------------------------------------


def _timetable() -> None:
    """The interval of all source systems, that of each, and what it comes to."""
    world = resources.pulse().world()
    source = state.get(state.SETTINGS_SOURCE) or SYSTEMS[0]
    state.show(state.SETTINGS_OWN, _nearest_own(world.timetable.exceptions.get(source)))
    with st.container(border=True, key="settings-timetable", gap="small"):
        st.markdown("**Batch runs**, airline time")
        others = "Of all source systems that have no interval of their own"
        controls.batch_interval(world, state.SETTINGS_INTERVAL, "Every", others)
        st.selectbox(
            "Interval of its own for",
            SYSTEMS,
            key=state.SETTINGS_SOURCE,
            format_func=tracker.system,
        )
        st.segmented_control(
            f"Every, {tracker.system(source)} alone",
            list(_OWN),
            key=state.SETTINGS_OWN,
            required=True,
            format_func=_OWN.__getitem__,
            on_change=_set_own_interval,
            help="Bookings every 6 hours, flight operations every hour: then Benighted knows of "
            "a late flight before it knows who sits in it",
        )
        st.fragment(_systems, run_every=frame.every(1.0))()


def _systems() -> None:
    world = resources.pulse().world()
    columns = [
        {"label": "source system"},
        {"label": "every"},
        {"label": "next run"},
        {"label": "in", "wide": True},
        {"label": "last taken", "wide": True},
        {"label": "waiting", "number": True},
    ]
    rows = [_system_row(one, world) for one in readings.source_systems(world.epoch)]
    shown = {"title": "Source systems", "note": [], "columns": columns, "rows": rows}
    components.table(world.clock, str(frame.zone_of(world)), shown, "settings-systems")


def _system_row(one: dict[str, Any], world: World) -> list[Parts]:
    zone = frame.zone_of(world)
    last = from_rfc3339(one["last_run"]) if one["last_run"] else world.clock.starts_at
    upcoming = from_rfc3339(one["next_run"])
    return [
        [text(tracker.system(one["source"]))],
        [text(controls.interval(one["interval_h"]), "strong" if one["own"] else "quiet")],
        [airline_time(ages.clock(upcoming, zone))],
        [until(upcoming.timestamp(), "quiet")],
        [airline_time(ages.clock(last, zone))],
        [text(f"{one['waiting']:,}")],
    ]


def _nearest_own(hours: float | None) -> float:
    return 0.0 if hours is None else controls.nearest_interval(hours)


def _set_own_interval() -> None:
    if state.meant(state.SETTINGS_OWN):
        hours = state.get(state.SETTINGS_OWN) or None
        controls.set_interval(hours, state.get(state.SETTINGS_SOURCE))


# --- how it looks ---------------------------------------------------------------------------------


def _look() -> None:
    state.put(state.BIG_SWITCH, bool(state.get(state.BIG)))
    with st.container(border=True, key="settings-look", gap="small"):
        st.markdown("**How it looks**, in this browser")
        st.toggle(
            "Big type",
            key=state.BIG_SWITCH,
            on_change=_set_big,
            help="For the back row, on every page; it stays in the address as big=1",
        )
        components.theme(frame.paths(), "settings-theme")
        components.quiet("Another look opens the page anew: conversations in this tab start over.")


def _set_big() -> None:
    state.put(state.BIG, bool(state.get(state.BIG_SWITCH)))


# --- what is in use -------------------------------------------------------------------------------


def _in_use() -> None:
    with st.container(border=True, key="settings-used", gap="xsmall"):
        st.markdown("**In use**, and the variable of `.env` that changes it")
        for part in in_use.parts(settings()):
            st.markdown(
                f"**{part.name}** {plain(part.used)}  \n"
                f":gray[`{part.variable}` · needs {plain(part.needs)}]"
            )


# --- starting over --------------------------------------------------------------------------------


def _start_over() -> None:
    world = resources.pulse().world()
    since = timedelta(seconds=world.clock.now().timestamp() - world.clock.starts_at.timestamp())
    with st.container(border=True, key="settings-over", gap="small"):
        st.markdown("**Start over**")
        components.quiet(
            f"{world.events:,} events in {ages.airline(since.total_seconds())} of airline time "
            "are forgotten, for everybody; the world is as it was loaded. The engine runs on."
        )
        sure = st.checkbox("Forget this day", key=state.SURE)
        st.button(
            "Start over",
            key="settings-reset",
            icon=":material/replay:",
            disabled=not sure,
            on_click=_forget_the_day,
        )


def _forget_the_day() -> None:
    state.put(state.SURE, False)
    frame.start_over()
