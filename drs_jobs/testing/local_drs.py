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
from drs_jobs.testing.faults import Fault, HttpResponse
from drs_jobs.testing.request_validation import session_without_configuration, success_status
from drs_jobs.testing.simulated_jobs import BootFailure, InjectedFailure, StaticJob

try:
    from werkzeug.wrappers import Request, Response
except ImportError as _error:
    raise missing_extra_error("testing", _error) from _error

REGION: Final = "eu-west-1"
"""The region that is meant where none is said."""

ACCESS_KEY_ID: Final = "testing"
"""The access key of `LocalDrs.client`. It is no secret: signatures are not checked."""

_NO_PROXIES: Final = Config(proxies={})

_session_lock = threading.Lock()


@functools.cache
def _session() -> Any:
    """The boto3 session of all clients: a new one for each client would cost thirty times as much."""
    import boto3  # noqa: PLC0415  # a user of another AWS client need not wait for it

    return boto3.Session(botocore_session=session_without_configuration())


def _reset_after_fork() -> None:
    """Give a forked child a lock and a session of its own: another thread may hold the lock at the fork."""
    global _session_lock  # noqa: PLW0603  # there is no other way to replace a lock
    _session_lock = threading.Lock()
    _session.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)

_CREDENTIAL: Final = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")


@attrs.frozen
class RecordedRequest:
    """A request that `LocalDrs` got."""

    operation: str
    """AWS's name of the operation, such as `DescribeJobs`."""
    body: Any
    """The request's body, decoded; `None` where it is not JSON."""
    region: str | None
    """The region in the signature; `None` for an unsigned request."""
    access_key_id: str | None
    """The access key in the signature; `None` for an unsigned request."""
    headers: Mapping[str, str] = attrs.field(repr=False)
    """The request's HTTP headers."""


