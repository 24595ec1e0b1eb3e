"""Raw items as typed objects: malformed jobs with their paths, unusual but valid ones."""

import json
import pickle
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import attrs
import pytest

from drs_jobs import (
    Job,
    JobLogItem,
    JobsClient,
    MalformedResponseError,
    ParticipatingServer,
    SourceNetworkID,
    UnknownMember,
    structure_job,
    structure_log_item,
)
from drs_jobs.testing import LocalDrs, RawResponse

pytestmark = pytest.mark.both_clients


def _page(*items: object, **members: object) -> RawResponse:
    return RawResponse(json.dumps({"items": items, **members}).encode())


def _resource(union: object) -> dict[str, object]:
    return {"jobID": "j", "participatingResources": [{"participatingResourceID": union}]}


def _run(**members: object) -> dict[str, object]:
    return {"jobID": "j", "participatingServers": [{"launchActionsStatus": {"runs": [members]}}]}


MALFORMED_JOBS: dict[str, tuple[object, str, object]] = {
    "null": (None, "", None),
    "a string": ("drsjob-1", "", "drsjob-1"),
    "a list": ([], "", []),
    "no id": ({"status": "PENDING"}, ".jobID", None),
    "a null id": ({"jobID": None}, ".jobID", None),
    "a number for the id": ({"jobID": 5}, ".jobID", 5),
    "true for the id": ({"jobID": True}, ".jobID", True),
    "a number for a string": ({"jobID": "j", "arn": 5}, ".arn", 5),
    "a list for an enum": ({"jobID": "j", "status": ["PENDING"]}, ".status", ["PENDING"]),
    "a number for an enum": ({"jobID": "j", "type": 1}, ".type", 1),
    "a number for a timestamp": ({"jobID": "j", "creationDateTime": 1718452800}, ".creationDateTime", 1718452800),
    "a string for a list": ({"jobID": "j", "participatingServers": "s-1"}, ".participatingServers", "s-1"),
    "an object for a list": ({"jobID": "j", "participatingServers": {}}, ".participatingServers", {}),
    "null in a list": ({"jobID": "j", "participatingServers": [{}, None]}, ".participatingServers[1]", None),
    "a string in a list": ({"jobID": "j", "participatingServers": ["jobID"]}, ".participatingServers[0]", "jobID"),
    "a list for an object": (
        {"jobID": "j", "participatingServers": [{"launchActionsStatus": []}]},
        ".participatingServers[0].launchActionsStatus",
        [],
    ),
    "a string for a number": (
        _run(action={"order": "5"}),
        ".participatingServers[0].launchActionsStatus.runs[0].action.order",
        "5",
    ),
    "true for a number": (
        _run(action={"order": True}),
        ".participatingServers[0].launchActionsStatus.runs[0].action.order",
        True,
    ),
    "a fraction for a whole number": (
        _run(action={"order": 5.5}),
        ".participatingServers[0].launchActionsStatus.runs[0].action.order",
        5.5,
    ),
    "a string for true": (
        _run(action={"optional": "false"}),
        ".participatingServers[0].launchActionsStatus.runs[0].action.optional",
        "false",
    ),
    "a number for true": (
        _run(action={"active": 1}),
        ".participatingServers[0].launchActionsStatus.runs[0].action.active",
        1,
    ),
    "null in a map": (
        _run(action={"parameters": {"Key": None}}),
        ".participatingServers[0].launchActionsStatus.runs[0].action.parameters.Key",
        None,
    ),
    "a list for a map": (
        _run(action={"parameters": []}),
        ".participatingServers[0].launchActionsStatus.runs[0].action.parameters",
        [],
    ),
    "map key with a space": (
        _run(action={"parameters": {"a b": {"value": 5}}}),
        ".participatingServers[0].launchActionsStatus.runs[0].action.parameters['a b'].value",
        5,
    ),
    "an empty union": (_resource({}), ".participatingResources[0].participatingResourceID", {}),
    "a union of nulls": (
        _resource({"sourceNetworkID": None}),
        ".participatingResources[0].participatingResourceID",
        {"sourceNetworkID": None},
    ),
    "union with __type only": (
        _resource({"__type": "x"}),
        ".participatingResources[0].participatingResourceID",
        {"__type": "x"},
    ),
    "union with two members": (
        _resource({"sourceNetworkID": "sn-1", "later": 1}),
        ".participatingResources[0].participatingResourceID",
        {"sourceNetworkID": "sn-1", "later": 1},
    ),
    "a string for a union": (
        _resource("sourceNetworkID"),
        ".participatingResources[0].participatingResourceID",
        "sourceNetworkID",
    ),
    "a number in a union": (
        _resource({"sourceNetworkID": 5}),
        ".participatingResources[0].participatingResourceID.sourceNetworkID",
        5,
    ),
    "value with too many levels": (
        _resource({"later": json.loads("[" * 600 + "]" * 600)}),
        ".participatingResources[0].participatingResourceID.later",
        None,
    ),
    "id with too many levels": ({"jobID": json.loads("[" * 600 + "]" * 600)}, ".jobID", None),
    "tags in a list": ({"jobID": "j", "tags": ["secret"]}, ".tags", None),
    "a null tag": ({"jobID": "j", "tags": {"secret": None}}, ".tags", None),
    "a number for a tag": ({"jobID": "j", "tags": {"secret": 5}}, ".tags", None),
    "tags outside of a job": ([{"tags": {"secret": "secret"}}], "", None),
}


