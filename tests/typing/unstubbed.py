"""Never run: where boto3 has no stubs, its clients and sessions are of no known type, and still are clients for us."""

# pyright: strict

import boto3  # type: ignore[import-untyped, unused-ignore]  # pyright: ignore[reportMissingTypeStubs]

from drs_jobs import Job, JobsClient


def first_job(region: str) -> Job | None:
    return JobsClient(region_name=region).describe_jobs().first()


def with_a_session() -> Job | None:
    return JobsClient(session=boto3.Session()).describe_jobs().first()
