"""The timeline: all jobs in lanes, from their creation to their end."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import plotly.graph_objects as go

from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._models import Job, Outcome
from drs_jobs._models.job import KINDS
from drs_jobs._text import format_count, format_duration, format_minute, format_target_count
from drs_jobs.analysis import latest_snapshots
from drs_jobs.notebook.charts import _style
from drs_jobs.notebook.charts._bars import Bar, Look, add_bars
from drs_jobs.notebook.charts._host_names import host_names
from drs_jobs.notebook.charts._style import OUTCOME_PATTERNS, OUTCOME_SYMBOLS

_LANES: Final = (*dict.fromkeys(KINDS.values()), "other kinds")
"""The lanes, from top to bottom. Kinds that this version does not know share the last one."""

_MAX_ROWS: Final = 240
"""The maximum number of rows of all lanes. If more jobs overlap, some are drawn over others, and failures stay on top."""

_PLOT_HEIGHT: Final = 720
"""The height of the plot, in pixels, as far as its rows have a readable height."""

_MARKER_SIZE: Final = 12
_MIN_RANGE: Final = 60_000
"""The shortest range of the time axis, in milliseconds."""

_MIN_ROW_HEIGHT: Final = 10
_MAX_ROW_HEIGHT: Final = 26
_MIN_BAR_WIDTH: Final = 6
"""The width of a bar, in pixels, below which it has a marker."""

_MAX_FAILED: Final = 8
"""The maximum number of failed participants in a hover label."""


def timeline(
    jobs: Iterable[Job],
    *,
    now: datetime | None = None,
    names: Mapping[str, str] | None = None,
    width: int = _style.DEFAULT_WIDTH,
) -> go.Figure:
    """Return a chart with one bar per job, from its creation to its end, coloured by outcome, in one lane per kind of job.

    A bar that would be narrower than 6 pixels has a marker on it, so that it can be seen and has a hover label; its true length
    is visible when the chart is enlarged. Jobs of the same lane that overlap are one below the other. The bar of a running job
    ends at `now`. A job with an unknown end has a marker at its creation. A job without a creation date is not drawn; the title
    has the number of these jobs.

    Args:
        jobs: The jobs. Of several snapshots of one job, one is drawn, as `analysis.latest_snapshots` chooses it.
        now: The end of the bars of running jobs, as an aware datetime; by default the current time.
        names: Host names by source server id, shown beside the ids. Default none.
        width: The width of the chart, in pixels. Default 920.

    Raises:
        TypeError: If `names` does not map str to str.
        ValueError: If `now` has no time zone.
    """
    until = _style.current_time(now)
    names_by_id = host_names(names)
    snapshots = latest_snapshots(jobs)
    dated = [(time, job) for job in snapshots if (time := job.creation_date_time) is not None]
    title = format_count(len(dated), "job") + _style.note(len(snapshots) - len(dated), "job", "without a creation date")
    details = _style.describe_span(snapshots)
    if not dated:
        text = "no jobs with a creation date" if snapshots else "no jobs"
        return _style.empty_chart(title, details, text, width=width)
    figure = _style.new_chart()
    counts = Counter(job.outcome for _, job in dated)
    looks = {
        outcome: Look(rank, f"{outcome.name} ({counts[outcome]:,})", OUTCOME_COLOURS[outcome], symbol)
        for rank, (outcome, symbol) in enumerate(OUTCOME_SYMBOLS.items())
    }
    lanes: dict[str, list[Bar]] = {lane: [] for lane in _LANES}
    for time, job in dated:
        lane = job.kind if job.kind in lanes else _LANES[-1]
        start, elapsed = _style.milliseconds_of(time), job.elapsed(until) or timedelta(0)
        lanes[lane].append(
            Bar(
                looks[job.outcome],
                start,
                start + max(0.0, elapsed / timedelta(milliseconds=1)),
                _hover_text(job, until, names_by_id),
                pattern=OUTCOME_PATTERNS[job.outcome],
                has_failed=job.outcome is Outcome.FAILED,
            )
        )
    lanes = {lane: bars for lane, bars in lanes.items() if bars}
    labels = [f"{lane} ({len(bars):,})" for lane, bars in lanes.items()]
    left = _style.label_width(labels, width)
    every_bar = [bar for bars in lanes.values() for bar in bars]
    first, last = min(bar.start for bar in every_bar), max(bar.end for bar in every_bar)
    low, high, per_pixel = _style.padded(first, last, _style.plot_width(width, left), shortest=_MIN_RANGE)
    tops = _stack(list(lanes.values()), slot=_MARKER_SIZE * per_pixel)
    row_height = min(max(_PLOT_HEIGHT // tops[-1], _MIN_ROW_HEIGHT), _MAX_ROW_HEIGHT)
    size = min(row_height - 2, _MARKER_SIZE)
    add_bars(figure, every_bar, per_pixel=per_pixel, min_width=_MIN_BAR_WIDTH, height=size / row_height, marker_size=size)
    _style.add_bands(figure, [(top - 0.5, bottom - 0.5) for top, bottom in [*pairwise(tops)][::2]], 0.1)
    figure.update_xaxes(type="date", range=[low, high], title="UTC")
    _style.set_rows(figure, labels, tops, showgrid=False)
    _style.finish(figure, title, details, width=width, plot_height=tops[-1] * row_height, left=left)
    return figure


def _stack(lanes: Sequence[Sequence[Bar]], *, slot: float) -> list[int]:
    """Set the row of each bar, so that bars of a lane do not overlap, as far as there are rows.

    Args:
        lanes: The bars of each lane, from top to bottom.
        slot: The width of a marker, in milliseconds.

    Returns:
        The first row of each lane, and the number of rows as the last element.
    """
    most = -(-_MAX_ROWS // len(lanes))
    tops = [0]
    for lane in lanes:
        # Of each row: whether its last bar is a failure, and its end.
        rows: list[tuple[bool, float]] = []
        for bar in sorted(lane, key=lambda bar: bar.start):
            middle = (bar.start + bar.end) / 2
            begin, end = min(bar.start, middle - slot / 2), max(bar.end, middle + slot / 2)
            free = next((number for number, (_, taken) in enumerate(rows) if taken <= begin), None)
            if free is None and len(rows) < most:
                free = len(rows)
                rows.append((False, end))
            # If all rows are taken, a failure is not covered if possible.
            number = min(range(len(rows)), key=rows.__getitem__) if free is None else free
            rows[number] = bar.has_failed, end
            bar.row = tops[-1] + number
        tops.append(tops[-1] + len(rows))
    return tops


def _hover_text(job: Job, until: datetime, names: Mapping[str, str]) -> str:
    ended = format_minute(job.end_date_time) if job.is_complete else "now"
    lines = [
        f"{job.kind} {job.outcome.name}",
        f"{job.job_id}, {job.status or '-'}",
        f"{format_minute(job.creation_date_time)} to {ended} (UTC), {format_duration(job.elapsed(until))}",
        f"{format_target_count(job)} servers",
        _style.place(job),
    ]
    failures = [
        *(_style.server_text(server.name, names) for server in job.failed_servers),
        *(resource.name for resource in job.failed_resources),
        *(f"{run.name}: {run.failure_reason or 'no reason given'}" for run in job.failed_actions),
    ]
    return _style.hover(lines, [[f"failed: {failure}"] for failure in failures], _MAX_FAILED)
