"""The operation, the members and the credential of an HTTP request."""

# isinstance narrows raw JSON to dict, with unknown types of keys and values.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import base64
import functools
import json
import re
from typing import Any, Final

from drs_jobs._extras import missing_extra_error
from drs_jobs.testing.service_model import service_model

try:
    from werkzeug.exceptions import HTTPException
    from werkzeug.routing import Map, Rule
    from werkzeug.wrappers import Request
except ImportError as _error:
    raise missing_extra_error("testing", _error) from _error

_REGION: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_ACCOUNT_KEY: Final = re.compile(r"(?:AKIA|ASIA)([Q-Z2-7][A-Z2-7]{15})")


@functools.cache
def _routes() -> Map:
    """Return the routes, according to the method and URI of each operation in the service model."""
    model = service_model()
    rules: list[Rule] = []
    for operation in model.operation_names:
        http = model.operation_model(operation).http
        # A value can contain slashes, as the ARN of a job does.
        path = re.sub(r"{(\w+)}", r"<path:\1>", http["requestUri"])
        rules.append(Rule(path, methods=[http["method"]], endpoint=operation))
    return Map(rules, merge_slashes=False)


def parse_request(request: Request) -> tuple[str | None, Any]:
    """Return the operation of an HTTP request, and its members in the body, the path and the query.

    The operation is `None` if there is none with this method and path, and the members are if the body is not JSON.
    """
    try:
        body = json.loads(request.get_data() or b"{}")
    except (ValueError, RecursionError):
        body = None
    try:
        operation, path_members = _routes().bind("").match(request.path, request.method)
    except HTTPException:
        return None, body
    if not isinstance(body, dict):
        return operation, body
    shape = service_model().operation_model(operation).input_shape
    members = {
        name: _decode(member.type_name, request.args.getlist(name))
        for name, member in (shape.members.items() if shape is not None else ())
        if member.serialization.get("location") == "querystring" and name in request.args
    }
    return operation, {**body, **path_members, **members}


def _decode(type_name: str, values: list[str]) -> Any:
    """Return a member of the query as JSON would have it."""
    if type_name == "list":
        return values
    return int(values[0]) if type_name == "integer" and re.fullmatch(r"-?\d{1,18}", values[0]) else values[0]


def parse_credential(request: Request) -> tuple[str, str] | None:
    """Return the access key and region of a request that is signed for the service `drs`; `None` for any other request."""
    # A presigned URL has the credential in its query.
    header = request.headers.get("Authorization", "").partition("Credential=")[2].partition(",")[0].strip()
    match (header or request.args.get("X-Amz-Credential", "")).split("/"):
        case [key, date, region, "drs", "aws4_request"] if key and len(date) == 8 and _REGION.fullmatch(region):
            return key, region
        case _:
            return None


def encoded_account(access_key_id: str) -> str | None:
    """Return the account that an access key of AWS or moto encodes; `None` for any other access key.

    The bits of the account are in the first six bytes of the base32 text after the fourth character.
    """
    if (match := _ACCOUNT_KEY.fullmatch(access_key_id)) is None:
        return None
    number = (int.from_bytes(base64.b32decode(match[1])[:6], "big") & 0x7FFFFFFFFF80) >> 7
    return f"{number:012}" if number < 10**12 else None
