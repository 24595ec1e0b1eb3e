"""`drs-jobs recovery`: the recovery times of each server as a table, and in the formats for machines."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import attrs
from rich.table import Table
from rich.text import Text

from drs_jobs._client import JobsClient
from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._models import Job, Outcome
from drs_jobs._text import format_duration
from drs_jobs.analysis import JobPhases, Phase
from drs_jobs.cli import tables
from drs_jobs.cli.exit_codes import ExitStatus, exit_if_pipe_closes, usage_errors
from drs_jobs.cli.formats import (
    SERVER_ID,
    Metric,
    ServerCheck,
    gate_status,
    host_name_record,
    print_junit,
    print_prometheus,
    print_records,
    print_span,
    seconds,
    span_record,
    with_host_name,
)
from drs_jobs.cli.logs import read_phases
from drs_jobs.cli.names import NameSource
from drs_jobs.cli.options import Connection, ReportOutput, Span
from drs_jobs.evidence import RecoveryReport, ServerRecovery, recovery_times
from drs_jobs.evidence.recovery import is_recovery


def report_recoveries(
    connection: Connection,
    output: ReportOutput,
    *,
    span: Span,
    objective: timedelta | None,
    server_ids: Sequence[str] | None,
    names: NameSource,
    fail: bool,
) -> ExitStatus:
    """Print the recovery times of each server.

    Args:
        connection: How to read the jobs.
        output: The format.
        span: The first and the last moment of the jobs.
        objective: The recovery time objective; `None` without one.
        server_ids: The servers; `None` for those in the jobs.
        names: The host names.
        fail: Whether the exit status says if a server did not meet the objective.
    """
    with usage_errors():
        from_date, to_date = span
        client = connection.make_client()
        jobs = client.describe_jobs(from_date=from_date, to_date=to_date)
    reports = read_recoveries(client, jobs, servers=server_ids)
    report = recovery_times(reports, objective=objective, source_server_ids=server_ids)
    phases = {each.job.job_id: each for each in reports}
    view = RecoveryView(report=report, phases=phases, names=names.resolve(connection))
    status = gate_status(view.checks) if fail else ExitStatus.SUCCEEDED
    with exit_if_pipe_closes(status):
        show_recoveries(view, output)
    print_span(report, len(report.servers))
    return status


def read_recoveries(client: JobsClient, jobs: Iterable[Job], *, servers: Iterable[str] | None) -> list[JobPhases]:
    """Return the phases of each job. Only the logs of recoveries and drills of the servers are read.

    Args:
        client: The client to read the logs with.
        jobs: The jobs.
        servers: The ids of the servers; `None` means all.
    """
    wanted = None if servers is None else set(servers)
    by_id = {job.job_id: job for job in jobs}
    recoveries = [
        job
        for job in by_id.values()
        if is_recovery(job) and (wanted is None or any(each.source_server_id in wanted for each in job.participating_servers))
    ]
    reports = read_phases(client, recoveries)
    read = {job.job_id for job in recoveries}
    return [*reports, *(JobPhases(job=job) for job in by_id.values() if job.job_id not in read)]


@attrs.frozen(kw_only=True)
class RecoveryView:
    """A report of recovery times, with what is needed to show it."""

    report: RecoveryReport
    phases: Mapping[str, JobPhases]
    """The phases of the jobs, by job id."""
    names: Mapping[str, str] = tables.NO_NAMES
    """Host names by source server id."""

    @property
    def checks(self) -> list[ServerCheck]:
        """The servers, and whether the latest recovery of each met the objective; without one, whether it has a time."""
        return [self._check(row) for row in self.report.servers]

    def _check(self, row: ServerRecovery) -> ServerCheck:
        outcome = self.outcome_of(row)
        took = f"the latest recovery took {format_duration(row.latest)}"
        if row.latest_job is None:
            verdict, message = Outcome.UNDETERMINED, "no recovery in these jobs"
        elif outcome is Outcome.FAILED:
            verdict, message = Outcome.FAILED, "the latest recovery failed"
        elif row.met is False:
            verdict, message = Outcome.FAILED, f"{took}, the objective is {format_duration(self.report.objective)}"
        elif row.latest is not None:
            verdict, message = Outcome.SUCCEEDED, ""
        elif outcome is Outcome.RUNNING:
            verdict, message = Outcome.RUNNING, "the latest recovery is running"
        else:
            verdict, message = Outcome.UNDETERMINED, "the log of the latest recovery has no launch of this server"
        return ServerCheck(source_server_id=row.source_server_id, outcome=verdict, message=message, duration=row.latest)

    def outcome_of(self, row: ServerRecovery) -> Outcome | None:
        """Return the outcome of a server in its latest recovery; `None` if it has none."""
        return None if row.latest_job is None else row.latest_job.outcome_of(row.source_server_id)

    def longest_phase(self, row: ServerRecovery) -> Phase | None:
        """Return the phase that took longest in the latest recovery of a server; `None` if its log has no durations."""
        report = None if row.latest_job is None else self.phases.get(row.latest_job.job_id)
        if report is None:
            return None
        phases = [
            phase
            for participant in report.participants
            if participant.participant == row.source_server_id
            for phase in participant.phases
            if phase.duration is not None
        ]
        return max(phases, key=lambda phase: seconds(phase.duration) or 0, default=None)


def show_recoveries(view: RecoveryView, output: ReportOutput) -> None:
    """Print the report in a format."""
    match output:
        case ReportOutput.TABLE:
            if view.report.servers:
                console = tables.console()
                console.print(recovery_table(view, width=console.width))
        case ReportOutput.JSON:
            print_records(_records(view))
        case ReportOutput.CSV:
            print_records(_records(view), columns=with_host_name(_COLUMNS, view.names))
        case ReportOutput.JUNIT:
            print_junit("drs-jobs recovery", view.checks, view.report)
        case ReportOutput.PROMETHEUS:
            print_prometheus(_metrics(view.report.servers))


def recovery_table(view: RecoveryView, *, width: int) -> Table:
    """Return a table of the recovery times of each server, one server per row.

    Args:
        view: The report.
        width: The maximum width, in columns of the terminal.
    """
    objective = view.report.objective
    columns = [
        tables.Column("server"),
        tables.Column("latest (UTC)", rank=5),
        tables.Column("took", rank=1),
        *([] if objective is None else [tables.Column(f"within {format_duration(objective)}", rank=2)]),
        tables.Column("median", rank=4),
        tables.Column("slowest", rank=3),
        tables.Column("measured", rank=7, justify="right"),
        tables.Column("longest phase", rank=6),
    ]
    rows: list[list[Text]] = []
    for row in view.report.servers:
        phase = view.longest_phase(row)
        rows.append(
            [
                tables.server_cell(row.source_server_id, view.names),
                tables.time_cell(tables.created_at(row.latest_job)),
                _took(row, view.outcome_of(row)),
                *([] if objective is None else [_MET[row.met].copy()]),
                Text(format_duration(row.median)),
                Text(format_duration(row.slowest)),
                Text(str(row.measured)),
                Text("-" if phase is None else f"{phase.name.name.lower()} {format_duration(phase.duration)}"),
            ]
        )
    return tables.fitted_table(columns, rows, width=width)


_MET: Final[Mapping[bool | None, Text]] = {
    True: Text("met", style=OUTCOME_COLOURS[Outcome.SUCCEEDED]),
    False: Text("MISSED", style=OUTCOME_COLOURS[Outcome.FAILED]),
    None: Text("undetermined", style=OUTCOME_COLOURS[Outcome.UNDETERMINED]),
}


def _took(row: ServerRecovery, outcome: Outcome | None) -> Text:
    """Return the latest recovery time; if there is none, the outcome of the server."""
    if row.latest_job is None:
        return tables.loud_cell("NEVER RECOVERED")
    if row.latest is not None or outcome is None or outcome is Outcome.SUCCEEDED:
        return Text(format_duration(row.latest))
    return Text(outcome.name, style=OUTCOME_COLOURS[outcome])


_COLUMNS: Final = (
    SERVER_ID,
    "outcome",
    "measured",
    "latestJobID",
    "latestJobAt",
    "latestSeconds",
    "medianSeconds",
    "slowestSeconds",
    "longestPhase",
    "longestPhaseSeconds",
    "objectiveSeconds",
    "met",
    "firstJobAt",
    "lastJobAt",
    "jobCount",
)


def _records(view: RecoveryView) -> Iterator[dict[str, Any]]:
    """Yield one record per server."""
    for row in view.report.servers:
        outcome, phase = view.outcome_of(row), view.longest_phase(row)
        yield {
            SERVER_ID: row.source_server_id,
            **host_name_record(row.source_server_id, view.names),
            "outcome": None if outcome is None else outcome.name,
            "measured": row.measured,
            "latestJobID": None if row.latest_job is None else row.latest_job.job_id,
            "latestJobAt": tables.created_at(row.latest_job),
            "latestSeconds": seconds(row.latest),
            "medianSeconds": seconds(row.median),
            "slowestSeconds": seconds(row.slowest),
            "longestPhase": None if phase is None else phase.name.name,
            "longestPhaseSeconds": None if phase is None else seconds(phase.duration),
            "objectiveSeconds": seconds(view.report.objective),
            "met": row.met,
            **span_record(view.report),
        }


def _metrics(rows: Sequence[ServerRecovery]) -> Iterator[Metric]:
    yield Metric(
        "drs_last_recovery_seconds",
        "Recovery time in the latest recovery or drill, from the creation of the job to the launch; absent if it has none.",
        {row.source_server_id: row.latest.total_seconds() for row in rows if row.latest is not None},
    )
    yield Metric(
        "drs_objective_met",
        "1 if the latest recovery or drill met the objective, 0 if it did not; absent if that is undetermined.",
        {row.source_server_id: float(row.met) for row in rows if row.met is not None},
    )
    yield Metric(
        "drs_measured_recoveries",
        "Number of recoveries and drills with a recovery time in the jobs that were read.",
        {row.source_server_id: row.measured for row in rows},
    )
