"""The progress of a job as a fraction and in words, weighted by how long the phases take."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, TypeAlias

import attrs

from drs_jobs._models import Job, LaunchStatus, Outcome, UnknownValue
from drs_jobs._models.base import Model
from drs_jobs._text import format_count, format_duration
from drs_jobs._time import to_utc
from drs_jobs.analysis.log import ORDER, PhaseName
from drs_jobs.analysis.phase import JobPhases, ParticipantPhases, Phase, expected_phases


@attrs.frozen(repr=False, kw_only=True)
class Progress(Model):
    """How far a job is."""

    fraction: float = 0.0
    """The fraction that is done, from 0.0 to 1.0. It is 1.0 for a complete job only, whatever its outcome.

    Without the log it depends on `launch_status` alone, which is PENDING until the launch.
    """
    text: str = ""
    """The running phase that is least far, such as `conversion 3 of 4 servers, 6m 12s in it`."""
    counts: Mapping[PhaseName | None, int] = attrs.field(factory=dict[PhaseName | None, int], hash=False)
    """The number of participants by running phase; `None` for those without a running phase."""


_Durations: TypeAlias = Mapping[PhaseName, tuple[float, float]]
"""The wait before each phase, and its duration, in seconds."""

TYPICAL_DURATIONS: Final[_Durations] = {
    PhaseName.SNAPSHOT: (0.0, 0.8),
    PhaseName.CONVERSION: (99.0, 397.0),
    PhaseName.LAUNCH: (0.0, 339.0),
}
"""The wait before each phase and its duration, in seconds: the geometric mean of drills of Linux and of Windows servers.

