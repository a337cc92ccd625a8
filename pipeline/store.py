"""The context stores: two LanceDB tables of one schema, one an arm.

Upserts are idempotent and guarded by version: an older version of a document never replaces a
newer one, and the same version changes nothing. Each upsert is one atomic commit, so a reader sees
the table before it or after it. One process writes a table; any number read it.
"""

from __future__ import annotations

import contextlib
import copy
import json
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import lancedb
import pyarrow as pa
from lancedb import col
from lancedb.index import FTS
from lancedb.query import MatchQuery

from pipeline.documents import Document
from pipeline.embed import DIMENSIONS, Vectors, WrongEncoder
from pipeline.schema import ARMS, Arm

__all__ = ["ARMS", "Arm", "ContextStore", "Embedded", "Forgotten", "Found"]

STAGE_TIMES = (
    "recorded_at",
    "published_at",
    "consumed_at",
    "extracted_at",
    "bronze_at",
    "silver_at",
    "gold_at",
    "embedded_at",
)
# Commits after which a table is compacted. Each commit adds a fragment: a search takes 8 ms on a
# compacted table, 12 ms on 32 fragments and 17 ms on 64, an upsert likewise. What these commits
# wrote is then merged into one fragment (as an LSM tree's minor compaction; 50 ms, the rows that
# changed); after MAJOR_EVERY of those the whole table is rewritten (0.2 to 0.6 s, 13 MB). Rewriting
# it every time would take 0.5 MB of disk a commit, gigabytes a played day, for the versions stay.
COMPACT_EVERY = 32
COMPACT_WHEN_IDLE = 8
MAJOR_EVERY = 16
MOST_MERGED = 2_000  # documents; to merge more is to rewrite the table
# Versions that are kept for time travel: a whole day played at the default pace is some 6 000 of
# 100 KB. Deleting reads every version's manifest, half a second for 2 000, so it is done seldom.
KEEP_VERSIONS = 6_000
CLEAN_EVERY = 4_000
CACHE_BYTES = (16_000_000, 32_000_000)  # index and metadata; LanceDB's own 7 GB would be filled
_ENCODER = b"encoder"


def schema(encoder_name: str) -> pa.Schema:
    """The tables' schema. Stage times are wall clock, seconds since the epoch, null if unknown.

    `searchable_at` is not a column: no row can hold the moment at which its own commit finished.
    It is kept in the record's `progress`, by outbox sequence, which is a document's `version`.
    """
    return pa.schema(
        [
            # Lance treats a marked field as the unenforced primary key: concurrent writers that
            # insert the same new key conflict and retry instead of duplicating it.
            pa.field(
                "doc_id",
                pa.string(),
                nullable=False,
                metadata={b"lance-schema:unenforced-primary-key": b"true"},
            ),
            pa.field("kind", pa.string()),
            pa.field("customer_ids", pa.list_(pa.string())),
            # The same ids as one string, `|C0001|`, empty for public documents: LanceDB's
            # expressions can search a string without any formatting of SQL, but not a list.
            pa.field("audience", pa.string()),
            pa.field("entities", pa.list_(pa.string())),
            pa.field("text", pa.string()),
            pa.field("facts", pa.string()),  # JSON object, attribute -> value
            pa.field("occurred_at", pa.string()),
            pa.field("version", pa.int64()),
            *(pa.field(name, pa.float64()) for name in STAGE_TIMES),
            pa.field("vector", pa.list_(pa.float32(), DIMENSIONS)),
        ],
        metadata={_ENCODER: encoder_name.encode()},
    )


@dataclass(frozen=True)
class Embedded:
    """A document with its vector and the wall times of the stages it went through."""

    document: Document
    vector: Any  # (384,) floats
    stages: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """A document as read back. `score` is the cosine distance (0: same), None if not by vector."""

    document: Document
    stages: dict[str, float | None]
    score: float | None


class Forgotten(LookupError):
    """The version that was asked for has been deleted: only the newest ones are kept."""


