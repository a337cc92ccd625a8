"""What the judge reads in terse and formal wordings, counts, and the held-out set."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from agent.answer import Claim
from agent.evals import judge as judge_eval
from agent.evals.small_world import small_world
from agent.judge import Judge
from agent.judge.hours import durations, times
from agent.judge.numbers import number
from agent.judge.topics import topics_of
from pipeline.schema import Database


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, datetime]]:
    """The eval world at 14:07."""
    folder: Path = tmp_path_factory.mktemp("wordings")
    database = Database(f"sqlite:///{folder / 'record.sqlite'}")
    yield database, small_world(database)
    database.close()


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
    ],
)
def test_hours(text: str, expected: list[set[int]]) -> None:
    assert [set(one.minutes) for one in times(text)] == expected


@pytest.mark.parametrize(
    ("text", "minutes"), [("2h15 late", 135), ("two and a quarter hours", 135)]
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


def test_the_held_out_answers(record: tuple[Database, datetime]) -> None:
    database, now = record
    figures = judge_eval.report(judge_eval.judge_all(database, now, judge_eval.HELD_OUT))
    assert figures["cases"] >= 60
    assert figures["accuracy"] >= judge_eval.HELD_OUT_FLOOR, judge_eval.as_table(figures)


def test_no_answer_is_in_both_sets() -> None:
    tuned, held_out = judge_eval.labelled(), judge_eval.labelled(judge_eval.HELD_OUT)
    assert not {one.answer for one in tuned} & {one.answer for one in held_out}
