"""The timeline of a simulated job: its events, counted in microseconds from its creation."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Final, NamedTuple

import attrs

from drs_jobs._models import JobLogEvent, UnknownValue
from drs_jobs.testing import profiles
from drs_jobs.testing.failures import PHASES, InjectedFailure, LaunchActionFailure, PhaseFailure, SilentFailure, Stuck

_PHASES_BEFORE_SILENT_END: Final = ("CLEANUP", "SNAPSHOT")


@attrs.frozen
class SimulatedServer:
    """The plan of one server in a simulated job."""

    source_server_id: str
    """The source server's id."""
    instance_id: str
    """The EC2 instance that it launches."""
    conversion_server_id: str
    """The EC2 instance that converts its volumes. The log has it at CONVERSION_END."""
    previous_instance_id: str | None = None
    """The recovery instance of an earlier drill, which is cleaned up first. Default: none."""
    failure: InjectedFailure | None = None
    """What fails. Default: nothing."""
    snapshot_at: datetime | None = None
    """The time of the recovery snapshot from which it is recovered. Default: the snapshot that the job takes."""

    @property
    def failing_phase(self) -> str | None:
        """The phase that fails or never ends; `None` for none."""
        return self.failure.phase if isinstance(self.failure, PhaseFailure | Stuck) else None


class Step(NamedTuple):
    """One event in the log of a job."""

    age: int
    """Microseconds since the job's creation."""
    event: JobLogEvent | UnknownValue
    """The event."""
    server: SimulatedServer | None = None
    """The server; `None` for an event of the job itself."""


class Timeline(NamedTuple):
    """The events of a job, and its end."""

    steps: Sequence[Step]
    """The events, oldest first, at strictly increasing times."""
    end: int | None
    """The `endDateTime`, in microseconds since the job's creation; `None` if it never ends."""
    action_ends: Mapping[str, int]
    """The end of the post-launch actions by source server id, in microseconds since the job's creation."""


def build_timeline(
    servers: Sequence[SimulatedServer], *, phases: Sequence[str], profile: str, seed: str, has_actions: bool
) -> Timeline:
    """Return the timeline of a job.

    Args:
        servers: The servers, in the order in which they start.
        phases: The phases of this kind of job, in order.
        profile: A key of `profiles.PROFILES`.
        seed: The seed of the durations.
        has_actions: Whether post-launch actions run on each launched server, also without a failure that brings one.
    """
    random = Random(seed)
    launch_fails = [isinstance(server.failure, PhaseFailure) and server.failing_phase == "LAUNCH" for server in servers]
    durations = profiles.draw_durations(profile, launch_fails, random)
    is_silent = any(isinstance(server.failure, SilentFailure) for server in servers)
    if is_silent:
        phases = _PHASES_BEFORE_SILENT_END
    steps = [Step(_microseconds(durations.job_start), JobLogEvent.JOB_START)]
    action_ends: dict[str, int] = {}
    is_stuck = False
    for server, spans in zip(servers, _spans_by_server(servers, phases, durations, random), strict=True):
        for phase, start, end in spans:
            events = PHASES[phase]
            steps.append(Step(start, events.start, server))
            if phase == server.failing_phase:
                if isinstance(server.failure, Stuck):
                    is_stuck = True
                else:
                    steps.append(Step(end, events.failure, server))
                break
            steps.append(Step(end, events.end, server))
            if phase == "LAUNCH" and (has_actions or isinstance(server.failure, LaunchActionFailure)):
                action_ends[server.source_server_id] = end + _draw(profiles.LAUNCH_ACTIONS, random)
    if is_stuck:
        return Timeline(_strictly_increasing(steps), None, action_ends)
    last_step = _draw(profiles.SILENT_STEP, random) if is_silent else _microseconds(durations.last_step)
    job_end = max(*(step.age for step in steps), *action_ends.values(), 0) + last_step
    steps.append(Step(job_end, JobLogEvent.JOB_END))
    return Timeline(_strictly_increasing(steps), job_end - _draw(profiles.JOB_END, random), action_ends)


def _spans_by_server(
    servers: Sequence[SimulatedServer], phases: Sequence[str], durations: profiles.JobDurations, random: Random
) -> Iterator[list[tuple[str, int, int]]]:
    """Yield the phases of each server with their start and end, as if nothing failed.

    The servers begin each phase one soon after the other, as measured. No snapshot begins before all clean-ups have ended.
    """
    delays = list(itertools.accumulate((_draw(profiles.BETWEEN_SERVERS, random) for _ in servers[1:]), initial=0))
    clean_ups = [
        _draw(profiles.CLEANUP, random) if server.previous_instance_id or server.failing_phase == "CLEANUP" else 0
        for server in servers
    ]
    snapshot, waiting, conversion = map(_microseconds, (durations.snapshot, durations.waiting, durations.conversion))
    start = _microseconds(durations.job_start) + _draw(profiles.BETWEEN_PHASES, random)
    starts: dict[str, int] = {}
    for phase in phases:
        starts[phase] = start
        if phase == "CLEANUP" and any(clean_ups):
            start += delays[-1] + max(clean_ups) + _draw(profiles.BETWEEN_PHASES, random)
        elif phase == "SNAPSHOT":
            start += snapshot + waiting
        elif phase == "CONVERSION":
            start += delays[-1] + conversion + _draw(profiles.BETWEEN_PHASES, random)
    for delay, clean_up, launch in zip(delays, clean_ups, durations.launches, strict=False):
        lengths = {"CLEANUP": clean_up, "SNAPSHOT": snapshot, "CONVERSION": conversion, "LAUNCH": _microseconds(launch)}
        yield [
            (phase, starts[phase] + delay, starts[phase] + delay + lengths[phase])
            for phase in phases
            if phase != "CLEANUP" or clean_up
        ]


def _strictly_increasing(steps: list[Step]) -> list[Step]:
    """Return the steps oldest first. A step at the time of the one before it is a microsecond later."""
    steps.sort(key=lambda step: step.age)
    for index in range(1, len(steps)):
        if steps[index].age <= steps[index - 1].age:
            steps[index] = steps[index]._replace(age=steps[index - 1].age + 1)
    return steps


def _draw(duration: profiles.Range, random: Random) -> int:
    return _microseconds(random.uniform(*duration))


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)
