"""The program: options before and after the command, help, completion, usage errors, and what they import."""

import json
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pytest
import typer.main
from packaging.requirements import Requirement

from command_line import run, run_process
from drs_jobs.cli.app import EXAMPLES, app
from drs_jobs.cli.parsers import parse_duration, parse_moment
from drs_jobs.testing import LocalDrs, make_job
from mutants import ROOT

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


def program() -> Any:
    return typer.main.get_command(app)


COMMANDS = sorted(program().commands)

# ------------------------------------------------------------------ options before the command


@pytest.mark.parametrize("arguments", [["--region", "us-east-1", "list"], ["list", "--region", "us-east-1"]])
@pytest.mark.parametrize("output", [["-o", "JSON"], ["--output", "json"]])
def test_options_before_or_after(arguments: list[str], output: list[str], local_drs: LocalDrs):
    job = make_job()
    local_drs.add_jobs(job, region="us-east-1")
    for command in ([*output, *arguments], [*arguments, *output]):
        assert [json.loads(line)["jobID"] for line in run(*command).stdout.splitlines()] == [job.job_id]


def test_option_after_wins(local_drs: LocalDrs):
    run("--region", "us-east-1", "list", "--region", "eu-central-1")
    assert [request.region for request in local_drs.requests] == ["eu-central-1"]


def test_endpoint_before(local_drs: LocalDrs):
    result = run("--endpoint-url", "http://127.0.0.1:9", "list", AWS_MAX_ATTEMPTS="1")
    assert (result.returncode, "127.0.0.1:9" in result.stderr, local_drs.requests) == (5, True, ())


def test_format_that_a_command_lacks():
    """The error has the format as it was given, before or after the command."""
    for arguments in (["-o", "JUnit", "list"], ["list", "-o", "JUnit"]):
        result = run(*arguments)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert re.search(r"'-o': 'junit' is not one of 'table', 'json', 'csv', 'markdown'", result.stderr, re.IGNORECASE)


GLOBAL = {"--region": "x", "--profile": "x", "--endpoint-url": "x", "--output": "json"}


@pytest.mark.parametrize("command", COMMANDS)
def test_option_that_a_command_lacks(command: str):
    """It is an error before the command as it is after it; it is not ignored."""
    options = {name for parameter in program().commands[command].params for name in parameter.opts}
    for option in GLOBAL.keys() - options:
        for arguments in ([option, GLOBAL[option], command], [command, option, GLOBAL[option]]):
            result = run(*arguments)
            assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
            assert option in result.stderr


# ------------------------------------------------------------------ help and completion


def test_help_without_a_command():
    result = run()
    assert (result.returncode, "Usage: " in result.stderr + result.stdout) == (2, True)
    assert "watch" in run("--help").stdout


def test_version():
    assert run("--version").stdout == f"drs-jobs {version('drs_jobs')}\n"


@pytest.mark.parametrize("command", ["", *COMMANDS])
@pytest.mark.parametrize("width", [60, 80, 140])
def test_help(command: str, width: int):
    """No line is cut off, or wider than the terminal, except for examples; -h is --help."""
    arguments = [command] if command else []
    shown = run(*arguments, "-h", COLUMNS=str(width))
    assert (shown.returncode, shown.stderr) == (0, "")
    text, _, examples = shown.stdout.partition("Examples:\n")
    assert "..." not in text.replace("[ARGS]...", "").replace("[JOB]...", "").replace("}...", "")
    assert max(map(len, text.splitlines())) <= width
    assert [line.strip() for line in examples.splitlines()] == list(EXAMPLES[command or "drs-jobs"])


def test_every_command_has_examples():
    assert set(EXAMPLES) == {"drs-jobs", *COMMANDS}


def documented() -> Iterator[str]:
    """Yield the command lines in the code of the documentation, without what a shell does with their output."""
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        text = re.sub(r"\\?\n +(?=-)", " ", path.read_text(encoding="utf-8"))
        for line in re.findall(r"(?:^ *|`|\$ )(drs-jobs [a-z]+ [^`\n]+)", text, re.MULTILINE):
            if not line.endswith(" -h"):
                yield re.split(r" [|>&#…]", line)[0]


EXAMPLE_LINES = sorted({*documented(), *(line for lines in EXAMPLES.values() for line in lines)})


