"""Polls jobs to completion. Pure logic: asking is a callable, and time is a parameter."""

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import attrs

from drs_jobs._errors import JobNotFoundError, ServiceError, WaitTimeoutError, is_transient
from drs_jobs._formatting import one_line
from drs_jobs._models import Job

_logger: Final = logging.getLogger("drs_jobs")

SHORTEST_INTERVAL: Final = 5.0
"""Seconds between the first two polls, unless the caller gives an interval."""

GROWTH: Final = 1.5
"""The factor by which that interval grows with each poll."""

LONGEST_INTERVAL: Final = 30.0
"""Seconds between two polls that it grows to."""

JITTER: Final = 0.1
"""By which share a sleep is longer or shorter by chance, so that many waiting processes don't ask in step."""

FIRST_RESPONSE_TIMEOUT: Final = 60.0
"""Seconds that trouble is survived before there was any answer: a mistyped region must not look like an outage."""

NOT_FOUND_GRACE_PERIOD: Final = 60.0
"""Seconds that a job may be invisible, because it is too new, or gone for a moment, before it counts as not found."""

LONGEST_RETRY_AFTER: Final = 3600.0
"""Seconds of a `Retry-After` that are honoured: nobody can put a wait to sleep for a year."""


@attrs.frozen
class Clock:
    """What time is, and how it passes. In seconds."""

    sleep: Callable[[float], object]
    now: Callable[[], float]
    jitter: Callable[[], float] = random.random  # 0 to 1

    @classmethod
    def real(cls) -> "Clock":
        """The machine's own, which no change of the wall clock disturbs."""
        return cls(time.sleep, time.monotonic)


FetchJobs = Callable[[Sequence[str]], Iterable[Job]]
"""Asks for these jobs, as many as one query takes."""


def watch(
    fetch: FetchJobs,
    job_ids: Sequence[str],
    *,
    timeout: float | None,
    poll_interval: float | None,
    batch_size: int,
    clock: Clock,
) -> Iterator[Job]:
    """Yield each job whenever its snapshot changed, the first one included, until all are complete."""
    watching = _Watcher(job_ids, clock)
    deadline = None if timeout is None else watching.began + timeout
    is_last_poll = timeout == 0
    interval = SHORTEST_INTERVAL if poll_interval is None else poll_interval
    while True:
        yield from watching.poll(fetch, batch_size)
        if not watching.unfinished:
            return
        if is_last_poll:
            raise watching.timed_out() from watching.trouble
        pause = watching.pause(interval)
        if deadline is not None and (rest := max(0.0, deadline - clock.now())) <= pause:
            # Clipped, so that the last look is taken at the deadline: a job that finishes then counts as finished.
            pause, is_last_poll = rest, True
        clock.sleep(pause)
        if poll_interval is None:
            interval = min(interval * GROWTH, LONGEST_INTERVAL)


@attrs.define
class _Absence:
    """A job that was looked for in vain."""

    since: float
    polls: int = 0
    """How often."""
    required_polls: int = 2
    """How many looks it takes to be sure: one more where some could not be taken, as nobody knows what they would have seen."""


