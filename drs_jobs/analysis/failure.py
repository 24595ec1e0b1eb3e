"""Explanations: the instances of a job, the failed participants with the reasons, and the causes."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import attrs

from drs_jobs import _html
from drs_jobs._models import Job, JobLogEventData, JobLogItem, JobType, Outcome, ParticipatingServer
from drs_jobs._models.base import Model
from drs_jobs._text import format_count, format_duration, format_more, format_names, one_line
from drs_jobs.analysis.hints import POLICY, hint_for, read_refusal
from drs_jobs.analysis.log import LogRecord, ParticipantRecord, read_log
from drs_jobs.analysis.phase import (
    NETWORK_OPERATIONS,
    JobPhases,
    has_server_failed,
    listed_participants,
    next_phase,
    participant_noun,
    phases_from,
)
from drs_jobs.analysis.times import logged_at, oldest_first


@attrs.frozen(repr=False, kw_only=True)
class Cause(Model):
    """One cause of failure, with each participant that it affects.

    Two reasons are one cause if AWS refused the same action with the same error, or if their texts differ only in attempts,
    ids of resources and requests, and IP addresses.
    """

    reason: str
    """The reason of the first participant."""
    participants: tuple[str, ...] = ()
    """The participants, in the order of the failures; empty if it is a reason of the job as a whole, without participants."""
    refused_action: str | None = None
    """The action that AWS refused, such as `ec2:DeleteVolume`; `None` if nothing was refused.

    If AWS's sentence names only the operation, such as `DeleteVolume`, it is that.
    """
    resource: str | None = None
    """The ARN in the sentence about the refused action, that of the first participant; `None` if it has none."""

    @property
    def summary(self) -> str:
        """A short text, such as `ec2:DeleteVolume refused`; the reason if nothing was refused."""
        return self.reason if self.refused_action is None else f"{self.refused_action} refused"

    @property
    def text(self) -> str:
        """The reason for people, with what AWS refused first."""
        return self.reason if self.refused_action is None else f"{self.summary}: {self.reason}"

    @property
    def hint(self) -> str | None:
        """What to do next, such as which permission to add; `None` if AWS documents nothing about this reason."""
        return hint_for(self.reason)


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
    """The failures of the job as a whole, and of participants that the job does not list, oldest first.

    For a complete network job that lists no participant: the phases in its log, if all of them ended.
    """
    causes: tuple[Cause, ...] = ()
    """Each failure of `failures` and `job_reasons` once, the one with the most participants first."""
    log: tuple[JobLogItem, ...] = ()
    """The log, oldest first."""
    log_error: Exception | None = attrs.field(default=None, eq=False)
    """The error if the log, or an item of it, could not be read, else `None`. The readable items are used."""
    phases: JobPhases = attrs.field(
        default=attrs.Factory(lambda self: JobPhases(job=self.job, log_error=self.log_error), takes_self=True)
    )
    """The phases of each participant."""

    @property
    def text(self) -> str:
        """The outcome, then each cause with its participants and what to do next, as a few bounded lines for people."""
        job, url = self.job, self.job.console_url
        head = f"{'job' if job.kind == '-' else job.kind} {job.job_id}: {job.outcome.lower()}"
        head += "" if job.duration is None else f" after {format_duration(job.duration)}"
        if self.failures:
            count = len(job.participating_servers) + len(job.participating_resources)
            head += f", {len(self.failures)} of {format_count(count, participant_noun(job))} failed"
        lines = [f"{head}: {job.undetermined_reasons}" if job.undetermined_reasons else head]
        for reason in explained_reasons(self):
            lines.append(f"{format_names(reason.participants, _MAX_NAMES) or 'job'}: {reason.text}")
            lines += [] if reason.hint is None else [f"next: {reason.hint}"]
        if self.log_error is not None:
            lines.append(f"the log could not be read: {str(self.log_error) or type(self.log_error).__name__}")
        if len(lines) > _MAX_LINES:
            lines[_MAX_LINES:] = [f"{format_more(len(lines), _MAX_LINES)} lines"]
        lines += [] if url is None or job.outcome is Outcome.SUCCEEDED else [f"console: {url}"]
        return "\n".join(map(one_line, lines))

    def __str__(self) -> str:
        """Return `text`."""
        return self.text

    def _repr_html_(self) -> str:
        """Return the job, the lines of its text and a table of its phases, for a notebook."""
        return _html.explanation_html(self)


def explained_reasons(explanation: Explanation) -> Iterator[Cause]:
    """Yield each cause once, then the participants that failed without a reason, then what the phases of the job show."""
    yield from explanation.causes
    if silent := tuple(failure.participant for failure in explanation.failures if not failure.reasons):
        reason = "no reason given" if explanation.log_error is None else "not known without the log"
        yield Cause(reason=reason, participants=silent)
    yield from (Cause(reason=reason) for reason in _ended_phases(explanation.phases))


_MAX_LINES: Final = 20
_MAX_NAMES: Final = 3


def instance_ids(job: Job, log: Iterable[JobLogItem]) -> Mapping[str, str]:
    """Return the EC2 instance ids by source server id, as far as the job or its log has them.

    The `recovery_instance_id` of the job is often missing. Then the newest `target_instance_id` of the log is used.

    Args:
        job: The job.
        log: The log of the job, in any order.
    """
    # The later replaces the earlier. Items without a time are first.
    entries = [item.event_data or JobLogEventData() for item in sorted(log, key=logged_at)]
    pairs = [(data.source_server_id, data.target_instance_id) for data in entries]
    pairs += [(server.source_server_id, server.recovery_instance_id) for server in job.participating_servers]
    return {server_id: instance_id for server_id, instance_id in pairs if server_id and instance_id}


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
    phases = phases_from(job, record, log_error)
    failures = tuple(_failures(phases, record))
    # The failures of the job as a whole, and those of participants that the job does not list.
    listed = listed_participants(job)
    names = {item: name for name, row in record.participants.items() if name not in listed for item in row.failures}
    of_job = [(names.get(item), _reason_of(item)) for item in oldest_first([*record.job_failures, *names])]
    return Explanation(
        job=job,
        instance_ids=instance_ids(job, record.items),
        failures=failures,
        job_reasons=(*(text if name is None else f"{name}: {text}" for name, text in of_job), *_ended_phases(phases)),
        causes=_causes_of([*((failure.participant, text) for failure in failures for text in failure.reasons), *of_job]),
        phases=phases,
        log=record.items,
        log_error=log_error,
    )


def _ended_phases(phases: JobPhases) -> list[str]:
    """Return which phases the log of a complete network job has, if it lists no participant and all of them ended."""
    job, rows = phases.job, [row for row in phases.participants if row.phases]
    is_unlisted = job.initiated_by in NETWORK_OPERATIONS and job.is_complete and not listed_participants(job)
    outcomes = {phase.outcome for row in rows for phase in row.phases}
    has_failed = any(row.has_failed for row in phases.participants) or outcomes != {Outcome.SUCCEEDED}
    if not is_unlisted or has_failed or phases.log_error is not None or read_log(phases.log).job_failures:
        return []
    participants: dict[str, list[str]] = {}
    for row in rows:
        labels = ", ".join(phase.name.label for phase in row.phases)
        participants.setdefault(labels, []).append(row.participant)
    text = "; ".join(f"{labels} of {format_names(names, _MAX_NAMES)}" for labels, names in participants.items())
    if len(phases.phase_names) == 1:
        return [f"it lists no participant, and its log has only one phase, which ended: {text}"]
    return [f"it lists no participant, but every phase in its log ended: {text}"]


def _failures(phases: JobPhases, record: LogRecord) -> Iterator[Failure]:
    """Yield each failed participant with the reasons."""
    job = phases.job
    # AWS can change the status of a server later than its log, while the job runs.
    has_failed = {row.participant for row in phases.participants if row.has_failed and not job.is_complete}
    servers = [s for s in job.participating_servers if has_server_failed(s) or s.name in has_failed]
    runs = [(s.source_server_id, s.name, _run_reasons(s)) for s in servers]
    resources = [(one.participating_resource_id and one.name, one.name, list[str]()) for one in job.failed_resources]
    for key, name, texts in (*runs, *resources):
        logged = record.participants.get(key or "", ParticipantRecord())
        items = [*logged.failures, *record.job_failures]
        is_silent = key and job.is_complete and not items and not texts and phases.log_error is None
        other_texts = _last_event(job, logged, has_job_end=record.has_job_end) if is_silent else texts
        yield Failure(participant=name, reasons=(*map(_reason_of, oldest_first(items)), *other_texts))


def _last_event(job: Job, record: ParticipantRecord, *, has_job_end: bool) -> list[str]:
    """Return after which event a participant ended. A job can fail without any failure in its log."""
    if record.last_phase is None:
        return ["ended before its first phase began"] if has_job_end else []
    if record.phases[record.last_phase].outcome is Outcome.UNDETERMINED:
        return []
    following = next_phase(job, record.last_phase)
    text = f"ended after {record.last_event}"
    if record.phases[record.last_phase].outcome is Outcome.RUNNING:
        text += f"; {record.last_phase.label} never ended"
    # The phases of a network need not follow each other, and those of a job of another type are not known.
    elif following is not None and job.initiated_by not in NETWORK_OPERATIONS and isinstance(job.type, JobType):
        text += f"; {following.label} never began"
    return [text]


def _run_reasons(server: ParticipatingServer) -> list[str]:
    return [
        f"{'optional ' if run.is_optional else ''}launch action {run.name} failed"
        + (f": {run.failure_reason}" if run.failure_reason else "")
        for run in server.runs
        if run.is_failed
    ]


# ------------------------------------------------------------------ reasons and causes


def _reason_of(item: JobLogItem) -> str:
    data = item.event_data or JobLogEventData()
    attempt = "" if data.attempt_count is None else f" (attempt {data.attempt_count} of {data.max_attempts_count or '?'})"
    return f"{item.event or 'error'}{attempt}" + (f": {data.raw_error}" if data.raw_error else "")


_ATTEMPT: Final = re.compile(r"^([^:]+) \(attempt -?\d+ of (?:-?\d+|\?)\)")


def _causes_of(reasons: Iterable[tuple[str | None, str]]) -> tuple[Cause, ...]:
    """Return each cause once, the one with the most participants first. A reason of the job as a whole has no participant."""
    groups: dict[str, tuple[str, dict[str, None]]] = {}
    for participant, reason in reasons:
        text = _ATTEMPT.sub(r"\1", reason)
        _, participants = groups.setdefault(cause_key(text), (text, {}))
        participants.update({} if participant is None else {participant: None})
    causes: list[Cause] = []
    for text, participants in groups.values():
        action, resource, _ = read_refusal(text) or (None, None, None)
        causes.append(Cause(reason=text, participants=tuple(participants), refused_action=action, resource=resource))
    return tuple(sorted(causes, key=lambda cause: -len(cause.participants)))


def cause_key(reason: str) -> str:
    """Return a text that is equal for reasons with the same cause: without ids and IP addresses, or what AWS refused."""
    refusal = read_refusal(reason)
    if refusal is None or refusal.action is None:
        return _IDS.sub("…", reason)
    resource, policy = refusal.resource or "", POLICY.search(reason)
    # Roles, keys and explicit denies count, because each needs a change of permissions of its own.
    role_or_key = resource if ":role/" in resource or ":key/" in resource else ""
    # Some sentences have the action with its service, others only the operation.
    operation = refusal.action.rpartition(":")[2]
    return str((operation, refusal.code, role_or_key, policy is not None and policy[1] is None))


_IDS: Final = re.compile(
    r"""
    \b[a-z]{1,16}-(?:(?=[a-zA-Z]*\d)[0-9a-zA-Z]{8,}|[0-9a-f]{8}|[0-9a-f]{17})\b  # of a resource
    | \bip-\d{1,3}(?:-\d{1,3}){3}\b  # a host name of AWS
    | \b(?i:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b  # a UUID
    | \b(?i:request[ -]?id)[:=]?\s*[\"']?(?=[\w-]*\d)[\w-]{6,}
    | (?<=(?i:authorization\ failure\ message:\ ))[\w-]+
    | \b\d{1,3}(?:\.\d{1,3}){3}\b  # IPv4
    | (?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])  # IPv6, or a time of day
    """,
    re.VERBOSE,
)
