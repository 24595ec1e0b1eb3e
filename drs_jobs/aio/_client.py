"""`AsyncJobsClient`: calls the aiobotocore client, and does with its responses what `JobsClient` does."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Protocol, Self, TypeAlias

import anyio
import attrs
from aiobotocore.session import AioSession
from botocore.config import Config

from drs_jobs import _polling, _queries, analysis
from drs_jobs._aws import async_clients, calls
from drs_jobs._errors import JobNotFoundError, MalformedResponseError
from drs_jobs._models import Job, JobLogItem
from drs_jobs._models.source_server import SourceServer
from drs_jobs._pagination.pages import RawPage, Request
from drs_jobs._polling import Clock, DescribePhases, Poll, Sleep, Step, Watcher
from drs_jobs._queries import JobRef
from drs_jobs.aio._pager import AsyncPager, TaskGuard
from drs_jobs.analysis import Explanation, JobPhases
from drs_jobs.analysis.job_progress import slowest_phase

Duration: TypeAlias = float | timedelta
OnMalformed: TypeAlias = Callable[[MalformedResponseError], object]


class SupportsAsyncDescribeJobs(Protocol):
    """Protocol of the `client` argument: an object with aiobotocore's `describe_jobs`, such as its client or a fake."""

    @property
    def describe_jobs(self) -> Callable[..., Awaitable[Mapping[str, Any]]]:
        """Aiobotocore's `describe_jobs(**request)`, which returns an awaitable of the response."""
        ...


class AsyncJobsClient:
    """`JobsClient` for asyncio, over a client of aiobotocore. Many tasks of one event loop can use it at the same time.

    It is an asynchronous context manager, which calls `close` at its end. The arguments and errors of its methods are those of
    `JobsClient`. A cancellation loses no job: the cursor of a pager is the position after the last item returned.
    """

    def __init__(
        self,
        client: SupportsAsyncDescribeJobs | None = None,
        *,
        session: AioSession | None = None,
        region_name: str | None = None,
        profile_name: str | None = None,
        endpoint_url: str | None = None,
        config: Config | None = None,
    ) -> None:
        """Create a client from an aiobotocore client, or from the arguments with which to build one at its first use.

        Args:
            client: A client of `drs` of aiobotocore, or a fake with the same methods.
            session: The aiobotocore session with which to build a client; by default a new one.
            region_name: As in `JobsClient`, as are all of the following.
            profile_name: The AWS profile.
            endpoint_url: Another endpoint than that of AWS.
            config: The configuration, of aiobotocore (`AioConfig`) or of botocore.

        Raises:
            TypeError: As in `JobsClient`, also if `client` or `session` is synchronous.
            botocore.exceptions.BotoCoreError: If a client cannot be built, such as `NoRegionError`.
        """
        others = {"region_name": region_name, "endpoint_url": endpoint_url, "config": config}
        self._handle: async_clients.ClientHandle
        if client is None:
            session = async_clients.make_session(session, profile_name)
            self._handle = async_clients.OwnedClientHandle(session, **others)
        else:
            example = "the client of `async with AioSession().create_client('drs') as client`"
            _queries.check_client(client, example, {"session": session, "profile_name": profile_name, **others})
            self._handle = async_clients.ClientHandle(client)
        self._clock = attrs.evolve(Clock.real(), sleep=anyio.sleep)

    async def close(self) -> None:
        """Close the connections of the client, if it was built here. A client that was passed in stays open."""
        await self._handle.close()

    async def __aenter__(self) -> Self:
        await self._handle.ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        """Return the region and endpoint of the client, or the class of a fake."""
        return _queries.describe_client(self, self._handle.metadata_client)

    def describe_jobs(
        self,
        *,
        job_ids: Iterable[str] | None = None,
        from_date: datetime | None = None,
        to_date: datetime | None = None,
        page_size: int | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        on_malformed: OnMalformed | None = None,
    ) -> AsyncPager[Job]:
        """Return the jobs of this account and region, newest first, as `JobsClient.describe_jobs`. It is not awaited."""
        arguments = {"page_size": page_size, "limit": limit, "cursor": cursor, "on_malformed": on_malformed}
        query = _queries.jobs_query(self._handle.metadata_client, job_ids, from_date, to_date, **arguments)
        return AsyncPager(query, self._fetch)

    async def get_job(self, job_id: str) -> Job:
        """Return the job with this id, as `JobsClient.get_job`."""
        async for job in self.describe_jobs(job_ids=[job_id]):
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
        on_malformed: OnMalformed | None = None,
    ) -> AsyncPager[JobLogItem]:
        """Return the log of a job, as `JobsClient.describe_job_log_items`. It is not awaited."""
        arguments = {"page_size": page_size, "limit": limit, "cursor": cursor, "on_malformed": on_malformed}
        return AsyncPager(_queries.log_query(self._handle.metadata_client, job_id, **arguments), self._fetch)

    def describe_source_servers(
        self, *, page_size: int | None = None, limit: int | None = None, cursor: str | None = None
    ) -> AsyncPager[SourceServer]:
        """Return the source servers, as `JobsClient.describe_source_servers`. It is not awaited."""
        arguments = {"page_size": page_size, "limit": limit, "cursor": cursor}
        return AsyncPager(_queries.source_servers_query(self._handle.metadata_client, **arguments), self._fetch)

    def watch(self, jobs: Iterable[JobRef], *, timeout: Duration | None, poll_interval: Duration | None = None) -> "AsyncWatch":
        """Return each job whenever its snapshot changed, as `JobsClient.watch`. It is not awaited.

        After a cancelled `anext`, the next one continues with the same request or the rest of the sleep.
        """
        try:
            ids = _queries.resolve_job_refs(jobs, self._handle.metadata_client)
        finally:
            del jobs
        return AsyncWatch(self, Watcher(ids, timeout, poll_interval, self._clock))

    async def wait(self, job: JobRef, *, timeout: Duration | None, poll_interval: Duration | None = None) -> Job:
        """Wait until a job is complete, and return it, as `JobsClient.wait`."""
        try:
            ids = _queries.resolve_job_refs([job], self._handle.metadata_client)
        finally:
            del job
        return (await self.wait_all(ids, timeout=timeout, poll_interval=poll_interval))[0]

    async def wait_all(
        self, jobs: Iterable[JobRef], *, timeout: Duration | None, poll_interval: Duration | None = None
    ) -> tuple[Job, ...]:
        """Wait until all jobs are complete, and return them in the order of `jobs`, as `JobsClient.wait_all`."""
        try:
            ids = _queries.resolve_job_refs(jobs, self._handle.metadata_client)
        finally:
            del jobs
        snapshots = {job.job_id: job async for job in self.watch(ids, timeout=timeout, poll_interval=poll_interval)}
        return tuple(snapshots[job_id] for job_id in ids)

    async def explain(self, job: JobRef) -> Explanation:
        """Fetch a job and its log, and return the reasons for each failed participant, as `JobsClient.explain`."""
        try:
            job_id = _queries.resolve_job_ref(job, self._handle.metadata_client)
        finally:
            del job
        fetched = await self.get_job(job_id)
        items, error = await _read_log(self, fetched.job_id)
        return analysis.explain(fetched, items, log_error=error)

    async def phases(self, job: JobRef) -> JobPhases:
        """Fetch the log of a job, and return the phases of each participant, as `JobsClient.phases`."""
        complete_job = job if isinstance(job, Job) and job.is_complete else None
        try:
            job_id = _queries.resolve_job_ref(job, self._handle.metadata_client)
        finally:
            del job
        fetched = complete_job or await self.get_job(job_id)
        items, error = await _read_log(self, job_id)
        return analysis.phases(fetched, items, log_error=error)

    async def _fetch(self, request: Request) -> RawPage:
        client = await self._handle.ready()
        with calls.start_call(client, request.operation) as call:
            call.response = await async_clients.require_awaitable(call.method, call.method(**request.arguments))
        return call.page()


