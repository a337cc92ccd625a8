"""Follow an event: found by search or in the feed, then its way, what it changed, what it says."""

from __future__ import annotations

from typing import Any, cast

import streamlit as st

from pipeline import freshness, ledger
from pipeline.clock import from_rfc3339
from pipeline.documents import Document, documents
from pipeline.record import event_of
from pipeline.schema import ARMS, Arm
from pipeline.store import Forgotten
from ui import ages, components, differences, frame, resources, state, tracker
from ui.components import Parts, airline_time, since, text, until, until_airline
from ui.differences import Cell, cell
from ui.plain import plain
from ui.pulse import World

Row = dict[str, Any]
_MOST = 40  # events in the feed
_FEED_EVERY_S = 1.0
_WAY_EVERY_S = 0.5
_LONGEST_BODY = 4_000  # characters of a raw item that are shown
_NO_DOCUMENT = "There is no document of it."


# --- which event ----------------------------------------------------------------------------------


def choose() -> Row | None:
    """Search and feed in the rail; returns the outbox row of the event in the URL.

    Without one it is this session's last event, else the newest of all.
    """
    with st.sidebar, st.container(key="rail"):
        st.text_input(
            "Find an event",
            key=state.SEARCH,
            placeholder="id, type, subject, customer or words of it",
            icon=":material/search:",
        )
        st.fragment(_feed, run_every=frame.every(_FEED_EVERY_S))()
    asked = st.query_params.get(state.EVENT)
    database = resources.database()
    sequence = freshness.sequence_of(database, asked) if asked else _default()
    if asked and sequence is None:
        st.warning(f"The record has no event {plain(asked)}: a reset begins another day. "
                   "Choose one on the left.")  # fmt: skip
        sequence = _default()
    journey = freshness.journey(database, sequence) if sequence else None
    if journey is None:
        return None
    if not asked:
        st.query_params[state.EVENT] = journey["event"]["event_id"]
    return cast("Row", journey["event"])


def _default() -> int | None:
    newest = freshness.feed(resources.database(), limit=1)
    return state.get(state.FIRED) or (newest[0]["sequence"] if newest else None)


def _feed() -> None:
    world = resources.pulse().world()
    search = (state.get(state.SEARCH) or "").strip()
    rows = freshness.feed(resources.database(), _MOST, search)
    if not rows:
        components.quiet(
            f"No event has all of these words: {plain(search)}."
            if search
            else "Nothing has happened yet. Fire an event on the Live page."
        )
        return
    followed = st.query_params.get(state.EVENT)
    shown = [feed_row(row, world, frame.zone_of(world), followed) for row in rows]
    chosen = components.feed(world.clock, str(frame.zone_of(world)), shown, "feed")
    if chosen and chosen != followed:
        st.query_params[state.EVENT] = chosen
        st.rerun()


def feed_row(row: Row, world: World, zone: Any, followed: str | None) -> Row:
    """One event of the feed: what, whom, when, and what each airline knows of it."""
    subject = row["subject"] if row["type"] != "raw" else "bytes that are no event"
    return {
        "id": row["event_id"],
        "kind": tracker.kind_of(row),
        "when": [airline_time(ages.clock(from_rfc3339(row["occurred_at"]), zone))],
        "whom": f"{row['name']} · {subject}" if row["name"] else subject,
        "chosen": row["event_id"] == followed,
        "stream": [text("☀ "), *_knows(row, "stream", world)],
        "batch": [text("☾ "), *_knows(row, "batch", world)],
    }


def _knows(row: Row, arm: Arm, world: World) -> Parts:
    if row[f"{arm}_at"]:
        mark = "✕" if row[f"{arm}_outcome"] == ledger.DEAD_LETTER else "✓"
        return [text(f"{mark} {ages.wall(row[f'{arm}_at'] - row['recorded_at'])}")]
    if arm == "stream":
        return [text("on its way")]
    return [until(world.next_run_of(row["source"]).timestamp())]


