"""Every class as HTML for notebooks, and the colours of outcomes and phases.

All text from AWS is escaped. The HTML has no scripts, no external resources, no random ids and no tags of jobs. Colours are
used with text only, and text has the colour of the page, so that light and dark themes are readable.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from drs_jobs._text import format_count, format_duration, format_minute, format_more, format_target_count, one_line

if TYPE_CHECKING:  # these classes call the functions of this module
    from drs_jobs import Job, LaunchActionRun, ParticipatingResource, ParticipatingServer
    from drs_jobs.analysis import Explanation, JobPhases, Phase

OUTCOME_COLOURS: Final[Mapping[str, str]] = {
    "SUCCEEDED": "#009E73",
    "FAILED": "#D55E00",
    "RUNNING": "#56B4E9",
    "UNDETERMINED": "#E69F00",
}
"""One colour per outcome, from the palette of Okabe and Ito, for colour-blind readers."""

VERDICT_COLOURS: Final[Mapping[str, str]] = {
    "MET": OUTCOME_COLOURS["SUCCEEDED"],
    "NOT_MET": OUTCOME_COLOURS["FAILED"],
    "UNDETERMINED": OUTCOME_COLOURS["UNDETERMINED"],
}
"""One colour per verdict."""

PHASE_COLOURS: Final[Mapping[str, str]] = {
    "CLEANUP": "#999999",
    "SNAPSHOT": "#F0E442",
    "CONVERSION": "#0072B2",
    "LAUNCH": "#CC79A7",
}
"""The other colours of the palette, so that the phases of servers do not look like outcomes."""

MAX_ROWS: Final = 100
"""The maximum number of jobs that are shown."""

MAX_SERVERS: Final = 50
"""The maximum number of servers that are shown per job."""

_TABLE: Final = '<table style="border-collapse:collapse;text-align:left">'
_CELL: Final = 'style="padding:2px 10px 2px 0;text-align:left;vertical-align:top;white-space:nowrap"'
_COLUMNS: Final = ("job", "state", "kind", "started (UTC)", "took", "servers", "outcome")


def text(label: str) -> str:
    """Return a text as one bounded line of escaped HTML."""
    # `one_line` removes control characters, including those that change the direction of text.
    return escape(one_line(label, 300))


def coloured_html(label: str, colour: str | None) -> str:
    """Return a text as one line of escaped HTML, with a bar in a colour if there is one."""
    # The text has the colour of the page, so that it is readable in light and dark themes.
    return f'<span style="border-left:0.6em solid {colour};padding-left:0.4em">{text(label)}</span>' if colour else text(label)


def table_html(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with at most `MAX_ROWS` rows. The cells are escaped HTML, the title is text."""
    table = f"{_TABLE}{_cells(columns, 'th')}{''.join(map(_cells, rows[:MAX_ROWS]))}</table>" if rows else ""
    return f"<div><div>{text(title)}</div>{table}{more_html(len(rows), MAX_ROWS)}</div>"


def list_html(title: str, entries: Sequence[str]) -> str:
    """Return a list with at most `MAX_ROWS` entries of text; nothing if there are none."""
    return f"<div>{text(title)}<ul>{_list_items(map(text, entries[:MAX_ROWS]), len(entries))}</ul></div>" if entries else ""


def more_html(count: int, shown: int, tag: str = "div") -> str:
    """Return how many more there are than are shown; nothing if all are shown."""
    return f"<{tag}>{format_more(count, shown)}</{tag}>" if count > shown else ""


def _cells(cells: Iterable[str], tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag} {_CELL}>{cell}</{tag}>" for cell in cells) + "</tr>"


def _list_items(shown: Iterable[str], count: int) -> str:
    """Return the items of a list that are shown, of `count` ones."""
    items = [f"<li>{item}</li>" for item in shown]
    return "".join(items) + more_html(count, len(items), "li")


# ------------------------------------------------------------------ jobs


