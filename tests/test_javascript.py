"""LocalDrs with AWS's JavaScript SDK. `make check` installs it if node is installed."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from drs_jobs import JobsClient, structure_job, structure_log_item
from drs_jobs.testing import BootFailure, ErrorResponse, LocalDrs, ServerError, Throttle, make_job
from local_process import local_process

HERE = Path(__file__).parent / "javascript"
PAGE = Path(__file__).parent.parent / "docs" / "testing.md"
SERVERS = [f"s-{number:017}" for number in range(3)]

pytestmark = [
    pytest.mark.needs_check_env,
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.skipif(not (HERE / "node_modules" / "ready").exists(), reason="make test-check installs the JavaScript SDK"),
]


def _command(scenario: str, *arguments: str) -> list[str]:
    return ["node", str(HERE / "client.mjs"), scenario, *arguments]


def _node(scenario: str, *arguments: str, **environment: str) -> Any:
    """Run a scenario of client.mjs, and return the JSON value that it prints."""
    command = _command(scenario, *arguments)
    env = {**os.environ, **environment}
    result = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False, env=env)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("page_size", [[], ["1"]])
def test_pages(page_size: list[str], client: JobsClient, local_drs: LocalDrs):
    """Its paginator follows the tokens, past an empty page too."""
    local_drs.page_sizes = (3, 0, 2)
    local_drs.add_jobs(*(make_job() for _ in range(12)))
    jobs = [structure_job(raw) for raw in _node("listJobs", *page_size)]
    assert jobs == list(client.describe_jobs())
    assert len(jobs) == 12


def test_drill():
    """It starts a drill, waits for it and reads its log."""
    with LocalDrs(speed=1000) as local:
        local.fail_server(SERVERS[1], BootFailure("no boot device"))
        drill = _node("drill", *SERVERS, **local.environment)
        client = JobsClient(local.client())
        explanation = client.explain(drill["job"]["jobID"])
    assert drill["statuses"] in (["PENDING", "STARTED", "COMPLETED"], ["PENDING", "COMPLETED"])
    assert structure_job(drill["job"]) == explanation.job
    assert [structure_log_item(raw) for raw in drill["log"]] == list(explanation.log)
    assert [failure.reasons for failure in explanation.failures] == [("LAUNCH_FAILED: no boot device",)]


def test_conflict():
    with LocalDrs(speed=0) as local:
        assert _node("startRecovery", SERVERS[0], **local.environment) is None
        error = _node("startRecovery", SERVERS[0], **local.environment)
    assert (error["name"], error["isTyped"], error["status"]) == ("ConflictException", True, 409)
    assert "currently being processed by a Job" in error["message"]


def test_validation_error(local_drs: LocalDrs):
    """With AWS's list of fields."""
    error = _node("describeJobs", "0")
    assert (error["name"], error["isTyped"], error["status"]) == ("ValidationException", True, 400)
    assert [field["name"] for field in error["fieldList"]] == ["maxResults"]
    assert len(local_drs.requests) == 1


def test_injected_error(local_drs: LocalDrs):
    local_drs.inject(ErrorResponse("UninitializedAccountException", message="not initialized"), operation="DescribeJobs")
    error = _node("describeJobs", "5")
    assert (error["name"], error["isTyped"], error["status"]) == ("UninitializedAccountException", True, 400)
    assert error["message"] == "not initialized"


@pytest.mark.parametrize("fault", [Throttle(), ServerError(retry_after=0)])
def test_transient_error_is_retried(fault: Any, local_drs: LocalDrs):
    local_drs.inject(fault)
    assert _node("describeJobs", "5") is None
    assert [request.operation for request in local_drs.requests] == ["DescribeJobs"] * 2


def test_throttling_without_end(local_drs: LocalDrs):
    """After its last attempt, the error is typed."""
    local_drs.inject(Throttle(), times=None)
    error = _node("describeJobs", "5", AWS_MAX_ATTEMPTS="2")
    assert (error["name"], error["isTyped"], error["attempts"]) == ("ThrottlingException", True, 2)
    assert len(local_drs.requests) == 2


def test_endpoint_of_another_process(tmp_path: Path):
    with local_process(tmp_path, "--speed", "1000") as local:
        drill = local.run(*_command("drill", SERVERS[0]))
        listed = local.run(*_command("listJobs"))
    assert [job["jobID"] for job in json.loads(listed.stdout)] == [json.loads(drill.stdout)["job"]["jobID"]]


def test_documented_example(tmp_path: Path, local_drs: LocalDrs):
    """The JavaScript in docs/testing.md."""
    [example] = re.findall(r"^```js\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / "example.mjs").write_text(example, encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    command = ["node", str(tmp_path / "example.mjs")]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert (result.stdout, result.stderr) == ("ConflictException\n1\n", "")
    assert [request.operation for request in local_drs.requests] == ["StartRecovery", "StartRecovery", "DescribeJobs"]
