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
from pipeline import control
from pipeline.settings import settings
from ui import ages, components, frame, in_use, resources, state
from ui.plain import plain
from ui.rail import INTERVALS

_TEST = "Say in five words that you are ready."
_TEST_S = 20.0


def draw() -> None:
    """The whole page under its header."""
    left, right = st.columns(2)
    with left:
        _model()
        _look()
        _start_over()
    with right:
        _at_once()
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
    state.put(state.SETTINGS_PACE, frame.nearest_pace(world.clock.factor))
    state.put(
        state.SETTINGS_INTERVAL, min(INTERVALS, key=lambda hours: abs(hours - world.interval_h))
    )
    state.put(state.GUARD, guard(resources.database()))
    with st.container(border=True, key="settings-now", gap="small"):
        st.markdown("**At once, for everybody**")
        st.segmented_control(
            "An airline hour takes",
            frame.PACES,
            key=state.SETTINGS_PACE,
            required=True,
            format_func=lambda seconds: f"{seconds} s",
            on_change=_set_pace,
        )
        st.segmented_control(
            "Batch runs every",
            list(INTERVALS),
            key=state.SETTINGS_INTERVAL,
            required=True,
            format_func=INTERVALS.__getitem__,
            on_change=_set_interval,
            help="Airline time, all source systems together",
        )
        st.toggle(
            "Guard: refuse actions on outdated ground",
            key=state.GUARD,
            on_change=_set_guard,
            help="Off, the agents do what they were asked, and the damage is counted",
        )


def _set_pace() -> None:
    factor = 3600 / state.get(state.SETTINGS_PACE)
    control.set_clock(resources.database(), lambda clock: clock.changed(factor=factor))
    resources.pulse().forget()


def _set_interval() -> None:
    resources.database().put("batch_interval_h", state.get(state.SETTINGS_INTERVAL))
    resources.pulse().forget()


def _set_guard() -> None:
    set_guard(resources.database(), bool(state.get(state.GUARD)))


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
        now = st.context.theme.type or "light"
        components.quiet(f"Light or dark follows your system's setting. Now: {now}.")


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
