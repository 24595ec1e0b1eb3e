"""Jobs and evidence as Arrow tables. The schema is always the same, also without rows.

Timestamps are in UTC, with microseconds. Durations have microseconds. Enums are dictionary-encoded strings. `job_id` joins all
tables. `job_id` and `server_number` join the servers with the runs of their launch actions, because a job can list a server
without an id. The `participant` of a phase is the `source_server_id` of a server, or the id of another resource. The table of
evidence has the keys of a record. A lone surrogate in a text is replaced by `?`, because UTF-8 cannot encode it.
"""

# pyarrow has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUnknownLambdaType=false

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, get_type_hints

import attrs
import pyarrow as pa

from drs_jobs import _extras
from drs_jobs._models import Job, LaunchAction, LaunchActionsStatus, Outcome, ParticipatingServer
from drs_jobs._time import nearest_utc
from drs_jobs.analysis import JobPhases
from drs_jobs.evidence import Assessment, ServerRecord
from drs_jobs.evidence.drills_and_recoveries import is_drill

_TEXT: Final = pa.string()
_TIMESTAMP: Final = pa.timestamp("us", tz="UTC")
_DURATION: Final = pa.duration("us")
_ENUM: Final = pa.dictionary(pa.int32(), pa.string())
_TAGS: Final = pa.map_(pa.string(), pa.string())

_Columns = Mapping[str, tuple[Any, Callable[[Any], object]]]
"""The type of each column, and the function that reads its value from a row."""

_JOB: Final[_Columns] = {
    "job_id": (_TEXT, lambda job: job.job_id),
    "arn": (_TEXT, lambda job: job.arn),
    "account_id": (_TEXT, lambda job: job.account_id),
    "region": (_TEXT, lambda job: job.region),
    "type": (_ENUM, lambda job: job.type),
    "initiated_by": (_ENUM, lambda job: job.initiated_by),
    "status": (_ENUM, lambda job: job.status),
    "outcome": (_ENUM, lambda job: job.outcome.name),
    "creation_date_time": (_TIMESTAMP, lambda job: job.creation_date_time),
    "end_date_time": (_TIMESTAMP, lambda job: job.end_date_time),
    "duration": (_DURATION, lambda job: job.duration),
    "server_count": (pa.int32(), lambda job: len(job.participating_servers)),
    "failed_server_count": (pa.int32(), lambda job: len(job.failed_servers)),
    "resource_count": (pa.int32(), lambda job: len(job.participating_resources)),
    "failed_action_count": (pa.int32(), lambda job: len(job.failed_actions)),
}

# The rows are job, server number, server.
_SERVER: Final[_Columns] = {
    "job_id": (_TEXT, lambda row: row[0].job_id),
    "creation_date_time": (_TIMESTAMP, lambda row: row[0].creation_date_time),
    "is_drill": (pa.bool_(), lambda row: is_drill(row[0])),
    "server_number": (pa.int32(), lambda row: row[1]),
    "source_server_id": (_TEXT, lambda row: row[2].source_server_id),
    "outcome": (_ENUM, lambda row: _server_outcome(row[0], row[2]).name),
    "recovery_instance_id": (_TEXT, lambda row: row[2].recovery_instance_id),
    "launch_status": (_ENUM, lambda row: row[2].launch_status),
    "ssm_agent_discovery_datetime": (
        _TIMESTAMP,
        lambda row: (row[2].launch_actions_status or LaunchActionsStatus()).ssm_agent_discovery_datetime,
    ),
    "action_run_count": (pa.int32(), lambda row: len(row[2].runs)),
    "failed_action_count": (pa.int32(), lambda row: sum(run.is_failed for run in row[2].runs)),
}

