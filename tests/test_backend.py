"""The operations of LocalDrs: each over HTTP with boto3, and each response valid according to botocore's service model."""

import itertools
import json
import threading
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from conftest import ONE_ATTEMPT
from drs_jobs import Job, JobsClient, LaunchActionsStatus, Outcome, structure_job, unstructure_job
from drs_jobs.analysis import busy_servers
from drs_jobs.sweep import TargetResult, sweep, targets
from drs_jobs.testing import (
    BootFailure,
    CutOff,
    DropConnection,
    LocalDrs,
    PhaseFailure,
    ServerError,
    SilentFailure,
    Stuck,
    Throttle,
    make_history,
    make_job,
    make_log_item,
    make_resource,
    make_server,
)
from drs_jobs.testing._server import encoded_account
from drs_jobs.testing.account_region import AccountRegion
from drs_jobs.testing.service_model import require_response, service_model
from model_values import valid_value
from simulated_sts import encode_key

IDS = [f"s-{number:017}" for number in range(1, 8)]
HOUR = timedelta(hours=1)


@pytest.fixture
def local() -> Iterator[LocalDrs]:
    """A LocalDrs with a time that only `advance` changes."""
    with LocalDrs(speed=0) as local:
        yield local


@pytest.fixture
def boto(local: LocalDrs) -> Any:
    """A boto3 client. Its responses must be valid by the service model."""
    client = local.client(config=ONE_ATTEMPT)
    client.meta.events.register("after-call", _check_response)
    return client


