"""The CPU time of reading jobs with the asynchronous client, beside that of the synchronous one, in one process.

It prints a line per contender: its name, the microseconds per job, and the ratio to the raw dicts of boto3 or aiobotocore.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import boto3
import msgspec
from aiobotocore.session import AioSession
from contenders import _read_raw, boto3_dicts, drs_jobs_json, drs_jobs_msgspec, read_typed, use_decoder

from drs_jobs.aio import AsyncJobsClient

ROUNDS: Final = 21
JOBS: Final = 1_000
KEYS: Final[Any] = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "eu-west-1"}


async def aiobotocore_dicts(client: Any) -> None:
    async for page in client.get_paginator("describe_jobs").paginate():
        for job in page["items"]:
            _read_raw(job)


def of_async_client(run: Callable[[AsyncJobsClient], Awaitable[None]], *, is_fast: bool) -> Callable[[Any], Awaitable[None]]:
    """A contender with `run`, with the decoder of the extra `speed` or without it."""
    decode = msgspec.json.Decoder().decode if is_fast else None

    async def contender(client: Any) -> None:
        use_decoder(decode)
        await run(AsyncJobsClient(client))

    return contender


async def each(client: AsyncJobsClient) -> None:
    async for job in client.describe_jobs():
        read_typed(job)


async def collect(client: AsyncJobsClient) -> None:
    for job in await client.describe_jobs().collect():
        read_typed(job)


def show(name: str, mine: list[float], raw: list[float]) -> None:
    ratio = statistics.median(one / other for one, other in zip(mine, raw, strict=True))
    print(name, f"{statistics.median(mine) / JOBS * 1e6:.0f}", f"{ratio:.2f}", sep="\t", flush=True)


async def measure(url: str) -> None:
    """Measure each contender in turn with the raw dicts of its library."""
    synchronous: Any = boto3.client("drs", endpoint_url=url, **KEYS)
    for name, run in (("JobsClient", drs_jobs_json), ("JobsClient, with the extra speed", drs_jobs_msgspec)):
        times: list[tuple[float, float]] = []
        for _ in range(ROUNDS + 1):
            moments = [time.process_time()]
            for contender in (run, boto3_dicts):
                contender(synchronous)
                moments.append(time.process_time())
            times.append((moments[1] - moments[0], moments[2] - moments[1]))
        show(name, *map(list, zip(*times[1:], strict=True)))
    contenders = {
        "AsyncJobsClient": of_async_client(each, is_fast=False),
        "AsyncJobsClient, collect()": of_async_client(collect, is_fast=False),
        "AsyncJobsClient, with the extra speed": of_async_client(each, is_fast=True),
    }
    async with AioSession().create_client("drs", endpoint_url=url, **KEYS) as client:
        for name, run_async in contenders.items():
            times = []
            for _ in range(ROUNDS + 1):
                moments = [time.process_time()]
                for async_contender in (run_async, aiobotocore_dicts):
                    await async_contender(client)
                    moments.append(time.process_time())
                times.append((moments[1] - moments[0], moments[2] - moments[1]))
            show(name, *map(list, zip(*times[1:], strict=True)))


if __name__ == "__main__":
    asyncio.run(measure(sys.argv[1]))
