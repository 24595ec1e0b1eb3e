"""`drs-jobs watch`: progress of jobs until they are complete, as bars on a terminal and as lines of text elsewhere."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

import attrs
import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from drs_jobs import Job, JobsClient, MalformedResponseError, Outcome, WaitTimeoutError, analysis
from drs_jobs._client import Watch
from drs_jobs._polling import Clock, Watcher
from drs_jobs._text import format_duration, format_second, format_target_count
from drs_jobs.analysis import PhaseName
from drs_jobs.cli import output
from drs_jobs.cli.exit_status import (
    ExitStatus,
    describe_error,
    exit_if_pipe_closes,
    print_error,
    print_log_error,
    print_note,
    raise_usage_errors,
    status_of,
)
from drs_jobs.cli.options import Connection, Names, with_option_groups
from drs_jobs.cli.parsers import parse_duration, parse_job_id, parse_positive_duration
from drs_jobs.cli.phase_reader import PhaseReader
from drs_jobs.cli.servers import NameSource

HEARTBEAT_INTERVAL: Final = 60.0
"""The longest time, in seconds, between two lines of a running job."""

_TICK: Final = 1.0
"""The time, in seconds, after which a sleep is interrupted to show progress."""


class WatchOutput(StrEnum):
    """The format of the output on stdout."""

    TABLE = "table"
    JSON = "json"


@with_option_groups
def watch(
    connection: Connection,
    jobs: Annotated[list[str] | None, typer.Argument(metavar="JOB", help="The jobs' ids. Default: all that run.")] = None,
    follows_new: Annotated[bool, typer.Option("--all", help="Watch jobs that start meanwhile too, until none runs.")] = False,
    timeout: Annotated[
        str | None, typer.Option("--timeout", help="The maximum time to wait, such as 90s, 30m or 2h. Default: no limit.")
    ] = None,
    poll_interval: Annotated[
        str | None,
        typer.Option(
            "--poll-interval", help="The time between two polls, such as 10s. Default: 5 seconds, which grow to 30 seconds."
        ),
    ] = None,
    output_format: Annotated[
        WatchOutput,
        typer.Option("--output", "-o", case_sensitive=False, help="A table, or JSON in AWS's shape, one object per line."),
    ] = WatchOutput.TABLE,
    names: Names = None,
) -> ExitStatus:
    """Wait until jobs are complete, and show their progress. The exit status depends on their outcomes."""
    with raise_usage_errors():
        time_limit = parse_duration("--timeout", timeout, bare_seconds=True)
        interval = parse_positive_duration("--poll-interval", poll_interval, bare_seconds=True)
        job_ids = [parse_job_id(job) for job in jobs or ()]
        name_source = NameSource.from_option(names)
        client = connection.make_client()
        display = WatchDisplay(client, console=output.console(), now=lambda: datetime.now(UTC), follows_new=follows_new)
        if not jobs and not (job_ids := display.running_ids()):
            print_note("no job runs: drs-jobs list shows the latest")
            return ExitStatus.SUCCEEDED
        display.print_malformed()
        snapshots = display.watch(job_ids, timeout=time_limit, poll_interval=interval)
    with exit_if_pipe_closes(ExitStatus.CLOSED_PIPE):
        if output_format is WatchOutput.JSON:
            return status_of(_print_json(snapshots))
        try:
            display.follow(snapshots)
        except WaitTimeoutError:
            display.print_reasons(lambda: name_source.resolve(client))
            raise
        display.print_reasons(lambda: name_source.resolve(client))
    return status_of(display.ended)


def _print_json(snapshots: Iterable[Job]) -> list[Job]:
    """Print each snapshot when it arrives, and return the jobs that are complete."""
    complete: list[Job] = []
    for job in snapshots:
        output.print_records([output.job_to_json(job, tags=False)])
        sys.stdout.flush()  # so that a reader of a pipe gets each line at once
        complete += [job] if job.is_complete else []
    return complete


class WatchDisplay:
    """Shows jobs until they are complete, with their phases."""

    def __init__(
        self,
        client: JobsClient,
        *,
        console: Console,
        now: Callable[[], datetime],
        clock: Clock | None = None,
        executor: Executor | None = None,
        follows_new: bool = False,
    ) -> None:
        """Create a display, which shows progress whenever `watch` sleeps between two polls.

        Args:
            client: The client with which jobs and logs are read.
            console: The console to print on. If it is a terminal, bars are shown, else lines.
            now: Returns the current time, for the time stamps and the durations of running jobs.
            clock: The clock for sleeps and for the lines' interval; by default the monotonic clock of the machine.
            executor: Runs the requests for logs; by default threads.
            follows_new: Whether to watch jobs that start meanwhile too.
        """
        self._client = client
        self._console = console
        self._now = now
        self._clock = Clock.real() if clock is None else clock
        self._latest: dict[str, Job] = {}
        self._reader = PhaseReader(client, now, executor)
        self._follows_new = follows_new
        self._watcher: Watcher | None = None
        self._new_ids: Future[list[str]] | None = None
        """The request for jobs that started meanwhile, if one is in flight."""
        self._has_shown_error = False
        self._malformed: list[MalformedResponseError] = []
        # Not `is_terminal`, because an environment variable can set it for a log file.
        self._has_bars = console.file.isatty() and not console.is_dumb_terminal
        self._printed_at: dict[str, float] = {}
        self._printed_phases: dict[str, frozenset[PhaseName | None]] = {}

    def watch(
        self, job_ids: Iterable[str], *, timeout: timedelta | float | None, poll_interval: timedelta | float | None
    ) -> Iterator[Job]:
        """Return an iterator like that of `JobsClient.watch`, which shows progress while it sleeps."""
        self._watcher = Watcher(job_ids, timeout, poll_interval, attrs.evolve(self._clock, sleep=self._sleep))
        return self._snapshots(self._watcher)

    def _snapshots(self, watcher: Watcher) -> Iterator[Job]:
        yield from Watch(self._client, watcher)
        while self._follows_new:
            watcher.add(self.running_ids())
            if not watcher.unfinished:
                return
            yield from Watch(self._client, watcher)

    def print_malformed(self) -> None:
        """Print on stderr that a job in the list of those that run was malformed."""
        if self._malformed:
            print_error(str(self._malformed[0]))

    def running_ids(self) -> list[str]:
        """Return the ids of the jobs that run."""
        return [job.job_id for job in analysis.active_jobs(self._client.describe_jobs(on_malformed=self._malformed.append))]

    def follow(self, snapshots: Iterable[Job]) -> None:
        """Show each snapshot when it arrives, and progress in between, until all jobs are complete.

        Args:
            snapshots: The jobs that `watch` yields.
        """
        if not self._has_bars:
            self._show(snapshots)
            return
        with Live(console=self._console, get_renderable=self._bars, refresh_per_second=2):
            self._show(snapshots)

    @property
    def ended(self) -> list[Job]:
        """The jobs that are complete, in the order in which they were first seen."""
        return [job for job in self._latest.values() if job.is_complete]

    def print_reasons(self, find_names: Callable[[], Mapping[str, str]]) -> None:
        """Print the reasons of each job that is complete and did not succeed, as `drs-jobs show` does.

        Without the log of a job, only its reasons are missing.

        Args:
            find_names: Returns the host names by source server id. It is called only if there are reasons to print.
        """
        unsuccessful = [job for job in self.ended if job.outcome is not Outcome.SUCCEEDED]
        names = find_names() if unsuccessful else output.NO_NAMES
        for job in unsuccessful:
            try:
                explanation = self._client.explain(job)
            except Exception as error:  # noqa: BLE001  # the outcome is known, so an error only costs the log
                explanation = analysis.explain(job, (), log_error=error)
            self._console.print()
            self._console.print(output.text_cell(job.job_id), output.outcome_cell(job))
            output.print_reasons(self._console, explanation, names=names)
            print_log_error(explanation.log_error)

    def _show(self, snapshots: Iterable[Job]) -> None:
        for job in snapshots:
            self._latest[job.job_id] = job
            if not self._has_bars:
                self._print_line(job)

    def _sleep(self, seconds: float) -> None:
        self._reader.submit(self._running())
        if self._follows_new and self._new_ids is None:
            self._new_ids = self._reader.executor.submit(self.running_ids)
        while seconds > 0:
            step = min(seconds, _TICK)
            self._clock.sleep(step)
            seconds -= step
            self._refresh()

    def _refresh(self) -> None:
        self._reader.poll()
        if self._watcher is not None and self._new_ids is not None and self._new_ids.done():
            new_ids, self._new_ids = self._new_ids, None
            if new_ids.exception() is None:  # the next sleep asks again
                self._watcher.add(new_ids.result())
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
        text = f"{format_target_count(job)} servers, {format_duration(job.elapsed(self._now()))}"
        self._console.print(
            f"{format_second(self._now())}Z",
            output.text_cell(job.job_id),
            output.text_cell(job.status or "-"),
            output.outcome_cell(job),
            text if progress is None else f"{text}, {progress.text}",
            soft_wrap=True,
        )
        self._console.file.flush()  # so that a reader of a pipe gets each line at once
        self._printed_at[job.job_id] = self._clock.now()
        self._printed_phases[job.job_id] = self._reader.running_phases(job)

    def _bars(self) -> RenderableType:
        jobs = list(self._latest.values())
        if not jobs:
            return Text("waiting until a job is visible")
        states = {job.job_id: self._reader.progress(job) for job in jobs if not job.is_complete}
        progress_by_id = {job_id: progress for job_id, progress in states.items() if progress is not None}
        fractions = {job_id: progress.fraction for job_id, progress in progress_by_id.items()}
        table = bars_table(jobs, now=self._now(), width=self._console.width, fractions=fractions)
        # With one job the lines below the table need no id.
        details = (
            output.with_hanging_indent("   ", progress.text if len(jobs) == 1 else f"{job_id}: {progress.text}")
            for job_id, progress in progress_by_id.items()
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
        output.Column("job"),
        output.Column("bar", rank=4),
        output.Column("servers", rank=3),
        output.Column("outcome", rank=1),
        output.Column("took", rank=2),
    ]
    rows: list[list[output.Cell]] = [
        [
            output.text_cell(job.job_id),
            ProgressBar(total=1.0, completed=_fraction(job, fractions or {})),
            output.text_cell(f"{format_target_count(job)} servers"),
            output.outcome_cell(job, now=now),
            output.text_cell(format_duration(job.elapsed(now))),
        ]
        for job in jobs
    ]
    return output.fitted_table(columns, rows, width=width, header=False)


def _fraction(job: Job, fractions: Mapping[str, float]) -> float:
    if job.is_complete:
        return 1.0
    fraction_at_target = len(job.servers_at_target) / (len(job.participating_servers) or 1)
    return fractions.get(job.job_id, fraction_at_target)
