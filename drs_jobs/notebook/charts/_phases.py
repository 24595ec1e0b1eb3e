"""The phases of a job: one row per participant, one bar per phase."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs
import plotly.graph_objects as go

from drs_jobs._html import OUTCOME_COLOURS, PHASE_COLOURS
from drs_jobs._models import Outcome
from drs_jobs._text import format_count, format_duration, format_minute, format_second
from drs_jobs._time import nearest_utc, utc_offset
from drs_jobs.analysis import JobPhases, ParticipantPhases, Phase, PhaseName
from drs_jobs.analysis.names import host_names
from drs_jobs.notebook.charts import _style
from drs_jobs.notebook.charts._style import MAX_ROWS

_ROW_HEIGHT: Final = 26
_MIN_BAR_WIDTH: Final = 12
"""The width, in pixels, below which a bar has a marker on it, because the marker of the phase before could cover it."""

_MARKER_DISTANCE: Final = 8
"""The distance of the markers in a row, in pixels."""

_COLOURS: Final[Mapping[str, str]] = {
    **PHASE_COLOURS,
    PhaseName.DEPLOY_NETWORK_CONFIGURATION: PHASE_COLOURS[PhaseName.CONVERSION],
    PhaseName.UPDATE_NETWORK_CONFIGURATION: PHASE_COLOURS[PhaseName.LAUNCH],
    PhaseName.UPDATE_LAUNCH_TEMPLATE: PHASE_COLOURS[PhaseName.SNAPSHOT],
}


@attrs.frozen(eq=False)  # so that a bar can be a key
class _Bar:
    """A phase in a row. Times are in minutes since the creation of the job."""

    row: int
    participant: ParticipantPhases
    phase: Phase
    start: float
    end: float

    @property
    def is_open(self) -> bool:
        """Whether the phase has no end in the log."""
        return self.phase.ended_at is None


def phases_chart(
    phases: JobPhases,
    *,
    objective: timedelta | None = None,
    now: datetime | None = None,
    names: Mapping[str, str] | None = None,
    dark: bool = False,
    width: int = _style.DEFAULT_WIDTH,
) -> go.Figure:
    """Return a chart with one row per participant of a job and one bar per phase, the slowest participant at the top.

    Times are those since the creation of the job, and waiting is the gap between two bars. A phase without an end in the log is
    hatched, to `now` or to the end of the job. A failed phase has a red outline. A phase that would be narrower than 12 pixels,
    such as most snapshots, has a marker on it. At the end of each row are the outcome and the recovery time. At most 60
    participants are drawn, the slowest ones; the title has the number of the others.

    Args:
        phases: The phases of the job, from `JobsClient.phases` or `analysis.phases`.
        objective: The recovery time objective (RTO), drawn as a line. Default none.
        now: The end of running phases, as an aware datetime; by default the current time.
        names: Host names by source server id, shown beside the ids. Default none.
        dark: Whether the chart is for a dark page. Default `False`.
        width: The width of the chart, in pixels. Default 920.

    Raises:
        TypeError: If `names` does not map str to str.
        ValueError: If `now` has no time zone.
    """
    until = datetime.now(UTC) if now is None else now
    utc_offset(until, "now")
    known = host_names(names)
    job = phases.job
    figure = _style.new_chart(dark=dark)
    count = len(phases.participants)
    title = f"phases of {format_count(count, 'participant')}, {job.kind} {job.job_id}"
    title += _style.others_note(count - MAX_ROWS, "participant") if count > MAX_ROWS else ""
    details = ", ".join(
        [
            job.outcome.name,
            f"created {format_minute(job.creation_date_time)} (UTC)",
            *filter(None, (job.account_id, job.region)),
        ]
    )
    start = _start(phases)
    if start is None or not phases.participants:
        what = "participants" if not phases.participants else "times"
        _style.draw_empty(figure, f"no {what} in the job and its log")
        _style.finish(figure, title, details, width=width, plot_height=160, left=24)
        return figure
    end = nearest_utc(until) if not job.is_complete else job.end_date_time and nearest_utc(job.end_date_time)
    bars = [(row, _bars(row, start, end)) for row in phases.participants]
    bars.sort(key=lambda each: -max((bar.end for bar in each[1]), default=-1))
    shown = [(row, [attrs.evolve(bar, row=number) for bar in own]) for number, (row, own) in enumerate(bars[:MAX_ROWS])]
    drawn = [bar for _, own in shown for bar in own]
    labels = [_style.server_label(row.participant, known, _style.label_limit(width)) for row, _ in shown]
    left = _style.label_width(labels, width)
    goal = [] if objective is None else [objective.total_seconds() / 60]
    low = min([bar.start for bar in drawn] + [0.0])
    high = max([bar.end for bar in drawn] + [*goal, low + 1 / 60])
    # The words at the end of a row are right of its last bar.
    words_width = 30 + 7.5 * max(len(_end_text(row, own)) for row, own in shown)
    high += (high - low) * words_width / max(100.0, _style.plot_width(width, left) - words_width)
    per_pixel = (high - low) / _style.plot_width(width, left)
    low -= 8 * per_pixel
    _draw(figure, drawn, known, per_pixel)
    _draw_ends(figure, shown)
    _style.add_objective(figure, objective, is_vertical=True)
    figure.update_xaxes(
        **_style.duration_axis(high), range=[low, high], title="time since the creation of the job", zeroline=False
    )
    figure.update_yaxes(
        range=[len(shown) - 0.5, -0.5 - (1 if goal else 0)],
        tickmode="array",
        tickvals=list(range(len(shown))),
        ticktext=labels,
        showgrid=False,
        zeroline=False,
    )
    figure.update_layout(barmode="overlay")
    plot_height = (len(shown) + (1 if goal else 0)) * _ROW_HEIGHT
    _style.finish(figure, title, details, width=width, plot_height=plot_height, left=left)
    return figure


def _start(phases: JobPhases) -> datetime | None:
    """Return the creation of the job; without it the first time in the log."""
    if phases.job.creation_date_time is not None:
        return nearest_utc(phases.job.creation_date_time)
    times = [phase.started_at for row in phases.participants for phase in row.phases if phase.started_at is not None]
    return min(times, default=None)


def _bars(row: ParticipantPhases, start: datetime, end: datetime | None) -> list[_Bar]:
    """Return the phases of which the log has the start. One without an end is at least as long as all others of its row."""
    bars: list[_Bar] = []
    for phase in row.phases:
        if phase.started_at is not None:
            begin = nearest_utc(phase.started_at)
            finish = max(begin, nearest_utc(phase.ended_at) if phase.ended_at is not None else end or begin)
            bars.append(_Bar(0, row, phase, (begin - start).total_seconds() / 60, (finish - start).total_seconds() / 60))
    return bars


def _draw(figure: go.Figure, bars: Sequence[_Bar], names: Mapping[str, str], per_pixel: float) -> None:
    narrow_at = _marker_positions(bars, per_pixel)
    markers: list[go.Scatter] = []
    for name in PhaseName:
        own = [bar for bar in bars if bar.phase.name is name]
        if not own:
            continue
        narrow = [bar for bar in own if bar in narrow_at]
        words = name.lower().replace("_", " ")
        shared: dict[str, Any] = {
            "name": words,
            "legendgroup": name.value,
            "legendrank": list(PhaseName).index(name),
            "hovertemplate": "%{hovertext}<extra></extra>",
        }
        figure.add_bar(
            orientation="h",
            base=[bar.start for bar in own],
            x=[bar.end - bar.start for bar in own],
            y=[bar.row for bar in own],
            width=0.6,
            marker={
                "color": _COLOURS[name],
                "line": {"color": [_edge(bar) for bar in own], "width": [_edge_width(bar) for bar in own]},
                "pattern": {"shape": ["/" if bar.is_open else "" for bar in own], "size": 7, "solidity": 0.35},
            },
            hovertext=[_hover_text(bar, names) for bar in own],
            showlegend=len(narrow) < len(own),
            **shared,
        )
        if narrow:
            markers.append(
                go.Scatter(
                    mode="markers",
                    x=[narrow_at[bar] for bar in narrow],
                    y=[bar.row for bar in narrow],
                    marker={
                        "color": _COLOURS[name],
                        "symbol": "diamond",
                        "size": 11,
                        "opacity": 1,
                        "line": {
                            "color": [_edge(bar) for bar in narrow],
                            "width": [max(1, _edge_width(bar)) for bar in narrow],
                        },
                    },
                    hovertext=[_hover_text(bar, names) for bar in narrow],
                    showlegend=len(narrow) == len(own),
                    **shared,
                )
            )
    figure.add_traces(markers)


def _marker_positions(bars: Sequence[_Bar], per_pixel: float) -> dict[_Bar, float]:
    """Return the position of the marker of each narrow bar: its middle, or further right if another marker is there."""
    found: dict[_Bar, float] = {}
    taken: dict[int, float] = {}
    for bar in sorted(bars, key=lambda bar: bar.start):
        if (bar.end - bar.start) / per_pixel < _MIN_BAR_WIDTH:
            found[bar] = max((bar.start + bar.end) / 2, taken.get(bar.row, -math.inf))
            taken[bar.row] = found[bar] + _MARKER_DISTANCE * per_pixel
    return found


def _edge(bar: _Bar) -> str:
    return OUTCOME_COLOURS[Outcome.FAILED] if bar.phase.outcome is Outcome.FAILED else _style.FADED


def _edge_width(bar: _Bar) -> int:
    return 3 if bar.phase.outcome is Outcome.FAILED else 0


def _draw_ends(figure: go.Figure, shown: Sequence[tuple[ParticipantPhases, list[_Bar]]]) -> None:
    """Draw the outcome of each participant right of its last bar, with its recovery time."""
    for outcome in _style.OUTCOME_SYMBOLS:
        rows = [(number, row, bars) for number, (row, bars) in enumerate(shown) if row.outcome is outcome]
        if rows:
            figure.add_scatter(
                mode="text",
                x=[max((bar.end for bar in bars), default=0.0) for _, _, bars in rows],
                y=[number for number, _, _ in rows],
                text=[f"  {_SYMBOLS[outcome]} {_end_text(row, bars)}" for _, row, bars in rows],
                textposition="middle right",
                textfont={"size": 11},
                hoverinfo="skip",
                showlegend=False,
            )


_SYMBOLS: Final = {Outcome.SUCCEEDED: "✓", Outcome.FAILED: "✗", Outcome.RUNNING: "…", Outcome.UNDETERMINED: "?"}


def _end_text(row: ParticipantPhases, bars: Sequence[_Bar]) -> str:
    time = "" if row.recovery_time is None else format_duration(row.recovery_time)
    outcome = "" if time and row.outcome is Outcome.SUCCEEDED else row.outcome.name
    return ", ".join(filter(None, (outcome, time, "" if bars else "no phases in the log")))


def _participant_lines(row: ParticipantPhases, names: Mapping[str, str]) -> list[str]:
    own_name = [names[row.participant]] if row.participant in names else []
    return [*own_name, row.participant, f"{row.outcome.name}, recovery time {format_duration(row.recovery_time)}"]


def _hover_text(bar: _Bar, names: Mapping[str, str]) -> str:
    phase = bar.phase
    end = "no end in the log" if phase.ended_at is None else format_second(phase.ended_at)
    lines = [
        f"{phase.name.lower().replace('_', ' ')} {phase.outcome.name}, {format_duration(phase.duration)}",
        f"{format_second(phase.started_at)} to {end} (UTC)",
        *([f"waited {format_duration(phase.waiting_before)} before it"] if phase.waiting_before is not None else []),
        *([f"{phase.attempts:,} attempts"] if phase.attempts > 1 else []),
        *([phase.error] if phase.error else []),
    ]
    return _style.hover([*_participant_lines(bar.participant, names), *lines])
