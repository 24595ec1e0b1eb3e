"""Charts of jobs: the timeline, the history of drills, and the grid of servers by drills."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final, cast

import plotly.graph_objects as go

from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._models import Job, Outcome
from drs_jobs._models.job import KINDS
from drs_jobs._text import format_count, format_day, format_duration, format_minute, format_target_count
from drs_jobs._time import nearest_utc
from drs_jobs.analysis import latest_snapshots
from drs_jobs.analysis.times import created
from drs_jobs.evidence.drills_and_recoveries import Recovery, all_recoveries, is_drill
from drs_jobs.notebook.charts import _common
from drs_jobs.notebook.charts._common import MAX_ROWS, OUTCOME_MARKERS, Bar, Chart

_LANES: Final = (*dict.fromkeys(KINDS.values()), "other kinds")
"""The lanes of the timeline, from top to bottom. Kinds that this version does not know share the last one."""

_MAX_BARS: Final = 300
"""The maximum number of jobs in a timeline that are drawn one by one."""

_MAX_WEEKS: Final = 160
_MAX_MONTHS: Final = 120
_MAX_COLUMNS: Final = 30
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


def timeline(jobs: Iterable[Job], *, now: datetime | None = None, names: Mapping[str, str] | None = None) -> go.Figure:
    """Return a chart of jobs over time, coloured by outcome, with one lane per kind of job.

    At most 300 jobs are one bar each, from the creation to the end; that of a running job ends at `now`. Jobs of the same lane
    that overlap are one below the other. A bar that would be too short to be seen has a marker on it. A job with an unknown end
    has a marker at its creation. More than 300 jobs are counted per week, or per month, quarter or a longer period if they are
    of many years. A job without a creation date is not drawn; the title has the number of these jobs.

    Args:
        jobs: The jobs. Of several snapshots of one job, one is drawn, as `analysis.latest_snapshots` chooses it.
        now: The end of the bars of running jobs, as an aware datetime; by default the current time.
        names: Host names by source server id, shown beside the ids. Default none.

    Raises:
        TypeError: If `names` does not map str to str.
        ValueError: If `now` has no time zone.
    """
    until = datetime.now(UTC) if now is None else nearest_utc(now, "now")
    names_by_id = _common.host_names(names)
    snapshots = latest_snapshots(jobs)
    dated = [(time, job) for job in snapshots if (time := job.creation_date_time) is not None]
    title, details = format_count(len(dated), "job"), _common.describe_span(snapshots)
    undated = _common.note(len(snapshots) - len(dated), "job", "without a creation date")
    if not dated:
        return _common.empty_chart(title + undated, details, "no jobs with a creation date" if snapshots else "no jobs")
    if len(dated) > _MAX_BARS:
        noun, periods = _common.by_period(dated, _MAX_WEEKS, shortest="week")
        return _counts(noun, periods, f"{title} per {noun}{undated}", details)
    return _bars(dated, until, names_by_id, title + undated, details)


def _lane(job: Job) -> str:
    return job.kind if job.kind in _LANES else _LANES[-1]


def _counts(noun: str, periods: Mapping[str, Sequence[Job]], title: str, details: str) -> Chart:
    """Return the number of jobs per period, with one panel per lane."""
    totals = Counter(_lane(job) for jobs in periods.values() for job in jobs)
    lanes = [lane for lane in _LANES if totals[lane]]
    figure = _common.new_panels([f"{lane} ({totals[lane]:,})" for lane in lanes], noun, periods)
    _common.add_counts(
        figure, [{label: [job for job in jobs if _lane(job) == lane] for label, jobs in periods.items()} for lane in lanes]
    )
    return _common.finish(figure, title, details, height=len(lanes) * _common.PANEL_HEIGHT)


def _bars(dated: Sequence[tuple[datetime, Job]], until: datetime, names: Mapping[str, str], title: str, details: str) -> Chart:
    """Return one bar per job."""
    spans = {job.job_id: _span(time, job, until) for time, job in dated}
    first, last = min(start for start, _ in spans.values()), max(end for _, end in spans.values())
    marker_width = max(last - first, 60_000) / 60
    counts = Counter(job.outcome for _, job in dated)
    legend = {outcome: f"{outcome.name} ({counts[outcome]:,})" for outcome in OUTCOME_MARKERS}
    figure = _common.new_chart()
    bars: list[Bar] = []
    labels: dict[float, str] = {}
    top = 0
    for lane in _LANES:
        jobs = [job for _, job in dated if _lane(job) == lane]
        if jobs:
            rows = _stack([spans[job.job_id] for job in jobs], marker_width)
            for job, row in zip(jobs, rows, strict=True):
                text = _job_text(job, until, names)
                bars.append(Bar(legend[job.outcome], top + row, *spans[job.job_id], text, job.outcome))
            labels[top + max(rows) / 2] = f"{lane} ({len(jobs):,})"
            bottom = top + max(rows) + 1
            if len(labels) % 2:
                figure.add_hrect(top - 0.5, bottom - 0.5, fillcolor=_common.FADED, opacity=0.1, line_width=0)
            top = bottom
    row_height = max(min(max(600 / top, 8), 24), 80 / top)
    size = min(row_height - 1, 12)
    colours = {name: OUTCOME_COLOURS[outcome] for outcome, name in legend.items()}
    _common.add_bars(figure, bars, colours, height=size / row_height, size=size, shortest=marker_width / 2)
    figure.update_xaxes(type="date", range=[first - 2 * marker_width, last + 2 * marker_width], nticks=6, title="UTC")
    _common.set_rows(figure, labels, top)
    return _common.finish(figure, title, details, height=top * row_height)


def _span(time: datetime, job: Job, until: datetime) -> tuple[float, float]:
    """Return the start and the end of a bar in the unit of plotly's axis of dates: milliseconds since 1970."""
    start = (nearest_utc(time) - _EPOCH) // timedelta(milliseconds=1)
    return start, start + max(0.0, (job.elapsed(until) or timedelta()) / timedelta(milliseconds=1))


