"""Names in botocore's service model that drs_jobs does not have. `make latest` prints them for the newest one."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs
import boto3
import botocore
from botocore import xform_name

from drs_jobs import ServiceError, _models
from drs_jobs._aws.field_names import AWS_NAMES, UNION_TAGS

MODEL: Any = boto3.client("drs", region_name="eu-west-1").meta.service_model
OPERATIONS = ("DescribeJobs", "DescribeJobLogItems")
# Classes of drs_jobs with another name than AWS's.
RENAMED = {"JobLog": "JobLogItem"}
ERRORS = tuple(error_class.__name__ for error_class in ServiceError.__subclasses__())


def shapes() -> dict[str, Any]:
    """Return every shape that the responses of the operations contain, by name."""
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


def missing(names: Mapping[type, Mapping[str, str]] = AWS_NAMES, errors: Iterable[str] = ERRORS) -> Iterator[str]:
    """Yield the name of each member, value, union member, error and sensitive shape that drs_jobs does not have.

    Args:
        names: AWS's name of every field, by class and field; by default the table of drs_jobs.
        errors: The codes of the errors that have a class; by default those of drs_jobs.
    """
    for name, shape in shapes().items():
        ours = getattr(_models, RENAMED.get(name, name), None)
        if shape.type_name == "structure" and shape.is_tagged_union:
            yield from (f"{name}.{tag}, a union member" for tag in shape.members if tag not in UNION_TAGS.values())
        elif shape.type_name == "structure" and ours is None:
            yield f"{name}, a structure"
        elif shape.type_name == "structure":
            fields = {field.name for field in attrs.fields(ours)}
            for member in shape.members:
                if xform_name(member) not in fields or names[ours].get(xform_name(member)) != member:
                    yield f"{name}.{member}, a member"
        elif shape.type_name == "string" and shape.enum:
            known = {} if ours is None else ours.__members__
            yield from (f"{name}.{value}, a value" for value in shape.enum if known.get(value) != value)
        if shape.metadata.get("sensitive") and name != "TagsMap":
            yield f"{name}, a sensitive shape"
    codes = {shape.name for operation in OPERATIONS for shape in MODEL.operation_model(operation).error_shapes}
    yield from (f"{code}, an error" for code in sorted(codes.difference(errors)))


if __name__ == "__main__":
    for name in missing():
        print(f"warning: botocore {botocore.__version__} has {name}, which drs_jobs does not have")
