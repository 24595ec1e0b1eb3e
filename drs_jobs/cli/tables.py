"""Jobs as tables and as JSON lines. Control characters in text from AWS are removed."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NoReturn, TypeAlias

import attrs
import typer
from rich.cells import cell_len
from rich.console import Console, ConsoleRenderable
from rich.table import Table
from rich.text import Text

from drs_jobs._aws.unstructure import unstructure_job
from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._models import Job, JobLogEventData, JobLogItem, Outcome
from drs_jobs._text import (
    SENSITIVE_MEMBER,
    format_age,
    format_count,
    format_duration,
    format_minute,
    format_second,
    format_target_count,
    one_line,
)
from drs_jobs.analysis import Explanation
from drs_jobs.evidence import ServerDrill

NO_NAMES: Final[Mapping[str, str]] = {}
"""No host names by source server id."""

_FULL_TABLE_WIDTH: Final = 90
"""The width, in columns, from which the table of jobs has a column for the state."""


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Raise BrokenPipeError, which `exit_codes` handles. The method of rich would exit."""
        raise BrokenPipeError


def console() -> Console:
    """Return a console on stdout. It is as wide as the terminal; without a terminal, lines are not wrapped."""
    return _Console(highlight=False, width=None if sys.stdout.isatty() else 10_000)


def print_json(jobs: Iterable[Job], *, tags: bool) -> None:
    """Print one job per line, in AWS's shape."""
    for job in jobs:
        typer.echo(json.dumps(json_of(job, tags=tags)))


def json_of(job: Job, *, tags: bool) -> dict[str, Any]:
    """Return a job in AWS's shape, with its outcome, duration and failed servers, and with its tags only if `tags` is true.

    The three keys that AWS does not have are ignored by `structure_job`.
    """
    return {
        **{key: value for key, value in unstructure_job(job).items() if tags or key != SENSITIVE_MEMBER},
        "outcome": job.outcome.name,
        "durationSeconds": None if job.duration is None else job.duration.total_seconds(),
        "failedServers": [server.source_server_id for server in job.failed_servers],
    }


def jobs_table(jobs: Iterable[Job], *, now: datetime, tags: bool, width: int) -> Table:
    """Return a table of jobs, one per row. If `width` is less than 90, state and outcome share a column."""
    wide = width >= _FULL_TABLE_WIDTH
    columns = [
        Column("job"),
        *([Column("state", rank=7)] if wide else []),
        Column("kind", rank=6, longest_word=_UNLIMITED),
        Column("created (UTC)", rank=5),
        Column("servers", rank=4, justify="right"),
        Column("took", rank=3, justify="right"),
        Column("outcome" if wide else "state", rank=1),
        *([Column("tags", rank=2, longest_word=_LONGEST_PROSE_WORD)] if tags else []),
    ]
    rows = [
        [
            text_cell(job.job_id),
            *([text_cell(job.status or "-")] if wide else []),
            text_cell(job.kind),
            time_cell(job.creation_date_time),
            text_cell(format_target_count(job)),
            text_cell(format_duration(job.elapsed(now))),
            outcome_cell(job, state=not wide),
            *([text_cell(" ".join(f"{key}={value}" for key, value in job.tags.items()))] if tags else []),
        ]
        for job in jobs
    ]
    return fitted_table(columns, rows, width=width)


def servers_table(explanation: Explanation, *, width: int, names: Mapping[str, str] = NO_NAMES) -> Table:
    """Return a table of the servers of a job, one per row, with their instances and launch actions."""
    columns = [
        Column("server"),
        Column("launch", rank=1),
        Column("instance", rank=2),
        Column("launch actions", rank=3, longest_word=_LONGEST_PROSE_WORD),
    ]
    rows: list[list[Text]] = []
    for server in explanation.job.participating_servers:
        server_id = server.source_server_id or "-"
        instance = explanation.instance_ids.get(server_id, "-")
        runs = ", ".join(f"{run.name}: {run.status or '-'}" for run in server.runs)
        rows.append(
            [server_cell(server_id, names), text_cell(server.launch_status or "-"), text_cell(instance), text_cell(runs or "-")]
        )
    return fitted_table(columns, rows, width=width)


