"""The real part of the world: who left New York when, on 8 and 9 February 2013.

Reads data/source/departures.csv (see extract.py) and turns local clock readings into moments.
Flight numbers and gates are invented here; nothing else is. Knows no customers.
"""

import csv
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import airportsdata

SOURCE = Path(__file__).parent.parent / "source" / "departures.csv"
CARRIER = "EA"
HIGHEST_NUMBER = 1999
# Block time the schedule should roughly show: taxiing and climbing, then cruise against the wind.
GROUND_MINUTES, CRUISE_MILES_PER_MINUTE = 45, 7.2
# Gates by airport and real carrier, so that one flight's old and new gate share a terminal.
GATES: dict[str, dict[str, tuple[str, int, int]]] = {
    "JFK": {"AA": ("C", 31, 60), "B6": ("D", 1, 26), "DL": ("B", 20, 41), "9E": ("B", 42, 55)},
    "LGA": {"DL": ("D", 1, 11), "9E": ("C", 15, 44), "US": ("C", 1, 14), "AA": ("D", 12, 23)},
    "EWR": {"UA": ("C", 70, 139), "EV": ("A", 20, 29), "AA": ("A", 30, 39), "DL": ("B", 40, 49)},
}
OTHER_GATES = {"JFK": ("A", 2, 19), "LGA": ("B", 1, 8), "EWR": ("A", 10, 19)}
# Names people say, where the airport lies in another town than the one it serves.
SPOKEN_CITY = {
    "BDL": "Hartford", "CVG": "Cincinnati", "DFW": "Dallas", "EGE": "Vail", "GSP": "Greenville",
    "HDN": "Steamboat Springs", "RDU": "Raleigh", "SRQ": "Sarasota", "STL": "St. Louis",
    "STT": "St. Thomas", "XNA": "Fayetteville", "JFK": "New York", "LGA": "New York",
    "EWR": "Newark",
}  # fmt: skip
# Airports that a traveller takes for one another.
SAME_CITY = (("ORD", "MDW"), ("DCA", "IAD"), ("IAH", "HOU"))

Key = tuple[str, str]
"""A flight: its number and its local departure date, ("EA204", "2013-02-08")."""


@dataclass(frozen=True)
class Flight:
    """One real departure. All moments are UTC; `took_off` is None if it was cancelled, and
    `landed` is None too if it never arrived (cancelled or diverted)."""

    number: str
    date: str
    origin: str
    destination: str
    departure: datetime
    arrival: datetime
    took_off: datetime | None
    landed: datetime | None
    gate: str
    miles: int
    real: str

    @property
    def key(self) -> Key:
        """Number and date."""
        return self.number, self.date

    @property
    def cancelled(self) -> bool:
        """True if it never left."""
        return self.took_off is None

    @property
    def city(self) -> str:
        """What people call the place it flies to."""
        return city(self.destination)


@cache
def airports() -> dict[str, airportsdata.Airport]:
    """Every airport by IATA code."""
    return airportsdata.load("IATA")


@cache
def zone(airport: str) -> ZoneInfo:
    """The airport's time zone."""
    return ZoneInfo(airports()[airport]["tz"])


def city(airport: str) -> str:
    """The city an airport serves, as people say it."""
    return SPOKEN_CITY.get(airport) or airports()[airport]["city"]


def same_city(one: str, other: str) -> bool:
    """True if a traveller to `one` would accept `other`."""
    return one == other or any({one, other} <= set(group) for group in SAME_CITY)


def local(moment: datetime, airport: str) -> str:
    """`moment` on the wall clock of `airport`: "2013-02-08 15:40"."""
    return f"{moment.astimezone(zone(airport)):%Y-%m-%d %H:%M}"


def at_local(day: str, clock: str, airport: str) -> datetime:
    """The moment when `airport`'s wall clock reads `clock` on `day`."""
    return datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=zone(airport)).astimezone(UTC)


