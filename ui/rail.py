"""The rail: what a presenter does. Customer, events by channel, batch, traffic. In the sidebar."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui import (
    components,
    console,
    controls,
    doing,
    fields,
    frame,
    resources,
    situation,
    state,
    teller,
    tracker,
)
from ui.components import text, until, until_airline
from ui.console import Draft, Situated
from ui.plain import plain
from ui.pulse import World
from ui.situation import Row, Situation

MOST_TRAFFIC = 30
_MOST_TRIPS = 2
_CHANNEL_PX = 66
_CARD_EVERY_S = 2.0


def place() -> DeltaGenerator:
    """Where the rail is: the sidebar."""
    return st.sidebar.container(key="rail")


def choose() -> Situated | None:
    """The picker of the customer; returns what the stage asks about, None without a customer."""
    customer_id = customer(resources.pulse().world())
    return doing.situated(customer_id) if customer_id else None


def draw(at: Situated | None) -> None:
    """What is below the picker."""
    world = resources.pulse().world()
    if at:
        customer_id = at.situation.customer["customer_id"]
        st.fragment(_card, run_every=frame.every(_CARD_EVERY_S))(customer_id)
        _console(at)
    _batch(world)
    _traffic(world)


# --- customer -------------------------------------------------------------------------------------


def customer(world: World) -> str | None:
    """The picker of the customer, whose id is in the URL too."""
    names = _names(world.epoch)
    titles = {hero["customer_id"]: hero["title"] for hero in world.heroes}
    options = [
        *(one for one in titles if one in names),
        *(one for one in names if one not in titles),
    ]
    if not options:
        st.info("The loaded world has no customers.")
        return None
    if state.get(state.CUSTOMER) not in names:
        asked = st.query_params.get(state.CUSTOMER)
        state.put(state.CUSTOMER, asked if asked in names else options[0])
    st.selectbox(
        "Customer",
        options,
        key=state.CUSTOMER,
        format_func=lambda one: f"{names[one]} · {titles[one]}" if one in titles else names[one],
        on_change=_another_customer,
        label_visibility="collapsed",
        persist_state="session",  # over a visit to another page
    )
    chosen = state.get(state.CUSTOMER)
    if st.query_params.get(state.CUSTOMER) != chosen:
        st.query_params[state.CUSTOMER] = chosen
    return str(chosen)


@st.cache_data(ttl=30, show_spinner=False)
def _names(epoch: int) -> dict[str, str]:  # noqa: ARG001 another world has other names
    return situation.names(resources.database())


def _another_customer() -> None:
    """The conversation with another customer goes on where it was; a story is over."""
    if not state.meant(state.CUSTOMER):
        return
    state.put(state.STORY, None)
    st.query_params.pop(state.QUESTION, None)  # it was another customer's
    kept = state.conversation(state.get(state.CUSTOMER))
    if kept:
        state.put_question(kept.question.text)


def _card(customer_id: str) -> None:
    """Who the customer is and what they have booked: live, others fire events too."""
    world, found = resources.pulse().world(), situation.read(resources.database(), customer_id)
    if found is None:  # another world was just loaded
        return
    titles = {hero["customer_id"]: hero["story"] for hero in world.heroes}
    told = {"title": titles.get(found.customer["customer_id"], "")}
    lines = [
        [text(f"{found.customer['name']} ", "strong") | told, text(_tier(found), "quiet") | told]
    ]
    upcoming = [trip for trip in found.trips if trip.flight not in situation.FLOWN]
    for trip in (upcoming or found.trips)[:_MOST_TRIPS]:
        seat = f" · seat {trip.row['seat']}" if trip.row["seat"] else ""
        style = {"cancelled": "late", "delayed": "late"}.get(trip.status, "quiet")
        lines.append(
            [
                text(f"{trip.row['locator']} · {trip.number} {trip.route} "),
                components.airline_time(f"{trip.departs:%H:%M}"),
                text(f"{seat} · ", "quiet"),
                text(trip.status, style),
            ]
        )
    lines.append([text(_contacts(found), "quiet")])
    with st.container(border=True, gap="xxsmall", key="customer-card"):
        for number, parts in enumerate(lines):
            components.line(world.clock, str(frame.zone_of(world)), parts, f"customer-{number}")


def _tier(found: Situation) -> str:
    risk = " · at risk" if found.customer["at_risk"] else ""
    return f"◆ {found.customer['tier']}{risk}"


def _contacts(found: Situation) -> str:
    number = sum(found.contacts.values())
    channels = len(found.contacts)
    if not number:
        return "no contacts yet"
    plural = "s" if channels > 1 else ""
    return f"{number} contact{'s' if number > 1 else ''} on {channels} channel{plural}"


# --- events ---------------------------------------------------------------------------------------


def _console(at: Situated) -> None:
    drafts = [console.draft(button, at) for button in console.buttons()]
    with st.container(key="events"):
        for channel, found in groupby(drafts, key=lambda one: one.button.channel):
            _channel(channel, list(found), drafts)


def _channel(channel: str, of_channel: Sequence[Draft], drafts: Sequence[Draft]) -> None:
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center"):
        st.markdown(f":gray[{channel}]", width=_CHANNEL_PX)
        with st.container(horizontal=True, gap="xxsmall"):
            for made in of_channel:
                _fire_button(made)
            if of_channel[-1] is drafts[-1]:
                _editor([one for one in drafts if not (one.raw or one.problem)])


def _fire_button(made: Draft) -> None:
    button = made.button
    st.button(
        button.label,
        key=f"fire-{button.key}",
        shortcut=button.key,
        disabled=made.problem is not None,
        help=f"{button.channel}: {plain(made.note)}",
        on_click=doing.fire,
        args=(made,),
    )


def _editor(drafts: Sequence[Draft]) -> None:
    with st.popover("Edit", icon=":material/edit:", help="Edit an event before firing it"):
        by_key = {made.button.key: made for made in drafts}
        st.selectbox(
            "Event",
            list(by_key),
            key=state.EDITED,
            format_func=lambda key: f"{by_key[key].button.channel}: {by_key[key].button.label}",
        )
        made = by_key.get(state.get(state.EDITED))
        if made is None:
            return
        st.text(f"{made.button.type}  {made.subject}")
        written = fields.draw(made)
        st.button(
            "Fire", key="fire-edited", type="primary", on_click=_fire_edited, args=(made, written)
        )


def _fire_edited(made: Draft, written: Row) -> None:
    doing.fire(Draft(made.button, made.subject, written, made.customer_id, made.note))


# --- batch and traffic ----------------------------------------------------------------------------


def _batch(world: World) -> None:
    controls.batch_interval(world, state.INTERVAL, "Batch runs every", _exceptions(world))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="batch"):
        with st.container(width="stretch"):
            st.fragment(_countdown, run_every=frame.every(1.0))()
        st.button("Run now", key="run-batch", on_click=doing.run_batch, shortcut="N")


def _countdown() -> None:
    world = resources.pulse().world()
    upcoming = world.next_run.timestamp()
    parts = [
        text("next ", "quiet") | {"title": "the next run that takes any source system"},
        until(upcoming, "strong"),
        text(" · ", "quiet"),
        until_airline(upcoming),
        text(" airline", "quiet"),
    ]
    if world.batch_busy:
        parts = [text("a batch runs now", "strong")]
    components.line(world.clock, str(frame.zone_of(world)), parts, "countdown")


def _exceptions(world: World) -> str | None:
    """Which source systems have an interval of their own; None: none has."""
    own = [
        f"{tracker.system(source)} every {controls.interval(hours)}"
        for source, hours in world.timetable.exceptions.items()
    ]
    return f"All source systems but {', '.join(own)}: see Settings" if own else None


def _traffic(world: World) -> None:
    state.show(state.TRAFFIC, int(world.traffic))
    state.show(state.REPLAY, world.replay_on)
    st.slider(
        "Background traffic, events/s",
        0,
        MOST_TRAFFIC,
        key=state.TRAFFIC,
        on_change=_control,
        args=("traffic_rate", state.TRAFFIC),
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="day"):
        st.toggle(
            "Replay the day",
            key=state.REPLAY,
            on_change=_control,
            args=("replay_on", state.REPLAY),
            help="Every event of the real day fires when the airline clock reaches it",
        )
        teller.picker()


def _control(name: str, key: str) -> None:
    if state.meant(key):
        resources.database().put(name, state.get(key))
        resources.pulse().forget()
