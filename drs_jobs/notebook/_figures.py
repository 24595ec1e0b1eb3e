"""What all charts share: the figure, titles, labels, rows, bars, points, counts by period, and axes."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUntypedBaseClass=false

import textwrap
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from html import escape
from typing import Any, ClassVar, Final

import attrs
import plotly.graph_objects as go
import plotly.io as pio
from plotly.offline import get_plotlyjs_version

from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._models import Job, Outcome
from drs_jobs._text import format_count, format_day, format_duration, format_minute, format_more, one_line
from drs_jobs._time import nearest_utc
from drs_jobs.analysis.times import EARLIEST
from drs_jobs.evidence import SourceServer, wording

MAX_ROWS: Final = 60
"""The maximum number of rows with a label."""

FADED: Final = "#767676"
"""A colour for what is not an outcome, readable on white and on black, and below white text."""

LOOKS: Final[Mapping[Outcome, tuple[str, str]]] = {
    Outcome.SUCCEEDED: ("circle", ""),
    Outcome.UNDETERMINED: ("diamond", "."),
    Outcome.RUNNING: ("square", "/"),
    Outcome.FAILED: ("x", "x"),
}
"""The marker and the pattern of an outcome, for readers who cannot distinguish the colours. The worst is last, so on top."""

# ------------------------------------------------------------------ text

_MAX_NAME: Final = 34
"""The maximum number of characters of a server's name and id, so that a label leaves space for the data on a phone."""


def label(text: str, limit: int = 100) -> str:
    """Return a text as one line, escaped for plotly."""
    # plotly interprets some HTML in its texts, and on a page with MathJax, such as a notebook, TeX between dollar signs.
    return escape(one_line(text, limit), quote=False).replace("$", "&#36;")


def server_labels(names: object) -> Callable[[str], str]:
    """Return a function that labels a server by its id, with its host name; raise TypeError unless `names` are str to str."""
    names_by_id: Any = {} if names is None else names
    if not isinstance(names_by_id, Mapping) or not all(isinstance(part, str) for item in names_by_id.items() for part in item):
        raise TypeError(f"names must map source server ids to host names, str to str; this {type(names).__name__} does not")
    return lambda server_id: wording.server_label(SourceServer(server_id, name=names_by_id.get(server_id)), _MAX_NAME)


def hover(lines: Iterable[str], entries: Sequence[str] = (), shown: int = 3) -> str:
    """Return the text of a hover label, escaped for plotly: lines, then at most `shown` entries and how many more."""
    return "<br>".join(label(line, 120) for line in (*lines, *entries[:shown], format_more(len(entries), shown)) if line)


def job_text(job: Job) -> str:
    """Return what hover labels say about a job in one line: its kind, id, date and duration."""
    return f"{job.kind} {job.job_id}, {format_minute(job.creation_date_time)} (UTC), took {format_duration(job.duration)}"


def title(subject: str, *notes: tuple[int, str, str]) -> str:
    """Return what is drawn, and how many of what are not and why, such as `2 jobs, and 1 job without a creation date`."""
    return subject + "".join(f", and {format_count(count, noun)} {why}" for count, noun, why in notes if count > 0)


def describe_span(jobs: Iterable[Job]) -> str:
    """Return the dates, accounts and regions of jobs, such as `2024-06-15 (UTC), account 123456789012, eu-west-1`."""
    jobs = list(jobs)
    days = sorted({format_day(job.creation_date_time) for job in jobs if job.creation_date_time is not None})
    accounts = {f"account {job.account_id}" for job in jobs if job.account_id is not None}
    regions = {job.region for job in jobs if job.region is not None}
    parts = [f"{' to '.join(dict.fromkeys((days[0], days[-1])))} (UTC)"] if days else []
    for noun, places in (("account", accounts), ("region", regions)):
        parts += places if len(places) <= 1 else [format_count(len(places), noun)]
    return ", ".join(parts)


# ------------------------------------------------------------------ figures

_LOADER: Final = (
    "<script>window.Plotly || document.write("
    f'\'<script src="https://cdn.plot.ly/plotly-{get_plotlyjs_version()}.min.js" charset="utf-8"><\\/script>\')</script>'
)
"""Loads plotly.js if the page does not have it, such as after the cell with the first chart was run again."""


