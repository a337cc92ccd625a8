"""The stage: one question, two answers side by side. They come while everything else goes on."""

from __future__ import annotations

from functools import partial

import streamlit as st

from pipeline import freshness
from pipeline.schema import ARMS, Arm
from ui import (
    answer_card,
    asking,
    behind,
    components,
    frame,
    questions,
    resources,
    since,
    state,
    teller,
)
from ui.console import Situated

_WHILE_SPEAKING_S = 0.15
_ELSE_S = 1.0


def draw(at: Situated) -> None:
    """The question box, what it suggests or what the story says next, and the two cards."""
    questions.open_with_one(at)
    arm = state.get(state.BEHIND)
    state.put(state.BEHIND, None)  # before the cards, which else ask for this run again, for ever
    st.fragment(_asking)(at)
    speaking = _conversation(at)
    if arm and speaking:
        behind.dialog(speaking, arm)


def _asking(at: Situated) -> None:
    """What a question changes: drawn alone when one is asked, and with the page else."""
    if state.get(state.MORE):
        state.put(state.MORE, False)
        st.rerun()
    questions.keep_url(at.situation.customer["customer_id"])
    speaking = _conversation(at)
    busy = speaking is not None and not speaking.done
    with st.container(key="asking"):
        questions.box(at)
        with st.container(gap=None):  # always one, or the cards beneath would be made anew
            if state.get(state.STORY):
                teller.strip(at)
            else:
                questions.suggestions(at)
        pace = _WHILE_SPEAKING_S if busy else frame.every(_ELSE_S)
        st.fragment(_cards, run_every=pace)(at, busy)


def _conversation(at: Situated) -> asking.Conversation | None:
    found: asking.Conversation | None = state.conversation(at.situation.customer["customer_id"])
    return found


def _cards(at: Situated, was_busy: bool) -> None:
    conversation = _conversation(at)
    if state.get(state.BEHIND) or (was_busy and conversation and conversation.done):
        st.rerun()  # to look behind an answer, or back to the calm pace
    world = resources.pulse().world()
    zone = frame.zone_of(world)
    fired = _fired_since(conversation)
    for column, arm in zip(st.columns(2, gap="small"), ARMS, strict=True):
        speaking = conversation.speaking[arm] if conversation else None
        words, heard = fired[arm]
        news = answer_card.News(words, heard, _changed_since(conversation, arm))
        with column:
            shown = answer_card.card(arm, world, zone, speaking, news)
            components.answer(
                world.clock, str(zone), shown, f"answer-{arm}", partial(_look_behind, arm)
            )
    if conversation:
        conversation.begin()  # now that the cards show that they were asked


def _look_behind(arm: Arm) -> None:
    state.put(state.BEHIND, arm)


def _fired_since(conversation: asking.Conversation | None) -> dict[Arm, tuple[str, bool]]:
    """Arm -> what this session has fired since it asked, in words, and whether it has heard."""
    fired = state.get(state.FIRED)
    if conversation is None or fired is None or fired <= conversation.question.after:
        return dict.fromkeys(ARMS, ("", False))
    journey = freshness.journey(resources.database(), fired) or {}
    words = answer_card.in_words(state.get(state.FIRED_TYPE) or "raw item")
    return {arm: (words, bool(journey.get(arm))) for arm in ARMS}


def _changed_since(conversation: asking.Conversation | None, arm: Arm) -> list[since.Change]:
    """What this airline has learned since it was asked about what its answer rests on."""
    answer = conversation.speaking[arm].answer if conversation else None
    if conversation is None or answer is None:
        return []
    customer_id = conversation.question.sessions[arm].customer_id
    return since.changes(answer, resources.agents()[arm].as_known_now(answer, customer_id))
