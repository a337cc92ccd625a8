"""Tables of the system of record and of its outbox, and the connection to them.

SQLAlchemy Core, no ORM: the rows are the model. Times are RFC 3339 text in UTC with milliseconds
(they sort as text), wall-clock stamps are floats (seconds since the epoch).
"""

from __future__ import annotations

import json
import uuid
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Engine,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    Text,
    create_engine,
    event,
    select,
)
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.pool import QueuePool

SCHEMA = 3  # raise it when a table changes: a state folder of another one is refused
metadata = MetaData()

Arm = Literal["stream", "batch"]
ARMS: tuple[Arm, Arm] = ("batch", "stream")

customers = Table(
    "customers",
    metadata,
    Column("customer_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("email", String),
    Column("phone", String),
    Column("tier", String, nullable=False),
    Column("changed_at", String, nullable=False, default=""),
    Column("at_risk", Boolean, nullable=False, default=False),  # written by reverse ETL
    Column("at_risk_as_of", String),
)
flights = Table(
    "flights",
    metadata,
    Column("flight_number", String, primary_key=True),
    Column("date", String, primary_key=True),
    Column("origin", String, nullable=False),
    Column("destination", String, nullable=False),
    Column("scheduled_departure", String, nullable=False),
    Column("scheduled_arrival", String, nullable=False),
    Column("departure", String, nullable=False),  # as known now: estimated, then actual
    Column("arrival", String, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", String),
    Column("gate", String),
    Column("status_changed_at", String, nullable=False, default=""),
    Column("gate_changed_at", String, nullable=False, default=""),
)
bookings = Table(
    "bookings",
    metadata,
    Column("locator", String, primary_key=True),
    Column("customer_id", String, nullable=False, index=True),
    Column("cabin", String, nullable=False),
    Column("insurance", Boolean, nullable=False),
    Column("created_at", String, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", String),
    Column("changed_at", String, nullable=False, default=""),
)
segments = Table(
    "segments",
    metadata,
    Column("locator", String, primary_key=True),
    Column("segment", Integer, primary_key=True),
    Column("flight_number", String, nullable=False),
    Column("date", String, nullable=False),
    Column("seat", String),
    Index("segments_flight", "flight_number", "date"),
)
passengers = Table(
    "passengers",
    metadata,
    Column("locator", String, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", String, nullable=False),
)
bags = Table(
    "bags",
    metadata,
    Column("tag", String, primary_key=True),
    Column("locator", String, nullable=False, index=True),
    Column("status", String, nullable=False),
    Column("location", String),
    Column("flight_number", String),
    Column("changed_at", String, nullable=False, default=""),
)
interactions = Table(
    "interactions",
    metadata,
    Column("interaction_id", String, primary_key=True),
    Column("customer_id", String, nullable=False, index=True),
    Column("channel", String, nullable=False),
    Column("direction", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("handled_by", String),
    Column("occurred_at", String, nullable=False),
)
payments = Table(
    "payments",
    metadata,
    Column("payment_id", String, primary_key=True),
    Column("customer_id", String, nullable=False, index=True),
    Column("locator", String),
    Column("payment_type", String, nullable=False),
    Column("amount", Float, nullable=False),
    Column("currency", String, nullable=False),
    Column("occurred_at", String, nullable=False),
)
policies = Table(
    "policies",
    metadata,
    Column("slug", String, primary_key=True),
    Column("title", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("changed_at", String, nullable=False, default=""),
)

outbox = Table(
    "outbox",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("event_id", String, nullable=False, unique=True),
    Column("source", String, nullable=False),
    Column("type", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("customer_id", String),
    Column("occurred_at", String, nullable=False),
    Column("body", LargeBinary, nullable=False),  # the event as JSON, or a raw item verbatim
    Column("breach", Text),  # why a raw item is no event: it breaks the contract or the record
    Column("before", JSON, nullable=False),  # images of the entities it changed: [{kind, key, row}]
    Column("after", JSON, nullable=False),
    Column("recorded_at", Float, nullable=False),
    Column("published_at", Float),
    Index("outbox_unpublished", "published_at"),
    Index("outbox_subject", "subject"),  # an entity's history, for the judge
)
progress = Table(
    "progress",
    metadata,
    Column("arm", String, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("outcome", String, nullable=False),  # searchable, unchanged, dead_letter, rejected
    Column("consumed_at", Float),
    Column("validated_at", Float),
    Column("extracted_at", Float),
    Column("bronze_at", Float),
    Column("silver_at", Float),
    Column("gold_at", Float),
    Column("embedded_at", Float),
    Column("searchable_at", Float, nullable=False),
    Column("table_version", Integer),  # of the arm's context table from then on
)
dead_letters = Table(
    "dead_letters",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("arm", String, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("found_at", Float, nullable=False),
)
batch_runs = Table(
    "batch_runs",
    metadata,
    Column("run_id", Integer, primary_key=True),
    Column("airline_time", String, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("extracted_at", Float),
    Column("bronze_at", Float),
    Column("silver_at", Float),
    Column("gold_at", Float),
    Column("reverse_etl_at", Float),
    Column("embedded_at", Float),
    Column("searchable_at", Float),
    Column("counts", JSON, nullable=False),
    Column("error", Text),
)
aggregates = Table(
    "aggregates",
    metadata,
    Column("arm", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("window_start", String, primary_key=True),
    Column("value", Float, nullable=False),
    Column("version", Integer, nullable=False),  # outbox sequence of the newest event in it
)
control = Table(
    "control",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", JSON, nullable=False),
)
baseline = Table(
    "baseline",
    metadata,
    Column("table_name", String, primary_key=True),
    Column("rows", JSON, nullable=False),
)

WORLD_TABLES = (
    customers,
    flights,
    bookings,
    segments,
    passengers,
    bags,
    interactions,
    payments,
    policies,
)
LOG_TABLES = (outbox, progress, dead_letters, batch_runs, aggregates)


class Database:
    """The record's database. `write()` is one transaction, `read()` one consistent view."""

    def __init__(self, url: str) -> None:
        """Connect to a SQLAlchemy URL and make the tables that are missing.

        Raises:
            sqlalchemy.exc.OperationalError: the database cannot be reached or written.
        """
        self.url = url
        self._engine = _engine(url)
        self._reader = self._engine.execution_options(read_only=True)
        metadata.create_all(self._engine)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One read-write transaction; commits at the end, rolls back on any exception."""
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One read transaction."""
        with self._reader.connect() as connection:
            yield connection

    def rows(self, query: Select[Any, Any, Any] | Select[Any]) -> list[dict[str, Any]]:
        """All rows of a query as dicts."""
        with self.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def get(self, name: str, default: Any = None) -> Any:
        """One value of the control table."""
        with self.read() as connection:
            return get_control(connection, name, default)

    def put(self, name: str, value: Any) -> None:
        """Set one value of the control table."""
        with self.write() as connection:
            put_control(connection, name, value)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


def get_control(connection: Connection, name: str, default: Any = None) -> Any:
    """One value of the control table, inside a transaction."""
    found = connection.execute(select(control.c.value).where(control.c.name == name)).first()
    return default if found is None else found[0]


def put_control(connection: Connection, name: str, value: Any) -> None:
    """Set one value of the control table, inside a transaction."""
    connection.execute(control.delete().where(control.c.name == name))
    connection.execute(control.insert().values(name=name, value=value))


@cache
def database(url: str) -> Database:
    """The one `Database` of this process for a URL."""
    return Database(url)


def in_memory() -> Database:
    """A database of its own in this process's memory; it is gone with its last reference."""
    made = Database(f"sqlite:///file:{uuid.uuid4()}?mode=memory&cache=shared&uri=true")
    weakref.finalize(made, made._engine.dispose)
    return made


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(url, json_serializer=_compact)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        json_serializer=_compact,
        # Many threads of one page server share the pool; SQLite serialises the writers itself.
        connect_args={"check_same_thread": False, "timeout": 30},
        poolclass=QueuePool,
        pool_size=16,
        max_overflow=32,
    )
    event.listen(engine, "connect", _sqlite_connect)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connect(connection: Any, _: object) -> None:
    # The driver must not open transactions by itself: it would open a read one and upgrade it
    # later, which fails at once ("database is locked") when another process wrote in between.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("read_only")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
