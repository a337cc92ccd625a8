"""Follow an event and What they knew in a real browser, opened cold by their addresses.

A fresh process, a page that is not the first, an engine that the page starts: then an event is
clicked in the feed, and the day is gone back over with the keyboard.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.engine import brokers_of
from pipeline.events import make
from pipeline.fire import Door
from pipeline.schema import Database
from pipeline.settings import Settings
from tests import pages
from tests.test_app_story import chromium, local, widest
from ui import situation

__all__ = ["chromium"]  # the fixture
HERO = "C0001"
# Streamlit looks for its server below the page's own address first.
PROBES = ("/_stcore/health", "/_stcore/host-config")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("past") / "home"


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    with pages.served(home, AUTOPLAY="false", CLOCK_OPENS="00:00") as (address, _):
        yield address


@pytest.fixture(scope="module")
def event(home: Path, url: str, chromium: Browser) -> str:
    """Id of the first of two events of the hero, fired once the page has started an engine."""
    page = chromium.new_page()
    page.goto(f"{url}/Follow_an_event")
    expect(page.get_by_text("Nothing has happened yet").first).to_be_visible(
        timeout=pages.FIRST_ANSWER_MS
    )
    page.close()
    chosen = Settings(airline_home=home)
    database = Database(chosen.database)
    door, found = Door(database, brokers_of(chosen)), situation.read(database, HERO)
    assert found
    flight = f"flight/{found.trips[0].key}"
    cancelled = make("flight.cancelled", flight, {"reason": "snow"}, at=door.now())
    said = {"text": "Not again!", "direction": "inbound"}
    for one in (cancelled, make("interaction.tweet", f"customer/{HERO}", said, at=door.now())):
        door.fire(one)
    door.settle()
    database.close()
    return cancelled.id


def cold(chromium: Browser, address: str, size: tuple[int, int] = (1280, 720)) -> Page:
    """A page opened by its address, which complains of nothing and asks nobody else."""
    page = chromium.new_page(viewport={"width": size[0], "height": size[1]})
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.on("request", lambda request: None if local(request.url) else pytest.fail(request.url))
    page.on("response", lambda answer: None if answer.ok or _probe(answer.url) else pytest.fail(
        f"{answer.status} {answer.url}"))  # fmt: skip
    page.goto(address)
    return page


def _probe(address: str) -> bool:
    return urlsplit(address).path.endswith(PROBES)


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_an_event_is_followed_from_a_cold_address(chromium: Browser, url: str, event: str) -> None:
    page = cold(chromium, f"{url}/Follow_an_event?event={event}")
    expect(page.locator(".stream .end")).to_contain_text("Enlightened knew after", timeout=60_000)
    expect(page.locator(".batch .end")).to_contain_text("Benighted will know")
    expect(page.locator(".matrix .cell.stream .badge")).to_have_text("✓ Current")
    expect(page.locator(".matrix .cell.batch .badge")).to_have_text("◷ Stale")
    expect(page.locator(".matrix .cell.batch mark").first).to_be_visible()

    page.get_by_role("button", name="tweet").click()
    expect(page.locator(".matrix .cell.record").last).to_contain_text("Not again!")
    assert query(page)["event"] != [event]
    page.close()


def test_the_day_is_gone_back_over_with_the_keyboard(
    chromium: Browser, url: str, event: str
) -> None:
    assert event
    page = cold(chromium, f"{url}/What_they_knew?customer={HERO}")
    badge = page.locator(".matrix .row").first.locator(".cell.batch .badge")
    expect(badge).to_have_text("◷ Stale", timeout=60_000)
    handle = page.get_by_role("slider", name="Moment")
    handle.press("Home")
    expect(page.locator("h2 ~ .knows").first).to_be_visible(timeout=30_000)
    expect(page.locator(".card .badge")).to_have_text(["✓ Current", "✓ Current"])
    assert float(query(page)["at"][0]) > 0
    page.get_by_role("button", name="flight cancelled").click()
    expect(page.locator(".batch .badge").first).to_contain_text("◷ Stale", timeout=30_000)
    expect(page.locator(".card.stream .badge")).to_have_text("✓ Current")

    again = cold(chromium, page.url, (390, 844))  # the same moment, on a phone
    expect(again.locator(".card.batch .badge")).to_contain_text("◷ Stale", timeout=60_000)
    assert widest(again) <= 390
    again.close()
    page.close()


def test_a_phone_follows_an_event_without_scrolling_sideways(
    chromium: Browser, url: str, event: str
) -> None:
    page = cold(chromium, f"{url}/Follow_an_event?event={event}", (390, 844))
    expect(page.locator(".matrix .badge").first).to_be_visible(timeout=60_000)
    assert widest(page) <= 390
    page.close()
