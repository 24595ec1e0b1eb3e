"""What commands print: tables, Markdown, JSON lines and CSV.

Control characters in text from AWS are removed.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from drs_jobs._text import (
    SENSITIVE_MEMBER,
    format_age,
    format_count,
    format_duration,
    format_minute,
    format_names,
    format_target_count,
    one_line,
)
from drs_jobs._time import duration_between, seconds_of
from drs_jobs.analysis import Explanation, Progress
from drs_jobs.analysis.failure import explained_reasons
from drs_jobs.cli.exit_status import describe_error, print_error
from drs_jobs.evidence import wording
from drs_jobs.saved.archive import Place

HostNames: TypeAlias = Mapping[str, str]
"""Host names by source server id."""

NO_NAMES: Final[HostNames] = {}

# ------------------------------------------------------------------ tables


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Raise BrokenPipeError, which `exit_status` handles. The method of rich would exit."""
        raise BrokenPipeError


def console() -> Console:
    """Return a console on stdout. It is as wide as the terminal; without a terminal, lines are not wrapped."""
    return _Console(highlight=False, width=None if sys.stdout.isatty() else UNLIMITED)


def print_table(table: RenderableType, console: Console) -> None:
    """Print a table of long texts, without the spaces that fill up its last column."""
    with console.capture() as capture:
        console.print(table)
    console.file.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


UNLIMITED: Final = 10_000
"""A width, or a number of characters, that is more than any text needs."""


@attrs.frozen
class Column:
    """A column of a table that `fitted_table` fits to the terminal."""

    header: str
    cell: Callable[[Any], ConsoleRenderable | str]
    """Returns the cell, a text or a bar, for the object that a row shows. A text can be from AWS."""
    rank: int = attrs.field(default=0, kw_only=True)
    """The column with the highest rank is dropped first. A column with rank 0 is never dropped."""
    wraps: bool = attrs.field(default=False, kw_only=True)
    """Whether its cells wrap. Words of more than 20 characters, such as ARNs, are broken if the column is narrow."""
    justify: Literal["left", "right"] = attrs.field(default="left", kw_only=True)

    def render(self, row: object) -> ConsoleRenderable:
        """Return the cell for an object, without control characters."""
        value = self.cell(row)
        return text_cell(value) if isinstance(value, str) else value

    def measure(self, cell: ConsoleRenderable) -> tuple[int, int]:
        """Return the least and the natural width of a cell."""
        if not isinstance(cell, Text):
            return 8, 60  # a bar
        longest_word = max(map(cell_len, cell.plain.split()), default=0)
        return min(20, longest_word) if self.wraps else cell.cell_len, cell.cell_len


def fitted_table(columns: Sequence[Column], rows: Sequence[object], *, width: int, header: bool = True) -> Table:
    """Return a table with a row per object that is at most `width` columns wide, without truncated cells.

    Columns of free text wrap. If the table is still too wide, whole columns are dropped. If the last column is still too
    wide, it wraps too.
    """
    return _table(_fit(columns, rows, width), rows, header=header)


def detailed_table(
    columns: Sequence[Column], rows: Sequence[object], *, header: str, details: Callable[[Any], Sequence[str]], width: int
) -> Table:
    """Return a table like `fitted_table`, with texts for each row: from 120 columns on in a last column, else below the row."""
    if width >= 120:
        texts = Column(header, lambda row: text_cell("; ".join(details(row)), UNLIMITED), wraps=True)
        return fitted_table([*columns, texts], rows, width=width)
    widths = _fit(columns, rows, width)
    stack = Table.grid()
    for index, row in enumerate(rows):
        stack.add_row(_table(widths, [row], header=index == 0))
        for text in filter(None, details(row)):
            stack.add_row(with_hanging_indent("  -", text))
    return stack


def _fit(columns: Sequence[Column], rows: Sequence[object], width: int) -> dict[Column, int]:
    """Return the widths of the columns that are not dropped."""
    sizes: dict[Column, tuple[int, int]] = {}
    for column in columns:
        least, natural = zip(*map(column.measure, (Text(column.header), *map(column.render, rows))), strict=True)
        sizes[column] = max(least), max(natural)
    kept = list(columns)
    while (spare := width - sum(sizes[column][0] for column in kept) - (len(kept) - 1)) < 0 and len(kept) > 1:
        kept.remove(max(kept, key=lambda column: column.rank))
    widths: dict[Column, int] = {}
    for column in kept:
        # If `spare` is negative, the last column is too wide by that much.
        more = min(spare, sizes[column][1] - sizes[column][0])
        spare -= more
        widths[column] = max(1, sizes[column][0] + more)
    return widths


