"""What `check` and `report` have in common: their options, what they read, and the exit status of the verdict."""

import functools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import attrs

from drs_jobs import Job, JobsClient, MalformedResponseError, SourceServer
from drs_jobs._text import format_day, one_line
from drs_jobs.analysis import JobPhases, latest_snapshots
from drs_jobs.cli.exit_status import ExitStatus, describe_error, print_note
from drs_jobs.cli.options import Connection, Criteria, Organisation, Saved
from drs_jobs.cli.parsers import check_stdin, parse_as_of, parse_moment, parse_positive_duration
from drs_jobs.cli.servers import ServerOption
from drs_jobs.cli.sources import JobSource, place_of, track
from drs_jobs.evidence import Assessment, Problem, ServerAssessment, Verdict, assess, logs_needed, wording
from drs_jobs.evidence.drills_and_recoveries import select
from drs_jobs.saved.archive import Place
from drs_jobs.saved.coverage import Coverage, coverage
from drs_jobs.sweep.workers import DaemonThreadPool, phases_of


class _Evidence(NamedTuple):
    """What was read of one account and region."""

    jobs: Sequence[Job]
    logs: Sequence[JobPhases]
    servers: Sequence[SourceServer] | None
    malformed: Sequence[MalformedResponseError]


class EvidenceReader:
    """The criteria, and what to read."""

    def __init__(
        self, criteria: Criteria, connection: Connection, organisation: Organisation, saved: Saved, *, history: bool
    ) -> None:
        """Check the options of the command line, and read their files. A ValueError says which option is invalid.

        With `history`, the logs of all drills and recoveries are read. If not, only those that can change a verdict.
        """
        now = datetime.now(UTC)
        self._history = history
        given_as_of, self._read_from = parse_as_of(criteria.as_of, now), parse_moment("--since", criteria.since, now)
        self._drilled_within = within = parse_positive_duration("--drilled-within", criteria.drilled_within)
        self._objective = parse_positive_duration("--objective", criteria.objective)
        check_stdin({"--accounts": organisation.accounts, "--servers": criteria.servers, "--names": criteria.names})
        self._servers, self._names = ServerOption("--servers", criteria.servers), ServerOption("--names", criteria.names)
        asks_aws = self._servers.is_aws or self._names.is_aws
        make_source = functools.partial(JobSource.from_options, connection, organisation, saved, asks_aws=asks_aws)
        # Files are read before the criteria are checked, because they limit them; AWS's configuration is checked after that.
        source = make_source() if saved else None
        jobs = None if source is None else source.saved
        self._coverage = Coverage(given_as_of or now) if jobs is None else coverage(jobs, given_as_of)
        as_of = self._coverage.as_of
        if as_of is None:
            raise ValueError("these files do not say when jobs were read: run drs-jobs save again, or give --as-of")
        if within is not None and within > as_of - datetime.min.replace(tzinfo=UTC):
            raise ValueError(
                f"--drilled-within {criteria.drilled_within} reaches back before the year 1: use a shorter duration"
            )
        first_needed = as_of if within is None else as_of - within
        if self._read_from is not None and self._read_from > first_needed:
            criterion = "--as-of" if within is None else f"--as-of minus --drilled-within {criteria.drilled_within}"
            day = format_day(first_needed)
            raise ValueError(
                f"--since {criteria.since} does not reach back to {criterion}: give --since {day} or earlier, or leave it out"
            )
        self._as_of = as_of
        self.source: JobSource = source or make_source()

    def read(self) -> Assessment:
        """Read the servers, the jobs and the logs, and return the assessment."""
        values = self.source.read(self._read_place)
        self.source.print_uninitialized()
        self._names.print_errors()
        evidence = [value for _, value in values]
        servers = self._servers.servers
        if self._servers.is_aws:
            servers = tuple(server for value in evidence for server in value.servers or ())
        jobs = [job for value in evidence for job in value.jobs]
        accounts = {job.account_id for job in jobs if job.account_id is not None}
        unread = [
            (place_of(failure.target), f"the jobs: {describe_error(failure.error)[0]}") for failure in self.source.failures
        ]
        unread += [(place, f"a job, because of a {error}") for place, value in values for error in value.malformed]
        problems = [*(Problem(text, **place._asdict()) for place, text in unread), *self._coverage.problems]
        places = [place_of(target) for target in self.source.targets] or [place for place, _ in values]
        if self.source.saved is not None:
            places = list(self._coverage.places)
        # From when on no job is missing. Saved jobs from before that time count too.
        since = max((start for start in (self._read_from, self._coverage.since) if start is not None), default=None)
        if len(accounts) == 1 and len(places) > 1:  # without --accounts, all are of the account of the jobs
            problems = [attrs.evolve(problem, account_id=problem.account_id or next(iter(accounts))) for problem in problems]
        for place in dict.fromkeys(Place(server.account_id, server.region) for server in servers or ()):
            if not any(_covers(other, place, accounts) for other in places):
                problems.append(Problem(f"the jobs of {place}: this command does not read them", **place._asdict()))
        judge = functools.partial(
            assess,
            [*jobs, *(report for value in evidence for report in value.logs)],
            as_of=self._as_of,
            drilled_within=self._drilled_within,
            objective=self._objective,
            since=since,
        )
        assessment = judge(servers=servers, problems=problems)
        rows = {row.server.source_server_id: row for row in assessment.servers}
        if since is not None and (old := [row.server for row in rows.values() if _is_met_before(row, since)]):
            gap = Problem(f"some jobs created before {format_day(since)}; one of them can be a later recovery")
            rows.update((row.server.source_server_id, row) for row in judge(servers=old, problems=[gap]).servers)
        # A server without another name keeps that of its list.
        names = self._names.names
        named = (
            attrs.evolve(row, server=attrs.evolve(row.server, name=names.get(server_id, row.server.name)))
            for server_id, row in rows.items()
        )
        return attrs.evolve(assessment, servers=tuple(named), source_notes=self._coverage.notes)

    def _read_place(self, client: JobsClient) -> _Evidence:
        """Read one account and region."""
        servers = self._servers.read_servers(client)
        if not self._servers.is_aws:  # the servers of AWS have their names already
            self._names.read_names(client)
        malformed: list[MalformedResponseError] = []
        jobs = latest_snapshots(client.describe_jobs(from_date=self._read_from, on_malformed=malformed.append))
        needed: Sequence[Job] = ()
        if self._history:
            recoveries = {job.job_id for job in select(jobs, self._as_of).recoveries}
            needed = [job for job in jobs if job.job_id in recoveries]
        elif self._objective is not None:
            needed = logs_needed(jobs, as_of=self._as_of, objective=self._objective, servers=servers)
        # In a sweep, many accounts and regions are read at the same time, and each reads one log after the other.
        logs = read_logs(client, needed) if self.source.client is not None else [phases_of(client, job) for job in needed]
        return _Evidence(jobs, logs, servers, malformed)

    def print_notes(self, assessment: Assessment) -> None:
        """Print on stderr the verdict, what limits the evidence, and without a criterion that nothing was checked."""
        for text in (wording.summary_label(assessment), *wording.notes(assessment)):
            print_note(one_line(text, 1000))
        if assessment.verdict is None:
            times = "" if self._history else "; recovery times need --objective or --history"
            print_note(f"nothing was checked: give --drilled-within or --objective{times}")


