"""Writes the world folder and the replay: CSV and JSON lines, the same bytes every time."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from data.builder.heroes import Hero
from data.builder.simulation import Data, World
from data.builder.timetable import local

REPLAY_DAYS = ("2013-02-08", "2013-02-09")
SECOND_DAY_STARTS = "2013-02-09T05:00:00Z"  # midnight in New York

Row = Sequence[str]


def table(header: Row, rows: Iterable[Row]) -> str:
    """CSV with a header and plain newlines."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def world_files(world: World, heroes: list[Hero]) -> dict[str, str]:
    """Every CSV file of the world folder by name, as things are before the first event."""
    flights = world.timetable.values()
    bookings = world.bookings.values()
    return {
        "customers.csv": table(
            ("customer_id", "name", "email", "phone", "tier"),
            ((c.customer_id, c.name, c.email, c.phone, c.tier) for c in world.customers.values()),
        ),
        "flights.csv": table(
            ("flight_number", "date", "origin", "destination", "scheduled_departure",
             "scheduled_arrival", "status", "gate"),
            ((f.number, f.date, f.origin, f.destination, local(f.departure, f.origin),
              local(f.arrival, f.destination), "scheduled", f.gate) for f in flights),
        ),
        "bookings.csv": table(
            ("locator", "customer_id", "cabin", "insurance", "created_at", "status"),
            ((b.locator, b.customer_id, b.cabin, str(b.insurance).lower(),
              f"{b.created_at:%Y-%m-%dT%H:%M:%SZ}", b.status) for b in bookings),
        ),
        "segments.csv": table(
            ("locator", "segment", "flight_number", "date", "seat"),
            ((b.locator, str(n), *s.key, s.seat)
             for b in bookings for n, s in enumerate(b.segments, start=1)),
        ),
        "passengers.csv": table(
            ("locator", "name"), ((b.locator, name) for b in bookings for name in b.passengers)
        ),
        "bags.csv": table(
            ("tag", "locator", "status", "location"),
            ((tag, b.locator, "registered", "") for b in bookings for tag in b.bags),
        ),
        "heroes.csv": table(
            ("customer_id", "title", "story", "question"),
            ((h.written["customer_id"], h.written["title"], h.text(h.written["story"]),
              h.text(h.written["question"])) for h in heroes),
        ),
    }  # fmt: skip


def replay_files(events: list[Data]) -> dict[str, str]:
    """One file a day, split at midnight in New York; the small hours after go to the second."""
    split = sum(event["time"] < SECOND_DAY_STARTS for event in events)
    halves = (events[:split], events[split:])
    return {
        f"{day}.jsonl": "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in half)
        for day, half in zip(REPLAY_DAYS, halves, strict=True)
    }


def write(folder: Path, files: dict[str, str]) -> None:
    """Write them all, making the folder if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
