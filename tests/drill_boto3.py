"""A drill in waves, with boto3 alone: python drill_boto3.py [poll interval in seconds]."""

import sys
import time
from datetime import datetime
from typing import Any

import boto3

WAVE_TAG = "Wave"
TIMEOUT = 3 * 3600
FAILURE_EVENTS = {"CLEANUP_FAIL", "SNAPSHOT_FAIL", "CONVERSION_FAIL", "LAUNCH_FAILED"}


def find_waves(client: Any) -> dict[str, list[str]]:
    """Return the ids of the source servers in each wave, by the value of their tag."""
    waves: dict[str, list[str]] = {}
    for page in client.get_paginator("describe_source_servers").paginate(filters={}):
        for server in page["items"]:
            if WAVE_TAG in server["tags"]:
                waves.setdefault(server["tags"][WAVE_TAG], []).append(server["sourceServerID"])
    return dict(sorted(waves.items()))


def wait(client: Any, job_id: str, poll_interval: float) -> dict[str, Any]:
    """Return a job once it is complete."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        jobs = client.describe_jobs(filters={"jobIDs": [job_id]})["items"]
        if not jobs:
            raise LookupError(f"job {job_id} was not found")
        if jobs[0]["status"] == "COMPLETED":
            job: dict[str, Any] = jobs[0]
            return job
        if time.monotonic() > deadline:
            raise TimeoutError(f"job {job_id} is still {jobs[0]['status']}")
        time.sleep(poll_interval)


def read_log(client: Any, job_id: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the EC2 instance of each server, and the reasons of each server that failed."""
    instances: dict[str, str] = {}
    reasons: dict[str, list[str]] = {}
    for page in client.get_paginator("describe_job_log_items").paginate(jobID=job_id):
        for item in page["items"]:
            data = item.get("eventData") or {}
            server_id = data.get("sourceServerID")
            if server_id and data.get("targetInstanceID"):
                instances[server_id] = data["targetInstanceID"]
            if server_id and item["event"] in FAILURE_EVENTS:
                reasons.setdefault(server_id, []).append(f"{item['event']}: {data.get('rawError', 'no reason given')}")
    return instances, reasons


def add_action_failures(job: dict[str, Any], reasons: dict[str, list[str]]) -> None:
    """Add the failed post-launch actions of a job to the reasons."""
    for server in job.get("participatingServers", []):
        for run in server.get("launchActionsStatus", {}).get("runs", []):
            action = run["action"]
            if run["status"] == "FAILED" and not action.get("optional"):
                reason = f"launch action {action['name']} failed: {run.get('failureReason')}"
                reasons.setdefault(server["sourceServerID"], []).append(reason)


def duration(job: dict[str, Any]) -> str:
    """Return how long a job took."""
    start, end = (datetime.fromisoformat(job[name]) for name in ("creationDateTime", "endDateTime"))
    return f"{round((end - start).total_seconds())} s"


def drill_wave(client: Any, wave: str, server_ids: list[str], poll_interval: float) -> tuple[list[str], bool]:
    """Drill one wave. Return the lines of its report, and whether it succeeded."""
    sources = [{"sourceServerID": server_id} for server_id in server_ids]
    started = client.start_recovery(isDrill=True, sourceServers=sources, tags={WAVE_TAG: wave})["job"]
    job = wait(client, started["jobID"], poll_interval)
    instances, reasons = read_log(client, job["jobID"])
    add_action_failures(job, reasons)
    statuses = {server["sourceServerID"]: server["launchStatus"] for server in job["participatingServers"]}
    running = running_instances(client, server_ids)
    succeeded, lines = True, list[str]()
    for server_id in server_ids:
        instance_id = instances.get(server_id)
        if reasons.get(server_id) or statuses.get(server_id) != "LAUNCHED":
            succeeded = False
            lines.append(f"  {server_id} failed: {', '.join(reasons.get(server_id, ['no reason in the log']))}")
        elif instance_id not in running:
            succeeded = False
            lines.append(f"  {server_id} failed: its instance {instance_id} does not run")
        else:
            lines.append(f"  {server_id} runs as {instance_id}")
    return [f"wave {wave}: {'SUCCEEDED' if succeeded else 'FAILED'} after {duration(job)}", *lines], succeeded


def running_instances(client: Any, server_ids: list[str]) -> list[str]:
    """Return the ids of the running recovery instances of some source servers."""
    pages = client.get_paginator("describe_recovery_instances").paginate(filters={"sourceServerIDs": server_ids})
    return [one["recoveryInstanceID"] for page in pages for one in page["items"] if one["ec2InstanceState"] == "RUNNING"]


def drill(client: Any, poll_interval: float = 15) -> tuple[list[str], bool]:
    """Drill all waves, terminate what they launched, and return the report and whether all of it succeeded."""
    report, all_succeeded = list[str](), True
    waves = find_waves(client)
    for wave, server_ids in waves.items():
        lines, succeeded = drill_wave(client, wave, server_ids, poll_interval)
        report += lines
        all_succeeded = all_succeeded and succeeded
    server_ids = [server_id for wave in waves.values() for server_id in wave]
    if instance_ids := running_instances(client, server_ids):
        job = client.terminate_recovery_instances(recoveryInstanceIDs=instance_ids)["job"]
        wait(client, job["jobID"], poll_interval)
    left = running_instances(client, server_ids)
    report.append(f"terminated {len(instance_ids) - len(left)} of {len(instance_ids)} instances")
    return report, all_succeeded and not left


if __name__ == "__main__":
    lines, succeeded = drill(boto3.client("drs"), *map(float, sys.argv[1:]))
    print("\n".join(lines))
    sys.exit(0 if succeeded else 1)
