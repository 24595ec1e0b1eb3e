"""The type of every public call of the asynchronous client, for type checkers in strict mode. This program is never run."""

# pyright: strict

import asyncio
import functools
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from drs_jobs import (
    Items,
    Job,
    JobFailedError,
    JobLogItem,
    JobNotFoundError,
    JobOutcomeError,
    JobRef,
    MalformedResponseError,
    Page,
    PaginationLoopError,
    ServiceError,
    ValidationException,
    WaitTimeoutError,
)
from drs_jobs.aio import (
    AsyncJobsClient,
    AsyncPager,
    AsyncPagerIterator,
    SupportsAsyncDescribeJobs,
    read_jobs,
    read_phases,
    sweep,
)
from drs_jobs.analysis import Explanation, Failure, JobPhases
from drs_jobs.sweep import Target, TargetFailure, TargetResult, targets


class HandMade:
    """A hand-written fake client."""

    async def describe_jobs(self, **request: object) -> dict[str, Any]:
        return {"items": [], "nextToken": str(request)}


class Mocked:
    """A fake client with a method that returns an awaitable and is not a coroutine."""

    def describe_jobs(self, **request: object) -> Awaitable[dict[str, Any]]:
        return asyncio.ensure_future(HandMade().describe_jobs(**request))


def skip(error: MalformedResponseError) -> None:
    assert_type(error.path, str)
    assert_type(error.cursor, str | None)


async def connecting(client: SupportsAsyncDescribeJobs) -> None:
    for fake in (HandMade(), Mocked(), client):
        async with AsyncJobsClient(fake) as entered:
            assert_type(entered, AsyncJobsClient)
    AsyncJobsClient(client=client)
    AsyncJobsClient(region_name="eu-west-1", profile_name="work", endpoint_url="http://127.0.0.1:1")
    await AsyncJobsClient().close()


async def listing() -> None:
    client = AsyncJobsClient(HandMade())
    pager = client.describe_jobs(
        job_ids=["a"],
        from_date=datetime.now(UTC),
        to_date=datetime.now(UTC),
        page_size=1,
        limit=1,
        cursor="c",
        on_malformed=skip,
    )
    assert_type(pager, AsyncPager[Job])
    assert_type(pager.cursor, str | None)
    assert_type(await pager.first(), Job | None)
    assert_type(await pager.collect(), Items[Job])
    anything: Items[object] = await pager.collect()
    assert len(anything) == len(await pager.collect())
    page_iterator: AsyncIterator[Page[Job]] = pager.pages()
    assert_type(await anext(page_iterator), Page[Job])
    iterator = aiter(pager)
    assert_type(iterator, AsyncPagerIterator[Job])
    assert_type(aiter(iterator), AsyncPagerIterator[Job])
    assert_type(iterator.cursor, str)
    assert_type(await anext(iterator), Job)
    assert_type(await anext(iterator, None), Job | None)
    assert_type(await anext(iterator.pages()), Page[Job])
    async for page in pager.pages():
        assert_type(page.items, tuple[Job, ...])
        assert_type(page.next_token, str | None)
        assert_type(page.request_id, str | None)
        assert_type(page.cursor, str)
        assert_type(page.raw, Mapping[str, Any])
    for collected in await pager.collect():
        assert_type(collected, Job)
    async for job in pager:
        assert_type(job, Job)
    async for job in iterator:
        assert_type(job, Job)
    assert_type([job async for job in client.describe_jobs()], list[Job])
    assert_type(await client.get_job("a"), Job)


async def waiting(client: AsyncJobsClient, job: Job, raw: Mapping[str, Any]) -> None:
    jobs: AsyncIterator[Job] = client.watch([job, "id", raw], timeout=60)
    assert_type(await anext(jobs), Job)
    async for snapshot in client.watch([job], timeout=None, poll_interval=1):
        assert_type(snapshot, Job)
    assert_type(await client.wait(job, timeout=timedelta(minutes=1), poll_interval=1), Job)
    assert_type(await client.wait(raw, timeout=None), Job)
    assert_type(await client.wait_all(["id"], timeout=1.5, poll_interval=timedelta(seconds=1)), tuple[Job, ...])
    reference: JobRef = job
    explanation = await client.explain(reference)
    assert_type(explanation, Explanation)
    assert_type(explanation.job, Job)
    assert_type(explanation.instance_ids, Mapping[str, str])
    assert_type(explanation.log, tuple[JobLogItem, ...])
    assert_type(explanation.log_error, Exception | None)
    for failure in explanation.failures:
        assert_type(failure, Failure)
    for cause in (await client.explain(job)).causes:
        assert_type(cause.participants, tuple[str, ...])
    assert_type(await client.phases(job), JobPhases)
    log = client.describe_job_log_items("id", page_size=1, limit=1, cursor="c", on_malformed=skip)
    assert_type(log, AsyncPager[JobLogItem])
    async for item in log:
        assert_type(item, JobLogItem)


async def closing(client: AsyncJobsClient, pager: AsyncPager[Job]) -> None:
    """Every asynchronous iterator has `aclose`."""
    async with aclosing(client.watch(["id"], timeout=60)) as jobs:
        assert_type(await anext(jobs), Job)
    async with aclosing(aiter(pager)) as items, aclosing(pager.pages()) as pages:
        assert_type(await anext(items), Job)
        assert_type(await anext(pages), Page[Job])


async def together(client: AsyncJobsClient, job: Job) -> None:
    """Many calls at the same time."""
    iterator = aiter(client.describe_jobs())
    async with asyncio.TaskGroup() as group:
        waiter = group.create_task(client.wait(job, timeout=60))
        reader = group.create_task(client.describe_jobs().collect())
        reading = group.create_task(anext(iterator))
    assert_type(waiter.result(), Job)
    assert_type(reader.result(), Items[Job])
    assert_type(reading.result(), Job)
    assert_type(await asyncio.wait_for(client.get_job("a"), 60), Job)
    found, phases = await asyncio.gather(client.get_job("a"), client.phases("a"))
    assert_type(found, Job)
    assert_type(phases, JobPhases)


async def failing(client: AsyncJobsClient, handler: Callable[[ServiceError], None]) -> None:
    try:
        await client.get_job("a")
    except ValidationException as error:
        assert_type(error.reason, str | None)
    except ServiceError as error:
        assert_type(error.code, str)
        handler(error)
    except PaginationLoopError as error:
        assert_type(error.token, str)
    except JobNotFoundError as error:
        assert_type(error.last_seen, Job | None)
    except JobFailedError as error:
        assert_type(error.job, Job)
    except JobOutcomeError as error:
        assert_type(error.job, Job)
    except WaitTimeoutError as error:
        assert_type(error.jobs, tuple[Job, ...])


async def sweeping(now: datetime, more: AsyncIterable[Target]) -> None:
    found = targets(["123456789012"], "all", role_name="DrsReader")
    async with aclosing(sweep(found, max_in_flight=10)) as results:
        async for outcome in results:
            if isinstance(outcome, TargetFailure):
                assert_type(outcome.error, Exception)
            else:
                assert_type(outcome.value, tuple[Job, ...])
    assert_type([outcome async for outcome in sweep(more)], list[TargetResult[tuple[Job, ...]] | TargetFailure])
    newer = sweep(more, functools.partial(read_jobs, from_date=now))
    assert_type([outcome async for outcome in newer], list[TargetResult[tuple[Job, ...]] | TargetFailure])
    assert_type(
        [outcome async for outcome in sweep(more, read_phases)], list[TargetResult[tuple[JobPhases, ...]] | TargetFailure]
    )
