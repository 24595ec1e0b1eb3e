"""Charts of jobs as plotly figures: a timeline, and the history of drills by month."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUnknownLambdaType=false

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from html import escape
from statistics import median
from typing import Final

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from drs_jobs._formatting import format_count, format_duration, format_month, one_line
from drs_jobs._models import Job, Outcome
from drs_jobs._models.labels import OUTCOME_COLOURS, arrived_count, job_kind
from drs_jobs._timestamps import nearest_utc, utc_offset

_ROW_HEIGHT: Final = 18
"""The height of a row with a name, in pixels."""

_MAX_NAMED: Final = 60
"""The maximum number of jobs in a timeline that shows their names."""

_PANELS: Final = ("drills", "share that succeeded, %", "median duration, minutes")
_NEUTRAL: Final = "#666666"


def timeline(jobs: Iterable[Job], *, now: datetime | None = None) -> go.Figure:
    """Return a chart with one bar per job, from its creation to its end, coloured by outcome, newest at the top.

    The bar of a running job is hatched. A job with an unknown end is a mark at its creation. A job without a creation date is
    not drawn; the title has the number of these jobs.

    Args:
        jobs: The jobs.
        now: The end of the bars of running jobs, as an aware datetime; by default the current time.

    Raises:
        ValueError: If `now` has no time zone.
    """
    until = datetime.now(UTC) if now is None else now
    utc_offset(until, "now")
    every = list(jobs)
    dated = ((nearest_utc(job.creation_date_time), job) for job in every if job.creation_date_time is not None)
    drawn = sorted(dated, key=lambda row: row[0])
    figure = go.Figure()
    for outcome in Outcome:
        rows = [(number, created, job) for number, (created, job) in enumerate(drawn) if job.outcome is outcome]
        if rows:
            figure.add_trace(
                go.Bar(
                    name=f"{outcome.name} ({len(rows):,})",
                    orientation="h",
                    base=[created for _, created, _ in rows],
                    # In milliseconds. The minimum of a minute makes a job without a duration visible.
                    x=[max((job.elapsed(until) or timedelta()).total_seconds() * 1e3, 60_000) for _, _, job in rows],
                    y=[number for number, _, _ in rows],
                    # The outline makes a job of ten minutes visible in a chart of a year.
                    marker={
                        "color": OUTCOME_COLOURS[outcome],
                        "line": {"color": OUTCOME_COLOURS[outcome], "width": 4},
                        "pattern": {"shape": "/" if outcome is Outcome.RUNNING else ""},
                    },
                    hovertext=[_hover_text(job, until) for _, _, job in rows],
                    hovertemplate="%{hovertext}<extra></extra>",
                )
            )
    has_names = len(drawn) <= _MAX_NAMED
    figure.update_layout(
        template="plotly_white",
        title=format_count(len(drawn), "job") + _undated_note(len(every) - len(drawn)),
        barmode="overlay",
        bargap=0.4 if has_names else 0,
        height=160 + max(5, min(len(drawn), _MAX_NAMED)) * _ROW_HEIGHT,
        showlegend=True,
        xaxis={"type": "date", "title": "UTC"},
        yaxis={
            "tickmode": "array",
            "tickvals": list(range(len(drawn))) if has_names else [],
            "ticktext": [_escaped_text(job.job_id) for _, job in drawn] if has_names else [],
            "title": "" if has_names else "jobs, newest at the top",
        },
    )
    return figure


def drill_history(jobs: Iterable[Job]) -> go.Figure:
    """Return a chart of drills by month (UTC): the number per outcome, the share that succeeded, and the median duration.

    The share is that of the complete drills, in per cent. The median duration, in minutes, is that of the drills with an end.
    A drill without a creation date belongs to no month; the title has the number of these drills.

    Args:
        jobs: The jobs. Jobs that are not drills are ignored.
    """
    months: dict[str, list[Job]] = {}
    undated = 0
    for job in jobs:
        if job.is_drill and job.creation_date_time is not None:
            months.setdefault(format_month(job.creation_date_time), []).append(job)
        elif job.is_drill:
            undated += 1
    names = _every_month(sorted(months))
    counts = [Counter(job.outcome for job in months.get(name, [])) for name in names]
    figure = make_subplots(rows=3, shared_xaxes=True, vertical_spacing=0.09, subplot_titles=_PANELS)
    for outcome in Outcome:
        if any(count[outcome] for count in counts):
            numbers = [count[outcome] for count in counts]
            bar = go.Bar(name=outcome.name, x=names, y=numbers, marker_color=OUTCOME_COLOURS[outcome])
            figure.add_trace(bar, row=1, col=1)
    lines = {
        2: [_success_percentage(count) for count in counts],
        3: [_median_minutes(months.get(name, [])) for name in names],
    }
    for row, values in lines.items():
        line = go.Scatter(name=_PANELS[row - 1], x=names, y=values, mode="lines+markers", line_color=_NEUTRAL, showlegend=False)
        figure.add_trace(line, row=row, col=1)
    drill_count = sum(map(len, months.values()))
    figure.update_layout(
        template="plotly_white",
        title=f"{format_count(drill_count, 'drill')} in {format_count(len(names), 'month')}{_undated_note(undated)}",
        barmode="stack",
        height=640,
    )
    figure.update_xaxes(type="category")
    figure.update_xaxes(title="month (UTC)", row=3, col=1)
    figure.update_yaxes(rangemode="tozero")
    figure.update_yaxes(range=[0, 105], row=2, col=1)
    return figure


def _undated_note(count: int) -> str:
    """Return the part of a title about jobs without a creation date; empty if there are none."""
    return f", and {count:,} without a creation date" if count else ""


def _every_month(names: list[str]) -> list[str]:
    """Return all months from the first to the last, so that the chart also shows months without a drill."""
    if not names:
        return []
    (year, first), (last_year, last) = ((int(name[:4]), int(name[5:])) for name in (names[0], names[-1]))
    numbers = range(year * 12 + first - 1, last_year * 12 + last)
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in numbers]


def _success_percentage(count: Counter[Outcome]) -> float | None:
    complete = count.total() - count[Outcome.RUNNING]
    return 100 * count[Outcome.SUCCEEDED] / complete if complete else None


def _median_minutes(jobs: list[Job]) -> float | None:
    durations = [job.duration.total_seconds() / 60 for job in jobs if job.duration is not None]
    return median(durations) if durations else None


def _hover_text(job: Job, now: datetime) -> str:
    state = f"{job_kind(job)}, {job.status or '-'}, {job.outcome.name}"
    lines = [job.job_id, state, f"{arrived_count(job)} servers, {format_duration(job.elapsed(now))}"]
    lines += [f"failed: {server.name}" for server in job.failed_servers[:5]]
    lines += [f"failed: {resource.name}" for resource in job.failed_resources[:5]]
    lines += [f"failed: {run.name}: {run.failure_reason or 'no reason given'}" for run in job.failed_actions[:5]]
    return "<br>".join(_escaped_text(line) for line in lines)


def _escaped_text(text: str) -> str:
    # plotly interprets some HTML in its texts, and on a page with MathJax, such as a notebook, TeX between dollar signs.
    return escape(one_line(text, 100), quote=False).replace("$", "&#36;")
