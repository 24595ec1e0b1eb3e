"""The calls of drs_jobs. It decodes their responses itself.

botocore emits the event `before-parse` with the body of a response before its own parser runs. For these operations the
decoded JSON already is the dict that boto3 returns. Decoding it here saves the time of botocore's parser, and detects what
that parser hides: it turns an HTML page or a truncated body into "no jobs". Responses with an error status are parsed by
botocore.

A context variable limits all this to the calls of drs_jobs. The results of the caller's own calls on the same client do not
change. aiobotocore emits the same events.
"""

# The shape of the JSON is unknown, and isinstance leaves the types of its elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import inspect
import json
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final, Self

import attrs
from botocore.exceptions import ClientError

from drs_jobs._aws.field_names import METHODS
from drs_jobs._aws.responses import decode, parse_page
from drs_jobs._errors import MalformedResponseError, chain_of, drop_request, service_error
from drs_jobs._pagination.pages import RawPage
from drs_jobs._text import REDACTED, redact_body, redact_text

_MISSING: Final = object()


@attrs.define(eq=False)
class Call:
    """A context manager around the line that makes a call and sets `response`. `page()` then returns the page."""

    operation: str
    method: Callable[..., Any]
    """The method of the client."""
    response: object = attrs.field(default=None, repr=False)
    context: object = attrs.field(default=None, repr=False)
    """botocore's context object of the API call in progress. It identifies the requests of the call. `None` for none."""
    is_own_request: bool = False
    """Whether the request in flight is one of this call, not of one that a handler of the caller makes meanwhile."""
    body: object = attrs.field(default=_MISSING, repr=False)
    """The decoded body of the latest HTTP response."""
    withheld_headers: dict[str, str] = attrs.field(factory=dict[str, str])
    _token: Any = attrs.field(default=None, repr=False)
    _handled_error: BaseException | None = attrs.field(default=None, repr=False)
    """The error that the caller handles while it makes this call."""

    def __enter__(self) -> Self:
        self._token = current_call.set(self)
        self._handled_error = sys.exception()
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        with suppress(ValueError):  # the garbage collector closes an abandoned coroutine outside of its context
            current_call.reset(self._token)
        # A traceback or a copied context can keep this object: then no handler finds it.
        self.operation, self.is_own_request = "", False
        handled_error, self._handled_error = self._handled_error, None
        if error is not None:
            self.response = self.body = _MISSING
            _forget_secrets(error, handled_error)
        if isinstance(error, ClientError):
            metadata: Any = error.response.get("ResponseMetadata")
            if self.withheld_headers and isinstance(metadata, dict):
                metadata.setdefault("HTTPHeaders", {}).update(self.withheld_headers)
            raise service_error(error)
        if isinstance(error, MalformedResponseError):
            # Without the frames of botocore, because they reference the body.
            raise error.with_traceback(None) from None
        parsers = sys.modules.get("botocore.parsers")  # not imported: a third of the time of `import drs_jobs`
        if parsers is not None and isinstance(error, parsers.ResponseParserError):
            # From a client in a wrapper or in a thread, for which the handlers did not run.
            raise MalformedResponseError("a response that boto3 could not parse", path="$") from error

    def page(self) -> RawPage:
        """Return the page of the response. Raise TypeError if the client is asynchronous, or returned no dict."""
        response, decoded = self.response, self.body
        self.response = self.body = _MISSING
        try:
            if not isinstance(response, Mapping):
                raise TypeError(_type_error_text(self.method, response))
            return _parse(response, decoded)
        except (MalformedResponseError, TypeError) as error:
            invalid = error.with_traceback(None)
        # Without local variables that hold raw items, because crash reporters send them, and the items have tags.
        del response, decoded
        raise invalid


def _parse(response: Mapping[str, Any], decoded: object) -> RawPage:
    members = {key: value for key, value in response.items() if key != "ResponseMetadata"}
    metadata = response.get("ResponseMetadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    if decoded is _MISSING and metadata.get("HTTPHeaders") and not members:
        problem = "an empty response that drs_jobs could not check (the boto3 client is in a wrapper or in a thread)"
        raise MalformedResponseError(problem, path="$")
    request_id = metadata.get("RequestId")
    expected = _parsed_members(decoded)
    # Otherwise a wrapper or a handler of the caller has changed the members.
    is_unchanged = decoded is not _MISSING and expected.keys() == members.keys()
    is_unchanged = is_unchanged and all(expected[key] is members[key] for key in expected)
    return parse_page(decoded if is_unchanged else members, request_id if isinstance(request_id, str) else None)


def start_call(client: object, operation: str) -> Call:
    """Return the context manager for a call of a client."""
    name = METHODS[operation]
    method = getattr(client, name, None)
    if method is None:
        raise TypeError(f"the client has no method {name}: pass a real client, or add it to the fake")
    return Call(operation, method)


current_call: ContextVar[Call | None] = ContextVar("drs_jobs_call", default=None)
"""The call of drs_jobs that is being made; `None` if there is none."""

_registration_lock: Final = threading.RLock()
"""Held while handlers are registered: botocore's registration is not thread-safe.

Held during a fork too, so that a child process never inherits it locked.
"""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_registration_lock.acquire,
        after_in_parent=_registration_lock.release,
        after_in_child=_registration_lock.release,
    )


