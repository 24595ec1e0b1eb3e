"""Errors: the class tree, attributes, texts and pickling."""

import copy
import copyreg
import pickle
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Self

import pytest
from botocore.exceptions import ClientError

import drs_jobs
import unloadable
from drs_jobs import (
    DrsJobsError,
    InternalServerException,
    JobFailedError,
    JobNotFoundError,
    JobOutcomeError,
    JobsClient,
    MalformedResponseError,
    PaginationLoopError,
    ServiceError,
    ThrottlingException,
    UninitializedAccountException,
    ValidationException,
    WaitTimeoutError,
)
from drs_jobs._errors import make_picklable, service_error
from drs_jobs.testing import LocalDrs, ServerError, Throttle, make_job

RESPONSE = {
    "Error": {"Code": "ValidationException", "Message": "no"},
    "ResponseMetadata": {
        "RequestId": "r-1",
        "HTTPStatusCode": 400,
        "HTTPHeaders": {"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT", "date": "Wed, 21 Oct 2099 07:27:00 GMT"},
    },
    "reason": "other",
    "fieldList": [{"name": "a", "message": "b"}],
}

USER = "arn:aws:iam::123456789012:user/x"

CLASSES = [cls for name in drs_jobs.__all__ if isinstance(cls := getattr(drs_jobs, name), type)]
SERVICE_ERRORS = [cls for cls in CLASSES if issubclass(cls, ServiceError)]

ERRORS = [
    *(cls(RESPONSE, "DescribeJobs") for cls in SERVICE_ERRORS),
    MalformedResponseError("expected a string", path="$.items[0].arn", value=[5], cursor="c"),
    PaginationLoopError("token", cursor="c"),
    JobNotFoundError("drsjob-1", last_seen=make_job()),
    JobNotFoundError("drsjob-1"),
    JobOutcomeError("running", job=make_job(status="STARTED")),
    JobFailedError("failed", job=make_job()),
    WaitTimeoutError("too late", jobs=(make_job(),)),
]


@pytest.fixture(autouse=True)
def own_pickling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the pickling of exceptions that tblib registers, because another test can import it through Dask."""
    for error_class in list(copyreg.dispatch_table):
        if issubclass(error_class, BaseException):
            monkeypatch.delitem(copyreg.dispatch_table, error_class)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_survive_pickle_and_copy(error: DrsJobsError):
    """Class, text, attributes and notes are equal."""
    error.add_note("seen in eu-west-1")
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(error) is type(other)
        assert vars(error) == vars(other)
        assert (str(error), repr(error), error.args) == (str(other), repr(other), other.args)


def test_errors_lists_every_class():
    classes = {cls for cls in CLASSES if issubclass(cls, DrsJobsError)}
    assert classes - {type(error) for error in ERRORS} == {DrsJobsError}


def test_service_error_is_a_client_error():
    """With attributes for the parts of AWS's response."""
    error = ValidationException(RESPONSE, "DescribeJobs")
    assert isinstance(error, ClientError)
    assert (
        error.code,
        error.message,
        error.status_code,
        error.request_id,
        error.retry_after,
    ) == ("ValidationException", "no", 400, "r-1", 60.0)
    assert (error.reason, error.fields) == ("other", {"a": "b"})
    assert RESPONSE is error.response
    assert str(error) == "An error occurred (ValidationException) when calling the DescribeJobs operation: no"


def _service_error(code: str, message: str, status: int, operation: str = "DescribeJobs", **fields: Any) -> ServiceError:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}, **fields}
    return service_error(ClientError(response, operation))  # type: ignore[arg-type]  # any members


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (
            _service_error(
                "AccessDeniedException", f"User: {USER} is not authorized to perform: drs:DescribeJobs on resource: *", 403
            ),
            f"allow drs:DescribeJobs for {USER}",
        ),
        (
            _service_error("AccessDeniedException", "", 403, "DescribeJobLogItems"),
            "allow drs:DescribeJobLogItems for these credentials",
        ),
        (_service_error("AccessDenied", "no", 403, "AssumeRole"), "allow AssumeRole for these credentials"),
        (_service_error("ThrottlingException", "Rate exceeded.", 429), "repeat the request in a minute"),
        (
            _service_error("ThrottlingException", "", 429, quotaCode="L-1", retryAfterSeconds="7"),
            "repeat the request after 7 seconds, and check the quota L-1",
        ),
        (_service_error("503", "", 503), "repeat the request in a minute"),
        (_service_error("UninitializedAccountException", "no", 400), UninitializedAccountException.hint),
        (_service_error("ValidationException", "no", 400), None),
        (MalformedResponseError("not an object", path="$"), "check the endpoint and the proxy"),
        (MalformedResponseError("not a text", path="$.items[0].arn"), None),
        (
            JobFailedError("job drsjob-1 failed", job=make_job(job_id="drsjob-1")),
            "drs-jobs show drsjob-1, or JobsClient.explain, shows the reasons",
        ),
        (JobOutcomeError("still running", job=make_job(status="STARTED")), None),
        (WaitTimeoutError("too late", jobs=()), WaitTimeoutError.hint),
    ],
)
def test_next_step(error: DrsJobsError, hint: str | None):
    """The text ends with it, also if the message is long, and so does that of an unpickled error."""
    assert error.hint == hint
    if hint is not None:
        assert str(error).endswith(f"; {hint}")
        assert ":;" not in str(error)
        error.args = ("x" * 5000,)
        assert str(error).endswith(f"…; {hint}")
        assert len(str(error)) <= 660
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_service_error_without_data_has_defaults():
    """A fake can raise a ClientError with an empty response."""
    error = ServiceError({}, "DescribeJobs")
    assert (error.code, error.message, error.status_code, error.request_id, error.retry_after) == ("0", "", 0, None, None)
    assert ThrottlingException({"retryAfterSeconds": "7"}, "DescribeJobs").retry_after == 7.0


