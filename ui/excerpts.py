"""Excerpts of the product's own source: the lines of a function, class or SQL statement. Pure.

They are read from the files, so what the page shows is what runs.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.settings import ROOT


@dataclass(frozen=True)
class Excerpt:
    """Lines `first` to `last` (from 1) of a file below the project's root."""

    file: str
    first: int
    last: int
    text: str

    @property
    def language(self) -> str:
        """For syntax colours."""
        return "sql" if self.file.endswith(".sql") else "python"

    @property
    def place(self) -> str:
        """`pipeline/stream.py:62`: what an editor opens."""
        return f"{self.file}:{self.first}"


@cache
def excerpt(reference: str) -> Excerpt:
    """The lines that a reference names.

    Args:
        reference: `file:symbol` of Python (`Class.method` for a method), `file:table` of SQL (the
            statement that creates it), or a file alone.

    Raises:
        LookupError: there is no such file, or no such name in it.
    """
    file, _, name = reference.partition(":")
    path = ROOT / file
    if not path.is_file():
        raise LookupError(f"{reference}: no such file")
    source = path.read_text(encoding="utf-8")
    if not name:
        first, last = 1, len(source.splitlines())
    elif path.suffix == ".sql":
        first, last = _statement(source, name, reference)
    else:
        first, last = _definition(path, name, reference)
    lines = source.splitlines()[first - 1 : last]
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return Excerpt(file, first, last, "\n".join(line[indent:] for line in lines))


def _definition(path: Path, name: str, reference: str) -> tuple[int, int]:
    """First and last line of a function, class or method, decorators included."""
    inside: list[ast.stmt] = ast.parse(path.read_text(encoding="utf-8")).body
    found: ast.FunctionDef | ast.ClassDef | None = None
    for part in name.split("."):
        found = next(
            (
                node
                for node in inside
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == part
            ),
            None,
        )
        if found is None:
            raise LookupError(f"{reference}: no {part} there")
        inside = found.body
    if found is None or found.end_lineno is None:
        raise LookupError(reference)
    first = min([found.lineno, *(one.lineno for one in found.decorator_list)])
    return first, found.end_lineno


def _statement(source: str, table: str, reference: str) -> tuple[int, int]:
    """First and last line of the statement that creates a table or view, comment included."""
    lines = source.splitlines()
    creates = re.compile(rf"\bCREATE\b.*\b(TABLE|VIEW)\s+{re.escape(table)}\b")
    first = next((place for place, line in enumerate(lines) if creates.search(line)), None)
    if first is None:
        raise LookupError(f"{reference}: nothing creates {table}")
    last = next(place for place in range(first, len(lines)) if lines[place].endswith(";"))
    while first > 0 and lines[first - 1].startswith("--"):
        first -= 1
    return first + 1, last + 1
