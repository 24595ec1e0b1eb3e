"""What all tests share: a defined environment, a local DRS, and a client of it that does not retry, because retries sleep."""

import os
import signal
import tempfile
import threading
import time
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

KEPT = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONHASHSEED", "PYTHON_GIL")
KEPT_PREFIXES = ("COVERAGE_", "DRS_JOBS_", "HYPOTHESIS_", "PYTEST_")
"""The variables of the environment that the tests keep."""

DEFINED = {
    "LC_ALL": "C.UTF-8",
    "PYTHONUTF8": "1",
    "TERM": "xterm-256color",
    "TZ": "XXX-5:45",  # not UTC, so that local time in place of UTC is a failure
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""The variables that the tests set."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the environment the same on every machine, for the tests and for the processes that they start."""
    home = tempfile.TemporaryDirectory(prefix="drs_jobs_home_")
    config.add_cleanup(home.cleanup)
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(KEPT_PREFIXES)}
    os.environ.clear()
    os.environ.update({**kept, **DEFINED, "HOME": home.name})
    time.tzset()
    # A shell script starts background processes with SIGINT ignored, and their children inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})


@pytest.fixture
def boto_client(local_drs: LocalDrs) -> Any:
    """A plain boto3 client that makes one attempt."""
    return local_drs.client(config=ONE_ATTEMPT)


@pytest.fixture
def client(boto_client: Any) -> JobsClient:
    return JobsClient(boto_client)
