"""`bench`: the figures, measured on this machine, each against a baseline of the same run.

It starts an engine of its own on a scratch folder and leaves a running demo alone. Events are the
replayed day's own, in their order. "Searchable" is what a watching third process finds by a query,
never what a writer says. Stop other work first: two busy cores make every figure a third worse.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from pipeline import events, outbox
from pipeline.documents import Document, documents
from pipeline.embed import Encoder, encoder
from pipeline.engine import processes, read_state
from pipeline.fire import Door
from pipeline.replay import Day
from pipeline.schema import Database
from pipeline.settings import ROOT, Settings
from pipeline.status import is_ready
from pipeline.store import COMPACT_EVERY, ContextStore, Embedded
from pipeline.stream import MICRO_BATCH

Figure = dict[str, Any]
"""{name, value, unit, must, baseline, ratio, repetitions}."""

READY_S = 90.0
SETTLE_S = 180.0


def bench(settings: Settings, *, repetitions: int, only: Sequence[str] | None = None) -> Figure:
    """Measure; returns {"machine": {...}, "figures": [Figure]}.

    Args:
        only: keys of `MEASURES`; None or empty: all.

    Raises:
        ValueError: there is no such measure, or nothing is to be repeated.
    """
    unknown = [name for name in only or () if name not in MEASURES]
    if unknown:
        raise ValueError(f"nothing measures {', '.join(unknown)}: --only {' '.join(MEASURES)}")
    if repetitions < 1:
        raise ValueError("--repetitions must be 1 or more")
    figures: list[Figure] = []
    for name, measure in MEASURES.items():
        if not only or name in only:
            _tell(f"measuring {name}")
            figures += measure(settings, repetitions)
    return {"machine": machine(settings), "figures": figures}


def machine(settings: Settings) -> dict[str, Any]:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    with Path("/proc/cpuinfo").open() if Path("/proc/cpuinfo").exists() else _nothing() as lines:
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else model,
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "embedder": settings.embedder,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def table(report: dict[str, Any]) -> str:
    """The report as a Markdown table with the machine under it."""
    lines = [
        "| figure | measured | baseline | ratio | must reach | repetitions |",
        "|---|---|---|---|---|---|",
    ]
    for one in report["figures"]:
        baseline = "" if one["baseline"] is None else f"{one['baseline']:g} {one['unit']}"
        ratio = "" if one["ratio"] is None else f"{one['ratio']:.2f}"
        lines.append(
            f"| {one['name']} | {one['value']:g} {one['unit']} | {baseline} | {ratio} "
            f"| {one['must']} | {one['repetitions']} |"
        )
    about = ", ".join(f"{name} {value}" for name, value in report["machine"].items())
    return "\n".join([*lines, "", about])


# --- an engine of our own -------------------------------------------------------------------------


@dataclass
class Lab:
    """A fresh engine on a scratch folder, and hands on it."""

    settings: Settings
    database: Database
    door: Door
    store: ContextStore
    model: Encoder
    day: Iterator[dict[str, Any]]

    def fire(self, count: int, rate: float | None) -> dict[int, float]:
        """Fire the day's next events, evenly at `rate` a second; sequence -> recorded_at."""
        fired: dict[int, float] = {}
        began = time.perf_counter()
        for number in range(count):
            if rate:
                time.sleep(max(0.0, began + number / rate - time.perf_counter()))
            one = self.door.fire(events.parse(next(self.day)))
            if one.changed:
                fired[one.sequence] = one.recorded_at
        self.door.settle()
        return fired


@contextmanager
def lab(settings: Settings) -> Iterator[Lab]:
    """Start an engine whose clock stands still, and wait until it is ready."""
    with tempfile.TemporaryDirectory(prefix="airline-bench-") as home, _engine(home):
        own = settings.model_copy(update={"airline_home": Path(home)})
        database = Database(own.database)
        _wait(lambda: is_ready(database, processes(Path(home))), READY_S, "the engine")
        yield _lab(own, database)
        database.close()


def _lab(own: Settings, database: Database) -> Lab:
    state = read_state(own.airline_home)
    assert state is not None
    return Lab(
        settings=own,
        database=database,
        door=Door(database, state["brokers"]),
        store=ContextStore(own.stores, "stream", own.embedder),
        model=encoder(own.embedder),
        day=iter(Day.read(database.get("world")).events),
    )


