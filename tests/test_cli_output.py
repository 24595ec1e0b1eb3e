"""Tables, and JSON and CSV, read by pandas and DuckDB."""

import csv
import functools
import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console
from rich.text import Text

from command_line import run, run_here
from drs_jobs import Job, JobsClient, Outcome, structure_job
from drs_jobs._text import format_duration
from drs_jobs.analysis import explain
from drs_jobs.cli.commands.show import actions_table, log_table
from drs_jobs.cli.commands.watch import bars_table
from drs_jobs.cli.output import (
    Column,
    detailed_table,
    job_columns,
    jobs_table,
    print_reasons,
    print_table,
)
from drs_jobs.testing import LocalDrs, make_history, make_job, make_log_item, make_run, make_server

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)

# ------------------------------------------------------------------ tables


def test_tables_have_no_control_characters():
    """Markup is shown as text."""
    job = make_job(job_id="drsjob-\x1b[31m\n[red]x", initiated_by="LATER\x07")
    table = jobs_table([job], now=NOON, tags=False, width=200)
    cells = [str(cell) for column in table.columns for cell in column.cells]
    assert all(cell.isprintable() for cell in cells)
    assert "drsjob- [31m [red]x" in cells


@pytest.mark.parametrize("width", [80, 100, 10_000])
def test_jobs_table_has_one_line_per_job(width: int):
    """At 80 columns and more."""
    jobs = [make_job(), make_job(status="PENDING"), make_job(participating_servers=()), make_job(type="TERMINATE")]
    jobs.append(make_job(participating_servers=(make_server(launch_status="FAILED"),) * 100))
    shown = io.StringIO()
    console = Console(file=shown, width=width)
    console.print(jobs_table(jobs, now=NOON, tags=False, width=width))
    header, *rows = [line.rstrip() for line in shown.getvalue().splitlines()]
    assert ("(UTC)" in header) == (width > 80)
    assert [row.split()[-1] for row in rows] == ["SUCCEEDED", "RUNNING", "UNDETERMINED", "SUCCEEDED", "FAILED"]
    assert [job.job_id for job in jobs] == [row.split()[0] for row in rows]
    assert max(len(row) for row in rows) <= 100


def test_labels_and_durations():
    """Unknown values are shown unchanged, and absent ones as a dash."""
    assert [
        make_job(type=job_type, initiated_by=starter).kind
        for job_type, starter in [
            ("TERMINATE", None),
            ("LAUNCH", None),
            ("LAUNCH", "LATER"),
            ("LAUNCH", "CREATE_NETWORK_RECOVERY"),
        ]
    ] == ["clean-up", "-", "LATER", "network"]
    assert format_duration(None) == "-"
    assert format_duration(NOON - datetime(2024, 6, 15, 9, 30, tzinfo=UTC)) == "2h 30m"


SERVER_IDS = [f"s-{number:017}" for number in range(5)]


def _tables_and_ids() -> list[tuple[list[str], Any]]:
    kinds = ("START_DRILL", "TARGET_ACCOUNT", "START_RECOVERY")
    launched = tuple(make_server(source_server_id=server_id) for server_id in SERVER_IDS)
    jobs = [
        *(make_job(initiated_by=initiated_by, participating_servers=launched * 20) for initiated_by in kinds),
        make_job(participating_servers=()),
        make_job(status="STARTED", creation_date_time=NOON - timedelta(hours=100)),
        make_job(participating_servers=(make_server(source_server_id=SERVER_IDS[0], launch_status="FAILED"),)),
    ]
    log = [make_log_item(event=event) for event in ("USING_PREVIOUS_SNAPSHOT_FAILED", "JOB_END")]
    job_ids = [job.job_id for job in jobs]
    actions = [
        (server, make_run(name="Validate disk space", status="FAILED", failure_reason="no space")) for server in SERVER_IDS
    ]
    return [
        (job_ids, lambda width: jobs_table(jobs, now=NOON, tags=False, width=width)),
        (job_ids, lambda width: jobs_table(jobs, now=NOON, tags=True, width=width)),
        (job_ids, lambda width: bars_table(jobs, {}, now=NOON, width=width)),
        (SERVER_IDS, lambda width: actions_table(actions, width=width, names={})),
        ([str(item.event) for item in log], lambda width: log_table(log, width=width, names={})),
    ]


def test_tables_pad_early_years():
    early = datetime(7, 6, 5, 4, 3, 2, tzinfo=UTC)
    jobs = jobs_table([make_job(creation_date_time=early, end_date_time=None)], now=NOON, tags=False, width=200)
    log = log_table([make_log_item(log_date_time=early), make_log_item(log_date_time=None)], width=200, names={})
    assert [str(cell) for cell in jobs.columns[2].cells] == ["0007-06-05 04:03"]
    assert [str(cell) for cell in log.columns[0].cells] == ["0007-06-05 04:03:02", "-"]


