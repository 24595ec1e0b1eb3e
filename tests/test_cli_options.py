"""The options of several commands: filters, durations, dates, ids, files, and usage errors."""

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line import run
from drs_jobs import Outcome
from drs_jobs._models.job import KINDS
from drs_jobs.cli.options import JobFilter, Kind, parse_duration, parse_ids, parse_job_id, parse_moment
from drs_jobs.testing import LocalDrs, make_history, make_job, make_server

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)
JOB = "drsjob-556c7b1d99221f996"
SWEEP = ("sweep", "--accounts", "-", "--role-name", "DrsReader")

# ------------------------------------------------------------------ filters


def test_kinds_are_those_of_tables():
    assert {kind.value for kind in Kind} == set(KINDS.values())


def test_filters_against_labels():
    """Each combination keeps the jobs whose label and outcome were asked for, in their order."""
    jobs = make_history(200, until=NOON, seed=5)
    for kind, outcome, failed in product([None, *Kind], [None, *Outcome], [False, True]):
        chosen = JobFilter.from_options(kind and [kind], outcome and [outcome], failed=failed)
        names = ([outcome.name] if outcome else []) + (["FAILED"] if failed else [])
        expected = [job for job in jobs if kind in {None, job.kind} and (not names or job.outcome.name in names)]
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


# ------------------------------------------------------------------ durations and dates


@given(st.integers(0, 200), st.sampled_from([("s", 1), ("m", 60), ("h", 3600), ("d", 86400), ("w", 604800), ("y", 31536000)]))
def test_units_in_any_case(count: int, unit: tuple[str, int]):
    letter, seconds = unit
    for text in (f"{count}{letter}", f"{count}{letter.upper()}"):
        assert parse_duration("--timeout", text) == timedelta(seconds=count * seconds)
        if letter in "hdwy":
            assert parse_moment("--since", text, NOON) == NOON - timedelta(seconds=count * seconds)


@pytest.mark.parametrize("text", ["5m", "5M", "90s", "90", "1q", "w", "1.5y", "1y6m", "9999y", "999999999w"])
def test_invalid_moments(text: str):
    """5m could mean minutes or months."""
    with pytest.raises(ValueError, match="--since"):
        parse_moment("--since", text, NOON)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("2d", datetime(2024, 6, 13, 12, tzinfo=UTC)),
        ("36h", datetime(2024, 6, 14, tzinfo=UTC)),
        ("2024-06-01", datetime(2024, 6, 1, tzinfo=UTC)),
        ("2024-06-01T02:00+02:00", datetime(2024, 6, 1, tzinfo=UTC)),
    ],
)
def test_parse_moment(text: str | None, expected: datetime | None):
    """A number of days or hours ago, or a date, in UTC unless it has another time zone."""
    assert expected == parse_moment("--since", text, NOON)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-06-15", "2024-06-15T23:59:59.999999+00:00"),
        ("20240615", "2024-06-15T23:59:59.999999+00:00"),
        ("2024-W24-6", "2024-06-15T23:59:59.999999+00:00"),
        ("2024W246", "2024-06-15T23:59:59.999999+00:00"),
        ("9999-12-31", "9999-12-31T23:59:59.999999+00:00"),
        ("2024-06-15T00:00", "2024-06-15T00:00:00+00:00"),
        ("2024-06-15T00:00+02:00", "2024-06-15T00:00:00+02:00"),
        ("1d", "2024-06-14T12:00:00+00:00"),
    ],
)
def test_until_includes_the_day(text: str, expected: str):
    """In every form of a date. A time is not changed, and --since is the first instant of a date."""
    until = parse_moment("--until", text, NOON, whole_day=True)
    assert until == datetime.fromisoformat(expected)
    since = parse_moment("--since", text, NOON)
    assert since is not None
    assert since == (datetime.fromisoformat(expected[:10] + "T00:00+00:00") if expected.endswith("999999+00:00") else until)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("90s", 90), ("30m", 1800), ("2h", 7200), ("90d", 7776000)],
)
def test_parse_duration(text: str, expected: int):
    assert timedelta(seconds=expected) == parse_duration("--timeout", text)


@pytest.mark.parametrize("text", ["", "-1", "1.5h", "soon", "1q", "9999999999d"])
def test_parse_duration_rejects_invalid_text(text: str):
    with pytest.raises(ValueError, match="--timeout"):
        parse_duration("--timeout", text)


# ------------------------------------------------------------------ ids and files


@pytest.mark.parametrize("text", ["", "nonsense", "drsjob-", JOB[:-1], f"{JOB}0", f"{JOB}\n", "drsjob-0000000000000000\u0660"])
def test_invalid_job_ids(text: str):
    with pytest.raises(ValueError, match="drsjob- and 17"):
        parse_job_id(text)


def _run_with_input(content: bytes, *arguments: str, **environment: str) -> tuple[int, str, str]:
    result = run(*arguments, stdin=content, **environment)
    return result.returncode, result.stdout, result.stderr


def test_ids_from_stdin(local_drs: LocalDrs):
    """For accounts and for servers. Input that is not UTF-8 is rejected, as in a file."""
    local_drs.add_jobs(make_job(participating_servers=(make_server(source_server_id="s-one"),)))
    status, output, _ = _run_with_input(b"\xef\xbb\xbfs-one # first\n\ns-two\n", "drills", "--servers", "-")
    assert (status, [line.split()[0] for line in output.splitlines()[1:]]) == (0, ["s-one", "s-two"])
    for arguments in (["drills", "--servers", "-"], [*SWEEP, "--regions", "eu-west-1"]):
        status, output, errors = _run_with_input("s-\u00fc".encode("latin-1"), *arguments)
        assert (status, output, errors.count("\n"), "UTF-8" in errors) == (2, "", 1, True)
    status, _, errors = _run_with_input(b"# none\n", *SWEEP, "--regions", "eu-west-1")
    assert (status, "0 accounts" in errors) == (2, True)


@pytest.mark.parametrize("option", ["--accounts", "--servers"])
def test_unreadable_files(option: str, tmp_path: Path, local_drs: LocalDrs):
    """A missing file, a directory and a file that is not UTF-8: exit status 2, before any request."""
    (tmp_path / "utf-16").write_text("123456789012", encoding="utf-16")
    command = [*SWEEP[:1], "--role-name", "DrsReader"] if option == "--accounts" else ["drills"]
    for name in ("missing", ".", "utf-16"):
        result = run(*command, option, str(tmp_path / name))
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert option in result.stderr
    with pytest.raises(ValueError, match="missing"):
        parse_ids(option, str(tmp_path / "missing"))
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