for _text in (
    "2024-06-15",
    "20240615T150000Z",
    "2024-06-15 15:00:00Z",
    "2024-06-15X15:00:00Z",
    "2024-06-15T15:00:00",
    "2024-06-15T15Z",
    "2024-06-15T15:00Z",
    "2024-W24-6T15:00:00Z",
    "2024-13-15T15:00:00Z",
    "2024-02-30T15:00:00Z",
    "2024-06-15T25:00:00Z",
    "2024-06-15T15:00:00,5Z",
    "2024-06-15T15:00:00.Z",
    "2024-06-15T15:00:00+2500:00",
    "0001-01-01T00:00:00+14:00",
    "٢٠٢٤-06-15T15:00:00Z",
    " 2024-06-15T15:00:00Z",
    "2024-06-15T15:00:00Z\n",
    "soon",
    "",
):
    MALFORMED_JOBS[f"the timestamp {_text!r}"] = ({"jobID": "j", "endDateTime": _text}, ".endDateTime", _text)


@pytest.mark.parametrize("name", MALFORMED_JOBS)
def test_malformed_job_is_raised_with_path_and_value(name: str, client: JobsClient, local_drs: LocalDrs):
    """The jobs before it are returned first. The cursor of the error continues with the next job."""
    malformed, path, value = MALFORMED_JOBS[name]
    before, after = {"jobID": "drsjob-before"}, {"jobID": "drsjob-after"}
    page = _page(before, malformed, after)
    local_drs.inject(page, times=5)
    iterator = iter(client.describe_jobs())
    assert next(iterator).job_id == "drsjob-before"
    with pytest.raises(MalformedResponseError) as caught:
        next(iterator)
    error = caught.value
    assert (f"$.items[1]{path}", value, type(value)) == (error.path, error.value, type(error.value))
    assert "secret" not in f"{error} {error!r} {vars(error)}"
    assert vars(error) == vars(pickle.loads(pickle.dumps(error)))
    assert len(str(error)) < 400
    # The same iterator continues, and so does a new run from the cursor.
    assert [job.job_id for job in iterator] == ["drsjob-after"]
    assert [job.job_id for job in client.describe_jobs(cursor=error.cursor)] == ["drsjob-after"]
    # With on_malformed, iteration continues.
    errors: list[MalformedResponseError] = []
    jobs = client.describe_jobs(on_malformed=errors.append).collect()
    assert [job.job_id for job in jobs] == ["drsjob-before", "drsjob-after"]
    assert [error.path] == [other.path for other in errors]
    # Pages return the jobs before the malformed one.
    pages = client.describe_jobs().pages()
    assert [job.job_id for job in next(pages).items] == ["drsjob-before"]
    with pytest.raises(MalformedResponseError):
        next(pages)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("soon", "'soon'"),
        ("x" * 1000, f"'{'x' * 79}…'"),
        (True, "True"),
        (0.5, "0.5"),
        (10**18, str(10**18)),
        (10**30, "<a number of 100 bits>"),
        ({"a": 1}, "an object"),
        ([], "a list"),
    ],
)
def test_error_message_has_the_value(value: object, found: str, client: JobsClient, local_drs: LocalDrs):
    """With JSON's names of types. Short values are shown."""
    local_drs.inject(_page({"jobID": "j", "endDateTime": value}))
    with pytest.raises(MalformedResponseError) as caught:
        client.describe_jobs().first()
    assert f", found {found} at $.items[0].endDateTime" in str(caught.value)


