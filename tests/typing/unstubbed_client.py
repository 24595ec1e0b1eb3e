"""JobsClient accepts an un-stubbed boto3.client, which is Any. Pyright in strict mode rejects it as partly unknown.

This program is never run.
"""

import boto3  # type: ignore[import-untyped, unused-ignore]

from drs_jobs import JobsClient

JobsClient(boto3.client("drs", region_name="eu-west-1"))
