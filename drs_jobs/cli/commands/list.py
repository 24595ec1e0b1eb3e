"""`drs-jobs list`: jobs as a table, and in the formats for machines."""

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

import attrs
import typer
from botocore.exceptions import BotoCoreError
from rich.table import Table

from drs_jobs import DrsJobsError, Job, JobsClient, Outcome
from drs_jobs._models.source_server import is_source_server_id
from drs_jobs._text import format_count, format_names, quoted
from drs_jobs.analysis import active_jobs
from drs_jobs.cli import output
from drs_jobs.cli.exit_status import ExitStatus, describe_error, exit_if_pipe_closes, print_note, raise_usage_errors
from drs_jobs.cli.options import Connection, JobsOutputOption, Names, Organisation, Saved, Since, Tags, with_option_groups
from drs_jobs.cli.parsers import check_stdin, parse_span
from drs_jobs.cli.servers import ServerOption
from drs_jobs.cli.sources import JobSource, print_incomplete
from drs_jobs.evidence.csv import csv_text


class Kind(StrEnum):
    """The kind of a job, as tables show it."""

    DRILL = "drill"
    RECOVERY = "recovery"
    FAILBACK = "failback"
    CLEAN_UP = "clean-up"
    NETWORK = "network"
    DIAGNOSTIC = "diagnostic"
    TARGET_ACCOUNT = "target account"


@attrs.frozen
class JobFilter:
    """The options for a filter of jobs. AWS has none by kind, outcome and server, so it is applied to the jobs it returns."""

    kinds: Annotated[
        list[Kind] | None,
        typer.Option(
            "--kind", metavar="KIND", case_sensitive=False, help=f"Only jobs of this kind: {', '.join(Kind)}. Can be repeated."
        ),
    ] = None
    outcomes: Annotated[
        list[Outcome] | None,
        typer.Option(
            "--outcome",
            metavar="OUTCOME",
            case_sensitive=False,
            help=f"Only jobs with this outcome: {', '.join(Outcome)}. Can be repeated.",
        ),
    ] = None
    failed: Annotated[bool, typer.Option("--failed", help="Only failed jobs, as --outcome FAILED.")] = False
    servers: Annotated[
        list[str] | None,
        typer.Option(
            "--server",
            metavar="ID|NAME",
            help="Only jobs of the server with this id, or with --names with this name. Can be repeated.",
        ),
    ] = None

    def matches(self, job: Job, names: output.HostNames = output.NO_NAMES) -> bool:
        """Return whether a job is one of the jobs to keep. Names are compared in any case."""
        outcomes = [*(self.outcomes or ()), *([Outcome.FAILED] if self.failed else [])]
        servers = {name if is_source_server_id(name) else name.casefold() for name in self.servers or ()}
        ids = {server.source_server_id for server in job.participating_servers if server.source_server_id is not None}
        return (
            (not self.kinds or job.kind in self.kinds)
            and (not outcomes or job.outcome in outcomes)
            and (not servers or not servers.isdisjoint(ids | {names.get(name, "").casefold() for name in ids}))
        )


