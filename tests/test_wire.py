"""Responses over HTTP: malformed bodies, pages and jobs, unusual but valid ones, and errors."""

import json
import pickle
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from drs_jobs import (
    AccessDeniedException,
    InternalServerException,
    JobsClient,
    MalformedResponseError,
    ServiceError,
    SourceNetworkID,
    ThrottlingException,
    UninitializedAccountException,
    UnknownMember,
    ValidationException,
)
from drs_jobs.testing import (
    CutOff,
    DropConnection,
    ErrorResponse,
    Fault,
    HtmlPage,
    LocalDrs,
    RawResponse,
    ServerError,
    Slow,
    Throttle,
    make_job,
)

pytestmark = pytest.mark.both_clients

VALID = {"jobID": "drsjob-valid"}


def _page(*items: object, **members: object) -> RawResponse:
    return RawResponse(json.dumps({"items": items, **members}).encode())


def _resource(union: object) -> dict[str, object]:
    return {"jobID": "j", "participatingResources": [{"participatingResourceID": union}]}


def _run(**members: object) -> dict[str, object]:
    return {"jobID": "j", "participatingServers": [{"launchActionsStatus": {"runs": [members]}}]}


MALFORMED_BODIES = {
    "HTML": HtmlPage(),
    "cut off in the middle": CutOff(),
    "cut off at once": CutOff(share=0),
    "a list": RawResponse(b"[]"),
    "null": RawResponse(b"null"),
    "a string": RawResponse(b'"items"'),
    "a number": RawResponse(b"5"),
    "empty": RawResponse(b""),
    "a message": RawResponse(b'{"message": "please sign in"}'),
    "member with botocore's name Error": RawResponse(b'{"Error": {"Code": "x"}}'),
    "member with botocore's name ResponseMetadata": RawResponse(b'{"ResponseMetadata": {}}'),
    "token and message": RawResponse(b'{"nextToken": "a", "message": "x"}'),
    "NaN": RawResponse(b'{"items": [{"jobID": NaN}]}'),
    "infinity": RawResponse(b'{"items": [], "x": -Infinity}'),
    "invalid UTF-8": RawResponse(b'{"items": [{"jobID": "\xff"}]}'),
    "UTF-16": RawResponse('{"items": []}'.encode("utf-16")),
    "byte order mark": RawResponse(b'\xef\xbb\xbf{"items": []}'),
    "deep nesting": RawResponse(b'{"items": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "deep nesting in an unknown member": RawResponse(
        b'{"items": [], "x": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}"
    ),
    "huge number": RawResponse(b'{"items": [], "x": ' + b"9" * 10_000 + b"}"),
    "two objects": RawResponse(b'{"items": []}{"items": []}'),
    "empty with status 204": RawResponse(b"", status=204),
}


@pytest.mark.parametrize("name", MALFORMED_BODIES)
def test_malformed_body_is_not_an_empty_page(name: str, client: JobsClient, local_drs: LocalDrs):
    """Also with on_malformed. A run that resumes after the error returns every job."""
    job = make_job()
    local_drs.add_jobs(job)
    local_drs.inject(MALFORMED_BODIES[name], times=2)
    with pytest.raises(MalformedResponseError) as caught:
        client.describe_jobs().collect()
    assert caught.value.path == "$"
    assert (job,) == client.describe_jobs(cursor=_cursor_after(client, caught.value)).collect()


def _cursor_after(client: JobsClient, error: MalformedResponseError) -> str:
    """Return the error's cursor. Assert that on_malformed is not called for a malformed body."""
    with pytest.raises(MalformedResponseError):
        client.describe_jobs(on_malformed=lambda error: pytest.fail("called for a malformed body")).collect()
    assert error.cursor is not None
    return error.cursor


MALFORMED_PAGES = {
    "items is a string": (RawResponse(b'{"items": "none"}'), "$.items"),
    "items is an object": (RawResponse(b'{"items": {"jobID": "x"}}'), "$.items"),
    "the token is a number": (RawResponse(b'{"items": [], "nextToken": 5}'), "$.nextToken"),
}


@pytest.mark.parametrize("name", MALFORMED_PAGES)
def test_malformed_page(name: str, client: JobsClient, local_drs: LocalDrs):
    """`items` or `nextToken` of a wrong type."""
    fault, path = MALFORMED_PAGES[name]
    local_drs.inject(fault)
    with pytest.raises(MalformedResponseError) as caught:
        client.describe_jobs(on_malformed=print).collect()
    assert path == caught.value.path


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
    """A union has one other member. An unknown one keeps its value, which boto3 drops."""
    local_drs.inject(_page(_resource(union)))
    [job] = client.describe_jobs()
    assert expected == job.participating_resources[0].participating_resource_id


