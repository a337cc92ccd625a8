"""Text as words: folding, tokens, near-equal words, sentences. Knows nothing of airlines."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

LONGEST = 4_000  # characters of a question that are read: a longer one says nothing more

_WORD = re.compile(r"[a-z0-9]+")
_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?](?=\w)[^.!?\n]*)*(?:[.!?\n]+|$)")
QUOTED = re.compile(r"“[^”]*”|\"[^\"\n]*\"|«[^»]*»")
_ABBREVIATED = re.compile(r"\b([ap])\.\s?m\.?", re.IGNORECASE)
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'"})


@dataclass(frozen=True)
class Sentence:
    """A sentence with the place of its first character in the text it is from."""

    text: str
    start: int


def fold(text: str) -> str:
    """Lower case, without accents and with plain apostrophes; length may change."""
    plain = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES).casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def tokens(text: str) -> list[str]:
    """Words of a text, folded: `Where's my bag?` -> where, s, my, bag."""
    return _WORD.findall(fold(text[:LONGEST]))


@lru_cache(maxsize=100_000)
def near(word: str, other: str) -> bool:
    """Whether two words are the same but for a typo: one slip from five letters, two from nine.

    Of four letters two may be swapped; shorter words have to be right.
    """
    if word == other:
        return True
    shorter, longer = sorted((len(word), len(other)))
    if shorter == longer == _LONG - 1:
        return sorted(word) == sorted(other) and _distance(word, other) == 1
    allowed = 0 if shorter < _LONG else 1 if shorter < _VERY_LONG else 2
    if not allowed or longer - shorter > allowed or word[0] != other[0]:
        return False
    return _distance(word, other) <= allowed


_LONG, _VERY_LONG = 5, 9


def _distance(word: str, other: str) -> int:
    """Optimal string alignment distance: insert, delete, replace, swap neighbours."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(word, start=1):
        older, before, row = before, row, [i]
        for j, against in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == against:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of a text, with their places. `15.10`, `3 p.m.` and `$1.50` end none."""
    hidden = _ABBREVIATED.sub(lambda found: found[0].replace(".", "·"), text)
    for found in _SENTENCE.finditer(hidden):
        if found[0].strip():
            yield Sentence(text[found.start() : found.end()], found.start())


def quoted(text: str) -> list[str]:
    """What stands between quotation marks."""
    return [found[0][1:-1].strip() for found in QUOTED.finditer(text)]


def without_quotes(text: str) -> str:
    """The text with what is quoted blanked out, every other character in its place."""
    return QUOTED.sub(lambda found: " " * len(found[0]), text)
