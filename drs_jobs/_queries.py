"""Checked arguments of the methods of both clients, as queries. No request is sent here; each error says what to do."""

import functools
import inspect
import json
import operator
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias, TypeVar

import attrs

from drs_jobs._aws import calls
from drs_jobs._aws.responses import job_id_of, log_item_id_of
from drs_jobs._aws.source_servers import source_server_id_of, structure_source_server
from drs_jobs._aws.structure import structure
from drs_jobs._models import Job, JobLogItem
from drs_jobs._models.job import JOB_ARN
from drs_jobs._models.source_server import SourceServer
from drs_jobs._pagination.cursor import START, decode_cursor
from drs_jobs._pagination.pages import Request
from drs_jobs._pagination.run import Query
from drs_jobs._text import one_line, quoted, redact_passwords
from drs_jobs._time import to_utc

T = TypeVar("T")

JobRef: TypeAlias = str | Job | Mapping[str, Any]
"""A reference to a job: its id or ARN, a `Job`, or the `job` dict that `start_recovery` of boto3 or Step Functions returns."""

MAX_JOB_IDS: Final = 1_000
"""The maximum number of ids in one DescribeJobs request.

Source: `DescribeJobsRequestFiltersJobIDs` in the service model.
"""


# ------------------------------------------------------------------ jobs


def validate_job_id(job_id: object, client: object) -> str:
    """Return the id, if the client would accept it."""
    if not isinstance(job_id, str) or not job_id.strip():
        description = quoted(job_id) if isinstance(job_id, str) else type(job_id).__name__
        raise TypeError(f"a job id must be a non-blank str, not {description}")
    if not calls.accepts(client, "JobID", job_id):
        raise ValueError(f"{quoted(job_id)} is not a job id: use drsjob- and 17 letters or digits, as describe_jobs returns it")
    return job_id


# The dict of `start_recovery` has tags, and crash reporters send the local variables of frames. So each function that takes a
# reference deletes it before an error can be raised, or as it is raised.


def resolve_job_refs(jobs: Iterable[JobRef], client: object) -> tuple[str, ...]:
    """Return the ids of jobs."""
    kind = type(jobs).__name__
    try:
        if isinstance(jobs, str | Job | Mapping):
            raise TypeError(f"jobs must be a list of jobs or ids, not one {kind}: write [job], or use wait(job)")
        ids = tuple(map(functools.partial(resolve_job_ref, client=client), jobs))
    finally:
        del jobs
    if not ids:
        raise ValueError("no jobs to wait for: pass at least one")
    return ids


def resolve_job_ref(job: JobRef, client: object) -> str:
    """Return the id of a job. Raise ValueError for an ARN of another region than that of the client."""
    match job:
        case Job():
            job_id: object = job.job_id
            del job  # it has tags, and an error has this frame
            return validate_job_id(job_id, client)
        case Mapping():
            # Step Functions writes members with a capital letter.
            job_id = job_id_of({str(name)[:1].lower() + str(name)[1:]: value for name, value in job.items()})
            del job
            if job_id is None:
                raise TypeError("this dict has no jobID: pass the job itself, such as start_recovery(…)['job']")
            return validate_job_id(job_id, client)
        case str() if (arn := JOB_ARN.fullmatch(job)) is not None:
            region, _ = calls.region_and_endpoint(client)
            if region not in (None, arn["region"]):
                raise ValueError(
                    f"the job {arn['job_id']} is in {arn['region']}, but this client reads {region}: use another client"
                )
            return validate_job_id(arn["job_id"], client)
        case _:
            return validate_job_id(job, client)


# ------------------------------------------------------------------ dates and numbers


def validate_date(name: str, date: object) -> datetime | None:
    """Return the date in UTC."""
    if date is None:
        return None
    if not isinstance(date, datetime):
        raise TypeError(f"{name} must be a datetime with a time zone, not {type(date).__name__}")
    return to_utc(date, name)


def validate_count(name: str, count: Any, minimum: int) -> int | None:
    """Return the number."""
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


# ------------------------------------------------------------------ queries


def jobs_query(
    client: object, job_ids: Iterable[str] | None, from_date: datetime | None, to_date: datetime | None, **arguments: Any
) -> Query[Job]:
    """Return the query of `describe_jobs` with these arguments."""
    ids = None
    if job_ids is not None:
        if isinstance(job_ids, str):
            raise TypeError(f"job_ids must be a list of ids, not one str: write [{quoted(job_ids)}]")
        if not isinstance(job_ids, Iterable):
            raise TypeError(f"job_ids must be a list of ids, not {type(job_ids).__name__}")
        ids = tuple(validate_job_id(job_id, client) for job_id in job_ids)
        if len(ids) > MAX_JOB_IDS:
            raise ValueError(
                f"{len(ids):,} job_ids are more than the {MAX_JOB_IDS:,} that DescribeJobs accepts: use several calls"
            )
    start, end = validate_date("from_date", from_date), validate_date("to_date", to_date)
    if start is not None and end is not None and start > end:
        raise ValueError(f"from_date {start.isoformat()} is after to_date {end.isoformat()}: swap them")
    # A filter that is `None` is not sent.
    aws_filters = _without_none({"jobIDs": ids and list(ids), "fromDate": _format_date(start), "toDate": _format_date(end)})
    request = {"filters": aws_filters} if aws_filters else {}
    filters = {"job_ids": None if ids is None else len(ids), "from_date": start, "to_date": end}
    structure_item = functools.partial(structure, item_type=Job)
    query = _query(client, "DescribeJobs", request, job_id_of, structure_item, filters=filters, **arguments)
    # AWS returns all jobs for an empty list of ids.
    return attrs.evolve(query, limit=0) if ids == () else query


