"""The state as one file, without an engine: out, in, elsewhere, and files that are none."""

import json
import shutil
import stat
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import portalocker
import pytest

from pipeline import archive, freshness, ledger, past, snapshot
from pipeline.archive import BadArchive
from pipeline.batch import sources
from pipeline.batch.run import alone
from pipeline.control import clocks, set_clock
from pipeline.documents import Document
from pipeline.loading import fingerprint
from pipeline.schema import ARMS, LOG_TABLES
from pipeline.settings import Settings
from pipeline.snapshot import Exchange, NotPortable
from tests.worlds import DAY, NOON, Airline

LATER = NOON + timedelta(hours=1)


def quiet(_what: str, _share: float) -> None:
    """Nobody watches."""


def settings_of(airline: Airline, **other: Any) -> Settings:
    return Settings(_env_file=None, airline_home=airline.home, embedder="hash", **other)


def tweet(airline: Airline, text: str = "hello") -> None:
    airline.fire("interaction.tweet", "customer/C1", text=text, direction="inbound")


def eventful(home: Path) -> Airline:
    """An airline in the middle of its day: the stream knows more than the batch."""
    airline = Airline(home)
    day = home / "events.jsonl"
    event: dict[str, Any] = {"specversion": "1.0", "id": "0b36cb70-0000-4000-8000-000000000000"}
    event |= {"source": "/flight-ops", "type": "flight.landed", "subject": f"flight/EA3/{DAY}"}
    event |= {"time": f"{DAY}T22:00:00Z", "data": {"actual": f"{DAY}T22:00:00Z"}}
    day.write_text(json.dumps(event) + "\n", encoding="utf-8")
    world = airline.database.get("world")
    airline.database.put("world", world | {"replay": [str(day)]})
    airline.fire("flight.cancelled", f"flight/EA1/{DAY}", reason="snow")
    airline.stream()
    airline.batch()
    airline.raw(b"\x00 garbage")
    tweet(airline)
    airline.stream()
    airline.fire("flight.delayed", f"flight/EA2/{DAY}", new_departure=f"{DAY}T21:00:00Z")
    sources.set_interval(airline.database, 1, "/flight-ops")
    set_clock(airline.database, lambda clock: clock.changed(to=LATER))
    return airline


