"""`drs-jobs check`: verdicts, exit statuses, what is read, and every format."""

import csv
import io
import json
import math
import re
import threading
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias, cast

import junitparser
import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from command_line import run, run_here
from drs_jobs import Job, JobNotFoundError, JobsClient, LaunchActionsStatus, Outcome, SourceServer
from drs_jobs.analysis import JobPhases, combine, phases
from drs_jobs.cli.commands.check import assessment_table, junit_xml, markdown_lines, prometheus_text
from drs_jobs.cli.evidence_reader import read_logs
from drs_jobs.cli.output import print_table
from drs_jobs.evidence import Assessment, Problem, ServerRecord, assess, wording
from drs_jobs.testing import (
    ErrorResponse,
    LocalDrs,
    RawResponse,
    Slow,
    make_history,
    make_job,
    make_log_item,
    make_run,
    make_server,
)

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)
ONE, TWO, THREE = (f"s-{number:017}" for number in range(1, 4))
FORMATS = ["table", "json", "csv", "markdown", "junit", "prometheus"]
RUNNING: dict[str, Any] = {"status": "STARTED", "end_date_time": None}


def drill(days_ago: float, *, server: str = ONE, launch_status: str = "LAUNCHED", minutes: float = 10, **fields: Any) -> Job:
    """A drill of one server."""
    created = datetime.now(UTC) - timedelta(days=days_ago)
    defaults = {
        "creation_date_time": created,
        "end_date_time": created + timedelta(minutes=minutes),
        "participating_servers": (make_server(source_server_id=server, launch_status=launch_status),),
    }
    return make_job(**{**defaults, **fields})


def add_launch(local: LocalDrs, job: Job, minutes: float) -> None:
    """Add the end of the launch of each server to the log of a job."""
    assert job.creation_date_time is not None
    for server in job.participating_servers:
        at = job.creation_date_time + timedelta(minutes=minutes)
        local.add_log(job.job_id, make_log_item(event="LAUNCH_END", source_server_id=server.name, log_date_time=at))


