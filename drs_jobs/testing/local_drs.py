"""`LocalDrs`: an endpoint of Elastic Disaster Recovery on 127.0.0.1, for any AWS client."""

import json
import os
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, Self

import attrs
from botocore.config import Config
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from drs_jobs._aws.unstructure import unstructure_job, unstructure_log_item
from drs_jobs._models import Job, JobLogItem
from drs_jobs._models.source_server import is_source_server_id
from drs_jobs.testing._server import LocalServer, encoded_account, parse_credential, parse_request
from drs_jobs.testing.account_region import job_key
from drs_jobs.testing.backend import Backend, CannedResponse
from drs_jobs.testing.failures import BootFailure, InjectedFailure
from drs_jobs.testing.faults import AwsError, Fault, HookError, HttpResponse, Schedule, validation_error
from drs_jobs.testing.histories import History
from drs_jobs.testing.profiles import PROFILES
from drs_jobs.testing.service_model import (
    ACCOUNT_ID,
    local_session,
    require_operation,
    require_response,
    require_scope,
    require_valid,
    service_model,
)
from drs_jobs.testing.simulated_jobs import LocalJob

REGION: Final = "eu-west-1"
"""The default region."""

ACCESS_KEY_ID: Final = "testing"
"""The access key of `LocalDrs.client`. It is not a secret: signatures are not verified."""

CONFLICTING_VARIABLES: Final = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")
"""The environment variables that `LocalDrs.environment` does not replace, and that can prevent its use."""

_MAX_SPEED: Final = 1_000_000  # so that a test of an hour ends before the year 9999
_NO_PROXIES: Final = Config(proxies={})


@attrs.frozen
class RecordedRequest:
    """A request that `LocalDrs` received."""

    operation: str | None
    """AWS's name of the operation, such as `DescribeJobs`; `None` if no operation has this method and path."""
    body: Any
    """The members of the request, including those in the path and the query; `None` if the body is not JSON."""
    region: str | None
    """The region in the signature; `None` for an unsigned request."""
    account_id: str | None
    """The account of the access key; `None` for an unsigned request."""
    access_key_id: str | None
    """The access key in the signature; `None` for an unsigned request."""
    headers: Mapping[str, str] = attrs.field(repr=False)
    """The request's HTTP headers."""