class Chart(go.Figure):  # type: ignore[misc]  # plotly has no types
    """A plotly figure that `jupyter nbconvert` keeps.

    With plotly's default renderer in Jupyter, an output has only JSON, which nbconvert leaves out. This one has HTML too. The
    first chart of a process embeds plotly.js, 5 MB, so that a page with the charts needs no network.
    """

    _is_script_shown: ClassVar = False

    def show(self, *args: Any, **kwargs: Any) -> None:
        """Show the figure; for the arguments see plotly's `Figure.show`."""
        if args or kwargs or pio.renderers.default != "plotly_mimetype":
            super().show(*args, **kwargs)
            return
        from IPython.display import display  # noqa: PLC0415  # only Jupyter has this renderer

        html = self.to_html(full_html=False, include_plotlyjs=not Chart._is_script_shown)
        html = _LOADER + html if Chart._is_script_shown else html
        Chart._is_script_shown = True
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
    """Set the title with a second line of details, the height of the plot in pixels, and the legend; return the figure."""
    clauses = one_line(title, 300).replace(", and ", ",\nand ").replace("; ", ";\n").splitlines()
    # As long as a line on a phone of 390 pixels.
    lines = [line for clause in clauses for line in _wrapped(clause, 50)]
    lines += [f"<span style='font-size:11px'>{line}</span>" for line in _wrapped(details, 63)]
    # Below the buttons of plotly, which are as wide as a phone.
    top = 52 + 21 * len(lines)
    figure.update_layout(
        title={"text": "<br>".join(lines), "font": {"size": 16}, "x": 0, "y": 1, "yanchor": "top", "pad": {"l": 12, "t": 40}},
        height=top + height + 120,
        margin={"l": 12, "r": 24, "t": top, "b": 50},
        legend={"orientation": "h", "traceorder": "normal", "xref": "container", "x": 0, "yref": "container", "y": 0},
        legend_yanchor="bottom",
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


def set_rows(figure: Chart, labels: Mapping[float, str] | Mapping[int, str], count: float) -> None:
    """Set the labels of a chart of rows, from top to bottom, by their position."""
    texts = [label(text) for text in labels.values()]
    figure.update_yaxes(range=[count - 0.5, -0.5], tickvals=list(labels), ticktext=texts, showgrid=False)


@attrs.frozen
class Mark:
    """A bar, or a point if its start is its end, in the units of the axes."""

    start: Any
    end: Any
    y: float
    hover: str
    outcome: Outcome
    group: str
    """The key of its entry in the legend."""


def outcome_legend(counts: Mapping[Outcome, int], names: Mapping[Outcome, str] | None = None) -> dict[Outcome, tuple[str, str]]:
    """Return the text in the legend and the colour of each outcome; `names` replaces the names of the outcomes."""
    names = {outcome: outcome.name for outcome in LOOKS} if names is None else names
    return {key: (f"{names[key]} ({counts[key]:,})", OUTCOME_COLOURS[key]) for key in LOOKS if counts.get(key)}


def add_marks(
    figure: Chart,
    marks: Sequence[Mark],
    legend: Mapping[Any, tuple[str, str]],
    *,
    size: float = 10,
    thickness: float = 0,
    shortest: float = 0,
) -> None:
    """Draw bars of a `thickness`, as a part of a row, and markers of `size` pixels; without thickness all are markers."""
    # Later groups of the legend are over the others. Bars shorter than `shortest`, in units of the x axis, have a marker too.
    # The legend has the look of the first mark.
    marks = sorted(marks, key=lambda mark: mark.outcome is not Outcome.SUCCEEDED)
    for group, (name, colour) in legend.items():
        members = [mark for mark in marks if mark.group == group]
        points = [mark for mark in members if not thickness or mark.end - mark.start < shortest]
        options = {"name": name, "legendgroup": group, "hoverinfo": "text"}
        if members and thickness:
            # A bar in the colour of failures needs no outline.
            widths = [3 if mark.outcome is Outcome.FAILED and mark.outcome != group else 0 for mark in members]
            outline = {"color": OUTCOME_COLOURS[Outcome.FAILED], "width": widths}
            figure.add_bar(
                orientation="h",
                base=[mark.start for mark in members],
                x=[mark.end - mark.start for mark in members],
                y=[mark.y for mark in members],
                width=thickness,
                marker={**_filling(colour, [LOOKS[mark.outcome][1] for mark in members]), "line": outline},
                hovertext=[mark.hover for mark in members],
                showlegend=len(points) < len(members),
                **options,
            )
        if points:
            figure.add_scatter(
                mode="markers",
                x=[mark.start + (mark.end - mark.start) / 2 for mark in points],
                y=[mark.y for mark in points],
                marker={"color": colour, "symbol": [LOOKS[mark.outcome][0] for mark in points], "size": size, "opacity": 1},
                hovertext=[mark.hover for mark in points],
                showlegend=len(points) == len(members),
                **options,
            )
    figure.update_layout(barmode="overlay")


def _filling(colour: str, pattern: str | list[str]) -> dict[str, Any]:
    return {"color": colour, "pattern": {"shape": pattern, "size": 6, "solidity": 0.25, "fgopacity": 0.5}}


# ------------------------------------------------------------------ counts by period

PANEL_HEIGHT: Final = 110
_PERIODS: Final[Mapping[str, Callable[[date], str]]] = {
    "week": lambda day: (day - timedelta(days=day.weekday())).isoformat(),
    "month": lambda day: day.isoformat()[:7],
    "quarter": lambda day: f"{day.isoformat()[:4]} Q{(day.month + 2) // 3}",
    "year": lambda day: day.isoformat()[:4],
    "decade": lambda day: f"{day.isoformat()[:3]}0s",
}
"""The label of the period of a day; from the shortest period to the longest."""


def by_period(
    lanes: Collection[Sequence[Job]], most: int, *, shortest: str = "month"
) -> tuple[str, list[dict[str, list[Job]]]]:
    """Return the shortest period with at most `most` labels, else the decade, and the jobs of each lane by the labels."""
    # No period between the first and the last is left out. All jobs have a creation date.
    days = [[nearest_utc(job.creation_date_time or EARLIEST).date() for job in lane] for lane in lanes]
    first, last = min(map(min, days)), max(map(max, days))
    weekly = [*(first + timedelta(days=number) for number in range(0, (last - first).days, 7)), last]
    nouns = list(_PERIODS)
    labels = {noun: dict.fromkeys(map(_PERIODS[noun], weekly)) for noun in nouns[nouns.index(shortest) :]}
    noun = next((noun for noun in labels if len(labels[noun]) <= most), nouns[-1])
    panels: list[dict[str, list[Job]]] = [{label: [] for label in labels[noun]} for _ in lanes]
    for panel, lane, lane_days in zip(panels, lanes, days, strict=True):
        for job, day in zip(lane, lane_days, strict=True):
            panel[_PERIODS[noun](day)].append(job)
    return noun, panels


def count_chart(titles: Sequence[str], noun: str, panels: Sequence[Mapping[str, Sequence[Job]]]) -> Chart:
    """Return panels with the jobs per period and outcome as stacked bars. More titles than panels make empty panels below."""
    figure = new_chart()
    spacing = 32 / (PANEL_HEIGHT * len(titles))
    figure.set_subplots(rows=len(titles), shared_xaxes=True, vertical_spacing=spacing, subplot_titles=titles)
    figure.update_annotations(x=0, xanchor="left", font={"size": 12})
    # Space around few periods, so that their bars are not wide.
    space = 0.5 + max(0, 6 - len(panels[0])) / 2
    figure.update_xaxes(type="category", nticks=8, ticks="outside", range=[-space, len(panels[0]) - 1 + space])
    figure.update_xaxes(title=f"{noun} (UTC){', by its Monday' * (noun == 'week')}", row=len(titles), col=1)
    figure.update_layout(barmode="stack", bargap=0.25)
    legend = outcome_legend(Counter(job.outcome for panel in panels for jobs in panel.values() for job in jobs))
    for row, panel in enumerate(panels, 1):
        counts = [Counter(job.outcome for job in jobs) for jobs in panel.values()]
        # Failures are at the base of a stack.
        for outcome, (name, colour) in reversed(legend.items()):
            figure.add_bar(
                name=name,
                legendgroup=outcome,
                showlegend=row == 1,
                x=list(panel),
                y=[count[outcome] for count in counts],
                marker={**_filling(colour, LOOKS[outcome][1]), "line": {"width": 0}},
                hovertemplate=f"%{{x}}: %{{y:,}} {outcome.name}<extra></extra>",
                row=row,
                col=1,
            )
        highest = max(count.total() for count in counts)
        # plotly's own ticks of a few jobs would be fractions.
        dtick = 1 if highest <= 4 else None
        figure.update_yaxes(range=[0, highest * 1.08], dtick=dtick, nticks=4, tickformat=",d", row=row, col=1)
    return figure


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
