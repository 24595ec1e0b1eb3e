"""Charts of jobs as plotly figures, as wide as the page.

All charts share their look: colours and markers of outcomes, a title with the number of what is drawn, dates, accounts and
regions, texts in the colours of the theme, and a text in place of the data if there are none.
"""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle
from operator import itemgetter
from statistics import median
from typing import Any, Final

import attrs
import plotly.graph_objects as go

from drs_jobs._html import OUTCOME_COLOURS, PHASE_COLOURS
from drs_jobs._models import Job, Outcome
from drs_jobs._models.job import KINDS
from drs_jobs._text import format_count, format_day, format_duration, format_minute, format_second, format_target_count
from drs_jobs._time import nearest_utc
from drs_jobs.analysis import JobPhases, ParticipantPhases, PhaseName, latest_snapshots
from drs_jobs.analysis.times import EARLIEST, created
from drs_jobs.evidence import wording
from drs_jobs.evidence.drills_and_recoveries import Recovery, is_drill, select
from drs_jobs.evidence.model import SEVERITY
from drs_jobs.evidence.verdicts import validate_duration
from drs_jobs.notebook import _figures
from drs_jobs.notebook._figures import LOOKS, MAX_ROWS, PANEL_HEIGHT, Chart, Mark, minutes_of

# ------------------------------------------------------------------ timeline


def timeline(jobs: Iterable[Job], *, now: datetime | None = None, names: Mapping[str, str] | None = None) -> go.Figure:
    """Return a chart of jobs over time, coloured by outcome, with one lane per kind of job.

    At most 300 jobs are one bar each, from the creation to the end; that of a running job ends at `now`. Jobs of the same lane
    that overlap are one below the other. A bar that would be too short to be seen has a marker on it. A job with an unknown end
    has a marker at its creation. More than 300 jobs are counted per week, or per month, quarter or a longer period if they are
    of many years. A job without a creation date is not drawn; the title has the number of these jobs.

    Args:
        jobs: The jobs. Of several snapshots of one job, one is drawn, as `analysis.latest_snapshots` chooses it.
        now: The end of the bars of running jobs, as an aware datetime; by default the current time.
        names: Host names by source server id, shown with the ids. Default none.

    Raises:
        TypeError: If `names` does not map str to str.
        ValueError: If `now` has no time zone.
    """
    until = datetime.now(UTC) if now is None else nearest_utc(now, "now")
    label_of = _figures.server_labels(names)
    snapshots = latest_snapshots(jobs)
    dated = [job for job in snapshots if job.creation_date_time is not None]
    lanes: dict[str, list[Job]] = {lane: [] for lane in (*KINDS.values(), "other kinds")}
    for job in dated:
        lanes.get(job.kind, lanes["other kinds"]).append(job)
    lanes = {f"{lane} ({len(members):,})": members for lane, members in lanes.items() if members}
    subject, details = format_count(len(dated), "job"), _figures.describe_span(snapshots)
    undated = len(snapshots) - len(dated), "job", "without a creation date"
    if not dated:
        text = "no jobs with a creation date" if snapshots else "no jobs"
        return _figures.empty_chart(_figures.title(subject, undated), details, text)
    if len(dated) <= 300:
        figure, height = _bars({lane: [_bar(job, until, label_of) for job in members] for lane, members in lanes.items()})
    else:
        noun, panels = _figures.by_period(lanes.values(), 160, shortest="week")
        figure, height = _figures.count_chart(list(lanes), noun, panels), PANEL_HEIGHT * len(lanes)
        subject += f" per {noun}"
    return _figures.finish(figure, _figures.title(subject, undated), details, height=height)


