"""`drs-jobs show`: one job with its failures, phases and log, as tables and in the formats for machines."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from drs_jobs import JobLogEventData, JobLogItem, unstructure_log_item
from drs_jobs._text import format_second
from drs_jobs.analysis import Explanation
from drs_jobs.cli import output
from drs_jobs.cli.commands.phases import phases_records, print_phases
from drs_jobs.cli.exit_status import ExitStatus, exit_if_pipe_closes, raise_usage_errors, status_of
from drs_jobs.cli.logs import print_log_error
from drs_jobs.cli.options import (
    Connection,
    EndpointUrl,
    JobArgument,
    Names,
    Profile,
    Region,
    TableOutput,
    TableOutputOption,
    Tags,
)
from drs_jobs.cli.parsers import parse_job_id
from drs_jobs.cli.servers import NameSource


def show(
    job: JobArgument,
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    output_format: TableOutputOption = TableOutput.TABLE,
    tags: Tags = False,
    names: Names = None,
) -> ExitStatus:
    """Show one job: servers, launch actions, phases, failures with reasons, log. The exit status depends on its outcome."""
    connection = Connection(profile, region, endpoint_url)
    with raise_usage_errors():
        job_id = parse_job_id(job)
        name_source = NameSource.from_option(names)
        client = connection.make_client()
    explanation = client.explain(job_id)
    names_by_id = name_source.resolve(client)
    status = status_of([explanation.job])
    with exit_if_pipe_closes(status):
        if output_format is TableOutput.JSON:
            output.print_records([explanation_record(explanation, tags=tags, names=names_by_id)])
        elif output_format is TableOutput.CSV:
            columns = output.with_host_name(PARTICIPANT_COLUMNS, names_by_id)
            output.print_records(participant_rows(explanation, names=names_by_id), columns=columns)
        else:
            _print_explanation(explanation, tags=tags, names=names_by_id)
    return status


def _print_explanation(explanation: Explanation, *, tags: bool, names: Mapping[str, str]) -> None:
    console = output.console()
    now = datetime.now(UTC)
    console.print(output.jobs_table([explanation.job], now=now, tags=tags, width=console.width))
    if explanation.job.console_url is not None:
        console.print(output.text_cell(explanation.job.console_url), soft_wrap=True)
    if explanation.job.participating_servers:
        console.print()
        console.print(servers_table(explanation, width=console.width, names=names))
    if any(row.phases for row in explanation.phases.participants):
        console.print()
        print_phases(console, explanation.phases, now=now, names=names)
    console.print()
    output.print_reasons(console, explanation, names=names)
    if explanation.log:
        console.print(log_table(explanation.log, width=console.width, names=names))
    print_log_error(explanation.log_error)


def servers_table(explanation: Explanation, *, width: int, names: Mapping[str, str] = output.NO_NAMES) -> Table:
    """Return a table of the servers of a job, one per row, with their instances and launch actions."""
    columns = [
        output.Column("server"),
        output.Column("launch", rank=1),
        output.Column("instance", rank=2),
        output.Column("launch actions", rank=3, longest_word=output.LONGEST_PROSE_WORD),
    ]
    rows: list[list[Text]] = []
    for server in explanation.job.participating_servers:
        server_id = server.source_server_id or "-"
        instance = explanation.instance_ids.get(server_id, "-")
        runs = ", ".join(f"{run.name}: {run.status or '-'}" for run in server.runs)
        texts = (server.launch_status or "-", instance, runs or "-")
        rows.append([output.server_cell(server_id, names), *map(output.text_cell, texts)])
    return output.fitted_table(columns, rows, width=width)


def log_table(log: Iterable[JobLogItem], *, width: int, names: Mapping[str, str] = output.NO_NAMES) -> Table:
    """Return a table of the log of a job, one item per row."""
    columns = [
        output.Column("time (UTC)", rank=3),
        output.Column("event"),
        output.Column("server", rank=1),
        output.Column("error", rank=2, longest_word=output.LONGEST_PROSE_WORD),
    ]
    rows: list[list[Text]] = []
    for item in log:
        data = item.event_data or JobLogEventData()
        rows.append(
            [
                Text(format_second(item.log_date_time)),
                output.text_cell(item.event or "-"),
                output.server_cell(data.source_server_id or "", names),
                output.text_cell(data.raw_error or ""),
            ]
        )
    return output.fitted_table(columns, rows, width=width)


def explanation_record(explanation: Explanation, *, tags: bool, names: Mapping[str, str] = output.NO_NAMES) -> dict[str, Any]:
    """Return a job in AWS's shape, with its instances, failures, causes, phases and log under keys that AWS does not have."""
    return {
        **output.job_to_json(explanation.job, tags=tags),
        "instanceIDs": dict(explanation.instance_ids),
        **output.host_names_record((row.participant for row in explanation.phases.participants), names),
        "failures": [{"participant": failure.participant, "reasons": failure.reasons} for failure in explanation.failures],
        "jobReasons": explanation.job_reasons,
        "causes": [
            {
                "reason": cause.reason,
                "participants": cause.participants,
                "refusedAction": cause.refused_action,
                "resource": cause.resource,
            }
            for cause in explanation.causes
        ],
        "phases": list(phases_records(explanation.phases, names=names)),
        "log": [unstructure_log_item(item) for item in explanation.log],
        "logError": output.log_error_text(explanation.log_error),
    }


PARTICIPANT_COLUMNS: Final = (output.JOB_ID, "participant", "outcome", "recoverySeconds", "instanceID", "reasons")
"""The columns of the participants of a job as CSV."""


def participant_rows(explanation: Explanation, *, names: Mapping[str, str] = output.NO_NAMES) -> Iterator[dict[str, Any]]:
    """Yield one record per participant for CSV, with the reasons of its failure."""
    reasons = {failure.participant: "; ".join(failure.reasons) for failure in explanation.failures}
    for row in explanation.phases.participants:
        yield {
            output.JOB_ID: explanation.job.job_id,
            "participant": row.participant,
            **output.host_name_record(row.participant, names),
            "outcome": row.outcome.name,
            "recoverySeconds": output.seconds(row.recovery_time),
            "instanceID": explanation.instance_ids.get(row.participant),
            "reasons": reasons.get(row.participant),
        }
