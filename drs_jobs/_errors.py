"""Every error that drs_jobs raises itself, each with its evidence.

DrsJobsError
├── ServiceError (also botocore's ClientError)   AWS answered with an error
│   ├── AccessDeniedException
│   ├── InternalServerException
│   ├── ThrottlingException
│   ├── UninitializedAccountException
│   └── ValidationException
├── MalformedResponseError                       AWS, or a proxy on the way, answered something that can't be right
├── PaginationLoopError                          the pages go round in a circle
├── JobNotFoundError                             no job has this id
├── JobOutcomeError                              the job did not succeed: it runs, or its outcome can't be told
│   └── JobFailedError                           … or it failed
└── WaitTimeoutError (also TimeoutError)         the deadline passed first

What a wrong argument gets is Python's own TypeError or ValueError. Transport errors (no connection, no credentials, no
region) stay botocore's own. Every error here pickles to the same class with everything it carries that does.
"""

# What isinstance finds in raw JSON is a dict or a list of nobody knows what.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import math
import pickle
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotocoreConnectionError

from drs_jobs._formatting import one_line

if TYPE_CHECKING:
    from drs_jobs._models import Job


class DrsJobsError(Exception):
    """Base of every error that drs_jobs raises itself."""

    def __str__(self) -> str:
        """One bounded line, whatever AWS or a proxy sent."""
        return one_line(super().__str__(), 600)

    def __repr__(self) -> str:
        """The class and the same line."""
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions pickle by calling their class with `args` again, which loses keyword arguments, and ClientError
        # pickles down to itself: rebuild from the class, the arguments and the evidence instead. The chain of causes is
        # flattened, since each link would be pickled twice by the link above it: once as a test, and once to travel.
        links: list[_Link] = []
        error: BaseException | None = self
        seen: set[int] = set()
        while isinstance(error, DrsJobsError) and id(error) not in seen:
            seen.add(id(error))
            evidence: dict[str, object] = {
                name: value if _is_picklable(value) else None for name, value in error.__dict__.items()
            }
            links.append((type(error), tuple(arg if _is_picklable(arg) else str(arg) for arg in error.args), evidence))
            error = error.__cause__
        return _rebuild, (links, None if error is None or id(error) in seen else make_picklable(error))


def make_picklable(error: BaseException) -> BaseException:
    """The error itself, or a DrsJobsError with its class and text if it cannot be pickled."""
    return error if _is_picklable(error) else DrsJobsError(f"{type(error).__name__}: {error}")


def _is_picklable(value: object) -> bool:
    """Whether it can be pickled. botocore's transport errors can hold a live connection."""
    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001  # anything can be raised by a `__reduce__`
        return False
    return True


_Link: TypeAlias = tuple[type[DrsJobsError], tuple[object, ...], dict[str, object]]
"""An error of a chain: its class, arguments and evidence."""


def _rebuild(links: list[_Link], cause: BaseException | None) -> BaseException | None:
    for error_class, args, evidence in reversed(links):
        error = error_class.__new__(error_class, *args)
        error.args = args
        error.__dict__.update(evidence)
        error.__cause__ = cause
        cause = error
    return cause


