"""What an answer says of policies: their own sentences, as they stand now or once stood."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from agent.answer import Claim
from agent.clues import content
from agent.judge import rules
from agent.judge.bench import Bench
from agent.judge.clauses import is_disclaimed
from agent.judge.history import Change, History, superseded
from agent.words import sentences, tokens
from pipeline.images import Row

_SHORTEST = 5  # words from which a sentence is a policy's own and no accident
_SHARED = 4  # words of a policy that an answer in its own words must share with it,
_FEW = 2  # or at least these of a short one, and half of all it says


def verdicts(bench: Bench) -> list[Claim]:
    """A claim for each sentence of the answer that is a policy's own, now or once."""
    found: list[Claim] = []
    asked = "policy" in bench.topics
    for sentence in sentences(_without_marks(bench.answer)) if asked else ():
        words = _after_colon(sentence.text)
        if len(tokens(words)) < _SHORTEST:
            continue
        if judged := _judged(bench, words):
            start = sentence.start + sentence.text.index(words)
            span = {"start": start, "end": start + len(words.rstrip())}
            found.append(judged.model_copy(update=span))
    return found or list(rules.verdicts(bench))


def quoted(history: History, rows: Sequence[Row], answer: str) -> list[tuple[int, int]]:
    """Spans of the answer's sentences that are a policy's own, now or once.

    What a policy says of flights and bags in general states nothing of this customer's.
    """
    spans = []
    texts = [text for row in rows for text in _texts(history, row)]
    for sentence in sentences(_without_marks(answer)):
        words = _after_colon(sentence.text)
        if len(tokens(words)) >= _SHORTEST and any(_contains(text, words) for text in texts):
            start = sentence.start + sentence.text.index(words)
            spans.append((start, start + len(words)))
    return spans


def covered(bench: Bench) -> bool:
    """Whether the answer, in whatever words, speaks of what one of the policies says or said."""
    said = _told(bench.answer)
    return any(_enough(said, _texts(bench.history, row)) for row in bench.scope.policies)


def _texts(history: History, row: Row) -> list[str]:
    """What a policy says, and what it once said."""
    return [row["text"], *(one.row["text"] for one in history.states("policy", row["slug"]))]


def _told(answer: str) -> set[str]:
    told = [one.text for one in sentences(answer) if not is_disclaimed(one.text)]
    return content(" ".join(told))


def _shared(said: set[str], texts: Sequence[str]) -> int:
    return max(len(said & content(text)) for text in texts)


def _enough(said: set[str], texts: Sequence[str]) -> bool:
    return _shared(said, texts) >= min(_SHARED, max(_FEW, len(said) / 2))


def asked_about(question: str, policies: Sequence[Row]) -> Row | None:
    """The policy that shares most words with a question, else a notion; None if none does."""
    words = content(question)
    scored = [(len(words & content(row["title"] + " " + row["text"])), row) for row in policies]
    best = max(scored, key=lambda one: one[0], default=(0, None))
    return (
        best[1]
        if best[0]
        else next((row for row in policies if rules.touched(question, row)), None)
    )


def names_amount(policies: Sequence[Row], value: str) -> bool:
    """Whether the amount of a payment claim (`any 200.00 USD`) is one that a policy names."""
    amount = value.split()[1:2]
    plain = amount[0].removesuffix(".00") if amount else ""
    return bool(plain) and any(plain in tokens(row["text"]) for row in policies)


def _judged(bench: Bench, words: str) -> Claim | None:
    for row in bench.scope.policies:
        if _contains(row["text"], words):
            return _claim(bench, row, words, "current", None)
    for row in bench.scope.policies:
        past = bench.history.states("policy", row["slug"])
        if by := superseded(past, lambda old: _contains(old["text"], words)):
            return _claim(bench, row, words, "stale", by)
    return None


def _claim(bench: Bench, row: Row, words: str, status: str, by: Change | None) -> Claim:
    entity = f"policy/{row['slug']}"
    return bench.verdict((entity, "policy"), words.strip(), row["text"][:200], status, by)


def _contains(text: str, words: str) -> bool:
    return _spoken(words) in _spoken(text)


@lru_cache(maxsize=512)  # a policy's text is held against every sentence of every answer
def _spoken(text: str) -> str:
    return f" {' '.join(tokens(text))} "


def _after_colon(text: str) -> str:
    return text.split(": ", 1)[-1]


def _without_marks(text: str) -> str:
    return text.replace("“", " ").replace("”", " ")
