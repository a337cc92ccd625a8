"""Where a sentence names a value of a booking, a bag, a customer, a payment or a contact.

And how each stands to the record. Numbers of which no word tells the kind come last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent import mentions
from agent.clues import content
from agent.judge.flight_claims import BOOKING_AFTER, FLIGHT_AFTER, subject
from agent.judge.flight_values import Value, is_denied
from agent.judge.history import Holds
from agent.judge.numbers import IN_WORDS, number
from agent.judge.polarity import denied
from agent.judge.rules import COSTS, FREE, QUANTITY, quantity
from agent.judge.standing import NO, NOW, OLD, Passage
from agent.judge.trip_claims import BAG_STATUSES, LABEL_NO
from agent.words import QUOTED
from pipeline.images import Row

_TIER = re.compile(r"\b(gold|silver|regular|platinum|bronze|diamond)(?:en|s)?\b", re.I)
_CABIN = re.compile(
    r"\b(economy|eco|premium|business|biz|first(?= class| cabin))(?: class| cabin)?\b", re.I
)
_SHORT = {"eco": "economy", "biz": "business"}
_ROW_SEAT = re.compile(
    rf"\b(?:row )?(?P<row>\d{{1,2}}|{IN_WORDS})[ ,-]+(?:seat )?"
    r"(?P<letter>[A-K]|(?i:alpha|bravo|charlie|delta|echo|foxtrot|juliet|kilo))\b(?!['’])"
)
_INSURED = re.compile(r"\b(?:un)?insur\w+|\bcover(?:ed|age)\b", re.I)
_CANCELLED = re.compile(r"\bcancell?\w+|\bcalled off\b", re.I)
_NAME = re.compile(r"\b[A-Z][a-z]+\b")
_MONEY = re.compile(r"\bhow much\b|\b(?:refund|voucher|money)\b", re.I)
_WHO = re.compile(r"\bwho(?:'d|'s|m)?\b", re.I)
_NO_START = re.compile(r"[a-z,:;] $")
_DAY = re.compile(rf"\byesterday\b|\blast night\b|{mentions.CALENDAR_DAY.pattern}", re.I)
_UNIT = r"(?:USD|dollars?|bucks?|EUR|euros?|quid|pounds|greenbacks)\b"
_AMOUNT = re.compile(
    rf"[$€£]\s?(?P<a>\d+(?:[.,]\d\d)?)|\b(?P<b>\d+(?:\.\d\d)?|{IN_WORDS})[\s-]*{_UNIT}"
    r"(?:(?: and)? \w+(?:-\w+)? cents?\b)?|\b(?:USD|EUR)\s?(?P<c>\d+(?:\.\d\d)?)",
    re.I,
)
_CENTS = re.compile(  # eighty-nine fifty
    rf"\b(?P<whole>{IN_WORDS})[ -](?:and )?(?:ten|(?:twen|thir|for|fif|six|seven|eigh|nine)ty)"
    r"(?:-five)?\b",
    re.I,
)
_NUMBER = re.compile(rf"(?<![\w.])(?!one\b)(?:{IN_WORDS}|\d{{1,4}}(?:\.\d\d)?)\b", re.I)
_COUNTABLE = (
    r"(?P<people>passengers?|pax|people|travell?ers?|persons?|guests?|adults?|(?:of )?(?:you|us)\b|"
    r"names?|seats)|(?P<bags>bags?|suitcases?|pieces?|pcs?|cases?)|(?P<flights>flights|legs)|"
    r"(?P<bookings>bookings?|reservations?)|"
    r"(?P<messages>tweets?|messages?|calls?|e-?mails?|complaints?)"
)
_COUNTED = re.compile(
    rf"\b(?P<many>{IN_WORDS}|\d{{1,2}})\s(?:(?!from\b)\w+\s)?(?:{_COUNTABLE})\b", re.I
)
_HOW_MANY = re.compile(rf"\bhow many (?:\w+ )?(?:{_COUNTABLE})\b", re.I)
_THINGS = {
    "tweet": r"tweet\w*|posts?\b|posted|twitter",
    "call": r"calls?\b|called(?! off)|phon\w*|rang\b|spoke\w*|talked",
    "email": r"e-?mail\w*|mails?\b",
    "chat": r"chat\w*",
    "contact": r"messages?|complain\w*|contact\w*|heard|hear\b",
    "refunded": r"refund\w*|reimburs\w*|money",
    "voucher_issued": r"vouchers?|credit\w*",
    "payment": r"payments?|compensat\w*|paid\b",
    "bag": r"bags?|luggage|baggage|suitcases?",
    "booking": r"bookings?|reservations?|trips?|tickets?|booked",
}
_CHANNELS = ("tweet", "call", "email", "chat")
_THING = re.compile("|".join(rf"\b(?P<{name}>{words})\b" for name, words in _THINGS.items()), re.I)


def keys(one: Passage) -> Iterator[Value]:
    """Locators and tags."""
    for found in mentions.known(one.text, [*one.scope.bookings, *one.scope.bags]):
        yield found.start, found.end, "key:own"
    for word in mentions.locators_in(one.text):
        if any(map(str.isdigit, word)) and not word.isdigit():
            start = one.text.index(word)
            yield start, start + len(word), "key:no"


def days(one: Passage) -> Iterator[Value]:
    """Days: today, the day of a flight in scope, or another."""
    today = one.scope.now.date()
    theirs = {today.isoformat(), *(key.split("/")[1] for key in one.scope.flights)}
    for found in _DAY.finditer(one.text):
        named = {day.isoformat() for day in mentions.days(found[0], today)}
        yield *found.span(), f"day:{NOW if named & theirs else NO}"


def amounts(one: Passage) -> Iterator[Value]:
    """Amounts of money, `eighty-nine fifty` among them where a payment is of that."""
    for found in _CENTS.finditer(one.text):
        if _amount(one, number(found["whole"].lower())) == "amount:now":
            yield *found.span(), "amount:now"
    for found in _AMOUNT.finditer(one.text):
        yield *found.span(), _amount(one, _number(found["a"] or found["b"] or found["c"]))


def _amount(one: Passage, amount: float) -> str:
    paid = {whole for row in one.scope.payments for whole in (row["amount"], int(row["amount"]))}
    return "amount:now" if amount in paid else f"price:{one.of_rule(('usd', amount))}"


def _number(said: str) -> float:
    plain = said.lower().replace(",", ".")
    return float(plain) if plain[0].isdigit() else float(number(plain))


def counts(one: Passage) -> Iterator[Value]:
    """Counts of the customer's own things, and of the bags of a rule."""
    for found in _COUNTED.finditer(one.text):
        yield *found.span(), _count(one, _number(found["many"]), str(found.lastgroup))


