"""The asynchronous client: mistakes, cancellation, many tasks, event loops. Other tests run with both clients."""

import asyncio
import contextlib
import inspect
import itertools
import random
import sys
import typing
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import attrs
import boto3
import pytest
from botocore.exceptions import BotoCoreError

pytest.importorskip("aiobotocore", reason="needs .venv-async")

from aiobotocore.session import AioSession

from drs_jobs import (
    DrsJobsError,
    Job,
    JobNotFoundError,
    JobsClient,
    MalformedResponseError,
    PaginationLoopError,
    WaitTimeoutError,
    aio,
    is_transient,
    unstructure_job,
)
from drs_jobs._polling import Clock
from drs_jobs.aio import AsyncJobsClient, AsyncPager
from drs_jobs.testing import CutOff, DropConnection, LocalDrs, ServerError, Throttle, make_job
from simulated_time import SimulatedTime

pytestmark = pytest.mark.needs_aiobotocore


def _raw_jobs(*ids: str) -> list[dict[str, str]]:
    return [{"jobID": job_id} for job_id in ids]


PAGES: dict[str | None, Any] = {
    None: {"items": [*_raw_jobs("a"), {}, *_raw_jobs("b")], "nextToken": "t"},
    "t": {"items": [], "nextToken": "u"},
    "u": {"items": _raw_jobs("c", "d")},
}


class FakeDrs:
    """An asynchronous fake client: pages by token, and the requests so far. Each response takes two steps of the event loop."""

    def __init__(self, pages: dict[str | None, Any]) -> None:
        self.pages = pages
        self.requests: list[dict[str, Any]] = []

    async def describe_jobs(self, **request: Any) -> Any:
        self.requests.append(request)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return self.pages[request.get("nextToken")]


class SyncDrs:
    """A synchronous fake client."""

    def describe_jobs(self, **_: Any) -> Any:
        return {"items": []}


async def _drain(iterator: AsyncIterator[Any], got: list[str]) -> None:
    """Append the ids of the remaining items or pages, and "malformed" for malformed ones."""
    while True:
        try:
            value = await anext(iterator)
        except MalformedResponseError:
            got.append("malformed")
        except StopAsyncIteration:
            return
        else:
            got.extend([value.job_id] if isinstance(value, Job) else [job.job_id for job in value.items])


# ------------------------------------------------------------------ mistakes


def test_synchronous_client_is_a_type_error():
    with pytest.raises(TypeError, match="drs is a synchronous client: use JobsClient, or pass a client of aiobotocore"):
        AsyncJobsClient(boto3.client("drs", "eu-west-1"))
    with pytest.raises(TypeError, match="returned MagicMock, not an awaitable: this is a synchronous client: use JobsClient"):
        asyncio.run(AsyncJobsClient(MagicMock()).wait("drsjob-1", timeout=None))


def test_mock_with_one_asynchronous_method():
    mock = MagicMock()
    mock.describe_jobs = AsyncMock(return_value={"items": _raw_jobs("a")})
    assert asyncio.run(AsyncJobsClient(mock).get_job("a")).job_id == "a"


@pytest.mark.parametrize("use", ["collect", "wait", "explain"])
def test_synchronous_fake_is_a_type_error_in_the_first_request(use: str):
    client: Any = AsyncJobsClient(SyncDrs())  # type: ignore[arg-type]  # the mistake
    coroutines = {
        "collect": lambda: client.describe_jobs().collect(),
        "wait": lambda: client.wait("drsjob-1", timeout=None),
        "explain": lambda: client.explain("drsjob-1"),
    }
    with pytest.raises(TypeError, match=r"describe_jobs returned dict, not an awaitable: .* use JobsClient"):
        asyncio.run(coroutines[use]())


def test_response_that_is_no_dict():
    for response in (None, [], "x"):
        with pytest.raises(TypeError, match="not a dict: pass"):
            asyncio.run(AsyncJobsClient(AsyncMock(**{"describe_jobs.return_value": response})).get_job("drsjob-1"))


