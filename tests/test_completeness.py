"""Completeness: names of AWS's service model, public names, docstrings and mutation testing."""

import ast
import inspect
import re
import runpy
import typing
from enum import StrEnum
from pathlib import Path
from types import ModuleType

import attrs
import pytest

import drs_jobs
from drs_jobs import _enums, _errors, _models, _pagination, _wire, analysis, notebook, report, testing
from drs_jobs._models.base import Model
from mutants import MODULES, ROOT
from service_model import ERRORS, missing


def test_what_aws_has_we_have():
    """Members, values, union members, errors and sensitive shapes of the service model."""
    assert list(missing()) == []


def test_missing_names_each_thing(monkeypatch: pytest.MonkeyPatch):
    job_names = {field: name for field, name in _wire.AWS_NAMES[_models.Job].items() if field != "arn"}
    errors = [code for code in ERRORS if code != "ThrottlingException"]
    monkeypatch.setattr(_models, "JobStatus", _models.JobType)
    found = set(missing({**_wire.AWS_NAMES, _models.Job: job_names}, errors))
    assert {"Job.arn, a member", "JobStatus.PENDING, a value", "ThrottlingException, an error"} <= found


def test_enum_names_equal_enum_values():
    for enum in vars(_enums).values():
        if inspect.isclass(enum) and issubclass(enum, StrEnum):
            assert all(member.name == member.value for member in enum)


def _public_names(module: ModuleType) -> list[str]:
    """Return the names of a module, those that need the extra `async` included."""
    return [*module.__all__, *getattr(module, "_ASYNCHRONOUS", ())]


def test_type_checkers_see_every_public_name(monkeypatch: pytest.MonkeyPatch):
    """They read imports that do not run. A program gets the same objects, when it uses them."""
    # Before, because a module that is loaded later would run its own imports for type checkers.
    loaded = {name: getattr(drs_jobs, name) for name in _public_names(drs_jobs)}
    monkeypatch.setattr(typing, "TYPE_CHECKING", True)
    seen = runpy.run_path(inspect.getfile(drs_jobs))
    public = {name: value for name, value in seen.items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert sorted([*public, "__version__"]) == sorted(loaded)
    assert {name: id(loaded[name]) for name in public} == {name: id(value) for name, value in public.items()}
    assert set(_models.__all__) <= set(drs_jobs.__all__)


def test_everything_public_has_a_docstring():
    """Inherited docstrings do not count."""
    modules = (drs_jobs, reports, testing)
    for value, name in ((getattr(module, name), name) for module in modules for name in _public_names(module)):
        if not inspect.isclass(value) and not inspect.isfunction(value):
            continue  # the reference describes aliases
        own = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
        assert own, name
        for member_name, member in vars(value).items() if inspect.isclass(value) else ():
            if not member_name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                assert member.__doc__, f"{name}.{member_name}"


@pytest.mark.parametrize("module", [drs_jobs, notebook, report, reports, testing], ids=lambda module: module.__name__)
def test_reference_has_every_public_name(module: ModuleType):
    """Each is on one page, under the name with which it is imported."""
    pages = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").glob("*.md"))
    found = re.findall(rf"^\.\. \S+:: {module.__name__}\.(\w+)$", pages, re.MULTILINE)
    assert sorted(found) == sorted(_public_names(module))


def test_every_report_is_public():
    public = {name for name, value in vars(reports).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert public == set(analysis.__all__)


DOCUMENTED = [
    Path(inspect.getfile(module))
    for module in (_enums, _models.job, _models.log, _models.base, _pagination.pages, _pagination.runs, _errors)
]
DOCUMENTED += sorted(Path(inspect.getfile(reports)).parent.glob("*.py"))


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


def test_data_classes_have_keyword_fields_and_a_short_repr():
    """Keywords, because the order of fields can change. The repr of attrs would print every field."""
    found = [value for module in (_models, reports) for value in vars(module).values() if inspect.isclass(value)]
    classes = {cls for cls in found if issubclass(cls, Model)} - {Model}
    assert {_models.Job, _models.JobLogItem, analysis.DrillReport} <= classes
    for cls in classes:
        assert "__repr__" not in vars(cls), cls
        if cls not in {_models.SourceNetworkID, _models.UnknownMember}:
            assert all(field.kw_only for field in attrs.fields(cls)), cls
            assert attrs.fields(cls), cls


def test_mutation_testing_covers_every_core_module():
    package = ROOT / "drs_jobs"
    optional = {"cli", "notebook", "report", "testing", "__init__", "__main__", "_extras"}
    modules = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert modules - optional == MODULES.keys()
    for path, tests in MODULES.values():
        assert (ROOT / path).exists()
        assert [test for test in tests.split() if not (ROOT / "tests" / f"test_{test}.py").exists()] == []
