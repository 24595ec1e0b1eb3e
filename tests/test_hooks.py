"""What a test supplies in place of more simulation: canned responses, functions that return them, and launched instances."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from enum import Enum
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from conftest import ONE_ATTEMPT
from drs_jobs import JobsClient
from drs_jobs.testing import BootFailure, LocalDrs, PhaseFailure, SilentFailure, Stuck, make_history, make_job, make_server

IDS = [f"s-{number:017}" for number in range(1, 8)]
HOUR = timedelta(hours=1)


@pytest.fixture
def local() -> Iterator[LocalDrs]:
    """A LocalDrs with a time that only `advance` changes."""
    with LocalDrs(speed=0) as local:
        yield local


def start(boto: Any, *numbers: int) -> str:
    servers = [{"sourceServerID": IDS[number]} for number in numbers]
    job_id: str = boto.start_recovery(isDrill=True, sourceServers=servers)["job"]["jobID"]
    return job_id


# ------------------------------------------------------------------ canned responses


def test_response_for_one_server(local: LocalDrs):
    """It never answers for another one: that has its own response, or the simulation."""
    boto = local.client()
    for number in (0, 1):
        local.respond("GetLaunchConfiguration", {"sourceServerID": IDS[number], "name": f"canned {number}"})
    names = [boto.get_launch_configuration(sourceServerID=server)["name"] for server in (*IDS[:3], IDS[0])]
    assert names == ["canned 0", "canned 1", IDS[2], "canned 0"]
    local.respond("GetLaunchConfiguration", {"sourceServerID": IDS[1], "name": "once"}, times=1)
    names = [boto.get_launch_configuration(sourceServerID=server)["name"] for server in (IDS[0], IDS[1], IDS[1])]
    assert names == ["canned 0", "once", "canned 1"]
    local.respond("GetLaunchConfiguration", {"sourceServerID": IDS[1], "name": "later"})
    assert boto.get_launch_configuration(sourceServerID=IDS[1])["name"] == "later"
    local.respond("GetLaunchConfiguration", {"name": "for all"})
    assert boto.get_launch_configuration(sourceServerID=IDS[5])["name"] == "for all"


def test_response_for_one_server_is_nested(local: LocalDrs):
    """Its id is deeper in the members of both."""
    boto = local.client(config=ONE_ATTEMPT)
    local.respond("StopReplication", {"sourceServer": {"sourceServerID": IDS[0]}})
    assert boto.stop_replication(sourceServerID=IDS[0])["sourceServer"]["sourceServerID"] == IDS[0]
    with pytest.raises(ClientError, match="does not simulate StopReplication"):
        boto.stop_replication(sourceServerID=IDS[1])
    job = {"jobID": "drsjob-00000000000000000", "participatingServers": [{"sourceServerID": IDS[0]}]}
    local.respond("StartRecovery", {"job": job})
    assert boto.start_recovery(sourceServers=[{"sourceServerID": IDS[0]}])["job"]["jobID"] == job["jobID"]
    assert start(boto, 1) != job["jobID"]
    local.respond("DescribeSourceServers", {"items": [{"sourceServerID": IDS[0]}]})
    assert len(boto.describe_source_servers(filters={"sourceServerIDs": [IDS[0]]})["items"]) == 1
    assert boto.describe_source_servers(filters={"sourceServerIDs": [IDS[1]]})["items"] == []
    local.respond("DescribeRecoveryInstances", {"items": [{"recoveryInstanceID": "i-00000000"}]})
    assert boto.describe_recovery_instances(filters={"recoveryInstanceIDs": ["i-00000001"]})["items"] == []
    local.respond("DescribeJobs", {"items": [job]})
    assert boto.describe_jobs(filters={"jobIDs": ["drsjob-00000000000000001"]})["items"] == []
    assert boto.describe_jobs()["items"] == [job]


def test_response_for_some_resources(local: LocalDrs):
    """It is not used for a request that also names others, and the error says that there is one."""
    boto = local.client(config=ONE_ATTEMPT)
    jobs = [f"drsjob-{number:017}" for number in range(2)]
    local.respond("StartRecovery", {"job": {"jobID": jobs[0], "participatingServers": [{"sourceServerID": IDS[0]}]}})
    local.respond("DescribeSourceServers", {"items": [{"sourceServerID": IDS[0]}]})
    local.respond("DescribeJobs", {"items": [{"jobID": jobs[0]}]})
    tagged = boto.start_recovery(sourceServers=[{"sourceServerID": IDS[0]}], tags={"jobID": "ours"})["job"]["jobID"]
    assert start(boto, 0) == tagged == jobs[0] != start(boto, 0, 1)
    assert len(boto.describe_source_servers(filters={"sourceServerIDs": IDS[:1]})["items"]) == 1
    assert boto.describe_source_servers(filters={"sourceServerIDs": IDS[:2]})["items"] == []
    assert [len(boto.describe_jobs(filters={"jobIDs": jobs[:count]})["items"]) for count in (1, 2)] == [1, 0]
    action = {"actionCode": "x", "actionId": f"{0:08}-0000-0000-0000-000000000000", "actionVersion": "1"}
    action |= {"active": True, "category": "OTHER", "description": "x", "name": "x", "optional": True, "order": 2}
    local.respond("PutLaunchAction", {"resourceId": IDS[0]})
    assert boto.put_launch_action(resourceId=IDS[0], **action)["resourceId"] == IDS[0]
    with pytest.raises(ClientError, match="PutLaunchAction, and a response that names other resources is not used"):
        boto.put_launch_action(resourceId=IDS[1], **action)


class Name(str, Enum):  # noqa: UP042  # its `str` is not its value, unlike that of a StrEnum
    """Texts of the user's code."""

    SERVER = IDS[0]
    INSTANCE = "i-00000000"


