"""The look that all charts share: colours, symbols, titles, labels, axes of durations, and the state without data."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportAttributeAccessIssue=false

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any, Final

import plotly.graph_objects as go

from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._models import Job, Outcome
from drs_jobs._text import format_count, format_duration, format_minute, one_line
from drs_jobs._time import nearest_utc
from drs_jobs.notebook.charts._figure import Chart

DEFAULT_WIDTH: Final = 920
"""The width of a chart, in pixels."""

MIN_BAR_WIDTH: Final = 6
"""The width, in pixels, below which a bar has a marker on it."""

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
_BUTTONS: Final = 170
"""The width of plotly's buttons, in pixels."""

_LEGEND_ROW_HEIGHT: Final = 22
_CHARACTER_WIDTH: Final = 6.6
"""The width of a character of a label, in pixels, at a font size of 12."""

_EPOCH: Final = datetime.min.replace(tzinfo=UTC)
_LAST_SECOND: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)


def label(text: str, limit: int = 100) -> str:
    """Return a text as one line, escaped for plotly."""
    # plotly interprets some HTML in its texts, and on a page with MathJax, such as a notebook, TeX between dollar signs.
    return escape(one_line(text, limit), quote=False).replace("$", "&#36;")


def server_label(server_id: str, names: Mapping[str, str], limit: int = 100) -> str:
    """Return the host name of a server with its id, or the id alone, escaped for plotly.

    Args:
        server_id: The id.
        names: Host names by source server id.
        limit: The maximum number of characters. At least 8 of a name are kept.
    """
    own = one_line(server_id, limit)
    if server_id not in names:
        return label(own)
    return f"{label(names[server_id], max(8, limit - len(own) - 1))} {label(own)}"


def hover(lines: Iterable[str]) -> str:
    """Return lines of text as the text of a hover label."""
    return "<br>".join(map(label, lines))


def job_lines(job: Job) -> list[str]:
    """Return what the hover labels of all charts say about a job: its id, kind, dates, account and region."""
    created = f"{format_minute(job.creation_date_time)} (UTC), took {format_duration(job.duration)}"
    owner = ", ".join(filter(None, (job.account_id, job.region)))
    return [f"{job.kind} {job.job_id}", created, *([owner] if owner else [])]


def describe_span(jobs: Iterable[Job]) -> str:
    """Return the dates, accounts and regions of jobs, such as `2024-06-15 (UTC), account 123456789012, eu-west-1`."""
    listed = list(jobs)
    moments = [nearest_utc(job.creation_date_time) for job in listed if job.creation_date_time is not None]
    accounts = {job.account_id for job in listed if job.account_id is not None}
    regions = {job.region for job in listed if job.region is not None}
    days = list(dict.fromkeys(format_minute(each)[:10] for each in (min(moments), max(moments)))) if moments else []
    parts = [f"{' to '.join(days)} (UTC)"] if days else []
    parts += (
        [f"account {next(iter(accounts))}" if len(accounts) == 1 else format_count(len(accounts), "account")]
        if accounts
        else []
    )
    parts += [next(iter(regions)) if len(regions) == 1 else format_count(len(regions), "region")] if regions else []
    return ", ".join(parts)


def undated_note(count: int) -> str:
    """Return the part of a title about jobs without a creation date; empty if there are none."""
    return f", and {count:,} without a creation date" if count else ""


def others_note(count: int, noun: str) -> str:
    """Return the part of a title about rows that are not drawn; empty if there are none."""
    return f", and {format_count(count, noun)} not shown" if count else ""


def new_chart(*, dark: bool) -> Chart:
    """Return an empty figure in the theme. All colours but those of the data are those of the theme."""
    return Chart(layout={"template": "plotly_dark" if dark else "plotly_white"})