@with_option_groups
def list_jobs(
    *,
    connection: Connection,
    saved: Saved = None,
    organisation: Organisation,
    output_format: JobsOutputOption = "table",
    since: Since = None,
    until: Annotated[
        str | None, typer.Option(help="Only jobs created until then, in the forms of --since. A date includes the whole day.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help="The maximum number of jobs. Default: 30 for a table on a terminal, else all.")
    ] = None,
    job_filter: JobFilter,
    tags: Tags = False,
    names: Names = None,
) -> ExitStatus:
    """List jobs, newest first. On a terminal, a job that has been running for more than two hours is marked as long."""
    with raise_usage_errors():
        now = datetime.now(UTC)
        from_date, to_date = parse_span(since, until, now)
        if names is None and (unknown := [name for name in job_filter.servers or () if not is_source_server_id(name)]):
            raise ValueError(f"--server {quoted(unknown[0])} is not an id: give --names too, to find servers by name")
        check_stdin({"--accounts": organisation.accounts, "--names": names})
        name_option = ServerOption("--names", names)
        source = JobSource.from_options(connection, organisation, saved, asks_aws=name_option.is_aws)
    span = {"from_date": from_date, "to_date": to_date}
    values = source.read(lambda client: _read_jobs(client, span, job_filter, name_option, limit))
    if not source.failures:
        name_option.require_names(name for name in job_filter.servers or () if not is_source_server_id(name))
    jobs = [job for _, (place_jobs, _) in values for job in place_jobs]
    # By the identity of a job, because two places can have the same job id.
    places = {id(job): source.place_of_job(job, place) for place, (place_jobs, _) in values for job in place_jobs}
    if source.targets:
        jobs.sort(key=lambda job: job.creation_date_time or now, reverse=True)
    jobs, host_names = jobs[:limit], name_option.names
    has_places = len({places[id(job)] for job in jobs}) > 1
    make_table = functools.partial(
        output.jobs_table, now=now, tags=tags, names=host_names, places=places if has_places else None
    )
    with exit_if_pipe_closes(source.status):
        match output_format:
            case "json":
                records = (output.job_to_json(job, tags=tags, names=host_names, place=places[id(job)]) for job in jobs)
                output.print_records(records)
            case "csv":
                records = (output.job_record(job, tags=tags, names=host_names, place=places[id(job)]) for job in jobs)
                typer.echo(csv_text(output.job_columns(tags=tags, names=host_names), records), nl=False)
            case "markdown":
                columns = make_table(jobs, width=output.UNLIMITED).columns
                rows = zip(*(map(str, column.cells) for column in columns), strict=True)
                typer.echo("\n".join(output.markdown_table([str(column.header) for column in columns], rows)))
            case "table":
                _print_table(jobs, make_table, now=now, is_all=limit is None)
    name_option.print_errors()
    source.print_notes()
    errors = [(place, error) for place, (_, error) in values if error is not None]
    print_incomplete(errors)
    return source.status or (describe_error(errors[0][1])[1] if errors else ExitStatus.SUCCEEDED)


def _read_jobs(
    client: JobsClient, span: Mapping[str, Any], job_filter: JobFilter, names: ServerOption, limit: int | None
) -> tuple[Sequence[Job], Exception | None]:
    """Return the jobs that match, and the first error. It is raised if no job could be read."""
    names_by_id = names.read_names(client)
    errors = list[Exception]()
    pager = client.describe_jobs(**span, on_malformed=errors.append)
    jobs: list[Job] = []
    try:
        jobs.extend(islice((job for job in pager if job_filter.matches(job, names_by_id)), limit))
    except (DrsJobsError, BotoCoreError) as error:
        errors.append(error)
    if errors and not jobs:
        raise errors[0]
    return jobs, errors[0] if errors else None


def _print_table(jobs: Sequence[Job], make_table: Callable[..., Table], *, now: datetime, is_all: bool) -> None:
    """Print a table of jobs. On a terminal, those of the first 30 if all are wanted, and how many run."""
    if not jobs:
        print_note("no jobs")
        return
    console = output.console()
    is_terminal = sys.stdout.isatty()
    shown = jobs[:30] if is_all and is_terminal else jobs
    output.print_table(make_table(shown, width=console.width), console)
    if len(jobs) > len(shown):
        print_note(f"{len(jobs) - len(shown):,} more: --limit {len(jobs)}")
    if is_terminal and (running := active_jobs(jobs)):  # the top of the table can have left the screen
        long = sum(output.runs_long(job, now) for job in running)
        what = f"{format_count(len(running), 'job')} running" + (f", {long} for more than two hours" if long else "")
        print_note(f"{what}: {format_names([job.job_id for job in running], 3)}")
