"""The public names: completion, type hints, and the module that classes report."""

import ast
import copy
import inspect
import pickle
import pkgutil
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

import drs_jobs
from drs_jobs import Outcome, Page, UnknownValue, analysis, evidence, notebook, saved, sweep
from drs_jobs.testing import make_job

PACKAGE = Path(inspect.getfile(drs_jobs)).parent


def run(code: str, data: bytes = b"") -> bytes:
    """Run code in a new process without a module of drs_jobs, and return its output."""
    return subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True).stdout


def test_dir_lists_the_public_names():
    """And subpackages that were imported, but no helper."""
    names = run("import drs_jobs; print(*dir(drs_jobs))").decode().split()
    assert [name for name in names if not name.startswith("_")] == sorted({*drs_jobs.__all__} - {"__version__"})


def test_no_module_has_lazy_names():
    """A `__getattr__` hides names from completion, `dir` and `help`."""
    texts = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    trees = {path: ast.parse(text) for path, text in texts.items() if "__getattr__" in text}
    assert [path for path, tree in trees.items() if "__getattr__" in {getattr(node, "name", "") for node in tree.body}] == []


def test_type_hints():
    """Of every class, method, property and function, in a process that has imported nothing else."""
    run("""
import inspect, typing, drs_jobs, drs_jobs.analysis, drs_jobs.evidence, drs_jobs.saved, drs_jobs.sweep
modules = (drs_jobs, drs_jobs.analysis, drs_jobs.evidence, drs_jobs.saved, drs_jobs.sweep)
for value in (getattr(module, name) for module in modules for name in module.__all__):
    if inspect.isclass(value):
        typing.get_type_hints(value)
    for function in (value, *(member for _, member in inspect.getmembers_static(value) if inspect.isclass(value))):
        function = getattr(function, "fget", None) or getattr(function, "__func__", function)
        if inspect.isfunction(function):
            typing.get_type_hints(function)
""")


WITHOUT_EXTRA = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())

import drs_jobs, drs_jobs.analysis, drs_jobs.evidence, drs_jobs.saved, drs_jobs.sweep
from drs_jobs.testing import LocalDrs, make_job

for _ in range(2):
    try:
        import drs_jobs.aio
    except ImportError as error:
        print(error)
with LocalDrs() as local:
    local.add_jobs(job := make_job())
    client = drs_jobs.JobsClient(local.client())
    assert client.describe_jobs().collect() == (client.wait(job, timeout=1),)
    assert client.explain(job).job == job
    [result] = drs_jobs.sweep.sweep([drs_jobs.sweep.Target("eu-west-1", endpoint_url=local.endpoint_url)])
    print(type(result).__name__)
    assert "aio" not in dir(drs_jobs)
"""


@pytest.mark.parametrize("blocked", [("anyio",), ("aiobotocore", "anyio", "aiohttp", "msgspec")])
def test_without_the_extra_async(blocked: tuple[str, ...], monkeypatch: pytest.MonkeyPatch):
    """`import drs_jobs.aio` is an error that names it, and everything else works. It is a new process for each."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    first, second, result = run(WITHOUT_EXTRA.format(blocked=blocked)).decode().splitlines()
    assert first == second
    assert re.match("(aiobotocore|anyio) is not installed: install drs_jobs with its extra 'async'", first)
    assert "pip install '.[async]'" in first
    assert result == "TargetResult"


COMPLETIONS = """
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell()
shell.run_cell("import drs_jobs, drs_jobs.notebook")
for shell.Completer.use_jedi in (False, True):
    with provisionalcompleter():
        print(*(completion.text for completion in shell.Completer.completions({text!r}, {length})))
"""


@pytest.mark.needs_check_env
@pytest.mark.parametrize("module", [drs_jobs, notebook], ids=lambda module: module.__name__)
def test_ipython_completes_the_public_names(module: ModuleType):
    """With jedi and without it. The names that a module imports for itself are not listed."""
    text = f"{module.__name__}."
    for line in run(COMPLETIONS.format(text=text, length=len(text))).decode().splitlines():
        names = {name.removeprefix(".") for name in line.split()}
        assert {name for name in module.__all__ if not name.startswith("_")} <= names
        assert names.isdisjoint({"Any", "Final", "importlib"})


@pytest.mark.needs_check_env
@pytest.mark.parametrize("module", [drs_jobs, notebook], ids=lambda module: module.__name__)
def test_jedi_completes_the_public_names(module: ModuleType):
    """As an editor does, without running the code. There are no other names but those of modules."""
    import jedi  # noqa: PLC0415  # only in this environment

    names = {completion.name for completion in jedi.Script(f"import {module.__name__}\n{module.__name__}.").complete()}
    assert {*module.__all__} <= names
    modules = {info.name for info in pkgutil.iter_modules(module.__path__)}
    assert {name for name in names - {*module.__all__} - modules if not name.startswith("_")} == set()


@pytest.mark.parametrize("module", [drs_jobs, analysis, evidence, saved, sweep], ids=lambda module: module.__name__)
def test_classes_report_the_public_module(module: ModuleType):
    classes = {name: value for name in module.__all__ if inspect.isclass(value := getattr(module, name))}
    if module is not drs_jobs:  # a class that is public in both reports the root
        classes = {name: cls for name, cls in classes.items() if name not in drs_jobs.__all__}
    assert {name: cls.__module__ for name, cls in classes.items()} == dict.fromkeys(classes, module.__name__)


def test_pickles_name_the_public_module():
    page = Page(items=(1,), next_token=None, request_id=None, cursor="", raw={})
    values = [make_job(), Outcome.FAILED, UnknownValue("NEW"), page]
    assert b"drs_jobs._" not in pickle.dumps(values)
    assert values == pickle.loads(pickle.dumps(values))


def test_unpickling_in_a_new_process():
    job = make_job(creation_date_time=datetime(2024, 6, 15, tzinfo=UTC))
    code = "import pickle, sys; sys.stdout.buffer.write(pickle.dumps(pickle.load(sys.stdin.buffer)))"
    loaded, outcome = pickle.loads(run(code, pickle.dumps((job, Outcome.FAILED))))
    assert loaded == copy.deepcopy(job) == copy.copy(job)
    assert outcome is Outcome.FAILED
