"""Verdicts on claims about bookings, bags, the tier, payments and contacts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent import mentions
from agent.answer import Claim
from agent.judge import holds, policies
from agent.judge.bench import Bench
from agent.judge.clauses import Said, flights_named
from agent.judge.scope import Scope
from agent.words import quoted, tokens
from pipeline.documents import mask
from pipeline.images import Row

_OTHER_LEG = re.compile(r"^\W*(?:on|for) (?:the|your) (?:way|return|second|other|next)", re.I)
_GIVEN = re.compile(
    r"\b(?:i|we)(?:'ve| have)?(?: \w+ly| just| now| already| gone ahead and)* "
    r"(?:issued|credited|refunded|paid|sent|given|added|transferred|returned)\b|"
    r"\b(?:has|have|was|were) (?:been )?(?:issued|credited|refunded|paid|sent|added|transferred)\b",
    re.I,
)
_EARLIER = re.compile(r"\bmorning\b|\bfirst\b|\bearlier\b|\bnine\b|\b0?9\b", re.I)
_HAD = re.compile(
    r"\bhad (?:i|we)\b|\b(?:i|we) (?:had|used to)\b|\bold (?:seat|booking|flight)\b", re.I
)
_WHEN = re.compile(r"\bwhen\b", re.I)
_NEAR = 30  # characters after a seat in which its leg may be named without a number
_QUOTED_WORDS = 8  # first words of a quoted message by which it is found again


def of_booking(bench: Bench, said: Said) -> Claim | None:
    """The verdict on a claim about a booking: status, cabin, insurance, flight, seat."""
    rows = _bookings_meant(bench, said)
    after = said.clause.text[said.end - said.clause.start :][:_NEAR]
    asked = [one.key for one in flights_named(bench.question, bench.scope.carriers)]
    on = said.flight or next(iter(asked), None)
    flight = on if said.attribute == "seat" and not _OTHER_LEG.search(after) else None

    def test(row: Row) -> bool:
        return holds.booking_holds(said, row, flight)

    def shown(row: Row) -> str:
        return _shown_booking(said, row)

    claim = bench.settle(said, "booking", rows, test, shown)
    if claim.status == "wrong" and flight and not said.clause.named_here:
        # The flight was named in another clause: it may not be the one that the seat is on.
        flight = None
        claim = bench.settle(said, "booking", rows, test, shown)
    if claim.status == "stale" and _HAD.search(bench.question):
        return bench.claim(said, claim.entity, said.value, "current")  # asked, and told, as history
    return None if claim.status == "wrong" and said.guessed else claim


def _bookings_meant(bench: Bench, said: Said) -> list[tuple[str, Row]]:
    bookings = bench.scope.bookings
    for text in (said.clause.sentence, bench.question):
        named = [one.key for one in mentions.known(text, bookings)]
        if named:
            return [(key, bookings[key]) for key in named]
    unknown = [word for word in mentions.locators_in(said.clause.sentence) if _has_digit(word)]
    numbers = {one.key for one in mentions.flights(said.clause.sentence)}
    if [word for word in unknown if word not in numbers and word not in bench.scope.bags]:
        return []
    order = sorted(bookings, key=lambda key: bookings[key]["status"] == "cancelled")
    return [(key, bookings[key]) for key in order]


def _has_digit(word: str) -> bool:
    return any(letter.isdigit() for letter in word) and not word.isdigit()


def _shown_booking(said: Said, row: Row) -> str:
    if said.attribute == "booking_status" or row["status"] == "cancelled":
        return str(row["status"])
    if said.attribute == "cabin":
        return str(row["cabin"])
    if said.attribute == "insurance":
        return "yes" if row["insurance"] else "no"
    if said.attribute == "flight":
        return ", ".join(part["flight_number"] for part in row["segments"])
    parts = [part for part in row["segments"] if part["flight_number"] == said.flight]
    return ", ".join(part["seat"] or "no seat" for part in parts or row["segments"])


def of_bag(bench: Bench, said: Said) -> Claim:
    """The verdict on a claim about a bag: status, location."""
    bags = bench.scope.bags
    named = mentions.known(said.clause.sentence, bags) or mentions.known(bench.question, bags)
    foreign = [tag for tag in mentions.numbers_in(said.clause.sentence) if tag not in bags]
    keys = [one.key for one in named] or ([] if foreign else list(bags))
    column = "status" if said.attribute == "bag_status" else "location"
    claim = bench.settle(
        said,
        "bag",
        [(key, bags[key]) for key in keys],
        lambda row: holds.bag_holds(said, row),
        lambda row: row[column] or "not known",
    )
    if claim.status == "stale" and _WHEN.search(bench.question):  # when it was is told of the past
        return bench.claim(said, claim.entity, claim.true_, "current")
    return claim


def of_tier(bench: Bench, said: Said) -> Claim | None:
    """The verdict on a claim about the customer's tier."""
    row = bench.scope.customer
    if row is None:
        return None
    return bench.settle(
        said,
        "customer",
        [(row["customer_id"], row)],
        lambda row: holds.tier_holds(said, row),
        lambda row: str(row["tier"]),
    )