def nothing_yet() -> None:
    """What there will be to see, and how to get it."""
    world = resources.pulse().world()
    components.tracker(world.clock, str(frame.zone_of(world)), tracker.untold(), "tracker-big")
    st.info(
        "Nothing has happened yet. Fire an event on the Live page, or let the clock run: every "
        "event comes up on the left, and here you see its way through both airlines."
    )
    st.page_link("app.py", label="Fire one on the Live page", icon=":material/arrow_back:")


# --- the event ------------------------------------------------------------------------------------


def draw(event: Row) -> None:
    """The event's head, its way, what both airlines made of it, and the event itself."""
    _head(event)
    st.fragment(_way, run_every=frame.every(_WAY_EVERY_S))(event["sequence"])
    st.fragment(_outcome, run_every=frame.every(_FEED_EVERY_S))(event["sequence"])
    _payload(event)


def _head(event: Row) -> None:
    world = resources.pulse().world()
    zone = frame.zone_of(world)
    parts = [
        text(tracker.kind_of(event), "strong"),
        text(f" {event['subject']} · " if event["type"] != "raw" else " · "),
        airline_time(ages.clock(from_rfc3339(event["occurred_at"]), zone)),
        text(" airline time · fired "),
        since(event["recorded_at"], "strong"),
        text(" ago"),
    ]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch"):
            components.line(world.clock, str(zone), parts, "event-head")
        if event["customer_id"]:
            st.page_link(
                "pages/4_What_they_knew.py",
                label="What they knew then",
                icon=":material/history:",
                query_params={
                    state.CUSTOMER: event["customer_id"],
                    state.AT: f"{event['recorded_at']:.3f}",
                },
            )


def _journey(sequence: int) -> Row:
    found = freshness.journey(resources.database(), sequence)
    if found is None:
        st.rerun()  # the day was started over
    return found


def _way(sequence: int) -> None:
    world, journey = resources.pulse().world(), _journey(sequence)
    run = freshness.run_of(resources.database(), journey)
    shown = tracker.detailed(journey, run, world)
    components.tracker(world.clock, str(frame.zone_of(world)), shown, "tracker-big")


def _outcome(sequence: int) -> None:
    """The matrix: what the record and both airlines said before it, and say since."""
    world, journey = resources.pulse().world(), _journey(sequence)
    event, run = journey["event"], freshness.run_of(resources.database(), journey)
    if event["type"] == "raw":
        letters = freshness.dead_letters(resources.database(), sequence)
        shown = thrown_out(event, letters, run, world)
    elif not event["after"]:
        st.info(
            "This event came late: the record knew something newer of it already, so it was kept "
            "and nothing changed. No document was made of it in either airline."
        )
        return
    else:
        before, after = made_of(event, "before"), made_of(event, "after")
        doc_id = (after or before)[0].doc_id
        known = {
            arm: _known(
                arm, doc_id, event["recorded_at"], (journey[arm] or {}).get("searchable_at")
            )
            for arm in ARMS
        }
        shown = before_and_after(journey, (before, after), known, (run, world))
    components.matrix(world.clock, str(frame.zone_of(world)), shown, "outcome")


def made_of(event: Row, side: str) -> list[Document]:
    """The documents of an event's images, `before` or `after`, as both arms make them."""
    return [
        document
        for image in event[side]
        for document in documents(
            image, version=event["sequence"], occurred_at=event["occurred_at"]
        )
    ]


@st.cache_data(ttl=3, max_entries=200, show_spinner=False)
def _known(
    arm: Arm, doc_id: str, recorded_at: float, searchable_at: float | None
) -> tuple[Document | None, Document | None, bool]:
    """What an arm's table had when the event was recorded and once it had it; the last: forgot."""
    database, store = resources.database(), resources.stores()[arm]

    def at(wall: float) -> Document | None:
        version = ledger.version_at(database, arm, wall)
        held = store if version is None else store.at(version)
        return held.read([doc_id]).get(doc_id)

    try:
        before = at(recorded_at)
        return before, at(searchable_at) if searchable_at else before, False
    except Forgotten:
        return None, store.read([doc_id]).get(doc_id), True