def _check_response(model: Any, parsed: dict[str, Any], **_: Any) -> None:
    if "Error" not in parsed:
        members = {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
        require_response(model.name, members, model.name)


def _server(number: int, **members: Any) -> dict[str, Any]:
    """A source server in AWS's shape."""
    hints = {"hostname": f"host{number}", "fqdn": f"host{number}.example.com", "vmWareUuid": f"uuid{number}"}
    return {"sourceServerID": IDS[number], "sourceProperties": {"identificationHints": hints}, **members}


def _start(boto: Any, *numbers: int, drill: bool = True, **members: Any) -> str:
    servers = [{"sourceServerID": IDS[number]} for number in numbers]
    job_id: str = boto.start_recovery(isDrill=drill, sourceServers=servers, **members)["job"]["jobID"]
    return job_id


def _instances(boto: Any, **filters: Any) -> list[dict[str, Any]]:
    pages = boto.get_paginator("describe_recovery_instances").paginate(filters=filters)
    return [instance for page in pages for instance in page["items"]]


# ------------------------------------------------------------------ source servers


def test_source_servers(local: LocalDrs, boto: Any):
    """Filters combine; tags and host names are those given; members that automations read have defaults."""
    area = {"stagingAccountID": "111122223333"}
    local.add_source_servers(
        _server(0, tags={"wave": "1"}), _server(1, stagingArea=area), _server(2, arn="arn:aws:drs:eu-west-1:1:source-server/x")
    )

    def found(**filters: Any) -> list[int]:
        pages = boto.get_paginator("describe_source_servers").paginate(filters=filters, PaginationConfig={"PageSize": 2})
        return [IDS.index(server["sourceServerID"]) for page in pages for server in page["items"]]

    assert found() == [0, 1, 2]
    assert found(sourceServerIDs=[IDS[2], IDS[0], IDS[6]]) == [0, 2]
    assert found(sourceServerIDs=[]) == [0, 1, 2]
    assert found(hardwareId="uuid1") == [1]
    assert found(stagingAccountIDs=["111122223333", "999999999999"]) == [1]
    assert found(stagingAccountIDs=["111122223333"], hardwareId="uuid0") == []
    first, _, third = boto.describe_source_servers()["items"]
    assert (first["tags"], first["lastLaunchResult"]) == ({"wave": "1"}, "NOT_STARTED")
    assert first["arn"] == f"arn:aws:drs:eu-west-1:123456789012:source-server/{IDS[0]}"
    assert first["dataReplicationInfo"]["dataReplicationState"] == "CONTINUOUS"
    assert third["arn"] == "arn:aws:drs:eu-west-1:1:source-server/x"
    local.add_source_servers(_server(0))
    assert boto.describe_source_servers(filters={"hardwareId": "uuid0"})["items"][0]["tags"] == {}


def test_added_source_server_is_a_copy(local: LocalDrs, boto: Any):
    server = _server(0, tags={"wave": "1"})
    local.add_source_servers(server)
    server["tags"]["wave"] = "2"
    assert boto.describe_source_servers()["items"][0]["tags"] == {"wave": "1"}


@pytest.mark.parametrize(
    ("server", "message"),
    [
        ({}, "sourceServerID"),
        ({"sourceServerID": "s-1"}, "sourceServerID must be 19 or more"),
        ({"sourceServerID": IDS[0], "tag": {}}, "tag is no member of SourceServer; the closest is tags"),
        ({"sourceServerID": IDS[0], "tags": ["a"]}, "tags must be a map"),
        ({"sourceServerID": IDS[0], "lastLaunchResult": "OK"}, "must be one of NOT_STARTED"),
        ({"sourceServerID": IDS[0], "lifeCycle": {"addedToServiceDateTime": "yesterday"}}, "lifeCycle.addedToServiceDateTime"),
        ([], "must be a structure"),
    ],
)
def test_invalid_source_server(server: Any, message: str, local: LocalDrs, boto: Any):
    with pytest.raises(ValueError, match=message):
        local.add_source_servers(_server(1), server)
    assert boto.describe_source_servers()["items"] == []


def test_timestamps_of_a_source_server(local: LocalDrs, boto: Any):
    """As the service writes them, and as its model does."""
    for end in ("+00:00", "Z"):
        life_cycle = {"addedToServiceDateTime": f"2024-06-15T12:00:00.123456{end}"}
        local.add_source_servers(_server(0, lifeCycle=life_cycle))
        assert boto.describe_source_servers()["items"][0]["lifeCycle"] == life_cycle


def test_last_launch_of_a_source_server(local: LocalDrs, boto: Any):
    local.add_source_servers(*map(_server, range(3)))
    local.fail_server(IDS[1])
    job_id = _start(boto, 0, 1)

    def launches() -> list[tuple[Any, ...]]:
        servers = boto.describe_source_servers()["items"]
        return [
            (server["lastLaunchResult"], server.get("lifeCycle", {}).get("lastLaunch", {}).get("status")) for server in servers
        ]

    assert launches() == [("PENDING", "PENDING"), ("PENDING", "PENDING"), ("NOT_STARTED", None)]
    local.advance(HOUR)
    assert launches() == [("SUCCEEDED", "LAUNCHED"), ("FAILED", "FAILED"), ("NOT_STARTED", None)]
    server = boto.describe_source_servers()["items"][0]
    initiated = server["lifeCycle"]["lastLaunch"]["initiated"]
    assert (initiated["jobID"], initiated["type"]) == (job_id, "DRILL")
    assert server["recoveryInstanceId"] == _instances(boto)[0]["recoveryInstanceID"]


@pytest.mark.parametrize(
    "failure",
    [
        None,
        BootFailure(),
        PhaseFailure("LAUNCH", instance_exists=True),
        SilentFailure(),
        Stuck(),
    ],
)
def test_source_servers_agree_with_instances(failure: Any, local: LocalDrs, boto: Any):
    """A server has a last launch and the recovery instance that it made, at any time, also if the job was deleted."""
    local.add_source_servers(_server(0), _server(1))
    for current in (None, failure):
        if current is not None:
            local.fail_server(IDS[0], current)
        job_id = _start(boto, 0)
        for minutes in (0, 0.1, 1, 9, 60, None):
            if minutes is not None:
                local.advance(timedelta(minutes=minutes))
            elif not isinstance(current, Stuck):
                boto.delete_job(jobID=job_id)
            server, other = boto.describe_source_servers()["items"]
            assert (other["lastLaunchResult"], {"lifeCycle", "recoveryInstanceId"} & other.keys()) == ("NOT_STARTED", set())
            launch = server["lifeCycle"]["lastLaunch"]
            assert launch["initiated"]["jobID"] == job_id
            instances = _instances(boto)
            assert {one["recoveryInstanceID"] for one in instances} == {server.get("recoveryInstanceId")} - {None}
            exists = launch["status"] in ("LAUNCHED", "FAILED" if getattr(current, "instance_exists", False) else None)
            assert [one for one in instances if one["jobID"] == job_id] == instances * exists


def test_unknown_source_server(local: LocalDrs, boto: Any):
    """It cannot be recovered, as soon as LocalDrs has source servers in this account and region."""
    _start(boto, 5)
    local.add_source_servers(_server(0))
    with pytest.raises(boto.exceptions.ConflictException, match=f"{IDS[6]} does not exist.*add_source_servers"):
        _start(boto, 0, 6)
    with pytest.raises(boto.exceptions.ValidationException):
        boto.describe_recovery_snapshots(sourceServerID=IDS[6])
    assert len(boto.describe_jobs()["items"]) == 1
    _start(boto, 0)
    _start(local.client("us-east-1"), 6)


# ------------------------------------------------------------------ recovery instances


def test_recovery_instances(local: LocalDrs, boto: Any):
    """They appear when they are launched, and disappear when they are terminated."""
    local.add_source_servers(*map(_server, range(3)))
    local.page_sizes = (1,)
    job_id = _start(boto, 0, 1, 2)
    assert _instances(boto) == []
    local.advance(HOUR)
    found = _instances(boto)
    assert {one["sourceServerID"] for one in found} == set(IDS[:3])
    assert {(one["jobID"], one["isDrill"], one["ec2InstanceState"]) for one in found} == {(job_id, True, "RUNNING")}
    by_server = {one["sourceServerID"]: one for one in found}
    explanation = JobsClient(boto).explain(job_id)
    assert explanation.instance_ids == {key: one["ec2InstanceID"] for key, one in by_server.items()}
    first = by_server[IDS[0]]
    assert first["recoveryInstanceProperties"]["identificationHints"]["hostname"] == "host0"
    assert first["arn"].endswith(f":123456789012:recovery-instance/{first['recoveryInstanceID']}")
    assert _instances(boto, sourceServerIDs=[IDS[1]]) == [by_server[IDS[1]]]
    assert _instances(boto, recoveryInstanceIDs=[first["recoveryInstanceID"]]) == [first]
    assert _instances(boto, recoveryInstanceIDs=[first["recoveryInstanceID"]], sourceServerIDs=[IDS[1]]) == []
    boto.terminate_recovery_instances(recoveryInstanceIDs=[first["recoveryInstanceID"]])
    states = {one["sourceServerID"]: one["ec2InstanceState"] for one in _instances(boto)}
    assert states == {IDS[0]: "SHUTTING-DOWN", IDS[1]: "RUNNING", IDS[2]: "RUNNING"}
    local.advance(HOUR)
    assert {one["sourceServerID"] for one in _instances(boto)} == {IDS[1], IDS[2]}


def test_repeated_drill_replaces_the_instance(local: LocalDrs, boto: Any):
    """Its clean-up removes the earlier one, even if the drill fails later."""
    _start(boto, 0, 1)
    local.advance(HOUR)
    before = {one["sourceServerID"]: one["ec2InstanceID"] for one in _instances(boto)}
    local.fail_server(IDS[1], PhaseFailure("SNAPSHOT"))
    job_id = _start(boto, 0, 1)
    assert {one["ec2InstanceID"] for one in _instances(boto)} == set(before.values())
    local.advance(HOUR)
    (after,) = _instances(boto)
    assert (after["sourceServerID"], after["jobID"]) == (IDS[0], job_id)
    assert after["ec2InstanceID"] not in before.values()
    events = [item.event for item in JobsClient(boto).describe_job_log_items(job_id)]
    assert events.count("CLEANUP_END") == 2
    with pytest.raises(boto.exceptions.ConflictException, match="do not exist"):
        boto.terminate_recovery_instances(recoveryInstanceIDs=list(before.values()))


def test_instance_of_a_failed_server(local: LocalDrs, boto: Any):
    """It can exist although its launch failed, and can be terminated."""
    local.fail_server(IDS[0], PhaseFailure("LAUNCH", instance_exists=True))
    local.fail_server(IDS[1], BootFailure())
    _start(boto, 0, 1)
    local.advance(HOUR)
    (left,) = _instances(boto)
    assert left["sourceServerID"] == IDS[0]
    boto.terminate_recovery_instances(recoveryInstanceIDs=[left["recoveryInstanceID"]])
    local.advance(HOUR)
    assert _instances(boto) == []


def test_instances_of_added_jobs(local: LocalDrs, boto: Any):
    """Jobs that are added have instances as far as they say so, until a later clean-up."""
    start = local.now - timedelta(days=3)
    servers = [
        make_server(source_server_id=server_id, recovery_instance_id=f"i-0000000{n}") for n, server_id in enumerate(IDS[:2])
    ]
    local.add_jobs(make_job(creation_date_time=start, participating_servers=tuple(servers)))
    assert [one["ec2InstanceID"] for one in _instances(boto)] == ["i-00000000", "i-00000001"]
    cleaned = make_server(source_server_id=IDS[0], launch_status="TERMINATED")
    local.add_jobs(make_job(type="TERMINATE", creation_date_time=start + HOUR, participating_servers=(cleaned,)))
    assert [one["ec2InstanceID"] for one in _instances(boto)] == ["i-00000001"]
    boto.terminate_recovery_instances(recoveryInstanceIDs=["i-00000001"])
    local.advance(HOUR)
    assert _instances(boto) == []


def test_terminate_twice(local: LocalDrs, boto: Any):
    """A server that a termination processes is busy; after it, the instance does not exist."""
    _start(boto, 0)
    local.advance(HOUR)
    (instance,) = _instances(boto)
    ids = [instance["recoveryInstanceID"]]
    job = boto.terminate_recovery_instances(recoveryInstanceIDs=ids * 2)["job"]
    assert (job["type"], "initiatedBy" in job) == ("TERMINATE", False)
    with pytest.raises(boto.exceptions.ConflictException, match="being processed"):
        boto.terminate_recovery_instances(recoveryInstanceIDs=ids)
    with pytest.raises(boto.exceptions.ConflictException, match="being processed"):
        _start(boto, 0)
    local.advance(HOUR)
    with pytest.raises(boto.exceptions.ConflictException, match="do not exist"):
        boto.terminate_recovery_instances(recoveryInstanceIDs=ids)
    _start(boto, 0)


# ------------------------------------------------------------------ configurations


def test_launch_configuration(local: LocalDrs, boto: Any):
    """Each server has its own; changes are merged and kept."""
    local.add_source_servers(*map(_server, range(2)))
    before = boto.get_launch_configuration(sourceServerID=IDS[0])
    assert (before["sourceServerID"], before["name"], before["launchDisposition"]) == (IDS[0], "host0", "STARTED")
    assert {"copyPrivateIp", "copyTags", "licensing", "ec2LaunchTemplateID", "postLaunchEnabled"} <= before.keys()
    updated = boto.update_launch_configuration(sourceServerID=IDS[0], copyTags=True, licensing={"osByol": True})
    boto.update_launch_configuration(sourceServerID=IDS[0], launchDisposition="STOPPED")
    after = boto.get_launch_configuration(sourceServerID=IDS[0])
    changes = {"copyTags": True, "licensing": {"osByol": True}}
    assert _members(updated) == _members(before) | changes
    assert _members(after) == _members(before) | changes | {"launchDisposition": "STOPPED"}
    other = boto.get_launch_configuration(sourceServerID=IDS[1])
    assert (other["copyTags"], other["ec2LaunchTemplateID"] != before["ec2LaunchTemplateID"]) == (False, True)
    with pytest.raises(boto.exceptions.ValidationException) as caught:
        boto.update_launch_configuration(sourceServerID=IDS[0], launchDisposition="UP", copyTags=False)
    assert caught.value.response["fieldList"][0]["name"] == "launchDisposition"
    assert _members(boto.get_launch_configuration(sourceServerID=IDS[0])) == _members(after)


def test_configuration_of_a_long_host_name(local: LocalDrs):
    """The name in a configuration has 128 characters at most."""
    local.add_source_servers({"sourceServerID": IDS[0], "sourceProperties": {"identificationHints": {"hostname": "x" * 200}}})
    boto = local.client()
    boto.meta.events.register("after-call", _check_response)
    assert boto.get_launch_configuration(sourceServerID=IDS[0])["name"] == "x" * 128


def test_replication_configuration(local: LocalDrs, boto: Any):
    before = boto.get_replication_configuration(sourceServerID=IDS[0])
    assert [rule["units"] for rule in before["pitPolicy"]] == ["MINUTE", "HOUR", "DAY"]
    tags, disks = {"cost": "7"}, [{"deviceName": "/dev/sda1", "stagingDiskType": "GP3", "isBootDisk": True}]
    boto.update_replication_configuration(sourceServerID=IDS[0], stagingAreaTags=tags, replicatedDisks=disks)
    boto.update_replication_configuration(sourceServerID=IDS[0], bandwidthThrottling=0, createPublicIP=False)
    after = boto.get_replication_configuration(sourceServerID=IDS[0])
    changes = {"stagingAreaTags": tags, "replicatedDisks": disks, "createPublicIP": False}
    assert _members(after) == _members(before) | changes
    assert boto.get_replication_configuration(sourceServerID=IDS[1])["stagingAreaTags"] == {}
    launch = boto.get_launch_configuration(sourceServerID=IDS[0])
    assert "stagingAreaTags" not in launch
    with pytest.raises(boto.exceptions.ValidationException):
        boto.update_replication_configuration(sourceServerID=IDS[0], stagingAreaSubnetId="vpc-00000000", createPublicIP=True)
    assert boto.get_replication_configuration(sourceServerID=IDS[0])["createPublicIP"] is False


def test_configuration_belongs_to_a_server(local: LocalDrs, boto: Any):
    """To one that exists, of one account and region. A server that is replaced has that of a new one."""
    boto.update_launch_configuration(sourceServerID=IDS[0], copyTags=True)
    for other in (local.client("us-east-1"), local.client(access_key_id=encode_key("111122223333", 1))):
        assert other.get_launch_configuration(sourceServerID=IDS[0])["copyTags"] is False
    assert boto.get_launch_configuration(sourceServerID=IDS[0])["copyTags"] is True
    local.add_source_servers(_server(0))
    assert boto.get_launch_configuration(sourceServerID=IDS[0])["copyTags"] is False
    for call in (
        boto.get_launch_configuration,
        boto.update_launch_configuration,
        boto.get_replication_configuration,
        boto.update_replication_configuration,
    ):
        with pytest.raises(boto.exceptions.ResourceNotFoundException) as caught:
            call(sourceServerID=IDS[1])
        assert caught.value.response["resourceId"] == IDS[1]


def _members(response: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in response.items() if name != "ResponseMetadata"}


# ------------------------------------------------------------------ as in AWS


def test_empty_collections_of_jobs(local: LocalDrs, boto: Any):
    """Added jobs have those that simulated ones have, so that `job["tags"]` is no KeyError."""
    server = make_server(launch_actions_status=LaunchActionsStatus())
    added = [
        make_job(participating_servers=(server,)),
        make_job(participating_servers=()),
        make_job(type="TERMINATE", participating_servers=()),
        Job(job_id="drsjob-00000000000000000"),
    ]
    local.add_jobs(*added)
    _start(boto, 0)
    jobs = boto.describe_jobs()["items"]
    assert len(jobs) == 5
    for job in jobs:
        assert {"tags": {}, "participatingResources": []}.items() <= job.items()
        assert "participatingServers" in job
        assert all(one["launchActionsStatus"]["runs"] == [] for one in job["participatingServers"])
    local.add_jobs(make_job(job_id=added[0].job_id, tags={"a": "b"}, participating_resources=(make_resource(),)))
    [job] = boto.describe_jobs(filters={"jobIDs": [added[0].job_id]})["items"]
    assert (job["tags"], len(job["participatingResources"])) == ({"a": "b"}, 1)


@pytest.mark.parametrize("tags", [{}, {"wave": "1"}])
def test_pseudo_tag_of_a_start(tags: dict[str, str], local: LocalDrs, boto: Any):
    """It is in the response of StartRecovery only."""
    job = boto.start_recovery(sourceServers=[{"sourceServerID": IDS[0]}], tags=tags)["job"]
    assert job["tags"] == tags | {"resourceArn": job["arn"]}
    assert boto.describe_jobs()["items"][0]["tags"] == tags
    assert boto.list_tags_for_resource(resourceArn=job["arn"])["tags"] == tags
    local.advance(HOUR)
    ids = [one["recoveryInstanceID"] for one in _instances(boto)]
    assert boto.terminate_recovery_instances(recoveryInstanceIDs=ids)["job"]["tags"] == {}


def test_no_lag(local: LocalDrs, boto: Any):
    local.add_source_servers(_server(0))
    local.add_history(make_history(12, until=local.now, logs=True))
    servers = boto.describe_source_servers()["items"]
    states = {one["dataReplicationInfo"]["dataReplicationState"]: one["dataReplicationInfo"] for one in servers}
    assert states["CONTINUOUS"]["lagDuration"] == "P0D"
    first = JobsClient(boto).describe_source_servers().first()
    assert first is not None
    assert first.lag == timedelta(0)


def test_listed_servers_of_a_termination(local: LocalDrs, boto: Any):
    """PENDING in the response and while it runs, none once it is complete."""
    _start(boto, 0, 1)
    local.advance(HOUR)
    ids = [one["recoveryInstanceID"] for one in _instances(boto)]
    job = boto.terminate_recovery_instances(recoveryInstanceIDs=ids)["job"]
    pending = [{"sourceServerID": server, "launchStatus": "PENDING"} for server in IDS[:2]]
    assert sorted(job["participatingServers"], key=lambda one: one["sourceServerID"]) == pending
    client = JobsClient(boto)
    local.advance(5)
    assert client.get_job(job["jobID"]).status == "STARTED"
    assert busy_servers(client.describe_jobs()).keys() == set(IDS[:2])
    local.advance(HOUR)
    done = client.get_job(job["jobID"])
    assert (done.participating_servers, done.outcome) == ((), Outcome.SUCCEEDED)


def test_recovery_instance_of_a_point_in_time(local: LocalDrs, boto: Any):
    """It has the time of its data: of the recovery snapshot, or of the snapshot that the job took."""
    snapshots = boto.describe_recovery_snapshots(sourceServerID=IDS[0])["items"]
    chosen = {"sourceServerID": IDS[0], "recoverySnapshotID": snapshots[3]["snapshotID"]}
    job_id = boto.start_recovery(sourceServers=[chosen, {"sourceServerID": IDS[1]}])["job"]["jobID"]
    local.advance(HOUR)
    times = {one["sourceServerID"]: one["pointInTimeSnapshotDateTime"] for one in _instances(boto)}
    log = boto.describe_job_log_items(jobID=job_id)["items"]
    [taken] = [
        one["logDateTime"] for one in log if one["event"] == "SNAPSHOT_END" and one["eventData"]["sourceServerID"] == IDS[1]
    ]
    assert times == {IDS[0]: snapshots[3]["timestamp"], IDS[1]: taken}
    assert {one["failback"]["state"] for one in _instances(boto)} == {"FAILBACK_NOT_READY_FOR_LAUNCH"}
    added = make_job(participating_servers=(make_server(source_server_id=IDS[2], recovery_instance_id="i-00000000"),))
    local.add_jobs(added)
    [instance] = _instances(boto, sourceServerIDs=[IDS[2]])
    assert instance["pointInTimeSnapshotDateTime"] == unstructure_job(added)["creationDateTime"]


def test_recovery_snapshot_that_does_not_exist(local: LocalDrs, boto: Any):
    """A made-up one, one of another server and one that is too old start no job."""
    local.add_source_servers(*map(_server, range(2)))
    mine, others = (boto.describe_recovery_snapshots(sourceServerID=server)["items"] for server in IDS[:2])
    old = next(one for one in mine if one["timestamp"][14:19] != "00:00")
    for snapshot_id in ("pit-" + "0" * 17, others[0]["snapshotID"]):
        server = {"sourceServerID": IDS[0], "recoverySnapshotID": snapshot_id}
        with pytest.raises(boto.exceptions.ConflictException, match=f"{IDS[0]} has no recovery snapshot {snapshot_id}"):
            boto.start_recovery(sourceServers=[{"sourceServerID": IDS[1]}, server])
    local.advance(timedelta(days=1))
    with pytest.raises(boto.exceptions.ConflictException):
        boto.start_recovery(sourceServers=[{"sourceServerID": IDS[0], "recoverySnapshotID": old["snapshotID"]}])
    assert boto.describe_jobs()["items"] == []
    _start(boto, 0, 1)


def test_time_that_runs_ahead():
    """A history that ends now has the dates of the caller's clock, whatever the speed. A started job is in its future."""
    with LocalDrs(speed=100_000) as local:
        local.add_history(make_history(20, until=datetime.now(UTC), logs=True))
        client = JobsClient(local.client())
        assert len(client.describe_jobs(to_date=datetime.now(UTC)).collect()) == 20
        while local.now - datetime.now(UTC) < timedelta(seconds=10):
            pass
        servers = local.client().describe_source_servers()["items"]
        started = local.client().start_recovery(sourceServers=[{"sourceServerID": servers[-1]["sourceServerID"]}])["job"]
        now = datetime.now(UTC)
        assert len(client.describe_jobs(to_date=now).collect()) == 20
        assert structure_job(started).elapsed(now) < timedelta(0) < structure_job(started).elapsed(local.now)


# ------------------------------------------------------------------ recovery snapshots


def test_recovery_snapshots(local: LocalDrs, boto: Any):
    """They are the same at any time of reading, in both orders, and filtered by inclusive dates."""
    pages = boto.get_paginator("describe_recovery_snapshots")

    def found(**request: Any) -> list[dict[str, Any]]:
        return [one for page in pages.paginate(sourceServerID=IDS[0], maxResults=5, **request) for one in page["items"]]

    oldest_first = found(order="ASC")
    times = [datetime.fromisoformat(one["timestamp"]) for one in oldest_first]
    assert times == sorted(set(times))
    assert len(times) >= 30
    assert local.now - times[-1] < timedelta(minutes=10)
    assert found(order="DESC") == oldest_first[::-1]
    limits = {"fromDateTime": _z(times[3]), "toDateTime": _z(times[6])}
    assert found(order="ASC", filters=limits) == oldest_first[3:7]
    local.advance(timedelta(minutes=5))
    assert len([one for one in found(order="ASC") if one in oldest_first]) >= len(oldest_first) - 3
    snapshot_id = oldest_first[-1]["snapshotID"]
    boto.start_recovery(sourceServers=[{"sourceServerID": IDS[0], "recoverySnapshotID": snapshot_id}])
    with pytest.raises(boto.exceptions.ValidationException):
        boto.describe_recovery_snapshots(sourceServerID=IDS[0], order="UP")


def _z(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# ------------------------------------------------------------------ tags


def test_tags(local: LocalDrs, boto: Any):
    """Of jobs, source servers and recovery instances; the reads show them at once."""
    local.add_source_servers(_server(0, tags={"wave": "1"}))
    job_id = _start(boto, 0, tags={"kept": "1", "gone": "2"})
    local.advance(HOUR)
    (job,), (server,), (instance,) = (
        boto.describe_jobs()["items"],
        boto.describe_source_servers()["items"],
        _instances(boto),
    )
    assert boto.list_tags_for_resource(resourceArn=job["arn"])["tags"] == {"kept": "1", "gone": "2"}
    boto.tag_resource(resourceArn=job["arn"], tags={"kept": "3", "new/key": "4"})
    boto.untag_resource(resourceArn=job["arn"], tagKeys=["gone", "absent"])
    assert boto.list_tags_for_resource(resourceArn=job["arn"])["tags"] == {"kept": "3", "new/key": "4"}
    assert JobsClient(boto).get_job(job_id).tags == {"kept": "3", "new/key": "4"}
    boto.tag_resource(resourceArn=server["arn"], tags={"wave": "2"})
    assert boto.describe_source_servers()["items"][0]["tags"] == {"wave": "2"}
    boto.tag_resource(resourceArn=instance["arn"], tags={"a": "b"})
    assert _instances(boto)[0]["tags"] == {"a": "b"}
    for arn in (
        job["arn"] + "x",
        job["arn"].replace("eu-west-1", "us-east-1"),
        job["arn"].replace("123456789012", "111122223333"),
        "arn:aws:drs:eu-west-1:123456789012:source-server/" + IDS[1],
        "arn:aws:drs:eu-west-1:123456789012:recovery-instance/i-00000000",
        "arn:aws:drs:eu-west-1:123456789012:nothing",
    ):
        for call in (
            lambda arn=arn: boto.tag_resource(resourceArn=arn, tags={"a": "b"}),
            lambda arn=arn: boto.untag_resource(resourceArn=arn, tagKeys=["a"]),
            lambda arn=arn: boto.list_tags_for_resource(resourceArn=arn),
        ):
            with pytest.raises(boto.exceptions.ResourceNotFoundException):
                call()
    with pytest.raises(boto.exceptions.ValidationException) as caught:
        boto.tag_resource(resourceArn=job["arn"], tags={"a": "x" * 257})
    assert caught.value.response["fieldList"][0]["name"] == "tags.value"


# ------------------------------------------------------------------ DeleteJob


def test_delete_job(local: LocalDrs, boto: Any):
    """Only a completed one. Its log is gone, its instances stay."""
    job_id = _start(boto, 0)
    with pytest.raises(boto.exceptions.ConflictException, match="completed"):
        boto.delete_job(jobID=job_id)
    local.advance(HOUR)
    (instance,) = _instances(boto)
    boto.delete_job(jobID=job_id)
    assert boto.describe_jobs()["items"] == boto.describe_job_log_items(jobID=job_id)["items"] == []
    assert _instances(boto) == [instance]
    with pytest.raises(boto.exceptions.ResourceNotFoundException) as caught:
        boto.delete_job(jobID=job_id)
    assert caught.value.response["resourceId"] == job_id


# ------------------------------------------------------------------ canned responses


def test_canned_response(local: LocalDrs, boto: Any):
    """It is used so many times, before those without a limit; a request is validated all the same."""
    with pytest.raises(ClientError, match=r"local.respond\('ListStagingAccounts'") as caught:
        boto.list_staging_accounts()
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"
    accounts = {"accounts": [{"accountID": "111122223333"}]}
    local.respond("ListStagingAccounts", accounts)
    local.respond("ListStagingAccounts", {"accounts": []}, times=1)
    accounts["accounts"][0]["accountID"] = "changed later"
    found = [boto.list_staging_accounts(maxResults=5)["accounts"] for _ in range(3)]
    assert found == [[], *[[{"accountID": "111122223333"}]] * 2]
    assert local.requests[-1].body == {"maxResults": 5}
    local.respond("ListStagingAccounts", {"accounts": []})
    assert boto.list_staging_accounts()["accounts"] == []
    local.respond("GetLaunchConfiguration", {"name": "any"})
    with pytest.raises(boto.exceptions.ClientError, match="validation error"):
        boto.get_launch_configuration(sourceServerID="s-" + "!" * 17)
    local.respond("DescribeJobs", {"items": [{"jobID": "drsjob-00000000000000000"}]}, times=1)
    assert [len(boto.describe_jobs()["items"]) for _ in range(2)] == [1, 0]
    local.respond("DisconnectRecoveryInstance", {})
    boto.disconnect_recovery_instance(recoveryInstanceID="i-00000000")
    local.respond("DeleteSourceServer", {})
    boto.delete_source_server(sourceServerID=IDS[0])


@pytest.mark.parametrize("is_full", [False, True])
def test_canned_response_of_every_operation(is_full: bool, local: LocalDrs):  # noqa: FBT001
    """A client reads what was given, with all members of the service model or only the required ones."""
    boto = local.client()
    for operation in service_model().operation_names:
        model = service_model().operation_model(operation)
        request = {} if model.input_shape is None else valid_value(model.input_shape, is_full=True)
        response = {} if model.output_shape is None else valid_value(model.output_shape, is_full=is_full)
        local.respond(operation, response)
        read = getattr(boto, xform_name(operation))(**request)
        assert read.pop("ResponseMetadata")["HTTPStatusCode"] == model.http["responseCode"]
        assert json.loads(json.dumps(read, default=_z)) == response
        assert local.requests[-1].body.items() >= request.items(), "botocore adds a clientToken"


def network(launched: Any) -> dict[str, Any]:
    """A response of DescribeSourceNetworks."""
    return {"items": [{"lastRecovery": {"apiCallDateTime": launched}}]}


@pytest.mark.parametrize(
    ("operation", "response", "message"),
    [
        ("GetLaunchConfigurations", {}, "did you mean GetLaunchConfiguration?"),
        ("get_launch_configuration", {}, "did you mean GetLaunchConfiguration?"),
        ("GetLaunchConfiguration", {"names": "x"}, "names is no member of LaunchConfiguration; the closest is name"),
        ("GetLaunchConfiguration", {"launchDisposition": "UP"}, "launchDisposition must be one of STOPPED, STARTED"),
        ("GetLaunchConfiguration", {"copyTags": "yes"}, "copyTags must be a boolean"),
        ("DescribeJobs", {"items": [{}]}, r"items\[0\].jobID must not be absent"),
        ("TagResource", {"tags": {}}, "must be empty"),
        (
            "DescribeSourceNetworks",
            network("yesterday"),
            r"items\[0\].lastRecovery.apiCallDateTime must be a timestamp, as text",
        ),
        ("DescribeSourceNetworks", network(1718452800), "must be a timestamp, as text such as 2024-06-15T12:00:00Z"),
        ("DescribeSourceNetworks", network("2024-06-15T12:00:00"), "must be a timestamp"),
    ],
)
def test_invalid_canned_response(operation: str, response: dict[str, Any], message: str, local: LocalDrs):
    with pytest.raises(ValueError, match=message):
        local.respond(operation, response)


def test_every_operation_of_the_model_has_a_route(local: LocalDrs):
    """A client reaches each one: it is simulated, or its error names how to add a response."""
    boto = local.client(config=Config(retries={"total_max_attempts": 1}, parameter_validation=False))
    for operation in service_model().operation_names:
        arn = {"resourceArn": "arn:aws:drs:eu-west-1:123456789012:job/x"} if "Resource" in operation else {}
        try:
            getattr(boto, xform_name(operation))(**arn)
        except ClientError as error:
            assert error.response["Error"]["Code"] != "UnknownOperationException" or not hasattr(
                AccountRegion, xform_name(operation)
            )
        assert local.requests[-1].operation == operation


# ------------------------------------------------------------------ accounts


def test_arns_carry_account_and_region():
    with LocalDrs(speed=0, accounts={"me": "111122223333"}) as local:
        for region, partition in (("eu-west-1", "aws"), ("us-gov-west-1", "aws-us-gov")):
            boto = local.client(region, access_key_id="me")
            local.add_source_servers(_server(0), region=region, account_id="111122223333")
            arn = boto.start_recovery(sourceServers=[{"sourceServerID": IDS[0]}])["job"]["arn"]
            assert arn.startswith(f"arn:{partition}:drs:{region}:111122223333:job/")
            local.advance(HOUR)
            for resource in (boto.describe_source_servers()["items"][0], _instances(boto)[0]):
                assert resource["arn"].startswith(f"arn:{partition}:drs:{region}:111122223333:")


def test_presigned_url(local: LocalDrs):
    """The signature is in the query. It has the account and the region."""
    local.accounts["me"] = "111122223333"
    job = make_job()
    local.add_jobs(job, region="us-east-1", account_id="111122223333")
    boto = local.client("us-east-1", access_key_id="me")
    url = boto.generate_presigned_url("describe_jobs", Params={})
    with urllib.request.urlopen(urllib.request.Request(url, data=b"{}", method="POST"), timeout=5) as response:
        assert [one["jobID"] for one in json.load(response)["items"]] == [job.job_id]
    url = boto.generate_presigned_url("list_tags_for_resource", Params={"resourceArn": job.arn})
    with urllib.request.urlopen(url, timeout=5) as response:
        assert json.load(response) == {"tags": {}}
    assert {request.account_id for request in local.requests} == {"111122223333"}


MY_KEYS = {
    "AKIAIOSFODNN7EXAMPLE": "123456789012",  # in AWS's documentation
    "testing": "123456789012",
    "": "123456789012",
    "ASIAEXAMPLE": "123456789012",
    "AKIA" + "Q" * 15: "123456789012",
    "AKIA" + "Q" * 17: "123456789012",
    "ABIA" + "Q" * 16: "123456789012",
    "AKIA" + "P" * 16: "123456789012",
    "AKIA" + "q" * 16: "123456789012",
    "AKIAQ" + "1" * 15: "123456789012",
    "AKIA" + "7" * 16: "123456789012",  # an account of 13 digits
}
"""Access keys that encode no account."""


@pytest.mark.parametrize("key", MY_KEYS)
def test_key_without_an_account(key: str):
    assert (encoded_account(key) or "123456789012") == MY_KEYS[key]


@pytest.mark.parametrize("account", ["000000000000", "000000000001", "111122223333", "999999999999"])
def test_encoded_account(account: str, local: LocalDrs):
    """An access key of AWS or moto belongs to the account that it encodes, unless `accounts` says otherwise."""
    keys = [encode_key(account, 5), encode_key(account, 2**38).replace("ASIA", "AKIA")]
    job = make_job()
    local.add_jobs(job, account_id=account)
    for key in keys:
        boto = local.client(access_key_id=key)
        assert job.job_id in [one["jobID"] for one in boto.describe_jobs()["items"]]
        assert boto.start_recovery(sourceServers=[{"sourceServerID": IDS[0]}])["job"]["arn"].split(":")[4] == account
        local.advance(HOUR)
    assert {request.account_id for request in local.requests} == {account}
    assert local.client().describe_jobs()["items"] == []
    local.accounts[keys[0]] = "222222222222"
    assert local.client(access_key_id=keys[0]).describe_jobs()["items"] == []
    assert local.requests[-1].account_id == "222222222222"


@pytest.fixture
def moto_accounts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A LocalDrs and moto, and credentials for moto's STS."""
    import moto  # noqa: PLC0415  # it is only in the environment of make check

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with LocalDrs(speed=0, page_sizes=(1,)) as local, moto.mock_aws():
        moto.core.config.default_user_config["core"]["passthrough"]["urls"] = [f"^{local.endpoint_url}"]
        yield local


@pytest.mark.needs_check_env
@pytest.mark.parametrize("mapped", [False, True], ids=["encoded", "accounts="])
def test_two_roles(mapped: bool, moto_accounts: LocalDrs):  # noqa: FBT001
    """A job that is started with the role of one account is not seen by that of the other. Both can use the same server."""
    local = moto_accounts
    jobs: dict[str, str] = {}
    clients: dict[str, Any] = {}
    for account in ("111111111111", "222222222222"):
        role = {"RoleArn": f"arn:aws:iam::{account}:role/drill", "RoleSessionName": "drill"}
        keys = boto3.client("sts", region_name="eu-west-1").assume_role(**role)["Credentials"]
        if mapped:
            local.accounts[keys["AccessKeyId"]] = "333333333333"
        clients[account] = local.client(access_key_id=keys["AccessKeyId"])
        if not mapped or not jobs:
            server = {"sourceServerID": IDS[0]}
            jobs[account] = clients[account].start_recovery(isDrill=True, sourceServers=[server])["job"]["jobID"]
    seen = {account: [one["jobID"] for one in boto.describe_jobs()["items"]] for account, boto in clients.items()}
    if mapped:
        assert seen == {account: list(jobs.values()) for account in clients}
    else:
        assert seen == {account: [job_id] for account, job_id in jobs.items()}
        assert [request.account_id for request in local.requests[:2]] == list(jobs)


@pytest.mark.needs_check_env
def test_sweep_of_roles(moto_accounts: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """Several accounts need no mapping, with credentials of moto's STS."""
    local = moto_accounts
    monkeypatch.setenv("AWS_ENDPOINT_URL_DRS", local.endpoint_url)
    jobs = {f"{number}" * 12: make_job() for number in range(1, 5)}
    for account, job in jobs.items():
        local.add_jobs(job, account_id=account)
    results = list(sweep(targets(jobs, ["eu-west-1"], role_name="DrsReader")))
    assert all(isinstance(result, TargetResult) for result in results), results
    found = {str(result.target.role_arn).split(":")[4]: result.value for result in results}
    assert found == {account: (job,) for account, job in jobs.items()}


@pytest.mark.needs_check_env
def test_refreshed_role(monkeypatch: pytest.MonkeyPatch):
    """A drill under a role that is assumed again before each call: start, wait, log and pages."""
    import moto  # noqa: PLC0415  # it is only in the environment of make check

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    keys: set[str] = set()
    with LocalDrs(speed=0, page_sizes=(1,)) as local, moto.mock_aws():
        moto.core.config.default_user_config["core"]["passthrough"]["urls"] = [f"^{local.endpoint_url}"]

        def assume_role() -> Any:
            role = {"RoleArn": "arn:aws:iam::123456789012:role/drill", "RoleSessionName": "drill"}
            found = boto3.client("sts", region_name="eu-west-1").assume_role(**role)["Credentials"]
            keys.add(found["AccessKeyId"])
            return boto3.client(
                "drs",
                region_name="eu-west-1",
                endpoint_url=local.endpoint_url,
                aws_access_key_id=found["AccessKeyId"],
                aws_secret_access_key=found["SecretAccessKey"],
                aws_session_token=found["SessionToken"],
            )

        first = assume_role().start_recovery(isDrill=True, sourceServers=[{"sourceServerID": IDS[0]}])["job"]
        local.advance(HOUR)
        assume_role().start_recovery(isDrill=True, sourceServers=[{"sourceServerID": IDS[1]}])
        assert JobsClient(assume_role()).wait(first, timeout=0).outcome is Outcome.SUCCEEDED
        assert len(JobsClient(assume_role()).describe_job_log_items(first["jobID"]).collect()) == 8
        page = assume_role().describe_jobs()
        page = assume_role().describe_jobs(nextToken=page["nextToken"])
        assert [job["jobID"] for job in page["items"]] == [first["jobID"]]
    assert len(keys) == 6


def test_token_of_a_query_with_lists(local: LocalDrs, boto: Any):
    """The order of ids, and an empty list, which means all, are no other query."""
    local.add_source_servers(*map(_server, range(3)))
    for first, second in (
        ({"sourceServerIDs": IDS[:3]}, {"sourceServerIDs": IDS[2::-1]}),
        ({}, {"sourceServerIDs": []}),
        ({"sourceServerIDs": [], "stagingAccountIDs": []}, {}),
    ):
        page = boto.describe_source_servers(filters=first, maxResults=2)
        rest = boto.describe_source_servers(filters=second, maxResults=2, nextToken=page["nextToken"])
        assert (len(page["items"]), len(rest["items"])) == (2, 1)
    with pytest.raises(ClientError, match="the token was not returned for this query"):
        boto.describe_source_servers(filters={"sourceServerIDs": IDS[:2]}, nextToken=page["nextToken"])


# ------------------------------------------------------------------ faults


def test_fault_of_one_operation(local: LocalDrs, boto: Any):
    local.inject(Throttle(), operation="DescribeJobLogItems")
    local.inject(ServerError(), times=None, operation="DescribeRecoveryInstances")
    job_id = _start(boto, 0)
    assert len(boto.describe_jobs()["items"]) == 1
    with pytest.raises(boto.exceptions.ThrottlingException):
        boto.describe_job_log_items(jobID=job_id)
    assert boto.describe_job_log_items(jobID=job_id)["items"] == []
    for _ in range(3):
        with pytest.raises(boto.exceptions.InternalServerException):
            boto.describe_recovery_instances()
    local.inject(Throttle(), times=None)
    for call, error in (
        (boto.describe_jobs, boto.exceptions.ThrottlingException),
        (boto.describe_recovery_instances, boto.exceptions.InternalServerException),
    ):
        with pytest.raises(error):
            call()
    local.clear_faults()
    boto.describe_recovery_instances()
    for wrong in ("describe_jobs", "DescribeJob"):
        with pytest.raises(ValueError, match="did you mean DescribeJobs"):
            local.inject(Throttle(), operation=wrong)
    with pytest.raises(ValueError, match="times"):
        local.inject(Throttle(), times=-1)


@pytest.mark.parametrize("fault", [Throttle(), ServerError(), DropConnection(), DropConnection(in_body=True), CutOff()])
def test_fault_of_a_change(fault: Any, local: LocalDrs, boto: Any):
    """The job exists or it does not. Then the change is a conflict, or can be made."""
    exists = not isinstance(fault, Throttle | ServerError)
    local.inject(fault, operation="StartRecovery")
    try:
        _start(boto, 0, 1)
    except Exception as error:  # noqa: BLE001  # botocore's class depends on the fault
        assert not isinstance(error, AssertionError)
    assert len(boto.describe_jobs()["items"]) == exists
    if exists:
        with pytest.raises(boto.exceptions.ConflictException):
            _start(boto, 1)
    else:
        _start(boto, 1)
    local.advance(HOUR)
    assert len(_instances(boto)) == (2 if exists else 1)


def test_refused_change_changes_nothing(local: LocalDrs, boto: Any):
    """A request with one refused part has no effect at all."""
    _start(boto, 0)
    with pytest.raises(boto.exceptions.ConflictException):
        _start(boto, 1, 0)
    local.advance(HOUR)
    (instance,) = _instances(boto)
    with pytest.raises(boto.exceptions.ConflictException):
        boto.terminate_recovery_instances(recoveryInstanceIDs=[instance["recoveryInstanceID"], "i-00000000"])
    assert _instances(boto) == [instance]
    assert len(boto.describe_jobs()["items"]) == 1


# ------------------------------------------------------------------ logs


def test_log_is_oldest_first(local: LocalDrs, boto: Any):
    job = make_job()
    items = [make_log_item(log_date_time=local.now + timedelta(minutes=n)) for n in (3, 1, 2, 0)]
    local.add_jobs(job)
    local.add_log(job.job_id, *items[:2])
    local.add_log(job.job_id, *items[2:])
    found = JobsClient(boto).describe_job_log_items(job.job_id).collect()
    assert list(found) == sorted(items, key=lambda item: str(item.log_date_time))


def test_added_log_of_a_started_job(local: LocalDrs, boto: Any):
    """It is among the items of the simulation, and visible from its time on."""
    job_id = _start(boto, 0)
    extra = make_log_item(event="SNAPSHOT_FAIL", log_date_time=local.now + timedelta(minutes=3))
    local.add_log(job_id, extra)
    client = JobsClient(boto)
    assert extra not in client.describe_job_log_items(job_id).collect()
    local.advance(HOUR)
    log = client.describe_job_log_items(job_id).collect()
    assert extra in log
    assert [item.log_date_time for item in log] == sorted(item.log_date_time or local.now for item in log)
    for wrong in ("drsjob-absent", "drsjob-00000000000000000"):
        with pytest.raises(KeyError, match="has no job"):
            local.add_log(wrong, extra)


# ------------------------------------------------------------------ histories


def test_history(local: LocalDrs, boto: Any):
    """Its jobs, logs, source servers and instances are in one account and region."""
    history = make_history(60, until=local.now, seed=3, logs=True, region="us-east-1", account_id="111122223333")
    with pytest.raises(TypeError, match="logs=True"):
        local.add_history(make_history(3, until=local.now))  # type: ignore[arg-type]
    local.accounts["there"] = "111122223333"
    local.add_history(history)
    assert boto.describe_jobs()["items"] == boto.describe_source_servers()["items"] == []
    there = local.client("us-east-1", access_key_id="there")
    there.meta.events.register("after-call", _check_response)
    client = JobsClient(there)
    jobs = client.describe_jobs().collect()
    assert list(jobs) == list(history)
    for job in jobs[:10]:
        assert tuple(client.describe_job_log_items(job.job_id)) == tuple(history.logs[job.job_id])
    servers = [one for page in there.get_paginator("describe_source_servers").paginate() for one in page["items"]]
    names = {one["sourceServerID"]: one["sourceProperties"]["identificationHints"]["hostname"] for one in servers}
    assert len(names) == len(set(names.values())) == len(history.source_servers)
    drilled = {server.source_server_id for job in jobs for server in job.participating_servers}
    assert drilled < names.keys()
    existing = {one["sourceServerID"]: one["recoveryInstanceID"] for one in _instances(there)}
    described = {one["sourceServerID"]: one["recoveryInstanceId"] for one in servers if "recoveryInstanceId" in one}
    assert (
        existing
        == described
        == {one["sourceServerID"]: one["recoveryInstanceId"] for one in history.source_servers if "recoveryInstanceId" in one}
    )
    assert there.list_tags_for_resource(resourceArn=jobs[-1].arn)["tags"] == {}
    assert there.list_tags_for_resource(resourceArn=servers[0]["arn"])["tags"] == servers[0]["tags"]


@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=1), timedelta(days=800), timedelta(minutes=-2)])
def test_end_of_a_history(age: timedelta, local: LocalDrs):
    """It is served as it is at its end, however long ago that was, and goes on from there. It never begins after now."""
    history = make_history(40, until=local.now - age, seed=5, logs=True)
    local.add_history(history)
    lag = max(age, timedelta(0))
    client = JobsClient(local.client())
    for duration in (timedelta(0), timedelta(minutes=1), HOUR):
        local.advance(duration)
        then = local.now - lag
        jobs = client.describe_jobs().collect()
        assert list(jobs) == [job.job_at(then) for job in history.jobs]
        assert jobs[0].is_complete == (duration == HOUR)
        assert [tuple(client.describe_job_log_items(job.created.job_id)) for job in history.jobs[:9]] == [
            job.log_at(then) for job in history.jobs[:9]
        ]
        running = {one.source_server_id for job in jobs for one in job.participating_servers if not job.is_complete}
        servers = local.client().describe_source_servers()["items"]
        assert running == {one["sourceServerID"] for one in servers if one["lastLaunchResult"] == "PENDING"}
        existing: dict[str, str] = {}
        for job in reversed(history.jobs):
            existing = {server: one for server, one in existing.items() if server not in job.cleaned_servers_at(then)}
            existing |= {one.source_server_id: one.instance_id for one in job.instances_at(then)}
        assert {one["recoveryInstanceID"] for one in _instances(local.client())} == set(existing.values())


