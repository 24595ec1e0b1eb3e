"""Reads the targets of `drs-jobs sweep`, with a progress bar, and shows their jobs. It imports boto3."""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import attrs
from botocore.exceptions import NoCredentialsError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from drs_jobs import Job, Outcome
from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._text import format_count
from drs_jobs.cli import output
from drs_jobs.cli.exit_status import (
    ExitStatus,
    describe_error,
    exit_if_pipe_closes,
    print_error,
    print_note,
    raise_usage_errors,
)
from drs_jobs.cli.options import Connection, JobFilter, TableOutput
from drs_jobs.cli.parsers import Span
from drs_jobs.evidence.csv import CsvWriter
from drs_jobs.sweep import Target, TargetFailure, TargetJobs, sweep, targets

_MAX_NAMED = 3
"""The maximum number of targets that are named for each kind of failure."""


class Role(NamedTuple):
    """The role to assume in each account."""

    name: str
    partition: str
    external_id: str | None


def sweep_accounts(
    connection: Connection,
    output_format: TableOutput,
    *,
    account_ids: Sequence[str],
    regions: Sequence[str],
    role: Role,
    job_filter: JobFilter,
    span: Span,
    tags: bool,
    in_flight: int,
) -> ExitStatus:
    """Print the jobs of many accounts and regions, and return the exit status of the sweep.

    Args:
        connection: The profile that assumes the roles, and the endpoint.
        output_format: The format.
        account_ids: The accounts.
        regions: The regions, or `["all"]`.
        role: The role to assume in each account.
        job_filter: The jobs to print.
        span: The first and the last moment of their creation.
        tags: Whether their tags are printed.
        in_flight: The maximum number of targets that are read at the same time.
    """
    with raise_usage_errors():
        from_date, to_date = span
        profile, endpoint_url = connection.profile, connection.endpoint_url
        all_targets = [
            attrs.evolve(target, profile_name=profile, endpoint_url=endpoint_url)
            for target in targets(
                account_ids, regions, role_name=role.name, partition=role.partition, external_id=role.external_id
            )
        ]
        if not all_targets:
            raise ValueError(f"no targets: {len(account_ids)} accounts, {len(regions)} regions")
        check_setup(connection, list(dict.fromkeys(target.region for target in all_targets)), role)
        results = sweep(all_targets, from_date=from_date, to_date=to_date, max_in_flight=in_flight)
        matching = (attrs.evolve(result, jobs=tuple(filter(job_filter.matches, result.jobs))) for result in results)
    with exit_if_pipe_closes(ExitStatus.CLOSED_PIPE):
        return show_sweep(matching, total=len(all_targets), output_format=output_format, tags=tags).status


def check_setup(connection: Connection, regions: Sequence[str], role: Role) -> None:
    """Check the profile, credentials, regions and endpoint of all targets, without a request to DRS or STS.

    Args:
        connection: The profile and the endpoint.
        regions: The regions, without `all`.
        role: The role to assume in each account, with the partition.

    Raises:
        ValueError: If botocore has no DRS in a region of the partition, or if a region or the endpoint is malformed.
        BotoCoreError: If the profile is unknown, or there are no credentials.
    """
    drs_regions = {target.region for target in targets(["any"], "all", role_name=role.name, partition=role.partition)}
    for region in regions:
        if connection.endpoint_url is None and region not in drs_regions:
            raise ValueError(
                f"botocore has no DRS in region {region!r} of partition {role.partition!r}: "
                "correct the name, or update botocore"
            )
    if connection.make_session().get_credentials() is None:
        raise NoCredentialsError
    with connection._replace(region=regions[0]).make_client():
        pass  # its constructor checks the region and the endpoint


