"""What is different between two texts or two documents, and what the matrix shows of it. Pure.

A matrix has a column each for the record, Benighted and Enlightened, and a row a thing that they
speak of; a cell is a text in spans, with a verdict in mark and word where there is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from pipeline.documents import Document
from pipeline.schema import ARMS
from ui.answer_card import NAMES, VERDICTS
from ui.components import Part, Parts

Spans = list[dict[str, str]]
Cell = dict[str, Any]
RECORD = ("▣", "The record")
_WORD = re.compile(r"\w+(?:[:.]\d+)*|\s+|[^\w\s]")  # 15:10 is one word


def marked(before: str, after: str, gone: str = "gone", new: str = "new") -> tuple[Spans, Spans]:
    """Both texts in spans: words that only the first has are `gone`, only the second `new`."""
    old, young = _WORD.findall(before), _WORD.findall(after)
    spans: tuple[Spans, Spans] = [], []
    for tag, a, b, c, d in SequenceMatcher(None, old, young, autojunk=False).get_opcodes():
        _append(spans[0], old[a:b], "" if tag == "equal" else gone)
        _append(spans[1], young[c:d], "" if tag == "equal" else new)
    return spans


def _append(spans: Spans, words: list[str], mark: str) -> None:
    if words:
        text = "".join(words)
        spans.append({"text": text, "mark": mark} if mark and text.strip() else {"text": text})


def changed_facts(
    before: Mapping[str, str], after: Mapping[str, str]
) -> list[tuple[str, str, str]]:
    """(attribute, value before, value after) of each fact that is not the same; "" for none."""
    names = dict.fromkeys([*before, *after])
    pairs = ((name, before.get(name, ""), after.get(name, "")) for name in names)
    return [(name, old, new) for name, old, new in pairs if old != new]


def columns(notes: Mapping[str, Parts]) -> list[dict[str, Any]]:
    """The heads of a matrix; `notes` by "record", "batch" and "stream"."""
    named = [("record", RECORD), *((arm, NAMES[arm]) for arm in ARMS)]
    return [
        {"arm": arm, "sign": sign, "name": name, "note": notes.get(arm, [])}
        for arm, (sign, name) in named
    ]


def cell(
    text: str | Spans, status: str = "", *, quiet: bool = False, note: Sequence[Part] = ()
) -> Cell:
    """One cell. `status` is a verdict, shown with its mark and its word."""
    mark, word = VERDICTS.get(status, ("", ""))
    spans = [{"text": text}] if isinstance(text, str) else text
    return {
        "spans": spans, "status": status, "mark": mark, "word": word,
        "quiet": quiet, "note": list(note),
    }  # fmt: skip


def against(true: Document | None, known: Document | None) -> tuple[str, Spans]:
    """What an arm's document is worth beside the record's: (verdict, its text with differences)."""
    if known is None:
        return ("missing", []) if true else ("none", [])
    if true is None:
        return "wrong", [{"text": known.text}]
    if known.text == true.text and known.facts == true.facts:
        return "current", [{"text": known.text}]
    return "stale", marked(known.text, true.text, gone="stale")[0]


def behind(statuses: Iterable[str]) -> str:
    """How much of what there is an arm had right: `5 of 6 right`."""
    counted = [one for one in statuses if one != "none"]
    right = counted.count("current")
    if not counted:
        return "nothing to know"
    return f"{right} of {len(counted)} right"
