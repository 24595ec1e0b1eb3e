"""Completeness: names of AWS's service model, public names, docstrings and mutation testing."""

import ast
import inspect
import re
from enum import StrEnum
from pathlib import Path
from types import ModuleType

import attrs
import pytest

import drs_jobs
from drs_jobs import _errors, _models, _pagination, analysis, evidence, notebook, saved, sweep, testing
from drs_jobs._aws.field_names import AWS_NAMES
from drs_jobs._models import enums
from drs_jobs._models.base import Model
from mutants import MODULES, ROOT
from service_model import ERRORS, missing


def test_what_aws_has_we_have():
    """Members, values, union members, errors and sensitive shapes of the service model."""
    assert list(missing()) == []


def test_missing_names_each_thing(monkeypatch: pytest.MonkeyPatch):
    job_names = {field: name for field, name in AWS_NAMES[_models.Job].items() if field != "arn"}
    errors = [code for code in ERRORS if code != "ThrottlingException"]
    monkeypatch.setattr(_models, "JobStatus", _models.JobType)
    found = set(missing({**AWS_NAMES, _models.Job: job_names}, errors))
    assert {"Job.arn, a member", "JobStatus.PENDING, a value", "ThrottlingException, an error"} <= found


def test_enum_names_equal_enum_values():
    for enum in vars(enums).values():
        if inspect.isclass(enum) and issubclass(enum, StrEnum):
            assert all(member.name == member.value for member in enum)


def test_everything_public_has_a_docstring():
    """Inherited docstrings do not count."""
    modules = (drs_jobs, analysis, evidence, saved, sweep, testing)
    for value, name in ((getattr(module, name), name) for module in modules for name in module.__all__):
        if not inspect.isclass(value) and not inspect.isfunction(value):
            continue  # the reference describes aliases
        own = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
        assert own, name
        for member_name, member in vars(value).items() if inspect.isclass(value) else ():
            if not member_name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                assert member.__doc__, f"{name}.{member_name}"


@pytest.mark.parametrize(
    "module", [drs_jobs, analysis, evidence, notebook, saved, sweep, testing], ids=lambda module: module.__name__
)
def test_reference_has_every_public_name(module: ModuleType):
    """Each is on one page, under the name of its import. What `drs_jobs` has too is on its pages."""
    pages = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("reference*.md"))
    found = re.findall(rf"^\.\. \S+:: {module.__name__}\.(\w+)$", pages, re.MULTILINE)
    names = set(module.__all__) if module is drs_jobs else set(module.__all__) - set(drs_jobs.__all__)
    assert sorted(found) == sorted(names)


def test_every_analysis_is_public():
    public = {name for name, value in vars(analysis).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert public == set(analysis.__all__)


DOCUMENTED = [
    Path(inspect.getfile(module))
    for module in (
        enums,
        _models.job,
        _models.log,
        _models.source_server,
        _models.base,
        _pagination.pages,
        _pagination.run,
        _errors,
    )
]
DOCUMENTED += sorted(path for package in (analysis, evidence) for path in Path(inspect.getfile(package)).parent.glob("*.py"))


@pytest.mark.parametrize("module", DOCUMENTED, ids=lambda module: module.name)
def test_every_field_has_a_docstring(module: Path):
    """The docstring is a string below the annotated field of a public class."""
    for cls in ast.parse(module.read_text(encoding="utf-8")).body:
        if not isinstance(cls, ast.ClassDef) or cls.name.startswith("_"):
            continue
        for field, following in zip(cls.body, [*cls.body[1:], None], strict=True):
            if isinstance(field, ast.AnnAssign) and not str(getattr(field.target, "id", "_")).startswith("_"):
                is_doc = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
                assert is_doc, f"{cls.name}.{ast.unparse(field.target)}"


POSITIONAL = {
    _models.SourceNetworkID: ["value"],
    _models.UnknownMember: ["name", "value"],
    evidence.Problem: ["text"],
    evidence.SourceServer: ["source_server_id"],
}


def test_data_classes_have_keyword_fields_and_a_short_repr():
    """Keywords, because the order of fields can change. The repr of attrs would print every field."""
    found = [value for module in (_models, analysis, evidence) for value in vars(module).values() if inspect.isclass(value)]
    classes = {cls for cls in found if issubclass(cls, Model)} - {Model}
    assert {_models.Job, _models.JobLogItem, evidence.Assessment} <= classes
    for cls in classes:
        assert "__repr__" not in vars(cls), cls
        assert attrs.fields(cls), cls
        assert [field.name for field in attrs.fields(cls) if not field.kw_only] == POSITIONAL.get(cls, []), cls


def test_mutation_testing_covers_every_core_module():
    package = ROOT / "drs_jobs"
    optional = {"cli", "notebook", "testing", "__init__", "__main__", "_extras"}
    modules = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert modules - optional == MODULES.keys()
    for path, tests in MODULES.values():
        assert (ROOT / path).exists()
        assert [test for test in tests.split() if not (ROOT / "tests" / f"test_{test}.py").exists()] == []