def test_many_clients_and_a_writer():
    """Each of eight clients pages through all jobs that existed before, while jobs are started."""
    with LocalDrs(speed=0, page_sizes=(7, 0, 3)) as local:
        before = make_history(200, until=local.now)
        local.add_jobs(*before)
        results: list[list[str]] = []
        stop = threading.Event()

        def write() -> None:
            boto = local.client()
            for number in itertools.takewhile(lambda _: not stop.is_set(), itertools.count()):
                boto.start_recovery(sourceServers=[{"sourceServerID": f"s-{number:017}"}])

        def read() -> None:
            results.append([job.job_id for job in JobsClient(local.client()).describe_jobs()])

        writer = threading.Thread(target=write)
        readers = [threading.Thread(target=read) for _ in range(8)]
        for thread in (writer, *readers):
            thread.start()
        for thread in readers:
            thread.join()
        stop.set()
        writer.join()
        ids = [job.job_id for job in before]
        for found in results:
            assert len(found) == len(set(found))
            assert [job_id for job_id in found if job_id in set(ids)] == ids
        assert len(results) == 8


@pytest.mark.parametrize("days", [60, 3000])
def test_history_that_ends_later(days: int, local: LocalDrs):
    """It has no job, server or launch of the future."""
    history = make_history(200, until=local.now + timedelta(days=days), logs=True)
    local.add_history(history)
    jobs = JobsClient(local.client()).describe_jobs().collect()
    assert [job.job_id for job in jobs] == [job.job_id for job in history if job.creation_date_time <= local.now]
    assert bool(jobs) == (days == 60)
    servers = local.client().describe_source_servers()["items"]
    launches = {one["sourceServerID"]: one["lifeCycle"]["lastLaunch"] for one in servers if "lastLaunch" in one["lifeCycle"]}
    assert {launch["initiated"]["jobID"] for launch in launches.values()} <= {job.job_id for job in jobs}
    assert launches.keys() == {
        one.source_server_id for job in jobs if job.type == "LAUNCH" for one in job.participating_servers
    }
    assert all(datetime.fromisoformat(one["lifeCycle"]["addedToServiceDateTime"]) <= local.now for one in servers)


