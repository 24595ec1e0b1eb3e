"""The exceptions of drs_jobs, with the data that each carries.

DrsJobsError
├── ServiceError (also botocore's ClientError)   AWS returned an error
│   ├── AccessDeniedException
│   ├── InternalServerException
│   ├── ThrottlingException
│   ├── UninitializedAccountException
│   └── ValidationException
├── MalformedResponseError                       the response is invalid
├── PaginationLoopError                          a page token was repeated
├── JobNotFoundError                             no job has this id
├── JobOutcomeError                              the job did not succeed: it is running, or its outcome is undetermined
│   └── JobFailedError                           … or it failed
└── WaitTimeoutError (also TimeoutError)         the deadline passed before the jobs were complete

Invalid arguments raise Python's TypeError or ValueError. Transport errors (no connection, no credentials, no region) are
those of botocore. Every exception can be pickled: its class and all its data that can be pickled are kept.
"""

# The shape of the JSON is unknown, and isinstance leaves the types of its elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import pickle
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotocoreConnectionError

from drs_jobs._models import Job
from drs_jobs._text import format_names, one_line
from drs_jobs.analysis.hints import hint_for

_MAX_TEXT_LENGTH: Final = 660


class DrsJobsError(Exception):
    """Base class of the exceptions of drs_jobs."""

    hint: str | None = None
    """What to do next. The text of the error ends with it. `None` if it is not known, or if the message itself has it."""

    def __str__(self) -> str:
        """Return the message and the hint as one bounded line."""
        if self.hint is None:
            return one_line(super().__str__(), _MAX_TEXT_LENGTH)
        return f"{one_line(super().__str__(), _MAX_TEXT_LENGTH - len(self.hint) - 2).rstrip('.: ')}; {self.hint}"

    def __repr__(self) -> str:
        """Return the class and the message."""
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # By default an exception is unpickled with a call of its class with `args`, without keyword arguments, and a
        # subclass of ClientError becomes a ClientError. Its cause is lost.
        state = {name: value if _is_picklable(value) else None for name, value in vars(self).items()}
        cause = self.__cause__
        state["__cause__"] = cause if cause is None or isinstance(cause, DrsJobsError) else make_picklable(cause)
        # A class that was defined in a function cannot be pickled.
        error_class = type(self) if _is_picklable(type(self)) else DrsJobsError
        state["args"] = args = tuple(arg if _is_picklable(arg) else str(arg) for arg in self.args)
        return _create, (error_class, *args), state


def _create(error_class: type[DrsJobsError], *args: object) -> DrsJobsError:
    return error_class.__new__(error_class, *args)


def make_picklable(error: BaseException) -> BaseException:
    """Return the error itself, or a DrsJobsError with its class and message if it cannot be pickled."""
    return error if _is_picklable(error, BaseException) else DrsJobsError(f"{type(error).__name__}: {error}")


def _is_picklable(value: object, loaded_type: type = object) -> bool:
    """Return whether `value` can be pickled and loaded, as an instance of `loaded_type`."""
    # botocore's transport errors can contain an open connection, and some errors cannot be created again from their arguments.
    with suppress(Exception):  # both can raise any exception
        return isinstance(pickle.loads(pickle.dumps(value)), loaded_type)  # noqa: S301  # it was pickled here
    return False


def chain_of(error: BaseException, end: BaseException | None = None) -> Iterator[BaseException]:
    """Return an error, its causes, its contexts, and the members of groups, each once. The chain ends before `end`."""
    pending: list[BaseException | None] = [error]
    seen = {id(None), id(end)}
    while pending:
        link = pending.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            yield link
            pending += [link.__context__, link.__cause__]
            pending += link.exceptions if isinstance(link, BaseExceptionGroup) else ()


def drop_request(error: BaseException) -> None:
    """Remove the signed request from a transport error of botocore: crash reporters and pickles would have its credentials."""
    if isinstance(error, HTTPClientError):
        vars(error).update(request=None, response=None)
        inner: Any = error.kwargs.get("error")
        if hasattr(inner, "_request"):
            inner._request = None  # noqa: SLF001  # httpx has no other way to remove it


