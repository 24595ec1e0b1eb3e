"""Jobs as tables for people and as JSON lines for programs. Text from AWS arrives without control characters."""

import json
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from drs_jobs._text import one_line
from drs_jobs._wire import SENSITIVE, unstructure_job
from drs_jobs.models import InitiatedBy, Job, JobType, LaunchStatus, Outcome

COLOURS: Final = {
    Outcome.SUCCEEDED: "#009E73",
    Outcome.FAILED: "#D55E00",
    Outcome.RUNNING: "#56B4E9",
    Outcome.UNDETERMINED: "#E69F00",
}
"""One colour an outcome, from Okabe and Ito's palette, which colour-blind readers can tell apart."""

_KINDS: Final[dict[str, str]] = {
    InitiatedBy.START_DRILL: "drill",
    InitiatedBy.START_RECOVERY: "recovery",
    InitiatedBy.FAILBACK: "failback",
    InitiatedBy.DIAGNOSTIC: "diagnostic",
    InitiatedBy.TERMINATE_RECOVERY_INSTANCES: "clean-up",
    InitiatedBy.TARGET_ACCOUNT: "target account",
    InitiatedBy.CREATE_NETWORK_RECOVERY: "network",
    InitiatedBy.UPDATE_NETWORK_RECOVERY: "network",
    InitiatedBy.ASSOCIATE_NETWORK_RECOVERY: "network",
}

_WIDE: Final = 92
"""Columns that the whole table takes."""


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Let `exits` decide; rich would end the process."""
        raise BrokenPipeError


def console() -> Console:
    """Where tables go: as wide as the terminal; never folded where there is none."""
    return _Console(highlight=False, width=None if sys.stdout.isatty() else 200, soft_wrap=False)


def print_json(jobs: Iterable[Job], *, tags: bool) -> None:
    """One job a line, in AWS's shape."""
    for job in jobs:
        typer.echo(json.dumps(json_of(job, tags=tags)))


def json_of(job: Job, *, tags: bool) -> dict[str, Any]:
    """A job in AWS's shape, with its tags only where they were asked for."""
    raw = unstructure_job(job)
    return raw if tags else {key: value for key, value in raw.items() if key != SENSITIVE}


def jobs_table(jobs: Iterable[Job], *, now: datetime, tags: bool, width: int) -> Table:
    """The jobs, one a row: state, kind, when, servers, duration, outcome. A narrow table tells state and outcome in one."""
    wide = width >= _WIDE
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in (
        "job",
        *(["state"] if wide else []),
        "kind",
        "created (UTC)",
        "servers",
        "took",
        "outcome",
        *(["tags"] if tags else []),
    ):
        table.add_column(
            name, no_wrap=name != "tags", overflow="fold", justify="right" if name in ("servers", "took") else "left"
        )
    for job in jobs:
        row = [
            plain(job.job_id),
            *([plain(job.status or "-")] if wide else []),
            plain(kind(job)),
            moment(job.creation_date_time),
        ]
        row += [plain(servers(job)), plain(span(job.elapsed(now))), outcome(job, state=not wide)]
        row += [plain(" ".join(f"{key}={value}" for key, value in job.tags.items()))] if tags else []
        table.add_row(*row)
    return table


def plain(text: str) -> Text:
    """Text from AWS: no markup, no control characters."""
    return Text(one_line(text, 1000))


def moment(when: datetime | None) -> Text:
    """A moment in UTC, to the minute."""
    return Text("-" if when is None else when.strftime("%Y-%m-%d %H:%M"))


def outcome(job: Job, *, state: bool = False) -> Text:
    """The outcome in words and colour; with `state`, that of a running job in AWS's word."""
    words = job.status if state and job.outcome is Outcome.RUNNING and job.status else job.outcome.name
    return Text(one_line(words, 100), style=COLOURS[job.outcome])


def kind(job: Job) -> str:
    """What the job is, in a word."""
    if job.initiated_by is None:
        return "clean-up" if job.type == JobType.TERMINATE else "-"
    return _KINDS.get(job.initiated_by, job.initiated_by)


def servers(job: Job) -> str:
    """How many servers arrived, of how many: `3/8`."""
    aim = LaunchStatus.TERMINATED if job.type == JobType.TERMINATE else LaunchStatus.LAUNCHED
    arrived = sum(server.launch_status == aim for server in job.participating_servers)
    return f"{arrived}/{len(job.participating_servers)}"


def span(duration: timedelta | None) -> str:
    """A duration to the second: `9m 12s`."""
    if duration is None:
        return "-"
    minutes, seconds = divmod(max(0, int(duration.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {seconds:02}s"
