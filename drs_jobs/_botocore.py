"""The only room that knows botocore's insides: what happens between an HTTP answer and boto3's dict, for our calls alone.

botocore emits `before-parse` with the bytes of an answer, before its own parser sees them. For this operation the decoded
JSON already is the dict that boto3 hands out, so decoding it here spares the walk through the service model, and shows
what that walk hides: an HTML page or a cut-off body reads as "no jobs" behind it. Answers with an error status are left to
botocore, sanitized where it would die of them: then it retries as it should, and a `ClientError` results.

A context variable scopes all this to our own calls. What the caller's own calls on the same client return never changes.
"""

# What isinstance finds in raw JSON is a dict or a list of nobody knows what.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import inspect
import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any, Final, NoReturn, TypeAlias, TypeVar

import attrs
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from drs_jobs._errors import MalformedResponseError
from drs_jobs._redaction import may_hold_tags, redact_body, redact_text

_NOTHING: Final = object()

PageT = TypeVar("PageT")
Read: TypeAlias = Callable[[object, str | None], PageT]
"""Reads a decoded body and AWS's id of the request. Raises MalformedResponseError if the body is not as it should be."""


@attrs.define
class _Call:
    """The latest HTTP response to one of our calls."""

    operation: str
    read: Read[Any]
    context: object = None
    """botocore's identity of this call."""
    depth: int = 0
    """Unfinished calls of the operation: more than one while a handler of the caller makes a call within ours."""
    body: object = _NOTHING
    withheld_headers: dict[str, str] = attrs.field(factory=dict[str, str])


_current_call: ContextVar[_Call | None] = ContextVar("drs_jobs_call", default=None)

_registration_lock: Final = threading.RLock()
"""botocore's events are not safe to register from several threads. Held during a fork, so that no child inherits it locked."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_registration_lock.acquire,
        after_in_parent=_registration_lock.release,
        after_in_child=_registration_lock.release,
    )


def register_handlers(client: object, operations: Iterable[str]) -> None:
    """Have botocore call our handlers around each call of `operations`. A hand-written fake without events has none."""
    events: Any = getattr(getattr(client, "meta", None), "events", None)
    if not callable(getattr(events, "register_last", None)):
        return
    with _registration_lock:
        # First and last of all, so that a call made by the caller's own handlers in between is not taken for ours. botocore
        # calls the handlers of an event's whole name first, and those of its first word last.
        for operation in operations:
            events.register_first(f"provide-client-params.drs.{operation}", _on_call, unique_id=f"drs_jobs_{operation}")
        events.register_last("request-created", _on_request, unique_id="drs_jobs_resume")
        events.register_last("before-parse", _on_response, unique_id="drs_jobs_parse")
        events.register_last("after-call", _on_call_end, unique_id="drs_jobs_end")
        events.register_last("after-call-error", _on_call_end, unique_id="drs_jobs_end_error")


def call(operation: str, method: Callable[..., object], request: Mapping[str, Any], read: Read[PageT]) -> PageT:
    """Call a boto3 client's `method`, and return what `read` returns for the response.

    Raises:
        MalformedResponseError: the body is not as it should be.
        ClientError: the service responded with an error.
        TypeError: the client is not synchronous, or not a client.
    """
    ours = _Call(operation, read)
    token = _current_call.set(ours)
    try:
        response = method(**request)
    except ClientError as error:
        _restore_headers(ours.withheld_headers, error.response)
        raise
    except ResponseParserError as error:  # of a client in a wrapper or in a thread, which our handlers cannot see
        raise MalformedResponseError("a response that boto3 could not parse", path="$") from error
    except MalformedResponseError as error:
        # Without botocore's frames, which hold the body.
        raise error.with_traceback(None) from None
    finally:
        _current_call.reset(token)
    if not isinstance(response, Mapping):
        raise TypeError(_type_error_text(method, response))
    members = {key: value for key, value in response.items() if key != "ResponseMetadata"}
    metadata = response.get("ResponseMetadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    if ours.body is _NOTHING and metadata.get("HTTPHeaders") and not members:
        problem = "an empty response, read by boto3 out of sight of drs_jobs (a client in a wrapper, or in a thread)"
        raise MalformedResponseError(problem, path="$")
    request_id = metadata.get("RequestId")
    body = ours.body if _is_unchanged(ours.body, members) else members
    return read(body, request_id if isinstance(request_id, str) else None)


def _type_error_text(method: Callable[..., object], response: object) -> str:
    """The error text for a client whose response is not a mapping."""
    name = getattr(method, "__name__", "the client's method")
    if inspect.isawaitable(response):
        if inspect.iscoroutine(response):
            response.close()  # else Python warns that it was never awaited
        return (
            f"{name} returned an awaitable ({type(response).__name__}): this is an asynchronous client, such as aiobotocore's; "
            "JobsClient needs a synchronous one, such as boto3.client('drs')"
        )
    return (
        f"{name} returned {type(response).__name__}, not a dict: give a boto3 client, or a fake whose methods return dicts "
        "in AWS's shape, such as {'items': []}"
    )


def is_asynchronous(client: object, methods: Iterable[str]) -> bool:
    """Whether a client is aiobotocore's, or a fake whose methods are coroutine functions."""
    return any(inspect.iscoroutinefunction(getattr(client, name, None)) for name in ("_make_api_call", *methods))


def region_and_endpoint(client: object) -> tuple[str | None, str | None]:
    """The region and endpoint of a client; `None` for what a hand-written fake does not have."""
    meta = getattr(client, "meta", None)
    region, endpoint = getattr(meta, "region_name", None), getattr(meta, "endpoint_url", None)
    return region if isinstance(region, str) else None, endpoint if isinstance(endpoint, str) else None


