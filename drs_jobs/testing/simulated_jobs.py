"""Jobs with a state and a log that are pure functions of time, as measured on real jobs.

The durations are in `profiles`. An attribute or a method that simulates what was never measured says that it guesses.
"""

import functools
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, NamedTuple

import attrs

from drs_jobs._models import (
    Job,
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
from drs_jobs.testing.factories import DISK_SPACE_VALIDATION, make
from drs_jobs.testing.failures import PHASES, InjectedFailure, LaunchActionFailure, PhaseFailure, SilentFailure, Stuck
from drs_jobs.testing.profiles import draw

LATEST: Final = datetime.max.replace(tzinfo=UTC)
# Events that are not in the log: the end of the post-launch actions of a server, and the `endDateTime` of the job.
_ACTIONS_END: Final = "ACTIONS_END"
_END: Final = "END"
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


class _Step(NamedTuple):
    """An event of a server, or of the job itself."""

    time: datetime
    event: str
    server: SimulatedServer

    @property
    def failure(self) -> PhaseFailure | None:
        """The failure that this event is."""
        failure = self.server.failure
        return failure if isinstance(failure, PhaseFailure) and self.event == PHASES[failure.phase] else None

    @property
    def instance_id(self) -> str | None:
        """The id of the EC2 instance that exists from this event on."""
        exists = self.event == "LAUNCH_END" or (self.failure is not None and self.failure.instance_exists)
        return self.server.instance_id if exists else None


_JOB: Final = SimulatedServer("")
"""Has the events of the job itself."""


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
    profile: str = attrs.field(default="linux", kw_only=True)  # how long the phases take, together with the job's id
    extra_log: tuple[JobLogItem, ...] = attrs.field(default=(), kw_only=True)  # added items; a simulated job shows them in time
    lag: timedelta = attrs.field(default=timedelta(), kw_only=True)  # how far the clock is ahead of the time of the job itself

    @property
    def is_termination(self) -> bool:
        """Whether it terminates recovery instances, so that it launches none."""
        return self.created.type == JobType.TERMINATE

    @property
    def source_server_ids(self) -> tuple[str, ...]:
        """The ids of the source servers that it processes."""
        ids = (server.source_server_id for server in self.servers or self.created.participating_servers)
        return tuple(server_id for server_id in ids if server_id is not None)

    def job_at(self, now: datetime) -> Job:
        """Return the job as it is at the time `now`."""
        if self.servers is None:
            return self.created
        completed = self._completed
        if completed is not None and now - self.lag >= (completed.end_date_time or LATEST):
            return completed
        steps = self._steps_until(now)
        if not steps:
            return self.created
        return attrs.evolve(self.created, status=JobStatus.STARTED, participating_servers=self._servers_after(steps))

    def log_at(self, now: datetime) -> tuple[JobLogItem, ...]:
        """Return the log up to the time `now`, oldest first. Items without a time come first."""
        items = (self._log_item(step) for step in self._steps_until(now) if step.event not in (_ACTIONS_END, _END))
        extra = (item for item in self.extra_log if self.servers is None or logged_at(item) <= now)
        return tuple(sorted((*items, *extra), key=logged_at))

    def instances_at(self, now: datetime) -> tuple[LaunchedInstance, ...]:
        """Return the instances that this job has launched by then, also those that failed to launch afterwards."""
        if self.servers is None:
            created_at = self.created.creation_date_time
            return tuple(
                LaunchedInstance(server.source_server_id, server.recovery_instance_id, created_at or EARLIEST, created_at)
                for server in self.created.participating_servers
                if server.source_server_id and server.recovery_instance_id and server.launch_status == LaunchStatus.LAUNCHED
            )
        steps = self._steps_until(now)
        snapshots = {step.server: step.server.snapshot_at or step.time for step in steps if step.event == "SNAPSHOT_END"}
        return tuple(
            LaunchedInstance(step.server.source_server_id, step.instance_id, step.time, snapshots.get(step.server))
            for step in steps
            if step.instance_id is not None
        )

    def cleaned_servers_at(self, now: datetime) -> set[str]:
        """Return the ids of the source servers whose earlier recovery instance this job has removed by then."""
        servers = self.created.participating_servers
        terminated = (server.source_server_id for server in servers if server.launch_status == LaunchStatus.TERMINATED)
        cleaned = (step.server.source_server_id for step in self._steps_until(now) if step.event == "CLEANUP_END")
        return {server_id for server_id in (*terminated, *cleaned) if server_id is not None}

    @functools.cached_property
    def _completed(self) -> Job | None:
        """The job at its end; `None` if it never ends."""
        steps = self._steps()
        if steps[-1].event != "JOB_END":
            return None
        servers = tuple(
            # In a job that fails without any event, no server has launched.
            server if server.launch_status == LaunchStatus.LAUNCHED else attrs.evolve(server, launch_status=LaunchStatus.FAILED)
            for server in (() if self.is_termination else self._servers_after(steps))
        )
        end = steps[-2].time
        return attrs.evolve(self.created, status=JobStatus.COMPLETED, end_date_time=end, participating_servers=servers)

    def _servers_after(self, steps: Sequence[_Step]) -> tuple[ParticipatingServer, ...]:
        """Return the servers of a simulated job after these steps."""
        if self.is_termination:
            return self.created.participating_servers
        statuses = {step.server: _STATUSES[step.event] for step in steps if step.event in _STATUSES}
        runs = {
            step.server: (self._run(step.server, step.server.failure, is_complete=step.event == _ACTIONS_END),)
            for step in steps
            if isinstance(step.server.failure, LaunchActionFailure) and step.event in ("LAUNCH_END", _ACTIONS_END)
        }
        return tuple(
            ParticipatingServer(
                source_server_id=server.source_server_id,
                launch_status=statuses.get(server, LaunchStatus.PENDING),
                launch_actions_status=LaunchActionsStatus(runs=runs.get(server, ())),
            )
            for server in self.servers or ()
        )

    def _run(self, server: SimulatedServer, failure: LaunchActionFailure, *, is_complete: bool) -> LaunchActionRun:
        """Return the run of the post-launch action that fails."""
        random = Random(f"{self.created.job_id} {server.source_server_id}")
        run_id = str(uuid.UUID(int=random.getrandbits(128), version=4))
        status = LaunchActionRunStatus.FAILED if is_complete else LaunchActionRunStatus.IN_PROGRESS
        reason = failure.reason if is_complete else None
        return LaunchActionRun(action=DISK_SPACE_VALIDATION, run_id=run_id, status=status, failure_reason=reason)

    def _log_item(self, step: _Step) -> JobLogItem:
        server, failure = step.server, step.failure
        data = JobLogEventData(
            source_server_id=server.source_server_id or None,
            conversion_server_id=server.conversion_server_id if step.event == "CONVERSION_END" else None,
            target_instance_id=step.instance_id,
            raw_error=None if failure is None else failure.raw_error(self.created, server.source_server_id),
        )
        return make(JobLogItem, event=step.event, event_data=data, log_date_time=step.time)

    def _steps_until(self, now: datetime) -> list[_Step]:
        return [step for step in self._steps() if step.time <= now - self.lag]

    def _steps(self) -> list[_Step]:
        """Return the steps of a simulated job, in order of time. If it ends, its end and JOB_END come last."""
        # They are not stored, so that a history of many jobs needs little memory.
        if self.servers is None or self.created.creation_date_time is None:
            return []
        random = Random(self.created.job_id)
        is_silent = any(isinstance(server.failure, SilentFailure) for server in self.servers)
        phases = ["CLEANUP"] if self.is_termination else ["CLEANUP", "SNAPSHOT"] if is_silent else list(PHASES)
        start = self.created.creation_date_time + draw(profiles.JOB_START, random)
        steps = [_Step(start, "JOB_START", _JOB)]
        cleans_up = [bool(server.previous_instance_id) or server.failing_phase == "CLEANUP" for server in self.servers]
        launch_fails = [isinstance(one.failure, PhaseFailure) and one.failing_phase == "LAUNCH" for one in self.servers]
        all_spans = profiles.draw_spans(profiles.PROFILES[self.profile], cleans_up, launch_fails, start, random)
        for server, spans in zip(self.servers, all_spans, strict=True):
            for phase, begin, end in spans:
                if phase not in phases:
                    break
                steps.append(_Step(begin, f"{phase}_START", server))
                if phase == server.failing_phase:
                    if not isinstance(server.failure, Stuck):
                        steps.append(_Step(end, PHASES[phase], server))
                    break
                steps.append(_Step(end, f"{phase}_END", server))
                if phase == "LAUNCH" and isinstance(server.failure, LaunchActionFailure):
                    steps.append(_Step(end + draw(profiles.LAUNCH_ACTIONS, random), _ACTIONS_END, server))
        if not any(isinstance(server.failure, Stuck) and server.failing_phase in phases for server in self.servers):
            last_step = profiles.SILENT_STEP if is_silent else profiles.LAST_STEP
            job_end = max(step.time for step in steps) + draw(last_step, random)
            steps += [_Step(job_end - draw(profiles.JOB_END, random), _END, _JOB), _Step(job_end, "JOB_END", _JOB)]
        return sorted(steps, key=lambda step: step.time)
