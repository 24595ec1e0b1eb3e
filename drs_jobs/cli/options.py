"""The options that several commands have, and the groups of options that belong together."""

import functools
import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import attrs
import typer

from drs_jobs import JobsClient
from drs_jobs.sweep.workers import MAX_IN_FLIGHT

T = TypeVar("T")


CheckOutput: TypeAlias = Literal["table", "json", "csv", "markdown", "junit", "prometheus"]
"""The format of an assessment of servers on stdout."""

# An option without a name has that of its parameter.
JobsOutputOption: TypeAlias = Annotated[
    Literal["table", "json", "csv", "markdown"],
    typer.Option("--output", "-o", case_sensitive=False, help="A table, JSON with one object per line, CSV or Markdown."),
]
Saved: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="PATH",
        help="Read a file of drs-jobs save, or what aws drs describe-jobs printed, instead of AWS. Can be repeated.",
    ),
]
Tags: TypeAlias = Annotated[bool, typer.Option("--tags", help="Show tags too. AWS marks tags as sensitive.")]
Since: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Only jobs created since 2024-06-15 (its first instant, in UTC), 2024-06-15T12:00Z, 12h, 90d, 1y."),
]
Names: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|aws",
        help="The names of servers: a CSV or JSON file with ids and names, - for stdin, or aws for the host names that AWS has "
        "(drs:DescribeSourceServers).",
    ),
]


@attrs.frozen
class Connection:
    """The options that say with which credentials and where to read."""

    profile: Annotated[str | None, typer.Option(help="The AWS profile. Default: that of boto3.")] = None
    region: Annotated[str | None, typer.Option(help="The AWS region. Default: that of boto3.")] = None
    endpoint_url: Annotated[str | None, typer.Option(help="The URL of an endpoint to use instead of AWS.")] = None

    def make_client(self) -> JobsClient:
        """Return a client with these options."""
        return JobsClient(profile_name=self.profile, region_name=self.region, endpoint_url=self.endpoint_url)


@attrs.frozen
class Organisation:
    """The options for many accounts and regions."""

    accounts: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Read many accounts: a file of account ids, one per line; - for stdin."),
    ] = None
    role_name: Annotated[str | None, typer.Option(help="The name of the role to assume in each account.")] = None
    regions: Annotated[
        str | None, typer.Option(help="Read many regions: names, separated by commas, or all, the default of --accounts.")
    ] = None
    partition: Annotated[str | None, typer.Option(help="The AWS partition: aws, the default, aws-us-gov or aws-cn.")] = None
    external_id: Annotated[str | None, typer.Option(help="The external id that the trust policy of the role requires.")] = None
    in_flight: Annotated[
        int, typer.Option(min=1, help="The maximum number of accounts and regions that are read at the same time.")
    ] = MAX_IN_FLIGHT


@attrs.frozen
class Criteria:
    """The options for an assessment of servers."""

    drilled_within: Annotated[
        str | None, typer.Option(help="Each server must have a successful drill within this time, such as 90d or 12w.")
    ] = None
    objective: Annotated[
        str | None,
        typer.Option(
            "--objective",
            "--rto",
            help="The latest recovery of each server must be within this time (its RTO), such as 4h or 1h30m.",
        ),
    ] = None
    as_of: Annotated[
        str | None,
        typer.Option(
            help="The moment of the assessment, in the forms of --since. A date is its end, today's date is now. Default: now; "
            "with --from the last moment that all files cover.",
        ),
    ] = None
    since: Since = None
    servers: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|aws",
            help="The servers to judge, with or without jobs: a file of ids (lines, CSV with a header, JSON, or what "
            "aws drs describe-source-servers printed), - for stdin, or aws for all that AWS has (drs:DescribeSourceServers).",
        ),
    ] = None
    names: Names = None
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 whatever the verdict is.")] = False


def with_option_groups(command: Callable[..., T]) -> Callable[..., T]:
    """Return a command with one parameter for each option of its groups, because typer has no groups of options.

    Each parameter of the command with a class of attrs as its type is a group.
    """
    signature = inspect.signature(command)
    groups = {name: parameter.annotation for name, parameter in signature.parameters.items() if attrs.has(parameter.annotation)}
    fields = {name: inspect.signature(group).parameters for name, group in groups.items()}

    @functools.wraps(command)
    def call(**values: Any) -> T:
        options = {name: group(**{field: values.pop(field) for field in fields[name]}) for name, group in groups.items()}
        return command(**options, **values)

    parameters = [
        option.replace(kind=Parameter.KEYWORD_ONLY)
        for name, parameter in signature.parameters.items()
        for option in fields.get(name, {name: parameter}).values()
    ]
    vars(call)["__signature__"] = signature.replace(parameters=parameters)
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call
