"""Where commands read: one account and region, saved jobs, or many accounts and regions."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import attrs
import botocore.session
from botocore.exceptions import NoCredentialsError
from rich import progress
from rich.console import Console

from drs_jobs import Job, JobsClient, ServiceError
from drs_jobs._client import region_of
from drs_jobs._text import format_count, format_names, one_line, quoted
from drs_jobs.cli.exit_status import ExitStatus, describe_error, print_error, print_note
from drs_jobs.cli.options import Connection, Organisation, Saved
from drs_jobs.cli.parsers import parse_accounts
from drs_jobs.cli.suggestions import suggest_region
from drs_jobs.evidence import wording
from drs_jobs.saved import SavedJobs
from drs_jobs.saved.archive import Place
from drs_jobs.saved.coverage import coverage
from drs_jobs.sweep import Target, TargetFailure, TargetResult, sweep, targets
from drs_jobs.sweep.targets import drs_regions

T = TypeVar("T")


@attrs.define
class JobSource:
    """One client, or many targets; and what failed when it was read."""

    client: JobsClient | None = None
    """The client of one account and region, or of saved jobs."""
    saved: SavedJobs | None = None
    """The saved jobs that `client` reads."""
    targets: Sequence[Target] = ()
    """The accounts and regions, without a client."""
    max_in_flight: int = 1
    failures: Sequence[TargetFailure] = ()
    """The targets that failed, in order."""
    uninitialized: Sequence[Target] = ()
    """The targets where Elastic Disaster Recovery was never set up, in order."""

    @classmethod
    def from_options(
        cls, connection: Connection, organisation: Organisation | None = None, saved: Saved = None, *, asks_aws: bool = False
    ) -> "JobSource":
        """Return the source that the options describe. Files are read now, and the configuration of AWS is checked.

        `saved` are the files of saved jobs, and `asks_aws` says whether servers or names are to be requested from AWS.
        """
        organisation = organisation or Organisation()
        many = _options_of(organisation)
        if saved:
            if others := [*_options_of(connection), *many]:
                raise ValueError(f"--from reads files, not AWS: leave out {', '.join(others)}")
            if asks_aws:
                raise ValueError("--from reads files, not AWS: give --servers or --names a file instead of aws")
            try:
                jobs = SavedJobs(*saved)
            except OSError as error:
                raise ValueError(f"--from {quoted(str(error.filename))} cannot be read: {error.strerror or error}") from None
            return cls(JobsClient(jobs), jobs)
        if organisation.accounts is None and organisation.regions is None:
            if many:
                raise ValueError(f"{', '.join(many)}: give --accounts too, a file of account ids")
            return cls(connection.make_client())
        if connection.region is not None:
            raise ValueError(f"--region beside {many[0]}: use --regions {connection.region}")
        return cls(targets=_check_targets(connection, organisation), max_in_flight=organisation.in_flight)

    def read(
        self, function: Callable[[JobsClient], T], on_value: Callable[[Place, T], object] | None = None
    ) -> list[tuple[Place, T]]:
        """Return the result of a function for each account and region, in the order of accounts and regions.

        With one client its errors are raised. With many targets they are failures, and `on_value` is called with each result
        when it arrives. A progress bar is shown on a terminal.
        """
        if self.client is not None:
            return [(Place(None, region_of(self.client)), function(self.client))]
        results: dict[Target, TargetResult[T] | TargetFailure] = {}
        sweeping = sweep(self.targets, function, max_in_flight=self.max_in_flight)
        for result in track(sweeping, total=len(self.targets), description="reading"):
            results[result.target] = result
            if on_value is not None and isinstance(result, TargetResult):
                on_value(place_of(result.target), result.value)
        in_order = [results[target] for target in self.targets]
        failures = [result for result in in_order if isinstance(result, TargetFailure)]
        self.failures = [failure for failure in failures if not failure.is_uninitialized]
        self.uninitialized = [failure.target for failure in failures if failure.is_uninitialized]
        return [(place_of(result.target), result.value) for result in in_order if isinstance(result, TargetResult)]

    def place_of_job(self, job: Job, place: Place) -> Place:
        """Return the account and the region of a job: from its ARN, else those in the file, or where it was read."""
        place = place if self.saved is None else self.saved.archive.entries[job.job_id].place
        return Place(job.account_id or place.account_id, job.region or place.region)

    @property
    def status(self) -> ExitStatus:
        """The exit status of the failures. It is USAGE if all were caused by the configuration or the credentials."""
        statuses = {describe_error(failure.error)[1] for failure in self.failures}
        return ExitStatus.SERVICE if len(statuses) > 1 else next(iter(statuses), ExitStatus.SUCCEEDED)

    def print_uninitialized(self) -> None:
        """Print on stderr how many accounts and regions were never set up."""
        if self.uninitialized:
            print_note(f"{format_count(len(self.uninitialized), 'region')} never set up for Elastic Disaster Recovery")

    def print_notes(self) -> None:
        """Print on stderr what limits saved jobs, which regions were never set up, and one line per kind of failure."""
        self.print_uninitialized()
        by_kind: dict[str, list[TargetFailure]] = {}
        for failure in self.failures:
            kind = failure.error.code if isinstance(failure.error, ServiceError) else type(failure.error).__name__
            by_kind.setdefault(kind, []).append(failure)
        for name, failures in sorted(by_kind.items(), key=lambda item: (-len(item[1]), item[0])):
            places = format_names([str(place_of(failure.target)) for failure in failures], 3)
            first, _ = describe_error(failures[0].error)
            print_error(f"{format_count(len(failures), 'region')} failed with {name} ({places}), the first: {first}")
        if self.saved is not None:
            covered = coverage(self.saved)
            problems = [f"could not be read: {wording.problem_label(problem)}" for problem in covered.problems]
            for note in (*problems, *covered.notes):
                print_note(one_line(note, 1000))


def _options_of(group: Connection | Organisation) -> list[str]:
    """Return the options of a group that were given. `--in-flight`, which has a default, is not among them."""
    values = attrs.asdict(group)
    return [f"--{name.replace('_', '-')}" for name, value in values.items() if value is not None and name != "in_flight"]


def _check_targets(connection: Connection, organisation: Organisation) -> list[Target]:
    """Return the targets, after a check of the profile, credentials, regions and endpoint, without a request to DRS or STS."""
    regions_text = "all" if organisation.regions is None else organisation.regions
    regions = [name.strip() for name in regions_text.split(",") if name.strip()]
    partition = organisation.partition or "aws"
    if organisation.accounts is None:
        if organisation.role_name is not None or organisation.external_id is not None:
            raise ValueError("--role-name and --external-id need --accounts, a file of account ids")
        accounts, role_name = ["any"], "any"
    else:
        if organisation.role_name is None:
            raise ValueError("--accounts needs --role-name, the name of the role to assume in each account")
        accounts, role_name = parse_accounts("--accounts", organisation.accounts), organisation.role_name
    checked = [
        attrs.evolve(
            target,
            profile_name=connection.profile,
            endpoint_url=connection.endpoint_url,
            role_arn=None if organisation.accounts is None else target.role_arn,
        )
        for target in targets(accounts, regions, role_name=role_name, partition=partition, external_id=organisation.external_id)
    ]
    if not checked:
        raise ValueError(
            "--accounts has no account id: give at least one" if regions else "--regions has no name: give one, or all"
        )
    with_drs = drs_regions().get(partition, ())
    for target in checked:
        if connection.endpoint_url is None and target.region not in with_drs:
            raise ValueError(
                f"botocore has no DRS in region {target.region!r} of partition {partition!r}: "
                + (suggest_region(target.region, with_drs) or "correct the name, or update botocore")
            )
    if botocore.session.Session(profile=connection.profile).get_credentials() is None:
        raise NoCredentialsError
    with attrs.evolve(connection, region=checked[0].region).make_client():
        pass  # its constructor checks the region and the endpoint
    return checked


def place_of(target: Target) -> Place:
    """Return the account, from the ARN of the role, and the region of a target."""
    return Place(None if target.role_arn is None else target.role_arn.split(":")[4], target.region)


def print_incomplete(errors: Iterable[tuple[Place, Exception]]) -> None:
    """Print on stderr of which accounts and regions not all jobs could be read."""
    for place, error in errors:
        print_error(f"{place}: not all jobs could be read: {describe_error(error)[0]}")


def track(results: Iterable[T], *, total: int, description: str) -> Iterable[T]:
    """Return the results, with a progress bar if stderr is a terminal. Some versions of rich print a line if it is disabled."""
    if not sys.stderr.isatty():
        return results
    return progress.track(results, description, total, console=Console(stderr=True), transient=True)
