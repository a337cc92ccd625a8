"""How long a click takes with many people at the page: `make visitors` (ARGS="--people 1 --json").

One app and one engine with the day replaying. The people are clients that speak Streamlit's own
protocol over its WebSocket, live parts included, because ten browsers need more than the machine
that serves them; `--browser` times the same clicks in one real page instead, drawing included.
Each fires an event and asks both airlines by turns, with a pause to think. Timed, ms from the
click: until the tracker names the new event (`fired`), until it says that a search finds it
(`found`), until the cards have begun new answers (`asked`), and until both stand with their
verdicts (`answered`).
It is a measurement and no test: numbers depend on the machine.
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
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import websockets
from playwright.sync_api import Page
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests import pages

EVENTS = ("Tweet", "Chat")  # by turns, so that the tracker's title changes
QUESTIONS = ("What is my seat?", "Which gate does it leave from?")
THINK_S = (2.0, 6.0)
LATEST_S = 30.0
TIMED = ("fired", "found", "asked", "answered")
Took = dict[str, list[float]]


def main() -> int:
    """Measure and print; exit 1 where a browser is wanted and there is none."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--browser", action="store_true", help="one person, in a real browser")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, names)), None)
    if chosen.browser and path is None:
        print("no Chrome or Chromium: set BROWSER_PATH", file=sys.stderr)
        return 1
    with (
        tempfile.TemporaryDirectory(prefix="airline-visitors-") as folder,
        pages.served(Path(folder) / "home", AUTOPLAY="true", CLOCK_OPENS="05:00") as (url, _),
    ):
        if chosen.browser:
            took = _in_a_browser(str(path), url, chosen.seconds)
        else:
            took = asyncio.run(_crowd(url, chosen.people, chosen.seconds))
    people = 1 if chosen.browser else chosen.people
    figures = {name: _summary(values) for name, values in took.items()}
    if chosen.json:
        print(json.dumps({"people": people, "browser": chosen.browser, "ms": figures}))
    else:
        print(f"{people} people{' in a browser' if chosen.browser else ''}, ms from a click")
        for name, one in figures.items():
            print(f"  {name:9}" + "".join(f" {key} {value:6.0f}" for key, value in one.items()))
    return 0


def _summary(values: list[float]) -> dict[str, float]:
    if not values:
        return {"count": 0}
    p50, p95 = np.percentile(values, [50, 95])
    return {"count": len(values), "p50": round(p50), "p95": round(p95), "max": round(max(values))}


# --- by Streamlit's protocol ----------------------------------------------------------------------


async def _crowd(url: str, people: int, seconds: float) -> Took:
    took: Took = {name: [] for name in TIMED}
    visitors = []
    for _ in range(people):
        visitors.append(await Visitor.open(url))
    ends = time.monotonic() + seconds
    await asyncio.gather(*(one.visit(ends, took) for one in visitors))
    for one in visitors:
        await one.close()
    return took


