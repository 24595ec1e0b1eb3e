"""The extra `speed` changes no result: with and without msgspec, every body gives the same jobs, errors, paths and cursors."""

import json
import random
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from drs_jobs._botocore import calls

import malformed_bytes
from drs_jobs import Job, MalformedResponseError, PaginationLoopError, _json, _wire
from drs_jobs._pagination import Pager, Query, RawPage, Request
from model_values import random_value

pytest.importorskip("msgspec")
PAGES = 5_000
PER_TEST = 1_000
RESPONSE = botocore.session.get_session().get_service_model("drs").operation_model("DescribeJobs").output_shape


@pytest.fixture(autouse=True)
def with_msgspec(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use msgspec in a run with `--without-msgspec` too."""
    import msgspec  # noqa: PLC0415

    monkeypatch.setattr(_json, "_fast_decode", msgspec.json.Decoder().decode)


def read(body: bytes) -> list[Any]:
    """Return all that a caller can see of a page: decoded body, jobs, and errors with their texts, paths and cursors."""
    seen: list[Any] = []

    def fetch(request: Request) -> RawPage:
        page = _wire.read_page(calls._decode(body), request.arguments.get("nextToken"))
        seen.append(repr(page))
        return page

    def describe(error: MalformedResponseError) -> None:
        seen.append((str(error), error.path, repr(error.value), error.cursor))

    query = Query(
        "text",
        "summary",
        lambda token: _wire.page_request("DescribeJobs", {}, None, token),
        lambda raw, n: _wire.structure(raw, Job, f"$.items[{n}]"),
        _wire.job_id_of,
        on_malformed=describe,
    )
    pager = Pager(query, fetch)
    try:
        for page in pager.pages():
            seen.append((page.items, page.next_token, page.cursor))
    except MalformedResponseError as error:
        describe(error)
    except PaginationLoopError as error:
        seen.append((str(error), error.cursor))
    return seen


def both(body: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], list[Any]]:
    """Return what `read` returns with msgspec, and without it."""
    fast = read(body)
    with monkeypatch.context() as context:
        context.setattr(_json, "_fast_decode", None)
        return fast, read(body)


@pytest.mark.parametrize("seed", range(PAGES // PER_TEST))
def test_random_pages(seed: int, monkeypatch: pytest.MonkeyPatch):
    rng = random.Random(seed)
    for _ in range(PER_TEST):
        page = random_value(RESPONSE, rng)
        fast, slow = both(json.dumps(page, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass"), monkeypatch)
        assert slow == fast


@pytest.mark.parametrize("seed", range(PAGES // PER_TEST))
def test_hostile_pages(seed: int, monkeypatch: pytest.MonkeyPatch):
    rng = random.Random(seed)
    for _ in range(PER_TEST):
        fast, slow = both(malformed_bytes.body(rng), monkeypatch)
        assert slow == fast


@pytest.mark.parametrize(
    "value",
    [
        "1e400",
        "-0",
        "18446744073709551616",
        "1" * 4300,
        "1" * 4301,
        "1.0",
        '"\\ud800"',
        '"\\ude00\\ud83d"',
        '"a\tb"',
        "NaN",
        "-Infinity",
        "01",
        "[1,]",
        '{"a": 1, "a": 2}',
        "[" * 100 + "]" * 100,
        "[" * 9_000 + "]" * 9_000,
    ],
)
def test_values_that_decoders_treat_differently(value: str, monkeypatch: pytest.MonkeyPatch):
    """In a member that drs_jobs ignores, and in one that it reads."""
    for key in ("later", "arn"):
        body = b'{"items": [{"jobID": "j", "%s": %s}]}' % (key.encode(), value.encode())
        fast, slow = both(body, monkeypatch)
        assert slow == fast


def test_msgspec_is_used(monkeypatch: pytest.MonkeyPatch):
    """Otherwise the tests above compare the standard library with itself."""
    bodies: list[bytes] = []
    decode: Callable[[bytes], Any] = _json._fast_decode or json.loads
    monkeypatch.setattr(_json, "_fast_decode", lambda body: bodies.append(body) or decode(body))
    read(b'{"items": []}')
    assert bodies == [b'{"items": []}']
