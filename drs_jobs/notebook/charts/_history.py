"""The history of drills: outcomes, success rate and duration by month."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from statistics import median
from typing import Any, Final, cast

import plotly.graph_objects as go

from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._models import Job, Outcome
from drs_jobs._text import format_count, format_duration
from drs_jobs.analysis import latest_snapshots
from drs_jobs.evidence.drills_and_recoveries import is_drill
from drs_jobs.notebook.charts import _style
from drs_jobs.notebook.charts._periods import Periods
from drs_jobs.notebook.charts._style import OUTCOME_PATTERNS

_PANELS: Final = ("drills", "share that succeeded, %", "median duration of the jobs")
_STACK: Final = (Outcome.SUCCEEDED, Outcome.UNDETERMINED, Outcome.FAILED, Outcome.RUNNING)
"""The outcomes from the base of a bar to its top."""

_MAX_PERIODS: Final = 120
_MIN_PERIODS: Final = 6
"""The number of periods for which the axis has space."""

_MAX_TICK_PER_DRILL: Final = 4
"""The number of drills up to which each has a tick."""

_LEFT: Final = 60


def drill_history(jobs: Iterable[Job], *, width: int = _style.DEFAULT_WIDTH) -> go.Figure:
    """Return a chart of drills by month (UTC): the number per outcome, the share that succeeded, and the median duration.

    The outcome is that of the job, so one failed server fails it; `drill_grid` has the outcome of each server. The share is
    that of the complete drills, in per cent. The median duration is that of the drills with an end. A long history has
    quarters, years, decades or periods of 100 years instead of months. A drill without a creation date belongs to no month;
    the title has the number of these drills.

    Args:
        jobs: The jobs of any kind. The rules of `evidence.assess` decide what is a drill, and the other jobs are ignored.
        width: The width of the chart, in pixels. Default 920.
    """
    snapshots = latest_snapshots(jobs)
    drills = [job for job in snapshots if is_drill(job)]
    dated = [(time, job) for job in drills if (time := job.creation_date_time) is not None]
    periods = Periods.of((time for time, _ in dated), _MAX_PERIODS)
    title = f"{format_count(len(dated), 'drill')} in {format_count(len(periods.numbers), periods.noun)}"
    title += _style.note(len(drills) - len(dated), "drill", "without a creation date")
    details = _style.describe_span(drills)
    if not dated:
        text = f"no drills with a creation date in {format_count(len(snapshots), 'job')}"
        return _style.empty_chart(title, details, text, width=width)
    groups: dict[str, list[Job]] = {periods.label(number): [] for number in periods.numbers}
    for time, job in dated:
        groups[periods.label(periods.number_of(time))].append(job)
    figure = _style.new_chart()
    figure.set_subplots(rows=3, shared_xaxes=True, vertical_spacing=0.1, subplot_titles=_PANELS)
    _draw_counts(figure, groups)
    _draw_shares(figure, groups)
    _draw_durations(figure, groups)
    labels = list(groups)
    label_width = max(map(len, labels)) * 7 + 24
    labelled = labels[:: -(-len(labels) * label_width // int(_style.plot_width(width, _LEFT)))]
    # Space beside few months, so that their bars are not wide.
    space = 0.5 + max(0, _MIN_PERIODS - len(labels)) / 2
    figure.update_xaxes(type="category", tickmode="array", tickvals=labelled, ticktext=labelled)
    figure.update_xaxes(range=[-space, len(labels) - 1 + space])
    figure.update_xaxes(title=f"{periods.noun} (UTC)", row=3, col=1)
    figure.update_layout(barmode="stack", bargap=0.25)
    _style.finish(figure, title, details, width=width, plot_height=520, left=_LEFT, above=26)
    return figure


_Groups = Mapping[str, list[Job]]
"""The drills of each period, by its label."""


def _draw_counts(figure: go.Figure, groups: _Groups) -> None:
    counts = {period: Counter(job.outcome for job in drills) for period, drills in groups.items()}
    for outcome in _STACK:
        total = sum(count[outcome] for count in counts.values())
        if total:
            text = [
                f"{period}: {count[outcome]:,} of {format_count(count.total(), 'drill')} {outcome.name}"
                if count[outcome]
                else ""
                for period, count in counts.items()
            ]
            figure.add_bar(
                name=f"{outcome.name} ({total:,})",
                x=list(counts),
                y=[count[outcome] for count in counts.values()],
                marker={
                    "color": OUTCOME_COLOURS[outcome],
                    "line": {"width": 0},
                    "pattern": _style.bar_pattern(OUTCOME_PATTERNS[outcome]),
                },
                hovertext=text,
                hoverinfo="text",
                row=1,
                col=1,
            )
    highest = max(count.total() for count in counts.values())
    tick = 1 if highest <= _MAX_TICK_PER_DRILL else None
    figure.update_yaxes(range=[0, highest * 1.08], dtick=tick, tickformat=",d", row=1, col=1)


def _draw_shares(figure: go.Figure, groups: _Groups) -> None:
    points: list[tuple[str, float | None, str]] = []
    for period, drills in groups.items():
        complete = [job for job in drills if job.is_complete]
        succeeded = sum(job.outcome is Outcome.SUCCEEDED for job in complete)
        text = f"{period}: {succeeded:,} of {format_count(len(complete), 'complete drill')} succeeded"
        points.append((period, 100 * succeeded / len(complete) if complete else None, text))
    _draw_line(figure, points, row=2, colour=OUTCOME_COLOURS[Outcome.SUCCEEDED])
    figure.update_yaxes(range=[0, 108], tickvals=[0, 50, 100], row=2, col=1)


def _draw_durations(figure: go.Figure, groups: _Groups) -> None:
    points: list[tuple[str, float | None, str]] = []
    longest = 1 / 60
    for period, drills in groups.items():
        durations = [job.duration for job in drills if job.duration is not None]
        middle: timedelta | None = median(cast("list[Any]", durations)) if durations else None
        minutes = None if middle is None else _style.minutes_of(middle)
        longest = max(longest, minutes or 0)
        text = f"{period}: median {format_duration(middle)} of {format_count(len(durations), 'drill')}"
        points.append((period, minutes, f"{text}, slowest {format_duration(max(durations, default=None))}"))
    _draw_line(figure, points, row=3, colour=_style.FADED)
    figure.update_yaxes(**_style.duration_axis(longest, max_ticks=4), range=[0, longest * 1.15], row=3, col=1)


def _draw_line(figure: go.Figure, points: Iterable[tuple[str, float | None, str]], *, row: int, colour: str) -> None:
    periods, values, text = zip(*points, strict=True)
    figure.add_scatter(
        name=_PANELS[row - 1],
        x=periods,
        y=values,
        mode="lines+markers",
        line={"color": colour, "width": 2},
        marker={"size": 8},
        hovertext=["" if value is None else label for value, label in zip(values, text, strict=True)],
        hoverinfo="text",
        showlegend=False,
        row=row,
        col=1,
    )
