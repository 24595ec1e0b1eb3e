"""A fleet of source servers, and the drills, recoveries and clean-ups that a history has of it."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias

import attrs

from drs_jobs._models import (
    InitiatedBy,
    JobStatus,
    JobType,
    LaunchActionsStatus,
    LaunchStatus,
    ParticipatingServer,
)
from drs_jobs.testing.account_region import AccountRegion, Scope
from drs_jobs.testing.aws_shapes import complete_source_server, source_server
from drs_jobs.testing.factories import JobFactory
from drs_jobs.testing.failures import (
    DISK_SPACE_VALIDATION,
    BootFailure,
    InjectedFailure,
    LaunchActionFailure,
    PhaseFailure,
    RefusedCall,
    SilentFailure,
    Stuck,
)
from drs_jobs.testing.simulated_jobs import SimulatedRecovery, SimulatedTermination
from drs_jobs.testing.timelines import SimulatedServer

SimulatedJob: TypeAlias = SimulatedRecovery | SimulatedTermination
"""A job of a history."""

_YEAR: Final = timedelta(days=365)
_INTERVALS: Final = (timedelta(hours=6), timedelta(days=30))
"""The shortest and the longest time between two drills, however many jobs the history has."""
_JOBS_PER_DRILL: Final = 3.5
"""One per wave, and a clean-up after every second drill."""
_PERMANENT_SERVERS: Final = 9
_SMALLEST_FLEET: Final = 15
_LARGEST_FLEET: Final = 240
_NEVER_DRILLED: Final = 2
_LARGEST_JOB: Final = 8


class Wave(NamedTuple):
    """Servers that are recovered in one job."""

    tag: str
    host_names: Sequence[str]
    """The beginnings of the host names."""
    profile: str
    operating_systems: Sequence[str]


WAVES: Final = (
    Wave("1", ("db", "cache"), "linux", ("Red Hat Enterprise Linux 8.9", "Ubuntu 22.04.4 LTS")),
    Wave("2", ("app", "web", "queue"), "linux", ("Amazon Linux 2023", "Ubuntu 22.04.4 LTS")),
    Wave("3", ("ad", "sql", "files"), "windows", ("Microsoft Windows Server 2019 Standard", "Microsoft Windows Server 2022")),
)
"""The waves of each drill: databases first, Windows servers last."""

_FAILURES: Final[Sequence[Callable[[], InjectedFailure]]] = (
    BootFailure,
    RefusedCall,
    LaunchActionFailure,
    SilentFailure,
    lambda: PhaseFailure("CONVERSION", "The conversion server could not be reached."),
    lambda: PhaseFailure("LAUNCH", "The temporary volumes could not be removed.", instance_exists=True),
    lambda: PhaseFailure("SNAPSHOT", "The snapshot could not be created."),
    lambda: PhaseFailure("CLEANUP", "The earlier recovery instance could not be terminated."),
)
"""The failures, in the order in which they occur, back from the end of the history."""


@attrs.frozen
class _Server:
    """A source server of the fleet."""

    source_server_id: str
    host_name: str
    wave: Wave
    operating_system: str
    joined_at: datetime
    left_at: datetime | None
    is_drilled: bool
    pending: ParticipatingServer
    """The server in a job that was just created."""

    def can_be_drilled(self, when: datetime) -> bool:
        """Whether it is a part of the drills at a time."""
        return self.is_drilled and self.joined_at <= when and (self.left_at is None or when < self.left_at)


class _PlannedJob(NamedTuple):
    created_at: datetime
    wave: Wave | None
    """The servers to recover; `None` for a clean-up."""
    initiated_by: InitiatedBy = InitiatedBy.START_DRILL
    has_actions: bool = False
    failure: InjectedFailure | None = None


class Fleet:
    """The servers of a history, and what happens to them."""

    def __init__(self, count: int, until: datetime, seed: int, scope: Scope) -> None:
        """Plan the jobs and create the servers.

        Args:
            count: The number of jobs, 0 or more.
            until: The end of the history, in UTC.
            seed: The seed of the random generator.
            scope: The account and region in the ARNs.
        """
        text = f"{seed} {count}"
        self._random = Random(text)
        self._factory = JobFactory(text)
        self._seed = seed
        self._data = AccountRegion(scope)
        self._until = until
        self._planned = sorted(itertools.islice(self._plan(count), count), key=lambda planned: planned.created_at)
        self._servers = self._make_servers(count) if count else []
        self._members = {wave.tag: [server for server in self._servers if server.wave is wave] for wave in WAVES}
        self._instances: dict[str, str] = {}
        """The recovery instances that exist, by source server id."""
        self._stuck: set[str] = set()

    def run(self) -> tuple[SimulatedJob, ...]:
        """Return the jobs, newest first. To be called once."""
        jobs = [self._clean_up(planned) or self._recovery(planned) for planned in self._planned]
        for job in jobs:
            self._data.add_job(job)
        return tuple(reversed(jobs))

    def source_servers(self) -> tuple[dict[str, Any], ...]:
        """Return the source servers after `run`, as in the response of DescribeSourceServers."""
        return tuple(map(self._source_server, self._servers))

    def _plan(self, count: int) -> Iterator[_PlannedJob]:
        """Yield the jobs from the newest to the oldest."""
        yield _PlannedJob(self._until - timedelta(minutes=self._random.uniform(5, 7)), WAVES[0])
        interval = min(max(_YEAR * _JOBS_PER_DRILL / max(count, 1), _INTERVALS[0]), _INTERVALS[1])
        failures = itertools.chain(_FAILURES, [Stuck], itertools.cycle(_FAILURES))
        drills_until_failure = 1
        when = self._until - min(interval, timedelta(days=1))
        while True:
            initiated_by = InitiatedBy.START_RECOVERY if self._random.random() < 0.1 else InitiatedBy.START_DRILL
            has_actions = self._random.random() < 0.15  # the jobs of most accounts have none
            if self._random.random() < 0.5:  # otherwise the next drill cleans up first
                yield _PlannedJob(when + timedelta(hours=self._random.uniform(1.5, 3)), None)
            starts = list(itertools.accumulate(self._random.uniform(20, 90) for _ in WAVES))
            for wave, start in reversed(list(zip(WAVES, starts, strict=True))):
                drills_until_failure -= 1
                failure = None
                if not drills_until_failure:
                    failure, drills_until_failure = next(failures)(), self._random.randint(2, 6)
                yield _PlannedJob(when + timedelta(seconds=start), wave, initiated_by, has_actions, failure)
            when -= interval * self._random.uniform(0.8, 1.2)

    def _make_servers(self, count: int) -> list[_Server]:
        first = self._planned[0].created_at
        total = min(_SMALLEST_FLEET + count // 20, _LARGEST_FLEET)
        numbers = itertools.count(1)
        servers: list[_Server] = []
        for index in range(total):
            wave = WAVES[index % len(WAVES)]
            source_server_id = self._factory.source_server_id()
            joined_at, left_at = first - timedelta(days=self._random.uniform(10, 400)), None
            if index >= _PERMANENT_SERVERS:
                change = first + (self._until - first) * self._random.uniform(0.1, 0.9)
                # One half is there from the beginning and leaves, the other half joins.
                joined_at, left_at = (joined_at, change) if index % 2 else (change, None)
            servers.append(
                _Server(
                    source_server_id,
                    f"{self._random.choice(wave.host_names)}-{next(numbers):02}",
                    wave,
                    self._random.choice(wave.operating_systems),
                    joined_at,
                    left_at,
                    is_drilled=index < total - _NEVER_DRILLED,
                    pending=ParticipatingServer(
                        source_server_id=source_server_id,
                        launch_status=LaunchStatus.PENDING,
                        launch_actions_status=LaunchActionsStatus(),
                    ),
                )
            )
        return servers

    def _clean_up(self, planned: _PlannedJob) -> SimulatedTermination | None:
        """Return a clean-up of all recovery instances; `None` if another kind of job is planned, or if there are none."""
        if planned.wave is not None or not self._instances:
            return None
        servers = tuple(
            SimulatedServer(server_id, instance_id, self._factory.instance_id(), previous_instance_id=instance_id)
            for server_id, instance_id in self._instances.items()
        )
        self._instances.clear()
        created = self._factory.job(
            region=self._data.scope.region,
            account_id=self._data.scope.account_id,
            type=JobType.TERMINATE,
            status=JobStatus.PENDING,
            creation_date_time=planned.created_at,
            participating_servers=(),
        )
        return SimulatedTermination(created, servers, seed=self._seed)

    def _recovery(self, planned: _PlannedJob) -> SimulatedRecovery:
        wave = planned.wave or WAVES[0]
        members = [
            server
            for server in self._members[wave.tag]
            if server.can_be_drilled(planned.created_at) and server.source_server_id not in self._stuck
        ]
        # A job that never ends has one server, so that there are others for later drills.
        largest = 1 if isinstance(planned.failure, Stuck) else min(_LARGEST_JOB, len(members))
        size = self._random.randint(1, largest)
        chosen = self._random.sample(members, size)
        failing = chosen if isinstance(planned.failure, RefusedCall | SilentFailure) else chosen[:1]
        created = self._factory.job(
            region=self._data.scope.region,
            account_id=self._data.scope.account_id,
            status=JobStatus.PENDING,
            initiated_by=planned.initiated_by,
            creation_date_time=planned.created_at,
            participating_servers=tuple(server.pending for server in chosen),
        )
        servers = tuple(
            SimulatedServer(
                server.source_server_id,
                self._factory.instance_id(),
                self._factory.instance_id(),
                self._instances.get(server.source_server_id),
                planned.failure if server in failing else None,
            )
            for server in chosen
        )
        job = SimulatedRecovery(
            created,
            servers,
            profile=wave.profile,
            seed=self._seed,
            launch_actions=(DISK_SPACE_VALIDATION,) if planned.has_actions else (),
        )
        for server in servers:
            self._instances.pop(server.source_server_id, None)
            if instance_id := _remaining_instance(server):
                self._instances[server.source_server_id] = instance_id
        if isinstance(planned.failure, Stuck):
            self._stuck |= set(job.source_server_ids)
        return job

    def _source_server(self, server: _Server) -> dict[str, Any]:
        """Return the server as in the response of DescribeSourceServers."""
        described: dict[str, Any] = {
            "sourceServerID": server.source_server_id,
            "tags": {"Name": server.host_name, "Wave": server.wave.tag},
            "lifeCycle": {"addedToServiceDateTime": server.joined_at.isoformat()},
            "sourceProperties": {
                "identificationHints": {"hostname": server.host_name, "fqdn": f"{server.host_name}.example.com"},
                "os": {"fullString": server.operating_system},
            },
        }
        if server.left_at is not None:
            described["dataReplicationInfo"] = {"dataReplicationState": "DISCONNECTED"}
        return source_server(complete_source_server(described, self._data.scope), self._data, self._until)


def _remaining_instance(server: SimulatedServer) -> str | None:
    """Return the recovery instance that exists after a job of a history; `None` if there is none."""
    match server.failure:
        case None | LaunchActionFailure():
            return server.instance_id
        case PhaseFailure("CLEANUP"):
            return server.previous_instance_id
        case PhaseFailure() if server.failure.instance_exists:
            return server.instance_id
        case _:
            return None

