"""The recovery times of servers over time."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false

import math
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final

import attrs
import plotly.graph_objects as go

from drs_jobs._models import Outcome
from drs_jobs._text import format_count, format_duration
from drs_jobs.analysis import JobPhases
from drs_jobs.evidence import Verdict, wording
from drs_jobs.evidence.drills_and_recoveries import Recovery, all_recoveries
from drs_jobs.evidence.verdicts import validate_duration
from drs_jobs.notebook.charts import _style
from drs_jobs.notebook.charts._host_names import host_names
from drs_jobs.notebook.charts._style import OUTCOME_SYMBOLS, minutes_of

_MAX_LINES: Final = 60
"""The maximum number of servers whose points are connected."""

_MAX_NAMED: Final = 8
"""The maximum number of servers with a name at their last point."""

_NAMES_WIDTH: Final = 170
"""The width of these names, in pixels."""

_NAME_HEIGHT: Final = 14
_MARKER_SIZE: Final = 10
_MIN_DISTANCE: Final = 8
"""The distance of two markers, in pixels, below which they are one, so that each has a hover label."""

_MIN_RANGE: Final = 3_600_000
"""The shortest range of the time axis, in milliseconds."""

_PLOT_HEIGHT: Final = 380
_LEFT: Final = 70.0
_OUTCOMES: Final[Mapping[Verdict, Outcome]] = {
    Verdict.MET: Outcome.SUCCEEDED,
    Verdict.UNDETERMINED: Outcome.UNDETERMINED,
    Verdict.NOT_MET: Outcome.FAILED,
}
"""The outcome with the marker of a verdict."""


@attrs.frozen
class _Point:
    """Recoveries that are drawn as one marker, at the place of the first of them."""

    x: float
    """In pixels."""
    y: float
    """In pixels."""
    time: datetime
    minutes: float
    recoveries: list[Recovery]


def recovery_chart(
    phases: Iterable[JobPhases],
    *,
    objective: timedelta | None = None,
    names: Mapping[str, str] | None = None,
    width: int = _style.DEFAULT_WIDTH,
) -> go.Figure:
    """Return a chart of the recovery time of each server over time, with the verdict of each recovery.

    The rules of `evidence.assess` decide what is a recovery, and its verdict. Each recovery or drill of a server is a point at
    the creation of the job. The points of a server are connected, for at most 60 servers. Points that would cover each other
    are one, with the worst result of them, and its hover label has them all. Recoveries without a recovery time are in a band
    at the top. Recoveries that run are not drawn; the title has the number of their jobs.

    Args:
        phases: The phases of the jobs, in any order. A job that is given twice is drawn once.
        objective: The recovery time objective (RTO), such as `timedelta(hours=4)`. A point is met, not met or undetermined. The
            objective is a line, unless it is more than four times the longest recovery time; then it is in the title. By
            default a point has the outcome of the server.
        names: Host names by source server id, shown beside the ids. Default none.
        width: The width of the chart, in pixels. Default 920.

    Raises:
        TypeError: If `objective` is not a timedelta, or `names` does not map str to str.
        ValueError: If `objective` is not above 0.
    """
    validate_duration("objective", objective)
    names_by_id = host_names(names)
    recoveries = [recovery for history in all_recoveries(phases).values() for recovery in history]
    complete = [recovery for recovery in recoveries if recovery.job.is_complete]
    dated = [(time, recovery) for recovery in complete if (time := recovery.created_at) is not None]
    dated.sort(key=lambda item: item[0])
    servers = {recovery.server_id for _, recovery in dated}
    jobs = {recovery.job.job_id: recovery.job for _, recovery in dated}
    running, undated = _jobs_without_point(recoveries)
    title = f"recovery times of {format_count(len(servers), 'server')} in {format_count(len(jobs), 'job')}"
    title += _style.note(undated, "job", "without a creation date") + _style.note(running, "job", "running")
    details = _style.describe_span(jobs.values())
    if not dated:
        text = "no complete recoveries or drills with a creation date"
        return _style.empty_chart(title, details, text, width=width)
    times = [recovery.recovery_time for _, recovery in dated if recovery.recovery_time is not None]
    line = wording.drawn_objective(objective, max(times, default=None))
    title += f"; {wording.undrawn_objective_label(objective)}" if objective is not None and line is None else ""
    figure = _style.new_chart()
    highest = max(*map(minutes_of, [*times, line or timedelta(0)]), 1 / 60)
    has_band = len(times) < len(dated)
    band, top = highest * 1.22, highest * (1.3 if has_band else 1.12)
    named = len(servers) <= _MAX_NAMED and bool(times)
    pixels = _style.plot_width(width, _LEFT) - (_NAMES_WIDTH if named else 0)
    first, last = (_style.milliseconds_of(time) for time in (dated[0][0], dated[-1][0]))
    low, high, per_pixel = _style.padded(first, last, pixels, shortest=_MIN_RANGE)
    if len(servers) <= _MAX_LINES:
        _draw_lines(figure, dated)
    points = _points(dated, band, x_per_pixel=per_pixel, minutes_per_pixel=top / _PLOT_HEIGHT)
    _draw_points(figure, points, names_by_id, objective)
    if named:
        _draw_names(figure, dated, names_by_id, minutes_per_pixel=top / _PLOT_HEIGHT)
    axis = _style.duration_axis(highest)
    if has_band:
        _style.add_bands(figure, [(highest * 1.15, highest * 1.29)], 0.15)
        ticks = [(value, text) for value, text in zip(axis["tickvals"], axis["ticktext"], strict=True) if value <= highest]
        axis["tickvals"], axis["ticktext"] = zip(*ticks, (band, "no time"), strict=True)
    if line is not None:
        figure.add_hline(
            minutes_of(line),
            line={"color": _style.FADED, "width": 2, "dash": "dash"},
            annotation={"text": f"objective {format_duration(line)}", "font": {"size": 12}},
            annotation_position="bottom right",
        )
    figure.update_yaxes(**axis, range=[0, top], zeroline=False)
    end = high + (_NAMES_WIDTH * per_pixel if named else 0)
    figure.update_xaxes(type="date", range=[low, end], title="UTC")
    _style.finish(figure, title, details, width=width, plot_height=_PLOT_HEIGHT, left=_LEFT)
    return figure


def _jobs_without_point(recoveries: Iterable[Recovery]) -> tuple[int, int]:
    """Return the number of jobs that run, and of complete jobs without a creation time."""
    jobs = {recovery.job.job_id: recovery.job for recovery in recoveries}.values()
    return sum(not job.is_complete for job in jobs), sum(job.is_complete and not job.creation_date_time for job in jobs)


_Dated = Sequence[tuple[datetime, Recovery]]
"""Recoveries with the creation times of their jobs, the oldest first."""


def _draw_lines(figure: go.Figure, dated: _Dated) -> None:
    """Connect the points of each server, in one trace with gaps."""
    by_server: dict[str, list[tuple[datetime | None, float | None]]] = {}
    for time, recovery in dated:
        if recovery.recovery_time is not None:
            by_server.setdefault(recovery.server_id, []).append((time, minutes_of(recovery.recovery_time)))
    points = [point for line in by_server.values() for point in (*line, (None, None))]
    figure.add_scatter(
        mode="lines",
        x=[time for time, _ in points],
        y=[minutes for _, minutes in points],
        line={"color": _style.FADED, "width": 1},
        opacity=0.6,
        hoverinfo="skip",
        showlegend=False,
    )


def _points(dated: _Dated, band: float, *, x_per_pixel: float, minutes_per_pixel: float) -> list[_Point]:
    """Return the recoveries as points that are at least `_MIN_DISTANCE` apart."""
    points: list[_Point] = []
    for time, recovery in dated:
        minutes = band if recovery.recovery_time is None else minutes_of(recovery.recovery_time)
        x, y = _style.milliseconds_of(time) / x_per_pixel, minutes / minutes_per_pixel
        candidates = points[bisect(points, x - _MIN_DISTANCE, key=attrgetter("x")) :]
        point = next((point for point in candidates if math.hypot(x - point.x, y - point.y) < _MIN_DISTANCE), None)
        if point is None:
            point = _Point(x, y, time, minutes, [])
            points.append(point)
        point.recoveries.append(recovery)
    return points


def _draw_points(figure: go.Figure, points: Iterable[_Point], names: Mapping[str, str], objective: timedelta | None) -> None:
    order = list(OUTCOME_SYMBOLS)
    counts: Counter[tuple[Outcome, str]] = Counter()
    markers: dict[Outcome, list[tuple[datetime, float, str]]] = {outcome: [] for outcome in order}
    for point in points:
        looks = [(_look(recovery, objective), recovery) for recovery in point.recoveries]
        looks.sort(key=lambda item: -order.index(item[0][0]))
        counts.update(look for look, _ in looks)
        text = _style.hover([], [_entry(recovery, look[1], names) for look, recovery in looks])
        worst, _ = looks[0][0]
        markers[worst].append((point.time, point.minutes, text))
    for outcome, name in sorted(counts, key=lambda look: order.index(look[0])):
        _style.add_markers(figure, outcome, f"{name} ({counts[outcome, name]:,})", markers[outcome], _MARKER_SIZE)


def _look(recovery: Recovery, objective: timedelta | None) -> tuple[Outcome, str]:
    """Return the outcome with the marker of a recovery, and its name in the legend."""
    if objective is None:
        return recovery.outcome, recovery.outcome.name
    verdict = recovery.verdict(objective)
    return _OUTCOMES[verdict], verdict.label


def _entry(recovery: Recovery, name: str, names: Mapping[str, str]) -> list[str]:
    """Return the lines of a recovery in a hover label."""
    result = ", ".join(dict.fromkeys([name, recovery.outcome.name]))
    time = f"recovery time {wording.recovery_time_label(recovery)}"
    return [f"{_style.server_text(recovery.server_id, names)}: {result}, {time}", *_style.job_lines(recovery.job)[:2]]


def _draw_names(figure: go.Figure, dated: _Dated, names: Mapping[str, str], *, minutes_per_pixel: float) -> None:
    """Write the name of each server right of its last point, without overlaps."""
    last = {r.server_id: (minutes_of(r.recovery_time), time) for time, r in dated if r.recovery_time is not None}
    lowest = -math.inf
    for server_id, (minutes, time) in sorted(last.items(), key=lambda item: item[1]):
        lowest = max(minutes, lowest + _NAME_HEIGHT * minutes_per_pixel)
        name = _style.label(names.get(server_id, server_id), 24)
        figure.add_annotation(x=time, y=lowest, text=name, showarrow=False, xanchor="left", xshift=10, font={"size": 11})
