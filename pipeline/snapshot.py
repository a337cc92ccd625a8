"""The state of the demo as one file: `save` writes it while the engine runs, `restore` reads it.

What travels is the record with its outbox and ledger, both context tables with their versions, the
lake, the replayed days, and what people have set. What does not: the broker's log (the relay fills
the topics from the outbox, as after a restart), the settings of `.env`, keys, and logs.

A state that lies in a file stands still. `restore` moves its wall times by as long as it lay there:
the clock goes on at the minute at which it stopped, and ages at what they were.
Not here: the format of the file (`archive`), and of the rows in it (`dump`).
"""

from __future__ import annotations

import os
import re
import shutil
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from zoneinfo import ZoneInfo

import portalocker
from sqlalchemy import Table, delete, func, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DataError, IntegrityError

from pipeline import archive, dump, schema
from pipeline.archive import Archive, BadArchive, Counts, Manifest, Progress
from pipeline.batch.run import alone
from pipeline.clock import ClockState, from_rfc3339
from pipeline.control import CLOCK_PAST
from pipeline.events import ContractError
from pipeline.ledger import reset_fence
from pipeline.replay import Day
from pipeline.schema import ARMS, database, get_control
from pipeline.settings import ROOT, Settings
from pipeline.store import ContextStore
from pipeline.world import WorldError

BATCH_WAIT_S = 180.0  # a batch run that is under way may end first
SPARE_BYTES = 200_000_000  # of the disk, beside what is unpacked
_TABLES = tuple(f"{kind}_{arm}.lance" for arm in ARMS for kind in ("context", "baseline"))
_EPOCH = "epoch=0"  # of the lake in the file; another engine counts its own
_OWN = "ready/"  # control values of the engine, not of the world
_INCARNATION = "broker_incarnation"  # without it the relay fills the topics anew
_CHUNK = 500
IMPORT = "import.tmp"  # in the state folder, while a file is brought in
_GOING = "epoch"  # a file in there, once folders are exchanged: the epoch that the record gets
Controls = dict[str, Any]


class NotPortable(ValueError):
    """This state cannot be written to a file, or replaced by one. The message says why."""


# --- out ------------------------------------------------------------------------------------------


def save(settings: Settings, path: Path, progress: Progress) -> Manifest:
    """Write the state to a new file. Writers wait for a moment, nothing stops.

    Raises:
        NotPortable: there is no world yet, or the stores are not in a local folder.
        FileExistsError: there is a file already.
    """
    with _at_work(settings, "export.tmp") as staging, archive.writing(path) as writer:
        with database(settings.database).read() as connection:
            progress("waiting for writers", 0.0)
            made_at, controls, documents = _hold(connection, settings, staging)
            counts = documents | _counts(connection)
            _write_days(controls, writer)
            for number, table in enumerate(dump.TABLES):
                progress("writing the record", 0.3 * number / len(dump.TABLES))
                _write_table(connection, table, writer, controls)
        lake = f"lake/epoch={controls['epoch']}/", f"lake/{_EPOCH}/"
        files = [one for one in staging.rglob("*") if one.is_file()]
        for number, file in enumerate(files):
            progress("packing the stores", 0.3 + 0.7 * number / len(files))
            name = file.relative_to(staging).as_posix().replace(*lake)
            if archive.safe(name):  # else it is a file that a writer which was killed has left
                writer.add(name, file)
        manifest = Manifest(
            product=_product(),
            record_schema=schema.SCHEMA,
            encoder=settings.embedder,
            made_at=made_at,
            airline_time=ClockState.model_validate(controls["clock"]).now(made_at),
            epoch=controls["epoch"],
            world=re.sub(r"[^\w .:+-]", " ", controls["world"]["name"])[:100] or "world",
            counts=Counts.model_validate(counts),
            files=writer.files,
            size=writer.size,
        )
        writer.close(manifest)
    progress("done", 1.0)
    return manifest


