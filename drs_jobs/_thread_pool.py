"""A thread pool of daemon threads, which do not keep a process alive."""

import functools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


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
