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
from drs_jobs.testing.failures import (
    DISK_SPACE_VALIDATION,
    PHASES,
    InjectedFailure,
    JobDeleted,
    LaunchActionFailure,
    PhaseFailure,
    RefusedCall,
    SilentFailure,
)
from drs_jobs.testing.profiles import PROFILES
from drs_jobs.testing.timelines import Step, Timeline, build_timeline, plan_server

_NO_ACTIONS: Final = LaunchActionsStatus()
_FAILURE_EVENTS: Final = frozenset(events.failure for events in PHASES.values())


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


@attrs.frozen
class LaunchedInstance:
    """An EC2 instance that a job launched."""

    source_server_id: str
    """The source server's id."""
    instance_id: str
    """The EC2 instance id."""
    launched_at: datetime
    """The time of LAUNCH_END, or of LAUNCH_FAILED if the instance exists although the launch failed (a guess), in UTC."""


def _check_profile(_: object, __: object, profile: object) -> None:
    if not isinstance(profile, str) or profile not in PROFILES:
        raise ValueError(f"profile must be {' or '.join(map(repr, PROFILES))}, not {profile!r}")


def _check_created(_: object, __: object, job: Job) -> None:
    if job.creation_date_time is None or job.creation_date_time.utcoffset() is None:
        raise ValueError(f"job {job.job_id} needs a creation_date_time with a time zone, not {job.creation_date_time}")


