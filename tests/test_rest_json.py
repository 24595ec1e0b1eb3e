"""The published client tests of AWS's rest-json protocol, rewritten for the shapes of DRS, over HTTP.

Tests of parts that these shapes do not have are left out: blobs, floats, header and status members, payloads, streams,
jsonvalue. One rule is stricter: the protocol lets a client skip a null in a map or list. Here it is a malformed job, because
no data is dropped silently.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from drs_jobs import (
    JobsClient,
    JobStatus,
    LaunchActionParameter,
    MalformedResponseError,
    ServiceError,
    SourceNetworkID,
    ThrottlingException,
    UnknownMember,
    ValidationException,
)
from drs_jobs.testing import LocalDrs, RawResponse

pytestmark = pytest.mark.both_clients


def _job(client: JobsClient, local_drs: LocalDrs, **members: Any) -> Any:
    local_drs.inject(RawResponse(json.dumps({"items": [{"jobID": "j", **members}]}).encode()))
    return client.describe_jobs().first()


def _action(client: JobsClient, local_drs: LocalDrs, **members: Any) -> Any:
    servers = [{"launchActionsStatus": {"runs": [{"action": members}]}}]
    return _job(client, local_drs, participatingServers=servers).participating_servers[0].runs[0].action


def test_scalar_members(client: JobsClient, local_drs: LocalDrs):
    """Strings, integers and both booleans."""
    action = _action(client, local_drs, name="myname", order=123, active=True, optional=False)
    assert (action.name, action.order, action.active, action.optional) == ("myname", 123, True, False)


def test_lists_of_structures_keep_their_order(client: JobsClient, local_drs: LocalDrs):
    job = _job(client, local_drs, participatingServers=[{"sourceServerID": "a"}, {"sourceServerID": "b"}])
    assert [server.source_server_id for server in job.participating_servers] == ["a", "b"]


def test_maps_and_maps_of_structures(client: JobsClient, local_drs: LocalDrs):
    """Keys are data. They are not renamed, and any text is a key."""
    assert _job(client, local_drs, tags={"jobID": "x", "": "y"}).tags == {"jobID": "x", "": "y"}
    action = _action(client, local_drs, parameters={"a": {"value": "1"}, "b": {}})
    assert action.parameters == {"a": LaunchActionParameter(value="1"), "b": LaunchActionParameter()}


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [("2014-04-29T18:30:38+00:00", 0), ("2014-04-29T18:30:38Z", 0), ("2014-04-29T18:30:38.123Z", 123_000)],
)
def test_timestamps(text: str, microsecond: int, client: JobsClient, local_drs: LocalDrs):
    """With `Z`, with an offset, and with fractions of a second."""
    assert _job(client, local_drs, endDateTime=text).end_date_time == datetime(2014, 4, 29, 18, 30, 38, microsecond, UTC)


def test_timestamps_are_converted_to_utc(client: JobsClient, local_drs: LocalDrs):
    job = _job(client, local_drs, endDateTime="2019-12-16T22:48:18-01:00")
    assert job.end_date_time == datetime(2019, 12, 16, 23, 48, 18, tzinfo=UTC)


def test_unknown_members_are_ignored(client: JobsClient, local_drs: LocalDrs):
    """At every depth. `pages()` has them in `raw`."""
    job = _job(client, local_drs, foo="bar", participatingServers=[{"foo": {"bar": []}}])
    assert (job.job_id, len(job.participating_servers)) == ("j", 1)


def test_enums_are_strings(client: JobsClient, local_drs: LocalDrs):
    assert _job(client, local_drs, status="STARTED").status == "STARTED" == JobStatus.STARTED


def test_null_members_are_absent(client: JobsClient, local_drs: LocalDrs):
    job = _job(client, local_drs, arn=None, tags=None, participatingServers=None)
    assert (job.arn, job.tags, job.participating_servers) == (None, {}, ())


@pytest.mark.parametrize("members", [{"tags": {"a": None}}, {"participatingServers": [None]}])
def test_nulls_in_maps_and_lists_are_malformed(members: dict[str, Any], client: JobsClient, local_drs: LocalDrs):
    """The protocol would allow a client to skip them."""
    with pytest.raises(MalformedResponseError):
        _job(client, local_drs, **members)


@pytest.mark.parametrize(
    ("union", "expected"),
    [
        ({"sourceNetworkID": "sn-1"}, SourceNetworkID("sn-1")),
        ({"__type": "com.amazonaws.drs#X", "sourceNetworkID": "sn-1"}, SourceNetworkID("sn-1")),
        ({"sourceNetworkID": "sn-1", "other": None}, SourceNetworkID("sn-1")),
        ({"someUnknownMember": {"a": 1}}, UnknownMember("someUnknownMember", {"a": 1})),
    ],
)
def test_unions(union: Any, expected: Any, client: JobsClient, local_drs: LocalDrs):
    """Null members and `__type` do not count. An unknown member is kept."""
    job = _job(client, local_drs, participatingResources=[{"participatingResourceID": union}])
    assert job.participating_resources[0].participating_resource_id == expected


URI = "http://internal.amazon.com/coral/com.amazon.coral.validate/"
ERROR_CODES: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "the header": ({"X-Amzn-ErrorType": "ThrottlingException"}, {}),
    "the header with a URI": ({"X-Amzn-ErrorType": f"ThrottlingException:{URI}"}, {}),
    "the code": ({}, {"code": "ThrottlingException"}),
    "the code with a namespace": ({}, {"code": "aws.protocoltests#ThrottlingException"}),
    "the type": ({}, {"__type": "ThrottlingException"}),
    "the type with a namespace": ({}, {"__type": "aws.protocoltests#ThrottlingException"}),
}


@pytest.mark.parametrize("name", ERROR_CODES)
def test_error_code_in_header_or_body(name: str, client: JobsClient, local_drs: LocalDrs):
    """With a namespace before the code, or a URI after it."""
    headers, members = ERROR_CODES[name]
    body = json.dumps({"message": "slow down", "quotaCode": "L-1", "other": {"a": 1}, **members}).encode()
    local_drs.inject(RawResponse(body, 429, headers))
    with pytest.raises(ThrottlingException) as caught:
        client.describe_jobs().first()
    error = caught.value
    assert (error.code, error.message, error.status_code) == ("ThrottlingException", "slow down", 429)


def test_error_with_additional_members(client: JobsClient, local_drs: LocalDrs):
    """Lists of structures in an error, and an empty body."""
    members = {"message": "no", "reason": "other", "fieldList": [{"name": "a", "message": "b"}]}
    local_drs.inject(RawResponse(json.dumps(members).encode(), 400, {"x-amzn-errortype": "ValidationException"}))
    with pytest.raises(ValidationException) as caught:
        client.describe_jobs().first()
    assert (caught.value.reason, caught.value.fields) == ("other", {"a": "b"})
    local_drs.inject(RawResponse(b"", 400, {"x-amzn-errortype": "ValidationException"}))
    with pytest.raises(ValidationException) as empty:
        client.describe_jobs().first()
    assert (empty.value.message, dict(empty.value.fields)) == ("", {})


def test_error_that_the_model_does_not_have(client: JobsClient, local_drs: LocalDrs):
    """Its code and message are available."""
    local_drs.inject(RawResponse(b'{"Message": "later"}', 418, {"x-amzn-errortype": "TeapotException"}))
    with pytest.raises(ServiceError) as caught:
        client.describe_jobs().first()
    assert (caught.value.code, caught.value.message, caught.value.status_code) == ("TeapotException", "later", 418)