class LocalDrs:
    """A DRS endpoint on this machine: `with LocalDrs() as local: …`.

    Any AWS client can use it, by `local.client()`, `endpoint_url=` or the environment variable `AWS_ENDPOINT_URL_DRS`. It
    answers DescribeJobs as the service does: filtered by ids and dates, newest first, in pages with opaque tokens, after
    checking the request against botocore's service model. Jobs are kept by region and access key. DescribeJobLogItems
    reads their logs. StartRecovery and TerminateRecoveryInstances start jobs that live: they are pending, started and
    completed as time goes by, write a log, and fail where told.
    """

    def __init__(self, *, page_sizes: Sequence[int] = (1000,), speed: float = 1.0) -> None:
        """`page_sizes` are the sizes of the pages, round and round: `(3, 0)` makes every second page an empty one.

        AWS documents no size; small ones show whether your code follows pages. A smaller `maxResults` in the request
        wins. `speed` is that of living jobs: 60 makes a minute of a second, 0 waits for `advance`. ValueError unless some
        size is positive and none is negative, and for a negative speed.
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
        """Start answering."""
        return self.start()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop answering."""
        self.stop()

    @property
    def page_sizes(self) -> tuple[int, ...]:
        """The sizes of the pages, round and round; may be set at any time."""
        return self._backend.page_sizes

    @page_sizes.setter
    def page_sizes(self, sizes: Sequence[int]) -> None:
        if not any(sizes) or min(sizes) < 0:
            raise ValueError(f"page_sizes must be 0 or more, one of them at least 1, not {list(sizes)}")
        self._backend.page_sizes = tuple(sizes)

    @property
    def endpoint_url(self) -> str:
        """Where it listens, such as `http://127.0.0.1:40123`. RuntimeError unless it is running."""
        if self._server is None:
            msg = "LocalDrs is not running: use it as `with LocalDrs() as local:`, or call start()"
            raise RuntimeError(msg)
        return self._server.url

    @property
    def requests(self) -> Sequence[RecordedRequest]:
        """The requests it got so far, the oldest first."""
        return tuple(self._requests)

    def add_jobs(self, *jobs: Job, region: str = REGION, access_key_id: str | None = None) -> None:
        """Add jobs to a region, or replace those with the same id.

        They are seen by this access key alone, or by every one where none is said. TypeError for what is no `Job`,
        ValueError for a job with a naive datetime.
        """
        for job in jobs:
            if not isinstance(job, Job):
                raise TypeError(f"add_jobs takes jobs, not {type(job).__name__}: write add_jobs(*jobs) for a list of them")
            unstructure_job(job)  # a job that can't be sent is refused here, not in the server
            self._backend.add_job(StaticJob(job), Caller(region, access_key_id))

    def add_log(self, job_id: str, *items: JobLogItem, region: str = REGION, access_key_id: str | None = None) -> None:
        """Add items to the log of a job that `add_jobs` added before, with the same region and access key."""
        self._backend.add_log(job_id, items, Caller(region, access_key_id))

    def fail_server(self, source_server_id: str, failure: InjectedFailure | None = None) -> None:
        """Have something go wrong with each recovery of a server that is started from now on: a `BootFailure`, or `failure`."""
        self._backend.injected_failures[source_server_id] = BootFailure() if failure is None else failure

    @property
    def now(self) -> datetime:
        """What time it is for living jobs, UTC."""
        return self._backend.clock.now()

    def advance(self, duration: timedelta | float) -> None:
        """Let time pass for living jobs: a timedelta, or seconds."""
        self._backend.clock.advance(duration if isinstance(duration, timedelta) else timedelta(seconds=duration))

    def inject(self, fault: Fault, *, times: int | None = 1) -> None:
        """Spoil the next `times` answers with `fault`, after those that earlier calls apply; `None` spoils all from then on."""
        if times is None:
            self._lasting_fault = fault
        else:
            self._faults.extend([fault] * times)

    def clear_faults(self) -> None:
        """Spoil no answer any more."""
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
        with _session_lock:  # making clients is not thread-safe, using them is
            return _session().client(
                "drs",
                region_name=region,
                endpoint_url=self.endpoint_url,
                aws_access_key_id=access_key_id,
                aws_secret_access_key="testing",  # noqa: S106  # no secret: signatures are not checked
                config=_NO_PROXIES if config is None else _NO_PROXIES.merge(config),
            )

    def __repr__(self) -> str:
        """Say where it listens."""
        return f"LocalDrs({self.endpoint_url if self._server is not None else 'not running'})"

    def _respond(self, request: "Request") -> HttpResponse:
        """The answer to one HTTP request."""
        operation = request.path.strip("/")
        credential = _CREDENTIAL.search(request.headers.get("Authorization", ""))
        key, region, service = credential.groups() if credential else (None, None, None)
        try:
            body = json.loads(request.get_data() or b"{}")
        except (ValueError, RecursionError):
            body = None
        self._requests.append(RecordedRequest(operation, body, region, key, dict(request.headers)))

        def http_response() -> HttpResponse:
            try:
                if operation not in OPERATIONS or request.method != "POST":
                    raise AwsError("UnknownOperationException", 404, f"LocalDrs does not know {request.method} {request.path}")
                if region is None or service != "drs":
                    raise AwsError("MissingAuthenticationTokenException", 403, "The request is not signed for the service drs")
                if body is None:
                    raise validation_error("The body is not JSON", reason="cannotParse")
                answer = self._backend.call(operation, body, Caller(region, key))
                return HttpResponse.from_members(answer, success_status(operation))
            except AwsError as error:
                return HttpResponse.from_error(error)

        fault = self._lasting_fault
        with contextlib.suppress(IndexError):
            fault = self._faults.popleft()
        return http_response() if fault is None else fault.apply(http_response)


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
            _cut(environ["werkzeug.socket"])
        elif cut_after is not None:
            response.headers["Content-Length"] = str(len(http_response.body))
            response.response = _cut_body(http_response.body[:cut_after], environ)
        return response(environ, start_response)


def _cut_body(start: bytes, environ: dict[str, Any]) -> Iterator[bytes]:
    """The start of a body whose headers promise more, and then the end of the connection."""
    yield start
    _cut(environ["werkzeug.socket"])


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other side was faster
        connection.shutdown(socket.SHUT_RDWR)
