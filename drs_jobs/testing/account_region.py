"""What one account has in one region: jobs, source servers, recovery instances, configurations and tags, in AWS's shape."""

import bisect
import hashlib
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

import attrs

from drs_jobs._aws.source_servers import host_name_of
from drs_jobs._aws.unstructure import unstructure_job
from drs_jobs._models import Job, JobType, LaunchStatus
from drs_jobs.testing.faults import resource_not_found
from drs_jobs.testing.service_model import Scope
from drs_jobs.testing.simulated_jobs import LaunchedInstance, LocalJob

Members: TypeAlias = dict[str, Any]
"""The members of a structure of the service model, as JSON has them."""

_LAUNCH_RESULTS: Final = {LaunchStatus.LAUNCHED: "SUCCEEDED", LaunchStatus.FAILED: "FAILED"}
"""`lastLaunchResult` by the server's launch status at the end of its last job."""

_POINTS_IN_TIME: Final = (("MINUTE", 10, 60), ("HOUR", 1, 24), ("DAY", 1, 7))
"""AWS's default policy of recovery snapshots: units, interval and retention. That each server has it is a guess."""

_DEFAULT_CONFIGURATIONS: Final[Mapping[str, Members]] = {
    "LaunchConfiguration": {
        "copyPrivateIp": False,
        "copyTags": False,
        "launchDisposition": "STARTED",
        "launchIntoInstanceProperties": {},
        "licensing": {"osByol": False},
        "postLaunchEnabled": False,
        "targetInstanceTypeRightSizingMethod": "NONE",
    },
    "ReplicationConfiguration": {
        "associateDefaultSecurityGroup": True,
        "autoReplicateNewDisks": True,
        "bandwidthThrottling": 0,
        "createPublicIP": True,
        "dataPlaneRouting": "PUBLIC_IP",
        "defaultLargeStagingDiskType": "AUTO",
        "ebsEncryption": "DEFAULT",
        "pitPolicy": [
            {"ruleID": number, "units": units, "interval": interval, "retentionDuration": retention, "enabled": True}
            for number, (units, interval, retention) in enumerate(_POINTS_IN_TIME, 1)
        ],
        "replicatedDisks": [{"deviceName": "/dev/xvda", "isBootDisk": True, "stagingDiskType": "AUTO"}],
        "replicationServerInstanceType": "t3.small",
        "replicationServersSecurityGroupsIDs": [],
        "stagingAreaSubnetId": "subnet-0123456789abcdef0",
        "stagingAreaTags": {},
        "useDedicatedReplicationServer": False,
    },
}
"""The configurations of a source server before they are changed, a guess from AWS's examples."""

_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)


class RecoveryInstance(NamedTuple):
    """A recovery instance that exists."""

    instance: LaunchedInstance
    job: Job  # that launched it, as it was created
    is_terminating: bool


