"""The recovery times of each server over several jobs, compared with an objective."""

import statistics
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final, cast

import attrs

from drs_jobs import _html
from drs_jobs._models import InitiatedBy, Job, JobType, Outcome
from drs_jobs._models.base import Model
from drs_jobs._text import format_duration, one_line
from drs_jobs.analysis.phase import JobPhases, ParticipantPhases, has_server_failed
from drs_jobs.analysis.times import JobSpan, is_later, requested_servers


@attrs.frozen(repr=False, kw_only=True)
class ServerRecovery(Model):
    """The recovery times of a source server, from the creation of each job to its LAUNCH_END."""

    source_server_id: str
    """The id of the source server."""
    measured: int = 0
    """The number of recoveries and drills with a recovery time."""
    latest_job: Job | None = None
    """The latest recovery or drill of this server, also if it is running or failed; `None` if there is none."""
    latest: timedelta | None = None
    """The recovery time in `latest_job`; `None` if the server did not launch in it, or if the log does not have it."""
    median: timedelta | None = None
    """The median of the measured recovery times."""
    slowest: timedelta | None = None
    """The longest measured recovery time."""
    met: bool | None = None
    """Whether the latest recovery met the objective. A server that failed in it did not.

    `None` if that cannot be determined: without an objective or a recovery, if the log lacks the launch, or before it.
    """


@attrs.frozen(repr=False, kw_only=True)
class RecoveryReport(Model):
    """The recovery times of each server, within the given jobs. AWS does not document how long it keeps jobs and logs."""

    servers: tuple[ServerRecovery, ...] = ()
    """One row per server, in the order of `source_server_ids`, or sorted by id."""
    objective: timedelta | None = None
    """The recovery time objective (RTO)."""
    first_job_at: datetime | None = None
    """The creation time of the oldest given job of any kind, in UTC."""
    last_job_at: datetime | None = None
    """The creation time of the newest given job of any kind, in UTC."""
    job_count: int = 0
    """The number of given jobs of any kind."""

    def _repr_html_(self) -> str:
        """Return a table for a notebook, with one row per server."""
        return _html.recovery_report_html(self)


def recovery_times(
    phases: Iterable[JobPhases],
    *,
    objective: timedelta | None = None,
    source_server_ids: Iterable[str] | None = None,
) -> RecoveryReport:
    """Return the recovery times of each server, and whether the latest recovery met an objective.

    Recoveries are jobs of type LAUNCH that were initiated by START_RECOVERY, START_DRILL or a value that is absent or unknown
    to this version. Clean-ups and converted snapshots launch no server, and a failback returns to the source, so they are
    counted but are in no row.

    Args:
        phases: The phases of the jobs, in any order. A job that is given twice is counted once.
        objective: The recovery time objective (RTO), such as `timedelta(hours=4)`. By default `met` is `None`.
        source_server_ids: The servers for which the report has a row, including those without a recovery. By default it has
            a row for each server with a recovery.

    Raises:
        TypeError: If `objective` is not a timedelta, or `source_server_ids` is a str.
        ValueError: If `objective` is negative.
    """
    validate_objective(objective)
    requested = requested_servers(source_server_ids)
    span = JobSpan()
    histories: dict[str, _History] = {server_id: _History() for server_id in requested or ()}
    for report in _distinct(phases):
        span.add(report.job)
        for recovery in _recoveries_in(report):
            if requested is None or recovery.server_id in requested:
                histories.setdefault(recovery.server_id, _History()).add(recovery)
    order = sorted(histories) if requested is None else requested
    return RecoveryReport(
        servers=tuple(histories[server_id].report(server_id, objective) for server_id in order),
        objective=objective,
        first_job_at=span.first,
        last_job_at=span.last,
        job_count=span.count,
    )


_NO_RECOVERIES: Final = set(InitiatedBy) - {InitiatedBy.START_RECOVERY, InitiatedBy.START_DRILL}