@pytest.mark.parametrize("number", range(5))
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


def _shown(table: Any, width: int) -> list[str]:
    shown = io.StringIO()
    print_table(table, Console(file=shown, width=width))
    return shown.getvalue().splitlines()


def test_details_are_a_column_or_below():
    """A column in a wide terminal, else lines below each row. Neither ends in spaces if stdout is no terminal."""
    columns = [Column("server", lambda row: row[0]), Column("age", lambda row: row[1], rank=1)]
    rows = [("s-1", "9d", ["first reason", "x" * 90]), ("s-2", "1d", [])]
    table = functools.partial(detailed_table, columns, rows, header="reasons", details=lambda row: row[2])
    assert _shown(table(width=10_000), 10_000) == ["server age reasons", f"s-1    9d  first reason; {'x' * 90}", "s-2    1d"]
    assert _shown(table(width=80), 80) == [
        "server age",
        "s-1    9d",
        "  - first reason",
        f"  - {'x' * 76}",
        f"    {'x' * 14}",
        "s-2    1d",
    ]
    assert _shown(table(width=7), 7)[:2] == ["server", "s-1"], "the column of the highest rank is dropped"


@pytest.mark.parametrize("width", [40, 60, 80])
def test_reasons_continue_under_their_column(width: int):
    text = "word " * 40
    job = make_job(participating_servers=(make_server(source_server_id="s-1", launch_status="FAILED"),))
    items = [make_log_item(event="LAUNCH_FAILED", source_server_id="s-1", raw_error=error) for error in (text, "x" * 100)]
    shown = io.StringIO()
    print_reasons(Console(file=shown, width=width), explain(job, items))
    lines = shown.getvalue().splitlines()
    assert [line for line in lines if not line.startswith("    ")] == ["failed: s-1"] * 2
    of_server = [line for line in lines if line.startswith("    ")]
    assert len(of_server) >= 5
    assert max(len(line.rstrip()) for line in lines) <= width
    assert "".join("".join(of_server).split()) == f"LAUNCH_FAILED:{'word' * 40}LAUNCH_FAILED:{'x' * 100}"


# ------------------------------------------------------------------ formats for machines

HOSTILE = ["=1+1", "</testcase><x a='&\"'>", 'a\\"b\n}', "\x00\x1b[31m\ud800\ufffe", ";=2,3\t", "ümläut 🙂", "-"]


@pytest.fixture
def history(local_drs: LocalDrs) -> tuple[Job, ...]:
    """A year of jobs with their logs."""
    local_drs.add_history(make_history(60, until=local_drs.now, seed=7, logs=True))
    return JobsClient(local_drs.client()).describe_jobs().collect()


@pytest.fixture
def hostile(local_drs: LocalDrs) -> list[str]:
    """Servers with ids of hostile text, in one drill that failed."""
    servers = tuple(make_server(source_server_id=text, launch_status="FAILED") for text in HOSTILE)
    local_drs.add_jobs(make_job(participating_servers=servers, arn="=1+1", tags={"secret": "=1"}))
    return HOSTILE


def _json_lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    _, output, _ = run_here(capsys, *arguments, "--output", "json")
    return [json.loads(line) for line in output.splitlines()]


def _expected(job: Job) -> dict[str, Any]:
    return {
        "outcome": job.outcome.name,
        "durationSeconds": None if job.duration is None else job.duration.total_seconds(),
        "failedServers": [server.source_server_id for server in job.failed_servers],
    }


def test_jobs_as_json_carry_the_outcome(history: tuple[Job, ...], capsys: pytest.CaptureFixture[str]):
    """In every command, and the round trip to a Job holds. The history has failed jobs."""
    lines = _json_lines(capsys, "list", "--tags")
    assert [structure_job(line) for line in lines] == list(history)
    assert [{key: line[key] for key in _expected(job)} for line, job in zip(lines, history, strict=True)] == [
        _expected(job) for job in history
    ]
    assert sum(line["outcome"] == "FAILED" for line in lines) == sum(job.outcome is Outcome.FAILED for job in history) > 0
    failed = next(job for job in history if job.failed_servers)
    for command in (["show", failed.job_id], ["watch", failed.job_id]):
        [line] = _json_lines(capsys, *command)
        assert line.items() >= _expected(failed).items()


COMMANDS = ["list", "check", "show"]


def _command(name: str, history: tuple[Job, ...]) -> list[str]:
    failed = next(job for job in history if job.failed_servers)
    criteria = ["--objective", "9m", "--drilled-within", "90d", "--since", "2y", "--as-of", datetime.now(UTC).isoformat()]
    return [name, *([failed.job_id] if name == "show" else ["--history", *criteria] if name == "check" else [])]