def _bars(lanes: Mapping[str, Sequence[Mark]]) -> tuple[Chart, float]:
    """Return a figure with one bar per job, and its height."""
    first = min(mark.start for members in lanes.values() for mark in members)
    last = max(mark.end for members in lanes.values() for mark in members)
    marker_width = max(last - first, 60_000) / 60
    figure = _figures.new_chart()
    marks: list[Mark] = []
    labels: dict[float, str] = {}
    top = 0.0
    for label, members in lanes.items():
        stacked = _stacked(members, top, marker_width)
        bottom = max(mark.y for mark in stacked)
        labels[(top + bottom) / 2] = label
        if len(labels) % 2:
            figure.add_hrect(top - 0.5, bottom + 0.5, fillcolor=_figures.FADED, opacity=0.1, line_width=0)
        marks += stacked
        top = bottom + 1
    row_height = max(min(max(600 / top, 8), 24), 80 / top)
    size = min(row_height - 1, 12)
    legend = _figures.outcome_legend(Counter(mark.outcome for mark in marks))
    _figures.add_marks(figure, marks, legend, size=size, thickness=size / row_height, shortest=marker_width / 2)
    figure.update_xaxes(type="date", range=[first - 2 * marker_width, last + 2 * marker_width], nticks=6, title="UTC")
    _figures.set_rows(figure, labels, top)
    return figure, top * row_height


def _stacked(marks: Iterable[Mark], top: float, marker_width: float) -> list[Mark]:
    """Return bars in rows from `top` on, so that neither bars nor their markers overlap."""
    ends: list[float] = []
    stacked: list[Mark] = []
    for mark in sorted(marks, key=lambda mark: (mark.start, mark.end)):
        padding = max(0.0, marker_width - (mark.end - mark.start)) / 2
        row = next((row for row, end in enumerate(ends) if end <= mark.start - padding), len(ends))
        ends[row : row + 1] = [mark.end + padding]
        stacked.append(attrs.evolve(mark, y=top + row))
    return stacked


