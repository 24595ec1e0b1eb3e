"""Text for people, in one bounded line: for `repr`, error texts, tables and HTML. And fingerprints of long texts."""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from drs_jobs._timestamps import nearest_utc

_ELLIPSIS: Final = "…"


def one_line(text: str, limit: int = 300) -> str:
    """`text` without line breaks or control characters, at most `limit` characters long."""
    # Cutting before cleaning keeps the work bounded too; cleaning never makes text longer.
    cut = text[: 4 * limit]
    printable = "".join(char if char.isprintable() else " " for char in cut)
    line = " ".join(printable.split())
    if len(line) > limit or len(cut) < len(text):
        return line[: limit - len(_ELLIPSIS)] + _ELLIPSIS
    return line


_MAX_QUOTED: Final = 80
"""Characters of a text that are quoted."""


def quoted(text: str) -> str:
    """`text` as a Python literal on one line, its end cut off where it is long."""
    shown = text if len(text) <= _MAX_QUOTED else text[: _MAX_QUOTED - len(_ELLIPSIS)] + _ELLIPSIS
    # `str(…)`: an UnknownValue has a repr of its own.
    return one_line(repr(str(shown)), 4 * _MAX_QUOTED)


_MAX_BITS: Final = 64
"""Bits of the longest whole number that is printed with its digits."""


def format_int(value: int) -> str:
    """A whole number, or its length: Python refuses to print the longest."""
    return repr(value) if value.bit_length() <= _MAX_BITS else f"<a number of {value.bit_length()} bits>"


def format_duration(duration: timedelta | None) -> str:
    """A duration to the second: `9m 12s`; a dash for `None`."""
    if duration is None:
        return "-"
    minutes, seconds = divmod(max(0, int(duration.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {seconds:02}s"


def format_month(moment: datetime) -> str:
    """The month in UTC: `2024-06`."""
    # strftime does not pad a year below 1000 on every platform.
    return nearest_utc(moment).isoformat()[:7]


def format_minute(moment: datetime | None) -> str:
    """The time to the minute, in UTC: `2024-06-15 12:00`; a dash for `None`."""
    return "-" if moment is None else nearest_utc(moment).isoformat(" ", "minutes")[:16]


def fingerprint(text: str) -> str:
    """32 hexadecimal digits that no other text has."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