# ------------------------------------------------------------------ mistakes


def test_classes_instead_of_instances(local: LocalDrs):
    with pytest.raises(TypeError, match=r"such as BootFailure\(\)"):
        local.fail_server(IDS[0], BootFailure)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"such as Throttle\(\)"):
        local.inject(Throttle)  # type: ignore[arg-type]
    for account_id in (123456789012, "12345678901a"):
        with pytest.raises(ValueError, match="12 digits"):
            LocalDrs(accounts={"key": account_id})  # type: ignore[dict-item]
        local.accounts["key"] = account_id  # type: ignore[assignment]
        with pytest.raises(ClientError, match="12 digits"):
            local.client(access_key_id="key", config=ONE_ATTEMPT).describe_jobs()
        with pytest.raises(ValueError, match="12 digits"):
            local.add_jobs(make_job(), account_id=account_id)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "server_id", ["", "s-1", "web-1", "s-0000000000000000!", "i-00000000000000001", IDS[0] + "\n", None, 1]
)
def test_server_that_cannot_exist(server_id: Any, local: LocalDrs):
    """No request can have such an id, so that its failure would never apply."""
    with pytest.raises(ValueError, match="is not the id of a source server, such as s-0"):
        local.fail_server(server_id)


def test_union_in_a_canned_response(local: LocalDrs, boto: Any):
    """It has one member, as in the service."""
    job = {"jobID": "drsjob-00000000000000000", "participatingResources": [{"participatingResourceID": {}}]}
    with pytest.raises(ValueError, match="one member of the union ParticipatingResourceID"):
        local.respond("DescribeJobs", {"items": [job]})
    job["participatingResources"] = [{"participatingResourceID": {"sourceNetworkID": "sn-" + "0" * 17}}]
    local.respond("DescribeJobs", {"items": [job]})
    assert boto.describe_jobs()["items"] == [job]


