"""`drs-jobs drills`: the last drill of each server as a table, and in the formats for machines."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import attrs

from drs_jobs._client import JobsClient
from drs_jobs._models import Outcome
from drs_jobs._text import format_age, format_minute
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
from drs_jobs.cli.options import Connection, ReportOutput
from drs_jobs.evidence import DrillReport, ServerDrill, last_drills


def report_drills(
    connection: Connection,
    output: ReportOutput,
    *,
    since: datetime | None,
    limit: datetime | None,
    now: datetime,
    server_ids: Sequence[str] | None,
    names: NameSource,
    fail: bool,
) -> ExitStatus:
    """Print the last drill of each server.

    Args:
        connection: How to read the jobs.
        output: The format.
        since: The first moment of the jobs; `None` for all.
        limit: The time since which each server must have a successful drill; `None` without such a limit.
        now: The current time.
        server_ids: The servers; `None` for those in the jobs.
        names: The host names.
        fail: Whether the exit status says if a server does not meet the limit.
    """
    with usage_errors():
        client = connection.make_client()
        jobs = client.describe_jobs(from_date=since)
    report = last_drills(jobs, source_server_ids=server_ids)
    view = DrillView(report=report, limit=limit, now=now, names=names.resolve(connection))
    view = attrs.evolve(view, times=read_times(client, view.rows_with_times(output)))
    status = gate_status(view.checks) if fail else ExitStatus.SUCCEEDED
    with exit_if_pipe_closes(status):
        show_drills(view, output)
    print_span(report, len(view.rows))
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
    names: Mapping[str, str] = tables.NO_NAMES
    """Host names by source server id."""

    @property
    def rows(self) -> tuple[ServerDrill, ...]:
        """The servers that are shown: with a limit, those that are overdue."""
        return tuple(row for row in self.report.servers if self.limit is None or is_overdue(row, self.limit))

    def rows_with_times(self, output: ReportOutput) -> tuple[ServerDrill, ...]:
        """Return the servers whose recovery times a format shows, so that no other log is read."""
        if output is ReportOutput.PROMETHEUS:
            return ()
        return self.report.servers if output is ReportOutput.JUNIT else self.rows

    @property
    def checks(self) -> list[ServerCheck]:
        """All servers, and whether each has a successful drill since the limit; without a limit, in its last drill."""
        return [self._check(row) for row in self.report.servers]

    def _check(self, row: ServerDrill) -> ServerCheck:
        age = tables.age_of(row.last_successful_drill, self.now)
        last_success = (
            f"the last one is of {format_minute(tables.created_at(row.last_successful_drill))} UTC, {format_age(age)} ago"
        )
        if row.outcome is None:
            outcome, message = Outcome.FAILED, "never drilled in these jobs"
        elif self.limit is None:
            outcome = tables.completed_outcome(row) or row.outcome
            message = f"the last drill is {outcome.name}"
        elif is_overdue(row, self.limit):
            outcome = Outcome.FAILED
            message = (
                f"no successful drill since {format_minute(self.limit)} UTC: {'there is none' if age is None else last_success}"
            )
        else:
            outcome, message = Outcome.SUCCEEDED, ""
        duration = self.times.get(row.source_server_id)
        return ServerCheck(source_server_id=row.source_server_id, outcome=outcome, message=message, duration=duration)


def is_overdue(row: ServerDrill, limit: datetime) -> bool:
    """Return whether a server has no successful drill since a time."""
    last = tables.created_at(row.last_successful_drill)
    return last is None or last < limit


def read_times(client: JobsClient, rows: Iterable[ServerDrill]) -> dict[str, timedelta]:
    """Return the recovery time of each server in its last drill, by server id, as far as the log of the drill has it.

    Args:
        client: The client to read the logs with. The log of a running drill is not read.
        rows: The servers.
    """
    drills = {row.source_server_id: row.last_drill for row in rows if row.last_drill and row.last_drill.is_complete}
    reports = read_phases(client, {job.job_id: job for job in drills.values()}.values())
    times = {(report.job.job_id, row.participant): row.recovery_time for report in reports for row in report.participants}
    found = {server_id: times.get((job.job_id, server_id)) for server_id, job in drills.items()}
    return {server_id: time for server_id, time in found.items() if time is not None}


def show_drills(view: DrillView, output: ReportOutput) -> None:
    """Print the report in a format. A table and its records have the overdue servers, the other formats all."""
    match output:
        case ReportOutput.TABLE:
            if view.rows:
                console = tables.console()
                console.print(
                    tables.drills_table(view.rows, now=view.now, times=view.times, width=console.width, names=view.names)
                )
        case ReportOutput.JSON:
            print_records({**record, **_jobs(row)} for row, record in zip(view.rows, _records(view), strict=True))
        case ReportOutput.CSV:
            print_records(_records(view), columns=with_host_name(_COLUMNS, view.names))
        case ReportOutput.JUNIT:
            print_junit("drs-jobs drills", view.checks, view.report)
        case ReportOutput.PROMETHEUS:
            print_prometheus(_metrics(view))


_COLUMNS: Final = (
    SERVER_ID,
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
        completed = tables.completed_outcome(row)
        yield {
            SERVER_ID: row.source_server_id,
            **host_name_record(row.source_server_id, view.names),
            "outcome": None if row.outcome is None else row.outcome.name,
            "durationSeconds": seconds(view.times.get(row.source_server_id)),
            "lastDrillAt": tables.created_at(row.last_drill),
            "lastDrillJobID": None if row.last_drill is None else row.last_drill.job_id,
            "lastCompletedOutcome": None if completed is None else completed.name,
            "lastCompletedDrillAt": tables.created_at(row.last_completed_drill),
            "lastCompletedDrillJobID": None if row.last_completed_drill is None else row.last_completed_drill.job_id,
            "lastSuccessfulDrillAt": tables.created_at(row.last_successful_drill),
            "lastSuccessfulDrillJobID": None if row.last_successful_drill is None else row.last_successful_drill.job_id,
            "ageSeconds": seconds(tables.age_of(row.last_successful_drill, view.now)),
            **span_record(view.report),
        }


def _jobs(row: ServerDrill) -> dict[str, Any]:
    """Return the jobs of a row in AWS's shape, for JSON."""
    jobs = {
        "lastDrill": row.last_drill,
        "lastCompletedDrill": row.last_completed_drill,
        "lastSuccessfulDrill": row.last_successful_drill,
    }
    return {name: None if job is None else tables.json_of(job, tags=False) for name, job in jobs.items()}


def _metrics(view: DrillView) -> Iterator[Metric]:
    ages = {row.source_server_id: tables.age_of(row.last_successful_drill, view.now) for row in view.report.servers}
    successes = {row.source_server_id: tables.created_at(row.last_successful_drill) for row in view.report.servers}
    yield Metric(
        "drs_last_successful_drill_age_seconds",
        "Seconds since the last successful drill was started; +Inf if there is none in the jobs that were read.",
        {server_id: math.inf if age is None else age.total_seconds() for server_id, age in ages.items()},
    )
    yield Metric(
        "drs_last_successful_drill_timestamp_seconds",
        "Unix time at which the last successful drill was started; absent if there is none in the jobs that were read.",
        {server_id: moment.timestamp() for server_id, moment in successes.items() if moment is not None},
    )
