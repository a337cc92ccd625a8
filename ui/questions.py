"""The question box, what it suggests, and the asking itself."""

from __future__ import annotations

import streamlit as st

from agent.cli import as_of
from ui import asking, console, resources, state
from ui.console import Situated
from ui.plain import plain

YES, NO = "Yes, please do it", "No, thank you"
_LONGEST = 500  # characters of a question
_QUICK_S = 0.12  # answers within this time are in the very next drawing


def open_with_one(at: Situated) -> None:
    """A visitor's first look at a customer comes with a question: the URL's, else their own."""
    customer_id = at.situation.customer["customer_id"]
    if state.conversation(customer_id) or state.get(state.STORY):
        return
    wanted = str(st.query_params.get(state.QUESTION) or "")[:_LONGEST] or own(at)
    state.put_question(wanted)
    ask(customer_id, wanted)


def own(at: Situated) -> str:
    """The question that this customer came with."""
    world = resources.pulse().world()
    customer = at.situation.customer["customer_id"]
    heroes = {hero["customer_id"]: hero["question"] for hero in world.heroes}
    return heroes.get(customer) or console.suggestions(at, None, None)[0]


def box(at: Situated) -> None:
    """The one question box of both airlines."""
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


def suggestions(at: Situated) -> None:
    """Chips: what fits this customer now. Where an agent waits for a yes, that comes first."""
    customer_id = at.situation.customer["customer_id"]
    waits = any(one.pending for one in state.sessions(customer_id).values())
    texts = console.suggestions(at, state.get(state.FIRED_TYPE), own(at))
    st.pills(
        "Suggested questions",
        [YES, NO, *texts[:-2]] if waits else texts,
        key=state.SUGGESTION,
        format_func=plain,
        label_visibility="collapsed",
        on_change=_ask_suggestion,
        args=(customer_id,),
    )


def ask(customer_id: str, question: str) -> None:
    """Put a question to both agents; the cards show what comes."""
    world = resources.pulse().world()
    now = world.clock.now()
    known = as_of(resources.database(), now)
    asked = asking.Question(question, state.sessions(customer_id), now, known, world.events)
    conversation = asking.ask(resources.agents(), asked, resources.warm_up())
    asking.wait(conversation, _QUICK_S)
    state.keep_conversation(customer_id, conversation)


def _ask_suggestion(customer_id: str) -> None:
    chosen = state.get(state.SUGGESTION)
    if chosen:
        state.put_question(chosen)
        state.put(state.SUGGESTION, None)
        ask(customer_id, chosen)


def _ask_typed(customer_id: str) -> None:
    typed = str(state.get(state.question_key()) or "").strip()
    if typed:
        state.put(state.QUESTION, typed)
        ask(customer_id, typed)
