"""The pytest fixture `local_drs`. Import it in a `conftest.py`: `from drs_jobs.testing.pytest import local_drs`.

It is no entry point, because that would load it in every pytest run of whoever installs drs_jobs.
"""

import os
from collections.abc import Iterator
from typing import Final

import boto3
import pytest

from drs_jobs.testing.local_drs import ACCESS_KEY_ID, REGION, LocalDrs

_REMOVED: Final = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION")

# A variable wins over the shared AWS configuration.
_SET: Final = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
    # Without credentials in a profile, botocore would ask the instance metadata service.
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture
def local_drs(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalDrs]:
    """A running `LocalDrs`, to which every client of `drs` made meanwhile goes: no test reaches AWS by mistake.

    Neither the shared AWS configuration nor a proxy in the environment changes that.
    """
    with LocalDrs() as local:
        for name in _REMOVED:
            monkeypatch.delenv(name, raising=False)
        for name, value in _SET.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL_DRS", local.endpoint_url)
        direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "localhost"
        for name in ("no_proxy", "NO_PROXY"):
            # An asterisk means every host only if it stands alone.
            monkeypatch.setenv(name, direct if direct.strip() == "*" else f"{direct},127.0.0.1")
        # boto3 keeps a session with the credentials it found first.
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        yield local
