"""The function of a sweep: what it returns is the value of its target, and what it raises the failure."""

import copy
import functools
import inspect
import itertools
import json
import multiprocessing
import os
import pickle
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import attrs
import pytest
from botocore.loaders import create_loader

import unloadable
from both_sweeps import both_sweeps, collect
from drs_jobs import Job, JobsClient, MalformedResponseError, ServiceError, unstructure_job
from drs_jobs.sweep import Target, TargetFailure, TargetResult, read_jobs, read_phases, sweep, targets
from drs_jobs.sweep import clients as sweep_clients
from drs_jobs.sweep.targets import drs_regions
from drs_jobs.testing import ErrorResponse, LocalDrs, RawResponse, make_history, make_job
from simulated_sts import KEY, SimulatedAws

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


def target_of(local: LocalDrs, region: str = "eu-west-1") -> Target:
    return Target(region, endpoint_url=local.endpoint_url)


def failure_of(results: Any) -> TargetFailure:
    [failure] = results
    assert isinstance(failure, TargetFailure)
    return failure


# ------------------------------------------------------------------ results


@both_sweeps
@pytest.mark.parametrize("value", [None, 0, [], {"a": 1}, b"bytes", "text"], ids=repr)
def test_value(sweep: Any, value: Any, local_drs: LocalDrs):
    async def read(_: Any) -> Any:
        return value

    assert list(sweep([target_of(local_drs)] * 3, read)) == [TargetResult(target_of(local_drs), value)] * 3


@both_sweeps
def test_read_has_the_client_of_its_target(sweep: Any, local_drs: LocalDrs):
    """Also for the operations that the functions of drs_jobs do not use."""
    local_drs.add_jobs(make_job(), make_job(), region="us-east-1")
    local_drs.add_source_servers({"sourceServerID": "s-00000000000000001"}, region="us-east-1")

    async def read(client: Any) -> tuple[int, int, str]:
        jobs, servers = await collect(client.describe_jobs(limit=1)), await collect(client.describe_source_servers())
        return len(jobs), len(servers), repr(client)

    results = {result.target.region: result.value for result in sweep([target_of(local_drs, "us-east-1")], read)}
    assert results["us-east-1"][:2] == (1, 1)
    assert "us-east-1" in results["us-east-1"][2]


def test_client_outlives_its_target(local_drs: LocalDrs):
    """On threads nothing closes it before the end of the sweep, and afterwards it connects again."""
    local_drs.add_jobs(make_job())
    [result] = sweep([target_of(local_drs)], lambda client: client)
    assert isinstance(result, TargetResult)
    assert len(result.value.describe_jobs().collect()) == 1


@both_sweeps
def test_repr(sweep: Any, local_drs: LocalDrs):
    local_drs.add_jobs(make_job(), make_job())
    [result] = sweep([target_of(local_drs)])
    assert "value=<2>" in repr(result)
    assert len(repr(TargetResult(Target("eu-west-1"), "x" * 10_000))) < 1_000


class LaterJobs:
    """An asynchronous iterable that is no iterator."""

    def __init__(self, client: JobsClient) -> None:
        self._client = client

    async def __aiter__(self) -> AsyncIterator[Job]:
        for job in self._client.describe_jobs():
            yield job


LAZY: dict[str, Callable[[JobsClient], Any]] = {
    "Pager": lambda client: client.describe_jobs(),
    "PagerIterator": lambda client: iter(client.describe_jobs()),
    "_PageIterator": lambda client: client.describe_jobs().pages(),
    "generator": lambda client: (job.job_id for job in client.describe_jobs()),
    "map": lambda client: map(len, client.describe_jobs().pages()),  # type: ignore[arg-type]
    "Watch": lambda client: client.watch(["drsjob-00000000000000001"], timeout=1),
    "coroutine": lambda client: read_later(client, 1),
    "LaterJobs": LaterJobs,
}


class LaterRead:
    """Its calls return coroutines, but `inspect.iscoroutinefunction` does not see that."""

    async def __call__(self, client: JobsClient) -> Any:
        return await read_later(client, 1)


