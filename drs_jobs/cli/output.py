"""Jobs as tables for people and as JSON lines for programs. Text from AWS arrives without control characters."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from drs_jobs._text import one_line
from drs_jobs._wire import SENSITIVE, unstructure_job, unstructure_log_item
from drs_jobs._words import COLOURS, kind, servers, span
from drs_jobs.models import Job, JobLogEventData, JobLogItem, Outcome
from drs_jobs.reports import DrillReport, Explanation, ServerDrill

_WIDE: Final = 90
"""Columns that the whole table takes."""


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Let `exits` decide; rich would end the process."""
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
    return raw if tags else {key: value for key, value in raw.items() if key != SENSITIVE}


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
    """The jobs, one a row: state, kind, when, servers, duration, outcome. A narrow table tells state and outcome in one."""
    wide = width >= _WIDE
    table = _table(
        "job", *(["state"] if wide else []), "kind", "created (UTC)", "servers", "took", "outcome" if wide else "state"
    )
    for column in table.columns:
        # At 80 columns all fits but an unusual kind, which may be folded; an id or an outcome may not.
        column.no_wrap = column.header != "kind"
        column.justify = "right" if column.header in ("servers", "took") else "left"
    if tags:
        table.add_column("tags", overflow="fold")
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


def servers_table(explanation: Explanation) -> Table:
    """The servers of a job, one a row, with their instances and launch actions."""
    table = _table("server", "launch", "instance", "launch actions")
    for server in explanation.job.participating_servers:
        server_id = server.source_server_id or "-"
        instance = explanation.instance_ids.get(server_id, "-")
        runs = ", ".join(f"{run.name}: {run.status or '-'}" for run in server.runs)
        table.add_row(plain(server_id), plain(server.launch_status or "-"), plain(instance), plain(runs or "-"))
    return table


def log_table(log: Iterable[JobLogItem]) -> Table:
    """A job's log, one item a row."""
    table = _table("time (UTC)", "event", "server", "error")
    for item in log:
        data = item.event_data or JobLogEventData()
        when = "-" if item.log_date_time is None else item.log_date_time.strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(when, plain(item.event or "-"), plain(data.source_server_id or ""), plain(data.raw_error or ""))
    return table


def drills_table(rows: Iterable[ServerDrill]) -> Table:
    """The last drill of each server, one a row."""
    table = _table("server", "last drill (UTC)", "took", "outcome", "last success (UTC)")
    for row in rows:
        drill, success = row.last_drill, row.last_successful_drill
        drilled, succeeded = (None if job is None else job.creation_date_time for job in (drill, success))
        verdict = Text("NEVER DRILLED") if row.outcome is None else Text(row.outcome.name, style=COLOURS[row.outcome])
        table.add_row(
            plain(row.source_server_id),
            moment(drilled),
            span(None if drill is None else drill.duration),
            verdict,
            moment(succeeded),
        )
    return table


def targets_table(rows: Mapping[tuple[str, str], Counter[Outcome]]) -> Table:
    """The accounts and regions that answered, one a row, and how many jobs of each outcome they have."""
    table = _table("account", "region", "jobs", *(outcome.name.lower() for outcome in Outcome))
    for column in table.columns[2:]:
        column.justify = "right"
    for (account, region), counts in rows.items():
        numbers = (Text(str(counts[outcome] or "-"), style=COLOURS[outcome] if counts[outcome] else "") for outcome in Outcome)
        table.add_row(plain(account), plain(region), str(counts.total()), *numbers)
    return table


def print_reasons(console: Console, explanation: Explanation) -> None:
    """What failed and why, a participant after the other."""
    for failure in explanation.failures:
        console.print(Text("failed: ", style=COLOURS[Outcome.FAILED]) + plain(failure.participant))
        for reason in failure.reasons or ("nothing says why",):
            console.print(Text("    ") + plain(reason), soft_wrap=True)
        console.print()


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
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
