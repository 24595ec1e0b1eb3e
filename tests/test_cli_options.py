"""Options before and after the command, filters, durations, help, completion, and usage errors."""

import io
import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
import typer.main
from drs_jobs._models.labels import KINDS, job_kind
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from command_line import run
from drs_jobs import Outcome
from drs_jobs.analysis import Explanation, Failure
from drs_jobs.cli.commands import app
from drs_jobs.cli.filters import JobFilter
from drs_jobs.cli.help import EXAMPLES, complete_help, summary
from drs_jobs.cli.options import Kind, read_duration, read_job_id, read_moment
from drs_jobs.cli.tables import print_reasons
from drs_jobs.testing import LocalDrs, make_history, make_job, make_server

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)
JOB = "drsjob-556c7b1d99221f996"


def program() -> Any:
    command = typer.main.get_command(app)
    complete_help(command)
    return command


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


GLOBAL = {"--region": "x", "--profile": "x", "--endpoint-url": "x", "--output": "json"}


@pytest.mark.parametrize("command", COMMANDS)
def test_option_that_a_command_lacks(command: str):
    """It is an error before the command as it is after it; it is not ignored."""
    own = {name for parameter in program().commands[command].params for name in parameter.opts}
    for option in GLOBAL.keys() - own:
        for arguments in ([option, GLOBAL[option], command], [command, option, GLOBAL[option]]):
            result = run(*arguments)
            assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
            assert option in result.stderr


# ------------------------------------------------------------------ filters


def test_kinds_are_those_of_tables():
    assert {kind.value for kind in Kind} == set(KINDS.values())


def test_filters_against_labels():
    """Each combination keeps the jobs whose label and outcome were asked for, in their order."""
    jobs = make_history(200, until=NOON, seed=5)
    for kind, outcome, failed in product([None, *Kind], [None, *Outcome], [False, True]):
        chosen = JobFilter.from_options(kind and [kind], outcome and [outcome], failed=failed)
        names = ([outcome.name] if outcome else []) + (["FAILED"] if failed else [])
        expected = [job for job in jobs if kind in {None, job_kind(job)} and (not names or job.outcome.name in names)]
        assert list(chosen.first(jobs, None)) == expected
        assert list(chosen.first(jobs, 2)) == expected[:2]


def test_list_filters_in_any_case(local_drs: LocalDrs):
    """--limit counts the jobs that match, and no page is read after the last of them."""
    local_drs.page_sizes = (1,)
    failed = [make_job(participating_servers=(make_server(launch_status="FAILED"),)) for _ in range(3)]
    recovery = make_job(initiated_by="START_RECOVERY")
    local_drs.add_jobs(failed[0], recovery, failed[1], make_job(), failed[2])

    def listed(*options: str) -> list[str]:
        return [json.loads(line)["jobID"] for line in run("list", "-o", "json", *options).stdout.splitlines()]

    newest_first = [job.job_id for job in reversed(failed)]
    for options in (["--failed"], ["--outcome", "FAILED"], ["--outcome", "failed"]):
        assert listed(*options) == newest_first
    before = len(local_drs.requests)
    assert listed("--failed", "--limit", "2") == newest_first[:2]
    assert len(local_drs.requests) - before == 4  # of 5 jobs
    assert listed("--failed", "--limit", "0") == []
    assert listed("--kind", "Recovery") == [recovery.job_id]
    assert len(listed("--kind", "recovery", "--kind", "DRILL")) == 5
    assert run("list", "--kind", "failback").stderr == "no jobs\n"
    wrong = run("list", "--kind", "holiday")
    assert (wrong.returncode, wrong.stderr.count("\n"), "clean-up" in wrong.stderr) == (2, 1, True)


# ------------------------------------------------------------------ durations


@given(st.integers(0, 200), st.sampled_from([("s", 1), ("m", 60), ("h", 3600), ("d", 86400), ("w", 604800), ("y", 31536000)]))
def test_units_in_any_case(count: int, unit: tuple[str, int]):
    letter, seconds = unit
    for text in (f"{count}{letter}", f"{count}{letter.upper()}"):
        assert read_duration("--timeout", text) == timedelta(seconds=count * seconds)
        if letter in "hdwy":
            assert read_moment("--since", text, NOON) == NOON - timedelta(seconds=count * seconds)


@pytest.mark.parametrize("text", ["5m", "5M", "90s", "90", "1q", "w", "1.5y", "1y6m", "9999y", "999999999w"])
def test_invalid_moments(text: str):
    """5m could mean minutes or months."""
    with pytest.raises(ValueError, match="--since"):
        read_moment("--since", text, NOON)


# ------------------------------------------------------------------ usage errors


