"""Responses with an error status, over HTTP."""

import json
import sys

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from drs_jobs import (
    AccessDeniedException,
    InternalServerException,
    JobsClient,
    ServiceError,
    ThrottlingException,
    UninitializedAccountException,
    ValidationException,
    is_transient,
)
from drs_jobs.testing import ErrorResponse, Fault, HtmlPage, LocalDrs, RawResponse, ServerError, Throttle, make_job

pytestmark = pytest.mark.both_clients

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
def test_error_status_is_a_service_error(name: str, client: JobsClient, local_drs: LocalDrs):
    """For any body. It is botocore's ClientError, too."""
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


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # urllib3 does not close the socket of a 303
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int, client: JobsClient, local_drs: LocalDrs):
    """Neither to another host nor to the same one. The error is permanent."""
    with LocalDrs() as other:
        for url in (other.endpoint_url, local_drs.endpoint_url):
            local_drs.inject(RawResponse(b"", status, {"Location": f"{url}/DescribeJobs"}))
            with pytest.raises(ServiceError, match="a redirect, which is not followed") as caught:
                client.describe_jobs().collect()
            assert status == caught.value.status_code
            assert not is_transient(caught.value)
        assert (len(local_drs.requests), len(other.requests)) == (2, 0)


def test_error_does_not_contain_jobs(client: JobsClient, local_drs: LocalDrs):
    """With status 300, botocore parses the body like that of a page. Its jobs have tags."""
    local_drs.inject(RawResponse(json.dumps({"items": [{"jobID": "j", "tags": {"Owner": "secret"}}]}).encode(), 300))
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
