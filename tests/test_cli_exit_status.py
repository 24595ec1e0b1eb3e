"""The exit status and the message for each error."""

import errno
import sys
from typing import Any

import pytest
from botocore.exceptions import ClientError, IncompleteReadError, MissingDependencyException, UnknownSignatureVersionError

from command_line import run
from drs_jobs.cli.exit_status import describe_error, is_closed_pipe
from drs_jobs.testing import ErrorResponse, HtmlPage, LocalDrs, Throttle

ERRORS: dict[str, tuple[Any, list[str], dict[str, str], int, str]] = {
    "unknown command": (None, ["nonsense"], {}, 2, "nonsense"),
    "unknown job": (None, ["show", "drsjob-00000000000000000"], {}, 2, "check the id"),
    "no file": (None, ["report"], {}, 2, "FILE.html"),
    "an invalid id": (None, ["show", "nonsense"], {}, 2, "not a valid job id"),
    "an age before all dates": (None, ["check", "--drilled-within", "99999999d"], {}, 2, "before the year 1"),
    "unknown output format": (None, ["list", "--output", "xml"], {}, 2, "xml"),
    "a date before all dates": (None, ["list", "--since", "9999999d"], {}, 2, "is not a date"),
    "an invalid date": (None, ["list", "--since", "yesterday"], {}, 2, "use 2024-06-15"),
    "dates in the wrong order": (None, ["list", "--since", "1h", "--until", "2h"], {}, 2, "swap"),
    "no region": (None, ["list"], {"AWS_DEFAULT_REGION": ""}, 2, "set AWS_DEFAULT_REGION"),
    "unknown profile": (None, ["list", "--profile", "absent"], {}, 2, "absent"),
    "no credentials": (
        None,
        ["list"],
        {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"},
        2,
        "credentials",
    ),
    "denied": (ErrorResponse("AccessDeniedException", 403, "not you\x1b[31m"), ["list"], {}, 5, "not you"),
    "expired credentials": (ErrorResponse("ExpiredTokenException", 403), ["list"], {}, 2, "renew them"),
    "not set up": (ErrorResponse("UninitializedAccountException"), ["list"], {}, 5, "never set up"),
    "throttled": (Throttle(), ["list"], {}, 5, "ThrottlingException"),
    "an HTML page": (HtmlPage(), ["list"], {}, 5, "sign-in page"),
    "no server": (None, ["list", "--endpoint-url", "http://127.0.0.1:9"], {}, 5, "127.0.0.1:9"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_one_line_and_a_status(name: str, local_drs: LocalDrs):
    """There is no traceback, and no output on stdout."""
    fault, arguments, environment, status, message = ERRORS[name]
    if fault is not None:
        local_drs.inject(fault)
    result = run(*arguments, **environment)
    assert (status, "") == (result.returncode, result.stdout)
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert "\x1b" not in result.stderr
    assert result.stderr.startswith("drs-jobs: ")
    assert result.stderr.count("\n") == 1


def test_raw_client_errors_count_as_service_errors():
    raw = ClientError({"Error": {"Code": "ExpiredToken", "Message": "m"}}, "AssumeRole")
    assert describe_error(raw)[1] == 2
    assert describe_error(ClientError({"Error": {"Code": "AccessDenied", "Message": "m"}}, "AssumeRole"))[1] == 5


def test_errors_of_botocore():
    """Those of a response are errors of the service, those of the configuration are usage errors."""
    for error, status in (
        (IncompleteReadError(actual_bytes=1, expected_bytes=2), 5),
        (MissingDependencyException(msg="m"), 2),
        (UnknownSignatureVersionError(signature_version="v0"), 2),
    ):
        assert describe_error(error) == (str(error), status)


def test_closed_pipe_on_windows(monkeypatch: pytest.MonkeyPatch):
    """On Windows it is EINVAL, with another meaning on other systems."""
    results: list[bool] = []
    for platform in ("linux", "win32"):
        monkeypatch.setattr(sys, "platform", platform)
        errors = (BrokenPipeError(), OSError(errno.EINVAL, "x"), OSError(errno.ENOSPC, "x"), ValueError())
        results += [is_closed_pipe(error) for error in errors]
    assert results == [True, False, False, False, True, True, False, False]
