"""Where two results of one query differ, row by row. Pure.

Rows are matched by the fewest leading columns that name each row of both results; where no columns
do, by all that they hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SAME, ONLY_HERE = "= same", "+ only here"
Row = Sequence[Any]


@dataclass(frozen=True)
class Marked:
    """A mark a row: `SAME`, `ONLY_HERE`, or "≠ " and the columns that differ."""

    marks: list[str]
    cells: set[tuple[int, int]]  # (row, column) that differ from the other result's

    @property
    def differing(self) -> int:
        """How many rows are not the same."""
        return sum(mark != SAME for mark in self.marks)


def compare(columns: Sequence[str], here: Sequence[Row], there: Sequence[Row]) -> Marked:
    """What `here` has that `there` has not, or has otherwise; both have these columns."""
    size = key_size(len(columns), here, there)
    if size is None:
        return _by_whole_rows(here, there)
    others = {_key(row[:size]): row for row in there}
    marks: list[str] = []
    cells: set[tuple[int, int]] = set()
    for number, row in enumerate(here):
        other = others.get(_key(row[:size]))
        if other is None:
            marks.append(ONLY_HERE)
            continue
        differ = [
            place for place in range(len(columns)) if _key([row[place]]) != _key([other[place]])
        ]
        cells |= {(number, place) for place in differ}
        marks.append("≠ " + ", ".join(columns[place] for place in differ) if differ else SAME)
    return Marked(marks, cells)


def key_size(columns: int, *results: Sequence[Row]) -> int | None:
    """How many leading columns name a row in each of the results; None if not all but one do."""
    for size in range(1, max(columns, 2)):
        if all(len({_key(row[:size]) for row in rows}) == len(rows) for rows in results):
            return size
    return None


def _by_whole_rows(here: Sequence[Row], there: Sequence[Row]) -> Marked:
    left = Counter(_key(row) for row in there)
    marks = []
    for row in here:
        found = left[_key(row)] > 0
        left[_key(row)] -= found
        marks.append(SAME if found else ONLY_HERE)
    return Marked(marks, set())


def _key(values: Sequence[Any]) -> str:
    return repr(tuple(values))  # lists and structs of SQL cannot be hashed
