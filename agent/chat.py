"""`chat`: a customer's conversation with one airline or both, on the command line.

Typed at a prompt, or piped in with one question a line. Both agents are asked at once and shown one
after the other, in the words and at the pace in which they speak; below each answer stands what it
took. Lines that begin with a slash are for the presenter (`/help`), no agent sees them.
"""

from __future__ import annotations

import contextlib
import json
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TextIO
from zoneinfo import ZoneInfo

from agent import llm
from agent.actions import set_guard
from agent.answer import Answer, Asked, ToolUse
from agent.cli import (
    agents_of,
    arms_of,
    as_of,
    check_customer,
    door_to,
    guard_state,
    now_of,
    show_guard,
    shown_claim,
)
from agent.context import spoken_age
from agent.session import Session, sessions
from agent.specialists import specialists
from agent.support import AsOf, SupportAgent
from pipeline import schema
from pipeline.clock import from_rfc3339
from pipeline.documents import clean
from pipeline.schema import Arm, Database
from pipeline.settings import Settings

Which = Literal["batch", "stream", "both"]
Pieces = queue.SimpleQueue[str | Answer | Exception]

_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"
_INDENT = " " * 8
_HELP = """\
/why            what the last answers rest on: hand-offs, tools, documents, claims
/guard on|off   whether actions on outdated information are refused, for everybody on this engine
/customer ID    speak as another customer
/arm WHICH      stream, batch or both
/new            a new conversation
/quit           leave, as does Ctrl-D"""


@dataclass(frozen=True)
class Opening:
    """With whom the conversation starts."""

    customer: str
    arm: Which = "both"
    model: str | None = None


def chat(settings: Settings, opening: Opening, *, as_json: bool = False) -> None:
    """Talk until the input ends, or Ctrl-C.

    Raises:
        ValueError: no world is loaded, or the record knows no such customer.
    """
    typed = sys.stdin.isatty()
    talk = Chat(settings, opening, Screen(sys.stdout, as_json=as_json))
    with contextlib.suppress(KeyboardInterrupt):
        if typed and not as_json:
            talk.greet()
        for line in _typed(talk.prompt) if typed else _piped():
            if not talk.take(line, echo=not typed):
                return
    if typed:
        sys.stdout.write("\n")


def _typed(prompt: Callable[[], str]) -> Iterator[str]:
    with contextlib.suppress(ImportError):  # line editing, where the platform has it
        import readline  # noqa: F401
    with contextlib.suppress(EOFError):
        while True:
            yield input(prompt())


def _piped() -> Iterator[str]:
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "replace").rstrip("\r\n")


class Screen:
    """What is written, and how: plain and dim text for people, or a JSON object a question."""

    def __init__(self, out: TextIO, *, as_json: bool) -> None:
        self._out, self.as_json = out, as_json
        self._dims = out.isatty()

    def say(self, text: str, end: str = "\n") -> None:
        """Text as it comes. Whoever wrote it, nothing in it commands the terminal."""
        self._out.write(clean(text) + end)
        self._out.flush()

    def note(self, text: str) -> None:
        """A line of small print; beside the JSON it goes to standard error."""
        if self.as_json:
            sys.stderr.write(clean(text) + "\n")
        else:
            self._out.write(f"{_DIM}{clean(text)}{_PLAIN}\n" if self._dims else clean(text) + "\n")

    def json(self, asked: Asked) -> None:
        """One question and its answers, in the shape of `ask --json`."""
        self.say(json.dumps(asked.model_dump(mode="json"), ensure_ascii=False))


