"""Jobs of many accounts and regions: one result per target, in order of completion. An error is the result of its target.

A sweep runs on threads, or on any `concurrent.futures.Executor`, such as a pool of processes or a Dask cluster. Therefore
its tasks and results can be pickled. Each process has one session per profile and one client per region, which signs each
request with the credentials of its target. It calls AssumeRole once for all regions of an account, until the credentials must
be renewed. `sweep_async` does the same with the tasks of one asyncio event loop.
"""

import functools
import queue
import uuid
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, final

import attrs
import boto3

from drs_jobs import _arguments
from drs_jobs._client import JobsClient
from drs_jobs._errors import (
    MalformedResponseError,
    UninitializedAccountException,
    make_picklable,
)
from drs_jobs._extras import missing_extra_error
from drs_jobs._models import Job
from drs_jobs._sweep_state import SweepState
from drs_jobs._thread_pool import DaemonThreadPool

if TYPE_CHECKING:
    from drs_jobs._async_sweep import AsyncSweep
    from drs_jobs._async_sweep_state import AsyncSweepState

MAX_IN_FLIGHT: Final = 32
"""The default number of targets that are read at the same time."""

_INTERRUPT_INTERVAL: Final = 0.5
"""The interval, in seconds, at which Windows can interrupt the wait for the next result."""


@attrs.frozen
class Target:
    """One region of one account, and the credentials to use."""

    region: str
    """The AWS region."""
    role_arn: str | None = None
    """The ARN of the role to assume; `None` to assume no role."""
    profile_name: str | None = None
    """The AWS profile with whose credentials jobs are read, or the role is assumed; `None` for those that boto3 finds."""
    external_id: str | None = None
    """The external id that the trust policy of the role requires."""
    endpoint_url: str | None = None
    """Another endpoint than AWS's, such as that of a `LocalDrs`."""


@final
@attrs.frozen(repr=False)
class TargetJobs:
    """All jobs of a target."""

    target: Target
    """The target."""
    jobs: tuple[Job, ...]
    """Its jobs, newest first; empty if there are none."""

    def __repr__(self) -> str:
        """Return a text with the number of jobs instead of the jobs."""
        return f"TargetJobs({self.target!r}, jobs=<{len(self.jobs)}>)"


@final
@attrs.frozen(repr=False)
class TargetFailure:
    """A target whose jobs could not be read, or not all of them."""

    target: Target
    """The target, or the object that was given instead of one."""
    error: Exception
    """The error, of drs_jobs or of botocore. It has no traceback, because that would keep the whole client in memory."""
    jobs: tuple[Job, ...] = ()
    """The readable jobs, if `error` is the first MalformedResponseError of a target with malformed jobs. Empty otherwise."""

    def __repr__(self) -> str:
        """Return a text with the number of jobs instead of the jobs."""
        jobs = f", jobs=<{len(self.jobs)}>" if self.jobs else ""
        return f"TargetFailure({self.target!r}, {self.error!r}{jobs})"

    @property
    def is_uninitialized(self) -> bool:
        """Whether Elastic Disaster Recovery was never set up there. This is not the same as no jobs."""
        return isinstance(self.error, UninitializedAccountException)

    def __reduce__(self) -> tuple[Any, ...]:
        # Transport errors of botocore can contain an open connection.
        return TargetFailure, (self.target, make_picklable(self.error), self.jobs)


def targets(
    accounts: Iterable[str], regions: Iterable[str], *, role_name: str, partition: str = "aws", external_id: str | None = None
) -> Iterator[Target]:
    """Return an iterator over a target for each region of each account, account by account.

    Args:
        accounts: The account ids, each a str of 12 digits. They are read one at a time, during iteration.
        regions: The region names. `"all"`, alone or as an element, means all regions of the partition with DRS in botocore.
        role_name: The name of the role to assume in each account, with its path if it has one.
        partition: The AWS partition; by default `aws`.
        external_id: The external id that the trust policies of the roles require; by default none.

    Raises:
        TypeError: If `accounts` or `regions` is a single str; during iteration, if an account id is not a str.
        ValueError: If `role_name` is empty or an ARN, or if the partition has no region with DRS.
    """
    if isinstance(accounts, str):
        raise TypeError(f"accounts must be a list of account ids, not one str: write [{accounts!r}]")
    if isinstance(regions, str) and regions != "all":
        raise TypeError(f'regions must be a list of region names, or "all", not one str: write [{regions!r}]')
    if not role_name or role_name.startswith("arn:"):
        raise ValueError(f"role_name must be the name of a role, such as 'DrsReader', not {role_name!r}")
    names: list[str] = []
    for region in ("all",) if isinstance(regions, str) else regions:
        names += _regions(partition) if region == "all" else [region]
    return _targets(accounts, tuple(dict.fromkeys(names)), f"arn:{partition}:iam::{{}}:role/{role_name}", external_id)


