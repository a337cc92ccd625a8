"""The page Query both worlds, its pure parts: differences, charts, the examples that it offers."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline import sandbox
from pipeline.sandbox import Rows
from pipeline.schema import Arm
from ui import query_chart
from ui.query import examples
from ui.row_differences import ONLY_HERE, SAME, compare, key_size


def rows(*found: tuple[Any, ...]) -> Rows:
    return Rows(tuple("abc"[: len(found[0])]), list(found), False, 1.0)


def test_rows_are_matched_by_the_columns_that_name_them() -> None:
    here = [("EA1", "on time", 3), ("EA2", "delayed", 1), ("EA4", "x", 0)]
    there = [("EA2", "delayed", 1), ("EA1", "cancelled", 3), ("EA3", "x", 0)]
    marked = compare(("flight", "status", "bags"), here, there)
    assert marked.marks == ["≠ status", SAME, ONLY_HERE]
    assert marked.cells == {(0, 1)}
    assert marked.differing == 2


def test_a_key_may_take_two_columns() -> None:
    here, there = [("JFK", "a", 1), ("JFK", "b", 2)], [("JFK", "a", 1), ("JFK", "b", 9)]
    assert key_size(3, here, there) == 2
    assert compare(("x", "y", "z"), here, there).marks == [SAME, "≠ z"]


def test_rows_that_nothing_names_are_counted() -> None:
    marked = compare(("x",), [("a",), ("a",), ("b",)], [("a",)])
    assert marked.marks == [SAME, ONLY_HERE, ONLY_HERE]


def test_lists_and_nulls_can_be_compared() -> None:
    assert compare(("x", "y"), [(None, ["a"])], [(None, ["a"])]).marks == [SAME]


def test_categories_are_bars_and_times_are_lines() -> None:
    both: dict[Arm, Rows] = {"batch": rows(("x", 1), ("y", 2)), "stream": rows(("x", 1), ("z", 4))}
    assert query_chart.axes(both) == (0, 1)
    bars = query_chart.figure(both, 0, 1)["data"]
    assert [one["type"] for one in bars] == ["bar", "bar"]
    assert [one["y"] for one in bars] == [[1.0, 2.0, None], [1.0, None, 4.0]]
    times: dict[Arm, Rows] = {"batch": rows(("2013-02-08T05:00:00.000Z", 1))}
    assert query_chart.figure(times, 0, 1)["data"][0]["type"] == "scatter"


@pytest.mark.parametrize(
    "found", [rows(("x", "y")), rows((1, 2)), rows(("x",)), rows(("x", 1), ("x", 2))]
)
def test_what_cannot_be_drawn_is_not(found: Rows) -> None:
    assert query_chart.axes({"batch": found}) is None


@pytest.mark.parametrize("label", examples())
def test_every_example_is_a_query(label: str) -> None:
    assert sandbox.read(examples()[label]["sql"]).tables
    assert examples()[label]["look"].endswith(".")
