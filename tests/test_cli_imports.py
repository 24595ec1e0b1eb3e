"""What the command line imports for help, completion and wrong arguments."""

import json
import re
import sys
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement

from command_line import run_process
from drs_jobs import sweep
from drs_jobs.cli.options import IN_FLIGHT
from mutants import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = [*PROJECT["dependencies"], *(line for lines in PROJECT["optional-dependencies"].values() for line in lines)]
SLOW = {"attr", "urllib3", *(Requirement(line).name.replace("-", "_") for line in REQUIREMENTS)} - {"typer"}

QUICK: dict[str, tuple[int, str]] = {
    "--help": (0, ""),
    "list --help": (0, ""),
    "--version": (0, ""),
    "": (2, r"Usage: drs-jobs .*"),
    "list --bad": (2, r"drs-jobs: No such option:? .*--bad.* Try drs-jobs list --help\n"),
    "watch": (2, r"drs-jobs: Missing argument 'JOB\.\.\.'\. Try drs-jobs watch --help\n"),
    "list --output yaml": (2, r"drs-jobs: Invalid value for '--output' / '-o': .*"),
    "list --outcome lost": (2, r"drs-jobs: Invalid value for '--outcome': .*"),
    "list --since tomorrow": (2, r"drs-jobs: --since 'tomorrow' is not a date: .*"),
    "watch drsjob-556c7b1d99221f996 --timeout 2x": (2, r"drs-jobs: --timeout '2x' is not a duration: .*"),
    "show job": (2, r"drs-jobs: 'job' is not a valid job id: .*"),
    "drills --names absent.csv": (2, r"drs-jobs: --names 'absent\.csv' cannot be read: .*"),
    "recovery --fail": (2, r"drs-jobs: --fail needs a limit: give --objective too\n"),
    "report": (2, r"drs-jobs: Missing option '-o': .*"),
    "sweep --role-name r --accounts absent.txt": (2, r"drs-jobs: --accounts 'absent\.txt' cannot be read: .*"),
}
"""The exit status and the pattern of stderr, by command line."""

RUNNER = """
import contextlib, io, json, os, sys, typer
own = set(sys.modules)  # some versions of typer import rich
from drs_jobs.cli import process
from drs_jobs.cli.commands import invoke
found = {}
def run(name, arguments):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as stderr:
        try:
            process.run(lambda: invoke(arguments))
        except SystemExit as error:
            found[name] = error.code, stderr.getvalue(), sorted({key.partition(".")[0] for key in sys.modules.keys() - own})
for line in json.loads(sys.argv[1]):
    run(line, line.split())
os.environ.update(_DRS_JOBS_COMPLETE="complete_bash", COMP_WORDS="drs-jobs li", COMP_CWORD="1")
run("completion", [])
del os.environ["_DRS_JOBS_COMPLETE"]
run("a request", ["list", "--profile", "absent"])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def runs() -> dict[str, tuple[int, str, list[str]]]:
    """The exit status, stderr and imported packages after each command line, all in one process."""
    result = run_process([sys.executable, "-c", RUNNER, json.dumps([*QUICK])])
    assert result.stderr == ""
    found: dict[str, Any] = json.loads(result.stdout)
    return {name: (status, stderr, modules) for name, (status, stderr, modules) in found.items()}


def test_help_and_usage_errors_import_no_slow_package(runs: dict[str, tuple[int, str, list[str]]]):
    """Neither boto3, attrs, cattrs nor rich. A request imports them."""
    slow = {name: SLOW.intersection(modules) for name, (_, _, modules) in runs.items()}
    request = slow.pop("a request")
    assert {name: packages for name, packages in slow.items() if packages} == {}
    assert {"attrs", "boto3", "botocore", "cattrs"} <= request


def test_texts_of_usage_errors(runs: dict[str, tuple[int, str, list[str]]]):
    for line, (status, pattern) in QUICK.items():
        assert status == runs[line][0], line
        assert re.fullmatch(pattern, runs[line][1], re.DOTALL), line
    assert runs["completion"][:2] == (0, "")
    assert runs["a request"][:2] == (2, "drs-jobs: The config profile (absent) could not be found\n")


def test_default_of_in_flight():
    """The command line has a copy, because it does not import `sweep` for its help."""
    assert sweep.MAX_IN_FLIGHT == IN_FLIGHT
