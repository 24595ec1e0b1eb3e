"""The command line: its output and exit status."""

import contextlib
import csv
import errno
import importlib.metadata
import io
import json
import os
import re
import shlex
import sys
import unittest.mock
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import attrs
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError
from drs_jobs._models.labels import job_kind
from rich.console import Console
from rich.text import Text

from command_line import COMMAND, run_apart
from command_line import run as _run
from command_line import run_process as _process
from drs_jobs import Job, JobsClient, LaunchActionsStatus, Outcome, structure_job
from drs_jobs._errors import service_error
from drs_jobs._text import format_duration
from drs_jobs.analysis import Explanation
from drs_jobs.cli.errors import describe_error
from drs_jobs.cli.exit_codes import is_closed_pipe
from drs_jobs.cli.options import read_duration, read_ids, read_moment
from drs_jobs.cli.progress import Follower, bars_table
from drs_jobs.cli.sweep import SweepFailures
from drs_jobs.cli.tables import drills_table, jobs_table, log_table, servers_table, targets_table
from drs_jobs.evidence import last_drills
from drs_jobs.sweep import Target, TargetFailure
from drs_jobs.testing import (
    ErrorResponse,
    HtmlPage,
    LocalDrs,
    Throttle,
    make_history,
    make_job,
    make_log_item,
    make_run,
    make_server,
)

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


def test_list_table(local_drs: LocalDrs):
    """Newest first."""
    local_drs.add_jobs(*make_history(30, until=NOON, seed=3))
    result = run_apart("list", "--limit", "3", "--region", "eu-west-1")
    header, *rows = result.stdout.splitlines()
    assert (result.returncode, result.stderr) == (0, "")
    assert header.split() == ["job", "state", "kind", "created", "(UTC)", "servers", "took", "outcome"]
    assert [row.split()[1:3] + row.split()[-1:] for row in rows] == [
        ["STARTED", "drill", "RUNNING"],
        ["COMPLETED", "clean-up", "SUCCEEDED"],
        ["COMPLETED", "drill", "FAILED"],
    ]


def test_list_json(local_drs: LocalDrs):
    """structure_job accepts each line. Tags are there only with --tags."""
    jobs = [make_job(tags={"Owner": "me"}), make_job()]
    local_drs.add_jobs(*jobs)
    without = [json.loads(line) for line in _run("list", "--output", "json").stdout.splitlines()]
    assert [job.job_id for job in reversed(jobs)] == [raw["jobID"] for raw in without]
    assert not any("tags" in raw for raw in without)
    lines = _run("list", "--output", "json", "--tags").stdout.splitlines()
    assert set(jobs) == {structure_job(json.loads(line)) for line in lines}
    assert "Owner=me" in _run("list", "--tags").stdout
    assert "Owner" not in _run("list").stdout


def test_list_since_until(local_drs: LocalDrs):
    _run("list", "--since", "2024-06-01", "--until", "2024-06-15T12:00+02:00")
    [request] = local_drs.requests
    assert request.body == {"filters": {"fromDate": "2024-06-01T00:00:00Z", "toDate": "2024-06-15T10:00:00Z"}}
    assert (_run("list").returncode, _run("list").stderr) == (0, "no jobs\n")


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
def test_read_moment(text: str | None, expected: datetime | None):
    """A number of days or hours ago, or a date, in UTC unless it has another time zone."""
    assert expected == read_moment("--since", text, NOON)


def _failed_job(local_drs: LocalDrs) -> Job:
    run = make_run(status="FAILED", name="Check disk", failure_reason="no space")
    servers = (
        make_server(source_server_id="s-good"),
        make_server(source_server_id="s-bad", launch_status="FAILED"),
        make_server(source_server_id="s-invalid", launch_actions_status=LaunchActionsStatus(runs=(run,))),
    )
    job = make_job(participating_servers=servers, tags={"Owner": "me"})
    local_drs.add_jobs(job)
    local_drs.add_log(job.job_id, make_log_item(event="LAUNCH_FAILED", source_server_id="s-bad", raw_error="does not boot"))
    return job


def test_show_table(local_drs: LocalDrs):
    """Servers, instances, actions, reasons and log are there; tags are not. A failed job is exit status 1."""
    job = _failed_job(local_drs)
    result = _run("show", job.job_id)
    assert (result.returncode, result.stderr) == (1, "")
    instance = job.participating_servers[0].recovery_instance_id
    for part in (
        str(instance),
        "Check disk: FAILED",
        "failed: s-bad",
        "    LAUNCH_FAILED: does not boot",
        "failed: s-invalid",
        "no space",
    ):
        assert part in result.stdout
    assert str(job.console_url) in result.stdout
    assert "Owner" not in result.stdout
    assert "Owner=me" in _run("show", job.job_id, "--tags").stdout


