"""Readings of the running engine that pages share, each with a short memory for all sessions.

The argument of each is the world's epoch: after a reset nothing that was read before is true.
"""

from __future__ import annotations

import time
from typing import Any

import streamlit as st

from pipeline import control, counters, freshness, status
from pipeline.batch import sources
from pipeline.schema import ARMS, Arm
from pipeline.settings import settings
from ui import resources
from ui.pulse import SPAN_S

FRESH_S = 1.0
SLOW_S = 15.0  # a folder of ten thousand versions takes a tenth of a second to measure
BIN_S = 5.0  # one bar of the throughput figure
Row = dict[str, Any]


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def counted(_epoch: int) -> dict[str, dict[str, int]]:
    """`counters.read`."""
    return counters.read(resources.database())


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def tables(_epoch: int) -> dict[str, Row]:
    """`status.tables`: documents, versions and fragments of both context stores."""
    return status.tables([resources.stores()[arm] for arm in ARMS])


@st.cache_data(ttl=SLOW_S, show_spinner=False)
def sizes(_epoch: int) -> dict[str, Row]:
    """`status.sizes`: files and bytes of every store."""
    return status.sizes(settings())


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def latency(_epoch: int) -> dict[Arm, dict[str, float | None]]:
    """Percentiles of the latency of each arm's newest events, milliseconds."""
    record = resources.database()
    return {arm: freshness.percentiles(freshness.latencies_ms(record, arm)) for arm in ARMS}


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def stages(_epoch: int) -> dict[str, dict[str, float]] | None:
    """Percentiles of each stage of the stream, milliseconds; None before the first event."""
    found = freshness.stages_ms(resources.database())
    if not len(next(iter(found.values()))):
        return None
    return {
        name: {key: float(value or 0.0) for key, value in freshness.percentiles(values).items()}
        for name, values in found.items()
    }


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def source_systems(_epoch: int) -> list[Row]:
    """`sources.overview`: how often the batch extracts each source system, and what waits."""
    record = resources.database()
    return sources.overview(record, settings(), control.clock(record).now())


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def airline_s(arm: Arm, _epoch: int) -> float:
    """Staleness of an arm, airline seconds."""
    record = resources.database()
    return freshness.staleness_airline(record, arm, control.clock(record))


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def flow(_epoch: int) -> tuple[list[float], dict[str, list[float]], dict[str, list[float]]]:
    """(wall seconds before now, events a second, events waiting), in steps of `BIN_S`."""
    record, now = resources.database(), time.time()
    # Whole steps of the wall clock: a bar keeps its height while it moves left.
    last = now // BIN_S * BIN_S
    edges = [last - SPAN_S + BIN_S * step for step in range(int(SPAN_S / BIN_S) + 1)]
    rate = {name: found.tolist() for name, found in freshness.throughput(record, edges).items()}
    ends = edges[1:]
    waiting: dict[str, list[float]] = {
        arm: freshness.backlog(record, arm, ends).tolist() for arm in ARMS
    }
    return [end - now for end in ends], rate, waiting
