"""The options of the commands: their types, and how their texts are read."""

import re
import sys
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from drs_jobs._client import JobsClient
from drs_jobs._formatting import quoted


class Output(StrEnum):
    """The format of the output on stdout."""

    TABLE = "table"
    JSON = "json"


class OperatingSystem(StrEnum):
    """The operating system of simulated servers."""

    LINUX = "linux"
    WINDOWS = "windows"


Profile: TypeAlias = Annotated[str | None, typer.Option("--profile", help="The AWS profile. Default: that of boto3.")]
Region: TypeAlias = Annotated[str | None, typer.Option("--region", help="The AWS region. Default: that of boto3.")]
EndpointUrl: TypeAlias = Annotated[
    str | None, typer.Option("--endpoint-url", help="The URL of an endpoint to use instead of AWS.")
]
OutputOption: TypeAlias = Annotated[
    Output, typer.Option("--output", help="A table, or JSON in AWS's shape, one object per line.")
]
Tags: TypeAlias = Annotated[bool, typer.Option("--tags", help="Show tags too. AWS marks tags as sensitive.")]
Since: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--since", help="Only jobs created since 2024-06-15 (its first instant, in UTC), 2024-06-15T12:00Z, 90d or 12h."
    ),
]
Until: TypeAlias = Annotated[
    str | None,
    typer.Option("--until", help="Only jobs created until then, in the forms of --since. A date includes the whole day."),
]
Timeout: TypeAlias = Annotated[
    str | None, typer.Option("--timeout", help="The maximum time to wait, such as 90s, 30m or 2h. Default: no limit.")
]
OlderThan: TypeAlias = Annotated[
    str | None,
    typer.Option("--older-than", help="Only servers without a successful drill for this time, such as 90d."),
]
Objective: TypeAlias = Annotated[
    str | None,
    typer.Option("--objective", help="The recovery time objective (RTO) of a server, such as 4h. Default: none."),
]
Servers: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--servers",
        metavar="FILE",
        help="A file of server ids, one per line; - for stdin. Never drilled servers are shown too.",
    ),
]
Accounts: TypeAlias = Annotated[
    str, typer.Option("--accounts", metavar="FILE", help="A file of account ids, one per line; - for stdin.")
]
Limit: TypeAlias = Annotated[int | None, typer.Option("--limit", min=0, help="The maximum number of jobs.")]


def make_client(profile: str | None, region: str | None, endpoint_url: str | None) -> JobsClient:
    """Return a client with the options of the command line."""
    return JobsClient(profile_name=profile, region_name=region, endpoint_url=endpoint_url)


def read_span(since: str | None, until: str | None, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return the first and the last moment of `--since` and `--until`.

    Raises:
        ValueError: If one of them is invalid, or they are in the wrong order.
    """
    start, end = read_moment("--since", since, now), read_moment("--until", until, now, whole_day=True)
    if start is not None and end is not None and start > end:
        raise ValueError(f"--since {since} is later than --until {until}: swap them")
    return start, end


def read_ids(option: str, file: str) -> list[str]:
    """Return the ids in a file, one per line, without blank lines and comments that begin with `#`.

    Args:
        option: The name of the option, for error messages.
        file: The path of the file; `-` is stdin.

    Raises:
        ValueError: If the file cannot be read, or is not UTF-8.
    """
    lines = (line.partition("#")[0].strip() for line in read_option_file(option, file).splitlines())
    return [line for line in lines if line]


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


_DURATION: Final = re.compile(r"([0-9]{1,12})([smhd]?)")
_UNITS: Final = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def read_duration(option: str, text: str | None) -> timedelta | None:
    """Return a duration from the command line, such as 90, 90s, 30m, 2h or 90d; `None` if `text` is `None`.

    Args:
        option: The name of the option, for error messages.
        text: A number of seconds, or a number with the unit s, m, h or d.

    Raises:
        ValueError: If `text` is not a duration, or is too long.
    """
    if text is None:
        return None
    if not (match := _DURATION.fullmatch(text)):
        raise ValueError(f"{option} {quoted(text)} is not a duration: use 90s, 30m, 2h or 90d")
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        raise ValueError(f"{option} {quoted(text)} is too long: use a shorter duration") from None


_AGO: Final = re.compile(r"[0-9]{1,9}[dh]")


def read_moment(option: str, text: str | None, now: datetime, *, whole_day: bool = False) -> datetime | None:
    """Return a moment from the command line; `None` if `text` is `None`.

    Args:
        option: The name of the option, for error messages.
        text: Days or hours before `now`, such as 90d, or a date with or without a time, in UTC by default.
        now: The current time.
        whole_day: Whether a date without a time is its last instant; by default it is its first.

    Raises:
        ValueError: If `text` is not a date or a number of days or hours, or is before the year 1.
    """
    if text is None:
        return None
    try:
        if _AGO.fullmatch(text) and (ago := read_duration(option, text)) is not None:
            return now - ago
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValueError(f"{option} {quoted(text)} is not a date: use 2024-06-15, 2024-06-15T12:00Z, 90d or 12h") from None
    if whole_day and _is_date(text):
        moment = datetime.combine(moment, time.max)
    return moment.replace(tzinfo=UTC) if moment.utcoffset() is None else moment


def _is_date(text: str) -> bool:
    """Return whether the text is a date without a time, in any form of ISO 8601."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
