"""500 random responses over HTTP: every typed value equals the value of boto3's own parser, with two exceptions.

An unknown union member keeps its value, which boto3 drops. Its tag is correct if a null member or `__type` is before it, which
boto3 returns as the tag.
"""

import json
import random
from collections.abc import Mapping
from datetime import UTC
from enum import Enum
from typing import Any

import pytest
from botocore import xform_name
from dateutil.parser import isoparse

from drs_jobs import JobsClient, SourceNetworkID, UnknownMember, UnknownValue
from drs_jobs.testing import LocalDrs, RawResponse
from model_values import random_value

RESPONSES = 500
PER_TEST = 50


def _assert_same(typed: Any, theirs: Any, wire: Any, shape: Any, path: str) -> None:
    """Assert that `typed` equals `theirs`, which is boto3's value for `wire`, by the rules of the shape."""
    if shape.type_name == "structure" and shape.is_tagged_union:
        [(tag, value)] = [(tag, value) for tag, value in wire.items() if value is not None and tag != "__type"]
        known = tag in shape.members
        assert typed == (SourceNetworkID(value) if known else UnknownMember(tag, value)), path
        if next(iter(wire)) == tag:
            assert theirs == ({tag: value} if known else {"SDK_UNKNOWN_MEMBER": {"name": tag}}), path
    elif shape.type_name == "structure":
        for name, member in shape.members.items():
            typed_value = getattr(typed, xform_name(name))
            if name in theirs:
                _assert_same(typed_value, theirs[name], wire[name], member, f"{path}.{name}")
            else:
                assert typed_value in (None, (), {}), path
    elif shape.type_name == "list":
        assert isinstance(typed, tuple)
        for index, (one, other, raw) in enumerate(zip(typed, theirs, wire, strict=True)):
            _assert_same(one, other, raw, shape.member, f"{path}[{index}]")
    elif shape.type_name == "map":
        assert isinstance(typed, Mapping)
        assert list(typed) == list(theirs), path
        for key in theirs:
            _assert_same(typed[key], theirs[key], wire[key], shape.value, f"{path}[{key!r}]")
    elif shape.name == "ISO8601DatetimeString":
        # dateutil cuts digits beyond microseconds, too.
        assert (isoparse(theirs), UTC) == (typed, typed.tzinfo), path
    elif getattr(shape, "enum", None):
        assert theirs == str(typed), path
        assert isinstance(typed, Enum if theirs in shape.enum else UnknownValue), path
    else:
        assert (theirs, type(theirs)) == (typed, type(typed)), path


@pytest.mark.parametrize("seed", range(RESPONSES // PER_TEST))
def test_typed_values_equal_those_of_boto3(seed: int, client: JobsClient, boto_client: Any, local_drs: LocalDrs):
    """Random responses that are generated from the service model."""
    rng = random.Random(seed)
    shape = boto_client.meta.service_model.operation_model("DescribeJobs").output_shape
    for number in range(PER_TEST):
        response = {"items": [random_value(shape.members["items"].member, rng) for _ in range(rng.randrange(1, 4))]}
        local_drs.inject(RawResponse(json.dumps(response, ensure_ascii=rng.random() < 0.5).encode()), times=2)
        theirs = boto_client.describe_jobs()
        ours = client.describe_jobs().collect()
        _assert_same(tuple(ours), theirs["items"], response["items"], shape.members["items"], f"response {number}: items")
