"""The facts of a report as one HTML page. jinja2 escapes every text."""

import operator
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import attrs
import jinja2
from markupsafe import Markup

from drs_jobs import __version__
from drs_jobs._html import OUTCOME_COLOURS, PHASE_COLOURS
from drs_jobs._models import Job, Outcome
from drs_jobs._text import format_age, format_count, format_duration, format_minute, format_second, one_line
from drs_jobs._time import nearest_utc
from drs_jobs.analysis import Phase, PhaseName
from drs_jobs.evidence.facts import Evidence, Server

_DAYS_PER_GRID: Final = 36
"""The maximum number of columns of a grid that fits on a page of A4 or Letter, beside the servers."""

_BAR_WIDTH: Final = 1000
"""The width of the longest bar, in the units of its SVG."""

_SYMBOLS: Final = {Outcome.SUCCEEDED: "✓", Outcome.FAILED: "✗", Outcome.RUNNING: "…", Outcome.UNDETERMINED: "?"}
"""A symbol for each outcome, so that a grid is readable without its colours."""

_STATES: Final = ("NEVER DRILLED", "last drill failed", "overdue", "")
"""The words for `Server.rank`."""


def page(evidence: Evidence) -> str:
    """Return the HTML page."""
    return _template.render(
        evidence=evidence,
        version=__version__,
        tiles=_tiles(evidence),
        grids=_grids(evidence.servers),
        bars={server.source_server_id: bar for server, bar in _bars(evidence)},
        outcome_colours=OUTCOME_COLOURS,
        phase_colours=PHASE_COLOURS,
        symbols=_SYMBOLS,
        states=_STATES,
        known_limits=evidence.limits[:-1],  # the last one is the span of the jobs
        objective=evidence.recoveries.objective,
        has_recoveries=any(server.recovery.latest_job is not None for server in evidence.servers),
        Outcome=Outcome,
    )


_MAX_TEXT: Final = 2000
"""The maximum length of a text from AWS."""


def _bounded(value: object) -> object:
    """Return a text as one bounded line if it is long or has control characters, which the escaping of HTML keeps."""
    if not isinstance(value, str) or isinstance(value, Markup) or (value.isprintable() and len(value) <= _MAX_TEXT):
        return value
    return one_line(value, _MAX_TEXT)


def _phase_words(name: str) -> str:
    return name.lower().replace("_", " ")


_environment: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("drs_jobs.evidence"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    finalize=_bounded,
    trim_blocks=True,
    lstrip_blocks=True,
)
_filters: Final[dict[str, Callable[..., Any]]] = {
    "age": format_age,
    "count": format_count,
    "duration": format_duration,
    "kind": operator.attrgetter("kind"),
    "minute": format_minute,
    "phase_words": _phase_words,
    "second": format_second,
}
_environment.filters.update(_filters)
_template: Final = _environment.get_template("page.html")


@attrs.frozen
class _Tile:
    """One number of the summary."""

    number: str
    label: str
    detail: str
    is_bad: bool = False


def _tiles(evidence: Evidence) -> list[_Tile]:
    total = len(evidence.servers)
    drilled = evidence.count(lambda server: server.drill.last_drill is not None)
    failed = evidence.count(lambda server: server.completed_outcome is Outcome.FAILED)
    overdue = evidence.count(lambda server: server.is_overdue)
    limit = evidence.overdue_after
    met = evidence.count(lambda server: server.recovery.met is True)
    missed = evidence.count(lambda server: server.recovery.met is False)
    objective = evidence.recoveries.objective
    return [
        _Tile(f"{drilled:,} of {total:,}", "servers drilled", f"{total - drilled:,} never drilled", is_bad=drilled < total),
        _Tile(
            "-" if limit is None else f"{overdue:,}",
            "overdue",
            "no limit given" if limit is None else f"no successful drill for {format_age(limit)}",
            is_bad=overdue > 0,
        ),
        _Tile(f"{failed:,}", "failed", "in their last complete drill", is_bad=failed > 0),
        _Tile(
            "-" if objective is None else f"{met:,} of {total:,}",
            "met the objective",
            "no objective given"
            if objective is None
            else f"{format_duration(objective)}; {missed:,} did not, {total - met - missed:,} undetermined",
            is_bad=missed > 0,
        ),
    ]