def log_table(log: Iterable[JobLogItem], *, width: int, names: Mapping[str, str] = NO_NAMES) -> Table:
    """Return a table of the log of a job, one item per row."""
    columns = [
        Column("time (UTC)", rank=3),
        Column("event"),
        Column("server", rank=1),
        Column("error", rank=2, longest_word=_LONGEST_PROSE_WORD),
    ]
    rows: list[list[Text]] = []
    for item in log:
        data = item.event_data or JobLogEventData()
        rows.append(
            [
                Text(format_second(item.log_date_time)),
                text_cell(item.event or "-"),
                server_cell(data.source_server_id or "", names),
                text_cell(data.raw_error or ""),
            ]
        )
    return fitted_table(columns, rows, width=width)


def drills_table(
    drills: Iterable[ServerDrill],
    *,
    now: datetime,
    times: Mapping[str, timedelta],
    width: int,
    names: Mapping[str, str] = NO_NAMES,
) -> Table:
    """Return a table of the last drill of each server, one server per row.

    Args:
        drills: The rows.
        now: The current time, for the age of the last successful drill.
        times: The recovery time of each server in its last drill, by server id, as far as it is known.
        width: The maximum width, in columns of the terminal.
        names: Host names by source server id. Default none.
    """
    columns = [
        Column("server"),
        Column("last drill (UTC)", rank=3),
        Column("took", rank=5),
        Column("outcome", rank=1),
        Column("last success", rank=4),
        Column("age", rank=2, justify="right"),
    ]
    rows: list[list[Text]] = []
    for row in drills:
        drilled, succeeded = created_at(row.last_drill), created_at(row.last_successful_drill)
        server = server_cell(row.source_server_id, names)
        if row.outcome is None:
            server.stylize("bold")
        took, age = format_duration(times.get(row.source_server_id)), format_age(age_of(row.last_successful_drill, now))
        rows.append([server, time_cell(drilled), Text(took), _drill_outcome(row), time_cell(succeeded), Text(age)])
    return fitted_table(columns, rows, width=width)


def _drill_outcome(row: ServerDrill) -> Text:
    """Return the outcome of the last drill; beside a running drill, that of the last complete one."""
    if row.outcome is None:
        return loud_cell("NEVER DRILLED")
    outcome = Text(row.outcome.name, style=OUTCOME_COLOURS[row.outcome])
    before = completed_outcome(row) if row.outcome is Outcome.RUNNING else None
    return outcome if before is None else outcome.append(", before ", "default").append(before.name, OUTCOME_COLOURS[before])


def completed_outcome(row: ServerDrill) -> Outcome | None:
    """Return the outcome of the last complete drill for this server; `None` if it has none."""
    drill = row.last_completed_drill
    return None if drill is None else drill.outcome_of(row.source_server_id)


def created_at(job: Job | None) -> datetime | None:
    """Return the creation time of a job; `None` without a job, or if it has none."""
    return None if job is None else job.creation_date_time


def age_of(job: Job | None, now: datetime) -> timedelta | None:
    """Return the time since the creation of a job; `None` without a job, or if it has none."""
    created = created_at(job)
    return None if created is None else max(timedelta(0), now - created)


def targets_table(targets: Mapping[tuple[str, str], Counter[Outcome]], *, width: int) -> Table:
    """Return a table of the accounts and regions that were read, one pair per row, with the number of jobs of each outcome."""
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
        rows.append([text_cell(account), text_cell(region), text_cell(str(counts.total())), *numbers])
    return fitted_table(columns, rows, width=width)


def print_reasons(console: Console, explanation: Explanation, *, names: Mapping[str, str] = NO_NAMES) -> None:
    """Print what several participants have in common, each failed participant with its reasons, and those of the job."""
    for cause in explanation.causes:
        if len(cause.participants) > 1:
            count = format_count(len(cause.participants), "participant")
            console.print(text_cell(f"{cause.summary}, {count}"), soft_wrap=True)
    for failure in explanation.failures:
        console.print(Text("failed: ", style=OUTCOME_COLOURS[Outcome.FAILED]) + server_cell(failure.participant, names))
        for reason in failure.reasons or ("no reason given",):
            console.print(with_hanging_indent("   ", reason))
        console.print()
    for reason in explanation.job_reasons:
        console.print(with_hanging_indent("job:", reason))


