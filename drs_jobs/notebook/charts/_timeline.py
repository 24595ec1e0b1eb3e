"""The timeline: all jobs in lanes, from their creation to their end."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, Literal, NamedTuple

import attrs
import plotly.graph_objects as go

from drs_jobs._models import Job, Outcome
from drs_jobs._models.job import KINDS
from drs_jobs._text import format_count, format_duration, format_minute, format_target_count
from drs_jobs._time import nearest_utc, utc_offset
from drs_jobs.analysis.names import host_names
from drs_jobs.notebook.charts import _style
from drs_jobs.notebook.charts._style import MIN_BAR_WIDTH, OUTCOME_SYMBOLS

_MAX_LANES: Final = 40
"""The maximum number of lanes of servers, or of unknown kinds."""

_MAX_SUB_ROWS: Final = 240
"""The maximum number of rows of all lanes. If more jobs overlap, some are drawn over others, and failures stay on top."""

_ROW_HEIGHTS: Final = ((12, 26), (40, 18), (80, 13), (_MAX_SUB_ROWS, 10))
"""Up to how many rows they have which height, in pixels."""

_COMFORTABLE: Final = 18
"""The height of a row, in pixels, from which there is space between rows, and text in bars."""

_MIN_TEXT_WIDTH: Final = 110
"""The width of a bar, in pixels, from which it has a text."""


class _Lane(NamedTuple):
    """A lane of the chart."""

    rank: int
    """Lanes with a lower rank are above. Of lanes with the rank `_OPEN` there can be any number."""
    text: str


_OPEN: Final = 100
_MERGED: Final = 101
_WITHOUT_SERVERS: Final = _Lane(102, "without servers")
_KIND_RANKS: Final = {kind: rank for rank, kind in enumerate(dict.fromkeys(KINDS.values()))}


@attrs.define
class _Entry:
    """A job in a lane."""

    job: Job
    lane: _Lane
    outcome: Outcome
    """That of the job, or of the server if the lane is a server's."""
    start: float
    """In seconds."""
    end: float
    """In seconds; `start` if the end is unknown."""
    row: int = 0

    @property
    def middle(self) -> float:
        """The position of a marker."""
        return (self.start + self.end) / 2


def timeline(
    jobs: Iterable[Job],
    *,
    now: datetime | None = None,
    names: Mapping[str, str] | None = None,
    lanes: Literal["kind", "server"] = "kind",
    dark: bool = False,
    width: int = _style.DEFAULT_WIDTH,
) -> go.Figure:
    """Return a chart with one bar per job, from its creation to its end, coloured by outcome, in lanes.

    A bar that would be narrower than 6 pixels has a marker on it, so that it can be seen and has a hover label; its true length
    is visible when the chart is enlarged. Jobs of the same lane that overlap are one below the other. The bar of a running job
    ends at `now`. A job with an unknown end has a marker at its creation. A job without a creation date is not drawn; the title
    has the number of these jobs.

    Args:
        jobs: The jobs.
        now: The end of the bars of running jobs, as an aware datetime; by default the current time.
        names: Host names by source server id, shown beside the ids. Default none.
        lanes: Whether there is one lane per kind of job, such as drill and clean-up, or one per source server. The lane of a
            server has the outcome of the server in each job. At most 40 lanes are drawn, those with the most failures; the
            other servers share one lane. Default `kind`.
        dark: Whether the chart is for a dark page. Default `False`.
        width: The width of the chart, in pixels. Default 920.

    Raises:
        TypeError: If `names` does not map str to str.
        ValueError: If `now` has no time zone, or `lanes` has another value.
    """
    until = datetime.now(UTC) if now is None else now
    utc_offset(until, "now")
    if lanes not in {"kind", "server"}:
        raise ValueError(f"lanes must be 'kind' or 'server', not {lanes!r}")
    known = host_names(names)
    every = list(jobs)
    drawn = [job for job in every if job.creation_date_time is not None]
    entries = _merged([*(_by_kind(drawn, until) if lanes == "kind" else _by_server(drawn, until))], lanes)
    figure = _style.new_chart(dark=dark)
    title = format_count(len(drawn), "job") + _style.undated_note(len(every) - len(drawn))
    if not entries:
        _style.draw_empty(figure, "no jobs with a creation date" if every else "no jobs")
        _style.finish(figure, title, _style.describe_span(every), width=width, plot_height=160, left=24)
        return figure
    order = _lane_order(entries)
    counts = Counter(entry.lane for entry in entries)
    limit = _style.label_limit(width) - len(f" ({len(entries):,})")
    labels = [f"{_style.server_label(lane.text, known, limit)} ({counts[lane]:,})" for lane in order]
    left = _style.label_width(labels, width)
    first, last = min(entry.start for entry in entries), max(entry.end for entry in entries)
    low, high, per_pixel = _style.padded(first, last, _style.plot_width(width, left))
    tops = _stack(entries, order, slot=12 * per_pixel)
    row_count = tops[-1]
    height = next((height for most, height in _ROW_HEIGHTS if row_count <= most), _ROW_HEIGHTS[-1][1])
    _draw(figure, entries, until, known, per_pixel=per_pixel, row_height=height)
    _style.draw_bands(figure, [(top - 0.5, bottom - 0.5) for top, bottom in [*pairwise(tops)][::2]], 0.1)
    figure.update_xaxes(type="date", range=[_style.moment_at(low), _style.moment_at(high)], title="UTC")
    figure.update_yaxes(
        range=[row_count - 0.5, -0.5],
        tickmode="array",
        tickvals=[(top + bottom - 1) / 2 for top, bottom in pairwise(tops)],
        ticktext=labels,
        showgrid=False,
        zeroline=False,
    )
    figure.update_layout(barmode="overlay", dragmode="zoom")
    details = _style.describe_span(every)
    _style.finish(figure, title, details, width=width, plot_height=row_count * height, left=left)
    return figure


