"""The limits of a report: what could not be read, what is not known, and what that means for the evidence."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import attrs

from drs_jobs._models import Job
from drs_jobs._text import format_count, format_minute, one_line
from drs_jobs.analysis import JobPhases
from drs_jobs.evidence.recovery import RecoveryReport


class LogNotReadError(Exception):
    """The error in the phases of a job whose log was not given."""


@attrs.frozen
class Limit:
    """One limit of a report."""

    what: str
    """What could not be read, or is not known."""
    meaning: str
    """What that means for the evidence."""
    items: tuple[str, ...] = ()
    """The jobs or servers, each as one line."""


_LOG_MEANING = (
    "The phases, the recovery times and the reasons of failures of these jobs are missing. If one of them is the latest "
    "recovery of a server, the objective is undetermined for this server, or not met if the server failed; it is never met."
)


def limits_of(
    *,
    jobs: Sequence[Job],
    phases: Mapping[str, JobPhases],
    without_log: Sequence[Job],
    recoveries: RecoveryReport,
    requested_ids: Sequence[str] | None,
    names: Mapping[str, str],
    unreadable_jobs: Sequence[Exception],
) -> tuple[Limit, ...]:
    """Return the limits of a report, those that concern what could not be read first.

    Args:
        jobs: The jobs, each one once.
        phases: The phases by job id.
        without_log: The jobs that were given without phases.
        recoveries: The recovery times of the servers of the report.
        requested_ids: The servers that were requested; `None` for all.
        names: Host names by source server id.
        unreadable_jobs: The errors of jobs that could not be read.
    """
    failed_logs = [each for each in phases.values() if each.log_error and not isinstance(each.log_error, LogNotReadError)]
    return (
        *_if_any(
            [str(error) for error in unreadable_jobs],
            lambda count: f"{count} could not be read",
            "job",
            "What these jobs did is missing. A server can look undrilled or overdue because of that.",
        ),
        *_if_any(
            [f"{_job(each.job)}: {each.log_error}" for each in failed_logs],
            lambda count: f"{count} could not be read, or not completely",
            "log",
            _LOG_MEANING,
        ),
        *_if_any(map(_job, without_log), lambda count: f"The logs of {count} were not read", "job", _LOG_MEANING),
        *_unknown_times(recoveries, phases),
        *_incomplete_data(jobs),
        *_other_servers(jobs, requested_ids, names),
        _span(recoveries),
    )


def _unknown_times(recoveries: RecoveryReport, phases: Mapping[str, JobPhases]) -> Iterator[Limit]:
    """Yield the servers whose objective is undetermined although their log was read."""
    rows = [
        f"{row.source_server_id}: {_job(row.latest_job)}"
        for row in recoveries.servers
        if recoveries.objective is not None and row.met is None and row.latest_job is not None
        if row.latest_job.is_complete and phases[row.latest_job.job_id].log_error is None
    ]
    yield from _if_any(
        rows,
        lambda count: f"{count} without the end of the launch in the log",
        "server",
        "AWS may have deleted the log, or the server did not launch. The objective is undetermined for these servers. The end "
        "of the job is not used in its place, because it includes other servers and launch actions.",
    )


def _incomplete_data(jobs: Sequence[Job]) -> Iterator[Limit]:
    yield from _if_any(
        [_job(job) for job in jobs if not job.is_complete],
        lambda count: f"{count} not complete at the time of the report",
        "job",
        "The outcome was not known yet. These jobs count neither as successful nor as failed.",
    )
    yield from _if_any(
        [job.job_id for job in jobs if job.creation_date_time is None],
        lambda count: f"{count} without a creation time",
        "job",
        "The age of these drills and the recovery times are unknown. A server without another successful drill counts as "
        "overdue.",
    )
    yield from _if_any(
        [_job(job) for job in jobs if any(server.source_server_id is None for server in job.participating_servers)],
        lambda count: f"{count} with a server without an id",
        "job",
        "What these jobs did with that server cannot be assigned to a server of this report.",
    )


def _other_servers(jobs: Sequence[Job], requested_ids: Sequence[str] | None, names: Mapping[str, str]) -> Iterator[Limit]:
    seen = {server.source_server_id for job in jobs for server in job.participating_servers if server.source_server_id}
    if requested_ids is not None:
        yield from _if_any(
            sorted(seen - set(requested_ids)),
            lambda count: f"{count} in these jobs, but not in the list of servers",
            "server",
            "These servers are not counted in this report. Their failures are listed.",
        )
    else:
        yield from _if_any(
            sorted(f"{server_id} ({name})" for server_id, name in names.items() if server_id not in seen),
            lambda count: f"{count} with a name, but in none of these jobs",
            "server",
            "These servers are not counted in this report. A list of servers includes them as never drilled.",
        )


def _span(recoveries: RecoveryReport) -> Limit:
    meaning = (
        "AWS does not document how long it keeps jobs and logs. Never drilled means: in none of these jobs. A drill that was "
        "deleted, or is outside this span, is not in this report."
    )
    if not recoveries.job_count:
        return Limit("No jobs were found", f"This report contains no evidence of a drill or a recovery. {meaning}")
    first, last = format_minute(recoveries.first_job_at), format_minute(recoveries.last_job_at)
    return Limit(f"{format_count(recoveries.job_count, 'job')} created from {first} to {last} UTC", meaning)


def _job(job: Job) -> str:
    return f"{job.job_id} ({format_minute(job.creation_date_time)} UTC)"


def _if_any(items: Iterable[str], what: Callable[[str], str], noun: str, meaning: str) -> Iterator[Limit]:
    """Yield the limit for these items; nothing if there are none."""
    lines = tuple(one_line(item, 500) for item in items)
    if lines:
        yield Limit(what(format_count(len(lines), noun)), meaning, lines)
