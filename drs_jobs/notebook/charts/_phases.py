"""Charts of jobs with their logs: the phases of one job, and the recovery times of servers over time."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any, Final

import plotly.graph_objects as go

from drs_jobs._html import PHASE_COLOURS
from drs_jobs._models import Outcome
from drs_jobs._text import format_count, format_duration, format_minute, format_second
from drs_jobs._time import nearest_utc
from drs_jobs.analysis import JobPhases, ParticipantPhases, Phase, PhaseName
from drs_jobs.evidence import Verdict, wording
from drs_jobs.evidence.drills_and_recoveries import Recovery, all_recoveries
from drs_jobs.evidence.verdicts import validate_duration
from drs_jobs.notebook.charts import _common
from drs_jobs.notebook.charts._common import MAX_ROWS, OUTCOME_MARKERS, Bar, Chart, minutes_of

# A job has the phases of servers or those of networks, so that no chart has a colour twice.
_COLOURS: Final = dict(zip((phase.label for phase in PhaseName), cycle(PHASE_COLOURS.values()), strict=False))


def phases_chart(phases: JobPhases, *, now: datetime | None = None, names: Mapping[str, str] | None = None) -> go.Figure:
    """Return a chart with one row per participant of a job and one bar per phase, the slowest participant at the top.

    Times are those since the creation of the job, and waiting is the gap between two bars. A phase without an end in the log
    extends to `now` or to the end of the job. A phase that did not succeed is hatched, and a failed one has a red outline. A
    phase that would be too short to be seen, such as most snapshots, has a marker. Right of each row is the recovery time, or
    the outcome if it is not SUCCEEDED. At most 60 participants are drawn, the slowest ones; the title has the number of others.

    Args:
        phases: The phases of the job, from `JobsClient.phases` or `analysis.phases`.
        now: The end of running phases, as an aware datetime; by default the current time.
        names: Host names by source server id, shown beside the ids. Default none.

    Raises:
        TypeError: If `names` does not map str to str.
        ValueError: If `now` has no time zone.
    """
    until = datetime.now(UTC) if now is None else nearest_utc(now, "now")
    names_by_id = _common.host_names(names)
    job = phases.job
    created = f"created {format_minute(job.creation_date_time)} (UTC)"
    details = ", ".join(filter(None, (job.outcome.name, created, job.account_id, job.region)))
    times = [phase.started_at for row in phases.participants for phase in row.phases if phase.started_at is not None]
    start = job.creation_date_time or min(times, default=None)
    end = job.end_date_time if job.is_complete else until
    spans = [(row, _spans(row, nearest_utc(start or until), end)) for row in phases.participants]
    # The slowest are first, and those without a phase in the log are last.
    spans.sort(key=lambda item: (not item[1], -max((end for *_, end in item[1]), default=0)))
    rows = spans[:MAX_ROWS]
    drawn = sum(bool(row_spans) for _, row_spans in rows)
    title = f"phases of {format_count(drawn, 'participant')}, {job.kind} {job.job_id}"
    title += _common.note(len(rows) - drawn, "participant", "without phases in the log")
    title += _common.note(len(spans) - len(rows), "participant", "not shown")
    if start is None or not rows:
        return _common.empty_chart(title, details, f"no {'times' if rows else 'participants'} in the job and its log")
    bars = [
        Bar(phase.name.label, row, start_at, end_at, _phase_text(participant, phase, names_by_id), phase.outcome)
        for row, (participant, row_spans) in enumerate(rows)
        for phase, start_at, end_at in row_spans
    ]
    low = min([0.0, *(bar.start for bar in bars)])
    high = max([low + 1 / 60, *(bar.end for bar in bars)])
    margin = (high - low) / 60
    figure = _common.new_chart()
    _common.add_bars(figure, bars, _COLOURS, height=0.5, size=13, shortest=margin)
    figure.update_xaxes(**_common.duration_axis(high), range=[low - margin, high + margin], zeroline=False)
    figure.update_xaxes(title="time since creation")
    labels = {y: _common.server_text(participant.participant, names_by_id) for y, (participant, _) in enumerate(rows)}
    _common.set_rows(figure, labels, len(rows))
    results = [
        format_duration(row.recovery_time)
        if row.outcome is Outcome.SUCCEEDED and row.recovery_time is not None
        else row.outcome.name
        for row, _ in rows
    ]
    figure.update_layout(yaxis2={"overlaying": "y", "side": "right", "matches": "y", "showgrid": False})
    figure.update_layout(yaxis2={"tickvals": list(labels), "ticktext": results})
    # plotly draws the second axis only with a trace.
    figure.add_scatter(x=[None], y=[None], yaxis="y2", showlegend=False)
    return _common.finish(figure, title, details, height=max(len(rows) * 26, 80))


def _spans(participant: ParticipantPhases, start: datetime, end: datetime | None) -> list[tuple[Phase, float, float]]:
    """Return the phases that have a start, each with its start and end, in minutes since `start`."""
    spans: list[tuple[Phase, float, float]] = []
    for phase in participant.phases:
        if phase.started_at is not None:
            began_at = nearest_utc(phase.started_at)
            ended_at = max(began_at, nearest_utc(phase.ended_at or end or began_at))
            spans.append((phase, minutes_of(began_at - start), minutes_of(ended_at - start)))
    return spans


def _phase_text(participant: ParticipantPhases, phase: Phase, names: Mapping[str, str]) -> str:
    end = "no end in the log" if phase.ended_at is None else format_second(phase.ended_at)
    lines = [
        _common.server_text(participant.participant, names),
        f"{participant.outcome.name}, recovery time {format_duration(participant.recovery_time)}",
        f"{phase.name.label} {phase.outcome.name}, {format_duration(phase.duration)}",
        f"{format_second(phase.started_at)} to {end} (UTC)",
        f"waited {format_duration(phase.waiting_before)} before it" if phase.waiting_before is not None else "",
        f"{phase.attempts:,} attempts" if phase.attempts > 1 else "",
        phase.error or "",
    ]
    return _common.hover(lines)


_COLUMNS: Final = 48
_ROWS: Final = 24
"""The parts of the width and height within which recoveries are one point, so that each point has a hover label."""

_MAX_CONNECTED: Final = 300
_OUTCOMES: Final[Mapping[Verdict, Outcome]] = {
    Verdict.MET: Outcome.SUCCEEDED,
    Verdict.UNDETERMINED: Outcome.UNDETERMINED,
    Verdict.NOT_MET: Outcome.FAILED,
}
"""The outcome with the marker of a verdict."""


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
        names: Host names by source server id, shown beside the ids. Default none.

    Raises:
        TypeError: If `objective` is not a timedelta, or `names` does not map str to str.
        ValueError: If `objective` is not above 0.
    """
    validate_duration("objective", objective)
    names_by_id = _common.host_names(names)
    recoveries = [recovery for history in all_recoveries(phases).values() for recovery in history]
    dated = [(time, r) for r in recoveries if r.job.is_complete and (time := r.created_at) is not None]
    dated.sort(key=lambda item: item[0])
    servers = {recovery.server_id for _, recovery in dated}
    jobs = {recovery.job.job_id: recovery.job for _, recovery in dated}
    others = {recovery.job.job_id: recovery.job for recovery in recoveries if recovery.job.job_id not in jobs}.values()
    title = f"recovery times of {format_count(len(servers), 'server')} in {format_count(len(jobs), 'job')}"
    title += _common.note(sum(job.is_complete for job in others), "job", "without a creation date")
    title += _common.note(sum(not job.is_complete for job in others), "job", "running")
    details = _common.describe_span(jobs.values())
    if not dated:
        return _common.empty_chart(title, details, "no complete recoveries or drills with a creation date")
    times = [recovery.recovery_time for _, recovery in dated if recovery.recovery_time is not None]
    line = wording.drawn_objective(objective, max(times, default=None))
    title += f"; {wording.undrawn_objective_label(objective)}" if objective is not None and line is None else ""
    highest = max(*map(minutes_of, [*times, line or timedelta()]), 1 / 60)
    has_band = len(times) < len(dated)
    band = highest * 1.22
    points = [
        (time, band if recovery.recovery_time is None else minutes_of(recovery.recovery_time), recovery)
        for time, recovery in dated
    ]
    figure = _common.new_chart()
    if len(points) <= _MAX_CONNECTED:
        _add_lines(figure, points)
    _add_points(figure, points, band / _ROWS, names_by_id, objective)
    axis = _common.duration_axis(highest)
    if has_band:
        figure.add_hrect(highest * 1.15, highest * 1.29, fillcolor=_common.FADED, opacity=0.15, line_width=0)
        ticks = [(value, text) for value, text in zip(axis["tickvals"], axis["ticktext"], strict=True) if value <= highest]
        axis["tickvals"], axis["ticktext"] = zip(*ticks, (band, "no time"), strict=True)
    if line is not None:
        dashes = {"color": _common.FADED, "width": 2, "dash": "dash"}
        text = f"objective {format_duration(line)}"
        figure.add_hline(minutes_of(line), line=dashes, annotation_text=text, annotation_position="bottom right")
    figure.update_yaxes(**axis, range=[0, highest * (1.3 if has_band else 1.12)])
    figure.update_xaxes(type="date", title="UTC", nticks=6)
    return _common.finish(figure, title, details, height=360)


