"""Source servers with their configurations and recovery snapshots, and recovery instances, in AWS's shape."""

import copy
import hashlib
import string
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from drs_jobs._aws.unstructure import unstructure_job
from drs_jobs._models import LaunchStatus
from drs_jobs.testing.account_region import AccountRegion, RecoveryInstance, Scope
from drs_jobs.testing.service_model import partition_of

_LAUNCH_RESULTS: Final = {LaunchStatus.LAUNCHED: "SUCCEEDED", LaunchStatus.FAILED: "FAILED"}
"""`lastLaunchResult` by the server's launch status at the end of its last job."""

_POINTS_IN_TIME: Final = (("MINUTE", 10, 60), ("HOUR", 1, 24), ("DAY", 1, 7))
"""AWS's default policy of recovery snapshots: units, interval and retention. That each server has it is a guess."""

_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)
_ALPHABET: Final = string.ascii_lowercase + string.digits


def arn_of(resource_type: str, resource_id: str, scope: Scope) -> str:
    """Return the ARN of a resource, such as a `source-server`."""
    return f"arn:{partition_of(scope.region)}:drs:{scope.region}:{scope.account_id}:{resource_type}/{resource_id}"


def complete_source_server(server: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """Return a copy of a source server, with an ARN, a replication without lag and no launch unless it has its own."""
    return {
        "arn": arn_of("source-server", server["sourceServerID"], scope),
        "tags": {},
        "lastLaunchResult": "NOT_STARTED",
        "dataReplicationInfo": {"dataReplicationState": "CONTINUOUS", "lagDuration": "P0D"},
        "replicationDirection": "FAILOVER",
        **copy.deepcopy(dict(server)),
    }


def matches_source_server(server: Mapping[str, Any], filters: Mapping[str, Any]) -> bool:
    """Return whether a source server matches the filters of DescribeSourceServers. An absent or empty filter matches all."""
    ids, hardware_id, accounts = (filters.get(name) for name in ("sourceServerIDs", "hardwareId", "stagingAccountIDs"))
    hints = _hints(server) or {}
    area: Mapping[str, Any] = server.get("stagingArea") or {}
    return (
        (not ids or server["sourceServerID"] in ids)
        and (not hardware_id or hardware_id in (hints.get("vmWareUuid"), hints.get("awsInstanceID")))
        and (not accounts or area.get("stagingAccountID") in accounts)
    )


def source_server(server: Mapping[str, Any], data: AccountRegion, now: datetime) -> dict[str, Any]:
    """Return a source server with its tags, its recovery instance and its last launch as they are at the time `now`."""
    server_id = server["sourceServerID"]
    members = {**server, "tags": data.tags.get(server["arn"], server.get("tags") or {})}
    launch = data.latest_launch(server_id)
    if launch is not None:
        members.pop("recoveryInstanceId", None)  # it can have been terminated since the server was added
    if (existing := data.recovery_instance(server_id, now)) is not None:
        members["recoveryInstanceId"] = existing.instance.instance_id
    if launch is None:
        return members
    state = launch.job_at(now)
    job = unstructure_job(state)
    participant = next(one for one in job["participatingServers"] if one.get("sourceServerID") == server_id)
    status = participant.get("launchStatus", LaunchStatus.PENDING)
    result = _LAUNCH_RESULTS.get(status, "PENDING") if state.is_complete else "PENDING"
    initiated = {
        **({"apiCallDateTime": job["creationDateTime"]} if "creationDateTime" in job else {}),
        "jobID": job["jobID"],
        "type": "DRILL" if state.is_drill else "RECOVERY",
    }
    last_launch = {"initiated": initiated, "status": status}
    return members | {"lastLaunchResult": result, "lifeCycle": (server.get("lifeCycle") or {}) | {"lastLaunch": last_launch}}


def recovery_instance(existing: RecoveryInstance, data: AccountRegion) -> dict[str, Any]:
    """Return a recovery instance. Its states are guesses: that of failback is in an example of AWS for an idle instance."""
    instance, job, is_terminating = existing
    arn = arn_of("recovery-instance", instance.instance_id, data.scope)
    hints = _hints(data.source_servers.get(instance.source_server_id, {}))
    taken_at = instance.snapshot_at
    return {
        "ec2InstanceID": instance.instance_id,
        "ec2InstanceState": "SHUTTING-DOWN" if is_terminating else "RUNNING",
        "jobID": job.job_id,
        "recoveryInstanceID": instance.instance_id,
        "sourceServerID": instance.source_server_id,
        "arn": arn,
        "tags": data.tags.get(arn, {}),
        "failback": {"state": "FAILBACK_NOT_READY_FOR_LAUNCH"},
        "isDrill": job.is_drill,
        "recoveryInstanceProperties": {} if hints is None else {"identificationHints": hints},
        **({} if taken_at is None else {"pointInTimeSnapshotDateTime": taken_at.astimezone(UTC).isoformat()}),
    }


def _hints(server: Mapping[str, Any]) -> dict[str, Any] | None:
    properties: Mapping[str, Any] = server.get("sourceProperties") or {}
    return properties.get("identificationHints")


def default_configuration(shape: str, source_server_id: str, data: AccountRegion) -> dict[str, Any]:
    """Return a `LaunchConfiguration` or `ReplicationConfiguration` before it is changed, a guess from AWS's examples."""
    hints = _hints(data.source_servers.get(source_server_id, {})) or {}
    common = {"sourceServerID": source_server_id, "name": hints.get("hostname") or source_server_id}
    if shape == "LaunchConfiguration":
        return common | {
            "copyPrivateIp": False,
            "copyTags": False,
            "ec2LaunchTemplateID": "lt-" + hashlib.sha256(source_server_id.encode()).hexdigest()[:17],
            "launchDisposition": "STARTED",
            "launchIntoInstanceProperties": {},
            "licensing": {"osByol": False},
            "postLaunchEnabled": False,
            "targetInstanceTypeRightSizingMethod": "NONE",
        }
    return common | {
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
    }


def recovery_snapshots(source_server_id: str, now: datetime) -> list[tuple[datetime, dict[str, Any]]]:
    """Return the recovery snapshots of a source server that exist at a time, oldest first, each with its time."""
    times: set[datetime] = set()
    for units, count, retention in _POINTS_IN_TIME:
        interval = timedelta(**{f"{units.lower()}s": count})
        latest = now - (now - _EPOCH) % interval
        times.update(latest - interval * index for index in range(retention // count))
    return [(time, _snapshot(source_server_id, time)) for time in sorted(times)]


def _snapshot(source_server_id: str, time: datetime) -> dict[str, Any]:
    digest = hashlib.sha256(f"{source_server_id} {time.isoformat()}".encode()).digest()
    return {
        "snapshotID": "pit-" + "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:17]),
        "sourceServerID": source_server_id,
        "expectedTimestamp": time.isoformat(),
        "timestamp": time.isoformat(),
        "ebsSnapshots": [f"snap-{digest[-9:-1].hex()}0"],
    }
