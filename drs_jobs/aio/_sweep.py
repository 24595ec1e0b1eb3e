"""A sweep with the tasks of one asyncio event loop."""

import asyncio
import functools
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, TypeAlias, TypeVar, overload

from aiobotocore.credentials import AioCredentials
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError

from drs_jobs._aws.async_clients import follow_no_redirects
from drs_jobs._errors import DrsJobsError, MalformedResponseError
from drs_jobs._models import Job
from drs_jobs.aio._client import AsyncJobsClient
from drs_jobs.aio._pager import TaskGuard
from drs_jobs.analysis import JobPhases, phases
from drs_jobs.sweep.clients import SharedClients
from drs_jobs.sweep.targets import Target, TargetFailure, TargetResult, failure_of
from drs_jobs.sweep.workers import MAX_IN_FLIGHT, check_target, check_value, require_well_formed, validate

T = TypeVar("T")
R = TypeVar("R")

_Result: TypeAlias = TargetResult[Any] | TargetFailure

_END: Final[Any] = object()
"""Follows the last target, and the last result."""


class AsyncSweep(AsyncIterator[R]):
    """An asynchronous iterator over one result per target, as `sweep` says. One task at a time can wait for a result."""

    _task: "asyncio.Task[Exception | None] | None" = None
    """The task that starts one task per target. It does not refer to the iterator. Deleting that cancels it."""

    def __init__(
        self,
        targets: Iterable[Target] | AsyncIterable[Target],
        read: Callable[[Target], Awaitable[_Result]],
        close: Callable[[], Awaitable[object]],
        max_in_flight: int,
    ) -> None:
        """Create an iterator. Nothing is read before the first `anext`.

        `max_in_flight` limits the targets in flight and the results that were not taken, together. An error of `read` is the
        failure of its target. `close` is called when no target is in flight any more, also after a cancellation.
        """
        iterator = aiter(targets) if isinstance(targets, AsyncIterable) else iter(targets)
        self._results = asyncio.Queue[Any]()
        self._slots = asyncio.Semaphore(max_in_flight)
        self._run = functools.partial(_run, iterator, read, self._results, self._slots, close)
        self._guard = TaskGuard()
        self._is_closed = False

    async def __anext__(self) -> R:
        """Return the next result, or raise the error of the targets iterable after the results of the targets in flight."""
        with self._guard:
            if self._is_closed:
                raise StopAsyncIteration
            task = self._start()
            result: R = await self._results.get()
            if not (result is _END or self._is_closed):
                self._slots.release()
                return result
        is_closed, self._is_closed = self._is_closed, True
        if is_closed:
            raise StopAsyncIteration
        if task.cancelled():
            raise RuntimeError("other code cancelled the tasks of this sweep, so it has no result for some targets")
        raise task.result() or StopAsyncIteration

    async def aclose(self) -> None:
        """Cancel the targets in flight, and close the clients. There are no more results."""
        self._is_closed = True
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])

    def __del__(self) -> None:
        task = self._task
        if task is not None and not task.get_loop().is_closed():
            task.get_loop().call_soon_threadsafe(task.cancel)  # the garbage collector can run in any thread

    def _start(self) -> "asyncio.Task[Exception | None]":
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError("an asynchronous sweep needs a running event loop of asyncio: use sweep in other code") from None
        if self._task is None:
            self._task = loop.create_task(self._run(), name="drs_jobs.aio.sweep")
            results = self._results  # so that the task does not refer to this object
            self._task.add_done_callback(lambda _: results.put_nowait(_END))
        elif self._task.get_loop() is not loop:
            raise RuntimeError(
                "this sweep belongs to another event loop: use it in one event loop, and each asyncio.run() is one"
            )
        return self._task


async def _run(
    targets: Iterator[Target] | AsyncIterator[Target],
    read: Callable[[Target], Awaitable[_Result]],
    results: asyncio.Queue[_Result],
    slots: asyncio.Semaphore,
    close: Callable[[], Awaitable[object]],
) -> Exception | None:
    """Start one task per target, and wait for all. Return the error of the iterator of targets, if it raised one."""

    async def read_target(target: Target) -> None:
        # Other code can cancel the task of one target.
        result: _Result = TargetFailure(target, RuntimeError("the task of this target was cancelled"))
        try:
            result = await read(target)
        except BaseException as error:  # an error of one target must not end the sweep
            if isinstance(error, asyncio.CancelledError | KeyboardInterrupt | SystemExit):
                raise
            result = failure_of(target, error)
        finally:
            results.put_nowait(result)

    try:
        async with asyncio.TaskGroup() as group:
            try:
                await slots.acquire()
                while (
                    target := next(targets, _END) if isinstance(targets, Iterator) else await anext(targets, _END)
                ) is not _END:
                    group.create_task(read_target(target))
                    await slots.acquire()
            except Exception as error:  # noqa: BLE001  # raised after the results of the targets in flight
                return error
        return None
    finally:
        await close()