def _targets(accounts: Iterable[str], regions: tuple[str, ...], arn: str, external_id: str | None) -> Iterator[Target]:
    for account in accounts:
        if not isinstance(account, str):
            raise TypeError(f"an account id must be a str of 12 digits, because some begin with 0, not {account!r}")
        for region in regions:
            yield Target(region, role_arn=arn.format(account), external_id=external_id)


@functools.cache
def _regions(partition: str) -> tuple[str, ...]:
    """Return the regions of a partition with DRS in botocore.

    Raises:
        ValueError: If there are none.
    """
    regions = tuple(boto3.Session().get_available_regions("drs", partition_name=partition))
    if not regions:
        known = ", ".join(boto3.Session().get_available_partitions())
        raise ValueError(f"partition {partition!r} has no region with DRS: use one of {known}")
    return regions


def sweep(
    targets: Iterable[Target],
    *,
    from_date: datetime | None = None,
    to_date: datetime | None = None,
    executor: Executor | None = None,
    max_in_flight: int = MAX_IN_FLIGHT,
) -> Iterator[TargetJobs | TargetFailure]:
    """Return an iterator over one result per target, in order of completion. An error of one target does not end the sweep.

    The time-outs are 10 seconds for a connection and 20 seconds for a response, per attempt. botocore makes 3 attempts, or
    the number in `AWS_MAX_ATTEMPTS`.

    Args:
        targets: The targets, any number. They are read one at a time, as earlier ones complete. An error of the iterable
            itself is raised after the results of the targets in flight.
        from_date: The start of the date range, as in `JobsClient.describe_jobs`.
        to_date: The end of the date range, as in `JobsClient.describe_jobs`.
        executor: The executor, such as a ProcessPoolExecutor or `dask.distributed.Client.get_executor()`, which the caller
            shuts down. By default the sweep runs on threads.
        max_in_flight: The maximum number of targets that are read at the same time, by default 32. An executor with fewer
            workers reads fewer.

    Returns:
        `TargetJobs` for each target whose jobs were read, and `TargetFailure` for each other one.

    Raises:
        TypeError: If an argument has the wrong type. Raised by this call.
        ValueError: If an argument has an invalid value. Raised by this call.
    """
    in_flight, dates = _validate(targets, from_date, to_date, max_in_flight)
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise TypeError(
            f"executor must have a submit method, as concurrent.futures.Executor has; {type(executor).__name__} has none"
        )
    return _sweep(iter(targets), SweepState(uuid.uuid4().hex, in_flight), dates, executor, in_flight)


def sweep_async(
    targets: Iterable[Target] | AsyncIterable[Target],
    *,
    from_date: datetime | None = None,
    to_date: datetime | None = None,
    max_in_flight: int = MAX_IN_FLIGHT,
) -> "AsyncSweep[Target, TargetJobs | TargetFailure]":
    """Return an asynchronous iterator over one result per target, as `sweep` does, with the requests of one asyncio event loop.

    A cancelled `anext` loses no result: the next one continues. `aclose()`, which `contextlib.aclosing` calls, cancels the
    targets in flight and closes the clients. So does the deletion of the iterator, as after `break`.

    Args:
        targets: As in `sweep`, or an asynchronous iterable.
        from_date: As in `sweep`, as are all of the following.
        to_date: The end of the date range.
        max_in_flight: The maximum number of targets that are read at the same time, by default 32.

    Returns:
        An `AsyncIterator` with the method `aclose()`: `TargetJobs` for each target whose jobs were read, and `TargetFailure`
        for each other one.

    Raises:
        ImportError: If the extra `async` is not installed. Raised by this call, as are the following.
        TypeError: If an argument has the wrong type.
        ValueError: If an argument has an invalid value.
        RuntimeError: If no event loop of asyncio runs. Raised by `anext`.
    """
    in_flight, dates = _validate(targets, from_date, to_date, max_in_flight)
    try:
        from drs_jobs._async_sweep import AsyncSweep  # noqa: PLC0415  # asyncio, which `sweep` does not need
        from drs_jobs._async_sweep_state import AsyncSweepState  # noqa: PLC0415  # needs the extra `async`
    except ImportError as error:
        raise missing_extra_error("async", error) from error
    state = AsyncSweepState(in_flight)
    return AsyncSweep(targets, functools.partial(_read_target_async, state, *dates), _failure, state.close, in_flight)


_Result = TargetJobs | TargetFailure
_Dates = tuple[datetime | None, datetime | None]


