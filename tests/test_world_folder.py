"""Bring your own airline: a world folder is read whole, or refused with file, line and column."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipeline.world import World, WorldError, move_event, read, read_events
from tests.worlds import DAY, NEW_YORK, Table, changed, folder


def world(tmp_path: Path, first_day: date | None = None, **tables: Table | str | bytes) -> World:
    return read(folder(tmp_path, **tables), zone=NEW_YORK, first_day=first_day)


def test_a_world_is_read_with_its_times_in_utc(tmp_path: Path) -> None:
    read_ = world(tmp_path)
    assert {name: len(rows) for name, rows in read_.rows.items()} == {
        "customers": 4,
        "flights": 3,
        "bookings": 4,
        "segments": 4,
        "passengers": 4,
        "bags": 2,
        "policies": 2,
    }
    flight = read_.rows["flights"][1]
    assert flight["scheduled_departure"] == flight["departure"] == "2013-02-08T20:00:00.000Z"
    assert flight["scheduled_arrival"] == "2013-02-09T01:30:00.000Z"  # 17:30 in Los Angeles
    assert flight["gate"] is None
    assert read_.rows["customers"][1]["email"] is None
    assert read_.rows["bookings"][0]["insurance"] is True
    assert read_.rows["policies"][0] == {
        "slug": "pets",
        "title": "Pets",
        "text": "Small ones, in a box.",
    }
    assert (read_.first_day, read_.last_day, read_.moved_days) == (date(2013, 2, 8),) * 2 + (0,)
    assert read_.starts_at(NEW_YORK).isoformat() == "2013-02-08T00:00:00-05:00"
    assert read_.ends_at(NEW_YORK).isoformat() == "2013-02-09T00:00:00-05:00"


def test_only_four_files_are_needed(tmp_path: Path) -> None:
    place = folder(tmp_path)
    for name in ("passengers.csv", "bags.csv", "policies/pets.md", "policies/refunds.md"):
        (place / name).unlink()
    (place / "policies").rmdir()
    assert read(place, zone=NEW_YORK).rows["bags"] == []


@pytest.mark.parametrize("name", ["customers", "flights", "bookings", "segments"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    place = folder(tmp_path)
    (place / f"{name}.csv").unlink()
    with pytest.raises(WorldError, match=f"{name}.csv, line 0, .*expected this file in"):
        read(place, zone=NEW_YORK)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match="nowhere.*expected a folder with customers.csv"):
        read(tmp_path / "nowhere", zone=NEW_YORK)


def test_a_byte_order_mark_and_windows_line_ends_are_no_matter(tmp_path: Path) -> None:
    rows = "customer_id,name,email,phone,tier\r\n" + "".join(
        f'{one},"Zoë, of ""the hat""",,,gold\r\n' for one in ("C1", "C.2", "C_3", "c1")
    )
    found = world(tmp_path, customers=b"\xef\xbb\xbf" + rows.encode()).rows["customers"]
    assert [row["name"] for row in found] == ['Zoë, of "the hat"'] * 4


