"""The timeline of a simulated job: its events, counted in microseconds from its creation."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Final, NamedTuple

from drs_jobs._models import JobLogEvent, UnknownValue
from drs_jobs.testing import profiles
from drs_jobs.testing.failures import (
    PHASES,
    InjectedFailure,
    LaunchActionFailure,
    PhaseFailure,
    RefusedCall,
    Stuck,
)

_PHASES_BEFORE_SILENT_END: Final = ("CLEANUP", "SNAPSHOT")


class ServerPlan(NamedTuple):
    """What the timeline of one server depends on."""

    has_clean_up: bool = False
    """Whether it has the phase CLEANUP."""
    has_actions: bool = False
    """Whether post-launch actions run if it launches."""
    failing_phase: str | None = None
    """The phase in which it fails; `None` if it fails in none."""
    stuck_phase: str | None = None
    """The phase that never ends; `None` if all end."""


def plan_server(failure: InjectedFailure | None, *, is_cleaned: bool, has_actions: bool) -> ServerPlan:
    """Return the plan of a server.

    Args:
        failure: The injected failure; `None` for none.
        is_cleaned: Whether an earlier recovery instance is removed first.
        has_actions: Whether post-launch actions run if it launches, without a failure that brings one.
    """
    match failure:
        case PhaseFailure() | RefusedCall():
            return ServerPlan(is_cleaned or failure.phase == "CLEANUP", has_actions, failing_phase=failure.phase)
        case Stuck(phase):
            return ServerPlan(is_cleaned or phase == "CLEANUP", has_actions, stuck_phase=phase)
        case _:
            return ServerPlan(is_cleaned, has_actions or isinstance(failure, LaunchActionFailure))


class Step(NamedTuple):
    """One event in the log of a job."""

    age: int
    """Microseconds since the job's creation."""
    event: JobLogEvent | UnknownValue
    """The event."""
    server: int | None = None
    """The position of the server in the job; `None` for an event of the job itself."""


class Timeline(NamedTuple):
    """The events of a job, and its end."""

    steps: Sequence[Step]
    """The events, oldest first, at strictly increasing times."""
    end: int | None
    """The `endDateTime`, in microseconds since the job's creation; `None` if it never ends."""
    action_ends: Mapping[int, int]
    """The end of the post-launch actions by position of the server, in microseconds since the job's creation."""


def build_timeline(
    plans: Sequence[ServerPlan], *, phases: Sequence[str], profile: str, seed: str, is_silent: bool = False
) -> Timeline:
    """Return the timeline of a job.

    Args:
        plans: One plan per server.
        phases: The phases of this kind of job, in order.
        profile: A key of `profiles.PROFILES`.
        seed: The seed of the durations.
        is_silent: Whether the job ends after the snapshots without any event of a failure. Default `False`.
    """
    random = Random(seed)
    durations = profiles.draw_durations(profile, [plan.failing_phase == "LAUNCH" for plan in plans], random)
    if is_silent:
        phases = _PHASES_BEFORE_SILENT_END
    steps = [Step(_microseconds(durations.job_start), JobLogEvent.JOB_START)]
    action_ends: dict[int, int] = {}
    is_stuck = False
    for server, (plan, spans) in enumerate(zip(plans, _spans_by_server(plans, phases, durations, random), strict=True)):
        for phase, start, end in spans:
            events = PHASES[phase]
            steps.append(Step(start, events.start, server))
            if plan.stuck_phase == phase:
                is_stuck = True
                break
            if plan.failing_phase == phase:
                steps.append(Step(end, events.failure, server))
                break
            steps.append(Step(end, events.end, server))
            if phase == "LAUNCH" and plan.has_actions:
                action_ends[server] = end + _draw(profiles.LAUNCH_ACTIONS, random)
    if is_stuck:
        return Timeline(_strictly_increasing(steps), None, action_ends)
    last_step = _draw(profiles.SILENT_STEP, random) if is_silent else _microseconds(durations.last_step)
    job_end = max(*(step.age for step in steps), *action_ends.values(), 0) + last_step
    steps.append(Step(job_end, JobLogEvent.JOB_END))
    return Timeline(_strictly_increasing(steps), job_end - _draw(profiles.JOB_END, random), action_ends)


def _spans_by_server(
    plans: Sequence[ServerPlan], phases: Sequence[str], durations: profiles.JobDurations, random: Random
) -> Iterator[list[tuple[str, int, int]]]:
    """Yield the phases of each server with their start and end, as if nothing failed.

    The servers begin each phase one soon after the other, as measured. No snapshot begins before all clean-ups have ended.
    """
    delays = list(itertools.accumulate((_draw(profiles.BETWEEN_SERVERS, random) for _ in plans[1:]), initial=0))
    clean_ups = [_draw(profiles.CLEANUP, random) if plan.has_clean_up else 0 for plan in plans]
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
