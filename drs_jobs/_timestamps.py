"""Moments in UTC."""

from datetime import UTC, datetime


def to_utc(moment: datetime, name: str = "a datetime") -> datetime:
    """The moment in UTC. Two datetimes of one time zone would be compared and subtracted by wall time.

    Raises:
        ValueError: `moment` has no time zone, or lies outside the years 1 to 9999 in UTC.
    """
    if moment.tzinfo is UTC:
        return moment
    if moment.utcoffset() is None:
        raise ValueError(
            f"{name} ({moment.isoformat()}) has no time zone: "
            "say which is meant, such as datetime(2024, 6, 15, tzinfo=timezone.utc)"
        )
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{name} lies outside the years 1 to 9999 in UTC: choose a date inside") from None


def nearest_utc(moment: datetime, name: str = "a datetime") -> datetime:
    """The moment in UTC, or the nearest one that a datetime can hold, for text and charts.

    Raises:
        ValueError: `moment` has no time zone.
    """
    if moment.utcoffset() is None:
        return to_utc(moment, name)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if moment.year == 1 else datetime.max.replace(tzinfo=UTC)
