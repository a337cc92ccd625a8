"""A world folder (CSV, Markdown, JSONL) -> rows of the record. Bring your own airline.

Everything is read and checked before anything changes: a bad row stops the load with file, line,
column and what was expected. Not here: the context stores, which `loading` fills afterwards.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from pipeline.clock import from_rfc3339, parse_local, to_rfc3339, zone_of
from pipeline.events import Cabin, CustomerId, Day, FlightNumber, Seat, Tier, json_object

Row = dict[str, Any]
FIRST_YEAR, LAST_YEAR = 1900, 2199


class WorldError(ValueError):
    """A world folder cannot be loaded. The message names file, line, column and expectation."""

    def __init__(self, file: str, line: int, column: str, expected: str) -> None:
        super().__init__(f"{file}, line {line}, column {column}: {expected}")
        self.file, self.line, self.column, self.expected = file, line, column, expected


@dataclass(frozen=True)
class World:
    """A checked world: rows by table name, and the loaded days."""

    name: str
    rows: dict[str, list[Row]]
    first_day: date
    last_day: date
    moved_days: int
    heroes: list[Row] = field(default_factory=list)

    def starts_at(self, zone: ZoneInfo) -> datetime:
        """00:00 of the first flight's day on the airline clock."""
        return datetime.combine(self.first_day, time(), zone)

    def ends_at(self, zone: ZoneInfo) -> datetime:
        """24:00 of the last flight's day on the airline clock."""
        return datetime.combine(self.last_day + timedelta(days=1), time(), zone)


def _optional(text: object) -> object:
    return None if text == "" else text


def _in_living_memory(day: str) -> str:
    # Room to move a world by centuries and to show it in any zone without the calendar's ends.
    if not FIRST_YEAR <= int(day[:4]) <= LAST_YEAR:
        raise ValueError(f"expected a year from {FIRST_YEAR} to {LAST_YEAR}, got {day}")
    return day


Locator = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{5,8}$")]
Airport = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Optional = Annotated[str | None, BeforeValidator(_optional)]
OptionalSeat = Annotated[Seat | None, BeforeValidator(_optional)]
Moment = Annotated[str, StringConstraints(min_length=1)]
FlightDay = Annotated[Day, AfterValidator(_in_living_memory)]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CustomerLine(_Line):
    customer_id: CustomerId
    name: Name
    email: Optional = None
    phone: Optional = None
    tier: Tier


class FlightLine(_Line):
    flight_number: FlightNumber
    date: FlightDay
    origin: Airport
    destination: Airport
    scheduled_departure: Moment
    scheduled_arrival: Moment
    status: Literal["scheduled", "delayed", "cancelled", "departed", "landed"] = "scheduled"
    gate: Optional = None


class BookingLine(_Line):
    locator: Locator
    customer_id: CustomerId
    cabin: Cabin
    insurance: bool
    created_at: Moment
    status: Literal["confirmed", "cancelled"] = "confirmed"


class SegmentLine(_Line):
    locator: Locator
    segment: Annotated[int, Field(ge=1, le=99)]
    flight_number: FlightNumber
    date: Day
    seat: OptionalSeat = None


class PassengerLine(_Line):
    locator: Locator
    name: Name


class BagLine(_Line):
    tag: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{4,20}$")]
    locator: Locator
    status: Literal["registered", "checked", "misrouted", "located", "delivered"]
    location: Optional = None


class HeroLine(_Line):
    customer_id: CustomerId
    title: Name
    story: Name
    question: Name


LINES: dict[str, tuple[type[_Line], tuple[str, ...], bool]] = {
    "customers": (CustomerLine, ("customer_id",), True),
    "flights": (FlightLine, ("flight_number", "date"), True),
    "bookings": (BookingLine, ("locator",), True),
    "segments": (SegmentLine, ("locator", "segment"), True),
    "passengers": (PassengerLine, (), False),
    "bags": (BagLine, ("tag",), False),
    "heroes": (HeroLine, ("customer_id",), False),
}
"""File name without .csv -> model of a line, unique key, whether the file must exist."""

Numbered = list[tuple[int, Row]]
"""Checked rows with the line of the file that each came from."""


