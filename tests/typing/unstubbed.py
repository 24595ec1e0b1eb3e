"""JobsClient accepts clients and sessions of boto3 without stubs. They have no type. This program is never run."""

# pyright: strict

import boto3  # type: ignore[import-untyped, unused-ignore]  # pyright: ignore[reportMissingTypeStubs]

from drs_jobs import Job, JobsClient


def first_job(region: str) -> Job | None:
    return JobsClient(region_name=region).describe_jobs().first()


def with_a_session() -> Job | None:
    return JobsClient(session=boto3.Session()).describe_jobs().first()
