"""The log of a job, read in one pass: the phases, failures and instance of each participant.

All other modules use `read_log`, so that no two of them can differ about the same log.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum, auto
from itertools import groupby
from typing import Final

import attrs

from drs_jobs._models import JobLogEvent, JobLogEventData, JobLogItem, Outcome, SourceNetworkData, UnknownMember
from drs_jobs._models.base import Model
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


class Step(IntEnum):
    """The effect of an event on a phase."""

    START = auto()
    CONTINUE = auto()
    END = auto()
    FAIL = auto()


_OUTCOMES: Final[Mapping[Step, Outcome]] = {
    Step.START: Outcome.RUNNING,
    Step.CONTINUE: Outcome.RUNNING,
    Step.END: Outcome.SUCCEEDED,
    Step.FAIL: Outcome.FAILED,
}
"""The outcome of a phase after its last effect."""
_SUFFIXES: Final = {"START": Step.START, "END": Step.END, "FAIL": Step.FAIL, "FAILED": Step.FAIL}
# The service has either _FAIL or _FAILED for each phase, without a rule, so both are read for all.
EFFECTS: Final[Mapping[str, tuple[PhaseName | None, Step]]] = {
    **{f"{phase}_{suffix}": (phase, step) for phase in PhaseName for suffix, step in _SUFFIXES.items()},
    "USING_PREVIOUS_SNAPSHOT": (PhaseName.SNAPSHOT, Step.CONTINUE),
    "USING_PREVIOUS_SNAPSHOT_FAILED": (PhaseName.SNAPSHOT, Step.FAIL),
    "NETWORK_RECOVERY_FAIL": (None, Step.FAIL),
}
"""The phase of each event, `None` for all of them, and its effect. An event that is not in it has no effect on phases."""


@attrs.frozen(repr=False, kw_only=True)
class Phase(Model):
    """One phase of a participant, such as the conversion of a server. A phase that was started again is one phase."""

    name: PhaseName
    """The name of the phase."""
    started_at: datetime | None = None
    """The time of its first start, in UTC; `None` if the log does not have it."""
    last_started_at: datetime | None = attrs.field(default=None, eq=False)
    """The time of its last start, in UTC, which is that of the latest attempt; `None` if the log does not have it."""
    ended_at: datetime | None = None
    """The time at which it ended or failed, in UTC; `None` if it did not, or if the log does not have the time."""
    outcome: Outcome = Outcome.UNDETERMINED
    """The outcome of the phase.

    - RUNNING if it has begun and not ended, it is the last phase of the participant, and the job is running.
    - FAILED if its last event is a failure, or if it is the last phase and did not end although the participant failed.
    - SUCCEEDED if its last event is its end.
    - UNDETERMINED in all other cases, such as a phase without an end in the log.
    """
    attempts: int = 1
    """The number of starts in the log, or the highest `attemptCount` if that is more; at least 1."""
    waiting_before: timedelta | None = None
    """The time from the end of the phase before; `None` for the first phase, or if one of the times is unknown."""
    error: str | None = None
    """AWS's `rawError`, the last one; `None` if the phase succeeded in the end."""
    has_ended: bool = False
    """Whether the log has an end of the phase. It can have been started again, or have failed, since."""

    @property
    def duration(self) -> timedelta | None:
        """The time from start to end, with all attempts; `None` unless both are known."""
        return None if self.started_at is None or self.ended_at is None else self.ended_at - self.started_at


@attrs.frozen(eq=False)
class ParticipantRecord:
    """What the log has about one participant."""

    is_server: bool = False
    """Whether it is a source server, not another resource."""
    phases: dict[PhaseName, Phase] = attrs.Factory(dict[PhaseName, Phase])
    """Its phases by name. Each that has begun and not ended since is RUNNING."""
    failures: tuple[JobLogItem, ...] = ()
    """The items that are failures, oldest first."""
    has_failed: bool = False
    """Whether it failed as a whole, or its last event is a failure."""
    launched_at: datetime | None = None
    """The time of the last LAUNCH_END, also if the launch was started again or failed since."""
    last_phase: PhaseName | None = None
    """The phase of the last item; of items without a time only if no other has one."""
    last_event: str | None = None
    """The last event of that phase."""


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
    """Return what a log in any order has about each participant and the job. Repeated items and unknown events do not count."""
    items = oldest_first(log)
    by_participant: dict[str | None, list[JobLogItem]] = {}
    # `dict.fromkeys`, so that a repeated item is read once.
    for item in dict.fromkeys(items):
        by_participant.setdefault(_participant_of(item.event_data or JobLogEventData()), []).append(item)
    job_items = by_participant.pop(None, [])
    return LogRecord(
        items=tuple(items),
        participants={str(name): _read_participant(items) for name, items in by_participant.items()},
        job_failures=tuple(filter(_is_failure, job_items)),
        has_job_end=any(item.event == JobLogEvent.JOB_END for item in job_items),
    )


