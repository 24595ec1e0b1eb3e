"""The base class of the data classes, with a `repr` of one bounded line, and `UnknownMember`."""

# `match` leaves the types of the elements of a tuple or mapping unknown.
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, cast, get_type_hints

import attrs

from drs_jobs._text import format_int, one_line, quoted
from drs_jobs._time import to_utc


class Model:
    """Base class of the data classes. Its `repr` has the lengths of collections instead of their elements, and no tags."""

    __slots__ = ("__weakref__",)  # in the base class, so that the slots of a data class are exactly its fields

    def __repr__(self) -> str:
        """Return one bounded line, without absent fields, and with the lengths of collections."""
        shown = (
            f"{field.name}={_format_value(value)}"
            for field in attrs.fields(cast("type[attrs.AttrsInstance]", type(self)))
            if field.repr and (value := getattr(self, field.name)) not in (None, (), {})
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, handler: Any) -> dict[str, Any]:
        """Return the schema of pydantic for validation and serialization: an instance, or its fields by their names here."""
        fields, hints = attrs.fields(cast("type[attrs.AttrsInstance]", cls)), get_type_hints(cls)

        def validate(value: object, validate_fields: Callable[[object], dict[str, Any]]) -> object:
            if isinstance(value, cls):
                return value
            values = validate_fields(value)
            return cls(**values | {name: to_utc(time, name) for name, time in values.items() if isinstance(time, datetime)})

        def serialize(instance: object) -> dict[str, Any]:
            if not isinstance(instance, cls):  # another member of a union
                raise TypeError(f"{type(instance).__name__} is no {cls.__name__}")
            return {field.name: getattr(instance, field.name) for field in fields}

        schema = {
            "type": "typed-dict",
            "fields": {
                field.name: {
                    "type": "typed-dict-field",
                    "schema": handler.generate_schema(hints[field.name]),
                    "required": field.default is attrs.NOTHING,
                }
                for field in fields
            },
            "extra_behavior": "forbid",  # a member of a union must not take the fields of another one
        }
        return {
            "type": "function-wrap",
            "function": {"type": "no-info", "function": validate},
            "schema": schema,
            "serialization": {"type": "function-plain", "function": serialize, "return_schema": schema},
        }


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
            return one_line(repr(value), 1000)


@attrs.frozen(repr=False)
class UnknownMember(Model):
    """A member of a tagged union that this version of drs_jobs does not have, because AWS added it later.

    Source: "union" in the service model, a structure with exactly one member that is set.
    """

    name: str
    """The member's name on the wire, its tag."""

    value: Any = attrs.field(default=None, hash=False, repr=False)
    """Its decoded JSON value; `None` if botocore dropped it (`SDK_UNKNOWN_MEMBER`)."""
