"""What the cards and the tracker show: pure functions on answers, claims and stage times."""

from datetime import UTC, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from agent.answer import Answer, Citation, Claim, Superseded, ToolUse, Usage, Verdict
from pipeline.batch.timetable import SYSTEMS, Timetable
from pipeline.clock import ClockState
from pipeline.schema import Arm
from ui import answer_card, tracker
from ui.asking import Speaking
from ui.plain import plain
from ui.pulse import World

ZONE = ZoneInfo("America/New_York")
NOON = datetime(2013, 2, 8, 17, 0, tzinfo=UTC)
FLIGHT = "flight/EA204/2013-02-08"
SAID = "Yes, Ada. EA 204 leaves at 15:10 from gate B22."


def world(**changed: Any) -> World:
    clock = ClockState(
        anchor_wall=0.0,
        anchor_airline=NOON,
        factor=180.0,
        paused=True,
        starts_at=NOON,
        holds_at=NOON.replace(day=10),
    )
    values: dict[str, Any] = {
        "read_at": 0.0,
        "clock": clock,
        "epoch": 1,
        "about": {},
        "batch_as_of": NOON,
        "timetable": Timetable(6.0, ZONE),
        "next_run": NOON.replace(hour=23),
        "batch_busy": False,
        "replay_on": True,
        "traffic": 0.0,
        "events": 7,
        "stream_s": 0.0,
        "batch_s": 42.0,
        "batch_waiting": 3,
        "latency_s": 0.031,
        "contacts": {},
    }
    return World(**(values | changed))


def claim(status: str, words: str = "", *, event: str | None = None) -> Claim:
    superseded = (
        Superseded(event_id="1", type=event, occurred_at="2013-02-08T18:52:00.000Z", sequence=9)
        if event
        else None
    )
    start = SAID.index(words) if words else None
    return Claim(
        entity=FLIGHT,
        attribute="departure",
        said=words,
        true_="cancelled",
        status=cast("Any", status),
        superseded_by=superseded,
        superseded_for_s=900.0 if event else None,
        superseded_for_wall_s=2.5 if event else None,
        start=start,
        end=None if start is None else start + len(words),
    )


def answer(arm: Arm, status: str, claims: list[Claim]) -> Answer:
    citations = [
        Citation(
            doc_id=doc_id, kind="flight", text=f"About {doc_id}", score=None, version=version,
            occurred_at="2013-02-08T17:00:00.000Z", age_s=0.0, age_wall_s=3.0 if version else None,
            searchable_at=None, searchable_wall_s=None,
        )
        for doc_id, version in (("customer/C0001", 0), (FLIGHT, 9))
    ]  # fmt: skip
    return Answer(
        arm=arm, answer=SAID, verdict=Verdict(status=cast("Any", status), claims=claims),
        as_of=None, context=citations, tools=[], agent="flight_status",
        model="airline/offline", fallback=None, pending=None,
        usage=Usage(prompt_tokens=1, completion_tokens=1, cost_usd=0.0),
        timings_ms={"embed": 9.0, "total": 84.0},
    )  # fmt: skip


def card(arm: Arm, given: Answer | None, **changed: Any) -> dict[str, Any]:
    speaking = Speaking(arm, answer=given, answered_at=1000.0) if given else None
    return answer_card.card(arm, world(**changed), ZONE, speaking)


def words(parts: list[dict[str, Any]]) -> str:
    return "".join(part.get("v", f"<{part.get('t')}>") for part in parts)


def test_stale_says_until_when_and_by_what() -> None:
    claims = [claim("stale", "leaves at 15:10", event="flight.cancelled")]
    body = card("batch", answer("batch", "stale", claims))["body"]
    assert body["verdict"] == {
        "status": "stale",
        "mark": "◷",
        "word": "Stale · was true until 13:52",
    }
    said = words(body["why"])
    assert said == (
        "Contradicted by flight cancelled, <since_airline> airline time ago (<since> on your watch)"
    )
    assert body["why"][-2]["at"] == pytest.approx(997.5)


def test_contradicted_words_are_marked_and_nothing_is_lost() -> None:
    claims = [
        claim("stale", "gate B22", event="flight.cancelled"),
        claim("stale", "leaves at 15:10", event="flight.cancelled"),
        claim("stale", "15:10", event="flight.cancelled"),  # inside another one
        claim("current", "EA 204"),
    ]
    spans = answer_card.spans_of(SAID, claims)
    assert "".join(span["text"] for span in spans) == SAID
    assert [span["text"] for span in spans if "mark" in span] == ["leaves at 15:10", "gate B22"]


