"""`drs-jobs recovery`: recovery times of servers against an objective, and the logs that it reads."""

import io
import json
import statistics
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from command_line import run_here
from drs_jobs import Job, JobNotFoundError, JobsClient
from drs_jobs.analysis import JobPhases, phases
from drs_jobs.cli.commands.recovery import RecoveryView, recovery_table
from drs_jobs.cli.logs import read_phases
from drs_jobs.evidence import recovery_times
from drs_jobs.testing import ErrorResponse, LocalDrs, make_history, make_job, make_log_item, make_server

KEYS = {
    "sourceServerID",
    "measured",
    "latestSeconds",
    "medianSeconds",
    "slowestSeconds",
    "latestJobID",
    "objectiveSeconds",
    "met",
    "firstJobAt",
    "lastJobAt",
    "jobCount",
}


def _rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    _, output, _ = run_here(capsys, "recovery", *arguments, "-o", "json")
    return [json.loads(line) for line in output.splitlines()]


def _add_recovery(local: LocalDrs, days_ago: float, minutes: float | None, server: str = "s-1", **fields: Any) -> Job:
    """Add a recovery of one server, with its launch after so many minutes in the log."""
    created = datetime.now(UTC) - timedelta(days=days_ago)
    job = make_job(**{"creation_date_time": created, "participating_servers": (make_server(source_server_id=server),)} | fields)
    local.add_jobs(job)
    if minutes is not None:
        launched_at = created + timedelta(minutes=minutes)
        local.add_log(job.job_id, make_log_item(event="LAUNCH_END", source_server_id=server, log_date_time=launched_at))
    return job


@pytest.mark.parametrize("seed", range(3))
def test_history(seed: int, local_drs: LocalDrs, capsys: pytest.CaptureFixture[str]):
    """The figures are those that the logs of the history have, read without `drs_jobs.evidence`."""
    history = make_history(40, until=local_drs.now, seed=seed, logs=True)
    local_drs.add_history(history)
    times: dict[str, list[float | None]] = {}
    latest: dict[str, str] = {}
    for job in history:
        if job.initiated_by not in {"START_DRILL", "START_RECOVERY"} or job.creation_date_time is None:
            continue
        launches = {
            item.event_data.source_server_id: (item.log_date_time - job.creation_date_time).total_seconds()
            for item in history.logs[job.job_id]
            if item.event == "LAUNCH_END" and item.event_data is not None and item.log_date_time is not None
        }
        for server in job.participating_servers:
            launched = server.launch_status != "FAILED"
            times.setdefault(server.name, []).append(launches.get(server.name) if launched else None)
            latest.setdefault(server.name, job.job_id)
    rows = _rows(capsys, "--objective", "15m")
    assert all(row.keys() >= KEYS for row in rows)
    assert {row["sourceServerID"]: row["latestJobID"] for row in rows} == latest
    assert {(row["jobCount"], row["objectiveSeconds"]) for row in rows} == {(40, 900)}
    finished = [row for row in rows if row["outcome"] != "RUNNING"]
    assert finished
    for row in finished:
        measured = [time for time in times[row["sourceServerID"]] if time is not None]
        first = times[row["sourceServerID"]][0]
        if row["outcome"] == "FAILED":
            assert row["met"] is False
        else:
            assert (row["latestSeconds"], row["met"]) == (first, None if first is None else first <= 900)
        if len(measured) == row["measured"] > 0:
            assert row["slowestSeconds"] == max(measured)
            assert row["medianSeconds"] == pytest.approx(statistics.median(measured))
    assert any(len(times[row["sourceServerID"]]) == row["measured"] > 1 for row in finished)


@pytest.mark.parametrize(
    ("minutes", "fields", "status", "met"),
    [
        (239, {}, 0, True),
        (240, {}, 0, True),
        (241, {}, 1, False),
        (None, {}, 4, None),
        (1, {"participating_servers": (make_server(source_server_id="s-1", launch_status="FAILED"),)}, 1, False),
        (None, {"status": "STARTED", "end_date_time": None}, 4, None),
    ],
    ids=["met", "exactly", "missed", "no log", "failed", "running"],
)
def test_gate(
    minutes: float | None,
    fields: dict[str, Any],
    status: int,
    met: object,
    local_drs: LocalDrs,
    capsys: pytest.CaptureFixture[str],
):
    """1 if a server missed the objective, 4 if that is undetermined. Older recoveries do not count."""
    _add_recovery(local_drs, 30, 1)
    _add_recovery(local_drs, 20, 500)
    _add_recovery(local_drs, 1, minutes, **fields)
    assert [row["met"] for row in _rows(capsys, "--objective", "4h")] == [met]
    assert run_here(capsys, "recovery", "--objective", "4h")[0] == 0
    for output in ("table", "json", "csv", "junit", "prometheus"):
        assert run_here(capsys, "recovery", "--objective", "4h", "--fail", "-o", output)[0] == status