def register_handlers(client: object) -> None:
    """Register the handlers for the calls of drs_jobs with a boto3 client. A fake without events is left unchanged."""
    events: Any = getattr(getattr(client, "meta", None), "events", None)
    register = getattr(events, "register_last", None)
    if not callable(register) or inspect.iscoroutinefunction(register):  # the second is one of an AsyncMock
        return
    with _registration_lock:
        for operation in METHODS:
            # First, so that a call made by a handler of the caller is recognized as another one.
            events.register_first(f"provide-client-params.drs.{operation}", _on_call, unique_id=f"drs_jobs_{operation}")
        events.register_last("request-created", _on_request, unique_id="drs_jobs_request")
        events.register_last("before-send", _on_send, unique_id="drs_jobs_send")
        events.register_last("before-parse", _on_response, unique_id="drs_jobs_parse")
        events.register_last("after-call", _on_call_end, unique_id="drs_jobs_end")
        events.register_last("after-call-error", _on_call_end, unique_id="drs_jobs_end_error")


def _forget_secrets(error: BaseException, handled_error: BaseException | None) -> None:
    """Clear the local variables of botocore's frames: crash reporters send them, and they hold bodies and credentials.

    Not those of an error that was raised before the call, `handled_error`, and not those of a fake.
    """
    frames = error.__traceback__
    while frames is not None and not re.match(r"(aio)?botocore\b", frames.tb_frame.f_globals.get("__name__", "")):
        frames = frames.tb_next
    if frames is None:
        return
    traceback.clear_frames(frames)
    for link in chain_of(error, handled_error):
        if link is not error:
            traceback.clear_frames(link.__traceback__)
        drop_request(link)


def method_name(method: object) -> str:
    return getattr(method, "__name__", "the client's method")


def _type_error_text(method: object, response: object) -> str:
    """Return the error message for a response of a synchronous client that is not a mapping."""
    name = method_name(method)
    if inspect.isawaitable(response):
        if inspect.iscoroutine(response):
            response.close()  # otherwise Python warns that it was never awaited
        return (
            f"{name} returned an awaitable ({type(response).__name__}): this is an asynchronous client: "
            "use AsyncJobsClient, or pass a synchronous client, such as boto3.client('drs')"
        )
    return (
        f"{name} returned {type(response).__name__}, not a dict: pass a real client, or a fake whose methods return "
        "dicts in AWS's shape, such as {'items': []}"
    )


def is_asynchronous(client: object) -> bool:
    """Return whether a client is one of aiobotocore, or a fake with coroutine functions as methods."""
    return any(inspect.iscoroutinefunction(getattr(client, name, None)) for name in ("_make_api_call", *METHODS.values()))


def accepts(client: object, shape: str, text: str) -> bool:
    """Return whether a client accepts a text as a shape of the service model: botocore checks the length, a fake does not."""
    meta: Any = getattr(client, "meta", None)
    model: Any = getattr(meta, "service_model", None)
    shape_for = getattr(model, "shape_for", None)
    limits = None if shape_for is None or inspect.iscoroutinefunction(shape_for) else shape_for(shape).metadata
    if not isinstance(limits, dict) or not meta.config.parameter_validation:
        return True
    return bool(limits["min"] <= len(text) <= limits["max"])


def region_and_endpoint(client: object) -> tuple[str | None, str | None]:
    """Return the region and the endpoint of a client; `None` for those that a fake does not have."""
    meta = getattr(client, "meta", None)
    region, endpoint = getattr(meta, "region_name", None), getattr(meta, "endpoint_url", None)
    return region if isinstance(region, str) else None, endpoint if isinstance(endpoint, str) else None