class ServiceError(DrsJobsError, ClientError):
    """AWS answered with an error. Codes that have no class of their own below arrive as this one.

    It is a `botocore.exceptions.ClientError`, with `response` and `operation_name` as botocore has them; `__cause__` is
    the error that botocore raised. Source: botocore's `ClientError`, and the errors of DescribeJobs in the service model.
    """

    code: str
    """AWS's name of the error, such as `ThrottlingException`; the HTTP status where AWS gave no name."""
    message: str
    """AWS's message, empty where there is none."""
    status_code: int
    """The HTTP status; 0 where the client that raised it told none."""
    request_id: str | None
    """AWS's id of the request, for a support case."""
    retry_after: float | None
    """How many seconds AWS asks to wait, from `Retry-After` in seconds or as an HTTP date; `None` where it doesn't ask."""

    def __init__(self, response: Mapping[str, Any], operation_name: str) -> None:
        """Read the evidence from botocore's `response` of a failed `operation_name`."""
        ClientError.__init__(self, response, operation_name)  # type: ignore[arg-type]  # stubs ask for their own TypedDict
        # botocore puts all of AWS's message into `args`.
        Exception.__init__(self, one_line(self.args[0], 600))
        error = _mapping(response.get("Error"))
        metadata = _mapping(response.get("ResponseMetadata"))
        # botocore has them in lower case; fakes and the Stubber have them as they were written.
        headers = {str(name).lower(): value for name, value in _mapping(metadata.get("HTTPHeaders")).items()}
        status = metadata.get("HTTPStatusCode")
        self.status_code = status if isinstance(status, int) else 0
        self.code = _text(error.get("Code")) or str(self.status_code)
        self.message = _text(error.get("Message")) or ""
        self.request_id = _text(metadata.get("RequestId"))
        asked = headers.get("retry-after", response.get("retryAfterSeconds"))
        self.retry_after = None if asked is None else _seconds(str(asked), _text(headers.get("date")))


class AccessDeniedException(ServiceError):
    """The credentials may not call this operation (HTTP 403)."""


class InternalServerException(ServiceError):
    """The service failed (HTTP 500). It may pass: boto3 has retried it already."""


class ThrottlingException(ServiceError):
    """Too many requests (HTTP 429). It passes: boto3 has retried it already; `retry_after` may say when to come again."""


class UninitializedAccountException(ServiceError):
    """Elastic Disaster Recovery was never set up in this account and region (HTTP 400). It is not the same as no jobs."""


class ValidationException(ServiceError):
    """AWS refused an argument (HTTP 400)."""

    reason: str | None
    """Which kind of refusal: `unknownOperation`, `cannotParse`, `fieldValidationFailed` or `other`."""
    fields: Mapping[str, str]
    """For each refused field, AWS's message."""

    def __init__(self, response: Mapping[str, Any], operation_name: str) -> None:
        """Read the evidence from botocore's `response` of a failed `operation_name`."""
        super().__init__(response, operation_name)
        self.reason = _text(response.get("reason"))
        listed = response.get("fieldList")
        fields = [_mapping(field) for field in listed] if isinstance(listed, list) else []
        self.fields = {_text(field.get("name")) or "": _text(field.get("message")) or "" for field in fields}


class MalformedResponseError(DrsJobsError):
    """An answer that can't be right: a body that is no JSON object, a job without an id, a value of the wrong type.

    boto3 reads several of these as "no jobs". Resume from `cursor` to get everything after the bad job.
    """

    path: str
    """Where it stands, such as `$.items[3].creationDateTime`; `$` is the body itself. It never leads below `tags`."""
    value: Any
    """What stood there; `None` where there was nothing, and where it is, or holds, tags."""
    cursor: str | None
    """The place after the bad job; the start of the page where the body itself is bad; `None` from `structure_job`."""

    def __init__(self, problem: str, *, path: str, value: Any = None, cursor: str | None = None) -> None:
        """`problem` says what is wrong, in a few words."""
        super().__init__(f"malformed answer: {problem} at {one_line(path)}")
        self.path = path
        self.value = value
        self.cursor = cursor


class PaginationLoopError(DrsJobsError):
    """The service gave a page token that it had given before in this run, so the pages would never end."""

    token: str
    """The token that came again."""
    cursor: str
    """The place after the last item of the page that carried the token."""

    def __init__(self, token: str, *, cursor: str) -> None:
        """`token` came again; `cursor` is the place to resume from once the service is well."""
        super().__init__(
            "the pages go round in a circle: a page token came again. Resume from .cursor later, or ask for fewer days"
        )
        self.token = token
        self.cursor = cursor


_IDS_SHOWN = 10
"""How many ids an error text lists."""


