"""Un-stubbed clients of boto3 and aiobotocore are accepted, as Any. Pyright in strict mode rejects them as partly unknown.

This program is never run.
"""

import boto3  # type: ignore[import-untyped, unused-ignore]
from aiobotocore.session import get_session  # type: ignore[import-untyped, unused-ignore]

from drs_jobs import JobsClient
from drs_jobs.aio import AsyncJobsClient

JobsClient(boto3.client("drs", region_name="eu-west-1"))


async def asynchronous() -> None:
    async with get_session().create_client("drs", region_name="eu-west-1") as client:
        AsyncJobsClient(client)
