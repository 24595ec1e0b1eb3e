"""Whole automations against LocalDrs: a drill with boto3 alone and with drs_jobs, and three of other kinds."""

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

from automations import run_plan, synchronize_configurations, synchronize_tags
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
"""The failures that leave an instance of the server."""


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


# ------------------------------------------------------------------ other automations, without `respond`


def _requests(local: LocalDrs) -> list[tuple[str, ...]]:
    """The operations of the requests since the last call, each with the servers that it names, and without repeated polls."""
    found: list[tuple[str, ...]] = []
    for request in local.requests:
        servers = re.findall(r"s-0+(\w+?[0-9])\b", str(request.body))
        if (one := (str(request.operation), *servers)) != ("DescribeJobs",) or one not in found[-1:]:
            found.append(one)
    local._requests.clear()
    return found


def test_tag_synchronizer(local: LocalDrs):
    """Tags of the inventory are added, changed and removed, of servers and instances. A second run changes nothing."""
    local.page_sizes = (1000,)
    client = local.client()
    local.client().start_recovery(sourceServers=[{"sourceServerID": _id("web-1")}])
    local.advance(3600)
    _requests(local)
    inventory = {"web-1": {"Wave": "9", "owner": "shop"}, "web-2": {"Wave": "1"}, "db-1": {"Wave": "3", "owner": "data"}}
    report = synchronize_tags(client, inventory)
    [instance] = [name for name in report if " as " in name]
    changed = {"web-1": "+2 -0", "web-2": "+0 -0", "db-1": "+1 -0", "spare-1": "+0 -0", instance: "+2 -0"}
    assert report == {**dict.fromkeys(("app-1", "app-2", "app-3"), "+0 -1"), **changed}
    requests = [operation for operation, *_ in _requests(local)]
    assert requests == [
        "DescribeSourceServers",
        *["ListTagsForResource", "TagResource"],  # db-1
        *["ListTagsForResource", "UntagResource"] * 3,  # app-1 to app-3
        *["ListTagsForResource", "TagResource"],  # web-1
        *["ListTagsForResource"] * 2,  # web-2 and spare-1
        "DescribeRecoveryInstances",
        *["ListTagsForResource", "TagResource"],
    ]
    assert set(synchronize_tags(client, inventory).values()) == {"+0 -0"}
    assert {operation for operation, *_ in _requests(local)}.isdisjoint({"TagResource", "UntagResource"})
    tags = {
        server["sourceProperties"]["identificationHints"]["hostname"]: server["tags"]
        for server in client.describe_source_servers()["items"]
    }
    assert tags == {**{name: {} for name in ("app-1", "app-2", "app-3", "spare-1")}, **inventory}
    assert client.describe_recovery_instances()["items"][0]["tags"] == inventory["web-1"]


def _attempt(*servers: str) -> list[tuple[str, ...]]:
    """The requests of one recovery of servers."""
    snapshots = [("DescribeRecoverySnapshots", server) for server in servers]
    return [*snapshots, ("StartRecovery", *servers), ("DescribeJobs",)]


def test_plan_of_two_waves():
    """A server of the second wave fails twice, so that the plan ends with its reason."""
    waves = [[_id("web-1"), _id("web-2")], [_id("app-1"), _id("app-2")], [_id("db-1")]]
    with LocalDrs(speed=1000) as local:  # a point in time exists for an hour
        _add_fleet(local)
        local.fail_server(_id(BAD), PhaseFailure("CONVERSION", "no agent"))
        client = local.client()
        report = run_plan(client, waves, POLL_INTERVAL)
        requests = _requests(local)
        instances = {one["sourceServerID"]: one for one in client.describe_recovery_instances()["items"]}
        tags = [job["tags"]["wave"] for job in client.describe_jobs()["items"]]
    assert report == ["wave 1: 2 of 2, retried 0", "wave 2: 1 of 2, retried 1", f"stopped: {_id(BAD)}: no agent"]
    assert requests == [
        ("DescribeSourceServers", "web1", "web2"),
        *_attempt("web1", "web2"),
        ("DescribeSourceServers", "app1", "app2"),
        *_attempt("app1", "app2"),
        *_attempt("app2"),
        ("DescribeSourceServers", "app2"),
        ("DescribeJobLogItems",),
    ]
    assert instances.keys() == {_id("web-1"), _id("web-2"), _id("app-1")}
    assert tags == ["2", "2", "1"]


def test_plan_that_is_not_ready(local: LocalDrs):
    stalled = {"dataReplicationState": "STALLED", "lagDuration": "PT2H"}
    local.add_source_servers({"sourceServerID": _id("web-2"), "dataReplicationInfo": stalled})
    assert run_plan(local.client(), [[_id("web-1"), _id("web-2")]], POLL_INTERVAL) == ["wave 1 is not ready"]
    assert {operation for operation, *_ in _requests(local)} == {"DescribeSourceServers"}


def test_configuration_synchronizer(local: LocalDrs):
    """Each server gets the settings that differ. A second run changes nothing."""
    local.page_sizes = (1000,)
    client = local.client()
    launch = {"copyTags": True, "targetInstanceTypeRightSizingMethod": "BASIC", "launchDisposition": "STARTED"}
    replication = {"stagingAreaTags": {"cost": "7"}, "bandwidthThrottling": 0}
    client.update_launch_configuration(sourceServerID=_id("db-1"), copyTags=True)
    _requests(local)
    report = synchronize_configurations(client, launch, replication)
    changes = ["copyTags", "replicatedDisks", "stagingAreaTags", "targetInstanceTypeRightSizingMethod"]
    servers = [_id(name) for name in ("db-1", "app-1", "app-2", "app-3", "web-1", "web-2", "spare-1")]
    assert report == {**dict.fromkeys(servers, changes), _id("db-1"): changes[1:]}
    steps = [f"{verb}{kind}Configuration" for kind in ("Launch", "Replication") for verb in ("Get", "Update")]
    names = ["db1", "app1", "app2", "app3", "web1", "web2", "spare1"]
    assert _requests(local) == [("DescribeSourceServers",), *((step, name) for name in names for step in steps)]
    assert synchronize_configurations(client, launch, replication) == {server: [] for server in servers}
    gets = [step for step in steps if step.startswith("Get")]
    assert _requests(local) == [("DescribeSourceServers",), *((step, name) for name in names for step in gets)]