def _hold(
    connection: Connection, settings: Settings, staging: Path
) -> tuple[float, Controls, dict[str, int]]:
    """One moment of everything: its wall time, the control values, documents of both arms.

    From then on the connection sees the record of that moment, and `staging` has its files.
    """
    with alone(settings.airline_home, BATCH_WAIT_S), reset_fence(settings.airline_home):
        made_at = time.time()
        if connection.dialect.name == "postgresql":  # SQLite does so by itself
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        controls = _controls(connection)
        if not controls.get("loaded"):
            raise NotPortable("no world is loaded yet: start the engine first")
        stores = [ContextStore(settings.stores, arm, settings.embedder) for arm in ARMS]
        _link(_stores(settings), staging / "stores", _TABLES)
        _link(settings.lake, staging / "lake", (f"epoch={controls['epoch']}",))
        return made_at, controls, {f"documents_{one.arm}": one.count() for one in stores}


def _controls(connection: Connection) -> Controls:
    found = connection.execute(select(schema.control)).mappings()
    return {row["name"]: row["value"] for row in found}


def _counts(connection: Connection) -> dict[str, int]:
    tables = {
        "events": schema.outbox,
        "runs": schema.batch_runs,
        "dead_letters": schema.dead_letters,
    }
    return {
        name: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
        for name, table in tables.items()
    }


def _link(source: Path, target: Path, names: Sequence[str]) -> None:
    """The same files under another name: they are written once and never changed."""
    for name in names:
        if (source / name).exists():
            shutil.copytree(source / name, target / name, copy_function=_link_file)