def with_hanging_indent(head: str, text: str) -> Table:
    """Return a text after a head; the lines that continue it begin in the column of the text."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(head), text_cell(text))
    return grid


_LONGEST_PROSE_WORD: Final = 20
"""The `longest_word` of columns of free text. Longer words, such as ARNs, are broken if the column is narrow."""

_UNLIMITED: Final = 10_000
"""A `longest_word` that is longer than any word, so that no word is broken."""


@attrs.frozen
class Column:
    """A column of a table that `fitted_table` fits to the terminal."""

    header: str
    rank: int = 0
    """The column with the highest rank is dropped first. A column with rank 0 is never dropped."""
    longest_word: int | None = None
    """The length up to which words are not broken, in a column whose cells wrap; `None` if its cells do not wrap."""
    justify: Literal["left", "right"] = "left"


Cell: TypeAlias = ConsoleRenderable
"""A text, or a bar of any kind."""


def fitted_table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, width: int, header: bool = True) -> Table:
    """Return a table that is at most `width` columns wide, without truncated cells.

    Columns of free text wrap. If the table is still too wide, whole columns are dropped. If the last column is still too
    wide, it wraps too.

    Args:
        columns: The columns.
        rows: The cells of each row, in the order of `columns`.
        width: The maximum width, in columns of the terminal.
        header: Whether the table has a header; by default it has.
    """
    titles = [[Text(column.header)] if header else [] for column in columns]
    cells = [[*titles[index], *(row[index] for row in rows)] for index in range(len(columns))]
    least = [max((_least_width(column, cell) for cell in cells[index]), default=0) for index, column in enumerate(columns)]
    kept = list(range(len(columns)))
    while (spare := width - sum(least[index] for index in kept) - (len(kept) - 1)) < 0 and len(kept) > 1:
        kept.remove(max(kept, key=lambda index: columns[index].rank))
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", show_header=header)
    for index in kept:
        natural = max((_natural_width(cell, width) for cell in cells[index]), default=0)
        # If `spare` is negative, the last column is too wide by that much.
        more = min(spare, natural - least[index])
        spare -= more
        table.add_column(
            columns[index].header, width=max(1, least[index] + more), overflow="fold", justify=columns[index].justify
        )
    for row in rows:
        table.add_row(*(row[index] for index in kept))
    return table


_LEAST_BAR_WIDTH: Final = 8
_LONGEST_BAR: Final = 60


def _least_width(column: Column, cell: Cell) -> int:
    if not isinstance(cell, Text):
        return _LEAST_BAR_WIDTH
    if column.longest_word is None:
        return cell.cell_len
    return min(column.longest_word, max((cell_len(word) for word in cell.plain.split()), default=0))


def _natural_width(cell: Cell, available: int) -> int:
    return cell.cell_len if isinstance(cell, Text) else min(available, _LONGEST_BAR)


def server_cell(source_server_id: str, names: Mapping[str, str]) -> Text:
    """Return a cell with the host name of a server, if it is known, and its id beside it."""
    return text_cell(" ".join((*([names[source_server_id]] if source_server_id in names else ()), source_server_id)))


def text_cell(text: str) -> Text:
    """Return a cell with text from AWS, without markup and control characters."""
    return Text(one_line(text, 1000))


def loud_cell(words: str) -> Text:
    """Return a cell that stands out, for a server without any evidence."""
    return Text(words, style=f"bold reverse {OUTCOME_COLOURS[Outcome.FAILED]}")


def time_cell(moment: datetime | None) -> Text:
    """Return a cell with a time in UTC, to the minute; a dash for `None`."""
    return Text(format_minute(moment))


def outcome_cell(job: Job, *, state: bool = False) -> Text:
    """Return a cell with the outcome of a job, in its colour; with `state`, a running job has AWS's status instead."""
    words = job.status if state and job.outcome is Outcome.RUNNING and job.status else job.outcome.name
    return Text(one_line(words, 100), style=OUTCOME_COLOURS[job.outcome])
