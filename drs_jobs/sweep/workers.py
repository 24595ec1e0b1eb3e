"""A sweep on threads, or on any executor: reads the jobs of each target, and returns the results in order of completion."""

import functools
import queue
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from datetime import datetime
from typing import Any, Final

from drs_jobs import _queries
from drs_jobs._client import JobsClient
from drs_jobs._errors import MalformedResponseError
from drs_jobs.sweep.clients import ClientCache
from drs_jobs.sweep.targets import Target, TargetFailure, TargetJobs, failure_of, result_of

MAX_IN_FLIGHT: Final = 32
"""The default number of targets that are read at the same time."""

_INTERRUPT_INTERVAL: Final = 0.5
"""The interval, in seconds, at which Windows can interrupt the wait for the next result."""


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
    in_flight, dates = validate(targets, from_date, to_date, max_in_flight)
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise TypeError(
            f"executor must have a submit method, as concurrent.futures.Executor has; {type(executor).__name__} has none"
        )
    return _sweep(iter(targets), ClientCache(uuid.uuid4().hex, in_flight), dates, executor, in_flight)


Dates = tuple[datetime | None, datetime | None]


def validate(targets: object, from_date: datetime | None, to_date: datetime | None, max_in_flight: int) -> tuple[int, Dates]:
    """Return the number of targets in flight, and the dates in UTC.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument has an invalid value.
    """
    if isinstance(targets, str | Target):
        raise TypeError(f"targets must be a list of Target, not one {type(targets).__name__}: write [target]")
    limit = _queries.validate_count("max_in_flight", max_in_flight, 1)
    return limit or MAX_IN_FLIGHT, _queries.validate_date_range(from_date, to_date)


def _sweep(
    targets: Iterator[Target],
    cache: ClientCache,
    dates: Dates,
    executor: Executor | None,
    max_in_flight: int,
) -> Iterator[TargetJobs | TargetFailure]:
    read = functools.partial(_read_target, cache, *dates)
    pool = DaemonThreadPool(max_in_flight) if executor is None else executor
    in_flight: dict[Future[TargetJobs | TargetFailure], Target] = {}
    done: queue.SimpleQueue[Future[TargetJobs | TargetFailure]] = queue.SimpleQueue()
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
        cache.close()


def _submit(
    pool: Executor, read: Callable[[Target], TargetJobs | TargetFailure], target: Target
) -> Future[TargetJobs | TargetFailure]:
    """Return the future of a target. If the target cannot be submitted, the future already has a failure as its result."""
    try:
        check_target(target)
        return pool.submit(read, target)
    except Exception as error:  # noqa: BLE001  # such as of a task that cannot be pickled, or of a broken pool
        future: Future[TargetJobs | TargetFailure] = Future()
        future.set_result(failure_of(target, error))
        return future


def check_target(target: object) -> None:
    if not isinstance(target, Target):
        raise TypeError(f"expected a Target, not {type(target).__name__}")


def _next_done(done: "queue.SimpleQueue[Future[TargetJobs | TargetFailure]]") -> Future[TargetJobs | TargetFailure]:
    while True:
        try:
            # With a time-out, because on Windows Ctrl-C does not interrupt a wait without one.
            return done.get(timeout=_INTERRUPT_INTERVAL)
        except queue.Empty:
            continue


def _result_of(future: Future[TargetJobs | TargetFailure], target: Target) -> TargetJobs | TargetFailure:
    """Return the result of a target: a failure for an error of the executor, such as a terminated process."""
    if future.cancelled():
        return TargetFailure(target, RuntimeError("cancelled by the executor"))
    error = future.exception()
    if isinstance(error, Exception):
        return failure_of(target, error)
    if error is not None:
        raise error
    return future.result()


# ------------------------------------------------------------------ code that runs in the workers, or in tasks


def _read_target(
    cache: ClientCache, from_date: datetime | None, to_date: datetime | None, target: Target
) -> TargetJobs | TargetFailure:
    """Return the result of one target. It runs in a thread or process of the executor."""
    malformed: list[MalformedResponseError] = []
    try:
        with cache.client(target) as client:
            pager = JobsClient(client).describe_jobs(from_date=from_date, to_date=to_date, on_malformed=malformed.append)
            jobs = tuple(pager)
    except Exception as error:  # noqa: BLE001  # an error of one target must not end the sweep
        return failure_of(target, error)
    return result_of(target, jobs, malformed)


# ------------------------------------------------------------------ threads


class DaemonThreadPool(Executor):
    """An executor with daemon threads.

    A process waits at its end for the threads of a ThreadPoolExecutor, but not for these, so Ctrl-C stops it at once.
    """

    def __init__(self, max_workers: int) -> None:
        self._max_workers = max_workers
        self._thread_count = 0
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._tasks.put((future, functools.partial(fn, *args, **kwargs)))
        if self._thread_count < self._max_workers:
            self._thread_count += 1
            threading.Thread(target=self._work, name="drs_jobs.sweep", daemon=True).start()
        return future

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            future, call = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:  # noqa: BLE001  # `future.result()` raises it
                    future.set_exception(error)
            del task, future, call  # frees their memory before the wait for the next task

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  # as in Executor
        for _ in range(self._thread_count):
            self._tasks.put(None)
