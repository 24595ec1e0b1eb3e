"""The last drills of each server."""

from collections.abc import Iterable
from datetime import datetime

import attrs

from drs_jobs import _html
from drs_jobs._models import Job, Outcome
from drs_jobs._models.base import Model
from drs_jobs.analysis.times import JobSpan, is_later, requested_servers


@attrs.frozen(repr=False, kw_only=True)
class ServerDrill(Model):
    """The last drill of a source server, and its outcome for this server."""

    source_server_id: str
    """The id of the source server."""
    outcome: Outcome | None = None
    """The outcome of the last drill for this server, which can differ from that of the job; `None` without a drill."""
    last_drill: Job | None = None
    """The last drill of this server; `last_drill.duration` is its duration."""
    last_completed_drill: Job | None = None
    """The last drill that is complete, whatever its outcome. It is not `last_drill` while that is running."""
    last_successful_drill: Job | None = None
    """The last drill that succeeded for this server."""


@attrs.frozen(repr=False, kw_only=True)
class DrillReport(Model):
    """The last drills of each server, within the given jobs. AWS does not document how long it keeps jobs."""

    servers: tuple[ServerDrill, ...] = ()
    """One row per server, in the order of `source_server_ids`, or sorted by id."""
    first_job_at: datetime | None = None
    """The creation time of the oldest given job of any kind, in UTC."""
    last_job_at: datetime | None = None
    """The creation time of the newest given job of any kind, in UTC."""
    job_count: int = 0
    """The number of given jobs of any kind."""

    def _repr_html_(self) -> str:
        """Return a table for a notebook, with one row per server."""
        return _html.drill_report_html(self)


def last_drills(jobs: Iterable[Job], *, source_server_ids: Iterable[str] | None = None) -> DrillReport:
    """Return the last drill of each server, the last complete one and the last successful one.

    The outcome is that of the server, not of the job.
    The jobs are read in one pass, and the memory used depends on the number of servers only.

    Args:
        jobs: The jobs, in any order. Jobs that are not drills are counted, but are in no row.
        source_server_ids: The servers for which the report has a row, including those without a drill. By default it has a
            row for each server with a drill.

    Raises:
        TypeError: If `source_server_ids` is a str.
    """
    requested = requested_servers(source_server_ids)
    rows = {server_id: ServerDrill(source_server_id=server_id) for server_id in requested or ()}
    span = JobSpan()
    for job in jobs:
        span.add(job)
        if not job.is_drill:
            continue
        for server_id in {server.source_server_id for server in job.participating_servers}:
            if server_id is not None and (requested is None or server_id in requested):
                rows[server_id] = _update_row(rows.get(server_id) or ServerDrill(source_server_id=server_id), job)
    order = sorted(rows) if requested is None else requested
    return DrillReport(
        servers=tuple(rows[server_id] for server_id in order),
        first_job_at=span.first,
        last_job_at=span.last,
        job_count=span.count,
    )


def _update_row(row: ServerDrill, job: Job) -> ServerDrill:
    outcome = job.outcome_of(row.source_server_id)
    if is_later(job, row.last_drill) or _is_newer_snapshot(job, row.last_drill):
        row = attrs.evolve(row, outcome=outcome, last_drill=job)
    if job.is_complete and is_later(job, row.last_completed_drill):
        row = attrs.evolve(row, last_completed_drill=job)
    if outcome is Outcome.SUCCEEDED and is_later(job, row.last_successful_drill):
        row = attrs.evolve(row, last_successful_drill=job)
    return row


def _is_newer_snapshot(job: Job, other: Job | None) -> bool:
    """Return whether both are the same job, and only `job` is complete."""
    return other is not None and job.job_id == other.job_id and job.is_complete and not other.is_complete
