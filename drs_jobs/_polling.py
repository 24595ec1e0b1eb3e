"""Polls jobs until they are complete. Pure logic: requests and the clock are parameters."""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import attrs

from drs_jobs._errors import JobNotFoundError, ServiceError, WaitTimeoutError, is_transient
from drs_jobs._formatting import format_count, one_line
from drs_jobs._models import Job

_logger: Final = logging.getLogger("drs_jobs")

INITIAL_INTERVAL: Final = 5.0
"""Seconds between the first two polls, unless the caller sets an interval."""

GROWTH: Final = 1.5
"""The factor by which the interval grows after each poll."""

MAX_INTERVAL: Final = 30.0
"""Upper limit of the growing interval, in seconds."""

JITTER: Final = 0.1
"""The random part of each sleep, as a fraction of the interval, so that many processes do not poll at the same times."""

FIRST_RESPONSE_TIMEOUT: Final = 60.0
"""Seconds for which transient errors are retried before the first successful response.

It is short because a mistyped region looks like an outage.
"""

NOT_FOUND_GRACE_PERIOD: Final = 60.0
"""Seconds for which a job can be missing before it counts as not found: it can be too new, or missing for a moment."""

MAX_RETRY_AFTER: Final = 3600.0
"""Upper limit for `Retry-After`, in seconds."""

_DESCRIPTION_THREADS: Final = 8
"""The number of logs that are read at the same time."""

_MAX_NAMES: Final = 20
"""The number of jobs that a WaitTimeoutError names."""