def test_client_without_describe_jobs():
    for client in (object(), contextlib.nullcontext()):
        with pytest.raises(TypeError, match="as the client of `async with AioSession"):
            AsyncJobsClient(client)  # type: ignore[arg-type]  # the mistake


def test_client_of_drs_jobs_is_not_a_client_of_aws():
    for client in (JobsClient(SyncDrs()), AsyncJobsClient(FakeDrs(PAGES))):
        for client_class in (JobsClient, AsyncJobsClient):
            with pytest.raises(TypeError, match=f"client is a {type(client).__name__} already: use it as it is"):
                client_class(client)


def test_client_beside_other_arguments():
    with pytest.raises(TypeError, match="client beside region_name: pass a client, or the arguments to build one, not both"):
        AsyncJobsClient(FakeDrs({}), region_name="eu-west-1")


@pytest.mark.parametrize("error_class", [StopIteration, StopAsyncIteration])
@pytest.mark.parametrize("consume", ["collect", "first", "pages", "wait"])
def test_exhausted_mock_is_a_runtime_error(error_class: type[Exception], consume: str):
    """It must not end the iteration as if there were no more jobs."""

    async def fail(**_: Any) -> Any:
        raise error_class

    class Fake:
        def describe_jobs(self, **request: Any) -> Any:
            return fail(**request)

    client = AsyncJobsClient(Fake())
    pager = client.describe_jobs()
    coroutines: dict[str, Callable[[], Awaitable[Any]]] = {
        "collect": pager.collect,
        "first": pager.first,
        "pages": lambda: _drain(pager.pages(), []),
        "wait": lambda: client.wait("drsjob-1", timeout=None),
    }
    with pytest.raises(RuntimeError, match="raised StopIteration, so this run is not complete"):
        asyncio.run(_await(coroutines[consume]()))


def test_exhausted_mock_in_on_malformed():
    pager = AsyncJobsClient(FakeDrs(PAGES)).describe_jobs(on_malformed=MagicMock(side_effect=[]))
    with pytest.raises(RuntimeError, match="raised StopIteration"):
        asyncio.run(pager.collect())


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


@pytest.mark.parametrize("client", [AsyncJobsClient(FakeDrs(PAGES)), JobsClient(SyncDrs())])
def test_on_malformed_is_no_coroutine_function(client: Any):
    """It would never run."""

    async def report(_: MalformedResponseError) -> None: ...

    class Reporter:
        async def __call__(self, _: MalformedResponseError) -> None: ...

    for call in (client.describe_jobs, lambda **arguments: client.describe_job_log_items("drsjob-1", **arguments)):
        for callback in (report, Reporter(), AsyncMock()):
            with pytest.raises(TypeError, match="not a coroutine function"):
                call(on_malformed=callback)


def test_public_names():
    """Classes report the public module, and have type hints."""
    functions = {"read_jobs", "read_phases", "sweep"}
    for cls in (getattr(aio, name) for name in aio.__all__ if name not in functions):
        assert cls.__module__ == "drs_jobs.aio"
        for _, function in inspect.getmembers(cls, inspect.isfunction):
            typing.get_type_hints(function)
    assert all(typing.get_type_hints(getattr(aio, name)) for name in functions)


# ------------------------------------------------------------------ cancellation


def _each_step(make: Callable[[], AsyncIterator[Any]], end: Callable[[AsyncIterator[Any], list[str]], Awaitable[None]]) -> int:
    """Cancel the reading of `make()` at each step of the event loop, continue with `end`, and return the number of steps."""

    async def run(step: int) -> bool:
        got: list[str] = []
        iterator = make()
        task = asyncio.create_task(_drain(iterator, got))
        for _ in range(step):
            await asyncio.sleep(0)
        is_cancelled = task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await end(iterator, got)
        assert got == ["a", "malformed", "b", "c", "d"], step
        assert len(asyncio.all_tasks()) == 1
        return is_cancelled

    return next(step for step in itertools.count() if not asyncio.run(run(step)))


