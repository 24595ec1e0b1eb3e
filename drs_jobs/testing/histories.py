"""Histories: a year or more of drills, recoveries and clean-ups of a fleet of servers, with their logs."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, Literal, NamedTuple, TypeAlias, overload

from drs_jobs._models import InitiatedBy, Job, JobLogItem, JobStatus, JobType
from drs_jobs._time import to_utc
from drs_jobs.testing.account_region import AccountRegion, Scope
from drs_jobs.testing.aws_shapes import complete_source_server, source_server
from drs_jobs.testing.factories import ACCOUNT_ID, JobFactory
from drs_jobs.testing.failures import (
    BootFailure,
    InjectedFailure,
    LaunchActionFailure,
    PhaseFailure,
    RefusedCall,
    SilentFailure,
    Stuck,
)
from drs_jobs.testing.simulated_jobs import LATEST, SimulatedRecovery, SimulatedTermination, pending_server
from drs_jobs.testing.timelines import SimulatedServer

SimulatedJob: TypeAlias = SimulatedRecovery | SimulatedTermination
"""A job of a history."""

_YEAR: Final = timedelta(days=365)
_INTERVALS: Final = (timedelta(hours=6), timedelta(days=30))  # the shortest and the longest time between two drills
_JOBS_PER_DRILL: Final = 3.5  # one per wave, and a clean-up after every second drill
_PERMANENT_SERVERS: Final = 9
_SMALLEST_FLEET: Final = 15
_LARGEST_FLEET: Final = 240
_NEVER_DRILLED: Final = 2
_LARGEST_JOB: Final = 8


class Wave(NamedTuple):
    """Servers that are recovered in one job."""

    tag: str
    host_names: Sequence[str]  # their beginnings
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


class _Server(NamedTuple):
    source_server_id: str
    described: Mapping[str, Any]  # in AWS's shape
    wave: Wave
    joined_at: datetime
    left_at: datetime | None
    is_drilled: bool


class _PlannedJob(NamedTuple):
    created_at: datetime
    wave: Wave | None  # the servers to recover; `None` for a clean-up
    initiated_by: InitiatedBy = InitiatedBy.START_DRILL
    has_actions: bool = False
    failure: InjectedFailure | None = None


class _Fleet:
    """The servers of a history, and what happens to them."""

    def __init__(self, count: int, until: datetime, seed: int, scope: Scope) -> None:
        self._random = Random(f"{seed} {count}")
        self._factory = JobFactory(f"{seed} {count}")
        self._seed = seed
        self._data = AccountRegion(scope)
        self._until = until
        self._planned = sorted(itertools.islice(self._plan(count), count), key=lambda planned: planned.created_at)
        self._servers = list(self._make_servers(count)) if count else []
        self._instances: dict[str, str] = {}  # the recovery instances that exist, by source server id
        self._stuck: set[str] = set()

    def jobs(self) -> tuple[SimulatedJob, ...]:
        """Return the jobs, newest first. To be called once."""
        jobs: list[SimulatedJob] = []
        for planned in self._planned:
            is_clean_up = planned.wave is None and self._instances
            job = self._clean_up(planned.created_at) if is_clean_up else self._recovery(planned, planned.wave or WAVES[0])
            removed = job.removed_instances_at(LATEST)
            self._instances = {server: instance for server, instance in self._instances.items() if instance not in removed}
            self._instances |= {one.source_server_id: one.instance_id for one in job.instances_at(LATEST)}
            self._data.add_job(job)
            jobs.append(job)
        return tuple(reversed(jobs))

    def source_servers(self) -> tuple[dict[str, Any], ...]:
        """Return the source servers after `jobs`, as in the response of DescribeSourceServers."""
        scope = self._data.scope
        completed = (complete_source_server(server.described, scope) for server in self._servers)
        return tuple(source_server(server, self._data, self._until) for server in completed)

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

    def _make_servers(self, count: int) -> Iterator[_Server]:
        first = self._planned[0].created_at
        total = min(_SMALLEST_FLEET + count // 20, _LARGEST_FLEET)
        for index in range(total):
            wave = WAVES[index % len(WAVES)]
            source_server_id = self._factory.source_server_id()
            joined_at, left_at = first - timedelta(days=self._random.uniform(10, 400)), None
            if index >= _PERMANENT_SERVERS:
                change = first + (self._until - first) * self._random.uniform(0.1, 0.9)
                # One half is there from the beginning and leaves, the other half joins.
                joined_at, left_at = (joined_at, change) if index % 2 else (change, None)
            host_name = f"{self._random.choice(wave.host_names)}-{index + 1:02}"
            described: dict[str, Any] = {
                "sourceServerID": source_server_id,
                "tags": {"Name": host_name, "Wave": wave.tag},
                "lifeCycle": {"addedToServiceDateTime": joined_at.isoformat()},
                "sourceProperties": {
                    "identificationHints": {"hostname": host_name, "fqdn": f"{host_name}.example.com"},
                    "os": {"fullString": self._random.choice(wave.operating_systems)},
                },
            }
            if left_at is not None:
                described["dataReplicationInfo"] = {"dataReplicationState": "DISCONNECTED"}
            yield _Server(source_server_id, described, wave, joined_at, left_at, is_drilled=index < total - _NEVER_DRILLED)

    def _create_job(self, created_at: datetime, **fields: Any) -> Job:
        account_id, region = self._data.scope
        return self._factory.job(
            region=region, account_id=account_id, status=JobStatus.PENDING, creation_date_time=created_at, **fields
        )

    def _clean_up(self, created_at: datetime) -> SimulatedTermination:
        """Return a clean-up of all recovery instances."""
        servers = tuple(
            SimulatedServer(server_id, instance_id, self._factory.instance_id(), previous_instance_id=instance_id)
            for server_id, instance_id in self._instances.items()
        )
        created = self._create_job(created_at, type=JobType.TERMINATE, participating_servers=())
        return SimulatedTermination(created, servers, seed=self._seed)

    def _recovery(self, planned: _PlannedJob, wave: Wave) -> SimulatedRecovery:
        ids = [
            server.source_server_id
            for server in self._servers
            if server.wave is wave and server.is_drilled and server.source_server_id not in self._stuck
            if server.joined_at <= planned.created_at and (server.left_at is None or planned.created_at < server.left_at)
        ]
        # A job that never ends has one server, so that there are others for later drills.
        largest = 1 if isinstance(planned.failure, Stuck) else min(_LARGEST_JOB, len(ids))
        size = self._random.randint(1, largest)
        chosen = self._random.sample(ids, size)
        failing = chosen if isinstance(planned.failure, RefusedCall | SilentFailure) else chosen[:1]
        if isinstance(planned.failure, Stuck):
            self._stuck |= set(chosen)
        created = self._create_job(
            planned.created_at,
            initiated_by=planned.initiated_by,
            participating_servers=tuple(map(pending_server, chosen)),
        )
        servers = tuple(
            SimulatedServer(
                server_id,
                self._factory.instance_id(),
                self._factory.instance_id(),
                self._instances.get(server_id),
                planned.failure if server_id in failing else None,
            )
            for server_id in chosen
        )
        return SimulatedRecovery(created, servers, profile=wave.profile, seed=self._seed, has_actions=planned.has_actions)


class History(tuple[Job, ...]):  # noqa: SLOT001  # a tuple can have no other slots
    """The jobs of a history as they are at its end, newest first, with their logs and source servers."""

    jobs: tuple[SimulatedJob, ...]
    """The jobs as functions of time, newest first."""
    source_servers: tuple[Mapping[str, Any], ...]
    """The source servers, as in the response of DescribeSourceServers."""
    until: datetime
    """The end of the history, in UTC."""
    region: str
    """The region of the jobs and servers."""
    account_id: str
    """The account of the jobs and servers."""

    @functools.cached_property
    def logs(self) -> Mapping[str, tuple[JobLogItem, ...]]:
        """The log of each job by job id, oldest item first. All logs are computed when one is read first."""
        return {job.created.job_id: job.log_at(self.until) for job in self.jobs}

    def __repr__(self) -> str:
        """Return one bounded line."""
        return f"History(jobs=<{len(self)}>, source_servers=<{len(self.source_servers)}>, until={self.until.isoformat()})"


@overload
def make_history(
    count: int = ...,
    *,
    until: datetime,
    seed: int = ...,
    logs: Literal[False] = ...,
    region: str = ...,
    account_id: str = ...,
) -> tuple[Job, ...]: ...
@overload
def make_history(
    count: int = ..., *, until: datetime, seed: int = ..., logs: Literal[True], region: str = ..., account_id: str = ...
) -> History: ...
def make_history(
    count: int = 30,
    *,
    until: datetime,
    seed: int = 0,
    logs: bool = False,
    region: str = "eu-west-1",
    account_id: str = ACCOUNT_ID,
) -> Sequence[Job]:
    """Return a realistic history of jobs, newest first: drills, some recoveries, clean-ups, and failures of all kinds.

    The first job still runs. Drills are done in waves, each of which is a job, of Linux or of Windows servers. Servers join and
    leave over time, and some were never drilled. The history is a year long if `count` allows intervals between 6 hours and 30
    days from drill to drill, otherwise shorter or longer. A job that never ends is one of the failures of a long history.

    The same arguments return the same history. Another `until` moves the same jobs to other dates.

    Args:
        count: The number of jobs. Default 30.
        until: The end of the history, an aware datetime.
        seed: The seed of the random generator. Default 0.
        logs: Whether to return a `History`, which has the logs and the source servers too. Default `False`.
        region: The region in the ARNs. Default `eu-west-1`.
        account_id: The account in the ARNs. Default 123456789012.

    Returns:
        A tuple of the jobs, or a `History` of the same jobs.

    Raises:
        TypeError: If `until` is not a datetime.
        ValueError: If `until` is naive, or so early that the history begins before the year 1, or if `count` is negative.
    """
    if not isinstance(until, datetime):
        raise TypeError(f"until must be a datetime with a time zone, not {until!r}")
    if count < 0:
        raise ValueError(f"count must be 0 or more, not {count}")
    until = to_utc(until, "until")
    try:
        fleet = _Fleet(count, until, seed, Scope(account_id, region))
    except OverflowError:
        raise ValueError(f"a history of {count} jobs until {until} begins before the year 1: choose a later date") from None
    jobs = fleet.jobs()
    snapshots = tuple(job.job_at(until) for job in jobs)
    if not logs:
        return snapshots
    history = History(snapshots)
    history.jobs, history.source_servers, history.until = jobs, fleet.source_servers(), until
    history.region, history.account_id = region, account_id
    return history
