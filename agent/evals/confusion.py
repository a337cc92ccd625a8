"""What every eval of a classifier reports: accuracy and the confusion table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

Report = dict[str, Any]
"""{"cases", "accuracy", "confusion": {label: {said: count}}} and what else an eval has to say."""


def confusion(pairs: Sequence[tuple[str, str]], names: Sequence[str]) -> Report:
    """The report of (label, what was said) pairs; every class of `names` has a row and a column."""
    counts = Counter(pairs)
    return {
        "cases": len(pairs),
        "accuracy": round(sum(label == said for label, said in pairs) / len(pairs), 4),
        "confusion": {label: {said: counts[label, said] for said in names} for label in names},
    }


def confusion_table(figures: Report) -> str:
    """The table and the accuracy, for people; a row a label, a column what was said."""
    names = list(figures["confusion"])
    width = max(map(len, names)) + 2
    head = "label".ljust(width) + "".join(name.rjust(width) for name in names)
    rows = [
        label.ljust(width) + "".join(str(count or ".").rjust(width) for count in row.values())
        for label, row in figures["confusion"].items()
    ]
    return "\n".join([head, *rows, f"{figures['cases']} cases, accuracy {figures['accuracy']:.1%}"])
