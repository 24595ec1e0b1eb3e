"""Builds and calls the boto3 client, composes the rest, and translates errors in one place."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar, cast

import attrs
from botocore.exceptions import ClientError

from drs_jobs import _arguments, _botocore, _polling, _wire, reports
from drs_jobs._arguments import JobRef
from drs_jobs._errors import JobNotFoundError, MalformedResponseError, service_error
from drs_jobs._models import Job, JobLogItem
from drs_jobs._pagination import Pager, Query, RawPage
from drs_jobs.reports import Explanation

if TYPE_CHECKING:
    # `import drs_jobs` does not import boto3: whoever only structures dicts, or has a client, need not wait for it.
    import boto3
    from botocore.config import Config

T = TypeVar("T")


class SupportsDescribeJobs(Protocol):
    """What a client must have: a `describe_jobs` like boto3's. Every boto3 client of `drs` does, and so can a fake."""

    @property
    def describe_jobs(self) -> Callable[..., Mapping[str, Any]]:
        """boto3's `describe_jobs(**request)`, which returns the answer as a dict."""
        ...


class JobsClient:
    """Typed answers from DescribeJobs. Safe to share across threads, as the boto3 client below it is."""

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
        """Use `client`, or build one with boto3 from the other arguments, all of which mean what they mean to boto3.

        With no argument at all boto3 looks for region and credentials where it always does. TypeError for `client` beside
        any other argument, for `session` beside `profile_name`, and for a `client` without `describe_jobs`. botocore's
        own errors where a client can't be built, such as NoRegionError.
        """
        others = {
            "session": session,
            "region_name": region_name,
            "profile_name": profile_name,
            "endpoint_url": endpoint_url,
            "config": config,
        }
        is_owner = client is None
        given = [name for name, value in others.items() if value is not None]
        if client is None:
            client = _build(session, profile_name, region_name, endpoint_url, config)
        elif given:
            msg = f"client beside {', '.join(given)}: give a client, or what one is built from, not both"
            raise TypeError(msg)
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
        self._is_owner = is_owner
        self._clock = _polling.Clock.real()

    def close(self) -> None:
        """Close the connections of a client that this one built. A client that was given stays as it is."""
        if self._is_owner:
            cast("Any", self._client).close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Call `close()`."""
        self.close()

    def __repr__(self) -> str:
        """Say which client it uses."""
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
    ) -> Pager[Job]:
        """The jobs of this account and region, newest first, filtered as asked. Nothing is requested before iteration.

        `job_ids`: these jobs only, at most 1,000; an empty list means none, and makes no call; `None` means all.
        `from_date`, `to_date`: aware datetimes; AWS does not document whether they are inclusive.
        `page_size`: jobs a request, at least 1; AWS chooses where it is not given. `limit`: jobs in all.
        `cursor`: goes on from an earlier run of the same question. `on_malformed`: is told of each bad job, and iteration
        goes on with the next, instead of a MalformedResponseError.

        TypeError or ValueError here, before any request, for an argument that can't be meant. Iteration raises
        ServiceError, MalformedResponseError, PaginationLoopError, or botocore's own errors: of transport, and
        ParamValidationError for an id that is shorter than any.
        Source: https://docs.aws.amazon.com/drs/latest/APIReference/API_DescribeJobs.html
        """
        ids = None if job_ids is None else _arguments.validate_job_ids(job_ids)
        from_date, to_date = _arguments.validate_date_range(from_date, to_date)
        request = _wire.jobs_request(ids, from_date, to_date)
        asked = {"job_ids": None if ids is None else len(ids), "from_date": from_date, "to_date": to_date}
        return self._pager(
            "DescribeJobs",
            request,
            asked,
            _wire.job_id_of,
            Job,
            page_size=page_size,
            limit=limit,
            # AWS would read an empty list as all jobs.
            asks_for_nothing=ids == (),
            cursor=cursor,
            on_malformed=on_malformed,
        )

    def get_job(self, job_id: str) -> Job:
        """The job with this id.

        JobNotFoundError where there is none (AWS answers an unknown id with an empty list); else as `describe_jobs`.
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
        """The log of a job. Nothing is requested before iteration; AWS does not document the order.

        The arguments mean what they mean to `describe_jobs`, and the same errors are raised. A job that nobody has may
        have an empty log: AWS does not say. Source: https://docs.aws.amazon.com/drs/latest/APIReference/API_DescribeJobLogItems.html
        """
        _arguments.validate_job_id(job_id)
        return self._pager(
            "DescribeJobLogItems",
            _wire.log_request(job_id),
            {"job_id": job_id},
            _wire.log_item_id_of,
            JobLogItem,
            page_size=page_size,
            limit=limit,
            cursor=cursor,
            on_malformed=on_malformed,
        )

    def watch(
        self,
        jobs: Iterable[JobRef],
        *,
        timeout: float | timedelta | None,
        poll_interval: float | timedelta | None = None,
    ) -> Iterator[Job]:
        """Yield each job whenever its snapshot changed, the first one included; end when all are complete.

        `timeout`: seconds, from the first `next` on; 0 looks once; `None` waits for ever. It bounds the sleeping: a request
        in flight may outlast it by botocore's time-outs times its attempts, which matters where something else ends the
        process, as on Lambda.
        `poll_interval`: seconds between two polls; if not given, 5 that grow by a factor of 1.5 to 30. With 10 % jitter.
        The last sleep ends at the deadline, followed by one last poll.
        A job given twice is watched once.

        Throttling, 5xx, broken connections and bodies that are no answer are survived until the deadline, each with one
        WARNING on the logger `drs_jobs`; before the first answer for a minute only. Raises at the method call: TypeError
        and ValueError. Raises while iterating: WaitTimeoutError, JobNotFoundError (after a minute's grace), and at once what
        can't pass: other ServiceErrors, MalformedResponseError of a job, botocore's errors about credentials.
        """
        ids = _arguments.resolve_job_refs(jobs)
        seconds = None if timeout is None else _arguments.to_seconds("timeout", timeout)
        interval = None if poll_interval is None else _arguments.to_seconds("poll_interval", poll_interval)
        if interval == 0:
            msg = "poll_interval must be more than 0 seconds"
            raise ValueError(msg)
        return _polling.watch(
            lambda batch: self.describe_jobs(job_ids=batch),
            ids,
            timeout=seconds,
            poll_interval=interval,
            batch_size=_arguments.MAX_JOB_IDS,
            clock=self._clock,
        )

    def wait(self, job: JobRef, *, timeout: float | timedelta | None, poll_interval: float | timedelta | None = None) -> Job:
        """Wait until a job is complete, and return it. Complete is not success: ask `raise_unless_succeeded()`.

        Arguments and errors are those of `watch`.
        """
        return self.wait_all([job], timeout=timeout, poll_interval=poll_interval)[0]

    def wait_all(
        self,
        jobs: Iterable[JobRef],
        *,
        timeout: float | timedelta | None,
        poll_interval: float | timedelta | None = None,
    ) -> tuple[Job, ...]:
        """Wait until all jobs are complete, and return them in the order asked, twice where asked twice.

        Arguments and errors are those of `watch`.
        """
        ids = _arguments.resolve_job_refs(jobs)
        snapshots = {job.job_id: job for job in self.watch(ids, timeout=timeout, poll_interval=poll_interval)}
        return tuple(snapshots[job_id] for job_id in ids)

    def explain(self, job: JobRef) -> Explanation:
        """Fetch a job and its log, and say which instances came up, and for each failed participant why it failed.

        Where the log, or some item of it, can't be read while the job can, `log_error` says why, and what could be read
        is used. Errors are those of `get_job`.
        """
        found = self.get_job(_arguments.resolve_job_ref(job))
        items: list[JobLogItem] = []
        errors: list[Exception] = []
        try:
            items.extend(self.describe_job_log_items(found.job_id, on_malformed=errors.append))
        except Exception as error:  # noqa: BLE001  # whatever it was, and fakes raise anything: the job is known
            errors.append(error)
        return attrs.evolve(reports.explain(found, items), log_error=errors[0] if errors else None)

    def _pager(
        self,
        operation: str,
        request: Mapping[str, Any],
        asked: Mapping[str, object],
        identify: Callable[[object], str | None],
        item_type: type[T],
        *,
        page_size: int | None,
        limit: int | None,
        cursor: str | None,
        on_malformed: Callable[[MalformedResponseError], object] | None,
        asks_for_nothing: bool = False,
    ) -> Pager[T]:
        page_size = _arguments.validate_count("page_size", page_size, 1)
        limit = _arguments.validate_count("limit", limit, 0)
        _arguments.validate_cursor(cursor)
        _arguments.validate_callable("on_malformed", on_malformed)

        def fetch(token: str | None) -> RawPage:
            return self._fetch(operation, _wire.page_request(request, page_size, token))

        shown = {**asked, "page_size": page_size}
        query = Query(
            text=_wire.query_text(operation, request, _botocore.region_and_endpoint(self._client)),
            summary=", ".join([operation, *(f"{name}={value}" for name, value in shown.items() if value is not None)]),
            fetch=fetch,
            structure=lambda raw, index: _wire.structure(raw, item_type, f"$.items[{index}]"),
            identify=identify,
        )
        return Pager(query, limit=0 if asks_for_nothing else limit, cursor=cursor, on_malformed=on_malformed)

    def _fetch(self, operation: str, request: Mapping[str, Any]) -> RawPage:
        method = getattr(self._client, _wire.METHODS[operation], None)
        if method is None:
            msg = f"the client has no method {_wire.METHODS[operation]}: give a boto3 client, or add it to the fake"
            raise TypeError(msg)
        try:
            return _botocore.call(operation, method, request, _wire.read_page)
        except ClientError as error:
            raise service_error(error) from error


def use_clock(client: JobsClient, *, clock: _polling.Clock) -> None:
    """Have a client wait by another clock than the machine's. For tests, in which hours of waiting take no time."""
    client._clock = clock  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # the one place that sets it


def _build(
    session: Any,  # any boto3.Session: stubbed ones have a `client` of 400 overloads
    profile_name: str | None,
    region_name: str | None,
    endpoint_url: str | None,
    config: "Config | None",
) -> SupportsDescribeJobs:
    if session is None:
        import boto3  # noqa: PLC0415  # see TYPE_CHECKING above

        session = boto3.Session(profile_name=profile_name)
    elif profile_name is not None:
        msg = "session beside profile_name: make the session with boto3.Session(profile_name=…) and give only that"
        raise TypeError(msg)
    client: SupportsDescribeJobs = session.client("drs", region_name=region_name, endpoint_url=endpoint_url, config=config)
    return client
