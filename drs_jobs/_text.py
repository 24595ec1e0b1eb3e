"""Text: bounded lines, counts, durations, dates, and redaction of tags."""

# The shape of the JSON is unknown, and isinstance leaves the types of its elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from drs_jobs._time import nearest_utc

if TYPE_CHECKING:
    from drs_jobs._models import Job


def one_line(text: str, limit: int = 300) -> str:
    """Return `text` without line breaks or control characters, at most `limit` characters long."""
    # The text is cut first, so that the work is bounded too. The following steps never make it longer.
    cut = text[: 4 * limit]
    printable = "".join(char if char.isprintable() else " " for char in cut)
    line = " ".join(printable.split())
    if len(line) > limit or len(cut) < len(text):
        return line[: limit - 1] + "…"
    return line


def quoted(text: str) -> str:
    """Return `text` as a Python literal on one line, with at most 80 characters of the text."""
    # `str(…)`, because an UnknownValue has its own repr.
    return one_line(repr(str(text if len(text) <= 80 else text[:79] + "…")), 320)


def format_int(value: int) -> str:
    """Return an integer as text; if it is very large, its length, because Python does not print such integers."""
    return repr(value) if value.bit_length() <= 64 else f"<a number of {value.bit_length()} bits>"


def format_count(count: int, noun: str) -> str:
    """A count with its noun: `1 job`, `1,200 jobs`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def format_more(count: int, shown: int) -> str:
    """Return how many more there are than are shown, such as `and 7 more`; empty if all are shown."""
    return f"and {count - shown:,} more" if count > shown else ""


def format_names(names: Sequence[str], shown: int) -> str:
    """Return names as one text: the first ones, and how many more there are."""
    return f"{', '.join(names[:shown])} {format_more(len(names), shown)}".strip()


def format_target_count(job: "Job") -> str:
    """Return how many servers of a job have reached its target status, of all servers, such as `3/8`."""
    return f"{len(job.servers_at_target)}/{len(job.participating_servers)}"


def fingerprint(text: str) -> str:
    """Return a hash of `text` as 32 hexadecimal digits."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


# ------------------------------------------------------------------ durations and dates


_MIN_DAYS: Final = 2
"""The number of days from which a duration or an age is shown in days."""


def format_duration(duration: timedelta | None) -> str:
    """Return a duration, such as `9m 12s`, `4h 00m` or, from two days on, `3d 05h`; a dash for `None`."""
    if duration is None:
        return "-"
    if duration.days >= _MIN_DAYS:
        return f"{duration.days}d {duration.seconds // 3600:02}h"
    minutes, seconds = divmod(max(0, int(duration.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {seconds:02}s"


def format_short_duration(duration: timedelta) -> str:
    """Return a duration without the seconds if it is a minute or more, such as `27s`, `12m`, `2h 30m` or `3d 05h`."""
    text = format_duration(duration)
    return f"{int(text[3:-1])}s" if text.startswith("0m ") else re.sub(r"m \d\ds$", "m", text)


def format_age(age: timedelta | None) -> str:
    """Return an age in whole days, such as `104d`; below two days in hours, below one hour in minutes; a dash for `None`."""
    if age is None:
        return "-"
    count, unit = _largest_unit(age)
    return f"{count}{unit[0]}"


def format_ago(age: timedelta) -> str:
    """Return an age in words, in the unit of `format_age`, such as `104 days ago`."""
    return f"{format_count(*_largest_unit(age))} ago"


def _largest_unit(age: timedelta) -> tuple[int, str]:
    """Return the number and the name of the unit in which an age is shown."""
    minutes = max(0, int(age.total_seconds())) // 60
    if age.days >= _MIN_DAYS:
        return age.days, "day"
    return (minutes // 60, "hour") if minutes >= 60 else (minutes, "minute")


def format_instant(time: datetime | None) -> str | None:
    """Return a time as ISO 8601 in UTC that ends in `Z`, for machines; `None` for `None`."""
    return None if time is None else nearest_utc(time).isoformat().replace("+00:00", "Z")


def format_day(time: datetime) -> str:
    """Return the day of a time in UTC, such as `2026-08-31`."""
    return nearest_utc(time).date().isoformat()


def format_minute(time: datetime | None) -> str:
    """Return the time to the minute in UTC, such as `2024-06-15 12:00`; a dash for `None`."""
    return "-" if time is None else nearest_utc(time).isoformat(" ", "minutes")[:16]


def format_second(time: datetime | None) -> str:
    """Return the time to the second in UTC, such as `2024-06-15 12:00:00`; a dash for `None`."""
    return "-" if time is None else nearest_utc(time).isoformat(" ", "seconds")[:19]


# ------------------------------------------------------------------ redaction of job tags


SENSITIVE_MEMBER: Final = "tags"
"""The only member that the service model marks sensitive."""


def may_contain_tags(text: str) -> bool:
    """Return whether a text that is not readable JSON can contain a job's tags. In doubt, the result is true."""
    # A JSON escape or a null character can be part of the word.
    return "tags" in text.replace("\0", "").lower() or "\\u" in text


REDACTED: Final = "a text that may contain tags, so it is not shown"


def redact_text(text: str) -> str:
    """Return a text of an error response, or a placeholder if it can contain tags."""
    # AWS's own error messages about tags contain no JSON objects, so they are kept.
    return REDACTED if "{" in text and may_contain_tags(text) else text


def redact_body(body: bytes, content_type: str) -> str | None:
    """Return the text of a body that is not a JSON object, for an error; `None` if it can contain tags."""
    # A part of a response of DRS can have the value of a tag without the word, so only a page or a plain text is returned.
    text = body.decode("utf-8", "replace").strip()
    is_part_of_json = "json" in content_type.lower() or (not text.startswith("<") and any(char in text for char in '"{}[]'))
    return None if text and (is_part_of_json or may_contain_tags(text)) else text


def redact_passwords(text: str) -> str:
    """Return a text without the user names and passwords in its URLs."""
    return re.sub(r"(?<=//)[^/?#\s]*@", "", text)


def redact_value(value: object) -> object:
    """Return a JSON value, for an error; `None` if it can contain tags, or is nested too deeply."""
    return None if is_nested_too_deep(value) or _has_tags(value) else value


def _has_tags(value: object) -> bool:
    """Return whether a text in a JSON value can contain tags. It is not printed: Python refuses to print very large numbers."""
    if isinstance(value, str):
        return may_contain_tags(value)
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(_has_tags, parts))


MAX_NESTING: Final = 100
"""The maximum nesting of a value of unknown shape. Values that are nested deeper cannot be copied or pickled."""


def is_nested_too_deep(value: object, levels: int = MAX_NESTING) -> bool:
    """Return whether a value has more than `levels` levels."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels == 0 or any(is_nested_too_deep(part, levels - 1) for part in parts)
