"""Fuzzing: whatever bytes arrive end in jobs or in a typed error, within bounds of time and memory."""

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


@settings(max_examples=1_000)
@given(st.randoms(use_true_random=False))
def test_a_page_with_something_wrong_is_jobs_or_a_malformed_response(dice: random.Random):
    """Structure-aware mutations: each good job comes, each bad one is told, and nothing is taken for less than it was."""
    WIRE.read(malformed_bytes.body(dice))


@given(st.binary(max_size=60) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_bytes_that_mean_nothing_are_a_malformed_response(body: bytes):
    """Raw bytes are nearly never a page, and never a quiet one."""
    assert WIRE.read(body) == "malformed body" or json.loads(body).keys() <= {"items", "nextToken"}


@given(st.randoms(use_true_random=False), st.integers(300, 599))
def test_an_error_of_any_body_is_a_service_error(dice: random.Random, status: int):
    """Botocore dies of some of them; here each is a ServiceError with its status."""
    assert WIRE.read(malformed_bytes.body(dice), status) == "service error"


HEAVY = {
    "brackets": b"[" * 2_000_000,
    "objects": b'{"items": ' + b'{"a":' * 400_000,
    "a number": b'{"items": [' + b"9" * 2_000_000 + b"]}",
    "a string": b'{"items": ["' + b"a" * 2_000_000 + b'"]}',
    "escapes": b'{"items": ["' + b"\\ud83d" * 300_000 + b'"]}',
    "bad jobs": b'{"items": [' + b"{}," * 500_000 + b"{}]}",
    "members": json.dumps({f"{n}": n for n in range(150_000)}).encode(),
    "a job of many members": json.dumps({"items": [{f"{n}": n for n in range(150_000)}]}).encode(),
    "a tag of many": json.dumps({"items": [{"jobID": "j", "tags": {f"{n}": "x" for n in range(100_000)} | {"y": 1}}]}).encode(),
    "nothing that is UTF-8": b"\xff" * 2_000_000,
}


@pytest.mark.parametrize("name", HEAVY)
def test_two_megabytes_of_nonsense_are_refused_in_bounded_time_and_memory(name: str):
    """A bound that is wide, so that a busy machine meets it, and that nothing quadratic does."""
    WIRE.body, WIRE.status = HEAVY[name], 200
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(MalformedResponseError) as caught:
        WIRE.client.describe_jobs().collect()
    seconds, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(str(caught.value)) < 1_000
    assert seconds < 20
    assert peak < 100 * len(HEAVY[name])


# ------------------------------------------------------------------ what fuzzing found


def test_the_last_of_a_name_told_twice_counts(client: JobsClient, local_drs: LocalDrs):
    """JSON leaves it open; boto3 and everything else in Python take the last."""
    local_drs.inject(RawResponse(b'{"items": [{"jobID": "a", "jobID": "b"}]}'))
    assert [job.job_id for job in client.describe_jobs()] == ["b"]


def test_an_error_whose_text_is_no_utf_8_is_told(client: JobsClient, local_drs: LocalDrs):
    """One bad byte in an error that is otherwise JSON: botocore dies of it with a UnicodeDecodeError."""
    local_drs.inject(RawResponse(b'{"message": "caf\xe9"}', 400, {"x-amzn-errortype": "ValidationException"}))
    with pytest.raises(ValidationException, match="caf"):
        client.describe_jobs().first()
