"""The time that a visitor can go back over, and what happened in it to one customer. Pure.

Three lanes over wall time: when the record took an event of theirs, and when each airline had it;
the batch runs stand across Benighted's lane.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.clock import ClockState
from pipeline.schema import ARMS, Arm
from ui import ages
from ui.answer_card import NAMES
from ui.components import Parts, straight, text
from ui.differences import RECORD
from ui.tracker import kind_of, scope

Row = dict[str, Any]
SHORTEST_S = 10.0  # less time than this is no timeline


def timeline(
    span: tuple[float, float],
    at: float | None,
    events: Sequence[Row],
    runs: Sequence[Row],
    clocks: Sequence[ClockState],
    zone: ZoneInfo,
) -> Row:
    """The content of the timeline.

    Args:
        span: wall times of its ends.
        at: the chosen moment; None: now.
        events: the customer's, as `past.events_of` gives them.
        runs: batch runs that ended: run_id, searchable_at, counts.
        clocks: the airline clock's states, see `control.clocks`.
    """
    start, end = span
    record = [(one["recorded_at"], kind_of(one), "") for one in events]
    lanes = [_lane("record", RECORD, record, (start, end))]
    for arm in ARMS:
        known = [
            (one[f"{arm}_at"], f"{kind_of(one)}, {_later(one, arm)}", "")
            for one in events
            if one[f"{arm}_at"]
        ]
        if arm == "batch":
            known += [(one["searchable_at"], _run(one), "run") for one in runs]
        lanes.append(_lane(arm, NAMES[arm], known, (start, end)))
    return {
        "said": _said(at, len(events)),
        "lanes": {
            "lanes": lanes,
            "from": start,
            "to": max(end, start + SHORTEST_S),
            "at": at,
            "clocks": [straight(state) for state in clocks],
        },
        "ends": [_end(clocks, start, zone), "now" if at is None else _end(clocks, end, zone)],
    }


def _lane(
    arm: str, name: tuple[str, str], marks: Sequence[tuple[float, str, str]], span: Sequence[float]
) -> Row:
    shown = [
        {"at": at, "title": title, "style": style}
        for at, title, style in marks
        if span[0] <= at <= span[1]
    ]
    short = name[1].removeprefix("The ").removesuffix(" Airlines").capitalize()
    return {"arm": arm, "name": f"{name[0]} {short}", "marks": shown}


def _run(run: Row) -> str:
    return f"batch run {run['run_id']}, {scope(run)}"


def _later(event: Row, arm: Arm) -> str:
    return f"{ages.wall(event[f'{arm}_at'] - event['recorded_at'])} later"


def _said(at: float | None, events: int) -> Parts:
    happened = f"{events} event{'' if events == 1 else 's'} of this customer" if events else ""
    if at is None:
        hint = "Drag the handle to go back" + (f": {happened} so far" if happened else "")
        return [text(hint, "quiet")]
    return [text("What they knew at", "strong")]


def _end(clocks: Sequence[ClockState], wall: float, zone: ZoneInfo) -> str:
    held = [one for one in clocks if one.anchor_wall <= wall] or list(clocks[:1])
    return ages.clock(held[-1].now(wall), zone) if held else ""
