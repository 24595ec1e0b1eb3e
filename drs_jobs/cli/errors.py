"""The message and the exit status for each error of drs_jobs and of botocore."""

from collections.abc import Sequence
from typing import Final

from botocore import exceptions as botocore_errors

from drs_jobs._errors import (
    DrsJobsError,
    JobNotFoundError,
    ServiceError,
    UninitializedAccountException,
    WaitTimeoutError,
    service_error,
)
from drs_jobs.cli.exit_codes import RULES, ExitStatus, Rule, apply_rules

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

_RULES: Final[Sequence[Rule]] = (
    *RULES,
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
    ((JobNotFoundError, *_SETUP_ERRORS), ExitStatus.USAGE, "{error}"),
    ((DrsJobsError, botocore_errors.BotoCoreError, OSError), ExitStatus.SERVICE, "{error}"),
)
"""The exit status and the message for each kind of error. The first matching row is used."""


def describe_error(error: BaseException) -> tuple[str, ExitStatus]:
    """Return the message and the exit status for an error."""
    if isinstance(error, botocore_errors.ClientError) and not isinstance(error, ServiceError):
        error = service_error(error)
    if isinstance(error, ServiceError) and error.code in _CREDENTIAL_CODES:
        return f"AWS does not accept these credentials, renew them or give --profile: {error}", ExitStatus.USAGE
    name = type(error).__name__
    return apply_rules(_RULES, error) or (f"unexpected {name}: {str(error) or name}", ExitStatus.SERVICE)
