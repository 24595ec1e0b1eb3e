"""What all tests share: a local DRS, and a client of it that does not retry, because retries sleep."""

from typing import Any

import pytest
from botocore.config import Config
from hypothesis import Phase, settings

from drs_jobs import JobsClient
from drs_jobs.testing import LocalDrs
from drs_jobs.testing.pytest import local_drs

__all__ = ["local_drs"]

# Seeded, so that a failure in CI is the same failure here.
settings.register_profile("drs_jobs", deadline=None, derandomize=True)
settings.load_profile("drs_jobs")
# A mutant needs to be killed, not to be killed by the simplest example.
settings.register_profile("mutants", settings.get_profile("drs_jobs"), phases=[Phase.explicit, Phase.generate])

ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})


@pytest.fixture
def boto_client(local_drs: LocalDrs) -> Any:
    """A plain boto3 client that makes one attempt."""
    return local_drs.client(config=ONE_ATTEMPT)


@pytest.fixture
def client(boto_client: Any) -> JobsClient:
    return JobsClient(boto_client)