Check: TypeAlias = Callable[..., tuple[int, list[dict[str, Any]], str]]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs the command, and returns its exit status, its records and stderr."""

    def check_as_json(*arguments: str) -> tuple[int, list[dict[str, Any]], str]:
        status, output, errors = run_here(capsys, "check", *arguments, "-o", "json")
        return status, [json.loads(line) for line in output.splitlines()], errors

    return check_as_json


def log_requests(local: LocalDrs) -> list[str]:
    return [request.body["jobID"] for request in local.requests if request.operation == "DescribeJobLogItems"]


# ------------------------------------------------------------------ contradictions of earlier commands


def test_server_that_was_never_drilled(local_drs: LocalDrs):
    """AWS knows it, so every format names it, and the status is 1."""
    local_drs.add_jobs(drill(10))
    local_drs.add_source_servers({"sourceServerID": ONE}, {"sourceServerID": TWO})
    results = {name: run("check", "--servers", "aws", "--drilled-within", "90d", "-o", name) for name in FORMATS}
    assert {name: result.returncode for name, result in results.items()} == dict.fromkeys(FORMATS, 1)
    assert [name for name, result in results.items() if TWO not in result.stdout] == []
    assert "never" not in "".join(result.stdout for result in results.values())
    [case] = [case for case in ET.fromstring(results["junit"].stdout).iter("testcase") if case.get("name") == TWO]
    assert case[0].tag == "failure"
    assert re.search(rf'source_server_id="{TWO}",verdict="NOT_MET"}} 1.0', results["prometheus"].stdout)


@pytest.mark.parametrize("command", [["check"], ["report", "evidence.html"]])
def test_since_that_does_not_reach_back(command: list[str], local_drs: LocalDrs, tmp_path: Path):
    """It is refused, and the error says what to give."""
    for options, message in (
        ("--since 30d --drilled-within 90d", "--since 30d does not reach back to --as-of minus --drilled-within 90d"),
        ("--since 2024-06-01 --as-of 2024-06-30 --drilled-within 90d", "give --since 2024-04-01 or earlier, or leave it out"),
        ("--since 2024-06-01 --as-of 2024-05-30", "--since 2024-06-01 does not reach back to --as-of: give --since 2024-05-30"),
    ):
        result = run(*command, *options.split(), folder=tmp_path)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert message in result.stderr
    assert list(local_drs.requests) == []
    for options in ("--since 90d --drilled-within 90d", "--since 2024-04-01 --as-of 2024-06-30 --drilled-within 90d"):
        assert run(*command, *options.split(), "--exit-zero", folder=tmp_path).returncode == 0
        for path in tmp_path.iterdir():
            path.unlink()
    assert len(local_drs.requests) == 2


def test_ages_are_measured_to_the_moment(local_drs: LocalDrs, check: Check):
    """A date is its end. A later drill is only counted, and every format says so."""
    at = datetime(2024, 5, 31, 12, tzinfo=UTC)
    local_drs.add_jobs(*(drill(0, creation_date_time=time, end_date_time=time) for time in (at, at + timedelta(days=31))))
    options = ("--as-of", "2024-06-30", "--drilled-within")
    status, [row], errors = check(*options, "31d")
    assert (status, row["verdict"], row["asOf"]) == (0, "MET", "2024-06-30T23:59:59.999999Z")
    assert (row["drills"], row["laterJobs"]) == (1, 1)
    assert row["lastSuccessAgeSeconds"] == pytest.approx(timedelta(days=30, hours=12).total_seconds())
    assert check(*options, "30d")[0] == 1
    note = "1 job created after 2024-06-30 23:59:59 UTC not counted"
    assert note in errors
    assert [
        name for name in ("markdown", "junit", "prometheus") if note not in run("check", *options, "31d", "-o", name).stdout
    ] == []


@pytest.mark.parametrize("job_type", [None, "NEW_TYPE"])
def test_failed_drill_of_unknown_type(job_type: str | None, local_drs: LocalDrs, check: Check):
    failed = drill(1, launch_status="FAILED", type=job_type)
    local_drs.add_jobs(drill(100), failed)
    status, [row], _ = check("--objective", "4h", "--drilled-within", "90d")
    assert (status, row["verdict"], row["recovered"], row["drilled"]) == (1, "NOT_MET", "NOT_MET", "NOT_MET")
    assert (row["lastDrillJobID"], row["lastDrillOutcome"]) == (failed.job_id, "FAILED")
    assert f"last recovery failed 24 hours ago, {failed.job_id}" in row["reasons"]


def test_clean_up_that_was_started_as_a_drill(local_drs: LocalDrs, check: Check):
    """It is no drill."""
    local_drs.add_jobs(drill(1, type="TERMINATE", launch_status="TERMINATED"))
    assert check("--drilled-within", "90d")[:2] == (4, [])
    local_drs.add_jobs(drill(2, server=TWO), drill(1, server=TWO, type="TERMINATE", launch_status="LAUNCHED"))
    _, [row], _ = check("--drilled-within", "90d")
    assert (row["sourceServerID"], row["drills"], row["lastSuccessAgeSeconds"] > 86400) == (TWO, 1, True)


@pytest.mark.parametrize("name", FORMATS)
def test_log_with_a_page_that_cannot_be_read(name: str, local_drs: LocalDrs):
    """What its first page shows is no recovery time. Every format names the log, Prometheus in a comment."""
    local_drs.page_sizes = (1,)
    job = drill(1, minutes=300)
    local_drs.add_jobs(job)
    add_launch(local_drs, job, 5)
    local_drs.add_log(job.job_id, make_log_item(event="JOB_END", log_date_time=job.end_date_time))
    for fault in (Slow(0), ErrorResponse("AccessDeniedException", 403, "not you")):
        local_drs.inject(fault, operation="DescribeJobLogItems")
    result = run("check", "--objective", "4h", "-o", name)
    assert (result.returncode, result.stdout.count("MET")) == (4, {"prometheus": 2}.get(name, 0))
    assert "could not be read completely" in result.stdout
    note = f"1 log could not be read completely, the first is the log of {job.job_id}: "
    assert note in result.stderr
    assert "not you" in result.stderr
    if name != "table":
        assert f"log of {job.job_id}: " in result.stdout
        assert "not you" in result.stdout


def test_failed_action_is_named(local_drs: LocalDrs, check: Check):
    """Although the server launched in time."""
    actions = LaunchActionsStatus(runs=(make_run(name="Validate disk space", status="FAILED"),))
    job = drill(1, participating_servers=(make_server(source_server_id=ONE, launch_actions_status=actions),))
    local_drs.add_jobs(job)
    add_launch(local_drs, job, 9 + 20 / 60)
    status, [row], _ = check("--objective", "20m", "--history")
    assert (status, row["verdict"], row["recoverySeconds"]) == (1, "NOT_MET", 560)
    assert row["reasons"].startswith("launched in 9m 20s, but the action Validate disk space failed")


def test_recovery_time_has_one_name(local_drs: LocalDrs, check: Check):
    """The duration of the job is only an upper limit, under another key. The keys are those of `ServerRecord`."""
    job = drill(1, minutes=10)
    local_drs.add_jobs(job)
    add_launch(local_drs, job, 9)
    [without_log], [with_log] = check()[1], check("--history")[1]
    assert (without_log["recoverySeconds"], without_log["recoverySecondsAtMost"]) == (None, 600)
    assert (with_log["recoverySeconds"], with_log["recoverySecondsAtMost"]) == (540, None)
    assert list(with_log) == list(without_log) == list(ServerRecord.__annotations__)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{ONE},db-01\n", "line 1: 'db-01' is not a source server id"),
        ("db-01\ndb-02\n", "line 1: 'db-01' is not a source server id"),
        (f"{ONE}\tproduction\n", "line 1: 'production' is not a source server id"),
    ],
)
def test_no_server_is_invented(content: str, message: str, local_drs: LocalDrs):
    result = run("check", "--servers", "-", stdin=content.encode())
    assert (result.returncode, result.stdout, result.stderr.count("\n"), list(local_drs.requests)) == (2, "", 1, [])
    assert message in result.stderr


@pytest.mark.usefixtures("local_drs")
def test_objective_without_a_unit():
    result = run("check", "--objective", "4")
    assert (result.returncode, "has no unit: use 4h" in result.stderr) == (2, True)


def test_retried_server(local_drs: LocalDrs, check: Check):
    """It succeeded, for the verdict and for the plan as one."""
    jobs = [drill(1, launch_status="FAILED"), drill(0.5)]
    local_drs.add_jobs(*jobs)
    assert check("--drilled-within", "90d", "--objective", "4h")[0] == 0
    assert combine(jobs).outcome is Outcome.SUCCEEDED


# ------------------------------------------------------------------ exit status

MET, NOT_MET, UNDETERMINED = drill(1), drill(100), drill(1, launch_status="PENDING")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("servers", "status"),
    [((MET,), 0), ((MET, NOT_MET, UNDETERMINED), 1), ((MET, UNDETERMINED), 4), ((), 4)],
    ids=["met", "not met", "undetermined", "no servers"],
)
def test_status(servers: tuple[Job, ...], status: int, name: str, local_drs: LocalDrs):
    """It is that of the worst server, in every format. With --exit-zero it is 0, and the verdicts are the same."""
    for server_id, job in zip((ONE, TWO, THREE), servers, strict=False):
        entry = make_server(source_server_id=server_id, launch_status=job.participating_servers[0].launch_status)
        local_drs.add_jobs(make_job(creation_date_time=job.creation_date_time, participating_servers=(entry,)))
    options = ("check", "--drilled-within", "90d", "-o", name, "--as-of", datetime.now(UTC).isoformat())
    result, zero = run(*options), run(*options, "--exit-zero")
    assert (result.returncode, zero.returncode) == (status, 0)
    assert (result.stdout, result.stderr) == (zero.stdout, zero.stderr)
    assert result.stderr.startswith({0: "met; ", 1: "not met; ", 4: "undetermined"}[status])


@pytest.mark.usefixtures("local_drs")
def test_no_servers():
    """It is said, and JUnit has an error, because a suite without tests would be a success."""
    result = run("check", "--objective", "4h", "-o", "junit")
    assert result.stderr.startswith("undetermined: there are no servers; 0 servers; recovered within 4h 00m; as of ")
    [case] = ET.fromstring(result.stdout).iter("testcase")
    assert (case.get("name"), case[0].tag, case[0].get("message")) == (
        "all servers",
        "error",
        "undetermined: there are no servers",
    )


def test_without_a_criterion(local_drs: LocalDrs, check: Check):
    """The facts, exit status 0, and a note that nothing was checked. JUnit needs a criterion."""
    local_drs.add_jobs(drill(100), drill(1, launch_status="FAILED"))
    status, [row], errors = check()
    assert (status, row["verdict"], row["drilled"], row["recovered"], row["reasons"]) == (0, None, None, None, "")
    assert errors.splitlines()[-1] == (
        "nothing was checked: give --drilled-within or --objective; recovery times need --objective or --history"
    )
    assert check("--history")[2].splitlines()[-1] == "nothing was checked: give --drilled-within or --objective"
    assert "nothing was checked" not in check("--objective", "4h")[2]
    header, line = run("check").stdout.splitlines()
    assert re.split(r"  +", header) == ["server", "last drill", "last success", "recovery time"]
    assert line.split()[0] == ONE
    assert "FAILED" in line
    metrics = prometheus(run("check", "-o", "prometheus").stdout)
    assert set(metrics) == {"drs_last_successful_drill_age_seconds", "drs_assessment_timestamp_seconds"}
    junit = run("check", "-o", "junit")
    assert (junit.returncode, junit.stdout, junit.stderr.count("\n")) == (2, "", 1)


def test_without_servers(local_drs: LocalDrs):
    """Every format for people says that servers without jobs are not known. With a list it names the others."""
    local_drs.add_jobs(drill(1), drill(1, server=TWO))
    for name in ("markdown", "junit", "prometheus"):
        assert "servers without jobs are not known" in run("check", "--objective", "4h", "-o", name).stdout
    assert "servers without jobs are not known" in run("check").stderr
    given = run("check", "--servers", "-", stdin=ONE.encode()).stderr
    assert "servers without jobs" not in given
    assert f"1 server in these jobs, but not in the list: {TWO}" in given


MALFORMED = b'{"items": [{"jobID": 7}, {"jobID": "drsjob-00000000000000001"}]}'


@pytest.mark.parametrize("name", FORMATS)
def test_malformed_jobs(name: str, local_drs: LocalDrs):
    """They are problems of the evidence: a server that would be met is undetermined, and every output names them."""
    local_drs.add_jobs(drill(1))
    items = json.dumps(local_drs.client().describe_jobs()["items"], default=lambda time: time.isoformat())
    body = f'{{"items": [{{"jobID": 7}}, {items[1:]}}}'.encode()
    local_drs.inject(RawResponse(body), operation="DescribeJobs")
    result = run("check", "--objective", "4h", "-o", name)
    assert result.returncode == 4
    for text in (result.stdout, result.stderr):
        assert "a job, because of a malformed response: " in text
    local_drs.inject(RawResponse(body), operation="DescribeJobs")
    assert run("check", "--drilled-within", "90d", "-o", name).returncode == 4, "met, but others could be missing"


def test_malformed_jobs_without_a_criterion(local_drs: LocalDrs):
    """The facts are shown, and the status is that of a malformed response."""
    local_drs.inject(RawResponse(MALFORMED))
    result = run("check")
    assert (result.returncode, ": a job, because of a malformed response: " in result.stderr) == (5, True)


@pytest.mark.parametrize(
    "fault", [ErrorResponse("AccessDeniedException", 403), RawResponse(b"[]")], ids=["denied", "no object"]
)
def test_jobs_that_cannot_be_read(fault: Any, local_drs: LocalDrs):
    local_drs.inject(fault)
    result = run("check", "--drilled-within", "90d", "--exit-zero")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (5, "", 1)


# ------------------------------------------------------------------ logs


def test_only_logs_that_can_change_a_verdict(local_drs: LocalDrs, check: Check):
    """With --history those of all drills and recoveries, but not of later ones and not of clean-ups."""
    slow, quick, older = drill(2, minutes=300), drill(1, server=TWO), drill(9, minutes=300)
    later = drill(0, creation_date_time=datetime.now(UTC) - timedelta(minutes=1), **RUNNING)
    local_drs.add_jobs(slow, quick, older, later, make_job(type="TERMINATE", initiated_by="TERMINATE_RECOVERY_INSTANCES"))
    as_of = ("--as-of", "12h")
    for options, logs in (
        ([], []),
        (["--drilled-within", "90d"], []),
        (["--objective", "4h"], [slow]),
        (["--objective", "6h"], []),
        (["--history"], [slow, quick, older]),
        (["--history", "--objective", "6h"], [slow, quick, older]),
    ):
        before = len(log_requests(local_drs))
        check(*as_of, *options)
        assert sorted(log_requests(local_drs)[before:]) == sorted(job.job_id for job in logs)


def test_history_has_medians(local_drs: LocalDrs, check: Check):
    """Without it they are empty, because other logs were not read."""
    jobs = [drill(days, minutes=300) for days in (1, 2, 3)]
    local_drs.add_jobs(*jobs)
    for job, minutes in zip(jobs, (200, 250, 290), strict=True):
        add_launch(local_drs, job, minutes)
    keys = ("recoverySeconds", "medianRecoverySeconds", "slowestRecoverySeconds")
    for options, expected in ((["--objective", "4h"], [12000, None, None]), (["--history"], [12000, 15000, 17400])):
        [row] = check(*options)[1]
        assert [row[key] for key in keys] == expected
    assert "3h 20m        4h 10m 4h 50m" in run("check", "--history").stdout


class _Client:
    """A client with a `phases` that waits until eight calls are in flight."""

    def __init__(self) -> None:
        self.barrier = threading.Barrier(8, timeout=30)
        self.in_flight = 0
        self.most = 0
        self.lock = threading.Lock()

    def phases(self, job: Job) -> JobPhases:
        with self.lock:
            self.in_flight += 1
            self.most = max(self.most, self.in_flight)
        self.barrier.wait()
        with self.lock:
            self.in_flight -= 1
        return phases(job, ())


def test_logs_are_read_eight_at_a_time():
    """In the order of the jobs."""
    client, jobs = _Client(), [make_job() for _ in range(16)]
    reports = read_logs(cast("JobsClient", client), jobs)
    assert ([report.job for report in reports], client.most) == (jobs, 8)


def test_running_job_that_was_deleted(local_drs: LocalDrs):
    """It is listed, and gone when its log is read."""
    job = make_job(**RUNNING)
    [report] = read_logs(JobsClient(local_drs.client()), [job])
    assert (report.job, type(report.log_error)) == (job, JobNotFoundError)


def test_running_drill(local_drs: LocalDrs, check: Check):
    """It changes nothing: the recovery before it is judged."""
    local_drs.add_jobs(drill(1), drill(0.01, launch_status="PENDING", **RUNNING))
    status, [row], _ = check("--objective", "4h", "--drilled-within", "90d")
    assert (status, row["verdict"], row["lastDrillOutcome"], row["lastCompletedDrillOutcome"]) == (
        0,
        "MET",
        "RUNNING",
        "SUCCEEDED",
    )


# ------------------------------------------------------------------ formats

HOSTILE = ["=1+1", "</testcase><x a='&\"'>", 'a\\"b\n}', "\x00\x1b[31m\ud800\ufffe", "|`<b>*_[x](y)", "ümläut 🙂", "$a$ ~~b~~"]


def assessment_of(**options: Any) -> Assessment:
    """A year of jobs with their logs, a server without jobs, and one with a drill of undetermined outcome."""
    history = make_history(60, until=NOON, seed=7, logs=True)
    reports: list[Job | JobPhases] = [phases(job, history.logs[job.job_id]) for job in history]
    pending = (make_server(source_server_id=TWO, launch_status="PENDING"),)
    reports.append(make_job(creation_date_time=NOON - timedelta(days=2), participating_servers=pending, arn=None))
    ids = {server.name for job in history for server in job.participating_servers}
    servers = [
        *(SourceServer(server_id, name=f"host-{number:02}") for number, server_id in enumerate(sorted(ids))),
        SourceServer(ONE, name="spare", account_id="123456789012", region="eu-west-1"),
        SourceServer(TWO),
    ]
    defaults = {"drilled_within": timedelta(days=90), "objective": timedelta(minutes=15), "servers": servers}
    return assess(reports, as_of=NOON, **{**defaults, **options})


def hostile_assessment() -> Assessment:
    """Servers with ids and names of hostile text, in one drill that failed, and a problem."""
    servers = tuple(make_server(source_server_id=text, launch_status="FAILED") for text in HOSTILE)
    job = make_job(creation_date_time=NOON - timedelta(hours=1), participating_servers=servers)
    log = [make_log_item(event="LAUNCH_FAILED", source_server_id=text, raw_error=text) for text in HOSTILE]
    assessment = assess(
        [phases(job, log)], as_of=NOON, objective=timedelta(hours=4), problems=[Problem("; ".join(HOSTILE), region="x")]
    )
    assert len(assessment.servers) == len(HOSTILE)
    return assessment


def test_verdicts_of_the_year():
    """The examples have all verdicts, and one that is met with a reason."""
    assessment = assessment_of()
    assert all(assessment.counts.values())
    assert any(row.verdict == "MET" and row.reasons for row in assessment_of(objective=None).servers)


def shown(assessment: Assessment, width: int) -> list[str]:
    text = io.StringIO()
    print_table(assessment_table(assessment, width=width), Console(file=text, width=width))
    return text.getvalue().splitlines()


@pytest.mark.parametrize("width", [10, 40, 60, 80, 119, 120, 140, 10_000])
@pytest.mark.parametrize(
    "options", [{}, {"objective": None}, {"drilled_within": None, "objective": None}], ids=["both", "one", "none"]
)
def test_table_fits(width: int, options: dict[str, Any]):
    """The worst are first. From 80 columns each row has its age and its recovery time, and every reason is complete."""
    assessment = assessment_of(**options)
    lines = shown(assessment, width)
    assert max(map(len, lines)) <= width
    assert not [line for line in lines if line != line.rstrip()]
    text = "".join("".join(lines).split())
    ids = [row.server.source_server_id for row in assessment.worst_first]
    if width >= 40:
        assert re.findall("|".join(ids), "\n".join(lines)) == ids
    if width >= 80:
        for row in assessment.worst_first:
            if width < 120 or width == 10_000:
                assert [reason for reason in row.reasons if "".join(reason.split()) not in text] == []
            assert "last success" in lines[0]
            assert "recovery time" in lines[0]
        for row in assessment.servers:
            assert "".join(wording.last_success_label(row).split()) in text
            assert "".join(wording.recovery_time_label(row.latest_recovery).split()) in text


def test_age_never_stands_alone():
    """In a narrow terminal the column of the last success goes with its age."""
    for width in range(20, 90, 5):
        header, *lines = shown(assessment_of(), width)
        assert ("last success" in header) == any(re.search(r"\(\d+[dhm]\)", line.partition("  - ")[0]) for line in lines)


def test_colours():
    text = io.StringIO()
    table = assessment_table(assessment_of(), width=200)
    Console(file=text, width=200, force_terminal=True, color_system="truecolor").print(table)
    colours = set(re.findall(r"\x1b\[38;2;([\d;]+)m(met|not met|undetermined)", text.getvalue()))
    assert len(colours) == len({colour for colour, _ in colours}) == 3


def test_markdown():
    """A table with one row per server, the worst first, and the counts and notes."""
    assessment = assessment_of(problems=[Problem("something", region="us-east-1")])
    lines = list(markdown_lines(assessment))
    rows = [line for line in lines if line.startswith("| ")]
    assert lines[0] == "### Disaster recovery evidence: not met"
    assert lines[2] == wording.title_label(assessment)
    assert [line for line in lines if line.startswith("- ")] == [f"- {note}" for note in wording.notes(assessment)]
    assert rows[0] == f"| {' | '.join(wording.COLUMNS)} |"
    verdicts = [wording.verdict_label(row.verdict) for row in assessment.worst_first]
    assert [row.split(" | ")[0] for row in rows[2:]] == [f"| {verdict}" for verdict in verdicts]


def test_markdown_of_hostile_text():
    """No cell begins another one, and no text is markup."""
    assessment = hostile_assessment()
    lines = list(markdown_lines(assessment))
    rows = [line for line in lines if line.startswith("| ")][2:]
    assert len(rows) == len(HOSTILE)
    for line, row in zip(rows, assessment.worst_first, strict=True):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        assert len(cells) == len(wording.COLUMNS)
        assert re.sub(r"\\(.)", r"\1", cells[1]) == wording.server_label(row.server)
        assert re.sub(r"\\(.)", r"\1", cells[-1]) == "; ".join(row.reasons)
    assert not re.search(r"(?<!\\)[`*_<>\[\]$~]", "".join(line for line in lines if line[:5] != "| ---").replace("\\\\", ""))
    assert all(line.isprintable() for line in lines)


# ------------------------------------------------------------------ JUnit


def junit(xml: str) -> junitparser.TestSuite:
    [suite] = junitparser.JUnitXml.fromstring(xml.encode())
    return suite


def test_junit():
    """One test case per server: NOT_MET is a failure, UNDETERMINED an error, and none is skipped."""
    assessment = assessment_of()
    suite = junit(junit_xml(assessment))
    results = {case.name: [type(result) for result in case.result] for case in suite}
    expected = {"MET": [], "NOT_MET": [junitparser.Failure], "UNDETERMINED": [junitparser.Error]}
    assert results == {wording.server_label(row.server): expected[str(row.verdict)] for row in assessment.servers}
    assert "host-00 " in "".join(results)
    counts = assessment.counts
    assert (suite.tests, suite.skipped, suite.failures, suite.errors) == (
        len(assessment.servers),
        0,
        *list(counts.values())[:2],
    )
    times = {case.name: case.time for case in suite}
    for row in assessment.servers:
        time = None if row.latest_recovery is None else row.latest_recovery.recovery_time
        assert times[wording.server_label(row.server)] == (
            None if time is None else pytest.approx(time.total_seconds(), abs=0.001)
        )


def test_junit_properties():
    """They are what the verdict is based on, and its notes. The keys are those of a record."""
    assessment = assessment_of(since=NOON - timedelta(days=400), problems=[Problem("something", region="us-east-1")])
    properties = [(item.name, item.value) for item in junit(junit_xml(assessment)).properties()]
    record: Any = assessment.records()[0]
    values = {
        key: "" if record[key] is None else str(record[key]) for key in dict(properties) if key in record and key != "verdict"
    }
    assert dict(properties).items() >= {**values, "verdict": "not met", "problems": "us-east-1: something"}.items()
    assert set(values) == {
        "asOf",
        "since",
        "drilledWithinSeconds",
        "objectiveSeconds",
        "jobCount",
        "firstJobAt",
        "lastJobAt",
        "laterJobs",
        "problems",
    }
    assert [value for name, value in properties if name == "note"] == list(wording.notes(assessment))


def test_junit_of_a_problem_elsewhere():
    """All servers meet the criterion, but the whole is undetermined: one more test case is an error."""
    [job] = [drill(0, creation_date_time=NOON - timedelta(days=1), end_date_time=NOON)]
    problem = Problem("something", account_id="123456789012", region="us-east-1")
    server = SourceServer(ONE, account_id="123456789012", region="eu-west-1")
    assessment = assess([job], as_of=NOON, drilled_within=timedelta(days=9), servers=[server], problems=[problem])
    cases = {case.name: [type(result) for result in case.result] for case in junit(junit_xml(assessment))}
    assert cases == {ONE: [], "all servers": [junitparser.Error]}


def test_junit_of_hostile_text():
    """It is ASCII, so that it is valid in every encoding of stdout."""
    xml = junit_xml(hostile_assessment())
    assert xml.isascii()
    cases = list(ET.fromstring(xml).iter("testcase"))
    assert len(cases) == len(HOSTILE)
    assert {"=1+1", "</testcase><x a='&\"'>", "ümläut 🙂"} <= {str(case.get("name")) for case in cases}
    assert all("last recovery failed" in str(case[0].get("message")) for case in cases)


@pytest.mark.needs_check_env
def test_junit_is_valid():
    """By the schema of pytest's own tests of JUnit files; `junit-10.xsd` is from its source distribution."""
    import xmlschema  # noqa: PLC0415  # needs the check environment

    schema = xmlschema.XMLSchema(Path(__file__).parent / "junit-10.xsd")
    for assessment in (assessment_of(), assessment_of(objective=None), hostile_assessment(), assessment_of(servers=[])):
        schema.validate(junit_xml(assessment))
    assert not schema.is_valid(junit_xml(assessment_of()).replace("<testcase ", "<testcase other='' "))


