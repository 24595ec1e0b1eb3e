"""Sweeps have one result per target on threads, processes and a Dask cluster, for every kind of failure."""

import functools
import gc
import itertools
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import attrs
import boto3
import pytest
from botocore.client import BaseClient
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, EndpointConnectionError

import unloadable
from both_sweeps import both_sweeps
from drs_jobs import MalformedResponseError, ServiceError, UninitializedAccountException, unstructure_job
from drs_jobs.sweep import Target, TargetFailure, TargetResult, read_jobs, sweep, targets, workers
from drs_jobs.sweep import clients as sweep_clients
from drs_jobs.testing import ErrorResponse, HtmlPage, LocalDrs, RawResponse, Slow, make_job
from simulated_accounts import simulate_accounts

ROLE = "DrsReader"
READ_TIMEOUT = sweep_clients.READ_TIMEOUT
ACCOUNTS = int(os.environ.get("DRS_JOBS_ACCOUNTS", "50"))
HANGING_IN_PROCESSES = ACCOUNTS >= 500
"""Whether targets hang in tests with other processes. Tests cannot shorten the time-out there, so this takes minutes."""


@pytest.fixture(autouse=True)
def short_read_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_clients, "READ_TIMEOUT", 4)


def _target(local: LocalDrs, region: str = "eu-west-1", **fields: Any) -> Target:
    return Target(region, endpoint_url=local.endpoint_url, **fields)


# ------------------------------------------------------------------ targets


def test_targets_are_lazy():
    """The list of accounts can be endless."""
    found = targets((f"{n:012}" for n in itertools.count()), ["eu-west-1", "us-east-1"], role_name=ROLE, external_id="x")
    first, second, third = itertools.islice(found, 3)
    assert first == Target("eu-west-1", role_arn="arn:aws:iam::000000000000:role/DrsReader", external_id="x")
    assert second == attrs.evolve(first, region="us-east-1")
    assert third.role_arn == "arn:aws:iam::000000000001:role/DrsReader"


@pytest.mark.parametrize("regions", ["all", ["all"], ["eu-west-1", "all"]])
def test_all_regions(regions: Any):
    """They are those of the partition in which botocore has DRS, each once."""
    found = [target.region for target in targets(["123456789012"], regions, role_name=ROLE)]
    assert sorted(boto3.Session().get_available_regions("drs")) == sorted(found)
    assert all("gov" not in region for region in found)
    gov = targets(["123456789012"], "all", role_name=ROLE, partition="aws-us-gov")
    assert {target.region.split("-")[1] for target in gov} == {"gov"}


@pytest.mark.parametrize(
    ("arguments", "error_class", "message"),
    [
        ({"accounts": "123456789012"}, TypeError, "accounts must be a list"),
        ({"regions": "eu-west-1"}, TypeError, "regions must be a list"),
        ({"role_name": "arn:aws:iam::123456789012:role/x"}, ValueError, "name of a role"),
        ({"role_name": ""}, ValueError, "name of a role"),
        ({"regions": "all", "partition": "mars"}, ValueError, "use one of aws"),
    ],
)
def test_targets_rejects_invalid_arguments(arguments: Any, error_class: Any, message: str):
    """It raises at the call, before the first target."""
    with pytest.raises(error_class, match=message):
        targets(**{"accounts": ["123456789012"], "regions": ["eu-west-1"], "role_name": ROLE, **arguments})


def test_targets_rejects_numbers_as_accounts():
    """They would lose leading zeros. The accounts before it are returned."""
    found = targets(["123456789012", 12345678901], ["eu-west-1"], role_name=ROLE)  # type: ignore[list-item]
    assert next(found).region == "eu-west-1"
    with pytest.raises(TypeError, match="begin with 0"):
        next(found)


# ------------------------------------------------------------------ sweeps


@pytest.mark.needs_check_env
def test_every_target_has_one_result_on_threads():
    """Jobs or an error. Each role is assumed once."""
    with simulate_accounts(ACCOUNTS) as accounts:
        accounts.check(list(sweep(accounts.targets)))
        accounts.check_roles()


