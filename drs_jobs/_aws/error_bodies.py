"""Responses with an error status, changed so that botocore can parse them.

botocore raises an unexpected exception on some bodies and headers, and then does not retry the request.
"""

# The shape of the JSON is unknown, and isinstance leaves the types of its elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import json
from collections.abc import Iterable
from typing import Any, Final

from drs_jobs._text import REDACTED, redact_body, redact_text

_TEXT_KEYS: Final = (
    *("__type", "code", "Code", "message", "Message", "reason"),
    *("serviceCode", "quotaCode", "resourceId", "resourceType"),
)
"""The members of an error body that are strings."""


def sanitize(body: bytes, content_type: str) -> bytes:
    """Return an error body that botocore can parse, with the members of the service model that have the right types."""
    try:
        error = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        error = None
    if not isinstance(error, dict):
        # As a message, because botocore uses the whole text as the message too.
        message = redact_body(body, content_type)
        return json.dumps({"message": REDACTED if message is None else message}).encode()
    sanitized: dict[str, object] = {**_texts(error, _TEXT_KEYS)}
    if isinstance(fields := error.get("fieldList"), list):
        sanitized["fieldList"] = [_texts(field, ("name", "message")) for field in fields if isinstance(field, dict)]
    return json.dumps(sanitized).encode()


def _texts(members: dict[str, Any], keys: Iterable[str]) -> dict[str, str]:
    return {key: redact_text(members[key]) for key in keys if isinstance(members.get(key), str)}


def withhold_retry_after(response_dict: dict[str, Any]) -> dict[str, str]:
    """Remove a `Retry-After` that is not an integer, on which botocore raises ValueError. Return the removed header."""
    try:
        int(response_dict["headers"].get("Retry-After", "0"))
    except ValueError:
        # A copy, because the headers belong to the HTTP response.
        response_dict["headers"] = response_dict["headers"].copy()
        return {"retry-after": response_dict["headers"].pop("Retry-After")}
    return {}
