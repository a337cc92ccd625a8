"""Every page by its address, each the first thing that a server of its own is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests import pages, scene
from tests.engines import running
from tests.scene import Scene
from tests.test_app_story import chromium, local

__all__ = ["chromium"]  # the fixture


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Scene]]:
    """(state folder of an engine that runs, what has happened in its world)."""
    home = tmp_path_factory.mktemp("cold") / "home"
    with running(home):
        yield home, scene.play(home)


@pytest.mark.parametrize("name", scene.PAGES)
def test_a_page_is_opened_by_its_address_on_a_fresh_process(
    chromium: Browser, world: tuple[Path, Scene], name: str
) -> None:
    home, happened = world
    address, there = scene.addresses(happened)[name]
    said: list[str] = []
    left: list[str] = []
    with pages.served(home) as (url, _):
        page = chromium.new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: None if local(request.url) else left.append(request.url))
        page.goto(f"{url}/{address}")
        page.locator(there).first.wait_for(timeout=pages.FIRST_ANSWER_MS)
        expect(page.locator("[data-testid=stException]")).to_have_count(0)
        page.close()
    assert not said
    assert not left