def _parsed_members(body: object) -> dict[str, Any]:
    """Return the members of a decoded body for botocore, without the keys that botocore reserves for itself."""
    return (
        {key: value for key, value in body.items() if key not in ("ResponseMetadata", "Error")}
        if isinstance(body, dict)
        else {}
    )


def _on_call(model: Any, context: object, **_: object) -> None:
    """Handle botocore's event for the start of an API call. A wrapper can make several, one after the other."""
    current = current_call.get()
    if current is not None and model.name == current.operation and current.context is None:
        current.context, current.is_own_request = context, True


def _on_request(request: Any, **_: object) -> None:
    """Handle botocore's event for a request that is about to be sent. In older versions, only this one has the context."""
    current = current_call.get()
    if current is not None:
        current.is_own_request = current.context is not None and request.context is current.context


def _on_send(request: Any, **_: object) -> None:
    """Handle botocore's event for a request that is sent now."""
    current = current_call.get()
    if current is not None and current.is_own_request:
        decode_headers(request)


def decode_headers(request: Any, **_: object) -> None:
    """Decode the headers of a request if they are bytes. The bytes that are sent do not change.

    With bytes, urllib3 raises TypeError for a redirect with status 303, instead of returning it as a response.
    """
    for name, value in list(request.headers.items()):
        if isinstance(value, bytes):
            request.headers[name] = value.decode("latin-1")


def _on_call_end(context: object, **_: object) -> None:
    """Handle botocore's event for the end of an API call, with a response or an error."""
    current = current_call.get()
    if current is not None:
        if context is current.context:
            current.context = None
        # After a call of a handler, the request in flight is again one of this call.
        current.is_own_request = current.context is not None


def _on_response(
    operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object
) -> None:
    """Handle botocore's event for a response that is not parsed yet."""
    current = current_call.get()
    if current is None or not current.is_own_request or operation_model.name != current.operation:
        return
    current.body, current.withheld_headers = _MISSING, {}
    body, content_type = response_dict["body"], response_dict["headers"].get("Content-Type", "")
    if response_dict["status_code"] >= 300:  # botocore raises a ClientError
        # It parses the body of status 300 like that of a success.
        response_dict["body"] = b"" if response_dict["status_code"] == 300 else _sanitize(body, content_type)
        current.withheld_headers = _withhold_retry_after(response_dict)
        return
    response_dict["body"] = b""
    # An invalid body raises here, inside the call, so that a wrapper that merges several responses gets the error too.
    current.body = _decode(body, content_type)
    parse_page(current.body, None)
    customized_response_dict.update(_parsed_members(current.body))


def _decode(body: bytes, content_type: str) -> object:
    try:
        return decode(body)
    except (ValueError, RecursionError):
        problem = "a body that is not JSON (truncated, or from a proxy or a sign-in page)"
        error = MalformedResponseError(problem, path="$", value=redact_body(body, content_type))
    # Raised outside of the `except` block, because the caught error references the body, and a body can contain tags.
    raise error


# ------------------------------------------------------------------ responses with an error status

# botocore raises an unexpected exception on some bodies and headers, and then does not retry the request.

_TEXT_KEYS: Final = ("__type", "code", "Code", "message", "Message", "reason", "serviceCode", "quotaCode")
"""The members of an error body that are strings."""


def _sanitize(body: bytes, content_type: str) -> bytes:
    """Return an error body that botocore can parse, with the members of the service model that have the right types."""
    try:
        error = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        error = None
    if not isinstance(error, dict):
        # As a message, because botocore uses the whole text as the message too.
        message = redact_body(body, content_type)
        return json.dumps({"message": REDACTED if message is None else message}).encode()
    sanitized: dict[str, object] = {**_texts(error, _TEXT_KEYS)}
    if isinstance(fields := error.get("fieldList"), list):
        sanitized["fieldList"] = [_texts(field, ("name", "message")) for field in fields if isinstance(field, dict)]
    return json.dumps(sanitized).encode()


def _texts(members: dict[str, Any], keys: Iterable[str]) -> dict[str, str]:
    return {key: redact_text(members[key]) for key in keys if isinstance(members.get(key), str)}


def _withhold_retry_after(response_dict: dict[str, Any]) -> dict[str, str]:
    """Remove a `Retry-After` that is not an integer, because botocore raises ValueError on it. Return the removed header."""
    try:
        int(response_dict["headers"].get("Retry-After", "0"))
    except ValueError:
        # A copy, because the headers belong to the HTTP response.
        response_dict["headers"] = response_dict["headers"].copy()
        return {"retry-after": response_dict["headers"].pop("Retry-After")}
    return {}
