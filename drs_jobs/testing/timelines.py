"""The timeline of a simulated job: its log from the beginning to the end."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

import attrs

from drs_jobs._models import Job, JobLogEvent, JobLogEventData, JobLogItem, UnknownValue
from drs_jobs.testing import profiles
from drs_jobs.testing.failures import PHASES, InjectedFailure, LaunchActionFailure, PhaseFailure, SilentFailure, Stuck


@attrs.frozen
class SimulatedServer:
    """The plan of one server in a simulated job: its own EC2 instance, that of the conversion, and that of an earlier drill."""

    source_server_id: str
    instance_id: str
    conversion_server_id: str
    previous_instance_id: str | None = None
    failure: InjectedFailure | None = None
    snapshot_at: datetime | None = None  # of the recovery snapshot to recover; `None` for the one that the job takes

    @property
    def failing_phase(self) -> str | None:
        """The phase that fails or never ends; `None` for none."""
        return self.failure.phase if isinstance(self.failure, PhaseFailure | Stuck) else None


class Timeline(NamedTuple):
    """The log of a job, and its end."""

    log: Sequence[tuple[datetime, JobLogItem]]  # oldest first, at strictly increasing times
    end: datetime | None  # the `endDateTime`; `None` if the job never ends
    action_ends: Mapping[str, datetime]  # of the post-launch actions, by source server id


class _Step(NamedTuple):
    """An event of a server, or of the job itself, in microseconds since the job's creation."""

    age: int
    event: JobLogEvent | UnknownValue
    server: SimulatedServer | None = None


def build_timeline(
    created: Job, servers: Sequence[SimulatedServer], *, phases: Sequence[str], profile: str, seed: str, has_actions: bool
) -> Timeline:
    """Return the timeline of a job whose servers start in this order, with or without post-launch actions on all of them."""
    random = Random(seed)
    launch_fails = [isinstance(server.failure, PhaseFailure) and server.failing_phase == "LAUNCH" for server in servers]
    durations = profiles.draw_durations(profile, launch_fails, random)
    is_silent = any(isinstance(server.failure, SilentFailure) for server in servers)
    if is_silent:
        phases = ("CLEANUP", "SNAPSHOT")
    steps = [_Step(_microseconds(durations.job_start), JobLogEvent.JOB_START)]
    action_ends: dict[str, int] = {}
    is_stuck = False
    for server, spans in zip(servers, _spans_by_server(servers, phases, durations, random), strict=True):
        for phase, start, end in spans:
            events = PHASES[phase]
            steps.append(_Step(start, events.start, server))
            if phase == server.failing_phase:
                is_stuck = is_stuck or isinstance(server.failure, Stuck)
                steps += [] if isinstance(server.failure, Stuck) else [_Step(end, events.failure, server)]
                break
            steps.append(_Step(end, events.end, server))
            if phase == "LAUNCH" and (has_actions or isinstance(server.failure, LaunchActionFailure)):
                action_ends[server.source_server_id] = end + _draw(profiles.LAUNCH_ACTIONS, random)
    job_end = None
    if not is_stuck:
        last_step = _draw(profiles.SILENT_STEP, random) if is_silent else _microseconds(durations.last_step)
        steps.append(_Step(max(*(step.age for step in steps), *action_ends.values(), 0) + last_step, JobLogEvent.JOB_END))
        job_end = steps[-1].age - _draw(profiles.JOB_END, random)
    steps.sort(key=lambda step: step.age)
    ages = list(itertools.accumulate((step.age for step in steps), lambda before, age: max(age, before + 1)))

    def time(age: int) -> datetime:
        assert created.creation_date_time is not None  # all simulated jobs have one
        return created.creation_date_time + timedelta(microseconds=age)

    log = [
        (time(age), JobLogItem(event=step.event, event_data=_event_data(step, created), log_date_time=time(age)))
        for age, step in zip(ages, steps, strict=True)
    ]
    return Timeline(log, None if job_end is None else time(job_end), {server: time(age) for server, age in action_ends.items()})


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


def _event_data(step: _Step, created: Job) -> JobLogEventData:
    server = step.server
    if server is None:
        return JobLogEventData()
    target_instance_id, raw_error = server.instance_id if step.event == PHASES["LAUNCH"].end else None, None
    if isinstance(server.failure, PhaseFailure) and step.event == PHASES[server.failure.phase].failure:
        target_instance_id = server.instance_id if server.failure.instance_exists else None
        raw_error = server.failure.raw_error(created, server.source_server_id)
    return JobLogEventData(
        source_server_id=server.source_server_id,
        conversion_server_id=server.conversion_server_id if step.event == PHASES["CONVERSION"].end else None,
        target_instance_id=target_instance_id,
        raw_error=raw_error,
    )


def _draw(duration: profiles.Range, random: Random) -> int:
    return _microseconds(random.uniform(*duration))


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)
