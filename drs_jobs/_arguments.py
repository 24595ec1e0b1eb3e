"""Validation of the arguments of public methods, before any request. Each error message states what to do."""

import inspect
import operator
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from drs_jobs import _wire
from drs_jobs._formatting import quoted
from drs_jobs._models import Job
from drs_jobs._timestamps import to_utc

JobRef: TypeAlias = str | Job | Mapping[str, Any]
"""A reference to a job: its id, a `Job`, or the `job` dict that boto3's `start_recovery` returns."""

MAX_JOB_IDS: Final = 1_000
"""The maximum number of ids in one DescribeJobs request.

Source: `DescribeJobsRequestFiltersJobIDs` in the service model.
"""


def validate_job_ids(job_ids: Iterable[str]) -> tuple[str, ...]:
    if isinstance(job_ids, str):
        raise TypeError(f"job_ids must be a list of ids, not one str: write [{quoted(job_ids)}]")
    try:
        ids = tuple(job_ids)
    except TypeError:
        raise TypeError(f"job_ids must be a list of ids, not {type(job_ids).__name__}") from None
    for job_id in ids:
        validate_job_id(job_id)
    if len(ids) > MAX_JOB_IDS:
        raise ValueError(f"{len(ids):,} job_ids are more than the {MAX_JOB_IDS:,} that DescribeJobs accepts: use several calls")
    return ids


def validate_job_id(job_id: object) -> str:
    """Return the id. Its format is validated by AWS.

    Raises:
        TypeError: If it is not a str, or blank.
    """
    if not isinstance(job_id, str) or not job_id.strip():
        found = quoted(job_id) if isinstance(job_id, str) else type(job_id).__name__
        raise TypeError(f"a job id must be a non-blank str, not {found}")
    return job_id


def resolve_job_refs(jobs: Iterable[JobRef]) -> tuple[str, ...]:
    kind = type(jobs).__name__
    if isinstance(jobs, str | Job | Mapping):
        raise TypeError(f"jobs must be a list of jobs or ids, not one {kind}: write [job], or use wait(job)")
    ids = tuple(resolve_job_ref(job) for job in jobs)
    if not ids:
        raise ValueError("no jobs to wait for: pass at least one")
    return ids


def resolve_job_ref(job: JobRef) -> str:
    job_id = job.job_id if isinstance(job, Job) else _wire.job_id_of({**job}) if isinstance(job, Mapping) else job
    if job_id is None and isinstance(job, Mapping):
        raise TypeError("this dict has no jobID: pass the job itself, such as start_recovery(…)['job']")
    return validate_job_id(job_id)


def validate_run(limit: object, cursor: object, on_malformed: object) -> int | None:
    """Return the limit."""
    count = validate_count("limit", limit, 0)
    if cursor is not None and not isinstance(cursor, str):
        raise TypeError(f"cursor must be a str from the .cursor of an earlier run, not {type(cursor).__name__}")
    calls = (on_malformed, getattr(on_malformed, "__call__", None))  # noqa: B004  # of an object
    if on_malformed is not None and (not callable(on_malformed) or any(map(inspect.iscoroutinefunction, calls))):
        kind = "a coroutine function" if callable(on_malformed) else type(on_malformed).__name__
        raise TypeError(f"on_malformed must be a callable that is not awaited, not {kind}")
    return count


def validate_date_range(from_date: object, to_date: object) -> tuple[datetime | None, datetime | None]:
    """Return both dates in UTC."""
    start, end = validate_date("from_date", from_date), validate_date("to_date", to_date)
    if start is not None and end is not None and start > end:
        raise ValueError(f"from_date {start.isoformat()} is after to_date {end.isoformat()}: swap them")
    return start, end


def validate_date(name: str, date: object) -> datetime | None:
    """Return the date in UTC."""
    if date is None:
        return None
    if not isinstance(date, datetime):
        raise TypeError(f"{name} must be a datetime with a time zone, not {type(date).__name__}")
    return to_utc(date, name)


def validate_count(name: str, count: Any, minimum: int) -> int | None:
    if count is None:
        return None
    try:
        number = operator.index(count)
    except TypeError:
        number = None
    if number is None or isinstance(count, bool):
        raise TypeError(f"{name} must be an int, not {type(count).__name__}")
    if not minimum <= number <= sys.maxsize:
        raise ValueError(f"{name} must be {minimum} or more, and no more than {sys.maxsize}")
    return number