def test_show_common_causes(local_drs: LocalDrs):
    """What several servers have in common, and what failed for the job as a whole."""
    servers = tuple(make_server(source_server_id=f"s-{n}", launch_status="FAILED") for n in range(2))
    job = make_job(participating_servers=servers)
    error = (
        "User: x is not authorized to perform: ec2:DeleteVolume on resource: arn:aws:ec2:eu-west-1:123456789012:volume/vol-{}"
    )
    items = [make_log_item(event="LAUNCH_FAILED", source_server_id=f"s-{n}", raw_error=error.format(n)) for n in range(2)]
    local_drs.add_jobs(job)
    local_drs.add_log(job.job_id, *items, make_log_item(event="LAUNCH_FAILED", source_server_id="s-9"))
    lines = _run("show", job.job_id).stdout.splitlines()
    assert "ec2:DeleteVolume refused, 2 participants" in lines
    assert "job: s-9: LAUNCH_FAILED" in lines
    assert not [line for line in lines if line.endswith(", 1 participant")]


def test_show_json(local_drs: LocalDrs):
    """One line with the job in AWS's shape, with its outcome, failures and log."""
    job = _failed_job(local_drs)
    raw = json.loads(_run("show", job.job_id, "--output", "json").stdout)
    assert attrs.evolve(job, tags={}) == structure_job(raw)
    assert (raw["outcome"], raw["logError"], len(raw["log"])) == ("FAILED", None, 1)
    assert raw["failures"][0] == {"participant": "s-bad", "reasons": ["LAUNCH_FAILED: does not boot"]}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 0),
        ({"participating_servers": (make_server(launch_status="FAILED"),)}, 1),
        ({"participating_servers": ()}, 4),
        ({"status": "STARTED"}, 0),
    ],
)
def test_exit_status_of_show(fields, status, local_drs: LocalDrs):
    """0 succeeded or running, 1 failed, 4 undetermined."""
    job = make_job(**fields)
    local_drs.add_jobs(job)
    assert status == _run("show", job.job_id).returncode


def test_watch_without_a_terminal(local_drs: LocalDrs):
    """One line per change, then the reasons; as JSON, only one line per change. The exit status is that of the outcome."""
    good, bad = make_job(), make_job(participating_servers=(make_server(launch_status="FAILED"),))
    local_drs.add_jobs(good, bad)
    result = _run("watch", good.job_id, bad.job_id, "--timeout", "30s")
    lines, _, reasons = result.stdout.partition("\n\n")
    assert (result.returncode, result.stderr, len(lines.splitlines())) == (1, "", 2)
    assert "COMPLETED SUCCEEDED" in lines
    assert reasons.splitlines()[:2] == [f"{bad.job_id} FAILED", f"failed: {bad.participating_servers[0].name}"]
    assert (0, [good]) == (
        (alone := _run("watch", good.job_id, "--output", "json")).returncode,
        [structure_job(json.loads(line)) for line in alone.stdout.splitlines()],
    )


def test_watch_timeout(local_drs: LocalDrs):
    """Exit status 3, and a line with the jobs that are not complete."""
    job = make_job(status="STARTED")
    local_drs.add_jobs(job)
    result = _run("watch", job.job_id, "--timeout", "0")
    assert (result.returncode, len(result.stdout.splitlines())) == (3, 1)
    assert job.job_id in result.stderr
    assert _run("watch", job.job_id, "--timeout", "soon").returncode == 2


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [80, 140])
def test_watch_on_a_terminal(width: int):
    """One line with a bar per job on wide and narrow terminals, with complete ids."""
    servers = (*(make_server() for _ in range(110)), make_server(launch_status="PENDING"))
    job = make_job(participating_servers=servers, end_date_time=NOON, creation_date_time=NOON - timedelta(minutes=13))
    other = make_job(participating_servers=servers, end_date_time=NOON, creation_date_time=NOON - timedelta(minutes=13))
    shown = Terminal()
    console = Console(file=shown, force_terminal=True, width=width)
    follower = Follower(JobsClient(region_name="eu-west-1"), console=console, now=lambda: NOON)
    follower.follow([make_job(job_id=job.job_id, status="STARTED"), job, other])
    assert follower.ended == [job, other]
    lines = re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", shown.getvalue()).strip().splitlines()[-2:]
    for line, one in zip(lines, (job, other), strict=True):
        assert one.job_id in line
        assert "110/111 servers" in line
        assert "UNDETERMINED" in line
        assert "━" in line
        assert len(line.rstrip()) <= width


def test_watch_ignores_force_color(local_drs: LocalDrs):
    """Many CI systems set FORCE_COLOR. Bars drawn into a file for hours would fill the disk."""
    job = make_job()
    local_drs.add_jobs(job)
    result = _run("watch", job.job_id, FORCE_COLOR="1", TTY_COMPATIBLE="1")
    assert (result.returncode, len(result.stdout.splitlines())) == (0, 1)


