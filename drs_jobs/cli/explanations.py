"""Explanations of `drs-jobs show` in the formats for machines."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from drs_jobs._wire import unstructure_log_item
from drs_jobs.cli.formats import JOB_ID, host_name_record, log_error_text, seconds
from drs_jobs.cli.phases import phases_records
from drs_jobs.cli.tables import NO_NAMES, json_of
from drs_jobs.reports import Explanation


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
