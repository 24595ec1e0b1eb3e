"""Explanations: the instances of a job, and the reasons for each failed participant."""

from collections.abc import Iterable, Mapping

import attrs

from drs_jobs._models import Job, JobLogEventData, JobLogItem, ParticipatingServer, SourceNetworkData, UnknownMember
from drs_jobs._models.base import Model
from drs_jobs.reports._instances import instance_ids
from drs_jobs.reports._times import oldest_first


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


def explain(job: Job, log: Iterable[JobLogItem]) -> Explanation:
    """Return the instances of a job, and the reasons for each failed participant from its log and its launch actions.

    A server failed if its launch failed, or a non-optional launch action on it. A failure in the log without a participant,
    such as a cancelled job, is a reason for each failed participant.

    Args:
        job: The job.
        log: The log of the job, in any order and with items of any kind.
    """
    items = oldest_first(log)
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