@pytest.mark.parametrize(
    ("status", "mark", "why"),
    [
        ("current", "✓ Current", "1 fact, matches the record"),
        ("missing", "∅ No information", "The record knows: cancelled"),
        ("wrong", "✕ Wrong", "The record never said so: it says cancelled"),
    ],
)
def test_every_verdict_has_mark_word_and_reason(status: str, mark: str, why: str) -> None:
    body = card("stream", answer("stream", status, [claim(status)]))["body"]
    assert f"{body['verdict']['mark']} {body['verdict']['word']}" == mark
    assert words(body["why"]) == why


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("missing", "The record knows"),
        ("wrong", "The record never said so"),
        ("stale", "It was so once"),
    ],
)
def test_a_reason_without_a_value_leaves_no_gap(status: str, why: str) -> None:
    vague = claim(status, "leaves at 15:10").model_copy(update={"true_": ""})
    body = card("stream", answer("stream", status, [vague]))["body"]
    assert words(body["why"]) == why
    assert all(not span.get("title", "").endswith(" ") for span in body["spans"])


def test_nothing_asked() -> None:
    body = card("stream", answer("stream", "none", []))["body"]
    assert body["verdict"]["word"] == "Nothing to check"


def test_documents_that_the_claims_speak_of_come_first() -> None:
    claims = [claim("stale", "15:10", event="flight.cancelled")]
    documents = card("batch", answer("batch", "stale", claims))["documents"]
    assert [one["text"] for one in documents] == [f"About {FLIGHT}", "About customer/C0001"]
    assert words(documents[0]["age"]) == "<since_airline><since>"
    assert words(documents[1]["age"]) == "since the start"


def test_heads_tell_what_each_knows() -> None:
    assert words(card("batch", None)["head"]["knows"]) == (
        "knows the world as of 12:00 · next batch <until>"
    )
    assert words(card("batch", None, batch_busy=True)["head"]["knows"]).endswith("a batch runs now")
    assert words(card("stream", None)["head"]["knows"]) == "31 ms behind the world"
    assert words(card("stream", None, stream_s=2.5)["head"]["knows"]) == "2.5 s behind the world"


def contacts(**acted: Any) -> dict[Arm, dict[str, Any]]:
    actions = {"done": 0, "refused": {}, "stopped": 0, "damages": 0, "damage_amount": 0.0} | acted
    return {"batch": {"answers": 4, "contacts": 3, "resolved": 1, "actions": actions}}


def test_heads_tell_what_the_conversations_came_to() -> None:
    assert card("batch", None)["head"]["score"] == []
    for acted, said in (
        ({}, "1/3 resolved"),
        ({"stopped": 2}, "1/3 resolved · 2 stopped"),
        ({"stopped": 2, "damages": 1, "damage_amount": 320.0}, "1/3 resolved · ⚠ 320 USD lost"),
        ({"damages": 1}, "1/3 resolved · ⚠ damage done"),
    ):
        assert words(card("batch", None, contacts=contacts(**acted))["head"]["score"]) == said
    assert card("stream", None, contacts=contacts())["head"]["score"] == []


def acted(status: str, **more: Any) -> Answer:
    result = {"status": status, "say": "", "policy": "", "event_type": "payment.refunded"} | more
    used = ToolUse(agent="refunds", tool="refund", why="asked", arguments={}, result=result, ms=1.0)
    return answer("batch", "current", []).model_copy(update={"tools": [used]})


STALE = {
    "entity": "booking/EK7Q2P", "event_id": "1", "event_type": "payment.refunded", "sequence": 9,
    "airline_s": 60.0, "wall_s": 4.0,
}  # fmt: skip
DAMAGE = {
    "kind": "already", "amount": 320.0, "event_id": "1", "event_type": "payment.refunded",
    "subject": "booking/EK7Q2P", "arm": "batch",
}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (acted("done", amount=320.0), ["✓ Done: payment refunded, 320.00 USD"]),
        (
            acted("stale_ground", stale=STALE),
            ["⊘ Guard: not done. payment refunded, recorded <since> ago, was not known here"],
        ),
        (acted("needs_consent"), []),
        (acted("refused", event_type=None), []),
    ],
)
def test_a_card_shows_what_was_done_and_what_was_stopped(given: Answer, said: list[str]) -> None:
    assert [words(one) for one in card("batch", given)["body"]["deeds"]] == said


