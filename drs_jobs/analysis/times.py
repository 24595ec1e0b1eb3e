"""The order of jobs and log items in time, and what several reports need of jobs and servers."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import attrs

from drs_jobs._models import Job, JobLogItem
from drs_jobs._time import to_utc

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


def created(job: Job) -> datetime | None:
    """Return the creation time of a job in UTC; `None` if the job has none."""
    return None if job.creation_date_time is None else to_utc(job.creation_date_time, "creation_date_time")


def is_later(job: Job, other: Job | None) -> bool:
    """Return whether `job` was created after `other`. Of two jobs created at the same time, the first in the input is kept."""
    return other is None or (created(job) or _EARLIEST) > (created(other) or _EARLIEST)


def oldest_first(log: Iterable[JobLogItem]) -> list[JobLogItem]:
    """Return the log sorted by time. Items without a time are last, in their original order."""
    return sorted(log, key=lambda item: (item.log_date_time is None, logged_at(item)))


def logged_at(item: JobLogItem) -> datetime:
    """Return the time of a log item in UTC; the earliest time of all if the item has none."""
    return _EARLIEST if item.log_date_time is None else to_utc(item.log_date_time, "log_date_time")


@attrs.define
class JobSpan:
    """The number of jobs that a report was made from, and the time span of their creation."""

    first: datetime | None = None
    """The creation time of the oldest job."""
    last: datetime | None = None
    """The creation time of the newest job."""
    count: int = 0
    """The number of jobs."""

    def add(self, job: Job) -> None:
        """Count one more job."""
        self.count += 1
        if (created_at := created(job)) is not None:
            self.first = created_at if self.first is None else min(self.first, created_at)
            self.last = created_at if self.last is None else max(self.last, created_at)


def requested_servers(source_server_ids: Iterable[str] | None) -> dict[str, None] | None:
    """Return the ids without repetitions, in their order; `None` for `None`.

    Raises:
        TypeError: If `source_server_ids` is a str.
    """
    if isinstance(source_server_ids, str):
        raise TypeError(f"source_server_ids must be a list of ids, not one str: write [{source_server_ids!r}]")
    return None if source_server_ids is None else dict.fromkeys(source_server_ids)