_Point = tuple[datetime, float, Recovery]
"""A recovery with its place: the creation time of the job, and the recovery time in minutes."""
_Points = list[_Point]


def _add_lines(figure: Chart, points: _Points) -> None:
    """Connect the points of each server that have a recovery time, in one trace with gaps."""
    by_server: dict[str, list[tuple[datetime | None, float | None]]] = {}
    for time, minutes, recovery in points:
        if recovery.recovery_time is not None:
            by_server.setdefault(recovery.server_id, []).append((time, minutes))
    places = [place for history in by_server.values() for place in (*history, (None, None))]
    x, y = [time for time, _ in places], [minutes for _, minutes in places]
    line = {"color": _common.FADED, "width": 1}
    figure.add_scatter(mode="lines", x=x, y=y, line=line, opacity=0.6, hoverinfo="skip", showlegend=False)


def _add_points(figure: Chart, points: _Points, row: float, names: Mapping[str, str], objective: timedelta | None) -> None:
    """Draw one point for recoveries that would cover each other, at the time of the first and the height of the slowest."""
    order = list(OUTCOME_MARKERS)
    column = max((points[-1][0] - points[0][0]) / _COLUMNS, timedelta(minutes=1))
    counts: Counter[tuple[Outcome, str]] = Counter()
    drawn: dict[Outcome, list[tuple[datetime, float, str]]] = {outcome: [] for outcome in order}
    for near in _grouped(points, lambda point: point[0], column):
        slowest_first = sorted(near, key=lambda point: point[1], reverse=True)
        for members in reversed(_grouped(slowest_first, lambda point: point[1], row)):
            looks = [(*_look(recovery, objective), recovery) for *_, recovery in members]
            looks.sort(key=lambda look: -order.index(look[0]))
            counts.update((outcome, name) for outcome, name, _ in looks)
            text = _common.hover([], [_entry(recovery, name, names) for _, name, recovery in looks])
            drawn[looks[0][0]].append((near[0][0], members[0][1], text))
    for outcome, name in sorted(counts, key=lambda look: order.index(look[0])):
        _common.add_points(figure, outcome, f"{name} ({counts[outcome, name]:,})", drawn[outcome])


def _grouped(points: _Points, position: Callable[[_Point], Any], distance: Any) -> list[_Points]:
    """Group sorted points, so that each is at most at a distance from the first of its group."""
    groups: list[_Points] = []
    for point in points:
        if not groups or abs(position(point) - position(groups[-1][0])) > distance:
            groups.append([])
        groups[-1].append(point)
    return groups


def _look(recovery: Recovery, objective: timedelta | None) -> tuple[Outcome, str]:
    """Return the outcome with the marker of a recovery, and its name in the legend."""
    if objective is None:
        return recovery.outcome, recovery.outcome.name
    verdict = recovery.verdict(objective)
    return _OUTCOMES[verdict], verdict.label


def _entry(recovery: Recovery, name: str, names: Mapping[str, str]) -> str:
    """Return the line of a recovery in a hover label."""
    result = ", ".join(dict.fromkeys([name, recovery.outcome.name]))
    time = f"recovery time {wording.recovery_time_label(recovery)}"
    return f"{_common.server_text(recovery.server_id, names)}: {result}, {time}; {_common.job_text(recovery.job)}"
