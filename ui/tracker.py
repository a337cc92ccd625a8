"""Where an event is now: its stages in both pipelines with measured times. Pure.

Stream: record -> topic -> validate -> embed -> searchable. Batch: record -> waits for its hour ->
extract -> bronze -> silver -> gold -> reverse ETL -> embed -> searchable.
"""

from __future__ import annotations

from typing import Any

from pipeline.batch.journal import SCHEDULED
from pipeline.batch.timetable import SYSTEMS
from ui import ages
from ui.answer_card import in_words
from ui.components import Parts, since, text, until, until_airline
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
_STORE = ("embed", "searchable", "rev. ETL", "gold", "search")
_ENDS = {"dead_letter": "threw it out after", "unchanged": "had nothing to change, after"}
_FOUND = {"dead_letter": "dead letter", "rejected": "rejected", "unchanged": "changed nothing"}


def way(journey: Row, run: Row | None, world: World, label: str) -> Row:
    """The content of the tracker.

    Args:
        journey: as `freshness.journey` gives it.
        run: the batch run that took the event or will, None while it waits for one.
        label: the event in words.
    """
    event = journey["event"]
    lanes = [_stream(event, journey["stream"]), _batch(event, journey["batch"], run, world)]
    for lane in lanes:
        _shorten(lane, journey[lane["arm"]])
    return {
        "title": [
            text("Where is "),
            text(kind_of(event), "strong") | {"title": label},
            text(" now? Fired "),
            since(event["recorded_at"], "strong"),
            text(" ago"),
        ],
        "lanes": lanes,
    }


def kind_of(event: Row) -> str:
    """An outbox row's type in words."""
    return "raw item" if event["type"] in ("", "raw") else in_words(event["type"])


def system(source: str) -> str:
    """A source system in words."""
    return source.strip("/")


def scope(run: Row) -> str:
    """Which source systems a batch run, a row of `batch_runs`, takes, in words."""
    scheduled = run["counts"].get(SCHEDULED)
    if scheduled is None:
        return "all sources"
    left_out = [source for source in SYSTEMS if source not in scheduled]
    if not left_out:
        return "all sources"
    if len(left_out) < len(scheduled):
        return f"all but {', '.join(map(system, left_out))}"
    return ", ".join(map(system, scheduled))


def detailed(journey: Row, run: Row | None, world: World) -> Row:
    """The content of the large tracker: each stage with its time on your watch, and what it took.

    The lanes are those of `way`; the ends say when each airline knew, or will know.
    """
    event, shown = journey["event"], way(journey, run, world, "")
    stream, batch = shown["lanes"]
    record = {"name": "record", "state": "done", "took": "✓", "title": "in the record", "grow": 1}
    stream |= {"name": "☀ Enlightened: by stream", "segments": [record, *stream["segments"]]}
    batch |= {"name": "☾ Benighted: by batch"}
    at = {"record": event["recorded_at"]}
    _stamp(stream, at | _at(dict(_columns(STREAM)), journey["stream"] or {}))
    times = _times(journey["batch"], run)
    _stamp(batch, at | {"waits": times.get("started_at")} | _at(dict(BATCH), times))
    for lane, progress in ((stream, journey["stream"]), (batch, journey["batch"])):
        if progress and progress["outcome"] in _FOUND:
            lane["segments"][-1]["at"] = progress["searchable_at"]
        lane["end"] = _verdict(lane["arm"], event, progress, run, world)
    title = [
        text("Its way, stage by stage: how long each took, and when it was done on your watch")
    ]
    return {"big": True, "title": title, "lanes": [stream, batch]}


def _columns(stages: tuple[tuple[str, str, str], ...]) -> list[tuple[str, str]]:
    return [(name, column) for name, column, _ in stages]


def _at(columns: dict[str, str], times: Row) -> Row:
    return {name: times.get(column) for name, column in columns.items()}


def _stamp(lane: Row, at: Row) -> None:
    for segment in lane["segments"]:
        segment["at"] = at.get(segment["name"])


def _shorten(lane: Row, progress: Row | None) -> None:
    """What became no document ends where it was found out, not in a store."""
    if progress is None or progress["outcome"] not in _FOUND:
        return
    done = [one for one in lane["segments"] if one["state"] == "done" and one["name"] not in _STORE]
    harmless = progress["outcome"] == "unchanged"
    state, sign = ("done", "=") if harmless else ("dead", "✕")
    last: Row = {"name": _FOUND[progress["outcome"]], "state": state, "took": sign}
    lane["segments"] = [*done, last | {"grow": len(lane["segments"]) - len(done)}]


def _verdict(arm: str, event: Row, progress: Row | None, run: Row | None, world: World) -> Parts:
    """When an airline knew of the event, or when it will: on your watch and on the airline's."""
    who = {"stream": "Enlightened", "batch": "Benighted"}[arm]
    if progress:
        took = ages.wall(progress["searchable_at"] - event["recorded_at"])
        what = _ENDS.get(progress["outcome"], "knew after")
        return [text(f"{who} {what} ", "quiet"), text(took)]
    if arm == "stream" or run:
        return [text(f"{who} is at it: "), since(event["recorded_at"])]
    due = world.next_run_of(event["source"]).timestamp()
    return [
        text(f"{who} will know ", "quiet"),
        until(due),
        text(" · ", "quiet"),
        until_airline(due),
        text(" airline time", "quiet"),
    ]


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
    waits: Row = {"name": "waits", "state": "todo", "grow": 3}
    waits["title"] = f"for the next batch that takes {system(event['source'])}"
    if run is None and progress is None:
        waits |= {"state": "now", "took": f"{world.batch_waiting:,} wait"}
        rest = [{"name": name, "state": "todo", "took": ""} for name, _ in BATCH]
        end = [until(world.next_run_of(event["source"]).timestamp())]
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