class ContextStore:
    """One arm's table."""

    def __init__(self, uri: str, arm: Arm, encoder_name: str) -> None:
        """Open the arm's table, or make it.

        Raises:
            WrongEncoder: the table was filled by another encoder.
        """
        self.arm = arm
        # Zero: every read asks for the newest commit. With the default a handle never sees what
        # another process wrote.
        self._database = database = lancedb.connect(
            uri, read_consistency_interval=timedelta(0), session=lancedb.Session(*CACHE_BYTES)
        )
        self._name = name = f"context_{arm}"
        self._schema = schema(encoder_name)
        try:
            self.table = database.create_table(name, schema=self._schema, exist_ok=True)
        except ValueError:  # it is there, with another schema, of which the encoder is a part
            made_by = (database.open_table(name).schema.metadata or {}).get(_ENCODER, b"").decode()
            if made_by == encoder_name:
                raise
            raise WrongEncoder(
                f"{name} holds vectors of {made_by or 'an unknown encoder'}, EMBEDDER is "
                f"{encoder_name}: set EMBEDDER back, or delete the state folder to start over"
            ) from None
        if not self.table.list_indices():  # made here, before there is a row, it costs 2 ms
            self.table.create_index("text", config=FTS())
        self._columns = [name for name in self._schema.names if name != "vector"]
        self._changed: set[str] = set()  # documents written since the last compaction
        self._commits = 0  # since the last compaction
        self._merges = 0  # since the table was rewritten
        self._written: deque[float] = deque(maxlen=KEEP_VERSIONS)  # wall times of commits
        self._since_cleaned = 0

    def upsert(self, embedded: Sequence[Embedded]) -> int:
        """Insert new documents and replace older versions, in one atomic commit.

        Returns:
            the table's version after the commit.
        """
        if not embedded:
            return int(self.table.version)
        rows = pa.Table.from_pylist([_row(one) for one in _newest(embedded)], schema=self._schema)
        started = time.time()
        result = (
            self.table.merge_insert("doc_id")
            .when_matched_update_all(where="target.version < source.version")
            .when_not_matched_insert_all()
            .execute(rows)
        )
        self._commits += 1
        self._since_cleaned += 1
        self._written.append(started)
        self._changed |= {one.document.doc_id for one in embedded}
        return int(result.version)

    def compact_when_due(self, *, idle: bool = False) -> bool:
        """Compact after every `COMPACT_EVERY` commits, so that search stays fast.

        Args:
            idle: nothing waits to be written; `COMPACT_WHEN_IDLE` commits are then enough.
        """
        if self._commits < (COMPACT_WHEN_IDLE if idle else COMPACT_EVERY):
            return False
        if self._merges >= MAJOR_EVERY or len(self._changed) > MOST_MERGED:
            self.compact()
        else:
            self._merge()
        return True

    def compact(self) -> None:
        """Rewrite the table as one fragment, index its text, delete versions beyond those kept."""
        keep = None  # LanceDB's own default, a week
        if self._since_cleaned >= CLEAN_EVERY and len(self._written) == KEEP_VERSIONS:
            keep = timedelta(seconds=time.time() - self._written[0])
            self._since_cleaned = 0
        self.table.optimize(cleanup_older_than=keep)
        self._merges = 0
        self._begin_again()

    def _merge(self) -> None:
        """Write what changed lately once more, as one fragment, in one commit."""
        rows = self.table.search().where(col("doc_id").isin(sorted(self._changed)))
        (
            self.table.merge_insert("doc_id")
            # Unless another writer was quicker: then theirs is newer.
            .when_matched_update_all(where="target.version = source.version")
            .execute(rows.limit(_NO_LIMIT).to_arrow())
        )
        self._merges += 1
        self._begin_again()

    def _begin_again(self) -> None:
        self._commits = 0
        self._changed = set()

    @property
    def version(self) -> int:
        """The table's version: what `at` takes."""
        return int(self.table.version)

    def at(self, version: int) -> ContextStore:
        """This store as it was at a version, for reading.

        Raises:
            Forgotten: the version has been deleted.
        """
        past = copy.copy(self)
        past.table = self._database.open_table(self._name)
        try:
            past.table.checkout(version)
        except ValueError as gone:
            raise Forgotten(f"{self._name} has no version {version} any more") from gone
        return past

    def search(
        self,
        vector: Vectors,
        customer_id: str,
        limit: int,
        *,
        flights: Sequence[str] | None = None,
    ) -> list[Found]:
        """The `limit` nearest documents that this customer may see: their own and public ones.

        Args:
            flights: of the flights only these, by document id; None: all.
        """
        nearest: Any = self.table.search(vector, vector_column_name="vector")
        # Without the vectors of what is found: nobody reads them, and they are most of the bytes.
        query = nearest.distance_type("cosine").select([*self._columns, "_distance"])
        rows = query.where(_searched(customer_id, flights)).limit(limit).to_list()
        return [_found(row) for row in rows]

    def search_text(
        self, words: str, customer_id: str, limit: int, *, flights: Sequence[str] | None = None
    ) -> list[Found]:
        """The `limit` documents that these words fit best (BM25), of those that `search` searches.

        Stemmed, without stop words; no word is an operator. What was written since the last
        compaction is not in the index yet: LanceDB reads those rows beside it.
        """
        match: Any = MatchQuery  # its defaults are pydantic's, which mypy does not see
        query: Any = self.table.search(match(words, "text"), query_type="fts")
        found = query.select([*self._columns, "_score"]).where(_searched(customer_id, flights))
        return [_found(row) for row in found.limit(limit).to_list()]

    def lookup(self, doc_ids: Sequence[str], customer_id: str) -> list[Found]:
        """Documents by id, of those that this customer may see."""
        if not doc_ids:
            return []
        condition = col("doc_id").isin(list(doc_ids)) & _visible_to(customer_id)
        return self._scan(condition)

    def of_customer(self, customer_id: str) -> list[Found]:
        """Every document that is this customer's own."""
        return self._scan(_own(customer_id))

    def public(self, kind: str, facts: Mapping[str, str]) -> list[Found]:
        """Public documents of a kind that hold all of these facts."""
        condition = (col("kind") == kind) & (col("audience") == "")
        for name, value in facts.items():
            # As `_row` writes them; the quotation marks keep a value from being part of another.
            pair = json.dumps({name: value}, ensure_ascii=False)[1:-1]
            condition &= col("facts").contains(pair)
        return self._scan(condition)

    def newer_than(self, version: int) -> list[Found]:
        """Documents whose version is greater than `version`."""
        return self._scan(col("version") > version)

    def read(self, doc_ids: Sequence[str]) -> dict[str, Document]:
        """Documents by id, whoever they are of: for those who watch both arms, never an agent."""
        if not doc_ids:
            return {}
        found = self._scan(col("doc_id").isin(list(doc_ids)))
        return {one.document.doc_id: one.document for one in found}

    def contents(self) -> list[Document]:
        """Every document, by id; for comparing stores."""
        # One query: a count first would be of another version than the rows.
        rows = self.table.search().select(self._columns).limit(_NO_LIMIT).to_list()
        return sorted((_found(row).document for row in rows), key=lambda one: one.doc_id)

    def arrow(self) -> Any:
        """Every document as a pyarrow.Table, stage times and all, without the vectors."""
        return self.table.search().select(self._columns).limit(_NO_LIMIT).to_arrow()

    def count(self) -> int:
        """Number of documents."""
        return int(self.table.count_rows())

    def versions(self) -> int:
        """Number of the newest commit: how often the table was written, compactions included."""
        return int(self.table.version)

    def fragments(self) -> int:
        """Files of rows that a search has to open; each upsert adds one, a compaction merges."""
        stats: Any = self.table.stats()  # annotated as an object, and a dict in LanceDB 0.40
        return int(stats["fragment_stats"]["num_fragments"])

    def mark_baseline(self) -> None:
        """Remember the contents as those that `to_baseline` returns to."""
        # A table of its own: a tag would keep every version since from being deleted.
        rows = self.table.search().limit(_NO_LIMIT).to_arrow().cast(self._schema)
        with contextlib.suppress(ValueError):  # there was none
            self._database.drop_table(self._baseline)
        self._database.create_table(self._baseline, rows, schema=self._schema)

    def to_baseline(self) -> None:
        """Return to what was remembered, in one commit that every reader sees at once."""
        baseline = self._database.open_table(self._baseline)
        (
            self.table.merge_insert("doc_id")  # an overwritten table would lose its index
            .when_matched_update_all()
            .when_not_matched_insert_all()
            .when_not_matched_by_source_delete()
            .execute(baseline.to_arrow())
        )
        self.compact()

    def check_baseline(self) -> int:
        """Number of documents that `to_baseline` returns to.

        Raises:
            ValueError: nothing was remembered.
        """
        return int(self._database.open_table(self._baseline).count_rows())

    def move_times(self, by_s: float) -> None:
        """Add wall seconds to the stage times of every document; its version stays."""
        later = {name: f"{name} + {by_s!r}" for name in STAGE_TIMES}
        self.table.update(where="recorded_at IS NOT NULL", values_sql=later)
        # Not `compact`: versions older than a week are the past of a state that lay in a file.
        self.table.optimize(cleanup_older_than=timedelta(days=36_500))

    @property
    def _baseline(self) -> str:
        return f"baseline_{self.arm}"

    def clear(self) -> None:
        """Remove every document."""
        self.table.delete("true")

    def _scan(self, condition: Any) -> list[Found]:
        query = self.table.search().where(condition).select(self._columns)
        rows = query.limit(_NO_LIMIT).to_list()
        return [_found(row) for row in rows]


