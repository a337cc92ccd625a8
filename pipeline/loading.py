"""Loading a world and returning to it: the record, both stores, the clock, all to one known state.

`load` is the only way a world comes in, `reset` the only way back. Both arms start equal: the
world as loaded is in both tables, and only what happens afterwards tells them apart.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Connection

from pipeline import ledger, measures, schema, world
from pipeline.batch.sources import EXCEPTIONS, INTERVAL
from pipeline.clock import ClockState, to_rfc3339
from pipeline.control import CLOCK_PAST
from pipeline.documents import Document, documents
from pipeline.embed import BATCH, Encoder, VectorFile
from pipeline.images import images
from pipeline.ledger import reset_fence
from pipeline.schema import Database, get_control, put_control
from pipeline.store import ContextStore, Embedded

VECTORS = "vectors.npz"
Progress = Callable[[int, int], None]
"""Called with (passages embedded, passages to embed)."""


@dataclass(frozen=True)
class Start:
    """How the clock and the batch begin after a load or a reset."""

    at: datetime | None  # None: `opens_after` the first day's midnight
    factor: float
    paused: bool
    batch_interval_h: float
    opens_after: timedelta = timedelta()


@dataclass(frozen=True)
class Source:
    """Where a world comes from.

    `today` moves the first flight's day to that moment's day in `zone`, None keeps the dates;
    `replay` are JSONL files of CloudEvents that the clock will play, moved like the world.
    """

    folder: Path
    zone: ZoneInfo
    today: datetime | None = None
    replay: Sequence[Path] = ()


@dataclass(frozen=True)
class State:
    """What a load fills and a reset puts back: the record, the stores, the state folder."""

    database: Database
    stores: Sequence[ContextStore]
    home: Path


def load(
    state: State,
    source: Source,
    encoder: Encoder,
    start: Start,
    progress: Progress | None = None,
) -> int:
    """Replace the world by the one of `source` and fill both stores with its documents.

    Args:
        progress: told how far the embedding is; passages with shipped vectors cost nothing.

    Returns:
        number of documents.

    Raises:
        WorldError: the folder has a bad row; nothing was changed.
        WrongEncoder: its vectors are another encoder's; nothing was changed.
    """
    loaded = _read(source)
    shipped = VectorFile.read(source.folder / VECTORS, encoder.name)
    made = _replace_rows(state.database, state.home, loaded, source, start)
    vectors = _vectors(made, encoder, shipped, progress)
    embedded = [Embedded(one, vector) for one, vector in zip(made, vectors, strict=True)]
    with reset_fence(state.home):
        for store in state.stores:
            store.clear()
            store.upsert(embedded)
            store.compact()
            store.mark_baseline()
        _note_versions(state)
        state.database.put("schema", schema.SCHEMA)
        state.database.put("loaded", True)
    return len(made)


def reset(state: State, start: Start) -> str:
    """Return to the state right after the load: rows, stores, lake, clock. The engine runs on.

    Returns:
        the fingerprint of that state, taken before anything may change it again.
    """
    with reset_fence(state.home):
        with state.database.write() as connection:
            _clear_log(connection)
            for table in schema.WORLD_TABLES:
                connection.execute(delete(table))
            for name, rows in connection.execute(select(schema.baseline)).all():
                if rows:
                    connection.execute(insert(schema.metadata.tables[name]), rows)
            _begin(connection, start)
        for store in state.stores:
            store.to_baseline()
        _note_versions(state)
        shutil.rmtree(state.home / "lake", ignore_errors=True)
        return fingerprint(state)


def fingerprint(state: State) -> str:
    """SHA-256 over the world's rows and the documents of the stores, but for stage times."""
    digest = hashlib.sha256()
    with state.database.read() as connection:
        for table in schema.WORLD_TABLES:
            for row in connection.execute(select(table).order_by(*table.primary_key)).all():
                digest.update(repr(tuple(row)).encode())
    for store in state.stores:
        for document in store.contents():
            digest.update(repr(document).encode())
    return digest.hexdigest()


def _note_versions(state: State) -> None:
    """Where each context table begins, for who asks what an arm knew before its first event."""
    versions = {store.arm: store.version for store in state.stores}
    state.database.put(ledger.FIRST_VERSIONS, versions)


def _read(source: Source) -> world.World:
    today = source.today.astimezone(source.zone).date() if source.today else None
    return world.read(source.folder, zone=source.zone, first_day=today)


