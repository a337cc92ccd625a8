"""The eval sets of `data/agent/eval/`, run: `python -m agent eval NAME`.

Each module has `run() -> Report`, `as_table(report) -> str`, and `passes(report) -> bool`: whether
its floors are reached, else the command fails.
"""
