"""What the pages of the past show: differences, the large tracker, the timeline, the matrix."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.documents import Document
from tests.test_ui_cards import ZONE, words, world
from ui import differences, follow, knew, knowledge, timeline, tracker

WALL = 1_000.0
FLIGHT = Document(
    doc_id="flight/EA204/2013-02-08",
    kind="flight",
    customer_ids=(),
    entities=("flight/EA204/2013-02-08",),
    text="Flight EA 204 is on time: departs 15:10, gate B22.",
    facts={"status": "scheduled", "gate": "B22"},
    occurred_at="2013-02-08T17:00:00.000Z",
    version=3,
)
LATE = replace(FLIGHT, text="Flight EA 204 is delayed: departs 16:40, gate B22.")
EVENT: dict[str, Any] = {
    "source": "/flight-ops",
    "event_id": "e1",
    "type": "flight.delayed",
    "subject": FLIGHT.doc_id,
    "name": None,
    "occurred_at": "2013-02-08T17:00:00.000Z",
    "recorded_at": WALL,
}
STREAMED = {
    "outcome": "searchable",
    "consumed_at": WALL + 0.012,
    "validated_at": WALL + 0.013,
    "embedded_at": WALL + 0.024,
    "searchable_at": WALL + 0.031,
}


# --- differences ----------------------------------------------------------------------------------


def joined(spans: differences.Spans) -> str:
    return "".join(one["text"] for one in spans)


def test_only_what_differs_is_marked() -> None:
    gone, new = differences.marked(FLIGHT.text, LATE.text)
    assert [one["text"] for one in gone if "mark" in one] == ["on time", "15:10"]
    assert [(one["text"], one["mark"]) for one in new if "mark" in one] == [
        ("delayed", "new"),
        ("16:40", "new"),
    ]


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_is_lost_or_added(before: str, after: str) -> None:
    gone, new = differences.marked(before, after)
    assert (joined(gone), joined(new)) == (before, after)


@pytest.mark.parametrize(
    ("true", "known", "verdict"),
    [
        (FLIGHT, FLIGHT, "current"),
        (FLIGHT, replace(FLIGHT, version=9), "current"),
        (LATE, FLIGHT, "stale"),
        (FLIGHT, None, "missing"),
        (None, FLIGHT, "wrong"),
        (None, None, "none"),
    ],
)
def test_an_arms_document_beside_the_records(
    true: Document | None, known: Document | None, verdict: str
) -> None:
    assert differences.against(true, known)[0] == verdict


def test_facts_that_changed() -> None:
    assert differences.changed_facts({"gate": "B22", "status": "x"}, {"gate": "B7"}) == [
        ("gate", "B22", "B7"),
        ("status", "x", ""),
    ]


# --- the way of an event --------------------------------------------------------------------------


def test_the_large_tracker_has_a_time_at_each_stage() -> None:
    journey = {"event": EVENT, "stream": STREAMED, "batch": None}
    stream, batch = tracker.detailed(journey, None, world())["lanes"]
    assert [one["name"] for one in stream["segments"]] == [
        "record", "topic", "validate", "embed", "searchable",
    ]  # fmt: skip
    assert [one["took"] for one in stream["segments"]][1:] == ["12 ms", "1.0 ms", "11 ms", "7.0 ms"]
    assert stream["segments"][-1]["at"] == STREAMED["searchable_at"]
    assert words(stream["end"]) == "Enlightened knew after 31 ms"
    assert [one["at"] for one in batch["segments"]] == [WALL] + [None] * 8
    assert [one.get("t") for one in batch["end"]] == [None, "until", None, "until_airline", None]


def test_a_dead_letter_ends_where_it_was_found_out() -> None:
    thrown = STREAMED | {"outcome": "dead_letter", "embedded_at": None}
    rejected = {"outcome": "dead_letter", "extracted_at": WALL + 60, "searchable_at": WALL + 63}
    rejected |= {"bronze_at": WALL + 61, "silver_at": WALL + 62}
    journey = {"event": EVENT | {"type": "raw"}, "stream": thrown, "batch": rejected}
    stream, batch = tracker.detailed(journey, {"started_at": WALL + 59}, world())["lanes"]
    assert [one["name"] for one in stream["segments"]][-2:] == ["validate", "dead letter"]
    assert [one["name"] for one in batch["segments"]][-2:] == ["silver", "dead letter"]
    assert words(batch["end"]) == "Benighted threw it out after 63 s"


def test_before_and_after_in_both_arms() -> None:
    journey = {"event": EVENT, "stream": STREAMED, "batch": None}
    shown = follow.before_and_after(
        journey,
        ([FLIGHT], [LATE]),
        {"stream": (FLIGHT, LATE, False), "batch": (FLIGHT, FLIGHT, False)},
        (None, world()),
    )
    was, now = (row["cells"] for row in shown["rows"])
    assert [joined(one["spans"]) for one in was] == [FLIGHT.text] * 3
    assert [joined(one["spans"]) for one in now] == [LATE.text, FLIGHT.text, LATE.text]
    assert [one["status"] for one in now] == ["", "stale", "current"]
    assert {one["text"] for one in now[1]["spans"] if "mark" in one} == {"on time", "15:10"}


def test_a_forgotten_version_is_said_to_be() -> None:
    journey = {"event": EVENT, "stream": STREAMED, "batch": STREAMED}
    known = (None, LATE, True)
    shown = follow.before_and_after(
        journey, ([FLIGHT], [LATE]), {"stream": known, "batch": known}, (None, world())
    )
    assert joined(shown["rows"][0]["cells"][1]["spans"]) == "That version is no longer kept."


def test_a_row_of_the_feed() -> None:
    row = EVENT | {"name": "Ada", "stream_at": WALL + 0.031, "stream_outcome": "searchable"}
    shown = follow.feed_row(row | {"batch_at": None, "batch_outcome": None}, world(), ZONE, "e1")
    assert (shown["kind"], shown["whom"]) == ("flight delayed", f"Ada · {FLIGHT.doc_id}")
    assert words(shown["stream"]) == "☀ ✓ 31 ms"
    assert shown["batch"][1]["t"] == "until"
    assert shown["chosen"]


# --- the past -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "found"),
    [("50", 50.0), ("5", 10.0), ("100", None), ("", None), (None, None), ("noon", None)],
)
def test_the_moment_of_an_address(asked: str | None, found: float | None) -> None:
    assert knew.moment_of(asked, began=10.0, now=100.0) == found


@pytest.mark.parametrize("asked", ["nan", "inf", "-inf", "1e400"])
def test_no_address_leads_out_of_the_day(asked: str) -> None:
    moment = knew.moment_of(asked, began=10.0, now=100.0)
    assert moment is None or 10.0 <= moment < 100.0


def test_the_timeline_has_each_event_where_each_had_it() -> None:
    events = [EVENT | {"stream_at": WALL + 0.031, "batch_at": WALL + 90}]
    runs = [{"run_id": 1, "searchable_at": WALL + 30, "counts": {"scheduled": ["/crm"]}}]
    clock = world().clock
    shown = timeline.timeline((WALL - 10, WALL + 60), WALL + 1, events, runs, [clock], ZONE)
    record, batch, stream = shown["lanes"]["lanes"]
    assert [one["at"] for one in record["marks"]] == [WALL]
    # The event lies ahead of the end, a run that took another source system does not.
    assert [one["title"] for one in batch["marks"]] == ["batch run 1, crm"]
    assert [one["title"] for one in stream["marks"]] == ["flight delayed, 31 ms later"]
    assert [one["name"] for one in shown["lanes"]["lanes"]] == [
        "▣ Record", "☾ Benighted", "☀ Enlightened",
    ]  # fmt: skip
    assert shown["ends"] == ["12:00", "12:00"]


def test_the_matrix_puts_first_what_somebody_has_wrong() -> None:
    tweets = {
        f"interaction/{n}": replace(FLIGHT, doc_id=f"interaction/{n}", kind="interaction")
        for n in range(5)
    }
    true = {**tweets, FLIGHT.doc_id: LATE}
    known = {**tweets, FLIGHT.doc_id: FLIGHT}
    shown = knowledge.matrix(true, {"stream": true, "batch": known}, dict.fromkeys(_ARMS, []))
    assert [words(row["title"]) for row in shown["rows"]] == [
        "flight EA204/2013-02-08", *["interaction"] * 3,
    ]  # fmt: skip
    assert [words(one["note"]) for one in shown["columns"]] == [
        "",
        " · 3 of 4 right",
        " · 4 of 4 right",
    ]


_ARMS = ("record", "batch", "stream")
