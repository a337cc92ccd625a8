"""The committed airline: real counts and times, whole references, and a replay that can happen."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import airportsdata
import pytest

from data.builder.__main__ import DATA, build
from data.builder.extract import SOURCE, extract

WORLD, REPLAY = DATA / "world", DATA / "replay"
DAYS = ("2013-02-08", "2013-02-09")
NEW_YORK = ZoneInfo("America/New_York")
DISTINCT_TEXTS = 2000

Row = dict[str, str]
Event = dict[str, Any]


@cache
def table(name: str) -> list[Row]:
    with (WORLD / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def day_events(day: str) -> list[Event]:
    lines = (REPLAY / f"{day}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def events() -> list[Event]:
    return [event for day in DAYS for event in day_events(day)]


def of_type(prefix: str) -> list[Event]:
    return [event for event in events() if event["type"].startswith(prefix)]


def flight_key(row: Row) -> str:
    return f"flight/{row['flight_number']}/{row['date']}"


def texts() -> list[str]:
    return [event["data"]["text"] for event in of_type("interaction.")]


# The world folder


@pytest.mark.parametrize(("day", "count"), [("2013-02-08", 930), ("2013-02-09", 684)])
def test_every_real_departure_is_a_flight(day: str, count: int) -> None:
    assert sum(row["date"] == day for row in table("flights")) == count


def test_sizes_are_those_of_the_readme() -> None:
    assert len(table("customers")) == 1000
    assert 1400 <= len(table("bookings")) <= 1600
    assert 900 <= len(table("bags")) <= 1100
    tiers = Counter(row["tier"] for row in table("customers"))
    assert set(tiers) == {"regular", "silver", "gold"}
    assert tiers["regular"] > tiers["silver"] > tiers["gold"] > 0


def test_flights_are_natural_and_start_scheduled() -> None:
    flights = table("flights")
    assert all(re.fullmatch(r"EA[1-9]\d{0,3}", row["flight_number"]) for row in flights)
    assert {row["status"] for row in flights} == {"scheduled"}
    assert all(row["scheduled_departure"].startswith(row["date"]) for row in flights)
    assert {row["origin"] for row in flights} == {"JFK", "LGA", "EWR"}


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("customers", ("customer_id",)),
        ("customers", ("email",)),
        ("flights", ("flight_number", "date")),
        ("bookings", ("locator",)),
        ("segments", ("locator", "segment")),
        ("segments", ("flight_number", "date", "seat")),
        ("bags", ("tag",)),
        ("heroes", ("customer_id",)),
    ],
)
def test_keys_are_unique(name: str, columns: tuple[str, ...]) -> None:
    keys = Counter(tuple(row[column] for column in columns) for row in table(name))
    assert [key for key, count in keys.items() if count > 1] == []


@pytest.mark.parametrize(
    ("name", "columns", "target"),
    [
        ("bookings", ("customer_id",), "customers"),
        ("segments", ("locator",), "bookings"),
        ("segments", ("flight_number", "date"), "flights"),
        ("passengers", ("locator",), "bookings"),
        ("bags", ("locator",), "bookings"),
        ("heroes", ("customer_id",), "customers"),
    ],
)
def test_references_hold(name: str, columns: tuple[str, ...], target: str) -> None:
    known = {tuple(row[column] for column in columns) for row in table(target)}
    assert {tuple(row[column] for column in columns) for row in table(name)} <= known


def test_every_booking_has_segments_and_its_customer_on_board() -> None:
    names = {row["customer_id"]: row["name"] for row in table("customers")}
    first: dict[str, str] = {}
    for row in table("passengers"):
        first.setdefault(row["locator"], row["name"])
    bookings = table("bookings")
    assert {row["locator"] for row in table("segments")} == {row["locator"] for row in bookings}
    assert all(first[row["locator"]] == names[row["customer_id"]] for row in bookings)


@pytest.mark.parametrize(
    ("route", "day", "departure", "arrival"),
    [
        # by hand from the source: Chicago is one hour behind New York, Los Angeles three
        ("JFK-ORD", "2013-02-08", "2013-02-08 15:40", "2013-02-08 17:43"),
        ("JFK-LAX", "2013-02-08", "2013-02-08 16:25", "2013-02-08 19:53"),
        # over midnight, three zones to the west
        ("JFK-LAX", "2013-02-08", "2013-02-08 21:35", "2013-02-09 00:50"),
        # Honolulu, five hours behind, and Phoenix, which never has summer time
        ("JFK-HNL", "2013-02-08", "2013-02-08 09:00", "2013-02-08 15:40"),
        ("EWR-PHX", "2013-02-08", "2013-02-08 08:00", "2013-02-08 11:40"),
        # Puerto Rico, an hour ahead, leaving one minute before midnight
        ("JFK-BQN", "2013-02-09", "2013-02-09 23:59", "2013-02-10 04:36"),
    ],
)
def test_times_are_local_to_each_airport(
    route: str, day: str, departure: str, arrival: str
) -> None:
    found = [
        row["scheduled_arrival"]
        for row in table("flights")
        if f"{row['origin']}-{row['destination']}" == route
        and row["date"] == day
        and row["scheduled_departure"] == departure
    ]
    assert arrival in found


def test_every_flight_takes_a_plausible_time() -> None:
    airports = airportsdata.load("IATA")

    def moment(text: str, airport: str) -> datetime:
        zone = ZoneInfo(airports[airport]["tz"])
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)

    for row in table("flights"):
        took = moment(row["scheduled_arrival"], row["destination"]) - moment(
            row["scheduled_departure"], row["origin"]
        )
        assert 40 <= took.total_seconds() / 60 <= 720, row


def test_ten_policies_without_dates() -> None:
    policies = sorted((WORLD / "policies").glob("*.md"))
    assert len(policies) == 10
    for path in policies:
        title, empty, text = path.read_text(encoding="utf-8").split("\n", 2)
        assert title.startswith("# ")
        assert not empty
        assert 2 <= len(re.findall(r"[.;](?:\s|$)", text)) <= 7
        assert not re.search(r"20\d\d", text)


# The replay


@pytest.mark.parametrize(("day", "cancelled"), [("2013-02-08", 472), ("2013-02-09", 393)])
def test_every_real_cancellation_is_announced_once(day: str, cancelled: int) -> None:
    subjects = [event["subject"] for event in of_type("flight.cancelled")]
    assert len(subjects) == len(set(subjects))
    assert sum(subject.endswith(day) for subject in subjects) == cancelled


def test_real_departures_and_landings() -> None:
    # 458 + 291 left; two of them never arrived
    assert len(of_type("flight.departed")) == 749
    assert len(of_type("flight.landed")) == 747


@pytest.mark.parametrize("day", DAYS)
def test_a_day_has_its_events_in_time_order(day: str) -> None:
    times = [event["time"] for event in day_events(day)]
    assert 4000 <= len(times) <= 8000
    assert times == sorted(times)
    assert all(re.fullmatch(r"2013-02-\d\dT\d\d:\d\d:\d\dZ", time) for time in times)


def test_days_split_at_midnight_in_new_york() -> None:
    first, second = day_events(DAYS[0]), day_events(DAYS[1])
    assert "2013-02-08T05:00:00Z" <= first[0]["time"] <= first[-1]["time"] < "2013-02-09T05:00:00Z"
    assert second[0]["time"] >= "2013-02-09T05:00:00Z"
    assert second[-1]["time"] < "2013-02-10T10:00:00Z"


def test_event_ids_are_unique() -> None:
    ids = [event["id"] for event in events()]
    assert len(ids) == len(set(ids))


def test_customer_events_name_their_customer() -> None:
    customers = {row["customer_id"] for row in table("customers")}
    for event in events():
        if not event["type"].startswith(("flight.", "policy.")):
            assert event["customerid"] in customers


def test_departure_and_landing_agree_with_their_moment() -> None:
    """`actual` is the event's own time on the wall clock of the airport concerned."""
    airports = airportsdata.load("IATA")
    flights = {flight_key(row): row for row in table("flights")}
    for kind, end in (("flight.departed", "origin"), ("flight.landed", "destination")):
        for event in of_type(kind):
            zone = ZoneInfo(airports[flights[event["subject"]][end]]["tz"])
            moment = datetime.fromisoformat(event["time"]).astimezone(zone)
            assert event["data"]["actual"] == f"{moment:%Y-%m-%d %H:%M}"


