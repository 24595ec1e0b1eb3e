"""Waiting: the clock is ours, so hours take no time."""

import gc
import logging
import pickle
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock

import attrs
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

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
from drs_jobs._client import use_clock
from drs_jobs._polling import Clock
from drs_jobs.testing import (
    CutOff,
    DropConnection,
    ErrorResponse,
    HtmlPage,
    LaunchActionFailure,
    LocalDrs,
    RawResponse,
    ServerError,
    Throttle,
    make_job,
)
from simulated_time import SimulatedTime


@pytest.fixture
def simulated(client: JobsClient) -> SimulatedTime:
    simulated = SimulatedTime()
    use_clock(client, clock=simulated.clock())
    return simulated


def _done(job: Job) -> Job:
    return make_job(job_id=job.job_id, creation_date_time=job.creation_date_time)


def _started(**fields: Any) -> Job:
    return make_job(status="STARTED", **fields)


class Nowhere:
    """A client of a region that nobody has."""

    def describe_jobs(self, **_: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="https://drs.eu-wst-1.amazonaws.com")


# ------------------------------------------------------------------ the course of things


def test_polling_yields_a_job_whenever_its_snapshot_changed(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """The first snapshot counts as a change; an unchanged one does not; the complete one is the last."""
    pending = make_job(status="PENDING")
    started = attrs.evolve(pending, status=JobStatus.STARTED)
    done = _done(pending)
    local_drs.add_jobs(pending)
    simulated.at(20, lambda: local_drs.add_jobs(started))
    simulated.at(60, lambda: local_drs.add_jobs(done))
    assert [pending, started, done] == list(client.watch([pending.job_id], timeout=None))
    assert len(local_drs.requests) == len(simulated.sleeps) + 1


def test_a_given_interval_is_kept(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """A minute stays a minute."""
    local_drs.add_jobs(job := _started())
    simulated.at(290, lambda: local_drs.add_jobs(_done(job)))
    client.wait(job, timeout=None, poll_interval=timedelta(minutes=1))
    assert simulated.sleeps == [60] * 5


def test_the_default_interval_grows_from_5_to_30_seconds(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """By a factor of 1.5 with each poll; jitter changes each by 10 % at most."""
    job = _started()
    local_drs.add_jobs(job)
    simulated.at(120, lambda: local_drs.add_jobs(_done(job)))
    client.wait(job, timeout=None)
    assert simulated.sleeps == [5, 7.5, 11.25, 16.875, 25.3125, 30, 30]
    for jitter, first in ((0.0, 4.5), (1.0, 5.5)):
        other = SimulatedTime()
        use_clock(client, clock=other.clock(lambda jitter=jitter: jitter))
        local_drs.add_jobs(job)
        other.at(1, lambda: local_drs.add_jobs(_done(job)))
        client.wait(job, timeout=None)
        assert [pytest.approx(first)] == other.sleeps


def test_a_complete_job_costs_one_look_and_no_sleep(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """Nothing is waited for that is there."""
    job = make_job()
    local_drs.add_jobs(job)
    assert job == client.wait(job.job_id, timeout=0)
    assert (simulated.sleeps, len(local_drs.requests)) == ([], 1)


def test_1500_jobs_cost_two_queries_a_poll_for_unfinished_ones_only(
    client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime
):
    """Five polls, of at most two queries each, and fewer as fewer jobs are left; each job is yielded twice."""
    jobs = [_started() for _ in range(1500)]
    local_drs.add_jobs(*jobs)
    done = [_done(job) for job in jobs]
    for second, start, end in [(1, 0, 100), (101, 100, 300), (201, 300, 1000), (301, 1000, 1500)]:
        simulated.at(second, lambda start=start, end=end: local_drs.add_jobs(*done[start:end]))
    seen = list(client.watch(jobs, timeout=None, poll_interval=100))
    asked = [request.body["filters"]["jobIDs"] for request in local_drs.requests]
    assert [len(ids) for ids in asked] == [1000, 500, 1000, 500, 1000, 400, 1000, 200, 500]
    assert len(seen) == 3000
    assert set(jobs) | set(done) == set(seen)
    assert {job.job_id for job in jobs[1000:]} == set(asked[-1])


def test_pages_of_a_query_are_followed(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """A server may answer a query for many ids in many pages, empty ones among them."""
    local_drs.page_sizes = (3, 0)
    jobs = [make_job() for _ in range(10)]
    local_drs.add_jobs(*jobs)
    assert tuple(jobs) == client.wait_all(jobs, timeout=0)
    assert simulated.sleeps == []


def test_wait_all_answers_in_the_order_asked(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """Ids, jobs and boto3's dicts will do, also mixed; a job asked for twice is answered twice and asked for once."""
    jobs = [_started() for _ in range(3)]
    local_drs.add_jobs(*jobs)
    done = [_done(job) for job in jobs]
    for number, second in enumerate((50, 10, 30)):
        simulated.at(second, lambda number=number: local_drs.add_jobs(done[number]))
    asked = [jobs[2].job_id, jobs[0], unstructure_job(jobs[1]), jobs[2]]
    assert (done[2], done[0], done[1], done[2]) == client.wait_all(asked, timeout=timedelta(minutes=5))
    assert len(local_drs.requests[0].body["filters"]["jobIDs"]) == 3


# ------------------------------------------------------------------ the deadline


@pytest.mark.parametrize("second", [59, 60])
def test_a_job_that_finishes_at_the_deadline_is_finished(
    second, client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime
):
    """The last sleep ends at the deadline, and one last look is taken then."""
    job = _started()
    local_drs.add_jobs(job)
    simulated.at(second, lambda: local_drs.add_jobs(_done(job)))
    assert _done(job).job_id == client.wait(job, timeout=60).job_id
    assert simulated.seconds == pytest.approx(60)


def test_after_the_deadline_it_is_too_late(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """WaitTimeoutError has every last snapshot, finished ones too, and is a TimeoutError."""
    job, done = _started(), make_job()
    local_drs.add_jobs(job, done)
    simulated.at(61, lambda: local_drs.add_jobs(_done(job)))
    with pytest.raises(TimeoutError, match="1 jobs are not complete after 60 seconds") as caught:
        client.wait_all([job, done], timeout=60)
    assert isinstance(caught.value, WaitTimeoutError)
    assert {job, done} == set(caught.value.jobs)
    assert simulated.seconds == pytest.approx(60)


def test_a_timeout_of_zero_looks_once(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """It is a way to ask without waiting."""
    job = _started()
    local_drs.add_jobs(job)
    with pytest.raises(WaitTimeoutError):
        client.wait(job, timeout=0)
    assert (simulated.sleeps, len(local_drs.requests)) == ([], 1)


def test_a_sleep_that_ends_at_the_deadline_by_itself_is_the_last(
    client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime
):
    """Nobody looks twice at the same moment."""
    local_drs.add_jobs(job := _started())
    with pytest.raises(WaitTimeoutError):
        client.wait(job, timeout=5, poll_interval=5)
    assert (simulated.sleeps, len(local_drs.requests)) == ([5], 2)


def test_a_poll_interval_may_be_short(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """The interval that is given is kept."""
    local_drs.add_jobs(job := _started())
    simulated.at(1, lambda: local_drs.add_jobs(_done(job)))
    client.wait(job, timeout=None, poll_interval=0.125)
    assert simulated.sleeps == [0.125] * 8


def test_a_slow_last_answer_gets_one_more_look(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """A look that began before the deadline is not the last one, however long it took."""
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


# ------------------------------------------------------------------ trouble


def test_two_hours_across_an_outage_end_with_the_jobs_result(
    client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime, caplog: pytest.LogCaptureFixture
):
    """429s, 500s with a date, dropped connections, HTML and cut-off bodies are survived, with one WARNING for each."""
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
    assert time.perf_counter() - began < 600  # far more than it takes on a busy machine, far less than two hours


@pytest.mark.parametrize(("asked", "slept"), [(40, 40), ("41.5", 41.5), (1, 5), ("soon", 5), (10**9, 3600)])
def test_retry_after_is_honoured(asked, slept, client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """The next look waits as long as AWS asks, an hour at most, and never less than it would anyway."""
    job = make_job()
    local_drs.add_jobs(_started(job_id=job.job_id))
    simulated.at(1, lambda: local_drs.inject(Throttle(retry_after=asked)))
    simulated.at(10, lambda: local_drs.add_jobs(job))
    client.wait(job, timeout=None)
    assert pytest.approx(max(slept, 7.5)) == simulated.sleeps[1]


def test_retry_after_does_not_outlast_the_deadline(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """The deadline is the caller's."""
    job = _started()
    local_drs.add_jobs(job)
    simulated.at(1, lambda: local_drs.inject(Throttle(retry_after=800)))
    with pytest.raises(WaitTimeoutError):
        client.wait(job, timeout=30)
    assert simulated.seconds == pytest.approx(30)


FINAL: dict[str, tuple[Any, type[Exception]]] = {
    "denied": (ErrorResponse("AccessDeniedException", 403), AccessDeniedException),
    "invalid": (ErrorResponse("ValidationException"), ValidationException),
    "never set up": (ErrorResponse("UninitializedAccountException"), UninitializedAccountException),
    "expired credentials": (ErrorResponse("ExpiredTokenException", 403), ServiceError),
    "a malformed job": (RawResponse(b'{"items": [{"jobID": 5}]}'), MalformedResponseError),
    "a malformed page": (RawResponse(b'{"items": "x"}'), MalformedResponseError),
}


@pytest.mark.parametrize("name", FINAL)
@pytest.mark.parametrize("when", [0, 1])
def test_what_can_not_pass_ends_it_at_once(
    name, when, client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime, caplog
):
    """One request, no sleep after it, no warning; first thing or later."""
    fault, error_class = FINAL[name]
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


def test_no_credentials_end_it_at_once(simulated: SimulatedTime):
    """Botocore's own error, without a wait."""

    class WithoutCredentials:
        def describe_jobs(self, **_: Any) -> Any:
            raise NoCredentialsError

    client = JobsClient(WithoutCredentials())
    use_clock(client, clock=simulated.clock())
    with pytest.raises(NoCredentialsError):
        client.wait("drsjob-1", timeout=None)
    assert simulated.sleeps == []


def test_a_region_that_never_answers_ends_it_after_a_minute(caplog: pytest.LogCaptureFixture):
    """A mistyped region does not look like an outage: the trouble itself is raised."""
    simulated = SimulatedTime()
    client = JobsClient(Nowhere())
    use_clock(client, clock=simulated.clock(lambda: 0.3))
    with pytest.raises(EndpointConnectionError, match="eu-wst-1"):
        client.wait("drsjob-1", timeout=timedelta(hours=8))
    assert simulated.seconds == pytest.approx(60)
    assert len(simulated.sleeps) == len(caplog.records) > 3


@pytest.mark.parametrize(("poll_interval", "sleeps"), [(60, [60]), (59.5, [59.5, 0.5]), (59, [59, 1]), (61, [60])])
def test_the_first_minute_is_not_outslept(poll_interval: float, sleeps: list[float], simulated: SimulatedTime):
    """However long the sleeps are, the last look at a region that never answers is taken when the minute is over."""
    client = JobsClient(Nowhere())
    use_clock(client, clock=simulated.clock())
    with pytest.raises(EndpointConnectionError):
        client.wait("drsjob-1", timeout=None, poll_interval=poll_interval)
    assert sleeps == simulated.sleeps


class SlowlyNowhere(Nowhere):
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
def test_a_slow_first_poll_is_followed_by_another(timeout: float | None, polls: int, error_class: type[Exception]):
    """Also if it outlasts the minute for which an error before the first response is survived."""
    simulated = SimulatedTime()
    fake = SlowlyNowhere(simulated)
    client = JobsClient(fake)
    use_clock(client, clock=simulated.clock())
    with pytest.raises(error_class):
        client.wait("drsjob-1", timeout=timeout)
    assert fake.polls == polls
    assert all(sleep >= 0 for sleep in simulated.sleeps)


def test_a_second_poll_can_succeed_after_a_slow_first_one():
    """The wait goes on to the result."""
    simulated = SimulatedTime()
    job = make_job()

    class SlowAtFirst(SlowlyNowhere):
        def describe_jobs(self, **request: Any) -> Any:
            return {"items": [unstructure_job(job)]} if self.polls else super().describe_jobs(**request)

    client = JobsClient(SlowAtFirst(simulated))
    use_clock(client, clock=simulated.clock())
    assert client.wait(job, timeout=7200) == job


NOT_A_RESPONSE: dict[str, Any] = {
    "None": None,
    "a list": [],
    "a mock": MagicMock(),
    "a string": "items",
}


@pytest.mark.parametrize("name", NOT_A_RESPONSE)
def test_a_response_that_is_no_dict_is_a_type_error_at_once(name: str):
    """Named in the message; neither retried nor taken for an absent job."""
    simulated = SimulatedTime()
    client = JobsClient(Mock(spec=["describe_jobs"], describe_jobs=Mock(return_value=NOT_A_RESPONSE[name])))
    use_clock(client, clock=simulated.clock())
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
    """As aiobotocore has it: a plain function that returns a coroutine."""

    async def _respond(self, **_: Any) -> Any:
        return {"items": []}

    def describe_jobs(self, **request: Any) -> Any:
        return self._respond(**request)


class AsyncMethodDrs:
    async def describe_jobs(self, **_: Any) -> Any:
        return {"items": []}


class AioClient(AsyncDrs):
    async def _make_api_call(self, *_: Any) -> Any: ...


@pytest.mark.filterwarnings("error")
def test_an_asynchronous_client_is_a_type_error_at_once():
    """When it is given, or else by the first request; nothing is left unawaited."""
    for client_class in (AsyncMethodDrs, AioClient, AsyncMock):
        with pytest.raises(TypeError, match="asynchronous"):
            JobsClient(client_class())
    client = JobsClient(AsyncDrs())
    with pytest.raises(TypeError, match="asynchronous client"):
        client.wait("drsjob-1", timeout=None)
    with pytest.raises(TypeError, match="asynchronous client"):
        client.describe_jobs().first()
    gc.collect()


def test_every_job_that_was_not_found_is_named(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """Across several requests too, in the order requested."""
    jobs = [_started() for _ in range(3)]
    local_drs.add_jobs(*jobs)
    absent = [f"drsjob-{number:017}" for number in range(1200)]
    with pytest.raises(JobNotFoundError, match=r"1200 jobs were not found: drsjob-0.* and 1190 more") as caught:
        client.wait_all([jobs[0], *absent[:700], jobs[1], *absent[700:], jobs[2]], timeout=None)
    assert caught.value.job_ids == tuple(absent)
    assert (caught.value.job_id, caught.value.last_seen) == (absent[0], None)
    with pytest.raises(JobNotFoundError) as caught:
        client.get_job(absent[5])
    assert caught.value.job_ids == (absent[5],)


def test_trouble_at_the_deadline_is_the_timeouts_cause(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """Whoever reads the traceback sees why nobody knows more."""
    job = _started()
    local_drs.add_jobs(job)
    simulated.at(1, lambda: local_drs.inject(Throttle(), times=100))
    with pytest.raises(WaitTimeoutError) as caught:
        client.wait(job, timeout=300)
    assert isinstance(caught.value.__cause__, ThrottlingException)
    assert (job,) == caught.value.jobs
    assert pickle.loads(pickle.dumps(caught.value)).jobs == (job,)


def test_one_batchs_trouble_does_not_hide_anothers_news(simulated: SimulatedTime):
    """Of 1,500 jobs 1,000 can't be asked for: the others are yielded, and are in the evidence."""
    jobs = {f"j{number}": make_job(job_id=f"j{number}") for number in range(1500)}

    class HalfBroken:
        def describe_jobs(self, filters: dict[str, list[str]]) -> Any:
            if "j0" in filters["jobIDs"]:
                raise EndpointConnectionError(endpoint_url="http://x")
            return {"items": [unstructure_job(jobs[job_id]) for job_id in filters["jobIDs"]]}

    client = JobsClient(HalfBroken())
    use_clock(client, clock=simulated.clock())
    seen: list[str] = []
    with pytest.raises(WaitTimeoutError) as caught:
        seen.extend(job.job_id for job in client.watch(list(jobs), timeout=500))
    assert seen == list(jobs)[1000:] == [job.job_id for job in caught.value.jobs]


def test_a_page_before_trouble_is_news(simulated: SimulatedTime):
    """What the first page of a query told is not forgotten because the second one fails."""
    done = make_job(job_id="a")

    class SecondPageBroken:
        def describe_jobs(self, filters: Any, nextToken: str | None = None) -> Any:  # noqa: N803  # AWS's own name
            if nextToken is not None:
                raise EndpointConnectionError(endpoint_url="http://x")
            return {"items": [unstructure_job(done)] if "a" in filters["jobIDs"] else [], "nextToken": "t"}

    client = JobsClient(SecondPageBroken())
    use_clock(client, clock=simulated.clock())
    with pytest.raises(WaitTimeoutError) as caught:
        client.wait_all(["a", "b"], timeout=60)
    assert (done,) == caught.value.jobs


@pytest.mark.parametrize("code", ["Throttling", "RequestLimitExceeded", "RequestTimeout"])
def test_throttling_has_many_names(code: str, client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """STS and gateways say it in other words, with status 400."""
    job = make_job()
    local_drs.add_jobs(job)
    local_drs.inject(ErrorResponse(code))
    assert job == client.wait(job, timeout=None)


# ------------------------------------------------------------------ jobs that are not there


def test_an_outage_does_not_count_as_absence(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """While nobody could look, nobody knows whether the job was there."""
    job = make_job()
    simulated.at(1, lambda: local_drs.inject(ServerError(), times=12))
    simulated.at(310, lambda: local_drs.add_jobs(job))
    assert job == client.wait(job, timeout=None)
    assert len(local_drs.requests) > 12


def test_throttling_now_and_then_does_not_keep_a_mistyped_id_alive(
    client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime
):
    """Looked for in vain three times in more than a minute is not found, also where every second look failed."""
    for second in range(1, 1000, 50):
        simulated.at(second, lambda: local_drs.inject(Throttle()))
    with pytest.raises(JobNotFoundError):
        client.wait("drsjob-00000000000000000", timeout=None)
    assert simulated.seconds < 200


def test_the_longest_retry_after_of_a_poll_counts(simulated: SimulatedTime):
    """Another query's trouble does not shorten the pause that AWS asked for."""

    class Fake:
        def __init__(self) -> None:
            self.asked = 0

        def describe_jobs(self, filters: Any) -> Any:
            self.asked += 1
            if self.asked == 3:
                headers = {"HTTPHeaders": {"retry-after": "50"}, "HTTPStatusCode": 429}
                error: Any = {"Error": {"Code": "ThrottlingException"}, "ResponseMetadata": headers}
                raise ClientError(error, "DescribeJobs")
            if self.asked == 4:
                raise EndpointConnectionError(endpoint_url="x")
            status = "COMPLETED" if self.asked > 4 else "STARTED"
            return {"items": [{"jobID": job_id, "status": status} for job_id in filters["jobIDs"]]}

    client = JobsClient(Fake())
    use_clock(client, clock=simulated.clock())
    assert len(client.wait_all([f"j{n}" for n in range(1001)], timeout=None)) == 1001
    assert simulated.sleeps == [5, 50]


def test_trouble_after_everything_was_told_is_no_trouble(simulated: SimulatedTime, caplog: pytest.LogCaptureFixture):
    """A complete job ends the wait, whatever becomes of the pages behind it."""

    class Fake:
        def describe_jobs(self, **request: Any) -> Any:
            if "nextToken" in request:
                raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeJobs")
            return {"items": [{"jobID": "j", "status": "COMPLETED"}], "nextToken": "t"}

    client = JobsClient(Fake())
    use_clock(client, clock=simulated.clock())
    assert client.wait("j", timeout=None).is_complete
    assert caplog.records == []


@pytest.mark.parametrize(
    "trouble",
    [
        ConnectionResetError("gone"),
        TimeoutError("late"),
        ClientError({"Error": {"Code": "ServiceUnavailable"}}, "DescribeJobs"),
        ClientError({"Error": {"Code": "503"}}, "DescribeJobs"),
    ],
)
def test_trouble_of_hand_written_clients_may_pass_too(trouble: Exception, simulated: SimulatedTime):
    """Python's own errors of connections, and AWS's names where nobody gave a status."""

    class Fake:
        asked = 0

        def describe_jobs(self, **_: Any) -> Any:
            self.asked += 1
            if self.asked == 2:
                raise trouble
            return {"items": [{"jobID": "j", "status": "STARTED" if self.asked == 1 else "COMPLETED"}]}

    client = JobsClient(Fake())
    use_clock(client, clock=simulated.clock())
    assert client.wait("j", timeout=None).is_complete


def test_the_jobs_of_a_timeout_come_in_the_order_asked(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """Once each, and those never seen are left out."""
    jobs = [_started() for _ in range(3)]
    local_drs.add_jobs(*jobs)
    asked = [jobs[1].job_id, "drsjob-00000000000000000", *(job.job_id for job in jobs)]
    with pytest.raises(WaitTimeoutError) as caught:
        client.wait_all(asked, timeout=0)
    assert (jobs[1], jobs[0], jobs[2]) == caught.value.jobs


def test_a_lost_job_does_not_take_others_news_with_it(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """What the same poll told of other jobs is yielded first."""
    job = _started()
    local_drs.add_jobs(job)
    simulated.at(65, lambda: local_drs.add_jobs(_done(job)))
    seen: list[Job] = []
    with pytest.raises(JobNotFoundError):
        seen.extend(client.watch(["drsjob-00000000000000000", job], timeout=None, poll_interval=65))
    assert [job.is_complete for job in seen] == [False, True]


def test_a_job_not_visible_yet_is_waited_for(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """A job just started may be invisible for a while."""
    job = make_job()
    simulated.at(40, lambda: local_drs.add_jobs(job))
    assert job == client.wait(job, timeout=None)


def test_a_job_that_nobody_has_is_not_found_after_a_minute(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """The error names it; others that were asked for do not hide it."""
    job = _started()
    local_drs.add_jobs(job)
    with pytest.raises(JobNotFoundError) as caught:
        client.wait_all([job, "drsjob-00000000000000000"], timeout=None)
    assert (caught.value.job_id, caught.value.last_seen) == ("drsjob-00000000000000000", None)
    assert 60 <= simulated.seconds < 100


@pytest.mark.parametrize(
    ("poll_interval", "trouble_at", "seconds"),
    [
        (60, None, 60),  # seconds 0 and 60
        (59.5, None, 119),  # 0, 59.5, which is too early, 119
        (60, 60, 180),  # 0, an error at 60, 120, and a third one at 180
        (20, 20, 60),  # 0, an error at 20, 40, 60
    ],
)
def test_absence_takes_a_minute_and_as_many_looks_as_it_needs(
    poll_interval: float, trouble_at: float | None, seconds: float, client: JobsClient, local_drs: LocalDrs, simulated: Any
):
    """Two looks that are a minute apart, and a third where one could not be taken."""
    if trouble_at is not None:
        simulated.at(trouble_at, lambda: local_drs.inject(Throttle()))
    with pytest.raises(JobNotFoundError):
        client.wait("drsjob-00000000000000000", timeout=None, poll_interval=poll_interval)
    assert seconds == simulated.seconds


def test_a_job_seen_and_gone_is_told_with_its_last_snapshot(client: JobsClient, local_drs: LocalDrs, simulated: SimulatedTime):
    """Gone for a moment is forgiven, gone for a minute is not."""
    job = _started()
    local_drs.add_jobs(job)
    jobs = local_drs._backend._order
    hidden: dict[Any, Any] = {}

    def hide() -> None:
        hidden.update(jobs)
        jobs.clear()

    simulated.at(1, hide)
    simulated.at(45, lambda: jobs.update(hidden))
    simulated.at(100, hide)
    with pytest.raises(JobNotFoundError, match="no longer exists") as caught:
        client.wait(job, timeout=None)
    assert job == caught.value.last_seen
    assert simulated.seconds > 160


def test_a_deadline_before_the_grace_names_what_was_never_seen(client: JobsClient, simulated: SimulatedTime):
    """A short wait for a mistyped id says what to check."""
    with pytest.raises(WaitTimeoutError, match=r"never seen \(drsjob-00000000000000000\): check id and region"):
        client.wait("drsjob-00000000000000000", timeout=10)
    assert simulated.seconds == pytest.approx(10)


def test_of_many_jobs_never_seen_three_are_named_first(client: JobsClient, simulated: SimulatedTime):
    """The first words fit on a screen; all the ids follow."""
    ids = [f"drsjob-{n:017}" for n in range(5)]
    with pytest.raises(WaitTimeoutError) as caught:
        client.wait_all(ids, timeout=10)
    first, rest = str(caught.value).split("): check id and region; ")
    assert first == f"5 jobs were never seen ({', '.join(ids[:3])}"
    assert rest == f"5 jobs are not complete after 10 seconds: {', '.join(ids)}"


def test_answers_nobody_asked_for_do_not_count(simulated: SimulatedTime):
    """A server that ignores filters does not end the wait with another job."""

    class Ignorant:
        def describe_jobs(self, **_: Any) -> Any:
            return {"items": [unstructure_job(make_job())]}

    client = JobsClient(Ignorant())
    use_clock(client, clock=simulated.clock())
    with pytest.raises(JobNotFoundError):
        client.wait("drsjob-mine", timeout=None)


# ------------------------------------------------------------------ arguments

REFUSED: dict[str, tuple[Any, dict[str, Any], type[Exception], str]] = {
    "no jobs": ([], {"timeout": 1}, ValueError, "at least one"),
    "a bare id": ("drsjob-1", {"timeout": 1}, TypeError, r"\[job\]"),
    "a bare job": (make_job(), {"timeout": 1}, TypeError, r"\[job\]"),
    "a bare dict": ({"jobID": "drsjob-1"}, {"timeout": 1}, TypeError, r"\[job\]"),
    "a blank id": ([" "], {"timeout": 1}, TypeError, "blank"),
    "a number": ([5], {"timeout": 1}, TypeError, "int"),
    "a job with a blank id": ([Job(job_id="")], {"timeout": 1}, TypeError, "blank"),
    "a dict with a blank id": ([{"jobID": ""}], {"timeout": 1}, TypeError, "blank"),
    "an absurd timeout": (["j"], {"timeout": 10**400}, ValueError, "no more than"),
    "an absurd interval": (["j"], {"timeout": 1, "poll_interval": 1e300}, ValueError, "no more than"),
    "the whole answer of start_recovery": ([{"job": {"jobID": "x"}}], {"timeout": 1}, TypeError, "'job'"),
    "a negative timeout": (["j"], {"timeout": -1}, ValueError, "None means no limit"),
    "a negative timedelta": (["j"], {"timeout": timedelta(seconds=-1)}, ValueError, "0 seconds or more"),
    "an infinite timeout": (["j"], {"timeout": float("inf")}, ValueError, "None means no limit"),
    "no number for a timeout": (["j"], {"timeout": float("nan")}, ValueError, "finite"),
    "a string for a timeout": (["j"], {"timeout": "60"}, TypeError, "seconds or a timedelta"),
    "true for a timeout": (["j"], {"timeout": True}, TypeError, "bool"),
    "no interval": (["j"], {"timeout": 1, "poll_interval": 0}, ValueError, "more than 0"),
    "a negative interval": (["j"], {"timeout": 1, "poll_interval": -5}, ValueError, "0 seconds or more"),
    "a string for an interval": (["j"], {"timeout": 1, "poll_interval": "5"}, TypeError, "str"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_argument_is_refused_at_the_call(name: str, client: JobsClient, local_drs: LocalDrs):
    """Watch and wait_all refuse at once, before any request, also while nobody iterates."""
    jobs, arguments, error_class, message = REFUSED[name]
    for method in (client.watch, client.wait_all):
        with pytest.raises(error_class, match=message):
            method(jobs, **arguments)
    assert local_drs.requests == ()
    with pytest.raises(TypeError, match="timeout"):
        client.wait("drsjob-1")  # type: ignore[call-arg]


# ------------------------------------------------------------------ end to end


def test_boto3s_start_recovery_waited_for_and_explained(client: JobsClient, boto_client: Any, local_drs: LocalDrs):
    """What start_recovery returned is waited for, and explain says which server failed and why."""
    local_drs._backend.clock._speed = 0
    good, unbootable, invalid = (f"s-{number:017}" for number in range(3))
    local_drs.fail_server(unbootable)
    local_drs.fail_server(invalid, LaunchActionFailure("no answer on port 443"))
    servers = [{"sourceServerID": server} for server in (good, unbootable, invalid)]
    job = boto_client.start_recovery(sourceServers=servers, isDrill=True)["job"]
    seconds = [0.0]

    def sleep(pause: float) -> None:
        seconds[0] += pause
        local_drs.advance(pause)

    use_clock(client, clock=Clock(sleep, lambda: seconds[0]))
    done = client.wait(job, timeout=timedelta(minutes=30))
    assert (done.is_drill, done.outcome) == (True, Outcome.FAILED)
    assert [done.outcome_of(s) for s in (good, unbootable, invalid)] == [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.FAILED]
    explanation = client.explain(job)
    assert {good, invalid} == set(explanation.instance_ids)
    assert {
        unbootable: (
            "LAUNCH_FAILED: The instance did not pass its status checks: it does not boot from its converted volume.",
        ),
        invalid: ("launch action Validate disk space failed: no answer on port 443",),
    } == {failure.participant: failure.reasons for failure in explanation.failures}
    assert explanation.log_error is None
    assert 500 < seconds[0] < 700


def test_ctrl_c_goes_straight_through(client: JobsClient, local_drs: LocalDrs):
    """Nothing is left behind: there is no thread, and the same client goes on."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    job = _started()
    local_drs.add_jobs(job)
    use_clock(client, clock=Clock(interrupt, lambda: 0.0))
    with pytest.raises(KeyboardInterrupt):
        client.wait(job, timeout=None)
    assert job == client.get_job(job.job_id)


def test_the_machines_own_clock_is_used_where_nobody_brings_one(client: JobsClient, local_drs: LocalDrs):
    """For real, in a few hundredths of a second."""
    job = _started()
    local_drs.add_jobs(job)
    watching = client.watch([job], timeout=10, poll_interval=0.01)
    assert next(watching) == job
    local_drs.add_jobs(_done(job))
    assert next(watching).is_complete