def test_damage_is_said_as_loud_as_a_verdict() -> None:
    body = card("batch", acted("done", amount=320.0, damage=DAMAGE))["body"]
    assert [one["text"] for one in body["harm"]] == ["320.00 USD that was not due"]
    assert card("batch", acted("done", amount=320.0))["body"]["harm"] == []


def test_before_the_first_question_a_card_says_what_to_try() -> None:
    assert "Fire an event" in card("batch", None)["body"]["empty"]["text"]


def test_an_agent_that_failed_says_so() -> None:
    failed = Speaking("batch", error="OSError: the store is gone")
    body = answer_card.card("batch", world(), ZONE, failed)["body"]
    assert body["empty"]["text"] == "OSError: the store is gone"


EVENT = {
    "type": "flight.cancelled",
    "source": "/flight-ops",
    "recorded_at": 100.0,
    "occurred_at": "2013-02-08T17:00:00Z",
}
STREAMED = {
    "outcome": "searchable",
    "consumed_at": 100.002,
    "validated_at": 100.003,
    "embedded_at": 100.02,
    "searchable_at": 100.031,
}


def lanes(journey: dict[str, Any], run: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", tracker.way(journey, run, world(), "")["lanes"])


def test_stream_stages_have_measured_times() -> None:
    stream, batch = lanes({"event": EVENT, "stream": STREAMED, "batch": None})
    assert [one["took"] for one in stream["segments"]] == ["2.0 ms", "1.0 ms", "17 ms", "11 ms"]
    assert words(stream["end"]) == "✓ 31 ms"
    assert [one["state"] for one in batch["segments"]][:3] == ["done", "now", "todo"]
    assert words(batch["end"]) == "<until>"


def test_an_event_waits_for_the_run_that_takes_its_source_system() -> None:
    shown = world(timetable=Timetable(6.0, ZONE, {"/flight-ops": 1.0, "/crm": 24.0}))
    known_at = []
    for source in ("/flight-ops", "/social", "/crm"):
        journey = {"event": EVENT | {"source": source}, "stream": STREAMED, "batch": None}
        [_, batch] = tracker.way(journey, None, shown, "")["lanes"]
        known_at.append((batch["end"][0]["at"] - NOON.timestamp()) / 3600)
        [_, large] = tracker.detailed(journey, None, shown)["lanes"]
        assert large["end"][1]["at"] == batch["end"][0]["at"]
    assert known_at == [1, 6, 12]  # it is noon


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({}, "all sources"),
        ({"scheduled": ["/crm", "/social"]}, "crm, social"),
        ({"scheduled": [one for one in SYSTEMS if one != "/crm"]}, "all but crm"),
        ({"scheduled": [*SYSTEMS, "/partner"]}, "all sources"),
    ],
)
def test_what_a_run_takes(counts: dict[str, Any], words: str) -> None:
    assert tracker.scope({"counts": counts}) == words


def test_batch_run_under_way() -> None:
    run = {"started_at": 130.0, "extracted_at": 130.5, "bronze_at": 131.0, "silver_at": None}
    _, batch = lanes({"event": EVENT, "stream": STREAMED, "batch": None}, run)
    states = {one["name"]: one["state"] for one in batch["segments"]}
    assert states["waits"] == "done"
    assert states["bronze"] == "done"
    assert states["silver"] == "now"
    assert states["gold"] == "todo"


def test_a_dead_letter_says_so() -> None:
    dead = STREAMED | {"outcome": "dead_letter", "embedded_at": None}
    stream, _ = lanes({"event": EVENT | {"type": ""}, "stream": dead, "batch": None})
    assert words(stream["end"]) == "dead letter, 31 ms"
    assert [one["name"] for one in stream["segments"]] == ["topic", "validate", "dead letter"]


def test_markdown_of_others_is_only_text() -> None:
    hostile = "![x](http://evil/a.png) <b>*hi*</b> $x$ :red[no]\n# top"
    escaped = plain(hostile)
    for character in "![]()<>*$:#":
        assert escaped.count(character) == escaped.count("\\" + character)
