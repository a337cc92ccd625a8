"""The rules: facts in, a ruling out. One function an action, and the smaller rules they share.

The texts that customers read (`data/world/policies/*.md`) say the same in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from string import Template
from types import MappingProxyType
from typing import Any, Literal

from agent.policies.facts import Bag, Booking, Facts, Flight
from agent.prompts import table
from pipeline.clock import zone_of

Verdict = Literal["allowed", "needs_consent", "refused"]


@dataclass(frozen=True)
class Ruling:
    """What a policy decides. `say` is fit for the customer; `done` is for when it was done."""

    verdict: Verdict
    policy: str  # its title, as customers read it
    say: str
    rule: str  # the part of the policy that decided, such as `flown` or `insured`
    done: str = ""
    amount: float = 0.0  # paid or given to the customer
    fee: float = 0.0  # owed by the customer


@dataclass(frozen=True)
class Due:
    """What is paid back on a booking, and the rule that says so."""

    amount: float
    rule: str


def terms(name: str) -> dict[str, Any]:
    """The policy `data/agent/policies/<name>.toml`."""
    return table(f"policies/{name}")


def sentence(
    policy: str, key: str, slots: Mapping[str, object] = MappingProxyType({}), group: str = "say"
) -> str:
    """A sentence of a policy with its places filled; what fills one is not read again."""
    return Template(terms(policy)[group][key]).substitute(slots)


def refused(policy: str, rule: str, **slots: object) -> Ruling:
    """A ruling that forbids, in the policy's own words."""
    return Ruling("refused", terms(policy)["title"], sentence(policy, rule, slots), rule)


def _granted(policy: str, rule: str, slots: Mapping[str, object], **figures: float) -> Ruling:
    done = sentence(policy, "done", slots)
    if not terms(policy)["consent"]:
        return Ruling("allowed", terms(policy)["title"], done, rule, done, **figures)
    ask = sentence(policy, "ask", slots)
    return Ruling("needs_consent", terms(policy)["title"], ask, rule, done, **figures)


def _first(*bars: tuple[bool, str]) -> str | None:
    """The first thing that stands against it."""
    return next((rule for applies, rule in bars if applies), None)


def money(amount: float) -> str:
    """`25`, `99.90`."""
    return f"{amount:.2f}".removesuffix(".00")


# --- rules that several actions share -------------------------------------------------------------


def in_force(facts: Facts, policy: dict[str, Any]) -> bool:
    """Whether the text of a policy that comes and goes says that it holds."""
    return policy["in_force"] in facts.policies.get(policy["policy"], "")


def waived(facts: Facts, flights: Iterable[Flight]) -> bool:
    """Whether the winter weather waiver is in force for one of these flights."""
    waiver = terms("waiver")
    places = {airport for one in flights for airport in (one.origin, one.destination)}
    return in_force(facts, waiver) and not places.isdisjoint(waiver["airports"])


def within_24_hours(booking: Booking, at: datetime) -> bool:
    """The 24-hour rule: free cancellation for a day after booking."""
    free = timedelta(hours=terms("cancellations")["free_within_h"])
    return booking.booked_at is not None and at - booking.booked_at <= free


def fare(booking: Booking) -> float:
    """What the booking cost: its cabin's fare, a flight and a traveller."""
    each = terms("fares")["per_flight_and_traveller"].get(booking.cabin, 0)
    return float(each * booking.travellers * len(booking.seats))


def money_back(facts: Facts, booking: Booking) -> Due:
    """What is paid back: the fare, less a fee where the customer gives up what we operate."""
    policy, flights = terms("cancellations"), facts.flights_of(booking)
    at = booking.changed_at if booking.cancelled else facts.now
    free_from = timedelta(minutes=policy["free_from_delay_min"])
    full = _first(
        (any(one.status == "cancelled" for one in flights), "airline_cancelled"),
        (any(one.delay >= free_from for one in flights), "long_delay"),
        (waived(facts, flights), "waiver"),
        (within_24_hours(booking, at), "within_24_h"),
        (booking.insured, "insured"),
    )
    amount = fare(booking) if full else max(0.0, fare(booking) - policy["fee"])
    return Due(min(amount, float(terms("fares")["most"])), full or "fee")


