"""Actions on a real record and real stores: through the door, guarded, bound to a customer."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.actions import (
    POLICIES,
    TOOLS,
    ActionResult,
    Actions,
    damages,
    guard,
    set_guard,
    stopped,
)
from agent.policies import rules
from pipeline.fire import Door
from pipeline.schema import Arm, Database
from pipeline.store import Found
from tests.worlds import DAY, NOON, WORLD, Airline, changed, folder

NOBODY = "127.0.0.1:1"  # no broker answers there
EA1, EA4 = f"flight/EA1/{DAY}", f"flight/EA4/{DAY}"
LATER = {
    **WORLD["flights"][0],
    "flight_number": "EA4",
    "scheduled_departure": f"{DAY} 19:00",
    "scheduled_arrival": f"{DAY} 21:30",
}
TO_EA4 = {"locator": "AAAAA2", "to_flight": "EA4"}


class Desk:
    """One customer's actions, and the context that an arm's store holds for them."""

    def __init__(self, airline: Airline, customer: str, arm: Arm, session: str) -> None:
        door = Door(airline.database, NOBODY)
        self.airline, self.customer, self.store = airline, customer, airline.stores[arm]
        self.actions = Actions(
            door, airline.database, customer_id=customer, arm=arm, session=session
        )

    def context(self) -> list[Found]:
        public = [EA1, EA4, f"flight/EA2/{DAY}", *POLICIES]
        return [*self.store.of_customer(self.customer), *self.store.lookup(public, self.customer)]

    def do(
        self, name: str, arguments: Any, *, turn: str = "1", consented: bool = True
    ) -> ActionResult:
        return self.actions.perform(
            name,
            arguments,
            consented=consented,
            context=self.context(),
            now=NOON,
            turn=turn,
        )


@pytest.fixture
def airline(tmp_path: Path) -> Iterator[Airline]:
    made = Airline(tmp_path, folder(tmp_path, flights=[*WORLD["flights"], LATER]))
    yield made
    made.close()


def desk(airline: Airline, customer: str = "C.2", arm: Arm = "batch", session: str = "s") -> Desk:
    return Desk(airline, customer, arm, session)


def written(airline: Airline) -> list[str]:
    return [row["type"] for row in airline.rows("outbox")]


def cancel_flight(airline: Airline, flight: str = EA1) -> None:
    airline.fire("flight.cancelled", flight, reason="snow")


# --- each action ---


def test_a_rebooking_asks_and_is_then_an_event(airline: Airline) -> None:
    agent = desk(airline)
    asked = agent.do("rebook", TO_EA4, consented=False)
    assert (asked.status, asked.rule, asked.policy) == ("needs_consent", "change_fee", "Rebooking")
    assert "EA 4, which leaves at 19:00, for a change fee of 50 USD. Shall I" in asked.say
    assert written(airline) == []
    done = agent.do("rebook", TO_EA4)
    assert (done.status, done.event_type, done.subject) == (
        "done",
        "booking.rebooked",
        "booking/AAAAA2",
    )
    [row] = airline.rows("outbox")
    assert (row["event_id"], row["customer_id"]) == (done.event_id, "C.2")
    data = json.loads(row["body"])["data"]
    assert data["reason"] == "change fee 50 USD"
    assert airline.row("segments", locator="AAAAA2")["flight_number"] == "EA4"


def test_the_reservations_give_a_seat_of_the_cabin(airline: Airline) -> None:
    desk(airline).do("rebook", TO_EA4)
    desk(airline, "C_3").do("rebook", {"locator": "AAAAA3", "to_flight": "EA4"})
    seats = [airline.row("segments", locator=f"AAAAA{n}")["seat"] for n in (2, 3)]
    assert seats == ["10A", "10B"]


def test_a_full_flight_is_refused(airline: Airline) -> None:
    for number, seat in enumerate(rules.seats_of("economy")):
        airline.fire(
            "booking.created",
            f"booking/FULL{number:03}",
            customer_id="C_3",
            cabin="economy",
            passengers=["X"],
            segments=[{"flight": "EA4", "date": DAY, "seat": seat}],
        )
    refused = desk(airline).do("rebook", TO_EA4)
    assert (refused.status, refused.rule) == ("refused", "full")


def test_a_seat_is_changed(airline: Airline) -> None:
    agent = desk(airline)
    done = agent.do("change_seat", {"locator": "aaaaa2", "seat": "14c"}, consented=False)
    assert (done.status, done.event_type) == ("done", "booking.seat_changed")
    assert done.say == "You now have seat 14C on EA 1."
    assert airline.row("segments", locator="AAAAA2")["seat"] == "14C"


def test_a_seat_that_is_taken_is_refused(airline: Airline) -> None:
    desk(airline, "C_3").do("change_seat", {"locator": "AAAAA3", "seat": "14C"})
    refused = desk(airline).do("change_seat", {"locator": "AAAAA2", "seat": "14C"})
    assert (refused.status, refused.say) == (
        "refused",
        "There is no free 14C on EA 1 any more. Another one?",
    )
    assert len(written(airline)) == 1


def test_a_booking_is_cancelled_and_then_refunded(airline: Airline) -> None:
    agent = desk(airline, arm="stream")
    asked = agent.do("cancel_booking", {"locator": "AAAAA2"}, consented=False)
    assert "you get 85 USD back" in asked.say
    assert agent.do("cancel_booking", {"locator": "AAAAA2"}).status == "done"
    airline.stream()
    done = agent.do("refund", {"locator": "AAAAA2", "amount": 5000})
    assert (done.status, done.amount, done.event_type) == ("done", 85, "payment.refunded")
    [paid] = airline.rows("payments")
    assert (paid["locator"], paid["amount"], paid["currency"]) == ("AAAAA2", 85, "USD")


def test_a_booking_of_today_is_cancelled_for_free(tmp_path: Path) -> None:
    bookings = changed("bookings", 1, created_at="2013-02-07T18:00:00Z")
    airline = Airline(tmp_path, folder(tmp_path, bookings=bookings))
    asked = desk(airline).do("cancel_booking", {"locator": "AAAAA2"}, consented=False)
    assert asked.rule == "within_24_h"
    assert "you get 160 USD back" in asked.say


def test_a_refund_is_paid_once(airline: Airline) -> None:
    cancel_flight(airline)
    airline.stream()
    agent = desk(airline, arm="stream")
    assert agent.do("refund", {"locator": "AAAAA2"}).amount == 160
    airline.stream()
    again = agent.do("refund", {"locator": "AAAAA2"}, turn="2")
    assert (again.status, again.rule) == ("refused", "already")
    assert len(airline.rows("payments")) == 1


def test_a_voucher_is_capped(airline: Airline) -> None:
    cancel_flight(airline)
    airline.stream()
    done = desk(airline, "C1", "stream").do("voucher", {"amount": 99_999})
    assert (done.status, done.amount, done.subject) == ("done", 300, "customer/C1")
    airline.stream()
    again = desk(airline, "C1", "stream").do("voucher", {"locator": "AAAAA1"}, turn="2")
    assert (again.status, again.rule) == ("refused", "one_only")


def test_a_bag_claim_and_a_complaint_are_contacts(airline: Airline) -> None:
    agent = desk(airline)
    assert agent.do("bag_claim", {"tag": "0016123457", "words": "It's “gone”"}).status == "done"
    assert agent.do("complaint", {"words": "'; DROP TABLE bookings; --"}).status == "done"
    claim, complaint = sorted(airline.rows("interactions"), key=lambda row: row["handled_by"])
    assert claim["text"] == "Claim for bag 0016123457 of booking AAAAA2: It's “gone”"
    assert (complaint["text"], complaint["customer_id"]) == ("'; DROP TABLE bookings; --", "C.2")


# --- bad arguments ---


@pytest.mark.parametrize(
    ("name", "arguments", "rule"),
    [
        ("fly", {}, "unknown_tool"),
        ("rebook", {}, "bad_arguments"),
        ("rebook", None, "bad_arguments"),
        ("rebook", ["AAAAA2"], "bad_arguments"),
        ("rebook", {1: 2}, "bad_arguments"),
        ("rebook", TO_EA4 | {"to_flight": "x" * 1_000_000}, "bad_arguments"),
        ("rebook", TO_EA4 | {"to_date": "tomorrow"}, "bad_arguments"),
        ("rebook", TO_EA4 | {"free": True}, "bad_arguments"),
        ("rebook", TO_EA4 | {"customer_id": "C1"}, "foreign"),
        ("rebook", TO_EA4 | {"locator": "AAAAA1"}, "no_booking"),
        ("rebook", TO_EA4 | {"locator": "ZZZZZZ"}, "no_booking"),
        ("rebook", TO_EA4 | {"from_flight": "EA9"}, "no_leg"),
        ("rebook", TO_EA4 | {"to_flight": "EA9"}, "no_flight"),
        ("rebook", TO_EA4 | {"to_flight": "EA2"}, "other_route"),
        ("change_seat", {"locator": "AAAAA2", "seat": "window"}, "bad_arguments"),
        ("change_seat", {"locator": "AAAAA2", "seat": "14C\n"}, "bad_arguments"),
        ("refund", {"locator": "AAAAA2", "amount": "all"}, "bad_arguments"),
        ("refund", {"locator": "AAAAA2", "amount": -1}, "bad_arguments"),
        ("refund", {"locator": "AAAAA2", "amount": float("nan")}, "bad_arguments"),
        ("refund", {"locator": "AAAAA2", "amount": True}, "bad_arguments"),
        ("voucher", {"locator": "AAAAA1"}, "no_booking"),
        ("bag_claim", {"tag": "0016123456", "words": "mine"}, "no_bag"),
        ("complaint", {"words": "\ud800"}, "bad_arguments"),
        ("complaint", {"words": "x" * 2001}, "bad_arguments"),
        ("complaint", {"words": "  "}, "bad_arguments"),
    ],
)
def test_what_is_refused_is_explained(
    airline: Airline, name: str, arguments: Any, rule: str
) -> None:
    result = desk(airline).do(name, arguments)
    assert (result.status, result.rule) == ("refused", rule)
    assert result.say.endswith(".")
    assert len(result.say) < 400
    assert written(airline) == []


def test_naming_oneself_is_no_harm(airline: Airline) -> None:
    assert desk(airline).do("rebook", TO_EA4 | {"customer_id": "C.2"}).status == "done"


# --- idempotency ---


def test_the_same_action_twice_is_one_event(airline: Airline) -> None:
    first, again = (desk(airline).do("rebook", TO_EA4) for _ in range(2))
    assert (first.status, again.status, again.rule) == ("done", "done", "again")
    assert first.event_id == again.event_id
    assert len(written(airline)) == 1


def test_both_arms_of_one_conversation_do_it_once(airline: Airline) -> None:
    cancel_flight(airline)
    airline.stream()
    airline.batch()
    paid = [
        desk(airline, arm=arm).do("refund", {"locator": "AAAAA2"}) for arm in ("batch", "stream")
    ]
    assert [one.status for one in paid] == ["done", "done"]
    assert len(airline.rows("payments")) == 1


@pytest.mark.parametrize("other", ["turn", "session", "arguments"])
def test_what_differs_is_another_event(airline: Airline, other: str) -> None:
    words = {"words": "late again"}
    first = desk(airline).do("complaint", words)
    session = "t" if other == "session" else "s"
    arguments = {"words": "late for good"} if other == "arguments" else words
    turn = "2" if other == "turn" else "1"
    second = desk(airline, session=session).do("complaint", arguments, turn=turn)
    assert first.event_id != second.event_id
    assert first.event_id is not None
    assert uuid.UUID(first.event_id).version == 5
    assert len(written(airline)) == 2


# --- stale ground ---


def test_the_guard_is_on_and_every_process_sees_a_change(airline: Airline) -> None:
    other = Database(airline.database.url)
    assert guard(other)
    set_guard(airline.database, False)
    assert not guard(other)
    set_guard(other, True)
    assert guard(airline.database)
    other.close()


@pytest.mark.parametrize("flight", [EA1, EA4])
def test_a_rebooking_on_stale_ground_is_refused(airline: Airline, flight: str) -> None:
    airline.fire("flight.cancelled", flight, NOON - timedelta(minutes=40), reason="snow")
    stopped_one = desk(airline).do("rebook", TO_EA4)
    assert stopped_one.status == "stale_ground"
    assert stopped_one.stale is not None
    assert (stopped_one.stale.entity, stopped_one.stale.event_type) == (flight, "flight.cancelled")
    assert (stopped_one.stale.airline_s, stopped_one.stale.sequence) == (2400, 1)
    assert stopped_one.stale.wall_s >= 0
    assert "of 8 Feb 2013 was cancelled 40 min ago, and I did not know it" in stopped_one.say
    assert written(airline) == ["flight.cancelled"]
    assert [one.entity for one in stopped(airline.database)] == [flight]
    assert damages(airline.database) == []


def test_what_the_arm_knows_is_not_stale(airline: Airline) -> None:
    cancel_flight(airline)
    airline.stream()
    assert desk(airline, arm="stream").do("rebook", TO_EA4).status == "done"


def test_news_that_changed_nothing_makes_nothing_stale(airline: Airline) -> None:
    cancel_flight(airline)
    airline.stream()
    airline.fire("flight.delayed", EA1, NOON - timedelta(hours=1), new_departure=f"{DAY} 16:00")
    assert desk(airline, arm="stream").do("rebook", TO_EA4).status == "done"


def test_news_of_something_else_makes_nothing_stale(airline: Airline) -> None:
    cancel_flight(airline, f"flight/EA2/{DAY}")
    airline.fire("interaction.tweet", "customer/C.2", text="hello", direction="inbound")
    airline.fire("payment.refunded", "booking/AAAAA3", amount=9.0, currency="USD")
    assert desk(airline).do("rebook", TO_EA4).status == "done"


def test_a_refund_that_the_arm_does_not_know_is_stale_ground(airline: Airline) -> None:
    cancel_flight(airline)
    airline.batch()
    airline.fire("payment.refunded", "booking/AAAAA2", amount=160.0, currency="USD")
    refused = desk(airline).do("refund", {"locator": "AAAAA2"})
    assert refused.status == "stale_ground"
    assert "A refund on booking AAAAA2 was paid" in refused.say
    assert len(airline.rows("payments")) == 1


def test_without_the_guard_a_rebooking_goes_onto_a_cancelled_flight(airline: Airline) -> None:
    set_guard(airline.database, False)
    cancel_flight(airline, EA4)
    done = desk(airline).do("rebook", TO_EA4)
    assert done.status == "done"
    assert airline.row("segments", locator="AAAAA2")["flight_number"] == "EA4"
    assert done.damage is not None
    assert (done.damage.kind, done.damage.amount, done.damage.arm) == (
        "target_cancelled",
        0,
        "batch",
    )
    assert done.stale is not None
    assert done.damage.event_id == done.event_id
    assert damages(airline.database) == [done.damage]
    assert desk(airline).do("rebook", TO_EA4).damage == done.damage  # the same one, counted once
    assert len(damages(airline.database)) == 1


def test_without_the_guard_a_second_refund_is_paid(airline: Airline) -> None:
    set_guard(airline.database, False)
    cancel_flight(airline)
    airline.batch()
    airline.fire("payment.refunded", "booking/AAAAA2", amount=160.0, currency="USD")
    done = desk(airline).do("refund", {"locator": "AAAAA2"})
    assert done.damage is not None
    assert (done.status, done.damage.kind, done.damage.amount) == ("done", "already", 160)
    assert len(airline.rows("payments")) == 2


def test_without_the_guard_a_voucher_of_a_lost_tier_is_overpaid(airline: Airline) -> None:
    set_guard(airline.database, False)
    cancel_flight(airline)
    airline.batch()
    airline.fire("customer.tier_changed", "customer/C_3", tier="regular")
    done = desk(airline, "C_3").do("voucher", {})
    assert done.damage is not None
    assert (done.amount, done.damage.kind, done.damage.amount) == (200, "overpaid", 100)


def test_of_many_refunds_at_once_one_is_paid(airline: Airline) -> None:
    cancel_flight(airline)
    airline.stream()
    agent = desk(airline, arm="stream")
    with ThreadPoolExecutor(4) as threads:
        turns = [str(number) for number in range(8)]
        came = threads.map(lambda turn: agent.do("refund", {"locator": "AAAAA2"}, turn=turn), turns)
        statuses = sorted(one.status for one in came)
    assert statuses == ["done", *["stale_ground"] * 7]
    assert len(airline.rows("payments")) == 1


def test_without_the_guard_what_is_harmless_is_no_damage(airline: Airline) -> None:
    set_guard(airline.database, False)
    airline.fire("flight.gate_changed", EA4, gate="B2")
    done = desk(airline).do("rebook", TO_EA4)
    assert (done.status, done.damage) == ("done", None)
    assert done.stale is not None
    assert damages(airline.database) == []


def test_a_reset_starts_the_count_again(airline: Airline) -> None:
    cancel_flight(airline)
    desk(airline).do("rebook", TO_EA4)
    assert len(stopped(airline.database)) == 1
    airline.reset()
    assert stopped(airline.database) == []


# --- isolation ---

HOSTILE = st.sampled_from(
    [
        "C1",
        "AAAAA1",
        "' OR '1'='1",
        "C.2|C1",
        "%",
        "AAAAA2' --",
        "booking/AAAAA1",
        "Ñandú🛫",
        "\x00",
    ]
) | st.text(max_size=40)
ARGUMENTS = st.dictionaries(
    st.sampled_from(
        ["locator", "to_flight", "seat", "amount", "tag", "words", "customer_id", "reason"]
    )
    | HOSTILE,
    HOSTILE
    | st.floats()
    | st.integers()
    | st.none()
    | st.booleans()
    | st.lists(HOSTILE, max_size=2),
    max_size=5,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airline]:
    home = tmp_path_factory.mktemp("isolation")
    customers = changed("customers", 0, name="'; DROP TABLE bookings; -- “Ñ” 🛫")
    flights = [*WORLD["flights"], LATER]
    made = Airline(home, folder(home, flights=flights, customers=customers))
    cancel_flight(made)
    made.stream()
    yield made
    made.close()


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.sampled_from([*TOOLS]) | HOSTILE, arguments=ARGUMENTS, turn=st.text(max_size=5))
def test_nothing_in_the_arguments_reaches_another_customer(
    shared: Airline, name: str, arguments: dict[str, Any], turn: str
) -> None:
    before = len(shared.rows("outbox"))
    result = desk(shared, "C.2", "stream").do(name, arguments, turn=turn)
    assert "DROP TABLE" not in result.say
    fired = shared.rows("outbox")[before:]
    assert all(row["customer_id"] == "C.2" for row in fired)
    for row in fired:
        assert row["subject"] in ("customer/C.2", "booking/AAAAA2")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(customer=HOSTILE, locator=st.sampled_from(["AAAAA1", "AAAAA2", "AAAAA3", "AAAAA4"]))
def test_a_customer_of_any_name_acts_on_nobody_elses_booking(
    shared: Airline, customer: str, locator: str
) -> None:
    owner = shared.row("bookings", locator=locator)["customer_id"]
    if customer == owner:
        return
    agent = desk(shared, customer, "stream")
    public = shared.stores["stream"].lookup([EA1, EA4], "C.2")
    theirs = shared.stores["stream"].of_customer(owner)  # even if a filter had let it through
    before = shared.rows("outbox")
    for name in ("cancel_booking", "refund", "voucher"):
        result = agent.actions.perform(
            name,
            {"locator": locator},
            consented=True,
            context=[*public, *theirs],
            now=NOON,
            turn="1",
        )
        assert (result.status, result.rule) == ("refused", "no_booking")
    assert shared.rows("outbox") == before


# --- what a model is offered ---


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
def test_a_tool_has_a_schema_that_a_model_can_use(tool: Any) -> None:
    schema = tool.schema()
    function = schema["function"]
    assert (schema["type"], function["name"]) == ("function", tool.name)
    assert function["description"]
    parameters = function["parameters"]
    assert set(parameters["required"]) <= set(parameters["properties"])
    assert all(one["description"] for one in parameters["properties"].values())
    assert not {"customer", "customer_id"} & set(parameters["properties"])
    json.dumps(schema)


def test_a_damaged_document_is_as_if_it_were_not_there(airline: Airline) -> None:
    agent = desk(airline)
    context = [
        Found(replace(one.document, facts={"segments": "{"}), one.stages, one.score)
        for one in agent.context()
    ]
    result = agent.actions.perform(
        "rebook", TO_EA4, consented=True, context=context, now=NOON, turn="1"
    )
    assert result.rule == "no_booking"