def test_last_delay_announced_is_the_departure() -> None:
    announced: dict[str, str] = {}
    for event in of_type("flight."):
        if event["type"] == "flight.delayed":
            announced[event["subject"]] = event["data"]["new_departure"]
        elif event["type"] == "flight.departed" and event["subject"] in announced:
            assert event["data"]["actual"] == announced[event["subject"]]


def test_long_real_delays_are_announced_before_departure() -> None:
    scheduled = {flight_key(row): row["scheduled_departure"] for row in table("flights")}
    delayed = {event["subject"] for event in of_type("flight.delayed")}
    for event in of_type("flight.departed"):
        planned = datetime.fromisoformat(scheduled[event["subject"]])
        late = datetime.fromisoformat(event["data"]["actual"]) - planned
        assert (event["subject"] in delayed) == (late.total_seconds() >= 15 * 60)


def test_flights_only_do_what_a_flight_can_do() -> None:
    after = {
        "flight.delayed": {"scheduled", "flight.delayed"},
        "flight.cancelled": {"scheduled", "flight.delayed"},
        "flight.departed": {"scheduled", "flight.delayed"},
        "flight.landed": {"flight.departed"},
    }
    state = {flight_key(row): "scheduled" for row in table("flights")}
    for event in of_type("flight."):
        if event["type"] == "flight.gate_changed":
            assert state[event["subject"]] in {"scheduled", "flight.delayed"}
        else:
            assert state[event["subject"]] in after[event["type"]]
            state[event["subject"]] = event["type"]


