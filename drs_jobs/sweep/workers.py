"""A sweep on threads, or on any executor: reads the jobs of each target, and returns the results in order of completion."""

import functools
import inspect
import os
import queue
import sys
import threading
import uuid
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from datetime import datetime
from typing import Any, Final, TypeAlias, TypeVar, overload

from botocore.exceptions import BotoCoreError

from drs_jobs import _queries
from drs_jobs._client import JobsClient
from drs_jobs._errors import DrsJobsError, MalformedResponseError
from drs_jobs._models import Job
from drs_jobs._pagination.pager import PagerBase
from drs_jobs.analysis import JobPhases, phases
from drs_jobs.sweep.clients import ThreadClients
from drs_jobs.sweep.targets import Target, TargetFailure, TargetResult, failure_of

T = TypeVar("T")

MAX_IN_FLIGHT: Final = 32
"""The default number of targets that are read at the same time."""

_INTERRUPT_INTERVAL: Final = 0.5
"""The interval, in seconds, at which Windows can interrupt the wait for the next result."""


@overload
def sweep(
    targets: Iterable[Target], *, executor: Executor | None = None, max_in_flight: int = MAX_IN_FLIGHT
) -> Iterator[TargetResult[tuple[Job, ...]] | TargetFailure]: ...
@overload
def sweep(
    targets: Iterable[Target],
    read: Callable[[JobsClient], T],
    *,
    executor: Executor | None = None,
    max_in_flight: int = MAX_IN_FLIGHT,
) -> Iterator[TargetResult[T] | TargetFailure]: ...
def sweep(
    targets: Iterable[Target],
    read: Callable[[JobsClient], Any] | None = None,
    *,
    executor: Executor | None = None,
    max_in_flight: int = MAX_IN_FLIGHT,
) -> Iterator[TargetResult[Any] | TargetFailure]:
    """Return an iterator over one result per target, in order of completion. An error of one target does not end the sweep.

    The time-outs are 10 seconds for a connection and 20 seconds for a response, per attempt. botocore makes 3 attempts, or
    the number in `AWS_MAX_ATTEMPTS`, 6 at most.

    Args:
        targets: The targets, any number. They are read one at a time, as earlier ones complete. An error of the iterable
            itself is raised after the results of the targets in flight.
        read: The function to call with the `JobsClient` of each target, by default `read_jobs`. `read_phases` reads the logs
            too; `functools.partial(read_jobs, from_date=…)` only newer jobs. Its errors are the failure of the target, and so
            is a lazy result, such as a pager. It can use the client in any thread. For an executor with other processes, the
            function and its result must be picklable.
        executor: The executor, such as a ProcessPoolExecutor or `dask.distributed.Client.get_executor()`, which the caller
            shuts down. By default the sweep runs on threads.
        max_in_flight: The maximum number of targets that are read at the same time, by default 32. An executor with fewer
            workers reads fewer.

    Returns:
        `TargetResult` for each target that was read, and `TargetFailure` for each other one.

    Raises:
        TypeError, ValueError: If an argument has the wrong type or value. Raised by this call.
    """
    read = read_jobs if read is None else read
    in_flight = validate(targets, read, max_in_flight)
    if inspect.iscoroutinefunction(read):
        raise TypeError(f"read must be a function, not the coroutine function {read!r}: use drs_jobs.aio.sweep")
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise TypeError(
            f"executor must have a submit method, as concurrent.futures.Executor has; {type(executor).__name__} has none"
        )
    clients = ThreadClients(uuid.uuid4().hex, in_flight)
    return _Sweep(iter(targets), functools.partial(_read_target, clients, read), executor, in_flight, clients.close)


def validate(targets: object, read: object, max_in_flight: int) -> int:
    """Return the number of targets in flight, or raise the TypeError or ValueError of an argument."""
    if isinstance(targets, str | Target):
        raise TypeError(f"targets must be a list of Target, not one {type(targets).__name__}: write [target]")
    if not callable(read):
        raise TypeError(f"read must be a function of a client, such as read_jobs, not {type(read).__name__}")
    return _queries.validate_count("max_in_flight", max_in_flight, 1) or MAX_IN_FLIGHT


_Result: TypeAlias = TargetResult[Any] | TargetFailure