@pytest.mark.parametrize("name", COMMANDS)
def test_csv_is_read_by_pandas(name: str, history: tuple[Job, ...], capsys: pytest.CaptureFixture[str]):
    """With one row per job, server or phase, as JSON has, and times in UTC."""
    command = _command(name, history)
    _, output, _ = run_here(capsys, *command, "--output", "csv")
    table = pd.read_csv(io.StringIO(output))
    lines = _json_lines(capsys, *command)
    expected = sum(len(row["phases"]) for row in lines[0]["phases"]) if name == "show" else len(lines)
    assert len(table) == expected > 0
    if name == "check":
        rows = list(csv.DictReader(io.StringIO(output)))
        # `--since 2y` is another moment in each run.
        assert [{**row, "since": ""} for row in rows] == [
            {key: "" if value is None or key == "since" else str(value) for key, value in line.items()} for line in lines
        ]
    for column in table.columns:
        if column.endswith(("At", "DateTime", "asOf", "since")):
            assert str(pd.to_datetime(table[column], utc=False, format="ISO8601").dt.tz) == "UTC"
        if column.endswith("Seconds"):
            assert table[column].dtype.kind == "f"


@pytest.mark.needs_check_env
@pytest.mark.parametrize("name", COMMANDS)
def test_csv_is_read_by_duckdb(name: str, history: tuple[Job, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    import duckdb  # noqa: PLC0415  # needs the check environment

    _, output, _ = run_here(capsys, *_command(name, history), "--output", "csv")
    file = tmp_path / "table.csv"
    file.write_text(output, encoding="utf-8")
    described = duckdb.sql(f"DESCRIBE SELECT * FROM read_csv('{file}')").fetchall()
    types = {row[0]: row[1] for row in described}
    assert list(types) == next(csv.reader(io.StringIO(output)))
    [(count,)] = duckdb.sql(f"SELECT count(*) FROM read_csv('{file}')").fetchall()
    assert count == len(pd.read_csv(io.StringIO(output)))
    times = {name: kind for name, kind in types.items() if name.endswith(("At", "DateTime", "asOf", "since"))}
    assert times == dict.fromkeys(times, "TIMESTAMP WITH TIME ZONE")


def test_csv_of_jobs(local_drs: LocalDrs, capsys: pytest.CaptureFixture[str]):
    """Tags are there only with --tags."""
    job = make_job(tags={"Owner": "=me"}, participating_servers=(make_server(launch_status="FAILED"), make_server()))
    local_drs.add_jobs(job)
    _, output, _ = run_here(capsys, "list", "-o", "csv", "--tags")
    [row] = csv.DictReader(io.StringIO(output))
    ids = [server.source_server_id for server in job.participating_servers]
    assert (row["jobID"], row["outcome"], row["failedServers"]) == (job.job_id, "FAILED", ids[0])
    assert row["participatingServers"].split() == ids
    assert json.loads(row["tags"]) == {"Owner": "=me"}
    assert "Owner" not in run_here(capsys, "list", "-o", "csv")[1]
    assert "tags" not in job_columns(tags=False, names={})


@pytest.mark.parametrize("command", ["list", "check"])
def test_csv_without_rows_has_a_header(command: str, local_drs: LocalDrs, capsys: pytest.CaptureFixture[str]):
    _, empty, _ = run_here(capsys, command, "-o", "csv")
    local_drs.add_jobs(make_job())
    _, filled, _ = run_here(capsys, command, "-o", "csv")
    assert empty.splitlines() == filled.splitlines()[:1]
    assert all(None not in row for row in csv.DictReader(io.StringIO(filled)))


def test_csv_of_hostile_text(hostile: list[str], capsys: pytest.CaptureFixture[str]):
    for command in ("list", "check"):
        _, output, _ = run_here(capsys, command, "-o", "csv")
        rows = list(csv.reader(io.StringIO(output)))
        assert len(rows) == 1 + (1 if command == "list" else len(hostile))
        assert {len(row) for row in rows} == {len(rows[0])}
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("check --objective soon", "--objective"),
        ("list -o junit", "junit"),
        ("show x -o prometheus", "prometheus"),
        ("watch x --output csv", "csv"),
        ("check --since 30d --drilled-within 90d", "--since 30d does not reach back to --as-of minus --drilled-within 90d"),
    ],
)
def test_wrong_arguments(command: str, message: str, local_drs: LocalDrs):
    """One line, exit status 2, no request."""
    result = run(*command.split())
    assert (result.returncode, result.stdout, result.stderr.count("\n"), len(local_drs.requests)) == (2, "", 1, 0)
    assert message in result.stderr
