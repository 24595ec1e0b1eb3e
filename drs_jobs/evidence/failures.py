"""The failures of an assessment: one explanation per job, and the causes that several jobs have in common."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import attrs

from drs_jobs._models import Job
from drs_jobs.analysis import Cause, Explanation, explain
from drs_jobs.analysis.cause import cause_key
from drs_jobs.evidence.model import Assessment
from drs_jobs.evidence.wording import error_label


class LogNotReadError(Exception):
    """The error of a job that was given without its log."""


class CommonCause(NamedTuple):
    """A cause of failures in one or several jobs."""

    cause: Cause
    """The cause in the newest of the jobs, with the participants in all jobs, each once."""
    jobs: tuple[Job, ...]
    """The jobs, newest first."""


def explanations(assessment: Assessment) -> list[Explanation]:
    """Return the explanation of each drill and recovery that counts, newest first, from its log until the moment."""
    reports = {report.job.job_id: report for report in assessment.phases}
    rows: list[Explanation] = []
    for job in assessment.jobs:
        report = reports.get(job.job_id)
        if report is None:
            # As for a log that could not be read, because nothing can be concluded from what it lacks.
            rows.append(explain(job, (), log_error=LogNotReadError("the log was not read")))
        else:
            rows.append(explain(job, report.log, log_error=report.log_error))
    return rows


def common_causes(reports: Iterable[Explanation]) -> list[CommonCause]:
    """Return each cause once, the one with the most participants first. Failures without a reason are causes too.

    Args:
        reports: The explanations, newest first.
    """
    causes: dict[str, list[tuple[Cause, Job]]] = {}
    for report in reports:
        for cause in (*report.causes, *_missing_reason(report)):
            causes.setdefault(cause_key(cause), []).append((cause, report.job))
    merged = [
        CommonCause(
            cause=attrs.evolve(
                members[0][0],
                participants=tuple(dict.fromkeys(name for cause, _ in members for name in cause.participants)),
            ),
            jobs=tuple({job.job_id: job for _, job in members}.values()),
        )
        for members in causes.values()
    ]
    return sorted(merged, key=lambda common: -len(common.cause.participants))


def _missing_reason(report: Explanation) -> Iterator[Cause]:
    """Yield the participants that failed without a reason as one cause, with why there is none, if that is known."""
    if silent := tuple(failure.participant for failure in report.failures if not failure.reasons):
        why = "" if report.log_error is None else f": {error_label(report.log_error)}"
        yield Cause(reason=f"no reason given{why}", participants=silent)
