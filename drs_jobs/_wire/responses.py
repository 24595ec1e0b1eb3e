"""Responses as pages of raw items, and the identity of raw items."""

# The shape of the JSON is unknown, and isinstance leaves the types of its elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import json

from drs_jobs._errors import MalformedResponseError
from drs_jobs._formatting import fingerprint
from drs_jobs._models import Job
from drs_jobs._pagination import RawPage
from drs_jobs._redaction import redact_value
from drs_jobs._wire.errors import SchemaError
from drs_jobs._wire.names import NAMES


def read_page(body: object, request_id: str | None = None) -> RawPage:
    """Return a response body as a page of raw items.

    Raises:
        MalformedResponseError: If the body is not a page.
    """
    if not isinstance(body, dict):
        raise SchemaError("an object", body).as_malformed("$")
    items = body.get("items")
    token = body.get("nextToken")
    if items is None and (others := body.keys() - {"items", "nextToken"}):
        problem = f"an object without items, but with {len(others)} other members"
        raise MalformedResponseError(problem, path="$", value=redact_value(body))
    if items is not None and not isinstance(items, list):
        raise SchemaError("a list", items).as_malformed("$.items")
    if token is not None and not isinstance(token, str):
        raise SchemaError("a string", token).as_malformed("$.nextToken")
    return RawPage(items or [], token or None, request_id, body)


def job_id_of(raw: object) -> str | None:
    """Return the id of a raw job, even if the rest of the job is malformed."""
    job_id = raw.get(NAMES[Job]["job_id"]) if isinstance(raw, dict) else None
    return job_id if isinstance(job_id, str) else None


def log_item_id_of(raw: object) -> str:
    """Return the identity of a raw log item: a hash of its content, which does not change. AWS gives it no id."""
    return fingerprint(json.dumps(raw, sort_keys=True, default=str))