def _replace_rows(
    database: Database, home: Path, loaded: world.World, source: Source, start: Start
) -> list[Document]:
    """Put the world into the record; returns its documents."""
    with reset_fence(home), database.write() as connection:
        put_control(connection, "loaded", False)
        _clear_log(connection)
        for table in schema.WORLD_TABLES:
            connection.execute(delete(table))
            rows = loaded.rows.get(table.name)
            if rows:
                connection.execute(insert(table), rows)
        _remember_baseline(connection)
        put_control(connection, "world", _about(loaded, source))
        _begin(connection, start)
        made = [
            document
            for image in images(connection)
            for document in documents(
                image, version=0, occurred_at=to_rfc3339(loaded.starts_at(source.zone))
            )
        ]
    shutil.rmtree(home / "lake", ignore_errors=True)
    return made


def _about(loaded: world.World, source: Source) -> dict[str, Any]:
    return {
        "name": loaded.name,
        "zone": source.zone.key,
        "starts_at": to_rfc3339(loaded.starts_at(source.zone)),
        "ends_at": to_rfc3339(_end(loaded, source)),
        "moved_days": loaded.moved_days,
        "heroes": loaded.heroes,
        "replay": [str(path) for path in source.replay],
    }


def _end(loaded: world.World, source: Source) -> datetime:
    """24:00 of the last day, or the last replayed event (a late landing) if that comes later."""
    times = [
        datetime.fromisoformat(event["time"])
        for path in source.replay
        for event in world.read_events(path, loaded.moved_days, source.zone)
    ]
    return max([loaded.ends_at(source.zone), *times])


def _clear_log(connection: Connection) -> None:
    for table in schema.LOG_TABLES:
        connection.execute(delete(table))


def _remember_baseline(connection: Connection) -> None:
    connection.execute(delete(schema.baseline))
    for table in schema.WORLD_TABLES:
        rows = [dict(row) for row in connection.execute(select(table)).mappings()]
        connection.execute(insert(schema.baseline).values(table_name=table.name, rows=rows))


def _begin(connection: Connection, start: Start) -> None:
    """A new epoch: the clock at its start, nothing extracted, nothing replayed."""
    about = get_control(connection, "world")
    midnight = datetime.fromisoformat(about["starts_at"])
    at = max(midnight, start.at) if start.at else midnight + start.opens_after
    state = ClockState(
        anchor_wall=time.time(),
        anchor_airline=at,
        factor=start.factor,
        paused=start.paused,
        starts_at=midnight,
        holds_at=max(at, datetime.fromisoformat(about["ends_at"])),
    )
    put_control(connection, "clock", state.model_dump(mode="json"))
    put_control(connection, "epoch", int(get_control(connection, "epoch", 0)) + 1)
    put_control(connection, INTERVAL, start.batch_interval_h)
    put_control(connection, "batch_as_of", to_rfc3339(midnight))
    put_control(connection, "began_at", state.anchor_wall)
    # A run that was asked for in the world before is not wanted in this one.
    put_control(connection, "batch_served", get_control(connection, "batch_request", 0))
    for name in (
        "batch",
        EXCEPTIONS,
        "batch_watermarks",
        "replayed",
        "traffic_rate",
        measures.WATERMARK,
        CLOCK_PAST,
    ):
        put_control(connection, name, None)
    measures.begin(connection)


def _vectors(
    made: Sequence[Document], encoder: Encoder, shipped: VectorFile, progress: Progress | None
) -> list[Any]:
    """One vector a document: shipped where the passage is known, embedded where it is not."""
    vectors: dict[str, Any] = {}
    for document in made:
        vector = shipped.get(document.passage)
        if vector is not None:
            vectors[document.passage] = vector.astype("float32")
    missing = sorted({document.passage for document in made} - vectors.keys(), key=len)
    for start in range(0, len(missing), BATCH):
        passages = missing[start : start + BATCH]
        vectors.update(zip(passages, encoder.encode(passages), strict=True))
        if progress:
            progress(start + len(passages), len(missing))
    return [vectors[document.passage] for document in made]


def embed_world(source: Source, encoder: Encoder, scratch: Path) -> int:
    """Write the vector file of a world folder, to be shipped with it.

    Args:
        scratch: empty folder for a record that is thrown away.

    Returns:
        number of passages in the file.
    """
    start = Start(at=None, factor=1.0, paused=True, batch_interval_h=24.0)
    database = Database(f"sqlite:///{scratch / 'record.sqlite'}")
    made = _replace_rows(database, scratch, _read(source), source, start)
    database.close()
    passages = sorted({document.passage for document in made})
    VectorFile.write(source.folder / VECTORS, encoder.name, passages, encoder.encode(passages))
    return len(passages)
