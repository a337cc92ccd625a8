"""What a clause states of a trip and its customer: booking, seat, bag, tier, payment, contact."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent import mentions
from agent.judge.clauses import Clause, Said, said, supposed
from agent.judge.flight_claims import LOCATOR, NOT
from agent.judge.numbers import IN_WORDS, number
from agent.judge.past import told_as_past
from pipeline.clock import airports

_NOT_NEAR = re.compile(NOT + r"(?:\s+\w+){0,2}\s*$", re.I)
_FREE = re.compile(
    r"(?:,? (?:and |or )?\d{1,2}[A-K])*\s+(?:is|are|was|were)\b(?: \w+){0,2}? "
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
    rf"\brow (?P<row>\d{{1,2}}|{IN_WORDS}),? seat (?P<seat>[A-K])\b|"
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
            "seat" in topics
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
_CANCELLED = re.compile(_BOOKING + r"[^,;]*?\b(?P<said>cancell?ed|called off)", re.I)
_CONFIRMED = re.compile(_BOOKING + r"[^,;]*?\b(?P<said>confirmed|active|valid|in place)\b", re.I)
_CABIN = re.compile(
    r"\b(?P<cabin>economy|premium|business|first)(?:\s+(?:economy\s+)?(?:class|cabin))", re.I
)
_BARE_CABIN = re.compile(r"^\W*(?:in )?(?P<cabin>economy|premium|business|first)\W*$", re.I)
_CABIN_IN = re.compile(r"\b(?:in|fly|flying) (?P<cabin>economy|business)\b", re.I)
_INSURED = re.compile(r"\b(?P<not>not |un|isn't |no )?(?:insured\b|insurance\b)", re.I)
_ON_FLIGHT = re.compile(
    r"\b(?:(?:re)?booked|re-?booked you|moved|you are|you're|you fly|you will be|travel\w*|"
    r"you remain|confirmed|your (?:new |next |current )?flight(?: is| number is| will be)?|put you|"
    r"booking is|seat|seated|new flight(?: is)?)"
    r"(?:\s+(?:now|still|again|over|across|you|him|her|them|\w+ class|\d{1,2}[A-K]|seat))*"
    r"(?:\s+(?:on|onto|to|in|with|for|is|from \w{2} ?\d+ (?:on)?to))*(?:\s+flight)?[\s:,]*$",
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
            place = found.start("said")
            between = clause.text[found.start() : place]
            if supposed(clause, place) or re.search(r"\b(?:flight|[A-Z]\w \d+)\b", between):
                continue
            negated = bool(_NOT_NEAR.search(clause.text[:place]))
            yield said(clause, "booking_status", value, found.span("said"), negated=negated)
    for found in _WE_CANCELLED.finditer(clause.text):
        yield said(clause, "booking_status", "cancelled", found.span("said"))
    for found in _BARE_BOOKING.finditer(clause.text) if "booking" in topics else ():
        value = "cancelled" if found["off"] else "confirmed"
        yield said(clause, "booking_status", value, found.span())
    if "booking" in topics and (bare := _BARE_CABIN.match(clause.text)):
        yield said(clause, "cabin", bare["cabin"].lower(), bare.span("cabin"))
    yield from _cabin_and_insurance(clause)


def _cabin_and_insurance(clause: Clause) -> Iterator[Said]:
    """The cabin of a booking, and its insurance."""
    for pattern in (_CABIN, _CABIN_IN):
        for found in pattern.finditer(clause.text):
            general = _IN_GENERAL.match(clause.text[found.end() :])
            if not general and not supposed(clause, found.start()):
                yield said(clause, "cabin", found["cabin"].lower(), found.span())
    if re.search(_BOOKING + r"|\byou\b|\bit\b|\bi\b", clause.sentence, re.I):
        for found in _INSURED.finditer(clause.text):
            general = _COVERS.match(clause.text[found.end() :])
            if not general and not supposed(clause, found.start()):
                no = found["not"] or _NEGATED.search(clause.text[: found.start()])
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
        named = "booking" in topics and not before.strip()
        on = (named or _ON_FLIGHT.search(before)) and not _OFF_FLIGHT.search(before)
        if on and not supposed(clause, one.start) and not re.search(r"\bcan (?:put|move)", before):
            yield said(clause, "flight", one.key, (one.start, one.end))


# --- bags -----------------------------------------------------------------------------------------

_BAG = re.compile(r"\b(?:bags?|luggage|baggage|suitcases?|case|cases|backpack)\b", re.I)
_NOT_BAG = re.compile(r"\b(?:flight|seat|gate|booking|tweet|refund|voucher)\b", re.I)
_BAG_STATUS = (
    ("registered", r"not (?:yet )?(?:been )?(?:handed in|checked in|dropped)|still with you"),
    ("checked", r"(?:was|is|been|were|are) checked(?:[- ]in)?\b|checked[- ]in\b|handed in\b"),
    (
        "misrouted",
        r"misrouted|mis-routed|misdirected|astray|sent to the wrong|wrong (?:airport|place|flight)|"
        r"mishandled|\blost\b|missing",
    ),
    (
        "located",
        r"located|last seen|been found|was found|is found|last scanned|was scanned|tracked",
    ),
    ("delivered", r"delivered|handed over|returned to you|brought to you|with you again"),
)
_BAG_PATTERNS = tuple((value, re.compile(rf"\b(?:{p})", re.I)) for value, p in _BAG_STATUS)
_PAST_PERFECT = re.compile(
    r"\b(?:had (?:\w+ly |first |already )?(?:been|gone|ended up|travelled|flown|landed)|"
    r"after (?:\w+ing|it (?:was|went|had))|went|was (?:first|initially|originally|"
    r"briefly))\b[^,;]*$",
    re.I,
)
_PLACE = re.compile(
    r"\b(?:at|in|to|near)\s+(?:the\s+)?"
    r"(?P<place>(?=[A-Z]|baggage|check|sorting|loading|carousel|lost)[\w'’-]+"
    r"(?:\s+(?!(?:for|on|and|at|but|as|since|with|instead|yesterday|today)\b)"
    r"[\w'’-]+){0,4})"
)


_BARE_PLACE = re.compile(
    r"^\W*(?!yes\b)(?P<at>[A-Z]{3}),?(?:\s+(?P<spot>(?:\w+ hall|check[- ]in|carousel \d+)))?\W*$",
    re.I,
)


def speaks_of_bag(clause: Clause, before: bool, topics: set[str]) -> bool:
    """Whether a clause is about a bag: by its own nouns, else as the clause before it was."""
    if _BAG.search(clause.text):
        return not re.search(r"\bbags? (?:allowance|drop)|free bags?\b", clause.text, re.I)
    if clause.named_here or _NOT_BAG.search(clause.text):
        return False
    return before or (topics == {"bag"})


def bags(clause: Clause, topics: set[str]) -> Iterator[Said]:
    """What became of a bag, and where it is."""
    if (
        "bag" in topics
        and (bare := _BARE_PLACE.match(clause.text))
        and bare["at"].upper() in airports()
    ):
        spot = (bare["spot"] or "").lower().replace("check in", "check-in")
        yield said(clause, "bag_location", f"{bare['at'].upper()} {spot}".strip(), bare.span("at"))
    status_ends = 0
    for value, pattern in _BAG_PATTERNS:
        for found in pattern.finditer(clause.text):
            past = _PAST_PERFECT.search(clause.text[: found.start()])
            if past or supposed(clause, found.start()):
                continue
            negated = bool(_NOT_NEAR.search(clause.text[: found.start()]))
            status_ends = max(status_ends, found.end())
            yield said(clause, "bag_status", value, found.span(), negated=negated)
    for found in _PLACE.finditer(clause.text):
        if _PAST_PERFECT.search(clause.text[: found.start()]):
            continue
        if found.end() > status_ends and not supposed(clause, found.start()):
            if _NOT_NEAR.search(clause.text[: found.start()]):
                continue
            yield said(clause, "bag_location", found["place"], found.span())


# --- tier, payments, contacts ---------------------------------------------------------------------

_TIER = re.compile(
    r"\b(?P<a>gold|silver|regular)"
    r"(?=\s+(?:\w+\s+){0,2}?(?:member\b|status|tier|level|card\b|customer\b))|"
    r"\bone of our (?:\w+ )?(?P<d>gold|silver|regular)\b|"
    r"\b(?:tier|status|level|membership)(?: is| of|:)?(?: now| still)? "
    r"(?P<b>gold|silver|regular)\b|"
    r"\byou(?: are|'re)(?: now| still| a)* (?P<c>gold|silver|regular)\b",
    re.I,
)
_FROM = re.compile(r"\bfrom\s+$", re.I)
_BARE_TIER = re.compile(r"\b(?P<a>gold|silver|regular)\b", re.I)
_NUMBER = r"\d[\d,]*(?:\.\d{1,2})?"
_AMOUNT = re.compile(
    rf"(?P<sign>[$€£])\s?(?P<a>{_NUMBER})|(?P<b>{_NUMBER}|"
    rf"{IN_WORDS})(?P<half> and a half)?\s?(?:US )?"
    r"(?P<code>USD|EUR|GBP|dollars?|bucks?|euros?|"
    r"pounds?|quid)\b(?:\s+and\s+(?P<cents>\d{1,2}|"
    + IN_WORDS
    + r")\s+cents|\s+(?P<bare>"
    + IN_WORDS
    + r")(?=\W|$)(?!\s+\w))?|(?P<before>USD|EUR|GBP)\s?(?P<c>"
    + _NUMBER
    + r")",
    re.I,
)
_BARE_AMOUNT = re.compile(r"(?<![\w.:])\d+\.\d\d(?![\w.:])(?!\s*[ap]\.?m\b)")
CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP", "d": "USD", "e": "EUR", "p": "GBP"}
CURRENCIES |= {"b": "USD", "q": "GBP"}
_PAID = re.compile(
    r"\b(?:refund|voucher|money|payment)s?\b[^,;]*?\b(?:has|have|was|were|been|is)\b[^,;]*?"
    r"\b(?P<said>paid|issued|made|sent|refunded|on its way|processed|credited)\b|"
    r"\b(?:have|has|been|was) (?P<verb>refunded|reimbursed)\b",
    re.I,
)
_CHANNEL = (
    r"(?P<tweet>tweets?|twitter)|(?P<call>(?:phone )?calls?|voicemail)|(?P<email>e-?mails?|mail)|"
    r"(?P<chat>chats?)|(?P<any>complaints?|messages?|posts?|notes?|feedback)"
)
_T_CHANNEL, _Y_CHANNEL, _Z_CHANNEL = (_CHANNEL.replace("?P<", f"?P<{letter}_") for letter in "tyz")
_LOGGED = (
    "logged|noted|registered|received|recorded|filed|on file|in (?:our|the|my) "
    "(?:system|records?|files?)|on record|with us|with (?:our|the) team|in front of me|"
    "looked (?:at|into)|read|passed on"
)
_SEEN = re.compile(
    r"\b(?:i|we|[A-Z][a-z]+)(?:'ve|'m|\s+\w+){0,3}?\s+(?:see|saw|seen|got|received|read|have|know|"
    rf"noticed|noted|had|picked up|spotted|heard|took|logged|aware of|find|found|"
    rf"with)\b[^.;]{{0,40}}?\b(?:{_CHANNEL})\b|"
    rf"\b(?:thank you|thanks|sorry) (?:for|about) your\b[^.;]{{0,20}}?"
    rf"\b(?:{_T_CHANNEL})\b|"
    r"\b(?:i|we)\b[^.;]{0,30}?\bthat you (?:(?P<w_call>spoke|talked)|(?P<v_tweet>tweeted)|"
    r"(?P<v_call>called|phoned)|"
    r"(?P<v_email>e-?mailed)|(?P<v_any>wrote|posted|complained|messaged|contacted))\b|"
    rf"\b(?:{_Z_CHANNEL})\b[^.;,]{{0,40}}?\b(?:is|was|has been|have been|are|were)"
    r"(?: \w+ly| now| already| being)? "
    rf"(?:{_LOGGED})\b|"
    rf"\byour\b[^.;]{{0,20}}?\b(?:{_Y_CHANNEL})\b[^.;]{{0,30}}?\b(?:reached|arrived|"
    r"(?:has |was )?(?:been )?(?:received|read|seen|noted)|is (?:on file|here|with us))",
    re.I,
)


def tiers(clause: Clause, topics: set[str]) -> Iterator[Said]:
    """The customer's tier; a bare `Silver.` counts where the tier was asked for."""
    pattern = _BARE_TIER if "tier" in topics else _TIER
    for found in pattern.finditer(clause.text):
        name = next(group for group, words in found.groupdict().items() if words)
        before, after = clause.text[: found.start(name)], clause.text[found.end(name) :]
        past = told_as_past(before, after, r"(?:gold|silver|regular)\b") or _FROM.search(before)
        if not supposed(clause, found.start()) and not past:
            negated = bool(_NOT_NEAR.search(before))
            yield said(clause, "tier", found[name].lower(), found.span(name), negated=negated)


