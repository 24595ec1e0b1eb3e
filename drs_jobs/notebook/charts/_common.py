"""What all charts share: the figure, titles, labels, rows, bars, points, counts by period, and axes."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUntypedBaseClass=false

import textwrap
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from html import escape
from typing import Any, Final, TypeVar, cast

import attrs
import plotly.graph_objects as go
import plotly.io as pio
from plotly.offline import get_plotlyjs_version

from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._models import Job, Outcome
from drs_jobs._text import format_count, format_day, format_duration, format_minute, format_more, one_line
from drs_jobs._time import nearest_utc
from drs_jobs.evidence import SourceServer, wording

_T = TypeVar("_T")

MAX_ROWS: Final = 60
"""The maximum number of rows with a label."""

FADED: Final = "#767676"
"""A colour for what is not an outcome, readable on white and on black, and below white text."""

_FAILED: Final = OUTCOME_COLOURS[Outcome.FAILED]

OUTCOME_MARKERS: Final[Mapping[Outcome, str]] = {
    Outcome.SUCCEEDED: "circle",
    Outcome.UNDETERMINED: "diamond",
    Outcome.RUNNING: "square",
    Outcome.FAILED: "x",
}
"""The markers of outcomes, in the order in which they are drawn: failures are on top."""

OUTCOME_PATTERNS: Final[Mapping[Outcome, str]] = {
    Outcome.FAILED: "x",
    Outcome.UNDETERMINED: ".",
    Outcome.RUNNING: "/",
    Outcome.SUCCEEDED: "",
}
"""The patterns of bars, for readers who cannot distinguish the colours; in the order of a stack, failures at its base."""

_HATCH: Final = {"size": 6, "solidity": 0.25, "fgopacity": 0.5}

# ------------------------------------------------------------------ text

_MAX_NAME: Final = 34
"""The maximum number of characters of a server's name and id, so that a label leaves space for the data on a phone."""


def label(text: str, limit: int = 100) -> str:
    """Return a text as one line, escaped for plotly."""
    # plotly interprets some HTML in its texts, and on a page with MathJax, such as a notebook, TeX between dollar signs.
    return escape(one_line(text, limit), quote=False).replace("$", "&#36;")


def host_names(names: object) -> dict[str, str]:
    """Return the names that are not blank, each as one line, by source server id; none for `None`.

    Raises:
        TypeError: If `names` does not map str to str.
    """
    names = {} if names is None else names
    if not isinstance(names, Mapping) or not all(isinstance(part, str) for item in names.items() for part in item):
        raise TypeError(f"names must map source server ids to host names, str to str; this {type(names).__name__} does not")
    lines = {server_id: one_line(name, 100) for server_id, name in cast("Mapping[str, str]", names).items()}
    return {server_id: line for server_id, line in lines.items() if line}


def server_text(server_id: str, names: Mapping[str, str]) -> str:
    """Return the host name of a server, if it is in `names`, and its id."""
    return wording.server_label(SourceServer(server_id, name=names.get(server_id)), _MAX_NAME)


def hover(lines: Iterable[str], entries: Sequence[str] = (), shown: int = 3) -> str:
    """Return the text of a hover label, escaped for plotly: lines, then at most `shown` entries and how many more."""
    return "<br>".join(label(line, 120) for line in (*lines, *entries[:shown], format_more(len(entries), shown)) if line)


def job_text(job: Job) -> str:
    """Return what hover labels say about a job in one line: its kind, id, date and duration."""
    return f"{job.kind} {job.job_id}, {format_minute(job.creation_date_time)} (UTC), took {format_duration(job.duration)}"


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

_CORNER: Final = {"xref": "container", "x": 0, "yref": "container", "y": 0, "yanchor": "bottom"}
_LOADER: Final = (
    "<script>window.Plotly || document.write("
    '\'<script src="https://cdn.plot.ly/plotly-{version}.min.js" charset="utf-8"><\\/script>\')</script>'
)
"""Loads plotly.js if the page does not have it, such as after the cell with the first chart was run again."""

