"""What they knew: a moment, the record of then beside both airlines, and both asked again."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st
from sqlalchemy import select

from agent.hindsight import Hindsight
from agent.session import sessions
from agent.support import AgentSettings
from agent.vectors import question_vectors
from pipeline import control, past, schema
from pipeline.schema import ARMS, Database
from pipeline.settings import settings
from pipeline.store import Forgotten
from ui import (
    ages,
    answer_card,
    asking,
    components,
    frame,
    knowledge,
    rail,
    resources,
    state,
    timeline,
)
from ui.components import Parts, airline_time, text
from ui.follow import feed_row
from ui.pulse import World

Row = dict[str, Any]
_EVERY_S = 2.0
_WAIT_S = 1.5  # the built-in model answers within this time
_SPEAKING_S = 0.25
_MOST_STOPS = 9
_LONGEST = 500
_ASK = "Is my flight still on time?"


# --- who and when ---------------------------------------------------------------------------------


def choose() -> str | None:
    """The customer of the rail, and in the rail what this page is for."""
    world = resources.pulse().world()
    with st.sidebar, st.container(key="rail"):
        found = rail.customer(world)
        components.quiet(
            "Go back to any moment since the day began: what each agent knew of this customer "
            "then, beside the record of then. Both are asked again with just that knowledge."
        )
        if found:
            st.fragment(_stops, run_every=frame.every(_EVERY_S))(found)
    return found


def _stops(customer_id: str) -> None:
    """Moments worth going to: just after each of the customer's newest events."""
    events = past.events_of(resources.database(), customer_id)[: -_MOST_STOPS - 1 : -1]
    if not events:
        components.quiet(
            "Nothing has happened to this customer yet: fire an event on the Live page."
        )
        return
    components.quiet("**Right after…**")
    world = resources.pulse().world()
    zone = frame.zone_of(world)
    rows = [feed_row(one, world, zone, None) for one in events]
    chosen = components.feed(world.clock, str(zone), rows, "stops")
    if chosen:
        after = next(one for one in events if one["event_id"] == chosen)
        _go(max(after["recorded_at"], after["stream_at"] or 0.0) + 0.001)


def moment_of(asked: str | None, began: float, now: float) -> float | None:
    """The wall time that a URL asks for, within this day; None: now, or no time at all."""
    try:
        wall = float(asked or "")
    except ValueError:
        return None
    return max(began, wall) if wall < now else None


def _go(wall: float | None) -> None:
    if wall is None:
        st.query_params.pop(state.AT, None)
    else:
        st.query_params[state.AT] = f"{wall:.3f}"
    st.rerun()


# --- the page -------------------------------------------------------------------------------------


def draw(customer_id: str) -> None:
    """Timeline, what everybody knew, and both agents asked again."""
    began = past.began_at(resources.database())
    asked = st.query_params.get(state.AT)
    at = moment_of(asked, began, time.time())
    if asked and at is None:
        st.query_params.pop(state.AT, None)
    st.fragment(_timeline, run_every=frame.every(_EVERY_S))(customer_id, at)
    if at is None:
        st.fragment(_now, run_every=frame.every(_EVERY_S))(customer_id)
        return
    try:
        then = resources.hindsight(at, customer_id)
    except Forgotten:
        st.warning(
            "The stores do not keep versions that old any more: the newest few thousand are kept. "
            "Choose a later moment."
        )
        return
    view = View.of(then, resources.pulse().world())
    _ask_again(then, view)
    view.draw_matrix("matrix-then")


def _timeline(customer_id: str, at: float | None) -> None:
    database, world = resources.database(), resources.pulse().world()
    zone = frame.zone_of(world)
    shown = timeline.timeline(
        (past.began_at(database), time.time()),
        at,
        past.events_of(database, customer_id),
        _runs(database),
        control.clocks(database),
        zone,
    )
    with st.container(gap="xxsmall"):
        chosen = components.timeline(world.clock, str(zone), shown, "timeline")
    if chosen:
        _go(chosen)


def _runs(database: Database) -> list[Row]:
    runs = schema.batch_runs.c
    ended = runs.searchable_at.is_not(None)
    return database.rows(select(runs.run_id, runs.searchable_at, runs.counts).where(ended))


