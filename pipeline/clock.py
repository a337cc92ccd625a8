"""The airline clock: airline time as a function of wall time, shared by all processes.

Airline time runs `factor` times faster than wall time, can be paused and jumped, and holds at the
end of the loaded days. The state is a small value that lives in the record's control table; this
module is the pure arithmetic and the formats. It never sleeps and never reads a database.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import airportsdata
from pydantic import BaseModel, ConfigDict

LOCAL_FORMAT = "%Y-%m-%d %H:%M"


class ClockState(BaseModel):
    """One straight line: at wall `anchor_wall` (s since the epoch) it was `anchor_airline`."""

    model_config = ConfigDict(frozen=True)

    anchor_wall: float
    anchor_airline: datetime
    factor: float
    paused: bool
    starts_at: datetime
    holds_at: datetime

    def now(self, wall: float | None = None) -> datetime:
        """Airline time (UTC) at wall time `wall` (s since the epoch; default: now)."""
        if self.paused:
            return self.anchor_airline
        wall = time.time() if wall is None else wall
        elapsed = max(0.0, wall - self.anchor_wall) * self.factor
        # Compared before it is added: a sum beyond the year 9999 would be an error.
        if elapsed >= (self.holds_at - self.anchor_airline).total_seconds():
            return self.holds_at
        return self.anchor_airline + timedelta(seconds=elapsed)

    def wall_at(self, airline: datetime) -> float | None:
        """Wall time (s since the epoch) at which `airline` comes; None while paused or never."""
        if self.paused or airline > self.holds_at:
            return None
        return self.anchor_wall + (airline - self.anchor_airline).total_seconds() / self.factor

    def at_end(self, wall: float | None = None) -> bool:
        """Whether the clock holds at the end of the loaded days."""
        return self.now(wall) >= self.holds_at

    def changed(
        self,
        *,
        wall: float | None = None,
        to: datetime | None = None,
        factor: float | None = None,
        paused: bool | None = None,
    ) -> ClockState:
        """The clock after a jump, a new factor, or a pause, without a step in airline time."""
        wall = time.time() if wall is None else wall
        return self.model_copy(
            update={
                "anchor_wall": wall,
                "anchor_airline": min(to or self.now(wall), self.holds_at),
                "factor": factor or self.factor,
                "paused": self.paused if paused is None else paused,
            }
        )


def to_rfc3339(moment: datetime) -> str:
    """UTC, RFC 3339, with milliseconds: sorts as text in the order of time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> datetime:
    """Parse RFC 3339 with an offset.

    Raises:
        ValueError: not RFC 3339, or no offset (a naive time is a bug waiting for a summer).
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs an offset or Z, such as 2013-02-08T14:07:00Z")
    return _utc(moment)


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the first and the last hours that Python can count
        raise ValueError(f"{moment} lies outside the years 1 to 9999 in UTC") from None


@cache
def airports() -> dict[str, dict[str, str]]:
    """IATA code -> {name, city, tz, ...}, from airportsdata."""
    return airportsdata.load("IATA")  # type: ignore[return-value]


@cache
def zone_of(airport: str) -> ZoneInfo:
    """Time zone of an airport.

    Raises:
        ValueError: no airport has this IATA code.
    """
    try:
        return ZoneInfo(airports()[airport]["tz"])
    except KeyError as missing:
        raise ValueError(f"{airport!r} is no IATA airport code") from missing


def parse_local(text: str, airport: str) -> datetime:
    """A time that is RFC 3339, or `YYYY-MM-DD HH:MM` local to `airport`, as UTC.

    Raises:
        ValueError: neither of the two forms, or an unknown airport.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is neither RFC 3339 nor YYYY-MM-DD HH:MM") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone_of(airport))
    return _utc(moment)


def local(text: str, airport: str) -> datetime:
    """A stored UTC time as a datetime in the zone of `airport`."""
    return from_rfc3339(text).astimezone(zone_of(airport))
