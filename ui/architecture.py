"""The drawing of both architectures: steps, edges, and which count stands on which edge. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ui.pulse import World

Part = dict[str, Any]


def _step(label: str, step: str, title: str) -> Part:
    return {"label": label, "step": step, "title": title}


def _edge(name: str, label: str, title: str) -> Part:
    return {"id": name, "label": label, "title": title}


DRAWING: Part = {
    "source": {
        "title": "System of record + outbox",
        "text": "Every event, in order, in the transaction of its effect.",
        "counts": [{"id": "recorded", "label": "recorded"}],
    },
    "lanes": [
        {
            "arm": "stream",
            "name": "☀ Enlightened: shift left",
            "note": "each event, as it happens",
            "chain": [
                _edge("published", "published", "acknowledged by the broker"),
                _step("Kafka topic", "hand-over", "keyed by entity, partitioned"),
                _edge("consumed", "consumed", "read by the stream worker"),
                _step("contract", "contract", "checked, masked"),
                _edge("passed", "passed", "met the contract"),
                _step("order", "deduplicate", "ledger, newest version"),
                _edge("changed", "changed", "the rest came too late to change anything"),
                _step("documents", "documents", "pure functions"),
                _edge("embedded", "embedded", "events whose documents have a vector"),
                _step("upsert", "searchable", "one commit a micro-batch"),
                _edge("stream_commits", "commits", "versions of the table, compactions included"),
                _step("context_stream", "ask", "LanceDB table"),
            ],
            "side": [
                {"id": "stream_dead", "label": "dead-letter topic"},
                {"id": "stream_documents", "label": "documents"},
                {"id": "stream_waiting", "label": "wait now"},
            ],
        },
        {
            "arm": "batch",
            "name": "☾ Benighted: batch",
            "note": "everything since the last run, when the schedule says so",
            "chain": [
                _edge("batch_waiting", "wait now", "recorded, taken by no run yet"),
                _step("schedule", "hand-over", "watermarks a source system") | {"waits": True},
                _edge("bronze", "rows", "dumped verbatim, over all runs"),
                _step("bronze", "contract", "nothing is parsed"),
                _edge("silver", "rows", "met the contract"),
                _step("silver", "deduplicate", "typed, deduplicated"),
                _edge("gold", "rows", "entities that changed, over all runs"),
                _step("gold", "documents", "joined customer context"),
                _edge("at_risk", "flagged", "customers flagged by the last run"),
                _step("reverse ETL", "reverse", "back into the record"),
                _edge("batch_commits", "commits", "versions of the table, compactions included"),
                _step("context_batch", "searchable", "LanceDB table"),
            ],
            "side": [
                {"id": "batch_dead", "label": "rejects in silver"},
                {"id": "batch_documents", "label": "documents"},
                {"id": "runs", "label": "runs"},
            ],
        },
    ],
    "sink": {
        "title": "One agent class, two instances; one judge",
        "text": "They differ in the table that they search.",
        "counts": [],
    },
}
"""What does not change while the page is open. An edge has an id, a node a step of `how.toml`."""


def counts(
    found: Mapping[str, Mapping[str, int]], world: World, tables: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Edge id -> what stands on it now.

    Args:
        found: as `counters.read` gives it.
        tables: as `status.tables` gives them.
    """
    log, stream, batch = found["log"], found["stream"], found["batch"]
    numbers: dict[str, int | None] = {
        "recorded": log["recorded"],
        "published": log["published"],
        "consumed": stream["consumed"],
        "passed": stream["consumed"] - stream["dead_letter"],
        "changed": stream["searchable"],
        "embedded": stream["searchable"],
        "stream_dead": stream["dead_letter"],
        "stream_waiting": max(0, log["recorded"] - stream["consumed"]),
        "batch_waiting": world.batch_waiting,
        "bronze": batch["bronze"],
        "silver": batch["silver"],
        "gold": batch["gold"],
        "at_risk": batch["at_risk"],
        "batch_dead": batch["dead_letter"],
        "runs": batch["runs"],
    }
    for arm in ("stream", "batch"):
        numbers[f"{arm}_documents"] = tables[f"context_{arm}"]["documents"]
        numbers[f"{arm}_commits"] = tables[f"context_{arm}"]["versions"]
    return {name: "–" if number is None else f"{number:,}" for name, number in numbers.items()}
