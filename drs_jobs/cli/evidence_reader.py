"""What `check` and `report` have in common: their options, what they read, and the exit status of the verdict."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import attrs

from drs_jobs import Job, JobsClient, MalformedResponseError, SourceServer
from drs_jobs._text import format_day, one_line
from drs_jobs.analysis import JobPhases, latest_snapshots
from drs_jobs.cli.exit_status import ExitStatus, describe_error, print_note
from drs_jobs.cli.options import Connection, Criteria, Organisation, Saved
from drs_jobs.cli.parsers import parse_as_of, parse_moment, parse_positive_duration
from drs_jobs.cli.servers import NameSource, ServerSource
from drs_jobs.cli.sources import JobSource, Reading, place_of, track
from drs_jobs.evidence import Assessment, Problem, Verdict, assess, logs_needed, wording
from drs_jobs.evidence.drills_and_recoveries import select
from drs_jobs.saved.archive import Place
from drs_jobs.saved.coverage import Coverage, coverage
from drs_jobs.sweep.workers import DaemonThreadPool, phases_of

_LOGS_IN_FLIGHT: Final = 8
"""The maximum number of logs of one account and region that are read at the same time. AWS documents no rate limit."""


class _Evidence(NamedTuple):
    """What was read of one account and region."""

    jobs: Sequence[Job]
    logs: Sequence[JobPhases]
    servers: Sequence[SourceServer] | None
    malformed: Sequence[MalformedResponseError]


@attrs.frozen(kw_only=True)
class EvidenceReader:
    """The criteria, and what to read."""

    source: JobSource
    as_of: datetime
    read_from: datetime | None
    """From when on jobs are read, by `--since`; `None` for all."""
    drilled_within: timedelta | None
    objective: timedelta | None
    servers: ServerSource
    names: NameSource
    coverage: Coverage | None = None
    """What saved jobs cover; `None` if AWS is read."""
    history: bool
    """Whether to read the logs of all drills and recoveries. If not, only those that can change a verdict."""

    @classmethod
    def from_options(
        cls, criteria: Criteria, connection: Connection, organisation: Organisation, saved: Saved, *, history: bool
    ) -> "EvidenceReader":
        """Return a reader with the options of the command line. Their files are read now.

        Raises:
            ValueError: If one of them is invalid, or if `--since` does not reach back to what has to be judged.
        """
        now = datetime.now(UTC)
        given_as_of, since = parse_as_of(criteria.as_of, now), parse_moment("--since", criteria.since, now)
        within = parse_positive_duration("--drilled-within", criteria.drilled_within)
        objective = parse_positive_duration("--objective", criteria.objective)
        if criteria.servers == criteria.names == "-":
            raise ValueError("--servers and --names cannot both be read from stdin: use a file for one of them")
        servers, names = ServerSource.from_option(criteria.servers), NameSource.from_option(criteria.names)
        asks_aws = servers.is_aws or names.is_aws
        # Files are read before the criteria are checked, because they limit them; AWS's configuration is checked after that.
        source = JobSource.from_options(connection, organisation, saved, asks_aws=asks_aws) if saved.paths else None
        covered = None if source is None or source.saved is None else coverage(source.saved, given_as_of)
        as_of = (given_as_of or now) if covered is None else covered.as_of
        if as_of is None:
            raise ValueError("no job in these files has a time: give --as-of")
        if within is not None and within > as_of - datetime.min.replace(tzinfo=UTC):
            raise ValueError(
                f"--drilled-within {criteria.drilled_within} reaches back before the year 1: use a shorter duration"
            )
        first_needed = as_of if within is None else as_of - within
        if since is not None and since > first_needed:
            criterion = "--as-of" if within is None else f"--as-of minus --drilled-within {criteria.drilled_within}"
            day = format_day(first_needed)
            raise ValueError(
                f"--since {criteria.since} does not reach back to {criterion}: give --since {day} or earlier, or leave it out"
            )
        return cls(
            source=source or JobSource.from_options(connection, organisation, saved, asks_aws=asks_aws),
            as_of=as_of,
            read_from=since,
            coverage=covered,
            drilled_within=within,
            objective=objective,
            servers=servers,
            names=names,
            history=history,
        )

    @property
    def notes(self) -> Sequence[str]:
        """What limits the evidence of saved jobs."""
        return () if self.coverage is None else self.coverage.notes

    def read(self) -> Assessment:
        """Read the servers, the jobs and the logs, and return the assessment."""
        reading = self.source.read(self._read_place)
        reading.print_uninitialized()
        self.names.print_errors()
        evidence = [value for _, value in reading.values]
        servers = self.servers.servers
        if self.servers.is_aws:
            servers = tuple(server for value in evidence for server in value.servers or ())
        problems, places, since = list(_problems(reading)), reading.places, self.read_from
        if self.coverage is not None:
            problems += self.coverage.problems
            places = list(self.coverage.places)
            # From when on no job is missing. Saved jobs from before that time count too.
            since = max((start for start in (since, self.coverage.since) if start is not None), default=None)
        jobs = [job for value in evidence for job in value.jobs]
        reports = {report.job.job_id: report for value in evidence for report in value.logs}
        accounts = {job.account_id for job in jobs if job.account_id is not None}
        assessment = assess(
            [reports.get(job.job_id, job) for job in jobs],
            as_of=self.as_of,
            drilled_within=self.drilled_within,
            objective=self.objective,
            servers=servers,
            since=since,
            problems=[*problems, *_unread_places(servers or (), places, accounts)],
        )
        return _with_names(assessment, self.names.names)

    def _read_place(self, client: JobsClient) -> _Evidence:
        """Read one account and region."""
        servers = self.servers.read(client)
        if not self.servers.is_aws:  # the servers of AWS have their names already
            self.names.read(client)
        malformed: list[MalformedResponseError] = []
        jobs = latest_snapshots(client.describe_jobs(from_date=self.read_from, on_malformed=malformed.append))
        needed = self._jobs_with_logs(jobs, servers)
        # In a sweep, many accounts and regions are read at the same time, and each reads one log after the other.
        logs = read_logs(client, needed) if self.source.client is not None else [phases_of(client, job) for job in needed]
        return _Evidence(jobs, logs, servers, malformed)

    def _jobs_with_logs(self, jobs: Iterable[Job], servers: Iterable[SourceServer] | None) -> Sequence[Job]:
        if self.history:
            counting = {job.job_id for job in select(jobs, self.as_of).recoveries}
            return [job for job in jobs if job.job_id in counting]
        if self.objective is None:
            return ()
        return logs_needed(jobs, as_of=self.as_of, objective=self.objective, servers=servers)


def read_logs(client: JobsClient, jobs: Sequence[Job]) -> list[JobPhases]:
    """Return the phases of each job, in the order of the jobs. The error of a log that cannot be read is in its phases.

    A few logs are read at the same time, with a progress bar on a terminal.

    Args:
        client: The client to read with.
        jobs: The jobs. Those that are running are fetched again.
    """
    with DaemonThreadPool(_LOGS_IN_FLIGHT) as pool:
        futures = [pool.submit(phases_of, client, job) for job in jobs]
        return [future.result() for future in track(futures, total=len(futures), description="reading logs")]


def _problems(reading: Reading[_Evidence]) -> Iterator[Problem]:
    """Yield a problem for each account and region that could not be read, and for each malformed job."""
    for failure in reading.failures:
        account_id, region = place_of(failure.target)
        yield Problem(f"the jobs: {describe_error(failure.error)[0]}", account_id=account_id, region=region)
    for place, evidence in reading.values:
        for error in evidence.malformed:
            yield Problem(f"a job, because of a {error}", account_id=place.account_id, region=place.region)


def _unread_places(servers: Iterable[SourceServer], places: Iterable[Place], accounts: set[str]) -> Iterator[Problem]:
    """Yield a problem for each account and region of the given servers whose jobs are not read.

    A place of unknown account is one of the accounts of the jobs.
    """
    for server_place in dict.fromkeys(Place(server.account_id, server.region) for server in servers):
        account_id, region = server_place
        is_read = any(
            (region is None or place.region in (None, region))
            and (account_id is None or account_id in ({place.account_id} if place.account_id else accounts or {account_id}))
            for place in places
        )
        if not is_read:
            yield Problem(f"the jobs of {server_place}: this command does not read them", account_id=account_id, region=region)


def _with_names(assessment: Assessment, names: Mapping[str, str]) -> Assessment:
    """Return an assessment with names by source server id. A server that is not in `names` keeps its name."""
    rows = (
        attrs.evolve(row, server=attrs.evolve(row.server, name=names.get(row.server.source_server_id, row.server.name)))
        for row in assessment.servers
    )
    return attrs.evolve(assessment, servers=tuple(rows))


def status_of_verdict(assessment: Assessment, *, exit_zero: bool) -> ExitStatus:
    """Return the exit status of the verdict. Without a criterion, jobs that could not be read are the status SERVICE."""
    match assessment.verdict:
        case None:
            return ExitStatus.SERVICE if assessment.problems else ExitStatus.SUCCEEDED
        case Verdict.NOT_MET if not exit_zero:
            return ExitStatus.FAILED
        case Verdict.UNDETERMINED if not exit_zero:
            return ExitStatus.UNDETERMINED
        case _:
            return ExitStatus.SUCCEEDED


def print_notes(assessment: Assessment, reader: EvidenceReader) -> None:
    """Print on stderr the verdict in one line, what limits the evidence, and without a criterion that nothing was checked."""
    for text in (wording.summary_label(assessment), *wording.notes(assessment), *reader.notes):
        print_note(one_line(text, 1000))
    if assessment.verdict is None:
        times = "" if reader.history else "; recovery times need --objective or --history"
        print_note(f"nothing was checked: give --drilled-within or --objective{times}")
