"""Screenshots for docs/img/: `python -m tests.shots` of every page, `... live how` of some.

Desktop and phone, light and dark, in the middle of a day: batches have run, events were fired, a
flight is cancelled of which only one airline knows, both have been asked. It starts an engine of
its own on a temporary folder and takes some minutes. A desktop's picture is what one screen shows,
a phone's is the whole page.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from pipeline import control
from pipeline.batch import journal
from pipeline.schema import Database
from pipeline.settings import ROOT, Settings
from tests import pages, scene
from tests.engines import wait

FOLDER = ROOT / "docs" / "img"
SIZES = {"desktop": (1280, 720), "phone": (390, 844)}
SCHEMES = ("light", "dark")
_RUNS = 1  # batch runs before the scene, which adds one: the charts have something to say then
_RUN_IN_S = 600.0
_CALM = 60.0  # pace of airline time while pictures are taken: no batch runs in between
_SETTLES_MS = 2500  # charts are drawn, live parts have come twice


def main() -> int:
    """Take the screenshots; exit 1 where there is no browser."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        print("no Chrome or Chromium: set BROWSER_PATH", file=sys.stderr)
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    # Below the project, as a user has it: the page Settings shows where the state is.
    with tempfile.TemporaryDirectory(prefix=".airline-shots-", dir=ROOT) as folder:
        home = Path(folder) / "home"
        with (
            pages.served(home, AUTOPLAY="true", CLOCK_OPENS="02:00") as (url, _),
            pages.browser(path) as browser,
        ):
            pages.opened(browser, url, *SIZES["desktop"]).close()
            happened = run_in(home)
            for name in sys.argv[1:] or scene.PAGES:
                address, there = scene.addresses(happened)[name]
                for size in SIZES:
                    for scheme in SCHEMES:
                        page = pages.sized(browser, *SIZES[size], scheme)
                        page.goto(f"{url}/{address}")
                        page.locator(there).first.wait_for(timeout=pages.FIRST_ANSWER_MS)
                        if name == "live":
                            tweet_and_ask(page)
                        take(page, FOLDER / f"{name}-{size}-{scheme}.webp")
                        page.close()
    return 0


def run_in(home: Path) -> scene.Scene:
    """Let the day come to where the pictures are taken, then go on slowly."""
    database = Database(Settings(airline_home=home).database)
    try:
        wait(lambda: len(done(database)) >= _RUNS, _RUN_IN_S, "the batch did not run")
        control.set_clock(database, lambda clock: clock.changed(factor=_CALM))
        return scene.play(home)
    finally:
        database.close()


def done(database: Database) -> list[int]:
    """The batch runs that have ended well."""
    return [run["run_id"] for run in journal.recent(database, _RUNS) if run["searchable_at"]]


def tweet_and_ask(page: Page) -> None:
    """The customer tweets, and asks again: what the speaker does with two keys."""
    page.locator(".st-key-fire-6").wait_for(state="attached")  # the rail is drawn last
    page.keyboard.press("6")
    expect(page.locator(".stream .end")).to_contain_text("✓", timeout=60_000)
    page.keyboard.press("A")
    expect(page.locator(".card.stream .answer")).to_contain_text("tweet", timeout=60_000)
    expect(page.locator(".card .badge")).to_have_count(2, timeout=60_000)
    expect(page.locator("mark.stale").first).to_be_visible()


def take(page: Page, to: Path) -> None:
    """One screenshot, without loss and small."""
    page.wait_for_timeout(_SETTLES_MS)
    size = page.viewport_size
    assert size
    if size["width"] == SIZES["phone"][0]:
        tall = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size(size | {"height": max(tall, size["height"])})
        page.wait_for_timeout(_SETTLES_MS)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image.save(to, "WEBP", lossless=True, method=6)
    print(to.relative_to(ROOT), f"{to.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
