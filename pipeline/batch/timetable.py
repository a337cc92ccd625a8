"""When a batch falls: pure arithmetic on the airline clock.

It reads no clock and starts nothing; that is `schedule`.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

SHORTEST_H = 1 / 60
LONGEST_H = 24.0


def next_run(now: datetime, interval_h: float, zone: ZoneInfo) -> datetime:
    """The first airline time after `now` at which a batch falls, UTC.

    Batches fall on the local times 00:00, then every `interval_h` hours, and each day starts anew
    at 00:00: every six hours is 00:00, 06:00, 12:00, 18:00; nightly (24 or more) is 00:00. They
    follow the clock on the wall: a local time that comes twice when summer time ends is run at
    twice, one that does not come at all is made up for after the clocks have jumped over it.

    Raises:
        ValueError: the interval is not positive.
    """
    if not interval_h > 0:
        raise ValueError(f"a batch interval of {interval_h} hours; expected more than 0")
    day = now.astimezone(zone).date()
    moments = (*_moments(day, interval_h, zone), *_moments(day + timedelta(days=1), 24, zone))
    return moments[bisect_right(moments, now)]


def due(since: datetime, now: datetime, interval_h: float, zone: ZoneInfo) -> bool:
    """Whether a batch time was crossed after `since`, up to `now`. Many crossed are one run."""
    return next_run(since, interval_h, zone) <= now


@lru_cache(maxsize=64)
def _moments(day: date, interval_h: float, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The batch times of one local day, UTC, in order."""
    hours = min(max(interval_h, SHORTEST_H), LONGEST_H)
    found: set[datetime] = set()
    for number in range(int(24 / hours) + 1):
        moment = datetime.combine(day, time(), zone) + timedelta(hours=number * hours)
        if moment.date() == day:
            first = moment.astimezone(UTC)
            # fold=1 is the second time round; of a time that does not exist it is an earlier one.
            found |= {first, max(first, moment.replace(fold=1).astimezone(UTC))}
    return tuple(sorted(found))
