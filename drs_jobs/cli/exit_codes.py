"""Exit statuses, errors as one line on stderr, and handling of closed or full standard streams. It needs no extra."""

import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, NoReturn, TextIO

from botocore import exceptions as botocore_errors

from drs_jobs._errors import (
    DrsJobsError,
    JobNotFoundError,
    ServiceError,
    UninitializedAccountException,
    WaitTimeoutError,
    service_error,
)
from drs_jobs._formatting import one_line
from drs_jobs._models import Job, Outcome


class ExitStatus(IntEnum):
    """The exit status of a command."""

    SUCCEEDED = 0
    """The command succeeded. For `watch`, every job succeeded; for `show` and `phases`, the job succeeded or still runs."""
    FAILED = 1
    """A job failed, or with `--fail` a server does not meet the limit."""
    USAGE = 2
    """Wrong arguments, an unknown job, no region, no valid credentials, or a missing extra."""
    DEADLINE = 3
    """The deadline passed before the jobs were complete."""
    UNDETERMINED = 4
    """The jobs are complete, and the outcome of at least one is undetermined; with `--fail`, the result of a server is."""
    SERVICE = 5
    """An error from AWS or of the connection, a malformed response, output that cannot be written, or an unexpected error."""
    INTERRUPTED = 130
    """Interrupted from the keyboard: 128 plus the number of SIGINT, as in shells."""
    CLOSED_PIPE = 141
    """The reader closed the output before the result was available: 128 plus the number of SIGPIPE, as in shells."""


class UsageError(Exception):
    """A wrong argument on the command line."""


_SETUP_ERRORS: Final = (
    botocore_errors.ConfigNotFound,
    botocore_errors.ConfigParseError,
    botocore_errors.CredentialRetrievalError,
    botocore_errors.InvalidConfigError,
    botocore_errors.InvalidDefaultsMode,
    botocore_errors.InvalidIMDSEndpointError,
    botocore_errors.InvalidIMDSEndpointModeError,
    botocore_errors.InvalidProxiesConfigError,
    botocore_errors.InvalidRegionError,
    botocore_errors.InvalidRetryConfigurationError,
    botocore_errors.MissingDependencyException,
    botocore_errors.ParamValidationError,
    botocore_errors.PartialCredentialsError,
    botocore_errors.ProfileNotFound,
    botocore_errors.RefreshWithMFAUnsupportedError,
    botocore_errors.SSOError,
    botocore_errors.TokenRetrievalError,
    botocore_errors.UnknownCredentialError,
    # Absent from older versions of botocore.
    getattr(botocore_errors, "LoginError", botocore_errors.SSOError),
)
"""botocore's errors that are caused by the configuration or the credentials of the caller."""

_CREDENTIAL_CODES: Final = {
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
"""AWS's error codes for credentials that are expired or not accepted.

Source: the AWS page on common errors.
"""


_RULES: Final[tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], ExitStatus, str], ...]] = (
    (KeyboardInterrupt, ExitStatus.INTERRUPTED, "interrupted"),
    (WaitTimeoutError, ExitStatus.DEADLINE, "{error}"),
    (
        UninitializedAccountException,
        ExitStatus.SERVICE,
        "Elastic Disaster Recovery was never set up in this account and region, set it up first: {error}",
    ),
    (botocore_errors.NoRegionError, ExitStatus.USAGE, "no region: give --region, or set AWS_DEFAULT_REGION"),
    (
        botocore_errors.NoCredentialsError,
        ExitStatus.USAGE,
        "no AWS credentials: give --profile, or configure credentials as for boto3 (drs-jobs demo needs none)",
    ),
    ((UsageError, JobNotFoundError, ImportError, *_SETUP_ERRORS), ExitStatus.USAGE, "{error}"),
    ((DrsJobsError, botocore_errors.BotoCoreError, OSError), ExitStatus.SERVICE, "{error}"),
    (BaseException, ExitStatus.SERVICE, "unexpected {name}: {error}"),
)
"""The exit status and the message for each kind of error. The first matching row is used."""


def describe_error(error: BaseException) -> tuple[str, ExitStatus]:
    """Return the message and the exit status for an error."""
    if isinstance(error, botocore_errors.ClientError) and not isinstance(error, ServiceError):
        error = service_error(error)
    if isinstance(error, ServiceError) and error.code in _CREDENTIAL_CODES:
        return f"AWS does not accept these credentials, renew them or give --profile: {error}", ExitStatus.USAGE
    status, message = next((status, message) for kinds, status, message in _RULES if isinstance(error, kinds))
    name = type(error).__name__
    return message.format(error=str(error) or name, name=name), status


def status_of(jobs: Iterable[Job]) -> ExitStatus:
    """Return the exit status for the outcomes of jobs. The priority is FAILED, UNDETERMINED, SUCCEEDED."""
    outcomes = {job.outcome for job in jobs}
    if Outcome.FAILED in outcomes:
        return ExitStatus.FAILED
    return ExitStatus.SUCCEEDED if outcomes <= {Outcome.SUCCEEDED, Outcome.RUNNING} else ExitStatus.UNDETERMINED


def run(command: Callable[[], int]) -> NoReturn:
    """Run a command, and exit with the status that it returns, or with the status for its error."""
    status: int
    try:
        _open_missing_streams()
        threading.excepthook = _print_thread_error
        status = command()
        with exit_if_pipe_closes(status):
            pass
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else ExitStatus.SERVICE
    except BaseException as error:  # noqa: BLE001  # every error is shown as one line, without a traceback
        if is_closed_pipe(error):
            status = ExitStatus.SUCCEEDED
        else:
            message, status = describe_error(error)
            print_error(message)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # so that a second interruption does not change the status
    for stream in (sys.stdout, sys.stderr):
        _flush_or_discard(stream)
    sys.exit(status)


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
    if isinstance(error, BrokenPipeError):
        return True
    # Windows raises EINVAL instead of EPIPE.
    return sys.platform == "win32" and isinstance(error, OSError) and error.errno == errno.EINVAL


@contextmanager
def usage_errors() -> Generator[None]:
    """Raise a UsageError instead of a ValueError or TypeError, which an argument of the command line caused."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise UsageError(str(error)) from error


def print_error(message: str) -> None:
    """Print an error as one line on stderr, without control characters."""
    print_note(f"drs-jobs: {one_line(message, 500)}")


def print_note(text: str) -> None:
    """Print text on stderr. If stderr is closed or full, the text is lost, and the exit status does not change."""
    with suppress(OSError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def _print_thread_error(args: threading.ExceptHookArgs) -> None:
    # The thread that redraws bars writes to the terminal too. The main thread gets the same error when it next writes.
    if args.exc_value is not None:
        print_error(describe_error(args.exc_value)[0])


def _open_missing_streams() -> None:
    """Open the null device for each standard stream that was closed before the process started, as by some daemons."""
    # In the order of the descriptors, because `open` uses the lowest free one. No later file or socket must get it.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  # it stays open until the process ends
    stdout: Any = sys.stdout
    if isinstance(stdout, io.TextIOWrapper):
        # Characters that the encoding of the terminal does not have are shown as escapes.
        stdout.reconfigure(errors="backslashreplace")


def _flush_or_discard(stream: TextIO) -> None:
    """Flush a stream. If that fails, discard its buffer, because the flush at the exit of Python would exit with 120."""
    try:
        stream.flush()
    except OSError:
        with suppress(OSError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
