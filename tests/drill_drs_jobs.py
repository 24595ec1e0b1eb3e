"""A drill in waves, with boto3 and drs_jobs: python drill_drs_jobs.py [poll interval in seconds]."""

import sys
from typing import Any

import boto3

from drs_jobs import JobsClient, Outcome

WAVE_TAG = "Wave"
TIMEOUT = 3 * 3600


def find_waves(client: Any) -> dict[str, list[str]]:
    """Return the ids of the source servers in each wave, by the value of their tag."""
    waves: dict[str, list[str]] = {}
    for page in client.get_paginator("describe_source_servers").paginate(filters={}):
        for server in page["items"]:
            if WAVE_TAG in server["tags"]:
                waves.setdefault(server["tags"][WAVE_TAG], []).append(server["sourceServerID"])
    return dict(sorted(waves.items()))


def running_instances(client: Any, server_ids: list[str]) -> list[str]:
    """Return the ids of the running recovery instances of some source servers."""
    pages = client.get_paginator("describe_recovery_instances").paginate(filters={"sourceServerIDs": server_ids})
    return [one["recoveryInstanceID"] for page in pages for one in page["items"] if one["ec2InstanceState"] == "RUNNING"]


def drill_wave(client: Any, wave: str, server_ids: list[str], poll_interval: float | None) -> tuple[list[str], bool]:
    """Drill one wave. Return the lines of its report, and whether it succeeded."""
    sources = [{"sourceServerID": server_id} for server_id in server_ids]
    started = client.start_recovery(isDrill=True, sourceServers=sources, tags={WAVE_TAG: wave})["job"]
    jobs = JobsClient(client)
    explanation = jobs.explain(jobs.wait(started, timeout=TIMEOUT, poll_interval=poll_interval))
    job = explanation.job
    running = running_instances(client, server_ids)
    failures = {failure.participant: ", ".join(failure.reasons) or "no reason in the log" for failure in explanation.failures}
    for server_id in server_ids:
        if server_id not in failures and explanation.instance_ids.get(server_id) not in running:
            failures[server_id] = f"its instance {explanation.instance_ids.get(server_id)} does not run"
    succeeded = job.outcome is Outcome.SUCCEEDED and not failures
    took = f"{round(job.duration.total_seconds())} s" if job.duration else "an unknown time"
    lines = [f"wave {wave}: {'SUCCEEDED' if succeeded else 'FAILED'} after {took}"]
    for server_id in server_ids:
        result = f"failed: {failures[server_id]}" if server_id in failures else f"runs as {explanation.instance_ids[server_id]}"
        lines.append(f"  {server_id} {result}")
    return lines, succeeded


def drill(client: Any, poll_interval: float | None = None) -> tuple[list[str], bool]:
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
        JobsClient(client).wait(job, timeout=TIMEOUT, poll_interval=poll_interval)
    left = running_instances(client, server_ids)
    report.append(f"terminated {len(instance_ids) - len(left)} of {len(instance_ids)} instances")
    return report, all_succeeded and not left


if __name__ == "__main__":
    lines, succeeded = drill(boto3.client("drs"), *map(float, sys.argv[1:]))
    print("\n".join(lines))
    sys.exit(0 if succeeded else 1)