def test_error_hides_text_that_can_contain_tags(client: JobsClient, local_drs: LocalDrs):
    """In the message and in the value."""
    local_drs.inject(_page({"jobID": "j", "endDateTime": '{"tags": {"Owner": "secret"}}'}))
    with pytest.raises(MalformedResponseError, match="found a string at") as caught:
        client.describe_jobs().first()
    assert caught.value.value is None


@pytest.mark.parametrize(("depth", "outcome"), [(100, (1, 0)), (101, (0, 1))])
def test_unknown_value_is_kept_up_to_100_levels(depth: int, outcome: tuple[int, int], client: JobsClient, local_drs: LocalDrs):
    """A deeper value cannot be copied or pickled."""
    later = json.loads("[" * (depth - 1) + "0" + "]" * (depth - 1))
    local_drs.inject(_page(_resource({"later": later})))
    errors: list[MalformedResponseError] = []
    jobs = client.describe_jobs(on_malformed=errors.append).collect()
    assert outcome == (len(jobs), len(errors))


VALID_JOBS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "null members": (
        {"jobID": "j", "arn": None, "status": None, "tags": None, "participatingServers": None, "endDateTime": None},
        {},
    ),
    "unknown members": ({"jobID": "j", "later": {"a": [None]}}, {}),
    "a Z timestamp": (
        {"jobID": "j", "endDateTime": "2024-06-15T15:00:00.000Z"},
        {"end_date_time": datetime(2024, 6, 15, 15, tzinfo=UTC)},
    ),
    "an offset timestamp": (
        {"jobID": "j", "endDateTime": "2022-12-07T19:15:38.846723+00:00"},
        {"end_date_time": datetime(2022, 12, 7, 19, 15, 38, 846723, tzinfo=UTC)},
    ),
    "another offset": (
        {"jobID": "j", "endDateTime": "2022-12-07T19:15:38-05:30"},
        {"end_date_time": datetime(2022, 12, 8, 0, 45, 38, tzinfo=UTC)},
    ),
    "ten digits": (
        {"jobID": "j", "endDateTime": "2022-12-07T19:15:38.9999999999Z"},
        {"end_date_time": datetime(2022, 12, 7, 19, 15, 38, 999999, tzinfo=UTC)},
    ),
    "one digit": (
        {"jobID": "j", "endDateTime": "2022-12-07T19:15:38.5Z"},
        {"end_date_time": datetime(2022, 12, 7, 19, 15, 38, 500000, tzinfo=UTC)},
    ),
}


@pytest.mark.parametrize("name", VALID_JOBS)
def test_unusual_job_is_read(name: str, client: JobsClient, local_drs: LocalDrs):
    """Null members are absent, and unknown ones are ignored. AWS sends both forms of timestamps."""
    raw, expected = VALID_JOBS[name]
    local_drs.inject(_page(raw))
    [job] = client.describe_jobs()
    assert expected == {name: getattr(job, name) for name in expected}
    assert job.tags == {}


@pytest.mark.parametrize(
    ("union", "expected"),
    [
        ({"sourceNetworkID": "sn-1"}, SourceNetworkID("sn-1")),
        ({"sourceNetworkID": "sn-1", "later": None, "__type": "x"}, SourceNetworkID("sn-1")),
        ({"__type": "x", "later": ["kept"]}, UnknownMember("later", ["kept"])),
        ({"sourceNetworkID": None, "later": 1}, UnknownMember("later", 1)),
    ],
)
def test_union_ignores_null_members_and_type(union, expected, client: JobsClient, local_drs: LocalDrs):
    """A union has one other member. An unknown one keeps its value. boto3 drops it."""
    local_drs.inject(_page(_resource(union)))
    [job] = client.describe_jobs()
    assert expected == job.participating_resources[0].participating_resource_id


