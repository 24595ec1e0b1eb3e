"""What one account has in one region: jobs, source servers, recovery instances, configurations and tags."""

import bisect
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

import attrs

from drs_jobs._models import Job, JobType, LaunchStatus
from drs_jobs.testing.page_tokens import Key
from drs_jobs.testing.simulated_jobs import BackendJob, LaunchedInstance, SimulatedTermination, StaticJob


class Scope(NamedTuple):
    """The account and region of a request."""

    account_id: str
    region: str


class RecoveryInstance(NamedTuple):
    """A recovery instance that exists."""

    instance: LaunchedInstance
    job: Job
    """The job that launched it, as it was created."""
    is_terminating: bool


@attrs.define
class AccountRegion:
    """The data of one account in one region. Not thread-safe."""

    scope: Scope
    source_servers: dict[str, dict[str, Any]] = attrs.field(factory=dict[str, dict[str, Any]])
    """The added source servers in AWS's shape, by id, in the order in which they were added."""
    configurations: dict[tuple[str, str], dict[str, Any]] = attrs.field(factory=dict[tuple[str, str], dict[str, Any]])
    """The changed configurations in AWS's shape, by the name of their shape and the id of the source server."""
    tags: dict[str, dict[str, str]] = attrs.field(factory=dict[str, dict[str, str]])
    """The tags of resources whose tags were changed, by ARN."""
    jobs: dict[str, BackendJob] = attrs.field(factory=dict[str, BackendJob], init=False)
    """The jobs by id."""
    _order: list[Key] = attrs.field(factory=list[Key], init=False)
    """The sort keys of the jobs: newest first, jobs without a creation date last."""
    _unfinished: dict[str, BackendJob] = attrs.field(factory=dict[str, BackendJob], init=False)
    _jobs_by_server: defaultdict[str, list[BackendJob]] = attrs.field(factory=lambda: defaultdict(list), init=False)
    """The jobs that launch or terminate instances of a source server, newest first."""

    def add_job(self, job: BackendJob) -> None:
        """Add a job, or replace the job with the same id."""
        job_id = job.created.job_id
        if (old := self.jobs.get(job_id)) is not None:
            self.delete_job(job_id)
            for server_id in old.source_server_ids:
                self._jobs_by_server[server_id].remove(old)
        self.jobs[job_id] = job
        bisect.insort(self._order, _job_key(job.created))
        if not (isinstance(job, StaticJob) and job.created.is_complete):
            self._unfinished[job_id] = job
        for server_id in job.source_server_ids:
            bisect.insort_left(self._jobs_by_server[server_id], job, key=_age)

    def delete_job(self, job_id: str) -> None:
        """Remove a job and its log. Instances that it launched stay."""
        job = self.jobs.pop(job_id)
        self._unfinished.pop(job_id, None)
        del self._order[bisect.bisect_left(self._order, _job_key(job.created))]

    def jobs_after(self, key: Key, job_ids: Iterable[str], is_match: Callable[[Job], bool]) -> Iterator[tuple[Key, BackendJob]]:
        """Iterate over jobs in AWS's order.

        Args:
            key: The key of the job after which to begin.
            job_ids: The ids to which to limit the jobs; empty for all.
            is_match: Whether a job, as it was created, is wanted.
        """
        order = sorted(_job_key(self.jobs[job_id].created) for job_id in set(job_ids) if job_id in self.jobs)
        order = order if job_ids else self._order
        for index in range(bisect.bisect_right(order, key) if key else 0, len(order)):
            job = self.jobs[order[index][-1]]
            if is_match(job.created):
                yield order[index], job

    def busy_server_ids(self, now: datetime) -> set[str]:
        """Return the ids of the source servers that take part in an unfinished job."""
        self._unfinished = {job_id: job for job_id, job in self._unfinished.items() if not job.job_at(now).is_complete}
        return {server_id for job in self._unfinished.values() for server_id in job.source_server_ids}

    def knows_server(self, source_server_id: str) -> bool:
        """Return whether a source server exists. If none were added, every id does."""
        return not self.source_servers or source_server_id in self.source_servers

    def latest_launch(self, source_server_id: str) -> BackendJob | None:
        """Return the newest job that launches an instance of a source server."""
        jobs = self._jobs_by_server.get(source_server_id, ())
        return next((job for job in jobs if job.created.type == JobType.LAUNCH), None)

    def recovery_instance(self, source_server_id: str, now: datetime) -> RecoveryInstance | None:
        """Return the recovery instance of a source server. A server has one at most, as in AWS."""
        newer: list[BackendJob] = []
        for job in self._jobs_by_server.get(source_server_id, ()):
            for instance in job.instances_at(now):
                if instance.source_server_id == source_server_id:
                    if any(_removes(other, instance, now) for other in newer):
                        return None
                    is_terminating = any(isinstance(other, SimulatedTermination) for other in newer)
                    return RecoveryInstance(instance, job.created, is_terminating)
            newer.append(job)
        return None

    def recovery_instances(self, now: datetime) -> list[RecoveryInstance]:
        """Return the recovery instances of all source servers, in the order of their launch."""
        instances = (self.recovery_instance(server_id, now) for server_id in self._jobs_by_server)
        return sorted((one for one in instances if one is not None), key=lambda one: one.instance.launched_at)


def _removes(job: BackendJob, instance: LaunchedInstance, now: datetime) -> bool:
    """Return whether a later job has removed an instance."""
    if isinstance(job, StaticJob):
        return job.created.type == JobType.TERMINATE and any(
            server.source_server_id == instance.source_server_id and server.launch_status == LaunchStatus.TERMINATED
            for server in job.created.participating_servers
        )
    return instance.instance_id in job.removed_instances_at(now)


_LAST: Final = float("inf")


def _job_key(job: Job) -> Key:
    return _age(job), job.job_id


def _age(job: BackendJob | Job) -> float:
    created = (job if isinstance(job, Job) else job.created).creation_date_time
    return _LAST if created is None else -created.timestamp()
