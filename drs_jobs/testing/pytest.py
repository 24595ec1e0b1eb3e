"""The pytest fixture `local_drs`. Import it in a `conftest.py`: `from drs_jobs.testing.pytest import local_drs`.

It is not registered as a pytest plugin, because pytest would then load it in every environment that has drs_jobs installed.
"""

import os
from collections.abc import Iterator
from typing import Final

import boto3
import pytest

from drs_jobs.testing.local_drs import ACCESS_KEY_ID, REGION, LocalDrs

_REMOVED: Final = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION")

# Environment variables take precedence over the shared AWS configuration.
_SET: Final = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
    # Otherwise botocore requests credentials from the instance metadata service if it finds none elsewhere.
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture
def local_drs(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalDrs]:
    """A running `LocalDrs` that receives the requests of every `drs` client created during the test.

    So a test does not send a DRS request to AWS by mistake. The shared AWS configuration and the proxy variables of the
    environment do not change this.
    """
    with LocalDrs() as local:
        for name in _REMOVED:
            monkeypatch.delenv(name, raising=False)
        for name, value in _SET.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL_DRS", local.endpoint_url)
        no_proxy = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "localhost"
        for name in ("no_proxy", "NO_PROXY"):
            # "*" means every host only if it is the whole value.
            monkeypatch.setenv(name, no_proxy if no_proxy.strip() == "*" else f"{no_proxy},127.0.0.1")
        # The default session of boto3 keeps the credentials that it found first.
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        yield local
