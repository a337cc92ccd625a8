"""A real engine for tests: started as a user starts it, on a state folder of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from pipeline import schema
from pipeline.__main__ import main
from pipeline.engine import processes
from pipeline.freshness import pending
from pipeline.schema import Arm, Database, database
from pipeline.settings import ROOT, Settings
from pipeline.status import is_ready

READY_S = 90.0
Report = dict[str, Any]


class Engine:
    """`python -m pipeline up` on one state folder, and the command line on the same folder."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        # A clock that stands still at midnight: nothing happens but what a test fires.
        chosen = {
            "AIRLINE_HOME": str(home),
            "AUTOPLAY": "false",
            "CLOCK_OPENS": "00:00",
            "KAFKA_BROKERS": "",
            **environment,
        }
        self.environment = os.environ | chosen
        self.settings = Settings.model_validate({k.lower(): v for k, v in chosen.items()})
        self.log = home.parent / f"{home.name}.log"
        self.process = self._up()

    def _up(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "pipeline", "up"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stderr=output,
            )

    @cached_property
    def database(self) -> Database:
        """The system of record."""
        return database(self.settings.database)

    def cli(
        self, *words: str, stdin: bytes | None = None, timeout: float = 180
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one verb of the command line."""
        return subprocess.run(
            [sys.executable, "-m", "pipeline", *words],
            cwd=ROOT,
            env=self.environment,
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
        )

    def json(self, *words: str, stdin: bytes | None = None) -> Report:
        """What one verb prints with --json.

        In this process where nothing is piped in: a new one spends seconds on imports.
        """
        if stdin is None:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                main([*words, "--json"], self.settings)
            said = printed.getvalue()
        else:
            said = self.cli(*words, "--json", stdin=stdin).stdout.decode()
        report: Report = json.loads(said)
        return report

    def wait_until_ready(self) -> None:
        """Block until `status` says ready."""
        wait(self.is_ready, READY_S, "no ready engine", self.tail)

    def is_ready(self) -> bool:
        """Whether `status` would say ready. Looked at often, and cheaper than all of `status`."""
        return is_ready(self.database, processes(self.settings.airline_home))

    def events(self) -> int:
        """How many events the record has."""
        with self.database.read() as connection:
            query = select(func.count()).select_from(schema.outbox)
            return int(connection.execute(query).scalar_one())

    def status(self) -> Report:
        """`status --json`, without a process of its own."""
        from pipeline.status import status

        return status(self.settings)

    def pid(self, name: str) -> int:
        """Process id of one child."""
        pids = {one["name"]: one["pid"] for one in self.status()["processes"]}
        return int(pids[name])

    def kill(self, name: str) -> int:
        """SIGKILL one child; returns its pid."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def settle(self, arm: Arm = "stream", seconds: float = 120) -> None:
        """Block until an arm has nothing pending."""
        wait(lambda: not pending(self.database, arm)["count"], seconds, f"{arm} did not settle")

    def tail(self) -> str:
        """The end of what the engine said."""
        return self.log.read_text(encoding="utf-8")[-2000:] if self.log.exists() else ""

    def stop(self) -> int:
        """SIGTERM, as `kill` or a closing terminal does; returns the exit code."""
        self.process.terminate()
        return self.process.wait(30)


@contextmanager
def running(home: Path, **environment: str) -> Iterator[Engine]:
    """An engine that is ready, stopped at the end."""
    engine = Engine(home, **environment)
    try:
        engine.wait_until_ready()
        yield engine
    finally:
        engine.stop()


def wait(
    done: Callable[[], object],
    seconds: float,
    what: str,
    more: Callable[[], str] = lambda: "",
) -> None:
    """Block until `done()` is true.

    Raises:
        AssertionError: it was not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"{what} {more()}"
        time.sleep(0.1)
