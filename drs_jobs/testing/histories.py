"""Histories: a year or more of drills, recoveries and clean-ups of a fleet of servers, with their logs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, overload

import attrs

from drs_jobs._models import Job, JobLogItem
from drs_jobs._time import to_utc
from drs_jobs.testing.account_region import Scope
from drs_jobs.testing.factories import ACCOUNT_ID
from drs_jobs.testing.fleets import Fleet, SimulatedJob


@attrs.frozen
class _Logs(Mapping[str, tuple[JobLogItem, ...]]):
    """The logs by job id. Each is computed when it is read, so that many logs need no memory."""

    jobs: Mapping[str, SimulatedJob]
    until: datetime

    def __getitem__(self, job_id: str) -> tuple[JobLogItem, ...]:
        return self.jobs[job_id].log_at(self.until)

    def __iter__(self) -> Iterator[str]:
        return iter(self.jobs)

    def __len__(self) -> int:
        return len(self.jobs)


@attrs.frozen(repr=False)
class History(Sequence[Job]):
    """The jobs of a history as they are at its end, newest first, with their logs and source servers."""

    jobs: tuple[SimulatedJob, ...]
    """The jobs as functions of time, newest first."""
    source_servers: tuple[Mapping[str, Any], ...] = attrs.field(hash=False)
    """The source servers, as in the response of DescribeSourceServers."""
    until: datetime
    """The end of the history, in UTC."""
    region: str
    """The region of the jobs and servers."""
    account_id: str
    """The account of the jobs and servers."""

    @property
    def logs(self) -> Mapping[str, tuple[JobLogItem, ...]]:
        """The log of each job by job id, oldest item first. A log is computed when it is read."""
        return _Logs({job.created.job_id: job for job in self.jobs}, self.until)

    @overload
    def __getitem__(self, index: int) -> Job: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Job, ...]: ...
    def __getitem__(self, index: int | slice) -> Job | tuple[Job, ...]:
        if isinstance(index, slice):
            return tuple(map(self._snapshot, self.jobs[index]))
        return self._snapshot(self.jobs[index])

    def __iter__(self) -> Iterator[Job]:
        return map(self._snapshot, self.jobs)

    def __len__(self) -> int:
        return len(self.jobs)

    def __repr__(self) -> str:
        """Return one bounded line."""
        return f"History(jobs=<{len(self)}>, source_servers=<{len(self.source_servers)}>, until={self.until.isoformat()})"

    def _snapshot(self, job: SimulatedJob) -> Job:
        return job.job_at(self.until)


@overload
def make_history(
    count: int = ...,
    *,
    until: datetime,
    seed: int = ...,
    logs: Literal[False] = ...,
    region: str = ...,
    account_id: str = ...,
) -> tuple[Job, ...]: ...
@overload
def make_history(
    count: int = ..., *, until: datetime, seed: int = ..., logs: Literal[True], region: str = ..., account_id: str = ...
) -> History: ...
@overload
def make_history(
    count: int = ..., *, until: datetime, seed: int = ..., logs: bool, region: str = ..., account_id: str = ...
) -> Sequence[Job]: ...
def make_history(
    count: int = 30,
    *,
    until: datetime,
    seed: int = 0,
    logs: bool = False,
    region: str = "eu-west-1",
    account_id: str = ACCOUNT_ID,
) -> Sequence[Job]:
    """Return a realistic history of jobs, newest first: drills, some recoveries, clean-ups, and failures of all kinds.

    The first job still runs. Drills are done in waves, each of which is a job, of Linux or of Windows servers. Servers join and
    leave over time, and some were never drilled. The history is a year long if `count` allows intervals between 6 hours and 30
    days from drill to drill, otherwise shorter or longer. A job that never ends is one of the failures of a long history.

    The same arguments return the same history. Another `until` moves the same jobs to other dates.

    Args:
        count: The number of jobs. Default 30.
        until: The end of the history, an aware datetime.
        seed: The seed of the random generator. Default 0.
        logs: Whether to return a `History`, which has the logs and the source servers too. Default `False`.
        region: The region in the ARNs. Default `eu-west-1`.
        account_id: The account in the ARNs. Default 123456789012.

    Returns:
        A tuple of the jobs, or a `History` of the same jobs.

    Raises:
        TypeError: If `until` is not a datetime.
        ValueError: If `until` is naive, or so early that the history begins before the year 1, or if `count` is negative.
    """
    if not isinstance(until, datetime):
        raise TypeError(f"until must be a datetime with a time zone, not {until!r}")
    if count < 0:
        raise ValueError(f"count must be 0 or more, not {count}")
    until = to_utc(until, "until")
    try:
        fleet = Fleet(count, until, seed, Scope(account_id, region))
    except OverflowError:
        raise ValueError(f"a history of {count} jobs until {until} begins before the year 1: choose a later date") from None
    history = History(fleet.run(), fleet.source_servers(), until, region, account_id)
    return history if logs else tuple(history)
