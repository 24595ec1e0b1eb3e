"""`drs-jobs demo`: its "Try next", and `--serve` as a process."""

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from command_line import COMMAND, run, run_apart
from drs_jobs.cli.commands.demo import own_command
from local_process import LocalProcess

NO_AWS = {
    "AWS_ACCESS_KEY_ID": "",
    "AWS_SECRET_ACCESS_KEY": "",
    "AWS_DEFAULT_REGION": "",
    "AWS_REGION": "",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


@attrs.frozen
class Served:
    """A running `drs-jobs demo --serve`, and the commands that it suggests."""

    local: LocalProcess
    job_id: str
    commands: list[str]


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[Served]:
    lines = folder / "env.sh"
    with lines.open("w", encoding="utf-8") as output:
        process = subprocess.Popen([*COMMAND, "demo", "--serve"], stdout=output, stderr=subprocess.PIPE, encoding="utf-8")
    with process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline().startswith("DRS endpoint at http://127.0.0.1:")
            introduction = process.stderr.readline()
            commands = [process.stderr.readline().strip() for _ in range(5)]
            yield Served(LocalProcess(process, lines), introduction.split()[-1].rstrip(":"), commands)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with _served(tmp_path_factory.mktemp("served")) as process:
        yield process


def test_year_and_running_drill(served: Served):
    listed = [json.loads(line) for line in run("list", "-o", "json", **served.local.environment).stdout.splitlines()]
    dates = sorted(job["creationDateTime"] for job in listed)
    assert len(listed) > 100
    assert int(dates[-1][:4]) * 12 + int(dates[-1][5:7]) - int(dates[0][:4]) * 12 - int(dates[0][5:7]) >= 10
    assert listed[0]["jobID"] == served.job_id
    assert listed[0]["status"] != "COMPLETED"


def test_time_left_is_known(served: Served):
    """The servers of the running drill were drilled before."""
    watched = run("watch", served.job_id, "--timeout", "3s", "--poll-interval", "1s", **served.local.environment)
    assert watched.returncode == 3
    assert re.search(r", \d+%, about \d+m \d\ds left", watched.stdout)


def test_suggested_commands(served: Served):
    """Each works as printed, in a shell that has read the lines."""
    for command in served.commands:
        words = shlex.split(command)
        if words[0] == "aws":
            continue  # test_suggested_aws_command
        if "watch" in words:
            words += ["--timeout", "0"]
        result = run(*words[3:], **served.local.environment) if words[:3] == COMMAND else served.local.run(*words)
        status = 3 if "watch" in words else 1 if "check" in words else 0  # some servers do not meet the criterion
        assert (result.returncode, bool(result.stdout)) == (status, True), result.stderr
    assert sum(served.job_id in command for command in served.commands) == 2


@pytest.mark.needs_check_env
def test_suggested_aws_command(served: Served):
    [words] = [shlex.split(command)[1:] for command in served.commands if command.startswith("aws ")]
    result = served.local.run(os.environ["DRS_JOBS_AWS_CLI"], *words)
    assert json.loads(result.stdout)["items"], result.stderr


def test_mismatch_is_said(tmp_path: Path):
    with _served(tmp_path) as served:
        for _ in range(2):
            shown = run("show", served.job_id, "--region", "us-east-1", **served.local.environment)
            assert (shown.returncode, "the account and the region" in shown.stderr) == (2, True)
        status, errors = served.local.stop()
    assert (status, errors.count("eu-west-1"), errors.count("us-east-1")) == (130, 1, 1)
    assert served.job_id in errors
    assert errors.endswith("\ndrs-jobs: interrupted\n")


def test_demo():
    """It needs no AWS and no credentials. What it suggests works as printed."""
    demo = run_apart("demo", **NO_AWS)
    assert (demo.returncode, demo.stderr) == (0, "")
    for part in (
        "30 jobs came over HTTP through boto3, in 3 pages",
        "FAILED",
        "RUNNING",
        "did not launch",
        "client: JobsClient",
    ):
        assert part in demo.stdout
    text = demo.stdout.partition("Try next\n")[2]
    commands = re.findall(r"^  (\S.*)$", text, re.MULTILINE)
    assert len(commands) == 2
    environment = {name: value for name, value in {**os.environ, **NO_AWS}.items() if value}
    for command in commands:
        with subprocess.Popen(
            ["sh", "-c", f"exec {command}"], stdout=subprocess.PIPE, encoding="utf-8", env=environment
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(("unset", "Usage"))
            process.kill()


def test_own_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """As short as the shell of the user needs it."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    script = folder / "drs-jobs"
    script.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(script)])
    monkeypatch.setenv("PATH", "")
    assert shlex.split(own_command()) == COMMAND
    monkeypatch.setenv("PATH", str(folder))
    assert own_command() == "drs-jobs"
    monkeypatch.setattr(sys, "argv", ["/x/drs_jobs/__main__.py"])
    assert shlex.split(own_command()) == COMMAND