class Chat:
    """A conversation: who speaks as whom with which airline, and the last answers."""

    def __init__(self, settings: Settings, opening: Opening, screen: Screen) -> None:
        self._settings, self._opening, self._screen = settings, opening, screen
        self._database: Database = schema.database(settings.database)
        self._zone = ZoneInfo(settings.home_zone)
        self._last: list[Answer] = []
        self._model_is_ready = threading.Thread(target=llm.warm, daemon=True)
        self._open(opening.customer, opening.arm)
        self._model_is_ready.start()

    def _open(self, customer: str, arm: Which) -> None:
        """A new conversation; what was said before is not remembered."""
        now_of(self._database)
        check_customer(self._database, customer)
        self._customer, self._arm = customer, arm
        arms = arms_of(arm)
        self._agents = agents_of(
            self._settings,
            self._database,
            arms,
            model=self._opening.model,
            door=door_to(self._settings, self._database),
        )
        self._sessions: Mapping[Arm, Session] = sessions(customer, arms)

    def greet(self) -> None:
        """Who speaks with whom, and how to get help."""
        self._screen.note(
            f"You are customer {self._customer}. Ask as a customer would; /help lists the "
            "presenter's commands, Ctrl-D leaves."
        )

    def prompt(self) -> str:
        """The airline's time, and whose turn it is."""
        return f"{now_of(self._database).astimezone(self._zone):%H:%M} {self._customer}> "

    def take(self, line: str, *, echo: bool) -> bool:
        """Answer a line; False: it was the last one."""
        line = line.strip()
        if not line:
            return True
        if echo and not self._screen.as_json:
            self._screen.say(f"{self.prompt()}{line}")
        if not line.startswith("/"):
            self._ask(line)
            return True
        return self._command(*line[1:].split(maxsplit=1))

    # --- questions ---

    def _ask(self, question: str) -> None:
        self._model_is_ready.join()
        now = now_of(self._database)
        known = as_of(self._database, now)
        speaking = {
            agent.arm: self._speaking(agent, question, now, known.get(agent.arm))
            for agent in self._agents
        }
        self._last = [self._shown(arm, pieces) for arm, pieces in speaking.items()]
        if self._screen.as_json:
            self._screen.json(Asked(question=question, customer=self._customer, arms=self._last))

    def _speaking(self, agent: SupportAgent, question: str, now: datetime, known: AsOf) -> Pieces:
        """One agent's answer as it comes, from a thread: neither airline waits for the other."""
        pieces: Pieces = queue.SimpleQueue()
        session = self._sessions[agent.arm]

        def speak() -> None:
            try:
                for piece in agent.stream(question, session, now, as_of=known):
                    pieces.put(piece)
            except Exception as failed:
                pieces.put(failed)

        threading.Thread(target=speak, name=f"chat-{agent.arm}", daemon=True).start()
        return pieces

    def _shown(self, arm: Arm, pieces: Pieces) -> Answer:
        """Write an answer while it comes; the whole of it."""
        written: list[str] = []
        while isinstance(piece := pieces.get(), str):
            if not self._screen.as_json:
                self._screen.say(piece if written else f"{arm:<8}{piece.lstrip()}", end="")
            written.append(piece)
        if isinstance(piece, Exception):
            raise piece
        if self._screen.as_json:
            return piece
        if "".join(written).split() != piece.answer.split():
            # Another model had to take over, or more than one colleague spoke.
            self._screen.say("\n" * bool(written) + f"{arm:<8}{piece.answer}", end="")
        self._screen.say("")
        for line in self._small_print(piece):
            self._screen.note(_INDENT + line)
        return piece

    def _small_print(self, answer: Answer) -> list[str]:
        ms = answer.timings_ms
        known = f"as of {self._clock(answer.as_of)}" if answer.as_of else "as of no known time"
        took = f"{answer.model} in {ms['total']:.0f} ms"
        lines = [_traced(one) for one in answer.tools]
        lines.append(f"{answer.verdict.status} · knows the world {known} · {took}")
        if answer.fallback:
            lines.append(f"not the model asked for: {answer.fallback}")
        lines += [
            shown_claim(one.model_dump())
            for one in answer.verdict.claims
            if one.status != "current"
        ]
        return [*lines, "waits for a yes"] if answer.pending else lines

    def _clock(self, moment: str) -> str:
        at, now = (one.astimezone(self._zone) for one in (from_rfc3339(moment), self._now))
        return f"{at:%H:%M}" if at.date() == now.date() else f"{at:%H:%M on %d %b}"

    @property
    def _now(self) -> datetime:
        return now_of(self._database)

    # --- the presenter's commands ---

    def _command(self, name: str = "help", argument: str = "") -> bool:
        if name in ("quit", "exit", "q"):
            return False
        known: dict[str, Callable[[str], Sequence[str]]] = {
            "help": lambda _: _HELP.splitlines(),
            "why": lambda _: self._why(),
            "guard": self._guard,
            "customer": lambda customer: self._again(customer.strip(), self._arm),
            "arm": self._choose,
            "new": lambda _: self._again(self._customer, self._arm),
        }
        if name not in known:
            name = "help"
        for line in known[name](argument):
            self._screen.note(line)
        return True

    def _again(self, customer: str, arm: Which) -> list[str]:
        try:
            self._open(customer, arm)
        except ValueError as wrong:
            return [str(wrong)]
        return [f"a new conversation of {customer} with {' and '.join(self._sessions)}"]

    def _choose(self, arm: str) -> list[str]:
        if arm in ("stream", "batch", "both"):
            return self._again(self._customer, arm)  # type: ignore[arg-type]  # it is one of them
        return ["/arm takes stream, batch or both"]

    def _guard(self, state: str) -> list[str]:
        if state not in ("", "on", "off"):
            return ["/guard takes on or off"]
        if state:
            set_guard(self._database, state == "on")
        return [show_guard(guard_state(self._database))]

    def _why(self) -> list[str]:
        lines = [] if self._last else ["nothing was asked yet"]
        for answer in self._last:
            lines.append(f"{answer.arm}, answered by {specialists()[answer.agent].title}")
            for tool in answer.tools:
                lines += [f"  {_traced(tool)}", f"    asked {_short(tool.arguments)}"]
                lines.append(f"    got   {_short(tool.result)}")
            for claim in answer.verdict.claims:
                lines.append(f"  {shown_claim(claim.model_dump())}")
            lines += [f"  {spoken_age(one.age_s):>10} old  {one.text}" for one in answer.context]
        return lines


def _traced(use: ToolUse) -> str:
    """A hand-off or a tool call in a line."""
    who = specialists()[use.agent].title
    to = specialists().get(str(use.result.get("to", "")))
    if to:
        return f"{who} → {to.title}: {use.why}"
    rule = f" by the rule {use.result['rule']}" if use.result.get("status") == "refused" else ""
    status = str(use.result.get("status")).replace("_", " ")
    return f"{who} · {use.tool}: {status}{rule} ({use.ms:.1f} ms)"


def _short(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
