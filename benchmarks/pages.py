"""Pages of distinct jobs, as bytes."""

import json
from typing import Any, Final

import attrs

from drs_jobs import (
    Job,
    LaunchActionParameter,
    LaunchActionParameterType,
    LaunchActionRun,
    LaunchActionsStatus,
    unstructure_job,
)
from drs_jobs.testing import make_job, make_run, make_server

_NUMBER: Final = "40404"
"""Digits in every id and timestamp of the prepared jobs, which are replaced by the number of the job."""


def _large_job() -> Job:
    """A drill of four servers with two post-launch actions each: 5 KB of JSON."""
    parameter = LaunchActionParameter(type=LaunchActionParameterType.SSM_STORE, value="/drs/validation/timeout")

    def run(number: int) -> LaunchActionRun:
        made = make_run(run_id=f"15f342bf-9c42-0f83-2{number:03}-b79e86f{_NUMBER}")
        action = made.action and attrs.evolve(
            made.action, description="Checks the free disk space", parameters={"Timeout": parameter}
        )
        return attrs.evolve(made, action=action)

    job = _small_job()
    status = LaunchActionsStatus(runs=(run(1), run(2)), ssm_agent_discovery_datetime=job.creation_date_time)
    servers = tuple(
        make_server(
            source_server_id=f"s-51d6b65c7339{_NUMBER}",
            recovery_instance_id=f"i-0abcdef12{number}0{_NUMBER}",
            launch_actions_status=status,
        )
        for number in range(4)
    )
    return attrs.evolve(job, participating_servers=servers)


def _small_job() -> Job:
    """A drill of one server with one post-launch action: 1 KB of JSON."""
    job_id = f"drsjob-556c7b1d99{_NUMBER}00"
    server = make_server(
        source_server_id=f"s-51d6b65c7339{_NUMBER}",
        recovery_instance_id=f"i-0abcdef12100{_NUMBER}",
        launch_actions_status=LaunchActionsStatus(runs=(make_run(),)),
    )
    return make_job(
        job_id=job_id,
        arn=f"arn:aws:drs:eu-west-1:123456789012:job/{job_id}",
        tags={"Name": f"drill {_NUMBER}", "team": "dr"},
        participating_servers=(server,),
    )


def _text(job: Job) -> str:
    """Return a job as JSON, with its number in its timestamps too."""
    raw = unstructure_job(job)
    text = json.dumps(raw)
    for moment in (raw["creationDateTime"], raw["endDateTime"]):
        text = text.replace(moment, f"{moment[:19]}.{_NUMBER}0+00:00")
    return text


# ------------------------------------------------------------------ jobs as the service sends them


def _real_job(servers: list[dict[str, Any]]) -> str:
    """Return a completed drill as JSON, with the members, the timestamps and the empty tags that were seen in real jobs."""
    job_id = f"drsjob-556c7b1d99{_NUMBER}00"
    job = {
        "arn": f"arn:aws:drs:us-west-2:123456789012:job/{job_id}",
        "creationDateTime": f"2022-12-07T19:15:38.{_NUMBER}0+00:00",
        "endDateTime": f"2022-12-07T19:24:32.{_NUMBER}0+00:00",
        "initiatedBy": "START_DRILL",
        "jobID": job_id,
        "participatingServers": servers,
        "status": "COMPLETED",
        "tags": {},
        "type": "LAUNCH",
    }
    return json.dumps(job)


def _real_servers(count: int, **members: Any) -> list[dict[str, Any]]:
    """Return servers with different ids, without `recoveryInstanceID`, as after a drill."""
    ids = (f"s-51d6b65c73{number:02}{_NUMBER}" for number in range(count))
    return [{**members, "launchStatus": "LAUNCHED", "sourceServerID": server_id} for server_id in ids]


REAL: Final = {
    "one-server": "one server",
    "25-servers": "25 servers with empty launchActionsStatus runs",
    "launch-actions": "two servers with two launch actions each",
}
"""Kinds of jobs in the shape of real responses, and what they are. The launch actions are as in the service model."""

_LAUNCH_ACTIONS: Final = {
    **unstructure_job(_large_job())["participatingServers"][0]["launchActionsStatus"],
    "ssmAgentDiscoveryDatetime": f"2022-12-07T19:22:01.{_NUMBER}0+00:00",
}

_TEXTS: Final = {
    "large": _text(_large_job()),
    "small": _text(_small_job()),
    "one-server": _real_job(_real_servers(1)),
    "25-servers": _real_job(_real_servers(25, launchActionsStatus={"runs": []})),
    "launch-actions": _real_job(_real_servers(2, launchActionsStatus=_LAUNCH_ACTIONS)),
}
"""A job of each kind as JSON."""


def size(kind: str) -> int:
    """Return the number of bytes of a job."""
    return len(_TEXTS[kind])


def page(kind: str, first: int, count: int, token: str | None) -> bytes:
    """Return a page of `count` jobs, numbered from `first`. No two jobs with numbers below 100,000 are equal."""
    items = ", ".join(_TEXTS[kind].replace(_NUMBER, f"{number % 100_000:05}") for number in range(first, first + count))
    following = "" if token is None else f', "nextToken": "{token}"'
    return f'{{"items": [{items}]{following}}}'.encode()