class ServiceError(DrsJobsError, ClientError):
    """AWS returned an error. An error without a subclass for its code is an instance of this class.

    It is a `botocore.exceptions.ClientError` too, with the same `response` and `operation_name`. `__cause__` is the error
    that botocore raised.

    Source: botocore's `ClientError`, and the errors of DescribeJobs in the service model.
    """

    code: str
    """AWS's name of the error, such as `ThrottlingException`; the HTTP status if AWS sent no name."""
    message: str
    """AWS's message; empty if there is none."""
    status_code: int
    """The HTTP status; 0 if it is unknown."""
    request_id: str | None
    """AWS's id of the request, for a support case."""
    retry_after: float | None
    """The seconds to wait, from `Retry-After` in seconds or as an HTTP date; `None` without that header."""

    def __init__(self, response: Mapping[str, Any], operation_name: str) -> None:
        ClientError.__init__(self, response, operation_name)  # type: ignore[arg-type]  # stubs require their own TypedDict
        error = _as_mapping(response.get("Error"))
        metadata = _as_mapping(response.get("ResponseMetadata"))
        # Header names are in lower case in botocore, and in any case in fakes and in the Stubber.
        headers = {str(name).lower(): value for name, value in _as_mapping(metadata.get("HTTPHeaders")).items()}
        status = metadata.get("HTTPStatusCode")
        self.status_code = status if isinstance(status, int) else 0
        self.code = _as_str(error.get("Code")) or str(self.status_code)
        self.message = _as_str(error.get("Message")) or ""
        text = self.args[0]  # of botocore, with the whole message of AWS
        if 300 <= self.status_code < 400:  # the statuses of redirects
            text = f"{text} a redirect, which is not followed: check the endpoint and the proxy"
        Exception.__init__(self, one_line(text, _MAX_TEXT_LENGTH))
        self.request_id = _as_str(metadata.get("RequestId"))
        retry_after = headers.get("retry-after", response.get("retryAfterSeconds"))
        self.retry_after = None if retry_after is None else _parse_retry_after(str(retry_after), _as_str(headers.get("date")))
        if is_transient(self):
            pause = "in a minute" if self.retry_after is None else f"after {self.retry_after:.0f} seconds"
            quota = _as_str(response.get("quotaCode"))
            self.hint = f"repeat the request {pause}"
            self.hint += "" if quota is None else f", and check the quota {one_line(quota, 40)}"
        else:
            # The actions of IAM begin with the name of the service, which the message can lack.
            service = "drs" if operation_name.startswith("Describe") else None
            self.hint = type(self).hint or hint_for(text, caller="these credentials", service=service)


class AccessDeniedException(ServiceError):
    """The credentials do not allow this operation (HTTP 403)."""


class InternalServerException(ServiceError):
    """The service failed (HTTP 500). The error is transient: boto3 has already retried the request."""


class ThrottlingException(ServiceError):
    """Too many requests (HTTP 429). The error is transient: boto3 has already retried the request.

    `retry_after` is the time to wait before the next request, if AWS sent one.
    """


class UninitializedAccountException(ServiceError):
    """Elastic Disaster Recovery was never set up in this account and region (HTTP 400). This is not the same as no jobs."""

    hint: str | None = (
        "Elastic Disaster Recovery was never set up in this account and region: set it up there, or leave the region out"
    )
    """What to do next."""


class ValidationException(ServiceError):
    """AWS rejected an argument (HTTP 400)."""

    reason: str | None
    """AWS's reason: `unknownOperation`, `cannotParse`, `fieldValidationFailed` or `other`."""
    fields: Mapping[str, str]
    """AWS's message for each rejected field, by field name."""

    def __init__(self, response: Mapping[str, Any], operation_name: str) -> None:
        super().__init__(response, operation_name)
        self.reason = _as_str(response.get("reason"))
        field_list = response.get("fieldList")
        fields = [_as_mapping(field) for field in field_list] if isinstance(field_list, list) else []
        self.fields = {_as_str(field.get("name")) or "": _as_str(field.get("message")) or "" for field in fields}


class MalformedResponseError(DrsJobsError):
    """The response is invalid: a body that is not a JSON object, a job without an id, a value of the wrong type.

    boto3 returns "no jobs" for several of these. Resume from `cursor` to get everything after the malformed job.
    """

    path: str
    """The path of the invalid value, such as `$.items[3].creationDateTime`; `$` is the body itself. It ends at `tags`."""
    value: Any
    """The invalid value; `None` if it is absent, or can contain tags."""
    cursor: str | None
    """The position after the malformed job; the start of the page if the body is malformed; `None` from `structure_job`."""
    jobs: "tuple[Job, ...]" = ()
    """The readable jobs, if `drs_jobs.sweep.read_jobs` raised the error; else empty."""

    def __init__(self, problem: str, *, path: str, value: Any = None, cursor: str | None = None) -> None:
        """Create the error for an invalid value. `problem` says in a few words what is wrong with it."""
        super().__init__(f"malformed response: {problem} at {one_line(path)}")
        self.hint: str | None = "check the endpoint and the proxy" if path == "$" else None
        self.path = path
        self.value = value
        self.cursor = cursor


class PaginationLoopError(DrsJobsError):
    """The service returned a page token that it had already returned in this run, so the pages would never end."""

    token: str
    """The repeated token."""
    cursor: str
    """The position after the last item of the page with the repeated token."""

    def __init__(self, token: str, *, cursor: str) -> None:
        super().__init__("pagination loop: the service repeated a page token. Resume from .cursor later, or request fewer days")
        self.token = token
        self.cursor = cursor


