"""Formatting of durations and of times in UTC, for tables, HTML and charts."""

from datetime import UTC, datetime, timedelta
from typing import Final

from drs_jobs._timestamps import utc_offset


def nearest_utc(moment: datetime, name: str = "a datetime") -> datetime:
    """Return the moment in UTC, or the nearest one that a datetime can represent, for text and charts."""
    utc_offset(moment, name)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if moment.year == 1 else datetime.max.replace(tzinfo=UTC)


def format_duration(duration: timedelta | None) -> str:
    """Return a duration to the second, such as `9m 12s`; a dash for `None`."""
    if duration is None:
        return "-"
    minutes, seconds = divmod(max(0, int(duration.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {seconds:02}s"


_MIN_DAYS: Final = 2
"""The number of days from which an age is shown in days."""


def format_age(age: timedelta | None) -> str:
    """Return an age in whole days, such as `104d`; below two days in hours, below one hour in minutes; a dash for `None`."""
    if age is None:
        return "-"
    minutes = max(0, int(age.total_seconds())) // 60
    if age.days >= _MIN_DAYS:
        return f"{age.days}d"
    return f"{minutes // 60}h" if minutes >= 60 else f"{minutes}m"  # noqa: PLR2004  # minutes of an hour


def format_minute(moment: datetime | None) -> str:
    """Return the time to the minute in UTC, such as `2024-06-15 12:00`; a dash for `None`."""
    return "-" if moment is None else nearest_utc(moment).isoformat(" ", "minutes")[:16]


def format_second(moment: datetime | None) -> str:
    """Return the time to the second in UTC, such as `2024-06-15 12:00:00`; a dash for `None`."""
    return "-" if moment is None else nearest_utc(moment).isoformat(" ", "seconds")[:19]
