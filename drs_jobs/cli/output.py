"""What commands print on stdout: tables, JSON lines, CSV, JUnit XML and Prometheus text.

Control characters in text from AWS are removed.
"""

import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NoReturn, TypeAlias

import attrs
import junitparser
import prometheus_client
import typer
from rich.cells import cell_len
from rich.console import Console, ConsoleRenderable
from rich.table import Table
from rich.text import Text

from drs_jobs import Job, Outcome, unstructure_job
from drs_jobs._aws.field_names import AWS_NAMES
from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._models import ParticipatingServer
from drs_jobs._text import (
    SENSITIVE_MEMBER,
    format_count,
    format_duration,
    format_minute,
    format_target_count,
    one_line,
)
from drs_jobs.analysis import Explanation
from drs_jobs.cli.exit_status import ExitStatus, print_note
from drs_jobs.evidence import DrillReport, RecoveryReport
from drs_jobs.evidence.csv import CsvWriter

NO_NAMES: Final[Mapping[str, str]] = {}
"""No host names by source server id."""

# ------------------------------------------------------------------ tables


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Raise BrokenPipeError, which `exit_status` handles. The method of rich would exit."""
        raise BrokenPipeError


def console() -> Console:
    """Return a console on stdout. It is as wide as the terminal; without a terminal, lines are not wrapped."""
    return _Console(highlight=False, width=None if sys.stdout.isatty() else 10_000)


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


def alert_cell(text: str) -> Text:
    """Return a cell that stands out, for a server without any evidence."""
    return Text(text, style=f"bold reverse {OUTCOME_COLOURS[Outcome.FAILED]}")


def time_cell(time: datetime | None) -> Text:
    """Return a cell with a time in UTC, to the minute; a dash for `None`."""
    return Text(format_minute(time))


def outcome_cell(job: Job, *, state: bool = False) -> Text:
    """Return a cell with the outcome of a job, in its colour; with `state`, a running job has AWS's status instead."""
    text = job.status if state and job.outcome is Outcome.RUNNING and job.status else job.outcome.name
    return Text(one_line(text, 100), style=OUTCOME_COLOURS[job.outcome])


_FULL_TABLE_WIDTH: Final = 90
"""The width, in columns, from which the table of jobs has a column for the state."""


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
        *([Column("tags", rank=2, longest_word=LONGEST_PROSE_WORD)] if tags else []),
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


# ------------------------------------------------------------------ records: JSON lines and CSV


