"""What commands print on stdout: tables, JSON lines and CSV.

Control characters in text from AWS are removed.
"""

import io
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NoReturn, TypeAlias

import attrs
import typer
from rich.cells import cell_len
from rich.console import Console, ConsoleRenderable, Group, RenderableType
from rich.table import Table
from rich.text import Text

from drs_jobs import Job, Outcome, SourceServer, unstructure_job
from drs_jobs._aws.field_names import AWS_NAMES
from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._models import ParticipatingServer
from drs_jobs._text import (
    SENSITIVE_MEMBER,
    format_age,
    format_duration,
    format_minute,
    format_more,
    format_target_count,
    one_line,
)
from drs_jobs._time import duration_between
from drs_jobs.analysis import Cause, Explanation, Progress
from drs_jobs.analysis.failure import explained_reasons
from drs_jobs.evidence import wording
from drs_jobs.evidence.csv import CsvWriter

NO_NAMES: Final[Mapping[str, str]] = {}
"""No host names by source server id."""

PlaceParts: TypeAlias = tuple[str | None, str | None]
"""An account and a region."""

NOWHERE: Final[PlaceParts] = None, None
"""An unknown account and region."""

# ------------------------------------------------------------------ tables


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Raise BrokenPipeError, which `exit_status` handles. The method of rich would exit."""
        raise BrokenPipeError


def console() -> Console:
    """Return a console on stdout. It is as wide as the terminal; without a terminal, lines are not wrapped."""
    return _Console(highlight=False, width=None if sys.stdout.isatty() else 10_000)


def print_table(table: RenderableType, console: Console) -> None:
    """Print a table of long texts. If stdout is not a terminal, no line ends with the spaces that fill up its last column."""
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as capture:
        console.print(table)
    console.file.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


LONGEST_PROSE_WORD: Final = 20
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
    return _table(columns, rows, _fit(columns, rows, width=width, header=header), header=header)


_DETAILS_WIDTH: Final = 120
"""The width, in columns, from which details are the last column of a table. In narrower ones they are below each row."""


def detailed_table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    header: str,
    details: Sequence[Sequence[str]],
    width: int,
) -> RenderableType:
    """Return a table like `fitted_table`, with texts for each row: in a last column if there is space, else below the row.

    Args:
        columns: The other columns.
        rows: Their cells.
        header: The header of the texts.
        details: The texts of each row.
        width: The maximum width, in columns of the terminal.
    """
    if width >= _DETAILS_WIDTH:
        wide_rows = [[*row, text_cell("; ".join(texts), 10_000)] for row, texts in zip(rows, details, strict=True)]
        return fitted_table([*columns, Column(header, longest_word=LONGEST_PROSE_WORD)], wide_rows, width=width)
    widths = _fit(columns, rows, width=width, header=True)
    parts: list[RenderableType] = []
    for index, (row, texts) in enumerate(zip(rows, details, strict=True)):
        parts.append(_table(columns, [row], widths, header=index == 0))
        parts += [with_hanging_indent("  -", text) for text in texts]
    return Group(*parts)


def _fit(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, width: int, header: bool) -> dict[int, int]:
    """Return the widths of the columns that are not dropped, by index."""
    titles = [[Text(column.header)] if header else [] for column in columns]
    cells = [[*titles[index], *(row[index] for row in rows)] for index in range(len(columns))]
    least = [max((_least_width(column, cell) for cell in cells[index]), default=0) for index, column in enumerate(columns)]
    kept = list(range(len(columns)))
    while (spare := width - sum(least[index] for index in kept) - (len(kept) - 1)) < 0 and len(kept) > 1:
        kept.remove(max(kept, key=lambda index: columns[index].rank))
    widths: dict[int, int] = {}
    for index in kept:
        natural = max((_natural_width(cell, width) for cell in cells[index]), default=0)
        # If `spare` is negative, the last column is too wide by that much.
        more = min(spare, natural - least[index])
        spare -= more
        widths[index] = max(1, least[index] + more)
    return widths


def _table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], widths: Mapping[int, int], *, header: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", show_header=header)
    for index, width in widths.items():
        table.add_column(columns[index].header, width=width, overflow="fold", justify=columns[index].justify)
    for row in rows:
        table.add_row(*(row[index] for index in widths))
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
    """Return a cell with the name of a server, if it is known, and its id."""
    return text_cell(wording.server_label(SourceServer(source_server_id, name=names.get(source_server_id))))


def text_cell(text: str, limit: int = 1000) -> Text:
    """Return a cell with text from AWS, without markup and control characters, and at most `limit` characters long."""
    return Text(one_line(text, limit))


def outcome_cell(job: Job, *, now: datetime | None = None) -> Text:
    """Return a cell with the outcome of a job, in its colour. With `now`, a job that has been running for long is marked."""
    text = f"{job.outcome.name} long" if now is not None and runs_long(job, now) else job.outcome.name
    return Text(text, style=OUTCOME_COLOURS[job.outcome])


LONG_RUN: Final = timedelta(hours=2)
"""The duration from which a running job is marked as long. The longest measured drill took 36 minutes."""

_FULL_TABLE_WIDTH: Final = 90
"""The width, in columns, from which the table of jobs shows the year of recent jobs."""

_RECENT: Final = timedelta(days=180)


def tags_label(job: Job) -> str:
    """Return the tags of a job as one text."""
    return " ".join(f"{key}={value}" for key, value in job.tags.items())


def runs_long(job: Job, now: datetime) -> bool:
    """Return whether a job has been running for more than two hours."""
    return not job.is_complete and (job.elapsed(now) or timedelta()) > LONG_RUN


def jobs_table(
    jobs: Sequence[Job],
    *,
    now: datetime,
    width: int,
    tags: bool = False,
    names: Mapping[str, str] = NO_NAMES,
    places: Sequence[PlaceParts] | None = None,
) -> RenderableType:
    """Return a table of jobs, one per row.

    Args:
        jobs: The jobs.
        now: The current time, for ages and running jobs.
        width: The maximum width, in columns of the terminal.
        tags: Whether it has the tags.
        names: Host names by source server id; with any, each job has the names of its servers, or the id of one without a name.
        places: The account and the region of each job; by default they are not shown.
    """
    columns, rows = _job_cells(jobs, now=now, tags=tags, places=places, is_wide=width >= _FULL_TABLE_WIDTH)
    if not names:
        return fitted_table(columns, rows, width=width)
    details = [[", ".join(_labels(job, names))] if job.participating_servers else [] for job in jobs]
    return detailed_table(columns, rows, header="names", details=details, width=width)


def _labels(job: Job, names: Mapping[str, str]) -> list[str]:
    return [names.get(server.name, server.name) for server in job.participating_servers]


def _job_cells(
    jobs: Sequence[Job],
    *,
    now: datetime,
    tags: bool,
    places: Sequence[PlaceParts] | None,
    is_wide: bool = True,
) -> tuple[Sequence[Column], list[list[Text]]]:
    columns = [
        Column("job"),
        *([Column("account", rank=8), Column("region", rank=7)] if places is not None else []),
        Column("kind", rank=6, longest_word=_UNLIMITED),
        Column("created (UTC)" if is_wide else "created", rank=5),
        Column("age", rank=4, justify="right"),
        Column("servers", rank=3, justify="right"),
        Column("took", rank=2, justify="right"),
        Column("outcome", rank=1),
        *([Column("tags", rank=9, longest_word=LONGEST_PROSE_WORD)] if tags else []),
    ]
    rows: list[list[Text]] = []
    for index, job in enumerate(jobs):
        age = None if job.creation_date_time is None else duration_between(job.creation_date_time, now)
        created = format_minute(job.creation_date_time)
        if not is_wide and age is not None:
            created = created[5:] if age < _RECENT else created[:10]
        rows.append(
            [
                text_cell(job.job_id),
                *([text_cell(part or "-") for part in places[index]] if places is not None else []),
                text_cell(job.kind),
                Text(created),
                Text(format_age(age)),
                text_cell(format_target_count(job)),
                text_cell(format_duration(job.elapsed(now))),
                outcome_cell(job, now=now),
                *([text_cell(tags_label(job))] if tags else []),
            ]
        )
    return columns, rows


def jobs_markdown(
    jobs: Sequence[Job],
    *,
    now: datetime,
    tags: bool = False,
    names: Mapping[str, str] = NO_NAMES,
    places: Sequence[PlaceParts] | None = None,
) -> Iterator[str]:
    """Yield the lines of a table of jobs in Markdown; see `jobs_table`."""
    columns, rows = _job_cells(jobs, now=now, tags=tags, places=places)
    headers, texts = [column.header for column in columns], [[cell.plain for cell in row] for row in rows]
    if names:
        headers.append("names")
        texts = [[*row, ", ".join(_labels(job, names))] for row, job in zip(texts, jobs, strict=True)]
    return markdown_table(headers, texts)


_MARKUP: Final = re.compile(r"([\\`*_\[\]<>|~&$])")


def markdown_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown, whose cells have no markup."""
    yield f"| {' | '.join(headers)} |"
    yield f"| {' | '.join('---' for _ in headers)} |"
    for row in rows:
        yield f"| {' | '.join(map(markdown, row))} |"


