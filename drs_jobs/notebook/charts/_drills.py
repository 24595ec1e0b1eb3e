"""The grid of drills: one row per server, one column per drill."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import attrs
import plotly.graph_objects as go

from drs_jobs._models import Job, Outcome
from drs_jobs._text import format_count, format_minute
from drs_jobs.analysis.names import host_names
from drs_jobs.analysis.times import created, requested_servers
from drs_jobs.evidence import ServerDrill, last_drills
from drs_jobs.notebook.charts import _style
from drs_jobs.notebook.charts._periods import Periods
from drs_jobs.notebook.charts._style import MAX_ROWS, OUTCOME_SYMBOLS

_ROW_HEIGHT: Final = 20
_MIN_COLUMN_WIDTH: Final = 14
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


@attrs.frozen
class _Cell:
    """The drills of a server in a column, and the outcome of the last one for this server."""

    drills: tuple[Job, ...]
    outcome: Outcome


def drill_grid(
    jobs: Iterable[Job],
    *,
    names: Mapping[str, str] | None = None,
    source_server_ids: Iterable[str] | None = None,
    dark: bool = False,
    width: int = _style.DEFAULT_WIDTH,
) -> go.Figure:
    """Return a chart with one row per server and one column per drill, with the server's own outcome in each drill.

    Servers that were never drilled are at the top, then those with a failure in the last drill, then the others, the one with
    the oldest last drill first. Columns are in the order of time. If there are more drills than columns that can be read, a
    column is a month, a quarter or a longer period, and has the outcome of the server's last drill in it; the hover label has
    all of them. At most 60 servers are drawn; the title has the number of the others.

    Args:
        jobs: The jobs. Jobs that are not drills add their servers only.
        names: Host names by source server id, shown beside the ids. Default none.
        source_server_ids: The servers that have a row, including those without a drill. By default those of the jobs and of
            `names`.
        dark: Whether the chart is for a dark page. Default `False`.
        width: The width of the chart, in pixels. Default 920.

    Raises:
        TypeError: If `source_server_ids` is a str, or `names` does not map str to str.
    """
    every = list(jobs)
    known = host_names(names)
    requested = requested_servers(source_server_ids)
    ids = requested if requested is not None else dict.fromkeys([*_servers(every), *known])
    servers = sorted(last_drills(every, source_server_ids=ids).servers, key=_attention)
    figure = _style.new_chart(dark=dark)
    drills = sorted((job for job in every if job.is_drill), key=lambda job: created(job) or _EARLIEST)
    never = sum(server.last_drill is None for server in servers)
    title = f"{format_count(len(drills), 'drill')} of {format_count(len(servers) - never, 'server')}"
    title += f", {never:,} never drilled" if never else ""
    title += _style.others_note(len(servers) - MAX_ROWS, "server") if len(servers) > MAX_ROWS else ""
    details = _style.describe_span(every)
    if not servers:
        _style.draw_empty(figure, f"no servers in {format_count(len(every), 'job')}")
        _style.finish(figure, title, details, width=width, plot_height=160, left=24)
        return figure
    # Many servers without a drill leave space for the others.
    spared = min(len(servers) - never, MAX_ROWS * 2 // 3)
    rows = [*servers[: min(never, MAX_ROWS - spared)], *servers[never:]][:MAX_ROWS]
    labels = [_style.server_label(row.source_server_id, known, _style.label_limit(width)) for row in rows]
    left = _style.label_width(labels, width)
    pixels = _style.plot_width(width, left)
    columns, noun = _columns(drills, most=int(pixels / _MIN_COLUMN_WIDTH))
    _draw(figure, rows, columns, known)
    undrilled = [number for number, row in enumerate(rows) if row.last_drill is None]
    _style.draw_bands(figure, [(number - 0.4, number + 0.4) for number in undrilled], 0.25)
    words = {"text": "NEVER DRILLED", "x": 0.5, "xref": "x domain", "showarrow": False, "font": {"size": 11}}
    figure.update_layout(annotations=[{**words, "y": number} for number in undrilled])
    every_nth = max(1, -(-len(columns) * 80 // int(pixels)))
    shown = range(0, len(columns), every_nth)
    names_of_columns = list(columns)
    figure.update_xaxes(
        range=[-0.5, max(len(columns), 1) - 0.5],
        tickmode="array",
        tickvals=list(shown),
        ticktext=[names_of_columns[number][1] for number in shown],
        title=f"{noun} (UTC)" if columns else "",
        showgrid=False,
        zeroline=False,
    )
    figure.update_yaxes(
        range=[len(rows) - 0.5, -0.5], tickmode="array", tickvals=list(range(len(rows))), ticktext=labels, zeroline=False
    )
    _style.finish(figure, title, details, width=width, plot_height=len(rows) * _ROW_HEIGHT, left=left)
    return figure


def _servers(jobs: Iterable[Job]) -> list[str]:
    return sorted({server.source_server_id for job in jobs for server in job.participating_servers if server.source_server_id})


def _attention(server: ServerDrill) -> tuple[int, datetime, str]:
    drilled_at = _EARLIEST if server.last_drill is None else created(server.last_drill) or _EARLIEST
    return _RANKS.get(server.outcome, 2), drilled_at, server.source_server_id


_RANKS: Final[Mapping[Outcome | None, int]] = {None: 0, Outcome.FAILED: 1}

_Columns = dict[tuple[int, str], list[Job]]
"""The drills of each column, by its position in time and its label."""


def _columns(drills: Sequence[Job], *, most: int) -> tuple[_Columns, str]:
    """Return one column per drill, or per period if there are too many drills, and what a column is."""
    if len(drills) <= most:
        return {(number, format_minute(job.creation_date_time)[:10]): [job] for number, job in enumerate(drills)}, "drill"
    dated = [(moment, job) for job in drills if (moment := created(job)) is not None]
    periods = Periods.of((moment for moment, _ in dated), most)
    numbers = [periods.number_of(moment) for moment, _ in dated]
    columns: _Columns = (
        {(number, periods.label(number)): [] for number in range(min(numbers), max(numbers) + 1)} if dated else {}
    )
    for number, (_, job) in zip(numbers, dated, strict=True):
        columns[number, periods.label(number)].append(job)
    return columns, f"last drill of each {periods.noun}"


def _draw(figure: go.Figure, rows: Sequence[ServerDrill], columns: _Columns, names: Mapping[str, str]) -> None:
    positions = {row.source_server_id: number for number, row in enumerate(rows)}
    cells: dict[Outcome, list[tuple[int, int, str]]] = {outcome: [] for outcome in OUTCOME_SYMBOLS}
    for x, (_, jobs) in enumerate(columns.items()):
        by_server: dict[str, list[Job]] = {}
        for job in jobs:
            for server_id in {server.source_server_id for server in job.participating_servers}:
                if server_id in positions and server_id is not None:
                    by_server.setdefault(server_id, []).append(job)
        for server_id, own in by_server.items():
            outcome = own[-1].outcome_of(server_id) or own[-1].outcome
            cells[outcome].append((x, positions[server_id], _hover_text(server_id, own, names)))
    for outcome, own_cells in cells.items():
        if own_cells:
            x_values, y_values, words = zip(*own_cells, strict=True)
            figure.add_scatter(
                name=f"{outcome.name} ({len(own_cells):,})",
                mode="markers",
                x=x_values,
                y=y_values,
                marker=_style.outcome_marker(outcome, 13),
                hovertext=words,
                hovertemplate="%{hovertext}<extra></extra>",
            )


def _hover_text(server_id: str, drills: Sequence[Job], names: Mapping[str, str]) -> str:
    lines = [*([names[server_id]] if server_id in names else []), server_id]
    for job in reversed(drills[-_MAX_DRILLS:]):
        outcome = job.outcome_of(server_id) or job.outcome
        lines += [outcome.name, *_style.job_lines(job)]
    lines += [f"and {len(drills) - _MAX_DRILLS:,} more drills"] if len(drills) > _MAX_DRILLS else []
    return _style.hover(lines)


_MAX_DRILLS: Final = 4
"""The maximum number of drills in a hover label."""
