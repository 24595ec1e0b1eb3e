"""The words in which all outputs for people show an assessment: one row per server, and what was read."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from drs_jobs._text import (
    format_age,
    format_count,
    format_day,
    format_duration,
    format_minute,
    format_more,
    format_names,
    format_second,
    one_line,
)

if TYPE_CHECKING:  # its classes call these functions
    from drs_jobs._models.source_server import SourceServer
    from drs_jobs.analysis import JobPhases
    from drs_jobs.evidence.model import Assessment, DrillResult, Problem, RecoveryResult, ServerAssessment, Verdict

COLUMNS: Final = ("verdict", "server", "last success (UTC)", "age", "recovery time", "reasons")
"""The heads of the columns of `cells`."""

DEFAULT_TITLE: Final = "Disaster recovery evidence"


def cells(row: "ServerAssessment") -> tuple[str, ...]:
    """Return a server in words, in the order of `COLUMNS`."""
    return (
        verdict_label(row.verdict),
        server_label(row.server),
        format_minute(None if row.last_success is None else row.last_success.created_at),
        format_age(row.age),
        recovery_time_label(row.latest_recovery),
        reasons_label(row),
    )


def verdict_label(verdict: "Verdict | None") -> str:
    """Return a verdict for people; a dash without a criterion."""
    return "-" if verdict is None else verdict.label


def conclusion_label(assessment: "Assessment") -> str:
    """Return the verdict of all servers, and why it is undetermined although no server is."""
    if assessment.verdict is None:
        return "no criterion: nothing was checked"
    if not assessment.servers:
        return f"{assessment.verdict.label}: there are no servers"
    if assessment.verdict not in {row.verdict for row in assessment.servers}:
        return f"{assessment.verdict.label}: something could not be read"
    return assessment.verdict.label


def server_label(server: "SourceServer", limit: int = 200) -> str:
    """Return the host name of a server, if it is known, and its id.

    If both are longer than `limit` characters, the name is cut, of which at least 8 are kept.
    """
    server_id = one_line(server.source_server_id, limit)
    name = one_line(server.name or "", max(8, limit - len(server_id) - 1))
    return f"{name} {server_id}".strip()


def replication_label(server: "SourceServer") -> str:
    """Return the state and the lag of the replication, such as `CONTINUOUS, lag 5m 00s`; empty if neither is known."""
    lag = None if server.lag is None else f"lag {format_duration(server.lag)}"
    return ", ".join(part for part in (server.replication_state, lag) if part)


def last_success_label(row: "ServerAssessment") -> str:
    """Return the day and the age of the last successful drill, such as `2026-08-31 (91d)`; a dash without one."""
    return _day_label(row.last_success) + ("" if row.age is None else f" ({format_age(row.age)})")


def last_drill_label(row: "ServerAssessment") -> str:
    """Return the day and the outcome of the last drill, such as `2026-08-31 FAILED`; a dash without one."""
    return _day_label(row.last_drill) + ("" if row.last_drill is None else f" {row.last_drill.outcome.name}")


def _day_label(drill: "DrillResult | None") -> str:
    if drill is None:
        return "-"
    return "no date" if drill.created_at is None else format_day(drill.created_at)


def recovery_time_label(recovery: "RecoveryResult | None") -> str:
    """Return a recovery time such as `9m 12s`, its upper limit such as `at most 9m 12s`, or a dash."""
    if recovery is None:
        return "-"
    if recovery.at_most is not None:
        return f"at most {format_duration(recovery.at_most)}"
    return format_duration(recovery.recovery_time)


def drawn_objective(objective: timedelta | None, longest: timedelta | None) -> timedelta | None:
    """Return the objective to draw: `None` without one, or if it is more than 4 times as long as the longest recovery time.

    A longer objective would make all recoveries too short to be read. A longest recovery time of `None` is not known.
    """
    is_too_long = objective is not None and longest is not None and objective > 4 * longest
    return None if is_too_long else objective


def criteria_label(drilled_within: timedelta | None, objective: timedelta | None) -> str:
    """Return the criteria, such as `drilled within 90d, recovered within 4h 00m`."""
    criteria: list[str] = []
    if drilled_within is not None:
        is_whole = drilled_within == timedelta(days=drilled_within.days)
        criteria.append(f"drilled within {f'{drilled_within.days}d' if is_whole else format_duration(drilled_within)}")
    if objective is not None:
        criteria.append(f"recovered within {format_duration(objective)}")
    return ", ".join(criteria) or "no criterion"


def counts_label(assessment: "Assessment") -> str:
    """Return the number of servers, and with a criterion that of each verdict, such as `3 servers: 1 not met, 2 met`."""
    counts = ", ".join(f"{count:,} {verdict.label}" for verdict, count in assessment.counts.items() if count)
    return format_count(len(assessment.servers), "server") + (f": {counts}" if counts else "")


def jobs_label(assessment: "Assessment") -> str:
    """Return the number of jobs, and from when to when they were created."""
    first, last = map(format_minute, (assessment.first_job_at, assessment.last_job_at))
    created = "" if assessment.first_job_at is None else f" created {first} to {last} UTC"
    since = "" if assessment.since is None else f", read from {format_minute(assessment.since)} UTC on"
    return f"{format_count(assessment.job_count, 'job')}{created}{since}"


def title_label(assessment: "Assessment") -> str:
    """Return the whole assessment in one line: counts, criteria, moment and jobs."""
    criteria = criteria_label(assessment.drilled_within, assessment.objective)
    as_of = f"as of {format_second(assessment.as_of)} UTC"
    return f"{counts_label(assessment)}; {criteria}; {as_of}; {jobs_label(assessment)}"


def problem_label(problem: "Problem") -> str:
    """Return a problem, with its account and region."""
    place = " ".join(part for part in (problem.account_id, problem.region) if part)
    return one_line(f"{place}: {problem.text}" if place else problem.text, 300)


def summary_label(assessment: "Assessment") -> str:
    """Return the verdict of all servers, if there is a criterion, and the whole assessment in one line."""
    title = title_label(assessment)
    return title if assessment.verdict is None else f"{conclusion_label(assessment)}; {title}"


def notes(assessment: "Assessment") -> Iterator[str]:
    """Yield what limits the evidence, one line each: what could not be read, later jobs, and servers that are not judged."""
    for problem in assessment.problems[:_MAX_NAMED]:
        yield f"could not be read: {problem_label(problem)}"
    if more := format_more(len(assessment.problems), _MAX_NAMED):
        yield f"{more} could not be read"
    if assessment.unread_logs:
        logs = format_count(len(assessment.unread_logs), "log")
        yield f"{logs} could not be read completely, the first is the {log_error_label(assessment.unread_logs[0])}"
    if assessment.later_jobs:
        jobs = format_count(assessment.later_jobs, "job")
        yield f"{jobs} created after {format_second(assessment.as_of)} UTC not counted"
    if not assessment.are_servers_given:
        since = "" if assessment.since is None else f" since {format_day(assessment.since)}"
        yield f"no list of servers: servers without jobs{since} are not known, and servers that left are still judged"
    if assessment.other_servers:
        count = format_count(len(assessment.other_servers), "server")
        yield f"{count} in these jobs, but not in the list: {format_names(assessment.other_servers, _MAX_NAMED)}"
    yield from assessment.source_notes


_MAX_NAMED: Final = 10
"""The maximum number of names in a list."""


def limits(assessment: "Assessment") -> Iterator[tuple[str, Sequence[str]]]:
    """Yield what the jobs and logs that were read do not show, and why, with the jobs, one line each."""
    labels = {job.job_id: f"{job.job_id}, created {format_minute(job.creation_date_time)} UTC" for job in assessment.jobs}
    logs = {report.job.job_id for report in assessment.phases}
    errors = [f"{labels[report.job.job_id]}: {error_label(report.log_error)}" for report in assessment.unread_logs]
    running = [labels[job.job_id] for job in assessment.jobs if not job.is_complete]
    undated = [job.job_id for job in assessment.jobs if job.creation_date_time is None]
    nameless = [
        labels[job.job_id]
        for job in assessment.jobs
        if not all(server.source_server_id for server in job.participating_servers)
    ]
    missing = "phases, recovery times and reasons of failures can be missing"
    for count, text, items in (
        (len(errors), f"with a log that could not be read, or not completely: {missing}", errors),
        (len(labels.keys() - logs), f"with a log that was not read: {missing}", ()),
        (len(running), "without an end: the outcome was not known yet", running),
        (len(undated), "without a creation time: age and recovery times are unknown", undated),
        (len(nameless), "with a server without an id: no verdict rests on it", nameless),
    ):
        if count:
            yield f"{format_count(count, 'job')} {text}", items
    yield "AWS does not document how long it keeps jobs and logs: what was deleted is not in this evidence", ()


def error_label(error: Exception | None) -> str:
    """Return the error of a log as one line; empty without one."""
    return "" if error is None else one_line(str(error), 500) or type(error).__name__


def log_error_label(report: "JobPhases") -> str:
    """Return which log could not be read, and why."""
    return f"log of {report.job.job_id}: {error_label(report.log_error)}"


def reasons_label(row: "ServerAssessment") -> str:
    """Return the reasons of a row as one text."""
    return "; ".join(row.reasons)