def _count(one: Passage, many: float, things: str) -> str:
    scope = one.scope
    channels = [row["channel"] for row in scope.interactions]
    true = {
        "people": {sum(len(row["passengers"]) for row in scope.bookings.values())},
        "bags": {len(scope.bags)},
        "flights": {len(scope.own_flights)},
        "bookings": {len(scope.active), len(scope.bookings)},
        "messages": {len(channels), *map(channels.count, channels)},
    }
    rule = one.of_rule(("b", many)) if things == "bags" else NO
    return f"rule:{rule}" if rule != NO else f"count:{NOW if many in true[things] else NO}"


def quantities(one: Passage) -> Iterator[Value]:
    """Quantities of a rule: hours, kilograms, bags."""
    for found in QUANTITY.finditer(one.text):
        yield *found.span(), f"rule:{one.of_rule(quantity(found))}"


def prices(one: Passage) -> Iterator[Value]:
    """That something is free, or that it costs: as the likeliest rule says it or not."""
    for free, pattern in ((True, FREE), (False, COSTS)):
        for found in pattern.finditer(one.text):
            yield *found.span(), f"{'free' if free else 'costs'}:{one.of_price(free=free)}"


def messages(one: Passage) -> Iterator[Value]:
    """What stands between quotation marks: of the newest message, an older one, or none."""
    texts = [content(row["text"]) for row in one.scope.interactions]
    for found in QUOTED.finditer(one.text):
        words = content(found[0])
        like = [len(words & text) * 2 >= max(len(words), 1) for text in texts]
        standing = NOW if any(like[:1]) else OLD if any(like) else NO
        yield *found.span(), f"message:{standing}"


def seats(one: Passage) -> Iterator[Value]:
    """Seats, on the flight that is meant or another of a booking."""
    for found in mentions.SEAT.finditer(one.text):
        yield *found.span(), _seat(one, f"{int(found[1])}{found[2].upper()}")
    for found in _ROW_SEAT.finditer(one.text):
        yield (
            *found.span(),
            _seat(one, f"{number(found['row'].lower())}{found['letter'][0].upper()}"),
        )


def _seat(one: Passage, seat: str) -> str:
    flights = {key.split("/")[0] for key in one.meant}
    here = one.known.standing(one.scope.bookings, _seated(seat, flights))
    there = one.known.standing(one.scope.bookings, _seated(seat, None))
    if here != NO or there == OLD:
        return f"seat:{here if here != NO else there}"
    return "seat:second" if there == NOW and not one.is_named else "seat:no"


def _seated(seat: str, flights: set[str] | None) -> Holds:
    def test(row: Row) -> bool:
        parts = row["segments"] if row["status"] != "cancelled" else ()
        return any(
            part["seat"] == seat and (flights is None or part["flight_number"] in flights)
            for part in parts
        )

    return test


def tiers(one: Passage) -> Iterator[Value]:
    """Tiers of the customer."""
    key = [one.scope.customer["customer_id"]] if one.scope.customer else []
    for found in _TIER.finditer(one.text):
        yield *found.span(), f"tier:{one.known.standing(key, _has('tier', found[1].lower()))}"