def _why(rule: str) -> str:
    policy = terms("cancellations")
    slots = {
        "fee": policy["fee"],
        "hours": policy["free_within_h"],
        "currency": terms("fares")["currency"],
    }
    return sentence("cancellations", rule, slots, "why")


def change_fee(facts: Facts, old: Flight, new: Flight) -> Due:
    """What a change of flight costs the customer."""
    policy = terms("rebooking")
    span = timedelta(days=terms("waiver")["within_days"])
    free = _first(
        (old.status == "cancelled", "airline_cancelled"),
        (old.delay >= timedelta(minutes=policy["free_from_delay_min"]), "long_delay"),
        (waived(facts, [old]) and abs(new.departure - old.scheduled) <= span, "waiver"),
        (facts.tier in policy["free_tiers"], "tier"),
    )
    return Due(0.0, free) if free else Due(float(policy["change_fee"]), "change_fee")


def same_route(old: Flight, new: Flight) -> bool:
    """From the same place to the same place; the airports of one city are one place."""
    return _place(old.origin) == _place(new.origin) and _place(old.destination) == _place(
        new.destination
    )


def _place(airport: str) -> str:
    return next((str(one[0]) for one in terms("rebooking")["places"] if airport in one), airport)


def in_cabin(seat: str, cabin: str) -> bool:
    """Whether a seat is in a cabin."""
    rows = terms("seats")["rows"].get(cabin)
    if rows is None:
        return True
    first, last, letters = rows
    return first <= int(seat[:-1]) <= last and seat[-1] in letters


def seats_of(cabin: str) -> list[str]:
    """Every seat of a cabin, from the front; none where the policy does not know the cabin."""
    first, last, letters = terms("seats")["rows"].get(cabin, (1, 0, ""))
    return [f"{row}{letter}" for row in range(first, last + 1) for letter in letters]


# --- one an action --------------------------------------------------------------------------------


def rebooking(facts: Facts, booking: Booking, old: Flight, new: Flight) -> Ruling:
    """A change to another flight of the same route that runs and has not left."""
    names = {"locator": booking.locator, "old": old.name, "new": new.name}
    barred = _first(
        (booking.cancelled, "booking_cancelled"),
        (facts.refunded(booking.locator), "refunded"),
        (old.gone(facts.now), "flown"),
        (new.entity in booking.seats, "same_flight"),
        (not same_route(old, new), "other_route"),
        (new.status == "cancelled", "target_cancelled"),
        (new.gone(facts.now), "target_gone"),
    )
    if barred:
        return refused("rebooking", barred, **names)
    fee = change_fee(facts, old, new)
    leaves = new.departure.astimezone(zone_of(new.origin))
    cost: dict[str, object] = {
        "fee": money(fee.amount),
        "currency": terms("fares")["currency"],
        "tier": facts.tier,
        "old": old.name,
    }
    slots = {
        **names,
        "departure": f"{leaves:%H:%M}",
        "seat": "",
        "fee": sentence("rebooking", fee.rule, cost, "fee"),
    }
    return _granted("rebooking", fee.rule, slots, fee=fee.amount)


def seat_change(facts: Facts, booking: Booking, flight: Flight, seat: str) -> Ruling:
    """Another seat of the cabin booked, in time. Whether it is free the reservations know."""
    until = terms("seats")["until_min"]
    names: dict[str, object] = {
        "locator": booking.locator,
        "flight": flight.name,
        "seat": seat,
        "cabin": booking.cabin,
        "until": until,
    }
    in_time = flight.departure - facts.now >= timedelta(minutes=until)
    barred = _first(
        (booking.cancelled, "booking_cancelled"),
        (flight.status == "cancelled", "flight_cancelled"),
        (flight.gone(facts.now) or not in_time, "too_late"),
        (not in_cabin(seat, booking.cabin), "other_cabin"),
        (booking.seats.get(flight.entity) == seat, "same_seat"),
    )
    return refused("seats", barred, **names) if barred else _granted("seats", "free", names)


def cancellation(facts: Facts, booking: Booking) -> Ruling:
    """The customer gives up a booking, and is told what comes back."""
    barred = _first(
        (booking.cancelled, "already"),
        (facts.refunded(booking.locator), "refunded"),
        (_flown(facts, booking), "flown"),
        (not facts.knows_all_of(booking), "flight_unknown"),
    )
    if barred:
        return refused("cancellations", barred, locator=booking.locator)
    due = money_back(facts, booking)
    return _granted("cancellations", due.rule, _paid(booking, due.amount, due.rule))


