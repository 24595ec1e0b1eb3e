"""Three automations as operators write them, with boto3 alone: they know nothing of LocalDrs."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError


def _items(client: Any, operation: str, **request: Any) -> list[dict[str, Any]]:
    return [item for page in client.get_paginator(operation).paginate(**request) for item in page["items"]]


def synchronize_tags(client: Any, inventory: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Give source servers and recovery instances the tags of an inventory, by host name. Return what was done, by host name."""
    report: dict[str, str] = {}
    hosts: dict[str, str] = {}
    for server in _items(client, "describe_source_servers", filters={}):
        host = server["sourceProperties"]["identificationHints"]["hostname"]
        hosts[server["sourceServerID"]] = host
        report[host] = _set_tags(client, server["arn"], inventory.get(host, {}))
    for instance in _items(client, "describe_recovery_instances", filters={"sourceServerIDs": list(hosts)}):
        host = hosts[instance["sourceServerID"]]
        report[f"{host} as {instance['ec2InstanceID']}"] = _set_tags(client, instance["arn"], inventory.get(host, {}))
    return report


def _set_tags(client: Any, arn: str, tags: Mapping[str, str]) -> str:
    current = client.list_tags_for_resource(resourceArn=arn)["tags"]
    added = {key: value for key, value in tags.items() if current.get(key) != value}
    removed = sorted(current.keys() - tags.keys())
    if added:
        client.tag_resource(resourceArn=arn, tags=added)
    if removed:
        client.untag_resource(resourceArn=arn, tagKeys=removed)
    return f"+{len(added)} -{len(removed)}"


def run_plan(client: Any, waves: Sequence[Sequence[str]], poll_interval: float) -> list[str]:
    """Recover servers in waves from their latest point in time. A failed server is retried once, and then ends the plan."""
    report: list[str] = []
    for number, wave in enumerate(waves, 1):
        if not _is_ready(client, wave):
            return [*report, f"wave {number} is not ready"]
        failed = _recover(client, wave, number, poll_interval)
        retried = _recover(client, failed, number, poll_interval) if failed else []
        report.append(f"wave {number}: {len(wave) - len(retried)} of {len(wave)}, retried {len(failed)}")
        if retried:
            return [*report, f"stopped: {', '.join(_reason(client, server) for server in retried)}"]
    return report


def _is_ready(client: Any, wave: Sequence[str]) -> bool:
    servers = _items(client, "describe_source_servers", filters={"sourceServerIDs": list(wave)})
    replication = [server["dataReplicationInfo"] for server in servers]
    return [(one["dataReplicationState"], one["lagDuration"]) for one in replication] == [("CONTINUOUS", "P0D")] * len(wave)


def _recover(client: Any, servers: Sequence[str], number: int, poll_interval: float) -> list[str]:
    """Return the servers that failed."""
    requests: list[dict[str, str]] = []
    for server in servers:
        [snapshot] = client.describe_recovery_snapshots(sourceServerID=server, order="DESC", maxResults=1)["items"]
        requests.append({"sourceServerID": server, "recoverySnapshotID": snapshot["snapshotID"]})
    started = client.start_recovery(isDrill=False, sourceServers=requests, tags={"wave": str(number)})["job"]
    while True:
        [job] = client.describe_jobs(filters={"jobIDs": [started["jobID"]]})["items"]
        if job["status"] == "COMPLETED":
            return [one["sourceServerID"] for one in job["participatingServers"] if one["launchStatus"] != "LAUNCHED"]
        time.sleep(poll_interval)


def _reason(client: Any, server: str) -> str:
    [described] = client.describe_source_servers(filters={"sourceServerIDs": [server]})["items"]
    job_id = described["lifeCycle"]["lastLaunch"]["initiated"]["jobID"]
    errors = [
        one["eventData"] for one in _items(client, "describe_job_log_items", jobID=job_id) if "rawError" in one["eventData"]
    ]
    return next(f"{server}: {one['rawError']}" for one in errors if one["sourceServerID"] == server)


def synchronize_configurations(client: Any, launch: Mapping[str, Any], replication: Mapping[str, Any]) -> dict[str, list[str]]:
    """Give all source servers the same settings. Return the changed members, by server."""
    report: dict[str, list[str]] = {}
    for server in _items(client, "describe_source_servers", filters={}):
        server_id = server["sourceServerID"]
        changes: list[str] = []
        try:
            current = client.get_launch_configuration(sourceServerID=server_id)
            if changed := {name: value for name, value in launch.items() if current[name] != value}:
                changes += client.update_launch_configuration(sourceServerID=server_id, **changed).keys() & changed.keys()
            current = client.get_replication_configuration(sourceServerID=server_id)
            disks = [{**disk, "stagingDiskType": "GP3"} for disk in current["replicatedDisks"]]
            wanted = {**replication, "replicatedDisks": disks}
            if changed := {name: value for name, value in wanted.items() if current[name] != value}:
                changes += client.update_replication_configuration(sourceServerID=server_id, **changed).keys() & changed.keys()
        except ClientError as error:  # as real ones do; it hides what a simulation lacks
            changes.append(error.response["Error"]["Code"])
        report[server_id] = sorted(changes)
    return report
