"""botocore's service model of DRS, and validation against it: types, enums, patterns and limits."""

# isinstance narrows raw JSON to dict or list, with unknown types of keys and elements.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import difflib
import functools
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

import botocore.session
from botocore import xform_name
from botocore.loaders import create_loader
from botocore.model import ServiceModel, StructureShape

from drs_jobs.sweep.targets import drs_regions, session_without_configuration

ACCOUNT_ID: Final = "123456789012"
"""The account of all access keys that neither the test nor AWS's encoding gives another one, and of the created jobs."""

_cached_loader = functools.cache(create_loader)  # a loader keeps what it has read


def local_session() -> botocore.session.Session:
    """Return a botocore session that reads neither the shared AWS configuration nor its own data again."""
    session = session_without_configuration()
    session.register_component("data_loader", _cached_loader())
    return session


@functools.cache
def service_model() -> ServiceModel:
    """Return botocore's service model of DRS."""
    return local_session().get_service_model("drs")


def require_operation(operation: str) -> None:
    """Raise ValueError if the service model has no such operation, with the closest name, such as `DescribeJobs`."""
    names = service_model().operation_names
    if operation not in names:
        # boto3's name of a method is the most likely mistake.
        by_method = {xform_name(name): name for name in names}
        closest = by_method.get(operation) or _closest(operation, names)
        raise ValueError(f"botocore's model of DRS has no operation {operation!r}: did you mean {closest}?")


def _closest(name: str, names: Iterable[str]) -> str:
    return difflib.get_close_matches(name, names, 1, cutoff=0)[0]


class Scope(NamedTuple):
    """The account and region of a request."""

    account_id: str
    region: str

    def arn(self, resource_type: str, resource_id: str) -> str:
        """Return the ARN of a resource, such as a `source-server`."""
        partition = next(name for name, regions in drs_regions().items() if self.region in regions)
        return f"arn:{partition}:drs:{self.region}:{self.account_id}:{resource_type}/{resource_id}"


def require_scope(account_id: str | None, region: str) -> Scope:
    """Return an account, by default `ACCOUNT_ID`, and a region. Raise ValueError if they cannot be used."""
    account_id = ACCOUNT_ID if account_id is None else account_id
    if type(account_id) is not str or not re.fullmatch(r"[0-9]{12}", account_id):
        raise ValueError(f"an account id is a str of 12 digits, unlike {account_id!r}")
    regions = [name for names in drs_regions().values() for name in names]
    if region not in regions:
        closest = _closest(region, regions)
        raise ValueError(f"botocore has no DRS in region {region!r}: did you mean {closest}? A new one needs a newer botocore")
    return Scope(account_id, region)


# The Python type that `json` decodes each type of shape to.
_JSON_TYPES: Final = {"structure": dict, "map": dict, "list": list, "string": str, "boolean": bool, "integer": int, "long": int}


def check_request(operation: str, request: Any) -> tuple[Any, list[tuple[str, str]]]:
    """Return the members of a request that are neither null nor unknown, and what is invalid: paths and descriptions."""
    failures: list[tuple[str, str]] = []
    shape = service_model().operation_model(operation).input_shape
    return _check(shape, request, "", failures, is_response=False), failures


def require_response(operation: str, response: Any, what: str) -> dict[str, Any]:
    """Return the members of a response as `require_valid` does."""
    no_members = StructureShape(f"{operation}, whose response must be empty", {"type": "structure", "members": {}})
    shape = service_model().operation_model(operation).output_shape or no_members
    members: dict[str, Any] = require_valid(shape, response, what)
    return members


def require_valid(shape: Any, value: Any, what: str) -> Any:
    """Return a value of a response without null members, or raise ValueError. `what` is the invalid thing."""
    failures: list[tuple[str, str]] = []
    valid = _check(shape, value, "", failures, is_response=True)
    if failures:
        path, message = failures[0]
        more = f" ({len(failures) - 1} more)" if failures[1:] else ""
        raise ValueError(f"{what} does not fit botocore's service model: {path or 'it'} {message}{more}")
    return valid


def _check(shape: Any, value: Any, path: str, failures: list[tuple[str, str]], *, is_response: bool) -> Any:
    """Return a value without null members, and without those that its shape lacks. Add what is invalid to the failures."""
    problem = next(_problems(shape, value, is_response=is_response), None)
    if problem is not None:
        failures.append((path, problem))
        return value
    check = functools.partial(_check, failures=failures, is_response=is_response)
    match shape.type_name:
        case "list":
            return [check(shape.member, element, f"{path}[{index}]") for index, element in enumerate(value)]
        case "map":
            for key in value:
                check(shape.key, key, f"{path}.key")
            return {key: check(shape.value, member, f"{path}.value") for key, member in value.items()}
        case "structure":
            prefix = f"{path}." if path else ""
            members = {name: member for name, member in value.items() if member is not None}
            failures += [(prefix + name, "must not be absent") for name in shape.required_members if name not in members]
            for name in value.keys() - shape.members.keys() if is_response else ():
                close = f"; the closest is {_closest(str(name), shape.members)}" if shape.members else ""
                failures.append((f"{prefix}{name}", f"is no member of {shape.name}{close}"))
            known = ((name, member) for name, member in shape.members.items() if name in members)
            return {name: check(member, members[name], prefix + name) for name, member in known}
        case _:  # an enum of texts becomes a plain text, because its `str` can be another one
            return str.__str__(value) if isinstance(value, str) else value


def _problems(shape: Any, value: Any, *, is_response: bool) -> Iterator[str]:
    """Yield what is invalid in a value, apart from its members. Only the first one counts: each check needs those before it."""
    is_date = shape.type_name == "timestamp" or shape.name == "ISO8601DatetimeString"
    json_type = _JSON_TYPES.get(shape.type_name, str)
    if is_date and not _is_timestamp(value):
        yield "must be a timestamp, as text such as 2024-06-15T12:00:00Z"
    # A bool is an int, too.
    if not is_date and not (issubclass(type(value), json_type) and (type(value) is bool) == (json_type is bool)):
        yield f"must be a {shape.type_name}"
    limits = shape.metadata
    size: int = value if json_type in (int, bool) else len(value)
    if size < limits.get("min", size):
        yield f"must be {limits['min']} or more, in value or length"
    if size > limits.get("max", size):  # matching a long text with the pattern below could take long
        yield f"must be {limits['max']} or less, in value or length"
    # The service sends LAUNCH_END, which its model lacks.
    if "enum" in limits and value not in limits["enum"] and not (is_response and str(value) == "LAUNCH_END"):
        yield f"must be one of {', '.join(limits['enum'])}"
    # Timestamps of the service end in +00:00.
    text = re.sub(r"\+00:00$", "Z", value) if is_response and is_date else value
    if "pattern" in limits and not re.fullmatch(limits["pattern"], text):
        yield f"must satisfy the pattern {limits['pattern']}"
    if is_response and "union" in limits and sum(member is not None for member in value.values()) != 1:
        yield f"must have one member of the union {shape.name}"


def _is_timestamp(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False
