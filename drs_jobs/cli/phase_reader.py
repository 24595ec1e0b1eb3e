"""Reads the phases of running jobs, and of earlier jobs of the same servers, while the jobs are polled."""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from contextlib import suppress
from datetime import datetime, timedelta

import attrs
from botocore.exceptions import BotoCoreError

from drs_jobs import DrsJobsError, Job, JobLogItem, JobsClient, JobType, is_transient
from drs_jobs._client import read_log
from drs_jobs.analysis import JobPhases, Progress, phases, progress
from drs_jobs.sweep.workers import DaemonThreadPool


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
        self._executor: Executor = DaemonThreadPool(4) if executor is None else executor
        self._logs: dict[str, list[JobLogItem]] = {}
        self._log_errors: dict[str, Exception | None] = {}
        self._earlier: dict[str, tuple[JobPhases, ...]] = {}
        self._log_reads: dict[str, Future[tuple[list[JobLogItem], Exception | None]]] = {}
        self._earlier_reads: dict[str, Future[tuple[JobPhases, ...]]] = {}
        self._fractions: dict[str, float] = {}
        self.error: Exception | None = None
        """The first error of a log of a running job, else `None`."""

    def submit(self, jobs: Iterable[Job]) -> None:
        """Read the logs of running jobs again on the threads, except those that are being read or are not readable."""
        for job in jobs:
            error = self._log_errors.get(job.job_id)
            if job.job_id not in self._log_reads and (error is None or is_transient(error)):
                self._log_reads[job.job_id] = self._executor.submit(read_log, self._client, job.job_id)
            if job.job_id not in self._earlier_reads and job.type == JobType.LAUNCH and job.participating_servers:
                self._earlier_reads[job.job_id] = self._executor.submit(read_earlier, self._client, job, self._now())

    def poll(self) -> None:
        """Store the logs and the earlier jobs that have been read."""
        for job_id in [job_id for job_id, read in self._log_reads.items() if read.done()]:
            items, error = self._log_reads.pop(job_id).result()
            # After an error, the log that was read before can have more items.
            if error is None or len(items) > len(self._logs.get(job_id, ())):
                self._logs[job_id] = items
            self._log_errors[job_id] = error
            self.error = self.error or error
        for job_id, earlier in self._earlier_reads.items():
            # Without earlier jobs only the time left is missing, so an error is not shown.
            if earlier.done() and earlier.exception() is None:
                self._earlier[job_id] = earlier.result()

    def progress(self, job: Job) -> Progress | None:
        """Return how far a running job is; `None` if its log has not been read. The fraction never decreases."""
        if (log := self._logs.get(job.job_id)) is None:
            return None
        # A log that could not be read again lacks what has happened since, so nothing in it is slow.
        report = phases(job, log, log_error=self._log_errors[job.job_id])
        state = progress(report, now=self._now(), earlier=self._earlier.get(job.job_id, ()))
        # The earlier jobs, which arrive later than the first log, change the shares of the phases.
        fraction = self._fractions[job.job_id] = max(state.fraction, self._fractions.get(job.job_id, 0.0))
        return attrs.evolve(state, fraction=fraction)


def read_earlier(client: JobsClient, job: Job, now: datetime) -> tuple[JobPhases, ...]:
    """Return the phases of the latest complete jobs of the same servers. After an error, those that were read."""
    missing = Counter(dict.fromkeys(_server_ids(job), 3))  # enough for a median
    reports: list[JobPhases] = []
    with suppress(BotoCoreError, DrsJobsError):  # only the usual times and the time left are missing
        # With a limit, so that the list of a large account is not read to its end.
        for other in client.describe_jobs(from_date=now - timedelta(days=365), limit=1000, on_malformed=lambda _: None):
            servers = _server_ids(other) & missing.keys()
            if not servers or not other.is_complete or other.type != job.type or other.job_id == job.job_id:
                continue
            items, error = read_log(client, other.job_id)
            reports.append(phases(other, items, log_error=error))
            missing -= Counter(servers)  # keeps the servers that are above 0
            if len(reports) == 5 or not missing:
                break
    return tuple(reports)


def _server_ids(job: Job) -> set[str]:
    return {server.source_server_id for server in job.participating_servers if server.source_server_id}