@pytest.mark.parametrize("by_page", [False, True])
def test_cancelled_iterator_continues(by_page):
    def make() -> AsyncIterator[Any]:
        pager = AsyncJobsClient(FakeDrs(PAGES)).describe_jobs()
        return pager.pages() if by_page else aiter(pager)

    assert _each_step(make, _drain) > 6


@pytest.mark.parametrize("by_page", [False, True])
def test_cancelled_iterator_resumes_from_its_cursor(by_page):
    pager: AsyncPager[Job]
    client: AsyncJobsClient

    def make() -> AsyncIterator[Any]:
        nonlocal client, pager
        client = AsyncJobsClient(FakeDrs(PAGES))
        pager = client.describe_jobs()
        return pager.pages() if by_page else aiter(pager)

    async def resume(_: AsyncIterator[Any], got: list[str]) -> None:
        await _drain(aiter(client.describe_jobs(cursor=pager.cursor)), got)

    assert _each_step(make, resume) > 6


@pytest.mark.parametrize("name", ["collect", "first"])
def test_cancelled_collect_keeps_the_cursor_at_its_start(name: str):
    async def run() -> None:
        client = AsyncJobsClient(FakeDrs({**PAGES, None: {"items": [], "nextToken": "t"}}))
        pager = client.describe_jobs()
        task = asyncio.create_task(getattr(pager, name)())
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [job.job_id async for job in client.describe_jobs(cursor=pager.cursor)] == ["c", "d"]
        assert [job.job_id for job in await pager.collect()] == ["c", "d"]

    asyncio.run(run())


class Account:
    """An asynchronous fake client with jobs that change."""

    def __init__(self, *jobs: Job) -> None:
        self.jobs = {job.job_id: job for job in jobs}
        self.requests = 0

    async def describe_jobs(self, filters: dict[str, list[str]]) -> Any:
        self.requests += 1
        await asyncio.sleep(0)
        return {"items": [unstructure_job(self.jobs[job_id]) for job_id in filters["jobIDs"] if job_id in self.jobs]}


def _simulated(client: AsyncJobsClient) -> SimulatedTime:
    simulated = SimulatedTime()

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0)
        simulated.sleep(seconds)

    client._clock = attrs.evolve(simulated.clock(), sleep=sleep)
    return simulated


def test_cancelled_watch_continues():
    """Each snapshot is returned once, at whichever step the reading is cancelled: it does not end as if all were complete."""
    pending = make_job(status="PENDING")
    started = make_job(job_id=pending.job_id, creation_date_time=pending.creation_date_time, status="STARTED")
    done = make_job(job_id=pending.job_id, creation_date_time=pending.creation_date_time)

    async def run(step: int) -> bool:
        account = Account(pending)
        client = AsyncJobsClient(account)
        simulated = _simulated(client)
        simulated.at(20, lambda: account.jobs.update({started.job_id: started}))
        simulated.at(60, lambda: account.jobs.update({done.job_id: done}))
        watch = client.watch([pending], timeout=3600)
        got: list[Job] = []

        async def read() -> None:
            async for job in watch:
                got.append(job)

        task = asyncio.create_task(read())
        for _ in range(step):
            await asyncio.sleep(0)
        is_cancelled = task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await read()
        assert got == [pending, started, done], step
        return is_cancelled

    assert next(step for step in itertools.count() if not asyncio.run(run(step))) > 10


