"""Every page for every eye: WCAG 2 A and AA by axe-core, in light and dark, and on a phone.

On a world in which something has happened, so that all the parts of a page are there. Then what
axe-core does not see: text in charts, how big big type is, and where the keyboard gets to.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from pipeline.settings import ROOT
from tests import pages, scene
from tests.engines import running
from tests.scene import Scene
from tests.test_app_story import chromium, widest

__all__ = ["chromium"]  # the fixture
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# (rule, element that Streamlit draws) -> why it may stay. No rule of WCAG is among them.
EXCEPTIONS = {
    ("presentation-role-conflict", "stFileUploaderDropzone"): (
        "a best practice of axe-core alone: the drop zone, whose button does the same, cannot be "
        "focused and has a role that says so"
    ),
}
LOOKS = 3
World = tuple[str, Scene]
"""(URL of the app, what happened in its world)."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The app on an engine on whose day something has happened."""
    home = tmp_path_factory.mktemp("accessible") / "home"
    with running(home), pages.served(home) as (url, _):
        yield url, scene.play(home)


@pytest.fixture(scope="module")
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """One visitor's browser: what it has loaded once it keeps."""
    made = chromium.new_context(viewport={"width": 1280, "height": 720})
    yield made
    made.close()


def opened(context: BrowserContext, world: World, name: str) -> Page:
    url, happened = world
    address, there = scene.addresses(happened)[name]
    page = context.new_page()
    page.goto(f"{url}/{address}")
    page.locator(there).first.wait_for(timeout=pages.FIRST_ANSWER_MS)
    page.wait_for_function(pages.DRAWN)
    page.add_style_tag(content="* { transition: none !important; }")  # no colour in between
    return page


def violations(page: Page, scheme: str) -> list[str]:
    """What axe-core finds in a colour scheme, a line each, but for the exceptions.

    Looked at again where it finds something: a live page can be caught in the middle of a drawing.
    """
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.wait_for_function(
        f"getComputedStyle(document.querySelector('.stApp')).colorScheme === '{scheme}'"
    )
    found = examined(page, scheme)
    for _ in range(LOOKS - 1):
        if not found:
            break
        page.wait_for_timeout(1000)
        found = examined(page, scheme)
    return found


def examined(page: Page, scheme: str) -> list[str]:
    """What axe-core finds now."""
    found: dict[str, Any] = Axe().run(page, options=RULES).response
    assert found["passes"]
    return [
        f"{scheme}: {rule['id']}: {node['html'][:120]}: {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
        if not any(rule["id"] == known and one in node["html"] for known, one in EXCEPTIONS)
    ]


@pytest.mark.parametrize("name", scene.PAGES)
def test_a_page_is_accessible_in_light_and_dark(
    context: BrowserContext, world: World, name: str
) -> None:
    page = opened(context, world, name)
    assert not violations(page, "light") + violations(page, "dark")
    if name == "live":  # on a phone too
        page.set_viewport_size({"width": 390, "height": 844})
        assert not violations(page, "light")
    page.close()


@pytest.mark.parametrize("name", scene.PARTS)
def test_a_part_of_a_page_is_accessible(context: BrowserContext, world: World, name: str) -> None:
    page = opened(context, world, name)
    assert not violations(page, "dark")
    page.close()


# --- what axe-core cannot see: text in charts ---------------------------------------------------


