"""What is told of a value that does not fit: where it stands, what it is, and never a tag."""

# What isinstance finds in raw JSON is a dict or a list of nobody knows what.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import re
import types
from collections.abc import Mapping
from typing import Final

from drs_jobs._text import may_hold_tags, number, quoted
from drs_jobs._wire.names import SENSITIVE
from drs_jobs.errors import MalformedResponseError


class Misfit(Exception):  # noqa: N818  # never seen outside: it becomes a MalformedResponseError
    """A value is not what it should be; on its way out it collects where it stands."""

    def __init__(self, expected: str, value: object) -> None:
        super().__init__(expected)
        self.expected = expected
        self.value = value
        self.found = f", found {_kind(value)}"
        self.steps: list[str] = []

    def below(self, step: object) -> "Misfit":
        """The same, seen from the object, map or list that holds it."""
        self.steps.append(_step(step))
        return self

    def below_member(self, key: str) -> "Misfit":
        """The same, seen from the structure that has it under `key`."""
        if key == SENSITIVE:
            # Neither a tag's key nor its value may get out, so the path ends here.
            self.steps, self.value, self.found, self.expected = [], None, "", "an object of strings"
        return self.below(key)

    def error(self, path: str) -> MalformedResponseError:
        where = path + "".join(reversed(self.steps))
        return MalformedResponseError(f"expected {self.expected}{self.found}", path=where, value=evidence(self.value))


_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _step(step: object) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if not isinstance(step, str):
        return f"[{quoted(repr(step))}]"  # a dict made by hand: JSON's keys are strings
    return f".{step}" if _PLAIN.fullmatch(step) else f"[{quoted(step)}]"


def _kind(value: object) -> str:
    """What a value is, in JSON's words; short texts and numbers as they are."""
    if isinstance(value, str) and not may_hold_tags(value):
        return quoted(value)
    if isinstance(value, int):
        return number(value)
    if isinstance(value, float):
        return repr(value)
    return _KINDS.get(type(value), f"a {type(value).__name__}")


_KINDS: Final[Mapping[type, str]] = {
    types.NoneType: "nothing",
    dict: "an object",
    list: "a list",
    str: "a string",
}

DEEP: Final = 100
"""How deep a value may be nested that this version does not know: what is deeper could be neither copied nor pickled."""


def evidence(value: object) -> object:
    """`value`, unless tags may be in it, or it is nested absurdly deep."""
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


def is_nested_too_deep(value: object) -> bool:
    """Whether a value is nested deeper than `DEEP`. Not recursive: that is the point."""
    level = [value]
    for _ in range(DEEP):
        level = [
            inner
            for part in level
            if isinstance(part, dict | list)
            for inner in (part.values() if isinstance(part, dict) else part)
        ]
        if not level:
            return False
    return True
