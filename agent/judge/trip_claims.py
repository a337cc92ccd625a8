"""What a clause states of a trip and its customer: booking, seat, bag, tier."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent import mentions
from agent.judge.clauses import Clause, Said, said, supposed
from agent.judge.flight_claims import LOCATOR
from agent.judge.numbers import IN_WORDS, number
from agent.judge.past import told_as_past
from agent.judge.polarity import NOT, denied
from agent.judge.topics import RECORDED
from pipeline.clock import airports

_NOT_NEAR = re.compile(NOT + r"(?:\s+\w+){0,2}\s*$", re.I)
_FREE = re.compile(
    r"(?:,? (?:and |or )?\d{1,2}[A-K])*\s+(?:(?:is|are|was|were)\b(?: \w+){0,2}? )?"
    r"(?:free|available|vacant|open|taken|occupied)\b",
    re.I,
)
_OFFERED_SEATS = re.compile(
    r"\b(?:free|available|vacant|open|other|spare|alternative)(?: \w+)? seats?\b[^.;]*$", re.I
)
_IN_GENERAL = re.compile(
    r"\s+(?:costs?|is (?:full|available|sold out)|seats?|upgrades?|fares?|passengers)\b", re.I
)
_COVERS = re.compile(r"\s+(?:covers?|would|polic|can|costs?|claims?|pays?)", re.I)
_NEGATED = re.compile(NOT + r"(?:\s+\w+){0,5}\s*$", re.I)
_SEAT_CODE = r"\d{1,2}\s?[A-K]\b"

# --- seats ----------------------------------------------------------------------------------------

_SEATED = re.compile(r"\b(?:seat\w*|sit|sits|sitting|row)\b", re.I)
_ROW_SEAT = re.compile(
    rf"\brow (?P<row>\d{{1,2}}|{IN_WORDS})\W+(?:and )?(?:seat )?(?P<seat>[A-K])\b|"
    r"\b(?P<hyphened>\d{1,2})-(?P<letter>[A-K])\b|"
    rf"\b(?P<spoken>{IN_WORDS}) (?P<named>(?-i:[A-K]))\b",
    re.I,
)
_NO_SEAT = re.compile(
    r"\bno seat\b|\bwithout a seat\b|(?:n't|not) (?:yet )?(?:have|got|been (?:assigned|"
    r"given|allocated)) "
    r"a seat|seat (?:has |is )?not (?:yet )?(?:been )?",
    re.I,
)


def seats(clause: Clause, topics: set[str]) -> Iterator[Said]:
    """Seats; the value is empty where the text says that there is none yet."""
    if found := _NO_SEAT.search(clause.text):
        yield said(clause, "seat", "", found.span())
        return
    for found in _ROW_SEAT.finditer(clause.text):
        if not supposed(clause, found.start()):
            row = number(found["row"] or found["hyphened"] or found["spoken"])
            letter = found["seat"] or found["letter"] or found["named"]
            yield said(clause, "seat", f"{row}{letter.upper()}", found.span())
    for found in mentions.SEAT.finditer(clause.text):
        before, after = clause.text[: found.start()], clause.text[found.end() :]
        at_gate = re.search(r"\bgate\s+(?:is\s+)?$", before, re.I)
        old = told_as_past(before, after, _SEAT_CODE) or _NOT_NEAR.search(before)
        seated = (
            topics & {"seat", "booking"}
            or _SEATED.search(clause.sentence)
            or re.search(r"\bin\s+$", before)
            or (re.search(r"\byou\b", clause.text, re.I) and found[0].isupper())
        )
        free = _FREE.match(after) or _OFFERED_SEATS.search(before)
        if seated and not free and not at_gate and not old and not supposed(clause, found.start()):
            start = _from_noun(clause.text, found.start(), r"seat\s+(?:is\s+)?(?:now\s+)?$")
            yield said(clause, "seat", (found[1] + found[2]).upper(), (start, found.end()))


def _from_noun(text: str, start: int, noun: str) -> int:
    found = re.search(rf"\b{noun}", text[:start], re.I)
    return found.start() if found else start


# --- bookings -------------------------------------------------------------------------------------

_BOOKING = rf"(?:\b(?:booking|reservation|trip|ticket)s?\b|(?-i:{LOCATOR}))"
_CANCELLED = re.compile(
    _BOOKING
    + r"[^,;]*?\b(?P<said>cancell?ed(?!\s+(?:flight\b|(?-i:[A-Z])\w\s?\d))|called off)"
    + r"|\b(?P<before>cancell?ed) (?:booking|reservation)\b",
    re.I,
)
_CONFIRMED = re.compile(
    _BOOKING + r"[^,;]*?\b(?P<said>confirmed|active|valid|in place|intact|stands)\b|"
    r"\b(?P<before>confirmed|active|valid) (?:booking|reservation)\b",
    re.I,
)
_CABIN = re.compile(
    r"\b(?P<cabin>economy|premium|business|first)(?:\s+(?:economy\s+)?(?:class|cabin))", re.I
)
_BARE_CABIN = re.compile(r"\b(?P<cabin>economy|premium|business|first(?= class))\b", re.I)
_CABIN_IN = re.compile(r"\b(?:in|fly|flying) (?P<cabin>economy|business)\b", re.I)
_INSURED = re.compile(r"\b(?P<not>not |un|isn't |no )?(?:insured\b|insurance\b)", re.I)
_ON_FLIGHT = re.compile(
    r"\b(?:(?:re)?booked|re-?booked you|moved|transferred|switched|shifted|reassigned|parked|"
    r"hopped|bumped|all set|"
    r"(?:seat|place|spot) on (?:tomorrow|today|tonight)'s|put|you are|you're|you fly|"
    r"you will be|travel\w*|"
    r"you remain|confirmed|your (?:new |next |current )?flight(?: is| number is| will be)?|"
    r"put you|"
    r"booking is|seat|seated|new flight(?: is)?)"
    r"(?:\s+(?:now|still|again|over|across|you|him|her|them|\w+ class|\d{1,2}[A-K]|seat|from|"
    r"the|\d{2,4}))*"
    r"(?:\s+(?:the|on|onto|to|in|with|for|is|from \w{2} ?\d+ (?:on)?to))*(?:\s+flight)?[\s:,]*$|"
    r"\bfrom [A-Z]\w ?\d+ (?:on)?to\s+$|\bonto\s+(?:flight\s+)?$",
    re.I,
)
_OFF_FLIGHT = re.compile(
    r"\b(?:from|instead of|not|no longer on|rather than|off|after)\s+(?:flight\s+)?$", re.I
)


_WE_CANCELLED = re.compile(
    r"\b(?:i|we|you)(?:'ve|'ve| have| had)?(?: \w+ly| now| just| already)* (?P<said>cancell?ed)\s+"
    rf"(?:(?:your|the|this|that)\s+)?{_BOOKING}",
    re.I,
)
_BARE_BOOKING = re.compile(
    r"\b(?:you|we|i)(?:'ve| have)? (?:now |just )?(?P<off>cancell?ed) it\b|\bit(?:'s| is|"
    r" was) confirmed\b",
    re.I,
)
_OFF = re.compile(
    r"\s+(?:is|was|has been|had to be)\s+(?:\w+ly )?(?:cancel|scr|called off|off\b)", re.I
)
_GATE_LIKE = re.compile(r"[A-Z]\d{1,3}")


def bookings(clause: Clause, topics: set[str]) -> Iterator[Said]:
    """Whether a booking stands, its cabin, its insurance."""
    for value, pattern in (("cancelled", _CANCELLED), ("confirmed", _CONFIRMED)):
        for found in pattern.finditer(clause.text):
            group = "said" if found["said"] else "before"
            place = found.start(group)
            between = clause.text[found.start() : place]
            if supposed(clause, place) or re.search(r"\b(?:flight|[A-Z]\w \d+)\b", between):
                continue
            negated = bool(_NOT_NEAR.search(clause.text[:place]))
            yield said(clause, "booking_status", value, found.span(group), negated=negated)
    for found in _WE_CANCELLED.finditer(clause.text):
        yield said(clause, "booking_status", "cancelled", found.span("said"))
    for found in _BARE_BOOKING.finditer(clause.text) if "booking" in topics else ():
        value = "cancelled" if found["off"] else "confirmed"
        yield said(clause, "booking_status", value, found.span())
    for bare in _BARE_CABIN.finditer(clause.text) if "cabin" in topics else ():
        if not supposed(clause, bare.start()):
            no = bool(_NOT_NEAR.search(clause.text[: bare.start()]))
            if not no:
                yield said(clause, "cabin", bare["cabin"].lower(), bare.span("cabin"))
    yield from _cabin_and_insurance(clause, asked="insurance" in topics)


def _cabin_and_insurance(clause: Clause, *, asked: bool) -> Iterator[Said]:
    """The cabin of a booking, and its insurance."""
    for pattern in (_CABIN, _CABIN_IN):
        for found in pattern.finditer(clause.text):
            general = _IN_GENERAL.match(clause.text[found.end() :])
            if not general and not supposed(clause, found.start()):
                yield said(clause, "cabin", found["cabin"].lower(), found.span())
    if asked or re.search(_BOOKING + r"|\byou\b|\bit\b|\bi\b", clause.sentence, re.I):
        for found in _INSURED.finditer(clause.text):
            general = _COVERS.match(clause.text[found.end() :])
            if not general and not supposed(clause, found.start()):
                no = found["not"] or denied(clause.text, *found.span())
                no = no or _NEGATED.search(clause.text[: found.start()])
                yield said(clause, "insurance", "no" if no else "yes", found.span())


def flights(clause: Clause, topics: set[str]) -> Iterator[Said]:
    """Flights that the text says the customer is booked on."""
    named_at = {one.start for one in clause.flights}
    foreign = [one for one in mentions.flights(clause.text) if one.start not in named_at]
    for one in sorted((*clause.flights, *foreign), key=lambda one: one.start):
        before = clause.text[: one.start]
        if one in foreign and _GATE_LIKE.fullmatch(clause.text[one.start : one.end]):
            continue
        if _OFF.match(clause.text[one.end :]):
            continue
        alone = re.match(r"\W*$|,|\s+(?:now|to|from)\b", clause.text[one.end :])
        named = "booking" in topics and not before.strip() and alone
        on = (named or _ON_FLIGHT.search(before)) and not _OFF_FLIGHT.search(before)
        if on and not supposed(clause, one.start) and not re.search(r"\bcan (?:put|move)", before):
            bare = "which flight" not in topics and not _ON_FLIGHT.search(before)
            yield said(clause, "flight", one.key, (one.start, one.end), guessed=bare)


# --- bags -----------------------------------------------------------------------------------------

BAG = re.compile(r"\b(?:bags?|luggage|baggage|suitcases?|case|cases|backpack)\b", re.I)
_NOT_BAG = re.compile(r"\b(?:flight|seat|gate|booking|tweet|refund|voucher)\b", re.I)
_BAG_STATUS = (
    ("registered", r"not (?:yet )?(?:been )?(?:handed in|checked in|dropped)|still with you"),
    (
        "checked",
        r"(?:was|is|been|were|are) checked(?:[- ]in)?\b|checked(?: it| them| your bag|"
        r" the bag)?[- ]in\b|"
        r"(?:handed|dropped|gave|brought|turned|taken)(?: it| them| the bag| your bag)? (?:in|"
        r"off|at the|over(?! to you))\b|"
        r"presented at|(?:took|taken) (?:it |them )?in\b",
    ),
    (
        "misrouted",
        r"misrouted|mis-routed|misdirected|astray|sent to the wrong|wrong (?:airport|place|"
        r"flight)|"
        r"mishandled|\blost\b|missing",
    ),
    (
        "located",
        r"located|last seen|been found|was found|is found|last scanned|was scanned|tracked",
    ),
    ("loaded", r"loaded|on board|on the (?:plane|aircraft)"),
    (
        "delivered",
        r"delivered|handed to you|given (?:back )?to you|back with you|handed over to you|"
        r"returned to you|brought to you|with you again",
    ),
)
BAG_STATUSES = tuple((value, re.compile(rf"\b(?:{p})", re.I)) for value, p in _BAG_STATUS)
_PAST_PERFECT = re.compile(
    r"\b(?:had (?:\w+ly |first |already )?(?:been|gone|ended up|travelled|flown|landed)|"
    r"after (?:\w+ing|it (?:was|went|had))|went|was (?:first|initially|originally|"
    r"briefly))\b[^,;]*$",
    re.I,
)
_PLACE = re.compile(
    r"\b(?:at|in|to|near)\s+(?:the\s+)?"
    r"(?P<place>(?=[A-Z]|bag|belt|check|sorting|loading|carousel|lost|arrivals)[\w'’-]+"
    r"(?:\s+(?!(?:for|on|and|at|but|as|since|with|instead|yesterday|today)\b)"
    r"[\w'’-]+){0,4})"
)


LABEL_NO = re.compile(r"^\W*:\W*(?:no|not|none)\b", re.I)
_BARE_PLACE = re.compile(
    r"^\W*(?!yes\b)(?P<at>[A-Z]{3}),?(?:\s+(?P<spot>(?:\w+ hall|check[- ]in|carousel \d+)))?\W*$",
    re.I,
)


def speaks_of_bag(clause: Clause, before: bool, topics: set[str]) -> bool:
    """Whether a clause is about a bag: by its own nouns, else as the clause before it was."""
    if BAG.search(clause.text):
        return not re.search(r"\bbags? (?:allowance|drop)|free bags?\b", clause.text, re.I)
    if clause.named_here or _NOT_BAG.search(clause.text):
        return False
    return before or topics & RECORDED == {"bag"}


_SPOT = re.compile(
    r"\b(?:hall|carousel|belt|ramp|check-?in|desk|sorting|loading|office|airport|terminal|hold|"
    r"warehouse|storage|customs|hotel|room|area|claim|lost)\b",
    re.I,
)


def is_place(words: str) -> bool:
    """Whether words name an airport, by its code or its city, or a spot of one."""
    return bool(_SPOT.search(words)) or bool(mentions.places(words))


def bags(clause: Clause, topics: set[str]) -> Iterator[Said]:
    """What became of a bag, and where it is."""
    if (
        "bag" in topics
        and (bare := _BARE_PLACE.match(clause.text))
        and bare["at"].upper() in airports()
    ):
        spot = (bare["spot"] or "").lower().replace("check in", "check-in")
        yield said(clause, "bag_location", f"{bare['at'].upper()} {spot}".strip(), bare.span("at"))
    for value, pattern in BAG_STATUSES:
        for found in pattern.finditer(clause.text):
            past = _PAST_PERFECT.search(clause.text[: found.start()])
            if past or supposed(clause, found.start()):
                continue
            negated = bool(_NOT_NEAR.search(clause.text[: found.start()]))
            negated = negated or bool(LABEL_NO.match(clause.text[found.end() :]))
            yield said(clause, "bag_status", value, found.span(), negated=negated)
    handed_in = [hit for _, one in BAG_STATUSES[:2] for hit in one.finditer(clause.text)]
    if any(denied(clause.text, *hit.span()) for hit in handed_in):
        return  # "not handed in at the desk" tells of no place
    for found in _PLACE.finditer(clause.text):
        if _PAST_PERFECT.search(clause.text[: found.start()]):
            continue
        if not supposed(clause, found.start()):
            if _NOT_NEAR.search(clause.text[: found.start()]) or not is_place(found["place"]):
                continue
            yield said(clause, "bag_location", found["place"], found.span())


# --- tier -----------------------------------------------------------------------------------------

_TIER = re.compile(
    r"\b(?P<a>gold|silver|regular|platinum|bronze|diamond)"
    r"(?=\s+(?:\w+\s+){0,2}?(?:member\b|status|tier|level|card\b|customer\b))|"
    r"\bone of our (?:\w+ )?(?P<d>gold|silver|regular|platinum|bronze|diamond)\b|"
    r"\b(?:tier|status|level|membership)(?: is| of|:)?(?: now| still)? "
    r"(?P<b>gold|silver|regular|platinum|bronze|diamond)\b|"
    r"\byou(?: are|'re)(?: now| still| a)* (?P<c>gold|silver|regular|platinum|bronze|diamond)\b",
    re.I,
)
_FROM = re.compile(r"\bfrom\s+$", re.I)
_BARE_TIER = re.compile(r"\b(?P<a>gold|silver|regular|platinum|bronze|diamond)(?:en)?\b", re.I)


def tiers(clause: Clause, topics: set[str]) -> Iterator[Said]:
    """The customer's tier; a bare `Silver.` counts where the tier was asked for."""
    pattern = _BARE_TIER if "tier" in topics else _TIER
    for found in pattern.finditer(clause.text):
        name = next(group for group, words in found.groupdict().items() if words)
        before, after = clause.text[: found.start(name)], clause.text[found.end(name) :]
        past = told_as_past(
            before, after, r"(?:gold|silver|regular|platinum|bronze|diamond)\b"
        ) or _FROM.search(before)
        if not supposed(clause, found.start()) and not past:
            negated = bool(_NOT_NEAR.search(before))
            yield said(clause, "tier", found[name].lower(), found.span(name), negated=negated)
