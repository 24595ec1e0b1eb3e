"""Jobs as HTML for notebooks: pure functions.

All text from AWS is escaped. The HTML has no scripts, no external resources, no random ids and no tags of jobs. Colours are
used beside text only, and text has the colour of the page, so that light and dark themes are readable.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from drs_jobs._enums import Outcome
from drs_jobs._formatting import one_line
from drs_jobs._models.labels import OUTCOME_COLOURS, arrived_count, job_kind
from drs_jobs._time_formatting import format_duration, format_minute

if TYPE_CHECKING:
    from drs_jobs._models.job import Job, LaunchActionRun, ParticipatingServer

MAX_ROWS: Final = 100
"""The maximum number of jobs that are shown."""

MAX_SERVERS: Final = 50
"""The maximum number of servers that are shown per job."""

_TABLE: Final = '<table style="border-collapse:collapse;text-align:left">'
_CELL: Final = 'style="padding:2px 10px 2px 0;text-align:left;vertical-align:top;white-space:nowrap"'


def job_html(job: "Job") -> str:
    """Return one job as a table row, with its servers and launch actions collapsed below it."""
    return f"<div>{_jobs_table([job])}{_details(job)}</div>"


def jobs_html(jobs: "Sequence[Job]") -> str:
    """Return at most `MAX_ROWS` jobs, one row per job, with the servers collapsed below each row."""
    if not jobs:
        return "<div>no jobs</div>"
    rows = "".join(f"{_row(job)}{_details_row(job)}" for job in jobs[:MAX_ROWS])
    more = f"<div>and {len(jobs) - MAX_ROWS:,} more</div>" if len(jobs) > MAX_ROWS else ""
    return f"<div><div>{len(jobs):,} jobs</div>{_TABLE}{_HEAD}{rows}</table>{more}</div>"


def text_html(words: str) -> str:
    """Return a text as preformatted, escaped HTML."""
    return f"<pre>{text(words)}</pre>"


def table_html(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with at most `MAX_ROWS` rows.

    Args:
        title: The text above the table.
        columns: The heads of the columns.
        rows: The cells of each row, as escaped HTML.
    """
    shown = "".join(_cells(row) for row in rows[:MAX_ROWS])
    more = f"<div>and {len(rows) - MAX_ROWS:,} more</div>" if len(rows) > MAX_ROWS else ""
    table = f"{_TABLE}{_head(columns)}{shown}</table>" if rows else ""
    return f"<div><div>{text(title)}</div>{table}{more}</div>"


def list_html(title: str, entries: Sequence[str]) -> str:
    """Return a list with at most `MAX_ROWS` entries, which are text; nothing if there are none."""
    shown = "".join(f"<li>{text(entry)}</li>" for entry in entries[:MAX_ROWS])
    more = f"<li>and {len(entries) - MAX_ROWS:,} more</li>" if len(entries) > MAX_ROWS else ""
    return f"<div>{text(title)}<ul>{shown}{more}</ul></div>" if entries else ""


def text(words: str) -> str:
    """Return a text as one bounded line of escaped HTML."""
    # `one_line` removes control characters, including those that change the direction of text.
    return escape(one_line(words, 300))


def outcome_html(outcome: Outcome, words: str = "") -> str:
    """Return an outcome, or other words in its place, with its colour."""
    return _coloured(text(words or outcome.name), OUTCOME_COLOURS[outcome])


def _cells(cells: "Iterable[str]") -> str:
    return "<tr>" + "".join(f"<td {_CELL}>{cell}</td>" for cell in cells) + "</tr>"


def _head(columns: "Iterable[str]") -> str:
    return "<tr>" + "".join(f"<th {_CELL}>{column}</th>" for column in columns) + "</tr>"


_COLUMNS: Final = ("job", "state", "kind", "started (UTC)", "took", "servers", "outcome")
_HEAD: Final = _head(_COLUMNS)


def _jobs_table(jobs: "Iterable[Job]") -> str:
    return f"{_TABLE}{_HEAD}{''.join(map(_row, jobs))}</table>"


def _row(job: "Job") -> str:
    cells = (
        _link(job),
        text(job.status or "-"),
        text(job_kind(job)),
        format_minute(job.creation_date_time),
        format_duration(job.duration),
        arrived_count(job),
        outcome_html(job.outcome),
    )
    return _cells(cells)


def _details_row(job: "Job") -> str:
    details = _details(job)
    return f'<tr><td colspan="{len(_COLUMNS)}" {_CELL}>{details}</td></tr>' if details else ""


def _details(job: "Job") -> str:
    """Return the servers and resources of a job as a collapsed list."""
    resources = job.participating_resources[:MAX_SERVERS]
    participants = [
        *map(_server, job.participating_servers[:MAX_SERVERS]),
        *(
            f"<li>{text(resource.name)}: {_state(resource.launch_status, failed=resource.is_failed)}</li>"
            for resource in resources
        ),
    ]
    count = len(job.participating_servers) + len(job.participating_resources)
    if count == 0:
        return ""
    more = f"<li>and {count - len(participants):,} more</li>" if count > len(participants) else ""
    servers_word = "server" if len(job.participating_servers) == 1 else "servers"
    words = f"{len(job.participating_servers):,} {servers_word}, {len(job.failed_servers):,} failed"
    words += f", other resources failed: {len(job.failed_resources):,}" if job.failed_resources else ""
    words += f", launch actions failed: {len(job.failed_actions):,}" if job.failed_actions else ""
    return f"<details><summary>{words}</summary><ul>{''.join(participants)}{more}</ul></details>"


def _server(server: "ParticipatingServer") -> str:
    instance = f" &rarr; {text(server.recovery_instance_id)}" if server.recovery_instance_id else ""
    runs = "".join(map(_run, server.runs[:MAX_SERVERS]))
    more = f"<li>and {len(server.runs) - MAX_SERVERS:,} more</li>" if len(server.runs) > MAX_SERVERS else ""
    actions = f"<ul>{runs}{more}</ul>" if runs else ""
    state = _state(server.launch_status, failed=server.is_failed)
    return f"<li>{text(server.name)}: {state}{instance}{actions}</li>"


def _run(run: "LaunchActionRun") -> str:
    optional = " (optional)" if run.is_optional else ""
    reason = f": {text(run.failure_reason)}" if run.failure_reason else ""
    return f"<li>{text(run.name)}{optional}: {_state(run.status, failed=run.is_failed)}{reason}</li>"


def _state(status: str | None, *, failed: bool) -> str:
    """Return a status. A failure is marked with a colour."""
    words = text(status or "-")
    return _coloured(words, OUTCOME_COLOURS[Outcome.FAILED]) if failed else words


def _link(job: "Job") -> str:
    if job.console_url is None:
        return text(job.job_id)
    return f'<a href="{escape(job.console_url)}" rel="noopener noreferrer" target="_blank">{text(job.job_id)}</a>'


def _coloured(words: str, colour: str) -> str:
    # Only a bar has the colour. The text has the colour of the page, so that it is readable in light and dark themes.
    return f'<span style="border-left:0.6em solid {colour};padding-left:0.4em">{words}</span>'