_versions: Final[set[str]] = set()
"""The version of plotly.js that an output of this process has; empty if none has it."""


class Chart(go.Figure):  # type: ignore[misc]  # plotly has no types
    """A plotly figure that `jupyter nbconvert` keeps.

    With plotly's default renderer in Jupyter, an output has only JSON, which nbconvert leaves out. This one has HTML too. The
    first chart of a process embeds plotly.js, 5 MB, so that a page with the charts needs no network.
    """

    def show(self, *args: Any, **kwargs: Any) -> None:
        """Show the figure; for the arguments see plotly's `Figure.show`."""
        if args or kwargs or pio.renderers.default != "plotly_mimetype":
            super().show(*args, **kwargs)
            return
        from IPython.display import display  # noqa: PLC0415  # only Jupyter has this renderer

        version = get_plotlyjs_version()
        html = self.to_html(full_html=False, include_plotlyjs=version not in _versions)
        html = _LOADER.format(version=version) + html if version in _versions else html
        _versions.add(version)
        # IPython has no types.
        display({**self._repr_mimebundle_(), "text/html": html}, raw=True)  # type: ignore[no-untyped-call]

    def _ipython_display_(self) -> None:
        if pio.renderers.render_on_display:
            self.show()
        else:
            super()._ipython_display_()


def new_chart() -> Chart:
    """Return an empty figure with the colours of plotly's default theme, if it was changed, else of the white one."""
    return Chart(layout={"template": "plotly_white" if pio.templates.default == "plotly" else pio.templates.default})


def empty_chart(title: str, details: str, text: str) -> Chart:
    """Return a figure with a text in place of the data."""
    figure = new_chart()
    figure.update_layout(xaxis_visible=False, yaxis_visible=False)
    figure.add_annotation(text=label(text), x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font={"size": 13})
    return finish(figure, title, details, height=100)


def finish(figure: Chart, title: str, details: str, *, height: float) -> Chart:
    """Set the title with a second line of details, the height and the legend, and return the figure.

    `height` is that of the plot, in pixels, without title, legend and labels. The width of the figure is that of the page.
    """
    clauses = one_line(title, 300).replace(", and ", ",\nand ").replace("; ", ";\n").splitlines()
    # As long as a line on a phone of 390 pixels.
    lines = [line for clause in clauses for line in _wrapped(clause, 50)]
    lines += [f"<span style='font-size:12px'>{line}</span>" for line in _wrapped(details, 63)]
    # Below the buttons of plotly, which are as wide as a phone.
    top = 52 + 21 * len(lines)
    figure.update_layout(
        title={"text": "<br>".join(lines), "font": {"size": 16}, "x": 0, "y": 1, "yanchor": "top", "pad": {"l": 12, "t": 40}},
        height=top + height + 120,
        margin={"l": 12, "r": 24, "t": top, "b": 50},
        legend={"orientation": "h", "traceorder": "normal", **_CORNER},
        hovermode="closest",
        hoverlabel={"align": "left", "namelength": -1},
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True, zeroline=False)
    return figure


def _wrapped(text: str, width: int) -> list[str]:
    """Return a text as escaped lines of at most `width` characters."""
    return [label(line, width) for line in textwrap.wrap(one_line(text, 300), width, break_on_hyphens=False)]


# ------------------------------------------------------------------ rows, bars and points


def set_rows(figure: Chart, labels: Mapping[float, str] | Mapping[int, str], count: int) -> None:
    """Set the labels of a chart of rows, from top to bottom, by their position."""
    texts = [label(text) for text in labels.values()]
    figure.update_yaxes(range=[count - 0.5, -0.5], tickvals=list(labels), ticktext=texts, showgrid=False)


@attrs.frozen
class Bar:
    """A bar in a row, in the units of the x axis."""

    name: str
    """The name in the legend."""
    row: int
    start: float
    end: float
    hover: str
    outcome: Outcome