def test_drills(local_drs: LocalDrs, tmp_path: Path):
    """All servers, those of a file, and those without a recent success. The time span is on stderr."""
    recent = datetime.now(UTC) - timedelta(days=10)
    old = datetime.now(UTC) - timedelta(days=100)
    local_drs.add_jobs(
        make_job(creation_date_time=recent, participating_servers=(make_server(source_server_id="s-recent"),)),
        make_job(creation_date_time=old, participating_servers=(make_server(source_server_id="s-old"),)),
    )
    servers = tmp_path / "servers.txt"
    servers.write_text("\ufeffs-recent\n# and one more\n\ns-never # new\n", encoding="utf-8")
    everything = _run("drills")
    assert [[row.split()[0], row.split()[4], row.split()[-1]] for row in everything.stdout.splitlines()[1:]] == [
        ["s-old", "SUCCEEDED", "100d"],
        ["s-recent", "SUCCEEDED", "10d"],
    ]
    assert everything.stderr.startswith("2 servers, from 2 jobs created ")
    overdue = _run("drills", "--older-than", "90d").stdout
    assert ("s-old" in overdue, "s-recent" in overdue) == (True, False)
    selected = _run("drills", "--servers", str(servers), "--output", "json")
    rows = [json.loads(line) for line in selected.stdout.splitlines()]
    assert [(row["sourceServerID"], row["outcome"]) for row in rows] == [("s-recent", "SUCCEEDED"), ("s-never", None)]
    assert structure_job(rows[0]["lastDrill"]).is_drill
    assert {(row["firstJobAt"], row["lastJobAt"], row["jobCount"]) for row in rows} == {
        (old.isoformat(), recent.isoformat(), 2)
    }
    assert selected.stderr.startswith("2 servers, from 2 jobs created ")
    assert "NEVER DRILLED" in _run("drills", "--servers", str(servers)).stdout
    assert _run("drills", "--servers", str(tmp_path / "absent")).returncode == 2
    assert _run("drills", "--older-than", "old").returncode == 2


def test_show_without_a_log(local_drs: LocalDrs):
    """The job is shown, and the error of the log is on stderr."""
    job = make_job()
    with LocalDrs() as other:
        other.add_jobs(job)
        real = other._respond

        def respond(request: Any) -> Any:
            if request.path == "/DescribeJobLogItems":
                other.inject(ErrorResponse("AccessDeniedException", 403))
            return real(request)

        other._server._respond = respond  # type: ignore[union-attr]
        result = _run("show", job.job_id, "--endpoint-url", other.endpoint_url)
    assert (result.returncode, job.job_id in result.stdout) == (0, True)
    assert "the log could not be read" in result.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("90s", 90), ("30m", 1800), ("2h", 7200), ("90d", 7776000)],
)
def test_read_duration(text: str, expected: int):
    assert timedelta(seconds=expected) == read_duration("--timeout", text)


@pytest.mark.parametrize("text", ["", "-1", "1.5h", "soon", "1q", "9999999999d"])
def test_read_duration_rejects_invalid_text(text: str):
    with pytest.raises(ValueError, match="--timeout"):
        read_duration("--timeout", text)


