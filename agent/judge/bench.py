"""The bench: what every claim of one answer is judged with, and how a verdict on one is reached."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agent.answer import Claim
from agent.judge.clauses import Said
from agent.judge.history import Change, History, Holds, superseded
from agent.judge.scope import Scope
from pipeline.images import Row
from pipeline.schema import Database

Shown = Callable[[Row], str]
"""What the record has for the attribute, in words."""


@dataclass(frozen=True)
class Bench:
    """What every claim of one answer is judged with."""

    database: Database
    history: History
    scope: Scope
    question: str
    answer: str
    said: Sequence[Said]
    topics: set[str]
    sure: bool
    """Whether a noun of the question says what is asked, so that it is not guessed."""
    quotes: Sequence[tuple[int, int]] = ()
    """Spans of the answer that are a policy's own sentences, now or once."""

    def in_quote(self, place: int | None) -> bool:
        """Whether a place of the answer is in a sentence that is a policy's own."""
        return place is not None and any(start <= place < end for start, end in self.quotes)

    def claim(
        self, said: Said, entity: str, true: str, status: str, by: Change | None = None
    ) -> Claim:
        """The verdict on one claim, with the place of its words."""
        value = ("not " if said.negated else "") + said.value
        claim = self.verdict((entity, said.attribute), value, true, status, by)
        return claim.model_copy(update={"start": said.start, "end": said.end})

    def verdict(
        self, of: tuple[str, str], value: str, true: str, status: str, by: Change | None
    ) -> Claim:
        """The verdict on a value of (entity, attribute), without a place in the text."""
        airline, wall = by.ages(self.scope.now) if by else (None, None)
        return Claim.model_validate(
            {
                "entity": of[0],
                "attribute": of[1],
                "said": value,
                "true": true,
                "status": status,
                "superseded_by": by.superseded() if by else None,
                "superseded_for_s": airline,
                "superseded_for_wall_s": wall,
            }
        )

    def settle(
        self, said: Said, kind: str, rows: Iterable[tuple[str, Row]], test: Holds, shown: Shown
    ) -> Claim:
        """Current if true of any of the rows now, stale if it was true of any, else wrong."""
        candidates = list(rows)
        for key, row in candidates:
            if test(row):
                return self.claim(said, f"{kind}/{key}", shown(row), "current")
        for key, row in candidates:
            if by := superseded(self.history.states(kind, key), test):
                return self.claim(said, f"{kind}/{key}", shown(row), "stale", by)
        key, row = candidates[0] if candidates else ("", {})
        return self.claim(said, f"{kind}/{key}", shown(row) if row else "", "wrong")
