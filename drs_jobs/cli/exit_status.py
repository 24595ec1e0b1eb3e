"""Exit statuses, the status and the message for each error, and errors and notes as lines on stderr."""

import errno
import os
import re
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from enum import IntEnum
from typing import Final

from botocore import exceptions as botocore_errors

from drs_jobs import DrsJobsError, Job, JobNotFoundError, Outcome, ServiceError, WaitTimeoutError
from drs_jobs._errors import service_error
from drs_jobs._text import one_line
from drs_jobs.cli.suggestions import suggest_region
from drs_jobs.sweep.targets import drs_regions


class ExitStatus(IntEnum):
    """The exit status of a command."""

    SUCCEEDED = 0
    """The command succeeded. For `watch`, every job succeeded; for `show`, the job succeeded or still runs; for `check` and
    `report`, the verdict is met, or there is no criterion."""
    FAILED = 1
    """A job failed, or the verdict of `check` or `report` is not met."""
    USAGE = 2
    """Wrong arguments, an unknown job, no region, no valid credentials, a missing extra, or a file that cannot be written."""
    DEADLINE = 3
    """The deadline passed before the jobs were complete."""
    UNDETERMINED = 4
    """The jobs are complete, and the outcome of at least one is undetermined; or the verdict of `check` or `report` is."""
    SERVICE = 5
    """An error from AWS or of the connection, a malformed response, output that cannot be written, or an unexpected error."""
    INTERRUPTED = 130
    """Interrupted from the keyboard: 128 plus the number of SIGINT, as in shells."""
    TERMINATED = 143
    """Terminated by another process: 128 plus the number of SIGTERM, as in shells."""
    CLOSED_PIPE = 141
    """The reader closed the output before the result was available: 128 plus the number of SIGPIPE, as in shells."""


class UsageError(Exception):
    """A wrong argument on the command line."""


_CREDENTIAL_CODES: Final = {
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "RegionDisabledException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
"""The error codes, on AWS's page of common errors, for credentials that are expired or not accepted."""

_TRANSPORT_ERRORS: Final = (
    botocore_errors.ChecksumError,
    botocore_errors.IncompleteReadError,
    botocore_errors.MetadataRetrievalError,
)

_RULES: Final[Sequence[tuple[type[BaseException] | tuple[type[BaseException], ...], ExitStatus, str]]] = (
    (KeyboardInterrupt, ExitStatus.INTERRUPTED, "interrupted"),
    ((UsageError, ImportError, JobNotFoundError), ExitStatus.USAGE, "{error}"),
    (WaitTimeoutError, ExitStatus.DEADLINE, "{error}"),
    (
        botocore_errors.NoCredentialsError,
        ExitStatus.USAGE,
        "no AWS credentials: give --profile, or configure credentials as for boto3 (drs-jobs demo needs none)",
    ),
    (botocore_errors.ProfileNotFound, ExitStatus.USAGE, "{error}: aws configure list-profiles shows them"),
    ((DrsJobsError, OSError, *_TRANSPORT_ERRORS), ExitStatus.SERVICE, "{error}"),
    # All other errors of botocore are errors in the configuration, the credentials or the arguments of the caller.
    (botocore_errors.BotoCoreError, ExitStatus.USAGE, "{error}"),
)
"""The exit status and the message for each kind of error. The first matching row is used."""


def describe_error(error: BaseException) -> tuple[str, ExitStatus]:
    """Return the message and the exit status for an error."""
    if isinstance(error, botocore_errors.ClientError) and not isinstance(error, ServiceError):
        error = service_error(error)
    if isinstance(error, ServiceError) and error.code in _CREDENTIAL_CODES:
        # AWS has the same codes for an opt-in region that is not enabled.
        hint = "" if "Expired" in error.code else ", or leave out the region if it is not enabled"
        return f"AWS does not accept these credentials, renew them or give --profile{hint}: {error}", ExitStatus.USAGE
    if isinstance(error, botocore_errors.NoRegionError):
        region = os.environ.get("AWS_REGION")
        unused = f" (boto3 does not read AWS_REGION, which is {one_line(region)})" if region else ""
        return f"no region: give --region, or set AWS_DEFAULT_REGION{unused}", ExitStatus.USAGE
    if isinstance(error, (botocore_errors.HTTPClientError, botocore_errors.ConnectionError)):
        region = _unknown_region(str(error))
        hint = region or "check the network, the proxy, --region and --endpoint-url"
        return f"{error}: {hint}", ExitStatus.SERVICE
    name = type(error).__name__
    for classes, status, message in _RULES:
        if isinstance(error, classes):
            return message.format(error=str(error) or name), status
    return f"unexpected {name}: {str(error) or name}", ExitStatus.SERVICE


def _unknown_region(text: str) -> str:
    """Return a question about the region in the URL of an error, if botocore does not know it; else an empty text."""
    if (match := re.search(r"//drs\.([^./]+)\.", text)) is None:
        return ""
    regions = [region for names in drs_regions().values() for region in names]
    if match[1] in regions:
        return ""
    return suggest_region(match[1], regions) or f"botocore has no DRS in region {match[1]}: correct it"


@contextmanager
def raise_usage_errors() -> Generator[None]:
    """Raise a UsageError instead of a ValueError or TypeError, because an argument of the command line is wrong."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise UsageError(str(error)) from error


def status_of(jobs: Iterable[Job]) -> ExitStatus:
    """Return the exit status for the outcomes of jobs. The priority is FAILED, UNDETERMINED, SUCCEEDED."""
    outcomes = {job.outcome for job in jobs}
    if Outcome.FAILED in outcomes:
        return ExitStatus.FAILED
    return ExitStatus.SUCCEEDED if outcomes <= {Outcome.SUCCEEDED, Outcome.RUNNING} else ExitStatus.UNDETERMINED


@contextmanager
def exit_if_pipe_closes(status: int) -> Generator[None]:
    """Exit with `status` if the reader of the output, such as `head`, closes the pipe."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if not is_closed_pipe(error):
            raise
        raise SystemExit(status) from None


def is_closed_pipe(error: BaseException) -> bool:
    """Return whether the error was caused by a reader that closed the pipe."""
    # Windows raises EINVAL instead of EPIPE.
    codes = {errno.EPIPE, errno.EINVAL} if sys.platform == "win32" else {errno.EPIPE}
    return isinstance(error, BrokenPipeError) or (isinstance(error, OSError) and error.errno in codes)


def print_error(message: str) -> None:
    """Print an error as one line on stderr, without control characters."""
    print_note(f"drs-jobs: {one_line(message, 800)}")


def print_note(text: str) -> None:
    """Print text on stderr. If stderr is closed or full, the text is lost, and the exit status does not change."""
    with suppress(OSError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
