"""Validation of requests and responses against botocore's service model: types, enums, patterns and limits."""

# isinstance narrows raw JSON to dict or list, with unknown types of keys and elements.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import difflib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from drs_jobs.testing.service_model import service_model


def request_failures(operation: str, request: Any) -> list[tuple[str, str]]:
    """Return what is invalid in a request according to the service model. Members that the model lacks are ignored.

    Args:
        operation: AWS's name of the operation, such as `DescribeJobs`.
        request: The members of the request.

    Returns:
        One pair per failure: the path of the field and a description. Empty if the request is valid.
    """
    return list(shape_failures(service_model().operation_model(operation).input_shape, request))


def response_failures(operation: str, response: Any) -> list[tuple[str, str]]:
    """Return what is invalid in the members of a response, in the form of `request_failures`. Unknown members are invalid."""
    shape = service_model().operation_model(operation).output_shape
    if shape is None:
        return [("", f"must be empty: {operation} has no members in its response")] if response else []
    return list(shape_failures(shape, response, is_response=True))


def require_valid(failures: list[tuple[str, str]], what: str) -> None:
    """Raise ValueError if there are failures.

    Args:
        failures: The result of `response_failures`, or of `shape_failures` as a list.
        what: The invalid thing, for the message.

    Raises:
        ValueError: With the first failure.
    """
    if failures:
        path, message = failures[0]
        more = f" ({len(failures) - 1} more)" if failures[1:] else ""
        raise ValueError(f"{what} does not fit botocore's service model: {path or 'it'} {message}{more}")


def known_members(shape: Any, value: Any) -> Any:
    """Return a valid value without null members, and without those that its shape lacks, however deep they are nested."""
    if shape is None or shape.type_name == "structure":
        members = {} if shape is None else shape.members
        known = ((name, member, value.get(name)) for name, member in members.items())
        return {name: known_members(member, element) for name, member, element in known if element is not None}
    if shape.type_name == "list":
        return [known_members(shape.member, element) for element in value]
    return value


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


def shape_failures(shape: Any, value: Any, name: str = "", *, is_response: bool = False) -> Iterator[tuple[str, str]]:
    """Yield what is invalid in a value according to its shape in the service model.

    Args:
        shape: botocore's shape.
        value: The value, as `json` decodes it.
        name: The path of the value. Default: the top.
        is_response: Whether the value comes from the service. Then a member that the shape lacks is a failure, and timestamps
            can end in `+00:00`, as those of the service do.
    """
    if shape.type_name == "timestamp":
        if not _is_timestamp(value):
            yield name, "must be a timestamp, as text such as 2024-06-15T12:00:00Z"
        return
    # isinstance would accept a bool as an integer.
    value_type = type(value)
    if value_type is not _JSON_TYPES[shape.type_name]:
        yield name, f"must be a {shape.type_name}"
        return
    yield from ((name, message) for message in _constraint_failures(shape, value, is_response=is_response))
    if shape.type_name == "list":
        for index, element in enumerate(value):
            yield from shape_failures(shape.member, element, f"{name}[{index}]", is_response=is_response)
    elif shape.type_name == "map":
        for key, element in value.items():
            yield from shape_failures(shape.key, key, f"{name}.key", is_response=is_response)
            yield from shape_failures(shape.value, element, f"{name}.value", is_response=is_response)
    elif shape.type_name == "structure":
        yield from _structure_failures(shape, value, f"{name}." if name else "", is_response=is_response)


def _is_timestamp(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _structure_failures(shape: Any, value: dict[Any, Any], prefix: str, *, is_response: bool) -> Iterator[tuple[str, str]]:
    for member_name, member in shape.members.items():
        if value.get(member_name) is not None:
            yield from shape_failures(member, value[member_name], prefix + member_name, is_response=is_response)
        elif member_name in shape.required_members:
            yield prefix + member_name, "must not be absent"
    if not is_response:
        return
    if shape.is_tagged_union and sum(member is not None for member in value.values()) != 1:
        yield prefix.removesuffix("."), f"must have one member of the union {shape.name}"
    for unknown in value.keys() - shape.members.keys():
        close = difflib.get_close_matches(str(unknown), shape.members, 1, cutoff=0)
        yield f"{prefix}{unknown}", f"is no member of {shape.name}" + (f"; the closest is {close[0]}" if close else "")


_UNDOCUMENTED_VALUES: Final = frozenset({"LAUNCH_END"})
"""Enum values that the service sends, although its model lacks them."""


def _constraint_failures(shape: Any, value: Any, *, is_response: bool) -> Iterator[str]:
    if shape.type_name == "boolean":
        return
    size: int = value if shape.type_name in ("integer", "long") else len(value)
    minimum, maximum, pattern, enum = (shape.metadata.get(name) for name in ("min", "max", "pattern", "enum"))
    if minimum is not None and size < minimum:
        yield f"must be {minimum} or more, in value or length"
    if maximum is not None and size > maximum:
        yield f"must be {maximum} or less, in value or length"
        return  # matching a long text can take long
    if enum is not None and value not in enum and not (is_response and value in _UNDOCUMENTED_VALUES):
        yield f"must be one of {', '.join(enum)}"
    if pattern is not None:
        if is_response and shape.name == "ISO8601DatetimeString":
            value = re.sub(r"\+00:00$", "Z", value)
        if not re.fullmatch(pattern, value):
            yield f"must satisfy the pattern {pattern}"