def test_texts_of_an_enum(local: LocalDrs):
    local.respond("GetLaunchConfiguration", {"sourceServerID": Name.SERVER})
    assert local.client().get_launch_configuration(sourceServerID=IDS[0])["sourceServerID"] == IDS[0]
    local.on_launch(lambda _: Name.INSTANCE)
    start(local.client(), 0)
    local.advance(HOUR)
    [instance] = local.client().describe_recovery_instances()["items"]
    assert (instance["ec2InstanceID"], instance["arn"].rpartition("/")[2]) == ("i-00000000", "i-00000000")
    with pytest.raises(ValueError, match="copyTags must be a boolean"):
        local.respond("GetLaunchConfiguration", {"copyTags": 1})
    with pytest.raises(ValueError, match="bandwidthThrottling must be a long"):
        local.respond("GetReplicationConfiguration", {"bandwidthThrottling": True})


def test_other_ids_do_not_matter(local: LocalDrs):
    """A changed subnet is no reason to ignore the response."""
    local.respond("UpdateReplicationConfiguration", {"sourceServerID": IDS[0], "stagingAreaSubnetId": "subnet-00000000"})
    boto = local.client()
    updated = boto.update_replication_configuration(sourceServerID=IDS[0], stagingAreaSubnetId="subnet-11111111")
    assert updated["stagingAreaSubnetId"] == "subnet-00000000"


def test_function(local: LocalDrs):
    """It is called with a copy of the members of the request, wherever they are, and with no others."""
    requests: list[Any] = []

    def launch_actions(request: Any) -> dict[str, Any]:
        requests.append(dict(request))
        request.clear()
        return {"items": [{"actionId": f"{len(requests):08}-0000-0000-0000-000000000000"}]}

    local.respond("ListLaunchActions", launch_actions)
    boto = local.client()
    found = [boto.list_launch_actions(resourceId=server)["items"][0]["actionId"][:8] for server in IDS[:2]]
    assert found == ["00000001", "00000002"]
    assert requests == [{"resourceId": IDS[0]}, {"resourceId": IDS[1]}]
    assert [request.body for request in local.requests] == requests
    local.respond("UntagResource", lambda request: requests.append(request) or {}, times=1)
    arn = "arn:aws:drs:eu-west-1:123456789012:job/x"
    boto.untag_resource(resourceArn=arn, tagKeys=["a", "b"])
    assert requests[-1] == {"resourceArn": arn, "tagKeys": ["a", "b"]}
    with pytest.raises(boto.exceptions.ResourceNotFoundException):
        boto.untag_resource(resourceArn=arn, tagKeys=["a", "b"])


