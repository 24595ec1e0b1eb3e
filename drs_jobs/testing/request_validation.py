"""Validation of requests against botocore's service model, as in the service: types, patterns and limits."""

# isinstance narrows raw JSON to dict or list, with unknown types of keys and elements.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import functools
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import botocore.session
from botocore.model import ServiceModel


def session_without_configuration() -> botocore.session.Session:
    """Return a botocore session that ignores the shared AWS configuration and the profile variables of the environment."""
    no_file = (None, None, os.devnull, None)
    session_vars = {"profile": (None, None, None, None), "config_file": no_file, "credentials_file": no_file}
    return botocore.session.Session(session_vars=session_vars)


@functools.cache
def service_model() -> ServiceModel:
    """Return botocore's service model of DRS."""
    return session_without_configuration().get_service_model("drs")


def success_status(operation: str) -> int:
    """Return the HTTP status of a successful response."""
    status: int = service_model().operation_model(operation).http["responseCode"]
    return status


def validation_failures(operation: str, request: Any) -> list[tuple[str, str]]:
    """Return what is invalid in a request according to the service model.

    Args:
        operation: AWS's name of the operation, such as `DescribeJobs`.
        request: The decoded body.

    Returns:
        One pair per failure: the path of the field and a description. Empty if the request is valid.
    """
    return list(_validation_failures(service_model().operation_model(operation).input_shape, request, ""))


_JSON_TYPES: Final[Mapping[str, type]] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
}
"""The Python type that `json` decodes each type of shape to."""


def _validation_failures(shape: Any, value: Any, name: str) -> Iterator[tuple[str, str]]:
    # isinstance would accept a bool as an integer.
    value_type = type(value)
    if value_type is not _JSON_TYPES[shape.type_name]:
        yield name, f"must be a {shape.type_name}"
        return
    yield from ((name, message) for message in _constraint_failures(shape, value))
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


def _constraint_failures(shape: Any, value: Any) -> Iterator[str]:
    if shape.type_name == "boolean":
        return
    size: int = value if shape.type_name in ("integer", "long") else len(value)
    minimum, maximum, pattern = (shape.metadata.get(name) for name in ("min", "max", "pattern"))
    if minimum is not None and size < minimum:
        yield f"must be {minimum} or more, in value or length"
    if maximum is not None and size > maximum:
        yield f"must be {maximum} or less, in value or length"
    if pattern is not None and not re.fullmatch(pattern, value):
        yield f"must satisfy the pattern {pattern}"
