"""Tables, and what is printed for machines, read by pandas, DuckDB, junitparser, pytest's schema and Prometheus's parser."""

import csv
import io
import json
import math
import re
import xml.etree.ElementTree as ET
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import junitparser
import pandas as pd
import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.text import Text

from command_line import run, run_here
from drs_jobs import Job, JobsClient, Outcome, structure_job
from drs_jobs._text import format_duration
from drs_jobs.analysis import Explanation, Failure
from drs_jobs.cli.commands.drills import drills_table
from drs_jobs.cli.commands.show import log_table, servers_table
from drs_jobs.cli.commands.sweep_targets import targets_table
from drs_jobs.cli.commands.watch import bars_table
from drs_jobs.cli.output import (
    Metric,
    ServerCheck,
    check_status,
    job_columns,
    jobs_table,
    print_junit,
    print_prometheus,
    print_reasons,
)
from drs_jobs.evidence import last_drills, recovery_times
from drs_jobs.testing import LocalDrs, make_history, make_job, make_log_item, make_server

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
    table = jobs_table([make_job(status="PENDING")], now=NOON, tags=False, width=80)
    assert "PENDING" in [str(cell) for column in table.columns for cell in column.cells]
    assert format_duration(NOON - datetime(2024, 6, 15, 9, 30, tzinfo=UTC)) == "2h 30m"


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


@pytest.mark.parametrize("width", [40, 60, 80])
def test_reasons_continue_under_their_column(width: int):
    text = "word " * 40
    failures = (Failure(participant="s-1", reasons=(text, "x" * 100)),)
    explanation = Explanation(job=make_job(), failures=failures, job_reasons=(text,), log=(), log_error=None)
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
    jobs = [row[key] for row in _json_lines(capsys, "drills") for key in row if key.endswith("Drill") and row[key]]
    assert jobs
    assert [job | _expected(structure_job(job)) for job in jobs] == jobs


COMMANDS = ["list", "drills", "recovery", "show", "phases"]


def _command(name: str, history: tuple[Job, ...]) -> list[str]:
    failed = next(job for job in history if job.failed_servers)
    return [name, *([failed.job_id] if name in {"show", "phases"} else [])]


@pytest.mark.parametrize("name", COMMANDS)
def test_csv_is_read_by_pandas(name: str, history: tuple[Job, ...], capsys: pytest.CaptureFixture[str]):
    """With one row per job, server or phase, as JSON has, and times in UTC."""
    command = _command(name, history)
    _, output, _ = run_here(capsys, *command, "--output", "csv")
    table = pd.read_csv(io.StringIO(output))
    lines = _json_lines(capsys, *command)
    expected = sum(len(line["phases"]) for line in lines) if name in {"show", "phases"} else len(lines)
    assert len(table) == expected > 0
    if name in {"drills", "recovery"}:
        rows = list(csv.DictReader(io.StringIO(output)))
        columns = [column for column in table.columns if column != "ageSeconds"]  # which grows between two runs
        assert [{column: row[column] for column in columns} for row in rows] == [
            {column: _text(line[column]) for column in columns} for line in lines
        ]
    for column in table.columns:
        if column.endswith(("At", "DateTime")):
            assert str(pd.to_datetime(table[column], utc=False, format="ISO8601").dt.tz) == "UTC"
        if column.endswith("Seconds"):
            assert table[column].dtype.kind == "f"


