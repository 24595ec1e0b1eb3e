"""`JobsClient`: builds and calls the boto3 client, and converts its errors."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

from drs_jobs import _polling, _queries, analysis
from drs_jobs._aws import calls
from drs_jobs._errors import JobNotFoundError, MalformedResponseError
from drs_jobs._models import Job, JobLogItem
from drs_jobs._models.source_server import SourceServer
from drs_jobs._pagination.pager import Pager
from drs_jobs._pagination.pages import RawPage, Request
from drs_jobs._polling import Clock, DescribePhases, Poll, Sleep, Step
from drs_jobs._queries import JobRef
from drs_jobs._time import machine_time
from drs_jobs.analysis import Explanation, JobPhases
from drs_jobs.analysis.job_progress import slowest_phase

if TYPE_CHECKING:
    from boto3 import Session
    from botocore.config import Config
else:  # `import drs_jobs` does not import boto3, but `typing.get_type_hints` needs the names
    Session = Config = Any


class SupportsDescribeJobs(Protocol):
    """Protocol of the `client` argument: an object with boto3's `describe_jobs`, such as a boto3 client of `drs` or a fake."""

    @property
    def describe_jobs(self) -> Callable[..., Mapping[str, Any]]:
        """boto3's `describe_jobs(**request)`, returning the response as a dict."""
        ...


