"""Errors for values that do not match the schema: their path, what was expected and found, never a tag."""

# JSON of unknown shape: isinstance leaves the types of elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import re
import types
from collections.abc import Mapping
from typing import Final

from drs_jobs._errors import MalformedResponseError
from drs_jobs._formatting import format_int, quoted
from drs_jobs._redaction import SENSITIVE_MEMBER, may_contain_tags, redact_value


class SchemaError(Exception):
    """A value does not match the schema. On its way out it collects the path to the value."""

    def __init__(self, expected: str, value: object) -> None:
        super().__init__(expected)
        self.expected = expected
        self.value = value
        self.found = f", found {_describe(value)}"
        self.steps: list[str] = []

    def at(self, step: object) -> "SchemaError":
        """The same error, seen from the object, map or list that holds the value under `step`."""
        self.steps.append(_path_step(step))
        return self

    def at_member(self, key: str) -> "SchemaError":
        """The same error, seen from the structure that has the value under `key`."""
        if key == SENSITIVE_MEMBER:
            # The path ends here, since further steps are keys of tags.
            self.steps, self.value, self.found, self.expected = [], None, "", "an object of strings"
        return self.at(key)

    def as_malformed(self, path: str) -> MalformedResponseError:
        """The public error, for a value whose structure stands at `path`."""
        full_path = path + "".join(reversed(self.steps))
        return MalformedResponseError(f"expected {self.expected}{self.found}", path=full_path, value=redact_value(self.value))


_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _path_step(step: object) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if not isinstance(step, str):
        return f"[{quoted(repr(step))}]"  # a hand-made dict: JSON's keys are strings
    return f".{step}" if _IDENTIFIER.fullmatch(step) else f"[{quoted(step)}]"


def _describe(value: object) -> str:
    """A value in JSON's terms; short strings and numbers as they are."""
    if isinstance(value, str) and not may_contain_tags(value):
        return quoted(value)
    if isinstance(value, int):
        return format_int(value)
    if isinstance(value, float):
        return repr(value)
    return _JSON_TYPES.get(type(value), f"a {type(value).__name__}")


_JSON_TYPES: Final[Mapping[type, str]] = {
    types.NoneType: "nothing",
    dict: "an object",
    list: "a list",
    str: "a string",
}
