"""The stage: one question, two answers side by side. They come while everything else goes on."""

from __future__ import annotations

import streamlit as st

from agent.cli import as_of
from pipeline.schema import ARMS
from ui import answer_card, asking, components, console, frame, resources, state
from ui.console import Situated
from ui.plain import plain

_LONGEST = 500  # characters of a question
_QUICK_S = 0.12  # answers within this time are in the very next drawing
_WHILE_SPEAKING_S = 0.2
_ELSE_S = 1.0


def draw(at: Situated) -> None:
    """The question box, what it suggests, and the two cards."""
    _open_with_a_question(at)
    _question(at)
    _suggestions(at)
    speaking = state.get(state.CONVERSATION)
    busy = speaking is not None and not speaking.done
    pace = _WHILE_SPEAKING_S if busy else frame.every(_ELSE_S)
    st.fragment(_cards, run_every=pace)(busy)


def _open_with_a_question(at: Situated) -> None:
    """A session opens with the customer's own question, asked once."""
    if state.get(state.OPENED):
        return
    state.put(state.OPENED, True)
    own = _own_question(at)
    state.put_question(own)
    _ask(at.situation.customer["customer_id"], own)


def _own_question(at: Situated) -> str:
    world = resources.pulse().world()
    customer = at.situation.customer["customer_id"]
    own = {hero["customer_id"]: hero["question"] for hero in world.heroes}
    return own.get(customer) or console.suggestions(at, None, None)[0]


def _question(at: Situated) -> None:
    with (
        st.form("ask", border=False),
        st.container(horizontal=True, vertical_alignment="bottom", gap="small"),
    ):
        st.text_input(
            "Question",
            state.get(state.QUESTION),
            key=state.question_key(),
            max_chars=_LONGEST,
            placeholder="Ask both airlines the same question",
            label_visibility="collapsed",
        )
        st.form_submit_button(
            "Ask both",
            type="primary",
            key="ask-both",
            shortcut="A",
            on_click=_ask_typed,
            args=(at.situation.customer["customer_id"],),
        )


def _suggestions(at: Situated) -> None:
    texts = console.suggestions(at, state.get(state.FIRED_TYPE), _own_question(at))
    st.pills(
        "Suggested questions",
        texts,
        key=state.SUGGESTION,
        format_func=plain,
        label_visibility="collapsed",
        on_change=_ask_suggestion,
        args=(at.situation.customer["customer_id"],),
    )


def _ask_suggestion(customer_id: str) -> None:
    chosen = state.get(state.SUGGESTION)
    if chosen:
        state.put_question(chosen)
        state.put(state.SUGGESTION, None)
        _ask(customer_id, chosen)


def _ask_typed(customer_id: str) -> None:
    typed = str(state.get(state.question_key()) or "").strip()
    if typed:
        state.put(state.QUESTION, typed)
        _ask(customer_id, typed)


def _ask(customer_id: str, question: str) -> None:
    world = resources.pulse().world()
    now = world.clock.now()
    known = as_of(resources.database(), now)
    asked = asking.Question(question, state.sessions(customer_id), now, known, world.events)
    conversation = asking.ask(resources.agents(), asked, resources.warm_up())
    asking.wait(conversation, _QUICK_S)
    state.put(state.CONVERSATION, conversation)


def _cards(was_busy: bool) -> None:
    conversation = state.get(state.CONVERSATION)
    if was_busy and conversation and conversation.done:
        st.rerun()  # back to the calm pace
    world = resources.pulse().world()
    zone = frame.zone_of(world)
    for column, arm in zip(st.columns(2, gap="small"), ARMS, strict=True):
        speaking = conversation.speaking[arm] if conversation else None
        news = _since_asked(conversation)
        with column:
            shown = answer_card.card(arm, world, zone, speaking, news)
            components.answer(world.clock, str(zone), shown, f"answer-{arm}")


def _since_asked(conversation: asking.Conversation | None) -> str:
    """What this session has fired since it asked, in words."""
    fired = state.get(state.FIRED)
    if conversation is None or fired is None or fired <= conversation.question.after:
        return ""
    return answer_card.in_words(state.get(state.FIRED_TYPE) or "raw item")
