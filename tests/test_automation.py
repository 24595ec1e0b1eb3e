"""A whole drill automation against LocalDrs: with boto3 alone and with drs_jobs, in this process and as a script."""

import contextlib
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drs_jobs.testing import (
    BootFailure,
    LaunchActionFailure,
    LocalDrs,
    PhaseFailure,
    RefusedCall,
    SilentFailure,
    Stuck,
    Throttle,
)
from drs_jobs.testing.failures import InjectedFailure

EXAMPLES = {name: Path(__file__).parent / f"drill_{name}.py" for name in ("boto3", "drs_jobs")}
SPEED = 3000
POLL_INTERVAL = 0.01

WAVES = {"1": ["web-1", "web-2"], "2": ["app-1", "app-2", "app-3"], "3": ["db-1"]}
BAD = "app-2"


def _id(host_name: str) -> str:
    return f"s-{host_name.replace('-', '').rjust(17, '0')}"


def _add_fleet(local: LocalDrs) -> None:
    """Add the servers of the waves, interleaved, and one without a wave."""
    tags = {host_name: {"Wave": wave} for wave, host_names in reversed(WAVES.items()) for host_name in host_names}
    for host_name, server_tags in {**tags, "spare-1": {}}.items():
        hints = {"hostname": host_name}
        local.add_source_servers(
            {"sourceServerID": _id(host_name), "tags": server_tags, "sourceProperties": {"identificationHints": hints}}
        )


@contextlib.contextmanager
def _local() -> Iterator[LocalDrs]:
    """A fast LocalDrs with small pages and three waves."""
    with LocalDrs(speed=SPEED, page_sizes=(2, 0, 3)) as local:
        _add_fleet(local)
        yield local


@pytest.fixture
def local() -> Iterator[LocalDrs]:
    with _local() as local:
        yield local


def _load(name: str) -> Any:
    """Import an example as a module."""
    specification = importlib.util.spec_from_file_location(f"drill_{name}", EXAMPLES[name])
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _bodies(local: LocalDrs, operation: str) -> list[Any]:
    return [request.body for request in local.requests if request.operation == operation]


FAILURES: dict[str, tuple[InjectedFailure, str]] = {
    "boot": (BootFailure("no boot device"), "LAUNCH_FAILED: no boot device"),
    "clean-up": (PhaseFailure("CLEANUP", "no instance"), "CLEANUP_FAIL: no instance"),
    "snapshot": (PhaseFailure("SNAPSHOT", "no snapshot"), "SNAPSHOT_FAIL: no snapshot"),
    "conversion": (PhaseFailure("CONVERSION", "no agent"), "CONVERSION_FAIL: no agent"),
    "refused": (
        RefusedCall(),
        "LAUNCH_FAILED: An error occurred (UnauthorizedOperation) when calling the DeleteVolume operation",
    ),
    "action": (LaunchActionFailure("timed out"), "launch action Validate disk space failed: timed out"),
}
HAS_INSTANCE = {"refused", "action"}
"""The failures after which the instance of the server exists."""


@pytest.mark.parametrize("kind", FAILURES)
def test_one_server_fails(kind: str):
    """Each wave is one job; the report has the reason of the failed server; every instance is terminated."""
    failure, reason = FAILURES[kind]
    reports: list[list[str]] = []
    for name in EXAMPLES:
        with _local() as local:
            local.fail_server(_id(BAD), failure)
            report, succeeded = _load(name).drill(local.client(), POLL_INTERVAL)
            _check_requests(local, report)
        assert not succeeded
        reports.append(report)
    assert reports[0] == reports[1], "durations and instance ids included"
    assert [re.sub(r"\d+ s$|i-[0-9a-f]{17}$", "…", line) for line in reports[0] if BAD.replace("-", "") not in line] == [
        "wave 1: SUCCEEDED after …",
        f"  {_id('web-1')} runs as …",
        f"  {_id('web-2')} runs as …",
        "wave 2: FAILED after …",
        f"  {_id('app-1')} runs as …",
        f"  {_id('app-3')} runs as …",
        "wave 3: SUCCEEDED after …",
        f"  {_id('db-1')} runs as …",
        f"terminated {5 + (kind in HAS_INSTANCE)} of {5 + (kind in HAS_INSTANCE)} instances",
    ]
    [failed] = [line for line in reports[0] if BAD.replace("-", "") in line]
    assert failed.startswith(f"  {_id(BAD)} failed: {reason}")


def _check_requests(local: LocalDrs, report: list[str]) -> None:
    started = _bodies(local, "StartRecovery")
    assert [[server["sourceServerID"] for server in body["sourceServers"]] for body in started] == [
        list(map(_id, host_names)) for host_names in WAVES.values()
    ]
    assert all(body["isDrill"] for body in started)
    [terminated] = _bodies(local, "TerminateRecoveryInstances")
    launched = {line.rpartition(" ")[2] for line in report if " runs as " in line}
    assert launched <= set(terminated["recoveryInstanceIDs"])
    assert local.client().describe_recovery_instances()["items"] == []


def test_nothing_fails():
    """Both automations give the same report, durations and instance ids included."""
    reports: list[Any] = []
    for name in EXAMPLES:
        with _local() as local:
            reports.append(_load(name).drill(local.client(), POLL_INTERVAL))
    assert reports[0] == reports[1]
    assert reports[0][1] is True


@pytest.mark.parametrize("name", EXAMPLES)
def test_job_fails_without_any_event(name: str, local: LocalDrs):
    """Every server of the wave is in the report as failed."""
    local.fail_server(_id(BAD), SilentFailure())
    report, succeeded = _load(name).drill(local.client(), POLL_INTERVAL)
    assert not succeeded
    assert [line.split()[1] for line in report if line.startswith("  s-")] == [
        "runs" if wave != "2" else "failed:" for wave, host_names in WAVES.items() for _ in host_names
    ]
    assert report[-1] == "terminated 3 of 3 instances"


@pytest.mark.parametrize("name", EXAMPLES)
def test_stuck_job_is_a_timeout(name: str, local: LocalDrs):
    example = _load(name)
    example.TIMEOUT = 0.3
    local.fail_server(_id("web-1"), Stuck())
    with pytest.raises(TimeoutError):
        example.drill(local.client(), POLL_INTERVAL)
    assert len(_bodies(local, "StartRecovery")) == 1


@pytest.mark.parametrize(("failure", "status"), [(None, 0), (BootFailure(), 1)])
@pytest.mark.parametrize("name", EXAMPLES)
def test_script(name: str, failure: BootFailure | None, status: int, local: LocalDrs):
    """The script is unchanged: the environment directs its client to LocalDrs."""
    if failure is not None:
        local.fail_server(_id(BAD), failure)
    local.inject(Throttle(), operation="StartRecovery")  # boto3 retries
    result = subprocess.run(
        [sys.executable, str(EXAMPLES[name]), str(POLL_INTERVAL)],
        env={**os.environ, **local.environment},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr) == (status, "")
    assert result.stdout.count("wave") == len(WAVES)
    assert len(_bodies(local, "StartRecovery")) == len(WAVES) + 1
