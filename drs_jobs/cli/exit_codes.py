"""Exit statuses, errors as one line on stderr, and standard streams that are closed or full. Needs no extra."""

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
    """What the command's exit status says."""

    SUCCEEDED = 0
    """All is well; for `watch` and `show`, every job succeeded."""
    FAILED = 1
    """A job failed."""
    USAGE = 2
    """Wrong arguments, no credentials or no region."""
    DEADLINE = 3
    """The deadline passed before the jobs were complete."""
    UNDETERMINED = 4
    """The jobs are complete, and the outcome of at least one is undetermined."""
    SERVICE = 5
    """An error of AWS or of the connection, a malformed response, output that cannot be written, an unforeseen error."""
    INTERRUPTED = 130
    """Interrupted from the keyboard: 128 and the number of SIGINT, as shells have it."""
    READER_GONE = 141
    """The reader of the output closed it before the result was known: 128 and the number of SIGPIPE."""


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
"""botocore's errors whose cause is the configuration or the credentials of the caller."""

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
"""AWS's names for credentials that are expired or not accepted. Source: AWS's page on common errors."""


_RULES: Final[tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], ExitStatus, str], ...]] = (
    (KeyboardInterrupt, ExitStatus.INTERRUPTED, "interrupted"),
    (WaitTimeoutError, ExitStatus.DEADLINE, "{error}"),
    (
        UninitializedAccountException,
        ExitStatus.SERVICE,
        "Elastic Disaster Recovery was never set up in this account and region: {error}",
    ),
    (botocore_errors.NoRegionError, ExitStatus.USAGE, "no region: give --region, or set AWS_DEFAULT_REGION"),
    (
        botocore_errors.NoCredentialsError,
        ExitStatus.USAGE,
        "no AWS credentials: give --profile, or set them up as for aws or boto3 (drs-jobs demo needs none)",
    ),
    ((UsageError, JobNotFoundError, ImportError, *_SETUP_ERRORS), ExitStatus.USAGE, "{error}"),
    ((DrsJobsError, botocore_errors.BotoCoreError, OSError), ExitStatus.SERVICE, "{error}"),
    (BaseException, ExitStatus.SERVICE, "unforeseen {name}: {error}"),
)
"""Exit status and message of each kind of error. The first that fits counts."""


def describe_error(error: BaseException) -> tuple[str, ExitStatus]:
    """A message for people and the exit status of an error."""
    if isinstance(error, botocore_errors.ClientError) and not isinstance(error, ServiceError):
        error = service_error(error)
    if isinstance(error, ServiceError) and error.code in _CREDENTIAL_CODES:
        return f"AWS does not accept these credentials, renew them or give --profile: {error}", ExitStatus.USAGE
    status, message = next((status, message) for kinds, status, message in _RULES if isinstance(error, kinds))
    name = type(error).__name__
    return message.format(error=str(error) or name, name=name), status


def status_of(jobs: Iterable[Job]) -> ExitStatus:
    """The exit status for the outcomes of jobs: FAILED before UNDETERMINED before SUCCEEDED."""
    outcomes = {job.outcome for job in jobs}
    if Outcome.FAILED in outcomes:
        return ExitStatus.FAILED
    return ExitStatus.SUCCEEDED if outcomes <= {Outcome.SUCCEEDED, Outcome.RUNNING} else ExitStatus.UNDETERMINED


def run(command: Callable[[], int]) -> NoReturn:
    """Run a command, and exit with the status that it returns or that its error has."""
    status: int
    try:
        _open_missing_streams()
        threading.excepthook = _print_thread_error
        status = command()
        with exit_if_reader_leaves(status):
            pass
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else ExitStatus.SERVICE
    except BaseException as error:  # noqa: BLE001  # every error has a status, and none a traceback
        if is_closed_pipe(error):
            status = ExitStatus.SUCCEEDED
        else:
            message, status = describe_error(error)
            print_error(message)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second interruption must not change the status
    for stream in (sys.stdout, sys.stderr):
        _flush_or_discard(stream)
    sys.exit(status)


@contextmanager
def exit_if_reader_leaves(status: int) -> Generator[None]:
    """Exit with `status` if the reader of the output, such as `head`, closes it."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if not is_closed_pipe(error):
            raise
        raise SystemExit(status) from None


def is_closed_pipe(error: BaseException) -> bool:
    """Whether an error says that the reader of a pipe closed it."""
    if isinstance(error, BrokenPipeError):
        return True
    # Windows has no EPIPE for this.
    return sys.platform == "win32" and isinstance(error, OSError) and error.errno == errno.EINVAL


@contextmanager
def usage_errors() -> Generator[None]:
    """Turn a ValueError or TypeError, which an argument of the command line caused, into a UsageError."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise UsageError(str(error)) from error


def print_error(problem: str) -> None:
    """Print an error as one line on stderr, without control characters."""
    print_note(f"drs-jobs: {one_line(problem, 500)}")


def print_note(text: str) -> None:
    """Print text on stderr. That stderr is closed or full changes no exit status."""
    with suppress(OSError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def _print_thread_error(args: threading.ExceptHookArgs) -> None:
    # The thread that redraws bars writes to the terminal too, and the main thread gets the same error at its next write.
    if args.exc_value is not None:
        print_error(describe_error(args.exc_value)[0])


def _open_missing_streams() -> None:
    """Open the null device for each standard stream that was closed before the process began, as some daemons do."""
    # In the order of their descriptors, because `open` takes the lowest free one; no later file or socket may get it.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  # until the process ends
    stdout: Any = sys.stdout
    if isinstance(stdout, io.TextIOWrapper):
        # An id in letters that the terminal lacks is shown as escapes.
        stdout.reconfigure(errors="backslashreplace")


def _flush_or_discard(stream: TextIO) -> None:
    """Flush a stream. If that fails, what is buffered is discarded, because Python's own flush at exit would exit 120."""
    try:
        stream.flush()
    except OSError:
        with suppress(OSError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
