"""Reporting questions: what each arm says, as of when, and the truth."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from agent.reporting import Kind, ReportAnswer, Slots, report, truth
from pipeline import measures
from pipeline.clock import from_rfc3339
from pipeline.schema import ARMS, Arm
from tests.test_aggregates import Sums, a_day, flight, messages
from tests.worlds import DAY, NEW_YORK, NOON, Airline

NOW = NOON + timedelta(hours=2, minutes=7)  # 14:07 at the airline
KINDS: tuple[Kind, ...] = ("cancelled_flights", "complaints", "delays_by_route", "refunds")
TODAY = date.fromisoformat(DAY)


@pytest.fixture
def airline(tmp_path: Path) -> Iterator[Airline]:
    loaded = Airline(tmp_path)
    yield loaded
    loaded.close()


@pytest.fixture
def counted(airline: Airline) -> Airline:
    """A day that both arms know."""
    a_day(airline)
    Sums(airline).take(*messages(airline))
    airline.batch(NOW)
    return airline


def ask(airline: Airline, arm: Arm, kind: Kind, slots: Slots | None = None) -> ReportAnswer:
    return report(airline.database, arm, kind, slots or Slots(), NOW)


def own(airline: Airline, arm: Arm) -> Slots:
    """Slots of a question of C1 about their own flights."""
    return Slots(customer_id="C1", documents=airline.stores[arm].contents())


@pytest.mark.parametrize(
    ("kind", "slots", "said"),
    [
        ("cancelled_flights", Slots(), "1 flight was cancelled today"),
        (
            "complaints",
            Slots(hours=3),
            "1 complaint came in from 11:05 to 14:07: 1 by tweet",
        ),
        (
            "complaints",
            Slots(hours=6),
            "2 complaints came in from 08:05 to 14:07: 1 by chat and 1 by tweet",
        ),
        ("complaints", Slots(), "0 complaints came in from 13:05 to 14:07"),
        (
            "delays_by_route",
            Slots(),
            "the route with most delays today is JFK to BOS with 1 delayed flight, then "
            "JFK to ORD with 1",
        ),
        ("refunds", Slots(), "2 refunds were paid today, 10.30 EUR in all"),
        ("refunds", Slots(day=TODAY - timedelta(days=1)), "0 refunds were paid yesterday"),
        (
            "delays_by_route",
            Slots(day=TODAY + timedelta(days=4)),
            "no route has a delayed flight on 12 Feb",
        ),
    ],
)
def test_both_arms_say_the_truth_and_where_it_comes_from(
    counted: Airline, kind: Kind, slots: Slots, said: str
) -> None:
    stream, batch = (ask(counted, arm, kind, slots) for arm in ("stream", "batch"))
    assert stream.values == batch.values == truth(counted.database, kind, slots, NOW)
    assert stream.sentence == f"As of 14:07 (from live aggregates), {said}."
    assert batch.sentence == f"As of 14:07 (from the gold tables), {said}."
    assert stream.as_of == batch.as_of == NOW


def test_gold_says_how_old_it_is(counted: Airline) -> None:
    counted.database.put("batch_as_of", "2013-02-08T11:00:00.000Z")
    counted.fire("flight.cancelled", flight("EA1"), NOON + timedelta(hours=1))
    Sums(counted).take(*messages(counted))
    assert ask(counted, "stream", "cancelled_flights").values == (("flights", 2.0),)
    batch = ask(counted, "batch", "cancelled_flights")
    assert batch.sentence == "As of 06:00 (from the gold tables), 1 flight was cancelled today."
    assert truth(counted.database, "cancelled_flights", Slots(), NOW) == (("flights", 2.0),)


def test_the_last_hour_of_gold_ends_where_gold_ends(counted: Airline) -> None:
    counted.database.put("batch_as_of", "2013-02-08T04:30:00.000Z")
    answer = ask(counted, "batch", "complaints")
    assert answer.window == "22:30 yesterday to 23:30 yesterday"
    assert answer.sentence.startswith("As of 23:30 yesterday (from the gold tables), 0 complaints")


def test_the_stream_is_as_of_the_first_event_it_has_not_counted(counted: Airline) -> None:
    at = NOON + timedelta(hours=1)
    counted.fire("flight.cancelled", flight("EA1"), at)
    answer = ask(counted, "stream", "cancelled_flights")
    assert (answer.as_of, answer.values) == (at, (("flights", 1.0),))
    counted.database.put(measures.WATERMARK, 12)
    assert ask(counted, "stream", "cancelled_flights").as_of == NOW


def test_of_my_flights_is_answered_from_the_customers_own_documents(airline: Airline) -> None:
    airline.fire("flight.cancelled", flight("EA1"))
    airline.fire("flight.cancelled", flight("EA2"))  # nobody of this customer's is on it
    airline.stream()
    stream, batch = (
        ask(airline, arm, "cancelled_flights", own(airline, arm)) for arm in ARMS[::-1]
    )
    assert stream.values == truth(
        airline.database, "cancelled_flights", own(airline, "stream"), NOW
    )
    assert stream.values == (("flights", 1.0),)
    assert batch.values == (("flights", 0.0),)
    assert stream.sentence == (
        "As of 14:07 (from your own bookings, live), 1 of your flights was cancelled today."
    )
    assert "at the last batch run" in batch.sentence


def test_whoever_was_rebooked_has_no_cancelled_flight_any_more(airline: Airline) -> None:
    airline.fire("flight.cancelled", flight("EA1"))
    legs = {"from_": {"flight": "EA1", "date": DAY}, "to": {"flight": "EA2", "date": DAY}}
    airline.fire("booking.rebooked", "booking/AAAAA1", **legs)
    airline.stream()
    slots = own(airline, "stream")
    assert ask(airline, "stream", "cancelled_flights", slots).values == (("flights", 0.0),)
    assert truth(airline.database, "cancelled_flights", slots, NOW) == (("flights", 0.0),)


@pytest.mark.parametrize("kind", KINDS)
def test_before_the_first_batch_run_there_is_no_gold(airline: Airline, kind: Kind) -> None:
    answer = ask(airline, "batch", kind)
    assert answer.values == ()
    assert answer.sentence.startswith("I have no figures yet")
    own_flights = ask(airline, "batch", "cancelled_flights", own(airline, "batch"))
    assert own_flights.values == (("flights", 0.0),)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arm", ARMS)
def test_an_empty_airline_has_an_answer(airline: Airline, arm: Arm, kind: Kind) -> None:
    airline.batch(NOW)
    answer = ask(airline, arm, kind)
    assert sum(number for _, number in answer.values) == 0
    assert answer.values == truth(airline.database, kind, Slots(), NOW)


def test_a_local_day_is_not_a_day_of_utc(airline: Airline) -> None:
    """23:30 at the airline is tomorrow in UTC, and today in a report."""
    late = from_rfc3339("2013-02-09T04:30:00Z")
    airline.fire("payment.refunded", "customer/C1", late, amount=7.5, currency="USD")
    Sums(airline).take(*messages(airline))
    assert ask(airline, "stream", "refunds").values == (("refunds", 1.0), ("USD", 7.5))
    now = datetime(2013, 2, 9, 17, tzinfo=UTC)
    next_day = report(airline.database, "stream", "refunds", Slots(), now)
    assert next_day.values == (("refunds", 0.0),)
    assert next_day.as_of.tzinfo == NEW_YORK
