"""Each client accepts its kind of stubbed client, and checkers refuse the other kind. This program is never run."""

# aiobotocore itself is not in the environment of the stubs, because it requires another version of botocore. `create_client`
# and `boto3.client` are overloaded for all services, and are partly unknown if the stubs of some services are not installed.
# pyright: strict, reportMissingModuleSource=false, reportUnknownMemberType=false

import boto3
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession, get_session
from botocore.config import Config
from mypy_boto3_drs.client import DrsClient as BotoStubsClient
from types_aiobotocore_drs.client import DrsClient
from types_boto3_drs.client import DrsClient as TypesBotoClient

from drs_jobs import Job, JobsClient
from drs_jobs.aio import AsyncJobsClient


async def stubbed(given: DrsClient) -> Job | None:
    AsyncJobsClient(given).describe_jobs()
    async with get_session().create_client("drs", region_name="eu-west-1") as client:
        AsyncJobsClient(client=client)
        return await AsyncJobsClient(client).describe_jobs().first()


async def built(session: AioSession, config: Config) -> None:
    AsyncJobsClient(session=session, region_name="eu-west-1", endpoint_url="http://127.0.0.1:1", config=config)
    AsyncJobsClient(config=AioConfig(), profile_name="work")


async def mixed(one: BotoStubsClient, other: TypesBotoClient, client: DrsClient, session: AioSession) -> None:
    AsyncJobsClient(one)  # refused
    AsyncJobsClient(other)  # refused
    AsyncJobsClient(boto3.client("drs"))  # refused
    AsyncJobsClient(session=boto3.Session())  # refused
    JobsClient(client)  # refused
    JobsClient(session=session)  # refused
    AsyncJobsClient(session.create_client("drs"))  # refused
    JobsClient(session.create_client("drs"))  # refused
    async with session.create_client("drs") as entered:
        JobsClient(entered)  # refused
