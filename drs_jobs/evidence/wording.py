"""The words in which all outputs for people show an assessment: one row per server, and what was read."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from drs_jobs._text import format_age, format_count, format_duration, format_minute, format_more, format_second, one_line

if TYPE_CHECKING:  # its classes call these functions
    from drs_jobs._models.source_server import SourceServer
    from drs_jobs.evidence.counting import Recovery
    from drs_jobs.evidence.model import Assessment, RecoveryResult, ServerAssessment, Verdict

COLUMNS: Final = ("verdict", "server", "last success (UTC)", "age", "recovery time", "reasons")
"""The heads of the columns of `Row`."""

DEFAULT_TITLE: Final = "Disaster recovery evidence"


class Row(NamedTuple):
    """A server of an assessment in words."""

    verdict: "Verdict | None"
    server: str
    """The host name, if it is known, and the id."""
    last_success: str
    """The creation time of the last successful drill, to the minute."""
    age: str
    """The age of the last successful drill."""
    recovery_time: str
    """The recovery time of the recovery that was judged, or its upper limit."""
    reasons: tuple[str, ...]

    @property
    def verdict_label(self) -> str:
        """The verdict for people; a dash without a criterion."""
        return "-" if self.verdict is None else self.verdict.label


def rows(assessment: "Assessment") -> list[Row]:
    """Return one row per server, the worst first."""
    return [
        Row(
            verdict=row.verdict,
            server=server_label(row.server),
            last_success=format_minute(None if row.last_success is None else row.last_success.created_at),
            age=format_age(row.age),
            recovery_time=recovery_time_label(row.latest_recovery),
            reasons=row.reasons,
        )
        for row in assessment.worst_first
    ]


def server_label(server: "SourceServer", limit: int = 200) -> str:
    """Return the host name of a server, if it is known, and its id. If both are too long, the name is cut.

    Args:
        server: The server.
        limit: The maximum number of characters. At least 8 of a name are kept.
    """
    server_id = one_line(server.source_server_id, limit)
    name = one_line(server.name or "", max(8, limit - len(server_id) - 1))
    return f"{name} {server_id}".strip()


def recovery_time_label(recovery: "RecoveryResult | Recovery | None") -> str:
    """Return a recovery time such as `9m 12s`, its upper limit such as `at most 9m 12s`, or a dash."""
    if recovery is None or (recovery.recovery_time is None and recovery.at_most is None):
        return "-"
    if recovery.recovery_time is None:
        return f"at most {format_duration(recovery.at_most)}"
    return format_duration(recovery.recovery_time)


_LONGEST_OBJECTIVE: Final = 4


def drawn_objective(objective: timedelta | None, longest: timedelta | None) -> timedelta | None:
    """Return the objective to draw: `None` without one, or if it is more than 4 times as long as the longest recovery time.

    A longer objective would make all recoveries too short to be read.

    Args:
        objective: The objective.
        longest: The longest recovery time that is drawn; `None` if none is known.
    """
    is_too_long = objective is not None and longest is not None and objective > _LONGEST_OBJECTIVE * longest
    return None if is_too_long else objective


def undrawn_objective_label(objective: timedelta) -> str:
    """Return why there is no line at an objective, such as `objective 4h 00m is beyond the chart`."""
    return f"objective {format_duration(objective)} is beyond the chart"


def criteria_label(drilled_within: timedelta | None, objective: timedelta | None) -> str:
    """Return the criteria, such as `drilled within 90d, recovered within 4h 00m`."""
    criteria = [
        *([f"drilled within {_span_label(drilled_within)}"] if drilled_within is not None else []),
        *([f"recovered within {format_duration(objective)}"] if objective is not None else []),
    ]
    return ", ".join(criteria) or "no criterion"


def _span_label(span: timedelta) -> str:
    return f"{span.days}d" if span == timedelta(days=span.days) else format_duration(span)


def counts_label(assessment: "Assessment") -> str:
    """Return the number of servers, and with a criterion that of each verdict, such as `3 servers: 1 not met, 2 met`."""
    servers = format_count(len(assessment.servers), "server")
    counts = [f"{count:,} {verdict.label}" for verdict, count in assessment.counts.items() if count]
    return f"{servers}: {', '.join(counts)}" if counts else servers


def jobs_label(assessment: "Assessment") -> str:
    """Return the number of jobs, and from when to when they were created."""
    jobs = format_count(assessment.job_count, "job")
    if assessment.first_job_at is None:
        return jobs
    return f"{jobs} created {format_minute(assessment.first_job_at)} to {format_minute(assessment.last_job_at)} UTC"


def title_label(assessment: "Assessment") -> str:
    """Return the whole assessment in one line: counts, criteria, moment and jobs."""
    criteria = criteria_label(assessment.drilled_within, assessment.objective)
    moment = f"as of {format_second(assessment.as_of)} UTC"
    return f"{counts_label(assessment)}; {criteria}; {moment}; {jobs_label(assessment)}"


def notes(assessment: "Assessment") -> Iterator[str]:
    """Yield what limits the evidence, one line each: what could not be read, later jobs, and servers that are not judged."""
    for problem in assessment.problems:
        yield f"could not be read: {one_line(problem.text, 300)}"
    if assessment.later_jobs:
        jobs = format_count(assessment.later_jobs, "job")
        yield f"{jobs} created after {format_second(assessment.as_of)} UTC not counted"
    if not assessment.are_servers_given:
        yield "no list of servers: servers without jobs are not known, and servers that left are still judged"
    if assessment.other_servers:
        count = format_count(len(assessment.other_servers), "server")
        shown = ", ".join(assessment.other_servers[:_MAX_NAMED])
        more = format_more(len(assessment.other_servers), _MAX_NAMED)
        yield f"{count} in these jobs, but not in the list: {shown} {more}".rstrip()


_MAX_NAMED: Final = 10
"""The maximum number of servers that a note names."""


def reasons_label(row: "ServerAssessment") -> str:
    """Return the reasons of a row as one text."""
    return "; ".join(row.reasons)