def test_gate_of_servers_without_a_recovery(local_drs: LocalDrs, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Their result is not known, so it is no success. Without any server there is no success either."""
    assert run_here(capsys, "recovery", "--objective", "4h", "--fail")[0] == 4
    _add_recovery(local_drs, 1, 5)
    file = tmp_path / "servers"
    file.write_text("s-1\ns-2", encoding="utf-8")
    status, output, _ = run_here(capsys, "recovery", "--objective", "4h", "--fail", "--servers", str(file))
    assert (status, "NEVER RECOVERED" in output) == (4, True)
    assert [(row["latestJobID"] is None, row["met"]) for row in _rows(capsys, "--servers", str(file))] == [
        (False, None),
        (True, None),
    ]


def test_longest_phase(local_drs: LocalDrs, capsys: pytest.CaptureFixture[str]):
    """Of the latest recovery, with its duration."""
    job = _add_recovery(local_drs, 1, None)
    assert job.creation_date_time is not None
    events = [("SNAPSHOT_START", 0), ("SNAPSHOT_END", 1), ("CONVERSION_START", 2), ("CONVERSION_END", 9), ("LAUNCH_START", 9)]
    for event, minute in [*events, ("LAUNCH_END", 13)]:
        launched_at = job.creation_date_time + timedelta(minutes=minute)
        local_drs.add_log(job.job_id, make_log_item(event=event, source_server_id="s-1", log_date_time=launched_at))
    [row] = _rows(capsys)
    assert (row["longestPhase"], row["longestPhaseSeconds"], row["latestSeconds"]) == ("CONVERSION", 420, 780)
    assert "conversion 7m 00s" in run_here(capsys, "recovery")[1]


def test_span_and_servers(local_drs: LocalDrs, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Only jobs in the span are used, and only logs of recoveries of the servers are read."""
    jobs = [_add_recovery(local_drs, 10, 5, "s-1"), _add_recovery(local_drs, 9, 5, "s-2"), _add_recovery(local_drs, 99, 5)]
    clean_up = make_job(
        type="TERMINATE",
        initiated_by="TERMINATE_RECOVERY_INSTANCES",
        creation_date_time=jobs[0].creation_date_time,
        participating_servers=(make_server(source_server_id="s-1", launch_status="TERMINATED"),),
    )
    local_drs.add_jobs(clean_up)
    file = tmp_path / "servers"
    file.write_text("s-1", encoding="utf-8")
    [row] = _rows(capsys, "--since", "30d", "--servers", str(file))
    assert (row["measured"], row["jobCount"]) == (1, 3)
    logs = [request.body["jobID"] for request in local_drs.requests if request.operation == "DescribeJobLogItems"]
    assert logs == [jobs[0].job_id]


def test_logs_that_cannot_be_read(local_drs: LocalDrs, capsys: pytest.CaptureFixture[str]):
    """One line on stderr, and the objective is undetermined."""
    _add_recovery(local_drs, 1, 5)
    local_drs.inject(ErrorResponse("AccessDeniedException", 403, "not you"), operation="DescribeJobLogItems")
    status, output, errors = run_here(capsys, "recovery", "--objective", "4h", "--fail")
    assert (status, "undetermined" in output) == (4, True)
    assert errors.startswith("drs-jobs: 1 log could not be read completely, the first is of drsjob-")
    assert errors.count("\n") == 2


class _Client:
    """A client whose `phases` waits until four calls are in flight."""

    def __init__(self) -> None:
        self.barrier = threading.Barrier(4, timeout=30)
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


def test_logs_are_read_four_at_a_time():
    """In the order of the jobs."""
    client, jobs = _Client(), [make_job() for _ in range(8)]
    reports = read_phases(cast("JobsClient", client), jobs)
    assert ([report.job for report in reports], client.most) == (jobs, 4)


def test_running_job_that_was_deleted(local_drs: LocalDrs):
    """It is listed, and gone when its log is read."""
    job = make_job(status="STARTED", end_date_time=None)
    [report] = read_phases(JobsClient(local_drs.client()), [job])
    assert (report.job, type(report.log_error)) == (job, JobNotFoundError)


@pytest.mark.parametrize("width", [10, 60, 80, 140, 10_000])
def test_table_fits(width: int, local_drs: LocalDrs):
    """Ids, times and results are complete from 60 columns on."""
    history = make_history(30, until=local_drs.now, seed=2, logs=True)
    reports = [phases(job, history.logs[job.job_id]) for job in history]
    report = recovery_times(reports, objective=timedelta(minutes=10))
    view = RecoveryView(report=report, phases={phases.job.job_id: phases for phases in reports})
    console = Console(width=width, file=io.StringIO())
    with console.capture() as captured:
        console.print(recovery_table(view, width=width))
    lines = captured.get().splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    if width >= 60:
        assert [row.source_server_id for row in report.servers] == [line.split()[0] for line in lines[1:]]
        assert {"met", "MISSED"} <= set(captured.get().split())
