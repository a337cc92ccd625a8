"""The page's way to an engine: use the one that runs on AIRLINE_HOME, else start one.

An engine that this starts ends with this process, however that ends: its standard input is a pipe
of ours. Two servers on one state folder still have one engine, by the engine's own lock.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.engine import processes, read_state
from pipeline.schema import database
from pipeline.settings import ROOT, Settings
from pipeline.status import CHILDREN, is_ready

LOG = "engine.log"
STEPS = ("broker", "world", *CHILDREN)
_LABELS = {
    "broker": "Broker takes events",
    "world": "World is in the record and in both stores",
    "relay": "Relay watches the outbox",
    "stream": "Stream worker has its model",
    "batch": "Batch waits for its hour",
    "replay": "The day's events are read",
    "aggregates": "Live figures are counted",
}
_LOOK_EVERY_S = 0.5
_READY_EVERY_S = 1.5
_REASONS = ("load: ", "up: ")  # how the command line begins the line that says why


@dataclass(frozen=True)
class Look:
    """The engine at one moment. `error` is one line for people, None while all is well."""

    ready: bool
    steps: dict[str, bool]
    error: str | None

    @property
    def labels(self) -> list[tuple[str, bool]]:
        """(what, whether it is done) in the order in which an engine starts."""
        return [(_LABELS[name], done) for name, done in self.steps.items()]


class EngineLink:
    """One a server process, shared by its sessions."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._home = settings.airline_home.resolve()
        self._lock = threading.Lock()
        self._own: subprocess.Popen[bytes] | None = None
        self._began = 0
        self._ready_pid = 0  # the engine that was ready once: a child it restarts is its business
        self._looked_at = 0.0
        self._look = Look(False, dict.fromkeys(STEPS, False), None)

    def look(self) -> Look:
        """How far the engine is, starting one where none was ever seen."""
        with self._lock:
            fresh_for = _READY_EVERY_S if self._look.ready else _LOOK_EVERY_S
            if time.monotonic() - self._looked_at > fresh_for:
                self._look = self._look_now()
                self._looked_at = time.monotonic()
            return self._look

    def start(self) -> None:
        """Start an engine, unless one runs. Also after one has failed or was stopped."""
        with self._lock:
            self._spawn()
            self._looked_at = 0.0

    def close(self) -> None:
        """End the engine that this has started, if any."""
        with self._lock:
            if self._own and self._own.stdin:
                self._own.stdin.close()
                self._own.wait()

    def _look_now(self) -> Look:
        if read_state(self._home) is None:
            if self._own is None:
                self._spawn()
            elif self._own.poll() is not None:
                return Look(False, dict.fromkeys(STEPS, False), self._why_not())
            return Look(False, dict.fromkeys(STEPS, False), None)
        return self._progress()

    def _progress(self) -> Look:
        running = processes(self._home)
        alive = {one["name"]: one["pid"] for one in running}
        record = database(self._settings.database)
        steps = {
            "broker": bool(self._settings.kafka_brokers) or "broker" in alive,
            "world": bool(record.get("loaded")),
            **{
                name: name in alive and record.get(f"ready/{name}") == alive[name]
                for name in CHILDREN
            },
        }
        supervisor = alive.get("supervisor", 0)
        if is_ready(record, running):
            self._ready_pid = supervisor
        return Look(supervisor == self._ready_pid != 0, steps, None)

    def _spawn(self) -> None:
        if read_state(self._home) or (self._own and self._own.poll() is None):
            return
        self._settings.logs.mkdir(parents=True, exist_ok=True)
        output = self._settings.logs / LOG
        self._began = output.stat().st_size if output.exists() else 0
        with output.open("ab") as file:
            self._own = subprocess.Popen(
                [sys.executable, "-m", "pipeline", "up", "--with-parent"],
                cwd=ROOT,
                env=os.environ | {"AIRLINE_HOME": str(self._home), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.PIPE,  # its end tells the engine that we are gone
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def _why_not(self) -> str:
        return _reason(self._settings.logs / LOG, self._began) or "it was stopped"


def _reason(path: Path, start: int) -> str:
    """Why an engine ended, in its own words from byte `start` on; empty if it gave none."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(start)
        lines = file.read().decode("utf-8", "replace").splitlines()
        reasons = [line for line in lines if line.startswith(_REASONS)]
        return reasons[0].split(": ", 1)[-1].strip() if reasons else ""
    return ""
