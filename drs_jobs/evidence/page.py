"""An assessment as one HTML page. jinja2 escapes every text."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs
import jinja2
from markupsafe import Markup

from drs_jobs import __version__, _text
from drs_jobs._html import OUTCOME_COLOURS, PHASE_COLOURS, VERDICT_COLOURS
from drs_jobs._models import Job, Outcome
from drs_jobs._models.source_server import SourceServer
from drs_jobs.analysis import Cause, Explanation, Phase
from drs_jobs.analysis.failure import cause_key, explained_reasons
from drs_jobs.evidence import wording
from drs_jobs.evidence.drills_and_recoveries import is_drill
from drs_jobs.evidence.model import Assessment, Problem, RecoveryResult, Verdict

_OUTCOME_SYMBOLS: Final = {Outcome.SUCCEEDED: "✓", Outcome.FAILED: "✗", Outcome.RUNNING: "…", Outcome.UNDETERMINED: "?"}
"""A symbol for each outcome, so that a grid is readable without its colours."""

_VERDICT_SYMBOLS: Final = {Verdict.MET: "✓", Verdict.NOT_MET: "✗", Verdict.UNDETERMINED: "?"}
"""A symbol for each verdict, so that it is readable without its colour."""

_MAX_ROWS: Final = 50
"""The maximum number of servers with a drawing of drills and phases. All servers are in the table of verdicts."""

_DAYS_PER_GRID: Final = 36
"""The maximum number of columns of a grid that fits on a page of A4 or Letter, after that of the servers."""

_MAX_DAYS: Final = 3 * _DAYS_PER_GRID
"""The maximum number of days in the grids."""

_MAX_TEXT: Final = 500
"""The maximum length of a text from AWS."""

_BAR_WIDTH: Final = 1000
"""The width of the longest bar, in the units of its SVG."""


def page(assessment: Assessment, title: str | None, files: Sequence[tuple[str, str]] = ()) -> str:
    """Return the page of `drs_jobs.evidence.render`. `files` has the name and the SHA-256 of each file of saved jobs."""
    servers = [row.server for row in assessment.servers]
    places: list[SourceServer | Job | Problem] = [*servers, *assessment.jobs, *assessment.problems]
    names = {server.source_server_id: server.name for server in servers}
    drills_by_day = _drills_by_day(assessment)
    days = list(drills_by_day)[:_MAX_DAYS]
    bars, objective_x = _chart(assessment)
    return _template.render(
        title=_text.one_line(title or "") or wording.DEFAULT_TITLE,
        version=__version__,
        assessment=assessment,
        files=files,
        wording=wording,
        account_ids=sorted({place.account_id for place in places if place.account_id is not None}),
        regions=sorted({place.region for place in places if place.region is not None}),
        rows=assessment.worst_first,
        names=names,
        ambiguous_names={name for name, count in Counter(names.values()).items() if count > 1},
        has_places=len({(server.account_id, server.region) for server in servers}) > 1,
        accounts=list(_accounts(assessment)),
        drills_by_day=drills_by_day,
        grids=[days[start : start + _DAYS_PER_GRID] for start in range(0, len(days), _DAYS_PER_GRID)],
        bars=bars,
        objective_x=objective_x,
        causes=_common_causes(assessment.explanations()),
        problems=[(problem, sum(map(problem.concerns, servers))) for problem in assessment.problems],
        outcome_colours=OUTCOME_COLOURS,
        outcome_symbols=_OUTCOME_SYMBOLS,
        verdict_colours=VERDICT_COLOURS,
        verdict_symbols=_VERDICT_SYMBOLS,
        phase_colours=PHASE_COLOURS,
        max_causes=20,
        max_days=_MAX_DAYS,
        max_names=10,
        max_rows=_MAX_ROWS,
    )


def _bounded(value: object) -> object:
    """Return a text as one bounded line if it is long or has control characters, because the escaping of HTML keeps those."""
    if not isinstance(value, str) or isinstance(value, Markup) or (value.isprintable() and len(value) <= _MAX_TEXT):
        return value
    return _text.one_line(value, _MAX_TEXT)


_environment: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("drs_jobs.evidence"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    finalize=_bounded,
    trim_blocks=True,
    lstrip_blocks=True,
)
_filters: Final[dict[str, Callable[..., str]]] = {
    "age": _text.format_age,
    "count": _text.format_count,
    "duration": _text.format_duration,
    "minute": _text.format_minute,
    "more": _text.format_more,
    "names": _text.format_names,
    "number": "{:,}".format,
    "second": _text.format_second,
}
_environment.filters.update(_filters)
_template: Final = _environment.get_template("page.html")


def _accounts(assessment: Assessment) -> Iterator[tuple[str, Assessment]]:
    """Yield the part of each account, if there are several; servers of unknown account are the last part."""
    accounts = {row.server.account_id for row in assessment.servers}
    accounts |= {problem.account_id for problem in assessment.problems if problem.account_id is not None}
    for account in sorted(accounts, key=lambda account: account or "unknown") if len(accounts) > 1 else ():
        servers = (row for row in assessment.servers if row.server.account_id == account)
        problems = (problem for problem in assessment.problems if account is None or problem.account_id in {None, account})
        yield account or "unknown", attrs.evolve(assessment, servers=tuple(servers), problems=tuple(problems))


def _common_causes(reports: Iterable[Explanation]) -> list[tuple[Cause, list[Job]]]:
    """Return each cause once with its jobs, the one with the most participants first."""
    causes: dict[str, tuple[Cause, dict[str, None], dict[str, Job]]] = {}
    for report in reports:
        for cause in explained_reasons(report):
            _, participants, jobs = causes.setdefault(cause_key(cause.reason), (cause, {}, {}))
            participants |= dict.fromkeys(cause.participants)
            jobs[report.job.job_id] = report.job
    merged = [(attrs.evolve(cause, participants=tuple(names)), list(jobs.values())) for cause, names, jobs in causes.values()]
    return sorted(merged, key=lambda member: -len(member[0].participants))


def _drills_by_day(assessment: Assessment) -> dict[str, dict[str, list[tuple[Outcome, str]]]]:
    """Return the outcome and a text of each drill, by day, the newest first, and by server. A day can have several drills."""
    ids = {row.server.source_server_id for row in assessment.servers}
    drills: dict[str, dict[str, list[tuple[Outcome, str]]]] = {}
    for job in filter(is_drill, assessment.jobs):
        time = job.creation_date_time
        day = "no date" if time is None else _text.format_day(time)
        for server_id in ids & {entry.source_server_id for entry in job.participating_servers}:
            outcome = job.outcome_of(server_id) or Outcome.UNDETERMINED
            text = f"{_text.format_minute(time)} UTC, {job.job_id}: {outcome.name}"
            drills.setdefault(day, {}).setdefault(server_id, []).append((outcome, text))
    return drills


def _chart(assessment: Assessment) -> tuple[dict[str, list[tuple[Phase, float, float]]], float | None]:
    """Return the phases of the recovery of each server, with the positions and widths of their bars, and the objective."""
    recoveries = {row.server.source_server_id: row.latest_recovery for row in assessment.servers if row.latest_recovery}
    spans = {server_id: list(_spans(recovery, assessment.as_of)) for server_id, recovery in recoveries.items()}
    # Without running and failed recoveries, because one that hangs for weeks would make all other bars too short.
    times = [recovery.recovery_time for recovery in recoveries.values() if recovery.recovery_time is not None]
    longest = max([*(times or [end for bar in spans.values() for _, _, end in bar]), timedelta(minutes=1)])
    objective = wording.drawn_objective(assessment.objective, longest)
    scale = max(longest, objective or longest)

    def x(time: timedelta) -> float:
        # What is beyond the end of the bar is cut off.
        return round(min(time / scale, 1) * _BAR_WIDTH, 1)

    bars = {
        server_id: [(phase, x(start), max(2.0, round(x(end) - x(start), 1))) for phase, start, end in bar if start < scale]
        for server_id, bar in spans.items()
    }
    return bars, None if objective is None else x(objective)


def _spans(recovery: RecoveryResult, as_of: datetime) -> Iterator[tuple[Phase, timedelta, timedelta]]:
    """Yield the phases with known times, as times since the creation of the job. A running phase reaches until `as_of`."""
    if recovery.created_at is None or recovery.phases is None:
        return
    for phase in recovery.phases.phases:
        end = as_of if phase.outcome is Outcome.RUNNING else phase.ended_at
        if phase.name in PHASE_COLOURS and phase.started_at is not None and end is not None:
            start, stop = phase.started_at - recovery.created_at, end - recovery.created_at
            if timedelta() <= start <= stop:
                yield phase, start, stop
