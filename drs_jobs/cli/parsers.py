"""How the texts of options are parsed: durations, moments, job ids, accounts, and files.

An `option` is the name of the option, for error messages. An invalid text, or a file that cannot be read, is a ValueError.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from drs_jobs._text import quoted
from drs_jobs._time import to_utc

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

    It has numbers with the units y (365 days), w, d, h, m and s, in this order and in any case. With `bare_seconds`, as for
    time-outs, a number without a unit is in seconds.
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


def parse_moment(option: str, text: str | None, now: datetime, *, whole_day: bool = False) -> datetime | None:
    """Return a moment from the command line, in UTC; `None` if `text` is `None`.

    It is hours, days, weeks or years before `now`, such as 90d, or a date with or without a time, in UTC by default. A date
    without a time is its first instant, with `whole_day` its last.
    """
    if text is None:
        return None
    try:
        # Without m, because it could mean minutes or months.
        if re.fullmatch("([0-9]{1,9}[hdwy])+", text, re.IGNORECASE) and (ago := parse_duration(option, text)) is not None:
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
    """Return the moment of `--as-of`, which is not in the future: a date is its last instant, and today's date is `now`."""
    moment = parse_moment("--as-of", text, now, whole_day=True)
    if text is None or moment is None or moment <= now:
        return moment
    if _is_date(text) and moment.date() == now.date():
        return now
    raise ValueError(f"--as-of {quoted(text)} is in the future: use a date in the past, or leave it out")


def parse_span(since: str | None, until: str | None, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return the first and the last moment of `--since` and `--until`, which are in this order; `None` for no limit."""
    start, end = parse_moment("--since", since, now), parse_moment("--until", until, now, whole_day=True)
    if start is not None and end is not None and start > end:
        raise ValueError(f"--since {since} is later than --until {until}: swap them")
    return start, end


def parse_job_id(text: str) -> str:
    """Return a job id from the command line, which AWS's service model allows."""
    if not re.fullmatch("drsjob-[0-9a-zA-Z]{17}", text):
        raise ValueError(f"{quoted(text)} is not a valid job id: use drsjob- and 17 letters or digits, as drs-jobs list shows")
    return text


def parse_accounts(option: str, file: str) -> list[str]:
    """Return the account ids in a file, each once. They are separated by white space or commas. `-` is stdin."""
    accounts = list(words(read_option_file(option, file)))
    for number, account in accounts:
        if not re.fullmatch("[0-9]{12}", account):
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


def check_stdin(files: Mapping[str, str | None]) -> None:
    """Check that at most one of the files, by option, is stdin. Otherwise it is a ValueError."""
    options = [option for option, file in files.items() if file == "-"]
    if len(options) > 1:
        raise ValueError(f"only one of {' and '.join(options)} can be read from stdin: use files for the others")


def read_option_file(option: str, file: str) -> str:
    """Return the text of a file, which is UTF-8, without a byte order mark. `-` is stdin."""
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"{option} {quoted(file)} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{option} {quoted(file)} is not UTF-8 text: convert it to UTF-8") from None
