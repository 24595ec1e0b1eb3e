"""Pure functions from jobs and logs to answers: which instances, what failed and why, when was each server last drilled."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

import attrs

from drs_jobs._models import (
    Job,
    JobLogEventData,
    JobLogItem,
    Outcome,
    ParticipatingServer,
    SourceNetworkData,
    UnknownMember,
)
from drs_jobs._models.base import Model
from drs_jobs._timestamps import to_utc


@attrs.frozen(repr=False, kw_only=True)
class Failure(Model):
    """One participant of a job that failed."""

    participant: str
    """The id of the source server or source network; `without an id` where the job has none."""
    reasons: tuple[str, ...] = ()
    """What the log and then the launch actions say of it, oldest first; empty where nothing says why."""


@attrs.frozen(repr=False, kw_only=True)
class Explanation(Model):
    """What became of a job: the instances it launched, and for each failed participant why."""

    job: Job
    """The job."""
    instance_ids: Mapping[str, str] = attrs.field(factory=dict[str, str], hash=False)
    """The EC2 instance id by source server id, as far as job or log tell."""
    failures: tuple[Failure, ...] = ()
    """The participants that failed, in the job's order."""
    log: tuple[JobLogItem, ...] = ()
    """The log that this was read from, oldest first."""
    log_error: Exception | None = attrs.field(default=None, eq=False)
    """Why the log, or some item of it, could not be read; `None` where all of it was. What could be read is used."""


@attrs.frozen(repr=False, kw_only=True)
class ServerDrill(Model):
    """When a source server was last drilled, and how that went for this server."""

    source_server_id: str
    """The source server."""
    outcome: Outcome | None = None
    """The server's own outcome in its last drill, which may differ from the job's; `None`: never drilled in these jobs."""
    last_drill: Job | None = None
    """The last drill it took part in; `last_drill.duration` tells how long that took."""
    last_successful_drill: Job | None = None
    """The last drill that was a success for this server."""


@attrs.frozen(repr=False, kw_only=True)
class DrillReport(Model):
    """The last drills of each server, as far as the jobs go that it was given: AWS does not say how long it keeps them."""

    servers: tuple[ServerDrill, ...] = ()
    """A row a server: in the order asked for, or by id."""
    first_job_at: datetime | None = None
    """When the oldest job of any kind that was looked at was created, UTC."""
    last_job_at: datetime | None = None
    """When the newest one was created, UTC."""
    job_count: int = 0
    """How many jobs were looked at."""


def instance_ids(job: Job, log: Iterable[JobLogItem]) -> Mapping[str, str]:
    """The EC2 instance id of each source server, as far as the job itself or its log tells.

    The job's own `recovery_instance_id` is often missing; then the newest `target_instance_id` of the log counts.
    """
    found: dict[str, str] = {}
    # Without a time it may be of any attempt, so anything with a time is newer.
    for item in sorted(log, key=_logged_at):
        data = item.event_data
        if data is not None and data.source_server_id and data.target_instance_id:
            found[data.source_server_id] = data.target_instance_id
    for server in job.participating_servers:
        if server.source_server_id and server.recovery_instance_id:
            found[server.source_server_id] = server.recovery_instance_id
    return found


def explain(job: Job, log: Iterable[JobLogItem]) -> Explanation:
    """What became of a job: its instances, and for each failed participant what log and launch actions say, oldest first.

    A server failed if its launch did, or a non-optional launch action on it. What the log says of no participant, such as
    that the job was cancelled, is a reason for each. The log may be in any order and have items of any kind.
    """
    items = _oldest_first(log)
    servers = [
        Failure(
            participant=server.name,
            reasons=(*_log_reasons(items, server.source_server_id), *_run_reasons(server)),
        )
        for server in job.participating_servers
        if _is_failed(server)
    ]
    networks = [
        Failure(participant=resource.name, reasons=_log_reasons(items, resource.name)) for resource in job.failed_resources
    ]
    return Explanation(job=job, instance_ids=instance_ids(job, items), failures=(*servers, *networks), log=tuple(items))


