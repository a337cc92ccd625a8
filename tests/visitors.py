"""How long a click takes with many people at the page: `make visitors` (ARGS="--people 1 --json").

One app and one engine with the day replaying, and a headless browser whose pages are the people,
all on this machine. Each fires an event and asks both airlines by turns, with a pause to think.
Timed in the page itself, ms from the click: until the tracker names the new event (`fired`), until
it says that a search finds it (`found`), and until both new answers stand with their verdicts
(`answered`). It is a measurement and no test: numbers depend on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.async_api import Browser, Page, async_playwright

from tests import pages
from tests.conftest import BROWSER_FLAGS

EVENTS = ("Tweet", "Chat")  # by turns, so that the tracker's title changes
QUESTIONS = ("What is my seat?", "Which gate does it leave from?")
THINK_S = (2.0, 6.0)
LATEST_MS = 30_000

# Buttons are in the document, what they change is in the components' shadow roots.
_TIMED = """
async ({button, until, before, latest}) => {
  const roots = () => [...document.querySelectorAll("*")].flatMap((one) => one.shadowRoot ?? []);
  const of = (selector) => roots().flatMap((root) => [...root.querySelectorAll(selector)]);
  const states = {
    event: () => of(".panel .title .strong")[0]?.textContent,
    found: () => of(".panel .lane.stream .end")[0]?.textContent.includes("✓"),
    answers: () => of(".card .body").map((one) =>
      one.querySelector(".badge") ? one.querySelector(".answer").textContent : null),
  };
  const was = JSON.stringify(states.answers());
  const done = {
    fired: () => states.event() === before,
    found: () => states.event() === before && states.found(),
    answered: () => states.answers().every((one, place) =>
      one !== null && one !== JSON.parse(was)[place]),
  };
  const pressed = [...document.querySelectorAll("button")].find(
    (one) => one.innerText.trim().split("\\n")[0].startsWith(button));
  if (!pressed || pressed.disabled) return null;
  const began = performance.now();
  const took = {};
  pressed.click();
  while (performance.now() - began < latest && Object.keys(took).length < until.length) {
    for (const name of until) {
      if (!(name in took) && done[name]()) took[name] = performance.now() - began;
    }
    await new Promise((resume) => setTimeout(resume, 10));
  }
  return took;
}
"""


def main() -> int:
    """Measure and print; exit 1 where there is no browser."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        print("no Chrome or Chromium: set BROWSER_PATH", file=sys.stderr)
        return 1
    with (
        tempfile.TemporaryDirectory(prefix="airline-visitors-") as folder,
        pages.served(Path(folder) / "home", AUTOPLAY="true", CLOCK_OPENS="05:00") as (url, _),
    ):
        took = asyncio.run(_measured(path, url, chosen.people, chosen.seconds))
    figures = {name: _summary(values) for name, values in took.items()}
    if chosen.json:
        print(json.dumps({"people": chosen.people, "ms": figures}))
    else:
        print(f"{chosen.people} people, ms from a click")
        for name, one in figures.items():
            print(f"  {name:9}" + "".join(f" {key} {value:6.0f}" for key, value in one.items()))
    return 0


async def _measured(path: str, url: str, people: int, seconds: float) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {"fired": [], "found": [], "answered": []}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
        visitors = [await _opened(browser, url) for _ in range(people)]
        ends = time.monotonic() + seconds
        await asyncio.gather(*(_visit(one, ends, took) for one in visitors))
        await browser.close()
    return took


async def _opened(browser: Browser, url: str) -> Page:
    page = await browser.new_page(viewport={"width": 1280, "height": 720})
    await page.goto(url)
    await page.locator(".badge").nth(1).wait_for(timeout=pages.FIRST_ANSWER_MS)
    return page


async def _visit(page: Page, ends: float, took: dict[str, list[float]]) -> None:
    turn = random.randrange(2)
    while time.monotonic() < ends:
        await asyncio.sleep(random.uniform(*THINK_S))
        event = EVENTS[turn % 2]
        for pressed in (
            {"button": event, "until": ["fired", "found"], "before": event.lower()},
            {"button": QUESTIONS[turn % 2], "until": ["answered"], "before": ""},
        ):
            found: dict[str, Any] | None = await page.evaluate(
                _TIMED, pressed | {"latest": LATEST_MS}
            )
            for name in pressed["until"]:
                # What never came is as bad as it can be, and no reason to count it out.
                took[str(name)].append((found or {}).get(str(name), float(LATEST_MS)))
            await asyncio.sleep(random.uniform(*THINK_S))
        turn += 1


def _summary(values: list[float]) -> dict[str, float]:
    if not values:
        return {"count": 0}
    p50, p95 = np.percentile(values, [50, 95])
    return {"count": len(values), "p50": round(p50), "p95": round(p95), "max": round(max(values))}


if __name__ == "__main__":
    sys.exit(main())
