"""Polling: intervals, deadlines, transient errors and absent jobs, with a simulated clock."""

import gc
import json
import logging
import os
import pickle
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock

import attrs
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

import frozen_time
import interruptions
from conftest import ONE_ATTEMPT
from drs_jobs import (
    AccessDeniedException,
    Job,
    JobNotFoundError,
    JobsClient,
    JobStatus,
    MalformedResponseError,
    Outcome,
    ServiceError,
    ThrottlingException,
    UninitializedAccountException,
    ValidationException,
    WaitTimeoutError,
    unstructure_job,
)
from drs_jobs._polling import Clock
from drs_jobs._time import machine_time, machine_timestamp
from drs_jobs.testing import (
    BootFailure,
    CutOff,
    DropConnection,
    ErrorResponse,
    HtmlPage,
    LaunchActionFailure,
    LocalDrs,
    RawResponse,
    ServerError,
    Slow,
    Stuck,
    Throttle,
    make_job,
    make_server,
)
from simulated_time import SimulatedTime

pytestmark = pytest.mark.both_clients

SERVERS = [f"s-{number:017}" for number in range(1, 5)]


@pytest.fixture
def simulated(client: JobsClient) -> SimulatedTime:
    simulated = SimulatedTime()
    client._clock = simulated.clock()
    return simulated


def _done(job: Job) -> Job:
    return make_job(job_id=job.job_id, creation_date_time=job.creation_date_time)


def _started(**fields: Any) -> Job:
    return make_job(status="STARTED", **fields)


def _polls(local_drs: LocalDrs) -> int:
    return sum(request.operation == "DescribeJobs" for request in local_drs.requests)


class Unreachable:
    """A client of a region that does not exist."""

    def describe_jobs(self, **_: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="https://drs.eu-wst-1.amazonaws.com")


# ------------------------------------------------------------------ polls and intervals


