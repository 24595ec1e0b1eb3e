"""docs/aws.md: the permissions of each feature are the requests that it makes."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from command_line import run_here
from drs_jobs import JobsClient
from drs_jobs.cli.app import EXAMPLES
from drs_jobs.saved import save_jobs
from drs_jobs.sweep import Target, TargetResult, read_jobs, read_phases, sweep
from drs_jobs.testing import LocalDrs, make_history

PAGE = (Path(__file__).parent.parent / "docs" / "aws.md").read_text(encoding="utf-8")

FEATURES: dict[str, Callable[[JobsClient, str], Any]] = {
    "describe_jobs": lambda client, _: client.describe_jobs().collect(),
    "get_job": lambda client, job_id: client.get_job(job_id),
    "wait": lambda client, job_id: client.wait(job_id, timeout=1),
    "wait_all": lambda client, job_id: client.wait_all([job_id], timeout=1),
    "watch": lambda client, job_id: list(client.watch([job_id], timeout=1)),
    "describe_job_log_items": lambda client, job_id: client.describe_job_log_items(job_id).collect(),
    "describe_source_servers": lambda client, _: client.describe_source_servers().collect(),
    "explain": lambda client, job_id: client.explain(job_id),
    "phases": lambda client, job_id: client.phases(job_id),
    "read_jobs": lambda client, _: read_jobs(client),
    "read_phases": lambda client, _: read_phases(client),
    "save_jobs": lambda client, _: save_jobs(client, "jobs.jsonl"),
}

ARGUMENTS = {
    "show": ["{job}"],
    "watch": ["{running}", "--timeout", "0s"],
    "check": ["--history"],
    "report": ["evidence.html"],
    "save": ["jobs.jsonl"],
}


@pytest.fixture
def job_ids(local_drs: LocalDrs) -> tuple[str, str]:
    """The ids of a complete and of a running job."""
    history = make_history(20, until=local_drs.now, logs=True)
    local_drs.add_history(history)
    complete = next(job for job in history if job.is_complete and job.is_drill)
    return complete.job_id, history[0].job_id


def _rows() -> Iterator[tuple[str, set[str]]]:
    """Yield each feature in the table, and its permissions."""
    for features, permissions in re.findall(r"^\| (`.*) \| (.*) \|$", PAGE, re.MULTILINE):
        for feature in re.findall(r"`([^`]+)`", features):
            yield feature, set(re.findall(r"`drs:(\w+)`", permissions))


ROWS = dict(_rows())


def _requests(local: LocalDrs) -> set[str | None]:
    return {request.operation for request in local.requests}


@pytest.mark.parametrize("name", FEATURES)
def test_method(name: str, client: JobsClient, job_ids: tuple[str, str], local_drs: LocalDrs, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    FEATURES[name](client, job_ids[0])
    assert _requests(local_drs) == ROWS[name]


COMMANDS = [name.removeprefix("drs-jobs ") for name in ROWS if name.startswith("drs-jobs ") and ROWS[name]]


def test_every_command_is_documented():
    """`demo` and `local` need none."""
    documented = {name for name in ROWS if name.startswith("drs-jobs ")}
    assert documented == {f"drs-jobs {command}" for command in EXAMPLES if command != "drs-jobs"}


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str, job_ids: tuple[str, str], local_drs: LocalDrs, capsys, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    complete, running = job_ids
    arguments = [each.format(job=complete, running=running) for each in ARGUMENTS.get(command, [])]
    if command == "watch":
        with pytest.raises(TimeoutError):
            run_here(capsys, command, *arguments)
    else:
        run_here(capsys, command, *arguments)
    assert _requests(local_drs) == ROWS[f"drs-jobs {command}"]


@pytest.mark.parametrize(("command", "option"), [("list", "--names"), ("show", "--names"), ("check", "--servers")])
def test_servers(command: str, option: str, job_ids: tuple[str, str], local_drs: LocalDrs, capsys):
    arguments = [each.format(job=job_ids[0]) for each in ARGUMENTS.get(command, [])]
    run_here(capsys, command, *arguments, option, "aws")
    assert _requests(local_drs) == ROWS[f"drs-jobs {command}"] | ROWS[f"{option} aws"]


def test_check_without_logs(job_ids: tuple[str, str], local_drs: LocalDrs, capsys):
    """Only an objective and the history need them."""
    assert len(job_ids) == 2
    run_here(capsys, "check", "--drilled-within", "90d")
    assert _requests(local_drs) == ROWS["drs-jobs list"]


def test_sweep(job_ids: tuple[str, str], local_drs: LocalDrs):
    """The role of a target; tests/test_sweep.py has the requests to STS."""
    [result] = sweep([Target("eu-west-1", endpoint_url=local_drs.endpoint_url)], read_phases)
    assert isinstance(result, TargetResult)
    assert job_ids[0] in [phases.job.job_id for phases in result.value]
    assert _requests(local_drs) == ROWS["read_phases"]


def test_saved_jobs(job_ids: tuple[str, str], local_drs: LocalDrs, client: JobsClient, tmp_path: Path, capsys):
    path = tmp_path / "jobs.jsonl"
    save_jobs(client, path)
    requests = len(local_drs.requests)
    run_here(capsys, "show", job_ids[0], "--from", str(path))
    assert len(local_drs.requests) == requests


def test_policies():
    """The first allows what any feature requests, and nothing else."""
    policies = map(json.loads, re.findall(r"```json\n(\{\n  \"Version\".*?)```", PAGE, re.DOTALL))
    read, trust, assume = [policy["Statement"][0] for policy in policies]
    assert sorted(read["Action"]) == sorted(f"drs:{name}" for name in set().union(*ROWS.values()))
    assert trust["Action"] == assume["Action"] == "sts:AssumeRole"
