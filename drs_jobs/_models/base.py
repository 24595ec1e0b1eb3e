"""What all data classes share: a `repr` of one bounded line, and the union member that nobody knows yet."""

# `match` finds a tuple or a mapping of nobody knows what.
# pyright: reportUnknownArgumentType=false

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, cast

import attrs

from drs_jobs._formatting import format_int, quoted


class Model:
    """Base of the data classes. Its `repr` counts collections instead of printing them and never shows a tag."""

    __slots__ = ("__weakref__",)  # here, so that a data class has no other slots than its fields

    def __repr__(self) -> str:
        """One bounded line: absent fields are left out, collections are counted."""
        shown = (
            f"{field.name}={_format_value(value)}"
            for field in attrs.fields(cast("type[attrs.AttrsInstance]", type(self)))
            if field.repr and (value := getattr(self, field.name)) not in (None, (), {})
        )
        return f"{type(self).__name__}({', '.join(shown)})"


def _format_value(value: Any) -> str:
    match value:
        case Enum():
            return str(value.name)
        case str():
            return quoted(value)
        case datetime():
            return value.isoformat()
        case tuple() | Mapping():
            return f"<{len(value)}>"
        case int():
            return format_int(value)
        case _:
            return repr(value)


@attrs.frozen(repr=False)
class UnknownMember(Model):
    """A union member that this version does not know: AWS added it later.

    Source: "union" in the service model, where exactly one member is set.
    """

    name: str
    """The member's name on the wire, its tag."""

    value: Any = attrs.field(default=None, hash=False, repr=False)
    """What stood there, as JSON decodes it; `None` where botocore had dropped it (`SDK_UNKNOWN_MEMBER`)."""