@pytest.mark.needs_check_env
def test_every_target_has_one_result_on_processes():
    """Tasks and results are picklable. Each process assumes each role at most once."""
    with (
        simulate_accounts(ACCOUNTS, hanging=HANGING_IN_PROCESSES) as accounts,
        ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        accounts.check(list(sweep(accounts.targets, executor=pool)))
        accounts.check_roles(processes=2)


@pytest.mark.needs_check_env
def test_every_target_has_one_result_on_dask():
    distributed = pytest.importorskip("distributed")
    arguments = {"n_workers": 2, "threads_per_worker": 4, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with (
        simulate_accounts(ACCOUNTS, hanging=HANGING_IN_PROCESSES) as accounts,
        distributed.LocalCluster(**arguments) as cluster,
        distributed.Client(cluster) as client,
    ):
        accounts.check(list(sweep(accounts.targets, executor=client.get_executor())))
        accounts.check_roles(processes=2)


@both_sweeps
def test_results_come_in_order_of_completion(sweep: Any, local_drs: LocalDrs):
    released = threading.Event()

    class Held(HtmlPage):
        def apply(self, respond: Any) -> Any:
            released.wait(60)
            return respond()

    with LocalDrs() as slow:
        slow.inject(Held())
        late, soon = _target(slow), _target(local_drs)
        results = sweep([late, soon])
        assert next(results).target == soon
        released.set()
        assert [late] == [result.target for result in results]


@both_sweeps
def test_dates_and_pages(sweep: Any, local_drs: LocalDrs):
    """The dates are filters of the request, and all pages are read."""
    start, end = datetime(2024, 6, 1, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=UTC)
    jobs = [make_job(creation_date_time=datetime(2024, month, 15, tzinfo=UTC)) for month in (5, 6, 6, 6, 7)]
    local_drs.add_jobs(*jobs)
    local_drs.page_sizes = (1,)
    [result] = sweep([_target(local_drs)], functools.partial(read_jobs, from_date=start, to_date=end))
    assert isinstance(result, TargetResult)
    assert set(jobs[1:4]) == set(result.value)
    assert "value=<3>" in repr(result)


def test_uninitialized_account_is_a_failure(local_drs: LocalDrs):
    """It differs from an account without jobs."""
    with simulate_accounts(1) as accounts:
        first = next(target for target in accounts.targets if "True" in accounts.expected[target])
        [never, empty] = sorted(sweep([first, _target(local_drs)]), key=lambda result: isinstance(result, TargetResult))
    assert isinstance(never, TargetFailure)
    assert never.is_uninitialized
    assert isinstance(never.error, UninitializedAccountException)
    assert TargetResult(_target(local_drs), ()) == empty


class CountingExecutor(Executor):
    """Records how many tasks are in flight, and completes them seven at a time."""

    def __init__(self) -> None:
        self.most = 0
        self.waiting: list[Future[Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append(future)
        self.most = max(self.most, len(self.waiting))
        if len(self.waiting) == 7:
            for number, other in enumerate(self.waiting):
                other.set_result(TargetResult(Target(str(number)), ()))
            self.waiting.clear()
        return future


def test_max_in_flight():
    """Targets are taken lazily and not kept, so the memory in use does not depend on their number."""
    pool = CountingExecutor()
    taken: list[weakref.ref[Target]] = []

    def many() -> Iterator[Target]:
        for number in range(7 * 500):
            target = Target("eu-west-1", role_arn=f"arn:aws:iam::{number:012}:role/x")
            taken.append(weakref.ref(target))
            yield target

    for number, _ in enumerate(sweep(many(), executor=pool, max_in_flight=7), start=1):
        assert len(taken) <= number + 7
        assert sum(target() is not None for target in taken[-100:]) <= 7 + 1  # and the one that the generator holds
    assert pool.most == 7
    assert len(taken) == number == 3_500
    assert sum(target() is not None for target in taken) <= 1


@both_sweeps
def test_deleted_sweep_takes_no_more_targets(sweep: Any, local_drs: LocalDrs):
    taken: list[int] = []
    some = (taken.append(n) or _target(local_drs) for n in range(1000))
    results = sweep(some, max_in_flight=4)
    next(results)
    del results
    assert len(taken) <= 5


@both_sweeps
def test_error_of_the_iterable_is_raised_last(sweep: Any, local_drs: LocalDrs):
    """The targets before it have their results."""

    def some() -> Any:
        yield from [_target(local_drs)] * 3
        raise KeyError("file ends")

    results: list[Any] = []
    with pytest.raises(KeyError, match="file ends"):
        for result in sweep(some()):
            results += [result]
    assert [TargetResult(_target(local_drs), ())] * 3 == results


@attrs.frozen
class Unpicklable(Target):
    """A target that cannot be pickled."""

    lock: Any = attrs.field(factory=threading.Lock)


class PicklingExecutor(ThreadPoolExecutor):
    """Pickles in `submit`, as Dask's executor does."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        pickle.dumps((fn, args, kwargs))
        return super().submit(fn, *args, **kwargs)


@pytest.mark.parametrize("executor_class", [ProcessPoolExecutor, PicklingExecutor])
def test_unpicklable_task_is_a_failure(executor_class: Any, local_drs: LocalDrs):
    """Executors raise in submit, or set the exception of the future."""
    bad = Unpicklable("eu-west-1", endpoint_url=local_drs.endpoint_url)
    good = _target(local_drs)
    arguments = {"mp_context": multiprocessing.get_context("spawn")} if executor_class is ProcessPoolExecutor else {}
    with executor_class(1, **arguments) as pool:
        results = {result.target: result for result in sweep([bad, good], executor=pool)}
    assert isinstance(results[bad], TargetFailure)
    assert results[good] == TargetResult(good, ())


def test_broken_process_pool():
    """Each target is a failure, and the sweep ends."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(os._exit, 1)
        results = list(sweep([Target("eu-west-1")] * 40, executor=pool, max_in_flight=4))
    assert [type(result) for result in results] == [TargetFailure] * 40


def test_errors_that_do_not_load(local_drs: LocalDrs):
    """Each is the failure of its own target: the pool is not broken."""
    good = [_target(local_drs)] * 5
    bad = [_target(local_drs, region) for region in unloadable.REGIONS]
    mixed = [target for pair in itertools.zip_longest(bad, good) for target in pair if target is not None]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=unloadable.raise_in_worker) as pool:
        results = list(sweep(mixed, executor=pool))
    assert [result.target for result in results if isinstance(result, TargetResult)] == good
    failures = {result.target.region: str(result.error) for result in results if isinstance(result, TargetFailure)}
    for region, name in unloadable.REGIONS.items():
        assert str(unloadable.ERRORS[name]()).split(" at 0x")[0] in failures[region]


def test_error_with_a_live_connection_is_picklable():
    """The copy has the class name and the message."""
    error = EndpointConnectionError(endpoint_url="http://127.0.0.1:1", error=threading.Lock())
    result = TargetFailure(Target("eu-west-1"), error)
    other = pickle.loads(pickle.dumps(result))
    assert other.target == result.target
    assert "EndpointConnectionError" in str(other.error)
    assert "http://127.0.0.1:1" in str(other.error)


class Sts:
    """Records the requests of AssumeRole. Each response is a lifetime of credentials, or the code of an error."""

    def __init__(self, *responses: int | str) -> None:
        self.requests: list[dict[str, str]] = []
        self.responses = list(responses)

    def assume_role(self, request: dict[str, str]) -> Any:
        self.requests.append(request)
        response = self.responses.pop(0)
        if isinstance(response, str):
            raise ClientError({"Error": {"Code": response}}, "AssumeRole")
        expiration = datetime.fromtimestamp(time.time() + response, UTC)
        keys = {"AccessKeyId": str(len(self.requests)), "SecretAccessKey": "s", "SessionToken": "t"}
        return {"Credentials": {**keys, "Expiration": expiration}}


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of the machine for a sweep, in seconds."""
    now = [0.0]
    monkeypatch.setattr(sweep_clients, "machine_time", lambda: now[0])
    return now


ROLE_ARN = "arn:aws:iam::123456789012:role/x"


def access_key(role: sweep_clients.Role, region: str, sts: Sts) -> str:
    """The key of the credentials with which a target in the region is read."""

    async def assume_role(request: Any) -> Any:
        return sts.assume_role(request)

    credentials, _ = sweep_clients.run_without_loop(role.credentials(region, assume_role))
    assert credentials is not None
    return str(credentials.access_key)


def make_role() -> sweep_clients.Role:
    return sweep_clients.Role(sweep_clients._ThreadLock, Credentials, ROLE_ARN, "ext")


@pytest.mark.parametrize(
    ("responses", "calls"),
    [
        ((3600, 3600), [(5, "1", 1), (2990, "1", 1), (3015, "2", 2)]),  # ten minutes before they expire
        ((3600, "Throttling", 3600), [(5, "1", 1), (3010, "1", 2), (3060, "1", 2), (3071, "3", 3)]),  # a failed renewal
        (("AccessDenied", 3600), [(0, "AccessDenied", 1), (59.5, "AccessDenied", 1), (60, "2", 2)]),
        (("Throttling", "Throttling"), [(0, "Throttling", 1), (1, "Throttling", 2)]),
    ],
)
def test_renewal_of_credentials(responses: Any, calls: list[tuple[float, str, int]], now: list[float]):
    """At each time, the key or the error, and the number of requests until then."""
    role, sts = make_role(), Sts(*responses)
    for seconds, expected, count in calls:
        now[0] = seconds
        try:
            result = access_key(role, "eu-west-1", sts)
        except ServiceError as error:
            result = error.code
        assert (expected, count) == (result, len(sts.requests)), seconds
    assert sts.requests[0] == {"RoleArn": ROLE_ARN, "RoleSessionName": "drs_jobs", "ExternalId": "ext"}


def test_refusal_counts_for_its_region(now: list[float]):
    """An opt-in region that is not enabled refuses every role."""
    role, sts = make_role(), Sts("InvalidClientTokenId", 3600)
    with pytest.raises(ServiceError):
        access_key(role, "af-south-1", sts)
    assert [access_key(role, region, sts) for region in ("eu-west-1", "af-south-1")] == ["2", "2"]


@both_sweeps
@pytest.mark.parametrize(
    ("arguments", "error_class"),
    [
        ({"targets": Target("eu-west-1")}, TypeError),
        ({"targets": "eu-west-1"}, TypeError),
        ({"max_in_flight": 0}, ValueError),
        ({"max_in_flight": 1.5}, TypeError),
        ({"executor": object()}, TypeError),
        ({"read": "jobs"}, TypeError),
    ],
)
def test_invalid_arguments(sweep: Any, arguments: Any, error_class: Any):
    """The call raises, before it takes a target."""
    with pytest.raises(error_class):
        sweep(**{"targets": [], **arguments})


@both_sweeps
def test_no_targets(sweep: Any):
    """There is no result, and no thread is left."""
    before = set(threading.enumerate())
    assert list(sweep([])) == []
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()


def test_ctrl_c_stops_at_once(local_drs: LocalDrs):
    """It does not wait for the time-outs of targets that hang."""
    local_drs.inject(Slow(60), times=None)
    program = f"""
        from drs_jobs.sweep import Target, sweep
        print("begun", flush=True)
        list(sweep([Target("eu-west-1", endpoint_url={local_drs.endpoint_url!r})] * 3))
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    while not local_drs.requests:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=40)  # three attempts of 20 seconds take longer


@both_sweeps
def test_html_after_a_good_page_is_a_failure(sweep: Any, local_drs: LocalDrs):
    local_drs.add_jobs(make_job(), make_job())
    local_drs.page_sizes = (1,)

    class SecondResponse(HtmlPage):
        def apply(self, respond: Any) -> Any:
            return super().apply(respond) if len(local_drs.requests) == 2 else respond()

    local_drs.inject(SecondResponse(), times=None)
    [result] = sweep([_target(local_drs)])
    assert isinstance(result, TargetFailure)


class FailingExecutor(Executor):
    """Sets an error as the result of each task, or cancels it if there is no error."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self.error is None:
            future.cancel()
            future.set_running_or_notify_cancel()
        else:
            future.set_exception(self.error)
        return future


def test_cancelled_task_is_a_failure():
    """Clusters cancel tasks when they lose a worker."""
    [result] = sweep([Target("eu-west-1")], executor=FailingExecutor(None))
    assert isinstance(result, TargetFailure)
    assert "cancelled" in str(result.error)


def test_interruption_in_a_worker_is_a_failure():
    """A terminal sends Ctrl-C to the processes of a pool too, and the results of other targets are needed."""
    results = list(sweep([Target("eu-west-1")] * 2, executor=FailingExecutor(KeyboardInterrupt())))
    assert [str(result.error) for result in results if isinstance(result, TargetFailure)] == [
        "KeyboardInterrupt in the worker"
    ] * 2


def test_interrupted_iterable_is_no_silent_end(local_drs: LocalDrs):
    """A generator that was interrupted looks as if it had no more targets."""

    def interrupted() -> Iterator[Target]:
        yield from [_target(local_drs)] * 3
        raise KeyboardInterrupt

    iterator = sweep(interrupted())
    results: list[Any] = []
    with pytest.raises(RuntimeError, match="some targets were not read"):
        while True:
            with suppress(KeyboardInterrupt):
                results.append(next(iterator))
    assert len(results) == 3


def test_errors_of_executors_have_no_traceback():
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError("broken")  # raised, so that it has a traceback
    bad = Unpicklable("eu-west-1")
    with PicklingExecutor(1) as pool:
        results = [*sweep([bad], executor=pool), *sweep([bad], executor=FailingExecutor(caught.value))]
    assert [result.error.__traceback__ for result in results if isinstance(result, TargetFailure)] == [None, None]


@both_sweeps
def test_errors_have_no_traceback(sweep: Any, local_drs: LocalDrs):
    """A traceback would keep the client in memory, for each of thousands of failures."""
    local_drs.inject(ErrorResponse("AccessDeniedException", 403), times=None)
    [result] = sweep([_target(local_drs)])
    assert isinstance(result, TargetFailure)
    link: BaseException | None = result.error
    links = 0
    while link is not None:
        assert link.__traceback__ is None
        link, links = link.__cause__ or link.__context__, links + 1
    assert links == 2


@pytest.mark.parametrize("bad", [None, "eu-west-1", 5, {"region": "eu-west-1"}, Target])
@both_sweeps
def test_invalid_target_is_a_failure(sweep: Any, bad: Any, local_drs: LocalDrs):
    """All other targets are swept, also if the last one is invalid."""
    good = _target(local_drs)
    results = list(sweep([good, bad, good, bad]))
    failures = [result for result in results if isinstance(result, TargetFailure)]
    assert results.count(TargetResult(good, ())) == len(failures) == 2
    assert [failure.target for failure in failures] == [bad, bad]
    for failure in failures:
        assert isinstance(failure.error, TypeError)
        assert "expected a Target" in str(failure.error)


@both_sweeps
def test_failure_has_the_readable_jobs(sweep: Any, local_drs: LocalDrs):
    jobs = [make_job() for _ in range(4)]
    pages: list[Any] = [[unstructure_job(jobs[0]), {}, unstructure_job(jobs[1])], [{"jobID": 5}], [unstructure_job(jobs[2])]]
    for number, items in enumerate(pages):
        token = {"nextToken": str(number)} if number + 1 < len(pages) else {}
        local_drs.inject(RawResponse(json.dumps({"items": items, **token}).encode()))
    [failure] = sweep([_target(local_drs)])
    assert isinstance(failure, TargetFailure)
    assert isinstance(failure.error, MalformedResponseError)
    assert failure.error.path == "$.items[1].jobID"
    assert failure.jobs == tuple(jobs[:3])
    assert failure.error.__traceback__ is None
    assert pickle.loads(pickle.dumps(failure)).jobs == failure.jobs
    assert "jobs=<3>" in repr(failure)


@both_sweeps
def test_failure_after_an_unreadable_page_has_no_jobs(sweep: Any, local_drs: LocalDrs):
    local_drs.inject(RawResponse(json.dumps({"items": [{"jobID": "a"}, {}], "nextToken": "t"}).encode()))
    local_drs.inject(HtmlPage())
    [failure] = sweep([_target(local_drs)])
    assert isinstance(failure, TargetFailure)
    assert failure.error.path == "$"  # type: ignore[attr-defined]  # a MalformedResponseError
    assert failure.jobs == ()


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """The boto3 clients that are made and closed."""
    found: dict[str, list[Any]] = {"made": [], "closed": []}
    make, close = BaseClient.__init__, BaseClient.close
    monkeypatch.setattr(BaseClient, "__init__", lambda self, *a, **k: (make(self, *a, **k), found["made"].append(self))[0])
    monkeypatch.setattr(BaseClient, "close", lambda self: (close(self), found["closed"].append(self))[0])
    return found


@pytest.mark.parametrize("executor", [None, ThreadPoolExecutor(3)], ids=["threads", "executor"])
def test_one_client_per_region(local_drs: LocalDrs, clients: dict[str, list[Any]], executor: Any):
    """It is closed at the end, after errors too."""
    local_drs.inject(ErrorResponse("AccessDeniedException", 403), times=3)
    many = [_target(local_drs, region) for region in ("eu-west-1", "us-east-1") * 6]
    assert len(list(sweep(many, max_in_flight=3, executor=executor))) == 12
    assert sorted(client.meta.region_name for client in clients["made"]) == ["eu-west-1", "us-east-1"]
    assert set(map(id, clients["closed"])) == set(map(id, clients["made"]))
    assert len(clients["closed"]) == 2


def test_clients_of_many_endpoints_are_limited(
    local_drs: LocalDrs, clients: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
):
    """Each has an open connection, and a process has few file descriptors. One that is needed again is made again."""
    monkeypatch.setattr(sweep_clients, "MAX_CLIENTS", 2)
    many = [Target("eu-west-1", endpoint_url=f"{local_drs.endpoint_url}/?{number}") for number in range(5)]
    cache = sweep_clients.ThreadClients("id", 2)
    bound = [cache.client(target) for target in many]
    assert (len(clients["made"]), len(clients["closed"])) == (5, 3)
    assert bound[0].describe_jobs()["items"] == []
    assert (len(clients["made"]), len(clients["closed"])) == (6, 4)


@pytest.mark.parametrize(("value", "attempts"), [(None, 3), ("1", 1), ("6", 6), ("50", 6)])
def test_number_of_attempts(
    value: str | None, attempts: int, clients: dict[str, list[Any]], local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch
):
    """The pauses double with each attempt, so a large number would pause for hours."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", value or "")
    if value is None:
        monkeypatch.delenv("AWS_MAX_ATTEMPTS")
    assert isinstance(next(sweep([_target(local_drs)])), TargetResult)
    assert [client.meta.config.retries for client in clients["made"]] == [{"mode": "legacy", "total_max_attempts": attempts}]


def test_no_attempts(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "0")
    [failure] = sweep([_target(local_drs)])
    assert isinstance(failure, TargetFailure)
    assert "greater than or equal to 1" in str(failure.error)


def test_one_session_per_sweep(local_drs: LocalDrs, monkeypatch: Any):
    sessions = itertools.count()
    make = sweep_clients._make_session
    monkeypatch.setattr(sweep_clients, "_make_session", lambda *arguments: (next(sessions), make(*arguments))[1])
    sweeps = [sweep([_target(local_drs)] * 6, max_in_flight=1) for _ in range(9)]
    rounds = [[next(one) for one in sweeps] for _ in range(6)]
    assert all(isinstance(result, TargetResult) for results in rounds for result in results)
    assert next(sessions) == 9


def find_clients() -> list[sweep_clients.ThreadClients]:
    gc.collect()
    return [thing for thing in gc.get_objects() if isinstance(thing, sweep_clients.ThreadClients)]


def test_clients_of_a_sweep_end_with_it(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sweep_clients, "_clients_of_sweeps", {})
    others = weakref.WeakSet(find_clients())  # of earlier tests; a thread of theirs can drop one at any moment
    earlier = set(threading.enumerate())  # with those of sweeps that earlier tests left before their end
    list(sweep([_target(local_drs)]))
    for thread in set(threading.enumerate()) - earlier:
        if thread.name == "drs_jobs.sweep":
            thread.join()
    assert [clients for clients in find_clients() if clients not in others] == []
    assert sweep_clients._clients_of_sweeps == {}


def test_clients_of_sweeps_in_another_process(monkeypatch: pytest.MonkeyPatch):
    """There is one object per sweep, for the latest sweeps."""
    monkeypatch.setattr(sweep_clients, "_MAX_WORKER_CLIENTS", 8)
    monkeypatch.setattr(sweep_clients, "_clients_of_sweeps", {})
    sweeps = [pickle.dumps(sweep_clients.ThreadClients(str(number), 2)) for number in range(10)]
    clients = [pickle.loads(sent) for sent in sweeps[:8]]
    assert [pickle.loads(sent) for sent in sweeps[:8]] == clients
    assert len(set(map(id, clients))) == 8
    assert pickle.loads(sweeps[0]) is clients[0]
    pickle.loads(sweeps[8])
    assert set(sweep_clients._clients_of_sweeps) == set("02345678")


FORK_BESIDE_THREADS = """
    import multiprocessing, sys, threading
    from concurrent.futures import ProcessPoolExecutor
    from drs_jobs.sweep import Target, TargetResult, sweep

    many = [Target("eu-west-1", endpoint_url=sys.argv[1])] * 40
    def on_threads():
        assert all(isinstance(result, TargetResult) for result in sweep(many))
    threads = [threading.Thread(target=on_threads) for _ in range(2)]
    for thread in threads:
        thread.start()
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("fork")) as pool:
        print(sum(isinstance(result, TargetResult) for result in sweep(many, executor=pool)))
    for thread in threads:
        thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_pool_beside_threads(local_drs: LocalDrs):
    """The first imports and connections of the process happen in threads while it forks."""
    for _ in range(2):
        command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(FORK_BESIDE_THREADS), local_drs.endpoint_url]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        try:
            assert process.communicate(timeout=60)[0].split() == [b"40"]
        finally:
            os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None


def test_wait_for_results_has_a_timeout(monkeypatch: pytest.MonkeyPatch, local_drs: LocalDrs):
    """On Windows, Ctrl-C does not interrupt a wait without one. Late results are not lost."""
    monkeypatch.setattr(workers, "_INTERRUPT_INTERVAL", 0.001)
    local_drs.inject(Slow(0.05))
    assert list(sweep([_target(local_drs)])) == [TargetResult(_target(local_drs), ())]


def test_unknown_region_needs_an_endpoint(local_drs: LocalDrs):
    clients = sweep_clients.ThreadClients("id", 2)
    for target in (Target("eu-west-1"), _target(local_drs, "mars-north-1")):
        assert clients.client(target).meta.region_name == target.region
    with pytest.raises(ValueError, match="mars-north-1"):
        clients.client(Target("mars-north-1"))


def test_time_outs_of_clients(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """The documented ones; other tests use a shorter time-out."""
    monkeypatch.setattr(sweep_clients, "READ_TIMEOUT", READ_TIMEOUT)
    config = sweep_clients.ThreadClients("id", 2).client(_target(local_drs)).meta.config
    assert (config.connect_timeout, config.read_timeout, config.max_pool_connections) == (10, 20, 2)


class SlowExecutor(Executor):
    """Completes the oldest task when three are submitted."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.futures.append(Future())
        if len(self.futures) == 3:
            self.futures[0].set_result(TargetResult(Target("eu-west-1"), ()))
        return self.futures[-1]


def test_max_in_flight_counts_results_that_were_not_taken():
    pool = SlowExecutor()
    results = sweep([Target("eu-west-1")] * 9, executor=pool, max_in_flight=3)
    next(results)
    assert len(pool.futures) == 3


class FailingTargets:
    """An iterator that raises each time after its first target."""

    def __init__(self, target: Target) -> None:
        self.targets = [target]

    def __iter__(self) -> "FailingTargets":
        return self

    def __next__(self) -> Target:
        if not self.targets:
            raise KeyError("file is not readable")
        return self.targets.pop()


@both_sweeps
def test_targets_that_fail_are_not_read_again(sweep: Any, local_drs: LocalDrs):
    results: list[Any] = []
    with pytest.raises(KeyError, match="not readable"):
        for result in sweep(FailingTargets(_target(local_drs))):
            results += [result]
    assert results == [TargetResult(_target(local_drs), ())]


def test_causes_and_contexts_have_no_frames():
    """Whether an error has a cause, or only a context."""
    errors: list[Exception] = []
    for has_cause in (True, False):
        try:
            try:
                raise KeyError("first")
            except KeyError as error:
                raise ValueError("second") from (error if has_cause else None)
        except ValueError as error:
            errors.append(error)
    try:
        try:
            raise KeyError("first")
        except KeyError:
            raise ValueError("second")  # noqa: B904  # only a context
    except ValueError as error:
        errors.append(error)
    with FailingPool(errors) as pool:
        results = list(sweep([Target("eu-west-1")] * 3, executor=pool))
    links = [link for result in results for link in (result.error, result.error.__context__) if link is not None]
    assert len(links) == 6
    assert [link.__traceback__ for link in links] == [None] * 6


class FailingPool(ThreadPoolExecutor):
    """Raises the next of some errors in each task."""

    def __init__(self, errors: list[Exception]) -> None:
        super().__init__(1)
        self.errors = errors

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        future: Future[Any] = Future()
        future.set_exception(self.errors.pop())
        return future
