"""What people change while the demo runs: the airline clock and the other live controls.

They live in the record's control table, so that every process and every open page sees a change at
once. Settings that are read once at start are in `settings`, not here.
"""

from __future__ import annotations

from collections.abc import Callable

from pipeline.clock import ClockState
from pipeline.schema import Database, get_control, put_control

CLOCK_PAST = "clock_past"  # the clock as it was before each change, oldest first
_MOST_REMEMBERED = 500


def clock(database: Database) -> ClockState:
    """The airline clock as it is now."""
    return ClockState.model_validate(database.get("clock"))


def clocks(database: Database) -> list[ClockState]:
    """The airline clock in all its states since the world began, the one now last."""
    with database.read() as connection:
        past = get_control(connection, CLOCK_PAST) or []
        return [ClockState.model_validate(one) for one in (*past, get_control(connection, "clock"))]


def set_clock(database: Database, change: Callable[[ClockState], ClockState]) -> ClockState:
    """Change the airline clock for every process at once."""
    with database.write() as connection:
        before = get_control(connection, "clock")
        state = change(ClockState.model_validate(before))
        past = [*(get_control(connection, CLOCK_PAST) or []), before]
        put_control(connection, CLOCK_PAST, past[-_MOST_REMEMBERED:])
        put_control(connection, "clock", state.model_dump(mode="json"))
    return state