class JobNotFoundError(DrsJobsError):
    """No job has this id in this account and region, or it no longer exists: AWS does not document how long it keeps jobs."""

    job_id: str
    """The id that was requested; the first of `job_ids`."""
    job_ids: tuple[str, ...]
    """Every id that was not found, in the order requested."""
    last_seen: Job | None
    """The last snapshot of the job `job_id`; `None` if it was never seen."""

    def __init__(self, job_id: str, *, last_seen: Job | None = None, job_ids: tuple[str, ...] | None = None) -> None:
        self.job_id = job_id
        self.job_ids = job_ids or (job_id,)
        self.last_seen = last_seen
        if len(self.job_ids) > 1:
            names = format_names([one_line(missing_id, 40) for missing_id in self.job_ids], 10)
            text = f"{len(self.job_ids):,} jobs were not found: {names}: check the ids, the account and the region"
        else:
            problem = "no longer exists" if last_seen is not None else "was not found"
            text = f"job {one_line(job_id, 80)} {problem}: check the id, the account and the region"
        super().__init__(text)


class JobOutcomeError(DrsJobsError):
    """The job did not succeed: it failed (`JobFailedError`), is still running, or its outcome is undetermined."""

    job: Job
    """The job."""

    def __init__(self, message: str, *, job: Job) -> None:
        super().__init__(message)
        self.job = job
        name = one_line(job.job_id, 40)
        self.hint: str | None = f"drs-jobs show {name}, or JobsClient.explain, shows the reasons" if job.is_complete else None


class JobFailedError(JobOutcomeError):
    """The job is complete, and a participant or a non-optional action failed."""


class WaitTimeoutError(DrsJobsError, TimeoutError):
    """The deadline passed before every job was complete. It is a `TimeoutError` too."""

    hint: str | None = "the jobs themselves go on: wait again with a longer timeout"
    """What to do next."""

    jobs: tuple[Job, ...]
    """The last snapshot of every job that was seen, complete or not, in the order requested. A job can have been never seen."""

    def __init__(self, message: str, *, jobs: tuple[Job, ...]) -> None:
        super().__init__(message)
        self.jobs = jobs


_SERVICE_ERRORS = {error_class.__name__: error_class for error_class in ServiceError.__subclasses__()}
"""The subclasses of `ServiceError` by AWS's name of the error, which is also the name of the class."""


def service_error(error: ClientError) -> ServiceError:
    """Return the `ServiceError` for an error of botocore: an instance of the class with AWS's name, if there is one."""
    if isinstance(error, ServiceError):
        return error
    response: Mapping[str, Any] = error.response
    code = _as_str(_as_mapping(response.get("Error")).get("Code")) or ""
    converted = _SERVICE_ERRORS.get(code, ServiceError)(response, error.operation_name)
    converted.__cause__ = error
    return converted


def is_transient(error: BaseException) -> bool:
    """Return whether an error is transient, so that `wait` and `watch` continue after it.

    Transient errors are throttling, 5xx, connection errors, and a body that is not JSON. Permanent errors are rejected
    credentials or arguments, an account that was never set up, and a job that cannot be read.
    """
    match error:
        case ThrottlingException() | InternalServerException():
            return True
        case ServiceError():
            return error.status_code == 429 or error.status_code >= 500 or _TRANSIENT_CODE.fullmatch(error.code) is not None
        case MalformedResponseError():
            return error.path == "$"
        case _:  # Python's own errors are from a hand-written client
            return isinstance(error, BotocoreConnectionError | HTTPClientError | ConnectionError | TimeoutError)


_TRANSIENT_CODE: Final = re.compile(
    "50[0234]|.*Thrott(ling|led).*|(Request|Bandwidth)LimitExceeded|RequestTimeout.*|TooManyRequests.*|SlowDown"
    "|PriorRequestNotComplete|Internal(Error|Failure|ServerError)|ServiceUnavailable.*"
)
"""Other codes for throttling and failures of the service, as STS, gateways and stubs use them, with any HTTP status."""


def _as_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _as_str(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _parse_retry_after(retry_after: str, date: str | None) -> float | None:
    """Return `Retry-After` in seconds, or `None` if it is invalid."""
    if re.fullmatch(r"[0-9]{1,300}(\.[0-9]+)?", retry_after.strip()):
        return float(retry_after)
    # An HTTP date is compared with the `Date` of the same response, so that a wrong local clock has no effect.
    until = _parse_http_date(retry_after)
    now = _parse_http_date(date or "") or datetime.now(UTC)
    return None if until is None else max(0.0, (until - now).total_seconds())


def _parse_http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    # RFC 9110: an HTTP date is in GMT, also in the obsolete formats without a time zone.
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
