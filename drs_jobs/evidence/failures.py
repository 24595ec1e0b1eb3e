"""The failures of an assessment: one explanation per job, and the causes that several jobs have in common."""

from collections.abc import Iterable

import attrs

from drs_jobs._models import Job
from drs_jobs.analysis import Cause, Explanation, explain
from drs_jobs.analysis.cause import cause_key
from drs_jobs.evidence.model import Assessment
from drs_jobs.evidence.wording import error_label


def explanations(assessment: Assessment) -> list[Explanation]:
    """Return the explanation of each drill and recovery that counts, newest first, from its log until the moment."""
    reports = {report.job.job_id: report for report in assessment.phases}
    # A log that was not read is like one that could not be read, because nothing can be concluded from what it lacks.
    unread = LookupError("the log was not read")
    return [
        explain(job, (), log_error=unread) if report is None else explain(job, report.log, log_error=report.log_error)
        for job in assessment.jobs
        for report in [reports.get(job.job_id)]
    ]


def common_causes(reports: Iterable[Explanation]) -> list[tuple[Cause, list[Job]]]:
    """Return each cause once, the one with the most participants first, with its jobs. Its reason is that of the first job.

    Failures without a reason are causes too.
    """
    causes: dict[str, list[tuple[Cause, Job]]] = {}
    for report in reports:
        silent = tuple(failure.participant for failure in report.failures if not failure.reasons)
        reason = "no reason given" + ("" if report.log_error is None else f": {error_label(report.log_error)}")
        for cause in (*report.causes, *([Cause(reason=reason, participants=silent)] if silent else ())):
            causes.setdefault(cause_key(cause.reason), []).append((cause, report.job))
    merged: list[tuple[Cause, list[Job]]] = []
    for members in causes.values():
        participants = dict.fromkeys(name for cause, _ in members for name in cause.participants)
        jobs = {job.job_id: job for _, job in members}
        merged.append((attrs.evolve(members[0][0], participants=tuple(participants)), list(jobs.values())))
    return sorted(merged, key=lambda member: -len(member[0].participants))
