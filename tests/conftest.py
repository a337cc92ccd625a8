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


# `make test` hands whole files to two processes, in this order: the long ones must not come last.
FIRST = (
    "test_whole_day.py",
    "test_engine.py",
    "test_app_story.py",
    "test_agent_story.py",
    "test_app.py",
    "test_app_past_story.py",
    "test_app_past.py",
    "test_health_story.py",
    "test_app_health.py",
    "test_app_query_story.py",
    "test_app_query.py",
    "test_retrieval.py",
    "test_stream.py",
    "test_twins.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; within a file nothing moves."""
    rank = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(FIRST)))


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
