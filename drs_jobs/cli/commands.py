"""The commands of `drs-jobs` and their options."""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, TypeAlias

import typer

from drs_jobs._text import quoted
from drs_jobs.cli import output
from drs_jobs.cli.exits import exit_status
from drs_jobs.client import JobsClient

app: typer.Typer = typer.Typer(
    name="drs-jobs",
    help="Read the jobs of AWS Elastic Disaster Recovery: recoveries, drills, failbacks and clean-ups.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Output(StrEnum):
    """How to show what was found."""

    TABLE = "table"
    JSON = "json"


Profile: TypeAlias = Annotated[str | None, typer.Option("--profile", help="AWS profile; boto3's default where not given.")]
Region: TypeAlias = Annotated[str | None, typer.Option("--region", help="AWS region; boto3's default where not given.")]
EndpointUrl: TypeAlias = Annotated[str | None, typer.Option("--endpoint-url", help="Ask this endpoint instead of AWS.")]
OutputOption: TypeAlias = Annotated[Output, typer.Option("--output", help="A table, or one job a line as JSON in AWS's shape.")]
Tags: TypeAlias = Annotated[bool, typer.Option("--tags", help="Show tags too. AWS marks them sensitive.")]
Since: TypeAlias = Annotated[
    str | None, typer.Option("--since", help="Created since: 2024-06-15, 2024-06-15T12:00Z, 90d or 12h.")
]
Until: TypeAlias = Annotated[str | None, typer.Option("--until", help="Created until, in the same forms.")]
Limit: TypeAlias = Annotated[int | None, typer.Option("--limit", min=0, help="So many jobs at most.")]


@app.callback()
def drs_jobs() -> None:
    """Read the jobs of AWS Elastic Disaster Recovery: recoveries, drills, failbacks and clean-ups."""


@app.command("list")
def list_jobs(
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    output_format: OutputOption = Output.TABLE,
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    tags: Tags = False,
) -> None:
    """List jobs, newest first."""
    with exit_status():
        now = datetime.now(UTC)
        jobs = JobsClient(profile_name=profile, region_name=region, endpoint_url=endpoint_url).describe_jobs(
            from_date=read_moment("--since", since, now), to_date=read_moment("--until", until, now), limit=limit
        )
        if output_format is Output.JSON:
            output.print_json(jobs, tags=tags)
        elif found := jobs.collect():
            console = output.console()
            console.print(output.jobs_table(found, now=now, tags=tags, width=console.width))
        else:
            typer.echo("no jobs", err=True)


@app.command()
def demo() -> None:
    """See it work without an AWS account, against a DRS endpoint on this machine."""
    from drs_jobs.cli.demo import run  # noqa: PLC0415  # needs the extra `testing`, and the other commands do not

    with exit_status():
        run()


_AGO: Final = re.compile(r"([0-9]{1,6})([dh])")


def read_moment(option: str, text: str | None, now: datetime) -> datetime | None:
    """A moment from the command line: so many days or hours before `now`, or a date, in UTC unless it says otherwise."""
    if text is None:
        return None
    if ago := _AGO.fullmatch(text):
        amount = int(ago[1])
        return now - (timedelta(days=amount) if ago[2] == "d" else timedelta(hours=amount))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{option} {quoted(text)} is no date: write 2024-06-15, 2024-06-15T12:00Z, 90d or 12h") from None
    return moment.replace(tzinfo=UTC) if moment.utcoffset() is None else moment