def theme(scheme: str) -> dict[str, str]:
    """The colours of .streamlit/config.toml."""
    text = (ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    colours: dict[str, str] = tomllib.loads(text)["theme"][scheme]
    return colours


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, as WCAG 2 defines it."""
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["blue", "orange", "green", "yellow", "gray", "red"])
def test_a_colour_of_the_theme_can_be_read_and_its_lines_be_seen(scheme: str, name: str) -> None:
    colours = theme(scheme)
    card, page = colours["secondaryBackgroundColor"], colours["backgroundColor"]
    for ground in (colours[f"{name}BackgroundColor"], card, page):
        assert contrast(colours[f"{name}TextColor"], ground) >= 4.5, ground
    assert contrast(colours[f"{name}Color"], card) >= 3


def test_the_style_sheet_has_no_colours_of_its_own() -> None:
    style = (ROOT / "ui" / "web" / "page.css").read_text(encoding="utf-8")
    light, dark = theme("light"), theme("dark")
    pairs = {(light[name], dark[name]) for name in light if isinstance(light[name], str)}
    used = re.findall(r"light-dark\((.*?), (.*?)\)", style)
    assert used
    assert set(used) <= pairs


# --- big type -----------------------------------------------------------------------------------

# Name of a page or part -> (what an audience reads there, its key figures).
BIG = {
    "live": ((".answer", ".badge", ".why", ".card :is(h2, .knows, footer)", ".name"), (".hour",)),
    "follow": ((".matrix p", ".matrix .badge", ".took", ".at", ".end .quiet"), (".hour",)),
    "health": ((".who", ".word", ".details"), (".figure", ".hour")),
    "health-machine": ((":is(th, td):visible",), (".figure",)),
    "knew": ((".answer", ".badge", ".told", ".ends"), (".hour",)),
    "query": (("textarea", ".st-key-result-batch strong", ".airline-chart .title"), (".hour",)),
    "how": ((".count", ".ends", ".who"), (".hour",)),
    "settings": (
        (".st-key-settings-used strong", ".st-key-settings-model :is(p, span)"),
        (".hour",),
    ),
}
SMALLEST = """(all) => Math.min(...all.map((one) =>
    parseFloat(getComputedStyle(one).fontSize) * (one.currentCSSZoom ?? 1)))"""


@pytest.mark.parametrize("name", BIG)
def test_big_type_is_big_on_every_page(context: BrowserContext, world: World, name: str) -> None:
    url, happened = world
    address, there = scene.addresses(happened)[name]
    page = context.new_page()
    page.goto(f"{url}/{address}{'&' if '?' in address else '?'}big=1")
    page.locator(there).first.wait_for(timeout=pages.FIRST_ANSWER_MS)
    page.wait_for_function("getComputedStyle(document.documentElement).fontSize === '24px'")
    read, key_figures = BIG[name]
    for pixels, selectors in ((24, read), (48, key_figures)):
        for selector in selectors:
            found = page.locator(selector)
            found.first.wait_for(timeout=20_000)
            assert found.evaluate_all(SMALLEST) >= pixels, selector
    assert widest(page) <= 1280
    if name == "live":  # both answers are on the screen, whole cards
        assert page.evaluate(BOTTOMS) <= 720
    page.close()


BOTTOMS = """Math.max(...[".st-key-answer-batch", ".st-key-answer-stream"].map((one) =>
    document.querySelector(one).getBoundingClientRect().bottom))"""


# --- the keyboard -------------------------------------------------------------------------------

# Everything that takes a click, seen from the page inwards through the components' shadow roots,
# each with what it looks like: itself and what stands closely around it.
CONTROLS = """() => {
    window.look = (one) => {
        const seen = [];
        for (let step = 0; one && step < 4; step += 1, one = one.parentElement) {
            const style = getComputedStyle(one);
            seen.push(style.outline, style.boxShadow, style.borderColor, style.backgroundColor);
        }
        return seen.join();
    };
    window.controls = new Map();
    const search = (root) => {
        for (const one of root.querySelectorAll("*")) {
            if (one.shadowRoot) search(one.shadowRoot);
            const takes = one.matches("button, a[href], input, textarea, [role=slider]");
            const seen = one.checkVisibility({ opacityProperty: true, visibilityProperty: true });
            if (takes && seen && !one.disabled && one.tabIndex >= 0) {
                window.controls.set(one, window.look(one));
            }
        }
    };
    search(document);
    return window.controls.size;
}"""
# What has the focus now is crossed off; of a group of radio buttons one has it for all. Returns it
# if in some seconds it does not come to look otherwise than before.
REACHED = """async () => {
    let one = document.activeElement;
    while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
    const before = window.controls.get(one);
    window.controls.delete(one);
    for (const other of one.closest("[role=radiogroup]")?.querySelectorAll("*") ?? []) {
        window.controls.delete(other);
    }
    const until = performance.now() + 5000;
    while (before === window.look(one)) {
        if (performance.now() > until) return one.outerHTML.slice(0, 200);
        await new Promise(requestAnimationFrame);
    }
    return null;
}"""
LEFT = "[...window.controls.keys()].map((one) => one.outerHTML.slice(0, 200))"


@pytest.mark.parametrize("name", ["live", "knew"])
def test_the_keyboard_reaches_every_control_and_shows_where_it_is(
    context: BrowserContext, world: World, name: str
) -> None:
    page = opened(context, world, name)
    controls = page.evaluate(CONTROLS)
    assert controls > 10
    for _ in range(controls + 10):
        page.keyboard.press("Tab")
        assert page.evaluate(REACHED) is None
    assert not page.evaluate(LEFT)
    page.close()