async def _read_log(client: AsyncJobsClient, job_id: str) -> tuple[list[JobLogItem], Exception | None]:
    """Return the readable items of the log of a job, and the first error, if there is one."""
    items: list[JobLogItem] = []
    errors: list[Exception] = []
    try:
        async for page in client.describe_job_log_items(job_id, on_malformed=errors.append).pages():
            items += page.items
    except Exception as error:  # noqa: BLE001  # the job is known, so any error of the log is only reported
        errors.append(error)
    return items, errors[0] if errors else None


class AsyncWatch(AsyncIterator[Job]):
    """Executes the steps of polling, and returns the jobs.

    If a step is cancelled, the next `anext` executes it again. A sleep then takes the rest of its time.
    """

    def __init__(self, client: AsyncJobsClient, watcher: Watcher) -> None:
        self._client = client
        self._watcher = watcher
        self._guard = TaskGuard()
        self._step: Step | None = None
        """The step that is executed, or that was cancelled."""
        self._is_closed = False

    async def __anext__(self) -> Job:
        with self._guard:
            while not self._is_closed:
                if self._step is None:
                    self._step = self._watcher.next_step()
                match self._step:
                    case Poll() as step:
                        await self._poll(step)
                    case Sleep() as step:
                        clock = self._watcher.clock
                        await clock.sleep(max(0.0, step.until - clock.now()))
                    case DescribePhases() as step:
                        await self._describe_phases(step)
                    case Job() as job:
                        self._step = None
                        return job
                    case None:
                        break
                self._step = None
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the watch, as `contextlib.aclosing` does."""
        self._is_closed = True

    async def _poll(self, step: Poll) -> None:
        malformed: list[MalformedResponseError] = []  # so that the jobs after a malformed one are received too
        try:
            async for job in self._client.describe_jobs(job_ids=step.job_ids, on_malformed=malformed.append):
                step.jobs[job.job_id] = job
            step.error = malformed[0] if malformed else None
        except Exception as error:  # noqa: BLE001  # a permanent one is raised again
            step.error = error

    async def _describe_phases(self, step: DescribePhases) -> None:
        waiting = deque(step.jobs)

        async def describe() -> None:
            while waiting:
                job = waiting.popleft()
                with suppress(Exception):  # a log that cannot be read must not hide the time-out
                    log, _ = await _read_log(self._client, job.job_id)
                    if log:
                        now = self._watcher.clock.utc_now()
                        step.phases[job.job_id] = slowest_phase(analysis.phases(job, log), now=now)

        with anyio.move_on_after(_polling.DESCRIPTION_TIMEOUT):
            async with anyio.create_task_group() as group:
                for _ in range(_polling.MAX_LOGS_AT_A_TIME):
                    group.start_soon(describe)
