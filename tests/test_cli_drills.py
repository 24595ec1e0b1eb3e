"""`drs-jobs drills`: gates, ages, running drills and the server's own time."""

import json
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from command_line import run, run_here
from drs_jobs import Job, JobLogItem, structure_job
from drs_jobs.cli.commands.drills import drills_table
from drs_jobs.evidence import last_drills
from drs_jobs.testing import ErrorResponse, LocalDrs, make_job, make_log_item, make_server

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)
RUNNING: dict[str, Any] = {"status": "STARTED", "end_date_time": None}


def _drill(days_ago: float, launch_status: str = "LAUNCHED", server: str = "s-1", **fields: Any) -> Job:
    """A drill of one server."""
    created = datetime.now(UTC) - timedelta(days=days_ago)
    servers = (make_server(source_server_id=server, launch_status=launch_status),)
    return make_job(**{"creation_date_time": created, "participating_servers": servers} | fields)


def _rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    _, output, _ = run_here(capsys, "drills", *arguments, "-o", "json")
    return [json.loads(line) for line in output.splitlines()]


def _launch(job: Job, minutes: float) -> JobLogItem:
    assert job.creation_date_time is not None
    server_id = job.participating_servers[0].source_server_id
    launched_at = job.creation_date_time + timedelta(minutes=minutes)
    return make_log_item(event="LAUNCH_END", source_server_id=server_id, log_date_time=launched_at)


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
    everything = run("drills")
    assert [[row.split()[0], row.split()[4], row.split()[-1]] for row in everything.stdout.splitlines()[1:]] == [
        ["s-old", "SUCCEEDED", "100d"],
        ["s-recent", "SUCCEEDED", "10d"],
    ]
    assert everything.stderr.startswith("2 servers, from 2 jobs created ")
    overdue = run("drills", "--older-than", "90d").stdout
    assert ("s-old" in overdue, "s-recent" in overdue) == (True, False)
    selected = run("drills", "--servers", str(servers), "--output", "json")
    rows = [json.loads(line) for line in selected.stdout.splitlines()]
    assert [(row["sourceServerID"], row["outcome"]) for row in rows] == [("s-recent", "SUCCEEDED"), ("s-never", None)]
    assert structure_job(rows[0]["lastDrill"]).is_drill
    assert {(row["firstJobAt"], row["lastJobAt"], row["jobCount"]) for row in rows} == {
        (old.isoformat(), recent.isoformat(), 2)
    }
    assert selected.stderr.startswith("2 servers, from 2 jobs created ")
    assert "NEVER DRILLED" in run("drills", "--servers", str(servers)).stdout
    assert run("drills", "--servers", str(tmp_path / "absent")).returncode == 2
    assert run("drills", "--older-than", "old").returncode == 2


def _has_overdue(jobs: Iterable[Job], servers: Iterable[str], limit: datetime) -> bool:
    """Whether a server has no drill since `limit` in which it launched."""
    recent = {
        server.source_server_id
        for job in jobs
        if job.end_date_time is not None and job.creation_date_time is not None and job.creation_date_time >= limit
        for server in job.participating_servers
        if server.launch_status == "LAUNCHED"
    }
    return not set(servers) <= recent


SERVERS = ["s-0", "s-1", "s-2"]


def _random_drills(seed: int) -> list[Job]:
    """Nine drills of the last 100 days. A quarter of them failed."""
    generator = random.Random(seed)
    statuses = ["LAUNCHED", "LAUNCHED", "LAUNCHED", "FAILED"]
    return [_drill(generator.uniform(0, 100), generator.choice(statuses), generator.choice(SERVERS)) for _ in range(9)]


GATE_SEEDS = range(4)


