"""What an airline has learned since it answered: the documents of an answer, then and now. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from agent.answer import Answer
from pipeline.documents import Document

MOST = 1  # changes that are shown: the answer itself needs the room
_AROUND = 5  # words that are kept on each side of a change


@dataclass(frozen=True)
class Change:
    """A document that reads otherwise now. `spans`: {text} kept, {text, mark: gone|new}."""

    doc_id: str
    spans: list[dict[str, str]]


def changes(answer: Answer, now: Sequence[Document]) -> list[Change]:
    """What has changed under an answer in the documents that its claims speak of.

    Args:
        now: documents of the same arm, by any order; those that the answer did not cite count not.
    """
    then = {one.doc_id: one.text for one in answer.context}
    about = {claim.entity for claim in answer.verdict.claims}
    found = [
        Change(one.doc_id, difference(then[one.doc_id], one.text))
        for one in now
        if one.doc_id in then and one.doc_id in about and one.text != then[one.doc_id]
    ]
    return found[:MOST]


def difference(old: str, new: str) -> list[dict[str, str]]:
    """Two texts as spans, word by word; what is equal is cut short far from what is not."""
    before, after = old.split(), new.split()
    steps = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    spans: list[dict[str, str]] = []
    for number, (kind, a, b, c, d) in enumerate(steps):
        if kind == "equal":
            kept = _shortened(before[a:b], number == 0, number == len(steps) - 1)
            spans.append({"text": " ".join(kept)})
            continue
        if b > a:
            spans.append({"text": " ".join(before[a:b]), "mark": "gone"})
        if d > c:
            spans.append({"text": " ".join(after[c:d]), "mark": "new"})
    return spans


def _shortened(words: list[str], first: bool, last: bool) -> list[str]:
    head = [] if first else words[:_AROUND]
    tail = [] if last else words[-_AROUND:]
    return words if len(head) + len(tail) >= len(words) else [*head, "…", *tail]
