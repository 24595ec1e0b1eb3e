"""Jobs whose state and log are pure functions of time, as measured on real jobs.

The durations are in `profiles`. An attribute or a method that simulates what was never measured says that it guesses.
"""

import functools
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import ClassVar, Final, TypeAlias

import attrs

from drs_jobs._models import (
    Job,
    JobLogItem,
    JobStatus,
    LaunchActionRun,
    LaunchActionRunStatus,
    LaunchActionsStatus,
    LaunchStatus,
    ParticipatingServer,
)
from drs_jobs.testing.failures import DISK_SPACE_VALIDATION, PHASES, LaunchActionFailure
from drs_jobs.testing.timelines import SimulatedServer, Timeline, build_timeline

_NO_ACTIONS: Final = LaunchActionsStatus()
_STATUSES: Final[Mapping[object, LaunchStatus]] = {
    PHASES["LAUNCH"].start: LaunchStatus.IN_PROGRESS,
    PHASES["LAUNCH"].end: LaunchStatus.LAUNCHED,
    **{events.failure: LaunchStatus.FAILED for events in PHASES.values()},
}
"""The launch status of a server after an event."""


@attrs.frozen
class LaunchedInstance:
    """An EC2 instance that a job launched."""

    source_server_id: str
    instance_id: str
    launched_at: datetime
    """The time of LAUNCH_END, or of LAUNCH_FAILED if the instance exists although the launch failed (a guess), in UTC."""
    snapshot_at: datetime | None
    """The time of its data: that of a recovery snapshot, or of SNAPSHOT_END (a guess); of an added job, its creation."""


