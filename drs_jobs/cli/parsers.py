"""How the texts of options are parsed: durations, moments, job ids, accounts, and files."""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final, TypeAlias

from drs_jobs._text import quoted
from drs_jobs._time import to_utc

# ------------------------------------------------------------------ durations

_UNITS: Final = {
    "y": timedelta(days=365),
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_DURATION: Final = re.compile("".join(f"(?:([0-9]{{1,12}}){unit})?" for unit in _UNITS), re.IGNORECASE)


def parse_duration(option: str, text: str | None, *, bare_seconds: bool = False) -> timedelta | None:
    """Return a duration from the command line, such as 90s, 1h30m, 90d, 12w or 1y; `None` if `text` is `None`.

    Args:
        option: The name of the option, for error messages.
        text: Numbers with the units y (365 days), w, d, h, m and s, in this order and in any case.
        bare_seconds: Whether a number without a unit is in seconds, as for time-outs. By default it is an error.

    Raises:
        ValueError: If `text` is not a duration, or is too long.
    """
    if text is None:
        return None
    if re.fullmatch("[0-9]{1,12}", text):
        if not bare_seconds:
            raise ValueError(f"{option} {quoted(text)} has no unit: use {text}h for hours, or {text}d for days")
        text += "s"
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"{option} {quoted(text)} is not a duration: use 90s, 30m, 1h30m, 4h, 90d, 12w or 1y")
    try:
        return sum((int(count or 0) * unit for count, unit in zip(match.groups(), _UNITS.values(), strict=True)), timedelta())
    except OverflowError:
        raise ValueError(f"{option} {quoted(text)} is too long: use a shorter duration") from None


def parse_positive_duration(option: str, text: str | None, *, bare_seconds: bool = False) -> timedelta | None:
    """Return a duration above 0 from the command line; see `parse_duration`."""
    duration = parse_duration(option, text, bare_seconds=bare_seconds)
    if duration == timedelta():
        raise ValueError(f"{option} {quoted(str(text))} must be above 0: use {'1s' if bare_seconds else '4h or 90d'}")
    return duration


# ------------------------------------------------------------------ moments

# Without m, because it could mean minutes or months.
_AGO: Final = re.compile(r"(?:[0-9]{1,9}[hdwy])+", re.IGNORECASE)


def parse_moment(option: str, text: str | None, now: datetime, *, whole_day: bool = False) -> datetime | None:
    """Return a moment from the command line, in UTC; `None` if `text` is `None`.

    Args:
        option: The name of the option, for error messages.
        text: Hours, days, weeks or years before `now`, such as 90d, or a date with or without a time, in UTC by default.
        now: The current time.
        whole_day: Whether a date without a time is its last instant; by default it is its first.

    Raises:
        ValueError: If `text` is not a date or a duration with one of these units, or is before the year 1.
    """
    if text is None:
        return None
    try:
        if _AGO.fullmatch(text) and (ago := parse_duration(option, text)) is not None:
            return now - ago
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{option} {quoted(text)} is not a date: use 2024-06-15, 2024-06-15T12:00Z, 12h, 90d, 12w or 1y"
        ) from None
    if whole_day and _is_date(text):
        moment = datetime.combine(moment, time.max)
    return to_utc(moment if moment.utcoffset() is not None else moment.replace(tzinfo=UTC), option)


def _is_date(text: str) -> bool:
    """Return whether the text is a date without a time, in any form of ISO 8601."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def parse_as_of(text: str | None, now: datetime) -> datetime | None:
    """Return the moment of `--as-of`: a date is its last instant, and today's date is `now`; `None` for `None`.

    Raises:
        ValueError: If it is invalid, or in the future.
    """
    moment = parse_moment("--as-of", text, now, whole_day=True)
    if text is not None and moment is not None and _is_date(text) and moment.date() == now.date():
        return now
    if moment is not None and moment > now:
        raise ValueError(f"--as-of {quoted(str(text))} is in the future: use a date in the past, or leave it out")
    return moment


Span: TypeAlias = tuple[datetime | None, datetime | None]
"""The first and the last moment of the jobs; `None` for no limit."""


def parse_span(since: str | None, until: str | None, now: datetime) -> Span:
    """Return the first and the last moment of `--since` and `--until`.

    Raises:
        ValueError: If one of them is invalid, or they are in the wrong order.
    """
    start, end = parse_moment("--since", since, now), parse_moment("--until", until, now, whole_day=True)
    if start is not None and end is not None and start > end:
        raise ValueError(f"--since {since} is later than --until {until}: swap them")
    return start, end


# ------------------------------------------------------------------ ids and files

_JOB_ID: Final = re.compile(r"drsjob-[0-9a-zA-Z]{17}")
_ACCOUNT_ID: Final = re.compile(r"[0-9]{12}")


def parse_job_id(text: str) -> str:
    """Return a job id from the command line.

    Raises:
        ValueError: If AWS's service model does not allow it.
    """
    if not _JOB_ID.fullmatch(text):
        raise ValueError(f"{quoted(text)} is not a valid job id: use drsjob- and 17 letters or digits, as drs-jobs list shows")
    return text


def parse_accounts(option: str, file: str) -> list[str]:
    """Return the account ids in a file, each once. They are separated by white space or commas.

    Args:
        option: The name of the option, for error messages.
        file: The path of the file; `-` is stdin.

    Raises:
        ValueError: If the file cannot be read, or contains anything else.
    """
    accounts = list(words(read_option_file(option, file)))
    for number, account in accounts:
        if not _ACCOUNT_ID.fullmatch(account):
            raise ValueError(f"{option} {quoted(file)}: line {number}: {quoted(account)} is not an account id: use 12 digits")
    return list(dict.fromkeys(account for _, account in accounts))


def words(text: str) -> Iterator[tuple[int, str]]:
    """Yield the words of a text, separated by white space, commas or semicolons, with their line numbers.

    Comments begin with `#` and end with the line.
    """
    for number, line in enumerate(text.splitlines(), 1):
        for word in re.split(r"[\s,;]+", line.partition("#")[0]):
            if word:
                yield number, word


def read_option_file(option: str, file: str) -> str:
    """Return the text of a file, without a byte order mark.

    Args:
        option: The name of the option, for error messages.
        file: The path of the file; `-` is stdin.

    Raises:
        ValueError: If the file cannot be read, or is not UTF-8.
    """
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"{option} {quoted(file)} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{option} {quoted(file)} is not UTF-8 text: convert it to UTF-8") from None