def jobs_html(jobs: "Sequence[Job]") -> str:
    """Return at most `MAX_ROWS` jobs, one row per job, with the servers collapsed below each row."""
    if not jobs:
        return "<div>no jobs</div>"
    rows = ""
    for job in jobs[:MAX_ROWS]:
        details = _details(job)
        rows += _row(job) + (f'<tr><td colspan="{len(_COLUMNS)}" {_CELL}>{details}</td></tr>' if details else "")
    table = f"{_TABLE}{_cells(_COLUMNS, 'th')}{rows}</table>"
    return f"<div><div>{format_count(len(jobs), 'job')}</div>{table}{more_html(len(jobs), MAX_ROWS)}</div>"


def _row(job: "Job") -> str:
    link = text(job.job_id)
    if job.console_url is not None:
        link = f'<a href="{escape(job.console_url)}" rel="noopener noreferrer" target="_blank">{link}</a>'
    cells = (
        link,
        text(job.status or "-"),
        text(job.kind),
        format_minute(job.creation_date_time),
        format_duration(job.duration),
        format_target_count(job),
        coloured_html(job.outcome, OUTCOME_COLOURS[job.outcome]),
    )
    return _cells(cells)


def _details(job: "Job") -> str:
    """Return the servers and resources of a job as a collapsed list."""
    servers, resources = job.participating_servers, job.participating_resources
    if not servers and not resources:
        return ""
    label = f"{format_count(len(servers), 'server')}, {len(job.failed_servers):,} failed"
    label += f", other resources failed: {len(job.failed_resources):,}" if job.failed_resources else ""
    label += f", launch actions failed: {len(job.failed_actions):,}" if job.failed_actions else ""
    shown = [*map(_server, servers[:MAX_SERVERS]), *map(_participant, resources[:MAX_SERVERS])]
    return f"<details><summary>{label}</summary><ul>{_list_items(shown, len(servers) + len(resources))}</ul></details>"


def _participant(participant: "ParticipatingServer | ParticipatingResource") -> str:
    return f"{text(participant.name)}: {_state(participant.launch_status, failed=participant.is_failed)}"


def _server(server: "ParticipatingServer") -> str:
    instance = f" &rarr; {text(server.recovery_instance_id)}" if server.recovery_instance_id else ""
    actions = f"<ul>{_list_items(map(_run, server.runs[:MAX_SERVERS]), len(server.runs))}</ul>" if server.runs else ""
    return f"{_participant(server)}{instance}{actions}"


def _run(run: "LaunchActionRun") -> str:
    optional = " (optional)" if run.is_optional else ""
    reason = f": {text(run.failure_reason)}" if run.failure_reason else ""
    return f"{text(run.name)}{optional}: {_state(run.status, failed=run.is_failed)}{reason}"


def _state(status: str | None, *, failed: bool) -> str:
    return coloured_html(status or "-", OUTCOME_COLOURS["FAILED"] if failed else None)


# ------------------------------------------------------------------ phases and explanations


def job_phases_html(report: "JobPhases") -> str:
    """Return one row per participant, with a column for each phase that any of them has."""
    names = report.phase_names
    columns = ["participant", *(name.label for name in names), "launched after", "outcome"]
    rows: list[list[str]] = []
    for row in report.participants:
        by_name = {phase.name: phase for phase in row.phases}
        cells = [_phase(by_name[name]) if name in by_name else "-" for name in names]
        outcome = coloured_html(row.outcome, OUTCOME_COLOURS[row.outcome])
        rows.append([text(row.participant), *cells, format_duration(row.recovery_time), outcome])
    title = f"phases of job {report.job.job_id}, {format_count(len(rows), 'participant')}"
    error = "" if report.log_error is None else f"<div>{text(f'the log could not be read: {report.log_error}')}</div>"
    return table_html(title, columns, rows) + error


def explanation_html(report: "Explanation") -> str:
    """Return the job, the lines of the explanation for people, and the phases of the job."""
    title, *lines = report.text.splitlines()
    return f"<div>{jobs_html([report.job])}{list_html(title, lines)}{job_phases_html(report.phases)}</div>"


def _phase(phase: "Phase") -> str:
    attempts = f" ({phase.attempts} attempts)" if phase.attempts > 1 else ""
    label = f"{format_duration(phase.duration)}{attempts}"
    if phase.outcome == "SUCCEEDED":
        return label
    label = f"{phase.outcome}{attempts}" if phase.duration is None else f"{label} {phase.outcome}"
    return coloured_html(label, OUTCOME_COLOURS[phase.outcome])
