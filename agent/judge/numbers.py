"""Whole numbers in digits or in English words: `150`, `twenty-one`, `one hundred and fifty`."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_VALUES = {word: value for value, word in enumerate(_SMALL.split())}
_VALUES |= {word: value * 10 for value, word in enumerate(_TENS.split(), start=2)}
_TIMES = {"hundred": 100, "thousand": 1_000}
_TEN = 10
_WORD = "|".join(sorted([*_VALUES, *_TIMES], key=len, reverse=True))
_AND = r"(?:-|\s+(?:and|n|'n'|&)\s+|\s+)"
IN_WORDS = rf"(?:\b(?:a (?=hundred|thousand))?(?:{_WORD})\b(?:{_AND}(?:{_WORD})\b)*)"
"""Pattern of a number in words."""
_SPELLED = re.compile(rf"\b(?:{_WORD}|oh)\b(?:[ -](?:{_WORD}|oh)\b)+", re.I)


def spelled(text: str) -> Iterator[tuple[str, int, int]]:
    """Numbers as one reads a flight number out, and where: `two oh four` and `four eleven`.

    Yields (`204`, start, end). `five hundred` is 500, `seventy-seven` and `seven seven` are 77.
    """
    for found in _SPELLED.finditer(text):
        digits, tens = "", False
        for word in re.split(r"[ -]", found[0].lower()):
            value = _VALUES.get(word, 0)
            if word in _TIMES:
                digits += str(_TIMES[word])[1:]
            elif digits.endswith("0") and 0 < value < _TEN and tens:  # "seventy" then "seven"
                digits = digits[:-1] + str(value)
            else:
                digits += str(value)
            tens = value > _TEN and not value % _TEN
        yield digits, *found.span()


def number(text: str) -> int:
    """`one hundred and fifty` or `150` -> 150; raises ValueError for what is no number."""
    if text.isdigit():
        return int(text)
    whole = part = 0
    for word in re.split(_AND, text.strip().lower().removeprefix("a ")):
        if word in _VALUES:
            part += _VALUES[word]
        elif word == "hundred":
            part = max(part, 1) * _TIMES[word]
        elif word == "thousand":
            whole, part = whole + max(part, 1) * _TIMES[word], 0
        else:
            raise ValueError(f"no number: {text!r}")
    return whole + part
