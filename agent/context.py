"""The context block: documents as a model is shown them, and the same block read back.

Two lines a document: a numbered one that a person or any model can read, and one of JSON with its
facts. Document text is hostile (a tweet may hold anything), so it never spans lines and never
starts one: nothing that a customer wrote can look like a document or like an instruction line.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.clock import from_rfc3339
from pipeline.documents import Document

_FACTS = "    facts: "
_LONGEST_TEXT = 1000  # characters of one document in the prompt; a policy fits, a long mail is cut


@dataclass(frozen=True)
class Known:
    """A document as it stands in the prompt."""

    number: int
    doc_id: str
    kind: str
    occurred_at: datetime
    text: str
    facts: dict[str, str]

    @property
    def key(self) -> str:
        """The document's id without its kind."""
        return self.doc_id.split("/", 1)[1]


def write(documents: Sequence[Document], now: datetime) -> str:
    """The block for a prompt, documents in the order given.

    Args:
        now: airline time; each line says how old its document is by it.
    """
    lines: list[str] = []
    for number, document in enumerate(documents, start=1):
        age = spoken_age((now - from_rfc3339(document.occurred_at)).total_seconds())
        lines.append(f"[{number}] ({document.kind}, {age} old) {_one_line(document.text)}")
        lines.append(_FACTS + json.dumps(_machine(number, document), ensure_ascii=True))
    return "\n".join(lines)


def read(prompt: str) -> list[Known]:
    """The documents in a prompt, in order; lines that are none are passed over."""
    lines = prompt.split("\n")
    return [
        known for line in lines if line.startswith(_FACTS) and (known := _known(line)) is not None
    ]


def spoken_age(seconds: float) -> str:
    """An age for people: `40 s`, `15 min`, `2 h 07 min`, `3 d 4 h`."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if seconds < 60:  # noqa: PLR2004
        return f"{max(0, int(seconds))} s"
    if not hours:
        return f"{minutes} min"
    return f"{days} d {hours % 24} h" if days else f"{hours} h {minutes % 60:02} min"


def _one_line(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST_TEXT else flat[: _LONGEST_TEXT - 1] + "…"


def _machine(number: int, document: Document) -> dict[str, Any]:
    return {
        "n": number,
        "doc_id": document.doc_id,
        "kind": document.kind,
        "occurred_at": document.occurred_at,
        "facts": {name: _one_line(value) for name, value in document.facts.items()},
    }


def _known(line: str) -> Known | None:
    try:
        fields = json.loads(line.removeprefix(_FACTS))
        return Known(
            number=int(fields["n"]),
            doc_id=str(fields["doc_id"]),
            kind=str(fields["kind"]),
            occurred_at=from_rfc3339(fields["occurred_at"]),
            text="",
            facts={str(name): str(value) for name, value in fields["facts"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