def _stack(spans: Sequence[tuple[float, float]], marker_width: float) -> list[int]:
    """Return the row of each bar, so that neither bars nor their markers overlap."""
    ends: list[float] = []
    rows = [0] * len(spans)
    for index, (start, end) in sorted(enumerate(spans), key=lambda item: item[1]):
        padding = max(0.0, marker_width - (end - start)) / 2
        row = next((row for row, taken in enumerate(ends) if taken <= start - padding), len(ends))
        ends[row : row + 1] = [end + padding]
        rows[index] = row
    return rows


def _job_text(job: Job, until: datetime, names: Mapping[str, str]) -> str:
    ended = format_minute(job.end_date_time) if job.is_complete else "now"
    lines = [
        f"{job.kind} {job.outcome.name}",
        f"{job.job_id}, {job.status or '-'}",
        f"{format_minute(job.creation_date_time)} to {ended} (UTC), {format_duration(job.elapsed(until))}",
        f"{format_target_count(job)} servers",
        ", ".join(filter(None, (job.account_id, job.region))),
    ]
    failures = [
        *(_common.server_text(server.name, names) for server in job.failed_servers),
        *(resource.name for resource in job.failed_resources),
        *(f"{run.name}: {run.failure_reason or 'no reason given'}" for run in job.failed_actions),
    ]
    return _common.hover(lines, [f"failed: {failure}" for failure in failures], shown=8)


