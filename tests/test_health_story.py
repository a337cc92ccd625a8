"""Freshness and health and How it works in a real browser, each by a cold link on a fresh server.

A broken feed is sent, repaired and replayed; no console errors but the server's own, no request
that leaves this machine, no sideways scrolling on a phone, charts and counts that are updated in
place.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import pages
from tests.test_app_story import bad, local, widest

HEALTH, HOW = "Freshness_and_health", "How_it_works"
# Streamlit looks for its own endpoints below the page's address first.
LOOKS_FOR = ("/_stcore/health", "/_stcore/host-config")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app on a fresh state folder, the clock standing at midnight."""
    home = tmp_path_factory.mktemp("health") / "home"
    with pages.served(home, AUTOPLAY="false", CLOCK_OPENS="00:00") as (address, _):
        yield address


@pytest.fixture(scope="module")
def chromium(browser_path: str) -> Iterator[Browser]:
    with pages.browser(browser_path) as started:
        yield started


def linked(chromium: Browser, address: str, width: int = 1280, scheme: str = "light") -> Page:
    page = chromium.new_page(
        viewport={"width": width, "height": 720 if width > 700 else 844},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page.set_default_timeout(pages.FIRST_ANSWER_MS)
    page.goto(address)
    return page


def test_a_letter_is_repaired_from_a_cold_link(chromium: Browser, url: str) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 720})
    page.set_default_timeout(pages.FIRST_ANSWER_MS)
    said: list[str] = []
    left: list[str] = []
    page.on("console", lambda message: said.append(f"{message.text} {message.location['url']}")
            if bad(message.type) else None)  # fmt: skip
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: None if local(request.url) else left.append(request.url))
    page.goto(f"{url}/{HEALTH}?view=Dead+letters&objective=5+s")

    page.get_by_role("button", name="Send something broken").click()
    expect(page.get_by_text("Put right:")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("3 open, 0 repaired")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Repair and replay").click()
    expect(page.get_by_text("2 open, 1 repaired")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Enlightened could find it after")).to_be_visible(timeout=60_000)
    assert "objective=5+s" in page.url
    assert "letter=" in page.url
    assert not [one for one in said if not one.endswith(LOOKS_FOR)]
    assert not left
    page.close()


def test_the_lights_are_words_and_the_chart_stays(chromium: Browser, url: str) -> None:
    page = linked(chromium, f"{url}/{HEALTH}?scale=linear")
    expect(page.locator(".light .word")).to_have_count(2)
    page.locator(".airline-chart .main-svg").first.wait_for()
    page.evaluate(
        """() => {
            const chart = document.querySelector(".airline-chart .chart");
            window.kept = chart; window.updates = 0;
            chart.on("plotly_afterplot", () => { window.updates += 1; });
        }"""
    )
    page.wait_for_function("window.updates >= 4", timeout=60_000)
    assert page.evaluate("window.kept === document.querySelector('.airline-chart .chart')")
    page.close()


def test_a_box_of_the_drawing_opens_its_source(chromium: Browser, url: str) -> None:
    page = linked(chromium, f"{url}/{HOW}")
    box = page.get_by_role("button", name="gold", exact=True)
    box.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("pipeline/batch/run.py:")).to_be_visible(timeout=60_000)
    expect(box).to_have_attribute("aria-pressed", "true")
    expect(box).to_be_focused()  # counts move under it, boxes are not drawn anew
    assert "source=" in page.url
    page.close()


@pytest.mark.parametrize(
    ("address", "scheme"),
    [
        (HEALTH, "light"),
        (f"{HEALTH}?view=Dead+letters", "dark"),
        (HOW, "dark"),
        (f"{HOW}?part=Trade-offs", "light"),
    ],
)
def test_a_phone_does_not_scroll_sideways(
    chromium: Browser, url: str, address: str, scheme: str
) -> None:
    page = linked(chromium, f"{url}/{address}", 390, scheme)
    page.locator(".st-key-view, .st-key-part").first.wait_for()
    page.locator(".light, .diagram .node, .st-key-tradeoffs").first.wait_for()
    assert widest(page) <= 390
    page.close()