async def read_later(client: JobsClient, limit: int) -> Any:
    """Return the first jobs."""
    return client.describe_jobs(limit=limit).collect()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", LAZY)
def test_lazy_result_is_a_failure(kind: str, local_drs: LocalDrs):
    """The caller would otherwise read the targets one after the other, and get their errors."""
    failure = failure_of(sweep([target_of(local_drs)], LAZY[kind]))
    assert isinstance(failure.error, TypeError)
    assert f"read returned a {kind}, which is not read yet" in str(failure.error)
    assert len(local_drs.requests) == 0
    failure = failure_of(sweep([target_of(local_drs)], LaterRead()))
    assert "read returned a coroutine" in str(failure.error)


@pytest.mark.needs_aiobotocore
@pytest.mark.filterwarnings("error")
def test_lazy_result_of_an_asynchronous_read(local_drs: LocalDrs):
    from both_sweeps import sweep_in_event_loop  # noqa: PLC0415  # apart from the import of `sweep`

    async def pager(client: Any) -> Any:
        return client.describe_jobs()

    async def numbers(client: Any) -> Any:
        return (number async for number in client.describe_jobs())

    async def coroutine(client: Any) -> Any:
        return pager(client)

    for read, text in (
        (pager, "returned a AsyncPager"),
        (numbers, "returned a async_generator"),
        (coroutine, "returned a coroutine"),
        (lambda client: client.describe_jobs(), "AsyncPager, which cannot be awaited"),
        (lambda _: 1, "int, which cannot be awaited: use a coroutine function"),
    ):
        failure = failure_of(sweep_in_event_loop([target_of(local_drs)], read))
        assert isinstance(failure.error, TypeError)
        assert text in str(failure.error)


def test_coroutine_function_is_refused():
    with pytest.raises(TypeError, match=r"use drs_jobs\.aio\.sweep"):
        sweep([], read_later)
    with pytest.raises(TypeError, match=r"use drs_jobs\.aio\.sweep"):
        sweep([], functools.partial(read_later, limit=1))


# ------------------------------------------------------------------ errors


class Own(BaseException):
    """As the outcomes of pytest are."""


@both_sweeps
@pytest.mark.parametrize("arguments", [(KeyError, "x"), (LookupError,), (ExceptionGroup, "two", [ValueError("y"), OSError()])])
def test_error_of_read(sweep: Any, arguments: Any, local_drs: LocalDrs):
    """It has no traceback, because that would keep the whole client in memory, but the text of one."""
    error = arguments[0](*arguments[1:])

    async def read(client: Any) -> Any:
        if "us-east-1" not in repr(client):
            return 1
        try:
            raise OSError("context")
        except OSError:
            raise error  # noqa: B904

    results = list(sweep([target_of(local_drs, region) for region in ("eu-west-1", "us-east-1", "eu-west-2")], read))
    [failure] = [result for result in results if isinstance(result, TargetFailure)]
    assert len(results) == 3
    assert failure.target.region == "us-east-1"
    assert failure.error is error
    assert failure.jobs == ()
    assert error.__traceback__ is None is error.__context__.__traceback__  # type: ignore[union-attr]
    assert "raise error" in "".join(error.__notes__)


@both_sweeps
def test_members_of_a_group_have_no_traceback(sweep: Any, local_drs: LocalDrs):
    """As of a TaskGroup in the function."""

    async def read(_: Any) -> Any:
        try:
            raise ValueError("inner")
        except ValueError as error:
            raise ExceptionGroup("group", [ExceptionGroup("inner group", [error])]) from None

    error: Any = failure_of(sweep([target_of(local_drs)], read)).error
    assert [error.exceptions[0].__traceback__, error.exceptions[0].exceptions[0].__traceback__] == [None, None]


@both_sweeps
@pytest.mark.parametrize("error_class", [GeneratorExit, Own])
def test_exceptions_that_are_no_errors(sweep: Any, error_class: type[BaseException], local_drs: LocalDrs):
    async def read(client: Any) -> Any:
        if "us-east-1" in repr(client):
            raise error_class("x")
        return 1

    many = [target_of(local_drs, region) for region in ("us-east-1", "eu-west-1") * 5]
    results = list(sweep(many, read))
    texts = [str(result.error) for result in results if isinstance(result, TargetFailure)]
    assert texts == [f"{error_class.__name__} in the worker"] * 5
    assert len(results) == 10


