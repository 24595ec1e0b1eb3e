"""Histories: a year or more of drills, recoveries and clean-ups of a fleet of servers, with their logs."""

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, Literal, NamedTuple, overload

from drs_jobs._models import Job, JobLogItem
from drs_jobs._time import to_utc
from drs_jobs.testing import failures
from drs_jobs.testing.account_region import AccountRegion
from drs_jobs.testing.backend import Backend
from drs_jobs.testing.factories import JobFactory
from drs_jobs.testing.service_model import ACCOUNT_ID, Scope, require_scope
from drs_jobs.testing.simulated_jobs import LATEST, LocalJob, SimulatedServer

_INTERVALS: Final = (timedelta(hours=6), timedelta(days=30))  # the shortest and the longest time between two drills
_JOBS_PER_DRILL: Final = 3.5  # one per wave, and a clean-up after every second drill
_RECOVERIES_PER_FAILURE: Final = 4
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

_FAILURES: Final[Sequence[failures.InjectedFailure]] = (
    failures.BootFailure(),
    failures.RefusedCall(),
    failures.LaunchActionFailure(),
    failures.SilentFailure(),
    failures.PhaseFailure("CONVERSION", "The conversion server could not be reached."),
    failures.PhaseFailure("LAUNCH", "The temporary volumes could not be removed.", instance_exists=True),
    failures.PhaseFailure("SNAPSHOT", "The snapshot could not be created."),
    failures.PhaseFailure("CLEANUP", "The earlier recovery instance could not be terminated."),
)
"""The failures, in the order in which they occur, back from the end of the history."""


class _Server(NamedTuple):
    source_server_id: str
    wave: Wave
    joined_at: datetime
    left_at: datetime


class _PlannedJob(NamedTuple):
    created_at: datetime
    wave: Wave | None = None  # the servers to recover; `None` for a clean-up
    initiated_by: str = "START_DRILL"
    failure: failures.InjectedFailure | None = None


def _plan(count: int, until: datetime, random: Random) -> Iterator[_PlannedJob]:
    """Yield jobs from the newest to the oldest, without an end."""
    yield _PlannedJob(until - timedelta(minutes=random.uniform(5, 7)), WAVES[0])
    interval = min(max(timedelta(days=365) * _JOBS_PER_DRILL / max(count, 1), _INTERVALS[0]), _INTERVALS[1])
    next_failures = itertools.chain(_FAILURES, [failures.Stuck()], itertools.cycle(_FAILURES))
    numbers = itertools.count()
    when = until - min(interval, timedelta(days=1))
    for drill in itertools.count():
        initiated_by = "START_RECOVERY" if random.random() < 0.1 else "START_DRILL"
        if drill % 2:  # otherwise the next drill cleans up first
            yield _PlannedJob(when + timedelta(hours=random.uniform(1.5, 3)))
        for number, wave in reversed(list(enumerate(WAVES))):
            failure = next(next_failures) if next(numbers) % _RECOVERIES_PER_FAILURE == 0 else None
            yield _PlannedJob(when + number * timedelta(seconds=random.uniform(40, 70)), wave, initiated_by, failure)
        when -= interval * random.uniform(0.8, 1.2)


def _add_servers(data: AccountRegion, total: int, first: datetime, until: datetime, random: Random) -> Iterator[_Server]:
    """Add the source servers of a history from `first` to `until`, and yield those that are drilled."""
    for index in range(total):
        wave = WAVES[index % len(WAVES)]
        source_server_id = data.backend.factory.source_server_id()
        change = first + (until - first) * random.uniform(0.1, 0.9)
        joined_at = change if index % 4 == 3 else first - timedelta(days=random.uniform(10, 400))
        left_at = change if index % 4 == 1 else LATEST
        host_name = f"{random.choice(wave.host_names)}-{index + 1:02}"
        server: dict[str, Any] = {
            "sourceServerID": source_server_id,
            "tags": {"Name": host_name, "Wave": wave.tag},
            "lifeCycle": {"addedToServiceDateTime": joined_at.isoformat()},
            "sourceProperties": {
                "identificationHints": {"hostname": host_name, "fqdn": f"{host_name}.example.com"},
                "os": {"fullString": random.choice(wave.operating_systems)},
            },
        }
        if left_at != LATEST:
            server["dataReplicationInfo"] = {"dataReplicationState": "DISCONNECTED"}
        data.add_source_server(server)
        if index < total - _NEVER_DRILLED:
            yield _Server(source_server_id, wave, joined_at, left_at)


def _simulate(count: int, until: datetime, seed: int, scope: Scope) -> AccountRegion:
    """Return the source servers and the jobs of a history, the oldest job first."""
    random = Random(f"{seed} {count}")
    data = Backend(factory=JobFactory(f"{seed} {count}")).account_region(scope)
    jobs = sorted(itertools.islice(_plan(count, until, random), count), key=lambda planned: planned.created_at)
    total = min(_SMALLEST_FLEET + count // 20, _LARGEST_FLEET)
    servers = list(_add_servers(data, total, jobs[0].created_at, until, random)) if jobs else []
    instance_ids: dict[str, str] = {}  # of the recovery instances that exist, by source server id
    for created_at, planned_wave, initiated_by, failure in jobs:
        if planned_wave is None and instance_ids:
            cleaned = [SimulatedServer(server_id, previous_instance_id=one) for server_id, one in instance_ids.items()]
            job = data.new_job(created_at, cleaned, "linux", type="TERMINATE")
        else:
            wave = planned_wave or WAVES[0]
            present = [server for server in servers if server.wave is wave and server.joined_at <= created_at < server.left_at]
            is_stuck = isinstance(failure, failures.Stuck)
            # A job that never ends has one server, so that there are others for later drills.
            chosen = random.sample(present, 1 if is_stuck else random.randint(1, min(_LARGEST_JOB, len(present))))
            if is_stuck:
                servers.remove(chosen[0])
            failing = chosen if isinstance(failure, failures.RefusedCall | failures.SilentFailure) else chosen[:1]
            recovered = [
                SimulatedServer(
                    server.source_server_id,
                    previous_instance_id=instance_ids.get(server.source_server_id),
                    failure=failure if server in failing else None,
                )
                for server in chosen
            ]
            job = data.new_job(created_at, recovered, wave.profile, initiated_by=initiated_by)
        for server_id in job.cleaned_servers_at(LATEST):
            del instance_ids[server_id]
        instance_ids |= {one.source_server_id: one.instance_id for one in job.instances_at(LATEST)}
        data.add_job(job)
    return data


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
        data = _simulate(count, until, seed, require_scope(account_id, region))
    except OverflowError:
        raise ValueError(f"a history of {count} jobs until {until} is not within the years 1 to 9999: change until") from None
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
