"""Moments in UTC."""

from datetime import UTC, datetime, timedelta, timezone


def to_utc(moment: datetime, name: str = "a datetime") -> datetime:
    """The moment in UTC. Two datetimes of one time zone would be compared and subtracted by wall time.

    Raises:
        ValueError: `moment` has no time zone, or lies outside the years 1 to 9999 in UTC.
    """
    if moment.tzinfo is UTC:
        return moment
    utc_offset(moment, name)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{name} lies outside the years 1 to 9999 in UTC: choose a date inside") from None


def nearest_utc(moment: datetime, name: str = "a datetime") -> datetime:
    """The moment in UTC, or the nearest one that a datetime can hold, for text and charts.

    Raises:
        ValueError: `moment` has no time zone.
    """
    utc_offset(moment, name)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if moment.year == 1 else datetime.max.replace(tzinfo=UTC)


def duration_between(start: datetime, end: datetime) -> timedelta:
    """The time from `start` to `end`.

    Raises:
        ValueError: either has no time zone.
    """
    # With fixed offsets, since two datetimes of one time zone would be subtracted by wall time.
    start, end = (moment.replace(tzinfo=timezone(utc_offset(moment))) for moment in (start, end))
    return end - start


def utc_offset(moment: datetime, name: str = "a datetime") -> timedelta:
    """The offset of a moment from UTC.

    Raises:
        ValueError: `moment` has no time zone.
    """
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError(
            f"{name} ({moment.isoformat()}) has no time zone: "
            "say which is meant, such as datetime(2024, 6, 15, tzinfo=timezone.utc)"
        )
    return offset