def test_function_can_use_the_endpoint(local: LocalDrs):
    """It sends requests of its own, and changes data."""

    def describe(_: Any) -> dict[str, Any]:
        local.add_jobs(make_job())
        local.advance(1)
        return {"accounts": [{"accountID": "1111222233" + f"{len(local.client().describe_jobs()['items']):02}"}]}

    local.respond("ListStagingAccounts", describe)
    found = [local.client().list_staging_accounts()["accounts"][0]["accountID"] for _ in range(2)]
    assert found == ["111122223301", "111122223302"]


FAILING: dict[str, tuple[Callable[[Any], Any], str]] = {
    "raises": (lambda request: request["absent"], "KeyError"),
    "assertion": (lambda _: pytest.fail("not this one"), "not this one"),
    "nothing": (lambda _: None, "it returned None, not the members of a response"),
    "text": (lambda _: "x", "it returned 'x'"),
    "list": (lambda _: [], r"it returned \[\]"),
    "unknown member": (lambda _: {"names": "x"}, "names is no member of LaunchConfiguration; the closest is name"),
    "wrong value": (lambda _: {"launchDisposition": "UP"}, "launchDisposition must be one of STOPPED, STARTED"),
    "no JSON": (lambda _: {"name": object()}, "name must be a string"),
    "wrong key": (lambda _: {1: "x"}, "1 is no member"),
    "two arguments": (lambda _, __: {}, "TypeError"),
}


@pytest.mark.parametrize("kind", FAILING)
def test_function_that_fails(kind: str):
    """It is an error of the test: the client gets no error of AWS, and sends no second request, and the block raises it."""
    function, reason = FAILING[kind]
    with (
        pytest.raises(RuntimeError, match=rf"respond\('GetLaunchConfiguration', ...\) failed: .*{reason}"),
        LocalDrs() as local,
    ):
        local.respond("GetLaunchConfiguration", function)
        with pytest.raises(ClientError, match=reason) as caught:
            local.client().get_launch_configuration(sourceServerID=IDS[0])
        response = caught.value.response
        assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == ("TestErrorException", 400)
        assert len(local.requests) == 1


def test_hidden_error_of_a_function():
    """Each way of ending a test raises it, once. An error of the block itself takes precedence."""

    def fail(local: LocalDrs) -> None:
        local.respond("GetLaunchConfiguration", lambda _: 1)
        with pytest.raises(ClientError):
            local.client().get_launch_configuration(sourceServerID=IDS[0])

    with LocalDrs() as local:
        fail(local)
        with pytest.raises(RuntimeError, match="GetLaunchConfiguration"):
            local.clear()
        assert local.client().get_launch_configuration(sourceServerID=IDS[0])["sourceServerID"] == IDS[0]
        fail(local)
        with pytest.raises(RuntimeError, match="GetLaunchConfiguration"):
            local.stop()
        local.stop()
    with pytest.raises(ZeroDivisionError), LocalDrs() as local:
        fail(local)
        _ = 1 / 0


@pytest.mark.parametrize("response", [None, "x", [], 3])
def test_neither_members_nor_function(response: Any, local: LocalDrs):
    with pytest.raises(TypeError, match="respond takes the members of a response, or a function"):
        local.respond("GetLaunchConfiguration", response)
    with pytest.raises(TypeError, match="on_launch takes a function"):
        local.on_launch(response)


# ------------------------------------------------------------------ instances


class Instances:
    """Creates instances, as EC2 does."""

    def __init__(self) -> None:
        self.ids: dict[str, list[str]] = {}

    def create(self, server: str) -> str:
        instance_id = f"i-{sum(map(len, self.ids.values())):010}abcdef0"
        self.ids.setdefault(server, []).append(instance_id)
        return instance_id

    def latest(self, server: str) -> str:
        return self.ids[server][-1]


