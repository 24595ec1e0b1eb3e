"""Completeness: what AWS's service model has, we have, and what was forgotten is named."""

import ast
import inspect
import operator
from enum import StrEnum
from pathlib import Path

import attrs
import pytest

import drs_jobs
from drs_jobs import _wire, errors, models, pager, reports, testing
from drs_jobs._models.base import Model
from service_model import missing


def test_what_aws_has_we_have():
    """Each member, value, union member, error and sensitive shape of the service model; what is missing is named."""
    assert list(missing()) == []


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch):
    """A member, a value and an error that we forgot are told by AWS's names."""
    monkeypatch.delitem(dict(_wire.NAMES)[models.Job], "arn")
    monkeypatch.setattr(models, "JobStatus", models.JobType)
    monkeypatch.delitem(errors._CLASSES, "ThrottlingException")
    assert {"Job.arn, a member", "JobStatus.PENDING, a value", "ThrottlingException, an error"} <= set(missing())


def test_names_and_values_of_enums_are_alike():
    """As botocore has them."""
    for enum in vars(models.enums).values():
        if inspect.isclass(enum) and issubclass(enum, StrEnum):
            assert all(member.name == member.value for member in enum)


def test_the_front_door_and_all_agree():
    """What __all__ names is what can be imported, and every public class of the rooms is there."""
    public = [name for name, value in vars(drs_jobs).items() if not name.startswith("_") and not inspect.ismodule(value)]
    assert sorted(public) == sorted(drs_jobs.__all__)
    assert set(models.__all__) <= set(drs_jobs.__all__)


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


ROOMS = [
    Path(inspect.getfile(room))
    for room in (models.enums, models.job, models.log, models.record, pager, drs_jobs._errors, reports)
]


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_every_field_has_a_docstring(room: Path):
    """A string stands below each annotated field of a public class."""
    for cls in ast.parse(room.read_text(encoding="utf-8")).body:
        if not isinstance(cls, ast.ClassDef) or cls.name.startswith("_"):
            continue
        for field, following in zip(cls.body, [*cls.body[1:], None], strict=True):
            if isinstance(field, ast.AnnAssign) and not str(getattr(field.target, "id", "_")).startswith("_"):
                is_doc = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
                assert is_doc, f"{cls.name}.{ast.unparse(field.target)}"


_CORE = {"_text", "_extras", "_arguments", "_words", "errors", "models", "_botocore", "pager", "_wire", "_watch", "reports"}
FLOORS = {
    "_text": set(),
    "_extras": set(),
    "errors": {"_text"},
    "models": {"_text", "errors", "notebook"},  # `_repr_html_` imports it when called
    "_arguments": {"_text", "_wire", "models"},
    "_botocore": {"_text", "errors"},
    "pager": {"_text", "errors", "notebook"},  # the same
    "_wire": {"_text", "models", "errors"},
    "_watch": {"_text", "models", "errors"},
    "reports": {"models"},
    "client": _CORE,
    "fleet": {"_arguments", "client", "errors", "models"},
    "_words": {"models"},
    "notebook": {"_extras", "_text", "_words", "models"},
    "testing": {"_extras", "_wire", "models"},
    "cli": {*_CORE, "client", "fleet", "testing"},
    "__main__": {"cli"},
    "__init__": {*_CORE, "client"},
}
PACKAGE = Path(inspect.getfile(drs_jobs)).parent


def _imports(tree: ast.AST) -> set[str]:
    """The rooms of drs_jobs that a module imports when it runs, in any of Python's ways to say it."""
    found: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        found |= _imports(node)
    return found


def test_every_room_has_its_floor():
    """A new room has to be drawn into the house."""
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms == set(FLOORS)


@pytest.mark.parametrize("room", FLOORS)
def test_imports_only_go_down(room: str):
    """A room imports from the floors below it, as the house is drawn."""
    files = [PACKAGE / f"{room}.py"] if (PACKAGE / f"{room}.py").exists() else list((PACKAGE / room).glob("*.py"))
    for file in files:
        targets = {
            name.split(".")[1] for name in _imports(ast.parse(file.read_text(encoding="utf-8"))) if name.startswith("drs_jobs.")
        }
        assert targets <= {room, *FLOORS[room]}, file.name


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import drs_jobs.cli", "cli"),
        ("from drs_jobs import client", "client"),
        ("from drs_jobs._pagination import Page", "pager"),
    ],
)
def test_no_way_to_import_is_overlooked(source: str, expected: str):
    """The three ways to say it are all seen."""
    assert {expected} == {name.split(".")[1] for name in _imports(ast.parse(f"def f():\n    {source}"))}


def test_every_data_class_is_made_by_keywords_and_shows_itself_in_a_line():
    """The order of fields is free, so nobody may rely on it; no class has attrs' own repr, which would print it all."""
    found = [value for room in (models, reports) for value in vars(room).values() if inspect.isclass(value)]
    classes = {cls for cls in found if issubclass(cls, Model)} - {Model}
    assert {models.Job, models.JobLogItem, reports.DrillReport} <= classes
    for cls in classes:
        assert "__repr__" not in vars(cls), cls
        if cls not in {models.SourceNetworkID, models.UnknownMember}:
            assert all(field.kw_only for field in attrs.fields(cls)), cls
            assert attrs.fields(cls), cls