_HOVER_DISTANCE: Final = 2
"""The distance of the pointer from a marker, in pixels, at which the marker has priority over the bar below the pointer."""


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
    lines = [
        f"<span style='font-size:{_TITLE_FONT}px'>{line}</span>" for line in _wrapped(title, width - _BUTTONS, _TITLE_FONT)
    ]
    lines += _wrapped(details, width - 28, _DETAILS_FONT)
    header = 26 + sum(1.3 * (_TITLE_FONT if "<span" in line else _DETAILS_FONT) for line in lines)
    names = [len(trace.name or "") for trace in figure.data if trace.showlegend is not False]
    # plotly makes columns of equal width if the items do not fit into one row.
    items = [characters * 7 + 44 for characters in names]
    space = plot_width(width, left)
    columns = len(items) if sum(items) <= space else max(1, int(space // max(items)))
    legend_rows = -(-len(items) // max(1, columns))
    top = header + legend_rows * _LEGEND_ROW_HEIGHT + above
    figure.update_layout(
        title={
            "text": "<br>".join(lines),
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


_BOTTOM: Final = 56
_RIGHT: Final = 24


def _wrapped(text: str, width: int, font_size: int) -> list[str]:
    """Return a text as escaped lines that fit into a width, in pixels."""
    characters = max(20, int(width / (font_size * 0.52)))
    lines = textwrap.wrap(one_line(text, 200), characters, break_on_hyphens=False)
    return [label(line, characters) for line in lines] or [""]


def draw_empty(figure: go.Figure, text: str) -> None:
    """Write a text in place of the data."""
    figure.update_xaxes(visible=False, range=[0, 1])
    figure.update_yaxes(visible=False, range=[0, 1])
    figure.add_annotation(text=label(text), x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font={"size": 16})


def label_width(labels: Sequence[str], width: int) -> float:
    """Return the width of the labels of the y axis, in pixels: at most two fifths of the chart."""
    longest = max((len(part) for each in labels for part in each.split("<br>")), default=0)
    return min(max(60.0, longest * _CHARACTER_WIDTH + 20), width * 0.4)


def label_limit(width: int) -> int:
    """Return the maximum number of characters of a label of the y axis."""
    return int((width * 0.4 - 20) / _CHARACTER_WIDTH)


def plot_width(width: int, left: float) -> float:
    """Return the width of the plot, in pixels."""
    return max(100.0, width - left - _RIGHT)


def seconds_of(moment: datetime) -> float:
    """Return the seconds from the year 1 to a moment, which is in UTC."""
    return (moment - _EPOCH).total_seconds()


def moment_at(seconds: float) -> datetime:
    """Return the moment at a number of seconds from the year 1, or the nearest one that a datetime can represent."""
    return _EPOCH + timedelta(seconds=min(max(0.0, seconds), _LAST_SECOND))


def padded(first: float, last: float, pixels: float, *, shortest: float = 60) -> tuple[float, float, float]:
    """Return the range of an axis around data, and its units per pixel.

    Args:
        first: The first value.
        last: The last value.
        pixels: The length of the axis.
        shortest: The shortest range.
    """
    missing = max(0.0, shortest - (last - first)) / 2
    first, last = first - missing, last + missing
    per_pixel = (last - first) / (pixels - 24)
    return first - 12 * per_pixel, last + 12 * per_pixel, per_pixel


def draw_bands(figure: go.Figure, rows: Iterable[tuple[float, float]], opacity: float) -> None:
    """Draw a grey band behind each of the given spans of the y axis."""
    # One update, because plotly's add_hrect takes longer with each shape.
    band = {"type": "rect", "xref": "x domain", "x0": 0, "x1": 1, "fillcolor": FADED, "line": {"width": 0}, "layer": "below"}
    figure.update_layout(shapes=[{**band, "y0": top, "y1": bottom, "opacity": opacity} for top, bottom in rows])


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
    step = next((each for each in _DURATION_STEPS if seconds / each <= max_ticks), _DURATION_STEPS[-1])
    ticks = range(0, int(seconds * 1.1) + 1, step)
    return {"tickmode": "array", "tickvals": [tick / 60 for tick in ticks], "ticktext": [_tick_text(tick) for tick in ticks]}


def _tick_text(seconds: int) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size:,}{unit}"
    return f"{seconds}s" if seconds else "0"


def add_objective(figure: go.Figure, objective: timedelta | None, *, is_vertical: bool = False, **position: Any) -> None:
    """Draw a line with a text at the objective, if there is one, on an axis in minutes."""
    if objective is None:
        return
    minutes = objective.total_seconds() / 60
    draw = figure.add_vline if is_vertical else figure.add_hline
    draw(
        minutes,
        line={"color": FADED, "width": 2, "dash": "dash"},
        annotation={"text": f"objective {format_duration(objective)}", "font": {"size": 12}},
        annotation_position="top left" if is_vertical else "bottom right",
        **position,
    )


def outcome_marker(outcome: Outcome, size: float) -> dict[str, Any]:
    """Return the marker of an outcome."""
    return {"color": OUTCOME_COLOURS[outcome], "symbol": OUTCOME_SYMBOLS[outcome], "size": size, "opacity": 1}


def outcome_bar(outcome: Outcome) -> dict[str, Any]:
    """Return the colour and the pattern of the bars of an outcome."""
    return {
        "color": OUTCOME_COLOURS[outcome],
        "line": {"width": 0},
        "pattern": {"shape": OUTCOME_PATTERNS[outcome], "size": 6, "solidity": 0.25, "fgopacity": 0.5},
    }
