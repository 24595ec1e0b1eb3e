"""Several jobs as one."""

from collections.abc import Iterable

from drs_jobs._models import Job


def active_jobs(jobs: Iterable[Job]) -> tuple[Job, ...]:
    """Return the jobs that are not complete (pending or started). The quotas for concurrent jobs count these.

    Args:
        jobs: The jobs, in any order.
    """
    return tuple(job for job in jobs if not job.is_complete)
