"""Checks of the arguments of public methods: all of them before any request, each with what to do instead."""

import operator
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from drs_jobs import _wire
from drs_jobs._formatting import quoted
from drs_jobs._models import Job
from drs_jobs._timestamps import to_utc

JobRef: TypeAlias = str | Job | Mapping[str, Any]
"""A job to wait for: its id, a `Job`, or the `job` dict of boto3's `start_recovery`."""

MAX_JOB_IDS: Final = 1_000
"""How many ids DescribeJobs takes. Source: `DescribeJobsRequestFiltersJobIDs` in the service model."""


def validate_job_ids(job_ids: Iterable[str]) -> tuple[str, ...]:
    if isinstance(job_ids, str):
        msg = f"job_ids must be a list of ids, not one str: write [{quoted(job_ids)}]"
        raise TypeError(msg)
    try:
        ids = tuple(job_ids)
    except TypeError:
        raise TypeError(f"job_ids must be a list of ids, not {type(job_ids).__name__}") from None
    for job_id in ids:
        validate_job_id(job_id)
    if len(ids) > MAX_JOB_IDS:
        msg = f"{len(ids):,} job_ids are more than the {MAX_JOB_IDS:,} that DescribeJobs takes: ask in several calls"
        raise ValueError(msg)
    return ids


def validate_job_id(job_id: object) -> str:
    """The id. TypeError for what can't be a job's id. AWS judges the rest."""
    if not isinstance(job_id, str) or not job_id.strip():
        found = quoted(job_id) if isinstance(job_id, str) else type(job_id).__name__
        msg = f"a job id must be a str that is not blank, not {found}"
        raise TypeError(msg)
    return job_id


def resolve_job_refs(jobs: Iterable[JobRef]) -> tuple[str, ...]:
    kind = type(jobs).__name__
    if isinstance(jobs, str | Job | Mapping):
        msg = f"jobs must be a list of jobs or ids, not one {kind}: write [job], or use wait(job)"
        raise TypeError(msg)
    ids = tuple(resolve_job_ref(job) for job in jobs)
    if not ids:
        msg = "no jobs to wait for: give at least one"
        raise ValueError(msg)
    return ids


def resolve_job_ref(job: JobRef) -> str:
    job_id = job.job_id if isinstance(job, Job) else _wire.job_id_of({**job}) if isinstance(job, Mapping) else job
    if job_id is None and isinstance(job, Mapping):
        raise TypeError("this dict has no jobID: give the job itself, such as start_recovery(…)['job']")
    return validate_job_id(job_id)


_LONGEST: Final = 1_000_000_000
"""Seconds, some thirty years. Python can't sleep much longer."""


def to_seconds(name: str, duration: object) -> float:
    if isinstance(duration, timedelta):
        duration = duration.total_seconds()
    if isinstance(duration, bool) or not isinstance(duration, int | float):
        msg = f"{name} must be seconds or a timedelta, not {type(duration).__name__}"
        raise TypeError(msg)
    if not 0 <= duration <= _LONGEST:
        forever = "; None waits for ever" if name == "timeout" else ""
        raise ValueError(f"{name} must be 0 seconds or more, and finite: no more than {_LONGEST:,}{forever}")
    return float(duration)


def validate_cursor(cursor: object) -> None:
    if cursor is not None and not isinstance(cursor, str):
        msg = f"cursor must be a str from an earlier run's .cursor, not {type(cursor).__name__}"
        raise TypeError(msg)


def validate_callable(name: str, value: object) -> None:
    if value is not None and not callable(value):
        msg = f"{name} must be callable, not {type(value).__name__}"
        raise TypeError(msg)


def validate_date_range(from_date: object, to_date: object) -> tuple[datetime | None, datetime | None]:
    """Both dates in UTC."""
    start, end = validate_date("from_date", from_date), validate_date("to_date", to_date)
    if start is not None and end is not None and start > end:
        raise ValueError(f"from_date {start.isoformat()} is after to_date {end.isoformat()}: swap them")
    return start, end


def validate_date(name: str, date: object) -> datetime | None:
    """The date in UTC."""
    if date is None:
        return None
    if not isinstance(date, datetime):
        raise TypeError(f"{name} must be a datetime with a time zone, not {type(date).__name__}")
    return to_utc(date, name)


def validate_count(name: str, count: Any, least: int) -> int | None:
    if count is None:
        return None
    try:
        number = operator.index(count)
    except TypeError:
        number = None
    if number is None or isinstance(count, bool):
        raise TypeError(f"{name} must be an int, not {type(count).__name__}")
    if not least <= number <= sys.maxsize:
        raise ValueError(f"{name} must be {least} or more, and no more than {sys.maxsize}")
    return number