def test_cancelled_sleep_takes_the_rest_of_its_time():
    """A heartbeat that is shorter than the interval between two polls does not delay them."""

    async def run() -> None:
        account = Account(job := make_job(status="STARTED"))
        client = AsyncJobsClient(account)
        now, sleeps = 0.0, list[float]()

        async def sleep(seconds: float) -> None:
            nonlocal now
            sleeps.append(seconds)
            passed = min(seconds, 2.0)
            now += passed
            if passed < seconds:
                raise asyncio.CancelledError

        client._clock = Clock(sleep, lambda: now, lambda: 0.5)
        watch = client.watch([job], timeout=12, poll_interval=5)
        assert await anext(watch) == job
        for _ in range(4):
            with pytest.raises(asyncio.CancelledError):
                await anext(watch)
        with pytest.raises(WaitTimeoutError, match="after 12 seconds"):
            await anext(watch)
        assert sleeps == [5, 3, 1, 5, 3, 1, 2]
        assert account.requests == 4

    asyncio.run(run())


def test_closed_watch():
    """`aclose` ends it, for `contextlib.aclosing`."""

    async def run() -> None:
        client = AsyncJobsClient(Account(job := make_job(status="STARTED")))
        watch: Any = client.watch([job], timeout=None)
        async with contextlib.aclosing(watch):
            assert await anext(watch) == job
        assert [job async for job in watch] == []

    asyncio.run(run())


def test_timeout_around_wait():
    """`asyncio.timeout` ends a wait without a limit, and leaves no task."""

    async def run() -> None:
        client = AsyncJobsClient(Account(job := make_job(status="STARTED")))
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.01):
                await client.wait(job, timeout=None)
        assert not isinstance(caught.value, WaitTimeoutError)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_timeout_error_of_a_slow_log(monkeypatch: pytest.MonkeyPatch):
    """A log that is never received delays the error by the time limit only, and no task is left."""
    monkeypatch.setattr("drs_jobs._polling.DESCRIPTION_TIMEOUT", 0.01)

    class SlowLog(Account):
        async def describe_job_log_items(self, **_: Any) -> Any:
            await asyncio.Event().wait()

    async def run() -> None:
        client = AsyncJobsClient(SlowLog(*(jobs := [make_job(status="STARTED") for _ in range(30)])))
        with pytest.raises(WaitTimeoutError, match="30 jobs not complete"):
            await client.wait_all(jobs, timeout=0)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


# ------------------------------------------------------------------ tasks and event loops


def test_many_waits_in_one_task_group():
    async def run() -> None:
        account = Account(*(jobs := [make_job(status="STARTED") for _ in range(50)]))
        client = AsyncJobsClient(account)
        simulated = _simulated(client)
        for number, job in enumerate(jobs):
            done = make_job(job_id=job.job_id, creation_date_time=job.creation_date_time)
            simulated.at(10 * number, lambda done=done: account.jobs.update({done.job_id: done}))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(client.wait(job, timeout=None)) for job in jobs]
        assert [job.job_id for job in jobs] == [task.result().job_id for task in tasks]

    asyncio.run(run())


@pytest.mark.parametrize("make", [lambda client: aiter(client.describe_jobs()), lambda client: client.watch(["a"], timeout=0)])
def test_two_tasks_in_one_iterator(make: Callable[[AsyncJobsClient], AsyncIterator[Any]]):
    """The second one gets an error. The first one is not disturbed."""

    async def run() -> None:
        iterator = make(AsyncJobsClient(FakeDrs(PAGES)))
        results = await asyncio.gather(anext(iterator), anext(iterator), return_exceptions=True)
        assert isinstance(results[1], RuntimeError)
        assert "use one iterator per task" in str(results[1])
        assert not isinstance(results[0], RuntimeError)

    asyncio.run(run())


def test_client_of_another_event_loop():
    client = AsyncJobsClient(FakeDrs(PAGES))

    async def read() -> list[str]:
        return [job.job_id async for job in client.describe_jobs(on_malformed=lambda _: None)]

    assert asyncio.run(read()) == ["a", "b", "c", "d"]
    with pytest.raises(RuntimeError, match="this client belongs to another event loop: create one client in each event loop"):
        asyncio.run(read())


