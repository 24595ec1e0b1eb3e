"""Formatting of values as bounded, one-line text for `repr`, error messages, tables and HTML; fingerprints of texts."""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from drs_jobs._timestamps import nearest_utc

_ELLIPSIS: Final = "…"


def one_line(text: str, limit: int = 300) -> str:
    """Return `text` without line breaks or control characters, at most `limit` characters long."""
    # The text is cut first, so that the work is bounded too. The following steps never make it longer.
    cut = text[: 4 * limit]
    printable = "".join(char if char.isprintable() else " " for char in cut)
    line = " ".join(printable.split())
    if len(line) > limit or len(cut) < len(text):
        return line[: limit - len(_ELLIPSIS)] + _ELLIPSIS
    return line


_MAX_QUOTED: Final = 80
"""The maximum number of characters that are quoted."""


def quoted(text: str) -> str:
    """Return `text` as a Python literal on one line. A long text is cut off at its end."""
    shown = text if len(text) <= _MAX_QUOTED else text[: _MAX_QUOTED - len(_ELLIPSIS)] + _ELLIPSIS
    # `str(…)`, because an UnknownValue has its own repr.
    return one_line(repr(str(shown)), 4 * _MAX_QUOTED)


_MAX_BITS: Final = 64
"""The size, in bits, up to which an integer is printed with its digits."""


def format_int(value: int) -> str:
    """Return an integer as text; if it is very large, its length, because Python does not print such integers."""
    return repr(value) if value.bit_length() <= _MAX_BITS else f"<a number of {value.bit_length()} bits>"


def format_count(count: int, noun: str) -> str:
    """A count with its noun: `1 job`, `1,200 jobs`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


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


def format_month(moment: datetime) -> str:
    """Return the month in UTC, such as `2024-06`."""
    # On some platforms strftime does not pad a year below 1000.
    return nearest_utc(moment).isoformat()[:7]


def format_minute(moment: datetime | None) -> str:
    """Return the time to the minute in UTC, such as `2024-06-15 12:00`; a dash for `None`."""
    return "-" if moment is None else nearest_utc(moment).isoformat(" ", "minutes")[:16]


def format_second(moment: datetime | None) -> str:
    """Return the time to the second in UTC, such as `2024-06-15 12:00:00`; a dash for `None`."""
    return "-" if moment is None else nearest_utc(moment).isoformat(" ", "seconds")[:19]


def fingerprint(text: str) -> str:
    """Return a hash of `text` as 32 hexadecimal digits."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