@pytest.mark.parametrize("line", EXAMPLE_LINES)
def test_examples_are_valid(line: str):
    """The program accepts the options, and their values are readable."""
    _, *arguments = shlex.split(line)
    with program().make_context("drs-jobs", arguments) as context:
        name, *rest = [*context._protected_args, *context.args]
        with program().commands[name].make_context(name, rest, parent=context) as inner:
            values = inner.params
    for option in ("since", "until", "as_of"):
        parse_moment("--x", values.get(option), NOON)
    for option in ("timeout", "poll_interval", "drilled_within", "objective"):
        parse_duration("--x", values.get(option))


@pytest.mark.parametrize(
    ("words", "expected"),
    [("drs-jobs lis", {"list"}), ("drs-jobs list --outc", {"--outcome"}), ("drs-jobs list --kind fail", {"failback"})],
)
def test_completion(words: str, expected: set[str]):
    count = str(len(words.split()) - 1)
    result = run(_DRS_JOBS_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=count)
    assert (result.returncode, result.stderr, set(result.stdout.split())) == (0, "", expected)


# ------------------------------------------------------------------ packages that are imported

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OTHER_EXTRAS = [line for extra, lines in PROJECT["optional-dependencies"].items() if extra != "cli" for line in lines]
# The sweep imports msgspec early, so that none of its threads imports it.
NOT_FOR_HELP = {"boto3", *(Requirement(line).name.replace("-", "_") for line in OTHER_EXTRAS)} - {"msgspec"}

QUICK: dict[str, tuple[int, str]] = {
    "--help": (0, ""),
    "list --help": (0, ""),
    "--version": (0, ""),
    "": (2, r"Usage: drs-jobs .*"),
    "list --bad": (2, r"drs-jobs: list has no option --bad\. Try drs-jobs list --help\n"),
    "list --output yaml": (2, r"drs-jobs: Invalid value for '--output' / '-o': .*"),
    "list --outcome lost": (2, r"drs-jobs: Invalid value for '--outcome': .*"),
    "list --since tomorrow": (2, r"drs-jobs: --since 'tomorrow' is not a date: .*"),
    "watch drsjob-556c7b1d99221f996 --timeout 2x": (2, r"drs-jobs: --timeout '2x' is not a duration: .*"),
    "show job": (2, r"drs-jobs: 'job' is not a valid job id: .*"),
    "check --names absent.csv": (2, r"drs-jobs: --names 'absent\.csv' cannot be read: .*"),
    "check --objective 4": (2, r"drs-jobs: --objective '4' has no unit: use 4h for hours, or 4d for days\n"),
    "report": (2, r"drs-jobs: Missing argument 'FILE\.html'\. Try drs-jobs report --help\n"),
    "list --role-name r --accounts absent.txt": (2, r"drs-jobs: --accounts 'absent\.txt' cannot be read: .*"),
}
"""The exit status and the pattern of stderr, by command line."""

RUNNER = """
import contextlib, io, json, os, sys
from drs_jobs.cli import main
from drs_jobs.cli.app import invoke
results = {}
def run(name, arguments):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as stderr:
        try:
            main.run(lambda: invoke(arguments))
        except SystemExit as error:
            results[name] = error.code, stderr.getvalue(), sorted({key.partition(".")[0] for key in sys.modules})
for line in json.loads(sys.argv[1]):
    run(line, line.split())
os.environ.update(_DRS_JOBS_COMPLETE="complete_bash", COMP_WORDS="drs-jobs li", COMP_CWORD="1")
run("completion", [])
del os.environ["_DRS_JOBS_COMPLETE"]
run("a request", ["list", "--profile", "absent"])
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def runs() -> dict[str, tuple[int, str, list[str]]]:
    """The exit status, stderr and imported packages after each command line, all in one process."""
    result = run_process([sys.executable, "-c", RUNNER, json.dumps([*QUICK])])
    assert result.stderr == ""
    results: dict[str, Any] = json.loads(result.stdout)
    return {name: (status, stderr, modules) for name, (status, stderr, modules) in results.items()}


def test_help_imports_no_boto3_and_no_other_extra(runs: dict[str, tuple[int, str, list[str]]]):
    """Completion and usage errors do not either. A request imports boto3."""
    packages = {name: NOT_FOR_HELP.intersection(modules) for name, (_, _, modules) in runs.items()}
    assert "boto3" in packages.pop("a request")
    assert set().union(*packages.values()) == set()


def test_texts_of_usage_errors(runs: dict[str, tuple[int, str, list[str]]]):
    for line, (status, pattern) in QUICK.items():
        assert status == runs[line][0], line
        assert re.fullmatch(pattern, runs[line][1], re.DOTALL), line
    assert runs["completion"][:2] == (0, "")
    assert runs["a request"][:2] == (
        2,
        "drs-jobs: The config profile (absent) could not be found: aws configure list-profiles shows them\n",
    )
