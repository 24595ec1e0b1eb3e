"""Polling of jobs until they are complete: when to poll again and when to stop, without I/O."""

import functools
import logging
import math
import random
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import attrs

from drs_jobs._errors import JobNotFoundError, ServiceError, WaitTimeoutError, is_transient
from drs_jobs._models import Job
from drs_jobs._queries import MAX_JOB_IDS
from drs_jobs._text import format_count, format_more, one_line, redact_passwords
from drs_jobs._time import machine_time

_logger: Final = logging.getLogger("drs_jobs")

INITIAL_INTERVAL: Final = 5.0  # seconds between the first two polls, unless the caller sets an interval
GROWTH: Final = 1.5  # growth factor of the interval after each poll
MAX_INTERVAL: Final = 30.0  # upper limit of the growing interval, in seconds
JITTER: Final = 0.1  # random part of each sleep, as a fraction of it, so that processes do not poll at the same times
MAX_RETRY_AFTER: Final = 3600.0  # upper limit for `Retry-After`, in seconds
# Seconds for retries of transient errors before the first successful response. Short, because a mistyped region looks like an
# outage.
FIRST_RESPONSE_TIMEOUT: Final = 60.0
# A job missing for this many seconds counts as not found. Before, it can be too new, or missing for a moment.
NOT_FOUND_GRACE_PERIOD: Final = 60.0
DESCRIPTION_TIMEOUT: Final = 5.0  # seconds to read the logs of the unfinished jobs for a WaitTimeoutError
MAX_LOGS_AT_A_TIME: Final = 8  # the number of these logs that are read at the same time
_MAX_NAMES: Final = 20  # the number of jobs that a WaitTimeoutError names
_MAX_SECONDS: Final = 1_000_000_000  # the longest duration (about 30 years). Python cannot sleep much longer.


@attrs.frozen
class Clock:
    """A source of time, in seconds."""

    sleep: Callable[[float], Any]
    """It returns an awaitable in the clock of an asynchronous client."""
    now: Callable[[], float]
    jitter: Callable[[], float] = random.random  # 0 to 1
    utc_now: Callable[[], datetime] = lambda: datetime.now(UTC)
    """The time of day, for comparisons with the times of AWS."""

    @classmethod
    def real(cls) -> "Clock":
        """Return the clock of the machine, even if a test library has frozen the time."""
        return cls(time.sleep, machine_time)


@attrs.define
class Poll:
    """A step of polling: request the jobs with these ids, at most as many as one request can have."""

    job_ids: Sequence[str]
    jobs: dict[str, Job] = attrs.field(factory=dict[str, Job])
    """The jobs that were received, by id: set in this step."""
    error: Exception | None = None
    """The error that stopped the request: set in this step."""


@attrs.define
class Sleep:
    """A step of polling: wait."""

    until: float
    """The end, by the clock of the watch."""


@attrs.define
class DescribePhases:
    """A step of polling: read the logs of these jobs, as far as that is possible before `DESCRIPTION_TIMEOUT`."""

    jobs: Sequence[Job]
    phases: dict[str, str] = attrs.field(factory=dict[str, str])
    """The phase of each job in words, by job id, as far as it is known: set in this step."""


Step: TypeAlias = Poll | Sleep | DescribePhases | Job
"""What to do next. A job is to be yielded to the caller."""


def _to_seconds(name: str, duration: object) -> float | None:
    if duration is None:
        return None
    if isinstance(duration, timedelta):
        duration = duration.total_seconds()
    if isinstance(duration, bool) or not isinstance(duration, int | float):
        raise TypeError(f"{name} must be seconds or a timedelta, not {type(duration).__name__}")
    if not 0 <= duration <= _MAX_SECONDS:
        no_limit = "; None means no limit" if name == "timeout" else ""
        raise ValueError(f"{name} must be finite, 0 seconds or more, and no more than {_MAX_SECONDS:,}{no_limit}")
    return float(duration)


@attrs.define
class _Absence:
    """A job that is missing in the responses."""

    since: float
    polls: int = 0
    """The number of polls without the job."""
    required_polls: int = 2
    """The number of such polls before the job counts as not found. One more after a failed poll: its result is unknown."""