def add_bars(
    figure: Chart, bars: Sequence[Bar], colours: Mapping[str, str], *, height: float, size: float, shortest: float
) -> None:
    """Draw bars with the patterns of their outcomes. A failed one has a red outline.

    `colours` are those of the names in the legend, and later ones are drawn over the others. `height` is a part of the height
    of a row. A bar shorter than `shortest`, in the units of the x axis, has a marker of `size` pixels.
    """
    for name, colour in colours.items():
        # The legend has the look of the first bar.
        members = sorted((bar for bar in bars if bar.name == name), key=lambda bar: bar.outcome is not Outcome.SUCCEEDED)
        short = [bar for bar in members if bar.end - bar.start < shortest]
        shared = {"name": name, "legendgroup": name, "hoverinfo": "text"}
        if members:
            # A bar in the colour of failures needs no outline.
            widths = [3 if bar.outcome is Outcome.FAILED and colour != _FAILED else 0 for bar in members]
            figure.add_bar(
                orientation="h",
                base=[bar.start for bar in members],
                x=[bar.end - bar.start for bar in members],
                y=[bar.row for bar in members],
                width=height,
                marker={
                    "color": colour,
                    "line": {"color": _FAILED, "width": widths},
                    "pattern": {**_HATCH, "shape": [OUTCOME_PATTERNS[bar.outcome] for bar in members]},
                },
                hovertext=[bar.hover for bar in members],
                showlegend=len(short) < len(members),
                **shared,
            )
        if short:
            symbols = [OUTCOME_MARKERS[bar.outcome] for bar in short]
            figure.add_scatter(
                mode="markers",
                x=[(bar.start + bar.end) / 2 for bar in short],
                y=[bar.row for bar in short],
                marker={"color": colour, "symbol": symbols, "size": size, "opacity": 1},
                hovertext=[bar.hover for bar in short],
                showlegend=len(short) == len(members),
                **shared,
            )
    figure.update_layout(barmode="overlay")


def add_points(figure: Chart, outcome: Outcome, name: str, points: Sequence[tuple[Any, Any, str]]) -> None:
    """Draw points of an outcome, each with its x, y and hover label; nothing without any."""
    if points:
        x, y, text = zip(*points, strict=True)
        marker = {"color": OUTCOME_COLOURS[outcome], "symbol": OUTCOME_MARKERS[outcome], "size": 10, "opacity": 1}
        figure.add_scatter(name=name, mode="markers", x=x, y=y, marker=marker, hovertext=text, hoverinfo="text")


# ------------------------------------------------------------------ counts by period