BAD: list[tuple[str, int, dict[str, Any], str]] = [
    # table, row, values -> the column that is named
    ("customers", 1, {"tier": "platinum"}, "tier"),
    ("customers", 1, {"name": "  "}, "name"),
    ("customers", 1, {"name": "x" * 201}, "name"),
    ("customers", 1, {"customer_id": ""}, "customer_id"),
    ("customers", 1, {"customer_id": "C1"}, "customer_id"),  # twice
    ("customers", 1, {"customer_id": "C|1"}, "customer_id"),
    ("customers", 1, {"customer_id": "' OR '1'='1"}, "customer_id"),
    ("customers", 1, {"customer_id": "C1\n"}, "customer_id"),
    ("flights", 2, {"flight_number": "EA"}, "flight_number"),
    ("flights", 2, {"flight_number": "EA 1"}, "date"),  # the same flight twice
    ("flights", 2, {"date": "08/02/2013"}, "date"),
    ("flights", 2, {"date": "2013-02-30"}, "date"),
    ("flights", 2, {"date": "9999-12-31"}, "date"),
    ("flights", 2, {"date": "0001-01-01"}, "date"),
    ("flights", 2, {"origin": "jfk"}, "origin"),
    ("flights", 2, {"origin": "QQQ"}, "origin"),
    ("flights", 2, {"destination": "QQQ"}, "destination"),
    ("flights", 2, {"scheduled_departure": "3 pm"}, "scheduled_departure"),
    ("flights", 2, {"scheduled_departure": ""}, "scheduled_departure"),
    ("flights", 2, {"scheduled_departure": "9999-12-31 23:00"}, "scheduled_departure"),
    ("flights", 2, {"scheduled_arrival": "2013-02-08 14:59"}, "scheduled_arrival"),
    ("flights", 2, {"status": "late"}, "status"),
    ("bookings", 0, {"locator": "aaaaa1"}, "locator"),
    ("bookings", 0, {"customer_id": "C9"}, "customer_id"),
    ("bookings", 0, {"cabin": "steerage"}, "cabin"),
    ("bookings", 0, {"insurance": "perhaps"}, "insurance"),
    ("bookings", 0, {"created_at": "last year"}, "created_at"),
    ("bookings", 0, {"created_at": "0001-01-01T00:00:00+05:00"}, "created_at"),
    ("bookings", 0, {"status": "maybe"}, "status"),
    ("segments", 3, {"locator": "ZZZZZ9"}, "locator"),
    ("segments", 3, {"flight_number": "EA9"}, "flight_number"),
    ("segments", 3, {"date": "2013-02-09"}, "flight_number"),
    ("segments", 3, {"segment": "1.5"}, "segment"),
    ("segments", 3, {"segment": "1" + "0" * 30}, "segment"),
    ("segments", 3, {"seat": "99Z"}, "seat"),
    ("segments", 3, {"locator": "AAAAA1"}, "segment"),  # twice
    ("passengers", 0, {"locator": "ZZZZZ9"}, "locator"),
    ("bags", 0, {"tag": "1|2"}, "tag"),
    ("bags", 0, {"status": "lost"}, "status"),
    ("bags", 0, {"locator": "ZZZZZ9"}, "locator"),
]


@pytest.mark.parametrize(("table", "row", "values", "column"), BAD)
def test_a_bad_row_is_named_by_file_line_and_column(
    tmp_path: Path, table: str, row: int, values: dict[str, Any], column: str
) -> None:
    place = folder(tmp_path, **{table: changed(table, row, **values)})
    with pytest.raises(WorldError) as refused:
        read(place, zone=NEW_YORK)
    error = refused.value
    lines = 1 + sum(str(value).count("\n") for value in values.values())
    assert (error.file, error.column) == (f"{table}.csv", column)
    assert row + 2 <= error.line < row + 2 + lines
    assert error.expected
    assert str(error).startswith(f"{table}.csv, line {error.line}, column {column}: ")


HEADER = "customer_id,name,email,phone,tier\n"


@pytest.mark.parametrize(
    ("customers", "line", "column", "expected"),
    [
        (HEADER + "C1,Ada,,\n", 2, "tier", "Field required"),
        (HEADER + "C1,Ada,,,gold,extra\n", 2, "-", "more fields than the header"),
        ("id,name,email,phone,tier\nC1,Ada,,,gold\n", 2, "customer_id", "Field required"),
        (HEADER + 'C1,"Ada,,,gold\n', 2, "-", "expected CSV"),
        (HEADER + "C1,Ada,,,gold\nC2," + "x" * 200_000 + ",,,gold\n", 3, "-", "expected CSV"),
        ((HEADER + "C1,Ada,,,gold\nC2,Zo").encode() + b"\xeb,,,gold\n", 3, "-", "expected UTF-8"),
        ((HEADER + "C1,Ada,,,gold\n").encode("utf-16"), 1, "-", "expected UTF-8"),
        (HEADER, 2, "customer_id", "expected one of customers.csv"),  # bookings name somebody
    ],
)
def test_a_bad_file_is_named_by_its_line(
    tmp_path: Path, customers: str | bytes, line: int, column: str, expected: str
) -> None:
    with pytest.raises(WorldError) as refused:
        world(tmp_path, customers=customers)
    error = refused.value
    assert (error.line, error.column) == (line, column)
    assert expected in error.expected