def payments(clause: Clause, topics: set[str]) -> Iterator[Said]:
    """Amounts, `refunded 120.00 USD`; without an amount that something was paid at all."""
    kind = _payment_kind(clause)
    amounts = list(_AMOUNT.finditer(clause.text))
    if not amounts and "payment" in topics and (bare := _BARE_AMOUNT.search(clause.text)):
        yield said(clause, "payment", f"{kind} {bare[0]}", bare.span())
        return
    for found in amounts:
        digits = next(found[group] for group in ("a", "b", "c") if found[group])
        sign = found["sign"] or found["code"] or found["before"] or ""
        currency = CURRENCIES.get(sign[:1].lower(), sign.upper()) if len(sign) != _CODE else sign
        amount = _amount(digits, found["cents"] or found["bare"])
        amount += _HALF if found["half"] else 0
        value = f"{kind} {amount:.2f} {currency.upper()}"
        if not supposed(clause, found.start()):
            yield said(clause, "payment", value, found.span())
    for found in _PAID.finditer(clause.text):
        group = "said" if found["said"] else "verb"
        if not amounts and not supposed(clause, found.start(group)):
            begins = max(0, found.start() - len("not yet "))
            negated = bool(re.search(NOT, clause.text[begins : found.start(group)], re.I))
            yield said(clause, "payment", kind, found.span(group), negated=negated)


