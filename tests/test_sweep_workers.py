"""The thread pool of sweeps."""

import gc
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from drs_jobs.sweep.workers import DaemonThreadPool


class Task:
    """A task that returns the thread that runs it."""

    def __call__(self) -> threading.Thread:
        return threading.current_thread()


@pytest.fixture
def pool() -> Iterator[DaemonThreadPool]:
    pool = DaemonThreadPool(1)
    yield pool
    pool.shutdown()


def test_thread_continues_after_failed_and_cancelled_tasks(pool: DaemonThreadPool):
    release = threading.Event()
    first = pool.submit(release.wait)
    cancelled = pool.submit(print)
    assert cancelled.cancel()
    failed = pool.submit(divmod, 1, 0)
    last = pool.submit(divmod, 7, 2)
    release.set()
    assert first.result(5)
    with pytest.raises(ZeroDivisionError):
        failed.result(5)
    assert last.result(5) == (3, 1)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_futures_have_every_kind_of_exception(error: type[BaseException], pool: DaemonThreadPool):
    def fail() -> None:
        raise error

    assert isinstance(pool.submit(fail).exception(5), error)
    assert pool.submit(len, "abc").result(5) == 3


def test_arguments(pool: DaemonThreadPool):
    assert pool.submit(sorted, [1, 3, 2], reverse=True).result(5) == [3, 2, 1]


def test_number_of_threads():
    """One per task, up to the limit, and none before the first task."""
    pool = DaemonThreadPool(3)
    barrier = threading.Barrier(4)
    before = set(threading.enumerate())
    for number in range(1, 7):
        pool.submit(barrier.wait, 5)
        assert len(set(threading.enumerate()) - before) == min(number, 3)
    barrier.abort()
    pool.shutdown()


def test_threads_end_after_shutdown(pool: DaemonThreadPool):
    """Tasks submitted before it are completed."""
    tasks = [pool.submit(Task()) for _ in range(5)]
    pool.shutdown()
    [thread] = {task.result(5) for task in tasks}
    thread.join(5)
    assert not thread.is_alive()


def test_idle_threads_keep_no_task(pool: DaemonThreadPool):
    task = Task()
    reference = weakref.ref(task)
    pool.submit(task).result(5)
    del task
    deadline = time.monotonic() + 5
    while reference() is not None and time.monotonic() < deadline:  # the thread drops it after the future has the result
        gc.collect()
    assert reference() is None


def test_process_does_not_wait_for_tasks():
    """The standard library's ThreadPoolExecutor would wait for this one without end."""
    program = (
        "import threading; from drs_jobs.sweep.workers import DaemonThreadPool; "
        "begun = threading.Event(); pool = DaemonThreadPool(1); "
        "pool.submit(lambda: (begun.set(), threading.Event().wait())); begun.wait()"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
