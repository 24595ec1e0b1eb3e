"""Mutation testing of the core modules: `make mutants`, or `python tests/mutants.py _pagination` for one module.

Each mutant is one small change to a module. The tests of the module run against it. Mutants that pass every test are
printed. docs/trust.md has the figures.
"""

import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
COPIES: Final = ROOT / "build" / "mutants"
"""One copy of the project per module, because a mutant is written into the file that it changes."""

MODULES: Final = {
    "_aws": ("drs_jobs/_aws", "calls error_bodies fuzz log queries responses rest_json structure unstructure"),
    "_client": ("drs_jobs/_client.py", "client queries polling log analysis_failure analysis_phase"),
    "_errors": ("drs_jobs/_errors.py", "errors error_bodies polling rest_json structure completeness"),
    "_html": ("drs_jobs/_html.py", "notebook analysis_failure analysis_phase evidence_page"),
    "_models": ("drs_jobs/_models", "models errors completeness"),
    "_pagination": ("drs_jobs/_pagination", "pagination client queries"),
    "_polling": ("drs_jobs/_polling.py", "polling"),
    "_queries": ("drs_jobs/_queries.py", "queries client pagination log"),
    "_text": ("drs_jobs/_text.py", "models errors structure calls fuzz cli_output evidence_page notebook"),
    "_time": ("drs_jobs/_time.py", "models structure rest_json queries client"),
    "aio": ("drs_jobs/aio", "aio_client aio_sweep"),
    "analysis": ("drs_jobs/analysis", "analysis_several_jobs analysis_failure analysis_phase analysis_progress completeness"),
    "evidence": ("drs_jobs/evidence", "evidence_csv evidence_page evidence_rules"),
    "saved": ("drs_jobs/saved", "saved"),
    "sweep": ("drs_jobs/sweep", "sweep sweep_sts sweep_workers"),
}
"""The path and the test files of each core module."""

COMMAND: Final = "{python} -m pytest -x -q -m 'not needs_check_env' -p no:cacheprovider --hypothesis-profile=mutants {tests}"
TIMEOUT: Final = 40.0
"""A mutant counts as killed after these seconds, unless the tests without a mutant need more than a third of it."""

CONFIG: Final = """
[cosmic-ray]
module-path = "{path}"
timeout = {timeout}
test-command = "{command}"

[cosmic-ray.distributor]
name = "local"

[cosmic-ray.filters.operators-filter]
exclude-operators = [
    # `|` is used in annotations. Any other operator there fails when the module is imported.
    "core/ReplaceBinaryOperator_BitOr_.*",
    # One wrong operator is enough: `-` for `+`, and so on.
    "core/ReplaceBinaryOperator_.*_(BitOr|BitAnd|BitXor|LShift|RShift|Mod|Pow|FloorDiv|Div)",
    "core/ReplaceBinaryOperator_(Sub|Mul|Pow)_Mul",
    # Two wrong comparisons are enough: the opposite, and the one that is off by one.
    "core/ReplaceComparisonOperator_(Eq|NotEq)_(Is|IsNot|Lt|LtE|Gt|GtE)",
    "core/ReplaceComparisonOperator_(Is|IsNot)_(Eq|NotEq|Lt|LtE|Gt|GtE)",
    "core/ReplaceComparisonOperator_(Lt|LtE)_(Is|IsNot|Eq|NotEq|Gt)",
    "core/ReplaceComparisonOperator_(Gt|GtE)_(Is|IsNot|Eq|NotEq|Lt)",
    "core/ReplaceUnaryOperator_.*_(Invert|USub|UAdd)",
]
"""


def survivors(module: str) -> tuple[int, list[str]]:
    """Return the number of mutants of a module, and the diff of each mutant that passed every test."""
    from cosmic_ray.work_db import WorkDB, use_db  # noqa: PLC0415  # test_completeness reads MODULES without cosmic-ray
    from cosmic_ray.work_item import TestOutcome  # noqa: PLC0415

    path, tests = MODULES[module]
    copy, config, session = COPIES / module, COPIES / f"{module}.toml", COPIES / f"{module}.sqlite"
    shutil.rmtree(copy, ignore_errors=True)
    session.unlink(missing_ok=True)
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".venv*", ".git", "build", "dist", ".*_cache", "_build"))
    names = " ".join(f"tests/test_{name}.py" for name in tests.split())
    python = ROOT / ".venv-async" / "bin" / "python" if module == "aio" else sys.executable  # only that one has aiobotocore
    command = COMMAND.format(python=python, tests=names)
    # Every command runs in the copy, so that the tests import the copy's package. First the tests run without a mutant: if
    # they failed, or needed more than the time limit, every mutant would count as killed.
    began = time.perf_counter()
    subprocess.run(shlex.split(command), cwd=copy, check=True)
    timeout = max(TIMEOUT, 3 * (time.perf_counter() - began))
    config.write_text(CONFIG.format(path=path, timeout=timeout, command=command), encoding="utf-8")
    cosmic_ray = Path(sys.executable).with_name("cosmic-ray")
    for arguments in (
        [cosmic_ray, "init", config, session],
        [cosmic_ray.with_name("cr-filter-operators"), session, config],
        [cosmic_ray, "exec", config, session],
    ):
        subprocess.run(arguments, cwd=copy, check=True)
    diffs: list[str] = []
    count = 0
    with use_db(session, WorkDB.Mode.open) as database:
        for _, result in database.completed_work_items:
            if result.test_outcome is None:
                continue  # filtered out
            count += 1
            if result.test_outcome is TestOutcome.SURVIVED:
                diffs.append("\n".join(re.findall(r"^[-+@][^-+].*$", result.diff or "", re.MULTILINE)))
    return count, diffs


def main(modules: list[str]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))  # a mutant can collect jobs in an endless loop
    COPIES.mkdir(parents=True, exist_ok=True)
    modules = modules or list(MODULES)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for module, (count, diffs) in zip(modules, threads.map(survivors, modules), strict=True):
            killed = count - len(diffs)
            print(f"{module}: {count} mutants, {killed} killed, {len(diffs)} survived\n", *diffs, sep="\n", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
