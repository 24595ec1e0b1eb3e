"""The command line, as processes: what it prints, and its exit status."""

import errno
import importlib.metadata
import io
import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError
from rich.console import Console
from rich.text import Text

from drs_jobs import Job, LaunchActionsStatus, Outcome, structure_job
from drs_jobs._errors import service_error
from drs_jobs._formatting import format_duration
from drs_jobs._models.labels import job_kind
from drs_jobs.cli.commands import read_duration, read_ids, read_moment
from drs_jobs.cli.exit_codes import describe_error, is_closed_pipe
from drs_jobs.cli.progress import bars_table, follow
from drs_jobs.cli.sweep import SweepFailures
from drs_jobs.cli.tables import drills_table, jobs_table, log_table, servers_table, targets_table
from drs_jobs.reports import Explanation, last_drills
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


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line. A variable set to nothing is taken out."""
    quiet = {"AWS_MAX_ATTEMPTS": "1", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    merged = {name: value for name, value in {**os.environ, **quiet, **environment}.items() if value}
    return _process([sys.executable, "-m", "drs_jobs", *arguments], env=merged)


def _process(command: list[str], env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300, env=env, check=False)


def test_list_shows_a_table(local_drs: LocalDrs):
    """State, kind, when, servers, duration and outcome, newest first."""
    local_drs.add_jobs(*make_history(30, until=NOON))
    result = _run("list", "--limit", "3", "--region", "eu-west-1")
    header, *rows = result.stdout.splitlines()
    assert (result.returncode, result.stderr) == (0, "")
    assert header.split() == ["job", "state", "kind", "created", "(UTC)", "servers", "took", "outcome"]
    assert [row.split()[1:3] + row.split()[-1:] for row in rows] == [
        ["STARTED", "drill", "RUNNING"],
        ["COMPLETED", "clean-up", "SUCCEEDED"],
        ["COMPLETED", "drill", "FAILED"],
    ]


def test_list_gives_json_lines_in_awss_shape(local_drs: LocalDrs):
    """Each line is a job that structure_job takes; tags only where they were asked for."""
    jobs = [make_job(tags={"Owner": "me"}), make_job()]
    local_drs.add_jobs(*jobs)
    without = [json.loads(line) for line in _run("list", "--output", "json").stdout.splitlines()]
    assert [job.job_id for job in reversed(jobs)] == [raw["jobID"] for raw in without]
    assert not any("tags" in raw for raw in without)
    lines = _run("list", "--output", "json", "--tags").stdout.splitlines()
    assert set(jobs) == {structure_job(json.loads(line)) for line in lines}
    assert "Owner=me" in _run("list", "--tags").stdout
    assert "Owner" not in _run("list").stdout


def test_list_asks_for_a_span_of_time(local_drs: LocalDrs):
    """--since and --until become the filters of the request."""
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
def test_moments_on_the_command_line(text: str | None, expected: datetime | None):
    """So many days or hours ago, or a date, in UTC unless it says otherwise."""
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


def test_show_tells_servers_failures_and_log(local_drs: LocalDrs):
    """A failed job is exit status 1; servers, instances, actions, reasons and log are there, tags are not."""
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


def test_show_gives_one_json_line(local_drs: LocalDrs):
    """The job in AWS's shape, and what is known beyond it."""
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
def test_show_exits_with_the_outcome(fields, status, local_drs: LocalDrs):
    """0 succeeded or running, 1 failed, 4 undetermined."""
    job = make_job(**fields)
    local_drs.add_jobs(job)
    assert status == _run("show", job.job_id).returncode


def test_polling_follows_with_plain_lines_where_there_is_no_terminal(local_drs: LocalDrs):
    """A line a change, and the exit status of the outcome; JSON gives a snapshot a line."""
    good, bad = make_job(), make_job(participating_servers=(make_server(launch_status="FAILED"),))
    local_drs.add_jobs(good, bad)
    result = _run("watch", good.job_id, bad.job_id, "--timeout", "30s")
    assert (result.returncode, result.stderr, len(result.stdout.splitlines())) == (1, "", 2)
    assert "COMPLETED SUCCEEDED" in result.stdout
    assert (0, [good]) == (
        (alone := _run("watch", good.job_id, "--output", "json")).returncode,
        [structure_job(json.loads(line)) for line in alone.stdout.splitlines()],
    )


