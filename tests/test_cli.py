"""The command line, as processes: what it prints, and its exit status."""

import importlib.metadata
import io
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from rich.console import Console

from drs_jobs import Job, LaunchActionsStatus, structure_job
from drs_jobs._words import kind, span
from drs_jobs.cli.commands import read_duration, read_moment
from drs_jobs.cli.live import follow
from drs_jobs.cli.output import jobs_table
from drs_jobs.testing import (
    ErrorAnswer,
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


def test_watch_follows_with_plain_lines_where_there_is_no_terminal(local_drs: LocalDrs):
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


def test_watch_ends_at_its_deadline(local_drs: LocalDrs):
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
def test_watch_draws_a_bar_on_a_terminal(width: int):
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
                other.inject(ErrorAnswer("AccessDeniedException", 403))
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
    "denied": (ErrorAnswer("AccessDeniedException", 403, "not you\x1b[31m"), ["list"], {}, 5, "not you"),
    "expired credentials": (ErrorAnswer("ExpiredTokenException", 403), ["list"], {}, 2, "renew them"),
    "not set up": (ErrorAnswer("UninitializedAccountException"), ["list"], {}, 5, "never set up"),
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
    ) == (2, "drs-jobs: typer is not installed, which the extra 'cli' brings: pip install 'drs_jobs[cli]'\n")
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
        kind(make_job(type=job_type, initiated_by=starter))
        for job_type, starter in [
            ("TERMINATE", None),
            ("LAUNCH", None),
            ("LAUNCH", "LATER"),
            ("LAUNCH", "CREATE_NETWORK_RECOVERY"),
        ]
    ] == ["clean-up", "-", "LATER", "network"]
    assert span(None) == "-"
    table = jobs_table([make_job(status="PENDING")], now=NOON, tags=False, width=80)
    assert "PENDING" in [str(cell) for column in table.columns for cell in column.cells]
    assert span(NOON - datetime(2024, 6, 15, 9, 30, tzinfo=UTC)) == "2h 30m"


def test_sweep_asks_many_accounts_and_sums_up_what_failed(tmp_path: Path, local_drs: LocalDrs):
    """A table of targets or JSON lines with account and region; failures on stderr, and exit status 5 for them."""
    pytest.importorskip("moto")
    from world import Sts  # noqa: PLC0415  # needs moto

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
    accounts.write_text("923456789012\n123456789012\n", encoding="utf-8")
    failed = _run(*common, "--regions", "eu-west-1,mars-north-1", **where)
    assert failed.returncode == 5
    assert "2 targets failed with ValueError (123456789012 mars-north-1, 923456789012 mars-north-1)" in failed.stderr
    assert (
        "1 targets failed with ServiceError (923456789012 eu-west-1), the first: An error occurred (AccessDenied)"
        in failed.stderr
    )
    local_drs.inject(ErrorAnswer("UninitializedAccountException"))
    accounts.write_text("123456789012", encoding="utf-8")
    never = _run(*common, "--regions", "eu-west-1", **where)
    assert (never.returncode, "1 targets were never set up" in never.stderr) == (0, True)
    for wrong, message in ((["--regions", ""], "nothing to ask"), (["--partition", "mars"], "give one of aws")):
        refused = _run(*common, *wrong, **where)
        assert (refused.returncode, message in refused.stderr) == (2, True)
    sts.stop()
