"""The operations of DRS in one account and region, on data in memory."""

import bisect
import functools
import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from drs_jobs._aws.source_servers import host_name_of
from drs_jobs._aws.unstructure import unstructure_job, unstructure_log_item
from drs_jobs._models import Job, JobType, LaunchActionsStatus, LaunchStatus, ParticipatingServer
from drs_jobs.testing.faults import conflict, resource_not_found, validation_error
from drs_jobs.testing.service_model import Scope
from drs_jobs.testing.simulated_jobs import LaunchedInstance, LocalJob, SimulatedServer

if TYPE_CHECKING:  # a backend creates its accounts and regions
    from drs_jobs.testing.backend import Backend

Members: TypeAlias = dict[str, Any]
"""The members of a structure of the service model, as JSON has them."""

Entries: TypeAlias = Iterable[tuple[list[Any], Callable[[], Members]]]
"""All items of a response in pages: the sort key of each, of JSON's types, in order, and a function that returns the item."""

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


@attrs.define(eq=False)
class AccountRegion:
    """The data of one account in one region, and the operations, each as a method with its name in boto3. Not thread-safe."""

    scope: Scope
    backend: "Backend" = attrs.field(repr=False)
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
        completed: Members = {
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
            members["recoveryInstanceId"] = existing["recoveryInstanceID"]
        if launch is None:
            return members
        state = launch.job_at(now)
        job = unstructure_job(state)
        participant = next(one for one in job["participatingServers"] if one.get("sourceServerID") == source_server_id)
        status = participant.get("launchStatus", LaunchStatus.PENDING)
        initiated = {"jobID": job["jobID"], "type": "DRILL" if state.is_drill else "RECOVERY"}
        if "creationDateTime" in job:
            initiated["apiCallDateTime"] = job["creationDateTime"]
        results = {LaunchStatus.LAUNCHED: "SUCCEEDED", LaunchStatus.FAILED: "FAILED"} if state.is_complete else {}
        members["lastLaunchResult"] = results.get(status, "PENDING")
        members["lifeCycle"] = server.get("lifeCycle", {}) | {"lastLaunch": {"initiated": initiated, "status": status}}
        return members

    def recovery_instance(self, source_server_id: str, now: datetime) -> Members | None:
        """Return the recovery instance of a source server, which has one at most, as in AWS."""
        jobs = self._jobs_by_server.get(source_server_id, [])
        for job in jobs:
            for instance in job.instances_at(now):
                if instance.source_server_id == source_server_id:
                    return self._recovery_instance(instance, job.created, is_terminating=jobs[0].is_termination)
            if source_server_id in job.cleaned_servers_at(now):
                return None
        return None

    def recovery_instances(self, now: datetime) -> dict[str, Members]:
        """Return the recovery instances of all source servers by their id."""
        instances = (self.recovery_instance(server_id, now) for server_id in self._jobs_by_server)
        return {one["recoveryInstanceID"]: one for one in instances if one is not None}

    def _recovery_instance(self, instance: LaunchedInstance, job: Job, *, is_terminating: bool) -> Members:
        """Return a recovery instance. Its states are guesses: that of failback is in an example of AWS for an idle instance."""
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

    # ------------------------------------------------------------------ jobs

    def describe_jobs(self, request: Members) -> Entries:
        """DescribeJobs: newest first, with inclusive dates. AWS documents neither the order nor the inclusion."""
        filters, now = request.get("filters", {}), self.backend.now()
        is_match = _date_range(filters, "fromDate", "toDate")
        jobs = map(self.jobs.get, set(filters.get("jobIDs") or self.jobs))
        keys = sorted(job_key(job) for job in jobs if job is not None and is_match(job.created.creation_date_time))
        return (([*key], functools.partial(self._job_members, key[1], now)) for key in keys)

    def describe_job_log_items(self, request: Members) -> Entries:
        """DescribeJobLogItems: oldest first. The log of an unknown job is empty."""
        job = self.jobs.get(request["jobID"])
        log = () if job is None else job.log_at(self.backend.now())
        return (([index], functools.partial(unstructure_log_item, item)) for index, item in enumerate(log))

    def start_recovery(self, request: Members) -> Members:
        """StartRecovery: starts a simulated recovery. The errors for an unknown source server or snapshot are guesses."""
        now = self.backend.now()
        servers: dict[str, SimulatedServer] = {}
        for requested in request["sourceServers"]:
            server_id, snapshot_id = requested["sourceServerID"], requested.get("recoverySnapshotID")
            if not self.knows_server(server_id):
                raise conflict(f"source server {server_id} does not exist: add it with local.add_source_servers")
            times = {snapshot["snapshotID"]: time for time, snapshot in recovery_snapshots(server_id, now).items()}
            if snapshot_id is not None and snapshot_id not in times:
                raise conflict(f"source server {server_id} has no recovery snapshot {snapshot_id}")
            servers[server_id] = SimulatedServer(
                server_id,
                previous_instance_id=(self.recovery_instance(server_id, now) or {}).get("recoveryInstanceID"),
                failure=self.backend.injected_failures.get(server_id),
                snapshot_at=times.get(snapshot_id),
            )
        initiated_by = "START_DRILL" if request.get("isDrill") else "START_RECOVERY"
        job = self._start_job(now, servers, initiated_by=initiated_by, tags=request.get("tags", {}))
        return {"job": job | {"tags": job["tags"] | {"resourceArn": job["arn"]}}}  # a pseudo-tag, as measured

    def terminate_recovery_instances(self, request: Members) -> Members:
        """TerminateRecoveryInstances: starts a simulated termination. The error for an unknown instance is a guess."""
        now = self.backend.now()
        instances = self.recovery_instances(now)
        if unknown := set(request["recoveryInstanceIDs"]) - instances.keys():
            raise conflict(f"{len(unknown)} recovery instances do not exist, such as {min(unknown)}")
        server_ids = {one: instances[one]["sourceServerID"] for one in request["recoveryInstanceIDs"]}
        servers = {server_id: SimulatedServer(server_id, previous_instance_id=one) for one, server_id in server_ids.items()}
        return {"job": self._start_job(now, servers, type="TERMINATE")}

    def delete_job(self, request: Members) -> Members:
        """DeleteJob: deletes a completed job. That an unfinished one is a conflict is a guess."""
        job_id = request["jobID"]
        if job_id not in self.jobs:
            raise resource_not_found("Job", job_id)
        job = self.jobs[job_id].job_at(self.backend.now())
        if not job.is_complete:
            raise conflict(f"job {job_id} is {job.status}: only a completed job can be deleted")
        del self.jobs[job_id]
        return {}

    def _start_job(self, now: datetime, servers: Mapping[str, SimulatedServer], **fields: Any) -> Members:
        """Start a job of servers, by their id, if none of them is in an unfinished job."""
        jobs_by_server = ((server_id, self._jobs_by_server.get(server_id, ())) for server_id in servers)
        if busy := [server_id for server_id, jobs in jobs_by_server if not all(job.job_at(now).is_complete for job in jobs)]:
            raise conflict(f"{len(busy)} source servers are currently being processed by a Job, such as {min(busy)}")
        job = self.new_job(now, servers.values(), self.backend.profile, **fields)
        self.backend.add_jobs([job], self.scope)
        return self._job_members(job.created.job_id, now)

    def new_job(self, now: datetime, servers: Collection[SimulatedServer], profile: str, **fields: Any) -> LocalJob:
        """Return a simulated job that begins at a time, with new instances. `fields` are other fields of its `Job`."""
        pending: Members = {"launch_status": LaunchStatus.PENDING}
        if fields.get("type") != JobType.TERMINATE:  # which has no post-launch actions
            pending["launch_actions_status"] = LaunchActionsStatus()
        participants = tuple(ParticipatingServer(source_server_id=one.source_server_id, **pending) for one in servers)
        fields |= {"status": "PENDING", "creation_date_time": now, "participating_servers": participants}
        factory = self.backend.factory
        created = factory.job(region=self.scope.region, account_id=self.scope.account_id, **fields)
        launched = (
            attrs.evolve(one, instance_id=factory.instance_id(), conversion_server_id=factory.instance_id()) for one in servers
        )
        return LocalJob(created, tuple(launched), profile=profile)

    def _job_members(self, job_id: str, now: datetime) -> Members:
        job = self.jobs[job_id]
        state = job.job_at(now)
        tags = self.tags.get(state.arn or "", dict(state.tags))
        # The service sends these empty collections.
        members: Members = {"participatingResources": [], "participatingServers": [], **unstructure_job(state), "tags": tags}
        launched = job.instances_at(now) if self.backend.has_recovery_instance_ids and job.servers is not None else ()
        instance_ids = {one.source_server_id: one.instance_id for one in launched}
        for server in members["participatingServers"]:
            if "launchActionsStatus" in server:
                server["launchActionsStatus"] = {"runs": []} | server["launchActionsStatus"]
            if server.get("launchStatus") == LaunchStatus.LAUNCHED and server.get("sourceServerID") in instance_ids:
                server["recoveryInstanceID"] = instance_ids[server["sourceServerID"]]
        return members

    # ------------------------------------------------------------------ servers and instances

    def describe_source_servers(self, request: Members) -> Entries:
        """DescribeSourceServers: in the order in which they were added. AWS documents no order."""
        filters, now = request.get("filters", {}), self.backend.now()
        server_ids = [one["sourceServerID"] for one in self.source_servers.values() if _matches_source_server(one, filters)]
        return (([index], functools.partial(self.source_server_at, one, now)) for index, one in enumerate(server_ids))

    def describe_recovery_instances(self, request: Members) -> Entries:
        """DescribeRecoveryInstances: in the order of their ids. AWS documents no order."""
        filters = request.get("filters", {})
        instance_ids, server_ids = filters.get("recoveryInstanceIDs"), filters.get("sourceServerIDs")
        return (
            ([instance_id], instance.copy)
            for instance_id, instance in sorted(self.recovery_instances(self.backend.now()).items())
            if not instance_ids or instance_id in instance_ids
            if not server_ids or instance["sourceServerID"] in server_ids
        )

    def describe_recovery_snapshots(self, request: Members) -> Entries:
        """DescribeRecoverySnapshots: oldest first unless `order` is DESC, a guess, as is the error for an unknown server."""
        server_id = request["sourceServerID"]
        if not self.knows_server(server_id):
            message = f"source server {server_id} does not exist"
            raise validation_error(message, [("sourceServerID", message)])
        is_match = _date_range(request.get("filters", {}), "fromDateTime", "toDateTime")
        sign = -1 if request.get("order") == "DESC" else 1
        snapshots = recovery_snapshots(server_id, self.backend.now())
        return [([sign * time.timestamp()], snapshot.copy) for time, snapshot in snapshots.items() if is_match(time)][::sign]

    def _update_configuration(self, shape: str, request: Members) -> Members:
        """Return a configuration of a source server, with the members of the request."""
        server_id: str = request["sourceServerID"]
        if not self.knows_server(server_id):
            raise resource_not_found("SourceServer", server_id)
        name = (host_name_of(self.source_servers.get(server_id)) or server_id)[:128]  # the limit of AWS
        configuration = {"sourceServerID": server_id, "name": name, **_DEFAULT_CONFIGURATIONS[shape]}
        if shape == "LaunchConfiguration":
            configuration["ec2LaunchTemplateID"] = "lt-" + hashlib.sha256(server_id.encode()).hexdigest()[:17]
        configuration |= self.configurations.get((shape, server_id), {}) | request
        self.configurations[shape, server_id] = configuration
        return configuration

    # Reading a configuration is an update without changes.

    def get_launch_configuration(self, request: Members) -> Members:
        """GetLaunchConfiguration."""
        return self._update_configuration("LaunchConfiguration", request)

    def get_replication_configuration(self, request: Members) -> Members:
        """GetReplicationConfiguration."""
        return self._update_configuration("ReplicationConfiguration", request)

    update_launch_configuration = get_launch_configuration
    update_replication_configuration = get_replication_configuration

    # ------------------------------------------------------------------ tags

    def tag_resource(self, request: Members) -> Members:
        """TagResource."""
        arn = request["resourceArn"]
        self.tags[arn] = self._tags(arn) | request["tags"]
        return {}

    def untag_resource(self, request: Members) -> Members:
        """UntagResource."""
        arn = request["resourceArn"]
        tags = self._tags(arn)
        self.tags[arn] = {key: value for key, value in tags.items() if key not in request["tagKeys"]}
        return {}

    def list_tags_for_resource(self, request: Members) -> Members:
        """ListTagsForResource."""
        return {"tags": self._tags(request["resourceArn"])}

    def _tags(self, arn: str) -> dict[str, str]:
        """Return the tags of the job, source server or recovery instance with this ARN."""
        resource_type, _, resource_id = arn.rpartition(":")[2].partition("/")
        if (job := self.jobs.get(resource_id)) is not None:
            resource: Members = {"arn": job.created.arn, "tags": job.created.tags}
        else:
            resource = self.source_servers.get(resource_id) or self.recovery_instances(self.backend.now()).get(resource_id, {})
        if arn != resource.get("arn"):
            raise resource_not_found(resource_type or "resource", arn)
        return self.tags.get(arn, dict(resource["tags"]))


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


def _matches_source_server(server: Members, filters: Members) -> bool:
    """Return whether a source server matches the filters of DescribeSourceServers. An absent or empty filter matches all."""
    ids, hardware_id, accounts = (filters.get(name) for name in ("sourceServerIDs", "hardwareId", "stagingAccountIDs"))
    hints = identification_hints(server)
    return (
        (not ids or server["sourceServerID"] in ids)
        and (not hardware_id or hardware_id in (hints.get("vmWareUuid"), hints.get("awsInstanceID")))
        and (not accounts or server.get("stagingArea", {}).get("stagingAccountID") in accounts)
    )


def _date_range(filters: Members, start_name: str, end_name: str) -> Callable[[datetime | None], bool]:
    """Return whether a time is within two filters, inclusive. A time that is not known is if there are no filters."""
    start = datetime.fromisoformat(filters.get(start_name, "0001-01-01T00:00:00Z"))
    end = datetime.fromisoformat(filters.get(end_name, "9999-12-31T23:59:59.999999Z"))
    return lambda time: not filters.keys() & {start_name, end_name} if time is None else start <= time <= end