def _format_date(date: datetime | None) -> str | None:
    """Return a date in UTC in the format of the service model, with `Z`."""
    return None if date is None else date.isoformat().removesuffix("+00:00") + "Z"


def _without_none(members: Mapping[str, T]) -> dict[str, T]:
    return {name: value for name, value in members.items() if value is not None}


def log_query(client: object, job_id: str, **arguments: Any) -> Query[JobLogItem]:
    """Return the query of `describe_job_log_items` with these arguments."""
    request, filters = {"jobID": validate_job_id(job_id, client)}, {"job_id": job_id}
    structure_item = functools.partial(structure, item_type=JobLogItem)
    return _query(client, "DescribeJobLogItems", request, log_item_id_of, structure_item, filters=filters, **arguments)


def source_servers_query(client: object, **arguments: Any) -> Query[SourceServer]:
    """Return the query of `describe_source_servers` with these arguments."""
    return _query(client, "DescribeSourceServers", {}, source_server_id_of, structure_source_server, filters={}, **arguments)


def _query(
    client: object,
    operation: str,
    request: Mapping[str, Any],
    identify: Callable[[object], str | None],
    structure: Callable[[object, int], T],
    *,
    filters: Mapping[str, object],
    page_size: int | None,
    limit: int | None,
    cursor: object,
    on_malformed: Any = None,
) -> Query[T]:
    page_size, limit = validate_count("page_size", page_size, 1), validate_count("limit", limit, 0)
    if cursor is not None and not isinstance(cursor, str):
        raise TypeError(f"cursor must be a str from the .cursor of an earlier run, not {type(cursor).__name__}")
    is_awaited = any(map(inspect.iscoroutinefunction, (on_malformed, type(on_malformed).__call__)))
    if on_malformed is not None and (is_awaited or not callable(on_malformed)):
        kind = "a coroutine function" if is_awaited else type(on_malformed).__name__
        raise TypeError(f"on_malformed must be a callable that is not awaited, not {kind}")
    arguments = _without_none({**filters, "page_size": page_size, "limit": limit})
    identity = query_identity(operation, request, calls.region_and_endpoint(client))
    accepts_token = functools.partial(calls.accepts, client, "PaginationToken")
    return Query(
        identity=identity,
        description=one_line(", ".join([operation, *(f"{name}={value}" for name, value in arguments.items())])),
        request=lambda token: Request(operation, {**request, **_without_none({"maxResults": page_size, "nextToken": token})}),
        structure=structure,
        identify=identify,
        start=START if cursor is None else decode_cursor(cursor, identity, accepts_token),
        limit=limit,
        on_malformed=on_malformed,
    )


def query_identity(operation: str, request: Mapping[str, Any], scope: object = None) -> str:
    """Return a text that is equal for equal queries in the same `scope`. The order of ids is ignored, and an empty filter."""
    filters = request.get("filters", {}).items()
    normal = {name: value if isinstance(value, str) else sorted(set(value)) for name, value in filters if value}
    return json.dumps([operation, {**request, "filters": normal}, scope])


# ------------------------------------------------------------------ clients


def check_client(client: object, example: str, others: Mapping[str, object]) -> None:
    """Raise TypeError if a client has no `describe_jobs`, or if one of `others` is given, the arguments to build a client."""
    if conflicting := [name for name, value in others.items() if value is not None]:
        raise TypeError(f"client beside {', '.join(conflicting)}: pass a client, or the arguments to build one, not both")
    if hasattr(type(client), "wait_all"):
        raise TypeError(f"client is a {type(client).__name__} already: use it as it is")
    if not callable(getattr(client, "describe_jobs", None)):
        raise TypeError(f"client must have a describe_jobs method, as {example} has; {type(client).__name__} has none")


def describe_client(owner: object, client: object) -> str:
    """Return the region and endpoint of a client, or the class of a fake, for the `repr` of its owner."""
    region, endpoint = calls.region_and_endpoint(client)
    text = f"region={region}, endpoint={redact_passwords(str(endpoint))}" if region else type(client).__name__
    return f"{type(owner).__name__}({text})"
