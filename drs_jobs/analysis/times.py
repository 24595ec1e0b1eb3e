"""The order of jobs and log items in time."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from drs_jobs._models import Job, JobLogItem
from drs_jobs._time import to_utc

EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


def created(job: Job) -> datetime | None:
    """Return the creation time of a job in UTC; `None` if the job has none."""
    return None if job.creation_date_time is None else to_utc(job.creation_date_time, "creation_date_time")


def newest_first(jobs: Iterable[Job]) -> list[Job]:
    """Return jobs by their creation, the newest first. Those without a creation time are last, in the given order."""
    return sorted(jobs, key=lambda job: created(job) or EARLIEST, reverse=True)


def oldest_first(log: Iterable[JobLogItem]) -> list[JobLogItem]:
    """Return the log sorted by time. Items without a time are last, in their original order."""
    return sorted(log, key=lambda item: (item.log_date_time is None, logged_at(item)))


def logged_at(item: JobLogItem) -> datetime:
    """Return the time of a log item in UTC; the earliest time of all if the item has none."""
    return EARLIEST if item.log_date_time is None else to_utc(item.log_date_time, "log_date_time")