def _text(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


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
    times = {name: kind for name, kind in types.items() if name.endswith(("At", "DateTime"))}
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
    assert "tags" not in job_columns(tags=False)


@pytest.mark.parametrize("command", ["list", "drills", "recovery"])
def test_csv_without_rows_has_a_header(command: str, local_drs: LocalDrs, capsys: pytest.CaptureFixture[str]):
    _, empty, _ = run_here(capsys, command, "-o", "csv")
    local_drs.add_jobs(make_job())
    _, filled, _ = run_here(capsys, command, "-o", "csv")
    assert empty.splitlines() == filled.splitlines()[:1]
    assert all(None not in row for row in csv.DictReader(io.StringIO(filled)))


def test_csv_of_hostile_text(hostile: list[str], capsys: pytest.CaptureFixture[str]):
    for command in ("list", "drills", "recovery"):
        _, output, _ = run_here(capsys, command, "-o", "csv")
        rows = list(csv.reader(io.StringIO(output)))
        assert len(rows) == 1 + (1 if command == "list" else len(hostile))
        assert {len(row) for row in rows} == {len(rows[0])}
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


def _gates(capsys: pytest.CaptureFixture[str], command: str, output: str) -> str:
    limit = {"drills": ["--older-than", "90d"], "recovery": ["--objective", "9m"]}[command]
    return run_here(capsys, command, *limit, "-o", output)[1]


@pytest.mark.parametrize("command", ["drills", "recovery"])
def test_junit_has_a_case_per_server(command: str, history: tuple[Job, ...], capsys: pytest.CaptureFixture[str]):
    """For drills, those that are overdue fail; for recovery, those that missed the objective."""
    xml = _gates(capsys, command, "junit")
    [suite] = junitparser.JUnitXml.fromstring(xml.encode())
    failed = {case.name for case in suite if any(isinstance(result, junitparser.Failure) for result in case.result)}
    servers = {row.source_server_id for row in last_drills(history).servers}
    if command == "drills":
        assert failed == {row["sourceServerID"] for row in _json_lines(capsys, "drills", "--older-than", "90d")}
    else:
        rows = _json_lines(capsys, "recovery", "--objective", "9m")
        servers = {row["sourceServerID"] for row in rows}
        assert failed == {row["sourceServerID"] for row in rows if row["met"] is False}
        times = {row["sourceServerID"]: row["latestSeconds"] for row in rows}
        assert {case.name: case.time for case in suite} == {
            name: None if time is None else pytest.approx(time, abs=0.001) for name, time in times.items()
        }
    assert failed
    assert {case.name for case in suite} == servers
    assert (suite.tests, suite.failures) == (len(servers), len(failed))
    assert {item.name: item.value for item in suite.properties()}["jobCount"] == str(len(history))


def _xml_of(checks: list[ServerCheck], capsys: pytest.CaptureFixture[str]) -> str:
    print_junit("suite", checks, recovery_times([]))
    return capsys.readouterr().out


@pytest.mark.needs_check_env
def test_junit_is_valid(history: tuple[Job, ...], capsys: pytest.CaptureFixture[str]):
    """By the schema with which pytest tests its own JUnit files; `junit-10.xsd` is from its source distribution."""
    import xmlschema  # noqa: PLC0415  # needs the check environment

    schema = xmlschema.XMLSchema(Path(__file__).parent / "junit-10.xsd")
    for command in ("drills", "recovery"):
        schema.validate(_gates(capsys, command, "junit"))
    checks = [ServerCheck(source_server_id=text, outcome=outcome, message=text) for text in HOSTILE for outcome in Outcome]
    schema.validate(_xml_of(checks, capsys))
    assert not schema.is_valid(_xml_of(checks, capsys).replace("<testcase ", "<testcase other='' "))


def test_junit_of_hostile_text(capsys: pytest.CaptureFixture[str]):
    """It is ASCII, so that it is valid in every encoding of stdout."""
    checks = [
        ServerCheck(source_server_id=text, outcome=Outcome.FAILED, message=text, duration=timedelta(seconds=1))
        for text in HOSTILE
    ]
    xml = _xml_of(checks, capsys)
    assert xml.isascii()
    cases = list(ET.fromstring(xml).iter("testcase"))
    assert len(cases) == len(HOSTILE)
    assert [case.get("name") for case in cases] == [case[0].get("message") for case in cases]
    assert {"=1+1", "</testcase><x a='&\"'>", "ümläut 🙂"} <= {str(case.get("name")) for case in cases}


def _samples(text: str) -> dict[str, dict[str, float]]:
    """The values by metric and server, as Prometheus's own parser reads them."""
    families = list(text_string_to_metric_families(text))
    assert {family.type for family in families} == {"gauge"}
    assert all(family.documentation for family in families)
    assert {label for family in families for sample in family.samples for label in sample.labels} <= {"source_server_id"}
    return {family.name: {sample.labels["source_server_id"]: sample.value for sample in family.samples} for family in families}


def test_prometheus_of_drills(history: tuple[Job, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """All servers, also with --older-than. A server without a successful drill has an infinite age."""
    rows = _json_lines(capsys, "drills")
    servers = tmp_path / "servers.txt"
    servers.write_text("\n".join([*(row["sourceServerID"] for row in rows), "s-never"]), encoding="utf-8")
    _, output, _ = run_here(capsys, "drills", "--servers", str(servers), "--older-than", "1d", "-o", "prometheus")
    samples = _samples(output)
    ages = samples["drs_last_successful_drill_age_seconds"]
    assert ages == {
        "s-never": math.inf,
        **{
            row["sourceServerID"]: math.inf if row["ageSeconds"] is None else pytest.approx(row["ageSeconds"], abs=60)
            for row in rows
        },
    }
    report = last_drills(history)
    assert samples["drs_last_successful_drill_timestamp_seconds"] == {
        row.source_server_id: pytest.approx(row.last_successful_drill.creation_date_time.timestamp())
        for row in report.servers
        if row.last_successful_drill is not None and row.last_successful_drill.creation_date_time is not None
    }


@pytest.mark.usefixtures("history")
def test_prometheus_of_recovery(capsys: pytest.CaptureFixture[str]):
    """What is undetermined has no value."""
    rows = _json_lines(capsys, "recovery", "--objective", "9m")
    samples = _samples(_gates(capsys, "recovery", "prometheus"))
    met = {row["sourceServerID"]: float(row["met"]) for row in rows if row["met"] is not None}
    times = {row["sourceServerID"]: row["latestSeconds"] for row in rows if row["latestSeconds"] is not None}
    assert {0.0, 1.0} == set(met.values())
    assert samples["drs_objective_met"] == met
    assert samples["drs_last_recovery_seconds"] == pytest.approx(times)
    assert samples["drs_measured_recoveries"] == {row["sourceServerID"]: row["measured"] for row in rows}


def test_prometheus_of_hostile_text(capsys: pytest.CaptureFixture[str]):
    print_prometheus([Metric("drs_x", "Help.", {text: index for index, text in enumerate(HOSTILE)})])
    values = _samples(capsys.readouterr().out)["drs_x"]
    assert sorted(values.values()) == list(range(len(HOSTILE)))
    assert {"=1+1", "</testcase><x a='&\"'>", 'a\\"b }', "ümläut 🙂"} <= set(values)


S, F, R, U = Outcome.SUCCEEDED, Outcome.FAILED, Outcome.RUNNING, Outcome.UNDETERMINED


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [([S, S], 0), ([S, F, U], 1), ([F, R], 1), ([S, U], 4), ([S, R], 4), ([], 4)],
)
def test_check_status(outcomes: list[Outcome], status: int):
    """It is 0 only if each server is known to meet the limit, and there is a server."""
    assert status == check_status(ServerCheck(source_server_id="s", outcome=outcome) for outcome in outcomes)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("drills --fail", "--older-than"),
        ("recovery --fail", "--objective"),
        ("recovery --objective soon", "--objective"),
        ("list -o junit", "junit"),
        ("show x -o prometheus", "prometheus"),
        ("watch x --output csv", "csv"),
        ("drills --since 30d --older-than 90d", "--since 30d is later than --older-than 90d"),
    ],
)
def test_wrong_arguments(command: str, message: str, local_drs: LocalDrs):
    """One line, exit status 2, no request."""
    result = run(*command.split())
    assert (result.returncode, result.stdout, result.stderr.count("\n"), len(local_drs.requests)) == (2, "", 1, 0)
    assert message in result.stderr
