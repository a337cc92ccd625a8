"""The frame of every page: configuration, engine, header with the airline's clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pipeline import control, loading
from pipeline.children import open_state
from pipeline.clock import ClockState
from pipeline.settings import ROOT, settings
from ui import ages, components, controls, resources, state
from ui.components import airline_clock, text
from ui.plain import plain
from ui.pulse import World

RAIL_PX = 330
PAGES = {
    "app.py": "Live",
    "pages/2_Follow_an_event.py": "Follow",
    "pages/3_Freshness_and_health.py": "Health",
    "pages/4_What_they_knew.py": "Time travel",
    "pages/5_Query_both_worlds.py": "Query",
    "pages/6_How_it_works.py": "How",
    "pages/7_Settings.py": "Settings",
}  # file -> its name in the menu


def open_page(title: str) -> DeltaGenerator:
    """Configure the page, make sure of an engine, and of this session's keys.

    Returns:
        the container that the page is drawn in.
    """
    state.ensure()
    big = _big_type()
    st.set_page_config(
        page_title=f"{title} · Benighted vs Enlightened Airlines",
        page_icon=str(components.WEB / "icon.svg"),  # a named icon would be fetched from the net
        layout="wide",
        initial_sidebar_state="collapsed" if big else RAIL_PX,  # the back row wants the stage
    )
    resources.warm_up()
    components.page_style(title, big=big)
    _need_engine()
    _same_day()
    notice = state.get(state.NOTICE)
    if notice:
        st.toast(plain(notice))
        state.put(state.NOTICE, None)
    return st.container(key="page")


def _same_day() -> None:
    """What this session remembers is of another world where somebody has started the day over."""
    epoch = resources.pulse().world().epoch
    if state.get(state.EPOCH) not in (None, epoch):
        state.forget_the_day()
        state.notify("The day was started over by somebody else.")
    state.put(state.EPOCH, epoch)


def _big_type() -> bool:
    """Whether this session wants big type. The address says it at first, and keeps it."""
    if state.get(state.BIG) is None:
        state.put(state.BIG, st.query_params.get(state.BIG) == "1")
    big = bool(state.get(state.BIG))
    if big:
        st.query_params[state.BIG] = "1"
    else:
        st.query_params.pop(state.BIG, None)
    return big


def paths() -> list[str]:
    """The last part of each page's address, "" for the first page."""
    return ["" if file == "app.py" else Path(file).stem.partition("_")[2] for file in PAGES]


def every(base_s: float) -> float:
    """How often a live part of this session draws, seconds."""
    return resources.pulse().every(base_s, session_id())


def session_id() -> str:
    """This browser session."""
    context = st.runtime.scriptrunner.get_script_run_ctx()
    return context.session_id if context else "bare"


def zone_of(world: World) -> ZoneInfo:
    """The zone of the airline's clock."""
    return ZoneInfo(world.about.get("zone") or settings().home_zone)


def header() -> None:
    """The menu, the airline's time and pace, and what one can do to the clock."""
    world = resources.pulse().world()
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="header"):
        with st.container(width="stretch"):
            _menu()
        with st.container(width="content"):
            _clock()
        _clock_controls(world)
    if world.clock.at_end():
        _offer_to_start_over()


def _menu() -> None:
    """The pages that there are. Links keep the customer in the URL."""
    customer = state.get(state.CUSTOMER)
    kept = {state.CUSTOMER: customer} if customer else {}
    kept |= {state.BIG: "1"} if state.get(state.BIG) else {}
    with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall", key="menu"):
        st.markdown("**:blue[Benighted] vs :orange[Enlightened]**", width="content")
        there = {file: label for file, label in PAGES.items() if (ROOT / file).exists()}
        for file, label in there.items() if len(there) > 1 else ():
            st.page_link(file, label=label, query_params=kept)


def _clock() -> None:
    st.fragment(_draw_clock, run_every=every(1.0))()


def _draw_clock() -> None:
    if not resources.engine_link().look().ready:
        st.rerun()  # the frame says what is wrong, or starts another engine
    world = resources.pulse().world()
    if world.epoch != state.get(state.EPOCH):
        st.rerun()
    parts = [airline_clock("hour") | {"title": "airline time"}]
    if world.clock.paused or world.clock.at_end():
        held = "the day is over" if world.clock.at_end() else "paused"
        parts.append(text(" ❚❚", "late") | {"title": held})  # a word would not leave the menu room
    components.line(world.clock, str(zone_of(world)), parts, "airline-clock")