Source: measured on real drills of two Linux servers in 2022 (snapshot 0.2 s, wait 51 s, conversion 186 s, launch 294 s), and of
two Windows servers in 2025 (3 s, 191 s, 846 s, 391 s). Other phases were not measured.
"""

_ASSUMED_DURATION: Final = 300.0
"""The assumed duration, in seconds, of each phase of a job none of whose phases were measured, such as a network recovery."""

_MAX_FRACTION_WHILE_RUNNING: Final = 0.99
"""The fraction of a job whose phases have all ended. The job itself ends seconds later, or after its post-launch actions."""

_MAX_FRACTION_OF_PHASE: Final = 0.97
"""The part of its share that a running phase can reach, however long it takes."""


def progress(phases: JobPhases, *, now: datetime, earlier: Iterable[JobPhases] = ()) -> Progress:
    """Return how far a job is, as a fraction and in words.

    Each phase has the share of the time that it usually takes, and grows with time within its share. For the same job and the
    same `earlier`, the fraction never decreases while `now` and the log grow. If the log could not be read, it can.

    Args:
        phases: The phases of the job.
        now: The current time, as an aware datetime.
        earlier: The phases of earlier jobs. The median durations of the same server in them are the shares. By default, and
            for what they do not have, the shares are those of measured drills.

    Raises:
        ValueError: If `now` is naive.
    """
    utc_now = to_utc(now, "now")
    counts = Counter(None if (current := row.current) is None else current.name for row in phases.participants)
    return Progress(
        fraction=1.0 if phases.job.is_complete else _fraction(phases, utc_now, earlier),
        text=_text(phases, utc_now),
        counts=dict(counts),
    )


# ------------------------------------------------------------------ the fraction


def _fraction(phases: JobPhases, now: datetime, earlier: Iterable[JobPhases]) -> float:
    listed = _listed(phases.job)
    rows = [row for row in phases.participants if row.participant in listed]
    # With a log the statuses are not used, because one that is ahead of the log can be withdrawn by a failure.
    statuses = (
        {} if phases.log_error is None else {server.name: server.launch_status for server in phases.job.participating_servers}
    )
    measured = _measured(earlier, phases.job.job_id, listed)
    expected = expected_phases(phases.job)
    if not rows:
        # Participants that the job does not list appear in its log one by one, so a mean could decrease.
        return max((_done(row, now, _durations(expected, {})) for row in phases.participants), default=0.0)
    return statistics.fmean(
        _done(row, now, _durations(expected, measured.get(row.participant, {})), statuses.get(row.participant)) for row in rows
    )


def _listed(job: Job) -> set[str]:
    """Return the names of the participants that a job lists."""
    return {
        *(server.name for server in job.participating_servers),
        *(resource.name for resource in job.participating_resources),
    }


def _done(
    row: ParticipantPhases, now: datetime, durations: _Durations, status: LaunchStatus | UnknownValue | None = None
) -> float:
    """Return the fraction that one participant has done: the largest that its status or any of its phases shows."""
    total = sum(wait + duration for wait, duration in durations.values())
    by_name = {phase.name: phase for phase in row.phases}
    furthest = reached = 0.0
    waits = [*(wait for wait, _ in durations.values()), 0.0]
    for (name, (wait, duration)), next_wait in zip(durations.items(), waits[1:], strict=True):
        begin = reached + wait
        reached = begin + duration
        if (phase := by_name.get(name)) is not None:
            furthest = max(furthest, _position(phase, now, begin, reached, reached + next_wait))
        if name is PhaseName.LAUNCH and status in _REACHED:
            furthest = max(furthest, begin + duration * _REACHED[status])
    return _MAX_FRACTION_WHILE_RUNNING * furthest / total


_REACHED: Final[Mapping[str | None, float]] = {LaunchStatus.IN_PROGRESS: 0.0, LaunchStatus.LAUNCHED: 1.0}
"""The part of the phase LAUNCH that a server with this status has done at least."""


def _position(phase: Phase, now: datetime, begin: float, end: float, next_begin: float) -> float:
    """Return how many of the expected seconds a participant has reached. The end counts only if the log has it."""
    elapsed = 0.0 if phase.started_at is None else (now - phase.started_at).total_seconds()
    has_ended = phase.has_ended or phase.outcome is Outcome.SUCCEEDED
    # The elapsed time includes the wait after the phase, so that it is the same before and after the end.
    low, high = (end, next_begin) if has_ended else (begin, end)
    return min(max(low, begin + elapsed), low + (high - low) * _MAX_FRACTION_OF_PHASE)


def _durations(expected: Iterable[PhaseName], measured: _Durations) -> _Durations:
    measured_or_typical = {name: measured.get(name) or TYPICAL_DURATIONS.get(name) for name in expected}
    # A phase that was not measured has no share beside phases that were.
    other = 0.0 if any(measured_or_typical.values()) else _ASSUMED_DURATION
    return {name: times or (0.0, other) for name, times in measured_or_typical.items()}


def _measured(earlier: Iterable[JobPhases], job_id: str, participants: set[str]) -> Mapping[str, _Durations]:
    """Return the median waits and durations of the phases of each participant that succeeded in earlier jobs."""
    samples: dict[tuple[str, PhaseName], list[tuple[float, float]]] = {}
    for report in earlier:
        if report.job.job_id == job_id:
            continue
        for row in report.participants:
            if row.participant in participants:
                for phase in row.phases:
                    if phase.outcome is Outcome.SUCCEEDED and phase.duration:
                        wait = 0.0 if phase.waiting_before is None else phase.waiting_before.total_seconds()
                        samples.setdefault((row.participant, phase.name), []).append((wait, phase.duration.total_seconds()))
    medians: dict[str, dict[PhaseName, tuple[float, float]]] = {}
    for (participant, name), times in samples.items():
        waits, durations = zip(*times, strict=True)
        medians.setdefault(participant, {})[name] = (statistics.median(waits), statistics.median(durations))
    return medians


# ------------------------------------------------------------------ the words


def _text(phases: JobPhases, now: datetime) -> str:
    noun = "server" if phases.job.participating_servers else "participant"
    rows = _own_participants(phases)
    of_all = f"of {format_count(len(rows), noun)}"
    if phases.job.is_complete:
        return f"complete, {phases.job.outcome.lower()}"
    running = [current for row in rows if (current := row.current) is not None]
    if running:
        first = min(running, key=lambda phase: ORDER[phase.name])
        same = [phase for phase in running if phase.name is first.name]
        began = [phase.started_at for phase in same if phase.started_at is not None]
        duration = f", {format_duration(now - min(began))} in it" if began else ""
        return f"{_words(first.name)} {len(same)} {of_all}{duration}"
    latest = [phase for row in rows if (phase := _latest_phase(row)) is not None]
    if not latest:
        state = "no phase has begun" if phases.log_error is None else "the log could not be read"
        return f"{state}, 0 {of_all}"
    least = min(latest, key=lambda phase: ORDER[phase.name])
    return f"after {_words(least.name)}, {sum(phase.name is least.name for phase in latest)} {of_all}"


def slowest_phase(phases: JobPhases, *, now: datetime) -> str:
    """Return in words which phase the slowest participant of a running job is in, such as `conversion of s-1 for 6m 12s`.

    Args:
        phases: The phases of the job.
        now: The current time, as an aware datetime.
    """
    rows = [(row, _latest_phase(row)) for row in _own_participants(phases)]
    rows = [(row, phase) for row, phase in rows if phase is None or phase.outcome is not Outcome.FAILED] or rows
    if all(phase is None for _, phase in rows):
        return f"no phase has begun for {_elapsed(phases.job.creation_date_time, now)}"
    row, latest = min(rows, key=lambda row_and_phase: _position_in_order(*row_and_phase))
    if latest is None:
        return f"no phase of {row.participant} has begun for {_elapsed(phases.job.creation_date_time, now)}"
    if latest is row.current:
        return f"{_words(latest.name)} of {row.participant} for {_elapsed(latest.started_at, now)}"
    return f"after {_words(latest.name)} of {row.participant} for {_elapsed(latest.ended_at, now)}"


def _own_participants(phases: JobPhases) -> list[ParticipantPhases]:
    """Return the participants that the job lists; all if it lists none. Others can belong to another job."""
    listed = _listed(phases.job)
    return [row for row in phases.participants if row.participant in listed or not listed]


def _latest_phase(row: ParticipantPhases) -> Phase | None:
    """Return the running phase, else the one with the latest time. An earlier phase can have been started again."""
    if row.current is not None or not row.phases:
        return row.current
    # Of phases without a time the last in order, and any phase with a time before them.
    return max(reversed(row.phases), key=lambda phase: phase.ended_at or phase.started_at or _EARLIEST)


def _position_in_order(row: ParticipantPhases, latest: Phase | None) -> tuple[int, bool, datetime]:
    """Return the order of the latest phase, whether it has ended, and since when."""
    if latest is None:
        return -1, False, _LATEST
    since = latest.started_at if latest is row.current else latest.ended_at
    return ORDER[latest.name], latest is not row.current, _LATEST if since is None else since


_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)


def _elapsed(start: datetime | None, now: datetime) -> str:
    return "an unknown time" if start is None else format_duration(to_utc(now, "now") - start)


def _words(name: PhaseName) -> str:
    return name.lower().replace("_", " ")