def test_source_server_with_absent_members(local: LocalDrs, boto: Any):
    """Null members are absent, and so can be the creation date of a job."""
    absent = {"arn": None, "lifeCycle": None, "sourceProperties": None, "stagingArea": None, "tags": None}
    local.add_source_servers({"sourceServerID": IDS[0], **absent})
    server = make_server(source_server_id=IDS[0], recovery_instance_id="i-00000000")
    local.add_jobs(make_job(creation_date_time=None, participating_servers=(server,)))
    client = local.client(config=ONE_ATTEMPT)
    for filters in ({}, {"hardwareId": "x"}, {"stagingAccountIDs": ["123456789012"]}):
        client.describe_source_servers(filters=filters)
    [server] = client.describe_source_servers()["items"]
    assert server["lifeCycle"]["lastLaunch"]["status"] == "LAUNCHED"
    assert server["arn"].endswith(f":123456789012:source-server/{IDS[0]}")
    assert len(client.describe_recovery_instances()["items"]) == 1


def test_replaced_resource_has_its_own_tags(local: LocalDrs, boto: Any):
    job = make_job(tags={"a": "1"})
    for _ in range(2):
        local.add_jobs(job)
        local.add_source_servers(_server(0, tags={"a": "1"}))
        [server] = boto.describe_source_servers()["items"]
        for arn in (job.arn, server["arn"]):
            assert boto.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "1"}
            boto.tag_resource(resourceArn=arn, tags={"b": "2"})


def test_terminated_instance_of_a_history(local: LocalDrs):
    """The source server does not show it any more."""
    history = make_history(60, until=local.now, seed=3, logs=True)
    local.add_history(history)
    boto = local.client()
    local.advance(timedelta(days=1))
    for instance in _instances(boto)[:1]:
        boto.terminate_recovery_instances(recoveryInstanceIDs=[instance["recoveryInstanceID"]])
    local.advance(HOUR)
    shown = {one["recoveryInstanceId"] for one in boto.describe_source_servers()["items"] if "recoveryInstanceId" in one}
    assert shown == {one["recoveryInstanceID"] for one in _instances(boto)}
