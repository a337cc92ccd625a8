"""The folder laws of CONTRIBUTING.md: who imports whom, and a README tree with every module."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.settings import Settings

ROOT = Path(__file__).resolve().parent.parent

# A layer imports itself and what stands after it, never what stands before it.
LAYERS = ("app", "pages", "ui", "agent", "pipeline")

# The way of an event. A module of pipeline/ imports only what stands before it here.
EVENT_WAY = (
    "settings",
    "clock",
    "events",
    "schema",
    "control",
    "images",
    "measures",
    "effects",
    "record",
    "outbox",
    "ledger",
    "broker",
    "fire",
    "relay",
    "documents",
    "embed",
    "store",
    "stream",
    "aggregates",
    "batch",
    "dead_letters",
    "freshness",
    "past",
    "counters",
    "sandbox",
    "query",
    "world",
    "loading",
    "replay",
    "archive",
    "dump",
    "snapshot",
    "engine",
    "status",
    "children",
    "bench",
)
# Wiring: may import any of pipeline/ and agent/.
WIRING = ("__main__", "bench")

# Third parties that only these files know; a folder stands for all its files.
ONLY_IN = {
    "quixstreams": ("pipeline/stream.py", "pipeline/aggregates.py"),
    "confluent_kafka": ("pipeline/broker.py", "pipeline/relay.py", "pipeline/stream.py"),
    "duckdb": ("pipeline/batch", "pipeline/sandbox.py", "pipeline/query.py"),
    "streamlit": ("app.py", "pages", "ui"),
}


def sources(*folders: str) -> list[Path]:
    """Python files below these folders or of these names, without the __init__ files."""
    found: list[Path] = []
    for folder in folders:
        place = ROOT / folder
        found += (
            [place] if place.suffix == ".py" and place.exists() else sorted(place.rglob("*.py"))
        )
    return [file for file in found if file.name != "__init__.py"]


def product() -> list[Path]:
    return sources("app.py", *LAYERS[1:])


def short(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def imports(file: Path) -> Iterator[str]:
    """Dotted names of all that a file imports, relative and inside functions too."""
    package = file.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def layer(file: Path) -> str:
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def pipeline_module(dotted: str) -> str | None:
    """`pipeline.batch.silver` is batch; None outside pipeline/ and for pipeline itself."""
    parts = dotted.split(".")
    return parts[1] if parts[0] == "pipeline" and len(parts) > 1 else None


def ids(files: list[Path]) -> list[str]:
    return [short(file) for file in files]


@pytest.mark.parametrize("file", product(), ids=ids(product()))
def test_layers_import_one_way(file: Path) -> None:
    if layer(file) == "pipeline" and file.stem in WIRING:
        return
    above = LAYERS[: LAYERS.index(layer(file))]
    # app.py is only wiring and pages/ are drawn by nobody: neither is imported by the other
    forbidden = {
        name for name in imports(file) if name.split(".")[0] in (*above, "tests", "scripts")
    }
    assert not forbidden, f"{short(file)} imports what stands above it: {sorted(forbidden)}"


@pytest.mark.parametrize("file", sources("pipeline"), ids=ids(sources("pipeline")))
def test_pipeline_follows_the_event(file: Path) -> None:
    here = file.relative_to(ROOT / "pipeline").parts[0].removesuffix(".py")
    if here in WIRING:
        return
    assert here in EVENT_WAY, f"{short(file)} has no place in EVENT_WAY in tests/test_shape.py"
    earlier = {*EVENT_WAY[: EVENT_WAY.index(here) + 1]}
    used = {module for name in imports(file) if (module := pipeline_module(name))}
    later = {
        module
        for module in used
        if module in EVENT_WAY or (ROOT / "pipeline" / f"{module}.py").exists()
    } - earlier
    assert not later, f"{short(file)} imports what comes later in an event's way: {sorted(later)}"


@pytest.mark.parametrize("package", ONLY_IN)
def test_third_parties_stay_where_they_belong(package: str) -> None:
    strays = [
        short(file)
        for file in product()
        if any(name.split(".")[0] == package for name in imports(file))
        and not any(
            short(file) == home or short(file).startswith(f"{home}/") for home in ONLY_IN[package]
        )
    ]
    assert not strays, f"{package} is imported outside {ONLY_IN[package]}: {strays}"


def test_scripts_need_only_the_standard_library() -> None:
    """They run before anything is installed."""
    allowed = {*sys.stdlib_module_names, "scripts"}
    strays = {
        f"{short(file)}: {name}"
        for file in sources("scripts")
        for name in imports(file)
        if name.split(".")[0] not in allowed
    }
    assert not strays


def readme_tree() -> list[tuple[str, str]]:
    """(path, comment) of each line of the README's tree: two spaces a level, folders end in /."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- tree -->\n```text\n(.*?)```\n<!-- /tree -->", readme, re.DOTALL)
    assert block, "README.md has no annotated tree between its tree markers"
    lines: list[tuple[str, str]] = []
    folders: list[str] = []
    for line in block[1].splitlines():
        name, _, comment = line.partition("#")
        depth = (len(name) - len(name.lstrip())) // 2
        folders = folders[:depth]
        lines += [("".join(folders) + name.strip(), comment.strip())]
        if name.strip().endswith("/"):
            folders += [name.strip()]
    return lines


def test_readme_tree_names_every_module() -> None:
    named = {path for path, _ in readme_tree()}
    missing = [short(file) for file in product() if short(file) not in named]
    assert not missing, f"the README's tree does not name {missing}"


def test_readme_tree_names_only_what_exists_and_says_what_it_is() -> None:
    wrong = [path for path, comment in readme_tree() if not comment or not (ROOT / path).exists()]
    assert not wrong, f"in the README's tree but not there, or without a comment: {wrong}"


def test_every_setting_is_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    assert named == {field.upper() for field in Settings.model_fields}


def test_every_setting_in_the_example_has_its_comment() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    settings = [n for n, line in enumerate(lines) if re.match(r"#?[A-Z_]+=", line)]
    bare = [lines[n] for n in settings if not lines[n - 1].startswith("# ")]
    assert not bare