class JobsClient:
    """A client for DescribeJobs that returns typed jobs. Thread-safe, like the boto3 client that it uses.

    It is a context manager that calls `close` at its end.
    """

    def __init__(
        self,
        client: SupportsDescribeJobs | None = None,
        *,
        session: Session | None = None,
        region_name: str | None = None,
        profile_name: str | None = None,
        endpoint_url: str | None = None,
        config: Config | None = None,
    ) -> None:
        """Create a client from a boto3 client, or from arguments to build one.

        Without arguments boto3 finds region and credentials in its usual way.

        Args:
            client: A boto3 client of `drs`, or a fake with the same methods. No other argument is allowed with it.
            session: The boto3 session for building a client; by default a new one.
            region_name: The AWS region; by default the region that boto3 finds.
            profile_name: The AWS profile; by default the profile that boto3 finds. Not allowed with `session`.
            endpoint_url: Another endpoint than that of AWS.
            config: botocore's configuration of time-outs, retries and proxies.

        Raises:
            TypeError: If `client` is given with any other argument, is asynchronous or has no `describe_jobs`, or if
                `session` is given with `profile_name`.
            botocore.exceptions.BotoCoreError: If a client cannot be built, such as `NoRegionError`.
        """
        arguments = {"region_name": region_name, "endpoint_url": endpoint_url, "config": config}
        self._is_owner = client is None
        if client is None:
            client = _build(session, profile_name, **arguments)
        else:
            others = {"session": session, "profile_name": profile_name, **arguments}
            _queries.check_client(client, "boto3.client('drs')", others)
            if calls.is_asynchronous(client):
                raise TypeError(
                    f"{type(client).__name__} is an asynchronous client: use AsyncJobsClient, or pass a synchronous client, "
                    "such as boto3.client('drs')"
                )
        calls.register_handlers(client)
        self._client = client
        self._clock = Clock.real()

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
        return _queries.describe_client(self, self._client)

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
    ) -> Pager[Job]:
        """Return the jobs of this account and region, newest first. No request is sent before iteration.

        Args:
            job_ids: The ids of the jobs to return, at most 1,000. An empty list returns no jobs, without a request.
                `None`, the default, returns all jobs.
            from_date, to_date: The date range, as aware datetimes. AWS does not document whether its ends are inclusive.
            page_size: The number of jobs per request, at least 1; by default AWS chooses it.
            limit: The maximum number of jobs in total, at least 0; by default no limit.
            cursor: The position from which to continue, from an earlier run of the same query.
            on_malformed: Called with the MalformedResponseError of each malformed job. Iteration then continues with the
                next job. By default the error is raised.

        Returns:
            A pager. It can be iterated any number of times.

        Raises:
            TypeError, ValueError: If an argument has the wrong type or value. Raised by this call, before any request.
            ServiceError: If AWS returns an error. Raised during iteration, as are all of the following.
            MalformedResponseError: If the response, or a job in it, is invalid.
            PaginationLoopError: If the service repeats a page token.
            botocore.exceptions.BotoCoreError: If the connection fails.

        Source:
            https://docs.aws.amazon.com/drs/latest/APIReference/API_DescribeJobs.html
        """
        arguments = {"page_size": page_size, "limit": limit, "cursor": cursor, "on_malformed": on_malformed}
        return Pager(_queries.jobs_query(self._client, job_ids, from_date, to_date, **arguments), self._fetch)

    def get_job(self, job_id: str) -> Job:
        """Return the job with this id.

        Args:
            job_id: The id of the job.

        Raises:
            JobNotFoundError: If no job has this id. AWS returns an empty list for an unknown id.
            TypeError: If `job_id` is not a str, or blank.
            ValueError: If it is not a job id.
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
            page_size, limit, cursor, on_malformed: As in `describe_jobs`, for items instead of jobs.

        Returns:
            A pager. It can be iterated any number of times.

        Raises:
            TypeError, ValueError, ServiceError: As in `describe_jobs`, with all its other errors during iteration.

        Source:
            https://docs.aws.amazon.com/drs/latest/APIReference/API_DescribeJobLogItems.html
        """
        arguments = {"page_size": page_size, "limit": limit, "cursor": cursor, "on_malformed": on_malformed}
        return Pager(_queries.log_query(self._client, job_id, **arguments), self._fetch)

    def describe_source_servers(
        self, *, page_size: int | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Pager[SourceServer]:
        """Return the source servers of this account and region, with their names and replication. No request is sent yet.

        Args:
            page_size, limit, cursor: As in `describe_jobs`, for servers instead of jobs.

        Returns:
            A pager. It can be iterated any number of times.

        Raises:
            TypeError, ValueError, ServiceError: As in `describe_jobs`, with all its other errors during iteration.

        Source:
            https://docs.aws.amazon.com/drs/latest/APIReference/API_DescribeSourceServers.html
        """
        arguments = {"page_size": page_size, "limit": limit, "cursor": cursor}
        return Pager(_queries.source_servers_query(self._client, **arguments), self._fetch)

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
            jobs: The jobs to watch: ids or ARNs, `Job` objects, or the `job` dicts of `start_recovery`. A job that is given
                twice is watched once.
            timeout: The time limit in seconds or as a timedelta, from the first `next` on. 0 polls once. `None` means no
                limit. It limits the sleeps, not a request in flight, which can take botocore's time-outs times its number
                of attempts longer. Consider this if the process has a time limit of its own, as on AWS Lambda.
            poll_interval: The interval between two polls, in seconds or as a timedelta. The default is 5 seconds, which
                grow by a factor of 1.5 per poll to 30. Each sleep has 10 % jitter. The last sleep ends at the deadline,
                and one last poll follows.

        Raises:
            TypeError, ValueError: If an argument has the wrong type or value. Raised by this call, before any request.
            WaitTimeoutError: If the deadline passes. Its message has the phase of each unfinished job, if the logs can be read
                within 5 seconds. Raised during iteration, as are all of the following.
            JobNotFoundError: If a job is missing for one minute.
            ServiceError: If AWS returns a permanent error.
            MalformedResponseError: If a job in a response is invalid.
            botocore.exceptions.BotoCoreError: If botocore raises a permanent error, such as `NoCredentialsError`.
        """
        try:
            ids = _queries.resolve_job_refs(jobs, self._client)
        finally:
            del jobs
        return Watch(self, _polling.Watcher(ids, timeout, poll_interval, self._clock))

    def wait(self, job: JobRef, *, timeout: float | timedelta | None, poll_interval: float | timedelta | None = None) -> Job:
        """Wait until a job is complete, and return it.

        A complete job did not necessarily succeed: see `Job.outcome` and `Job.raise_unless_succeeded`.

        Args:
            job: The job to wait for: an id or ARN, a `Job`, or the `job` dict of `start_recovery`.
            timeout, poll_interval: As in `watch`.

        Raises:
            WaitTimeoutError, JobNotFoundError, ServiceError: As in `watch`, with all its other errors.
        """
        try:
            ids = _queries.resolve_job_refs([job], self._client)
        finally:
            del job
        return self.wait_all(ids, timeout=timeout, poll_interval=poll_interval)[0]

    def wait_all(
        self,
        jobs: Iterable[JobRef],
        *,
        timeout: float | timedelta | None,
        poll_interval: float | timedelta | None = None,
    ) -> tuple[Job, ...]:
        """Wait until all jobs are complete, and return them in the order of `jobs`, twice if a job is given twice.

        Args:
            jobs: The jobs to wait for: ids or ARNs, `Job` objects, or the `job` dicts of `start_recovery`.
            timeout, poll_interval: As in `watch`.

        Raises:
            WaitTimeoutError, JobNotFoundError, ServiceError: As in `watch`, with all its other errors.
        """
        try:
            ids = _queries.resolve_job_refs(jobs, self._client)
        finally:
            del jobs
        snapshots = {job.job_id: job for job in self.watch(ids, timeout=timeout, poll_interval=poll_interval)}
        return tuple(snapshots[job_id] for job_id in ids)

    def explain(self, job: JobRef) -> Explanation:
        """Fetch a job and its log, and return its instances and the reasons for each failed participant.

        If the log, or an item of it, cannot be read, the error is in `log_error`, and the readable items are used.

        Args:
            job: The job: an id or ARN, a `Job`, or the `job` dict of `start_recovery`. It is always fetched again.

        Raises:
            JobNotFoundError, ServiceError: As in `get_job`, with all its other errors.
        """
        try:
            job_id = _queries.resolve_job_ref(job, self._client)
        finally:
            del job
        fetched = self.get_job(job_id)
        items, error = read_log(self, fetched.job_id)
        return analysis.explain(fetched, items, log_error=error)

    def phases(self, job: JobRef) -> JobPhases:
        """Fetch the log of a job, and return the phases of each participant with their times.

        If the log, or an item of it, cannot be read, the error is in `log_error`, and the readable items are used.

        Args:
            job: The job: an id or ARN, a `Job`, or the `job` dict of `start_recovery`. A `Job` that is complete is not fetched
                again.

        Raises:
            JobNotFoundError, ServiceError: As in `get_job`, with all its other errors.
        """
        complete_job = job if isinstance(job, Job) and job.is_complete else None
        try:
            job_id = _queries.resolve_job_ref(job, self._client)
        finally:
            del job
        fetched = complete_job or self.get_job(job_id)
        items, error = read_log(self, job_id)
        return analysis.phases(fetched, items, log_error=error)

    def _fetch(self, request: Request) -> RawPage:
        outer_call = calls.current_call.get()
        try:
            with calls.start_call(self._client, request.operation) as call:
                call.response = call.method(**request.arguments)
        finally:
            # The handler of a signal can raise an exception at the start of `__exit__`.
            calls.current_call.set(outer_call)
        return call.page()


def source_of(client: JobsClient) -> object:
    """Return the boto3 client or the fake that a client uses."""
    return client._client  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # its class is in this module


def region_of(client: JobsClient) -> str | None:
    """Return the region that a client reads; `None` if it has a fake."""
    return calls.region_and_endpoint(source_of(client))[0]


def read_log(client: JobsClient, job_id: str) -> tuple[list[JobLogItem], Exception | None]:
    """Return the readable items of the log of a job, and the first error, if there is one."""
    items: list[JobLogItem] = []
    errors: list[Exception] = []
    try:
        items.extend(client.describe_job_log_items(job_id, on_malformed=errors.append))
    except Exception as error:  # noqa: BLE001  # the job is known, so any error of the log is only reported
        errors.append(error)
    return items, errors[0] if errors else None


class Watch(Iterator[Job]):
    """Executes the steps of polling, and returns the jobs. It can be continued after an exception, such as Ctrl-C."""

    def __init__(self, client: JobsClient, watcher: _polling.Watcher) -> None:
        self._client = client
        self._watcher = watcher
        self._step: Step | None = None
        """The step that is executed, or that was interrupted."""

    def __next__(self) -> Job:
        while True:
            if self._step is None:
                self._step = self._watcher.next_step()
            match self._step:
                case Poll() as step:
                    self._poll(step)
                case Sleep() as step:
                    clock = self._watcher.clock
                    clock.sleep(max(0.0, step.until - clock.now()))
                case DescribePhases() as step:
                    self._describe_phases(step)
                case Job() as job:
                    # As in `Run`, no signal handler runs between this and the return.
                    self._step = None
                    return job
                case None:
                    raise StopIteration
            self._step = None

    def _poll(self, step: Poll) -> None:
        malformed: list[MalformedResponseError] = []  # so that the jobs after a malformed one are received too
        pager = self._client.describe_jobs(job_ids=step.job_ids, on_malformed=malformed.append)
        try:
            step.jobs.update((job.job_id, job) for job in pager)
            step.error = malformed[0] if malformed else None
        except Exception as error:  # noqa: BLE001  # a permanent one is raised again
            step.error = error

    def _describe_phases(self, step: DescribePhases) -> None:
        """Set the phases of the jobs, as far as their logs can be read within the time limit. It raises no error."""
        waiting = deque(step.jobs)
        deadline = machine_time() + _polling.DESCRIPTION_TIMEOUT

        def describe() -> None:
            while waiting and machine_time() < deadline:
                with suppress(Exception):
                    job = waiting.popleft()
                    log, _ = read_log(self._client, job.job_id)
                    if log:
                        phases = analysis.phases(job, log)
                        step.phases[job.job_id] = slowest_phase(phases, now=self._watcher.clock.utc_now())

        # Daemon threads, because a request can take much longer than the time limit.
        count = min(len(waiting), _polling.MAX_LOGS_AT_A_TIME)
        threads = [threading.Thread(target=describe, name="drs_jobs.watch", daemon=True) for _ in range(count)]
        with suppress(RuntimeError):  # no thread can be started
            for thread in threads:
                thread.start()
        for thread in threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - machine_time()))


def _build(session: Any, profile_name: str | None, **arguments: Any) -> SupportsDescribeJobs:
    if session is None:
        import boto3  # noqa: PLC0415  # `import drs_jobs` does not import boto3

        session = boto3.Session(profile_name=profile_name)
    elif profile_name is not None:
        raise TypeError("session beside profile_name: pass only the session, such as boto3.Session(profile_name=…)")
    elif not hasattr(session, "client"):
        raise TypeError(f"session must be a boto3.Session, not {type(session).__name__}, which is for AsyncJobsClient")
    client: SupportsDescribeJobs = session.client("drs", **arguments)
    return client
