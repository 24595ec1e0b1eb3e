"""Responses with an error status, changed so that botocore can parse them.

botocore raises an unexpected exception on some bodies and headers, and then does not retry the request.
"""

# The shape of the JSON is unknown, and isinstance leaves the types of its elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import json
from typing import Any, Final

from drs_jobs._text import REDACTED, may_contain_tags, redact_body, redact_text

_CODE_KEYS: Final = ("__type", "code", "Code")
"""The members of an error body from which botocore reads the name of the error."""

_TEXT_KEYS: Final = (*_CODE_KEYS, "message", "Message", "reason", "serviceCode", "quotaCode")
"""The members of an error body that are strings."""


def sanitize(body: bytes, content_type: str) -> bytes:
    """Return an error body that botocore can parse. A body that it can already parse is returned unchanged."""
    text = body.decode("utf-8", "replace")
    try:
        error = json.loads(text)
    except (ValueError, RecursionError):
        error = None
    if not isinstance(error, dict):
        # As a message, because botocore uses the whole text as the message too.
        message = redact_body(body, content_type)
        return json.dumps({"message": REDACTED if message is None else message}).encode()
    if _is_parseable(error) and body.count(b"{") + body.count(b"[") < _MAX_BRACKETS and not may_contain_tags(text):
        # Not `body`, because botocore raises UnicodeDecodeError if it is not UTF-8.
        return text.encode()
    sanitized: dict[str, object] = {key: redact_text(error[key]) for key in _TEXT_KEYS if isinstance(error.get(key), str)}
    sanitized["fieldList"] = [
        {key: redact_text(field[key]) for key in ("name", "message") if isinstance(field.get(key), str)}
        for field in _field_list(error)
    ]
    return json.dumps(sanitized).encode()


def _is_parseable(error: dict[str, Any]) -> bool:
    """Return whether the members of an error have the types that botocore expects."""
    return error.get("fieldList") in (None, _field_list(error)) and all(
        isinstance(error.get(code, ""), str) for code in _CODE_KEYS
    )


def _field_list(error: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the objects in the `fieldList` of an error."""
    fields = error.get("fieldList")
    return [field for field in fields if isinstance(field, dict)] if isinstance(fields, list) else []


_MAX_BRACKETS: Final = 100
"""More brackets than a real error has. With fewer, it is not nested so deeply that botocore raises RecursionError."""


def withhold_retry_after(response_dict: dict[str, Any]) -> dict[str, str]:
    """Remove a `Retry-After` that is not an integer, on which botocore raises ValueError. Return the removed header."""
    try:
        int(response_dict["headers"].get("Retry-After", "0"))
    except ValueError:
        # A copy, because the headers belong to the HTTP response.
        response_dict["headers"] = response_dict["headers"].copy()
        return {"retry-after": response_dict["headers"].pop("Retry-After")}
    return {}
