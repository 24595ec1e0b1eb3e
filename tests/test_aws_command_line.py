"""LocalDrs with AWS's command line. It pins a botocore version and so needs an environment of its own."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from command_line import run
from drs_jobs import JobsClient, Outcome, structure_job, structure_log_item
from drs_jobs.saved import SavedJobs
from drs_jobs.testing import ErrorResponse, LocalDrs, Throttle, make_job
from local_process import local_process

pytestmark = pytest.mark.needs_check_env

PAGE = Path(__file__).parent.parent / "docs" / "testing.md"
SERVER = "s-00000000000000001"


def _command(*arguments: str) -> list[str]:
    return [os.environ["DRS_JOBS_AWS_CLI"], "drs", *arguments, "--output", "json"]


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    return subprocess.run(_command(*arguments), capture_output=True, encoding="utf-8", check=False, timeout=120, env=env)


def _aws(*arguments: str, **environment: str) -> Any:
    result = _run(*arguments, **environment)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_aws_command_line_lists_the_same_jobs(client: JobsClient, local_drs: LocalDrs):
    """It uses AWS_ENDPOINT_URL_DRS, and it pages and filters."""
    local_drs.page_sizes = (3, 0, 2)
    jobs = [make_job() for _ in range(12)]
    local_drs.add_jobs(*jobs)
    ours = client.describe_jobs().collect()
    assert ours == tuple(structure_job(raw) for raw in _aws("describe-jobs")["items"])
    assert ours == tuple(structure_job(raw) for raw in _aws("describe-jobs", "--page-size", "1")["items"])
    assert [jobs[4]] == [structure_job(raw) for raw in _aws("describe-jobs", "--filters", f"jobIDs={jobs[4].job_id}")["items"]]


@pytest.mark.parametrize("options", [[], ["--page-size", "1"], ["--no-paginate"]])
def test_saved_output_is_read_as_aws_is(options: list[str], client: JobsClient, local_drs: LocalDrs, tmp_path: Path):
    local_drs.add_jobs(*(make_job() for _ in range(12)))
    file = tmp_path / "jobs.json"
    file.write_text(_run("describe-jobs", *options).stdout, encoding="utf-8")
    assert JobsClient(SavedJobs(file)).describe_jobs().collect() == client.describe_jobs().collect()
    assert run("list", "-o", "json", "--from", str(file)).stdout == run("list", "-o", "json").stdout


def test_drill():
    """Start, complete, log, instances, tags and clean-up."""
    with LocalDrs(speed=0) as local:
        environment = local.environment
        started = _aws("start-recovery", "--is-drill", "--source-servers", f"sourceServerID={SERVER}", **environment)["job"]
        client = JobsClient(local.client())
        assert started["tags"] == {"resourceArn": started["arn"]}, "a pseudo-tag, which only the response of a start has"
        assert structure_job({**started, "tags": {}}) == client.get_job(started["jobID"])
        local.advance(3600)
        explanation = client.explain(started["jobID"])
        log = _aws("describe-job-log-items", "--job-id", started["jobID"], **environment)["items"]
        assert [structure_log_item(raw) for raw in log] == list(explanation.log)
        _run("tag-resource", "--resource-arn", started["arn"], "--tags", "wave=1", **environment).check_returncode()
        assert _aws("list-tags-for-resource", "--resource-arn", started["arn"], **environment) == {"tags": {"wave": "1"}}
        [instance] = _aws("describe-recovery-instances", **environment)["items"]
        assert instance["ec2InstanceID"] == explanation.instance_ids[SERVER]
        instance_id = instance["recoveryInstanceID"]
        ended = _aws("terminate-recovery-instances", "--recovery-instance-ids", instance_id, **environment)["job"]
        local.advance(3600)
        assert client.get_job(ended["jobID"]).outcome is Outcome.SUCCEEDED
        assert _aws("describe-recovery-instances", **environment)["items"] == []


def test_errors(local_drs: LocalDrs):
    """An error has AWS's name, and throttling is retried."""
    local_drs.inject(Throttle())
    assert _aws("describe-jobs")["items"] == []
    local_drs.inject(ErrorResponse("UninitializedAccountException"))
    result = _run("describe-jobs")
    assert result.returncode != 0
    assert "UninitializedAccountException" in result.stderr


def test_endpoint_of_another_process(tmp_path: Path):
    with local_process(tmp_path) as local:
        started = local.run(*_command("start-recovery", "--source-servers", f"sourceServerID={SERVER}"))
        listed = local.run(*_command("describe-jobs"))
    assert [job["jobID"] for job in json.loads(listed.stdout)["items"]] == [json.loads(started.stdout)["job"]["jobID"]]


def test_documented_script(tmp_path: Path):
    """The shell script in docs/testing.md, with the commands of these environments."""
    [script] = re.findall(r"^```sh\n(drs-jobs local.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    folders = [Path(sys.executable).parent, Path(os.environ["DRS_JOBS_AWS_CLI"]).absolute().parent, os.environ["PATH"]]
    process = subprocess.Popen(
        ["sh", "-euc", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": os.pathsep.join(map(str, folders))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    with process:
        try:
            # Standard output ends when the endpoint is stopped too.
            stdout, stderr = process.communicate(timeout=120)
        finally:
            with contextlib.suppress(ProcessLookupError):  # it has ended, as it should
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, stderr
    assert '"jobID"' in stdout
    assert stdout.splitlines()[-1] in {"PENDING", "STARTED"}
