"""`drs-jobs drills`: the last drill of each server as a table, and in the formats for machines."""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs
from rich.table import Table
from rich.text import Text

from drs_jobs import Job, JobsClient, Outcome
from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._text import format_age, format_duration, format_minute
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
    OlderThan,
    Profile,
    Region,
    ReportOutput,
    ReportOutputOption,
    Servers,
    Since,
    parse_moment,
    parse_servers,
    require_limit,
)
from drs_jobs.evidence import DrillReport, ServerDrill, last_drills


def drills(
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    output_format: ReportOutputOption = ReportOutput.TABLE,
    since: Since = None,
    older_than: OlderThan = None,
    servers: Servers = None,
    names: NamesFile = None,
    host_names: HostNames = False,
    fail: Fail = False,
) -> ExitStatus:
    """Show the last drill of each server, its outcome for this server, and the time that the server took."""
    connection = Connection(profile, region, endpoint_url)
    with raise_usage_errors():
        now = datetime.now(UTC)
        from_date, limit = parse_moment("--since", since, now), parse_moment("--older-than", older_than, now)
        require_limit("--older-than", older_than, fail=fail)
        if from_date is not None and limit is not None and from_date > limit:
            raise ValueError(f"--since {since} is later than --older-than {older_than}: drills between them would not be found")
        server_ids = parse_servers(servers, names)
        name_source = NameSource.from_options(names, host_names=host_names)
        client = connection.make_client()
        jobs = client.describe_jobs(from_date=from_date)
    report = last_drills(jobs, source_server_ids=server_ids)
    view = DrillView(report=report, limit=limit, now=now, names=name_source.resolve(connection))
    view = attrs.evolve(view, times=read_times(client, view.rows_with_times(output_format)))
    status = output.check_status(view.checks) if fail else ExitStatus.SUCCEEDED
    with exit_if_pipe_closes(status):
        show_drills(view, output_format)
    output.print_span(report, len(view.rows))
    return status


@attrs.frozen(kw_only=True)
class DrillView:
    """A report of drills, with what is needed to show it."""

    report: DrillReport
    limit: datetime | None
    """The time since which each server must have a successful drill; `None` without such a limit."""
    now: datetime
    """The current time."""
    times: Mapping[str, timedelta] = attrs.field(factory=dict[str, timedelta])
    """The recovery time of each server in its last drill, by server id, as far as its log has it."""
    names: Mapping[str, str] = output.NO_NAMES
    """Host names by source server id."""

    @property
    def rows(self) -> tuple[ServerDrill, ...]:
        """The servers that are shown: with a limit, those that are overdue."""
        return tuple(row for row in self.report.servers if self.limit is None or is_overdue(row, self.limit))

    def rows_with_times(self, output_format: ReportOutput) -> tuple[ServerDrill, ...]:
        """Return the servers whose recovery times a format shows, so that no other log is read."""
        if output_format is ReportOutput.PROMETHEUS:
            return ()
        return self.report.servers if output_format is ReportOutput.JUNIT else self.rows

    @property
    def checks(self) -> list[output.ServerCheck]:
        """All servers, and whether each has a successful drill since the limit; without a limit, in its last drill."""
        return [self._check(row) for row in self.report.servers]

    def _check(self, row: ServerDrill) -> output.ServerCheck:
        if row.outcome is None:
            outcome, message = Outcome.FAILED, "never drilled in these jobs"
        elif self.limit is None:
            outcome = completed_outcome(row) or row.outcome
            message = f"the last drill is {outcome.name}"
        elif is_overdue(row, self.limit):
            outcome, message = (
                Outcome.FAILED,
                f"no successful drill since {format_minute(self.limit)} UTC: {self._last_success(row)}",
            )
        else:
            outcome, message = Outcome.SUCCEEDED, ""
        duration = self.times.get(row.source_server_id)
        return output.ServerCheck(source_server_id=row.source_server_id, outcome=outcome, message=message, duration=duration)

    def _last_success(self, row: ServerDrill) -> str:
        success_age = age(row.last_successful_drill, self.now)
        if success_age is None:
            return "there is none"
        succeeded_at = format_minute(output.created_at(row.last_successful_drill))
        return f"the last one is of {succeeded_at} UTC, {format_age(success_age)} ago"


def is_overdue(row: ServerDrill, limit: datetime) -> bool:
    """Return whether a server has no successful drill since a time."""
    last = output.created_at(row.last_successful_drill)
    return last is None or last < limit


def read_times(client: JobsClient, rows: Iterable[ServerDrill]) -> dict[str, timedelta]:
    """Return the recovery time of each server in its last drill, by server id, as far as the log of the drill has it.

    Args:
        client: The client to read the logs with. The log of a running drill is not read.
        rows: The servers.
    """
    jobs = {row.source_server_id: row.last_drill for row in rows if row.last_drill and row.last_drill.is_complete}
    reports = read_phases(client, {job.job_id: job for job in jobs.values()}.values())
    times = {(report.job.job_id, row.participant): row.recovery_time for report in reports for row in report.participants}
    time_by_server = {server_id: times.get((job.job_id, server_id)) for server_id, job in jobs.items()}
    return {server_id: time for server_id, time in time_by_server.items() if time is not None}


