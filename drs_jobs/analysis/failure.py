"""Explanations: the instances of a job, the failed participants with the reasons, and the causes."""

from collections.abc import Iterable, Iterator, Mapping

import attrs

from drs_jobs import _html
from drs_jobs._models import Job, JobLogItem, ParticipatingServer
from drs_jobs._models.base import Model
from drs_jobs.analysis.cause import Cause, Reason, causes_of, reason_of
from drs_jobs.analysis.instances import instance_ids_from
from drs_jobs.analysis.log import LogRecord, event_of, read_log
from drs_jobs.analysis.phase import JobPhases, following_phase, has_server_failed, phases_from
from drs_jobs.analysis.times import logged_at


@attrs.frozen(repr=False, kw_only=True)
class Failure(Model):
    """A failed participant of a job, with the reasons."""

    participant: str
    """The id of the source server or source network; `without an id` if the job has none."""
    reasons: tuple[str, ...] = ()
    """The reasons from the log, oldest first, then those from the launch actions.

    If there are none, after which event it ended, such as `ended after SNAPSHOT_END; conversion never began`. Empty if the
    log does not have that either, or could not be read.
    """


@attrs.frozen(repr=False, kw_only=True)
class Explanation(Model):
    """The result of a job: the instances that it launched, the reasons for each failed participant, and the causes."""

    job: Job
    """The job."""
    instance_ids: Mapping[str, str] = attrs.field(factory=dict[str, str], hash=False)
    """The EC2 instance ids by source server id, as far as the job or its log has them."""
    failures: tuple[Failure, ...] = ()
    """The failed participants, in the order of the job."""
    job_reasons: tuple[str, ...] = ()
    """The failures of the job as a whole, and of participants that the job does not list, oldest first."""
    causes: tuple[Cause, ...] = ()
    """Each reason of `failures` and `job_reasons` once, the one with the most participants first."""
    log: tuple[JobLogItem, ...] = ()
    """The log, oldest first."""
    log_error: Exception | None = attrs.field(default=None, eq=False)
    """The error if the log, or an item of it, could not be read, else `None`. The readable items are used."""
    phases: JobPhases = attrs.field(
        default=attrs.Factory(lambda self: JobPhases(job=self.job, log_error=self.log_error), takes_self=True)
    )
    """The phases of each participant."""

    def _repr_html_(self) -> str:
        """Return the job, its causes of failure and a table of its phases, for a notebook."""
        return _html.explanation_html(self)


def explain(job: Job, log: Iterable[JobLogItem], *, log_error: Exception | None = None) -> Explanation:
    """Return the instances of a job, and the reasons for each failed participant from its log and its launch actions.

    A server failed if its launch failed, or a non-optional launch action on it. A failure in the log without a participant,
    such as a cancelled job, is a reason for each failed participant.

    Args:
        job: The job.
        log: The log of the job, in any order and with items of any kind.
        log_error: The error if the log, or an item of it, could not be read. Default `None`.
    """
    record = read_log(log)
    failed = list(_failed_participants(job, record, is_partial=log_error is not None))
    of_job = sorted(_job_failures(job, record), key=lambda reason: (reason[0].log_date_time is None, logged_at(reason[0])))
    return Explanation(
        job=job,
        instance_ids=instance_ids_from(job, record),
        failures=tuple(Failure(participant=name, reasons=tuple(reason.text for reason in reasons)) for name, reasons in failed),
        job_reasons=tuple(f"{'' if name is None else f'{name}: '}{reason_of(item).text}" for item, name in of_job),
        causes=causes_of(
            [
                *((name, reason) for name, reasons in failed for reason in reasons),
                *((name, reason_of(item)) for item, name in of_job),
            ]
        ),
        phases=phases_from(job, record, log_error),
        log=record.items,
        log_error=log_error,
    )


def _failed_participants(job: Job, record: LogRecord, *, is_partial: bool) -> Iterator[tuple[str, list[Reason]]]:
    servers = [
        (server.source_server_id, server.name, _run_reasons(server))
        for server in job.participating_servers
        if has_server_failed(server)
    ]
    resources = [(resource.name, resource.name, list[Reason]()) for resource in job.failed_resources]
    for key, name, other_reasons in (*servers, *resources):
        participant_record = record.participants.get(key or "")
        items = [*(participant_record.failures if participant_record is not None else ()), *record.job_failures]
        items.sort(key=lambda item: (item.log_date_time is None, logged_at(item)))
        reasons = [*map(reason_of, items), *other_reasons]
        yield name, reasons or ([] if is_partial else _last_event(job, record, key))


def _job_failures(job: Job, record: LogRecord) -> Iterator[tuple[JobLogItem, str | None]]:
    """Yield the failures of the job as a whole, and those of participants that the job does not list, with their names."""
    yield from ((item, None) for item in record.job_failures)
    listed = {
        *(server.name for server in job.participating_servers),
        *(resource.name for resource in job.participating_resources),
    }
    for name, participant_record in record.participants.items():
        if name not in listed:
            yield from ((item, name) for item in participant_record.failures)


def _last_event(job: Job, record: LogRecord, participant: str | None) -> list[Reason]:
    """Return after which event a participant ended. A job can fail without any failure in its log."""
    if not job.is_complete or not participant:
        return []
    participant_record = record.participants.get(participant)
    if participant_record is None or participant_record.last_phase is None:
        return [Reason("ended before its first phase began")] if record.has_job_end else []
    phase = participant_record.phases[participant_record.last_phase]
    text = f"ended after {event_of(participant_record.last_phase, phase.step)}"
    following = following_phase(job, participant_record.last_phase)
    if phase.is_open:
        text += f"; {_words(participant_record.last_phase)} never ended"
    elif following is not None:
        text += f"; {_words(following)} never began"
    return [Reason(text)]


def _words(phase: str) -> str:
    return phase.lower().replace("_", " ")


def _run_reasons(server: ParticipatingServer) -> list[Reason]:
    return [
        Reason(
            f"{'optional ' if run.is_optional else ''}launch action {run.name} failed"
            + (f": {run.failure_reason}" if run.failure_reason else "")
        )
        for run in server.runs
        if run.is_failed
    ]