def test_polling_ends_at_its_deadline(local_drs: LocalDrs):
    """Exit status 3, and a line that names what is not complete."""
    job = make_job(status="STARTED")
    local_drs.add_jobs(job)
    result = _run("watch", job.job_id, "--timeout", "0")
    assert (result.returncode, len(result.stdout.splitlines())) == (3, 1)
    assert job.job_id in result.stderr
    assert _run("watch", job.job_id, "--timeout", "soon").returncode == 2


class Terminal(io.StringIO):
    """Something that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [80, 140])
def test_polling_draws_a_bar_on_a_terminal(width: int):
    """Colours, a bar a job, servers and outcome; the wide and the narrow terminal both hold a job in a line, ids uncut."""
    servers = (*(make_server() for _ in range(110)), make_server(launch_status="PENDING"))
    job = make_job(participating_servers=servers, end_date_time=NOON, creation_date_time=NOON - timedelta(minutes=13))
    other = make_job(participating_servers=servers, end_date_time=NOON, creation_date_time=NOON - timedelta(minutes=13))
    shown = Terminal()
    console = Console(file=shown, force_terminal=True, width=width)
    assert [job, other] == follow(
        [make_job(job_id=job.job_id, status="STARTED"), job, other], console=console, now=lambda: NOON
    )
    lines = re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", shown.getvalue()).strip().splitlines()[-2:]
    for line, one in zip(lines, (job, other), strict=True):
        assert one.job_id in line
        assert "110/111 servers" in line
        assert "UNDETERMINED" in line
        assert "━" in line
        assert len(line.rstrip()) <= width


def test_a_log_file_gets_lines_whatever_the_environment_claims(local_drs: LocalDrs):
    """FORCE_COLOR is set in many a CI; bars drawn into a file for hours would fill the disk."""
    job = make_job()
    local_drs.add_jobs(job)
    result = _run("watch", job.job_id, FORCE_COLOR="1", TTY_COMPATIBLE="1")
    assert (result.returncode, len(result.stdout.splitlines())) == (0, 1)


def test_drills_tell_each_servers_last_one(local_drs: LocalDrs, tmp_path: Path):
    """All servers, those of a file, and those without a recent success; the span that was seen goes to stderr."""
    recent = datetime.now(UTC) - timedelta(days=10)
    old = datetime.now(UTC) - timedelta(days=100)
    local_drs.add_jobs(
        make_job(creation_date_time=recent, participating_servers=(make_server(source_server_id="s-recent"),)),
        make_job(creation_date_time=old, participating_servers=(make_server(source_server_id="s-old"),)),
    )
    servers = tmp_path / "servers.txt"
    servers.write_text("\ufeffs-recent\n# and one more\n\ns-never # new\n", encoding="utf-8")
    everything = _run("drills")
    assert [[row.split()[0], row.split()[5]] for row in everything.stdout.splitlines()[1:]] == [
        ["s-old", "SUCCEEDED"],
        ["s-recent", "SUCCEEDED"],
    ]
    assert everything.stderr.startswith("2 servers, from 2 jobs created ")
    overdue = _run("drills", "--older-than", "90d").stdout
    assert ("s-old" in overdue, "s-recent" in overdue) == (True, False)
    asked = _run("drills", "--servers", str(servers), "--output", "json")
    rows = [json.loads(line) for line in asked.stdout.splitlines()]
    assert [(row["sourceServerID"], row["outcome"]) for row in rows] == [("s-recent", "SUCCEEDED"), ("s-never", None)]
    assert structure_job(rows[0]["lastDrill"]).is_drill
    assert {(row["firstJobAt"], row["lastJobAt"], row["jobCount"]) for row in rows} == {
        (old.isoformat(), recent.isoformat(), 2)
    }
    assert asked.stderr.startswith("2 servers, from 2 jobs created ")
    assert "NEVER DRILLED" in _run("drills", "--servers", str(servers)).stdout
    assert _run("drills", "--servers", str(tmp_path / "nowhere")).returncode == 2
    assert _run("drills", "--older-than", "old").returncode == 2


def test_a_log_that_can_not_be_read_is_said_on_stderr(local_drs: LocalDrs):
    """The job is shown all the same."""
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
def test_durations_on_the_command_line(text: str, expected: int):
    """Seconds, minutes, hours, days."""
    assert timedelta(seconds=expected) == read_duration("--timeout", text)


@pytest.mark.parametrize("text", ["", "-1", "1.5h", "soon", "1w", "9999999999d"])
def test_what_is_no_duration_is_refused(text: str):
    """The message says what would be one."""
    with pytest.raises(ValueError, match="--timeout"):
        read_duration("--timeout", text)


FAILURES: dict[str, tuple[Any, list[str], dict[str, str], int, str]] = {
    "no such command": (None, ["nonsense"], {}, 2, "nonsense"),
    "no job": (None, ["show", "drsjob-00000000000000000"], {}, 2, "check the id"),
    "no id": (None, ["watch"], {}, 2, "JOB"),
    "an id that is none": (None, ["show", "nonsense"], {}, 2, "valid min length"),
    "an absurd age": (None, ["drills", "--older-than", "99999999d"], {}, 2, "is no date"),
    "no such output": (None, ["list", "--output", "xml"], {}, 2, "xml"),
    "a date before all dates": (None, ["list", "--since", "9999999d"], {}, 2, "is no date"),
    "no date": (None, ["list", "--since", "yesterday"], {}, 2, "write 2024-06-15"),
    "dates the wrong way round": (None, ["list", "--since", "1h", "--until", "2h"], {}, 2, "swap"),
    "no region": (None, ["list"], {"AWS_DEFAULT_REGION": ""}, 2, "set AWS_DEFAULT_REGION"),
    "no profile": (None, ["list", "--profile", "nobody"], {}, 2, "nobody"),
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
    "a page in HTML": (HtmlPage(), ["list"], {}, 5, "sign-in page"),
    "nobody there": (None, ["list", "--endpoint-url", "http://127.0.0.1:9"], {}, 5, "127.0.0.1:9"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures_are_one_line_and_a_status(name: str, local_drs: LocalDrs):
    """Never a traceback, nothing on stdout, and a line that says what is wrong."""
    fault, arguments, environment, status, message = FAILURES[name]
    if fault is not None:
        local_drs.inject(fault)
    result = _run(*arguments, **environment)
    assert (status, "") == (result.returncode, result.stdout)
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert "\x1b" not in result.stderr
    assert result.stderr.startswith("drs-jobs: ")
    assert result.stderr.count("\n") == 1


def test_without_a_command_the_help_is_shown():
    """It is how newcomers start."""
    result = _run()
    assert (result.returncode, "Usage: " in result.stderr + result.stdout) == (2, True)
    assert "watch" in _run("--help").stdout


def test_letters_that_the_terminal_lacks_are_shown_all_the_same(local_drs: LocalDrs):
    """An ASCII terminal gets escapes, not an error."""
    local_drs.add_jobs(make_job(job_id="drsjob-\u00fc"))
    result = _run("list", PYTHONIOENCODING="ascii")
    assert (result.returncode, "drsjob-\\xfc" in result.stdout) == (0, True)


def test_head_ends_it_quietly(local_drs: LocalDrs):
    """A reader that has seen enough is no error, for tables and for JSON."""
    local_drs.add_jobs(*(make_job() for _ in range(500)))
    for output in ("table", "json"):
        command = f"{sys.executable} -m drs_jobs list --output {output} | head -n 1; exit ${{PIPESTATUS[0]}}"
        result = _process(["bash", "-c", command])
        assert (result.returncode, result.stderr, result.stdout.count("\n")) == (0, "", 1)


def test_a_reader_that_goes_away_does_not_make_a_failed_job_good(local_drs: LocalDrs):
    """Show still exits with the outcome, and watch with what shells have for it."""
    job = _failed_job(local_drs)
    running = make_job(status="STARTED")
    local_drs.add_jobs(running)
    for command, status in ((f"show {job.job_id}", 1), (f"watch {job.job_id} {running.job_id} --timeout 9s", 141)):
        shell = f"{sys.executable} -m drs_jobs {command} | true; exit ${{PIPESTATUS[0]}}"
        result = _process(["bash", "-c", shell])
        assert (status, "") == (result.returncode, result.stderr)
    closed = _process(["bash", "-c", f"{sys.executable} -m drs_jobs list >&-"])
    assert (closed.returncode, closed.stderr) == (0, "")


def test_demo_shows_jobs_that_came_over_http():
    """Thirty jobs in several pages, failures explained, the Python for it, and what to try next; no credentials needed."""
    result = _run("demo", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_DEFAULT_REGION="")
    assert (result.returncode, result.stderr) == (0, "")
    for part in (
        "30 jobs came over HTTP through boto3, in 3 pages",
        "FAILED",
        "RUNNING",
        "did not launch",
        "Try next",
        "client: JobsClient",
    ):
        assert part in result.stdout


def test_a_missing_extra_is_named():
    """Without typer the command says which extra brings it."""
    code = (
        "import sys; sys.modules['typer'] = None; sys.argv = ['drs-jobs', 'list']; from drs_jobs.__main__ import main; main()"
    )
    result = _process([sys.executable, "-c", code])
    assert (
        result.returncode,
        result.stderr,
    ) == (2, "drs-jobs: typer is not installed; it is part of the extra 'cli': pip install 'drs_jobs[cli]'\n")
    code = "import sys; sys.modules['werkzeug.serving'] = None; import drs_jobs.testing"
    result = _process([sys.executable, "-c", code])
    assert "werkzeug is not installed" in result.stderr.splitlines()[-1]
    assert "pip install 'drs_jobs[testing]'" in result.stderr.splitlines()[-1]
    code = "import sys; sys.modules['werkzeug'] = None; sys.argv[1:] = ['demo']; from drs_jobs.__main__ import main; main()"
    result = _process([sys.executable, "-c", code])
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "pip install 'drs_jobs[testing]'" in result.stderr


def test_hostile_text_reaches_a_table_as_text():
    """Control characters, markup and newlines from AWS do not reach the terminal."""
    job = make_job(job_id="drsjob-\x1b[31m\n[red]x", initiated_by="LATER\x07")
    table = jobs_table([job], now=NOON, tags=False, width=200)
    cells = [str(cell) for column in table.columns for cell in column.cells]
    assert all(cell.isprintable() for cell in cells)
    assert "drsjob- [31m [red]x" in cells


@pytest.mark.parametrize("width", [80, 100, 10_000])
def test_a_row_is_a_line_whatever_the_outcome(width: int):
    """Nothing that matters is cut or folded at 80 columns; the state has a column of its own where there is room."""
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


def test_the_version_is_told():
    """As every command does."""
    assert _run("--version").stdout == f"drs-jobs {importlib.metadata.version('drs_jobs')}\n"


def test_kinds_and_spans():
    """What has no word of its own is told as it came; unknown durations are a dash."""
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
def test_sweep_asks_many_accounts_and_sums_up_what_failed(tmp_path: Path, local_drs: LocalDrs):
    """A table of targets or JSON lines with account and region; failures on stderr, and exit status 5 for them."""
    from simulated_accounts import Sts  # noqa: PLC0415  # needs moto

    sts = Sts()
    local_drs.add_jobs(make_job(tags={"secret": "x"}), make_job(participating_servers=(make_server(launch_status="FAILED"),)))
    local_drs.add_jobs(make_job(status="STARTED"), region="us-east-1")
    accounts = tmp_path / "accounts.txt"
    accounts.write_text("123456789012\n123456789012 # twice\n210987654321\n", encoding="utf-8")
    common = ("sweep", "--accounts", str(accounts), "--role-name", "DrsReader")
    where = {"AWS_ENDPOINT_URL_STS": sts.endpoint_url}
    result = _run(*common, "--regions", "eu-west-1,us-east-1", **where)
    assert (result.returncode, result.stderr) == (0, "4 targets, 6 jobs\n")
    assert [line.split() for line in result.stdout.splitlines()[1:3]] == [
        ["123456789012", "eu-west-1", "2", "-", "1", "1", "-"],
        ["123456789012", "us-east-1", "1", "1", "-", "-", "-"],
    ]
    as_json = _run(*common, "--regions", "eu-west-1", "--output", "json", **where)
    lines = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert {(line["account"], line["region"]) for line in lines} == {
        ("123456789012", "eu-west-1"),
        ("210987654321", "eu-west-1"),
    }
    assert all(structure_job(line).is_complete for line in lines)
    assert "secret" not in as_json.stdout
    piped = _run_with_input(accounts.read_bytes(), *SWEEP, "--regions", "eu-west-1", **where)
    assert (piped[0], piped[2]) == (0, "2 targets, 4 jobs\n")
    accounts.write_text("923456789012\n123456789012\n", encoding="utf-8")
    failed = _run(*common, "--regions", "eu-west-1", **where)
    assert failed.returncode == 5
    assert (
        "1 targets failed with ServiceError (923456789012 eu-west-1), the first: An error occurred (AccessDenied)"
        in failed.stderr
    )
    local_drs.inject(ErrorResponse("UninitializedAccountException"))
    accounts.write_text("123456789012", encoding="utf-8")
    never = _run(*common, "--regions", "eu-west-1", **where)
    assert (never.returncode, "1 targets were never set up" in never.stderr) == (0, True)
    for wrong, message in ((["--regions", ""], "nothing to ask"), (["--partition", "mars"], "use one of aws")):
        refused = _run(*common, *wrong, **where)
        assert (refused.returncode, message in refused.stderr) == (2, True)
    sts.stop()


FULL = Path("/dev/full")
SUCCEEDED_JOB = "drsjob-00000000000000001"
FAILED_JOB = "drsjob-00000000000000002"
UNDETERMINED_JOB = "drsjob-00000000000000003"
RUNNING_JOB = "drsjob-00000000000000004"


@pytest.fixture
def jobs_of_all_outcomes(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch) -> LocalDrs:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # what is still buffered at exit is part of the problem
    local_drs.add_jobs(
        make_job(job_id=SUCCEEDED_JOB),
        make_job(job_id=FAILED_JOB, participating_servers=(make_server(launch_status="FAILED"),)),
        make_job(job_id=UNDETERMINED_JOB, participating_servers=()),
        make_job(job_id=RUNNING_JOB, status="STARTED"),
    )
    return local_drs


def _shell_status(command: str, redirection: str) -> int:
    return _process(["bash", "-c", f"{sys.executable} -m drs_jobs {command} {redirection}"]).returncode


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
        "demo",
        "--help",
        "sweep --help",
        "--version",
    ],
)
@pytest.mark.usefixtures("jobs_of_all_outcomes")
def test_full_stdout_exits_5(command: str):
    """One line on stderr, and 5 if that line can't be written either."""
    result = _process(["bash", "-c", f"{sys.executable} -m drs_jobs {command} >/dev/full"])
    assert (result.returncode, result.stderr.count("\n"), "Traceback" in result.stderr) == (5, 1, False)
    assert "No space left" in result.stderr
    assert _shell_status(command, ">/dev/full 2>/dev/full") == 5


