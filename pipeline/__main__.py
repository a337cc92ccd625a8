"""Command line: `python -m pipeline VERB`. Wiring only; see each verb's module for the work.

Exit codes: 0 fine, 1 failed, 2 wrong words.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipeline import engine
from pipeline.engine import EngineError
from pipeline.events import ContractError
from pipeline.settings import Settings, settings

Report = dict[str, Any]


class Failed(RuntimeError):
    """A verb that did not do its work. `report` is what --json prints."""

    def __init__(self, message: str, report: Report | None = None) -> None:
        super().__init__(message)
        self.report = report or {"error": message}


def main(arguments: list[str] | None = None, chosen: Settings | None = None) -> int:
    """Run one verb and return its exit code.

    Args:
        arguments: None: those of the command line.
        chosen: None: the settings of the environment.
    """
    words = _parser().parse_args(arguments)
    try:
        report = words.run(words, chosen or settings())
    except Failed as failed:
        _print(failed.report if words.json else None, f"{words.verb}: {failed}", sys.stderr)
        return 1
    except (EngineError, ContractError, ValueError, OSError) as failed:
        _print(
            {"error": str(failed)} if words.json else None, f"{words.verb}: {failed}", sys.stderr
        )
        return 1
    except KeyboardInterrupt:
        return 130
    if report is not None:
        _print(report if words.json else None, words.show(report), sys.stdout)
    return 0


def _print(report: Report | None, text: str, to: Any) -> None:
    if report is not None:
        print(json.dumps(report, ensure_ascii=False, default=str))
    elif text:
        print(text, file=to)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline",
        description="One airline, fed twice: by stream and by batch. Start with `up`, then `fire` "
        "an event and `ask` both agents.",
        epilog="State lives in AIRLINE_HOME (default .airline). Every setting: .env.example.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(
        name: str, run: Callable[..., Any], show: Callable[[Report], str], text: str
    ) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=text, description=text)
        made.add_argument("--json", action="store_true", help="print one JSON object")
        made.set_defaults(run=run, show=show)
        return made

    _engine_verbs(verb)
    _agent_verbs(verb)
    child = verbs.add_parser("child")
    child.add_argument("name")
    child.set_defaults(run=_child, show=str, json=False)
    return parser


def _engine_verbs(verb: Callable[..., argparse.ArgumentParser]) -> None:
    """The verbs on the engine and its world."""
    up = verb("up", _up, str, "run the engine until Ctrl-C: broker, relay, stream, batch, replay")
    up.add_argument("--with-parent", action="store_true", help="stop when standard input ends")

    verb("stream", _stream, str, "run one more stream worker in this engine's consumer group")

    load = verb("load", _load, _show_load, "replace the world by the one in a folder")
    load.add_argument("folder", type=Path, help="world folder, see data/README.md")
    load.add_argument("--at", help="start of the airline clock, RFC 3339 (default: 00:00)")
    load.add_argument("--rebase", action="store_true", help="move the first day to today")

    fire = verb("fire", _fire, _show_fire, "fire one event, or a file of events")
    fire.add_argument("type", nargs="?", help="event type, such as flight.cancelled")
    fire.add_argument("subject", nargs="?", help="subject, such as flight/EA204/2026-11-21")
    fire.add_argument("--data", default="{}", help="payload, a JSON object")
    fire.add_argument("--time", help="when it happened, RFC 3339 (default: the airline clock)")
    fire.add_argument("--file", type=Path, help="CloudEvents, one JSON object a line; - is stdin")
    fire.add_argument("--rate", type=float, help="events a second from --file")
    fire.add_argument("--speed", type=float, help="--file at its own pace, so many times faster")
    fire.add_argument("--raw", action="store_true", help="bytes of a foreign feed, kept if broken")

    batch = verb("batch", _batch, _show_batch, "run the batch now and wait for it")
    batch.add_argument("--timeout", type=float, default=600.0, help="seconds to wait at most")

    timetable = verb("timetable", _timetable, _show_timetable, "how often the batch runs")
    timetable.description = (
        "Show every how many airline hours the batch extracts each source system, or change it. "
        "A source system follows the others until it gets an interval of its own."
    )
    timetable.add_argument(
        "every", nargs="?", help="hours, 1/60 to 24 (nightly); with --source also: rest"
    )
    timetable.add_argument("--source", help="of this source system alone, such as /flight-ops")

    verb("status", _status, _show_status, "freshness, processes and counts; exit 1 until ready")
    bench = verb("bench", _bench, _show_bench, "measure the figures; stop other work first")
    bench.add_argument("--repetitions", type=int, default=3)
    bench.add_argument("--only", nargs="*", help="such as latency, search, asking")
    verb("reset", _reset, _show_reset, "return to the starting state; the engine runs on")
    out = verb("export", _export, _show_export, "write the state of the demo to one file")
    out.description = (
        "Everything as it is now: record, outbox, ledger, both context tables with their "
        "versions, lake, clock and intervals. No key and nothing of .env. The engine runs on."
    )
    out.add_argument("file", type=Path, help="a new file, such as monday.zip")
    into = verb("import", _import, _show_import, "go on from the state in a file")
    into.description = (
        "Replace the state by that of a file made by `export`, on this machine or another. The "
        "file is checked first; the engine runs on, or is started afterwards."
    )
    into.add_argument("file", type=Path)


def _agent_verbs(verb: Callable[..., argparse.ArgumentParser]) -> None:
    """The verbs on the agents."""
    ask = verb("ask", _ask, _show_ask, "ask the agents one question")
    ask.add_argument("question", nargs="?", default="", help="may be left out with a picture")
    ask.add_argument("--picture", type=Path, help="photo of a boarding pass or a bag tag")
    ask.add_argument("--customer", required=True, help="customer id, such as C0001")
    ask.add_argument("--arm", choices=("batch", "stream", "both"), default="both")
    ask.add_argument("--model", help="LiteLLM model string (default: AGENT_MODEL)")

    chat = verb("chat", _chat, str, "talk to the agents; what needs a yes gets it here")
    chat.description = (
        "A customer's conversation with both agents, or one. Type at the prompt, or pipe one "
        "question a line; 'yes, do it' answers an agent that asks. /help lists the presenter's "
        "commands, Ctrl-D leaves. With --json: one object a question, in the shape of `ask`."
    )
    chat.add_argument("--customer", required=True, help="customer id, such as C0001")
    chat.add_argument("--arm", choices=("batch", "stream", "both"), default="both")
    chat.add_argument("--model", help="LiteLLM model string (default: AGENT_MODEL)")
    chat.add_argument("--guard", choices=("on", "off"), help="first switch the guard; see `guard`")

    guard = verb("guard", _guard, _show_guard, "the stale-ground guard: refuse outdated actions")
    guard.description = (
        "With the guard on, an action on context older than the record is refused. Off, the "
        "damage happens in the record, and is counted. It holds for the whole engine, until "
        "it is switched again."
    )
    guard.add_argument("state", nargs="?", choices=("on", "off", "show"), default="show")

    score = verb("scorecard", _scorecard, _show_scorecard, "ask both agents many questions")
    score.add_argument("--customers", type=int, default=25, help="how many customers to ask for")


# --- the engine -----------------------------------------------------------------------------------


def _up(words: argparse.Namespace, settings: Settings) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    supervisor = engine.Supervisor(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _interrupt())
    with supervisor.lock():
        if words.with_parent:
            _stop_when_input_ends()
        try:
            _tell("starting the broker")
            supervisor.start_broker()
            record = _open_record(settings, supervisor.brokers)
            # The stream worker needs seconds for its libraries and its model: it gets ready while
            # the world is loaded, and waits for it.
            supervisor.start("stream")
            _load_first_world(settings, record)
            supervisor.start("relay", "batch", "replay", "aggregates")
            _tell(f"the engine is up: broker {supervisor.brokers}, state {settings.airline_home}")
            supervisor.watch()
        except KeyboardInterrupt:
            _tell("stopping")
        finally:
            supervisor.shut_down()


def _interrupt() -> None:
    raise KeyboardInterrupt


def _stop_when_input_ends() -> None:
    import threading

    def watch() -> None:
        # Not through sys.stdin: its lock, held by this thread at exit, is fatal to the interpreter.
        while os.read(sys.stdin.fileno(), 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _open_record(settings: Settings, brokers: str) -> Any:
    """The record of this state folder, and the topics that its events go to."""
    from pipeline.broker import Admin
    from pipeline.children import CHILDREN
    from pipeline.schema import SCHEMA, database

    Admin(brokers).ensure_topics(settings.topic_partitions)
    _mend_import(settings)
    record = database(settings.database)
    if record.get("loaded") and record.get("schema") != SCHEMA:
        raise Failed(
            f"{settings.airline_home} was made by another version of this program: delete that "
            "folder, or set AIRLINE_HOME to another one"
        )
    for name in CHILDREN:
        record.put(f"ready/{name}", None)
    return record


def _mend_import(settings: Settings) -> None:
    """Bring an import to an end that was cut off. The supervisor seldom needs its libraries."""
    if (settings.airline_home / "import.tmp").exists():
        from pipeline.snapshot import mend

        mend(settings)


def _load_first_world(settings: Settings, record: Any) -> None:
    """Load the world of the settings if this state folder has none yet."""
    import subprocess

    if record.get("loaded"):
        return
    _tell(f"loading the world in {settings.world}")
    # In a process of its own: the libraries that a load needs would stay in this one for good.
    loading = [sys.executable, "-m", "pipeline", "load", str(settings.world), "--rebase"]
    if subprocess.run(loading, check=False).returncode:
        raise Failed("the world could not be loaded; see above")


def _child(words: argparse.Namespace, settings: Settings) -> None:
    from pipeline.children import run

    run(words.name, settings)


def _stream(_: argparse.Namespace, settings: Settings) -> None:
    from pipeline.children import run

    engine.brokers_of(settings)
    run("stream", settings, supervised=False)


# --- the world ------------------------------------------------------------------------------------


def _replay_files(settings: Settings) -> list[Path]:
    return sorted(settings.replay.glob("????-??-??.jsonl"))


def _start(settings: Settings, at: datetime | None = None) -> Any:
    from pipeline.loading import Start

    hours, minutes = map(int, settings.clock_opens.split(":"))
    return Start(
        at=at,
        factor=settings.clock_factor,
        paused=not settings.autoplay,
        batch_interval_h=settings.batch_interval_h,
        opens_after=timedelta(hours=hours, minutes=minutes),
    )


def _load_world(
    settings: Settings, folder: Path, *, at: datetime | None, rebase: bool, replay: list[Path]
) -> int:
    from pipeline import loading
    from pipeline.children import open_state
    from pipeline.embed import encoder

    zone = ZoneInfo(settings.home_zone)

    def progress(done: int, all_of_them: int) -> None:
        width = 40 * done // all_of_them
        bar = "#" * width + "." * (40 - width)
        if sys.stderr.isatty():
            end = "\n" if done == all_of_them else ""
            print(f"\rembedding [{bar}] {done}/{all_of_them}", end=end, file=sys.stderr, flush=True)
        elif done == all_of_them or done % 1024 == 0:
            _tell(f"embedding {done}/{all_of_them}")

    source = loading.Source(folder, zone, datetime.now(zone) if rebase else None, replay)
    return loading.load(
        open_state(settings), source, encoder(settings.embedder), _start(settings, at), progress
    )


def _load(words: argparse.Namespace, settings: Settings) -> Report:
    from pipeline.clock import from_rfc3339

    at = from_rfc3339(words.at) if words.at else None
    own_events = words.folder / "events.jsonl"
    replay = [own_events.resolve()] if own_events.exists() else []
    if words.folder.resolve() == settings.world.resolve():
        replay = _replay_files(settings)
    count = _load_world(settings, words.folder, at=at, rebase=words.rebase, replay=replay)
    return {"world": words.folder.name, "documents": count}


def _show_load(report: Report) -> str:
    return f"loaded {report['world']}: {report['documents']} documents in both stores"


def _loaded(settings: Settings) -> Any:
    """The record, once there is a world in it."""
    from pipeline.schema import database

    record = database(settings.database)
    if not record.get("loaded"):
        raise Failed("no world is loaded yet: start the engine first")
    return record


def _reset(_: argparse.Namespace, settings: Settings) -> Report:
    from pipeline import loading
    from pipeline.children import open_state

    began = time.perf_counter()
    _loaded(settings)
    state = open_state(settings)
    fingerprint = loading.reset(state, _start(settings))
    return {"fingerprint": fingerprint, "seconds": round(time.perf_counter() - began, 2)}


def _show_reset(report: Report) -> str:
    return f"back at the start in {report['seconds']} s, fingerprint {report['fingerprint'][:12]}"


def _export(words: argparse.Namespace, settings: Settings) -> Report:
    from pipeline import snapshot

    began = time.perf_counter()
    manifest = snapshot.save(settings, words.file, _telling())
    took = {"seconds": round(time.perf_counter() - began, 2), "bytes": words.file.stat().st_size}
    return manifest.model_dump(mode="json") | took


def _import(words: argparse.Namespace, settings: Settings) -> Report:
    from pipeline import snapshot

    began = time.perf_counter()
    manifest = snapshot.restore(settings, words.file, _telling())
    return manifest.model_dump(mode="json") | {"seconds": round(time.perf_counter() - began, 2)}


def _telling() -> Callable[[str, float], None]:
    """Says each step of a long work once."""
    said: list[str] = []

    def tell(what: str, _share: float) -> None:
        if said[-1:] != [what]:
            said.append(what)
            _tell(what)

    return tell


def _show_export(report: Report) -> str:
    return (
        f"wrote {_held(report)}: {report['bytes'] / 1e6:,.1f} MB, {report['size'] / 1e6:,.1f} MB "
        f"unpacked, in {report['seconds']} s"
    )


def _show_import(report: Report) -> str:
    return f"brought in {_held(report)}, in {report['seconds']} s"


def _held(report: Report) -> str:
    counts = report["counts"]
    return (
        f"{report['world']} at {report['airline_time']} airline time, {counts['events']} events, "
        f"{counts['runs']} batch runs"
    )


# --- events ---------------------------------------------------------------------------------------


def _fire(words: argparse.Namespace, settings: Settings) -> Report:
    from pipeline.fire import Door
    from pipeline.schema import database

    door = Door(database(settings.database), engine.brokers_of(settings))
    lines = _lines(words, door)
    report: Report = {"accepted": 0, "duplicates": 0, "refused": []}
    for number, line in _paced(lines, words.rate, words.speed):
        _fire_line(door, number, line, words.raw, report)
    waiting = door.settle()
    if waiting:
        report["unpublished"] = waiting  # recorded all the same; the relay publishes them
    if report["refused"] and not words.file:
        breach = report["refused"][0]
        raise Failed(f"refused: {breach['field']}: {breach['reason']}", report)
    if report["refused"]:
        raise Failed(_show_fire(report), report)
    return report


def _lines(words: argparse.Namespace, door: Any) -> Iterator[tuple[int, bytes]]:
    from pipeline.clock import to_rfc3339
    from pipeline.events import source_of

    if words.file:
        file = sys.stdin.buffer if str(words.file) == "-" else words.file.open("rb")
        with file:
            yield from ((n, line) for n, line in enumerate(file, start=1) if line.strip())
        return
    if words.raw:
        yield 1, (words.type or "").encode("utf-8", "surrogateescape")
        return
    if not (words.type and words.subject):
        raise Failed("name a type and a subject, or --file")
    import uuid

    try:
        data = json.loads(words.data)
    except ValueError as bad:
        raise Failed(f"--data is not JSON: {bad}") from None
    try:
        source = source_of(words.type)
    except KeyError:
        source = "/web"  # the contract check names the unknown type and the known ones
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": source,
        "type": words.type,
        "subject": words.subject,
        "time": words.time or to_rfc3339(door.now()),
        "data": data,
    }
    yield 1, json.dumps(event).encode()


def _paced(
    lines: Iterator[tuple[int, bytes]], rate: float | None, speed: float | None
) -> Iterator[tuple[int, bytes]]:
    began, first = time.monotonic(), None
    for count, (number, line) in enumerate(lines):
        if rate:
            time.sleep(max(0.0, began + count / rate - time.monotonic()))
        elif speed:
            at = _event_time(line)
            first = first or at
            if at and first:
                due = began + (at - first).total_seconds() / speed
                time.sleep(max(0.0, due - time.monotonic()))
        yield number, line


def _event_time(line: bytes) -> datetime | None:
    from pipeline.clock import from_rfc3339

    try:
        return from_rfc3339(json.loads(line)["time"])
    except (ValueError, KeyError, TypeError):
        return None


def _fire_line(door: Any, number: int, line: bytes, raw: bool, report: Report) -> None:
    from pipeline.clock import to_rfc3339
    from pipeline.events import json_object, parse

    try:
        if raw:
            outcome = door.fire_raw(line.rstrip(b"\n"))
            report["accepted"] += 1
            if outcome.breach:
                report["kept_raw"] = report.get("kept_raw", 0) + 1
            return
        fields = json_object(line)
        fields.setdefault("time", to_rfc3339(door.now()))
        recorded = door.fire(parse(fields))
    except ContractError as breach:
        report["refused"].append({"line": number, "field": breach.field, "reason": breach.reason})
        return
    report["accepted"] += 1
    report["duplicates"] += recorded.duplicate


def _show_fire(report: Report) -> str:
    text = f"{report['accepted']} accepted"
    if report["duplicates"]:
        text += f" ({report['duplicates']} were known already)"
    if report.get("kept_raw"):
        text += f", {report['kept_raw']} kept raw: they break the contract"
    if report.get("unpublished"):
        text += f", {report['unpublished']} wait for the broker"
    for breach in report["refused"]:
        text += f"\nline {breach['line']} refused: {breach['field']}: {breach['reason']}"
    return text


def _batch(words: argparse.Namespace, settings: Settings) -> Report:
    from pipeline.batch.schedule import request_run
    from pipeline.schema import database

    engine.brokers_of(settings)
    run = request_run(database(settings.database), timeout_s=words.timeout)
    if run.get("error"):
        raise Failed(run["error"], run)
    return run


def _show_batch(report: Report) -> str:
    return json.dumps(report, indent=2, default=str)


def _timetable(words: argparse.Namespace, settings: Settings) -> Report:
    from pipeline.batch import sources
    from pipeline.control import clock

    record = _loaded(settings)
    if words.every is not None:
        rest = words.every == "rest" and words.source
        sources.set_interval(record, None if rest else _hours(words.every), words.source)
    elif words.source:
        raise Failed(f"name an interval for {words.source}: hours, or rest")
    return {
        "interval_h": sources.timetable(record, settings).interval_h,
        "sources": sources.overview(record, settings, clock(record).now()),
    }


def _hours(text: str) -> float:
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError):
        raise Failed(f"{text!r} is no number of hours, such as 6, 0.5 or 1/4") from None


def _show_timetable(report: Report) -> str:
    lines = [f"every {report['interval_h']:g} h, but for those marked *"]
    for one in report["sources"]:
        lines.append(
            f"{'*' if one['own'] else ' '} {one['source']:<14} {one['interval_h']:>6.4g} h  "
            f"next {one['next_run']}  last {one['last_run'] or 'never':<24}  "
            f"{one['waiting']} waiting"
        )
    return "\n".join(lines)


# --- questions ------------------------------------------------------------------------------------


def _ask(words: argparse.Namespace, settings: Settings) -> Report:
    from agent.cli import ask

    if not (words.question or words.picture):
        _parser().error("ask takes a question, a --picture, or both")
    asked = (words.question, words.customer, words.arm, words.model, words.picture)
    report: Report = ask(settings, *asked)
    return report


def _show_ask(report: Report) -> str:
    from agent.cli import show_ask

    return str(show_ask(report))


def _chat(words: argparse.Namespace, settings: Settings) -> None:
    from agent.chat import Opening, chat
    from agent.cli import guard_switch

    if words.guard:
        guard_switch(settings, words.guard)
    chat(settings, Opening(words.customer, words.arm, words.model), as_json=words.json)


def _guard(words: argparse.Namespace, settings: Settings) -> Report:
    from agent.cli import guard_switch

    report: Report = guard_switch(settings, words.state)
    return report


def _show_guard(report: Report) -> str:
    from agent.cli import show_guard

    return str(show_guard(report))


def _scorecard(words: argparse.Namespace, settings: Settings) -> Report:
    from agent.cli import scorecard

    report: Report = scorecard(settings, words.customers)
    return report


def _show_scorecard(report: Report) -> str:
    from agent.cli import show_scorecard

    return str(show_scorecard(report))


# --- measuring ------------------------------------------------------------------------------------


def _status(_: argparse.Namespace, settings: Settings) -> Report:
    from pipeline.status import status

    report = status(settings)
    if not report["ready"]:
        raise Failed(_show_status(report), report)
    return report


def _show_status(report: Report) -> str:
    from pipeline.status import show

    return show(report)


def _bench(words: argparse.Namespace, settings: Settings) -> Report:
    from pipeline.bench import bench

    return bench(settings, repetitions=words.repetitions, only=words.only)


def _show_bench(report: Report) -> str:
    from pipeline.bench import table

    return table(report)


if __name__ == "__main__":
    sys.exit(main())
