"""Histories: a year or more of drills, recoveries and clean-ups of a fleet of servers, with their logs."""

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, Literal, NamedTuple, overload

from drs_jobs._models import Job, JobLogItem
from drs_jobs._time import to_utc
from drs_jobs.testing.backend import Backend
from drs_jobs.testing.factories import JobFactory
from drs_jobs.testing.failures import (
    BootFailure,
    InjectedFailure,
    LaunchActionFailure,
    PhaseFailure,
    RefusedCall,
    SilentFailure,
    Stuck,
)
from drs_jobs.testing.service_model import ACCOUNT_ID, Scope, require_scope
from drs_jobs.testing.simulated_jobs import LATEST, LocalJob, SimulatedServer

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

_FAILURES: Final[Sequence[InjectedFailure]] = (
    BootFailure(),
    RefusedCall(),
    LaunchActionFailure(),
    SilentFailure(),
    PhaseFailure("CONVERSION", "The conversion server could not be reached."),
    PhaseFailure("LAUNCH", "The temporary volumes could not be removed.", instance_exists=True),
    PhaseFailure("SNAPSHOT", "The snapshot could not be created."),
    PhaseFailure("CLEANUP", "The earlier recovery instance could not be terminated."),
)
"""The failures, in the order in which they occur, back from the end of the history."""


class _Server(NamedTuple):
    source_server_id: str
    wave: Wave
    joined_at: datetime
    left_at: datetime


class _PlannedJob(NamedTuple):
    created_at: datetime
    wave: Wave | None  # the servers to recover; `None` for a clean-up
    initiated_by: str = "START_DRILL"
    has_actions: bool = False
    failure: InjectedFailure | None = None