def cabins(one: Passage) -> Iterator[Value]:
    """Cabins of a booking."""
    for found in _CABIN.finditer(one.text):
        named = found[1].lower()
        test = _has("cabin", _SHORT.get(named, named))
        yield *found.span(), f"cabin:{one.known.standing(one.scope.bookings, test)}"


def _has(column: str, value: str) -> Holds:
    return lambda row: bool(row[column] == value)


def insurance(one: Passage) -> Iterator[Value]:
    """Whether a booking is insured, a denial taken into account."""
    for found in _INSURED.finditer(one.text) if one.scope.bookings else ():
        no = denied(one.text, *found.span()) or found[0].lower().startswith("un")
        test = _is_insured(denied=no)
        yield *found.span(), f"insured:{one.known.standing(one.scope.bookings, test)}"


def _is_insured(*, denied: bool) -> Holds:
    return lambda row: bool(row["insurance"]) != denied


def bags(one: Passage) -> Iterator[Value]:
    """What became of a bag, its denial taken into account."""
    if one.of_bag or not one.meant:
        for value, pattern in BAG_STATUSES:
            for found in pattern.finditer(one.text):
                no = is_denied(one.text, found.start()) or LABEL_NO.match(one.text[found.end() :])
                test = _is(value, denied=bool(no))
                if no and value == "checked":
                    test = _is("registered", denied=False)
                yield *found.span(), f"bag:{one.known.standing(one.scope.bags, test)}"


def bookings(one: Passage) -> Iterator[Value]:
    """That a booking is cancelled, or that it is not."""
    for found in _CANCELLED.finditer(one.text) if one.scope.bookings else ():
        after = one.text[found.end() :]
        of_flight = FLIGHT_AFTER.match(after) or subject(one.text, found.start()) != "booking"
        only = not one.scope.own_flights and not one.flight
        if BOOKING_AFTER.match(after) or not of_flight or only:
            test = _is("cancelled", denied=is_denied(one.text, found.start()))
            yield *found.span(), f"booking:{one.known.standing(one.scope.bookings, test)}"


def _is(status: str, *, denied: bool) -> Holds:
    return lambda row: (row["status"] == status) != denied


def names(one: Passage) -> Iterator[Value]:
    """Names: the customer's and their companions', of who took a call, and others."""
    passengers = [who for row in one.scope.bookings.values() for who in row["passengers"]]
    people = [who["name"] for who in (*passengers, one.scope.customer) if who]
    own = {part for name in people for part in name.split()}
    handlers = [row["handled_by"] for row in one.scope.interactions if row["handled_by"]]
    asked_who = handlers and _WHO.search(one.known.question)
    took = {part for name in handlers for part in name.split()}
    for found in _NAME.finditer(one.text):
        if found[0] in own:
            yield *found.span(), "name:own"
        elif found[0] in took:
            yield *found.span(), "handler:now"
        elif _NO_START.search(one.text[: found.start()]):
            yield *found.span(), f"handler:{NO}" if asked_who else "name:other"


def numbers(one: Passage) -> Iterator[Value]:
    """Numbers without their unit: a count that was asked for, an amount, a quantity of a rule."""
    asked = _HOW_MANY.search(one.known.question)
    for found in _NUMBER.finditer(one.text):
        many = _number(found[0])
        if asked:
            yield *found.span(), _count(one, many, str(asked.lastgroup))
            continue
        amount = _amount(one, many)
        if _MONEY.search(one.known.question):
            yield *found.span(), amount
            continue
        rules = (rule for unit in ("h", "k", "b") if (rule := one.of_rule((unit, many))) != NO)
        rule = next(rules, NO)
        bare = f"rule:{rule}" if rule != NO else f"count:{_is_any_count(one, many)}"
        yield *found.span(), bare if amount.endswith(NO) else amount


def _is_any_count(one: Passage, many: float) -> str:
    scope = one.scope
    true = {len(scope.own_flights), len(scope.bags), len(scope.bookings)}
    true |= {sum(len(row["passengers"]) for row in scope.active)}
    true |= {*map([one["channel"] for one in scope.interactions].count, _CHANNELS)} - {0}
    return NOW if many in true else NO


def things(one: Passage) -> Iterator[Value]:
    """After each noun whether there is such a thing: since an event, always, no longer, not."""
    scope = one.scope
    since = {row["payment_type"] for row in scope.payments}
    since |= {row["channel"] for row in scope.interactions}
    groups = (
        ("payment", scope.payments),
        ("contact", scope.interactions),
        ("bag", scope.bags),
        ("booking", scope.active),
    )
    there = dict.fromkeys(since, "event")
    there |= {"booking": "gone"} if scope.bookings else {}
    for name, rows in groups:
        if rows:
            there[name] = "event" if name in ("payment", "contact") else "always"
    for found in _THING.finditer(one.text):
        yield found.end(), found.end(), f"there:{there.get(str(found.lastgroup), NO)}"
