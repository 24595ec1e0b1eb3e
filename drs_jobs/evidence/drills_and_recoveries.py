"""Which jobs count as evidence, and what they show as of a moment."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs

from drs_jobs._models import InitiatedBy, Job, LaunchStatus, Outcome, ParticipatingServer, UnknownValue
from drs_jobs._time import to_utc
from drs_jobs.analysis import JobPhases, PhaseName, phases
from drs_jobs.analysis.phase import has_server_failed
from drs_jobs.analysis.several_jobs import is_launch, latest_snapshots, launches_by_server, snapshot_rank
from drs_jobs.analysis.times import EARLIEST, created, logged_at, newest_first
from drs_jobs.evidence.model import RecoveryResult, Verdict

_LATEST: Final = datetime.max.replace(tzinfo=UTC)


def is_drill(job: Job) -> bool:
    """Return whether a job is a drill: a launch that was initiated by START_DRILL."""
    return is_launch(job) and job.initiated_by == InitiatedBy.START_DRILL


def has_unknown_initiator(job: Job) -> bool:
    """Return whether it is not known who started a job."""
    return job.initiated_by is None or isinstance(job.initiated_by, UnknownValue)


def is_recovery(job: Job) -> bool:
    """Return whether a job is a recovery: a drill, or a launch initiated by START_RECOVERY or by an absent or unknown value."""
    is_started = job.initiated_by in {InitiatedBy.START_DRILL, InitiatedBy.START_RECOVERY}
    return is_launch(job) and (is_started or has_unknown_initiator(job))


@attrs.frozen(repr=False, kw_only=True)
class Recovery(RecoveryResult):
    """A recovery or drill of one server, with what its verdict depends on."""

    server_id: str
    """The id of the server."""
    entries: tuple[ParticipatingServer, ...]
    """The entries of the server in the job, usually one."""
    is_log_whole: bool
    """Whether the log was given, and could be read completely."""
    ended_later: bool
    """Whether the job ended after the moment."""

    @property
    def result(self) -> RecoveryResult:
        """The recovery without what only its verdict depends on."""
        return RecoveryResult(**{field.name: getattr(self, field.name) for field in attrs.fields(RecoveryResult)})

    @property
    def has_failed(self) -> bool:
        """Whether the server or a required launch action on it failed, also in a job that is running."""
        return any(map(has_server_failed, self.entries))

    @property
    def has_launched(self) -> bool | None:
        """Whether the server has launched; `None` if that is not known."""
        if self.recovery_time is not None:
            return True
        if self.ended_later:
            has_event = self.phases is not None and self.phases.launched_at is not None
            return False if self.is_log_whole and not has_event else None
        for phase in () if self.phases is None else self.phases.phases:
            if phase.name is PhaseName.LAUNCH and phase.outcome is Outcome.SUCCEEDED and phase.ended_at is None:
                return None  # it launched at an unknown time
        waiting = {LaunchStatus.PENDING, LaunchStatus.IN_PROGRESS}
        return False if all(entry.launch_status in waiting for entry in self.entries) else None

    def verdict(self, objective: timedelta) -> Verdict:
        """Return whether a recovery that is complete was within an objective."""
        time = self.recovery_time
        if self.outcome is Outcome.FAILED or (time is not None and time > objective):
            return Verdict.NOT_MET
        longest = self.at_most if time is None else time
        is_within = longest is not None and longest <= objective
        return Verdict.MET if self.outcome is Outcome.SUCCEEDED and is_within else Verdict.UNDETERMINED


@attrs.frozen(kw_only=True)
class Evidence:
    """The jobs that count as of a moment."""

    jobs: tuple[Job, ...]
    """The jobs of any kind that count, each once, in the given order, as of the moment."""
    phases_by_job: dict[str, JobPhases]
    """The phases until the moment, by job id, of the jobs that were given with phases."""
    ended_later: frozenset[str]
    """The ids of the jobs that ended after the moment."""
    later_jobs: int
    """The number of jobs that were created after the moment."""

    @property
    def recoveries(self) -> list[Job]:
        """The recoveries, newest first, then those without a creation time in the given order."""
        return newest_first(filter(is_recovery, self.jobs))

    def recoveries_by_server(self) -> dict[str, list[Recovery]]:
        """Return the recoveries of each server by its id, in the order of `launches_by_server`."""
        launches = launches_by_server(self.recoveries)
        return {server_id: [self._recovery(job, server_id) for job in jobs] for server_id, jobs in launches.items()}

    def _recovery(self, job: Job, server_id: str) -> Recovery:
        report, duration = self.phases_by_job.get(job.job_id), job.duration
        entries = tuple(entry for entry in job.participating_servers if entry.source_server_id == server_id)
        rows = () if report is None else report.participants
        row = next((row for row in rows if row.participant == server_id), None)
        time = None if row is None else row.recovery_time
        has_launched = all(entry.launch_status == LaunchStatus.LAUNCHED for entry in entries)
        is_limited = time is None and has_launched and duration is not None and duration >= timedelta(0)
        return Recovery(
            job=job,
            server_id=server_id,
            entries=entries,
            outcome=job.outcome_of(server_id) or Outcome.UNDETERMINED,
            created_at=created(job),
            recovery_time=time,
            at_most=duration if is_limited else None,
            phases=row,
            is_log_whole=report is not None and report.log_error is None,
            ended_later=job.job_id in self.ended_later,
        )


def select(jobs: Iterable[Job | JobPhases], as_of: datetime = _LATEST) -> Evidence:
    """Return the jobs that count as of a moment, by default all. Another object than a `Job` or `JobPhases` is a TypeError."""
    entries = list(jobs)
    for entry in entries:
        if not isinstance(entry, Job | JobPhases):
            raise TypeError(f"jobs must be Job or JobPhases objects, not {type(entry).__name__}: use structure_job for dicts")
    reports = [entry for entry in entries if isinstance(entry, JobPhases)]
    every_job = (entry.job if isinstance(entry, JobPhases) else entry for entry in entries)
    snapshots = {job.job_id: job for job in latest_snapshots(every_job)}
    # A log belongs to its snapshot. Of equal snapshots, the one with the log counts, and of several logs the last whole one.
    reports = [report for report in reports if snapshot_rank(report.job) == snapshot_rank(snapshots[report.job.job_id])]
    reports_by_job = {report.job.job_id: report for report in sorted(reports, key=lambda report: report.log_error is None)}
    counting = [job for job in snapshots.values() if (created(job) or EARLIEST) <= as_of]
    ends = {job.job_id: to_utc(job.end_date_time, "end_date_time") for job in counting if job.end_date_time is not None}
    ended_later = {job_id for job_id, end in ends.items() if end > as_of}
    views = tuple(_as_running(job) if job.job_id in ended_later else job for job in counting)
    return Evidence(
        jobs=views,
        phases_by_job={
            job.job_id: _phases_until(as_of, job, reports_by_job[job.job_id]) for job in views if job.job_id in reports_by_job
        },
        ended_later=frozenset(ended_later),
        later_jobs=len(snapshots) - len(counting),
    )


def _as_running(job: Job) -> Job:
    """Return a job that ended later as it was before: it was running, and the status of its participants is not known."""
    servers = (attrs.evolve(entry, launch_status=None, launch_actions_status=None) for entry in job.participating_servers)
    resources = (attrs.evolve(resource, launch_status=None) for resource in job.participating_resources)
    return attrs.evolve(
        job,
        status=None,
        end_date_time=None,
        participating_servers=tuple(servers),
        participating_resources=tuple(resources),
    )


def _phases_until(as_of: datetime, job: Job, report: JobPhases) -> JobPhases:
    log = [item for item in report.log if item.log_date_time is None or logged_at(item) <= as_of]
    is_unchanged = report.job == job and len(log) == len(report.log)
    return report if is_unchanged else phases(job, log, log_error=report.log_error)
