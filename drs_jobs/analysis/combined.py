"""Several jobs as one: their common outcome, the servers that they occupy, and what the quotas count."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import attrs

from drs_jobs._models import Job, Outcome, ParticipatingServer
from drs_jobs._models.base import Model
from drs_jobs._time import to_utc
from drs_jobs.analysis.times import created, is_later


@attrs.frozen(repr=False, kw_only=True)
class CombinedJobs(Model):
    """Several jobs as one, such as the jobs of a recovery plan, which starts one job per server."""

    jobs: tuple[Job, ...]
    """The jobs, in the given order, each once."""
    outcome: Outcome
    """FAILED if any job failed, else RUNNING if any is running, else UNDETERMINED if any is, else SUCCEEDED."""
    created_at: datetime | None = None
    """The creation time of the first job, in UTC; `None` if no job has one."""
    ended_at: datetime | None = None
    """The end of the last job, in UTC; `None` while any job is running, or if the end of any job is unknown."""
    duration: timedelta | None = None
    """The time from the first creation to the last end; `None` unless the times of each job are known."""
    server_count: int = 0
    """The number of different source servers in these jobs."""
    failed_servers: tuple[ParticipatingServer, ...] = ()
    """The servers whose own launch status is `FAILED`, in the order of the jobs."""


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


def active_jobs(jobs: Iterable[Job]) -> tuple[Job, ...]:
    """Return the jobs that are not complete (pending or started). The quotas for concurrent jobs count these.

    Args:
        jobs: The jobs, in any order. If several snapshots of one job are given, the newest counts, as in `combine`.
    """
    return tuple(job for job in _distinct(jobs) if not job.is_complete)


def combine(jobs: Iterable[Job]) -> CombinedJobs:
    """Return several jobs as one: their common outcome, times, servers and failed servers.

    Args:
        jobs: The jobs, in any order. Of several snapshots of one job that of the complete job counts, else the last given.

    Raises:
        ValueError: If there are no jobs.
    """
    distinct = _distinct(jobs)
    if not distinct:
        raise ValueError("no jobs were given: pass at least one, because the outcome of no jobs is not defined")
    outcomes = {job.outcome for job in distinct}
    creations = [created(job) for job in distinct]
    ends = [None if job.end_date_time is None else to_utc(job.end_date_time, "end_date_time") for job in distinct]
    first = min((time for time in creations if time is not None), default=None)
    known_ends = [time for time in ends if time is not None]
    last = max(known_ends) if len(known_ends) == len(distinct) else None
    return CombinedJobs(
        jobs=distinct,
        outcome=next(outcome for outcome in _PRECEDENCE if outcome in outcomes),
        created_at=first,
        ended_at=last,
        duration=None if first is None or last is None or None in creations else last - first,
        server_count=_server_count(server for job in distinct for server in job.participating_servers),
        failed_servers=tuple(server for job in distinct for server in job.failed_servers),
    )


def busy_servers(jobs: Iterable[Job]) -> Mapping[str, Job]:
    """Return the source servers in jobs that are not complete, each with its job. AWS refuses a second job for them.

    Args:
        jobs: The jobs, in any order. If a server is in several such jobs, the newest counts.
    """
    busy: dict[str, Job] = {}
    for job in active_jobs(jobs):
        for server in job.participating_servers:
            if server.source_server_id and is_later(job, busy.get(server.source_server_id)):
                busy[server.source_server_id] = job
    return busy


def usage(jobs: Iterable[Job]) -> Usage:
    """Return what the quotas count: concurrent jobs, servers in one job, and servers in all active jobs.

    Args:
        jobs: The jobs of one account and region, because quotas are per account and region.
    """
    counts = [_server_count(job.participating_servers) for job in active_jobs(jobs)]
    return Usage(concurrent_jobs=len(counts), servers_in_largest_job=max(counts, default=0), servers_in_active_jobs=sum(counts))


_PRECEDENCE: Final = (Outcome.FAILED, Outcome.RUNNING, Outcome.UNDETERMINED, Outcome.SUCCEEDED)


def _distinct(jobs: Iterable[Job]) -> tuple[Job, ...]:
    """Return one snapshot of each job: that of the complete job, else the last given."""
    snapshots: dict[str, Job] = {}
    for job in jobs:
        snapshot = snapshots.get(job.job_id)
        if snapshot is None or job.is_complete or not snapshot.is_complete:
            snapshots[job.job_id] = job
    return tuple(snapshots.values())


def _server_count(servers: Iterable[ParticipatingServer]) -> int:
    """Return the number of servers. A server that is listed twice counts once, and each server without an id counts."""
    ids = [server.source_server_id for server in servers]
    return len(set(filter(None, ids))) + sum(not server_id for server_id in ids)
