"""One story in a real browser, on an engine that the page starts: cancel, ask both, see who knows.

With it what only a browser can tell: no console errors, no request that leaves this machine, a
chart that is never drawn anew, no sideways scrolling on a phone, the same formats as Python.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

from pipeline.engine import is_alive, read_state
from tests import pages
from tests.engines import wait
from tests.test_ui_ages import AIRLINE, WALL
from ui.answer_card import VERDICTS
from ui.components import WEB
from ui.stories import stories

ASKED = "Is my flight to Chicago still on time?"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("story") / "home"


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    """The app on a fresh state folder, the clock standing at midnight. Its engine ends with it."""
    with pages.served(home, AUTOPLAY="false", CLOCK_OPENS="00:00") as (address, _):
        yield address
        engine = read_state(home)
        assert engine
    pids = [engine["pid"], *(child["pid"] for child in engine["children"])]
    wait(lambda: not any(map(is_alive, pids)), 20, f"left behind: {pids}")


@pytest.fixture(scope="module")
def chromium(browser_path: str) -> Iterator[Browser]:
    with pages.browser(browser_path) as started:
        yield started


def test_the_story(chromium: Browser, url: str) -> None:
    said: list[str] = []
    left: list[str] = []
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text) if bad(message.type) else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: None if local(request.url) else left.append(request.url))
    page.goto(url)
    badges = page.locator(".badge")
    badges.nth(1).wait_for(timeout=pages.FIRST_ANSWER_MS)
    expect(badges).to_have_text(["✓ Current", "✓ Current"])

    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".stream .end")).to_contain_text("✓")
    page.get_by_role("button", name="Ask both").click()
    expect(badges.first).to_contain_text("◷ Stale · was true until 00:00")
    expect(badges.last).to_have_text("✓ Current")
    expect(page.locator("mark.stale").first).to_be_visible()
    expect(page.locator(".why").first).to_contain_text("Contradicted by flight cancelled")

    page.get_by_role("button", name="Run now").click()
    expect(page.locator(".batch .end")).to_contain_text("✓", timeout=60_000)
    page.get_by_role("button", name="Ask both").click()
    expect(badges.first).to_have_text("✓ Current")
    expect(page.get_by_role("textbox", name="Question")).to_have_value(ASKED)
    assert not said
    assert not left
    context.close()


def bad(message_type: str) -> bool:
    return message_type in ("error", "warning")


def local(address: str) -> bool:
    return address.startswith(pages.LOCAL)


@pytest.mark.parametrize("name", stories())
def test_a_story_keeps_its_promises(chromium: Browser, url: str, name: str) -> None:
    story = stories()[name]
    page = pages.opened(chromium, url, 1280, 720)
    page.get_by_role("button", name="Stories").click()
    page.get_by_role("button", name=story.title).click()
    for done, step in enumerate(story.steps):
        expect(page.get_by_text(f"{story.title} {done}/{len(story.steps)}")).to_be_visible(
            timeout=30_000
        )
        press_next(page, page.get_by_text(f"{story.title} {done + 1}/{len(story.steps)}"))
        for arm, promised in step.expect.items():
            mark, word = VERDICTS[promised]
            badge = page.locator(f".card.{arm} .badge")
            expect(badge).to_have_count(1, timeout=20_000)  # the cards of the step before are gone
            verdict = expect(badge, f"{name}, step {done + 1}")
            verdict.to_contain_text(f"{mark} {word}", timeout=20_000)
    assert f"story={name}" in page.url
    page.get_by_role("button", name="End").click()
    expect(page.locator(".st-key-story")).to_have_count(0)
    page.close()


def test_a_story_goes_on_after_a_reload_and_no_further_than_it_is_told(
    chromium: Browser, url: str
) -> None:
    story = stories()["refund-twice"]
    page = pages.opened(chromium, url, 1280, 720)
    page.get_by_role("button", name="Stories").click()
    page.get_by_role("button", name=story.title).click()
    for done in range(5):
        press_next(page, page.get_by_text(f"{story.title} {done + 1}/{len(story.steps)}"))
    page.reload()
    expect(page.locator(".badge")).to_have_count(2, timeout=pages.FIRST_ANSWER_MS)
    expect(page.get_by_text(f"{story.title} 5/{len(story.steps)}")).to_be_visible()
    press_next(page, page.get_by_text(f"{story.title} 6/{len(story.steps)}"))
    expect(page.locator(".card.batch .deed")).to_contain_text("Guard: not done")
    for done in range(6, 9):
        press_next(page, page.get_by_text(f"{story.title} {done + 1}/{len(story.steps)}"))
    harm = page.locator(".card.batch .harm")
    expect(harm).to_have_text("⚠ Damage: 320.00 USD that was not due")
    further = pages.sized(chromium, 1280, 720)
    further.goto(f"{url}/?story=missed-connection&step=3")
    expect(further.get_by_text("Missed connection 0/")).to_be_visible(timeout=30_000)
    further.close()
    page.get_by_role("button", name="End").click()
    page.close()


def test_only_an_airline_that_has_not_heard_of_an_event_says_so(
    chromium: Browser, url: str
) -> None:
    page = pages.opened(chromium, url, 1280, 720)
    page.get_by_role("button", name="Tweet").click()
    for arm, said in (("stream", "since then: heard"), ("batch", "since then: not heard of it")):
        expect(page.locator(f".card.{arm} footer")).to_contain_text(said)
    page.close()


def press_next(page: Page, told: Locator) -> None:
    """As a presenter does: press, and press again where the step before had not ended."""
    following = page.locator(".st-key-story-next button")
    deadline = time.monotonic() + 90
    while not told.is_visible():
        assert time.monotonic() < deadline, "the next step was never done"
        expect(following).to_be_enabled(timeout=60_000)
        if told.is_visible():
            break
        following.click()
        with contextlib.suppress(TimeoutError):
            told.wait_for(timeout=6_000)


def test_keys_fire_events(chromium: Browser, url: str) -> None:
    page = pages.opened(chromium, url, 1280, 720)
    expect(page.get_by_role("button", name="Tweet")).to_be_visible()  # it comes after the answers
    page.keyboard.press("6")
    expect(page.locator(".title .strong").first).to_have_text("tweet")
    page.get_by_role("button", name="Follow it").click()
    page.wait_for_url("**/Follow_an_event?event=*")
    expect(page.locator(".stream .end")).to_contain_text("Enlightened knew after", timeout=60_000)
    page.close()


def test_two_visitors_see_one_world_and_their_own_conversations(
    chromium: Browser, url: str
) -> None:
    ada = pages.opened(chromium, f"{url}/?customer=C0001&question=What is my seat?", 1280, 720)
    eve = pages.opened(chromium, f"{url}/?customer=C0001&question=Which gate?", 1280, 720)
    patience = 30_000  # two pages and two conversations at once
    asked = (("What is my seat?", ada), ("Which gate?", eve))
    for question, page in asked:
        expect(page.get_by_role("textbox", name="Question")).to_have_value(
            question, timeout=patience
        )
    seat = ada.locator(".card.stream .answer").inner_text()
    assert "seat" in seat
    contacts = ada.get_by_text(re.compile(r"no contacts yet|contacts? on \d")).first
    before = contacts.inner_text()
    eve.get_by_role("button", name="Chat").click()
    expect(eve.locator(".title .strong").first).to_have_text("chat", timeout=patience)
    expect(contacts).not_to_have_text(before)  # the world is shared
    expect(ada.get_by_text("Fire an event: here you see")).to_be_visible()  # fired by the other
    eve.get_by_role("button", name="Ask both").click()
    for question, page in asked:
        expect(page.get_by_role("textbox", name="Question")).to_have_value(
            question, timeout=patience
        )
        expect(page).to_have_url(re.compile(rf"question={re.escape(quote_plus(question))}"))
    expect(ada.locator(".card.stream .answer")).to_have_text(seat)
    for _, page in asked:
        page.close()


def test_the_chart_is_updated_and_never_drawn_anew(chromium: Browser, url: str) -> None:
    page = pages.opened(chromium, url, 1280, 720)
    page.locator(".airline-chart .main-svg").first.wait_for()
    page.evaluate(
        """() => {
            const chart = document.querySelector(".airline-chart .chart");
            window.kept = chart; window.updates = 0;
            chart.on("plotly_afterplot", () => { window.updates += 1; });
        }"""
    )
    page.wait_for_function("window.updates >= 12", timeout=60_000)
    assert page.evaluate("window.kept === document.querySelector('.airline-chart .chart')")
    assert page.evaluate("window.kept.isConnected")
    page.close()


def test_answers_come_into_cards_that_stay(chromium: Browser, url: str) -> None:
    page = pages.opened(chromium, url, 1280, 720)
    cards = page.locator(".card")
    marked = "cards => { cards.forEach(card => { card.kept = true; }); }"
    cards.evaluate_all(marked)
    for question in ("What is my seat?", "Which gate does it leave from?"):
        page.get_by_role("button", name=question).click()
        expect(page.locator(".answer").last).to_contain_text(
            "seat" if "seat" in question else "gate"
        )
        expect(page.locator(".badge")).to_have_count(2)
    assert cards.evaluate_all("cards => cards.map(card => card.kept === true)") == [True, True]
    page.close()


def test_one_can_look_behind_an_answer(chromium: Browser, url: str) -> None:
    page = pages.opened(chromium, url, 1280, 720)
    for place in (0, 1):
        page.get_by_role("button", name="How?").nth(place).click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("documents read")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_does_not_scroll_sideways(chromium: Browser, url: str, scheme: str) -> None:
    page = pages.opened(chromium, url, 390, 844, scheme)
    assert widest(page) <= 390
    page.close()


def test_one_screen_of_a_projector_holds_it_all(chromium: Browser, url: str) -> None:
    page = pages.opened(chromium, url, 1280, 720)
    page.wait_for_function(pages.DRAWN)
    main = "document.querySelector('[data-testid=stMain]')"
    page.wait_for_function(f"{main}.scrollHeight <= 720")  # once it is drawn, and its styles there
    assert widest(page) <= 1280
    page.close()


def widest(page: Page) -> int:
    return int(
        page.evaluate(
            """Math.max(document.documentElement.scrollWidth,
                        document.querySelector('[data-testid=stMain]').scrollWidth)"""
        )
    )


def test_the_browser_formats_ages_as_python_does(chromium: Browser) -> None:
    page = chromium.new_page()
    page.evaluate((WEB / "clockwork.js").read_text(encoding="utf-8") + ";window.formats = "
                  "{ wall: wallAge, airline: airlineAge };")  # fmt: skip
    for name, cases in (("wall", WALL), ("airline", AIRLINE)):
        seconds = [float(one) for one in cases]
        found = page.evaluate(f"(all) => all.map(window.formats.{name})", seconds)
        assert found == list(cases.values())
    page.close()