def _read_participant(log: list[JobLogItem]) -> ParticipantRecord:
    # Items without a time first, because each item with a time has priority over them.
    items = sorted(log, key=lambda item: item.log_date_time is not None)
    by_phase: dict[PhaseName, list[JobLogItem]] = {}
    for item in items:
        name, _ = EFFECTS.get(item.event or "", (None, None))
        if name is not None:
            by_phase.setdefault(name, []).append(item)
    phases = {name: _read_phase(name, members) for name, members in by_phase.items()}
    last_phase = max(by_phase, key=lambda name: (logged_at(by_phase[name][-1]), ORDER[name]), default=None)
    last, last_event = (None, None) if last_phase is None else phases[last_phase]
    has_failed = any(EFFECTS.get(item.event or "") == (None, Step.FAIL) for item in items)
    launches = [logged_at(item) for item in items if item.event == "LAUNCH_END" and item.log_date_time is not None]
    return ParticipantRecord(
        is_server=any(item.event_data is not None and item.event_data.source_server_id for item in items),
        phases={name: phase for name, (phase, _) in phases.items()},
        failures=tuple(filter(_is_failure, log)),
        has_failed=has_failed or (last is not None and last.outcome is Outcome.FAILED),
        launched_at=max(launches, default=None),
        last_phase=last_phase,
        last_event=last_event,
    )


def _read_phase(name: PhaseName, items: list[JobLogItem]) -> tuple[Phase, str | None]:
    """Return one phase and its last event, from its items, oldest first. If an item has no time, the phase has none."""
    has_times = all(item.log_date_time is not None for item in items)
    last_items = _last_item(items) if has_times else {_step_of(item): item for item in items}
    starts = [item for item in items if _step_of(item) is Step.START]
    # Of items without a time, the end of the phase is last, unless it was started again. A failure is only certain alone.
    step = max(last_items)
    is_certain = has_times or len(last_items) == 1 or step < Step.END or (step is Step.END and len(starts) <= 1)
    outcome = _OUTCOMES[step] if is_certain else Outcome.UNDETERMINED
    start_times = [logged_at(item) for item in starts] if has_times else []
    data = [item.event_data or JobLogEventData() for item in items]
    phase = Phase(
        name=name,
        started_at=next(iter(start_times), None),
        last_started_at=next(reversed(start_times), None),
        ended_at=logged_at(last_items[step]) if has_times and outcome is not Outcome.RUNNING else None,
        outcome=outcome,
        attempts=max(1, len(starts), *(entry.attempt_count or 0 for entry in data)),
        error=None if step is Step.END else next((entry.raw_error for entry in reversed(data) if entry.raw_error), None),
        has_ended=any(_step_of(item) is Step.END for item in items),
    )
    return phase, last_items[step].event


def _last_item(items: list[JobLogItem]) -> dict[Step, JobLogItem]:
    """Return the last of the items of a phase, by its effect. An item after the end that only continues the phase is none."""
    last: dict[Step, JobLogItem] = {}
    for _, group in groupby(items, key=logged_at):
        members = list(group)
        steps = list(map(_step_of, members))
        # Items of one instant can be in any order. The failure of the attempt before comes first, or the start of an end.
        first = Step.FAIL if last.keys() & {Step.START, Step.CONTINUE} else Step.START
        if Step.END not in last and {first, Step.START}.issubset(steps):
            members.insert(0, members.pop(steps.index(first)))
        for item in members:
            if Step.END not in last or _step_of(item) is not Step.CONTINUE:
                last = {_step_of(item): item}
    return last


def _step_of(item: JobLogItem) -> Step:
    return EFFECTS[item.event or ""][1]


def _participant_of(data: JobLogEventData) -> str | None:
    """Return the participant that a log item is about; `None` for the job as a whole."""
    match data.event_resource_data:
        case SourceNetworkData(source_network_id=resource) | UnknownMember(name=resource):
            return data.source_server_id or resource or None
        case None:
            return data.source_server_id or None


def _is_failure(item: JobLogItem) -> bool:
    # The suffix is compared, so that future events of AWS are recognized too.
    has_error = item.event_data is not None and bool(item.event_data.raw_error)
    return has_error or (item.event or "").endswith(("_FAIL", "_FAILED", "_CANCEL", "_SKIPPED"))