STATUSES = {
    "list": 0,
    "drills": 0,
    "": 2,
    "nonsense": 2,
    "list --since x": 2,
    f"show {FAILED_JOB}": 1,
    f"watch {RUNNING_JOB} --timeout 0": 3,
    f"watch {UNDETERMINED_JOB}": 4,
    "list --endpoint-url http://127.0.0.1:9": 5,
}


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize("command", STATUSES)
@pytest.mark.usefixtures("jobs_of_all_outcomes")
def test_unwritable_stderr_keeps_the_status(command: str, monkeypatch: pytest.MonkeyPatch):
    """Full or closed, with an error to print or without one."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert {STATUSES[command]} == {_shell_status(command, redirection) for redirection in ("2>/dev/full", "<&- >&- 2>&-")}


def _patched(patch: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.argv = ['drs-jobs', *{arguments!r}]\n{patch}\nfrom drs_jobs.__main__ import main; main()"
    return _process([sys.executable, "-c", code])


@pytest.mark.parametrize(
    ("error", "place"),
    [
        ("RuntimeError", "typer.main.get_command"),
        ("TypeError", "drs_jobs.cli.tables.jobs_table"),
        ("ValueError", "drs_jobs._pagination.Pager.collect"),
        ("RecursionError", "drs_jobs._pagination.Pager.collect"),
    ],
)
def test_unforeseen_error_exits_5(error: str, place: str, local_drs: LocalDrs):
    """One line on stderr, whatever it is and wherever it is raised."""
    local_drs.add_jobs(make_job())
    owner, _, name = place.rpartition(".")
    patch = (
        "import drs_jobs.cli.commands, typer.main, unittest.mock; "
        f"unittest.mock.patch('{owner}.{name}', side_effect={error}('boom\\nbang')).start()"
    )
    result = _patched(patch, "list")
    assert (result.returncode, result.stdout) == (5, "")
    assert result.stderr.startswith(f"drs-jobs: unforeseen {error}: ")
    assert result.stderr.count("\n") == 1


INTERRUPTIONS = {
    "import": """
