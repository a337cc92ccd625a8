"""One batch run on a real SQLite record, real DuckDB and a real LanceDB table."""

import os
import signal
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import portalocker
import pytest

from pipeline.batch.lake import Lake
from pipeline.documents import Document
from pipeline.events import ContractError, parse
from pipeline.ledger import Superseded
from pipeline.store import ContextStore
from tests.test_batch_world import DAY, NOON, Airline, a_day, airline

__all__ = ["airline"]  # the fixture

STAGES = (
    "extracted",
    "bronze",
    "silver",
    "gold",
    "reverse_etl",
    "embedding",
    "embedded",
    "upserted",
)


class Killed(RuntimeError):
    """Stands for the end of the process at one stage."""


def killed_at(stage: str) -> Any:
    def on_stage(reached: str, _counts: dict[str, Any]) -> None:
        if reached == stage:
            raise Killed(stage)

    return on_stage


def tweet(airline: Airline, customer: str = "C1", text: str = "hello", **more: Any) -> None:
    airline.fire(
        "interaction.tweet", f"customer/{customer}", text=text, direction="inbound", **more
    )


def files(airline: Airline) -> set[str]:
    return {path.relative_to(airline.lake).as_posix() for path in airline.lake.rglob("*.parquet")}


def ask(airline: Airline, query: str) -> list[dict[str, Any]]:
    """SQL on the lake's views, as a later reader would."""
    with Lake.of(airline.lake, 1).session(0, NOON) as session:
        session.run("views.sql")
        return session.rows(query)


# --- what a run does ------------------------------------------------------------------------------


def test_a_run_notes_every_event_and_every_stage(airline: Airline) -> None:
    a_day(airline)
    airline.fire(  # late news: the record knew better
        "flight.delayed",
        f"flight/EA1/{DAY}",
        NOON - timedelta(hours=9),
        new_departure="2013-02-08 15:30",
    )
    airline.raw(b"\xff not ours")
    stages: list[str] = []
    result = airline.run(on_stage=lambda stage, _: stages.append(stage))

    progress = airline.rows("progress")
    assert {row["sequence"] for row in progress} == set(range(1, 17))
    assert [row["outcome"] for row in progress[-2:]] == ["unchanged", "dead_letter"]
    assert {row["outcome"] for row in progress[:-2]} == {"searchable"}
    first = progress[0]
    times = ("extracted", "bronze", "silver", "gold", "embedded", "searchable")
    assert (in_order := [first[f"{name}_at"] for name in times]) == sorted(in_order)
    assert progress[-1]["silver_at"]
    assert progress[-1]["gold_at"] is None
    # "embedding" is told again and again on a machine that takes long over it.
    assert [stage for stage, _ in groupby(stages)] == ["started", *STAGES, "searchable"]

    [journal] = airline.rows("batch_runs")
    assert journal["error"] is None
    assert journal["searchable_at"] == first["searchable_at"]
    assert journal["counts"] == result.counts
    assert result.counts["extracted"] == 16
    assert result.counts["rejected"] == result.counts["unchanged"] == 1
    assert result.counts["documents"] == len(airline.direct()) == airline.store.count()
    assert result.counts["sources"]["/raw-feed"] == 1
    assert airline.database.get("batch_as_of") == "2013-02-08T17:00:00.000Z"
    assert airline.database.get("batch")["run_id"] == result.run_id == 1


def test_stage_times_are_kept_with_the_document(airline: Airline) -> None:
    tweet(airline)
    airline.run()
    [found] = airline.store.of_customer("C1")
    known = {name for name, at in found.stages.items() if at}
    stages = {"recorded_at", "extracted_at", "bronze_at", "silver_at", "gold_at", "embedded_at"}
    assert known == stages


def test_the_newest_image_of_a_run_wins_and_a_later_run_replaces_it(airline: Airline) -> None:
    for gate in ("A1", "A2"):
        airline.fire("flight.gate_changed", f"flight/EA1/{DAY}", gate=gate)
    airline.run()
    assert [one.facts["gate"] for one in airline.store.contents()] == ["A2"]
    airline.fire("flight.gate_changed", f"flight/EA1/{DAY}", gate="A3")
    airline.run()
    assert [(one.facts["gate"], one.version) for one in airline.store.contents()] == [("A3", 3)]