# ------------------------------------------------------------------ Prometheus

LABELS = {"source_server_id", "name", "account", "region"}
Samples: TypeAlias = dict[str, dict[tuple[str, ...], float]]


def prometheus(text: str) -> Samples:
    """The values by metric and by server and verdict, as Prometheus's own parser reads them."""
    families = list(text_string_to_metric_families(text))
    assert {family.type for family in families} == {"gauge"}
    assert all(family.documentation for family in families)
    samples = [sample for family in families for sample in family.samples]
    assert {frozenset(sample.labels) - {"verdict"} for sample in samples} == {frozenset(LABELS)}
    values: Samples = {}
    for sample in samples:
        key = tuple(sample.labels[label] for label in ("source_server_id", "verdict") if label in sample.labels)
        values.setdefault(sample.name, {})[key] = sample.value
    return values


def test_prometheus():
    """All servers. The age is infinite without a successful drill, and an unknown recovery time is absent."""
    assessment = assessment_of()
    values = prometheus(prometheus_text(assessment))
    rows = {(row.server.source_server_id,): row for row in assessment.servers}
    assert values.pop("drs_server_verdict") == {
        (*key, verdict): float(row.verdict == verdict)
        for key, row in rows.items()
        for verdict in ("MET", "NOT_MET", "UNDETERMINED")
    }
    ages = {key: math.inf if row.age is None else row.age.total_seconds() for key, row in rows.items()}
    assert values.pop("drs_last_successful_drill_age_seconds") == pytest.approx(ages)
    times = {key: row.latest_recovery and row.latest_recovery.recovery_time for key, row in rows.items()}
    known_times = {key: time.total_seconds() for key, time in times.items() if time}
    assert values.pop("drs_recovery_seconds") == pytest.approx(known_times)
    assert values.pop("drs_recovery_objective_seconds") == dict.fromkeys(rows, 900.0)
    assert values == {"drs_assessment_timestamp_seconds": dict.fromkeys(rows, NOON.timestamp())}
    assert math.inf in ages.values()
    assert len(known_times) < len(rows)


