"""Mutation testing of the core rooms: `make mutants`, or `python tests/mutants.py pager` for one room.

Each mutant is one small change to a room, and the tests that mirror the room run against it. What no test notices is
printed; docs/trust.md names those that are left, with the reason why no test can.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome

ROOT: Final = Path(__file__).parent.parent
COPIES: Final = ROOT / "build" / "mutants"
"""Where the mutants live: a copy for each room, because a mutant is written into the file that it changes."""

ROOMS: Final = {
    "pager": ("drs_jobs/_pagination.py", "paging asking"),
    "_watch": ("drs_jobs/_polling.py", "watch"),
    "models": ("drs_jobs/_models", "models errors completeness"),
    "_botocore": ("drs_jobs/_botocore.py", "bad_answers scope fuzz"),
    "reports": ("drs_jobs/reports.py", "reports completeness"),
    "_wire": ("drs_jobs/_wire", "models bad_answers log asking"),
}
"""For each room what is changed, and the tests that mirror it."""

CONFIG: Final = """
[cosmic-ray]
module-path = "{path}"
timeout = 40.0
test-command = "{python} -m pytest -x -q -p no:cacheprovider --hypothesis-profile=mutants {tests}"

[cosmic-ray.distributor]
name = "local"

[cosmic-ray.filters.operators-filter]
exclude-operators = [
    # `|` stands in annotations, where any other operator fails when the module is imported.
    "core/ReplaceBinaryOperator_BitOr_.*",
    # One wrong operator is as good as another: `-` for `+`, and so on.
    "core/ReplaceBinaryOperator_.*_(BitOr|BitAnd|BitXor|LShift|RShift|Mod|Pow|FloorDiv|Div)",
    "core/ReplaceBinaryOperator_(Sub|Mul|Pow)_Mul",
    # Of wrong comparisons the opposite and the one that is off by one.
    "core/ReplaceComparisonOperator_(Eq|NotEq)_(Is|IsNot|Lt|LtE|Gt|GtE)",
    "core/ReplaceComparisonOperator_(Is|IsNot)_(Eq|NotEq|Lt|LtE|Gt|GtE)",
    "core/ReplaceComparisonOperator_(Lt|LtE)_(Is|IsNot|Eq|NotEq|Gt)",
    "core/ReplaceComparisonOperator_(Gt|GtE)_(Is|IsNot|Eq|NotEq|Lt)",
    "core/ReplaceUnaryOperator_.*_(Invert|USub|UAdd)",
]
"""


def survivors(room: str) -> tuple[int, list[str]]:
    """How many mutants of a room there were, and what each that survived looks like."""
    path, tests = ROOMS[room]
    copy, config, session = COPIES / room, COPIES / f"{room}.toml", COPIES / f"{room}.sqlite"
    shutil.rmtree(copy, ignore_errors=True)
    session.unlink(missing_ok=True)
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".venv*", ".git", "build", "dist", ".*_cache", "_build"))
    names = " ".join(f"tests/test_{name}.py" for name in tests.split())
    config.write_text(CONFIG.format(path=path, python=sys.executable, tests=names), encoding="utf-8")
    cosmic_ray = Path(sys.executable).with_name("cosmic-ray")
    # In the copy, so that the copy's package is what is imported. The baseline is the tests without a mutant: they pass,
    # or every mutant would be "killed".
    for command in (
        [cosmic_ray, "baseline", config],
        [cosmic_ray, "init", config, session],
        [cosmic_ray.with_name("cr-filter-operators"), session, config],
        [cosmic_ray, "exec", config, session],
    ):
        subprocess.run(command, cwd=copy, check=True)
    shown: list[str] = []
    count = 0
    with use_db(session, WorkDB.Mode.open) as database:
        for _, result in database.completed_work_items:
            if result.test_outcome is None:
                continue  # filtered out
            count += 1
            if result.test_outcome is TestOutcome.SURVIVED:
                shown.append("\n".join(re.findall(r"^[-+@][^-+].*$", result.diff or "", re.MULTILINE)))
    return count, shown


def main(rooms: list[str]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))  # a mutant may loop, and collect
    COPIES.mkdir(parents=True, exist_ok=True)
    rooms = rooms or list(ROOMS)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for room, (count, shown) in zip(rooms, threads.map(survivors, rooms), strict=True):
            print(
                f"{room}: {count} mutants, {count - len(shown)} killed, {len(shown)} survived\n", *shown, sep="\n", flush=True
            )


if __name__ == "__main__":
    main(sys.argv[1:])
