"""`drs-jobs list`: jobs as a table, and in the formats for machines."""

from datetime import datetime

from drs_jobs.cli import tables
from drs_jobs.cli.exit_codes import print_note, usage_errors
from drs_jobs.cli.filters import JobFilter
from drs_jobs.cli.formats import job_columns, job_record, print_records
from drs_jobs.cli.options import Connection, Span, TableOutput


def print_jobs(
    connection: Connection,
    output: TableOutput,
    *,
    wanted: JobFilter,
    span: Span,
    limit: int | None,
    tags: bool,
    now: datetime,
) -> None:
    """Print the jobs of an account and region, newest first.

    Args:
        connection: How to read them.
        output: The format.
        wanted: The jobs to print.
        span: The first and the last moment of their creation.
        limit: The maximum number of jobs; `None` for all.
        tags: Whether their tags are printed.
        now: The current time, for the duration of running jobs.
    """
    with usage_errors():
        from_date, to_date = span
        client = connection.make_client()
        listed = client.describe_jobs(from_date=from_date, to_date=to_date, limit=None if wanted else limit)
    jobs = wanted.first(listed, limit)
    if output is TableOutput.JSON:
        tables.print_json(jobs, tags=tags)
    elif output is TableOutput.CSV:
        print_records((job_record(job, tags=tags) for job in jobs), columns=job_columns(tags=tags))
    elif found := list(jobs):
        console = tables.console()
        console.print(tables.jobs_table(found, now=now, tags=tags, width=console.width))
    else:
        print_note("no jobs")