def test_prometheus_labels():
    [family, *_] = text_string_to_metric_families(prometheus_text(assessment_of()))
    labels = {sample.labels["source_server_id"]: {**sample.labels, "verdict": ""} for sample in family.samples}
    spare = {"source_server_id": ONE, "name": "spare", "account": "123456789012", "region": "eu-west-1", "verdict": ""}
    assert labels[ONE] == spare
    assert labels[TWO] == {**spare, "source_server_id": TWO, "name": "", "account": "", "region": ""}


def test_prometheus_of_hostile_text():
    """Comments too."""
    values = prometheus(prometheus_text(hostile_assessment()))
    assert len(values["drs_server_verdict"]) == 3 * len(HOSTILE)
    ids = {key[0] for key in values["drs_server_verdict"]}
    assert {"=1+1", "</testcase><x a='&\"'>", 'a\\"b }', "ümläut 🙂"} <= ids


# ------------------------------------------------------------------ names and servers


def test_names_of_the_list(local_drs: LocalDrs, check: Check, tmp_path: Path):
    """The list names its servers. --names takes precedence."""
    local_drs.add_jobs(drill(1), drill(1, server=TWO))
    servers, names = tmp_path / "servers.csv", tmp_path / "names.csv"
    servers.write_text(f"id,name\n{TWO},b\n{ONE},a\n{THREE},\n", encoding="utf-8")
    names.write_text(f"{ONE},other\n", encoding="utf-8")
    rows = check("--servers", str(servers))[1]
    assert [(row["sourceServerID"], row["name"]) for row in rows] == [(TWO, "b"), (ONE, "a"), (THREE, None)]
    rows = check("--servers", str(servers), "--names", str(names))[1]
    assert [row["name"] for row in rows] == ["b", "other", None]


