"""Keeps the tags of jobs, which the service model marks sensitive, out of texts and errors."""

# JSON of unknown shape: isinstance leaves the types of elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Mapping
from typing import Final

SENSITIVE_MEMBER: Final = "tags"
"""The one member that the service model marks sensitive."""


def may_hold_tags(text: str) -> bool:
    """Whether a text that is not readable JSON may hold a job's tags.

    Rather too often than too rarely: an escape can spell the word, and a zero between two letters can hide it.
    """
    return "tags" in text.replace("\0", "").lower() or "\\u" in text


def redact_text(text: str) -> str:
    """A text of an error response, unless it may hold tags. AWS's own sentences about tags hold no JSON objects."""
    return "a text that may hold tags, so it is not shown" if "{" in text and may_hold_tags(text) else text


def redact_body(body: bytes) -> str | None:
    """The text of a body that is not JSON, for an error to show; `None` if it may hold tags."""
    text = body.decode("utf-8", "replace")
    return None if may_hold_tags(text) else text


def redact_value(value: object) -> object:
    """A JSON value, for an error to carry; `None` if it may hold tags, or is nested too deep."""
    if is_nested_too_deep(value):
        return None
    held = [value]
    while held:
        match held.pop():
            case str() as text if may_hold_tags(text):
                return None
            case Mapping() as members:
                held += [*members, *members.values()]
            case list() as elements:
                held += elements
            case _:
                pass
    return value


MAX_NESTING: Final = 100
"""Levels of nesting of a value that is kept although its shape is unknown: a deeper one can be neither copied nor pickled."""


def is_nested_too_deep(value: object) -> bool:
    """Whether a value has more than `MAX_NESTING` levels. Not recursive, so that it does not fail on such values itself."""
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
