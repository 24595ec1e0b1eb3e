"""`sweep`, and the asynchronous one as a synchronous iterator, so that one set of cases tests both."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from drs_jobs.sweep import TargetFailure, TargetJobs, sweep


def sweep_in_event_loop(targets: Any, **arguments: Any) -> Iterator[TargetJobs | TargetFailure]:
    """The results of `drs_jobs.aio.sweep`. The event loop runs only while the caller waits for a result."""
    from drs_jobs import aio  # noqa: PLC0415  # needs aiobotocore

    return _blocking(aio.sweep(targets, **arguments))


def _blocking(results: Any) -> Iterator[TargetJobs | TargetFailure]:
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
