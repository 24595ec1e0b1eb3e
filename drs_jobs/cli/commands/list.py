"""`drs-jobs list`: jobs as a table, and in the formats for machines."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from drs_jobs.cli import output
from drs_jobs.cli.exit_status import print_note, raise_usage_errors
from drs_jobs.cli.options import (
    Connection,
    EndpointUrl,
    Failed,
    JobFilter,
    Kinds,
    Names,
    Outcomes,
    Profile,
    Region,
    Since,
    TableOutput,
    TableOutputOption,
    Tags,
    Until,
)
from drs_jobs.cli.parsers import parse_span
from drs_jobs.cli.servers import NameSource


def list_jobs(
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    output_format: TableOutputOption = TableOutput.TABLE,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int | None, typer.Option("--limit", min=0, help="The maximum number of jobs.")] = None,
    kinds: Kinds = None,
    outcomes: Outcomes = None,
    failed: Failed = False,
    tags: Tags = False,
    names: Names = None,
) -> None:
    """List jobs, newest first."""
    job_filter = JobFilter.from_options(kinds, outcomes, failed=failed)
    with raise_usage_errors():
        now = datetime.now(UTC)
        from_date, to_date = parse_span(since, until, now)
        name_source = NameSource.from_option(names)
        client = Connection(profile, region, endpoint_url).make_client()
        pager = client.describe_jobs(from_date=from_date, to_date=to_date, limit=None if job_filter else limit)
    names_by_id = name_source.resolve(client)
    jobs = job_filter.first(pager, limit)
    if output_format is TableOutput.JSON:
        output.print_records(output.job_to_json(job, tags=tags, names=names_by_id) for job in jobs)
    elif output_format is TableOutput.CSV:
        records = (output.job_record(job, tags=tags, names=names_by_id) for job in jobs)
        output.print_records(records, columns=output.job_columns(tags=tags, names=names_by_id))
    elif rows := list(jobs):
        console = output.console()
        if names_by_id:
            table = output.named_jobs_table(rows, names=names_by_id, now=now, tags=tags, width=console.width)
            output.print_table(table, console)
        else:
            console.print(output.jobs_table(rows, now=now, tags=tags, width=console.width))
    else:
        print_note("no jobs")
