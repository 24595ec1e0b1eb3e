"""Jobs as tables for people and as JSON lines for programs. Text from AWS arrives without control characters."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NoReturn, TypeAlias

import attrs
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from drs_jobs._formatting import format_duration, one_line
from drs_jobs._models import Job, JobLogEventData, JobLogItem, Outcome
from drs_jobs._models.labels import OUTCOME_COLOURS, arrived_count, job_kind
from drs_jobs._redaction import SENSITIVE_MEMBER
from drs_jobs._wire import unstructure_job, unstructure_log_item
from drs_jobs.reports import DrillReport, Explanation, ServerDrill

_WIDE: Final = 90
"""Columns that the whole table takes."""


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Raise what `exits` handles; rich would end the process."""
        raise BrokenPipeError


def console() -> Console:
    """Where tables go: as wide as the terminal; never folded where there is none."""
    return _Console(highlight=False, width=None if sys.stdout.isatty() else 10_000)


def print_json(jobs: Iterable[Job], *, tags: bool) -> None:
    """One job a line, in AWS's shape."""
    for job in jobs:
        typer.echo(json.dumps(json_of(job, tags=tags)))


def json_of(job: Job, *, tags: bool) -> dict[str, Any]:
    """A job in AWS's shape, with its tags only where they were asked for."""
    raw = unstructure_job(job)
    return raw if tags else {key: value for key, value in raw.items() if key != SENSITIVE_MEMBER}


def json_of_explanation(explanation: Explanation, *, tags: bool) -> dict[str, Any]:
    """A job in AWS's shape, with what is known beyond it under keys that AWS does not have."""
    return {
        **json_of(explanation.job, tags=tags),
        "outcome": explanation.job.outcome.name,
        "instanceIDs": dict(explanation.instance_ids),
        "failures": [{"participant": failure.participant, "reasons": failure.reasons} for failure in explanation.failures],
        "log": [unstructure_log_item(item) for item in explanation.log],
        "logError": None if explanation.log_error is None else one_line(str(explanation.log_error)),
    }


def json_of_drill(row: ServerDrill, report: DrillReport) -> dict[str, Any]:
    """A server's last drills, and the span of jobs they were looked for in: without it a line is no evidence."""
    span = {"firstJobAt": report.first_job_at, "lastJobAt": report.last_job_at}
    drills = {"lastDrill": row.last_drill, "lastSuccessfulDrill": row.last_successful_drill}
    return {
        "sourceServerID": row.source_server_id,
        "outcome": None if row.outcome is None else row.outcome.name,
        **{name: None if job is None else json_of(job, tags=False) for name, job in drills.items()},
        **{name: None if when is None else when.isoformat() for name, when in span.items()},
        "jobCount": report.job_count,
    }


def jobs_table(jobs: Iterable[Job], *, now: datetime, tags: bool, width: int) -> Table:
    """The jobs, one per row. A table of less than 90 columns has state and outcome in one; see also `fitted_table`."""
    wide = width >= _WIDE
    columns = [
        Column("job"),
        *([Column("state", rank=7)] if wide else []),
        Column("kind", rank=6, longest_word=_UNBROKEN),
        Column("created (UTC)", rank=5),
        Column("servers", rank=4, justify="right"),
        Column("took", rank=3, justify="right"),
        Column("outcome" if wide else "state", rank=1),
        *([Column("tags", rank=2, longest_word=_PROSE)] if tags else []),
    ]
    rows = [
        [
            plain(job.job_id),
            *([plain(job.status or "-")] if wide else []),
            plain(job_kind(job)),
            moment(job.creation_date_time),
            plain(arrived_count(job)),
            plain(format_duration(job.elapsed(now))),
            outcome(job, state=not wide),
            *([plain(" ".join(f"{key}={value}" for key, value in job.tags.items()))] if tags else []),
        ]
        for job in jobs
    ]
    return fitted_table(columns, rows, width=width)


def servers_table(explanation: Explanation, *, width: int) -> Table:
    """The servers of a job, one per row, with their instances and launch actions."""
    columns = [
        Column("server"),
        Column("launch", rank=1),
        Column("instance", rank=2),
        Column("launch actions", rank=3, longest_word=_PROSE),
    ]
    rows: list[list[Text]] = []
    for server in explanation.job.participating_servers:
        server_id = server.source_server_id or "-"
        instance = explanation.instance_ids.get(server_id, "-")
        runs = ", ".join(f"{run.name}: {run.status or '-'}" for run in server.runs)
        rows.append([plain(server_id), plain(server.launch_status or "-"), plain(instance), plain(runs or "-")])
    return fitted_table(columns, rows, width=width)


def log_table(log: Iterable[JobLogItem], *, width: int) -> Table:
    """A job's log, one item per row."""
    columns = [
        Column("time (UTC)", rank=3),
        Column("event"),
        Column("server", rank=1),
        Column("error", rank=2, longest_word=_PROSE),
    ]
    rows: list[list[Text]] = []
    for item in log:
        data = item.event_data or JobLogEventData()
        when = "-" if item.log_date_time is None else item.log_date_time.strftime("%Y-%m-%d %H:%M:%S")
        rows.append([Text(when), plain(item.event or "-"), plain(data.source_server_id or ""), plain(data.raw_error or "")])
    return fitted_table(columns, rows, width=width)


