"""Completeness: what AWS's service model has, we have, and what was forgotten is named."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import attrs
import boto3
import botocore
import pytest
from botocore import xform_name

import drs_jobs
from drs_jobs import _wire, models, pager, reports, testing
from drs_jobs.errors import _CLASSES

MODEL: Any = boto3.client("drs", region_name="eu-west-1").meta.service_model
OPERATIONS = ("DescribeJobs", "DescribeJobLogItems")
# Our names where they are not AWS's: the log's item is a line of it.
RENAMED = {"JobLog": "JobLogItem"}


def _shapes() -> dict[str, Any]:
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


def test_every_member_of_the_service_model_has_a_field():
    """Each structure's members are the fields of our class, under botocore's own snake_case, and the table knows both."""
    for name, shape in _shapes().items():
        if shape.type_name != "structure" or shape.is_tagged_union:
            continue
        cls = getattr(models, RENAMED.get(name, name))
        expected = {xform_name(member): member for member in shape.members}
        assert set(expected) <= {field.name for field in attrs.fields(cls)}, f"{name} of botocore {botocore.__version__}"
        assert expected.items() <= dict(_wire.NAMES[cls]).items()


def test_every_value_of_the_service_model_has_a_member():
    """Each enum has AWS's values, name and value alike."""
    for name, shape in _shapes().items():
        if shape.type_name == "string" and shape.enum:
            enum = getattr(models, name)
            assert set(shape.enum) <= {member.value for member in enum}, f"{name} of botocore {botocore.__version__}"
            assert all(member.name == member.value for member in enum)


def test_every_member_of_a_union_has_a_class():
    """A union's members are known by their tags."""
    for name, shape in _shapes().items():
        if shape.type_name == "structure" and shape.is_tagged_union:
            assert set(shape.members) <= set(_wire.UNION_TAGS.values()), name


def test_every_error_of_the_service_model_has_a_class():
    """AWS's errors are mapped by their names."""
    shapes = {shape.name for operation in OPERATIONS for shape in MODEL.operation_model(operation).error_shapes}
    assert shapes <= set(_CLASSES)


def test_the_one_sensitive_shape_is_the_one_we_hide():
    """Should AWS mark another shape sensitive, this names it."""
    marked = {name for name, shape in _shapes().items() if shape.metadata.get("sensitive")}
    assert marked == {"TagsMap"}


def test_the_front_door_and_all_agree():
    """What __all__ names is what can be imported, sorted, and every public class of the rooms is there."""
    public = [name for name, value in vars(drs_jobs).items() if not name.startswith("_") and not inspect.ismodule(value)]
    assert sorted(public) == sorted(drs_jobs.__all__)
    assert set(models.__all__) <= set(drs_jobs.__all__)
    assert len(set(drs_jobs.__all__)) == len(drs_jobs.__all__)


def test_everything_public_has_a_docstring():
    """Classes, methods, and each field of a data class, which Python itself does not require."""
    for name in drs_jobs.__all__:
        value = getattr(drs_jobs, name)
        assert inspect.getdoc(value), name
        for member_name, member in vars(value).items() if inspect.isclass(value) else ():
            if not member_name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                assert inspect.getdoc(member), f"{name}.{member_name}"


ROOMS = [
    Path(inspect.getfile(room))
    for room in (models.enums, models.job, models.log, models.record, pager, drs_jobs.errors, reports)
]


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_every_field_has_a_docstring(room: Path):
    """A string stands below each annotated field of a public class."""
    for cls in ast.parse(room.read_text()).body:
        if not isinstance(cls, ast.ClassDef) or cls.name.startswith("_"):
            continue
        for field, following in zip(cls.body, [*cls.body[1:], None], strict=True):
            if isinstance(field, ast.AnnAssign) and not str(getattr(field.target, "id", "_")).startswith("_"):
                is_doc = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
                assert is_doc, f"{cls.name}.{ast.unparse(field.target)}"


FLOORS = {
    "_text": set(),
    "_extras": set(),
    "errors": {"_text", "models"},  # models for type checkers only
    "models": {"_text", "errors"},
    "_botocore": {"errors"},
    "pager": {"_text", "errors"},
    "_wire": {"models", "errors"},
    "_watch": {"_text", "models", "errors"},
    "reports": {"models"},
}


@pytest.mark.parametrize("room", FLOORS)
def test_imports_only_go_down(room: str):
    """A room imports from the floors below it, as the house is drawn."""
    package = Path(inspect.getfile(drs_jobs)).parent
    files = [package / f"{room}.py"] if (package / f"{room}.py").exists() else list((package / room).glob("*.py"))
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("drs_jobs."):
                target = node.module.split(".")[1]
                assert target == room or target in FLOORS[room], f"{file.name} imports {node.module}"


def _public(room: Any) -> list[str]:
    return [name for name, value in vars(room).items() if getattr(value, "__module__", "") == room.__name__ and name[0] != "_"]


def test_the_reference_names_everything_public():
    """docs/reference.md has each name of the front door and of drs_jobs.testing, and no other."""
    reference = (Path(__file__).parent.parent / "docs" / "reference.md").read_text()
    named = set(re.findall(r"^\.\. auto\w+:: drs_jobs\.(\S+)$", reference, re.MULTILINE))
    assert named == {
        *drs_jobs.__all__,
        *(f"testing.{name}" for name in testing.__all__),
        *(f"reports.{name}" for name in _public(reports)),
    }
