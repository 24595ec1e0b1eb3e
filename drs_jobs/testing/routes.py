"""The operation and the members of an HTTP request, according to the method and URI of each operation in the service model."""

# isinstance narrows raw JSON to dict, with unknown types of keys and values.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import functools
import json
import re
from typing import Any

from drs_jobs._extras import missing_extra_error
from drs_jobs.testing.service_model import input_shape, service_model

try:
    from werkzeug.exceptions import HTTPException
    from werkzeug.routing import Map, Rule
    from werkzeug.wrappers import Request
except ImportError as _error:
    raise missing_extra_error("testing", _error) from _error


@functools.cache
def _routes() -> Map:
    model = service_model()
    rules: list[Rule] = []
    for operation in model.operation_names:
        http = model.operation_model(operation).http
        # A value can contain slashes, as the ARN of a job does.
        path = re.sub(r"{(\w+)}", r"<path:\1>", http["requestUri"])
        rules.append(Rule(path, methods=[http["method"]], endpoint=operation))
    return Map(rules, merge_slashes=False)


def parse_request(request: Request) -> tuple[str | None, Any]:
    """Return the operation of an HTTP request, and its members.

    Returns:
        AWS's name of the operation, or `None` if there is none with this method and path. The members in the body, the path
        and the query, or `None` if the body is not JSON.
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
    query = {name: request.args.getlist(name) for name in request.args}
    shape = input_shape(operation)
    members = {
        name: _decode(member.type_name, query[location_name])
        for name, member in (shape.members.items() if shape is not None else ())
        if member.serialization.get("location") == "querystring"
        and (location_name := member.serialization.get("name", name)) in query
    }
    return operation, {**body, **path_members, **members}


def _decode(type_name: str, values: list[str]) -> Any:
    """Return a member of the query as JSON would have it."""
    if type_name == "list":
        return values
    if type_name == "integer" and re.fullmatch(r"-?\d{1,18}", values[0]):
        return int(values[0])
    return values[0]
