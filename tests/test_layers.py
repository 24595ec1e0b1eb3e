"""The layout: no import cycle, and no extra that `import drs_jobs` loads."""

import ast
import graphlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "drs_jobs").rglob("*.py")
}


def imports(node: ast.AST) -> Iterator[str]:
    """Yield the dotted names that a module imports, also in functions, without the imports for type checkers."""
    if isinstance(node, ast.ImportFrom):
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    is_typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    for child in node.orelse if is_typing else ast.iter_child_nodes(node):
        yield from imports(child)


def test_no_import_cycle():
    graph: dict[str, set[str]] = {}
    for name, path in FILES.items():
        names = imports(ast.parse(path.read_text(encoding="utf-8")))
        graph[name] = {dotted if dotted in FILES else dotted.rpartition(".")[0] for dotted in names} & FILES.keys()
    graph["drs_jobs._models.job"].remove("drs_jobs._errors")  # in `raise_unless_succeeded`; the errors know `Job`
    graphlib.TopologicalSorter(graph).prepare()


def test_import_loads_no_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {Requirement(line).name for lines in project["optional-dependencies"].values() for line in lines}
    code = "import drs_jobs, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True).stdout.split()
    assert {"boto3", *(extra.replace("-", "_") for extra in extras)}.isdisjoint(name.partition(".")[0] for name in loaded)
