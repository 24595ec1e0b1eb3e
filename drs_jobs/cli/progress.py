"""Progress of jobs until they are complete: bars on a terminal, lines of text elsewhere."""

from collections.abc import Callable, Iterable
from datetime import datetime

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from drs_jobs._formatting import format_duration
from drs_jobs._models import Job
from drs_jobs._models.labels import arrived_count
from drs_jobs.cli import tables


def follow(snapshots: Iterable[Job], *, console: Console, now: Callable[[], datetime]) -> list[Job]:
    """Show each snapshot when it arrives, and return the jobs that are complete.

    Args:
        snapshots: The jobs that `JobsClient.watch` yields.
        console: The console to print on. If it is a terminal, bars are shown, else one line per snapshot.
        now: Returns the current time, for the duration of running jobs.
    """
    # Not `is_terminal`, because an environment variable can set it for a log file.
    has_bars = console.file.isatty() and not console.is_dumb_terminal
    return (_follow_with_bars if has_bars else _follow_with_lines)(snapshots, console, now)


def _follow_with_lines(snapshots: Iterable[Job], console: Console, now: Callable[[], datetime]) -> list[Job]:
    ended: list[Job] = []
    for job in snapshots:
        words = f"{arrived_count(job)} servers, {format_duration(job.elapsed(now()))}"
        console.print(
            tables.text_cell(job.job_id), tables.text_cell(job.status or "-"), tables.outcome_cell(job), words, soft_wrap=True
        )
        console.file.flush()  # so that a reader of a pipe gets each line at once
        ended += [job] if job.is_complete else []
    return ended


def _follow_with_bars(snapshots: Iterable[Job], console: Console, now: Callable[[], datetime]) -> list[Job]:
    latest: dict[str, Job] = {}
    with Live(console=console, get_renderable=lambda: bars_table(list(latest.values()), now=now(), width=console.width)):
        for job in snapshots:
            latest[job.job_id] = job
    return [job for job in latest.values() if job.is_complete]


def bars_table(jobs: Iterable[Job], *, now: datetime, width: int) -> Table:
    """Return a table of jobs, one per row, with a bar, the servers, the outcome and the duration."""
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
            _bar(job),
            tables.text_cell(f"{arrived_count(job)} servers"),
            tables.outcome_cell(job, state=True),
            tables.text_cell(format_duration(job.elapsed(now))),
        ]
        for job in jobs
    ]
    return tables.fitted_table(columns, rows, width=width, header=False)


def _bar(job: Job) -> ProgressBar:
    # A complete job that lists no server has a full bar.
    total = len(job.participating_servers) or 1
    done = total if job.is_complete and not job.participating_servers else len(job.arrived_servers)
    return ProgressBar(total=total, completed=done)
