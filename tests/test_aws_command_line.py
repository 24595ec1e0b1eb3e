"""LocalDrs with AWS's command line, which pins a botocore version and so needs an environment of its own."""

import json
import os
import subprocess
from typing import Any

import pytest

from drs_jobs import JobsClient, structure_job
from drs_jobs.testing import LocalDrs, make_job

pytestmark = pytest.mark.needs_check_env


def _aws(*arguments: str) -> Any:
    command = [os.environ["DRS_JOBS_AWS_CLI"], "drs", "describe-jobs", "--output", "json", *arguments]
    return json.loads(subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=120).stdout)


def test_aws_command_line_lists_the_same_jobs(client: JobsClient, local_drs: LocalDrs):
    """It uses AWS_ENDPOINT_URL_DRS, and it pages and filters."""
    local_drs.page_sizes = (3, 0, 2)
    jobs = [make_job() for _ in range(12)]
    local_drs.add_jobs(*jobs)
    ours = client.describe_jobs().collect()
    assert ours == tuple(structure_job(raw) for raw in _aws()["items"])
    assert ours == tuple(structure_job(raw) for raw in _aws("--page-size", "1")["items"])
    assert [jobs[4]] == [structure_job(raw) for raw in _aws("--filters", f"jobIDs={jobs[4].job_id}")["items"]]
