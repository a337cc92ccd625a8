"""The eval sets of `data/agent/eval/`, run: `python -m agent eval NAME`.

Each module has `run() -> Report`, `as_table(report) -> str`, and `FLOOR`, under which the figure of
the report that `METRIC` names makes the command fail.
"""
