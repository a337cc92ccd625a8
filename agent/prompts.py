"""Prompts are files: `data/agent/prompts/*.md`, filled with `$name` places.

A place is filled once and what fills it is not read again, so a customer's text that holds a
dollar sign stays text.
"""

from __future__ import annotations

import tomllib
from functools import cache
from hashlib import sha256
from string import Template
from typing import Any

from pipeline.settings import ROOT

FOLDER = ROOT / "data" / "agent"


@cache
def prompt(name: str) -> Template:
    """The prompt `data/agent/prompts/<name>.md`.

    Raises:
        FileNotFoundError: there is none of this name.
    """
    return Template((FOLDER / "prompts" / f"{name}.md").read_text(encoding="utf-8"))


@cache
def fingerprints() -> dict[str, str]:
    """Path below `data/agent/` -> hash, for each file that shapes an answer: all but the eval sets.

    Policies, colleagues, prompts, sentences and words: to compare those of two agents.
    """
    files = sorted([*FOLDER.rglob("*.md"), *FOLDER.rglob("*.toml")])
    return {
        path.relative_to(FOLDER).as_posix(): sha256(path.read_bytes()).hexdigest()[:16]
        for path in files
        if "eval" not in path.relative_to(FOLDER).parts
    }


@cache
def table(name: str) -> dict[str, Any]:
    """The TOML file `data/agent/<name>.toml`."""
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def word_list(name: str) -> frozenset[str]:
    """The words of one list of `data/agent/words.toml`."""
    return frozenset(table("words")[name].split())
