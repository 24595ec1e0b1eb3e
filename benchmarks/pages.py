"""Pages of distinct jobs, as bytes."""

import json
from typing import Final

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
    """A drill of one server without post-launch actions: 1 KB of JSON."""
    job_id = f"drsjob-556c7b1d99{_NUMBER}00"
    return make_job(
        job_id=job_id,
        arn=f"arn:aws:drs:eu-west-1:123456789012:job/{job_id}",
        tags={"Name": f"drill {_NUMBER}", "team": "dr"},
        participating_servers=(make_server(source_server_id=f"s-51d6b65c7339{_NUMBER}"),),
    )


def _text(job: Job) -> str:
    """Return a job as JSON, with its number in its timestamps too."""
    raw = unstructure_job(job)
    text = json.dumps(raw)
    for moment in (raw["creationDateTime"], raw["endDateTime"]):
        text = text.replace(moment, f"{moment[:19]}.{_NUMBER}0+00:00")
    return text


_TEXTS: Final = {"large": _text(_large_job()), "small": _text(_small_job())}

KINDS: Final = tuple(_TEXTS)
"""The kinds of jobs: `large` and `small`."""


def size(kind: str) -> int:
    """Return the number of bytes of a job."""
    return len(_TEXTS[kind])


def page(kind: str, first: int, count: int, token: str | None) -> bytes:
    """Return a page of `count` jobs, numbered from `first`. No two jobs with numbers below 100,000 are equal."""
    items = ", ".join(_TEXTS[kind].replace(_NUMBER, f"{number % 100_000:05}") for number in range(first, first + count))
    following = "" if token is None else f', "nextToken": "{token}"'
    return f'{{"items": [{items}]{following}}}'.encode()