def _now(customer_id: str) -> None:
    """The present, as it goes on."""
    database = resources.database()
    then = Hindsight.of(
        database, resources.stores(), past.moment(database, time.time()), customer_id
    )
    View.of(then, resources.pulse().world()).draw_matrix("matrix-now")


@dataclass(frozen=True)
class View:
    """What is shown of a moment."""

    then: Hindsight
    world: World  # as it was
    zone: ZoneInfo

    @classmethod
    def of(cls, then: Hindsight, world: World) -> View:
        """The view of a moment; `world` is the one of now."""
        zone = frame.zone_of(world)
        return cls(then, world_at(then.moment, world), zone)

    def draw_matrix(self, key: str) -> None:
        """The record of then beside what both airlines knew."""
        shown = knowledge.shown(self.then, self._notes())
        components.matrix(
            self.world.clock, str(self.zone), shown, key, stopped=self.then.moment.wall
        )

    def _notes(self) -> dict[str, Parts]:
        arms, now = self.then.moment.arms, self.then.moment.airline
        as_of = arms["batch"].as_of
        late = ages.airline((now - as_of).total_seconds())
        return {
            "record": [text("as of "), airline_time(ages.clock(now, self.zone))],
            "batch": [
                text("as of "),
                airline_time(ages.clock(as_of, self.zone)),
                text(f" · {late} airline time, {ages.wall(arms['batch'].staleness_s)} behind"),
            ],
            "stream": [text(f"{ages.wall(arms['stream'].staleness_s)} behind")],
        }


def world_at(then: past.Moment, world: World) -> World:
    """The world as the answer cards need it, as it was at a moment."""
    return replace(
        world,
        clock=then.clock,
        batch_as_of=then.arms["batch"].as_of,
        next_run=world.timetable.next_run(then.airline),
        batch_busy=False,
        contacts={},
        batch_s=then.arms["batch"].staleness_s,
        batch_waiting=then.arms["batch"].waiting,
        stream_s=then.arms["stream"].staleness_s,
        latency_s=then.arms["stream"].latency_s,
    )


# --- asked again ----------------------------------------------------------------------------------


def _ask_again(then: Hindsight, view: View) -> None:
    """One question, put to both agents as they were."""
    with (
        st.form("ask-then", border=False),
        st.container(horizontal=True, vertical_alignment="bottom", gap="small"),
    ):
        own = _own_question(then.customer_id)
        question = st.text_input(
            "Question",
            st.query_params.get(state.QUESTION, own),
            key=f"{state.ASKED_THEN}-{then.customer_id}",
            max_chars=_LONGEST,
            label_visibility="collapsed",
        )
        st.form_submit_button("Ask them then", type="primary", key="ask-then-both")
    if question != own:
        st.query_params[state.QUESTION] = question
    conversation = _conversation(then, question.strip() or own)
    st.fragment(_cards, run_every=None if conversation.done else _SPEAKING_S)(conversation, view)


def _own_question(customer_id: str) -> str:
    heroes = resources.pulse().world().heroes
    own = {hero["customer_id"]: hero["question"] for hero in heroes}
    return own.get(customer_id, _ASK)


def _conversation(then: Hindsight, question: str) -> asking.Conversation:
    """The answers to this question at this moment: asked once, kept while nothing changes."""
    of = (then.customer_id, then.moment.wall, question)
    kept = state.get(state.HINDSIGHT)
    if kept and kept[0] == of:
        conversation: asking.Conversation = kept[1]
        return conversation
    chosen = settings()
    shape = AgentSettings(model=chosen.agent_model, home_zone=chosen.home_zone)
    asked = asking.Question(
        question,
        sessions(then.customer_id),
        then.moment.airline,
        {arm: known.as_of for arm, known in then.moment.arms.items()},
        then.moment.sequence,
    )
    agents = then.agents(question_vectors(chosen.embedder), shape)
    made = asking.ask(agents, asked, resources.warm_up())
    asking.wait(made, _WAIT_S)
    state.put(state.HINDSIGHT, (of, made))
    return made


def _cards(conversation: asking.Conversation, view: View) -> None:
    for column, arm in zip(st.columns(2, gap="small"), ARMS, strict=True):
        with column:
            shown = answer_card.card(arm, view.world, view.zone, conversation.speaking[arm])
            components.answer(
                view.world.clock,
                str(view.zone),
                shown | {"behind": False},
                f"then-{arm}",
                stopped=view.then.moment.wall,
            )
