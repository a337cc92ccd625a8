"""The twin invariant: whatever happens to the events on their way, both arms end up the same.

Any events in any order, late, twice, refused or garbage; delivered to the stream in any order, any
number of times, in any micro-batches, its ledger lost in between; the batch cut anywhere.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from pipeline import schema
from pipeline.clock import to_rfc3339
from pipeline.events import PAYLOADS, SOURCES, ContractError, source_of
from pipeline.schema import Arm
from tests.worlds import DAY, NOON, Airline, add, folder

Fields = dict[str, Any]

# Few names, so that events meet on one entity; one that nobody knows: its events are refused.
NUMBER = st.sampled_from(["EA1", "EA1", "EA1", "EA2", "EA9"])
LOCATOR = st.sampled_from(["AAAAA1", "AAAAA1", "AAAAA2", "NEW001"])
CUSTOMER = st.sampled_from(["C1", "C1", "C_3", "c1", "nobody"])
TAG = st.sampled_from(["0016123456", "0016999999"])
SEAT = st.sampled_from(["1A", "5C", "9F"])
TEXT = st.text(min_size=1, max_size=30) | st.just("mail a@b.org or +1 212 555 0142, \x00 “🧳”")
REASON = st.none() | st.sampled_from(["snow", 'the "storm" ❄️'])
LOCAL_TIME = st.integers(0, 23).map(lambda hour: f"{DAY} {hour:02}:10")
SEGMENT = st.fixed_dictionaries({"flight": NUMBER, "date": st.just(DAY), "seat": SEAT})
LEG = st.fixed_dictionaries({"flight": NUMBER, "date": st.just(DAY)})
MONEY = st.fixed_dictionaries(
    {"amount": st.floats(-1, 200, allow_nan=False), "currency": st.just("EUR")}
)
SAID = st.fixed_dictionaries(
    {"text": TEXT, "direction": st.sampled_from(["inbound", "outbound"]), "handled_by": REASON}
)
ACTUAL = st.fixed_dictionaries({"actual": LOCAL_TIME})
BECAUSE = st.fixed_dictionaries({"reason": REASON})
SCAN = st.fixed_dictionaries({"locator": LOCATOR, "location": REASON, "flight": NUMBER})
DATA: dict[str, st.SearchStrategy[Fields]] = {
    "flight.delayed": st.fixed_dictionaries({"new_departure": LOCAL_TIME, "reason": REASON}),
    "flight.cancelled": BECAUSE,
    "flight.gate_changed": st.fixed_dictionaries({"gate": st.sampled_from(["A1", "C12"])}),
    "flight.departed": ACTUAL,
    "flight.landed": ACTUAL,
    "booking.created": st.fixed_dictionaries(
        {
            "customer_id": CUSTOMER,
            "cabin": st.just("first"),
            "passengers": st.lists(st.just("Zoë"), min_size=1, max_size=2),
            "segments": st.lists(SEGMENT, min_size=1, max_size=2),
        }
    ),
    "booking.rebooked": st.fixed_dictionaries({"from": LEG, "to": LEG, "seat": SEAT}),
    "booking.seat_changed": SEGMENT,
    "booking.cancelled": BECAUSE,
    "bag.checked": SCAN,
    "bag.misrouted": SCAN,
    "bag.located": SCAN,
    "bag.delivered": SCAN,
    "payment.refunded": MONEY,
    "payment.voucher_issued": MONEY,
    "interaction.tweet": SAID,
    "interaction.chat": SAID,
    "interaction.call": SAID,
    "interaction.email": SAID,
    "customer.tier_changed": st.fixed_dictionaries({"tier": st.sampled_from(["gold", "silver"])}),
    "customer.contact_changed": st.fixed_dictionaries({"email": st.just("a@b.de")}),
    "policy.updated": st.fixed_dictionaries({"title": st.just("Pets"), "text": TEXT}),
}
SUBJECTS: dict[str, st.SearchStrategy[str]] = {
    "flight": NUMBER.map(lambda number: f"flight/{number}/{DAY}"),
    "booking": LOCATOR.map(lambda locator: f"booking/{locator}"),
    "bag": TAG.map(lambda tag: f"bag/{tag}"),
    "payment": LOCATOR.map(lambda locator: f"booking/{locator}")
    | CUSTOMER.map(lambda customer: f"customer/{customer}"),
    "interaction": CUSTOMER.map(lambda customer: f"customer/{customer}"),
    "customer": CUSTOMER.map(lambda customer: f"customer/{customer}"),
    "policy": st.sampled_from(["policy/pets", "policy/new"]),
}


# What changes an entity again and again comes most often.
TYPES = [*DATA, *2 * [one for one in DATA if one.split(".")[0] in ("flight", "customer", "policy")]]


@st.composite
def cloud_events(draw: Callable[[st.SearchStrategy[Any]], Any]) -> bytes:
    event_type = draw(st.sampled_from(TYPES))
    late = timedelta(minutes=draw(st.sampled_from([-500, -60, -10, 0, 5, 30, 90])))
    fields = {
        "specversion": "1.0",
        "id": str(uuid.UUID(int=draw(st.integers(1, 99)))),  # the same id twice is likely
        "source": source_of(event_type),
        "type": event_type,
        "subject": draw(SUBJECTS[event_type.split(".")[0]]),
        "time": to_rfc3339(NOON + late),
        "data": draw(DATA[event_type]),
    }
    return json.dumps(fields).encode()


GARBAGE = st.binary(max_size=20) | st.sampled_from([b"", b"{}", b"[[[[", b'{"type": NaN}'])
ITEM = st.integers(0, 9).flatmap(lambda die: cloud_events() if die else GARBAGE)
ITEMS = st.lists(ITEM, min_size=15, max_size=30)


def test_every_event_type_is_drawn() -> None:
    assert set(DATA) == set(PAYLOADS)
    assert set(SUBJECTS) == {name.split(".")[0] for name in SOURCES}


@pytest.fixture(scope="module")
def airline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airline]:
    """One for all examples: each begins with a reset."""
    home = tmp_path_factory.mktemp("twins")
    loaded = Airline(home, folder(home))
    yield loaded
    loaded.close()


class Watch:
    """Looks at a store after each write: no document may ever be older than it was."""

    def __init__(self, airline: Airline) -> None:
        self._airline = airline
        self._seen: dict[tuple[Arm, str], int] = {}

    def look(self, arm: Arm) -> None:
        """Compare with the last look."""
        for document in self._airline.stores[arm].contents():
            key = arm, document.doc_id
            assert document.version >= self._seen.get(key, 0), f"{key} went back"
            self._seen[key] = document.version


def record_and_batch(airline: Airline, watch: Watch, items: list[bytes], cuts: set[int]) -> None:
    for place, item in enumerate(items):
        airline.raw(item)
        if place in cuts:
            airline.batch()
            watch.look("batch")
    airline.batch()
    watch.look("batch")


def deliver(airline: Airline, watch: Watch, order: list[int], cuts: set[int]) -> None:
    """The outbox to a new worker of the stream: a micro-batch ends at each cut and at the end."""
    messages, sink = airline.messages(), airline.sink()
    for turn, place in enumerate(order):
        add(sink, messages[place])
        if turn in cuts:
            sink.flush()
            watch.look("stream")
    sink.flush()
    watch.look("stream")


def lose_the_ledger(airline: Airline) -> None:
    """As when the worker dies after the upsert: only the store's version guard is left."""
    with airline.database.write() as connection:
        for table in (schema.progress, schema.dead_letters):
            connection.execute(delete(table).where(table.c.arm == "stream"))


