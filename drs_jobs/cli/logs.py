"""Reads the logs of many jobs, a few at a time, with a progress bar on stderr."""

import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Final

from botocore.exceptions import BotoCoreError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from drs_jobs import DrsJobsError, Job, JobsClient
from drs_jobs.analysis import JobPhases, phases
from drs_jobs.cli.exit_status import print_error

_MAX_IN_FLIGHT: Final = 8
"""The maximum number of logs that are read at the same time. AWS documents no rate at which it throttles."""


def daemon_threads(count: int) -> Executor:
    """Return a pool of threads that do not keep the process alive."""
    from drs_jobs.sweep.workers import DaemonThreadPool  # noqa: PLC0415  # it imports boto3, and `--help` does not need that

    return DaemonThreadPool(count)


def read_phases(client: JobsClient, jobs: Iterable[Job]) -> list[JobPhases]:
    """Return the phases of each job, in the order of the jobs. The error of a log that cannot be read is in its phases.

    Args:
        client: The client to read with.
        jobs: The jobs. Those that are running are fetched again.
    """
    with daemon_threads(_MAX_IN_FLIGHT) as pool:
        futures = [pool.submit(_read, client, job) for job in jobs]
        return [future.result() for future in _track(futures)]


def _track(futures: list[Future[JobPhases]]) -> Iterator[Future[JobPhases]]:
    """Iterate with a progress bar, if stderr is a terminal. Some versions of rich print a line if a bar is disabled."""
    if not sys.stderr.isatty():
        yield from futures
        return
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(futures, description="reading logs")


def _read(client: JobsClient, job: Job) -> JobPhases:
    try:
        return client.phases(job)
    except (DrsJobsError, BotoCoreError) as error:
        # A running job is fetched again, and can have been deleted since.
        return phases(job, (), log_error=error)


def print_log_error(error: Exception | None) -> None:
    """Print on stderr why the log of a job could not be read; nothing for `None`."""
    if error is not None:
        print_error(f"the log could not be read completely: {error}")
