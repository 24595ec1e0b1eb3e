"""Reads the phases of running jobs, and of earlier jobs of the same servers, while the jobs are polled."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import attrs
from botocore.exceptions import BotoCoreError

from drs_jobs import DrsJobsError, Job, JobLogItem, JobsClient, JobType, is_transient
from drs_jobs._client import read_log
from drs_jobs.analysis import JobPhases, PhaseName, phases, progress
from drs_jobs.cli.output import progress_label
from drs_jobs.sweep.workers import DaemonThreadPool

_EARLIER_SPAN: Final = timedelta(days=365)
_MAX_LISTED: Final = 1000
"""The maximum number of earlier jobs that are listed, so that the list of a large account is not read to its end."""
_MAX_EARLIER_JOBS: Final = 5
_MAX_EARLIER_PER_SERVER: Final = 3
"""The number of earlier recoveries per server that is enough for a median."""

_THREADS: Final = 4


@attrs.frozen
class PhaseProgress:
    """How far a running job is."""

    fraction: float
    """The fraction that is done, from 0.0 to 1.0, weighted by how long the phases take. It never decreases for one job."""
    text: str
    """What the servers that are least far do, the fraction in percent, and the time left if known. It says if one is slow."""


class PhaseReader:
    """Reads logs on threads of its own, so that a log that is slow or cannot be read never delays the polls."""

    def __init__(self, client: JobsClient, now: Callable[[], datetime], executor: Executor | None = None) -> None:
        """Create a reader.

        Args:
            client: The client that watches the jobs.
            now: Returns the current time.
            executor: Runs the requests; by default threads that do not keep the process alive.
        """
        self._client = client
        self._now = now
        self.executor: Executor = DaemonThreadPool(_THREADS) if executor is None else executor
        self._logs: dict[str, list[JobLogItem]] = {}
        self._log_errors: dict[str, Exception | None] = {}
        self._earlier: dict[str, tuple[JobPhases, ...]] = {}
        self._log_reads: dict[str, Future[tuple[list[JobLogItem], Exception | None]]] = {}
        self._earlier_reads: dict[str, Future[tuple[JobPhases, ...]]] = {}
        self._unreadable: set[str] = set()
        self._fractions: dict[str, float] = {}
        self.error: Exception | None = None
        """The first error of a log of a running job, else `None`."""

    def submit(self, jobs: Iterable[Job]) -> None:
        """Read the logs of running jobs again on the threads, except those that are being read or are not readable."""
        for job in jobs:
            if job.job_id not in self._log_reads and job.job_id not in self._unreadable:
                self._log_reads[job.job_id] = self.executor.submit(read_log, self._client, job.job_id)
            if job.job_id not in self._earlier_reads and job.type == JobType.LAUNCH and job.participating_servers:
                self._earlier_reads[job.job_id] = self.executor.submit(read_earlier, self._client, job, self._now())

    def poll(self) -> None:
        """Store the logs and the earlier jobs that have been read."""
        for job_id, read in list(self._log_reads.items()):
            if read.done():
                del self._log_reads[job_id]
                self._store(job_id, *read.result())
        for job_id, earlier in self._earlier_reads.items():
            # Without earlier jobs only the time left is missing, so an error is not shown.
            if earlier.done() and earlier.exception() is None:
                self._earlier[job_id] = earlier.result()

    def _store(self, job_id: str, items: list[JobLogItem], error: Exception | None) -> None:
        # After an error, the log that was read before can have more items.
        if error is None or len(items) > len(self._logs.get(job_id, ())):
            self._logs[job_id] = items
        self._log_errors[job_id] = error
        if error is not None:
            self.error = self.error or error
            if not is_transient(error):
                self._unreadable.add(job_id)

    def running_phases(self, job: Job) -> frozenset[PhaseName | None]:
        """Return the phases in which servers of a job are, as far as its log has been read."""
        if (log := self._logs.get(job.job_id)) is None:
            return frozenset()
        return frozenset(progress(phases(job, log), now=self._now()).counts)

    def progress(self, job: Job) -> PhaseProgress | None:
        """Return how far a running job is; `None` if its log has not been read."""
        if (log := self._logs.get(job.job_id)) is None:
            return None
        # A log that could not be read again lacks what has happened since, so nothing in it is slow.
        report = phases(job, log, log_error=self._log_errors[job.job_id])
        state = progress(report, now=self._now(), earlier=self._earlier.get(job.job_id, ()))
        # The earlier jobs, which arrive later than the first log, change the shares of the phases.
        fraction = self._fractions[job.job_id] = max(state.fraction, self._fractions.get(job.job_id, 0.0))
        return PhaseProgress(fraction=fraction, text=progress_label(attrs.evolve(state, fraction=fraction)))


def read_earlier(client: JobsClient, job: Job, now: datetime) -> tuple[JobPhases, ...]:
    """Return the phases of the latest complete jobs of the same servers. After an error, those that were read."""
    servers = _server_ids(job)
    counts: Counter[str] = Counter()
    reports: list[JobPhases] = []
    with suppress(BotoCoreError, DrsJobsError):  # only the usual times and the time left are missing
        for other in client.describe_jobs(from_date=now - _EARLIER_SPAN, limit=_MAX_LISTED, on_malformed=lambda _: None):
            new = {name for name in _server_ids(other) & servers if counts[name] < _MAX_EARLIER_PER_SERVER}
            if not new or not other.is_complete or other.type != job.type or other.job_id == job.job_id:
                continue
            items, error = read_log(client, other.job_id)
            reports.append(phases(other, items, log_error=error))
            counts.update(new)
            if len(reports) == _MAX_EARLIER_JOBS or not _needs_more(counts, servers):
                break
    return tuple(reports)


def _needs_more(counts: Mapping[str, int], servers: Iterable[str]) -> bool:
    return any(counts[name] < _MAX_EARLIER_PER_SERVER for name in servers)


def _server_ids(job: Job) -> set[str]:
    return {server.source_server_id for server in job.participating_servers if server.source_server_id}