class LocalDrs:
    """A DRS endpoint on this machine: `with LocalDrs() as local: …`.

    Any AWS client can use it, by `local.client()`, `endpoint_url=` or the environment variable `AWS_ENDPOINT_URL_DRS`.
    Each request is validated against botocore's service model. DescribeJobs works as in the service: filtered by ids and
    dates, newest first, in pages with opaque tokens. StartRecovery and TerminateRecoveryInstances start simulated jobs, whose
    status and log change with time, and which fail if `fail_server` was called for a server. The operations on source servers,
    their configurations, recovery instances, recovery snapshots and tags work on the same data. `respond` adds a response for
    any other operation. Data belongs to one account and region.
    """

    def __init__(
        self,
        *,
        page_sizes: Sequence[int] = (1000,),
        speed: float = 1.0,
        profile: str = "linux",
        accounts: Mapping[str, str] | None = None,
        has_recovery_instance_ids: bool = False,
        max_requests: int | None = None,
    ) -> None:
        """Create an endpoint. It does not run before `start` or `with`.

        Args:
            page_sizes: Sizes of the pages, repeated in a cycle: with `(3, 0)`, every second page is empty. AWS documents no
                size. A smaller `maxResults` in the request takes precedence. Default `(1000,)`.
            speed: Simulated seconds per real second; with 0, the time changes only by `advance`. With more than 1, it runs
                ahead of your clock: the dates of started jobs are in your future, so `to_date=datetime.now(UTC)` does not find
                them, and `job.elapsed(datetime.now(UTC))` is negative. Use `now` of this object there, or a history that ends
                now: `make_history(…, until=datetime.now(UTC))`. Default 1.
            profile: The durations of simulated recoveries, as measured: `"linux"` (about nine minutes) or `"windows"` (about
                24 minutes). Default `"linux"`.
            accounts: The account id of each access key, such as `{"ASIAEXAMPLE": "111122223333"}`. An access key of AWS's or
                moto's STS belongs to the account that it encodes, and every other one to 123456789012. Default: none.
            has_recovery_instance_ids: Whether launched servers have a `recoveryInstanceID`, unlike in AWS. Default `False`.
            max_requests: How many of the last requests `requests` has. Default: all.

        Raises:
            ValueError: If a page size is negative, no page size is positive, `speed` is negative, `profile` is unknown or an
                account id does not have 12 digits.
        """
        if not 0 <= speed <= _MAX_SPEED:
            raise ValueError(f"time can't run backwards, nor too fast: speed must be from 0 to {_MAX_SPEED:,}, not {speed:g}")
        if profile not in PROFILES:
            raise ValueError(f"profile must be one of {', '.join(PROFILES)}, not {profile!r}")
        for account_id in (accounts or {}).values():
            require_scope(account_id, REGION)
        self.accounts: MutableMapping[str, str] = dict(accounts or {})
        """The account id of each access key. Keys can be added at any time. Requests to an invalid account are refused."""
        self._backend = Backend(speed, profile, has_recovery_instance_ids)
        self.page_sizes = page_sizes
        self._requests: deque[RecordedRequest] = deque(maxlen=max_requests)
        self._faults = Schedule[Fault]()
        self._hook_error: HookError | None = None  # the first one
        self._server: LocalServer | None = None

    def start(self) -> Self:
        """Start serving on a free port, and return this `LocalDrs`. If it is running already, nothing else happens."""
        if self._server is None:
            self._server = LocalServer(self._app, name="LocalDrs")
        return self

    def stop(self) -> None:
        """Stop serving. When it returns, the port is closed; if it is not running, nothing changes.

        Raises:
            RuntimeError: If a function of `respond` or `on_launch` has failed, because the code under test can have hidden it.
        """
        if self._server is not None:
            self._server.stop()
            self._server = None
        self._raise_hook_error()

    def _raise_hook_error(self) -> None:
        """Raise the first error of a function of the test, once."""
        error, self._hook_error = self._hook_error, None
        if error is not None:
            raise error

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, _exc_type: object, exc: BaseException | None, _traceback: object) -> None:
        """Call `stop`. An error of the block itself takes precedence over one of a function."""
        try:
            self.stop()
        except HookError:
            if exc is None:
                raise

    @property
    def page_sizes(self) -> tuple[int, ...]:
        """The sizes of the pages, repeated in a cycle. They can be set at any time."""
        return self._backend.page_sizes

    @page_sizes.setter
    def page_sizes(self, sizes: Sequence[int]) -> None:
        checked: tuple[Any, ...] = tuple(sizes)
        if not any(checked) or not all(isinstance(size, int) and size >= 0 for size in checked):
            raise ValueError(f"page_sizes must be integers of 0 or more, one of them at least 1, not {checked}")
        self._backend.page_sizes = checked

    @property
    def endpoint_url(self) -> str:
        """The URL of the endpoint, such as `http://127.0.0.1:40123`.

        Raises:
            RuntimeError: If it is not running.
        """
        if self._server is None:
            raise RuntimeError("LocalDrs is not running: use it as `with LocalDrs() as local:`, or call start()")
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which any AWS client of `drs` uses this endpoint, in this or another process.

        They take effect without AWS_PROFILE, AWS_DEFAULT_PROFILE and AWS_SESSION_TOKEN. Hosts without a proxy are added to
        those of this process.

        Raises:
            RuntimeError: If it is not running.
        """
        no_proxy = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "localhost"
        if no_proxy.strip() != "*":  # it means every host only if it is the whole value
            no_proxy = f"{no_proxy},127.0.0.1"
        return {
            # Environment variables take precedence over the shared AWS configuration.
            "AWS_ENDPOINT_URL_DRS": self.endpoint_url,
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": "testing",
            # Otherwise clients request credentials from the instance metadata service if they find none elsewhere.
            "AWS_EC2_METADATA_DISABLED": "true",
            "no_proxy": no_proxy,
            "NO_PROXY": no_proxy,
        }

    @property
    def requests(self) -> Sequence[RecordedRequest]:
        """The requests received so far, or the last `max_requests` of them, oldest first."""
        return tuple(self._requests.copy())

    def add_jobs(self, *jobs: Job, region: str = REGION, account_id: str | None = None) -> None:
        """Add jobs to an account and region, or replace the jobs with the same ids. Their ARNs stay as they are.

        Args:
            jobs: The jobs.
            region, account_id: The region, by default `eu-west-1`, and the account, by default 123456789012.

        Raises:
            TypeError: If an argument is not a `Job`.
            ValueError: If a job has a naive datetime, or the region is unknown or the account id does not have 12 digits.
        """
        scope = require_scope(account_id, region)
        for job in jobs:
            if not isinstance(job, Job):
                raise TypeError(f"add_jobs takes jobs, not {type(job).__name__}: write add_jobs(*jobs) for a list of them")
            unstructure_job(job)  # raises here, not later in the server, if the job is invalid
        self._backend.add_jobs(map(LocalJob, jobs), scope)

    def add_log(self, job_id: str, *items: JobLogItem, region: str = REGION, account_id: str | None = None) -> None:
        """Add items to the log of a job, which is returned oldest first.

        Args:
            job_id: The id of a job that was added or started in this account and region.
            items: The items.
            region, account_id: The region, by default `eu-west-1`, and the account, by default 123456789012.

        Raises:
            KeyError: If there is no such job.
            ValueError: If an item has a naive datetime, or the region is unknown or the account id does not have 12 digits.
        """
        scope = require_scope(account_id, region)
        for item in items:
            unstructure_log_item(item)
        with self._backend.lock:
            data = self._backend.account_region(scope)
            if (job := data.jobs.get(job_id)) is None:
                raise KeyError(f"account {scope.account_id} has no job {job_id} in {scope.region}: call add_jobs first")
            data.add_job(attrs.evolve(job, extra_log=(*job.extra_log, *items)))

    def add_history(self, history: History, *, region: str | None = None, account_id: str | None = None) -> None:
        """Add the jobs, logs and source servers of a history to its account and region, as they are at its end, `until`.

        A job that runs at `until` goes on from there, and completes some minutes later. Its dates stay those of the history. If
        `until` is later than `now`, jobs and servers of the time after `now` are left out.

        Args:
            history: The result of `make_history(…, logs=True)`.
            region, account_id: The region and the account. Default those of the history, which its ARNs name.

        Raises:
            TypeError: If it is not a `History`.
            ValueError: If the region is unknown or the account id does not have 12 digits.
        """
        if not isinstance(history, History):
            raise TypeError(f"add_history takes the result of make_history(…, logs=True), not a {type(history).__name__}")
        scope = require_scope(account_id or history.account_id, region or history.region)
        now = self.now
        servers = [one for one in history.added_servers if one["lifeCycle"]["addedToServiceDateTime"] <= now.isoformat()]
        self.add_source_servers(*servers, region=scope.region, account_id=scope.account_id)
        jobs = [job for job in history.jobs if job_key(job)[0] >= -now.timestamp()]
        self._backend.add_jobs(jobs, scope, lag=max(now - history.until, timedelta()))

    def add_source_servers(self, *servers: Mapping[str, Any], region: str = REGION, account_id: str | None = None) -> None:
        """Add source servers, or replace those with the same ids. From then on, other source servers do not exist.

        Args:
            servers: The servers in AWS's shape, as DescribeSourceServers returns them. `sourceServerID` is required. Absent
                members that automations read have defaults: an ARN, no tags, a replication without lag and no launch.
            region, account_id: The region, by default `eu-west-1`, and the account, by default 123456789012.

        Raises:
            ValueError: If a server does not fit botocore's service model, or the region or the account is unknown.
        """
        scope = require_scope(account_id, region)
        shape = service_model().shape_for("SourceServer")
        valid = [require_valid(shape, server, "the source server") for server in servers]
        if not all(server.get("sourceServerID") for server in valid):
            raise ValueError("a source server has no sourceServerID, which is required")
        with self._backend.lock:
            for server in valid:
                self._backend.account_region(scope).add_source_server(server)

    def respond(self, operation: str, response: CannedResponse, *, times: int | None = None) -> None:
        """Add a canned response, for an operation that LocalDrs does not simulate, or instead of its simulation.

        If it names a source server, a recovery instance or a job, it is only used for a request that names no other one.

        Args:
            operation: AWS's name of the operation, such as `GetLaunchConfiguration`.
            response: The members of the response, in AWS's shape, or a function of the members of the request that returns
                them. If the function raises, or returns what AWS cannot send, the client gets an error that it does not
                retry, and `stop` raises the error.
            times: The number of requests for which it is used. `None` is no limit: after the responses with a limit, and until
                a later response without one.

        Raises:
            TypeError: If `response` is neither a mapping nor a function.
            ValueError: If botocore's service model has no such operation, or the response does not fit it.
        """
        require_operation(operation)
        if not callable(response):
            if not isinstance(response, Mapping):
                raise TypeError(f"respond takes the members of a response, or a function that returns them, not {response!r}")
            response = require_response(operation, dict(response), f"the response of {operation}")
        self._backend.responses.add(response, times=times, operation=operation)

    def on_launch(self, function: Callable[[str], str]) -> None:
        """Have a function create the EC2 instance of each server that a StartRecovery launches, such as one of moto.

        Its id is in the log, in the recovery instances and in the jobs. The function is called at the end of the launch, during
        the next request or in `advance`, also for a running job of `add_history`.

        Args:
            function: Returns the id of the instance for the id of a source server. If it fails, it is as in `respond`.

        Raises:
            TypeError: If it is not a function.
        """
        if not callable(function):
            raise TypeError(f"on_launch takes a function that returns the id of an instance, not {function!r}")
        self._backend.on_launch = function

    def clear(self) -> None:
        """Remove all jobs, source servers, configurations, tags, injected failures, faults, functions and recorded requests.

        Warnings that were logged before are logged again. The time, `page_sizes` and `accounts` stay.

        Raises:
            RuntimeError: If a function of `respond` or `on_launch` has failed, as in `stop`.
        """
        self._backend.clear()
        self._faults.clear()
        self._requests.clear()
        self._raise_hook_error()

    def fail_server(self, source_server_id: str, failure: InjectedFailure | None = None) -> None:
        """Make every later recovery of a server fail.

        Args:
            source_server_id: The source server's id.
            failure: A `BootFailure`, `PhaseFailure`, `RefusedCall`, `LaunchActionFailure`, `SilentFailure` or `Stuck`. Default
                `BootFailure()`.

        Raises:
            TypeError: If `failure` is none of them, such as a class instead of an instance.
            ValueError: If no source server can have this id.
        """
        failure = BootFailure() if failure is None else failure
        if not isinstance(failure, InjectedFailure):
            raise TypeError(f"fail_server takes a failure such as BootFailure(), not {failure!r}")
        if not is_source_server_id(str(source_server_id)):
            raise ValueError(f"{source_server_id!r} is not the id of a source server, such as s-00000000000000001")
        self._backend.injected_failures[source_server_id] = failure

    @property
    def now(self) -> datetime:
        """The current time of the simulated jobs, in UTC."""
        return self._backend.time()

    def advance(self, seconds: timedelta | float) -> None:
        """Advance the time of the simulated jobs. When it returns, `on_launch` has created the instances of launched servers.

        Args:
            seconds: Seconds, or a timedelta.

        Raises:
            RuntimeError: If the function of `on_launch` fails.
            ValueError: If it is negative, or the time would be after the year 9998.
        """
        self._backend.advance(seconds)

    def inject(self, fault: Fault, *, times: int | None = 1, operation: str | None = None) -> None:
        """Apply a fault to the next responses, after the faults of earlier calls.

        Args:
            fault: The fault.
            times: The number of responses. `None` applies the fault to every response after the counted faults. Default 1.
            operation: AWS's name of the only operation to which to apply it, such as `DescribeJobLogItems`. Default: all.

        Raises:
            TypeError: If `fault` is no `Fault`, such as a class instead of an instance.
            ValueError: If `times` is negative, or botocore's service model has no such operation.
        """
        if not isinstance(fault, Fault):
            raise TypeError(f"inject takes a fault such as Throttle(), not {fault!r}")
        if operation is not None:
            require_operation(operation)
        self._faults.add(fault, times=times, operation=operation)

    def clear_faults(self) -> None:
        """Remove all faults that `inject` added."""
        self._faults.clear()

    def client(self, region: str = REGION, *, access_key_id: str = ACCESS_KEY_ID, config: Config | None = None) -> Any:
        """Return a boto3 client of `drs` for this endpoint, which reads no shared AWS configuration and uses no proxy.

        Args:
            region: The AWS region.
            access_key_id: The access key that signs the requests.
            config: A `botocore.config.Config`, for retries and time-outs.
        """
        # One session per client, because creating clients of one session is not thread-safe.
        return local_session().create_client(
            "drs",
            region_name=region,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=access_key_id,
            aws_secret_access_key="testing",  # noqa: S106  # not a secret: signatures are not verified
            config=_NO_PROXIES if config is None else _NO_PROXIES.merge(config),
        )

    def __repr__(self) -> str:
        return f"LocalDrs({self.endpoint_url if self._server is not None else 'not running'})"

    def _respond(self, request: Request) -> HttpResponse:
        """Record an HTTP request and return its response, with the next fault applied."""
        host = f"127.0.0.1:{request.environ['SERVER_PORT']}"
        if request.environ.get("HTTP_HOST", host).lower() not in (host, host.replace("127.0.0.1", "localhost")):
            # A page in a browser can send requests here under a name of its own, and would read the responses.
            return AwsError("UnknownHostException", 421, f"LocalDrs is at http://{host} only").response
        if "Origin" in request.headers or "Sec-Fetch-Site" in request.headers:  # a page can send some requests to any host
            return AwsError("AccessDeniedException", 403, "LocalDrs accepts no requests of a browser").response
        operation, members = parse_request(request)
        key, region = parse_credential(request) or (None, None)
        account_id = None if key is None else self.accounts.get(key) or encoded_account(key) or ACCOUNT_ID
        recorded = RecordedRequest(operation, members, region, account_id, key, dict(request.headers))
        self._requests.append(recorded)
        fault = self._faults.take(operation)
        return self._process(recorded) if fault is None else fault.apply(lambda: self._process(recorded))

    def _process(self, request: RecordedRequest) -> HttpResponse:
        try:
            if request.operation is None:
                raise AwsError("UnknownOperationException", 404, "The service model has no operation with this method and path")
            if request.access_key_id is None or request.region is None or request.account_id is None:
                raise AwsError("MissingAuthenticationTokenException", 403, "The request is not signed for the service drs")
            try:
                scope = require_scope(request.account_id, request.region)
            except ValueError as error:
                raise AwsError("UnrecognizedClientException", 403, str(error)) from None
            if request.body is None:
                raise validation_error("The body is not JSON", reason="cannotParse")
            response = self._backend.call(request.operation, request.body, scope, request.access_key_id)
            status = service_model().operation_model(request.operation).http["responseCode"]
            body = b"" if status == HTTPStatus.NO_CONTENT else json.dumps(response).encode()
            return HttpResponse(status, {"Content-Type": "application/json"}, body)
        except AwsError as error:
            return error.response
        except HookError as error:
            self._hook_error = self._hook_error or error
            return AwsError("TestErrorException", 400, str(error)).response
        except Exception as error:  # noqa: BLE001  # a client can only show an error that is a response
            return AwsError("InternalServerException", 500, f"LocalDrs failed: {error!r}").response

    def _app(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Serve an HTTP request, as a WSGI application."""
        request = Request(environ)
        try:
            request.get_data()
        except (HTTPException, OSError) as error:  # the client died in the middle of its request
            raise ConnectionAbortedError from error
        http_response = self._respond(request)
        if http_response.delay and self._server is not None:
            self._server.stopping.wait(min(http_response.delay, threading.TIMEOUT_MAX))
        cut_after = http_response.cut_connection_after
        if cut_after == 0:
            raise ConnectionAbortedError
        headers = {**http_response.headers, "x-amzn-RequestId": str(uuid.uuid4())}
        if cut_after is not None:
            headers["Content-Length"] = str(len(http_response.body))
        # Response would replace the Content-Length of bytes, but not that of a list.
        return Response([http_response.body[:cut_after]], http_response.status, headers)(environ, start_response)
