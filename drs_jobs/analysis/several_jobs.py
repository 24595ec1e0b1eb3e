"""Several jobs as one: their common outcome, the servers that they occupy, and what the quotas count."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

import attrs

from drs_jobs._models import Job, JobStatus, JobType, Outcome, ParticipatingServer, UnknownValue
from drs_jobs._models.base import Model
from drs_jobs._time import to_utc
from drs_jobs.analysis.times import created, newest_first


@attrs.frozen(repr=False, kw_only=True)
class CombinedJobs(Model):
    """Several jobs as one, such as the jobs of a recovery plan, which starts one job per server and another for a retry."""

    jobs: tuple[Job, ...]
    """The jobs, in the given order, each once."""
    outcome: Outcome
    """FAILED if a part failed, else RUNNING if one is running, else UNDETERMINED if one is, else SUCCEEDED.

    Each server counts with its latest launch. Every other job, and each job without servers, counts by itself.
    """
    created_at: datetime | None = None
    """The creation time of the first job, in UTC; `None` if no job has one."""
    ended_at: datetime | None = None
    """The end of the last job, in UTC; `None` while any job is running, or if the end of any job is unknown."""
    duration: timedelta | None = None
    """The time from the first creation to the last end; `None` unless the times of each job are known."""
    server_count: int = 0
    """The number of different source servers in these jobs."""
    failed_servers: tuple[ParticipatingServer, ...] = ()
    """The servers whose launch status is `FAILED` in their latest launch, or in a job that is no launch, optional ones too."""


@attrs.frozen(repr=False, kw_only=True)
class Usage(Model):
    """What the quotas of AWS Elastic Disaster Recovery count, per account and region.

    Source: https://docs.aws.amazon.com/general/latest/gr/drs.html. The quotas can be raised, so limits are not here.
    """

    concurrent_jobs: int = 0
    """The number of jobs that are not complete."""
    servers_in_largest_job: int = 0
    """The number of servers in the largest of these jobs."""
    servers_in_active_jobs: int = 0
    """The sum of the servers in all these jobs. AWS allows one job per server at a time, so no server counts twice."""


def latest_snapshots(jobs: Iterable[Job]) -> tuple[Job, ...]:
    """Return one snapshot of each job, in the order in which the ids were first given.

    Of several snapshots of one job, the complete one counts, else the one that is further on (STARTED before PENDING), else
    the last given.

    Args:
        jobs: The jobs, in any order.
    """
    snapshots: dict[str, Job] = {}
    for job in jobs:
        snapshot = snapshots.get(job.job_id)
        if snapshot is None or snapshot_rank(job) >= snapshot_rank(snapshot):
            snapshots[job.job_id] = job
    return tuple(snapshots.values())


def snapshot_rank(job: Job) -> int:
    """Return a number that is higher for the snapshot of a job that is further on."""
    return 3 if job.is_complete else 2 if job.status == JobStatus.STARTED else 1 if job.status == JobStatus.PENDING else 0


def is_launch(job: Job) -> bool:
    """Return whether a job launches servers: its type is LAUNCH, absent or unknown."""
    return job.type is None or isinstance(job.type, UnknownValue) or job.type == JobType.LAUNCH


def active_jobs(jobs: Iterable[Job]) -> tuple[Job, ...]:
    """Return the jobs that are not complete (pending or started). The quotas for concurrent jobs count these.

    Args:
        jobs: The jobs, in any order. Of several snapshots of one job, one counts, as in `latest_snapshots`.
    """
    return tuple(job for job in latest_snapshots(jobs) if not job.is_complete)


def combine(jobs: Iterable[Job], *, optional_servers: Iterable[str] = ()) -> CombinedJobs:
    """Return several jobs as one: their common outcome, times, servers and failed servers.

    Each server counts with its latest launch. So a retry that succeeded is a success, and a later clean-up hides no failure.

    Args:
        jobs: The jobs, in any order. Of several snapshots of one job, one counts, as in `latest_snapshots`.
        optional_servers: The ids of servers that can fail without failing the whole. Default none.

    Raises:
        TypeError: If `optional_servers` is a str.
        ValueError: If there are no jobs.
    """
    if isinstance(optional_servers, str):
        raise TypeError(f"optional_servers must be a list of ids, not one str: write [{optional_servers!r}]")
    distinct = latest_snapshots(jobs)
    if not distinct:
        raise ValueError("no jobs were given: pass at least one, because the outcome of no jobs is not defined")
    launches = launches_by_server(distinct)
    outcomes = set(_outcomes(distinct, launches, frozenset(optional_servers)))
    creations = [created(job) for job in distinct]
    ends = [None if job.end_date_time is None else to_utc(job.end_date_time, "end_date_time") for job in distinct]
    first = min(filter(None, creations), default=None)
    last = None if None in ends else max(filter(None, ends))
    return CombinedJobs(
        jobs=distinct,
        # Without anything that counts, because only optional servers took part and none succeeded.
        outcome=next((outcome for outcome in WORST_FIRST if outcome in outcomes), Outcome.UNDETERMINED),
        created_at=first,
        ended_at=last,
        duration=None if first is None or last is None or None in creations else last - first,
        server_count=_server_count(server for job in distinct for server in job.participating_servers),
        failed_servers=tuple(
            server
            for job in distinct
            for server in job.participating_servers
            if server.is_failed and (server in _other_servers(job) or launches[server.name][0] is job)
        ),
    )


def busy_servers(jobs: Iterable[Job]) -> Mapping[str, Job]:
    """Return the source servers in jobs that are not complete, each with its job. AWS refuses a second job for them.

    Args:
        jobs: The jobs, in any order. If a server is in several such jobs, the newest counts.
    """
    busy: dict[str, Job] = {}
    for job in newest_first(active_jobs(jobs)):
        for server in job.participating_servers:
            if server.source_server_id:
                busy.setdefault(server.source_server_id, job)
    return busy


def usage(jobs: Iterable[Job]) -> Usage:
    """Return what the quotas count: concurrent jobs, servers in one job, and servers in all active jobs.

    Args:
        jobs: The jobs of one account and region, because quotas are per account and region.
    """
    counts = [_server_count(job.participating_servers) for job in active_jobs(jobs)]
    return Usage(concurrent_jobs=len(counts), servers_in_largest_job=max(counts, default=0), servers_in_active_jobs=sum(counts))


WORST_FIRST: Final = (Outcome.FAILED, Outcome.RUNNING, Outcome.UNDETERMINED, Outcome.SUCCEEDED)
"""The outcomes, the worst first."""


def launches_by_server(jobs: Iterable[Job]) -> Mapping[str, list[Job]]:
    """Return the launches of each server by its id, the latest first. Of one moment, the worse is first."""
    launches: dict[str, list[Job]] = {}
    for job in filter(is_launch, jobs):
        server_ids = (server.source_server_id for server in job.participating_servers if server.source_server_id)
        for server_id in dict.fromkeys(server_ids):
            launches.setdefault(server_id, []).append(job)
    for server_id, members in launches.items():
        members.sort(key=lambda job: WORST_FIRST.index(job.outcome_of(server_id) or Outcome.UNDETERMINED))
    return {server_id: newest_first(members) for server_id, members in launches.items()}


def _outcomes(jobs: Iterable[Job], launches: Mapping[str, list[Job]], optional: frozenset[str]) -> Iterator[Outcome]:
    """Yield the outcome of each part that counts: the latest launch of a server, other participants, and other jobs."""
    for server_id, (latest, *earlier) in launches.items():
        outcome = latest.outcome_of(server_id)
        # A launch without a creation time could be later.
        undated = {job.outcome_of(server_id) for job in earlier if created(job) is None} - {outcome}
        if undated and outcome is not Outcome.RUNNING:
            outcome = Outcome.RUNNING if Outcome.RUNNING in undated else Outcome.UNDETERMINED
        if outcome is not None and (server_id not in optional or outcome in {Outcome.RUNNING, Outcome.SUCCEEDED}):
            yield outcome
    for job in jobs:
        rest = attrs.evolve(job, participating_servers=_other_servers(job))
        if rest.participating_servers or rest.participating_resources or not job.participating_servers:
            yield rest.outcome


def _other_servers(job: Job) -> tuple[ParticipatingServer, ...]:
    """Return the servers that do not count with their latest launch: those of a job that is no launch, or without an id."""
    return tuple(s for s in job.participating_servers if not s.source_server_id or not is_launch(job))


def _server_count(servers: Iterable[ParticipatingServer]) -> int:
    """Return the number of servers. A server that is listed twice counts once, and each server without an id counts."""
    ids = [server.source_server_id for server in servers]
    return len(set(filter(None, ids))) + sum(not server_id for server_id in ids)
