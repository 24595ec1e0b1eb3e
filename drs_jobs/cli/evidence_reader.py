"""What `check` and `report` have in common: their options, what they read, and the exit status of the verdict."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs

from drs_jobs import Job, JobsClient, MalformedResponseError, SourceServer
from drs_jobs._client import region_of
from drs_jobs._text import format_day, one_line
from drs_jobs.analysis import latest_snapshots
from drs_jobs.cli.exit_status import ExitStatus, print_note
from drs_jobs.cli.logs import read_phases
from drs_jobs.cli.parsers import parse_as_of, parse_moment, parse_positive_duration
from drs_jobs.cli.servers import NameSource, ServerSource
from drs_jobs.evidence import Assessment, Problem, Verdict, assess, logs_needed, wording
from drs_jobs.evidence.drills_and_recoveries import select


@attrs.frozen(kw_only=True)
class EvidenceReader:
    """The criteria, and what to read."""

    as_of: datetime
    since: datetime | None
    drilled_within: timedelta | None
    objective: timedelta | None
    servers: ServerSource
    names: NameSource

    @classmethod
    def from_options(
        cls,
        *,
        drilled_within: str | None,
        objective: str | None,
        as_of: str | None,
        since: str | None,
        servers: str | None,
        names: str | None,
    ) -> "EvidenceReader":
        """Return a reader with the options of the command line. Their files are read now.

        Raises:
            ValueError: If one of them is invalid, or if `--since` does not reach back to what has to be judged.
        """
        now = datetime.now(UTC)
        moment, start = parse_as_of(as_of, now), parse_moment("--since", since, now)
        within = parse_positive_duration("--drilled-within", drilled_within)
        if within is not None and within > moment - datetime.min.replace(tzinfo=UTC):
            raise ValueError(f"--drilled-within {drilled_within} reaches back before the year 1: use a shorter duration")
        first_needed = moment if within is None else moment - within
        if start is not None and start > first_needed:
            criterion = "--as-of" if within is None else f"--as-of minus --drilled-within {drilled_within}"
            day = format_day(first_needed)
            raise ValueError(
                f"--since {since} does not reach back to {criterion}: give --since {day} or earlier, or leave it out"
            )
        if servers == names == "-":
            raise ValueError("--servers and --names cannot both be read from stdin: use a file for one of them")
        return cls(
            as_of=moment,
            since=start,
            drilled_within=within,
            objective=parse_positive_duration("--objective", objective),
            servers=ServerSource.from_option(servers),
            names=NameSource.from_option(names),
        )

    def read(self, client: JobsClient, *, history: bool) -> Assessment:
        """Read the servers, the jobs and the logs, and return the assessment.

        Args:
            client: The client to read with.
            history: Whether to read the logs of all drills and recoveries. If not, only those that can change a verdict.
        """
        servers = self.servers.resolve(client)
        problems: list[Problem] = []

        def add_problem(error: MalformedResponseError) -> None:
            problems.append(Problem(f"a job, because of a {error}"))

        jobs = latest_snapshots(client.describe_jobs(from_date=self.since, on_malformed=add_problem))
        problems += _unread_places(servers or (), jobs, region_of(client))
        reports = read_phases(client, self._jobs_with_logs(jobs, servers, history=history))
        read = {report.job.job_id for report in reports}
        assessment = assess(
            [*reports, *(job for job in jobs if job.job_id not in read)],
            as_of=self.as_of,
            drilled_within=self.drilled_within,
            objective=self.objective,
            servers=servers,
            since=self.since,
            problems=problems,
        )
        # The servers of AWS have their names already.
        return _with_names(assessment, {} if self.names.is_aws and self.servers.is_aws else self.names.resolve(client))

    def _jobs_with_logs(self, jobs: Iterable[Job], servers: Iterable[SourceServer] | None, *, history: bool) -> Iterable[Job]:
        if history:
            counting = {job.job_id for job in select(jobs, self.as_of).recoveries}
            return [job for job in jobs if job.job_id in counting]
        if self.objective is None:
            return ()
        return logs_needed(jobs, as_of=self.as_of, objective=self.objective, servers=servers)


def _unread_places(servers: Iterable[SourceServer], jobs: Iterable[Job], region: str | None) -> Iterator[Problem]:
    """Yield a problem for each account and region of the given servers whose jobs were not read."""
    accounts = {job.account_id for job in jobs if job.account_id is not None}
    for account_id, name in dict.fromkeys((server.account_id, server.region) for server in servers):
        is_read = name in (None, region) and (account_id is None or not accounts or account_id in accounts)
        if not is_read:
            place = " ".join(part for part in (account_id, name) if part)
            yield Problem(f"the jobs of {place}: this command reads one account and region", account_id=account_id, region=name)


def _with_names(assessment: Assessment, names: Mapping[str, str]) -> Assessment:
    """Return an assessment with names by source server id. A server that is not in `names` keeps its name."""
    rows = (
        attrs.evolve(row, server=attrs.evolve(row.server, name=names.get(row.server.source_server_id, row.server.name)))
        for row in assessment.servers
    )
    return attrs.evolve(assessment, servers=tuple(rows))


_STATUSES: Final = {
    Verdict.MET: ExitStatus.SUCCEEDED,
    Verdict.NOT_MET: ExitStatus.FAILED,
    Verdict.UNDETERMINED: ExitStatus.UNDETERMINED,
}


def status_of_verdict(assessment: Assessment, *, exit_zero: bool) -> ExitStatus:
    """Return the exit status of the verdict. Without a criterion, jobs that could not be read are the status SERVICE."""
    if assessment.verdict is None:
        return ExitStatus.SERVICE if assessment.problems else ExitStatus.SUCCEEDED
    return ExitStatus.SUCCEEDED if exit_zero else _STATUSES[assessment.verdict]


def print_notes(assessment: Assessment, *, history: bool) -> None:
    """Print on stderr the verdict in one line, what limits the evidence, and without a criterion that nothing was checked."""
    for text in (wording.summary_label(assessment), *wording.notes(assessment)):
        print_note(one_line(text, 1000))
    if assessment.verdict is None:
        times = "" if history else "; recovery times need --objective or --history"
        print_note(f"nothing was checked: give --drilled-within or --objective{times}")
