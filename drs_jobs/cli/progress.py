"""`drs-jobs watch`: progress of jobs until they are complete, as bars on a terminal and as lines of text elsewhere."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs
import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from drs_jobs import analysis
from drs_jobs._client import JobsClient, Watch
from drs_jobs._errors import JobOutcomeError, WaitTimeoutError
from drs_jobs._models import Job, Outcome
from drs_jobs._polling import Clock, Watcher
from drs_jobs._text import format_duration, format_second, format_target_count
from drs_jobs.analysis import PhaseName
from drs_jobs.cli import tables
from drs_jobs.cli.errors import describe_error
from drs_jobs.cli.exit_codes import ExitStatus, exit_if_pipe_closes, print_error, status_of, usage_errors
from drs_jobs.cli.logs import print_log_error
from drs_jobs.cli.names import NameSource
from drs_jobs.cli.options import Connection, Output
from drs_jobs.cli.phase_reader import PhaseReader

HEARTBEAT_INTERVAL: Final = 60.0
"""The longest time, in seconds, between two lines of a running job."""

_TICK: Final = 1.0
"""The time, in seconds, after which a sleep is interrupted to show progress."""


def watch_jobs(
    connection: Connection,
    output: Output,
    *,
    job_ids: Sequence[str],
    timeout: timedelta | None,
    poll_interval: timedelta | None,
    names: NameSource,
) -> ExitStatus:
    """Wait until jobs are complete, show their progress, and return the exit status for their outcomes.

    Args:
        connection: How to read the jobs.
        output: The format.
        job_ids: The ids of the jobs.
        timeout: The maximum time to wait; `None` for no limit.
        poll_interval: The time between two polls; `None` for the default of `JobsClient.watch`.
        names: The host names, for the reasons of failures.
    """
    with usage_errors():
        client = connection.make_client()
        follower = Follower(client, console=tables.console(), now=lambda: datetime.now(UTC))
        snapshots = follower.watch(job_ids, timeout=timeout, poll_interval=poll_interval)
    with exit_if_pipe_closes(ExitStatus.CLOSED_PIPE):
        if output is Output.JSON:
            return status_of(_each_as_json(snapshots))
        try:
            follower.follow(snapshots)
        except WaitTimeoutError:
            follower.print_reasons(lambda: names.resolve(connection))
            raise
        follower.print_reasons(lambda: names.resolve(connection))
    return status_of(follower.ended)


def _each_as_json(snapshots: Iterable[Job]) -> list[Job]:
    ended: list[Job] = []
    for job in snapshots:
        typer.echo(json.dumps(tables.json_of(job, tags=False)))
        sys.stdout.flush()  # so that a reader of a pipe gets each line at once
        ended += [job] if job.is_complete else []
    return ended


class Follower:
    """Shows jobs until they are complete, with their phases. Create it before the client's `watch` is called."""

    def __init__(
        self,
        client: JobsClient,
        *,
        console: Console,
        now: Callable[[], datetime],
        clock: Clock | None = None,
        executor: Executor | None = None,
    ) -> None:
        """Create a follower, which shows progress whenever `watch` sleeps between two polls.

        Args:
            client: The client with which jobs and logs are read.
            console: The console to print on. If it is a terminal, bars are shown, else lines.
            now: Returns the current time, for the time stamps and the durations of running jobs.
            clock: The clock for sleeps and for the lines' interval; by default the monotonic clock of the machine.
            executor: Runs the requests for logs; by default threads.
        """
        self._client = client
        self._console = console
        self._now = now
        self._clock = Clock.real() if clock is None else clock
        self._latest: dict[str, Job] = {}
        self._reader = PhaseReader(client, now, executor)
        self._has_shown_error = False
        # Not `is_terminal`, because an environment variable can set it for a log file.
        self._has_bars = console.file.isatty() and not console.is_dumb_terminal
        self._printed_at: dict[str, float] = {}
        self._printed_phases: dict[str, frozenset[PhaseName | None]] = {}

    def watch(
        self, job_ids: Iterable[str], *, timeout: timedelta | float | None, poll_interval: timedelta | float | None
    ) -> Watch:
        """Return an iterator like that of `JobsClient.watch`, which shows progress while it sleeps."""
        clock = attrs.evolve(self._clock, sleep=self._sleep)
        return Watch(self._client, Watcher(job_ids, timeout, poll_interval, clock))

    def follow(self, snapshots: Iterable[Job]) -> None:
        """Show each snapshot when it arrives, and progress in between, until all jobs are complete.

        Args:
            snapshots: The jobs that `watch` yields.
        """
        if not self._has_bars:
            self._take(snapshots)
            return
        with Live(console=self._console, get_renderable=self._bars, refresh_per_second=2):
            self._take(snapshots)

    @property
    def ended(self) -> list[Job]:
        """The jobs that are complete, in the order in which they were first seen."""
        return [job for job in self._latest.values() if job.is_complete]

    def print_reasons(self, find_names: Callable[[], Mapping[str, str]]) -> None:
        """Print the reasons of each job that is complete and did not succeed, as `drs-jobs show` does.

        A log that cannot be read costs only the reasons that it has.

        Args:
            find_names: Returns the host names by source server id. It is called only if there are reasons to print.
        """
        unsuccessful = [job for job in self.ended if job.outcome is not Outcome.SUCCEEDED]
        names = find_names() if unsuccessful else tables.NO_NAMES
        for job in unsuccessful:
            try:
                explanation = self._client.explain(job)
            except Exception as error:  # noqa: BLE001  # the outcome is known, so an error only costs the log
                explanation = analysis.explain(job, (), log_error=error)
            self._console.print()
            self._console.print(tables.text_cell(job.job_id), tables.outcome_cell(job))
            tables.print_reasons(self._console, explanation, names=names)
            if job.outcome is Outcome.UNDETERMINED:
                self._console.print(tables.with_hanging_indent("undetermined:", _undetermined_reason(job)))
            print_log_error(explanation.log_error)

    def _take(self, snapshots: Iterable[Job]) -> None:
        for job in snapshots:
            self._latest[job.job_id] = job
            if not self._has_bars:
                self._print_line(job)

    def _sleep(self, seconds: float) -> None:
        self._reader.start(self._running())
        while seconds > 0:
            step = min(seconds, _TICK)
            self._clock.sleep(step)
            seconds -= step
            self._tick()

    def _tick(self) -> None:
        self._reader.collect()
        if self._reader.error is not None and not self._has_shown_error:
            self._has_shown_error = True
            message, _ = describe_error(self._reader.error)
            print_error(f"the log cannot be read, so phases can be missing: {message}")
        if self._has_bars:
            return
        for job in self._running():
            is_overdue = self._clock.now() - self._printed_at[job.job_id] >= HEARTBEAT_INTERVAL
            if is_overdue or self._reader.running_phases(job) != self._printed_phases[job.job_id]:
                self._print_line(job)

    def _running(self) -> list[Job]:
        return [job for job in self._latest.values() if not job.is_complete]

    def _print_line(self, job: Job) -> None:
        progress = None if job.is_complete else self._reader.progress(job)
        words = f"{format_target_count(job)} servers, {format_duration(job.elapsed(self._now()))}"
        self._console.print(
            f"{format_second(self._now())}Z",
            tables.text_cell(job.job_id),
            tables.text_cell(job.status or "-"),
            tables.outcome_cell(job),
            words if progress is None else f"{words}, {progress.text}",
            soft_wrap=True,
        )
        self._console.file.flush()  # so that a reader of a pipe gets each line at once
        self._printed_at[job.job_id] = self._clock.now()
        self._printed_phases[job.job_id] = self._reader.running_phases(job)

    def _bars(self) -> RenderableType:
        jobs = list(self._latest.values())
        if not jobs:
            return Text("waiting until a job is visible")
        found = {job.job_id: self._reader.progress(job) for job in jobs if not job.is_complete}
        fractions = {job_id: progress.fraction for job_id, progress in found.items() if progress is not None}
        table = bars_table(jobs, now=self._now(), width=self._console.width, fractions=fractions)
        # With one job the lines below the table need no id.
        details = (
            tables.with_hanging_indent("   ", progress.text if len(jobs) == 1 else f"{job_id}: {progress.text}")
            for job_id, progress in found.items()
            if progress is not None
        )
        return Group(table, *details)