def test_client_that_was_made_in_another_event_loop():
    async def make() -> AsyncJobsClient:
        return AsyncJobsClient(FakeDrs(PAGES))

    client = asyncio.run(make())
    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(client.get_job("a"))


def test_abandoned_coroutine(monkeypatch: pytest.MonkeyPatch):
    """A coroutine that is closed outside of its context, as by the garbage collector, raises no error."""
    errors: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", errors.append)
    loop = asyncio.new_event_loop()
    coroutine = AsyncJobsClient(FakeDrs(PAGES)).get_job("a")

    async def start() -> None:
        coroutine.send(None)

    loop.run_until_complete(start())
    coroutine.close()
    loop.close()
    assert errors == []


def test_errors_are_raised_again_by_next():
    async def run() -> None:
        fake = FakeDrs({None: {"items": [], "nextToken": "a"}, "a": {"items": [], "nextToken": "a"}})
        iterator = aiter(AsyncJobsClient(fake).describe_jobs())
        for _ in range(3):
            with pytest.raises(PaginationLoopError):
                await anext(iterator)
        assert len(fake.requests) == 2

    asyncio.run(run())


def test_asynchronous_mock():
    """AsyncMock is enough for a test of an application."""
    client = AsyncJobsClient(AsyncMock(**{"describe_jobs.return_value": {"items": _raw_jobs("a")}}))
    assert asyncio.run(client.get_job("a")).job_id == "a"
    with pytest.raises(JobNotFoundError):
        asyncio.run(AsyncJobsClient(FakeDrs({None: {"items": []}})).get_job("drsjob-1"))
    assert repr(client) == "AsyncJobsClient(AsyncMock)"
    assert repr(client.describe_jobs(limit=3)) == "AsyncPager(DescribeJobs, limit=3)"


# ------------------------------------------------------------------ over HTTP


def test_client_is_built_from_arguments(local_drs: LocalDrs):
    """At its first use. `async with` closes it, and then it cannot be used."""
    local_drs.add_jobs(job := make_job())

    async def run() -> None:
        async with AsyncJobsClient(region_name="eu-west-1", endpoint_url=local_drs.endpoint_url) as client:
            assert await client.get_job(job.job_id) == job
        for use in (client.get_job(job.job_id), client.__aenter__(), client.describe_jobs().first()):
            with pytest.raises(RuntimeError, match="this client is closed"):
                await use
        await client.close()
        other = AsyncJobsClient(region_name="eu-west-1", endpoint_url=local_drs.endpoint_url)
        many = await asyncio.gather(*(other.get_job(job.job_id) for _ in range(20)))
        assert many == [job] * 20
        await other.close()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run(), debug=True)


def test_client_that_was_passed_in_stays_open(local_drs: LocalDrs):
    local_drs.add_jobs(job := make_job())

    async def run() -> None:
        async with AioSession().create_client("drs", "eu-west-1", endpoint_url=local_drs.endpoint_url) as aio_client:
            async with AsyncJobsClient(aio_client) as client:
                assert await client.get_job(job.job_id) == job
            assert await client.get_job(job.job_id) == job
            raw = (await aio_client.describe_jobs())["items"][0]
            assert raw["jobID"] == job.job_id
            with pytest.raises(TypeError, match="drs is an asynchronous client: use AsyncJobsClient"):
                JobsClient(aio_client)
        with pytest.raises(TypeError, match="ClientCreatorContext has none"):
            AsyncJobsClient(context := AioSession().create_client("drs", "eu-west-1"))
        async with context:
            pass

    asyncio.run(run())


def test_cursors_are_those_of_the_synchronous_client(local_drs: LocalDrs):
    local_drs.add_jobs(*(make_job() for _ in range(5)))
    local_drs.page_sizes = (2,)
    synchronous = JobsClient(local_drs.client())

    async def run() -> None:
        async with AsyncJobsClient(region_name="eu-west-1", endpoint_url=local_drs.endpoint_url) as client:
            for position in range(6):
                run, other = aiter(client.describe_jobs()), iter(synchronous.describe_jobs())
                for _ in range(position):
                    assert await anext(run) == next(other)
                assert run.cursor == other.cursor
                rest = [job async for job in client.describe_jobs(cursor=other.cursor)]
                assert rest == list(synchronous.describe_jobs(cursor=run.cursor))

    asyncio.run(run())


