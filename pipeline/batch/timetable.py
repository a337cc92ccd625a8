"""When a batch falls, and which source systems it then takes: pure arithmetic on the airline clock.

It reads no clock and starts nothing; that is `schedule`. What people have set is in `sources`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from pipeline.events import SOURCE_SYSTEMS
from pipeline.record import RAW_SOURCE

SHORTEST_H = 1 / 60
LONGEST_H = 24.0
SYSTEMS = (*SOURCE_SYSTEMS, RAW_SOURCE)
REST = "the rest"  # no source system is called that: theirs begin with a slash


@dataclass(frozen=True)
class Timetable:
    """Every how many airline hours source systems are extracted: one interval, and exceptions.

    A group is a source system with an interval of its own, or REST: all others, also those that
    nobody has heard of yet. Times of day are those of `zone`.
    """

    interval_h: float
    zone: ZoneInfo
    exceptions: Mapping[str, float] = field(default_factory=dict)

    @property
    def groups(self) -> dict[str, float]:
        """Group -> its interval, hours."""
        return {REST: self.interval_h, **self.exceptions}

    def group(self, source: str) -> str:
        """The group that a source system belongs to."""
        return source if source in self.exceptions else REST

    def interval_of(self, source: str) -> float:
        """Interval of one source system, hours."""
        return self.groups[self.group(source)]

    def next_run(self, now: datetime) -> datetime:
        """When the next batch falls, whatever it takes; UTC, after `now`."""
        return min(next_run(now, hours, self.zone) for hours in self.groups.values())

    def next_run_of(self, source: str, now: datetime) -> datetime:
        """When the next batch falls that takes this source system; UTC, after `now`."""
        return next_run(now, self.interval_of(source), self.zone)

    def due(self, since: Mapping[str, datetime], now: datetime) -> frozenset[str]:
        """The groups of which a batch time was crossed after `since[group]`, up to `now`."""
        return frozenset(
            group
            for group, hours in self.groups.items()
            if due(since[group], now, hours, self.zone)
        )


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
