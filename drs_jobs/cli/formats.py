"""Output formats for machines: JSON lines, CSV, JUnit XML and Prometheus text."""

import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import attrs
import typer

from drs_jobs._aws.field_names import AWS_NAMES
from drs_jobs._extras import missing_extra_error
from drs_jobs._models import Job, Outcome, ParticipatingServer
from drs_jobs._text import SENSITIVE_MEMBER, format_count, format_minute, one_line
from drs_jobs.cli.exit_codes import ExitStatus, print_note
from drs_jobs.cli.tables import json_of
from drs_jobs.evidence import DrillReport, RecoveryReport
from drs_jobs.evidence.csv import CsvWriter


def print_records(records: Iterable[Mapping[str, Any]], *, columns: Sequence[str] | None = None) -> None:
    """Print one record per row as CSV, or per line as JSON.

    Args:
        records: The records. They can be read from AWS while they are printed.
        columns: The columns of the CSV; by default the format is JSON.
    """
    writer = None if columns is None else CsvWriter(sys.stdout, columns)
    for record in records:
        if writer is None:
            typer.echo(json.dumps(record, default=_json_value))
        else:
            writer.write([record])


def _json_value(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


HOST_NAME: Final = "hostName"


def host_name_record(source_server_id: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the host name of a server; nothing if it is unknown."""
    return {HOST_NAME: names[source_server_id]} if source_server_id in names else {}


def with_host_name(columns: Sequence[str], names: Mapping[str, str]) -> Sequence[str]:
    """Return the columns of a CSV, and that of the host name if there are names."""
    return [*columns, HOST_NAME] if names else columns


def seconds(duration: timedelta | None) -> float | None:
    """Return a duration in seconds; `None` for `None`."""
    return None if duration is None else duration.total_seconds()


def log_error_text(error: Exception | None) -> str | None:
    """Return the error of a log as one line; `None` for `None`."""
    return None if error is None else one_line(str(error))


JOB_ID: Final = AWS_NAMES[Job]["job_id"]
SERVER_ID: Final = AWS_NAMES[ParticipatingServer]["source_server_id"]
_SERVERS: Final = AWS_NAMES[Job]["participating_servers"]


def job_columns(*, tags: bool) -> list[str]:
    """Return the columns of jobs as CSV: AWS's names, and those that JSON has too. Tags only if `tags` is true."""
    own = [name for field, name in AWS_NAMES[Job].items() if field not in {"participating_resources", "tags"}]
    return [*own, "outcome", "durationSeconds", "failedServers", *([SENSITIVE_MEMBER] if tags else [])]


def job_record(job: Job, *, tags: bool) -> dict[str, Any]:
    """Return a job for CSV: the ids of its servers instead of objects, and its tags as one JSON text."""
    record = json_of(job, tags=tags)
    record[_SERVERS] = [server.source_server_id for server in job.participating_servers]
    if SENSITIVE_MEMBER in record:
        record[SENSITIVE_MEMBER] = json.dumps(record[SENSITIVE_MEMBER])
    return record


def span_record(report: DrillReport | RecoveryReport) -> dict[str, Any]:
    """Return the time span and the number of the jobs that a report was made from. A job outside it was not seen."""
    return {"firstJobAt": report.first_job_at, "lastJobAt": report.last_job_at, "jobCount": report.job_count}


@attrs.frozen(kw_only=True)
class ServerCheck:
    """Whether a server meets the limit of a report."""

    source_server_id: str
    outcome: Outcome
    """SUCCEEDED if it does, FAILED if it does not, RUNNING if that depends on a running job, else UNDETERMINED."""
    message: str = ""
    """The reason, unless it meets the limit."""
    duration: timedelta | None = None
    """The recovery time of the server; `None` if it is unknown."""


def gate_status(checks: Iterable[ServerCheck]) -> ExitStatus:
    """Return the exit status of `--fail`. Without any server it is UNDETERMINED, and a note says so."""
    outcomes = {check.outcome for check in checks}
    if not outcomes:
        print_note("--fail found no server to check: check the account and the region, or give --servers")
    if Outcome.FAILED in outcomes:
        return ExitStatus.FAILED
    return ExitStatus.SUCCEEDED if outcomes == {Outcome.SUCCEEDED} else ExitStatus.UNDETERMINED


def print_junit(name: str, checks: Sequence[ServerCheck], report: DrillReport | RecoveryReport) -> None:
    """Print a JUnit test suite with one test case per server, and with the time span of the jobs as its properties.

    Args:
        name: The name of the suite.
        checks: The servers. FAILED is a failure, UNDETERMINED an error, RUNNING is skipped.
        report: The report that the servers are from.
    """
    try:
        import junitparser  # noqa: PLC0415  # only this format needs it
    except ImportError as error:
        raise missing_extra_error("cli", error) from error
    results = {
        Outcome.FAILED: junitparser.Failure,
        Outcome.UNDETERMINED: junitparser.Error,
        Outcome.RUNNING: junitparser.Skipped,
    }
    suite = junitparser.TestSuite(name)
    for key, value in span_record(report).items():
        suite.add_property(key, value.isoformat() if isinstance(value, datetime) else str(value or ""))
    for check in checks:
        # XML 1.0 cannot hold control characters, and junitparser does not remove them.
        time = None if check.duration is None else round(check.duration.total_seconds(), 3)
        case = junitparser.TestCase(one_line(check.source_server_id), classname=name, time=time)
        if check.outcome in results:
            case.result = [results[check.outcome](one_line(check.message), check.outcome.name)]
        suite.add_testcase(case)
    xml = junitparser.JUnitXml()
    xml.add_testsuite(suite)
    content = io.BytesIO()
    xml.write(content, pretty=True)  # pyright: ignore[reportUnknownMemberType]  # its type is IO without a parameter
    # Character references are valid XML whatever the encoding of stdout is.
    typer.echo(content.getvalue().decode("utf-8").strip().encode("ascii", "xmlcharrefreplace").decode("ascii"))


@attrs.frozen
class Metric:
    """A Prometheus gauge with one value per server."""

    name: str
    help: str
    values: Mapping[str, float]
    """The value by source server id. A server without a value has no line."""


def print_prometheus(metrics: Iterable[Metric]) -> None:
    """Print gauges with the label `source_server_id`, for the text file collector of Prometheus's node exporter."""
    try:
        import prometheus_client  # noqa: PLC0415  # only this format needs it
    except ImportError as error:
        raise missing_extra_error("cli", error) from error
    registry = prometheus_client.CollectorRegistry()
    for metric in metrics:
        gauge = prometheus_client.Gauge(metric.name, metric.help, ["source_server_id"], registry=registry)
        for server_id, value in metric.values.items():
            gauge.labels(one_line(server_id)).set(value)
    typer.echo(prometheus_client.generate_latest(registry).decode("utf-8"), nl=False)


def print_span(report: DrillReport | RecoveryReport, count: int) -> None:
    """Print on stderr how many servers are shown, and the number and the time span of the jobs that were read."""
    jobs, first, last = format_count(report.job_count, "job"), report.first_job_at, report.last_job_at
    print_note(f"{format_count(count, 'server')}, from {jobs} created {format_minute(first)} to {format_minute(last)} UTC")
