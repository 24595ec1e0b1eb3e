"""Jobs whose state and log are pure functions of time, as measured on real jobs.

The durations are in `profiles`. An attribute or a method that simulates what was never measured says that it guesses.
"""

import functools
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import ClassVar, Final, TypeAlias

import attrs

from drs_jobs._models import (
    Job,
    JobLogEvent,
    JobLogEventData,
    JobLogItem,
    JobStatus,
    LaunchAction,
    LaunchActionRun,
    LaunchActionRunStatus,
    LaunchActionsStatus,
    LaunchStatus,
    ParticipatingServer,
    UnknownValue,
)
from drs_jobs.testing.failures import DISK_SPACE_VALIDATION, PHASES, LaunchActionFailure, PhaseFailure
from drs_jobs.testing.timelines import SimulatedServer, Step, Timeline, build_timeline

_NO_ACTIONS: Final = LaunchActionsStatus()
_STATUSES: Final = {
    PHASES["LAUNCH"].start: LaunchStatus.IN_PROGRESS,
    PHASES["LAUNCH"].end: LaunchStatus.LAUNCHED,
    **{events.failure: LaunchStatus.FAILED for events in PHASES.values()},
}
"""The launch status of a server after an event."""


@attrs.frozen
class LaunchedInstance:
    """An EC2 instance that a job launched."""

    source_server_id: str
    """The source server's id."""
    instance_id: str
    """The EC2 instance id."""
    launched_at: datetime
    """The time of LAUNCH_END, or of LAUNCH_FAILED if the instance exists although the launch failed (a guess), in UTC."""
    snapshot_at: datetime | None
    """The time of its data: that of a recovery snapshot, or of SNAPSHOT_END (a guess); of an added job, its creation."""


