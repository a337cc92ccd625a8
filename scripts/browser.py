"""Find a Chrome or Chromium for the browser tests; install one where none is found.

Tried in this order: BROWSER_PATH, an installed browser, Playwright's own download, the system's
package manager. A browser counts when it answers `--version`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.bootstrap import SetupError, say

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_APPS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
PLAYWRIGHT_PATH = (
    "from playwright.sync_api import sync_playwright\n"
    "with sync_playwright() as p: print(p.chromium.executable_path)"
)
DOWNLOAD_TIMEOUT_S = 600
CONNECT_TIMEOUT_MS = 5000


def find_browser(python: Path) -> str:
    """The path of a browser that runs. Raises SetupError where none can be had."""
    for browser in candidates(python):
        if runs(browser):
            say(f"Browser for the tests: {browser}")
            return browser
    raise SetupError("The tests need Chrome or Chromium: install one, or set BROWSER_PATH to it.")


def candidates(python: Path) -> Iterator[str]:
    """Lazy: each step is taken only when the steps before it gave no browser that runs."""
    chosen = os.environ.get("BROWSER_PATH")
    if chosen:
        yield chosen
    yield from installed()
    yield from playwrights(python)
    yield from packaged(python)


def installed() -> Iterator[str]:
    yield from filter(None, map(shutil.which, NAMES))
    if sys.platform == "darwin":
        yield from (app for app in MAC_APPS if Path(app).exists())


def playwrights(python: Path) -> Iterator[str]:
    """Playwright's own browser, downloaded where it is not there yet."""
    path = output([str(python), "-c", PLAYWRIGHT_PATH])
    if not Path(path).is_file():
        say("No Chrome or Chromium is installed; trying Playwright's download ...")
        if not quiet([str(python), "-m", "playwright", "install", "--no-shell", "chromium"]):
            say("Playwright's download is not to be had here.")
            return
    yield path


def packaged(python: Path) -> Iterator[str]:
    """The system's package manager, where it needs no password."""
    root = administrator()
    if root is None or shutil.which("apt-get") is None:
        return
    say("Installing Chromium with apt-get ...")
    quiet([*root, "apt-get", "update"])
    if quiet([*root, "apt-get", "install", "--yes", "--no-install-recommends", "chromium"]):
        yield from installed()
    # Ubuntu has Chromium only as a snap: there, the libraries that Playwright's browser lacks.
    if quiet([*root, str(python), "-m", "playwright", "install-deps", "chromium"]):
        yield from playwrights(python)


def administrator() -> list[str] | None:
    """What to put before a command that needs rights: nothing or sudo; None without either."""
    if os.name != "nt" and os.geteuid() == 0:
        return []
    if shutil.which("sudo") and quiet(["sudo", "--non-interactive", "true"]):
        return ["sudo", "--non-interactive"]
    return None


def runs(browser: str) -> bool:
    return bool(output([browser, "--version"]))


def output(command: Sequence[str]) -> str:
    """What a command prints, empty where it fails."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def quiet(command: Sequence[str]) -> bool:
    """Run a command without its output; True where it succeeds."""
    environment = os.environ | {
        "DEBIAN_FRONTEND": "noninteractive",
        "PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": str(CONNECT_TIMEOUT_MS),
    }
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=DOWNLOAD_TIMEOUT_S,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
