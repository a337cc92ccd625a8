"""The batch arm: outbox -> bronze -> silver -> gold -> context store, every N airline hours.

Reading order: `schedule` (when), `run` (one run, step by step), `sql/` (what each step does), then
`extract`, `lake`, `reverse_etl` and `journal` for the details, `serve` for the process around it.
"""
