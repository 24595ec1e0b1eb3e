"""The log of a job: its shape, pagination and errors."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from drs_jobs import (
    ConversionProperties,
    JobLogEvent,
    JobLogEventData,
    JobLogItem,
    JobsClient,
    MalformedResponseError,
    ProductCode,
    ProductCodeMode,
    SourceNetworkData,
    ThrottlingException,
    UnknownMember,
    UnknownValue,
)
from drs_jobs.testing import LocalDrs, RawResponse, Throttle, make_job, make_log_item

pytestmark = pytest.mark.both_clients

JOB_ID = "drsjob-00000000000000000"

FULL_ITEM: dict[str, Any] = {
    "event": "CONVERSION_END",
    "logDateTime": "2022-12-07T19:24:29.374504+00:00",
    "eventData": {
        "sourceServerID": "s-51d6b65c73391918f",
        "conversionServerID": "i-04506d5ee9a75c1e7",
        "targetInstanceID": "i-04506d5ee9a75c1e8",
        "rawError": "none",
        "attemptCount": 2,
        "maxAttemptsCount": 3,
        "eventResourceData": {
            "sourceNetworkData": {
                "sourceNetworkID": "sn-00000000000000000",
                "sourceVpc": "vpc-00000001",
                "targetVpc": "vpc-00000002",
                "stackName": "stack",
            }
        },
        "conversionProperties": {
            "volumeToConversionMap": {"vol-1": {"snap-1": "snap-2"}},
            "rootVolumeName": "/dev/sda1",
            "forceUefi": True,
            "dataTimestamp": "yesterday",
            "volumeToVolumeSize": {"vol-1": 8},
            "volumeToProductCodes": {"vol-1": [{"productCodeId": "0000000000000000000000000", "productCodeMode": "ENABLED"}]},
        },
    },
}


def _serve(local_drs: LocalDrs, *items: object, times: int = 1) -> None:
    local_drs.inject(RawResponse(json.dumps({"items": items}).encode()), times=times)


def test_every_member_is_structured(client: JobsClient, local_drs: LocalDrs):
    _serve(local_drs, FULL_ITEM)
    [item] = client.describe_job_log_items(JOB_ID)
    assert item == JobLogItem(
        event=JobLogEvent.CONVERSION_END,
        log_date_time=datetime(2022, 12, 7, 19, 24, 29, 374504, tzinfo=UTC),
        event_data=JobLogEventData(
            source_server_id="s-51d6b65c73391918f",
            conversion_server_id="i-04506d5ee9a75c1e7",
            target_instance_id="i-04506d5ee9a75c1e8",
            raw_error="none",
            attempt_count=2,
            max_attempts_count=3,
            event_resource_data=SourceNetworkData(
                source_network_id="sn-00000000000000000",
                source_vpc="vpc-00000001",
                target_vpc="vpc-00000002",
                stack_name="stack",
            ),
            conversion_properties=ConversionProperties(
                volume_to_conversion_map={"vol-1": {"snap-1": "snap-2"}},
                root_volume_name="/dev/sda1",
                force_uefi=True,
                data_timestamp="yesterday",
                volume_to_volume_size={"vol-1": 8},
                volume_to_product_codes={
                    "vol-1": (
                        ProductCode(product_code_id="0000000000000000000000000", product_code_mode=ProductCodeMode.ENABLED),
                    )
                },
            ),
        ),
    )
    assert len(repr(item)) < 1000


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, JobLogItem()),
        ({"event": "LAUNCH_END", "eventData": {}}, JobLogItem(event=UnknownValue("LAUNCH_END"), event_data=JobLogEventData())),
        ({"eventData": None, "logDateTime": None}, JobLogItem()),
        (
            {"eventData": {"eventResourceData": {"later": [1]}}},
            JobLogItem(event_data=JobLogEventData(event_resource_data=UnknownMember("later", [1]))),
        ),
    ],
)
def test_every_member_is_optional(raw, expected, client: JobsClient, local_drs: LocalDrs):
    _serve(local_drs, raw)
    assert [expected] == list(client.describe_job_log_items(JOB_ID))


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (None, "$.items[1]"),
        ({"event": 5}, "$.items[1].event"),
        ({"eventData": []}, "$.items[1].eventData"),
        ({"eventData": {"attemptCount": "2"}}, "$.items[1].eventData.attemptCount"),
        ({"eventData": {"eventResourceData": {}}}, "$.items[1].eventData.eventResourceData"),
        (
            {"eventData": {"eventResourceData": {"sourceNetworkData": 5}}},
            "$.items[1].eventData.eventResourceData.sourceNetworkData",
        ),
        (
            {"eventData": {"conversionProperties": {"volumeToConversionMap": {"vol-1": {"snap-1": None}}}}},
            "$.items[1].eventData.conversionProperties.volumeToConversionMap['vol-1']['snap-1']",
        ),
        (
            {"eventData": {"conversionProperties": {"volumeToProductCodes": {"v": [{"productCodeMode": 1}]}}}},
            "$.items[1].eventData.conversionProperties.volumeToProductCodes.v[0].productCodeMode",
        ),
    ],
)
def test_malformed_item(raw, path, client: JobsClient, local_drs: LocalDrs):
    """Its error has path and cursor. All other items are returned."""
    before, after = {"event": "JOB_START"}, {"event": "JOB_END"}
    _serve(local_drs, before, raw, after, times=3)
    iterator = iter(client.describe_job_log_items(JOB_ID))
    assert next(iterator).event is JobLogEvent.JOB_START
    with pytest.raises(MalformedResponseError) as caught:
        next(iterator)
    assert path == caught.value.path
    assert [item.event for item in client.describe_job_log_items(JOB_ID, cursor=caught.value.cursor)] == [JobLogEvent.JOB_END]
    malformed: list[Any] = []
    assert len(client.describe_job_log_items(JOB_ID, on_malformed=malformed.append).collect()) == 2
    assert len(malformed) == 1


def test_resume_from_every_position(client: JobsClient, local_drs: LocalDrs):
    """Items have no ids. Each comes once, over pages (some are empty), and equal items are kept."""
    local_drs.page_sizes = (0, 3, 2)
    job = make_job()
    local_drs.add_jobs(job)
    double = make_log_item(event="SNAPSHOT_START")
    local_drs.add_log(job.job_id, double, double, *(make_log_item() for _ in range(9)), double)
    log = list(client.describe_job_log_items(job.job_id))
    assert len(log) == 12
    for position in range(len(log) + 1):
        iterator = iter(client.describe_job_log_items(job.job_id))
        got = list(itertools.islice(iterator, position))
        assert log == got + list(client.describe_job_log_items(job.job_id, cursor=iterator.cursor))
    assert log[:4] == list(client.describe_job_log_items(job.job_id, limit=4, page_size=1))
    assert log[0] == client.describe_job_log_items(job.job_id).first()


def test_resume_ignores_the_order_of_members(client: JobsClient, local_drs: LocalDrs):
    """The order has no meaning in JSON, so it can change between two responses."""
    first, second = {"event": "JOB_START", "logDateTime": "2024-06-15T15:00:00Z"}, {"event": "JOB_END"}
    _serve(local_drs, first, second)
    iterator = iter(client.describe_job_log_items(JOB_ID))
    next(iterator)
    _serve(local_drs, {"event": "SNAPSHOT_START"}, dict(reversed(first.items())), second)
    rest = client.describe_job_log_items(JOB_ID, cursor=iterator.cursor)
    assert [item.event for item in rest] == [JobLogEvent.JOB_END]


def test_cursor_belongs_to_operation_and_job(client: JobsClient):
    jobs = iter(client.describe_jobs()).cursor
    log = iter(client.describe_job_log_items(JOB_ID)).cursor
    with pytest.raises(ValueError, match="does not belong"):
        client.describe_job_log_items(JOB_ID, cursor=jobs)
    with pytest.raises(ValueError, match="does not belong"):
        client.describe_job_log_items("drsjob-11111111111111111", cursor=log)
    with pytest.raises(ValueError, match="does not belong"):
        client.describe_jobs(cursor=log)


def test_arguments_and_errors(client: JobsClient, local_drs: LocalDrs):
    """They are the same as for describe_jobs."""
    for wrong in ("", " ", 5, None):
        with pytest.raises(TypeError, match="job id"):
            client.describe_job_log_items(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="page_size"):
        client.describe_job_log_items(JOB_ID, page_size=0)
    assert local_drs.requests == ()
    local_drs.inject(Throttle())
    with pytest.raises(ThrottlingException) as caught:
        client.describe_job_log_items(JOB_ID).first()
    assert caught.value.operation_name == "DescribeJobLogItems"
    assert [request.body for request in local_drs.requests] == [{"jobID": JOB_ID}]
    assert client.describe_job_log_items(JOB_ID).collect() == ()
    assert "job_id=drsjob-00000000000000000" in repr(client.describe_job_log_items(JOB_ID))


def test_client_without_describe_job_log_items():
    """A fake client can have describe_jobs alone. The TypeError names the missing method."""

    class JobsOnly:
        def describe_jobs(self, **_: Any) -> dict[str, Any]:
            return {"items": []}

    with pytest.raises(TypeError, match="describe_job_log_items"):
        JobsClient(JobsOnly()).describe_job_log_items(JOB_ID).first()


@pytest.mark.synchronous  # botocore's Stubber
def test_stubber(boto_client: Any):
    """An older botocore does not have the attempt counts, and the Stubber rejects members that botocore does not have."""
    known = boto_client.meta.service_model.shape_for("JobLogEventData").members
    item = {**FULL_ITEM, "eventData": {name: value for name, value in FULL_ITEM["eventData"].items() if name in known}}
    with Stubber(boto_client) as stubber:
        stubber.add_response("describe_job_log_items", {"items": [item]}, {"jobID": JOB_ID})
        [item] = JobsClient(boto_client).describe_job_log_items(JOB_ID)
    assert item.event is JobLogEvent.CONVERSION_END


# ------------------------------------------------------------------ simulated jobs


def test_recovery_progresses_with_the_clock(boto_client: Any, client: JobsClient):
    """Status and log go from PENDING to COMPLETED as the clock advances."""
    with LocalDrs(speed=0) as local:
        boto_client = local.client()
        client = JobsClient(boto_client)
        server = "s-00000000000000000"
        raw = boto_client.start_recovery(sourceServers=[{"sourceServerID": server}], tags={"a": "b"})["job"]
        assert (raw["status"], raw["participatingServers"][0]["launchActionsStatus"]) == ("PENDING", {"runs": []})
        seen = []
        for _ in range(11):
            job = client.get_job(raw["jobID"])
            log = client.describe_job_log_items(job.job_id).collect()
            seen.append((job.status, job.participating_servers[0].launch_status, log[-1].event if log else None))
            local.advance(timedelta(minutes=1))
        assert job.tags == {"a": "b"}
        assert job.duration is not None
        assert (timedelta(seconds=533) < job.duration < timedelta(seconds=539), job.is_drill) == (True, False)
        assert list(dict.fromkeys(status for status, _, _ in seen)) == ["PENDING", "STARTED", "COMPLETED"]
        assert list(dict.fromkeys(status for _, status, _ in seen)) == ["PENDING", "IN_PROGRESS", "LAUNCHED"]
        assert (seen[0][2], seen[-1][2]) == (None, "JOB_END")
        assert job.participating_servers[0].recovery_instance_id is None
        instance = client.explain(job).instance_ids[server]
        clean_up = boto_client.terminate_recovery_instances(recoveryInstanceIDs=[instance])["job"]
        assert (clean_up["type"], clean_up["status"], "initiatedBy" in clean_up) == ("TERMINATE", "PENDING", False)
        local.advance(5)
        assert client.get_job(clean_up["jobID"]).status == "STARTED"
        local.advance(55)
        done = client.get_job(clean_up["jobID"])
        assert (done.status, done.participating_servers, done.outcome.name) == ("COMPLETED", (), "SUCCEEDED")
        assert client.describe_job_log_items(done.job_id).collect()[-1].event == "JOB_END"


def test_conflicts(local_drs: LocalDrs, boto_client: Any):
    """A server in an unfinished job and an unknown instance are a ConflictException."""
    server = {"sourceServerID": "s-00000000000000000"}
    boto_client.start_recovery(sourceServers=[server])
    with pytest.raises(boto_client.exceptions.ConflictException, match="s-00000000000000000"):
        boto_client.start_recovery(sourceServers=[server])
    with pytest.raises(boto_client.exceptions.ConflictException, match="i-00000000"):
        boto_client.terminate_recovery_instances(recoveryInstanceIDs=["i-00000000"])
    with pytest.raises(boto_client.exceptions.ClientError, match="validation error"):
        boto_client.start_recovery(sourceServers=[{"sourceServerID": "s-" + "!" * 17}])
    with LocalDrs(speed=0) as local:
        boto = local.client()
        twice = boto.start_recovery(sourceServers=[server, server])["job"]
        assert len(twice["participatingServers"]) == 1
        local.advance(timedelta(hours=1))
        instances = list(JobsClient(boto).explain(twice).instance_ids.values())
        boto.terminate_recovery_instances(recoveryInstanceIDs=instances)
        with pytest.raises(boto.exceptions.ConflictException):
            boto.terminate_recovery_instances(recoveryInstanceIDs=instances)
    # In another account the server is free.
    local_drs.accounts["another"] = "111122223333"
    local_drs.client(access_key_id="another").start_recovery(sourceServers=[server])


def test_clock_speed():
    """It is real, faster or stopped. It never goes back."""
    still, fast = LocalDrs(speed=0), LocalDrs(speed=1e6)
    began, later = still.now, fast.now
    assert began == still.now
    assert fast.now > later
    still.advance(timedelta(minutes=1))
    assert began + timedelta(minutes=1) == still.now
    wrong_speeds = (lambda speed=speed: LocalDrs(speed=speed) for speed in (-1, float("inf"), float("nan"), 1e12))
    for wrong in (*wrong_speeds, lambda: still.advance(timedelta(seconds=-1))):
        with pytest.raises(ValueError, match="run backwards"):
            wrong()
    for seconds in (1e12, 1e30, float("inf"), timedelta.max):
        with pytest.raises(ValueError, match="nor beyond 9999-01-01"):
            still.advance(seconds)
    assert began + timedelta(minutes=1) == still.now
    with LocalDrs(speed=0) as local:
        assert local.now == local.now
