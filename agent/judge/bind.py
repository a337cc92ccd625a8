"""Binds each claim to the entities it may be about, and finds whether it is, was or never was true.

A claim is about what its words name (a flight number, a locator, a bag tag); else about what the
text before it named, else the question; else about the customer's next flight, only booking, bags.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from agent import mentions
from agent.answer import Claim
from agent.judge import holds, policies
from agent.judge.clauses import Said
from agent.judge.history import Change, History, Holds, superseded
from agent.judge.scope import Scope
from agent.words import quoted, tokens
from pipeline.documents import mask
from pipeline.images import Row

_FLIGHT = {"status", "departure", "scheduled_departure", "arrival", "delay", "gate"}
_BOOKING = {"seat", "flight", "booking_status", "cabin", "insurance"}
_BAG = {"bag_status", "bag_location"}
_QUOTED_WORDS = 8  # first words of a quoted message by which it is found again


@dataclass(frozen=True)
class Bench:
    """What every claim of one answer is judged with."""

    history: History
    scope: Scope
    question: str
    answer: str
    said: Sequence[Said]
    topics: set[str]

    def claim(
        self, said: Said, entity: str, true: str, status: str, by: Change | None = None
    ) -> Claim:
        """The verdict on one claim, with the place of its words."""
        value = ("not " if said.negated else "") + said.value
        claim = self.verdict((entity, said.attribute), value, true, status, by)
        return claim.model_copy(update={"start": said.start, "end": said.end})

    def verdict(
        self, of: tuple[str, str], value: str, true: str, status: str, by: Change | None
    ) -> Claim:
        """The verdict on a value of (entity, attribute), without a place in the text."""
        airline, wall = by.ages(self.scope.now) if by else (None, None)
        return Claim.model_validate(
            {
                "entity": of[0],
                "attribute": of[1],
                "said": value,
                "true": true,
                "status": status,
                "superseded_by": by.superseded() if by else None,
                "superseded_for_s": airline,
                "superseded_for_wall_s": wall,
            }
        )

    def settle(
        self, said: Said, kind: str, rows: Iterable[tuple[str, Row]], test: Holds, shown: Shown
    ) -> Claim:
        """Current if true of any of the rows now, stale if it was true of any, else wrong."""
        candidates = list(rows)
        for key, row in candidates:
            if test(row):
                return self.claim(said, f"{kind}/{key}", shown(row), "current")
        for key, row in candidates:
            if by := superseded(self.history.states(kind, key), test):
                return self.claim(said, f"{kind}/{key}", shown(row), "stale", by)
        key, row = candidates[0] if candidates else ("", {})
        return self.claim(said, f"{kind}/{key}", shown(row) if row else "", "wrong")


Shown = Callable[[Row], str]


def verdicts(bench: Bench) -> list[Claim]:
    """The verdict on every claim of the answer, in the order of the text."""
    found = [claim for said in bench.said if (claim := _judged(bench, said))]
    implied = _flight_left_behind(bench)
    return [*found, *([implied] if implied else []), *policies.verdicts(bench)]


def _judged(bench: Bench, said: Said) -> Claim | None:
    if said.attribute in _FLIGHT:
        return _of_flight(bench, said)
    if said.attribute in _BOOKING:
        return _of_booking(bench, said)
    if said.attribute in _BAG:
        return _of_bag(bench, said)
    return _OTHERS[said.attribute](bench, said)


# --- flights --------------------------------------------------------------------------------------


def flights_meant(bench: Bench, said: Said) -> tuple[list[str], bool]:
    """(keys of the flights that a claim may be about, whether one was named)."""
    scope = bench.scope
    in_question = mentions.flights(bench.question, scope.carriers)
    number = said.flight or (in_question[0].key if in_question else None)
    if number:
        return _of_number(scope, number, said.clause.sentence), True
    there = [key for key in scope.own_flights if _goes_to(scope.flights[key], said.clause.sentence)]
    return there or scope.next_flights(), False


def _of_number(scope: Scope, number: str, sentence: str) -> list[str]:
    """One flight of the number: of the day that is named, else the one nearest to now."""
    keys = scope.numbered(number)
    named = {day.isoformat() for day in mentions.days(sentence, scope.now.date())}
    on_day = [key for key in keys if key.split("/")[1] in named]
    today = scope.now.date()
    nearest = sorted(keys, key=lambda key: abs(date.fromisoformat(key.split("/")[1]) - today))
    return (on_day or nearest)[:1]


def _goes_to(row: Row, text: str) -> bool:
    return mentions.names_place(text, row["destination"])


def _of_flight(bench: Bench, said: Said) -> Claim:
    keys, named = flights_meant(bench, said)
    scope = bench.scope

    def test(row: Row) -> bool:
        return holds.flight_holds(said, row, called_off=_called_off(bench, said))

    def shown(row: Row) -> str:
        return _shown(said.attribute, row)

    claim = bench.settle(said, "flight", [(key, scope.flights[key]) for key in keys], test, shown)
    if claim.status != "wrong" or named:
        return claim
    # None was named: it may be true of another flight of theirs, or of one they are no longer on.
    others = [(key, scope.flights[key]) for key in scope.own_flights if key not in keys]
    if others and (of_other := bench.settle(said, "flight", others, test, shown)).status != "wrong":
        return of_other
    for key, (_, by) in scope.former.items():
        past = [state.row for state in bench.history.states("flight", key)]
        if any(test(row) for row in [*past, scope.flights[key]]):
            # "Your flight was cancelled, you are on EA 218 now" tells of it as of the past.
            told = (
                said.attribute == "status" and test(scope.flights[key]) and _tells_of_change(bench)
            )
            status = "current" if told else "stale"
            return bench.claim(said, f"flight/{key}", claim.true_, status, None if told else by)
    return claim


def _tells_of_change(bench: Bench) -> bool:
    """Whether the answer says what the customer is booked on now, or that they are on nothing."""
    named = {one.key for one in mentions.flights(bench.answer, bench.scope.carriers)}
    on = {key.split("/")[0] for key in bench.scope.own_flights}
    off = any(one.attribute == "booking_status" and one.value == "cancelled" for one in bench.said)
    return bool(named & on) or (off and not on)


def _called_off(bench: Bench, said: Said) -> bool:
    """Whether the answer itself says that this flight is cancelled."""
    mine = flights_meant(bench, said)[0]
    return any(
        one.attribute == "status"
        and one.value == "cancelled"
        and not one.negated
        and flights_meant(bench, one)[0] == mine
        for one in bench.said
    )


def _shown(attribute: str, row: Row) -> str:
    """What the record has for an attribute of a flight, in words."""
    if attribute == "status" or (row["status"] == "cancelled" and attribute != "gate"):
        return str(row["status"])
    if attribute == "gate":
        gate = row["gate"] or "no gate"
        return f"cancelled (was {gate})" if row["status"] == "cancelled" else gate
    if attribute == "delay":
        return str(round(holds.late_by(row).total_seconds() / 60))
    return holds.clock(row, attribute)


def _flight_left_behind(bench: Bench) -> Claim | None:
    """The flight that an answer to "my flight" is about, if the customer is no longer on it."""
    scope = bench.scope
    if not bench.topics & _ASKS_OF_FLIGHT or mentions.flights(bench.question, scope.carriers):
        return None
    named = mentions.flights(bench.answer, scope.carriers)
    current = {key.split("/")[0] for key in scope.own_flights}
    if {one.key for one in named} & current or any(one.attribute == "flight" for one in bench.said):
        return None
    for one in named:
        for key, (locator, by) in scope.former.items():
            if key.startswith(f"{one.key}/"):
                true = ", ".join(sorted(current)) or "no flight"
                claim = bench.verdict((f"booking/{locator}", "flight"), one.key, true, "stale", by)
                return claim.model_copy(update={"start": one.start, "end": one.end})
    return None


_ASKS_OF_FLIGHT = {"flight_status", "departure", "arrival", "gate", "seat", "booking"}


# --- bookings and bags ----------------------------------------------------------------------------


def _of_booking(bench: Bench, said: Said) -> Claim:
    rows = _bookings_meant(bench, said)
    flight = said.flight if said.attribute == "seat" else None

    def test(row: Row) -> bool:
        return holds.booking_holds(said, row, flight)

    def shown(row: Row) -> str:
        return _shown_booking(said, row)

    claim = bench.settle(said, "booking", rows, test, shown)
    if claim.status == "wrong" and flight and not said.clause.named_here:
        # The flight was named in another clause: it may not be the one that the seat is on.
        flight = None
        claim = bench.settle(said, "booking", rows, test, shown)
    return claim


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


def _of_bag(bench: Bench, said: Said) -> Claim:
    bags = bench.scope.bags
    named = mentions.known(said.clause.sentence, bags) or mentions.known(bench.question, bags)
    foreign = [tag for tag in mentions.numbers_in(said.clause.sentence) if tag not in bags]
    keys = [one.key for one in named] or ([] if foreign else list(bags))
    column = "status" if said.attribute == "bag_status" else "location"
    return bench.settle(
        said,
        "bag",
        [(key, bags[key]) for key in keys],
        lambda row: holds.bag_holds(said, row),
        lambda row: row[column] or "not known",
    )


# --- tier, payments, contacts ---------------------------------------------------------------------


def _of_tier(bench: Bench, said: Said) -> Claim | None:
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


def _of_payment(bench: Bench, said: Said) -> Claim | None:
    scope = bench.scope
    match = [row for row in scope.payments if holds.payment_holds(said, row)]
    true = ", ".join(f"{row['amount']:.2f} {row['currency']}" for row in scope.payments[:3])
    if said.negated:  # "has not been paid": with a payment in the record that is not to know of it
        return None if match else bench.claim(said, "payment", "none", "current")
    if match:
        return bench.claim(said, f"payment/{match[0]['payment_id']}", true, "current")
    if policies.names_amount(scope.policies, said.value):
        return None
    return bench.claim(said, "payment", true or "none", "wrong")


def _of_contact(bench: Bench, said: Said) -> Claim | None:
    heard = contacts_by(bench.scope, said.value)
    entity = f"customer/{(bench.scope.customer or {}).get('customer_id', '')}"
    if said.negated:  # with a contact in the record a denial is no information, see `asked`
        return None if heard else bench.claim(said, entity, "none", "current")
    if not heard:
        return bench.claim(said, entity, "none", "wrong")
    meant = _quoted_contact(bench, heard)
    newer = [row for row in heard if meant and row["occurred_at"] > meant["occurred_at"]]
    if newer and "contact" in bench.topics:
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


_OTHERS: dict[str, Callable[[Bench, Said], Claim | None]] = {
    "tier": _of_tier,
    "payment": _of_payment,
    "contact": _of_contact,
}