@contextmanager
def _engine(home: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {
        "AIRLINE_HOME": home,
        "AUTOPLAY": "false",
        "CLOCK_OPENS": "00:00",
        "KAFKA_BROKERS": "",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "up", "--with-parent"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,  # ours is the report's
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(15)


@contextmanager
def watcher(own: Settings) -> Iterator[Callable[[int], dict[int, float]]]:
    """A third process that queries the store; call with a version to wait for what it has seen."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.bench", own.stores, own.embedder],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    stdout = process.stdout
    stdout.readline()  # it says so once it looks
    seen: dict[int, float] = {}

    def wait_for(version: int) -> dict[int, float]:
        while version not in seen:
            found, at = stdout.readline().split()
            seen[int(found)] = float(at)
        return dict(seen)

    try:
        yield wait_for
    finally:
        process.terminate()
        process.wait(5)


def _watch(uri: str, embedder: str) -> None:
    """The watcher: at every new version of the table, a query for documents it has not seen.

    Asking for the version is a twentieth of the work of a query: a watcher that queried all the
    time would take a core from what it measures.
    """
    store = ContextStore(uri, "stream", embedder)
    newest = max((one.document.version for one in store.newer_than(0)), default=0)
    version = 0
    sys.stdout.write("looking\n")
    sys.stdout.flush()
    while True:
        if store.table.version == version:
            time.sleep(0.002)
            continue
        version = store.table.version
        # What a query returns was searchable when the query was sent.
        at = time.time()
        found = store.newer_than(newest)
        for one in found:
            sys.stdout.write(f"{one.document.version} {at}\n")
            newest = max(newest, one.document.version)
        sys.stdout.flush()


# --- the figures ----------------------------------------------------------------------------------


def _latency(settings: Settings, repetitions: int) -> list[Figure]:
    runs: dict[str, list[float]] = {}
    with lab(settings) as own:
        own.fire(50, 20)
        for _ in range(repetitions):
            bare = _bare_loop(own)
            runs.setdefault("bare", []).append(bare)
            for rate, count in ((5, 100), (50, 600)):
                values = _seen_after(own, count, rate)
                for name, percent in (("p50", 50), ("p95", 95)):
                    value = float(np.percentile(values, percent))
                    runs.setdefault(f"{rate}/s {name}", []).append(value)
    bare = statistics.median(runs["bare"])
    limits = {"5/s p50": 40, "5/s p95": 150, "50/s p50": 120, "50/s p95": 500}
    figures = [
        _figure(f"event to searchable, {name}", runs[name], "ms", f"<= {limit} ms", None)
        for name, limit in limits.items()
    ]
    figures.append(
        _figure(
            "event to searchable, 5/s p50 over a bare loop", runs["5/s p50"], "ms", "<= 2 x", bare
        )
    )
    return figures


def _seen_after(own: Lab, count: int, rate: float) -> list[float]:
    """Milliseconds from recorded to found by the watcher, one an event."""
    with watcher(own.settings) as wait_for:
        fired = own.fire(count, rate)
        seen = wait_for(max(fired))
    # A version that a newer one of the same document replaced before the watcher looked was
    # searchable no later than that one.
    newest_first = sorted(seen.items(), reverse=True)
    found = {}
    for sequence in fired:
        at = seen.get(sequence) or min(when for version, when in newest_first if version > sequence)
        found[sequence] = at
    return [(found[sequence] - recorded) * 1000 for sequence, recorded in fired.items()]


def _bare_loop(own: Lab, count: int = 100) -> float:
    """p50 ms of the same work with nothing around it: embed one passage, upsert one row."""
    with tempfile.TemporaryDirectory() as folder:
        store = ContextStore(folder, "stream", own.settings.embedder)
        known = own.store.contents()
        vectors = np.random.default_rng(1).normal(size=(len(known), 384))
        store.upsert([Embedded(one, row) for one, row in zip(known, vectors, strict=True)])
        store.compact()
        samples = [one for one in known if one.kind != "policy"][:: len(known) // count][:count]
        took = []
        for number, document in enumerate(samples):
            time.sleep(0.05)
            began = time.perf_counter()
            vector = own.model.encode([document.passage])[0]
            newer = _with_version(document, 1_000_000 + number)
            store.upsert([Embedded(newer, vector, {"recorded_at": time.time()})])
            took.append((time.perf_counter() - began) * 1000)
            store.compact_when_due()
    return statistics.median(took)


def _with_version(document: Document, version: int) -> Document:
    from dataclasses import replace

    return replace(document, version=version)


def _sustained(settings: Settings, repetitions: int) -> list[Figure]:
    ours, alone = [], []
    with lab(settings) as own:
        own.fire(50, 20)
        for _ in range(repetitions):
            with watcher(own.settings) as wait_for:
                fired = own.fire(1200, None)
                seen = wait_for(max(fired))
            first, last = min(fired.values()), seen[max(fired)]
            missing = _not_in_store(own, fired)
            if missing:
                raise RuntimeError(f"{missing} of {len(fired)} events were lost")
            ours.append(len(fired) / (last - first))
            alone.append(_embedder_alone(own, fired))
    return [
        _figure(
            "sustained rate, nothing lost",
            ours,
            "events/s",
            ">= 0.8 x the embedder alone",
            statistics.median(alone),
        )
    ]


def _not_in_store(own: Lab, fired: dict[int, float]) -> int:
    from pipeline import ledger

    return len(fired) - len(ledger.done(own.database, "stream", list(fired)))


def _embedder_alone(own: Lab, fired: dict[int, float]) -> float:
    """Events a second of the encoder with nothing else to do: every passage of those events."""
    passages = [
        document.passage
        for row in outbox.after(own.database, min(fired) - 1, limit=_NO_LIMIT)
        if row["sequence"] in fired
        for image in row["after"]
        for document in documents(image, version=row["sequence"], occurred_at=row["occurred_at"])
    ]
    began = time.perf_counter()
    for start in range(0, len(passages), MICRO_BATCH):
        own.model.encode(passages[start : start + MICRO_BATCH])
    return len(fired) / (time.perf_counter() - began)


_NO_LIMIT = 1_000_000


def _search(settings: Settings, repetitions: int) -> list[Figure]:
    worn, fresh = [], []
    for number in range(repetitions):
        with tempfile.TemporaryDirectory() as folder:
            store = ContextStore(folder, "stream", settings.embedder)
            rng = np.random.default_rng(number)
            # The last of them as many commits after a compaction as there can be.
            for place in range(5000 - 5000 % COMPACT_EVERY + COMPACT_EVERY - 1):
                store.upsert([Embedded(_made_up(place), rng.normal(size=384))])
                store.compact_when_due()
            worn.append(_search_ms(store, rng))
            store.compact()
            fresh.append(_search_ms(store, rng))
    return [
        _figure(
            "search after 5,000 single upserts",
            worn,
            "ms",
            "<= 1.5 x a compacted store",
            statistics.median(fresh),
        )
    ]


def _made_up(place: int) -> Document:
    customer = f"C{place % 1000:04}"
    text = f"Document {place} of customer {customer}."
    return Document(f"bench/{place}", "flight", (customer,), (), text, {}, "", place)


def _search_ms(store: ContextStore, rng: np.random.Generator, count: int = 60) -> float:
    took = []
    for _ in range(count):
        vector = rng.normal(size=384).astype(np.float32)
        began = time.perf_counter()
        store.search(vector, "C0001", 8)
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def _start(settings: Settings, repetitions: int) -> list[Figure]:
    seconds, resident = [], []
    for _ in range(repetitions):
        with tempfile.TemporaryDirectory(prefix="airline-bench-") as home:
            own = settings.model_copy(update={"airline_home": Path(home)})
            began = time.time()
            with _engine(home):
                database = Database(own.database)
                _wait(lambda: bool(database.get("loaded")), READY_S, "the world")  # noqa: B023
                _wait(lambda: read_state(own.airline_home) is not None, READY_S, "the broker")  # noqa: B023
                started = _lab(own, database)
                with watcher(own) as wait_for:
                    fired = started.fire(1, None)
                    seconds.append(wait_for(max(fired))[max(fired)] - began)
                _wait(lambda: is_ready(database, processes(own.airline_home)), READY_S, "")  # noqa: B023
                started.fire(200, 50)
                resident.append(sum(one["rss_mb"] for one in processes(own.airline_home)) / 1000)
                database.close()
    return [
        _figure("first start to first event searchable", seconds, "s", "<= 12 s", None),
        _figure("engine resident", resident, "GB", "<= 1.5 GB", None),
    ]


def _batch(settings: Settings, repetitions: int) -> list[Figure]:
    from pipeline.batch.schedule import request_run

    figures, whole, part = [], [], []
    with lab(settings) as own:
        for _ in range(repetitions):
            quarter = own.fire(1900, None)
            part.append(_run_seconds(request_run(own.database, timeout_s=600)) / len(quarter))
        del own
    for _ in range(repetitions):
        with lab(settings) as own:
            day = own.fire(7737, None)
            _wait(lambda: not _not_in_store(own, day), SETTLE_S, "the stream")  # noqa: B023
            whole.append(_run_seconds(request_run(own.database, timeout_s=600)))
            rows = len(day)
    figures.append(_figure("batch run over the whole day's log", whole, "s", "<= 90 s", None))
    per_thousand = [value / rows * 1000 for value in whole]
    figures.append(
        _figure(
            "batch seconds per 1,000 changed rows, whole day over a quarter of it",
            per_thousand,
            "s",
            "linear: about 1 x",
            statistics.median(part) * 1000,
        )
    )
    return figures


def _run_seconds(run: dict[str, Any]) -> float:
    return float(run["searchable_at"] - run["started_at"])


def _ask(settings: Settings, repetitions: int) -> list[Figure]:
    from agent.cli import bench_asks

    with lab(settings) as own:
        own.fire(1500, None)
        times = [bench_asks(own.settings) for _ in range(repetitions)]
    return [_figure("ask both arms, offline model, complete", times, "ms", "<= 150 ms", None)]


def _asking(settings: Settings, repetitions: int) -> list[Figure]:
    from agent.evals.asking import AT_ONCE, DOCUMENTS, asking

    with asking(settings) as customers:
        alone = [customers.alone() for _ in range(repetitions)]
        together = [customers.at_once() for _ in range(repetitions)]
    store = f"{DOCUMENTS:,} documents, offline model"
    at_once = f"{AT_ONCE} asks in parallel"
    rows = [
        (f"ask, {store}, first token p50", alone, "first_ms", "ms", "<= 60 ms"),
        (f"ask, {store}, complete p50", alone, "complete_ms", "ms", "<= 120 ms"),
        (f"{at_once}, answered", together, "answered", "asks", f"{AT_ONCE}, none lost"),
        (f"{at_once}, complete p50", together, "p50_ms", "ms", ""),
        (f"{at_once}, complete p95", together, "p95_ms", "ms", ""),
    ]
    return [
        _figure(name, [one[key] for one in found], unit, must, None)
        for name, found, key, unit, must in rows
    ]


def _model(_: Settings, repetitions: int) -> list[Figure]:
    from agent.evals.model_call import MUST_MS, overhead_ms

    found = [overhead_ms() for _ in range(repetitions)]
    return [
        _figure(
            "a model call through LiteLLM over a bare HTTP call to the same local server",
            [one["through_llm_ms"] for one in found],
            "ms",
            f"<= {MUST_MS:.0f} ms more",
            statistics.median(one["bare_ms"] for one in found),
        )
    ]


MEASURES: dict[str, Callable[[Settings, int], list[Figure]]] = {
    "start": _start,
    "latency": _latency,
    "sustained": _sustained,
    "search": _search,
    "ask": _ask,
    "asking": _asking,
    "model": _model,
    "batch": _batch,
}


def _figure(
    name: str, values: Sequence[float], unit: str, must: str, baseline: float | None
) -> Figure:
    value = statistics.median(values)
    return {
        "name": name,
        "value": float(f"{value:.3g}"),
        "unit": unit,
        "must": must,
        "baseline": None if baseline is None else float(f"{baseline:.3g}"),
        "ratio": None if baseline is None else round(value / baseline, 3),
        "repetitions": len(values),
    }


def _wait(done: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not get there in {seconds:.0f} s")
        time.sleep(0.02)


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")


@contextmanager
def _nothing() -> Iterator[list[str]]:
    yield []


if __name__ == "__main__":
    _watch(*sys.argv[1:])
