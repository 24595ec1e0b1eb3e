"""The recovery times of servers over time."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Any, Final

import attrs
import plotly.graph_objects as go

from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._models import Outcome
from drs_jobs._text import format_count, format_duration
from drs_jobs.analysis import JobPhases
from drs_jobs.analysis.names import host_names
from drs_jobs.analysis.times import created
from drs_jobs.evidence.recovery import Recovery, recoveries, validate_objective
from drs_jobs.notebook.charts import _style

_MAX_LINES: Final = 60
"""The maximum number of servers whose points are connected."""

_MAX_NAMED: Final = 8
"""The maximum number of servers with a name at their last point."""

_MARKER_SIZE: Final = 10
_MIN_DISTANCE: Final = 8
"""The distance of two markers, in pixels, below which they are one, so that each has a hover label."""

_MAX_LISTED: Final = 6
"""The maximum number of recoveries in a hover label."""

_PLOT_HEIGHT: Final = 380


@attrs.frozen
class _Kind:
    """How recoveries with the same result are drawn."""

    name: str
    marker: Mapping[str, Any]


_WITHIN: Final = _Kind("within the objective", {"symbol": "circle", "color": OUTCOME_COLOURS[Outcome.SUCCEEDED]})
_OVER: Final = _Kind("over the objective", {"symbol": "triangle-up", "color": OUTCOME_COLOURS[Outcome.UNDETERMINED]})
_MEASURED: Final = _Kind("measured", {"symbol": "circle", "color": OUTCOME_COLOURS[Outcome.RUNNING]})
_UNKNOWN: Final = _Kind("without a time", {"symbol": "diamond-open", "color": _style.FADED})
_FAILED: Final = _Kind("failed", {"symbol": "x", "color": OUTCOME_COLOURS[Outcome.FAILED]})
_KINDS: Final = (_WITHIN, _MEASURED, _OVER, _UNKNOWN, _FAILED)
"""In the order in which they are drawn: failures are on top."""


def recovery_chart(
    phases: Iterable[JobPhases],
    *,
    objective: timedelta | None = None,
    names: Mapping[str, str] | None = None,
    dark: bool = False,
    width: int = _style.DEFAULT_WIDTH,
) -> go.Figure:
    """Return a chart of the recovery time of each server over time, with the objective as a line.

    Each recovery or drill of a server is a point at the creation of the job. The points of a server are connected, for at most
    60 servers. Points that would cover each other are one, with the worst result of them, and its hover label has them all.
    Recoveries without a recovery time, because they failed or because the log lacks it, are in a band at the top.
    Recoveries that run are not drawn. Which jobs are recoveries is as in `analysis.recovery_times`.

    Args:
        phases: The phases of the jobs, in any order. A job that is given twice is drawn once.
        objective: The recovery time objective (RTO), such as `timedelta(hours=4)`. Default none.
        names: Host names by source server id, shown beside the ids. Default none.
        dark: Whether the chart is for a dark page. Default `False`.
        width: The width of the chart, in pixels. Default 920.

    Raises:
        TypeError: If `objective` is not a timedelta, or `names` does not map str to str.
        ValueError: If `objective` is negative.
    """
    validate_objective(objective)
    known = host_names(names)
    every = [each for each in recoveries(phases) if each.job.is_complete]
    dated = [(moment, each) for each in every if (moment := created(each.job)) is not None]
    dated.sort(key=lambda each: each[0])
    servers = {each.server_id for _, each in dated}
    figure = _style.new_chart(dark=dark)
    title = f"recovery times: {_count(len(dated))} of {format_count(len(servers), 'server')}" + _style.undated_note(
        len(every) - len(dated)
    )
    details = _style.describe_span(each.job for _, each in dated)
    if not dated:
        _style.draw_empty(figure, "no complete recoveries or drills with a creation date")
        _style.finish(figure, title, details, width=width, plot_height=160, left=24)
        return figure
    goal = None if objective is None else objective.total_seconds() / 60
    times = [each.minutes for _, each in dated if each.minutes is not None]
    highest = max([*times, goal or 0.0, 1 / 60])
    has_band = len(times) < len(dated)
    band = highest * 1.22
    named = _named(dated) if len(servers) <= _MAX_NAMED else {}
    left = 70.0
    pixels = _style.plot_width(width, left) - (_NAMES_WIDTH if named else 0)
    low, high, per_pixel = _style.padded(
        _style.seconds_of(dated[0][0]), _style.seconds_of(dated[-1][0]), pixels, shortest=3_600
    )
    if len(servers) <= _MAX_LINES:
        _draw_lines(figure, dated)
    minutes_per_pixel = highest * (1.3 if has_band else 1.12) / _PLOT_HEIGHT
    points = _points(dated, band, seconds_per_pixel=per_pixel, minutes_per_pixel=minutes_per_pixel)
    _draw_points(figure, points, known, goal)
    _draw_names(figure, named, known, per_pixel=minutes_per_pixel)
    axis = _style.duration_axis(highest)
    if has_band:
        figure.add_hrect(
            y0=highest * 1.15, y1=highest * 1.29, fillcolor=_style.FADED, opacity=0.15, line_width=0, layer="below"
        )
        ticks = [(value, text) for value, text in zip(axis["tickvals"], axis["ticktext"], strict=True) if value <= highest]
        axis["tickvals"], axis["ticktext"] = zip(*ticks, (band, "no time"), strict=True)
    _style.add_objective(figure, objective)
    figure.update_yaxes(**axis, range=[0, highest * (1.3 if has_band else 1.12)], zeroline=False)
    end = high + (_NAMES_WIDTH * per_pixel if named else 0)
    figure.update_xaxes(type="date", range=[_style.moment_at(low), _style.moment_at(end)], title="UTC")
    _style.finish(figure, title, details, width=width, plot_height=_PLOT_HEIGHT, left=left)
    return figure


_NAMES_WIDTH: Final = 170
"""The width of the names of servers at their last points, in pixels."""


def _count(count: int) -> str:
    return f"{count:,} recovery" if count == 1 else f"{count:,} recoveries"


def _draw_lines(figure: go.Figure, dated: Sequence[tuple[datetime, Recovery]]) -> None:
    """Connect the points of each server, in one trace with gaps."""
    by_server: dict[str, list[tuple[datetime, float]]] = {}
    for moment, each in dated:
        if each.minutes is not None:
            by_server.setdefault(each.server_id, []).append((moment, each.minutes))
    points = [point for own in by_server.values() for point in (*own, (None, None))]
    figure.add_scatter(
        mode="lines",
        x=[moment for moment, _ in points],
        y=[minutes for _, minutes in points],
        line={"color": _style.FADED, "width": 1},
        opacity=0.6,
        hoverinfo="skip",
        showlegend=False,
    )


@attrs.frozen
class _Point:
    """Recoveries that are drawn as one marker."""

    moment: datetime
    minutes: float
    recoveries: list[Recovery]


def _points(
    dated: Sequence[tuple[datetime, Recovery]], band: float, *, seconds_per_pixel: float, minutes_per_pixel: float
) -> list[_Point]:
    """Return the recoveries as points that are at least `_MIN_DISTANCE` apart, each at its first recovery."""
    cells: dict[tuple[int, int], list[tuple[float, float, _Point]]] = {}
    points: list[_Point] = []
    for moment, each in dated:
        minutes = band if each.minutes is None else each.minutes
        x, y = _style.seconds_of(moment) / seconds_per_pixel, minutes / minutes_per_pixel
        column, row = int(x // _MIN_DISTANCE), int(y // _MIN_DISTANCE)
        near = (
            point
            for cell in product((column - 1, column, column + 1), (row - 1, row, row + 1))
            for other_x, other_y, point in cells.get(cell, ())
            if math.hypot(x - other_x, y - other_y) < _MIN_DISTANCE
        )
        point = next(near, None)
        if point is None:
            point = _Point(moment, minutes, [])
            points.append(point)
            cells.setdefault((column, row), []).append((x, y, point))
        point.recoveries.append(each)
    return points


def _draw_points(figure: go.Figure, points: Sequence[_Point], names: Mapping[str, str], goal: float | None) -> None:
    by_kind: dict[str, list[_Point]] = {kind.name: [] for kind in _KINDS}
    counts: Counter[str] = Counter()
    for point in points:
        kinds = [_kind_of(each, goal) for each in point.recoveries]
        counts.update(kind.name for kind in kinds)
        by_kind[max(kinds, key=_KINDS.index).name].append(point)
    for kind in _KINDS:
        own = by_kind[kind.name]
        if own:
            figure.add_scatter(
                name=f"{kind.name} ({counts[kind.name]:,})",
                mode="markers",
                x=[point.moment for point in own],
                y=[point.minutes for point in own],
                marker={**kind.marker, "size": _MARKER_SIZE, "opacity": 1},
                hovertext=[_hover_text(point, names, goal) for point in own],
                hovertemplate="%{hovertext}<extra></extra>",
            )


def _kind_of(each: Recovery, goal: float | None) -> _Kind:
    if each.has_failed:
        return _FAILED
    if each.minutes is None:
        return _UNKNOWN
    if goal is None:
        return _MEASURED
    return _WITHIN if each.minutes <= goal else _OVER


def _hover_text(point: _Point, names: Mapping[str, str], goal: float | None) -> str:
    lines: list[str] = []
    worst_first = sorted(point.recoveries, key=lambda each: -_KINDS.index(_kind_of(each, goal)))
    for each in worst_first[:_MAX_LISTED]:
        own_name = f"{names[each.server_id]} " if each.server_id in names else ""
        time = "" if each.minutes is None else f"{format_duration(each.row.recovery_time)}, "
        lines += [f"{own_name}{each.server_id}: {time}{_kind_of(each, goal).name}", *_style.job_lines(each.job)[:2]]
    more = len(point.recoveries) - _MAX_LISTED
    return _style.hover([*lines, *([f"and {_count(more)} more"] if more > 0 else [])])


def _named(dated: Sequence[tuple[datetime, Recovery]]) -> dict[str, tuple[datetime, float]]:
    """Return the last point of each server."""
    return {each.server_id: (moment, each.minutes) for moment, each in dated if each.minutes is not None}


def _draw_names(
    figure: go.Figure, last: Mapping[str, tuple[datetime, float]], names: Mapping[str, str], *, per_pixel: float
) -> None:
    """Write the name of each server right of its last point, without overlaps.

    Args:
        figure: The figure.
        last: The last point of each server.
        names: Host names by source server id.
        per_pixel: The minutes per pixel.
    """
    lowest = float("-inf")
    for server_id, (moment, minutes) in sorted(last.items(), key=lambda each: each[1][1]):
        height = max(minutes, lowest + 14 * per_pixel)
        lowest = height
        figure.add_annotation(
            x=moment,
            y=height,
            text=_style.label(names.get(server_id, server_id), 24),
            showarrow=False,
            xanchor="left",
            xshift=10,
            font={"size": 11},
        )