def _by_kind(jobs: Iterable[Job], until: datetime) -> Iterator[_Entry]:
    for job in jobs:
        kind = job.kind
        yield _entry(job, _Lane(_KIND_RANKS.get(kind, _OPEN), kind), job.outcome, until)


def _by_server(jobs: Iterable[Job], until: datetime) -> Iterator[_Entry]:
    for job in jobs:
        ids = dict.fromkeys(server.source_server_id for server in job.participating_servers)
        for server_id in ids:
            if server_id is not None:
                yield _entry(job, _Lane(_OPEN, server_id), job.outcome_of(server_id) or job.outcome, until)
        if set(ids) <= {None}:
            yield _entry(job, _WITHOUT_SERVERS, job.outcome, until)


def _entry(job: Job, lane: _Lane, outcome: Outcome, until: datetime) -> _Entry:
    assert job.creation_date_time is not None  # noqa: S101  # the others are not drawn
    start = _style.seconds_of(nearest_utc(job.creation_date_time))
    elapsed = job.elapsed(until)
    return _Entry(job, lane, outcome, start, start if elapsed is None else start + max(0.0, elapsed.total_seconds()))


def _merged(entries: list[_Entry], noun: str) -> list[_Entry]:
    """Return the entries with at most `_MAX_LANES` lanes of servers or of unknown kinds; the others share one lane."""
    surplus = set([lane for lane in _lane_order(entries) if lane.rank == _OPEN][_MAX_LANES:])
    if not surplus:
        return entries
    rest = _Lane(_MERGED, format_count(len(surplus), f"other {noun}"))
    kept = [entry for entry in entries if entry.lane not in surplus]
    others = {id(entry.job): entry for entry in entries if entry.lane in surplus}
    return kept + [attrs.evolve(entry, lane=rest, outcome=entry.job.outcome) for entry in others.values()]


def _lane_order(entries: Iterable[_Entry]) -> list[_Lane]:
    """Return the lanes from top to bottom: by rank, then those with most failures first."""
    failed: Counter[_Lane] = Counter()
    for entry in entries:
        failed[entry.lane] += entry.outcome is Outcome.FAILED
    return sorted(failed, key=lambda lane: (lane.rank, -failed[lane], lane.text))