def _clock_controls(world: World) -> None:
    with st.container(
        horizontal=True,
        vertical_alignment="center",
        width="content",
        gap="xsmall",
        key="controls",
    ):
        _clock_buttons(world)


def _clock_buttons(world: World) -> None:
    over = world.clock.at_end()
    paused = world.clock.paused or over
    st.button(
        "Play" if paused else "Pause",
        icon=":material/play_arrow:" if paused else ":material/pause:",
        key="play",
        type="primary" if paused else "secondary",
        shortcut="K",
        disabled=over,
        on_click=change_clock,
        args=(lambda clock: clock.changed(paused=not paused),),
    )
    with st.popover(
        ages.pace(world.clock.factor), help="Pace of the airline clock, jumps, start over"
    ):
        controls.pace(world, state.SPEED)
        st.button("One airline hour on", key="jump-hour", on_click=_jump, args=(_an_hour_on,))
        st.button("To the next batch", key="jump-batch", on_click=_jump, args=(_next_batch,))
        st.button("Start over", key="reset", icon=":material/replay:", on_click=start_over)


def start_over(opens_after: timedelta | None = None, paused: bool = False) -> None:
    """Return the world to its starting state; the engine runs on.

    Args:
        opens_after: airline time since the first day's midnight; None: as set for the first start.
    """
    chosen = settings()
    hours, minutes = map(int, chosen.clock_opens.split(":"))
    opens = timedelta(hours=hours, minutes=minutes) if opens_after is None else opens_after
    start = loading.Start(
        at=None,
        factor=chosen.clock_factor,
        paused=paused,
        batch_interval_h=chosen.batch_interval_h,
        opens_after=opens,
    )
    loading.reset(open_state(chosen), start)
    resources.pulse().forget()
    state.forget_the_day()
    state.notify("Back at the start of the day.")


def _offer_to_start_over() -> None:
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        st.markdown("**The loaded days are over** and the airline clock holds.", width="stretch")
        st.button("Start over", key="again", type="primary", on_click=start_over)


def change_clock(change: Callable[[ClockState], ClockState]) -> None:
    """Set the airline's clock, for everybody."""
    control.set_clock(resources.database(), change)
    resources.pulse().forget()


def _jump(where: Callable[[World], datetime]) -> None:
    to = where(resources.pulse().world())
    change_clock(lambda clock: clock.changed(to=to))


def _an_hour_on(world: World) -> datetime:
    return world.clock.now() + timedelta(hours=1)


def _next_batch(world: World) -> datetime:
    return world.next_run


def _need_engine() -> None:
    """Go on with an engine that is ready; else say what is under way, or what to do."""
    look = resources.engine_link().look()
    if look.ready:
        return
    st.subheader("Benighted vs Enlightened Airlines")
    if look.error:
        _engine_is_down(look.error)
    else:
        st.fragment(_watch_start, run_every=0.4)()
        st.skeleton(height=320)
    st.stop()


def _engine_is_down(error: str) -> None:
    st.error(
        f"The engine is not running: {plain(error)}",
        icon=":material/power_off:",
    )
    st.text(f"What it wrote is in {settings().logs}. Mend the cause, then start it again.")
    st.button("Start the engine", type="primary", on_click=resources.engine_link().start)
    st.fragment(_watch_for_an_engine, run_every=1.0)()


def _watch_for_an_engine() -> None:
    """Somebody else may have started it."""
    look = resources.engine_link().look()
    if look.ready or not look.error:
        st.rerun()


def _watch_start() -> None:
    look = resources.engine_link().look()
    if look.ready or look.error:
        st.rerun()
    done = sum(done for _, done in look.labels)
    label = f"Starting the airline: {done} of {len(look.labels)} (a first start takes seconds)"
    shown = st.status(label, expanded=True)  # no `with`: its end would put a tick at the label
    for what, is_done in look.labels:
        shown.markdown(f":{'green' if is_done else 'gray'}[{'✓' if is_done else '○'}] {what}")
