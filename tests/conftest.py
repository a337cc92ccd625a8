"""What every test stands on: a state folder of its own, and the browser that `make test` found."""

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest

# Set before any module of the product is imported: settings are read once.
_HOME = tempfile.mkdtemp(prefix="airline-test-")
os.environ["AIRLINE_HOME"] = _HOME
# No test leaves this machine.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
]


@pytest.fixture(scope="session", autouse=True)
def airline_home() -> Iterator[str]:
    """The state folder of this test session, deleted after it."""
    yield _HOME
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def browser_path() -> str:
    """Path of a Chrome or Chromium: BROWSER_PATH, else one that is on the path."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.fail("no Chrome or Chromium: run the tests with make test, or set BROWSER_PATH")
    return found