def _stack(entries: list[_Entry], order: list[_Lane], *, slot: float) -> list[int]:
    """Set the row of each entry, so that entries of a lane do not overlap, as far as there are rows.

    Args:
        entries: The entries.
        order: The lanes, from top to bottom.
        slot: The width of a marker, in seconds.

    Returns:
        The first row of each lane, and the number of rows as the last element.
    """
    most = -(-_MAX_SUB_ROWS // len(order))
    by_lane: dict[_Lane, list[_Entry]] = {lane: [] for lane in order}
    for entry in sorted(entries, key=lambda entry: entry.start):
        by_lane[entry.lane].append(entry)
    tops = [0]
    for lane in order:
        # Of each row: whether its last entry is a failure, and its end.
        rows: list[tuple[bool, float]] = []
        for entry in by_lane[lane]:
            begin, end = min(entry.start, entry.middle - slot / 2), max(entry.end, entry.middle + slot / 2)
            free = next((number for number, (_, taken) in enumerate(rows) if taken <= begin), None)
            if free is None and len(rows) < most:
                free = len(rows)
                rows.append((False, end))
            # If all rows are taken, a failure is not covered if possible.
            number = min(range(len(rows)), key=rows.__getitem__) if free is None else free
            rows[number] = entry.outcome is Outcome.FAILED, end
            entry.row = tops[-1] + number
        tops.append(tops[-1] + len(rows))
    return tops


def _draw(
    figure: go.Figure,
    entries: Iterable[_Entry],
    until: datetime,
    names: Mapping[str, str],
    *,
    per_pixel: float,
    row_height: int,
) -> None:
    """Draw a bar per entry, and a marker on each narrow bar. The legend has one item per outcome."""
    size = row_height - 2 if row_height < _COMFORTABLE else 12
    by_outcome: dict[Outcome, list[_Entry]] = {outcome: [] for outcome in OUTCOME_SYMBOLS}
    for entry in entries:
        by_outcome[entry.outcome].append(entry)
    markers: list[go.Scatter] = []
    for outcome, own in by_outcome.items():
        if not own:
            continue
        narrow = [entry for entry in own if (entry.end - entry.start) / per_pixel < MIN_BAR_WIDTH]
        shared = {
            "name": f"{outcome.name} ({len(own):,})",
            "legendgroup": outcome.name,
            "legendrank": list(Outcome).index(outcome),
            "hovertemplate": "%{hovertext}<extra></extra>",
        }
        has_text = row_height >= _COMFORTABLE
        figure.add_bar(
            orientation="h",
            base=[_style.moment_at(entry.start) for entry in own],
            x=[(entry.end - entry.start) * 1e3 for entry in own],  # in milliseconds
            y=[entry.row for entry in own],
            width=size / row_height,
            marker=_style.outcome_bar(outcome),
            text=[
                _bar_text(entry) if has_text and (entry.end - entry.start) / per_pixel >= _MIN_TEXT_WIDTH else ""
                for entry in own
            ],
            textposition="inside",
            insidetextanchor="start",
            constraintext="none",
            textfont={"size": 10, "color": "#000000"},
            textangle=0,
            hovertext=[_hover_text(entry, until, names) for entry in own],
            showlegend=len(narrow) < len(own),
            **shared,
        )
        if narrow:
            markers.append(
                go.Scatter(
                    mode="markers",
                    x=[_style.moment_at(entry.middle) for entry in narrow],
                    y=[entry.row for entry in narrow],
                    marker=_style.outcome_marker(outcome, size),
                    hovertext=[_hover_text(entry, until, names) for entry in narrow],
                    showlegend=len(narrow) == len(own),
                    **shared,
                )
            )
    figure.add_traces(markers)


def _bar_text(entry: _Entry) -> str:
    words = f"{entry.job.kind} {entry.outcome.name}"
    return _style.label(words, 40)


def _hover_text(entry: _Entry, until: datetime, names: Mapping[str, str]) -> str:
    job = entry.job
    created, ended = (format_minute(moment) for moment in (job.creation_date_time, job.end_date_time))
    lines = [
        f"{job.kind} {entry.outcome.name}",
        f"{job.job_id}, {job.status or '-'}",
        f"{created} to {'now' if not job.is_complete else ended} (UTC), {format_duration(job.elapsed(until))}",
        f"{format_target_count(job)} servers",
        *filter(None, [", ".join(filter(None, (job.account_id, job.region)))]),
    ]
    if entry.lane.rank == _OPEN and entry.lane.text != job.kind:
        lines.insert(0, _with_name(entry.lane.text, names))
    failed = [
        *(_with_name(server.name, names) for server in job.failed_servers),
        *(resource.name for resource in job.failed_resources),
        *(f"{run.name}: {run.failure_reason or 'no reason given'}" for run in job.failed_actions),
    ]
    lines += [f"failed: {each}" for each in failed[:_MAX_FAILED]]
    lines += [f"and {len(failed) - _MAX_FAILED:,} more failed"] if len(failed) > _MAX_FAILED else []
    return _style.hover(lines)


_MAX_FAILED: Final = 8
"""The maximum number of failed participants in a hover label."""


def _with_name(server_id: str, names: Mapping[str, str]) -> str:
    return f"{names[server_id]} {server_id}" if server_id in names else server_id
