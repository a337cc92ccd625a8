"""Counters on the edges of both pipelines; what a batch run and the stores say of themselves."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pipeline import counters, freshness, status
from pipeline.batch import journal
from pipeline.settings import Settings
from tests.worlds import NOON, Airline


@pytest.fixture(scope="module")
def airline(tmp_path_factory: pytest.TempPathFactory) -> Airline:
    """Five items: two tweets, a gate, a broken one, one that came late; then a batch; then one."""
    made = Airline(tmp_path_factory.mktemp("counters"))
    made.fire("interaction.tweet", "customer/C1", text="x", direction="inbound")
    made.fire("interaction.tweet", "customer/C.2", text="y", direction="inbound")
    made.fire("flight.gate_changed", "flight/EA1/2013-02-08", gate="B2")
    made.raw(b"<html>")
    before = NOON - timedelta(hours=1)
    made.fire("flight.gate_changed", "flight/EA1/2013-02-08", before, gate="B1")
    made.stream()
    made.batch()
    made.fire("customer.tier_changed", "customer/C1", tier="silver")
    return made


def test_every_edge_is_counted(airline: Airline) -> None:
    found = counters.read(airline.database)
    assert found["log"]["recorded"] == 6
    assert found["stream"] == {"consumed": 5, "searchable": 3, "unchanged": 1, "dead_letter": 1}
    assert found["batch"] == {
        "taken": 5, "searchable": 3, "unchanged": 1, "dead_letter": 1,
        "runs": 1, "failed": 0, "bronze": 5, "silver": 4, "gold": 3,
        "at_risk": 0,
    }  # fmt: skip


def test_what_changed_since_the_batch_is_counted_by_entity(airline: Airline) -> None:
    assert counters.waiting(airline.database) == {"customer": 1}


def test_a_run_says_what_each_stage_took(airline: Airline) -> None:
    [run] = journal.recent(airline.database, 5)
    assert tuple(run["took"]) == journal.STAGES
    whole = run["searchable_at"] - run["started_at"]
    assert sum(run["took"].values()) == pytest.approx(whole)


def test_the_wait_for_a_batch_is_told_from_its_work(airline: Airline) -> None:
    [run] = journal.recent(airline.database, 5)
    found = freshness.last_batch(airline.database)
    assert found is not None
    assert found["events"] == 5
    assert found["ran_s"] == pytest.approx(run["searchable_at"] - run["started_at"])
    assert found["waited_s"] > 0


def test_stores_say_what_they_hold(airline: Airline) -> None:
    held = status.tables([airline.stores["batch"], airline.stores["stream"]])
    assert held["context_stream"]["documents"] == held["context_batch"]["documents"]
    assert held["context_stream"]["fragments"] >= 1
    assert held["context_stream"]["versions"] >= 2
    sizes = status.sizes(Settings(airline_home=airline.home))
    assert set(sizes) == {*held, "lake/bronze", "lake/silver", "lake/gold", "record"}
    assert all(one["bytes"] > 0 for one in sizes.values())
    assert sizes["lake/bronze"]["files"] == len(list(airline.lake.glob("epoch=*/bronze/*/*")))


def test_a_store_that_is_elsewhere_has_no_size_here(tmp_path: Path) -> None:
    there = Settings(
        airline_home=tmp_path, database_url="postgresql://db/airline", lancedb_uri="s3://airline"
    )
    nowhere = {"files": None, "bytes": None}
    found = status.sizes(there)
    assert found["record"] == found["context_batch"] == nowhere
    assert found["lake/gold"] == {"files": 0, "bytes": 0}
