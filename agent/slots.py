"""Wordings of what a message names, made alike before its intent is read.

What is spelt aloud is written together, and a number, code or amount becomes a word for its kind.
What a message names is found by `agent/mentions.py` and, where it matters, held against the
customer's own documents.
"""

from __future__ import annotations

import re

from agent import mentions

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_UNITS = {word: number for number, word in enumerate(_SMALL.split())} | {"a": 1, "an": 1}
_TENS = {
    word: 10 * number
    for number, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2
    )
}
_NUMBER_WORD = "|".join([*_UNITS, *_TENS, "hundred", "thousand"])
_UNIT = r"(?P<unit>usd|dollars?|bucks?|eur|euros?|gbp|pounds?|quid|[$€£])"
_FIGURE = r"(?P<figure>\d{1,3}(?:,\d{3})+(?:\.\d\d)?|\d{1,6}(?:\.\d\d)?)"
_SIGN_FIRST = re.compile(rf"(?:(?P<unit>usd|eur|gbp)\s|(?P<sign>[$€£])\s?){_FIGURE}", re.I)
_UNIT_LAST = re.compile(rf"(?<![\w.]){_FIGURE}\s?{_UNIT}(?![a-z])", re.I)
_IN_WORDS = re.compile(
    rf"\b(?P<words>(?:{_NUMBER_WORD})(?:[ -]+(?:and[ -]+)?(?:{_NUMBER_WORD}))*)\s+{_UNIT}(?![a-z])",
    re.I,
)
_SEAT_FIRST = re.compile(r"\bse[ae]t\s+(?:number\s+|no\.?\s+)?(\d{1,2})[\s-]?([a-k])\b", re.I)
_LOCATOR = re.compile(
    r"(?<![A-Za-z0-9])(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{6}(?![A-Za-z0-9])"
)
_DIGITS = {word: str(number) for number, word in enumerate(_SMALL.split()[:10])} | {"oh": "0"}
_TEENS = {
    word: str(number)
    for word, number in {**_UNITS, **_TENS}.items()
    if word not in {*_DIGITS, "a", "an"}
}
_SPELT = re.compile(
    r"(?<![\w'])(?:[a-z]|\d)"
    rf"(?:[ -](?:[a-z](?![\w'])|\d{{1,4}}(?!\w)|(?:{'|'.join(_DIGITS | _TEENS)})\b)){{2,9}}",
    re.I,
)


def masked(text: str) -> str:
    """The text with a word for its kind in place of each number, code, amount and calendar day.

    Questions that differ in these alone become the same: `is EA 204 late` -> `is FLIGHTNO late`.
    """
    text = written_out(text)
    for pattern in (_SIGN_FIRST, _UNIT_LAST, _IN_WORDS):
        text = pattern.sub(" AMOUNT ", text)
    for one in reversed(mentions.flights(text)):
        text = f"{text[: one.start]} FLIGHTNO {text[one.end :]}"
    text = mentions.CALENDAR_DAY.sub(" SOMEDAY ", text)
    text = _SEAT_FIRST.sub(" SEATNO ", text)
    text = mentions.SEAT.sub(" SEATNO ", text)
    text = re.sub(r"(?<!\w)(?:[A-Z]{2,3}[ -]?)?\d{6,12}(?!\w)", " TAGNO ", text)
    return _LOCATOR.sub(" LOCATOR ", text)


def written_out(text: str) -> str:
    """The text with what is spelt aloud written together: `e a two oh four` -> `EA204`."""
    return _SPELT.sub(_joined, text)


def _joined(found: re.Match[str]) -> str:
    parts = re.split(r"[ -]", found[0].casefold())
    tens, ones = set(map(str, range(20, 100, 10))), set(_DIGITS.values()) - {"0"}
    written = ""
    last = ""
    for part in parts:
        digits = _DIGITS.get(part) or _TEENS.get(part) or part
        # "forty two" is 42, "three ten" is 310.
        if last in tens and last in map(_TEENS.get, parts) and digits in ones:
            written = f"{written[:-1]}{digits}"
        else:
            written += digits
        last = digits
    is_code = any(one.isdigit() for one in written) and any(one.isalpha() for one in written)
    return written.upper() if is_code else found[0]