def test_a_run_writes_what_changed_and_not_the_history(airline: Airline) -> None:
    a_day(airline)
    airline.run()
    airline.fire("flight.gate_changed", f"flight/EA1/{DAY}", gate="A3")
    airline.run()
    written = {name.split("/", 1)[1] for name in files(airline) if "run=2." in name}
    assert {name for name in written if name.startswith("bronze")} == {
        "bronze/flight-ops/run=2.parquet"
    }
    rows = ask(
        airline,
        "SELECT key FROM read_parquet(getvariable('lake') || '/silver/*/run=2.parquet', "
        "union_by_name := true) WHERE key IS NOT NULL",
    )
    assert rows == [{"key": f"EA1/{DAY}"}]


def test_silver_is_typed_and_the_views_show_the_newest(airline: Airline) -> None:
    a_day(airline)
    airline.run()
    airline.fire("payment.refunded", "customer/C3", amount=12.5, currency="USD")
    airline.run()
    assert ask(airline, "SELECT flight_number, status, departure FROM flights ORDER BY ALL") == [
        {"flight_number": "EA1", "status": "cancelled", "departure": _utc("2013-02-08 21:10")},
        {"flight_number": "EA2", "status": "scheduled", "departure": _utc("2013-02-08 20:00")},
        {"flight_number": "EA3", "status": "departed", "departure": _utc("2013-02-08 20:04")},
    ]
    assert ask(airline, "SELECT sum(amount) AS s FROM payments") == [{"s": 212.4}]
    assert ask(airline, "SELECT count(*) AS n FROM customers") == [{"n": 3}]
    booked = ask(
        airline, "SELECT segments[1].seat AS s, insurance AS i FROM bookings WHERE key = 'NEW001'"
    )
    assert booked == [{"s": "1A", "i": True}]
    assert ask(airline, "SELECT count(*) AS n FROM events") == [{"n": 15}]


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text)  # times in the lake are UTC and carry no zone


def test_bronze_is_verbatim_one_file_a_source_system(airline: Airline) -> None:
    a_day(airline)
    airline.raw(b"\x00\xff\n")
    airline.run()
    sources = {Path(name).parent.name for name in files(airline) if "/bronze/" in name}
    assert sources >= {"flight-ops", "reservations", "baggage", "payments", "social", "raw-feed"}
    bronze = ask(
        airline,
        "SELECT sequence, body FROM read_parquet(getvariable('lake') || '/bronze/*/run=1.parquet') "
        "ORDER BY sequence",
    )
    assert [row["body"] for row in bronze] == [row["body"] for row in airline.rows("outbox")]


# --- rejects --------------------------------------------------------------------------------------

GARBAGE = [
    b"\xff\xfe\x00",
    b"",
    b"<html>502 Bad Gateway</html>",
    b"[1, 2]",
    b'{"type": "flight.teleported"}',
    b'{"type": "flight.cancelled", "id": "no"}',
    b'{"n": ' + b"1" * 5000 + b"}",
    b"[" * 100_000,
    b'{"type": "\\ud800"}',
    b"x" * 1_000_000,
]


def test_garbage_is_found_in_silver_and_kept_with_its_reason(airline: Airline) -> None:
    for body in GARBAGE:
        airline.raw(body)
    tweet(airline)
    result = airline.run()
    assert result.counts["rejected"] == len(GARBAGE)
    letters = airline.rows("dead_letters")
    assert [letter["body"] for letter in letters] == GARBAGE
    assert {letter["arm"] for letter in letters} == {"batch"}
    for letter in letters:
        with pytest.raises(ValueError) as breach:  # noqa: PT011 the contract's own words
            parse(letter["body"])
        assert letter["reason"] == str(breach.value)
    rejects = ask(airline, "SELECT breach FROM rejects ORDER BY sequence")
    assert [reject["breach"] for reject in rejects[:5]] == [
        "not UTF-8",
        "not JSON",
        "not JSON",
        "not an object",
        "breaks the contract",
    ]
    assert [one.kind for one in airline.store.contents()] == ["interaction"]


def test_a_raw_item_that_the_record_refused_is_a_reject_too(airline: Airline) -> None:
    body = (
        b'{"specversion":"1.0","id":"7c1f0c5e-0000-4000-8000-000000000001","source":"/flight-ops",'
        b'"type":"flight.cancelled","subject":"flight/XX9/2013-02-08","time":"2013-02-08T11:20:05Z",'
        b'"data":{}}'
    )
    with pytest.raises(ContractError) as breach:
        airline.fire("flight.cancelled", "flight/XX9/2013-02-08")
    airline.raw(body, str(breach.value))
    airline.run()
    assert [letter["reason"] for letter in airline.rows("dead_letters")] == [str(breach.value)]
    assert airline.store.count() == 0