def drill_history(jobs: Iterable[Job]) -> go.Figure:
    """Return a chart of drills by month (UTC): the number per outcome, the share that succeeded, and the median duration.

    The outcome is that of the job, so one failed server fails it; `drill_grid` has the outcome of each server. The share is
    that of the complete drills, in per cent. The median duration is that of the drills with an end. A long history has
    quarters, years or decades instead of months. A drill without a creation date belongs to no month; the title has the number
    of these drills.

    Args:
        jobs: The jobs of any kind. The rules of `evidence.assess` decide what is a drill, and the other jobs are ignored.
    """
    snapshots = latest_snapshots(jobs)
    drills = [job for job in snapshots if is_drill(job)]
    dated = [(time, job) for job in drills if (time := job.creation_date_time) is not None]
    title, details = format_count(len(dated), "drill"), _common.describe_span(drills)
    undated = _common.note(len(drills) - len(dated), "drill", "without a creation date")
    if not dated:
        text = f"no drills with a creation date in {format_count(len(snapshots), 'job')}"
        return _common.empty_chart(title + undated, details, text)
    noun, periods = _common.by_period(dated, _MAX_MONTHS)
    panels = ("number of drills", "share that succeeded, %", "median duration of the jobs")
    figure = _common.new_panels(panels, noun, periods)
    _common.add_counts(figure, [periods])
    shares: dict[str, tuple[float, str]] = {}
    medians: dict[str, tuple[float, str]] = {}
    for period, members in periods.items():
        outcomes = [job.outcome for job in members if job.is_complete]
        if outcomes:
            count = outcomes.count(Outcome.SUCCEEDED)
            text = f"{period}: {count:,} of {format_count(len(outcomes), 'complete drill')} succeeded"
            shares[period] = 100 * count / len(outcomes), text
        durations = [job.duration for job in members if job.duration is not None]
        if durations:
            middle: timedelta = median(cast("list[Any]", durations))
            text = f"{period}: median {format_duration(middle)} of {format_count(len(durations), 'drill')}"
            medians[period] = _common.minutes_of(middle), f"{text}, slowest {format_duration(max(durations))}"
    lines = ((shares, OUTCOME_COLOURS[Outcome.SUCCEEDED]), (medians, _common.FADED))
    for row, (points, colour) in enumerate(lines, 2):
        figure.add_scatter(
            name=panels[row - 1],
            mode="lines+markers",
            x=list(periods),
            y=[points[period][0] if period in points else None for period in periods],
            hovertext=[points[period][1] if period in points else "" for period in periods],
            hoverinfo="text",
            line={"color": colour, "width": 2},
            marker={"size": 8},
            showlegend=False,
            row=row,
            col=1,
        )
    longest = max((minutes for minutes, _ in medians.values()), default=0) or 1
    figure.update_yaxes(range=[0, 108], tickvals=[0, 50, 100], row=2, col=1)
    figure.update_yaxes(range=[0, longest * 1.15], **_common.duration_axis(longest, most=3), row=3, col=1)
    title += f" in {format_count(len(periods), noun)}{undated}"
    return _common.finish(figure, title, details, height=len(panels) * _common.PANEL_HEIGHT)


