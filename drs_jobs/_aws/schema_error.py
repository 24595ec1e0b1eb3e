"""Errors for values that do not match the schema, with their path, the expected and the actual value, and without tags."""

# The shape of the JSON is unknown, and isinstance leaves the types of its elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import re
from collections.abc import Mapping
from typing import Final

from drs_jobs._errors import MalformedResponseError
from drs_jobs._text import SENSITIVE_MEMBER, format_int, may_contain_tags, quoted, redact_value


class SchemaError(Exception):
    """A value does not match the schema. The path to the value is collected while the error propagates."""

    def __init__(self, expected: str, value: object) -> None:
        super().__init__(expected)
        self.expected = expected
        self.value = value
        self.found = f", found {_describe(value)}"
        self.steps: list[str] = []

    def at(self, step: object) -> "SchemaError":
        """Add a step to the path: the key or index of the value in its object, map or list. Return the error itself."""
        self.steps.append(_path_step(step))
        return self

    def at_member(self, key: str) -> "SchemaError":
        """Add a member of a structure to the path. Return the error itself."""
        if key == SENSITIVE_MEMBER:
            # The path ends here, because further steps are keys of tags.
            self.steps, self.value, self.found, self.expected = [], None, "", "an object of strings"
        return self.at(key)

    def as_malformed(self, path: str) -> MalformedResponseError:
        """Return the public error. `path` is the path of the item that contains the value."""
        full_path = path + "".join(reversed(self.steps))
        return MalformedResponseError(f"expected {self.expected}{self.found}", path=full_path, value=redact_value(self.value))


_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _path_step(step: object) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if not isinstance(step, str):
        return f"[{quoted(repr(step))}]"  # only in a dict that is not decoded JSON, whose keys are strings
    return f".{step}" if _IDENTIFIER.fullmatch(step) else f"[{quoted(step)}]"


def _describe(value: object) -> str:
    """Return the type of a value in terms of JSON, or the value itself if it is a number or a short string."""
    if isinstance(value, str):
        return "a string" if may_contain_tags(value) else quoted(value)
    if isinstance(value, int):
        return format_int(value)
    if isinstance(value, float):
        return repr(value)
    return _JSON_TYPES.get(type(value), f"a {type(value).__name__}")


_JSON_TYPES: Final[Mapping[type, str]] = {type(None): "nothing", dict: "an object", list: "a list"}
