"""What the judge reads in terse and formal wordings, counts, figures, actions; the held-out set."""

from datetime import datetime

import pytest

from agent.answer import Claim
from agent.evals import judge as judge_eval
from agent.judge import Judge
from agent.judge.hours import durations, times
from agent.judge.numbers import number
from agent.judge.topics import topics_of
from pipeline.schema import Database
from tests.test_judge import record

__all__ = ["record"]  # the fixture


def count_in(record: tuple[Database, datetime], question: str, answer: str) -> Claim:
    database, now = record
    verdict = Judge(database).judge(question, answer, "C0001", now)
    return next(one for one in verdict.claims if one.attribute == "count")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1510 from b22", [{910}]),
        ("new dep 1815", [{1095}]),
        ("1000 hrs", [{600}]),
        ("at sixteen hundred hours", [{960}]),
        ("at eighteen fifteen", [{1095}]),
        ("10ish", [{600, 1320}]),
        ("half seven", [{450, 1170}]),
        ("2h15 late", []),
        ("flight EA 1510", []),
        ("on February 9, 2026", []),
        ("refunded, 1500 USD", []),
        ("one hundred dollars", []),
        ("at four, from gate C4", [{240, 960}]),
        ("there by 1:05 PM", [{785}]),
        ("delayed by 2:15", []),
        ("a delay of 2:15 hours", []),
        ("nine twenty-five p.m.", [{1285}]),
    ],
)
def test_hours(text: str, expected: list[set[int]]) -> None:
    assert [set(one.minutes) for one in times(text)] == expected


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("2h15 late", 135), ("two and a quarter hours", 135)]
    + [("2:15 hours", 135), ("one hundred and five minutes", 105), ("one and a half hours", 90)],
)
def test_lengths_of_time(text: str, minutes: int) -> None:
    assert [one.minutes for one in durations(text)] == [minutes]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("150", 150),
        ("twelve", 12),
        ("eighty-nine", 89),
        ("one hundred and fifty", 150),
        ("two thousand five hundred", 2500),
    ],
)
def test_numbers(text: str, value: int) -> None:
    assert number(text) == value


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="no number"):
        number("many")


@pytest.mark.parametrize(
    ("question", "topics"),
    [
        ("How many of my flights were cancelled?", "count"),
        ("Where is my bag?", "bag"),
        ("May I rebook for free?", "policy"),
        ("How late is EA 411?", "delay"),
        ("How many complaints were there in the last hour?", "complaints"),
        ("Which route has most delays?", "delays_by_route"),
        ("How many flights were cancelled today?", "cancelled_flights"),
        ("How many refunds were paid today?", "refunds"),
    ],
)
def test_topics(question: str, topics: str) -> None:
    assert topics in topics_of(question)


@pytest.mark.parametrize(
    ("question", "answer", "status", "event"),
    [
        ("How many flights do I have?", "You have two flights.", "current", None),
        ("How many flights do I have?", "You have three flights.", "wrong", None),
        (
            "How many of my flights are cancelled?",
            "None of your flights is cancelled.",
            "stale",
            "flight.cancelled",
        ),
        ("How many tweets did I send?", "You sent one tweet.", "stale", "interaction.tweet"),
    ],
)
def test_a_count_is_held_against_every_moment(
    record: tuple[Database, datetime], question: str, answer: str, status: str, event: str | None
) -> None:
    claim = count_in(record, question, answer)
    assert claim.status == status
    assert (claim.superseded_by.type if claim.superseded_by else None) == event


@pytest.mark.parametrize(
    "wish",
    ["Please cancel my booking", "Rebook me on EA 218", "Can you refund me?", "Move me to 12F"],
)
def test_who_wants_something_done_asks_for_nothing_that_is_known(wish: str) -> None:
    assert topics_of(wish) == set()


@pytest.mark.parametrize(
    ("question", "answer", "status", "event"),
    [
        ("How many flights were cancelled today?", "One.", "current", None),
        (
            "How many flights were cancelled today?",
            "As of 12:00 (from the gold tables), 0 flights were cancelled today.",
            "stale",
            "flight.cancelled",
        ),
        ("How many flights were cancelled today?", "Fourteen flights.", "wrong", None),
        ("How many complaints came in in the last hour?", "Two.", "current", None),
        ("How many complaints came in in the last hour?", "One.", "stale", "interaction.email"),
        ("How many complaints came in in the last hour?", "Twenty.", "wrong", None),
        ("Which route has most delays?", "LGA to MIA, with one.", "current", None),
        ("Which route has most delays?", "No route has delays.", "stale", "flight.delayed"),
        ("Which route has most delays?", "JFK to ORD, with one.", "wrong", None),
        ("How many refunds were paid today?", "One, 89.50 USD in all.", "current", None),
        ("How many refunds were paid today?", "No refunds yet.", "stale", "payment.refunded"),
    ],
)
def test_a_figure_of_the_airline_is_held_against_the_record(
    record: tuple[Database, datetime], question: str, answer: str, status: str, event: str | None
) -> None:
    database, now = record
    verdict = Judge(database).judge(question, answer, "C0003", now)
    claim = next(one for one in verdict.claims if one.attribute == "figure")
    assert verdict.status == status
    assert (claim.superseded_by.type if claim.superseded_by else None) == event


def test_a_figure_that_is_asked_for_and_not_said_is_missing(
    record: tuple[Database, datetime],
) -> None:
    database, now = record
    question = "How many complaints came in in the last hour?"
    verdict = Judge(database).judge(question, "I have no figures on that.", "C0003", now)
    assert [(one.entity, one.status) for one in verdict.claims] == [
        ("report/complaints", "missing")
    ]
    assert verdict.claims[0].true_.startswith("complaints 2")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("I have rebooked you onto EA 218, seat 21D.", "current"),
        ("I have rebooked you onto EA 411, seat 21D.", "wrong"),
        ("I have refunded 120.00 USD to your card.", "wrong"),
        ("I have cancelled your booking.", "wrong"),
        ("I can rebook you onto EA 411, seat 1A.", "none"),
        ("Seat 1A is free. Shall I put you there?", "none"),
    ],
)
def test_what_was_done_is_held_against_the_record_and_an_offer_is_no_claim(
    record: tuple[Database, datetime], answer: str, status: str
) -> None:
    database, now = record
    assert Judge(database).judge("Please help me.", answer, "C0004", now).status == status


def test_what_an_answer_corrects_itself_is_history(record: tuple[Database, datetime]) -> None:
    database, now = record
    text = "It was delayed to 17:30 first. Now it leaves at 18:15."
    assert Judge(database).judge("Is EA 411 late?", text, "C0002", now).status == "current"
    text = "Now it leaves at 18:15. It leaves at 17:30."
    assert Judge(database).judge("Is EA 411 late?", text, "C0002", now).status == "stale"


def test_the_held_out_answers(record: tuple[Database, datetime]) -> None:
    database, now = record
    figures = judge_eval.report(judge_eval.judge_all(database, now, judge_eval.HELD_OUT))
    assert figures["cases"] >= 120
    assert figures["accuracy"] >= judge_eval.HELD_OUT_FLOOR, judge_eval.as_table(figures)


def test_no_answer_is_in_both_sets() -> None:
    tuned, held_out = judge_eval.labelled(), judge_eval.labelled(judge_eval.HELD_OUT)
    same = {one.answer for one in tuned} & {one.answer for one in held_out}
    assert not {one for one in same if len(one.split()) > _BY_CHANCE}


_BY_CHANCE = 7  # words of an answer up to which two writers may put it alike