@attrs.frozen
class _SimulatedJob:
    """What the simulated jobs have in common."""

    _phases: ClassVar[Sequence[str]]
    """The phases of this kind of job, in order."""

    created: Job
    """The job directly after its creation, with an aware creation date."""
    servers: tuple[SimulatedServer, ...] = ()
    """The servers, in the order in which they start."""
    profile: str = attrs.field(default="linux", kw_only=True)
    """A key of `profiles.PROFILES`: how long the phases take. Default `linux`."""
    seed: int | str = attrs.field(default=0, kw_only=True)
    """The durations depend on it and on the job's id. Default 0."""
    launch_actions: tuple[LaunchAction, ...] = attrs.field(default=(), kw_only=True)
    """Post-launch actions, which run on each launched server and succeed, unless a failure is injected. Default: none.

    The duration of their runs is a guess, because the API has no times of them."""
    extra_log: tuple[JobLogItem, ...] = attrs.field(default=(), kw_only=True)
    """Items that were added to the log. They appear at their time; items without a time come first."""
    lag: timedelta = attrs.field(default=timedelta(), kw_only=True)
    """How far the clock is ahead of the time of the job itself. Default 0."""

    def job_at(self, now: datetime) -> Job:
        """Return the job as it is at the time `now`."""
        now -= self.lag
        completed = self._completed
        if completed is not None and completed.end_date_time is not None and now >= completed.end_date_time:
            return completed
        age, timeline = self._age(now), self._timeline()
        if age < timeline.steps[0].age:
            return self.created
        return attrs.evolve(self.created, status=JobStatus.STARTED, participating_servers=self._servers_at(age, timeline))

    def log_at(self, now: datetime) -> tuple[JobLogItem, ...]:
        """Return the log up to the time `now`, oldest first."""
        extra = (item for item in self.extra_log if item.log_date_time is None or item.log_date_time <= now)
        return _merged(map(self._log_item, self._steps_until(now)), extra)

    @property
    def source_server_ids(self) -> tuple[str, ...]:
        """The ids of the source servers that it processes."""
        return tuple(server.source_server_id for server in self.servers)

    def instances_at(self, now: datetime) -> tuple[LaunchedInstance, ...]:
        """Return the instances that this job has launched by then, also those whose launch failed afterwards."""
        instances: list[LaunchedInstance] = []
        snapshots: dict[str, datetime] = {}
        for step in self._steps_until(now):
            if (server := step.server) is None:
                continue
            if step.event == PHASES["SNAPSHOT"].end:
                snapshots[server.source_server_id] = self._time(step)
            if step.event == PHASES["LAUNCH"].end or (step.event == PHASES["LAUNCH"].failure and _instance_exists(server)):
                snapshot_at = server.snapshot_at or snapshots[server.source_server_id]
                instances.append(
                    LaunchedInstance(server.source_server_id, server.instance_id, self._time(step), snapshot_at)
                )
        return tuple(instances)

    def removed_instances_at(self, now: datetime) -> tuple[str, ...]:
        """Return the ids of the earlier recovery instances that this job has cleaned up by then."""
        cleaned = (step.server for step in self._steps_until(now) if step.event == PHASES["CLEANUP"].end)
        return tuple(server.previous_instance_id for server in cleaned if server and server.previous_instance_id)

    @property
    def _creation(self) -> datetime:
        assert self.created.creation_date_time is not None  # all simulated jobs have one
        return self.created.creation_date_time

    def _age(self, now: datetime) -> int:
        """Return the microseconds from the job's creation to its own time `now`."""
        return (now - self._creation) // timedelta(microseconds=1)

    def _timeline(self) -> Timeline:
        # It is not stored, so that a history of many jobs needs little memory.
        return build_timeline(
            self.servers,
            phases=self._phases,
            profile=self.profile,
            seed=f"{self.seed} {self.created.job_id}",
            has_actions=bool(self.launch_actions),
        )

    def _steps_until(self, now: datetime) -> list[Step]:
        age = self._age(now - self.lag)
        return [step for step in self._timeline().steps if step.age <= age]

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
        end = self._creation + timedelta(microseconds=timeline.end)
        return attrs.evolve(self.created, status=JobStatus.COMPLETED, end_date_time=end, participating_servers=servers)

    def _servers_at(self, age: int, timeline: Timeline) -> tuple[ParticipatingServer, ...]:
        statuses = dict.fromkeys(self.source_server_ids, LaunchStatus.PENDING)
        for step in timeline.steps:
            if step.age <= age and step.server is not None and step.event in _STATUSES:
                statuses[step.server.source_server_id] = _STATUSES[step.event]
        return tuple(
            ParticipatingServer(
                source_server_id=server_id,
                launch_status=statuses[server_id],
                launch_actions_status=self._actions(
                    server, statuses[server_id], are_complete=timeline.action_ends.get(server_id, age) <= age
                ),
            )
            for server_id, server in zip(self.source_server_ids, self.servers, strict=True)
        )

    def _actions(self, server: SimulatedServer, status: LaunchStatus, *, are_complete: bool) -> LaunchActionsStatus:
        failure = server.failure if isinstance(server.failure, LaunchActionFailure) else None
        actions = self.launch_actions or ((DISK_SPACE_VALIDATION,) if failure is not None else ())
        if status != LaunchStatus.LAUNCHED or not actions:
            return _NO_ACTIONS
        random = Random(f"{self.seed} {self.created.job_id} {server.source_server_id}")
        runs = [
            LaunchActionRun(
                action=action,
                run_id=str(uuid.UUID(int=random.getrandbits(128), version=4)),
                status=LaunchActionRunStatus.SUCCEEDED if are_complete else LaunchActionRunStatus.IN_PROGRESS,
            )
            for action in actions
        ]
        if are_complete and failure is not None:
            runs[-1] = attrs.evolve(runs[-1], status=LaunchActionRunStatus.FAILED, failure_reason=failure.reason)
        return LaunchActionsStatus(runs=tuple(runs))

    def _log_item(self, step: Step) -> JobLogItem:
        data = JobLogEventData() if step.server is None else self._event_data(step.event, step.server)
        return JobLogItem(event=step.event, event_data=data, log_date_time=self._time(step))

    def _event_data(self, event: JobLogEvent | UnknownValue, server: SimulatedServer) -> JobLogEventData:
        data = JobLogEventData(source_server_id=server.source_server_id)
        if event == PHASES["CONVERSION"].end:
            return attrs.evolve(data, conversion_server_id=server.conversion_server_id)
        if event == PHASES["LAUNCH"].end:
            return attrs.evolve(data, target_instance_id=server.instance_id)
        if isinstance(server.failure, PhaseFailure) and event == PHASES[server.failure.phase].failure:
            instance_id = server.instance_id if server.failure.instance_exists else None
            raw_error = server.failure.raw_error(self.created, server.source_server_id)
            return attrs.evolve(data, raw_error=raw_error, target_instance_id=instance_id)
        return data

    def _time(self, step: Step) -> datetime:
        return self._creation + timedelta(microseconds=step.age)


