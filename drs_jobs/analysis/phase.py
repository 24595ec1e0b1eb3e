"""The phases of each participant of a job, with their times. All times are those of AWS, from the job and its log."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import attrs

from drs_jobs import _html
from drs_jobs._models import InitiatedBy, Job, JobLogItem, JobType, Outcome, ParticipatingResource, ParticipatingServer
from drs_jobs._models.base import Model
from drs_jobs.analysis.log import ORDER, LogRecord, ParticipantRecord, Phase, PhaseName, read_log
from drs_jobs.analysis.times import EARLIEST, created


@attrs.frozen(repr=False, kw_only=True)
class ParticipantPhases(Model):
    """The phases of one participant of a job."""

    participant: str
    """The id of the source server or source network; `without an id` if the job has none."""
    phases: tuple[Phase, ...] = ()
    """The phases, in the order in which they began."""
    launched_at: datetime | None = None
    """The time of the last LAUNCH_END, in UTC; `None` if the log does not have it."""
    recovery_time: timedelta | None = None
    """The time from the creation of the job to `launched_at`; `None` without such a time, or if its launch failed.

    It is `None` too if the log could not be read completely.

    Post-launch actions are not included, because AWS sends no times for them. `job.duration` includes them. So a server whose
    post-launch action failed has a recovery time, although its outcome is FAILED.
    """
    outcome: Outcome = Outcome.UNDETERMINED
    """The outcome of this participant, which can differ from that of the job.

    A participant that only the log has is RUNNING while the job is running, then FAILED if the log has its failure, else
    UNDETERMINED.
    """
    has_failed: bool = False
    """Whether it has failed, by its status, its launch actions or its last event. It can be `True` while the job is running."""

    @property
    def current(self) -> Phase | None:
        """The phase that is running; `None` if there is none."""
        return next((phase for phase in self.phases if phase.outcome is Outcome.RUNNING), None)


@attrs.frozen(repr=False, kw_only=True)
class JobPhases(Model):
    """The phases of each participant of a job."""

    job: Job
    """The job."""
    participants: tuple[ParticipantPhases, ...] = ()
    """The servers in the order of the job, then its other resources, then those that only the log has."""
    recovery_time: timedelta | None = None
    """The recovery time of the slowest server; `None` unless each server has one. If the job lists servers, those count."""
    log_error: Exception | None = attrs.field(default=None, eq=False)
    """The error if the log, or an item of it, could not be read, else `None`. The readable items are used."""
    log: tuple[JobLogItem, ...] = attrs.field(default=(), eq=False)
    """The log, oldest first, from which `explain` returns the reasons of failures without another request."""

    @property
    def phase_names(self) -> tuple[PhaseName, ...]:
        """The phases that any participant has, in the order in which they happen."""
        present = {phase.name for row in self.participants for phase in row.phases}
        return tuple(name for name in PhaseName if name in present)

    def _repr_html_(self) -> str:
        """Return a table for a notebook, with one row per participant and the duration of each phase."""
        return _html.job_phases_html(self)


def phases(job: Job, log: Iterable[JobLogItem], *, log_error: Exception | None = None) -> JobPhases:
    """Return the phases of each participant of a job, with their times and outcomes.

    The phases of a server are CLEANUP, SNAPSHOT, CONVERSION and LAUNCH. Nothing is guessed: what the log does not have is
    `None` or UNDETERMINED. Repeated items and unknown events are ignored, and items without a time give phases without
    times. Items bear no job id, so participants of another job come after those of this job.

    Args:
        job: The job.
        log: The log of the job, in any order and with items of any kind.
        log_error: The error if the log, or an item of it, could not be read. Default `None`.
    """
    return phases_from(job, read_log(log), log_error)


def phases_from(job: Job, record: LogRecord, log_error: Exception | None) -> JobPhases:
    """Return the phases from a log that has been read; see `phases`."""
    listed: dict[str, list[ParticipatingServer | ParticipatingResource]] = {}
    participants: list[ParticipatingServer | ParticipatingResource] = [*job.participating_servers, *job.participating_resources]
    for participant in participants:
        listed.setdefault(participant.name, []).append(participant)
    rows: list[ParticipantPhases] = []
    times: list[timedelta | None] = []
    for name in dict.fromkeys([*listed, *record.participants]):
        logged, entries = record.participants.get(name, ParticipantRecord()), listed.get(name, [])
        part = attrs.evolve(
            job,
            participating_servers=tuple(entry for entry in entries if isinstance(entry, ParticipatingServer)),
            participating_resources=tuple(entry for entry in entries if isinstance(entry, ParticipatingResource)),
        )
        rows.append(_participant_phases(part, name, logged, is_partial=log_error is not None))
        if part.participating_servers or (logged.is_server and not entries and not job.participating_servers):
            times.append(rows[-1].recovery_time)
    slowest = None if None in times else max((time for time in times if time is not None), default=None)
    return JobPhases(job=job, participants=tuple(rows), recovery_time=slowest, log_error=log_error, log=record.items)


def listed_participants(job: Job) -> set[str]:
    """Return the names of the participants that a job lists."""
    return {server.name for server in job.participating_servers} | {resource.name for resource in job.participating_resources}


def participant_noun(job: Job) -> str:
    """Return the noun for the participants of a job: `server` if it lists servers only, else `participant`."""
    return "server" if job.participating_servers and not job.participating_resources else "participant"


def has_server_failed(server: ParticipatingServer) -> bool:
    """Return whether the launch of a server failed, or a non-optional launch action on it."""
    return server.is_failed or server.has_failed_action


SERVER_PHASES: Final = (PhaseName.CLEANUP, PhaseName.SNAPSHOT, PhaseName.CONVERSION, PhaseName.LAUNCH)
_NETWORK_PHASES: Final = tuple(phase for phase in PhaseName if phase not in SERVER_PHASES)
NETWORK_OPERATIONS: Final = {
    InitiatedBy.CREATE_NETWORK_RECOVERY,
    InitiatedBy.UPDATE_NETWORK_RECOVERY,
    InitiatedBy.ASSOCIATE_NETWORK_RECOVERY,
}
_PHASES_BY_TYPE: Final[Mapping[str, tuple[PhaseName, ...]]] = {
    JobType.TERMINATE: (PhaseName.CLEANUP,),
    JobType.CREATE_CONVERTED_SNAPSHOT: (PhaseName.SNAPSHOT, PhaseName.CONVERSION),
}


def expected_phases(job: Job) -> tuple[PhaseName, ...]:
    """Return the phases of a participant of this kind of job, in order. Not every job has a CLEANUP."""
    if job.initiated_by in NETWORK_OPERATIONS:
        return _NETWORK_PHASES
    return _PHASES_BY_TYPE.get(job.type or "", SERVER_PHASES)


def next_phase(job: Job, phase: PhaseName | None) -> PhaseName | None:
    """Return the phase that usually follows in this kind of job; `None` if there is none."""
    return next((after for before, after in pairwise(expected_phases(job)) if before is phase), None)


def _participant_phases(part: Job, name: str, record: ParticipantRecord, *, is_partial: bool) -> ParticipantPhases:
    """Return the phases of one participant of a job. `part` is the job without its other participants."""
    is_listed = bool(part.participating_servers or part.participating_resources)
    # The outcome of a running job is RUNNING, even if the launch has failed.
    outcome = unfinished = part.outcome
    has_failed = record.has_failed or any(map(has_server_failed, part.participating_servers)) or bool(part.failed_resources)
    if part.is_complete:
        if not is_listed:
            outcome = Outcome.FAILED if record.has_failed else Outcome.UNDETERMINED
        has_failed = outcome is Outcome.FAILED
        # If the log was cut off, it can lack the end.
        unfinished = Outcome.FAILED if has_failed and not is_partial else Outcome.UNDETERMINED
    phases = [
        attrs.evolve(phase, outcome=unfinished if phase.name is record.last_phase else Outcome.UNDETERMINED)
        if phase.outcome is Outcome.RUNNING
        else phase
        for phase in record.phases.values()
    ]
    launch, creation, recovery_time = record.phases.get(PhaseName.LAUNCH), created(part), None
    # An incomplete log can lack that the launch was started again.
    is_known = not is_partial and not part.failed_servers and (is_listed or not has_failed)
    if launch is not None and launch.outcome is Outcome.SUCCEEDED and is_known and launch.ended_at and creation:
        # The clocks of AWS can differ. A negative time would be wrong.
        recovery_time = None if launch.ended_at < creation else launch.ended_at - creation
    return ParticipantPhases(
        participant=name,
        phases=_in_order(phases),
        launched_at=record.launched_at,
        recovery_time=recovery_time,
        outcome=outcome,
        has_failed=has_failed,
    )


def _in_order(phases: list[Phase]) -> tuple[Phase, ...]:
    """Return the phases in order of time, or in their usual order if one of them has no time, with the waits."""
    ordered = sorted(phases, key=lambda phase: ORDER[phase.name])
    if all(phase.started_at or phase.ended_at for phase in phases):
        ordered.sort(key=lambda phase: phase.started_at or phase.ended_at or EARLIEST)
    for index, (before, phase) in enumerate(pairwise(ordered), 1):
        if phase.started_at is not None and before.ended_at is not None and phase.started_at >= before.ended_at:
            ordered[index] = attrs.evolve(phase, waiting_before=phase.started_at - before.ended_at)
    return tuple(ordered)
