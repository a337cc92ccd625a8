"""`status`: one look at the engine, its arms and its processes, from what they wrote themselves."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from pipeline import freshness, schema
from pipeline.batch import sources
from pipeline.clock import to_rfc3339
from pipeline.control import clock
from pipeline.engine import processes
from pipeline.schema import ARMS, Database, database
from pipeline.settings import Settings
from pipeline.store import ContextStore

CHILDREN = ("relay", "stream", "batch", "replay", "aggregates")
Report = dict[str, Any]


def status(settings: Settings) -> Report:
    """The `status` object of the command line's contract."""
    running = processes(settings.airline_home)
    record = database(settings.database)
    report: Report = {"ready": False, "airline_time": None, "arms": {}, "processes": running}
    if not record.get("loaded"):
        return report
    state = clock(record)
    report["airline_time"] = to_rfc3339(state.now())
    report["arms"] = {"stream": _stream(settings, record), "batch": _batch(settings, record)}
    report["dead_letters"] = dead_letter_count(record)
    report["events"] = _count(record, schema.outbox)
    report["ready"] = is_ready(record, running)
    return report


def is_ready(record: Database, running: list[dict[str, Any]]) -> bool:
    """Whether every child of the engine does its work: an event fired now will be seen."""
    alive = {one["name"]: one["pid"] for one in running}
    return bool(record.get("loaded")) and all(
        name in alive and record.get(f"ready/{name}") == alive[name] for name in CHILDREN
    )


def tables(stores: Sequence[ContextStore]) -> dict[str, Report]:
    """What each context store holds: {name: {documents, versions, fragments}}."""
    return {
        one.table.name: {
            "documents": one.count(),
            "versions": one.versions(),
            "fragments": one.fragments(),
        }
        for one in stores
    }


def sizes(settings: Settings) -> dict[str, Report]:
    """What each store takes in the state folder, old versions included: {name: {files, bytes}}.

    The stores are both context tables, the three layers of the lake, and the record; None where
    one lies elsewhere.
    """
    found: dict[str, Report] = {}
    for arm in ARMS:
        place = Path(settings.stores) / f"context_{arm}.lance"
        found[place.stem] = _size(None if "://" in settings.stores else place)
    for layer in ("bronze", "silver", "gold"):
        found[f"lake/{layer}"] = _size(*settings.lake.glob(f"epoch=*/{layer}"))
    # With SQLite's write-ahead log.
    files = settings.airline_home.glob("record.sqlite*")
    found["record"] = _size(None) if settings.database_url else _size(*files)
    return found


def _size(*places: Path | None) -> Report:
    """{files, bytes} of files and folders; None of a place that is elsewhere."""
    files = bytes_ = 0
    folders = [place for place in places if place is not None]
    if len(folders) < len(places):
        return {"files": None, "bytes": None}
    while folders:
        here = folders.pop()
        with contextlib.suppress(OSError):  # a compaction or a run has just deleted it
            if here.is_file():
                files, bytes_ = files + 1, bytes_ + here.stat().st_size
                continue
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.is_dir():
                        folders.append(Path(entry.path))
                    else:
                        files, bytes_ = files + 1, bytes_ + entry.stat().st_size
    return {"files": files, "bytes": bytes_}


def dead_letter_count(record: Database) -> int:
    """Raw items and events that broke the contract, found by either arm."""
    with record.read() as connection:
        query = select(func.count(schema.dead_letters.c.sequence.distinct()))
        return int(connection.execute(query).scalar_one())


def _count(record: Database, table: Any) -> int:
    with record.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _stream(settings: Settings, record: Database) -> Report:
    return {
        "staleness_s": round(freshness.staleness(record, "stream"), 3),
        "latency_ms": freshness.percentiles(freshness.latencies_ms(record, "stream")),
        "documents": ContextStore(settings.stores, "stream", settings.embedder).count(),
        "lag": freshness.pending(record, "stream")["count"],
    }


def _batch(settings: Settings, record: Database) -> Report:
    state = clock(record)
    last = record.get("batch") or {}
    upcoming = sources.timetable(record, settings).next_run(state.now())
    return {
        "staleness_s": round(freshness.staleness(record, "batch"), 3),
        "staleness_airline_s": round(freshness.staleness_airline(record, "batch", state), 1),
        "last_run": last.get("last_run"),
        "next_run": to_rfc3339(upcoming),
        "documents": ContextStore(settings.stores, "batch", settings.embedder).count(),
        "lag": freshness.pending(record, "batch")["count"],
        "sources": sources.overview(record, settings, state.now()),
    }


def show(report: Report) -> str:
    """The status as a few lines of text."""
    lines = [f"{'ready' if report['ready'] else 'not ready'}, airline {report['airline_time']}"]
    for arm, values in report["arms"].items():
        plain = {name: value for name, value in values.items() if name != "sources"}
        shown = ", ".join(f"{name} {value}" for name, value in plain.items())
        lines.append(f"{arm:<8}{shown}")
    if "dead_letters" in report:
        lines.append(f"events  {report['events']}, dead letters {report['dead_letters']}")
    for one in report["processes"]:
        lines.append(
            f"  {one['name']:<11} pid {one['pid']:<8} restarts {one['restarts']:<3} "
            f"{one['rss_mb']:.0f} MB"
        )
    return "\n".join(lines)
