"""Completeness: what AWS's service model has, we have, and what was forgotten is named."""

import ast
import inspect
import operator
from enum import StrEnum
from pathlib import Path

import attrs
import pytest

import drs_jobs
from drs_jobs import _errors, _models, _pagination, _wire, reports, testing
from drs_jobs._models.base import Model
from service_model import missing


def test_what_aws_has_we_have():
    """Each member, value, union member, error and sensitive shape of the service model; what is missing is named."""
    assert list(missing()) == []


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch):
    """A member, a value and an error that we forgot are told by AWS's names."""
    monkeypatch.delitem(dict(_wire.NAMES)[_models.Job], "arn")
    monkeypatch.setattr(_models, "JobStatus", _models.JobType)
    monkeypatch.delitem(_errors._SERVICE_ERRORS, "ThrottlingException")
    assert {"Job.arn, a member", "JobStatus.PENDING, a value", "ThrottlingException, an error"} <= set(missing())


def test_names_and_values_of_enums_are_alike():
    """As botocore has them."""
    for enum in vars(_models.enums).values():
        if inspect.isclass(enum) and issubclass(enum, StrEnum):
            assert all(member.name == member.value for member in enum)


def test_the_front_door_and_all_agree():
    """What __all__ names is what can be imported, and every public class of the rooms is there."""
    public = [name for name, value in vars(drs_jobs).items() if not name.startswith("_") and not inspect.ismodule(value)]
    assert sorted([*public, "__version__"]) == sorted(drs_jobs.__all__)
    assert set(_models.__all__) <= set(drs_jobs.__all__)


def test_everything_public_has_a_docstring():
    """Classes and their methods each have one of their own, not one that they inherit."""
    for name in [*drs_jobs.__all__, *(f"testing.{name}" for name in testing.__all__)]:
        value = operator.attrgetter(name)(drs_jobs)
        if not inspect.isclass(value) and not inspect.isfunction(value):
            continue  # an alias is told in the reference
        own = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
        assert own, name
        for member_name, member in vars(value).items() if inspect.isclass(value) else ():
            if not member_name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                assert member.__doc__, f"{name}.{member_name}"


MODULES = [
    Path(inspect.getfile(module))
    for module in (_models.enums, _models.job, _models.log, _models.base, _pagination, _errors, reports)
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_every_field_has_a_docstring(module: Path):
    """A string stands below each annotated field of a public class."""
    for cls in ast.parse(module.read_text(encoding="utf-8")).body:
        if not isinstance(cls, ast.ClassDef) or cls.name.startswith("_"):
            continue
        for field, following in zip(cls.body, [*cls.body[1:], None], strict=True):
            if isinstance(field, ast.AnnAssign) and not str(getattr(field.target, "id", "_")).startswith("_"):
                is_doc = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
                assert is_doc, f"{cls.name}.{ast.unparse(field.target)}"


def test_every_data_class_is_made_by_keywords_and_shows_itself_in_a_line():
    """The order of fields is free, so nobody may rely on it; no class has attrs' own repr, which would print it all."""
    found = [value for module in (_models, reports) for value in vars(module).values() if inspect.isclass(value)]
    classes = {cls for cls in found if issubclass(cls, Model)} - {Model}
    assert {_models.Job, _models.JobLogItem, reports.DrillReport} <= classes
    for cls in classes:
        assert "__repr__" not in vars(cls), cls
        if cls not in {_models.SourceNetworkID, _models.UnknownMember}:
            assert all(field.kw_only for field in attrs.fields(cls)), cls
            assert attrs.fields(cls), cls