_OURS = ("airline_cancelled", "long_delay", "waiver")  # nobody has to cancel first


def refund(facts: Facts, booking: Booking, asked: float | None) -> Ruling:
    """A refund, once a booking, of at most what is due."""
    due = money_back(facts, booking)
    stands = not booking.cancelled
    barred = _first(
        (facts.refunded(booking.locator), "already"),
        (stands and _flown(facts, booking), "flown"),
        (stands and not facts.knows_all_of(booking), "flight_unknown"),
        (stands and due.rule not in _OURS, "cancel_first"),
        (due.amount <= 0, "nothing_due"),
    )
    if barred:
        return refused("refunds", barred, locator=booking.locator)
    amount = _at_most(asked, due.amount)
    return _granted("refunds", due.rule, _paid(booking, amount, due.rule), amount=amount)


def voucher(facts: Facts, booking: Booking | None, asked: float | None) -> Ruling:
    """An apology voucher, one a disruption; at most what the tier and the delay allow.

    Args:
        booking: the one that was disrupted; None: any that stands.
    """
    policy = terms("vouchers")
    recent = facts.now - timedelta(hours=policy["one_within_h"])
    had_one = any(one.type == "voucher_issued" and one.paid_at > recent for one in facts.payments)
    share = disruption(facts, booking)
    barred = _first((had_one, "one_only"), (share <= 0, "no_disruption"))
    if barred:
        return refused("vouchers", barred)
    amount = _at_most(asked, share * most_of_tier(facts))
    slots: dict[str, object] = {"amount": money(amount), "currency": policy["currency"]}
    return _granted("vouchers", "disruption", slots, amount=amount)


def most_of_tier(facts: Facts) -> float:
    """The most that an apology voucher may be for this customer."""
    policy = terms("vouchers")
    raised = policy["raised"]
    caps = raised if in_force(facts, raised) else policy["most"]
    return float(caps.get(facts.tier, caps["regular"]))


def disruption(facts: Facts, booking: Booking | None) -> float:
    """How bad it was, as a share of the tier's most: 0 to 1."""
    share = terms("vouchers")["share"]
    bookings = [booking] if booking else [b for b in facts.bookings.values() if not b.cancelled]
    flights = [flight for one in bookings for flight in facts.flights_of(one)]
    locators = {one.locator for one in bookings}
    shares: Iterable[float] = (
        0.0,
        *(share["cancelled"] for one in flights if one.status == "cancelled"),
        *(by for one in flights for at, by in share["delays"] if one.delay >= _minutes(at)),
        *(
            share["misrouted"]
            for bag in facts.bags.values()
            if bag.status == "misrouted" and bag.locator in locators
        ),
    )
    return max(shares)


def bag_claim(facts: Facts, bag: Bag) -> Ruling:
    """A bag that did not arrive is reported within a day of landing; unknown landing: in time."""
    hours = terms("bags")["report_within_h"]
    booking = facts.bookings.get(bag.locator)
    landed = [
        flight.arrival
        for flight in (facts.flights_of(booking) if booking else [])
        if bag.flight_number in (None, flight.entity.split("/")[1])
    ]
    if landed and facts.now - max(landed) > timedelta(hours=hours):
        return refused("bags", "too_late", tag=bag.tag, hours=hours)
    return _granted("bags", "reported", {"tag": bag.tag})


def complaint() -> Ruling:
    """Anybody may complain."""
    return _granted("complaints", "complaint", {})


def human() -> Ruling:
    """Anybody may speak to a person."""
    return _granted("human", "human", {})


def _paid(booking: Booking, amount: float, rule: str) -> dict[str, object]:
    currency = terms("fares")["currency"]
    return {
        "locator": booking.locator,
        "amount": money(amount),
        "currency": currency,
        "why": _why(rule),
    }


def _flown(facts: Facts, booking: Booking) -> bool:
    return any(one.gone(facts.now) for one in facts.flights_of(booking))


def _minutes(minutes: int) -> timedelta:
    return timedelta(minutes=minutes)


def _at_most(asked: float | None, most: float) -> float:
    return round(most if asked is None else min(asked, most), 2)