@attrs.frozen
class SimulatedRecovery(_SimulatedJob):
    """A simulated recovery or drill.

    Guesses: the durations that `profiles` names; a failure shows in `launchStatus` at once; a LAUNCH_FAILED has a
    `targetInstanceID` if the instance exists; in a job that fails without any event, the servers are `FAILED`.
    """

    _phases: ClassVar[Sequence[str]] = tuple(PHASES)


@attrs.frozen
class SimulatedTermination(_SimulatedJob):
    """A simulated job of TerminateRecoveryInstances, which cleans up the `previous_instance_id` of each server.

    It lists the servers as PENDING, as AWS's example does, and none once it is complete, as claimed of real ones. That they are
    PENDING until then, its log and its durations are a guess: the log has CLEANUP_START and CLEANUP_END per server.
    """

    _phases: ClassVar[Sequence[str]] = ("CLEANUP",)

    def _servers_at(self, age: int, timeline: Timeline) -> tuple[ParticipatingServer, ...]:
        return () if timeline.end is not None and age >= timeline.end else self.created.participating_servers


@attrs.frozen
class StaticJob:
    """A job that does not change with time."""

    created: Job
    """The job."""
    extra_log: tuple[JobLogItem, ...] = ()
    """The items of its log, in the order in which they were added."""

    def job_at(self, now: datetime) -> Job:  # noqa: ARG002  # the job does not change with time
        """Return the job."""
        return self.created

    def log_at(self, now: datetime) -> tuple[JobLogItem, ...]:  # noqa: ARG002  # the log does not change with time
        """Return the log, oldest first. Items without a time come first."""
        return _merged((), self.extra_log)

    @property
    def source_server_ids(self) -> tuple[str, ...]:
        """The ids of the source servers that it lists."""
        ids = (server.source_server_id for server in self.created.participating_servers)
        return tuple(server_id for server_id in ids if server_id is not None)

    def instances_at(self, now: datetime) -> tuple[LaunchedInstance, ...]:  # noqa: ARG002  # the job does not change with time
        """Return the recovery instances that the job lists as launched."""
        created_at = self.created.creation_date_time
        launched_at = self.created.end_date_time or created_at or _EARLIEST
        return tuple(
            LaunchedInstance(server.source_server_id, server.recovery_instance_id, launched_at, created_at)
            for server in self.created.participating_servers
            if server.source_server_id and server.recovery_instance_id and server.launch_status == LaunchStatus.LAUNCHED
        )


BackendJob: TypeAlias = SimulatedRecovery | SimulatedTermination | StaticJob
"""A job in `Backend`."""

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


def _instance_exists(server: SimulatedServer) -> bool:
    return isinstance(server.failure, PhaseFailure) and server.failure.instance_exists


def _merged(items: Iterable[JobLogItem], added: Iterable[JobLogItem]) -> tuple[JobLogItem, ...]:
    """Return the items oldest first. Items of the same time stay in their order, and those without a time come first."""
    return tuple(sorted((*items, *added), key=lambda item: item.log_date_time or _EARLIEST))