def drills_table(drills: Iterable[ServerDrill], *, width: int) -> Table:
    """The last drill of each server, one per row."""
    columns = [
        Column("server"),
        Column("last drill (UTC)", rank=2),
        Column("took", rank=3),
        Column("outcome", rank=1),
        Column("last success (UTC)", rank=4),
    ]
    rows: list[list[Text]] = []
    for row in drills:
        drill, success = row.last_drill, row.last_successful_drill
        drilled, succeeded = (None if job is None else job.creation_date_time for job in (drill, success))
        verdict = Text("NEVER DRILLED") if row.outcome is None else Text(row.outcome.name, style=OUTCOME_COLOURS[row.outcome])
        took = plain(format_duration(None if drill is None else drill.duration))
        rows.append([plain(row.source_server_id), moment(drilled), took, verdict, moment(succeeded)])
    return fitted_table(columns, rows, width=width)


def targets_table(targets: Mapping[tuple[str, str], Counter[Outcome]], *, width: int) -> Table:
    """The accounts and regions that were read, one per row, and how many jobs of each outcome they have."""
    ranks = {Outcome.FAILED: 2, Outcome.RUNNING: 4, Outcome.UNDETERMINED: 5, Outcome.SUCCEEDED: 6}
    columns = [
        Column("account"),
        Column("region", rank=1),
        Column("jobs", rank=3, justify="right"),
        *(Column(outcome.name.lower(), rank=ranks[outcome], justify="right") for outcome in Outcome),
    ]
    rows: list[list[Text]] = []
    for (account, region), counts in targets.items():
        numbers = (
            Text(str(counts[outcome] or "-"), style=OUTCOME_COLOURS[outcome] if counts[outcome] else "") for outcome in Outcome
        )
        rows.append([plain(account), plain(region), plain(str(counts.total())), *numbers])
    return fitted_table(columns, rows, width=width)


def print_reasons(console: Console, explanation: Explanation) -> None:
    """What failed and why, a participant after the other."""
    for failure in explanation.failures:
        console.print(Text("failed: ", style=OUTCOME_COLOURS[Outcome.FAILED]) + plain(failure.participant))
        for reason in failure.reasons or ("nothing says why",):
            console.print(Text("    ") + plain(reason), soft_wrap=True)
        console.print()


_PROSE: Final = 20
"""Longer words of free text, such as ARNs, are broken when the column is narrow."""

_UNBROKEN: Final = 10_000
"""Longer than any word."""


@attrs.frozen
class Column:
    """A column of a table that fits its terminal."""

    header: str
    rank: int = 0
    """The column of the highest rank is dropped first, that of rank 0 never."""
    longest_word: int | None = None
    """If given, cells fold between words, and within words that are longer; `None` if they do not fold."""
    justify: Literal["left", "right"] = "left"


Cell: TypeAlias = Text | ProgressBar


def fitted_table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, width: int, header: bool = True) -> Table:
    """A table of at most `width` columns in which no cell is cut.

    Columns of free text fold. If that is not enough, whole columns are dropped, for all rows. If the one that is left is
    still too wide, it folds too.
    """
    titles = [[Text(column.header)] if header else [] for column in columns]
    cells = [[*titles[at], *(row[at] for row in rows)] for at in range(len(columns))]
    least = [max((_least_width(column, cell) for cell in cells[at]), default=0) for at, column in enumerate(columns)]
    kept = list(range(len(columns)))
    while (spare := width - sum(least[at] for at in kept) - (len(kept) - 1)) < 0 and len(kept) > 1:
        kept.remove(max(kept, key=lambda at: columns[at].rank))
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", show_header=header)
    for at in kept:
        natural = max((_natural_width(cell, width) for cell in cells[at]), default=0)
        # A negative `spare` is what the last column lacks.
        more = min(spare, natural - least[at])
        spare -= more
        table.add_column(columns[at].header, width=max(1, least[at] + more), overflow="fold", justify=columns[at].justify)
    for row in rows:
        table.add_row(*(row[at] for at in kept))
    return table


_SHORTEST_BAR: Final = 8


def _least_width(column: Column, cell: Cell) -> int:
    if isinstance(cell, ProgressBar):
        return _SHORTEST_BAR
    if column.longest_word is None:
        return cell.cell_len
    return min(column.longest_word, max((cell_len(word) for word in cell.plain.split()), default=0))


def _natural_width(cell: Cell, available: int) -> int:
    return available if isinstance(cell, ProgressBar) else cell.cell_len


def plain(text: str) -> Text:
    """Text from AWS: no markup, no control characters."""
    return Text(one_line(text, 1000))


def moment(when: datetime | None) -> Text:
    """A moment in UTC, to the minute."""
    return Text("-" if when is None else when.strftime("%Y-%m-%d %H:%M"))


def outcome(job: Job, *, state: bool = False) -> Text:
    """The outcome in words and colour; with `state`, that of a running job in AWS's word."""
    words = job.status if state and job.outcome is Outcome.RUNNING and job.status else job.outcome.name
    return Text(one_line(words, 100), style=OUTCOME_COLOURS[job.outcome])