def test_launched_instances():
    """The id is in the log, the recovery instances, source servers and jobs. No instance is created before its launch."""
    created = Instances()
    with LocalDrs(speed=0, has_recovery_instance_ids=True) as local:
        local.add_source_servers(*({"sourceServerID": server} for server in IDS[:3]))
        local.on_launch(created.create)
        boto, client = local.client(), JobsClient(local.client())
        for failure in (None, PhaseFailure("SNAPSHOT")):
            local.fail_server(IDS[2], failure or BootFailure())
            job_id = start(boto, 0, 1, 2)
            before = {server: len(ids) for server, ids in created.ids.items()}
            local.advance(timedelta(minutes=4))
            boto.describe_jobs()
            assert {server: len(ids) for server, ids in created.ids.items()} == before
            local.advance(HOUR)
            assert created.ids.keys() == set(IDS[:2]), "no instance for a server that does not launch"
            expected = {server: created.latest(server) for server in IDS[:2]}
            assert client.explain(job_id).instance_ids == expected
            instances = boto.describe_recovery_instances()["items"]
            assert {one["sourceServerID"]: one["ec2InstanceID"] for one in instances} == expected
            servers = boto.describe_source_servers()["items"]
            assert {
                one["sourceServerID"]: one["recoveryInstanceId"] for one in servers if "recoveryInstanceId" in one
            } == expected
            participants = client.get_job(job_id).participating_servers
            assert {one.source_server_id: one.recovery_instance_id for one in participants} == expected | {IDS[2]: None}
        ids = [one["recoveryInstanceID"] for one in instances]
        job = boto.terminate_recovery_instances(recoveryInstanceIDs=ids)["job"]
        assert {one["sourceServerID"] for one in job["participatingServers"]} == set(IDS[:2])
        local.advance(HOUR)
        assert boto.describe_recovery_instances()["items"] == []
    assert {server: len(ids) for server, ids in created.ids.items()} == {IDS[0]: 2, IDS[1]: 2}


@pytest.mark.parametrize(
    ("failure", "count"),
    [(BootFailure(), 0), (PhaseFailure("LAUNCH", instance_exists=True), 1), (SilentFailure(), 0), (Stuck("LAUNCH"), 0)],
)
def test_instance_of_a_failed_server(failure: Any, count: int, local: LocalDrs):
    """It is created if the failure says that it exists."""
    created = Instances()
    local.on_launch(created.create)
    local.fail_server(IDS[0], failure)
    job_id = start(local.client(), 0)
    local.advance(HOUR)
    log = JobsClient(local.client()).describe_job_log_items(job_id).collect()
    targets = [item.event_data.target_instance_id for item in log if item.event_data and item.event_data.target_instance_id]
    assert (targets, len(created.ids.get(IDS[0], []))) == (created.ids.get(IDS[0], []), count)


def test_function_given_after_the_start(local: LocalDrs):
    created = Instances()
    job_id = start(local.client(), 0)
    local.advance(60)
    local.on_launch(created.create)
    local.advance(HOUR)
    assert JobsClient(local.client()).explain(job_id).instance_ids == {IDS[0]: created.latest(IDS[0])}


def test_function_that_launches_can_use_the_endpoint(local: LocalDrs):
    """It sees the job as it is just before the launch."""
    seen: list[Any] = []
    boto, client = local.client(), JobsClient(local.client())

    def create(server: str) -> str:
        [job] = client.describe_jobs().collect()
        seen.append([one.launch_status for one in job.participating_servers if one.source_server_id == server])
        assert not client.explain(job).instance_ids.get(server)
        return f"i-0000000{len(seen)}"

    local.on_launch(create)
    job_id = start(boto, 0, 1)
    local.advance(HOUR)
    assert seen == [["IN_PROGRESS"]] * 2
    assert sorted(client.explain(job_id).instance_ids.values()) == ["i-00000001", "i-00000002"]


