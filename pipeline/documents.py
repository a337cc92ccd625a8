"""Event -> context documents: pure functions from the image of an entity to what an agent reads.

Both arms call exactly these: the stream feeds them the after-images of the outbox, the batch feeds
them the rows of gold. One document per entity, replaced when it changes: a store that keeps the
old version beside the new one answers with the old one.

A document says only what its own entity's row says. A booking names its flights but not their
times, so a delay changes one document and not every booking on the aircraft; the agent follows the
booking to its flights.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.clock import airports, local
from pipeline.images import Image, Row


@dataclass(frozen=True)
class Document:
    """One context document, before it is embedded.

    `version` is the outbox sequence of the newest event in it (0: the world as loaded),
    `occurred_at` that event's airline time.
    """

    doc_id: str
    kind: str
    customer_ids: tuple[str, ...]
    entities: tuple[str, ...]
    text: str
    facts: dict[str, str]
    occurred_at: str
    version: int

    @property
    def passage(self) -> str:
        """What is embedded: the text without its dates.

        A date says when, which filters and facts answer; in the vector it would only move a
        document away from the same document of another day. It also lets vectors that were made
        once serve the world on whatever day it is shown.
        """
        return _DATED.sub("", self.text)


_DATED = re.compile(r" (?:on|of) \d{1,2} [A-Z][a-z]{2} \d{4}")


def documents(image: Image, *, version: int, occurred_at: str) -> list[Document]:
    """The documents of one entity.

    Args:
        image: {"kind", "key", "row"}, see `images`.
        version: outbox sequence of the event that made this image.
        occurred_at: airline time of that event, RFC 3339 UTC.
    """
    row = image["row"]
    text, facts, customer_ids, entities = _WRITERS[image["kind"]](row)
    doc_id = f"{image['kind']}/{image['key']}"
    return [
        Document(
            doc_id=doc_id,
            kind=image["kind"],
            customer_ids=tuple(customer_ids),
            entities=tuple(dict.fromkeys([doc_id, *entities])),
            text=mask(clean(text)),
            facts={name: mask(clean(str(value))) for name, value in facts.items() if value},
            occurred_at=occurred_at,
            version=version,
        )
    ]


# --- personal data --------------------------------------------------------------------------------

# The lengths are those of RFC 5321; without them a long text without spaces takes minutes.
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_GROUPS = re.compile(r"(?<![\w-])\d+(?:[ -]\d+)*(?!\w)")
_PHONE = re.compile(r"(?<![\w-])\+?\(?\d[\d ().x/-]{6,20}\d(?!\w)")
_SEPARATING = re.compile(r"[\x0b\x0c\r\x1c-\x1f\x85]")
# Control, zero-width and direction-changing characters, and those of Unicode's tags.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
_DIGITS_OF_CARD = range(13, 20)
_MOST_PARTS_OF_CARD = 2 * 19 - 1  # each digit a group of its own, and what separates them
_DIGITS_OF_PHONE = range(9, 16)


def mask(text: str) -> str:
    """Replace e-mail addresses, card numbers (Luhn) and phone numbers, before anything is stored.

    Luhn's check (ISO/IEC 7812-1) tells a card from a ten-digit bag tag or any other long number.
    """
    text = _EMAIL.sub("[e-mail]", text)
    text = _GROUPS.sub(lambda found: _without_cards(found[0]), text)
    return _PHONE.sub(lambda found: _without_phone(found[0]), text)


def clean(text: str) -> str:
    """Drop what nobody sees; keep line breaks, emoji and all scripts.

    Nothing takes an unseen character's place: a space would part an e-mail address, which `mask`
    would then not know, and hidden text would stay hidden.
    """
    return _UNSEEN.sub("", _SEPARATING.sub(" ", text))


def _without_cards(text: str) -> str:
    # A card may stand among other groups of digits, such as before its date of expiry.
    parts = re.split(r"([ -])", text)  # group, separator, group, …
    masked: list[str] = []
    start = 0
    while start < len(parts):
        ends = range(start + 1, min(start + _MOST_PARTS_OF_CARD, len(parts)) + 1, 2)
        card = max((end for end in ends if _is_card("".join(parts[start:end]))), default=0)
        masked += ["[card]"] if card else parts[start : start + 1]
        start = card or start + 1
        masked += parts[start : start + 1]  # the separator
        start += 1
    return "".join(masked)


def _without_phone(text: str) -> str:
    # The longest part, from the start to the end of a group of digits, that is a number.
    for end in sorted((group.end() for group in re.finditer(r"\d+", text)), reverse=True):
        if _is_phone(text[:end]):
            return f"[phone]{text[end:]}"
    return text


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _is_card(text: str) -> bool:
    if len(text) < _DIGITS_OF_CARD.start:
        return False
    digits = _digits(text)
    if len(digits) not in _DIGITS_OF_CARD:
        return False
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def _is_phone(text: str) -> bool:
    # A date and time ("2013-02-08 14:07") or a bare bag tag is no phone number: ask for a sign of
    # one, a plus, a bracket or groups that are not a date's.
    digits = _digits(text)
    grouped = re.search(r"[ ().x/-]", text) and not re.match(r"\d{4}-\d{2}-\d{2}", text)
    return len(digits) in _DIGITS_OF_PHONE and bool(text.startswith("+") or grouped)


# --- one writer a kind: (text, facts, customers, other entities) ----------------------------------

Written = tuple[str, dict[str, Any], list[str], list[str]]


def spoken_flight(number: str) -> str:
    """`EA204` as people write it: `EA 204`."""
    return f"{number[:2]} {number[2:]}"


def spoken_day(date: str) -> str:
    """`2013-02-08` as `8 Feb 2013`."""
    day = datetime.fromisoformat(date)
    return f"{day.day} {day:%b %Y}"


def city(airport: str) -> str:
    """City of an airport, or the code where it is not known."""
    return airports().get(airport, {}).get("city") or airport


def _flight(row: Row) -> Written:
    departure = local(row["departure"], row["origin"])
    arrival = local(row["arrival"], row["destination"])
    scheduled = local(row["scheduled_departure"], row["origin"])
    landing = local(row["scheduled_arrival"], row["destination"])
    leaves, lands, planned = (f"{moment:%H:%M}" for moment in (departure, arrival, scheduled))
    name = (
        f"Flight {spoken_flight(row['flight_number'])} from {city(row['origin'])} "
        f"({row['origin']}) to {city(row['destination'])} ({row['destination']}) "
        f"on {spoken_day(row['date'])}"
    )
    gate = f"gate {row['gate']}" if row["gate"] else "no gate yet"
    because = f" because of {row['reason']}" if row["reason"] else ""
    states = {
        "scheduled": f"is on time: departs {leaves}, arrives {lands}, {gate}.",
        "delayed": f"is delayed{because}: departs {leaves} instead of {planned}, "
        f"arrives {lands}, {gate}.",
        "cancelled": f"is cancelled{because}. It was to depart at {planned}, {gate}.",
        "departed": f"departed at {leaves} (planned {planned}), arrives {lands}, {gate}.",
        "landed": f"landed at {lands}; it departed at {leaves} (planned {planned}).",
    }
    facts = {
        "flight_number": row["flight_number"],
        "date": row["date"],
        "origin": row["origin"],
        "destination": row["destination"],
        "status": row["status"],
        "scheduled_departure": f"{scheduled:%Y-%m-%d %H:%M}",
        "scheduled_arrival": f"{landing:%Y-%m-%d %H:%M}",
        "departure": f"{departure:%Y-%m-%d %H:%M}",
        "arrival": f"{arrival:%Y-%m-%d %H:%M}",
        "gate": row["gate"],
        "reason": row["reason"],
    }
    return f"{name} {states[row['status']]}", facts, [], []


def flight_entity(part: Row) -> str:
    """The subject of the flight that a segment is on."""
    return f"flight/{part['flight_number']}/{part['date']}"


def _booking(row: Row) -> Written:
    legs = [
        f"{spoken_flight(part['flight_number'])} on {spoken_day(part['date'])} "
        f"{'seat ' + part['seat'] if part['seat'] else 'without a seat yet'}"
        for part in row["segments"]
    ]
    names = [passenger["name"] for passenger in row["passengers"]]
    people = names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "") if names else ""
    insured = "insured" if row["insurance"] else "not insured"
    text = (
        f"Booking {row['locator']} ({row['status']}) for {people}: {', then '.join(legs)}; "
        f"{row['cabin']} class, {insured}."
    )
    facts: dict[str, Any] = {
        "locator": row["locator"],
        "status": row["status"],
        "cabin": row["cabin"],
        "insurance": "yes" if row["insurance"] else "no",
        "passengers": ", ".join(names),
        "travellers": len(names),
        "booked_at": row["created_at"],
        "reason": row["reason"],
        "segments": json.dumps(
            [{"flight": flight_entity(part), "seat": part["seat"]} for part in row["segments"]]
        ),
    }
    entities = [flight_entity(part) for part in row["segments"]]
    return text, facts, [row["customer_id"]], [*entities, f"customer/{row['customer_id']}"]


_BAG_STATES = {
    "registered": "is not handed in yet",
    "checked": "was checked in",
    "misrouted": "was misrouted",
    "located": "was located",
    "delivered": "was delivered",
}


def _bag(row: Row) -> Written:
    where = f" at {row['location']}" if row["location"] else ""
    on = f", flight {spoken_flight(row['flight_number'])}" if row["flight_number"] else ""
    text = f"Bag {row['tag']} of booking {row['locator']} {_BAG_STATES[row['status']]}{where}{on}."
    facts = {
        "tag": row["tag"],
        "locator": row["locator"],
        "status": row["status"],
        "location": row["location"],
        "flight_number": row["flight_number"],
    }
    owner = [row["customer_id"]] if row["customer_id"] else []
    entities = [f"booking/{row['locator']}", *(f"customer/{customer}" for customer in owner)]
    return text, facts, owner, entities


def _customer(row: Row) -> Written:
    # The name only: address and number are masked before anything is embedded, so they are not
    # written in the first place; that they exist is all an agent needs to know.
    reachable = [name for name in ("email", "phone") if row[name]]
    by = f" Can be reached by {' and '.join(reachable)}." if reachable else ""
    text = f"{row['name']} is a {row['tier']} member of the loyalty programme.{by}"
    facts = {"name": row["name"], "tier": row["tier"], "customer_id": row["customer_id"]}
    return text, facts, [row["customer_id"]], []


_CHANNELS = {"tweet": "tweet", "chat": "chat message", "call": "phone call", "email": "e-mail"}


def _interaction(row: Row) -> Written:
    channel = _CHANNELS[row["channel"]]
    if row["direction"] == "inbound":
        said = f"{channel.capitalize()} from the customer"
    else:
        said = f"Our {channel} to the customer"
        if row["handled_by"]:
            said += f" by {row['handled_by']}"
    facts = {
        "channel": row["channel"],
        "direction": row["direction"],
        "handled_by": row["handled_by"],
        "said": row["text"],
    }
    customer = row["customer_id"]
    return f"{said}: “{row['text']}”", facts, [customer], [f"customer/{customer}"]


_PAYMENTS = {"refunded": "Refund", "voucher_issued": "Voucher"}


def _payment(row: Row) -> Written:
    amount = f"{row['amount']:.2f} {row['currency']}"
    what = _PAYMENTS[row["payment_type"]]
    on = f" on booking {row['locator']}" if row["locator"] else ""
    facts = {
        "payment_type": row["payment_type"],
        "amount": f"{row['amount']:.2f}",
        "currency": row["currency"],
        "locator": row["locator"],
    }
    entities = [f"customer/{row['customer_id']}"]
    if row["locator"]:
        entities.append(f"booking/{row['locator']}")
    return f"{what} of {amount}{on}.", facts, [row["customer_id"]], entities


def _policy(row: Row) -> Written:
    facts = {"title": row["title"], "text": row["text"]}
    return f"Policy “{row['title']}”: {row['text']}", facts, [], []


_WRITERS: dict[str, Callable[[Row], Written]] = {
    "flight": _flight,
    "booking": _booking,
    "bag": _bag,
    "customer": _customer,
    "interaction": _interaction,
    "payment": _payment,
    "policy": _policy,
}
