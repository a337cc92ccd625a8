"""The eval sets of `data/agent/eval/`, run: `python -m agent eval NAME`.

Each module has `run() -> Report`, `as_table(report) -> str` and `FLOOR`, the accuracy under which
the command fails.
"""