def read_logs(client: JobsClient, jobs: Sequence[Job]) -> list[JobPhases]:
    """Return the phases of each job, in the order of the jobs. The error of a log that cannot be read is in its phases.

    Running jobs are fetched again. A few logs are read at the same time, with a progress bar on a terminal.
    """
    with DaemonThreadPool(8) as pool:  # AWS documents no rate limit
        futures = [pool.submit(phases_of, client, job) for job in jobs]
        return [future.result() for future in track(futures, total=len(futures), description="reading logs")]


def _is_met_before(row: ServerAssessment, since: datetime) -> bool:
    """Return whether a server is MET by a recovery from before `since`. A later one can be missing."""
    recovery = row.latest_recovery
    is_met = row.verdict is row.recovered is Verdict.MET
    return is_met and recovery is not None and recovery.created_at is not None and recovery.created_at < since


def _covers(place: Place, wanted: Place, job_accounts: set[str]) -> bool:
    """Return whether one place is in another. One of unknown account has one of the accounts of the jobs."""
    accounts = {place.account_id} if place.account_id else job_accounts
    has_account = wanted.account_id is None or not accounts or wanted.account_id in accounts
    return has_account and (wanted.region is None or place.region in (None, wanted.region))


def status_of_verdict(assessment: Assessment, *, exit_zero: bool) -> ExitStatus:
    """Return the exit status of the verdict. Without a criterion, jobs that could not be read are the status SERVICE."""
    if assessment.verdict is None:
        return ExitStatus.SERVICE if assessment.problems else ExitStatus.SUCCEEDED
    if exit_zero or assessment.verdict is Verdict.MET:
        return ExitStatus.SUCCEEDED
    return ExitStatus.FAILED if assessment.verdict is Verdict.NOT_MET else ExitStatus.UNDETERMINED
