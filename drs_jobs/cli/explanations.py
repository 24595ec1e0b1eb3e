"""`drs-jobs show`: one job with its failures, phases and log, as tables and in the formats for machines."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from drs_jobs._aws.unstructure import unstructure_log_item
from drs_jobs.analysis import Explanation
from drs_jobs.cli import tables
from drs_jobs.cli.exit_codes import ExitStatus, exit_if_pipe_closes, status_of, usage_errors
from drs_jobs.cli.formats import JOB_ID, host_name_record, log_error_text, print_records, seconds, with_host_name
from drs_jobs.cli.logs import print_log_error
from drs_jobs.cli.names import NameSource
from drs_jobs.cli.options import Connection, TableOutput
from drs_jobs.cli.phases import phases_records, print_phases
from drs_jobs.cli.tables import NO_NAMES, json_of


def show_job(connection: Connection, output: TableOutput, *, job_id: str, tags: bool, names: NameSource) -> ExitStatus:
    """Print a job, and return the exit status for its outcome."""
    with usage_errors():
        client = connection.make_client()
    explanation = client.explain(job_id)
    known_names = names.resolve(connection)
    status = status_of([explanation.job])
    with exit_if_pipe_closes(status):
        if output is TableOutput.JSON:
            print_records([explanation_record(explanation, tags=tags, names=known_names)])
        elif output is TableOutput.CSV:
            columns = with_host_name(PARTICIPANT_COLUMNS, known_names)
            print_records(participant_rows(explanation, names=known_names), columns=columns)
        else:
            _print_explanation(explanation, tags=tags, names=known_names)
    return status


def _print_explanation(explanation: Explanation, *, tags: bool, names: Mapping[str, str]) -> None:
    console = tables.console()
    now = datetime.now(UTC)
    console.print(tables.jobs_table([explanation.job], now=now, tags=tags, width=console.width))
    if explanation.job.console_url is not None:
        console.print(tables.text_cell(explanation.job.console_url), soft_wrap=True)
    if explanation.job.participating_servers:
        console.print()
        console.print(tables.servers_table(explanation, width=console.width, names=names))
    if any(row.phases for row in explanation.phases.participants):
        console.print()
        print_phases(console, explanation.phases, now=now, names=names)
    console.print()
    tables.print_reasons(console, explanation, names=names)
    if explanation.log:
        console.print(tables.log_table(explanation.log, width=console.width, names=names))
    print_log_error(explanation.log_error)


def explanation_record(explanation: Explanation, *, tags: bool, names: Mapping[str, str] = NO_NAMES) -> dict[str, Any]:
    """Return a job in AWS's shape, with its instances, failures, causes, phases and log under keys that AWS does not have."""
    return {
        **json_of(explanation.job, tags=tags),
        "instanceIDs": dict(explanation.instance_ids),
        **_host_names(explanation, names),
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
        "logError": log_error_text(explanation.log_error),
    }


def _host_names(explanation: Explanation, names: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the host names of the participants by id; nothing if none is known."""
    ids = [row.participant for row in explanation.phases.participants if row.participant in names]
    return {"hostNames": {server_id: names[server_id] for server_id in ids}} if ids else {}


PARTICIPANT_COLUMNS: Final = (JOB_ID, "participant", "outcome", "recoverySeconds", "instanceID", "reasons")
"""The columns of the participants of a job as CSV."""


def participant_rows(explanation: Explanation, *, names: Mapping[str, str] = NO_NAMES) -> Iterator[dict[str, Any]]:
    """Yield one record per participant for CSV, with the reasons of its failure."""
    reasons = {failure.participant: "; ".join(failure.reasons) for failure in explanation.failures}
    for row in explanation.phases.participants:
        yield {
            JOB_ID: explanation.job.job_id,
            "participant": row.participant,
            **host_name_record(row.participant, names),
            "outcome": row.outcome.name,
            "recoverySeconds": seconds(row.recovery_time),
            "instanceID": explanation.instance_ids.get(row.participant),
            "reasons": reasons.get(row.participant),
        }
