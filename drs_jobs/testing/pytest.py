"""The pytest fixtures `local_drs` and `local_drs_session`, to be imported in a `conftest.py`.

They are not registered as a pytest plugin, because pytest would then load it in every environment that has drs_jobs installed.
"""

from collections.abc import Iterator

import boto3
import pytest

from drs_jobs.testing.local_drs import CONFLICTING_VARIABLES, LocalDrs


@pytest.fixture
def local_drs(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalDrs]:
    """A running `LocalDrs` that receives the requests of every `drs` client created during the test.

    So a test does not send a DRS request to AWS by mistake. The shared AWS configuration and the proxy variables of the
    environment do not change this.
    """
    with LocalDrs() as local:
        _use(local, monkeypatch)
        yield local


@pytest.fixture(scope="session")
def local_drs_session() -> Iterator[LocalDrs]:
    """One running `LocalDrs` for all tests, like `local_drs`. Call its `clear()` between tests that must not share data.

    Use it for programs that start once, such as a service in another language. They find the endpoint by `environment`.
    """
    with pytest.MonkeyPatch.context() as monkeypatch, LocalDrs() as local:
        _use(local, monkeypatch)
        yield local


def _use(local: LocalDrs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Direct every new `drs` client to the endpoint, until the patch is undone."""
    for name in CONFLICTING_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in local.environment.items():
        monkeypatch.setenv(name, value)
    # The default session of boto3 keeps the credentials that it found first.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