@pytest.mark.parametrize("body", [b"{}", b'{"items": null}', b'{"items": []}', b'{"nextToken": ""}', b'{"nextToken": null}'])
def test_empty_page_is_valid(body: bytes, client: JobsClient, local_drs: LocalDrs):
    local_drs.inject(RawResponse(body))
    assert client.describe_jobs().collect() == ()


def test_raw_equals_the_response_body(client: JobsClient, local_drs: LocalDrs):
    """With unknown members, also if they have the names of botocore."""
    raw = {"items": [{**VALID, "later": 1}], "later": [None], "Error": {"a": 1}, "ResponseMetadata": 5}
    local_drs.inject(RawResponse(json.dumps(raw).encode()))
    [page] = client.describe_jobs().pages()
    assert raw == page.raw
    assert page.request_id is not None
    assert "later" not in repr(page)


# ------------------------------------------------------------------ errors

ERRORS: dict[str, tuple[Fault, type[ServiceError], str]] = {
    "throttled": (Throttle(), ThrottlingException, "ThrottlingException"),
    "failed": (ServerError(), InternalServerException, "InternalServerException"),
    "denied": (ErrorResponse("AccessDeniedException", 403), AccessDeniedException, "AccessDeniedException"),
    "uninitialized": (
        ErrorResponse("UninitializedAccountException"),
        UninitializedAccountException,
        "UninitializedAccountException",
    ),
    "invalid": (ErrorResponse("ValidationException"), ValidationException, "ValidationException"),
    "another code": (ErrorResponse("ExpiredTokenException", 403), ServiceError, "ExpiredTokenException"),
    "with a namespace": (
        ErrorResponse("com.amazon#ThrottlingException:http://x", 429),
        ThrottlingException,
        "ThrottlingException",
    ),
    "Latin-1 HTML": (RawResponse("<p>Dienst nicht verfügbar".encode("latin-1"), 503), ServiceError, "503"),
    "HTML": (HtmlPage(status=502), ServiceError, "502"),
    "a list": (RawResponse(b"[]", 500), ServiceError, "500"),
    "null": (RawResponse(b"null", 400), ServiceError, "400"),
    "deep nesting": (RawResponse(b"[" * 100_000, 500), ServiceError, "500"),
    "empty": (RawResponse(b"", 403), ServiceError, "403"),
    "a list for the code": (RawResponse(b'{"code": ["x"], "message": "m"}', 400), ServiceError, "400"),
    "a number for the type": (RawResponse(b'{"__type": 5, "message": "m"}', 400), ServiceError, "400"),
    "an object for the message": (
        RawResponse(b'{"__type": "ThrottlingException", "message": {}}', 429),
        ThrottlingException,
        "ThrottlingException",
    ),
    "a string for the fields": (
        RawResponse(b'{"__type": "ValidationException", "fieldList": "x"}', 400),
        ValidationException,
        "ValidationException",
    ),
    **{
        f"{fields} for the fields": (
            RawResponse(f'{{"__type": "ValidationException", "fieldList": {fields}}}'.encode(), 400),
            ValidationException,
            "ValidationException",
        )
        for fields in ("0", "false", "{}", "null", "[]")
    },
    "numbers among the fields": (
        RawResponse(
            b'{"__type": "ValidationException", "fieldList": [5, null, {"name": 1}, {"name": "a", "message": "b"}]}', 400
        ),
        ValidationException,
        "ValidationException",
    ),
    "redirect": (RawResponse(b"", 301, {"Location": "http://127.0.0.1:1/"}), ServiceError, "301"),
    "multiple choices": (RawResponse(b'{"items": "x"}', 300), ServiceError, "300"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error_status_is_a_service_error(name: str, client: JobsClient, local_drs: LocalDrs, client_kind: str):
    """For any body. It is botocore's ClientError, too."""
    if (name, client_kind) == ("redirect", "asynchronous"):
        pytest.skip("aiohttp follows the redirect")
    fault, error_class, code = ERRORS[name]
    local_drs.inject(fault)
    with pytest.raises(ClientError) as caught:
        client.describe_jobs().first()
    error = caught.value
    assert error_class is type(error)
    assert (code, "DescribeJobs") == (error.code, error.operation_name)
    assert error.status_code == getattr(fault, "status", error.status_code) >= 300
    assert error.request_id is not None
    assert isinstance(error.__cause__, ClientError)
    assert not isinstance(error.__cause__, ServiceError)
    assert error.response == error.__cause__.response
    assert isinstance(error.message, str)
    assert "\n" not in str(error)
    assert len(repr(error)) < 700


def test_error_does_not_contain_jobs(client: JobsClient, local_drs: LocalDrs):
    """With status 300, botocore parses the body like that of a page, whose jobs have tags."""
    local_drs.inject(RawResponse(json.dumps({"items": [{**VALID, "tags": {"Owner": "secret"}}]}).encode(), 300))
    with pytest.raises(ServiceError) as caught:
        client.describe_jobs().first()
    assert "items" not in caught.value.response


@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a":', "}")])
def test_error_with_any_depth_of_nesting(begin: str, end: str, client: JobsClient, local_drs: LocalDrs):
    """Near the limit of recursion, drs_jobs can parse some bodies that botocore cannot."""
    deepest = sys.getrecursionlimit()
    for depth in range(deepest - 150, deepest):
        body = f'{{"__type": "ThrottlingException", "later": {begin * depth}0{end * depth}}}'
        local_drs.inject(RawResponse(body.encode(), 429))
        with pytest.raises(ServiceError):
            client.describe_jobs().first()


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        (None, None),
        (0, 0.0),
        (7, 7.0),
        ("1.5", 1.5),
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("9" * 5000, None),
        ("", None),
        ("Wed, 99 Foo 2026 07:28:00 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0.0),
        ("Sun Nov  6 08:49:37 1994", 0.0),
    ],
)
@pytest.mark.parametrize("fault_class", [Throttle, ServerError])
def test_retry_after_is_seconds_or_a_date(fault_class, retry_after, seconds, client: JobsClient, local_drs: LocalDrs):
    """Other values are None. The header itself is in the response."""
    local_drs.inject(fault_class(retry_after=retry_after))
    with pytest.raises(ServiceError) as caught:
        client.describe_jobs().first()
    assert seconds == caught.value.retry_after
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert (None if retry_after is None else str(retry_after)) == headers.get("retry-after")