def test_servers_of_aws(local_drs: LocalDrs, check: Check):
    """With their account, region and replication. That is shown and is no criterion."""
    local_drs.add_source_servers(
        {
            "sourceServerID": ONE,
            "arn": f"arn:aws:drs:eu-west-1:123456789012:source-server/{ONE}",
            "sourceProperties": {"identificationHints": {"hostname": "db-01"}},
            "dataReplicationInfo": {"dataReplicationState": "STALLED", "lagDuration": "PT2H"},
        }
    )
    local_drs.add_jobs(drill(1))
    status, [row], _ = check("--servers", "aws", "--drilled-within", "90d")
    keys = ("name", "accountID", "region", "replicationState", "lagSeconds", "verdict")
    assert (status, [row[key] for key in keys]) == (0, ["db-01", "123456789012", "eu-west-1", "STALLED", 7200, "MET"])


def test_csv_is_the_records(local_drs: LocalDrs, check: Check):
    local_drs.add_history(make_history(30, until=local_drs.now, logs=True))
    options = ("--drilled-within", "90d", "--as-of", datetime.now(UTC).isoformat())
    rows = list(csv.DictReader(io.StringIO(run("check", *options, "-o", "csv").stdout)))
    assert rows == [{key: "" if value is None else str(value) for key, value in row.items()} for row in check(*options)[1]]
    assert Counter(row["verdict"] for row in rows)["MET"] > 1
