"""CSV that spreadsheets, pandas and DuckDB read, and that no spreadsheet takes for formulas. Times are in UTC."""

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, cast

from drs_jobs._models import Job
from drs_jobs._text import format_instant, one_line
from drs_jobs._time import nearest_utc, seconds_of
from drs_jobs.analysis import Explanation, ParticipantPhases
from drs_jobs.analysis.phase import SERVER_PHASES
from drs_jobs.evidence import wording
from drs_jobs.evidence.model import Assessment, ServerRecord

_MAX_CELL: Final = 32_000
"""The maximum number of characters in a cell. Spreadsheets accept 32,767."""

_FORMULA_STARTS: Final = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""The characters with which a formula begins, also in their full-width forms.

Source: the OWASP page on CSV injection. Tabs and line breaks, which it lists too, are in no cell.
"""


def csv_text(columns: Collection[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Return a header and rows, which are values by column. A column that a row does not have is empty.

    A datetime is in UTC, `None` is an empty cell, and a list has spaces between. Text is quoted, so that no separator in it
    begins another cell. Numbers are not quoted.
    """
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return text.getvalue()


def _cell(value: object) -> str | int | float:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return value
        case datetime():
            return nearest_utc(value).isoformat()
        case list() | tuple():
            parts = cast("Iterable[object]", value)
            return _text(" ".join("" if part is None else str(part) for part in parts))
        case _:
            return _text(str(value))


def _text(text: str) -> str:
    line = one_line(text, _MAX_CELL)
    # The apostrophe marks a text in spreadsheets.
    return f"'{line}" if line.startswith(_FORMULA_STARTS) else line


# ------------------------------------------------------------------ an assessment


def records_csv(assessment: Assessment) -> str:
    """Return the records of an assessment, with the keys of `ServerRecord` as columns."""
    return csv_text(ServerRecord.__annotations__, assessment.records())


def jobs_csv(assessment: Assessment) -> str:
    """Return one row per participant of each drill and recovery, newest first, and one per job without participants."""
    names = {row.server.source_server_id: row.server.name for row in assessment.servers}
    # Those of a job without content, because there can be no jobs.
    columns = next(_participant_rows(Explanation(job=Job(job_id="")), {}))
    return csv_text(columns, (row for report in assessment.explanations() for row in _participant_rows(report, names)))


def _participant_rows(report: Explanation, names: Mapping[str, str | None]) -> Iterator[Mapping[str, object]]:
    job = report.job
    for row in report.phases.participants or (ParticipantPhases(participant="", outcome=job.outcome),):
        durations = {phase.name: phase.duration for phase in row.phases}
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
            **{f"{phase.lower()}Seconds": seconds_of(durations.get(phase)) for phase in SERVER_PHASES},
            "reasons": "; ".join(
                reason for failure in report.failures if failure.participant == row.participant for reason in failure.reasons
            ),
            "causes": "; ".join(cause.summary for cause in report.causes if row.participant in cause.participants),
            "jobReasons": "; ".join(report.job_reasons),
            "logError": wording.error_label(report.log_error),
        }
