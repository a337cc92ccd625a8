"""The text in a boarding pass's barcode: IATA Resolution 792, bar coded boarding pass (BCBP).

    M1MOYO/ADA            EADA7KQ JFKORDEA 0122 039C002A0012 100
    | |                   ||      |  |  |  |    |  ||   |    |`- length of what follows, hexadecimal
    | name, 20            ||      |  |  |  |    |  ||   |    passenger status
    format and legs       ||      |  |  |  |    |  ||   sequence number, 5
       e-ticket indicator -'      |  |  |  |    |  |seat, 4
                  locator, 7 -----'  |  |  |    |  compartment
                  origin and destination  |    day of the year, 3
                                carrier, 3, and flight, 5

One to four legs follow one another; each may have a conditional section, which is skipped by the
length it declares, and a security block may end the text. Every field is checked against a narrow
pattern, since anybody can print a barcode. Nothing here knows pictures or the airline.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

NAME_WIDTH = 20
HEADER = re.compile(r"M(?P<legs>[1-4])(?P<name>.{20})[E ]", re.DOTALL)
# A surname, a slash, given names. Without the slash only where the surname fills the field.
NAME = re.compile(r"[A-Z][A-Z' -]*/[A-Z][A-Z' -]*|[A-Z]{20}")
# Blank day, seat and sequence are allowed: an open date, no seat, not checked in.
LEG = re.compile(
    r"(?P<locator>(?=[A-Z0-9 ]{7})[A-Z0-9]{5,7} {0,2})"
    r"(?P<origin>[A-Z]{3})(?P<destination>[A-Z]{3})"
    r"(?P<carrier>[A-Z0-9]{2}[A-Z ])(?P<flight>[0-9]{4}[A-Z ])"
    r"(?P<day>[0-9]{3}| {3})(?P<compartment>[A-Z])"
    r"(?P<seat>[0-9]{3}[A-Z]|INF | {4})(?P<sequence>[0-9]{4}[A-Z0-9 ]| {5})"
    r"[0-9A-Z ](?P<extra>[0-9A-F]{2})"
)
SECURITY = re.compile(r"\^[0-9A-Z](?P<length>[0-9A-F]{2})")
CABINS = dict.fromkeys("FPARJCDIZ", "business") | {"W": "premium"}  # all others: economy
COMPARTMENTS = {"business": "C", "premium": "W", "economy": "Y"}


class NotBcbp(ValueError):
    """The text is not a boarding pass; the message names the first field that is wrong."""


@dataclass(frozen=True)
class Leg:
    """One flight of a boarding pass, in the product's forms (EA204, 14C, economy)."""

    locator: str
    origin: str
    destination: str
    flight_number: str
    date: date | None  # none: the pass leaves the day open
    cabin: str
    seat: str | None
    sequence: int | None


@dataclass(frozen=True)
class BoardingPass:
    """Who flies (SURNAME/GIVEN, as printed) on what, in flying order."""

    passenger: str
    legs: tuple[Leg, ...]


def nearest(day_of_year: int, today: date) -> date:
    """The date with this number in its year (1 to 366) that is nearest to `today`.

    Of two equally near the later. Raises NotBcbp when no year around has such a day.
    """
    dates = []
    for year in (today.year - 1, today.year, today.year + 1):
        candidate = date(year, 1, 1) + timedelta(days=day_of_year - 1)
        if candidate.year == year:
            dates.append(candidate)
    if not dates:
        raise NotBcbp(f"no day {day_of_year} in the years around {today.year}")
    return min(dates, key=lambda found: (abs(found - today), -found.toordinal()))


def parse(text: str, today: date) -> BoardingPass:
    """Read a barcode's text. Raises NotBcbp when any field or declared length does not fit."""
    header = HEADER.match(text)
    if header is None:
        raise NotBcbp("no BCBP header")
    name = header["name"].rstrip()
    if not NAME.fullmatch(name):
        raise NotBcbp("passenger name")
    position, legs = header.end(), []
    for number in range(1, int(header["legs"]) + 1):
        leg = LEG.match(text, position)
        if leg is None:
            raise NotBcbp(f"leg {number}")
        position = _skip(text, leg.end(), leg["extra"])
        legs.append(_leg(leg, today))
    if security := SECURITY.match(text, position):
        position = _skip(text, security.end(), security["length"])
    if text[position:].strip():
        raise NotBcbp("text after the last field")
    return BoardingPass(name, tuple(legs))


def _skip(text: str, position: int, length: str) -> int:
    """Where the text goes on after a section of `length` (hexadecimal) characters."""
    end = position + int(length, 16)
    if end > len(text):
        raise NotBcbp("shorter than it declares")
    return end


def _leg(found: re.Match[str], today: date) -> Leg:
    seat, day, sequence = found["seat"].strip(), found["day"].strip(), found["sequence"].strip()
    return Leg(
        locator=found["locator"].strip(),
        origin=found["origin"],
        destination=found["destination"],
        flight_number=found["carrier"].strip() + (found["flight"].strip().lstrip("0") or "0"),
        date=nearest(int(day), today) if day else None,
        cabin=CABINS.get(found["compartment"], "economy"),
        seat=None if seat in {"", "INF"} else seat.lstrip("0"),
        sequence=int(sequence[:4]) if sequence else None,
    )


def compose(boarding_pass: BoardingPass, extras: Sequence[str] = (), security: str = "") -> str:
    """The barcode text of a pass: the inverse of `parse`, for samples and tests.

    `extras` are the legs' conditional sections, `security` the signature; at most 255 characters
    each. The carrier is the first two characters of the flight number.
    """
    name = boarding_pass.passenger[:NAME_WIDTH]
    text = f"M{len(boarding_pass.legs)}{name:<{NAME_WIDTH}}E"
    for number, leg in enumerate(boarding_pass.legs):
        extra = extras[number] if number < len(extras) else ""
        flight = re.fullmatch(r"([0-9]+)([A-Z]?)", leg.flight_number[2:])
        if flight is None:
            raise ValueError(f"not a flight number: {leg.flight_number}")
        day = f"{leg.date:%j}" if leg.date else ""
        sequence = "" if leg.sequence is None else f"{leg.sequence:04}"
        seat = "" if leg.seat is None else f"{leg.seat:>04}"
        text += (
            f"{leg.locator:<7}{leg.origin}{leg.destination}{leg.flight_number[:2]:<3}"
            f"{flight[1]:>04}{flight[2]:<1}{day:<3}{COMPARTMENTS[leg.cabin]}{seat:<4}{sequence:<5}"
            f"1{len(extra):02X}{extra}"
        )
    return text + (f"^1{len(security):02X}{security}" if security else "")
