"""The freshness objective: how old the oldest unheard event may be, and whether an arm keeps it.

Pure: from the world and its history to what a light shows. A light is a shape, a word and a colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline import freshness
from pipeline.schema import Arm
from ui import ages
from ui.components import Parts, since, text
from ui.pulse import World

OBJECTIVES: dict[str, float] = {
    "50 ms": 0.05,
    "100 ms": 0.1,
    "250 ms": 0.25,
    "1 s": 1.0,
    "5 s": 5.0,
    "30 s": 30.0,
    "1 min": 60.0,
    "2 min": 120.0,
    "5 min": 300.0,
    "20 min": 1200.0,
}  # wall time
DEFAULT = "1 s"
CLOSE = 0.8  # share of the objective from which on it is in danger
NAMES: dict[Arm, str] = {"batch": "☾ Benighted", "stream": "☀ Enlightened"}
_LIGHTS = {
    "met": ("●", "Met"),
    "close": ("▲", "Close to the limit"),
    "missed": ("■", "Missed"),
}


def judged(staleness_s: float, objective_s: float) -> str:
    """met, close (from `CLOSE` of the objective on) or missed."""
    if staleness_s > objective_s:
        return "missed"
    return "close" if staleness_s > CLOSE * objective_s else "met"


def light(
    arm: Arm, world: World, history: Sequence[float], objective_s: float, airline_s: float = 0.0
) -> dict[str, Any]:
    """What the light of an arm shows.

    Args:
        history: the arm's staleness over the last minutes, wall seconds.
        objective_s: wall seconds.
        airline_s: the arm's staleness now, airline seconds.
    """
    behind = world.behind_s if arm == "stream" else world.batch_s
    state = judged(behind, objective_s)
    shape, word = _LIGHTS[state]
    return {
        "arm": arm,
        "name": NAMES[arm],
        "light": {"state": state, "shape": shape, "word": word},
        "figure": _figure(arm, world),
        "details": [_meaning(arm, world, airline_s), _share(history, objective_s)],
    }


def _figure(arm: Arm, world: World) -> Parts:
    if arm == "stream":
        return [text(ages.wall(world.behind_s))]
    if world.batch_waiting == 0:
        return [text("0 s")]
    return [since(world.read_at - world.batch_s)]


def _meaning(arm: Arm, world: World, airline_s: float) -> Parts:
    if arm == "stream":
        return [text("behind, on your watch", "quiet")]
    if world.batch_waiting == 0:
        return [text("behind: nothing happened since its last batch", "quiet")]
    now = "a batch runs now" if world.batch_busy else f"{world.batch_waiting:,} events wait"
    return [
        text("behind, on your watch · ", "quiet"),
        {"v": ages.airline(airline_s), "c": "board", "title": "by the airline's clock"},
        text(f" airline · {now}", "quiet"),
    ]


def _share(history: Sequence[float], objective_s: float) -> Parts:
    share = freshness.met(np.asarray(history, dtype=np.float64), objective_s)
    if share is None:
        return [text("no history yet", "quiet")]
    shown = f"{share:.0%}" if share in (0.0, 1.0) or 0.01 <= share < 0.995 else f"{share:.1%}"  # noqa: PLR2004
    minutes = max(1, round(len(history) / 60))
    return [text(f"kept {shown}", "strong"), text(f" of {minutes} min", "quiet")]
