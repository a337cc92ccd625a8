"""Measurements by name, for the texts of `data/how.toml`: what a claim on the page rests on.

Pure: facts in, words out. What has not been measured yet says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.documents import mask
from pipeline.schema import Arm
from pipeline.settings import Settings
from ui import ages
from ui.pulse import World

UNKNOWN = "not measured yet"
SENTENCE = "I am ada@example.org, call +1 212 555 0142, my card is 4111 1111 1111 1111"
STREAM = ("stream", "relay", "broker", "aggregates")  # processes that are there for the stream
_NOUNS = {
    "flight": ("flight", "flights"),
    "booking": ("booking", "bookings"),
    "bag": ("bag", "bags"),
    "payment": ("payment", "payments"),
    "interaction": ("contact", "contacts"),
    "customer": ("customer", "customers"),
    "policy": ("policy", "policies"),
}
Row = dict[str, Any]
Words = dict[str, str]


@dataclass(frozen=True)
class Facts:
    """What is read for the page; each field as the function named gives it."""

    world: World
    counts: Mapping[str, Mapping[str, int]]  # counters.read
    waiting: Mapping[str, int]  # counters.waiting
    latency_ms: Mapping[Arm, Mapping[str, float | None]]  # freshness.percentiles
    last_batch: Row | None  # freshness.last_batch
    batch_airline_s: float  # freshness.staleness_airline
    processes: Sequence[Row]  # Load.look
    stores: Mapping[str, Row]  # status.sizes and status.tables, by name
    fields: Mapping[Arm, Mapping[str, Any]]  # SupportAgent.fields
    stopped: int  # actions that the guard has stopped
    guard: bool
    settings: Settings


def words(facts: Facts) -> Words:
    """Every measurement by the name that a text uses."""
    return {
        **_latency(facts),
        **_processes(facts),
        **_stores(facts),
        **_changes(facts),
        **_agent(facts),
        **_flow(facts),
    }


def _latency(facts: Facts) -> Words:
    world, last = facts.world, facts.last_batch or {}
    found = {
        f"{arm}_{name}": UNKNOWN if value is None else ages.milliseconds(value)
        for arm, values in facts.latency_ms.items()
        for name, value in values.items()
    }
    return found | {
        "batch_waited": _age(last.get("waited_s")),
        "batch_ran": _age(last.get("ran_s")),
        "batch_events": f"{last.get('events', 0):,}",
        "batch_behind": ages.wall(world.batch_s),
        "batch_behind_airline": ages.airline(facts.batch_airline_s),
        "stream_behind": ages.wall(world.behind_s),
        "interval": ages.airline(world.timetable.interval_h * 3600),
        "batch_keeps": ages.wall(
            world.timetable.interval_h * 3600 / world.clock.factor + last.get("ran_s", 0)
        ),
        "stream_events": f"{min(facts.counts['stream']['searchable'], 500):,}",
    }


def _processes(facts: Facts) -> Words:
    of_stream = [one for one in facts.processes if one["name"] in STREAM]
    of_batch = [one for one in facts.processes if one["name"] == "batch"]
    worker = next((one for one in facts.processes if one["name"] == "stream"), {})
    return {
        "stream_processes": {1: "One", 2: "Two", 3: "Three", 4: "Four"}.get(
            len(of_stream), str(len(of_stream))
        ),
        "stream_memory": _memory(of_stream),
        "batch_memory": _memory(of_batch),
        "stream_cpu": _mean_cpu(of_stream, facts.world.read_at),
        "batch_cpu": _mean_cpu(of_batch, facts.world.read_at),
        "restarts": str(sum(one["restarts"] for one in facts.processes)),
        "stream_pid": str(worker.get("pid", UNKNOWN)),
        "stream_restarts": str(worker.get("restarts", 0)),
    }


def _stores(facts: Facts) -> Words:
    held = facts.stores
    found: Words = {}
    for arm in ("stream", "batch"):
        store = held.get(f"context_{arm}", {})
        found[f"{arm}_versions"] = f"{store.get('versions') or 0:,}"
        found[f"{arm}_disk"] = _size([store])
        found[f"table_{arm}"] = f"context_{arm}"
    lake = [one for name, one in held.items() if name.startswith("lake/")]
    return found | {"lake_disk": _size(lake)}


def _changes(facts: Facts) -> Words:
    documents = facts.stores.get("context_stream", {}).get("documents") or 0
    changed = sum(facts.waiting.values())
    share = 1 - changed / documents if documents else 1.0
    kinds = [
        f"{number:,} {_NOUNS[kind][number != 1]}"
        for kind, number in list(facts.waiting.items())[:4]
    ]
    return {
        "documents": f"{documents:,}",
        "changed": f"{changed:,}",
        "changed_kinds": ", ".join(kinds) or "nothing changed",
        # Rounded down: all but one is not all.
        "right_share": f"{int(share * 1000) / 10:g}%",
    }


def _agent(facts: Facts) -> Words:
    one, other = facts.fields["batch"], facts.fields["stream"]
    differ = sorted(name for name in one if one[name] != other.get(name))
    names = ", ".join(f"{name} ({one[name]}, {other.get(name)})" for name in differ)
    return {
        "fields_total": str(len(one)),
        "fields_differ": str(len(differ)),
        "fields_names": names or "none",
        "stopped": str(facts.stopped),
        "guard": "on" if facts.guard else "off",
        "masked": mask(SENTENCE),
    }


def _flow(facts: Facts) -> Words:
    counts = facts.counts
    lag = counts["log"]["recorded"] - counts["stream"]["consumed"]
    return {
        "dead_letters": str(max(counts[arm]["dead_letter"] for arm in ("stream", "batch"))),
        "dead_stream": str(counts["stream"]["dead_letter"]),
        "dead_batch": str(counts["batch"]["dead_letter"]),
        "unchanged": f"{counts['stream']['unchanged']:,}",
        "lag": f"{max(0, lag):,}",
        "partitions": str(facts.settings.topic_partitions),
        "broker": facts.settings.kafka_brokers or "the embedded one",
    }


def _age(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else ages.wall(seconds)


def _memory(found: Sequence[Row]) -> str:
    return f"{sum(one['rss_mb'] for one in found):,.0f} MB" if found else UNKNOWN


def _mean_cpu(found: Sequence[Row], now: float) -> str:
    if not found:
        return UNKNOWN
    shares = [one["cpu_s"] / max(1.0, now - one["started_at"]) for one in found]
    return f"{sum(shares):.0%}"


def _size(found: Sequence[Row]) -> str:
    if not found or any(one.get("bytes") is None for one in found):
        return "a size that is not known here"
    return ages.bytes_(sum(one["bytes"] for one in found))