def test_arguments_that_cannot_build_a_client(monkeypatch: pytest.MonkeyPatch):
    """The same errors as those of JobsClient, when it is created."""
    for arguments in ({}, {"profile_name": "nonexistent"}, {"region_name": "eu-west-1", "endpoint_url": "no url"}):
        errors = []
        for client_class in (JobsClient, AsyncJobsClient):
            with pytest.raises(Exception) as caught:
                client_class(**arguments)
            errors.append((type(caught.value), str(caught.value)))
        assert errors[0] == errors[1]
    with pytest.raises(TypeError, match=r"not boto3\.session\.Session"):
        AsyncJobsClient(session=boto3.Session(), region_name="eu-west-1")  # type: ignore[arg-type]  # the mistake
    with pytest.raises(TypeError, match="session beside profile_name"):
        AsyncJobsClient(session=AioSession(), profile_name="p")
    session = AioSession()
    session.set_config_variable("region", "eu-central-1")
    assert "region=eu-central-1, endpoint=https://drs.eu-central-1" in repr(AsyncJobsClient(session=session))
    monkeypatch.setenv("AWS_ENDPOINT_URL_DRS", "http://127.0.0.1:9")
    assert "endpoint=http://127.0.0.1:9" in repr(AsyncJobsClient(region_name="eu-west-1"))


def test_callers_handlers_can_call(local_drs: LocalDrs):
    """A call in a handler of the caller, in any event of our call, has its own result, and ours is complete."""
    local_drs.add_jobs(*(jobs := [make_job() for _ in range(3)]))
    session = AioSession()

    async def run(event: str) -> None:
        async with session.create_client("drs", "eu-west-1", endpoint_url=local_drs.endpoint_url) as aio_client:
            nested: list[Any] = []

            async def call(**_: Any) -> None:
                if not nested:
                    nested.append(None)
                    nested[0] = await aio_client.describe_jobs(maxResults=1)

            aio_client.meta.events.register(event, call)
            found = [job async for job in AsyncJobsClient(aio_client).describe_jobs()]
            assert sorted(job.job_id for job in found) == sorted(job.job_id for job in jobs), event
            assert len(nested[0]["items"]) == 1

    for event in ("provide-client-params", "before-call", "request-created", "before-send", "before-parse", "after-call"):
        for scope in (".drs", ".drs.DescribeJobs"):
            asyncio.run(run(event + scope))


CONFIGURATIONS: dict[str, tuple[str, dict[str, str]]] = {
    "nothing else": ("", {}),
    "region": ("", {"AWS_DEFAULT_REGION": "eu-central-1"}),
    "region in the file": ("region = eu-central-1", {"AWS_DEFAULT_REGION": ""}),
    "endpoint": ("", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}),
    "endpoint of DRS": ("", {"AWS_ENDPOINT_URL_DRS": "http://127.0.0.1:9"}),
    "endpoint in the file": ("endpoint_url = http://127.0.0.1:9", {}),
    "service in the file": ("services = s\n[services s]\ndrs =\n  endpoint_url = http://127.0.0.1:9", {}),
    "FIPS": ("", {"AWS_USE_FIPS_ENDPOINT": "true"}),
    "dual stack": ("use_dualstack_endpoint = true", {}),
    "profile": ("[profile other]\nregion = us-east-1\nretry_mode = adaptive", {"AWS_PROFILE": "other"}),
    "attempts": ("", {"AWS_MAX_ATTEMPTS": "7"}),
    "mode of retries": ("", {"AWS_RETRY_MODE": "standard"}),
    "attempts in the file": ("max_attempts = 9\nretry_mode = standard", {}),
    "proxy": ("", {"HTTPS_PROXY": "http://127.0.0.1:9"}),
    "proxies of an HTTP endpoint": ("endpoint_url = http://127.0.0.1:9", {"http_proxy": "http://127.0.0.1:8"}),
    "CA bundle": ("", {"AWS_CA_BUNDLE": "/etc/hosts"}),
    "CA bundle of requests": ("", {"REQUESTS_CA_BUNDLE": "/etc/hosts"}),
    "CA bundle in the file": ("ca_bundle = /etc/hosts", {}),
}
"""The lines of the default profile in the configuration file, and the environment."""


