"""Which jobs count as evidence, and what they show as of a moment."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import attrs

from drs_jobs._models import InitiatedBy, Job, LaunchStatus, Outcome, ParticipatingServer, UnknownValue
from drs_jobs._time import to_utc
from drs_jobs.analysis import JobPhases, ParticipantPhases, phases
from drs_jobs.analysis.several_jobs import is_launch, latest_snapshots, snapshot_rank
from drs_jobs.analysis.times import created, logged_at
from drs_jobs.evidence.model import Verdict

_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)


def is_drill(job: Job) -> bool:
    """Return whether a job is a drill: a launch that was initiated by START_DRILL."""
    return is_launch(job) and job.initiated_by == InitiatedBy.START_DRILL


def is_recovery(job: Job) -> bool:
    """Return whether a job is a recovery: a drill, or a launch initiated by START_RECOVERY or by an absent or unknown value."""
    return is_drill(job) or (is_launch(job) and (job.initiated_by == InitiatedBy.START_RECOVERY or has_unknown_initiator(job)))


def has_unknown_initiator(job: Job) -> bool:
    """Return whether it is not known who started a job."""
    return job.initiated_by is None or isinstance(job.initiated_by, UnknownValue)


@attrs.frozen(kw_only=True)
class Recovery:
    """A recovery or drill of one server, as of a moment."""

    job: Job
    """The job. If it ended after the moment, it has no end, and the status of its servers is not known."""
    server_id: str
    """The id of the server."""
    phases: ParticipantPhases | None
    """The phases of the server until the moment; `None` if the job was given without its log."""
    is_log_whole: bool
    """Whether the log was given, and could be read completely."""
    ended_later: bool
    """Whether the job ended after the moment."""

    @property
    def created_at(self) -> datetime | None:
        """The creation time of the job, in UTC; `None` if it has none."""
        return created(self.job)

    @property
    def outcome(self) -> Outcome:
        """The outcome for this server."""
        return self.job.outcome_of(self.server_id) or Outcome.UNDETERMINED

    @property
    def recovery_time(self) -> timedelta | None:
        """The time from the creation of the job to the launch of the server; `None` if it is unknown."""
        return None if self.phases is None else self.phases.recovery_time

    @property
    def at_most(self) -> timedelta | None:
        """An upper limit if the time itself is unknown: the duration of the job, for a server that launched."""
        duration = self.job.duration
        if self.recovery_time is not None or duration is None or duration < timedelta(0):
            return None
        return duration if all(entry.launch_status == LaunchStatus.LAUNCHED for entry in self.entries) else None

    @property
    def entries(self) -> tuple[ParticipatingServer, ...]:
        """The entries of the server in the job, usually one."""
        return tuple(entry for entry in self.job.participating_servers if entry.source_server_id == self.server_id)

    @property
    def has_failed(self) -> bool:
        """Whether the server or a required launch action on it failed, also in a job that is running."""
        return any(entry.is_failed or entry.has_failed_action for entry in self.entries)

    @property
    def has_launched(self) -> bool | None:
        """Whether the server has launched; `None` if that is not known."""
        if self.recovery_time is not None:
            return True
        if self.ended_later:
            has_event = self.phases is not None and self.phases.launched_at is not None
            return False if self.is_log_whole and not has_event else None
        waiting = {LaunchStatus.PENDING, LaunchStatus.IN_PROGRESS}
        return False if all(entry.launch_status in waiting for entry in self.entries) else None

    def verdict(self, objective: timedelta) -> Verdict:
        """Return whether a recovery that is complete was within an objective.

        Args:
            objective: The recovery time objective.
        """
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

    def recoveries_of_servers(self) -> dict[str, list[Recovery]]:
        """Return the recoveries of each server by its id, in the order of `recoveries`. Of one moment, the worse is first."""
        servers: dict[str, list[Recovery]] = {}
        for job in self.recoveries:
            report = self.phases_by_job.get(job.job_id)
            rows = {} if report is None else {row.participant: row for row in report.participants}
            for server_id in dict.fromkeys(entry.source_server_id for entry in job.participating_servers):
                if server_id:
                    recovery = Recovery(
                        job=job,
                        server_id=server_id,
                        phases=rows.get(server_id),
                        is_log_whole=report is not None and report.log_error is None,
                        ended_later=job.job_id in self.ended_later,
                    )
                    servers.setdefault(server_id, []).append(recovery)
        for recoveries in servers.values():
            recoveries.sort(key=lambda recovery: _BEST_FIRST.index(recovery.outcome), reverse=True)
            recoveries.sort(key=lambda recovery: recovery.created_at or _EARLIEST, reverse=True)
        return servers


_BEST_FIRST = (Outcome.SUCCEEDED, Outcome.UNDETERMINED, Outcome.RUNNING, Outcome.FAILED)


def all_recoveries(jobs: Iterable[Job | JobPhases]) -> dict[str, list[Recovery]]:
    """Return the recoveries of each server by its id, whenever they were, in the order of `Evidence.recoveries`."""
    return select(jobs, _LATEST).recoveries_of_servers()


def newest_first(jobs: Iterable[Job]) -> list[Job]:
    """Return jobs by their creation, the newest first. Those without a creation time are last, in the given order."""
    return sorted(jobs, key=lambda job: created(job) or _EARLIEST, reverse=True)


def select(jobs: Iterable[Job | JobPhases], as_of: datetime) -> Evidence:
    """Return the jobs that count as of a moment.

    Raises:
        TypeError: If one of `jobs` is neither a `Job` nor `JobPhases`.
    """
    reports: dict[str, JobPhases] = {}
    every_job: list[Job] = []
    for given in jobs:
        job = given.job if isinstance(given, JobPhases) else given
        if not isinstance(job, Job):
            raise TypeError(f"jobs must be Job or JobPhases objects, not {type(given).__name__}: use structure_job for dicts")
        every_job.append(job)
        # The log belongs to its snapshot. Of equal snapshots, the one with the log counts, and of several logs the whole one.
        if isinstance(given, JobPhases) and _is_better(given, reports.get(job.job_id)):
            reports[job.job_id] = given
    snapshots = latest_snapshots(every_job)
    counting = [job for job in snapshots if (time := created(job)) is None or time <= as_of]
    later = {job.job_id for job in counting if _ended_after(job, as_of)}
    views = tuple(_as_running(job) if job.job_id in later else job for job in counting)
    return Evidence(
        jobs=views,
        phases_by_job=dict(_phases_until(views, {job.job_id: job for job in counting}, reports, as_of)),
        ended_later=frozenset(later),
        later_jobs=len(snapshots) - len(counting),
    )


def _is_better(report: JobPhases, other: JobPhases | None) -> bool:
    if other is None:
        return True
    rank, other_rank = snapshot_rank(report.job), snapshot_rank(other.job)
    return (rank, report.log_error is None) >= (other_rank, other.log_error is None)


def _ended_after(job: Job, as_of: datetime) -> bool:
    return job.end_date_time is not None and to_utc(job.end_date_time, "end_date_time") > as_of


def _as_running(job: Job) -> Job:
    """Return a job that ended later as it was before: it was running, and the status of its participants is not known."""
    servers = (
        ParticipatingServer(source_server_id=entry.source_server_id, recovery_instance_id=entry.recovery_instance_id)
        for entry in job.participating_servers
    )
    resources = (attrs.evolve(resource, launch_status=None) for resource in job.participating_resources)
    return attrs.evolve(
        job,
        status=None,
        end_date_time=None,
        participating_servers=tuple(servers),
        participating_resources=tuple(resources),
    )


def _phases_until(
    views: Iterable[Job], snapshots: dict[str, Job], reports: dict[str, JobPhases], as_of: datetime
) -> Iterator[tuple[str, JobPhases]]:
    """Yield the phases of jobs until the moment, by job id."""
    for job in views:
        report = reports.get(job.job_id)
        if report is None or snapshot_rank(report.job) < snapshot_rank(snapshots[job.job_id]):
            continue
        log = [item for item in report.log if item.log_date_time is None or logged_at(item) <= as_of]
        is_unchanged = report.job == job and len(log) == len(report.log)
        yield job.job_id, report if is_unchanged else phases(job, log, log_error=report.log_error)
