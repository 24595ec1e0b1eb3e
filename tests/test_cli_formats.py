"""What the command line prints for machines, read by pandas, DuckDB, junitparser, pytest's schema and Prometheus's parser."""

import csv
import io
import json
import math
import sys
import xml.etree.ElementTree as ET
from datetime import timedelta
from pathlib import Path
from typing import Any

import junitparser
import pandas as pd
import pytest
from prometheus_client.parser import text_string_to_metric_families

from command_line import run, run_here, run_process
from drs_jobs import Job, JobsClient, Outcome, structure_job
from drs_jobs.cli.formats import Metric, ServerCheck, gate_status, job_columns, print_junit, print_prometheus
from drs_jobs.evidence import last_drills, recovery_times
from drs_jobs.testing import LocalDrs, make_history, make_job, make_server

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
    assert {each.name: each.value for each in suite.properties()}["jobCount"] == str(len(history))


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
    return {family.name: {each.labels["source_server_id"]: each.value for each in family.samples} for family in families}


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
def test_gate_status(outcomes: list[Outcome], status: int):
    """It is 0 only if each server is known to meet the limit, and there is a server."""
    assert status == gate_status(ServerCheck(source_server_id="s", outcome=outcome) for outcome in outcomes)


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


@pytest.mark.parametrize(("output", "package"), [("junit", "junitparser"), ("prometheus", "prometheus_client")])
@pytest.mark.usefixtures("local_drs")
def test_missing_packages(output: str, package: str):
    """One line that names the extra. Other formats work without the package."""
    for chosen, status in ((output, 2), ("csv", 0)):
        patch = f"import sys; sys.modules[{package!r}] = None; sys.argv[1:] = ['drills', '-o', {chosen!r}]"
        result = run_process([sys.executable, "-c", f"{patch}; from drs_jobs.__main__ import main; main()"])
        assert result.returncode == status
        assert ("pip install 'drs_jobs[cli]'" in result.stderr) == (status == 2)
