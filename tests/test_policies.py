"""The rules on the facts: one test a rule, and each boundary from both sides."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.actions import TOOLS, plans
from agent.policies import rules
from agent.policies.facts import Bag, Booking, Facts, Flight, Payment
from agent.prompts import FOLDER, table
from agent.specialists import specialists

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


# --- who obeys what ---

BAG = Bag("0016123456", "AAAAA1", "misrouted", "EA1")
WORDS = {"locator": "AAAAA1", "to_flight": "EA4", "seat": "14C", "tag": BAG.tag, "words": "!"}
WORDS["summary"] = "help"


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_reads_the_rules_that_it_names(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[str] = set()

    def terms(policy: str) -> dict[str, Any]:
        read.add(policy)
        return table(f"policies/{policy}")

    monkeypatch.setattr(rules, "terms", terms)
    monkeypatch.setattr(plans, "terms", terms)
    tool = TOOLS[name]
    needed = {key: WORDS[key] for key in tool.schema()["function"]["parameters"]["required"]}
    facts = replace(FACTS, bags={BAG.tag: BAG})
    for known in (facts, replace(CANCELLED, bags=facts.bags)):
        tool.plan(known, tool.arguments.model_validate(needed), "C1")
    assert read - {"ground"} == set(tool.policies)  # ground speaks where no rule does


def test_a_specialist_names_the_rules_of_its_tools() -> None:
    for who in specialists().values():
        rules_of_tools = {
            one for name in who.tools if name in TOOLS for one in TOOLS[name].policies
        }
        assert set(who.policies) == rules_of_tools, who.name


# --- the texts that customers read ---

REFUNDS, VOUCHERS = "cancellations-and-refunds", "vouchers-and-compensation"
NUMBERS = {
    "bags.report_within_h": ("lost-and-delayed-bags", "within {} hours"),
    "cancellations.fee": (REFUNDS, "less a fee of {} USD"),
    "cancellations.free_within_h": (REFUNDS, "The {0}-hour rule: within {0} hours of booking"),
    "cancellations.free_from_delay_min": ("delays", "From {} hours on, they may cancel"),
    "fares.most": (REFUNDS, "of at most {} USD"),
    "fares.per_flight_and_traveller.economy": (REFUNDS, "{} USD in economy"),
    "fares.per_flight_and_traveller.premium": (REFUNDS, "{} USD in premium"),
    "fares.per_flight_and_traveller.business": (REFUNDS, "{} USD in business"),
    "fares.per_flight_and_traveller.first": (REFUNDS, "{} USD in first"),
    "rebooking.change_fee": ("rebooking", "a change fee of {} USD"),
    "rebooking.free_from_delay_min": ("delays", "From {} hours on, customers may change"),
    "seats.until_min": ("seats", "until {} minutes before departure"),
    "seats.rows.business.0": ("seats", "rows {} to 4 are business"),
    "seats.rows.business.1": ("seats", "1 to {} are business"),
    "seats.rows.premium.0": ("seats", "{} to 9 premium"),
    "seats.rows.premium.1": ("seats", "5 to {} premium"),
    "seats.rows.economy.0": ("seats", "{} to 32 economy"),
    "seats.rows.economy.1": ("seats", "10 to {} economy"),
    "vouchers.one_within_h": (VOUCHERS, "what happens within {} hours counts as one"),
    "vouchers.share.cancelled": (VOUCHERS, "cancelled flight or a delay of five hours it is {},"),
    "vouchers.share.misrouted": (VOUCHERS, "or a misrouted bag {},"),
    "vouchers.share.delays.0.0": (VOUCHERS, "a delay of {} minutes a quarter"),
    "vouchers.share.delays.0.1": (VOUCHERS, "a delay of 15 minutes {}."),
    "vouchers.share.delays.1.0": (VOUCHERS, "a delay of {} hours or a misrouted bag half"),
    "vouchers.share.delays.1.1": (VOUCHERS, "a delay of two hours or a misrouted bag {},"),
    "vouchers.share.delays.2.0": (VOUCHERS, "a delay of {} hours it is the whole"),
    "vouchers.share.delays.2.1": (VOUCHERS, "a delay of five hours it is {},"),
    "vouchers.most.regular": (VOUCHERS, "up to {} USD for regular"),
    "vouchers.most.silver": (VOUCHERS, "{} USD for silver"),
    "vouchers.most.gold": (VOUCHERS, "{} USD for gold"),
    "vouchers.raised.regular": (f"new {VOUCHERS}", "regular members of up to {} USD"),
    "vouchers.raised.silver": (f"new {VOUCHERS}", "apology voucher of up to {} USD, regular"),
    "vouchers.raised.gold": (
        f"new {VOUCHERS}",
        "Silver and gold members may get an apology voucher of up to {} USD",
    ),
    "waiver.within_days": ("new winter-weather-waiver", "within {} days"),
}
"""Each number of the rules: where the customers' texts name it. `new`: an update during the day."""

IN_WORDS = {2: "two", 5: "five", 7: "seven"}
SHARES = {0.25: "a quarter", 0.5: "half of it", 1.0: "the whole of that"}


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    world = FOLDER.parent / "world" / "policies"
    updates = tomllib.loads((FOLDER.parent / "builder" / "policy_updates.toml").read_text("utf-8"))
    return {path.stem: path.read_text(encoding="utf-8") for path in world.glob("*.md")} | {
        f"new {one['slug']}": one["text"] for one in updates["update"]
    }


def numbers(found: Any, path: str) -> dict[str, float]:
    """The numbers of a rule file by their path."""
    if isinstance(found, dict | list):
        items = found.items() if isinstance(found, dict) else enumerate(found)
        deeper = [numbers(value, f"{path}.{key}") for key, value in items]
        return {name: number for one in deeper for name, number in one.items()}
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return {path: found} if is_number else {}


def spoken(path: str, number: float) -> str:
    """A number as the texts have it: longer delays in hours, shares in words."""
    if path in ("vouchers.share.cancelled", "vouchers.share.misrouted") or path.endswith(".1"):
        return SHARES.get(number, f"{number:g}")
    is_delay = path.endswith("delay_min") or ".delays." in path
    if is_delay and number >= 60:  # noqa: PLR2004 minutes
        return IN_WORDS[int(number / 60)]
    return (
        IN_WORDS.get(int(number), f"{number:g}") if path == "waiver.within_days" else f"{number:g}"
    )


def test_the_customers_texts_name_every_number_of_the_rules(texts: dict[str, str]) -> None:
    rule_files = [path.stem for path in (FOLDER / "policies").glob("*.toml")]
    every = {
        path: number
        for one in rule_files
        for path, number in numbers(rules.terms(one), one).items()
    }
    assert every.keys() == NUMBERS.keys()
    for path, number in every.items():
        text, words = NUMBERS[path]
        assert words.format(spoken(path, number)) in texts[text], path


def test_what_comes_and_goes_is_known_by_words_of_its_text(texts: dict[str, str]) -> None:
    for terms in (rules.terms("waiver"), rules.terms("vouchers")["raised"]):
        slug = terms["policy"].removeprefix("policy/")
        assert terms["in_force"] in texts[f"new {slug}"]
        assert terms["in_force"] not in texts[slug]
