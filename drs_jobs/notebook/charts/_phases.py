"""The phases of a job: one row per participant, one bar per phase."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import plotly.graph_objects as go

from drs_jobs._html import PHASE_COLOURS
from drs_jobs._models import Outcome
from drs_jobs._text import format_count, format_duration, format_minute, format_second
from drs_jobs._time import nearest_utc
from drs_jobs.analysis import JobPhases, ParticipantPhases, Phase, PhaseName
from drs_jobs.notebook.charts import _style
from drs_jobs.notebook.charts._bars import Bar, Look, add_bars
from drs_jobs.notebook.charts._host_names import host_names
from drs_jobs.notebook.charts._style import MAX_ROWS, minutes_of

_ROW_HEIGHT: Final = 26
_MIN_BAR_WIDTH: Final = 12
"""The width of a bar, in pixels, below which it has a marker, because the marker of the phase before could cover it."""

_MARKER_DISTANCE: Final = 8
"""The distance of the markers in a row, in pixels."""

_SYMBOLS: Final = {Outcome.SUCCEEDED: "✓", Outcome.FAILED: "✗", Outcome.RUNNING: "…", Outcome.UNDETERMINED: "?"}
_COLOURS: Final[Mapping[str, str]] = {
    **PHASE_COLOURS,
    PhaseName.DEPLOY_NETWORK_CONFIGURATION: PHASE_COLOURS[PhaseName.CONVERSION],
    PhaseName.UPDATE_NETWORK_CONFIGURATION: PHASE_COLOURS[PhaseName.LAUNCH],
    PhaseName.UPDATE_LAUNCH_TEMPLATE: PHASE_COLOURS[PhaseName.SNAPSHOT],
}
_LOOKS: Final = {name: Look(rank, name.label, _COLOURS[name], "diamond") for rank, name in enumerate(PhaseName)}


def phases_chart(
    phases: JobPhases,
    *,
    now: datetime | None = None,
    names: Mapping[str, str] | None = None,
    width: int = _style.DEFAULT_WIDTH,
) -> go.Figure:
    """Return a chart with one row per participant of a job and one bar per phase, the slowest participant at the top.

    Times are those since the creation of the job, and waiting is the gap between two bars. A phase without an end in the log is
    hatched, to `now` or to the end of the job. A failed phase has a red outline. A phase that would be narrower than 12 pixels,
    such as most snapshots, has a marker on it. At the end of each row are the outcome and the recovery time. At most 60
    participants are drawn, the slowest ones; the title has the number of the others.

    Args:
        phases: The phases of the job, from `JobsClient.phases` or `analysis.phases`.
        now: The end of running phases, as an aware datetime; by default the current time.
        names: Host names by source server id, shown beside the ids. Default none.
        width: The width of the chart, in pixels. Default 920.

    Raises:
        TypeError: If `names` does not map str to str.
        ValueError: If `now` has no time zone.
    """
    until = _style.current_time(now)
    names_by_id = host_names(names)
    job, count = phases.job, len(phases.participants)
    title = f"phases of {format_count(min(count, MAX_ROWS), 'participant')}, {job.kind} {job.job_id}"
    title += _style.note(count - MAX_ROWS, "participant", "not shown")
    created = f"created {format_minute(job.creation_date_time)} (UTC)"
    details = ", ".join(filter(None, (job.outcome.name, created, _style.place(job))))
    start = _start(phases)
    if start is None or not phases.participants:
        text = f"no {'times' if phases.participants else 'participants'} in the job and its log"
        return _style.empty_chart(title, details, text, width=width)
    figure = _style.new_chart()
    end = nearest_utc(until) if not job.is_complete else job.end_date_time and nearest_utc(job.end_date_time)
    every_row = [(participant, _bars(participant, start, end, names_by_id)) for participant in phases.participants]
    every_row.sort(key=lambda row: (not row[1], -_end(row[1])))
    rows = every_row[:MAX_ROWS]
    for number, (_, row_bars) in enumerate(rows):
        for bar in row_bars:
            bar.row = number
    bars = [bar for _, row_bars in rows for bar in row_bars]
    labels = _style.server_labels((participant.participant for participant, _ in rows), names_by_id, width)
    left = _style.label_width(labels, width)
    low = min([bar.start for bar in bars] + [0.0])
    high = max(_end(bars), low + 1 / 60)
    texts = [_end_text(participant, has_bars=bool(row_bars)) for participant, row_bars in rows]
    # The text at the end of a row is right of its last bar.
    text_width = 16 + 7.5 * max(map(len, texts))
    high += (high - low) * text_width / max(100.0, _style.plot_width(width, left) - text_width)
    per_pixel = (high - low) / _style.plot_width(width, left)
    add_bars(
        figure,
        bars,
        per_pixel=per_pixel,
        min_width=_MIN_BAR_WIDTH,
        height=0.6,
        marker_size=11,
        marker_distance=_MARKER_DISTANCE,
    )
    figure.add_scatter(
        mode="text",
        x=[_end(row_bars) for _, row_bars in rows],
        y=list(range(len(rows))),
        text=texts,
        textposition="middle right",
        textfont={"size": 11},
        hoverinfo="skip",
        showlegend=False,
    )
    axis_range = [low - 8 * per_pixel, high]
    figure.update_xaxes(
        **_style.duration_axis(high), range=axis_range, title="time since the creation of the job", zeroline=False
    )
    _style.set_rows(figure, labels, showgrid=False)
    _style.finish(figure, title, details, width=width, plot_height=len(rows) * _ROW_HEIGHT, left=left)
    return figure


def _start(phases: JobPhases) -> datetime | None:
    """Return the creation of the job; without it the first time in the log."""
    if phases.job.creation_date_time is not None:
        return nearest_utc(phases.job.creation_date_time)
    times = [phase.started_at for row in phases.participants for phase in row.phases if phase.started_at is not None]
    return min(times, default=None)


def _bars(participant: ParticipantPhases, start: datetime, end: datetime | None, names: Mapping[str, str]) -> list[Bar]:
    """Return the phases with a start time, in minutes since the creation. One without an end extends to the end of its row."""
    bars: list[Bar] = []
    for phase in participant.phases:
        if phase.started_at is not None:
            begin = nearest_utc(phase.started_at)
            finish = max(begin, nearest_utc(phase.ended_at) if phase.ended_at is not None else end or begin)
            bar = Bar(
                _LOOKS[phase.name],
                minutes_of(begin - start),
                minutes_of(finish - start),
                _hover_text(participant, phase, names),
                pattern="/" if phase.ended_at is None else "",
                has_failed=phase.outcome is Outcome.FAILED,
            )
            bars.append(bar)
    return bars


def _end(bars: Iterable[Bar]) -> float:
    return max((bar.end for bar in bars), default=0.0)


def _end_text(participant: ParticipantPhases, *, has_bars: bool) -> str:
    """Return the outcome of a participant, and its recovery time."""
    outcome, time = participant.outcome, participant.recovery_time
    parts = (
        outcome.name if time is None or outcome is not Outcome.SUCCEEDED else "",
        format_duration(time) if time is not None else "",
        "" if has_bars else "no phases in the log",
    )
    return f"  {_SYMBOLS[outcome]} {', '.join(filter(None, parts))}"


def _hover_text(participant: ParticipantPhases, phase: Phase, names: Mapping[str, str]) -> str:
    end = "no end in the log" if phase.ended_at is None else format_second(phase.ended_at)
    lines = [
        _style.server_text(participant.participant, names),
        f"{participant.outcome.name}, recovery time {format_duration(participant.recovery_time)}",
        f"{phase.name.label} {phase.outcome.name}, {format_duration(phase.duration)}",
        f"{format_second(phase.started_at)} to {end} (UTC)",
        f"waited {format_duration(phase.waiting_before)} before it" if phase.waiting_before is not None else "",
        f"{phase.attempts:,} attempts" if phase.attempts > 1 else "",
        phase.error or "",
    ]
    return _style.hover(lines)