def test_retry_after_date_uses_the_date_header(client: JobsClient, local_drs: LocalDrs):
    """So a wrong clock on this machine has no effect."""
    local_drs.inject(ServerError(retry_after=format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)))
    with pytest.raises(InternalServerException) as caught:
        client.describe_jobs().first()
    error = caught.value
    headers = error.response["ResponseMetadata"]["HTTPHeaders"]
    assert (
        parsedate_to_datetime(headers["retry-after"]) - parsedate_to_datetime(headers["date"])
    ).total_seconds() == error.retry_after
    assert 80 < error.retry_after < 100


@pytest.mark.parametrize(
    "fault", [ServerError(retry_after="Wed, 21 Oct 2099 07:28:00 GMT"), RawResponse(b"\xe9", 500), RawResponse(b"[]", 502)]
)
def test_botocore_retries_an_unreadable_error(fault: Fault, local_drs: LocalDrs):
    """The body is sanitized before botocore parses it. Without that, botocore raises another exception and does not retry."""
    job = make_job()
    local_drs.add_jobs(job)
    local_drs.inject(fault)
    client = JobsClient(local_drs.client(config=Config(retries={"total_max_attempts": 2})))
    assert (job,) == client.describe_jobs().collect()
    assert len(local_drs.requests) == 2


def test_validation_error_has_reason_and_fields(client: JobsClient):
    with pytest.raises(ValidationException) as caught:
        client.get_job("drsjob-" + "!" * 17)
    assert caught.value.reason == "fieldValidationFailed"
    assert {"filters.jobIDs[0]"} == set(caught.value.fields)
    assert "drsjob-[0-9a-zA-Z]{17}" in caught.value.fields["filters.jobIDs[0]"]


@pytest.mark.parametrize(
    ("fault", "error_class"),
    [
        (DropConnection(), ConnectionClosedError),
        # Older versions of botocore check the length of a body. With newer ones, half a body is a malformed body.
        (DropConnection(in_body=True), (ConnectionClosedError, MalformedResponseError)),
    ],
)
def test_broken_connection_loses_no_job(fault: Fault, error_class: Any, client: JobsClient, local_drs: LocalDrs):
    """The error is botocore's. The same iterator continues after it."""
    local_drs.page_sizes = (25,)
    jobs = [make_job() for _ in range(30)]
    local_drs.add_jobs(*jobs)
    iterator = iter(client.describe_jobs())
    got = [next(iterator) for _ in range(25)]
    local_drs.inject(fault)
    with pytest.raises(error_class):
        next(iterator)
    got += iterator
    assert sorted(jobs, key=lambda job: job.job_id) == sorted(got, key=lambda job: job.job_id)


def test_slow_response_is_read(client: JobsClient, local_drs: LocalDrs):
    local_drs.inject(Slow(0.05))
    assert client.describe_jobs().collect() == ()
