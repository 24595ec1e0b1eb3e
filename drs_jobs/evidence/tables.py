"""An assessment as two CSV files: one row per server, and one row per server and job. Times are in UTC."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from drs_jobs._text import format_instant
from drs_jobs._time import seconds_of
from drs_jobs.analysis import Explanation, ParticipantPhases, PhaseName
from drs_jobs.evidence import wording
from drs_jobs.evidence.csv import CsvWriter
from drs_jobs.evidence.model import Assessment, ServerRecord

_PHASES: Final = (PhaseName.CLEANUP, PhaseName.SNAPSHOT, PhaseName.CONVERSION, PhaseName.LAUNCH)


def records_csv(assessment: Assessment) -> str:
    """Return the records of an assessment, with the keys of `ServerRecord` as columns."""
    return _csv_text(tuple(ServerRecord.__annotations__), assessment.records())


def jobs_csv(assessment: Assessment) -> str:
    """Return one row per participant of each drill and recovery, newest first, with its phases and the reasons of its failure.

    A job without participants has one row.
    """
    names = {row.server.source_server_id: row.server.name for row in assessment.servers}
    return _csv_text(_JOB_COLUMNS, (row for report in assessment.explanations() for row in _participant_rows(report, names)))


def _csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    text = io.StringIO()
    CsvWriter(text, columns).write(rows)
    return text.getvalue()


_JOB_COLUMNS: Final = (
    "jobID",
    "accountID",
    "region",
    "kind",
    "createdAt",
    "endedAt",
    "jobOutcome",
    "participant",
    "name",
    "outcome",
    "recoverySeconds",
    *(f"{phase.lower()}Seconds" for phase in _PHASES),
    "reasons",
    "causes",
    "jobReasons",
    "logError",
)


def _participant_rows(report: Explanation, names: Mapping[str, str | None]) -> Iterator[Mapping[str, object]]:
    job = report.job
    for row in report.phases.participants or (ParticipantPhases(participant="", outcome=job.outcome),):
        yield {
            "jobID": job.job_id,
            "accountID": job.account_id,
            "region": job.region,
            "kind": job.kind,
            "createdAt": format_instant(job.creation_date_time),
            "endedAt": format_instant(job.end_date_time),
            "jobOutcome": job.outcome.name,
            "participant": row.participant,
            "name": names.get(row.participant),
            "outcome": row.outcome.name,
            "recoverySeconds": seconds_of(row.recovery_time),
            **{f"{phase.name.lower()}Seconds": seconds_of(phase.duration) for phase in row.phases},
            "reasons": "; ".join(
                reason for failure in report.failures if failure.participant == row.participant for reason in failure.reasons
            ),
            "causes": "; ".join(cause.summary for cause in report.causes if row.participant in cause.participants),
            "jobReasons": "; ".join(report.job_reasons),
            "logError": wording.error_label(report.log_error),
        }