def drill_grid(jobs: Iterable[Job], *, names: Mapping[str, str] | None = None) -> go.Figure:
    """Return a chart with one row per server and one column per drill, with the server's own outcome in each drill.

    The rules of `evidence.assess` decide what is a drill, and the outcome of a server. Servers without a drill are at the top,
    then those with a failure in the last drill, then the others, the one with the oldest last drill first. Columns are in the
    order of time. If there are more than 30 drills, a column is a month, a quarter or a longer period, and has the outcome of
    the server's last drill in it; the hover label has the last ones. At most 60 servers are drawn; the title has the number of
    the others.

    Args:
        jobs: The jobs of any kind. Recoveries that are not drills add their servers only.
        names: Host names by source server id, shown beside the ids. The servers in it have a row, also without a drill.
            Default none.

    Raises:
        TypeError: If `names` does not map str to str.
    """
    every_job = list(jobs)
    names_by_id = _common.host_names(names)
    recoveries = all_recoveries(every_job)
    drills = {server: [r for r in recoveries.get(server, ()) if is_drill(r.job)] for server in {**recoveries, **names_by_id}}
    servers = sorted(drills, key=lambda server: _attention(server, drills[server]))
    undrilled = sum(not drills[server] for server in servers)
    # Many servers without a drill leave space for the others.
    space = max(MAX_ROWS - (len(servers) - undrilled), MAX_ROWS // 3)
    rows = [*servers[: min(undrilled, space)], *servers[undrilled:]][:MAX_ROWS]
    shown = {drill.job.job_id: drill.job for server in rows for drill in drills[server]}
    empty_rows = [number for number, server in enumerate(rows) if not drills[server]]
    title = f"{format_count(len(shown), 'drill')} of {format_count(len(rows) - len(empty_rows), 'server')}"
    title += _common.note(len(empty_rows), "server", "without a drill in these jobs")
    hidden = undrilled - len(empty_rows)
    title += _common.note(
        len(servers) - len(rows), "server", f"not shown ({hidden:,} without a drill)" if hidden else "not shown"
    )
    details = _common.describe_span(every_job)
    if not rows:
        return _common.empty_chart(title, details, f"no servers in {format_count(len(every_job), 'job')}")
    figure = _common.new_chart()
    columns, noun = _columns(shown.values())
    width = max(len(columns), 1)
    figure.add_bar(
        orientation="h",
        base=-0.5,
        x=[width] * len(empty_rows),
        y=empty_rows,
        text="no drill in these jobs",
        insidetextanchor="middle",
        constraintext="none",
        marker={"color": _common.FADED, "line": {"width": 0}},
        hoverinfo="skip",
        showlegend=False,
    )
    positions = {job_id: x for x, (_, job_ids) in enumerate(columns) for job_id in job_ids}
    points: dict[Outcome, list[tuple[int, int, str]]] = {outcome: [] for outcome in OUTCOME_MARKERS}
    for y, server in enumerate(rows):
        by_column: dict[int, list[Recovery]] = {}
        for drill in drills[server]:
            by_column.setdefault(positions[drill.job.job_id], []).append(drill)
        for x, newest_first in by_column.items():
            entries = [f"{drill.outcome.name}, {_common.job_text(drill.job)}" for drill in newest_first]
            text = _common.hover([_common.server_text(server, names_by_id)], entries)
            points[newest_first[0].outcome].append((x, y, text))
    for outcome, members in points.items():
        _common.add_points(figure, outcome, f"{outcome.name} ({len(members):,})", members)
    labelled = range(0, len(columns), -(-width // 8))
    texts = [columns[number][0] for number in labelled]
    figure.update_xaxes(range=[-0.5, width - 0.5], tickvals=list(labelled), ticktext=texts, showgrid=False, zeroline=False)
    figure.update_xaxes(title=f"{noun} (UTC)" if columns else "")
    _common.set_rows(figure, {y: _common.server_text(server, names_by_id) for y, server in enumerate(rows)}, len(rows))
    figure.update_yaxes(showgrid=True)
    return _common.finish(figure, title, details, height=max(len(rows) * 20, 80))


def _attention(server_id: str, drills: Sequence[Recovery]) -> tuple[int, datetime, str]:
    """Return the position of a server: the lower, the more attention it needs."""
    if not drills:
        return 0, _EARLIEST, server_id
    return (1 if drills[0].outcome is Outcome.FAILED else 2), drills[0].created_at or _EARLIEST, server_id


def _columns(drills: Iterable[Job]) -> tuple[list[tuple[str, list[str]]], str]:
    """Return the label of each column and the ids of its jobs, and what a column is: a drill, or a period if they are many."""
    jobs = list(drills)
    dated = sorted((time, job.job_id) for job in jobs if (time := created(job)) is not None)
    undated = [job.job_id for job in jobs if job.creation_date_time is None]
    if len(jobs) <= _MAX_COLUMNS:
        columns = [*(("no date", [job_id]) for job_id in undated), *((format_day(time), [job_id]) for time, job_id in dated)]
        return columns, "drill"
    noun, periods = _common.by_period(dated, _MAX_COLUMNS) if dated else ("month", {})
    return [*([("no date", undated)] if undated else []), *periods.items()], f"last drill of each {noun}"
