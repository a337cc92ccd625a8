"""Dead letters: found by both arms, put right without guessing, fired as events, marked once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import dead_letters, events, ledger
from pipeline.dead_letters import Letter, Proposal, letters, propose, repair
from pipeline.events import ContractError
from pipeline.fire import Door
from tests.worlds import DAY, NEW_YORK, Airline

NOWHERE = "127.0.0.1:1"  # no broker answers there: the relay's business, not the record's
GATE = {"specversion": "1.0", "type": "flight.gate_changed", "data": {"gate": 47}}
FULL = {"subject": f"flight/EA1/{DAY}", "source": "/flight-ops", "time": "2013-02-08T17:00:00Z"}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airline]:
    airline = Airline(tmp_path_factory.mktemp("letters"))
    yield airline
    airline.close()


@pytest.fixture
def airline(loaded: Airline) -> Airline:
    loaded.reset()
    return loaded


@pytest.fixture(scope="module")
def door(loaded: Airline) -> Door:
    return Door(loaded.database, NOWHERE)


def letter(text: str, sequence: int = 1) -> Letter:
    return Letter(sequence, text.encode(), "?", {}, 1.0, "2013-02-08T17:00:00.000Z", None)


def proposed(fields: dict[str, Any]) -> Proposal:
    return propose(letter(json.dumps(fields)), NEW_YORK)


def found(airline: Airline, sequence: int, body: bytes, at: float, arm: str) -> None:
    row = {"sequence": sequence, "reason": "why", "body": body, "found_at": at}
    ledger.write(airline.database, [], [row | {"arm": arm}])


def test_what_has_one_right_answer_is_put_right() -> None:
    made = proposed(GATE | {"subject": "flight/EA1"})
    assert made.breach is None
    event = events.parse(made.text)
    assert event.subject == f"flight/EA1/{DAY}"
    assert event.data == {"gate": "47"}
    assert event.time == "2013-02-08T17:00:00.000Z"
    assert "data.gate is text now" in made.changes
    assert made == proposed(GATE | {"subject": "flight/EA1"})  # also the id


def test_two_letters_of_the_same_bytes_become_two_events() -> None:
    text = json.dumps(GATE | {"subject": "flight/EA1"})
    ids = {json.loads(propose(letter(text, n), NEW_YORK).text)["id"] for n in (1, 2)}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('{"type": "flight.delayed", "subject": "flight/EA1', "not JSON"),
        ("<html>502</html>", "not JSON"),
        ("", "not JSON"),
        ('[{"type": "raw"}]', "expected a JSON object"),
        ('{"type": "flight.teleported"}', "unknown event type"),
        ('{"type": ["x"], "data": 1}', "unknown event type"),
        ('{"type": "policy.updated", "data": 7}', "subject"),
        (json.dumps(GATE | FULL | {"data": {"gate": "x y"}}), "data.gate"),
    ],
)
def test_what_somebody_would_have_to_know_is_left_alone(text: str, left: str) -> None:
    made = propose(letter(text), NEW_YORK)
    assert made.breach is not None
    assert left in made.breach


def test_a_stray_comma_goes_only_where_it_breaks_the_json() -> None:
    text = json.dumps(GATE | FULL)[:-1] + ',, "customerid": "C1"}'
    assert propose(letter(text), NEW_YORK).changes[0] == "a stray comma removed"
    tweet = {"type": "interaction.tweet", "subject": "customer/C1", "data": {"text": "well,, no"}}
    made = proposed(tweet)
    assert made.breach is None
    assert json.loads(made.text)["data"] == {"text": "well,, no", "direction": "inbound"}


def test_a_letter_is_listed_once_whoever_found_it(airline: Airline) -> None:
    found(airline, 7, b"\xff", 10.0, "stream")
    found(airline, 7, b"\xff", 90.0, "batch")
    found(airline, -3, b"past the outbox", 11.0, "stream")
    listed = letters(airline.database)
    assert [one.sequence for one in listed] == [7, -3]
    assert listed[0].found_at == {"stream": 10.0, "batch": 90.0}
    assert listed[0].text == "\ufffd"
    assert listed[1].recorded_at is None


def test_a_repaired_letter_is_an_event_and_is_marked_once(airline: Airline, door: Door) -> None:
    kept = door.fire_raw(json.dumps(GATE | {"subject": "flight/EA1"}).encode())
    sequence = kept.recorded.sequence
    found(airline, sequence, b"", time.time(), "stream")
    body = airline.rows("outbox")[-1]["body"]
    [one] = letters(airline.database)
    text = propose(letter(bytes(body).decode(), one.sequence), NEW_YORK).text
    recorded = repair(door, sequence, text)
    assert recorded.changed
    assert letters(airline.database)[0].repaired_by == recorded.sequence
    again = json.loads(text) | {"id": "7c1f0c5e-0000-4000-8000-000000000099"}
    with pytest.raises(ContractError, match="somebody has repaired"):
        repair(door, sequence, json.dumps(again))
    assert len(airline.rows("outbox")) == 2


def test_what_the_record_refuses_marks_nothing(airline: Airline, door: Door) -> None:
    found(airline, 1, b"{}", 1.0, "stream")
    unknown = GATE | FULL | {"subject": f"flight/EA999/{DAY}", "data": {"gate": "B1"}}
    text = propose(letter(json.dumps(unknown)), NEW_YORK).text
    with pytest.raises(ContractError, match="EA999"):
        repair(door, 1, text)
    assert letters(airline.database)[0].repaired_by is None
    assert not airline.rows("outbox")


def test_an_id_that_is_taken_is_refused(airline: Airline, door: Door) -> None:
    text = proposed(GATE | FULL).text
    door.fire(events.parse(text))
    found(airline, 1, b"{}", 1.0, "stream")
    with pytest.raises(ContractError, match="has this id already"):
        repair(door, 1, text)
    assert letters(airline.database)[0].repaired_by is None


def test_repairs_of_a_world_that_was_reset_are_gone(airline: Airline, door: Door) -> None:
    found(airline, 1, b"{}", 1.0, "stream")
    repair(door, 1, proposed(GATE | FULL).text)
    airline.database.put("epoch", airline.database.get("epoch") + 1)
    assert letters(airline.database)[0].repaired_by is None


def test_the_raw_feed_of_the_real_day_gets_proposals(tmp_path: Path) -> None:
    assert not list(tmp_path.iterdir())
    feed = dead_letters.__file__.replace("pipeline/dead_letters.py", "data/replay/raw_feed.jsonl")
    lines = Path(feed).read_text(encoding="utf-8").splitlines()
    payloads = [json.loads(line)["payload"] for line in lines]
    made = [propose(letter(text), NEW_YORK) for text in payloads]
    assert all(one.text is not None for one in made)
    assert sum(one.breach is None and bool(one.changes) for one in made) >= 3