def test_exit_in_a_thread(local_drs: LocalDrs):
    """It ends only this target. In an event loop it would be that of a signal handler: see test_aio_sweep.py."""
    error = failure_of(sweep([target_of(local_drs)], lambda _: sys.exit(3))).error
    assert str(error) == "SystemExit in the worker"


def test_slow_credentials_of_another_profile(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """Requests of targets that have a client already do not wait for them."""
    can_find, has_read = threading.Event(), threading.Event()
    make_session = sweep_clients._make_session

    def find_slowly(profile_name: str | None) -> Any:
        if profile_name == "slow":
            assert can_find.wait(60)
        return make_session(None)

    monkeypatch.setattr(sweep_clients, "_make_session", find_slowly)
    slow_is_submitted = threading.Event()

    def read(client: JobsClient) -> int:
        if has_read.is_set():
            return 2
        client.describe_jobs().collect()
        assert slow_is_submitted.wait(60)
        client.describe_jobs().collect()
        has_read.set()
        return 1

    def two_targets() -> Iterator[Target]:
        yield target_of(local_drs)
        yield attrs.evolve(target_of(local_drs), profile_name="slow")
        slow_is_submitted.set()

    results = sweep(two_targets(), read)
    assert next(results).value == 1
    can_find.set()
    assert next(results).value == 2


@both_sweeps
def test_errors_without_retries_are_not_repeated(sweep: Any, local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """Botocore retries a 500, but not a 501: another client would not either."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
    for fault, requests in ((RawResponse(b"", status=501), 1), (RawResponse(b"", status=500), 3)):
        local_drs.clear_faults()
        local_drs.inject(fault, times=None)
        before = len(local_drs.requests)
        assert isinstance(failure_of(sweep([target_of(local_drs)])).error, ServiceError | MalformedResponseError)
        assert len(local_drs.requests) - before == requests


def test_regions_of_the_data_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As in botocore, files in `AWS_DATA_PATH` replace its own."""
    endpoints = create_loader().load_data("endpoints")
    endpoints["partitions"][0]["services"]["drs"]["endpoints"]["xx-new-1"] = {}
    endpoints["partitions"][0]["regions"]["xx-new-1"] = {"description": "new"}
    (tmp_path / "endpoints.json").write_text(json.dumps(endpoints), encoding="utf-8")
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    monkeypatch.setattr("botocore.session.create_loader", create_loader)  # not the one that conftest.py keeps
    assert "xx-new-1" in drs_regions.__wrapped__()["aws"]  # without its cache


def test_no_thread_can_be_started(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """It is not a failure of each target. The target that was taken is read when a thread can be started again."""
    taken: list[int] = []
    results = sweep(taken.append(number) or target_of(local_drs) for number in range(3))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", Mock(side_effect=RuntimeError("can't start new thread")))
        with pytest.raises(RuntimeError, match="can't start new thread: pass an executor"):
            next(results)
    assert taken == [0]
    assert [type(result) for result in results] == [TargetResult] * 3


def test_copies_of_a_result():
    """Also of a value that cannot be pickled."""
    result = TargetResult(Target("eu-west-1"), [lambda: 1])
    assert copy.copy(result) is result
    assert copy.deepcopy(result) == result
    assert copy.deepcopy(result).value is not result.value


def test_stop_iteration_of_read(local_drs: LocalDrs):
    def read(_: JobsClient) -> Any:
        return next(iter(()))

    assert isinstance(failure_of(sweep([target_of(local_drs)], read)).error, StopIteration)


@both_sweeps
def test_read_is_called_once_per_target(sweep: Any, local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """Whatever requests are repeated: it can have effects."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
    calls: list[str] = []

    async def read(client: Any) -> int:
        calls.append("call")
        return len(await collect(client.describe_jobs()))

    local_drs.inject(ErrorResponse("InternalServerException", 500), times=2)
    assert [result.value for result in sweep([target_of(local_drs)], read)] == [0]
    assert calls == ["call"]
    assert len(local_drs.requests) == 3


# ------------------------------------------------------------------ phases


@pytest.mark.parametrize("server_time", [NOW])
@both_sweeps
def test_phases(sweep: Any, server_time: datetime, local_drs: LocalDrs):
    """Those of all jobs, newest first, as the client returns them one by one."""
    local_drs.add_history(make_history(25, until=server_time, seed=4, logs=True))
    local_drs.page_sizes = (7,)
    [result] = sweep([target_of(local_drs)], read_phases)
    jobs = JobsClient(local_drs.client()).describe_jobs().collect()
    assert tuple(report.job for report in result.value) == jobs
    assert len(jobs) == 25
    assert list(result.value) == [JobsClient(local_drs.client()).phases(job) for job in jobs]
    assert all(report.log_error is None for report in result.value)


@both_sweeps
def test_phases_in_a_date_range(sweep: Any, local_drs: LocalDrs):
    jobs = [make_job(creation_date_time=datetime(2024, month, 15, tzinfo=UTC)) for month in (5, 6, 7)]
    local_drs.add_jobs(*jobs)
    [result] = sweep([target_of(local_drs)], functools.partial(read_phases, from_date=datetime(2024, 6, 1, tzinfo=UTC)))
    assert {report.job for report in result.value} == set(jobs[1:])


class FailingLogs(ErrorResponse):
    """Fails for every log with a number in `numbers`."""

    numbers: tuple[int, ...] = (1, 3)
    seen = 0

    def apply(self, respond: Any) -> Any:
        type(self).seen += 1
        return super().apply(respond) if self.seen - 1 in self.numbers else respond()


@both_sweeps
def test_unreadable_logs(sweep: Any, local_drs: LocalDrs):
    """The errors are in the phases of their jobs, and lose no other job."""
    local_drs.add_jobs(*(make_job() for _ in range(4)), make_job(status="STARTED"))
    FailingLogs.seen = 0
    local_drs.inject(FailingLogs("AccessDeniedException", 403), times=None, operation="DescribeJobLogItems")
    [result] = sweep([target_of(local_drs)], read_phases)
    names = [type(report.log_error).__name__ for report in result.value]
    assert names == ["NoneType", "AccessDeniedException", "NoneType", "AccessDeniedException", "NoneType"]
    assert pickle.loads(pickle.dumps(result)) is not None


@both_sweeps
def test_phases_of_a_job_that_was_deleted(sweep: Any, local_drs: LocalDrs):
    """A running job is fetched again."""
    items = [{"jobID": "drsjob-00000000000000001", "status": "STARTED"}]
    local_drs.inject(RawResponse(json.dumps({"items": items}).encode()), operation="DescribeJobs")
    [result] = sweep([target_of(local_drs)], read_phases)
    [report] = result.value
    assert report.job.job_id == "drsjob-00000000000000001"
    assert type(report.log_error).__name__ == "JobNotFoundError"


@both_sweeps
@pytest.mark.parametrize("job_id", ["x", "drsjob-1", "drsjob-ä0000000000000001", "a" * 200])
def test_phases_of_a_job_with_an_odd_id(sweep: Any, job_id: str, local_drs: LocalDrs):
    """No log can be requested for some, because botocore refuses them. The other jobs are read."""
    items = [{"jobID": job_id}, unstructure_job(make_job())]
    local_drs.inject(RawResponse(json.dumps({"items": items}).encode()), operation="DescribeJobs")
    [result] = sweep([target_of(local_drs)], read_phases)
    assert [report.job.job_id for report in result.value] == [job_id, items[1]["jobID"]]


@both_sweeps
def test_malformed_log_item(sweep: Any, local_drs: LocalDrs):
    local_drs.add_jobs(make_job())
    log = {"items": [{"event": "JOB_START"}, {"event": 5}, {"event": "JOB_END"}]}
    local_drs.inject(RawResponse(json.dumps(log).encode()), operation="DescribeJobLogItems")
    [result] = sweep([target_of(local_drs)], read_phases)
    [report] = result.value
    assert [item.event for item in report.log] == ["JOB_START", "JOB_END"]
    assert report.log_error.path == "$.items[1].event"


@both_sweeps
def test_malformed_job_is_found_before_logs_are_read(sweep: Any, local_drs: LocalDrs):
    jobs = [make_job(), make_job()]
    page = {"items": [unstructure_job(jobs[0]), {"jobID": None}, unstructure_job(jobs[1])]}
    local_drs.inject(RawResponse(json.dumps(page).encode()))
    failure = failure_of(sweep([target_of(local_drs)], read_phases))
    assert failure.jobs == tuple(jobs)
    assert len(local_drs.requests) == 1


def test_readable_jobs_of_the_functions_in_the_callers(local_drs: LocalDrs):
    """They are in the failure too if the function of the caller calls `read_jobs`, and in the error without a sweep."""
    job = make_job()
    local_drs.inject(RawResponse(json.dumps({"items": [unstructure_job(job), {}]}).encode()), times=None)

    def read(client: JobsClient) -> int:
        return len(read_jobs(client))

    assert failure_of(sweep([target_of(local_drs)], read)).jobs == (job,)
    with pytest.raises(Exception, match="malformed") as caught:
        read_jobs(JobsClient(local_drs.client()))
    assert caught.value.jobs == (job,)  # type: ignore[attr-defined]


# ------------------------------------------------------------------ processes


@pytest.fixture
def pool() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (unloadable.return_lock, "cannot pickle '_thread.lock' object"),
        (unloadable.return_unloadable, "the result of read cannot be unpickled (TypeError: "),
        (unloadable.raise_unloadable, "TwoArgumentsError: a: b"),
        (unloadable.leave, "SystemExit in the worker"),
        (lambda _: 1, "Can't pickle"),
    ],
    ids=["result", "unloadable result", "error", "exit", "lambda"],
)
def test_processes(read: Any, text: str, pool: ProcessPoolExecutor, local_drs: LocalDrs):
    """What cannot be sent to or from a process is the failure of its target. The pool works for others afterwards."""
    local_drs.add_jobs(make_job())
    results = list(sweep([target_of(local_drs)] * 3, read, executor=pool))
    assert all(isinstance(result, TargetFailure) and text in str(result.error) for result in results), results
    assert len(results) == 3
    assert list(sweep([target_of(local_drs)], unloadable.count, executor=pool)) == [TargetResult(target_of(local_drs), 1)]


def test_unloadable_result_of_one_target(pool: ProcessPoolExecutor, local_drs: LocalDrs):
    mixed = [target_of(local_drs, region) for region in ("eu-west-1", "us-east-1") * 4]
    results = list(sweep(mixed, unloadable.return_unloadable, executor=pool))
    assert len(results) == 8
    assert [result for result in results if isinstance(result, TargetResult)] == [TargetResult(mixed[1], 5)] * 4


def test_phases_on_processes(pool: ProcessPoolExecutor, local_drs: LocalDrs):
    local_drs.add_history(make_history(5, until=NOW, logs=True))
    [result] = sweep([target_of(local_drs)], functools.partial(read_phases, to_date=NOW), executor=pool)
    assert [result] == list(sweep([target_of(local_drs)], read_phases))


# ------------------------------------------------------------------ Dask


@pytest.fixture(scope="module")
def dask() -> Iterator[Any]:
    """A client of a cluster of two processes."""
    distributed = pytest.importorskip("distributed")
    arguments = {"n_workers": 2, "threads_per_worker": 4, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with distributed.LocalCluster(processes=True, **arguments) as cluster, distributed.Client(cluster) as client:
        yield client


def set_variables(variables: dict[str, str]) -> None:
    """Set environment variables of this process."""
    os.environ.update(variables)


@pytest.mark.needs_check_env
def test_phases_on_dask(dask: Any):
    """Each target has its own jobs and logs, whichever worker reads it. Each worker assumes each role at most once."""
    accounts, regions = [f"{number:012}" for number in range(1, 9)], ["eu-west-1", "us-east-1"]
    expected = {}
    with SimulatedAws() as sts, LocalDrs() as drs, pytest.MonkeyPatch.context() as environment:
        variables = {
            "AWS_ENDPOINT_URL_STS": sts.endpoint_url,
            "AWS_ENDPOINT_URL_DRS": drs.endpoint_url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": KEY,
        }
        for name, value in variables.items():
            environment.setenv(name, value)
        dask.run(set_variables, variables)
        for number, (account, region) in enumerate(itertools.product(accounts, regions)):
            history = make_history(3, until=drs.now, seed=number, logs=True, region=region, account_id=account)
            drs.add_history(history, region=region, account_id=account)
            expected[account, region] = {job.job_id: len(history.logs[job.job_id]) for job in history}
        many = list(targets(accounts, regions, role_name="DrsReader"))
        results = list(sweep(many, read_phases, executor=dask.get_executor()))
    assert sts.assumed.keys() == set(accounts)
    assert max(sts.assumed.values()) <= len(dask.run(os.getpid)) == 2
    assert sorted(map(str, many)) == sorted(str(result.target) for result in results)
    for result in results:
        assert isinstance(result, TargetResult), result
        key = str(result.target.role_arn).split(":")[4], result.target.region
        assert {report.job.job_id: len(report.log) for report in result.value} == expected[key]
        assert all(report.log_error is None for report in result.value)


@pytest.mark.needs_check_env
@pytest.mark.parametrize(
    ("read", "text"),
    [
        (unloadable.return_lock, "cannot pickle '_thread.lock' object"),
        (unloadable.return_unloadable, ""),
        (unloadable.raise_unloadable, "TwoArgumentsError: a: b"),
        (unloadable.leave, "SystemExit"),
        (LAZY["generator"], "which is not read yet"),
    ],
    ids=["result", "unloadable result", "error", "exit", "lazy"],
)
def test_failures_on_dask(read: Any, text: str, dask: Any, local_drs: LocalDrs):
    """The cluster works for others afterwards. It can send functions that cannot be imported."""
    local_drs.add_jobs(make_job())
    dask.run(set_variables, {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": KEY})
    results = list(sweep([target_of(local_drs)] * 3, read, executor=dask.get_executor()))
    assert all(isinstance(result, TargetFailure) and text in str(result.error) for result in results), results
    assert len(results) == 3
    good = sweep([target_of(local_drs)], lambda client: len(client.describe_jobs().collect()), executor=dask.get_executor())
    assert list(good) == [TargetResult(target_of(local_drs), 1)]


NOTEBOOK = """
class Count:
    def __init__(self, jobs):
        self.jobs = jobs

def count_in_notebook(client):
    return Count(len(client.describe_jobs().collect()))
"""


@pytest.mark.needs_check_env
def test_function_of_a_notebook_on_dask(dask: Any, local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """Its class is in no module that a worker can import."""
    main = sys.modules["__main__"]
    for name in ("Count", "count_in_notebook"):
        monkeypatch.setattr(main, name, None, raising=False)
    exec(NOTEBOOK, vars(main))
    local_drs.add_jobs(make_job())
    dask.run(set_variables, {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": KEY})
    [result] = sweep([target_of(local_drs)], vars(main)["count_in_notebook"], executor=dask.get_executor())
    assert isinstance(result, TargetResult), result
    assert isinstance(result.value, vars(main)["Count"])
    assert result.value.jobs == 1


# ------------------------------------------------------------------ signatures


def test_signatures():
    """Both sweeps have the same names of arguments, and `read_jobs` those of `read_phases`."""
    assert inspect.signature(read_jobs).parameters == inspect.signature(read_phases).parameters
    assert tuple(inspect.signature(sweep).parameters) == ("targets", "read", "executor", "max_in_flight")
    assert isinstance(read_jobs(JobsClient(FakeClient())), tuple)


class FakeClient:
    """A client without jobs."""

    def describe_jobs(self, **_: object) -> dict[str, list[Job]]:
        """Return no jobs."""
        return {"items": []}