def _configuration(client: AsyncJobsClient) -> dict[str, Any]:
    """Return the configuration of a client's requests."""

    async def read() -> dict[str, Any]:
        async with client:
            aio_client: Any = await client._handle.ready()
            endpoint, config = aio_client._endpoint, aio_client.meta.config
            return {
                "endpoint": (aio_client.meta.endpoint_url, endpoint.host),
                "region": (aio_client.meta.region_name, aio_client._request_signer.region_name),
                "key": (await aio_client._request_signer._credentials.get_frozen_credentials()).access_key,
                "retries": config.retries,
                "proxies": vars(endpoint.http_session._proxy_config),
                "CA bundle": endpoint.http_session._verify,
                "time-outs": (config.connect_timeout, config.read_timeout, config.tcp_keepalive),
            }

    return asyncio.run(read())


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """A function that sets one of the configurations."""
    config, credentials = tmp_path / "config", tmp_path / "credentials"
    keys = "aws_access_key_id = {0}\naws_secret_access_key = x\n"
    credentials.write_text(f"[default]\n{keys.format('d')}[other]\n{keys.format('o')}", encoding="utf-8")

    with pytest.MonkeyPatch.context() as context:

        def configure(name: str) -> None:
            lines, environment = CONFIGURATIONS[name]
            config.write_text(f"[default]\n{lines}\n", encoding="utf-8")
            context.undo()
            files = {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(credentials)}
            for variable, value in {**files, "AWS_DEFAULT_REGION": "eu-west-1", **environment}.items():
                if value:
                    context.setenv(variable, value)

        yield configure


@pytest.mark.parametrize("make", [AsyncJobsClient, lambda: AsyncJobsClient(session=AioSession())], ids=["own", "session"])
@pytest.mark.parametrize("name", [name for name in CONFIGURATIONS if name != "nothing else"])
def test_configuration_is_that_of_the_creation(name: str, make: Any, configure: Callable[[str], None]):
    """It can change before the first use. A session without a profile finds it at the first use."""
    if name == "profile" and make is not AsyncJobsClient:
        return
    seen = []
    for first, second in ((name, "nothing else"), ("nothing else", name)):
        configure(first)
        expected, client = _configuration(make()), make()
        configure(second)
        assert f"endpoint={expected['endpoint'][0]}" in repr(client)
        assert _configuration(client) == expected
        seen.append(expected)
    assert seen[0] != seen[1]


def test_session_with_variables():
    session = AioSession()
    session.set_config_variable("use_fips_endpoint", True)  # noqa: FBT003
    assert "endpoint=https://drs-fips.us-east-1" in repr(AsyncJobsClient(session=session, region_name="us-east-1"))
    with pytest.raises(TypeError, match=r"session must be a boto3\.Session, not AioSession, which is for AsyncJobsClient"):
        JobsClient(session=session)  # type: ignore[arg-type]  # the mistake


@pytest.mark.needs_trio  # the lowest aiobotocore opens connections again after `close`
def test_client_that_its_owner_has_closed(local_drs: LocalDrs):
    """`wait` does not continue without end."""
    local_drs.add_jobs(job := make_job(status="STARTED"))

    async def run() -> None:
        async with AioSession().create_client("drs", "eu-west-1", endpoint_url=local_drs.endpoint_url) as aio_client:
            client = AsyncJobsClient(aio_client)
            _simulated(client).at(1, lambda: closing.append(asyncio.ensure_future(aio_client.close())))
            closing: list[Any] = []
            with pytest.raises(RuntimeError, match="this client is closed"):
                await client.wait(job, timeout=None)

    asyncio.run(run())


