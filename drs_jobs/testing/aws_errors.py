"""The error responses of AWS that the local endpoint returns."""

from collections.abc import Mapping, Sequence
from typing import Any


class AwsError(Exception):
    """An error response of AWS."""

    def __init__(
        self,
        code: str,
        status: int,
        message: str,
        *,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Create the error.

        Args:
            code: AWS's name of the error, such as `ConflictException`.
            status: The HTTP status.
            message: The `message` in the body.
            members: Further members of the body. Default: none.
            headers: Further HTTP headers. Default: none.
        """
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status
        self.message = message
        self.members: Mapping[str, Any] = members or {}
        self.headers: Mapping[str, str] = headers or {}


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
