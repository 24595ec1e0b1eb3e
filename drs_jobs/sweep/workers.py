"""A sweep on threads, or on any executor: reads the jobs of each target, and returns the results in order of completion."""

import functools
import inspect
import os
import queue
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeAlias, TypeVar, cast, overload

from botocore.exceptions import BotoCoreError

from drs_jobs import _queries
from drs_jobs._client import JobsClient
from drs_jobs._errors import DrsJobsError, MalformedResponseError
from drs_jobs._models import Job
from drs_jobs._pagination.pager import Pager
from drs_jobs.analysis import JobPhases, phases
from drs_jobs.sweep.clients import ClientCache
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
    the number in `AWS_MAX_ATTEMPTS`.

    Args:
        targets: The targets, any number. They are read one at a time, as earlier ones complete. An error of the iterable
            itself is raised after the results of the targets in flight.
        read: The function to call with the `JobsClient` of each target, by default `read_jobs`. `read_phases` reads the logs
            too; `functools.partial(read_jobs, from_date=…)` only newer jobs. Its errors are the failure of the target. It is
            called once more after a transient error, if the client that several targets share had no retries left. A pool of
            processes and Dask need a function and a result that can be pickled.
        executor: The executor, such as a ProcessPoolExecutor or `dask.distributed.Client.get_executor()`, which the caller
            shuts down. By default the sweep runs on threads.
        max_in_flight: The maximum number of targets that are read at the same time, by default 32. An executor with fewer
            workers reads fewer.

    Returns:
        `TargetResult` for each target that was read, and `TargetFailure` for each other one.

    Raises:
        TypeError: If an argument has the wrong type. Raised by this call.
        ValueError: If an argument has an invalid value. Raised by this call.
    """
    in_flight = validate(targets, max_in_flight)
    function: Any = read_jobs if read is None else read
    if not callable(function) or inspect.iscoroutinefunction(function):
        raise TypeError(
            f"read must be a function of a JobsClient, not {function!r}: use drs_jobs.aio.sweep for coroutine functions"
        )
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise TypeError(
            f"executor must have a submit method, as concurrent.futures.Executor has; {type(executor).__name__} has none"
        )
    cache = ClientCache(uuid.uuid4().hex, in_flight)
    return _Sweep(iter(targets), functools.partial(_read_target, cache, function), executor, in_flight, cache.close)


def validate(targets: object, max_in_flight: int) -> int:
    """Return the number of targets in flight.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument has an invalid value.
    """
    if isinstance(targets, str | Target):
        raise TypeError(f"targets must be a list of Target, not one {type(targets).__name__}: write [target]")
    _queries.validate_count("max_in_flight", max_in_flight, 1)
    return max_in_flight


_Result: TypeAlias = TargetResult[Any] | TargetFailure
_Completed: TypeAlias = list[tuple[Future[_Result], Target]]


_FORGOTTEN: Final = (Future[_Result](), Target(""))
"""Replaces a result that was returned."""


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
        self._completed: _Completed = []
        """In order of completion, those whose results were returned too."""
        self._returned = 0
        """The number of results that were returned."""
        self._wake_ups: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._has_more = True
        self._target: Target | None = None
        """The next target, if it was taken from the iterable but not submitted, because no thread could be started."""
        self._targets_error: Exception | None = None
        """The error of the iterable of targets, which is raised after the targets in flight."""
        self._process_id = os.getpid()

    def __next__(self) -> _Result:
        if os.getpid() != self._process_id:
            raise RuntimeError("this sweep belongs to the parent process: start another one in a forked process")
        self._forget_latest()
        while self._has_more and len(self._in_flight) < self._max_in_flight:
            self._submit_next()
        if self._in_flight or self._returned < len(self._completed):
            result = self._wait()
            # As in `Run`, no signal handler runs between this and the return.
            self._returned += 1
            return result
        if self._threads is not None:
            self._threads.stop()
        self._close()
        error, self._targets_error = self._targets_error, None
        raise StopIteration if error is None else error

    def _forget_latest(self) -> None:
        """Free the memory of the result that was returned last."""
        if self._returned:
            self._in_flight.pop(self._completed[self._returned - 1][0], None)
            self._completed[self._returned - 1] = _FORGOTTEN

    def _submit_next(self) -> None:
        try:
            self._target = next(self._targets) if self._target is None else self._target
        except StopIteration:
            self._has_more = False
            return
        except Exception as error:  # noqa: BLE001  # raised after the targets in flight
            self._has_more, self._targets_error = False, error
            return
        except BaseException:
            # A generator that was interrupted looks as if it had no more targets.
            self._targets_error = RuntimeError("the iterable of targets was interrupted, so some targets were not read")
            raise
        if self._threads is not None:
            self._threads.ensure_thread()
        target = self._target
        future = _submit(self._executor, self._read, target)
        # As in `Run`, no signal handler runs between these two.
        self._in_flight[future] = target
        self._target = None
        # Without a reference to this object, so that `break` deletes it while targets are in flight.
        future.add_done_callback(functools.partial(_complete, self._completed, self._wake_ups, target))

    def _wait(self) -> _Result:
        while self._returned >= len(self._completed):
            try:
                # With a time-out, because on Windows Ctrl-C does not interrupt a wait without one.
                self._wake_ups.get(timeout=_INTERRUPT_INTERVAL)
            except queue.Empty:
                if self._returned >= len(self._completed):
                    # An interruption can have prevented that a target in flight wakes this thread up.
                    done = ((future, target) for future, target in self._in_flight.items() if future.done())
                    self._completed += islice(done, 1)
        return _result_of(*self._completed[self._returned])

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing, process_id: Callable[[], int] = os.getpid) -> None:
        # It waits for no lock, because a thread that the end of the process has stopped can hold it. The functions are
        # arguments, because the globals of a module can be gone at the end of the process.
        if self._threads is not None:
            self._threads.stop()
        elif not is_finalizing() and process_id() == self._process_id:
            for future in self._in_flight:
                future.cancel()


def _complete(completed: _Completed, wake_ups: "queue.SimpleQueue[None]", target: Target, future: Future[_Result]) -> None:
    completed.append((future, target))
    wake_ups.put(None)


def _submit(pool: Executor, read: Callable[[Target], _Result], target: Target) -> Future[_Result]:
    """Return the future of a target. If the target cannot be submitted, the future already has a failure as its result."""
    try:
        check_target(target)
        return pool.submit(read, target)
    except Exception as error:  # noqa: BLE001  # such as of a task that cannot be pickled, or of a broken pool
        future: Future[_Result] = Future()
        future.set_result(failure_of(target, error))
        return future


def check_target(target: object) -> None:
    """Check that a target is one.

    Raises:
        TypeError: If it is not.
    """
    if not isinstance(target, Target):
        raise TypeError(f"expected a Target, not {type(target).__name__}")


def _result_of(future: Future[_Result], target: Target) -> _Result:
    """Return the result of a target: a failure for an error of the executor, such as a terminated process."""
    if future.cancelled():
        return TargetFailure(target, RuntimeError("cancelled by the executor"))
    error = future.exception()
    if isinstance(error, Exception):
        return failure_of(target, error)
    if error is not None:  # such as KeyboardInterrupt, which a terminal sends to worker processes too
        return failure_of(target, RuntimeError(f"{type(error).__name__} in the worker"))
    return future.result()


# ------------------------------------------------------------------ code that runs in the workers


def _read_target(cache: ClientCache, read: Callable[[JobsClient], Any], target: Target) -> _Result:
    """Return the result of one target. It runs in a thread or process of the executor."""
    try:
        return TargetResult(target, cache.read(target, lambda client: check_value(read(JobsClient(client)))))
    except Exception as error:  # noqa: BLE001  # an error of one target must not end the sweep
        return failure_of(target, error)


def check_value(value: T) -> T:
    """Return what a function of a sweep returned.

    Raises:
        TypeError: If it is lazy, so that it would be read when the client of the target is not available any more.
    """
    if isinstance(value, Pager | Iterator):
        name = type(cast("object", value)).__name__
        raise TypeError(f"read returned a {name}, which is not read yet: return a tuple of what it has")
    return value


def read_jobs(client: JobsClient, *, from_date: datetime | None = None, to_date: datetime | None = None) -> tuple[Job, ...]:
    """Return all jobs of an account and region, newest first. It is the default of `sweep`.

    Args:
        client: The client.
        from_date: The start of the date range, as in `JobsClient.describe_jobs`.
        to_date: The end of the date range, as in `JobsClient.describe_jobs`.

    Raises:
        MalformedResponseError: If a job is malformed. It has the other jobs in `jobs`.
        ServiceError: If AWS returns an error. All other errors are as in `JobsClient.describe_jobs`.
    """
    malformed: list[MalformedResponseError] = []
    jobs = tuple(client.describe_jobs(from_date=from_date, to_date=to_date, on_malformed=malformed.append))
    if malformed:
        malformed[0].jobs = jobs
        raise malformed[0]
    return jobs


def read_phases(
    client: JobsClient, *, from_date: datetime | None = None, to_date: datetime | None = None
) -> tuple[JobPhases, ...]:
    """Return the phases of all jobs of an account and region, newest first. It reads one log after the other.

    The error of a log that cannot be read is in its phases.

    Args:
        client: The client.
        from_date: The start of the date range, as in `JobsClient.describe_jobs`.
        to_date: The end of the date range, as in `JobsClient.describe_jobs`.

    Raises:
        MalformedResponseError, ServiceError: As in `read_jobs`.
    """
    return tuple(phases_of(client, job) for job in read_jobs(client, from_date=from_date, to_date=to_date))


def phases_of(client: JobsClient, job: Job) -> JobPhases:
    """Return the phases of a job. An error of its log is in them, and so is that of a running job that was deleted since."""
    try:
        return client.phases(job)
    except (DrsJobsError, BotoCoreError) as error:
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
        """Return the future of a call."""
        self.ensure_thread()
        future: Future[Any] = Future()
        self._tasks.put((future, functools.partial(fn, *args, **kwargs)))
        self._submitted += 1
        if self._thread_count < min(self._submitted, self._max_workers):
            with suppress(RuntimeError):  # the threads that run do the work
                self._start_thread()
        return future

    def ensure_thread(self) -> None:
        """Start a thread if none was started.

        Raises:
            RuntimeError: If none can be started, as in a sub-interpreter without daemon threads.
        """
        if self._thread_count == 0:
            try:
                self._start_thread()
            except RuntimeError as error:
                raise RuntimeError(f"{error}: pass an executor, such as concurrent.futures.ThreadPoolExecutor(32)") from error

    def _start_thread(self) -> None:
        threading.Thread(target=self._work, name="drs_jobs.sweep", daemon=True).start()
        self._thread_count += 1

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
        for _ in range(self._thread_count):
            self._tasks.put(None)

    # With the arguments of Executor.
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Have the threads end after all calls that were submitted."""
        for _ in range(self._thread_count):
            self._tasks.put(None)