def bars_table(jobs: Iterable[Job], *, now: datetime, width: int, fractions: Mapping[str, float] | None = None) -> Table:
    """Return a table of jobs, one per row, with a bar, the servers, the outcome and the duration.

    Args:
        jobs: The jobs.
        now: The current time.
        width: The maximum width, in columns of the terminal.
        fractions: How far running jobs are, from 0.0 to 1.0, by job id. By default, and for other jobs, the bar shows the
            servers that have reached the target status.
    """
    columns = [
        tables.Column("job"),
        tables.Column("bar", rank=4),
        tables.Column("servers", rank=3),
        tables.Column("outcome", rank=1),
        tables.Column("took", rank=2),
    ]
    rows: list[list[tables.Cell]] = [
        [
            tables.text_cell(job.job_id),
            ProgressBar(total=1.0, completed=_fraction(job, fractions or {})),
            tables.text_cell(f"{format_target_count(job)} servers"),
            tables.outcome_cell(job, state=True),
            tables.text_cell(format_duration(job.elapsed(now))),
        ]
        for job in jobs
    ]
    return tables.fitted_table(columns, rows, width=width, header=False)


def _fraction(job: Job, fractions: Mapping[str, float]) -> float:
    if job.is_complete:
        return 1.0
    arrived = len(job.servers_at_target) / (len(job.participating_servers) or 1)
    return fractions.get(job.job_id, arrived)


def _undetermined_reason(job: Job) -> str:
    try:
        job.raise_unless_succeeded()
    except JobOutcomeError as error:
        return str(error)
    return ""
