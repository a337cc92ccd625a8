"""Where an event is now: its stages in both pipelines with measured times. Pure.

Stream: record -> topic -> validate -> embed -> searchable. Batch: record -> waits for its hour ->
extract -> bronze -> silver -> gold -> reverse ETL -> embed -> searchable.
"""

from __future__ import annotations

from typing import Any

from ui import ages
from ui.answer_card import in_words
from ui.components import Parts, since, text, until
from ui.pulse import World

Row = dict[str, Any]
STREAM = (
    ("topic", "consumed_at", "recorded, published to the topic, consumed"),
    ("validate", "validated_at", "contract checked, masked, made a document"),
    ("embed", "embedded_at", "vector made"),
    ("searchable", "searchable_at", "upserted: a search from another process finds it"),
)
BATCH = (
    ("extract", "extracted_at"),
    ("bronze", "bronze_at"),
    ("silver", "silver_at"),
    ("gold", "gold_at"),
    ("rev. ETL", "reverse_etl_at"),
    ("embed", "embedded_at"),
    ("search", "searchable_at"),
)
_FOUND = {"dead_letter": "dead letter", "rejected": "rejected", "unchanged": "changed nothing"}


def way(journey: Row, run: Row | None, world: World, label: str) -> Row:
    """The content of the tracker.

    Args:
        journey: as `freshness.journey` gives it.
        run: the batch run that took the event or will, None while it waits for one.
        label: the event in words.
    """
    event = journey["event"]
    kind = in_words(event["type"]) if event["type"] else "raw item"
    return {
        "title": [
            text("Where is "),
            text(kind, "strong") | {"title": label},
            text(" now? Fired "),
            since(event["recorded_at"], "strong"),
            text(" ago"),
        ],
        "lanes": [_stream(event, journey["stream"]), _batch(event, journey["batch"], run, world)],
    }


def untold() -> Row:
    """The content before this session has fired anything: the two ways, and what to do."""
    stream = [{"name": name, "title": title, "state": "todo"} for name, _, title in STREAM]
    batch = [{"name": name, "state": "todo"} for name in ("record", "waits", *dict(BATCH))]
    return {
        "title": [text("Fire an event: here you see where it is")],
        "lanes": [
            {"arm": "stream", "name": "☀ stream", "segments": stream, "end": []},
            {"arm": "batch", "name": "☾ batch", "segments": batch, "end": []},
        ],
    }


def _stream(event: Row, progress: Row | None) -> Row:
    segments: list[Row] = []
    before = event["recorded_at"]
    for name, column, title in STREAM:
        at = (progress or {}).get(column)
        state = "done" if at else "now" if progress is None and not segments else "todo"
        segments.append(
            {"name": name, "title": title, "state": state, "took": _took(before, at), "grow": 1}
        )
        before = at or before
    end: Parts = [text("on its way")]
    if progress:
        end = _end(progress, event["recorded_at"])
    return {"arm": "stream", "name": "☀ stream", "segments": segments, "end": end}


def _batch(event: Row, progress: Row | None, run: Row | None, world: World) -> Row:
    recorded = {"name": "record", "state": "done", "took": "✓", "title": "in the record"}
    waits: Row = {"name": "waits", "state": "todo", "grow": 3, "title": "for the next batch"}
    if run is None and progress is None:
        waits |= {"state": "now", "took": f"{world.batch_waiting} wait"}
        rest = [{"name": name, "state": "todo", "took": ""} for name, _ in BATCH]
        end = [until(world.next_run.timestamp())]
        return {"arm": "batch", "name": "☾ batch", "segments": [recorded, waits, *rest], "end": end}
    times = _times(progress, run)
    started = times.get("started_at") or times.get("extracted_at") or event["recorded_at"]
    waits |= {"state": "done", "took": ages.wall(started - event["recorded_at"])}
    segments, before, reached = [recorded, waits], started, True
    for name, column in BATCH:
        at = times.get(column)
        state = "done" if at else "now" if reached else "todo"
        segments.append({"name": name, "state": state, "took": _took(before, at)})
        before, reached = at or before, bool(at)
    end = _end(progress, event["recorded_at"]) if progress else [text("batch runs")]
    return {"arm": "batch", "name": "☾ batch", "segments": segments, "end": end}


def _times(progress: Row | None, run: Row | None) -> Row:
    """Stage times: the ledger's where the run is over, else those of the run under way."""
    known = {name: value for name, value in (run or {}).items() if name.endswith("_at")}
    return known | {name: value for name, value in (progress or {}).items() if value is not None}


def _end(progress: Row, recorded_at: float) -> Parts:
    took = ages.wall(progress["searchable_at"] - recorded_at)
    found = _FOUND.get(progress["outcome"])
    return [text(f"{found}, {took}" if found else f"✓ {took}")]


def _took(before: float, at: float | None) -> str:
    return "" if at is None else ages.milliseconds((at - before) * 1000)
