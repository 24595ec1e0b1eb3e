"""`sweep`, and the asynchronous one as a synchronous iterator, so that one set of cases tests both."""

import asyncio
import functools
from collections.abc import Iterator
from typing import Any

import pytest

from drs_jobs.sweep import TargetFailure, TargetResult, read_jobs, sweep


def sweep_in_event_loop(targets: Any, read: Any = None, **arguments: Any) -> Iterator[TargetResult[Any] | TargetFailure]:
    """The results of `drs_jobs.aio.sweep`. The event loop runs only while the caller waits for a result."""
    from drs_jobs import aio  # noqa: PLC0415  # needs aiobotocore

    if getattr(read, "func", None) is read_jobs:
        read = functools.partial(aio.read_jobs, **read.keywords)
    return _blocking(aio.sweep(targets, read, **arguments))


def _blocking(results: Any) -> Iterator[TargetResult[Any] | TargetFailure]:
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
        pytest.param(sweep, id="threads"),
        pytest.param(sweep_in_event_loop, id="asyncio", marks=pytest.mark.needs_aiobotocore),
    ],
)
"""Runs a test with each of them as its argument `sweep`."""
