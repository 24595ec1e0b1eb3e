"""Errors that cannot be pickled, or that pickle but do not load, and functions of a sweep in another process.

A process can import them whatever the tests are imported as.
"""

import sys
import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import EndpointConnectionError

from drs_jobs import DrsJobsError, JobsClient, MalformedResponseError


class TwoArgumentsError(Exception):
    """It is loaded with one argument."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")


class FailingStateError(Exception):
    """It does not accept its own state."""

    def __reduce__(self) -> Any:
        return type(self), self.args, {"a": 1}

    def __setstate__(self, state: object) -> None:
        raise LookupError


class LoadsAsTextError(Exception):
    """Something else than an error is loaded."""

    def __reduce__(self) -> Any:
        return str, ("no error",)


class LocalClass:
    """A class that cannot be imported."""

    __qualname__ = "absent"


def _chain() -> Exception:
    error = MalformedResponseError("odd", path="$", value=TwoArgumentsError("a", "b"))
    error.__cause__ = DrsJobsError(TwoArgumentsError("a", "b"))
    error.__cause__.__cause__ = TwoArgumentsError("a", "b")
    return error


def _local_error() -> Exception:
    class LocalError(DrsJobsError):
        pass

    error = DrsJobsError("outer")
    error.__cause__ = LocalError("local")
    return error


ERRORS: dict[str, Callable[[], Exception]] = {
    "two arguments": lambda: TwoArgumentsError("a", "b"),
    "failing state": lambda: FailingStateError("a"),
    "text": lambda: LoadsAsTextError("a"),
    "argument": lambda: DrsJobsError(TwoArgumentsError("a", "b")),
    "chain": _chain,
    "local class": _local_error,
    "attribute of a local class": lambda: MalformedResponseError("odd", path="$", value=LocalClass()),
    "connection": lambda: EndpointConnectionError(endpoint_url="http://127.0.0.1:1", error=threading.Lock()),
}


def raise_in_worker() -> None:
    """Have the sweeps in this process raise one of the errors for each target in its region."""

    def describe_jobs(self: JobsClient, **_: object) -> Any:
        name = self._client.meta.region_name
        if name in REGIONS:
            error = ERRORS[REGIONS[name]]()
            raise error
        return ()

    JobsClient.describe_jobs = describe_jobs  # type: ignore[assignment,method-assign]  # only in the worker


REGIONS = {f"eu-test-{number}": name for number, name in enumerate(ERRORS)}
"""The error that each region raises."""


# ------------------------------------------------------------------ functions of a sweep


def count(client: JobsClient) -> int:
    """Return the number of jobs."""
    return len(client.describe_jobs().collect())


def return_lock(_: JobsClient) -> Any:
    """Return what cannot be pickled."""
    return threading.Lock()


def return_unloadable(client: JobsClient) -> Any:
    """Return what can be pickled, but not loaded, in another region than us-east-1."""
    return 5 if "us-east-1" in repr(client) else TwoArgumentsError("a", "b")


def raise_unloadable(_: JobsClient) -> Any:
    """Raise an error that can be pickled, but not loaded."""
    raise TwoArgumentsError("a", "b")


def leave(_: JobsClient) -> Any:
    """Leave the process, as far as the function can."""
    sys.exit(3)