def test_cancelled_close_can_be_repeated(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """The connections of the client are closed then."""

    async def run() -> None:
        client = AsyncJobsClient(region_name="eu-west-1", endpoint_url=local_drs.endpoint_url)
        await client.describe_jobs().first()
        aio_client = await client._handle.ready()
        close, calls = aio_client.close, []

        async def interrupted() -> None:
            calls.append(None)
            if len(calls) == 1:
                raise asyncio.CancelledError
            await close()

        monkeypatch.setattr(aio_client, "close", interrupted)
        with pytest.raises(asyncio.CancelledError):
            await client.close()
        for _ in range(3):
            await client.close()
        assert len(calls) == 2

    asyncio.run(run())


def test_close_during_the_first_use(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """No session of aiohttp stays open."""
    get_credentials = AioSession.get_credentials

    async def slowly(self: Any) -> Any:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return await get_credentials(self)

    monkeypatch.setattr(AioSession, "get_credentials", slowly)

    async def run() -> None:
        client = AsyncJobsClient(region_name="eu-west-1", endpoint_url=local_drs.endpoint_url)
        task = asyncio.create_task(client.get_job("drsjob-00000000000000001"))
        await asyncio.sleep(0)
        await client.close()
        with pytest.raises(RuntimeError, match="this client is closed"):
            await task

    asyncio.run(run())
    assert local_drs.requests == ()


FAULTS = [Throttle(), ServerError(), DropConnection(), DropConnection(in_body=True), CutOff(), CutOff(0.9)]


def test_1000_tasks_on_one_client(local_drs: LocalDrs):
    """5 % are cancelled at random moments, and faults are injected: each task gets its own jobs, once, in order."""
    rng = random.Random(1)
    local_drs.page_sizes = (2, 0, 3)
    local_drs.add_jobs(*(jobs := [make_job() for _ in range(100)]))
    counts = {"cancelled": 0, "errors": 0}
    loop_errors: list[Any] = []

    async def read(client: AsyncJobsClient, ids: list[str], got: list[str]) -> None:
        """Read these jobs. Continue after each error, with the same iterator or from the cursor."""
        cursor: str | None = None
        iterator = aiter(client.describe_jobs(job_ids=ids))
        while True:
            try:
                async for job in iterator:
                    got.append(job.job_id)
            except asyncio.CancelledError:
                counts["cancelled"] += 1
                cursor = iterator.cursor
            except (DrsJobsError, BotoCoreError) as error:
                assert is_transient(error)
                counts["errors"] += 1
                if rng.random() < 0.5:
                    continue
                cursor = iterator.cursor
            else:
                return
            iterator = aiter(client.describe_jobs(job_ids=ids, cursor=cursor))

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: loop_errors.append(context))
        async with AsyncJobsClient(region_name="eu-west-1", endpoint_url=local_drs.endpoint_url) as client:
            wanted = [[job.job_id for job in rng.sample(jobs, 4)] for _ in range(1000)]
            got: list[list[str]] = [[] for _ in wanted]
            tasks = [asyncio.create_task(read(client, *pair)) for pair in zip(wanted, got, strict=True)]
            cancelled = rng.sample(tasks, 50)
            while cancelled:
                await asyncio.sleep(0.005)
                local_drs.inject(rng.choice(FAULTS))
                cancelled.pop().cancel()
            await asyncio.gather(*tasks)
            for ids, found in zip(wanted, got, strict=True):
                assert len(found) == len(set(found))
                assert set(ids) == set(found)
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())
    assert loop_errors == []
    assert counts["cancelled"] > 10
