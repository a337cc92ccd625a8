"""Dead letters on the page: each with its reason, and a form that repairs and replays it."""

from __future__ import annotations

import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from pipeline import dead_letters, events, freshness
from pipeline.dead_letters import Letter, Proposal
from pipeline.engine import EngineError
from pipeline.events import ContractError
from ui import ages, components, console, frame, resources, state
from ui.components import Parts, since, text
from ui.plain import plain

_EVERY_S = 1.0
_MOST = 50
_SHOWN = 5  # letters in the table; the form can open any
_SNIPPET = 70  # characters of a letter in one line
_TALLEST = 210


def draw() -> None:
    """The letters, and the form of the one that is open."""
    found = dead_letters.letters(resources.database(), _MOST)
    if not found:
        components.nothing_yet(
            "No dead letters. What breaks the event contract lands here, with the reason: at once "
            "by the stream, at its next run by the batch. Send some bytes of a foreign system:"
        )
        st.button("Send something broken", key="send-broken", on_click=_send_broken)
        st.fragment(_watch, run_every=frame.every(_EVERY_S))()
        return
    left, right = st.columns([1.15, 1], gap="small")
    with left:
        st.fragment(_table, run_every=frame.every(_EVERY_S))(len(found))
    with right:
        _form(found)


def _watch() -> None:
    if dead_letters.letters(resources.database(), 1):
        st.rerun()


def _table(known: int) -> None:
    world = resources.pulse().world()
    found = dead_letters.letters(resources.database(), _MOST)
    if len(found) != known:
        st.rerun()  # the form is to offer the new ones
    open_ = sum(one.repaired_by is None for one in found)
    newest = f" · the newest {_SHOWN}" if len(found) > _SHOWN else ""
    columns = (
        ("event", False, False), ("came", True, False), ("reason, and what came", False, False),
        ("found after", True, True), ("now", True, False),
    )  # fmt: skip
    shown = {
        "title": "Dead letters",
        "note": [text(f"{open_} open, {len(found) - open_} repaired{newest}")],
        "columns": [{"label": one, "number": right, "wide": wide} for one, right, wide in columns],
        "rows": [_row(one) for one in found[:_SHOWN]],
    }
    components.table(world.clock, str(frame.zone_of(world)), shown, "dead-letters")


def _row(letter: Letter) -> list[Parts]:
    came = letter.recorded_at or min(letter.found_at.values())
    first = letter.found_at.get("stream")
    by_batch = letter.found_at.get("batch")
    found = [text(f"☀ {ages.wall(first - came)}" if first else "☀ not yet", "dawn")]
    found += [
        text(" · "),
        text(f"☾ {ages.wall(by_batch - came)}" if by_batch else "☾ not yet", "night"),
    ]
    now = f"✓ event {letter.repaired_by}" if letter.repaired_by else "○ open"
    return [
        [text(f"{letter.sequence}")],
        [since(came), text(" ago", "quiet")],
        [text(_short(letter.reason), "strong"), text(f" · {_short(letter.text)}", "quiet")],
        found,
        [text(now, "fresh" if letter.repaired_by else "")],
    ]


def _short(value: str) -> str:
    one_line = " ".join(value.split())
    return one_line if len(one_line) <= _SNIPPET else f"{one_line[:_SNIPPET]}…"


# --- the form -------------------------------------------------------------------------------------


def _form(found: list[Letter]) -> None:
    by_sequence = {str(one.sequence): one for one in found}
    asked = st.query_params.get(state.LETTER)
    state.put(state.LETTER, asked if asked in by_sequence else str(_first(found).sequence))
    with st.container(border=True, key="card-repair", gap="xsmall"):
        st.selectbox(
            "Repair and replay",
            list(by_sequence),
            key=state.LETTER,
            format_func=lambda one: f"{one} · {_short(by_sequence[one].reason)}",
            on_change=lambda: _open(state.get(state.LETTER)),
        )
        letter = by_sequence[state.get(state.LETTER)]
        if letter.repaired_by is None:
            _repair(letter)
        else:
            st.fragment(_became, run_every=frame.every(_EVERY_S))(letter)


