"""The error responses of AWS that the local endpoint returns."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs


@attrs.define(eq=False)
class AwsError(Exception):
    """An error response of AWS."""

    code: str
    """AWS's name of the error, such as `ConflictException`."""
    status: int
    message: str
    members: Mapping[str, Any] = attrs.field(factory=dict[str, Any], kw_only=True)
    """Further members of the body. Default: none."""
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], kw_only=True)
    """Further HTTP headers. Default: none."""


def validation_error(message: str, fields: Sequence[tuple[str, str]] = (), reason: str = "fieldValidationFailed") -> AwsError:
    """Return a ValidationException. `fields` are pairs of name and message for AWS's `fieldList`."""
    field_list = [{"name": name, "message": text} for name, text in fields]
    return AwsError("ValidationException", 400, message, members={"reason": reason, "fieldList": field_list})


def conflict(message: str) -> AwsError:
    """Return a ConflictException."""
    return AwsError("ConflictException", 409, message)


def resource_not_found(resource_type: str, resource_id: str) -> AwsError:
    """Return a ResourceNotFoundException."""
    return AwsError(
        "ResourceNotFoundException",
        404,
        f"{resource_type} {resource_id} does not exist in this account and region",
        members={"resourceId": resource_id, "resourceType": resource_type},
    )


def unsupported(message: str) -> AwsError:
    """Return an UnknownOperationException, for a request that LocalDrs has no response for. Clients do not retry it."""
    return AwsError("UnknownOperationException", 404, message)


class HookError(RuntimeError):
    """A function of the test, given to `respond` or `on_launch`, raised or returned something invalid."""
