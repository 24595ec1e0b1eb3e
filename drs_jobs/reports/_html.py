"""Reports as HTML for notebooks, with the same rules as for jobs: escaped, bounded, without scripts and tags."""

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from drs_jobs._formatting import format_count
from drs_jobs._models import Job, Outcome
from drs_jobs._models.html import job_html, list_html, outcome_html, table_html, text
from drs_jobs._time_formatting import format_duration, format_minute
from drs_jobs.reports._log import ORDER

if TYPE_CHECKING:
    from drs_jobs.reports._causes import Cause
    from drs_jobs.reports._drills import DrillReport
    from drs_jobs.reports._failures import Explanation
    from drs_jobs.reports._phases import JobPhases, Phase
    from drs_jobs.reports._recovery import RecoveryReport, ServerRecovery


def job_phases_html(report: "JobPhases") -> str:
    """Return one row per participant, with a column for each phase that any of them has."""
    names = sorted({phase.name for row in report.participants for phase in row.phases}, key=ORDER.__getitem__)
    columns = ["participant", *(name.lower().replace("_", " ") for name in names), "launched after", "outcome"]
    rows: list[list[str]] = []
    for row in report.participants:
        by_name = {phase.name: phase for phase in row.phases}
        cells = [_phase(by_name[name]) if name in by_name else "-" for name in names]
        rows.append([text(row.participant), *cells, format_duration(row.recovery_time), outcome_html(row.outcome)])
    title = f"phases of job {report.job.job_id}, {format_count(len(rows), 'participant')}"
    return table_html(title, columns, rows) + _log_error(report.log_error)


def explanation_html(report: "Explanation") -> str:
    """Return the job, its causes of failure with the participants of each, the reasons of the whole job, and its phases."""
    causes = list_html("causes of failure", [_cause(cause) for cause in report.causes])
    reasons = list_html("failures of the job as a whole", report.job_reasons)
    return f"<div>{job_html(report.job)}{causes}{reasons}{job_phases_html(report.phases)}</div>"


def drill_report_html(report: "DrillReport") -> str:
    """Return one row per server."""
    rows = [
        [
            text(row.source_server_id),
            _created(row.last_drill),
            format_duration(None if row.last_drill is None else row.last_drill.duration),
            outcome_html(Outcome.UNDETERMINED, "never drilled") if row.outcome is None else outcome_html(row.outcome),
            _created(row.last_completed_drill),
            _created(row.last_successful_drill),
        ]
        for row in report.servers
    ]
    columns = ["server", "last drill (UTC)", "job took", "outcome", "last completed (UTC)", "last success (UTC)"]
    return table_html(_span("drills", report), columns, rows)


def recovery_report_html(report: "RecoveryReport") -> str:
    """Return one row per server."""
    rows = [
        [
            text(row.source_server_id),
            _created(row.latest_job),
            *_durations(row.latest, row.median, row.slowest),
            f"{row.measured:,}",
            *([] if report.objective is None else [_met(row)]),
        ]
        for row in report.servers
    ]
    columns = ["server", "latest recovery (UTC)", "recovery time", "median", "slowest", "recoveries measured"]
    objective = [] if report.objective is None else [f"objective {format_duration(report.objective)}"]
    return table_html(_span("recovery times", report), [*columns, *objective], rows)


def _met(row: "ServerRecovery") -> str:
    if row.met is None:
        is_running = row.latest_job is not None and not row.latest_job.is_complete
        return outcome_html(Outcome.RUNNING) if is_running else outcome_html(Outcome.UNDETERMINED, "undetermined")
    if row.met:
        return outcome_html(Outcome.SUCCEEDED, "met")
    return outcome_html(Outcome.FAILED, "not met: it failed" if row.latest is None else "not met")


def _phase(phase: "Phase") -> str:
    attempts = f" ({phase.attempts} attempts)" if phase.attempts > 1 else ""
    words = f"{format_duration(phase.duration)}{attempts}"
    if phase.outcome is Outcome.SUCCEEDED:
        return words
    return outcome_html(phase.outcome, f"{phase.outcome}{attempts}" if phase.duration is None else f"{words} {phase.outcome}")


def _cause(cause: "Cause") -> str:
    words = f"{format_count(len(cause.participants), 'participant')}: {cause.summary}"
    return f"{words}: {cause.reason}" if cause.refused_action else words


def _span(noun: str, report: "DrillReport | RecoveryReport") -> str:
    noun = noun if report.servers else f"no {noun}"
    if report.first_job_at is None:
        return f"{noun} in {format_count(report.job_count, 'job')}"
    first, last = format_minute(report.first_job_at), format_minute(report.last_job_at)
    return f"{noun} in {format_count(report.job_count, 'job')}, {first} to {last} (UTC)"


def _log_error(error: Exception | None) -> str:
    return "" if error is None else f"<div>{text(f'the log could not be read: {error}')}</div>"


def _created(job: Job | None) -> str:
    return format_minute(None if job is None else job.creation_date_time)


def _durations(*durations: timedelta | None) -> Iterable[str]:
    return map(format_duration, durations)
