"""Conversion of datetimes to UTC, differences between them, and the clock of the machine.

Every function of datetimes raises ValueError for a datetime without a time zone.
"""

import time as _time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Final

machine_time: Final[Callable[[], float]] = (
    partial(_time.clock_gettime, _time.CLOCK_MONOTONIC) if hasattr(_time, "clock_gettime") else partial(_time.monotonic)
)
"""Returns the monotonic time of the machine, in seconds. Libraries that freeze the time of tests do not replace it."""

machine_timestamp: Final[Callable[[], float]] = (
    partial(_time.clock_gettime, _time.CLOCK_REALTIME) if hasattr(_time, "clock_gettime") else partial(_time.time)
)
"""Returns the time of the machine as a POSIX timestamp, like `machine_time`."""


def to_utc(time: datetime, name: str = "a datetime") -> datetime:
    """Return the moment in UTC. Raise ValueError also if it is outside the years 1 to 9999."""
    # Python compares and subtracts two datetimes of the same time zone by wall time, which is wrong at a clock change.
    if time.tzinfo is UTC:
        return time
    utc_offset(time, name)
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{name} is outside the years 1 to 9999 in UTC: choose a date within them") from None


def duration_between(start: datetime, end: datetime) -> timedelta:
    """Return the time from `start` to `end`."""
    # Fixed offsets, because Python subtracts two datetimes of the same time zone by wall time.
    start, end = (time.replace(tzinfo=timezone(utc_offset(time))) for time in (start, end))
    return end - start


def seconds_of(duration: timedelta | None) -> float | None:
    """Return a duration in seconds; `None` for `None`."""
    return None if duration is None else duration.total_seconds()


def utc_offset(time: datetime, name: str = "a datetime") -> timedelta:
    """Return the offset of a moment from UTC."""
    offset = time.utcoffset()
    if offset is None:
        raise ValueError(
            f"{name} ({time.isoformat()}) has no time zone: add one, such as datetime(2024, 6, 15, tzinfo=timezone.utc)"
        )
    return offset


def nearest_utc(time: datetime, name: str = "a datetime") -> datetime:
    """Return the moment in UTC, or the nearest one that a datetime can represent, for text and charts."""
    utc_offset(time, name)
    try:
        return time.astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if time.year == 1 else datetime.max.replace(tzinfo=UTC)
