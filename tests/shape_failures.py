"""What does not match a shape of botocore's service model: written apart from the validation in LocalDrs."""

import re
from collections.abc import Iterator
from typing import Any

import botocore.session

SHAPE_FOR = botocore.session.Session().get_service_model("drs").shape_for

TYPES = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
}


def response_failures(name: str, value: dict[str, Any]) -> list[str]:
    """Return what does not match in a value of a response.

    The service itself sends the event LAUNCH_END and timestamps that end in `+00:00`, which its model does not have.
    """
    real = {key: member for key, member in value.items() if key not in ("creationDateTime", "endDateTime", "logDateTime")}
    if real.get("event") == "LAUNCH_END":
        real.pop("event")
    return list(_failures(SHAPE_FOR(name), real, name))


def _failures(shape: Any, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, TYPES[shape.type_name]):
        yield f"{path} is {value!r}"
        return
    if shape.type_name == "structure":
        yield from (f"{path} lacks {name}" for name in {*shape.required_members} - value.keys())
        yield from (f"{path} has {name}" for name in value.keys() - shape.members.keys())
        for name in shape.members.keys() & value.keys():
            yield from _failures(shape.members[name], value[name], f"{path}.{name}")
    elif shape.type_name == "map":
        for key, member in value.items():
            yield from _failures(shape.key, key, f"{path} key")
            yield from _failures(shape.value, member, f"{path}[{key}]")
    elif shape.type_name == "list":
        for index, member in enumerate(value):
            yield from _failures(shape.member, member, f"{path}[{index}]")
    elif shape.type_name == "string":
        limits, enum = shape.metadata, getattr(shape, "enum", [])
        if not limits.get("min", 0) <= len(value) <= limits.get("max", 65536):
            yield f"{path} has {len(value)} characters"
        if (pattern := limits.get("pattern")) and not re.fullmatch(pattern, value):
            yield f"{path} is {value!r}, not {pattern}"
        if enum and value not in enum:
            yield f"{path} is {value!r}, not one of {enum}"
