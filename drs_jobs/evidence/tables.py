"""The facts of a report as two CSV files: one row per server, and one row per participant of a job. Times are in UTC."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from drs_jobs._aws.field_names import AWS_NAMES
from drs_jobs._models import Job, ParticipatingServer
from drs_jobs.analysis import Explanation, JobPhases, ParticipantPhases, PhaseName
from drs_jobs.evidence.csv import CsvWriter
from drs_jobs.evidence.facts import Evidence, Server


def servers_csv(evidence: Evidence) -> str:
    """Return one row per server of the report, with its last drills, its recovery times and the span of the jobs."""
    return _csv_text(_SERVER_COLUMNS, (_server_cells(server, evidence) for server in evidence.servers))


def participants_csv(evidence: Evidence) -> str:
    """Return one row per participant of a job, with its phases and the reasons of its failure.

    A job without participants has one row.
    """
    explanations = {explanation.job.job_id: explanation for explanation in evidence.failures}
    rows = (
        cells
        for job in reversed(evidence.jobs)
        for cells in _participant_cells(evidence.phases[job.job_id], explanations.get(job.job_id), evidence.names)
    )
    return _csv_text(_PARTICIPANT_COLUMNS, rows)


def _csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    CsvWriter(text, columns).write(dict(zip(columns, cells, strict=True)) for cells in rows)
    return text.getvalue()


_SERVER_COLUMNS: Final = (
    AWS_NAMES[ParticipatingServer]["source_server_id"],
    "hostName",
    "outcome",
    "lastDrillAt",
    "lastDrillJobID",
    "lastCompletedOutcome",
    "lastCompletedDrillAt",
    "lastCompletedDrillJobID",
    "lastSuccessfulDrillAt",
    "lastSuccessfulDrillJobID",
    "ageSeconds",
    "overdueAfterSeconds",
    "overdue",
    "latestRecoveryAt",
    "latestJobID",
    "latestSeconds",
    "medianSeconds",
    "slowestSeconds",
    "measured",
    "objectiveSeconds",
    "met",
    "firstJobAt",
    "lastJobAt",
    "jobCount",
    "generatedAt",
)


def _server_cells(server: Server, evidence: Evidence) -> Sequence[object]:
    drill, recovery = server.drill, server.recovery
    return (
        server.source_server_id,
        evidence.names.get(server.source_server_id),
        None if drill.outcome is None else drill.outcome.name,
        *_created_and_id(drill.last_drill),
        None if server.completed_outcome is None else server.completed_outcome.name,
        *_created_and_id(drill.last_completed_drill),
        *_created_and_id(drill.last_successful_drill),
        _seconds(server.age),
        _seconds(evidence.overdue_after),
        None if evidence.overdue_after is None else server.is_overdue,
        *_created_and_id(recovery.latest_job),
        *map(_seconds, (recovery.latest, recovery.median, recovery.slowest)),
        recovery.measured,
        _seconds(evidence.recoveries.objective),
        recovery.met,
        evidence.drills.first_job_at,
        evidence.drills.last_job_at,
        evidence.drills.job_count,
        evidence.generated_at,
    )


_PHASES: Final = (PhaseName.CLEANUP, PhaseName.SNAPSHOT, PhaseName.CONVERSION, PhaseName.LAUNCH)

_PARTICIPANT_COLUMNS: Final = (
    AWS_NAMES[Job]["job_id"],
    "account",
    "region",
    "kind",
    "createdAt",
    "endedAt",
    "jobOutcome",
    "participant",
    "hostName",
    "outcome",
    "recoverySeconds",
    *(f"{phase.name.lower()}Seconds" for phase in _PHASES),
    "reasons",
    "causes",
    "jobReasons",
    "logError",
)


def _participant_cells(
    report: JobPhases, explanation: Explanation | None, names: Mapping[str, str]
) -> Iterator[Sequence[object]]:
    job = report.job
    failures = () if explanation is None else explanation.failures
    causes = () if explanation is None else explanation.causes
    for row in report.participants or (ParticipantPhases(participant="", outcome=job.outcome),):
        durations = {phase.name: phase.duration for phase in row.phases}
        yield (
            job.job_id,
            job.account_id,
            job.region,
            job.kind,
            job.creation_date_time,
            job.end_date_time,
            job.outcome.name,
            row.participant,
            names.get(row.participant),
            row.outcome.name,
            _seconds(row.recovery_time),
            *(_seconds(durations.get(phase)) for phase in _PHASES),
            "; ".join(reason for each in failures if each.participant == row.participant for reason in each.reasons),
            "; ".join(each.summary for each in causes if row.participant in each.participants),
            "; ".join(() if explanation is None else explanation.job_reasons),
            None if report.log_error is None else str(report.log_error) or type(report.log_error).__name__,
        )


def _created_and_id(job: Job | None) -> tuple[datetime | None, str | None]:
    return (None, None) if job is None else (job.creation_date_time, job.job_id)


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()