# --- safe to repeat -------------------------------------------------------------------------------


def test_a_second_run_adds_nothing(airline: Airline) -> None:
    a_day(airline)
    airline.run()
    progress, version = airline.rows("progress"), airline.store.table.version
    again = airline.run()
    assert (again.run_id, again.counts["extracted"], again.counts["documents"]) == (2, 0, 0)
    assert airline.rows("progress") == progress
    assert airline.store.table.version == version


def test_a_run_with_nothing_to_do_moves_the_time(airline: Airline) -> None:
    airline.run(at=NOON + timedelta(hours=6))
    assert airline.database.get("batch_as_of") == "2013-02-08T23:00:00.000Z"


@pytest.mark.parametrize("stage", STAGES)
def test_after_a_failure_anywhere_the_next_run_starts_over(airline: Airline, stage: str) -> None:
    a_day(airline)
    with pytest.raises(Killed):
        airline.run(on_stage=killed_at(stage))
    assert airline.rows("progress") == []
    assert airline.database.get("batch_watermarks") is None
    airline.run()
    assert airline.store.contents() == airline.direct()
    assert len(airline.rows("progress")) == 14
    failed, done = airline.rows("batch_runs")
    assert (failed["run_id"], failed["error"]) == (1, f"Killed: {stage}")
    assert (done["run_id"], done["error"]) == (2, None)
    assert not [name for name in files(airline) if "run=1.parquet" in name]


KILL = """
import os, signal, sys
from pathlib import Path
from tests.test_batch_world import HashEncoder, NOON
from pipeline.batch.run import run
from pipeline.schema import Database
from pipeline.store import ContextStore

home = Path(sys.argv[1])
def on_stage(stage, counts):
    if stage == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
store = ContextStore(str(home / "lancedb"), "batch", HashEncoder.name)
database = Database(f"sqlite:///{home / 'record.sqlite'}")
run(database, store, HashEncoder(), home / "lake", home, NOON, on_stage)
"""


