"""`AsyncJobsClient` with the methods of `JobsClient`, so that one set of cases tests both."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, ClassVar, Self

import attrs
from aiobotocore.session import AioSession
from botocore.client import BaseClient

from drs_jobs._polling import Clock
from drs_jobs.aio import AsyncJobsClient


class EventLoop:
    """The event loop of one test. The clients of the test are closed with it."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._clients = contextlib.AsyncExitStack()

    def run(self, awaitable: Awaitable[Any]) -> Any:
        async def run() -> Any:
            return await awaitable

        return self._runner.run(run())

    def counterpart(self, client: BaseClient) -> Any:
        """Return the client of aiobotocore with the endpoint, the credentials and the configuration of a boto3 client."""
        credentials = client._request_signer._credentials
        context = AioSession().create_client(
            "drs",
            region_name=client.meta.region_name,
            endpoint_url=client.meta.endpoint_url,
            config=client.meta.config,
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            aws_session_token=credentials.token,
        )
        return self.run(self._clients.enter_async_context(context))

    def close(self) -> None:
        tasks = self.run(_other_tasks())
        self.run(self._clients.aclose())
        self._runner.close()
        assert tasks == set()


async def _other_tasks() -> set[Any]:
    return asyncio.all_tasks() - {asyncio.current_task()}


class AsyncFake:
    """A fake client with coroutine functions as methods."""

    def __init__(self, fake: Any) -> None:
        self._fake = fake

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._fake, name)
        if name not in {"describe_jobs", "describe_job_log_items"} or not callable(value):
            return value

        async def method(**request: Any) -> Any:
            await asyncio.sleep(0)
            return value(**request)

        return method


class BlockingClient:
    """An AsyncJobsClient with the methods of JobsClient. Each call blocks until its coroutine has ended."""

    loop: ClassVar[EventLoop]

    def __init__(self, client: Any = None, **arguments: Any) -> None:
        if isinstance(client, BaseClient):
            client = self.loop.counterpart(client)
        elif hasattr(client, "describe_jobs"):
            client = AsyncFake(client)
        self._client = client
        self.asynchronous = AsyncJobsClient(client, **arguments)

    def __repr__(self) -> str:
        return repr(self.asynchronous)

    @property
    def _clock(self) -> Clock:
        return self.asynchronous._clock

    @_clock.setter
    def _clock(self, clock: Clock) -> None:
        async def sleep(seconds: float) -> None:
            clock.sleep(seconds)

        self.asynchronous._clock = attrs.evolve(clock, sleep=sleep)

    def describe_jobs(self, **arguments: Any) -> "_Pager":
        return _Pager(self.loop, self.asynchronous.describe_jobs(**arguments))

    def describe_job_log_items(self, *arguments: Any, **keywords: Any) -> "_Pager":
        return _Pager(self.loop, self.asynchronous.describe_job_log_items(*arguments, **keywords))

    def watch(self, *arguments: Any, **keywords: Any) -> Iterator[Any]:
        return _Iterator(self.loop, self.asynchronous.watch(*arguments, **keywords))

    def close(self) -> None:
        self.loop.run(self.asynchronous.close())

    def __enter__(self) -> Self:
        self.loop.run(self.asynchronous.__aenter__())
        return self

    def __exit__(self, *error: object) -> None:
        self.loop.run(self.asynchronous.__aexit__(*error))


def _blocking(name: str) -> Callable[..., Any]:
    def method(self: BlockingClient, *arguments: Any, **keywords: Any) -> Any:
        return self.loop.run(getattr(self.asynchronous, name)(*arguments, **keywords))

    return method


for _name in ("get_job", "wait", "wait_all", "explain", "phases"):
    setattr(BlockingClient, _name, _blocking(_name))


class _Iterator:
    def __init__(self, loop: EventLoop, iterator: Any) -> None:
        self._loop, self._iterator = loop, iterator

    def __iter__(self) -> "_Iterator":
        return self

    def __next__(self) -> Any:
        try:
            return self._loop.run(anext(self._iterator))
        except StopAsyncIteration:
            raise StopIteration from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._iterator, name)

    def __repr__(self) -> str:
        return repr(self._iterator)

    def pages(self) -> "_Iterator":
        return _Iterator(self._loop, self._iterator.pages())


class _Pager:
    def __init__(self, loop: EventLoop, pager: Any) -> None:
        self._loop, self._pager = loop, pager

    def __iter__(self) -> _Iterator:
        return _Iterator(self._loop, aiter(self._pager))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pager, name)

    def __repr__(self) -> str:
        return repr(self._pager)

    def pages(self) -> _Iterator:
        return _Iterator(self._loop, self._pager.pages())

    def first(self) -> Any:
        return self._loop.run(self._pager.first())

    def collect(self) -> Any:
        return self._loop.run(self._pager.collect())
