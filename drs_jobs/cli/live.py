"""Follows jobs until they are complete: bars on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterable
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID
from rich.table import Column
from rich.text import Text

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
        console.file.flush()  # whoever reads along wants to know now
        ended += [job] if job.is_complete else []
    return ended


def _follow_with_bars(snapshots: Iterable[Job], console: Console, now: Callable[[], datetime]) -> list[Job]:
    ended: list[Job] = []
    columns: list[ProgressColumn] = [
        _Column(lambda job: output.plain(job.job_id)),
        BarColumn(bar_width=None),
        _Column(lambda job: output.plain(f"{servers(job)} servers")),
        _Column(lambda job: output.outcome(job, state=True)),
        _Column(lambda job: output.plain(span(job.elapsed(now())))),
    ]
    with Progress(*columns, console=console, expand=True) as progress:
        bars: dict[str, TaskID] = {}
        for job in snapshots:
            # A job that lists nobody still has an end to reach.
            total = len(job.participating_servers) or 1
            done = total if job.is_complete and not job.participating_servers else len(job.arrived_servers)
            if job.job_id not in bars:
                bars[job.job_id] = progress.add_task("", job=job)
            progress.update(bars[job.job_id], total=total, completed=done, job=job)
            ended += [job] if job.is_complete else []
    return ended


class _Column(ProgressColumn):
    """A word about the job of a bar."""

    def __init__(self, words: Callable[[Job], Text]) -> None:
        # Where there is little room the bar gets shorter; an id that is cut could be that of another job.
        super().__init__(table_column=Column(no_wrap=True, overflow="ignore"))
        self._words = words

    def render(self, task: Task) -> Text:
        return self._words(task.fields["job"])
