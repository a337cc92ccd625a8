"""Query both worlds and Settings in a browser: deep links, a live result, big type, a phone."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import pages

# It moves although nothing happens: what does not change is not sent to the browser again.
SQL = "SELECT kind, count(*) * random() AS moving FROM context GROUP BY ALL ORDER BY kind"
SLOW = "SELECT count(*) FROM context a, context b, context c WHERE a.text || b.text < c.text"
COLD = f"Query_both_worlds?sql={quote(SQL)}"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app on a fresh state folder, the clock standing at midnight."""
    home = tmp_path_factory.mktemp("query-story") / "home"
    with pages.served(home, AUTOPLAY="false", CLOCK_OPENS="00:00") as (address, _):
        yield address


@pytest.fixture(scope="module")
def chromium(browser_path: str) -> Iterator[Browser]:
    with pages.browser(browser_path) as started:
        yield started


def opened(chromium: Browser, address: str, width: int = 1280, height: int = 720) -> Page:
    page = chromium.new_page(viewport={"width": width, "height": height})
    page.goto(address)
    page.locator(".st-key-header").wait_for(timeout=pages.FIRST_ANSWER_MS)
    return page


def test_a_cold_deep_link_to_a_query_that_keeps_running(chromium: Browser, url: str) -> None:
    left: list[str] = []
    page = chromium.new_page(viewport={"width": 1280, "height": 720})
    page.on(
        "request", lambda one: None if one.url.startswith(pages.LOCAL) else left.append(one.url)
    )
    page.goto(f"{url}/{COLD}")
    chart = page.locator(".airline-chart .main-svg").first
    chart.wait_for(timeout=pages.FIRST_ANSWER_MS)
    expect(page.locator("textarea")).to_have_value(SQL)
    expect(page.get_by_text("rows differ")).to_be_visible()

    page.evaluate(
        """() => {
            const chart = document.querySelector(".airline-chart .chart");
            window.kept = chart; window.updates = 0;
            chart.on("plotly_afterplot", () => { window.updates += 1; });
        }"""
    )
    page.get_by_text("Keep running").click()
    page.wait_for_function("window.updates >= 3", timeout=60_000)
    assert page.evaluate("window.kept === document.querySelector('.airline-chart .chart')")
    assert not left
    page.close()


def test_an_example_is_in_the_address(chromium: Browser, url: str) -> None:
    page = opened(chromium, f"{url}/Query_both_worlds")
    page.get_by_text("Latency by event type", exact=True).click()
    page.wait_for_url("**sql=SELECT+o.type*")
    page.close()


def test_a_long_query_says_that_it_is_under_way(chromium: Browser, url: str) -> None:
    page = opened(chromium, f"{url}/Query_both_worlds?sql={quote(SLOW)}")
    page.get_by_text("Asking both worlds").wait_for()
    page.get_by_text("ask for less, or join fewer rows").wait_for()
    expect(page.get_by_text("Asking both worlds")).to_have_count(0)
    page.close()


@pytest.mark.parametrize("path", [COLD, "Settings"])
def test_a_phone_does_not_scroll_sideways(chromium: Browser, url: str, path: str) -> None:
    page = opened(chromium, f"{url}/{path}", 390, 844)
    page.locator(".airline-chart, .st-key-test-model").first.wait_for()
    wide = "document.querySelector('[data-testid=stMain]').scrollWidth"
    assert page.evaluate(wide) <= 390
    page.close()


def test_big_type_is_big(chromium: Browser, url: str) -> None:
    page = opened(chromium, f"{url}/Settings?big=1")
    size = "(one) => parseFloat(getComputedStyle(one).fontSize) * (one.currentCSSZoom ?? 1)"
    expect(page.get_by_text("airline/offline").first).to_have_css("font-size", "24px")
    assert page.locator(".hour").first.evaluate(size) >= 48
    page.get_by_role("link", name="Query").click()
    page.locator(".st-key-run-query").wait_for()
    assert "big=1" in page.url
    page.close()


def test_the_theme_is_chosen_for_every_page_and_stays(chromium: Browser, url: str) -> None:
    page = opened(chromium, f"{url}/Settings")
    ground = page.locator(".stApp")
    light, dark = "rgb(245, 247, 251)", "rgb(14, 17, 26)"
    expect(ground).to_have_css("background-color", light)
    for theme, colour in (("Dark", dark), ("As the system", light), ("Dark", dark)):
        page.get_by_role("button", name=theme, exact=True).click()
        expect(ground).to_have_css("background-color", colour)
        expect(page.locator('[aria-pressed="true"]')).to_have_text(theme)
    page.goto(url)
    page.locator(".st-key-stage").wait_for()
    expect(ground).to_have_css("background-color", dark)
    other = opened(chromium, f"{url}/Settings")  # another browser, as nothing is shared
    expect(other.locator(".stApp")).to_have_css("background-color", light)
    page.close()
    other.close()
