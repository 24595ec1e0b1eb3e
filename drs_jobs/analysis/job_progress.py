"""The progress of a job: a fraction weighted by how long the phases take, the words for it, and which servers are slow."""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeAlias

import attrs

from drs_jobs._models import InitiatedBy, Job, LaunchStatus, Outcome
from drs_jobs._models.base import Model
from drs_jobs._text import format_count, format_duration, format_short_duration
from drs_jobs._time import to_utc
from drs_jobs.analysis.log import ORDER, PhaseName
from drs_jobs.analysis.phase import (
    JobPhases,
    ParticipantPhases,
    expected_phases,
    listed_participants,
    next_phase,
    participant_noun,
)
from drs_jobs.analysis.times import EARLIEST, created


@attrs.frozen(repr=False, kw_only=True)
class SlowServer(Model):
    """A server that is in a phase, or between two, for much longer than usual.

    It takes longer than twice the usual time, and longer than the usual time plus five minutes.
    """

    participant: str
    """The id of the source server."""
    phase: PhaseName | None = None
    """The running phase; `None` if it waits for the next phase."""
    elapsed: timedelta
    """The time since the latest start of the phase, or since the end of the phase before."""
    usual: timedelta
    """The median of earlier jobs of this server, else the longest time that was measured on real jobs."""

    @property
    def text(self) -> str:
        """What takes so long, such as `conversion for 48m, usually 3m`."""
        what = "waiting for the next phase" if self.phase is None else self.phase.label
        return f"{what} for {format_short_duration(self.elapsed)}, usually {format_short_duration(self.usual)}"


@attrs.frozen(repr=False, kw_only=True)
class Progress(Model):
    """How far a job is."""

    fraction: float = 0.0
    """The fraction that is done, from 0.0 to 1.0. It is 1.0 for a complete job only, whatever its outcome.

    Without the log it depends on `launch_status` alone, which is PENDING until the launch.
    """
    text: str = ""
    """The failed servers, then what the servers that are least far do: the count, the longest time and its usual time.

    Such as `launch failed 2 of 4 servers; conversion 1 of 4, 12m, usually 3m`, or `after snapshot 1 of 2, 28m, usually 3m` for
    a wait between two phases.
    """
    counts: Mapping[PhaseName | None, int] = attrs.field(factory=dict[PhaseName | None, int], hash=False)
    """The number of participants by running phase; `None` for those without a running phase."""
    slow: tuple[SlowServer, ...] = ()
    """The slow servers, in the order of the job. Empty if the log could not be read completely."""
    remaining: timedelta | None = None
    """The time until the last phase of the last server ends, by earlier jobs of the same servers.

    `None` if a server is slow or has no such earlier job, if each server has failed or has ended its last phase, or if the log
    could not be read completely.
    """


_Stage: TypeAlias = tuple[PhaseName | None, bool]
"""A phase if the second value is true, else the wait before it."""
_Seconds: TypeAlias = Mapping[_Stage, float]
"""How long phases and waits take, in seconds."""

_MEASURED: Final[Mapping[_Stage, tuple[float, float]]] = {
    (PhaseName.SNAPSHOT, True): (0.2, 3.0),
    (PhaseName.CONVERSION, False): (51.0, 191.0),
    (PhaseName.CONVERSION, True): (186.0, 846.0),
    (PhaseName.LAUNCH, True): (294.0, 391.0),
}
"""Seconds in real drills of two Linux servers in 2022 and of two Windows servers in 2025. Nothing else was measured."""

TYPICAL_SECONDS: Final[_Seconds] = {stage: math.sqrt(linux * windows) for stage, (linux, windows) in _MEASURED.items()}
"""The geometric mean of Linux and of Windows servers."""

_ASSUMED_DURATION: Final = 300.0
"""The assumed duration, in seconds, of each phase of a job without measured phases, such as a network recovery."""

_MAX_FRACTION_WHILE_RUNNING: Final = 0.99
"""The fraction of a job whose phases have all ended. The job itself ends seconds later, or after its post-launch actions."""

_MAX_FRACTION_OF_PHASE: Final = 0.97
"""The part of its share that a running phase can reach, however long it takes."""

_MIN_EXCESS: Final = timedelta(minutes=5)
"""How much longer than usual a slow phase takes at least."""


