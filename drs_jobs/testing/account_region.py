"""What one account has in one region: jobs, source servers, recovery instances, configurations and tags."""

import bisect
from collections import defaultdict
from datetime import datetime
from typing import Any, NamedTuple

import attrs

from drs_jobs._models import Job, JobType, LaunchStatus
from drs_jobs.testing.simulated_jobs import BackendJob, LaunchedInstance, SimulatedTermination, StaticJob


class Scope(NamedTuple):
    """The account and region of a request."""

    account_id: str
    region: str


class RecoveryInstance(NamedTuple):
    """A recovery instance that exists."""

    instance: LaunchedInstance
    job: Job  # that launched it, as it was created
    is_terminating: bool


@attrs.define
class AccountRegion:
    """The data of one account in one region. Not thread-safe."""

    scope: Scope
    source_servers: dict[str, dict[str, Any]] = attrs.field(factory=dict[str, dict[str, Any]])  # those that were added, by id
    configurations: dict[tuple[str, str], dict[str, Any]] = attrs.field(factory=dict[tuple[str, str], dict[str, Any]])
    """The changed configurations in AWS's shape, by the name of their shape and the id of the source server."""
    tags: dict[str, dict[str, str]] = attrs.field(factory=dict[str, dict[str, str]])  # those that were changed, by ARN
    jobs: dict[str, BackendJob] = attrs.field(factory=dict[str, BackendJob])
    _jobs_by_server: defaultdict[str, list[BackendJob]] = attrs.field(factory=lambda: defaultdict(list), init=False)
    """The jobs that launch or terminate instances of a source server, newest first. Those of deleted jobs stay."""

    def add_job(self, job: BackendJob) -> None:
        """Add a job, or replace the job with the same id."""
        if (old := self.jobs.get(job.created.job_id)) is not None:
            for server_id in old.source_server_ids:
                self._jobs_by_server[server_id].remove(old)
        self.jobs[job.created.job_id] = job
        for server_id in job.source_server_ids:
            bisect.insort_left(self._jobs_by_server[server_id], job, key=lambda job: job_key(job)[0])

    def add_source_server(self, server: dict[str, Any]) -> None:
        """Add a source server with an ARN, or replace the one with the same id."""
        server_id = server["sourceServerID"]
        self.source_servers[server_id] = server
        self.tags.pop(server["arn"], None)
        self.configurations = {key: value for key, value in self.configurations.items() if key[1] != server_id}

    def is_busy(self, source_server_id: str, now: datetime) -> bool:
        """Return whether a source server takes part in an unfinished job."""
        return any(not job.job_at(now).is_complete for job in self._jobs_by_server.get(source_server_id, ()))

    def knows_server(self, source_server_id: str) -> bool:
        """Return whether a source server exists. If none were added, every id does."""
        return not self.source_servers or source_server_id in self.source_servers

    def latest_launch(self, source_server_id: str) -> BackendJob | None:
        """Return the newest job that launches an instance of a source server."""
        jobs = self._jobs_by_server.get(source_server_id, ())
        return next((job for job in jobs if job.created.type == JobType.LAUNCH), None)

    def recovery_instance(self, source_server_id: str, now: datetime) -> RecoveryInstance | None:
        """Return the recovery instance of a source server, which has one at most, as in AWS."""
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


def job_key(job: BackendJob) -> tuple[float, str]:
    """Return the key that sorts jobs in AWS's order: newest first, jobs without a creation date last."""
    created_at = job.created.creation_date_time
    return (float("inf") if created_at is None else -created_at.timestamp()), job.created.job_id
