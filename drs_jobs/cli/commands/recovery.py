"""`drs-jobs recovery`: the recovery times of each server as a table, and in the formats for machines."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import attrs
from rich.table import Table
from rich.text import Text

from drs_jobs import Job, JobsClient, Outcome
from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._text import format_duration
from drs_jobs.analysis import JobPhases, Phase
from drs_jobs.cli import output
from drs_jobs.cli.exit_status import ExitStatus, exit_if_pipe_closes, raise_usage_errors
from drs_jobs.cli.logs import read_phases
from drs_jobs.cli.names import NameSource
from drs_jobs.cli.options import (
    Connection,
    EndpointUrl,
    Fail,
    HostNames,
    NamesFile,
    Objective,
    Profile,
    Region,
    ReportOutput,
    ReportOutputOption,
    Servers,
    Since,
    Until,
    parse_duration,
    parse_servers,
    parse_span,
    require_limit,
)
from drs_jobs.evidence import RecoveryReport, ServerRecovery, recovery_times
from drs_jobs.evidence.recovery import is_recovery


def recovery(
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    output_format: ReportOutputOption = ReportOutput.TABLE,
    since: Since = None,
    until: Until = None,
    objective: Objective = None,
    servers: Servers = None,
    names: NamesFile = None,
    host_names: HostNames = False,
    fail: Fail = False,
) -> ExitStatus:
    """Show the recovery times of each server: the latest, the median and the slowest, and the phase that took longest."""
    connection = Connection(profile, region, endpoint_url)
    with raise_usage_errors():
        from_date, to_date = parse_span(since, until, datetime.now(UTC))
        time_limit = parse_duration("--objective", objective)
        require_limit("--objective", objective, fail=fail)
        server_ids = parse_servers(servers, names)
        name_source = NameSource.from_options(names, host_names=host_names)
        client = connection.make_client()
        jobs = client.describe_jobs(from_date=from_date, to_date=to_date)
    reports = read_recoveries(client, jobs, servers=server_ids)
    report = recovery_times(reports, objective=time_limit, source_server_ids=server_ids)
    phases = {phases.job.job_id: phases for phases in reports}
    view = RecoveryView(report=report, phases=phases, names=name_source.resolve(connection))
    status = output.check_status(view.checks) if fail else ExitStatus.SUCCEEDED
    with exit_if_pipe_closes(status):
        show_recoveries(view, output_format)
    output.print_span(report, len(report.servers))
    return status


def read_recoveries(client: JobsClient, jobs: Iterable[Job], *, servers: Iterable[str] | None) -> list[JobPhases]:
    """Return the phases of each job. Only the logs of recoveries and drills of the servers are read.

    Args:
        client: The client to read the logs with.
        jobs: The jobs.
        servers: The ids of the servers; `None` means all.
    """
    server_ids = None if servers is None else set(servers)
    by_id = {job.job_id: job for job in jobs}
    recoveries = [
        job
        for job in by_id.values()
        if is_recovery(job)
        and (server_ids is None or any(server.source_server_id in server_ids for server in job.participating_servers))
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
    names: Mapping[str, str] = output.NO_NAMES
    """Host names by source server id."""

    @property
    def checks(self) -> list[output.ServerCheck]:
        """The servers, and whether the latest recovery of each met the objective; without one, whether it has a time."""
        return [self._check(row) for row in self.report.servers]

    def _check(self, row: ServerRecovery) -> output.ServerCheck:
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
        return output.ServerCheck(source_server_id=row.source_server_id, outcome=verdict, message=message, duration=row.latest)

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
        return max(phases, key=lambda phase: output.seconds(phase.duration) or 0, default=None)


def show_recoveries(view: RecoveryView, output_format: ReportOutput) -> None:
    """Print the report in a format."""
    match output_format:
        case ReportOutput.TABLE:
            if view.report.servers:
                console = output.console()
                console.print(recovery_table(view, width=console.width))
        case ReportOutput.JSON:
            output.print_records(_records(view))
        case ReportOutput.CSV:
            output.print_records(_records(view), columns=output.with_host_name(_COLUMNS, view.names))
        case ReportOutput.JUNIT:
            output.print_junit("drs-jobs recovery", view.checks, view.report)
        case ReportOutput.PROMETHEUS:
            output.print_prometheus(_metrics(view.report.servers))


def recovery_table(view: RecoveryView, *, width: int) -> Table:
    """Return a table of the recovery times of each server, one server per row.

    Args:
        view: The report.
        width: The maximum width, in columns of the terminal.
    """
    objective = view.report.objective
    columns = [
        output.Column("server"),
        output.Column("latest (UTC)", rank=5),
        output.Column("took", rank=1),
        *([] if objective is None else [output.Column(f"within {format_duration(objective)}", rank=2)]),
        output.Column("median", rank=4),
        output.Column("slowest", rank=3),
        output.Column("measured", rank=7, justify="right"),
        output.Column("longest phase", rank=6),
    ]
    rows: list[list[Text]] = []
    for row in view.report.servers:
        phase = view.longest_phase(row)
        rows.append(
            [
                output.server_cell(row.source_server_id, view.names),
                output.time_cell(output.created_at(row.latest_job)),
                _took(row, view.outcome_of(row)),
                *([] if objective is None else [_MET[row.met].copy()]),
                Text(format_duration(row.median)),
                Text(format_duration(row.slowest)),
                Text(str(row.measured)),
                Text("-" if phase is None else f"{phase.name.name.lower()} {format_duration(phase.duration)}"),
            ]
        )
    return output.fitted_table(columns, rows, width=width)


_MET: Final[Mapping[bool | None, Text]] = {
    True: Text("met", style=OUTCOME_COLOURS[Outcome.SUCCEEDED]),
    False: Text("MISSED", style=OUTCOME_COLOURS[Outcome.FAILED]),
    None: Text("undetermined", style=OUTCOME_COLOURS[Outcome.UNDETERMINED]),
}


def _took(row: ServerRecovery, outcome: Outcome | None) -> Text:
    """Return the latest recovery time; if there is none, the outcome of the server."""
    if row.latest_job is None:
        return output.alert_cell("NEVER RECOVERED")
    if row.latest is not None or outcome is None or outcome is Outcome.SUCCEEDED:
        return Text(format_duration(row.latest))
    return Text(outcome.name, style=OUTCOME_COLOURS[outcome])


_COLUMNS: Final = (
    output.SERVER_ID,
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
            output.SERVER_ID: row.source_server_id,
            **output.host_name_record(row.source_server_id, view.names),
            "outcome": None if outcome is None else outcome.name,
            "measured": row.measured,
            "latestJobID": None if row.latest_job is None else row.latest_job.job_id,
            "latestJobAt": output.created_at(row.latest_job),
            "latestSeconds": output.seconds(row.latest),
            "medianSeconds": output.seconds(row.median),
            "slowestSeconds": output.seconds(row.slowest),
            "longestPhase": None if phase is None else phase.name.name,
            "longestPhaseSeconds": None if phase is None else output.seconds(phase.duration),
            "objectiveSeconds": output.seconds(view.report.objective),
            "met": row.met,
            **output.span_record(view.report),
        }


def _metrics(rows: Sequence[ServerRecovery]) -> Iterator[output.Metric]:
    yield output.Metric(
        "drs_last_recovery_seconds",
        "Recovery time in the latest recovery or drill, from the creation of the job to the launch; absent if it has none.",
        {row.source_server_id: row.latest.total_seconds() for row in rows if row.latest is not None},
    )
    yield output.Metric(
        "drs_objective_met",
        "1 if the latest recovery or drill met the objective, 0 if it did not; absent if that is undetermined.",
        {row.source_server_id: float(row.met) for row in rows if row.met is not None},
    )
    yield output.Metric(
        "drs_measured_recoveries",
        "Number of recoveries and drills with a recovery time in the jobs that were read.",
        {row.source_server_id: row.measured for row in rows},
    )