@attrs.frozen
class _SimulatedJob:
    """What the simulated jobs have in common."""

    _phases: ClassVar[Sequence[str]]
    """The phases of this kind of job, in order."""

    created: Job = attrs.field(validator=_check_created)
    """The job directly after its creation."""
    servers: tuple[SimulatedServer, ...] = ()
    """The servers, in the order in which they start."""
    profile: str = attrs.field(default="linux", validator=_check_profile, kw_only=True)
    """`linux` or `windows`: how long the phases take. Default `linux`."""
    seed: int | str = attrs.field(default=0, kw_only=True)
    """The durations depend on it and on the job's id. Default 0."""
    has_recovery_instance_ids: bool = attrs.field(default=False, kw_only=True)
    """Whether launched servers have a `recoveryInstanceID`. Default `False`, as AWS leaves it out."""
    launch_actions: tuple[LaunchAction, ...] = attrs.field(default=(), kw_only=True)
    """Post-launch actions, which run on each launched server and succeed, unless a failure is injected. Default: none.

    The duration of their runs is a guess, because the API has no times of them."""
    extra_log: tuple[JobLogItem, ...] = attrs.field(default=(), kw_only=True)
    """Items that were added to the log. They appear at their time; items without a time come first."""
    lag: timedelta = attrs.field(default=timedelta(), kw_only=True)
    """How far the clock is ahead of the time of the job itself. Default 0."""

    def job_at(self, now: datetime) -> Job | None:
        """Return the job as it is at the time `now`; `None` once AWS has deleted it."""
        return None if self._moment(now) == self._deleted_at else self.state_at(now)

    def state_at(self, now: datetime) -> Job:
        """Return the job as it is at the time `now`, or as it was when AWS deleted it."""
        simulated_now = self._moment(now)
        completed = self._completed
        if completed is not None and completed.end_date_time is not None and simulated_now >= completed.end_date_time:
            return completed
        return self._unfinished_at(self._age(now))

    def log_at(self, now: datetime) -> tuple[JobLogItem, ...]:
        """Return the log up to the time `now`, oldest first; it is empty once AWS has deleted the job."""
        if self._moment(now) == self._deleted_at:
            return ()
        age = self._age(now)
        items = (self._log_item(step) for step in self._timeline().steps if step.age <= age)
        return _merged(items, (item for item in self.extra_log if item.log_date_time is None or item.log_date_time <= now))

    @property
    def source_server_ids(self) -> tuple[str, ...]:
        """The ids of the source servers that it processes."""
        return tuple(server.source_server_id for server in self.servers)

    @property
    def ends_at(self) -> datetime | None:
        """The job's `endDateTime`, or the time of its deletion if that is earlier; `None` if it never ends."""
        end = None if self._completed is None else self._completed.end_date_time
        return min((time for time in (end, self._deleted_at) if time is not None), default=None)

    def instances_at(self, now: datetime) -> tuple[LaunchedInstance, ...]:
        """Return the instances that this job has launched by then, also those whose launch failed afterwards."""
        return tuple(
            LaunchedInstance(server.source_server_id, server.instance_id, self._time(step))
            for step, server in self._server_steps(self._age(now))
            if step.event == PHASES["LAUNCH"].end or (step.event == PHASES["LAUNCH"].failure and _instance_exists(server))
        )

    def removed_instances_at(self, now: datetime) -> tuple[str, ...]:
        """Return the ids of the earlier recovery instances that this job has cleaned up by then."""
        return tuple(
            server.previous_instance_id
            for step, server in self._server_steps(self._age(now))
            if step.event == PHASES["CLEANUP"].end and server.previous_instance_id is not None
        )

    @property
    def _creation(self) -> datetime:
        assert self.created.creation_date_time is not None  # the validator has checked it
        return self.created.creation_date_time

    def _moment(self, now: datetime) -> datetime:
        """Return the time of the job itself, which ends with its deletion."""
        now -= self.lag
        return now if self._deleted_at is None else min(now, self._deleted_at)

    def _age(self, now: datetime) -> int:
        """Return the microseconds from the job's creation to its deletion, or to `now` if that is earlier."""
        return (self._moment(now) - self._creation) // timedelta(microseconds=1)

    @property
    def _deleted_at(self) -> datetime | None:
        ages = [server.failure.after for server in self.servers if isinstance(server.failure, JobDeleted)]
        return self._creation + min(ages) if ages else None

    def _timeline(self) -> Timeline:
        # It is not stored, so that a history of many jobs needs little memory.
        has_actions = bool(self.launch_actions)
        plans = [
            plan_server(server.failure, is_cleaned=server.previous_instance_id is not None, has_actions=has_actions)
            for server in self.servers
        ]
        return build_timeline(
            plans,
            phases=self._phases,
            profile=self.profile,
            seed=f"{self.seed} {self.created.job_id}",
            is_silent=any(isinstance(server.failure, SilentFailure) for server in self.servers),
        )

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

    def _unfinished_at(self, age: int) -> Job:
        timeline = self._timeline()
        if age < timeline.steps[0].age:
            return self.created
        servers = tuple(self._servers_at(age, timeline))
        return attrs.evolve(self.created, status=JobStatus.STARTED, participating_servers=servers)

    def _servers_at(self, age: int, timeline: Timeline) -> list[ParticipatingServer]:
        statuses = [LaunchStatus.PENDING] * len(self.servers)
        for step in timeline.steps:
            if step.age > age:
                break
            if step.server is None:
                continue
            if step.event == PHASES["LAUNCH"].start:
                statuses[step.server] = LaunchStatus.IN_PROGRESS
            elif step.event == PHASES["LAUNCH"].end:
                statuses[step.server] = LaunchStatus.LAUNCHED
            elif step.event in _FAILURE_EVENTS:
                statuses[step.server] = LaunchStatus.FAILED
        return [
            self._server(server, status, are_actions_complete=timeline.action_ends.get(index, age) <= age)
            for index, (server, status) in enumerate(zip(self.servers, statuses, strict=True))
        ]

    def _server(self, server: SimulatedServer, status: LaunchStatus, *, are_actions_complete: bool) -> ParticipatingServer:
        is_launched = status == LaunchStatus.LAUNCHED
        runs = self._runs(server, are_complete=are_actions_complete) if is_launched else ()
        return ParticipatingServer(
            source_server_id=server.source_server_id,
            recovery_instance_id=server.instance_id if is_launched and self.has_recovery_instance_ids else None,
            launch_status=status,
            launch_actions_status=LaunchActionsStatus(runs=runs) if runs else _NO_ACTIONS,
        )

    def _runs(self, server: SimulatedServer, *, are_complete: bool) -> tuple[LaunchActionRun, ...]:
        failure = server.failure if isinstance(server.failure, LaunchActionFailure) else None
        actions = self.launch_actions or ((DISK_SPACE_VALIDATION,) if failure is not None else ())
        if not actions:
            return ()
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
        return tuple(runs)

    def _server_steps(self, age: int) -> Iterable[tuple[Step, SimulatedServer]]:
        for step in self._timeline().steps:
            if step.age <= age and step.server is not None:
                yield step, self.servers[step.server]

    def _log_item(self, step: Step) -> JobLogItem:
        server = None if step.server is None else self.servers[step.server]
        return JobLogItem(event=step.event, event_data=self._event_data(step.event, server), log_date_time=self._time(step))

    def _event_data(self, event: JobLogEvent | UnknownValue, server: SimulatedServer | None) -> JobLogEventData:
        if server is None:
            return JobLogEventData()
        data = JobLogEventData(source_server_id=server.source_server_id)
        if event == PHASES["CONVERSION"].end:
            return attrs.evolve(data, conversion_server_id=server.conversion_server_id)
        if event == PHASES["LAUNCH"].end:
            return attrs.evolve(data, target_instance_id=self._target_instance_id(server))
        if event in _FAILURE_EVENTS and isinstance(server.failure, PhaseFailure | RefusedCall):
            instance_id = self._target_instance_id(server) if server.failure.instance_exists else None
            raw_error = server.failure.raw_error(self.created, server.source_server_id)
            return attrs.evolve(data, raw_error=raw_error, target_instance_id=instance_id)
        return data

    def _target_instance_id(self, server: SimulatedServer) -> str | None:
        return server.instance_id

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
class SimulatedFailback(_SimulatedJob):
    """A simulated failback, as StartFailbackLaunch starts it.

    All of it is a guess, because no log of a failback was ever seen: each server has the phase LAUNCH alone, which takes as
    long as in a recovery, and its log has no `targetInstanceID`, because it launches no EC2 instance. Each server has the
    `recoveryInstanceID` of the instance from which it fails back, from the beginning to the end.
    """

    _phases: ClassVar[Sequence[str]] = ("LAUNCH",)

    def _server(self, server: SimulatedServer, status: LaunchStatus, *, are_actions_complete: bool) -> ParticipatingServer:
        participant = super()._server(server, status, are_actions_complete=are_actions_complete)
        return attrs.evolve(participant, recovery_instance_id=server.previous_instance_id)

    def instances_at(self, now: datetime) -> tuple[LaunchedInstance, ...]:  # noqa: ARG002  # it launches none
        """Return no instances: a failback launches no recovery instance."""
        return ()

    def _target_instance_id(self, server: SimulatedServer) -> str | None:  # noqa: ARG002  # it launches none
        return None


