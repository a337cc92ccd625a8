"""Telling a story: choosing one, and the strip that does its next step, for real."""

from __future__ import annotations

import time
from datetime import timedelta

import streamlit as st

from agent.actions.guard import set_guard
from pipeline.batch.schedule import post_request
from ui import components, doing, frame, questions, resources, state
from ui.console import Situated
from ui.plain import plain
from ui.stories import Story, draft, stories

_PATIENCE_S = 3.0
_TOLD = "story"  # in the record: which story the world is told, and how far


def picker() -> None:
    """The stories, each with what it is about. Telling one starts the day over."""
    with st.popover("Stories"):
        components.quiet("A story starts the day over, for everybody who looks on.")
        for name, story in stories().items():
            st.button(story.title, key=f"story-{name}", on_click=begin, args=(name,))
            components.quiet(plain(story.about))


def begin(name: str) -> None:
    """Start a story: the world as loaded, the clock standing at its hour, its customer."""
    story = stories()[name]
    # Before the clock is set: the replay would catch up with it.
    for name_of_control, quiet in (("replay_on", False), ("traffic_rate", 0)):
        resources.database().put(name_of_control, quiet)
    frame.start_over(story.opens_after, paused=True)
    # Else the run that was due before the story opens could take along what its first step fires.
    post_request(resources.database())
    set_guard(resources.database(), True)
    state.show(state.CUSTOMER, story.customer)
    state.put(state.STORY, name)
    _keep_step(name, 0)
    state.put_question("")
    state.put(state.NOTICE, None)


def _keep_step(name: str, done: int) -> None:
    """How far a story is told, in this session and, as events are for everybody, in the world."""
    state.put(state.STEP, done)
    told = {"story": name, "step": done, "epoch": resources.pulse().world().epoch}
    resources.database().put(_TOLD, told)


def follow_url() -> None:
    """A link may name a story and how far it is told. It fires nothing, and counts once a visit.

    It goes on where the world is: of what this world has not been told it says nothing. What was
    asked last is asked again, as a browser that opens the page anew has no conversation.
    """
    if state.get(state.FOLLOWED):
        return
    state.put(state.FOLLOWED, True)
    name = st.query_params.get(state.STORY)
    if name not in stories() or state.get(state.STORY):
        return
    story = stories()[name]
    state.put(state.STORY, name)
    state.show(state.CUSTOMER, story.customer)
    wanted = str(st.query_params.get(state.STEP) or "0")
    done = min(int(wanted) if wanted.isdigit() else 0, _told(name))
    state.put(state.STEP, done)
    asked = story.asked_by(done)
    if asked:
        state.put_question(asked)
        questions.ask(story.customer, asked)


def _told(name: str) -> int:
    """How many steps of a story this world has been told."""
    told = resources.database().get(_TOLD) or {}
    here = told.get("story") == name and told.get("epoch") == resources.pulse().world().epoch
    return int(told["step"]) if here else 0


def keep_url() -> None:
    """The URL says where the story is."""
    name = state.get(state.STORY)
    if name:
        st.query_params[state.STORY] = name
        st.query_params[state.STEP] = str(state.get(state.STEP))
    else:
        for key in (state.STORY, state.STEP):
            st.query_params.pop(key, None)


def strip(at: Situated) -> None:
    """Where the story is, what comes next, and the button that does it."""
    name = state.get(state.STORY)
    story, done = stories()[name], state.get(state.STEP)
    over = done >= len(story.steps)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="story"):
        st.badge(f"{story.title} {done}/{len(story.steps)}", color="violet")
        st.markdown(plain(_line(story, done)), width="stretch")
        busy = _busy(at)
        if not over:
            st.button(
                "Next",
                key="story-next",
                type="primary",
                shortcut="Right",
                disabled=busy,
                on_click=_do_next,
            )
        st.button("End", key="story-end", type="tertiary", on_click=_end)
    if busy:
        st.fragment(_watch, run_every=0.4)(at)


def _line(story: Story, done: int) -> str:
    """What is told now: of the step that was done, and before the first what it is about."""
    return story.steps[done - 1].say if done else story.about


def _busy(at: Situated) -> bool:
    conversation = state.conversation(at.situation.customer["customer_id"])
    speaking = conversation is not None and not conversation.done
    return speaking or resources.pulse().world().batch_busy or doing.on_its_way()


def _settled() -> bool:
    """Whether what the steps before set off has ended; an event is waited for, it takes no time."""
    deadline = time.monotonic() + _PATIENCE_S
    while doing.on_its_way() and time.monotonic() < deadline:
        time.sleep(0.02)
    resources.pulse().forget()
    at = doing.situated(stories()[state.get(state.STORY)].customer)
    return at is not None and not _busy(at)


def _watch(at: Situated) -> None:
    if not _busy(at):
        st.rerun()


def _do_next() -> None:
    """Do the step that is due now: a quick second click must not do the one that was drawn."""
    state.put(state.MORE, True)
    name, done = state.get(state.STORY), state.get(state.STEP)
    if name is None or done >= len(stories()[name].steps) or not _settled():
        return
    step, customer_id = stories()[name].steps[done], stories()[name].customer
    _keep_step(name, done + 1)
    if step.after:
        passed = timedelta(minutes=step.after)
        frame.change_clock(lambda clock: clock.changed(to=clock.now() + passed))
    if step.ask:
        state.put_question(step.ask)
        questions.ask(customer_id, step.ask)
    elif step.fire:
        at = doing.situated(customer_id)  # the steps before may have changed it
        if at:
            doing.fire(draft(step, at))
    elif step.batch:
        doing.run_batch()
    elif step.guard:
        set_guard(resources.database(), step.guard == "on")


def _end() -> None:
    """Leave the story. It may have switched the guard off, and nobody looks there again."""
    set_guard(resources.database(), True)
    state.put(state.STORY, None)
    state.put(state.MORE, True)
