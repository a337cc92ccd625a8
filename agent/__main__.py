"""`python -m agent eval NAME [--json]`: the eval sets, as a table or as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

EVALS = ("intents", "judge", "retrieval")


def main() -> int:
    """Run what the words ask for; exit 1 if an eval is below one of its floors."""
    words = argparse.ArgumentParser(prog="python -m agent", description=__doc__)
    verbs = words.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("eval", help="run an eval set of data/agent/eval")
    run.add_argument("set", choices=EVALS, help="which one")
    run.add_argument("--json", action="store_true", help="print JSON")
    asked = words.parse_args()
    chosen = importlib.import_module(f"agent.evals.{asked.set}")
    figures = chosen.run()
    shown = json.dumps(figures, indent=2) if asked.json else chosen.as_table(figures)
    sys.stdout.write(shown + "\n")
    return 0 if chosen.passes(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
