"""Write the README's annotated tree from the first line of each module's docstring: `make tree`."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.bootstrap import ROOT, say

README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- tree -->\n```text\n).*?(```\n<!-- /tree -->)", re.DOTALL)
COLUMN = 26

# Top to bottom as imports point; a folder's comment is its package's docstring, or stands here.
PARTS = ("app.py", "pages", "ui", "agent", "pipeline", "data", "static", "docs", "scripts", "tests")
SAID_HERE = {
    "pages": "one page a file, drawn by ui/",
    "data": "files, not code: the world, its replay, policies, prompts",
    "data/agent": "prompts, intents, policies of conduct",
    "data/replay": "the two days as CloudEvents, and a raw feed",
    "data/source": "the real departures of 8 and 9 February 2013",
    "data/stories": "the stories that the demo tells",
    "data/workshop": "exercises",
    "data/world": "the default airline: CSV files and policies",
    "docs": "for readers",
    "docs/architecture.md": "one event, file by file",
    "docs/decisions.md": "what was chosen, why, what would change it",
    "docs/performance.md": "the figures, and the command that makes them",
    "static": "what the page loads by itself",
    "scripts": "set-up, from the standard library alone",
    "tests": "`make test`",
}
# Named as one line; the product's own folders are named file by file.
FOLDED = ("scripts", "tests", "data/builder")


def lines(path: Path, order: tuple[str, ...]) -> Iterator[str]:
    """The line of a file or folder, and those of what it holds."""
    name = path.relative_to(ROOT).as_posix()
    depth = name.count("/")
    label = "  " * depth + path.name + ("/" if path.is_dir() else "")
    yield f"{label:<{COLUMN}}# {comment(path)}\n"
    if path.is_dir() and name not in FOLDED:
        for child in sorted(filter(is_named, path.iterdir()), key=lambda each: rank(each, order)):
            yield from lines(child, order)


def is_named(path: Path) -> bool:
    if path.name.startswith((".", "__pycache__", "__init__")):
        return False
    name = path.relative_to(ROOT).as_posix()
    return path.suffix == ".py" or bool(comment(path)) or name in SAID_HERE


def comment(path: Path) -> str:
    """The first line of the docstring, of the package's where it is a folder."""
    source = path / "__init__.py" if path.is_dir() else path
    name = path.relative_to(ROOT).as_posix()
    if name in SAID_HERE or source.suffix != ".py" or not source.exists():
        return SAID_HERE.get(name, "")
    docstring = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n", maxsplit=1)[0].rstrip(".")


def rank(path: Path, order: tuple[str, ...]) -> tuple[int, str]:
    """In an event's way where the shape test gives one, else by name."""
    return (order.index(path.stem) if path.stem in order else len(order), path.name)


def event_way() -> tuple[str, ...]:
    """EVENT_WAY of tests/test_shape.py, read and not imported: pytest may not be installed."""
    tree = ast.parse((ROOT / "tests" / "test_shape.py").read_text(encoding="utf-8"))
    return next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EVENT_WAY"
    )


def main() -> int:
    order = event_way()
    tree = "".join(
        line for part in PARTS if (ROOT / part).exists() for line in lines(ROOT / part, order)
    )
    readme = README.read_text(encoding="utf-8")
    README.write_text(BLOCK.sub(lambda block: block[1] + tree + block[2], readme), encoding="utf-8")
    say("README.md's tree is written.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