def job_to_json(job: Job, *, tags: bool) -> dict[str, Any]:
    """Return a job in AWS's shape, with its outcome, duration and failed servers, and with its tags only if `tags` is true.

    The three keys that AWS does not have are ignored by `structure_job`.
    """
    return {
        **{key: value for key, value in unstructure_job(job).items() if tags or key != SENSITIVE_MEMBER},
        "outcome": job.outcome.name,
        "durationSeconds": None if job.duration is None else job.duration.total_seconds(),
        "failedServers": [server.source_server_id for server in job.failed_servers],
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


def host_name_record(source_server_id: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the host name of a server; nothing if it is unknown."""
    return {HOST_NAME: names[source_server_id]} if source_server_id in names else {}


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


def job_columns(*, tags: bool) -> list[str]:
    """Return the columns of jobs as CSV: AWS's names, and those that JSON has too. Tags only if `tags` is true."""
    columns = [name for field, name in AWS_NAMES[Job].items() if field not in {"participating_resources", "tags"}]
    return [*columns, "outcome", "durationSeconds", "failedServers", *([SENSITIVE_MEMBER] if tags else [])]


def job_record(job: Job, *, tags: bool) -> dict[str, Any]:
    """Return a job for CSV: the ids of its servers instead of objects, and its tags as one JSON text."""
    record = job_to_json(job, tags=tags)
    record[_SERVERS] = [server.source_server_id for server in job.participating_servers]
    if SENSITIVE_MEMBER in record:
        record[SENSITIVE_MEMBER] = json.dumps(record[SENSITIVE_MEMBER])
    return record


def span_record(report: DrillReport | RecoveryReport) -> dict[str, Any]:
    """Return the time span and the number of the jobs that a report was made from. A job outside it was not seen."""
    return {"firstJobAt": report.first_job_at, "lastJobAt": report.last_job_at, "jobCount": report.job_count}


def created_at(job: Job | None) -> datetime | None:
    """Return the creation time of a job; `None` without a job, or if it has none."""
    return None if job is None else job.creation_date_time


# ------------------------------------------------------------------ reports about servers: checks, JUnit and Prometheus


@attrs.frozen(kw_only=True)
class ServerCheck:
    """Whether a server meets the limit of a report."""

    source_server_id: str
    outcome: Outcome
    """SUCCEEDED if it does, FAILED if it does not, RUNNING if that depends on a running job, else UNDETERMINED."""
    message: str = ""
    """The reason, unless it meets the limit."""
    duration: timedelta | None = None
    """The recovery time of the server; `None` if it is unknown."""


def check_status(checks: Iterable[ServerCheck]) -> ExitStatus:
    """Return the exit status of `--fail`. Without any server it is UNDETERMINED, and a note says so."""
    outcomes = {check.outcome for check in checks}
    if not outcomes:
        print_note("--fail found no server to check: check the account and the region, or give --servers")
    if Outcome.FAILED in outcomes:
        return ExitStatus.FAILED
    return ExitStatus.SUCCEEDED if outcomes == {Outcome.SUCCEEDED} else ExitStatus.UNDETERMINED


def print_junit(name: str, checks: Sequence[ServerCheck], report: DrillReport | RecoveryReport) -> None:
    """Print a JUnit test suite with one test case per server, and with the time span of the jobs as its properties.

    Args:
        name: The name of the suite.
        checks: The servers. FAILED is a failure, UNDETERMINED an error, RUNNING is skipped.
        report: The report that the servers are from.
    """
    results = {
        Outcome.FAILED: junitparser.Failure,
        Outcome.UNDETERMINED: junitparser.Error,
        Outcome.RUNNING: junitparser.Skipped,
    }
    suite = junitparser.TestSuite(name)
    for key, value in span_record(report).items():
        suite.add_property(key, value.isoformat() if isinstance(value, datetime) else str(value or ""))
    for check in checks:
        # XML 1.0 cannot hold control characters, and junitparser does not remove them.
        time = None if check.duration is None else round(check.duration.total_seconds(), 3)
        case = junitparser.TestCase(one_line(check.source_server_id), classname=name, time=time)
        if check.outcome in results:
            case.result = [results[check.outcome](one_line(check.message), check.outcome.name)]
        suite.add_testcase(case)
    xml = junitparser.JUnitXml()
    xml.add_testsuite(suite)
    content = io.BytesIO()
    xml.write(content, pretty=True)  # pyright: ignore[reportUnknownMemberType]  # its type is IO without a parameter
    # Character references are valid XML whatever the encoding of stdout is.
    typer.echo(content.getvalue().decode("utf-8").strip().encode("ascii", "xmlcharrefreplace").decode("ascii"))


@attrs.frozen
class Metric:
    """A Prometheus gauge with one value per server."""

    name: str
    help: str
    values: Mapping[str, float]
    """The value by source server id. A server without a value has no line."""


def print_prometheus(metrics: Iterable[Metric]) -> None:
    """Print gauges with the label `source_server_id`, for the text file collector of Prometheus's node exporter."""
    registry = prometheus_client.CollectorRegistry()
    for metric in metrics:
        gauge = prometheus_client.Gauge(metric.name, metric.help, ["source_server_id"], registry=registry)
        for server_id, value in metric.values.items():
            gauge.labels(one_line(server_id)).set(value)
    typer.echo(prometheus_client.generate_latest(registry).decode("utf-8"), nl=False)


def print_span(report: DrillReport | RecoveryReport, count: int) -> None:
    """Print on stderr how many servers are shown, and the number and the time span of the jobs that were read."""
    jobs, first, last = format_count(report.job_count, "job"), report.first_job_at, report.last_job_at
    print_note(f"{format_count(count, 'server')}, from {jobs} created {format_minute(first)} to {format_minute(last)} UTC")