@attrs.define
class AccountRegion:
    """The data of one account in one region. Not thread-safe."""

    scope: Scope
    source_servers: dict[str, Members] = attrs.field(factory=dict[str, Members])  # those that were added, by id
    configurations: dict[tuple[str, str], Members] = attrs.field(factory=dict[tuple[str, str], Members])
    """The changed configurations, by the name of their shape and the id of the source server."""
    tags: dict[str, dict[str, str]] = attrs.field(factory=dict[str, dict[str, str]])  # those that were changed, by ARN
    jobs: dict[str, LocalJob] = attrs.field(factory=dict[str, LocalJob])
    _jobs_by_server: defaultdict[str, list[LocalJob]] = attrs.field(factory=lambda: defaultdict(list), init=False)
    """The jobs that launch or terminate instances of a source server, newest first. Those of deleted jobs stay."""

    def add_job(self, job: LocalJob) -> None:
        """Add a job, or replace the job with the same id."""
        if (old := self.jobs.get(job.created.job_id)) is not None:
            for server_id in old.source_server_ids:
                self._jobs_by_server[server_id].remove(old)
        self.jobs[job.created.job_id] = job
        for server_id in job.source_server_ids:
            bisect.insort_left(self._jobs_by_server[server_id], job, key=lambda job: job_key(job)[0])

    def add_source_server(self, server: Mapping[str, Any]) -> None:
        """Add a source server, or replace the one with the same id. Absent members that automations read have defaults."""
        server_id = server["sourceServerID"]
        completed = {
            "arn": self.scope.arn("source-server", server_id),
            "tags": {},
            "lastLaunchResult": "NOT_STARTED",
            "dataReplicationInfo": {"dataReplicationState": "CONTINUOUS", "lagDuration": "P0D"},
            "replicationDirection": "FAILOVER",
            **server,
        }
        self.source_servers[server_id] = completed
        self.tags.pop(completed["arn"], None)
        self.configurations = {key: value for key, value in self.configurations.items() if key[1] != server_id}

    def is_busy(self, source_server_id: str, now: datetime) -> bool:
        """Return whether a source server takes part in an unfinished job."""
        return any(not job.job_at(now).is_complete for job in self._jobs_by_server.get(source_server_id, ()))

    def knows_server(self, source_server_id: str) -> bool:
        """Return whether a source server exists. If none were added, every id does."""
        return not self.source_servers or source_server_id in self.source_servers

    def source_server_at(self, source_server_id: str, now: datetime) -> Members:
        """Return an added source server with its tags, its recovery instance and its last launch as they are at a time."""
        server = self.source_servers[source_server_id]
        members = server | {"tags": self.tags.get(server["arn"], server["tags"])}
        jobs = self._jobs_by_server.get(source_server_id, ())
        launch = next((job for job in jobs if job.created.type == JobType.LAUNCH), None)
        if launch is not None:
            members.pop("recoveryInstanceId", None)  # it can have been terminated since the server was added
        if (existing := self.recovery_instance(source_server_id, now)) is not None:
            members["recoveryInstanceId"] = existing.instance.instance_id
        if launch is None:
            return members
        state = launch.job_at(now)
        job = unstructure_job(state)
        participant = next(one for one in job["participatingServers"] if one.get("sourceServerID") == source_server_id)
        status = participant.get("launchStatus", LaunchStatus.PENDING)
        initiated = {"jobID": job["jobID"], "type": "DRILL" if state.is_drill else "RECOVERY"}
        if "creationDateTime" in job:
            initiated["apiCallDateTime"] = job["creationDateTime"]
        members["lastLaunchResult"] = _LAUNCH_RESULTS.get(status, "PENDING") if state.is_complete else "PENDING"
        members["lifeCycle"] = server.get("lifeCycle", {}) | {"lastLaunch": {"initiated": initiated, "status": status}}
        return members

    def recovery_instance(self, source_server_id: str, now: datetime) -> RecoveryInstance | None:
        """Return the recovery instance of a source server, which has one at most, as in AWS."""
        is_terminating = False
        for job in self._jobs_by_server.get(source_server_id, ()):
            for instance in job.instances_at(now):
                if instance.source_server_id == source_server_id:
                    return RecoveryInstance(instance, job.created, is_terminating)
            if source_server_id in job.cleaned_servers_at(now):
                return None
            is_terminating = is_terminating or job.is_termination
        return None

    def recovery_instances(self, now: datetime) -> list[RecoveryInstance]:
        """Return the recovery instances of all source servers, in the order of their launch."""
        instances = (self.recovery_instance(server_id, now) for server_id in self._jobs_by_server)
        return sorted((one for one in instances if one is not None), key=lambda one: one.instance.launched_at)

    def recovery_instance_members(self, existing: RecoveryInstance) -> Members:
        """Return a recovery instance. Its states are guesses: that of failback is in an example of AWS for an idle instance."""
        instance, job, is_terminating = existing
        arn = self.scope.arn("recovery-instance", instance.instance_id)
        hints = identification_hints(self.source_servers.get(instance.source_server_id, {}))
        members = {
            "ec2InstanceID": instance.instance_id,
            "ec2InstanceState": "SHUTTING-DOWN" if is_terminating else "RUNNING",
            "jobID": job.job_id,
            "recoveryInstanceID": instance.instance_id,
            "sourceServerID": instance.source_server_id,
            "arn": arn,
            "tags": self.tags.get(arn, {}),
            "failback": {"state": "FAILBACK_NOT_READY_FOR_LAUNCH"},
            "isDrill": job.is_drill,
            "recoveryInstanceProperties": {"identificationHints": hints} if hints else {},
        }
        if instance.snapshot_at is not None:
            members["pointInTimeSnapshotDateTime"] = instance.snapshot_at.astimezone(UTC).isoformat()
        return members

    def update_configuration(self, shape: str, changes: Members) -> Members:
        """Change a `LaunchConfiguration` or `ReplicationConfiguration` of a source server, and return it."""
        server_id: str = changes["sourceServerID"]
        if not self.knows_server(server_id):
            raise resource_not_found("SourceServer", server_id)
        current = self.configurations.get((shape, server_id))
        if current is None:
            name = host_name_of(self.source_servers.get(server_id)) or server_id
            current = {"sourceServerID": server_id, "name": name, **_DEFAULT_CONFIGURATIONS[shape]}
            if shape == "LaunchConfiguration":
                current["ec2LaunchTemplateID"] = "lt-" + hashlib.sha256(server_id.encode()).hexdigest()[:17]
        self.configurations[shape, server_id] = current | changes
        return self.configurations[shape, server_id]


def job_key(job: LocalJob) -> tuple[float, str]:
    """Return the key that sorts jobs in AWS's order: newest first, jobs without a creation date last."""
    created_at = job.created.creation_date_time
    return (float("inf") if created_at is None else -created_at.timestamp()), job.created.job_id


def identification_hints(server: Mapping[str, Any]) -> Members:
    """Return the names of a source server."""
    hints: Members = server.get("sourceProperties", {}).get("identificationHints", {})
    return hints


def recovery_snapshots(source_server_id: str, now: datetime) -> dict[datetime, Members]:
    """Return the recovery snapshots of a source server that exist at a time, oldest first, by their time."""
    times: set[datetime] = set()
    for units, count, retention in _POINTS_IN_TIME:
        interval = timedelta(**{f"{units.lower()}s": count})
        latest = now - (now - _EPOCH) % interval
        times.update(latest - interval * index for index in range(retention // count))
    snapshots: dict[datetime, Members] = {}
    for time in sorted(times):
        digest = hashlib.sha256(f"{source_server_id} {time.isoformat()}".encode()).hexdigest()
        snapshots[time] = {
            "snapshotID": f"pit-{digest[:17]}",
            "sourceServerID": source_server_id,
            "expectedTimestamp": time.isoformat(),
            "timestamp": time.isoformat(),
            "ebsSnapshots": [f"snap-{digest[-17:]}"],
        }
    return snapshots
