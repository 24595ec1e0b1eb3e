"""The only room that knows botocore's insides: what happens between an HTTP answer and boto3's dict, for our calls alone.

botocore emits `before-parse` with the bytes of an answer, before its own parser sees them. For this operation the decoded
JSON already is the dict that boto3 hands out, so decoding it here spares the walk through the service model, and shows
what that walk hides: an HTML page or a cut-off body reads as "no jobs" behind it. Answers with an error status are left to
botocore, mended where it would die of them: then it retries as it should, and a `ClientError` results.

A context variable scopes all this to our own calls. What the caller's own calls on the same client return never changes.
"""

# What isinstance finds in raw JSON is a dict or a list of nobody knows what.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import json
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any, Final, NoReturn

import attrs
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from drs_jobs._text import may_hold_tags
from drs_jobs.errors import MalformedResponseError


@attrs.frozen
class Answer:
    """An answer that is JSON, and AWS's id of the request."""

    body: object
    request_id: str | None


_NOTHING: Final = object()


@attrs.define
class _Call:
    """What became of the latest HTTP answer to one call of ours."""

    operation: str
    context: object = None
    """What botocore tells this call by."""
    depth: int = 0
    """How many calls of the operation are under way: more than one while a handler of the caller's makes a call within ours."""
    body: object = _NOTHING
    unreadable: MalformedResponseError | None = None
    withheld: dict[str, str] = attrs.field(factory=dict[str, str])


_our_call: ContextVar[_Call | None] = ContextVar("drs_jobs_call", default=None)


def listen(client: object, operations: Iterable[str]) -> None:
    """Have botocore show us the bytes of our own calls' answers. A hand-written fake without events goes without."""
    events: Any = getattr(getattr(client, "meta", None), "events", None)
    if callable(getattr(events, "register_last", None)):
        # First and last of all, so that what a handler of the caller's calls in between is known not to be ours: botocore
        # asks the handlers of an event's whole name first, and those of its first word last.
        for operation in operations:
            events.register_first(f"provide-client-params.drs.{operation}", _begin, unique_id=f"drs_jobs_{operation}")
        events.register_last("request-created", _resume, unique_id="drs_jobs_resume")
        events.register_last("before-parse", _before_parse, unique_id="drs_jobs_parse")
        events.register_last("after-call", _end, unique_id="drs_jobs_end")
        events.register_last("after-call-error", _end, unique_id="drs_jobs_end_error")


