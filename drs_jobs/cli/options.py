"""The options that several commands have."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any, NamedTuple, TypeAlias

import attrs
import typer

from drs_jobs import Job, JobsClient, Outcome


class TableOutput(StrEnum):
    """The format of a table on stdout."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class CheckOutput(StrEnum):
    """The format of an assessment of servers on stdout."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
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
DrilledWithin: TypeAlias = Annotated[
    str | None,
    typer.Option("--drilled-within", help="Each server must have a successful drill within this time, such as 90d or 12w."),
]
Objective: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--objective",
        "--rto",
        help="The latest recovery of each server must be within this time (its RTO), such as 4h or 1h30m.",
    ),
]
AsOf: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        help="The moment of the assessment, in the forms of --since. A date is its end, today's date is now. Default: now.",
    ),
]
Servers: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--servers",
        metavar="FILE|aws",
        help="The servers to judge, with or without jobs: a file of ids (lines, CSV with a header, JSON, or what "
        "aws drs describe-source-servers printed), - for stdin, or aws for all that AWS has (drs:DescribeSourceServers).",
    ),
]
Names: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--names",
        metavar="FILE|aws",
        help="The names of servers: a CSV or JSON file with ids and names, - for stdin, or aws for the host names that AWS has "
        "(drs:DescribeSourceServers).",
    ),
]
ExitZero: TypeAlias = Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 whatever the verdict is.")]


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
