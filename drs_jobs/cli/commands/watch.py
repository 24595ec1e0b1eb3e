"""`drs-jobs watch`: progress of jobs until they are complete, as bars on a terminal and as lines of text elsewhere."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from datetime import datetime
from typing import Annotated, Final, Literal

import attrs
import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from drs_jobs import Job, JobsClient, MalformedResponseError, Outcome, WaitTimeoutError, analysis
from drs_jobs._client import Watch, read_log
from drs_jobs._polling import Clock, Watcher
from drs_jobs._text import format_duration, format_names, format_second, format_target_count
from drs_jobs.analysis import Progress
from drs_jobs.cli import output
from drs_jobs.cli.exit_status import ExitStatus, exit_if_pipe_closes, print_error, print_note, raise_usage_errors, status_of
from drs_jobs.cli.options import Connection, Names, with_option_groups
from drs_jobs.cli.parsers import parse_duration, parse_job_id, parse_positive_duration
from drs_jobs.cli.phases import PhaseReader
from drs_jobs.cli.servers import ServerOption

HEARTBEAT_INTERVAL: Final = 60.0
"""The longest time, in seconds, between two lines of a running job."""


@with_option_groups
def watch(
    connection: Connection,
    jobs: Annotated[list[str] | None, typer.Argument(metavar="JOB", help="The jobs' ids. Default: all that run.")] = None,
    follows_new: Annotated[bool, typer.Option("--all", help="Watch jobs that start meanwhile too, until none runs.")] = False,
    timeout: Annotated[
        str | None, typer.Option(help="The maximum time to wait, such as 90s, 30m or 2h. Default: no limit.")
    ] = None,
    poll_interval: Annotated[
        str | None, typer.Option(help="The time between two polls, such as 10s. Default: 5 seconds, which grow to 30 seconds.")
    ] = None,
    output_format: Annotated[
        Literal["table", "json"],
        typer.Option("--output", "-o", case_sensitive=False, help="A table, or JSON in AWS's shape, one object per line."),
    ] = "table",
    names: Names = None,
) -> ExitStatus:
    """Wait until jobs are complete, and show their progress. The exit status depends on their outcomes."""
    with raise_usage_errors():
        time_limit = parse_duration("--timeout", timeout, bare_seconds=True)
        interval = parse_positive_duration("--poll-interval", poll_interval, bare_seconds=True)
        job_ids = [parse_job_id(job) for job in jobs or ()]
        name_option = ServerOption("--names", names)
        client = connection.make_client()
        malformed: list[MalformedResponseError] = []
        if not jobs and not (job_ids := _running_ids(client, malformed.append)):
            if malformed:
                raise malformed[0]  # that job can be one that runs
            print_note("no job runs: drs-jobs list shows the latest")
            return ExitStatus.SUCCEEDED
        for error in malformed:
            print_error(str(error))
        watcher = Watcher(job_ids, time_limit, interval, Clock.real())
        display = WatchDisplay(client, watcher, output.console(), follows_new=follows_new)
    with exit_if_pipe_closes(ExitStatus.CLOSED_PIPE):
        if output_format == "json":
            for job in display.snapshots():
                output.print_records([output.job_to_json(job, tags=False)])
        else:
            try:
                display.follow()
            except WaitTimeoutError:
                display.print_reasons(name_option)
                raise
            display.print_reasons(name_option)
    return status_of(watcher.snapshots.values())


def _running_ids(client: JobsClient, on_malformed: Callable[[MalformedResponseError], object]) -> list[str]:
    return [job.job_id for job in analysis.active_jobs(client.describe_jobs(on_malformed=on_malformed))]


class WatchDisplay:
    """Shows jobs until they are complete, with their phases."""

    def __init__(self, client: JobsClient, watcher: Watcher, console: Console, *, follows_new: bool = False) -> None:
        """Create a display, which shows progress whenever the watcher sleeps: bars on a terminal, else lines.

        With `follows_new`, jobs that start meanwhile are shown too.
        """
        self._client = client
        self._watcher = watcher
        self._clock = watcher.clock
        watcher.clock = attrs.evolve(self._clock, sleep=self._sleep)
        self._console = console
        self._latest: dict[str, Job] = {}
        self._reader = PhaseReader(client, self._clock.utc_now)
        self._follows_new = follows_new
        self._listing: Future[list[str]] | None = None
        """The latest request for jobs that started meanwhile."""
        self._has_shown_error = False
        # Not `is_terminal`, because an environment variable can set it for a log file.
        self._has_bars = console.file.isatty() and not console.is_dumb_terminal
        self._printed: dict[str, tuple[float, object]] = {}
        """When the latest line of each job was printed, and the phases in which its servers were."""

    def snapshots(self) -> Iterator[Job]:
        """Yield jobs as `JobsClient.watch` does."""
        while self._watcher.unfinished:
            yield from Watch(self._client, self._watcher)
            if self._follows_new:
                self._watcher.add(_running_ids(self._client, lambda _: None))

    def follow(self) -> None:
        """Show each snapshot when it arrives, and progress in between, until all jobs are complete."""
        bars = Live(console=self._console, get_renderable=self._bars, refresh_per_second=2) if self._has_bars else nullcontext()
        with bars:
            for job in self.snapshots():
                self._latest[job.job_id] = job
                if not self._has_bars:
                    self._print_line(job)

    def print_reasons(self, name_option: ServerOption) -> None:
        """Print the reasons of each job that is complete and did not succeed, as `drs-jobs show` does.

        Without the log of a job, only its reasons are missing. The names are read only if there are reasons to print.
        """
        unsuccessful = [job for job in self._latest.values() if job.outcome not in {Outcome.RUNNING, Outcome.SUCCEEDED}]
        names = name_option.resolve_names(self._client) if unsuccessful else output.NO_NAMES
        for job in unsuccessful:
            items, error = read_log(self._client, job.job_id)
            self._console.print()
            self._console.print(output.text_cell(job.job_id), output.outcome_cell(job))
            output.print_reasons(self._console, analysis.explain(job, items, log_error=error), names=names)
            output.print_log_error(error)

    def _sleep(self, seconds: float) -> None:
        self._reader.submit(self._running())
        absent = [job_id for job_id in self._watcher.unfinished if job_id not in self._watcher.snapshots]
        if absent and self._watcher.has_response and self._watcher.polls == 1 and not self._has_bars:
            print_note(f"not visible yet: {format_names(absent, 3)}; check the id and the region if it stays so for a minute")
        if self._follows_new and (self._listing is None or self._listing.done()):
            self._listing = self._reader.executor.submit(_running_ids, self._client, lambda _: None)
        while seconds > 0:
            step = min(seconds, 1.0)
            self._clock.sleep(step)
            seconds -= step
            self._refresh()

    def _refresh(self) -> None:
        if self._listing is not None and self._listing.done() and self._listing.exception() is None:
            self._watcher.add(self._listing.result())
        if self._reader.error is not None and not self._has_shown_error:
            self._has_shown_error = True
            output.print_log_error(self._reader.error)
        for job in [] if self._has_bars else self._running():
            state = self._reader.progress(job)
            printed_at, phases = self._printed[job.job_id]
            if self._clock.now() - printed_at >= HEARTBEAT_INTERVAL or (state and state.counts.keys()) != phases:
                self._print_line(job)

    def _running(self) -> list[Job]:
        return [job for job in list(self._latest.values()) if not job.is_complete]  # the bars are drawn by another thread

    def _print_line(self, job: Job) -> None:
        state = self._reader.progress(job)
        label = "" if state is None or job.is_complete else f", {output.progress_label(state)}"
        self._console.print(
            f"{format_second(self._clock.utc_now())}Z",
            output.text_cell(job.job_id),
            output.text_cell(job.status or "-"),
            output.outcome_cell(job),
            f"{format_target_count(job)} servers, {format_duration(job.elapsed(self._clock.utc_now()))}{label}",
            soft_wrap=True,
        )
        self._printed[job.job_id] = self._clock.now(), state and state.counts.keys()

    def _bars(self) -> RenderableType:
        jobs = list(self._latest.values())
        if not jobs:
            return Text("waiting until a job is visible")
        states = {job.job_id: state for job in self._running() if (state := self._reader.progress(job)) is not None}
        labels = [
            # With one job the lines below the table need no id.
            output.progress_label(state) if len(jobs) == 1 else f"{job_id}: {output.progress_label(state)}"
            for job_id, state in states.items()
        ]
        return Group(
            bars_table(jobs, states, now=self._clock.utc_now(), width=self._console.width),
            *(output.with_hanging_indent("   ", label) for label in labels),
        )


def bars_table(jobs: Sequence[Job], states: Mapping[str, Progress], *, now: datetime, width: int) -> Table:
    """Return a table of jobs, one per row, with a bar, the servers, the outcome and the duration.

    The bar of a running job shows the fraction of its state, by id. Without one it shows the servers that have reached the
    target status.
    """

    def bar(job: Job) -> ProgressBar:
        at_target = len(job.servers_at_target) / (len(job.participating_servers) or 1)
        fraction = states[job.job_id].fraction if job.job_id in states else at_target
        return ProgressBar(total=1.0, completed=1.0 if job.is_complete else fraction)

    columns = [
        output.Column("job", lambda job: job.job_id),
        output.Column("bar", bar, rank=4),
        output.Column("servers", lambda job: f"{format_target_count(job)} servers", rank=3),
        output.Column("outcome", lambda job: output.outcome_cell(job, now=now), rank=1),
        output.Column("took", lambda job: format_duration(job.elapsed(now)), rank=2),
    ]
    return output.fitted_table(columns, jobs, width=width, header=False)