import builtins
real = builtins.__import__
def interrupted(name, *rest):
    if name == "typer":
        raise KeyboardInterrupt
    return real(name, *rest)
builtins.__import__ = interrupted""",
    "parsing": "import typer.main; typer.main.get_command.__code__ = (lambda _: exec('raise KeyboardInterrupt')).__code__",
    "command": "import drs_jobs._pagination; drs_jobs._pagination.Pager.collect = lambda _: exec('raise KeyboardInterrupt')",
}


@pytest.mark.parametrize("place", INTERRUPTIONS)
@pytest.mark.usefixtures("local_drs")
def test_interruption_exits_130(place: str):
    result = _patched(INTERRUPTIONS[place], "list")
    assert (result.returncode, result.stderr) == (130, "drs-jobs: interrupted\n")


def test_closed_pipe_on_windows(monkeypatch: pytest.MonkeyPatch):
    """Windows has EINVAL for it, which means something else elsewhere."""
    found: list[bool] = []
    for platform in ("linux", "win32"):
        monkeypatch.setattr(sys, "platform", platform)
        errors = (BrokenPipeError(), OSError(errno.EINVAL, "x"), OSError(errno.ENOSPC, "x"), ValueError())
        found += [is_closed_pipe(error) for error in errors]
    assert found == [True, False, False, False, True, True, False, False]


@pytest.mark.parametrize("command", ["--help", "--version", "drills", "drills --output json", "demo"])
@pytest.mark.usefixtures("jobs_of_all_outcomes")
def test_closed_pipe_is_no_error(command: str):
    pipe = f"{sys.executable} -m drs_jobs {command} | true; exit ${{PIPESTATUS[0]}}"
    result = _process(["bash", "-c", pipe])
    assert (result.returncode, "Traceback" in result.stderr) == (0, False)


SERVER_IDS = [f"s-{number:017}" for number in range(5)]


def _tables_by_first_column() -> list[tuple[list[str], Any]]:
    kinds = ("START_DRILL", "TARGET_ACCOUNT", "START_RECOVERY")
    launched = tuple(make_server(source_server_id=server_id) for server_id in SERVER_IDS)
    jobs = [
        *(make_job(initiated_by=initiated_by, participating_servers=launched * 20) for initiated_by in kinds),
        make_job(participating_servers=()),
        make_job(status="STARTED", creation_date_time=NOON - timedelta(hours=100)),
        make_job(participating_servers=(make_server(source_server_id=SERVER_IDS[0], launch_status="FAILED"),)),
    ]
    explanation = Explanation(
        job=jobs[0], failures=(), instance_ids=dict.fromkeys(SERVER_IDS, "i-0123456789abcdef0"), log=(), log_error=None
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
        ([*SERVER_IDS, "s-99999999999999999"], lambda width: drills_table(drills, width=width)),
        ([account for account, _ in targets], lambda width: targets_table(targets, width=width)),
    ]


@pytest.mark.parametrize("number", range(7))
def test_tables_fit_every_width(number: int):
    """From 10 columns: no line is wider, ids are whole or fold, and every other cell that is shown is whole, in every row."""
    ids, make_table = _tables_by_first_column()[number]
    for width in range(10, 201):
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
            assert [span_ for span_ in short if re.fullmatch(r"\d+[mh] \d\d[sm]", span_) and span_ not in folded] == []


@pytest.mark.parametrize(
    ("text", "last"),
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
def test_until_includes_the_day(text: str, last: str):
    """In every form of a date; a moment stays that moment, and --since stays the first instant."""
    until = read_moment("--until", text, NOON, whole_day=True)
    assert until == datetime.fromisoformat(last)
    since = read_moment("--since", text, NOON)
    assert since is not None
    assert since == (datetime.fromisoformat(last[:10] + "T00:00+00:00") if last.endswith("999999+00:00") else until)


def test_one_day_is_a_span(local_drs: LocalDrs):
    """--since and --until of the same date ask for that day."""
    assert _run("list", "--since", "2024-06-15", "--until", "2024-06-15").returncode == 0
    [request] = local_drs.requests
    assert request.body == {"filters": {"fromDate": "2024-06-15T00:00:00Z", "toDate": "2024-06-15T23:59:59.999999Z"}}


def _fails_with(*errors: Exception) -> int:
    failures = SweepFailures()
    for error in errors:
        failures.add(TargetFailure(Target("eu-west-1"), error))
    return failures.status


def _service_error(code: str) -> Exception:
    return service_error(ClientError({"Error": {"Code": code, "Message": "m"}}, "AssumeRole"))


def test_sweep_status_of_failures():
    """2 if set-up or credentials are the cause of each; 5 for anything else among them."""
    expired, refused = _service_error("ExpiredToken"), _service_error("InvalidClientTokenId")
    timeout = ReadTimeoutError(endpoint_url="http://127.0.0.1:9")
    assert _fails_with() == 0
    assert _fails_with(_service_error("UninitializedAccountException")) == 0
    assert _fails_with(expired, refused, NoCredentialsError()) == 2
    for other in (_service_error("AccessDenied"), timeout, ValueError("x"), RuntimeError("x")):
        assert _fails_with(expired, other) == 5
        assert _fails_with(other) == 5


def test_raw_client_errors_count_as_service_errors():
    raw = ClientError({"Error": {"Code": "ExpiredToken", "Message": "m"}}, "AssumeRole")
    assert describe_error(raw)[1] == 2
    assert describe_error(ClientError({"Error": {"Code": "AccessDenied", "Message": "m"}}, "AssumeRole"))[1] == 5


SWEEP = ("sweep", "--accounts", "-", "--role-name", "DrsReader")
NO_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}


def _run_with_input(content: bytes, *arguments: str, **environment: str) -> tuple[int, str, str]:
    quiet = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    merged = {name: value for name, value in {**os.environ, **quiet, **environment}.items() if value}
    command = [sys.executable, "-m", "drs_jobs", *arguments]
    result = subprocess.run(command, input=content, capture_output=True, timeout=60, env=merged, check=False)
    return result.returncode, result.stdout.decode(), result.stderr.decode()


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
def test_sweep_checks_its_set_up_first(arguments, environment, message, local_drs: LocalDrs):
    """One line, exit status 2, and nothing is requested, from STS neither."""
    sts = {"AWS_ENDPOINT_URL_STS": local_drs.endpoint_url}
    status, output, errors = _run_with_input(b"123456789012\n210987654321\n", *SWEEP, *arguments, **sts, **environment)
    assert (status, output, errors.count("\n"), len(local_drs.requests)) == (2, "", 1, 0)
    assert message in errors


def test_ids_come_from_stdin(local_drs: LocalDrs):
    """For accounts and for servers; that what is not text in UTF-8 is refused is the same as for a file."""
    local_drs.add_jobs(make_job(participating_servers=(make_server(source_server_id="s-one"),)))
    status, output, _ = _run_with_input(b"\xef\xbb\xbfs-one # first\n\ns-two\n", "drills", "--servers", "-")
    assert (status, [line.split()[0] for line in output.splitlines()[1:]]) == (0, ["s-one", "s-two"])
    for arguments in (["drills", "--servers", "-"], [*SWEEP, "--regions", "eu-west-1"]):
        status, output, errors = _run_with_input("s-\u00fc".encode("latin-1"), *arguments)
        assert (status, output, errors.count("\n"), "UTF-8" in errors) == (2, "", 1, True)
    status, _, errors = _run_with_input(b"# none\n", *SWEEP, "--regions", "eu-west-1")
    assert (status, "0 accounts" in errors) == (2, True)


@pytest.mark.parametrize("option", ["--accounts", "--servers"])
def test_unreadable_files_are_refused(option: str, tmp_path: Path, local_drs: LocalDrs):
    """A missing file, a directory, a file that is not UTF-8: one line and exit status 2, before any request."""
    (tmp_path / "utf-16").write_text("123456789012", encoding="utf-16")
    command = [*SWEEP[:1], "--role-name", "DrsReader"] if option == "--accounts" else ["drills"]
    for name in ("missing", ".", "utf-16"):
        result = _run(*command, option, str(tmp_path / name))
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert option in result.stderr
    with pytest.raises(ValueError, match="missing"):
        read_ids(option, str(tmp_path / "missing"))
    assert not local_drs.requests