def is_recovery(job: Job) -> bool:
    """Return whether a job is a recovery or a drill that launches servers. One with an unknown initiator counts as one."""
    return job.type == JobType.LAUNCH and job.initiated_by not in _NO_RECOVERIES


@attrs.frozen
class Recovery:
    """A recovery or drill of one server."""

    job: Job
    """The job."""
    row: ParticipantPhases
    """The phases of the server in the job."""
    has_failed: bool
    """Whether the server failed in the job."""

    @property
    def server_id(self) -> str:
        """The id of the source server."""
        return self.row.participant

    @property
    def minutes(self) -> float | None:
        """The recovery time in minutes; `None` without one."""
        return None if self.row.recovery_time is None else self.row.recovery_time.total_seconds() / 60


def recoveries(phases: Iterable[JobPhases]) -> Iterator[Recovery]:
    """Yield the recoveries and drills of each server. A job that is given twice counts once."""
    for report in _distinct(phases):
        yield from _recoveries_in(report)


def _recoveries_in(report: JobPhases) -> Iterator[Recovery]:
    if not is_recovery(report.job):
        return
    servers = {server.source_server_id for server in report.job.participating_servers if server.source_server_id}
    failed = {server.source_server_id for server in report.job.participating_servers if has_server_failed(server)}
    for row in report.participants:
        if row.participant in servers:
            has_failed = row.participant in failed or row.outcome is Outcome.FAILED
            yield Recovery(report.job, row, has_failed)


@attrs.define
class _History:
    latest: Recovery | None = None
    times: list[timedelta] = attrs.Factory(list[timedelta])

    def add(self, recovery: Recovery) -> None:
        if recovery.row.recovery_time is not None:
            self.times.append(recovery.row.recovery_time)
        if self.latest is None or is_later(recovery.job, self.latest.job):
            self.latest = recovery

    def report(self, source_server_id: str, objective: timedelta | None) -> ServerRecovery:
        if self.latest is None:
            return ServerRecovery(source_server_id=source_server_id)
        recovery_time = self.latest.row.recovery_time
        return ServerRecovery(
            source_server_id=source_server_id,
            measured=len(self.times),
            latest_job=self.latest.job,
            latest=recovery_time,
            median=statistics.median(cast("list[Any]", self.times)) if self.times else None,
            slowest=max(self.times, default=None),
            met=_is_met(recovery_time, objective, has_failed=self.latest.has_failed),
        )


def _is_met(recovery_time: timedelta | None, objective: timedelta | None, *, has_failed: bool) -> bool | None:
    if objective is None:
        return None
    if has_failed:
        return False
    # The end of the job is no evidence: the log can be gone.
    return None if recovery_time is None else recovery_time <= objective


def _distinct(phases: Iterable[JobPhases]) -> Iterable[JobPhases]:
    """Return one report per job: of several, that of the complete job, then the one with most recovery times."""
    reports: dict[str, JobPhases] = {}
    for report in phases:
        known = reports.get(report.job.job_id)
        if known is None or _completeness(report) > _completeness(known):
            reports[report.job.job_id] = report
    return reports.values()


def _completeness(report: JobPhases) -> tuple[bool, int]:
    return report.job.is_complete, sum(row.recovery_time is not None for row in report.participants)


def validate_objective(objective: object) -> None:
    """Check an objective, which can be `None`.

    Raises:
        TypeError: If it is not a timedelta.
        ValueError: If it is negative.
    """
    if objective is None:
        return
    if not isinstance(objective, timedelta):
        given = one_line(repr(objective), 80)
        raise TypeError(f"objective must be a timedelta, not {given}: write it with its unit, such as timedelta(hours=4)")
    if objective < timedelta(0):
        raise ValueError(
            f"objective is negative (-{format_duration(-objective)}): write a duration, such as timedelta(hours=4)"
        )