@pytest.mark.parametrize("seed", GATE_SEEDS)
def test_gate(seed: int, local_drs: LocalDrs, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Exit status 1 if a server is overdue, in every format. Without --fail it is 0."""
    jobs = _random_drills(seed)
    local_drs.add_jobs(*jobs)
    file = tmp_path / "servers"
    file.write_text("\n".join(SERVERS), encoding="utf-8")
    overdue = _has_overdue(jobs, SERVERS, datetime.now(UTC) - timedelta(days=70))
    command = ("drills", "--older-than", "70d", "--servers", str(file))
    assert run_here(capsys, *command)[0] == 0
    for output in ("table", "json", "csv", "junit", "prometheus"):
        assert run_here(capsys, *command, "--fail", "-o", output)[0] == int(overdue)


def test_seeds_of_the_gate_have_both_results():
    limit = datetime.now(UTC) - timedelta(days=70)
    assert {_has_overdue(_random_drills(seed), SERVERS, limit) for seed in GATE_SEEDS} == {True, False}


@pytest.mark.usefixtures("local_drs")
def test_gate_without_servers(capsys: pytest.CaptureFixture[str]):
    """An empty account, or a wrong region, is no success."""
    status, _, errors = run_here(capsys, "drills", "--older-than", "90d", "--fail")
    assert (status, "no server to check" in errors) == (4, True)


def test_gate_of_servers_that_were_never_drilled(local_drs: LocalDrs, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    local_drs.add_jobs(_drill(1))
    file = tmp_path / "servers"
    for content, status in (("s-1", 0), ("s-1\ns-2", 1)):
        file.write_text(content, encoding="utf-8")
        assert run_here(capsys, "drills", "--older-than", "90d", "--fail", "--servers", str(file))[0] == status


def test_running_drill_keeps_the_last_result(local_drs: LocalDrs, capsys: pytest.CaptureFixture[str]):
    before = _drill(3, "FAILED")
    running = _drill(0, "PENDING", **RUNNING)
    local_drs.add_jobs(before, running)
    [row] = _rows(capsys)
    assert (row["outcome"], row["lastCompletedOutcome"], row["lastDrillJobID"]) == ("RUNNING", "FAILED", running.job_id)
    assert (row["lastCompletedDrillJobID"], row["lastCompletedDrill"]["jobID"]) == (before.job_id, before.job_id)
    assert "RUNNING, before FAILED" in run_here(capsys, "drills")[1]


def test_time_is_that_of_the_server(local_drs: LocalDrs, capsys: pytest.CaptureFixture[str]):
    """From the creation of the job to LAUNCH_END, not to the end of the job. A server that failed has none."""
    launched, failed = _drill(1, server="s-1"), _drill(1, "FAILED", "s-2")
    local_drs.add_jobs(launched, failed, _drill(9, server="s-2"))
    local_drs.add_log(launched.job_id, _launch(launched, 7.5))
    local_drs.add_log(failed.job_id, _launch(failed, 3))
    assert {row["sourceServerID"]: row["durationSeconds"] for row in _rows(capsys)} == {"s-1": 450, "s-2": None}
    assert launched.duration not in {None, timedelta(seconds=450)}
    assert "7m 30s" in run_here(capsys, "drills")[1]


def test_only_logs_of_last_drills_are_read(local_drs: LocalDrs, capsys: pytest.CaptureFixture[str]):
    """Once each, however many servers took part, and only if the times are shown."""
    servers = tuple(make_server(source_server_id=f"s-{number}") for number in range(5))
    last = _drill(1, participating_servers=servers)
    local_drs.add_jobs(last, _drill(2, participating_servers=servers), _drill(0, server="s-9", **RUNNING))
    for arguments, count in ((["-o", "table"], 1), (["-o", "prometheus"], 1), (["--older-than", "9d"], 1), (["-o", "csv"], 2)):
        run_here(capsys, "drills", *arguments)
        bodies = [request.body for request in local_drs.requests if request.operation == "DescribeJobLogItems"]
        assert [body["jobID"] for body in bodies] == [last.job_id] * count


def test_logs_that_cannot_be_read(local_drs: LocalDrs, capsys: pytest.CaptureFixture[str]):
    """They cost the times only, and are one line on stderr."""
    jobs = [_drill(1, server="s-1"), _drill(2, server="s-2")]
    local_drs.add_jobs(*jobs)
    denied = ErrorResponse("AccessDeniedException", 403, "not you")
    local_drs.inject(denied, times=None, operation="DescribeJobLogItems")
    status, output, errors = run_here(capsys, "drills", "--older-than", "1h", "--fail")
    assert (status, output.count("SUCCEEDED")) == (1, 2)
    assert errors.splitlines()[0].startswith("drs-jobs: 2 logs could not be read completely, the first is of drsjob-")
    assert "not you" in errors
    assert errors.count("\n") == 2


def test_never_drilled_is_the_loudest_row():
    drills = last_drills([_drill(1, "FAILED")], source_server_ids=["s-1", "s-never"]).servers
    table = drills_table(drills, now=NOON, times={}, width=200)
    outcomes = [cell for cell in table.columns[3].cells if not isinstance(cell, str)]
    styles = [str(getattr(cell, "style", "")) for cell in outcomes]
    assert ["reverse" in style and "bold" in style for style in styles] == [False, True]


@pytest.mark.parametrize(
    ("days", "text"), [(0, "0m"), (0.04, "57m"), (1 / 24, "1h"), (1.5, "36h"), (2, "2d"), (104.9, "104d"), (-1, "0m")]
)
def test_age(days: float, text: str):
    """Of the last successful drill; not negative if the clock is slow."""
    drills = last_drills([_drill(0, creation_date_time=NOON - timedelta(days=days))]).servers
    [age] = [str(cell) for cell in drills_table(drills, now=NOON, times={}, width=200).columns[5].cells]
    assert age == text
