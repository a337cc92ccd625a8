"""The question box, what it suggests, and the asking itself."""

from __future__ import annotations

import csv
from functools import cache

import streamlit as st

from agent.cli import as_of
from agent.pictures import Picture
from pipeline.settings import ROOT
from ui import asking, components, console, resources, state
from ui.console import Situated
from ui.plain import plain

YES, NO = "Yes, please do it", "No, thank you"
SAMPLES = ROOT / "data" / "samples"
_MOST_MB = 10
_LONGEST = 500  # characters of a question


def open_with_one(at: Situated) -> None:
    """A visitor's first look at a customer comes with a question: the URL's, else their own."""
    customer_id = at.situation.customer["customer_id"]
    if state.conversation(customer_id) or state.get(state.STORY):
        return
    wanted = str(st.query_params.get(state.QUESTION) or "")[:_LONGEST] or own(at)
    state.put_question(wanted)
    ask(customer_id, wanted)


def keep_url(customer_id: str) -> None:
    """The URL says what was asked last, so that a link or a reload asks it again."""
    kept = state.conversation(customer_id)
    text = kept.question.text if kept else ""
    if text and not state.get(state.STORY):
        st.query_params[state.QUESTION] = text
    else:
        st.query_params.pop(state.QUESTION, None)


def own(at: Situated) -> str:
    """The question that this customer came with."""
    world = resources.pulse().world()
    customer = at.situation.customer["customer_id"]
    heroes = {hero["customer_id"]: hero["question"] for hero in world.heroes}
    return heroes.get(customer) or console.suggestions(at, None, None)[0]


def box(at: Situated) -> None:
    """The one question box of both airlines."""
    with st.container(
        horizontal=True, vertical_alignment="bottom", gap="small", key="question-row"
    ):
        _form(at)
        _picture(at)


def _form(at: Situated) -> None:
    with (
        st.form("ask", border=False, width="stretch"),
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


def _picture(at: Situated) -> None:
    """A boarding pass or a bag tag in place of words: from a file, the camera, or a sample."""
    customer_id = at.situation.customer["customer_id"]
    with st.popover("Photo", help="Show a boarding pass or a bag tag"):
        for key, widget in ((state.UPLOAD, _uploader), (state.CAMERA, _camera)):
            widget(key, customer_id)
        mine = [one for one in _samples() if one["customer_id"] == customer_id]
        if mine:
            components.quiet("Or one of the made-up pictures:")
        for one in mine:
            st.button(
                plain(one["about"]),
                key=f"sample-{one['file']}",
                on_click=_show_sample,
                args=(customer_id, one["file"]),
            )


def _uploader(key: str, customer_id: str) -> None:
    st.file_uploader(
        "A picture of a boarding pass or a bag tag",
        type=["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "avif"],
        key=key,
        max_upload_size=_MOST_MB,
        on_change=_show_taken,
        args=(key, customer_id),
    )


def _camera(key: str, customer_id: str) -> None:
    # Drawn only when asked for: the browser asks for leave to use the camera at once.
    if st.toggle("Use the camera", key=f"{key}-on"):
        st.camera_input("Camera", key=key, on_change=_show_taken, args=(key, customer_id))


def _show_taken(key: str, customer_id: str) -> None:
    taken = state.get(key)
    if taken is not None:
        ask(customer_id, "", Picture(taken.getvalue()))


def _show_sample(customer_id: str, file: str) -> None:
    ask(customer_id, "", Picture((SAMPLES / file).read_bytes()))


@cache
def _samples() -> list[dict[str, str]]:
    with (SAMPLES / "samples.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def suggestions(at: Situated) -> None:
    """Chips: what fits this customer now. Where an agent waits for a yes, that comes first."""
    customer_id = at.situation.customer["customer_id"]
    waits = any(one.pending for one in state.sessions(customer_id).values())
    texts = console.suggestions(at, state.get(state.FIRED_TYPE), own(at))
    # Buttons and no pills: a pill stays chosen until the browser hears that it is not, and with
    # each live part that asks to be drawn in between it would ask its question again.
    with st.container(horizontal=True, gap="xxsmall", key="suggestions"):
        for text in [YES, NO, *texts[:-2]] if waits else texts:
            st.button(
                plain(text),
                key=f"{state.SUGGESTION}-{text}",
                on_click=_ask_suggestion,
                args=(customer_id, text),
            )


def ask(customer_id: str, question: str, picture: Picture | None = None) -> None:
    """Put a question, a picture, or both to both agents.

    They begin once the cards show that they were asked: first the page, then its server's work.
    """
    world = resources.pulse().world()
    now = world.clock.now()
    known = as_of(resources.database(), now)
    asked = asking.Question(
        question, state.sessions(customer_id), now, known, world.events, picture
    )
    conversation = asking.ask(resources.agents(), asked, resources.warm_up())
    state.keep_conversation(customer_id, conversation)


def _ask_suggestion(customer_id: str, text: str) -> None:
    state.put_question(text)
    ask(customer_id, text)


def _ask_typed(customer_id: str) -> None:
    typed = str(state.get(state.question_key()) or "").strip()
    if typed:
        state.put(state.QUESTION, typed)
        ask(customer_id, typed)