_CODE, _HALF = 3, 0.5


def _amount(words: str, cents: str | None) -> float:
    """An amount in digits or in words, with the cents that follow it."""
    plain = words.replace(",", "")
    whole = float(plain) if plain[0].isdigit() else number(plain)
    return whole + (number(cents) / 100 if cents else 0)


def _payment_kind(clause: Clause) -> str:
    kinds = {"refunded": r"refund|reimburs|money back", "voucher_issued": r"voucher"}
    named = [kind for kind, words in kinds.items() if re.search(words, clause.sentence, re.I)]
    return named[0] if len(named) == 1 else "any"


_DENYING = r"\b(?:no|not|never|cannot|any|none|nothing)\b|n't\b"
_SEEN_IT = re.compile(
    r"\b(?:saw|seen|see|got|have|read|received|found) (?:it|that|them|yours|both|all|one|"
    r"(?:your|the) "
    r"(?:last|latest|most recent))\b|^\W*(?:both|all|every one|each)\b(?: of them|"
    r" of those)?\s*[,.!]|"
    r"\b(?:reached|arrived|came (?:in|through)|got (?:through|here))\b|"
    r"(?<!if )(?<!when )(?<!until )\byou (?:tweeted|called|rang|phoned|e-?mailed|wrote|posted|told|"
    r"messaged|complained|spoke|got in touch)\b",
    re.I,
)


def contacts(clause: Clause, topics: set[str]) -> Iterator[Said]:
    """Contacts that the text says were seen, or were not (negated)."""
    for found in _SEEN.finditer(clause.text):
        groups = found.groupdict()
        if "contact" not in topics and (groups["t_any"] or groups["t_chat"]):
            continue  # "thank you for your message" is said to anybody who writes
        channel = next((name for name, words in groups.items() if words), "any")
        plain = channel.split("_")[-1]
        denied = re.search(_DENYING, found[0], re.I)
        yield said(clause, "contact", plain, found.span(), negated=bool(denied))
    if "contact" in topics and (seen := _SEEN_IT.search(clause.text)):
        no = bool(re.search(_DENYING, clause.text[: seen.end()], re.I))
        yield said(clause, "contact", "any", seen.span(), negated=no)