class Visitor:
    """One session: what a browser would have on the page, and its timers."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        self._ids: dict[str, str] = {}  # what a widget is called -> its id
        self._fragment: dict[str, str] = {}  # what it is called -> the fragment it runs, "": all
        self._kept: dict[str, dict[str, Any]] = {}  # what every message says, as a browser's does
        self._shown: dict[str, Any] = {}  # component's name, an answer's with its arm -> data
        self._timers: dict[str, asyncio.Task[None]] = {}  # fragment -> what draws it again
        self._news = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, url: str) -> Visitor:
        """Open the page and wait for its first answers."""
        socket = await websockets.connect(
            f"{url.replace('http', 'ws', 1)}/_stcore/stream",
            subprotocols=[websockets.Subprotocol("streamlit")],
            max_size=None,
        )
        visitor = cls(socket)
        await visitor._rerun()
        await visitor._until(lambda: all(visitor._answers()), pages.FIRST_ANSWER_MS / 1000)
        return visitor

    async def close(self) -> None:
        """Leave."""
        for task in (*self._timers.values(), self._reader):
            task.cancel()
        await self._socket.close()

    async def visit(self, ends: float, took: Took) -> None:
        """Fire and ask by turns until a time of the monotonic clock, s."""
        turn = random.randrange(2)
        while time.monotonic() < ends:
            await self._think()
            event = EVENTS[turn % 2]
            began = time.monotonic()
            await self._rerun({event: {"trigger_value": True}}, self._fragment[event])
            for name, holds in (("fired", self._tells), ("found", self._has_found)):
                await self._until(partial(holds, event.lower()), LATEST_S)
                took[name].append((time.monotonic() - began) * 1000)
            await self._think()
            before, began = self._answers(), time.monotonic()
            typed = {"Question": {"string_value": QUESTIONS[turn % 2]}}
            pressed = {"Ask both": {"trigger_value": True}}
            await self._rerun(typed | pressed, self._fragment["Ask both"])
            for name, done in (("asked", self._begun), ("answered", self._new)):
                await self._until(partial(done, before), LATEST_S)
                took[name].append((time.monotonic() - began) * 1000)
            turn += 1

    async def _think(self) -> None:
        await asyncio.sleep(random.uniform(*THINK_S))

    def _tells(self, event: str) -> bool:
        title = (self._shown.get("airline_tracker") or {}).get("title", [])
        return any(part.get("v") == event for part in title)

    def _has_found(self, event: str) -> bool:
        lanes = (self._shown.get("airline_tracker") or {}).get("lanes") or [{}]
        end = "".join(part.get("v", "") for part in lanes[0].get("end", []))
        return self._tells(event) and "✓" in end

    def _answers(self) -> list[str]:
        """What both cards say, "" where no verdict stands."""
        bodies = [self._shown.get(f"airline_answer/{arm}", {}) for arm in ("batch", "stream")]
        return [
            "".join(span["text"] for span in body["spans"]) if "verdict" in body else ""
            for body in bodies
        ]

    def _begun(self, before: Iterable[str]) -> bool:
        return any(now != then for now, then in zip(self._answers(), before, strict=True))

    def _new(self, before: Iterable[str]) -> bool:
        return all(now and now != then for now, then in zip(self._answers(), before, strict=True))

    async def _until(self, done: Callable[[], bool], seconds: float) -> None:
        # What never came is as bad as it can be, and no reason to count it out.
        try:
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(done)
        except TimeoutError:
            return

    async def _rerun(
        self,
        widgets: dict[str, dict[str, Any]] | None = None,
        fragment: str = "",
        *,
        automatic: bool = False,
    ) -> None:
        message = BackMsg()
        message.rerun_script.query_string = ""
        message.rerun_script.fragment_id = fragment
        message.rerun_script.is_auto_rerun = automatic
        widgets = widgets or {}
        for name, value in (self._kept | widgets).items():
            message.rerun_script.widget_states.widgets.add(id=self._ids[name], **value)
        self._kept |= {name: one for name, one in widgets.items() if "trigger_value" not in one}
        await self._socket.send(message.SerializeToString())

    async def _read(self) -> None:
        async for data in self._socket:
            message = ForwardMsg.FromString(data if isinstance(data, bytes) else data.encode())
            async with self._news:
                self._take(message)
                self._news.notify_all()

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._element(message.delta.new_element, message.delta.fragment_id)
        elif kind == "auto_rerun":
            again = message.auto_rerun
            self._stop([again.fragment_id])
            timer = asyncio.create_task(self._again(again.fragment_id, again.interval))
            self._timers[again.fragment_id] = timer
        elif kind == "stop_auto_rerun":
            self._stop(message.stop_auto_rerun.fragment_ids)

    def _element(self, element: Element, fragment: str) -> None:
        kind = element.WhichOneof("type")
        if kind == "button":
            self._ids[element.button.label] = element.button.id
            self._fragment[element.button.label] = fragment
        elif kind == "text_input":
            self._ids[element.text_input.label] = element.text_input.id
        elif kind == "bidi_component":
            component = element.bidi_component
            text = component.json or component.mixed.json
            data = json.loads(text) if text else {}
            name = component.component_name
            if name == "airline_answer":
                self._shown[f"{name}/{data['arm']}"] = data["body"]
            else:
                self._shown[name] = data

    def _stop(self, fragments: Iterable[str]) -> None:
        for fragment in fragments:
            timer = self._timers.pop(fragment, None)
            if timer:
                timer.cancel()

    async def _again(self, fragment: str, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            await self._rerun(fragment=fragment, automatic=True)


# --- in a browser ---------------------------------------------------------------------------------

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
    asked: () => JSON.stringify(states.answers()) !== was,
    answered: () => states.answers().every((one, place) =>
      one !== null && one !== JSON.parse(was)[place]),
  };
  const pressed = [...document.querySelectorAll("button")].find(
    (one) => one.innerText.trim().split("\\n")[0].startsWith(button));
  if (!pressed || pressed.disabled) return {};
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


def _in_a_browser(path: str, url: str, seconds: float) -> Took:
    took: Took = {name: [] for name in TIMED}
    with pages.browser(path) as browser:
        page = pages.opened(browser, url, 1280, 720)
        ends = time.monotonic() + seconds
        turn = 0
        while time.monotonic() < ends:
            event = EVENTS[turn % 2]
            _press(page, took, event, ["fired", "found"], event.lower())
            _press(page, took, QUESTIONS[turn % 2], ["asked", "answered"], "")
            turn += 1
    return took


def _press(page: Page, took: Took, button: str, until: list[str], before: str) -> None:
    page.wait_for_timeout(random.uniform(*THINK_S) * 1000)
    asked = {"button": button, "until": until, "before": before, "latest": LATEST_S * 1000}
    found = page.evaluate(_TIMED, asked)
    for name in until:
        took[name].append(found.get(name, LATEST_S * 1000))


if __name__ == "__main__":
    sys.exit(main())