def _open(sequence: str) -> None:
    st.query_params[state.LETTER] = sequence


def _first(found: list[Letter]) -> Letter:
    """The letter that is opened: the newest that needs one click, else the newest open one."""
    zone = frame.zone_of(resources.pulse().world())
    open_ = [one for one in found if one.repaired_by is None]
    ready = (one for one in open_ if dead_letters.propose(one, zone).breach is None)
    return next(ready, (open_ or found)[0])


def _repair(letter: Letter) -> None:
    world = resources.pulse().world()
    proposal = dead_letters.propose(letter, frame.zone_of(world))
    above = st.container()
    key = f"{state.REPAIR}-{world.epoch}-{letter.sequence}"
    written = st.text_area(
        "The event, as it will be fired", proposal.text, key=key, height=_height(proposal.text)
    )
    breach = _breach(written)
    with above:
        _say(proposal, written, breach)
        st.button(
            "Repair and replay",
            key="repair-and-replay",
            type="primary",
            icon=":material/replay:",
            disabled=breach is not None,
            on_click=_replay,
            args=(letter.sequence, written),
        )
    with st.expander("As it came"):
        st.code(letter.text or "(nothing)", language=None, wrap_lines=True)


def _height(content: str) -> int:
    return min(_TALLEST, 60 + 22 * content.count("\n"))


def _breach(written: str) -> str | None:
    try:
        events.parse(written)
    except ContractError as breach:
        return str(breach)
    return None


def _say(proposal: Proposal, written: str, breach: str | None) -> None:
    if breach is not None:
        st.markdown(f":yellow[◷ **Still to mend:** {plain(breach)}]")
    elif written == proposal.text and proposal.changes:
        st.markdown(f":green[✓ **Put right:** {plain('; '.join(proposal.changes))}]")
    else:
        st.markdown(":green[✓ **Meets the contract.**]")


def _replay(sequence: int, written: str) -> None:
    try:
        recorded = dead_letters.repair(resources.door(), sequence, written)
    except ContractError as breach:
        state.notify(f"Refused, nothing was changed: {breach.field}: {breach.reason}")
        return
    except (EngineError, SQLAlchemyError) as failed:
        state.notify(f"Not fired: {failed}")
        return
    _open(str(sequence))  # stay with it, and see what becomes of it
    resources.pulse().forget()
    state.notify(f"Letter {sequence} is repaired: event {recorded.sequence} is on its way.")


def _became(letter: Letter) -> None:
    world = resources.pulse().world()
    journey = freshness.journey(resources.database(), letter.repaired_by or 0)
    if journey is None:
        return
    event = journey["event"]
    parts = [
        text("✓ Repaired. ", "fresh"),
        text(f"It became event {event['sequence']}, "),
        text(f"{event['type']} of {event['subject']}", "strong"),
        text(". "),
        *_heard("Enlightened", journey["stream"], event),
        text("; "),
        *_heard("Benighted", journey["batch"], event),
        text("."),
    ]
    components.line(world.clock, str(frame.zone_of(world)), parts, "repaired")
    st.page_link(
        "pages/2_Follow_an_event.py",
        label="Follow it",
        icon=":material/arrow_forward:",
        query_params={state.EVENT: event["event_id"]},
    )


def _heard(who: str, progress: dict[str, float] | None, event: dict[str, float]) -> Parts:
    if progress is None:
        return [text(f"{who} has not heard of it, for "), since(event["recorded_at"], "strong")]
    took = progress["searchable_at"] - event["recorded_at"]
    return [text(f"{who} could find it after "), text(ages.wall(took), "strong")]


def _send_broken() -> None:
    """Fire what partners' systems really send; the raw texts of the event console."""
    try:
        for body in console.raw_texts():
            resources.door().fire_raw(body.encode())
    except (EngineError, SQLAlchemyError) as failed:
        state.notify(f"Not sent: {failed}")