class TaskClients(SharedClients):
    """The clients of a sweep in an event loop, over aiobotocore."""

    lock_class = asyncio.Lock
    credentials_class = AioCredentials

    def __init__(self, max_in_flight: int) -> None:
        super().__init__(max_in_flight, _make_session)
        self._is_closed = False

    async def close(self) -> None:
        """Close the clients, which no target uses any more. A cancellation meanwhile leaves no client open."""
        self._is_closed = True
        while self._clients:
            _, client = self._clients.popitem()
            # asyncio.run() cancels this task again at its end. A cancelled close of aiohttp has closed its connections already.
            with suppress(asyncio.CancelledError):
                await client.close()

    async def _build(self, session: Any, service_name: str, **arguments: Any) -> Any:
        if self._is_closed:
            raise RuntimeError("this sweep has ended: return what is needed from the function of the sweep")
        client = await session.create_client(service_name, **arguments).__aenter__()
        follow_no_redirects(client, calls_of_drs_jobs_only=False)
        return client


def _make_session(profile_name: str | None) -> AioSession:
    return AioSession(profile=profile_name)


@overload
def sweep(
    targets: Iterable[Target] | AsyncIterable[Target], *, max_in_flight: int = MAX_IN_FLIGHT
) -> AsyncSweep[TargetResult[tuple[Job, ...]] | TargetFailure]: ...
@overload
def sweep(
    targets: Iterable[Target] | AsyncIterable[Target],
    read: Callable[[AsyncJobsClient], Awaitable[T]],
    *,
    max_in_flight: int = MAX_IN_FLIGHT,
) -> AsyncSweep[TargetResult[T] | TargetFailure]: ...
def sweep(
    targets: Iterable[Target] | AsyncIterable[Target],
    read: Callable[[AsyncJobsClient], Awaitable[Any]] | None = None,
    *,
    max_in_flight: int = MAX_IN_FLIGHT,
) -> AsyncSweep[TargetResult[Any] | TargetFailure]:
    """Return an asynchronous iterator over one result per target, as `sweep` does, with the requests of one asyncio event loop.

    A cancelled `anext` loses no result: the next one continues. `aclose()`, which `contextlib.aclosing` calls, cancels the
    targets in flight and closes the clients. So does the deletion of the iterator, as after `break`.

    Args:
        targets: As in `drs_jobs.sweep.sweep`, or an asynchronous iterable.
        read: The coroutine function to call with the `AsyncJobsClient` of each target, by default `read_jobs` of this module.
        max_in_flight: The maximum number of targets that are read at the same time, by default 32.

    Returns:
        An `AsyncIterator` with the method `aclose()`. Its results are as in `drs_jobs.sweep.sweep`.

    Raises:
        TypeError, ValueError: If an argument has the wrong type or value. Raised by this call.
        RuntimeError: If no event loop of asyncio runs. Raised by `anext`.
    """
    read = read_jobs if read is None else read
    in_flight = validate(targets, read, max_in_flight)
    clients = TaskClients(in_flight)
    return AsyncSweep(targets, functools.partial(_read_target, clients, read), clients.close, in_flight)


async def _read_target(
    clients: TaskClients, read: Callable[[AsyncJobsClient], Awaitable[Any]], target: Target
) -> TargetResult[Any]:
    """Return the result of one target, or raise the error."""
    check_target(target)
    result: object = read(AsyncJobsClient(await clients.bind(target)))
    if not inspect.isawaitable(result):
        name = type(result).__name__
        raise TypeError(f"read returned {name}, which cannot be awaited: use a coroutine function, or drs_jobs.sweep.sweep")
    return TargetResult(target, check_value(await result))


async def read_jobs(
    client: AsyncJobsClient, *, from_date: datetime | None = None, to_date: datetime | None = None
) -> tuple[Job, ...]:
    """Return all jobs of an account and region, newest first, as `drs_jobs.sweep.read_jobs`. It is the default of `sweep`."""
    malformed: list[MalformedResponseError] = []
    pager = client.describe_jobs(from_date=from_date, to_date=to_date, on_malformed=malformed.append)
    return require_well_formed(tuple(await pager.collect()), malformed)


async def read_phases(
    client: AsyncJobsClient, *, from_date: datetime | None = None, to_date: datetime | None = None
) -> tuple[JobPhases, ...]:
    """Return the phases of all jobs of an account and region, newest first, as `drs_jobs.sweep.read_phases`."""
    jobs = await read_jobs(client, from_date=from_date, to_date=to_date)
    return tuple([await _phases_of(client, job) for job in jobs])


async def _phases_of(client: AsyncJobsClient, job: Job) -> JobPhases:
    try:
        return await client.phases(job)
    except (DrsJobsError, BotoCoreError, ValueError) as error:  # as in `drs_jobs.sweep.workers.phases_of`
        return phases(job, (), log_error=error)