def markdown(text: str) -> str:
    """Return a text for Markdown, without markup and as one line."""
    return _MARKUP.sub(r"\\\1", one_line(text, 5000))


_MAX_PARTICIPANTS: Final = 3
"""The maximum number of participants that are named for a reason."""


def print_reasons(console: Console, explanation: Explanation, *, names: Mapping[str, str] = NO_NAMES, height: int = 0) -> None:
    """Print the reasons of a job, each with its participants and with what to do next.

    Args:
        console: The console to print on.
        explanation: The job.
        names: Host names by source server id. Default none.
        height: The number of lines from which further reasons are only counted. Default no limit.
    """
    reasons = list(explained_reasons(explanation))
    shown = 0
    drafts = io.StringIO()
    draft_console = Console(file=drafts, width=console.width)
    for reason in reasons:
        limit = 3 * console.width if height else 1000
        _print_reason(draft_console, reason, names, limit)
        # The outcome and the most frequent reason stay on the screen.
        if height and shown and drafts.getvalue().count("\n") > height:
            break
        _print_reason(console, reason, names, limit)
        shown += 1
    if more := format_more(len(reasons), shown):
        console.print(f"{more} reasons: -o json")
    if explanation.job.undetermined_reasons:
        console.print(with_hanging_indent("undetermined:", explanation.job.undetermined_reasons))


