"""What people change while the demo runs: the airline clock and the other live controls.

They live in the record's control table, so that every process and every open page sees a change at
once. Settings that are read once at start are in `settings`, not here.
"""

from __future__ import annotations

from collections.abc import Callable

from pipeline.clock import ClockState
from pipeline.schema import Database, get_control, put_control


def clock(database: Database) -> ClockState:
    """The airline clock as it is now."""
    return ClockState.model_validate(database.get("clock"))


def set_clock(database: Database, change: Callable[[ClockState], ClockState]) -> ClockState:
    """Change the airline clock for every process at once."""
    with database.write() as connection:
        state = change(ClockState.model_validate(get_control(connection, "clock")))
        put_control(connection, "clock", state.model_dump(mode="json"))
    return state