def show_drills(view: DrillView, output_format: ReportOutput) -> None:
    """Print the report in a format. A table and its records have the overdue servers, the other formats all."""
    match output_format:
        case ReportOutput.TABLE:
            if view.rows:
                console = output.console()
                console.print(drills_table(view.rows, now=view.now, times=view.times, width=console.width, names=view.names))
        case ReportOutput.JSON:
            output.print_records({**record, **_jobs(row)} for row, record in zip(view.rows, _records(view), strict=True))
        case ReportOutput.CSV:
            output.print_records(_records(view), columns=output.with_host_name(_COLUMNS, view.names))
        case ReportOutput.JUNIT:
            output.print_junit("drs-jobs drills", view.checks, view.report)
        case ReportOutput.PROMETHEUS:
            output.print_prometheus(_metrics(view))


def drills_table(
    drills: Iterable[ServerDrill],
    *,
    now: datetime,
    times: Mapping[str, timedelta],
    width: int,
    names: Mapping[str, str] = output.NO_NAMES,
) -> Table:
    """Return a table of the last drill of each server, one server per row.

    Args:
        drills: The rows.
        now: The current time, for the age of the last successful drill.
        times: The recovery time of each server in its last drill, by server id, as far as it is known.
        width: The maximum width, in columns of the terminal.
        names: Host names by source server id. Default none.
    """
    columns = [
        output.Column("server"),
        output.Column("last drill (UTC)", rank=3),
        output.Column("took", rank=5),
        output.Column("outcome", rank=1),
        output.Column("last success", rank=4),
        output.Column("age", rank=2, justify="right"),
    ]
    rows: list[list[Text]] = []
    for row in drills:
        server = output.server_cell(row.source_server_id, names)
        if row.outcome is None:
            server.stylize("bold")
        rows.append(
            [
                server,
                output.time_cell(output.created_at(row.last_drill)),
                Text(format_duration(times.get(row.source_server_id))),
                _drill_outcome(row),
                output.time_cell(output.created_at(row.last_successful_drill)),
                Text(format_age(age(row.last_successful_drill, now))),
            ]
        )
    return output.fitted_table(columns, rows, width=width)


def _drill_outcome(row: ServerDrill) -> Text:
    """Return the outcome of the last drill; with a running drill, that of the last complete one too."""
    if row.outcome is None:
        return output.alert_cell("NEVER DRILLED")
    outcome = Text(row.outcome.name, style=OUTCOME_COLOURS[row.outcome])
    before = completed_outcome(row) if row.outcome is Outcome.RUNNING else None
    return outcome if before is None else outcome.append(", before ", "default").append(before.name, OUTCOME_COLOURS[before])


def completed_outcome(row: ServerDrill) -> Outcome | None:
    """Return the outcome of the last complete drill for this server; `None` if it has none."""
    drill = row.last_completed_drill
    return None if drill is None else drill.outcome_of(row.source_server_id)


def age(job: Job | None, now: datetime) -> timedelta | None:
    """Return the time since the creation of a job; `None` without a job, or if it has none."""
    created = output.created_at(job)
    return None if created is None else max(timedelta(0), now - created)


_COLUMNS: Final = (
    output.SERVER_ID,
    "outcome",
    "durationSeconds",
    "lastDrillAt",
    "lastDrillJobID",
    "lastCompletedOutcome",
    "lastCompletedDrillAt",
    "lastCompletedDrillJobID",
    "lastSuccessfulDrillAt",
    "lastSuccessfulDrillJobID",
    "ageSeconds",
    "firstJobAt",
    "lastJobAt",
    "jobCount",
)


def _records(view: DrillView) -> Iterator[dict[str, Any]]:
    """Yield one record per row. The time span of the jobs is included, because a drill outside it would not be found."""
    for row in view.rows:
        completed = completed_outcome(row)
        yield {
            output.SERVER_ID: row.source_server_id,
            **output.host_name_record(row.source_server_id, view.names),
            "outcome": None if row.outcome is None else row.outcome.name,
            "durationSeconds": output.seconds(view.times.get(row.source_server_id)),
            "lastDrillAt": output.created_at(row.last_drill),
            "lastDrillJobID": None if row.last_drill is None else row.last_drill.job_id,
            "lastCompletedOutcome": None if completed is None else completed.name,
            "lastCompletedDrillAt": output.created_at(row.last_completed_drill),
            "lastCompletedDrillJobID": None if row.last_completed_drill is None else row.last_completed_drill.job_id,
            "lastSuccessfulDrillAt": output.created_at(row.last_successful_drill),
            "lastSuccessfulDrillJobID": None if row.last_successful_drill is None else row.last_successful_drill.job_id,
            "ageSeconds": output.seconds(age(row.last_successful_drill, view.now)),
            **output.span_record(view.report),
        }


def _jobs(row: ServerDrill) -> dict[str, Any]:
    """Return the jobs of a row in AWS's shape, for JSON."""
    jobs = {
        "lastDrill": row.last_drill,
        "lastCompletedDrill": row.last_completed_drill,
        "lastSuccessfulDrill": row.last_successful_drill,
    }
    return {name: None if job is None else output.job_to_json(job, tags=False) for name, job in jobs.items()}


def _metrics(view: DrillView) -> Iterator[output.Metric]:
    ages = {row.source_server_id: age(row.last_successful_drill, view.now) for row in view.report.servers}
    successes = {row.source_server_id: output.created_at(row.last_successful_drill) for row in view.report.servers}
    yield output.Metric(
        "drs_last_successful_drill_age_seconds",
        "Seconds since the last successful drill was started; +Inf if there is none in the jobs that were read.",
        {server_id: math.inf if time is None else time.total_seconds() for server_id, time in ages.items()},
    )
    yield output.Metric(
        "drs_last_successful_drill_timestamp_seconds",
        "Unix time at which the last successful drill was started; absent if there is none in the jobs that were read.",
        {server_id: time.timestamp() for server_id, time in successes.items() if time is not None},
    )