class _Watcher:
    """What is known of the jobs that are watched."""

    def __init__(self, job_ids: Sequence[str], clock: Clock) -> None:
        self.clock = clock
        self.began = clock.now()
        self.first_response_deadline = self.began + FIRST_RESPONSE_TIMEOUT
        self.job_ids = tuple(dict.fromkeys(job_ids))
        self.unfinished = dict.fromkeys(job_ids)
        self.snapshots: dict[str, Job] = {}
        self.absences: dict[str, _Absence] = {}
        self.has_response = False
        self.polls = 0
        self.trouble: Exception | None = None
        self.retry_after = 0.0

    def poll(self, fetch: FetchJobs, batch_size: int) -> Iterator[Job]:
        """Ask once for every unfinished job, and yield those that changed. One batch's trouble does not hide another's news."""
        self.trouble, self.retry_after = None, 0.0
        self.polls += 1
        lost: list[str] = []
        unfinished = tuple(self.unfinished)
        for start in range(0, len(unfinished), batch_size):
            batch = unfinished[start : start + batch_size]
            jobs, trouble = _fetch_batch(fetch, batch)
            self.has_response = self.has_response or bool(jobs) or trouble is None
            yield from (job for job in jobs.values() if job.job_id in self.unfinished and self._has_changed(job))
            if trouble is None:
                lost += self._not_found(batch, jobs)
            elif any(job_id in self.unfinished for job_id in batch):  # else all was told before the trouble
                self._handle_error(trouble, batch)
        if lost:
            raise JobNotFoundError(lost[0], last_seen=self.snapshots.get(lost[0]), job_ids=tuple(lost))

    def _handle_error(self, trouble: Exception, batch: Sequence[str]) -> None:
        """Log trouble that may pass; raise what can't, or has lasted too long."""
        if not is_transient(trouble) or self._has_lasted_too_long():
            raise trouble
        _logger.warning("still waiting for %d jobs: %s", len(self.unfinished), one_line(str(trouble)))
        self.trouble = trouble
        if isinstance(trouble, ServiceError) and trouble.retry_after is not None:
            self.retry_after = max(self.retry_after, min(trouble.retry_after, LONGEST_RETRY_AFTER))
        for absence in filter(None, map(self.absences.get, batch)):
            absence.required_polls = 3

    def pause(self, interval: float) -> float:
        """How long to sleep before the next look."""
        pause = max(interval * (1 + JITTER * (2 * self.clock.jitter() - 1)), self.retry_after)
        rest = self.first_response_deadline - self.clock.now()
        if not self.has_response and rest > 0:
            pause = min(pause, rest)
        return pause

    def _has_lasted_too_long(self) -> bool:
        # At least two polls, since botocore's own retries within one poll can outlast the minute.
        # Less a millisecond, because a sum of sleeps is not exact.
        return not self.has_response and self.polls > 1 and self.clock.now() >= self.first_response_deadline - 0.001

    def _has_changed(self, job: Job) -> bool:
        self.absences.pop(job.job_id, None)
        if job.is_complete:
            del self.unfinished[job.job_id]
        is_news = self.snapshots.get(job.job_id) != job
        self.snapshots[job.job_id] = job
        return is_news

    def _not_found(self, batch: Sequence[str], jobs: Mapping[str, Job]) -> list[str]:
        """The jobs of a batch that have been missing for too long."""
        now = self.clock.now()
        lost: list[str] = []
        for job_id in batch:
            if job_id not in jobs:
                absence = self.absences.setdefault(job_id, _Absence(now))
                absence.polls += 1
                if absence.polls >= absence.required_polls and now - absence.since >= NOT_FOUND_GRACE_PERIOD:
                    lost.append(job_id)
        return lost

    def timed_out(self) -> WaitTimeoutError:
        """The error at the deadline, with every snapshot there is."""
        unseen = [job_id for job_id in self.unfinished if job_id not in self.snapshots]
        seconds = self.clock.now() - self.began
        message = f"{len(self.unfinished)} jobs are not complete after {seconds:.0f} seconds: {', '.join(self.unfinished)}"
        if unseen:
            message = f"{len(unseen)} jobs were never seen ({', '.join(unseen[:3])}): check id and region; {message}"
        seen = [self.snapshots[job_id] for job_id in self.job_ids if job_id in self.snapshots]
        return WaitTimeoutError(message, jobs=tuple(seen))


def _fetch_batch(fetch: FetchJobs, batch: Sequence[str]) -> tuple[dict[str, Job], Exception | None]:
    """The jobs that came, by id, and what ended it before all had come."""
    jobs: dict[str, Job] = {}
    try:
        for job in fetch(batch):
            jobs[job.job_id] = job
    except Exception as error:  # noqa: BLE001  # raised again where it can't pass
        return jobs, error
    return jobs, None