def of_payment(bench: Bench, said: Said) -> Claim | None:
    """The verdict on a claim about a refund or a voucher; None where it is none of its own."""
    scope = bench.scope
    match = [row for row in scope.payments if holds.payment_holds(said, row)]
    true = ", ".join(f"{row['amount']:.2f} {row['currency']}" for row in scope.payments[:3])
    if said.negated:
        return _denial(bench, said, "payment", [row["payment_id"] for row in match])
    if match:
        return bench.claim(said, f"payment/{match[0]['payment_id']}", true, "current")
    in_general = "payment" not in bench.topics and not _GIVEN.search(said.clause.text)
    of_policy = policies.names_amount(bench.scope.policies, said.value)
    if in_general and (of_policy or said.value.startswith("any ")):  # a price, a fee
        return None
    return bench.claim(said, "payment", true or "none", "wrong")


def _denial(bench: Bench, said: Said, entity: str, events: Sequence[str]) -> Claim | None:
    """The verdict on a denial of what came by these events, newest first: true before the first.

    None where the speaker only does not find what there is: it is no information, see `asked`.
    """
    if not events:
        return bench.claim(said, entity, "none", "current")
    first = bench.history.made_by(events[-1])
    if said.sees_nothing:
        return None
    return bench.claim(said, entity, "there is one", "stale" if first else "wrong", first)


def of_contact(bench: Bench, said: Said) -> Claim | None:
    """The verdict on a claim about a contact; None for a denial of what the record has."""
    heard = contacts_by(bench.scope, said.value)
    entity = f"customer/{(bench.scope.customer or {}).get('customer_id', '')}"
    if said.negated:
        return _denial(bench, said, entity, [row["interaction_id"] for row in heard])
    if not heard:
        return bench.claim(said, entity, "none", "wrong")
    meant = _quoted_contact(bench, heard)
    newer = [row for row in heard if meant and row["occurred_at"] > meant["occurred_at"]]
    if newer and "contact" in bench.topics and not _EARLIER.search(bench.question):
        by = bench.history.made_by(newer[-1]["interaction_id"])
        return bench.claim(said, entity, newer[0]["text"][:80], "stale", by)
    return bench.claim(said, entity, said.value, "current")


def contacts_by(scope: Scope, channel: str) -> list[Row]:
    """The customer's own contacts by a channel or by any, newest first."""
    return [row for row in scope.interactions if channel in ("any", row["channel"])]


def _quoted_contact(bench: Bench, heard: Sequence[Row]) -> Row | None:
    """The contact whose words the answer quotes, if it quotes any."""
    for words in (tokens(text)[:_QUOTED_WORDS] for text in quoted(bench.answer)):
        for row in heard:
            if words and tokens(mask(row["text"]))[: len(words)] == words:
                return row
    return None
