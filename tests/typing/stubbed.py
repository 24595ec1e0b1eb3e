"""JobsClient accepts clients of both stub packages, also inside a Stubber. This program is never run."""

# pyright: strict

import boto3
from botocore.config import Config
from botocore.stub import Stubber
from mypy_boto3_drs.client import DrsClient as BotoStubsClient
from types_boto3_drs.client import DrsClient as TypesBotoClient

from drs_jobs import JobsClient


def stubbed(one: BotoStubsClient, other: TypesBotoClient) -> None:
    JobsClient(one).describe_jobs()
    JobsClient(other).describe_jobs()
    with Stubber(one):
        JobsClient(one).describe_jobs()
    JobsClient(client=one)


def built(session: boto3.Session, config: Config) -> None:
    JobsClient(session=session, region_name="eu-west-1", endpoint_url="http://127.0.0.1:1", config=config)
    JobsClient(profile_name="work")