def test_a_world_without_flights_is_refused(tmp_path: Path) -> None:
    header = ",".join(changed("flights", 0)[0]) + "\n"
    with pytest.raises(WorldError, match="expected at least one flight"):
        world(tmp_path, flights=header)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"Pets\nSmall ones.", "'# Title'"),
        (b"# Pets\n", "then the text"),
        (b"", "'# Title'"),
        (b"# Pets\n\n\xff", "expected UTF-8"),
    ],
)
def test_a_bad_policy_is_named(tmp_path: Path, text: bytes, expected: str) -> None:
    place = folder(tmp_path)
    (place / "policies" / "pets.md").write_bytes(text)
    with pytest.raises(WorldError, match=f"pets.md, line .*{expected}"):
        read(place, zone=NEW_YORK)


# --- moving dates ---------------------------------------------------------------------------------


def test_a_moved_world_keeps_its_wall_times(tmp_path: Path) -> None:
    # to summer time: the offset differs, fifteen hundred stays fifteen hundred
    moved = world(tmp_path, first_day=date(2026, 7, 1))
    flight = moved.rows["flights"][0]
    assert (flight["date"], flight["departure"]) == ("2026-07-01", "2026-07-01T19:00:00.000Z")
    assert moved.rows["segments"][0]["date"] == "2026-07-01"
    assert moved.rows["bookings"][0]["created_at"] == "2026-05-28T11:00:00.000Z"
    assert moved.first_day == date(2026, 7, 1)


EVENT: dict[str, Any] = {
    "type": "booking.rebooked",
    "subject": f"flight/EA1/{DAY}",
    "time": "2013-02-08T17:00:00Z",
    "data": {
        "new_departure": f"{DAY} 15:10",
        "actual": f"{DAY}T20:00:00+00:00",
        "to": {"flight": "EA1", "date": DAY},
        "segments": [{"date": DAY}],
        "text": f"on {DAY}",
    },
}


def test_an_event_is_moved_with_its_world() -> None:
    moved = move_event(EVENT, 365, NEW_YORK)
    assert moved["time"] == "2014-02-08T17:00:00.000Z"
    assert moved["subject"] == "flight/EA1/2014-02-08"
    assert moved["data"] == {
        "new_departure": "2014-02-08 15:10",
        "actual": "2014-02-08 20:00:00+00:00",
        "to": {"flight": "EA1", "date": "2014-02-08"},
        "segments": [{"date": "2014-02-08"}],
        "text": f"on {DAY}",  # what people say is not rewritten
    }
    assert move_event(EVENT, 0, NEW_YORK) == EVENT


@pytest.mark.parametrize("days", [0, 365])
@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"time": null}',
        b'{"time": 7}',
        b'{"time": "2013-02-08 17:00"}',
        b'{"time": "9999-12-31T23:00:00-05:00"}',
        b"\xff",
        b"[" * 100_000,
    ],
    ids=lambda value: repr(value[:20]),
)
def test_a_line_that_is_no_event_is_named(tmp_path: Path, line: bytes, days: int) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(json.dumps(EVENT).encode() + b"\n\n" + line + b"\n")
    events = read_events(path, days, NEW_YORK)
    assert next(events)["type"] == "booking.rebooked"
    with pytest.raises(WorldError, match=r"events.jsonl, line 3, column time: expected a CloudEv"):
        next(events)
