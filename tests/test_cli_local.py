"""`drs-jobs local`: a process that serves a LocalDrs, and other processes that find it by its output."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from command_line import COMMAND, run
from drs_jobs import JobsClient
from drs_jobs.testing import LocalDrs, make_history
from local_process import TIMEOUT, LocalProcess, local_process

SERVER = "s-00000000000000001"
ENV = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]
DRILL = f"""
import boto3
from drs_jobs import JobsClient
boto_client = boto3.client("drs")
job = boto_client.start_recovery(isDrill=True, sourceServers=[{{"sourceServerID": "{SERVER}"}}])["job"]
job = JobsClient(boto_client).wait(job, timeout=60, poll_interval=0.02)
print(job.outcome, round(job.duration.total_seconds() / 60))
"""


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalProcess]:
    with local_process(tmp_path) as process:
        yield process


def test_lines_are_the_environment(local: LocalProcess):
    """A shell that reads them has the variables of LocalDrs.environment, whatever it had before."""
    before = {"AWS_ENDPOINT_URL_DRS": "http://127.0.0.1:1", "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "real"}
    conflicting = {"AWS_PROFILE": "absent", "AWS_DEFAULT_PROFILE": "absent", "AWS_SESSION_TOKEN": "expired"}
    variables = json.loads(local.run(*ENV, **before, **conflicting).stdout)
    assert variables.keys().isdisjoint(conflicting)
    with LocalDrs() as other:
        expected = other.environment | {"AWS_ENDPOINT_URL_DRS": variables["AWS_ENDPOINT_URL_DRS"]}
    assert {name: variables[name] for name in expected} == expected
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", variables["AWS_ENDPOINT_URL_DRS"])


def test_drill_of_another_process(tmp_path: Path):
    """With speed, minutes take a second."""
    with local_process(tmp_path, "--speed", "2000") as local:
        drill = local.run(sys.executable, "-c", DRILL)
        assert (drill.stdout.split()[0], drill.stderr) == ("SUCCEEDED", "")
        assert abs(int(drill.stdout.split()[1]) - 9) <= 1
        listed = run("list", "--output", "json", **local.environment)
        assert [json.loads(line)["status"] for line in listed.stdout.splitlines()] == ["COMPLETED"]


def test_failures_of_windows_servers(tmp_path: Path):
    """Each server has its own failure; the others have none."""
    failures = {"s-00000000000000002": "SNAPSHOT", "s-00000000000000003": "SILENT", "s-00000000000000004": "STUCK"}
    options = [word for server, failure in failures.items() for word in ("--fail", f"{server}={failure}")]
    with local_process(tmp_path, "--speed", "2000", "--os", "windows", *options) as local:
        boto_client = local.client()
        started = [
            boto_client.start_recovery(isDrill=True, sourceServers=[{"sourceServerID": server}])["job"]["jobID"]
            for server in (SERVER, *failures)
        ]
        good, *failed = JobsClient(boto_client).wait_all(started[:3], timeout=60, poll_interval=0.05)
        assert [job.outcome.name for job in (good, *failed)] == ["SUCCEEDED", "FAILED", "FAILED"]
        assert good.duration is not None
        assert abs(good.duration.total_seconds() / 60 - 24) <= 1
        assert JobsClient(boto_client).get_job(started[3]).outcome.name == "RUNNING"


def test_history(tmp_path: Path):
    """Jobs of the past, the same for the same seed, with their logs and source servers."""
    with local_process(tmp_path, "--history", "12", "--seed", "3") as local:
        client = JobsClient(local.client())
        jobs = client.describe_jobs().collect()
        expected = make_history(12, until=datetime.now(UTC), seed=3, logs=True)
        assert [job.job_id for job in jobs] == [job.job_id for job in expected]
        events = [item.event for item in client.describe_job_log_items(jobs[-1].job_id)]
        assert (events[0], events[-1]) == ("JOB_START", "JOB_END")
        assert len(local.client().describe_source_servers()["items"]) == len(expected.source_servers)


def memory(process: LocalProcess) -> int:
    """The resident memory of a process, in bytes."""
    text = Path(f"/proc/{process.process.pid}/statm").read_text(encoding="utf-8")
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system has no /proc")
def test_requests_are_not_kept(local: LocalProcess):
    """It can run for days."""
    client = local.client()
    body = {"filters": {"jobIDs": [f"drsjob-{number:017}" for number in range(1000)]}}
    for count in (20, 200):  # of 30 KB as text, and 80 KB as objects
        before = memory(local)
        for _ in range(count):
            client.describe_jobs(**body)
    assert memory(local) - before < 8_000_000


def test_ctrl_c(local: LocalProcess):
    """The status is that of an interruption, there is no traceback, and the port is closed."""
    url = json.loads(local.run(*ENV).stdout)["AWS_ENDPOINT_URL_DRS"]
    with pytest.raises(urllib.error.HTTPError) as refused:  # it is open before: an unsigned request is refused
        urllib.request.urlopen(url, timeout=TIMEOUT)
    refused.value.close()  # from Python 3.14 on, an open one is a ResourceWarning
    assert local.stop() == (130, "drs-jobs: interrupted\n")
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(url, timeout=TIMEOUT)


def test_kill(local: LocalProcess):
    """As a script stops it: a process in the background of a script ignores Ctrl-C."""
    assert local.stop(signal.SIGTERM) == (143, "")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--history", "-1"], "--history"),
        (["--speed", "-1"], "--speed"),
        (["--speed", "fast"], "--speed"),
        (["--speed", "inf"], "speed must be from 0 to 1,000,000"),
        (["--speed", "nan"], "speed"),
        (["--fail", SERVER], "CLEANUP, SNAPSHOT, CONVERSION, LAUNCH, STUCK, SILENT"),
        (["--fail", f"{SERVER}=launch"], "SERVER=FAILURE"),
        (["--fail", f"{SERVER}=LAUNCH", "--fail", "s-2=STUCK"], "'s-2' is not the id of a source server"),
        (["--fail", "=STUCK"], "'' is not the id of a source server"),
        (["--os", "mac"], "'linux', 'windows'"),
        (["--seed", "x"], "--seed"),
        (["--histories", "3"], "--history"),
        (["extra"], "extra"),
    ],
)
def test_bad_option_is_one_line(options: list[str], problem: str):
    result = run("local", *options)
    assert (result.returncode, result.stdout) == (2, "")
    assert problem in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")  # noqa: PTH110  # a device
def test_output_that_cannot_be_written():
    """It does not serve then, because no one could find it."""
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123  # a device
        result = subprocess.run(
            [*COMMAND, "local"], stdout=full, stderr=subprocess.PIPE, encoding="utf-8", timeout=TIMEOUT, check=False
        )
    assert result.returncode == 5
    assert result.stderr.count("\n") == 1
