"""Every error to one line on stderr and an exit status; never a traceback."""

import io
import os
import sys
from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager, contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, NoReturn, cast

import typer
from botocore import exceptions as botocore_errors

from drs_jobs._text import one_line
from drs_jobs.errors import DrsJobsError, JobNotFoundError, ServiceError, UninitializedAccountException, WaitTimeoutError
from drs_jobs.models import Job, Outcome

PIPE_CLOSED: Final = 141
"""What a watch exits with whose reader went away before it knew how the jobs ended: as shells have it, 128 and SIGPIPE."""


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
    """The jobs are complete, but for at least one it can't be told whether it worked."""
    SERVICE = 5
    """AWS answered with an error or with nonsense, or could not be reached."""


_SETUP_ERRORS: Final = (
    botocore_errors.InvalidRegionError,
    botocore_errors.PartialCredentialsError,
    botocore_errors.CredentialRetrievalError,
    botocore_errors.TokenRetrievalError,
    botocore_errors.SSOError,
    botocore_errors.ProfileNotFound,
    botocore_errors.ConfigNotFound,
    botocore_errors.ConfigParseError,
    botocore_errors.InvalidConfigError,
    botocore_errors.ParamValidationError,
)
"""botocore's errors that the caller mends, not AWS."""

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
"""AWS's names for credentials that are expired or unknown. Source: AWS's page on common errors."""


def status_of(jobs: Iterable[Job]) -> ExitStatus:
    """The exit status that tells how jobs ended: one failure outweighs one doubt, and that all successes."""
    outcomes = {job.outcome for job in jobs}
    if Outcome.FAILED in outcomes:
        return ExitStatus.FAILED
    return ExitStatus.SUCCEEDED if outcomes <= {Outcome.SUCCEEDED, Outcome.RUNNING} else ExitStatus.UNDETERMINED


def run(app: typer.Typer) -> NoReturn:
    """Run the command line, and exit."""
    if sys.stdout is None:  # closed before we began, as under some daemons
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # until the process ends
    stdout: Any = sys.stdout
    if isinstance(stdout, io.TextIOWrapper):
        # An id in letters that the terminal does not have is shown all the same.
        stdout.reconfigure(errors="backslashreplace")
    try:
        status = app(standalone_mode=False)
    except Exception as error:
        # A usage error of click's, which typer carries in its own package or not, as its version has it.
        usage_error: Any = error
        if not hasattr(usage_error, "format_message"):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(usage_error.format_message(), err=True)
        else:
            command = getattr(getattr(error, "ctx", None), "command_path", "drs-jobs")
            complain(f"{usage_error.format_message().rstrip('.')}. Try {command} --help")
        status = ExitStatus.USAGE
    sys.exit(status)


def exit_status() -> AbstractContextManager[None, bool]:
    """Turn what is raised within into one line on stderr and an exit status. A reader that went away ends it quietly."""
    # Typed as one that may swallow an exception, which contextlib's stubs can't say.
    return cast("AbstractContextManager[None, bool]", _exit_status())


@contextmanager
def _exit_status() -> Generator[None]:
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # `| head` has seen enough. Whatever is still buffered goes nowhere; what the jobs came to still counts.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        complain("interrupted")
        raise typer.Exit(130) from None  # as shells have it: 128 and the signal's number
    except WaitTimeoutError as error:
        complain(str(error))
        raise typer.Exit(ExitStatus.DEADLINE) from None
    except ServiceError as error:
        if error.code in _CREDENTIAL_CODES:
            complain(f"AWS does not accept these credentials, renew them or give --profile: {error}")
            raise typer.Exit(ExitStatus.USAGE) from None
        what = "Elastic Disaster Recovery was never set up in this account and region: "
        complain(f"{what if isinstance(error, UninitializedAccountException) else ''}{error}")
        raise typer.Exit(ExitStatus.SERVICE) from None
    except botocore_errors.NoRegionError:
        complain("no region: give --region, or set AWS_DEFAULT_REGION")
        raise typer.Exit(ExitStatus.USAGE) from None
    except botocore_errors.NoCredentialsError:
        complain("no AWS credentials: give --profile, or set them up as for aws or boto3 (drs-jobs demo needs none)")
        raise typer.Exit(ExitStatus.USAGE) from None
    except (*_SETUP_ERRORS, JobNotFoundError, ImportError, ValueError, TypeError) as error:
        complain(str(error))
        raise typer.Exit(ExitStatus.USAGE) from None
    except (DrsJobsError, botocore_errors.BotoCoreError, OSError) as error:
        complain(str(error) or type(error).__name__)
        raise typer.Exit(ExitStatus.SERVICE) from None


def complain(problem: str) -> None:
    """One line on stderr, without control characters."""
    typer.echo(f"drs-jobs: {one_line(problem, 500)}", err=True)