def _link_file(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one that knows no links
        shutil.copy2(source, target)


def _write_days(controls: Controls, writer: archive.Writer) -> None:
    """The files that the clock plays; the world then names them by their place in the archive."""
    names = []
    for number, path in enumerate(controls["world"]["replay"]):
        names.append(f"replay/day-{number}.jsonl")
        if not Path(path).exists():
            raise NotPortable(f"the day that the clock plays is not there any more: {path}")
        writer.add(names[-1], Path(path))
    controls["world"] = controls["world"] | {"replay": names}


def _write_table(
    connection: Connection, table: Table, writer: archive.Writer, controls: Controls
) -> None:
    with writer.entry(_entry(table)) as file:
        if table is schema.control:
            for name, value in controls.items():
                if name != _INCARNATION and not name.startswith(_OWN):
                    file.write(dump.line(table, {"name": name, "value": value}))
            return
        query = select(table).execution_options(yield_per=_CHUNK)
        for row in connection.execute(query).mappings():
            file.write(dump.line(table, dict(row)))


def _entry(table: Table) -> str:
    return f"record/{table.name}.jsonl"


def _product() -> str:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


# --- in -------------------------------------------------------------------------------------------


def look(settings: Settings, source: Path | IO[bytes]) -> Manifest:
    """What a file holds, if it can be brought in here.

    Raises:
        BadArchive: it cannot; says why.
    """
    with archive.reading(source) as found:
        return _fitting(found, settings)


def restore(settings: Settings, source: Path | IO[bytes], progress: Progress) -> Manifest:
    """Put the state of a file in the place of this one. An engine that runs goes on with it.

    Everything is unpacked and checked before anything is replaced; what fails after that is put
    back. As after a reset, messages of the world before are dropped by their epoch.

    Raises:
        BadArchive: the file is not to be used; nothing was changed.
        NotPortable: the stores are not in a local folder, or the disk is too small.
    """
    home = settings.airline_home
    with _at_work(settings, IMPORT) as staging, archive.reading(source) as found:
        manifest = _fitting(found, settings)
        if shutil.disk_usage(home).free < manifest.size + SPARE_BYTES:
            raise NotPortable(f"the disk of {home} is too full for {manifest.size / 1e6:,.0f} MB")
        found.unpack(
            staging, ("stores", "lake", "replay"), lambda what, share: progress(what, 0.6 * share)
        )
        progress("checking", 0.6)
        controls = _checked(found, manifest)
        _check_days(controls["world"], staging)
        _check_stores(staging / "stores", settings, manifest)
        (staging / "lake" / _EPOCH).mkdir(parents=True, exist_ok=True)
        (staging / "replay").mkdir(exist_ok=True)
        progress("waiting for writers", 0.8)
        with (
            alone(home, BATCH_WAIT_S),
            reset_fence(home),
            Exchange(_places(staging, settings)) as exchange,
            database(settings.database).write() as connection,
        ):
            progress("replacing the record", 0.85)
            lay_s = time.time() - manifest.made_at
            epoch = max(int(get_control(connection, "epoch", 0)), manifest.epoch) + 1
            _replace(connection, found, lay_s)
            for name, value in _resumed(controls, home, epoch, lay_s).items():
                schema.put_control(connection, name, value)
            (staging / "lake" / _EPOCH).rename(staging / "lake" / f"epoch={epoch}")
            (staging / _GOING).write_text(str(epoch), encoding="ascii")
            exchange.go()
    progress("done", 1.0)
    return manifest


def _fitting(found: Archive, settings: Settings) -> Manifest:
    """The manifest of an archive that this program and these settings can use."""
    manifest = found.manifest
    if manifest.record_schema != schema.SCHEMA:
        raise BadArchive(
            f"its record was made by another version of this program ({manifest.product}): "
            "use that one"
        )
    if manifest.encoder != settings.embedder:
        raise BadArchive(
            f"it holds vectors of {manifest.encoder}, EMBEDDER is {settings.embedder}: "
            "start the engine with that EMBEDDER on an empty state folder, then bring it in"
        )
    if {*found.names("record")} != {_entry(table) for table in dump.TABLES}:
        raise BadArchive("its record lacks tables, or has others")
    return manifest


def _checked(found: Archive, manifest: Manifest) -> Controls:
    """Read every row once; returns the control values."""
    counted = {table: sum(1 for _ in _rows(found, table)) for table in dump.TABLES}
    if counted[schema.outbox] != manifest.counts.events:
        raise BadArchive("it does not hold the events that it names")
    controls = {row["name"]: row["value"] for row in _rows(found, schema.control)}
    try:
        _check_controls(controls, manifest, {*found.names("replay")})
    except (KeyError, TypeError, ValueError, AttributeError) as bad:
        raise BadArchive(f"its control values are none: {bad}") from None
    return controls


def _check_controls(controls: Controls, manifest: Manifest, days: set[str]) -> None:
    for state in (controls["clock"], *(controls.get(CLOCK_PAST) or [])):
        ClockState.model_validate(state)
    world = controls["world"]
    ZoneInfo(world["zone"])
    for moment in (world["starts_at"], world["ends_at"], controls["batch_as_of"]):
        from_rfc3339(moment)
    if not {*world["replay"]} <= days:
        raise ValueError("the world names days that are not in it")
    if controls["loaded"] is not True or controls["epoch"] != manifest.epoch:
        raise ValueError("no loaded world")
    float(controls["began_at"])


def _rows(found: Archive, table: Table) -> Iterator[dump.Row]:
    with found.lines(_entry(table)) as file:
        try:
            yield from dump.rows(table, file)
        except BadArchive:
            raise
        except ValueError as bad:
            raise BadArchive(f"its record cannot be read: {bad}") from None


def _check_days(world: dict[str, Any], staging: Path) -> None:
    places = [str(staging / name) for name in world["replay"]]
    try:
        Day.read(world | {"replay": places})
    except (WorldError, ContractError, KeyError, TypeError, ValueError) as bad:
        raise BadArchive(f"the days that its clock plays cannot be read: {bad}") from None


def _check_stores(stores: Path, settings: Settings, manifest: Manifest) -> None:
    """Open what was unpacked as an agent would, and let its times go on too."""
    missing = [name for name in _TABLES if not (stores / name).is_dir()]
    if missing:
        raise BadArchive(f"it has no table {missing[0]}")
    for arm in ARMS:
        try:
            store = ContextStore(str(stores), arm, settings.embedder)
            store.check_baseline()
            count = store.count()
            store.move_times(time.time() - manifest.made_at)
        except Exception as bad:  # whatever LanceDB makes of a file that is none
            raise BadArchive(f"its table context_{arm} cannot be read: {bad}"[:300]) from None
        if count != getattr(manifest.counts, f"documents_{arm}"):
            raise BadArchive(f"its table context_{arm} does not hold the documents that it names")


def _replace(connection: Connection, found: Archive, lay_s: float) -> None:
    """Every table but the control values."""
    for table in dump.TABLES:
        if table is schema.control:
            own = schema.control.c.name.startswith(_OWN, autoescape=True)
            connection.execute(delete(table).where(~own))
            continue
        connection.execute(delete(table))
        rows = _rows(found, table)
        while chunk := [dump.moved(table, row, lay_s) for row in islice(rows, _CHUNK)]:
            try:
                connection.execute(insert(table), chunk)
            except (IntegrityError, DataError, OverflowError, UnicodeError) as bad:
                reason = f"its record contradicts itself: {table.name}: {bad}"
                raise BadArchive(reason[:300]) from None


def _resumed(controls: Controls, home: Path, epoch: int, lay_s: float) -> Controls:
    """The control values as they go on here: times, places and the epoch are this engine's."""
    found = {
        name: value | {"epoch": epoch}
        if isinstance(value, dict) and value.get("epoch") == controls["epoch"]
        else value
        for name, value in controls.items()
        if name != _INCARNATION and not name.startswith(_OWN)
    }
    world, batch = controls["world"], controls.get("batch")
    found |= {
        "epoch": epoch,
        "began_at": controls["began_at"] + lay_s,
        "clock": _later(controls["clock"], "anchor_wall", by_s=lay_s),
        CLOCK_PAST: [
            _later(state, "anchor_wall", by_s=lay_s) for state in controls.get(CLOCK_PAST) or []
        ],
        "world": world | {"replay": [str(home.resolve() / name) for name in world["replay"]]},
    }
    if batch:
        found["batch"] = _later(batch, "started_at", "finished_at", by_s=lay_s)
    return found


def _later(value: dict[str, Any], *names: str, by_s: float) -> dict[str, Any]:
    return value | {name: value[name] + by_s for name in names}


# --- both -----------------------------------------------------------------------------------------


@dataclass
class Exchange:
    """Folders that take the place of others; what is not over in the end is put back.

    A handle that is open on a table finds the new one at its next read: LanceDB looks for the
    newest manifest at the table's path, and no two files of two worlds have one name and content.
    """

    pairs: Sequence[tuple[Path, Path]]  # (new, place)

    def __enter__(self) -> Self:
        """Nothing has happened yet."""
        self._moved: list[tuple[Path, Path]] = []  # (from, to), in order
        return self

    def go(self) -> None:
        """Put the new ones in place; the old ones are kept beside the new ones until the end."""
        for new, place in self.pairs:
            if place.exists():
                self._move(place, _old(new))
            place.parent.mkdir(parents=True, exist_ok=True)
            self._move(new, place)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """After an exception everything goes back to where it was."""
        if kind is not None:
            for came_from, went_to in reversed(self._moved):
                _move(went_to, came_from)

    def _move(self, here: Path, there: Path) -> None:
        _move(here, there)
        self._moved.append((here, there))


def _move(here: Path, there: Path) -> None:
    if there.exists():  # made by somebody who opened a store just when there was none
        shutil.rmtree(there)
    shutil.move(here, there)  # a rename, unless the stores are on another disk


def _old(new: Path) -> Path:
    return new.with_name(f"{new.name}.old")


def mend(settings: Settings) -> None:
    """Bring an import to an end whose process was killed in it: back, unless the record has it.

    Raises:
        NotPortable: one is under way.
    """
    with _at_work(settings, IMPORT):
        pass


def _mend(settings: Settings) -> None:
    staging = settings.airline_home / IMPORT
    if not (staging / _GOING).exists():
        return
    epoch = int((staging / _GOING).read_text(encoding="ascii"))
    if int(database(settings.database).get("epoch", 0)) >= epoch:
        return
    for new, place in _places(staging, settings):
        if _old(new).exists():
            _move(_old(new), place)


@contextmanager
def _at_work(settings: Settings, name: str) -> Iterator[Path]:
    """A scratch folder in the state folder, for one at a time."""
    home = settings.airline_home
    home.mkdir(parents=True, exist_ok=True)
    staging = home / name
    try:
        with portalocker.Lock(home / "snapshot.lock", "a", timeout=0):
            _mend(settings)
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
            try:
                yield staging
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except portalocker.LockException:
        raise NotPortable(
            "an export, an import or a long batch run is under way: try again when it is over"
        ) from None


def _places(staging: Path, settings: Settings) -> list[tuple[Path, Path]]:
    """(what was unpacked, the place that it takes)"""
    return [
        (staging / "stores", _stores(settings)),
        (staging / "lake", settings.lake),
        (staging / "replay", settings.airline_home / "replay"),
    ]


def _stores(settings: Settings) -> Path:
    if "://" in settings.stores:
        raise NotPortable(
            "the context stores are not in a local folder (LANCEDB_URI): copy them where they are"
        )
    return Path(settings.stores)
