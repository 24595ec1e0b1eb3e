"""`drs-jobs sweep`: the jobs of many accounts and regions, with a bar while they are requested."""

import json
import sys
from collections import Counter
from collections.abc import Iterable

import attrs
import typer
from botocore.exceptions import NoCredentialsError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from drs_jobs._client import JobsClient
from drs_jobs._models import Job, Outcome
from drs_jobs.cli import tables
from drs_jobs.cli.exit_codes import ExitStatus, describe_error, print_error, print_note
from drs_jobs.sweep import Target, TargetFailure, TargetJobs, targets

_NAMED = 3
"""How many targets are named for each kind of failure."""


def check_setup(wanted: Iterable[Target], *, role_name: str, partition: str) -> None:
    """Check what all targets share before anything is requested: profile, credentials, regions, endpoint.

    Raises:
        ValueError: A region that botocore does not know in the partition, or a malformed region or endpoint.
        BotoCoreError: An unknown profile, or no credentials.
    """
    import boto3  # noqa: PLC0415  # slow to import, and `drs-jobs --help` does not need it

    chosen = {target.region: target for target in wanted}
    known = {target.region for target in targets(["any"], "all", role_name=role_name, partition=partition)}
    for region, target in chosen.items():
        if target.endpoint_url is None and region not in known:
            raise ValueError(f"botocore knows no DRS in region {region!r} of partition {partition!r}: correct the name")
    for profile in {target.profile_name for target in chosen.values()}:
        if boto3.Session(profile_name=profile).get_credentials() is None:
            raise NoCredentialsError
    for target in list(chosen.values())[:1]:
        JobsClient(profile_name=target.profile_name, region_name=target.region, endpoint_url=target.endpoint_url)


@attrs.define
class SweepFailures:
    """The targets that failed, by the name of the error; and how many accounts and regions were never set up."""

    targets: dict[str, list[TargetFailure]] = attrs.field(factory=dict[str, list[TargetFailure]])
    uninitialized: int = 0

    def add(self, failure: TargetFailure) -> None:
        """Count one more."""
        if failure.is_uninitialized:
            self.uninitialized += 1
        else:
            self.targets.setdefault(type(failure.error).__name__, []).append(failure)

    @property
    def status(self) -> ExitStatus:
        """The exit status of the sweep: USAGE if set-up or credentials are the cause of every failure."""
        statuses = {describe_error(failure.error)[1] for failures in self.targets.values() for failure in failures}
        if not statuses:
            return ExitStatus.SUCCEEDED
        return ExitStatus.USAGE if statuses == {ExitStatus.USAGE} else ExitStatus.SERVICE

    def print_summary(self) -> None:
        """Print one line per kind of failure on stderr, in an order that does not depend on which target was first."""
        if self.uninitialized:
            print_note(f"{self.uninitialized} targets were never set up for Elastic Disaster Recovery")
        for name, unsorted in sorted(self.targets.items(), key=lambda item: (-len(item[1]), item[0])):
            failures = sorted(unsorted, key=lambda failure: _name(failure.target))
            named = ", ".join(_name(failure.target) for failure in failures[:_NAMED])
            more = f" and {len(failures) - _NAMED} more" if len(failures) > _NAMED else ""
            first, _ = describe_error(failures[0].error)
            print_error(f"{len(failures)} targets failed with {name} ({named}{more}), the first: {first}")


def show_sweep(results: Iterable[TargetJobs | TargetFailure], *, total: int, as_json: bool, tags: bool) -> SweepFailures:
    """Show each result: jobs as JSON lines as they come, or a table of the targets at the end. Failures go to stderr."""
    failures = SweepFailures()
    rows: dict[tuple[str, str], Counter[Outcome]] = {}
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        for result in progress.track(results, total=total, description="asking"):
            if isinstance(result, TargetFailure):
                failures.add(result)
            jobs = result.jobs
            if as_json:
                _print_json(result.target, jobs, tags=tags)
            elif jobs or isinstance(result, TargetJobs):
                rows[_account(result.target), result.target.region] = Counter(job.outcome for job in jobs)
    if not as_json:
        console = tables.console()
        console.print(tables.targets_table(dict(sorted(rows.items())), width=console.width))
    count = "" if as_json else f", {sum(counts.total() for counts in rows.values())} jobs"
    print_note(f"{total} targets{count}")
    failures.print_summary()
    return failures


def _print_json(target: Target, jobs: Iterable[Job], *, tags: bool) -> None:
    where = {"account": _account(target), "region": target.region}
    for job in jobs:
        typer.echo(json.dumps({**tables.json_of(job, tags=tags), **where}))
    sys.stdout.flush()


def _account(target: Target) -> str:
    """The account in a role's ARN."""
    return (target.role_arn or "::::").split(":")[4]


def _name(target: Target) -> str:
    return f"{_account(target)} {target.region}"
