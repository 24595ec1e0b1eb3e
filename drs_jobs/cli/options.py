"""The options that several commands have: their types, and how their texts are parsed."""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

import attrs
import typer

from drs_jobs import Job, JobsClient, Outcome
from drs_jobs._text import quoted
from drs_jobs.cli.exit_status import UsageError


class TableOutput(StrEnum):
    """The format of a table on stdout."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class ReportOutput(StrEnum):
    """The format of a report about servers on stdout."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    JUNIT = "junit"
    PROMETHEUS = "prometheus"


class Kind(StrEnum):
    """The kind of a job, as tables show it."""

    DRILL = "drill"
    RECOVERY = "recovery"
    FAILBACK = "failback"
    CLEAN_UP = "clean-up"
    NETWORK = "network"
    DIAGNOSTIC = "diagnostic"
    TARGET_ACCOUNT = "target account"


JobArgument: TypeAlias = Annotated[str, typer.Argument(help="The job's id.")]
Profile: TypeAlias = Annotated[str | None, typer.Option("--profile", help="The AWS profile. Default: that of boto3.")]
Region: TypeAlias = Annotated[str | None, typer.Option("--region", help="The AWS region. Default: that of boto3.")]
EndpointUrl: TypeAlias = Annotated[
    str | None, typer.Option("--endpoint-url", help="The URL of an endpoint to use instead of AWS.")
]
TableOutputOption: TypeAlias = Annotated[
    TableOutput, typer.Option("--output", "-o", case_sensitive=False, help="A table, JSON with one object per line, or CSV.")
]
ReportOutputOption: TypeAlias = Annotated[
    ReportOutput,
    typer.Option(
        "--output",
        "-o",
        case_sensitive=False,
        help="A table, JSON with one object per line, CSV, JUnit XML, or text for Prometheus's node exporter.",
    ),
]
Fail: TypeAlias = Annotated[
    bool,
    typer.Option("--fail", help="Exit with 1 if a server does not meet the limit, and with 4 if that is unknown."),
]
Tags: TypeAlias = Annotated[bool, typer.Option("--tags", help="Show tags too. AWS marks tags as sensitive.")]
Since: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--since",
        help="Only jobs created since 2024-06-15 (its first instant, in UTC), 2024-06-15T12:00Z, 12h, 90d, 1y.",
    ),
]
Until: TypeAlias = Annotated[
    str | None,
    typer.Option("--until", help="Only jobs created until then, in the forms of --since. A date includes the whole day."),
]
Kinds: TypeAlias = Annotated[
    list[Kind] | None,
    typer.Option(
        "--kind", metavar="KIND", case_sensitive=False, help=f"Only jobs of this kind: {', '.join(Kind)}. Can be repeated."
    ),
]
Outcomes: TypeAlias = Annotated[
    list[Outcome] | None,
    typer.Option(
        "--outcome",
        metavar="OUTCOME",
        case_sensitive=False,
        help=f"Only jobs with this outcome: {', '.join(Outcome)}. Can be repeated.",
    ),
]
Failed: TypeAlias = Annotated[bool, typer.Option("--failed", help="Only failed jobs, as --outcome FAILED.")]
OlderThan: TypeAlias = Annotated[
    str | None,
    typer.Option("--older-than", help="Only servers without a successful drill for this time, such as 90d or 12w."),
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
NamesFile: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--names", metavar="FILE", help="A CSV or JSON file with the id and the host name of each server; - for stdin."
    ),
]
HostNames: TypeAlias = Annotated[
    bool, typer.Option("--host-names", help="Show the host names that AWS has. Needs drs:DescribeSourceServers.")
]


class Connection(NamedTuple):
    """The options that say with which credentials and where to read."""

    profile: str | None
    region: str | None
    endpoint_url: str | None

    def make_client(self) -> JobsClient:
        """Return a client with these options."""
        return JobsClient(profile_name=self.profile, region_name=self.region, endpoint_url=self.endpoint_url)

    def make_session(self) -> Any:
        """Return a boto3 session with the profile."""
        import boto3  # noqa: PLC0415  # `--help` needs no boto3

        return boto3.Session(profile_name=self.profile)


def apply_global_options(context: typer.Context, values: Mapping[str, Any]) -> None:
    """Make options before the command the defaults of the same options of the command.

    Args:
        context: The context of the program, before that of the command.
        values: The values by the name of the parameter; `None` for an absent option.

    Raises:
        ValueError: If the command does not have one of the options.
    """
    options = {name: value for name, value in values.items() if value is not None}
    program: Any = context.command
    command = program.commands.get(context.invoked_subcommand)
    if command is not None:
        names = {parameter.name for parameter in command.params}
        if unknown := [parameter.opts[0] for parameter in program.params if parameter.name in options.keys() - names]:
            raise ValueError(f"{command.name} has no option {', '.join(unknown)}: see drs-jobs {command.name} --help")
    context.default_map = {str(context.invoked_subcommand): options}


