"""Runs over items and over pages that a real signal interrupts at a random time and that resume from the cursor."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from drs_jobs import Job, JobsClient, Page, Pager

JOBS = 60


class Interrupted(BaseException):
    """Raised by the signal handler, as Python's own handler raises KeyboardInterrupt."""


class OneJobPages:
    """A fake client with one job per page."""

    def describe_jobs(self, **request: Any) -> dict[str, Any]:
        number = int(request.get("nextToken", "0"))
        token = {"nextToken": str(number + 1)} if number + 1 < JOBS else {}
        return {"items": [{"jobID": str(number)}], **token}


def items(pager: Pager[Job], got: list[Any]) -> None:
    for job in pager:
        got.append(job)  # noqa: PERF402  # a signal can come between two items


def pages(pager: Pager[Job], got: list[Any]) -> None:
    for page in pager.pages():
        got.append(page)  # noqa: PERF402  # a signal can come between two pages


def run(consume: Callable[[Pager[Job], list[Any]], None], count: int, seed: int = 0) -> Counter[str]:
    """Return the number of interrupted runs, and of jobs that they lost or repeated."""
    client = JobsClient(OneJobPages())
    rng = random.Random(seed)
    consume(client.describe_jobs(), [])
    began = time.perf_counter()
    consume(client.describe_jobs(), [])
    duration = time.perf_counter() - began
    tally: Counter[str] = Counter(interrupted=0, lost=0, repeated=0)

    def interrupt(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        while tally["interrupted"] < count:
            pager, got = client.describe_jobs(), list[Any]()
            try:
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-6, duration))
                consume(pager, got)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Interrupted:
                consume(client.describe_jobs(cursor=pager.cursor), got)
                found = [job.job_id for one in got for job in (one.items if isinstance(one, Page) else (one,))]
                tally["interrupted"] += 1
                tally["lost"] += JOBS - len(set(found))
                tally["repeated"] += len(found) - len(set(found))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return tally
