"""Errors: the tree, and what each carries wherever it goes."""

import copy
import copyreg
import pickle
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

import drs_jobs
from drs_jobs import (
    DrsJobsError,
    JobFailedError,
    JobNotFoundError,
    JobOutcomeError,
    MalformedResponseError,
    PaginationLoopError,
    ServiceError,
    ThrottlingException,
    ValidationException,
    WaitTimeoutError,
)
from drs_jobs.testing import make_job

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

SERVICE_ERRORS = [cls for cls in vars(drs_jobs).values() if isinstance(cls, type) and issubclass(cls, ServiceError)]

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
    """Without tblib, by which Dask has all exceptions pickled as soon as another test has imported it."""
    for error_class in list(copyreg.dispatch_table):
        if issubclass(error_class, BaseException):
            monkeypatch.delitem(copyreg.dispatch_table, error_class)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_error_pickles_to_itself(error: DrsJobsError):
    """Class, text, evidence and notes survive pickle and copies."""
    error.add_note("seen in eu-west-1")
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(error) is type(other)
        assert vars(error) == vars(other)
        assert (str(error), repr(error), error.args) == (str(other), repr(other), other.args)


def test_every_error_class_is_tried_above():
    """A new error class has to be added to the list."""
    classes = {cls for cls in vars(drs_jobs).values() if isinstance(cls, type) and issubclass(cls, DrsJobsError)}
    assert classes - {type(error) for error in ERRORS} == {DrsJobsError}


def test_service_errors_are_client_errors_with_evidence():
    """What handles ClientError goes on working; ours adds what AWS said."""
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


def test_service_errors_of_a_bare_fake_have_harmless_defaults():
    """A hand-made ClientError may carry nothing at all."""
    error = ServiceError({}, "DescribeJobs")
    assert (error.code, error.message, error.status_code, error.request_id, error.retry_after) == ("0", "", 0, None, None)
    assert ThrottlingException({"retryAfterSeconds": "7"}, "DescribeJobs").retry_after == 7.0


def test_timeouts_are_timeouts():
    """`except TimeoutError` catches ours."""
    assert issubclass(WaitTimeoutError, TimeoutError)
    assert issubclass(JobFailedError, JobOutcomeError)


def test_the_cause_travels_too():
    """What botocore raised is evidence like the rest."""
    error = ServiceError(RESPONSE, "DescribeJobs")
    error.__cause__ = ClientError(RESPONSE, "DescribeJobs")
    cause = pickle.loads(pickle.dumps(error)).__cause__
    assert isinstance(cause, ClientError)
    assert cause.response == RESPONSE


def test_a_cause_that_can_not_travel_leaves_its_words():
    """A transport error may hold a live connection; what it says is kept."""
    error = WaitTimeoutError("too late", jobs=())
    error.__cause__ = ValueError(threading.Lock())
    for other in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert "ValueError" in str(other.__cause__)


def test_evidence_that_can_not_travel_is_left_behind():
    """A fake may answer with anything; the error arrives all the same."""
    error = MalformedResponseError("odd", path="$", value=threading.Lock(), cursor="c")
    other = pickle.loads(pickle.dumps(error))
    assert (str(error), None, "c") == (str(other), other.value, other.cursor)


def test_headers_may_be_written_in_any_case():
    """As the Stubber and fakes have them."""
    response = {"ResponseMetadata": {"HTTPHeaders": {"Retry-After": "5"}}}
    assert ServiceError(response, "DescribeJobs").retry_after == 5


def test_texts_are_one_bounded_line():
    """A proxy's whole page does not end up in a log line."""
    page = "<html>\n" + "x" * 100_000 + "\x1b[31m"
    error = ServiceError({"Error": {"Code": "502", "Message": page}}, "DescribeJobs")
    for text in (str(error), repr(error), str(JobNotFoundError(page)), str(MalformedResponseError("p", path=page))):
        assert len(text) < 700
        assert text.isprintable()
    assert page == error.message
    assert len(error.args[0]) < 700


def test_a_date_without_the_answers_own_date_counts_from_now():
    """Then the clock of this machine is all there is."""
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    error = ServiceError({"ResponseMetadata": {"HTTPHeaders": {"retry-after": until}}}, "DescribeJobs")
    assert error.retry_after == pytest.approx(100, abs=5)


def test_pickling_a_chain_costs_each_link_once():
    """Each link is tested once and pickled once, however long the chain."""
    costs: list[int] = []
    for length in (4, 8, 16, 400):
        pickled = 0

        class Counted:
            def __reduce__(self) -> Any:
                nonlocal pickled
                pickled += 1
                return str, ("counted",)

        error: BaseException = ClientError(RESPONSE, "DescribeJobs")
        for number in range(length):
            link = MalformedResponseError(f"link {number}", path="$", value=Counted())
            link.__cause__ = error
            error = link
        other = pickle.loads(pickle.dumps(error))
        costs.append(pickled // length)
    assert costs == [2, 2, 2, 2]
    for number in reversed(range(400)):
        assert f"link {number} " in str(other)
        assert other.value == "counted"
        other = other.__cause__
    assert isinstance(other, ClientError)


def test_a_chain_of_causes_that_is_a_circle_pickles():
    """It ends at the first error that was met before."""
    first, second = (MalformedResponseError(name, path="$") for name in "ab")
    first.__cause__, second.__cause__ = second, first
    other = pickle.loads(pickle.dumps(first))
    assert str(other.__cause__) == str(second)
    assert other.__cause__.__cause__ is None


def test_arguments_that_cannot_be_pickled_travel_as_text():
    """The class and the text arrive all the same."""
    error = DrsJobsError(threading.Lock())
    other = pickle.loads(pickle.dumps(error))
    assert type(other) is DrsJobsError
    assert "lock" in str(other)
