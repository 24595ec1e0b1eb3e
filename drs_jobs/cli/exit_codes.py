"""Exit statuses, errors and notes as lines on stderr. It needs no extra, and imports nothing that takes long."""

import errno
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from enum import IntEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from drs_jobs._models.enums import Outcome
from drs_jobs._text import one_line

if TYPE_CHECKING:
    from drs_jobs._models import Job


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


Rule: TypeAlias = tuple[type[BaseException] | tuple[type[BaseException], ...], ExitStatus, str]
"""Classes of errors, their exit status, and the message."""

RULES: Final[Sequence[Rule]] = (
    (KeyboardInterrupt, ExitStatus.INTERRUPTED, "interrupted"),
    ((UsageError, ImportError), ExitStatus.USAGE, "{error}"),
)
"""The rules for errors that can happen before a command imports anything. `errors` has the others."""


def apply_rules(rules: Iterable[Rule], error: BaseException) -> tuple[str, ExitStatus] | None:
    """Return the message and the exit status of the first rule that matches; `None` without one."""
    for classes, status, message in rules:
        if isinstance(error, classes):
            return message.format(error=str(error) or type(error).__name__), status
    return None


def status_of(jobs: "Iterable[Job]") -> ExitStatus:
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
