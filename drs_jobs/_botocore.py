"""The only module that depends on the internals of botocore: it decodes the responses to the calls of drs_jobs.

botocore emits the event `before-parse` with the body of a response before its own parser runs. For these operations the
decoded JSON already is the dict that boto3 returns. Decoding it here saves the time of botocore's parser, and detects what
that parser hides: it turns an HTML page or a truncated body into "no jobs". Responses with an error status are parsed by
botocore. If botocore would raise an unexpected exception on such a body, the body is sanitized first, so that botocore
retries the request and raises a `ClientError`.

A context variable limits all this to the calls of drs_jobs. The results of the caller's own calls on the same client do not
change.
"""

# The shape of the JSON is unknown, and isinstance leaves the types of its elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import inspect
import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any, Final, TypeAlias, TypeVar

import attrs
from botocore.exceptions import ClientError

from drs_jobs._errors import MalformedResponseError
from drs_jobs._redaction import may_contain_tags, redact_body, redact_text

_MISSING: Final = object()

PageT = TypeVar("PageT")
ReadBody: TypeAlias = Callable[[object, str | None], PageT]
"""Converts a decoded body and AWS's id of the request to a page. Raises MalformedResponseError if the body is invalid."""


@attrs.define
class _Call:
    """The state of one call of drs_jobs, with its latest HTTP response."""

    operation: str
    read: ReadBody[Any]
    context: object = None
    """botocore's context object of this call, by which its requests are recognized."""
    depth: int = 0
    """The number of unfinished calls of the operation: more than one while a handler of the caller makes a nested call."""
    body: object = _MISSING
    withheld_headers: dict[str, str] = attrs.field(factory=dict[str, str])


_current_call: ContextVar[_Call | None] = ContextVar("drs_jobs_call", default=None)

_registration_lock: Final = threading.RLock()
"""Held while handlers are registered, which is not thread-safe in botocore.

Held during a fork too, so that a child process never inherits it locked.
"""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_registration_lock.acquire,
        after_in_parent=_registration_lock.release,
        after_in_child=_registration_lock.release,
    )


def register_handlers(client: object, operations: Iterable[str]) -> None:
    """Register the handlers for calls of `operations` with a boto3 client. A fake without events is left unchanged."""
    events: Any = getattr(getattr(client, "meta", None), "events", None)
    if not callable(getattr(events, "register_last", None)):
        return
    with _registration_lock:
        # The first of these handlers runs before those of the caller, and the others run after them, so that a call made by
        # a handler of the caller is recognized as nested. botocore calls the handlers of the whole event name first, and
        # those of its first part last.
        for operation in operations:
            events.register_first(f"provide-client-params.drs.{operation}", _on_call, unique_id=f"drs_jobs_{operation}")
        events.register_last("request-created", _on_request, unique_id="drs_jobs_resume")
        events.register_last("before-parse", _on_response, unique_id="drs_jobs_parse")
        events.register_last("after-call", _on_call_end, unique_id="drs_jobs_end")
        events.register_last("after-call-error", _on_call_end, unique_id="drs_jobs_end_error")


def sign_with(client: Any, credentials: Callable[[], object | None]) -> None:
    """Have each request of a DRS client signed with the credentials that `credentials` returns; `None` means its own.

    It is called for each attempt of a request, in the thread that makes the call.
    """

    def on_sign(request: Any, **_: object) -> None:
        if (chosen := credentials()) is not None:
            request.context.setdefault("signing", {})["request_credentials"] = chosen

    client.meta.events.register("before-sign.drs", on_sign)


