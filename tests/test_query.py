"""One query in both worlds: the same names, each arm's own rows, and the record's truth."""

from __future__ import annotations

import pytest

from pipeline.query import Desk, Outcome
from pipeline.schema import ARMS, Arm
from tests.worlds import DAY, Airline

STATUS = f"SELECT facts->>'status' AS s FROM context WHERE doc_id = 'flight/EA1/{DAY}'"


@pytest.fixture(scope="module")
def airline(tmp_path_factory: pytest.TempPathFactory) -> Airline:
    """A cancellation that the stream has heard of, after a batch that had not."""
    made = Airline(tmp_path_factory.mktemp("query"))
    made.fire("flight.gate_changed", f"flight/EA1/{DAY}", gate="B7")
    made.stream()
    made.batch()
    made.fire("flight.cancelled", f"flight/EA1/{DAY}", reason="snow")
    made.raw(b"\xff garbage")
    made.stream()
    return made


@pytest.fixture(scope="module")
def desk(airline: Airline) -> Desk:
    return Desk(airline.database, airline.stores, airline.lake)


def values(outcomes: dict[Arm, Outcome]) -> dict[Arm, list[object]]:
    """The first column of what each arm found."""
    found = {}
    for arm, one in outcomes.items():
        assert one.rows, one.error
        found[arm] = [row[0] for row in one.rows.rows]
    return found


def test_each_arm_answers_from_its_own_store(desk: Desk) -> None:
    assert values(desk.ask(STATUS)) == {"batch": ["scheduled"], "stream": ["cancelled"]}


def test_the_record_stands_beside_what_an_agent_believes(desk: Desk) -> None:
    found = desk.ask(
        "SELECT c.doc_id FROM context c JOIN record.flights r "
        "ON c.doc_id = 'flight/' || r.flight_number || '/' || r.date "
        "WHERE c.facts->>'status' <> r.status"
    )
    assert values(found) == {"batch": [f"flight/EA1/{DAY}"], "stream": []}


def test_vectors_stay_in_the_store(desk: Desk) -> None:
    columns = values(desk.ask("SELECT column_name FROM (DESCRIBE context)"))["stream"]
    assert "text" in columns
    assert "vector" not in columns


def test_the_log_and_its_progress_by_arm(desk: Desk) -> None:
    query = "SELECT o.type FROM outbox o JOIN progress p USING (sequence) WHERE o.breach IS NULL"
    assert values(desk.ask(query)) == {
        "batch": ["flight.gate_changed"],
        "stream": ["flight.gate_changed", "flight.cancelled"],
    }
    assert values(desk.ask("SELECT body FROM dead_letters")) == {
        "batch": [],
        "stream": ["\ufffd garbage"],
    }


def test_aggregates_are_each_arms_own(desk: Desk, airline: Airline) -> None:
    found = values(desk.ask("SELECT version FROM aggregates"))
    assert {arm: len(rows) for arm, rows in found.items()} == {
        arm: sum(row["arm"] == arm for row in airline.rows("aggregates")) for arm in ARMS
    }


def test_only_the_batch_has_a_lakehouse(desk: Desk) -> None:
    for table in ("bronze.events", "bronze.record", "silver.flight", "gold.customer_context"):
        found = desk.ask(f"SELECT count(*) FROM {table}")
        assert found["batch"].rows, found["batch"].error
        assert found["batch"].rows.rows[0][0] > 0
        assert found["stream"].absent
        assert "no lakehouse" in (found["stream"].error or "")


def test_before_the_first_batch_the_lakehouse_says_what_to_do(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    fresh = Airline(tmp_path_factory.mktemp("fresh"))
    found = Desk(fresh.database, fresh.stores, fresh.lake).ask("FROM silver.flight")["batch"]
    assert found.absent
    assert "run it now" in (found.error or "")
    fresh.close()


def test_a_wrong_query_is_wrong_in_both(desk: Desk) -> None:
    for sql, said in (("FROM nosuch", "no table nosuch"), ("DROP TABLE context", "Only SELECT")):
        found = desk.ask(sql)
        assert {one.rows for one in found.values()} == {None}
        assert all(said in (one.error or "") for one in found.values())
        assert not any(one.absent for one in found.values())


def test_a_query_writes_nothing_and_keeps_no_lock(desk: Desk, airline: Airline) -> None:
    before = {arm: airline.stores[arm].table.version for arm in ARMS}
    desk.ask("FROM outbox")
    desk.ask("FROM context")
    assert {arm: airline.stores[arm].table.version for arm in ARMS} == before
    airline.database.put("traffic_rate", 1.0)  # a writer does not wait
    assert airline.database.get("traffic_rate") == 1.0