_NO_LIMIT = 1_000_000


def _audience(customer_id: str) -> str:
    # The bar is the separator: an id that holds one could name somebody else's documents.
    if not customer_id or "|" in customer_id:
        raise ValueError(f"{customer_id!r} is no customer id")
    return f"|{customer_id}|"


def _own(customer_id: str) -> Any:
    return col("audience").contains(_audience(customer_id))


def _visible_to(customer_id: str) -> Any:
    return _own(customer_id) | (col("audience") == "")


def _searched(customer_id: str, flights: Sequence[str] | None) -> Any:
    if flights is None:
        return _visible_to(customer_id)
    # One that no document has: LanceDB takes no empty list.
    among = col("doc_id").isin([*flights, ""])
    return _visible_to(customer_id) & ((col("kind") != "flight") | among)


def _newest(embedded: Sequence[Embedded]) -> list[Embedded]:
    # Two new rows with one key in one upsert would both be inserted, silently.
    newest: dict[str, Embedded] = {}
    for one in embedded:
        known = newest.get(one.document.doc_id)
        if known is None or known.document.version <= one.document.version:
            newest[one.document.doc_id] = one
    return list(newest.values())


def _row(one: Embedded) -> dict[str, Any]:
    document = one.document
    return {
        "doc_id": document.doc_id,
        "kind": document.kind,
        "customer_ids": list(document.customer_ids),
        "audience": "".join(_audience(customer) for customer in document.customer_ids),
        "entities": list(document.entities),
        "text": document.text,
        "facts": json.dumps(document.facts, ensure_ascii=False),
        "occurred_at": document.occurred_at,
        "version": document.version,
        **{name: one.stages.get(name) for name in STAGE_TIMES},
        "vector": one.vector,
    }


def _found(row: dict[str, Any]) -> Found:
    document = Document(
        doc_id=row["doc_id"],
        kind=row["kind"],
        customer_ids=tuple(row["customer_ids"]),
        entities=tuple(row["entities"]),
        text=row["text"],
        facts=cast("dict[str, str]", json.loads(row["facts"])),
        occurred_at=row["occurred_at"],
        version=row["version"],
    )
    stages = {name: row[name] for name in STAGE_TIMES}
    return Found(document, stages, row.get("_distance"))