def call(operation: str, method: Callable[..., object], request: Mapping[str, Any]) -> Answer:
    """Call a boto3 client's `method` for `operation`. MalformedResponseError, ClientError, or botocore's transport errors."""
    ours = _Call(operation)
    token = _our_call.set(ours)
    try:
        response = method(**request)
    except ClientError as error:
        _give_back(ours.withheld, error.response)
        raise
    except ResponseParserError as error:  # of a client in a wrapper or in a thread, where we could not look first
        raise MalformedResponseError("an answer that boto3 could not parse", path="$") from error
    finally:
        _our_call.reset(token)
    if not isinstance(response, Mapping):
        return Answer(response, None)
    answered = {key: value for key, value in response.items() if key != "ResponseMetadata"}
    if ours.unreadable is not None and not answered:
        raise ours.unreadable
    metadata = response.get("ResponseMetadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    if ours.body is _NOTHING and ours.unreadable is None and metadata.get("HTTPHeaders") and not answered:
        problem = "an answer of nothing, read by boto3 where drs_jobs could not look (a client in a wrapper, or in a thread)"
        raise MalformedResponseError(problem, path="$")
    request_id = metadata.get("RequestId")
    body = ours.body if _is_handed_over(ours.body, answered) else answered
    return Answer(body, request_id if isinstance(request_id, str) else None)


def _is_handed_over(body: object, answered: dict[str, Any]) -> bool:
    """Whether `answered` is what we handed botocore of `body`. A wrapper round the client, or a handler, has the last word."""
    ours = _for_botocore(body)
    same = ours.keys() == answered.keys() and all(ours[key] is answered[key] for key in ours)
    return body is not _NOTHING and same


def _for_botocore(body: object) -> dict[str, Any]:
    """What botocore gets of a decoded body: all but the keys that are botocore's own."""
    return {key: value for key, value in body.items() if key not in _BOTOCORES_OWN} if isinstance(body, dict) else {}


def _begin(model: Any, context: object, **_: object) -> None:
    """Botocore's event: an API call begins."""
    ours = _our_call.get()
    if ours is not None and model.name == ours.operation:
        ours.context = context if ours.depth == 0 else ours.context
        ours.depth += 1


def _resume(request: Any, **_: object) -> None:
    """Botocore's event: a request is about to be sent. If it is ours, calls within it are over, however they ended."""
    ours = _our_call.get()
    if ours is not None and ours.context is not None and request.context is ours.context:
        ours.depth = 1


def _end(event_name: str, **_: object) -> None:
    """Botocore's event: an API call has its answer, or an error."""
    ours = _our_call.get()
    if ours is not None and event_name.endswith(f".{ours.operation}"):
        ours.depth -= 1


def _before_parse(
    operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object
) -> None:
    """Botocore's event: an answer has arrived, and nobody has parsed it."""
    ours = _our_call.get()
    if ours is None or ours.depth != 1 or operation_model.name != ours.operation:
        return
    ours.body, ours.unreadable, ours.withheld = _NOTHING, None, {}
    body = response_dict["body"]
    if response_dict["status_code"] >= _ERROR_STATUS:
        # botocore parses the body of a 300 as that of a good answer, and then raises all the same.
        response_dict["body"] = b"" if response_dict["status_code"] == _ERROR_STATUS else _mended(body)
        ours.withheld = _withhold_retry_after(response_dict)
        return
    response_dict["body"] = b""
    try:
        ours.body = _decoder.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        problem = "a body that is not JSON: cut off, or from a proxy or sign-in page in between,"
        ours.unreadable = MalformedResponseError(problem, path="$", value=_shown(body))
    customized_response_dict.update(_for_botocore(ours.body))


_ERROR_STATUS: Final = 300
"""The lowest status for which botocore raises a ClientError."""

_BOTOCORES_OWN: Final = frozenset({"ResponseMetadata", "Error"})


def _refuse(constant: str) -> NoReturn:
    msg = f"{constant} is not JSON"
    raise ValueError(msg)


_decoder: Final = json.JSONDecoder(parse_constant=_refuse)


def _shown(body: bytes) -> str | None:
    """The text of an unreadable body as evidence, unless it may hold tags."""
    text = body.decode("utf-8", "replace")
    return None if may_hold_tags(text) else text


_CODES: Final = ("__type", "code", "Code")
"""The members of an error body that botocore takes for the error's name."""

_ERROR_TEXTS: Final = (*_CODES, "message", "Message", "reason", "serviceCode", "quotaCode")
"""The members of an error body that are text."""


def _mended(body: bytes) -> bytes:
    """An error body that botocore can read: the same where it already is one."""
    text = body.decode("utf-8", "replace")
    try:
        error = json.loads(text)
    except (ValueError, RecursionError):
        error = None
    if not isinstance(error, dict):
        # botocore would take the text for the message.
        return json.dumps({"message": _without_tags(text)}).encode()
    if _is_readable(error) and body.count(b"{") + body.count(b"[") < _ABSURD and not may_hold_tags(text):
        # Not `body`: where it is no UTF-8, botocore would die of it.
        return text.encode()
    mended: dict[str, object] = {key: _without_tags(error[key]) for key in _ERROR_TEXTS if isinstance(error.get(key), str)}
    mended["fieldList"] = [
        {key: _without_tags(field[key]) for key in ("name", "message") if isinstance(field.get(key), str)}
        for field in _listed(error)
    ]
    return json.dumps(mended).encode()


def _is_readable(error: dict[str, Any]) -> bool:
    """Whether botocore finds what it expects of an error's members."""
    return error.get("fieldList") in (None, _listed(error)) and all(isinstance(error.get(code, ""), str) for code in _CODES)


def _listed(error: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields that an error lists, as far as they are objects."""
    fields = error.get("fieldList")
    return [field for field in fields if isinstance(field, dict)] if isinstance(fields, list) else []


def _without_tags(text: str) -> str:
    """A text of an error, unless a job's tags may be in it. AWS's own sentences speak of tags too, but hold no objects."""
    return "an answer that may hold tags, so it is not shown" if "{" in text and may_hold_tags(text) else text


_ABSURD: Final = 100
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


def _give_back(withheld: dict[str, str], response: Any) -> None:
    """Put a withheld header back to where botocore would have had it."""
    if withheld and isinstance(metadata := response.get("ResponseMetadata"), dict):
        metadata.setdefault("HTTPHeaders", {}).update(withheld)
