"""Source servers and recovery instances in AWS's shape, with what the jobs changed."""

import copy
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from drs_jobs._aws.unstructure import unstructure_job
from drs_jobs._models import LaunchStatus, Outcome
from drs_jobs.testing.account_region import AccountRegion, RecoveryInstance, Scope
from drs_jobs.testing.service_model import partition_of
from drs_jobs.testing.simulated_jobs import SimulatedFailback, SimulatedTermination

_LAUNCH_RESULTS: Final = {
    LaunchStatus.LAUNCHED: "SUCCEEDED",
    LaunchStatus.FAILED: "FAILED",
}
"""`lastLaunchResult` by the server's launch status at the end of its last job."""


def complete_source_server(server: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """Return a copy of a source server, with an ARN, a replication without lag and no launch unless it has its own."""
    return {
        "arn": _arn("source-server", server["sourceServerID"], scope),
        "tags": {},
        "lastLaunchResult": "NOT_STARTED",
        "dataReplicationInfo": {"dataReplicationState": "CONTINUOUS", "lagDuration": "PT0S"},
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
    members = {**server, "tags": data.tags(server["arn"], server.get("tags") or {})}
    launch = data.latest_launch(server_id)
    if launch is not None:
        members.pop("recoveryInstanceId", None)  # it can have been terminated since the server was added
    if (existing := data.recovery_instance(server_id, now)) is not None:
        members["recoveryInstanceId"] = existing.instance.instance_id
    if launch is None:
        return members
    state = launch.state_at(now)
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


def recovery_instance_arn(instance_id: str, scope: Scope) -> str:
    """Return the ARN of a recovery instance."""
    return _arn("recovery-instance", instance_id, scope)


def recovery_instance(existing: RecoveryInstance, data: AccountRegion, now: datetime) -> dict[str, Any]:
    """Return a recovery instance as it is at the time `now`. Its states during a termination and a failback are guesses."""
    instance, job = existing.instance, existing.job.created
    arn = recovery_instance_arn(instance.instance_id, data.scope)
    source = data.source_servers.get(instance.source_server_id, {})
    hints = _hints(source)
    is_terminating = any(isinstance(later, SimulatedTermination) for later in existing.later_jobs)
    return {
        "ec2InstanceID": instance.instance_id,
        "ec2InstanceState": "SHUTTING-DOWN" if is_terminating else "RUNNING",
        "jobID": job.job_id,
        "recoveryInstanceID": instance.instance_id,
        "sourceServerID": instance.source_server_id,
        "arn": arn,
        "tags": data.tags(arn, {}),
        "failback": _failback(existing, now),
        "isDrill": job.is_drill,
        "recoveryInstanceProperties": {} if hints is None else {"identificationHints": hints},
    }


def _hints(server: Mapping[str, Any]) -> dict[str, Any] | None:
    properties: Mapping[str, Any] = server.get("sourceProperties") or {}
    return properties.get("identificationHints")


def _failback(existing: RecoveryInstance, now: datetime) -> dict[str, Any]:
    for later in existing.later_jobs:
        if isinstance(later, SimulatedFailback) and (job := later.job_at(now)) is not None:
            state = "FAILBACK_IN_PROGRESS" if not job.is_complete else "FAILBACK_COMPLETED"
            return {"state": state if job.outcome != Outcome.FAILED else "FAILBACK_ERROR", "failbackJobID": job.job_id}
    return {"state": "FAILBACK_NOT_STARTED"}


def _arn(resource_type: str, resource_id: str, scope: Scope) -> str:
    return f"arn:{partition_of(scope.region)}:drs:{scope.region}:{scope.account_id}:{resource_type}/{resource_id}"
