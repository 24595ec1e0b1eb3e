"""Requests checked against botocore's service model, as the service checks them: types, patterns and limits."""

# What isinstance finds in raw JSON is a dict or a list of nobody knows what.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import functools
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import botocore.session
from botocore.model import ServiceModel


def session_without_configuration() -> botocore.session.Session:
    """A botocore session that reads no shared AWS configuration, and no profile from the environment."""
    no_file = (None, None, os.devnull, None)
    session_vars = {"profile": (None, None, None, None), "config_file": no_file, "credentials_file": no_file}
    return botocore.session.Session(session_vars=session_vars)


@functools.cache
def service_model() -> ServiceModel:
    """Botocore's model of DRS."""
    return session_without_configuration().get_service_model("drs")


def success_status(operation: str) -> int:
    """The HTTP status of a good answer."""
    status: int = service_model().operation_model(operation).http["responseCode"]
    return status


def validation_failures(operation: str, request: Any) -> list[tuple[str, str]]:
    """What the service model refuses in a request: for each, the field's name and what is wrong."""
    return list(_validation_failures(service_model().operation_model(operation).input_shape, request, ""))


_TYPES: Final[Mapping[str, type]] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
}
"""What JSON decodes each kind of shape to."""


def _validation_failures(shape: Any, value: Any, name: str) -> Iterator[tuple[str, str]]:
    kind = type(value)
    if kind is not _TYPES[shape.type_name]:
        yield name, f"must be a {shape.type_name}"
        return
    yield from ((name, wrong) for wrong in _unmet_limits(shape, value))
    if shape.type_name == "list":
        for index, element in enumerate(value):
            yield from _validation_failures(shape.member, element, f"{name}[{index}]")
    elif shape.type_name == "map":
        for key, element in value.items():
            yield from _validation_failures(shape.key, key, f"{name}.key")
            yield from _validation_failures(shape.value, element, f"{name}.value")
    elif shape.type_name == "structure":
        for member_name, member in shape.members.items():
            path = f"{name}.{member_name}" if name else member_name
            if value.get(member_name) is not None:
                yield from _validation_failures(member, value[member_name], path)
            elif member_name in shape.required_members:
                yield path, "must not be absent"


def _unmet_limits(shape: Any, value: Any) -> Iterator[str]:
    if shape.type_name == "boolean":
        return
    size: int = value if shape.type_name in ("integer", "long") else len(value)
    least, most, pattern = (shape.metadata.get(limit) for limit in ("min", "max", "pattern"))
    if least is not None and size < least:
        yield f"must be {least} or more, in value or length"
    if most is not None and size > most:
        yield f"must be {most} or less, in value or length"
    if pattern is not None and not re.fullmatch(pattern, value):
        yield f"must satisfy the pattern {pattern}"
