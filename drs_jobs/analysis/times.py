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


def is_later(job: Job, other: Job | None) -> bool:
    """Return whether `job` was created after `other`. Of two jobs created at the same time, the first in the input is kept."""
    return other is None or (created(job) or EARLIEST) > (created(other) or EARLIEST)


def oldest_first(log: Iterable[JobLogItem]) -> list[JobLogItem]:
    """Return the log sorted by time. Items without a time are last, in their original order."""
    return sorted(log, key=lambda item: (item.log_date_time is None, logged_at(item)))


def logged_at(item: JobLogItem) -> datetime:
    """Return the time of a log item in UTC; the earliest time of all if the item has none."""
    return EARLIEST if item.log_date_time is None else to_utc(item.log_date_time, "log_date_time")
