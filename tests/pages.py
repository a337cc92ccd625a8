"""A served page for tests and screenshots: the app as a user starts it, and a browser on it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from pipeline.engine import free_port
from pipeline.settings import ROOT
from tests.conftest import BROWSER_FLAGS

FIRST_ANSWER_MS = 120_000  # engine, libraries and the first question, on a busy machine
expect.set_options(timeout=20_000)  # a guard against hangs, not a time to meet
# The last part of a page can be there before the text of its first ones, which comes in pieces.
DRAWN = """document.querySelector("[data-test-script-state=notRunning]")
    && [...document.querySelectorAll("h1, h2, h3")].every((one) => one.textContent.trim())"""
LOCAL = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")


@contextmanager
def served(home: Path, **environment: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`streamlit run app.py` on a state folder: (URL, process). It finds or starts the engine."""
    port = free_port()
    log = home.parent / f"{home.name}-page.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "streamlit", "run", "app.py",
                "--server.port", str(port), "--server.headless", "true",
            ],
            cwd=ROOT,
            env=os.environ | {"AIRLINE_HOME": str(home), "KAFKA_BROKERS": ""} | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, log)
        yield url, process
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")[-2000:]
            time.sleep(0.2)


@contextmanager
def browser(path: str) -> Iterator[Browser]:
    """A headless browser."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
        yield started
        started.close()


def opened(browser: Browser, url: str, width: int, height: int, scheme: str = "light") -> Page:
    """The page at a size, with its first answers."""
    page = sized(browser, width, height, scheme)
    page.goto(url)
    page.locator(".badge").nth(1).wait_for(timeout=FIRST_ANSWER_MS)
    return page


def sized(browser: Browser, width: int, height: int, scheme: str = "light") -> Page:
    """An empty page of a size."""
    return browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
    )