def _table(widths: Mapping[Column, int], rows: Iterable[object], *, header: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", show_header=header)
    for column, width in widths.items():
        table.add_column(column.header, width=width, overflow="fold", justify=column.justify)
    for row in rows:
        table.add_row(*(column.render(row) for column in widths))
    return table


def with_hanging_indent(head: str, text: str) -> Table:
    """Return a text after a head; the lines that continue it begin in the column of the text."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(head), text_cell(text))
    return grid


_MARKUP: Final = re.compile(r"([\\`*_\[\]<>|~&$])")


def markdown_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown, without markup in its cells."""
    yield f"| {' | '.join(headers)} |"
    yield f"| {' | '.join('---' for _ in headers)} |"
    for row in rows:
        yield f"| {' | '.join(map(markdown, row))} |"


def markdown(text: str) -> str:
    """Return a text for Markdown, without markup and as one line."""
    return _MARKUP.sub(r"\\\1", one_line(text, 5000))


# ------------------------------------------------------------------ servers, outcomes and reasons for people


def server_label(source_server_id: str, names: HostNames) -> str:
    """Return the name of a server, if it is known, and its id."""
    return wording.server_label(SourceServer(source_server_id, name=names.get(source_server_id)))


def text_cell(text: str, limit: int = 1000, *, style: str = "") -> Text:
    """Return a cell with text from AWS, without markup and control characters, and at most `limit` characters long."""
    return Text(one_line(text, limit), style=style)


def outcome_cell(job: Job, *, now: datetime | None = None) -> Text:
    """Return a cell with the outcome of a job, in its colour. With `now`, a job that has been running for long is marked."""
    text = f"{job.outcome.name} long" if now is not None and runs_long(job, now) else job.outcome.name
    return Text(text, style=OUTCOME_COLOURS[job.outcome])


def runs_long(job: Job, now: datetime) -> bool:
    """Return whether a job has been running for more than two hours. The longest measured drill took 36 minutes."""
    return not job.is_complete and (job.elapsed(now) or timedelta()) > timedelta(hours=2)


def _reasons(explanation: Explanation, names: HostNames) -> Iterator[tuple[str, str, str | None]]:
    """Yield for each reason what it concerns (its participants, or the job), its text, and what to do next."""
    for reason in explained_reasons(explanation):
        labels = [server_label(participant, names) for participant in reason.participants]
        yield f"failed: {format_names(labels, 3)}" if labels else "job", reason.text, reason.hint
    if explanation.job.undetermined_reasons:
        yield "undetermined", explanation.job.undetermined_reasons, None


def print_reasons(console: Console, explanation: Explanation, *, names: HostNames = NO_NAMES, height: int = 0) -> None:
    """Print the reasons of a job, each with what to do next. With a height, long ones are cut, and those below only counted."""
    line_count, reasons = 0, list(_reasons(explanation, names))
    for index, (head, text, hint) in enumerate(reasons):
        style = OUTCOME_COLOURS[Outcome.FAILED] if head.startswith("failed") else ""
        shown = with_hanging_indent("   ", one_line(text, 3 * console.width if height else 1000))
        block = Group(text_cell(head, style=style), shown, *([] if hint is None else [with_hanging_indent("    next:", hint)]))
        line_count += len(console.render_lines(block))
        if index and 0 < height < line_count:  # the first one is shown in any case
            console.print(f"and {format_count(len(reasons) - index, 'more reason')}: -o json")
            break
        console.print(block)


def reason_lines(explanation: Explanation, names: HostNames) -> Iterator[str]:
    """Yield the reasons of a job, one line each, with what to do next."""
    for head, text, hint in _reasons(explanation, names):
        yield f"{head}: {text}" + ("" if hint is None else f"; next: {hint}")
    if explanation.log_error is not None:
        yield f"the log could not be read: {explanation.log_error}"


def print_log_error(error: Exception | None) -> None:
    """Print on stderr why the log of a job could not be read; nothing for `None`."""
    if error is not None:
        print_error(f"the log could not be read completely: {describe_error(error)[0]}")


def progress_label(state: Progress, names: HostNames = NO_NAMES) -> str:
    """Return what a running job does: its slow servers, the servers that are least far, the fraction, and the time left."""
    slow = [f"slow: {server_label(server.participant, names)}, {server.text}" for server in state.slow]
    if len(slow) > 3:
        slow[3:] = [f"and {len(slow) - 3} more slow"]
    left = "" if state.remaining is None else f", about {format_duration(state.remaining)} left"
    return "; ".join([*slow, f"{state.text}, {state.fraction:.0%}{left}"])


# ------------------------------------------------------------------ jobs for people


def tags_label(job: Job) -> str:
    """Return the tags of a job as one text."""
    return " ".join(f"{key}={value}" for key, value in job.tags.items())


def _names_or_ids(job: Job, names: HostNames) -> list[str]:
    return [names.get(server.name, server.name) for server in job.participating_servers]


def jobs_table(
    jobs: Sequence[Job],
    *,
    now: datetime,
    width: int,
    tags: bool = False,
    names: HostNames = NO_NAMES,
    places: Mapping[int, Place] | None = None,
) -> Table:
    """Return a table of jobs, one per row. If the width is `UNLIMITED`, it has one line per row, with all columns.

    With `names`, each job has the names of its servers, or the id of one without a name. With `places`, it has the account and
    the region that are given for its `id()`.
    """
    is_wide = width >= 90  # only then recent jobs have the year

    def age(job: Job) -> timedelta | None:
        return None if job.creation_date_time is None else duration_between(job.creation_date_time, now)

    def created(job: Job) -> str:
        time = format_minute(job.creation_date_time)
        if is_wide:
            return time
        ago = age(job)
        return time[:10] if ago is None or ago >= timedelta(days=180) else time[5:]

    columns = [
        Column("job", lambda job: job.job_id),
        Column("account", lambda job: (places or {})[id(job)].account_id or "-", rank=8),
        Column("region", lambda job: (places or {})[id(job)].region or "-", rank=7),
        Column("kind", lambda job: job.kind, rank=6, wraps=True),
        Column("created (UTC)" if is_wide else "created", created, rank=5),
        Column("age", lambda job: format_age(age(job)), rank=4, justify="right"),
        Column("servers", format_target_count, rank=3, justify="right"),
        Column("took", lambda job: format_duration(job.elapsed(now)), rank=2, justify="right"),
        Column("outcome", lambda job: outcome_cell(job, now=now), rank=1),
        Column("tags", tags_label, rank=9, wraps=True),
    ]
    left_out = {*([] if tags else ["tags"]), *(["account", "region"] if places is None else [])}
    columns = [column for column in columns if column.header not in left_out]
    if not names:
        return fitted_table(columns, jobs, width=width)
    return detailed_table(
        columns, jobs, header="names", details=lambda job: [", ".join(_names_or_ids(job, names))], width=width
    )


# ------------------------------------------------------------------ records: JSON lines and CSV


def print_records(records: Iterable[Mapping[str, Any]]) -> None:
    """Print one record per line as JSON, each at once, also into a pipe."""
    for record in records:
        typer.echo(json.dumps(record, default=datetime.isoformat))


def job_to_json(job: Job, *, tags: bool, names: HostNames = NO_NAMES, place: Place | None = None) -> dict[str, Any]:
    """Return a job in AWS's shape, with keys that AWS does not have, which `structure_job` ignores.

    `place` is where it was read, in case that its ARN does not say it.
    """
    account_id, region = place or (job.account_id, job.region)
    host_names = {server.name: names[server.name] for server in job.participating_servers if server.name in names}
    return {
        **{key: value for key, value in unstructure_job(job).items() if tags or key != SENSITIVE_MEMBER},
        "accountID": account_id,
        "region": region,
        "outcome": job.outcome.name,
        "durationSeconds": seconds_of(job.duration),
        "failedServers": [server.source_server_id for server in job.failed_servers],
        **({"hostNames": host_names} if host_names else {}),
    }


def job_columns(*, tags: bool, names: HostNames) -> list[str]:
    """Return the columns of jobs as CSV: AWS's names, and those that JSON has too. Tags only if `tags` is true."""
    columns = [name for field, name in AWS_NAMES[Job].items() if field not in {"participating_resources", "tags"}]
    optional = [*(["hostNames"] if names else []), *([SENSITIVE_MEMBER] if tags else [])]
    return [*columns, "accountID", "region", "outcome", "durationSeconds", "failedServers", *optional]


def job_record(job: Job, *, tags: bool, names: HostNames, place: Place) -> dict[str, Any]:
    """Return a job for CSV: the ids and the names of its servers instead of objects, and its tags as one JSON text."""
    return {
        **job_to_json(job, tags=tags, place=place),
        "participatingServers": [server.source_server_id for server in job.participating_servers],
        "hostNames": "; ".join(_names_or_ids(job, names)),
        SENSITIVE_MEMBER: json.dumps(dict(job.tags)) if job.tags else None,
    }