@pytest.mark.parametrize("text", ["", "nonsense", "drsjob-", JOB[:-1], f"{JOB}0", f"{JOB}\n", "drsjob-0000000000000000\u0660"])
def test_invalid_job_ids(text: str):
    with pytest.raises(ValueError, match="drsjob- and 17"):
        read_job_id(text)


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "nonsense"],
        ["watch", JOB, "nonsense"],
        ["watch", JOB, "--timeout", "soon"],
        ["watch", JOB, "--poll-interval", "0"],
        ["watch", JOB, "--poll-interval", "often"],
        ["list", "--since", "yesterday"],
        ["list", "--outcome", "good"],
        ["drills", "--servers", "absent"],
        ["drills", "--older-than", "old"],
        ["sweep", "--accounts", "absent", "--role-name", "x"],
        ["list", "--regoin", "x"],
        ["lst"],
        ["--output", "xml", "list"],
    ],
    ids=" ".join,
)
def test_usage_errors_come_first(arguments: list[str], local_drs: LocalDrs):
    """Before region and credentials are looked for, so nothing is requested of AWS or of the instance metadata service."""
    result = run(*arguments, AWS_DEFAULT_REGION="", AWS_REGION="", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert (result.returncode, result.stdout, result.stderr.count("\n"), local_drs.requests) == (2, "", 1, ())
    assert "region" not in result.stderr.replace("--regoin", "").replace("--region", "")
    assert not re.search(r"[.?!:;,][.?!:;,]", result.stderr.replace("...", "")), result.stderr


# ------------------------------------------------------------------ help and completion


@pytest.mark.parametrize("command", ["", *COMMANDS])
@pytest.mark.parametrize("width", [60, 80, 140])
def test_help(command: str, width: int):
    """No line is cut off, or wider than the terminal, except for examples; -h is --help."""
    arguments = [command] if command else []
    shown = run(*arguments, "-h", COLUMNS=str(width))
    assert (shown.returncode, shown.stderr) == (0, "")
    text, _, examples = shown.stdout.partition("Examples:\n")
    assert "..." not in text.replace("[ARGS]...", "").replace("JOB...", "").replace("}...", "")
    assert max(map(len, text.splitlines())) <= width
    assert [line.strip() for line in examples.splitlines()] == list(EXAMPLES[command or "drs-jobs"])


def test_every_command_has_examples():
    assert set(EXAMPLES) == {"drs-jobs", *COMMANDS}


@pytest.mark.parametrize("line", sorted({line for lines in EXAMPLES.values() for line in lines}))
def test_examples_are_valid(line: str):
    """The program accepts the options, and their values are readable."""
    _, *arguments = shlex.split(line)
    with program().make_context("drs-jobs", arguments) as context:
        name, *rest = [*context._protected_args, *context.args]
        with program().commands[name].make_context(name, rest, parent=context) as inner:
            values = inner.params
    for moment in ("since", "until", "older_than"):
        read_moment("--x", values.get(moment), NOON)
    for duration in ("timeout", "poll_interval"):
        read_duration("--x", values.get(duration))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two.\n\nThree.", "One"),
        ("One\ntwo.", "One two"),
        ("", ""),
        ("Show it, until\n  Ctrl-C. Then.", "Show it, until Ctrl-C"),
    ],
)
def test_summary(text: str, expected: str):
    assert summary(text) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [("drs-jobs lis", {"list"}), ("drs-jobs list --outc", {"--outcome"}), ("drs-jobs list --kind fail", {"failback"})],
)
def test_completion(words: str, expected: set[str]):
    count = str(len(words.split()) - 1)
    result = run(_DRS_JOBS_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=count)
    assert (result.returncode, result.stderr, set(result.stdout.split())) == (0, "", expected)


# ------------------------------------------------------------------ wrapped reasons


@pytest.mark.parametrize("width", [40, 60, 80])
def test_reasons_continue_under_their_column(width: int):
    words = "word " * 40
    failures = (Failure(participant="s-1", reasons=(words, "x" * 100)),)
    explanation = Explanation(job=make_job(), failures=failures, job_reasons=(words,), log=(), log_error=None)
    shown = io.StringIO()
    print_reasons(Console(file=shown, width=width), explanation)
    _, *lines = shown.getvalue().splitlines()
    of_server, of_job = lines[: lines.index("")], lines[lines.index("") + 1 :]
    assert len(of_server) >= 5
    assert {len(line) - len(line.lstrip()) for line in of_server} == {4}
    assert of_job[0].startswith("job: word")
    assert {len(line) - len(line.lstrip()) for line in of_job[1:]} == {5}
    assert max(len(line.rstrip()) for line in lines) <= width
    assert "".join("".join(of_server).split()) == "word" * 40 + "x" * 100
