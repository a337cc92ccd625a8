"""The judge: times and claims in a text, and the verdict against a record with a history."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from agent.answer import Claim, Verdict
from agent.evals import judge as judge_eval
from agent.evals.small_world import small_world
from agent.judge import Judge
from agent.judge.claims import claims
from agent.times import durations, times
from pipeline.schema import Database


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, datetime]]:
    """The eval world: EA 204 was cancelled at 13:52, EA 411 delayed twice, and it is 14:07."""
    folder: Path = tmp_path_factory.mktemp("judge")
    database = Database(f"sqlite:///{folder / 'record.sqlite'}")
    yield database, small_world(database)
    database.close()


def judged(record: tuple[Database, datetime], customer: str, question: str, text: str) -> Verdict:
    database, now = record
    return Judge(database).judge(question, text, customer, now)


def claim_of(verdict: Verdict, attribute: str) -> Claim:
    return next(one for one in verdict.claims if one.attribute == attribute)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("leaves at 15:10", [{910}]),
        ("leaves at 15.10.", [{910}]),
        ("at 3:10 pm", [{910}]),
        ("at 3.10 p.m. sharp", [{910}]),
        ("at 3:10", [{190, 910}]),
        ("at 03:10", [{190}]),
        ("at 3 pm", [{900}]),
        ("at noon", [{720}]),
        ("ten past three", [{190, 910}]),
        ("quarter to four in the afternoon", [{945}]),
        ("half past six", [{390, 1110}]),
        ("from 16:00 to 18:15", [{960}, {1095}]),
        ("12:05 am", [{5}]),
        ("12 pm", [{720}]),
        ("costs 15.10 USD or $15.10", []),
        ("flight EA 204, gate B22, seat 14C, 23 kg", []),
    ],
)
def test_times_of_day(text: str, expected: list[set[int]]) -> None:
    assert [set(one.minutes) for one in times(text)] == expected


@pytest.mark.parametrize(
    ("text", "minutes", "exact"),
    [
        ("95 minutes late", 95, True),
        ("2 h 15 min late", 135, True),
        ("two hours", 120, False),
        ("an hour and a half", 90, False),
        ("2 hours and 5 minutes", 125, True),
    ],
)
def test_lengths_of_time(text: str, minutes: int, exact: bool) -> None:
    assert [(one.minutes, one.exact) for one in durations(text)] == [(minutes, exact)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("EA 204 is not cancelled.", [("status", "cancelled", True)]),
        ("EA 204 is no longer cancelled.", [("status", "cancelled", True)]),
        ("EA 204 hasn't been cancelled.", [("status", "cancelled", True)]),
        ("EA 204 was cancelled.", [("status", "cancelled", False)]),
        ("EA 204 will not fly.", [("status", "cancelled", False)]),
        ("EA 204 will not leave before 17:00.", [("departure", "17:00", False)]),
        ("It leaves at 18:40, forty minutes after boarding.", [("departure", "18:40", False)]),
        ("7A is no longer yours; you are in 12F.", [("seat", "12F", False)]),
        ("Twelve flights were cancelled today.", []),
        ("Shall I put you in 12F?", []),
        ("You have moved up from regular to silver status.", [("tier", "silver", False)]),
        ("If EA 204 is cancelled we will call you.", []),
        ("I do not know whether EA 204 is cancelled.", []),
        ("You wrote “EA 204 is cancelled and late”.", []),
        ("Your complaint about the delay is with us.", [("contact", "any", False)]),
        ("There is no delay.", [("status", "on_time", False)]),
        ("It is not delayed.", [("status", "delayed", True)]),
        ("It goes from gate B22.", [("gate", "B22", False)]),
        ("Gate changed from B20 to B22.", [("gate", "B22", False)]),
        ("It leaves from B22, not B20.", [("gate", "B22", False)]),
        ("Your seat is 12F instead of 7A.", [("seat", "12F", False)]),
        ("You are at gate 14C.", [("gate", "14C", False)]),
        ("I see no complaint.", [("contact", "any", True)]),
        ("Your tweet of 13:55 was received.", [("contact", "tweet", False)]),
        ("A refund of $1,200.50 was made.", [("payment", "refunded 1200.50 USD", False)]),
        ("You no longer have gold status.", [("tier", "gold", True)]),
        ("Have a nice day!", []),
    ],
)
def test_claims(text: str, expected: list[tuple[str, str, bool]]) -> None:
    found = claims(text, {"EA"}, set())
    assert [(one.attribute, one.value, one.negated) for one in found] == expected


def test_a_claim_underlines_its_own_words() -> None:
    text = "Yes, Ada. EA 204 to Chicago leaves at 15:10 from gate B22. Your seat is 14C."
    found = claims(text, {"EA"}, {"departure"})
    words = [text[one.start : one.end] for one in found]
    assert words == ["leaves at 15:10", "gate B22", "seat is 14C"]


def test_a_stale_claim_names_what_ended_it_and_how_long_ago(
    record: tuple[Database, datetime],
) -> None:
    text = "EA 204 leaves at 15:10 from gate B20."
    verdict = judged(record, "C0001", "When does my flight leave?", text)
    departure, gate = claim_of(verdict, "departure"), claim_of(verdict, "gate")
    assert verdict.status == departure.status == gate.status == "stale"
    assert departure.superseded_by is not None
    assert departure.superseded_by.type == "flight.cancelled"
    assert departure.superseded_for_s == 15 * 60
    assert departure.superseded_for_wall_s is not None
    assert departure.true_ == "cancelled"
    assert gate.superseded_by is not None
    assert gate.superseded_by.type == "flight.gate_changed"
    assert gate.superseded_by.sequence < departure.superseded_by.sequence


def test_a_time_that_was_right_between_two_delays_is_stale_by_the_second(
    record: tuple[Database, datetime],
) -> None:
    verdict = judged(record, "C0002", "When do I leave?", "EA 411 leaves at 17:30.")
    stale = claim_of(verdict, "departure")
    assert stale.status == "stale"
    assert stale.superseded_for_s == 27 * 60


def test_what_is_missing_is_named_with_the_event_that_brought_it(
    record: tuple[Database, datetime],
) -> None:
    verdict = judged(record, "C0001", "Did you see my tweet?", "I see no tweet from you.")
    assert verdict.status == "missing"
    missing = claim_of(verdict, "contact")
    assert missing.superseded_by is not None
    assert missing.superseded_by.type == "interaction.tweet"
    assert missing.start is None


def test_nobody_else_bears_a_claim_out(record: tuple[Database, datetime]) -> None:
    # 12F, the voucher and the bag are Ben's; Carla has none of them.
    for text in ("Your seat is 12F.", "You got a voucher of 150 USD.", "Your bag was located."):
        assert judged(record, "C0003", "What do you know of me?", text).status == "wrong"


def test_a_connection_has_a_seat_a_flight(record: tuple[Database, datetime]) -> None:
    text = "You are booked on EA 204 in seat 3A."
    assert judged(record, "C0001", "Where do I sit?", text).status == "wrong"
    text = "You sit in 14C on EA 204 and in 3A on EA 205."
    assert judged(record, "C0001", "Where do I sit?", text).status == "current"


@pytest.mark.parametrize("text", ["", " ", "\x00", "a" * 100_000, "(((((", "15:10 " * 2_000])
def test_any_text_is_judged(record: tuple[Database, datetime], text: str) -> None:
    assert judged(record, "C0001", text, text).status in judge_eval.STATUSES


def test_an_unknown_customer_is_judged(record: tuple[Database, datetime]) -> None:
    verdict = judged(record, "C9999", "Is my flight on time?", "I have no information on that.")
    assert verdict.status == "none"


def test_the_labelled_answers(record: tuple[Database, datetime]) -> None:
    database, now = record
    figures = judge_eval.report(judge_eval.judge_all(database, now))
    shown = judge_eval.as_table(figures)
    assert figures["cases"] >= 900
    assert figures["accuracy"] >= judge_eval.FLOOR, shown
    assert figures["confusion"]["current"]["wrong"] == 0, shown
    assert figures["confusion"]["current"]["stale"] == 0, shown
