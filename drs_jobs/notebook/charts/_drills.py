"""The grid of drills: one row per server, one column per drill."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import plotly.graph_objects as go

from drs_jobs._models import Job, Outcome
from drs_jobs._text import format_count, format_day
from drs_jobs.analysis.times import created
from drs_jobs.evidence.drills_and_recoveries import Recovery, all_recoveries, is_drill
from drs_jobs.notebook.charts import _style
from drs_jobs.notebook.charts._host_names import host_names
from drs_jobs.notebook.charts._periods import Periods
from drs_jobs.notebook.charts._style import MAX_ROWS, OUTCOME_SYMBOLS

_ROW_HEIGHT: Final = 20
_MIN_COLUMN_WIDTH: Final = 14
_LABEL_WIDTH: Final = 80
"""The width of the label of a column, in pixels."""

_MAX_DRILLS: Final = 4
"""The maximum number of drills in a hover label."""

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


def drill_grid(
    jobs: Iterable[Job],
    *,
    names: Mapping[str, str] | None = None,
    width: int = _style.DEFAULT_WIDTH,
) -> go.Figure:
    """Return a chart with one row per server and one column per drill, with the server's own outcome in each drill.

    The rules of `evidence.assess` decide what is a drill, and the outcome of a server. Servers without a drill are at the top,
    then those with a failure in the last drill, then the others, the one with the oldest last drill first. Columns are in the
    order of time. If there are more drills than columns that can be read, a column is a month, a quarter or a longer period,
    and has the outcome of the server's last drill in it; the hover label has all of them. At most 60 servers are drawn; the
    title has the number of the others.

    Args:
        jobs: The jobs of any kind. Recoveries that are not drills add their servers only.
        names: Host names by source server id, shown beside the ids. The servers in it have a row, also without a drill.
            Default none.
        width: The width of the chart, in pixels. Default 920.

    Raises:
        TypeError: If `names` does not map str to str.
    """
    every_job = list(jobs)
    names_by_id = host_names(names)
    recoveries = all_recoveries(every_job)
    drills = {server: [r for r in recoveries.get(server, ()) if is_drill(r.job)] for server in {**recoveries, **names_by_id}}
    servers = sorted(drills, key=lambda server: _attention(server, drills[server]))
    undrilled = sum(not drills[server] for server in servers)
    # Many servers without a drill leave space for the others.
    space = max(MAX_ROWS - (len(servers) - undrilled), MAX_ROWS // 3)
    rows = [*servers[: min(undrilled, space)], *servers[undrilled:]][:MAX_ROWS]
    shown = {drill.job.job_id: drill.job for server in rows for drill in drills[server]}
    title = f"{format_count(len(shown), 'drill')} of {format_count(sum(bool(drills[server]) for server in rows), 'server')}"
    title += _style.note(undrilled, "server", "without a drill in these jobs")
    title += _style.note(len(servers) - len(rows), "server", "not shown")
    details = _style.describe_span(every_job)
    if not rows:
        return _style.empty_chart(title, details, f"no servers in {format_count(len(every_job), 'job')}", width=width)
    figure = _style.new_chart()
    labels = _style.server_labels(rows, names_by_id, width)
    left = _style.label_width(labels, width)
    pixels = _style.plot_width(width, left)
    columns, noun = _columns(shown.values(), most=int(pixels / _MIN_COLUMN_WIDTH))
    _draw(figure, [(server, drills[server]) for server in rows], columns, names_by_id)
    empty_rows = [number for number, server in enumerate(rows) if not drills[server]]
    _style.add_bands(figure, [(number - 0.4, number + 0.4) for number in empty_rows], 0.25)
    text = {"text": "no drill in these jobs", "x": 0.5, "xref": "x domain", "showarrow": False, "font": {"size": 11}}
    figure.update_layout(annotations=[{**text, "y": number} for number in empty_rows])
    labelled = range(0, len(columns), max(1, -(-len(columns) * _LABEL_WIDTH // int(pixels))))
    figure.update_xaxes(
        range=[-0.5, max(len(columns), 1) - 0.5],
        tickmode="array",
        tickvals=list(labelled),
        ticktext=[columns[number][0] for number in labelled],
        title=f"{noun} (UTC)" if columns else "",
        showgrid=False,
        zeroline=False,
    )
    _style.set_rows(figure, labels)
    _style.finish(figure, title, details, width=width, plot_height=len(rows) * _ROW_HEIGHT, left=left)
    return figure


def _attention(server_id: str, drills: Sequence[Recovery]) -> tuple[int, datetime, str]:
    """Return the position of a server: the lower, the more attention it needs."""
    if not drills:
        return 0, _EARLIEST, server_id
    return (1 if drills[0].outcome is Outcome.FAILED else 2), drills[0].created_at or _EARLIEST, server_id


_Columns = Sequence[tuple[str, frozenset[str]]]
"""The label of each column, and the ids of its jobs."""


def _columns(drills: Iterable[Job], *, most: int) -> tuple[_Columns, str]:
    """Return one column per drill, or per period if there are too many drills, and what a column is."""
    times = sorted(((created(job), job.job_id) for job in drills), key=lambda item: item[0] or _EARLIEST)
    if len(times) <= most:
        return [("no date" if time is None else format_day(time), frozenset([job_id])) for time, job_id in times], "drill"
    periods = Periods.of((time for time, _ in times if time is not None), most)
    members: dict[int, set[str]] = {number: set() for number in periods.numbers}
    for time, job_id in times:
        if time is not None:
            members[periods.number_of(time)].add(job_id)
    undated = frozenset(job_id for time, job_id in times if time is None)
    columns = [*([("no date", undated)] if undated else [])]
    columns += [(periods.label(number), frozenset(job_ids)) for number, job_ids in members.items()]
    return columns, f"last drill of each {periods.noun}"


def _draw(
    figure: go.Figure, rows: Sequence[tuple[str, Sequence[Recovery]]], columns: _Columns, names: Mapping[str, str]
) -> None:
    positions = {job_id: x for x, (_, job_ids) in enumerate(columns) for job_id in job_ids}
    points: dict[Outcome, list[tuple[int, int, str]]] = {outcome: [] for outcome in OUTCOME_SYMBOLS}
    for y, (server_id, drills) in enumerate(rows):
        by_column: dict[int, list[Recovery]] = {}
        for drill in drills:
            by_column.setdefault(positions[drill.job.job_id], []).append(drill)
        for x, newest_first in by_column.items():
            entries = [[drill.outcome.name, *_style.job_lines(drill.job)] for drill in newest_first]
            text = _style.hover([_style.server_text(server_id, names)], entries, _MAX_DRILLS)
            points[newest_first[0].outcome].append((x, y, text))
    for outcome, members in points.items():
        _style.add_markers(figure, outcome, f"{outcome.name} ({len(members):,})", members, 13)
