"""`drs-jobs list`: jobs as a table, and in the formats for machines."""

import functools
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Annotated, Final, NamedTuple

import attrs
import typer
from botocore.exceptions import BotoCoreError

from drs_jobs import DrsJobsError, Job, JobsClient, Outcome
from drs_jobs._models.source_server import is_source_server_id
from drs_jobs._text import format_count, quoted
from drs_jobs.analysis import active_jobs
from drs_jobs.cli import output
from drs_jobs.cli.exit_status import (
    ExitStatus,
    describe_error,
    exit_if_pipe_closes,
    print_error,
    print_note,
    raise_usage_errors,
)
from drs_jobs.cli.options import (
    Connection,
    JobsOutput,
    JobsOutputOption,
    Names,
    Organisation,
    Saved,
    Since,
    Tags,
    with_option_groups,
)
from drs_jobs.cli.parsers import Span, parse_span
from drs_jobs.cli.servers import NameSource, print_name_errors
from drs_jobs.cli.sources import JobSource
from drs_jobs.evidence import wording
from drs_jobs.saved.archive import Place

_ROWS_ON_TERMINAL: Final = 30
"""The default of `--limit` for a table on a terminal."""


class Kind(StrEnum):
    """The kind of a job, as tables show it."""

    DRILL = "drill"
    RECOVERY = "recovery"
    FAILBACK = "failback"
    CLEAN_UP = "clean-up"
    NETWORK = "network"
    DIAGNOSTIC = "diagnostic"
    TARGET_ACCOUNT = "target account"


