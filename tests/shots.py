"""Screenshots of the pages for docs/img/: `python -m tests.shots`.

Desktop and phone, light and dark, in the middle of the story: the flight is cancelled, both have
been asked; then the other pages, by their addresses. It starts an engine of its own on a temporary
folder.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, expect

from pipeline.settings import ROOT
from tests import pages

FOLDER = ROOT / "docs" / "img"
SIZES = {"desktop": (1280, 720), "phone": (390, 844)}
# name of the picture -> (address, what has to be there); `{at}` is a moment ago
OTHERS = {
    "follow": ("Follow_an_event", ".matrix .cell"),
    "knew": ("What_they_knew?customer=C0001&at={at}", ".card .badge"),
}
_RUN_IN_S = 75.0  # long enough for a batch run, and for the chart to have a story of its own


def main() -> int:
    """Take the screenshots; exit 1 where there is no browser."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        print("no Chrome or Chromium: set BROWSER_PATH", file=sys.stderr)
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="airline-shots-") as folder,
        pages.served(Path(folder) / "home", AUTOPLAY="true", CLOCK_OPENS="05:00") as (url, _),
        pages.browser(path) as browser,
    ):
        pages.opened(browser, url, 1280, 720).close()
        time.sleep(_RUN_IN_S)
        for scheme in ("light", "dark"):
            for name, size in SIZES.items():
                take(browser, url, size, scheme, FOLDER / f"live-{name}-{scheme}.png")
                for other in OTHERS:
                    to = FOLDER / f"{other}-{name}-{scheme}.png"
                    take_other(browser, f"{url}/", size, scheme, to)
    return 0


def take(browser: Browser, url: str, size: tuple[int, int], scheme: str, to: Path) -> None:
    """One screenshot in the middle of the story."""
    page = pages.opened(browser, url, *size, scheme)
    page.keyboard.press("1")
    expect(page.locator(".stream .end")).to_contain_text("✓", timeout=60_000)
    page.keyboard.press("A")
    expect(page.locator("mark.stale").first).to_be_visible(timeout=20_000)
    page.wait_for_timeout(2500)
    page.screenshot(path=to)
    page.close()
    print(to.relative_to(ROOT))


def take_other(browser: Browser, url: str, size: tuple[int, int], scheme: str, to: Path) -> None:
    """One screenshot of the page that the picture is named after."""
    address, there = OTHERS[to.name.split("-", 1)[0]]
    page = pages.sized(browser, *size, scheme)
    page.goto(url + address.format(at=f"{time.time() - 1:.3f}"))
    page.locator(there).first.wait_for(timeout=60_000)
    page.wait_for_timeout(2500)
    page.screenshot(path=to)
    page.close()
    print(to.relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(main())