@pytest.fixture
def airline(tmp_path: Path) -> Iterator[Airline]:
    made = eventful(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an eventful airline was saved to."""
    home = tmp_path_factory.mktemp("saved") / "home"
    made = eventful(home)
    path = home.parent / "state.zip"
    snapshot.save(settings_of(made), path, quiet)
    made.close()
    return path


def known(airline: Airline) -> dict[str, list[Document]]:
    return {arm: store.contents() for arm, store in airline.stores.items()}


def rows(airline: Airline) -> dict[str, list[dict[str, Any]]]:
    return {table.name: airline.rows(table.name) for table in LOG_TABLES}


def everything(airline: Airline) -> tuple[Any, ...]:
    lake = sorted(path.name for path in airline.lake.rglob("*"))
    controls = {row["name"]: row["value"] for row in airline.rows("control")}
    return fingerprint(airline.state), rows(airline), known(airline), controls, lake


def bring_in(airline: Airline, path: Path) -> archive.Manifest:
    return snapshot.restore(settings_of(airline), path, quiet)


# --- out and in -----------------------------------------------------------------------------------


def test_everything_is_as_it_was(airline: Airline, tmp_path: Path) -> None:
    path = tmp_path / "state.zip"
    made = snapshot.save(settings_of(airline), path, quiet)
    assert (made.counts.events, made.counts.runs, made.counts.dead_letters) == (4, 1, 1)
    world, documents = fingerprint(airline.state), known(airline)
    tweet(airline, "lost again")
    airline.stream()
    airline.batch()
    sources.set_interval(airline.database, None, "/flight-ops")
    airline.database.put("replay_on", False)

    assert bring_in(airline, path) == made

    assert (fingerprint(airline.state), known(airline)) == (world, documents)
    assert airline.database.get("epoch") == made.epoch + 1
    assert airline.database.get("batch_exceptions") == {"/flight-ops": 1}
    assert airline.database.get("replay_on") is None
    assert clocks(airline.database)[-1].now() == LATER
    assert [row["event_id"] for row in airline.rows("outbox")][3:] != []
    assert not (airline.home / "import.tmp").exists()


def test_it_goes_on_on_another_machine(tmp_path: Path, file: Path) -> None:
    airline = Airline(tmp_path / "other")
    tweet(airline, "of another day")
    airline.stream()
    bring_in(airline, file)
    airline.stream()  # what it had not heard of yet
    tweet(airline)
    airline.stream()
    result = airline.batch(LATER)
    assert result.counts["extracted"] == 4
    assert known(airline)["stream"] == known(airline)["batch"] == airline.direct()
    assert [row["run_id"] for row in airline.rows("batch_runs")] == [1, 2]
    letters = {row["arm"]: bytes(row["body"]) for row in airline.rows("dead_letters")}
    assert letters == dict.fromkeys(ARMS, b"\x00 garbage")
    assert airline.reset() == airline.fingerprint
    airline.close()


def test_an_empty_state_folder_is_enough(tmp_path: Path, file: Path) -> None:
    chosen = Settings(_env_file=None, airline_home=tmp_path / "none", embedder="hash")
    snapshot.restore(chosen, file, quiet)
    again = snapshot.save(chosen, tmp_path / "again.zip", quiet)
    assert again.counts == snapshot.look(chosen, file).counts


def test_the_past_travels_too(airline: Airline, tmp_path: Path) -> None:
    heard = [row["searchable_at"] for row in airline.rows("progress") if row["arm"] == "stream"]
    path = tmp_path / "state.zip"
    snapshot.save(settings_of(airline), path, quiet)
    was = {arm: ledger.version_at(airline.database, arm, heard[0]) for arm in ARMS}
    began = past.began_at(airline.database)
    bring_in(airline, path)
    lay_s = past.began_at(airline.database) - began
    assert 0 < lay_s < 600
    for arm, version in was.items():
        assert ledger.version_at(airline.database, arm, heard[0] + lay_s) == version
        assert version
        held = airline.stores[arm].at(version)
        cancelled = arm == "stream"
        assert ("cancelled" in held.read([f"flight/EA1/{DAY}"]).popitem()[1].text) is cancelled


def test_the_time_in_the_file_did_not_pass(tmp_path: Path, file: Path) -> None:
    with zipfile.ZipFile(file) as saved:
        made_at = json.loads(saved.read("manifest.json"))["made_at"]
    old = rewritten(
        file, tmp_path / "old.zip", manifest=lambda one: one | {"made_at": made_at - 7e5}
    )
    ages = []
    for path in (file, old):
        airline = Airline(tmp_path / path.stem)
        bring_in(airline, path)
        oldest = freshness.pending(airline.database, "batch")["recorded_at"]
        stored = airline.stores["stream"].public("flight", {"status": "cancelled"})[0].stages
        ages.append((time.time() - oldest, time.time() - (stored["recorded_at"] or 0)))
        assert clocks(airline.database)[-1].now() == LATER
        airline.close()
    now, then = ages
    # The older file lay for eight days more: its times were moved by as much more.
    assert [b - a for a, b in zip(now, then, strict=True)] == pytest.approx([-7e5] * 2, abs=60)


def test_a_running_clock_goes_on_where_it_stopped(airline: Airline, tmp_path: Path) -> None:
    set_clock(airline.database, lambda clock: clock.changed(paused=False))
    path = tmp_path / "state.zip"
    made = snapshot.save(settings_of(airline), path, quiet)
    set_clock(airline.database, lambda clock: clock.changed(to=LATER + timedelta(hours=5)))
    bring_in(airline, path)
    went_on = clocks(airline.database)[-1].now() - made.airline_time
    assert timedelta() <= went_on < timedelta(hours=1)


def test_no_key_and_nothing_of_this_engine_travels(airline: Airline, tmp_path: Path) -> None:
    airline.database.put("ready/stream", 4711)
    airline.database.put("broker_incarnation", "this broker's")
    path = tmp_path / "state.zip"
    chosen = settings_of(airline, agent_api_key="sk-secret", database_url="")
    snapshot.save(chosen, path, quiet)
    with zipfile.ZipFile(path) as saved:
        words = b"".join(saved.read(one) for one in saved.namelist())
    for secret in (b"sk-secret", b"this broker", b"ready/", str(airline.home).encode()):
        assert secret not in words
    airline.database.put("ready/stream", 4712)
    bring_in(airline, path)
    assert airline.database.get("ready/stream") == 4712
    assert airline.database.get("broker_incarnation") is None  # the relay fills the topics anew


def test_what_was_counted_for_this_world_counts_on(airline: Airline, tmp_path: Path) -> None:
    airline.database.put("turn/1", {"epoch": airline.database.get("epoch"), "arm": "stream"})
    path = tmp_path / "state.zip"
    snapshot.save(settings_of(airline), path, quiet)
    bring_in(airline, path)
    assert airline.database.get("turn/1")["epoch"] == airline.database.get("epoch")


# --- what cannot be saved -------------------------------------------------------------------------


def test_no_file_is_written_over(airline: Airline, tmp_path: Path) -> None:
    path = tmp_path / "state.zip"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="is there already"):
        snapshot.save(settings_of(airline), path, quiet)
    assert path.read_text() == "mine"


def test_stores_elsewhere_are_refused(airline: Airline, tmp_path: Path, file: Path) -> None:
    far = settings_of(airline).model_copy(update={"lancedb_uri": "s3://bucket/stores"})
    with pytest.raises(NotPortable, match="LANCEDB_URI"):
        snapshot.restore(far, file, quiet)
    assert list(tmp_path.glob("*.zip*")) == []


def test_a_batch_run_under_way_is_waited_for(
    airline: Airline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "BATCH_WAIT_S", 0.0)
    path = tmp_path / "state.zip"
    with alone(airline.home), pytest.raises(NotPortable, match="batch run is under way"):
        snapshot.save(settings_of(airline), path, quiet)
    assert not path.exists()
    snapshot.save(settings_of(airline), path, quiet)
    with alone(airline.home), pytest.raises(portalocker.LockException):
        airline.batch()


def test_without_a_world_there_is_nothing_to_save(tmp_path: Path) -> None:
    chosen = Settings(_env_file=None, airline_home=tmp_path / "none", embedder="hash")
    with pytest.raises(NotPortable, match="no world"):
        snapshot.save(chosen, tmp_path / "state.zip", quiet)


# --- files that are not to be used ----------------------------------------------------------------


def rewritten(
    file: Path,
    to: Path,
    *,
    manifest: Callable[[dict[str, Any]], dict[str, Any]] = lambda one: one,
    change: Callable[[str, bytes], bytes | None] = lambda _, data: data,
    add: dict[str, bytes] | None = None,
) -> Path:
    """A copy with a manifest that fits, unless it is changed; None leaves an entry out."""
    with zipfile.ZipFile(file) as source:
        said = json.loads(source.read("manifest.json"))
        entries = {
            name: data
            for name in source.namelist()
            if name != "manifest.json" and (data := change(name, source.read(name))) is not None
        } | (add or {})
    fits = {"files": len(entries), "size": sum(map(len, entries.values()))}
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in entries.items():
            target.writestr(name, data)
        target.writestr("manifest.json", json.dumps(manifest(said | fits)))
    return to


def replaced(name: str, old: bytes, new: bytes) -> Callable[[str, bytes], bytes | None]:
    return lambda at, data: data.replace(old, new) if at == name else data


def link(file: Path, to: Path) -> Path:
    shutil.copy(file, to)
    info = zipfile.ZipInfo("lake/link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(to, "a") as target:
        target.writestr(info, "/etc/passwd")
    return to


def packed(file: Path, to: Path, method: int) -> Path:
    shutil.copy(file, to)
    with zipfile.ZipFile(to, "a") as target:
        target.writestr("lake/x", b"x" * 9, method)
    return to


def cut(file: Path, to: Path) -> Path:
    to.write_bytes(file.read_bytes()[:-1000])
    return to


def flipped(file: Path, to: Path) -> Path:
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 0xFF
    to.write_bytes(data)
    return to


def text(_: Path, to: Path) -> Path:
    to.write_text("no zip at all")
    return to


def other_zip(_: Path, to: Path) -> Path:
    with zipfile.ZipFile(to, "w") as target:
        target.writestr("holiday.jpg", b"...")
    return to


OUTBOX, CONTROL = "record/outbox.jsonl", "record/control.jsonl"
BAD: dict[str, tuple[Callable[[Path, Path], Path], str]] = {
    "text": (text, "no demo state"),
    "another zip": (other_zip, "no manifest"),
    "cut": (cut, "only the beginning"),
    "a flipped bit": (flipped, "damaged|contradicts|cannot be read|not whole|no demo state"),
    "a link": (link, "'lake/link', which no demo state does"),
    "bzip2": (lambda a, b: packed(a, b, zipfile.ZIP_BZIP2), "'lake/x'"),
    **{
        f"a name: {name}": (
            lambda a, b, name=name: rewritten(a, b, add={name: b"x"}),  # type: ignore[misc]
            "which no demo state does",
        )
        for name in (
            "../outside",
            "lake/../../outside",
            "/etc/cron.d/x",
            "lake//x",
            "lake/./x",
            "lake/a b",
            "lake\\x",
            "C:/x",
            "secrets/x",
            "lake/..",
            "record.sqlite",
            "lake/x\n",
        )
    },  # fmt: skip
    "another version": (
        lambda a, b: rewritten(a, b, manifest=lambda one: one | {"version": 2}),
        "format version 2, this program reads version 1",
    ),
    "another format": (
        lambda a, b: rewritten(a, b, manifest=lambda one: one | {"format": "holiday"}),
        "manifest is none: format",
    ),
    **{
        f"no such {name}": (
            lambda a, b, name=name, value=value: rewritten(  # type: ignore[misc]
                a, b, manifest=lambda one: one | {name: value}
            ),
            f"its manifest is none: {name}",
        )
        for name, value in (
            ("made_at", -1e300),
            ("airline_time", "noon"),
            ("counts", {"events": 4}),
            ("world", "\x1b[2J"),
            ("epoch", 10**30),
            ("size", -1),
        )
    },  # fmt: skip
    "another record": (
        lambda a, b: rewritten(a, b, manifest=lambda one: one | {"record_schema": 2}),
        "another version of this program",
    ),
    "another encoder": (
        lambda a, b: rewritten(a, b, manifest=lambda one: one | {"encoder": "minilm-fp32"}),
        "vectors of minilm-fp32, EMBEDDER is hash",
    ),
    "an encoder that is not the one it names": (
        lambda a, b: rewritten(
            a,
            b,
            change=lambda at, data: data.replace(b"hash", b"hush") if "_versions" in at else data,
        ),
        "context_batch cannot be read",
    ),
    "absurd sizes": (
        lambda a, b: rewritten(a, b, manifest=lambda one: one | {"size": 10**9}),
        "not whole",
    ),
    "a missing file": (
        lambda a, b: rewritten(a, b, change=lambda at, data: None if at == OUTBOX else data),
        "lacks tables",
    ),
    "a missing store": (
        lambda a, b: rewritten(a, b, change=lambda at, data: None if "context_str" in at else data),
        "no table context_stream",
    ),
    "a missing baseline": (
        lambda a, b: rewritten(
            a, b, change=lambda at, data: None if "baseline_stream.lance/_versions" in at else data
        ),
        "context_stream cannot be read",
    ),
    "fewer events": (
        lambda a, b: rewritten(
            a, b, change=lambda at, data: data[: data.index(b"\n") + 1] if at == OUTBOX else data
        ),
        "does not hold the events",
    ),
    "a number that is a word": (
        lambda a, b: rewritten(a, b, change=replaced(OUTBOX, b'"sequence":1,', b'"sequence":"1",')),
        "outbox, line 1, column sequence: not int",
    ),
    "another column": (
        lambda a, b: rewritten(a, b, change=replaced(OUTBOX, b'"sequence"', b'"number"')),
        "not the columns",
    ),
    "not a number": (
        lambda a, b: rewritten(a, b, change=replaced(CONTROL, b'"value":true', b'"value":NaN')),
        "not JSON",
    ),
    "the same row twice": (
        lambda a, b: rewritten(a, b, change=replaced(OUTBOX, b'"sequence":2,', b'"sequence":1,')),
        "contradicts itself",
    ),
    "a day elsewhere": (
        lambda a, b: rewritten(
            a, b, change=replaced(CONTROL, b"replay/day-0.jsonl", b"/etc/passwd")
        ),
        "days that are not in it",
    ),
    "a day that is none": (
        lambda a, b: rewritten(a, b, change=replaced("replay/day-0.jsonl", b"{", b"[")),
        "days that its clock plays",
    ),
    "no clock": (
        lambda a, b: rewritten(a, b, change=replaced(CONTROL, b'"anchor_wall"', b'"anchor"')),
        "control values are none",
    ),
}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airline]:
    """An airline that every bad file leaves as it is."""
    made = eventful(tmp_path_factory.mktemp("untouched") / "home")
    yield made
    made.close()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_and_changes_nothing(
    untouched: Airline, tmp_path: Path, file: Path, name: str
) -> None:
    spoil, reason = BAD[name]
    path = spoil(file, tmp_path / "bad.zip")
    before = everything(untouched)
    with pytest.raises(BadArchive, match=reason):
        bring_in(untouched, path)
    assert everything(untouched) == before
    assert {one.name for one in tmp_path.iterdir()} == {"bad.zip"}


def test_more_than_is_taken(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES", 10_000)
    with pytest.raises(BadArchive, match="at most"), archive.reading(file):
        pass
    monkeypatch.setattr(archive, "MOST_MANIFEST", 10)
    with pytest.raises(BadArchive, match="manifest"), archive.reading(file):
        pass
    with pytest.raises(BadArchive, match="there is no file"), archive.reading(tmp_path / "none"):
        pass


@pytest.mark.parametrize("committed", [False, True])
def test_an_import_that_was_killed_is_brought_to_an_end(
    airline: Airline, file: Path, monkeypatch: pytest.MonkeyPatch, *, committed: bool
) -> None:
    chosen, before = settings_of(airline), everything(airline)
    with zipfile.ZipFile(file) as saved:
        made = json.loads(saved.read("manifest.json"))

    class Killed(BaseException):
        """Nothing is tidied up after this."""

    def kill(*_: object) -> None:
        raise Killed

    def go(exchange: Exchange) -> None:
        _go(exchange)
        raise Killed

    with monkeypatch.context() as killing:
        killing.setattr(Exchange, "__exit__", kill)
        killing.setattr(shutil, "rmtree", lambda *_args, **_options: None)
        if not committed:
            killing.setattr(Exchange, "go", go)
        with pytest.raises(Killed):
            bring_in(airline, file)
    assert (airline.home / snapshot.IMPORT).exists()
    snapshot.mend(chosen)
    assert not (airline.home / snapshot.IMPORT).exists()
    if committed:
        assert airline.database.get("epoch") == made["epoch"] + 1
        assert {arm: len(one) for arm, one in known(airline).items()} == {
            arm: made["counts"][f"documents_{arm}"] for arm in ARMS
        }
    else:
        assert everything(airline) == before


_go = Exchange.go


def test_what_fails_halfway_is_put_back(tmp_path: Path) -> None:
    for name in ("new/a", "new/b", "a", "b"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / name.replace("/", "-")).touch()
    pairs = [(tmp_path / "new" / one, tmp_path / one) for one in ("a", "c", "b")]

    def content() -> list[str]:
        return sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))

    before = content()
    with pytest.raises(OSError, match="c"), Exchange(pairs) as exchange:  # there is no new/c
        exchange.go()
    assert content() == before
    with Exchange([pairs[0], pairs[2]]) as exchange:
        exchange.go()
        assert (tmp_path / "a" / "new-a").exists()
        exchange.__exit__(RuntimeError, RuntimeError(), None)
        assert content() == before