def test_slow_function_beside_other_requests():
    """Each request has the right id or none, and the function is called once per launch."""
    calls: list[str] = []

    def create(server: str) -> str:
        calls.append(server)
        time.sleep(0.05)
        return f"i-{IDS.index(server):08}"

    with LocalDrs(speed=2000) as local:
        local.on_launch(create)
        job_id = start(local.client(), 0, 1, 2)
        wrong: list[Any] = []

        def poll() -> None:
            client = JobsClient(local.client())
            while client.get_job(job_id).outcome == "RUNNING":
                ids = client.explain(job_id).instance_ids
                if any(instance_id != f"i-{IDS.index(server):08}" for server, instance_id in ids.items()):
                    wrong.append(ids)

        threads = [threading.Thread(target=poll) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert JobsClient(local.client()).explain(job_id).instance_ids == {IDS[n]: f"i-{n:08}" for n in range(3)}
    assert (wrong, sorted(calls)) == ([], IDS[:3])


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda _: {}["absent"], "KeyError"),
        (lambda _: None, "None does not fit .* must be a string"),
        (lambda _: "server", "'server' does not fit"),
        (lambda _: "i-xyz", "'i-xyz' does not fit"),
        (lambda: "i-00000000", "TypeError"),
        (lambda _: pytest.fail("not this one"), "not this one"),
    ],
)
def test_launch_function_that_fails(function: Any, reason: str):
    """In a request, the client gets no error of AWS, and the block raises it. `advance` raises it at once. The job goes on."""
    with pytest.raises(RuntimeError, match=rf"on_launch failed for {IDS[0]}: .*{reason}"), LocalDrs(speed=0) as local:
        local.on_launch(function)
        start(local.client(), 0)
        with pytest.raises(RuntimeError, match=reason):
            local.advance(HOUR)
        job_id = start(local.client(), 0)
        local._backend._start += HOUR  # as time passes
        with pytest.raises(ClientError, match=reason) as caught:
            local.client().describe_jobs()
        assert caught.value.response["Error"]["Code"] == "TestErrorException"
        assert JobsClient(local.client()).get_job(job_id).outcome == "SUCCEEDED"


def test_one_instance_for_two_servers():
    """It cannot exist. A later drill of the same server can return it again."""
    with (
        pytest.raises(RuntimeError, match=rf"returned i-00000000, the existing instance of {IDS[0]}"),
        LocalDrs(speed=0) as local,
    ):
        local.on_launch(lambda _: "i-00000000")
        for _ in range(2):
            start(local.client(), 0)
            local.advance(HOUR)
        start(local.client(), 1)
        local.advance(HOUR)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupted_function(error: type[BaseException], local: LocalDrs):
    """Ctrl-C ends the test. In the thread of a request, it can only be an error of the function."""

    def interrupt(_: object) -> Any:
        raise error

    local.on_launch(interrupt)
    start(local.client(), 0)
    with pytest.raises(error):
        local.advance(HOUR)
    local.respond("GetLaunchConfiguration", interrupt)
    with pytest.raises(ClientError, match=error.__name__):
        local.client().get_launch_configuration(sourceServerID=IDS[0])
    with pytest.raises(RuntimeError, match=error.__name__):
        local.clear()


def test_advance_waits_for_another_thread(local: LocalDrs):
    """When it returns, the instance exists, also if a request in another thread has called the function."""
    is_called, can_return = threading.Event(), threading.Event()

    def create(_: str) -> str:
        is_called.set()
        assert can_return.wait(10)
        return "i-00000000"

    local.on_launch(create)
    job_id = start(local.client(), 0)
    local._backend._start += HOUR  # as time passes
    poll = threading.Thread(target=local.client().describe_jobs)
    poll.start()
    assert is_called.wait(10)
    assert JobsClient(local.client()).explain(job_id).instance_ids == {}, "requests do not wait"
    timer = threading.Timer(0.1, can_return.set)
    timer.start()
    local.advance(0)
    assert JobsClient(local.client()).explain(job_id).instance_ids == {IDS[0]: "i-00000000"}
    for thread in (poll, timer):
        thread.join()


