"""Loops over jobs, pages and watches that a real signal interrupts at random times, and that continue until the end."""

import gc
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final, Self

from drs_jobs import Job, JobsClient, PagerIterator
from drs_jobs._aws.calls import current_call
from simulated_time import SimulatedTime

PAGES: Final = 20
JOBS_PER_PAGE: Final = 3
IDS: Final = [str(number) for number in range(PAGES * JOBS_PER_PAGE)]


class Interrupted(BaseException):
    """Raised by the signal handler, as Python's own handler raises KeyboardInterrupt."""


class PagesOfJobs:
    """A fake client with some jobs per page."""

    def describe_jobs(self, **request: Any) -> dict[str, Any]:
        page = int(request.get("nextToken", "0"))
        token = {"nextToken": str(page + 1)} if page + 1 < PAGES else {}
        return {"items": [{"jobID": job_id} for job_id in IDS[page * JOBS_PER_PAGE :][:JOBS_PER_PAGE]], **token}


def by_item(iterator: PagerIterator[Any], got: list[Any]) -> None:
    for job in iterator:
        got.append([job])


def by_page(iterator: PagerIterator[Any], got: list[Any]) -> None:
    for page in iterator.pages():
        got.append(page.items)


Consume = Callable[[PagerIterator[Any], list[Any]], None]
CONSUMERS: Final[tuple[Consume, ...]] = (by_item, by_page)


def interrupt(consume: Consume, count: int, *, from_cursor: bool, seed: int = 0) -> Counter[str]:
    """Return the number of signals, of exceptions that left the loop, and of lost and repeated jobs.

    A call that counts as unfinished after a signal would change the caller's own calls.

    Args:
        consume: The loop.
        count: The number of signals.
        from_cursor: Whether an interrupted run continues from its cursor, with a new iterator.
        seed: The seed of the times.
    """
    client = JobsClient(PagesOfJobs())
    tally: Counter[str] = Counter()
    with _Signals(tally, _duration(lambda: consume(iter(client.describe_jobs()), [])), seed) as signals:
        while tally["signals"] < count:
            iterator, got = iter(client.describe_jobs()), list[Any]()
            while not signals.interrupt(lambda iterator=iterator, got=got: consume(iterator, got)):
                if from_cursor:
                    iterator = iter(client.describe_jobs(cursor=iterator.cursor))
            ids = [job.job_id for jobs in got for job in jobs]
            tally["lost"] += len(set(IDS) - set(ids))
            tally["repeated"] += len(ids) - len(set(ids))
    return tally


class ProgressingJobs:
    """A fake client. Its jobs progress with each request, and complete one after the other."""

    def __init__(self) -> None:
        self.requests = 0

    def describe_jobs(self, filters: dict[str, list[str]]) -> dict[str, Any]:
        self.requests += 1
        statuses = {job_id: STATUSES[min(2, (self.requests + int(job_id)) // 6)] for job_id in filters["jobIDs"]}
        return {"items": [{"jobID": job_id, "status": status} for job_id, status in statuses.items()]}


STATUSES: Final = ("PENDING", "STARTED", "COMPLETED")


def interrupt_watch(count: int, seed: int = 0) -> Counter[str]:
    """Return the number of signals, of exceptions that left the loop, of complete jobs that were lost, and of older snapshots.

    A snapshot can be repeated after a signal.
    """
    tally: Counter[str] = Counter()
    ids = [str(number) for number in range(6)]

    def watch() -> Iterator[Job]:
        client, simulated = JobsClient(ProgressingJobs()), SimulatedTime()
        client._clock = simulated.clock()
        return client.watch(ids, timeout=None)

    with _Signals(tally, _duration(lambda: list(watch())), seed) as signals:
        while tally["signals"] < count:
            watching, got = watch(), list[Job]()
            while not signals.interrupt(lambda watching=watching, got=got: _extend(got, watching)):
                pass
            tally["lost"] += len(set(ids) - {job.job_id for job in got if job.is_complete})
            for job_id in ids:
                seen = [STATUSES.index(str(job.status)) for job in got if job.job_id == job_id]
                tally["older"] += seen != sorted(seen)
    return tally


def _extend(got: list[Job], watching: Iterator[Job]) -> None:
    for job in watching:
        got.append(job)  # noqa: PERF402  # `list` would lose the jobs before a signal


class _Signals:
    """A context manager that interrupts calls with a signal at random times."""

    def __init__(self, tally: Counter[str], duration: float, seed: int) -> None:
        self._tally, self._duration, self._rng = tally, duration, random.Random(seed)

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGALRM, self._handle)
        # Python ignores an exception in a callback of its garbage collector, such as that of Hypothesis.
        self._callbacks, gc.callbacks[:] = [*gc.callbacks], []
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)
        gc.callbacks[:] = self._callbacks

    def _handle(self, *_: object) -> None:
        self._tally["signals"] += 1
        raise Interrupted

    def interrupt(self, call: Callable[[], object]) -> bool:
        """Return whether the call ended, and was not interrupted."""
        try:
            signal.setitimer(signal.ITIMER_REAL, self._rng.uniform(1e-6, self._duration))
            call()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Interrupted:
            self._tally["caught"] += 1
            self._tally["unfinished calls"] += current_call.get() is not None
            return False
        return True


def _duration(call: Callable[[], object]) -> float:
    """Return the seconds that a call takes, when all is loaded."""
    for _ in range(2):
        began = time.perf_counter()
        call()
    return time.perf_counter() - began