# The rows are job, server number, server, run number, run, action.
_RUN: Final[_Columns] = {
    "job_id": (_TEXT, lambda row: row[0].job_id),
    "server_number": (pa.int32(), lambda row: row[1]),
    "source_server_id": (_TEXT, lambda row: row[2].source_server_id),
    "run_number": (pa.int32(), lambda row: row[3]),
    "run_id": (_TEXT, lambda row: row[4].run_id),
    "status": (_ENUM, lambda row: row[4].status),
    "failure_reason": (_TEXT, lambda row: row[4].failure_reason),
    "action_id": (_TEXT, lambda row: row[5].action_id),
    "action_name": (_TEXT, lambda row: row[5].name),
    "action_code": (_TEXT, lambda row: row[5].action_code),
    "category": (_ENUM, lambda row: row[5].category),
    "type": (_ENUM, lambda row: row[5].type),
    "optional": (pa.bool_(), lambda row: row[5].optional),
    "order": (pa.int64(), lambda row: row[5].order),
}

# The rows are job, participant, phase number, phase.
_PHASE: Final[_Columns] = {
    "job_id": (_TEXT, lambda row: row[0].job_id),
    "creation_date_time": (_TIMESTAMP, lambda row: row[0].creation_date_time),
    "is_drill": (pa.bool_(), lambda row: is_drill(row[0])),
    "participant": (_TEXT, lambda row: row[1].participant),
    "participant_outcome": (_ENUM, lambda row: row[1].outcome.name),
    "launched_at": (_TIMESTAMP, lambda row: row[1].launched_at),
    "recovery_time": (_DURATION, lambda row: row[1].recovery_time),
    "phase_number": (pa.int32(), lambda row: row[2]),
    "phase": (_ENUM, lambda row: row[3].name),
    "outcome": (_ENUM, lambda row: row[3].outcome.name),
    "started_at": (_TIMESTAMP, lambda row: row[3].started_at),
    "ended_at": (_TIMESTAMP, lambda row: row[3].ended_at),
    "duration": (_DURATION, lambda row: row[3].duration),
    "waiting_before": (_DURATION, lambda row: row[3].waiting_before),
    "attempts": (pa.int64(), lambda row: row[3].attempts),
    "error": (_TEXT, lambda row: row[3].error),
}

# The rows are records.
_NUMBERS: Final = {int: pa.int64(), float | None: pa.float64()}
_EVIDENCE: Final[_Columns] = {
    key: (_TIMESTAMP if key in {"asOf", "since"} or key.endswith("At") else _NUMBERS.get(hint, _TEXT), itemgetter(key))
    for key, hint in get_type_hints(ServerRecord).items()
}


def jobs_table(jobs: Iterable[Job], *, include_tags: bool = False) -> pa.Table:
    """Return a table with one row per job.

    Args:
        jobs: The jobs.
        include_tags: Whether there is a column `tags`, a map; by default there is none, because AWS marks tags as sensitive.
    """
    return _table({**_JOB, "tags": (_TAGS, lambda job: list(job.tags.items()))} if include_tags else _JOB, jobs)


def servers_table(jobs: Iterable[Job]) -> pa.Table:
    """Return a table with one row per server of a job.

    `creation_date_time` and `is_drill` are those of the job: a launch that was initiated by START_DRILL is a drill, as in
    `evidence.assess`. `outcome` is the server's own. It can differ from that of the job.

    Args:
        jobs: The jobs.
    """
    return _table(_SERVER, ((job, *server) for job in jobs for server in enumerate(job.participating_servers)))


def action_runs_table(jobs: Iterable[Job]) -> pa.Table:
    """Return a table with one row per run of a launch action on a server of a job.

    An `order` that does not fit into 64 bits is null.

    Args:
        jobs: The jobs.
    """
    rows = (
        (job, number, server, run_number, run, run.action or LaunchAction())
        for job in jobs
        for number, server in enumerate(job.participating_servers)
        for run_number, run in enumerate(server.runs)
    )
    return _table(_RUN, rows)


def phases_table(phases: Iterable[JobPhases]) -> pa.Table:
    """Return a table with one row per phase of a participant of a job.

    `creation_date_time` and `is_drill` are those of the job, as in `servers_table`. `participant_outcome`, `launched_at` and
    `recovery_time` are those of the participant, repeated in each of its rows. All other columns are those of the phase. A
    participant without phases has no row, such as the servers of a job without a log. `attempts` that do not fit into 64 bits
    are null.

    Args:
        phases: The phases of the jobs, from `JobsClient.phases` or `analysis.phases`.
    """
    rows = (
        (report.job, participant, *phase)
        for report in phases
        for participant in report.participants
        for phase in enumerate(participant.phases)
    )
    return _table(_PHASE, rows)