DESCRIPTION_TIMEOUT: Final = 5.0
"""Seconds for which a WaitTimeoutError is delayed to read the logs of the unfinished jobs."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@attrs.frozen
class Clock:
    """A source of time, in seconds."""

    sleep: Callable[[float], object]
    now: Callable[[], float]
    jitter: Callable[[], float] = random.random  # 0 to 1
    utc_now: Callable[[], datetime] = _utc_now
    """The time of day, which is compared with the times of AWS."""

    @classmethod
    def real(cls) -> "Clock":
        """Return the monotonic clock of the machine, which changes of the wall clock do not affect."""
        return cls(time.sleep, time.monotonic)


FetchJobs = Callable[[Sequence[str]], Iterable[Job]]
"""Requests the jobs with these ids, at most as many as one request can have."""

DescribePhase = Callable[[Job], str | None]
"""Requests the log of a job, and returns in words which phase it is in; `None` if it is unknown. It can raise any error."""


def watch(
    fetch: FetchJobs,
    job_ids: Sequence[str],
    *,
    describe_phase: DescribePhase,
    timeout: float | None,
    poll_interval: float | None,
    batch_size: int,
    clock: Clock,
) -> Iterator[Job]:
    """Yield each job whenever its snapshot changed, the first one included, until all are complete."""
    watcher = _Watcher(job_ids, clock)
    deadline = None if timeout is None else watcher.started_at + timeout
    is_last_poll = timeout == 0
    interval = INITIAL_INTERVAL if poll_interval is None else poll_interval
    while True:
        yield from watcher.poll(fetch, batch_size)
        if not watcher.unfinished:
            return
        if is_last_poll:
            raise watcher.timeout_error(describe_phase) from watcher.latest_error
        pause = watcher.pause(interval)
        if deadline is not None and (remaining := max(0.0, deadline - clock.now())) <= pause:
            # The last poll is at the deadline, so that a job that ends before it counts as complete.
            pause, is_last_poll = remaining, True
        clock.sleep(pause)
        if poll_interval is None:
            interval = min(interval * GROWTH, MAX_INTERVAL)


@attrs.define
class _Absence:
    """A job that is missing in the responses."""

    since: float
    polls: int = 0
    """The number of polls in which the job was missing."""
    required_polls: int = 2
    """The number of such polls before the job counts as not found. One more after a failed poll, whose result is unknown."""


class _Watcher:
    """The state of a watch: which jobs are unfinished, their latest snapshots, and the errors."""

    def __init__(self, job_ids: Sequence[str], clock: Clock) -> None:
        self.clock = clock
        self.started_at = clock.now()
        self.first_response_deadline = self.started_at + FIRST_RESPONSE_TIMEOUT
        self.job_ids = tuple(dict.fromkeys(job_ids))
        self.unfinished = dict.fromkeys(job_ids)
        self.snapshots: dict[str, Job] = {}
        self.absences: dict[str, _Absence] = {}
        self.has_response = False
        self.polls = 0
        self.latest_error: Exception | None = None
        self.retry_after = 0.0

    def poll(self, fetch: FetchJobs, batch_size: int) -> Iterator[Job]:
        """Request every unfinished job once, and yield those that changed. An error in one batch does not stop the others."""
        self.latest_error, self.retry_after = None, 0.0
        self.polls += 1
        not_found: list[str] = []
        unfinished = tuple(self.unfinished)
        for start in range(0, len(unfinished), batch_size):
            batch = unfinished[start : start + batch_size]
            jobs, error = _fetch_batch(fetch, batch)
            self.has_response = self.has_response or bool(jobs) or error is None
            yield from (job for job in jobs.values() if job.job_id in self.unfinished and self._has_changed(job))
            if error is None:
                not_found += self._not_found(batch, jobs)
            elif any(job_id in self.unfinished for job_id in batch):  # else the error changes nothing
                self._handle_error(error, batch)
        if not_found:
            raise JobNotFoundError(not_found[0], last_seen=self.snapshots.get(not_found[0]), job_ids=tuple(not_found))

    def _handle_error(self, error: Exception, batch: Sequence[str]) -> None:
        """Log a transient error. Raise a permanent one, and a transient one after the time limit for the first response."""
        if not is_transient(error) or self._is_first_response_overdue():
            raise error
        _logger.warning("still waiting for %d jobs: %s", len(self.unfinished), one_line(str(error)))
        self.latest_error = error
        if isinstance(error, ServiceError) and error.retry_after is not None:
            self.retry_after = max(self.retry_after, min(error.retry_after, MAX_RETRY_AFTER))
        for absence in filter(None, map(self.absences.get, batch)):
            absence.required_polls = 3

    def pause(self, interval: float) -> float:
        """Return the number of seconds to sleep before the next poll."""
        pause = max(interval * (1 + JITTER * (2 * self.clock.jitter() - 1)), self.retry_after)
        remaining = self.first_response_deadline - self.clock.now()
        if not self.has_response and remaining > 0:
            pause = min(pause, remaining)
        return pause

    def _is_first_response_overdue(self) -> bool:
        # At least two polls, because botocore's own retries within one poll can take longer than the limit.
        # Minus a millisecond, because a sum of sleeps is not exact.
        return not self.has_response and self.polls > 1 and self.clock.now() >= self.first_response_deadline - 0.001

    def _has_changed(self, job: Job) -> bool:
        self.absences.pop(job.job_id, None)
        if job.is_complete:
            del self.unfinished[job.job_id]
        has_changed = self.snapshots.get(job.job_id) != job
        self.snapshots[job.job_id] = job
        return has_changed

    def _not_found(self, batch: Sequence[str], jobs: Mapping[str, Job]) -> list[str]:
        """Return the ids of a batch that have been missing for longer than the grace period."""
        now = self.clock.now()
        not_found: list[str] = []
        for job_id in batch:
            if job_id not in jobs:
                absence = self.absences.setdefault(job_id, _Absence(now))
                absence.polls += 1
                if absence.polls >= absence.required_polls and now - absence.since >= NOT_FOUND_GRACE_PERIOD:
                    not_found.append(job_id)
        return not_found

    def timeout_error(self, describe_phase: DescribePhase) -> WaitTimeoutError:
        """Return the error for the deadline, with all snapshots, and with the phases of the unfinished jobs that are known."""
        seconds = self.clock.now() - self.started_at
        seen = {job_id: self.snapshots[job_id] for job_id in self.job_ids if job_id in self.snapshots}
        phases = _describe_phases([job for job_id, job in seen.items() if job_id in self.unfinished], describe_phase)
        names = [f"{job_id} ({phases[job_id]})" if job_id in phases else job_id for job_id in self.unfinished]
        if len(names) > _MAX_NAMES:
            names[_MAX_NAMES:] = [f"and {len(names) - _MAX_NAMES:,} more"]
        message = f"{format_count(len(self.unfinished), 'job')} not complete after {seconds:.0f} seconds: {', '.join(names)}"
        if unseen := [job_id for job_id in self.unfinished if job_id not in seen]:
            message = f"{format_count(len(unseen), 'job')} never seen ({', '.join(unseen[:3])}): check id and region; {message}"
        return WaitTimeoutError(message, jobs=tuple(seen.values()))


def _describe_phases(jobs: Sequence[Job], describe_phase: DescribePhase) -> dict[str, str]:
    """Return the phases of jobs by job id, as far as their logs can be read within the time limit. It raises no error."""
    found: list[tuple[str, str]] = []
    waiting = deque(jobs[:_MAX_NAMES])
    deadline = time.monotonic() + DESCRIPTION_TIMEOUT

    def describe() -> None:
        while waiting and time.monotonic() < deadline:
            with suppress(Exception):
                job = waiting.popleft()
                if (phase := describe_phase(job)) is not None:
                    found.append((job.job_id, phase))

    # Daemon threads, because a request can take much longer than the time limit.
    count = min(len(waiting), _DESCRIPTION_THREADS)
    threads = [threading.Thread(target=describe, name="drs_jobs.watch", daemon=True) for _ in range(count)]
    with suppress(RuntimeError):  # no thread can be started
        for thread in threads:
            thread.start()
    for thread in threads:
        if thread.is_alive():
            thread.join(max(0.0, deadline - time.monotonic()))
    return dict(found)


def _fetch_batch(fetch: FetchJobs, batch: Sequence[str]) -> tuple[dict[str, Job], Exception | None]:
    """Return the jobs that were received, by id, and the error that stopped the request."""
    jobs: dict[str, Job] = {}
    try:
        for job in fetch(batch):
            jobs[job.job_id] = job
    except Exception as error:  # noqa: BLE001  # a permanent one is raised again
        return jobs, error
    return jobs, None