def on_wall_clock(day: date, hhmm: str, airport: str) -> datetime:
    """The moment of a reading like "1540", "5" (00:05) or "2400" (midnight at the day's end)."""
    reading = int(hhmm)
    since_midnight = timedelta(hours=reading // 100, minutes=reading % 100)
    wall = datetime(day.year, day.month, day.day, tzinfo=UTC) + since_midnight
    return wall.replace(tzinfo=zone(airport)).astimezone(UTC)


def next_reading(hhmm: str, airport: str, near: datetime) -> datetime:
    """The moment closest to `near` when `airport`'s clock reads `hhmm` (the rows give no date)."""
    day = near.astimezone(zone(airport)).date()
    candidates = [on_wall_clock(day + timedelta(days=n), hhmm, airport) for n in (-1, 0, 1)]
    return min(candidates, key=lambda moment: abs(moment - near))


def block_time(miles: int) -> timedelta:
    """Rough gate to gate time for a distance; only picks the right day of an arrival."""
    return timedelta(minutes=GROUND_MINUTES + miles / CRUISE_MILES_PER_MINUTE)


def landing(row: dict[str, str], arrival: datetime, took_off: datetime) -> datetime | None:
    """When it reached the gate. A diverted flight that got there later has no `arr_delay`."""
    if row["arr_delay"]:
        return arrival + timedelta(minutes=int(row["arr_delay"]))
    if not row["arr_time"]:
        return None
    return next_reading(
        row["arr_time"], row["dest"], took_off + 2 * block_time(int(row["distance"]))
    )


def numbers(rows: list[dict[str, str]], rng: random.Random) -> dict[tuple[str, str], str]:
    """One EA number for every real (carrier, flight)."""
    pairs = sorted({(row["carrier"], row["flight"]) for row in rows})
    drawn = rng.sample(range(1, HIGHEST_NUMBER + 1), len(pairs))
    return {pair: f"{CARRIER}{number}" for pair, number in zip(pairs, drawn, strict=True)}


def any_gate(origin: str, carrier: str, rng: random.Random) -> str:
    """A gate in the carrier's terminal."""
    letter, low, high = GATES[origin].get(carrier, OTHER_GATES[origin])
    return f"{letter}{rng.randint(low, high)}"


def flight_of(row: dict[str, str], number: str, gate: str) -> Flight:
    """A row of the source as a flight."""
    day = date(int(row["year"]), int(row["month"]), int(row["day"]))
    miles = int(row["distance"])
    departure = on_wall_clock(day, row["sched_dep_time"], row["origin"])
    arrival = next_reading(row["sched_arr_time"], row["dest"], departure + block_time(miles))
    took_off = None
    if row["dep_time"]:
        took_off = departure + timedelta(minutes=int(row["dep_delay"]))
    return Flight(
        number=number,
        date=day.isoformat(),
        origin=row["origin"],
        destination=row["dest"],
        departure=departure,
        arrival=arrival,
        took_off=took_off,
        landed=landing(row, arrival, took_off) if took_off else None,
        gate=gate,
        miles=miles,
        real=f"{row['carrier']} {row['flight']}",
    )


def source_rows() -> list[dict[str, str]]:
    """The rows as they were published, with "" for R's "NA"."""
    with SOURCE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: "" if value == "NA" else value for name, value in row.items()} for row in rows]


def read_timetable(seed: str) -> dict[Key, Flight]:
    """Both days, by scheduled departure."""
    rows = source_rows()
    rng = random.Random(f"{seed}/timetable")
    number = numbers(rows, rng)
    flights = [
        flight_of(
            row,
            number[row["carrier"], row["flight"]],
            any_gate(row["origin"], row["carrier"], rng),
        )
        for row in rows
    ]
    flights.sort(key=lambda flight: (flight.departure, flight.number))
    return {flight.key: flight for flight in flights}
