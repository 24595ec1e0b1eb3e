"""`JobsClient`: builds and calls the boto3 client, and converts its errors."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar, cast

from botocore.exceptions import ClientError

from drs_jobs import _arguments, _botocore, _wire
from drs_jobs._arguments import JobRef
from drs_jobs._errors import JobNotFoundError, MalformedResponseError, service_error
from drs_jobs._models import Job, JobLogItem
from drs_jobs._pagination import Pager, Query, RawPage
from drs_jobs._public import set_public_module

if TYPE_CHECKING:
    # `import drs_jobs` imports neither boto3 nor these modules, because programs that only structure dicts do not need them.
    import boto3
    from botocore.config import Config

    from drs_jobs._polling import Clock
    from drs_jobs.reports import Explanation, JobPhases

T = TypeVar("T")


class SupportsDescribeJobs(Protocol):
    """Protocol of the `client` argument: an object with boto3's `describe_jobs`, such as a boto3 client of `drs` or a fake."""

    @property
    def describe_jobs(self) -> Callable[..., Mapping[str, Any]]:
        """boto3's `describe_jobs(**request)`, which returns the response as a dict."""
        ...


class JobsClient:
    """A client for DescribeJobs that returns typed jobs. Thread-safe, like the boto3 client that it uses.

    It is a context manager, which calls `close` at its end.
    """

    def __init__(
        self,
        client: SupportsDescribeJobs | None = None,
        *,
        session: "boto3.Session | None" = None,
        region_name: str | None = None,
        profile_name: str | None = None,
        endpoint_url: str | None = None,
        config: "Config | None" = None,
    ) -> None:
        """Create a client from a boto3 client, or from the arguments with which to build one.

        Without arguments boto3 finds region and credentials in its usual way.

        Args:
            client: A boto3 client of `drs`, or a fake with the same methods. No other argument is allowed beside it.
            session: The boto3 session with which to build a client; by default a new one.
            region_name: The AWS region; by default the region that boto3 finds.
            profile_name: The AWS profile; by default the profile that boto3 finds. Not allowed beside `session`.
            endpoint_url: Another endpoint than that of AWS.
            config: botocore's configuration of time-outs, retries and proxies.

        Raises:
            TypeError: If `client` is given beside any other argument, is asynchronous or has no `describe_jobs`, or if
                `session` is given beside `profile_name`.
            botocore.exceptions.BotoCoreError: If a client cannot be built, such as `NoRegionError`.
        """
        from drs_jobs import _polling  # noqa: PLC0415  # as boto3, it is imported when a client is built

        others = {
            "session": session,
            "region_name": region_name,
            "profile_name": profile_name,
            "endpoint_url": endpoint_url,
            "config": config,
        }
        self._is_owner = client is None
        given = [name for name, value in others.items() if value is not None]
        if client is None:
            client = _build(session, profile_name, region_name, endpoint_url, config)
        elif given:
            raise TypeError(f"client beside {', '.join(given)}: pass a client, or the arguments to build one, not both")
        elif not callable(getattr(client, "describe_jobs", None)):
            msg = f"client must have a describe_jobs method, as boto3.client('drs') has; {type(client).__name__} has none"
            raise TypeError(msg)
        elif _botocore.is_asynchronous(client, _wire.METHODS.values()):
            raise TypeError(
                f"client is asynchronous ({type(client).__name__}): "
                "JobsClient needs a synchronous one, such as boto3.client('drs')"
            )
        _botocore.register_handlers(client, _wire.METHODS)
        self._client = client
        self._clock = _polling.Clock.real()

    def close(self) -> None:
        """Close the connections of the boto3 client, if it was built here. A client that was passed in stays open."""
        if self._is_owner:
            cast("Any", self._client).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        """Return the region and endpoint of the boto3 client, or the class of a fake."""
        region, endpoint = _botocore.region_and_endpoint(self._client)
        return f"JobsClient(region={region}, endpoint={endpoint})" if region else f"JobsClient({type(self._client).__name__})"

    def describe_jobs(
        self,
        *,
        job_ids: Iterable[str] | None = None,
        from_date: datetime | None = None,
        to_date: datetime | None = None,
        page_size: int | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        on_malformed: Callable[[MalformedResponseError], object] | None = None,
        prefetch: bool = False,
    ) -> Pager[Job]:
        """Return the jobs of this account and region, newest first. No request is sent before iteration.

        Args:
            job_ids: The ids of the jobs to return, at most 1,000. An empty list returns no jobs, without a request.
                `None`, the default, returns all jobs.
            from_date: The start of the date range, as an aware datetime. AWS does not document whether it is inclusive.
            to_date: The end of the date range, as an aware datetime. AWS does not document whether it is inclusive.
            page_size: The number of jobs per request, at least 1; by default AWS chooses it.
            limit: The maximum number of jobs in total, at least 0; by default no limit.
            cursor: The position from which to continue, from an earlier run of the same query.
            on_malformed: Called with the MalformedResponseError of each malformed job. Iteration then continues with the
                next job. By default the error is raised.
            prefetch: Whether each page is requested in a thread while the jobs of the page before it are used, which hides the
                time of the requests. By default no. `first()` and `limit` make no request more, but a loop that ends early can
                have made one more, and waits for its response.

        Returns:
            A pager. It can be iterated any number of times.

        Raises:
            TypeError: If an argument has the wrong type. Raised by this call, before any request.
            ValueError: If an argument has an invalid value. Raised by this call, before any request.
            ServiceError: If AWS returns an error. Raised during iteration, as are all of the following.
            MalformedResponseError: If the response, or a job in it, is invalid.
            PaginationLoopError: If the service repeats a page token.
            botocore.exceptions.BotoCoreError: If the connection fails, or `ParamValidationError` if an id is too short.

        Source:
            https://docs.aws.amazon.com/drs/latest/APIReference/API_DescribeJobs.html
        """
        ids = None if job_ids is None else _arguments.validate_job_ids(job_ids)
        from_date, to_date = _arguments.validate_date_range(from_date, to_date)
        request = _wire.jobs_request(ids, from_date, to_date)
        filters = {"job_ids": None if ids is None else len(ids), "from_date": from_date, "to_date": to_date}
        query = self._query("DescribeJobs", request, filters, _wire.job_id_of, Job, page_size=page_size)
        limit = _arguments.validate_run(limit, cursor, on_malformed)
        # AWS returns all jobs for an empty list of ids.
        return Pager(query, limit=0 if ids == () else limit, cursor=cursor, on_malformed=on_malformed, prefetch=prefetch)

    def get_job(self, job_id: str) -> Job:
        """Return the job with this id.

        Args:
            job_id: The id of the job.

        Raises:
            JobNotFoundError: If no job has this id. AWS returns an empty list for an unknown id.
            TypeError: If `job_id` is not a str, or blank.
            ServiceError: As in `describe_jobs`, with all its other errors during iteration.
        """
        for job in self.describe_jobs(job_ids=[job_id]):
            if job.job_id == job_id:
                return job
        raise JobNotFoundError(job_id)

    def describe_job_log_items(
        self,
        job_id: str,
        *,
        page_size: int | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        on_malformed: Callable[[MalformedResponseError], object] | None = None,
    ) -> Pager[JobLogItem]:
        """Return the log of a job. No request is sent before iteration. AWS does not document the order of the items.

        AWS does not document the response for an unknown job id. It can be an empty log.

        Args:
            job_id: The id of the job.
            page_size: The number of items per request, at least 1; by default AWS chooses it.
            limit: The maximum number of items in total, at least 0; by default no limit.
            cursor: The position from which to continue, from an earlier run of the same query; by default the first item.
            on_malformed: Called with the error of each malformed item, as in `describe_jobs`; by default the error is raised.

        Returns:
            A pager. It can be iterated any number of times.

        Raises:
            TypeError, ValueError, ServiceError: As in `describe_jobs`, with all its other errors during iteration.

        Source:
            https://docs.aws.amazon.com/drs/latest/APIReference/API_DescribeJobLogItems.html
        """
        _arguments.validate_job_id(job_id)
        request, filters = _wire.log_request(job_id), {"job_id": job_id}
        query = self._query("DescribeJobLogItems", request, filters, _wire.log_item_id_of, JobLogItem, page_size=page_size)
        limit = _arguments.validate_run(limit, cursor, on_malformed)
        return Pager(query, limit=limit, cursor=cursor, on_malformed=on_malformed)

    def watch(
        self,
        jobs: Iterable[JobRef],
        *,
        timeout: float | timedelta | None,
        poll_interval: float | timedelta | None = None,
    ) -> Iterator[Job]:
        """Yield each job whenever its snapshot changed, the first one included, until all jobs are complete.

        Transient errors (throttling, 5xx, connection errors, a body that is not JSON) do not end the iteration before the
        deadline. Each one is logged as a WARNING on the logger `drs_jobs`. Before the first successful response they are
        retried for one minute only. Permanent errors are raised at once.

        Args:
            jobs: The jobs to watch: ids, `Job` objects or the `job` dicts of boto3's `start_recovery`. A job that is given
                twice is watched once.
            timeout: The time limit in seconds or as a timedelta, from the first `next` on. 0 polls once. `None` means no
                limit. It limits the sleeps, not a request in flight, which can take botocore's time-outs times its number
                of attempts longer. Consider this if the process has a time limit of its own, as on AWS Lambda.
            poll_interval: The interval between two polls, in seconds or as a timedelta. The default is 5 seconds, which
                grow by a factor of 1.5 per poll to 30. Each sleep has 10 % jitter. The last sleep ends at the deadline,
                and one last poll follows.

        Raises:
            TypeError: If an argument has the wrong type. Raised by this call, before any request.
            ValueError: If an argument has an invalid value. Raised by this call, before any request.
            WaitTimeoutError: If the deadline passes. Its message has the phase of each unfinished job, if the logs can be read
                within 5 seconds. Raised during iteration, as are all of the following.
            JobNotFoundError: If a job is missing for one minute.
            ServiceError: If AWS returns a permanent error.
            MalformedResponseError: If a job in a response is invalid.
            botocore.exceptions.BotoCoreError: If botocore raises a permanent error, such as `NoCredentialsError`.
        """
        from drs_jobs import _polling, reports  # noqa: PLC0415  # here, not in the thread that reads the logs
        from drs_jobs.reports._progress import slowest_phase  # noqa: PLC0415  # nor this one

        def describe_phase(job: Job) -> str | None:
            log, _ = self._read_log(job.job_id)
            return slowest_phase(reports.phases(job, log), now=self._clock.utc_now()) if log else None

        ids = _arguments.resolve_job_refs(jobs)
        seconds = None if timeout is None else _arguments.to_seconds("timeout", timeout)
        interval = None if poll_interval is None else _arguments.to_seconds("poll_interval", poll_interval)
        if interval == 0:
            raise ValueError("poll_interval must be more than 0 seconds")
        return _polling.watch(
            lambda batch: self.describe_jobs(job_ids=batch),
            ids,
            describe_phase=describe_phase,
            timeout=seconds,
            poll_interval=interval,
            batch_size=_arguments.MAX_JOB_IDS,
            clock=self._clock,
        )

    def wait(self, job: JobRef, *, timeout: float | timedelta | None, poll_interval: float | timedelta | None = None) -> Job:
        """Wait until a job is complete, and return it.

        A complete job did not necessarily succeed: see `Job.outcome` and `Job.raise_unless_succeeded`.

        Args:
            job: The job to wait for: an id, a `Job` or the `job` dict of boto3's `start_recovery`.
            timeout: As in `watch`.
            poll_interval: As in `watch`.

        Raises:
            WaitTimeoutError: If the deadline passes before the job is complete.
            JobNotFoundError: If the job is missing for one minute.
            ServiceError: If AWS returns a permanent error. All other errors are as in `watch`.
        """
        return self.wait_all([job], timeout=timeout, poll_interval=poll_interval)[0]

    def wait_all(
        self,
        jobs: Iterable[JobRef],
        *,
        timeout: float | timedelta | None,
        poll_interval: float | timedelta | None = None,
    ) -> tuple[Job, ...]:
        """Wait until all jobs are complete, and return them in the order of `jobs`, twice if a job is given twice.

        Args:
            jobs: The jobs to wait for: ids, `Job` objects or the `job` dicts of boto3's `start_recovery`.
            timeout: As in `watch`.
            poll_interval: As in `watch`.

        Raises:
            WaitTimeoutError: If the deadline passes before all jobs are complete.
            JobNotFoundError: If a job is missing for one minute.
            ServiceError: If AWS returns a permanent error. All other errors are as in `watch`.
        """
        ids = _arguments.resolve_job_refs(jobs)
        snapshots = {job.job_id: job for job in self.watch(ids, timeout=timeout, poll_interval=poll_interval)}
        return tuple(snapshots[job_id] for job_id in ids)

    def explain(self, job: JobRef) -> "Explanation":
        """Fetch a job and its log, and return its instances and the reasons for each failed participant.

        If the log, or an item of it, cannot be read, the error is in `log_error`, and the readable items are used.

        Args:
            job: The job: an id, a `Job` or the `job` dict of boto3's `start_recovery`. It is always fetched again.

        Raises:
            JobNotFoundError: If no job has this id.
            ServiceError: If AWS returns an error for the job. All other errors are as in `get_job`.
        """
        from drs_jobs import reports  # noqa: PLC0415  # `import drs_jobs` does not import them

        fetched = self.get_job(_arguments.resolve_job_ref(job))
        items, error = self._read_log(fetched.job_id)
        return reports.explain(fetched, items, log_error=error)

    def phases(self, job: JobRef) -> "JobPhases":
        """Fetch the log of a job, and return the phases of each participant with their times.

        If the log, or an item of it, cannot be read, the error is in `log_error`, and the readable items are used.

        Args:
            job: The job: an id, a `Job` or the `job` dict of boto3's `start_recovery`. A `Job` that is complete is not fetched
                again.

        Raises:
            JobNotFoundError: If no job has this id.
            ServiceError: If AWS returns an error for the job. All other errors are as in `get_job`.
        """
        from drs_jobs import reports  # noqa: PLC0415  # `import drs_jobs` does not import them

        job_id = _arguments.resolve_job_ref(job)
        fetched = job if isinstance(job, Job) and job.is_complete else self.get_job(job_id)
        items, error = self._read_log(job_id)
        return reports.phases(fetched, items, log_error=error)

    def _read_log(self, job_id: str) -> tuple[list[JobLogItem], Exception | None]:
        """Return the readable items of a log, and the first error, if there is one."""
        items: list[JobLogItem] = []
        errors: list[Exception] = []
        try:
            items.extend(self.describe_job_log_items(job_id, on_malformed=errors.append))
        except Exception as error:  # noqa: BLE001  # the job is known, so any error of the log is only reported
            errors.append(error)
        return items, errors[0] if errors else None

    def _query(
        self,
        operation: str,
        request: Mapping[str, Any],
        filters: Mapping[str, object],
        identify: Callable[[object], str | None],
        item_type: type[T],
        *,
        page_size: int | None,
    ) -> Query[T]:
        page_size = _arguments.validate_count("page_size", page_size, 1)
        arguments = {**filters, "page_size": page_size}
        return Query(
            text=_wire.query_text(operation, request, _botocore.region_and_endpoint(self._client)),
            summary=", ".join([operation, *(f"{name}={value}" for name, value in arguments.items() if value is not None)]),
            fetch=lambda token: self._fetch(operation, _wire.page_request(request, page_size, token)),
            structure=lambda raw, index: _wire.structure(raw, item_type, f"$.items[{index}]"),
            identify=identify,
        )

    def _fetch(self, operation: str, request: Mapping[str, Any]) -> RawPage:
        method = getattr(self._client, _wire.METHODS[operation], None)
        if method is None:
            raise TypeError(f"the client has no method {_wire.METHODS[operation]}: pass a boto3 client, or add it to the fake")
        try:
            return _botocore.call(operation, method, request, _wire.read_page)
        except ClientError as error:
            raise service_error(error) from error


def use_clock(client: JobsClient, *, clock: "Clock") -> None:
    """Set the clock with which a client waits.

    For tests, so that long waits take no time, and for the command line, which shows progress during the sleeps.
    """
    client._clock = clock  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # the only place that sets it


def read_log(client: JobsClient, job_id: str) -> tuple[list[JobLogItem], Exception | None]:
    """Return the readable items of the log of a job, and the first error, if there is one."""
    return client._read_log(job_id)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # as `JobsClient.phases`, for a job that runs


def _build(
    session: Any,  # not boto3.Session, because its stubs give `client` 400 overloads
    profile_name: str | None,
    region_name: str | None,
    endpoint_url: str | None,
    config: "Config | None",
) -> SupportsDescribeJobs:
    if session is None:
        import boto3  # noqa: PLC0415  # `import drs_jobs` does not import boto3

        session = boto3.Session(profile_name=profile_name)
    elif profile_name is not None:
        raise TypeError("session beside profile_name: create the session with boto3.Session(profile_name=…) and pass only that")
    client: SupportsDescribeJobs = session.client("drs", region_name=region_name, endpoint_url=endpoint_url, config=config)
    return client


set_public_module(globals())
