"""The look that all charts share: colours and symbols, titles, labels, markers, axes, and the state without data."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportAttributeAccessIssue=false

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import pairwise
from typing import Any, Final

import plotly.graph_objects as go
import plotly.io as pio

from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._models import Job, Outcome
from drs_jobs._text import format_count, format_day, format_duration, format_minute, format_more, one_line
from drs_jobs._time import nearest_utc, utc_offset
from drs_jobs.evidence import SourceServer, wording
from drs_jobs.notebook.charts._figure import Chart

DEFAULT_WIDTH: Final = 920
"""The width of a chart, in pixels."""

MAX_ROWS: Final = 60
"""The maximum number of rows with a label."""

FADED: Final = "#888888"
"""A colour for what is not an outcome, readable on white and on black."""

OUTCOME_SYMBOLS: Final[Mapping[Outcome, str]] = {
    Outcome.SUCCEEDED: "circle",
    Outcome.UNDETERMINED: "diamond",
    Outcome.RUNNING: "square",
    Outcome.FAILED: "x",
}
"""The markers of outcomes, in the order in which they are drawn: failures are on top."""

OUTCOME_PATTERNS: Final[Mapping[Outcome, str]] = {
    Outcome.SUCCEEDED: "",
    Outcome.UNDETERMINED: ".",
    Outcome.RUNNING: "/",
    Outcome.FAILED: "x",
}
"""The patterns of bars, for readers who cannot distinguish the colours."""

_TITLE_FONT: Final = 17
_DETAILS_FONT: Final = 12
_LEGEND_ROW_HEIGHT: Final = 22
_BOTTOM: Final = 56
_RIGHT: Final = 24
_EMPTY_HEIGHT: Final = 160
_BUTTONS: Final = 170
"""The width of plotly's buttons, in pixels."""

_CHARACTER_WIDTH: Final = 6.6
"""The width of a character of a label, in pixels, at a font size of 12."""

_LINE_LENGTH: Final = 120
"""The maximum number of characters in a line of a hover label."""

