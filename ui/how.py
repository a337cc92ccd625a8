"""The page How it works: both architectures with live counts, the source of each step, costs."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import streamlit as st

from agent.actions import guard, stopped
from pipeline import counters, freshness
from pipeline.schema import ARMS
from pipeline.settings import ROOT, settings
from ui import architecture, components, frame, measured, readings, resources, state
from ui.excerpts import excerpt
from ui.plain import plain

FILE = ROOT / "data" / "how.toml"
_EVERY_S = 1.0
_SLOW_S = 3.0
Row = dict[str, Any]


def draw() -> None:
    """The part that is chosen."""
    part = st.segmented_control(
        "Part",
        list(PARTS),
        default=next(iter(PARTS)),
        required=True,
        key=state.PART,
        bind="query-params",
        label_visibility="collapsed",
        width="stretch",
    )
    PARTS[part or next(iter(PARTS))]()


@cache
def _texts() -> dict[str, list[Row]]:
    texts: dict[str, list[Row]] = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return texts


def steps() -> dict[str, Row]:
    """The steps of both pipelines by id, in the order in which an event meets them."""
    return {one["id"]: one for one in _texts()["step"]}


# --- two ways -------------------------------------------------------------------------------------


def _two_ways() -> None:
    known = steps()
    st.fragment(_diagram, run_every=frame.every(_EVERY_S))()
    chosen = st.pills(
        "Step",
        list(known),
        default=next(iter(known)),
        required=True,
        key=state.SOURCE,
        bind="query-params",
        format_func=lambda one: str(known[one]["title"]),
        label_visibility="collapsed",
    )
    step = known[chosen or next(iter(known))]
    st.markdown(f"**{step['title']}.** {step['says']}")
    for column, arm in zip(st.columns(2, gap="small"), reversed(ARMS), strict=True):
        with column:
            name = ":orange[☀ Enlightened]" if arm == "stream" else ":blue[☾ Benighted]"
            said = step[arm].format(table_stream="context_stream", table_batch="context_batch")
            st.markdown(f"**{name}** {said}")
            for reference in step[f"{arm}_at"]:
                _source(reference)


def _diagram() -> None:
    world = resources.pulse().world()
    tables = readings.tables(world.epoch)
    counts = architecture.counts(readings.counted(world.epoch), world, tables)
    step = state.get(state.SOURCE) or _texts()["step"][0]["id"]
    components.diagram(architecture.DRAWING, counts, step, "diagram", _choose)
    if state.get(state.CHOSEN):
        state.put(state.CHOSEN, False)
        st.rerun()


def _choose() -> None:
    clicked = st.session_state["diagram"].step
    if clicked:
        state.put(state.SOURCE, clicked)
        state.put(state.CHOSEN, True)


def _source(reference: str) -> None:
    found = excerpt(reference)
    components.quiet(f"`{found.place}`, {found.last - found.first + 1} lines")
    st.code(found.text, language=found.language, wrap_lines=True)  # nothing scrolls in the page


# --- what the texts rest on -----------------------------------------------------------------------


@st.cache_data(ttl=_SLOW_S, show_spinner=False)
def _words(epoch: int) -> dict[str, str]:
    record = resources.database()
    sizes, tables = readings.sizes(epoch), readings.tables(epoch)
    return measured.words(
        measured.Facts(
            world=resources.pulse().world(),
            counts=readings.counted(epoch),
            waiting=counters.waiting(record),
            latency_ms=readings.latency(epoch),
            last_batch=freshness.last_batch(record),
            batch_airline_s=readings.airline_s("batch", epoch),
            processes=resources.load().look(),
            stores={name: size | tables.get(name, {}) for name, size in sizes.items()},
            fields={arm: agent.fields() for arm, agent in resources.agents().items()},
            stopped=len(stopped(record)),
            guard=guard(record),
            settings=settings(),
        )
    )


def _said(template: str, words: dict[str, str]) -> str:
    return template.format_map({name: plain(value) for name, value in words.items()})


def _tradeoffs() -> None:
    st.fragment(_draw_tradeoffs, run_every=frame.every(_SLOW_S))()


def _draw_tradeoffs() -> None:
    words = _words(resources.pulse().world().epoch)
    with st.container(horizontal=True, gap="small", key="tradeoffs"):
        for number, one in enumerate(_texts()["tradeoff"]):
            with st.container(
                border=True, gap="xxsmall", width=400, height="stretch", key=f"card-{number}"
            ):
                st.markdown(f"**{one['title']}**")
                st.markdown(f":blue[☾ Batch.] {_said(one['batch'], words)}")
                st.markdown(f":orange[☀ Stream.] {_said(one['stream'], words)}")
    with st.container(border=True, key="card-enough"):
        st.markdown("**Where batch is good enough**")
        st.markdown("\n".join(f"- {_said(one['text'], words)}" for one in _texts()["enough"]))


def _sceptic() -> None:
    components.quiet(
        "Figures are read from the running engine when this is drawn; fold one out for its source."
    )
    st.fragment(_draw_questions, run_every=frame.every(_SLOW_S))()


def _draw_questions() -> None:
    words = _words(resources.pulse().world().epoch)
    for number, one in enumerate(_texts()["question"]):
        with st.container(border=True, gap="xxsmall", key=f"card-question-{number}"):
            st.markdown(f"**{one['title']}**")
            st.markdown(_said(one["answer"], words))
            _sources(one["at"])


def _sources(references: Sequence[str]) -> None:
    with st.expander(" · ".join(excerpt(one).place for one in references)):
        for reference in references:
            _source(reference)


PARTS: dict[str, Callable[[], None]] = {
    "Two ways": _two_ways,
    "Trade-offs": _tradeoffs,
    "A sceptic asks": _sceptic,
}
