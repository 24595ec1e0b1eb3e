"""Layers: a module imports only from layers below its own."""

import ast
import functools
import graphlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import drs_jobs

PACKAGE = Path(inspect.getfile(drs_jobs)).parent

LAYERS = [
    {
        "_extras",
        "_garbage_collector",
        "_json",
        "_public",
        "_redaction",
        "_retry_after",
        "_task_guard",
        "_thread_pool",
        "_timestamps",
    },
    {"_async_sweep", "_enums", "_formatting", "_time_formatting"},
    {"_errors", "_csv"},
    {"_models"},
    {"_pagination", "_botocore", "reports"},
    {"_wire"},
    {"_arguments"},
    {"_polling", "_queries"},
    {"_async_polling", "_client", "_sweep_state"},
    {"_async_client"},
    {"_async_sweep_state"},
    {"__init__"},
    {"sweep", "notebook", "report", "testing"},
    {"cli"},
    {"__main__"},
]
"""The modules and subpackages of drs_jobs, lowest layer first."""


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names that a module imports, inside functions too, without imports for type checkers.

    If these have an `else`, it loads the same names when they are used.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and not node.orelse:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and "import_module" in {getattr(node.func, "id", ""), getattr(node.func, "attr", "")}:
            yield from (part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str))
        yield from imported(node)


@functools.cache
def files() -> dict[str, Path]:
    """Return the files of the package by dotted name."""
    paths = {".".join(("drs_jobs", *path.relative_to(PACKAGE).with_suffix("").parts)): path for path in PACKAGE.rglob("*.py")}
    return {name.removesuffix(".__init__") or name: path for name, path in paths.items()}


@functools.cache
def graph() -> dict[str, set[str]]:
    """Return the names of the files of the package that each file imports, by dotted name."""
    names = files()
    found: dict[str, set[str]] = {}
    for name, path in names.items():
        wanted = [dotted for dotted in imported(ast.parse(path.read_text(encoding="utf-8"))) if dotted.startswith("drs_jobs")]
        # In `from drs_jobs._wire import NAMES`, the last name can be a module or a name in a module.
        found[name] = {dotted if dotted in names else dotted.rpartition(".")[0] for dotted in wanted} & names.keys()
    return found


def unit(name: str) -> str:
    """Return the module or subpackage of drs_jobs that a file belongs to."""
    return (*name.split("."), "__init__")[1]


def test_every_module_has_a_layer():
    assert {unit(name) for name in files()} == set.union(*LAYERS)


def test_imports_only_go_down():
    """`pytest -k go_down -s` prints the layers of the import graph."""
    levels = {name: level for level, names in enumerate(LAYERS) for name in names}
    upward = {
        (importer, target)
        for importer, targets in graph().items()
        for target in targets
        if unit(importer) != unit(target) and levels[unit(target)] >= levels[unit(importer)]
    }
    for level, names in enumerate(LAYERS):
        below = {unit(target) for name, targets in graph().items() if unit(name) in names for target in targets} - names
        print(f"{level:2} {', '.join(sorted(names))} <- {', '.join(sorted(below))}")
    assert upward == set()


def test_import_graph_has_no_cycle():
    """Within subpackages too."""
    graphlib.TopologicalSorter(graph()).prepare()


@pytest.mark.parametrize(
    "source",
    [
        "import drs_jobs.cli",
        "from drs_jobs import cli",
        "from drs_jobs.cli import app",
        "def f():\n    from drs_jobs import cli",
        "importlib.import_module('drs_jobs.cli')",
    ],
)
def test_imported_finds_every_kind_of_import(source: str):
    assert any(name.startswith("drs_jobs.cli") for name in imported(ast.parse(source)))