class _Sweep(Iterator[_Result]):
    """The results of a sweep. An exception in `next`, such as KeyboardInterrupt, loses no result: the next one continues."""

    def __init__(
        self,
        targets: Iterator[Target],
        read: Callable[[Target], _Result],
        executor: Executor | None,
        max_in_flight: int,
        close: Callable[[], None],
    ) -> None:
        self._targets = targets
        self._read = read
        self._threads: DaemonThreadPool | None = None
        if executor is None:
            executor = self._threads = DaemonThreadPool(max_in_flight)
        self._executor = executor
        self._max_in_flight = max_in_flight
        self._close = close
        """Called when there are no more results."""
        self._in_flight: dict[Future[_Result], Target] = {}
        """The targets without a returned result, and the latest with one."""
        self._completed: queue.SimpleQueue[Future[_Result]] = queue.SimpleQueue()
        self._returned: Future[_Result] | None = None
        """The future of the latest result, which is in flight until the next call."""
        self._has_more = True
        self._target: Target | None = None
        """The next target, if it was taken from the iterable, and an interruption prevented that it was submitted."""
        self._end: Exception = StopIteration()
        """Raised after the targets in flight: also the error of the iterable of targets."""
        self._process_id = os.getpid()

    def __next__(self) -> _Result:
        if os.getpid() != self._process_id:
            raise RuntimeError("this sweep belongs to the parent process: start another one in a forked process")
        if self._returned is not None:
            self._in_flight.pop(self._returned, None)
            self._returned = None
        while self._has_more and len(self._in_flight) < self._max_in_flight:
            self._submit_next()
        if self._in_flight:
            future = self._wait()
            result = _result_of(future, self._in_flight[future])
            # As in `Run`, no signal handler runs between this and the return.
            self._returned = future
            return result
        if self._threads is not None:
            self._threads.stop()
        self._close()
        end, self._end = self._end, StopIteration()
        raise end

    def _submit_next(self) -> None:
        try:
            self._target = next(self._targets) if self._target is None else self._target
        except StopIteration:
            self._has_more = False
            return
        except BaseException as error:
            if isinstance(error, Exception):
                self._has_more, self._end = False, error
                return
            # A generator that was interrupted looks as if it had no more targets.
            self._end = RuntimeError("the iterable of targets was interrupted, so some targets were not read")
            raise
        if self._threads is not None:
            self._threads.ensure_thread()  # its error is not that of a target
        future: Future[_Result]
        try:
            check_target(self._target)
            future = self._executor.submit(self._read, self._target)
        except Exception as error:  # noqa: BLE001  # such as of a task that cannot be pickled, or of a broken pool
            future = Future()
            future.set_result(failure_of(self._target, error))
        # As in `Run`, no signal handler runs between these two.
        self._in_flight[future] = self._target
        self._target = None
        # Without a reference to this object, so that `break` deletes it while targets are in flight.
        future.add_done_callback(self._completed.put)

    def _wait(self) -> Future[_Result]:
        """Return a future that is done, in order of completion."""
        while True:
            try:
                # With a time-out, because on Windows Ctrl-C does not interrupt a wait without one.
                future = self._completed.get(timeout=_INTERRUPT_INTERVAL)
                if future in self._in_flight:
                    return future
            except queue.Empty:
                # An interruption can have lost the future of a target.
                for future in self._in_flight:
                    if future.done():
                        return future

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing, process_id: Callable[[], int] = os.getpid) -> None:
        # It waits for no lock, because a thread that the end of the process has stopped can hold it. The functions are
        # arguments, because the globals of a module can be gone at the end of the process.
        if self._threads is not None:
            self._threads.stop()
        elif not is_finalizing() and process_id() == self._process_id:
            for future in self._in_flight:
                future.cancel()


def check_target(target: object) -> None:
    """Raise a TypeError if a target is none."""
    if not isinstance(target, Target):
        raise TypeError(f"expected a Target, not {type(target).__name__}")


def _result_of(future: Future[_Result], target: Target) -> _Result:
    """Return the result of a target: a failure for an error of the executor, such as a terminated process."""
    if future.cancelled():
        return TargetFailure(target, RuntimeError("cancelled by the executor"))
    error = future.exception()
    return future.result() if error is None else failure_of(target, error)


# ------------------------------------------------------------------ code that runs in the workers


def _read_target(clients: ThreadClients, read: Callable[[JobsClient], Any], target: Target) -> _Result:
    """Return the result of one target. It runs in a thread or process of the executor."""
    try:
        return TargetResult(target, check_value(read(JobsClient(clients.client(target)))))
    except BaseException as error:  # an error of one target must not end the sweep, nor a worker of Dask
        if isinstance(error, KeyboardInterrupt):
            raise
        return failure_of(target, error)


