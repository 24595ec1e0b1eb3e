"""`LocalDrs`: an endpoint of Elastic Disaster Recovery on 127.0.0.1, for any AWS client."""

import contextlib
import functools
import json
import os
import re
import socket
import threading
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self

import attrs
from botocore.config import Config

from drs_jobs._extras import missing_extra_error
from drs_jobs._models import Job, JobLogItem
from drs_jobs._wire import unstructure_job
from drs_jobs.testing._server import LocalServer
from drs_jobs.testing.backend import OPERATIONS, AwsError, Backend, Caller, validation_error
from drs_jobs.testing.clock import LocalClock
from drs_jobs.testing.failures import BootFailure, InjectedFailure
from drs_jobs.testing.faults import Fault, HttpResponse
from drs_jobs.testing.request_validation import session_without_configuration, success_status
from drs_jobs.testing.simulated_jobs import StaticJob

try:
    from werkzeug.wrappers import Request, Response
except ImportError as _error:
    raise missing_extra_error("testing", _error) from _error

REGION: Final = "eu-west-1"
"""The default region."""

ACCESS_KEY_ID: Final = "testing"
"""The access key of `LocalDrs.client`. It is not a secret: signatures are not verified."""

_NO_PROXIES: Final = Config(proxies={})

_session_lock = threading.Lock()


@functools.cache
def _session() -> Any:
    """Return the boto3 session of all clients: one session per client would take thirty times as long."""
    import boto3  # noqa: PLC0415  # users of another AWS client do not need this slow import

    return boto3.Session(botocore_session=session_without_configuration())


def _reset_after_fork() -> None:
    """Replace the lock and the session in a forked child process: another thread can hold the lock at the fork."""
    global _session_lock  # noqa: PLW0603  # there is no other way to replace a lock
    _session_lock = threading.Lock()
    _session.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)

_CREDENTIAL: Final = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")


@attrs.frozen
class RecordedRequest:
    """A request that `LocalDrs` received."""

    operation: str
    """AWS's name of the operation, such as `DescribeJobs`."""
    body: Any
    """The decoded body; `None` if it is not JSON."""
    region: str | None
    """The region in the signature; `None` for an unsigned request."""
    access_key_id: str | None
    """The access key in the signature; `None` for an unsigned request."""
    headers: Mapping[str, str] = attrs.field(repr=False)
    """The request's HTTP headers."""


