"""Response bodies as pages: malformed bodies, empty pages, and the same results with msgspec and without it."""

import json
import random
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest

import malformed_bytes
from drs_jobs import JobsClient, MalformedResponseError, PaginationLoopError
from drs_jobs._aws import calls, responses
from drs_jobs.testing import CutOff, HtmlPage, LocalDrs, RawResponse, Slow, make_job
from model_values import random_value

pytestmark = pytest.mark.both_clients

MALFORMED_BODIES = {
    "HTML": HtmlPage(),
    "cut off in the middle": CutOff(),
    "cut off at once": CutOff(share=0),
    "a list": RawResponse(b"[]"),
    "null": RawResponse(b"null"),
    "a string": RawResponse(b'"items"'),
    "a number": RawResponse(b"5"),
    "empty": RawResponse(b""),
    "a message": RawResponse(b'{"message": "please sign in"}'),
    "member with botocore's name Error": RawResponse(b'{"Error": {"Code": "x"}}'),
    "member with botocore's name ResponseMetadata": RawResponse(b'{"ResponseMetadata": {}}'),
    "token and message": RawResponse(b'{"nextToken": "a", "message": "x"}'),
    "NaN": RawResponse(b'{"items": [{"jobID": NaN}]}'),
    "infinity": RawResponse(b'{"items": [], "x": -Infinity}'),
    "invalid UTF-8": RawResponse(b'{"items": [{"jobID": "\xff"}]}'),
    "UTF-16": RawResponse('{"items": []}'.encode("utf-16")),
    "byte order mark": RawResponse(b'\xef\xbb\xbf{"items": []}'),
    "deep nesting": RawResponse(b'{"items": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "deep nesting in an unknown member": RawResponse(
        b'{"items": [], "x": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}"
    ),
    "huge number": RawResponse(b'{"items": [], "x": ' + b"9" * 10_000 + b"}"),
    "two objects": RawResponse(b'{"items": []}{"items": []}'),
    "empty with status 204": RawResponse(b"", status=204),
}


@pytest.mark.parametrize("name", MALFORMED_BODIES)
def test_malformed_body_is_not_an_empty_page(name: str, client: JobsClient, local_drs: LocalDrs):
    """Also with on_malformed. A run that resumes after the error returns every job."""
    job = make_job()
    local_drs.add_jobs(job)
    local_drs.inject(MALFORMED_BODIES[name], times=2)
    with pytest.raises(MalformedResponseError) as caught:
        client.describe_jobs().collect()
    assert caught.value.path == "$"
    assert (job,) == client.describe_jobs(cursor=_cursor_after(client, caught.value)).collect()


def _cursor_after(client: JobsClient, error: MalformedResponseError) -> str:
    """Return the error's cursor. Assert that on_malformed is not called for a malformed body."""
    with pytest.raises(MalformedResponseError):
        client.describe_jobs(on_malformed=lambda error: pytest.fail("called for a malformed body")).collect()
    assert error.cursor is not None
    return error.cursor


MALFORMED_PAGES = {
    "items is a string": (RawResponse(b'{"items": "none"}'), "$.items"),
    "items is an object": (RawResponse(b'{"items": {"jobID": "x"}}'), "$.items"),
    "the token is a number": (RawResponse(b'{"items": [], "nextToken": 5}'), "$.nextToken"),
}


@pytest.mark.parametrize("name", MALFORMED_PAGES)
def test_malformed_page(name: str, client: JobsClient, local_drs: LocalDrs):
    """`items` or `nextToken` of a wrong type."""
    fault, path = MALFORMED_PAGES[name]
    local_drs.inject(fault)
    with pytest.raises(MalformedResponseError) as caught:
        client.describe_jobs(on_malformed=print).collect()
    assert path == caught.value.path


@pytest.mark.parametrize("body", [b"{}", b'{"items": null}', b'{"items": []}', b'{"nextToken": ""}', b'{"nextToken": null}'])
def test_empty_page_is_valid(body: bytes, client: JobsClient, local_drs: LocalDrs):
    local_drs.inject(RawResponse(body))
    assert client.describe_jobs().collect() == ()


def test_raw_equals_the_response_body(client: JobsClient, local_drs: LocalDrs):
    """With unknown members, also if they have the names of botocore."""
    raw = {"items": [{"jobID": "j", "later": 1}], "later": [None], "Error": {"a": 1}, "ResponseMetadata": 5}
    local_drs.inject(RawResponse(json.dumps(raw).encode()))
    [page] = client.describe_jobs().pages()
    assert raw == page.raw
    assert page.request_id is not None
    assert "later" not in repr(page)


def test_slow_response_is_read(client: JobsClient, local_drs: LocalDrs):
    local_drs.inject(Slow(0.05))
    assert client.describe_jobs().collect() == ()


# ------------------------------------------------------------------ decoders


PAGES = 5_000
PER_TEST = 1_000
RESPONSE = botocore.session.get_session().get_service_model("drs").operation_model("DescribeJobs").output_shape


@pytest.fixture
def fast_decode(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Any]:
    """Use msgspec in a run with `--without-msgspec` too, and return its decoder."""
    decode: Callable[[bytes], Any] = pytest.importorskip("msgspec").json.Decoder().decode
    monkeypatch.setattr(responses, "fast_decoder", lambda: decode)
    return decode


def read(body: bytes) -> list[Any]:
    """Return the pages and errors that a caller gets, with their jobs, texts, paths and cursors."""
    seen: list[Any] = []

    class Client:
        def describe_jobs(self, **_: object) -> Any:
            return calls._decode(body, "application/json")

    def describe(error: Exception) -> None:
        seen.append((str(error), repr(vars(error))))

    try:
        for page in JobsClient(Client()).describe_jobs(on_malformed=describe).pages():
            seen.append((page.items, page.next_token, page.cursor))
    except (MalformedResponseError, PaginationLoopError, TypeError) as error:
        describe(error)
    return seen


def both(body: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], list[Any]]:
    """Return what `read` returns with msgspec, and without it."""
    fast = read(body)
    with monkeypatch.context() as context:
        context.setattr(responses, "fast_decoder", lambda: None)
        return fast, read(body)


@pytest.mark.usefixtures("fast_decode")
@pytest.mark.parametrize("seed", range(PAGES // PER_TEST))
def test_random_pages(seed: int, monkeypatch: pytest.MonkeyPatch):
    rng = random.Random(seed)
    for _ in range(PER_TEST):
        page = random_value(RESPONSE, rng)
        fast, slow = both(json.dumps(page, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass"), monkeypatch)
        assert slow == fast


@pytest.mark.usefixtures("fast_decode")
@pytest.mark.parametrize("seed", range(PAGES // PER_TEST))
def test_hostile_pages(seed: int, monkeypatch: pytest.MonkeyPatch):
    rng = random.Random(seed)
    for _ in range(PER_TEST):
        fast, slow = both(malformed_bytes.body(rng), monkeypatch)
        assert slow == fast


@pytest.mark.usefixtures("fast_decode")
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


def test_msgspec_is_used(fast_decode: Callable[[bytes], Any], monkeypatch: pytest.MonkeyPatch):
    """Otherwise the tests above compare the standard library with itself."""
    bodies: list[bytes] = []
    monkeypatch.setattr(responses, "fast_decoder", lambda: lambda body: bodies.append(body) or fast_decode(body))
    read(b'{"items": []}')
    assert bodies == [b'{"items": []}']
