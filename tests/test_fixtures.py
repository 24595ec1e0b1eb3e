"""The pytest fixtures of drs_jobs.testing.pytest, in a pytest of their own, and what they rely on."""

import json
import os
import subprocess
import sys
from typing import Any

import boto3
import pytest

from conftest import ONE_ATTEMPT
from drs_jobs import JobsClient
from drs_jobs.testing import (
    BootFailure,
    ErrorResponse,
    LocalDrs,
    ServerError,
    make_job,
    make_log_item,
)

pytest_plugins = ["pytester"]

CONFTEST = """
from drs_jobs.testing.pytest import local_drs, local_drs_session
"""

COMMON = """
import os, subprocess, sys
import boto3
import pytest
from drs_jobs import JobsClient
from drs_jobs.testing import LocalDrs, make_job

def listed():
    return [job.job_id for job in JobsClient(region_name="eu-west-1").describe_jobs()]
"""


def _run(pytester: pytest.Pytester, code: str) -> pytest.RunResult:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(COMMON + code)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # importing them takes longer than the tests
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", timeout=60)


def test_session_fixture_is_shared(pytester: pytest.Pytester):
    """All tests have one endpoint and its data, until clear()."""
    result = _run(
        pytester,
        """
URLS = set()

def test_first(local_drs_session):
    URLS.add(local_drs_session.endpoint_url)
    local_drs_session.add_jobs(make_job())
    assert len(listed()) == 1

def test_second(local_drs_session):
    URLS.add(local_drs_session.endpoint_url)
    assert len(listed()) == 1
    local_drs_session.clear()
    assert listed() == []
    assert len(URLS) == 1

def test_without_it():
    assert os.environ["AWS_ENDPOINT_URL_DRS"] in URLS
""",
    )
    result.assert_outcomes(passed=3)