def call(operation: str, method: Callable[..., object], request: Mapping[str, Any], read: ReadBody[PageT]) -> PageT:
    """Call the method of a boto3 client, and return the page that `read` returns for the response.

    Raises:
        MalformedResponseError: If the body is invalid.
        ClientError: If the service returned an error.
        TypeError: If the client is asynchronous, or its method does not return a dict.
    """
    current = _Call(operation, read)
    token = _current_call.set(current)
    try:
        response = method(**request)
    except ClientError as error:
        _restore_headers(current.withheld_headers, error.response)
        raise
    except MalformedResponseError as error:
        # Without the frames of botocore, which reference the body.
        raise error.with_traceback(None) from None
    except _response_parser_error() as error:  # from a client in a wrapper or in a thread, for which the handlers did not run
        raise MalformedResponseError("a response that boto3 could not parse", path="$") from error
    finally:
        _current_call.reset(token)
    if not isinstance(response, Mapping):
        raise TypeError(_type_error_text(method, response))
    members = {key: value for key, value in response.items() if key != "ResponseMetadata"}
    metadata = response.get("ResponseMetadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    if current.body is _MISSING and metadata.get("HTTPHeaders") and not members:
        problem = "an empty response that drs_jobs could not check (the boto3 client is in a wrapper or in a thread)"
        raise MalformedResponseError(problem, path="$")
    request_id = metadata.get("RequestId")
    body = current.body if _is_unchanged(current.body, members) else members
    return read(body, request_id if isinstance(request_id, str) else None)


def _response_parser_error() -> type[Exception]:
    from botocore.parsers import ResponseParserError  # noqa: PLC0415  # a third of the time of `import drs_jobs`

    return ResponseParserError


def _type_error_text(method: Callable[..., object], response: object) -> str:
    """Return the error message for a client whose response is not a mapping."""
    name = getattr(method, "__name__", "the client's method")
    if inspect.isawaitable(response):
        if inspect.iscoroutine(response):
            response.close()  # otherwise Python warns that it was never awaited
        return (
            f"{name} returned an awaitable ({type(response).__name__}): this is an asynchronous client, such as aiobotocore's; "
            "JobsClient needs a synchronous one, such as boto3.client('drs')"
        )
    return (
        f"{name} returned {type(response).__name__}, not a dict: pass a boto3 client, or a fake whose methods return dicts "
        "in AWS's shape, such as {'items': []}"
    )


def is_asynchronous(client: object, methods: Iterable[str]) -> bool:
    """Return whether a client is one of aiobotocore, or a fake whose methods are coroutine functions."""
    return any(inspect.iscoroutinefunction(getattr(client, name, None)) for name in ("_make_api_call", *methods))


def region_and_endpoint(client: object) -> tuple[str | None, str | None]:
    """Return the region and the endpoint of a client; `None` for those that a fake does not have."""
    meta = getattr(client, "meta", None)
    region, endpoint = getattr(meta, "region_name", None), getattr(meta, "endpoint_url", None)
    return region if isinstance(region, str) else None, endpoint if isinstance(endpoint, str) else None


def _is_unchanged(body: object, members: dict[str, Any]) -> bool:
    """Return whether `members` are those of `body`. Otherwise a wrapper or a handler of the caller has changed them."""
    expected = _parsed_members(body)
    same = expected.keys() == members.keys() and all(expected[key] is members[key] for key in expected)
    return body is not _MISSING and same


def _parsed_members(body: object) -> dict[str, Any]:
    """Return the members of a decoded body for botocore, without the keys that botocore reserves for itself."""
    return {key: value for key, value in body.items() if key not in _RESERVED_KEYS} if isinstance(body, dict) else {}


def _on_call(model: Any, context: object, **_: object) -> None:
    """Handle botocore's event for the start of an API call."""
    current = _current_call.get()
    if current is not None and model.name == current.operation:
        current.context = context if current.depth == 0 else current.context
        current.depth += 1


def _on_request(request: Any, **_: object) -> None:
    """Handle botocore's event for a request that is about to be sent.

    If it belongs to the current call, every nested call has ended, even one without an event for its end.
    """
    current = _current_call.get()
    if current is not None and current.context is not None and request.context is current.context:
        current.depth = 1


def _on_call_end(event_name: str, **_: object) -> None:
    """Handle botocore's event for the end of an API call, with a response or an error."""
    current = _current_call.get()
    if current is not None and event_name.endswith(f".{current.operation}"):
        current.depth -= 1


def _on_response(
    operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object
) -> None:
    """Handle botocore's event for a response that is not parsed yet."""
    current = _current_call.get()
    if current is None or current.depth != 1 or operation_model.name != current.operation:
        return
    current.body, current.withheld_headers = _MISSING, {}
    body = response_dict["body"]
    if response_dict["status_code"] >= _ERROR_STATUS:
        # botocore parses the body of status 300 like that of a success, and then raises a ClientError.
        response_dict["body"] = b"" if response_dict["status_code"] == _ERROR_STATUS else _sanitize_error_body(body)
        current.withheld_headers = _withhold_retry_after(response_dict)
        return
    response_dict["body"] = b""
    # An invalid body raises here, inside the call, so that a wrapper that merges several responses gets the error too.
    current.body = _decode(body)
    current.read(current.body, None)
    customized_response_dict.update(_parsed_members(current.body))


def _decode(body: bytes) -> object:
    from drs_jobs._json import decode  # noqa: PLC0415  # loaded with the first response

    try:
        return decode(body)
    except (ValueError, RecursionError):
        problem = "a body that is not JSON (truncated, or from a proxy or a sign-in page)"
        error = MalformedResponseError(problem, path="$", value=redact_body(body))
    # Raised outside of the `except` block, because the caught error references the body, which can contain tags.
    raise error


_ERROR_STATUS: Final = 300
"""The lowest status for which botocore raises a ClientError."""

_RESERVED_KEYS: Final = frozenset({"ResponseMetadata", "Error"})


_CODE_KEYS: Final = ("__type", "code", "Code")
"""The members of an error body from which botocore reads the name of the error."""

_TEXT_KEYS: Final = (*_CODE_KEYS, "message", "Message", "reason", "serviceCode", "quotaCode")
"""The members of an error body that are strings."""


def _sanitize_error_body(body: bytes) -> bytes:
    """Return an error body that botocore can parse. A body that it can already parse is returned unchanged."""
    text = body.decode("utf-8", "replace")
    try:
        error = json.loads(text)
    except (ValueError, RecursionError):
        error = None
    if not isinstance(error, dict):
        # As a message, because botocore uses the whole text as the message too.
        return json.dumps({"message": redact_text(text)}).encode()
    if _is_parseable(error) and body.count(b"{") + body.count(b"[") < _MAX_BRACKETS and not may_contain_tags(text):
        # Not `body`, because botocore raises UnicodeDecodeError if it is not UTF-8.
        return text.encode()
    sanitized: dict[str, object] = {key: redact_text(error[key]) for key in _TEXT_KEYS if isinstance(error.get(key), str)}
    sanitized["fieldList"] = [
        {key: redact_text(field[key]) for key in ("name", "message") if isinstance(field.get(key), str)}
        for field in _field_list(error)
    ]
    return json.dumps(sanitized).encode()


def _is_parseable(error: dict[str, Any]) -> bool:
    """Return whether the members of an error have the types that botocore expects."""
    return error.get("fieldList") in (None, _field_list(error)) and all(
        isinstance(error.get(code, ""), str) for code in _CODE_KEYS
    )


def _field_list(error: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the objects in the `fieldList` of an error."""
    fields = error.get("fieldList")
    return [field for field in fields if isinstance(field, dict)] if isinstance(fields, list) else []


_MAX_BRACKETS: Final = 100
"""More brackets than a real error has. With fewer, it is not nested so deeply that botocore raises RecursionError."""


def _withhold_retry_after(response_dict: dict[str, Any]) -> dict[str, str]:
    """Remove a `Retry-After` that is not an integer, on which botocore raises ValueError. Return the removed header."""
    try:
        int(response_dict["headers"].get("Retry-After", "0"))
    except ValueError:
        # A copy, because the headers belong to the HTTP response.
        response_dict["headers"] = response_dict["headers"].copy()
        return {"retry-after": response_dict["headers"].pop("Retry-After")}
    return {}


def _restore_headers(withheld: dict[str, str], response: Any) -> None:
    """Add the removed header to the response of the error."""
    if withheld and isinstance(metadata := response.get("ResponseMetadata"), dict):
        metadata.setdefault("HTTPHeaders", {}).update(withheld)