class Watcher:
    """The state of a watch: which jobs are unfinished, their latest snapshots, and the errors."""

    def __init__(
        self,
        job_ids: Iterable[str],
        timeout: float | timedelta | None,
        poll_interval: float | timedelta | None,
        clock: Clock,
    ) -> None:
        """Check the arguments of `JobsClient.watch`. Its time begins with the first step."""
        self.job_ids: tuple[str, ...] = tuple(dict.fromkeys(job_ids))
        self.timeout: float | None = _to_seconds("timeout", timeout)
        self.poll_interval: float | None = _to_seconds("poll_interval", poll_interval)
        if self.poll_interval == 0:
            raise ValueError("poll_interval must be more than 0 seconds")
        self.clock: Clock = clock
        self.interval: float = self.poll_interval or INITIAL_INTERVAL
        self.is_last_poll: bool = self.timeout == 0
        self.unfinished: dict[str, None] = dict.fromkeys(self.job_ids)
        self.snapshots: dict[str, Job] = {}
        self.changed: deque[Job] = deque()
        """The jobs to yield. Each stays here until the next step, so that an interruption loses none."""
        self.absences: dict[str, _Absence] = {}
        self.has_response: bool = False
        self.polls: int = 0
        self.latest_error: Exception | None = None
        self.retry_after: float = 0.0
        self._steps = self.steps()

    @functools.cached_property
    def started_at(self) -> float:
        """The time of the first step."""
        return self.clock.now()

    def add(self, job_ids: Iterable[str]) -> None:
        """Watch more jobs too."""
        new = [job_id for job_id in dict.fromkeys(job_ids) if job_id not in self.job_ids]
        self.job_ids += tuple(new)
        self.unfinished |= dict.fromkeys(new)

    def next_step(self) -> Step | None:
        """Return the next step; `None` if all jobs are complete."""
        step = None
        try:
            step = next(self._steps, None)
            return step
        finally:
            if step is None:
                self._steps = self.steps()  # they have ended, or raised an exception, which looks as if they had

    def steps(self) -> Generator[Step]:
        """Return the steps until all jobs are complete. After an exception, new steps continue from the same state."""
        deadline = self.started_at + (math.inf if self.timeout is None else self.timeout)
        while True:
            yield from self._changed_jobs()
            yield from self._poll()
            if not self.unfinished:
                return
            now = self.clock.now()
            if self.is_last_poll:
                description = DescribePhases([job for job in self._seen() if job.job_id in self.unfinished][:_MAX_NAMES])
                yield description
                raise self._timeout_error(now - self.started_at, description.phases) from self.latest_error
            end = now + self._pause(now)
            if deadline <= end:
                # The last poll is at the deadline, so that a job that ends before it counts as complete.
                end, self.is_last_poll = max(deadline, now), True
            yield Sleep(end)
            if self.poll_interval is None:
                self.interval = min(self.interval * GROWTH, MAX_INTERVAL)

    def _changed_jobs(self) -> Generator[Step]:
        while self.changed:
            yield self.changed[0]
            self.changed.popleft()

    def _poll(self) -> Generator[Step]:
        """Request every unfinished job once, and yield those that changed. An error in one batch does not stop the others."""
        self.latest_error, self.retry_after = None, 0.0
        self.polls += 1
        not_found: list[str] = []
        unfinished = tuple(self.unfinished)
        for start in range(0, len(unfinished), MAX_JOB_IDS):
            batch = unfinished[start : start + MAX_JOB_IDS]
            poll = Poll(batch)
            yield poll
            self.has_response = self.has_response or bool(poll.jobs) or poll.error is None
            for job in [job for job_id, job in poll.jobs.items() if job_id in self.unfinished]:
                self.absences.pop(job.job_id, None)
                if self.snapshots.get(job.job_id) != job:
                    self.changed.append(job)
                self.snapshots[job.job_id] = job
                if job.is_complete:
                    del self.unfinished[job.job_id]
            yield from self._changed_jobs()
            if poll.error is None:
                not_found += self._not_found(job_id for job_id in batch if job_id not in poll.jobs)
            elif any(job_id in self.unfinished for job_id in batch):  # else the error changes nothing
                self._handle_error(poll.error, batch)
        if not_found:
            raise JobNotFoundError(not_found[0], last_seen=self.snapshots.get(not_found[0]), job_ids=tuple(not_found))

    def _handle_error(self, error: Exception, batch: Sequence[str]) -> None:
        """Log a transient error. Raise a permanent one, and a transient one after the time limit for the first response."""
        # At least two polls, because botocore's own retries within one poll can take longer than the limit.
        # Minus a millisecond, because a sum of sleeps is not exact.
        is_overdue = self.polls > 1 and self.clock.now() - self.started_at >= FIRST_RESPONSE_TIMEOUT - 0.001
        if not is_transient(error) or (is_overdue and not self.has_response):
            raise error
        _logger.warning("still waiting for %d jobs: %s", len(self.unfinished), one_line(redact_passwords(str(error))))
        self.latest_error = error
        if isinstance(error, ServiceError) and error.retry_after is not None:
            self.retry_after = max(self.retry_after, min(error.retry_after, MAX_RETRY_AFTER))
        for absence in filter(None, map(self.absences.get, batch)):
            absence.required_polls = 3

    def _pause(self, now: float) -> float:
        """Return the number of seconds to sleep before the next poll."""
        pause = max(self.interval * (1 + JITTER * (2 * self.clock.jitter() - 1)), self.retry_after)
        remaining = self.started_at + FIRST_RESPONSE_TIMEOUT - now
        return min(pause, remaining) if remaining > 0 and not self.has_response else pause

    def _not_found(self, job_ids: Iterable[str]) -> Iterator[str]:
        """Yield those of the missing jobs that have been missing for longer than the grace period."""
        now = self.clock.now()
        for job_id in job_ids:
            absence = self.absences.setdefault(job_id, _Absence(now))
            absence.polls += 1
            if absence.polls >= absence.required_polls and now - absence.since >= NOT_FOUND_GRACE_PERIOD:
                yield job_id

    def _seen(self) -> list[Job]:
        return [self.snapshots[job_id] for job_id in self.job_ids if job_id in self.snapshots]

    def _timeout_error(self, seconds: float, phases: Mapping[str, str]) -> WaitTimeoutError:
        """Return the error for the deadline, with all snapshots, and with the phases of the unfinished jobs that are known."""
        names = [f"{job_id} ({phases[job_id]})" if job_id in phases else job_id for job_id in self.unfinished]
        names[_MAX_NAMES:] = filter(None, [format_more(len(names), _MAX_NAMES)])
        message = f"{format_count(len(self.unfinished), 'job')} not complete after {seconds:.0f} seconds: {', '.join(names)}"
        if unseen := [job_id for job_id in self.unfinished if job_id not in self.snapshots]:
            message = f"{format_count(len(unseen), 'job')} never seen ({', '.join(unseen[:3])}): check id and region; {message}"
        return WaitTimeoutError(message, jobs=tuple(self._seen()))