@pytest.mark.parametrize("dropped", [None, {}, {"name": 5}, "x"])
def test_dropped_member_without_a_name_is_malformed(dropped: object):
    union = {"SDK_UNKNOWN_MEMBER": dropped}
    with pytest.raises(MalformedResponseError):
        structure_job({"jobID": "j", "participatingResources": [{"participatingResourceID": union}]})


def test_map_keys_must_be_strings():
    """A hand-made dict can have keys that JSON cannot have."""
    for key in (None, 5, ("a",)):
        with pytest.raises(MalformedResponseError):
            structure_job({"jobID": "j", "tags": {key: "x"}})


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ({"items": [{"jobID": "j"}]}, "a whole response: pass each of its items"),
        ({"Items": [{"JobID": "j"}], "NextToken": "t"}, "a whole response: pass each of its items"),
        ({"job": {"jobID": "j"}, "ResponseMetadata": {}}, "the response of start_recovery: pass its job"),
        ({"Job": {"JobID": "j"}}, "the response of start_recovery: pass its job"),
        ({"JobID": "j", "Status": "STARTED"}, "keys with capital letters, as Step Functions writes them"),
        ({"arn": "a"}, "expected a value, found nothing"),
    ],
)
def test_shapes_that_are_confused_with_a_job(raw: Any, problem: str):
    for value in (raw, MappingProxyType(raw)):
        with pytest.raises(MalformedResponseError, match=problem):
            structure_job(value)


def test_shapes_that_are_confused_with_a_log_item():
    """All members of a log item are optional, so the error is raised only for these shapes."""
    for raw, problem in (({"items": [{}]}, "a whole response"), ({"Event": "JOB_START"}, "keys with capital letters")):
        with pytest.raises(MalformedResponseError, match=problem):
            structure_log_item(raw)
    assert structure_log_item({}) == JobLogItem()


def test_structure_job_accepts_any_mapping():
    assert structure_job(MappingProxyType({"jobID": "j"})) == Job(job_id="j")


def test_job_shares_nothing_with_the_raw_dict():
    raw = {"jobID": "j", "tags": {"a": "b"}, "participatingResources": [{"participatingResourceID": {"laterID": {"a": [1]}}}]}
    job = structure_job(raw)
    raw["tags"]["a"] = "c"
    raw["participatingResources"][0]["participatingResourceID"]["laterID"]["a"].append(2)
    assert job.tags == {"a": "b"}
    assert job.participating_resources[0].participating_resource_id == UnknownMember("laterID", {"a": [1]})


def test_structured_job_equals_one_of_the_class():
    """It is frozen and has the same hash, although its fields are set without `__init__`."""
    job = structure_job({"jobID": "j", "participatingServers": [{"sourceServerID": "s"}]})
    made = Job(job_id="j", participating_servers=(ParticipatingServer(source_server_id="s"),))
    assert (job, hash(job), type(job)) == (made, hash(made), Job)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        job.job_id = "k"  # type: ignore[misc]  # frozen


def test_equal_launch_actions_are_one_object():
    """So are the launch actions of servers that have none. It takes less memory."""
    status = {"launchActionsStatus": {"runs": [{"action": {"name": "a", "parameters": {"p": {"value": "v"}}}}]}}
    raw = {"jobID": "j", "participatingServers": [status, status, *[{"launchActionsStatus": {"runs": []}}] * 2]}
    first, second, empty, other_empty = structure_job(raw).participating_servers
    assert first.runs[0].action is second.runs[0].action
    assert empty.launch_actions_status is other_empty.launch_actions_status is not None


@pytest.mark.parametrize(
    "value",
    ["2024\x01", {"a": "\x1b[31m"}, 10**5000, (1, 2), {(1,): b"tags"}],
    ids=["a control character", "an escape", "a large number", "a tuple", "a key of another type"],
)
def test_errors_have_values_that_are_hard_to_print(value: object):
    """One is in AWS's JSON as an escape, one is too large for `str`, others are from a fake."""
    with pytest.raises(MalformedResponseError) as caught:
        structure_job({"jobID": "drsjob-1", "creationDateTime": value})
    assert caught.value.value == value
