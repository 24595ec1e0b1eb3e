"""500 random answers over HTTP: every typed value is what boto3's own parser gives, or better by a rule stated here.

Better, because boto3 loses something: an unknown union member keeps its value; and its tag is told rightly where a null
member or `__type` comes first, which boto3 takes for it.
"""

import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import attrs
import pytest
from botocore import xform_name
from dateutil.parser import isoparse

from drs_jobs import (
    Job,
    JobsClient,
    MalformedResponseError,
    ParticipatingServer,
    SourceNetworkID,
    UnknownMember,
    UnknownValue,
    structure_job,
)
from drs_jobs._wire import converter
from drs_jobs.testing import LocalDrs, RawResponse

ANSWERS = 500
PER_TEST = 50


def _text(dice: random.Random) -> str:
    letters = [
        chr(dice.choice([dice.randrange(32, 127), dice.randrange(0xD7FF), dice.randrange(0xE000, 0x110000)])) for _ in range(5)
    ]
    return "".join(letters[: dice.randrange(6)])


def _timestamp(dice: random.Random) -> str:
    moment = datetime.fromtimestamp(dice.randrange(2**31), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = dice.choice(["", f".{dice.randrange(10**3):03}", f".{dice.randrange(10**6):06}", f".{dice.randrange(10**9):09}"])
    return moment + fraction + dice.choice(["Z", "+00:00", "+00:00", "-03:30"])


def _value(shape: Any, dice: random.Random) -> Any:
    """A random value of a shape, as AWS could send it, today or tomorrow."""
    match shape.type_name:
        case "string" if shape.name == "ISO8601DatetimeString":
            return _timestamp(dice)
        case "string" if shape.enum:
            return dice.choice([*shape.enum, f"LATER_{_text(dice)}"])
        case "string":
            return _text(dice)
        case "boolean":
            return dice.random() < 0.5
        case "integer" | "long":
            return dice.randrange(-10, 10**12)
        case "list":
            return [_value(shape.member, dice) for _ in range(dice.randrange(4))]
        case "map":
            return {_text(dice): _value(shape.value, dice) for _ in range(dice.randrange(4))}
        case "structure" if shape.is_tagged_union:
            return _union(shape, dice)
        case "structure":
            return _structure(shape, dice)
    raise AssertionError(shape.type_name)


def _structure(shape: Any, dice: random.Random) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for name, member in shape.members.items():
        fate = dice.random()
        if name in shape.required_members or fate < 0.7:
            value[name] = _value(member, dice)
        elif fate < 0.8:
            value[name] = None
    if dice.random() < 0.2:
        value[f"later{_text(dice)}"] = dice.choice([None, 1, [None], {"a": {}}])
    return value


def _union(shape: Any, dice: random.Random) -> dict[str, Any]:
    [(name, member)] = shape.members.items()
    union = (
        {name: _value(member, dice)}
        if dice.random() < 0.6
        else {f"later{_text(dice)}": dice.choice([1, "x", [None], {"a": 1}])}
    )
    nulls: dict[str, Any] = {"__type": "t"} if dice.random() < 0.2 else {}
    nulls |= {"laterNull": None} if dice.random() < 0.2 else {}
    return {**nulls, **union} if dice.random() < 0.5 else {**union, **nulls}


def _assert_same(typed: Any, theirs: Any, wire: Any, shape: Any, where: str) -> None:
    """`typed` is what boto3 made of `wire` (`theirs`), by the shape's own rules and botocore's own snake_case."""
    if shape.type_name == "structure" and shape.is_tagged_union:
        [(tag, value)] = [(tag, value) for tag, value in wire.items() if value is not None and tag != "__type"]
        known = tag in shape.members
        assert typed == (SourceNetworkID(value) if known else UnknownMember(tag, value)), where
        if next(iter(wire)) == tag:
            assert theirs == ({tag: value} if known else {"SDK_UNKNOWN_MEMBER": {"name": tag}}), where
    elif shape.type_name == "structure":
        for name, member in shape.members.items():
            typed_value = getattr(typed, xform_name(name))
            if name in theirs:
                _assert_same(typed_value, theirs[name], wire[name], member, f"{where}.{name}")
            else:
                assert typed_value in (None, (), {}), where
    elif shape.type_name == "list":
        assert isinstance(typed, tuple)
        for index, (one, other, raw) in enumerate(zip(typed, theirs, wire, strict=True)):
            _assert_same(one, other, raw, shape.member, f"{where}[{index}]")
    elif shape.type_name == "map":
        assert isinstance(typed, Mapping)
        assert list(typed) == list(theirs), where
        for key in theirs:
            _assert_same(typed[key], theirs[key], wire[key], shape.value, f"{where}[{key!r}]")
    elif shape.name == "ISO8601DatetimeString":
        # dateutil, too, cuts what is beyond microseconds.
        assert (isoparse(theirs), UTC) == (typed, typed.tzinfo), where
    elif getattr(shape, "enum", None):
        assert theirs == str(typed), where
        assert isinstance(typed, Enum if theirs in shape.enum else UnknownValue), where
    else:
        assert (theirs, type(theirs)) == (typed, type(typed)), where


@pytest.mark.parametrize("seed", range(ANSWERS // PER_TEST))
def test_every_typed_value_is_what_boto3_gives_or_better(seed: int, client: JobsClient, boto_client: Any, local_drs: LocalDrs):
    """Random answers from the service model, read by boto3 and by us over the same wire."""
    dice = random.Random(seed)
    shape = boto_client.meta.service_model.operation_model("DescribeJobs").output_shape
    for number in range(PER_TEST):
        answer = {"items": [_value(shape.members["items"].member, dice) for _ in range(dice.randrange(1, 4))]}
        local_drs.inject(RawResponse(json.dumps(answer, ensure_ascii=dice.random() < 0.5).encode()), times=2)
        theirs = boto_client.describe_jobs()
        ours = client.describe_jobs().collect()
        _assert_same(tuple(ours), theirs["items"], answer["items"], shape.members["items"], f"answer {number}: items")


@pytest.fixture(params=[True, False], ids=["mutable class", "descriptors"])
def either_constructor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How builds with and without a GIL make instances."""
    monkeypatch.setattr(converter, "_uses_mutable_class", request.param)
    monkeypatch.setattr(converter, "_converter", converter._make_converter())


@pytest.mark.usefixtures("either_constructor")
@pytest.mark.parametrize("seed", range(5))
def test_both_constructors_make_the_same_jobs(seed: int, boto_client: Any, local_drs: LocalDrs):
    """Frozen instances of the public classes, equal and with equal hashes."""
    test_every_typed_value_is_what_boto3_gives_or_better(seed, JobsClient(boto_client), boto_client, local_drs)
    job = structure_job({"jobID": "j", "participatingServers": [{"sourceServerID": "s"}]})
    made = Job(job_id="j", participating_servers=(ParticipatingServer(source_server_id="s"),))
    assert (job, hash(job), type(job)) == (made, hash(made), Job)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        job.job_id = "k"  # type: ignore[misc]  # frozen
    with pytest.raises(MalformedResponseError, match=r"participatingServers\[0\]\.sourceServerID"):
        structure_job({"jobID": "j", "participatingServers": [{"sourceServerID": 5}]})