@attrs.frozen
class JobFilter:
    """A filter of jobs. AWS has none by kind and outcome, so it is applied to the jobs in its responses."""

    kinds: frozenset[Kind] = frozenset()
    """The kinds of the jobs to keep; empty for all."""
    outcomes: frozenset[Outcome] = frozenset()
    """The outcomes of the jobs to keep; empty for all."""

    @classmethod
    def from_options(cls, kinds: Iterable[Kind] | None, outcomes: Iterable[Outcome] | None, *, failed: bool) -> "JobFilter":
        """Return a filter from the options of the command line."""
        return cls(frozenset(kinds or ()), frozenset([*(outcomes or ()), *([Outcome.FAILED] if failed else [])]))

    def __bool__(self) -> bool:
        """Whether it can drop a job."""
        return bool(self.kinds or self.outcomes)

    def first(self, jobs: Iterable[Job], limit: int | None) -> Iterator[Job]:
        """Return the first `limit` jobs that match, all if it is `None`. No further job is read from `jobs`."""
        return islice(filter(self.matches, jobs), limit)

    def matches(self, job: Job) -> bool:
        """Return whether a job is one of the jobs to keep."""
        return (not self.kinds or job.kind in self.kinds) and (not self.outcomes or job.outcome in self.outcomes)


_JOB_ID: Final = re.compile(r"drsjob-[0-9a-zA-Z]{17}")


def parse_job_id(text: str) -> str:
    """Return a job id from the command line.

    Raises:
        ValueError: If AWS's service model does not allow it.
    """
    if not _JOB_ID.fullmatch(text):
        raise ValueError(f"{quoted(text)} is not a valid job id: use drsjob- and 17 letters or digits, as drs-jobs list shows")
    return text


def require_limit(option: str, limit: str | None, *, fail: bool) -> None:
    """Check that there is a limit if `--fail` is given.

    Args:
        option: The name of the option with the limit.
        limit: Its text; `None` if it was not given.
        fail: Whether `--fail` was given.

    Raises:
        UsageError: If there is none.
    """
    if fail and limit is None:
        raise UsageError(f"--fail needs a limit: give {option} too")


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


def parse_ids(option: str, file: str) -> list[str]:
    """Return the ids in a file, one per line, without blank lines and comments that begin with `#`.

    Args:
        option: The name of the option, for error messages.
        file: The path of the file; `-` is stdin.

    Raises:
        ValueError: If the file cannot be read, or is not UTF-8.
    """
    lines = (line.partition("#")[0].strip() for line in read_option_file(option, file).splitlines())
    return [line for line in lines if line]


def parse_servers(servers: str | None, names: str | None) -> list[str] | None:
    """Return the ids in the file of `--servers`; `None` without that option.

    Args:
        servers: The path of the file; `-` is stdin.
        names: The path of the file of `--names`, which can be stdin too.

    Raises:
        ValueError: If both are stdin, or if the file cannot be read, or is not UTF-8.
    """
    if servers == names == "-":
        raise ValueError("--servers and --names cannot both be read from stdin: use a file for one of them")
    return None if servers is None else parse_ids("--servers", servers)


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


_DURATION: Final = re.compile(r"([0-9]{1,12})([smhdwy]?)", re.IGNORECASE)
_SECOND: Final = timedelta(seconds=1)
_UNITS: Final = {
    "": _SECOND,
    "s": _SECOND,
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}


def parse_duration(option: str, text: str | None) -> timedelta | None:
    """Return a duration from the command line, such as 90, 90s, 30m, 2h, 90d, 12w or 1y; `None` if `text` is `None`.

    Args:
        option: The name of the option, for error messages.
        text: A number of seconds, or a number with the unit s, m, h, d, w or y (365 days), in any case.

    Raises:
        ValueError: If `text` is not a duration, or is too long.
    """
    if text is None:
        return None
    if not (match := _DURATION.fullmatch(text)):
        raise ValueError(f"{option} {quoted(text)} is not a duration: use 90s, 30m, 2h, 90d, 12w or 1y")
    try:
        return int(match[1]) * _UNITS[match[2].lower()]
    except OverflowError:
        raise ValueError(f"{option} {quoted(text)} is too long: use a shorter duration") from None


# Without m, because it could mean minutes or months.
_AGO: Final = re.compile(r"[0-9]{1,9}[hdwy]", re.IGNORECASE)


def parse_moment(option: str, text: str | None, now: datetime, *, whole_day: bool = False) -> datetime | None:
    """Return a moment from the command line; `None` if `text` is `None`.

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
        timestamp = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{option} {quoted(text)} is not a date: use 2024-06-15, 2024-06-15T12:00Z, 12h, 90d, 12w or 1y"
        ) from None
    if whole_day and _is_date(text):
        timestamp = datetime.combine(timestamp, time.max)
    return timestamp.replace(tzinfo=UTC) if timestamp.utcoffset() is None else timestamp


def _is_date(text: str) -> bool:
    """Return whether the text is a date without a time, in any form of ISO 8601."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
