"""The history of drills: outcomes, success rate and duration by month."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from statistics import median
from typing import Final

import plotly.graph_objects as go

from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._models import Job, Outcome
from drs_jobs._text import format_count, format_duration
from drs_jobs.notebook.charts import _style
from drs_jobs.notebook.charts._periods import Periods

_PANELS: Final = ("drills", "share that succeeded, %", "median duration")
_STACK: Final = (Outcome.SUCCEEDED, Outcome.UNDETERMINED, Outcome.FAILED, Outcome.RUNNING)
"""The outcomes from the base of a bar to its top."""

_MAX_PERIODS: Final = 120
_MIN_PERIODS: Final = 6
"""The number of periods for which the axis has space."""


def drill_history(
    jobs: Iterable[Job],
    *,
    objective: timedelta | None = None,
    dark: bool = False,
    width: int = _style.DEFAULT_WIDTH,
) -> go.Figure:
    """Return a chart of drills by month (UTC): the number per outcome, the share that succeeded, and the median duration.

    The share is that of the complete drills, in per cent. The median duration is that of the drills with an end. A long history
    has quarters, years, decades or periods of 100 years instead of months. A drill without a creation date belongs to no month;
    the title has the number of these drills.

    Args:
        jobs: The jobs. Jobs that are not drills are ignored.
        objective: The objective for the duration of a drill, drawn as a line. Default none.
        dark: Whether the chart is for a dark page. Default `False`.
        width: The width of the chart, in pixels. Default 920.
    """
    every = list(jobs)
    drills = [job for job in every if job.is_drill]
    dated = [job for job in drills if job.creation_date_time is not None]
    periods = Periods.of((job.creation_date_time for job in dated if job.creation_date_time is not None), _MAX_PERIODS)
    found: dict[int, list[Job]] = {}
    for job in dated:
        if job.creation_date_time is not None:
            found.setdefault(periods.number_of(job.creation_date_time), []).append(job)
    numbers = range(min(found, default=0), max(found, default=-1) + 1)
    counted = f"{format_count(len(dated), 'drill')} in {format_count(len(numbers), periods.noun)}"
    title = counted + _style.undated_note(len(drills) - len(dated))
    figure = _style.new_chart(dark=dark)
    if not dated:
        _style.draw_empty(figure, f"no drills with a creation date in {format_count(len(every), 'job')}")
        _style.finish(figure, title, _style.describe_span(drills), width=width, plot_height=160, left=24)
        return figure
    names = [periods.label(number) for number in numbers]
    groups = [found.get(number, []) for number in numbers]
    figure.set_subplots(rows=3, shared_xaxes=True, vertical_spacing=0.1, subplot_titles=_PANELS)
    _draw_counts(figure, names, groups)
    _draw_shares(figure, names, groups)
    _draw_durations(figure, names, groups, objective)
    left = 60
    label_width = max(len(name) for name in names) * 7 + 24
    every_nth = -(-len(names) * label_width // int(_style.plot_width(width, left)))
    shown = names[::every_nth]
    # Space beside few months, so that their bars are not wide.
    space = 0.5 + max(0, _MIN_PERIODS - len(names)) / 2
    figure.update_xaxes(type="category", tickmode="array", tickvals=shown, ticktext=shown)
    figure.update_xaxes(range=[-space, len(names) - 1 + space])
    figure.update_xaxes(title=f"{periods.noun} (UTC)", row=3, col=1)
    figure.update_layout(barmode="stack", bargap=0.25)
    _style.finish(figure, title, _style.describe_span(dated), width=width, plot_height=520, left=left, above=26)
    return figure


def _draw_counts(figure: go.Figure, names: Sequence[str], groups: Sequence[list[Job]]) -> None:
    counts = [Counter(job.outcome for job in group) for group in groups]
    for outcome in _STACK:
        if any(count[outcome] for count in counts):
            own = [count[outcome] for count in counts]
            words = [
                f"{name}: {own_count:,} of {format_count(count.total(), 'drill')} {outcome.name}" if own_count else ""
                for name, own_count, count in zip(names, own, counts, strict=True)
            ]
            figure.add_bar(
                name=f"{outcome.name} ({sum(own):,})",
                x=names,
                y=own,
                marker=_style.outcome_bar(outcome),
                hovertext=words,
                hovertemplate="%{hovertext}<extra></extra>",
                row=1,
                col=1,
            )
    highest = max(count.total() for count in counts)
    figure.update_yaxes(
        range=[0, highest * 1.08], dtick=1 if highest < 5 else None, tickformat=",d", row=1, col=1
    )  # few enough for a tick each


def _draw_shares(figure: go.Figure, names: Sequence[str], groups: Sequence[list[Job]]) -> None:
    shares: list[float | None] = []
    words: list[str] = []
    for name, group in zip(names, groups, strict=True):
        complete = [job for job in group if job.is_complete]
        succeeded = sum(job.outcome is Outcome.SUCCEEDED for job in complete)
        shares.append(100 * succeeded / len(complete) if complete else None)
        words.append(f"{name}: {succeeded:,} of {format_count(len(complete), 'complete drill')} succeeded")
    _draw_line(figure, names, shares, words, row=2, colour=OUTCOME_COLOURS[Outcome.SUCCEEDED])
    figure.update_yaxes(range=[0, 108], tickvals=[0, 50, 100], row=2, col=1)


def _draw_durations(figure: go.Figure, names: Sequence[str], groups: Sequence[list[Job]], objective: timedelta | None) -> None:
    medians: list[float | None] = []
    words: list[str] = []
    for name, group in zip(names, groups, strict=True):
        durations = [job.duration for job in group if job.duration is not None]
        middle = median(each.total_seconds() for each in durations) if durations else None
        medians.append(None if middle is None else middle / 60)
        shown = format_duration(None if middle is None else timedelta(seconds=middle))
        slowest = format_duration(max(durations, default=None))
        words.append(f"{name}: median {shown} of {format_count(len(durations), 'drill')}, slowest {slowest}")
    _draw_line(figure, names, medians, words, row=3, colour=_style.FADED)
    _style.add_objective(figure, objective, row=3, col=1)
    longest = max(
        [each for each in medians if each is not None] + ([objective.total_seconds() / 60] if objective else []), default=1.0
    )
    figure.update_yaxes(**_style.duration_axis(longest, max_ticks=4), range=[0, max(longest, 1 / 60) * 1.15], row=3, col=1)


def _draw_line(
    figure: go.Figure, names: Sequence[str], values: Sequence[float | None], words: Sequence[str], *, row: int, colour: str
) -> None:
    figure.add_scatter(
        name=_PANELS[row - 1],
        x=names,
        y=values,
        mode="lines+markers",
        line={"color": colour, "width": 2},
        marker={"size": 8},
        hovertext=["" if value is None else _style.label(each) for value, each in zip(values, words, strict=True)],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
        row=row,
        col=1,
    )
