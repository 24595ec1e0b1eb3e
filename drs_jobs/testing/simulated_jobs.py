"""Jobs whose state and log are pure functions of time, as measured on real jobs.

The durations are in `profiles`. An attribute or a method that simulates what was never measured says that it guesses.
"""

import functools
import itertools
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, NamedTuple

import attrs

from drs_jobs._models import (
    Job,
    JobLogEvent,
    JobLogEventData,
    JobLogItem,
    JobStatus,
    JobType,
    LaunchActionRun,
    LaunchActionRunStatus,
    LaunchActionsStatus,
    LaunchStatus,
    ParticipatingServer,
)
from drs_jobs.analysis.times import EARLIEST, logged_at
from drs_jobs.testing import profiles
from drs_jobs.testing.factories import DISK_SPACE_VALIDATION, enum_member
from drs_jobs.testing.failures import PHASES, InjectedFailure, LaunchActionFailure, PhaseFailure, SilentFailure, Stuck
from drs_jobs.testing.profiles import JobDurations, draw

LATEST: Final = datetime.max.replace(tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_STATUSES: Final[Mapping[object, LaunchStatus]] = {
    "LAUNCH_START": LaunchStatus.IN_PROGRESS,
    "LAUNCH_END": LaunchStatus.LAUNCHED,
    **dict.fromkeys(PHASES.values(), LaunchStatus.FAILED),
}
"""The launch status of a server after an event."""


@attrs.frozen
class SimulatedServer:
    """The plan of one server in a simulated job: its own EC2 instance, that of the conversion, and that of an earlier drill."""

    source_server_id: str
    instance_id: str = ""
    conversion_server_id: str = ""
    previous_instance_id: str | None = None
    failure: InjectedFailure | None = None
    snapshot_at: datetime | None = None  # of the recovery snapshot to recover; `None` for the one that the job takes

    @property
    def failing_phase(self) -> str | None:
        """The phase that fails or never ends; `None` for none."""
        return self.failure.phase if isinstance(self.failure, PhaseFailure | Stuck) else None


@attrs.frozen
class LaunchedInstance:
    """An EC2 instance that a job launched."""

    source_server_id: str
    instance_id: str
    launched_at: datetime
    """The time of LAUNCH_END, or of LAUNCH_FAILED if the instance exists although the launch failed (a guess), in UTC."""
    snapshot_at: datetime | None
    """The time of its data: that of a recovery snapshot, or of SNAPSHOT_END (a guess); of an added job, its creation."""


class Timeline(NamedTuple):
    """The log of a job from the beginning to the end, and its end."""

    log: Sequence[JobLogItem]  # oldest first, at strictly increasing times
    end: datetime | None  # the `endDateTime`; `None` if the job never ends
    action_ends: Mapping[str, datetime]  # of the post-launch actions, by source server id


class _Step(NamedTuple):
    """An event of a server, or of the job itself."""

    time: datetime
    event: str
    server: SimulatedServer | None = None


@attrs.frozen
class LocalJob:
    """A job of `LocalDrs`: a simulated recovery or termination, or one that was added and does not change with time.

    Guesses: the durations that `profiles` names; a failure shows in `launchStatus` at once; a LAUNCH_FAILED has a
    `targetInstanceID` if the instance exists; in a job that fails without any event, the servers are `FAILED`.

    A termination cleans up the `previous_instance_id` of each server. It lists the servers as PENDING, as AWS's example does,
    and none once it is complete, as claimed of real ones. That they are PENDING until then, its log and its durations are a
    guess: the log has CLEANUP_START and CLEANUP_END per server.
    """

    created: Job  # directly after its creation; a simulated job has an aware creation date
    servers: tuple[SimulatedServer, ...] | None = None  # in the order in which they start; `None` if it does not change
    profile: str = attrs.field(default="linux", kw_only=True)  # how long the phases take
    seed: int | str = attrs.field(default=0, kw_only=True)  # the durations depend on it and on the job's id
    has_actions: bool = attrs.field(default=False, kw_only=True)
    """Whether a post-launch action runs on each launched server. Its duration is a guess: the API has no times of its run."""
    extra_log: tuple[JobLogItem, ...] = attrs.field(default=(), kw_only=True)  # added items; a simulated job shows them in time
    lag: timedelta = attrs.field(default=timedelta(), kw_only=True)  # how far the clock is ahead of the time of the job itself

    def job_at(self, now: datetime) -> Job:
        """Return the job as it is at the time `now`."""
        if self.servers is None:
            return self.created
        now -= self.lag
        completed = self._completed
        if completed is not None and completed.end_date_time is not None and now >= completed.end_date_time:
            return completed
        timeline = self._timeline()
        if now < logged_at(timeline.log[0]):
            return self.created
        return attrs.evolve(self.created, status=JobStatus.STARTED, participating_servers=self._servers_at(now, timeline))

    def log_at(self, now: datetime) -> tuple[JobLogItem, ...]:
        """Return the log up to the time `now`, oldest first. Items without a time come first."""
        extra = (item for item in self.extra_log if self.servers is None or logged_at(item) <= now)
        return tuple(sorted((*self._log_until(now), *extra), key=logged_at))

    @property
    def is_termination(self) -> bool:
        """Whether it terminates recovery instances, so that it launches none."""
        return self.created.type == JobType.TERMINATE

    @property
    def source_server_ids(self) -> tuple[str, ...]:
        """The ids of the source servers that it processes."""
        ids = (server.source_server_id for server in self.servers or self.created.participating_servers)
        return tuple(server_id for server_id in ids if server_id is not None)

    def instances_at(self, now: datetime) -> tuple[LaunchedInstance, ...]:
        """Return the instances that this job has launched by then, also those whose launch failed afterwards."""
        if self.servers is None:
            created_at = self.created.creation_date_time
            launched_at = self.created.end_date_time or created_at or EARLIEST
            return tuple(
                LaunchedInstance(server.source_server_id, server.recovery_instance_id, launched_at, created_at)
                for server in self.created.participating_servers
                if server.source_server_id and server.recovery_instance_id and server.launch_status == LaunchStatus.LAUNCHED
            )
        snapshots = {server.source_server_id: server.snapshot_at for server in self.servers}
        instances: list[LaunchedInstance] = []
        for item in self._log_until(now):
            data = item.event_data
            if data is not None and (server_id := data.source_server_id) is not None:
                if item.event == "SNAPSHOT_END":
                    snapshots[server_id] = snapshots[server_id] or item.log_date_time
                if data.target_instance_id is not None:
                    instance = LaunchedInstance(server_id, data.target_instance_id, logged_at(item), snapshots[server_id])
                    instances.append(instance)
        return tuple(instances)

    def cleaned_servers_at(self, now: datetime) -> set[str]:
        """Return the ids of the source servers whose earlier recovery instance this job has removed by then."""
        servers = self.created.participating_servers if self.servers is None and self.is_termination else ()
        terminated = (server.source_server_id for server in servers if server.launch_status == LaunchStatus.TERMINATED)
        cleaned = (item.event_data for item in self._log_until(now) if item.event == "CLEANUP_END")
        ids = (*terminated, *(data.source_server_id for data in cleaned if data is not None))
        return {server_id for server_id in ids if server_id is not None}

    def _log_until(self, now: datetime) -> list[JobLogItem]:
        """Return the simulated items of the log."""
        return [] if self.servers is None else [item for item in self._timeline().log if logged_at(item) <= now - self.lag]

    @functools.cached_property
    def _completed(self) -> Job | None:
        """The job at its end; `None` if it never ends."""
        timeline = self._timeline()
        if timeline.end is None:
            return None
        servers = tuple(
            # In a job that fails without any event, no server has launched.
            server if server.launch_status == LaunchStatus.LAUNCHED else attrs.evolve(server, launch_status=LaunchStatus.FAILED)
            for server in self._servers_at(timeline.end, timeline)
        )
        return attrs.evolve(self.created, status=JobStatus.COMPLETED, end_date_time=timeline.end, participating_servers=servers)

    def _servers_at(self, now: datetime, timeline: Timeline) -> tuple[ParticipatingServer, ...]:
        """Return the servers of a simulated job after its first event."""
        if self.is_termination:
            return () if timeline.end is not None and now >= timeline.end else self.created.participating_servers
        events = ((item.event, item.event_data) for item in timeline.log if logged_at(item) <= now)
        statuses = {data.source_server_id: _STATUSES[event] for event, data in events if data and event in _STATUSES}
        servers: list[ParticipatingServer] = []
        for server in self.servers or ():
            server_id = server.source_server_id
            status, actions = statuses.get(server_id, LaunchStatus.PENDING), LaunchActionsStatus()
            if status == LaunchStatus.LAUNCHED and server_id in timeline.action_ends:
                actions = self._actions(server, are_complete=timeline.action_ends[server_id] <= now)
            servers.append(ParticipatingServer(source_server_id=server_id, launch_status=status, launch_actions_status=actions))
        return tuple(servers)

    def _actions(self, server: SimulatedServer, *, are_complete: bool) -> LaunchActionsStatus:
        status, reason = LaunchActionRunStatus.IN_PROGRESS, None
        if are_complete and isinstance(server.failure, LaunchActionFailure):
            status, reason = LaunchActionRunStatus.FAILED, server.failure.reason
        elif are_complete:
            status = LaunchActionRunStatus.SUCCEEDED
        random = Random(f"{self.seed} {self.created.job_id} {server.source_server_id}")
        run_id = str(uuid.UUID(int=random.getrandbits(128), version=4))
        run = LaunchActionRun(action=DISK_SPACE_VALIDATION, run_id=run_id, status=status, failure_reason=reason)
        return LaunchActionsStatus(runs=(run,))

    def _timeline(self) -> Timeline:
        """Return the timeline of a simulated job. It is not stored, so that a history of many jobs needs little memory."""
        assert self.servers is not None
        assert self.created.creation_date_time is not None
        random = Random(f"{self.seed} {self.created.job_id}")
        is_silent = any(isinstance(server.failure, SilentFailure) for server in self.servers)
        phases = ["CLEANUP"] if self.is_termination else ["CLEANUP", "SNAPSHOT"] if is_silent else list(PHASES)
        launch_fails = [isinstance(one.failure, PhaseFailure) and one.failing_phase == "LAUNCH" for one in self.servers]
        durations = profiles.draw_durations(self.profile, launch_fails, random)
        start = self.created.creation_date_time + durations.job_start
        steps = [_Step(start, "JOB_START")]
        action_ends: dict[str, datetime] = {}
        for server, spans in _spans_by_server(self.servers, start, durations, random):
            for phase, begin, end in spans:
                if phase not in phases:
                    break
                steps.append(_Step(begin, f"{phase}_START", server))
                if phase == server.failing_phase:
                    if not isinstance(server.failure, Stuck):
                        steps.append(_Step(end, PHASES[phase], server))
                    break
                steps.append(_Step(end, f"{phase}_END", server))
                if phase == "LAUNCH" and (self.has_actions or isinstance(server.failure, LaunchActionFailure)):
                    action_ends[server.source_server_id] = end + draw(profiles.LAUNCH_ACTIONS, random)
        end = None
        if not any(isinstance(server.failure, Stuck) and server.failing_phase in phases for server in self.servers):
            last_step = draw(profiles.SILENT_STEP, random) if is_silent else durations.last_step
            steps.append(_Step(max([*(step.time for step in steps), *action_ends.values()]) + last_step, "JOB_END"))
            end = steps[-1].time - draw(profiles.JOB_END, random)
        steps.sort(key=lambda step: step.time)
        times = itertools.accumulate((step.time for step in steps), lambda before, time: max(time, before + _MICROSECOND))
        return Timeline([self._log_item(step, time) for step, time in zip(steps, times, strict=True)], end, action_ends)

    def _log_item(self, step: _Step, time: datetime) -> JobLogItem:
        data, server = JobLogEventData(), step.server
        if server is not None:
            target_instance_id, raw_error = server.instance_id if step.event == "LAUNCH_END" else None, None
            if isinstance(server.failure, PhaseFailure) and step.event == PHASES[server.failure.phase]:
                target_instance_id = server.instance_id if server.failure.instance_exists else None
                raw_error = server.failure.raw_error(self.created, server.source_server_id)
            data = JobLogEventData(
                source_server_id=server.source_server_id,
                conversion_server_id=server.conversion_server_id if step.event == "CONVERSION_END" else None,
                target_instance_id=target_instance_id,
                raw_error=raw_error,
            )
        return JobLogItem(event=enum_member(JobLogEvent, step.event), event_data=data, log_date_time=time)


def _spans_by_server(
    servers: Sequence[SimulatedServer], start: datetime, durations: JobDurations, random: Random
) -> Iterator[tuple[SimulatedServer, Iterable[tuple[str, datetime, datetime]]]]:
    """Yield each server with its phases, each with its start and end, as if nothing failed.

    The servers begin each phase one soon after the other, as measured. No snapshot begins before all clean-ups have ended.
    """
    delays = list(itertools.accumulate((draw(profiles.BETWEEN_SERVERS, random) for _ in servers[1:]), initial=timedelta()))
    clean_ups = [
        draw(profiles.CLEANUP, random) if server.previous_instance_id or server.failing_phase == "CLEANUP" else timedelta()
        for server in servers
    ]
    snapshot_start = clean_up_start = start + draw(profiles.BETWEEN_PHASES, random)
    if any(clean_ups):
        snapshot_start += delays[-1] + max(clean_ups) + draw(profiles.BETWEEN_PHASES, random)
    conversion_start = snapshot_start + durations.snapshot + durations.waiting
    launch_start = conversion_start + delays[-1] + durations.conversion + draw(profiles.BETWEEN_PHASES, random)
    for server, delay, clean_up, launch in zip(servers, delays, clean_ups, durations.launches, strict=False):
        starts = (clean_up_start, snapshot_start, conversion_start, launch_start)
        lengths = (clean_up, durations.snapshot, durations.conversion, launch)
        spans = zip(PHASES, starts, lengths, strict=True)
        yield server, [(phase, start + delay, start + delay + length) for phase, start, length in spans if length]