_HOVER_DISTANCE: Final = 2
"""The distance of the pointer from a marker, in pixels, at which the marker has priority over the bar below the pointer."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


# ------------------------------------------------------------------ text


def label(text: str, limit: int = 100) -> str:
    """Return a text as one line, escaped for plotly."""
    # plotly interprets some HTML in its texts, and on a page with MathJax, such as a notebook, TeX between dollar signs.
    return escape(one_line(text, limit), quote=False).replace("$", "&#36;")


def server_text(server_id: str, names: Mapping[str, str], limit: int = _LINE_LENGTH) -> str:
    """Return the host name of a server with its id, or the id alone.

    Args:
        server_id: The id.
        names: Host names by source server id.
        limit: The maximum number of characters.
    """
    return wording.server_label(SourceServer(server_id, name=names.get(server_id)), limit)


def hover(lines: Iterable[str], entries: Sequence[Sequence[str]] = (), shown: int = 6) -> str:
    """Return the text of a hover label, escaped for plotly.

    Args:
        lines: The first lines.
        entries: Entries of one or more lines each. Default none.
        shown: The maximum number of entries; the last line has the number of the others.
    """
    text = [*lines, *(line for entry in entries[:shown] for line in entry), format_more(len(entries), shown)]
    return "<br>".join(label(line, _LINE_LENGTH) for line in text if line)


def job_lines(job: Job) -> list[str]:
    """Return what the hover labels of all charts say about a job: its id, kind, dates, account and region."""
    created = f"{format_minute(job.creation_date_time)} (UTC), took {format_duration(job.duration)}"
    return [f"{job.kind} {job.job_id}", created, place(job)]


def place(job: Job) -> str:
    """Return the account and the region of a job, as far as they are known."""
    return ", ".join(filter(None, (job.account_id, job.region)))


def describe_span(jobs: Iterable[Job]) -> str:
    """Return the dates, accounts and regions of jobs, such as `2024-06-15 (UTC), account 123456789012, eu-west-1`."""
    jobs = list(jobs)
    times = [nearest_utc(job.creation_date_time) for job in jobs if job.creation_date_time is not None]
    days = dict.fromkeys(format_day(time) for time in (min(times), max(times))) if times else {}
    accounts = {job.account_id for job in jobs if job.account_id is not None}
    regions = {job.region for job in jobs if job.region is not None}
    parts = (
        f"{' to '.join(days)} (UTC)" if days else "",
        f"account {min(accounts)}" if len(accounts) == 1 else format_count(len(accounts), "account") if accounts else "",
        min(regions) if len(regions) == 1 else format_count(len(regions), "region") if regions else "",
    )
    return ", ".join(filter(None, parts))


def note(count: int, noun: str, reason: str) -> str:
    """Return the end of a title about what is not drawn, such as `, and 3 jobs without a creation date`; empty for 0."""
    return f", and {format_count(count, noun)} {reason}" if count > 0 else ""


# ------------------------------------------------------------------ figures


def current_time(now: datetime | None) -> datetime:
    """Return the end of what is running: `now`, or the current time for `None`.

    Raises:
        ValueError: If `now` has no time zone.
    """
    time = datetime.now(UTC) if now is None else now
    utc_offset(time, "now")
    return time


def new_chart() -> Chart:
    """Return an empty figure. All colours but those of the data are those of its theme.

    The theme is plotly's default, if that was changed, else the white one.
    """
    return Chart(layout={"template": "plotly_white" if pio.templates.default == "plotly" else pio.templates.default})


def empty_chart(title: str, details: str, text: str, *, width: int) -> Chart:
    """Return a figure with a text in place of the data."""
    figure = new_chart()
    figure.update_xaxes(visible=False, range=[0, 1])
    figure.update_yaxes(visible=False, range=[0, 1])
    figure.add_annotation(text=label(text), x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font={"size": 16})
    finish(figure, title, details, width=width, plot_height=_EMPTY_HEIGHT, left=24)
    return figure


def finish(figure: go.Figure, title: str, details: str, *, width: int, plot_height: float, left: float, above: int = 0) -> None:
    """Set the title, the size and the legend.

    Args:
        figure: The figure.
        title: The first line of the title.
        details: Its second line, in a smaller font.
        width: The width of the figure, in pixels.
        plot_height: The height of the plot, in pixels, without title, legend and the labels of the x axis.
        left: The width of the labels of the y axis, in pixels.
        above: The height of what is between the legend and the plot, in pixels. Default 0.
    """
    title_lines = _wrapped(title, width - _BUTTONS, _TITLE_FONT)
    details_lines = _wrapped(details, width - 28, _DETAILS_FONT)
    header = 26 + 1.3 * (_TITLE_FONT * len(title_lines) + _DETAILS_FONT * len(details_lines))
    names = [len(trace.name or "") for trace in figure.data if trace.showlegend is not False]
    # plotly makes columns of equal width if the items do not fit into one row.
    items = [characters * 7 + 44 for characters in names]
    space = plot_width(width, left)
    columns = len(items) if sum(items) <= space else max(1, int(space // max(items)))
    top = header + -(-len(items) // max(1, columns)) * _LEGEND_ROW_HEIGHT + above
    figure.update_layout(
        title={
            "text": "<br>".join(
                [*(f"<span style='font-size:{_TITLE_FONT}px'>{line}</span>" for line in title_lines), *details_lines]
            ),
            "font": {"size": _DETAILS_FONT},
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yanchor": "top",
            "yref": "container",
            "pad": {"l": 14, "t": 18},
        },
        width=width,
        height=top + plot_height + _BOTTOM,
        margin={"l": left, "r": _RIGHT, "t": top, "b": _BOTTOM, "autoexpand": False},
        showlegend=bool(names),
        legend={
            "orientation": "h",
            "traceorder": "normal",
            "xref": "container",
            "x": 14 / width,
            "xanchor": "left",
            "y": 1 + above / plot_height,
            "yanchor": "bottom",
        },
        modebar={"remove": ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"]},
        hovermode="closest",
        hoverdistance=_HOVER_DISTANCE,
        hoverlabel={"align": "left", "namelength": -1},
    )
    figure.update_xaxes(tickangle=0, title_standoff=8)


def _wrapped(text: str, width: int, font_size: int) -> list[str]:
    """Return a text as escaped lines that fit into a width, in pixels."""
    characters = max(20, int(width / (font_size * 0.52)))
    lines = textwrap.wrap(one_line(text, 200), characters, break_on_hyphens=False)
    return [label(line, characters) for line in lines] or [""]


# ------------------------------------------------------------------ markers


def bar_pattern(shape: str | Sequence[str]) -> dict[str, Any]:
    """Return the pattern of bars, of one shape or of a shape for each bar."""
    return {"shape": shape, "size": 6, "solidity": 0.25, "fgopacity": 0.5}


def add_markers(figure: go.Figure, outcome: Outcome, name: str, points: Sequence[tuple[Any, Any, str]], size: float) -> None:
    """Draw markers of an outcome. Their legend has their number.

    Args:
        figure: The figure.
        outcome: The outcome.
        name: The name in the legend.
        points: The x, the y and the hover label of each marker; without any, nothing is drawn.
        size: The size of the markers, in pixels.
    """
    if points:
        x, y, text = zip(*points, strict=True)
        marker = {"color": OUTCOME_COLOURS[outcome], "symbol": OUTCOME_SYMBOLS[outcome], "size": size, "opacity": 1}
        figure.add_scatter(name=name, mode="markers", x=x, y=y, marker=marker, hovertext=text, hoverinfo="text")


def add_bands(figure: go.Figure, rows: Iterable[tuple[float, float]], opacity: float) -> None:
    """Draw a grey band behind each of the given spans of the y axis."""
    # One update, because plotly's add_hrect takes longer with each shape.
    band = {"type": "rect", "xref": "x domain", "x0": 0, "x1": 1, "fillcolor": FADED, "line": {"width": 0}, "layer": "below"}
    figure.update_layout(shapes=[{**band, "y0": top, "y1": bottom, "opacity": opacity} for top, bottom in rows])


# ------------------------------------------------------------------ axes


def server_labels(server_ids: Iterable[str], names: Mapping[str, str], width: int) -> list[str]:
    """Return the labels of rows of servers, escaped for plotly."""
    limit = int((width * 0.4 - 20) / _CHARACTER_WIDTH)
    return [label(server_text(server_id, names, limit)) for server_id in server_ids]


def label_width(labels: Sequence[str], width: int) -> float:
    """Return the width of the labels of the y axis, in pixels: at most two fifths of the chart."""
    return min(max(60.0, max(map(len, labels), default=0) * _CHARACTER_WIDTH + 20), width * 0.4)


def set_rows(figure: go.Figure, labels: Sequence[str], tops: Sequence[int] | None = None, **axis: Any) -> None:
    """Set the y axis of a chart of rows, from top to bottom.

    Args:
        figure: The figure.
        labels: The labels.
        tops: The first row of each label, and the number of rows as the last element. By default each label has one row.
        axis: Other settings of the axis.
    """
    tops = range(len(labels) + 1) if tops is None else tops
    middles = [(top + bottom - 1) / 2 for top, bottom in pairwise(tops)]
    figure.update_yaxes(
        range=[tops[-1] - 0.5, -0.5], tickmode="array", tickvals=middles, ticktext=labels, zeroline=False, **axis
    )


def plot_width(width: int, left: float) -> float:
    """Return the width of the plot, in pixels."""
    return max(100.0, width - left - _RIGHT)


def milliseconds_of(time: datetime) -> int:
    """Return the position of a time on an axis of dates, in plotly's unit: milliseconds since 1970."""
    return (nearest_utc(time) - _EPOCH) // timedelta(milliseconds=1)


