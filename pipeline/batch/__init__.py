"""The batch arm: outbox -> bronze -> silver -> gold -> context store, every N airline hours.

Reading order: `timetable` (when), `run` (one run, step by step), `sql/` (what the steps do), then
`extract`, `lake`, `reverse_etl`, `journal` for the details and `schedule` for the process around.
"""
