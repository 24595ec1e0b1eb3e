"""`drs-jobs sweep`: the jobs of many accounts and regions, with a progress bar."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import attrs
import boto3
import typer
from botocore.exceptions import NoCredentialsError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from drs_jobs._client import JobsClient
from drs_jobs._models import Job, Outcome
from drs_jobs._text import format_count
from drs_jobs.cli import tables
from drs_jobs.cli.errors import describe_error
from drs_jobs.cli.exit_codes import ExitStatus, exit_if_pipe_closes, print_error, print_note, usage_errors
from drs_jobs.cli.filters import JobFilter
from drs_jobs.cli.formats import job_columns, job_record
from drs_jobs.cli.options import Connection, Span, TableOutput
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
    output: TableOutput,
    *,
    account_ids: Sequence[str],
    regions: Sequence[str],
    role: Role,
    wanted: JobFilter,
    span: Span,
    tags: bool,
    in_flight: int,
) -> ExitStatus:
    """Print the jobs of many accounts and regions, and return the exit status of the sweep.

    Args:
        connection: The profile that assumes the roles, and the endpoint.
        output: The format.
        account_ids: The accounts.
        regions: The regions, or `["all"]`.
        role: The role to assume in each account.
        wanted: The jobs to print.
        span: The first and the last moment of their creation.
        tags: Whether their tags are printed.
        in_flight: The maximum number of targets that are read at the same time.
    """
    with usage_errors():
        from_date, to_date = span
        found = targets(account_ids, regions, role_name=role.name, partition=role.partition, external_id=role.external_id)
        profile, endpoint_url = connection.profile, connection.endpoint_url
        chosen = [attrs.evolve(target, profile_name=profile, endpoint_url=endpoint_url) for target in found]
        if not chosen:
            raise ValueError(f"no targets: {len(account_ids)} accounts, {len(regions)} regions")
        check_setup(chosen, role_name=role.name, partition=role.partition)
        results = sweep(chosen, from_date=from_date, to_date=to_date, max_in_flight=in_flight)
        matching = (attrs.evolve(result, jobs=tuple(filter(wanted.matches, result.jobs))) for result in results)
    with exit_if_pipe_closes(ExitStatus.CLOSED_PIPE):
        return show_sweep(matching, total=len(chosen), output=output, tags=tags).status


def check_setup(wanted: Iterable[Target], *, role_name: str, partition: str) -> None:
    """Check the profile, credentials, regions and endpoint of all targets, without a request to DRS or STS.

    Args:
        wanted: The targets.
        role_name: The name of the role to assume in each account.
        partition: The AWS partition of the targets.

    Raises:
        ValueError: If botocore has no DRS in a region of the partition, or if a region or the endpoint is malformed.
        BotoCoreError: If the profile is unknown, or there are no credentials.
    """
    target_by_region = {target.region: target for target in wanted}
    known = {target.region for target in targets(["any"], "all", role_name=role_name, partition=partition)}
    for region, target in target_by_region.items():
        if target.endpoint_url is None and region not in known:
            raise ValueError(
                f"botocore has no DRS in region {region!r} of partition {partition!r}: correct the name, or update botocore"
            )
    for profile in {target.profile_name for target in target_by_region.values()}:
        if boto3.Session(profile_name=profile).get_credentials() is None:
            raise NoCredentialsError
    for target in list(target_by_region.values())[:1]:
        # The constructor checks the region and the endpoint.
        with JobsClient(profile_name=target.profile_name, region_name=target.region, endpoint_url=target.endpoint_url):
            pass


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


def show_sweep(results: Iterable[TargetJobs | TargetFailure], *, total: int, output: TableOutput, tags: bool) -> SweepFailures:
    """Show the results and return the failures.

    Args:
        results: The results of the targets, in any order.
        total: The number of targets.
        output: The format. JSON and CSV have one job per line, printed when it arrives; a table of the targets is printed
            at the end.
        tags: Whether the jobs have tags.
    """
    failures = SweepFailures()
    rows: dict[tuple[str, str], Counter[Outcome]] = {}
    writer = CsvWriter(sys.stdout, ["account", "region", *job_columns(tags=tags)]) if output is TableOutput.CSV else None
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        for result in progress.track(results, total=total, description="reading"):
            if isinstance(result, TargetFailure):
                failures.add(result)
            jobs = result.jobs
            if output is not TableOutput.TABLE:
                _print_jobs(result.target, jobs, writer, tags=tags)
            elif jobs or isinstance(result, TargetJobs):
                rows[_account(result.target), result.target.region] = Counter(job.outcome for job in jobs)
    if output is TableOutput.TABLE:
        console = tables.console()
        console.print(tables.targets_table(dict(sorted(rows.items())), width=console.width))
    count = (
        "" if output is not TableOutput.TABLE else f", {format_count(sum(counts.total() for counts in rows.values()), 'job')}"
    )
    print_note(f"{format_count(total, 'target')}{count}")
    failures.print_summary()
    return failures


def _print_jobs(target: Target, jobs: Iterable[Job], writer: CsvWriter | None, *, tags: bool) -> None:
    account_and_region = {"account": _account(target), "region": target.region}
    for job in jobs:
        if writer is None:
            typer.echo(json.dumps({**tables.json_of(job, tags=tags), **account_and_region}))
        else:
            writer.write([{**job_record(job, tags=tags), **account_and_region}])
    sys.stdout.flush()


def _account(target: Target) -> str:
    """Return the account in the ARN of the role of a target; an empty text without a role."""
    return (target.role_arn or "::::").split(":")[4]


def _target_name(target: Target) -> str:
    return f"{_account(target)} {target.region}"
