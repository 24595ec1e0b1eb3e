"""What botocore's model of the service has and drs_jobs has not, by name. `make latest` warns of it for the newest botocore."""

from collections.abc import Iterator
from typing import Any

import attrs
import boto3
import botocore
from botocore import xform_name

from drs_jobs import _models, _wire
from drs_jobs._errors import _SERVICE_ERRORS

MODEL: Any = boto3.client("drs", region_name="eu-west-1").meta.service_model
OPERATIONS = ("DescribeJobs", "DescribeJobLogItems")
# Our names where they are not AWS's: the log's item is a line of it.
RENAMED = {"JobLog": "JobLogItem"}


def shapes() -> dict[str, Any]:
    """Every shape that the answers to our operations reach."""
    found: dict[str, Any] = {}
    todo = [MODEL.operation_model(name).output_shape for name in OPERATIONS]
    while todo:
        shape = todo.pop()
        if shape.name in found:
            continue
        found[shape.name] = shape
        todo += list(getattr(shape, "members", {}).values()) if shape.type_name == "structure" else []
        todo += [shape.member] if shape.type_name == "list" else []
        todo += [shape.key, shape.value] if shape.type_name == "map" else []
    return {name: shape for name, shape in found.items() if not name.endswith("Response")}


def missing() -> Iterator[str]:
    """The name of each member, value, union member, error and sensitive shape that AWS has and we have not."""
    for name, shape in shapes().items():
        ours = getattr(_models, RENAMED.get(name, name), None)
        if shape.type_name == "structure" and shape.is_tagged_union:
            yield from (f"{name}.{tag}, a union member" for tag in shape.members if tag not in _wire.UNION_TAGS.values())
        elif shape.type_name == "structure" and ours is None:
            yield f"{name}, a structure"
        elif shape.type_name == "structure":
            fields = {field.name for field in attrs.fields(ours)}
            names = dict(_wire.NAMES[ours])
            for member in shape.members:
                if xform_name(member) not in fields or names.get(xform_name(member)) != member:
                    yield f"{name}.{member}, a member"
        elif shape.type_name == "string" and shape.enum:
            known = {} if ours is None else ours.__members__
            yield from (f"{name}.{value}, a value" for value in shape.enum if known.get(value) != value)
        if shape.metadata.get("sensitive") and name != "TagsMap":
            yield f"{name}, a sensitive shape"
    errors = {shape.name for operation in OPERATIONS for shape in MODEL.operation_model(operation).error_shapes}
    yield from (f"{name}, an error" for name in sorted(errors - set(_SERVICE_ERRORS)))


if __name__ == "__main__":
    for name in missing():
        print(f"warning: botocore {botocore.__version__} has {name}, which drs_jobs does not know")
