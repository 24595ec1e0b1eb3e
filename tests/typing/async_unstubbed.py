"""AsyncJobsClient accepts sessions of aiobotocore without stubs. They have no type. This program is never run."""

# aiobotocore itself is not in the environment of the stubs, because it requires another version of botocore.
# pyright: strict, reportMissingModuleSource=false

from aiobotocore.session import AioSession  # type: ignore[import-untyped, unused-ignore]  # pyright: ignore[reportMissingTypeStubs]

from drs_jobs import Job
from drs_jobs.aio import AsyncJobsClient


async def first_job(region: str) -> Job | None:
    async with AsyncJobsClient(region_name=region) as client:
        return await client.describe_jobs().first()


async def with_a_session() -> Job | None:
    return await AsyncJobsClient(session=AioSession()).describe_jobs().first()
