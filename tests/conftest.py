"""Shared by all tests: a defined environment, a LocalDrs, and a client of it without retries, because retries sleep."""

import functools
import inspect
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from hypothesis import Phase, settings

from drs_jobs import JobsClient
from drs_jobs._aws import responses
from drs_jobs.testing import LocalDrs
from drs_jobs.testing.pytest import local_drs

__all__ = ["local_drs"]

# Otherwise each session reads botocore's data files again: most of the time of making a client.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)

# Derandomized, so that every run has the same examples.
settings.register_profile("drs_jobs", deadline=None, derandomize=True)
settings.load_profile("drs_jobs")
# One failing example is enough to detect a mutant, so there is no phase that shrinks it.
settings.register_profile("mutants", settings.get_profile("drs_jobs"), phases=[Phase.explicit, Phase.generate])

KEPT = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONHASHSEED", "PYTHON_GIL")
KEPT_PREFIXES = ("COVERAGE_", "DRS_JOBS_", "HYPOTHESIS_", "PYTEST_", "SYSTEMROOT")
"""Environment variables that the tests keep, by name and by prefix."""

DEFINED = {
    "LC_ALL": "C.UTF-8",
    "PYTHONUTF8": "1",
    "TERM": "xterm-256color",
    "TZ": "XXX-5:45",  # not UTC, so that a test fails if local time is used instead of UTC
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Environment variables that the tests set."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--without-msgspec`, for the same tests with the decoder of an installation without the extra `speed`."""
    parser.addoption("--without-msgspec", action="store_true", help="decode JSON with the standard library")


def pytest_configure(config: pytest.Config) -> None:
    """Make the environment of the tests, and of the processes that they start, the same on every machine."""
    if config.getoption("--without-msgspec"):
        responses.fast_decoder = lambda: None
    home = tempfile.TemporaryDirectory(prefix="drs_jobs_home_")
    config.add_cleanup(home.cleanup)
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(KEPT_PREFIXES)}
    os.environ.clear()
    os.environ.update({**kept, **DEFINED, "HOME": home.name})
    if hasattr(time, "tzset"):
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
def client(boto_client: Any, client_kind: str) -> JobsClient:
    return JobsClient(boto_client)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of a client with both clients, in the files that are marked so."""
    markers = {marker.name for marker in metafunc.definition.iter_markers()}
    if "both_clients" not in markers or "synchronous" in markers:
        return
    if "client" in metafunc.fixturenames or "JobsClient(" in inspect.getsource(metafunc.function):
        asynchronous = pytest.param("asynchronous", marks=pytest.mark.needs_aiobotocore)
        metafunc.parametrize("client_kind", ["synchronous", asynchronous], indirect=True)


@pytest.fixture(autouse=True)
def client_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The client that the name `JobsClient` means in a test."""
    if request.node.get_closest_marker("needs_aiobotocore") is not None:
        pytest.importorskip("aiobotocore", reason="needs .venv-async")
    kind = getattr(request, "param", "synchronous")
    if kind == "synchronous":
        yield kind
        return
    import both_clients  # noqa: PLC0415  # needs aiobotocore

    loop = both_clients.BlockingClient.loop = both_clients.EventLoop()
    for module in (request.module, sys.modules[__name__]):
        monkeypatch.setattr(module, "JobsClient", both_clients.BlockingClient, raising=False)
    yield kind
    loop.close()