PANEL_HEIGHT: Final = 110
_PERIODS: Final[Mapping[str, tuple[Callable[[datetime], int], Callable[[int], str]]]] = {
    # The first day of the year 1 was a Monday.
    "week": (lambda time: (time.toordinal() - 1) // 7, lambda number: date.fromordinal(7 * number + 1).isoformat()),
    "month": (lambda time: time.year * 12 + time.month - 1, lambda number: f"{number // 12:04}-{number % 12 + 1:02}"),
    "quarter": (lambda time: time.year * 4 + (time.month - 1) // 3, lambda number: f"{number // 4:04} Q{number % 4 + 1}"),
    "year": (lambda time: time.year, lambda number: f"{number:04}"),
    "decade": (lambda time: time.year // 10, lambda number: f"{number:03}0s"),
}
"""The number of the period of a time, and the label of a number; from the shortest period to the longest."""


def by_period(items: Sequence[tuple[datetime, _T]], most: int, *, shortest: str = "month") -> tuple[str, dict[str, list[_T]]]:
    """Return the shortest period, not below `shortest`, of which there are at most `most`, and the items by their labels.

    The periods are those from the first to the last, also without items; decades even if they are more than `most`. There is at
    least one item.
    """
    times = [nearest_utc(time) for time, _ in items]
    nouns = list(_PERIODS)[list(_PERIODS).index(shortest) :]
    spans = {noun: [_PERIODS[noun][0](time) for time in (min(times), max(times))] for noun in nouns}
    noun = next((noun for noun, (first, last) in spans.items() if last - first < most), nouns[-1])
    number_of, label_of = _PERIODS[noun]
    groups: dict[str, list[_T]] = {label_of(number): [] for number in range(spans[noun][0], spans[noun][1] + 1)}
    for time, (_, item) in zip(times, items, strict=True):
        groups[label_of(number_of(time))].append(item)
    return noun, groups


def new_panels(titles: Sequence[str], noun: str, periods: Collection[str]) -> Chart:
    """Return an empty figure with panels that share an axis of periods."""
    figure = new_chart()
    spacing = 32 / (PANEL_HEIGHT * len(titles))
    figure.set_subplots(rows=len(titles), shared_xaxes=True, vertical_spacing=spacing, subplot_titles=titles)
    figure.update_annotations(x=0, xanchor="left", font={"size": 12})
    # Space beside few periods, so that their bars are not wide.
    space = 0.5 + max(0, 6 - len(periods)) / 2
    figure.update_xaxes(type="category", nticks=8, ticks="outside", range=[-space, len(periods) - 1 + space])
    figure.update_xaxes(title=f"{noun} (UTC){', by its Monday' * (noun == 'week')}", row=len(titles), col=1)
    figure.update_layout(barmode="stack", bargap=0.25)
    return figure


def add_counts(figure: Chart, panels: Sequence[Mapping[str, Sequence[Job]]]) -> None:
    """Draw the number of jobs per period and outcome as stacked bars, in each panel. The legend has the sum of each outcome."""
    counts = [{period: Counter(job.outcome for job in jobs) for period, jobs in panel.items()} for panel in panels]
    totals = Counter(job.outcome for panel in panels for jobs in panel.values() for job in jobs)
    for rank, (outcome, pattern) in enumerate(OUTCOME_PATTERNS.items()):
        shown = [row for row, panel in enumerate(counts, 1) if any(count[outcome] for count in panel.values())]
        for row in shown:
            panel = counts[row - 1]
            figure.add_bar(
                name=f"{outcome.name} ({totals[outcome]:,})",
                legendgroup=outcome.name,
                legendrank=rank,
                showlegend=row == shown[0],
                x=list(panel),
                y=[count[outcome] for count in panel.values()],
                marker={"color": OUTCOME_COLOURS[outcome], "line": {"width": 0}, "pattern": {**_HATCH, "shape": pattern}},
                hovertemplate=f"%{{x}}: %{{y:,}} {outcome.name}<extra></extra>",
                row=row,
                col=1,
            )
    for row, panel in enumerate(counts, 1):
        highest = max(count.total() for count in panel.values())
        # plotly's own ticks of a few jobs would be fractions.
        dtick = 1 if highest <= 4 else None
        figure.update_yaxes(range=[0, highest * 1.08], dtick=dtick, nticks=4, tickformat=",d", row=row, col=1)


# ------------------------------------------------------------------ durations

_TICK_STEPS: Final = (
    *(1, 5, 15, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200),
    *(86_400 * 10**power * count for power in range(7) for count in (1, 2, 5)),
)
"""The distances of ticks on an axis of durations, in seconds."""


def minutes_of(duration: timedelta) -> float:
    """Return the position of a duration on an axis of durations: in minutes."""
    return duration.total_seconds() / 60


def duration_axis(longest: float, *, most: int = 6) -> dict[str, Any]:
    """Return at most `most` ticks for an axis of durations, in minutes, such as `30m 00s`, and the 0."""
    seconds = max(longest * 60, 1.0)
    step = next((step for step in _TICK_STEPS if seconds / step <= most), _TICK_STEPS[-1])
    ticks = range(0, int(seconds * 1.1) + 1, step)
    texts = [format_duration(timedelta(seconds=tick)) if tick else "0" for tick in ticks]
    return {"tickvals": [tick / 60 for tick in ticks], "ticktext": texts}
