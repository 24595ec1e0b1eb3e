"""Redaction: removes the tags of jobs, which the service model marks sensitive, from texts and errors."""

# The shape of the JSON is unknown, and isinstance leaves the types of its elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Mapping
from typing import Final

SENSITIVE_MEMBER: Final = "tags"
"""The only member that the service model marks sensitive."""


def may_contain_tags(text: str) -> bool:
    """Return whether a text that is not readable JSON can contain a job's tags.

    In doubt, the result is true: a JSON escape or a null character can be part of the word.
    """
    return "tags" in text.replace("\0", "").lower() or "\\u" in text


def redact_text(text: str) -> str:
    """Return a text of an error response, or a placeholder if it can contain tags.

    AWS's own error messages about tags contain no JSON objects, so they are kept.
    """
    return "a text that may contain tags, so it is not shown" if "{" in text and may_contain_tags(text) else text


def redact_body(body: bytes) -> str | None:
    """Return the text of a body that is not JSON, for an error; `None` if it can contain tags."""
    text = body.decode("utf-8", "replace")
    return None if may_contain_tags(text) else text


def redact_value(value: object) -> object:
    """Return a JSON value, for an error; `None` if it can contain tags, or is nested too deeply."""
    if is_nested_too_deep(value):
        return None
    pending = [value]
    while pending:
        match pending.pop():
            case str() as text if may_contain_tags(text):
                return None
            case Mapping() as members:
                pending += [*members, *members.values()]
            case list() as elements:
                pending += elements
            case _:
                pass
    return value


MAX_NESTING: Final = 100
"""The maximum nesting of a value of unknown shape. Values that are nested deeper cannot be copied or pickled."""


def is_nested_too_deep(value: object) -> bool:
    """Return whether a value has more than `MAX_NESTING` levels. Not recursive, so that it works for such values too."""
    level = [value]
    for _ in range(MAX_NESTING):
        level = [
            inner
            for part in level
            if isinstance(part, dict | list)
            for inner in (part.values() if isinstance(part, dict) else part)
        ]
        if not level:
            return False
    return True