def evidence_table(assessment: Assessment) -> pa.Table:
    """Return a table with one row per server of an assessment: its records, with the same keys as columns.

    The columns of times (`asOf`, `since` and those that end in `At`) are timestamps in UTC, not text. Durations are in seconds,
    as float64. Numbers of jobs are int64. All other columns are text.

    Args:
        assessment: The assessment, from `evidence.assess`.
    """
    return _table(_EVIDENCE, assessment.records())


_MAX_EXCEL_ROWS: Final = 1_048_575
_EXCEL_OPTIONS: Final = {
    "default_date_format": "yyyy-mm-dd hh:mm:ss",
    "remove_timezone": True,
    "nan_inf_to_errors": True,
    # Text of AWS is text, also if it begins with `=` or `https://`.
    "strings_to_formulas": False,
    "strings_to_urls": False,
}


def to_excel(table: pa.Table, path: str | os.PathLike[str]) -> None:
    """Write a table to an Excel file (`.xlsx`). An existing file is replaced.

    Excel has no time zones: times are in UTC. Durations have the format `[h]:mm:ss`. Text is never a formula, and is cut after
    32,767 characters. Times before 1900, which Excel does not have, are text.

    Args:
        table: The table, from a function of this module.
        path: The path of the file.

    Raises:
        ValueError: If the table has more rows than a sheet of Excel, 1,048,575.
    """
    if table.num_rows > _MAX_EXCEL_ROWS:
        raise ValueError(f"a sheet of Excel has {_MAX_EXCEL_ROWS:,} rows, not {table.num_rows:,}: write slices of the table")
    xlsxwriter = _extras.import_with_extra("xlsxwriter", "notebook")
    with xlsxwriter.Workbook(os.fspath(path), _EXCEL_OPTIONS) as book:
        sheet = book.add_worksheet()
        durations = book.add_format({"num_format": "[h]:mm:ss"})
        for column, name in enumerate(table.column_names):
            cells = [name, *map(_excel_value, table[name].to_pylist())]
            sheet.write_column(0, column, cells, durations if pa.types.is_duration(table[name].type) else None)
        sheet.freeze_panes(1, 0)
        sheet.autofit()


def _excel_value(value: object) -> object:
    """Return a value in a form that Excel can store."""
    if isinstance(value, datetime) and value.year < 1900:
        return value.isoformat(" ")
    if isinstance(value, list):
        value = ", ".join(f"{key}={text}" for key, text in value)
    return value[:32_767] if isinstance(value, str) else value


def _server_outcome(job: Job, server: ParticipatingServer) -> Outcome:
    outcome = None if server.source_server_id is None else job.outcome_of(server.source_server_id)
    # A server without an id is a job of its own, because `outcome_of` finds servers by id.
    return outcome or attrs.evolve(job, participating_servers=(server,), participating_resources=()).outcome


def _table(columns: _Columns, rows: Iterable[Any]) -> pa.Table:
    """Return a table of the values in the rows, which are iterated once."""
    kept = list(rows)
    values = {name: [_arrow_value(read(row), kind) for row in kept] for name, (kind, read) in columns.items()}
    return pa.table(values, schema=pa.schema([(name, kind) for name, (kind, _) in columns.items()]))


def _arrow_value(value: object, kind: Any) -> object:
    """Return the value in a form that Arrow can store."""
    match value:
        case str() if kind is _TIMESTAMP:
            return datetime.fromisoformat(value)
        case str():
            # A lone surrogate, which JSON can contain, becomes `?`. `str(…)`, because an UnknownValue is a subclass.
            return str(value).encode("utf-8", "replace").decode()
        case datetime():
            return nearest_utc(value)
        case int() if not -(2**63) <= value < 2**63:
            return None
        case list():
            return [tuple(_arrow_value(text, _TEXT) for text in pair) for pair in value]
        case _:
            return value