def _print_reason(console: Console, reason: Cause, names: Mapping[str, str], limit: int) -> None:
    style = OUTCOME_COLOURS[Outcome.FAILED]
    head = Text("failed: ", style=style) + text_cell(_participants(reason, names)) if reason.participants else Text("job:")
    console.print(head)
    console.print(with_hanging_indent("   ", one_line(reason.text, limit)))
    if reason.hint is not None:
        console.print(with_hanging_indent("    next:", reason.hint))


def reason_lines(explanation: Explanation, names: Mapping[str, str] = NO_NAMES) -> Iterator[str]:
    """Yield the reasons of a job, one line each, with what to do next."""
    for reason in explained_reasons(explanation):
        head = f"failed: {_participants(reason, names)}" if reason.participants else "job"
        yield f"{head}: {reason.text}" + ("" if reason.hint is None else f"; next: {reason.hint}")
    if explanation.job.undetermined_reasons:
        yield f"undetermined: {explanation.job.undetermined_reasons}"
    if explanation.log_error is not None:
        yield f"the log could not be read: {explanation.log_error}"


def progress_label(state: Progress, names: Mapping[str, str] = NO_NAMES) -> str:
    """Return what a running job does: its slow servers, the servers that are least far, the fraction, and the time left."""
    slow = [f"slow: {server_cell(server.participant, names).plain}, {server.text}" for server in state.slow[:_MAX_PARTICIPANTS]]
    if more := format_more(len(state.slow), _MAX_PARTICIPANTS):
        slow.append(f"{more} slow")
    left = "" if state.remaining is None else f", about {format_duration(state.remaining)} left"
    return "; ".join([*slow, f"{state.text}, {state.fraction:.0%}{left}"])


def _participants(reason: Cause, names: Mapping[str, str]) -> str:
    labels = [server_cell(participant, names).plain for participant in reason.participants[:_MAX_PARTICIPANTS]]
    return f"{', '.join(labels)} {format_more(len(reason.participants), _MAX_PARTICIPANTS)}".rstrip()


