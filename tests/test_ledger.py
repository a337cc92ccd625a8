"""The ledger: what an arm has dealt with, once; and the fence between its writers and a reset."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pipeline import ledger
from pipeline.ledger import Progress, Superseded, epoch_fence, reset_fence
from pipeline.schema import Arm, Database
from tests.worlds import Airline


@pytest.fixture
def airline(tmp_path: Path) -> Airline:
    return Airline(tmp_path)


def entry(sequence: int, searchable_at: float = 1.0, arm: Arm = "stream") -> Progress:
    return {
        "arm": arm,
        "sequence": sequence,
        "outcome": ledger.SEARCHABLE,
        "searchable_at": searchable_at,
    }


def test_each_arm_has_its_own(airline: Airline) -> None:
    ledger.write(airline.database, [entry(1), entry(2), entry(3, arm="batch")])
    assert ledger.done(airline.database, "stream", [1, 2, 3]) == {1, 2}
    assert ledger.done(airline.database, "batch", [1, 2, 3]) == {3}
    assert ledger.done(airline.database, "stream", []) == set()


def test_an_event_keeps_its_first_time(airline: Airline) -> None:
    ledger.write(airline.database, [entry(1, 1.0)])
    ledger.write(airline.database, [entry(1, 9.0), entry(2, 9.0)])
    assert [row["searchable_at"] for row in airline.rows("progress")] == [1.0, 9.0]


def test_a_dead_letter_is_kept_verbatim_and_once(airline: Airline) -> None:
    letter = {"arm": "stream", "sequence": 1, "reason": "r", "body": b"\x00\xff", "found_at": 1.0}
    ledger.write(airline.database, [entry(1)], [letter])
    ledger.write(airline.database, [entry(1)], [letter | {"reason": "another"}])
    assert airline.rows("dead_letters") == [letter]


def test_rows_of_a_failed_transaction_are_not_there(airline: Airline) -> None:
    def fail() -> None:
        with airline.database.write() as connection:
            ledger.write_in(connection, [entry(1)])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert airline.rows("progress") == []


def test_work_for_a_world_that_is_gone_is_refused(airline: Airline) -> None:
    epoch = airline.database.get("epoch")
    with epoch_fence(airline.database, airline.home, epoch):
        pass
    airline.reset()
    fence = epoch_fence(airline.database, airline.home, epoch)
    with pytest.raises(Superseded, match=f"epoch {epoch} is over"):
        fence.__enter__()


def test_writers_share_the_fence_and_a_reset_waits_for_all(airline: Airline) -> None:
    epoch, order = airline.database.get("epoch"), list[str]()

    def reset() -> None:
        with reset_fence(airline.home):
            order.append("reset")

    resetting = threading.Thread(target=reset)
    with (
        epoch_fence(airline.database, airline.home, epoch),
        epoch_fence(Database(airline.database.url), airline.home, epoch),
    ):
        resetting.start()
        resetting.join(0.3)  # time enough to come first, if it could
        order.append("written")
    resetting.join()
    assert order == ["written", "reset"]