def _bar(job: Job, until: datetime, label_of: Callable[[str], str]) -> Mark:
    """Return the bar of a job, in the unit of plotly's axis of dates: milliseconds since 1970."""
    created_at = nearest_utc(job.creation_date_time or EARLIEST)
    start = (created_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    length = max(0.0, (job.elapsed(until) or timedelta()) / timedelta(milliseconds=1))
    ended = format_minute(job.end_date_time) if job.is_complete else "now"
    lines = [
        f"{job.kind} {job.outcome.name}",
        f"{job.job_id}, {job.status or '-'}",
        f"{format_minute(job.creation_date_time)} to {ended} (UTC), {format_duration(job.elapsed(until))}",
        f"{format_target_count(job)} servers",
        ", ".join(filter(None, (job.account_id, job.region))),
    ]
    failures = [
        *(label_of(server.name) for server in job.failed_servers),
        *(resource.name for resource in job.failed_resources),
        *(f"{run.name}: {run.failure_reason or 'no reason given'}" for run in job.failed_actions),
    ]
    hover = _figures.hover(lines, [f"failed: {failure}" for failure in failures], shown=8)
    return Mark(start, start + length, 0, hover, job.outcome, job.outcome)


# ------------------------------------------------------------------ drills


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
    dated = [job for job in drills if job.creation_date_time is not None]
    subject, details = format_count(len(dated), "drill"), _figures.describe_span(drills)
    undated = len(drills) - len(dated), "drill", "without a creation date"
    if not dated:
        text = f"no drills with a creation date in {format_count(len(snapshots), 'job')}"
        return _figures.empty_chart(_figures.title(subject, undated), details, text)
    noun, [periods] = _figures.by_period([dated], 120)
    panels = ("number of drills", "share that succeeded, %", "median duration of the jobs")
    figure = _figures.count_chart(panels, noun, [periods])
    shares: dict[str, tuple[float, str]] = {}
    medians: dict[str, tuple[float, str]] = {}
    for period, members in periods.items():
        outcomes = [job.outcome for job in members if job.is_complete]
        if outcomes:
            count = outcomes.count(Outcome.SUCCEEDED)
            text = f"{period}: {count:,} of {format_count(len(outcomes), 'complete drill')} succeeded"
            shares[period] = 100 * count / len(outcomes), text
        seconds = [job.duration.total_seconds() for job in members if job.duration is not None]
        if seconds:
            middle, slowest = timedelta(seconds=median(seconds)), timedelta(seconds=max(seconds))
            text = f"{period}: median {format_duration(middle)} of {format_count(len(seconds), 'drill')}"
            medians[period] = minutes_of(middle), f"{text}, slowest {format_duration(slowest)}"
    lines = ((shares, OUTCOME_COLOURS[Outcome.SUCCEEDED]), (medians, _figures.FADED))
    for row, (points, colour) in enumerate(lines, 2):
        y, texts = zip(*(points.get(period, (None, "")) for period in periods), strict=True)
        figure.add_scatter(
            name=panels[row - 1],
            mode="lines+markers",
            x=list(periods),
            y=y,
            hovertext=texts,
            hoverinfo="text",
            line={"color": colour, "width": 2},
            marker={"size": 8},
            showlegend=False,
            row=row,
            col=1,
        )
    longest = max((minutes for minutes, _ in medians.values()), default=0) or 1
    figure.update_yaxes(range=[0, 108], tickvals=[0, 50, 100], row=2, col=1)
    figure.update_yaxes(range=[0, longest * 1.15], **_figures.duration_axis(longest, most=3), row=3, col=1)
    subject += f" in {format_count(len(periods), noun)}"
    return _figures.finish(figure, _figures.title(subject, undated), details, height=PANEL_HEIGHT * len(panels))


def drill_grid(jobs: Iterable[Job], *, names: Mapping[str, str] | None = None) -> go.Figure:
    """Return a chart with one row per server and one column per drill, with the server's own outcome in each drill.

    The rules of `evidence.assess` decide what is a drill, and the outcome of a server. Servers without a drill are at the top,
    then those with a failure in the last drill, then the others, the one with the oldest last drill first. Columns are in the
    order of time. If there are more than 30 drills, a column is a month, a quarter or a longer period, and has the outcome of
    the server's last drill in it; the hover label has the last ones. At most 60 servers are drawn; the title has the number of
    the others.

    Args:
        jobs: The jobs of any kind. Recoveries that are not drills add their servers only.
        names: Host names by source server id, shown with the ids. The servers in it have a row, also without a drill.
            Default none.

    Raises:
        TypeError: If `names` does not map str to str.
    """
    every_job = list(jobs)
    label_of = _figures.server_labels(names)
    recoveries = select(every_job).recoveries_by_server()
    drills = {server: [r for r in recoveries.get(server, ()) if is_drill(r.job)] for server in {**recoveries, **(names or {})}}
    undrilled = sorted(server for server, history in drills.items() if not history)
    # Those that need most attention are first.
    drilled = sorted(
        filter(None, drills.values()),
        key=lambda history: (history[0].outcome is not Outcome.FAILED, history[0].created_at or EARLIEST, history[0].server_id),
    )
    # Many servers without a drill leave space for the others.
    empty_rows = list(range(min(len(undrilled), max(MAX_ROWS - len(drilled), MAX_ROWS // 3))))
    rows = [*undrilled[: len(empty_rows)], *(history[0].server_id for history in drilled)][:MAX_ROWS]
    shown = {drill.job.job_id: drill.job for server in rows for drill in drills[server]}
    hidden = len(undrilled) - len(empty_rows)
    title = _figures.title(
        f"{format_count(len(shown), 'drill')} of {format_count(len(rows) - len(empty_rows), 'server')}",
        (len(empty_rows), "server", "without a drill in these jobs"),
        (len(drills) - len(rows), "server", f"not shown ({hidden:,} without a drill)" if hidden else "not shown"),
    )
    details = _figures.describe_span(every_job)
    if not rows:
        return _figures.empty_chart(title, details, f"no servers in {format_count(len(every_job), 'job')}")
    figure = _figures.new_chart()
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
        marker={"color": _figures.FADED, "line": {"width": 0}},
        hoverinfo="skip",
        showlegend=False,
    )
    labels = [label_of(server) for server in rows]
    marks: list[Mark] = []
    for x, (_, job_ids) in enumerate(columns):
        for y, server in enumerate(rows):
            newest_first = [drill for drill in drills[server] if drill.job.job_id in job_ids]
            if newest_first:
                entries = [f"{drill.outcome.name}, {_figures.job_text(drill.job)}" for drill in newest_first]
                outcome = newest_first[0].outcome
                marks.append(Mark(x, x, y, _figures.hover([labels[y]], entries), outcome, outcome))
    _figures.add_marks(figure, marks, _figures.outcome_legend(Counter(mark.outcome for mark in marks)))
    labelled = range(0, len(columns), -(-width // 8))
    texts = [columns[number][0] for number in labelled]
    figure.update_xaxes(range=[-0.5, width - 0.5], tickvals=list(labelled), ticktext=texts, showgrid=False, zeroline=False)
    figure.update_xaxes(title=f"{noun} (UTC)" if columns else "")
    _figures.set_rows(figure, dict(enumerate(labels)), len(rows))
    figure.update_yaxes(showgrid=True)
    return _figures.finish(figure, title, details, height=max(len(rows) * 20, 80))


def _columns(drills: Iterable[Job]) -> tuple[list[tuple[str, set[str]]], str]:
    """Return the label of each column and the ids of its jobs, and what a column is: a drill, or a period if they are many."""
    jobs = sorted(drills, key=lambda job: (created(job) or EARLIEST, job.job_id))
    columns = [("no date" if (time := created(job)) is None else format_day(time), {job.job_id}) for job in jobs]
    dated = [job for job in jobs if job.creation_date_time is not None]
    if len(dated) <= 30:
        return columns, "drill"
    noun, [periods] = _figures.by_period([dated], 30)
    undated = {job.job_id for job in jobs} - {job.job_id for job in dated}
    columns = [("no date", undated)] if undated else []
    return [*columns, *((label, {job.job_id for job in jobs}) for label, jobs in periods.items())], f"last drill of each {noun}"


# ------------------------------------------------------------------ phases

# A job has the phases of servers or those of networks, so that no chart has a colour twice.
_PHASES: Final = {phase.label: (phase.label, colour) for phase, colour in zip(PhaseName, cycle(PHASE_COLOURS.values()))}


def phases_chart(phases: JobPhases, *, now: datetime | None = None, names: Mapping[str, str] | None = None) -> go.Figure:
    """Return a chart with one row per participant of a job and one bar per phase, the slowest participant at the top.

    Times are those since the creation of the job, and waiting is the gap between two bars. A phase without an end in the log
    extends to `now` or to the end of the job. A phase that did not succeed is hatched, and a failed one has a red outline. A
    phase that would be too short to be seen, such as most snapshots, has a marker. Right of each row is the recovery time, or
    the outcome if it is not SUCCEEDED. At most 60 participants are drawn, the slowest ones; the title has the number of others.

    Args:
        phases: The phases of the job, from `JobsClient.phases` or `analysis.phases`.
        now: The end of running phases, as an aware datetime; by default the current time.
        names: Host names by source server id, shown with the ids. Default none.

    Raises:
        TypeError: If `names` does not map str to str.
        ValueError: If `now` has no time zone.
    """
    until = datetime.now(UTC) if now is None else nearest_utc(now, "now")
    label_of = _figures.server_labels(names)
    job = phases.job
    created_at = f"created {format_minute(job.creation_date_time)} (UTC)"
    details = ", ".join(filter(None, (job.outcome.name, created_at, job.account_id, job.region)))
    times = [phase.started_at for row in phases.participants for phase in row.phases if phase.started_at is not None]
    start = job.creation_date_time or min(times, default=None)
    end = job.end_date_time if job.is_complete else until
    bars = [(row, list(_phase_bars(row, label_of, nearest_utc(start or until), end))) for row in phases.participants]
    # The slowest are first, and those without a phase in the log are last.
    bars.sort(key=lambda item: max((mark.end for mark in item[1]), default=-math.inf), reverse=True)
    rows = [row for row, _ in bars[:MAX_ROWS]]
    marks = [attrs.evolve(mark, y=y) for y, (_, members) in enumerate(bars[:MAX_ROWS]) for mark in members]
    drawn = len({mark.y for mark in marks})
    title = _figures.title(
        f"phases of {format_count(drawn, 'participant')}, {job.kind} {job.job_id}",
        (len(rows) - drawn, "participant", "without phases in the log"),
        (len(bars) - len(rows), "participant", "not shown"),
    )
    if start is None or not rows:
        return _figures.empty_chart(title, details, f"no {'times' if rows else 'participants'} in the job and its log")
    low = min([0.0, *(mark.start for mark in marks)])
    high = max([low + 1 / 60, *(mark.end for mark in marks)])
    margin = (high - low) / 60
    figure = _figures.new_chart()
    _figures.add_marks(figure, marks, _PHASES, size=13, thickness=0.5, shortest=margin)
    figure.update_xaxes(**_figures.duration_axis(high), range=[low - margin, high + margin], zeroline=False)
    figure.update_xaxes(title="time since creation")
    _figures.set_rows(figure, {y: label_of(row.participant) for y, row in enumerate(rows)}, len(rows))
    results = [
        format_duration(row.recovery_time)
        if row.outcome is Outcome.SUCCEEDED and row.recovery_time is not None
        else row.outcome.name
        for row in rows
    ]
    figure.update_layout(yaxis2={"overlaying": "y", "side": "right", "matches": "y", "showgrid": False})
    figure.update_layout(yaxis2={"tickvals": list(range(len(rows))), "ticktext": results})
    # plotly draws the second axis only with a trace.
    figure.add_scatter(x=[None], y=[None], yaxis="y2", showlegend=False)
    return _figures.finish(figure, title, details, height=max(len(rows) * 26, 80))


def _phase_bars(
    participant: ParticipantPhases, label_of: Callable[[str], str], start: datetime, end: datetime | None
) -> Iterator[Mark]:
    """Return the bars of the phases that have a start, in minutes since `start`."""
    for phase in participant.phases:
        if phase.started_at is not None:
            times = phase.started_at, phase.ended_at or end or phase.started_at
            began, ended = (minutes_of(nearest_utc(time) - start) for time in times)
            until = "no end in the log" if phase.ended_at is None else format_second(phase.ended_at)
            lines = [
                label_of(participant.participant),
                f"{participant.outcome.name}, recovery time {format_duration(participant.recovery_time)}",
                f"{phase.name.label} {phase.outcome.name}, {format_duration(phase.duration)}",
                f"{format_second(phase.started_at)} to {until} (UTC)",
                f"waited {format_duration(phase.waiting_before)} before it" if phase.waiting_before is not None else "",
                f"{phase.attempts:,} attempts" if phase.attempts > 1 else "",
                phase.error or "",
            ]
            yield Mark(began, max(began, ended), 0, _figures.hover(lines), phase.outcome, phase.name.label)


# ------------------------------------------------------------------ recovery times

_OUTCOMES: Final = dict(zip(SEVERITY, (Outcome.FAILED, Outcome.UNDETERMINED, Outcome.SUCCEEDED), strict=True))
"""The outcome with the look of a verdict."""


def recovery_chart(
    phases: Iterable[JobPhases], *, objective: timedelta | None = None, names: Mapping[str, str] | None = None
) -> go.Figure:
    """Return a chart of the recovery time of each server over time, with the verdict of each recovery.

    The rules of `evidence.assess` decide what is a recovery, and its verdict. Each recovery or drill of a server is a point at
    the creation of the job. The points of a server are connected, if there are at most 300 in all. Points that would cover each
    other are one, with the worst result of them, and its hover label has the worst ones. Recoveries without a recovery time are
    in a band at the top. Recoveries that run are not drawn; the title has the number of their jobs.

    Args:
        phases: The phases of the jobs, in any order. A job that is given twice is drawn once.
        objective: The recovery time objective (RTO), such as `timedelta(hours=4)`. A point is met, not met or undetermined. The
            objective is a line, unless it is more than four times the longest recovery time; then it is in the title. By
            default a point has the outcome of the server.
        names: Host names by source server id, shown with the ids. Default none.

    Raises:
        TypeError: If `objective` is not a timedelta, or `names` does not map str to str.
        ValueError: If `objective` is not above 0.
    """
    validate_duration("objective", objective)
    label_of = _figures.server_labels(names)
    recoveries = [recovery for history in select(phases).recoveries_by_server().values() for recovery in history]
    dated = [(time, r) for r in recoveries if r.job.is_complete and (time := r.created_at) is not None]
    dated.sort(key=itemgetter(0))
    servers = {recovery.server_id for _, recovery in dated}
    jobs = {recovery.job.job_id: recovery.job for _, recovery in dated}
    others = {recovery.job.job_id: recovery.job for recovery in recoveries if recovery.job.job_id not in jobs}.values()
    title = _figures.title(
        f"recovery times of {format_count(len(servers), 'server')} in {format_count(len(jobs), 'job')}",
        (sum(job.is_complete for job in others), "job", "without a creation date"),
        (sum(not job.is_complete for job in others), "job", "running"),
    )
    details = _figures.describe_span(jobs.values())
    if not dated:
        return _figures.empty_chart(title, details, "no complete recoveries or drills with a creation date")
    times = [recovery.recovery_time for _, recovery in dated if recovery.recovery_time is not None]
    line = wording.drawn_objective(objective, max(times, default=None))
    title += f"; objective {format_duration(objective)} is beyond the chart" if objective is not None and line is None else ""
    highest = max(*map(minutes_of, [*times, line or timedelta()]), 1 / 60)
    has_band = len(times) < len(dated)
    band = highest * 1.22
    marks = [_recovery_point(time, recovery, band, objective, label_of) for time, recovery in dated]
    figure = _figures.new_chart()
    if len(marks) <= 300:
        for server_id in sorted(servers):
            timed = [(time, r.recovery_time) for time, r in dated if r.server_id == server_id and r.recovery_time is not None]
            x, y = [time for time, _ in timed], [minutes_of(duration) for _, duration in timed]
            style = {"color": _figures.FADED, "width": 1}
            figure.add_scatter(mode="lines", x=x, y=y, line=style, opacity=0.6, hoverinfo="skip", showlegend=False)
    labels = None if objective is None else {outcome: verdict.label for verdict, outcome in _OUTCOMES.items()}
    legend = _figures.outcome_legend(Counter(mark.outcome for mark in marks), labels)
    _figures.add_marks(figure, list(_merged(marks, band)), legend)
    axis = _figures.duration_axis(highest)
    if has_band:
        figure.add_hrect(highest * 1.15, highest * 1.29, fillcolor=_figures.FADED, opacity=0.15, line_width=0)
        ticks = [(value, text) for value, text in zip(axis["tickvals"], axis["ticktext"], strict=True) if value <= highest]
        axis["tickvals"], axis["ticktext"] = zip(*ticks, (band, "no time"), strict=True)
    if line is not None:
        dashes = {"color": _figures.FADED, "width": 2, "dash": "dash"}
        text = f"objective {format_duration(line)}"
        figure.add_hline(minutes_of(line), line=dashes, annotation_text=text, annotation_position="bottom right")
    figure.update_yaxes(**axis, range=[0, highest * (1.3 if has_band else 1.12)])
    figure.update_xaxes(type="date", title="UTC", nticks=6)
    return _figures.finish(figure, title, details, height=360)


def _recovery_point(
    time: datetime, recovery: Recovery, band: float, objective: timedelta | None, label_of: Callable[[str], str]
) -> Mark:
    """Return the point of a recovery, in the band if it has no recovery time. Its hover label is one line, not escaped."""
    verdict = None if objective is None else recovery.verdict(objective)
    outcome = recovery.outcome if verdict is None else _OUTCOMES[verdict]
    minutes = band if recovery.recovery_time is None else minutes_of(recovery.recovery_time)
    result = recovery.outcome.name if verdict is None else f"{verdict.label}, {recovery.outcome.name}"
    hover = f"{label_of(recovery.server_id)}: {result}, recovery time {wording.recovery_time_label(recovery)}"
    return Mark(time, time, minutes, f"{hover}; {_figures.job_text(recovery.job)}", outcome, outcome)


def _merged(marks: Sequence[Mark], band: float) -> Iterator[Mark]:
    """Return the worst of the points that would cover each other, at the time of the first and the height of the slowest."""
    # Within a 48th of the width and a 24th of the height, one point would hide the hover label of another.
    width = max((marks[-1].start - marks[0].start) / 48, timedelta(minutes=1))
    for near in _grouped(marks, "start", width):
        for members in reversed(_grouped(sorted(near, key=lambda mark: -mark.y), "y", band / 24)):
            worst_first = sorted(members, key=lambda mark: list(LOOKS).index(mark.outcome), reverse=True)
            hover = _figures.hover([], [mark.hover for mark in worst_first])
            yield attrs.evolve(worst_first[0], start=near[0].start, end=near[0].start, y=members[0].y, hover=hover)


def _grouped(marks: Iterable[Mark], axis: str, distance: Any) -> list[list[Mark]]:
    """Group marks that are sorted along an axis, so that each is at most at a distance from the first of its group."""
    groups: list[list[Mark]] = []
    for mark in marks:
        if not groups or abs(getattr(mark, axis) - getattr(groups[-1][0], axis)) > distance:
            groups.append([])
        groups[-1].append(mark)
    return groups
