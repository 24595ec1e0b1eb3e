"""Requests, and answers as pages of raw items."""

# What isinstance finds in raw JSON is a dict or a list of nobody knows what.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from drs_jobs._text import fingerprint
from drs_jobs._wire.misfit import Misfit, evidence
from drs_jobs._wire.names import NAMES
from drs_jobs.errors import MalformedResponseError
from drs_jobs.models import Job
from drs_jobs.pager import RawPage


def jobs_request(job_ids: Iterable[str] | None, from_date: datetime | None, to_date: datetime | None) -> dict[str, Any]:
    """The request of DescribeJobs for these filters. What is not given is not sent."""
    filters = {
        "jobIDs": None if job_ids is None else list(job_ids),
        "fromDate": None if from_date is None else _wire_date(from_date),
        "toDate": None if to_date is None else _wire_date(to_date),
    }
    given = {name: value for name, value in filters.items() if value is not None}
    return {"filters": given} if given else {}


def log_request(job_id: str) -> dict[str, Any]:
    """The request of DescribeJobLogItems."""
    return {"jobID": job_id}


def page_request(request: Mapping[str, Any], page_size: int | None, token: str | None) -> dict[str, Any]:
    """`request` for one of its pages."""
    paging = {"maxResults": page_size, "nextToken": token}
    return {**request, **{name: value for name, value in paging.items() if value is not None}}


def query_text(operation: str, request: Mapping[str, Any], scope: object = None) -> str:
    """The same text for the same query in the same `scope`. The order of ids does not matter: a set's differs by process."""
    filters = request.get("filters", {})
    ids = filters.get("jobIDs")
    normal = {**request, "filters": {**filters, "jobIDs": ids and sorted(set(ids))}}
    return json.dumps([operation, normal, scope])


def _wire_date(date: datetime) -> str:
    """A date in UTC as the service model asks for it, with `Z`."""
    return date.isoformat().removesuffix("+00:00") + "Z"


def read_page(body: object, request_id: str | None = None) -> RawPage:
    """A response body as a page of raw items. Raises MalformedResponseError."""
    if not isinstance(body, dict):
        raise Misfit("an object", body).error("$")
    items = body.get("items")
    token = body.get("nextToken")
    if items is None and (others := body.keys() - {"items", "nextToken"}):
        problem = f"an object without items that holds something else ({len(others)} members)"
        raise MalformedResponseError(problem, path="$", value=evidence(body))
    if items is not None and not isinstance(items, list):
        raise Misfit("a list", items).error("$.items")
    if token is not None and not isinstance(token, str):
        raise Misfit("a string", token).error("$.nextToken")
    return RawPage(items or [], token or None, request_id, body)


def job_id_of(raw: object) -> str | None:
    """The id in a raw job, readable also where the rest is not."""
    job_id = raw.get(NAMES[Job]["job_id"]) if isinstance(raw, dict) else None
    return job_id if isinstance(job_id, str) else None


def log_item_id_of(raw: object) -> str:
    """What tells a raw log item from others: AWS gives it no id, but what it says does not change."""
    text = json.dumps(raw, sort_keys=True, default=str)
    return fingerprint(text)
