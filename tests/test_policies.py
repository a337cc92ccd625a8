"""The rules on the facts: one test a rule, and each boundary from both sides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.policies import rules
from agent.policies.facts import Bag, Booking, Facts, Flight, Payment
from agent.prompts import FOLDER

NOW = datetime(2013, 2, 8, 17, tzinfo=UTC)
LEAVES = NOW + timedelta(hours=3)
OLD = Flight("flight/EA1/2013-02-08", "JFK", "ORD", "scheduled", LEAVES, LEAVES, LEAVES)
NEW = replace(OLD, entity="flight/EA4/2013-02-08", departure=LEAVES + timedelta(hours=1))
BOOKING = Booking(
    locator="AAAAA1",
    status="confirmed",
    cabin="economy",
    insured=False,
    travellers=1,
    booked_at=NOW - timedelta(days=30),
    changed_at=NOW - timedelta(days=30),
    seats={OLD.entity: "12A"},
)
FACTS = Facts(now=NOW, flights={OLD.entity: OLD, NEW.entity: NEW}, bookings={"AAAAA1": BOOKING})
REFUNDED = (Payment("refunded", "AAAAA1", NOW - timedelta(days=1)),)
WAIVER = {"policy/winter-weather-waiver": "A winter weather waiver is in force for all flights."}
NO_WAIVER = {"policy/winter-weather-waiver": "No winter weather waiver is in force at the moment."}


def late(minutes: int, flight: Flight = OLD) -> Flight:
    return replace(
        flight, status="delayed", departure=flight.scheduled + timedelta(minutes=minutes)
    )


def with_old(old: Flight, facts: Facts = FACTS) -> Facts:
    return replace(facts, flights={**facts.flights, OLD.entity: old})


CANCELLED = with_old(replace(OLD, status="cancelled"))
GIVEN_UP = replace(BOOKING, status="cancelled")


# --- rebooking ---


@pytest.mark.parametrize(
    ("facts", "old", "fee", "rule"),
    [
        (FACTS, OLD, 50, "change_fee"),
        (FACTS, replace(OLD, status="cancelled"), 0, "airline_cancelled"),
        (FACTS, late(119), 50, "change_fee"),
        (FACTS, late(120), 0, "long_delay"),
        (replace(FACTS, tier="gold"), OLD, 0, "tier"),
        (replace(FACTS, tier="silver"), OLD, 50, "change_fee"),  # the customers' text says gold
        (replace(FACTS, policies=WAIVER), OLD, 0, "waiver"),
        (replace(FACTS, policies=NO_WAIVER), OLD, 50, "change_fee"),
    ],
)
def test_the_change_fee(facts: Facts, old: Flight, fee: float, rule: str) -> None:
    ruling = rules.rebooking(facts, BOOKING, old, NEW)
    assert (ruling.verdict, ruling.fee, ruling.rule) == ("needs_consent", fee, rule)
    assert ruling.policy == "Rebooking"


@pytest.mark.parametrize(("days", "fee"), [(7, 0), (8, 50)])
def test_the_waiver_holds_for_seven_days(days: int, fee: float) -> None:
    new = replace(NEW, departure=OLD.scheduled + timedelta(days=days))
    ruling = rules.rebooking(replace(FACTS, policies=WAIVER), BOOKING, OLD, new)
    assert ruling.fee == fee


def test_the_waiver_holds_for_its_airports() -> None:
    facts = replace(FACTS, policies=WAIVER)
    assert not rules.waived(facts, [replace(OLD, origin="BOS")])


@pytest.mark.parametrize(
    ("booking", "old", "new", "rule"),
    [
        (GIVEN_UP, OLD, NEW, "booking_cancelled"),
        (BOOKING, replace(OLD, status="departed"), NEW, "flown"),
        (BOOKING, OLD, OLD, "same_flight"),
        (BOOKING, OLD, replace(NEW, destination="LAX"), "other_route"),
        (BOOKING, OLD, replace(NEW, origin="BOS"), "other_route"),
        (BOOKING, OLD, replace(NEW, status="cancelled"), "target_cancelled"),
        (BOOKING, OLD, replace(NEW, status="landed"), "target_gone"),
        (BOOKING, OLD, replace(NEW, departure=NOW), "target_gone"),
    ],
)
def test_what_is_not_rebooked(booking: Booking, old: Flight, new: Flight, rule: str) -> None:
    ruling = rules.rebooking(FACTS, booking, old, new)
    assert (ruling.verdict, ruling.rule) == ("refused", rule)
    assert ruling.say.endswith(".")


def test_the_airports_of_one_city_are_one_place() -> None:
    assert rules.rebooking(FACTS, BOOKING, OLD, replace(NEW, origin="LGA")).fee == 50


def test_money_or_another_flight_but_not_both() -> None:
    facts = replace(CANCELLED, payments=REFUNDED)
    old = facts.flights[OLD.entity]
    assert rules.rebooking(facts, BOOKING, old, NEW).rule == "refunded"


# --- seats ---


@pytest.mark.parametrize(
    ("seat", "verdict"), [("10A", "allowed"), ("32F", "allowed"), ("9A", "refused")]
)
def test_a_seat_is_in_the_cabin_booked(seat: str, verdict: str) -> None:
    assert rules.seat_change(FACTS, BOOKING, OLD, seat).verdict == verdict


@pytest.mark.parametrize(("minutes", "verdict"), [(35, "allowed"), (34, "refused")])
def test_a_seat_is_changed_in_time(minutes: int, verdict: str) -> None:
    soon = replace(OLD, departure=NOW + timedelta(minutes=minutes))
    assert rules.seat_change(FACTS, BOOKING, soon, "14C").verdict == verdict


@pytest.mark.parametrize(
    ("booking", "flight", "seat", "rule"),
    [
        (GIVEN_UP, OLD, "14C", "booking_cancelled"),
        (BOOKING, replace(OLD, status="cancelled"), "14C", "flight_cancelled"),
        (BOOKING, replace(OLD, status="departed"), "14C", "too_late"),
        (BOOKING, OLD, "12A", "same_seat"),
    ],
)
def test_what_seat_is_not_changed(booking: Booking, flight: Flight, seat: str, rule: str) -> None:
    assert rules.seat_change(FACTS, booking, flight, seat).rule == rule


def test_a_cabin_that_nobody_described_has_any_seat() -> None:
    assert rules.in_cabin("1A", "first")
    assert rules.seats_of("first") == []


# --- cancellations and refunds ---


@pytest.mark.parametrize(
    ("facts", "booking", "amount", "rule"),
    [
        (FACTS, BOOKING, 85, "fee"),
        (FACTS, replace(BOOKING, insured=True), 160, "insured"),
        (FACTS, replace(BOOKING, cabin="business", travellers=2), 1205, "fee"),
        (FACTS, replace(BOOKING, cabin="first", travellers=9), 5000, "fee"),
        (FACTS, replace(BOOKING, booked_at=NOW - timedelta(hours=24)), 160, "within_24_h"),
        (FACTS, replace(BOOKING, booked_at=NOW - timedelta(hours=24, seconds=1)), 85, "fee"),
        (FACTS, replace(BOOKING, booked_at=None), 85, "fee"),
        (CANCELLED, BOOKING, 160, "airline_cancelled"),
        (with_old(late(299)), BOOKING, 85, "fee"),
        (with_old(late(300)), BOOKING, 160, "long_delay"),
        (replace(FACTS, policies=WAIVER), BOOKING, 160, "waiver"),
    ],
)
def test_what_comes_back(facts: Facts, booking: Booking, amount: float, rule: str) -> None:
    assert rules.money_back(facts, booking) == rules.Due(amount, rule)
    assert rules.cancellation(facts, booking).verdict == "needs_consent"


def test_the_day_of_grace_ends_with_the_cancellation() -> None:
    booked = NOW - timedelta(days=5)
    given_up = replace(GIVEN_UP, booked_at=booked, changed_at=booked + timedelta(hours=2))
    assert rules.refund(FACTS, given_up, None).rule == "within_24_h"


@pytest.mark.parametrize(
    ("facts", "booking", "rule"),
    [
        (FACTS, GIVEN_UP, "already"),
        (replace(FACTS, payments=REFUNDED), BOOKING, "refunded"),
        (with_old(replace(OLD, status="landed")), BOOKING, "flown"),
        (replace(FACTS, flights={}), BOOKING, "flight_unknown"),
    ],
)
def test_what_is_not_cancelled(facts: Facts, booking: Booking, rule: str) -> None:
    ruling = rules.cancellation(facts, booking)
    assert (ruling.verdict, ruling.rule) == ("refused", rule)


@pytest.mark.parametrize(
    ("facts", "booking", "rule"),
    [
        (replace(CANCELLED, payments=REFUNDED), BOOKING, "already"),
        (FACTS, BOOKING, "cancel_first"),
        (FACTS, replace(BOOKING, insured=True), "cancel_first"),
        (with_old(replace(OLD, status="departed")), BOOKING, "flown"),
        (replace(FACTS, flights={}), BOOKING, "flight_unknown"),
        (FACTS, replace(GIVEN_UP, cabin="hammock"), "nothing_due"),
    ],
)
def test_what_is_not_refunded(facts: Facts, booking: Booking, rule: str) -> None:
    ruling = rules.refund(facts, booking, None)
    assert (ruling.verdict, ruling.rule, ruling.amount) == ("refused", rule, 0)


@pytest.mark.parametrize(("asked", "paid"), [(None, 160), (100, 100), (160.01, 160), (1e300, 160)])
def test_a_refund_is_at_most_what_is_due(asked: float | None, paid: float) -> None:
    ruling = rules.refund(CANCELLED, BOOKING, asked)
    assert (ruling.verdict, ruling.amount) == ("needs_consent", paid)


# --- vouchers ---


@pytest.mark.parametrize(("tier", "most"), [("regular", 100), ("silver", 200), ("gold", 300)])
def test_the_most_of_a_tier(tier: str, most: float) -> None:
    ruling = rules.voucher(replace(CANCELLED, tier=tier), BOOKING, 1e9)
    assert (ruling.verdict, ruling.amount) == ("allowed", most)


@pytest.mark.parametrize(("tier", "most"), [("regular", 150), ("silver", 300), ("gold", 300)])
def test_the_most_while_the_waiver_is_in_force(tier: str, most: float) -> None:
    text = {"policy/vouchers-and-compensation": "While the winter weather waiver is in force, x"}
    assert rules.voucher(replace(CANCELLED, tier=tier, policies=text), None, None).amount == most


@pytest.mark.parametrize(
    ("minutes", "amount"), [(14, 0), (15, 25), (119, 25), (120, 50), (299, 50), (300, 100)]
)
def test_compensation_by_delay(minutes: int, amount: float) -> None:
    ruling = rules.voucher(with_old(late(minutes)), BOOKING, None)
    assert ruling.amount == amount
    assert ruling.verdict == ("allowed" if amount else "refused")


def test_a_misrouted_bag_is_a_disruption() -> None:
    bag = Bag("0016123456", "AAAAA1", "misrouted", "EA1")
    assert rules.voucher(replace(FACTS, bags={bag.tag: bag}), None, None).amount == 50
    strange = replace(bag, locator="AAAAA9")
    assert rules.voucher(replace(FACTS, bags={bag.tag: strange}), None, None).amount == 0


@pytest.mark.parametrize(("hours", "verdict"), [(23, "refused"), (24, "allowed")])
def test_one_voucher_a_disruption(hours: int, verdict: str) -> None:
    had = (Payment("voucher_issued", None, NOW - timedelta(hours=hours)),)
    assert rules.voucher(replace(CANCELLED, payments=had), BOOKING, None).verdict == verdict


# --- bags and complaints ---


@pytest.mark.parametrize(("hours", "verdict"), [(24, "allowed"), (25, "refused")])
def test_a_bag_is_reported_within_a_day_of_landing(hours: int, verdict: str) -> None:
    bag = Bag("0016123456", "AAAAA1", "misrouted", "EA1")
    facts = with_old(replace(OLD, arrival=NOW - timedelta(hours=hours)))
    assert rules.bag_claim(facts, bag).verdict == verdict


def test_where_landing_is_unknown_a_bag_is_in_time() -> None:
    bag = Bag("0016123456", "AAAAA9", "misrouted", None)
    assert rules.bag_claim(FACTS, bag).verdict == "allowed"


def test_anybody_may_complain() -> None:
    assert rules.complaint().verdict == "allowed"


# --- the texts that customers read ---


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rebooking", "a change fee of {rebooking[change_fee]} USD"),
        ("cancellations-and-refunds", "less a fee of {cancellations[fee]} USD"),
        ("seats", "until {seats[until_min]} minutes before departure"),
        ("lost-and-delayed-bags", "within {bags[report_within_h]} hours"),
        ("vouchers-and-compensation", "up to {vouchers[most][regular]} USD for regular"),
        ("vouchers-and-compensation", "{vouchers[most][silver]} USD for silver"),
        ("vouchers-and-compensation", "{vouchers[most][gold]} USD for gold"),
    ],
)
def test_the_rules_agree_with_the_texts(text: str, words: str) -> None:
    world = FOLDER.parent / "world" / "policies"
    names = ("rebooking", "cancellations", "seats", "bags", "vouchers")
    numbers = {name: rules.terms(name) for name in names}
    assert words.format(**numbers) in Path(world / f"{text}.md").read_text(encoding="utf-8")
