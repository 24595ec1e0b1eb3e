"""Response bodies as pages of raw items, and the identity of raw items."""

# The shape of the JSON is unknown, and isinstance leaves the types of its elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import functools
import importlib
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NoReturn

from drs_jobs._aws.field_names import AWS_NAMES
from drs_jobs._aws.structure import SchemaError
from drs_jobs._errors import MalformedResponseError
from drs_jobs._models import Job
from drs_jobs._pagination.pages import RawPage
from drs_jobs._text import fingerprint, redact_value


def decode(body: bytes) -> object:
    """Return the value of a JSON text in UTF-8. Raise ValueError or RecursionError if it is not JSON, or nested too deeply."""
    if (fast_decode := fast_decoder()) is not None:
        with suppress(Exception):  # msgspec refuses some JSON, such as a lone surrogate, so `json` decides
            return fast_decode(body)
    return DECODER.decode(body.decode("utf-8"))


@functools.cache
def fast_decoder() -> Callable[[bytes], Any] | None:
    """Return the decoder of msgspec, from the extra `speed`; `None` if it is not installed."""
    with suppress(ImportError):
        decoder: Callable[[bytes], Any] = importlib.import_module("msgspec").json.Decoder().decode
        return decoder
    return None


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


DECODER: Final = json.JSONDecoder(parse_constant=_reject_constant)
"""The strict decoder of the standard library."""


def parse_page(body: object, request_id: str | None = None) -> RawPage:
    """Return a response body as a page of raw items."""
    if not isinstance(body, dict):
        raise SchemaError("an object", body).as_malformed("$")
    items = body.get("items")
    token = body.get("nextToken")
    if items is None and (others := body.keys() - {"items", "nextToken"}):
        problem = f"an object without items, but with {len(others)} other members"
        raise MalformedResponseError(problem, path="$", value=redact_value(body))
    if items is not None and not isinstance(items, list):
        raise SchemaError("a list", items).as_malformed("$.items")
    if token is not None and not isinstance(token, str):
        raise SchemaError("a string", token).as_malformed("$.nextToken")
    return RawPage(items or [], token or None, request_id, body)


def job_id_of(raw: object) -> str | None:
    """Return the id of a raw job, even if the rest of the job is malformed."""
    job_id = raw.get(AWS_NAMES[Job]["job_id"]) if isinstance(raw, dict) else None
    return job_id if isinstance(job_id, str) else None


def log_item_id_of(raw: object) -> str:
    """Return the identity of a raw log item: a hash of its content, because AWS gives it no id."""
    return fingerprint(json.dumps(raw, sort_keys=True, default=str))