def before_and_after(
    journey: Row,
    record: tuple[list[Document], list[Document]],
    known: dict[Arm, tuple[Document | None, Document | None, bool]],
    when: tuple[Row | None, World],
) -> Row:
    """The matrix of an event that changed something.

    Args:
        record: documents of its before-image and of its after-image.
        known: arm -> (document when it was fired, document since, whether the first is forgotten).
        when: the batch run that has taken it, if any, and the world now.
    """
    was, now = (one[0] if one else None for one in record)
    cells = [_both(was, now, "It was not there before.")]
    notes: dict[str, Parts] = {"record": [text(_facts(was, now))]}
    for arm in ARMS:
        before, after, forgotten = known[arm]
        unknown = "That version is no longer kept." if forgotten else "It had not heard of it."
        had = _both(before, after, unknown)
        progress = journey[arm]
        if not progress:
            status, spans = differences.against(now, after)
            had = had[0], cell(spans or _NO_DOCUMENT, status, quiet=not spans)
            notes[arm] = _waiting(arm, journey["event"], *when)
        else:
            had[1].update(cell(had[1]["spans"], "current"))
            took = ages.wall(progress["searchable_at"] - journey["event"]["recorded_at"])
            notes[arm] = [text(f"{took} later")]
        cells.append(had)
    rows = (
        ("When it was fired", [one[0] for one in cells]),
        ("Since then", [one[1] for one in cells]),
    )
    return {
        "columns": differences.columns(notes),
        "rows": [{"title": [text(title)], "cells": both} for title, both in rows],
    }


def _both(before: Document | None, after: Document | None, absent: str) -> tuple[Cell, Cell]:
    if before is None:
        first = cell(absent, quiet=True)
        return first, cell(after.text) if after else cell(_NO_DOCUMENT, quiet=True)
    if after is None:
        return cell(before.text), cell(_NO_DOCUMENT, quiet=True)
    gone, new = differences.marked(before.text, after.text)
    return cell(gone), cell(new)


def _facts(before: Document | None, after: Document | None) -> str:
    if before is None or after is None:
        return "new"
    changed = differences.changed_facts(before.facts, after.facts)
    return f"changed: {', '.join(name.replace('_', ' ') for name, _, _ in changed)}"


def _waiting(arm: Arm, event: Row, run: Row | None, world: World) -> Parts:
    if arm == "stream" or run:
        return [text("on its way", "late")]
    due = world.next_run_of(event["source"]).timestamp()
    return [text("knows "), until(due, "late"), text(" · "), until_airline(due), text(" airline")]


def thrown_out(event: Row, letters: dict[str, Row], run: Row | None, world: World) -> Row:
    """The matrix of a raw item that is no event: who found out, when, and why."""
    kept = cell("Nothing was changed. The bytes are kept, verbatim, in the outbox.")
    cells = [kept]
    notes: dict[str, Parts] = {"record": [text("as it came")]}
    for arm in ARMS:
        letter = letters.get(arm)
        if letter is None:
            cells.append(cell("It has not looked at it yet.", quiet=True))
            notes[arm] = _waiting(arm, event, run, world)
            continue
        where = {
            "stream": "In the dead-letter topic, with the reason in a header: ",
            "batch": "Among the rejects of silver, found by the batch run: ",
        }[arm]
        cells.append(cell([{"text": where}, {"text": letter["reason"], "mark": "new"}]))
        notes[arm] = [text(f"{ages.wall(letter['found_at'] - event['recorded_at'])} later")]
    return {
        "columns": differences.columns(notes),
        "rows": [{"title": [text("What became of it")], "cells": cells}],
    }


def _payload(event: Row) -> None:
    left, right = st.columns(2, gap="small")
    with left, st.expander("The event, as it was sent", expanded=event["type"] == "raw"):
        if event["type"] == "raw":
            st.text(event_of(event)["raw"][:_LONGEST_BODY])
        else:
            st.json(event_of(event))
    with right, st.expander("Its images, as change data capture ships them"):
        if not event["after"]:
            st.text("None: it changed nothing.")
            return
        for side in ("before", "after"):
            components.quiet(f"{side.capitalize()} it")
            st.json(event[side][0]["row"] if event[side] else {})