@attrs.define
class SweepFailures:
    """The failed targets by the name of the error, and the number of targets that were never set up."""

    targets: dict[str, list[TargetFailure]] = attrs.field(factory=dict[str, list[TargetFailure]])
    uninitialized: int = 0

    def add(self, failure: TargetFailure) -> None:
        """Add a failure."""
        if failure.is_uninitialized:
            self.uninitialized += 1
        else:
            self.targets.setdefault(type(failure.error).__name__, []).append(failure)

    @property
    def status(self) -> ExitStatus:
        """The exit status of the sweep. It is USAGE if every failure was caused by the configuration or the credentials."""
        statuses = {describe_error(failure.error)[1] for failures in self.targets.values() for failure in failures}
        if not statuses:
            return ExitStatus.SUCCEEDED
        return ExitStatus.USAGE if statuses == {ExitStatus.USAGE} else ExitStatus.SERVICE

    def print_summary(self) -> None:
        """Print one line per kind of failure on stderr. The order does not depend on the order of the results."""
        if self.uninitialized:
            print_note(f"{format_count(self.uninitialized, 'target')} never set up for Elastic Disaster Recovery")
        for name, unsorted in sorted(self.targets.items(), key=lambda item: (-len(item[1]), item[0])):
            failures = sorted(unsorted, key=lambda failure: _target_name(failure.target))
            named = ", ".join(_target_name(failure.target) for failure in failures[:_MAX_NAMED])
            more = f" and {len(failures) - _MAX_NAMED} more" if len(failures) > _MAX_NAMED else ""
            first, _ = describe_error(failures[0].error)
            print_error(f"{format_count(len(failures), 'target')} failed with {name} ({named}{more}), the first: {first}")


def show_sweep(
    results: Iterable[TargetJobs | TargetFailure], *, total: int, output_format: TableOutput, tags: bool
) -> SweepFailures:
    """Show the results and return the failures.

    Args:
        results: The results of the targets, in any order.
        total: The number of targets.
        output_format: The format. JSON and CSV have one job per line, printed when it arrives; a table of the targets is
            printed at the end.
        tags: Whether the jobs have tags.
    """
    failures = SweepFailures()
    rows: dict[tuple[str, str], Counter[Outcome]] = {}
    writer: CsvWriter | None = None
    if output_format is TableOutput.CSV:
        writer = CsvWriter(sys.stdout, ["account", "region", *output.job_columns(tags=tags)])
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        for result in progress.track(results, total=total, description="reading"):
            if isinstance(result, TargetFailure):
                failures.add(result)
            jobs = result.jobs
            if output_format is not TableOutput.TABLE:
                _print_jobs(result.target, jobs, writer, tags=tags)
            elif jobs or isinstance(result, TargetJobs):
                rows[_account(result.target), result.target.region] = Counter(job.outcome for job in jobs)
    count = ""
    if output_format is TableOutput.TABLE:
        console = output.console()
        console.print(targets_table(dict(sorted(rows.items())), width=console.width))
        count = f", {format_count(sum(counts.total() for counts in rows.values()), 'job')}"
    print_note(f"{format_count(total, 'target')}{count}")
    failures.print_summary()
    return failures


def targets_table(targets: Mapping[tuple[str, str], Counter[Outcome]], *, width: int) -> Table:
    """Return a table of the accounts and regions that were read, one pair per row, with the number of jobs of each outcome."""
    ranks = {Outcome.FAILED: 2, Outcome.RUNNING: 4, Outcome.UNDETERMINED: 5, Outcome.SUCCEEDED: 6}
    columns = [
        output.Column("account"),
        output.Column("region", rank=1),
        output.Column("jobs", rank=3, justify="right"),
        *(output.Column(outcome.name.lower(), rank=ranks[outcome], justify="right") for outcome in Outcome),
    ]
    rows: list[list[Text]] = []
    for (account, region), counts in targets.items():
        numbers = (
            Text(str(counts[outcome] or "-"), style=OUTCOME_COLOURS[outcome] if counts[outcome] else "") for outcome in Outcome
        )
        rows.append([output.text_cell(account), output.text_cell(region), output.text_cell(str(counts.total())), *numbers])
    return output.fitted_table(columns, rows, width=width)


def _print_jobs(target: Target, jobs: Iterable[Job], writer: CsvWriter | None, *, tags: bool) -> None:
    account_and_region = {"account": _account(target), "region": target.region}
    for job in jobs:
        if writer is None:
            output.print_records([{**output.job_to_json(job, tags=tags), **account_and_region}])
        else:
            writer.write([{**output.job_record(job, tags=tags), **account_and_region}])
    sys.stdout.flush()


def _account(target: Target) -> str:
    """Return the account in the ARN of the role of a target; an empty text without a role."""
    return (target.role_arn or "::::").split(":")[4]


def _target_name(target: Target) -> str:
    return f"{_account(target)} {target.region}"
