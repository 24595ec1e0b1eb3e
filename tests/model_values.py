"""Values of the shapes of botocore's service model: random ones, and valid ones."""

import random
import re
from datetime import UTC, datetime
from typing import Any


def _text(rng: random.Random) -> str:
    letters = [
        chr(rng.choice([rng.randrange(32, 127), rng.randrange(0xD7FF), rng.randrange(0xE000, 0x110000)])) for _ in range(5)
    ]
    return "".join(letters[: rng.randrange(6)])


def _timestamp(rng: random.Random) -> str:
    moment = datetime.fromtimestamp(rng.randrange(2**31), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = rng.choice(["", f".{rng.randrange(10**3):03}", f".{rng.randrange(10**6):06}", f".{rng.randrange(10**9):09}"])
    return moment + fraction + rng.choice(["Z", "+00:00", "+00:00", "-03:30"])


def random_value(shape: Any, rng: random.Random) -> Any:
    """Return a random value of a shape of the service model, as AWS sends it today or can send it later."""
    match shape.type_name:
        case "string" if shape.name == "ISO8601DatetimeString":
            return _timestamp(rng)
        case "string" if shape.enum:
            return rng.choice([*shape.enum, f"LATER_{_text(rng)}"])
        case "string":
            return _text(rng)
        case "boolean":
            return rng.random() < 0.5
        case "integer" | "long":
            return rng.randrange(-10, 10**12)
        case "list":
            return [random_value(shape.member, rng) for _ in range(rng.randrange(4))]
        case "map":
            return {_text(rng): random_value(shape.value, rng) for _ in range(rng.randrange(4))}
        case "structure" if shape.is_tagged_union:
            return _union(shape, rng)
        case "structure":
            return _structure(shape, rng)
    raise AssertionError(shape.type_name)


def _structure(shape: Any, rng: random.Random) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for name, member in shape.members.items():
        chance = rng.random()
        if name in shape.required_members or chance < 0.7:
            value[name] = random_value(member, rng)
        elif chance < 0.8:
            value[name] = None
    if rng.random() < 0.2:
        value[f"later{_text(rng)}"] = rng.choice([None, 1, [None], {"a": {}}])
    return value


def _union(shape: Any, rng: random.Random) -> dict[str, Any]:
    [(name, member)] = shape.members.items()
    union = (
        {name: random_value(member, rng)}
        if rng.random() < 0.6
        else {f"later{_text(rng)}": rng.choice([1, "x", [None], {"a": 1}])}
    )
    nulls: dict[str, Any] = {"__type": "t"} if rng.random() < 0.2 else {}
    nulls |= {"laterNull": None} if rng.random() < 0.2 else {}
    return {**nulls, **union} if rng.random() < 0.5 else {**union, **nulls}


TEXTS = (
    "text",
    "2024-06-15T12:00:00Z",
    "123456789012",
    "us-east-1",
    "us-east-1a",
    "6f0b1b0e-6f0e-4a4e-9d0c-2f6f3a5c7d11",
    "arn:aws:drs:us-east-1:123456789012:source-server/s-00000000000000001",
    "arn:aws:outposts:us-east-1:123456789012:outpost/op-0123456789abcdef0",
    "12.34.56",
    "$DEFAULT",
    "0" * 25,
    *(f"{kind}-{'0' * 17}" for kind in ("s", "i", "drsjob", "lct", "pit", "rct", "sg", "sn", "snap", "subnet", "vpc")),
    "vol-00000000",
)
"""One text at least for each pattern of the service model."""


def valid_value(shape: Any, *, is_full: bool) -> Any:
    """Return a valid value of a shape, with all members or only with those that are required."""
    match shape.type_name:
        case "string" if shape.enum:
            return shape.enum[0]
        case "string":
            texts = [text for text in TEXTS if _is_allowed(text, shape.metadata)]
            assert texts, f"TEXTS has no text for {shape.metadata}"
            return texts[0]
        case "timestamp":
            return TEXTS[1]
        case "boolean":
            return True
        case "integer" | "long":
            return max(shape.metadata.get("min", 0), 1)
        case "list":
            return [valid_value(shape.member, is_full=is_full)] * max(shape.metadata.get("min", 0), is_full)
        case "map":
            return {valid_value(shape.key, is_full=True): valid_value(shape.value, is_full=is_full)} if is_full else {}
        case "structure":
            names = [*shape.members] if is_full or shape.is_tagged_union else shape.required_members
            names = names[:1] if shape.is_tagged_union else names
            return {name: valid_value(shape.members[name], is_full=is_full) for name in names}
    raise AssertionError(shape.type_name)


def _is_allowed(text: str, metadata: dict[str, Any]) -> bool:
    return metadata.get("min", 0) <= len(text) <= metadata.get("max", 2048) and (
        "pattern" not in metadata or re.fullmatch(metadata["pattern"], text) is not None
    )
