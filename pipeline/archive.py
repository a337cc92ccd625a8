"""The one file that a demo state travels in: a zip with a manifest, checked before it is believed.

    manifest.json            what it is: see `Manifest`
    record/<table>.jsonl     the rows of the record, see `dump`
    stores/<table>.lance/…   both context tables with their versions, and what a reset returns to
    lake/…                   bronze, silver and gold of this world
    replay/<name>.jsonl      the events that the clock plays

Whoever hands such a file over may mean ill: names, sizes and kinds of entries are checked, nothing
in it is run or unpickled, and nothing is written outside the folder that is named.
Not here: what the parts mean, and putting them in the place of the running state (`snapshot`).
"""

from __future__ import annotations

import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Annotated, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

MANIFEST = "manifest.json"
VERSION = 1  # raise it when what the file holds changes: another one is refused
MOST_BYTES = 8_000_000_000  # unpacked
MOST_FILES = 300_000
MOST_MANIFEST = 100_000
FOLDERS = ("record", "stores", "lake", "replay")
_NAME = re.compile(r"[A-Za-z0-9_=.-]{1,120}")
_LEVEL = 3  # of deflate: vectors hardly shrink, and rows do at any level
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError)

Progress = Callable[[str, float], None]
"""Called with what is done now and the share of it that is over, 0 to 1."""


class BadArchive(ValueError):
    """The file is not a demo state that can be used here. The message says why."""


Name = Annotated[str, StringConstraints(pattern=r"^[\w .:+-]{1,100}$")]
Number = Annotated[int, Field(ge=0, le=10**12)]


class Counts(BaseModel):
    """How much of each there is in a file."""

    model_config = ConfigDict(frozen=True)

    events: Number
    runs: Number
    dead_letters: Number
    documents_batch: Number
    documents_stream: Number


class Manifest(BaseModel):
    """What a file says of itself."""

    model_config = ConfigDict(frozen=True)

    format: Literal["airline-demo-state"] = "airline-demo-state"
    version: int = VERSION
    product: Name  # the program's version
    record_schema: int
    encoder: Name  # whose vectors the context tables hold
    made_at: Annotated[float, Field(ge=1.5e9, le=1e10)]  # wall time, s since 1970
    airline_time: AwareDatetime
    epoch: Annotated[int, Field(ge=0, le=10**9)]
    world: Name
    counts: Counts
    files: Number  # beside the manifest
    size: Number  # bytes of those files