def check_value(value: Any) -> Any:
    """Return what a function of a sweep returned. Raise a TypeError if it is lazy.

    The caller would make its requests, one after the other, and get their errors.
    """
    kind = type(value).__name__
    if inspect.iscoroutine(value):
        value.close()  # otherwise Python warns that it was never awaited
    elif not isinstance(value, PagerBase | Iterator | AsyncIterable | Awaitable):
        return value
    raise TypeError(f"read returned a {kind}, which is not read yet: return its items, as tuple(client.describe_jobs())")


def read_jobs(client: JobsClient, *, from_date: datetime | None = None, to_date: datetime | None = None) -> tuple[Job, ...]:
    """Return all jobs of an account and region, newest first. It is the default of `sweep`.

    Args:
        client: The client.
        from_date, to_date: The date range, as in `JobsClient.describe_jobs`.

    Raises:
        MalformedResponseError: If a job is malformed. It has the other jobs in `jobs`.
        ServiceError: If AWS returns an error. All other errors are as in `JobsClient.describe_jobs`.
    """
    malformed: list[MalformedResponseError] = []
    return require_well_formed(
        tuple(client.describe_jobs(from_date=from_date, to_date=to_date, on_malformed=malformed.append)), malformed
    )


def require_well_formed(jobs: tuple[Job, ...], malformed: list[MalformedResponseError]) -> tuple[Job, ...]:
    """Return the jobs, or raise the first error with the jobs."""
    if malformed:
        malformed[0].jobs = jobs
        raise malformed[0]
    return jobs


def read_phases(
    client: JobsClient, *, from_date: datetime | None = None, to_date: datetime | None = None
) -> tuple[JobPhases, ...]:
    """Return the phases of all jobs of an account and region, newest first. It reads one log after the other.

    Running jobs are fetched again with their logs. The error of a log that cannot be read is in the `log_error` of its phases.

    Args:
        client, from_date, to_date: As in `read_jobs`.

    Raises:
        MalformedResponseError, ServiceError: As in `read_jobs`, before a log is read.
    """
    return tuple(phases_of(client, job) for job in read_jobs(client, from_date=from_date, to_date=to_date))


def phases_of(client: JobsClient, job: Job) -> JobPhases:
    """Return the phases of a job. An error of its log is in them, and so is that of a running job that was deleted since."""
    try:
        return client.phases(job)
    except (DrsJobsError, BotoCoreError, ValueError) as error:  # a ValueError is that of an id that botocore refuses
        return phases(job, (), log_error=error)


# ------------------------------------------------------------------ threads


class DaemonThreadPool(Executor):
    """An executor with daemon threads.

    A process waits at its end for the threads of a ThreadPoolExecutor, but not for these, so Ctrl-C stops it at once.
    """

    def __init__(self, max_workers: int) -> None:
        """Create a pool without threads."""
        self._max_workers = max_workers
        self._thread_count = self._submitted = 0
        self._is_stopped = False
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return the future of a call. Raise RuntimeError if no thread can be started, and none runs."""
        self.ensure_thread()
        future: Future[Any] = Future()
        self._tasks.put((future, functools.partial(fn, *args, **kwargs)))
        self._submitted += 1
        return future

    def ensure_thread(self) -> None:
        """Start a thread for the next call, if all work. Raise RuntimeError as `submit` does."""
        if self._thread_count < min(self._submitted + 1, self._max_workers):
            try:
                threading.Thread(target=self._work, name="drs_jobs.sweep", daemon=True).start()
                self._thread_count += 1
            except RuntimeError as error:  # as in a sub-interpreter without daemon threads
                if self._thread_count == 0:  # otherwise the threads that run do the work
                    raise RuntimeError(f"{error}: pass an executor, as concurrent.futures.ThreadPoolExecutor(32)") from error

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None and not self._is_stopped:
            future, call = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:  # noqa: BLE001  # `future.result()` raises it
                    future.set_exception(error)
            del task, future, call  # frees their memory before the wait for the next task

    def stop(self) -> None:
        """Have the threads end after their present calls. It waits for no lock."""
        self._is_stopped = True
        self.shutdown()

    def shutdown(self, *_args: object, **_options: object) -> None:
        """Have the threads end after all calls that were submitted. The arguments of `Executor.shutdown` are ignored."""
        for _ in range(self._thread_count):
            self._tasks.put(None)