def read(folder: Path, *, zone: ZoneInfo, first_day: date | None = None) -> World:
    """Read and check a world folder.

    Args:
        folder: see the design's world folder, or data/README.md.
        zone: home zone of the airline clock.
        first_day: move all dates so that the first flight's day is this one; None keeps them.

    Raises:
        WorldError: the first bad row. Nothing was changed.
    """
    if not folder.is_dir():
        raise WorldError(str(folder), 0, "-", "expected a folder with customers.csv, flights.csv …")
    tables = {name: _read_csv(folder, name) for name in LINES}
    days = [date.fromisoformat(row["date"]) for _, row in tables["flights"]]
    if not days:
        raise WorldError("flights.csv", 2, "-", "expected at least one flight")
    moved = (first_day - min(days)).days if first_day else 0
    _check_references(tables)
    flights = [_flight_row(number, row, moved) for number, row in tables["flights"]]
    rows: dict[str, list[Row]] = {
        "customers": [row for _, row in tables["customers"]],
        "flights": flights,
        "bookings": [_booking_row(number, row, moved, zone) for number, row in tables["bookings"]],
        "segments": [
            row | {"date": _move_day(row["date"], moved)} for _, row in tables["segments"]
        ],
        "passengers": _with_position([row for _, row in tables["passengers"]]),
        "bags": [row for _, row in tables["bags"]],
        "policies": list(_policies(folder)),
    }
    return World(
        name=folder.name,
        rows=rows,
        first_day=min(days) + timedelta(days=moved),
        last_day=max(days) + timedelta(days=moved),
        moved_days=moved,
        heroes=[row for _, row in tables["heroes"]],
    )


