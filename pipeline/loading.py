"""Loading a world and returning to it: the record, both stores, the clock, all to one known state.

`load` is the only way a world comes in, `reset` the only way back. Both arms start equal: the
world as loaded is in both tables, and only what happens afterwards tells them apart.
"""

from __future__ import annotations

import hashlib
import json
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

from pipeline import schema, world
from pipeline.clock import ClockState, to_rfc3339
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


def load(
    database: Database,
    stores: Sequence[ContextStore],
    encoder: Encoder,
    folder: Path,
    *,
    home: Path,
    zone: ZoneInfo,
    today: datetime | None,
    start: Start,
    replay: Sequence[Path] = (),
    progress: Progress | None = None,
) -> int:
    """Replace the world by the one in `folder` and fill both stores with its documents.

    Args:
        today: move the first flight's day to this moment's day in `zone`; None keeps the dates.
        replay: JSONL files of CloudEvents that the clock will play, moved like the world.
        progress: told how far the embedding is; passages with shipped vectors cost nothing.

    Returns:
        number of documents.

    Raises:
        WorldError: the folder has a bad row; nothing was changed.
    """
    first_day = today.astimezone(zone).date() if today else None
    loaded = world.read(folder, zone=zone, first_day=first_day)
    made = _documents_of(loaded, database, home, zone, start, replay)
    vectors = _vectors(made, encoder, folder / VECTORS, progress)
    embedded = [Embedded(one, vector) for one, vector in zip(made, vectors, strict=True)]
    with reset_fence(home):
        for store in stores:
            store.clear()
            store.upsert(embedded)
            store.compact()
            store.mark_baseline()
        database.put("loaded", True)
    return len(made)


def reset(database: Database, stores: Sequence[ContextStore], home: Path, start: Start) -> str:
    """Return to the state right after the load: rows, stores, lake, clock. The engine runs on.

    Returns:
        the fingerprint of that state, taken before anything may change it again.
    """
    with reset_fence(home):
        with database.write() as connection:
            _clear_log(connection)
            for table in schema.WORLD_TABLES:
                connection.execute(delete(table))
            for name, rows in connection.execute(select(schema.baseline)).all():
                if rows:
                    connection.execute(insert(schema.metadata.tables[name]), rows)
            _begin(connection, start)
        for store in stores:
            store.to_baseline()
        shutil.rmtree(home / "lake", ignore_errors=True)
        return fingerprint(database, stores)


def fingerprint(database: Database, stores: Sequence[ContextStore]) -> str:
    """SHA-256 over the world's rows and the documents of the stores, but for stage times."""
    digest = hashlib.sha256()
    with database.read() as connection:
        for table in schema.WORLD_TABLES:
            for row in connection.execute(select(table).order_by(*table.primary_key)).all():
                digest.update(repr(tuple(row)).encode())
    for store in stores:
        for document in store.contents():
            digest.update(repr(document).encode())
    return digest.hexdigest()


def set_clock(database: Database, change: Callable[[ClockState], ClockState]) -> ClockState:
    """Change the airline clock for every process at once."""
    with database.write() as connection:
        state = change(ClockState.model_validate(get_control(connection, "clock")))
        put_control(connection, "clock", state.model_dump(mode="json"))
    return state


def clock(database: Database) -> ClockState:
    """The airline clock as it is now."""
    return ClockState.model_validate(database.get("clock"))


def _documents_of(
    loaded: world.World,
    database: Database,
    home: Path,
    zone: ZoneInfo,
    start: Start,
    replay: Sequence[Path],
) -> list[Document]:
    with reset_fence(home), database.write() as connection:
        put_control(connection, "loaded", False)
        _clear_log(connection)
        for table in schema.WORLD_TABLES:
            connection.execute(delete(table))
            rows = loaded.rows.get(table.name)
            if rows:
                connection.execute(insert(table), rows)
        _remember_baseline(connection)
        put_control(connection, "world", _about(loaded, zone, replay))
        _begin(connection, start)
        made = [
            document
            for image in images(connection)
            for document in documents(
                image, version=0, occurred_at=to_rfc3339(loaded.starts_at(zone))
            )
        ]
    shutil.rmtree(home / "lake", ignore_errors=True)
    return made


def _about(loaded: world.World, zone: ZoneInfo, replay: Sequence[Path]) -> dict[str, Any]:
    return {
        "name": loaded.name,
        "zone": zone.key,
        "starts_at": to_rfc3339(loaded.starts_at(zone)),
        "ends_at": to_rfc3339(_end(loaded, zone, replay)),
        "moved_days": loaded.moved_days,
        "heroes": loaded.heroes,
        "replay": [str(path) for path in replay],
    }


def _end(loaded: world.World, zone: ZoneInfo, replay: Sequence[Path]) -> datetime:
    """24:00 of the last day, or the last replayed event (a late landing) if that comes later."""
    times = [
        datetime.fromisoformat(event["time"])
        for path in replay
        for event in world.read_events(path, loaded.moved_days, zone)
    ]
    return max([loaded.ends_at(zone), *times])


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
    put_control(connection, "batch_interval_h", start.batch_interval_h)
    put_control(connection, "batch_as_of", to_rfc3339(midnight))
    for name in ("batch", "batch_watermarks", "replayed", "traffic_rate"):
        put_control(connection, name, None)


def _vectors(
    made: Sequence[Document], encoder: Encoder, shipped: Path, progress: Progress | None
) -> list[Any]:
    """One vector a document: shipped where the passage is known, embedded where it is not."""
    known = VectorFile.read(shipped, encoder.name)
    vectors: dict[str, Any] = {}
    for document in made:
        vector = known.get(document.passage)
        if vector is not None:
            vectors[document.passage] = vector.astype("float32")
    missing = sorted({document.passage for document in made} - vectors.keys(), key=len)
    for start in range(0, len(missing), BATCH):
        passages = missing[start : start + BATCH]
        vectors.update(zip(passages, encoder.encode(passages), strict=True))
        if progress:
            progress(start + len(passages), len(missing))
    return [vectors[document.passage] for document in made]


def embed_world(folder: Path, encoder: Encoder, zone: ZoneInfo, scratch: Path) -> int:
    """Write the vector file of a world folder, to be shipped with it.

    Args:
        scratch: empty folder for a record that is thrown away.

    Returns:
        number of passages in the file.
    """
    start = Start(at=None, factor=1.0, paused=True, batch_interval_h=24.0)
    loaded = world.read(folder, zone=zone)
    database = Database(f"sqlite:///{scratch / 'record.sqlite'}")
    made = _documents_of(loaded, database, scratch, zone, start, ())
    database.close()
    passages = sorted({document.passage for document in made})
    VectorFile.write(folder / VECTORS, encoder.name, passages, encoder.encode(passages))
    return len(passages)