def outcomes(airline: Airline, arm: Arm) -> dict[int, str]:
    rows = airline.rows("progress")
    return {row["sequence"]: row["outcome"] for row in rows if row["arm"] == arm}


def dead_letters(airline: Airline, arm: Arm) -> dict[int, bytes]:
    rows = airline.rows("dead_letters")
    return {row["sequence"]: bytes(row["body"]) for row in rows if row["arm"] == arm}


@given(items=ITEMS, cuts=st.sets(st.integers(0, 29), max_size=2), data=st.data())
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_both_arms_end_up_the_same(
    airline: Airline, items: list[bytes], cuts: set[int], data: st.DataObject
) -> None:
    assert airline.reset() == airline.fingerprint
    watch = Watch(airline)
    record_and_batch(airline, watch, items, cuts)

    count = len(airline.rows("outbox"))
    again = data.draw(st.lists(st.integers(0, count - 1), max_size=10)) if count else []
    order = data.draw(st.permutations([*range(count), *again]))
    turns = st.integers(0, len(order))
    deliver(airline, watch, order[: data.draw(turns)], data.draw(st.sets(turns, max_size=3)))
    lose_the_ledger(airline)
    deliver(airline, watch, order, data.draw(st.sets(turns, max_size=8)))

    expected = airline.direct()
    assert airline.stores["stream"].contents() == expected
    assert airline.stores["batch"].contents() == expected
    assert outcomes(airline, "stream") == outcomes(airline, "batch")
    assert len(outcomes(airline, "stream")) == count
    assert dead_letters(airline, "stream") == dead_letters(airline, "batch")


def test_events_that_change_one_document_many_times_in_the_worst_order(airline: Airline) -> None:
    airline.reset()
    for gate in range(1, 9):
        airline.fire("flight.gate_changed", f"flight/EA1/{DAY}", gate=f"B{gate}")
    watch, sink = Watch(airline), airline.sink()
    for message in reversed(airline.messages()):
        add(sink, message)
        sink.flush()
        watch.look("stream")
    [shown] = airline.stores["stream"].lookup([f"flight/EA1/{DAY}"], "C1")
    assert (shown.document.facts["gate"], shown.document.version) == ("B8", 8)
    airline.batch()
    assert airline.stores["batch"].contents() == airline.stores["stream"].contents()


def test_refused_events_leave_no_trace(airline: Airline) -> None:
    airline.reset()
    with pytest.raises(ContractError, match="subject: the record knows no flight/EA9"):
        airline.fire("flight.cancelled", f"flight/EA9/{DAY}")
    airline.stream()
    airline.batch()
    assert airline.rows("outbox") == []
    assert airline.stores["stream"].contents() == airline.stores["batch"].contents()
