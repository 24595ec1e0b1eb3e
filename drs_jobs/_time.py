"""Conversion of datetimes to UTC, and differences between them.

Every function raises ValueError for a datetime without a time zone.
"""

from datetime import UTC, datetime, timedelta, timezone


def to_utc(moment: datetime, name: str = "a datetime") -> datetime:
    """Return the moment in UTC.

    Python compares and subtracts two datetimes of the same time zone by wall time, which is wrong at a clock change.

    Raises:
        ValueError: Also if `moment` is outside the years 1 to 9999 in UTC.
    """
    if moment.tzinfo is UTC:
        return moment
    utc_offset(moment, name)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{name} is outside the years 1 to 9999 in UTC: choose a date within them") from None


def duration_between(start: datetime, end: datetime) -> timedelta:
    """Return the time from `start` to `end`."""
    # Fixed offsets, because Python subtracts two datetimes of the same time zone by wall time.
    start, end = (moment.replace(tzinfo=timezone(utc_offset(moment))) for moment in (start, end))
    return end - start


def utc_offset(moment: datetime, name: str = "a datetime") -> timedelta:
    """Return the offset of a moment from UTC."""
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError(
            f"{name} ({moment.isoformat()}) has no time zone: add one, such as datetime(2024, 6, 15, tzinfo=timezone.utc)"
        )
    return offset


def nearest_utc(moment: datetime, name: str = "a datetime") -> datetime:
    """Return the moment in UTC, or the nearest one that a datetime can represent, for text and charts."""
    utc_offset(moment, name)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if moment.year == 1 else datetime.max.replace(tzinfo=UTC)
