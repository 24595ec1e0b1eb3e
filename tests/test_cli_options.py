"""The options of several commands: filters, files, and usage errors."""

import json
import re
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest

from command_line import run
from drs_jobs import Outcome
from drs_jobs._models.job import KINDS
from drs_jobs.cli.commands.list import JobFilter, Kind
from drs_jobs.testing import LocalDrs, make_history, make_job, make_server

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)
JOB = "drsjob-556c7b1d99221f996"
SWEEP = ("list", "--accounts", "-", "--role-name", "DrsReader")

# ------------------------------------------------------------------ filters


def test_kinds_are_those_of_tables():
    assert {kind.value for kind in Kind} == set(KINDS.values())


def test_filters_against_labels():
    """Each combination keeps the jobs with the label and the outcome that were asked for, in their order."""
    jobs = make_history(200, until=NOON, seed=5)
    for kind, outcome, failed in product([None, *Kind], [None, *Outcome], [False, True]):
        chosen = JobFilter(kind and [kind], outcome and [outcome], failed=failed)
        names = ([outcome.name] if outcome else []) + (["FAILED"] if failed else [])
        expected = [job for job in jobs if kind in {None, job.kind} and (not names or job.outcome.name in names)]
        assert list(filter(chosen.matches, jobs)) == expected


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


# ------------------------------------------------------------------ files


def _run_with_input(content: bytes, *arguments: str, **environment: str) -> tuple[int, str, str]:
    result = run(*arguments, stdin=content, **environment)
    return result.returncode, result.stdout, result.stderr


def test_ids_from_stdin(local_drs: LocalDrs):
    """For accounts and for servers. Input that is not UTF-8 is rejected, as in a file."""
    one, two = "s-00000000000000001", "s-00000000000000002"
    local_drs.add_jobs(make_job(participating_servers=(make_server(source_server_id=one),)))
    status, output, _ = _run_with_input(f"\ufeff{one} # first\n\n{two}\n".encode(), "check", "--servers", "-")
    assert (status, [line.split()[0] for line in output.splitlines()[1:]]) == (0, [one, two])
    for arguments in (["check", "--servers", "-"], ["list", "--names", "-"], [*SWEEP, "--regions", "eu-west-1"]):
        status, output, errors = _run_with_input("s-\u00fc".encode("latin-1"), *arguments)
        assert (status, output, errors.count("\n"), "UTF-8" in errors) == (2, "", 1, True)
    status, _, errors = _run_with_input(b"# none\n", *SWEEP, "--regions", "eu-west-1")
    assert (status, "--accounts has no account id" in errors) == (2, True)


@pytest.mark.parametrize("option", ["--accounts", "--servers", "--names"])
def test_unreadable_files(option: str, tmp_path: Path, local_drs: LocalDrs):
    """A missing file, a directory and a file that is not UTF-8: exit status 2, before any request."""
    (tmp_path / "utf-16").write_text("123456789012", encoding="utf-16")
    command = [*SWEEP[:1], "--role-name", "DrsReader"] if option == "--accounts" else ["check"]
    for name in ("missing", ".", "utf-16"):
        result = run(*command, option, str(tmp_path / name))
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert option in result.stderr
    assert not local_drs.requests


# ------------------------------------------------------------------ usage errors


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
        ["list", "--names", "absent"],
        ["check", "--servers", "absent"],
        ["check", "--servers", "-", "--names", "-"],
        ["check", "--drilled-within", "90"],
        ["check", "--drilled-within", "99999999d"],
        ["check", "--drilled-within", "0d"],
        ["check", "--objective", "soon"],
        ["check", "--rto", "4"],
        ["check", "--as-of", "2999-01-01"],
        ["check", "--since", "30d", "--drilled-within", "90d"],
        ["check", "--since", "1d", "--as-of", "2d"],
        ["check", "-o", "junit"],
        ["report"],
        ["report", "evidence.csv"],
        ["report", "evidence.html", "-o", "html"],
        ["check", "--accounts", "absent", "--role-name", "x"],
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


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("list --rto 4h", "list has no option --rto. It is an option of check and report."),
        ("--rto 4h check", "there is no option --rto. It is an option of check and report."),
        ("list --json", "Use -o json."),
        ("check --prometheus", "Use -o prometheus."),
        ("list --status FAILED", "Use --outcome."),
        ("check --until 2024-06-15", "Use --as-of."),
        ("list --as-of 2024-06-15", "Use --until."),
        ("watch --until 1h", "It is an option of list."),
        ("list --regoin x", "Did you mean --region?"),
        ("check --account 123456789012", "Did you mean --accounts?"),
        ("watch --interval 10s", "Did you mean --poll-interval?"),
        ("describe-jobs", "there is no command 'describe-jobs'. Use drs-jobs list."),
        ("logs", "Use drs-jobs show --log."),
        ("lst", "Use drs-jobs list."),
        ("show a b", "Put a value with a space in quotes, and leave out b otherwise."),
    ],
)
def test_mistyped_lines_lead_to_the_right_one(line: str, hint: str):
    result = run(*line.split())
    assert (result.returncode, result.stderr.count("\n"), result.stderr.endswith(f"{hint}\n")) == (2, 1, True), result.stderr
