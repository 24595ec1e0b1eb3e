"""The pytest fixture `local_drs`. Import it in a `conftest.py`: `from drs_jobs.testing.pytest import local_drs`.

It is no entry point, because that would load it in every pytest run of whoever installs drs_jobs.
"""

from collections.abc import Iterator

import boto3
import pytest

from drs_jobs.testing.local_drs import ACCESS_KEY_ID, REGION, LocalDrs


@pytest.fixture
def local_drs(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalDrs]:
    """A running `LocalDrs`, to which every client of `drs` made meanwhile goes: no test reaches AWS by mistake."""
    with LocalDrs() as local:
        for name in (
            "AWS_PROFILE",
            "AWS_DEFAULT_PROFILE",
            "AWS_SESSION_TOKEN",
            "AWS_REGION",
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        ):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_ENDPOINT_URL_DRS", local.endpoint_url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        # boto3 keeps a session with the credentials it found first.
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        yield local
