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
from pathlib import Path

import pytest

from drs_jobs.testing import LocalDrs
from local_process import TIMEOUT, LocalProcess, local_process

SERVER = "s-00000000000000001"
OTHER = "s-00000000000000002"
ENV = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]
CLI = [sys.executable, "-m", "drs_jobs"]
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
    found = json.loads(local.run(*ENV, **before, **conflicting).stdout)
    assert found.keys().isdisjoint(conflicting)
    with LocalDrs() as other:
        expected = other.environment | {"AWS_ENDPOINT_URL_DRS": found["AWS_ENDPOINT_URL_DRS"]}
    assert {name: found[name] for name in expected} == expected
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", found["AWS_ENDPOINT_URL_DRS"])


@pytest.mark.parametrize(("options", "minutes"), [([], 9), (["--os", "windows"], 24)])
def test_drill_of_another_process(options: list[str], minutes: int, tmp_path: Path):
    """With speed, minutes take a second."""
    with local_process(tmp_path, "--speed", "2000", *options) as local:
        drill = local.run(sys.executable, "-c", DRILL)
        assert (drill.stdout.split()[0], drill.stderr) == ("SUCCEEDED", "")
        assert abs(int(drill.stdout.split()[1]) - minutes) <= 1
        listed = local.run(*CLI, "list", "--output", "json")
        assert [json.loads(line)["status"] for line in listed.stdout.splitlines()] == ["COMPLETED"]


def test_history(tmp_path: Path):
    """Jobs of the past, with their logs and source servers."""
    with local_process(tmp_path, "--history", "12", "--seed", "3") as local:
        jobs = [json.loads(line) for line in local.run(*CLI, "list", "--output", "json").stdout.splitlines()]
        assert len(jobs) == 12
        shown = json.loads(local.run(*CLI, "show", jobs[-1]["jobID"], "--output", "json").stdout)
        events = [item["event"] for item in shown["log"]]
        assert (events[0], events[-1]) == ("JOB_START", "JOB_END")
        code = "import boto3; print(len(boto3.client('drs').describe_source_servers()['items']))"
        assert int(local.run(sys.executable, "-c", code).stdout) > 1


def test_history_is_seeded(tmp_path: Path):
    """Two processes with the same seed have the same jobs, at different times."""
    ids = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with local_process(tmp_path / name, "--history", "5", "--seed", "3") as local:
            ids.append([json.loads(line)["jobID"] for line in local.run(*CLI, "list", "--output", "json").stdout.splitlines()])
    assert ids[0] == ids[1]
    assert len(ids[0]) == 5


@pytest.mark.parametrize("failure", ["SNAPSHOT", "SILENT"])
def test_fail(failure: str, tmp_path: Path):
    with local_process(tmp_path, "--speed", "2000", "--fail", f"{SERVER}={failure}", "--fail", f"{OTHER}=STUCK") as local:
        assert local.run(sys.executable, "-c", DRILL).stdout.split()[0] == "FAILED"


def test_ctrl_c(local: LocalProcess):
    """The status is that of an interruption, there is no traceback, and the port is closed."""
    url = json.loads(local.run(*ENV).stdout)["AWS_ENDPOINT_URL_DRS"]
    with pytest.raises(urllib.error.HTTPError):  # it is open before: an unsigned request is refused
        urllib.request.urlopen(url, timeout=TIMEOUT)
    assert local.stop() == (130, "drs-jobs: interrupted\n")
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(url, timeout=TIMEOUT)


def test_kill(local: LocalProcess):
    """As a script stops it: a process in the background of a script ignores Ctrl-C."""
    assert local.stop(signal.SIGTERM) == (-signal.SIGTERM, "")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--history", "-1"], "--history"),
        (["--speed", "-1"], "--speed"),
        (["--speed", "fast"], "--speed"),
        (["--speed", "inf"], "--speed"),
        (["--speed", "nan"], "--speed"),
        (["--fail", SERVER], "CLEANUP, SNAPSHOT, CONVERSION, LAUNCH, STUCK, SILENT"),
        (["--fail", f"{SERVER}=launch"], "SERVER=FAILURE"),
        (["--fail", f"{SERVER}=LAUNCH", "--fail", "s-2=STUCK"], "--fail 's-2=STUCK': 's-2' is not the id of a source server"),
        (["--fail", "=STUCK"], "'' is not the id of a source server"),
        (["--os", "mac"], "'linux', 'windows'"),
        (["--seed", "x"], "--seed"),
        (["--histories", "3"], "--history"),
        (["extra"], "extra"),
    ],
)
def test_bad_option_is_one_line(options: list[str], problem: str):
    command = [*CLI, "local", *options]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=TIMEOUT, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert problem in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")  # noqa: PTH110  # a device
def test_output_that_cannot_be_written():
    """It does not serve then, because no one could find it."""
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123  # a device
        result = subprocess.run(
            [*CLI, "local"], stdout=full, stderr=subprocess.PIPE, encoding="utf-8", timeout=TIMEOUT, check=False
        )
    assert result.returncode == 5
    assert result.stderr.count("\n") == 1
