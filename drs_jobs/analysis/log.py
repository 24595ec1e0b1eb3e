"""The log of a job, read in one pass: the phases, failures and instance of each participant.

All other modules use `read_log`, so that no two of them can differ about the same log.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum, StrEnum, auto
from typing import Final

import attrs

from drs_jobs._models import JobLogEvent, JobLogEventData, JobLogItem, SourceNetworkData, UnknownMember
from drs_jobs.analysis.times import logged_at, oldest_first


class PhaseName(StrEnum):
    """A phase of a server or of another resource in a job, in the order in which they happen.

    Source: the events in the shape `JobLogEvent` of the service model, and `LAUNCH_END`, which it lacks.
    """

    CLEANUP = "CLEANUP"
    """The instance of an earlier recovery is removed."""
    SNAPSHOT = "SNAPSHOT"
    """A snapshot of the replicated volumes is taken."""
    CONVERSION = "CONVERSION"
    """A conversion server makes the volumes bootable."""
    LAUNCH = "LAUNCH"
    """The recovery instance is launched."""
    DEPLOY_NETWORK_CONFIGURATION = "DEPLOY_NETWORK_CONFIGURATION"
    """The stack of a recovered network is deployed."""
    UPDATE_NETWORK_CONFIGURATION = "UPDATE_NETWORK_CONFIGURATION"
    """The configuration of a recovered network is updated."""
    UPDATE_LAUNCH_TEMPLATE = "UPDATE_LAUNCH_TEMPLATE"
    """Launch templates are updated for a recovered network."""

    @property
    def label(self) -> str:
        """The phase for people, such as `conversion`."""
        return self.value.lower().replace("_", " ")


ORDER: Final[Mapping[PhaseName, int]] = {phase: index for index, phase in enumerate(PhaseName)}
"""The position of each phase in the order in which they happen."""


class Step(Enum):
    """The effect of an event on a phase."""

    START = auto()
    CONTINUE = auto()
    END = auto()
    FAIL = auto()


_SUFFIXES: Final = {"START": Step.START, "END": Step.END, "FAIL": Step.FAIL, "FAILED": Step.FAIL}
# The service has either _FAIL or _FAILED for each phase, without a rule, so both are read for all.
EFFECTS: Final[Mapping[str, tuple[PhaseName | None, Step]]] = {
    **{f"{phase}_{suffix}": (phase, step) for phase in PhaseName for suffix, step in _SUFFIXES.items()},
    "USING_PREVIOUS_SNAPSHOT": (PhaseName.SNAPSHOT, Step.CONTINUE),
    "USING_PREVIOUS_SNAPSHOT_FAILED": (PhaseName.SNAPSHOT, Step.FAIL),
    "NETWORK_RECOVERY_FAIL": (None, Step.FAIL),
}
"""The phase of each event, `None` for all of them, and its effect. An event that is not in it has no effect on phases."""


@attrs.define(eq=False)
class PhaseRecord:
    """What the log has about one phase of one participant. Items are added oldest first, those without a time before them."""

    starts: int = 0
    """The number of starts."""
    attempt: int = 0
    """The highest `attemptCount`; 0 if there is none."""
    step: Step | None = None
    """The last effect; `None` if there is none."""
    has_conflicting_ends: bool = False
    """Whether there are both an end and a failure, and it is unknown which was the last, because one of them has no time."""
    started_at: datetime | None = None
    """The first start."""
    ended_at: datetime | None = None
    """The last end or failure; `None` if the phase was started again since, or if its time is unknown."""
    succeeded_at: datetime | None = None
    """The last end that is not a failure, also if the phase was started again or failed since."""
    has_ended: bool = False
    """Whether there is an end that is not a failure."""
    error: str | None = None
    """The error in the last item that has one."""
    _is_start_undated: bool = False
    _undated: list[Step] = attrs.Factory(list[Step])
    _restarted_at: datetime | None = None
    """The time of a start that followed a start, not an end."""
    _end_without_start_at: datetime | None = None
    """The time of an end that followed no start."""

    @property
    def is_open(self) -> bool:
        """Whether the phase has begun, and not ended since."""
        return self.step in {Step.START, Step.CONTINUE}

    def add(self, step: Step, time: datetime | None, data: JobLogEventData) -> None:
        """Add one item of the log."""
        self.error = data.raw_error or self.error
        self.attempt = max(self.attempt, data.attempt_count or 0)
        self.starts += step is Step.START
        self.has_ended |= step is Step.END
        if time is None:
            self._undated.append(step)
            return
        match step:
            case Step.START:
                self._add_start(time)
            case Step.CONTINUE:
                if self.step is not Step.END:
                    self.step, self.ended_at = step, None
            case Step.END | Step.FAIL:
                self._add_end(step, time)

    def _add_start(self, time: datetime) -> None:
        if not self._is_start_undated:
            self.started_at = self.started_at or time
        if time == self._end_without_start_at:
            return  # items of one instant can be in any order: this start came before the end
        was_open = self.is_open
        self._restarted_at = time if was_open else None
        if was_open and Step.FAIL in self._undated:
            self._undated.remove(Step.FAIL)  # it ended the attempt before
        self.step, self.ended_at = Step.START, None

    def _add_end(self, step: Step, time: datetime) -> None:
        if step is Step.END:
            self.succeeded_at = time
        if self.step in {None, Step.FAIL}:  # a server can also fail after its launch, without another start
            if Step.START in self._undated:
                self._undated.remove(Step.START)  # it began this attempt
                self._is_start_undated |= self.step is None
            else:
                self._end_without_start_at = time
        if step is Step.FAIL and time == self._restarted_at:
            return  # items of one instant can be in any order: this failure came before the start
        self.step, self.ended_at = step, time

    def place_items_without_time(self) -> None:
        """Take the items without a time into account that `add` did not need, as far as their place is certain."""
        if {Step.START, Step.FAIL} <= set(self._undated):
            self.started_at = None  # they can be an attempt before the first start with a time
        for step in sorted(self._undated, key=[Step.START, Step.CONTINUE, Step.FAIL, Step.END].index):
            if step in {Step.START, Step.CONTINUE}:
                is_next = self.step in {None, Step.FAIL}
            else:
                is_next = self.step is None or self.is_open
                self.has_conflicting_ends |= not is_next and step is not self.step
            if is_next:
                self.step, self.ended_at = step, None


@attrs.define(eq=False)
class ParticipantRecord:
    """What the log has about one participant."""

    is_server: bool
    """Whether it is a source server, not another resource."""
    phases: dict[PhaseName, PhaseRecord] = attrs.Factory(dict[PhaseName, PhaseRecord])
    """Its phases by name."""
    failures: tuple[JobLogItem, ...] = ()
    """The items that are failures, oldest first."""
    instance_id: str | None = None
    """The id of the newest instance."""
    has_failed: bool = False
    """Whether it failed as a whole, apart from any phase."""
    last_phase: PhaseName | None = None
    """The phase of the last item; of items without a time only if no other has one."""

    @property
    def ends_in_failure(self) -> bool:
        """Whether it failed as a whole, or its last event is certainly a failure."""
        last = None if self.last_phase is None else self.phases[self.last_phase]
        return self.has_failed or (last is not None and last.step is Step.FAIL and not last.has_conflicting_ends)


@attrs.frozen
class LogRecord:
    """A log that has been read."""

    items: tuple[JobLogItem, ...]
    """The log, oldest first, then the items without a time."""
    participants: Mapping[str, ParticipantRecord]
    """The participants by name, in the order of their first items."""
    job_failures: tuple[JobLogItem, ...]
    """The failures of the job as a whole, oldest first."""
    has_job_end: bool
    """Whether the log has the end of the job, so that it is not cut off."""


def read_log(log: Iterable[JobLogItem]) -> LogRecord:
    """Return what a log has about each participant, and about the job as a whole.

    Args:
        log: The log, in any order. Repeated items and unknown events have no effect on phases.
    """
    items = oldest_first(log)
    by_participant: dict[str | None, list[JobLogItem]] = {}
    # `dict.fromkeys`, so that a repeated item is read once.
    for item in dict.fromkeys(items):
        by_participant.setdefault(_participant_of(item.event_data), []).append(item)
    job_items = by_participant.pop(None, [])
    return LogRecord(
        items=tuple(items),
        participants={str(name): _read_participant(items) for name, items in by_participant.items()},
        job_failures=tuple(filter(_is_failure, job_items)),
        has_job_end=any(item.event == JobLogEvent.JOB_END for item in job_items),
    )


def event_of(phase: PhaseName, step: Step | None) -> str:
    """Return the name of an event with this effect."""
    return next(event for event, effect in EFFECTS.items() if effect == (phase, step))


def _read_participant(items: list[JobLogItem]) -> ParticipantRecord:
    record = ParticipantRecord(
        is_server=any(item.event_data is not None and item.event_data.source_server_id for item in items),
        failures=tuple(filter(_is_failure, items)),
    )
    last = None
    # Items without a time first, because each item with a time has priority over them.
    for item in sorted(items, key=lambda item: item.log_date_time is not None):
        data = item.event_data or JobLogEventData()
        record.instance_id = data.target_instance_id or record.instance_id
        if (effect := EFFECTS.get(item.event or "")) is None:
            continue
        name, step = effect
        if name is None:
            record.has_failed = True
            continue
        time = None if item.log_date_time is None else logged_at(item)
        record.phases.setdefault(name, PhaseRecord()).add(step, time, data)
        position = (logged_at(item), ORDER[name])
        if last is None or position > last:
            last, record.last_phase = position, name
    for phase in record.phases.values():
        phase.place_items_without_time()
    return record


def _participant_of(data: JobLogEventData | None) -> str | None:
    """Return the participant that a log item is about; `None` for the job as a whole."""
    if data is None:
        return None
    match data.event_resource_data:
        case SourceNetworkData(source_network_id=resource) | UnknownMember(name=resource):
            return data.source_server_id or resource or None
        case None:
            return data.source_server_id or None


def _is_failure(item: JobLogItem) -> bool:
    # The suffix is compared, so that future events of AWS are recognized too.
    has_error = item.event_data is not None and bool(item.event_data.raw_error)
    return has_error or (item.event or "").endswith(("_FAIL", "_FAILED", "_CANCEL", "_SKIPPED"))