class JobNotFoundError(DrsJobsError):
    """No job has this id in this account and region, or it is gone: how long jobs are kept is undocumented."""

    job_id: str
    """The id that was requested; the first of `job_ids`."""
    job_ids: tuple[str, ...]
    """Every id that was not found, in the order requested."""
    last_seen: "Job | None"
    """The last snapshot of the job `job_id`; `None` if it was never seen."""

    def __init__(self, job_id: str, *, last_seen: "Job | None" = None, job_ids: tuple[str, ...] | None = None) -> None:
        """An error for `job_id`, and for all `job_ids` if several were not found."""
        self.job_id = job_id
        self.job_ids = job_ids or (job_id,)
        self.last_seen = last_seen
        gone = "is gone" if last_seen is not None else "was not found"
        if len(self.job_ids) > 1:
            shown = ", ".join(one_line(lost, 40) for lost in self.job_ids[:_IDS_SHOWN])
            more = f" and {len(self.job_ids) - _IDS_SHOWN} more" if len(self.job_ids) > _IDS_SHOWN else ""
            text = f"{len(self.job_ids)} jobs were not found: {shown}{more}: check the ids, the account and the region"
        else:
            text = f"job {one_line(job_id, 80)} {gone}: check the id, the account and the region"
        super().__init__(text)


class JobOutcomeError(DrsJobsError):
    """The job did not succeed: it failed (`JobFailedError`), still runs, or its outcome can't be told."""

    job: "Job"
    """The job as it was judged."""

    def __init__(self, message: str, *, job: "Job") -> None:
        """`message` says what came of `job`."""
        super().__init__(message)
        self.job = job


class JobFailedError(JobOutcomeError):
    """The job is complete, and a participant or a non-optional action failed."""


class WaitTimeoutError(DrsJobsError, TimeoutError):
    """The deadline passed before every job was complete. It is a `TimeoutError` too."""

    jobs: "tuple[Job, ...]"
    """Every job that was seen, as it was last seen, complete or not, in the order asked."""

    def __init__(self, message: str, *, jobs: "tuple[Job, ...]") -> None:
        """`message` says what was waited for, and how long."""
        super().__init__(message)
        self.jobs = jobs


_CLASSES = {error_class.__name__: error_class for error_class in ServiceError.__subclasses__()}
"""Our classes by AWS's names, which they bear."""


def service_error(error: ClientError) -> ServiceError:
    """Botocore's error as ours: the class that bears AWS's name, or `ServiceError`."""
    response: Mapping[str, Any] = error.response
    code = _text(_mapping(response.get("Error")).get("Code")) or ""
    return _CLASSES.get(code, ServiceError)(response, error.operation_name)


def is_transient(error: BaseException) -> bool:
    """Whether waiting would survive this error: throttling, 5xx, a connection error, a body that is not JSON.

    Permanent errors are refused credentials or arguments, an account that was never set up, and a job that cannot be read.
    """
    match error:
        case ThrottlingException() | InternalServerException() | BotocoreConnectionError() | HTTPClientError():
            return True
        case ConnectionError() | TimeoutError():  # Python's own, from a hand-written client
            return True
        case ServiceError():
            return error.status_code == _TOO_MANY_REQUESTS or error.status_code >= _SERVER_ERRORS or error.code in _PASSING
        case MalformedResponseError():
            return error.path == "$"
        case _:
            return False


_TOO_MANY_REQUESTS, _SERVER_ERRORS = 429, 500
_PASSING = {
    "500",
    "502",
    "503",
    "504",
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "TooManyRequestsException",
}
"""Other names for throttling and for a failing service, which STS, gateways and stubs use, also with other statuses."""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")


def _seconds(asked: str, date: str | None) -> float | None:
    """`Retry-After` in seconds. A date counts from the answer's own `Date`, so that a wrong clock here does no harm."""
    asked = asked.strip()
    if _SECONDS.fullmatch(asked):
        seconds = float(asked)
        return seconds if math.isfinite(seconds) else None
    until = _http_date(asked)
    if until is None:
        return None
    now = _http_date(date) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def _http_date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    # RFC 9110: an HTTP date is in GMT, also in the old forms that do not say so.
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