def test_session_fixture_serves_a_process(pytester: pytest.Pytester):
    """A process that starts once and lives as long as the session finds the endpoint by its environment."""
    result = _run(
        pytester,
        """
SERVICE = '''
import sys
from drs_jobs import JobsClient
client = JobsClient(region_name="eu-west-1")
for line in sys.stdin:
    print(len(list(client.describe_jobs())), flush=True)
'''

@pytest.fixture(scope="session")
def service(local_drs_session):
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", SERVICE], stdin=pipe, stdout=pipe, encoding="utf-8") as process:
        def count():
            process.stdin.write("\\n")
            process.stdin.flush()
            return int(process.stdout.readline())
        yield count
        process.stdin.close()

@pytest.mark.parametrize("number", [2, 5])
def test_count(number, service, local_drs_session):
    local_drs_session.clear()
    local_drs_session.add_jobs(*(make_job() for _ in range(number)))
    assert service() == number
""",
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("fixture", ["local_drs", "local_drs_session"])
def test_fixture_leaves_the_environment_as_it_was(fixture: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """The caller's credentials are not used in a test, and are there after it."""
    monkeypatch.setenv("AWS_PROFILE", "absent")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real")
    result = _run(
        pytester,
        f"""
def environment():
    return {{name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}}

BEFORE = environment()

@pytest.fixture(scope="session", autouse=True)
def compare():
    yield
    assert environment() == BEFORE

def test_use({fixture}):
    assert listed() == []
    [request] = {fixture}.requests
    assert request.access_key_id == "testing"
    assert "X-Amz-Security-Token" not in request.headers
""",
    )
    result.assert_outcomes(passed=1)


def test_both_fixtures_in_one_test(pytester: pytest.Pytester):
    """The one of the test takes precedence during the test; then the one of the session is back."""
    result = _run(
        pytester,
        """
@pytest.fixture
def inner(local_drs_session, local_drs):
    return local_drs

def test_inner(inner, local_drs_session):
    inner.add_jobs(make_job())
    assert len(listed()) == 1
    assert local_drs_session.requests == ()

def test_outer(local_drs_session):
    assert listed() == []
    assert len(local_drs_session.requests) == 1
""",
    )
    result.assert_outcomes(passed=2)


def test_no_fixture_without_an_import(pytester: pytest.Pytester):
    """drs_jobs is no pytest plugin: it does not change the tests of a project that has it installed."""
    pytester.makepyfile("def test_absent(local_drs): ...")
    pytester.runpytest_subprocess("-p", "no:cacheprovider", timeout=60).assert_outcomes(errors=1)


# ------------------------------------------------------------------ environment and clear


def test_environment_of_another_process():
    """It is complete: a process that has it alone uses the endpoint."""
    code = "import boto3, json; print(json.dumps([job['jobID'] for job in boto3.client('drs').describe_jobs()['items']]))"
    with LocalDrs() as local:
        job = make_job()
        local.add_jobs(job)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
        real = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "real"}
        result = subprocess.run(
            [sys.executable, "-c", code],
            env={**kept, **real, **local.environment},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=True,
        )
        [request] = local.requests
    assert json.loads(result.stdout) == [job.job_id]
    assert (request.region, request.access_key_id, request.account_id) == ("eu-west-1", "testing", "123456789012")


def test_environment_of_a_stopped_endpoint():
    local = LocalDrs().start()
    local.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = local.environment


def _fill(local: LocalDrs, boto: Any) -> None:
    """Use each method that changes something."""
    job = make_job()
    local.add_source_servers({"sourceServerID": "s-00000000000000001"})
    local.add_jobs(job)
    local.add_jobs(make_job(region="us-east-1"), region="us-east-1")
    local.add_log(job.job_id, make_log_item())
    local.fail_server("s-00000000000000002", BootFailure())
    boto.tag_resource(resourceArn=job.arn, tags={"a": "b"})
    boto.start_recovery(sourceServers=[{"sourceServerID": "s-00000000000000001"}])
    boto.update_launch_configuration(sourceServerID="s-00000000000000001", copyTags=True)
    local.respond("ListStagingAccounts", {"accounts": []})
    local.on_launch(lambda _: "i-00000000")
    local.respond("DescribeJobs", {"items": [{"jobID": job.job_id}]}, times=3)
    local.inject(ErrorResponse("AccessDeniedException"), times=2)
    local.inject(ServerError(), times=None, operation="DescribeJobs")


def test_clear():
    """It is as a new LocalDrs, at the same address: data of every region, faults, responses, failures and requests are gone."""
    with LocalDrs(speed=0, page_sizes=(7,)) as local:
        boto = local.client(config=ONE_ATTEMPT)
        _fill(local, boto)
        before = local.environment
        local.clear()
        assert local.requests == ()
        assert local.environment == before
        assert local.page_sizes == (7,)
        for region in ("eu-west-1", "us-east-1"):
            client = local.client(region, config=ONE_ATTEMPT)
            assert client.describe_jobs()["items"] == client.describe_source_servers()["items"] == []
        with pytest.raises(boto.exceptions.ClientError, match="ListStagingAccounts"):
            boto.list_staging_accounts()
        configuration = boto.get_launch_configuration(sourceServerID="s-00000000000000001")
        assert configuration["copyTags"] is False
        job_id = boto.start_recovery(sourceServers=[{"sourceServerID": "s-00000000000000002"}])["job"]["jobID"]
        local.advance(3600)
        assert JobsClient(boto).get_job(job_id).outcome == "SUCCEEDED"
        assert [one["ec2InstanceID"] for one in boto.describe_recovery_instances()["items"]] != ["i-00000000"]


def test_clear_ends_a_run_of_pages():
    """A token from before it gives the rest of the jobs that exist after it."""
    with LocalDrs(page_sizes=(1,)) as local:
        local.add_jobs(make_job(), make_job())
        token = local.client().describe_jobs()["nextToken"]
        local.clear()
        assert local.client().describe_jobs(nextToken=token)["items"] == []


def test_default_session_of_boto3(local_drs: LocalDrs):
    """A client of boto3's default session uses the endpoint. That session keeps the first credentials that it found."""
    boto3.client("drs").describe_jobs()
    assert [request.access_key_id for request in local_drs.requests] == ["testing"]
