"""Loops over jobs and over pages that a real signal interrupts at random times, and that continue until the end."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from drs_jobs import JobsClient, PagerIterator

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

    Args:
        consume: The loop.
        count: The number of signals.
        from_cursor: Whether an interrupted run continues from its cursor, with a new iterator.
        seed: The seed of the times.
    """
    client = JobsClient(PagesOfJobs())
    rng = random.Random(seed)
    duration = _duration(client, consume)
    tally: Counter[str] = Counter(signals=0, caught=0, lost=0, repeated=0)

    def handle(*_: object) -> None:
        tally["signals"] += 1
        raise Interrupted

    before = signal.signal(signal.SIGALRM, handle)
    try:
        while tally["signals"] < count:
            iterator, got = iter(client.describe_jobs()), list[Any]()
            is_over = False
            while not is_over:
                try:
                    signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-6, duration))
                    consume(iterator, got)
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    is_over = True
                except Interrupted:
                    tally["caught"] += 1
                    if from_cursor:
                        iterator = iter(client.describe_jobs(cursor=iterator.cursor))
            ids = [job.job_id for jobs in got for job in jobs]
            tally["lost"] += len(set(IDS) - set(ids))
            tally["repeated"] += len(ids) - len(set(ids))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return tally


def _duration(client: JobsClient, consume: Consume) -> float:
    """Return the seconds that a run takes, when all is loaded."""
    for _ in range(2):
        began = time.perf_counter()
        consume(iter(client.describe_jobs()), [])
    return time.perf_counter() - began
