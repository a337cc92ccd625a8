"""`python -m agent eval judge [--json]`: the eval sets, as a table or as JSON."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from agent import evaluate
from pipeline.schema import Database


def main() -> int:
    """Run what the words ask for; exit 1 if an eval is below its floor."""
    words = argparse.ArgumentParser(prog="python -m agent", description=__doc__)
    verbs = words.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("eval", help="run an eval set of data/agent/eval")
    run.add_argument("set", choices=["judge"], help="which one")
    run.add_argument("--json", action="store_true", help="print JSON")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'record.sqlite'}")
        figures = evaluate.report(evaluate.judge_all(database, evaluate.small_world(database)))
        database.close()
    shown = json.dumps(figures, indent=2) if asked.json else evaluate.as_table(figures)
    sys.stdout.write(shown + "\n")
    return 0 if figures["accuracy"] >= evaluate.FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