def progress(phases: JobPhases, *, now: datetime, earlier: Iterable[JobPhases] = ()) -> Progress:
    """Return how far a job is, as a fraction and in words, which servers are slow, and the time left.

    Each phase has the share of the time that it usually takes, and grows with time within its share. For the same job and the
    same `earlier`, the fraction never decreases while `now` and the log grow. If the log could not be read, or has an item
    without a time, it can.

    Args:
        phases: The phases of the job.
        now: The current time, as an aware datetime.
        earlier: The phases of earlier jobs. The median durations of the same server in them are the usual ones. By default, and
            for what they do not have, the durations are those of measured drills.

    Raises:
        ValueError: If `now` is naive.
    """
    job, utc_now = phases.job, to_utc(now, "now")
    counts = Counter(None if (current := row.current) is None else current.name for row in phases.participants)
    if job.is_complete:
        return Progress(fraction=1.0, text=f"complete, {job.outcome.lower()}", counts=dict(counts))
    states = _states(phases, utc_now, _measured(earlier, job))
    fractions = [state.fraction for state in states]
    slow = tuple(state.slow for state in states if state.slow is not None)
    times_left = [state.time_left for state in states]
    is_time_known = None not in times_left and not slow and phases.log_error is None
    return Progress(
        # Participants that the job does not list appear in its log one by one, so their mean could decrease.
        fraction=statistics.fmean(fractions) if listed_participants(job) else max(fractions, default=0.0),
        text=_text(phases, states, utc_now),
        counts=dict(counts),
        slow=slow,
        remaining=max(filter(None, times_left), default=None) if is_time_known else None,
    )


# ------------------------------------------------------------------ the fraction


def _reached(
    row: ParticipantPhases, now: datetime, expected: Sequence[PhaseName], measured: _Seconds, status: str | None
) -> tuple[float, float]:
    """Return how many seconds one participant has done, the most that its status or any phase shows, and the expected total."""
    # A measured phase without a measured wait began at once. A phase that was not measured has no share if others were.
    seconds = {**TYPICAL_SECONDS, **{(name, False): 0.0 for name, _ in measured}, **measured}
    other = 0.0 if any((name, True) in seconds for name in expected) else _ASSUMED_DURATION
    by_name = {phase.name: phase for phase in row.phases}
    furthest = end = 0.0
    for name, following in zip(expected, [*expected[1:], None], strict=True):
        begin = end + seconds.get((name, False), 0.0)
        end = begin + seconds.get((name, True), other)
        if (phase := by_name.get(name)) is not None:
            elapsed = 0.0 if phase.started_at is None else (now - phase.started_at).total_seconds()
            has_ended = phase.has_ended or phase.outcome is Outcome.SUCCEEDED
            # The elapsed time includes the wait after the phase, so that it is the same before and after the end.
            low, high = (end, end + seconds.get((following, False), 0.0)) if has_ended else (begin, end)
            furthest = max(furthest, min(max(low, begin + elapsed), low + (high - low) * _MAX_FRACTION_OF_PHASE))
        if name is PhaseName.LAUNCH and status in _LAUNCH_STATUSES:
            furthest = max(furthest, end if status == LaunchStatus.LAUNCHED else begin)
    return furthest, end


_LAUNCH_STATUSES: Final = (LaunchStatus.IN_PROGRESS, LaunchStatus.LAUNCHED)
"""The statuses that a server has only from the begin of the phase LAUNCH on."""


def _measured(earlier: Iterable[JobPhases], job: Job) -> Mapping[str, _Seconds]:
    """Return the median seconds of the phases of each participant that succeeded in earlier jobs, and of the waits before."""
    samples: dict[str, dict[_Stage, list[float]]] = defaultdict(lambda: defaultdict(list))
    for report in earlier:
        for row in report.participants if report.job.job_id != job.job_id else ():
            for phase in row.phases:
                if phase.outcome is Outcome.SUCCEEDED and phase.duration:
                    samples[row.participant][phase.name, True].append(phase.duration.total_seconds())
                    if phase.waiting_before is not None:
                        samples[row.participant][phase.name, False].append(phase.waiting_before.total_seconds())
    return {
        participant: {stage: statistics.median(seconds) for stage, seconds in stages.items()}
        for participant, stages in samples.items()
    }


# ------------------------------------------------------------------ the words


class _State(NamedTuple):
    """What one participant does: a phase, or the wait after a phase or before the first one."""

    participant: str
    label: str
    order: tuple[int, bool]
    """It is lower for a participant that is less far: the order of the phase, and whether it has ended."""
    has_failed: bool
    elapsed: timedelta | None
    """The time since the latest start of the running phase, the end of the latest one, or the creation of the job."""
    usual: timedelta | None
    slow: SlowServer | None
    fraction: float
    time_left: timedelta | None
    """Zero if it has failed or ended its last phase."""


def _states(phases: JobPhases, now: datetime, measured: Mapping[str, _Seconds]) -> list[_State]:
    """Return the state of each participant that the job lists; of all if it lists none. Others can belong to another job."""
    listed = listed_participants(phases.job)
    statuses = {server.name: server.launch_status for server in phases.job.participating_servers}
    return [
        _state(phases, row, statuses.get(row.participant), now, measured.get(row.participant, {}))
        for row in phases.participants
        if row.participant in listed or not listed
    ]


