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
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final, NoReturn

import attrs
from botocore.exceptions import ClientError

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
    body: object = _NOTHING
    unreadable: MalformedResponseError | None = None
    withheld: dict[str, str] = attrs.field(factory=dict[str, str])


_our_call: ContextVar[_Call | None] = ContextVar("drs_jobs_call", default=None)


def listen(client: object) -> None:
    """Have botocore show us the bytes of our own calls' answers. A hand-written fake without events goes without."""
    events = getattr(getattr(client, "meta", None), "events", None)
    register = getattr(events, "register_last", None)
    if callable(register):
        # Last: a handler of the caller's sees the answer before its body is taken out.
        register("before-parse.drs", _before_parse, unique_id="drs_jobs")


def call(operation: str, method: Callable[..., object], request: Mapping[str, Any]) -> Answer:
    """Call a boto3 client's `method` for `operation`. MalformedResponseError, ClientError, or botocore's transport errors."""
    ours = _Call(operation)
    token = _our_call.set(ours)
    try:
        response = method(**request)
    except ClientError as error:
        _give_back(ours.withheld, error.response)
        raise
    finally:
        _our_call.reset(token)
    if ours.unreadable is not None:
        raise ours.unreadable
    if not isinstance(response, Mapping):
        return Answer(response, None)
    metadata = response.get("ResponseMetadata")
    request_id = metadata.get("RequestId") if isinstance(metadata, Mapping) else None
    body: object = {k: v for k, v in response.items() if k != "ResponseMetadata"}
    # The decoded body still has a key that bears one of botocore's own names. A wrapper round the client may have
    # answered otherwise, though: then what it answered counts.
    if ours.body is not _NOTHING and _items(ours.body) is response.get("items"):
        body = ours.body
    return Answer(body, request_id if isinstance(request_id, str) else None)


def _items(body: object) -> object:
    return body.get("items") if isinstance(body, dict) else None


def _before_parse(
    operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object
) -> None:
    """Botocore's event: an answer has arrived, and nobody has parsed it."""
    ours = _our_call.get()
    if ours is None or operation_model.name != ours.operation:
        return
    ours.body, ours.unreadable, ours.withheld = _NOTHING, None, {}
    body = response_dict["body"]
    if response_dict["status_code"] >= 300:  # noqa: PLR2004  # from here on botocore raises a ClientError
        response_dict["body"] = _mended(body)
        ours.withheld = _withhold_retry_after(response_dict)
        return
    response_dict["body"] = b""
    try:
        ours.body = _decoder.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        problem = "a body that is not JSON: cut off, or from a proxy or sign-in page in between,"
        ours.unreadable = MalformedResponseError(problem, path="$", value=_shown(body))
    if isinstance(ours.body, dict):
        customized_response_dict.update((k, v) for k, v in ours.body.items() if k not in _BOTOCORES_OWN)


_BOTOCORES_OWN: Final = frozenset({"ResponseMetadata", "Error"})


def _refuse(constant: str) -> NoReturn:
    msg = f"{constant} is not JSON"
    raise ValueError(msg)


_decoder: Final = json.JSONDecoder(parse_constant=_refuse)


def _shown(body: bytes) -> str | None:
    """The text of an unreadable body as evidence, unless it may hold tags."""
    text = body.decode("utf-8", "replace")
    return None if "tags" in text.replace("\0", "") else text


_ERROR_TEXTS: Final = ("__type", "code", "Code", "message", "Message", "reason", "serviceCode", "quotaCode")
"""The members of an error body that botocore reads as text."""


def _mended(body: bytes) -> bytes:
    """An error body that botocore can read: of an object the members it reads, of anything else its text as the message."""
    text = body.decode("utf-8", "replace")
    try:
        error = json.loads(text)
    except ValueError:
        return text.encode()  # botocore takes text for the message
    except RecursionError:
        error = None
    if not isinstance(error, dict):
        return json.dumps({"message": text}).encode()
    mended: dict[str, object] = {k: error[k] for k in _ERROR_TEXTS if isinstance(error.get(k), str)}
    fields = error.get("fieldList")
    if isinstance(fields, list):
        mended["fieldList"] = [
            {k: v for k, v in field.items() if isinstance(v, str)} for field in fields if isinstance(field, dict)
        ]
    return json.dumps(mended).encode()


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