ERRORS: dict[str, tuple[Any, list[str], dict[str, str], int, str]] = {
    "unknown command": (None, ["nonsense"], {}, 2, "nonsense"),
    "unknown job": (None, ["show", "drsjob-00000000000000000"], {}, 2, "check the id"),
    "no id": (None, ["watch"], {}, 2, "JOB"),
    "an invalid id": (None, ["show", "nonsense"], {}, 2, "not a valid job id"),
    "an age before all dates": (None, ["drills", "--older-than", "99999999d"], {}, 2, "is not a date"),
    "unknown output format": (None, ["list", "--output", "xml"], {}, 2, "xml"),
    "a date before all dates": (None, ["list", "--since", "9999999d"], {}, 2, "is not a date"),
    "an invalid date": (None, ["list", "--since", "yesterday"], {}, 2, "use 2024-06-15"),
    "dates in the wrong order": (None, ["list", "--since", "1h", "--until", "2h"], {}, 2, "swap"),
    "no region": (None, ["list"], {"AWS_DEFAULT_REGION": ""}, 2, "set AWS_DEFAULT_REGION"),
    "unknown profile": (None, ["list", "--profile", "absent"], {}, 2, "absent"),
    "no credentials": (
        None,
        ["list"],
        {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"},
        2,
        "credentials",
    ),
    "denied": (ErrorResponse("AccessDeniedException", 403, "not you\x1b[31m"), ["list"], {}, 5, "not you"),
    "expired credentials": (ErrorResponse("ExpiredTokenException", 403), ["list"], {}, 2, "renew them"),
    "not set up": (ErrorResponse("UninitializedAccountException"), ["list"], {}, 5, "never set up"),
    "throttled": (Throttle(), ["list"], {}, 5, "ThrottlingException"),
    "an HTML page": (HtmlPage(), ["list"], {}, 5, "sign-in page"),
    "no server": (None, ["list", "--endpoint-url", "http://127.0.0.1:9"], {}, 5, "127.0.0.1:9"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_one_line_and_a_status(name: str, local_drs: LocalDrs):
    """There is no traceback, and no output on stdout."""
    fault, arguments, environment, status, message = ERRORS[name]
    if fault is not None:
        local_drs.inject(fault)
    result = _run(*arguments, **environment)
    assert (status, "") == (result.returncode, result.stdout)
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert "\x1b" not in result.stderr
    assert result.stderr.startswith("drs-jobs: ")
    assert result.stderr.count("\n") == 1


def test_help_without_a_command():
    result = _run()
    assert (result.returncode, "Usage: " in result.stderr + result.stdout) == (2, True)
    assert "watch" in _run("--help").stdout


def test_ascii_output(local_drs: LocalDrs):
    """Letters that an ASCII terminal does not have are escaped."""
    local_drs.add_jobs(make_job(job_id="drsjob-\u00fc"))
    result = run_apart("list", PYTHONIOENCODING="ascii")
    assert (result.returncode, "drsjob-\\xfc" in result.stdout) == (0, True)


def test_head_is_no_error(local_drs: LocalDrs):
    """A reader that closes the pipe early is no error, for tables and for JSON."""
    local_drs.add_jobs(*(make_job() for _ in range(500)))
    for output in ("table", "json"):
        command = f"{shlex.join(COMMAND)} list --output {output} | head -n 1; exit ${{PIPESTATUS[0]}}"
        result = _process(["bash", "-c", command])
        assert (result.returncode, result.stderr, result.stdout.count("\n")) == (0, "", 1)


def test_exit_status_after_a_closed_pipe(local_drs: LocalDrs):
    """`show` exits with the outcome, and `watch` with the status that shells have for SIGPIPE."""
    job = _failed_job(local_drs)
    running = make_job(status="STARTED")
    local_drs.add_jobs(running)
    for command, status in ((f"show {job.job_id}", 1), (f"watch {job.job_id} {running.job_id} --timeout 9s", 141)):
        with _closed_pipe() as pipe:
            result = _run(*command.split(), stdout=pipe)
        assert (status, "") == (result.returncode, result.stderr)
    closed = _process(["bash", "-c", f"{shlex.join(COMMAND)} list >&-"])
    assert (closed.returncode, closed.stderr) == (0, "")


@contextlib.contextmanager
def _closed_pipe() -> Iterator[TextIO]:
    """A pipe whose reader is gone."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as pipe:  # noqa: PTH123  # a descriptor
        yield pipe


def test_missing_extras():
    """The error has the name of the extra and the command that installs it."""
    for package in ("typer", "rich"):
        code = (
            f"import sys; sys.modules['{package}'] = None; sys.argv[1:] = ['list']; from drs_jobs.__main__ import main; main()"
        )
        result = _process([sys.executable, "-c", code])
        message = f"drs-jobs: {package} is not installed; it is part of the extra 'cli': pip install 'drs_jobs[cli]'\n"
        assert (result.returncode, result.stderr) == (2, message)
    code = "import sys; sys.modules['werkzeug.serving'] = None; import drs_jobs.testing"
    result = _process([sys.executable, "-c", code])
    assert "werkzeug is not installed" in result.stderr.splitlines()[-1]
    assert "pip install 'drs_jobs[testing]'" in result.stderr.splitlines()[-1]
    code = "import sys; sys.modules['werkzeug'] = None; sys.argv[1:] = ['demo']; from drs_jobs.__main__ import main; main()"
    result = _process([sys.executable, "-c", code])
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "pip install 'drs_jobs[testing]'" in result.stderr


def test_tables_have_no_control_characters():
    """Markup is shown as text."""
    job = make_job(job_id="drsjob-\x1b[31m\n[red]x", initiated_by="LATER\x07")
    table = jobs_table([job], now=NOON, tags=False, width=200)
    cells = [str(cell) for column in table.columns for cell in column.cells]
    assert all(cell.isprintable() for cell in cells)
    assert "drsjob- [31m [red]x" in cells


@pytest.mark.parametrize("width", [80, 100, 10_000])
def test_jobs_table_has_one_line_per_job(width: int):
    """At 80 columns and more. There is a column for the state if it fits."""
    jobs = [make_job(), make_job(status="PENDING"), make_job(participating_servers=()), make_job(type="TERMINATE")]
    jobs.append(make_job(participating_servers=(make_server(launch_status="FAILED"),) * 100))
    shown = io.StringIO()
    console = Console(file=shown, width=width)
    console.print(jobs_table(jobs, now=NOON, tags=False, width=width))
    header, *rows = [line.rstrip() for line in shown.getvalue().splitlines()]
    assert ("outcome" in header) == (width > 80)
    assert ["SUCCEEDED", "PENDING" if width == 80 else "RUNNING", "UNDETERMINED", "SUCCEEDED", "FAILED"] == [
        row.split()[-1] for row in rows
    ]
    assert [job.job_id for job in jobs] == [row.split()[0] for row in rows]
    assert max(len(row) for row in rows) <= 90


def test_version():
    assert _run("--version").stdout == f"drs-jobs {importlib.metadata.version('drs_jobs')}\n"


def test_labels_and_durations():
    """Unknown values are shown unchanged, and absent ones as a dash."""
    assert [
        job_kind(make_job(type=job_type, initiated_by=starter))
        for job_type, starter in [
            ("TERMINATE", None),
            ("LAUNCH", None),
            ("LAUNCH", "LATER"),
            ("LAUNCH", "CREATE_NETWORK_RECOVERY"),
        ]
    ] == ["clean-up", "-", "LATER", "network"]
    assert format_duration(None) == "-"
    table = jobs_table([make_job(status="PENDING")], now=NOON, tags=False, width=80)
    assert "PENDING" in [str(cell) for column in table.columns for cell in column.cells]
    assert format_duration(NOON - datetime(2024, 6, 15, 9, 30, tzinfo=UTC)) == "2h 30m"


@pytest.mark.needs_check_env
def test_sweep(tmp_path: Path, local_drs: LocalDrs):
    """A table of targets, or JSON lines with account and region. Failures are on stderr, with exit status 5."""
    from simulated_accounts import Sts  # noqa: PLC0415  # needs moto

    sts = Sts()
    local_drs.add_jobs(make_job(tags={"secret": "x"}), make_job(participating_servers=(make_server(launch_status="FAILED"),)))
    local_drs.add_jobs(make_job(status="STARTED"), region="us-east-1")
    accounts = tmp_path / "accounts.txt"
    accounts.write_text("123456789012\n123456789012 # twice\n210987654321\n", encoding="utf-8")
    common = ("sweep", "--accounts", str(accounts), "--role-name", "DrsReader")
    environment = {"AWS_ENDPOINT_URL_STS": sts.endpoint_url}
    result = _run(*common, "--regions", "eu-west-1,us-east-1", **environment)
    assert (result.returncode, result.stderr) == (0, "4 targets, 6 jobs\n")
    assert [line.split() for line in result.stdout.splitlines()[1:3]] == [
        ["123456789012", "eu-west-1", "2", "-", "1", "1", "-"],
        ["123456789012", "us-east-1", "1", "1", "-", "-", "-"],
    ]
    as_json = _run(*common, "--regions", "eu-west-1", "--output", "json", **environment)
    lines = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert {(line["account"], line["region"]) for line in lines} == {
        ("123456789012", "eu-west-1"),
        ("210987654321", "eu-west-1"),
    }
    assert all(structure_job(line).is_complete for line in lines)
    assert [line["outcome"] for line in lines].count("FAILED") == sum(bool(line["failedServers"]) for line in lines) > 0
    as_csv = _run(*common, "--regions", "eu-west-1", "--output", "csv", **environment)
    rows = list(csv.DictReader(io.StringIO(as_csv.stdout)))
    assert Counter(row["account"] for row in rows) == Counter(line["account"] for line in lines)
    assert {(row["jobID"], row["outcome"]) for row in rows} == {(line["jobID"], line["outcome"]) for line in lines}
    assert "secret" not in as_json.stdout
    from_stdin = _run_with_input(accounts.read_bytes(), *SWEEP, "--regions", "eu-west-1", **environment)
    assert (from_stdin[0], from_stdin[2]) == (0, "2 targets, 4 jobs\n")
    accounts.write_text("923456789012\n123456789012\n", encoding="utf-8")
    failed = _run(*common, "--regions", "eu-west-1", **environment)
    assert failed.returncode == 5
    assert (
        "1 target failed with ServiceError (923456789012 eu-west-1), the first: An error occurred (AccessDenied)"
        in failed.stderr
    )
    local_drs.inject(ErrorResponse("UninitializedAccountException"))
    accounts.write_text("123456789012", encoding="utf-8")
    uninitialized = _run(*common, "--regions", "eu-west-1", **environment)
    assert (uninitialized.returncode, "1 target never set up" in uninitialized.stderr) == (0, True)
    for wrong, message in ((["--regions", ""], "no targets"), (["--partition", "mars"], "use one of aws")):
        refused = _run(*common, *wrong, **environment)
        assert (refused.returncode, message in refused.stderr) == (2, True)
    sts.stop()


FULL = Path("/dev/full")
SUCCEEDED_JOB = "drsjob-00000000000000001"
FAILED_JOB = "drsjob-00000000000000002"
UNDETERMINED_JOB = "drsjob-00000000000000003"
RUNNING_JOB = "drsjob-00000000000000004"


@pytest.fixture
def jobs_of_all_outcomes(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch) -> LocalDrs:
    monkeypatch.delenv(
        "PYTHONUNBUFFERED", raising=False
    )  # it would flush at once; the tests need output that is buffered until the exit
    local_drs.add_jobs(
        make_job(job_id=SUCCEEDED_JOB),
        make_job(job_id=FAILED_JOB, participating_servers=(make_server(launch_status="FAILED"),)),
        make_job(job_id=UNDETERMINED_JOB, participating_servers=()),
        make_job(job_id=RUNNING_JOB, status="STARTED"),
    )
    return local_drs


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize(
    "command",
    [
        "list",
        "list --output json",
        f"show {SUCCEEDED_JOB}",
        f"show {FAILED_JOB} --output json",
        f"watch {SUCCEEDED_JOB}",
        f"watch {UNDETERMINED_JOB} --output json",
        "drills",
        "drills --output json",
        "drills --output csv",
        "recovery",
        "recovery --output junit",
        "recovery --output prometheus",
        f"phases {FAILED_JOB}",
        "demo",
        "--help",
        "sweep --help",
        "--version",
    ],
)
@pytest.mark.usefixtures("jobs_of_all_outcomes")
def test_full_stdout_exits_5(command: str):
    """One line is on stderr. If that line cannot be written, the status is still 5."""
    with FULL.open("w", encoding="utf-8") as full:
        result = _run(*command.split(), stdout=full)
        assert (result.returncode, result.stderr.count("\n"), "Traceback" in result.stderr) == (5, 1, False)
        assert "No space left" in result.stderr
    with FULL.open("w", encoding="utf-8") as full, FULL.open("w", encoding="utf-8") as errors:
        assert _run(*command.split(), stdout=full, stderr=errors).returncode == 5


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize("command", ["list", "--help"])
@pytest.mark.usefixtures("jobs_of_all_outcomes")
def test_full_stdout_of_a_process(command: str):
    """What Python flushes when it exits does not change the status."""
    result = _process(["bash", "-c", f"{shlex.join(COMMAND)} {command} >/dev/full"])
    assert (result.returncode, result.stderr.count("\n"), "No space left" in result.stderr) == (5, 1, True)
    assert _process(["bash", "-c", f"{shlex.join(COMMAND)} {command} >/dev/full 2>/dev/full"]).returncode == 5


STATUSES = {
    "list": 0,
    "drills": 0,
    "": 2,
    "nonsense": 2,
    "list --since x": 2,
    f"show {FAILED_JOB}": 1,
    f"phases {FAILED_JOB}": 1,
    "drills --older-than 1h --fail": 1,
    "recovery --objective 4h --fail": 1,
    f"watch {RUNNING_JOB} --timeout 0": 3,
    f"watch {UNDETERMINED_JOB}": 4,
    "list --endpoint-url http://127.0.0.1:9": 5,
}


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize("command", STATUSES)
@pytest.mark.usefixtures("jobs_of_all_outcomes")
def test_full_stderr_keeps_the_status(command: str):
    """With an error to print or without one."""
    with FULL.open("w", encoding="utf-8") as full:
        assert _run(*command.split(), stderr=full).returncode == STATUSES[command]


@pytest.mark.parametrize("command", ["list", "nonsense", f"show {FAILED_JOB}"])
@pytest.mark.usefixtures("jobs_of_all_outcomes")
def test_closed_streams_keep_the_status(command: str):
    """As some daemons start a process."""
    process = _process(["bash", "-c", f"{shlex.join(COMMAND)} {command} <&- >&- 2>&-"])
    assert process.returncode == STATUSES[command]


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (RuntimeError, "typer.main.get_command"),
        (TypeError, "drs_jobs.cli.tables.jobs_table"),
        (ValueError, "drs_jobs._pagination.pager.Pager.__iter__"),
        (RecursionError, "drs_jobs._pagination.pager.Pager.__iter__"),
    ],
)
def test_unexpected_error_exits_5(error: type[Exception], place: str, local_drs: LocalDrs):
    """There is one line on stderr, for every class of error."""
    local_drs.add_jobs(make_job())
    with unittest.mock.patch(place, side_effect=error("boom\nbang")):
        result = _run("list")
    assert (result.returncode, result.stdout) == (5, "")
    assert result.stderr.startswith(f"drs-jobs: unexpected {error.__name__}: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("place", ["typer.main.get_command", "drs_jobs._pagination.pager.Pager.__iter__"])
@pytest.mark.usefixtures("local_drs")
def test_interruption_exits_130(place: str):
    with unittest.mock.patch(place, side_effect=KeyboardInterrupt):
        result = _run("list")
    assert (result.returncode, result.stderr) == (130, "drs-jobs: interrupted\n")


def test_interruption_of_the_import_exits_130():
    code = """
import builtins, sys
sys.argv = ["drs-jobs", "list"]
real = builtins.__import__
def interrupted(name, *args, **keywords):
    if name == "typer":
        raise KeyboardInterrupt
    return real(name, *args, **keywords)
builtins.__import__ = interrupted
from drs_jobs.__main__ import main; main()"""
    result = _process([sys.executable, "-c", code])
    assert (result.returncode, result.stderr) == (130, "drs-jobs: interrupted\n")


def test_closed_pipe_on_windows(monkeypatch: pytest.MonkeyPatch):
    """On Windows it is EINVAL, which has another meaning on other systems."""
    found: list[bool] = []
    for platform in ("linux", "win32"):
        monkeypatch.setattr(sys, "platform", platform)
        errors = (BrokenPipeError(), OSError(errno.EINVAL, "x"), OSError(errno.ENOSPC, "x"), ValueError())
        found += [is_closed_pipe(error) for error in errors]
    assert found == [True, False, False, False, True, True, False, False]


@pytest.mark.parametrize(
    "command", ["--help", "--version", "drills", "drills --output json", "recovery --output csv", "list --output csv", "demo"]
)
@pytest.mark.usefixtures("jobs_of_all_outcomes")
def test_closed_pipe_is_no_error(command: str):
    with _closed_pipe() as pipe:
        result = _run(*command.split(), stdout=pipe)
    assert (result.returncode, "Traceback" in result.stderr) == (0, False)


SERVER_IDS = [f"s-{number:017}" for number in range(5)]
DRILL_TIMES = dict.fromkeys(SERVER_IDS, timedelta(minutes=8, seconds=51))


def _tables_and_ids() -> list[tuple[list[str], Any]]:
    kinds = ("START_DRILL", "TARGET_ACCOUNT", "START_RECOVERY")
    launched = tuple(make_server(source_server_id=server_id) for server_id in SERVER_IDS)
    jobs = [
        *(make_job(initiated_by=initiated_by, participating_servers=launched * 20) for initiated_by in kinds),
        make_job(participating_servers=()),
        make_job(status="STARTED", creation_date_time=NOON - timedelta(hours=100)),
        make_job(participating_servers=(make_server(source_server_id=SERVER_IDS[0], launch_status="FAILED"),)),
    ]
    explanation = Explanation(
        job=make_job(participating_servers=launched),
        failures=(),
        instance_ids=dict.fromkeys(SERVER_IDS, "i-0123456789abcdef0"),
        log=(),
        log_error=None,
    )
    log = [make_log_item(event=event) for event in ("USING_PREVIOUS_SNAPSHOT_FAILED", "JOB_END")]
    drills = last_drills(jobs, source_server_ids=[*SERVER_IDS, "s-99999999999999999"]).servers
    job_ids = [job.job_id for job in jobs]
    targets = {(str(10**11 + number), "ap-southeast-2"): Counter({Outcome.FAILED: number}) for number in range(3)}
    return [
        (job_ids, lambda width: jobs_table(jobs, now=NOON, tags=False, width=width)),
        (job_ids, lambda width: jobs_table(jobs, now=NOON, tags=True, width=width)),
        (job_ids, lambda width: bars_table(jobs, now=NOON, width=width)),
        (SERVER_IDS, lambda width: servers_table(explanation, width=width)),
        ([str(item.event) for item in log], lambda width: log_table(log, width=width)),
        ([*SERVER_IDS, "s-99999999999999999"], lambda width: drills_table(drills, now=NOON, times=DRILL_TIMES, width=width)),
        ([account for account, _ in targets], lambda width: targets_table(targets, width=width)),
    ]


def test_tables_pad_early_years():
    early = datetime(7, 6, 5, 4, 3, 2, tzinfo=UTC)
    jobs = jobs_table([make_job(creation_date_time=early, end_date_time=None)], now=NOON, tags=False, width=200)
    log = log_table([make_log_item(log_date_time=early), make_log_item(log_date_time=None)], width=200)
    assert [str(cell) for cell in jobs.columns[3].cells] == ["0007-06-05 04:03"]
    assert [str(cell) for cell in log.columns[0].cells] == ["0007-06-05 04:03:02", "-"]


@pytest.mark.parametrize("number", range(7))
def test_tables_fit_every_width(number: int):
    """From 10 columns: no line is wider, ids are complete or fold, and each other cell that is shown is complete."""
    ids, make_table = _tables_and_ids()[number]
    for width in (*range(10, 90), *range(90, 201, 10)):
        table = make_table(width)
        shown = io.StringIO()
        Console(file=shown, width=width).print(table)
        text = shown.getvalue()
        assert "…" not in text
        assert max(len(line.rstrip()) for line in text.splitlines()) <= width
        rest = "".join(text.split())
        if len(table.columns) == 1:
            assert [id_ for id_ in ids if id_ not in rest] == []
        else:
            words = text.split()
            assert [id_ for id_ in ids if id_ not in words] == []
            short = [cell.plain for column in table.columns for cell in column.cells if isinstance(cell, Text)]
            folded = " ".join(words)
            assert [cell for cell in short if len(cell.split()) == 1 and len(cell) <= 20 and cell not in folded.split()] == []
            assert [cell for cell in short if re.fullmatch(r"\d+[mh] \d\d[sm]", cell) and cell not in folded] == []


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
    until = read_moment("--until", text, NOON, whole_day=True)
    assert until == datetime.fromisoformat(expected)
    since = read_moment("--since", text, NOON)
    assert since is not None
    assert since == (datetime.fromisoformat(expected[:10] + "T00:00+00:00") if expected.endswith("999999+00:00") else until)


def test_since_and_until_of_one_date(local_drs: LocalDrs):
    assert _run("list", "--since", "2024-06-15", "--until", "2024-06-15").returncode == 0
    [request] = local_drs.requests
    assert request.body == {"filters": {"fromDate": "2024-06-15T00:00:00Z", "toDate": "2024-06-15T23:59:59.999999Z"}}


def _status_of(*errors: Exception) -> int:
    failures = SweepFailures()
    for error in errors:
        failures.add(TargetFailure(Target("eu-west-1"), error))
    return failures.status


def _service_error(code: str) -> Exception:
    return service_error(ClientError({"Error": {"Code": code, "Message": "m"}}, "AssumeRole"))


def test_exit_status_of_sweep():
    """2 if all failures are of credentials or configuration; 5 with any other failure."""
    expired, refused = _service_error("ExpiredToken"), _service_error("InvalidClientTokenId")
    timeout = ReadTimeoutError(endpoint_url="http://127.0.0.1:9")
    assert _status_of() == 0
    assert _status_of(_service_error("UninitializedAccountException")) == 0
    assert _status_of(expired, refused, NoCredentialsError()) == 2
    for other in (_service_error("AccessDenied"), timeout, ValueError("x"), RuntimeError("x")):
        assert _status_of(expired, other) == 5
        assert _status_of(other) == 5


def test_raw_client_errors_count_as_service_errors():
    raw = ClientError({"Error": {"Code": "ExpiredToken", "Message": "m"}}, "AssumeRole")
    assert describe_error(raw)[1] == 2
    assert describe_error(ClientError({"Error": {"Code": "AccessDenied", "Message": "m"}}, "AssumeRole"))[1] == 5


SWEEP = ("sweep", "--accounts", "-", "--role-name", "DrsReader")
NO_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}


def _run_with_input(content: bytes, *arguments: str, **environment: str) -> tuple[int, str, str]:
    result = _run(*arguments, stdin=content, **environment)
    return result.returncode, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--regions", "eu-west-1"], NO_CREDENTIALS, "no AWS credentials"),
        (["--regions", "eu-west-1", "--profile", "absent"], {}, "absent"),
        (["--regions", "eu-west-1,eu-wset-1"], {}, "'eu-wset-1'"),
        (["--regions", "eu-west-1", "--partition", "aws-us-gov"], {}, "'eu-west-1'"),
        (["--regions", "eu-west-1", "--endpoint-url", "nonsense"], {}, "nonsense"),
        (["--regions", "eu-west-1"], {"AWS_RETRY_MODE": "nonsense"}, "nonsense"),
        (["--regions", "eu-west-1", "--role-name", ""], {}, "role_name"),
    ],
)
def test_sweep_checks_its_configuration_first(arguments, environment, message, local_drs: LocalDrs):
    """One line, exit status 2, and no request to DRS or STS."""
    sts = {"AWS_ENDPOINT_URL_STS": local_drs.endpoint_url}
    status, output, errors = _run_with_input(b"123456789012\n210987654321\n", *SWEEP, *arguments, **sts, **environment)
    assert (status, output, errors.count("\n"), len(local_drs.requests)) == (2, "", 1, 0)
    assert message in errors


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
        result = _run(*command, option, str(tmp_path / name))
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert option in result.stderr
    with pytest.raises(ValueError, match="missing"):
        read_ids(option, str(tmp_path / "missing"))
    assert not local_drs.requests