def with_hanging_indent(head: str, text: str) -> Table:
    """Return a text after a head; the lines that continue it begin in the column of the text."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(head), text_cell(text))
    return grid


# ------------------------------------------------------------------ records: JSON lines and CSV


def job_to_json(job: Job, *, tags: bool, names: Mapping[str, str] = NO_NAMES, place: PlaceParts = NOWHERE) -> dict[str, Any]:
    """Return a job in AWS's shape, with its account, region, outcome, duration, failed servers and names.

    The keys that AWS does not have are ignored by `structure_job`.

    Args:
        job: The job.
        tags: Whether its tags are included.
        names: Host names by source server id.
        place: The account and the region, if they are not those of its ARN.
    """
    account_id, region = place
    return {
        **{key: value for key, value in unstructure_job(job).items() if tags or key != SENSITIVE_MEMBER},
        "accountID": job.account_id or account_id,
        "region": job.region or region,
        "outcome": job.outcome.name,
        "durationSeconds": None if job.duration is None else job.duration.total_seconds(),
        "failedServers": [server.source_server_id for server in job.failed_servers],
        **host_names_record((server.source_server_id for server in job.participating_servers), names),
    }


def print_records(records: Iterable[Mapping[str, Any]], *, columns: Sequence[str] | None = None) -> None:
    """Print one record per row as CSV, or per line as JSON.

    Args:
        records: The records. They can be read from AWS while they are printed.
        columns: The columns of the CSV; by default the format is JSON.
    """
    writer = None if columns is None else CsvWriter(sys.stdout, columns)
    for record in records:
        if writer is None:
            typer.echo(json.dumps(record, default=_json_value))
        else:
            writer.write([record])


def _json_value(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


HOST_NAME: Final = "hostName"
_HOST_NAMES: Final = "hostNames"


def host_name_record(source_server_id: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the host name of a server; nothing if it is unknown."""
    return {HOST_NAME: names[source_server_id]} if source_server_id in names else {}


def host_names_record(server_ids: Iterable[str | None], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the names of servers by id; nothing if none is known."""
    names_by_id = {server_id: names[server_id] for server_id in server_ids if server_id and server_id in names}
    return {_HOST_NAMES: names_by_id} if names_by_id else {}


def with_host_name(columns: Sequence[str], names: Mapping[str, str]) -> Sequence[str]:
    """Return the columns of a CSV, and that of the host name if there are names."""
    return [*columns, HOST_NAME] if names else columns


def seconds(duration: timedelta | None) -> float | None:
    """Return a duration in seconds; `None` for `None`."""
    return None if duration is None else duration.total_seconds()


def log_error_text(error: Exception | None) -> str | None:
    """Return the error of a log as one line; `None` for `None`."""
    return None if error is None else one_line(str(error))


JOB_ID: Final = AWS_NAMES[Job]["job_id"]
SERVER_ID: Final = AWS_NAMES[ParticipatingServer]["source_server_id"]
_SERVERS: Final = AWS_NAMES[Job]["participating_servers"]


def job_columns(*, tags: bool, names: Mapping[str, str] = NO_NAMES) -> list[str]:
    """Return the columns of jobs as CSV: AWS's names, and those that JSON has too. Tags only if `tags` is true."""
    columns = [name for field, name in AWS_NAMES[Job].items() if field not in {"participating_resources", "tags"}]
    optional = [*([_HOST_NAMES] if names else []), *([SENSITIVE_MEMBER] if tags else [])]
    return [*columns, "accountID", "region", "outcome", "durationSeconds", "failedServers", *optional]


def job_record(job: Job, *, tags: bool, names: Mapping[str, str] = NO_NAMES, place: PlaceParts = NOWHERE) -> dict[str, Any]:
    """Return a job for CSV: the ids and the names of its servers instead of objects, and its tags as one JSON text."""
    record = {**job_to_json(job, tags=tags, place=place), _HOST_NAMES: "; ".join(_labels(job, names))}
    record[_SERVERS] = [server.source_server_id for server in job.participating_servers]
    if SENSITIVE_MEMBER in record:
        record[SENSITIVE_MEMBER] = json.dumps(record[SENSITIVE_MEMBER])
    return record