def last_drills(jobs: Iterable[Job], *, source_server_ids: Iterable[str] | None = None) -> DrillReport:
    """For each server its last drill and its last successful one, judged for this server alone.

    One pass over `jobs`, in any order; what is kept grows with the number of servers only. With `source_server_ids` the
    report has a row for each of these, also for those never drilled, and for no other; without, a row for each server that
    was drilled. TypeError for a bare str.
    """
    if isinstance(source_server_ids, str):
        msg = f"source_server_ids must be a list of ids, not one str: write [{source_server_ids!r}]"
        raise TypeError(msg)
    asked = None if source_server_ids is None else dict.fromkeys(source_server_ids)
    rows = {server_id: ServerDrill(source_server_id=server_id) for server_id in asked or ()}
    first: datetime | None = None
    last: datetime | None = None
    count = 0
    for job in jobs:
        count += 1
        if (created := _created(job)) is not None:
            first = created if first is None else min(first, created)
            last = created if last is None else max(last, created)
        if not job.is_drill:
            continue
        for server_id in {server.source_server_id for server in job.participating_servers}:
            if server_id is not None and (asked is None or server_id in asked):
                rows[server_id] = _later(rows.get(server_id) or ServerDrill(source_server_id=server_id), job)
    order = sorted(rows) if asked is None else asked
    return DrillReport(
        servers=tuple(rows[server_id] for server_id in order), first_job_at=first, last_job_at=last, job_count=count
    )


def active_jobs(jobs: Iterable[Job]) -> tuple[Job, ...]:
    """The jobs that are not complete: pending or started. Quotas count these."""
    return tuple(job for job in jobs if not job.is_complete)


# ------------------------------------------------------------------ drills

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def _later(row: ServerDrill, job: Job) -> ServerDrill:
    outcome = job.outcome_of(row.source_server_id)
    if _is_later(job, row.last_drill):
        row = attrs.evolve(row, outcome=outcome, last_drill=job)
    if outcome is Outcome.SUCCEEDED and _is_later(job, row.last_successful_drill):
        row = attrs.evolve(row, last_successful_drill=job)
    return row


def _is_later(job: Job, than: Job | None) -> bool:
    """Whether `job` is the later one. Of two created in the same instant the one that was seen first stays."""
    return than is None or (_created(job) or _NEVER) > (_created(than) or _NEVER)


def _created(job: Job) -> datetime | None:
    return None if job.creation_date_time is None else to_utc(job.creation_date_time, "creation_date_time")


# ------------------------------------------------------------------ reasons


def _oldest_first(log: Iterable[JobLogItem]) -> list[JobLogItem]:
    """The log by time; items without a time last, otherwise as they came."""
    return sorted(log, key=lambda item: (item.log_date_time is None, _logged_at(item)))


def _logged_at(item: JobLogItem) -> datetime:
    return _NEVER if item.log_date_time is None else to_utc(item.log_date_time, "log_date_time")


def _is_failed(server: ParticipatingServer) -> bool:
    return server.is_failed or any(run.is_failed and not run.is_optional for run in server.runs)


def _log_reasons(items: list[JobLogItem], participant: str | None) -> tuple[str, ...]:
    """What the log says went wrong with a participant, or with the job as a whole."""
    return tuple(
        _reason(item) for item in items if _is_failure(item) and _participant_of(item.event_data) in (participant, None)
    )


def _is_failure(item: JobLogItem) -> bool:
    # By their endings, so that an event that AWS adds tomorrow is not overlooked.
    event = item.event or ""
    told = item.event_data is not None and bool(item.event_data.raw_error)
    return told or event.endswith(("_FAIL", "_FAILED", "_CANCEL", "_SKIPPED"))


def _participant_of(data: JobLogEventData | None) -> str | None:
    """The participant that a log item is about; `None` for the job as a whole."""
    if data is None:
        return None
    match data.event_resource_data:
        case SourceNetworkData(source_network_id=resource) | UnknownMember(name=resource):
            return data.source_server_id or resource
        case None:
            return data.source_server_id


def _reason(item: JobLogItem) -> str:
    data = item.event_data or JobLogEventData()
    attempt = "" if data.attempt_count is None else f" (attempt {data.attempt_count} of {data.max_attempts_count or '?'})"
    error = "" if not data.raw_error else f": {data.raw_error}"
    return f"{item.event or 'error'}{attempt}{error}"


def _run_reasons(server: ParticipatingServer) -> tuple[str, ...]:
    return tuple(
        f"{'optional ' if run.is_optional else ''}launch action {run.name} failed"
        + (f": {run.failure_reason}" if run.failure_reason else "")
        for run in server.runs
        if run.is_failed
    )
