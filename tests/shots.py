"""Screenshots of the Live page for docs/img/: `python -m tests.shots`.

Desktop and phone, light and dark, in the middle of the story: the flight is cancelled, both have
been asked. It starts an engine of its own on a temporary folder.
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
            for name, (width, height) in SIZES.items():
                take(browser, url, (width, height), scheme, FOLDER / f"live-{name}-{scheme}.png")
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


if __name__ == "__main__":
    sys.exit(main())