def test_base_classes():
    assert issubclass(WaitTimeoutError, TimeoutError)
    assert issubclass(JobFailedError, JobOutcomeError)


def test_cause_survives_pickle():
    """Botocore's original error."""
    error = ServiceError(RESPONSE, "DescribeJobs")
    error.__cause__ = ClientError(RESPONSE, "DescribeJobs")
    cause = pickle.loads(pickle.dumps(error)).__cause__
    assert isinstance(cause, ClientError)
    assert cause.response == RESPONSE


def test_cause_that_cannot_be_pickled_becomes_text():
    """As a transport error with an open connection."""
    error = WaitTimeoutError("too late", jobs=())
    error.__cause__ = ValueError(threading.Lock())
    for other in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert "ValueError" in str(other.__cause__)


def test_value_that_cannot_be_pickled_becomes_none():
    """A fake can return any object."""
    error = MalformedResponseError("odd", path="$", value=threading.Lock(), cursor="c")
    other = pickle.loads(pickle.dumps(error))
    assert (str(error), None, "c") == (str(other), other.value, other.cursor)


def test_header_names_in_any_case():
    """The Stubber and fakes do not use lower case."""
    response = {"ResponseMetadata": {"HTTPHeaders": {"Retry-After": "5"}}}
    assert ServiceError(response, "DescribeJobs").retry_after == 5


def test_texts_are_one_short_line():
    """Also for a proxy's whole HTML page."""
    page = "<html>\n" + "x" * 100_000 + "\x1b[31m"
    error = ServiceError({"Error": {"Code": "502", "Message": page}}, "DescribeJobs")
    for text in (str(error), repr(error), str(JobNotFoundError(page)), str(MalformedResponseError("p", path=page))):
        assert len(text) < 700
        assert text.isprintable()
    assert page == error.message
    assert len(error.args[0]) < 700


def test_retry_after_date_without_a_date_header():
    """It is relative to the clock of this machine."""
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    error = ServiceError({"ResponseMetadata": {"HTTPHeaders": {"retry-after": until}}}, "DescribeJobs")
    assert error.retry_after == pytest.approx(100, abs=5)


def test_pickling_time_of_a_chain_is_linear():
    """Each error is tested once and pickled once."""
    counts: list[int] = []
    for length in (4, 8, 16, 100):
        pickled = 0

        class CountsPickling:
            def __reduce__(self) -> Any:
                nonlocal pickled
                pickled += 1
                return str, ("counted",)

        error: BaseException = ClientError(RESPONSE, "DescribeJobs")
        for number in range(length):
            outer = MalformedResponseError(f"link {number}", path="$", value=CountsPickling())
            outer.__cause__ = error
            error = outer
        other = pickle.loads(pickle.dumps(error))
        counts.append(pickled // length)
    assert counts == [2, 2, 2, 2]
    for number in reversed(range(100)):
        assert f"link {number} " in str(other)
        assert other.value == "counted"
        other = other.__cause__
    assert isinstance(other, ClientError)


def test_circular_chain_of_causes_pickles():
    """The copy is circular too."""
    first, second = (MalformedResponseError(name, path="$") for name in "ab")
    first.__cause__, second.__cause__ = second, first
    other = pickle.loads(pickle.dumps(first))
    assert str(other.__cause__) == str(second)
    assert other.__cause__.__cause__ is other


def test_arguments_that_cannot_be_pickled_become_text():
    """The class and the text are equal."""
    error = DrsJobsError(threading.Lock())
    other = pickle.loads(pickle.dumps(error))
    assert type(other) is DrsJobsError
    assert "lock" in str(other)


@pytest.mark.parametrize("name", unloadable.ERRORS)
def test_errors_that_do_not_load(name: str):
    """The text of each error of the chain is kept, and so is the class of those of drs_jobs that can be imported."""
    error = unloadable.ERRORS[name]()
    other = pickle.loads(pickle.dumps(make_picklable(error)))
    while error is not None:
        assert isinstance(other, type(error) if type(error).__module__ == "drs_jobs" else DrsJobsError)
        assert str(error) in str(other)
        error, other = error.__cause__, other.__cause__


def test_job_not_found_message():
    """One id, an id that was seen before, and several ids; ten of them are listed."""
    assert str(JobNotFoundError("drsjob-1")).startswith("job drsjob-1 was not found: ")
    assert str(JobNotFoundError("drsjob-1", last_seen=make_job())).startswith("job drsjob-1 no longer exists: ")
    ids = tuple(f"drsjob-{number}" for number in range(12))
    assert str(JobNotFoundError(ids[0], job_ids=ids)).startswith(f"12 jobs were not found: {', '.join(ids[:10])} and 2 more: ")
    assert JobNotFoundError("drsjob-1").job_ids == ("drsjob-1",)


@pytest.mark.both_clients
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


@pytest.mark.both_clients
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


class GoneError(DrsJobsError, OSError): ...


class ArgumentError(DrsJobsError):
    def __new__(cls, *args: object) -> Self:
        assert args
        return super().__new__(cls, *args)


@pytest.mark.parametrize("error", [GoneError(2, "gone"), ArgumentError("gone")])
def test_arguments_of_a_subclass_survive(error: DrsJobsError):
    """A class can use its arguments when it creates an object."""
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(other), other.args, str(other)) == (type(error), error.args, str(error))
        assert getattr(other, "errno", None) == getattr(error, "errno", None)
