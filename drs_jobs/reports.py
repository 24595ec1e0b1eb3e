"""Reports on jobs and their logs: instances, failures with their reasons, the last drill of each server. Pure functions."""

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
    """A failed participant of a job, with the reasons."""

    participant: str
    """The id of the source server or source network; `without an id` if the job has none."""
    reasons: tuple[str, ...] = ()
    """The reasons from the log, oldest first, then those from the launch actions; empty if there are none."""


@attrs.frozen(repr=False, kw_only=True)
class Explanation(Model):
    """The result of a job: the instances that it launched, and the reasons for each failed participant."""

    job: Job
    """The job."""
    instance_ids: Mapping[str, str] = attrs.field(factory=dict[str, str], hash=False)
    """The EC2 instance ids by source server id, as far as the job or its log has them."""
    failures: tuple[Failure, ...] = ()
    """The failed participants, in the order of the job."""
    log: tuple[JobLogItem, ...] = ()
    """The log, oldest first."""
    log_error: Exception | None = attrs.field(default=None, eq=False)
    """The error if the log, or an item of it, could not be read, else `None`. The readable items are used."""


@attrs.frozen(repr=False, kw_only=True)
class ServerDrill(Model):
    """The last drill of a source server, and its outcome for this server."""

    source_server_id: str
    """The id of the source server."""
    outcome: Outcome | None = None
    """The outcome of the last drill for this server, which can differ from that of the job; `None` without a drill."""
    last_drill: Job | None = None
    """The last drill of this server; `last_drill.duration` is its duration."""
    last_successful_drill: Job | None = None
    """The last drill that succeeded for this server."""


@attrs.frozen(repr=False, kw_only=True)
class DrillReport(Model):
    """The last drills of each server, within the given jobs. AWS does not document how long it keeps jobs."""

    servers: tuple[ServerDrill, ...] = ()
    """One row per server, in the order of `source_server_ids`, or sorted by id."""
    first_job_at: datetime | None = None
    """The creation time of the oldest given job of any kind, in UTC."""
    last_job_at: datetime | None = None
    """The creation time of the newest given job of any kind, in UTC."""
    job_count: int = 0
    """The number of given jobs of any kind."""


def instance_ids(job: Job, log: Iterable[JobLogItem]) -> Mapping[str, str]:
    """Return the EC2 instance ids by source server id, as far as the job or its log has them.

    The `recovery_instance_id` of the job is often missing. Then the newest `target_instance_id` of the log is used.

    Args:
        job: The job.
        log: The log of the job, in any order.
    """
    instance_id_by_server: dict[str, str] = {}
    # An item without a time can belong to any attempt, so every item with a time has priority over it.
    for item in sorted(log, key=_logged_at):
        data = item.event_data
        if data is not None and data.source_server_id and data.target_instance_id:
            instance_id_by_server[data.source_server_id] = data.target_instance_id
    for server in job.participating_servers:
        if server.source_server_id and server.recovery_instance_id:
            instance_id_by_server[server.source_server_id] = server.recovery_instance_id
    return instance_id_by_server


def explain(job: Job, log: Iterable[JobLogItem]) -> Explanation:
    """Return the instances of a job, and the reasons for each failed participant from its log and its launch actions.

    A server failed if its launch failed, or a non-optional launch action on it. A failure in the log without a participant,
    such as a cancelled job, is a reason for each failed participant.

    Args:
        job: The job.
        log: The log of the job, in any order and with items of any kind.
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
    """Return the last drill and the last successful drill of each server. The outcome is that of the server, not of the job.

    The jobs are read in one pass, and the memory used depends on the number of servers only.

    Args:
        jobs: The jobs, in any order. Jobs that are not drills are counted, but are in no row.
        source_server_ids: The servers for which the report has a row, including those without a drill. By default it has a
            row for each server with a drill.

    Raises:
        TypeError: If `source_server_ids` is a str.
    """
    if isinstance(source_server_ids, str):
        msg = f"source_server_ids must be a list of ids, not one str: write [{source_server_ids!r}]"
        raise TypeError(msg)
    requested = None if source_server_ids is None else dict.fromkeys(source_server_ids)
    rows = {server_id: ServerDrill(source_server_id=server_id) for server_id in requested or ()}
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
            if server_id is not None and (requested is None or server_id in requested):
                rows[server_id] = _update_row(rows.get(server_id) or ServerDrill(source_server_id=server_id), job)
    order = sorted(rows) if requested is None else requested
    return DrillReport(
        servers=tuple(rows[server_id] for server_id in order), first_job_at=first, last_job_at=last, job_count=count
    )


def active_jobs(jobs: Iterable[Job]) -> tuple[Job, ...]:
    """Return the jobs that are not complete (pending or started). The quotas for concurrent jobs count these.

    Args:
        jobs: The jobs, in any order.
    """
    return tuple(job for job in jobs if not job.is_complete)


# ------------------------------------------------------------------ drills

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


def _update_row(row: ServerDrill, job: Job) -> ServerDrill:
    outcome = job.outcome_of(row.source_server_id)
    if _is_later(job, row.last_drill):
        row = attrs.evolve(row, outcome=outcome, last_drill=job)
    if outcome is Outcome.SUCCEEDED and _is_later(job, row.last_successful_drill):
        row = attrs.evolve(row, last_successful_drill=job)
    return row


def _is_later(job: Job, other: Job | None) -> bool:
    """Return whether `job` was created after `other`. Of two jobs created at the same time, the first in the input is kept."""
    return other is None or (_created(job) or _EARLIEST) > (_created(other) or _EARLIEST)


def _created(job: Job) -> datetime | None:
    return None if job.creation_date_time is None else to_utc(job.creation_date_time, "creation_date_time")


# ------------------------------------------------------------------ reasons


def _oldest_first(log: Iterable[JobLogItem]) -> list[JobLogItem]:
    """Return the log sorted by time. Items without a time are last, in their original order."""
    return sorted(log, key=lambda item: (item.log_date_time is None, _logged_at(item)))


def _logged_at(item: JobLogItem) -> datetime:
    return _EARLIEST if item.log_date_time is None else to_utc(item.log_date_time, "log_date_time")


def _is_failed(server: ParticipatingServer) -> bool:
    return server.is_failed or any(run.is_failed and not run.is_optional for run in server.runs)


def _log_reasons(items: list[JobLogItem], participant: str | None) -> tuple[str, ...]:
    """Return the failures of a participant in the log, and those of the job as a whole."""
    return tuple(
        _reason(item) for item in items if _is_failure(item) and _participant_of(item.event_data) in (participant, None)
    )


def _is_failure(item: JobLogItem) -> bool:
    # The suffix is compared, so that future events of AWS are recognized too.
    event = item.event or ""
    has_error = item.event_data is not None and bool(item.event_data.raw_error)
    return has_error or event.endswith(("_FAIL", "_FAILED", "_CANCEL", "_SKIPPED"))


def _participant_of(data: JobLogEventData | None) -> str | None:
    """Return the participant that a log item is about; `None` for the job as a whole."""
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
