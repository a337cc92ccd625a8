"""Claims against the record and its history: a verdict a claim, and one for the answer.

A claim is *current* when it equals the record now, *stale* when it was true once (and the event
that ended it is named), *wrong* when it never was. The answer is wrong if any claim is, else stale
if any is, else *missing* if the question asked for something the record knows and no claim covers
it, else current; *none* if nothing was asked that the record could know.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.engine import Connection

from agent.answer import Claim, Status, Verdict
from agent.judge import asked, bind, policies, scope, settling
from agent.judge.bench import Bench
from agent.judge.claims import by_bare_count, by_yes_or_no, claims
from agent.judge.features import Features
from agent.judge.history import History
from agent.judge.topics import names_topic, topics_of
from pipeline import schema
from pipeline.schema import Database
from pipeline.store import Arm

LONGEST_ANSWER = 6_000  # characters that are read; an answer that says more has said enough
MOST_CLAIMS = 80
_ANYTHING = {"flight_status", "departure", "gate", "seat", "booking"}
"""As what the answer to a question is read that was not understood."""


class Judge:
    """Judges answers by a system of record. Reads only; may serve any number of threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def judge(self, question: str, answer: str, customer_id: str, now: datetime) -> Verdict:
        """The verdict on the text of an answer.

        Args:
            now: airline time; the record is read as it stands at the call.
        """
        with self._database.read() as connection:
            bench = self._bench(connection, question, answer[:LONGEST_ANSWER], customer_id, now)
            found = bind.verdicts(bench)
            found += asked.missing(bench, found)
            status, found = settling.settled(bench, _status(found), found)
        return Verdict(status=status, claims=found)

    def features(self, question: str, answer: str, customer_id: str, now: datetime) -> Features:
        """What the learned reader is given of an answer, to learn from those that are labelled."""
        with self._database.read() as connection:
            bench = self._bench(connection, question, answer[:LONGEST_ANSWER], customer_id, now)
            return settling.read(bench)[0]

    def _bench(
        self, connection: Connection, question: str, answer: str, customer_id: str, now: datetime
    ) -> Bench:
        topics = topics_of(question)
        history = History(connection)
        about = scope.read(connection, history, customer_id, (question, answer), now)
        said = claims(answer, about.carriers, topics or _ANYTHING)[:MOST_CLAIMS]
        quotes = policies.quoted(history, about.policies, answer)
        said = [one for one in said if not any(a <= one.start < b for a, b in quotes)]
        if "count" in topics:
            said = by_bare_count(question, answer, said, about.carriers) + said
        said = by_yes_or_no(question, answer, said, about.carriers, topics) + said
        sure = names_topic(question)
        return Bench(self._database, history, about, question, answer, said, topics, sure, quotes)

    def searchable_at(self, arm: Arm, sequences: Collection[int]) -> dict[int, float]:
        """Outbox sequence -> wall time (s since the epoch) at which it was searchable in an arm."""
        if not sequences:
            return {}
        progress = schema.progress.c
        query = (
            select(progress.sequence, progress.searchable_at)
            .where(progress.arm == arm)
            .where(progress.sequence.in_(sorted(sequences)))
        )
        return {row["sequence"]: row["searchable_at"] for row in self._database.rows(query)}


def _status(found: Sequence[Claim]) -> Status:
    statuses = {one.status for one in found}
    order: tuple[Status, ...] = ("wrong", "stale", "missing", "current")
    return next((status for status in order if status in statuses), "none")