def test_bookings_stay_consistent_through_the_replay() -> None:
    """Segments exist when they change, seats are free when they are taken, the dead stay dead."""
    held: dict[str, dict[tuple[str, str], str]] = {}
    for row in table("segments"):
        held.setdefault(row["locator"], {})[row["flight_number"], row["date"]] = row["seat"]
    for event in of_type("booking."):
        locator, data = event["subject"].removeprefix("booking/"), event["data"]
        if event["type"] == "booking.created":
            assert locator not in held
            held[locator] = {(s["flight"], s["date"]): s["seat"] for s in data["segments"]}
        elif event["type"] == "booking.rebooked":
            held[locator].pop((data["from"]["flight"], data["from"]["date"]))
            held[locator][data["to"]["flight"], data["to"]["date"]] = data["seat"]
        elif event["type"] == "booking.seat_changed":
            assert (data["flight"], data["date"]) in held[locator]
            held[locator][data["flight"], data["date"]] = data["seat"]
        else:
            held[locator] = {}
        if data.get("seat"):
            assert seat_holders(held, data["seat"], data) == 1
    assert any(not segments for segments in held.values())


def seat_holders(
    held: dict[str, dict[tuple[str, str], str]], seat: str, data: dict[str, Any]
) -> int:
    flight = data.get("to", data)
    key = (flight["flight"], flight["date"])
    return sum(segments.get(key) == seat for segments in held.values())


def test_bags_belong_to_bookings_that_still_stand() -> None:
    owner = {row["tag"]: row["locator"] for row in table("bags")}
    cancelled: set[str] = set()
    checked: set[str] = set()
    for event in events():
        if event["type"] == "booking.cancelled":
            cancelled.add(event["subject"].removeprefix("booking/"))
        elif event["type"].startswith("bag."):
            tag = event["subject"].removeprefix("bag/")
            assert event["data"]["locator"] == owner[tag]
            assert owner[tag] not in cancelled
            assert event["type"] == "bag.checked" or tag in checked
            checked.add(tag)


def test_some_are_rebooked_onto_a_flight_that_is_cancelled_too() -> None:
    cancelled: dict[str, str] = {e["subject"]: e["time"] for e in of_type("flight.cancelled")}
    unlucky = 0
    for event in of_type("booking.rebooked"):
        new = f"flight/{event['data']['to']['flight']}/{event['data']['to']['date']}"
        if new in cancelled:
            assert event["time"] < cancelled[new]
            unlucky += 1
    assert unlucky > 100


def test_texts_are_varied_and_undated() -> None:
    assert len(set(texts())) > DISTINCT_TEXTS
    dated = re.compile(r"\b20\d\d\b|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|\bFeb(?:ruary)?\b")
    assert [text for text in texts() if dated.search(text)] == []


@pytest.mark.parametrize(
    "bait",
    [
        r"\w@example\.(com|org|net)",
        r"\+1 \d{3} 555 01\d\d",
        r"4111 1111 1111 1111",
        r"Ignore previous instructions|developer mode|system prompt",
        r"<script>",
        r"[\u3040-\u30ff\u4e00-\u9fff]",
        r"😡",
    ],
)
def test_texts_hold_what_must_be_masked_or_survived(bait: str) -> None:
    assert sum(bool(re.search(bait, text)) for text in texts()) >= 3


# The heroes


def test_the_first_hero_loses_the_afternoon_flight_to_chicago() -> None:
    hero = table("heroes")[0]
    booking = next(r for r in table("bookings") if r["customer_id"] == hero["customer_id"])
    segment = next(r for r in table("segments") if r["locator"] == booking["locator"])
    key = f"flight/{segment['flight_number']}/{segment['date']}"
    flight = next(row for row in table("flights") if flight_key(row) == key)
    assert (flight["origin"], flight["destination"]) == ("JFK", "ORD")
    news = next(event for event in of_type("flight.cancelled") if event["subject"] == key)
    announced = datetime.fromisoformat(news["time"]).astimezone(NEW_YORK)
    assert f"{announced:%H:%M}" == "12:36"
    assert flight["scheduled_departure"] == "2013-02-08 15:40"


def test_every_hero_has_a_story_in_the_replay() -> None:
    seen = Counter(event.get("customerid") for event in events())
    for hero in table("heroes"):
        assert hero["question"].endswith("?")
        assert seen[hero["customer_id"]] >= 4


# The raw feed and the builder


def raw_feed() -> Iterator[Event]:
    for line in (REPLAY / "raw_feed.jsonl").read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def test_raw_feed_is_text_in_time_order() -> None:
    items = list(raw_feed())
    assert 15 <= len(items) <= 30
    assert all(set(item) == {"time", "source", "payload"} for item in items)
    assert all(isinstance(item["payload"], str) for item in items)
    assert all(one["time"] <= other["time"] for one, other in pairwise(items))


def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    build(tmp_path)
    built = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert len(built) == 9
    for path in built:
        committed = DATA / path.relative_to(tmp_path)
        assert path.read_bytes() == committed.read_bytes(), f"{committed} is not what builds"


def test_source_is_an_unchanged_extract(tmp_path: Path) -> None:
    assert extract(tmp_path / "departures.csv") == 1614
    assert (tmp_path / "departures.csv").read_bytes() == SOURCE.read_bytes()