def padded(first: float, last: float, pixels: float, *, shortest: float) -> tuple[float, float, float]:
    """Return the range of an axis around data, and its units per pixel.

    Args:
        first: The first value.
        last: The last value.
        pixels: The length of the axis.
        shortest: The shortest range without the space around it.
    """
    missing = max(0.0, shortest - (last - first)) / 2
    first, last = first - missing, last + missing
    per_pixel = (last - first) / (pixels - 24)
    return first - 12 * per_pixel, last + 12 * per_pixel, per_pixel


def minutes_of(duration: timedelta) -> float:
    """Return the position of a duration on an axis in minutes."""
    return duration.total_seconds() / 60


_DURATION_STEPS: Final = (
    *(1, 5, 15, 30),
    *(60, 120, 300, 600, 1_200, 1_800),
    *(3_600, 7_200, 14_400, 28_800, 43_200),
    *(86_400 * days for days in (1, 2, 7, 30, 90, 365, 3_650, 36_500, 365_000)),
)
"""The distances of ticks on an axis of durations, in seconds."""


def duration_axis(longest: float, *, max_ticks: int = 7) -> dict[str, Any]:
    """Return the settings of an axis in minutes, with ticks such as `30m` and `2h`.

    Args:
        longest: The longest duration, in minutes.
        max_ticks: The maximum number of ticks.
    """
    seconds = max(longest * 60, 1.0)
    step = next((step for step in _DURATION_STEPS if seconds / step <= max_ticks), _DURATION_STEPS[-1])
    ticks = range(0, int(seconds * 1.1) + 1, step)
    return {"tickmode": "array", "tickvals": [tick / 60 for tick in ticks], "ticktext": [_tick_text(tick) for tick in ticks]}


def _tick_text(seconds: int) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size:,}{unit}"
    return f"{seconds}s" if seconds else "0"