def test_watch_yields_a_job_when_it_changed(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """The first snapshot counts as a change; an unchanged one does not; the complete one is the last."""
    pending = make_job(status="PENDING")
    started = attrs.evolve(pending, status=JobStatus.STARTED)
    done = _done(pending)
    local_drs.add_jobs(pending)
    simulated.at(20, lambda: local_drs.add_jobs(started))
    simulated.at(60, lambda: local_drs.add_jobs(done))
    assert [pending, started, done] == list(client.watch([pending.job_id], timeout=None))
    assert len(local_drs.requests) == len(simulated.sleeps) + 1


def test_given_interval_is_constant(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    local_drs.add_jobs(job := _started())
    simulated.at(290, lambda: local_drs.add_jobs(_done(job)))
    client.wait(job, timeout=None, poll_interval=timedelta(minutes=1))
    assert simulated.sleeps == [60] * 5


def test_default_interval_grows_from_5_to_30_seconds(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """By a factor of 1.5 with each poll, with a jitter of 10 %."""
    job = _started()
    local_drs.add_jobs(job)
    simulated.at(120, lambda: local_drs.add_jobs(_done(job)))
    client.wait(job, timeout=None)
    assert simulated.sleeps == [5, 7.5, 11.25, 16.875, 25.3125, 30, 30]
    for jitter, first in ((0.0, 4.5), (1.0, 5.5)):
        other = SimulatedTime()
        client._clock = other.clock(lambda jitter=jitter: jitter)
        local_drs.add_jobs(job)
        other.at(1, lambda: local_drs.add_jobs(_done(job)))
        client.wait(job, timeout=None)
        assert [pytest.approx(first)] == other.sleeps


def test_complete_job_takes_one_poll_and_no_sleep(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    job = make_job()
    local_drs.add_jobs(job)
    assert job == client.wait(job.job_id, timeout=0)
    assert (simulated.sleeps, len(local_drs.requests)) == ([], 1)


def test_1500_jobs_take_two_requests_per_poll(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """With the ids of unfinished jobs only, so later polls take one. Each job is yielded twice."""
    jobs = [_started() for _ in range(1500)]
    local_drs.add_jobs(*jobs)
    done = [_done(job) for job in jobs]
    for second, start, end in [(1, 0, 100), (101, 100, 300), (201, 300, 1000), (301, 1000, 1500)]:
        simulated.at(second, lambda start=start, end=end: local_drs.add_jobs(*done[start:end]))
    seen = list(client.watch(jobs, timeout=None, poll_interval=100))
    requested = [request.body["filters"]["jobIDs"] for request in local_drs.requests]
    assert [len(ids) for ids in requested] == [1000, 500, 1000, 500, 1000, 400, 1000, 200, 500]
    assert len(seen) == 3000
    assert set(jobs) | set(done) == set(seen)
    assert {job.job_id for job in jobs[1000:]} == set(requested[-1])


def test_poll_reads_all_pages(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """The server can return many pages, also empty ones, for one request."""
    local_drs.page_sizes = (3, 0)
    jobs = [make_job() for _ in range(10)]
    local_drs.add_jobs(*jobs)
    assert tuple(jobs) == client.wait_all(jobs, timeout=0)
    assert simulated.sleeps == []


def test_wait_all_returns_jobs_in_the_order_given(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """Ids, jobs and boto3's dicts can be mixed. A job that is given twice is returned twice and requested once."""
    jobs = [_started() for _ in range(3)]
    local_drs.add_jobs(*jobs)
    done = [_done(job) for job in jobs]
    for number, second in enumerate((50, 10, 30)):
        simulated.at(second, lambda number=number: local_drs.add_jobs(done[number]))
    given = [jobs[2].job_id, jobs[0], unstructure_job(jobs[1]), jobs[2]]
    assert (done[2], done[0], done[1], done[2]) == client.wait_all(given, timeout=timedelta(minutes=5))
    assert len(local_drs.requests[0].body["filters"]["jobIDs"]) == 3


# ------------------------------------------------------------------ the deadline


@pytest.mark.parametrize("second", [59, 60])
def test_job_that_finishes_at_the_deadline(second, client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """The last sleep ends at the deadline, and the last poll follows it."""
    job = _started()
    local_drs.add_jobs(job)
    simulated.at(second, lambda: local_drs.add_jobs(_done(job)))
    assert _done(job).job_id == client.wait(job, timeout=60).job_id
    assert simulated.seconds == pytest.approx(60)


def test_job_that_finishes_after_the_deadline(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """WaitTimeoutError is a TimeoutError and has the last snapshot of each job, also of complete ones."""
    job, done = _started(), make_job()
    local_drs.add_jobs(job, done)
    simulated.at(61, lambda: local_drs.add_jobs(_done(job)))
    with pytest.raises(TimeoutError, match="1 job not complete after 60 seconds") as caught:
        client.wait_all([job, done], timeout=60)
    assert isinstance(caught.value, WaitTimeoutError)
    assert {job, done} == set(caught.value.jobs)
    assert simulated.seconds == pytest.approx(60)


def test_timeout_of_zero_polls_once(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    job = _started()
    local_drs.add_jobs(job)
    with pytest.raises(WaitTimeoutError):
        client.wait(job, timeout=0)
    assert (simulated.sleeps, _polls(local_drs)) == ([], 1)


def test_one_poll_at_the_deadline(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """Also if a whole interval ends at the deadline."""
    local_drs.add_jobs(job := _started())
    with pytest.raises(WaitTimeoutError):
        client.wait(job, timeout=5, poll_interval=5)
    assert (simulated.sleeps, _polls(local_drs)) == ([5], 2)


def test_short_poll_interval(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    local_drs.add_jobs(job := _started())
    simulated.at(1, lambda: local_drs.add_jobs(_done(job)))
    client.wait(job, timeout=None, poll_interval=0.125)
    assert simulated.sleeps == [0.125] * 8


@pytest.mark.synchronous  # it replaces a method
def test_poll_that_outlasts_the_deadline_is_repeated(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """A poll that began before the deadline is not the last one."""
    job = _started()
    local_drs.add_jobs(job)
    real = client.describe_jobs

    def slow(**filters: Any) -> Any:
        pager = real(**filters)
        jobs = pager.collect()
        simulated.seconds += 100
        local_drs.add_jobs(_done(job))
        return jobs

    client.describe_jobs = slow  # type: ignore[method-assign]
    assert client.wait(job, timeout=60).is_complete
    assert simulated.sleeps == [0]


# ------------------------------------------------------------------ transient errors


def test_wait_of_two_hours_across_an_outage(
    client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime, caplog: pytest.LogCaptureFixture
):
    """429s, 500s with a date, dropped connections, HTML and truncated bodies: one WARNING for each."""
    began = time.perf_counter()
    job = _started()
    local_drs.add_jobs(job)
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    outage = [Throttle(), Throttle(retry_after=40), ServerError(retry_after=later), DropConnection(), HtmlPage(), HtmlPage(502)]
    outage += [
        DropConnection(in_body=True),
        CutOff(),
        ErrorResponse("RequestTimeout", 408),
        RawResponse(b"", 503),
        RawResponse(b"\xe9", 504),
    ]
    for number, fault in enumerate(outage):
        simulated.at(1800 + 110 * number, lambda fault=fault: local_drs.inject(fault))
    simulated.at(7100, lambda: local_drs.add_jobs(_done(job)))
    assert client.wait(job, timeout=timedelta(hours=2), poll_interval=20).is_complete
    warnings = [record for record in caplog.records if record.name == "drs_jobs"]
    assert [logging.WARNING] * len(outage) == [record.levelno for record in warnings]
    assert all("still waiting for 1 jobs" in record.message and "\n" not in record.message for record in warnings)
    assert simulated.seconds > 7000
    assert time.perf_counter() - began < 600  # well above the real duration on a busy machine, well below two hours


@pytest.mark.parametrize(("retry_after", "delay"), [(40, 40), ("41.5", 41.5), (1, 5), ("soon", 5), (10**9, 3600)])
def test_retry_after_delays_the_next_poll(
    retry_after, delay, client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime
):
    """The delay is at most an hour, and never shorter than the interval."""
    job = make_job()
    local_drs.add_jobs(_started(job_id=job.job_id))
    simulated.at(1, lambda: local_drs.inject(Throttle(retry_after=retry_after)))
    simulated.at(10, lambda: local_drs.add_jobs(job))
    client.wait(job, timeout=None)
    assert pytest.approx(max(delay, 7.5)) == simulated.sleeps[1]


def test_retry_after_ends_at_the_deadline(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    job = _started()
    local_drs.add_jobs(job)
    simulated.at(1, lambda: local_drs.inject(Throttle(retry_after=800)))
    with pytest.raises(WaitTimeoutError):
        client.wait(job, timeout=30)
    assert simulated.seconds == pytest.approx(30)


PERMANENT: dict[str, tuple[Any, type[Exception]]] = {
    "denied": (ErrorResponse("AccessDeniedException", 403), AccessDeniedException),
    "invalid": (ErrorResponse("ValidationException"), ValidationException),
    "not initialized": (ErrorResponse("UninitializedAccountException"), UninitializedAccountException),
    "expired credentials": (ErrorResponse("ExpiredTokenException", 403), ServiceError),
    "a malformed job": (RawResponse(b'{"items": [{"jobID": 5}]}'), MalformedResponseError),
    "a malformed page": (RawResponse(b'{"items": "x"}'), MalformedResponseError),
}


@pytest.mark.parametrize("name", PERMANENT)
@pytest.mark.parametrize("when", [0, 1])
def test_permanent_error_is_raised_at_once(
    name, when, client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime, caplog
):
    """In the first poll or a later one: no sleep after it, and no warning."""
    fault, error_class = PERMANENT[name]
    job = _started()
    local_drs.add_jobs(job)
    if when:
        simulated.at(when, lambda: local_drs.inject(fault))
    else:
        local_drs.inject(fault)
    with pytest.raises(error_class):
        client.wait(job, timeout=None)
    assert (when, when + 1) == (len(simulated.sleeps), len(local_drs.requests))
    assert [record for record in caplog.records if record.name == "drs_jobs"] == []


def test_missing_credentials_are_raised_at_once(simulated: SimulatedTime):
    """Botocore's own error."""

    class WithoutCredentials:
        def describe_jobs(self, **_: Any) -> Any:
            raise NoCredentialsError

    client = JobsClient(WithoutCredentials())
    client._clock = simulated.clock()
    with pytest.raises(NoCredentialsError):
        client.wait("drsjob-1", timeout=None)
    assert simulated.sleeps == []


def test_unreachable_region_is_raised_after_a_minute(caplog: pytest.LogCaptureFixture):
    """The connection error, because a mistyped region must not be treated as an outage."""
    simulated = SimulatedTime()
    client = JobsClient(Unreachable())
    client._clock = simulated.clock(lambda: 0.3)
    with pytest.raises(EndpointConnectionError, match="eu-wst-1"):
        client.wait("drsjob-1", timeout=timedelta(hours=8))
    assert simulated.seconds == pytest.approx(60)
    assert len(simulated.sleeps) == len(caplog.records) > 3


@pytest.mark.parametrize(("poll_interval", "sleeps"), [(60, [60]), (59.5, [59.5, 0.5]), (59, [59, 1]), (61, [60])])
def test_last_poll_of_an_unreachable_region(poll_interval: float, sleeps: list[float], simulated: SimulatedTime):
    """It is 60 seconds after the first one, for any poll interval."""
    client = JobsClient(Unreachable())
    client._clock = simulated.clock()
    with pytest.raises(EndpointConnectionError):
        client.wait("drsjob-1", timeout=None, poll_interval=poll_interval)
    assert sleeps == simulated.sleeps


class SlowlyUnreachable(Unreachable):
    """Each poll takes 100 seconds, as botocore's own retries of a read time-out do."""

    def __init__(self, simulated: SimulatedTime) -> None:
        self.simulated = simulated
        self.polls = 0

    def describe_jobs(self, **request: Any) -> Any:
        self.polls += 1
        self.simulated.seconds += 100
        return super().describe_jobs(**request)


@pytest.mark.parametrize(
    ("timeout", "polls", "error_class"),
    [
        (7200, 2, EndpointConnectionError),
        (None, 2, EndpointConnectionError),
        (30, 2, EndpointConnectionError),
        (0, 1, WaitTimeoutError),
    ],
)
def test_slow_first_poll_is_followed_by_another(timeout: float | None, polls: int, error_class: type[Exception]):
    """Also if it is longer than the minute in which connection errors are retried before the first response."""
    simulated = SimulatedTime()
    fake = SlowlyUnreachable(simulated)
    client = JobsClient(fake)
    client._clock = simulated.clock()
    with pytest.raises(error_class):
        client.wait("drsjob-1", timeout=timeout)
    assert fake.polls == polls
    assert all(sleep >= 0 for sleep in simulated.sleeps)


def test_second_poll_can_succeed_after_a_slow_first_one():
    simulated = SimulatedTime()
    job = make_job()

    class SlowAtFirst(SlowlyUnreachable):
        def describe_jobs(self, **request: Any) -> Any:
            return {"items": [unstructure_job(job)]} if self.polls else super().describe_jobs(**request)

    client = JobsClient(SlowAtFirst(simulated))
    client._clock = simulated.clock()
    assert client.wait(job, timeout=7200) == job


NOT_A_RESPONSE: dict[str, Any] = {
    "None": None,
    "a list": [],
    "a mock": MagicMock(),
    "a string": "items",
}


@pytest.mark.parametrize("name", NOT_A_RESPONSE)
def test_response_that_is_no_dict_is_a_type_error(name: str):
    """At once. The message has the type of the response."""
    simulated = SimulatedTime()
    client = JobsClient(Mock(spec=["describe_jobs"], describe_jobs=Mock(return_value=NOT_A_RESPONSE[name])))
    client._clock = simulated.clock()
    for request in (
        lambda: client.wait("drsjob-1", timeout=None),
        lambda: client.get_job("drsjob-1"),
        lambda: client.describe_jobs().collect(),
        lambda: next(client.describe_jobs().pages()),
    ):
        with pytest.raises(TypeError, match=type(NOT_A_RESPONSE[name]).__name__):
            request()
    assert simulated.sleeps == []


class AsyncDrs:
    """A plain method that returns a coroutine, as in aiobotocore."""

    async def _respond(self, **_: Any) -> Any:
        return {"items": []}

    def describe_jobs(self, **request: Any) -> Any:
        return self._respond(**request)


class AsyncMethodDrs:
    async def describe_jobs(self, **_: Any) -> Any:
        return {"items": []}


class AioClient(AsyncDrs):
    async def _make_api_call(self, *_: Any) -> Any: ...


@pytest.mark.synchronous  # of JobsClient alone
@pytest.mark.filterwarnings("error")
def test_asynchronous_client_is_a_type_error():
    """In the constructor, or else in the first request. No coroutine is left unawaited."""
    for client_class in (AsyncMethodDrs, AioClient, AsyncMock):
        with pytest.raises(TypeError, match="asynchronous"):
            JobsClient(client_class())
    client = JobsClient(AsyncDrs())
    with pytest.raises(TypeError, match="asynchronous client"):
        client.wait("drsjob-1", timeout=None)
    with pytest.raises(TypeError, match="asynchronous client"):
        client.describe_jobs().first()
    gc.collect()


def test_error_has_every_job_that_was_not_found(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """Across several requests, in the order given."""
    jobs = [_started() for _ in range(3)]
    local_drs.add_jobs(*jobs)
    absent = [f"drsjob-{number:017}" for number in range(1200)]
    with pytest.raises(JobNotFoundError, match=r"1,200 jobs were not found: drsjob-0.* and 1,190 more") as caught:
        client.wait_all([jobs[0], *absent[:700], jobs[1], *absent[700:], jobs[2]], timeout=None)
    assert caught.value.job_ids == tuple(absent)
    assert (caught.value.job_id, caught.value.last_seen) == (absent[0], None)
    with pytest.raises(JobNotFoundError) as caught:
        client.get_job(absent[5])
    assert caught.value.job_ids == (absent[5],)


def test_error_at_the_deadline_is_the_cause(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    job = _started()
    local_drs.add_jobs(job)
    simulated.at(1, lambda: local_drs.inject(Throttle(), times=100))
    with pytest.raises(WaitTimeoutError) as caught:
        client.wait(job, timeout=300)
    assert isinstance(caught.value.__cause__, ThrottlingException)
    assert (job,) == caught.value.jobs
    assert pickle.loads(pickle.dumps(caught.value)).jobs == (job,)


def test_failed_request_does_not_hide_other_requests(simulated: SimulatedTime):
    """The first 1,000 of 1,500 jobs cannot be read. The others are yielded, and the error has them."""
    jobs = {f"j{number}": make_job(job_id=f"j{number}") for number in range(1500)}

    class HalfBroken:
        def describe_jobs(self, filters: dict[str, list[str]]) -> Any:
            if "j0" in filters["jobIDs"]:
                raise EndpointConnectionError(endpoint_url="http://x")
            return {"items": [unstructure_job(jobs[job_id]) for job_id in filters["jobIDs"]]}

    client = JobsClient(HalfBroken())
    client._clock = simulated.clock()
    seen: list[str] = []
    with pytest.raises(WaitTimeoutError) as caught:
        seen.extend(job.job_id for job in client.watch(list(jobs), timeout=500))
    assert seen == list(jobs)[1000:] == [job.job_id for job in caught.value.jobs]


def test_page_before_a_failed_page_is_used(simulated: SimulatedTime):
    """The jobs of the first page of a request are kept if the second page fails."""
    done = make_job(job_id="a")

    class SecondPageBroken:
        def describe_jobs(self, filters: Any, nextToken: str | None = None) -> Any:  # noqa: N803  # AWS's own name
            if nextToken is not None:
                raise EndpointConnectionError(endpoint_url="http://x")
            return {"items": [unstructure_job(done)] if "a" in filters["jobIDs"] else [], "nextToken": "t"}

    client = JobsClient(SecondPageBroken())
    client._clock = simulated.clock()
    with pytest.raises(WaitTimeoutError) as caught:
        client.wait_all(["a", "b"], timeout=60)
    assert (done,) == caught.value.jobs


@pytest.mark.parametrize("code", ["Throttling", "RequestLimitExceeded", "RequestTimeout"])
def test_throttling_by_other_names(code: str, client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """STS and gateways use other codes, with status 400."""
    job = make_job()
    local_drs.add_jobs(job)
    local_drs.inject(ErrorResponse(code))
    assert job == client.wait(job, timeout=None)


# ------------------------------------------------------------------ absent jobs


def test_outage_does_not_count_as_absence(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """A failed request does not show whether the job exists."""
    job = make_job()
    simulated.at(1, lambda: local_drs.inject(ServerError(), times=12))
    simulated.at(310, lambda: local_drs.add_jobs(job))
    assert job == client.wait(job, timeout=None)
    assert len(local_drs.requests) > 12


def test_throttling_does_not_hide_a_mistyped_id(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """The job is not found after three successful polls in more than a minute, also if each second poll fails."""
    for second in range(1, 1000, 50):
        simulated.at(second, lambda: local_drs.inject(Throttle()))
    with pytest.raises(JobNotFoundError):
        client.wait("drsjob-00000000000000000", timeout=None)
    assert simulated.seconds < 200


def test_longest_retry_after_of_a_poll_is_used(simulated: SimulatedTime):
    """An error of another request in the same poll does not shorten it."""

    class Fake:
        def __init__(self) -> None:
            self.calls = 0

        def describe_jobs(self, filters: Any) -> Any:
            self.calls += 1
            if self.calls == 3:
                headers = {"HTTPHeaders": {"retry-after": "50"}, "HTTPStatusCode": 429}
                error: Any = {"Error": {"Code": "ThrottlingException"}, "ResponseMetadata": headers}
                raise ClientError(error, "DescribeJobs")
            if self.calls == 4:
                raise EndpointConnectionError(endpoint_url="x")
            status = "COMPLETED" if self.calls > 4 else "STARTED"
            return {"items": [{"jobID": job_id, "status": status} for job_id in filters["jobIDs"]]}

    client = JobsClient(Fake())
    client._clock = simulated.clock()
    assert len(client.wait_all([f"j{n}" for n in range(1001)], timeout=None)) == 1001
    assert simulated.sleeps == [5, 50]


def test_error_after_the_last_job_is_ignored(simulated: SimulatedTime, caplog: pytest.LogCaptureFixture):
    """A complete job ends the wait, also if a later page fails."""

    class Fake:
        def describe_jobs(self, **request: Any) -> Any:
            if "nextToken" in request:
                raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeJobs")
            return {"items": [{"jobID": "j", "status": "COMPLETED"}], "nextToken": "t"}

    client = JobsClient(Fake())
    client._clock = simulated.clock()
    assert client.wait("j", timeout=None).is_complete
    assert caplog.records == []


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError("gone"),
        TimeoutError("late"),
        ClientError({"Error": {"Code": "ServiceUnavailable"}}, "DescribeJobs"),
        ClientError({"Error": {"Code": "503"}}, "DescribeJobs"),
    ],
)
def test_transient_errors_of_fakes(error: Exception, simulated: SimulatedTime):
    """Python's connection errors, and AWS's codes without a status."""

    class Fake:
        calls = 0

        def describe_jobs(self, **_: Any) -> Any:
            self.calls += 1
            if self.calls == 2:
                raise error
            return {"items": [{"jobID": "j", "status": "STARTED" if self.calls == 1 else "COMPLETED"}]}

    client = JobsClient(Fake())
    client._clock = simulated.clock()
    assert client.wait("j", timeout=None).is_complete


def test_timeout_error_has_jobs_in_the_order_given(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """Each once, and without those that were never seen."""
    jobs = [_started() for _ in range(3)]
    local_drs.add_jobs(*jobs)
    given = [jobs[1].job_id, "drsjob-00000000000000000", *(job.job_id for job in jobs)]
    with pytest.raises(WaitTimeoutError) as caught:
        client.wait_all(given, timeout=0)
    assert (jobs[1], jobs[0], jobs[2]) == caught.value.jobs


def test_absent_job_does_not_hide_changes_of_others(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """Changes of other jobs in the same poll are yielded first."""
    job = _started()
    local_drs.add_jobs(job)
    simulated.at(65, lambda: local_drs.add_jobs(_done(job)))
    seen: list[Job] = []
    with pytest.raises(JobNotFoundError):
        seen.extend(client.watch(["drsjob-00000000000000000", job], timeout=None, poll_interval=65))
    assert [job.is_complete for job in seen] == [False, True]


def test_job_that_is_not_visible_yet(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """A new job can be invisible for some time."""
    job = make_job()
    simulated.at(40, lambda: local_drs.add_jobs(job))
    assert job == client.wait(job, timeout=None)


def test_absent_job_is_not_found_after_a_minute(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """Also if other jobs are found."""
    job = _started()
    local_drs.add_jobs(job)
    with pytest.raises(JobNotFoundError) as caught:
        client.wait_all([job, "drsjob-00000000000000000"], timeout=None)
    assert (caught.value.job_id, caught.value.last_seen) == ("drsjob-00000000000000000", None)
    assert 60 <= simulated.seconds < 100


@pytest.mark.parametrize(
    ("poll_interval", "error_at", "seconds"),
    [
        (60, None, 60),  # seconds 0 and 60
        (59.5, None, 119),  # 0, 59.5 (too early), 119
        (60, 60, 180),  # 0, an error at 60, 120, and a third one at 180
        (20, 20, 60),  # 0, an error at 20, 40, 60
    ],
)
def test_polls_until_a_job_is_not_found(
    poll_interval: float, error_at: float | None, seconds: float, client: JobsClient, local_drs: LocalDrs, simulated: Any
):
    """Two successful polls that are a minute apart, and a third one if a poll failed."""
    if error_at is not None:
        simulated.at(error_at, lambda: local_drs.inject(Throttle()))
    with pytest.raises(JobNotFoundError):
        client.wait("drsjob-00000000000000000", timeout=None, poll_interval=poll_interval)
    assert seconds == simulated.seconds


def test_job_that_disappears_is_in_the_error(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """With its last snapshot, and only if it was absent for a minute."""
    job = _started()
    local_drs.add_jobs(job)
    simulated.at(1, local_drs.clear)
    simulated.at(45, lambda: local_drs.add_jobs(job))
    simulated.at(100, local_drs.clear)
    with pytest.raises(JobNotFoundError, match="no longer exists") as caught:
        client.wait(job, timeout=None)
    assert job == caught.value.last_seen
    assert simulated.seconds > 160


def test_timeout_error_has_jobs_that_were_never_seen(client: JobsClient, simulated: SimulatedTime):
    """If the deadline is before the minute after which a job is not found."""
    with pytest.raises(WaitTimeoutError, match=r"never seen \(drsjob-00000000000000000\): check id and region"):
        client.wait("drsjob-00000000000000000", timeout=10)
    assert simulated.seconds == pytest.approx(10)


def test_timeout_error_begins_with_three_ids(client: JobsClient, simulated: SimulatedTime):
    """The other ids follow at the end of the message."""
    ids = [f"drsjob-{n:017}" for n in range(5)]
    with pytest.raises(WaitTimeoutError) as caught:
        client.wait_all(ids, timeout=10)
    first, rest, _ = str(caught.value).split("; ")
    assert first == f"5 jobs never seen ({', '.join(ids[:3])}): check id and region"
    assert rest == f"5 jobs not complete after 10 seconds: {', '.join(ids)}"


# ------------------------------------------------------------------ the phases in a WaitTimeoutError


def _start(local_drs: LocalDrs, *servers: str) -> str:
    sources = [{"sourceServerID": server} for server in servers]
    job_id: str = local_drs.client().start_recovery(sourceServers=sources)["job"]["jobID"]
    return job_id


def _time_out(local_drs: LocalDrs, *jobs: Any, client: Any = None) -> WaitTimeoutError:
    client = JobsClient(local_drs.client(config=ONE_ATTEMPT) if client is None else client)
    client._clock = Clock(lambda _: None, lambda: 0.0, utc_now=lambda: local_drs.now)
    with pytest.raises(WaitTimeoutError) as caught:
        client.wait_all(jobs, timeout=0)
    return caught.value


def test_timeout_error_names_the_phase_of_the_slowest_server():
    with LocalDrs(speed=0) as local:
        local.fail_server(SERVERS[1], Stuck("CONVERSION"))
        local.fail_server(SERVERS[2], BootFailure())
        stuck, pending, done = _start(local, *SERVERS[:3]), make_job(status="PENDING"), make_job()
        local.advance(timedelta(hours=1))
        local.add_jobs(pending, done)
        late = _start(local, SERVERS[3])
        local.advance(timedelta(seconds=30))
        error = _time_out(local, stuck, late, pending, done)
        started = next(
            item.log_date_time
            for item in JobsClient(local.client()).describe_job_log_items(stuck)
            if item.event == "CONVERSION_START" and item.event_data and item.event_data.source_server_id == SERVERS[1]
        )
        assert started is not None
        minutes, seconds = divmod(int((local.now - started).total_seconds()), 60)
        hours, minutes = divmod(minutes, 60)
        duration = f"{hours}h {minutes:02}m" if hours else f"{minutes}m {seconds:02}s"
        assert str(error).startswith(
            f"3 jobs not complete after 0 seconds: {stuck} (conversion of {SERVERS[1]} for {duration}), "
            f"{late} (after snapshot of {SERVERS[3]} for 0m 29s), {pending.job_id}"
        )
        assert [job.job_id for job in error.jobs] == [stuck, late, pending.job_id, done.job_id]


@pytest.mark.parametrize("fault", [Throttle(), ServerError(), HtmlPage(), CutOff(), DropConnection()])
def test_log_that_cannot_be_read_does_not_hide_the_timeout(fault: Any):
    with LocalDrs(speed=0) as local:
        job_id = _start(local, SERVERS[0])
        local.advance(timedelta(minutes=2))
        local.inject(fault, times=None, operation="DescribeJobLogItems")
        error = _time_out(local, job_id)
        assert str(error) == f"1 job not complete after 0 seconds: {job_id}; {error.hint}"


def test_late_logs_do_not_delay_the_timeout(monkeypatch: pytest.MonkeyPatch):
    """The phases that are known by then are in the error, also those of jobs after a job whose log is late."""
    monkeypatch.setattr("drs_jobs._polling.DESCRIPTION_TIMEOUT", 2.0)
    with LocalDrs(speed=0) as local:
        jobs = [_start(local, server) for server in SERVERS]
        local.advance(timedelta(minutes=2))
        local.inject(Slow(60), times=2, operation="DescribeJobLogItems")
        began = time.monotonic()
        error = _time_out(local, *jobs)
        assert time.monotonic() - began < 30
        names = str(error).partition(": ")[2].partition(";")[0].split(", ")
        assert [name.split()[0] for name in names] == jobs
        assert sum("(conversion of s-" in name for name in names) == 2


def test_many_logs_are_requested_once():
    """At most as many as the error names."""
    with LocalDrs() as local:
        local.add_jobs(*(jobs := [_started() for _ in range(40)]))
        assert len(_time_out(local, *jobs).jobs) == 40
        requested = [one.body["jobID"] for one in local.requests if one.operation == "DescribeJobLogItems"]
        assert sorted(requested) == sorted(job.job_id for job in jobs[:20])


def test_malformed_log_item_does_not_hide_the_phase():
    job = unstructure_job(_started(participating_servers=(make_server(source_server_id=SERVERS[0]),)))
    started = {"event": "CONVERSION_START", "eventData": {"sourceServerID": SERVERS[0]}}
    fake = Mock(spec_set=["describe_jobs", "describe_job_log_items"])
    fake.describe_jobs.return_value = {"items": [job]}
    fake.describe_job_log_items.return_value = {"items": [{"event": 5}, started]}
    with LocalDrs() as local:
        assert f"(conversion of {SERVERS[0]} for an unknown time)" in str(_time_out(local, job["jobID"], client=fake))


def test_fakes_without_a_log_time_out():
    """A fake without the operation, one that raises anything, and a mock."""
    job = unstructure_job(_started())

    class WithoutLog:
        def describe_jobs(self, **_: Any) -> Any:
            return {"items": [job]}

    class BadLog(WithoutLog):
        def describe_job_log_items(self, **_: Any) -> Any:
            raise LookupError

    mock = MagicMock()
    mock.describe_jobs.return_value = {"items": [job]}
    with LocalDrs() as local:
        for fake in (WithoutLog(), BadLog(), mock):
            assert str(_time_out(local, job["jobID"], client=fake)).startswith(
                f"1 job not complete after 0 seconds: {job['jobID']}; "
            )


def test_timeout_without_a_thread(monkeypatch: pytest.MonkeyPatch):
    """As when the interpreter ends, or the limit of threads is reached."""
    monkeypatch.setattr("threading.Thread.start", Mock(side_effect=RuntimeError("can't start new thread")))
    job = unstructure_job(_started())
    fake = Mock(spec_set=["describe_jobs"], describe_jobs=Mock(return_value={"items": [job]}))
    client = JobsClient(fake)
    with pytest.raises(WaitTimeoutError, match="1 job not complete"):
        client.wait(job, timeout=0)


def test_timeout_of_many_jobs_is_bounded(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    local_drs.add_jobs(*(jobs := [_started() for _ in range(50)]))
    with pytest.raises(WaitTimeoutError, match=r"^50 jobs not complete after 0 seconds: .*, and 30 more; the jobs ") as caught:
        client.wait_all(jobs, timeout=0)
    assert len(caught.value.jobs) == 50


def test_jobs_that_were_not_requested_are_ignored(simulated: SimulatedTime):
    """As a fake without filters returns them."""

    class WithoutFilters:
        def describe_jobs(self, **_: Any) -> Any:
            return {"items": [unstructure_job(make_job())]}

    client = JobsClient(WithoutFilters())
    client._clock = simulated.clock()
    with pytest.raises(JobNotFoundError):
        client.wait("drsjob-mine", timeout=None)


# ------------------------------------------------------------------ end to end


def test_wait_for_and_explain_start_recovery(client: JobsClient, boto_client: Any, local_drs: LocalDrs):
    """`explain` returns each failed server and the reason."""
    local_drs._backend.speed = 0
    good, unbootable, invalid = (f"s-{number:017}" for number in range(3))
    local_drs.fail_server(unbootable)
    local_drs.fail_server(invalid, LaunchActionFailure("no response on port 443"))
    servers = [{"sourceServerID": server} for server in (good, unbootable, invalid)]
    job = boto_client.start_recovery(sourceServers=servers, isDrill=True)["job"]
    seconds = [0.0]

    def sleep(pause: float) -> None:
        seconds[0] += pause
        local_drs.advance(pause)

    client._clock = Clock(sleep, lambda: seconds[0])
    done = client.wait(job, timeout=timedelta(minutes=30))
    assert (done.is_drill, done.outcome) == (True, Outcome.FAILED)
    assert [done.outcome_of(s) for s in (good, unbootable, invalid)] == [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.FAILED]
    explanation = client.explain(job)
    assert {good, invalid} == set(explanation.instance_ids)
    assert {
        unbootable: (
            "LAUNCH_FAILED: The instance did not pass its status checks: it does not boot from its converted volume.",
        ),
        invalid: ("launch action Validate disk space failed: no response on port 443",),
    } == {failure.participant: failure.reasons for failure in explanation.failures}
    assert explanation.log_error is None
    assert 500 < seconds[0] < 700


def test_keyboard_interrupt_ends_the_wait(client: JobsClient, local_drs: LocalDrs):
    """The client can be used again."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    job = _started()
    local_drs.add_jobs(job)
    client._clock = Clock(interrupt, lambda: 0.0)
    with pytest.raises(KeyboardInterrupt):
        client.wait(job, timeout=None)
    assert job == client.get_job(job.job_id)


def test_watch_continues_after_an_interruption(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """Ctrl-C during a sleep: the next `next` sleeps for the rest of the time."""
    interruptions = iter([1.0, 2.0])

    def sleep(seconds: float) -> None:
        if (slept := next(interruptions, None)) is not None:
            simulated.sleep(slept)
            raise KeyboardInterrupt
        simulated.sleep(seconds)

    job = _started()
    local_drs.add_jobs(job)
    simulated.at(4.5, lambda: local_drs.add_jobs(_done(job)))
    client._clock = attrs.evolve(simulated.clock(), sleep=sleep)
    watching = client.watch([job], timeout=60)
    assert next(watching) == job
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            next(watching)
    assert [done.is_complete for done in watching] == [True]
    assert simulated.sleeps == [1, 2, 2]


@pytest.mark.synchronous  # asyncio.run turns Ctrl-C into a cancellation
def test_signals_lose_no_job_of_a_watch():
    """Real ones. Their handler raises an exception. The loop continues with the same iterator."""
    count = 3 * int(os.environ.get("DRS_JOBS_SIGNALS", "300"))
    tally = interruptions.interrupt_watch(count)
    assert tally["caught"] == tally["signals"] >= count
    assert (tally["lost"], tally["older"], tally["unfinished calls"]) == (0, 0, 0)


def test_watch_polls_again_after_an_error(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """A permanent error or the deadline ends no iterator."""
    job = _started()
    local_drs.add_jobs(job)
    local_drs.inject(ErrorResponse("AccessDeniedException", 403))
    watching = client.watch([job], timeout=0)
    with pytest.raises(AccessDeniedException):
        next(watching)
    assert next(watching) == job
    with pytest.raises(WaitTimeoutError):
        next(watching)
    local_drs.add_jobs(_done(job))
    assert [done.is_complete for done in watching] == [True]


def test_malformed_job_does_not_hide_other_jobs(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    job = _done(_started())
    malformed = make_job()
    items = [{"jobID": malformed.job_id, "participatingServers": [1]}, unstructure_job(job)]
    local_drs.inject(RawResponse(json.dumps({"items": items}).encode()))
    watching = client.watch([malformed, job], timeout=60)
    assert next(watching) == job
    with pytest.raises(MalformedResponseError):
        next(watching)


def test_default_clock_is_the_real_one(client: JobsClient, local_drs: LocalDrs):
    job = _started()
    local_drs.add_jobs(job)
    watching = client.watch([job], timeout=10, poll_interval=0.01)
    assert next(watching) == job
    local_drs.add_jobs(_done(job))
    assert next(watching).is_complete


# ------------------------------------------------------------------ frozen time


def _ends(call: Callable[[], object]) -> BaseException | None:
    """Return the error of a call. It must end. It runs in a daemon thread, so that a call without an end fails the test."""
    errors: list[BaseException | None] = []

    def run() -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001  # the caller examines it
            errors.append(error)
        else:
            errors.append(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    return errors[0]


@pytest.mark.parametrize("made_inside", [False, True])
def test_wait_in_frozen_time(made_inside, boto_client: Any, local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """The sleeps and the deadline are those of the machine, whenever the client was made."""
    local_drs.add_jobs(job := _started())
    client = JobsClient(boto_client)
    began = time.clock_gettime(time.CLOCK_MONOTONIC)
    frozen_time.freeze(monkeypatch, real_asyncio=True)
    if made_inside:
        client = JobsClient(boto_client)
    assert time.monotonic() == time.monotonic()
    assert isinstance(_ends(lambda: client.wait(job, timeout=0.3, poll_interval=0.1)), WaitTimeoutError)
    assert time.clock_gettime(time.CLOCK_MONOTONIC) - began >= 0.3
    assert _polls(local_drs) >= 2


def test_clock_of_the_machine():
    """It is not one of the functions that a test library replaces."""
    assert not {id(machine_time), id(machine_timestamp)} & frozen_time.FROZEN.keys()
    assert machine_time() == pytest.approx(time.monotonic(), abs=5)
    assert machine_timestamp() == pytest.approx(time.time(), abs=5)
