"""`drs-jobs show`: one job with its servers, reasons and log, and the exit status for its outcome."""

import json
from typing import Any

import attrs
import pytest

from command_line import run
from drs_jobs import Job, LaunchActionsStatus, structure_job
from drs_jobs.testing import ErrorResponse, LocalDrs, make_job, make_log_item, make_run, make_server


def failed_job(local_drs: LocalDrs) -> Job:
    action = make_run(status="FAILED", name="Check disk", failure_reason="no space")
    servers = (
        make_server(source_server_id="s-good"),
        make_server(source_server_id="s-bad", launch_status="FAILED"),
        make_server(source_server_id="s-invalid", launch_actions_status=LaunchActionsStatus(runs=(action,))),
    )
    job = make_job(participating_servers=servers, tags={"Owner": "me"})
    local_drs.add_jobs(job)
    local_drs.add_log(job.job_id, make_log_item(event="LAUNCH_FAILED", source_server_id="s-bad", raw_error="does not boot"))
    return job


def test_show_table(local_drs: LocalDrs):
    """Servers, instances, actions, reasons and log are there; tags are not. A failed job is exit status 1."""
    job = failed_job(local_drs)
    result = run("show", job.job_id)
    assert (result.returncode, result.stderr) == (1, "")
    instance = job.participating_servers[0].recovery_instance_id
    for part in (
        str(instance),
        "Check disk: FAILED",
        "failed: s-bad",
        "    LAUNCH_FAILED: does not boot",
        "failed: s-invalid",
        "no space",
    ):
        assert part in result.stdout
    assert str(job.console_url) in result.stdout
    assert "Owner" not in result.stdout
    assert "Owner=me" in run("show", job.job_id, "--tags").stdout


def test_show_common_causes(local_drs: LocalDrs):
    """What several servers have in common, and what failed for the job as a whole."""
    servers = tuple(make_server(source_server_id=f"s-{n}", launch_status="FAILED") for n in range(2))
    job = make_job(participating_servers=servers)
    error = (
        "User: x is not authorized to perform: ec2:DeleteVolume on resource: arn:aws:ec2:eu-west-1:123456789012:volume/vol-{}"
    )
    items = [make_log_item(event="LAUNCH_FAILED", source_server_id=f"s-{n}", raw_error=error.format(n)) for n in range(2)]
    local_drs.add_jobs(job)
    local_drs.add_log(job.job_id, *items, make_log_item(event="LAUNCH_FAILED", source_server_id="s-9"))
    lines = run("show", job.job_id).stdout.splitlines()
    assert "ec2:DeleteVolume refused, 2 participants" in lines
    assert "job: s-9: LAUNCH_FAILED" in lines
    assert not [line for line in lines if line.endswith(", 1 participant")]


def test_show_json(local_drs: LocalDrs):
    """One line with the job in AWS's shape, with its outcome, failures and log."""
    job = failed_job(local_drs)
    raw = json.loads(run("show", job.job_id, "--output", "json").stdout)
    assert attrs.evolve(job, tags={}) == structure_job(raw)
    assert (raw["outcome"], raw["logError"], len(raw["log"])) == ("FAILED", None, 1)
    assert raw["failures"][0] == {"participant": "s-bad", "reasons": ["LAUNCH_FAILED: does not boot"]}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 0),
        ({"participating_servers": (make_server(launch_status="FAILED"),)}, 1),
        ({"participating_servers": ()}, 4),
        ({"status": "STARTED"}, 0),
    ],
)
def test_exit_status_of_show(fields, status, local_drs: LocalDrs):
    """0 succeeded or running, 1 failed, 4 undetermined."""
    job = make_job(**fields)
    local_drs.add_jobs(job)
    assert status == run("show", job.job_id).returncode


def test_show_without_a_log(local_drs: LocalDrs):
    """The job is shown, and the error of the log is on stderr."""
    job = make_job()
    with LocalDrs() as other:
        other.add_jobs(job)
        real = other._respond

        def respond(request: Any) -> Any:
            if request.path == "/DescribeJobLogItems":
                other.inject(ErrorResponse("AccessDeniedException", 403))
            return real(request)

        other._server._respond = respond  # type: ignore[union-attr]
        result = run("show", job.job_id, "--endpoint-url", other.endpoint_url)
    assert (result.returncode, job.job_id in result.stdout) == (0, True)
    assert "the log could not be read" in result.stderr
