"""Never run, for mypy alone: an un-stubbed boto3.client is Any, which pyright in strict mode calls partly unknown."""

import boto3  # type: ignore[import-untyped, unused-ignore]

from drs_jobs import JobsClient

JobsClient(boto3.client("drs", region_name="eu-west-1"))