def _state(phases: JobPhases, row: ParticipantPhases, status: str | None, now: datetime, measured: _Seconds) -> _State:
    expected, is_log_whole = expected_phases(phases.job), phases.log_error is None
    name, is_running, has_phase_failed, since = None, False, False, created(phases.job)
    # The running phase, else the one with the latest time, because an earlier phase can have been started again. Of phases
    # without a time the last in order.
    latest = row.current or max(reversed(row.phases), key=lambda p: p.ended_at or p.started_at or EARLIEST, default=None)
    if latest is not None:
        name, has_phase_failed = latest.name, latest.outcome is Outcome.FAILED
        # A phase without an end that another one followed is UNDETERMINED.
        is_running = latest is row.current or (latest.outcome is Outcome.UNDETERMINED and not latest.has_ended)
        since = latest.last_started_at if is_running else latest.ended_at
    elif status in _LAUNCH_STATUSES:
        name, is_running, since = PhaseName.LAUNCH, status == LaunchStatus.IN_PROGRESS, None
    has_failed, is_in_phase = row.has_failed or has_phase_failed, is_running or has_phase_failed
    label = "no phase has begun" if name is None else name.label if is_running else f"after {name.label}"
    if has_failed:
        label = "failed" if name is None else f"{name.label} failed" if is_in_phase else f"failed after {name.label}"
    elapsed = None if since is None else now - since
    stage = (name, True) if is_running else (next_phase(phases.job, name), False)
    is_failback = phases.job.initiated_by == InitiatedBy.FAILBACK
    seconds = measured.get(stage, None if is_failback else max(_MEASURED.get(stage, ()), default=None))
    # A log that was cut off can lack the end of the phase, so it shows no slow one.
    usual = timedelta(seconds=seconds) if seconds is not None and is_log_whole and not has_failed else None
    slow = None
    if elapsed is not None and usual is not None and elapsed > max(2 * usual, usual + _MIN_EXCESS):
        slow = SlowServer(participant=row.participant, phase=name if is_running else None, elapsed=elapsed, usual=usual)
    # With a log the status is not used, because one that is ahead of the log can be withdrawn by a failure.
    reached, total = _reached(row, now, expected, measured, None if is_log_whole else status)
    time_left = timedelta(seconds=total - reached) if (expected[-1], True) in measured else None
    return _State(
        participant=row.participant,
        label=label,
        order=(-1 if name is None else ORDER[name], not is_in_phase),
        has_failed=has_failed,
        elapsed=elapsed,
        usual=usual,
        slow=slow,
        fraction=_MAX_FRACTION_WHILE_RUNNING * reached / total,
        time_left=timedelta() if has_failed or (name is expected[-1] and not is_running) else time_left,
    )


def _text(phases: JobPhases, states: list[_State], now: datetime) -> str:
    failed = Counter(state.label for state in sorted(states, key=lambda state: state.order) if state.has_failed)
    parts = [f"{label} {count} of {format_count(len(states), participant_noun(phases.job))}" for label, count in failed.items()]
    # Without the whole log it is not known that no phase has begun.
    others = [state for state in states if not state.has_failed and (state.order[0] >= 0 or phases.log_error is None)]
    if others:
        label = min(others, key=lambda state: state.order).label
        same = [state for state in others if state.label == label]
        longest = max(same, key=lambda state: (state.slow is not None, state.elapsed or timedelta.min))
        parts.append(f"{label} {len(same)} of {len(states)}{_times(longest.elapsed, longest.usual)}")
    elif not states and phases.log_error is None:
        parts.append(f"no phase has begun{_times(phases.job.elapsed(now), None)}")
    if phases.log_error is not None:
        parts.append("the log could not be read" + (" completely" if phases.log else ""))
    return "; ".join(parts)


def _times(elapsed: timedelta | None, usual: timedelta | None) -> str:
    if elapsed is None:
        return ""
    return f", {format_short_duration(elapsed)}" + ("" if usual is None else f", usually {format_short_duration(usual)}")


def slowest_phase(phases: JobPhases, *, now: datetime) -> str:
    """Return in words which phase the slowest participant of a running job is in, such as `conversion of s-1 for 6m 12s`."""
    states = _states(phases, to_utc(now, "now"), {})
    others = [state for state in states if not state.has_failed]
    if not others:
        return _text(phases, states, to_utc(now, "now"))
    slowest = min(others, key=lambda state: (state.order, -(state.elapsed or timedelta())))
    duration = "an unknown time" if slowest.elapsed is None else format_duration(slowest.elapsed)
    if slowest.order[0] < 0:
        return f"no phase of {slowest.participant} has begun for {duration}"
    return f"{slowest.label} of {slowest.participant} for {duration}"