def test_kill_9_between_the_store_and_the_ledger(airline: Airline) -> None:
    a_day(airline)
    root = Path(__file__).parent.parent
    killed = subprocess.run(
        [sys.executable, "-c", KILL, str(airline.home), "upserted"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert airline.store.contents() == airline.direct()  # visible, but nobody has noted it
    assert airline.rows("progress") == []
    airline.run()
    assert airline.store.contents() == airline.direct()
    assert len(airline.rows("progress")) == 14
    assert "killed" in airline.rows("batch_runs")[0]["error"]


def test_two_runs_at_once_are_refused(airline: Airline) -> None:
    tweet(airline)

    def while_running(stage: str, _counts: dict[str, Any]) -> None:
        if stage == "gold":
            with pytest.raises(portalocker.exceptions.LockException):
                airline.run()

    airline.run(on_stage=while_running)
    assert len(airline.rows("batch_runs")) == 1


# --- what readers see -----------------------------------------------------------------------------


def test_readers_see_the_old_snapshot_or_the_new_one(airline: Airline) -> None:
    for number in range(40):
        tweet(airline, text=f"before {number}")
    airline.run()
    for number in range(400):
        tweet(airline, text=f"after {number}")
    airline.fire("flight.cancelled", f"flight/EA1/{DAY}")
    stop, seen, flights = threading.Event(), set[int](), set[int]()

    def read() -> None:
        store = ContextStore(airline.uri, "batch", airline.encoder.name)
        while not stop.is_set():
            found = store.newer_than(0)  # one query: all of it is of one version
            seen.add(len(found))
            flights.add(sum(one.document.kind == "flight" for one in found))

    reader = threading.Thread(target=read)
    reader.start()
    airline.run()
    stop.set()
    reader.join()
    assert seen <= {40, 441}
    assert flights <= {0, 1}
    assert airline.store.count() == 441


def reset_at(airline: Airline, stage: str) -> Any:
    def on_stage(reached: str, _counts: dict[str, Any]) -> None:
        if reached == stage:
            with airline.database.write() as connection:
                connection.exec_driver_sql("DELETE FROM outbox")
                connection.exec_driver_sql("DELETE FROM batch_runs")
            airline.database.put("epoch", 2)
            for file in airline.lake.rglob("*.parquet"):
                file.unlink()

    return on_stage


@pytest.mark.parametrize("stage", ["bronze", "silver", "gold", "embedding", "embedded"])
def test_a_reset_drops_the_run(airline: Airline, stage: str) -> None:
    a_day(airline)
    with pytest.raises(Superseded):
        airline.run(on_stage=reset_at(airline, stage))
    assert airline.store.count() == 0
    assert airline.rows("progress") == airline.rows("batch_runs") == []
    assert not any(row["at_risk"] for row in airline.rows("customers")) or stage != "bronze"
    tweet(airline)
    assert airline.run().run_id == 1
    assert airline.store.contents() == airline.direct()
    assert not (airline.lake / "epoch=1").exists()


# --- source systems of their own ------------------------------------------------------------------


def test_source_systems_can_be_extracted_alone(airline: Airline) -> None:
    airline.fire("flight.cancelled", f"flight/EA1/{DAY}")
    tweet(airline)
    airline.fire("flight.cancelled", f"flight/EA2/{DAY}")
    airline.run(sources={"/flight-ops"})
    assert {one.kind for one in airline.store.contents()} == {"flight"}
    assert airline.database.get("batch_watermarks") == {"all": 1, "/flight-ops": 3}
    airline.fire("flight.cancelled", f"flight/EA3/{DAY}")
    assert airline.run(sources={"/flight-ops"}).counts["extracted"] == 1
    assert airline.run(sources={"/social"}).counts["extracted"] == 1
    assert airline.database.get("batch_watermarks") == {"all": 4}
    assert airline.run().counts["extracted"] == 0
    assert airline.store.contents() == airline.direct()
    assert sorted(row["sequence"] for row in airline.rows("progress")) == [1, 2, 3, 4]


# --- reverse ETL ----------------------------------------------------------------------------------


def at_risk(airline: Airline) -> dict[str, str]:
    return {
        row["customer_id"]: row["at_risk_as_of"]
        for row in airline.rows("customers")
        if row["at_risk"]
    }


def test_two_contacts_in_a_day_are_a_risk_until_the_day_is_over(airline: Airline) -> None:
    tweet(airline, "C1")
    tweet(airline, "C1")
    tweet(airline, "C2")
    airline.fire("interaction.call", "customer/C2", text="hi", direction="outbound")
    assert airline.run().counts["at_risk"] == 1
    assert at_risk(airline) == {"C1": "2013-02-08T17:00:00.000Z"}
    airline.run(at=NOON + timedelta(hours=25))
    assert at_risk(airline) == {}
    cleared, never, _ = airline.rows("customers")
    assert (cleared["at_risk_as_of"], never["at_risk_as_of"]) == ("2013-02-09T18:00:00.000Z", None)


def test_a_cancelled_flight_is_a_risk_until_rebooked(airline: Airline) -> None:
    airline.fire("flight.cancelled", f"flight/EA1/{DAY}")
    airline.fire("booking.cancelled", "booking/AAAAA3")
    airline.run()
    assert set(at_risk(airline)) == {"C1", "C2"}
    airline.fire(
        "booking.rebooked",
        "booking/AAAAA1",
        from_={"flight": "EA1", "date": DAY},
        to={"flight": "EA2", "date": DAY},
    )
    airline.run()
    assert set(at_risk(airline)) == {"C2"}
    said = ask(airline, "SELECT customer_id, reason FROM at_risk WHERE run_id = 2")
    assert said == [{"customer_id": "C2", "reason": f"not rebooked from EA1/{DAY}"}]


def test_the_flag_is_in_no_document(airline: Airline) -> None:
    airline.fire("flight.cancelled", f"flight/EA1/{DAY}")
    airline.run()
    airline.fire("customer.tier_changed", "customer/C1", tier="silver")
    airline.run()
    customer: Document = next(one for one in airline.store.contents() if one.kind == "customer")
    assert "risk" not in customer.text.lower()
    assert not any("risk" in name for name in customer.facts)


# --- nothing leaves this machine ------------------------------------------------------------------


def test_duckdb_looks_for_nothing_on_the_network(airline: Airline) -> None:
    with Lake.of(airline.lake, 1).session(0, NOON) as session:
        settings = "autoinstall_known_extensions", "autoload_known_extensions"
        for name in settings:
            assert session.rows(f"SELECT current_setting('{name}') AS v") == [{"v": False}]
        with pytest.raises(duckdb.Error, match="httpfs"):
            session.rows("FROM read_parquet('https://example.org/x.parquet')")
