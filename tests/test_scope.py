"""What is ours stays ours: the caller's own calls never change, and tags and credentials get out nowhere."""

import itertools
import json
import logging
import threading
import traceback
from typing import Any

import pytest
from botocore.config import Config

from drs_jobs import DrsJobsError, JobNotFoundError, JobsClient, MalformedResponseError
from drs_jobs._watch import Clock
from drs_jobs.testing import CutOff, HtmlPage, LocalDrs, RawAnswer, ServerError, make_job


def _theirs(client: Any) -> Any:
    """What the caller's own call returns, less what differs from call to call."""
    answer = client.describe_jobs()
    answer["ResponseMetadata"].pop("RequestId")
    answer["ResponseMetadata"].pop("HTTPHeaders")
    return answer


def test_the_callers_own_calls_never_change(boto_client: Any, local_drs: LocalDrs):
    """Before, during and after our use of their client, also in our callbacks and from another thread."""
    odd = {"items": [{"jobID": "j", "later": 1, "participatingResources": [{"participatingResourceID": {"later": 1}}]}, {}]}
    page = RawAnswer(json.dumps(odd).encode())
    local_drs.inject(page, times=100)
    answers = [_theirs(boto_client)]
    seen: list[Any] = []
    client = JobsClient(boto_client)
    answers.append(_theirs(boto_client))
    stop = threading.Event()

    def call_meanwhile() -> None:
        while not stop.is_set() and len(seen) < 20:
            seen.append(_theirs(boto_client))

    thread = threading.Thread(target=call_meanwhile)
    thread.start()
    for _ in range(10):
        list(client.describe_jobs(on_malformed=lambda error: answers.append(_theirs(boto_client))))
        for _ in client.describe_jobs(on_malformed=lambda error: None):
            answers.append(_theirs(boto_client))
    stop.set()
    thread.join()
    answers.append(_theirs(boto_client))
    assert all(answer == answers[0] for answer in answers + seen)
    assert answers[0]["items"][0]["participatingResources"][0]["participatingResourceID"] == {
        "SDK_UNKNOWN_MEMBER": {"name": "later"}
    }


def test_the_callers_own_bad_answers_stay_as_they_are(boto_client: Any, local_drs: LocalDrs):
    """Even boto3's silent `{}` for an HTML page is not touched."""
    JobsClient(boto_client)
    local_drs.inject(HtmlPage())
    assert "items" not in _theirs(boto_client)
    local_drs.inject(ServerError(retry_after="soon"))
    with pytest.raises(ValueError, match="soon"):
        boto_client.describe_jobs()


def test_another_operation_called_within_ours_is_not_ours(boto_client: Any, local_drs: LocalDrs):
    """A handler of the caller's that calls something else of `drs` gets boto3's own parsing."""
    got: list[Any] = []

    def call_something_else(**_: Any) -> None:
        local_drs.inject(RawAnswer(b'{"items": "characters", "other": 1}'))
        with pytest.raises(AttributeError):
            got.append(boto_client.describe_job_log_items(jobID="drsjob-00000000000000000"))

    boto_client.meta.events.register("before-send.drs.DescribeJobs", call_something_else)
    assert JobsClient(boto_client).describe_jobs().collect() == ()
    assert got == []


def test_many_clients_of_one_boto3_client_and_many_threads(boto_client: Any, local_drs: LocalDrs):
    """A JobsClient is safe to share, and so is the boto3 client below several of them."""
    jobs = {make_job() for _ in range(60)}
    local_drs.add_jobs(*jobs)
    clients = [JobsClient(boto_client) for _ in range(3)]
    got: list[set[Any]] = []
    threads = [threading.Thread(target=lambda client=client: got.append(set(client.describe_jobs()))) for client in clients * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [jobs] * 12 == got


def test_tags_get_out_nowhere(client: JobsClient, local_drs: LocalDrs, caplog: pytest.LogCaptureFixture):
    """No repr, error text, error attribute, traceback or log record at DEBUG has a tag's key or value."""
    caplog.set_level(logging.DEBUG)
    tags = {"secretkey": "secretvalue"}
    local_drs.add_jobs(*(make_job(tags=tags) for _ in range(3)))
    jobs = client.describe_jobs().collect()
    assert tags == jobs[0].tags
    shown = [repr(jobs), *(repr(job) for job in jobs), *(repr(page) for page in client.describe_jobs().pages())]
    bad: list[Any] = [
        {"jobID": "j", "tags": {"secretkey": 5}},
        {"jobID": "j", "tags": {"secretkey": ["secretvalue"]}},
        {"jobID": "j", "tags": [tags]},
        {"jobID": "j", "tags": "secretkey"},
        {"tags": tags},
        [{"tags": tags}],
    ]
    faults = [RawAnswer(json.dumps({"items": [job]}).encode()) for job in bad]
    faults += [RawAnswer(json.dumps({"items": {"tags": tags}}).encode()), RawAnswer(json.dumps([{"tags": tags}]).encode())]
    faults += [RawAnswer(json.dumps({"tags": tags}).encode()), RawAnswer(json.dumps({"a": [{"tags": tags}]}).encode())]
    faults += [RawAnswer(json.dumps({"tags": tags}).encode("utf-16"))]
    for fault in [*faults, CutOff(share=0.9)]:
        local_drs.inject(fault)
        with pytest.raises(MalformedResponseError) as caught:
            client.describe_jobs().collect()
        shown += [
            str(caught.value),
            repr(caught.value),
            str(vars(caught.value)),
            "".join(traceback.format_exception(caught.value)),
        ]
    for text in (*shown, caplog.text):
        assert "secret" not in text
    assert "Response body" in caplog.text


def test_credentials_get_out_nowhere(local_drs: LocalDrs, caplog: pytest.LogCaptureFixture):
    """Our own logger says nothing of them, and neither does any error."""
    caplog.set_level(logging.DEBUG, "drs_jobs")
    client = JobsClient(local_drs.client(access_key_id="AKIAEXAMPLE", config=Config(retries={"total_max_attempts": 1})))
    client._clock = Clock(lambda _: None, itertools.count().__next__)
    local_drs.inject(ServerError(), times=2)
    with pytest.raises(JobNotFoundError):
        client.wait("drsjob-00000000000000000", timeout=None)
    assert "still waiting" in caplog.text
    local_drs.inject(ServerError())
    with pytest.raises(DrsJobsError) as caught:
        client.describe_jobs().first()
    assert "AKIAEXAMPLE" not in caplog.text
    assert "AKIAEXAMPLE" not in "".join(traceback.format_exception(caught.value)) + str(vars(caught.value)) + repr(client)
