"""botocore's service model of DRS, and validation against it: types, enums, patterns and limits."""

# isinstance narrows raw JSON to dict or list, with unknown types of keys and elements.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import difflib
import functools
import os
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import botocore.session
from botocore import xform_name
from botocore.loaders import Loader, create_loader
from botocore.model import ServiceModel


@functools.cache
def _loader() -> Loader:
    """Return the loader of botocore's data files, which keeps what it has read."""
    return create_loader()


def session_without_configuration() -> botocore.session.Session:
    """Return a botocore session that ignores the shared AWS configuration and the profile variables of the environment."""
    no_file = (None, None, os.devnull, None)
    session_vars = {"profile": (None, None, None, None), "config_file": no_file, "credentials_file": no_file}
    session = botocore.session.Session(session_vars=session_vars)
    session.register_component("data_loader", _loader())
    return session


@functools.cache
def service_model() -> ServiceModel:
    """Return botocore's service model of DRS."""
    return session_without_configuration().get_service_model("drs")


@functools.cache
def regions() -> frozenset[str]:
    """Return the regions that have DRS according to botocore, in all partitions."""
    session = session_without_configuration()
    return frozenset(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("drs", partition_name=partition)
    )


@functools.cache
def partition_of(region: str) -> str:
    """Return the AWS partition of a region, such as `aws`."""
    partition: str = session_without_configuration().get_partition_for_region(region)
    return partition


def require_operation(operation: str) -> None:
    """Raise ValueError if the service model has no such operation.

    Raises:
        ValueError: With the closest name, which is AWS's, such as `DescribeJobs`.
    """
    names = service_model().operation_names
    if operation not in names:
        # boto3's name of a method is the most likely mistake.
        by_method = {xform_name(name): name for name in names}
        closest = by_method.get(operation) or difflib.get_close_matches(operation, names, 1, cutoff=0)[0]
        raise ValueError(f"botocore's model of DRS has no operation {operation!r}: did you mean {closest}?")


def region_problem(region: str) -> str | None:
    """Return why a region cannot be used, and what to do; `None` if botocore has DRS in it."""
    if region in regions():
        return None
    closest = difflib.get_close_matches(region, sorted(regions()), 1, cutoff=0)[0]
    return f"botocore has no DRS in region {region!r}: did you mean {closest}? For a new region, upgrade botocore"


def account_problem(account_id: object) -> str | None:
    """Return why a value is not an account id; `None` if it is one."""
    is_valid = isinstance(account_id, str) and re.fullmatch(r"[0-9]{12}", account_id)
    return None if is_valid else f"an account id is a str of 12 digits, unlike {account_id!r}"


def request_failures(operation: str, request: Any) -> list[tuple[str, str]]:
    """Return what is invalid in a request: the path of each field and a description. Unknown members are ignored."""
    return list(shape_failures(service_model().operation_model(operation).input_shape, request))


def response_failures(operation: str, response: Any) -> list[tuple[str, str]]:
    """Return what is invalid in a response, in the form of `request_failures`. Unknown members are invalid."""
    shape = service_model().operation_model(operation).output_shape
    if shape is None:
        return [("", f"must be empty: {operation} has no members in its response")] if response else []
    return list(shape_failures(shape, response, is_response=True))


def require_valid(failures: list[tuple[str, str]], what: str) -> None:
    """Raise ValueError with the first of the failures, if there are any. `what` is the invalid thing."""
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


# The Python type that `json` decodes each type of shape to.
_JSON_TYPES: Final = {"structure": dict, "map": dict, "list": list, "string": str, "boolean": bool, "integer": int, "long": int}


def shape_failures(shape: Any, value: Any, name: str = "", *, is_response: bool = False) -> Iterator[tuple[str, str]]:
    """Yield what is invalid in a value according to its shape in the service model.

    In a response, a member that the shape lacks is a failure, and timestamps can end in `+00:00`, as those of the service do.
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