class Writer:
    """Writes one archive, entry by entry; the manifest comes last."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._zip = file
        self.files = 0
        self.size = 0

    def add(self, name: str, path: Path) -> None:
        """Add a file under a name."""
        self._zip.write(path, name)
        self.files += 1
        self.size += self._zip.getinfo(name).file_size

    @contextmanager
    def entry(self, name: str) -> Iterator[IO[bytes]]:
        """A file to write lines into, under a name."""
        with self._zip.open(name, "w", force_zip64=True) as file:
            yield file
        self.files += 1
        self.size += self._zip.getinfo(name).file_size

    def close(self, manifest: Manifest) -> None:
        """The last entry."""
        self._zip.writestr(MANIFEST, manifest.model_dump_json(indent=2))


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """A new archive, which is at `path` once it is whole.

    Raises:
        FileExistsError: there is a file already.
    """
    if path.exists():
        raise FileExistsError(f"{path} is there already: name another file, or delete it")
    part = path.with_name(f"{path.name}.part")
    try:
        with zipfile.ZipFile(
            part, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL, strict_timestamps=False
        ) as file:
            yield Writer(file)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


class Archive:
    """An archive whose entries and manifest were checked."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._zip = file
        self.entries = [one for one in file.infolist() if one.filename != MANIFEST]
        self.manifest = self._manifest()
        self._check_entries()

    def names(self, folder: str) -> list[str]:
        """Names of the entries below a folder."""
        return [one.filename for one in self.entries if one.filename.startswith(f"{folder}/")]

    @contextmanager
    def lines(self, name: str) -> Iterator[IO[bytes]]:
        """An entry to read.

        Raises:
            BadArchive: it is damaged.
        """
        with _damage(name), self._zip.open(name) as file:
            yield file

    def unpack(self, into: Path, folders: tuple[str, ...], progress: Progress) -> None:
        """Write the files of these folders below `into`.

        Raises:
            BadArchive: an entry is damaged.
        """
        wanted = [one for one in self.entries if one.filename.split("/", 1)[0] in folders]
        whole, done = sum(one.file_size for one in wanted) or 1, 0
        for one in wanted:
            path = into / one.filename
            path.parent.mkdir(parents=True, exist_ok=True)
            with _damage(one.filename), self._zip.open(one) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            done += one.file_size
            progress("unpacking", done / whole)

    def _manifest(self) -> Manifest:
        try:
            info = self._zip.getinfo(MANIFEST)
        except KeyError:
            raise BadArchive("it is a zip, but no demo state: it has no manifest") from None
        if info.file_size > MOST_MANIFEST or not _plain(info):
            raise BadArchive("its manifest is none")
        with _damage(MANIFEST):
            text = self._zip.read(info)
        try:
            manifest = Manifest.model_validate_json(text)
        except ValidationError as bad:
            where = ".".join(map(str, bad.errors()[0]["loc"])) or "the whole"
            raise BadArchive(f"its manifest is none: {where}: {bad.errors()[0]['msg']}") from None
        if manifest.version != VERSION:
            raise BadArchive(
                f"it has format version {manifest.version}, this program reads version {VERSION}: "
                f"use the program that made it ({manifest.product})"
            )
        return manifest

    def _check_entries(self) -> None:
        seen = set()
        for one in self.entries:
            if not _plain(one) or not safe(one.filename) or one.filename in seen:
                raise BadArchive(f"it holds {one.filename[:80]!r}, which no demo state does")
            seen.add(one.filename)
        size = sum(one.file_size for one in self.entries)
        if len(self.entries) > MOST_FILES or size > MOST_BYTES:
            raise BadArchive(
                f"it unpacks to {len(self.entries):,} files and {size / 1e9:.1f} GB; "
                f"at most {MOST_FILES:,} and {MOST_BYTES / 1e9:g} are taken"
            )
        if (len(self.entries), size) != (self.manifest.files, self.manifest.size):
            raise BadArchive("it is not whole: files are missing or changed")


@contextmanager
def reading(source: Path | IO[bytes]) -> Iterator[Archive]:
    """An archive, once its entries and its manifest were checked.

    Args:
        source: the file, by its name or open.

    Raises:
        BadArchive: it is no demo state, damaged, of another format version, or not to be trusted.
    """
    try:
        file = zipfile.ZipFile(source)
    except FileNotFoundError:
        raise BadArchive(f"there is no file {source}") from None
    except (*_DAMAGED, OSError, ValueError):
        raise BadArchive("it is no demo state, or only the beginning of one") from None
    with file:
        yield Archive(file)


@contextmanager
def _damage(name: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGED:
        raise BadArchive(f"it is damaged at {name}") from None


def _plain(one: zipfile.ZipInfo) -> bool:
    """Whether an entry is an ordinary file: no link, no folder, no secret, no other packing."""
    kind = stat.S_IFMT(one.external_attr >> 16)
    return (
        kind in (0, stat.S_IFREG)
        and not one.is_dir()
        and not one.flag_bits & 0x1
        and one.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    )


def safe(name: str) -> bool:
    """Whether a name leads to where such a file belongs, on any system."""
    parts = name.split("/")
    return (
        len(parts) > 1
        and parts[0] in FOLDERS
        and str(PurePosixPath(name)) == name
        and all(_NAME.fullmatch(part) and part.strip(".") for part in parts)
    )