def read_events(path: Path, moved_days: int, zone: ZoneInfo) -> Iterator[Row]:
    """The CloudEvents of a JSONL file, each moved by so many days; the contract checks them later.

    Raises:
        WorldError: a line is not a JSON object with a time.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                event = json_object(line)
                from_rfc3339(event["time"])
                yield move_event(event, moved_days, zone)
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as bad:
                raise WorldError(
                    path.name, number, "time", f"expected a CloudEvent with a time ({bad})"
                ) from None


def move_event(event: Row, days: int, zone: ZoneInfo) -> Row:
    """An event moved by whole days: local wall times stay, so the day reads the same."""
    if not days:
        return event
    moved = event | {"time": _move_moment(event["time"], days, zone)}
    if "subject" in event:
        moved["subject"] = _FLIGHT_DAY.sub(
            lambda found: found[1] + _move_day(found[2], days), event["subject"]
        )
    if isinstance(event.get("data"), dict):
        moved["data"] = _move_data(event["data"], days)
    return moved


_FLIGHT_DAY = re.compile(r"^(flight/[^/]+/)(\d{4}-\d{2}-\d{2})$")
_DAY_FIELDS = ("date",)
_TIME_FIELDS = ("new_departure", "new_arrival", "actual")


def _move_data(value: Any, days: int) -> Any:
    if isinstance(value, list):
        return [_move_data(item, days) for item in value]
    if not isinstance(value, dict):
        return value
    moved = {}
    for name, item in value.items():
        if name in _DAY_FIELDS and isinstance(item, str):
            moved[name] = _move_day(item, days)
        elif name in _TIME_FIELDS and isinstance(item, str):
            moved[name] = _move_local(item, days)
        else:
            moved[name] = _move_data(item, days)
    return moved


def _move_day(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def _move_local(text: str, days: int) -> str:
    # Without an offset it is a wall time somewhere: moving the day keeps what the clock shows.
    moved = datetime.fromisoformat(text) + timedelta(days=days)
    return moved.isoformat(sep=" ", timespec="minutes") if moved.tzinfo is None else str(moved)


def _move_moment(text: str, days: int, zone: ZoneInfo) -> str:
    # Through the home zone's wall time: seven in the morning stays seven in the morning although
    # the offset may differ between the two dates.
    wall = from_rfc3339(text).astimezone(zone)
    return to_rfc3339(wall + timedelta(days=days))


def _read_csv(folder: Path, name: str) -> Numbered:
    model, key, required = LINES[name]
    path = folder / f"{name}.csv"
    if not path.exists():
        if required:
            raise WorldError(path.name, 0, "-", f"expected this file in {folder}")
        return []
    found: Numbered = []
    seen: dict[tuple[Any, ...], int] = {}
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        for line in reader:
            row = _checked(path.name, reader.line_num, model, line)
            _check_unique(path.name, reader.line_num, key, row, seen)
            found.append((reader.line_num, row))
    except csv.Error as bad:
        # The row that begins after the last good one.
        raise WorldError(path.name, reader.line_num + 1, "-", f"expected CSV ({bad})") from None
    return found


def _text(path: Path) -> str:
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        line = raw.count(b"\n", 0, bad.start) + 1
        raise WorldError(path.name, line, "-", f"expected UTF-8 ({bad.reason})") from None


def _checked(file: str, number: int, model: type[_Line], line: Row) -> Row:
    if None in line:
        raise WorldError(file, number, "-", "more fields than the header has columns")
    given = {name: value for name, value in line.items() if value is not None}
    try:
        return model.model_validate(given).model_dump()
    except ValidationError as broken:
        error = broken.errors(include_url=False)[0]
        column = str(error["loc"][0]) if error["loc"] else "-"
        message = error["msg"].removeprefix("Value error, ")
        raise WorldError(file, number, column, f"{message}, got {given.get(column)!r}") from None


def _check_unique(
    file: str, number: int, key: tuple[str, ...], row: Row, seen: dict[tuple[Any, ...], int]
) -> None:
    values = tuple(row[column] for column in key)
    if key and values in seen:
        raise WorldError(
            file, number, key[-1], f"expected a new key, {values} is on line {seen[values]} already"
        )
    seen[values] = number


_REFERENCES = (
    ("bookings", ("customer_id",), "customers", ("customer_id",)),
    ("segments", ("locator",), "bookings", ("locator",)),
    ("segments", ("flight_number", "date"), "flights", ("flight_number", "date")),
    ("passengers", ("locator",), "bookings", ("locator",)),
    ("bags", ("locator",), "bookings", ("locator",)),
    ("heroes", ("customer_id",), "customers", ("customer_id",)),
)


def _check_references(tables: dict[str, Numbered]) -> None:
    for table, columns, target, target_columns in _REFERENCES:
        known = {tuple(row[column] for column in target_columns) for _, row in tables[target]}
        for number, row in tables[table]:
            value = tuple(row[column] for column in columns)
            if value not in known:
                raise WorldError(
                    f"{table}.csv", number, columns[0], f"expected one of {target}.csv, got {value}"
                )


def _moment(file: str, number: int, column: str, parse: Callable[[], datetime]) -> str:
    try:
        return _in_living_memory(to_rfc3339(parse()))
    except (ValueError, OverflowError) as bad:
        raise WorldError(file, number, column, str(bad)) from None


def _flight_row(number: int, row: Row, days: int) -> Row:
    for column in ("origin", "destination"):
        try:
            zone_of(row[column])
        except ValueError as bad:
            raise WorldError("flights.csv", number, column, str(bad)) from None

    def at(column: str, airport: str) -> str:
        return _moment(
            "flights.csv",
            number,
            column,
            lambda: _moved_local(row[column], days, row[airport]),
        )

    departure, arrival = at("scheduled_departure", "origin"), at("scheduled_arrival", "destination")
    if arrival <= departure:
        raise WorldError(
            "flights.csv", number, "scheduled_arrival", "expected a time after the departure"
        )
    return row | {
        "date": _move_day(row["date"], days),
        "scheduled_departure": departure,
        "scheduled_arrival": arrival,
        "departure": departure,
        "arrival": arrival,
    }


def _moved_local(text: str, days: int, airport: str) -> datetime:
    zone = zone_of(airport)
    wall = parse_local(text, airport).astimezone(zone).replace(tzinfo=None)
    return (wall + timedelta(days=days)).replace(tzinfo=zone)


def _booking_row(number: int, row: Row, days: int, zone: ZoneInfo) -> Row:
    def parse() -> datetime:
        moment = datetime.fromisoformat(row["created_at"])
        return moment if moment.tzinfo else moment.replace(tzinfo=zone)

    created = _moment("bookings.csv", number, "created_at", parse)
    return row | {"created_at": _move_moment(created, days, zone) if days else created}


def _with_position(rows: list[Row]) -> list[Row]:
    count: dict[str, int] = {}
    for row in rows:
        count[row["locator"]] = row["position"] = count.get(row["locator"], 0) + 1
    return rows


def _policies(folder: Path) -> Iterator[Row]:
    for path in sorted((folder / "policies").glob("*.md")):
        title, _, text = _text(path).replace("\r\n", "\n").strip().partition("\n")
        if not title.startswith("# ") or not text.strip():
            raise WorldError(path.name, 1, "-", "expected '# Title', then the text")
        yield {"slug": path.stem, "title": title[2:].strip(), "text": text.strip()}