def test_advance_in_functions(local: LocalDrs):
    """Neither the function that launches nor one that it calls by a request waits for the former."""
    boto = local.client(config=ONE_ATTEMPT.merge(Config(read_timeout=10)))

    def create(server: str) -> str:
        local.advance(1)
        boto.list_staging_accounts()
        return f"i-{server[-8:]}"

    local.respond("ListStagingAccounts", lambda _: local.advance(1) or {})
    local.on_launch(create)
    job_id = start(boto, 0, 1)
    local.advance(HOUR)
    assert len(JobsClient(boto).explain(job_id).instance_ids) == 2


@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=30)])
def test_launches_of_a_history(age: timedelta, local: LocalDrs):
    """The function is called once for each server that the running job of a history launches after it was added."""
    created = Instances()
    local.on_launch(created.create)
    history = make_history(30, until=local.now - age, logs=True)
    for _ in range(2):  # the second time replaces the same jobs
        local.add_history(history)
    client = JobsClient(local.client())
    local.client().describe_jobs()
    assert created.ids == {}, "what was launched before stays as it is"
    job_id = history[0].job_id
    for minutes in (1, 60):
        local.advance(timedelta(minutes=minutes))
        before = client.get_job(job_id)
        launched = {one.source_server_id for one in before.participating_servers if one.launch_status == "LAUNCHED"}
        assert created.ids.keys() == launched
        assert client.explain(job_id).instance_ids == {server: created.latest(server) for server in launched}
    assert {server: len(ids) for server, ids in created.ids.items()} == dict.fromkeys(launched, 1)
    assert len(launched) == len(history[0].participating_servers)
    instances = {one["sourceServerID"]: one["ec2InstanceID"] for one in local.client().describe_recovery_instances()["items"]}
    assert instances.items() >= {server: created.latest(server) for server in launched}.items()


def test_launches_of_a_replaced_job(local: LocalDrs):
    """A job that was replaced launches nothing, whatever the job says that replaces it."""
    created = Instances()
    local.on_launch(created.create)
    history = make_history(5, until=local.now, logs=True)
    local.add_history(history)
    future = local.now + timedelta(minutes=1)
    local.add_jobs(make_job(job_id=history[0].job_id, arn=history[0].arn, status="STARTED", creation_date_time=future))
    local.add_jobs(make_job(status="STARTED", creation_date_time=future, participating_servers=(make_server(),)))
    local.advance(HOUR)
    assert created.ids == {}


def test_clear_forgets_launches(local: LocalDrs):
    created = Instances()
    local.on_launch(created.create)
    start(local.client(), 0)
    local.clear()
    start(local.client(), 1)
    local.advance(HOUR)
    assert (created.ids, len(local.client().describe_recovery_instances()["items"])) == ({}, 1)


@pytest.mark.needs_check_env
def test_instances_of_moto(monkeypatch: pytest.MonkeyPatch):
    """An automation finds the instances of a drill in EC2, and terminates them there and in DRS."""
    import moto  # noqa: PLC0415  # it is only in the environment of make check

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with LocalDrs(speed=0) as local, moto.mock_aws():
        moto.core.config.default_user_config["core"]["passthrough"]["urls"] = [f"^{local.endpoint_url}"]
        ec2 = boto3.client("ec2", region_name="eu-west-1")
        image = ec2.describe_images()["Images"][0]["ImageId"]

        def launch(server: str) -> str:
            tags = [{"Key": "AWSElasticDisasterRecoverySourceServerID", "Value": server}]
            specification = [{"ResourceType": "instance", "Tags": tags}]
            [instance] = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=specification)["Instances"]
            instance_id: str = instance["InstanceId"]
            return instance_id

        local.on_launch(launch)
        boto = local.client()
        job_id = start(boto, 0, 1)
        local.advance(HOUR)
        ids = JobsClient(boto).explain(job_id).instance_ids
        reservations = ec2.describe_instances(InstanceIds=list(ids.values()))["Reservations"]
        tags = {one["InstanceId"]: one["Tags"][0]["Value"] for item in reservations for one in item["Instances"]}
        assert tags == {instance_id: server for server, instance_id in ids.items()}
        assert {one["ec2InstanceID"] for one in boto.describe_recovery_instances()["items"]} == set(tags)