class _Fleet:
    """The servers of a history, and what happens to them."""

    def __init__(self, count: int, until: datetime, seed: int, scope: Scope) -> None:
        self._random = Random(f"{seed} {count}")
        self._factory = JobFactory(f"{seed} {count}")
        self._seed = seed
        self._until = until
        self._planned = sorted(itertools.islice(self._plan(count), count), key=lambda planned: planned.created_at)
        self.data = Backend().account_region(scope)
        self._servers = list(self._make_servers(count)) if count else []  # those that are drilled
        self._instances: dict[str, str] = {}  # the recovery instances that exist, by source server id
        for planned in self._planned:
            is_clean_up = planned.wave is None and self._instances
            job = self._clean_up(planned.created_at) if is_clean_up else self._recovery(planned, planned.wave or WAVES[0])
            for server_id in job.cleaned_servers_at(LATEST):
                del self._instances[server_id]
            self._instances |= {one.source_server_id: one.instance_id for one in job.instances_at(LATEST)}
            self.data.add_job(job)

    def _plan(self, count: int) -> Iterator[_PlannedJob]:
        """Yield the jobs from the newest to the oldest."""
        yield _PlannedJob(self._until - timedelta(minutes=self._random.uniform(5, 7)), WAVES[0])
        interval = min(max(_YEAR * _JOBS_PER_DRILL / max(count, 1), _INTERVALS[0]), _INTERVALS[1])
        failures = itertools.chain(_FAILURES, [Stuck()], itertools.cycle(_FAILURES))
        drills_until_failure = 1
        when = self._until - min(interval, timedelta(days=1))
        while True:
            initiated_by = "START_RECOVERY" if self._random.random() < 0.1 else "START_DRILL"
            has_actions = self._random.random() < 0.15  # the jobs of most accounts have none
            if self._random.random() < 0.5:  # otherwise the next drill cleans up first
                yield _PlannedJob(when + timedelta(hours=self._random.uniform(1.5, 3)), None)
            starts = list(itertools.accumulate(self._random.uniform(20, 90) for _ in WAVES))
            for wave, start in reversed(list(zip(WAVES, starts, strict=True))):
                drills_until_failure -= 1
                failure = None
                if not drills_until_failure:
                    failure, drills_until_failure = next(failures), self._random.randint(2, 6)
                yield _PlannedJob(when + timedelta(seconds=start), wave, initiated_by, has_actions, failure)
            when -= interval * self._random.uniform(0.8, 1.2)

    def _make_servers(self, count: int) -> Iterator[_Server]:
        """Add the source servers, and yield those that are drilled."""
        first = self._planned[0].created_at
        total = min(_SMALLEST_FLEET + count // 20, _LARGEST_FLEET)
        for index in range(total):
            wave = WAVES[index % len(WAVES)]
            source_server_id = self._factory.source_server_id()
            joined_at, left_at = first - timedelta(days=self._random.uniform(10, 400)), LATEST
            if index >= _PERMANENT_SERVERS:
                change = first + (self._until - first) * self._random.uniform(0.1, 0.9)
                # One half is there from the beginning and leaves, the other half joins.
                joined_at, left_at = (joined_at, change) if index % 2 else (change, LATEST)
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
            if left_at != LATEST:
                described["dataReplicationInfo"] = {"dataReplicationState": "DISCONNECTED"}
            self.data.add_source_server(described)
            if index < total - _NEVER_DRILLED:
                yield _Server(source_server_id, wave, joined_at, left_at)

    def _clean_up(self, created_at: datetime) -> LocalJob:
        """Return a clean-up of all recovery instances."""
        servers = tuple(
            SimulatedServer(server_id, instance_id, self._factory.instance_id(), previous_instance_id=instance_id)
            for server_id, instance_id in self._instances.items()
        )
        created = self._factory.created_job(self.data.scope, created_at, self._instances, type="TERMINATE")
        return LocalJob(created, servers, seed=self._seed)

    def _recovery(self, planned: _PlannedJob, wave: Wave) -> LocalJob:
        ids = [
            server.source_server_id
            for server in self._servers
            if server.wave is wave and server.joined_at <= planned.created_at < server.left_at
        ]
        is_stuck = isinstance(planned.failure, Stuck)
        # A job that never ends has one server, so that there are others for later drills.
        chosen = self._random.sample(ids, self._random.randint(1, 1 if is_stuck else min(_LARGEST_JOB, len(ids))))
        if is_stuck:
            self._servers = [server for server in self._servers if server.source_server_id not in chosen]
        failing = chosen if isinstance(planned.failure, RefusedCall | SilentFailure) else chosen[:1]
        created = self._factory.created_job(self.data.scope, planned.created_at, chosen, initiated_by=planned.initiated_by)
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
        return LocalJob(created, servers, profile=wave.profile, seed=self._seed, has_actions=planned.has_actions)


class History(tuple[Job, ...]):  # noqa: SLOT001  # a tuple can have no other slots
    """The jobs of a history as they are at its end, newest first, with their logs and source servers."""

    jobs: tuple[LocalJob, ...]
    """The jobs as functions of time, newest first."""
    source_servers: tuple[Mapping[str, Any], ...]
    """The source servers, as in the response of DescribeSourceServers."""
    added_servers: tuple[Mapping[str, Any], ...]
    """The source servers without what follows from the jobs."""
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
    count: int = ..., *, until: datetime, seed: int = ..., logs: Literal[False] = ..., region: str = ..., account_id: str = ...
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
        ValueError: If `until` is naive, or so early or late that the history is not within the years 1 to 9999, or if
            `count` is negative, the region is unknown or the account id does not have 12 digits.
    """
    if not isinstance(until, datetime):
        raise TypeError(f"until must be a datetime with a time zone, not {until!r}")
    if count < 0:
        raise ValueError(f"count must be 0 or more, not {count}")
    until = to_utc(until, "until")
    try:
        data = _Fleet(count, until, seed, require_scope(account_id, region)).data
    except OverflowError:
        date = "a later date" if until.year < 5000 else "an earlier date"
        raise ValueError(f"a history of {count} jobs until {until} is not within the years 1 to 9999: choose {date}") from None
    jobs = tuple(reversed(data.jobs.values()))
    snapshots = tuple(job.job_at(until) for job in jobs)
    if not logs:
        return snapshots
    history = History(snapshots)
    history.jobs, history.until = jobs, until
    history.source_servers = tuple(data.source_server_at(server_id, until) for server_id in data.source_servers)
    history.added_servers = tuple(data.source_servers.values())
    history.account_id, history.region = data.scope
    return history