@attrs.frozen
class SimulatedTermination(_SimulatedJob):
    """A simulated job of TerminateRecoveryInstances, which cleans up the `previous_instance_id` of each server.

    It lists no servers, as claimed of real ones that are complete. Its log and its durations are a guess, because no log of one
    was ever seen: CLEANUP_START and CLEANUP_END per server.
    """

    _phases: ClassVar[Sequence[str]] = ("CLEANUP",)

    def _servers_at(self, age: int, timeline: Timeline) -> list[ParticipatingServer]:  # noqa: ARG002  # it lists none
        return []


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

    state_at = job_at

    def log_at(self, now: datetime) -> tuple[JobLogItem, ...]:  # noqa: ARG002  # the log does not change with time
        """Return the log, oldest first. Items without a time come first."""
        return _merged((), self.extra_log)

    @property
    def ends_at(self) -> datetime | None:
        """The end date of a complete job, or the earliest possible date if it has none; `None` if it is not complete."""
        if not self.created.is_complete:
            return None
        return self.created.end_date_time or _EARLIEST

    @property
    def source_server_ids(self) -> tuple[str, ...]:
        """The ids of the source servers that it lists."""
        ids = (server.source_server_id for server in self.created.participating_servers)
        return tuple(server_id for server_id in ids if server_id is not None)

    def instances_at(self, now: datetime) -> tuple[LaunchedInstance, ...]:  # noqa: ARG002  # the job does not change with time
        """Return the recovery instances that the job lists as launched."""
        launched_at = self.created.end_date_time or self.created.creation_date_time or _EARLIEST
        return tuple(
            LaunchedInstance(server.source_server_id, server.recovery_instance_id, launched_at)
            for server in self.created.participating_servers
            if server.source_server_id and server.recovery_instance_id and server.launch_status == LaunchStatus.LAUNCHED
        )


BackendJob: TypeAlias = SimulatedRecovery | SimulatedTermination | SimulatedFailback | StaticJob
"""A job in `Backend`."""

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


def _instance_exists(server: SimulatedServer) -> bool:
    return isinstance(server.failure, PhaseFailure | RefusedCall) and server.failure.instance_exists


def _merged(items: Iterable[JobLogItem], added: Iterable[JobLogItem]) -> tuple[JobLogItem, ...]:
    """Return the items oldest first. Items of the same time stay in their order, and those without a time come first."""
    return tuple(sorted((*items, *added), key=lambda item: item.log_date_time or _EARLIEST))
