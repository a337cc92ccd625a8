"""Formats of times, ages and sizes: at most three significant digits, always a unit.

The same two formats tick in the browser (`web/clockwork.js`); a browser test compares them.
Wall ages are plain ("2.5 s"), airline ages read like a flight board ("2 h 07 min").
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
_MS_SHOWN = 0.9995  # seconds below which milliseconds are shown


def wall(seconds: float) -> str:
    """An age by the clock on the wall: 31 ms, 2.5 s, 38 s, 4.2 min, 2.1 h."""
    seconds = max(0.0, seconds)
    if seconds < _MS_SHOWN:
        return f"{seconds * 1000:.0f} ms"
    for size, unit in ((MINUTE * 1.5, "s"), (HOUR * 1.5, "min"), (DAY, "h")):
        if seconds < size:
            return _three(seconds / _UNIT[unit], unit)
    return _three(seconds / DAY, "d")


def airline(seconds: float) -> str:
    """An age by the airline's clock: 40 s, 15 min, 2 h 07 min, 12.5 h, 3.2 d."""
    seconds = max(0.0, seconds)
    if seconds < MINUTE:
        return f"{int(seconds)} s"
    if seconds < HOUR:
        return f"{int(seconds / MINUTE)} min"
    if seconds < 10 * HOUR:
        minutes = int(seconds / MINUTE)
        return f"{minutes // 60} h {minutes % 60:02d} min"
    if seconds < 2 * DAY:
        return f"{seconds / HOUR:.1f} h"
    return _three(seconds / DAY, "d")


def milliseconds(value: float) -> str:
    """A measured time: 4.2 ms, 31 ms, 1.2 s."""
    if value < 10:  # noqa: PLR2004 below this a whole millisecond hides half of it
        return f"{max(0.0, value):.1f} ms"
    return wall(value / 1000)


def clock(moment: datetime, zone: ZoneInfo) -> str:
    """Airline time as it is on the airline's own clocks: 14:07."""
    return f"{moment.astimezone(zone):%H:%M}"


def pace(factor: float) -> str:
    """What an airline hour takes: 1 h = 20 s."""
    seconds = 3600 / factor
    return f"1 h = {seconds:.3g} s"


def bytes_(number: float) -> str:
    """A size: 812 kB, 3.6 MB, 30 MB, 4.2 GB."""
    for size, unit in ((1e6, "kB"), (1e9, "MB")):
        if number < size:
            return _three(number / size * 1000, unit)
    return _three(number / 1e9, "GB")


_UNIT = {"s": 1.0, "min": MINUTE, "h": HOUR, "d": DAY}


def _three(value: float, unit: str) -> str:
    return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"  # noqa: PLR2004
