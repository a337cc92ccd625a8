"""The details of a wish: which flight, booking, day, seat, amount, bag and place it names.

Patterns only: whether what is named exists, and whose it is, is for the reader to find out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache

from agent import mentions
from agent.words import LONGEST, fold, near, tokens
from pipeline.clock import airports

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
_CURRENCIES = {"$": "USD", "usd": "USD", "dollar": "USD", "buck": "USD", "€": "EUR", "eur": "EUR"}
_CURRENCIES |= {"euro": "EUR", "£": "GBP", "gbp": "GBP", "pound": "GBP", "quid": "GBP"}
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
_LETTERED = re.compile(r"\b[A-Z]{6}\b")
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
_WISHES = {"window": ("window",), "aisle": ("aisle", "gangway"), "exit": ("exit",)}
_WISHES |= {"front": ("front",), "back": ("back", "rear")}
_CODE = re.compile(r"\b[A-Z]{3}\b")


@dataclass(frozen=True)
class Amount:
    """A sum of money in a currency (USD, EUR, GBP)."""

    value: Decimal
    currency: str


@dataclass(frozen=True)
class Slots:
    """What a message names, each in the order of the text; empty where it names none."""

    flights: tuple[str, ...]  # EA204
    locators: tuple[str, ...]  # EK7Q2P
    days: tuple[date, ...]
    seats: tuple[str, ...]  # 14C
    seat_wishes: tuple[str, ...]  # window, aisle, exit, front, back
    amounts: tuple[Amount, ...]
    tags: tuple[str, ...]  # digits of bag tags
    airports: tuple[str, ...]  # IATA codes, of airports or of all airports of a city


def slots_of(message: str, today: date, places: tuple[str, ...] = ()) -> Slots:
    """The slots of a message.

    Args:
        today: the airline's day, for `tomorrow`, weekdays and dates without a year.
        places: IATA codes that city names may mean; a code in capitals counts anyway.
    """
    text = written_out(message[:LONGEST])
    flights = tuple(dict.fromkeys(one.key for one in mentions.flights(text)))
    return Slots(
        flights=flights,
        locators=tuple(one for one in _locators(text) if one not in flights),
        days=tuple(mentions.days(text, today)),
        seats=_seats(text),
        seat_wishes=_wishes(text),
        amounts=_amounts(text),
        tags=tuple(dict.fromkeys(re.sub(r"\D", "", tag) for tag in mentions.numbers_in(text))),
        airports=_airports(text, places),
    )


def with_earlier(now: Slots, earlier: Slots) -> Slots:
    """The slots of a follow-up: what it names, and of what it does not what was named before."""
    return Slots(
        **{
            name: getattr(now, name) or getattr(earlier, name)
            for name in Slots.__dataclass_fields__
        }
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


def _locators(text: str) -> tuple[str, ...]:
    found = [match[0].upper() for match in _LOCATOR.finditer(text)]
    if not text.isupper():  # in a shouted message every word is in capitals
        found += [match[0] for match in _LETTERED.finditer(text)]
    return tuple(dict.fromkeys(found))


def _seats(text: str) -> tuple[str, ...]:
    found = [*mentions.SEAT.finditer(text), *_SEAT_FIRST.finditer(text)]
    found.sort(key=lambda one: one.start(1))
    return tuple(dict.fromkeys(f"{int(one[1])}{one[2].upper()}" for one in found))


def _wishes(text: str) -> tuple[str, ...]:
    words = tokens(text)
    return tuple(
        wish
        for wish, cues in _WISHES.items()
        if any(near(word, cue) for word in words for cue in cues)
    )


def _amounts(text: str) -> tuple[Amount, ...]:
    found: dict[int, Amount] = {}
    for pattern in (_SIGN_FIRST, _UNIT_LAST):
        for match in pattern.finditer(text):
            fields = match.groupdict()
            unit = fields.get("sign") or fields["unit"]
            value = Decimal(fields["figure"].replace(",", ""))
            found.setdefault(match.start("figure"), Amount(value, _currency(unit)))
    for match in _IN_WORDS.finditer(text):
        value = Decimal(_number(match["words"]))
        found.setdefault(match.start(), Amount(value, _currency(match["unit"])))
    return tuple(found[place] for place in sorted(found))


def _currency(unit: str) -> str:
    return _CURRENCIES[unit.casefold().removesuffix("s")]


def _number(words: str) -> int:
    """`a hundred and twenty` -> 120."""
    whole = part = 0
    for word in re.split(r"[ -]+", words.casefold()):
        if word == "hundred":
            part = max(part, 1) * 100
        elif word == "thousand":
            whole, part = whole + max(part, 1) * 1000, 0
        elif word != "and":
            part += _UNITS.get(word, _TENS.get(word, 0))
    return whole + part


def _airports(text: str, places: tuple[str, ...]) -> tuple[str, ...]:
    codes = [] if text.isupper() else [one for one in _CODE.findall(text) if one in airports()]
    named = [code for code in places if mentions.names_place(text, code)]
    near_named = [] if named else [code for code in places if _nearly_names(text, code)]
    return tuple(dict.fromkeys([*codes, *named, *near_named]))


def _nearly_names(text: str, code: str) -> bool:
    city = _city(code)
    return " " not in city and any(near(word, city) for word in tokens(text))


@cache
def _city(code: str) -> str:
    return fold(str(airports().get(code, {}).get("city", "")))
