"""Wrong code with the asynchronous client: each line marked `# refused`, and no other, must be an error. It is never run."""

# pyright: strict

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from drs_jobs import Job, JobLogItem, JobsClient, Page, Pager, aio
from drs_jobs.aio import AsyncJobsClient, AsyncPager, sweep
from drs_jobs.sweep import TargetResult


class SyncClient:
    """A client of boto3."""

    def describe_jobs(self, **request: object) -> dict[str, Any]:
        return {"items": [], "nextToken": str(request)}


class ListClient:
    """A client with a method that returns a list."""

    async def describe_jobs(self, **request: object) -> list[object]:
        return [request]


class GeneratorClient:
    """A client with a generator as its method."""

    async def describe_jobs(self, **request: object) -> AsyncIterator[dict[str, Any]]:
        yield {"items": [], "nextToken": str(request)}


class NoClient:
    """A client of another service."""

    async def describe_instances(self) -> dict[str, Any]:
        return {}


def skip(index: int) -> None:
    print(index)


def clients(jobs_client: JobsClient, client: AsyncJobsClient) -> None:
    AsyncJobsClient("drs")  # refused
    AsyncJobsClient(datetime)  # refused
    AsyncJobsClient(SyncClient())  # refused
    AsyncJobsClient(ListClient())  # refused
    AsyncJobsClient(GeneratorClient())  # refused
    AsyncJobsClient(NoClient())  # refused
    AsyncJobsClient(jobs_client)  # refused
    AsyncJobsClient(client)  # refused
    AsyncJobsClient(region_name=1)  # refused
    AsyncJobsClient(region="eu-west-1")  # refused
    JobsClient(client)  # refused


def requests(client: AsyncJobsClient, job: Job) -> None:
    client.describe_jobs(from_date="2024-06-15")  # refused
    client.describe_jobs(["drsjob-1"])  # refused
    client.describe_jobs(job_ids=[1])  # refused
    client.describe_jobs(job_ids=[job])  # refused
    client.describe_jobs(limit="1")  # refused
    client.describe_jobs(on_malformed="skip")  # refused
    client.describe_jobs(on_malformed=skip)  # refused
    client.describe_job_log_items(job)  # refused


async def awaited_requests(client: AsyncJobsClient, job: Job) -> None:
    await client.get_job(job)  # refused
    (await client.get_job("id")).status.upper()  # refused
    await client.explain(None)  # refused
    await client.phases(1)  # refused


async def waits(client: AsyncJobsClient, job: Job) -> None:
    await client.wait(job)  # refused
    await client.wait(job, 60)  # refused
    await client.wait(job, timeout="60")  # refused
    await client.wait(None, timeout=60)  # refused
    await client.wait([job], timeout=60)  # refused
    await client.wait_all(job, timeout=60)  # refused
    client.watch([job])  # refused


async def without_await(client: AsyncJobsClient, pager: AsyncPager[Job]) -> None:
    client.get_job("id")  # refused
    client.wait("id", timeout=60)  # refused
    client.wait_all(["id"], timeout=60)  # refused
    pager.collect()  # refused
    client.close()  # refused
    print(client.get_job("id").job_id)  # refused
    print(client.wait("id", timeout=60).outcome)  # refused
    print(client.wait_all(["id"], timeout=60)[0])  # refused
    print(client.explain("id").failures)  # refused
    print(client.phases("id").participants)  # refused
    print(pager.first().job_id)  # refused
    print(len(pager.collect()))  # refused
    for _ in pager.collect():  # refused
        pass
    found: Job = client.get_job("id")  # refused
    print(found)
    print(anext(aiter(pager)).job_id)  # refused


async def with_await(client: AsyncJobsClient) -> None:
    await client.describe_jobs()  # refused
    await client.describe_jobs().pages()  # refused
    await client.describe_job_log_items("id")  # refused
    await client.watch(["id"], timeout=60)  # refused
    async for _ in await client.watch(["id"], timeout=60):  # refused
        pass


def synchronous(client: AsyncJobsClient, pager: AsyncPager[Job]) -> None:
    for _ in pager:  # refused
        pass
    for _ in pager.pages():  # refused
        pass
    for _ in client.watch(["id"], timeout=60):  # refused
        pass
    list(pager)  # refused
    iter(pager)  # refused
    next(aiter(pager))  # refused
    with client:  # refused
        pass


async def asynchronous(client: JobsClient, pager: Pager[Job]) -> None:
    async for _ in pager:  # refused
        pass
    async for _ in pager.pages():  # refused
        pass
    async for _ in client.watch(["id"], timeout=60):  # refused
        pass
    await client.get_job("id")  # refused
    await pager.first()  # refused
    aiter(pager)  # refused
    async with client:  # refused
        pass


async def pages(client: AsyncJobsClient, page: Page[Job]) -> None:
    page.items = ()  # refused
    print((await client.describe_jobs().first()).job_id)  # refused
    print((await client.describe_jobs().collect()).append)  # refused
    log_items: list[JobLogItem] = [item async for item in client.describe_jobs()]  # refused
    print(log_items)
    one: Pager[Job] = client.describe_jobs()  # refused
    other: AsyncPager[JobLogItem] = client.describe_jobs()  # refused
    print(one, other)
    async for item in client.describe_job_log_items("id"):
        print(item.job_id)  # refused
    client.describe_jobs().cursor = "c"  # refused


def sweeps(result: TargetResult[int]) -> None:
    sweep([result])  # refused
    for _ in sweep([]):  # refused
        pass


def unknown_name() -> None:
    aio.AsyncJobClient()  # refused
