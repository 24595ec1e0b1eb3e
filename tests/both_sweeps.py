"""`sweep`, and the asynchronous one as a synchronous iterator, so that one set of cases tests both.

The function of a sweep in these cases is a coroutine function, or one of drs_jobs.
"""

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from drs_jobs import sweep as sweeps
from drs_jobs.sweep import TargetFailure, TargetResult

Results = Iterator[TargetResult[Any] | TargetFailure]


async def collect(pager: Any) -> tuple[Any, ...]:
    """The items of a pager, synchronous or not."""
    items = pager.collect()
    return tuple(await items if inspect.isawaitable(items) else items)


def sweep_on_threads(targets: Any, read: Any = sweeps.read_jobs, **arguments: Any) -> Results:
    """The results of `drs_jobs.sweep.sweep`."""
    return sweeps.sweep(targets, run_without_loop(read) if inspect.iscoroutinefunction(read) else read, **arguments)


def run_without_loop(read: Callable[[Any], Coroutine[Any, Any, Any]]) -> Callable[[Any], Any]:
    """A coroutine function as a function. It waits for nothing, because its client is synchronous."""

    def call(client: Any) -> Any:
        try:
            read(client).send(None)
        except StopIteration as end:
            return end.value
        raise AssertionError

    return call


def sweep_in_event_loop(targets: Any, read: Any = sweeps.read_jobs, **arguments: Any) -> Results:
    """The results of `drs_jobs.aio.sweep`. The event loop runs only while the caller waits for a result."""
    from drs_jobs import aio  # noqa: PLC0415  # needs aiobotocore

    ours = {sweeps.read_jobs: aio.read_jobs, sweeps.read_phases: aio.read_phases}
    if isinstance(read, functools.partial):
        read = functools.partial(ours[read.func], **read.keywords)
    elif callable(read):
        read = ours.get(read, read)
    return _blocking(aio.sweep(targets, read, **arguments))


def _blocking(results: Any) -> Results:
    async def take() -> Any:
        return await anext(results, None)

    with asyncio.Runner() as runner:
        try:
            while (result := runner.run(take())) is not None:
                yield result
        finally:
            runner.run(results.aclose())


both_sweeps = pytest.mark.parametrize(
    "sweep",
    [
        pytest.param(sweep_on_threads, id="threads"),
        pytest.param(sweep_in_event_loop, id="asyncio", marks=pytest.mark.needs_aiobotocore),
    ],
)
"""Runs a test with each of them as its argument `sweep`."""
