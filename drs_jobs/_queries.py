"""Queries and calls from the arguments of the methods of both clients, without I/O."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import attrs

from drs_jobs import _arguments, _botocore, _wire
from drs_jobs._errors import MalformedResponseError
from drs_jobs._formatting import one_line
from drs_jobs._models import Job, JobLogItem
from drs_jobs._pagination import START, Query, RawPage, Request, decode_cursor

T = TypeVar("T")


def jobs_query(
    client: object, job_ids: Iterable[str] | None, from_date: datetime | None, to_date: datetime | None, **arguments: Any
) -> Query[Job]:
    """Return the query of `describe_jobs` with these arguments."""
    ids = None if job_ids is None else _arguments.validate_job_ids(job_ids)
    from_date, to_date = _arguments.validate_date_range(from_date, to_date)
    request = _wire.jobs_request(ids, from_date, to_date)
    filters = {"job_ids": None if ids is None else len(ids), "from_date": from_date, "to_date": to_date}
    query = _query(client, "DescribeJobs", request, filters, identify=_wire.job_id_of, item_type=Job, **arguments)
    # AWS returns all jobs for an empty list of ids.
    return attrs.evolve(query, limit=0) if ids == () else query


def log_query(client: object, job_id: str, **arguments: Any) -> Query[JobLogItem]:
    """Return the query of `describe_job_log_items` with these arguments."""
    _arguments.validate_job_id(job_id)
    request, filters, identify = _wire.log_request(job_id), {"job_id": job_id}, _wire.log_item_id_of
    return _query(client, "DescribeJobLogItems", request, filters, identify=identify, item_type=JobLogItem, **arguments)


def _query(
    client: object,
    operation: str,
    request: Mapping[str, Any],
    filters: Mapping[str, object],
    *,
    identify: Callable[[object], str | None],
    item_type: type[T],
    page_size: int | None,
    limit: int | None,
    cursor: str | None,
    on_malformed: Callable[[MalformedResponseError], object] | None,
) -> Query[T]:
    page_size = _arguments.validate_count("page_size", page_size, 1)
    limit = _arguments.validate_run(limit, cursor, on_malformed)
    arguments = {**filters, "page_size": page_size, "limit": limit}
    given = [f"{name}={value}" for name, value in arguments.items() if value is not None]
    text = _wire.query_text(operation, request, _botocore.region_and_endpoint(client))
    return Query(
        text=text,
        summary=one_line(", ".join([operation, *given])),
        request=lambda token: _wire.page_request(operation, request, page_size, token),
        structure=lambda raw, index: _wire.structure(raw, item_type, f"$.items[{index}]"),
        identify=identify,
        start=START if cursor is None else decode_cursor(cursor, text),
        limit=limit,
        on_malformed=on_malformed,
    )


def call(client: object, request: Request) -> _botocore.Call[RawPage]:
    """Return a context manager for the call of a client that sends a request."""
    name = _wire.METHODS[request.operation]
    method = getattr(client, name, None)
    if method is None:
        raise TypeError(f"the client has no method {name}: pass a real client, or add it to the fake")
    return _botocore.Call(request.operation, method, _wire.read_page)


def check_client(client: object, example: str, others: Mapping[str, object]) -> None:
    """Check a client that was passed in.

    Raises:
        TypeError: If it has no `describe_jobs`, or if one of `others` is given, the arguments to build a client.
    """
    if given := [name for name, value in others.items() if value is not None]:
        raise TypeError(f"client beside {', '.join(given)}: pass a client, or the arguments to build one, not both")
    if hasattr(type(client), "wait_all"):
        raise TypeError(f"client is a {type(client).__name__} already: use it as it is")
    if not callable(getattr(client, "describe_jobs", None)):
        raise TypeError(f"client must have a describe_jobs method, as {example} has; {type(client).__name__} has none")


def describe_client(owner: object, client: object) -> str:
    """Return the region and endpoint of a client, or the class of a fake, for the `repr` of its owner."""
    region, endpoint = _botocore.region_and_endpoint(client)
    return f"{type(owner).__name__}({f'region={region}, endpoint={endpoint}' if region else type(client).__name__})"
