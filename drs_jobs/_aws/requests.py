"""Requests, and the text that identifies a query."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from drs_jobs._pagination.pages import Request


def jobs_request(job_ids: Iterable[str] | None, from_date: datetime | None, to_date: datetime | None) -> dict[str, Any]:
    """Return the request of DescribeJobs for these filters. A filter that is `None` is not sent."""
    filters = {
        "jobIDs": None if job_ids is None else list(job_ids),
        "fromDate": None if from_date is None else _format_date(from_date),
        "toDate": None if to_date is None else _format_date(to_date),
    }
    applied_filters = {name: value for name, value in filters.items() if value is not None}
    return {"filters": applied_filters} if applied_filters else {}


def page_request(operation: str, request: Mapping[str, Any], page_size: int | None, token: str | None) -> Request:
    """Return the request of one page of an operation."""
    paging = {"maxResults": page_size, "nextToken": token}
    return Request(operation, {**request, **{name: value for name, value in paging.items() if value is not None}})


def query_identity(operation: str, request: Mapping[str, Any], scope: object = None) -> str:
    """Return a text that is equal for equal queries in the same `scope`. The order of ids is ignored, as in a set."""
    filters = request.get("filters", {})
    ids = filters.get("jobIDs")
    normal = {**request, "filters": {**filters, "jobIDs": ids and sorted(set(ids))}}
    return json.dumps([operation, normal, scope])


def _format_date(date: datetime) -> str:
    """Return a date in UTC in the format of the service model, with `Z`."""
    return date.isoformat().removesuffix("+00:00") + "Z"