@attrs.frozen
class _SimulatedJob:
    """What the simulated jobs have in common."""

    _phases: ClassVar[Sequence[str]]  # of this kind of job, in order

    created: Job  # directly after its creation, with an aware creation date
    servers: tuple[SimulatedServer, ...] = ()  # in the order in which they start
    profile: str = attrs.field(default="linux", kw_only=True)  # how long the phases take
    seed: int | str = attrs.field(default=0, kw_only=True)  # the durations depend on it and on the job's id
    has_actions: bool = attrs.field(default=False, kw_only=True)
    """Whether a post-launch action runs on each launched server. Its duration is a guess: the API has no times of its run."""
    extra_log: tuple[JobLogItem, ...] = attrs.field(default=(), kw_only=True)  # added items, which appear at their time
    lag: timedelta = attrs.field(default=timedelta(), kw_only=True)  # how far the clock is ahead of the time of the job itself

    def job_at(self, now: datetime) -> Job:
        """Return the job as it is at the time `now`."""
        now -= self.lag
        completed = self._completed
        if completed is not None and completed.end_date_time is not None and now >= completed.end_date_time:
            return completed
        timeline = self._timeline()
        if now < timeline.log[0][0]:
            return self.created
        return attrs.evolve(self.created, status=JobStatus.STARTED, participating_servers=self._servers_at(now, timeline))

    def log_at(self, now: datetime) -> tuple[JobLogItem, ...]:
        """Return the log up to the time `now`, oldest first."""
        extra = (item for item in self.extra_log if item.log_date_time is None or item.log_date_time <= now)
        return _merged((item for _, item in self._log_until(now)), extra)

    @property
    def source_server_ids(self) -> tuple[str, ...]:
        """The ids of the source servers that it processes."""
        return tuple(server.source_server_id for server in self.servers)

    def instances_at(self, now: datetime) -> tuple[LaunchedInstance, ...]:
        """Return the instances that this job has launched by then, also those whose launch failed afterwards."""
        snapshots = {server.source_server_id: server.snapshot_at for server in self.servers}
        instances: list[LaunchedInstance] = []
        for at, item in self._log_until(now):
            data = item.event_data
            if data is not None and (server_id := data.source_server_id) is not None:
                if item.event == PHASES["SNAPSHOT"].end:
                    snapshots[server_id] = snapshots[server_id] or at
                if data.target_instance_id is not None:
                    instances.append(LaunchedInstance(server_id, data.target_instance_id, at, snapshots[server_id]))
        return tuple(instances)

    def removed_instances_at(self, now: datetime) -> tuple[str, ...]:
        """Return the ids of the earlier recovery instances that this job has cleaned up by then."""
        ended = (item for _, item in self._log_until(now) if item.event == PHASES["CLEANUP"].end)
        cleaned = {item.event_data.source_server_id for item in ended if item.event_data is not None}
        previous = ((server.source_server_id, server.previous_instance_id) for server in self.servers)
        return tuple(instance_id for server_id, instance_id in previous if instance_id and server_id in cleaned)

    def _timeline(self) -> Timeline:
        # It is not stored, so that a history of many jobs needs little memory.
        return build_timeline(
            self.created,
            self.servers,
            phases=self._phases,
            profile=self.profile,
            seed=f"{self.seed} {self.created.job_id}",
            has_actions=self.has_actions,
        )

    def _log_until(self, now: datetime) -> list[tuple[datetime, JobLogItem]]:
        now -= self.lag
        return [(at, item) for at, item in self._timeline().log if at <= now]

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
        events = ((item.event, item.event_data) for at, item in timeline.log if at <= now)
        statuses = {data.source_server_id: _STATUSES[event] for event, data in events if data and event in _STATUSES}
        return tuple(
            ParticipatingServer(
                source_server_id=server.source_server_id,
                launch_status=(status := statuses.get(server.source_server_id, LaunchStatus.PENDING)),
                launch_actions_status=_NO_ACTIONS
                if status != LaunchStatus.LAUNCHED
                else self._actions(server, are_complete=timeline.action_ends.get(server.source_server_id, now) <= now),
            )
            for server in self.servers
        )

    def _actions(self, server: SimulatedServer, *, are_complete: bool) -> LaunchActionsStatus:
        failure = server.failure if isinstance(server.failure, LaunchActionFailure) else None
        if failure is None and not self.has_actions:
            return _NO_ACTIONS
        status, reason = LaunchActionRunStatus.IN_PROGRESS, None
        if are_complete:
            status = LaunchActionRunStatus.SUCCEEDED if failure is None else LaunchActionRunStatus.FAILED
            reason = None if failure is None else failure.reason
        random = Random(f"{self.seed} {self.created.job_id} {server.source_server_id}")
        run_id = str(uuid.UUID(int=random.getrandbits(128), version=4))
        run = LaunchActionRun(action=DISK_SPACE_VALIDATION, run_id=run_id, status=status, failure_reason=reason)
        return LaunchActionsStatus(runs=(run,))


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

    def _servers_at(self, now: datetime, timeline: Timeline) -> tuple[ParticipatingServer, ...]:
        return () if timeline.end is not None and now >= timeline.end else self.created.participating_servers


@attrs.frozen
class StaticJob:
    """A job that does not change with time."""

    created: Job
    extra_log: tuple[JobLogItem, ...] = ()  # in the order in which the items were added

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


def pending_server(source_server_id: str) -> ParticipatingServer:
    """Return a server in a recovery that was just created."""
    return ParticipatingServer(
        source_server_id=source_server_id, launch_status=LaunchStatus.PENDING, launch_actions_status=_NO_ACTIONS
    )


BackendJob: TypeAlias = SimulatedRecovery | SimulatedTermination | StaticJob
"""A job in `Backend`."""

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
LATEST: Final = datetime.max.replace(tzinfo=UTC)


def _merged(items: Iterable[JobLogItem], added: Iterable[JobLogItem]) -> tuple[JobLogItem, ...]:
    """Return the items oldest first. Items of the same time stay in their order, and those without a time come first."""
    return tuple(sorted((*items, *added), key=lambda item: item.log_date_time or _EARLIEST))