def _validate(targets: object, from_date: datetime | None, to_date: datetime | None, max_in_flight: int) -> tuple[int, _Dates]:
    """Return the number of targets in flight, and the dates in UTC.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument has an invalid value.
    """
    if isinstance(targets, str | Target):
        raise TypeError(f"targets must be a list of Target, not one {type(targets).__name__}: write [target]")
    limit = _arguments.validate_count("max_in_flight", max_in_flight, 1)
    return limit or MAX_IN_FLIGHT, _arguments.validate_date_range(from_date, to_date)


def _sweep(
    targets: Iterator[Target],
    state: SweepState,
    dates: _Dates,
    executor: Executor | None,
    max_in_flight: int,
) -> Iterator[_Result]:
    read = functools.partial(_read_target, state, *dates)
    pool = DaemonThreadPool(max_in_flight) if executor is None else executor
    in_flight: dict[Future[_Result], Target] = {}
    done: queue.SimpleQueue[Future[_Result]] = queue.SimpleQueue()
    targets_error: Exception | None = None
    has_more = True
    try:
        while has_more or in_flight:
            while has_more and len(in_flight) < max_in_flight:
                try:
                    target = next(targets)
                except StopIteration:
                    has_more = False
                    break
                except Exception as error:  # noqa: BLE001  # raised below, after the targets in flight
                    has_more, targets_error = False, error
                    break
                future = _submit(pool, read, target)
                in_flight[future] = target
                future.add_done_callback(done.put)
            if in_flight:
                future = _next_done(done)
                yield _result_of(future, in_flight.pop(future))
        if targets_error is not None:
            raise targets_error
    finally:
        for future in in_flight:
            future.cancel()
        if executor is None:
            pool.shutdown(wait=False)
        state.close()


def _submit(pool: Executor, read: Callable[[Target], _Result], target: Target) -> Future[_Result]:
    """Return the future of a target. If the target cannot be submitted, the future already has a failure as its result."""
    try:
        _check_target(target)
        return pool.submit(read, target)
    except Exception as error:  # noqa: BLE001  # such as of a task that cannot be pickled, or of a broken pool
        future: Future[_Result] = Future()
        future.set_result(_failure(target, error))
        return future


def _check_target(target: object) -> None:
    if not isinstance(target, Target):
        raise TypeError(f"expected a Target, not {type(target).__name__}")


def _next_done(done: "queue.SimpleQueue[Future[_Result]]") -> Future[_Result]:
    while True:
        try:
            # With a time-out, because on Windows Ctrl-C does not interrupt a wait without one.
            return done.get(timeout=_INTERRUPT_INTERVAL)
        except queue.Empty:
            continue


def _result_of(future: Future[_Result], target: Target) -> _Result:
    """Return the result of a target: a failure for an error of the executor, such as a terminated process."""
    if future.cancelled():
        return TargetFailure(target, RuntimeError("cancelled by the executor"))
    error = future.exception()
    if isinstance(error, Exception):
        return _failure(target, error)
    if error is not None:
        raise error
    return future.result()


# ------------------------------------------------------------------ code that runs in the workers, or in tasks


def _read_target(state: SweepState, from_date: datetime | None, to_date: datetime | None, target: Target) -> _Result:
    """Return the result of one target. It runs in a thread or process of the executor."""
    malformed: list[MalformedResponseError] = []
    try:
        with state.client(target) as client:
            pager = JobsClient(client).describe_jobs(from_date=from_date, to_date=to_date, on_malformed=malformed.append)
            jobs = tuple(pager)
    except Exception as error:  # noqa: BLE001  # an error of one target must not end the sweep
        return _failure(target, error)
    return _result(target, jobs, malformed)


async def _read_target_async(
    state: "AsyncSweepState", from_date: datetime | None, to_date: datetime | None, target: Target
) -> _Result:
    """Return the result of one target. Other errors than malformed jobs are raised."""
    _check_target(target)
    malformed: list[MalformedResponseError] = []
    async with state.client(target) as client:
        pager = client.describe_jobs(from_date=from_date, to_date=to_date, on_malformed=malformed.append)
        jobs = tuple(await pager.collect(pause_gc=False))
    return _result(target, jobs, malformed)


def _result(target: Target, jobs: tuple[Job, ...], malformed: list[MalformedResponseError]) -> _Result:
    return _failure(target, malformed[0], jobs) if malformed else TargetJobs(target, jobs)


def _failure(target: Target, error: Exception, jobs: tuple[Job, ...] = ()) -> TargetFailure:
    """Return a failure. The tracebacks of the error and its causes are removed, because they reference whole clients."""
    cause: BaseException | None = error
    while cause is not None and cause.__traceback__ is not None:  # the second condition ends a circular chain of causes
        cause.__traceback__ = None
        cause = cause.__cause__ or cause.__context__
    return TargetFailure(target, error, jobs)
