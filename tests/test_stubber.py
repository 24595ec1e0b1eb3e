"""JobsClient with botocore's Stubber, as users test their own code."""

from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber

from drs_jobs import (
    JobNotFoundError,
    JobsClient,
    MalformedResponseError,
    Outcome,
    ThrottlingException,
    ValidationException,
    unstructure_job,
)
from drs_jobs.testing import make_job


@pytest.fixture
def stubber() -> Iterator[Stubber]:
    client = boto3.client("drs", region_name="eu-west-1", aws_access_key_id="testing", aws_secret_access_key="testing")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_describe_jobs_pages(stubber: Stubber):
    """Two stubbed pages are one run, and each request is the expected one."""
    jobs = [make_job(), make_job()]
    first = {"items": [unstructure_job(jobs[0])], "nextToken": "more"}
    stubber.add_response("describe_jobs", first, {"maxResults": 1})
    stubber.add_response("describe_jobs", {"items": [unstructure_job(jobs[1])]}, {"maxResults": 1, "nextToken": "more"})
    assert jobs == list(JobsClient(stubber.client).describe_jobs(page_size=1))


def test_get_job(stubber: Stubber):
    job = make_job()
    expected = {"filters": {"jobIDs": [job.job_id]}}
    stubber.add_response("describe_jobs", {"items": [unstructure_job(job)]}, expected)
    assert JobsClient(stubber.client).get_job(job.job_id).outcome is Outcome.SUCCEEDED


def test_get_job_not_found(stubber: Stubber):
    stubber.add_response("describe_jobs", {"items": []})
    with pytest.raises(JobNotFoundError):
        JobsClient(stubber.client).get_job("drsjob-00000000000000000")


def test_client_errors(stubber: Stubber):
    """Errors of the Stubber have the classes with AWS's names, and the modeled fields."""
    stubber.add_client_error("describe_jobs", "ThrottlingException", "slow down", 429)
    stubber.add_client_error(
        "describe_jobs",
        "ValidationException",
        http_status_code=400,
        modeled_fields={"reason": "other", "fieldList": [{"name": "a", "message": "b"}]},
    )
    client = JobsClient(stubber.client)
    with pytest.raises(ThrottlingException) as throttled:
        client.describe_jobs().first()
    assert (throttled.value.status_code, throttled.value.message) == (429, "slow down")
    with pytest.raises(ValidationException) as refused:
        client.describe_jobs().first()
    assert (refused.value.reason, refused.value.fields) == ("other", {"a": "b"})


def test_malformed_job(stubber: Stubber):
    """The Stubber accepts an unreadable timestamp; drs_jobs checks it as in a real response."""
    stubber.add_response("describe_jobs", {"items": [{"jobID": "j" * 24, "endDateTime": "next Tuesday, at noon"}]})
    with pytest.raises(MalformedResponseError) as caught:
        JobsClient(stubber.client).describe_jobs().first()
    assert caught.value.path == "$.items[0].endDateTime"


def test_page_without_a_request_id(stubber: Stubber):
    """Without HTTP there is no request id."""
    raw = {"items": [unstructure_job(make_job())]}
    stubber.add_response("describe_jobs", raw)
    [page] = JobsClient(stubber.client).describe_jobs().pages()
    assert (None, raw) == (page.request_id, page.raw)