def _is_unchanged(body: object, members: dict[str, Any]) -> bool:
    """Whether `members` is the part of `body` that we handed to botocore. Else a wrapper or a handler has changed it."""
    ours = _parsed_members(body)
    same = ours.keys() == members.keys() and all(ours[key] is members[key] for key in ours)
    return body is not _NOTHING and same


def _parsed_members(body: object) -> dict[str, Any]:
    """What botocore gets of a decoded body: all but the keys that are botocore's own."""
    return {key: value for key, value in body.items() if key not in _RESERVED_KEYS} if isinstance(body, dict) else {}


def _on_call(model: Any, context: object, **_: object) -> None:
    """Botocore's event: an API call begins."""
    ours = _current_call.get()
    if ours is not None and model.name == ours.operation:
        ours.context = context if ours.depth == 0 else ours.context
        ours.depth += 1


def _on_request(request: Any, **_: object) -> None:
    """Botocore's event: a request is about to be sent. If it is ours, calls within it are over, however they ended."""
    ours = _current_call.get()
    if ours is not None and ours.context is not None and request.context is ours.context:
        ours.depth = 1


def _on_call_end(event_name: str, **_: object) -> None:
    """Botocore's event: an API call has its answer, or an error."""
    ours = _current_call.get()
    if ours is not None and event_name.endswith(f".{ours.operation}"):
        ours.depth -= 1


def _on_response(
    operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object
) -> None:
    """Botocore's event: an answer has arrived, and nobody has parsed it."""
    ours = _current_call.get()
    if ours is None or ours.depth != 1 or operation_model.name != ours.operation:
        return
    ours.body, ours.withheld_headers = _NOTHING, {}
    body = response_dict["body"]
    if response_dict["status_code"] >= _ERROR_STATUS:
        # botocore parses the body of a 300 like that of a success, and then raises all the same.
        response_dict["body"] = b"" if response_dict["status_code"] == _ERROR_STATUS else _sanitize_error_body(body)
        ours.withheld_headers = _withhold_retry_after(response_dict)
        return
    response_dict["body"] = b""
    # Raised here, inside the call, so that it also reaches a wrapper that would merge this response with others.
    ours.body = _decode(body)
    ours.read(ours.body, None)
    customized_response_dict.update(_parsed_members(ours.body))


def _decode(body: bytes) -> object:
    try:
        return _decoder.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        problem = "a body that is not JSON: cut off, or from a proxy or sign-in page in between,"
        error = MalformedResponseError(problem, path="$", value=redact_body(body))
    # Raised without a context: that one would hold the body, which may hold tags.
    raise error


_ERROR_STATUS: Final = 300
"""The lowest status for which botocore raises a ClientError."""

_RESERVED_KEYS: Final = frozenset({"ResponseMetadata", "Error"})


def _reject_constant(constant: str) -> NoReturn:
    msg = f"{constant} is not JSON"
    raise ValueError(msg)


_decoder: Final = json.JSONDecoder(parse_constant=_reject_constant)


_CODE_KEYS: Final = ("__type", "code", "Code")
"""The members of an error body that botocore takes for the error's name."""

_TEXT_KEYS: Final = (*_CODE_KEYS, "message", "Message", "reason", "serviceCode", "quotaCode")
"""The members of an error body that are text."""


def _sanitize_error_body(body: bytes) -> bytes:
    """An error body that botocore can read: the same where it already is one."""
    text = body.decode("utf-8", "replace")
    try:
        error = json.loads(text)
    except (ValueError, RecursionError):
        error = None
    if not isinstance(error, dict):
        # botocore would take the text for the message.
        return json.dumps({"message": redact_text(text)}).encode()
    if _is_parseable(error) and body.count(b"{") + body.count(b"[") < _MAX_BRACKETS and not may_hold_tags(text):
        # Not `body`: where it is no UTF-8, botocore would die of it.
        return text.encode()
    sanitized: dict[str, object] = {key: redact_text(error[key]) for key in _TEXT_KEYS if isinstance(error.get(key), str)}
    sanitized["fieldList"] = [
        {key: redact_text(field[key]) for key in ("name", "message") if isinstance(field.get(key), str)}
        for field in _field_list(error)
    ]
    return json.dumps(sanitized).encode()


def _is_parseable(error: dict[str, Any]) -> bool:
    """Whether botocore finds what it expects of an error's members."""
    return error.get("fieldList") in (None, _field_list(error)) and all(
        isinstance(error.get(code, ""), str) for code in _CODE_KEYS
    )


def _field_list(error: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields that an error lists, as far as they are objects."""
    fields = error.get("fieldList")
    return [field for field in fields if isinstance(field, dict)] if isinstance(fields, list) else []


_MAX_BRACKETS: Final = 100
"""More brackets than an error has. With fewer it can't be nested so deep that botocore would die of it."""


def _withhold_retry_after(response_dict: dict[str, Any]) -> dict[str, str]:
    """Take out a `Retry-After` that botocore can't read as a whole number, and return it."""
    try:
        int(response_dict["headers"].get("Retry-After", "0"))
    except ValueError:
        # A copy, because the headers belong to the HTTP answer.
        response_dict["headers"] = response_dict["headers"].copy()
        return {"retry-after": response_dict["headers"].pop("Retry-After")}
    return {}


def _restore_headers(withheld: dict[str, str], response: Any) -> None:
    """Put a withheld header back to where botocore would have had it."""
    if withheld and isinstance(metadata := response.get("ResponseMetadata"), dict):
        metadata.setdefault("HTTPHeaders", {}).update(withheld)