@with_option_groups
def list_jobs(
    connection: Connection,
    saved: Saved,
    organisation: Organisation,
    output_format: JobsOutputOption = JobsOutput.TABLE,
    since: Since = None,
    until: Annotated[
        str | None,
        typer.Option("--until", help="Only jobs created until then, in the forms of --since. A date includes the whole day."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=0, help="The maximum number of jobs. Default: 30 for a table on a terminal, else all."),
    ] = None,
    kinds: Annotated[
        list[Kind] | None,
        typer.Option(
            "--kind", metavar="KIND", case_sensitive=False, help=f"Only jobs of this kind: {', '.join(Kind)}. Can be repeated."
        ),
    ] = None,
    outcomes: Annotated[
        list[Outcome] | None,
        typer.Option(
            "--outcome",
            metavar="OUTCOME",
            case_sensitive=False,
            help=f"Only jobs with this outcome: {', '.join(Outcome)}. Can be repeated.",
        ),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only failed jobs, as --outcome FAILED.")] = False,
    servers: Annotated[
        list[str] | None,
        typer.Option(
            "--server",
            metavar="ID|NAME",
            help="Only jobs of the server with this id, or with --names with this name. Can be repeated.",
        ),
    ] = None,
    tags: Tags = False,
    names: Names = None,
) -> ExitStatus:
    """List jobs, newest first. On a terminal, a job that has been running for more than two hours is marked as long."""
    with raise_usage_errors():
        now = datetime.now(UTC)
        span = parse_span(since, until, now)
        job_filter = JobFilter.from_options(kinds, outcomes, servers, failed=failed)
        if names is None and (unknown := [name for name in job_filter.servers if not is_source_server_id(name)]):
            raise ValueError(f"--server {quoted(unknown[0])} is not an id: give --names too, to find servers by name")
        name_source = NameSource.from_option(names)
        source = JobSource.from_options(connection, organisation, saved, asks_aws=name_source.is_aws)
    reading = source.read(functools.partial(_read_jobs, span=span, job_filter=job_filter, names=name_source, limit=limit))
    jobs = [(job, source.place_of_job(job, place)) for place, listing in reading.values for job in listing.jobs]
    if source.targets:
        jobs.sort(key=lambda row: row[0].creation_date_time or now, reverse=True)
    names_by_id = {key: name for _, listing in reading.values for key, name in listing.names.items()}
    with exit_if_pipe_closes(reading.status):
        _print_jobs(jobs[:limit], output_format, now=now, tags=tags, names=names_by_id, is_all=limit is None)
    print_name_errors([listing.names_error for _, listing in reading.values if listing.names_error is not None])
    reading.print_notes()
    source.print_notes()
    errors = [(place, listing.error) for place, listing in reading.values if listing.error is not None]
    for place, error in errors:
        print_error(f"{place}: not all jobs could be read: {describe_error(error)[0]}".removeprefix(": "))
    return reading.status or (describe_error(errors[0][1])[1] if errors else ExitStatus.SUCCEEDED)


class _Listing(NamedTuple):
    """The jobs of one account and region."""

    jobs: Sequence[Job]
    error: Exception | None
    """The error after which no more jobs could be read, or that of the first malformed job."""
    names: Mapping[str, str]
    names_error: Exception | None


def _read_jobs(client: JobsClient, *, span: Span, job_filter: "JobFilter", names: NameSource, limit: int | None) -> _Listing:
    """Return the jobs that match. An error is raised only if no job could be read."""
    names_by_id, names_error = names.read(client)
    errors = list[Exception]()
    from_date, to_date = span
    pager = client.describe_jobs(
        from_date=from_date, to_date=to_date, limit=None if job_filter else limit, on_malformed=errors.append
    )
    jobs: list[Job] = []
    try:
        jobs.extend(islice((job for job in pager if job_filter.matches(job, names_by_id)), limit))
    except (DrsJobsError, BotoCoreError) as error:
        errors.append(error)
    if errors and not jobs:
        raise errors[0]
    return _Listing(jobs, errors[0] if errors else None, names_by_id, names_error)


def _print_jobs(
    rows: Sequence[tuple[Job, Place]],
    output_format: JobsOutput,
    *,
    now: datetime,
    tags: bool,
    names: Mapping[str, str],
    is_all: bool,
) -> None:
    places = [place for _, place in rows] if len({place for _, place in rows}) > 1 else None
    match output_format:
        case JobsOutput.JSON:
            output.print_records(output.job_to_json(job, tags=tags, names=names, place=place) for job, place in rows)
        case JobsOutput.CSV:
            records = (output.job_record(job, tags=tags, names=names, place=place) for job, place in rows)
            output.print_records(records, columns=output.job_columns(tags=tags, names=names))
        case JobsOutput.MARKDOWN:
            lines = output.jobs_markdown([job for job, _ in rows], now=now, tags=tags, names=names, places=places)
            typer.echo("\n".join(lines))
        case JobsOutput.TABLE if rows:
            console = output.console()
            shown = rows[:_ROWS_ON_TERMINAL] if is_all and sys.stdout.isatty() else rows
            jobs = [job for job, _ in shown]
            table = output.jobs_table(jobs, now=now, tags=tags, names=names, places=places, width=console.width)
            output.print_table(table, console)
            if len(rows) > len(shown):
                print_note(f"{len(rows) - len(shown):,} more: --limit {len(rows)}")
            running = active_jobs(job for job, _ in rows)
            if running and sys.stdout.isatty():  # the top of the table can have left the screen
                long = sum(output.runs_long(job, now) for job in running)
                what = f"{format_count(len(running), 'job')} running" + (f", {long} for more than two hours" if long else "")
                print_note(f"{what}: {wording.list_label([job.job_id for job in running], 3)}")
        case JobsOutput.TABLE:
            print_note("no jobs")


@attrs.frozen
class JobFilter:
    """A filter of jobs. AWS has none by kind, outcome and server, so it is applied to the jobs in its responses."""

    kinds: frozenset[str] = frozenset()
    """The kinds of the jobs to keep; empty for all."""
    outcomes: frozenset[Outcome] = frozenset()
    """The outcomes of the jobs to keep; empty for all."""
    servers: frozenset[str] = frozenset()
    """The ids and the names, in lower case, of the servers whose jobs to keep; empty for all."""

    @classmethod
    def from_options(
        cls,
        kinds: Iterable[Kind] | None,
        outcomes: Iterable[Outcome] | None,
        servers: Iterable[str] | None = None,
        *,
        failed: bool,
    ) -> "JobFilter":
        """Return a filter from the options of the command line."""
        return cls(
            frozenset(kinds or ()),
            frozenset([*(outcomes or ()), *([Outcome.FAILED] if failed else [])]),
            frozenset(name if is_source_server_id(name) else name.casefold() for name in servers or ()),
        )

    def __bool__(self) -> bool:
        """Whether it can drop a job."""
        return bool(self.kinds or self.outcomes or self.servers)

    def matches(self, job: Job, names: Mapping[str, str] = output.NO_NAMES) -> bool:
        """Return whether a job is one of the jobs to keep.

        Args:
            job: The job.
            names: Names by source server id.
        """
        return (
            (not self.kinds or job.kind in self.kinds)
            and (not self.outcomes or job.outcome in self.outcomes)
            and (not self.servers or not self.servers.isdisjoint(_ids_and_names(job, names)))
        )


def _ids_and_names(job: Job, names: Mapping[str, str]) -> Iterator[str]:
    for server in job.participating_servers:
        if server.source_server_id is not None:
            yield server.source_server_id
            yield names.get(server.source_server_id, "").casefold()
