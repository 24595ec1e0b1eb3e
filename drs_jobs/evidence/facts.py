"""The facts of a report, without their form: the servers with their drills and recoveries, and the failures with causes."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs

from drs_jobs._models import Job, Outcome
from drs_jobs._text import one_line
from drs_jobs._time import to_utc
from drs_jobs.analysis import Cause, Explanation, JobPhases, ParticipantPhases, explain
from drs_jobs.analysis import phases as phases_of
from drs_jobs.analysis.cause import cause_key
from drs_jobs.analysis.names import host_names
from drs_jobs.analysis.times import created, requested_servers
from drs_jobs.evidence.drills import DrillReport, ServerDrill, last_drills
from drs_jobs.evidence.limits import Limit, LogNotReadError, limits_of
from drs_jobs.evidence.recovery import RecoveryReport, ServerRecovery, recovery_times

DEFAULT_TITLE: Final = "Disaster recovery evidence"
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


@attrs.frozen(kw_only=True)
class Server:
    """A source server, its last drills and its recovery times."""

    drill: ServerDrill
    """Its last drills."""
    recovery: ServerRecovery
    """Its recovery times."""
    completed_outcome: Outcome | None
    """The outcome of its last complete drill for this server; `None` without one."""
    drills: tuple[tuple[Job, Outcome], ...]
    """All its drills, oldest first, with their outcome for this server."""
    latest_phases: ParticipantPhases | None
    """Its phases in `recovery.latest_job`; `None` without a recovery."""
    age: timedelta | None
    """The time since its last successful drill; `None` without one."""
    is_overdue: bool
    """Whether it has no successful drill, or the last one is too old; always false without a limit."""

    @property
    def source_server_id(self) -> str:
        """The id of the source server."""
        return self.drill.source_server_id

    @property
    def rank(self) -> int:
        """The order of attention: 0 never drilled, 1 the last complete drill failed, 2 overdue, 3 the others."""
        if self.drill.last_drill is None:
            return 0
        return 1 if self.completed_outcome is Outcome.FAILED else 2 if self.is_overdue else 3


@attrs.frozen(kw_only=True)
class CommonCause:
    """A cause of failures in one or several jobs."""

    cause: Cause
    """The cause in the first of the jobs."""
    participants: tuple[str, ...]
    """The participants in all jobs, each one once."""
    jobs: tuple[Job, ...]
    """The jobs, oldest first."""


@attrs.frozen(kw_only=True)
class Evidence:
    """The facts of a report."""

    title: str
    """The title."""
    generated_at: datetime
    """The time of the report, in UTC."""
    requested: Mapping[str, str]
    """What was requested, such as the region and the first day, by its label."""
    overdue_after: timedelta | None
    """The time from which a server is overdue."""
    names: Mapping[str, str]
    """Host names by source server id."""
    jobs: tuple[Job, ...]
    """The jobs, oldest first, each one once."""
    drills: DrillReport
    """The last drills, with the span of the jobs."""
    recoveries: RecoveryReport
    """The recovery times, with the objective."""
    servers: tuple[Server, ...]
    """The servers, those that need attention first."""
    phases: Mapping[str, JobPhases]
    """The phases by job id. For a job that was given without phases, they are those of an empty log."""
    failures: tuple[Explanation, ...]
    """The jobs with a failure, oldest first."""
    causes: tuple[CommonCause, ...]
    """Each cause of the failures once, the one with the most participants first."""
    limits: tuple[Limit, ...]
    """What could not be read, and what that means."""

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts of the jobs."""
        return tuple(sorted({job.account_id for job in self.jobs if job.account_id is not None}))

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions of the jobs."""
        return tuple(sorted({job.region for job in self.jobs if job.region is not None}))

    def count(self, condition: Callable[[Server], bool]) -> int:
        """Return the number of servers for which a condition is true."""
        return sum(map(condition, self.servers))


def collect(
    jobs: Iterable[Job],
    phases: Iterable[JobPhases],
    *,
    objective: timedelta | None = None,
    overdue_after: timedelta | None = None,
    source_server_ids: Iterable[str] | None = None,
    names: Mapping[str, str] | None = None,
    title: str | None = None,
    generated_at: datetime,
    requested: Mapping[str, str] | None = None,
    unreadable_jobs: Iterable[Exception] = (),
) -> Evidence:
    """Return the facts of a report; for the other arguments see `drs_jobs.evidence.render`.

    Args:
        requested: What was requested, such as the region, by its label. Default nothing.
        unreadable_jobs: The errors of jobs that could not be read. Default none.
    """
    moment = _validated_time(generated_at)
    _validate_duration("overdue_after", overdue_after)
    known_names = host_names(names)
    logs = _distinct_phases(phases)
    known = _distinct_jobs([*jobs, *(report.job for report in logs.values())])
    without_log = [job for job in known if job.job_id not in logs]
    every_phases = {job.job_id: logs.get(job.job_id) or _without_log(job) for job in known}
    requested_ids = None if source_server_ids is None else _validated_ids(source_server_ids)
    ids = _every_server(known) if requested_ids is None else requested_ids
    drills = last_drills(known, source_server_ids=ids)
    recoveries = recovery_times(every_phases.values(), objective=objective, source_server_ids=ids)
    by_server = _drills_by_server(known)
    servers = [
        _server(
            drill,
            recovery,
            drills=by_server.get(drill.source_server_id, ()),
            reports=every_phases,
            now=moment,
            overdue_after=overdue_after,
        )
        for drill, recovery in zip(drills.servers, recoveries.servers, strict=True)
    ]
    explanations = [explain(report.job, report.log, log_error=report.log_error) for report in every_phases.values()]
    failures = tuple(each for each in explanations if each.failures or each.job_reasons)
    return Evidence(
        title=one_line(title) if title else DEFAULT_TITLE,
        generated_at=moment,
        requested=dict(requested or {}),
        overdue_after=overdue_after,
        names=known_names,
        jobs=tuple(known),
        drills=drills,
        recoveries=recoveries,
        servers=tuple(sorted(servers, key=lambda server: server.rank)),
        phases=every_phases,
        failures=failures,
        causes=_common_causes(failures),
        limits=limits_of(
            jobs=known,
            phases=every_phases,
            without_log=without_log,
            recoveries=recoveries,
            requested_ids=requested_ids,
            names=known_names,
            unreadable_jobs=tuple(unreadable_jobs),
        ),
    )


def _validated_time(moment: object) -> datetime:
    if not isinstance(moment, datetime):
        given = one_line(repr(moment), 80)
        raise TypeError(f"generated_at must be a datetime, not {given}: write datetime.now(timezone.utc)")
    return to_utc(moment, "generated_at")


def _validate_duration(name: str, duration: object) -> None:
    if duration is None:
        return
    if not isinstance(duration, timedelta):
        given = one_line(repr(duration), 80)
        raise TypeError(f"{name} must be a timedelta, not {given}: write it with its unit, such as timedelta(days=90)")
    if duration < timedelta(0):
        raise ValueError(f"{name} is negative ({duration}): write a duration, such as timedelta(days=90)")


def _validated_ids(source_server_ids: Iterable[str]) -> tuple[str, ...]:
    ids = tuple(requested_servers(source_server_ids) or ())
    for server_id in ids:
        if not isinstance(server_id, str):
            raise TypeError(f"source_server_ids must be a list of str, not of {type(server_id).__name__}")
    return ids


def _distinct_phases(phases: Iterable[JobPhases]) -> dict[str, JobPhases]:
    """Return the phases by job id: of several with the same id, those of the complete job, then the first."""
    found: dict[str, JobPhases] = {}
    for report in phases:
        earlier = found.get(report.job.job_id)
        if earlier is None or (report.job.is_complete and not earlier.job.is_complete):
            found[report.job.job_id] = report
    return found


def _distinct_jobs(jobs: Iterable[Job]) -> list[Job]:
    """Return each job once, oldest first: of several with the same id, the complete one, then the first."""
    found: dict[str, Job] = {}
    for job in jobs:
        earlier = found.get(job.job_id)
        if earlier is None or (job.is_complete and not earlier.is_complete):
            found[job.job_id] = job
    return sorted(found.values(), key=lambda job: created(job) or _EARLIEST)


def _without_log(job: Job) -> JobPhases:
    # As for a log that could not be read, because nothing can be concluded from what it lacks.
    return phases_of(job, (), log_error=LogNotReadError("the log was not read"))


def _every_server(jobs: Iterable[Job]) -> list[str]:
    return sorted({server.source_server_id for job in jobs for server in job.participating_servers if server.source_server_id})


def _drills_by_server(jobs: Iterable[Job]) -> dict[str, tuple[tuple[Job, Outcome], ...]]:
    found: dict[str, list[tuple[Job, Outcome]]] = {}
    for job in jobs:
        for server_id in dict.fromkeys(server.source_server_id for server in job.participating_servers if job.is_drill):
            if server_id is not None and (outcome := job.outcome_of(server_id)) is not None:
                found.setdefault(server_id, []).append((job, outcome))
    return {server_id: tuple(drills) for server_id, drills in found.items()}


def _server(
    drill: ServerDrill,
    recovery: ServerRecovery,
    *,
    drills: tuple[tuple[Job, Outcome], ...],
    reports: Mapping[str, JobPhases],
    now: datetime,
    overdue_after: timedelta | None,
) -> Server:
    success, completed, latest = drill.last_successful_drill, drill.last_completed_drill, recovery.latest_job
    succeeded_at = None if success is None else created(success)
    age = None if succeeded_at is None else now - succeeded_at
    rows = () if latest is None else reports[latest.job_id].participants
    return Server(
        drill=drill,
        recovery=recovery,
        completed_outcome=None if completed is None else completed.outcome_of(drill.source_server_id),
        drills=drills,
        latest_phases=next((row for row in rows if row.participant == drill.source_server_id), None),
        age=age,
        is_overdue=overdue_after is not None and (age is None or age > overdue_after),
    )


def _common_causes(failures: Iterable[Explanation]) -> tuple[CommonCause, ...]:
    found: dict[str, list[tuple[Cause, Job]]] = {}
    for explanation in failures:
        for cause in explanation.causes:
            found.setdefault(cause_key(cause), []).append((cause, explanation.job))
    causes = [
        CommonCause(
            cause=members[0][0],
            participants=tuple(dict.fromkeys(name for cause, _ in members for name in cause.participants)),
            jobs=tuple({job.job_id: job for _, job in members}.values()),
        )
        for members in found.values()
    ]
    return tuple(sorted(causes, key=lambda each: -len(each.participants)))