@attrs.frozen
class _Mark:
    """One drill of a server in a grid."""

    outcome: Outcome
    title: str


@attrs.frozen
class _Grid:
    """Servers by days with drills."""

    days: Sequence[str]
    rows: Sequence[tuple[Server, Sequence[Sequence[_Mark]]]]
    """The servers, with their drills on each day."""


_UNDATED: Final = "no date"


def _grids(servers: Sequence[Server]) -> list[_Grid]:
    """Return the grids, the newest first. The drills of one day share a column, because a run of waves is several jobs."""
    by_server = [(server, _marks_by_day(server)) for server in servers]
    days = sorted({day for _, marks in by_server for day in marks})
    return [
        _Grid(chosen, [(server, [marks.get(day, ()) for day in chosen]) for server, marks in by_server])
        for end in range(len(days), 0, -_DAYS_PER_GRID)
        if (chosen := days[max(0, end - _DAYS_PER_GRID) : end])
    ]


def _marks_by_day(server: Server) -> dict[str, list[_Mark]]:
    found: dict[str, list[_Mark]] = {}
    for job, outcome in server.drills:
        mark = _Mark(outcome, f"{format_minute(job.creation_date_time)} UTC, {job.job_id}: {outcome.name}")
        found.setdefault(_day(job), []).append(mark)
    return found


def _day(job: Job) -> str:
    if job.creation_date_time is None:
        return _UNDATED
    day: date = nearest_utc(job.creation_date_time).date()
    return day.isoformat()


@attrs.frozen
class _Segment:
    """A phase in a bar."""

    name: PhaseName
    x: float
    width: float
    outcome: Outcome


@attrs.frozen
class _Bar:
    """The phases of a recovery from the creation of the job on."""

    segments: Sequence[_Segment]
    objective_x: float | None
    """The position of the objective; `None` without one, or if it is beyond the longest bar."""


def _bars(evidence: Evidence) -> list[tuple[Server, _Bar]]:
    """Return the phases of the latest recovery of each server, all on the same scale."""
    spans = [(server, _spans(server, evidence.generated_at)) for server in evidence.servers]
    # Without running and failed recoveries, because one that hangs for weeks would make all other bars too short.
    measured = [time for server, _ in spans if (time := server.recovery.latest) is not None]
    longest = max(
        measured
        or [end for _, phases in spans for phase, _, end in phases if phase.outcome is not Outcome.RUNNING]
        or [_MINUTE]
    )
    objective = evidence.recoveries.objective
    # An objective that is much longer than every recovery would make the bars too short too.
    shown = objective if objective is not None and objective <= _LONGEST_OBJECTIVE * longest else None
    scale = max(longest, shown or longest, _MINUTE)
    return [
        (
            server,
            _Bar(
                [
                    _Segment(
                        phase.name, _x(start / scale), max(2.0, round(_x(end / scale) - _x(start / scale), 1)), phase.outcome
                    )
                    for phase, start, end in phases
                    if start < scale
                ],
                None if shown is None else _x(shown / scale),
            ),
        )
        for server, phases in spans
    ]


_MINUTE: Final = timedelta(minutes=1)
_LONGEST_OBJECTIVE: Final = 4
"""The objective is shown if it is at most so many times as long as the longest recovery."""


def _x(share: float) -> float:
    """Return a position in a bar. What is beyond its end is cut off."""
    return round(min(share, 1) * _BAR_WIDTH, 1)


def _spans(server: Server, now: datetime) -> list[tuple[Phase, timedelta, timedelta]]:
    """Return the phases with known times, as times since the creation of the job. A running phase reaches until now."""
    job, row = server.recovery.latest_job, server.latest_phases
    if job is None or row is None or job.creation_date_time is None:
        return []
    found: list[tuple[Phase, timedelta, timedelta]] = []
    for phase in row.phases:
        end = now if phase.outcome is Outcome.RUNNING else phase.ended_at
        if phase.name in PHASE_COLOURS and phase.started_at is not None and end is not None:
            start, stop = phase.started_at - job.creation_date_time, end - job.creation_date_time
            if timedelta() <= start <= stop:
                found.append((phase, start, stop))
    return found
