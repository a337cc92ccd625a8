"""The sandbox for queries: what they may read, and the limits that they run in."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline import sandbox
from pipeline.sandbox import QueryError

SEATS = pa.table({"seat": ["7A", "12F"], "facts": ['{"cabin": "economy"}', "{}"]})
TABLES = {"context": SEATS, "record.seats": SEATS}


def run(sql: str, seconds: float = sandbox.SECONDS) -> sandbox.Rows:
    return sandbox.run(sandbox.read(sql), TABLES, seconds)


def test_reads_its_tables_and_json() -> None:
    found = run("SELECT seat, facts->>'cabin' AS cabin FROM context ORDER BY seat; -- both")
    assert found.columns == ("seat", "cabin")
    assert found.rows == [("12F", None), ("7A", "economy")]
    assert not found.cut


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("FROM Context", {"context"}),
        ("SELECT * FROM main.context JOIN record.seats USING (seat)", {"context", "record.seats"}),
        ("WITH mine AS (FROM context) FROM mine", {"context"}),
        ("SELECT (SELECT count(*) FROM record.seats)", {"record.seats"}),
        ("FROM range(3)", set()),
        ("DESCRIBE context", {"context"}),
    ],
)
def test_says_which_tables_a_query_reads(sql: str, tables: set[str]) -> None:
    assert sandbox.read(sql).tables == tables


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE mine AS FROM context",
        "INSERT INTO context SELECT * FROM context",
        "DELETE FROM context",
        "DROP VIEW context",
        "COPY context TO 'stolen.csv'",
        "ATTACH 'other.db'",
        "INSTALL httpfs",
        "LOAD sqlite",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "CALL pragma_version()",
        "EXPORT DATABASE 'all'",
        "SELECT 1; DROP VIEW context",
        "",
        "-- nothing",
        "SHOW TABLES",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM (SELECT * FROM read_csv('/etc/hostname'))",
        "SELECT (SELECT content FROM read_blob('/etc/hostname'))",
        "FROM glob('/*')",
        "FROM arrow_scan(1, 2, 3)",
        "FROM query('SELECT 1')",
        "FROM duckdb_settings()",
        "x" * (sandbox.LONGEST + 1),
    ],
)
def test_refuses_what_is_not_one_harmless_select(sql: str) -> None:
    with pytest.raises(QueryError) as refused:
        sandbox.read(sql)
    assert "\n" not in str(refused.value)


def test_files_are_out_of_reach_even_where_the_reader_is_bypassed(tmp_path: Path) -> None:
    """The connection itself refuses: the list of functions is not the only lock."""
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    for sql in (
        f"SELECT * FROM read_csv('{secret}')",
        f"SELECT * FROM '{secret}'",
        f"COPY context TO '{tmp_path / 'stolen.csv'}'",
        f"ATTACH '{tmp_path / 'other.db'}'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "FROM SEATS",
    ):
        with pytest.raises(QueryError):
            sandbox.run(sandbox.Select(sql, frozenset()), TABLES)
    assert [one.name for one in tmp_path.iterdir()] == ["secret.csv"]


def test_rows_are_limited_and_it_is_said() -> None:
    found = run(f"FROM range({sandbox.ROWS + 1})")
    assert (len(found.rows), found.cut) == (sandbox.ROWS, True)
    assert not run(f"FROM range({sandbox.ROWS})").cut


def test_time_is_limited() -> None:
    endless = (
        "WITH RECURSIVE r AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM r) SELECT sum(a) FROM r"
    )
    with pytest.raises(QueryError, match="Stopped after"):
        run(endless, seconds=0.2)


def test_memory_is_limited() -> None:
    with pytest.raises(QueryError, match="256MB of memory"):
        run("SELECT list(a) FROM range(100_000_000) t(a)")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT seet FROM context", 'column "seet" not found'),
        ("SELECT CAST(seat AS INTEGER) FROM context", "Could not convert string '7A'"),
        ("SELEC 1", "syntax error"),
    ],
)
def test_errors_are_one_sentence(sql: str, said: str) -> None:
    with pytest.raises(QueryError, match=said) as wrong:
        run(sql)
    assert "\n" not in str(wrong.value)
    assert "LINE" not in str(wrong.value)