class LocalDrs:
    """A DRS endpoint on this machine: `with LocalDrs() as local: …`.

    Any AWS client can use it, by `local.client()`, `endpoint_url=` or the environment variable `AWS_ENDPOINT_URL_DRS`.
    Each request is validated against botocore's service model. DescribeJobs works as in the service: filtered by ids and
    dates, newest first, in pages with opaque tokens. Jobs are stored by region and access key. DescribeJobLogItems returns
    their logs. StartRecovery and TerminateRecoveryInstances start simulated jobs: with time, their status changes from
    PENDING to STARTED and COMPLETED, and their logs grow. They fail if `fail_server` was called for a server.
    """

    def __init__(self, *, page_sizes: Sequence[int] = (1000,), speed: float = 1.0) -> None:
        """Create an endpoint. It does not run before `start` or `with`.

        Args:
            page_sizes: Sizes of the pages, repeated in a cycle: with `(3, 0)`, every second page is empty. AWS documents no
                size; small sizes test that your code reads all pages. A smaller `maxResults` in the request takes
                precedence. Default `(1000,)`.
            speed: Simulated seconds per real second. With 60, one minute passes per second; with 0, the time changes only by
                `advance`. Default 1.

        Raises:
            ValueError: If a page size is negative, no page size is positive, or `speed` is negative.
        """
        self._backend = Backend(clock=LocalClock(speed))
        self.page_sizes = tuple(page_sizes)
        self._requests: list[RecordedRequest] = []
        self._faults: deque[Fault] = deque()
        self._lasting_fault: Fault | None = None
        self._server: _Server | None = None

    def start(self) -> Self:
        """Start serving on a free port; if it is running already, nothing changes. `with LocalDrs() as local:` does it too.

        Returns:
            This `LocalDrs`.
        """
        if self._server is None:
            self._server = _Server(self._respond)
        return self

    def stop(self) -> None:
        """Stop serving. When it returns, the port is closed; if it is not running, nothing changes."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def __enter__(self) -> Self:
        """Call `start`."""
        return self.start()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Call `stop`."""
        self.stop()

    @property
    def page_sizes(self) -> tuple[int, ...]:
        """The sizes of the pages, repeated in a cycle. They can be set at any time."""
        return self._backend.page_sizes

    @page_sizes.setter
    def page_sizes(self, sizes: Sequence[int]) -> None:
        if not any(sizes) or min(sizes) < 0:
            raise ValueError(f"page_sizes must be 0 or more, one of them at least 1, not {list(sizes)}")
        self._backend.page_sizes = tuple(sizes)

    @property
    def endpoint_url(self) -> str:
        """The URL of the endpoint, such as `http://127.0.0.1:40123`.

        Raises:
            RuntimeError: If it is not running.
        """
        if self._server is None:
            msg = "LocalDrs is not running: use it as `with LocalDrs() as local:`, or call start()"
            raise RuntimeError(msg)
        return self._server.url

    @property
    def requests(self) -> Sequence[RecordedRequest]:
        """The requests received so far, oldest first."""
        return tuple(self._requests)

    def add_jobs(self, *jobs: Job, region: str = REGION, access_key_id: str | None = None) -> None:
        """Add jobs to a region, or replace the jobs with the same ids.

        Args:
            jobs: The jobs.
            region: The region. Default `eu-west-1`.
            access_key_id: The only access key that can read the jobs. Default: every access key can.

        Raises:
            TypeError: If an argument is not a `Job`.
            ValueError: If a job has a naive datetime.
        """
        for job in jobs:
            if not isinstance(job, Job):
                raise TypeError(f"add_jobs takes jobs, not {type(job).__name__}: write add_jobs(*jobs) for a list of them")
            unstructure_job(job)  # raises here, not later in the server, if the job is invalid
            self._backend.add_job(StaticJob(job), Caller(region, access_key_id))

    def add_log(self, job_id: str, *items: JobLogItem, region: str = REGION, access_key_id: str | None = None) -> None:
        """Add items to the log of a job that `add_jobs` added with the same region and access key.

        Raises:
            KeyError: If there is no such job.
        """
        self._backend.add_log(job_id, items, Caller(region, access_key_id))

    def fail_server(self, source_server_id: str, failure: InjectedFailure | None = None) -> None:
        """Make every later recovery of a server fail.

        Args:
            source_server_id: The source server's id.
            failure: A `BootFailure` or `LaunchActionFailure`. Default `BootFailure()`.
        """
        self._backend.injected_failures[source_server_id] = BootFailure() if failure is None else failure

    @property
    def now(self) -> datetime:
        """The current time of the simulated jobs, in UTC."""
        return self._backend.clock.now()

    def advance(self, duration: timedelta | float) -> None:
        """Advance the time of the simulated jobs.

        Args:
            duration: A timedelta, or seconds.

        Raises:
            ValueError: If `duration` is negative.
        """
        self._backend.clock.advance(duration if isinstance(duration, timedelta) else timedelta(seconds=duration))

    def inject(self, fault: Fault, *, times: int | None = 1) -> None:
        """Apply a fault to the next responses, after the faults of earlier calls.

        Args:
            fault: The fault.
            times: The number of responses. `None` applies the fault to every response after the counted faults. Default 1.
        """
        if times is None:
            self._lasting_fault = fault
        else:
            self._faults.extend([fault] * times)

    def clear_faults(self) -> None:
        """Remove all faults that `inject` added."""
        self._faults.clear()
        self._lasting_fault = None

    def client(self, region: str = REGION, *, access_key_id: str = ACCESS_KEY_ID, config: Config | None = None) -> Any:
        """A boto3 client of `drs` for this endpoint. It reads no shared AWS configuration and uses no proxy.

        Args:
            region: The AWS region.
            access_key_id: The access key that signs the requests.
            config: A `botocore.config.Config`, for retries and time-outs.

        Returns:
            The client.
        """
        with _session_lock:  # creating clients is not thread-safe, using them is
            return _session().client(
                "drs",
                region_name=region,
                endpoint_url=self.endpoint_url,
                aws_access_key_id=access_key_id,
                aws_secret_access_key="testing",  # noqa: S106  # not a secret: signatures are not verified
                config=_NO_PROXIES if config is None else _NO_PROXIES.merge(config),
            )

    def __repr__(self) -> str:
        """Return the class name and the URL."""
        return f"LocalDrs({self.endpoint_url if self._server is not None else 'not running'})"

    def _respond(self, request: "Request") -> HttpResponse:
        """Record an HTTP request and return its response, with the next fault applied."""
        operation = request.path.strip("/")
        credential = _CREDENTIAL.search(request.headers.get("Authorization", ""))
        key, region, service = credential.groups() if credential else (None, None, None)
        try:
            body = json.loads(request.get_data() or b"{}")
        except (ValueError, RecursionError):
            body = None
        self._requests.append(RecordedRequest(operation, body, region, key, dict(request.headers)))

        def respond() -> HttpResponse:
            try:
                if operation not in OPERATIONS or request.method != "POST":
                    raise AwsError(
                        "UnknownOperationException", 404, f"LocalDrs does not support {request.method} {request.path}"
                    )
                if region is None or service != "drs":
                    raise AwsError("MissingAuthenticationTokenException", 403, "The request is not signed for the service drs")
                if body is None:
                    raise validation_error("The body is not JSON", reason="cannotParse")
                members = self._backend.call(operation, body, Caller(region, key))
                return HttpResponse.from_members(members, success_status(operation))
            except AwsError as error:
                return HttpResponse.from_error(error)

        fault = self._lasting_fault
        with contextlib.suppress(IndexError):
            fault = self._faults.popleft()
        return respond() if fault is None else fault.apply(respond)


class _Server(LocalServer):
    """The server of a `LocalDrs`."""

    def __init__(self, respond: Any) -> None:
        self._respond = respond
        self._stopping = threading.Event()
        super().__init__(self._app, name="LocalDrs")

    def stop(self) -> None:
        self._stopping.set()
        super().stop()

    def _app(self, environ: dict[str, Any], start_response: Any) -> Any:
        http_response: HttpResponse = self._respond(Request(environ))
        if http_response.delay:
            self._stopping.wait(http_response.delay)
        response = Response(
            http_response.body, http_response.status, {**http_response.headers, "x-amzn-RequestId": str(uuid.uuid4())}
        )
        cut_after = http_response.cut_connection_after
        if cut_after is not None and cut_after < 0:
            _close(environ["werkzeug.socket"])
        elif cut_after is not None:
            response.headers["Content-Length"] = str(len(http_response.body))
            response.response = _truncated_body(http_response.body[:cut_after], environ)
        return response(environ, start_response)


def _truncated_body(start: bytes, environ: dict[str, Any]) -> Iterator[bytes]:
    """Yield the start of a body, then close the connection before the `Content-Length` is reached."""
    yield start
    _close(environ["werkzeug.socket"])


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the client has closed it already
        connection.shutdown(socket.SHUT_RDWR)
