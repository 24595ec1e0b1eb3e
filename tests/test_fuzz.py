"""Fuzzing: any bytes result in jobs or in a typed error, in bounded time and memory."""

import json
import random
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import malformed_bytes
from drs_jobs import JobsClient, MalformedResponseError, ValidationException
from drs_jobs.testing import LocalDrs, RawResponse

WIRE = malformed_bytes.Wire()


@settings(max_examples=400)
@given(st.randoms(use_true_random=False))
def test_mutated_page_is_jobs_or_malformed_response(rng: random.Random):
    """Structure-aware mutations. Each valid job is returned, and each malformed one is reported."""
    WIRE.read(malformed_bytes.body(rng))


@given(st.binary(max_size=60) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_random_bytes_are_a_malformed_response(body: bytes):
    """Unless they are a valid page by chance."""
    assert WIRE.read(body) == "malformed body" or json.loads(body).keys() <= {"items", "nextToken"}


@given(st.randoms(use_true_random=False), st.integers(300, 599))
def test_error_status_with_any_body_is_a_service_error(rng: random.Random, status: int):
    """Botocore raises other exceptions for some of these bodies."""
    assert WIRE.read(malformed_bytes.body(rng), status) == "service error"


HEAVY = {
    "brackets": lambda: b"[" * 2_000_000,
    "objects": lambda: b'{"items": ' + b'{"a":' * 400_000,
    "a number": lambda: b'{"items": [' + b"9" * 2_000_000 + b"]}",
    "a string": lambda: b'{"items": ["' + b"a" * 2_000_000 + b'"]}',
    "escapes": lambda: b'{"items": ["' + b"\\ud83d" * 300_000 + b'"]}',
    "malformed jobs": lambda: b'{"items": [' + b"{}," * 500_000 + b"{}]}",
    "members": lambda: json.dumps({f"{n}": n for n in range(150_000)}).encode(),
    "a job of many members": lambda: json.dumps({"items": [{f"{n}": n for n in range(150_000)}]}).encode(),
    "one malformed tag of many": lambda: json.dumps(
        {"items": [{"jobID": "j", "tags": {f"{n}": "x" for n in range(100_000)} | {"y": 1}}]}
    ).encode(),
    "invalid UTF-8": lambda: b"\xff" * 2_000_000,
}


@pytest.mark.parametrize("name", HEAVY)
def test_large_bodies_take_bounded_time_and_memory(name: str):
    """The limits are wide, for a busy machine. Quadratic time would exceed them."""
    WIRE.body, WIRE.status = HEAVY[name](), 200
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(MalformedResponseError) as caught:
        WIRE.client.describe_jobs().collect()
    seconds, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(str(caught.value)) < 1_000
    assert seconds < 20
    assert peak < 100 * len(WIRE.body)


# ------------------------------------------------------------------ errors that fuzzing found


def test_last_of_two_equal_names_is_used(client: JobsClient, local_drs: LocalDrs):
    """The JSON standard leaves it open. boto3 and Python's json use the last one."""
    local_drs.inject(RawResponse(b'{"items": [{"jobID": "a", "jobID": "b"}]}'))
    assert [job.job_id for job in client.describe_jobs()] == ["b"]


def test_error_body_that_is_not_utf_8(client: JobsClient, local_drs: LocalDrs):
    """Botocore raises UnicodeDecodeError for one invalid byte in an error body that is otherwise JSON."""
    local_drs.inject(RawResponse(b'{"message": "caf\xe9"}', 400, {"x-amzn-errortype": "ValidationException"}))
    with pytest.raises(ValidationException, match="caf"):
        client.describe_jobs().first()
