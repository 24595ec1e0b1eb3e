"""Explanations of `drs-jobs show` in the formats for machines."""

from collections.abc import Iterator
from typing import Any, Final

from drs_jobs._wire import unstructure_log_item
from drs_jobs.cli.formats import JOB_ID, log_error_text, seconds
from drs_jobs.cli.phases import phases_records
from drs_jobs.cli.tables import json_of
from drs_jobs.reports import Explanation


def explanation_record(explanation: Explanation, *, tags: bool) -> dict[str, Any]:
    """Return a job in AWS's shape, with its instances, failures, causes, phases and log under keys that AWS does not have."""
    return {
        **json_of(explanation.job, tags=tags),
        "instanceIDs": dict(explanation.instance_ids),
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
        "phases": list(phases_records(explanation.phases)),
        "log": [unstructure_log_item(item) for item in explanation.log],
        "logError": log_error_text(explanation.log_error),
    }


PARTICIPANT_COLUMNS: Final = (JOB_ID, "participant", "outcome", "recoverySeconds", "instanceID", "reasons")
"""The columns of the participants of a job as CSV."""


def participant_rows(explanation: Explanation) -> Iterator[dict[str, Any]]:
    """Yield one record per participant for CSV, with the reasons of its failure."""
    reasons = {failure.participant: "; ".join(failure.reasons) for failure in explanation.failures}
    for row in explanation.phases.participants:
        yield {
            JOB_ID: explanation.job.job_id,
            "participant": row.participant,
            "outcome": row.outcome.name,
            "recoverySeconds": seconds(row.recovery_time),
            "instanceID": explanation.instance_ids.get(row.participant),
            "reasons": reasons.get(row.participant),
        }
