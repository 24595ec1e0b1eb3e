"""Follows jobs until they are complete: bars on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterable
from datetime import datetime

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from drs_jobs._words import servers, span
from drs_jobs.cli import output
from drs_jobs.models import Job


def follow(snapshots: Iterable[Job], *, console: Console, now: Callable[[], datetime]) -> list[Job]:
    """Show each snapshot as it comes, and return the jobs that are complete."""
    # Not `is_terminal`, which an environment variable can claim of a log file.
    has_bars = console.file.isatty() and not console.is_dumb_terminal
    return (_follow_with_bars if has_bars else _follow_with_lines)(snapshots, console, now)


def _follow_with_lines(snapshots: Iterable[Job], console: Console, now: Callable[[], datetime]) -> list[Job]:
    ended: list[Job] = []
    for job in snapshots:
        words = f"{servers(job)} servers, {span(job.elapsed(now()))}"
        console.print(output.plain(job.job_id), output.plain(job.status or "-"), output.outcome(job), words, soft_wrap=True)
        console.file.flush()  # a reader follows the job while it runs
        ended += [job] if job.is_complete else []
    return ended


def _follow_with_bars(snapshots: Iterable[Job], console: Console, now: Callable[[], datetime]) -> list[Job]:
    latest: dict[str, Job] = {}
    with Live(console=console, get_renderable=lambda: bars_table(list(latest.values()), now=now(), width=console.width)):
        for job in snapshots:
            latest[job.job_id] = job
    return [job for job in latest.values() if job.is_complete]


def bars_table(jobs: Iterable[Job], *, now: datetime, width: int) -> Table:
    """A bar for each job, with its servers, outcome and duration."""
    columns = [
        output.Column("job"),
        output.Column("bar", rank=4),
        output.Column("servers", rank=3),
        output.Column("outcome", rank=1),
        output.Column("took", rank=2),
    ]
    rows: list[list[output.Cell]] = [
        [
            output.plain(job.job_id),
            _bar(job),
            output.plain(f"{servers(job)} servers"),
            output.outcome(job, state=True),
            output.plain(span(job.elapsed(now))),
        ]
        for job in jobs
    ]
    return output.fitted_table(columns, rows, width=width, header=False)


def _bar(job: Job) -> ProgressBar:
    # A complete job that lists no server has a full bar.
    total = len(job.participating_servers) or 1
    done = total if job.is_complete and not job.participating_servers else len(job.arrived_servers)
    return ProgressBar(total=total, completed=done)
